#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# reel replay -o: what is in a case, what becomes of it when it is written to again, and what an
# interrupted or failing run leaves of it.
. "${SRC:=$(dirname "$0")/../..}/tests/sh.inc"
cd "$TMP" || exit 1

command -v sqlite3 >/dev/null || t_skip_all "no sqlite3"
shell=$SRC/samples/web-shell.rls
policies=$SRC/samples/policies
export shell policies

ask() { sqlite3 -batch "$@"; }
whole() {
	t_is "$1: it is whole" "$(ask "$2" 'PRAGMA integrity_check; PRAGMA foreign_key_check')" ok
}

# All but the times at which it was done, and what ANALYZE found.
dump() {
	cp "$1" dump.db
	ask dump.db "UPDATE replay SET at_ns = 0; UPDATE capture SET loaded_ns = 0;
		DELETE FROM sqlite_stat1"
	ask dump.db .dump
}

# A first case -----------------------------------------------------------------------------------

t_status "a case is written beside the findings" 1 "$REEL" replay -q -r "$policies" "$shell" -o a.db
sed '/^rules /d' "$TMP/out" >with.txt
"$REEL" replay -q -r "$policies" "$shell" >without.out
sed '/^rules /d' without.out >without.txt
t_ok "and changes nothing of what is printed" cmp with.txt without.txt
whole "a first case" a.db
t_is "it is a case" "$(ask a.db 'PRAGMA application_id; PRAGMA user_version')" "1382376812
2"
t_is "only the file itself is left" "$(ls a.db*)" a.db
t_is "all tables are strict" "$(ask a.db "SELECT count(*), min(strict) FROM pragma_table_list
	WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite_%'")" \
	"$("$REEL" list tables --json | grep -c '"table"')|1"
t_is "ANALYZE was run" "$(ask a.db 'SELECT count(*) > 0 FROM sqlite_stat1')" 1
"$REEL" replay -q --json -r "$policies" "$shell" >found.json
t_is "the findings are those that are printed" \
	"$(ask a.db 'SELECT key, count FROM finding ORDER BY id')" \
	"$(jq -r 'select(.finding) | "\(.finding)|\(.count)"' found.json)"
t_is "and so are the verdicts" \
	"$(ask a.db 'SELECT name, verdict FROM verdict AS v JOIN rule AS r ON r.id = v.rule ORDER BY v.id')" \
	"$(jq -r 'select(.verdict) | "\(.rule)|\(.verdict)"' found.json)"
t_is "and their evidence" \
	"$(ask a.db "SELECT event FROM evidence WHERE match = 'first' ORDER BY finding, n")" \
	"$(jq -r 'select(.finding) | .evidence[].event.id' found.json)"
ask a.db 'SELECT json FROM evidence ORDER BY event' | jq -cS . | sort -u >evidence.json
"$REEL" dump --json "$shell" | jq -cS . | sort >dump.json
t_is "which is word for word what dump shows" "$(comm -23 evidence.json dump.json)" ""
t_is "a finding has its process and image" \
	"$(ask a.db "SELECT count(*) FROM finding AS f LEFT JOIN process AS p ON p.id = f.process
		LEFT JOIN image AS i ON i.id = f.image
		WHERE p.pid IS NOT f.pid OR i.exe IS NOT f.exe")" 0
t_is "the hashes are those that are printed" \
	"$(ask a.db 'SELECT rules_hash, captures_hash, program_hash FROM replay')" \
	"$(jq -r '.summary // empty | "\(.rules_hash)|\(.capture_hash)|\(.program_hash)"' found.json)"
t_is "a capture alone has the hash of all" "$(ask a.db 'SELECT hash = captures_hash FROM capture, replay')" 1
t_is "and what info says of it" "$(ask a.db 'SELECT capture_id, events, lost, ending FROM capture')" \
	"$("$REEL" info --json "$shell" | jq -r '"\(.capture)|\(.events)|\(.lost)|\(.ending)"')"
t_is "the file is where it was" "$(ask a.db 'SELECT path, offset FROM source')" "$shell|0"

every=$(ask a.db "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') ORDER BY name")
cat >every.py <<'END'
import sqlite3, sys
db = sqlite3.connect("file:%s?mode=ro" % sys.argv[1], uri=True)
db.text_factory = bytes
for name, in db.execute("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')").fetchall():
    for row in db.execute('SELECT * FROM "%s"' % name.decode()):
        pass
END
t_ok "python reads every table and view" python3 every.py a.db
t_match "views with times as text are there" 'process_iso' "$every"
t_is "their times are those of dump" \
	"$(ask a.db "SELECT min(time) FROM finding_events WHERE type = 'mmap'")" \
	"$(jq -r 'select(.type == "mmap").time' evidence.json | sort | head -n 1)"
t_is "findings are one view" "$(ask a.db 'SELECT count(*) FROM findings')" \
	"$(jq -r 'select(.finding).finding' found.json | wc -l)"

# Again ------------------------------------------------------------------------------------------

key=$(ask a.db 'SELECT key FROM finding ORDER BY id LIMIT 1')
ask a.db "INSERT INTO note (finding, author, text) VALUES ('$key', 'me', 'expected')"
dump a.db >before.sql
t_status "the same again" 1 "$REEL" replay -q -r "$policies" "$shell" -o a.db
dump a.db >after.sql
t_ok "changes nothing but times" cmp before.sql after.sql
t_is "notes stay" "$(ask a.db 'SELECT author, text, finding, rule IS NOT NULL FROM notes')" \
	"me|expected|$key|1"
t_status "with JSON on the way" 1 "$REEL" replay -q --json --tz +02:00 -r "$policies" "$shell" -o a.db
dump a.db >after.sql
t_ok "it is the same" cmp before.sql after.sql

t_status "other rules" 1 "$REEL" replay -q -r "$policies/execray.policy" "$shell" -o a.db
t_is "are another replay" "$(ask a.db 'SELECT count(*) FROM replay')" 2
t_is "of the same capture" "$(ask a.db 'SELECT count(*), count(DISTINCT capture) FROM replayed')" "2|1"
t_is "and the first is as it was" "$(ask a.db 'SELECT count(*) FROM finding WHERE replay = 1')" \
	"$(jq -r 'select(.finding).finding' found.json | wc -l)"
t_status "other options too" 1 "$REEL" replay -q -r "$policies" --severity high "$shell" -o a.db
t_is "with what they were" "$(ask a.db 'SELECT options FROM replay WHERE id = 3')" '{"severity":"high"}'
"$BENCH/gen" -o gen -n 20K -s 5 --segment-size 100K --block-size 16K >/dev/null || exit 1
t_ok "another capture" "$REEL" replay -q --no-rules gen -o a.db
t_is "comes in beside the first" "$(ask a.db 'SELECT path FROM capture ORDER BY id')" "$shell
gen"
t_is "with all of its segments" "$(ask a.db "SELECT path FROM source WHERE capture = 2 ORDER BY number")" \
	"$(find gen -name '*.rls' | sort)"
t_status "both at once" 1 "$REEL" replay -q -r "$policies" "$shell" gen -o a.db
t_is "are loaded only once" "$(ask a.db 'SELECT count(*) FROM capture')" 2
t_is "and replayed together" "$(ask a.db 'SELECT count(*) FROM replayed WHERE replay = 4')" 2
whole "after all this" a.db
t_ok "python reads all of it" python3 every.py a.db

# A capture that grows ---------------------------------------------------------------------------

mkdir grow
first=$(find gen -name '*.rls' | sort | head -n 1)
cp "$first" grow/
"$REEL" replay -q -r "$policies" grow -o g.db >/dev/null
events=$(ask g.db 'SELECT events FROM capture')
ask g.db "INSERT INTO note (event, text) SELECT event, 'here' FROM evidence LIMIT 1;
	CREATE TABLE mine AS SELECT key, pid, exe FROM finding"
cp gen/*.rls grow/
"$REEL" replay -q -r "$policies" grow -o g.db >/dev/null
t_is "a capture that has grown is loaded again" \
	"$(ask g.db "SELECT count(*), max(events) > $events FROM capture")" "1|1"
t_is "what was found in it before stays" \
	"$(ask g.db 'SELECT count(*) FROM finding AS f JOIN mine USING (key) WHERE f.replay = 1')" \
	"$(ask g.db 'SELECT count(*) FROM mine')"
t_is "and has processes of now" \
	"$(ask g.db 'SELECT count(*) FROM finding AS f JOIN process AS p ON p.id = f.process
		WHERE p.pid = f.pid AND p.boot = f.boot')" "$(ask g.db 'SELECT count(*) FROM finding')"
whole "then" g.db
"$REEL" replay -q --no-rules grow -o fresh.db >/dev/null
for table in $("$REEL" list tables --json | jq -r .table | sed '/^replay$/,$d'); do
	t_is "$table is what it is in a new case" "$(ask g.db "SELECT count(*) FROM $table")" \
		"$(ask fresh.db "SELECT count(*) FROM $table")"
done
cp -r gen grow2
find grow2 -name '*.rls' | sort | tail -n +2 | xargs rm
"$REEL" replay -q --no-rules "$shell" grow2 -o beside.db >/dev/null
"$REEL" replay -q --no-rules "$shell" gen -o beside.db >/dev/null
"$REEL" replay -q --no-rules "$shell" gen -o both.db >/dev/null
for table in $("$REEL" list tables --json | jq -r .table | sed '/^replay$/,$d'); do
	t_is "$table too where another capture is beside it" "$(ask beside.db "SELECT count(*) FROM $table")" \
		"$(ask both.db "SELECT count(*) FROM $table")"
done
whole "then" beside.db
rm -r grow
mkdir grow
cp "$(find gen -name '*.rls' | sort | tail -n 1)" grow/
t_match "one that has shrunk too" '^[014]$' "$("$REEL" replay -q --no-rules grow -o g.db >/dev/null; echo $?)"
whole "then" g.db
t_is "what was found in it is still there" "$(ask g.db 'SELECT count(*) FROM finding WHERE replay = 1')" \
	"$(ask g.db 'SELECT count(*) FROM mine')"

# A part of it beside it: other captures, with the same events.
"$REEL" cut -q -o part.rls --pid 325 "$shell" || exit 1
t_status "a part and the whole" 1 "$REEL" replay -q -r "$policies" "$shell" part.rls -o parts.db
whole "then" parts.db
t_is "are two captures" "$(ask parts.db 'SELECT count(*) FROM capture')" 2
t_is "and findings are tied to processes of their own" \
	"$(ask parts.db 'SELECT count(*) FROM finding AS f LEFT JOIN process AS p ON p.id = f.process
		WHERE p.boot IS NOT f.boot')" 0

# Events -----------------------------------------------------------------------------------------

t_status "events are loaded" 0 "$REEL" replay -q --no-rules --load-events "$shell" -o e.db
whole "with events" e.db
t_is "all of them" "$(ask e.db 'SELECT count(*), count(DISTINCT id) FROM event')" \
	"$(wc -l <dump.json)|$(wc -l <dump.json)"
t_is "in the order of time" "$(ask e.db 'SELECT id FROM event ORDER BY rowid')" \
	"$("$REEL" dump --json "$shell" | jq -r .id)"
"$REEL" dump --json --context "$shell" | jq -r '[.ts, .time, .type, .pid, .ret, .errno, .path, .ppid,
	if .type == "exec" then "" else .exe end]
	| map(. // "") | join("|")' >events.want
ask e.db "SELECT ts, time, type, pid, ret, errno, path, ppid,
	CASE WHEN type = 'exec' THEN '' ELSE exe END FROM event" >events.got
t_ok "with what dump says of them" cmp events.want events.got
t_is "and their own fields as JSON" "$(ask e.db "SELECT fields FROM event WHERE type = 'open'" | jq -cS . | head -n 50)" \
	"$("$REEL" dump --json --type open "$shell" | jq -cS 'del(.type, .id, .ts, .time, .pid, .tid, .ret,
		.errno, .syscall, .abi, .fault, .truncated, .raced, .blocked, .restarted, .keyframe, .partial)' |
		head -n 50)"
t_is "a type has a view" "$(ask e.db 'SELECT argv FROM event_exec ORDER BY ts')" \
	"$("$REEL" dump --json --type exec "$shell" | jq -c .argv)"
t_is "under its own name too" "$(ask e.db 'SELECT count(*) FROM open')" \
	"$("$REEL" dump --json --type open "$shell" | wc -l)"
t_is "unless a table has it" "$(ask e.db "SELECT type FROM sqlite_schema WHERE name = 'clock'")" table
t_is "labels are numbers, with their names" \
	"$(ask e.db 'SELECT DISTINCT path_from_name, typeof(path_from) FROM open ORDER BY 1')" \
	"$("$REEL" dump --json --type open "$shell" | jq -r '"\(.path_from)|integer"' | sort -u)"
t_status "again" 0 "$REEL" replay -q --no-rules --load-events "$shell" -o e.db
t_is "they are not doubled" "$(ask e.db 'SELECT count(*) FROM event')" "$(wc -l <dump.json)"
t_ok "of another capture" "$REEL" replay -q --no-rules --load-events gen -o e.db
t_is "they come in beside" "$(ask e.db 'SELECT count(DISTINCT capture), count(*) = (SELECT sum(events_loaded) FROM capture) FROM event')" "2|1"
t_ok "later, to a capture that is there" "$REEL" replay -q --no-rules --load-events gen -o fresh2.db
"$REEL" replay -q --no-rules gen -o later.db >/dev/null
"$REEL" replay -q --no-rules --load-events gen -o later.db >/dev/null
t_is "they come too" "$(ask later.db 'SELECT count(*) FROM event')" "$(ask fresh2.db 'SELECT count(*) FROM event')"
t_ok "python reads these" python3 every.py e.db

# Captures that are not whole --------------------------------------------------------------------

for capture in "$SRC"/tests/golden/*.rls "$SRC"/tests/golden/two-boots "$SRC"/tests/golden/losses \
	"$SRC"/tests/golden/clock-steps "$SRC"/tests/golden/headless "$SRC"/tests/golden/retired; do
	name=$(basename "$capture")
	"$REEL" replay -q --no-rules --load-events "$capture" -o golden.db >out 2>err && status=0 || status=$?
	case $status in
	0 | 4)
		t_is "$name: the case holds" "$(ask golden.db 'PRAGMA integrity_check; PRAGMA foreign_key_check')" ok
		t_is "$name: all that can be read" "$(ask golden.db 'SELECT count(*) FROM event')" \
			"$("$REEL" dump -q --json "$capture" 2>/dev/null | wc -l)"
		python3 every.py golden.db || t_fail "$name: python"
		;;
	3) t_is "$name: no case of nothing" "$(ls golden.db 2>&1 | grep -c '^golden.db$')" 0 ;;
	*) t_fail "$name: status $status" "$(cat err)" ;;
	esac
	rm -f golden.db
done

# What goes wrong --------------------------------------------------------------------------------

echo "no database, but long enough to look like one if somebody reads a hundred bytes of it, as SQLite does" >text
cp text text.before
t_status "what is no database" 6 "$REEL" replay -q --no-rules "$shell" -o text
t_match "is named" 'text: it is no SQLite database' "$(t_err)"
t_ok "and stays as it is" cmp text text.before
sqlite3 other.db 'CREATE TABLE t (a)'
t_status "another database" 6 "$REEL" replay -q --no-rules "$shell" -o other.db
t_match "is no case" 'other.db: it is a database, but no case of reel' "$(t_err)"
cp a.db newer.db
sqlite3 newer.db 'PRAGMA user_version = 99'
t_status "a case of another version" 6 "$REEL" replay -q --no-rules "$shell" -o newer.db
t_match "is refused" 'newer.db: a case of version 99; this reel has version 2' "$(t_err)"
t_status "no such directory" 6 "$REEL" replay -q --no-rules "$shell" -o nowhere/a.db
t_match "is said" 'nowhere/a.db: cannot make it: No such file' "$(t_err)"
t_status "a directory" 6 "$REEL" replay -q --no-rules "$shell" -o gen
t_match "is no file" 'gen: it is no file' "$(t_err)"
t_status "standard input" 2 "$REEL" replay -q -r "$policies" - -o x.db
t_match "cannot be loaded" 'captures that lie on disk' "$(t_err)"
t_status "--load-events without a case" 2 "$REEL" replay --load-events "$shell"
t_status "--no-rules without a case" 2 "$REEL" replay --no-rules "$shell"
t_status "--follow with one" 2 "$REEL" replay -r "$policies" --follow gen -o x.db
t_is "none of these made one" "$(ls x.db* nowhere 2>/dev/null)" ""

# on_tmpfs OPTIONS COMMAND: it can use a directory full, where a file system of its own is.
mkdir full
on_tmpfs() {
	unshare -rm sh -c 'mount -t tmpfs -o "$1" tmpfs full && eval "$2"' sh "$1" "$2"
}
if on_tmpfs size=1M true 2>/dev/null; then
	t_status "a full disk" 6 on_tmpfs size=1M '"$REEL" replay -q --no-rules --load-events gen -o full/a.db
		status=$?; ls full >left; exit $status'
	t_match "is said, with the file" 'full/a.db: .*[Nn]o space left' "$(t_err)"
	t_is "and nothing is left of it" "$(cat left)" ""
	"$REEL" replay -q -r "$policies" "$shell" -o small.db >small.out
	t_status "with a case already there" 6 on_tmpfs size=2M 'cp small.db full/a.db && ls full >had
		"$REEL" replay -q --no-rules --load-events gen -o full/a.db
		status=$?; ls full >left; cp full/a.db kept.db; exit $status'
	t_is "that one stays" "$(ask kept.db 'SELECT count(*) FROM finding; PRAGMA integrity_check')" \
		"$(ask small.db 'SELECT count(*) FROM finding')
ok"
	t_ok "and nothing beside it" cmp had left
	t_status "a file system that is read only" 6 on_tmpfs ro '"$REEL" replay -q --no-rules "$shell" -o full/a.db'
	t_match "is said" 'full/a.db: cannot make it: Read-only file system' "$(t_err)"
else
	t_skip "a full disk" "no file system can be mounted"
fi

# begun CASE FILE BYTES: a load of much into it, that goes on when FILE (with its pid for PID) has
# become larger than that.
"$BENCH/gen" -o much -n 200K -s 6 >/dev/null || exit 1
begun() {
	"$REEL" replay -q --no-rules --load-events much -o "$1" 2>talk &
	pid=$!
	file=$(echo "$2" | sed "s/PID/$pid/")
	while kill -0 $pid 2>/dev/null; do
		[ "$(stat -c %s "$file" 2>/dev/null || echo -1)" -le "$3" ] || return 0
		sleep 0.01
	done
	t_fail "$1: the load was over too soon"
}
ended() {
	kill "$1" $pid
	wait $pid 2>/dev/null && status=0 || status=$?
}
begun i.db i.db.new-PID -1
sleep 0.1
ended -INT
t_is "interrupted it says so" "$status $(cat talk)" "6 reel replay: interrupted"
t_is "and leaves nothing" "$(ls i.db* 2>/dev/null)" ""
begun k.db k.db.new-PID 1000000
ended -KILL
t_is "killed, a new case is not there" "$(ls k.db 2>/dev/null)" ""
t_is "what it leaves says whose it was" "$(ls k.db*)" "k.db.new-$pid"
cp a.db k.db
dump k.db >before.sql
begun k.db k.db "$(stat -c %s k.db)"
ended -KILL
t_is "killed, an old one was being written" "$(ls k.db-journal)" k.db-journal
t_is "and is as it was" "$(ask k.db 'SELECT count(*) FROM capture; PRAGMA integrity_check')" "2
ok"
dump k.db >after.sql
t_ok "in all its rows" cmp before.sql after.sql
t_ok "and can be written to" "$REEL" replay -q --no-rules much -o k.db
whole "then" k.db

sqlite3 a.db 'BEGIN IMMEDIATE' '.shell "$REEL" replay -q --no-rules much -o a.db 2>locked; echo $? >>locked'
t_match "one that is locked" 'a.db: another program has locked it' "$(cat locked)"
t_is "is an error" "$(tail -n 1 locked)" 6

# How it is described ----------------------------------------------------------------------------

"$REEL" list tables --format markdown >tables.md
sed -n '/^## Tables/,$p' "$SRC/query/SCHEMA.md" >schema.md
t_ok "SCHEMA.md is of these tables" cmp schema.md tables.md
sed -n '/^## Tables/q;p' "$SRC/query/SCHEMA.md" >prose.md
t_match "and of this version" "is $(ask a.db 'PRAGMA application_id') .*is $(ask a.db 'PRAGMA user_version')\." \
	"$(tr '\n' ' ' <prose.md)"
ask a.db "SELECT m.name || ' ' || p.name FROM sqlite_schema AS m, pragma_table_info(m.name) AS p
	WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' ORDER BY m.rowid, p.cid" >columns.got
"$REEL" list tables --json | jq -r 'select(.table) | .table as $t | .columns[] | "\($t) \(.name)"' >columns.want
t_ok "list tables has the columns of a case" cmp columns.want columns.got
t_is "and its views" "$("$REEL" list tables --json | jq -r '.view // empty' | sort)" \
	"$(ask a.db "SELECT name FROM sqlite_schema WHERE type = 'view' AND name NOT LIKE '%_iso' ORDER BY 1")"
t_status "tables have no types" 2 "$REEL" list tables --type open
t_status "events are no markdown" 2 "$REEL" list events --format markdown

t_done
