#!/bin/sh
# The same checks as "make lint", as a test.
exec "${PYTHON:-/usr/bin/python3}" "${SRC:-$(dirname "$0")/../..}/tests/lint"
