#!/bin/sh
# The extension in the stock sqlite3: tables, columns, what is pushed down, errors, functions.
. "${SRC:=$(dirname "$0")/../..}/tests/sh.inc"

EXTENSION="$SRC/.output/reel"
[ -f "$EXTENSION.so" ] || t_skip_all "there is no $EXTENSION.so"
[ -x "$BENCH/gen" ] || t_skip_all "there is no $BENCH/gen"
command -v sqlite3 >/dev/null || t_skip_all "there is no sqlite3"
cd "$TMP" || exit 1
"$BENCH/gen" -o cap -n 60K -s 31 --segment-size 300K --block-size 32K >/dev/null || exit 1

# sql CAPTURE STATEMENT...: the statements with that capture open, its own line left out.
sql() {
	sql_capture=$1
	shift
	{
		printf ".load '%s'\n" "$EXTENSION"
		printf ".output open.out\nSELECT reel_open('%s');\n.output\n" "$sql_capture"
		printf '%s;\n' "$@"
	} | sqlite3 -batch -bail :memory: 2>&1
}
# Without one.
bare() {
	{
		printf ".load '%s'\n" "$EXTENSION"
		printf '%s;\n' "$@"
	} | sqlite3 -batch -bail :memory: 2>&1
}
golden="$SRC/tests/golden"
web="$SRC/samples/web-shell.rls"

# What there is.
t_match "it says its version" "^reel [0-9]" "$(bare 'SELECT reel_version()')"
t_is "each event is a row" "$(sql cap 'SELECT count(*) FROM event')" \
	"$("$REEL" dump --json cap | wc -l)"
t_is "a table of functions" "$(bare "SELECT count(*) FROM reel_event('cap')")" \
	"$("$REEL" dump --json cap | wc -l)"
t_is "of a type, too" "$(bare "SELECT count(*), count(DISTINCT capture), min(capture) FROM open('cap')")" \
	"$("$REEL" dump --json --type open cap | wc -l)|1|cap"
t_is "two captures at once" "$(bare "SELECT reel_open('cap', '$web')" "SELECT count(*) FROM event")" \
	"2
$(($("$REEL" dump --json cap | wc -l) + $("$REEL" dump --json "$web" | wc -l)))"
t_is "one after the other" "$(bare "SELECT reel_open('cap')" "SELECT reel_open('$web')" \
	"SELECT count(DISTINCT host) FROM event" "SELECT reel_close()" "SELECT reel_open('$web')" \
	"SELECT count(*) FROM event")" "1
2
2

1
$("$REEL" dump --json "$web" | wc -l)"
"$REEL" list tables --json | jq -r '.table // .name' | sort -u >tables
t_is "each type has a table, and an alias unless a case has a table of that name" \
	"$(bare "SELECT substr(name, 7) FROM pragma_module_list WHERE name LIKE 'event\\_%' ESCAPE '\\'
		AND substr(name, 7) NOT IN (SELECT name FROM pragma_module_list)" | sort)" \
	"$(bare "SELECT substr(name, 7) FROM pragma_module_list WHERE name LIKE 'event\\_%' ESCAPE '\\'" |
		sort | comm -12 - tables)"
t_is "a real table of the name goes before" \
	"$(sql cap 'CREATE TABLE process(pid)' 'INSERT INTO process VALUES (7)' 'SELECT * FROM process')" 7
t_is "its events are still there" "$(sql cap 'CREATE TABLE process(pid)' \
	'SELECT count(*) FROM event_process')" "$("$REEL" dump --json --type process cap | wc -l)"

# Columns.
t_is "common ones" "$(bare "SELECT group_concat(name, ' ') FROM pragma_table_xinfo('event')")" \
	"capture id ts time_ns time host type class cpu seq pid tid ret errno syscall abi flags path ppid comm exe uid fields"
t_is "the first is hidden" \
	"$(bare "SELECT name FROM pragma_table_xinfo('event') WHERE hidden")" capture
t_is "numbers are integers, names beside" "$(bare "SELECT name || ' ' || type FROM
	pragma_table_info('open') WHERE name LIKE '%flags%' OR name = 'created_name' OR name = 'path'")" \
	"flags TEXT
open_flags INTEGER
open_flags_name TEXT
path TEXT
created_name TEXT"
all="$golden/all-types.rls"
t_is "a path that is not UTF-8 is a blob" "$(sql "$all" \
	"SELECT typeof(path), count(*) FROM open GROUP BY 1 ORDER BY 1")" "blob|2
text|2"
t_is "exactly" "$(sql "$all" "SELECT count(*) FROM open WHERE typeof(path) = 'blob' AND
	hex(path) IN (SELECT hex(path) FROM event WHERE type = 'open')")" 2
t_is "flags have names" "$(sql "$web" "SELECT open_flags_name FROM open WHERE open_flags = 524288 LIMIT 1")" \
	"O_RDONLY|O_CLOEXEC"
t_is "signals too" "$(sql "$web" "SELECT DISTINCT signal_name FROM exit WHERE signal = 0")" 0
t_is "arguments are a list" "$(sql "$web" "SELECT argv ->> 0 FROM exec
	WHERE json_array_length(argv) = 2 AND argv ->> 1 = '/srv/www/start'")" "/bin/sh"
t_is "addresses are text" "$(sql "$web" \
	"SELECT count(*) FROM connect WHERE typeof(addr) <> 'text'")" 0
t_is "what is not there is NULL" "$(sql "$web" "SELECT count(*) FROM open WHERE
	(ret < 0) <> (fd IS NULL)")" 0
t_is "an errno only where a call failed" "$(sql "$web" "SELECT count(*) FROM event WHERE
	errno IS NOT NULL AND ret >= 0")" 0
t_is "fields are JSON" "$(sql "$web" "SELECT count(*) FROM event WHERE NOT json_valid(fields)")" 0

# What is read for it: how many blocks a question needs.
blocks() { # SELECT: blocks unpacked, of how many
	sql cap "$1" "SELECT 'blocks', unpacked, blocks FROM reel_reading" | sed -n 's/^blocks|//p'
}
total=$(blocks 'SELECT 1' | sed 's/.*|//')
is_few() { # name, statement, most
	is_few_got=$(blocks "$2" | sed 's/|.*//')
	if [ "$is_few_got" -le "$3" ]; then
		t_pass "$1 ($is_few_got of $total blocks)"
	else
		t_fail "$1" "$is_few_got of $total blocks, not $3"
	fi
}
ts=$(sql cap 'SELECT ts FROM event ORDER BY ts LIMIT 1 OFFSET 30000')
ns=$(sql cap "SELECT time_ns FROM event WHERE ts = $ts")
time=$(sql cap "SELECT time FROM event WHERE ts = $ts")
pid=$(sql cap 'SELECT pid FROM exit ORDER BY ts LIMIT 1 OFFSET 100')
id=$(sql cap "SELECT id FROM event WHERE ts = $ts LIMIT 1")
few=$((total / 8))
is_few "time: ts" "SELECT id FROM event WHERE ts = $ts" "$few"
is_few "time: time_ns" "SELECT id FROM event WHERE time_ns BETWEEN $ns - 10 AND $ns" "$few"
is_few "time: text" "SELECT id FROM event WHERE time = '$time'" "$few"
is_few "type" "SELECT count(pid) FROM event WHERE type = 'chown'" $((total - total / 8))
is_few "types" "SELECT count(pid) FROM event WHERE type IN ('mount', 'kexec')" 1
is_few "no such type" "SELECT count(pid) FROM event WHERE type = 'nonsense'" 0
is_few "the table of a type" "SELECT count(pid) FROM kexec" 0
is_few "pid" "SELECT count(ts) FROM event WHERE pid = $pid" "$few"
is_few "pids" "SELECT count(ts) FROM event WHERE pid IN ($pid, 999999)" "$few"
is_few "pid of a join" "WITH p(pid) AS (VALUES ($pid)) SELECT count(ts) FROM p JOIN event USING (pid)" "$few"
is_few "pid and time" "SELECT count(*) FROM event WHERE pid = $pid AND ts < 5" 0
is_few "in order only what is needed" "SELECT id FROM event ORDER BY ts LIMIT 5" "$few"
is_few "a number that cannot be" "SELECT id FROM event WHERE pid = 'x'" 0
is_few "NULL" "SELECT id FROM event WHERE pid = NULL" 0
exe=$(sql cap 'SELECT exe FROM exit GROUP BY exe ORDER BY count(*) LIMIT 1')
is_few "exe" "SELECT count(*) FROM event WHERE exe = '$exe'" $((total - total / 8))
t_is "the rows of an exe are all that its processes have" \
	"$(sql cap "SELECT count(*) FROM event WHERE exe = '$exe'")" \
	"$("$REEL" dump --json --context cap | jq -r --arg exe "$exe" 'select((.type | IN("exec", "process") | not) and .exe == $exe).id' | wc -l | sed 's/ //g' | {
		read -r n
		echo $((n + $(sql cap "SELECT count(*) FROM event WHERE +exe = '$exe' AND type IN ('exec', 'process')")))
	})"
looked() { sql cap "$1" "SELECT 'events', events FROM reel_reading" | sed -n 's/^events|//p'; }
path=$(sql cap "SELECT path FROM open WHERE path IS NOT NULL GROUP BY 1 HAVING count(*) = 1 LIMIT 1")
plain=$(looked "SELECT count(*) FROM event WHERE (+path) = '$path'")
for how in "= '$path'" "GLOB '$path*'" "LIKE '$path%'" "GLOB '*${path#?}'" "LIKE '%${path#??}%'"; do
	some=$(looked "SELECT count(*) FROM event WHERE path $how")
	if [ "$some" -lt $((plain / 4)) ]; then
		t_pass "path ${how%%\'*}: events are looked at where it is"
	else
		t_fail "path ${how%%\'*}" "$some of $plain events were looked at"
	fi
done
t_is "an id" "$(sql cap "SELECT ts FROM event WHERE id = '$id'")" "$ts"
t_is "an id, whose it is, in order" \
	"$(sql cap "SELECT ts FROM event WHERE id = '$id' AND pid >= 0 AND coalesce(exe, '') >= '' ORDER BY ts")" "$ts"
ids="SELECT id FROM event WHERE ts < $ts ORDER BY ts LIMIT 300"
t_is "many ids" "$(sql cap "SELECT count(*) FROM event WHERE id IN ($ids)")" 300
t_match "read all once, and then only what has it" "^$((total + 1))\$|^$((total + 2))\$" \
	"$(blocks "SELECT 1 FROM event WHERE id = '$id'" | sed 's/|.*//')"
t_is "no id" "$(sql cap "SELECT ts FROM event WHERE id IN ('x', '00000000-0-1', '$id ')")" ""

# The plan says so.
plan() { sql cap "EXPLAIN QUERY PLAN $1" | grep -v '^QUERY PLAN'; }
t_match "a plan in words" "VIRTUAL TABLE INDEX 0:ts>=\\?, ts<\\?, type=\\?, pid IN \\?" \
	"$(plan "SELECT id FROM event WHERE ts >= 1 AND ts < 9 AND type = 'open' AND pid IN (1, 2)")"
t_unlike "no sorting by ts" "TEMP B-TREE" "$(plan 'SELECT id FROM event ORDER BY ts')"
t_unlike "nor by wall time" "TEMP B-TREE" "$(plan 'SELECT id FROM event ORDER BY time_ns')"
t_unlike "nor to group by type" "TEMP B-TREE" "$(plan 'SELECT type, count(*) FROM event GROUP BY type')"
t_match "backwards needs it" "TEMP B-TREE" "$(plan 'SELECT id FROM event ORDER BY ts DESC')"
t_unlike "another collation is not pushed down" "path=" \
	"$(plan "SELECT id FROM event WHERE path = '/X' COLLATE NOCASE")"
t_is "and has its rows" "$(sql "$web" "SELECT count(*) > 0 FROM event WHERE type = 'EXEC' COLLATE NOCASE")" 1
t_match "where clocks step there is no order" "TEMP B-TREE" \
	"$(sql "$golden/clock-steps" 'EXPLAIN QUERY PLAN SELECT id FROM event ORDER BY time_ns')"
t_match "nor from boot to boot" "TEMP B-TREE" \
	"$(sql "$golden/two-boots" 'EXPLAIN QUERY PLAN SELECT id FROM event ORDER BY ts')"
sql "$golden/two-boots" 'SELECT ts FROM event ORDER BY ts' >got
sort -n got >want
t_is "and it is sorted all the same" "$(cmp got want && echo same)" same

# What goes wrong.
t_match "no capture" "no capture is open: call reel_open" "$(bare 'SELECT * FROM event')"
t_match "none of that name" "nowhere.*: No such file" "$(bare "SELECT reel_open('nowhere')")"
t_match "nor as an argument" "nowhere.*: No such file" "$(bare "SELECT * FROM event('nowhere')")"
echo nonsense >text
t_match "no capture at all" "text: no segment of a capture is in it" "$(bare "SELECT * FROM open('text')")"
t_match "no argument" "which capture" "$(bare 'SELECT reel_open()')"
t_is "an argument that is NULL is no capture" "$(sql cap 'SELECT count(*) FROM event(NULL)')" 0
t_match "it cannot be written to" "may not be modified" "$(sql cap 'DELETE FROM event')"
t_is "what was open stays open" "$(sql cap 'SELECT count(*) > 0 FROM event' | head -n 1)" 1

# Damage, losses.
t_is "a sound one is without trouble" "$(sql cap 'SELECT count(*) FROM event' \
	'SELECT count(*) FROM reel_health' | tail -n 1)" 0
t_is "damage is noted, with its place" "$(sql "$golden/damaged.rls" 'SELECT count(*) FROM event' \
	"SELECT count(*) > 0, min(path = '$golden/damaged.rls'), min(offset) > 0 FROM reel_health WHERE what = 'damage'" |
	tail -n 1)" "1|1|1"
losses="$golden/older-all.rls"
lost=$("$REEL" dump "$losses" 2>&1 >/dev/null | sed -n 's/.*: \([0-9]*\) events were lost.*/\1/p')
t_is "losses are counted" "$(sql "$losses" 'SELECT count(*) FROM event' \
	"SELECT n FROM reel_health WHERE what = 'lost'" | tail -n 1)" "$lost"
t_is "once" "$(sql "$losses" 'SELECT count(*) FROM event' 'SELECT count(pid) FROM open' \
	"SELECT n FROM reel_health WHERE what = 'lost'" | tail -n 1)" "$lost"
t_is "but not those of another time" "$(sql "$losses" 'SELECT count(*) FROM event WHERE ts < 1' \
	"SELECT count(*) FROM reel_health WHERE what = 'lost'" | tail -n 1)" 0
t_is "torn" "$(sql "$golden/torn.rls" "SELECT count(*) FROM reel_health WHERE what = 'torn_bytes'")" 1

# Interrupting: a question that no row comes of.
cat >interrupt.py <<'END'
import sqlite3, sys, threading, time
db = sqlite3.connect(":memory:", check_same_thread=False)
db.enable_load_extension(True)
db.load_extension(sys.argv[1])
db.execute("SELECT reel_open(?)", [sys.argv[2]])
begun = time.monotonic()
over = threading.Event()

def interrupt():
    """Again and again: between two statements there is nothing to interrupt."""
    time.sleep(0.2)
    while not over.wait(0.003):
        db.interrupt()

thread = threading.Thread(target=interrupt, daemon=True)
thread.start()
try:
    while time.monotonic() < begun + 20:
        for order in "", " ORDER BY ts":
            db.execute("SELECT id FROM event WHERE path = '/no/such'" + order).fetchall()
    print("not interrupted")
except sqlite3.OperationalError as e:
    print(e)
over.set()
thread.join()
print("soon" if time.monotonic() - begun < 10 else "late")
print(db.execute("SELECT count(*) > 0 FROM event").fetchone()[0])
END
t_is "it can be interrupted, and goes on" "$(/usr/bin/python3 interrupt.py "$EXTENSION" cap)" "interrupted
soon
1"

# Functions.
f() { bare "SELECT $1"; }
t_is "time_text" "$(f 'time_text(1700000000123456789), time_text(NULL)')" \
	"2023-11-14T22:13:20.123456789Z|"
t_is "ns_of" "$(f "ns_of('2023-11-14T22:13:20.5Z'), ns_of('2023-11-14T23:13:20+01:00')")" \
	"1700000000500000000|1700000000000000000"
t_match "ns_of: no time" "ns_of|time" "$(f "ns_of('yesterday')")"
t_is "and back" "$(sql "$web" 'SELECT count(*) FROM event WHERE ns_of(time) <> time_ns OR time_text(time_ns) <> time')" 0
t_is "duration_text, size_text" "$(f 'duration_text(125000000000), duration_text(-450000000), size_text(12900000)')" \
	"2m05s|-450ms|12.3 MiB"
t_is "errno_name" "$(f 'errno_name(2), errno_name(-13), errno_name(99999)')" "ENOENT|EACCES|"
t_is "signal_name, syscall_name" "$(f 'signal_name(9), syscall_name(59)')" "SIGKILL|execve"
t_is "flags_text" "$(f "flags_text('open_flags', 577)")" "O_WRONLY|O_CREAT|O_TRUNC"
t_match "no such flags" "no values are called 'x'" "$(f "flags_text('x', 1)")"
t_is "flag_value" "$(f "flag_value('open_flags', 'O_CREAT'), flag_value('open_flags', 'X')")" "64|"
t_is "in_cidr" "$(f "in_cidr('10.1.2.3', '10.0.0.0/8'), in_cidr('11.1.2.3', '10.0.0.0/8'),
	in_cidr('fe80::1', 'fe80::/10'), in_cidr('10.1.2.3', '::/0'), in_cidr('10.1.2.3', '10.1.2.3'),
	in_cidr('x', '::/0'), in_cidr('10.1.2.3', '10.1.2.0/31')")" "1|0|1|1|1||0"
t_match "no network" "is no network" "$(f "in_cidr('10.1.2.3', '10.0.0.0/40')")"
t_is "addr_kind" "$(f "addr_kind('8.8.8.8'), addr_kind('192.168.1.1'), addr_kind('::1'), addr_kind('fe80::1'),
	addr_kind('0.0.0.0'), addr_kind('172.32.0.1'), addr_kind('/x')")" \
	"public|private|loopback|link-local|unspecified|public|"

t_done
