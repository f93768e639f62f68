/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Inside programs: TLS handshakes, what TLS libraries are given, lines that shells have read. What
 * the probed functions are is a table of user space (bpf/user.h); here is what each kind means.
 *
 * What arguments point to is read when the function returns: probes cannot wait for a page that is
 * not in memory, and by then the function has read it.
 */
#ifndef REEL_BPF_USER_BPF_H
#define REEL_BPF_USER_BPF_H

#include "bpf/user_tell.bpf.h"

enum {
	SSL_CTRL_HOSTNAME = 55,
	BIO_C_SET_FD = 104,
	BIO_HAS_FD = 0x100, /* in the type of a BIO */
	SSL_WHY_SSL = 1,
	SSL_WHY_SYSCALL = 5,
	SSL_WHY_CLOSED = 6,
	GNUTLS_SERVER_FLAG = 1,
	GNUTLS_CLIENT_FLAG = 2,
	GNUTLS_WARNING = -16,
	GNUTLS_AGAIN = -28,
	GNUTLS_DATA = -38,
	GNUTLS_INTERRUPTED = -52,
	GNUTLS_NAME_DNS = 1,
	GNUTLS_FD_LIMIT = 1 << 20, /* a transport pointer below is an fd */
};

static const struct user_session user_session_fresh = { .fd = -1 };
static const struct user_session user_session_born = { .fd = -1, .born = 1 };

struct user_object {
	__u64 address;
	__u64 pid;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct user_object);
	__type(value, struct user_session);
} user_sessions SEC(".maps");

/* Each BIO that was given an fd, and the file that says how to look at one. */
struct user_bio {
	__s32 fd;
	__u32 file;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct user_object);
	__type(value, struct user_bio);
} user_bios SEC(".maps");

/* Sessions ----------------------------------------------------------------------------------- */

static __always_inline struct user_object user_object(const struct user_hit *h, __u64 address)
{
	return (struct user_object){ .address = address, .pid = h->thread >> 32 };
}

static __always_inline struct user_session *user_session_find(const struct user_hit *h,
							      __u64 address)
{
	struct user_object key = user_object(h, address);

	return bpf_map_lookup_elem(&user_sessions, &key);
}

/* One that is not known yet was there before us. */
static __always_inline struct user_session *user_session_need(const struct user_hit *h,
							      __u64 address)
{
	struct user_object key = user_object(h, address);
	struct user_session *s = bpf_map_lookup_elem(&user_sessions, &key);

	if (s)
		return s;
	bpf_map_update_elem(&user_sessions, &key, &user_session_fresh, BPF_NOEXIST);
	return bpf_map_lookup_elem(&user_sessions, &key);
}

/*
 * Reads and writes do a handshake too, where it is still to be done, but they are called too often
 * to be probed. So it is noticed at the next occasion that it is done; in its place stands what a
 * handshake would have returned.
 */
static __always_inline void user_notice(const struct user_hit *h, struct user_session *s)
{
	__u64 in_init = 1;

	if (!s->born || s->told || !user_get(h, USER_GET_IN_INIT, h->arg[0], &in_init) || in_init)
		return;
	s->told = 1;
	user_tell_tls(h, h->arg[0], s, h->index, 1, true);
}

static __always_inline void user_handshake_returned(const struct user_hit *h)
{
	struct user_session *s = user_session_need(h, h->arg[0]);
	__s32 ret = h->ret;
	bool done;

	if (!s)
		return;
	if (h->function->param)
		s->side = h->function->param;
	if (h->function->library == USER_GNUTLS) {
		if (ret == GNUTLS_AGAIN || ret == GNUTLS_INTERRUPTED || ret == GNUTLS_WARNING ||
		    ret == GNUTLS_DATA)
			return;
		done = ret == 0;
	} else {
		if (s->told)
			return;
		s->pending = ret < 0;
		s->failed = ret;
		s->function = h->index;
		if (ret < 0)
			return;
		done = ret > 0;
		s->told = 1;
	}
	user_tell_tls(h, h->arg[0], s, h->index, ret, done);
}

/* A handshake that returned less than 0 has failed, or wants to go on: its caller has asked. */
static __always_inline void user_verdict_returned(const struct user_hit *h)
{
	struct user_session *s = user_session_find(h, h->arg[0]);
	__s32 why = h->ret;

	if (!s || s->told || !(s->pending || s->born))
		return;
	/* Where its own calls cannot be told apart, it asks about 0 itself. */
	if (!h->file->code_bytes && !(__s32)h->arg[1])
		return;
	if (why != SSL_WHY_SSL && why != SSL_WHY_SYSCALL && why != SSL_WHY_CLOSED)
		return;
	s->told = 1;
	if (s->pending)
		user_tell_tls(h, h->arg[0], s, s->function, s->failed, false);
	else
		user_tell_tls(h, h->arg[0], s, h->index, (__s32)h->arg[1], false);
	s->pending = 0;
}

static __always_inline void user_session_ends(const struct user_hit *h)
{
	struct user_object key = user_object(h, h->arg[0]);
	struct user_session *s = bpf_map_lookup_elem(&user_sessions, &key);

	if (!s)
		return;
	user_notice(h, s);
	if (s->pending && !s->told)
		user_tell_tls(h, h->arg[0], s, s->function, s->failed, false);
	bpf_map_delete_elem(&user_sessions, &key);
}

static __always_inline void user_session_begins(const struct user_hit *h, __u64 address, __u8 side)
{
	struct user_object key = user_object(h, address);
	struct user_session *s;

	bpf_map_update_elem(&user_sessions, &key, &user_session_born, BPF_ANY);
	s = bpf_map_lookup_elem(&user_sessions, &key);
	if (s)
		s->side = side;
}

static __always_inline void user_set_fd(const struct user_hit *h, __s32 fd)
{
	struct user_session *s = user_session_need(h, h->arg[0]);

	if (s)
		s->fd = fd;
}

/* Where a BIO was there may be another one now: it must be one that has an fd. */
static __always_inline void user_set_bio(const struct user_hit *h)
{
	struct user_object key = user_object(h, h->arg[1]);
	struct user_bio *bio = bpf_map_lookup_elem(&user_bios, &key);
	struct user_hit its = *h;
	__u64 type = 0;

	if (bio) {
		its.file = bpf_map_lookup_elem(&user_files, &bio->file);
		if (its.file && user_get(&its, USER_GET_BIO_TYPE, h->arg[1], &type) &&
		    type & BIO_HAS_FD) {
			user_set_fd(h, bio->fd);
			return;
		}
	}
	user_set_fd(h, -1);
}

static __always_inline void user_set_name(struct user_session *s, __u64 name)
{
	long n = name ? bpf_probe_read_user_str(s->name, sizeof(s->name), (void *)name) : 0;

	s->name_bytes = n > 0 ? n - 1 : 0;
}

static __always_inline void user_set_name_bytes(struct user_session *s, __u64 name, __u64 n)
{
	if (n > sizeof(s->name) - 1)
		n = 0; /* no name of a host */
	n &= sizeof(s->name) - 1;
	if (n && bpf_probe_read_user(s->name, n, (void *)name) < 0)
		n = 0;
	s->name_bytes = n;
}

/* Calls and their returns ------------------------------------------------------------------- */

static __always_inline bool user_tells(__u8 kind)
{
	return kind == USER_HANDSHAKE || kind == USER_SETUP || kind == USER_CRYPTO ||
	       kind == USER_LINE;
}

SEC("uprobe")
int user_enter(struct pt_regs *regs)
{
	struct user_session *s;
	struct user_object key;
	struct user_hit h = { 0 };
	struct user_bio bio;

	if (!user_hit_begin(&h, regs))
		return 0;
	if (!task_wanted(bpf_get_current_task_btf())) {
		if (user_tells(h.function->kind))
			user_count(true);
		return 0;
	}
	user_args_read(&h, regs);
	switch (h.function->kind) {
	case USER_SESSION_END:
		user_session_ends(&h);
		break;
	case USER_SESSION_AGAIN:
		s = user_session_find(&h, h.arg[0]);
		if (s)
			s->told = s->pending = 0;
		break;
	case USER_SIDE:
		s = user_session_need(&h, h.arg[0]);
		if (s)
			s->side = h.function->param;
		break;
	case USER_NOTICE:
	case USER_VERDICT:
		s = user_session_find(&h, h.arg[0]);
		if (!s)
			break;
		user_notice(&h, s);
		if (h.function->kind == USER_VERDICT && !s->told && !user_is_own_call(&h))
			user_enter_frame(&h);
		break;
	case USER_SET_FD:
		if (h.function->library == USER_OPENSSL)
			user_enter_frame(&h);
		else
			user_set_fd(&h, h.arg[1] < GNUTLS_FD_LIMIT ? h.arg[1] : -1);
		break;
	case USER_SET_BIO:
		user_set_bio(&h);
		break;
	case USER_BIO_CONTROL:
		if ((__s32)h.arg[1] != BIO_C_SET_FD)
			break;
		key = user_object(&h, h.arg[0]);
		bio = (struct user_bio){ .fd = h.arg[3], .file = h.file_index };
		bpf_map_update_elem(&user_bios, &key, &bio, BPF_ANY);
		break;
	case USER_CONTROL:
		if ((__s32)h.arg[1] == SSL_CTRL_HOSTNAME)
			user_enter_frame(&h);
		break;
	case USER_CRYPTO:
		if (h.arg[1] && !user_is_own_call(&h))
			user_enter_frame(&h);
		break;
	case USER_SESSION_AT:
	case USER_HANDSHAKE:
	case USER_SERVER_NAME:
	case USER_ASKED_NAME:
	case USER_SETUP:
	case USER_LINE:
		user_enter_frame(&h);
		break;
	}
	return 0;
}

static __always_inline void user_setup_returned(const struct user_hit *h)
{
	const struct user_function *f = h->function;

	for (int i = 0; i < 2; i++) {
		__u8 arg = f->path[i];

		if (arg == USER_NO_ARG || !h->arg[arg & (USER_ARGS - 1)])
			continue;
		user_tell_setup(h, h->arg[arg & (USER_ARGS - 1)], TOLD_PATH);
	}
	if (f->cipher != USER_NO_ARG && h->arg[f->cipher & (USER_ARGS - 1)])
		user_tell_setup(h, h->arg[f->cipher & (USER_ARGS - 1)], TOLD_CIPHER);
}

SEC("uretprobe")
int user_return(struct pt_regs *regs)
{
	struct user_session *s;
	struct user_hit h = { 0 };
	__u64 value = 0;

	if (!user_hit_begin(&h, regs) || !task_wanted(bpf_get_current_task_btf()))
		return 0;
	h.sp -= h.narrow ? 4 : 8;
	h.ret = h.narrow ? (__u32)regs->ax : regs->ax;
	if (h.function->kind == USER_SESSION) {
		if (h.ret)
			user_session_begins(&h, h.ret, SIDE_UNKNOWN);
		return 0;
	}
	if (!user_leave_frame(&h))
		return 0;
	switch (h.function->kind) {
	case USER_SESSION_AT:
		if ((__s32)h.ret == 0 &&
		    bpf_probe_read_user(&value, h.narrow ? 4 : 8, (void *)h.arg[0]) == 0 && value)
			user_session_begins(&h, value,
					    h.arg[1] & GNUTLS_SERVER_FLAG ? SIDE_SERVER :
					    h.arg[1] & GNUTLS_CLIENT_FLAG ? SIDE_CLIENT :
									    SIDE_UNKNOWN);
		break;
	case USER_HANDSHAKE:
		user_handshake_returned(&h);
		break;
	case USER_VERDICT:
		user_verdict_returned(&h);
		break;
	case USER_SET_FD:
		if ((__s32)h.ret == 1)
			user_set_fd(&h, h.arg[1]);
		break;
	case USER_CONTROL:
		s = user_session_need(&h, h.arg[0]);
		if (s && (__s32)h.ret == 1)
			user_set_name(s, h.arg[3]);
		break;
	case USER_SERVER_NAME:
		s = user_session_need(&h, h.arg[0]);
		if (s && (__s32)h.ret == 0 && (__s32)h.arg[1] == GNUTLS_NAME_DNS)
			user_set_name_bytes(s, h.arg[2], h.arg[3]);
		break;
	case USER_ASKED_NAME:
		s = user_session_find(&h, h.arg[0]);
		if (s && h.ret)
			user_set_name(s, h.ret);
		break;
	case USER_SETUP:
		user_setup_returned(&h);
		break;
	case USER_CRYPTO:
		if (user_get(&h, USER_GET_EVP_NAME, h.arg[1], &value))
			user_tell_setup(&h, value, TOLD_CIPHER);
		break;
	case USER_LINE:
		if (h.ret)
			user_tell_line(&h);
		break;
	}
	return 0;
}

#endif
