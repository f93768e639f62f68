/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program that has a TLS library and readline within it, or rather functions of their names that
 * return what we like. With an argument it only waits.
 *
 * Also built for 32 bits, without a C library, which a 64-bit machine may not have: then it makes
 * only the calls of plain().
 */
#ifdef __i386__
#define NULL ((void *)0)
#else
#include <pthread.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#endif

/* Called as they are written, whatever the compiler knows of them. */
#ifdef __clang__
#define PROBED __attribute__((noinline))
#else
#define PROBED __attribute__((noipa))
#endif
#pragma GCC diagnostic ignored "-Wunused-parameter"

struct cipher {
	long valid;
	const char *name;
	int strength, bits;
};

struct session {
	int version, in_init, is_server, next;
	const struct cipher *cipher;
};

struct context {
	int next;
	const int *type; /* of a BIO */
};

/* What the library says of itself; compilers make of it what user_code.c can read. */
int BIO_method_type(const struct context *bio);
int SSL_version(const struct session *s);
int SSL_is_server(const struct session *s);
int SSL_in_init(const struct session *s);
const struct cipher *SSL_get_current_cipher(const struct session *s);
const char *SSL_CIPHER_get_name(const struct cipher *c);
int SSL_CIPHER_get_bits(const struct cipher *c, int *bits);

PROBED int BIO_method_type(const struct context *bio)
{
	return *bio->type;
}

PROBED int SSL_version(const struct session *s)
{
	return s->version;
}

PROBED int SSL_is_server(const struct session *s)
{
	return s->is_server;
}

PROBED int SSL_in_init(const struct session *s)
{
	return s->in_init;
}

PROBED const struct cipher *SSL_get_current_cipher(const struct session *s)
{
	return s->cipher;
}

PROBED const char *SSL_CIPHER_get_name(const struct cipher *c)
{
	return c->name;
}

PROBED int SSL_CIPHER_get_bits(const struct cipher *c, int *bits)
{
	return bits ? c->bits : c->bits;
}

/* What it does: each function returns what its object has ready. */
#define RETURNS(name, ...)                         \
	int name(__VA_ARGS__);                     \
	PROBED int name(__VA_ARGS__)               \
	{                                          \
		__asm__ volatile("" ::: "memory"); \
		return s->next;                    \
	}

RETURNS(SSL_CTX_new, struct context *s)
RETURNS(SSL_CTX_use_certificate_file, struct context *s, const char *file, int type)
RETURNS(SSL_CTX_use_PrivateKey_file, struct context *s, const char *file, int type)
RETURNS(SSL_CTX_load_verify_file, struct context *s, const char *file)
RETURNS(SSL_CTX_set_cipher_list, struct context *s, const char *list)
RETURNS(SSL_CTX_set_ciphersuites, struct context *s, const char *list)
RETURNS(SSL_free, struct session *s)
RETURNS(SSL_clear, struct session *s)
RETURNS(SSL_do_handshake, struct session *s)
RETURNS(SSL_get_error, struct session *s, int ret)
RETURNS(SSL_shutdown, struct session *s)
RETURNS(SSL_set_fd, struct session *s, int fd)
RETURNS(SSL_set_bio, struct session *s, void *rbio, void *wbio)
RETURNS(SSL_ctrl, struct session *s, int command, long larg, void *parg)
RETURNS(BIO_int_ctrl, struct context *s, int command, long larg, int iarg)
RETURNS(rl_insert_text, struct context *s)

struct session *SSL_new(struct session *s);
PROBED struct session *SSL_new(struct session *s)
{
	__asm__ volatile("" ::: "memory");
	return s;
}

int SSL_CTX_load_verify_locations(struct context *s, const char *file, const char *directory);
PROBED int SSL_CTX_load_verify_locations(struct context *s, const char *file, const char *directory)
{
	int r = SSL_CTX_load_verify_file(s, file);

	__asm__ volatile("" : : "r"(directory) : "memory");
	return r + 1;
}

/* These are the same as the handshake that they call. */
int SSL_connect(struct session *s);
PROBED int SSL_connect(struct session *s)
{
	return SSL_do_handshake(s);
}

#ifndef __i386__
static jmp_buf out;
static volatile bool leaving;
#endif

int SSL_accept(struct session *s);
PROBED int SSL_accept(struct session *s)
{
	int r = SSL_do_handshake(s);

#ifndef __i386__
	if (leaving)
		longjmp(out, 1);
#endif
	__asm__ volatile("" ::: "memory");
	return r;
}

char *readline(char *line);
PROBED char *readline(char *line)
{
	__asm__ volatile("" ::: "memory");
	return line;
}

/* Calls --------------------------------------------------------------------------------------- */

enum { HOSTNAME = 55, SET_FD = 104, WANT_READ = 2, ERROR_SSL = 1 };

/* Nothing here reads these texts, and what nobody has read is not in memory: they lie where others
 * are written. */
static char cipher_name[] = "ECDHE-TEST-AES128", host[] = "one.example";
static int socket_type = 0x505, memory_type = 0x401;
static struct cipher cipher = { 1, cipher_name, 1, 128 };
static char cert[] = "/etc/ssl/cert.pem", key[] = "key \x01\xff\n.pem", ca[] = "ca.pem",
	    directory_of_ca[] = "ca.d", alone[] = "alone.pem", high[] = "HIGH:!NULL";

/* s->next is what the function returns that is called next. */
#define CALL(function, value, object, ...) \
	((object)->next = (value), function((object), ##__VA_ARGS__))

static void setup(struct context *c)
{
	CALL(SSL_CTX_use_certificate_file, 1, c, cert, 1);
	CALL(SSL_CTX_use_PrivateKey_file, 0, c, key, 1);
	/* Two paths; the function inside is not told. */
	CALL(SSL_CTX_load_verify_locations, 1, c, ca, directory_of_ca);
	CALL(SSL_CTX_load_verify_file, 1, c, alone);
	/* Nothing is given. */
	CALL(SSL_CTX_set_cipher_list, 1, c, NULL);
	CALL(SSL_CTX_set_cipher_list, 1, c, high);
	/* Nothing can be read there. */
	CALL(SSL_CTX_set_ciphersuites, 0, c, (const char *)16);
}

static void handshakes(struct session *s, struct context *bio)
{
	/* It wants to be called again, then it is done; once more says nothing. */
	SSL_new(s);
	CALL(SSL_set_fd, 1, s, 7);
	CALL(SSL_ctrl, 1, s, HOSTNAME, 0, host);
	s->in_init = 1;
	CALL(SSL_connect, -1, s);
	CALL(SSL_get_error, WANT_READ, s, -1);
	s->version = 0x303;
	s->cipher = &cipher;
	s->in_init = 0;
	CALL(SSL_connect, 1, s);
	CALL(SSL_do_handshake, 1, s);
	/* The same session does another one. */
	CALL(SSL_clear, 1, s);
	s->version = 0x304;
	CALL(SSL_connect, 1, s);
	CALL(SSL_free, 0, s);

	/* Another at the same place fails; it is asked twice. */
	SSL_new(s);
	s->is_server = 1;
	s->in_init = 1;
	CALL(SSL_set_fd, 0, s, 8); /* which fails too */
	CALL(SSL_accept, -1, s);
	CALL(SSL_get_error, ERROR_SSL, s, -1);
	CALL(SSL_get_error, ERROR_SSL, s, -1);
	CALL(SSL_free, 0, s);

	/* Nobody asks why. */
	SSL_new(s);
	CALL(SSL_do_handshake, -1, s);
	CALL(SSL_free, 0, s);

	/* Refused in order. */
	SSL_new(s);
	CALL(SSL_accept, 0, s);
	CALL(SSL_free, 0, s);

	/* A handshake that was done by reads and writes. */
	SSL_new(s);
	s->is_server = 0;
	bio->type = &socket_type;
	CALL(BIO_int_ctrl, 1, bio, SET_FD, 0, 9);
	CALL(SSL_set_bio, 0, s, bio, bio);
	CALL(SSL_shutdown, 0, s);
	s->in_init = 0;
	CALL(SSL_shutdown, 0, s);
	CALL(SSL_free, 0, s);

	/* The BIO at that place is no socket any more. */
	bio->type = &memory_type;
	SSL_new(s);
	CALL(SSL_set_bio, 0, s, bio, bio);
	CALL(SSL_do_handshake, 1, s);
	CALL(SSL_free, 0, s);
}

static void plain(void)
{
	struct context context = { 0 };
	struct session session = { 0 };
	char line[] = "echo \"\t\x01 \xff\"";

	cipher_name[0] = 'E';
	setup(&context);
	handshakes(&session, &context);
	readline(line);
	readline(NULL);
	CALL(SSL_CTX_new, 0, &context);
	CALL(rl_insert_text, 0, &context);
}

#ifdef __i386__

static int call(int number, int argument)
{
	int ret;

	__asm__ volatile("int $0x80" : "=a"(ret) : "a"(number), "b"(argument) : "memory");
	return ret;
}

/* The number of arguments lies where the stack begins. */
__attribute__((used)) static void begin(const int *stack)
{
	if (stack[0] > 1)
		call(29, 0); /* pause */
	plain();
	call(1, 0); /* exit */
}

__asm__(".globl _start\n_start:\tmov %esp,%eax\n\tpush %eax\n\tcall begin\n");

#else

enum { THREADS = 4, ROUNDS = 50, LONG_PATH = 5000, LONG_LINE = 20000 };

/* As an exception would leave it; the next one is told. */
static void leave_handshake(struct session *s)
{
	s->is_server = 1;
	SSL_new(s);
	leaving = true;
	if (setjmp(out) == 0)
		CALL(SSL_accept, 1, s);
	leaving = false;
	CALL(SSL_accept, 1, s);
	CALL(SSL_free, 0, s);
}

static void *many(void *arg)
{
	struct session session = { .version = 0x304, .cipher = &cipher };
	struct session *s = &session;
	char name[64];

	for (int i = 0; i < ROUNDS; i++) {
		snprintf(name, sizeof(name), "%ld-%d.example", (long)(size_t)arg, i);
		SSL_new(s);
		CALL(SSL_ctrl, 1, s, HOSTNAME, 0, name);
		CALL(SSL_set_fd, 1, s, 1000 + i);
		CALL(SSL_connect, 1, s);
		CALL(SSL_free, 0, s);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS];
	struct context context = { 0 };
	struct session session = { 0 };
	char *text = malloc(LONG_LINE + 1);

	(void)argv;
	if (argc > 1)
		pause();
	if (!text)
		return 1;
	plain();
	memset(text, 'p', LONG_LINE);
	text[LONG_PATH] = '\0';
	CALL(SSL_CTX_use_certificate_file, 1, &context, text, 1);
	text[LONG_PATH] = 'p';
	text[LONG_LINE] = '\0';
	readline(text);
	leave_handshake(&session);
	for (size_t i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, many, (void *)i);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	free(text);
	return 0;
}

#endif
