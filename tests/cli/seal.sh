#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# reel keygen, and what reel verify says of keys, roots and anchors that do not fit.
. "${SRC:=$(dirname "$0")/../..}/tests/sh.inc"

cd "$TMP" || exit 1
gen() { "$BENCH/gen" -n 700 --rate 500 --latency-ms 300 --segment-size 16K --in-line "$@"; }

t_ok "an examiner" "$REEL" keygen -o ann
t_match "is told what is what" '^key [0-9a-f]{32}: ann\.key is secret, ann\.pub is for others$' "$(t_out)"
t_is "the secret key is only his" "$(stat -c %a ann.key)" 600
t_status "not twice" 2 "$REEL" keygen -o ann
t_match "since it exists" 'ann\.key: it exists, and is not overwritten' "$(t_err)"
t_ok "another examiner" "$REEL" keygen -o bob
t_status "without a name" 2 "$REEL" keygen
t_status "a host without an examiner" 2 "$REEL" keygen --host -o h.root
t_status "an examiner with a state" 2 "$REEL" keygen --state s -o carl
t_status "to what is no public key" 2 "$REEL" keygen --host --to ann.key --state s -o h.root
t_match "says what it is not" 'ann\.key: this is no public key' "$(t_err)"
t_status "to nobody" 6 "$REEL" keygen --host --to nobody.pub --state s -o h.root
t_ok "a host" "$REEL" keygen --host --to ann.pub --to bob.pub --state s -o h.root
t_is "its state is only its own" "$(stat -c %a s)" 600
t_is "two boxes" "$(grep -c '^box ' h.root)" 2
t_status "not over a state" 2 "$REEL" keygen --host --to ann.pub --state s -o h2.root
t_ok "and then there is no root" [ ! -e h2.root ]
t_status "not over a root" 2 "$REEL" keygen --host --to ann.pub --state s2 -o h.root
t_ok "and then there is no state" [ ! -e s2 ]
t_status "a state where none can be" 6 "$REEL" keygen --host --to ann.pub --state no/s -o h3.root
t_ok "leaves no root either" [ ! -e h3.root ]

t_ok "a sealed capture" gen -o a --seal s
t_ok "the first examiner" "$REEL" verify --key ann.key --key h.root a
t_match "finds it sealed" ': sealed$' "$(t_out)"
t_ok "the other, in the other order" "$REEL" verify --key h.root --key bob.key a
t_match "too" ': sealed$' "$(t_out)"
t_ok "info" "$REEL" info a
t_match "says by which key, and who checks it" "^sealed +by host key [0-9a-f]{32}, run [0-9]+; 'reel verify --key'" "$(t_out)"
t_ok "info as JSON" "$REEL" info --json a
t_match "says it too" '"sealed_by": *\{"host_key": *"[0-9a-f]{32}", *"run": *[0-9]+, *"first_block": *0\}' "$(t_out)"
t_ok "neither has to" "$REEL" verify a
t_match "then it is not checked" 'blocks are sealed: their tags need the key' "$(t_out)"
t_unlike "and not called sealed" ': sealed$' "$(t_out)"
t_ok "a secret key alone" "$REEL" verify --key ann.key a
t_unlike "checks no seal" ': sealed$' "$(t_out)"
t_status "a root alone" 2 "$REEL" verify --key h.root a
t_match "does not open" 'h\.root: it is boxed to other keys' "$(t_err)"
t_ok "a third examiner" "$REEL" keygen -o eve
t_status "has no key for it" 2 "$REEL" verify --key h.root --key eve.key a
t_status "a public key opens nothing" 2 "$REEL" verify --key ann.pub a
chmod 644 ann.key
t_status "a secret that is none" 2 "$REEL" verify --key ann.key --key h.root a
t_match "is refused" 'others may read or write it' "$(t_err)"
chmod 600 ann.key
t_status "a key that is not there" 6 "$REEL" verify --key nobody.key a
t_ok "another host" "$REEL" keygen --host --to ann.pub --state other -o other.root
t_status "its root says nothing of this one" 4 "$REEL" verify --key other.root --key ann.key a
t_match "of no block" 'sealed: nothing' "$(t_out)"
t_match "as it says" 'not checked: [0-9]* sealed blocks, for which the root of the host is missing' "$(t_out)"
t_ok "a capture without seals" gen -o plain
t_status "with a root" 4 "$REEL" verify --key h.root --key ann.key plain
t_match "is consistent" ': consistent$' "$(t_out)"
t_match "and not sealed" 'not sealed: [0-9]+ blocks' "$(t_out)"
t_status "with one that is" 4 "$REEL" verify --key h.root --key ann.key a plain
t_ok "which is" "$REEL" verify --key h.root --key ann.key a

head=$("$REEL" verify --json a | jq -r '"\(.capture) \(.last_block) \(.head)"')
set -- $head
anchor() { echo "reel-anchor 1 $1 $2 $3 00000000000000000000000000000000 1 some host"; }
anchor "$1" "$2" "$3" >right
t_ok "an anchor" "$REEL" verify --anchors right a
t_match "says up to where" "^  anchored: up to block $2, at " "$(t_out)"
anchor "$1" 2 "$3" >wrong
t_status "of another block" 3 "$REEL" verify --anchors wrong a
t_status "both" 3 "$REEL" verify --anchors right --anchors wrong a
anchor "$(printf '%032d' 5)" "$2" "$3" >foreign
t_ok "of another capture" "$REEL" verify --anchors foreign a
t_unlike "says nothing" anchored "$(t_out)"
anchor "$1" 1000 "$3" >ahead
t_status "behind the end" 3 "$REEL" verify --anchors ahead a
find a -name "*.rls" | sort | tail -n 1 | xargs rm
t_status "of a segment that is gone" 4 "$REEL" verify --key h.root --key ann.key --anchors right a
t_match "is told" "it went on to block $2 at least, by an anchor" "$(t_out)"
echo "reel-anchor 2 $1" >newer
t_status "of another version" 2 "$REEL" verify --anchors newer a
t_match "with its place" 'newer: line 1: this is no anchor' "$(t_err)"
t_done
