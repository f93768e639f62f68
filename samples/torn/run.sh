#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# A capture that ends in the middle of a block: it was on its way to another machine when the line broke.
#
#	run.sh reel record >torn.rls		(as root)
#
# runs that with "-o - --pid PID" behind it, and lets 40,000 bytes through. PID is a script that looks
# through the same files over and over until then.
set -eu

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/look" <<-'EOT'
	while [ -e "$1/on" ]; do
		find /usr/share/common-licenses -type f -exec head -q -n 1 {} +
		ls -l /usr/share/common-licenses
	done
EOT
: >"$work/on"
/bin/sh "$work/look" "$work" >/dev/null 2>&1 &
looking=$!
"$@" -o - -q --latency 200ms --pid $looking | head -c 40000
rm "$work/on"
wait $looking || :
