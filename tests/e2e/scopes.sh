#!/bin/sh
# Whose events are recorded: each option of scope, its opposite, children, paths, calls.
# timeout: 200
. "${SRC:=$(dirname "$0")/../..}/tests/sh.inc"

[ -x "$(dirname "$REEL")/reel-record" ] || {
	t_fail "reel-record is built"
	t_done
}
[ "$(id -u)" = 0 ] || t_skip_all "only root may record"
[ -e /sys/kernel/btf/vmlinux ] || t_skip_all "this kernel has no BTF"
cd "$TMP" || exit 1
chmod 755 .

# One program, which everybody records in another way. What it makes has the name of who makes it.
cp /bin/sh leader
mkdir work
cat >load.sh <<'END'
cd "$TMP/work"
mkdir plain
../leader -c ': >leader; mkdir led; exec mkdir executed'
../leader -c 'read -r line </dev/null; sh -c "mkdir deep; :"'
setpriv --reuid 65534 --clear-groups mkdir user
setpriv --reuid 65534 --clear-groups sh -c ': >user-shell; mkdir user-child'
[ -z "$CGROUP" ] || sh -c 'echo $$ >"$CGROUP/cgroup.procs"; : >cgroup-shell; mkdir cgroup'
: >shell
mkdir keep-1 drop-1
rmdir keep-1 drop-1
END

CGROUP=
for root in /sys/fs/cgroup/unified /sys/fs/cgroup; do
	if [ -w "$root/cgroup.procs" ] && mkdir "$root/reel-scopes-$$" 2>/dev/null; then
		CGROUP=$root/reel-scopes-$$
		break
	fi
done
export CGROUP
[ -z "$CGROUP" ] || trap 'rmdir "$CGROUP"; rm -rf "$TMP"' EXIT

by_leader="leader led executed deep"
by_user="user user-shell user-child"
by_cgroup=${CGROUP:+"cgroup-shell cgroup"}
by_shell="plain shell keep-1 drop-1"

lines() { tr ' ' '\n' | sed '/^$/d' | sort; }

# made NAME WITH WITHOUT OPTION...: of what was made, these are on tape, and these are not. What is in
# neither list may be there or not.
n=0
made() {
	t_name=$1 t_with=$2 t_without=$3
	shift 3
	n=$((n + 1))
	rm -rf work
	mkdir work
	chmod 777 work
	"$REEL" record -q -o "c$n" "$@" -- sh load.sh >"$TMP/out" 2>"$TMP/err" || {
		t_fail "$t_name" "status $?: $(t_err)"
		return
	}
	"$REEL" dump -q --json --type mkdir,open "c$n" |
		jq -r 'select(.type == "mkdir" or (.flags / 64 | floor) % 2 == 1).path | sub(".*/"; "")' |
		sort -u >names
	t_is "$t_name: is there" "$(echo "$t_with" | lines | comm -12 - names)" "$(echo "$t_with" | lines)"
	t_is "$t_name: is not" "$(echo "$t_without" | lines | comm -12 - names)" ""
	t_is "$t_name: the sums" "$(sums "c$n")" ""
}
sums() { # the counters that do not add up
	"$REEL" dump -q --json --type counters "$1" |
		jq -c 'select(.seen != .kept + .folded + .filtered + .lost + .missed)'
}

made "no scope" "$by_shell $by_leader $by_user $by_cgroup" ""
made "by name" "$by_leader" "$by_shell $by_user $by_cgroup" -n leader
made "without children" "shell" "plain keep-1 $by_leader $by_user $by_cgroup" --no-follow
made "by another name" "plain led executed deep user user-child keep-1" \
	"shell leader user-shell cgroup-shell" -n mkdir
made "not by name" "$by_shell $by_user $by_cgroup" "leader" -n '!leader'
made "by program" "$by_leader" "$by_shell $by_user $by_cgroup" --exe '*/leader'
made "not by program" "$by_shell $by_user $by_cgroup" "leader" --exe '!*/leader'
made "by a program that nobody runs" "" "$by_leader $by_shell $by_user $by_cgroup" \
	--exe '/nonexistent/*'
made "by user" "$by_user" "$by_shell $by_leader $by_cgroup" -u 65534
made "by the user's name" "$by_user" "$by_shell $by_leader $by_cgroup" -u "$(id -un 65534)"
made "not by user" "$by_shell $by_leader $by_cgroup" "$by_user" -u '!65534'
made "by user and name" "user user-child" "$by_shell $by_leader $by_cgroup user-shell" -u 65534 -n mkdir
made "by one of two names" "$by_leader plain user user-child" "shell user-shell" -n mkdir -n leader
if [ -n "$CGROUP" ]; then
	made "by cgroup" "$by_cgroup" "$by_shell $by_leader $by_user" --cgroup "$CGROUP"
	made "not by cgroup" "$by_shell $by_leader $by_user" "$by_cgroup" --cgroup "!$CGROUP"
fi
made "by path" "keep-1" "plain shell drop-1 $by_leader $by_user $by_cgroup" --path '*/keep-*'
made "not by path" "plain shell keep-1 $by_leader $by_user $by_cgroup" "drop-1" --no-path '*/drop-*'
t_is "for each type that has one" \
	"$("$REEL" dump -q --json --type rmdir "c$n" | jq -r .path_arg | tr '\n' ' ')" "keep-1 "
made "not by name, and by path" "keep-1" "leader plain shell" --path '*/keep-*' --path '*/leader' \
	-n '!leader'

# What is not wanted does not change whose life is known.
n=$((n + 1))
t_ok "one class of a scope" "$REEL" record -q -o "c$n" -e net -n leader -- sh load.sh
t_is "has its processes" \
	"$("$REEL" dump -q --json --type exec "c$n" | jq -r 'select(.ret == 0 and (.exe | endswith("/leader"))).exe' | wc -l)" 2
t_is "no others" \
	"$("$REEL" dump -q --json --type exec "c$n" | jq -r 'select(.ret == 0 and (.argv | index("plain"))).exe')" ""
t_is "and from fork to exit" \
	"$("$REEL" dump -q --json --type exec,exit "c$n" | jq -rs '
		([.[] | select(.type == "exec" and .ret == 0).pid] | unique) -
		([.[] | select(.type == "exit").pid] | unique) | length')" 0

# Calls of any class, by their name.
n=$((n + 1))
t_ok "calls by name" "$REEL" record -q -o "c$n" --syscalls umask,getsid -- \
	sh -c 'umask 027; umask 022; umask'
t_is "are there with their arguments" \
	"$("$REEL" dump -q --json --type sys "c$n" | jq -r '.arg1' | grep -x -e 23 -e 18 | sort -u | tr '\n' ' ')" \
	"18 23 "
t_is "and no other" "$("$REEL" dump -q --json --type sys "c$n" | jq -r .syscall | sort -u)" umask

t_done
