#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Makes the golden captures anew, then freezes them. See README.md before running it.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
bench=$top/.output/bench reel=$top/.output/reel
cd "$here"
rm -rf ./*.rls ./*/
"$bench/make_golden" .
"$bench/gen" -o losses -n 1500 -s 11 --loss --rate 700 --segment-size 10K --cpus 2 --in-line \
	>/dev/null
"$bench/gen" -o encrypted -n 1500 -s 12 --loss --rate 700 --segment-size 12K --cpus 2 --in-line \
	--encrypt-to examiner.pub >/dev/null
state=$(mktemp -u) && rm -f sealed.root
"$reel" keygen --host --to examiner.pub --state "$state" -o sealed.root >/dev/null
sed -i 's/^host .*/host generated/' sealed.root
for run in 1 2; do
	"$bench/gen" -o sealed -n 400 -s "$run" --rate 500 --segment-size 16K --latency-ms 300 --cpus 2 \
		--in-line --seal "$state" --start "$((1750000000 + 3600 * run))000000000" >/dev/null
done
rm -f "$state"
one=$(find losses -name '*-000001-*')
size=$(stat -c %s "$one")
end=$(grep -abo RLB1 "$one" | tail -n 1 | cut -d: -f1)
head -c $((size / 2)) "$one" >torn.rls
head -c "$end" "$one" >unclean.rls
cp "$one" damaged.rls
printf '\245' | dd of=damaged.rls bs=1 seek=$((size / 2)) conv=notrunc status=none
cp "$one" lost-meta.rls
printf '\245' | dd of=lost-meta.rls bs=1 seek=200 conv=notrunc status=none
cp -r losses headless
rm headless/*-000001-*
"$reel" cut -q --from -1s -o cut.rls losses
"$reel" cut -q --type exec -o derived.rls losses
"$reel" cut -q --to "@1100000000" -o early.rls all-types.rls
cat losses/*.rls early.rls >joined.rls
rm -f early.rls ./*/.lock
chmod -R u+rwX,go+rX,go-w .
./freeze.sh
