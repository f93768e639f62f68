#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 600
# Packages: they are built, lintian finds nothing, and reel runs from where dpkg puts it.
. "${SRC:=$(dirname "$0")/../..}/tests/sh.inc"

command -v dh >/dev/null && command -v lintian >/dev/null || t_skip_all "no debhelper or lintian"
[ "$REEL" -ef "$SRC/.output/reel" ] || t_skip_all "another reel is tested"

t_ok "packages are built" "$SRC/format/deb/build" "$TMP/deb"
cd "$TMP/deb"
t_is "four" "$(echo ./*.deb | sed 's/_[^ ]*//g')" "./libreel-dev ./libreel1 ./reel-record ./reel"
t_status "lintian" 0 lintian --allow-root --fail-on error,warning ./*.deb
t_is "finds nothing" "$(t_out)" ""

root=$TMP/root
mkdir "$root"
for p in ./*.deb; do
	dpkg -x "$p" "$root"
done
cp "$SRC/samples/web-shell.rls" "$TMP"
t_ok "reel runs from there" "$root/usr/bin/reel" info "$TMP/web-shell.rls"
t_status "with its policies" 1 "$root/usr/bin/reel" replay -q "$TMP/web-shell.rls"
t_ok "and the recorder" "$root/usr/bin/reel" record --no-config --snapshot -o "$TMP/s.reel"
t_match "whose settings are a conffile" '^/etc/reel/record.conf$' "$(dpkg-deb -I ./reel-record_*.deb conffiles)"
t_match "and what it needs is known" 'Depends: .*libbpf' "$(dpkg-deb -I ./reel-record_*.deb)"
t_unlike "which reel does not" 'Depends: .*libbpf' "$(dpkg-deb -I ./reel_*.deb)"
t_done
