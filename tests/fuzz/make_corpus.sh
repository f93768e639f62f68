#!/bin/sh
# Makes tests/fuzz/corpus anew: to be run when the bytes of the tape change.
set -eu

cd "$(dirname "$0")/../.."
make -s .output/libreel-format.a
out=.output/fuzz
mkdir -p "$out"
"${CC:-cc}" -std=gnu11 -D_GNU_SOURCE -O1 -g -Wall -Wextra -I. -o "$out/make_corpus" \
	tests/fuzz/make_corpus.c .output/libreel-format.a -lzstd -lxxhash -lsodium -lpthread
rm -rf tests/fuzz/corpus
mkdir -p tests/fuzz/corpus
cd tests/fuzz/corpus
"../../../$out/make_corpus"
du -sb .
