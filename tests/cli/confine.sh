#!/bin/sh
# Reading commands from outside, where output and temporary files lie in different places: each does
# what it is for, and the kernel says that it is confined while it does it.
# trust-checks: A process of reel can do no more than it needs | reading commands, from outside
. "${SRC:=$(dirname "$0")/../..}/tests/sh.inc"

capture=$SRC/samples/web-shell.rls
mkdir -p "$TMP/spill" "$TMP/work" "$TMP/rules"
TMPDIR=$TMP/spill
export TMPDIR
cd "$TMP/work" || exit 1
cp "$capture" one.rls
mkdir two.reel
cp "$capture" two.reel/web-shell.rls

for command in "info one.rls" "verify one.rls" "dump --json one.rls" "dump --where 'exe =~ \"sh$\"' one.rls" \
	"info two.reel" "cut --from -2s -o - one.rls" "rules ../rules" "list events" \
	"query one.rls 'SELECT count(*) FROM event'" "query one.rls 'SELECT count(*) FROM process'" \
	"query --list"; do
	t_ok "$command" sh -c "\"$REEL\" $command"
	t_unlike "is not hindered" 'ermitted|denied' "$(t_err)"
done
"$REEL" dump --json - <one.rls >piped 2>&1
"$REEL" dump --json one.rls >named 2>&1
t_ok "a pipe is read, too" cmp piped named
t_ok "a cut" "$REEL" cut --from -2s -o cut.rls one.rls
t_status "that fails" 3 "$REEL" cut --from -2s -o not.rls /etc/passwd
t_is "leaves nothing" "$(ls not.rls 2>/dev/null)" ""
t_ok "whole segments are kept" "$REEL" keep -o kept.reel one.rls
t_match "as links" '1 files linked, 0 copied' "$(t_err)"
t_status "what cannot be kept" 3 "$REEL" keep -o not.reel /etc/passwd
t_is "leaves nothing either" "$(ls -d not.reel 2>/dev/null)" ""
t_ok "a capture is merged" "$REEL" merge -o merged.reel two.reel
t_match "as links, too" '1 files linked, 0 copied' "$(t_err)"
t_ok "a case is made" "$REEL" replay -q --no-rules -o case.db two.reel
t_ok "and asked" "$REEL" query case.db 'SELECT count(*) FROM process'
t_ok "and written to" "$REEL" query --write case.db \
	"INSERT INTO note(text) SELECT 'seen' WHERE 0"
t_ok "and reported" "$REEL" report -o page.html case.db
t_unlike "which is not hindered either" 'ermitted|denied' "$(t_err)"
t_is "nothing is left where temporary files are" "$(ls "$TMP/spill")" ""

# A rule that lies elsewhere, and names what lies elsewhere again.
printf 'list names from "%s/names"\npath "made" { open { path in names } }\n' "$TMP" >"$TMP/made.policy"
echo /tmp/x >"$TMP/names"
ln -s "$TMP/made.policy" "$TMP/rules/linked.policy"
t_ok "rules by a link" "$REEL" rules "$TMP/rules"
t_unlike "and whatever they name" 'denied|cannot' "$(t_out)"

# While it waits for more of a pipe, what it is shows.
mkfifo pipe
"$REEL" dump --json pipe >/dev/null 2>&1 &
reader=$!
exec 3>pipe
state=
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	state=$(cat "/proc/$reader/status")
	case $state in *Seccomp:*2*NoNewPrivs*|*NoNewPrivs:*1*Seccomp:*2*) break ;; esac
	sleep 0.1
done
t_match "it has a filter" '^Seccomp:[[:space:]]+2' "$state"
t_match "it gets no new rights" '^NoNewPrivs:[[:space:]]+1' "$state"
t_match "it has no more than to read files of others" '^CapEff:[[:space:]]+000000000000000[04]$' "$state"
exec 3>&-
wait "$reader"

# Where the kernel has no such thing, it goes on and says so with -v only.
command -v strace >/dev/null || t_skip_all "there is no strace"
without="strace -f -o /dev/null -e trace=landlock_create_ruleset,seccomp \
	-e inject=landlock_create_ruleset,seccomp:error=ENOSYS"
if $without true 2>/dev/null; then
	t_ok "without Landlock and seccomp" $without "$REEL" info one.rls
	t_is "nothing is said of it" "$(t_err)" ""
	t_ok "unless asked" $without "$REEL" info -v one.rls
	t_match "of Landlock" 'goes on without landlock: the kernel has no Landlock' "$(t_err)"
	t_match "of seccomp" 'goes on without seccomp: the kernel has no such filter' "$(t_err)"
	t_ok "a case is made then, too" $without "$REEL" replay -q --no-rules -o other.db one.rls
	t_ok "and a question that needs one" $without "$REEL" query one.rls \
		'SELECT count(*) FROM process'
else
	t_skip "without Landlock and seccomp" "strace cannot change calls here"
fi

t_done
