/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/report.h"

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
