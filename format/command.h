/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the front door knows of a command, and the few things that all commands say in the same
 * words. The functions below are the only ones of the library that print, and they do so for
 * command files: what was asked for (--help, --version) to stdout, all talk to stderr.
 *
 * A command reads like this:
 *
 *	struct info_options {
 *		int format;
 *	};
 *
 *	static const struct reel_option info_table[] = {
 *		{ "format", 0, NULL, REEL_OPT_CHOICE, offsetof(struct info_options, format),
 *		  "how to print it (default: text)", .choices = "text|json" },
 *		{ 0 },
 *	};
 *
 *	static int info_run(const struct reel_command *self, int argc, char **argv)
 *	{
 *		struct info_options o = { 0 };
 *		struct reel_args args;
 *		int status;
 *
 *		if (!reel_command_parse(self, argc, argv, &o, &args, &status))
 *			return status;
 *		if (args.n == 0) {
 *			status = reel_command_misuse(self, "which capture?");
 *			goto out;
 *		}
 *		...
 *	out:
 *		reel_options_done(info_table, &o);
 *		return status;
 *	}
 *
 *	const struct reel_command reel_cmd_info = {
 *		.name = "info",
 *		.summary = "what a capture holds, what it lost, and whether it is complete",
 *		.usage = "CAPTURE...",
 *		.examples = { "reel info web1.reel", "reel info --format json web1.reel" },
 *		.options = info_table,
 *		.run = info_run,
 *	};
 */
#ifndef REEL_FORMAT_COMMAND_H
#define REEL_FORMAT_COMMAND_H

#include <stdbool.h>

#include "confine.h"
#include "err.h"
#include "options.h"

/*
 * What a command's end tells a script. When several apply, the first in this order is it: usage,
 * privilege, io, unreadable, finding, incomplete, ok.
 */
enum reel_status {
	REEL_STATUS_OK = 0,
	REEL_STATUS_FINDING = 1,
	REEL_STATUS_USAGE = 2,	    /* or a rule or SQL that does not compile */
	REEL_STATUS_UNREADABLE = 3, /* nothing could be read; verify: damaged or altered */
	REEL_STATUS_INCOMPLETE = 4, /* no finding, but what is missing touched the question */
	REEL_STATUS_PRIVILEGE = 5,  /* or support in the kernel */
	REEL_STATUS_IO = 6,	    /* or memory */
};

struct reel_out;

struct reel_command {
	const char *name;
	const char *summary;	 /* half a line, lower case, no full stop */
	const char *usage;	 /* the operands */
	const char *examples[3]; /* two of them */
	const struct reel_option *options;
	/* Returns an enum reel_status. */
	int (*run)(const struct reel_command *self, int argc, char **argv);
	/* What an operand that begins with @ may be, see complete.h; or NULL. */
	void (*complete)(const char *word, struct reel_out *out);
};

/*
 * Parse and, on the way, answer --help and --version and report a wrong line. True: go on, and the
 * caller owns OPTS. False: everything is said and freed, end with *RET_STATUS.
 */
bool reel_command_parse(const struct reel_command *self, int argc, char **argv, void *opts,
			struct reel_args *ret_args, int *ret_status);

/* The line is well formed but makes no sense. Returns REEL_STATUS_USAGE. */
int reel_command_misuse(const struct reel_command *self, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Print ERR under the command's name. Returns STATUS. */
int reel_command_fail(const struct reel_command *self, enum reel_status status,
		      const struct reel_err *err);

/* Talk: a line to stderr under the command's name, unless --quiet. */
void reel_command_note(const struct reel_command *self, const struct reel_common *common,
		       const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/*
 * From here on the command can do what C was told and no more; to be called before a byte is read
 * that comes from elsewhere. What the kernel does not have is said with --verbose. A build with
 * sanitizers stays as it is: what they do at the end is forbidden.
 */
void reel_command_confine(const struct reel_command *self, const struct reel_common *common,
			  struct confine_reader *c);
/* Once more, where it is said only now which files it reads. */
void reel_command_narrow(struct confine_reader *c);
/* For a command that reads captures, the operands, and nothing else. */
void reel_command_confine_to(const struct reel_command *self, const struct reel_args *args);

#endif
