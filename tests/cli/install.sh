#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# make install: everything is there, works from there, and a program is built against it.
. "${SRC:=$(dirname "$0")/../..}/tests/sh.inc"

[ "$REEL" -ef "$SRC/.output/reel" ] || t_skip_all "another reel is tested"
root=$TMP/root
usr=$root/usr
t_ok "make install" make -s -C "$SRC" install DESTDIR="$root" PREFIX=/usr
t_ok "again" make -s -C "$SRC" install DESTDIR="$root" PREFIX=/usr
t_is "nothing names the place that it was built in" "$(grep -rlF "$SRC" "$root" --exclude='*.a' --exclude=reel \
	--exclude=reel-record --exclude='*.so*')" ""
t_is "nor that to which it was installed" "$(grep -rlF "$root" "$root")" ""

for c in $("$REEL" --help | sed -n 's/^  \([a-z]*\)  .*/\1/p') ''; do
	t_ok "manual page reel${c:+-$c}" test -s "$usr/share/man/man1/reel${c:+-$c}.1"
	t_match "reel${c:+-$c} says how it ends" 'EXIT STATUS' "$(cat "$usr/share/man/man1/reel${c:+-$c}.1")"
done
for page in "$usr"/share/man/man[57]/*; do
	t_is "$(basename "$page") is well formed" "$(mandoc -T lint -W warning "$page" 2>&1 | head -n 3)" ""
	t_ok "$(basename "$page") has more than its head" test "$(mandoc -T ascii "$page" | wc -l)" -gt 60
done

cp "$SRC/samples/web-shell.rls" "$TMP"
t_ok "it runs from there" "$usr/bin/reel" info "$TMP/web-shell.rls"
t_status "with its own policies" 1 "$usr/bin/reel" replay -q "$TMP/web-shell.rls"
t_ok "and its own queries" "$usr/bin/reel" query "$TMP/web-shell.rls" @types

if command -v systemd-analyze >/dev/null; then
	sed -i "s,ExecStart=/usr/bin/reel,ExecStart=$usr/bin/reel," "$usr"/lib/systemd/system/*.service
	t_is "the units are right" "$(systemd-analyze verify "$usr"/lib/systemd/system/reel* 2>&1 |
		grep -F "$root" | grep -v 'man reel')" ""
else
	t_skip "the units are right" "no systemd-analyze"
fi

export PKG_CONFIG_PATH="$usr/lib/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$root"
t_is "pkg-config knows the version" "reel $(pkg-config --modversion reel)" "$("$REEL" --version)"
mkdir "$TMP/c"
cp "$usr/share/doc/reel/example.c" "$TMP/c"
want=$("$REEL" query --no-header "$TMP/web-shell.rls" "SELECT time_ns, pid, path FROM exec WHERE ret >= 0 ORDER BY ts" | tr '\t' ' ')
want=$want'
complete, 0 events were lost'
# shellcheck disable=SC2046
t_ok "a program is built against it" gcc -Wall -Werror -o "$TMP/c/shared" "$TMP/c/example.c" $(pkg-config --cflags --libs reel)
t_ok "and runs" env LD_LIBRARY_PATH="$usr/lib" "$TMP/c/shared" "$TMP/web-shell.rls"
t_is "and reads what reel reads" "$(t_out)" "$want"
rm "$usr/lib/libreel.so"
# shellcheck disable=SC2046
t_ok "statically, too" gcc -Wall -Werror -o "$TMP/c/static" "$TMP/c/example.c" $(pkg-config --cflags --libs --static reel)
t_ok "and runs alone" "$TMP/c/static" "$TMP/web-shell.rls"
t_is "the same" "$(t_out)" "$want"
t_status "a capture that is none" 1 "$TMP/c/static" "$SRC/Makefile"
t_match "is said" '^example: .' "$(t_err)"
t_ok "losses are said" "$TMP/c/static" "$SRC/samples/flood.rls"
t_match "with their number" '^complete, 99382 events were lost$' "$(t_out)"
t_is "nothing but its API is to be seen" \
	"$(nm -D --defined-only "$usr/lib/libreel.so.1" | sed 's/.* //; s/@.*//' | grep -vE '^(reel_tape_[a-z_]+|LIBREEL_1)$')" ""
t_done
