/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Inside programs: TLS handshakes, what TLS libraries are given, lines that shells have read. What
 * the probed functions are is a table of user space (bpf/user.h); here is what each kind means.
 *
 * Probes run with preemption on: what they use is theirs alone while they run (user_scratches), or
 * changed in one step.
 *
 * A probe at an entry keeps the arguments until the return, under the thread, its stack pointer
 * and the function. What they point to is read then: probes cannot wait for a page that is not in
 * memory, and by then the function has read it. A function that is probed twice in one file (two names, two mounts of it)
 * finds them once, so that it is told once.
 */
#ifndef REEL_BPF_USER_BPF_H
#define REEL_BPF_USER_BPF_H

#include "bpf/scope.bpf.h"
#include "bpf/user.h"

enum {
	USER_SCRATCHES = 16,	/* probes that may be at work at the same time */
	USER_NAME_READ = 4096,	/* of paths, lists of ciphers and lines */
	USER_CIPHER_READ = 64,

	USER_CODE_I386 = 0x23,	/* the code segment of 32-bit programs */
	USER_ARGS = 4,

	SSL_CTRL_HOSTNAME = 55,
	BIO_C_SET_FD = 104,
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
	GNUTLS_FD_LIMIT = 1 << 20,	/* a transport pointer below is an fd */
};

enum user_side { SIDE_UNKNOWN, SIDE_CLIENT, SIDE_SERVER };

/* Set by the recorder before it drains its rings for the last time. */
__u32 user_ended;

struct user_session {
	__s32 fd;
	__s32 failed;		/* what a handshake returned that may go on */
	__u16 name_bytes;
	__u8 function;		/* that returned it */
	__u8 side;
	__u8 born;		/* seen from its beginning */
	__u8 told;		/* the end of its handshake */
	__u8 pending;		/* failed is set */
	char name[USER_SERVER_BYTES];
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

/* fd of each BIO that is one of a socket. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct user_object);
	__type(value, __s32);
} user_bios SEC(".maps");

struct user_frame {
	__u64 thread;
	__u64 sp;
	__u64 function;
};

struct user_args {
	__u64 arg[USER_ARGS];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct user_frame);
	__type(value, struct user_args);
} user_frames SEC(".maps");

/* The outermost probed function of each group that a thread is in. */
enum user_group { GROUP_HANDSHAKE, GROUP_SETUP, GROUP_CRYPTO, GROUPS, GROUP_NONE = GROUPS };
struct user_inside {
	__u64 sp[GROUPS];
	__u64 arg[GROUPS];
	__u32 function[GROUPS];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct user_inside);
} user_insides SEC(".maps");

static const struct user_inside user_inside_nothing;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, USER_FILES);
	__type(key, __u32);
	__type(value, struct user_file);
} user_files SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, USER_FUNCTIONS);
	__type(key, __u32);
	__type(value, struct user_function);
} user_functions SEC(".maps");

struct user_scratch {
	__u64 taken;
	struct scratch scratch;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, USER_SCRATCHES);
	__type(key, __u32);
	__type(value, struct user_scratch);
} user_scratches SEC(".maps");

/* A probe that is hit. */
struct user_hit {
	const struct user_function *function;
	const struct user_file *file;
	__u64 arg[USER_ARGS];
	__u64 sp;	/* at the entry of the function */
	__u64 thread;
	__u64 ret;
	__u64 code;	/* where the segment of code begins */
	__u32 index;	/* of the function */
	bool narrow;	/* a 32-bit program */
};

static __always_inline bool user_hit_begin(struct user_hit *h, struct pt_regs *regs)
{
	__u64 cookie = bpf_get_attach_cookie(regs);
	__u32 file = (cookie >> 16) & 0xffff;

	if (user_ended)
		return false;
	h->index = cookie & 0xffff;
	h->function = bpf_map_lookup_elem(&user_functions, &h->index);
	h->file = bpf_map_lookup_elem(&user_files, &file);
	h->thread = bpf_get_current_pid_tgid();
	h->narrow = (regs->cs & 0xffff) == USER_CODE_I386;
	h->sp = regs->sp;
	h->code = regs->ip - (cookie >> 32); /* at an entry */
	return h->function && h->file;
}

static __always_inline void user_args_read(struct user_hit *h, struct pt_regs *regs)
{
	if (h->narrow) {
		__u32 on_stack[USER_ARGS] = { 0 };

		bpf_probe_read_user(on_stack, sizeof(on_stack), (void *)(h->sp + 4));
		for (int i = 0; i < USER_ARGS; i++)
			h->arg[i] = on_stack[i];
		return;
	}
	h->arg[0] = regs->di;
	h->arg[1] = regs->si;
	h->arg[2] = regs->dx;
	h->arg[3] = regs->cx;
}

/* Counts ------------------------------------------------------------------------------------- */

static __always_inline void user_count(bool filtered)
{
	struct cpu_counts *c = cpu_counts();

	if (!c)
		return;
	__sync_fetch_and_add(&c->extra[EV_CLASS_user], 1);
	if (filtered)
		__sync_fetch_and_add(&c->filtered[EV_CLASS_user], 1);
}

/* Records ------------------------------------------------------------------------------------ */

static __always_inline struct scratch *user_scratch_take(struct user_scratch **ret)
{
	__u32 first = bpf_get_smp_processor_id();

	for (__u32 i = 0; i < USER_SCRATCHES; i++) {
		__u32 index = (first + i) % USER_SCRATCHES;
		struct user_scratch *u = bpf_map_lookup_elem(&user_scratches, &index);

		if (u && __sync_val_compare_and_swap(&u->taken, 0, 1) == 0) {
			*ret = u;
			return &u->scratch;
		}
	}
	return NULL;
}

static __always_inline void user_scratch_give(struct user_scratch *u)
{
	__sync_lock_test_and_set(&u->taken, 0);
}

/* Begins a record; false: there is no scratch, and so a loss. */
static __always_inline bool user_begin(struct build *b, struct user_scratch **u, __u8 type,
				       __u32 fixed_bytes, __s64 ret)
{
	struct scratch *s = user_scratch_take(u);
	struct cpu_counts *c;

	user_count(false);
	if (!s) {
		c = cpu_counts();
		if (c)
			loss_count(c, EV_CLASS_user);
		return false;
	}
	b->s = s;
	b->used = fixed_bytes;
	b->strings = 0;
	header_begin(&s->header, type, 0, ret);
	s->header.flags = 0; /* what a function returns is no result of a call */
	return true;
}

static __always_inline void user_end(struct build *b, struct user_scratch *u)
{
	emit_from(b->s, b->used, b->strings, EV_CLASS_user, TAPE_STATE_STREAM_EVENTS);
	user_scratch_give(u);
}

/* Bytes that lie in a map, no more of them than limit: a power of two minus one. */
static __always_inline __u16 user_put(struct build *b, const char *bytes, __u32 n, __u32 true_bytes,
				      __u32 limit)
{
	opaque(n);
	n &= limit;
	bpf_probe_read_kernel(build_at(b), n, bytes);
	return build_took(b, n, true_bytes);
}

static __always_inline __u16 user_put_library(struct build *b, const struct user_hit *h)
{
	return user_put(b, h->file->name, h->file->name_bytes, h->file->true_bytes,
			USER_FILE_BYTES - 1);
}

static __always_inline __u16 user_put_function(struct build *b, const struct user_function *f)
{
	return user_put(b, f->name, f->name_bytes, f->name_bytes, USER_FUNCTION_BYTES - 1);
}

static __always_inline bool user_get(const struct user_hit *h, enum user_property what, __u64 from,
				     __u64 *ret)
{
	const struct user_getter *g = &h->file->get[what];
	__s32 at = g->at[0];
	__u64 value = 0;

	if (!from || !g->loads)
		return false;
	if (g->loads == 2) {
		if (bpf_probe_read_user(&from, 8, (void *)(from + at)) < 0 || !from)
			return false;
		at = g->at[1];
	}
	if (bpf_probe_read_user(&value, g->bytes == 8 ? 8 : 4, (void *)(from + at)) < 0)
		return false;
	*ret = value;
	return true;
}

/* The names are short enough to be numbers. */
#define NAME8(a, b, c, d, e, f, g, h)                                                             \
	((__u64)(a) | (__u64)(b) << 8 | (__u64)(c) << 16 | (__u64)(d) << 24 | (__u64)(e) << 32 |  \
	 (__u64)(f) << 40 | (__u64)(g) << 48 | (__u64)(h) << 56)

static const struct {
	__u64 text;
	__u16 openssl, gnutls;
	__u16 bytes;
} user_protocols[] = {
	{ NAME8('S', 'S', 'L', 'v', '3', 0, 0, 0), 0x300, 1, 5 },
	{ NAME8('T', 'L', 'S', 'v', '1', 0, 0, 0), 0x301, 2, 5 },
	{ NAME8('T', 'L', 'S', 'v', '1', '.', '1', 0), 0x302, 3, 7 },
	{ NAME8('T', 'L', 'S', 'v', '1', '.', '2', 0), 0x303, 4, 7 },
	{ NAME8('T', 'L', 'S', 'v', '1', '.', '3', 0), 0x304, 5, 7 },
	{ NAME8('D', 'T', 'L', 'S', 'v', '1', 0, 0), 0xfeff, 201, 6 },
	{ NAME8('D', 'T', 'L', 'S', 'v', '1', '.', '2'), 0xfefd, 202, 8 },
};

static __always_inline __u16 user_put_protocol(struct build *b, const struct user_hit *h,
					       __u64 session)
{
	__u64 version = 0;

	if (!user_get(h, USER_GET_VERSION, session, &version))
		return build_nothing(b);
	for (unsigned i = 0; i < sizeof(user_protocols) / sizeof(*user_protocols); i++) {
		__u64 number = h->function->library == USER_GNUTLS ? user_protocols[i].gnutls :
								     user_protocols[i].openssl;

		if ((__u32)version != number)
			continue;
		__builtin_memcpy(build_at(b), &user_protocols[i].text, 8);
		return build_took(b, user_protocols[i].bytes, user_protocols[i].bytes);
	}
	return build_nothing(b);
}

/* The end of a handshake, as the function of this index returned it. */
static __always_inline void user_tell_tls(const struct user_hit *h, __u64 session,
					  struct user_session *s, __u32 index, __s64 ret, bool done)
{
	const struct user_function *f = bpf_map_lookup_elem(&user_functions, &index);
	struct user_scratch *u = NULL;
	__u64 cipher = 0, name = 0, value = 0;
	struct build b;
	struct ev_tls *e;

	if (!f || !user_begin(&b, &u, EV_tls, sizeof(*e), ret))
		return;
	e = (void *)b.s->payload;
	__builtin_memset(e, 0, sizeof(*e));
	e->fd = s->fd;
	e->side = s->side;
	if (user_get(h, USER_GET_IS_SERVER, session, &value))
		e->side = value ? SIDE_SERVER : SIDE_CLIENT;
	e->library = user_put_library(&b, h);
	e->function = user_put_function(&b, f);
	if (done)
		user_get(h, USER_GET_CIPHER, session, &cipher);
	if (user_get(h, USER_GET_CIPHER_BITS, cipher, &value))
		e->key_bits = value;
	e->cipher = user_get(h, USER_GET_CIPHER_NAME, cipher, &name) ?
			    build_user_string(&b, name, USER_CIPHER_READ) :
			    build_nothing(&b);
	e->protocol = done ? user_put_protocol(&b, h, session) : build_nothing(&b);
	e->server_name = user_put(&b, s->name, s->name_bytes, s->name_bytes, USER_SERVER_BYTES - 1);
	user_end(&b, u);
}

enum { TOLD_PATH, TOLD_CIPHER };

static __always_inline void user_tell_setup(const struct user_hit *h, __u64 address, int what)
{
	struct user_scratch *u = NULL;
	struct build b;
	struct ev_tls_setup *e;

	if (!user_begin(&b, &u, EV_tls_setup, sizeof(*e), (__s32)h->ret))
		return;
	e = (void *)b.s->payload;
	__builtin_memset(e, 0, sizeof(*e));
	e->library = user_put_library(&b, h);
	e->function = user_put_function(&b, h->function);
	e->path = what == TOLD_PATH ? build_user_string(&b, address, USER_NAME_READ) :
				      build_nothing(&b);
	e->cipher = what == TOLD_CIPHER ? build_user_string(&b, address, USER_NAME_READ) :
					  build_nothing(&b);
	user_end(&b, u);
}

/* The pointer that was returned says nothing: ret is 0. */
static __always_inline void user_tell_line(const struct user_hit *h)
{
	struct user_scratch *u = NULL;
	struct build b;
	struct ev_line *e;

	if (!user_begin(&b, &u, EV_line, sizeof(*e), 0))
		return;
	e = (void *)b.s->payload;
	__builtin_memset(e, 0, sizeof(*e));
	e->library = user_put_library(&b, h);
	e->function = user_put_function(&b, h->function);
	e->line = build_user_string(&b, h->ret, STRING_BYTES_MAX);
	user_end(&b, u);
}

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

static __always_inline void user_set_bio(const struct user_hit *h)
{
	struct user_object key = user_object(h, h->arg[1]);
	__s32 *fd = bpf_map_lookup_elem(&user_bios, &key);

	user_set_fd(h, fd ? *fd : -1);
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

/* Calls and their returns -------------------------------------------------------------------- */

static __always_inline __u32 user_group(const struct user_function *f)
{
	switch (f->kind) {
	case USER_HANDSHAKE:
		return GROUP_HANDSHAKE;
	case USER_SETUP:
		return GROUP_SETUP;
	case USER_CRYPTO:
		return GROUP_CRYPTO;
	default:
		return GROUP_NONE;
	}
}

/*
 * Libraries call their own functions: SSL_connect() is SSL_do_handshake(). Only the outermost is
 * told. But what a program does when a handshake calls it back is its own doing.
 */
static __always_inline bool user_is_inner(const struct user_hit *h, struct user_inside *in,
					  __u32 group)
{
	for (__u32 g = 0; g < GROUPS; g++) {
		if (g > group || in->sp[g] < h->sp)
			continue; /* the stack is shorter now than it was then: that one is gone */
		if (g == group && in->function[g] == h->index)
			continue; /* it never returned, and is called again */
		if (group == GROUP_CRYPTO || (g == group && (group != GROUP_HANDSHAKE ||
							     in->arg[g] == h->arg[0])))
			return true;
	}
	return false;
}

/*
 * Libraries also encrypt for themselves, to make random numbers, and ask themselves why something
 * failed that is no failure then.
 */
static __always_inline bool user_is_own_call(const struct user_hit *h)
{
	__u64 from = 0;

	return h->file->code_bytes &&
	       bpf_probe_read_user(&from, h->narrow ? 4 : 8, (void *)h->sp) == 0 &&
	       from - h->code < h->file->code_bytes;
}

/* Keeps the arguments until the return. */
static __always_inline void user_enter_frame(const struct user_hit *h)
{
	struct user_frame key = { h->thread, h->sp, h->index };
	__u32 group = user_group(h->function);
	struct user_inside *in;
	struct user_args args;

	if (group < GROUPS) {
		in = bpf_map_lookup_elem(&user_insides, &h->thread);
		if (!in) {
			bpf_map_update_elem(&user_insides, &h->thread, &user_inside_nothing,
					    BPF_NOEXIST);
			in = bpf_map_lookup_elem(&user_insides, &h->thread);
		}
		if (!in || user_is_inner(h, in, group))
			return;
		in->sp[group] = h->sp;
		in->arg[group] = h->arg[0];
		in->function[group] = h->index;
	}
	__builtin_memcpy(args.arg, h->arg, sizeof(args.arg));
	bpf_map_update_elem(&user_frames, &key, &args, BPF_ANY);
}

/* False: its beginning was not seen, or was not worth it. */
static __always_inline bool user_leave_frame(struct user_hit *h)
{
	struct user_frame key = { h->thread, h->sp, h->index };
	struct user_args *args = bpf_map_lookup_elem(&user_frames, &key);
	__u32 group = user_group(h->function);
	struct user_inside *in;

	if (!args)
		return false;
	__builtin_memcpy(h->arg, args->arg, sizeof(h->arg));
	if (bpf_map_delete_elem(&user_frames, &key) < 0)
		return false;
	if (group < GROUPS) {
		in = bpf_map_lookup_elem(&user_insides, &h->thread);
		if (in && in->sp[group] == h->sp)
			in->sp[group] = 0;
	}
	return true;
}

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
	__s32 fd;

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
		fd = h.arg[3];
		bpf_map_update_elem(&user_bios, &key, &fd, BPF_ANY);
		break;
	case USER_BIO_END:
		key = user_object(&h, h.arg[0]);
		bpf_map_delete_elem(&user_bios, &key);
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
