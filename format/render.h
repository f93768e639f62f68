/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events as text: one place where the names and the shape of what people and programs read are
 * decided. reel-dump(1) describes the formats.
 *
 * JSON, an object an event: the common keys type, id, host, ts, time, pid, tid, ret, errno,
 * syscall, abi and the flags of honesty that are set, then the fields of the type in the order of
 * its schema.
 *  - A field whose name is a common key gets its type before it: "clock_settime_time".
 *  - Hints do not change numbers, but for lists of labels, "class" and "bool".
 *  - A string that is not UTF-8 is followed by NAME_hex, all of its bytes; one that was cut by
 *    NAME_length, its true length, or null. An optional one that says nothing is left out.
 *  - Bytes with the hint "hex" are a string of digits, with the hint "u32" a list of numbers.
 */
#ifndef REEL_FORMAT_RENDER_H
#define REEL_FORMAT_RENDER_H

#include <stdbool.h>
#include <stdint.h>

#include "format/event.h"
#include "format/out.h"
#include "format/timetext.h"
#include "format/types.h"

enum reel_render_format {
	REEL_RENDER_JSON,   /* an object a line */
	REEL_RENDER_ARRAY,  /* these objects as one array */
	REEL_RENDER_PRETTY, /* these objects over several lines each */
	REEL_RENDER_TEXT,   /* a line for people; no name in it can drive a terminal */
	REEL_RENDER_CSV,
};

struct reel_render_options {
	enum reel_render_format format;
	struct reel_tz tz;
	bool color; /* text only */
	bool host;  /* say on which host it was: captures of several */
	/* CSV: the only type there will be, whose fields then are columns; else they are one column
	 * of JSON. A type of the same name from another schema goes by the names of its fields. */
	const struct reel_type *only_type;
};

/* Something that is known of an event besides what it says itself. */
struct reel_render_value {
	const char *name;
	bool is_string;
	uint64_t number;
	struct reel_string string;
};

struct render_plan;

struct reel_renderer {
	struct reel_out *out;
	struct reel_render_options options;
	struct reel_timefmt time;
	struct reel_out scratch;
	uint64_t n_events;
	const struct reel_render_value *beside; /* of the next event */
	unsigned n_beside;
	struct render_plan *plans[EV_MAX_TYPES]; /* by id; a list, since captures differ */
};

/*
 * OUT gets the text, and any error, also one of memory. Everything that is rendered must come from
 * types that live as long as the renderer.
 */
int reel_renderer_init(struct reel_renderer *r, struct reel_out *out,
		       const struct reel_render_options *options);
void reel_renderer_done(struct reel_renderer *r);

/* What goes before the first event and behind the last. */
void reel_render_begin(struct reel_renderer *r);
void reel_render_end(struct reel_renderer *r);

/*
 * Of the next event these are said too, behind its thread, but for those that its type has a field
 * of the same name for. Not in CSV.
 */
void reel_render_beside(struct reel_renderer *r, const struct reel_render_value *values,
			unsigned n);

/* REALTIME_NS below 0: nobody knows. HOST is shown only if the options say so; it may be NULL. */
void reel_render_event(struct reel_renderer *r, const struct reel_event *ev, int64_t realtime_ns,
		       const uint8_t boot[16], const char *host);

/* Whether a field of that name has to be called TYPE_NAME in JSON and CSV. */
bool reel_render_is_common(const char *name);

#endif
