/* SPDX-License-Identifier: BSD-2-Clause */
#include "options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME_MAX_LEN 64 /* longer words are never near anything */

const struct reel_option reel_common_options[] = {
	{ "quiet", 'q', NULL, REEL_OPT_FLAG, offsetof(struct reel_common, quiet),
	  "say nothing but errors", .heading = "Common" },
	{ "verbose", 'v', NULL, REEL_OPT_COUNT, offsetof(struct reel_common, verbose),
	  "say more; repeat for still more" },
	{ "color", 0, "WHEN", REEL_OPT_CHOICE, offsetof(struct reel_common, color),
	  "colours: auto (on a terminal), always or never", .choices = "auto|always|never" },
	{ "help", 'h', NULL, REEL_OPT_FLAG, offsetof(struct reel_common, help), "show this" },
	{ "version", 0, NULL, REEL_OPT_FLAG, offsetof(struct reel_common, version),
	  "show which reel this is" },
	{ 0 },
};

/* Values ------------------------------------------------------------------------------------- */

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit size_units[] = {
	{ "", 1 },
	{ "K", 1ULL << 10 },
	{ "KiB", 1ULL << 10 },
	{ "M", 1ULL << 20 },
	{ "MiB", 1ULL << 20 },
	{ "G", 1ULL << 30 },
	{ "GiB", 1ULL << 30 },
	{ "T", 1ULL << 40 },
	{ "TiB", 1ULL << 40 },
	{ 0 },
};

static const struct unit duration_units[] = {
	{ "ns", 1 },
	{ "us", 1000 },
	{ "ms", 1000000 },
	{ "s", 1000000000 },
	{ "m", 60 * 1000000000ULL },
	{ "h", 3600 * 1000000000ULL },
	{ "d", 86400 * 1000000000ULL },
	{ "w", 7 * 86400 * 1000000000ULL },
	{ 0 },
};

static const char digits[] = "0123456789";

/* strtoull() alone would take a sign and white space: "-1" would be the largest number of all. */
static int scan_u64(const char *text, int base, const char **ret_rest, uint64_t *ret_value)
{
	unsigned long long value;
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	value = strtoull(text, &end, base);
	if (errno == ERANGE)
		return -ERANGE;

	*ret_rest = end;
	*ret_value = value;
	return 0;
}

static int number_err(struct reel_err *err, int r, const char *text)
{
	if (r == -ERANGE)
		return reel_err_set(err, -ERANGE, "'%s' is too large", text);
	return reel_err_set(err, -EINVAL, "'%s' is not a number", text);
}

int reel_parse_u64(const char *text, uint64_t *ret_value, struct reel_err *err)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	const char *rest;
	uint64_t value;
	int r;

	r = scan_u64(text, hex ? 16 : 10, &rest, &value);
	if (r == 0 && *rest)
		r = -EINVAL;
	if (r < 0)
		return number_err(err, r, text);

	*ret_value = value;
	return 0;
}

static const struct unit *unit_find(const struct unit *units, const char *name, size_t len)
{
	for (; units->name; units++)
		if (strlen(units->name) == len && strncasecmp(units->name, name, len) == 0)
			return units;
	return NULL;
}

int reel_parse_size(const char *text, uint64_t *ret_bytes, struct reel_err *err)
{
	const struct unit *unit;
	const char *rest;
	uint64_t bytes;
	int r;

	r = scan_u64(text, 10, &rest, &bytes);
	if (r < 0)
		return number_err(err, r, text);
	unit = unit_find(size_units, rest, strlen(rest));
	if (!unit)
		return reel_err_set(err, -EINVAL,
				    "'%s' is not a size: bytes, or a number with K, M, G or T",
				    text);
	if (__builtin_mul_overflow(bytes, unit->factor, &bytes))
		return number_err(err, -ERANGE, text);

	*ret_bytes = bytes;
	return 0;
}

int reel_parse_duration(const char *text, uint64_t *ret_ns, struct reel_err *err)
{
	uint64_t total = 0;
	const char *p = text;

	if (strcmp(text, "0") == 0) {
		*ret_ns = 0;
		return 0;
	}

	do {
		const struct unit *unit;
		const char *rest;
		uint64_t ns;
		size_t len;
		int r;

		r = scan_u64(p, 10, &rest, &ns);
		if (r < 0)
			return number_err(err, r, text);
		len = strcspn(rest, digits);
		unit = unit_find(duration_units, rest, len);
		if (!unit)
			return reel_err_set(err, -EINVAL,
					    "'%s' needs a unit: ns, us, ms, s, m, h, d or w", text);
		if (__builtin_mul_overflow(ns, unit->factor, &ns) ||
		    __builtin_add_overflow(total, ns, &total))
			return number_err(err, -ERANGE, text);
		p = rest + len;
	} while (*p);

	*ret_ns = total;
	return 0;
}

int reel_parse_choice(const char *text, const char *choices, int *ret_index, struct reel_err *err)
{
	size_t want = strlen(text);
	const char *p = choices;

	for (int i = 0;; i++) {
		size_t len = strcspn(p, "|");

		if (len == want && memcmp(p, text, len) == 0) {
			*ret_index = i;
			return 0;
		}
		if (!p[len])
			break;
		p += len + 1;
	}
	return reel_err_set(err, -EINVAL, "'%s' is none of %s", text, choices);
}

int reel_strings_add(struct reel_strings *s, const char *string)
{
	if (s->n == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 8;
		const char **v = reallocarray(s->v, cap, sizeof(*v));

		if (!v)
			return -ENOMEM;
		s->v = v;
		s->cap = cap;
	}
	s->v[s->n++] = string;
	return 0;
}

void reel_strings_done(struct reel_strings *s)
{
	if (!s)
		return;
	free(s->v);
	*s = (struct reel_strings){ 0 };
}

/* Rows --------------------------------------------------------------------------------------- */

typedef int (*set_fn)(const struct reel_option *row, void *field, const char *text,
		      struct reel_err *err);

static int set_flag(const struct reel_option *row, void *field, const char *text,
		    struct reel_err *err)
{
	(void)row, (void)text, (void)err;
	*(bool *)field = true;
	return 0;
}

static int set_count(const struct reel_option *row, void *field, const char *text,
		     struct reel_err *err)
{
	(void)row, (void)text, (void)err;
	++*(unsigned *)field;
	return 0;
}

static int set_value(const struct reel_option *row, void *field, const char *text,
		     struct reel_err *err)
{
	(void)text, (void)err;
	*(int *)field = row->value;
	return 0;
}

static int set_string(const struct reel_option *row, void *field, const char *text,
		      struct reel_err *err)
{
	(void)row, (void)err;
	*(const char **)field = text;
	return 0;
}

static int set_list(const struct reel_option *row, void *field, const char *text,
		    struct reel_err *err)
{
	(void)row;
	if (reel_strings_add(field, text) < 0)
		return reel_err_set(err, -ENOMEM, "out of memory");
	return 0;
}

static int set_u32(const struct reel_option *row, void *field, const char *text,
		   struct reel_err *err)
{
	uint64_t value;
	int r;

	(void)row;
	r = reel_parse_u64(text, &value, err);
	if (r < 0)
		return r;
	if (value > UINT32_MAX)
		return number_err(err, -ERANGE, text);
	*(uint32_t *)field = (uint32_t)value;
	return 0;
}

static int set_u64(const struct reel_option *row, void *field, const char *text,
		   struct reel_err *err)
{
	(void)row;
	return reel_parse_u64(text, field, err);
}

static int set_size(const struct reel_option *row, void *field, const char *text,
		    struct reel_err *err)
{
	(void)row;
	return reel_parse_size(text, field, err);
}

static int set_duration(const struct reel_option *row, void *field, const char *text,
			struct reel_err *err)
{
	(void)row;
	return reel_parse_duration(text, field, err);
}

static int set_choice(const struct reel_option *row, void *field, const char *text,
		      struct reel_err *err)
{
	return reel_parse_choice(text, row->choices, field, err);
}

static int set_parse(const struct reel_option *row, void *field, const char *text,
		     struct reel_err *err)
{
	return row->parse(text, field, err);
}

/* clang-format off */
static const struct {
	bool has_value;
	set_fn set;
} kinds[] = {
	[REEL_OPT_FLAG] = { false, set_flag },
	[REEL_OPT_COUNT] = { false, set_count },
	[REEL_OPT_SET] = { false, set_value },
	[REEL_OPT_STRING] = { true, set_string },
	[REEL_OPT_LIST] = { true, set_list },
	[REEL_OPT_U32] = { true, set_u32 },
	[REEL_OPT_U64] = { true, set_u64 },
	[REEL_OPT_SIZE] = { true, set_size },
	[REEL_OPT_DURATION] = { true, set_duration },
	[REEL_OPT_CHOICE] = { true, set_choice },
	[REEL_OPT_PARSE] = { true, set_parse },
};
/* clang-format on */

bool reel_option_has_value(const struct reel_option *row)
{
	return kinds[row->kind].has_value;
}

int reel_option_set(const struct reel_option *row, void *opts, const char *text,
		    struct reel_err *err)
{
	struct reel_err why = { 0 };
	int r = kinds[row->kind].set(row, (char *)opts + row->offset, text, &why);

	return r < 0 ? reel_err_set(err, r, "%s: %s", row->name, why.msg) : 0;
}

/* The line ----------------------------------------------------------------------------------- */

/* A command's rows come before the common ones and may take a common letter for themselves. */
struct line {
	const struct reel_option *table;
	void *opts;
	struct reel_common common;
	int argc;
	char **argv;
	int next; /* the argument to look at */
	uint64_t given;
	struct reel_err *err;
};

/* A row and where its value goes: the two tables fill two structs. */
struct target {
	const struct reel_option *row;
	char *base;
};

static const struct reel_option *row_find(const struct reel_option *row, const char *name,
					  size_t len, char letter)
{
	for (; row && row->name; row++)
		if (name ? strlen(row->name) == len && memcmp(row->name, name, len) == 0 :
			   row->letter == letter)
			return row;
	return NULL;
}

/* By name, or by letter where NAME is NULL. */
static struct target line_find(struct line *l, const char *name, size_t len, char letter)
{
	struct target t = { row_find(l->table, name, len, letter), l->opts };

	if (!t.row)
		t = (struct target){ row_find(reel_common_options, name, len, letter),
				     (char *)&l->common };
	return t;
}

static int line_set(struct line *l, struct target t, const char *text)
{
	struct reel_err why = { 0 };
	bool is_own = t.base == l->opts;
	size_t i = is_own ? (size_t)(t.row - l->table) : REEL_ROWS_GIVEN;
	int r;

	r = kinds[t.row->kind].set(t.row, t.base + t.row->offset, text, &why);
	if (r < 0)
		return reel_err_set(l->err, r, "--%s: %s", t.row->name, why.msg);
	if (i < REEL_ROWS_GIVEN)
		l->given |= UINT64_C(1) << i;
	return 0;
}

static int line_next_value(struct line *l, struct target t, const char **ret_text)
{
	if (l->next >= l->argc)
		return reel_err_set(l->err, -EINVAL, "option '--%s' needs a value: %s", t.row->name,
				    t.row->arg ? t.row->arg : t.row->choices);
	*ret_text = l->argv[l->next++];
	return 0;
}

static int unknown_long(struct line *l, const char *name, size_t len)
{
	char word[NAME_MAX_LEN + 1];
	struct reel_nearest near = REEL_NEAREST(word);

	if (len > NAME_MAX_LEN)
		return reel_err_set(l->err, -EINVAL, "unknown option '--%s'", name);

	memcpy(word, name, len);
	word[len] = '\0';
	for (const struct reel_option *row = l->table; row && row->name; row++)
		reel_nearest_offer(&near, row->name);
	for (const struct reel_option *row = reel_common_options; row->name; row++)
		reel_nearest_offer(&near, row->name);

	if (near.best)
		return reel_err_set(l->err, -EINVAL, "unknown option '--%s', did you mean '--%s'?",
				    word, near.best);
	return reel_err_set(l->err, -EINVAL, "unknown option '--%s'", word);
}

static int long_option(struct line *l, const char *name)
{
	size_t len = strcspn(name, "=");
	struct target t = line_find(l, name, len, 0);
	const char *text = NULL;
	int r;

	if (!t.row)
		return unknown_long(l, name, len);

	if (kinds[t.row->kind].has_value) {
		if (name[len] == '=') {
			text = name + len + 1;
		} else {
			r = line_next_value(l, t, &text);
			if (r < 0)
				return r;
		}
	} else if (name[len] == '=') {
		return reel_err_set(l->err, -EINVAL, "option '--%s' takes no value", t.row->name);
	}
	return line_set(l, t, text);
}

static int short_options(struct line *l, const char *letters)
{
	for (const char *p = letters; *p; p++) {
		struct target t = line_find(l, NULL, 0, *p);
		const char *text = NULL;
		int r;

		if (!t.row) {
			size_t len = strcspn(letters, "=");

			if (len > 1 && line_find(l, letters, len, 0).row)
				return reel_err_set(l->err, -EINVAL,
						    "unknown option '-%s', did you mean '--%s'?",
						    letters, letters);
			return reel_err_set(l->err, -EINVAL, "unknown option '-%c'", *p);
		}
		if (kinds[t.row->kind].has_value) {
			if (p[1]) {
				text = p + 1;
			} else {
				r = line_next_value(l, t, &text);
				if (r < 0)
					return r;
			}
		}
		r = line_set(l, t, text);
		if (r < 0 || text)
			return r;
	}
	return 0;
}

int reel_options_parse(const struct reel_option *table, void *opts, int argc, char **argv,
		       struct reel_args *ret_args, struct reel_err *err)
{
	struct line l = { .table = table,
			  .opts = opts,
			  .argc = argc,
			  .argv = argv,
			  .next = 1,
			  .err = err };
	int n = 0, n_before = -1;

	while (l.next < argc && !l.common.help && !l.common.version) {
		char *arg = argv[l.next++];
		int r;

		if (n_before >= 0 || arg[0] != '-' || arg[1] == '\0') {
			argv[1 + n++] = arg; /* never ahead of l.next: nothing unread is lost */
			continue;
		}
		if (strcmp(arg, "--") == 0) {
			n_before = n;
			continue;
		}

		r = arg[1] == '-' ? long_option(&l, arg + 2) : short_options(&l, arg + 1);
		if (r < 0)
			return r;
	}

	*ret_args = (struct reel_args){ l.common, argv + 1, n, n_before, l.given };
	return 0;
}

void reel_options_done(const struct reel_option *table, void *opts)
{
	for (const struct reel_option *row = table; row && row->name; row++)
		if (row->kind == REEL_OPT_LIST)
			reel_strings_done((void *)((char *)opts + row->offset));
}

bool reel_common_color(const struct reel_common *common, int fd)
{
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	if (common->color != REEL_COLOR_AUTO)
		return common->color == REEL_COLOR_ALWAYS;
	return !(no_color && *no_color) && !(term && strcmp(term, "dumb") == 0) && isatty(fd);
}

/* Near names --------------------------------------------------------------------------------- */

static unsigned min_u(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Insertions, deletions, replacements and swaps of neighbours that make one word of the other. */
static unsigned edit_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	unsigned row[3][NAME_MAX_LEN + 1];

	for (size_t j = 0; j <= b_len; j++)
		row[0][j] = (unsigned)j;

	for (size_t i = 1; i <= a_len; i++) {
		unsigned *cur = row[i % 3], *prev = row[(i - 1) % 3], *prev2 = row[(i + 1) % 3];

		cur[0] = (unsigned)i;
		for (size_t j = 1; j <= b_len; j++) {
			cur[j] = min_u(prev[j - 1] + (a[i - 1] != b[j - 1]),
				       min_u(prev[j], cur[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				cur[j] = min_u(cur[j], prev2[j - 2] + 1);
		}
	}
	return row[a_len % 3][b_len];
}

void reel_nearest_offer(struct reel_nearest *n, const char *name)
{
	size_t word_len = strlen(n->word), name_len = strlen(name);
	unsigned limit = word_len <= 3 ? 1 : (unsigned)word_len / 3 + 1;
	unsigned distance;

	if (word_len == 0 || word_len > NAME_MAX_LEN || name_len > NAME_MAX_LEN)
		return;

	if (word_len > 1 && strncmp(n->word, name, word_len) == 0)
		distance = 1; /* a beginning is meant to be the whole, however much is missing */
	else
		distance = edit_distance(n->word, word_len, name, name_len);

	if (distance <= limit && (!n->best || distance < n->distance)) {
		n->best = name;
		n->distance = distance;
	}
}
