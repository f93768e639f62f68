#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What reel can do so far, on the sample capture: `make demo` builds and then runs this.
set -eu

here=$(cd "$(dirname "$0")/.." && pwd)
reel=${REEL:-$here/.output/reel}
sample=$here/samples/web-shell.rls
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cp "$sample" .

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

say "This reel has no recorder yet, so nothing is recorded here: the capture is the sample, which was made up."
say "1. What is in it, and is it whole?"
show reel info web-shell.rls
say "2. A script was dropped in /tmp, run, and talked out. Three processes of that second:"
show reel dump --pid 26184,26194,26201 --type exec,chmod,connect web-shell.rls
say "3. The same as JSON, for jq: which programs ran most often?"
printf '$ reel dump --json --type exec web-shell.rls | jq -r .exe | sort | uniq -c | sort -rn | head -5\n'
reel dump --json --type exec web-shell.rls | jq -r 'select(.ret == 0).exe' | sort | uniq -c | sort -rn | sed -n 1,5p
say "4. The second around it, cut out for a colleague; every block in it is still the one that was written:"
show reel cut --from 2024-11-21T01:00:05Z --to 2024-11-21T01:00:07.5Z -o incident.rls web-shell.rls
show reel verify incident.rls
say "5. One byte changed, somewhere in the middle:"
size=$(stat -c %s web-shell.rls)
printf 'X' | dd of=web-shell.rls bs=1 seek=$((size / 2)) conv=notrunc status=none
show reel verify web-shell.rls
