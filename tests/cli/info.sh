#!/bin/sh
# info: what it says of captures, whole ones and others, and the status it ends with.
. "${SRC:=$(dirname "$0")/../..}/tests/sh.inc"

[ -x "$BENCH/gen" ] || t_skip_all "there is no $BENCH/gen"
cd "$TMP" || exit 1
"$BENCH/gen" -o clean -n 30K -s 21 --segment-size 200K --block-size 32K >/dev/null || exit 1
"$BENCH/gen" -o lossy -n 60K -s 33 --segment-size 200K --block-size 32K --loss --clock-steps \
	>/dev/null || exit 1
field() { jq -r "$1" "$TMP/out"; }

# A clean one.
t_ok "a clean capture" "$REEL" info --json clean
t_is "an object" "$(jq -s length "$TMP/out")" 1
t_is "nothing on stderr" "$(t_err)" ""
t_is "the verdict" "$(field .verdict)" "complete, nothing was lost"
t_is "the ending" "$(field .ending)" complete
t_is "nothing lost" "$(field .lost)" 0
t_is "its segments" "$(field '.segments | length')" "$(ls clean/*.rls | wc -l)"
t_is "in the order of their numbers" "$(field '[.segments[].number] == ([.segments[].number] | sort)')" true
t_is "all of its bytes" "$(field .stored_bytes)" "$(cat clean/*.rls | wc -c)"
t_is "types add up" "$(field '.events == ([.types[]] | add)')" true
t_is "blocks add up" "$(field '.blocks == ([.blocks_of[]] | add)')" true
t_is "one boot" "$(field '.boots | length')" 1
t_is "from where it was" "$(field '.host + " " + .arch')" "generated x86_64"
t_is "the head is there" "$(field .head_missing)" false
cp "$TMP/out" info.json

"$REEL" dump --json clean >all.json
t_is "as many events as dump has" "$(wc -l <all.json)" "$(jq .events info.json)"
t_is "of the same types" "$(jq -r .type all.json | LC_ALL=C sort | uniq -c | awk '{ print $2, $1 }')" \
	"$(jq -r '.types | to_entries[] | "\(.key) \(.value)"' info.json | LC_ALL=C sort)"
t_is "from the first" "$(jq -r .from info.json)" "$(jq -rs 'map(.time) | min' all.json)"
t_is "to the last" "$(jq -r .to info.json)" "$(jq -rs 'map(.time) | max' all.json)"
t_is "coverage is that of the records" "$(jq -r '[.coverage[] | .hook + " " + .status] | sort | .[]' info.json)" \
	"$(jq -r 'select(.type == "coverage") | .hook + " " + .status' all.json | LC_ALL=C sort -u)"

t_ok "text" "$REEL" info clean
t_match "host" '^host       generated$' "$(t_out)"
t_match "period" '^period     [-0-9]{10}T[0-9:.]+Z to [-0-9]{10}T[0-9:.]+Z, ' "$(t_out)"
t_match "a type and its number" "^           open +$(jq .types.open info.json)\$" "$(t_out)"
t_is "the verdict is the last line" "$(t_out | tail -n 1)" "verdict    complete, nothing was lost"
t_ok "verbose" "$REEL" info -v clean
t_is "lists segments" "$(t_out | grep -c 'complete, .*, blocks')" "$(ls clean/*.rls | wc -l)"

# With losses.
t_status "a lossy one" 4 "$REEL" info --json lossy
lost=$(field .lost)
t_is "losses add up" "$(field '[.losses[].count] | add')" "$lost"
t_is "as in the records" "$lost" \
	"$("$REEL" dump --json --type lost lossy 2>/dev/null | jq -s 'map(.count) | add')"
t_match "each with its cause" '^ring full$' "$(field '.losses[].cause')"
t_is "and class" "$(field '[.losses[].class | type] | unique | .[]')" string
t_match "the verdict counts them" "^complete, $lost events were lost\$" "$(field .verdict)"
t_status "in text" 4 "$REEL" info lossy
t_match "says when and where" 'T.*Z to .*Z, .*: [0-9]+ [a-z]+, CPU [0-9], ring full' "$(t_out)"

# Several.
t_status "two captures" 4 "$REEL" info --json clean lossy
t_is "two objects" "$(jq -s length "$TMP/out")" 2
t_status "two captures as text" 4 "$REEL" info clean lossy
t_is "two paragraphs" "$(t_out | grep -c '^capture ')" 2

# Badly ended ones.
last=$(ls clean/*.rls | tail -n 1)
cp -r clean torn
head -c -100 "$last" >"torn/$(basename "$last")"
t_status "a torn end" 4 "$REEL" info --json torn
t_is "is torn" "$(field .ending)" torn
end=$(od -An -tu8 -j "$(($(wc -c <"$last") - 16))" -N 8 "$last" | tr -d ' ')
head -c "$end" "$last" >"torn/$(basename "$last")"
t_status "no END" 4 "$REEL" info --json torn
t_is "is unclean" "$(field .ending)" unclean
t_is "and has the same events" "$(field '.types | tojson')" "$(jq -r '.types | tojson' info.json)"
t_is "of the same time" "$(field '.from + .to')" "$(jq -r '.from + .to' info.json)"
exec 9>torn/.lock
flock 9
t_ok "no END yet" "$REEL" info --json torn
t_is "it is being written" "$(field '"\(.being_written) \(.ending)"')" "true complete"
t_match "and says so" 'still being written' "$(field .verdict)"
exec 9>&-
first=$(ls clean/*.rls | head -n 1)
cp -r clean bad
rm "bad/$(basename "$(ls clean/*.rls | sed -n 2p)")"
t_status "a missing segment" 4 "$REEL" info --json bad
t_is "is damage" "$(field .ending)" damaged
t_match "that is said" 'damaged at byte' "$(t_err)"
dd if=/dev/zero of="bad/$(basename "$first")" bs=1 seek=3000 count=50 conv=notrunc 2>/dev/null
t_status "a broken schema" 4 "$REEL" info --json bad
t_is "is damage, and there are no events" \
	"$(field .events)" "$("$REEL" dump --json bad 2>/dev/null | wc -l)"
rm "bad/$(basename "$last")"
t_status "nothing that can be read" 3 "$REEL" info --json bad
t_status "quietly" 3 "$REEL" info -q bad
t_is "nothing is said" "$(t_err)" ""
cp -r clean headless
rm "headless/$(basename "$first")"
t_ok "without a head" "$REEL" info --json headless
t_is "it is missing" "$(field .head_missing)" true
"$REEL" cut --pid 1 -o derived.rls clean 2>/dev/null
t_ok "a derived one" "$REEL" info --json derived.rls
t_is "names its source" "$(field .derived_from.capture)" "$(jq -r .capture info.json)"
t_is "and what was chosen" "$(field .derived_from.chosen)" "--pid 1"

# What is none.
t_status "what is not there" 6 "$REEL" info nothing.rls
head -c 3000 /dev/urandom >noise.rls
t_status "noise" 3 "$REEL" info noise.rls
t_status "no operand" 2 "$REEL" info
t_status "a wrong format" 2 "$REEL" info --format xml clean
if [ -w /dev/full ]; then
	t_status "a full disk" 6 sh -c '"$REEL" info clean >/dev/full'
fi

t_done
