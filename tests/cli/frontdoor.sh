#!/bin/sh
# The front door: help, version, wrong words, exit statuses, closed and full outputs.
. "${SRC:=$(dirname "$0")/../..}/tests/sh.inc"

t_ok "--help" "$REEL" --help
help=$(t_out)
t_match "says how to call it" '^Usage: reel COMMAND' "$help"
t_is "nothing on stderr" "$(t_err)" ""
t_ok "help" "$REEL" help
t_is "help and --help are the same" "$(t_out)" "$help"
t_ok "-h" "$REEL" -h
t_is "-h too" "$(t_out)" "$help"

t_ok "--version" "$REEL" --version
version=$(t_out)
t_match "a version" '^reel [0-9]+\.[0-9]+\.[0-9]+$' "$version"

t_status "no command is a usage error" 2 "$REEL"
t_is "which says nothing on stdout" "$(t_out)" ""
t_match "and shows the help" '^Usage: reel' "$(t_err)"

t_status "an unknown command" 2 "$REEL" inof
t_is "suggests the nearest in one line" "$(t_err)" \
	"reel: unknown command 'inof', did you mean 'info'? (see 'reel --help')"
t_status "a far one" 2 "$REEL" zzzzzzzz
t_is "suggests nothing" "$(t_err)" "reel: unknown command 'zzzzzzzz' (see 'reel --help')"
t_status "an unknown option" 2 "$REEL" --verison
t_match "suggests one" "did you mean '--version'" "$(t_err)"
t_status "help for an unknown command" 2 "$REEL" help verfy
t_match "suggests one too" "did you mean 'verify'" "$(t_err)"
t_status "an empty word" 2 "$REEL" ""

commands=$(printf '%s\n' "$help" | sed -n 's/^  \([a-z]*\)  .*/\1/p')
t_match "there are commands" '^info$' "$commands"

for c in $commands; do
	t_ok "$c --help" "$REEL" "$c" --help
	t_match "$c: usage" "^Usage: reel $c \[OPTION...\]" "$(t_out)"
	t_match "$c: has --color" '^      --color WHEN' "$(t_out)"
	t_is "$c: two examples" "$(t_out | sed '1,/^Examples:/d' | wc -l)" 2
	t_is "$c: which are of it" "$(t_out | sed '1,/^Examples:/d' | grep -cv "reel $c")" 0
	t_is "$c: no line over 80 columns" "$(t_out | grep -c '.\{81,\}')" 0
	t_is "$c: nothing on stderr" "$(t_err)" ""
	seldom=$(t_out | sed -n '/^More:/,/^$/p' | tr ' ' '\n' | grep -e '^--' || :)
	options=$(t_out | sed -nE 's/^  (-.,|   ) (--[a-z-]+).*/\2/p')
	t_ok "help $c" "$REEL" help "$c"
	t_is "help $c tells of all, and of each once" \
		"$(t_out | sed -nE 's/^  (-.,|   ) (--[a-z-]+).*/\2/p' | sort)" \
		"$(printf '%s\n' "$options" $seldom | sort)"
	t_is "$c -v --help is the same" "$("$REEL" "$c" -v --help)" "$(t_out)"
	t_ok "$c --version" "$REEL" "$c" --version
	t_is "$c: the same version" "$(t_out)" "$version"
	t_status "$c: unknown option" 2 "$REEL" "$c" --verbsoe
	t_is "$c: one line about it" "$(t_err)" \
		"reel $c: unknown option '--verbsoe', did you mean '--verbose'? (see 'reel $c --help')"
	t_is "$c: and no output" "$(t_out)" ""
	t_status "$c: a wrong value" 2 "$REEL" "$c" --color purple
done

escaped=$("$REEL" info "$(printf -- '--a\033[2Jb')" 2>&1)
t_unlike "no control character reaches the terminal" "$(printf '\033')" "$escaped"

if [ -w /dev/full ]; then
	t_status "a full disk is an i/o error" 6 sh -c '"$REEL" --help >/dev/full'
	t_match "and said" 'cannot write' "$(t_err)"
else
	t_skip "a full disk" "no /dev/full"
fi
t_status "a closed stdout too" 6 sh -c '"$REEL" --help >&-'

# The reader is gone before the first byte, and our parent ignores the signal that says so.
(
	trap '' PIPE
	sleep 0.2
	"$REEL" --help 2>"$TMP/pipe.err" && echo 0 >"$TMP/pipe" || echo $? >"$TMP/pipe"
) | true
t_is "a closed pipe ends it" "$(cat "$TMP/pipe")" 141
t_is "without a word" "$(cat "$TMP/pipe.err")" ""
t_done
