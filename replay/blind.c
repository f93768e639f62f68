/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/blind.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name, *text;
} reasons[BLIND_REASONS] = {
	[BLIND_LOST] = { "lost", "events that it reads were lost" },
	[BLIND_DAMAGE] = { "damage", "a block is broken or missing" },
	[BLIND_CUT] = { "cut", "a string was cut, and what is missing decides" },
	[BLIND_FAULT] = { "fault", "a field could not be read" },
	[BLIND_PROCESS] = { "process", "what the process was is not known" },
	[BLIND_NAME] = { "name", "what the descriptor was is not known" },
	[BLIND_HOST] = { "host", "by which name an address was looked up is not known" },
	[BLIND_RESULT] = { "result", "the result of a request is not known" },
	[BLIND_FOLDED] = { "folded", "reads and writes are in totals only" },
	[BLIND_FILTERED] = { "filtered", "what it reads was not recorded" },
	[BLIND_OLD] = { "old", "the recorder did not know the field yet" },
	[BLIND_LIMIT] = { "limit", "a pattern was given up at a limit" },
	[BLIND_EVICTED] = { "evicted", "half of a match was thrown away to bound memory" },
	[BLIND_END] = { "end", "the capture ends" },
};

const char *blind_reason_text(enum blind_reason reason)
{
	return reasons[reason].text;
}

const char *blind_reason_name(enum blind_reason reason)
{
	return reasons[reason].name;
}

static bool may_join(const struct blind_interval *a, const struct blind_interval *b)
{
	return a->reason == b->reason && (a->to_ns >= b->from_ns || a->to_ns + 1 == b->from_ns);
}

static void join(struct blind_interval *a, const struct blind_interval *b)
{
	if (b->from_ns < a->from_ns)
		a->from_ns = b->from_ns;
	if (b->to_ns > a->to_ns)
		a->to_ns = b->to_ns;
	a->count += b->count;
}

static void drop(struct blind *b, uint32_t i)
{
	memmove(&b->list[i], &b->list[i + 1], (b->n - i - 1) * sizeof(*b->list));
	b->n--;
}

/* Of the neighbours of one reason those with the least time between them become one. */
static void make_shorter(struct blind *b)
{
	uint32_t last[BLIND_REASONS], best = 0, with = 0;
	uint64_t least = UINT64_MAX;

	memset(last, 0xff, sizeof(last));
	for (uint32_t i = 0; i < b->n; i++) {
		uint32_t before = last[b->list[i].reason];

		if (before != UINT32_MAX) {
			uint64_t gap = b->list[i].from_ns > b->list[before].to_ns ?
					       b->list[i].from_ns - b->list[before].to_ns :
					       0;

			if (gap < least) {
				least = gap;
				best = before;
				with = i;
			}
		}
		last[b->list[i].reason] = i;
	}
	if (with == best)
		return; /* one of each reason: fewer than the bound */
	join(&b->list[best], &b->list[with]);
	drop(b, with);
}

int blind_add(struct blind *b, enum blind_reason reason, uint64_t from_ns, uint64_t to_ns,
	      uint64_t count)
{
	struct blind_interval one = { from_ns, to_ns < from_ns ? from_ns : to_ns, count,
				      (uint8_t)reason };
	uint32_t at = b->n;

	/* Most come in order, and many touch the one before. */
	for (uint32_t i = b->n; i-- > 0;) {
		struct blind_interval *o = &b->list[i];

		if (o->reason != one.reason)
			continue;
		if (may_join(o, &one) || may_join(&one, o)) {
			if (o->from_ns <= one.from_ns) {
				join(o, &one);
				return 0;
			}
			join(&one, o);
			drop(b, i);
		} else if (o->from_ns < one.from_ns) {
			break;
		}
	}
	if (b->n == b->room) {
		uint32_t room = b->room ? 2 * b->room : 8;
		struct blind_interval *list = reallocarray(b->list, room, sizeof(*list));

		if (!list)
			return -ENOMEM;
		b->list = list;
		b->room = room;
	}
	for (at = b->n; at > 0 && b->list[at - 1].from_ns > one.from_ns; at--)
		b->list[at] = b->list[at - 1];
	b->list[at] = one;
	if (++b->n > BLIND_INTERVALS_MAX)
		make_shorter(b);
	return 0;
}

void blind_done(struct blind *b)
{
	free(b->list);
	memset(b, 0, sizeof(*b));
}

uint64_t blind_clear_ns(const struct blind *b, uint64_t from_ns, uint64_t to_ns)
{
	uint64_t clear = 0, at = from_ns;

	if (b->is_whole)
		return 0;
	for (uint32_t i = 0; i < b->n; i++) {
		const struct blind_interval *o = &b->list[i];

		if (o->to_ns < at)
			continue;
		if (o->from_ns > to_ns)
			break;
		if (o->from_ns > at)
			clear += o->from_ns - at;
		if (o->to_ns >= to_ns)
			return clear;
		at = o->to_ns + 1;
	}
	return at < to_ns ? clear + (to_ns - at) : clear;
}

bool blind_touches(const struct blind *b, uint64_t from_ns, uint64_t to_ns)
{
	if (b->is_whole)
		return true;
	for (uint32_t i = 0; i < b->n && b->list[i].from_ns <= to_ns; i++)
		if (b->list[i].to_ns >= from_ns)
			return true;
	return false;
}
