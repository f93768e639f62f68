/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How fast a case is written: rows like those of a machine that builds software, a fork, an exec,
 * two files, four descriptors and eight edges at a time. Prints one JSON object; nothing is left.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "replay/case_writer.h"

static double now_s(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static struct case_text text(const char *s)
{
	return (struct case_text){ s, strlen(s) };
}

#define ARGV "[\"/usr/lib/gcc/x86_64-linux-gnu/12/cc1\",\"-quiet\",\"-O2\",\"-o\",\"/tmp/ccX.s\"]"
#define EPOCH_NS 1795270079249028227

struct rows {
	struct case_writer *w;
	int64_t boot, capture, n, ts;
	struct reel_err err;
	int result;
};

static void put(struct rows *r, enum case_table_id table, const void *row)
{
	if (r->result == 0)
		r->result = case_write(r->w, table, row, &r->err);
}

#define LIFE(row, r, length)                              \
	do {                                              \
		(row).from_ts = (r)->ts;                  \
		(row).to_ts = (r)->ts + (length);         \
		(row).from_ns = EPOCH_NS + (row).from_ts; \
		(row).to_ns = EPOCH_NS + (row).to_ts;     \
	} while (0)

static int64_t put_process(struct rows *r, const char *event)
{
	struct row_process p;

	case_clear(CASE_process, &p);
	p.id = case_new_id(r->w, CASE_process);
	p.boot = r->boot;
	p.pid = 1000 + r->n % 4000000;
	LIFE(p, r, 5000000);
	p.parent = p.id > 1 ? p.id - 1 : CASE_NONE;
	p.ppid = p.pid - 1;
	p.known_by = text("fork");
	p.comm = text("cc1");
	p.exe = text("/usr/lib/gcc/x86_64-linux-gnu/12/cc1");
	p.argv = text(ARGV);
	p.cwd = text("/home/build/src");
	p.uid = 1000;
	p.exit_code = 0;
	p.event = text(event);
	put(r, CASE_process, &p);
	return p.id;
}

static void put_image(struct rows *r, int64_t process, const char *event)
{
	struct row_image i;

	case_clear(CASE_image, &i);
	i.process = process;
	LIFE(i, r, 5000000);
	i.how = text("exec");
	i.exe = text("/usr/lib/gcc/x86_64-linux-gnu/12/cc1");
	i.path = i.exe;
	i.argv = text(ARGV);
	i.comm = text("cc1");
	i.cwd = text("/home/build/src");
	i.dev = 0x800001;
	i.inode = 247230;
	i.event = text(event);
	put(r, CASE_image, &i);
}

static int64_t put_file(struct rows *r)
{
	struct row_file f;
	char path[64];

	case_clear(CASE_file, &f);
	f.id = case_new_id(r->w, CASE_file);
	f.capture = r->capture;
	snprintf(path, sizeof(path), "/home/build/src/obj/%lld/file-%lld.o", (long long)f.id % 97,
		 (long long)f.id);
	f.path = text(path);
	f.kind = text("file");
	f.dev = 0x800001;
	f.inode = f.id;
	f.first_ns = f.last_ns = EPOCH_NS + r->ts;
	f.writers = f.readers = 1;
	f.executions = 0;
	put(r, CASE_file, &f);
	return f.id;
}

static void put_fd(struct rows *r, int64_t process, int64_t file, const char *event)
{
	struct row_fd f;

	case_clear(CASE_fd, &f);
	f.process = process;
	f.fd = 3 + r->n % 5;
	LIFE(f, r, 20000);
	f.file = file;
	f.how = text("open");
	f.flags = 0x8000;
	f.flags_names = text("O_RDONLY|O_LARGEFILE");
	f.read_bytes = 4096;
	f.event = text(event);
	put(r, CASE_fd, &f);
}

static void put_edge(struct rows *r, int64_t process, int64_t file, const char *event)
{
	struct row_edge e;

	case_clear(CASE_edge, &e);
	e.boot = r->boot;
	e.process = process;
	e.kind = text("read");
	e.is_out = 0;
	e.file = file;
	e.from_ts = e.to_ts = r->ts;
	e.from_ns = e.to_ns = EPOCH_NS + r->ts;
	e.count = 1;
	e.bytes = 4096;
	e.event = text(event);
	put(r, CASE_edge, &e);
}

static void put_group(struct rows *r)
{
	int64_t process, files[2];
	char event[40];

	r->ts += 100000;
	snprintf(event, sizeof(event), "7074002a-0-%lld", (long long)r->n++);
	process = put_process(r, event);
	put_image(r, process, event);
	files[0] = put_file(r);
	files[1] = put_file(r);
	for (unsigned i = 0; i < 4; i++)
		put_fd(r, process, files[i & 1], event);
	for (unsigned i = 0; i < 8; i++)
		put_edge(r, process, files[i & 1], event);
}

static void put_first(struct rows *r)
{
	struct row_capture c;
	struct row_boot b;

	case_clear(CASE_capture, &c);
	c.id = r->capture = case_new_id(r->w, CASE_capture);
	c.capture_id = c.hash = c.path = c.ending = c.loaded_by = text("bench");
	c.segments = c.bytes = c.events = c.lost = c.damages = c.is_cut = c.loaded_ns = 0;
	put(r, CASE_capture, &c);
	case_clear(CASE_boot, &b);
	b.id = r->boot = case_new_id(r->w, CASE_boot);
	b.capture = r->capture;
	b.boot_id = text("7074002a-0000-0000-0000-000000000000");
	put(r, CASE_boot, &b);
}

int main(int argc, char **argv)
{
	uint64_t wanted = argc > 2 ? strtoull(argv[2], NULL, 10) : 2000000, rows;
	struct rows r = { 0 };
	double wall[4], cpu[4];

	if (argc < 2) {
		fputs("usage: case_write FILE [ROWS]\n", stderr);
		return 2;
	}
	wall[0] = now_s(CLOCK_MONOTONIC);
	cpu[0] = now_s(CLOCK_PROCESS_CPUTIME_ID);
	r.result = case_writer_open(argv[1], &r.w, &r.err);
	if (r.result == 0)
		put_first(&r);
	while (r.result == 0 && case_writer_rows(r.w) < wanted)
		put_group(&r);
	rows = r.w ? case_writer_rows(r.w) : 0;
	wall[1] = now_s(CLOCK_MONOTONIC);
	cpu[1] = now_s(CLOCK_PROCESS_CPUTIME_ID);
	if (r.result == 0)
		r.result = case_writer_index(r.w, &r.err);
	wall[2] = now_s(CLOCK_MONOTONIC);
	cpu[2] = now_s(CLOCK_PROCESS_CPUTIME_ID);
	if (r.result == 0)
		r.result = case_writer_commit(r.w, &r.err);
	wall[3] = now_s(CLOCK_MONOTONIC);
	cpu[3] = now_s(CLOCK_PROCESS_CPUTIME_ID);
	case_writer_free(r.w);
	if (r.result < 0) {
		fprintf(stderr, "case_write: %s\n", r.err.msg);
		return 1;
	}
	(void)unlink(argv[1]);
	printf("{\"rows\":%llu,\"rows_per_s\":%.0f,\"rows_per_s_with_indexes\":%.0f,"
	       "\"insert_s\":%.3f,\"index_s\":%.3f,\"commit_s\":%.3f,\"insert_cpu_s\":%.3f,"
	       "\"index_cpu_s\":%.3f,\"commit_cpu_s\":%.3f}\n",
	       (unsigned long long)rows, (double)rows / (wall[1] - wall[0]),
	       (double)rows / (wall[3] - wall[0]), wall[1] - wall[0], wall[2] - wall[1],
	       wall[3] - wall[2], cpu[1] - cpu[0], cpu[2] - cpu[1], cpu[3] - cpu[2]);
	return 0;
}
