#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A short run of `make bench-format`, with bounds that only something badly wrong would pass: the
# figures themselves are measured on a quiet machine, on fifty times as many events.
. "${SRC:=$(dirname "$0")/../..}/tests/sh.inc"

if out=$(BOUNDS=generous "$SRC/tests/bench/format.sh" 1M 1 2>&1); then
	t_pass "writing and reading are in the right region"
else
	t_fail "writing and reading are in the right region" "$out"
fi
t_match "both ways of reading were measured" 'in the order of time' "$out"
t_done
