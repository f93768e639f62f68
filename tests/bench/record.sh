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

# What a call costs, bare and recorded by turns: the least of some runs.
reel=${REEL:-.output/reel}
here=$(dirname "$0")
least() {
	sort -n | head -n 1
}
bare() {
	for _ in 1 2 3 4 5; do "$bench/record_load" "$1" "$2" | jq .cpu_ns; done | least
}
recorded() {
	for _ in 1 2 3 4 5; do
		rm -rf "$dir/c"
		"$reel" record -q -o "$dir/c" -- "$bench/record_load" "$1" "$2" | jq .cpu_ns
	done | least
}
# calc EXPRESSION DIGITS
calc() {
	awk "BEGIN { printf \"%.$2f\", $1 }"
}
empty=$(hook empty added_ns)
io=$(calc "$(recorded io 300000) - $(bare io 300000)" 1)
close=$(calc "$(recorded close 300000) - $(bare close 300000)" 1)
path=$(calc "$(recorded path 200000) - $(bare path 200000)" 1)
open=$(calc "$(recorded open 100000) - $(bare open 100000)" 1)
echo "# added to a folded read $io ns, to a close $close ns, to an ftruncate $path ns, to an open and" \
	"its close $open ns"
figure "a folded read" "$(calc "$io / $empty" 2)" "x" max 2.5 6
figure "a resolved path of 8 parts, over an event" "$(calc "$path - $close" 0)" "ns" max 400 1500

# A flood on all CPUs.
"$reel" record -o "$dir/start" -- true 2>"$dir/start.txt"
"$reel" record --metrics-file "$dir/metrics" -o "$dir/flood" --syscalls getppid -- \
	"$bench/record_load" flood 3000000 "$(nproc)" 2>"$dir/flood.txt" >"$dir/flood.json"
cpu() {
	grep -oE 'recorder [0-9.]+ s CPU' "$1" | cut -d' ' -f2
}
"$reel" info --json "$dir/flood" >"$dir/flood.info" || :
events=$(jq .events "$dir/flood.info")
echo "# $events events, $(calc "$(nproc) * 1e3 / $(jq .wall_ns "$dir/flood.json")" 2) M a second"
figure "lost in the flood" "$(jq .lost "$dir/flood.info")" "events" max 0 1000
figure "the recorder's own CPU" \
	"$(calc "($(cpu "$dir/flood.txt") - $(cpu "$dir/start.txt")) * 1e9 / $events" 0)" \
	"ns/event" max 150 600
figure "the recorder's memory, beyond the rings" \
	"$(awk '/^reel_memory_bytes/ { printf "%.1f", $2 / 1048576 }' "$dir/metrics")" "MiB" max 32 64
first=$("$reel" dump --json --type exec,process "$dir/start" |
	jq -s 'map(select(.type == "exec").ts)[0] -
	       map(select(.type == "process" and .comm == "reel-record").start)[0]')
figure "first event after the start" "$(calc "$first / 1e9" 2)" "s" max 0.5 3

# Everyday work.
"$here/record_mix.py" "$reel" "$here/record_mix.sh" 5 >"$dir/mix"
echo "# mix: $(jq .calls "$dir/mix") calls, $(jq .events "$dir/mix") events, bare $(jq .bare_s "$dir/mix") s CPU, recorded" \
	"$(jq .extra_s "$dir/mix") s more"
figure "mix: all that recording costs" "$(jq .extra_us_per_call "$dir/mix")" "us/call" max 0.6 5
figure "mix: on tape" "$(jq .bytes_per_event "$dir/mix")" "B/event" max 12 20
figure "mix: lost" "$(jq .lost "$dir/mix")" "events" max 0 1000
exit $missed
