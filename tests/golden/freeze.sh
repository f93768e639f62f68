#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Writes down what the golden captures are read as, for when that is meant to change.
set -u

cd "$(dirname "$0")" || exit 1
reel=${REEL:-../../.output/reel}
# What is encrypted is read with the key that lies beside it, which git keeps no secret.
secret=$(mktemp) && cat examiner.key >"$secret"
for c in *.rls */; do
	c=${c%/} key=
	[ "$c" != encrypted ] || key="--key $secret"
	# shellcheck disable=SC2086
	"$reel" dump --json $key "$c" 2>/dev/null | gzip -9n >"${c%.rls}.json.gz"
	# shellcheck disable=SC2086
	"$reel" info $key "$c" >"${c%.rls}.info" 2>&1
	# shellcheck disable=SC2086
	[ "$c" != sealed ] || key="--key $secret --key sealed.root"
	# shellcheck disable=SC2086
	"$reel" verify $key "$c" >"${c%.rls}.verify" 2>&1
	echo "status $?" >>"${c%.rls}.verify"
done
rm -f "$secret"
