#!/bin/sh
# report: what it says, its exit statuses, what it writes over and what not, and that the page holds what
# the case does, as data, and always the same. What a browser makes of it: tests/e2e/report.py.
. "${SRC:=$(dirname "$0")/../..}/tests/sh.inc"

command -v sqlite3 >/dev/null || t_skip_all "there is no sqlite3"
cd "$TMP" || exit 1
mkdir spill
TMPDIR=$TMP/spill
export TMPDIR
capture=$SRC/samples/web-shell.rls
"$REEL" replay -q -r "$SRC/samples/policies" -o case.db "$capture" >replayed
"$REEL" replay -q --no-rules -o plain.db "$capture" >/dev/null

# data PAGE: the JSON in it
data() {
	sed -n '/<script id="data" type="application\/json">/,/<\/script>/p' "$1" |
		sed -e 's/^<script id="data" type="application\/json">//' -e 's/<\/script>$//'
}

t_status "a case with findings" 1 "$REEL" report -o page.html case.db
t_is "one line about it" "$(t_err | sed 's/, [0-9]* KiB/, N KiB/')" "reel report: page.html: $(sqlite3 case.db 'SELECT count(*) FROM findings') findings, N KiB"
t_is "and nothing else" "$(t_out)" ""
t_is "it is for its owner" "$(stat -c %a page.html)" 600
t_is "nothing is left where temporary files are" "$(ls spill)" ""
t_status "--quiet" 1 "$REEL" report -q -o quiet.html case.db
t_is "says nothing" "$(t_err)" ""
t_ok "the same case gives the same page" cmp page.html quiet.html
t_status "to standard output" 1 sh -c '"$REEL" report -o - case.db >piped.html'
t_ok "it is the same, too" cmp page.html piped.html
t_status "a case without findings" 0 "$REEL" report -o plain.html plain.db
t_match "is said" 'plain\.html: 0 findings' "$(t_err)"
sqlite3 plain.db "UPDATE capture SET lost = 5"
t_status "losses alone" 4 "$REEL" report -o plain.html plain.db
t_match "are said" '5 events were lost when it was recorded' "$(t_err)"
t_status "with -v" 4 "$REEL" report -v -o plain.html plain.db

data page.html >page.json
t_ok "what the page knows is JSON" jq -e .t0 page.json
t_is "of whole numbers of ns" "$(jq -r .t0 page.json)" "$(sqlite3 case.db 'SELECT from_ns FROM boot')"
for table in finding process gap; do
	name=$(echo $table | sed 's/process/processe/')s
	t_is "all of $name" "$(jq ".$name.rows | length" page.json)" "$(sqlite3 case.db "SELECT count(*) FROM $table")"
done
t_is "each verdict" "$(jq -c '.rules as $r | ($r.columns | index("verdict")) as $v | [$r.rows[][$v]] | group_by(.) | map([.[0], length])' page.json)" \
	"$(sqlite3 case.db 'SELECT json_group_array(json_array(verdict, n)) FROM (SELECT verdict, count(*) AS n FROM verdicts GROUP BY 1 ORDER BY 1)')"
t_is "the hashes of a replay are what reel replay says" \
	"$(jq -r '.replays as $r | $r.rows[0] as $x | [$r.columns, $x] | transpose | map(select(.[0] | test("_hash$"))) | .[][1]' page.json | sort)" \
	"$(sed -nE 's/^(rules|compiled|captures|reel [0-9.]+) ([0-9a-f]{64}).*/\2/p' replayed | sort)"
t_is "the program's is that of its file" "$(jq -r .program_hash page.json)" "$(b2sum -l 256 "$REEL" | cut -d' ' -f1)"
t_is "what happened is counted" "$(jq '.events.there == ([.events.parts[][2]] | add)' page.json)" true
t_is "in the order of time" "$(jq '[.events.at[] | select(. < 0)] | length' page.json)" 0
t_is "licences are in it" "$(jq -r .licences page.json | grep -c '^Copyright: 2010-2017, Mike Bostock\|Redistribution and use' | sed 's/^[1-9].*/some/')" some

t_is "nothing in it is markup" "$(sed -n '/type="application\/json">/,$p' page.html | sed 1d | sed '/<\/script>/,$d' | grep -c '<')" 0
t_match "it has a policy" "Content-Security-Policy\" content=\"default-src 'none'; base-uri 'none'; form-action 'none'; script-src 'sha256-[^']+' 'sha256-[^']+'; style-src 'sha256-[^']+'\"" "$(head -n 12 page.html)"
t_is "and loads nothing" "$(grep -icE '<(link|img|iframe|object|embed)|<script[^>]* src|url\((https?:|//)|@import' page.html)" 0
t_is "each hash is that of a script or style" "$(/usr/bin/python3 - <<'P'
import base64, hashlib, re
page = open("page.html", encoding="utf-8", newline="").read()
parts = re.findall(r"<style>(.*?)</style>|<script>(.*?)</script>", page, re.S)
got = {"sha256-" + base64.b64encode(hashlib.sha256("".join(p).encode()).digest()).decode() for p in parts}
print(len(got), got == set(re.findall(r"sha256-[A-Za-z0-9+/=]+", page[:3000])))
P
)" "3 True"

"$REEL" replay -q -r "$SRC/samples/policies" --load-events -o events.db "$capture" >/dev/null
t_status "a case with its events" 1 "$REEL" report -o events.html events.db
t_is "has all of them" "$(data events.html | jq -c '[.events.of, (.events.at | length), .events.there]')" "[\"events\",1811,1811]"
t_status "--events" 1 "$REEL" report --events 500 -o few.html events.db
t_match "says what is left out" '^reel report: 4[0-9][0-9] of 1811 events are in the timeline \(--events\), all in what it counts' "$(t_err)"
t_is "takes no more" "$(data few.html | jq -c '[(.events.at | length) <= 500, .events.there, ([.events.parts[][2]] | add)]')" "[true,1811,1811]"
t_status "none at all" 1 "$REEL" report -q --events 0 -o few.html events.db
t_is "is possible" "$(data few.html | jq -c '.events.at')" "[]"

# What is written over.
echo mine >mine.txt
t_status "what is no report" 6 "$REEL" report -o mine.txt case.db
t_is "is left alone" "$(cat mine.txt)" mine
t_match "which is said" 'mine\.txt: is there already, and is no report$' "$(t_err)"
t_status "the case itself" 6 "$REEL" report -o case.db case.db
t_status "still works" 1 "$REEL" report -q -o page.html case.db
t_ok "over a report" cmp page.html quiet.html
ln -s page.html linked.html
t_status "a link is not followed" 6 "$REEL" report -o linked.html case.db
t_status "a directory that is not there" 6 "$REEL" report -o not/there.html case.db
t_match "is said" 'not/there\.html: cannot be made: No such file' "$(t_err)"

# What is no case.
for no in "$capture:a capture" /etc/passwd:text; do
	t_status "${no#*:} is no case" 3 "$REEL" report -o no.html "${no%:*}"
	t_match "which is said" 'no database|not a database' "$(t_err)"
done
sqlite3 other.db 'CREATE TABLE t(a)'
t_status "another database" 3 "$REEL" report -o no.html other.db
t_match "is none either" 'other\.db: this is no case; reel replay -o makes one' "$(t_err)"
t_status "a case that is not there" 6 "$REEL" report -o no.html absent.db
head -c 100000 case.db >torn.db
t_status "a torn case" 3 "$REEL" report -o no.html torn.db
sqlite3 case.db ".backup newer.db"
sqlite3 newer.db 'PRAGMA user_version = 99'
t_status "a case of another version" 3 "$REEL" report -o no.html newer.db
t_is "nothing half done stays behind" "$(ls no.html absent.db 2>/dev/null)" ""

t_status "no case" 2 "$REEL" report -o x.html
t_match "is asked for" 'of which case\?' "$(t_err)"
t_status "no page" 2 "$REEL" report case.db
t_match "is asked for, too" 'where to\? say -o FILE' "$(t_err)"
t_status "two cases" 2 "$REEL" report -o x.html case.db plain.db
t_status "too many events" 2 "$REEL" report --events 2000000 -o x.html case.db
t_is "nothing was made" "$(ls x.html 2>/dev/null)" ""
if [ -w /dev/full ]; then
	t_status "a full disk" 6 sh -c '"$REEL" report -o - case.db >/dev/full'
	t_match "is said" 'cannot write' "$(t_err)"
fi
if [ "$(id -u)" = 0 ]; then
	chmod 755 "$TMP"
	mkdir -m 777 open
	chmod 644 case.db
	t_status "somebody else's case can be reported" 1 setpriv --reuid=65534 --regid=65534 --clear-groups \
		env TMPDIR="$TMP/open" "$REEL" report -o open/page.html case.db
fi
t_done
