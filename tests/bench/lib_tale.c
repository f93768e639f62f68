/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/bench/lib_tale.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int by_time(const void *a, const void *b)
{
	const struct tale_line *x = a, *y = b;

	if (x->ts != y->ts)
		return x->ts < y->ts ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

/* Takes a comment away; a # begins one behind a blank only, and not in a string. */
static const char *without_comment(const char *begin, const char *end)
{
	bool in_string = false;

	for (const char *c = begin; c < end; c++) {
		if (*c == '"' && (c == begin || c[-1] != '\\'))
			in_string = !in_string;
		if (*c == '#' && !in_string && (c == begin || tale_is_blank(c[-1])))
			return c;
	}
	return end;
}

static int add_line(struct tale *t, const char *begin, const char *end, unsigned number,
		    struct reel_err *err)
{
	struct tale_line *more, line = { .number = number, .column = 1 };
	const char *p = begin;

	end = without_comment(begin, end);
	while (p < end && tale_is_blank(*p))
		p++;
	if (p == end)
		return 0;
	line.text = p;
	if (tale_read_seconds(&p, end, &line.ts) < 0 || (p < end && !tale_is_blank(*p))) {
		line.column = (unsigned)(line.text - begin) + 1;
		t->line = &line;
		return tale_error(t, line.text, err, "a line begins with its seconds");
	}
	line.text = p;
	line.length = (size_t)(end - p);
	line.column = (unsigned)(p - begin) + 1;
	more = reallocarray(t->lines, t->n + 1, sizeof(*more));
	if (!more)
		return reel_err_set(err, -ENOMEM, "no memory");
	t->lines = more;
	t->lines[t->n++] = line;
	return 0;
}

int tale_open(const char *text, size_t length, struct tale *ret, struct reel_err *err)
{
	const char *end = text + length;
	unsigned number = 0;
	int r = 0;

	memset(ret, 0, sizeof(*ret));
	while (text < end && r == 0) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		const char *stop = newline ? newline : end;

		r = add_line(ret, text, stop, ++number, err);
		text = newline ? newline + 1 : end;
	}
	if (r < 0) {
		tale_close(ret);
		return r;
	}
	if (ret->n)
		qsort(ret->lines, ret->n, sizeof(*ret->lines), by_time);
	return 0;
}

void tale_close(struct tale *t)
{
	free(t->lines);
	free(t->processes);
	free(t->text);
	t->lines = NULL;
	t->processes = NULL;
	t->text = NULL;
}

static void skip_blanks(struct tale *t)
{
	while (t->p < t->end && tale_is_blank(*t->p))
		t->p++;
}

static bool read_u32(struct tale *t, uint32_t *ret)
{
	char *end;
	unsigned long value = strtoul(t->p, &end, 10);

	if (end == t->p || end > t->end || *t->p < '0' || *t->p > '9' || value > UINT32_MAX)
		return false;
	t->p = end;
	*ret = (uint32_t)value;
	return true;
}

/* PID, PID/TID, PID@CPU, or - for nobody. */
static int read_who(struct tale *t, struct ev_header *h, struct reel_err *err)
{
	const char *begin;
	uint32_t cpu = 0;

	skip_blanks(t);
	begin = t->p;
	if (t->p < t->end && *t->p == '-') {
		t->p++;
	} else {
		if (!read_u32(t, &h->pid))
			return tale_error(t, begin, err, "a pid, or -, expected");
		h->tid = h->pid;
		if (t->p < t->end && *t->p == '/' && (t->p++, !read_u32(t, &h->tid)))
			return tale_error(t, t->p, err, "a tid expected");
	}
	if (t->p < t->end && *t->p == '@' && (t->p++, !read_u32(t, &cpu) || cpu >= TALE_CPUS))
		return tale_error(t, t->p, err, "a CPU below %d expected", TALE_CPUS);
	h->cpu = (uint16_t)cpu;
	if (t->p < t->end && !tale_is_blank(*t->p))
		return tale_error(t, t->p, err, "a blank expected");
	return 0;
}

static int read_type(struct tale *t, struct reel_err *err)
{
	const char *begin;

	skip_blanks(t);
	begin = t->p;
	while (t->p < t->end && !tale_is_blank(*t->p))
		t->p++;
	t->type = reel_type_by_name(begin, (size_t)(t->p - begin));
	if (!t->type)
		return tale_error(t, begin, err, "no such type of event: %.*s", (int)(t->p - begin),
				  begin);
	/* Another name of a type is the call that was made. */
	if (strlen(t->type->name) != (size_t)(t->p - begin) ||
	    memcmp(t->type->name, begin, (size_t)(t->p - begin)) != 0) {
		t->call = begin;
		t->call_length = (size_t)(t->p - begin);
	}
	return 0;
}

static int read_flag(struct tale *t, uint8_t *flags, struct reel_err *err)
{
	static const struct {
		const char *name;
		uint8_t flag;
	} names[] = {
		{ "!fault", EV_FAULT },		{ "!truncated", EV_TRUNCATED },
		{ "!raced", EV_RACED },		{ "!blocked", EV_BLOCKED },
		{ "!restarted", EV_RESTARTED }, { "!keyframe", EV_KEYFRAME },
		{ "!partial", EV_PARTIAL },
	};
	const char *begin = t->p;

	while (t->p < t->end && !tale_is_blank(*t->p))
		t->p++;
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i].name) == (size_t)(t->p - begin) &&
		    memcmp(names[i].name, begin, strlen(names[i].name)) == 0) {
			*flags |= names[i].flag;
			return 0;
		}
	return tale_error(t, begin, err, "no such flag");
}

/* The type's field of that name; lost and counters may leave out their prefix. */
static int find_field(const struct tale *t, const char *name, size_t length)
{
	for (unsigned i = 0; i < t->type->n_fields; i++) {
		const char *own = t->type->fields[i].name;
		const char *rest = strchr(own, '_');

		if (strlen(own) == length && memcmp(own, name, length) == 0)
			return (int)i;
		if ((t->type->id == EV_lost || t->type->id == EV_counters) && rest &&
		    strlen(rest + 1) == length && memcmp(rest + 1, name, length) == 0)
			return (int)i;
	}
	return -1;
}

static int read_pair(struct tale *t, uint64_t *hole, struct reel_err *err)
{
	static const struct reel_field ret_field = { "ret", "", 0, REEL_S64 };
	static const struct reel_field hole_field = { "seq", "dec", 0, REEL_U64 };
	const char *begin = t->p;
	struct tale_value v = { 0 };
	size_t length;
	int field, r;

	while (t->p < t->end && *t->p != '=' && !tale_is_blank(*t->p))
		t->p++;
	length = (size_t)(t->p - begin);
	if (t->p == t->end || *t->p != '=')
		return tale_error(t, begin, err, "key=value expected");
	t->p++;
	if (length == 4 && memcmp(begin, "seq+", 4) == 0) {
		r = tale_read_value(t, &hole_field, &v, err);
		*hole = v.number;
		return r;
	}
	if (length == 4 && memcmp(begin, "call", 4) == 0) {
		t->call = t->p;
		while (t->p < t->end && !tale_is_blank(*t->p))
			t->p++;
		t->call_length = (size_t)(t->p - t->call);
		return 0;
	}
	if (length == 3 && memcmp(begin, "ret", 3) == 0)
		return tale_read_value(t, &ret_field, &t->ret, err);
	field = find_field(t, begin, length);
	if (field < 0)
		return tale_error(t, begin, err, "%s has no field %.*s", t->type->name, (int)length,
				  begin);
	if (t->type->fields[field].kind == REEL_RESULT)
		return tale_read_value(t, &t->type->fields[field], &t->ret, err);
	return tale_read_value(t, &t->type->fields[field], &t->values[field], err);
}

static int read_keyframe_edge(struct tale *t)
{
	static const char *const edges[] = { "begin", "end" };

	for (unsigned i = 0; i < 2; i++) {
		size_t n = strlen(edges[i]);

		if ((size_t)(t->end - t->p) < n || memcmp(t->p, edges[i], n) != 0 ||
		    ((size_t)(t->end - t->p) > n && !tale_is_blank(t->p[n])))
			continue;
		t->values[find_field(t, "edge", 4)].number = i;
		t->values[find_field(t, "complete", 8)].number = i;
		t->p += n;
		return 1;
	}
	return 0;
}

static void build(const struct tale *t, struct reel_record *record, const struct ev_header *h)
{
	uint8_t *fixed = reel_record_begin(record, t->type);
	uint8_t type = record->header.type;

	for (unsigned i = 0; i < t->type->n_fields; i++) {
		const struct reel_field *f = &t->type->fields[i];
		const struct tale_value *v = &t->values[i];

		if (reel_field_is_string(f))
			reel_record_cut_string(record, v->bytes ? v->bytes : (const uint8_t *)"",
					       v->length, v->true_length);
		else if ((f->kind & REEL_KIND_MASK) == REEL_ADDR)
			memcpy(fixed + f->offset, v->addr, sizeof(v->addr));
		else if (f->kind != REEL_RESULT)
			memcpy(fixed + f->offset, &v->number, reel_kind_width(f->kind));
	}
	type = record->header.type;
	uint8_t flags = record->header.flags | h->flags;
	record->header = *h;
	record->header.type = type;
	record->header.flags = flags;
}

static int begin_line(struct tale *t)
{
	/* A value may be kept twice: the path as the arguments too, with NULs behind. */
	size_t room = 3 * t->line->length + 64;

	if (room > t->text_room) {
		free(t->text);
		t->text = malloc(room);
		t->text_room = t->text ? room : 0;
	}
	t->text_used = 0;
	t->call = NULL;
	t->type = NULL;
	memset(t->values, 0, sizeof(t->values));
	memset(&t->ret, 0, sizeof(t->ret));
	t->p = t->line->text;
	t->end = t->p + t->line->length;
	return t->text ? 0 : -ENOMEM;
}

int tale_next(struct tale *t, struct reel_record *record, struct tale_event *ret,
	      struct reel_err *err)
{
	struct ev_header h = { 0 };
	int r;

	if (t->at == t->n)
		return 0;
	t->line = &t->lines[t->at++];
	memset(ret, 0, sizeof(*ret));
	if (begin_line(t) < 0)
		return reel_err_set(err, -ENOMEM, "no memory");
	h.ts = t->line->ts;
	r = read_who(t, &h, err);
	if (r == 0)
		r = read_type(t, err);
	if (r < 0)
		return r;
	for (skip_blanks(t); t->p < t->end && r == 0; skip_blanks(t)) {
		if (*t->p == '!')
			r = read_flag(t, &h.flags, err);
		else if (t->type->id != EV_keyframe || !read_keyframe_edge(t))
			r = read_pair(t, &ret->hole, err);
		if (r == 0 && t->p < t->end && !tale_is_blank(*t->p))
			r = tale_error(t, t->p, err, "a blank expected");
	}
	ret->is_own = t->type->class_id >= EV_CLASS_state;
	ret->is_process = t->type->class_id == EV_CLASS_state;
	ret->is_keyframe = t->type->id == EV_keyframe;
	if (ret->is_process && t->type->id != EV_hash && t->type->id != EV_cgroup)
		h.flags |= EV_KEYFRAME;
	if (r == 0)
		r = tale_fill(t, &h, err);
	if (r < 0)
		return r;
	build(t, record, &h);
	ret->record = record;
	ret->length = reel_record_end(record);
	return 1;
}
