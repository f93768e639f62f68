#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 900
# make bench-quick: seconds of what make bench measures, with bounds that only something badly wrong
# would miss. The figures themselves are measured on a quiet machine, on many times as many events.
exec "${PYTHON:-python3}" "${SRC:=$(dirname "$0")/../..}/tests/bench/bench.py" --quick
