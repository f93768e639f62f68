#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Slices from the command line: what is asked wrong, limits, and what is said of what they cut.
. "${SRC:-$(dirname "$0")/../..}/tests/sh.inc"

query() { "$REEL" query "$@"; }

t_ok "a case" "$REEL" replay -q --no-rules -o "$TMP/case.db" "$SRC/samples/web-shell.rls"
case=$TMP/case.db

refused() {
	refused_name=$1 refused_why=$2
	shift 2
	t_status "$refused_name" 2 query "$case" "$@"
	t_match "$refused_name: says why" "$refused_why" "$(t_err)"
	t_is "$refused_name: one line" "$(t_err | wc -l)" 1
}

refused "a path that is not there" 'the case has no path /nope$' @forward path=/nope
refused "a pid that is not there" 'the case has no pid 77777$' @backward pid=77777
refused "a pid that nobody had then" 'the case has no pid 322 at that time$' @forward pid=322 at=2026-11-21T14:08:02Z
refused "an address that is not there" 'the case has no addr 192\.0\.2\.250:1$' @backward addr=192.0.2.250:1
refused "nowhere to start" 'needs a direction, what it starts at and its value' @forward
refused "two places to start" 'not at "path and pid"' @forward path=/tmp/.u pid=3
refused "another direction" 'forward or backward, not "down"' "SELECT * FROM slice('down', 'path', '/tmp/.u')"
refused "another kind" 'one of path, pid, addr, process, file or connection, not at "inode"' \
	"SELECT * FROM slice('forward', 'inode', 1)"
refused "no arguments" 'needs a direction' "SELECT * FROM slice"
refused "a wrong time" 'slice|time' "SELECT * FROM slice('forward', 'path', '/tmp/.u', 'yesterday')"
refused "a boottime" 'wall time' "SELECT * FROM slice('forward', 'path', '/tmp/.u', '@1')"
refused "steps that are no number" 'steps is a number, not "many"' \
	"SELECT * FROM slice('forward', 'path', '/tmp/.u', NULL, 'many')"
refused "no nodes" 'nodes are 1 to 100000' @forward path=/tmp/.u nodes=0
refused "too many steps" 'steps are 0 to 1000' @forward path=/tmp/.u steps=1001
refused "no width" 'width is 1 to 100000' @forward path=/tmp/.u width=0
refused "a pattern that fits too much" 'fits more than 5: say more exactly which' @forward 'path=/usr/*' nodes=5
t_match "a database that is no case" 'slice: no such table: file' "$(printf '%s\n' ".load $SRC/.output/reel" \
	"SELECT * FROM slice('forward', 'path', '/tmp/x');" | sqlite3 2>&1)"

labels() {
	query "$case" --format text --no-header \
		"SELECT printf('%*s', depth, '') || substr(label, 1, 24) || coalesce(' (' || note || ')', '') FROM slice($1)"
}

t_is "no step" "$(labels "'forward', 'path', '/tmp/.u', NULL, 0")" "/tmp/.u (cut: 1 more beyond the steps)"
t_is "one step" "$(labels "'forward', 'path', '/tmp/.u', NULL, 1")" "/tmp/.u
 .u[322] (/usr/bin/dash)  (cut: 2 more beyond the steps)"
t_is "one node" "$(labels "'forward', 'path', '/tmp/.u', NULL, NULL, 1")" "/tmp/.u (cut: 1 more beyond the nodes)"
t_is "two nodes" "$(labels "'forward', 'path', '/tmp/.u', NULL, NULL, 2")" "/tmp/.u
 .u[322] (/usr/bin/dash)  (cut: 2 more beyond the nodes)"
t_is "one behind each" "$(labels "'forward', 'path', '/tmp/.u', NULL, NULL, NULL, 1")" "/tmp/.u
 .u[322] (/usr/bin/dash)  (cut: 1 more beyond the width)
  cp[324] /bin/bash /tmp/.
   /tmp/.kworkerd
    .kworkerd[325] -c exec 3 (cut: 5 more beyond the width)
     tcp 203.0.113.66:4444"
t_is "several roots" "$(query "$case" --format text --no-header \
	"SELECT group_concat(label, ' ') FROM slice('forward', 'path', '/tmp/.[u]', NULL, 0)")" "/tmp/.u"
t_is "until a moment" "$(labels "'backward', 'path', '/tmp/.u', '2026-11-21T14:08:04.150Z'")" "/tmp/.u"
t_is "by its name of an id" "$(query "$case" --format text --no-header "SELECT label FROM slice('forward', 'process',
	(SELECT id FROM process WHERE pid = 333))")" "rm[333] /var/log/www/access.log /tmp/.u"
t_is "each event is there" "$(query "$case" --format text --no-header "SELECT count(*), sum(event IN (SELECT event FROM edge))
	FROM slice('forward', 'path', '/tmp/.u') WHERE edge IS NOT NULL" | tr '\t' ' ')" "13 13"
t_is "joined with a table" "$(query "$case" --format text --no-header "SELECT p.pid FROM
	slice('forward', 'path', '/tmp/.u', NULL, 1) AS s JOIN process AS p ON s.node = 'process' AND p.id = s.node_id")" 322
t_match "as a tree" '^└─ \.u\[322\] \(/usr/bin/dash\) /tmp/\.u  edge=read exec' "$(query "$case" @forward path=/tmp/.u)"
t_match "straight on a capture" '^   ├─ cp\[324\]' "$(query "$SRC/samples/web-shell.rls" @forward path=/tmp/.u)"
t_unlike "arguments stay in the house" '/bin/bash /tmp' "$(query --redact args "$case" @forward path=/tmp/.u)"
t_done
