/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/verify_show.h"

static void put_count(struct reel_out *o, uint64_t n, const char *what)
{
	out_u64(o, n);
	out_char(o, ' ');
	out_str(o, what);
	out_str(o, n == 1 ? "" : "s");
}

static void put_time(struct reel_out *o, int64_t realtime_ns)
{
	char text[REEL_TIME_TEXT];
	struct reel_timefmt f;

	if (realtime_ns <= 0) {
		out_str(o, "an unknown time");
		return;
	}
	reel_timefmt_init(&f, (struct reel_tz){ REEL_TZ_UTC, 0 });
	(void)reel_time_format(&f, (uint64_t)realtime_ns, text);
	out_str(o, text);
}

static void put_range(struct reel_out *o, const struct reel_verified *c)
{
	const struct reel_sealed_range *range = &c->seal.range;
	uint64_t in_range = range->last - range->first + 1;

	out_str(o, "  sealed: blocks ");
	out_u64(o, range->first);
	out_str(o, " to ");
	out_u64(o, range->last);
	if (c->cut_segments)
		out_str(o, ", as far as they are here");
	out_str(o, ", from ");
	put_time(o, range->from_ns);
	out_str(o, " to ");
	put_time(o, range->to_ns);
	out_str(o, range->first_run == range->last_run ? ", by run " : ", by runs ");
	out_u64(o, range->first_run);
	if (range->first_run != range->last_run) {
		out_str(o, " to ");
		out_u64(o, range->last_run);
	}
	out_str(o, " of host key ");
	out_hex_bytes(o, range->host, sizeof(range->host));
	out_char(o, '\n');
	if (c->seal.right > in_range && !c->cut_segments) {
		out_str(o, "  behind these ");
		put_count(o, c->seal.right - in_range, "block");
		out_str(o, " more as they were sealed, but not in an unbroken row\n");
	}
}

static void put_anchors(struct reel_out *o, const struct reel_verified *c)
{
	if (!c->seal.anchors_here) {
		out_str(o, "  anchored: no block that is here\n");
		return;
	}
	out_str(o, "  anchored: up to block ");
	out_u64(o, c->seal.anchored_block);
	out_str(o, ", at ");
	put_time(o, c->seal.anchored_ns);
	out_str(o, ", by ");
	put_count(o, c->seal.anchors_here, "anchor");
	out_char(o, '\n');
}

void reel_verified_seal_text(struct reel_out *o, const struct reel_verified *c)
{
	const struct reel_verified_seal *s = &c->seal;

	if (s->is_expected) {
		if (s->has_range)
			put_range(o, c);
		else
			out_str(o, "  sealed: nothing\n");
		if (s->unsealed) {
			out_str(o, "  not sealed: ");
			put_count(o, s->unsealed, "block");
			out_char(o, '\n');
		}
		if (s->unchecked) {
			out_str(o, "  not checked: ");
			put_count(o, s->unchecked, "sealed block");
			out_str(o, ", for which the root of the host is missing, or their place\n");
		}
	}
	if (s->anchors)
		put_anchors(o, c);
}

void reel_verified_seal_json(struct reel_json *j, const struct reel_verified *c)
{
	const struct reel_verified_seal *s = &c->seal;
	const struct reel_sealed_range *range = &s->range;

	json_begin(j, "seal", '{');
	json_u64(j, "blocks", c->sealed_blocks);
	json_bool(j, "expected", s->is_expected);
	json_bool(j, "whole", s->is_whole);
	json_u64(j, "right", s->right);
	json_u64(j, "unchecked", s->unchecked);
	json_u64(j, "unsealed", s->unsealed);
	if (s->has_range) {
		json_u64(j, "first_block", range->first);
		json_u64(j, "last_block", range->last);
		json_time(j, "from", range->from_ns);
		json_time(j, "to", range->to_ns);
		json_hex(j, "host_key", range->host, sizeof(range->host));
		json_u64(j, "first_run", range->first_run);
		json_u64(j, "last_run", range->last_run);
	}
	json_u64(j, "anchors", s->anchors);
	if (s->anchors_here) {
		json_u64(j, "anchored_block", s->anchored_block);
		json_time(j, "anchored", s->anchored_ns);
	}
	json_end(j, '}');
}
