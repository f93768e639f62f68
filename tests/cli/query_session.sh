#!/bin/sh
# query without SQL: the session of sqlite3, in a terminal.
. "${SRC:=$(dirname "$0")/../..}/tests/sh.inc"

command -v tmux >/dev/null || t_skip_all "there is no tmux"
command -v sqlite3 >/dev/null || t_skip_all "there is no sqlite3"
cd "$TMP" || exit 1
HOME=$TMP TMPDIR=$TMP/tmp
export HOME TMPDIR
mkdir -p tmp queries
socket= sockets=0

start() { # words: what runs in the terminal; its status is in $TMP/status then
	rm -f status
	# A server that is ending still has its socket.
	sockets=$((sockets + 1))
	socket=$TMP/tmux$sockets
	tmux -f /dev/null -S "$socket" new-session -d -x 120 -y 50 "$*; echo \$? >$TMP/status; sleep 60"
}
end() { tmux -S "$socket" kill-server 2>/dev/null; }
trap 'end; rm -rf "$TMP"' EXIT
type_line() {
	tmux -S "$socket" send-keys -l -- "$1 "
	tmux -S "$socket" send-keys Enter
}
screen() { tmux -S "$socket" capture-pane -p 2>/dev/null; }
shows() { # name, regex: on the screen within 10 s
	for _ in $(seq 100); do
		if screen | grep -Eq -e "$2"; then
			t_pass "$1"
			return
		fi
		sleep 0.1
	done
	t_fail "$1" "no $2 in:
$(screen)"
}
ends() { # name, status
	for _ in $(seq 100); do
		[ -s status ] && break
		sleep 0.1
	done
	t_is "$1" "$(cat status 2>/dev/null)" "$2"
	end
}

sqlite3 'a "case".db' "CREATE TABLE person(name, n); INSERT INTO person VALUES ('日本', 7), ('x', NULL)"
printf -- '-- title: Doubled\n-- param by integer = 2: factor\nSELECT name, n * :by AS n FROM person\n' \
	>queries/doubled.sql

start "$REEL" query --queries queries "'a \"case\".db'"
shows "it says what is there" "^reel query: a \"case\".db\."
shows "and which queries" '^Named queries are tables too: .*\(\.\.\.\)'
shows "it asks" '^sqlite> *$'
type_line ".tables"
shows "the case is open" '^person *$'
type_line "SELECT * FROM doubled(3) WHERE n;"
shows "a named query is a table, in a box" '│ 日本 +│ 21 +│'
type_line "SELECT reel_version() AS v;"
shows "the extension is there" '│ reel [0-9]'
type_line "INSERT INTO person VALUES (1, 2);"
shows "nothing can be written" 'attempt to write a readonly database'
type_line "WITH RECURSIVE x(a) AS (SELECT 1 UNION ALL SELECT a + 1 FROM x) SELECT sum(a) FROM x;"
sleep 1
tmux -S "$socket" send-keys C-c
shows "an interrupt ends a statement" 'interrupted'
type_line "SELECT 40 + 2 AS answer;"
shows "and not the session" '│ 42 +│'
type_line ".quit"
ends "it ends well" 0
t_is "with nothing left behind" "$(ls tmp)" ""

start "$REEL" query --write "'a \"case\".db'"
shows "writing" '^sqlite> *$'
type_line "UPDATE person SET n = 8 WHERE name = 'x';"
type_line ".quit"
ends "can be asked for" 0
t_is "and is done" "$(sqlite3 'a "case".db' "SELECT n FROM person WHERE name = 'x'")" 8

start "$REEL" query "'a \"case\".db'" "\"SELECT name, printf('%0200d', n) AS wide, 5 AS five FROM person\""
shows "rows in a terminal are a table" '^name  wide +five$'
shows "which is cut to its width" '^日本  0+… +5$'
ends "and ends" 0

start "PATH=/nowhere" "$REEL" query "'a \"case\".db'"
ends "without sqlite3 there is none" 6
start "$REEL" query --redact all "'a \"case\".db'"
ends "nothing is redacted in it" 2
head -c 5000 /dev/urandom >noise.db
start "$REEL" query noise.db
ends "nor is noise a case" 3

if "$REEL" replay --help | grep -q -- --no-rules; then
	start "$REEL" query --queries queries "$SRC/samples/web-shell.rls"
	shows "of a capture a case is made" '^sqlite> *$'
	t_is "which lies apart" "$(ls tmp/reel-case-*)" case.db
	type_line "SELECT count(*) > 3 AS c, min(known_by) AS k FROM process;"
	shows "with its tables" '│ 1 +│ (exec|fork|guess|keyframe) +│'
	type_line "SELECT type, count(*) AS n FROM event WHERE type = 'fork';"
	shows "beside those of the capture" '│ fork +│ 16 +│'
	type_line ".quit"
	ends "it ends" 0
	t_is "and the case with it" "$(ls tmp)" ""
	start "$REEL" query --json "$SRC/samples/web-shell.rls" "'SELECT 1 AS one FROM image LIMIT 1'" \
		">$TMP/out" "2>$TMP/err"
	ends "a question has one made, too" 0
	t_is "and its answer" "$(t_out)" '{"one":1}'
	t_is "nothing is left of it" "$(ls tmp)" ""
else
	t_skip "of a capture a case is made" "this reel makes no cases"
fi

t_done
