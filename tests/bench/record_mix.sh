#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What a busy developer's machine does, in two seconds: compile, find, pack, search, and many small
# processes. Works in a directory that it makes and removes.
set -eu
place=$(mktemp -d /tmp/reel-mix.XXXXXX)
trap 'rm -rf "$place"' EXIT
cd "$place"
for i in 1 2 3 4 5 6 7 8; do
	printf '#include <stdio.h>\n#include <stdlib.h>\nint f%s(int x) { return x + %s; }\n' $i $i >f$i.c
	gcc -c -O1 f$i.c -o f$i.o
done
find /usr/include /usr/share/doc -name '*.h' | wc -l >found
tar cf headers.tar -C /usr/include . 2>/dev/null || :
mkdir unpacked && tar xf headers.tar -C unpacked
grep -r reel_no_such_word unpacked >/dev/null || :
for ((i = 0; i < 300; i++)); do
	/bin/true
done
rm -rf unpacked
