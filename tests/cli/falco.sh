#!/bin/sh
# falco: rules of Falco are loaded as they are, what they say is what Falco would print, and tunes of
# policies hold for them, too.
. "${SRC:=$(dirname "$0")/../..}/tests/sh.inc"

cd "$TMP" || exit 1
shell=$SRC/samples/web-shell.rls
rules=$SRC/samples/falco
foreign=${REEL_FOREIGN_RULES:-$SRC/../shared/rules}/falco

t_ok "rules for the sample" "$REEL" rules "$rules"
t_is "all are loaded" "$(t_out | grep -c '^loaded ')" 3

t_status "over the sample" 1 "$REEL" replay -q -r "$rules" "$shell"
t_match "a shell" '^    14:08:03\.232939010: Error A page has run a shell \(command=sh -c getent hosts localhost; id exe=/usr/bin/dash parent=python3 user=www-data container=host\)$' "$(t_out)"
t_is "but for what an exception says" "$(t_out | grep -c ': Error ')" 2
t_match "a connection" '^    14:08:05\.443102674: Critical A page has connected \(connection=203\.0\.113\.66:45650->203\.0\.113\.66:4444 program=\.kworkerd line=.* proto=tcp result=SUCCESS\)$' "$(t_out)"
t_match "a log" '^    14:08:06\.668312921: Warning A log was removed \(file=/var/log/www/access\.log program=/usr/bin/rm\)$' "$(t_out)"
t_match "priorities are severities" '^critical .*"Page talks to a stranger"  pid' "$(t_out)"

t_status "as JSON" 1 "$REEL" replay -q --json -r "$rules" "$shell"
t_is "with its output" "$(t_out | jq -r 'select(.rule == "Traces removed" and .finding).output')" \
	"14:08:06.668312921: Warning A log was removed (file=/var/log/www/access.log program=/usr/bin/rm)"
t_is "with priority, source and tags" \
	"$(t_out | jq -c 'select(.rule == "Traces removed" and .finding) | [.priority, .source, .tags, .severity]')" \
	'["Warning","syscall",["web","T1070"],"medium"]'

t_status "in another zone" 1 "$REEL" replay -q --tz +02:00 -r "$rules" "$shell"
t_match "the time of day is that of the zone" '^    16:08:06\.668312921: Warning A log' "$(t_out)"

t_status "into a case" 1 "$REEL" replay -q -r "$rules" "$shell" -o web.db
t_is "its output" "$(sqlite3 web.db "SELECT output FROM finding JOIN rule ON rule.id = finding.rule
	WHERE name = 'Traces removed'")" \
	"14:08:06.668312921: Warning A log was removed (file=/var/log/www/access.log program=/usr/bin/rm)"
t_is "its language" "$(sqlite3 web.db "SELECT DISTINCT language FROM rule")" falco

# Policies beside them.
cat >quiet.policy <<'END'
list strangers from "strangers.txt"
tune "Page *" { unless port in strangers }
tune "Traces *" { unless exe == "/usr/bin/rm" }
END
echo 4444 >strangers.txt
t_status "tunes of a policy" 1 "$REEL" replay -q -r "$rules" -r quiet.policy "$shell"
t_is "what is left" "$(t_out | grep -cE '^    [0-9:.]+: (Error|Critical|Warning)')" 2
t_match "it is counted" 'Traces removed.*1 suppressed by a tune' "$(t_out)"

# Lists of policies stand among values, where Falco's files have none of that name.
cat >lists.yaml <<'END'
- list: ours
  items: [/usr/bin/id]
- rule: ports
  desc: d
  condition: evt.type = connect and fd.sport in (strangers)
  output: x
  priority: info
- rule: paths
  desc: d
  condition: (evt.type in (execve, execveat) and proc.exepath in (odd, ours, none))
  output: x
  priority: info
END
cat >lists.policy <<'END'
list strangers from "strangers.txt"
list none from "none.txt"
list ours ("/usr/bin/rm")
list odd from "odd.txt"
END
printf '/usr/bin/a "b" \\\n/usr/bin/rm\n' >odd.txt
: >none.txt
t_status "lists of policies" 1 "$REEL" replay --json -r lists.yaml -r lists.policy "$shell"
t_is "what is in them" "$(t_out | jq -r 'select(.finding) | .rule + " " + .evidence[-1].event.type +
	" " + (.evidence[-1].event.path // "")' | sort -u)" "$(printf 'paths exec /usr/bin/id\npaths exec /usr/bin/rm\nports connect ')"
echo 'list odd (4|5)' >other.policy
t_status "a list whose values are no texts, and one that is there twice" 2 \
	"$REEL" rules lists.yaml lists.policy other.policy
t_match "says so" 'several policies have a list of that name' "$(t_out)"
t_status "without the policy it is a word" 1 "$REEL" replay -q -r lists.yaml "$shell"
t_match "which is no port" "fd.sport: 'strangers' is no number" "$(t_err)"

# A field that is not there makes every comparison false, and `not` of it true.
cat >absent.yaml <<'END'
- macro: some
  condition: (evt.type in (execve, execveat) or (evt.type = connect and fd.typechar = 4))
- rule: "all"
  desc: d
  condition: some
  output: x
  priority: info
- rule: connections
  desc: d
  condition: some and fd.sport exists
  output: x
  priority: info
- rule: not equal
  desc: d
  condition: some and fd.sip != "192.0.2.1"
  output: x
  priority: info
- rule: not, equal
  desc: d
  condition: some and not fd.sip = "192.0.2.1"
  output: x
  priority: info
- rule: not, not equal
  desc: d
  condition: some and not fd.sip != "192.0.2.1"
  output: x
  priority: info
- rule: any ancestor
  desc: d
  condition: evt.type = execve and proc.aname = python3
  output: x
  priority: info
- rule: another ancestor
  desc: d
  condition: evt.type = execve and proc.aname = python3 and proc.aname != python3
  output: x
  priority: info
- rule: the second one
  desc: d
  condition: evt.type = execve and proc.aname[2] = python3 and proc.aname[1] != python3
  output: "%proc.aname[1] %proc.aname[2] %proc.aname[99] %fd.name %container.image"
  priority: info
END
"$REEL" replay -q --json -r absent.yaml "$shell" >absent.json
n() { jq -r "select(.verdict and .rule == \"$1\").matches" absent.json; }
execs=$("$REEL" dump --type exec --json "$shell" | jq -c 'select(.ret == 0)' | wc -l)
t_is "a rule on two kinds of events" "$(n all)" "$((execs + $(n connections)))"
t_is "not equal: only where it is" "$(n 'not equal')" "$(n connections)"
t_is "not, equal: where it is not, too" "$(n 'not, equal')" "$(n all)"
t_is "not, not equal: only where it is not" "$(n 'not, not equal')" "$execs"
t_is "another ancestor is another" "$(n 'another ancestor')" "$(n 'any ancestor')"
t_match "what is not there is <NA>" '^[0-9:.]+ Informational sh python3 <NA> <NA> <NA>$' \
	"$(jq -r 'select(.finding and .rule == "the second one").output' absent.json)"

# Several files.
cat >local.yaml <<'END'
- list: shells
  items: [busybox]
  override: {items: append}
- rule: Shell for a page
  condition: and not proc.args contains "; id"
  append: true
- rule: Traces removed
  enabled: false
END
t_status "what is added later" 1 "$REEL" replay -q -r "$rules" -r local.yaml "$shell"
t_is "one shell is none any more" "$(t_out | grep -c ': Error ')" 1
t_unlike "a rule is off" 'Traces' "$(t_out)"
t_ok "and it is said" "$REEL" rules "$rules" local.yaml
t_match "why" '^disabled +.Traces removed. .*it is not enabled$' "$(t_out)"
t_match "in the totals, too" '^falco: .* 0 rejected, 1 disabled$' "$(t_out)"
"$REEL" rules --json "$rules" local.yaml >out
t_is "and as JSON" "$(jq -r 'select(.title == "Traces removed") | [.status, .is_error] | @tsv' out)" \
	"$(printf 'disabled\tfalse')"
cat >unknown.yaml <<'END'
- rule: later
  desc: d
  condition: evt.type = mkdir and no.field = 1
  output: o
  priority: NOTICE
  skip-if-unknown-filter: true
END
t_ok "a rule that is left out as it says" "$REEL" rules unknown.yaml
t_match "is skipped" '^skipped +later .*no.field' "$(t_out)"
t_match "and counted" '^falco: 0 loaded .* 0 rejected, 1 skipped$' "$(t_out)"

# What is wrong in one rule leaves the others alone.
cat >wrong.yaml <<'END'
- rule: fine
  desc: d
  condition: evt.type = mkdir
  output: made %evt.arg.path
  priority: info
- rule: no such field
  desc: d
  condition: evt.type = mkdir and proc.colour = red
  output: x
  priority: info
- rule: of a plugin
  desc: d
  condition: ka.verb = get
  output: x
  priority: info
  source: k8s_audit
- rule: skipped
  desc: d
  condition: evt.type = mkdir and proc.colour = red
  output: x
  priority: info
  skip-if-unknown-filter: true
END
"$REEL" rules wrong.yaml >out 2>err
t_match "one is loaded" '^loaded .* fine ' "$(cat out)"
t_match "one is rejected, with its line" '^rejected .*no such field.* wrong.yaml:6 .*no field proc.colour' "$(cat out)"
t_match "one cannot be decided" '^not evaluable .*of a plugin.*come from a plugin' "$(cat out)"
t_match "one is skipped" '^skipped .*as it says itself' "$(cat out)"

# What is made of something that is not known.
if [ -x "$BENCH/tell" ]; then
	cat >made.tale <<'END'
0 1 process exe=/sbin/init argv=(init)
0 100 process ppid=1 exe=/bin/sh argv=(sh)
1 100 exec path=/bin/a argv=(a,-n,-tx,abc)~40
2 100 connect addr=10.0.0.1 port=80
3 300 mkdir path=/x
4 300 write fd=1 path=/l content=abc~9
END
	of() { # what is said of a rule with this condition: verdict and matches
		printf -- '- rule: r\n  desc: d\n  output: o\n  priority: info\n  condition: >\n    %s\n' \
			"$1" >one.yaml
		"$REEL" replay --all --json -r one.yaml "$made" >out 2>err
		"$REEL" replay --all --json --no-shortcuts -r one.yaml "$made" >slow 2>err
		cmp -s out slow || printf 'and other with shortcuts: '
		jq -r 'select(.verdict) | [.verdict, .matches] | join(" ")' out
	}
	made=made
	"$BENCH/tell" -o made made.tale || exit 1
	# Nobody has told of process 300, and of the exec's arguments the last is cut.
	t_is "a part that is unknown" "$(of 'evt.type = mkdir and concat(proc.name, a) = xa')" "clean except 0"
	t_is "and it does not exist for sure" \
		"$(of 'evt.type = mkdir and not concat(proc.name, a) exists')" "clean except 0"
	t_is "what is not there is stronger" \
		"$(of 'evt.type = mkdir and not concat(proc.name, fd.name) exists')" "hit 1"
	t_is "behind a separator, too" "$(of 'evt.type = mkdir and join(proc.name, (a, b)) = ab')" "clean except 0"
	t_is "on the right" "$(of 'evt.type = mkdir and fs.path.name = concat(/, proc.name)')" "clean except 0"
	t_is "in a call in a call" \
		"$(of 'evt.type = mkdir and concat(a, join(",", (b, proc.name))) = "ab,c"')" "clean except 0"
	t_is "a part that is cut, and what begins so" \
		"$(of 'evt.type = execve and concat(proc.args, x) startswith "-n -tx abc"')" "hit 1"
	t_is "what cannot begin so" \
		"$(of 'evt.type = execve and concat(proc.args, x) startswith "-n -ty"')" "clean 0"
	t_is "what it ends with" "$(of 'evt.type = execve and concat(proc.args, x) endswith x')" "clean except 0"
	t_is "how long it is" "$(of 'evt.type = execve and len(concat(proc.args, x)) < 4')" "clean except 0"
	t_is "an option before what is cut" \
		"$(of 'evt.type = execve and getopt(proc.args, "nt:") intersects (x)')" "hit 1"
	t_is "a word that ends them comes before" \
		"$(of 'evt.type = execve and getopt(("-n", a, proc.args), "nt:") intersects (y)')" "clean 0"
	t_is "an option that may come behind" \
		"$(of 'evt.type = execve and getopt(proc.args, "nt:") intersects (y)')" "clean except 0"
	t_is "all of them" "$(of 'evt.type = execve and getopt(proc.args, "nt:") in (n, t, x)')" "clean except 0"
	t_is "all of fewer" "$(of 'evt.type = execve and getopt(proc.args, "nt:") in (n, t)')" "clean 0"
	t_is "the last of an option" "$(of 'evt.type = execve and getopt(proc.args, "nt:")[t] = x')" "clean except 0"
	t_is "arguments of nobody" "$(of 'evt.type = mkdir and getopt(proc.args, "n") intersects (n)')" \
		"clean except 0"
	made=nameless
	cat made.tale - >nameless.tale <<'END'
4 - coverage hook=--no-dns types=dns status=filter
5 100 exec path=/bin/b argv=(b) env=(Aa=1,BB=2)
END
	"$BENCH/tell" -o nameless nameless.tale || exit 1
	t_is "a name without DNS, in a part" "$(of 'evt.type = connect and concat(fd.sip.name, ":80") = a:80')" "not evaluable 0"
	# Names of which a plain sum of their letters would be the same.
	t_is "one variable and another" \
		"$(of 'evt.type = execve and proc.env[Aa] = 1 and proc.env[BB] = 2')" "hit 1"
	t_is "or something else" "$(of 'evt.type = connect and (fd.sip.name = a or fd.sport = 80)')" "hit 1"
fi

# The table of fields is that of the program.
"$REEL" rules --falco-fields >fields
sed -n '/^### Fields/,$p' "$SRC/replay/FOREIGN.md" | grep '^| `' >described
if cmp -s fields described; then
	t_pass "FOREIGN.md has the fields"
else
	t_fail "FOREIGN.md has the fields" "$(diff described fields | head)"
fi

# Theirs.
if [ ! -d "$foreign" ]; then
	[ "${CI:-}" != true ] || t_fail "rules of others are there" "$foreign is not there"
	t_skip "rules of others" "$foreign is not there"
	t_done
fi
"$REEL" rules --json "$foreign" >all.json
t_is "files of Falco" "$(find "$foreign" -name '*.yaml' | wc -l)" \
	"$(jq -r '.file' all.json | sort -u | wc -l)"
t_is "nothing is rejected" "$(jq -r 'select(.status == "rejected").reason' all.json)" ""
jq -r 'select(.status != "rejected") | [(.file | sub(".*/"; "")), .status] | @tsv' all.json |
	sort | uniq -c | sed 's/^ *//' >counts
t_is "how many can be decided (detection.md 2.4)" "$(cat counts)" "$(printf '%s\t%s\n' \
	'30 falco-incubating_rules.yaml' loaded \
	'1 falco-incubating_rules.yaml' 'not evaluable' \
	'25 falco_rules.yaml' loaded)"
t_is "those that cannot" "$(jq -r 'select(.status == "not evaluable").title' all.json | sort)" \
	"Network Connection outside Local Subnet"
t_status "over the sample they find nothing" 0 "$REEL" replay -q -r "$foreign" "$shell"
t_done
