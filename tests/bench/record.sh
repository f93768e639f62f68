#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What recording costs, measured on this machine in one run: `make bench-record`.
#
#	record.sh [ROUNDS]		60
#
# Says each figure beside its budget. Misses are marked, not hidden, and make the exit status 1; with
# BOUNDS=generous only what is far off does (a busy machine must not fail a test).
set -eu

rounds=${1:-60}
bench=${BENCH:-.output/bench}
bounds=${BOUNDS:-budget}
dir=$(mktemp -d "${TMPDIR:-/var/tmp}/reel-bench.XXXXXX")
trap 'rm -rf "$dir"' EXIT

if [ "$(id -u)" != 0 ]; then
	echo "record.sh: only root can measure this" >&2
	exit 77
fi

# number NAME < one line of JSON
number() {
	grep -oE "\"$1\":-?[0-9.]+" | head -n 1 | cut -d: -f2
}

missed=0
# figure WHAT VALUE UNIT max|min BUDGET GENEROUS
figure() {
	local bound=$5 word
	[ "$bounds" = generous ] && bound=$6
	word=$(awk -v v="$2" -v b="$bound" -v how="$4" \
		'BEGIN { print (how == "max" ? v <= b : v >= b) ? "holds" : "MISSED" }')
	printf '%-52s %10s %-10s %s %s: %s\n' "$1" "$2" "$3" "$4" "$5" "$word"
	[ "$word" = holds ] || missed=1
}

echo "# $(nproc) cores,$(sed -n 's/^model name.*://p' /proc/cpuinfo | head -n 1), Linux $(uname -r)"

"$bench/record_hook" "$rounds" 20000 >"$dir/hook"
hook() {
	grep "\"what\":\"$1\"" "$dir/hook" | number "$2"
}
echo "# getpid $(hook base ns) ns; an empty probe adds $(hook empty added_ns) ns, which is 1 x"
figure "a call that is recorded" "$(hook recorded ratio)" "x" max 2.5 5
figure "the same inside a scope" "$(hook in-scope ratio)" "x" max 3.0 6
figure "a call that is not wanted" "$(hook not-by-class ratio)" "x" max 1.3 3
figure "a call of a process that is not wanted" "$(hook not-by-scope ratio)" "x" max 1.7 4
for way in in-place by-output by-scratch; do
	echo "# into the ring $way: $(hook $way added_ns) ns on one core, $(hook $way-2 added_ns) on both"
done
exit $missed
