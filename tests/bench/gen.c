/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes a capture of a machine that never was, through the real writer: what later measurements are
 * made on. README.md says what is in it and how far it can be trusted.
 *
 * Records are made in batches in memory and then fed to the writer, so that the two can be timed
 * apart: what the generator costs is CPU time of this thread while it fills a batch, and the writer
 * is all other CPU time of the process.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "format/options.h"
#include "tests/bench/lib_keyframe.h"
#include "tests/bench/lib_plan.h"
#include "tests/bench/lib_stats.h"

enum { ROUND_NS = 20000000, ROUND_EVENTS = 65536 };

struct options {
	const char *directory, *truth;
	const char *seal;
	struct reel_strings encrypt_to;
	uint64_t events, seed, rate, segment_size, block_size, latency_ms, start, batch;
	uint32_t cpus, plants, max_pid;
	int level;
	bool loss, clock_steps, no_writer, in_line, no_sync, types;
};

struct round {
	size_t end; /* of its records in the batch */
	uint64_t settled;
};

struct batch {
	struct ring records;
	struct round *rounds;
	uint32_t n_rounds, max_rounds;
};

struct times {
	double made_cpu, made_wall, fed_cpu, fed_wall, all_cpu;
};

static int parse_count(const char *text, void *field, struct reel_err *err)
{
	uint64_t *ret = field;
	char *end;

	errno = 0;
	*ret = strtoull(text, &end, 10);
	if (*end == 'K' || *end == 'k')
		*ret *= 1000, end++;
	else if (*end == 'M' || *end == 'm')
		*ret *= 1000000, end++;
	if (errno || *end || !*ret || *text == '-')
		return reel_err_set(err, -EINVAL, "'%s' is not a number of events", text);
	return 0;
}

/* zstd's fast levels are negative. */
static int parse_level(const char *text, void *field, struct reel_err *err)
{
	char *end;
	long level = strtol(text, &end, 10);

	if (!*text || *end || level < -50 || level > 19)
		return reel_err_set(err, -EINVAL, "'%s' is no level of zstd", text);
	*(int *)field = (int)level;
	return 0;
}

static const struct reel_option table[] = {
	{ "output", 'o', "DIR", REEL_OPT_STRING, offsetof(struct options, directory),
	  "the capture" },
	{ "events", 'n', "N", REEL_OPT_PARSE, offsetof(struct options, events),
	  "how many; K and M are thousands and millions (1M)", .parse = parse_count },
	{ "seed", 's', "N", REEL_OPT_U64, offsetof(struct options, seed),
	  "the same gives the same (1)" },
	{ "rate", 0, "N", REEL_OPT_PARSE, offsetof(struct options, rate),
	  "events in a second of the capture (50000)", .parse = parse_count },
	{ "cpus", 0, "N", REEL_OPT_U32, offsetof(struct options, cpus), "of the machine (4)" },
	{ "seal", 0, "STATE", REEL_OPT_STRING, offsetof(struct options, seal), "" },
	{ "encrypt-to", 0, "KEY.pub", REEL_OPT_LIST, offsetof(struct options, encrypt_to), "" },
	{ "segment-size", 0, "BYTES", REEL_OPT_SIZE, offsetof(struct options, segment_size), "" },
	{ "block-size", 0, "BYTES", REEL_OPT_SIZE, offsetof(struct options, block_size), "" },
	{ "level", 0, "N", REEL_OPT_PARSE, offsetof(struct options, level), "of zstd",
	  .parse = parse_level },
	{ "latency-ms", 0, "N", REEL_OPT_U64, offsetof(struct options, latency_ms),
	  "age of a block" },
	{ "plants", 0, "N", REEL_OPT_U32, offsetof(struct options, plants),
	  "sequences to be found (one a million events)" },
	{ "truth", 0, "FILE", REEL_OPT_STRING, offsetof(struct options, truth),
	  "where to say what was planted" },
	{ "start", 0, "NS", REEL_OPT_U64, offsetof(struct options, start),
	  "wall time of the beginning" },
	{ "max-pid", 0, "N", REEL_OPT_U32, offsetof(struct options, max_pid),
	  "pids begin again here (4194304)" },
	{ "batch", 0, "BYTES", REEL_OPT_SIZE, offsetof(struct options, batch),
	  "made before they are fed to the writer (64M)" },
	{ "loss", 0, NULL, REEL_OPT_FLAG, offsetof(struct options, loss),
	  "lose events now and then" },
	{ "clock-steps", 0, NULL, REEL_OPT_FLAG, offsetof(struct options, clock_steps),
	  "set the wall clock twice" },
	{ "no-writer", 0, NULL, REEL_OPT_FLAG, offsetof(struct options, no_writer),
	  "make the records and throw them away" },
	{ "no-sync", 0, NULL, REEL_OPT_FLAG, offsetof(struct options, no_sync),
	  "do not wait for the disk" },
	{ "in-line", 0, NULL, REEL_OPT_FLAG, offsetof(struct options, in_line),
	  "no thread for the writer" },
	{ "types", 0, NULL, REEL_OPT_FLAG, offsetof(struct options, types),
	  "say how many of each type, and more, on standard error" },
	{ 0 },
};

static double now(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* As the reader of the rings delivers: all of a CPU, then the next one, then the state. */
static int collect_round(struct machine *m, struct batch *b)
{
	for (uint32_t i = 0; i < m->n_cpus; i++) {
		struct ring *r = &m->cpus[i].ring;

		if (b->records.max - b->records.used < r->used) {
			size_t max = b->records.max + r->used + (1 << 20);
			uint8_t *bytes = realloc(b->records.bytes, max);

			if (!bytes)
				return -ENOMEM;
			b->records.bytes = bytes;
			b->records.max = max;
		}
		if (r->used)
			memcpy(b->records.bytes + b->records.used, r->bytes, r->used);
		b->records.used += r->used;
		r->used = 0;
	}
	for (uint32_t i = 0; i < m->n_state; i++) {
		const struct state_entry *e = &m->state_order[i];

		if (ring_add(&b->records, m->state.bytes + e->offset + 8, e->length))
			return -ENOMEM;
	}
	m->n_state = 0;
	m->state.used = 0;
	if (b->n_rounds == b->max_rounds) {
		uint32_t max = 2 * b->max_rounds + 64;
		struct round *rounds = realloc(b->rounds, max * sizeof(*rounds));

		if (!rounds)
			return -ENOMEM;
		b->rounds = rounds;
		b->max_rounds = max;
	}
	b->rounds[b->n_rounds++] = (struct round){ b->records.used, m->now };
	return 0;
}

static int make_batch(struct machine *m, struct batch *b, const struct options *o, bool *ret_more)
{
	uint64_t round_ns = (uint64_t)ROUND_EVENTS * 1000000000 / o->rate;
	uint64_t first = m->now;
	int ret = 0;

	if (round_ns > ROUND_NS)
		round_ns = ROUND_NS;
	proc_forget(m, first);
	b->records.used = 0;
	b->n_rounds = 0;
	do {
		*ret_more = machine_round(m, round_ns);
		ret = m->err ? m->err : collect_round(m, b);
	} while (!ret && *ret_more && b->records.used < o->batch);
	return ret;
}

struct feeder {
	struct own own;
	struct stats *stats; /* --types */
	const struct options *options;
	uint64_t segment, minute, fed, bytes;
	unsigned steps;
};

static int feed_round(struct feeder *f, const uint8_t *at, const uint8_t *end, uint64_t settled)
{
	struct own *o = &f->own;

	while (at < end) {
		uint64_t length = *(const uint64_t *)(const void *)at;

		if (o->w) {
			int ret = reel_writer_append(o->w, at + 8, length, o->err);

			if (ret)
				return ret;
		}
		if (f->stats)
			stats_record(f->stats, at + 8);
		f->fed++;
		f->bytes += length;
		at += 8 + ((length + 7) & ~7ull);
	}
	o->ts = settled;
	if (!o->w)
		return 0;
	reel_writer_settle(o->w, settled);
	return reel_writer_tick(o->w, settled, o->err);
}

static int own_things(struct feeder *f)
{
	struct own *o = &f->own;
	double done = (double)f->fed / (double)f->options->events;
	uint64_t segment = o->w ? reel_writer_segment_number(o->w) : 1;

	if (f->options->clock_steps && f->steps < 2 && done > (f->steps + 1) / 3.0) {
		/* Half an hour ahead, then an hour and a bit back. */
		o->realtime_offset += f->steps++ ? -3723000000000 : 1800000000000;
		own_clock(o, CLOCK_STEP);
	}
	if (segment != f->segment) {
		own_clock(o, CLOCK_START);
		own_keyframe(o);
		f->segment = segment;
	} else if (o->ts >= f->minute) {
		own_clock(o, CLOCK_MINUTE);
	} else {
		return o->ret;
	}
	f->minute = o->ts + 60000000000;
	return o->ret;
}

static int feed_batch(struct feeder *f, const struct batch *b)
{
	size_t at = 0;

	for (uint32_t i = 0; i < b->n_rounds; i++) {
		int ret = feed_round(f, b->records.bytes + at, b->records.bytes + b->rounds[i].end,
				     b->rounds[i].settled);

		if (!ret)
			ret = own_things(f);
		if (ret)
			return ret;
		at = b->rounds[i].end;
	}
	return 0;
}

static void set_meta(struct reel_meta *meta, const struct options *o, const struct machine *m)
{
	struct rng r;

	rng_seed(&r, o->seed ^ 0x6d657461);
	for (unsigned i = 0; i < TAPE_ID_BYTES; i++) {
		meta->capture[i] = (uint8_t)rng_next(&r);
		meta->machine[i] = (uint8_t)rng_next(&r);
		meta->boot[i] = (uint8_t)rng_next(&r);
	}
	meta->cpus = o->cpus;
	snprintf(meta->host, sizeof(meta->host), "generated");
	snprintf(meta->kernel, sizeof(meta->kernel), "6.1.0");
	snprintf(meta->arch, sizeof(meta->arch), "x86_64");
	snprintf(meta->program, sizeof(meta->program), "gen");
	snprintf(meta->note, sizeof(meta->note), "generated: seed %llu, %llu events",
		 (unsigned long long)o->seed, (unsigned long long)o->events);
	meta->start.boottime_ns = m->began;
	meta->start.realtime_ns = (int64_t)o->start;
}

static int open_writer(const struct options *o, const struct machine *m, struct reel_writer **ret,
		       struct reel_err *err)
{
	struct reel_writer_options *w = calloc(1, sizeof(*w));
	struct reel_public_key keys[REEL_RECIPIENTS_MAX];
	int code = 0;

	if (!w)
		return reel_err_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; code == 0 && i < o->encrypt_to.n && i < REEL_RECIPIENTS_MAX; i++)
		code = reel_public_key_read(o->encrypt_to.v[i], &keys[w->n_recipients++], err);
	w->recipients = keys;
	w->seal = o->seal;
	w->directory = o->directory;
	w->fd = -1;
	w->block_bytes = (uint32_t)o->block_size;
	w->segment_bytes = o->segment_size;
	w->latency_ns = o->latency_ms * 1000000;
	w->level = o->level;
	w->in_line = o->in_line;
	w->sync = o->no_sync ? REEL_SYNC_NONE : REEL_SYNC_SECONDS;
	set_meta(&w->meta, o, m);
	if (code == 0)
		code = reel_writer_open(w, ret, err);
	free(w);
	return code;
}

static void write_plant(FILE *out, const struct machine *m, uint32_t plant)
{
	uint64_t first = 0, last = 0;
	uint32_t pids[64], n_pids = 0;

	for (uint32_t i = 0; i < m->n_steps; i++) {
		const struct truth_step *s = &m->steps[i];
		uint32_t k = 0;

		if (s->plant != plant)
			continue;
		first = first && first < s->ts ? first : s->ts;
		last = last > s->ts ? last : s->ts;
		while (k < n_pids && pids[k] != s->pid)
			k++;
		if (k == n_pids && n_pids < 64)
			pids[n_pids++] = s->pid;
	}
	fprintf(out, "{\"plant\":%u,\"name\":\"%s\",\"first\":%llu,\"last\":%llu,\"pids\":[", plant,
		plan_attack_name(plant), (unsigned long long)first, (unsigned long long)last);
	for (uint32_t k = 0; k < n_pids; k++)
		fprintf(out, "%s%u", k ? "," : "", pids[k]);
	fputs("],\"steps\":[", out);
	for (uint32_t i = 0, n = 0; i < m->n_steps; i++) {
		const struct truth_step *s = &m->steps[i];

		if (s->plant == plant)
			fprintf(out,
				"%s{\"type\":\"%s\",\"ts\":%llu,\"cpu\":%u,\"seq\":%llu,"
				"\"pid\":%u}",
				n++ ? "," : "", m->types[s->type]->name, (unsigned long long)s->ts,
				s->cpu, (unsigned long long)s->seq, s->pid);
	}
	fputs("]}\n", out);
}

static int write_truth(const struct options *o, const struct machine *m, struct reel_err *err)
{
	static const char *const workloads[] = { "build",   "script", "web", "database", "monitor",
						 "package", "cron",   "ssh", "attack" };
	FILE *out = fopen(o->truth, "we");
	bool failed;

	if (!out)
		return reel_err_set(err, -errno, "%s: %s", o->truth, strerror(errno));
	for (uint32_t i = 1; i <= m->planted; i++)
		write_plant(out, m, i);
	fprintf(out, "{\"events\":%llu,\"lost\":%llu,\"types\":{", (unsigned long long)m->n_events,
		(unsigned long long)m->lost);
	for (unsigned i = 0, n = 0; i < EV_MAX_TYPES; i++)
		if (m->by_type[i])
			fprintf(out, "%s\"%s\":%llu", n++ ? "," : "", m->types[i]->name,
				(unsigned long long)m->by_type[i]);
	fputs("},\"workloads\":{", out);
	for (unsigned i = 0; i < WORK_COUNT; i++)
		fprintf(out, "%s\"%s\":%llu", i ? "," : "", workloads[i],
			(unsigned long long)m->by_work[i]);
	fputs("}}\n", out);
	failed = ferror(out);
	if (fclose(out) || failed)
		return reel_err_set(err, -EIO, "%s: cannot be written", o->truth);
	return 0;
}

static void report(const struct options *o, const struct machine *m, const struct feeder *f,
		   const struct times *t, const struct reel_writer_stats *s)
{
	double n = (double)f->fed;

	printf("{\"events\":%llu,\"own_events\":%llu,\"lost\":%llu,\"plants\":%u,"
	       "\"capture_s\":%.3f,"
	       "\"record_bytes_per_event\":%.1f,\"gen_cpu_s\":%.3f,\"gen_ns_per_event\":%.1f",
	       (unsigned long long)f->fed, (unsigned long long)f->own.records,
	       (unsigned long long)m->lost, m->planted, (double)(m->now - m->began) / 1e9,
	       (double)f->bytes / n, t->made_cpu, t->made_cpu * 1e9 / n);
	if (!o->no_writer)
		printf(",\"feed_wall_s\":%.3f,\"append_cpu_s\":%.3f,\"writer_cpu_s\":%.3f,"
		       "\"append_ns_per_event\":%.1f,\"writer_ns_per_event\":%.1f,"
		       "\"raw_bytes\":%llu,\"stored_bytes\":%llu,\"blocks\":%llu,\"segments\":%llu,"
		       "\"waits\":%llu,\"lower_level\":%llu,\"malformed\":%llu,"
		       "\"bytes_per_event\":%.2f",
		       t->fed_wall, t->fed_cpu, t->all_cpu - t->made_cpu, t->fed_cpu * 1e9 / n,
		       (t->all_cpu - t->made_cpu) * 1e9 / n, (unsigned long long)s->raw_bytes,
		       (unsigned long long)s->stored_bytes, (unsigned long long)s->blocks,
		       (unsigned long long)s->segments, (unsigned long long)s->waits,
		       (unsigned long long)s->lower_level, (unsigned long long)s->malformed,
		       (double)s->stored_bytes / (n + (double)f->own.records));
	puts("}");
}

static int generate(const struct options *o, struct machine *m, struct feeder *f, struct times *t,
		    struct reel_err *err)
{
	struct batch b = { 0 };
	bool more = true;
	double setup = now(CLOCK_PROCESS_CPUTIME_ID);
	int ret = 0;

	own_coverage(&f->own);
	ret = own_things(f);
	while (!ret && more) {
		double cpu = now(CLOCK_THREAD_CPUTIME_ID), wall = now(CLOCK_MONOTONIC), between;

		ret = make_batch(m, &b, o, &more);
		if (ret) {
			reel_err_set(err, ret, "generating: %s", strerror(-ret));
			break;
		}
		between = now(CLOCK_THREAD_CPUTIME_ID);
		t->made_cpu += between - cpu;
		cpu = between;
		between = now(CLOCK_MONOTONIC);
		t->made_wall += between - wall;
		wall = between;
		ret = feed_batch(f, &b);
		t->fed_cpu += now(CLOCK_THREAD_CPUTIME_ID) - cpu;
		t->fed_wall += now(CLOCK_MONOTONIC) - wall;
	}
	if (!ret) {
		own_counters(&f->own);
		own_clock(&f->own, CLOCK_END);
		ret = f->own.ret;
	}
	t->all_cpu = now(CLOCK_PROCESS_CPUTIME_ID) - setup;
	free(b.records.bytes);
	free(b.rounds);
	return ret;
}

static int run(const struct options *o, struct reel_err *err)
{
	struct machine_options mo = {
		.seed = o->seed,
		.events = o->events,
		.rate = o->rate,
		.cpus = o->cpus,
		.plants = o->plants,
		.max_pid = o->max_pid,
		.loss = o->loss,
	};
	struct machine *m = malloc(sizeof(*m));
	struct reel_writer_stats stats = { 0 };
	struct feeder f = { .options = o };
	struct times t = { 0 };
	double wall, cpu;
	int ret;

	if (!m)
		return reel_err_set(err, -ENOMEM, "out of memory");
	ret = machine_init(m, &mo);
	if (ret) {
		reel_err_set(err, ret, "the model: %s", strerror(-ret));
		goto out;
	}
	f.own = (struct own){ .m = m, .err = err, .ts = m->began };
	rng_seed(&f.own.rng, ~o->seed);
	f.own.realtime_offset = (int64_t)(o->start - m->began);
	if (o->types)
		f.stats = stats_new();
	if (!o->no_writer)
		ret = open_writer(o, m, &f.own.w, err);
	if (ret)
		goto out;
	ret = generate(o, m, &f, &t, err);
	wall = now(CLOCK_MONOTONIC);
	cpu = now(CLOCK_PROCESS_CPUTIME_ID);
	if (f.own.w && ret) {
		reel_writer_abandon(f.own.w);
	} else if (f.own.w) {
		/* All is on disk after a flush, and only then are the numbers whole but for END. */
		ret = reel_writer_flush(f.own.w, err);
		reel_writer_stats(f.own.w, &stats);
		if (ret)
			reel_writer_abandon(f.own.w);
		else
			ret = reel_writer_close(f.own.w, err);
	}
	t.fed_wall += now(CLOCK_MONOTONIC) - wall;
	t.all_cpu += now(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	if (!ret && o->truth)
		ret = write_truth(o, m, err);
	if (!ret)
		report(o, m, &f, &t, &stats);
	if (!ret && f.stats)
		stats_print(f.stats, stderr);
out:
	stats_free(f.stats);
	machine_done(m);
	free(m);
	return ret;
}

int main(int argc, char **argv)
{
	struct options o = {
		.events = 1000000,
		.seed = 1,
		.rate = 50000,
		.cpus = 4,
		.max_pid = PIDS,
		.start = 1732150800000000000,
		.batch = 64 << 20,
	};
	struct reel_err err = { 0 };
	struct reel_args args;
	int ret = reel_options_parse(table, &o, argc, argv, &args, &err);

	if (!ret && !args.common.help) {
		if (!o.plants)
			o.plants = o.events < 1000000 ? 1 : (uint32_t)(o.events / 1000000);
		if (args.n || (!o.directory && !o.no_writer))
			ret = reel_err_set(&err, -EINVAL,
					   "usage: gen -o DIR [-n EVENTS] [-s SEED] ...");
		else if (!o.cpus || o.cpus > MAX_CPUS || o.max_pid < 4096 || o.max_pid > PIDS)
			ret = reel_err_set(&err, -EINVAL,
					   "--cpus is 1 to 256, --max-pid 4096 to 4194304");
		else if (o.rate > 1000000000 || o.plants > UINT16_MAX || o.start > INT64_MAX)
			ret = reel_err_set(&err, -EINVAL,
					   "--rate, --plants or --start is too large");
		else
			ret = run(&o, &err);
	} else if (!ret) {
		for (const struct reel_option *row = table; row->name; row++)
			printf("  --%-14s %-6s %s\n", row->name, row->arg ? row->arg : "",
			       row->help);
	}
	reel_options_done(table, &o);
	if (ret)
		fprintf(stderr, "gen: %s\n", err.msg);
	return ret ? 1 : 0;
}
