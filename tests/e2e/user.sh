#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The class user: TLS handshakes and set-up, and lines of shells, seen inside programs.
# timeout: 600
. "${SRC:=$(dirname "$0")/../..}/tests/sh.inc"

[ "$(id -u)" = 0 ] || t_skip_all "needs root"
[ -e /sys/kernel/btf/vmlinux ] || t_skip_all "this kernel has no BTF"
cd "$TMP" || exit 1

# What is mapped for the first time is probed a little later; emulated machines take their time.
case $(uname -r) in
6.1.*) soon=8 ;;
*) soon=3 ;;
esac
export soon TMP

rec() { "$REEL" record -q -e user -o "$@"; }
user() { # CAPTURE [FILTER]: what was seen, without what differs from run to run
	"$REEL" dump -q --json "$1" | jq -c "select(.type == \"tls\" or .type == \"tls_setup\" or
		.type == \"line\") | ${2:-.} | .library |= sub(\".*/\"; \"\") |
		del(.id, .ts, .time, .pid, .tid, .ppid, .comm, .exe, .uid, .gid)"
}
covered() { # CAPTURE FILE: what became of it
	"$REEL" dump -q --json --type coverage "$1" | jq -r "select(.hook == \"uprobes $2\") |
		[.types, .status] | join(\": \")" | sort -u
}
whole() { # NAME CAPTURE
	t_match "$1: nothing is lost" '^verdict +complete, nothing was lost' "$("$REEL" info "$2")"
}

# A program with the library inside ----------------------------------------------------------------

# Probes come to a file while somebody runs it, and stay.
cat >twice.sh <<'X'
"$1" idle &
sleep "$soon"
"$1"
kill $!
wait
X
cat >want.plain <<'X'
["tls_setup","SSL_CTX_use_certificate_file",1,"/etc/ssl/cert.pem",null,null]
["tls_setup","SSL_CTX_use_PrivateKey_file",0,"6b65792001ff0a2e70656d",null,null]
["tls_setup","SSL_CTX_load_verify_locations",2,"ca.pem",null,null]
["tls_setup","SSL_CTX_load_verify_locations",2,"ca.d",null,null]
["tls_setup","SSL_CTX_load_verify_file",1,"alone.pem",null,null]
["tls_setup","SSL_CTX_set_cipher_list",1,null,"HIGH:!NULL",null]
["tls_setup","SSL_CTX_set_ciphersuites",0,null,null,true]
X
cat >want.tls <<'X'
["SSL_connect",1,7,"client","one.example","TLSv1.2","ECDHE-TEST-AES128",128]
["SSL_connect",1,7,"client","one.example","TLSv1.3","ECDHE-TEST-AES128",128]
["SSL_accept",-1,-1,"server",null,null,null,0]
["SSL_do_handshake",-1,-1,"server",null,null,null,0]
["SSL_accept",0,-1,"server",null,null,null,0]
["SSL_shutdown",1,9,"client",null,"TLSv1.3","ECDHE-TEST-AES128",128]
["SSL_do_handshake",1,-1,"client",null,"TLSv1.3","ECDHE-TEST-AES128",128]
X
cat >want.tls.narrow <<'X'
["SSL_connect",1,7,"client","one.example",null,null,0]
["SSL_connect",1,7,"client","one.example",null,null,0]
["SSL_accept",-1,-1,"server",null,null,null,0]
["SSL_do_handshake",-1,-1,"unknown",null,null,null,0]
["SSL_accept",0,-1,"server",null,null,null,0]
["SSL_do_handshake",1,-1,"unknown",null,null,null,0]
X
setups='select(.type == "tls_setup") | [.type, .function, .ret, .path_hex // .path, .cipher, .fault]'
handshakes='select(.type == "tls") | [.function, .ret, .fd, .side, .server_name, .protocol, .cipher, .key_bits]'

plain() { # NAME CAPTURE TLS: what the calls of plain() are
	user "$2" >all
	t_is "$1: files and ciphers" "$(jq -c "$setups" all | head -n 7)" "$(cat want.plain)"
	t_is "$1: handshakes" "$(jq -c "$handshakes" all | head -n "$(wc -l <"$3")")" "$(cat "$3")"
	t_is "$1: a line, byte for byte" "$(jq -r 'select(.type == "line").line_hex' all | head -n 1)" \
		6563686f2022090120ff22
	whole "$1" "$2"
}

if [ -x "$SRC/.output/e2e/user_static" ]; then
	cp "$SRC/.output/e2e/user_static" wide
	t_ok "a program with the library inside" rec wide.reel -- sh twice.sh "$TMP/wide"
	t_is "it is found" "$(covered wide.reel "$TMP/wide")" "tls tls_setup line: loaded"
	plain "64 bits" wide.reel want.tls
	t_is "a path too long for it is cut" \
		"$(jq -c 'select(.type == "tls_setup" and .truncated) | [.function, (.path | length)]' all)" \
		'["SSL_CTX_use_certificate_file",4095]'
	t_is "and so is a line" \
		"$(jq -c 'select(.type == "line" and .truncated) | .line | length' all)" 16383
	t_is "a handshake that was left by a jump does not hide the next one" \
		"$(jq -c 'select(.function == "SSL_accept") | .ret' all | tail -n 1)" 1
	seq 0 199 | awk '{ print int($1 / 50) "-" $1 % 50 ".example " 1000 + $1 % 50 }' | sort >want
	t_is "handshakes of four threads at the same time, each by itself" \
		"$(jq -r 'select(.type == "tls" and (.server_name // "" | test("-"))) |
			"\(.server_name) \(.fd)"' all | sort)" "$(cat want)"
else
	t_fail "tests/e2e/user_static is built"
fi

if ${CC:-gcc} -m32 -O2 -nostdlib -static -ffreestanding -fno-stack-protector -fno-pie -no-pie \
	-fcf-protection=none -o narrow "$SRC/tests/e2e/user_static.c" 2>cc.err && ./narrow; then
	t_ok "the same of 32 bits" rec narrow.reel -- sh twice.sh "$TMP/narrow"
	plain "32 bits" narrow.reel want.tls.narrow
else
	t_skip "a program of 32 bits" "it cannot be built or run here: $(head -n 1 cc.err)"
fi

# Real libraries -----------------------------------------------------------------------------------

command -v openssl >/dev/null || t_skip_all "the rest needs openssl"
openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 30 \
	-subj /CN=some.example >req.out 2>&1 || t_fail "a certificate is made" "$(cat req.out)"
# What can be read out of the code of a library depends on its version.
case $(openssl version) in
"OpenSSL 3.0."*) known=1 ;;
*) known= ;;
esac

# serve PORT [ARG...]: until the file "done" is there
cat >serve.sh <<'X'
openssl s_server -accept "127.0.0.1:$1" -cert cert.pem -key key.pem -www </dev/null >server.out 2>&1 &
server=$!
tries=0
until (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; do
	tries=$((tries + 1))
	[ "$tries" -lt 200 ] || break
	sleep 0.1
done
X

cat >openssl.sh <<'X'
. ./serve.sh 14471
get() { # ARG...
	printf 'GET / HTTP/1.0\r\n\r\n' | timeout 30 openssl s_client -ign_eof \
		-connect 127.0.0.1:14471 "$@" >client.out 2>&1
}
get -servername some.example -tls1_2 -cipher ECDHE-RSA-AES128-GCM-SHA256 -CAfile cert.pem
get -servername other.example -tls1_3 -ciphersuites TLS_CHACHA20_POLY1305_SHA256 -CApath "$TMP"
get -servername fails.example -tls1_2 -verify_return_error
echo secret | openssl enc -aes-192-ctr -pbkdf2 -k word -out secret.out
kill $server
wait
X
t_ok "openssl s_server and s_client" rec openssl.reel -- bash openssl.sh 14471
whole "openssl" openssl.reel
user openssl.reel >all
t_match "libssl is covered" '^tls tls_setup: loaded$' "$("$REEL" dump -q --json --type coverage \
	openssl.reel | jq -r 'select(.hook | test("^uprobes .*/libssl")) | [.types, .status] | join(": ")')"
tls() { # SERVER_NAME FIELD...: of the client
	jq -c "select(.type == \"tls\" and .server_name == \"$1\" and .ret == $2) | [$3]" all
}
if [ "$known" ]; then
	t_is "TLS 1.2, of the client" "$(tls some.example 1 '.side, .protocol, .cipher, .key_bits')" \
		'["client","TLSv1.2","ECDHE-RSA-AES128-GCM-SHA256",128]'
	t_is "TLS 1.3, of the client" "$(tls other.example 1 '.side, .protocol, .cipher, .key_bits')" \
		'["client","TLSv1.3","TLS_CHACHA20_POLY1305_SHA256",256]'
	t_is "a certificate that is refused" \
		"$(tls fails.example -1 '.side, .protocol, .cipher, .key_bits')" '["client",null,null,0]'
	t_is "both, of the server" "$(jq -c 'select(.type == "tls" and .side == "server" and .ret == 1) |
		[.protocol, .cipher]' all | sort -u)" \
		'["TLSv1.2","ECDHE-RSA-AES128-GCM-SHA256"]
["TLSv1.3","TLS_CHACHA20_POLY1305_SHA256"]'
	t_is "a file is encrypted" "$(jq -r 'select(.cipher == "AES-192-CTR") |
		.library | sub("[.]so.*"; "")' all | sort -u)" libcrypto
	t_is "random numbers are the library's own affair" "$(jq -c 'select(.cipher == "AES-256-CTR")' \
		all)" ""
	t_is "the descriptor is that of the connection" "$("$REEL" dump -q --json openssl.reel |
		jq -c 'select(.type == "tls" and .side == "client") | .fd >= 3' | sort -u)" true
else
	t_skip "ciphers and protocols" "$(openssl version) keeps them to itself"
fi
paths() { jq -r "select(.function | test(\"$1\")) | .path // .cipher" all | sort -u; }
t_is "the list of ciphers" "$(paths '^SSL_CTX_set_cipher_list')" ECDHE-RSA-AES128-GCM-SHA256
t_match "the cipher suites" '^TLS_CHACHA20_POLY1305_SHA256$' "$(paths '^SSL_CTX_set_ciphersuites')"
t_is "files and directories of certificates" "$(paths load_verify)" "$TMP
cert.pem"

if /usr/bin/python3 -c 'import ssl' 2>/dev/null; then
	cat >tls.py <<'X'
import socket, ssl, sys, threading

server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
server.load_cert_chain("cert.pem", "key.pem")
listener = socket.create_server(("127.0.0.1", 0))

def serve():
    for _ in range(3):
        connection = listener.accept()[0]
        try:
            with server.wrap_socket(connection, server_side=True) as tls:
                tls.recv(100)
        except OSError:
            connection.close()

def connect(name, trusted, blocking=True):
    client = ssl.create_default_context(cafile=trusted)
    client.check_hostname = False
    raw = socket.create_connection(listener.getsockname())
    raw.setblocking(blocking)
    tls = client.wrap_socket(raw, server_hostname=name, do_handshake_on_connect=blocking)
    while not blocking:
        try:
            tls.do_handshake()
            break
        except ssl.SSLWantReadError:
            pass
    print("client", tls.fileno(), tls.version(), tls.cipher()[0], tls.cipher()[2], name)
    tls.setblocking(True)
    tls.send(b"x")
    tls.close()

thread = threading.Thread(target=serve)
thread.start()
connect("blocking.example", "cert.pem")
connect("patient.example", "cert.pem", False)
try:
    connect("refused.example", None)
except ssl.SSLError:
    pass
thread.join()
X
	t_ok "ssl of Python" rec python.reel -- sh -c '/usr/bin/python3 tls.py >python.out'
	user python.reel >all
	t_match "Python has said what it did" 'patient.example$' "$(cat python.out)"
	if [ "$known" ]; then
		t_is "as Python says, one record a handshake" "$(jq -r 'select(.type == "tls" and .ret == 1 and
			.side == "client") | "\(.side) \(.fd) \(.protocol) \(.cipher) \(.key_bits) \(.server_name)"' \
			all)" "$(cat python.out)"
		t_is "and of its server" "$(jq -r 'select(.type == "tls" and .ret == 1 and
			.side == "server") | .function' all | wc -l)" 2
	fi
	t_is "the refused one" "$(jq -r 'select(.type == "tls" and .ret < 0) |
		.server_name // "server"' all | sort)" 'refused.example
server'
	t_is "key and certificate" "$(paths 'use_(certificate_chain|PrivateKey)_file')" 'cert.pem
key.pem'
	whole "Python" python.reel
else
	t_skip "ssl of Python" "it is not there"
fi

if ldd "$(command -v wget)" 2>/dev/null | grep -q libgnutls; then
	cat >wget.sh <<'X'
. ./serve.sh 14472
wget -q -O page --no-check-certificate --ca-certificate=cert.pem https://localhost:14472/
echo $? >wget.status
kill $server
wait
X
	t_ok "wget, which has GnuTLS" rec wget.reel -- bash wget.sh
	user wget.reel 'select(.library | test("gnutls"))' >all
	t_is "it got its page" "$(cat wget.status)" 0
	t_match "a handshake of GnuTLS" \
		'^\["gnutls_handshake",0,"client","localhost",("TLSv1.3"|null),true\]$' \
		"$(jq -c 'select(.type == "tls") |
			[.function, .ret, .side, .server_name, .protocol, .fd > 2]' all)"
	t_match "its certificates" '^cert.pem$' "$(paths x509_trust_file)"
	whole "wget" wget.reel
else
	t_skip "GnuTLS" "wget is not linked with it"
fi

# Shells -------------------------------------------------------------------------------------------

cat >lines <<'X'
echo one  two
  # leading blanks, "quotes", \ and ü

exit 7
X
t_status "an interactive shell" 7 rec bash.reel -- \
	script -qec 'bash --norc --noprofile -i' /dev/null <lines
user bash.reel >all
t_is "its lines, as they were typed" "$(jq -r 'select(.type == "line").line' all)" "$(cat lines)"
t_is "from readline" "$(jq -r 'select(.type == "line").function' all | sort -u)" readline
echo 'echo one; read -r line </dev/null; true' >script.sh
t_ok "a shell that runs a script" rec script.reel -- bash script.sh
t_is "reads no lines" "$(user script.reel)" ""

# Other files, other namespaces, other processes ---------------------------------------------------

ssl=$(ldd "$(command -v openssl)" | sed -n 's/.*libssl[^ ]* => \([^ ]*\) .*/\1/p')
ssl=$(realpath "${ssl:-/nonexistent}")
if [ -f "$ssl" ] && unshare -m true 2>/dev/null; then
	cp "$ssl" copy.so
	cat >space.sh <<'X'
unshare -m bash -c '
	mount --bind copy.so "$1"
	. ./serve.sh 14473
	sleep "$soon"
	echo | openssl s_client -connect 127.0.0.1:14473 -servername space.example >client.out 2>&1
	kill $server
	wait' bash "$1"
X
	t_ok "a library in another mount namespace" rec space.reel -- bash space.sh "$ssl"
	user space.reel >all
	t_is "its handshake" "$(jq -c 'select(.type == "tls" and .server_name == "space.example") | .ret' \
		all)" 1
	t_is "both files are covered under their name" "$("$REEL" dump -q --json --type coverage space.reel |
		jq -r "select(.hook == \"uprobes $ssl\" and .status == \"loaded\") | .ts" | sort -u | wc -l | tr -d ' ')" 2
	# Mapped before anybody recorded, and gone from its path since. It opens files all the time, so
	# that it is known to be in scope when the keyframe is made.
	mkdir own
	cp "$ssl" own/libssl.so.3
	cat >gone.py <<'X'
import ctypes, os, time

library = ctypes.CDLL(os.path.abspath("own/libssl.so.3"))
os.unlink("own/libssl.so.3")
with open("ready", "w") as f:
    f.write(str(os.getpid()))
while not os.path.exists("recording"):
    open("ready").close()
    time.sleep(0.001)
time.sleep(float(os.environ["soon"]))
library.TLS_method.restype = ctypes.c_void_p
library.SSL_CTX_new.restype = ctypes.c_void_p
library.SSL_CTX_new.argtypes = (ctypes.c_void_p,)
library.SSL_CTX_set_cipher_list.argtypes = (ctypes.c_void_p, ctypes.c_char_p)
library.SSL_CTX_set_cipher_list(library.SSL_CTX_new(library.TLS_method()), b"AES128-SHA")
X
	/usr/bin/python3 gone.py &
	python=$!
	until [ -s ready ]; do sleep 0.1; done
	"$REEL" record -q -e user,file -o gone.reel -p "$python" 2>gone.err &
	recorder=$!
	tries=0
	until [ -s "$(ls gone.reel/*.rls 2>/dev/null | head -n 1)" ] || [ $((tries += 1)) -gt 100 ]; do
		sleep 0.2
	done
	touch recording
	wait "$python"
	kill -INT "$recorder"
	wait "$recorder"
	t_is "a library that was mapped before, and is no longer at its path" \
		"$(user gone.reel 'select(.library | test("/own/")) | select(.function | test("list"))' | jq -c '[.function, .cipher]')" \
		'["SSL_CTX_set_cipher_list","AES128-SHA"]'
else
	t_skip "a library in another mount namespace" "it cannot be made"
fi

# What is not asked for ----------------------------------------------------------------------------

t_ok "without the class" "$REEL" record -q -o none.reel -- openssl version
t_is "nothing of it is there" "$(user none.reel)" ""
t_is "and nothing is probed" "$("$REEL" dump -q --json --type coverage none.reel |
	jq -c 'select(.hook | test("^uprobes"))')" ""
# shellcheck disable=SC2016
t_ok "with a scope" sh -c '
	bash -c "sleep 2; openssl enc -aes-192-cbc -pbkdf2 -k x </dev/null >/dev/null" &
	"$0" record -q -e user -o scope.reel -- sh -c "sleep 3; openssl enc -aes-256-ctr -pbkdf2 -k x </dev/null >/dev/null"
	r=$?; wait; exit $r' "$REEL"
t_is "only what is in it" "$(user scope.reel | jq -r 'select(.library | test("crypto")).cipher' | sort -u)" \
	AES-256-CTR
t_done
