#!/bin/sh
# verify: what is whole is consistent; what is cut off, changed, missing or made up is found.
. "${SRC:=$(dirname "$0")/../..}/tests/sh.inc"
: "${PYTHON:=/usr/bin/python3}"

[ -x "$BENCH/gen" ] || t_skip_all "there is no $BENCH/gen"
cd "$TMP" || exit 1
"$BENCH/gen" -o many -n 60K -s 33 --segment-size 200K --block-size 32K --loss >/dev/null || exit 1
"$BENCH/gen" -o one -n 3K -s 12 --block-size 16K >/dev/null || exit 1
cp one/*.rls one.rls
field() { jq -r "$1" "$TMP/out"; }

# What is whole.
t_ok "a capture of several segments" "$REEL" verify --json many
t_is "is consistent" "$(field .result)" consistent
t_is "no damage" "$(field .damages)" 0
head=$(field .head)
events=$(field .events)
t_is "as many segments as files" "$(field .segments)" "$(ls many/*.rls | wc -l)"
t_is "every byte of them" "$(field .bytes)" "$(cat many/*.rls | wc -c)"
"$REEL" info --json many >info.json
t_is "events as info says" "$events" "$(jq .events info.json)"
t_is "what is missing was told as lost" "$(field .missing_events)" "$(jq .lost info.json)"
t_unlike "and something is" '^0$' "$(field .missing_events)"
t_ok "text" "$REEL" verify many
t_match "says so" '^capture [0-9a-f]{32} of generated: consistent$' "$(t_out)"
t_match "names the head" "blocks 0 to [0-9]+, head $head\$" "$(t_out)"
cat many/*.rls >all.rls
t_ok "its segments in one file" "$REEL" verify --json all.rls
t_is "the same head" "$(field .head)" "$head"
t_is "the same events" "$(field .events)" "$events"
ls -r many/*.rls | xargs cat >reversed.rls
t_ok "in any order" "$REEL" verify --json reversed.rls
t_is "the same head again" "$(field .head)" "$head"
t_ok "two captures" "$REEL" verify --json many one
t_is "are told apart" "$(jq -r .result "$TMP/out" | tr '\n' ' ')" "consistent consistent "

# What is not all there.
size=$(wc -c <one.rls)
t_cut() { # bytes from the end, status, result
	head -c "-$1" one.rls >cut.rls
	t_status "$1 bytes less" "$2" "$REEL" verify --json cut.rls
	t_is "$1 bytes less: $3" "$(field .result)" "$3"
}
t_cut 16 0 consistent
t_cut 17 4 torn
t_cut 100 4 torn
t_cut 20000 4 torn
t_status "only its beginning" 3 sh -c 'head -c 100 one.rls >cut.rls; "$REEL" verify cut.rls'
end=$("$PYTHON" -c 'import struct; print(struct.unpack("<Q", open("one.rls", "rb").read()[-16:-8])[0])')
mkdir open
head -c "$end" one.rls >open/x-000001.rls
t_status "without END" 4 "$REEL" verify --json open
t_is "it is unclean" "$(field .result)" unclean
t_match "and says no END" 'no END' "$(field '.notes[]')"
(
	flock 9
	t_ok "while its recorder goes on" "$REEL" verify --json open
	[ "$t_failed" = 0 ]
) 9>open/.lock >locked && t_pass "that is nothing" || t_fail "that is nothing" "$(cat locked)"
cp -r many headless
rm headless/*-000001-*
t_ok "without its first segment" "$REEL" verify --json headless
t_is "it says so" "$(field .head_missing)" true
t_is "and has the same head" "$(field .head)" "$head"
cp -r many holey
rm holey/*-000002-*
t_status "without one in the middle" 3 "$REEL" verify --json holey
t_match "it names the blocks" 'blocks [0-9]+ to [0-9]+ are missing before this segment' \
	"$(field .findings[].what)"
cp many/*-000001-* twice.rls
cat many/*-000001-* >>twice.rls
t_status "a segment that is there twice" 3 "$REEL" verify twice.rls

# What was never a capture.
t_status "what is not there" 6 "$REEL" verify nothing.rls
mkdir empty
t_status "an empty directory" 3 "$REEL" verify empty
: >empty.rls
t_status "an empty file" 3 "$REEL" verify empty.rls
head -c 5000 /dev/urandom >noise.rls
t_status "noise" 3 "$REEL" verify noise.rls
t_status "no operand" 2 "$REEL" verify
cp one.rls "$(printf 'a\033[2Jb').rls"
printf 'x' >>"$(printf 'a\033[2Jb').rls"
t_status "something behind END" 3 "$REEL" verify "$(printf 'a\033[2Jb').rls"
t_unlike "no name drives the terminal" "$(printf '\033')" "$(t_out)"

# One bit.
cat >flip.py <<'END'
import random, subprocess, sys
reel, path, n = sys.argv[1], sys.argv[2], int(sys.argv[3])
data = open(path, "rb").read()
random.seed(1)
places = random.sample(range(len(data)), n) + list(range(0, 160, 8)) + list(range(-160, 0, 4))
for at in places:
    changed = bytearray(data)
    changed[at] ^= 1 << random.randrange(8)
    open("flipped.rls", "wb").write(changed)
    done = subprocess.run([reel, "verify", "flipped.rls"], stdout=subprocess.DEVNULL)
    if done.returncode not in (3, 4):
        print("byte", at, "status", done.returncode)
END
"$REEL" cut --from -200ms --to -100ms -o part.rls many 2>/dev/null
t_ok "a cut" "$REEL" verify part.rls
for f in one.rls reversed.rls part.rls; do
	t_is "no bit of $f can flip unseen" "$("$PYTHON" flip.py "$REEL" "$f" 200)" ""
done

# Somebody who knows the format.
t_forged() { # what, regex, status
	"$PYTHON" "$SRC/tests/cli/forge.py" one.rls forged.rls "$1" || t_fail "$1" "forge.py failed"
	t_status "forged: $1" "${3:-3}" "$REEL" verify forged.rls
	t_match "$1 is found" "$2" "$(t_out)"
}
t_forged nothing ': consistent$' 0
t_forged ts_max 'header gives other times'
t_forged types 'header names other types'
t_forged bloom 'filter of process ids hides some'
t_forged settled 'before what was settled'
t_forged reserved 'a reserved field of the header'
t_forged keyframe 'wrong about a keyframe'
t_forged sealed 'META names no seal'
t_forged required 'kind 77 needs a newer reel'
t_forged kind 'belong to another kind of block'
t_forged unpack 'malformed'
t_forged column 'a reserved field of a column'
t_forged run 'a reserved field of a run'
t_forged seq 'events are missing between those that are here, but only 0'
t_forged totals 'the totals in END'
t_forged counts 'the numbers of events of each type in END'
t_forged rows 'the rows in END'
t_forged reason 'END gives an unknown reason'
t_forged item 'a reserved field of item'
t_forged number 'not the first block of one'
t_forged schema 'schema'
t_forged order 'wrong place, or twice'
t_forged gone 'blocks [0-9]+ to [0-9]+ are missing before this one'
t_forged renumbered 'in END are not those of the blocks'
t_forged segment 'beginning of this segment is missing'
t_forged end 'a block behind END'

t_done
