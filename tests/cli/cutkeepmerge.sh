#!/bin/sh
# cut, keep, merge: parts and collections of captures are captures, and show the same events.
. "${SRC:=$(dirname "$0")/../..}/tests/sh.inc"

[ -x "$BENCH/gen" ] || t_skip_all "there is no $BENCH/gen"
cd "$TMP" || exit 1
gen() { "$BENCH/gen" -o "$@" --segment-size 300K --block-size 32K >/dev/null || exit 1; }
gen cap -n 60K -s 33 --loss
gen other -n 5K -s 42 --start 1732150800123456789
gen steps -n 60K -s 43 --clock-steps
dump() { "$REEL" dump --json -q "$@"; }
dump cap >all.json
cat cap/*.rls | cksum >before
cat other/*.rls >part.other.rls
same() { # name, file, file
	if cmp -s "$2" "$3"; then t_pass "$1"; else t_fail "$1" "$(diff "$2" "$3" | head -n 5)"; fi
}

# Cut by time.
from=$(jq -r .time all.json | sed -n 30000p)
to=$(jq -r .time all.json | sed -n 45000p)
dump --from "$from" --to "$to" cap >want.json
t_ok "cut by time" "$REEL" cut --from "$from" --to "$to" -o part.rls cap
t_match "says how much" '^reel cut: [0-9]+ events in [0-9]+ segments?$' "$(t_err)"
t_is "it is a file of its owner" "$(stat -c %a part.rls)" 600
t_ok "it is consistent" "$REEL" verify part.rls
dump part.rls >got.json
same "it shows the same events" want.json got.json
dump - <part.rls >got.json
same "also from a pipe" want.json got.json
dump --from "$from" --to "$to" part.rls >got.json
same "and if asked for" want.json got.json
t_is "info counts what is shown" "$("$REEL" info --json part.rls | jq .events)" "$(wc -l <want.json)"
dump --at "$from" cap >want.at
dump --at "$from" part.rls >got.at
same "the state at its beginning is the same" want.at got.at
dump --at "$to" cap >want.at
dump --at "$to" part.rls >got.at
same "and at its end" want.at got.at
"$REEL" cut --from "$from" --to "$to" -o - cap 2>/dev/null >stdout.rls
dump stdout.rls >got.json
same "to standard output" want.json got.json
middle=$(jq -r .time all.json | sed -n 40000p)
t_ok "a cut of a cut" "$REEL" cut --from "$middle" -o smaller.rls part.rls
dump --from "$middle" --to "$to" cap >want.json
dump smaller.rls >got.json
same "shows what both show" want.json got.json
t_ok "and is consistent" "$REEL" verify smaller.rls
ts_from=$(jq -r .ts all.json | sed -n 30000p)
ts_to=$(jq -r .ts all.json | sed -n 45000p)
t_ok "by ts" "$REEL" cut -q --from "@$ts_from" --to "@$ts_to" -o ts.rls cap
dump --from "$from" --to "$to" cap >want.json
dump ts.rls >got.json
same "is the same" want.json got.json
head -c -3000 part.rls >torn.rls
t_status "a torn cut is noticed" 4 "$REEL" dump torn.rls
for at in 01:29:59 01:30:00 00:28:00 00:27:58; do
	dump --from "2024-11-21T$at.5Z" --to "2024-11-21T01:30:00.7Z" steps >want.json
	rm -f step.rls
	"$REEL" cut -q --from "2024-11-21T$at.5Z" --to "2024-11-21T01:30:00.7Z" -o step.rls steps
	dump step.rls >got.json 2>/dev/null
	same "where the clock was set, from $at" want.json got.json
done

# Cut by process and type.
pid=$(jq -r 'select(.type == "exec").pid' all.json | sed -n 50p)
t_ok "cut by process" "$REEL" cut --pid "$pid" -o pid.rls cap
t_ok "it is consistent" "$REEL" verify pid.rls
dump --pid "$pid" cap >want.json
dump --pid "$pid" pid.rls >got.json
same "it has all of the process" want.json got.json
t_is "and nothing of others" "$(dump pid.rls | jq .pid | sort -u | tr '\n' ' ')" "0 $pid "
t_ok "by type" "$REEL" cut --type openat,connect -o type.rls cap
t_ok "it is consistent" "$REEL" verify type.rls
dump --type open,connect cap >want.json
dump --type open,connect type.rls >got.json
same "it has all of the types" want.json got.json
dump --type exec,fork,process,setuid cap >want.json
dump --type exec,fork,process,setuid type.rls >got.json
same "and the state" want.json got.json
dump --type read,close type.rls >got.json
t_is "but no others" "$(wc -l <got.json)" 0
t_is "losses are told of" "$("$REEL" info --json type.rls | jq .lost)" "$("$REEL" info --json cap | jq .lost)"
dump --at "$from" cap >want.at
dump --at "$from" type.rls >got.at
same "its state is the same" want.at got.at
t_ok "by type and time" "$REEL" cut -q --type open --from "$from" --to "$to" -o tt.rls cap
dump --type open --from "$from" --to "$to" cap >want.json
dump --type open tt.rls >got.json
same "has these events" want.json got.json
dump --at "$to" cap >want.at
dump --at "$to" tt.rls >got.at
same "and the state" want.at got.at
"$REEL" cut --type open -o - cap 2>/dev/null >stdout.rls
dump --type open cap >want.json
dump --type open stdout.rls >got.json
same "to standard output" want.json got.json
dump --type open - <type.rls >got.json
same "it can be streamed" want.json got.json
"$REEL" cut -q --type open -o steps.rls steps
dump --type open,clock steps >want.json
dump --type open,clock steps.rls >got.json
same "where the clock was set" want.json got.json

# Several boots.
gen boots -n 3K -s 51
gen boots -n 3K -s 52 --start 1732151000000000000
gen boots -n 3K -s 53 --start 1732151100000000000
t_ok "a capture of three boots" "$REEL" verify boots
second=$(dump boots | jq -r .id | cut -c1-8 | uniq | sed -n 2p)
from=$(dump boots | jq -r "select(.id[:8] == \"$second\").time" | sed -n 500p)
t_ok "cut within the second" "$REEL" cut --from "$from" -o boots.rls boots
t_ok "is consistent" "$REEL" verify boots.rls
dump --from "$from" boots >want.json
dump boots.rls >got.json
same "and shows the same" want.json got.json
dump --at "$from" boots >want.json
t_is "the state is of that boot" "$(jq -r .id want.json | cut -c1-8 | uniq)" "$second"
t_ok "by type" "$REEL" cut -q --type open -o boots.type.rls boots
t_is "each boot becomes a capture" "$("$REEL" info --json boots.type.rls | wc -l)" 3
dump --type open boots >want.json
dump --type open boots.type.rls | jq -c 'del(.host)' >got.json
jq -c . want.json >want2.json
same "with the same events" want2.json got.json
t_status "@NS could be of any" 2 "$REEL" cut --from @5 -o no.rls boots

# What cannot be cut.
from=$(jq -r .time all.json | sed -n 30000p)
t_status "into what is there" 6 "$REEL" cut --from "$from" -o part.rls cap
t_status "at no time" 3 "$REEL" cut --to 1999-01-01T00:00:00Z -o no.rls cap
t_status "nothing chosen" 2 "$REEL" cut -o no.rls cap
t_status "no output" 2 "$REEL" cut --from "$from" cap
t_status "an unknown type" 2 "$REEL" cut --type opne -o no.rls cap
t_status "the wrong way round" 2 "$REEL" cut --from "$to" --to "$from" -o no.rls cap
t_status "what is not there" 6 "$REEL" cut --from "$from" -o no.rls nothing
t_is "leaves nothing behind" "$(ls no.rls 2>/dev/null)" ""
if [ -w /dev/full ]; then
	t_status "a full disk" 6 sh -c '"$REEL" cut --to "$1" -o - cap >/dev/full' - "$to"
	t_status "a full disk, by type" 6 sh -c '"$REEL" cut --type open -o - cap >/dev/full'
fi

# Keep.
t_ok "keep" "$REEL" keep --from "$from" --to "$to" -o kept cap
t_match "says what" '^reel keep: [0-9]+ of [0-9]+ segments kept in kept, ' "$(t_err)"
t_is "for its owner only" "$(stat -c %a kept)" 700
t_ok "it is consistent" "$REEL" verify kept
dump --from "$from" --to "$to" cap >want.json
dump --from "$from" --to "$to" kept >got.json
same "it has the same events" want.json got.json
if [ "$(ls kept | wc -l)" -lt "$(ls cap | wc -l)" ]; then
	t_pass "but not all segments"
else
	t_fail "but not all segments"
fi
name=$(ls kept | head -n 1)
t_is "they are the same files" "$(stat -c %i "kept/$name")" "$(stat -c %i "cap/$name")"
t_ok "keep the last" "$REEL" keep -q --last 10ms -o last cap
dump --from -10ms cap >want.json
dump --from -10ms last >got.json
same "has the last" want.json got.json
t_ok "keep all" "$REEL" keep -q -o whole cap
dump whole >got.json
same "has all" all.json got.json
cat cap/*.rls >cap.rls
t_ok "of one file" "$REEL" keep -q --from "$from" --to "$to" -o ofone cap.rls
t_is "makes the same files" "$(cd ofone && cksum ./*)" "$(cd kept && cksum ./*)"
t_status "into what is there" 6 "$REEL" keep -o kept cap
t_status "at no time" 3 "$REEL" keep --to 1999-01-01T00:00:00Z -o no cap
t_status "no output" 2 "$REEL" keep cap
t_status "--last and --from" 2 "$REEL" keep --last 1s --from "$from" -o no cap
t_status "two captures" 2 "$REEL" keep -o no cap other
t_is "leaves nothing behind" "$(ls -d no 2>/dev/null)" ""

# Keep while it is written.
cp -r cap live
last=$(ls live/*.rls | tail -n 1)
head -c -3000 "$last" >live/x && mv live/x "$last"
exec 9>live/.lock
flock 9
t_ok "keep a growing one" "$REEL" keep -o alive live
exec 9>&-
t_match "copies what is open" ' 1 copied$' "$(t_err)"
t_status "up to its last whole block" 4 "$REEL" verify --json alive
t_is "which is where it stops" "$(jq -r '"\(.result) \(.torn_bytes)"' "$TMP/out")" "unclean 0"
dump live >want.json
dump alive >got.json
same "with the same events" want.json got.json
t_status "keep a torn one" 4 "$REEL" keep -q -o tornkept live
t_is "leaves it as it is" "$(cat tornkept/*.rls | cksum)" "$(cat live/*.rls | cksum)"

# Merge.
t_ok "merge" "$REEL" merge -o merged cap other
id=$("$REEL" info --json cap | jq -r '.capture[:8]')
t_is "a directory each" "$(ls merged | wc -l)" 2
t_ok "named after host and capture" test -d "merged/generated-$id"
t_is "with its segments" "$(cat "merged/generated-$id"/*.rls | cksum)" "$(cat cap/*.rls | cksum)"
# Of equal wall times the capture that is met first goes first, which the random ids decide here.
dump cap other | sort >want.json
dump merged >got.json
t_is "it is in the order of wall time" "$(jq -s '[.[].time] == ([.[].time] | sort)' got.json)" true
sort -o got.json got.json
same "it shows the events of both" want.json got.json
t_ok "it is consistent" "$REEL" verify merged
t_ok "merged again with a third" "$REEL" merge -q -o again merged steps
t_is "three of them" "$(ls again | wc -l)" 3
t_ok "files too" "$REEL" merge -q -o files cap.rls part.other.rls
dump files | sort >got.json
same "are the same" want.json got.json
t_status "the same capture twice" 2 "$REEL" merge -o no cap cap.rls
t_match "is named" "generated-$id is given twice" "$(t_err)"
t_status "into what is there" 6 "$REEL" merge -o merged cap
t_status "no output" 2 "$REEL" merge cap
t_status "no capture" 2 "$REEL" merge -o no
t_status "what is not there" 6 "$REEL" merge -o no cap nothing
t_status "a torn one" 4 "$REEL" merge -q -o tornmerged other live
t_is "leaves nothing behind" "$(ls -d no 2>/dev/null)" ""

# A cut that ends at the border of a block: every block in it is sound, and yet the end is missing.
unseen=$(grep -abo RLB1 part.rls | cut -d: -f1 | sed 1d | while read -r border; do
	head -c "$border" part.rls >short.rls
	for c in verify info dump; do
		"$REEL" "$c" -q short.rls >/dev/null 2>&1 && echo "$c at $border"
	done
	"$REEL" dump -q - <short.rls >/dev/null 2>&1 && echo "stream at $border"
done)
t_is "a missing end of a cut is noticed at every border" "$unseen" ""

t_is "and nothing has changed the capture" "$(cat cap/*.rls | cksum)" "$(cat before)"
t_done
