/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Replays of tapes that mean no good: processes that are their own ancestors, time that goes
 * backwards, values that cannot be, bytes that are not what was written. A replay neither crashes
 * nor hangs, and says the same whatever the number of threads, with and without its shortcuts.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/fuzz/replayed.h"
#include "tests/unit/capture.h"

enum { FEW_TOKENS = 16, MANY_TOKENS = 100000 };

static void scratch(char path[128], const char *name)
{
	const char *tmp = getenv("TMP");

	snprintf(path, 128, "%s/engine-%d-%s", tmp ? tmp : "/tmp", (int)getpid(), name);
}

static void forget(const char *path)
{
	char command[200];

	snprintf(command, sizeof(command), "rm -rf '%s'", path);
	CHECK_EQ(system(command), 0);
}

/* The rules, compiled once. */
static struct rules *the_rules(void)
{
	static struct rules *rules;
	struct reel_err err = { 0 };

	if (!rules && replayed_load(&rules, &err) < 0)
		T_FAIL("%s", err.msg);
	return rules;
}

/* What a replay says. */
static void say(struct reel_out *out, const char *path, unsigned threads, bool is_slow,
		uint64_t max_state)
{
	struct reel_reader *r = opened(path);
	struct replayed p;

	CHECK_EQ(out_init_mem(out), 0);
	if (replayed_begin(&p, the_rules(), threads, is_slow, max_state) < 0 ||
	    replayed_files(&p, r, out) < 0)
		T_FAIL("%s", p.err.msg);
	replayed_end(&p);
	reel_reader_close(r);
}

static void check_same(const char *what, const struct reel_out *a, const struct reel_out *b)
{
	size_t n = 0, line = 0;

	while (n < a->len && n < b->len && a->buf[n] == b->buf[n])
		if (a->buf[n++] == '\n')
			line = n;
	if (n == a->len && n == b->len)
		return;
	T_FAIL("%s: at %zu of %zu and %zu", what, n, a->len, b->len);
	T_FAIL("%.*s", (int)(a->len - line < 900 ? a->len - line : 900), a->buf + line);
	T_FAIL("%.*s", (int)(b->len - line < 900 ? b->len - line : 900), b->buf + line);
}

/* All ways of replaying a capture; how they differ. */
static void replay(const char *path, bool compares_slow)
{
	static const uint64_t bounds[] = { MANY_TOKENS, FEW_TOKENS };

	for (unsigned i = 0; i < 2; i++) {
		struct reel_out one, other;

		say(&one, path, 1, false, bounds[i]);
		say(&other, path, 3, false, bounds[i]);
		check_same("three threads", &one, &other);
		out_done(&other);
		say(&other, path, 1, true, bounds[i]);
		if (compares_slow)
			check_same("without shortcuts", &one, &other);
		out_done(&other);
		out_done(&one);
	}
}

static void replay_stream(const char *path)
{
	const struct reel_filter all = { .beyond_cut = true };
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct reel_walk *w;
	struct replayed p;
	struct reel_out out;

	REQUIRE(fd >= 0);
	CHECK_EQ(out_init_mem(&out), 0);
	CHECK_EQ(replayed_begin(&p, the_rules(), 1, false, MANY_TOKENS), 0);
	if (reel_walk_stream(fd, &all, NULL, &w, &p.err) == 0)
		CHECK_EQ(replayed_walk(&p, w, &out), 0);
	replayed_end(&p);
	out_done(&out);
	close(fd);
}

/* Event by event. What was lost is told later there, so that it is not the same to the letter. */
static void replay_in_order(const char *path)
{
	const struct reel_filter all = { .beyond_cut = true };
	struct reel_reader *r = opened(path);
	struct reel_walk *w = walked(r, &all);
	struct reel_out one, other;
	struct replayed p;

	say(&one, path, 1, false, MANY_TOKENS);
	CHECK(strstr(one.buf, "\"finding\"") != NULL);
	CHECK_EQ(out_init_mem(&other), 0);
	CHECK_EQ(replayed_begin(&p, the_rules(), 1, false, MANY_TOKENS), 0);
	CHECK_EQ(replayed_walk(&p, w, &other), 0);
	CHECK(strstr(other.buf, "\"finding\"") != NULL);
	replayed_end(&p);
	out_done(&one);
	out_done(&other);
	reel_reader_close(r);
}

/* Tapes ---------------------------------------------------------------------------------------- */

static void put_process(struct tape *t, uint32_t pid, uint32_t ppid)
{
	struct reel_record rec;
	struct ev_process *e = reel_record_begin(&rec, reel_type_by_id(EV_process));

	e->ppid = ppid;
	e->start = pid;
	rec.header.pid = pid;
	rec.header.flags = EV_KEYFRAME;
	reel_record_string(&rec, "cycle", 5);
	reel_record_string(&rec, "/bin/cycle", 10);
	put(t, &rec, pid % CPUS);
}

static void put_fork(struct tape *t, uint32_t pid, uint32_t child)
{
	struct reel_record rec;
	struct ev_fork *e = reel_record_begin(&rec, reel_type_by_id(EV_fork));

	e->child = child;
	rec.header.pid = pid;
	rec.header.ret = child;
	put(t, &rec, pid % CPUS);
}

static const char *const words[] = { "/a",
				     "a",
				     "/",
				     "",
				     "/proc/self/exe",
				     "socket:[5]",
				     "pipe:[7]",
				     "a\0b\0",
				     "fork exec open lost",
				     "/tmp/.x" };

/* Numbers as they occur, and such as never do. */
static uint64_t draw_number(struct tape *t)
{
	switch (draw(t) % 6) {
	case 0:
		return 0;
	case 1:
		return UINT64_MAX - draw(t) % 3;
	case 2:
		return draw(t);
	default:
		return draw(t) % 20;
	}
}

static void draw_fixed(struct tape *t, uint8_t *fixed, const struct reel_type *type)
{
	for (unsigned i = 0; i < type->n_fields; i++) {
		const struct reel_field *f = &type->fields[i];
		unsigned width = reel_kind_width(f->kind & REEL_KIND_MASK);
		uint64_t n = draw_number(t);

		if (!reel_field_is_string(f) && width)
			memcpy(fixed + f->offset, &n, width < 8 ? width : 8);
	}
}

static void draw_string(struct tape *t, struct reel_record *rec)
{
	const char *word = words[draw(t) % (sizeof(words) / sizeof(*words))];
	uint8_t bytes[40];
	size_t n = strlen(word) + (strcmp(word, "a") == 0 ? draw(t) % 2 : 0);

	memcpy(bytes, word, n);
	if (draw(t) % 8 == 0)
		for (n = 0; n < sizeof(bytes); n++)
			bytes[n] = (uint8_t)draw(t);
	if (draw(t) % 8)
		reel_record_string(rec, bytes, n);
	else
		reel_record_cut_string(rec, bytes, n, (uint32_t)draw_number(t));
}

/* Any event that the writer takes. */
static void put_random(struct tape *t)
{
	const struct reel_type *type;
	struct reel_record rec;
	struct ev_header *h = &rec.header;
	unsigned cpu = draw(t) % CPUS;

	do
		type = reel_type_by_id(draw(t) % EV_MAX_TYPES);
	while (!type || type->id == EV_clock);
	draw_fixed(t, reel_record_begin(&rec, type), type);
	for (unsigned i = 0; i < type->n_strings; i++)
		draw_string(t, &rec);
	h->pid = draw(t) % 8 ? (uint32_t)(draw(t) % 6) : (uint32_t)draw_number(t);
	h->tid = draw(t) % 8 ? h->pid : (uint32_t)draw_number(t);
	h->ret = draw(t) % 4 ? (int64_t)(draw(t) % 4) : (int64_t)draw_number(t);
	h->call = draw(t) % 4 ? 0 : (uint16_t)draw(t);
	h->flags |= draw(t) % 4 ? 0 : (uint8_t)(draw(t) & ~(EV_WIDE_RET | EV_TRUNCATED));
	h->ts = t->ts;
	h->cpu = (uint16_t)cpu;
	h->seq = t->seq[cpu]++;
	CHECK_EQ(reel_writer_append(t->w, &rec, reel_record_end(&rec), &t->err), 0);
}

/* Each is a capture of its own. */
static void make_random(const char *path, uint64_t seed, unsigned n, bool goes_back)
{
	struct tape t = { .random = seed * 0x9e3779b97f4a7c15 | 1 };
	struct reel_writer_options o = options(path);

	o.block_bytes = 4096 << draw(&t) % 4;
	begin(&t, &o);
	put_clock(&t, EPOCH);
	for (unsigned i = 0; i < n; i++) {
		put_random(&t);
		t.ts += draw(&t) % 10 ? draw(&t) % 1000000 : draw(&t) % (20 * SECOND);
		if (goes_back && draw(&t) % 5 == 0)
			t.ts = draw(&t) % 50 ? t.ts - draw(&t) % (t.ts / 2 + 1) : draw_number(&t);
		if (i % 64 == 0 && !goes_back)
			settle(&t, 1);
	}
	end(&t);
}

/* Tests ---------------------------------------------------------------------------------------- */

TEST(nobody_is_his_own_ancestor)
{
	char path[128];
	struct tape t = { 0 };
	struct reel_writer_options o;

	scratch(path, "cycle");
	o = options(path);
	begin(&t, &o);
	put_keyframe(&t, 0);
	for (uint32_t pid = 2; pid < 10; pid++)
		put_process(&t, pid, pid == 9 ? 2 : pid + 1);
	put_process(&t, 20, 20);
	put_keyframe(&t, 1);
	for (uint32_t pid = 2; pid < 21; pid++) {
		put_event(&t, EV_exec, 0, pid);
		put_event(&t, EV_open, 0, pid);
		put_fork(&t, pid, pid);
		put_fork(&t, pid, pid < 9 ? pid + 1 : 2);
		put_event(&t, EV_exec, 1, pid);
		put_event(&t, EV_exit, 1, pid);
		put_event(&t, EV_unlink, 1, pid);
		t.ts += SECOND / 100;
	}
	end(&t);
	replay(path, true);
	forget(path);
}

TEST(any_events)
{
	char path[128];

	scratch(path, "any");
	for (uint64_t seed = 1; seed <= 30; seed++) {
		make_random(path, seed, 600, false);
		replay(path, true);
		replay_in_order(path);
		forget(path);
	}
}

TEST(time_goes_backwards)
{
	char path[128];

	scratch(path, "back");
	for (uint64_t seed = 100; seed <= 120; seed++) {
		make_random(path, seed, 400, true);
		replay(path, false);
		forget(path);
	}
}

static size_t read_segment(const char *directory, uint8_t *to, size_t room)
{
	struct reel_reader *r = opened(directory);
	size_t n = r ? (size_t)r->segments[0].bytes : 0;

	CHECK(n <= room);
	if (r && n <= room)
		memcpy(to, r->segments[0].base, n);
	reel_reader_close(r);
	return n;
}

TEST(bytes_that_were_not_written)
{
	static uint8_t bytes[1 << 20], kept[1 << 20];
	char directory[128], path[128];
	struct tape t = { .random = 4711 };
	size_t n;

	scratch(directory, "bytes");
	scratch(path, "flipped.rls");
	make_random(directory, 77, 1500, false);
	n = read_segment(directory, bytes, sizeof(bytes));
	REQUIRE(n > 1000 && n <= sizeof(bytes));
	for (unsigned round = 0; round < 150; round++) {
		size_t length = round % 3 ? n : draw(&t) % n;
		FILE *f = fopen(path, "w");
		struct reel_reader *r = NULL;

		REQUIRE(f);
		memcpy(kept, bytes, n);
		for (unsigned flips = 1 + draw(&t) % 4; flips; flips--)
			kept[draw(&t) % n] ^= (uint8_t)(1 + draw(&t) % 255);
		CHECK_EQ(fwrite(kept, 1, length, f), length);
		fclose(f);
		/* A file without a beginning is none. */
		if (reel_reader_open(path, &r, NULL) == 0) {
			reel_reader_close(r);
			replay(path, false);
		}
		replay_stream(path);
	}
	unlink(path);
	forget(directory);
}
