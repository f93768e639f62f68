#!/bin/sh
# reel record: its command line, its exit status, its signals, and what it refuses.
# timeout: 200
. "${SRC:=$(dirname "$0")/../..}/tests/sh.inc"

[ -x "$(dirname "$REEL")/reel-record" ] || {
	t_fail "reel-record is built"
	t_done
}
cd "$TMP" || exit 1

# Bad use is said before anything is done, whoever asks.
one_line() { # NAME: stderr has one line, which says who speaks
	t_match "$1" '^reel record: ' "$(t_err)"
	t_is "$1: in one line" "$(t_err | wc -l)" 1
}
t_ok "--help" "$REEL" record --help
t_match "shows options" '^ +(-o, )?--output|-e, --' "$(t_out)"
t_status "an unknown class" 2 "$REEL" record -o c1 -e fiel -- true
one_line "is named"
t_match "and the nearest one" "file" "$(t_err)"
t_status "an unknown option" 2 "$REEL" record --nonsense -- true
t_status "an unknown call" 2 "$REEL" record -o c1 --syscalls getpidd -- true
t_status "a call of no table" 2 "$REEL" record -o c1 --syscalls , -- true
t_status "no number" 2 "$REEL" record -o c1 --ring lots -- true
t_status "an unknown user" 2 "$REEL" record -o c1 -u nobody-has-this-name -- true
t_status "no process" 2 "$REEL" record -o c1 -p x -- true
t_status "an unknown io mode" 2 "$REEL" record -o c1 --io some -- true
t_status "a command that is none" 2 "$REEL" record -o c1 true
t_is "and nothing was made" "$(ls)" "$(printf 'err\nout')"

[ "$(id -u)" = 0 ] || t_skip_all "the rest needs root"
[ -e /sys/kernel/btf/vmlinux ] || t_skip_all "this kernel has no BTF"

rec() { "$REEL" record -q -o "$@"; }
count() { # TYPE CAPTURE: how many events of a type
	"$REEL" dump -q --json --type "$1" "$2" | wc -l
}
verdict() { "$REEL" info "$1" | sed -n 's/^verdict *//p'; }

# The command's status is the recorder's.
t_status "a command that succeeds" 0 rec ok -- /bin/true
t_is "is on tape" "$("$REEL" dump -q --json --type exec ok | jq -r 'select(.ret == 0).path' | tail -n 1)" \
	"$(realpath /bin/true)"
t_match "the capture is complete" '^complete' "$(verdict ok)"
t_ok "and verifies" "$REEL" verify ok
t_is "nobody else may read it" "$(stat -c %a ok/*.rls | sort -u)" 600
# Rules that say "no ancestor" are decided only then. Some sandboxes hide processes from iterators.
t_is "above the command are all, up to one with no parent" \
	"$("$REEL" dump -q --json --type process ok | jq -s 'map(.pid) as $all | map(.ppid) - $all | unique' -c)" '[0]'
t_is "a keyframe ends with what it began" \
	"$("$REEL" dump -q --json --type keyframe ok | jq -r .source | sort -u | wc -l)" 1
t_ok "without reads and writes" rec noio --io none -- sh -c 'cat /etc/passwd /etc/group >copied'
t_is "there are none" "$(count read,write,copy,fold noio)" 0
t_match "but what was opened" 'group' "$("$REEL" dump --type open noio)"
t_status "a command that fails" 7 rec fails -- sh -c 'exit 7'
t_status "a command that a signal ends" 143 rec signalled -- sh -c 'kill -TERM $$'
t_status "one that is killed" 137 rec killed -- sh -c 'kill -9 $$'
t_status "no such command" 127 rec none -- /nonexistent/command
t_match "says which" '/nonexistent/command' "$(t_err)"
t_status "no such command in PATH" 127 rec none2 -- there-is-no-such-command
echo text >plain
t_status "a file that is no program" 126 rec plain1 -- ./plain
t_status "a directory" 126 rec plain2 -- /tmp
# shellcheck disable=SC2016
t_status "arguments arrive as they are" 0 rec args -- sh -c '[ "$#" = 3 ] && [ "$2" = "b  c" ] && [ -z "$3" ]' \
	sh a 'b  c' ''
echo input | "$REEL" record -q -o stdin -- cat >stdin.out
t_is "standard input and output are the command's" "$(cat stdin.out)" input
t_is "and its errors" "$("$REEL" record -q -o stderr -- sh -c 'echo oops >&2' 2>&1)" oops
t_status "options of the command are its own" 3 rec own -- sh -c 'exit 3' -e -o

# Where it goes.
t_status "a file that is no capture" 125 rec plain -- true
one_line "is refused"
t_is "and left alone" "$(cat plain)" text
mkdir foreign && echo something >foreign/file
rec foreign -- true >out2 2>err2
t_is "a directory of others keeps its files" "$(cat foreign/file)" something
t_status "a directory that cannot be made" 125 rec /proc/nothing/here -- true
one_line "is named"
t_status "a directory below a file" 125 rec plain/below -- true
t_status "without a command it is input and output" 6 timeout 20 "$REEL" record -q -o plain -d 1 -p $$
t_status "a capture that is there goes on" 0 rec ok -- sh -c 'exit 0'
t_match "in its next segment" '^segments +2' "$("$REEL" info ok)"
t_ok "which verifies" "$REEL" verify ok
t_status "standard output cannot be both" 2 "$REEL" record -q -o - -- true
one_line "is said"
sleep 2 &
timeout 20 "$REEL" record -q -o - -d 1 -p $! >pipe.rls
t_ok "standard output is a capture" "$REEL" verify pipe.rls
mkdir here
t_ok "without -o" sh -c 'cd here && "$REEL" record -q -- true'
t_match "it is named after host and time" "^$(hostname)-[0-9TZ-]+\.reel$" "$(ls here)"
t_ok "a note" rec noted --note "exhibit 7" -- true
t_match "stands in it" 'exhibit 7' "$("$REEL" info noted)"
t_ok "an owner" rec owned --owner nobody -- true
t_is "has it" "$(stat -c %U owned/*.rls | sort -u)" nobody

# In the background. Only what this script starts is recorded.
background() { # CAPTURE [OPTION...]: records the process $load; waits until it does
	mkfifo ready
	"$REEL" record -o "$@" --ready-fd 3 -p "$load" 3>ready >"$TMP/rec.out" 2>"$TMP/rec.err" &
	recorder=$!
	timeout 20 cat ready >ready.said
	rm -f ready
}
load_start() { # makes one directory for each line that it is told
	mkfifo told
	sh -c 'while read -r name; do mkdir "$name"; done' <told &
	load=$!
	exec 4>told
}
load_stop() {
	exec 4>&-
	wait "$load"
	rm -f told
}
finish() { # NAME STATUS
	wait "$recorder" && got=0 || got=$?
	t_is "$1" "$got" "$2"
}
wait_for() { # FILE
	i=0
	while [ ! -e "$1" ] && [ "$i" -lt 200 ]; do
		sleep 0.05
		i=$((i + 1))
	done
}

load_start
background interrupted
if [ -s ready.said ]; then t_pass "--ready-fd says when it records"; else t_fail "--ready-fd says nothing"; fi
echo made-1 >&4
wait_for made-1
kill -INT "$recorder"
finish "SIGINT ends it" 0
t_is "and all is on tape" "$("$REEL" dump -q --json --type mkdir interrupted | jq -r .path_arg)" made-1
t_match "in good order" '^complete' "$(verdict interrupted)"

background terminated
echo made-2 >&4
wait_for made-2
kill -TERM "$recorder"
finish "SIGTERM too" 0
t_is "with all" "$("$REEL" dump -q --json --type mkdir terminated | jq -r .path_arg)" made-2

background rotated
echo made-3 >&4
wait_for made-3
before=$("$REEL" info rotated | sed -n 's/^segments *\([0-9]*\).*/\1/p')
kill -HUP "$recorder"
sleep 1
echo made-4 >&4
wait_for made-4
t_status "a second recorder on the same capture" 6 timeout 20 "$REEL" record -q -o rotated -d 1 -p "$load"
one_line "is refused"
kill -INT "$recorder"
finish "SIGHUP does not end it" 0
t_is "but begins a segment" "$("$REEL" info rotated | sed -n 's/^segments *\([0-9]*\).*/\1/p')" $((before + 1))
t_is "and no event is between them" \
	"$("$REEL" dump -q --json --type mkdir rotated | jq -r .path_arg | tr '\n' ' ')" "made-3 made-4 "
t_ok "each segment verifies" "$REEL" verify rotated

background kept
echo made-5 >&4
wait_for made-5
sleep 0.7
kill -USR1 "$recorder"
sleep 1.5
kill -INT "$recorder"
finish "SIGUSR1 does not end it" 0
aside=$(find kept -mindepth 2 -name '*.rls' | head -n 1)
if [ -n "$aside" ]; then
	t_pass "and puts a copy aside"
else
	t_fail "and puts a copy aside" "$(find kept; cat rec.err)"
fi
if [ -n "$aside" ]; then
	aside=$(dirname "$aside")
	t_is "with what has happened" \
		"$("$REEL" dump -q --json --type mkdir "$aside" | jq -r .path_arg)" made-5
	t_ok "which verifies" "$REEL" verify "$aside"
fi

begin=$(date +%s)
background timed -d 2
finish "-d ends it" 0
took=$(($(date +%s) - begin))
if [ "$took" -ge 2 ] && [ "$took" -le 6 ]; then t_pass "in time"; else t_fail "in time" "$took s"; fi
load_stop

# -d ends the recording, not the command.
rec short -d 1 -- sh -c 'sleep 3; : >lived' >out3 2>&1
wait_for lived
t_ok "the command outlives its recording" test -e lived

# What it talks. A summary at the end, and its numbers in a file for Prometheus.
t_ok "not quiet" "$REEL" record -o talk --metrics-file metrics -- sh -c 'true; true'
for word in seen kept lost; do
	t_match "the summary says $word" "$word" "$(t_err)"
done
t_match "metrics" '^# TYPE reel_[a-z_]+ (counter|gauge)$' "$(cat metrics)"
t_is "have a form" "$(grep -Ev '^(#|reel_[a-z_]+(\{[^}]*\})? [-0-9.e+]+$)' metrics)" ""

# Classes: no filter touches state; what was not asked for is not there.
t_ok "one class" rec net -e net -- sh -c 'mkdir made-by-net; : >x'
t_is "has no other" "$(count mkdir net)" 0
t_is "but processes" "$(($(count exec net) > 0))" 1
filters() { # CAPTURE HOOK JQ: what the last segment says of an option
	"$REEL" dump -q --json --type coverage "$1" | jq -r "select(.hook == \"$2\" and .status == \"filter\") | $3"
}
t_is "coverage says which types are not" "$(filters net -e .types | tr ' ' '\n' | grep -Ex 'mkdir|connect|fork|stat' |
	xargs)" "mkdir stat"
t_ok "how much is kept" rec much -e file --content 100 --env PATH --env HOME -- true
t_is "is said" "$(for hook in --content --max-arg --env --hash; do filters much $hook .reason; done | xargs)" \
	"100 4096 PATH HOME none"
cat >kept.policy <<'END_OF_POLICY'
path "a variable that is kept" { exec { env startswith "HOME=/nowhere" } }
path "one that is not" { exec { env startswith "LD_PRELOAD=" } }
path "data" { write { content contains "never written" } }
END_OF_POLICY
verdicts() { "$REEL" replay --json -r kept.policy "$1" | jq -r 'select(.verdict).verdict' | xargs; }
t_is "what was not kept is not clean" "$(verdicts much)" "clean clean except not evaluable"
t_ok "writes without their data" rec bare --content 0 --env HOME --env LD_PRELOAD -- sh -c 'echo x'
t_is "are not clean either" "$(verdicts bare)" "clean clean clean except"
t_ok "what is said last holds" rec much -e net --env PATH --hash -- true
cat >sees.policy <<'END_OF_POLICY'
path "opens" { open { path == "/x" } }
path "talks" { connect { port == 80 } }
path "hash" { hash { sha256 startswith "aa" } }
END_OF_POLICY
t_ok "one run sees files" sh -c '"$0" rules --for much --json sees.policy | jq -r .status | xargs >seen' "$REEL"
t_is "the other sockets" "$(cat seen)" "partly partly partly"
t_ok "options that rules ask for" sh -c '"$0" record -q -o asked $("$0" rules --record-options sees.policy) -- true' \
	"$REEL"
t_is "are enough" "$("$REEL" rules --for asked --json sees.policy | jq -r .status | sort -u)" decidable
t_ok "calls by name" rec calls -e net --syscalls getppid,sync -- sh -c 'sync'
t_match "are there" sync "$("$REEL" dump -q --json --type sys calls | jq -r .syscall)"
t_unlike "and only these" '^(brk|read|futex)$' "$("$REEL" dump -q --json --type sys calls | jq -r .syscall)"

# Who may not.
if setpriv --reuid 65534 --regid 65534 --clear-groups true 2>/dev/null; then
	mkdir open && chmod 777 open "$TMP"
	as_nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
	if as_nobody test -x "$REEL"; then
		t_status "without privilege" 5 as_nobody "$REEL" record -q -o open/a -d 1 -p $$
		one_line "is said"
		t_status "with a command it is that of env" 125 as_nobody "$REEL" record -q -o open/b -- true
	else
		t_skip "without privilege" "nobody cannot reach $REEL"
	fi
else
	t_skip "without privilege" "no setpriv"
fi

t_done
