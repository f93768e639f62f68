#!/bin/sh
# query: formats, values, errors with their places, parameters, named queries, redaction, what is
# not changed, interrupts, exit statuses.
. "${SRC:=$(dirname "$0")/../..}/tests/sh.inc"

command -v sqlite3 >/dev/null || t_skip_all "there is no sqlite3"
[ -x "$BENCH/gen" ] || t_skip_all "there is no $BENCH/gen"
cd "$TMP" || exit 1
HOME=$TMP/home XDG_CONFIG_HOME=
export HOME XDG_CONFIG_HOME

sqlite3 t.db "
CREATE TABLE t(a, b, c);
INSERT INTO t VALUES (1, 'plain text', x'ff00fe'), (9223372036854775807, NULL, ''),
	(-5, '日本語', 0.1), (NULL, 'a' || char(27) || '[31m' || char(10), 1e300);
CREATE TABLE process(id INTEGER PRIMARY KEY, pid INTEGER, comm TEXT, exe TEXT, argv TEXT, env TEXT);
INSERT INTO process VALUES (1, 10, 'curl', '/home/alice/bin/curl',
	'[\"curl\",\"-u\",\"alice:geheim\",\"--data=geheim\",\"/root/x\"]', '[\"A=geheim\",\"HOME=/home/alice\"]');
CREATE TABLE user(name, home);
INSERT INTO user VALUES ('alice', '/home/alice'), ('root', '/root');
CREATE VIEW shown AS SELECT comm || ' ' || argv AS what FROM process;"

# Formats.
t_ok "text" "$REEL" query t.db 'SELECT * FROM t'
t_is "is the default of a pipe: tabs, quotes around what has to be escaped" "$(t_out)" \
	"$(printf 'a\tb\tc\n1\tplain text\t"\\xff\\x00\\xfe"\n9223372036854775807\t\t""\n-5\t日本語\t0.1\n\t"a\\x1b[31m\\n"\t1e+300')"
t_ok "without a header" "$REEL" query --no-header t.db 'SELECT 1, 2'
t_is "there is none" "$(t_out)" "$(printf '1\t2')"
t_ok "NULL as one likes it" "$REEL" query --no-header --null '(none)' t.db "SELECT NULL, ''"
t_is "can be told" "$(t_out)" "$(printf '(none)\t""')"
t_ok "table" "$REEL" query --format table t.db 'SELECT * FROM t'
t_is "stands by width" "$(t_out)" "$(printf '%s\n' \
	'                  a  b              c' \
	'-------------------  -------------  --------------' \
	'                  1  plain text     "\xff\x00\xfe"' \
	'9223372036854775807                 ""' \
	'                 -5  日本語         0.1' \
	'                     "a\x1b[31m\n"  1e+300')"
t_ok "json" "$REEL" query --json t.db 'SELECT * FROM t'
t_is "has exact numbers" "$(sed -n 2p "$TMP/out")" '{"a":9223372036854775807,"b":null,"c":""}'
t_is "binary as text and hex" "$(sed -n 1p "$TMP/out" | jq -c '[.c, .c_hex]')" '["�\u0000�","ff00fe"]'
t_is "shortest reals" "$(sed -n 3p "$TMP/out")" '{"a":-5,"b":"日本語","c":0.1}'
t_is "every line is an object" "$(jq -r type "$TMP/out" | sort | uniq -c | tr -s ' ')" " 4 object"
t_ok "array" "$REEL" query --format array t.db 'SELECT a FROM t'
t_is "is one" "$(jq -c 'map(.a) | length' "$TMP/out")" 4
t_ok "an empty array" "$REEL" query --format array t.db 'SELECT a FROM t WHERE 0'
t_is "is one, too" "$(jq -c . "$TMP/out")" '[]'
t_ok "pretty" "$REEL" query --format pretty t.db "SELECT a, b FROM t WHERE a = 1"
t_is "is the same" "$(jq -c . "$TMP/out")" '{"a":1,"b":"plain text"}'
t_ok "JSON in columns" "$REEL" query --json t.db 'SELECT argv FROM process'
t_is "is nested" "$(jq -r '.argv[1]' "$TMP/out")" -u
t_ok "csv" "$REEL" query --format csv t.db "SELECT 'a,b' AS x, '\"' AS y, NULL AS z, '' AS e, x'ff' AS f"
t_is "quotes, and has bytes as they are" "$(od -An -c "$TMP/out" | tr -d ' \n')" \
	'x,y,z,e,f\n"a,b","""",,"",377\n'
t_ok "line" "$REEL" query --format line t.db 'SELECT a, b AS bb FROM t WHERE a < 2 ORDER BY a DESC'
t_is "has a line for each column" "$(t_out)" "$(printf ' a = 1\nbb = plain text\n\n a = -5\nbb = 日本語')"
t_ok "summary" "$REEL" query --format summary t.db "SELECT x FROM (SELECT 'a' AS x UNION ALL SELECT 'b' UNION ALL SELECT 'b' UNION ALL SELECT NULL)"
t_is "counts" "$(t_out)" "$(printf 'rows: 4\nx: 2 different values, and 1 rows without\n             2  b\n             1  a')"
tree="SELECT 0 AS depth, 'init' AS label, 1 AS pid UNION ALL SELECT 1, 'a', 2 UNION ALL
	SELECT 2, 'b', NULL UNION ALL SELECT 1, 'c', 4 UNION ALL SELECT 0, 'd', 5"
t_ok "tree" env LC_ALL=C.UTF-8 "$REEL" query --format tree t.db "$tree"
t_is "is drawn" "$(t_out)" "$(printf 'init  pid=1\n├─ a  pid=2\n│  └─ b\n└─ c  pid=4\nd  pid=5')"
t_ok "tree elsewhere" env LC_ALL=C "$REEL" query --format tree t.db "$tree"
t_is "is drawn in ASCII" "$(t_out)" "$(printf 'init  pid=1\n|- a  pid=2\n|  `- b\n`- c  pid=4\nd  pid=5')"
t_status "what is no tree" 2 "$REEL" query --format tree t.db 'SELECT 1 AS depth'
t_match "is told what it lacks" 'no column label' "$(t_err)"
t_ok "many rows" "$REEL" query --format table --no-header t.db \
	"WITH RECURSIVE x(a) AS (SELECT 1 UNION ALL SELECT a + 1 FROM x WHERE a < 5000) SELECT a FROM x"
t_is "are all there" "$(awk '{ n += $1 } END { print NR, n }' "$TMP/out")" "5000 12502500"

# Where SQL comes from.
t_ok "two statements" "$REEL" query --no-header t.db 'SELECT 1; -- one
	SELECT 2;'
t_is "are run in order" "$(t_out)" "$(printf '1\n2')"
echo 'SELECT :x + 1 AS n' >x.sql
t_ok "a file" "$REEL" query --json t.db -f x.sql x=41
t_is "with a parameter" "$(t_out)" '{"n":42}'
t_ok "standard input" sh -c '"$REEL" query --json t.db x=1 <x.sql'
t_is "is the same" "$(t_out)" '{"n":2}'
t_ok "by name" sh -c '"$REEL" query --json t.db -f - x=2 <x.sql'
t_status "nothing" 2 sh -c '"$REEL" query t.db </dev/null'
t_ok "values" "$REEL" query --json t.db \
	"SELECT typeof(:a) AS a, typeof(:b) AS b, typeof(:c) AS c, :d AS d" a=12 b=1.5 c=2026-01-01 'd=x=y z'
t_is "have types" "$(t_out)" '{"a":"integer","b":"text","c":"text","d":"x=y z"}'
t_status "none given" 2 "$REEL" query t.db 'SELECT 1,
	:a'
t_is "is said" "$(t_err)" "reel query: SQL:1:1: :a has no value: add a=VALUE"
t_status "one too many" 2 "$REEL" query t.db 'SELECT 1' b=1
t_is "nothing is asked then" "$(t_out)" ""
t_status "twice" 2 "$REEL" query t.db 'SELECT :b' b=1 b=2

# What is wrong.
wrong() { # name, SQL, message
	t_status "$1" 2 "$REEL" query t.db "$2"
	t_is "is said with its place" "$(t_err)" "reel query: $3"
}
wrong "syntax" 'SELECT 1;
 SELECT * FORM t' 'SQL:2:11: near "FORM": syntax error'
wrong "a column" 'SELECT pidd FROM process' "SQL:1:8: no such column: pidd, did you mean 'pid'?"
wrong "a column behind what is wide" "SELECT '日本', pidd FROM process" \
	"SQL:1:14: no such column: pidd, did you mean 'pid'?"
wrong "a table" 'SELECT * FROM proces' "SQL:1:1: no such table: proces, did you mean 'process'?"
wrong "a function" 'SELECT uper(1)' "SQL:1:8: no such function: uper, did you mean 'upper'?"
wrong "no end" 'SELECT (1' 'SQL:1:10: incomplete input'
wrong "in running" "SELECT json('{')" 'SQL:1:1: malformed JSON'
printf 'SELECT 1;\n\n  SELEC 2;\n' >y.sql
t_status "in a file" 2 "$REEL" query t.db -f y.sql
t_is "has its line" "$(t_err)" 'reel query: y.sql:3:3: near "SELEC": syntax error'
t_status "no such file" 6 "$REEL" query t.db -f z.sql
printf 'SELECT 1\0' >nul.sql
t_status "no text" 2 "$REEL" query t.db -f nul.sql

# What is no case.
t_status "what is not there" 6 "$REEL" query nothing.db 'SELECT 1'
t_match "is named" 'nothing.db: No such file' "$(t_err)"
head -c 5000 /dev/urandom >noise.db
t_status "noise" 3 "$REEL" query noise.db 'SELECT 1'
t_is "is no database" "$(t_err)" "reel query: noise.db: this is not a database"
sqlite3 big.db "CREATE TABLE x(a); WITH RECURSIVE y(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM y WHERE n < 20000)
	INSERT INTO x SELECT 'row ' || n FROM y"
cp big.db bad.db
dd if=/dev/urandom of=bad.db bs=4096 seek=3 count=20 conv=notrunc 2>/dev/null
t_status "damage" 3 "$REEL" query bad.db 'SELECT sum(length(a)) FROM x'
t_match "is said" '^reel query: bad.db: the database is damaged' "$(t_err)"
head -c 20000 big.db >short.db
t_status "cut short" 3 "$REEL" query short.db 'SELECT sum(length(a)) FROM x'
cp big.db newer.db
sqlite3 newer.db "PRAGMA application_id = 0x5265656c; PRAGMA user_version = 999"
t_status "a newer case" 3 "$REEL" query newer.db 'SELECT 1'
t_match "is refused" 'a case of version 999' "$(t_err)"

# Nothing is changed.
before=$(sha256sum t.db; stat -c '%y %i' t.db)
t_status "INSERT" 2 "$REEL" query t.db 'INSERT INTO t VALUES (1, 2, 3)'
t_match "is refused" 'attempt to write a readonly database .*--write' "$(t_err)"
"$REEL" query t.db 'SELECT * FROM t' >/dev/null
t_is "the file is as it was" "$(sha256sum t.db; stat -c '%y %i' t.db)" "$before"
cp t.db w.db
t_ok "unless asked" "$REEL" query --write w.db "INSERT INTO t VALUES (7, 'note', NULL)"
t_is "it is there" "$("$REEL" query --no-header w.db 'SELECT b FROM t WHERE a = 7')" note
mkdir wal && cp t.db wal/t.db && sqlite3 wal/t.db 'PRAGMA journal_mode = WAL' >/dev/null
t_ok "one with a log" "$REEL" query wal/t.db 'SELECT * FROM t'
t_is "makes none" "$(ls wal)" t.db
mkdir 'wal/a %? b' && cp wal/t.db 'wal/a %? b/t.db'
t_ok "whatever it is called" "$REEL" query 'wal/a %? b/t.db' 'SELECT * FROM t'
t_is "too" "$(ls 'wal/a %? b')" t.db

# An end before the end.
endless='WITH RECURSIVE x(a) AS (SELECT 1 UNION ALL SELECT a + 1 FROM x) SELECT sum(a) FROM x'
# exec: the process that is interrupted is reel itself.
sh -c "exec \"\$REEL\" query t.db '$endless'" >"$TMP/out" 2>"$TMP/err" &
pid=$!
sleep 0.5
python3 -c "import os, signal; os.kill($pid, signal.SIGTERM)"
wait "$pid"
t_is "a signal ends a question" "$?" 143
t_is "and says so" "$(t_err)" "reel query: interrupted"
t_is "an interrupt" "$(python3 - "$REEL" "$endless" <<'PYTHON'
import signal, subprocess, sys, time
p = subprocess.Popen([sys.argv[1], "query", "t.db", sys.argv[2]], stderr=subprocess.PIPE)
time.sleep(0.5)
began = time.monotonic()
p.send_signal(signal.SIGINT)
text = p.communicate()[1].decode().strip()
print(p.returncode, text, "soon" if time.monotonic() - began < 2 else "late")
PYTHON
)" "130 reel query: interrupted soon"
t_status "a timeout" 4 "$REEL" query --timeout 300ms t.db "$endless"
t_match "is said" 'timeout' "$(t_err)"
t_is "a reader that has seen enough" "$("$REEL" query big.db 'SELECT p.a FROM x AS p, x AS q' | head -n 2 | wc -l)" 2
t_is "rows come when they are there" "$(timeout 2 "$REEL" query --json t.db \
	"SELECT 1 AS a UNION ALL SELECT * FROM ($endless)" 2>/dev/null)" '{"a":1}'
if [ -w /dev/full ]; then
	t_status "a full disk" 6 sh -c '"$REEL" query big.db "SELECT * FROM x" >/dev/full'
fi

# Named queries.
mkdir -p queries home/.config/reel/queries
cat >queries/by_comm.sql <<'SQL'
-- title: Processes by name
-- param name text: what it is called
-- param least integer = 5: the least pid
-- shape: line
--
-- Free text.
SELECT pid, exe FROM process WHERE comm = :name AND pid >= :least
SQL
printf -- '-- title: Mine\nSELECT 1 AS one' >home/.config/reel/queries/mine.sql
printf 'SELECT 1' >queries/broken.sql
mkdir -p inst/bin inst/share/reel/queries
cp "$REEL" inst/bin/reel
cp "$SRC/samples/queries/types.sql" inst/share/reel/queries
t_ok "list" inst/bin/reel query --list --queries queries
t_match "has those of the directory" '^@by_comm name= \[least=\] +Processes by name$' "$(t_out)"
t_match "one's own" '^@mine +Mine$' "$(t_out)"
t_match "and what comes with reel" '^@types ' "$(t_out)"
t_match "and says which is none" 'queries/broken.sql:1: there is no line .-- title' "$(t_err)"
t_ok "list as JSON" "$REEL" query --list --json --queries queries
t_is "has parameters" "$(jq -c 'select(.name == "by_comm") | [.params[] | [.name, .type, .required]]' "$TMP/out")" \
	'[["name","text",true],["least","integer",false]]'
t_ok "one explained" "$REEL" query --queries queries @by_comm
t_match "with its text" '^Free text.$' "$(t_out)"
t_ok "one asked" "$REEL" query --queries queries t.db @by_comm name=curl
t_is "in its shape" "$(t_out)" "$(printf 'pid = 10\nexe = /home/alice/bin/curl')"
t_ok "in another" "$REEL" query --queries queries --json t.db @by_comm name=curl least=11
t_is "with a parameter" "$(t_out)" ""
t_ok "as a table" "$REEL" query --queries queries --json t.db "SELECT q.pid FROM by_comm('curl', 1) AS q"
t_is "has its rows" "$(t_out)" '{"pid":10}'
t_status "without its parameter" 2 "$REEL" query --queries queries t.db @by_comm
t_is "is told" "$(t_err)" "reel query: @by_comm needs name=text: what it is called"
t_status "of the wrong type" 2 "$REEL" query --queries queries t.db @by_comm name=x least=y
t_status "with another" 2 "$REEL" query --queries queries t.db @by_comm nmae=x
t_match "is told the nearest" "did you mean 'name'" "$(t_err)"
t_status "an unknown one" 2 "$REEL" query --queries queries t.db @by_com
t_match "is told the nearest too" "did you mean '@by_comm'" "$(t_err)"
t_status "no directory" 6 "$REEL" query --queries nowhere --list

# Redaction.
for format in table line csv json array pretty text summary; do
	t_ok "redacted $format" "$REEL" query --redact all --format $format t.db \
		"SELECT q.exe, q.argv AS x, q.env, hex(q.argv) AS h, (SELECT what FROM shown) AS w, p.argv AS m,
		name, home FROM process AS q JOIN main.process AS p USING (id), user"
	t_unlike "has nothing in it" 'geheim|alice|[^0-9A-F]67656865696D|/root' "$(t_out)"
	t_match "but the rest" '/home/USER/bin/curl' "$(t_out)"
done
t_ok "homes only" "$REEL" query --redact home --json t.db "SELECT * FROM process WHERE exe LIKE '/home/alice/%'"
t_is "can be searched for" "$(jq -c '[.exe, .argv]' "$TMP/out")" \
	'["/home/USER/bin/curl",["curl","-u","USER:geheim","--data=geheim","/home/ROOT/x"]]'
t_ok "arguments only" "$REEL" query --redact args --json t.db "SELECT argv, env FROM process"
t_is "leave the rest" "$(jq -c '[.argv, .env[0]]' "$TMP/out")" \
	'[["curl","-u","[arg]","--data=[arg]","[arg]"],"A=geheim"]'
t_ok "named queries" "$REEL" query --redact args --json --queries queries t.db "SELECT * FROM by_comm('curl')"
t_status "no copies" 2 "$REEL" query --redact args t.db "CREATE TEMP TABLE x AS SELECT argv FROM process"
t_status "nothing of the sort" 2 "$REEL" query --redact arg t.db 'SELECT 1'
t_match "names the nearest" "did you mean 'args'" "$(t_err)"

# Captures.
"$BENCH/gen" -o cap -n 40K -s 41 --block-size 32K >/dev/null || exit 1
t_ok "a capture" "$REEL" query --json cap "SELECT count(*) AS n FROM event"
t_is "has all events" "$(jq .n "$TMP/out")" "$("$REEL" dump --json cap | wc -l)"
t_ok "a named query of it" "$REEL" query --queries "$SRC/samples/queries" --json cap @types
t_is "is what dump says" "$(jq -r '[.type, .events] | @tsv' "$TMP/out" | sort)" \
	"$("$REEL" dump --json cap | jq -r .type | sort | uniq -c | awk '{ print $2 "\t" $1 }' | sort)"
pid=$("$REEL" dump --json --type exec cap | jq .pid | head -n 1)
t_ok "the events of one" "$REEL" query --queries "$SRC/samples/queries" --json cap @events_of pid="$pid" limit=1000000
t_is "are what dump says" "$(wc -l <"$TMP/out")" "$("$REEL" dump --json --pid "$pid" cap | wc -l)"
t_ok "redacted" "$REEL" query --redact args,env --json cap "SELECT argv, fields FROM exec JOIN event USING (id)"
t_is "events, too" "$(jq -r '.argv[1:][], .fields.argv[1:][] | select(test("arg") | not)' "$TMP/out" | grep -v '^-' | head -n 3)" ""
t_status "it is never written" 2 "$REEL" query --write cap 'SELECT 1'
t_status "no capture" 6 "$REEL" query nothing 'SELECT 1'
head -c 5000 /dev/urandom >noise.rls
t_status "noise" 3 "$REEL" query noise.rls 'SELECT count(*) FROM event'
"$BENCH/gen" -o lossy -n 60K -s 33 --block-size 32K --loss >/dev/null
t_status "losses" 4 "$REEL" query lossy 'SELECT count(*) FROM event'
t_match "are said" '^reel query: [0-9]+ events were lost' "$(t_err)"
t_is "a case is made of what has no table" \
	"$("$REEL" query --no-header cap 'SELECT count(DISTINCT process) > 1 FROM image' 2>/dev/null)" 1
"$REEL" replay --no-rules -o lossy.db lossy >/dev/null 2>&1
t_status "losses in a case" 4 "$REEL" query lossy.db 'SELECT count(*) FROM process'
t_match "are said, too" '^reel query: .*lossy: [0-9]+ events were lost' "$(t_err)"
cat cap/*.rls >bad.rls
block=$(grep -abo RLB1 bad.rls | sed -n 12p | cut -d: -f1)
printf 'XXXX' | dd of=bad.rls bs=1 seek="$((block + 900))" conv=notrunc 2>/dev/null
t_status "damage" 4 "$REEL" query bad.rls 'SELECT count(*), max(comm) FROM event'
t_match "is named" "^reel query: bad.rls: damaged at byte $block: " "$(t_err)"
t_is "an interrupt reaches it" "$(python3 - "$REEL" <<'PYTHON'
import signal, subprocess, sys, time
p = subprocess.Popen([sys.argv[1], "query", "cap", "SELECT count(*) FROM event AS a, event AS b WHERE a.cpu + b.cpu < 0"],
                     stderr=subprocess.PIPE)
time.sleep(0.5)
began = time.monotonic()
p.send_signal(signal.SIGINT)
text = p.communicate()[1].decode().strip()
print(p.returncode, text, "soon" if time.monotonic() - began < 2 else "late")
PYTHON
)" "130 reel query: interrupted soon"

# Events of a case that has none of its own: its captures are read, if they are still there.
mkdir moved && cp "$SRC/samples/web-shell.rls" moved/w.rls
(cd moved && "$REEL" replay -q --no-rules -o c.db w.rls)
t_is "a case finds its capture" "$("$REEL" query --no-header moved/c.db 'SELECT count(*) FROM event')" \
	"$("$REEL" dump --json moved/w.rls | wc -l)"
cp "$SRC/tests/golden/cut.rls" moved/w.rls
t_status "it takes no other one for it" 2 "$REEL" query moved/c.db 'SELECT count(*) FROM event'
rm moved/w.rls
t_status "and stands without" 0 "$REEL" query moved/c.db 'SELECT count(*) FROM process'
"$REEL" replay -q --no-rules -o ring.db "$SRC/tests/golden/retired" >/dev/null 2>&1
t_is "what retention removed is a gap" \
	"$("$REEL" query --no-header ring.db "SELECT count(*) > 0 FROM gap WHERE kind = 'retired'" 2>/dev/null)" 1

# Command lines.
t_status "no operand" 2 "$REEL" query
t_status "too much" 2 "$REEL" query t.db 'SELECT 1' 'SELECT 2'
t_status "both" 2 "$REEL" query --header --no-header t.db 'SELECT 1'

t_done
