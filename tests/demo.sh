#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What reel can do so far: `make demo` builds and then runs this. It plays a small intrusion, which
# harms nothing (samples/web-shell/run.sh), records it, and asks the capture what happened. Where
# recording is not possible it takes the capture of the same in samples/.
set -eu

here=$(cd "$(dirname "$0")/.." && pwd)
reel=${REEL:-$here/.output/reel}
work=$(mktemp -d)
as_root=
trap '$as_root rm -rf "$work"' EXIT
cd "$work"

say() {
	printf '\n\033[1m%s\033[0m\n' "$*" | if [ -t 1 ]; then cat; else sed 's/\x1b\[[0-9]*m//g'; fi
}
show() {
	printf '$ %s\n' "$*"
	"$@" || printf '(status %s)\n' $?
}
reel() {
	"$reel" "$@"
}

# No question is asked: sudo is used where it asks none either.
mine=
if [ "$(id -u)" != 0 ]; then
	sudo -n true 2>/dev/null && as_root="sudo -n"
	mine="--owner $(id -un)"
fi

capture=web1.reel
say "1. A web server is attacked, and recorded. What it does is in samples/web-shell/."
# shellcheck disable=SC2086
if $as_root "$reel" doctor >said 2>&1 &&
	$as_root sh "$here/samples/web-shell/run.sh" "$reel" record $mine -o "$work/$capture" >said 2>&1; then
	printf '$ reel record -o %s -- nsenter ... /srv/www/start\n' "$capture"
	grep -v "^$work" said
else
	printf 'Nothing can be recorded here (%s): what follows is samples/web-shell.rls.\n' \
		"$(sed -n '$p' said)"
	capture=web-shell.rls
	cp "$here/samples/web-shell.rls" .
fi

say "2. What is in the capture, and is anything missing?"
show reel info "$capture"

say "3. What do the rules say that come with reel? Each is a story; of each, whether it can be sure."
printf '$ reel replay -r policies --severity medium -o case.db %s\n' "$capture"
reel replay -r "$here/samples/policies" --severity medium -o case.db "$capture" 2>&1 ||
	printf '(status %s)\n' $?

# sql CASE|CAPTURE QUESTION...: what comes out, as a table or a tree
sql() {
	case $2 in
	@*) printf '$ reel query %s\n' "$*" && reel query --queries "$here/samples/queries" "$@" ;;
	*) printf "$ reel query %s '%s'\n" "$1" "$2" &&
		reel query --queries "$here/samples/queries" --format table "$@" ;;
	esac
}
say "4. The case is a file of SQLite. What was executed, and by whom?"
sql case.db 'SELECT substr(time, 12, 12) AS time, pid, user, exe, substr(line, 1, 70) AS line FROM commands ORDER BY 1'

say "5. What came of the file that was dropped? What it touched, made and sent, and on from there:"
sql case.db @forward path=/tmp/.u steps=4

say "6. Who talked to whom, and how much?"
sql case.db @peers

say "7. What was written? Asked of the capture itself, which needs no case:"
sql "$capture" 'SELECT substr(time, 12, 12) AS time, pid, exe, path, substr(content, 1, 48) AS content FROM write WHERE ret > 0'

say "8. What else happened, from the call home on? Named queries are tables, too:"
called=$(reel query --no-header case.db 'SELECT from_time FROM connection_iso WHERE port = 4444')
sql case.db "SELECT substr(time, 12, 12) AS time, pid, comm, kind, substr(what, 1, 80) AS what FROM timeline(\"$called\")"

say "9. Can the answers be trusted? Every block is checked; then one byte is changed."
show reel verify "$capture"
cat "$capture"/*.rls >changed.rls 2>/dev/null || cp "$capture" changed.rls
printf 'X' | dd of=changed.rls bs=1 seek=$(($(stat -c %s changed.rls) / 2)) conv=notrunc status=none
show reel verify changed.rls

say "10. For whoever is to read it: all of the case as one page, which needs nothing else."
page=${REPORT:-$here/.output/report.html}
printf '$ reel report -o %s case.db\n' "$page"
reel report -o "$page" case.db 2>&1 || status=$?
# 1: there are findings.
[ "${status:-0}" -le 1 ] || printf '(status %s)\n' "$status"
