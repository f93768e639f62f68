#!/bin/sh
# Makes tests/fuzz/corpus anew, where it is of tapes: to be run when their bytes change.
set -eu

cd "$(dirname "$0")/../.."
make -s .output/libreel-format.a
out=.output/fuzz
mkdir -p "$out"
"${CC:-cc}" -std=gnu11 -D_GNU_SOURCE -O1 -g -Wall -Wextra -I. -o "$out/make_corpus" \
	tests/fuzz/make_corpus.c .output/libreel-format.a -lzstd -lxxhash -lsodium -lpthread
rm -rf tests/fuzz/corpus/fuzz_block tests/fuzz/corpus/fuzz_schema tests/fuzz/corpus/fuzz_segment
mkdir -p tests/fuzz/corpus
cd tests/fuzz/corpus
"../../../$out/make_corpus"
# The same files, read by SQL.
rm -rf fuzz_query
cp -R fuzz_segment fuzz_query
# And what only a key opens, by rules; the rest of these was found.
cp fuzz_segment/encrypted* fuzz_replay
du -sb .
