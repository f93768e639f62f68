#!/bin/sh
# Sigma: what `reel rules` says of rules, of trees of them and of their techniques; what the samples
# find; and that all files of SigmaHQ that are at hand load as they are.
. "${SRC:=$(dirname "$0")/../..}/tests/sh.inc"

RULES=${REEL_FOREIGN_RULES:-$SRC/../shared/rules}/sigma
samples=$SRC/samples/sigma
capture=$SRC/samples/web-shell.rls
cd "$TMP" || exit 1
mkdir -p tree/sub

cat >tree/good.yml <<'END'
title: Shell
id: 5d3f6f4e-6a7e-4f4e-a2ef-1f7f5d5c0001
status: test
tags: [attack.t1059.004, attack.execution]
references: https://example.org/a
falsepositives: [everybody]
logsource: {product: linux, category: process_creation}
detection: {s: {Image|endswith: /sh}, condition: s}
level: low
---
title: Log
id: 5d3f6f4e-6a7e-4f4e-a2ef-1f7f5d5c0002
tags: [attack.t1110]
logsource: {product: linux, service: sshd}
detection: {s: [failed], condition: s}
---
title: Half
id: 5d3f6f4e-6a7e-4f4e-a2ef-1f7f5d5c0003
tags: [attack.t1059.004]
logsource: {product: linux, category: process_creation}
detection: {s: {Image: /a}, t: {Hashes: x}, condition: s or t}
END
cat >tree/sub/old.yaml <<'END'
title: Old
status: unsupported
logsource: {product: linux, service: auth}
detection: {s: [x], condition: s | count() > 5}
END
cat >tree/a.policy <<'END'
path "opens" { open }
END

t_ok "a tree" "$REEL" rules tree
t_match "loaded" '^loaded +low +Shell +tree/good.yml:1$' "$(t_out)"
t_match "in part" '^loaded +medium +Half +tree/good.yml:17  no event tells Hashes$' "$(t_out)"
t_match "not evaluable" "^not evaluable +medium +Log +tree/good.yml:11  the log of 'sshd' is text" "$(t_out)"
t_match "meant so" '^rejected +Old +tree/sub/old.yaml:2  its status is unsupported' "$(t_out)"
t_match "policies beside them" '^loaded +medium +opens +tree/a.policy:1$' "$(t_out)"
t_match "totals" '^sigma: 2 loaded \(1 of them in part\), 1 not evaluable, 1 rejected$' "$(t_out)"
t_is "and of all" "$(t_out | tail -n 1)" "4 rules from 3 files, 0 rejected; 0 errors, 0 warnings"

t_ok "JSON" "$REEL" rules --json tree
t_is "a line a rule" "$(jq -r '[.language, .status, .title] | join("|")' out)" "policy|loaded|opens
sigma|loaded|Shell
sigma|not evaluable|Log
sigma|loaded|Half
sigma|rejected|Old"
t_is "each with its file" "$(jq -r .file out | sort -u | tr '\n' ' ')" \
	"tree/a.policy tree/good.yml tree/sub/old.yaml "
t_is "and its number" "$(jq -r 'select(.title == "Log").id' out)" 5d3f6f4e-6a7e-4f4e-a2ef-1f7f5d5c0002

t_ok "techniques" "$REEL" rules --coverage tree
t_is "by rules" "$(t_out)" "T1059.004  1 decidable, 1 partly
T1110      1 not evaluable
1 of 2 techniques with a rule that can be decided"
t_ok "as a layer" "$REEL" rules --coverage --format navigator tree
t_is "with scores" "$(jq -c '[.versions.layer, .domain, (.techniques[] | [.techniqueID, .score])]' out)" \
	'["4.5","enterprise-attack",["T1059.004",2],["T1110",0]]'
t_ok "of a capture" "$REEL" rules --coverage --json --for "$capture" tree
t_is "that can decide them" "$(jq -c '[.technique, .decidable, .partly, .not_evaluable]' out)" '["T1059.004",1,1,0]
["T1110",0,0,1]'
t_status "a layer of nothing" 2 "$REEL" rules --format navigator tree

# What is wrong takes no more with it than it must.
cat >bad.yml <<'END'
title: Right
logsource: {product: linux, category: process_creation}
detection: {s: {Image|endswith: /sh}, condition: s}
---
title: Wrong
logsource: {product: linux, category: process_creation}
detection:
    s:
        Image|contain: x
    condition: s
END
t_status "one document is wrong" 2 "$REEL" rules bad.yml
t_match "which, and where" "^rejected +Wrong +bad.yml:9  unknown modifier 'contain'\$" "$(t_out)"
t_match "the other is there" '^loaded +medium +Right' "$(t_out)"
"$REEL" replay --json -r bad.yml "$capture" >out 2>err
t_match "and is asked" '"rule":"Right"' "$(t_out)"
t_match "but not in silence" "bad.yml:9:1: error: unknown modifier" "$(t_err)"

said() { # NAME WHAT FILE
	t_status "$1" 2 "$REEL" rules "$3"
	t_match "$1: says so" "$2" "$(t_out)"
}
printf 'title: a\n  b: c\n' >no.yml
said "no YAML" 'no.yml:2  mapping values are not allowed' no.yml
printf 'title: a\ntitle: b\n' >no.yml
said "a key twice" 'no.yml:2  a key that was there before' no.yml
head -c 100000 /dev/zero | tr '\0' '[' >no.yml
said "brackets" 'no.yml:1  nested too deeply' no.yml
{
	echo '- &a0 [x,x,x,x,x,x,x,x,x,x]'
	i=0
	while [ $i -lt 12 ]; do
		a="*a$i"
		i=$((i + 1))
		echo "- &a$i [$a,$a,$a,$a,$a,$a,$a,$a,$a,$a]"
	done
} >no.yml
said "aliases of aliases" 'no.yml:[0-9]+  it has too many values' no.yml
printf 'just a text\n' >no.yml
said "a text" 'a document of Sigma is a mapping' no.yml
head -c 17000000 /dev/zero | tr '\0' '#' >large.yml
t_status "a large file" 6 "$REEL" rules large.yml
t_match "says so" '16 MiB' "$(t_err)"

# The samples, on what they are about.
"$REEL" replay --all --json -r "$samples" "$capture" >found.json 2>err
t_is "all of the samples find something" \
	"$(jq -r 'select(.finding).title' found.json | sort -u | wc -l)" \
	"$("$REEL" rules --json "$samples" | jq -r 'select(.severity).id' | wc -l)"
t_is "a group is one file" "$(jq -c 'select(.finding and (.title | startswith("Program made"))) |
	[.evidence[].event.path]' found.json | head -n 1)" '["/tmp/.kworkerd","/tmp/.kworkerd"]'
t_is "what the rule says of itself is there" \
	"$(jq -r 'select(.finding and .severity == "critical") | [.language, .status, .tags[]] | join(" ")' found.json)" \
	"sigma experimental attack.command-and-control attack.t1571"
"$REEL" replay --all --json --no-shortcuts -r "$samples" "$capture" >slow.json 2>err
t_ok "without the fast paths, too" cmp found.json slow.json
cat >tune.policy <<'END'
tune "Connection to a port*" { unless port == 4444 }
END
"$REEL" replay --json -r "$samples" -r tune.policy "$capture" >out 2>err
t_unlike "a tune silences by title" '"finding".*Connection to a port' "$(t_out)"

# What a generated tape tells: data that was written, names of addresses, windows that are tuned.
if [ -x "$BENCH/tell" ]; then
	cat >moved.tale <<'END'
0 1 process exe=/sbin/init argv=(init)
0 100 process ppid=1 exe=/bin/sh argv=(sh)
1 100 write fd=1 content="a Needle here"
2 100 send fd=1 content="no such thing"
3 100 setxattr path=/a name=user.x value="needle"
END
	cat >moved.yml <<'END'
title: needle
logsource: {product: linux}
detection: {k: [needle], condition: k}
END
	"$BENCH/tell" -o moved moved.tale || exit 1
	"$REEL" replay --all --json -r moved.yml moved >out 2>err
	t_is "keywords are looked for in what is written, and in values" \
		"$(jq -r 'select(.finding).evidence[].event.type' out | tr '\n' ' ')" "write setxattr "

	cat >name.yml <<'END'
title: needs the name
logsource: {product: linux, category: network_connection}
detection: {s: {DestinationHostname: a}, condition: s}
---
title: or the port
logsource: {product: linux, category: network_connection}
detection: {s: {DestinationHostname: a}, t: {DestinationPort: 443}, condition: s or t}
END
	cat >name.tale <<'END'
0 1 process exe=/sbin/init argv=(init)
0 100 process ppid=1 exe=/bin/sh argv=(sh)
0 - coverage hook=--no-dns types=dns status=filter
1 100 exec path=/bin/a
2 100 connect addr=10.0.0.1 port=80
END
	"$BENCH/tell" -o name name.tale || exit 1
	"$REEL" replay --json -r name.yml name >out 2>err
	t_is "without DNS" "$(jq -r 'select(.verdict) | [.rule, .verdict] | @tsv' out)" \
		"$(printf 'needs the name\tnot evaluable\nor the port\tclean except')"
	"$REEL" replay -r name.yml name >out 2>err
	t_match "says why" 'needs the name.*needs dns: left out by an option' "$(t_out)"
	grep -v coverage name.tale >early.tale
	"$BENCH/tell" -o early early.tale || exit 1
	"$REEL" replay --json -r name.yml early >out 2>err
	t_is "with it nobody has asked for the address" "$(jq -r 'select(.verdict).verdict' out | sort -u)" clean
	grep -v exec early.tale >before.tale
	"$BENCH/tell" -o before before.tale || exit 1
	"$REEL" replay --json -r name.yml before >out 2>err
	t_is "unless that may have been before" \
		"$(jq -r 'select(.verdict) | [.verdict, .intervals[].reason] | @tsv' out | sort -u)" \
		"$(printf 'clean except\thost')"

	cat >few.yml <<'END'
title: base
name: base
logsource: {product: linux, category: process_creation}
detection: {s: {'Image|startswith': /bin/}, condition: s}
---
title: few
correlation: {type: event_count, rules: [base], timespan: 10s, condition: {lt: 4}}
END
	cat >few.tale <<'END'
0 1 process exe=/sbin/init argv=(init)
0 100 process ppid=1 exe=/x argv=(sh)
1 100 exec path=/bin/a
2 100 exec path=/bin/b
60 100 exec path=/x
END
	"$BENCH/tell" -o few few.tale || exit 1
	tuned() { # PREDICATE
		printf 'tune "few" { unless %s }\n' "$1" >few.policy
		"$REEL" replay --json -r few.yml -r few.policy few 2>err | jq -r 'select(.finding).rule'
	}
	t_is "a tune on the last event of a window" "$(tuned 'path == "/bin/b"')" few
	t_is "and on all of them" "$(tuned 'path startswith "/bin/"')" ""

	cat >lists.yml <<'END'
title: placeholders
logsource: {product: linux, category: process_creation}
detection: {s: {'Image|endswith|expand': '/%tools%.%kinds%'}, condition: s}
END
	cat >lists.tale <<'END'
0 1 process exe=/sbin/init argv=(init)
0 100 process ppid=1 exe=/x argv=(sh)
1 100 exec path=/bin/nc.old
2 100 exec path=/bin/ncat.7
3 100 exec path=/bin/nc.new
4 100 exec path=/bin/sh.old
5 100 exec path=/bin/socat.old
6 100 exec path=/opt/nc.old
END
	"$BENCH/tell" -o lists lists.tale || exit 1
	printf 'nc*\n# none\nsocat\n' >tools.txt
	cat >lists.policy <<'END'
list tools from "tools.txt"
list kinds (old, 7)
list fine ("/opt/nc.old")
tune "placeholders" { unless path in fine }
END
	"$REEL" replay --json -r lists.yml -r lists.policy lists >out 2>err
	t_is "placeholders are lists of policies, and these tune" \
		"$(jq -r 'select(.finding).evidence[].event.path' out | tr '\n' ' ')" \
		"/bin/nc.old /bin/ncat.7 /bin/socat.old "
	for wrong in 'list kinds ("a"|"b")' '' 'list kinds from "empty.txt"'; do
		: >empty.txt
		printf 'list tools ("nc")\n%s\n' "$wrong" >wrong.policy
		t_status "a list that is not there, empty, or no texts" 2 \
			"$REEL" rules lists.yml wrong.policy
		t_match "says so" 'lists.yml:3:[0-9]+: error: expand: ' "$(t_out)"
	done
else
	t_skip "a generated tape" "there is no $BENCH/tell"
fi

# All files that are at hand.
if [ ! -d "$RULES" ]; then
	if [ "${CI:-}" = true ]; then
		t_fail "SigmaHQ's files" "not in $RULES"
	else
		t_skip "SigmaHQ's files" "not in $RULES"
	fi
	t_done
fi
t_ok "all files" "$REEL" rules --json "$RULES"
cp out all.json
t_is "a line for each" "$(wc -l <all.json)" "$(find "$RULES" -name '*.yml' | wc -l)"
t_is "rejected are those that their authors call unsupported" \
	"$(jq -r 'select(.status == "rejected").file' all.json | sort)" \
	"$(grep -rl --include='*.yml' '^status: *unsupported' "$RULES" | sort)"
t_is "each with the reason" "$(jq -r 'select(.status == "rejected").reason' all.json | sort -u | wc -l)" 1

# How many are decided, in part, or not: those of text logs are not; asked of events alone are those
# that only say linux, and records of auditd that no event makes.
judged() { # JQ-FILTER on the file's name
	jq -r "select(.status != \"rejected\" and (.file | $1)) | if .status != \"loaded\" then \"no\"
		elif .reason then \"partly\" else \"full\" end" all.json | sort | uniq -c |
		awk '{ printf("%s%s %s", (NR > 1 ? ", " : ""), $1, $2) }'
}
t_is "processes" "$(judged 'test("/rules[^/]*/linux/process_creation/")')" "87 full"
t_is "files" "$(judged 'test("/file_event/")')" "7 full"
t_is "connections" "$(judged 'test("/network_connection/")')" "4 full"
t_is "auditd" "$(judged 'test("/rules/linux/auditd/")')" "37 full, 1 partly"
t_is "logs, and linux alone" "$(judged 'test("/rules/linux/builtin/")')" "7 no, 10 partly"

# Upstream's mistakes: a backslash where paths have a slash. They load and never match.
for id in $(grep -rlE --include='*.yml' "endswith: '\\\\(bash|node)'" "$RULES" | xargs grep -h '^id:' |
	cut -d' ' -f2); do
	t_is "$id cannot match, and loads" "$(jq -r "select(.id == \"$id\").status" all.json)" loaded
done
t_done
