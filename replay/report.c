/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/report.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <unistd.h>

#include "format/timetext.h"

void report_bounds(const struct engine_boot *b, const struct blind_interval *x,
		   uint64_t *ret_from_ns, uint64_t *ret_to_ns)
{
	uint64_t to = x->to_ns < b->last_ns ? x->to_ns : b->last_ns;

	*ret_from_ns = x->from_ns > b->first_ns ? x->from_ns : b->first_ns;
	*ret_to_ns = to > *ret_from_ns ? to : *ret_from_ns;
}

void report_put_time(struct report *rp, const struct engine_boot *b, uint64_t ts)
{
	struct reel_clock_cache clock = { 0 };
	int64_t real = reel_clocks_realtime(&b->boot->clocks, ts, &clock);
	struct reel_timefmt fmt;
	char text[REEL_TIME_TEXT];

	if (real <= 0) {
		out_char(rp->out, '@');
		out_u64(rp->out, ts);
		return;
	}
	reel_timefmt_init(&fmt, rp->tz);
	out_mem(rp->out, text, reel_time_format(&fmt, (uint64_t)real, text));
}

const struct engine_boot *report_since(const struct engine *e, uint32_t rule, uint64_t *ret_ts)
{
	for (unsigned i = e->n_boots; i > 0; i--) {
		const struct engine_boot *b = e->boots[i - 1];

		if (!b->since_ns[rule])
			continue;
		*ret_ts = b->since_ns[rule] == UINT64_MAX ? b->last_ns : b->since_ns[rule];
		return b;
	}
	return NULL;
}

void report_finding(struct report *rp, const struct engine *e, const struct finding *f)
{
	if (rp->is_json)
		report_finding_json(rp, e, f);
	else
		report_finding_text(rp, e, f);
}

void report_verdict(struct report *rp, const struct engine *e, uint32_t rule,
		    const struct verdict *v)
{
	if (rp->is_json)
		report_verdict_json(rp, e, rule, v);
	else
		report_verdict_text(rp, e, rule, v);
}

void report_end(struct report *rp, const struct engine *e, const struct report_hashes *h)
{
	if (rp->is_json)
		report_end_json(rp, e, h);
	else
		report_end_text(rp, e, h);
}

/* Hashes --------------------------------------------------------------------------------------- */

const uint8_t *report_last_tag(const struct reel_reader *r, const struct reel_segment *s)
{
	const struct reel_entry *last = s->n_blocks ? &r->blocks[s->first_block + s->n_blocks - 1] :
						      NULL;
	uint64_t left;

	if (!last)
		return NULL;
	left = s->bytes - (uint64_t)(last->at - s->base);
	if (left < last->header_bytes + (uint64_t)last->stored_bytes + TAPE_TAG_BYTES)
		return NULL;
	return last->at + last->header_bytes + last->stored_bytes;
}

/* Of each segment its ids and the tag of its last block of events, which is chained to all before
 * it. */
static int hash_segments(const struct reel_reader *r, unsigned first, unsigned n, uint8_t ret[32])
{
	crypto_generichash_state state;

	crypto_generichash_init(&state, NULL, 0, 32);
	for (unsigned i = first; i < first + n; i++) {
		const struct reel_segment *s = &r->segments[i];
		const uint8_t *tag = report_last_tag(r, s);

		crypto_generichash_update(&state, s->meta.capture, sizeof(s->meta.capture));
		crypto_generichash_update(&state, (const uint8_t *)&s->id, sizeof(s->id));
		crypto_generichash_update(&state, (const uint8_t *)&s->bytes, sizeof(s->bytes));
		if (tag)
			crypto_generichash_update(&state, tag, TAPE_TAG_BYTES);
	}
	return crypto_generichash_final(&state, ret, 32) == 0 ? 0 : -EINVAL;
}

int report_hash_capture(const struct reel_reader *r, uint8_t ret[32])
{
	return hash_segments(r, 0, r->n_segments, ret);
}

int report_hash_source(const struct reel_reader *r, unsigned source, uint8_t ret[32])
{
	const struct reel_source *s = &r->sources[source];

	return hash_segments(r, s->first_segment, s->n_segments, ret);
}

int report_hash_program(uint8_t ret[32], struct reel_err *err)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), r = 0;
	crypto_generichash_state state;
	uint8_t piece[1 << 14];
	ssize_t n;

	memset(ret, 0, 32);
	if (fd < 0)
		return reel_err_set(err, -errno, "/proc/self/exe: %s", strerror(errno));
	crypto_generichash_init(&state, NULL, 0, 32);
	while ((n = read(fd, piece, sizeof(piece))) > 0)
		crypto_generichash_update(&state, piece, (size_t)n);
	if (n < 0)
		r = reel_err_set(err, -errno, "/proc/self/exe: %s", strerror(errno));
	else
		crypto_generichash_final(&state, ret, 32);
	close(fd);
	return r;
}
