#!/bin/sh
# Files of 100 MB where a small one is read: refused, soon and without the memory for them.
# trust-checks: Nothing that is read makes a reader crash, hang, or take memory without bounds | files of 100 MB, a million levels
. "${SRC:=$(dirname "$0")/../..}/tests/sh.inc"

cd "$TMP" || exit 1
truncate -s 100M zeros
head -c 100000000 /dev/zero | tr '\0' '[' >nested
(printf -- '-- title: x\nSELECT 1 --'; tail -c +20 nested) >query.sql
mkdir queries
ln query.sql queries/large.sql
for name in zeros nested; do
	ln "$name" "$name.policy"
	ln "$name" "$name.yml"
	ln "$name" "$name.db"
	ln "$name" "$name.rls"
done

# 400 MB of addresses, of which the programs and libraries have some.
bounded() { sh -c 'ulimit -v 400000 && ulimit -t 20 && exec "$0" "$@"' "$REEL" "$@"; }

for name in zeros nested; do
	t_status "a policy: $name" 6 bounded rules "$name.policy"
	t_match "says why" '16 MiB' "$(t_err)"
	t_status "a Sigma rule: $name" 6 bounded rules "$name.yml"
	t_match "says why" '16 MiB' "$(t_err)"
	t_status "a case: $name" 3 bounded query "$name.db" "SELECT 1"
	t_status "a capture: $name" 3 bounded verify "$name.rls"
	t_status "and its events: $name" 3 bounded dump "$name.rls"
done
t_status "SQL" 2 bounded query "$SRC/samples/web-shell.rls" -f query.sql
t_match "says why" '16 MiB' "$(t_err)"
t_status "a named query" 2 bounded query --queries queries "$SRC/samples/web-shell.rls" @large
t_match "says why" 'large' "$(t_err)"

# Small ones that would be large: nesting, and a string that a view makes.
head -c 1000000 nested >deep.yml
t_status "brackets, a million deep" 2 bounded rules deep.yml
(printf 'path "x" { open { '; head -c 1000000 nested | tr '[' '('; printf ' } }\n') >deep.policy
t_status "parentheses, a million deep" 2 bounded rules deep.policy
if command -v sqlite3 >/dev/null; then
	sqlite3 view.db "CREATE VIEW large AS SELECT zeroblob(900000000) AS b"
	t_status "a string of a gigabyte" 2 bounded query view.db "SELECT length(b) FROM large"
	t_match "says why" 'too big' "$(t_err)"
fi

t_done
