#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# reel dump --where: a predicate of policies, against the same question asked of the JSON by jq.
. "${SRC:=$(dirname "$0")/../..}/tests/sh.inc"
cd "$TMP" || exit 1

"$BENCH/gen" -o cap -n 30K -s 43 --segment-size 300K --block-size 32K >/dev/null || exit 1
"$REEL" dump --json --context cap >all.json

# same NAME PREDICATE JQ: the ids of both.
same() {
	"$REEL" dump --json --where "$2" cap 2>/dev/null | jq -r .id >got
	jq -r "select($3).id" all.json >want
	if [ -s want ] && cmp -s got want; then
		t_pass "$1 ($(wc -l <want))"
	else
		t_fail "$1" "$(diff want got | head -n 5; wc -l want got)"
	fi
}

same "a number" 'ret == -2 and syscall exists' '.ret == -2 and .syscall'
same "the beginning of a path" 'type == "open" and path startswith "/usr/include/"' \
	'.type == "open" and (.path | startswith("/usr/include/"))'
same "a pattern" 'type == "open", path =~ "\.(h|so)$"' '.type == "open" and (.path | test("\\.(h|so)$"))'
same "an errno by name" 'errno == EACCES' '.errno == "EACCES"'
same "a port and a net" 'type == "connect" and addr in 203.0.113.0/24' \
	'.type == "connect" and ((.addr // "") | startswith("203.0.113."))'
same "an argument" 'type == "exec" and argv == "-c"' \
	'.type == "exec" and (.argv | index("-c"))'
same "the process's program" 'type == "open" and exe endswith "/cc1"' \
	'.type == "open" and ((.exe // "") | endswith("/cc1"))'
same "or" 'type == "unlink" or type == "rename"' '.type == "unlink" or .type == "rename"'

# What is asked for beside it needs names of files, so that every event is looked at; without it only
# types that can hold are.
while read -r predicate; do
	"$REEL" dump --json --where "$predicate" cap >got 2>/dev/null
	"$REEL" dump --json --where "($predicate) or path == \"/no/such\"" cap >want 2>/dev/null
	if [ -s want ] && cmp -s got want; then
		t_pass "all types and some of them: $predicate ($(wc -l <want))"
	else
		t_fail "all types and some of them: $predicate" "$(diff want got | head -n 5)"
	fi
done <<'END'
not type == "open"
not path exists
type != "close" and uid == 0
not (type == "exec" or type == "close") and exe endswith "/cc1"
not argv == "-c" and type in ("exec", "fork")
END

t_ok "with a time and a type" "$REEL" dump --json --where 'path exists' --type rename \
	--to "$(jq -r 'select(.type == "rename").time' all.json | sed -n 20p)" cap
t_is "both hold" "$(wc -l <"$TMP/out")" 19
t_ok "context beside it" "$REEL" dump --json --context --where 'type == "exec" and uid == 0' cap
t_is "is there" "$(jq -r 'select(.ppid == null).id' "$TMP/out" | wc -l)" 0
t_ok "csv is possible" "$REEL" dump --format csv --where 'type == "exit"' cap
t_ok "from a pipe" sh -c "cat cap/*.rls | \"\$REEL\" dump --json --where 'type == \"exec\"' -"
t_is "the same" "$(wc -l <"$TMP/out")" "$(jq -r 'select(.type == "exec").id' all.json | wc -l)"

t_status "what does not compile" 2 "$REEL" dump --where 'pth == "/x"' cap
t_match "is said, with the place and the nearest" "1:1: .*'?path'?" "$(t_err)"
t_status "nor a wrong type" 2 "$REEL" dump --where 'pid == "x"' cap
t_status "nor nothing" 2 "$REEL" dump --where '' cap

t_done
