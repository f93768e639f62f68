#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The intrusion of make demo: that of ../web-shell, whose intruder wants more.
#
#	run.sh reel record -o web1.reel		(as root)
here=$(cd "$(dirname "$0")" && pwd)
PLAY=$here exec /bin/sh "$here/../web-shell/run.sh" "$@"
