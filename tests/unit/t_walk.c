/* SPDX-License-Identifier: BSD-2-Clause */
/* What a walk makes of a capture: wall time, boots, keyframes, filters, memory, threads. */
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>

#include "tests/unit/capture.h"

/* Time --------------------------------------------------------------------------------------- */

TEST(wall_time_follows_the_clocks)
{
	static const struct {
		uint64_t at;  /* s after the start */
		int64_t step; /* against what would be, s */
	} clocks[] = { { 10, 0 }, { 20, 3600 }, { 30, -7200 }, { 30, -7100 }, { 45, 0 } };
	struct reel_writer_options o = options("clocks.reel");
	struct tape t = { 0 };
	struct reel_reader *r;
	struct reel_walk *w;
	struct reel_err err;
	struct reel_event ev;
	uint64_t n = 0;
	size_t c = 0;

	o.block_bytes = 4 << 10;
	begin(&t, &o);
	for (unsigned s = 0; s < 60; s++) {
		for (; c < 5 && clocks[c].at == s; c++)
			put_clock(&t, EPOCH + (int64_t)((s + 1) * SECOND) +
					      clocks[c].step * (int64_t)SECOND);
		put_event(&t, EV_open, s % CPUS, 1);
		put_event(&t, EV_fork, s % CPUS, 1);
		settle(&t, SECOND);
	}
	end(&t);
	r = opened(o.directory);
	w = walked(r, NULL);
	while (reel_walk_next(w, &ev, &err) > 0) {
		int64_t step = 0;

		for (size_t i = 0; i < 5; i++)
			if ((clocks[i].at + 1) * SECOND <= ev.ts)
				step = clocks[i].step * (int64_t)SECOND;
		CHECK_EQ(reel_walk_realtime(w, &ev), EPOCH + (int64_t)ev.ts + step);
		n++;
	}
	CHECK_EQ(n, 125);
	CHECK_EQ(reel_reader_end_ns(r), EPOCH + 60 * (int64_t)SECOND);
	reel_walk_close(w);
	reel_reader_close(r);
	CHECK_EQ(damages(o.directory), 0);
}

TEST(without_clocks_the_beginning_counts)
{
	struct reel_writer_options o = options("no_clocks.reel");
	struct tape t = { 0 };
	struct reel_reader *r;
	struct reel_walk *w;
	struct reel_err err;
	struct reel_event ev;

	begin(&t, &o);
	t.ts = 5 * SECOND;
	put_event(&t, EV_open, 0, 1);
	end(&t);
	r = opened(o.directory);
	w = walked(r, NULL);
	CHECK_EQ(reel_walk_next(w, &ev, &err), 1);
	CHECK_EQ(reel_walk_realtime(w, &ev), EPOCH + 4 * (int64_t)SECOND);
	reel_walk_close(w);
	reel_reader_close(r);
}

/* Each boot has times of its own, and events of one never come among those of another. */
TEST(boots_follow_each_other)
{
	struct reel_writer_options o = options("boots.reel");
	struct tape t = { 0 };
	struct reel_reader *r;
	struct reel_walk *w;
	struct reel_err err;
	struct reel_event ev;
	uint8_t boot = 0;
	uint64_t last = 0, n = 0;
	int stop = 0;

	for (uint8_t i = 0; i < 3; i++) {
		memset(o.meta.boot, 3 - i, sizeof(o.meta.boot));
		o.meta.start = (struct tape_start){ (3 - i) * 10 * SECOND,
						    EPOCH + i * 1000 * (int64_t)SECOND };
		t.ts = 0;
		memset(t.seq, 0, sizeof(t.seq));
		begin(&t, &o);
		put_clock(&t, o.meta.start.realtime_ns);
		fill(&t, 5);
		end(&t);
	}
	CHECK_EQ(damages(o.directory), 0);
	r = opened(o.directory);
	CHECK_EQ(r->n_boots, 3);
	CHECK_EQ(r->n_sources, 1);
	CHECK_EQ(r->sources[0].n_boots, 3);
	for (unsigned way = 0; way < 2; way++) {
		boot = 4;
		n = last = 0;
		if (way == 0)
			w = walked(r, NULL);
		else
			REQUIRE(reel_walk_follow(o.directory, NULL, NULL, &stop, &w, &err) == 0);
		while (reel_walk_next(w, &ev, &err) > 0) {
			if (*reel_event_boot(&ev) != boot) {
				CHECK_EQ(*reel_event_boot(&ev), boot - 1);
				boot--;
				last = 0;
			}
			CHECK(ev.ts >= last);
			CHECK_EQ(reel_walk_realtime(w, &ev),
				 EPOCH + (3 - boot) * 1000 * (int64_t)SECOND +
					 (int64_t)(ev.ts - boot * 10 * SECOND));
			last = ev.ts;
			n++;
		}
		CHECK_EQ(boot, 1);
		CHECK_EQ(n, 3 * (5 * 500 + 1));
		reel_walk_close(w);
	}
	reel_reader_close(r);
}

/* Keyframes ---------------------------------------------------------------------------------- */

/* The keyframe that is whole at a moment, however the blocks lie around it. */
static void check_keyframe(const struct reel_reader *r, uint64_t ts, uint64_t want_from,
			   uint64_t want_to)
{
	uint64_t got = 0;

	CHECK_EQ(reel_keyframe_before(r, &r->boots[0], ts, &got), 0);
	if (got < want_from || got > want_to)
		T_FAIL("at %llu: %llu, not from %llu to %llu", (unsigned long long)ts,
		       (unsigned long long)got, (unsigned long long)want_from,
		       (unsigned long long)want_to);
}

TEST(the_last_keyframe_that_was_complete)
{
	struct reel_writer_options o = options("keyframes.reel");
	struct tape t = { 0 };
	struct reel_reader *r;
	uint64_t begun[3], ended[3];

	begin(&t, &o);
	for (unsigned i = 0; i < 3; i++) {
		put_event(&t, EV_fork, 0, 1);
		t.ts += SECOND;
		begun[i] = t.ts;
		put_keyframe(&t, 0);
		t.ts += SECOND;
		put_event(&t, EV_process, 0, 1);
		/* The rest of it lies in another block, in which the next one then begins too. */
		CHECK_EQ(reel_writer_flush(t.w, &t.err), 0);
		t.ts += SECOND;
		put_event(&t, EV_process, 0, 2);
		t.ts += SECOND;
		ended[i] = t.ts;
		put_keyframe(&t, 1);
		t.ts += SECOND;
	}
	end(&t);
	r = opened(o.directory);
	check_keyframe(r, begun[0], 0, begun[0]);
	check_keyframe(r, ended[0] - 1, 0, begun[0]);
	for (unsigned i = 0; i < 3; i++) {
		uint64_t from = i ? ended[i - 1] : 0;

		check_keyframe(r, ended[i], from, begun[i]);
		check_keyframe(r, ended[i] + SECOND / 2, from, begun[i]);
		if (i == 2)
			break;
		check_keyframe(r, begun[i + 1], from, begun[i]);
		check_keyframe(r, ended[i + 1] - 1, from, begun[i]);
	}
	reel_reader_close(r);
}

TEST(without_a_keyframe_the_boot_begins_it)
{
	struct reel_writer_options o = options("no_keyframe.reel");
	struct tape t = { 0 };
	struct reel_reader *r;
	uint64_t ts;

	begin(&t, &o);
	fill(&t, 2);
	end(&t);
	r = opened(o.directory);
	CHECK_EQ(reel_keyframe_before(r, &r->boots[0], t.ts, &ts), 0);
	CHECK_EQ(ts, SECOND);
	reel_reader_close(r);
}

/* Filters ------------------------------------------------------------------------------------ */

struct known {
	uint64_t ts, seq;
	int64_t realtime;
	uint32_t pid;
	uint16_t cpu;
	uint8_t type, stream;
};

struct list {
	struct known *v;
	size_t n, room;
};

static void gather(struct reel_walk *w, struct list *l)
{
	struct reel_err err;
	struct reel_event ev;

	l->n = 0;
	while (reel_walk_next(w, &ev, &err) > 0) {
		if (l->n == l->room) {
			l->room = l->room ? 2 * l->room : 4096;
			l->v = reallocarray(l->v, l->room, sizeof(*l->v));
		}
		l->v[l->n++] = (struct known){ ev.ts,	       ev.seq, reel_walk_realtime(w, &ev),
					       ev.pid,	       ev.cpu, ev.type->id,
					       ev.type->stream };
	}
}

static bool wants(const struct reel_filter *f, const struct known *e)
{
	bool pid = f->n_pids == 0;

	for (unsigned i = 0; i < f->n_pids; i++)
		pid |= f->pids[i] == e->pid;
	return pid && (!f->some_types || f->types[e->type]) &&
	       (!f->kinds || f->kinds & 1u << e->stream) &&
	       (f->from.kind != REEL_BOOTTIME || (int64_t)e->ts >= f->from.ns) &&
	       (f->from.kind != REEL_REALTIME || e->realtime >= f->from.ns) &&
	       (f->to.kind != REEL_BOOTTIME || (int64_t)e->ts < f->to.ns) &&
	       (f->to.kind != REEL_REALTIME || e->realtime < f->to.ns);
}

static struct reel_filter any_filter(struct tape *t, const struct list *all)
{
	static const uint8_t types[] = { EV_open, EV_fork, EV_exec, EV_connect, EV_clock, EV_dns };
	struct reel_filter f = { 0 };
	const struct known *from = &all->v[draw(t) % all->n], *to = &all->v[draw(t) % all->n];

	if (draw(t) % 2) {
		f.from.kind = draw(t) % 2 ? REEL_REALTIME : REEL_BOOTTIME;
		f.from.ns = f.from.kind == REEL_REALTIME ? from->realtime : (int64_t)from->ts;
	}
	if (draw(t) % 2) {
		f.to.kind = draw(t) % 2 ? REEL_REALTIME : REEL_BOOTTIME;
		f.to.ns = (f.to.kind == REEL_REALTIME ? to->realtime : (int64_t)to->ts) +
			  (int64_t)(draw(t) % 2);
	}
	f.some_types = draw(t) % 2;
	for (unsigned i = 0; i < sizeof(types); i++)
		f.types[types[i]] = draw(t) % 3 == 0;
	for (f.n_pids = draw(t) % 2 ? (unsigned)(draw(t) % 4) : 0; f.n_pids;) {
		for (unsigned i = 0; i < f.n_pids; i++)
			f.pids[i] = 100 + (uint32_t)(draw(t) % 300);
		break;
	}
	f.kinds = draw(t) % 4 == 0 ? 1u << (TAPE_STATE + draw(t) % 4) : 0;
	return f;
}

/* Pids come and go, the clock is set forth and back, and a new segment begins now and then. */
static void write_for_filters(struct tape *t, const char *directory)
{
	static const uint8_t types[] = { EV_open, EV_open, EV_fork, EV_exec, EV_connect };
	struct reel_writer_options o = options(directory);

	o.block_bytes = 4 << 10;
	o.segment_bytes = 100 << 10;
	begin(t, &o);
	for (unsigned s = 0; s < 200; s++) {
		if (s % 25 == 3)
			put_clock(t, EPOCH + (int64_t)t->ts +
					     ((int64_t)(draw(t) % 200) - 100) * (int64_t)SECOND);
		for (unsigned k = 0; k < 60; k++) {
			put_event(t, types[draw(t) % sizeof(types)], draw(t) % CPUS,
				  100 + s + (uint32_t)(draw(t) % 20));
			t->ts += draw(t) % (SECOND / 60);
		}
		settle(t, SECOND / 10);
	}
	end(t);
}

static bool is_same(const struct list *all, const struct reel_filter *f, const struct list *got)
{
	size_t n = 0;

	for (size_t i = 0; i < all->n; i++) {
		if (!wants(f, &all->v[i]))
			continue;
		if (n == got->n || memcmp(&got->v[n], &all->v[i], sizeof(got->v[n])) != 0)
			return false;
		n++;
	}
	return n == got->n;
}

TEST(filters_let_through_what_they_say)
{
	struct tape t = { 0 };
	struct list all = { 0 }, got = { 0 };
	struct reel_reader *r;
	struct reel_walk *w;
	struct reel_walk_stats stats;
	struct reel_err err;
	int stop = 0;

	write_for_filters(&t, "filters.reel");
	CHECK_EQ(damages("filters.reel"), 0);
	r = opened("filters.reel");
	w = walked(r, NULL);
	gather(w, &all);
	reel_walk_close(w);
	CHECK_EQ(all.n, 200 * 60 + 8);
	for (unsigned i = 0; i < 300; i++) {
		struct reel_filter f = any_filter(&t, &all);

		w = walked(r, &f);
		gather(w, &got);
		reel_walk_stats(w, &stats);
		reel_walk_close(w);
		CHECK_EQ(stats.events, got.n);
		CHECK(stats.unpacked <= stats.blocks);
		if (!is_same(&all, &f, &got))
			T_FAIL("filter %u: %zu events", i, got.n);
		if (i % 10)
			continue;
		/*
		 * A stream knows only the clocks that have come so far: before the first of them
		 * events have other wall times there, so only filters by boottime are compared.
		 */
		if (f.from.kind == REEL_REALTIME || f.to.kind == REEL_REALTIME)
			continue;
		REQUIRE(reel_walk_follow("filters.reel", &f, NULL, &stop, &w, &err) == 0);
		gather(w, &got);
		reel_walk_close(w);
		for (size_t k = 0; k < got.n; k++)
			got.v[k].realtime = 0;
		struct list dateless = { calloc(all.n, sizeof(*all.v)), all.n, all.n };

		memcpy(dateless.v, all.v, all.n * sizeof(*all.v));
		for (size_t k = 0; k < dateless.n; k++)
			dateless.v[k].realtime = 0;
		if (!is_same(&dateless, &f, &got))
			T_FAIL("filter %u of a stream: %zu events", i, got.n);
		free(dateless.v);
	}
	reel_reader_close(r);
	free(all.v);
	free(got.v);
}

TEST(blocks_without_anything_wanted_are_not_read)
{
	struct tape t = { 0 };
	struct reel_reader *r;
	struct reel_filter f = { 0 };
	struct list got = { 0 };
	struct reel_walk *w;
	struct reel_walk_stats stats;

	write_for_filters(&t, "skipped.reel");
	r = opened("skipped.reel");
	f.n_pids = 1;
	f.pids[0] = 200;
	w = walked(r, &f);
	gather(w, &got);
	reel_walk_stats(w, &stats);
	CHECK(got.n > 20);
	CHECK(stats.unpacked < stats.blocks / 4);
	reel_walk_close(w);

	f = (struct reel_filter){ .from = { REEL_BOOTTIME, (int64_t)(100 * SECOND) },
				  .to = { REEL_BOOTTIME, (int64_t)(101 * SECOND) } };
	w = walked(r, &f);
	gather(w, &got);
	reel_walk_stats(w, &stats);
	CHECK(got.n > 20);
	CHECK(stats.unpacked < stats.blocks / 20);
	reel_walk_close(w);

	f = (struct reel_filter){ .some_types = true };
	f.types[EV_dns] = true;
	w = walked(r, &f);
	gather(w, &got);
	reel_walk_stats(w, &stats);
	CHECK_EQ(got.n, 0);
	CHECK_EQ(stats.unpacked, 0);
	reel_walk_close(w);
	reel_reader_close(r);
	free(got.v);
}

/* Memory ------------------------------------------------------------------------------------- */

/* Every block spans the whole time, so that all of them would have to be open at once. */
static size_t write_overlapping(const char *directory, unsigned n_blocks, unsigned n_events)
{
	struct reel_writer_options o = options(directory);
	struct tape t = { 0 };
	size_t n = 0;

	o.block_bytes = 2 << 20;
	begin(&t, &o);
	for (unsigned block = 0; block < n_blocks; block++) {
		struct reel_record rec;
		size_t length;

		reel_record_begin(&rec, reel_type_by_id(EV_process));
		length = reel_record_end(&rec);
		for (unsigned i = 0; i < n_events; i++, n++) {
			rec.header.ts = SECOND + i * 1000ull;
			rec.header.cpu = (uint16_t)block;
			rec.header.seq = i;
			CHECK_EQ(reel_writer_append(t.w, &rec, length, &t.err), 0);
		}
		CHECK_EQ(reel_writer_flush(t.w, &t.err), 0);
	}
	end(&t);
	return n;
}

static size_t allocated(void)
{
	struct mallinfo2 m = mallinfo2(); /* of a sanitizer: nothing */

	return m.uordblks + m.hblkhd;
}

/* Returns what was taken beyond what was there before, in bytes. */
static size_t read_overlapping(const struct reel_reader *r, size_t n_events, bool *ret_disordered)
{
	size_t n = 0, before = allocated(), most = before;
	struct reel_walk *w = walked(r, NULL);
	struct reel_err err;
	struct reel_event ev;

	while (reel_walk_next(w, &ev, &err) > 0) {
		if (n++ % 5000 == 0 && allocated() > most)
			most = allocated();
	}
	CHECK_EQ(n, n_events);
	*ret_disordered = reel_walk_health(w)->disordered > 0;
	reel_walk_close(w);
	return most - before;
}

TEST(memory_is_bounded)
{
	size_t n = write_overlapping("overlap.reel", 180, 9000), got = 0, most;
	struct reel_reader *r = opened("overlap.reel");
	struct reel_walk *w;
	struct reel_err err;
	struct reel_event ev;
	bool disordered;
	int stop = 0;

	most = read_overlapping(r, n, &disordered);
	CHECK(disordered);
	if (most > REEL_WALK_BYTES + (16u << 20))
		T_FAIL("%zu MiB were taken", most >> 20);
	reel_reader_close(r);
	REQUIRE(reel_walk_follow("overlap.reel", NULL, NULL, &stop, &w, &err) == 0);
	while (reel_walk_next(w, &ev, &err) > 0)
		got++;
	CHECK_EQ(got, n);
	reel_walk_close(w);
}

/* Blocks that hold little take little, however many of them overlap. */
TEST(small_blocks_take_little_memory)
{
	size_t n = write_overlapping("many_small.reel", 2000, 2), most;
	struct reel_reader *r = opened("many_small.reel");
	bool disordered;

	most = read_overlapping(r, n, &disordered);
	CHECK(!disordered);
	if (most > 64u << 20)
		T_FAIL("%zu MiB were taken", most >> 20);
	reel_reader_close(r);
}

/* Threads ------------------------------------------------------------------------------------ */

struct share {
	const struct reel_reader *r;
	unsigned first, step;
	uint64_t events;
	int failed;
};

static void *unpack_share(void *arg)
{
	struct share *s = arg;
	struct reel_unpacked u = { 0 };
	struct reel_event ev;

	for (uint32_t i = s->first; i < s->r->n_blocks; i += s->step) {
		if (reel_reader_unpack(s->r, i, &u, NULL) < 0) {
			s->failed++;
			continue;
		}
		for (uint32_t run = 0; run < u.n_runs; run++) {
			for (uint32_t k = u.run_at[run]; k < u.run_at[run + 1]; k++) {
				reel_unpacked_event(&u, run, k, &ev);
				s->events += reel_event_is_sound(&ev);
			}
		}
	}
	reel_unpack_done(&u);
	return NULL;
}

TEST(threads_unpack_side_by_side)
{
	struct share shares[4];
	pthread_t threads[4];
	struct tape t = { 0 };
	struct reel_reader *r;
	uint64_t events = 0;

	write_for_filters(&t, "threads.reel");
	r = opened("threads.reel");
	for (unsigned i = 0; i < 4; i++) {
		shares[i] = (struct share){ .r = r, .first = i, .step = 4 };
		REQUIRE(pthread_create(&threads[i], NULL, unpack_share, &shares[i]) == 0);
	}
	for (unsigned i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		CHECK_EQ(shares[i].failed, 0);
		events += shares[i].events;
	}
	CHECK_EQ(events, 200 * 60 + 8);
	reel_reader_close(r);
}
