#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Writing and reading captures, measured on this machine in one run: `make bench-format`.
#
#	format.sh [EVENTS [RUNS]]		50M, which are an hour of capture time, and 3
#
# Says each figure as the median of its runs, beside its budget. Misses are marked, not hidden, and make
# the exit status 1; with BOUNDS=generous only what is far off does (a busy machine must not fail a test).
set -eu

events=${1:-50M} runs=${2:-3}
bench=${BENCH:-.output/bench}
bounds=${BOUNDS:-budget}
dir=$(mktemp -d "${TMPDIR:-/var/tmp}/reel-bench.XXXXXX")
trap 'rm -rf "$dir"' EXIT

# number NAME < one line of JSON
number() {
	grep -oE "\"$1\":-?[0-9.]+" | head -n 1 | cut -d: -f2
}

median() {
	sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
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

rate=13900

echo "# $events events at $rate a second of capture time, $runs runs; $(nproc) cores,$(
	sed -n 's/^model name.*://p' /proc/cpuinfo | head -n 1)"

for run in $(seq "$runs"); do
	rm -rf "$dir/capture"
	"$bench/gen" -o "$dir/capture" -n "$events" -s 1 --rate "$rate" --batch 4000000 --in-line \
		>>"$dir/written"
done
ns=$(while read -r line; do echo "$line" | number writer_ns_per_event; done <"$dir/written" | median)
bytes=$(tail -n 1 "$dir/written" | number bytes_per_event)
figure "writer: CPU in all" "$ns" ns/event max 150 400
figure "on tape" "$bytes" B/event max 14 16

# What the writer synced has left the memory; reading is measured from there, not from the disk.
cat "$dir"/capture/*.rls >/dev/null
"$bench/read_bench" "$dir/capture" "$runs" >"$dir/read"
what() {
	grep "\"what\":\"$1\"" "$dir/read" | number "$2"
}
one=$(what blocks-1 m_events_per_s)
two=$(what blocks-2 m_events_per_s)
figure "reader: decode and walk, one core" "$one" "M/s" min 20 5
figure "reader: two threads against one" \
	"$(awk -v a="$one" -v b="$two" 'BEGIN { printf "%.2f", b / a }')" x min 1.8 0.2
printf '%-52s %10s %s\n' "reader: in the order of time, one core" "$(what ordered m_events_per_s)" "M/s"
blocks=$(what minute blocks)
# A minute's share of the capture, and a little for the blocks that reach over its ends.
share=$(tail -n 1 "$dir/written" | number capture_s | awk '{ print 1.2 * 60 / $1 + 0.002 }')
figure "one minute: share of blocks read" \
	"$(awk -v a="$(what minute unpacked)" -v b="$blocks" 'BEGIN { printf "%.4f", a / b }')" "" max "$share" 1
printf '%-52s %10s of %s, %s s\n' "  blocks" "$(what minute unpacked)" "$blocks" "$(what minute median_s)"
printf '%-52s %10s of %s, %s s, %s processes\n' "processes at a moment: blocks read" \
	"$(what at unpacked)" "$blocks" "$(what at median_s)" "$(what at events)"
printf '%-52s %10s of %s, %s s\n' "a pid that is nowhere: blocks read" "$(what no-match unpacked)" "$blocks" \
	"$(what no-match median_s)"
printf '%-52s %10s s, %s segments, %s bytes\n' "opening" "$(what open median_s)" "$(what open segments)" \
	"$(what open bytes)"
exit $missed
