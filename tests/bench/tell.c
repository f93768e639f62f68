/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes a capture of a tale, through the real writer: for tests of what is found in captures.
 *
 *	tell -o DIR [--live] [FILE]
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "format/options.h"
#include "format/writer.h"
#include "tests/bench/lib_tale.h"

#define EPOCH_NS 1700000000000000000ll
#define LIVE_LATENCY_NS 100000000ull
#define LIVE_NAP_NS 20000000

struct options {
	const char *output, *segment_at;
	uint64_t block_bytes;
	bool torn, live;
};

static const struct reel_option table[] = {
	{ "output", 'o', "DIR", REEL_OPT_STRING, offsetof(struct options, output), "the capture" },
	{ "torn", 0, NULL, REEL_OPT_FLAG, offsetof(struct options, torn),
	  "end it as a killed recorder would" },
	{ "live", 0, NULL, REEL_OPT_FLAG, offsetof(struct options, live),
	  "each event when its time has come, as a recorder would; it begins now" },
	{ "block-bytes", 0, "SIZE", REEL_OPT_SIZE, offsetof(struct options, block_bytes),
	  "when a block is full" },
	{ "segment-at", 0, "SECONDS", REEL_OPT_STRING, offsetof(struct options, segment_at),
	  "begin the second segment there" },
	{ 0 },
};

struct teller {
	const struct options *o;
	struct tale tale;
	struct reel_writer *w;
	struct reel_record record;
	uint64_t seq[TALE_CPUS];
	uint64_t ts, segment_ts;
	int64_t epoch_ns; /* wall time of second 0 */
	bool is_framed;	  /* a keyframe that nobody wrote down is open */
	bool has_begun;	  /* something other than state was told */
	struct reel_err err;
};

static char *read_all(FILE *f, size_t *ret_length)
{
	size_t room = 1 << 16, n = 0;
	char *text = malloc(room + 1);

	while (text) {
		n += fread(text + n, 1, room - n, f);
		if (n < room)
			break;
		room *= 2;
		char *more = realloc(text, room + 1);

		if (!more)
			free(text);
		text = more;
	}
	if (text)
		text[n] = 0;
	*ret_length = n;
	return text;
}

static int append_own(struct teller *t, size_t length)
{
	return reel_writer_append_own(t->w, &t->record.header, length, &t->err);
}

static int append_clock(struct teller *t, uint64_t ts, uint8_t reason)
{
	struct ev_clock *clock = reel_record_begin(&t->record, reel_type_by_id(EV_clock));

	clock->realtime = t->epoch_ns + (int64_t)(ts - TALE_BASE);
	clock->monotonic = ts;
	clock->reason = reason;
	clock->synchronized = 1;
	t->record.header.ts = ts;
	return append_own(t, reel_record_end(&t->record));
}

static int append_edge(struct teller *t, uint64_t ts, uint8_t edge)
{
	struct reel_record *edge_record = calloc(1, sizeof(*edge_record));
	struct ev_keyframe *frame;
	int r;

	if (!edge_record)
		return reel_err_set(&t->err, -ENOMEM, "no memory");
	frame = reel_record_begin(edge_record, reel_type_by_id(EV_keyframe));
	frame->edge = edge;
	frame->complete = edge;
	edge_record->header.ts = ts;
	r = reel_writer_append_own(t->w, &edge_record->header, reel_record_end(edge_record),
				   &t->err);
	t->is_framed = r == 0 && !edge;
	free(edge_record);
	return r;
}

/* The state that a tale begins with is a keyframe, whether or not it says so. */
static int frame(struct teller *t, const struct tale_event *ev)
{
	uint64_t ts = ev->record->header.ts;

	if (t->has_begun)
		return 0;
	if (ev->is_process && !t->is_framed)
		return append_edge(t, ts, 0);
	if (ev->is_process)
		return 0;
	t->has_begun = true;
	return t->is_framed ? append_edge(t, t->ts, 1) : 0;
}

static int next_segment(struct teller *t)
{
	int r;

	reel_writer_settle(t->w, t->segment_ts);
	r = reel_writer_rotate(t->w, &t->err);
	if (r == 0)
		r = append_clock(t, t->segment_ts, 0);
	t->segment_ts = UINT64_MAX;
	return r;
}

static int append(struct teller *t, const struct tale_event *ev)
{
	struct ev_header *h = &ev->record->header;
	int r = 0;

	if (h->ts >= t->segment_ts) {
		struct reel_record *kept = malloc(sizeof(*kept));

		if (!kept)
			return reel_err_set(&t->err, -ENOMEM, "no memory");
		*kept = t->record;
		r = next_segment(t);
		t->record = *kept;
		free(kept);
	}
	if (r == 0)
		r = frame(t, ev);
	if (r < 0)
		return r;
	t->ts = h->ts;
	if (ev->is_own)
		return append_own(t, ev->length);
	t->seq[h->cpu] += ev->hole;
	h->seq = t->seq[h->cpu]++;
	return reel_writer_append(t->w, ev->record, ev->length, &t->err);
}

static int64_t wall_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* Until it is time for the event; what is there already is written meanwhile. */
static int await(struct teller *t, uint64_t ts)
{
	const struct timespec nap = { .tv_nsec = LIVE_NAP_NS };
	int64_t left_ns;
	int r = 0;

	while (r == 0 && (left_ns = t->epoch_ns + (int64_t)(ts - TALE_BASE) - wall_ns()) > 0) {
		uint64_t now = ts - (uint64_t)left_ns;

		/* The keyframe's end is told behind it, with its time. */
		if (now > t->ts && !t->is_framed) {
			reel_writer_settle(t->w, now);
			r = reel_writer_tick(t->w, now, &t->err);
		}
		nanosleep(&nap, NULL);
	}
	return r;
}

static int tell(struct teller *t)
{
	struct tale_event ev;
	int r = append_clock(t, TALE_BASE, 0);

	while (r == 0) {
		r = tale_next(&t->tale, &t->record, &ev, &t->err);
		if (r <= 0)
			break;
		r = t->o->live ? await(t, ev.record->header.ts) : 0;
		if (r == 0)
			r = append(t, &ev);
		if (r < 0)
			break;
		reel_writer_settle(t->w, t->ts);
		r = reel_writer_tick(t->w, t->ts, &t->err);
	}
	if (r == 0 && t->is_framed)
		r = append_edge(t, t->ts, 1);
	return r;
}

static void describe(const struct teller *t, struct reel_meta *m)
{
	memset(m->machine, 0x7a, sizeof(m->machine));
	memset(m->boot, 0x7b, sizeof(m->boot));
	snprintf(m->host, sizeof(m->host), "tale");
	snprintf(m->kernel, sizeof(m->kernel), "6.1.0");
	snprintf(m->arch, sizeof(m->arch), "x86_64");
	snprintf(m->program, sizeof(m->program), "tell");
	m->cpus = 4;
	m->start = (struct tape_start){ TALE_BASE, t->epoch_ns };
}

static int write_capture(struct teller *t)
{
	struct reel_writer_options w = {
		.directory = t->o->output,
		.block_bytes = (uint32_t)t->o->block_bytes,
		.latency_ns = 1ull << 62,
		.segment_ns = 1ull << 62,
		.in_line = true,
		.sync = REEL_SYNC_NONE,
	};
	int r;

	if (t->o->live)
		w.latency_ns = LIVE_LATENCY_NS;
	describe(t, &w.meta);
	r = reel_writer_open(&w, &t->w, &t->err);
	if (r < 0)
		return r;
	r = tell(t);
	if (r < 0 || t->o->torn) {
		if (r == 0)
			r = reel_writer_flush(t->w, &t->err);
		reel_writer_abandon(t->w);
		return r;
	}
	r = append_clock(t, t->ts, 3);
	reel_writer_settle(t->w, t->ts + 1);
	if (r < 0) {
		reel_writer_abandon(t->w);
		return r;
	}
	return reel_writer_close(t->w, &t->err);
}

static int run(struct teller *t, const char *file)
{
	FILE *f = file ? fopen(file, "r") : stdin;
	const char *at = t->o->segment_at;
	size_t length;
	char *text;
	int r;

	t->segment_ts = UINT64_MAX;
	t->epoch_ns = t->o->live ? wall_ns() : EPOCH_NS;
	if (at && tale_read_seconds(&at, at + strlen(at), &t->segment_ts) < 0)
		return reel_err_set(&t->err, -EINVAL, "--segment-at: seconds expected");
	if (!f)
		return reel_err_set(&t->err, -EIO, "%s: %s", file, strerror(errno));
	text = read_all(f, &length);
	if (file)
		fclose(f);
	if (!text)
		return reel_err_set(&t->err, -ENOMEM, "no memory");
	t->ts = TALE_BASE;
	r = tale_open(text, length, &t->tale, &t->err);
	if (r == 0) {
		r = write_capture(t);
		tale_close(&t->tale);
	}
	free(text);
	return r;
}

int main(int argc, char **argv)
{
	struct options o = { 0 };
	struct teller *t = calloc(1, sizeof(*t));
	struct reel_args args;
	int r = -EINVAL;

	if (!t)
		return 2;
	t->o = &o;
	if (reel_options_parse(table, &o, argc, argv, &args, &t->err) < 0)
		fprintf(stderr, "tell: %s\n", t->err.msg);
	else if (args.n > 1 || !o.output)
		fprintf(stderr, "usage: tell -o DIR [FILE]\n");
	else if ((r = run(t, args.n ? args.v[0] : NULL)) < 0)
		fprintf(stderr, "tell: %s:%s\n", args.n ? args.v[0] : "-", t->err.msg);
	reel_options_done(table, &o);
	free(t);
	return r < 0 ? 2 : 0;
}
