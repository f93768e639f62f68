/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes a capture that wants to fill a replay's memory, through the real writer.
 *
 *	storm -o DIR -n N forks		N processes, forked by each other in long chains; each
 *					executes something of its own and opens a file of its own,
 *					few end
 *	storm -o DIR -n N tokens	N processes, each of which begins a sequence and goes no
 *					further
 *	storm -o DIR -n N strings	N events in about the shares of gen, in which each path and
 *					each command line comes once
 *	storm --rules forks|tokens	rules that look for them
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/options.h"
#include "format/record.h"
#include "format/writer.h"
#include "tests/bench/lib_rand.h"

#define EPOCH_NS 1700000000000000000ll
#define BEGIN_NS 1000000000000ull

enum { CPUS = 4, STEP_NS = 5000, RECENT = 256 };
enum rules { RULES_NONE, RULES_FORKS, RULES_TOKENS };

struct options {
	const char *output;
	uint64_t n;
	int rules;
};

static const struct reel_option table[] = {
	{ "output", 'o', "DIR", REEL_OPT_STRING, offsetof(struct options, output), "the capture" },
	{ "n", 'n', "N", REEL_OPT_U64, offsetof(struct options, n), "how many (default: 1000000)" },
	{ "rules", 0, NULL, REEL_OPT_CHOICE, offsetof(struct options, rules), "print the rules",
	  .choices = "none|forks|tokens" },
	{ 0 },
};

static const char *const rules_text[] = {
	[RULES_FORKS] = "path \"by name\" { by family; open { path startswith \"/storm/\" } as f\n"
			"    close { path == f.path } within forever }\n"
			"path \"by ancestor\" { exec { ancestor.exe == \"/storm/none\" } }\n"
			"path \"last\" { by process; exec { exe startswith \"/storm/\" }\n"
			"    setuid { euid == 77 } }\n",
	[RULES_TOKENS] = "path \"by process\" { by process; open { path startswith \"/storm/\" }\n"
			 "    unlink { path startswith \"/storm/\" } within forever }\n"
			 "path \"by host\" { by host; open { path startswith \"/storm/\" } as f\n"
			 "    unlink { path == f.path } within forever }\n"
			 "path \"counted\" { by host; open { path startswith \"/storm/\" }\n"
			 "    count 1024 distinct path within 1s }\n",
};

struct storm {
	struct reel_writer *w;
	struct reel_record record;
	struct rng rng;
	uint64_t ts, seq[CPUS];
	uint32_t recent[RECENT];
	struct reel_err err;
};

static int put(struct storm *s, uint32_t pid)
{
	struct ev_header *h = &s->record.header;
	unsigned cpu = pid % CPUS;

	h->ts = s->ts;
	h->pid = h->tid = pid;
	h->cpu = (uint16_t)cpu;
	h->seq = s->seq[cpu]++;
	s->ts += STEP_NS;
	return reel_writer_append(s->w, &s->record, reel_record_end(&s->record), &s->err);
}

static int put_fork(struct storm *s, uint32_t parent, uint32_t child)
{
	struct ev_fork *e = reel_record_begin(&s->record, reel_type_by_id(EV_fork));

	e->child = e->vpid = child;
	e->child_start = s->ts;
	s->record.header.ret = child;
	return put(s, parent);
}

static int put_exec(struct storm *s, uint32_t pid)
{
	static const char *const names[] = { "comm", "path", "exe", "argv" };
	const struct reel_type *type = reel_type_by_id(EV_exec);
	char path[64], argv[160];
	int n = snprintf(path, sizeof(path), "/storm/bin/%u", pid);
	int n_argv =
		snprintf(argv, sizeof(argv), "%s%c--number=%u%c--of-the-storm", path, 0, pid, 0);

	reel_record_begin(&s->record, type);
	for (unsigned i = 0; i < type->n_fields; i++) {
		const struct reel_field *f = &type->fields[i];

		if (!reel_field_is_string(f))
			continue;
		if (strcmp(f->name, names[3]) == 0)
			reel_record_string(&s->record, argv, (size_t)n_argv + 1);
		else if (strcmp(f->name, names[1]) == 0 || strcmp(f->name, names[2]) == 0)
			reel_record_string(&s->record, path, (size_t)n);
		else if (strcmp(f->name, names[0]) == 0)
			reel_record_string(&s->record, "storm", 5);
		else
			reel_record_string(&s->record, "", 0);
	}
	return put(s, pid);
}

static int put_open(struct storm *s, uint32_t pid)
{
	struct ev_open *e = reel_record_begin(&s->record, reel_type_by_id(EV_open));
	char path[64];
	int n = snprintf(path, sizeof(path), "/storm/file/%u", pid);

	e->inode = 1000ull + pid;
	e->dev = 8;
	e->flags = O_RDONLY;
	s->record.header.ret = 3;
	reel_record_string(&s->record, path, (size_t)n);
	return put(s, pid);
}

static int put_process(struct storm *s, uint32_t pid)
{
	struct ev_process *e = reel_record_begin(&s->record, reel_type_by_id(EV_process));

	e->start = s->ts;
	s->record.header.flags = EV_KEYFRAME;
	return put(s, pid);
}

static int put_exit(struct storm *s, uint32_t pid)
{
	reel_record_begin(&s->record, reel_type_by_id(EV_exit));
	return put(s, pid);
}

/* One process: mostly forked by one of those that came last. */
static int one(struct storm *s, uint32_t pid, bool with_tokens)
{
	uint32_t parent = with_tokens ? 1 : s->recent[rng_below(&s->rng, RECENT)];
	int r = put_fork(s, parent, pid);

	if (r == 0 && !with_tokens)
		r = put_exec(s, pid);
	if (r == 0)
		r = put_open(s, pid);
	if (r == 0 && !with_tokens && pid % 16 == 0)
		r = put_exit(s, pid);
	else
		s->recent[rng_below(&s->rng, RECENT)] = pid;
	return r;
}

static int make(struct storm *s, uint64_t n, bool with_tokens)
{
	int r = put_process(s, 1);

	for (unsigned i = 0; i < RECENT; i++)
		s->recent[i] = 1;
	for (uint64_t i = 0; r == 0 && i < n; i++) {
		r = one(s, (uint32_t)(i + 2), with_tokens);
		if (i % 1024 == 0) {
			reel_writer_settle(s->w, s->ts);
			if (r == 0)
				r = reel_writer_tick(s->w, s->ts, &s->err);
		}
	}
	reel_writer_settle(s->w, s->ts);
	return r;
}

/* Of 64 events; each that has a path has one of its own. */
static const struct {
	uint32_t type;
	unsigned n;
} shares[] = {
	{ EV_open, 22 },  { EV_close, 17 }, { EV_read, 12 }, { EV_fold, 4 },
	{ EV_mmap, 2 },	  { EV_write, 2 },  { EV_exec, 1 },  { EV_chmod, 1 },
	{ EV_rename, 1 }, { EV_unlink, 1 }, { EV_mkdir, 1 },
};

/* Strings that were not there before. */
static int put_new(struct storm *s, const struct reel_type *type, uint64_t number)
{
	uint32_t pid = 2 + (uint32_t)(number % RECENT);
	char path[96], argv[320];
	int n = snprintf(path, sizeof(path), "/srv/%" PRIx64 "/module-%u/part_%" PRIu64 ".%s",
			 rng_next(&s->rng) & 0xffff, (unsigned)(number % 97), number,
			 number % 3 ? "c" : "sh");
	int n_argv = snprintf(argv, sizeof(argv),
			      "run%c-I/usr/include/%" PRIu64
			      "%c-o%c%s%c--level=%u%c--define=%" PRIx64
			      "%c--target=/srv/build/%u/objects/%" PRIu64 ".o",
			      0, number, 0, 0, path, 0, (unsigned)(number % 9), 0,
			      rng_next(&s->rng), 0, (unsigned)(number % 31), number);

	reel_record_begin(&s->record, type);
	for (unsigned i = 0; i < type->n_fields; i++) {
		const struct reel_field *f = &type->fields[i];

		if (!reel_field_is_string(f))
			continue;
		if (strcmp(f->name, "argv") == 0)
			reel_record_string(&s->record, argv, (size_t)n_argv + 1);
		else if (strcmp(f->name, "path") == 0 || strcmp(f->name, "oldpath") == 0 ||
			 strcmp(f->name, "exe") == 0)
			reel_record_string(&s->record, path, (size_t)n);
		else if (strcmp(f->name, "comm") == 0)
			reel_record_string(&s->record, "run", 3);
		else
			reel_record_string(&s->record, "", 0);
	}
	if (type->id == EV_open)
		s->record.header.ret = number % 4 ? 3 : -ENOENT;
	return put(s, pid);
}

static int make_strings(struct storm *s, uint64_t n)
{
	int r = 0;

	for (uint32_t pid = 1; r == 0 && pid < 2 + RECENT; pid++)
		r = put_process(s, pid);
	for (uint64_t i = 0; r == 0 && i < n;) {
		for (unsigned k = 0; k < sizeof(shares) / sizeof(shares[0]); k++)
			for (unsigned j = 0; r == 0 && j < shares[k].n; j++, i++)
				r = put_new(s, reel_type_by_id(shares[k].type), i);
		if (i % 1024 == 0) {
			reel_writer_settle(s->w, s->ts);
			if (r == 0)
				r = reel_writer_tick(s->w, s->ts, &s->err);
		}
	}
	reel_writer_settle(s->w, s->ts);
	return r;
}

static const char *const kinds[] = { "forks", "tokens", "strings" };

static int kind_of(const char *word)
{
	for (int i = 0; i < 3; i++)
		if (strcmp(word, kinds[i]) == 0)
			return i;
	return -1;
}

static int run(struct storm *s, const struct options *o, int kind)
{
	struct reel_writer_options w = {
		.directory = o->output,
		.segment_ns = 1ull << 62,
		.segment_bytes = 1ull << 40,
		.sync = REEL_SYNC_NONE,
		.meta.start = { BEGIN_NS, EPOCH_NS },
	};
	int r;

	memset(w.meta.boot, 5, sizeof(w.meta.boot));
	snprintf(w.meta.host, sizeof(w.meta.host), "storm");
	r = reel_writer_open(&w, &s->w, &s->err);
	if (r < 0)
		return r;
	s->ts = BEGIN_NS;
	rng_seed(&s->rng, 1);
	r = kind == 2 ? make_strings(s, o->n) : make(s, o->n, kind == 1);
	if (r < 0) {
		reel_writer_abandon(s->w);
		return r;
	}
	return reel_writer_close(s->w, &s->err);
}

int main(int argc, char **argv)
{
	struct options o = { .n = 1000000 };
	struct storm *s = calloc(1, sizeof(*s));
	struct reel_args args;
	int r = -EINVAL;

	if (!s)
		return 2;
	if (reel_options_parse(table, &o, argc, argv, &args, &s->err) < 0) {
		fprintf(stderr, "storm: %s\n", s->err.msg);
	} else if (o.rules) {
		r = fputs(rules_text[o.rules], stdout) < 0 ? -EIO : 0;
	} else if (args.n != 1 || !o.output || o.n > UINT32_MAX - 2 || kind_of(args.v[0]) < 0) {
		fprintf(stderr, "usage: storm -o DIR [-n N] forks|tokens|strings\n");
	} else {
		r = run(s, &o, kind_of(args.v[0]));
		if (r < 0)
			fprintf(stderr, "storm: %s\n", s->err.msg);
	}
	reel_options_done(table, &o);
	free(s);
	return r < 0 ? 2 : 0;
}
