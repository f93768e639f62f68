#!/bin/sh
# Two readers, one written in C and one from format/FORMAT.md alone, say the same of every capture.
. "${SRC:=$(dirname "$0")/../..}/tests/sh.inc"

SECOND=$SRC/tests/format/second_reader.py
PYTHON=/usr/bin/python3
GEN=$BENCH/gen

missing() {
	if [ "${CI:-}" = true ]; then
		t_fail "$1" "$2"
	else
		t_skip "$1" "$2"
	fi
}

if ! "$PYTHON" -c 'import nacl.bindings, xxhash, zstandard' 2>"$TMP/err"; then
	missing "the second reader" "python3-nacl, python3-xxhash or python3-zstandard is missing"
	t_done
fi

(umask 077 && cat "$SRC/tests/golden/examiner.key" >"$TMP/examiner.key")
# compare NAME WANTED-STATUS [--key FILE] CAPTURE...: the status is that of the second reader
compare() {
	name=$1 want=$2
	shift 2
	"$REEL" dump --json "$@" >"$TMP/first" 2>"$TMP/first.err" && first=0 || first=$?
	"$PYTHON" "$SECOND" "$@" >"$TMP/second" 2>"$TMP/second.err" && second=0 || second=$?
	if [ "$first" != 0 ] && [ "$first" != 4 ]; then
		t_fail "$name" "reel dump: status $first: $(head -n 3 "$TMP/first.err")"
	elif [ "$second" != "$want" ]; then
		t_fail "$name" "second reader: status $second, not $want: $(head -n 3 "$TMP/second.err")"
	elif ! [ -s "$TMP/first" ]; then
		t_fail "$name" "no event at all"
	elif ! cmp "$TMP/first" "$TMP/second" >"$TMP/cmp" 2>&1; then
		t_fail "$name" "$(cat "$TMP/cmp")
$(diff "$TMP/first" "$TMP/second" | head -n 6 | cut -c 1-400)"
	elif ! "$PYTHON" -c 'import json, sys
for line in sys.stdin: json.loads(line)' <"$TMP/first" 2>"$TMP/err"; then
		t_fail "$name" "not JSON: $(tail -n 1 "$TMP/err")"
	else
		t_pass "$name: $(wc -l <"$TMP/first") events"
	fi
}

# The examples in the description are what it describes.
t_ok "appendices B and C" "$PYTHON" - "$SRC/tests/format" "$SRC/format/FORMAT.md" <<'EXAMPLES'
import re, sys
sys.path.insert(0, sys.argv[1])
import second_reader as r
text = open(sys.argv[2], encoding="utf-8").read()
rows = re.findall(r"^    ([0-9a-f]{4})((?:  ?[0-9a-f]{2}(?![0-9a-f])){1,16})", text, re.M)
data = bytes.fromhex("".join(row for _, row in rows))
block = r.parse_block("C", data, 0)
assert block and block.is_tagged and block.end == len(data) and r.may_have(block.bloom, 0)
fields = [r.Field(4, 0, 8 * i, name, "", name)
          for i, name in enumerate("realtime monotonic tai_offset max_error".split())]
segment = r.Segment(block)
segment.types[200] = r.Type("clock", 40, fields, [], {})
event, = r.events_of(block, segment)
assert [r.put_number(f, event) for f in fields] == [1795250000000000000, 900000000, 37, 500000]
assert (event.ts, event.cpu, event.seq) == (10**9, 0xFFFF, 0)
bloom = bytes.fromhex(re.search(r"Bytes: `([0-9a-f ]+)`", text)[1])
assert [pid for pid in range(1, 5000) if r.may_have(bloom, pid)][0] == 1
assert r.may_have(bloom, 4321) and not r.may_have(bloom, 2)
EXAMPLES

found=
for c in "$SRC"/tests/golden/*; do
	case $c in
	*.rls) [ -f "$c" ] || continue ;;
	*) [ -n "$(find "$c" -name '*.rls' 2>/dev/null | head -n 1)" ] || continue ;;
	esac
	found=yes want=0
	case $c in
	*/damaged.rls | */torn.rls | */lost-meta*.rls) want=4 ;;
	*/refused.rls | */reserved.rls | */two-captures.rls) want=4 ;;
	esac
	case $c in
	*/sealed) compare "golden: sealed" 0 --key "$TMP/examiner.key" --key "$SRC/tests/golden/sealed.root" "$c" ;;
	*/encrypted) compare "golden: encrypted" 0 --key "$TMP/examiner.key" "$c" ;;
	*) compare "golden: $(basename "$c")" "$want" "$c" ;;
	esac
done
[ "$found" ] || missing "golden captures" "there are none"

if ! [ -x "$GEN" ]; then
	missing "generated captures" "$GEN is not built"
	t_done
fi
t_ok "gen" "$GEN" -o "$TMP/a" -n 20000 --rate 5000 --segment-size 40000 --block-size 16384 \
	--in-line --clock-steps --loss
t_ok "gen" "$GEN" -o "$TMP/b" -n 5000 --seed 7 --cpus 2
set -- "$TMP"/a/*.rls
t_match "several segments" '^([3-9]|[0-9]{2,})$' "$#"
compare "generated" 0 "$TMP/a"
compare "another one" 0 "$TMP/b"
compare "one segment" 0 "$1"

# Names sort by number, also where the clock was set back: a stream needs that order.
cat "$TMP"/a/*.rls >"$TMP/all.rls"
printf '%s\n' "$TMP"/a/*.rls | sort -r | xargs cat >"$TMP/reverse.rls"
compare "concatenated backwards" 0 "$TMP/reverse.rls"
compare "concatenated" 0 "$TMP/all.rls"
"$REEL" dump --json - <"$TMP/all.rls" >"$TMP/stream" 2>"$TMP/err"
t_ok "and as a stream" cmp "$TMP/stream" "$TMP/second"

mkdir "$TMP/merged" && cp -r "$TMP/a" "$TMP/b" "$TMP/merged"
compare "two captures" 0 "$TMP/merged"
t_match "say their hosts" '"host":' "$(head -n 1 "$TMP/first")"

# Encrypted: with the key the same, without it nothing.
"$REEL" keygen -q -o "$TMP/eve" >/dev/null 2>&1
t_ok "gen" "$GEN" -o "$TMP/secret" -n 20000 --rate 5000 --segment-size 60000 --block-size 16384 \
	--in-line --loss --encrypt-to "$TMP/eve.pub" --encrypt-to "$SRC/tests/golden/examiner.pub"
compare "encrypted" 0 --key "$TMP/examiner.key" "$TMP/secret"
compare "to another" 0 --key "$TMP/eve.key" "$TMP/secret"
cp -r "$TMP/a" "$TMP/half" && cp "$TMP"/secret/*.rls "$TMP/half"
compare "half of it" 0 --key "$TMP/eve.key" "$TMP/half"
t_status "without a key nothing" 3 "$PYTHON" "$SECOND" "$TMP/secret"
t_is "at all" "$(t_out)" ""
cat "$TMP"/secret/*.rls >"$TMP/broken.rls"
size=$(wc -c <"$TMP/broken.rls")
printf '\125\252' | dd of="$TMP/broken.rls" bs=1 seek=$((size / 2)) conv=notrunc 2>/dev/null
compare "encrypted and broken" 4 --key "$TMP/eve.key" "$TMP/broken.rls"

# A second opinion on seals, and of who has another host's root.
"$REEL" keygen --host --to "$TMP/eve.pub" --state "$TMP/state" -o "$TMP/host.root" >/dev/null
for seed in 1 2; do
	t_ok "gen" "$GEN" -o "$TMP/sealed" -n 2000 -s $seed --segment-size 20000 --seal "$TMP/state" \
		--encrypt-to "$TMP/eve.pub"
done
compare "sealed" 0 --key "$TMP/eve.key" --key "$TMP/host.root" "$TMP/sealed"
for f in "$TMP"/sealed/*.rls; do
	size=$(wc -c <"$f")
	printf '\125\252' | dd of="$f" bs=1 seek=$((size - 80)) conv=notrunc 2>/dev/null
	break
done
t_status "a wrong tag is seen" 4 "$PYTHON" "$SECOND" --key "$TMP/eve.key" --key "$TMP/host.root" "$TMP/sealed"

# What is broken costs both the same.
size=$(wc -c <"$TMP/all.rls")
head -c $((size * 3 / 5)) "$TMP/all.rls" >"$TMP/torn.rls"
compare "torn" 4 "$TMP/torn.rls"
cp "$TMP/all.rls" "$TMP/flipped.rls"
printf '\125\252\125\252' |
	dd of="$TMP/flipped.rls" bs=1 seek=$((size / 2)) conv=notrunc 2>/dev/null
compare "flipped" 4 "$TMP/flipped.rls"
cp -r "$TMP/a" "$TMP/gone" && rm "$TMP"/gone/*-000002-*.rls
compare "a segment is gone" 4 "$TMP/gone"
t_done
