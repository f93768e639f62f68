/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Types of one class whose records are begun and emitted in one place: what is left of each is to
 * fill in its fields. For calls that are so rare that what the kernel has to check counts more than
 * what they cost.
 *
 *	FILLER(personality)
 *	{
 *		e->persona = call_arg(c, 0);
 *		return true;
 *	}
 *
 *	FILLED_FAMILY(rights, EV_CLASS_priv, FILLED(personality) FILLED(...))
 *
 * A filler that returns false: the call is no event.
 */
#ifndef REEL_BPF_FAMILY_BPF_H
#define REEL_BPF_FAMILY_BPF_H

#include "bpf/sys.bpf.h"

enum { FILLED_BYTES = 128 };

#define FILLER(type)                                                                   \
	static __always_inline bool fill_##type(const struct call *c, struct build *b, \
						struct ev_##type *e)

#define FILLED(type)                                                                           \
	case EV_##type:                                                                        \
		b.used = sizeof(struct ev_##type);                                             \
		_Static_assert(sizeof(struct ev_##type) <= FILLED_BYTES, "too large to fill"); \
		to_state = ring_of_##type;                                                     \
		is_event = fill_##type(c, &b, (void *)b.s->payload);                           \
		break;

#define FILLED_FAMILY(name, class, cases) \
	FILLED_TELLER(name, class, cases) \
	HANDLER_FAMILY(name)              \
	{                                 \
		return tell_##name(c);    \
	}

/* For a program that does more than that. */
#define FILLED_TELLER(name, class, cases)                                     \
	static __always_inline int tell_##name(const struct call *c)          \
	{                                                                     \
		bool is_event = false;                                        \
		__u32 to_state = 0;                                           \
		struct build b;                                               \
                                                                              \
		if (!build_open(&b, 0, 0))                                    \
			return 0;                                             \
		header_begin(&b.s->header, c->type, c->id, c->ret);           \
		b.s->header.flags |= c->flags;                                \
		__builtin_memset(b.s->payload, 0, FILLED_BYTES);              \
		switch (c->type) {                                            \
			cases                                                 \
		}                                                             \
		if (!is_event)                                                \
			return call_is_other(c, class);                       \
		opaque(b.used);                                               \
		opaque(b.strings);                                            \
		opaque(to_state);                                             \
		return emit_scratch(b.s, b.used, b.strings, class, to_state); \
	}

#endif
