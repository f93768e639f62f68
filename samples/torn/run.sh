#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# A capture that ends in the middle of a block: it was on its way to another machine when the line broke.
#
#	run.sh reel record >torn.rls		(as root)
#
# runs that with "-o DIR -- COMMAND" behind it, and then lets 40,000 bytes of it through. COMMAND is a
# script that looks through the same files over and over until there are more.
set -eu

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/look" <<-'EOT'
	while [ "$(cat "$1"/far.reel/*.rls | wc -c)" -lt 60000 ]; do
		find /usr/share/common-licenses -type f -exec head -q -n 1 {} +
		ls -l /usr/share/common-licenses
	done
EOT
"$@" -o "$work/far.reel" -q --latency 200ms -- /bin/sh "$work/look" "$work" >/dev/null 2>&1
cat "$work"/far.reel/*.rls | head -c 40000
