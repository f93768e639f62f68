/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * What probes tell. They run with preemption on: the scratch that a record is made in is theirs
 * alone while they run, and counts change in one step.
 */
#ifndef REEL_BPF_USER_TELL_BPF_H
#define REEL_BPF_USER_TELL_BPF_H

#include "bpf/user_hit.bpf.h"

enum {
	USER_SCRATCHES = 16,   /* probes that may be at work at the same time */
	USER_NAME_READ = 4096, /* of paths and lists of ciphers */
	USER_CIPHER_READ = 64,
};

enum user_side { SIDE_UNKNOWN, SIDE_CLIENT, SIDE_SERVER };

struct user_session {
	__s32 fd;
	__s32 failed; /* what a handshake returned that may go on */
	__u16 name_bytes;
	__u8 function; /* that returned it */
	__u8 side;
	__u8 born;    /* seen from its beginning */
	__u8 told;    /* the end of its handshake */
	__u8 pending; /* failed is set */
	char name[USER_SERVER_BYTES];
};

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
#define NAME8(a, b, c, d, e, f, g, h)                                                            \
	((__u64)(a) | (__u64)(b) << 8 | (__u64)(c) << 16 | (__u64)(d) << 24 | (__u64)(e) << 32 | \
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

#endif
