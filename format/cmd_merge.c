/* SPDX-License-Identifier: BSD-2-Clause */
/* reel merge: captures of several hosts side by side, as one. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format/collect.h"
#include "format/command.h"
#include "format/outcome.h"
#include "format/tail.h"
#include "format/timetext.h"

struct merge_options {
	const char *output;
};

static const struct reel_option merge_table[] = {
	{ "output", 'o', "DIR", REEL_OPT_STRING, offsetof(struct merge_options, output),
	  "where to; a directory that is not there yet" },
	{ 0 },
};

struct merge {
	const struct reel_command *self;
	struct reel_reader **readers;	/* of each operand */
	unsigned n;
	struct reel_collection *made;
	unsigned n_made, n_sources;
	bool made_directory;
};

/* A host name is somebody else's text: what could mean something in a path becomes '_'. */
static void name_of(const struct reel_reader *r, const struct reel_source *s, char *to, size_t size)
{
	char id[2 * TAPE_ID_BYTES + 1], host[65];
	size_t n = strnlen(s->host, sizeof(host) - 1);
	bool is_closed = r->segments[s->first_segment].is_closed;

	for (size_t i = 0; i < n; i++) {
		char c = s->host[i];
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			     (c >= '0' && c <= '9') || c == '_' || (i && (c == '-' || c == '.'));

		host[i] = plain ? c : '_';
	}
	host[n] = '\0';
	reel_id_format(s->capture, id);
	snprintf(to, size, "%s-%.8s", n ? host : is_closed ? "reel" : "_", id);
}

/* The first source that two operands share, and its name. */
static bool find_double(const struct merge *m, char *name, size_t size)
{
	for (unsigned a = 0; a < m->n; a++)
		for (unsigned b = a + 1; b < m->n; b++)
			for (unsigned i = 0; i < m->readers[a]->n_sources; i++)
				for (unsigned k = 0; k < m->readers[b]->n_sources; k++) {
					const struct reel_source *s = &m->readers[a]->sources[i];

					if (memcmp(s->capture, m->readers[b]->sources[k].capture,
						   TAPE_ID_BYTES) != 0)
						continue;
					name_of(m->readers[a], s, name, size);
					return true;
				}
	return false;
}

/* A file with parts that were cut from several captures cannot be taken apart. */
static bool is_mixed_cut(const struct reel_reader *r)
{
	for (unsigned i = 0; i < r->n_segments; i++)
		for (unsigned k = 0; r->segments[i].is_cut && k < r->n_segments; k++)
			if (r->segments[k].path == r->segments[i].path &&
			    r->segments[k].source != r->segments[i].source)
				return true;
	return false;
}

static int put_source(struct merge *m, const struct reel_reader *r, const struct reel_source *s,
		      const char *directory, struct reel_err *err)
{
	struct reel_collection *c = &m->made[m->n_made];
	bool *wanted = calloc(r->n_segments + 1u, sizeof(*wanted));
	char name[96], *path = NULL;
	int result;

	name_of(r, s, name, sizeof(name));
	if (!wanted || asprintf(&path, "%s/%s", directory, name) < 0) {
		free(wanted);
		return reel_err_set(err, -ENOMEM, "no memory");
	}
	memset(wanted + s->first_segment, true, s->n_segments);
	result = reel_collection_make(c, path, err);
	if (result == 0) {
		m->n_made++;
		result = reel_collection_put(c, r, wanted, err);
	}
	if (result == 0)
		result = reel_collection_finish(c, err);
	free(path);
	free(wanted);
	return result;
}

static int open_all(struct merge *m, const struct reel_args *args)
{
	struct reel_err err = { 0 };
	char name[96];

	m->readers = calloc((size_t)args->n, sizeof(struct reel_reader *));
	for (int i = 0; m->readers && i < args->n; i++) {
		int r = reel_reader_open_closed(&args->v[i], 1, NULL, &m->readers[i], &err);

		if (r < 0)
			return reel_command_fail(m->self, reel_status_of(r), &err);
		m->n++;
		m->n_sources += m->readers[i]->n_sources;
		if (is_mixed_cut(m->readers[i]))
			return reel_command_misuse(m->self,
						   "%s: cuts of several captures in one file",
						   args->v[i]);
	}
	m->made = calloc(m->n_sources + 1u, sizeof(*m->made));
	if (!m->readers || !m->made) {
		reel_err_set(&err, -ENOMEM, "no memory");
		return reel_command_fail(m->self, REEL_STATUS_IO, &err);
	}
	if (find_double(m, name, sizeof(name)))
		return reel_command_misuse(m->self, "the capture %s is given twice", name);
	return REEL_STATUS_OK;
}

static int put_all(struct merge *m, const char *directory)
{
	struct reel_err err = { 0 };
	int r = 0;

	for (unsigned i = 0; r == 0 && i < m->n; i++)
		for (unsigned k = 0; r == 0 && k < m->readers[i]->n_sources; k++)
			r = put_source(m, m->readers[i], &m->readers[i]->sources[k], directory,
				       &err);
	return r < 0 ? reel_command_fail(m->self, reel_status_of(r), &err) : REEL_STATUS_OK;
}

/* What is to be filled is there first, so that nothing but it can be written to. */
static int make_directory(struct merge *m, const char *directory, const struct reel_args *args)
{
	struct confine_reader c = { .makes_files = true };
	struct reel_err err = { 0 };

	if (mkdir(directory, 0700) < 0) {
		reel_err_set(&err, -errno, "%s: cannot be made: %s", directory, strerror(errno));
		return reel_command_fail(m->self, REEL_STATUS_IO, &err);
	}
	m->made_directory = true;
	confine_reader_begin(&c);
	for (int i = 0; i < args->n; i++)
		confine_reader_may_read_capture(&c, args->v[i]);
	confine_reader_may_write_in(&c, directory);
	confine_reader_may_remove(&c, directory);
	reel_command_confine(m->self, &args->common, &c);
	return REEL_STATUS_OK;
}

/* The worst of the segments; one that goes on is not bad. */
static enum reel_ending ending_of(const struct reel_reader *r)
{
	enum reel_ending worst = REEL_COMPLETE;

	for (unsigned i = 0; i < r->n_segments; i++)
		if (r->segments[i].ending > worst &&
		    !reel_tail_is_being_written(r, &r->segments[i]))
			worst = r->segments[i].ending;
	return worst;
}

static int merge(struct merge *m, const struct merge_options *o, const struct reel_args *args)
{
	uint64_t linked = 0, copied = 0, bytes = 0;
	char size[REEL_SIZE_TEXT];
	int status = make_directory(m, o->output, args);

	if (status == REEL_STATUS_OK)
		status = open_all(m, args);
	if (status == REEL_STATUS_OK)
		status = put_all(m, o->output);
	for (unsigned i = 0; i < m->n_made; i++) {
		linked += m->made[i].linked;
		copied += m->made[i].copied;
		bytes += m->made[i].bytes;
		if (status != REEL_STATUS_OK)
			reel_collection_undo(&m->made[i]);
	}
	if (status != REEL_STATUS_OK) {
		if (m->made_directory)
			rmdir(o->output);
		return status;
	}
	(void)reel_size_format(bytes, size);
	reel_command_note(m->self, &args->common,
			  "%u captures in %s, %s: %llu files linked, %llu copied", m->n_made,
			  o->output, size, (unsigned long long)linked, (unsigned long long)copied);
	for (unsigned i = 0; i < m->n; i++) {
		enum reel_ending ending = ending_of(m->readers[i]);

		if (ending == REEL_COMPLETE)
			continue;
		reel_command_note(m->self, &args->common, "%s: is %s, and was taken over so",
				  args->v[i], reel_ending_name(ending));
		status = REEL_STATUS_INCOMPLETE;
	}
	return status;
}

static int merge_run(const struct reel_command *self, int argc, char **argv)
{
	struct merge_options o = { 0 };
	struct merge m = { .self = self };
	struct reel_args args;
	int status;

	if (!reel_command_parse(self, argc, argv, &o, &args, &status))
		return status;
	if (args.n == 0)
		status = reel_command_misuse(self, "which captures?");
	else if (!o.output || !*o.output)
		status = reel_command_misuse(self, "where to? say -o DIR");
	else
		status = merge(&m, &o, &args);
	for (unsigned i = 0; i < m.n_made; i++)
		reel_collection_done(&m.made[i]);
	for (unsigned i = 0; i < m.n; i++)
		reel_reader_close(m.readers[i]);
	free(m.readers);
	free(m.made);
	reel_options_done(merge_table, &o);
	return status;
}

const struct reel_command reel_cmd_merge = {
	.name = "merge",
	.summary = "captures of several hosts side by side, as one",
	.usage = "CAPTURE...",
	.examples = { "reel merge -o incident.reel web1.reel web2.reel db.rls",
		      "reel merge -o two.reel web1.reel web2.reel && reel info two.reel" },
	.options = merge_table,
	.run = merge_run,
};
