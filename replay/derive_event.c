/* SPDX-License-Identifier: BSD-2-Clause */
/* Derived fields of the event itself: its result, its flags by name, its descriptor. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "format/names.h"
#include "format/out.h"
#include "replay/derive_impl.h"
#include "replay/falco_args.h"

enum { O_WAY = 3, O_CREATES = 0100, O_IS_DIRECTORY = 0200000, O_IS_TMPFILE = 020000000 };

/* Names of numbers ----------------------------------------------------------------------------- */

static const struct {
	uint32_t bit;
	const char *name;
} mode_bits[] = {
	{ S_ISUID, "S_ISUID" }, { S_ISGID, "S_ISGID" }, { S_ISVTX, "S_ISVTX" },
	{ S_IRUSR, "S_IRUSR" }, { S_IWUSR, "S_IWUSR" }, { S_IXUSR, "S_IXUSR" },
	{ S_IRGRP, "S_IRGRP" }, { S_IWGRP, "S_IWGRP" }, { S_IXGRP, "S_IXGRP" },
	{ S_IROTH, "S_IROTH" }, { S_IWOTH, "S_IWOTH" }, { S_IXOTH, "S_IXOTH" },
};

static void put_mode(struct eval_derived *x, uint64_t mode)
{
	for (size_t i = 0; i < sizeof(mode_bits) / sizeof(*mode_bits); i++) {
		if (!(mode & mode_bits[i].bit))
			continue;
		if (x->length)
			derive_put_text(x, "|");
		derive_put_text(x, mode_bits[i].name);
	}
	if (!x->length)
		derive_put_text(x, "0");
}

/* All capabilities are one word elsewhere; here each has to be found. */
static void put_caps(struct eval_derived *x, uint64_t caps, char between)
{
	struct reel_out o;

	if (out_init_mem(&o) < 0)
		return;
	for (unsigned bit = 0; bit < 64; bit++) {
		if (!(caps >> bit & 1))
			continue;
		out_reset(&o);
		(void)reel_name_value(&o, "caps", 1ull << bit);
		if (o.len > 2 && memcmp(o.buf, "0x", 2) == 0)
			continue; /* no such capability: all bits are set where all are had */
		if (x->length)
			derive_put(x, &between, 1);
		derive_put(x, o.buf, o.len);
	}
	out_done(&o);
}

static bool put_names(struct eval_derived *x, const char *hint, uint64_t number, char between,
		      bool is_mode)
{
	struct reel_out o;

	if (is_mode) {
		put_mode(x, number);
		return true;
	}
	if (!between) { /* a word */
		derive_put_text(x, hint);
		return x->length > 0;
	}
	if (strcmp(hint, "caps") == 0) {
		put_caps(x, number, between);
		return true;
	}
	if (out_init_mem(&o) < 0)
		return false;
	(void)reel_name_value(&o, hint, number);
	derive_put(x, o.buf, o.len);
	out_done(&o);
	return true;
}

/* NULL: no memory. */
static struct eval_derived *named(struct eval *e, const char *hint, uint64_t number, char between,
				  bool is_mode)
{
	uint64_t hash = (number ^ (uintptr_t)hint) * 0x9e3779b97f4a7c15;
	struct eval_names *n;

	if (!e->names)
		e->names = calloc(EVAL_NAMES_MAX, sizeof(*e->names));
	if (!e->names)
		return NULL;
	n = &e->names[hash >> 32 & (EVAL_NAMES_MAX - 1)];
	if (n->hint != hint || n->text.number != number || n->between != between ||
	    n->is_mode != is_mode) {
		n->hint = NULL;
		n->text.length = n->text.true_length = 0;
		memset(n->text.row, 0, sizeof(n->text.row));
		if (!put_names(&n->text, hint, number, between, is_mode))
			return NULL;
		n->hint = hint;
		n->text.number = number;
		n->between = between;
		n->is_mode = is_mode;
	}
	return &n->text;
}

bool derive_put_names(struct eval *e, struct eval_derived *x, const char *hint, uint64_t number,
		      char between, bool is_mode)
{
	struct eval_derived *text = named(e, hint, number, between, is_mode);

	if (!text)
		return false;
	x->names = text;
	x->length = text->length;
	return true;
}

bool derive_give_word(struct eval *e, const char *word, struct found *ret)
{
	struct eval_derived *text = named(e, word, 0, 0, false);

	if (!text)
		return give_name(ret, word);
	give_bytes(ret, text->bytes, text->length, text->length);
	ret->derived = text;
	return true;
}

/* Fields of the event -------------------------------------------------------------------------- */

bool derive_has_own(struct eval *e, const struct reel_event *ev, const char *name,
		    struct reel_field *ret)
{
	uint64_t at = ((uintptr_t)name * 31 + ev->type->id) % EVAL_OWN_MAX;
	struct eval_own *own = &e->own[at];
	unsigned width;

	if (own->name != name || own->type != ev->type)
		*own = (struct eval_own){ name, ev->type, rule_own_field(ev->type, name) };
	if (!own->field)
		return false;
	*ret = *own->field;
	ret->kind &= REEL_KIND_MASK;
	width = ret->kind >= REEL_PATH ? 2 : reel_kind_width(ret->kind);
	return (unsigned)ret->offset + width <= ev->type->fixed_bytes;
}

uint64_t derive_own_number(struct eval *e, const struct reel_event *ev, const char *name)
{
	struct reel_field f;

	return derive_has_own(e, ev, name, &f) && f.kind < REEL_PATH && f.kind != REEL_ADDR ?
		       reel_event_number(ev, &f) :
		       0;
}

bool derive_own_string(struct eval *e, const struct reel_event *ev, const char *name,
		       struct found *ret)
{
	struct reel_string s;
	struct reel_field f;

	if (!derive_has_own(e, ev, name, &f) || f.kind < REEL_PATH)
		return false;
	s = reel_event_string_at(ev, f.offset);
	if (!s.length && !reel_string_is_cut(&s))
		return false;
	give_bytes(ret, s.bytes, s.length, s.true_length);
	ret->number = reel_event_string_number(ev, f.offset);
	return true;
}

/* Values that need not be made ----------------------------------------------------------------- */

static bool opens(const struct reel_event *ev)
{
	return ev->type->id == EV_open || ev->type->id == EV_create ||
	       ev->type->id == EV_open_by_handle;
}

static bool open_flag(const struct finder *f)
{
	const struct reel_event *ev = f->ev;
	struct eval *e = f->e;
	uint64_t flags, created;

	if (!opens(ev))
		return false;
	flags = derive_own_number(e, ev, "flags");
	created = ev->type->id == EV_create || flags & O_CREATES ||
		  (flags & O_IS_TMPFILE) == O_IS_TMPFILE;
	switch (f->ref->derived) {
	case DERIVED_opens_read:
		return (flags & O_WAY) != 1 &&
		       ev->type->id != EV_create; /* creat() is none of both */
	case DERIVED_opens_write:
		return ((flags & O_WAY) == 1 || (flags & O_WAY) == 2) && ev->type->id != EV_create;
	case DERIVED_opens_exec:
		return created && derive_own_number(e, ev, "mode") & 0111;
	default:
		return derive_own_number(e, ev, "created") == 2 && ev->ret >= 0;
	}
}

static const struct falco_arg *find_arg(const struct finder *f)
{
	const struct reel_event *ev = f->ev;
	const char *name = f->ref->own;
	uint64_t hash = ((uintptr_t)name * 31 + ev->call * 7u + ev->type->id) * 0x9e3779b97f4a7c15;
	struct eval_named *n = &f->e->named[hash >> 32 & (EVAL_NAMED_MAX - 1)];

	if (n->name != name || n->call != ev->call || n->type != ev->type->id)
		*n = (struct eval_named){ name, ev->call, ev->type->id, falco_arg_find(ev, name) };
	return n->arg;
}

/* Strings lie there. */
static int give_argument(struct finder *f, struct found *ret)
{
	const struct falco_arg *a = find_arg(f);

	if (!a || (a->way != FALCO_ARG_STRING && a->way != FALCO_ARG_RAW_PATH))
		return a ? -1 : 0;
	if (f->turn++ > 0)
		return 0;
	if (a->way == FALCO_ARG_RAW_PATH && derive_own_string(f->e, f->ev, "path_arg", ret))
		return 1;
	if (derive_own_string(f->e, f->ev, a->own, ret))
		return 1;
	return f->ev->flags & EV_FAULT && give_unknown(f->e, ret, BLIND_FAULT);
}

int derive_direct(struct finder *f, struct found *ret)
{
	unsigned derived = f->ref->derived;

	switch (derived) {
	case DERIVED_has_failed:
		return f->turn++ == 0 && give_number(ret, f->ev->ret < 0, false);
	case DERIVED_opens_read:
	case DERIVED_opens_write:
	case DERIVED_opens_exec:
	case DERIVED_opens_create:
		return f->turn++ == 0 && give_number(ret, open_flag(f), false);
	case DERIVED_unknowable:
		return f->turn++ == 0 && give_unknown(f->e, ret, BLIND_FILTERED);
	case DERIVED_argument:
		return give_argument(f, ret);
	case DERIVED_raw_path:
		return f->turn++ == 0 && (derive_own_string(f->e, f->ev, "path_arg", ret) ||
					  derive_own_string(f->e, f->ev, "path", ret));
	}
	if (derived == DERIVED_fd_num || derive_reads_names(derived))
		return derive_fd_direct(f, ret);
	if (derived >= DERIVED_to_name && derived <= DERIVED_utc_time)
		return derive_record_direct(f, ret);
	return -1;
}

/* Values that are made ------------------------------------------------------------------------- */

bool derive_unknown(struct finder *f, struct eval_derived *x, enum blind_reason why)
{
	x->is_unknown = true;
	x->why = 1u << why;
	f->e->why |= x->why;
	return true;
}

static bool make_result(struct finder *f, struct eval_derived *x)
{
	const struct reel_event *ev = f->ev;
	const char *name;

	if (ev->flags & EV_BLOCKED ||
	    (ev->flags & EV_PARTIAL && ev->call && EV_CALL_ABI(ev->call) == EV_ABI_NONE))
		return derive_unknown(f, x, BLIND_RESULT);
	if (ev->ret >= 0) {
		derive_put_text(x, "SUCCESS");
		return true;
	}
	name = ev->ret >= -4095 ? reel_errno_name((unsigned)-ev->ret) : NULL;
	if (name)
		derive_put_text(x, name);
	else
		return derive_put_names(f->e, x, "dec", (uint64_t)-ev->ret, '|', false);
	return true;
}

static bool make_call(struct finder *f, struct eval_derived *x)
{
	const struct reel_event *ev = f->ev;
	const char *name =
		ev->call && EV_CALL_ABI(ev->call) != EV_ABI_NONE ?
			reel_syscall_name(EV_CALL_ABI(ev->call), EV_CALL_NUMBER(ev->call)) :
			NULL;

	if (!name)
		name = ev->type->id == EV_exit	 ? "procexit" :
		       ev->type->id == EV_signal ? "signaldeliver" :
						   ev->type->name;
	derive_put_text(x, name);
	return true;
}

static bool make_named(struct finder *f, const char *own, bool is_mode, struct eval_derived *x)
{
	struct reel_field field;
	uint64_t number;

	if (!derive_has_own(f->e, f->ev, own, &field) || field.kind >= REEL_PATH)
		return false;
	number = field.kind == REEL_RESULT ? (uint64_t)f->ev->ret :
					     reel_event_number(f->ev, &field);
	if (number == 0 && f->ev->flags & EV_FAULT)
		return derive_unknown(f, x, BLIND_FAULT);
	return derive_put_names(f->e, x, field.hint && *field.hint ? field.hint : "dec", number,
				'|', is_mode);
}

/* setuid() has not changed anything where it failed, and nothing says what was wanted. */
static bool make_account(struct finder *f, const char *own, struct eval_derived *x)
{
	struct reel_field field, real;
	uint64_t id;

	if (!derive_has_own(f->e, f->ev, own, &field))
		return false;
	if (f->ev->ret < 0)
		return derive_unknown(f, x, BLIND_RESULT);
	id = reel_event_number(f->ev, &field);
	/* Of root all ids change, of others only the one that counts. */
	if (f->ev->type->id == EV_setuid && derive_has_own(f->e, f->ev, "uid", &real) &&
	    reel_event_number(f->ev, &real) != derive_own_number(f->e, f->ev, "old_uid"))
		id = reel_event_number(f->ev, &real);
	return derive_account(f, id, x) || derive_put_names(f->e, x, "dec", id, '|', false);
}

static bool make_args(struct finder *f, struct eval_derived *x)
{
	struct found v;
	const uint8_t *first;
	uint32_t from;

	if (!derive_own_string(f->e, f->ev, "argv", &v))
		return false;
	first = memchr(v.v.bytes, 0, v.v.length);
	from = first ? (uint32_t)(first + 1 - v.v.bytes) : v.v.length;
	derive_put(x, v.v.bytes + from, v.v.length - from);
	for (uint32_t i = 0; i < x->length; i++)
		if (!x->bytes[i])
			x->bytes[i] = i + 1 < x->length ? '.' : 0;
	if (x->length && !x->bytes[x->length - 1])
		x->true_length = --x->length;
	if (v.v.true_length != v.v.length)
		x->true_length = EV_UNKNOWN_LENGTH;
	return true;
}

static bool make_argument(struct finder *f, struct eval_derived *x)
{
	const struct falco_arg *a = find_arg(f);

	if (!a)
		return false;
	switch (a->way) {
	case FALCO_ARG_RESULT:
		if (f->ev->ret >= 0)
			derive_put_text(x, "0");
		return f->ev->ret >= 0 || make_result(f, x);
	case FALCO_ARG_ACCOUNT:
		return make_account(f, a->own, x);
	case FALCO_ARG_CONNECTION:
		return derive_connection(f, x);
	case FALCO_ARG_ARGV:
		return make_args(f, x);
	default:
		return make_named(f, a->own, a->way == FALCO_ARG_MODE, x);
	}
}

/* All variables, or what the one that is named says. */
static bool make_env(struct finder *f, struct eval_derived *x)
{
	const char *name = f->ref->own;
	size_t n = name ? strlen(name) : 0;
	struct found v;

	if (!derive_own_string(f->e, f->ev, "env", &v))
		return false;
	for (uint32_t at = 0; at < v.v.length;) {
		const uint8_t *one = v.v.bytes + at, *end = memchr(one, 0, v.v.length - at);
		uint32_t length = end ? (uint32_t)(end - one) : v.v.length - at;

		at += length + 1;
		if (!name) {
			if (x->length)
				derive_put_text(x, " ");
			derive_put(x, one, length);
		} else if (length > n && memcmp(one, name, n) == 0 && one[n] == '=') {
			derive_put(x, one + n + 1, length - n - 1);
			return true;
		}
	}
	if (v.v.true_length != v.v.length) {
		if (name)
			return derive_unknown(f, x, BLIND_CUT);
		x->true_length = EV_UNKNOWN_LENGTH;
	}
	return !name;
}

static void put_field(struct reel_out *o, const struct reel_event *ev, const struct reel_field *f)
{
	struct reel_string s;

	switch (f->kind & REEL_KIND_MASK) {
	case REEL_RESULT:
		(void)reel_name_value(o, *f->hint ? f->hint : "dec", (uint64_t)ev->ret);
		return;
	case REEL_ADDR:
		reel_addr_format(o, ev->fixed + f->offset);
		return;
	case REEL_PATH:
	case REEL_TEXT:
	case REEL_ARGS:
	case REEL_BYTES:
		s = reel_event_string_at(ev, f->offset);
		out_mem(o, s.bytes, s.length);
		return;
	default:
		(void)reel_name_value(o, *f->hint ? f->hint : "dec", reel_event_number(ev, f));
	}
}

static bool make_all_fields(struct finder *f, struct eval_derived *x)
{
	struct reel_out o;

	if (out_init_mem(&o) < 0)
		return false;
	for (const struct reel_field *field = f->ev->type->fields; field->name; field++) {
		struct reel_field own;

		if (!derive_has_own(f->e, f->ev, field->name, &own))
			continue;
		if (o.len)
			out_char(&o, ' ');
		out_str(&o, field->name);
		out_char(&o, '=');
		put_field(&o, f->ev, field);
	}
	derive_put(x, o.buf, o.len);
	out_done(&o);
	return x->length > 0;
}

bool derive_of_event(struct finder *f, struct eval_derived *x)
{
	x->is_string = true;
	switch (f->ref->derived) {
	case DERIVED_call:
		return make_call(f, x);
	case DERIVED_result:
		return make_result(f, x);
	case DERIVED_named:
	case DERIVED_mode_bits:
		return make_named(f, f->ref->own, f->ref->derived == DERIVED_mode_bits, x);
	case DERIVED_argument:
		return make_argument(f, x);
	case DERIVED_env:
		return make_env(f, x);
	case DERIVED_utc_time:
		return derive_record_make(f, x);
	case DERIVED_all_fields:
		return make_all_fields(f, x);
	default:
		return derive_fd_make(f, x);
	}
}
