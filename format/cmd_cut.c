/* SPDX-License-Identifier: BSD-2-Clause */
/* reel cut: a part of a capture. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format/command.h"
#include "format/cut.h"
#include "format/key_option.h"
#include "format/moment.h"
#include "format/out.h"
#include "format/outcome.h"

struct cut_options {
	const char *output, *from, *to;
	struct reel_strings types, pids, keys;
};

#define AT(field) offsetof(struct cut_options, field)

static const struct reel_option cut_table[] = {
	{ "output", 'o', "FILE", REEL_OPT_STRING, AT(output),
	  "where to; a file that is not there yet, or - for standard output" },
	{ "from", 0, "TIME", REEL_OPT_STRING, AT(from),
	  "nothing before TIME: 2026-11-21T08:00:00Z, -15m before the end, or @NS since boot" },
	{ "to", 0, "TIME", REEL_OPT_STRING, AT(to), "nothing at or after TIME" },
	{ "pid", 0, "PID,...", REEL_OPT_LIST, AT(pids),
	  "only of these processes; may be repeated" },
	{ "type", 0, "NAME,...", REEL_OPT_LIST, AT(types),
	  "only of these types, besides what tells the state; may be repeated" },
	REEL_KEY_OPTION(AT(keys)),
	{ 0 },
};

struct cut {
	const struct reel_command *self;
	struct cut_options options;
	struct reel_args args;
	struct reel_keys *keys;
	struct reel_reader *reader;
	struct reel_filter filter;
	struct reel_out chosen; /* what was asked for, in words */
	struct reel_health health;
	struct reel_cut done;
	int fd; /* where it is cut to */
	bool to_stdout;
};

static const char *misuse_of(const struct cut *c)
{
	const struct cut_options *o = &c->options;

	if (c->args.n != 1)
		return c->args.n ? "one capture at a time, please" : "which capture?";
	if (!o->output || !*o->output)
		return "where to? say -o FILE";
	if (!o->from && !o->to && !o->types.n && !o->pids.n)
		return "cut by what? say --from, --to, --pid or --type";
	if (strcmp(o->output, "-") == 0 && isatty(STDOUT_FILENO))
		return "a capture is nothing to show on a terminal";
	return NULL;
}

static void put_words(struct reel_out *o, const char *option, const char *word)
{
	if (o->len)
		out_char(o, ' ');
	out_str(o, option);
	out_char(o, ' ');
	out_str(o, word);
}

/* As it goes into META, so that it can be seen later what was left out. */
static int describe(struct cut *c, struct reel_err *err)
{
	const struct cut_options *o = &c->options;
	int r = out_init_mem(&c->chosen);

	if (r == 0 && o->from)
		put_words(&c->chosen, "--from", o->from);
	if (r == 0 && o->to)
		put_words(&c->chosen, "--to", o->to);
	for (size_t i = 0; r == 0 && i < o->pids.n; i++)
		put_words(&c->chosen, "--pid", o->pids.v[i]);
	for (size_t i = 0; r == 0 && i < o->types.n; i++)
		put_words(&c->chosen, "--type", o->types.v[i]);
	if (r == 0) {
		out_char(&c->chosen, '\0');
		r = out_error(&c->chosen);
	}
	return r < 0 ? reel_err_set(err, r, "no memory") : 0;
}

static int choose(struct cut *c)
{
	const struct cut_options *o = &c->options;
	struct reel_err err = { 0 };
	int r = 0;

	if (o->from)
		r = reel_moment_parse(o->from, c->reader, &c->filter.from, &err);
	if (r == 0 && o->to)
		r = reel_moment_parse(o->to, c->reader, &c->filter.to, &err);
	if (r == 0)
		r = reel_choose_types(&o->types, c->reader, &c->filter, NULL, &err);
	if (r == 0)
		r = reel_choose_pids(&o->pids, &c->filter, &err);
	if (r == 0)
		r = describe(c, &err);
	if (r == -ENOMEM)
		return reel_command_fail(c->self, REEL_STATUS_IO, &err);
	return r < 0 ? reel_command_misuse(c->self, "%s", err.msg) : REEL_STATUS_OK;
}

static int cut_to(struct cut *c)
{
	int fd = c->fd;
	struct reel_err err = { 0 };
	struct stat st;
	int r;

	if (c->filter.some_types || c->filter.n_pids) {
		r = reel_cut_by_content(c->reader, &c->filter, c->chosen.buf, fd, &c->done,
					&c->health, &err);
	} else {
		c->health = c->reader->health;
		r = reel_cut_by_time(c->reader, &c->filter, fd, &c->done, &err);
	}
	if (r == 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && fsync(fd) < 0)
		r = reel_err_set(&err, -errno, "cannot write the cut: %s", strerror(errno));
	if (r == 0)
		return REEL_STATUS_OK;
	if (r == -EINVAL)
		return reel_command_misuse(c->self, "%s", err.msg);
	return reel_command_fail(c->self, reel_status_of(r), &err);
}

/* It is made first, so that nothing else can be written to. */
static int open_output(struct cut *c)
{
	const char *path = c->options.output;
	struct reel_err err;

	c->to_stdout = strcmp(path, "-") == 0;
	c->fd = c->to_stdout ? STDOUT_FILENO :
			       open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (c->fd >= 0)
		return REEL_STATUS_OK;
	reel_err_set(&err, -errno, "%s: cannot be made: %s", path, strerror(errno));
	return reel_command_fail(c->self, REEL_STATUS_IO, &err);
}

/* Nothing half done stays behind, and nothing that was there is touched. */
static int close_output(struct cut *c, int status)
{
	struct reel_err err;

	if (c->to_stdout)
		return status;
	if (close(c->fd) < 0 && status == REEL_STATUS_OK) {
		reel_err_set(&err, -errno, "%s: %s", c->options.output, strerror(errno));
		status = reel_command_fail(c->self, REEL_STATUS_IO, &err);
	}
	if (status != REEL_STATUS_OK)
		unlink(c->options.output);
	return status;
}

static int open_capture(struct cut *c)
{
	struct confine_reader reader = { .makes_files = !c->to_stdout };
	struct reel_err err = { 0 };
	int r;

	confine_reader_begin(&reader);
	confine_reader_may_read_capture(&reader, c->args.v[0]);
	if (!c->to_stdout)
		confine_reader_may_remove(&reader, c->options.output);
	reel_command_confine(c->self, &c->args.common, &reader);
	r = reel_reader_open_all(c->args.v, 1, c->keys, &c->reader, &err);
	return r < 0 ? reel_command_fail(c->self, reel_status_of(r), &err) : REEL_STATUS_OK;
}

/* What was lost when it was recorded is told in the cut; what is broken is told here only. */
static int conclude(struct cut *c)
{
	char line[REEL_HEALTH_LINE];

	reel_command_note(c->self, &c->args.common, "%llu %s in %llu %s",
			  (unsigned long long)c->done.events,
			  c->done.events == 1 ? "event" : "events",
			  (unsigned long long)c->done.segments,
			  c->done.segments == 1 ? "segment" : "segments");
	c->health.lost = 0;
	if (!reel_health_touches(&c->health, c->reader, &c->filter))
		return REEL_STATUS_OK;
	for (unsigned i = 0; reel_health_line(&c->health, i, line); i++)
		reel_command_note(c->self, &c->args.common, "%s", line);
	return REEL_STATUS_INCOMPLETE;
}

static int cut_run(const struct reel_command *self, int argc, char **argv)
{
	struct reel_err err = { -ENOMEM, "no memory" };
	struct cut *c = calloc(1, sizeof(*c));
	const char *misuse;
	int status;

	if (!c)
		return reel_command_fail(self, REEL_STATUS_IO, &err);
	c->self = self;
	if (!reel_command_parse(self, argc, argv, &c->options, &c->args, &status)) {
		free(c);
		return status;
	}
	misuse = misuse_of(c);
	if (misuse) {
		status = reel_command_misuse(self, "%s", misuse);
		goto out;
	}
	status = reel_key_option_load(self, &c->options.keys, &c->keys);
	if (status != REEL_STATUS_OK)
		goto out;
	status = open_output(c);
	if (status != REEL_STATUS_OK)
		goto out;
	status = open_capture(c);
	if (status == REEL_STATUS_OK)
		status = choose(c);
	if (status == REEL_STATUS_OK)
		status = cut_to(c);
	status = close_output(c, status);
	if (status == REEL_STATUS_OK)
		status = conclude(c);
out:
	reel_reader_close(c->reader);
	reel_keys_free(c->keys);
	out_done(&c->chosen);
	reel_options_done(cut_table, &c->options);
	free(c);
	return status;
}

const struct reel_command reel_cmd_cut = {
	.name = "cut",
	.summary = "a part of a capture: of a time, of processes, of types of events",
	.usage = "CAPTURE",
	.examples = { "reel cut --from -15m -o last.rls web1.reel",
		      "reel cut --pid 4711 --type exec -o - web1.reel | ssh lab tee x.rls" },
	.options = cut_table,
	.run = cut_run,
};
