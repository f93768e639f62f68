/* SPDX-License-Identifier: BSD-2-Clause */
#include "record/proc_impl.h"

#include <stdlib.h>

#include "record/now.h"

/* As they are on tape. */
enum { BEGIN = 0, END = 1, SOURCE_PROC = 1 };

static int put_edge(const struct record_sink *sink, struct reel_record *record, uint8_t edge,
		    const struct proc_totals *totals, struct reel_err *err)
{
	struct ev_keyframe *e = reel_record_begin(record, reel_type_by_id(EV_keyframe));

	record->header.ts = now_boottime_ns();
	e->edge = edge;
	e->source = SOURCE_PROC;
	if (edge == END) {
		e->records = totals->records;
		e->complete = totals->refused == 0 && totals->left_out == 0;
	}
	return record_put(sink, record, err);
}

static void add(struct proc_totals *to, const struct proc_totals *from)
{
	to->records += from->records;
	for (unsigned i = 0; i < EV_MAX_TYPES; i++)
		to->by_type[i] += from->by_type[i];
	to->vanished += from->vanished;
	to->refused += from->refused;
	to->left_out += from->left_out;
}

int proc_snapshot(const struct proc_options *o, const struct host_options *host,
		  const struct record_sink *sink, struct proc_totals *ret, struct reel_err *err)
{
	struct proc_totals all = { 0 }, part = { 0 };
	struct reel_record *record = malloc(sizeof(*record));
	int r;

	if (!record)
		return reel_err_set(err, -ENOMEM, "no memory for a keyframe");
	r = put_edge(sink, record, BEGIN, NULL, err);
	if (r == 0)
		r = host_keyframe(host, sink, &part, err);
	if (r == 0) {
		add(&all, &part);
		r = proc_keyframe(o, sink, &part, err);
	}
	if (r == 0) {
		add(&all, &part);
		r = put_edge(sink, record, END, &all, err);
	}
	if (r == 0)
		*ret = all;
	free(record);
	return r;
}
