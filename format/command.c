/* SPDX-License-Identifier: BSD-2-Clause */
/* The one file of the library that prints: what all commands say in the same words. */
#include "command.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "complete.h"
#include "version.h"

#define HELP_COLUMNS 80
#define HELP_LEFT_MAX 28 /* a longer left side gets a line of its own */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IS_SANITIZED true
#endif
#endif
#ifndef IS_SANITIZED
#define IS_SANITIZED false
#endif

/* File names come from the machine under examination; what they may do to a terminal stays here. */
static void say(const struct reel_command *self, const char *text)
{
	flockfile(stderr);
	fprintf(stderr, "reel %s: ", self->name);
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (*p < 0x20 || *p == 0x7f)
			fprintf(stderr, "\\x%02x", *p);
		else
			putc(*p, stderr);
	}
	putc('\n', stderr);
	funlockfile(stderr);
}

static int option_left(const struct reel_option *row, char *buf, size_t size)
{
	const char *arg = row->arg ? row->arg : row->kind == REEL_OPT_CHOICE ? row->choices : "";
	char letter[] = "    ";

	if (row->letter)
		memcpy(letter, (char[]){ '-', row->letter, ',' }, 3);
	return snprintf(buf, size, "  %s--%s%s%s", letter, row->name, *arg ? " " : "", arg);
}

static int table_width(const struct reel_option *row, bool all)
{
	char left[128];
	int width = 0;

	for (; row && row->name; row++) {
		int len = option_left(row, left, sizeof(left));

		if ((all || !row->seldom) && len <= HELP_LEFT_MAX && len > width)
			width = len;
	}
	return width;
}

/* From COLUMN on, with the following lines indented to INDENT. */
static void print_wrapped(const char *text, int column, int indent)
{
	bool first = true;

	while (*text) {
		int len = (int)strcspn(text, " ");

		if (!first && column + 1 + len > HELP_COLUMNS) {
			printf("\n%*s", indent, "");
			column = indent;
		} else if (!first) {
			putchar(' ');
			column++;
		}
		printf("%.*s", len, text);
		column += len;
		text += len;
		text += strspn(text, " ");
		first = false;
	}
	putchar('\n');
}

/* A heading goes before the first of its rows that is shown. */
static void print_table(const struct reel_option *row, int width, bool all)
{
	const char *heading = NULL;
	char left[128];

	for (; row && row->name; row++) {
		int len = option_left(row, left, sizeof(left));

		if (row->heading)
			heading = row->heading;
		if (row->seldom && !all)
			continue;
		if (heading)
			printf("\n%s:\n", heading);
		heading = NULL;
		fputs(left, stdout);
		if (len > width)
			printf("\n%*s", width, "");
		else
			printf("%*s", width - len, "");
		fputs("  ", stdout);
		print_wrapped(row->help, width + 2, width + 2);
	}
}

static void print_seldom(const struct reel_command *self)
{
	char text[2048];
	size_t n;

	n = (size_t)snprintf(text, sizeof(text), "  'reel help %s' tells of", self->name);
	for (const struct reel_option *row = self->options; row && row->name; row++)
		if (row->seldom && n < sizeof(text))
			n += (size_t)snprintf(text + n, sizeof(text) - n, " --%s", row->name);
	printf("\nMore:\n  ");
	print_wrapped(text + 2, 2, 2);
}

static bool has_seldom(const struct reel_option *row)
{
	for (; row && row->name; row++)
		if (row->seldom)
			return true;
	return false;
}

static void print_help(const struct reel_command *self, bool all)
{
	const struct reel_option *own = self->options;
	int own_width = table_width(own, all), width = table_width(reel_common_options, all);

	if (own_width > width)
		width = own_width;

	printf("Usage: reel %s [OPTION...]%s%s\n", self->name, self->usage ? " " : "",
	       self->usage ? self->usage : "");
	printf("%c", self->summary[0] >= 'a' && self->summary[0] <= 'z' ? self->summary[0] - 32 :
									  self->summary[0]);
	print_wrapped(self->summary + 1, 1, 0);
	if (own && own->name && !own->heading)
		printf("\nOptions:\n");
	print_table(own, width, all);
	print_table(reel_common_options, width, all);
	if (!all && has_seldom(own))
		print_seldom(self);

	if (self->examples[0])
		printf("\nExamples:\n");
	for (size_t i = 0; i < sizeof(self->examples) / sizeof(*self->examples); i++)
		if (self->examples[i])
			printf("  %s\n", self->examples[i]);
}

static int print_completions(const struct reel_command *self, int n, char **words)
{
	struct reel_out o;
	int r = out_init(&o, STDOUT_FILENO);

	if (r == 0) {
		complete_words(self, n, words, &o);
		r = out_flush(&o);
		out_done(&o);
	}
	return r < 0 ? REEL_STATUS_IO : REEL_STATUS_OK;
}

bool reel_command_parse(const struct reel_command *self, int argc, char **argv, void *opts,
			struct reel_args *ret_args, int *ret_status)
{
	struct reel_args args = { 0 };
	struct reel_err err = { 0 };
	int r;

	if (argc > 2 && strcmp(argv[1], COMPLETE_WORD) == 0) {
		reel_options_done(self->options, opts);
		*ret_status = print_completions(self, argc - 2, argv + 2);
		return false;
	}
	r = reel_options_parse(self->options, opts, argc, argv, &args, &err);
	if (r == 0 && !args.common.help && !args.common.version) {
		*ret_args = args;
		return true;
	}

	reel_options_done(self->options, opts);
	if (r == -ENOMEM) {
		*ret_status = reel_command_fail(self, REEL_STATUS_IO, &err);
	} else if (r < 0) {
		*ret_status = reel_command_misuse(self, "%s", err.msg);
	} else {
		if (args.common.help)
			print_help(self, args.common.verbose > 0);
		else
			printf("reel %s\n", REEL_VERSION);
		*ret_status = REEL_STATUS_OK;
	}
	return false;
}

int reel_command_misuse(const struct reel_command *self, const char *fmt, ...)
{
	struct reel_err err;
	char text[sizeof(err.msg)];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	reel_err_set(&err, -EINVAL, "%s (see 'reel %s --help')", text, self->name);
	say(self, err.msg);
	return REEL_STATUS_USAGE;
}

int reel_command_fail(const struct reel_command *self, enum reel_status status,
		      const struct reel_err *err)
{
	say(self, err->msg);
	return (int)status;
}

void reel_command_note(const struct reel_command *self, const struct reel_common *common,
		       const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	if (common->quiet)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	say(self, text);
}

void reel_command_confine(const struct reel_command *self, const struct reel_common *common,
			  struct confine_reader *c)
{
	static const enum confine_what told[] = { CONFINE_NO_NEW_PRIVS, CONFINE_CAPABILITIES,
						  CONFINE_LANDLOCK, CONFINE_SECCOMP };
	struct confine_report report;

	if (IS_SANITIZED) {
		confine_reader_drop(c);
		return;
	}
	confine_reader_end(c, &report);
	for (size_t i = 0; common->verbose && i < sizeof(told) / sizeof(told[0]); i++)
		if (report.measure[told[i]].status != CONFINE_DONE)
			reel_command_note(self, common, "goes on without %s: %s",
					  confine_measure_names[told[i]],
					  report.measure[told[i]].reason);
}

void reel_command_narrow(struct confine_reader *c)
{
	if (IS_SANITIZED)
		confine_reader_drop(c);
	else
		confine_reader_narrow(c);
}

void reel_command_confine_to(const struct reel_command *self, const struct reel_args *args)
{
	struct confine_reader c = { 0 };

	confine_reader_begin(&c);
	for (int i = 0; i < args->n; i++)
		confine_reader_may_read_capture(&c, args->v[i]);
	reel_command_confine(self, &args->common, &c);
}
