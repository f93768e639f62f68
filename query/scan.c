/* SPDX-License-Identifier: BSD-2-Clause */
#include "query/scan.h"

#include <errno.h>
#include <string.h>

#include "format/schema.h"
#include "query/scan_impl.h"

int scan_open(struct reel_capture *c, const struct scan_question *q, struct scan **ret,
	      struct reel_err *err)
{
	int r = reel_capture_ask(c, &q->filter, err);

	if (r == 0 && q->has_id)
		r = reel_capture_number(c, q->is_interrupted, q->context, err);
	if (r < 0)
		return r;
	if (q->with_context || q->exe || q->way == SCAN_IN_ORDER)
		r = scan_open_ordered(c, q, ret, err);
	else if (q->way == SCAN_COUNTED)
		r = scan_open_counted(c, q, ret, err);
	else
		r = scan_open_lying(c, q, ret, err);
	if (r == 0) {
		c->reading.blocks += c->reader->n_blocks;
		(*ret)->capture = c;
		(*ret)->q = q;
	}
	return r;
}

void scan_close(struct scan *s)
{
	if (s)
		s->ops->close(s);
}

int scan_next(struct scan *s, struct reel_err *err)
{
	s->has_event = false;
	return s->ops->next(s, err);
}

const struct scan_event *scan_current(struct scan *s)
{
	if (!s->has_event)
		s->ops->event(s);
	s->has_event = true;
	return &s->event;
}

int scan_interrupted(const struct scan_question *q, struct reel_err *err)
{
	if (q->is_interrupted && q->is_interrupted(q->context))
		return reel_err_set(err, -ECANCELED, "interrupted");
	return 0;
}

static uint8_t lower(uint8_t c)
{
	return (uint8_t)(c + ((uint8_t)(c - 'A') < 26 ? 'a' - 'A' : 0));
}

/* Lower letters are made of pieces, each of which has what the next begins with. */
static bool has_part(const struct scan_string *w, const uint8_t *bytes, size_t length)
{
	uint8_t part[SCAN_PART_MAX], piece[16 * SCAN_PART_MAX];
	size_t step = sizeof(piece) - w->length + 1;

	if (!w->any_case)
		return memmem(bytes, length, w->bytes, w->length);
	for (uint32_t i = 0; i < w->length; i++)
		part[i] = lower(w->bytes[i]);
	for (size_t at = 0; at + w->length <= length; at += step) {
		size_t n = length - at < sizeof(piece) ? length - at : sizeof(piece);

		for (size_t i = 0; i < n; i++)
			piece[i] = lower(bytes[at + i]);
		if (memmem(piece, n, part, w->length))
			return true;
	}
	return false;
}

static bool matches(const struct scan_string *w, const uint8_t *bytes, uint32_t length)
{
	if (w->where == SCAN_PART)
		return has_part(w, bytes, length);
	if (w->where == SCAN_PREFIX ? length < w->length : length != w->length)
		return false;
	if (!w->any_case)
		return memcmp(bytes, w->bytes, w->length) == 0;
	for (uint32_t i = 0; i < w->length; i++)
		if (lower(bytes[i]) != lower(w->bytes[i]))
			return false;
	return true;
}

/* A part is looked for in all of them at once, as they lie: few blocks have it where two meet. */
bool scan_block_has(const struct scan_string *wish, const struct reel_string_table *strings)
{
	if (wish->where == SCAN_PART)
		return has_part(wish, strings->bytes, strings->at[strings->n]);
	for (uint32_t i = 0; i < strings->n; i++)
		if (matches(wish, strings->bytes + strings->at[i],
			    strings->at[i + 1] - strings->at[i]))
			return true;
	return false;
}

bool scan_event_has(const struct scan_string *wish, const struct reel_event *ev)
{
	const struct reel_field *f = reel_type_field(ev->type, wish->field);
	struct reel_string s;

	if (!f || !reel_field_is_string(f))
		return false;
	s = reel_event_string(ev, f);
	return matches(wish, s.bytes, s.length);
}
