/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Command-line options as tables. A command owns a plain struct and a table that says, a row an
 * option, where in the struct its value goes; parsing, --help and the check of the manual page all
 * read the same rows. Nothing here prints.
 *
 * Parsing reorders ARGV so that the operands come first and borrows its strings, which must outlive
 * the options. Repeatable options own an array: release it with reel_options_done(), which may be
 * called on zeroed or half-filled options, and twice.
 */
#ifndef REEL_FORMAT_OPTIONS_H
#define REEL_FORMAT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

struct reel_strings {
	const char **v;
	size_t n;
	size_t cap;
};

enum reel_option_kind {
	REEL_OPT_FLAG,	   /* bool: set to true */
	REEL_OPT_COUNT,	   /* unsigned: one more each time */
	REEL_OPT_SET,	   /* int: set to the row's .value; a short form of a choice */
	REEL_OPT_STRING,   /* const char *: the last one wins */
	REEL_OPT_LIST,	   /* struct reel_strings: repeatable, in the order given */
	REEL_OPT_U32,	   /* uint32_t */
	REEL_OPT_U64,	   /* uint64_t */
	REEL_OPT_SIZE,	   /* uint64_t, bytes: 4096, 64K, 16M, 2G, 1T */
	REEL_OPT_DURATION, /* uint64_t, ns: 500ms, 60s, 15m, 1h30m, 7d */
	REEL_OPT_CHOICE,   /* int: the index into the row's .choices, "a|b|c" */
	REEL_OPT_PARSE,	   /* whatever the row's .parse does with it */
};

typedef int (*reel_option_parse_fn)(const char *text, void *field, struct reel_err *err);

/* A table ends with a row of zeroes. Most rows need the first six members only. */
struct reel_option {
	const char *name; /* without the dashes */
	char letter;	  /* 0: no short form */
	const char *arg;  /* its name in --help; NULL for kinds without a value, and for a choice,
			   * which then shows its choices */
	enum reel_option_kind kind;
	size_t offset;
	const char *help;
	const char *heading; /* a title that goes before this row and holds for those after it */
	const char *choices;
	int value;
	reel_option_parse_fn parse;
	bool seldom; /* --help names it only, "reel help COMMAND" tells of it */
};

enum reel_color { REEL_COLOR_AUTO, REEL_COLOR_ALWAYS, REEL_COLOR_NEVER };

/* What every command accepts. */
struct reel_common {
	bool help;
	bool version;
	bool quiet;
	unsigned verbose;
	int color; /* enum reel_color; see reel_common_color() */
};

extern const struct reel_option reel_common_options[];

struct reel_args {
	struct reel_common common;
	char **v; /* the operands, inside argv */
	int n;
	int n_before; /* how many of them stood before "--"; -1 when there was no "--" */
	uint64_t given; /* a bit for each of the first rows of the command's table; see below */
};

enum { REEL_ROWS_GIVEN = 64 };

/* Whether the line had the option of row I of the command's table. */
static inline bool reel_args_have(const struct reel_args *args, size_t i)
{
	return i < REEL_ROWS_GIVEN && args->given >> i & 1;
}

/*
 * ARGV[0] is the name of the command and is skipped. OPTS holds the defaults on entry. --help and
 * --version end the parsing at once, so that they work on a line which is otherwise wrong.
 * -EINVAL: the line is not what the table says; the message suggests the nearest name. -ERANGE: it
 * is, but a number is larger than can be.
 */
int reel_options_parse(const struct reel_option *table, void *opts, int argc, char **argv,
		       struct reel_args *ret_args, struct reel_err *err);

/* One option alone, for who reads them from elsewhere: TEXT is NULL for kinds without a value. */
bool reel_option_has_value(const struct reel_option *row);
int reel_option_set(const struct reel_option *row, void *opts, const char *text,
		    struct reel_err *err);

void reel_options_done(const struct reel_option *table, void *opts);

int reel_strings_add(struct reel_strings *s, const char *string);
void reel_strings_done(struct reel_strings *s);

/* Do these options and this environment ask for colour on FD? */
bool reel_common_color(const struct reel_common *common, int fd);

/* Values, for those who get them from elsewhere than a command line. The whole text must be one. */
int reel_parse_u64(const char *text, uint64_t *ret_value, struct reel_err *err);
int reel_parse_size(const char *text, uint64_t *ret_bytes, struct reel_err *err);
int reel_parse_duration(const char *text, uint64_t *ret_ns, struct reel_err *err);
/* CHOICES is "a|b|c"; the result is the index of TEXT among them. */
int reel_parse_choice(const char *text, const char *choices, int *ret_index, struct reel_err *err);

/*
 * "Did you mean": start with REEL_NEAREST(word), offer every name, read .best, which stays NULL
 * when nothing was near enough to be worth saying.
 */
struct reel_nearest {
	const char *word;
	const char *best;
	unsigned distance;
};

#define REEL_NEAREST(w) ((struct reel_nearest){ .word = (w) })

void reel_nearest_offer(struct reel_nearest *n, const char *name);

#endif
