/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How fast strings are tested, with rules that were made up: paths and command lines that are known
 * already, and such that are new; what building takes. One line of JSON each.
 *
 *	match_bench [LITERALS [PATTERNS [SEED]]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "replay/match.h"
#include "tests/bench/lib_rand.h"

enum { STRINGS = 100000, KNOWN = 2000, RUNS = 5, STRING_ROOM = 512 };

static const char *const directories[] = {
	"/usr/bin/",
	"/usr/lib/x86_64-linux-gnu/",
	"/etc/",
	"/var/log/",
	"/proc/self/",
	"/tmp/",
	"/home/user/",
	"/usr/share/",
	"/usr/local/sbin/",
	"/var/lib/dpkg/info/",
	"/run/systemd/",
	"/root/.ssh/",
};

static const char *const words[] = {
	"python3", "lib",    "cache", "passwd", "shadow", "curl",    "wget", "config", "update",
	"service", "kernel", "user",  "log",	"ssh",	  "systemd", "gcc",  "build",  "data",
	"index",   "main",   "test",  "node",	"module", "http",    "cron", "tar",    "backup",
};

static const char *const endings[] = { ".so.6", ".conf", ".log", ".c", ".h", ".json", "", "" };

#define ANY(array, rng) (array)[rng_below(rng, sizeof(array) / sizeof((array)[0]))]

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static uint32_t make_path(struct rng *r, char *text)
{
	return (uint32_t)snprintf(text, STRING_ROOM, "%s%s-%s/%s%u%s", ANY(directories, r),
				  ANY(words, r), ANY(words, r), ANY(words, r), rng_below(r, 100000),
				  ANY(endings, r));
}

static uint32_t make_command_line(struct rng *r, char *text)
{
	uint32_t n =
		(uint32_t)snprintf(text, STRING_ROOM, "%s%s", ANY(directories, r), ANY(words, r));

	for (uint32_t i = rng_between(r, 2, 5); i; i--) {
		text[n++] = ' ';
		if (rng_below(r, 2))
			n += (uint32_t)sprintf(text + n, "--%s=", ANY(words, r));
		n += make_path(r, text + n);
	}
	return n;
}

/* One after the other, as they lie in a block of a capture. */
struct strings {
	char *text;
	size_t *at;
};

static struct strings make_strings(struct rng *r, uint32_t (*make)(struct rng *, char *))
{
	struct strings s = { malloc((size_t)STRINGS * STRING_ROOM),
			     calloc(STRINGS + 1, sizeof(*s.at)) };

	if (!s.text || !s.at)
		exit(1);
	for (size_t i = 0; i < STRINGS; i++)
		s.at[i + 1] = s.at[i] + make(r, s.text + s.at[i]);
	return s;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* As rules are: whole paths, beginnings, ends, and words in between, most of which never occur. */
static void add_literals(struct matcher *m, struct rng *r, unsigned n)
{
	char text[STRING_ROOM];

	while (matcher_n_tests(m) < n) {
		static const enum match_op ops[] = { MATCH_EQUALS, MATCH_CONTAINS, MATCH_CONTAINS,
						     MATCH_STARTS, MATCH_ENDS };
		enum match_op op = ANY(ops, r);
		uint32_t test;
		int length;

		if (op == MATCH_EQUALS || op == MATCH_STARTS)
			length = snprintf(text, sizeof(text), "%s%s%c%u", ANY(directories, r),
					  ANY(words, r), "-/._"[rng_below(r, 4)],
					  rng_below(r, 1000));
		else
			length = snprintf(text, sizeof(text), "%c%s%c%s%u", "/ -."[rng_below(r, 4)],
					  ANY(words, r), " _=-"[rng_below(r, 4)], ANY(words, r),
					  rng_below(r, 100));
		if (matcher_add(m, op, rng_below(r, 2) ? MATCH_NOCASE : 0, text, (size_t)length,
				&test, NULL) < 0)
			exit(1);
	}
}

static int make_pattern(struct rng *r, unsigned n, char *text)
{
	const char *word = ANY(words, r), *other = ANY(words, r);

	switch (n % 4) {
	case 0:
		return snprintf(text, STRING_ROOM, ".*(backdoor|%s_%u|c2).*", word, n);
	case 1:
		return snprintf(text, STRING_ROOM, "^/tmp/[a-z]+%s%s\\.%u$", word, other, n);
	case 2:
		return snprintf(text, STRING_ROOM, "(nc|%s)\\s+-[a-z]*e %s[^/]*\\.%u", other, word,
				n);
	default:
		return snprintf(text, STRING_ROOM, "(?i)(%s|payload)-%u", word, n);
	}
}

static void add_patterns(struct matcher *m, struct rng *r, unsigned n)
{
	char text[STRING_ROOM];
	uint32_t test;

	for (; n; n--)
		if (matcher_add(m, MATCH_REGEX, 0, text, (size_t)make_pattern(r, n, text), &test,
				NULL) < 0)
			exit(1);
}

static uint64_t hits;

/* Nanoseconds for each of the first N strings. */
static double test_all(struct match_memo *memo, const struct strings *s, size_t n, unsigned rounds)
{
	double start = now_ns();

	for (unsigned round = 0; round < rounds; round++)
		for (size_t i = 0; i < n; i++) {
			uint32_t length = (uint32_t)(s->at[i + 1] - s->at[i]);

			hits += !match_string(memo, s->text + s->at[i], length, length)->is_empty;
		}
	return (now_ns() - start) / ((double)n * rounds);
}

static void measure(const char *name, const struct matcher *m, const struct strings *s)
{
	double fresh[RUNS], known[RUNS];
	struct match_stats stats = { 0 };

	for (unsigned run = 0; run < RUNS; run++) {
		struct match_memo *memo;

		if (match_memo_new(m, &memo, NULL) < 0)
			exit(1);
		hits = 0;
		fresh[run] = test_all(memo, s, STRINGS, 1);
		match_memo_stats(memo, &stats);
		match_memo_free(memo);
		if (match_memo_new(m, &memo, NULL) < 0)
			exit(1);
		test_all(memo, s, KNOWN, 1);
		known[run] = test_all(memo, s, KNOWN, 20);
		match_memo_free(memo);
	}
	qsort(fresh, RUNS, sizeof(fresh[0]), by_value);
	qsort(known, RUNS, sizeof(known[0]), by_value);
	printf("{\"what\":\"%s\",\"mean_bytes\":%.1f,\"new_ns\":%.1f,\"known_ns\":%.1f,"
	       "\"rows\":%llu,\"memo_bytes\":%zu}\n",
	       name, (double)s->at[STRINGS] / STRINGS, fresh[RUNS / 2], known[RUNS / 2],
	       (unsigned long long)stats.rows, stats.bytes);
}

int main(int argc, char **argv)
{
	unsigned n_literals = argc > 1 ? (unsigned)atoi(argv[1]) : 2000;
	unsigned n_patterns = argc > 2 ? (unsigned)atoi(argv[2]) : 100;
	struct strings paths, lines;
	struct matcher *m = NULL;
	double add_ms[RUNS], build_ms[RUNS];
	struct rng r;

	for (unsigned run = 0; run < RUNS; run++) {
		double start = now_ns();

		matcher_free(m);
		rng_seed(&r, argc > 3 ? strtoull(argv[3], NULL, 10) : 1);
		if (matcher_new(MATCH_TEXT, &m, NULL) < 0)
			return 1;
		add_literals(m, &r, n_literals);
		add_patterns(m, &r, n_patterns);
		add_ms[run] = (now_ns() - start) / 1e6;
		start = now_ns();
		if (matcher_build(m, NULL) < 0)
			return 1;
		build_ms[run] = (now_ns() - start) / 1e6;
	}
	qsort(add_ms, RUNS, sizeof(add_ms[0]), by_value);
	qsort(build_ms, RUNS, sizeof(build_ms[0]), by_value);
	printf("{\"what\":\"build\",\"tests\":%u,\"add_ms\":%.2f,\"build_ms\":%.2f,"
	       "\"automaton_bytes\":%zu}\n",
	       matcher_n_tests(m), add_ms[RUNS / 2], build_ms[RUNS / 2], matcher_bytes(m));
	paths = make_strings(&r, make_path);
	lines = make_strings(&r, make_command_line);
	measure("paths", m, &paths);
	measure("command lines", m, &lines);
	free(paths.text);
	free(paths.at);
	free(lines.text);
	free(lines.at);
	matcher_free(m);
	return 0;
}
