/* SPDX-License-Identifier: BSD-2-Clause */
/* reel report: a case as one page for people. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format/case.h"
#include "format/command.h"
#include "format/outcome.h"
#include "format/program.h"
#include "query/database.h"
#include "query/health.h"
#include "query/report_page.h"

enum { STEPS_BETWEEN_LOOKS = 1000, MARK_BYTES = 64 };

struct report_options {
	const char *output;
	uint64_t events;
};

#define AT(field) offsetof(struct report_options, field)

static const struct reel_option report_table[] = {
	{ "output", 'o', "FILE", REEL_OPT_STRING, AT(output),
	  "where to; an earlier report is written over, nothing else; -: standard output" },
	{ "events", 0, "N", REEL_OPT_U64, AT(events),
	  "how many events the timeline has at most (100000)" },
	{ 0 },
};

struct report {
	const struct reel_command *self;
	struct report_options options;
	struct reel_args args;
	const char *source;
	struct reel_captures *captures;
	struct reel_out out;
	struct page page;
	int fd; /* where it goes; -1: not open */
	bool to_stdout, was_there;
};

/* A signal came. */
static volatile int stop;

static void handle_stop(int signal_number)
{
	/* Whoever asks twice does not want to wait. */
	(void)signal(signal_number, SIG_DFL);
	stop = signal_number;
}

static int look_at_stop(void *context)
{
	(void)context;
	return stop;
}

static const char *misuse_of(const struct report *p)
{
	const struct report_options *o = &p->options;

	if (p->args.n != 1)
		return p->args.n ? "one case at a time, please" : "of which case?";
	if (!o->output || !*o->output)
		return "where to? say -o FILE";
	if (o->events > PAGE_EVENTS_MAX)
		return "--events: a page has at most 1000000";
	if (strcmp(o->output, "-") == 0 && isatty(STDOUT_FILENO))
		return "a page is nothing to show on a terminal";
	return NULL;
}

static int fail(struct report *p, int r, struct reel_err *err)
{
	return reel_command_fail(p->self, reel_status_of(r), err);
}

/* What is there is only written over if it is a report, or empty. */
static bool may_be_overwritten(int fd)
{
	char head[MARK_BYTES];
	ssize_t n = pread(fd, head, sizeof(head), 0);
	size_t mark = strlen(page_mark);
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || n < 0)
		return false;
	return n == 0 || ((size_t)n >= mark && memcmp(head, page_mark, mark) == 0);
}

/* It is opened first, so that nothing else can be written to. */
static int open_output(struct report *p)
{
	const char *path = p->options.output;
	struct reel_err err;

	p->to_stdout = strcmp(path, "-") == 0;
	p->fd = p->to_stdout ? STDOUT_FILENO :
			       open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (p->fd < 0 && errno == EEXIST) {
		p->was_there = true;
		p->fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	}
	if (p->fd < 0) {
		reel_err_set(&err, -errno, "%s: cannot be made: %s", path, strerror(errno));
		return reel_command_fail(p->self, REEL_STATUS_IO, &err);
	}
	if (p->was_there && !may_be_overwritten(p->fd)) {
		reel_err_set(&err, -EEXIST, "%s: is there already, and is no report", path);
		return reel_command_fail(p->self, REEL_STATUS_IO, &err);
	}
	return REEL_STATUS_OK;
}

/* Nothing half done stays behind; a report that was there is left as it was, or is gone. */
static int close_output(struct report *p, int status, bool failed)
{
	struct reel_err err;

	if (p->to_stdout || p->fd < 0)
		return status;
	if (close(p->fd) < 0 && !failed) {
		reel_err_set(&err, -errno, "%s: %s", p->options.output, strerror(errno));
		status = reel_command_fail(p->self, REEL_STATUS_IO, &err);
		failed = true;
	}
	if (failed && !p->was_there)
		unlink(p->options.output);
	return status;
}

static void confine(struct report *p)
{
	static const char *const beside[] = { "", "-wal", "-shm" };
	struct confine_reader c = { .makes_files = !p->to_stdout, .writes_database = true };

	confine_reader_begin(&c);
	for (size_t i = 0; i < sizeof(beside) / sizeof(*beside); i++) {
		char *path = sqlite3_mprintf("%s%s", p->source, beside[i]);

		if (path)
			confine_reader_may_read(&c, path);
		sqlite3_free(path);
	}
	confine_reader_may_spill(&c);
	if (!p->to_stdout && !p->was_there)
		confine_reader_may_remove(&c, p->options.output);
	reel_command_confine(p->self, &p->args.common, &c);
}

static int check_case(struct report *p, struct reel_err *err)
{
	if (database_number(p->page.db, "PRAGMA application_id", 0) == CASE_APPLICATION_ID)
		return 0;
	return reel_err_set(err, -ENODATA, "%s: this is no case; reel replay -o makes one",
			    p->source);
}

static int write_page(struct report *p, struct reel_err *err)
{
	int r = database_open(p->source, false, &p->page.db, &p->captures, err);

	if (r == 0)
		r = check_case(p, err);
	if (r < 0)
		return r;
	sqlite3_progress_handler(p->page.db, STEPS_BETWEEN_LOOKS, look_at_stop, NULL);
	r = out_init(&p->out, p->fd);
	if (r < 0)
		return reel_err_set(err, r, "no memory");
	if (p->was_there && ftruncate(p->fd, 0) < 0)
		return reel_err_set(err, -errno, "%s: %s", p->options.output, strerror(errno));
	p->page.out = &p->out;
	p->page.path = p->source;
	p->page.max_events = p->options.events;
	return page_write(&p->page, err);
}

static void say_line(void *context, const char *line)
{
	struct report *p = context;

	reel_command_note(p->self, &p->args.common, "%s", line);
}

static int conclude(struct report *p)
{
	const struct page *g = &p->page;
	enum reel_status status = health_of_case(g->db, say_line, p);

	if (g->events_shown < g->events_there)
		reel_command_note(p->self, &p->args.common,
				  "%llu of %llu events are in the timeline (--events), all in what "
				  "it counts",
				  (unsigned long long)g->events_shown,
				  (unsigned long long)g->events_there);
	if (!p->to_stdout)
		reel_command_note(p->self, &p->args.common, "%s: %llu %s, %llu KiB",
				  p->options.output, (unsigned long long)g->findings,
				  g->findings == 1 ? "finding" : "findings",
				  (unsigned long long)(p->out.flushed + 1023) / 1024);
	return g->findings ? REEL_STATUS_FINDING : (int)status;
}

static int report(struct report *p)
{
	struct sigaction action = { .sa_handler = handle_stop };
	struct reel_err err = { 0 };
	int status, r;

	p->source = p->args.v[0];
	r = reel_program_hash(p->page.program_hash, &err);
	if (r < 0)
		return fail(p, r, &err);
	status = open_output(p);
	if (status != REEL_STATUS_OK) {
		if (p->fd >= 0)
			close(p->fd);
		return status;
	}
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	confine(p);
	r = write_page(p, &err);
	if (stop) {
		reel_err_set(&err, -EINTR, "interrupted");
		r = -EINTR;
	}
	status = r < 0 ? fail(p, r, &err) : REEL_STATUS_OK;
	status = close_output(p, stop ? 128 + stop : status, r < 0);
	return status == REEL_STATUS_OK ? conclude(p) : status;
}

static int report_run(const struct reel_command *self, int argc, char **argv)
{
	struct reel_err err = { -ENOMEM, "no memory" };
	struct report *p = calloc(1, sizeof(*p));
	const char *misuse;
	int status;

	if (!p)
		return reel_command_fail(self, REEL_STATUS_IO, &err);
	p->self = self;
	p->options.events = PAGE_EVENTS_DEFAULT;
	if (!reel_command_parse(self, argc, argv, &p->options, &p->args, &status)) {
		free(p);
		return status;
	}
	misuse = misuse_of(p);
	status = misuse ? reel_command_misuse(self, "%s", misuse) : report(p);
	sqlite3_close(p->page.db);
	out_done(&p->out);
	reel_options_done(report_table, &p->options);
	free(p);
	return status;
}

const struct reel_command reel_cmd_report = {
	.name = "report",
	.summary = "a case as one page of HTML: findings, timeline, processes, completeness",
	.usage = "CASE.db",
	.examples = { "reel report -o report.html case.db",
		      "reel report --events 1000000 -o - case.db | ssh lab tee report.html" },
	.options = report_table,
	.run = report_run,
};
