/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* Data that lies in several pieces. */
#ifndef REEL_BPF_IOVEC_BPF_H
#define REEL_BPF_IOVEC_BPF_H

#include "bpf/call.bpf.h"

enum { IOVECS_MAX = 1024 };

/* Has a call struct iovec, struct msghdr and the like with 32-bit pointers? */
static __always_inline bool call_narrow(const struct call *c)
{
	return c->compat || EV_CALL_ABI(c->id) == EV_ABI_X32;
}

struct iovec_user {
	__u64 base, length;
};
struct iovec_compat {
	__u32 base, length;
};

struct gather_context {
	struct scratch *s;
	bool compat;
};

static long gather_step(__u32 i, struct gather_context *context)
{
	struct scratch *s = context->s;
	struct gather *g = &s->gather;
	struct iovec_user v;
	__u64 n, at;

	if (context->compat) {
		struct iovec_compat narrow;

		if (bpf_probe_read_user(&narrow, sizeof(narrow), (void *)g->iov) < 0) {
			g->faults++;
			return 1;
		}
		v.base = narrow.base;
		v.length = narrow.length;
		g->iov += sizeof(narrow);
	} else {
		if (bpf_probe_read_user(&v, sizeof(v), (void *)g->iov) < 0) {
			g->faults++;
			return 1;
		}
		g->iov += sizeof(v);
	}
	g->total += v.length;
	n = v.length < g->room ? v.length : g->room;
	n &= STRING_BYTES_MAX - 1;
	at = g->at;
	if (!n)
		return 0;
	if (bpf_probe_read_user(&s->payload[in_payload(at)], n, (void *)v.base) < 0) {
		g->faults++;
		g->room = 0;
		return 0;
	}
	g->at = at + n;
	g->room -= n;
	return 0;
}

/*
 * The first of the bytes that n iovecs hold, as many as limit allows (below STRING_BYTES_MAX).
 * bytes is how many there are; *ret_total, how many the iovecs have room for.
 */
static __always_inline __u16 build_user_iovecs(struct build *b, __u64 iov, __u32 n, bool compat,
					       __u64 bytes, __u32 limit, __u64 *ret_total)
{
	struct gather_context context = { .s = b->s, .compat = compat };
	struct gather *g = &b->s->gather;
	__u64 kept;

	g->iov = iov;
	g->room = bytes < limit ? bytes : limit;
	g->at = b->used;
	g->total = 0;
	g->faults = 0;
	if (b->used > EV_MAX_PAYLOAD - 64)
		g->room = 0;
	bpf_loop(n < IOVECS_MAX ? n : IOVECS_MAX, gather_step, &context, 0);
	if (g->faults)
		build_flag(b, EV_FAULT);
	*ret_total = g->total;
	kept = (g->at - b->used) & (STRING_BYTES_MAX - 1);
	return build_took(b, kept, g->faults ? kept : bytes);
}

/* How many bytes the iovecs have room for. */
static __always_inline __u64 user_iovecs_total(struct scratch *s, __u64 iov, __u32 n, bool compat)
{
	struct gather_context context = { .s = s, .compat = compat };

	if (!s)
		return 0;
	s->gather.iov = iov;
	s->gather.room = 0;
	s->gather.total = 0;
	bpf_loop(n < IOVECS_MAX ? n : IOVECS_MAX, gather_step, &context, 0);
	return s->gather.total;
}

#endif
