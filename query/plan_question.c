/* SPDX-License-Identifier: BSD-2-Clause */
/* From a plan and its values to a question. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "query/plan.h"

/* A word of the plan: COLUMN, sign, ?. */
struct word {
	int column; /* as SQL counts them */
	char sign[8];
	const char *next;
};

static int parse_word(const struct plan_table *t, const char *at, struct word *ret,
		      struct reel_err *err)
{
	size_t length = strcspn(at, " <>=");
	size_t sign = strcspn(at + length, "?");

	if (at[length + sign] != '?' || sign >= sizeof(ret->sign))
		return reel_err_set(err, -EINVAL, "a plan of another version: %s", at);
	memcpy(ret->sign, at + length, sign);
	ret->sign[sign] = '\0';
	ret->next = at + length + sign + 1;
	ret->next += strspn(ret->next, ", ");
	ret->column = 0;
	if (length == strlen("capture") && memcmp(at, "capture", length) == 0)
		return 0;
	for (unsigned i = 0; i < t->columns->n; i++) {
		const char *name = t->columns->list[i].name;

		if (strlen(name) == length && memcmp(at, name, length) == 0) {
			ret->column = (int)i + 1;
			return 0;
		}
	}
	return reel_err_set(err, -EINVAL, "a plan of another version: %s", at);
}

int plan_capture(const struct plan_table *t, const char *words, sqlite3_value **values, int n,
		 struct plan_question *ret, struct reel_err *err)
{
	memset(ret, 0, sizeof(*ret));
	for (int i = 0; i < n; i++) {
		const char *path;
		struct word w;
		int r = parse_word(t, words, &w, err);

		if (r < 0)
			return r;
		words = w.next;
		if (w.column)
			continue;
		path = (const char *)sqlite3_value_text(values[i]);
		if (!path) {
			ret->is_nothing = true;
			continue;
		}
		ret->path = strdup(path);
		if (!ret->path)
			return reel_err_set(err, -ENOMEM, "no memory for a path");
	}
	return 0;
}

void plan_question_done(struct plan_question *p)
{
	free(p->path);
	free(p->string);
	free(p->exe);
	memset(p, 0, sizeof(*p));
}

/* Times -------------------------------------------------------------------------------------- */

/* The later of two by the same clock; else the first stays, and SQLite asks for the other. */
static void set_from(struct plan_question *p, enum reel_moment_kind kind, int64_t ns)
{
	struct reel_moment *from = &p->q.filter.from;

	if (from->kind == REEL_ANYTIME || (from->kind == kind && from->ns < ns))
		*from = (struct reel_moment){ kind, ns };
}

static void set_to(struct plan_question *p, enum reel_moment_kind kind, int64_t ns)
{
	struct reel_moment *to = &p->q.filter.to;

	if (kind == REEL_BOOTTIME && ns <= 0) {
		p->is_nothing = true;
		return;
	}
	if (to->kind == REEL_ANYTIME || (to->kind == kind && to->ns > ns))
		*to = (struct reel_moment){ kind, ns };
}

static void at_least(struct plan_question *p, enum reel_moment_kind kind, int64_t ns)
{
	if (kind == REEL_BOOTTIME && ns < 0)
		ns = 0;
	set_from(p, kind, ns);
}

static void at_most(struct plan_question *p, enum reel_moment_kind kind, int64_t ns)
{
	if (ns < INT64_MAX)
		set_to(p, kind, ns + 1);
}

/* Nearest whole numbers; false: it has none, or is no number. */
static bool whole_numbers(sqlite3_value *v, int64_t *ret_floor, int64_t *ret_ceiling)
{
	int type = sqlite3_value_numeric_type(v);
	double d;

	if (type == SQLITE_INTEGER) {
		*ret_floor = *ret_ceiling = sqlite3_value_int64(v);
		return true;
	}
	if (type != SQLITE_FLOAT)
		return false;
	d = sqlite3_value_double(v);
	if (!(d > -9e18 && d < 9e18))
		return false;
	*ret_floor = (int64_t)d - (d < (double)(int64_t)d);
	*ret_ceiling = (int64_t)d + (d > (double)(int64_t)d);
	return true;
}

static void take_number(struct plan_question *p, enum reel_moment_kind kind, const char *sign,
			sqlite3_value *v)
{
	int64_t low, high;

	if (!whole_numbers(v, &low, &high))
		return;
	if (sign[0] == '=' || sign[0] == '>')
		at_least(p, kind,
			 strcmp(sign, ">") == 0 && low == high && low < INT64_MAX ? low + 1 : low);
	if (sign[0] == '=' || sign[0] == '<')
		at_most(p, kind,
			strcmp(sign, "<") == 0 && low == high && low > INT64_MIN ? low - 1 : high);
}

/* How the text of a time compares to what was given. */
static int compare_time(struct reel_timefmt *f, uint64_t ns, const uint8_t *text, size_t length)
{
	char own[REEL_TIME_TEXT];
	size_t n = reel_time_format(f, ns, own);
	int order = memcmp(own, text, n < length ? n : length);

	return order ? order : (n > length) - (n < length);
}

/*
 * The first moment whose text is not before what was given (IS_AFTER: the first that is after it).
 * All texts are of one length, so that they are in the order of the moments. -1: there is none.
 */
static int64_t first_moment(const uint8_t *text, size_t length, bool is_after)
{
	uint64_t low = 0, high = (uint64_t)INT64_MAX + 1;
	struct reel_timefmt f;

	reel_timefmt_init(&f, (struct reel_tz){ REEL_TZ_UTC, 0 });
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		if (compare_time(&f, middle, text, length) < is_after)
			low = middle + 1;
		else
			high = middle;
	}
	return low <= INT64_MAX ? (int64_t)low : -1;
}

/* Events before 1970 have no text, and are not asked for. */
static void take_text(struct plan_question *p, const char *sign, sqlite3_value *v)
{
	const uint8_t *text;
	int64_t first, after;
	size_t length;

	if (sqlite3_value_type(v) == SQLITE_BLOB)
		return;
	text = sqlite3_value_text(v);
	if (!text)
		return;
	length = (size_t)sqlite3_value_bytes(v);
	first = first_moment(text, length, false);
	after = first_moment(text, length, true);
	if (sign[0] == '=' || sign[0] == '>') {
		int64_t from = strcmp(sign, ">") == 0 ? after : first;

		if (from < 0)
			p->is_nothing = true;
		else
			set_from(p, REEL_REALTIME, from);
	}
	if (sign[0] == '=' || sign[0] == '<') {
		int64_t to = strcmp(sign, "<") == 0 ? first : after;

		if (to >= 0)
			set_to(p, REEL_REALTIME, to);
	}
}

/* Types and processes ------------------------------------------------------------------------ */

/* By the names that the capture itself has. */
static void add_type(struct plan_question *p, const struct reel_reader *r, const char *name)
{
	const struct reel_schema *last = NULL;

	p->q.filter.some_types = true;
	for (unsigned i = 0; i < r->n_segments; i++) {
		const struct reel_schema *s = r->segments[i].schema;

		for (unsigned t = 0; s && s != last && t < EV_MAX_TYPES; t++)
			if (s->types[t] && strcmp(s->types[t]->name, name) == 0)
				p->q.filter.types[t] = true;
		last = s;
	}
}

/* Returns false if there are more than can be asked for. */
static bool add_pid(struct plan_question *p, sqlite3_value *v)
{
	struct reel_filter *f = &p->q.filter;
	int64_t low, high;

	if (!whole_numbers(v, &low, &high) || low != high || low < 0 || low > UINT32_MAX)
		return true;
	if (f->n_pids == REEL_FILTER_PIDS)
		return false;
	f->pids[f->n_pids++] = (uint32_t)low;
	return true;
}

/* The values of an IN, or the one of an =. */
struct each {
	sqlite3_value *list, *at;
	bool is_in;
};

static bool next_value(struct each *e)
{
	int r;

	if (!e->is_in) {
		e->at = e->at ? NULL : e->list;
		return e->at;
	}
	r = e->at ? sqlite3_vtab_in_next(e->list, &e->at) : sqlite3_vtab_in_first(e->list, &e->at);
	return r == SQLITE_OK && e->at;
}

static void take_types(struct plan_question *p, const struct reel_reader *r, struct each *e)
{
	bool wanted[EV_MAX_TYPES], had_types = p->q.filter.some_types, any = false;

	memcpy(wanted, p->q.filter.types, sizeof(wanted));
	memset(p->q.filter.types, 0, sizeof(wanted));
	p->q.filter.some_types = true;
	while (next_value(e)) {
		const char *name = (const char *)sqlite3_value_text(e->at);

		if (name)
			add_type(p, r, name);
	}
	for (unsigned t = 0; t < EV_MAX_TYPES; t++) {
		p->q.filter.types[t] &= !had_types || wanted[t];
		any |= p->q.filter.types[t];
	}
	p->is_nothing |= !any;
}

static void take_pids(struct plan_question *p, struct each *e)
{
	while (next_value(e)) {
		if (!add_pid(p, e->at)) {
			p->q.filter.n_pids = 0;
			return;
		}
	}
	p->is_nothing |= p->q.filter.n_pids == 0;
}

/* Strings ------------------------------------------------------------------------------------ */

static int copy_value(sqlite3_value *v, uint8_t **ret, uint32_t *ret_length, struct reel_err *err)
{
	const void *bytes = sqlite3_value_type(v) == SQLITE_BLOB ? sqlite3_value_blob(v) :
								   sqlite3_value_text(v);
	int length = sqlite3_value_bytes(v);

	*ret_length = 0;
	if (!bytes || length <= 0)
		return 0;
	*ret = malloc((size_t)length);
	if (!*ret)
		return reel_err_set(err, -ENOMEM, "no memory for a value");
	memcpy(*ret, bytes, (size_t)length);
	*ret_length = (uint32_t)length;
	return 0;
}

/* Past the [...] of GLOB that begins here; a ] that stands first is one of its characters. */
static uint32_t behind_class(const uint8_t *pattern, uint32_t at, uint32_t length)
{
	at += at + 1 < length && pattern[at + 1] == '^' ? 2 : 1;
	if (at < length && pattern[at] == ']')
		at++;
	while (at < length && pattern[at] != ']')
		at++;
	return at < length ? at + 1 : length;
}

/* The longest piece of a pattern that stands for itself. */
static void take_pattern(struct scan_string *s, const uint8_t *pattern, uint32_t length)
{
	const char *special = s->any_case ? "%_" : "*?[";
	uint32_t n;

	for (uint32_t at = 0; at < length; at += n) {
		n = 0;
		while (at + n < length && !strchr(special, pattern[at + n]))
			n++;
		if (n > s->length) {
			s->bytes = pattern + at;
			s->length = n;
			s->where = at ? SCAN_PART : SCAN_PREFIX;
		}
		if (at + n < length)
			n = s->any_case || pattern[at + n] != '[' ?
				    n + 1 :
				    behind_class(pattern, at + n, length) - at;
	}
	if (s->where == SCAN_PART && s->length > SCAN_PART_MAX)
		s->length = SCAN_PART_MAX;
}

static int take_string(struct plan_question *p, const struct reel_column *c, const char *sign,
		       sqlite3_value *v, struct reel_err *err)
{
	struct scan_string s = { .any_case = !strcmp(sign, " LIKE ") };
	uint32_t length;
	int r = copy_value(v, &p->string, &length, err);

	/* An empty string is not in the table of a block. */
	if (r < 0 || !length)
		return r;
	if (s.any_case || !strcmp(sign, " GLOB ")) {
		/* A pattern ends where C ends a string. */
		take_pattern(&s, p->string, (uint32_t)strnlen((char *)p->string, length));
	} else {
		s.bytes = p->string;
		s.length = length;
	}
	if (!s.length)
		return 0;
	s.field = c->field ? c->field->name : "path";
	p->q.string = s;
	return 0;
}

/* BOOT8-CPU-SEQ, as reel_event_id() writes it. */
static bool parse_id(const char *text, struct scan_question *q)
{
	unsigned long long seq;
	unsigned boot8, cpu = EV_NO_CPU;
	int end = 0;

	if (strspn(text, "0123456789abcdef") != 8 || text[8] != '-' ||
	    sscanf(text, "%8x", &boot8) != 1)
		return false;
	text += 9;
	if (*text == 'r')
		text++;
	else if (*text < '0' || *text > '9' || sscanf(text, "%5u%n", &cpu, &end) != 1 ||
		 cpu >= EV_NO_CPU)
		return false;
	text += end;
	if (text[0] != '-' || text[1] < '0' || text[1] > '9' || strlen(text) > 21)
		return false;
	errno = 0;
	seq = strtoull(text + 1, NULL, 10);
	if (errno)
		return false;
	q->has_id = true;
	q->boot8 = boot8;
	q->cpu = (uint16_t)cpu;
	q->seq = seq;
	return true;
}

/* All of it ---------------------------------------------------------------------------------- */

static int take_word(const struct plan_table *t, const struct reel_reader *r, const struct word *w,
		     sqlite3_value *v, struct plan_question *p, struct reel_err *err)
{
	const struct reel_column *c = &t->columns->list[w->column - 1];
	struct each each = { v, NULL, strcmp(w->sign, " IN ") == 0 };
	const char *id;

	/* Nothing compares to NULL. */
	if (!each.is_in && sqlite3_value_type(v) == SQLITE_NULL) {
		p->is_nothing = true;
		return 0;
	}
	switch (c->id) {
	case REEL_COLUMN_TS:
		take_number(p, REEL_BOOTTIME, w->sign, v);
		return 0;
	case REEL_COLUMN_TIME_NS:
		take_number(p, REEL_REALTIME, w->sign, v);
		return 0;
	case REEL_COLUMN_TIME:
		take_text(p, w->sign, v);
		return 0;
	case REEL_COLUMN_TYPE:
		take_types(p, r, &each);
		return 0;
	case REEL_COLUMN_PID:
		take_pids(p, &each);
		return 0;
	case REEL_COLUMN_EXE:
		p->q.exe_length = 0;
		if (copy_value(v, &p->exe, &p->q.exe_length, err) < 0)
			return -ENOMEM;
		p->q.exe = p->exe;
		return 0;
	case REEL_COLUMN_ID:
		id = (const char *)sqlite3_value_text(v);
		p->is_nothing |= !id || !parse_id(id, &p->q);
		return 0;
	default:
		return take_string(p, c, w->sign, v, err);
	}
}

int plan_question(const struct plan_table *t, const struct reel_reader *r, int flags,
		  const char *words, sqlite3_value **values, int n, struct plan_question *p,
		  struct reel_err *err)
{
	if (t->columns->type) {
		add_type(p, r, t->columns->type->name);
	}
	p->q.with_context = flags & PLAN_CONTEXT;
	p->q.way = flags & PLAN_ORDERED ? SCAN_IN_ORDER :
		   flags & PLAN_COUNTED ? SCAN_COUNTED :
					  SCAN_AS_IT_LIES;
	for (int i = 0; i < n; i++) {
		struct word w;
		int result = parse_word(t, words, &w, err);

		if (result == 0 && w.column)
			result = take_word(t, r, &w, values[i], p, err);
		if (result < 0)
			return result;
		words = w.next;
	}
	if ((flags & PLAN_ORDERED) && !plan_is_in_order(r, flags & PLAN_BY_WALL))
		return reel_err_set(err, -EINVAL,
				    "other captures were opened after this statement was prepared");
	return 0;
}
