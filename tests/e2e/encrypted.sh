#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# reel record --encrypt-to: what happened is there for who has the key, and not a word of it is in the
# files; also with rotation, retention, a second run, a seal, a pipe, and after kill -9.
# timeout: 200
# trust-checks: Who has no key reads nothing of an encrypted capture, and who has reads all of it | real recordings, searched for every word of what happened; rotation, retention, kill -9
host=bilby-billabong
# The name of a machine may be two letters, which any bytes have somewhere.
if [ "$(id -u)" = 0 ] && [ "$(uname -n)" != $host ]; then
	exec unshare --uts sh -c "printf $host >/proc/sys/kernel/hostname && exec \"\$0\"" "$0"
fi
. "${SRC:=$(dirname "$0")/../..}/tests/sh.inc"

[ "$(id -u)" = 0 ] || t_skip_all "needs root"
[ -e /sys/kernel/btf/vmlinux ] || t_skip_all "this kernel has no BTF"
cd "$TMP" || exit 1
for who in ann bob; do
	"$REEL" keygen -q -o $who >/dev/null 2>&1 || exit 1
done

# The scenario: a program, an argument, a file, a host name and an environment that nothing else has.
mkdir -p quokka-directory
cp /bin/true quokka-directory/wombat-program
cat >scenario.sh <<'X'
./quokka-directory/wombat-program platypus-argument
echo echidna-content >quokka-directory/bandicoot-file
mv quokka-directory/bandicoot-file quokka-directory/potoroo-file
cat quokka-directory/potoroo-file >/dev/null
cat /nonexistent/numbat-missing 2>/dev/null
KOALA_VARIABLE=dingo-value ./quokka-directory/wombat-program
for i in 1 2 3 4 5 6 7 8 9 10; do ./quokka-directory/wombat-program "$i"; done
X
words='quokka|wombat|platypus|echidna|bandicoot|potoroo|numbat|dingo|kookaburra'
rec() { "$REEL" record -q --note kookaburra-note --env KOALA_VARIABLE "$@"; }
until_ready() { # that the recorder says so in the file of that name
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
		[ -s ready ] && break
		sleep 1
	done
}
told() { # PATH...: how many files hold a word of it, as they are or in UTF-16
	grep -rlaE "$words" "$@" | wc -l
}
events() { "$REEL" dump -q --json --key "$@"; }
happened() { # NAME FILE: the whole scenario is among the events
	t_is "$1: the program with its argument" "$(jq -r 'select(.type == "exec" and
		(.argv // [])[1] == "platypus-argument") | .path' "$2" | sed 's,.*/,,')" wombat-program
	t_is "$1: the file and its content" "$(jq -r 'select(.type == "write" and
		((.path // "") | endswith("bandicoot-file"))) | .content' "$2" | head -n 1)" echidna-content
	t_match "$1: its new name" potoroo-file "$(jq -c 'select(.type == "rename")' "$2")"
	t_match "$1: what was not there" ENOENT "$(jq -c 'select(.type == "open") |
		select(tostring | contains("numbat-missing"))' "$2")"
	t_match "$1: the environment" dingo-value "$(jq -c 'select(.type == "exec") | .env' "$2")"
}

# Plain, to know that the test would see it.
t_ok "a plain recording" rec -o plain.reel -- sh scenario.sh
t_is "tells it all" "$(told plain.reel)" 1
t_is "also the host" "$(grep -rlaF $host plain.reel | wc -l)" 1
"$REEL" dump -q --json plain.reel >plain.json
happened "plain" plain.json

t_ok "an encrypted one" rec -o secret.reel --encrypt-to ann.pub --encrypt-to bob.pub -- sh scenario.sh
t_is "tells nothing" "$(told secret.reel)" 0
t_is "not even the host" "$(grep -rlaF $host secret.reel | wc -l)" 0
t_is "and neither do the names of its files" "$(find secret.reel | grep -cE "$words|$host-0")" 0
for who in ann bob; do
	events $who.key secret.reel >$who.json
	happened "to $who" $who.json
done
t_ok "both read the same" cmp ann.json bob.json
t_status "nobody else reads anything" 3 "$REEL" dump secret.reel
t_is "nothing at all" "$(t_out)" ""
t_ok "it is consistent" "$REEL" verify --key ann.key secret.reel
t_ok "as far as everybody can tell" "$REEL" verify secret.reel
t_ok "and whole" "$REEL" info --key ann.key secret.reel
t_match "it has its note" 'kookaburra-note' "$(t_out)"
t_match "nothing was lost" '^verdict +complete, nothing was lost' "$(t_out)"

# It goes on in a second run, to another key and not encrypted at all.
t_ok "goes on for bob alone" rec -o secret.reel --encrypt-to bob.pub -- sh scenario.sh
t_is "tells nothing still" "$(told secret.reel)" 0
t_status "ann has the first part" 4 "$REEL" dump --json --key ann.key secret.reel
t_ok "bob has both" "$REEL" dump --json --key bob.key secret.reel
# A keyframe may have met the process or not.
runs() { grep '"type":"exec"' "$1" | grep -c platypus-argument; }
t_is "he sees it twice" "$(runs out)" "$(($(runs bob.json) * 2))"
t_ok "and it is one capture" "$REEL" verify --key bob.key --key ann.key secret.reel

# Small segments, of which the oldest go. Keyframes are written by every one.
t_ok "rotation and retention" rec -o ring.reel --encrypt-to ann.pub --segment-time 500ms \
	--keep-size 100K --latency 20ms -- sh -c 'for n in 1 2 3 4 5 6; do sh scenario.sh; sleep 1; done'
t_match "there are several" '^([3-9]|[1-9][0-9])$' "$(find ring.reel -name 'reel-*.rls' | wc -l)"
t_is "which tell nothing" "$(told ring.reel)" 0
t_ok "and hang together" "$REEL" verify --key ann.key ring.reel
events ann.key ring.reel >ring.json
t_is "what went is named" "$(jq -r 'select(.type == "retired") | .file' ring.json | grep -vc '^reel-0')" 0
t_match "by the name that it had" '^reel-0000' "$(jq -r 'select(.type == "retired") | .file' ring.json)"

# With a seal.
t_ok "a root of the host" "$REEL" keygen -q --host --to ann.pub --state "$TMP/seal.state" -o host.root
t_ok "sealed and encrypted" rec -o sealed.reel --encrypt-to ann.pub --seal "$TMP/seal.state" -- \
	sh scenario.sh
t_is "tells nothing" "$(told sealed.reel)" 0
t_ok "the seal holds, for who has keys and root" "$REEL" verify --key ann.key --key host.root sealed.reel
t_match "sealed" 'sealed' "$(t_out)"
events ann.key sealed.reel >sealed.json
happened "sealed" sealed.json
cp -r sealed.reel forged.reel
t_ok "as it was it is consistent without" "$REEL" verify sealed.reel

# A pipe, read as it comes.
if mkfifo pipe 2>/dev/null; then
	"$REEL" dump --json --key ann.key - <pipe >pipe.json 2>pipe.err &
	reader=$!
	"$REEL" record -q -o - --encrypt-to ann.pub --exe '*/wombat-program' -d 30 --ready-fd 9 9>ready \
		2>record.err >pipe &
	recorder=$!
	until_ready
	sh scenario.sh
	sleep 1
	kill $recorder
	wait $recorder
	wait $reader
	t_match "through a pipe" platypus-argument "$(jq -c 'select(.type == "exec")' pipe.json)"
fi

# Killed in the middle: what was written can be read.
: >ready
"$REEL" record -q -o killed.reel --encrypt-to ann.pub --latency 50ms --exe '*/wombat-program' -d 60 \
	--ready-fd 9 9>ready &
recorder=$!
until_ready
sh scenario.sh
sleep 1
kill -9 $recorder
wait $recorder 2>/dev/null
events ann.key killed.reel >killed.json
t_match "after kill -9" platypus-argument "$(jq -c 'select(.type == "exec")' killed.json)"
t_is "and tells nothing" "$(told killed.reel)" 0
t_done
