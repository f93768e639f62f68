/* SPDX-License-Identifier: BSD-2-Clause */
/* END, which must say what was found, and the items of META and END. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "format/verify_impl.h"

void verify_note_row(struct verifier *x)
{
	struct verify_segment *s = &x->segment;
	const struct tape_header *h = &x->b.h;
	struct tape_row *row;

	s->totals.raw_bytes += h->raw_bytes;
	s->totals.stored_bytes += x->b.total_bytes;
	if (s->n_rows == s->rows_room && s->n_rows < TAPE_ROWS_MAX) {
		uint32_t room = s->rows_room ? 2 * s->rows_room : 256;

		row = reallocarray(s->rows, room, sizeof(*row));
		if (!row) {
			x->no_memory = true;
			return;
		}
		s->rows = row;
		s->rows_room = room;
	}
	if (s->n_rows == s->rows_room)
		return;			/* more than END has room for: the comparison will say so */
	row = &s->rows[s->n_rows++];
	memset(row, 0, sizeof(*row));
	row->offset = x->offset - s->offset;
	row->ts_min = h->ts_min;
	row->ts_max = h->ts_max;
	row->settled = h->settled;
	row->n_events = h->n_events;
	row->stored_bytes = h->stored_bytes;
	row->raw_bytes = h->raw_bytes;
	row->header_bytes = h->header_bytes;
	row->kind = h->kind;
	row->flags = h->flags;
	memcpy(row->types, h->types, sizeof(row->types));
}

void verify_items(struct verifier *x, const uint8_t *at, const uint8_t *end)
{
	struct reel_item item;
	uint32_t seen = 0;
	int r;

	for (;;) {
		struct tape_item head;
		const uint8_t *start = at;

		r = reel_item_next(&at, end, &item);
		if (r <= 0)
			break;
		memcpy(&head, start, sizeof(head));
		if (item.tag < 32 && seen & 1u << item.tag)
			verify_damage(x, "item %u stands twice", item.tag);
		seen |= item.tag < 32 ? 1u << item.tag : 0;
		if (head.reserved)
			verify_damage(x, "a reserved field of item %u is not zero", item.tag);
		for (const uint8_t *p = item.value + item.bytes; p < at; p++) {
			if (*p) {
				verify_damage(x, "padding of item %u is not zero", item.tag);
				break;
			}
		}
	}
	if (r < 0)
		verify_damage(x, "its items do not add up");
}

/* Damage unless the item has exactly these bytes; a later version may put more behind them. */
static void must_equal(struct verifier *x, const struct reel_item *item, const void *expected,
		       size_t bytes, const char *what)
{
	if (item->bytes < bytes || (item->bytes > bytes && !x->segment.is_newer) ||
	    (bytes && memcmp(item->value, expected, bytes) != 0))
		verify_damage(x, "%s in END are not those of the blocks", what);
}

static void check_reason(struct verifier *x, const struct reel_item *item)
{
	uint64_t reason = UINT64_MAX;

	if (item->bytes == sizeof(reason))
		memcpy(&reason, item->value, sizeof(reason));
	if (reason > TAPE_FAILED && !x->segment.is_newer)
		verify_damage(x, "END gives an unknown reason");
	x->segment.has_reason = true;
	x->segment.reason = reason;
	x->chains[x->at].goes_on = reason == TAPE_ROTATED;
	if (reason == TAPE_DISK_FULL)
		verify_note(x, "the disk was full when segment %llu ended",
			    (unsigned long long)x->chains[x->at].number);
	if (reason == TAPE_FAILED)
		verify_note(x, "segment %llu is the last because it could not be written",
			    (unsigned long long)x->chains[x->at].number);
}

static void check_items(struct verifier *x, const uint8_t *raw, size_t bytes)
{
	struct verify_segment *s = &x->segment;
	const uint8_t *at = raw, *end = raw + bytes;
	struct reel_item item;
	unsigned seen = 0;

	verify_items(x, raw, end);
	while (reel_item_next(&at, end, &item) > 0) {
		if (item.tag >= TAPE_END_REASON && item.tag <= TAPE_END_ROWS) {
			seen |= 1u << item.tag;
		} else if (!s->is_newer) {
			verify_damage(x, "END has the unknown item %u", item.tag);
		}
		if (item.tag == TAPE_END_REASON)
			check_reason(x, &item);
		else if (s->is_cut)
			continue;	/* it tells of blocks that were left out */
		else if (item.tag == TAPE_END_ROWS)
			must_equal(x, &item, s->rows, s->n_rows * sizeof(*s->rows), "the rows");
		else if (item.tag == TAPE_END_TOTALS && s->was_counted)
			must_equal(x, &item, &s->totals, sizeof(s->totals), "the totals");
		else if (item.tag == TAPE_END_TYPES && s->was_counted)
			must_equal(x, &item, s->events_of, sizeof(s->events_of),
				   "the numbers of events of each type");
	}
	if (seen != (1u << TAPE_END_REASON | 1u << TAPE_END_TOTALS | 1u << TAPE_END_TYPES |
		     1u << TAPE_END_ROWS))
		verify_damage(x, "END is not whole");
}

void verify_end(struct verifier *x)
{
	struct reel_err why = { 0 };
	uint8_t *raw = NULL;
	int r = -ENOMEM;

	x->segment.has_end = true;
	if (x->b.h.flags & TAPE_ENCRYPTED)
		return;
	if (!x->u.zstd)
		x->u.zstd = ZSTD_createDCtx();
	raw = malloc(x->b.h.raw_bytes + 8u);
	if (raw && x->u.zstd)
		r = reel_block_inflate(&x->b, x->u.zstd, raw, &why);
	if (r == -ENOMEM)
		x->no_memory = true;
	else if (r < 0)
		verify_damage(x, "%s", why.msg);
	else
		check_items(x, raw, x->b.h.raw_bytes);
	free(raw);
}
