#!/bin/sh
# rules: what it says of policies that compile, of others, and the status it ends with.
. "${SRC:=$(dirname "$0")/../..}/tests/sh.inc"

cd "$TMP" || exit 1
mkdir -p good/sub bad

cat >good/a.policy <<'END'
list ports from "ports.txt"
path "talks" {
    severity high
    tags "attack.t1071" "net"
    connect { port in ports }
}
END
printf '# known\n4444\n1337\n' >good/ports.txt
cat >good/sub/b.policy <<'END'
path "option" { exec { argv[0] =~ "-l$" } }
END
echo 'path "not read" {' >good/notes.txt
cat >bad/c.policy <<'END'
path "fine" { open }
path "typo" {
    opne { path == "/x" }
    exec { pth == "/x", uid =~ "x" }
}
END

t_ok "good ones" "$REEL" rules good
t_is "nothing on stderr" "$(t_err)" ""
t_match "a rule" '^loaded +high +talks +good/a.policy:2$' "$(t_out)"
t_match "of a subdirectory" '^loaded +medium +option +good/sub/b.policy:1$' "$(t_out)"
t_match "a warning, with its place" '^good/sub/b.policy:1:35: warning: argv\[0\]' "$(t_out)"
t_is "the totals" "$(t_out | tail -n 1)" "2 rules from 2 files, 0 rejected; 0 errors, 1 warning"

t_status "one is bad" 2 "$REEL" rules good bad
t_match "it is rejected" '^rejected  bad/c.policy$' "$(t_out)"
t_unlike "as a whole" 'fine' "$(t_out)"
t_match "the others are loaded" '^loaded +high +talks' "$(t_out)"
t_is "all its errors" "$(t_out | grep -c '^bad/c.policy:[34]:[0-9]*: error: ')" 3
t_match "with what was meant" "^bad/c.policy:3:5: error: unknown step 'opne', did you mean 'open'\\?\$" \
	"$(t_out)"
t_is "the totals" "$(t_out | tail -n 1)" "2 rules from 3 files, 1 rejected; 3 errors, 1 warning"

t_status "JSON" 2 "$REEL" rules --json good bad
field() { jq -r "$1" "$TMP/out"; }
t_is "an object a line" "$(wc -l <"$TMP/out")" "$(jq -s length "$TMP/out")"
t_is "a rule's" "$(field 'select(.id == "talks") | [.file, .line, .title, .language, .severity,
	(.tags | join(" ")), .status] | map(tostring) | join("|")')" \
	"good/a.policy|2|talks|policy|high|attack.t1071 net|loaded"
t_is "errors" "$(field 'select(.status == "rejected") | "\(.line):\(.column)"' | tr '\n' ' ')" \
	"3:5 4:12 4:29 "
t_is "a warning" "$(field 'select(.status == "warning") | .file')" good/sub/b.policy

t_ok "the same file twice is one" "$REEL" rules good good/a.policy
t_is "and counted once" "$(t_out | tail -n 1)" "2 rules from 2 files, 0 rejected; 0 errors, 1 warning"
cp good/a.policy good/z.policy
t_status "a rule twice is none" 2 "$REEL" rules good
t_match "says where the other is" 'good/z.policy:2:1: error: path "talks" is in good/a.policy:2' \
	"$(t_out)"

t_status "no such file" 6 "$REEL" rules none.policy
t_match "says which" 'none.policy' "$(t_err)"
t_status "no file" 2 "$REEL" rules
mkfifo pipe
t_status "a pipe is no file" 6 "$REEL" rules pipe
head -c 17000000 /dev/zero >large.policy
t_status "too large" 6 "$REEL" rules large.policy
t_match "says so" '16 MiB' "$(t_err)"
printf 'path "\033[31m" { opne }\n' >hostile.policy
t_status "what a file says drives no terminal" 2 "$REEL" rules hostile.policy
t_unlike "not in errors" "$(printf '\033')" "$(t_out)"
printf 'path "\033[31m" { open }\npath "\033[31m" { open }\n' >hostile.policy
t_status "nor a name" 2 "$REEL" rules hostile.policy
t_unlike "not in errors" "$(printf '\033')" "$(t_out)"
if [ "$(id -u)" != 0 ]; then
	chmod 000 good/a.policy
	t_status "not readable" 6 "$REEL" rules good
fi
if [ -w /dev/full ]; then
	"$REEL" rules good/sub >/dev/full 2>"$TMP/err"
	t_is "a full disk shows" $? 6
fi
t_done
