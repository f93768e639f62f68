#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# From nothing to an answer: `make demo` builds and then runs this. It plays an intrusion, which harms
# nothing (samples/intrusion), records it, and asks the capture what happened. Where recording is not
# possible it takes the capture of the same in samples/. What it made is kept, to go on with.
set -eu

here=$(cd "$(dirname "$0")/.." && pwd)
reel=${REEL:-$here/.output/reel}
kept=$(dirname "$reel")/demo
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
say "1. A web server is attacked, and recorded. What happens to it is in samples/intrusion/orders."
# shellcheck disable=SC2086
if $as_root "$reel" doctor >said 2>&1 &&
	$as_root sh "$here/samples/intrusion/run.sh" "$reel" record $mine -o "$work/$capture" >said 2>&1; then
	printf '$ reel record -o %s -- nsenter ... /srv/www/start\n' "$capture"
	grep -v "^$work" said
else
	printf 'Nothing can be recorded here (%s): what follows is samples/intrusion.rls.\n' \
		"$(sed -n '$p' said)"
	capture=intrusion.rls
	cp "$here/samples/intrusion.rls" .
fi

say "2. What is in the capture, and is anything missing?"
show reel info "$capture"

say "3. What do rules say of it? Policies, rules of Sigma and of Falco; of each, whether it can be sure."
rules="-r policies -r sigma -r falco -r intrusion/rules"
printf '$ reel replay %s --severity high -o case.db %s\n' "$rules" "$capture"
(
	capture=$work/$capture
	cd "$here/samples"
	# shellcheck disable=SC2086
	reel replay $rules --severity high -o "$work/case.db" "$capture" 2>&1 ||
		printf '(status %s)\n' $?
) | cut -c -200

# sql CASE|CAPTURE QUESTION...: what comes out, as a table or a tree
sql() {
	case $2 in
	@*) printf '$ reel query %s\n' "$*" && reel query --queries "$here/samples/queries" "$@" ;;
	*) printf "$ reel query %s '%s'\n" "$1" "$2" &&
		reel query --queries "$here/samples/queries" --format table "$@" ;;
	esac
}
say "4. The case is a file of SQLite. What was executed, and as whom?"
sql case.db 'SELECT substr(time, 12, 12) AS time, pid, user, exe, substr(line, 1, 70) AS line FROM commands ORDER BY 1'

say "5. What came of the file that was dropped? What it touched, made and sent, and on from there:"
sql case.db @forward path=/tmp/.u steps=4

say "6. What was written? Asked of the capture itself, which needs no case:"
sql "$capture" 'SELECT substr(time, 12, 12) AS time, pid, exe, path, substr(content, 1, 48) AS content FROM write WHERE ret > 0'

say "7. Can the answers be trusted? Every block is checked; then one byte is changed."
show reel verify "$capture"
cat "$capture"/*.rls >changed.rls 2>/dev/null || cp "$capture" changed.rls
printf 'X' | dd of=changed.rls bs=1 seek=$(($(stat -c %s changed.rls) / 2)) conv=notrunc status=none
show reel verify changed.rls

say "8. All of it as one page, for a browser:"
printf '$ reel report -o report.html case.db\n'
# 1: there are findings
reel report -q -o report.html case.db || [ $? = 1 ]
rm -rf "$kept" 2>/dev/null || :
mkdir -p "$kept" 2>/dev/null || kept=$(mktemp -d)
cp -r report.html case.db "$capture" "$kept"
printf '%s/report.html\n' "$kept"
printf 'Beside it are %s and case.db, to go on with: %s query %s/case.db\n' "$capture" "$reel" "$kept"
