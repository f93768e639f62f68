/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Command lines of every command, read and not run, and what is taken from the environment. The
 * input is words that end with a NUL: byte 0 is the command, the first words after it are the
 * environment's, the others the command line.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/command.h"
#include "format/timetext.h"
#include "query/cmd_query.h"

#define MUST(cond)               \
	do {                     \
		if (!(cond))     \
			abort(); \
	} while (0)

extern const struct reel_command reel_cmd_info, reel_cmd_verify, reel_cmd_dump, reel_cmd_replay,
	reel_cmd_rules, reel_cmd_cut, reel_cmd_keep, reel_cmd_merge, reel_cmd_list, reel_cmd_query,
	reel_cmd_report;

static const struct reel_command *const commands[] = {
	&reel_cmd_info, &reel_cmd_verify, &reel_cmd_dump,  &reel_cmd_replay, &reel_cmd_rules,
	&reel_cmd_cut,	&reel_cmd_keep,	  &reel_cmd_merge, &reel_cmd_list,   &reel_cmd_query,
	&reel_cmd_report,
};

enum { N_COMMANDS = sizeof(commands) / sizeof(commands[0]), WORDS = 64 };

static const char *const variables[] = { "NO_COLOR", "TERM", "XDG_CONFIG_HOME", "HOME", "TZ" };

enum { N_VARIABLES = sizeof(variables) / sizeof(variables[0]) };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void set_variable(unsigned i, const char *value)
{
	/* A name of a file is for the C library to open. */
	if (!*value || (strcmp(variables[i], "TZ") == 0 && strchr(value, '/')))
		unsetenv(variables[i]);
	else
		setenv(variables[i], value, 1);
}

static void read_environment(void)
{
	struct query q = { 0 };
	struct reel_strings directories = { 0 };
	char text[REEL_TIME_TEXT];
	struct reel_timefmt format;
	struct reel_tz tz;

	MUST(query_find_directories(&q, &directories) == 0);
	query_directories_done(&directories);
	MUST(reel_tz_parse("local", &tz, NULL) == 0);
	reel_timefmt_init(&format, tz);
	MUST(reel_time_format(&format, 1700000000123456789, text) < sizeof(text));
}

static void read_line(const struct reel_command *command, int argc, char **argv)
{
	static _Alignas(16) char options[4096];
	struct reel_err err = { 0 };
	struct reel_args args;
	int r;

	memset(options, 0, sizeof(options));
	r = reel_options_parse(command->options, options, argc, argv, &args, &err);
	MUST(r == 0 || ((r == -EINVAL || r == -ERANGE) && err.msg[0]));
	if (r == 0) {
		MUST(args.n >= 0 && args.n < argc && args.n_before <= args.n);
		for (int i = 0; i < args.n; i++)
			MUST(strlen(args.v[i]) < SIZE_MAX);
		(void)reel_common_color(&args.common, 1);
	}
	reel_options_done(command->options, options);
	reel_options_done(command->options, options);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *argv[WORDS + 2] = { (char[]){ "command" } }, *text, *word, *end;
	unsigned variable = 0;
	int argc = 1;

	if (size < 1)
		return 0;
	text = malloc(size);
	if (!text)
		return 0;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	end = text + size - 1;
	for (word = text; word < end; word += strlen(word) + 1) {
		if (variable < N_VARIABLES)
			set_variable(variable++, word);
		else if (argc <= WORDS)
			argv[argc++] = word;
	}
	argv[argc] = NULL;
	read_environment();
	read_line(commands[data[0] % N_COMMANDS], argc, argv);
	free(text);
	return 0;
}
