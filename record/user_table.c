/* SPDX-License-Identifier: BSD-2-Clause */
#include "record/user_table.h"

#include <fnmatch.h>
#include <string.h>

#include "record/elf.h"

/* Wheels of Python and the like put a hash into the name: libssl-0b3c0f6a.so.3. */
#define HASH "[0-9a-f][0-9a-f][0-9a-f][0-9a-f]*"
const struct user_pattern user_patterns[] = {
	{ "libssl.so*", USER_IN(USER_OPENSSL) },
	{ "libssl-" HASH ".so*", USER_IN(USER_OPENSSL) },
	{ "libcrypto.so*", USER_IN(USER_OPENSSL) },
	{ "libcrypto-" HASH ".so*", USER_IN(USER_OPENSSL) },
	{ "libgnutls.so*", USER_IN(USER_GNUTLS) },
	{ "libgnutls-" HASH ".so*", USER_IN(USER_GNUTLS) },
	{ "libreadline.so*", USER_IN(USER_READLINE) },
	{ "libreadline-" HASH ".so*", USER_IN(USER_READLINE) },
	{ "libedit.so*", USER_IN(USER_READLINE) },
	{ NULL, 0 },
};

const char *const user_proofs[] = {
	[USER_OPENSSL] = "SSL_CTX_new",
	[USER_GNUTLS] = "gnutls_global_init",
	[USER_READLINE] = "rl_insert_text",
};

const char *const user_directories[] = {
	"/usr/lib/x86_64-linux-gnu",
	"/usr/lib64",
	"/usr/lib",
	"/lib/x86_64-linux-gnu",
	"/lib64",
	"/lib",
	"/usr/local/lib64",
	"/usr/local/lib",
	"/usr/lib/i386-linux-gnu",
	"/usr/lib32",
	NULL,
};

const char *const user_shells[] = { "/usr/bin/bash", "/bin/bash", "/usr/local/bin/bash", NULL };

#define ROW(name, kind, library, ...) { name, kind, library, ##__VA_ARGS__ }
#define SSL(name, kind, ...)	      ROW(name, kind, USER_OPENSSL, ##__VA_ARGS__)
#define GNUTLS(name, kind, ...)	      ROW(name, kind, USER_GNUTLS, ##__VA_ARGS__)
/* Given as the second argument. */
#define SSL_FILE(name)	     ROW(name, USER_SETUP, USER_OPENSSL, .path = { 2 })
#define SSL_CIPHERS(name)    ROW(name, USER_SETUP, USER_OPENSSL, .cipher = 2)
#define GNUTLS_FILE(name)    ROW(name, USER_SETUP, USER_GNUTLS, .path = { 2 })
#define GNUTLS_CIPHERS(name) ROW(name, USER_SETUP, USER_GNUTLS, .cipher = 2)

enum { CLIENT = 1, SERVER = 2 };

/*
 * SSL_read(), SSL_write() and gnutls_record_*() are not here: they are called once a record, and a
 * probe costs more than many of them.
 */
const struct user_row user_rows[] = {
	SSL("SSL_new", USER_SESSION),
	SSL("SSL_free", USER_SESSION_END),
	SSL("SSL_clear", USER_SESSION_AGAIN),
	SSL("SSL_renegotiate", USER_SESSION_AGAIN),
	SSL("SSL_renegotiate_abbreviated", USER_SESSION_AGAIN),
	SSL("SSL_set_connect_state", USER_SIDE, CLIENT),
	SSL("SSL_set_accept_state", USER_SIDE, SERVER),
	SSL("SSL_connect", USER_HANDSHAKE, CLIENT),
	SSL("SSL_accept", USER_HANDSHAKE, SERVER),
	SSL("SSL_do_handshake", USER_HANDSHAKE),
	SSL("SSL_get_error", USER_VERDICT),
	SSL("SSL_shutdown", USER_NOTICE),
	SSL("SSL_get_verify_result", USER_NOTICE),
	SSL("SSL_get_peer_certificate", USER_NOTICE),
	SSL("SSL_get1_peer_certificate", USER_NOTICE),
	SSL("SSL_get_peer_cert_chain", USER_NOTICE),
	SSL("SSL_get_version", USER_NOTICE),
	SSL("SSL_set_fd", USER_SET_FD),
	SSL("SSL_set_rfd", USER_SET_FD),
	SSL("SSL_set_bio", USER_SET_BIO),
	SSL("SSL_set0_rbio", USER_SET_BIO),
	SSL("SSL_ctrl", USER_CONTROL),
	SSL("SSL_get_servername", USER_ASKED_NAME),
	SSL_FILE("SSL_CTX_use_certificate_file"),
	SSL_FILE("SSL_CTX_use_certificate_chain_file"),
	SSL_FILE("SSL_CTX_use_PrivateKey_file"),
	SSL_FILE("SSL_CTX_use_RSAPrivateKey_file"),
	SSL_FILE("SSL_use_certificate_file"),
	SSL_FILE("SSL_use_certificate_chain_file"),
	SSL_FILE("SSL_use_PrivateKey_file"),
	SSL_FILE("SSL_use_RSAPrivateKey_file"),
	SSL("SSL_CTX_load_verify_locations", USER_SETUP, .path = { 2, 3 }),
	SSL_FILE("SSL_CTX_load_verify_file"),
	SSL_FILE("SSL_CTX_load_verify_dir"),
	SSL_FILE("SSL_CTX_load_verify_store"),
	SSL_CIPHERS("SSL_CTX_set_cipher_list"),
	SSL_CIPHERS("SSL_set_cipher_list"),
	SSL_CIPHERS("SSL_CTX_set_ciphersuites"),
	SSL_CIPHERS("SSL_set_ciphersuites"),
	SSL("BIO_int_ctrl", USER_BIO_CONTROL),
	SSL("EVP_CipherInit", USER_CRYPTO),
	SSL("EVP_CipherInit_ex", USER_CRYPTO),
	SSL("EVP_CipherInit_ex2", USER_CRYPTO),
	SSL("EVP_EncryptInit", USER_CRYPTO),
	SSL("EVP_EncryptInit_ex", USER_CRYPTO),
	SSL("EVP_EncryptInit_ex2", USER_CRYPTO),
	SSL("EVP_DecryptInit", USER_CRYPTO),
	SSL("EVP_DecryptInit_ex", USER_CRYPTO),
	SSL("EVP_DecryptInit_ex2", USER_CRYPTO),
	GNUTLS("gnutls_init", USER_SESSION_AT),
	GNUTLS("gnutls_deinit", USER_SESSION_END),
	GNUTLS("gnutls_handshake", USER_HANDSHAKE),
	GNUTLS("gnutls_transport_set_int2", USER_SET_FD),
	GNUTLS("gnutls_transport_set_ptr", USER_SET_FD),
	GNUTLS("gnutls_transport_set_ptr2", USER_SET_FD),
	GNUTLS("gnutls_server_name_set", USER_SERVER_NAME),
	GNUTLS("gnutls_certificate_set_x509_key_file", USER_SETUP, .path = { 2, 3 }),
	GNUTLS("gnutls_certificate_set_x509_key_file2", USER_SETUP, .path = { 2, 3 }),
	GNUTLS_FILE("gnutls_certificate_set_x509_trust_file"),
	GNUTLS_FILE("gnutls_certificate_set_x509_trust_dir"),
	GNUTLS_FILE("gnutls_certificate_set_x509_crl_file"),
	GNUTLS_FILE("gnutls_certificate_set_x509_simple_pkcs12_file"),
	GNUTLS_CIPHERS("gnutls_priority_set_direct"),
	GNUTLS_CIPHERS("gnutls_priority_init"),
	GNUTLS_CIPHERS("gnutls_priority_init2"),
	GNUTLS_CIPHERS("gnutls_set_default_priority_append"),
	ROW("readline", USER_LINE, USER_READLINE),
};
const size_t n_user_rows = sizeof(user_rows) / sizeof(*user_rows);
_Static_assert(sizeof(user_rows) / sizeof(*user_rows) <= USER_FUNCTIONS, "the map has room");

const struct user_getter_row user_getters[] = {
	{ "SSL_version", USER_OPENSSL, USER_GET_VERSION },
	{ "SSL_is_server", USER_OPENSSL, USER_GET_IS_SERVER },
	{ "SSL_in_init", USER_OPENSSL, USER_GET_IN_INIT },
	{ "SSL_get_current_cipher", USER_OPENSSL, USER_GET_CIPHER },
	{ "SSL_CIPHER_get_name", USER_OPENSSL, USER_GET_CIPHER_NAME },
	{ "SSL_CIPHER_get_bits", USER_OPENSSL, USER_GET_CIPHER_BITS },
	{ "EVP_CIPHER_get0_name", USER_OPENSSL, USER_GET_EVP_NAME },
	{ "BIO_method_type", USER_OPENSSL, USER_GET_BIO_TYPE },
	{ "gnutls_protocol_get_version", USER_GNUTLS, USER_GET_VERSION },
};
const size_t n_user_getters = sizeof(user_getters) / sizeof(*user_getters);
_Static_assert(sizeof(user_rows) / sizeof(*user_rows) +
			       sizeof(user_getters) / sizeof(*user_getters) + USER_LIBRARIES <=
		       ELF_MAX_NAMES,
	       "one look at a file finds all");

/* By enum user_kind. */
static const struct {
	const char *type;
	bool enters, returns;
} kinds[USER_KINDS] = {
	[USER_SESSION] = { "", false, true },
	[USER_SESSION_AT] = { "", true, true },
	[USER_SESSION_END] = { "", true, false },
	[USER_SESSION_AGAIN] = { "", true, false },
	[USER_SIDE] = { "", true, false },
	[USER_HANDSHAKE] = { "tls", true, true },
	[USER_VERDICT] = { "", true, true },
	[USER_NOTICE] = { "", true, false },
	[USER_SET_FD] = { "", true, true },
	[USER_SET_BIO] = { "", true, false },
	[USER_BIO_CONTROL] = { "", true, false },
	[USER_CONTROL] = { "", true, true },
	[USER_SERVER_NAME] = { "", true, true },
	[USER_ASKED_NAME] = { "", true, true },
	[USER_SETUP] = { "tls_setup", true, true },
	[USER_CRYPTO] = { "tls_setup", true, true },
	[USER_LINE] = { "line", true, true },
};

bool user_row_enters(const struct user_row *row)
{
	return kinds[row->kind].enters;
}

bool user_row_returns(const struct user_row *row)
{
	/* GnuTLS's functions for that return nothing. */
	if (row->kind == USER_SET_FD && row->library == USER_GNUTLS)
		return false;
	return kinds[row->kind].returns;
}

const char *user_row_type(const struct user_row *row)
{
	return kinds[row->kind].type;
}

unsigned user_libraries_of(const char *path, bool *ret_if_executable)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

	*ret_if_executable = false;
	for (const struct user_pattern *p = user_patterns; p->glob; p++)
		if (fnmatch(p->glob, name, 0) == 0)
			return p->libraries;
	if (!*name || strstr(name, ".so"))
		return 0;
	*ret_if_executable = true;
	return (1u << USER_LIBRARIES) - 1;
}
