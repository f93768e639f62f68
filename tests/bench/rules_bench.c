/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What loading and compiling rules costs: N policies that differ, in one text, from the first byte
 * to finished matchers; the best of several runs. With FILES it loads these instead.
 *
 *	rules_bench [N | FILE...]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "replay/policy.h"

enum { RUNS = 7, POLICY_BYTES = 1024 };

static const char *const shapes[] = {
	"path \"p%u\" {\n    severity high\n    description \"a file made in /tmp/%u is run\"\n"
	"    by family; within 60s\n"
	"    openat  { path =~ \"^/tmp/[a-z]+%u\\.sh$\", flags & O_CREAT } as f\n"
	"    execve  { path == f.path or argv contains f.path }\n"
	"    connect { port in (80, 443, %u), not addr in 10.0.0.0/8 }\n}\n",
	"path \"p%u\" {\n    open { path startswith (\"/etc/a%u\", \"/root/b%u\"), uid != 0 } ?\n"
	"    block \"x\" { exec { path endswith \"sh%u\" } } :\n"
	"    block \"y\" { write { content contains \"secret\" } }\n}\n",
	"path \"p%u\" {\n    exec { path in (\"/usr/bin/t%u\", \"/bin/t%u\"),\n"
	"           parent.comm in (\"nginx\", \"apache2\"), cmdline contains \"-c%u\" }\n}\n",
	"path \"p%u\" { connect { port == %u } unless exec { exe glob \"/opt/%u/*\" }\n"
	"    open failed { path == \"/etc/%u\", errno == EACCES } count 5 within 10s }\n",
};

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static char *generate(unsigned n)
{
	char *text = malloc((size_t)n * POLICY_BYTES + 1), *to = text;

	if (!text)
		return NULL;
	*to = '\0';
	for (unsigned i = 0; i < n; i++) {
		const char *shape = shapes[i % (sizeof(shapes) / sizeof(shapes[0]))];
		unsigned k = 1 + i % 60000, at = 0;

		/* One number in all places. */
		for (; *shape; shape++) {
			if (shape[0] == '%' && shape[1] == 'u') {
				at += (unsigned)sprintf(to + at, "%u", k);
				shape++;
			} else {
				to[at++] = *shape;
			}
		}
		to += at;
	}
	*to = '\0';
	return text;
}

/* Seconds of one run; below zero: it did not work. */
static double run(const char *text, int n_files, char **files, unsigned *ret_rules,
		  double *ret_load_s)
{
	double begin = seconds(), loaded, end;
	struct reel_err err = { 0 };
	struct rules *r;
	int status = rules_new(&r, &err);

	if (status < 0)
		return -1;
	if (text)
		status = policy_load_text(r, "bench", text, strlen(text), &err);
	for (int i = 0; i < n_files && status == 0; i++)
		status = rules_load(r, files[i], &err);
	loaded = seconds();
	if (status == 0)
		status = rules_finish(r, &err);
	end = seconds();
	for (unsigned i = 0; i < r->n_notes; i++)
		if (r->notes[i].is_error)
			fprintf(stderr, "%s:%u:%u: %s\n", r->notes[i].file, r->notes[i].line,
				r->notes[i].column, r->notes[i].text);
	if (status < 0 || r->n_errors) {
		fprintf(stderr, "rules_bench: %s\n", status < 0 ? err.msg : "there are errors");
		end = begin - 1;
	}
	*ret_rules = r->n;
	*ret_load_s = loaded - begin;
	rules_free(r);
	return end - begin;
}

int main(int argc, char **argv)
{
	bool is_number = argc < 2 || strspn(argv[1], "0123456789") == strlen(argv[1]);
	unsigned n = argc < 2 ? 500 : (unsigned)strtoul(argv[1], NULL, 10), n_rules = 0;
	char *text = is_number ? generate(n) : NULL;
	double best = 0, best_load = 0;

	if (is_number && !text)
		return 1;
	for (int i = 0; i < RUNS; i++) {
		double load, took = run(text, is_number ? 0 : argc - 1, argv + 1, &n_rules, &load);

		if (took < 0)
			return 1;
		if (i == 0 || took < best) {
			best = took;
			best_load = load;
		}
	}
	printf("%u rules: %.2f ms, of which load %.2f ms; %.1f us a rule, of which load %.1f us\n",
	       n_rules, best * 1e3, best_load * 1e3, best * 1e6 / n_rules,
	       best_load * 1e6 / n_rules);
	free(text);
	return 0;
}
