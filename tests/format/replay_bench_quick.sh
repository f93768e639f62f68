#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A short run of `make bench-replay`, with bounds that only something badly wrong would pass: the
# figures themselves are measured on a quiet machine, on fifty times as many events.
. "${SRC:=$(dirname "$0")/../..}/tests/sh.inc"

if out=$(BOUNDS=generous "${PYTHON:-python3}" "$SRC/tests/bench/replay.py" 1M 1 2>&1); then
	t_pass "replaying rules is in the right region"
else
	t_fail "replaying rules is in the right region" "$out"
fi
t_match "500 policies were measured" '^ *500 rules' "$out"
t_match "storms were measured" 'forks: peak memory' "$out"
t_done
