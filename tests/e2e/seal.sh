#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# A real recording that is sealed and anchored, and what verify says of it, whole and in parts.
# timeout: 600
# trust-checks: What was sealed is not changed unseen, by whoever has the machine later | real recordings, whole and in parts
. "${SRC:=$(dirname "$0")/../..}/tests/sh.inc"

[ "$(id -u)" = 0 ] || t_skip_all "needs root"
[ -e /sys/kernel/btf/vmlinux ] || t_skip_all "this kernel has no BTF"
cd "$TMP" || exit 1

verify() { "$REEL" verify --key host.root --key ann.key "$@"; }
json() { verify --json "$@" | jq -c "$what"; }
seconds() { date +%s; }

t_ok "an examiner" "$REEL" keygen -o ann
t_ok "a host" "$REEL" keygen --host --to ann.pub --state state -o host.root
cat >work.sh <<'X'
for i in 1 2 3 4 5 6; do
	ls -l / >/dev/null
	sleep 0.3
done
X

# One run, with anchors -------------------------------------------------------------------------
t_ok "a sealed recording" "$REEL" record -q --seal "$TMP/state" --anchor "cat >>$TMP/log" -o a.reel \
	-- sh work.sh
t_ok "it is sealed" verify --anchors log a.reel
t_match "that is said" ': sealed$' "$(t_out)"
t_match "from where to where" '^  sealed: blocks 0 to [0-9]+, from 20.*, by run 0 of host key ' "$(t_out)"
last=$(sed -n 's/^  blocks 0 to \([0-9]*\), .*/\1/p' out)
t_match "and so anchored" "^  anchored: up to block $last, at 20.*, by 2 anchors" "$(t_out)"
t_is "anchors: at the first block and at the end" "$(wc -l <log)" 2
t_ok "without the root it is consistent" "$REEL" verify a.reel
t_match "and never called sealed" ': consistent$' "$(t_out)"
t_ok "events are read as from any capture" "$REEL" dump --type exec a.reel
t_match "all of them" 'work.sh' "$(t_out)"
t_is "the state has moved on" "$(sed -n 's/^run //p' state)" 1

# The capture goes on, and beside it another ------------------------------------------------------
t_ok "a second run of it" "$REEL" record -q --seal "$TMP/state" -o a.reel -- true
t_ok "a run elsewhere" "$REEL" record -q --seal "$TMP/state" -o b.reel -- true
t_ok "a third" "$REEL" record -q --seal "$TMP/state" -o a.reel -- true
t_ok "all together" verify a.reel b.reel
t_is "are sealed" "$(grep -c ': sealed$' out)" 2
t_unlike "and no run is missing" 'not among these' "$(t_out)"
t_ok "alone" verify a.reel
t_match "one is missing" 'run 2 of host key [0-9a-f]* is not among these' "$(t_out)"

# Two at once -----------------------------------------------------------------------------------
"$REEL" record -q --seal "$TMP/state" -o c.reel -- sh work.sh >c.out 2>&1 &
one=$!
"$REEL" record -q --seal "$TMP/state" -o d.reel -- sh work.sh >d.out 2>&1 &
wait $one $!
t_ok "two recorders at once take two numbers" verify a.reel b.reel c.reel d.reel
t_is "and are sealed" "$(grep -c ': sealed$' out)" 4

# A snapshot ------------------------------------------------------------------------------------
if unshare --pid --fork --mount-proc true 2>/dev/null; then
	t_ok "a snapshot" unshare --pid --fork --mount-proc "$REEL" record -q --snapshot \
		--seal "$TMP/state" -o s.reel
	t_ok "is sealed too" verify s.reel
	t_match "and says so" ': sealed$' "$(t_out)"
else
	t_skip "a snapshot" "no PID namespace"
fi

# Encrypted, and sealed: who has no secret key can still check nothing; with it all is checked ------
t_ok "sealed and encrypted" "$REEL" record -q --seal "$TMP/state" --encrypt-to ann.pub -o e.reel -- \
	sh work.sh
t_ok "verifies" verify e.reel
t_match "as sealed" ': sealed$' "$(t_out)"
t_unlike "with all events looked at" 'not checked' "$(t_out)"

# A killed recorder -------------------------------------------------------------------------------
"$REEL" record -q --seal "$TMP/state" --latency 100ms -o k.reel -- sh work.sh >k.out 2>&1 &
pid=$!
sleep 1.5
recorder=$(pgrep -P $pid -x reel-record || echo $pid)
kill -9 "$recorder"
wait $pid 2>/dev/null
t_status "of a killed one the end is not known" 4 verify k.reel
t_match "and that is said" ': (unclean|torn)$' "$(t_out)"
t_match "for its run" 'run [0-9]+ has no END: what it wrote behind block [0-9]+, if anything, is not known' \
	"$(t_out)"
t_match "up to there it is sealed" '^  sealed: blocks 0 to ' "$(t_out)"
t_ok "the capture goes on" "$REEL" record -q --seal "$TMP/state" -o k.reel -- true
t_status "the end of the killed run stays unknown" 4 verify k.reel

# Parts -----------------------------------------------------------------------------------------
t_ok "rotated by size" "$REEL" record -q --seal "$TMP/state" --segment-size 64K --keep-size 200K \
	--latency 50ms -o r.reel -- sh -c 'for i in 1 2 3 4 5 6 7 8 9; do ls -lR /usr/share/doc | tail -1; find /etc >/dev/null; done'
t_ok "and retained, with what RETIRED explains" verify r.reel
t_match "is sealed" ': sealed$' "$(t_out)"
t_ok "kept segments" "$REEL" keep -q -o kept.reel a.reel
t_ok "are what they were" verify kept.reel
t_ok "a cut by time" "$REEL" cut -q --from -1s -o cut.rls a.reel
t_status "has its seals block by block" 4 verify cut.rls
t_match "and is not called sealed" ': consistent$' "$(t_out)"
what='.seal | [.right == .blocks, .unsealed, .unchecked]'
t_is "each block that is there" "$(json cut.rls)" '[true,0,0]'
t_ok "derived" "$REEL" cut -q --type exec -o derived.rls a.reel
t_status "events chosen of it are not sealed" 4 verify derived.rls
mkdir m && t_ok "merged" "$REEL" merge -q -o m/merged a.reel b.reel
t_ok "sources stay sealed" verify m/merged

# Refused -----------------------------------------------------------------------------------------
t_status "no state" 6 "$REEL" record -q --seal nowhere -o x.reel
t_match "says what makes one" 'nowhere: it is not there: reel keygen --host makes it' "$(t_err)"
cp state open && chmod 644 open
t_status "a state that others may read" 5 "$REEL" record -q --seal open -o x.reel
t_match "is no secret" 'others may read or write it' "$(t_err)"
sed 's/^run .*/run 77/' state >broken && chmod 600 broken
t_status "a broken state" 6 "$REEL" record -q --seal broken -o x.reel
t_match "is no state" 'its lines do not belong together' "$(t_err)"

# The command of --anchor fails ------------------------------------------------------------------
t_ok "recording goes on" "$REEL" record -q --seal "$TMP/state" --anchor "exit 3" -o f.reel -- \
	sleep 1.5
t_match "a warning goes on the tape" 'the command of --anchor ended with status 3' \
	"$("$REEL" dump --type warning f.reel)"
begun=$(seconds)
t_ok "one that hangs is not waited for" "$REEL" record -q --seal "$TMP/state" --anchor "sleep 99" \
	-o h.reel -- true
t_match "that is said" 'took longer than 20 s' "$(t_err)"
t_ok "not for more than half a minute" [ $(($(seconds) - begun)) -lt 40 ]

# Anchors -----------------------------------------------------------------------------------------
rm -f a.reel/*-000003-* a.reel/*-000002-*
sed "s/ [0-9a-f]\{64\} / $(printf '%064d' 0) /" log >forged
t_status "another tag was anchored" 3 verify --anchors forged a.reel
t_match "that is damage" 'it is not the block that was anchored' "$(t_out)"
sed 's/^/Nov 30 03:00:00 host logger: /; 1s/.*/some other line/' log >syslog
t_ok "lines of a log" verify --anchors syslog a.reel
sed "s/^\(reel-anchor 1 [0-9a-f]* \)[0-9]*/\1999/" log >ahead
t_status "a block behind the end was anchored" 3 verify --anchors ahead a.reel
t_match "so the end is missing" 'its end is missing: block 999 was anchored' "$(t_out)"
echo nothing >none
t_status "a file without anchors" 2 verify --anchors none a.reel
t_done
