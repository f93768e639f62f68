#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What the settings of record.conf cost on this machine: the figures in record/record.conf. As root:
#
#	tuning.sh [ROUNDS]		5
#
# A row is a setting; its columns are what a call costs more than without the recorder (CPU time, the
# least of the rounds), CPU time of the recorder for each event that is kept, without its start, bytes on
# tape for each, memory of the recorder without its rings, and what was lost.
set -eu

rounds=${1:-5}
reel=${REEL:-.output/reel}
bench=${BENCH:-.output/bench}
dir=$(mktemp -d "${TMPDIR:-/var/tmp}/reel-tuning.XXXXXX")
trap 'rm -rf "$dir"' EXIT
mkdir -p "$dir/a/b/c/d/e"

number() {
	grep -oE "\"$1\":-?[0-9.]+" | head -n 1 | cut -d: -f2
}

# least < figures
least() {
	sort -g | head -n 1
}

# What the recorder needs to start and to end, in s of CPU.
start=$(for ((i = 0; i < rounds; i++)); do
	rm -rf "$dir/x.reel"
	(cd "$dir" && "$reel" record --no-config -o x.reel -- true 2>&1) | sed -nE 's/.*recorder ([0-9.]+) s CPU.*/\1/p'
done | least)
echo "# $(nproc) cores,$(sed -n 's/^model name.*://p' /proc/cpuinfo | head -n 1), Linux $(uname -r); start: $start s of CPU"

declare -A bare
printf '%-34s %10s %10s %10s %8s %8s\n' "" "ns/call" "ns/event" "B/event" "MiB" "lost %"
# row NAME KIND CALLS THREADS OPTION...
row() {
	local name=$1 kind=$2 calls=$3 threads=$4 key="$2 $3 $4"
	shift 4
	if [ -z "${bare[$key]:-}" ]; then
		bare[$key]=$(for ((i = 0; i < rounds; i++)); do
			(cd "$dir" && "$bench/record_load" "$kind" "$calls" "$threads") | number cpu_ns
		done | least)
	fi
	for ((i = 0; i < rounds; i++)); do
		rm -rf "$dir/x.reel"
		(cd "$dir" && "$reel" record --no-config "$@" -o x.reel -- "$bench/record_load" "$kind" "$calls" "$threads" \
			>"$dir/load" 2>"$dir/said")
		awk -v start="$start" -v bare="${bare[$key]}" -v with="$(number cpu_ns <"$dir/load")" '
			/ seen = / { for (i = 2; i <= NF; i++) n[$i] = $(i - 1) }
			/bytes an event/ {
				match($0, /[0-9.]+ bytes/); bytes = substr($0, RSTART, RLENGTH - 6)
				match($0, /[0-9.]+ s CPU/); cpu = substr($0, RSTART, RLENGTH - 6)
				match($0, /CPU, [0-9.]+ MiB/); mib = substr($0, RSTART + 5, RLENGTH - 9)
			}
			END { printf "%.1f %.1f %s %s %.2f\n", with - bare, (n["kept"] > 1000 ? (cpu - start) * 1e9 / n["kept"] : 0), bytes, mib,
				100 * n["lost"] / (n["kept"] + n["lost"] + n["folded"] + 1) }' "$dir/said"
	done | least | {
		read -r call event bytes mib lost
		printf '%-34s %10s %10s %10s %8s %8s\n' "$name" "$call" "$event" "$bytes" "$mib" "$lost"
	}
}

row "io = first, a read" io 300000 1
row "io = none, a read" io 300000 1 --io none
row "io = all, a read" io 300000 1 --io all
row "open and close" open 100000 1
row "the same, no-path = /*" open 100000 1 --no-path '/*'
row "the same, events = process,net" open 100000 1 -e process,net
for latency in 100ms 500ms 5s; do
	row "open and close, latency = $latency" open 100000 1 --latency $latency
done
for sync in none seconds block; do
	row "open and close, sync = $sync" open 100000 1 --sync $sync
done
for ring in 1 4 16 64; do
	row "ring = $ring, a flood on 2 CPUs" flood 1000000 2 --syscalls getppid --ring $ring
done

# Of data that cannot be compressed what is kept of it is what it costs.
for content in 0 64 1024 4096; do
	rm -rf "$dir/x.reel"
	said=$(cd "$dir" && "$reel" record --no-config --io all --content $content -o x.reel -- \
		dd if=/dev/urandom of=out bs=4096 count=5000 2>&1)
	printf '%-34s %10s %10s %10s\n' "4096 bytes copied, content = $content" "" "" \
		"$(printf '%s\n' "$said" | sed -nE 's/.* ([0-9.]+) bytes an event.*/\1/p')"
done
