#!/bin/sh
# What stands around the engine: --profile-rules, --explain, --against; rules --for, --record-options.
. "${SRC:=$(dirname "$0")/../..}/tests/sh.inc"

[ -x "$BENCH/tell" ] || t_skip_all "there is no $BENCH/tell"
cd "$TMP" || exit 1

cat >story.tale <<'END_OF_TALE'
0    1   process exe=/sbin/init
0    100 process ppid=1 exe=/usr/bin/dash
1    100 open path=/tmp/x flags=O_CREAT|O_WRONLY
1.5  100 open path=/tmp/y ret=-ENOENT
1.6  100 open path=/etc/passwd
2    100 fork child=101
3    101 exec path=/tmp/x exe=/usr/bin/dash argv=(/bin/sh,/tmp/x)
4    101 connect addr=10.0.0.1 port=80
5    101 connect addr=192.0.2.1 port=80
6    101 connect addr=192.0.2.1 port=81
40   101 connect addr=192.0.2.1 port=443
END_OF_TALE
cat >odd.tale <<'END_OF_TALE'
0    100 process ppid=1 exe=/usr/bin/dash
1    100 open path=/x ret=-ENOENT
2    100 open path=/x ret=-ENOENT
3    100 open path=/a
4    100 open path=/start
5    100 open path=/if
6    100 open path=/y
7    100 exec path=/bin/x exe=/bin/x argv=(x,abc)~100
7.5  100 open path=/kill
8    100 open path=/end
9    100 open path=/late
10   100 exit
END_OF_TALE
cat >story.policy <<'END_OF_POLICY'
path "dropper" {
	by family; within 30s
	open { path =~ "^/tmp/", flags & O_CREAT } as f
	exec { path == f.path }
	connect { port in (80, 443), not addr in 10.0.0.0/8 }
}
path "reader" { open { path == "/etc/passwd" } }
path "nobody" { open { path == "/nope" } }
END_OF_POLICY
cat >odd.policy <<'END_OF_POLICY'
path "burst" { by process; open failed { path startswith "/x" } count 3 within 10s }
path "both" { by process; all { open { path == "/a" } open { path == "/b" } } open { path == "/end" } }
path "choice" {
	by process
	open { path == "/start" }
	open { path == "/if" } ? block "then" { open { path == "/t" } } : block "else" { open { path == "/y" } }
}
path "cut" { exec { argv contains "zzz" } }
path "stopped" { by process; open { path == "/a" } unless open { path == "/kill" } open { path == "/end" } }
path "late" { by process; open { path == "/a" } open { path == "/late" } within 3s }
path "either" { open { path == "/q1" or path == "/q2", not uid == 0 } }
path "tuned" { open { path == "/late" } }
tune "tuned" { unless exe == "/bin/x" }
END_OF_POLICY
"$BENCH/tell" -o story story.tale || exit 1
"$BENCH/tell" -o odd odd.tale || exit 1

# --profile-rules ------------------------------------------------------------------------------------

t_status "a profile changes no status" 1 "$REEL" replay --profile-rules -r story.policy story
cp "$TMP/out" with
t_match "its text goes to standard error" "evaluations +turns +matches +rule" "$(t_err)"
t_is "a line for each rule" "$(awk '{ print $NF }' "$TMP/err" | tail -n +2 | sort | xargs)" \
	"dropper nobody reader"
"$REEL" replay -r story.policy story >without 2>/dev/null
t_is "what is found is the same" "$(cat with)" "$(cat without)"
"$REEL" replay --profile-rules --json -j 1 -r story.policy story >one.json
"$REEL" replay --profile-rules --json -j 4 -r story.policy story >four.json
for n in one four; do
	t_ok "a profile as JSON, $n" jq -e . "$n.json"
	t_is "matches and turns are counted, $n" "$(jq -r 'select(.profile) |
		"\(.profile) \(.matches) \(.turns)"' "$n.json" | sort)" "dropper 1 3
nobody 0 0
reader 1 1"
done
t_is "evaluations do not depend on threads" \
	"$(jq -c 'select(.profile) | [.profile, .evaluations]' one.json | sort)" \
	"$(jq -c 'select(.profile) | [.profile, .evaluations]' four.json | sort)"
t_is "the dearest comes first" "$(jq -s '[.[] | select(.profile).ns] | . == (sort | reverse)' one.json)" true
t_is "the summary stays last" "$(tail -n 1 one.json | jq -r 'keys[0]')" summary
t_is "without it nothing is said of cost" "$("$REEL" replay --json -r story.policy story |
	jq -c 'select(.profile)')" ""

# --explain ------------------------------------------------------------------------------------------

explain() { # rule, capture, jq
	"$REEL" replay -r story.policy -r odd.policy --json --explain "$1" "$2" >"$TMP/explained"
	jq -r "$3" "$TMP/explained"
}

t_status "a rule that matched" 1 "$REEL" replay -r story.policy --explain dropper story
t_match "the step in words" 'open.* \{ path =~ "\^/tmp/" and flags & O_CREAT \}' "$(t_out)"
t_match "how many of its types" '3 events of its types, 1 of them failed; 1 matched' "$(t_out)"
t_match "the event itself" 'first 2023-11-14T22:13:21.* open path=/tmp/x' "$(t_out)"
t_match "why not later" '1 time it matched, and nothing had come before it' "$(t_out)"
t_match "and the verdict" '^hit +dropper: 1 time' "$(t_out)"
t_status "a rule that did not" 0 "$REEL" replay -r story.policy --explain nobody story
t_match "which test failed" 'path == "/nope" was false for 2 of 2' "$(t_out)"
t_match "it never began" '^0 matches; it never began' "$(t_out)"
t_is "each step: reached, events, matched" "$(explain dropper story 'select(.explain) |
	"\(.step) \(.after) \(.line) \(.reached) \(.steps[0].events) \(.steps[0].matched)"')" "1 null 3 1 3 1
2 1 4 1 1 1
3 2 5 1 4 2"
t_ok "all of it is JSON" jq -e . "$TMP/explained"
t_is "events of it are whole" "$(jq -r 'select(.step == 3).first | "\(.type) \(.port)"' "$TMP/explained")" \
	"connect 80"
t_is "a count" "$(explain burst odd 'select(.explain) | "\(.counted) \(.reached) \(.steps[0].matched)
\(.steps[0].outcome)"')" "2 0 2
7"
t_is "members" "$(explain both odd 'select(.step == 1) | "\(.counted) \(.reached)",
	(.steps[] | "\(.role) \(.matched)")')" "1 0
member 1
member 0"
t_is "nothing came before" "$(jq -r 'select(.step == 2).early' "$TMP/explained")" 1
t_is "a condition holds back an else" "$(explain choice odd 'select(.step == 4) |
	"\(.held) \(.reached) \([.steps[] | select(.role != "step").matched] | add)"')" "1 0 1"
t_is "how far it got" "$(jq -r 'select(.explained).furthest' "$TMP/explained")" 2
t_is "undecided, and why" "$(explain cut odd 'select(.explained).undecided |
	to_entries[] | "\(.key) \(.value)"')" "cut 1"
t_is "an unless between" "$(explain stopped odd 'select(.step == 2) | "\(.held) \(.reached)"')" "1 0"
t_is "a bound that was exceeded" "$(explain late odd 'select(.step == 2) | "\(.late) \(.early)"')" "1 0"
t_is "tests by themselves" "$(explain either odd 'select(.explain).steps[0].tests[] |
	"\(.test) \(.negated) \(.against) \(.asked)"')" 'path == "/q1" false 7 7
path == "/q2" false 7 7
uid == 0 true 7 7'
t_is "what a tune suppressed" "$(explain tuned odd 'select(.explained) | "\(.matches) \(.suppressed)"')" \
	"0 1"
t_status "a rule that is not there" 2 "$REEL" replay -r story.policy --explain droper story
t_match "the nearest is named" "did you mean 'dropper'" "$(t_err)"
t_status "one thing at a time" 2 "$REEL" replay -r story.policy --explain dropper --against odd.policy story

# What a shortcut would leave out must not change what is found.
for rule in burst both choice cut stopped late either tuned; do
	"$REEL" replay --json -r odd.policy --rule "$rule" odd | jq -c 'select(.verdict)' >plain
	"$REEL" replay --json -r odd.policy --explain "$rule" odd | jq -c 'select(.verdict)' >explained
	t_is "the verdict of $rule is the same" "$(cat explained)" "$(cat plain)"
done

# --against ------------------------------------------------------------------------------------------

sed 's/port in (80, 443)/port in (81, 443)/; s/"nobody"/"somebody"/; s#"/nope"#"/tmp/x"#' \
	story.policy >new.policy
t_status "a difference is a finding" 1 "$REEL" replay -r story.policy --against new.policy story odd
t_is "a group for each capture" "$(grep -c '^   gained' "$TMP/out")" 2
t_match "named" '^odd$' "$(t_out)"
t_match "totals" '^2 gained, 1 lost, 1 the same$' "$(t_out)"
t_match "what was gained" '^  \+ .*somebody' "$(t_out)"
t_match "what was lost" '^  - .*port=80 ' "$(t_out)"
t_status "the same as JSON" 1 "$REEL" replay --json -r story.policy --against new.policy story odd
cp "$TMP/out" compared.json
t_ok "is JSON" jq -e . compared.json
t_is "by rule" "$(jq -r 'select(.rule and .capture == "story") |
	"\(.rule) \(.in) \(.gained) \(.lost) \(.same) \(.changed)"' compared.json)" "dropper both 1 1 0 0
nobody rules 0 0 0 0
reader both 0 0 1 0
somebody against 1 0 0 0"
t_is "in all" "$(jq -c 'select(.summary).summary' compared.json)" '{"gained":2,"lost":1,"same":1}'
t_is "examples" "$(jq -r 'select(.change) | "\(.change) \(.finding.rule)"' compared.json | sort)" \
	"gained dropper
gained somebody
lost dropper"
t_is "costs of both" "$(jq -s '[.[] | select(.in == "both") |
	has("rules_ns") and has("against_ns")] | length, all' compared.json | xargs)" "4 true"
t_status "no difference is none" 0 "$REEL" replay -r story.policy --against story.policy story
t_match "and says so" '^0 gained, 0 lost, 2 the same$' "$(t_out)"
# Other evidence for the same last event.
cat >longer.policy <<'END_OF_POLICY'
path "reader" { by process; open { path == "/tmp/x" } open { path == "/etc/passwd" } }
END_OF_POLICY
t_status "other evidence is no difference" 0 "$REEL" replay --json -r story.policy --rule reader \
	--against longer.policy story
t_is "but it is counted" "$(jq -r 'select(.rule) | "\(.same) \(.changed)"' "$TMP/out")" "1 1"
# Matches that one row would hide.
i=0
echo '0 100 process ppid=1 exe=/x' >many.tale
while [ $i -lt 10 ]; do
	i=$((i + 1))
	echo "$i 100 open path=/f$i"
done >>many.tale
"$BENCH/tell" -o many many.tale || exit 1
echo 'path "f" { open { path startswith "/f" } }' >f.policy
echo 'path "f" { open { path == "/f7" } }' >f7.policy
t_status "each match counts" 1 "$REEL" replay -r f.policy --against f7.policy many
t_match "nine are lost" '^0 gained, 9 lost, 1 the same$' "$(t_out)"
t_is "three are shown" "$(grep -c '^  - .*open path' "$TMP/out")" 3
t_status "with --all" 1 "$REEL" replay --all -r f.policy --against f7.policy many
t_is "all are" "$(grep -c '^  - .*open path' "$TMP/out")" 9
t_status "a capture that is not there" 6 "$REEL" replay -r f.policy --against f7.policy nowhere
echo 'path "f" {' >broken.policy
t_status "rules that do not compile" 2 "$REEL" replay -r f.policy --against broken.policy many

# rules --record-options -----------------------------------------------------------------------------

cat >needs.policy <<'END_OF_POLICY'
path "net" { connect { port == 80 } }
path "data" { write { content contains "secret" } }
path "magic" { write { content startswith "\x7fELF" } }
path "env" { exec { env == "LD_PRELOAD=/x" } }
path "some env" { exec { env contains "LD_" } }
path "calls" { sys { syscall in ("uname", "getcpu") } }
path "hash" { hash { sha256 startswith "aa" } }
path "state" { setuid { euid == 0, uid != 0 } }
END_OF_POLICY
options() { # rule, ...
	for rule; do
		grep "^path \"$rule\"" needs.policy
	done >some.policy
	"$REEL" rules --record-options some.policy
}
t_is "a class" "$(options net)" "-e net"
t_is "what is always recorded needs none" "$(options state)" "-e process"
t_is "content that is looked for at its beginning" "$(options magic)" "-e io --io all --content 64"
t_is "content that is looked for anywhere" "$(options data)" '-e io --io all --content 4096
# some.policy:1: content contains "secret" looks at all of the data, of which 4096 bytes are kept at most'
t_is "variables" "$(options env 'some env')" '-e process --env LD_PRELOAD
# some.policy:2: env contains "LD_" does not say which variable: only those that are named are recorded'
t_is "calls" "$(options calls)" "-e process --syscalls getcpu,uname"
t_is "hashes" "$(options hash)" "-e process --hash"
t_is "all in one line" "$("$REEL" rules --record-options needs.policy | head -n 1)" \
	"-e io,net --syscalls getcpu,uname --io all --content 4096 --env LD_PRELOAD --hash"
t_ok "as JSON" "$REEL" rules --record-options --json needs.policy
t_is "a word an option" "$(head -n 1 "$TMP/out" | jq -r '.options | join(" ")')" \
	"-e io,net --syscalls getcpu,uname --io all --content 4096 --env LD_PRELOAD --hash"
t_is "what is left open" "$(jq -r 'select(.reason) | "\(.rule) \(.line) \(.test)"' "$TMP/out")" \
	'data 2 content contains "secret"
some env 5 env contains "LD_"'
t_status "broken rules have none" 2 "$REEL" rules --record-options broken.policy
# The recorder takes each of these options: a wrong one would be a wrong line.
if "$REEL" help record >help 2>&1; then
	for option in events syscalls io content max-arg env hash; do
		t_ok "--$option is an option" grep -Eq -e "--$option( |\$)" help
	done
else
	t_skip "options of reel record" "there is no reel-record beside it"
fi

# rules --for ----------------------------------------------------------------------------------------

cat >told.tale <<'END_OF_TALE'
0   1   process exe=/sbin/init
0   - coverage hook=connect types=connect status=loaded
0   - coverage hook=--io types="read write fold" reason=first status=filter
0   - coverage hook=--content types="read write send recv" reason=32 status=filter
0   - coverage hook=--env types="exec process" reason=PATH status=filter
0   - coverage hook=--env types="exec process" reason=HOME status=filter
0   - coverage hook=--hash types=hash reason=none status=filter
0   - coverage hook=-e types="stat access sys" status=filter
1   1   open path=/x
END_OF_TALE
"$BENCH/tell" -o told told.tale || exit 1
echo 'path "home" { exec { env == "HOME=/x" } }' >>needs.policy
t_ok "for a capture" "$REEL" rules --for told needs.policy
t_is "what can be decided" "$(awk '/^decidable/ { print $3 }' "$TMP/out" | xargs)" "net state home"
t_match "what cannot" '^not evaluable +needs.policy:7  hash: needs hash: left out by an option' "$(t_out)"
t_match "what can in part" '^partly +needs.policy:3  magic: .*needs --io all; 32 bytes are kept of data, it needs --content 64$' \
	"$(t_out)"
t_match "a variable" '^partly +needs.policy:4  env: .*needs --env LD_PRELOAD$' "$(t_out)"
t_ok "as JSON" "$REEL" rules --for told --json needs.policy
t_is "a status each" "$(jq -r '"\(.rule) \(.status)"' "$TMP/out")" "net decidable
data partly
magic partly
env partly
some env partly
calls not evaluable
hash not evaluable
state decidable
home decidable"
# A capture that says nothing of its recording is not blamed.
t_ok "one that says nothing" "$REEL" rules --for story --json needs.policy
t_is "can decide what looks at a part" "$(jq -r 'select(.status == "decidable").rule' "$TMP/out" | xargs)" \
	"net magic env calls hash state home"
# Losses concern those that read what was lost.
cat >lossy.tale <<'END_OF_TALE'
0   1   process exe=/sbin/init
1   1   open path=/x
3   -   lost first=1 last=2 class=net count=3 cpu=0 cause="ring full"
9   1   open path=/x
END_OF_TALE
"$BENCH/tell" -o lossy lossy.tale || exit 1
t_ok "losses" "$REEL" rules --for lossy --json needs.policy
t_is "touch those that read the class" "$(jq -r 'select(.rule == "net" or .rule == "state") |
	"\(.rule) \(.status)"' "$TMP/out")" "net partly
state decidable"
t_status "no such capture" 6 "$REEL" rules --for nowhere needs.policy
t_status "one question at a time" 2 "$REEL" rules --for told --record-options needs.policy

t_done
