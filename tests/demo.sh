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
# ask TYPES FILTER: what `jq -r FILTER` makes of the events of these types
ask() {
	printf "$ reel dump --json --type %s %s | jq -r '%s'\n" "$1" "$capture" "$2"
	reel dump --json --type "$1" "$capture" | jq -r "$2"
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
printf '$ reel replay -r policies --severity medium %s\n' "$capture"
reel replay -r "$here/samples/policies" --severity medium "$capture" 2>&1 || printf '(status %s)\n' $?

say "4. What was executed, and by whom? (33 is www-data, the web server)"
ask exec 'select(.ret == 0) | "\(.time[11:23]) pid=\(.pid) uid=\(.uid) \(.exe): \(.argv | join(" ") | .[:70] | @json)"'

say "5. What was written, and where did it go? Sockets and pipes are files too."
ask write,chmod,unlink \
	'select(.ret >= 0) | "\(.time[11:23]) pid=\(.pid) \(.type) \(.path) \(.content_hex // .content // "" | .[:48] | @json)"'

say "6. Who talked to whom, and how much?"
ask accept,connect,flow \
	'select(.family == 2 and .port != 53) | "\(.time[11:23]) pid=\(.pid) \(.type) \(.addr):\(.port) sent=\(.sent_bytes // "") received=\(.received_bytes // "")"'

implant=$(reel dump --json --type exec "$capture" | jq -r 'select(.exe == "/tmp/.kworkerd").pid')
say "7. Process $implant ran from a file that began with a dot, and called out. What it did:"
show reel dump --pid "$implant" --type setsid,fork,connect,write,flow "$capture"

say "8. What else did those do that descend from the web server? A predicate of the rules, as a question:"
printf "$ reel dump --context --where '%s' %s\n" 'ancestor.exe contains "python" and type == "exec"' "$capture"
reel dump --context --where 'ancestor.exe contains "python" and type == "exec"' "$capture" 2>/dev/null |
	cut -c 1-150 | head -n 8

say "9. Can the answers be trusted? Every block is checked; then one byte is changed."
show reel verify "$capture"
cat "$capture"/*.rls >changed.rls 2>/dev/null || cp "$capture" changed.rls
printf 'X' | dd of=changed.rls bs=1 seek=$(($(stat -c %s changed.rls) / 2)) conv=notrunc status=none
show reel verify changed.rls
