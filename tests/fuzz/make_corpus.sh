#!/bin/sh
# Makes tests/fuzz/corpus anew, where it is of tapes: to be run when their bytes change.
set -eu

cd "$(dirname "$0")/../.."
make -s .output/libreel-format.a
out=.output/fuzz
mkdir -p "$out"
"${CC:-cc}" -std=gnu11 -D_GNU_SOURCE -O1 -g -Wall -Wextra -I. -o "$out/make_corpus" \
	tests/fuzz/make_corpus.c .output/libreel-format.a -lzstd -lxxhash -lsodium -lpthread
mkdir -p tests/fuzz/corpus
cd tests/fuzz/corpus
# What version 1.1 wrote, nobody writes any more.
find fuzz_block fuzz_schema fuzz_segment fuzz_query -type f ! -name '1_1_*' -delete
"../../../$out/make_corpus"
# The same files, read by SQL.
cp fuzz_segment/* fuzz_query
# And what only a key opens, by rules; the rest of these was found.
cp fuzz_segment/encrypted* fuzz_replay
du -sb .
