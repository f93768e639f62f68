#!/bin/sh
# dump --context: whose events are, against a model of it in jq.
. "${SRC:=$(dirname "$0")/../..}/tests/sh.inc"

[ -x "$BENCH/gen" ] || t_skip_all "there is no $BENCH/gen"
cd "$TMP" || exit 1
"$BENCH/gen" -o cap -n 40K -s 41 --segment-size 300K --block-size 32K >/dev/null || exit 1
"$BENCH/gen" -o lossy -n 60K -s 33 --block-size 32K --loss >/dev/null || exit 1
sample=$SRC/samples/web-shell.rls

same() { # name, file
	if cmp -s "$TMP/out" "$2"; then t_pass "$1"; else t_fail "$1" "$(diff "$2" "$TMP/out" | head -n 5)"; fi
}

# What is known of each process, told by the same events; an object for each event that differs.
cat >whose.jq <<'END'
foreach inputs as $e ({};
	($e.pid | tostring) as $p
	| if $e.ret < 0 or $e.blocked then .
	  elif $e.type == "process" then
		.[$p] = {exe: $e.exe, ppid: (.[$p].ppid // $e.ppid), uid: $e.uid}
	  elif $e.type == "fork" then
		.[$e.child | tostring] = ((.[$p] // {}) | .ppid = $e.pid)
	  elif .[$p] and $e.type == "exec" then .[$p] += {exe: $e.exe, uid: $e.uid}
	  elif .[$p] and $e.type == "setuid" then .[$p].uid = $e.uid
	  else . end;
	(.[$e.pid | tostring] // {}) as $k
	| select($k.exe and $k.exe != "" and ($e.type | IN("exec", "process", "hash") | not)
		and ($e.exe != $k.exe or $e.ppid != $k.ppid or $e.uid != $k.uid))
	| {id: $e.id, type: $e.type, got: [$e.exe, $e.ppid, $e.uid], want: $k})
END

for capture in cap "$sample"; do
	"$REEL" dump --json "$capture" >plain.json
	t_ok "context" "$REEL" dump --json --context "$capture"
	cp "$TMP/out" all.json
	t_is "is what the events say" "$(jq -nc -f whose.jq all.json | head -n 3)" ""
	n=$(jq -r 'select(.comm).id' all.json | wc -l)
	if [ "$n" -gt "$(($(wc -l <all.json) / 2))" ]; then
		t_pass "most have one"
	else
		t_fail "most have one" "$n of $(wc -l <all.json)"
	fi
	jq -c 'if .type == "process" then . elif .type == "exec" then del(.ppid) elif .type == "setuid"
		then del(.ppid, .comm, .exe) elif .type == "task" then del(.ppid, .exe, .uid)
		else del(.ppid, .comm, .exe, .uid) end' all.json >"$TMP/out"
	jq -c . plain.json >want.json
	same "all else is as without" want.json
done

# jq would keep the last one only.
t_is "no key comes twice" "$(grep -E '"(ppid|comm|exe|uid)":.*[^\\]"\1":' all.json | head -n 1)" ""

# Of a part it is the same as of all.
"$REEL" dump --json --context cap >all.json
from=$(jq -r .time all.json | sed -n 30000p)
ts=$(jq -r .ts all.json | sed -n 30000p)
t_ok "from a moment on" "$REEL" dump --json --context --from "$from" cap
jq -c "select(.time >= \"$from\")" all.json >want.json
jq -c . "$TMP/out" >got.json && cp got.json "$TMP/out"
same "it is known what was before" want.json
t_ok "by ts" "$REEL" dump --json --context --from "@$ts" --to "@$((ts + 50000000))" cap
jq -c "select(.ts >= $ts and .ts < $ts + 50000000)" all.json >want.json
jq -c . "$TMP/out" >got.json && cp got.json "$TMP/out"
same "it is the same" want.json
pid=$(jq -r 'select(.type == "open").pid' all.json | sed -n 500p)
t_ok "of a process and a type" "$REEL" dump --json --context --pid "$pid" --type open cap
jq -c "select(.pid == $pid and .type == \"open\")" all.json >want.json
jq -c . "$TMP/out" >got.json && cp got.json "$TMP/out"
same "its parents are known" want.json
t_ok "from a pipe" sh -c "cat cap/*.rls | \"\$REEL\" dump --json --context --from '$from' -"
jq -c "select(.time >= \"$from\")" all.json >want.json
jq -c . "$TMP/out" >got.json && cp got.json "$TMP/out"
same "too" want.json
t_ok "of the state" "$REEL" dump --json --context --at "$from" cap
"$REEL" dump --json --at "$from" cap | jq -r .id >want.json
jq -r .id "$TMP/out" >got.json && cp got.json "$TMP/out"
same "the same records" want.json
t_ok "a cut" "$REEL" cut --from "$from" --output part.reel cap
t_ok "context of it" "$REEL" dump --json --context part.reel
jq -r .id "$TMP/out" >got.json
"$REEL" dump --json part.reel | jq -r .id >want.json
n=$(jq -r 'select(.exe).id' "$TMP/out" | wc -l)
cp got.json "$TMP/out"
same "shows its range" want.json
if [ "$n" -gt 100 ]; then t_pass "and knows processes"; else t_fail "and knows processes" "$n"; fi

# Formats.
t_ok "text" "$REEL" dump --context --type open --pid "$pid" cap
t_match "has it behind the process" " $pid(/[0-9]+)? ppid=[0-9]+ comm=[^ ]+ exe=[^ ]+ uid=[0-9]+ open" \
	"$(head -n 1 "$TMP/out")"
t_status "csv" 2 "$REEL" dump --context --format csv cap
t_ok "pretty" "$REEL" dump --context --format pretty --type open --pid "$pid" cap
t_is "is JSON" "$(jq -c .type "$TMP/out" | sort -u)" '"open"'

# A loss makes it uncertain, and it is not said.
t_status "losses" 4 "$REEL" dump --json --context lossy
n=$(jq -r 'select(.type == "open" and .exe).id' "$TMP/out" | wc -l)
m=$(jq -r 'select(.type == "open").id' "$TMP/out" | wc -l)
if [ "$n" -lt "$m" ] && [ "$n" -gt 0 ]; then t_pass "some are unknown"; else t_fail "some are unknown" "$n of $m"; fi

t_done
