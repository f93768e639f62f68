/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads everything that an event has, so that the sanitizers see what a command would touch. */
#ifndef REEL_TESTS_FUZZ_TOUCH_H
#define REEL_TESTS_FUZZ_TOUCH_H

#include <stdlib.h>

#include "format/clocks.h"
#include "format/merge.h"
#include "format/render.h"
#include "format/schema.h"
#include "format/unpack.h"

/* More are read as cheaply as a walk does it, so that no input takes seconds. */
enum { TOUCHED_MAX = 3000, RENDERED_MAX = 300 };

#define MUST(cond)               \
	do {                     \
		if (!(cond))     \
			abort(); \
	} while (0)

static volatile uint64_t touch_sink;

struct touch {
	struct reel_out out;
	struct reel_renderer renderer;
	unsigned n;
};

static inline void touch_init(struct touch *t, unsigned format)
{
	struct reel_render_options options = {
		.format = (enum reel_render_format)(format % (REEL_RENDER_CSV + 1)),
		.tz = { .kind = REEL_TZ_UTC },
		.host = true,
		.color = format & 8,
	};

	t->n = 0;
	MUST(out_init_mem(&t->out) == 0);
	MUST(reel_renderer_init(&t->renderer, &t->out, &options) == 0);
	reel_render_begin(&t->renderer);
}

static inline void touch_done(struct touch *t)
{
	reel_render_end(&t->renderer);
	reel_renderer_done(&t->renderer);
	out_done(&t->out);
}

static inline void touch_bytes(const uint8_t *bytes, size_t n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += bytes[i];
	touch_sink += sum;
}

static inline void touch_fields(const struct reel_event *ev)
{
	const struct reel_type *type = ev->type;

	for (unsigned i = 0; i < type->n_fields; i++) {
		const struct reel_field *f = &type->fields[i];

		MUST(f->name && f->hint &&
		     f->offset + reel_kind_width(f->kind) <= type->fixed_bytes);
		if (reel_field_is_string(f)) {
			struct reel_string s = reel_event_string(ev, f);

			touch_bytes(s.bytes, s.length);
			touch_sink += reel_string_is_cut(&s);
		} else {
			touch_sink += reel_event_number(ev, f);
		}
	}
}

static inline void touch_event(struct touch *t, const struct reel_event *ev, int64_t realtime_ns,
			       const uint8_t boot[16])
{
	char id[REEL_EVENT_ID_MAX];

	if (t->n++ >= TOUCHED_MAX)
		return;
	MUST(reel_event_id(ev, boot, id) < sizeof(id));
	touch_sink += reel_event_is_sound(ev);
	touch_bytes(ev->fixed, ev->type->fixed_bytes);
	touch_fields(ev);
	if (t->n > RENDERED_MAX)
		return;
	reel_render_event(&t->renderer, ev, realtime_ns, boot, "host");
	MUST(out_error(&t->out) == 0);
	touch_bytes((const uint8_t *)t->out.buf, t->out.len);
	out_reset(&t->out);
}

/* One block through the same machinery as in a walk: unpacked, put in order, read, rendered. */
static inline void touch_block(const struct reel_block *b, const struct reel_schema *schema,
			       unsigned format)
{
	static const uint8_t boot[16];
	struct reel_merge merge = { 0 };
	struct reel_merge_slot *slot = reel_merge_slot(&merge);
	struct reel_merge_event at;
	struct reel_clocks clocks = { 0 };
	struct touch t;
	uint64_t n = 0, last = 0;

	MUST(slot);
	touch_init(&t, format);
	if (reel_unpack(&slot->u, b, schema, NULL, NULL) < 0) {
		reel_merge_drop(&merge, slot);
	} else {
		uint32_t n_events = slot->u.n_events;

		MUST(n_events == b->h.n_events);
		MUST(reel_clocks_add_block(&clocks, &slot->u) == 0);
		MUST(reel_merge_add(&merge, slot, NULL) == 0);
		while (reel_merge_next(&merge, UINT64_MAX, &at)) {
			struct reel_event ev;

			reel_unpacked_event(at.u, at.run, at.i, &ev);
			MUST(ev.ts >= last && ev.ts >= b->h.ts_min && ev.ts <= b->h.ts_max);
			last = ev.ts;
			n++;
			touch_event(&t, &ev, (int64_t)ev.ts, boot);
		}
		/* No event is given at the end of time, since no bound is beyond it. */
		MUST(n == n_events || b->h.ts_max == UINT64_MAX);
	}
	reel_clocks_done(&clocks);
	reel_merge_done(&merge);
	touch_done(&t);
}

#endif
