#!/bin/sh
# Encrypted captures: each command that reads, without a key, with one that does not fit, and with
# the right one, which gives the same output as the same capture that is plain.
# trust-checks: Who has no key reads nothing of an encrypted capture, and who has reads all of it | each command without a key, with a wrong one and the right one, against the same capture plain
. "${SRC:=$(dirname "$0")/../..}/tests/sh.inc"

[ -x "$BENCH/gen" ] || t_skip_all "there is no $BENCH/gen"
cd "$TMP" || exit 1
for who in ann bob eve; do
	"$REEL" keygen -q -o $who >/dev/null 2>&1 || exit 1
done
gen() { "$BENCH/gen" -o "$@" -s 21 --block-size 32K --loss >/dev/null || exit 1; }
gen plain -n 20K
gen secret -n 20K --encrypt-to ann.pub --encrypt-to bob.pub
gen many -n 30K --encrypt-to ann.pub --segment-size 150K
policies=$SRC/samples/policies
pid=$("$REEL" dump --json --type exec plain | jq -r .pid | sed -n 10p)
ann=$(sed -n 's/^id //p' ann.pub) bob=$(sed -n 's/^id //p' bob.pub)

# Ids of a capture, its files and its bytes are its own.
own() {
	sed -E -e 's/capture [0-9a-f]{32}/capture X/' \
		-e 's/"(capture_hash|head)":"[0-9a-f]{64}"/X/g' -e 's/"capture":"[0-9a-f]{32}"/X/g' \
		-e 's/(head|^captures) [0-9a-f]{64}/\1 X/' -e 's/secret/plain/g' -e 's/_ns":[0-9]+/_ns":0/g' \
		-e 's/"hash":"[0-9a-f]{64}"\}\]\}\}$/X/'
}
run() { # CAPTURE KEY WORD...: the words CAPTURE and KEY stand for these
	capture=$1 key=$2
	shift 2
	for word; do
		shift
		case $word in
		CAPTURE) set -- "$@" "$capture" ;;
		KEY) [ -z "$key" ] || set -- "$@" --key "$key" ;;
		*) set -- "$@" "$word" ;;
		esac
	done
	"$REEL" "$@" >got 2>got.err && got=0 || got=$?
}
three() { # NAME COMMAND...
	name=$1
	shift
	run plain "" "$@"
	own <got >want.out
	plain=$got
	run secret ann.key "$@"
	own <got >got.out
	t_is "$name: ends as if it were plain" "$got" "$plain"
	if ! [ -s want.out ]; then
		t_fail "$name: says something"
	elif cmp -s want.out got.out; then
		t_pass "$name: says the same as if it were plain"
	else
		t_fail "$name: says the same as if it were plain" "$(diff want.out got.out | head -n 6)"
	fi
	run secret "" "$@"
	t_is "$name: the status without a key" "$got" 3
	t_match "$name: says whose is wanted" "encrypted to $ann, $bob: --key FILE is needed" \
		"$(cat got.err)"
	t_is "$name: and nothing else" "$(wc -c <got)" 0
	run secret eve.key "$@"
	t_is "$name: the status with one that does not fit" "$got" 3
	t_match "$name: says so" "none of the keys that were given is it" "$(cat got.err)"
	t_is "$name: and nothing else" "$(wc -c <got)" 0
}
same() { # NAME FILE: what the last command printed
	cp out got
	if cmp -s got "$2"; then t_pass "$1"; else t_fail "$1" "$(diff got "$2" | head -n 5)"; fi
}

three "dump" dump KEY CAPTURE
three "dump --json" dump --json KEY CAPTURE
three "dump --csv of a type" dump KEY --type exec --format csv CAPTURE
three "dump of a process" dump KEY --json --pid "$pid" CAPTURE
three "dump of a time" dump KEY --json --from -300ms --to -100ms CAPTURE
three "dump --at" dump KEY --json --at -200ms CAPTURE
three "dump --where" dump KEY --json --where 'uid == 0' CAPTURE
three "dump --follow" dump KEY --json --follow CAPTURE
three "replay" replay KEY -r "$policies" CAPTURE
three "replay --json" replay KEY -r "$policies" --json CAPTURE
three "replay --follow" replay KEY -r "$policies" --follow CAPTURE
three "replay --against" replay KEY -r "$policies" --against "$policies" --json CAPTURE
three "rules --for" rules KEY "$policies" --for CAPTURE
three "query" query KEY CAPTURE "SELECT type, count(*), sum(pid) FROM event GROUP BY type"
three "query of a case" query KEY CAPTURE "SELECT pid, comm, from_ns FROM process"
three "query of a moment" query KEY CAPTURE \
	"SELECT count(*) FROM processes_at((SELECT max(ts) - 200000000 FROM event))"

# A stream.
"$REEL" dump --json plain >want
t_ok "standard input" sh -c '"$REEL" dump --json --key bob.key - <"$1"' sh secret/*.rls
same "gives the same events" want
t_status "without a key it gives none" 3 sh -c 'cat secret/*.rls | "$REEL" dump --json -'
t_match "and says whose is wanted" "encrypted to $ann, $bob: --key FILE is needed" "$(t_err)"
t_status "with another's neither" 3 sh -c 'cat secret/*.rls | "$REEL" dump --json --key eve.key -'
t_is "nothing at all" "$(t_out)" ""
# More segments than a stream remembers, each with a key of its own.
"$BENCH/gen" -o long -n 60K --block-size 16K --segment-size 20K --encrypt-to ann.pub >/dev/null || exit 1
"$REEL" dump --json --key ann.key long >long.json
t_is "of many segments" "$(($(ls long | wc -l) > 20))" 1
t_ok "all of a pipe" sh -c 'cat long/*.rls | "$REEL" dump --json --key ann.key -'
t_is "is the same" "$(cmp "$TMP/out" long.json)" ""
t_ok "and all that is followed" "$REEL" dump --json --follow --key ann.key long
t_is "too" "$(cmp "$TMP/out" long.json)" ""
t_ok "several keys" "$REEL" dump --json --key eve.key --key ann.key secret
same "one of which fits" want

# Skipping works as before: as many blocks are decompressed.
for filter in "--type exec" "--pid 4194303" "--type exec --pid $pid"; do
	# shellcheck disable=SC2086
	t_is "blocks read for $filter" \
		"$("$REEL" dump --stats $filter --key ann.key secret 2>&1 >/dev/null)" \
		"$("$REEL" dump --stats $filter plain 2>&1 >/dev/null)"
done

# info and verify say what can be said.
t_status "info without a key" 4 "$REEL" info --json secret
t_is "says to whom it is" "$(jq -c .encrypted_to out)" "[\"$ann\",\"$bob\"]"
t_is "and how much there is" "$(jq .events out)" "$("$REEL" info --json plain | jq .events)"
t_is "but not what" "$(jq -c '[.types, .host, .note]' out)" '[{},"",""]'
t_match "and not that nothing was lost" 'only with a key' "$(jq -r .verdict out)"
t_status "with one that does not fit" 4 "$REEL" info --key eve.key secret
t_match "it is as without" '1 of 1 segments cannot be read' "$(t_out)"
t_ok "with the key" "$REEL" info --json --key bob.key secret
jq 'del(.capture, .encrypted_to, .closed_segments, .segments, .raw_bytes, .stored_bytes, .ratio,
	.bytes_per_event, .boots)' out >info.secret
"$REEL" info --json plain | jq 'del(.capture, .segments, .raw_bytes, .stored_bytes, .ratio,
	.bytes_per_event, .boots)' >info.plain
t_ok "it is as if it were plain" cmp info.secret info.plain
t_match "in words, too" "^encrypted  to $ann, $bob\$" "$("$REEL" info --key bob.key secret)"

# Whatever everybody can check is checked without a key, the rest with it.
t_ok "verify without a key" "$REEL" verify secret
t_match "it is consistent" ': consistent$' "$(t_out)"
t_match "but not all of it was looked at" 'encrypted' "$(t_out)$(t_err)"
t_ok "verify with a key" "$REEL" verify --key ann.key secret
t_match "its events are counted" "$("$REEL" dump plain | wc -l) events" "$(t_out)"
t_ok "verify of several segments" "$REEL" verify --key ann.key many
cp -r secret broken
size=$(wc -c <"$(echo broken/*.rls)")
printf '\125' | dd of="$(echo broken/*.rls)" bs=1 seek=$((size / 2)) conv=notrunc 2>/dev/null
t_status "a byte that was changed, without a key" 3 "$REEL" verify broken
t_status "and with it" 3 "$REEL" verify --key ann.key broken
t_status "costs its block" 4 "$REEL" dump --key ann.key broken

# What is told of nobody: neither names of the files nor a byte of them.
strings_in() { cat "$@" | tr -c '[:alnum:]_' '\n' | grep -c -e generated -e '[0-9]events' -e x86_64; }
t_is "the plain one tells its host" "$(strings_in plain/*.rls | grep -c '^0$')" 0
t_is "the encrypted one does not" "$(strings_in secret/*.rls)" 0
t_match "nor does its name" '^reel-000001-[0-9TZ]+\.rls$' "$(ls secret)"

# Parts and collections.
"$REEL" dump --json --key ann.key many >many.json
from=$(jq -r .time many.json | sed -n 10000p) to=$(jq -r .time many.json | sed -n 20000p)
"$REEL" dump --json --key ann.key --from "$from" --to "$to" many >want
t_status "a cut by time needs the key" 3 "$REEL" cut --from "$from" --to "$to" -o no.rls many
t_ok "and with it" "$REEL" cut -q --key ann.key --from "$from" --to "$to" -o part.rls many
t_ok "can be read with it" "$REEL" dump --json --key ann.key part.rls
same "and shows what it should" want
t_status "and not without" 3 "$REEL" dump --json part.rls
t_is "it tells as little" "$(strings_in part.rls)" 0
t_ok "cut of a cut" "$REEL" cut -q --key ann.key --to "$to" -o again.rls part.rls
t_ok "shows the same" sh -c '"$REEL" dump --json --key ann.key again.rls | cmp - want'
"$REEL" dump --json --key ann.key --type exec many | grep '"type":"exec"' >want
t_ok "by type" "$REEL" cut -q --key ann.key --type exec -o execs.rls many
t_ok "it is plain" sh -c '"$REEL" dump --json --type exec execs.rls | cmp - want'
t_ok "keep needs no key" "$REEL" keep -q --from "$from" --to "$to" -o kept many
t_match "keeps some segments" '^[1-9]' "$(find kept -name 'reel-0*.rls' | wc -l)"
"$REEL" dump --json --key ann.key --from "$from" --to "$to" many >want
t_ok "which can be read" "$REEL" dump -q --json --key ann.key --from "$from" --to "$to" kept
same "and show the same" want
t_ok "merge needs no key" "$REEL" merge -q -o both plain secret
t_match "names it after its id" '^reel-[0-9a-f]{8}$' "$(ls both | grep reel)"
t_status "half of it can be read without a key" 4 "$REEL" dump --json both
t_match "and it is said of which half nothing was" '^reel dump: 1 segment of which nothing was read' \
	"$(t_err)"
t_is "the other is all there" "$(wc -l <out)" "$("$REEL" dump plain | wc -l)"
t_ok "all of it with one" "$REEL" dump --json --key bob.key both
t_is "is twice as much" "$(wc -l <out)" "$(($("$REEL" dump plain | wc -l) * 2))"
t_status "a question about half of it" 4 "$REEL" query both "SELECT count(*) FROM event"

# A case: it is plain itself, and its capture still wants the key.
t_ok "a case" "$REEL" replay -q --no-rules --key ann.key -o case.db secret
t_ok "can be asked without a key" "$REEL" query case.db "SELECT count(*) FROM process"
t_status "but not for its events" 2 "$REEL" query case.db "SELECT count(*) FROM event"
t_match "and says why" "encrypted to $ann" "$(t_err)"
t_ok "with one" "$REEL" query --key ann.key case.db "SELECT count(*) FROM event"

# The sqlite3 that everybody has.
if [ -e "${REEL%/*}/reel.so" ] && command -v sqlite3 >/dev/null; then
	lite() { sqlite3 -bail :memory: ".load ${REEL%/*}/reel.so" "$@"; }
	t_is "reel_key" "$(lite "SELECT reel_key('bob.key')" "SELECT reel_open('secret')" \
		"SELECT count(*) FROM event" 2>&1 | tr '\n' ' ')" "1 1 $("$REEL" dump plain | wc -l) "
	t_is "with a table of its own" "$(lite "SELECT reel_key('eve.key', 'bob.key')" \
		"SELECT count(*) FROM reel_event('secret')" 2>&1 | tr '\n' ' ')" \
		"2 $("$REEL" dump plain | wc -l) "
	t_match "without it" "encrypted to $ann" "$(lite "SELECT reel_open('secret')" 2>&1)"
	t_match "a file that is none" "nothing.key" "$(lite "SELECT reel_key('nothing.key')" 2>&1)"
fi

# What is no key.
cp ann.key open.key && chmod 644 open.key
t_status "a key that others may read" 2 "$REEL" dump --key open.key secret
t_match "is refused with a reason" 'open.key: others may read' "$(t_err)"
t_status "a file that is no key" 2 "$REEL" dump --key "$0" secret
t_status "a public key" 2 "$REEL" dump --key ann.pub secret
t_status "no file" 6 "$REEL" dump --key nothing.key secret
if [ -x "${REEL%/*}/reel-record" ]; then
	t_status "record: a secret key is no public one" 2 "$REEL" record --encrypt-to ann.key -o r \
		--snapshot
	t_status "record: no file" 6 "$REEL" record --encrypt-to nothing.pub -o r --snapshot
	t_ok "record: a snapshot" "$REEL" record -q --encrypt-to ann.pub -o r --snapshot
	t_status "is closed" 3 "$REEL" dump r
	t_ok "but to her" "$REEL" dump --key ann.key --type process r
	t_match "with all processes" '^[1-9]' "$(wc -l <out)"
	t_ok "record: a name that tells nothing" sh -c \
		'mkdir n && cd n && "$REEL" record -q --encrypt-to ../ann.pub --snapshot'
	t_match "reel-TIME" '^reel-[0-9]{8}T[0-9]{6}Z\.reel$' "$(ls n)"
fi
t_done
