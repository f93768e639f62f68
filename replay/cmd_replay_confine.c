/* SPDX-License-Identifier: BSD-2-Clause */
/* What a replay is able to do: while it loads rules, which may name other files, and afterwards. */
#include <stdlib.h>
#include <string.h>

#include "replay/replay.h"

static void allow_writing(const struct replay_options *o, struct confine_reader *c)
{
	confine_reader_may_spill(c);
	if (o->output)
		confine_reader_may_write(c, o->output);
	if (o->metrics)
		confine_reader_may_write(c, o->metrics);
	if (o->keep)
		confine_reader_may_write_in(c, o->keep);
}

/* Rules that are loaded again may be new files of the same names. */
static void allow_rules(const struct rules *rules, struct confine_reader *c)
{
	for (uint32_t i = 0; i < rules->n_sources; i++) {
		const char *path = rules->sources[i].path, *slash = strrchr(path, '/');
		char *directory = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");

		confine_reader_may_read(c, path);
		if (directory)
			confine_reader_may_read(c, directory);
		free(directory);
	}
}

void replay_confine(struct replay *r, const struct rules *rules)
{
	const struct replay_options *o = &r->options;
	struct confine_reader c = {
		.reads_anywhere = !rules,
		.makes_files = true,
		.writes_database = o->output != NULL,
		.makes_code = true,
		.narrows_later = !rules,
	};

	confine_reader_begin(&c);
	for (int i = 0; i < r->args.n; i++)
		confine_reader_may_read_capture(&c, r->args.v[i]);
	/* Its hash goes with the answer, and its size with the figures. */
	confine_reader_may_read(&c, "/proc/self/exe");
	confine_reader_may_read(&c, "/proc/self");
	confine_reader_may_read(&c, "/dev/urandom");
	if (rules && o->follow)
		allow_rules(rules, &c);
	allow_writing(o, &c);
	if (rules)
		reel_command_narrow(&c);
	else
		reel_command_confine(r->self, &r->args.common, &c);
}
