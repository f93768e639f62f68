/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * How a record comes about. A program begins one in the scratch of its CPU, fills in the fixed
 * part, appends the strings in the order of their fields, and emits it:
 *
 *	struct build b;
 *	struct ev_mkdir *e = build_begin(&b, mkdir);
 *
 *	e->mode = ...;
 *	e->path = build_user_string(&b, address, PATH_BYTES);
 *	return build_emit(&b, mkdir);
 *
 * A record without strings is written where it will lie: emit_fixed().
 *
 * The one way into a ring is here, and every way that does not lead there is counted.
 */
#ifndef REEL_BPF_EMIT_BPF_H
#define REEL_BPF_EMIT_BPF_H

#include "bpf/maps.bpf.h"

#define TAPE_STATE_STREAM_STATE	  1
#define TAPE_STATE_STREAM_EVENTS  0
#define TAPE_STATE_STREAM_CLOCK	  1
#define TAPE_STATE_STREAM_GAP	  1

/* Of each type: its class, and whether the ring of state is its way. */
enum {
#define T(id, name, class, stream, aliases, doc)                                                  \
	class_of_##name = EV_CLASS_##class, ring_of_##name = TAPE_STATE_STREAM_##stream,
	EV_TYPES(T)
#undef T
};

struct build {
	struct scratch *s;
	__u64 used;	/* bytes of payload so far */
	__u64 strings;
};

static __always_inline void *ring_get(__u32 to_state)
{
	__u32 index = to_state ? config.n_cpus : bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&rings, &index);
}

static __always_inline void loss_count(struct cpu_counts *c, __u32 class)
{
	__u64 now = bpf_ktime_get_boot_ns();

	class &= CLASSES - 1;
	__sync_fetch_and_add(&c->lost[class], 1);
	__sync_fetch_and_add(&c->lost_now[class].count, 1);
	if (!c->lost_now[class].first)
		c->lost_now[class].first = now;
	c->lost_now[class].last = now;
	c->lost_untold = 1;
}

struct lost_record {
	struct ev_header h;
	struct ev_lost lost;
};

struct losses_context {
	struct cpu_counts *c;
	__u32 to_state;
};

static long losses_step(__u32 class, struct losses_context *context)
{
	struct cpu_counts *c = context->c;
	void *ring = ring_get(context->to_state);
	struct lost_record *r;

	class &= CLASSES - 1;
	if (!c->lost_now[class].count || !ring)
		return 0;
	r = bpf_ringbuf_reserve(ring, sizeof(*r), 0);
	if (!r) {
		c->lost_untold = 1;
		return 1;
	}
	__builtin_memset(r, 0, sizeof(*r));
	r->lost.first = c->lost_now[class].first;
	r->lost.last = c->lost_now[class].last;
	r->lost.count = __sync_lock_test_and_set(&c->lost_now[class].count, 0);
	c->lost_now[class].first = 0;
	r->lost.lost_cpu = bpf_get_smp_processor_id();
	r->lost.lost_class = class == CLASS_SOFTIRQ ? EV_CLASS_net : class;
	r->h.seq = __sync_fetch_and_add(&c->seq, 1);
	r->h.ts = bpf_ktime_get_boot_ns();
	r->h.cpu = bpf_get_smp_processor_id();
	r->h.length = sizeof(r->lost);
	r->h.type = EV_lost;
	bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
	return 0;
}

/*
 * There is room again: first the losses are told. What now finds no room is told by a later call.
 */
__noinline int losses_tell(__u32 to_state)
{
	struct losses_context context = { .c = cpu_counts(), .to_state = to_state };

	if (!context.c)
		return 0;
	context.c->lost_untold = 0;
	bpf_loop(CLASSES, losses_step, &context, 0);
	return 0;
}

static __always_inline __u64 seq_next(struct cpu_counts *c)
{
	return __sync_fetch_and_add(&c->seq, 1);
}

/*
 * From the scratch into the ring. The clock is read once the space is reserved: a reader that has
 * read the clock and then the end of the ring knows that nothing older comes.
 */
static __always_inline int emit_from(struct scratch *s, __u64 used, __u32 strings, __u32 class,
				     __u32 to_state)
{
	struct cpu_counts *c = cpu_counts();
	void *ring = ring_get(to_state);
	struct bpf_dynptr room;

	if (!c || !s || !ring || used > EV_MAX_PAYLOAD)
		return 0;
	if (s->header.flags & EV_TRUNCATED) {
		__u32 bytes = (strings & 15) * sizeof(*s->true_lengths);

		bpf_probe_read_kernel(&s->payload[in_payload(used)], bytes, s->true_lengths);
		used += bytes;
		if (used > EV_MAX_PAYLOAD)
			return 0;
	}
	if (c->lost_untold)
		losses_tell(to_state);
	s->header.seq = seq_next(c);
	s->header.length = used;
	s->header.cpu = bpf_get_smp_processor_id();
	if (bpf_ringbuf_reserve_dynptr(ring, sizeof(s->header) + used, 0, &room) < 0) {
		bpf_ringbuf_discard_dynptr(&room, BPF_RB_NO_WAKEUP);
		loss_count(c, class);
		return 0;
	}
	s->header.ts = bpf_ktime_get_boot_ns();
	bpf_dynptr_write(&room, 0, s, sizeof(s->header) + used, 0);
	bpf_ringbuf_submit_dynptr(&room, BPF_RB_NO_WAKEUP);
	return 0;
}

/* Path filters (match.bpf.h). Where a type has its path is known to the recorder. */
const volatile struct path_place path_places[EV_MAX_TYPES];
__u32 path_chosen(__u32 at, __u32 bytes);

static __always_inline bool path_is_wanted(struct scratch *s)
{
	const volatile struct path_place *p = &path_places[s->header.type];
	__u32 at = p->fixed_bytes, bytes = 0;
	__u16 length;

	for (__u32 i = 0; i < PATH_PLACE_STRINGS; i++) {
		if (i >= p->strings)
			break;
		at += bytes;
		__builtin_memcpy(&length, &s->payload[in_payload(p->lengths[i])], 2);
		bytes = length;
	}
	return !bytes || path_chosen(at, bytes);
}

__noinline int emit_scratch(struct scratch *s, __u64 used, __u32 strings, __u32 class,
			    __u32 to_state)
{
	if (config.n_paths && !to_state && s && !path_is_wanted(s)) {
		struct cpu_counts *c = cpu_counts();

		if (c)
			c->filtered[class & (CLASSES - 1)]++;
		return 0;
	}
	return emit_from(s, used, strings, class, to_state);
}

/* id: process and thread, as task_id() has them. */
static __always_inline void header_begin_as(struct ev_header *h, __u8 type, __u16 call, __s64 ret,
					    __u64 id)
{
	h->ret = ret;
	h->pid = id >> 32;
	h->tid = (__u32)id;
	h->call = call;
	h->type = type;
	h->flags = ret <= -512 && ret >= -516 ? EV_RESTARTED : 0;
}

/* The header of an event of the current task. */
static __always_inline void header_begin(struct ev_header *h, __u8 type, __u16 call, __s64 ret)
{
	header_begin_as(h, type, call, ret, task_id(task_to_load()));
}

static __always_inline bool build_open(struct build *b, __u8 type, __u32 fixed_bytes)
{
	b->s = cpu_scratch();
	if (!b->s)
		return false;
	b->used = fixed_bytes;
	b->strings = 0;
	return true;
}

/* Begins a record; leaves the function where there is no scratch, which cannot be. */
#define build_begin(b, type, call, ret)                                                           \
	({                                                                                        \
		if (!build_open(b, EV_##type, sizeof(struct ev_##type)))                          \
			return 0;                                                                 \
		header_begin(&(b)->s->header, EV_##type, call, ret);                              \
		struct ev_##type *fixed_ = (void *)(b)->s->payload;                               \
		__builtin_memset(fixed_, 0, sizeof(*fixed_));                                     \
		fixed_;                                                                           \
	})

#define build_emit(b, type)                                                                       \
	emit_scratch((b)->s, (b)->used, (b)->strings, class_of_##type, ring_of_##type)

/* An event that is no call, or a second one of a call. */
static __always_inline void count_extra(__u32 class)
{
	struct cpu_counts *c = cpu_counts();

	if (c)
		c->extra[class & (CLASSES - 1)]++;
}

static __always_inline void build_flag(struct build *b, __u8 flag)
{
	b->s->header.flags |= flag;
}

/* Where the next string goes. */
static __always_inline void *build_at(struct build *b)
{
	return &b->s->payload[in_payload(b->used)];
}

/* A string of n bytes now lies at build_at(). Returns n, for its field. */
static __always_inline __u16 build_took(struct build *b, __u32 n, __u32 true_length)
{
	b->s->true_lengths[b->strings & 15] = true_length;
	b->strings++;
	b->used += n;
	if (n != true_length)
		b->s->header.flags |= EV_TRUNCATED;
	return n;
}

static __always_inline __u16 build_nothing(struct build *b)
{
	return build_took(b, 0, 0);
}

/* Takes back the last string, which was n bytes. */
static __always_inline __u16 build_drop(struct build *b, __u32 n)
{
	b->used -= n;
	b->s->true_lengths[(b->strings - 1) & 15] = 0;
	return 0;
}

enum { STRING_BYTES_MAX = 4 * PATH_BYTES };

/* A NUL-terminated string of the program; limit is a constant of at most STRING_BYTES_MAX. */
static __always_inline __u16 build_user_string(struct build *b, __u64 address, __u32 limit)
{
	long n;

	if (b->used > EV_MAX_PAYLOAD - 64)
		return build_took(b, 0, EV_UNKNOWN_LENGTH);
	n = address ? bpf_probe_read_user_str(build_at(b), limit, (void *)address) : 0;
	/* Old kernels say 0 of an empty string. */
	if (n <= 0) {
		if (n < 0)
			build_flag(b, EV_FAULT);
		return build_nothing(b);
	}
	n--;
	return build_took(b, n, n == limit - 1 ? EV_UNKNOWN_LENGTH : n);
}

static __always_inline __u16 build_kernel_string(struct build *b, __u64 address, __u32 limit)
{
	long n;

	if (b->used > EV_MAX_PAYLOAD - 64)
		return build_took(b, 0, EV_UNKNOWN_LENGTH);
	n = bpf_probe_read_kernel_str(build_at(b), limit, (void *)address);
	if (n <= 0)
		return build_nothing(b);
	n--;
	return build_took(b, n, n == limit - 1 ? EV_UNKNOWN_LENGTH : n);
}

/* Bytes of the program, as many as limit allows; limit is a power of two minus one. */
static __always_inline __u16 build_user_bytes(struct build *b, __u64 address, __u64 bytes,
					      __u32 limit)
{
	__u64 n = bytes > limit ? limit : bytes;

	if (b->used > EV_MAX_PAYLOAD - 64)
		return build_took(b, 0, bytes);
	opaque(n);
	n &= STRING_BYTES_MAX - 1;
	if (n && bpf_probe_read_user(build_at(b), n, (void *)address) < 0) {
		build_flag(b, EV_FAULT);
		return build_nothing(b);
	}
	return build_took(b, n, bytes > EV_UNKNOWN_LENGTH ? EV_UNKNOWN_LENGTH : bytes);
}

/*
 * A record's fixed part on the stack, where also what lies between and behind its fields is zero.
 */
#define fixed_new(type, e)     \
	struct ev_##type e;    \
	__builtin_memset(&e, 0, sizeof(e))

/* A whole record without strings, written in its place. value is a struct ev_TYPE. */
#define emit_fixed(type, call, ret, value)                                                        \
	emit_fixed_(EV_##type, class_of_##type, ring_of_##type, call, ret, value, sizeof(*(value)))

static __always_inline int emit_fixed_as(__u8 type, __u32 class, __u32 to_state, __u16 call,
					 __s64 ret, __u8 flags, const void *value,
					 const __u32 bytes, __u64 id)
{
	struct cpu_counts *c = cpu_counts();
	void *ring = ring_get(to_state);
	struct ev_header *h;

	if (!c || !ring)
		return 0;
	/* What an interrupt finds untold may just be about to be told. */
	if (class != CLASS_SOFTIRQ && c->lost_untold)
		losses_tell(to_state);
	__u64 seq = seq_next(c);
	h = bpf_ringbuf_reserve(ring, sizeof(*h) + bytes, 0);
	if (!h) {
		loss_count(c, class);
		return 0;
	}
	h->ts = bpf_ktime_get_boot_ns();
	h->seq = seq;
	h->cpu = bpf_get_smp_processor_id();
	h->length = bytes;
	header_begin_as(h, type, call, ret, id);
	h->flags |= flags;
	__builtin_memcpy(h + 1, value, bytes);
	bpf_ringbuf_submit(h, BPF_RB_NO_WAKEUP);
	return 0;
}

static __always_inline int emit_fixed_flags(__u8 type, __u32 class, __u32 to_state, __u16 call,
					    __s64 ret, __u8 flags, const void *value,
					    const __u32 bytes)
{
	return emit_fixed_as(type, class, to_state, call, ret, flags, value, bytes,
			     task_id(task_to_load()));
}

static __always_inline int emit_fixed_(__u8 type, __u32 class, __u32 to_state, __u16 call,
				       __s64 ret, const void *value, const __u32 bytes)
{
	return emit_fixed_flags(type, class, to_state, call, ret, 0, value, bytes);
}

#endif
