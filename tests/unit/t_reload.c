/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules that change while a tape is followed: what stays, what begins anew, what is let go. */
#include "replay/verdict.h"
#include "tests/unit/capture.h"
#include "tests/unit/policy.h"

/* Each kind of thing that a token can be. */
static const char all_kinds[] =
	"path \"pair\" { by host; open { path == \"/0\" } open { path == \"/1\" } }\n"
	"path \"bound\" { by host; within forever; open { path startswith \"/\" } as f\n"
	"	open { path == f.path } open { path != f.path } }\n"
	"path \"count\" { by process; open { path == \"/2\" } count 3 within 10s }\n"
	"path \"distinct\" { by host; open { } count 9 distinct path within 10s }\n"
	"path \"all\" { by host; all { open { path == \"/3\" } open { path == \"/4\" } }\n"
	"	open { path == \"/5\" } }\n"
	"path \"silence\" { by host; open { path == \"/6\" } unless open { path == \"/7\" } "
	"within 20ms }\n"
	"path \"else\" { by process; open { path == \"/8\" }\n"
	"	open { path == \"/9\" } ? open { path == \"/1\" } : open { path == \"/2\" } }\n"
	"path \"single\" { open { path == \"/1\" } }\n";

/* The same rules elsewhere: behind other steps, and after another rule. */
static const char before_them[] =
	"path \"another\" { by host; open { path == \"/9\" } unlink { } exec { } }\n";

enum { KINDS = 8, EVENTS = 3000, TEXT_MAX = 4096 };

static const char capture[] = "reload.reel";

static void put_open(struct tape *t, const char *path, uint32_t pid)
{
	struct reel_record rec;
	struct ev_open *o = reel_record_begin(&rec, reel_type_by_id(EV_open));

	o->path_from = 1;
	reel_record_string(&rec, path, strlen(path));
	rec.header.pid = pid;
	rec.header.ret = 3;
	put(t, &rec, 0);
}

/* Opens of ten files by three processes, 1 ms apart. */
static void make_capture(void)
{
	struct reel_writer_options o = options(capture);
	struct tape t = { 0 };

	o.block_bytes = 8192;
	begin(&t, &o);
	put_clock(&t, EPOCH);
	for (unsigned i = 0; i < EVENTS; i++) {
		char path[3] = { '/', (char)('0' + draw(&t) % 10), '\0' };

		t.ts += SECOND / 1000;
		put_open(&t, path, (uint32_t)(100 + draw(&t) % 3));
		if (i % 100 == 99)
			settle(&t, 1);
	}
	t.ts++;
	reel_writer_settle(t.w, t.ts);
	end(&t);
}

static struct rules *load(const char *first, const char *second)
{
	char text[TEXT_MAX];
	struct rules *r;

	snprintf(text, sizeof(text), "%s%s", first, second);
	r = policy_good(text);
	if (!r || rules_finish(r, NULL) < 0)
		abort();
	return r;
}

static const struct rule *rule_named(const struct rules *r, const char *id, uint32_t *ret)
{
	for (*ret = 0; *ret < r->n; ++*ret)
		if (strcmp(r->list[*ret].id, id) == 0)
			return &r->list[*ret];
	return NULL;
}

/* One that is followed, and its rules. */
struct following {
	struct rules *rules;
	struct findings *findings;
	struct engine *engine;
	struct reel_walk *walk;
	unsigned n_reloads;
};

static void follow(struct following *f, struct rules *rules)
{
	const struct findings_options fo = { .all = true };
	const struct engine_options eo = { .threads = 1, .max_state = 100000 };
	struct reel_err err = { 0 };

	*f = (struct following){ .rules = rules };
	if (findings_new(&fo, &f->findings, &err) < 0 ||
	    engine_new(rules, &eo, f->findings, &f->engine, &err) < 0 ||
	    reel_walk_follow(capture, NULL, NULL, NULL, &f->walk, &err) < 0)
		abort();
}

static void change(struct following *f, struct rules *rules)
{
	struct reel_err err = { 0 };

	CHECK_EQ(engine_reload(f->engine, rules, &err), 0);
	/* Nothing may refer to them any more. */
	rules_free(f->rules);
	f->rules = rules;
	f->n_reloads++;
}

/* Up to that many events. Returns how many there were. */
static unsigned go_on(struct following *f, unsigned n)
{
	struct reel_err err = { 0 };
	struct reel_event ev;
	unsigned i = 0;

	while (i < n && reel_walk_next(f->walk, &ev, &err) > 0) {
		CHECK_EQ(engine_event(f->engine, &ev, &err), 0);
		i++;
	}
	return i;
}

static void end_it(struct following *f)
{
	struct reel_err err = { 0 };

	CHECK_EQ(engine_end(f->engine, reel_walk_health(f->walk), &err), 0);
}

static void forget(struct following *f)
{
	engine_free(f->engine);
	findings_free(f->findings);
	rules_free(f->rules);
	reel_walk_close(f->walk);
}

static uint64_t matches(const struct following *f, const char *id)
{
	uint32_t i;

	return rule_named(f->rules, id, &i) ? f->findings->counts[i].matches : 0;
}

static enum verdict_kind verdict(const struct following *f, const char *id, uint64_t *ret_total_ns)
{
	struct reel_err err = { 0 };
	enum verdict_kind kind;
	struct verdict v;
	uint32_t i;

	if (!rule_named(f->rules, id, &i) || verdict_of(f->engine, i, &v, &err) < 0)
		abort();
	*ret_total_ns = v.total_ns;
	kind = v.kind;
	verdict_done(&v);
	return kind;
}

static void count_all(struct following *f, uint64_t counts[KINDS])
{
	static const char *const ids[KINDS] = { "pair", "bound",   "count", "distinct",
						"all",	"silence", "else",  "single" };

	for (unsigned i = 0; i < KINDS; i++)
		counts[i] = matches(f, ids[i]);
}

/* Every so many events the same rules, in another place. */
static void run(unsigned every, uint64_t counts[KINDS])
{
	struct following f;

	follow(&f, load("", all_kinds));
	while (go_on(&f, every ? every : EVENTS) > 0)
		if (every)
			change(&f, load(f.n_reloads % 2 ? "" : before_them, all_kinds));
	end_it(&f);
	count_all(&f, counts);
	forget(&f);
}

TEST(the_same_rules_keep_their_state)
{
	static const unsigned every[] = { 1, 7, 64, 1000 };
	uint64_t whole[KINDS], counts[KINDS];

	make_capture();
	run(0, whole);
	for (unsigned i = 0; i < KINDS; i++) {
		printf("# rule %u: %llu\n", i, (unsigned long long)whole[i]);
		CHECK(whole[i] > 0);
	}
	for (unsigned i = 0; i < sizeof(every) / sizeof(*every); i++) {
		run(every[i], counts);
		CHECK_MEM(counts, whole, sizeof(whole));
	}
}

TEST(a_changed_rule_begins_empty)
{
	static const char old[] =
		"path \"kept\" { by host; within forever; open { path == \"/0\" } unlink { } }\n"
		"path \"changed\" { by host; within forever; open { path == \"/0\" } exec { } }\n"
		"path \"gone\" { open { path == \"/0\" } }\n";
	static const char new[] =
		"path \"new\" { open { path == \"/1\" } }\n"
		"path \"kept\" { by host; within forever; open { path == \"/0\" } unlink { } }\n"
		"path \"changed\" { by host; within forever; open { path == \"/0\" } fork { } }\n";
	struct sequence_stats s;
	uint64_t total_ns, all_ns;
	struct following f;
	uint32_t i;

	follow(&f, load(old, ""));
	go_on(&f, 1500);
	CHECK(matches(&f, "gone") > 0);
	sequence_stats(f.engine->sequence, &s);
	CHECK(s.tokens >= 2);
	change(&f, load(new, ""));
	sequence_stats(f.engine->sequence, &s);
	CHECK_EQ(s.tokens, 1);
	CHECK_EQ(matches(&f, "new"), 0);
	for (size_t k = 0; k < f.findings->n; k++)
		T_FAIL("a row of a rule that is gone stays: %u", f.findings->rows[k].rule);
	go_on(&f, EVENTS);
	end_it(&f);
	CHECK(matches(&f, "new") > 0);
	CHECK_EQ(verdict(&f, "kept", &all_ns), VERDICT_CLEAN);
	CHECK_EQ(verdict(&f, "changed", &total_ns), VERDICT_CLEAN);
	/* Of the second half of three seconds. */
	CHECK(all_ns > 29 * SECOND / 10);
	CHECK(total_ns > 14 * SECOND / 10 && total_ns < 16 * SECOND / 10);
	CHECK(rule_named(f.rules, "new", &i) && f.engine->boots[0]->since_ns[i] > 0);
	CHECK(rule_named(f.rules, "kept", &i) && f.engine->boots[0]->since_ns[i] == 0);
	forget(&f);
}

TEST(rules_change_before_anything_came_and_after_all)
{
	struct following f;

	follow(&f, load("", all_kinds));
	change(&f, load(before_them, all_kinds));
	while (go_on(&f, EVENTS) > 0)
		;
	end_it(&f);
	CHECK(matches(&f, "single") > 0);
	change(&f, load("", all_kinds));
	CHECK(matches(&f, "single") > 0);
	CHECK(!f.engine->boot);
	forget(&f);
}

TEST(time_settles_what_waited)
{
	static const char text[] = "path \"wait\" { by host; open { path == \"/0\" } "
				   "unless open { path == \"/none\" } within 1h }\n";
	struct reel_err err = { 0 };
	uint64_t hour = 3600 * SECOND;
	struct following f;

	follow(&f, load(text, ""));
	go_on(&f, EVENTS / 2);
	CHECK_EQ(matches(&f, "wait"), 0);
	CHECK_EQ(engine_settled(f.engine, f.engine->boot->boot, f.engine->now_ns + hour / 2, &err),
		 0);
	CHECK_EQ(matches(&f, "wait"), 0);
	CHECK_EQ(engine_settled(f.engine, NULL, f.engine->now_ns + 2 * hour, &err), 0);
	CHECK_EQ(matches(&f, "wait"), 0);
	CHECK_EQ(engine_settled(f.engine, f.engine->boot->boot, f.engine->now_ns + 2 * hour, &err),
		 0);
	CHECK(matches(&f, "wait") > 0);
	forget(&f);
}
