#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Writes down what the golden captures are read as, for when that is meant to change.
set -u

cd "$(dirname "$0")" || exit 1
reel=${REEL:-../../.output/reel}
for c in *.rls */; do
	c=${c%/}
	"$reel" dump --json "$c" 2>/dev/null | gzip -9n >"${c%.rls}.json.gz"
	"$reel" info "$c" >"${c%.rls}.info" 2>&1
	"$reel" verify "$c" >"${c%.rls}.verify" 2>&1
	echo "status $?" >>"${c%.rls}.verify"
done
