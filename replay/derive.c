/* SPDX-License-Identifier: BSD-2-Clause */
/* Derived fields of processes, and where what was made for an event is kept. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/names.h"
#include "replay/derive_impl.h"

#define ROW(ident, name, kind, doc) [DERIVED_##ident] = { name, REEL_##kind },
static const struct {
	const char *name;
	uint8_t kind;
} fields[DERIVED_END] = { DERIVED_PROCESS_FIELDS(ROW) DERIVED_EVENT_FIELDS(ROW) };
#undef ROW

const char *derive_name(unsigned derived)
{
	return fields[derived].name;
}

unsigned derive_kind(unsigned derived)
{
	return fields[derived].kind;
}

bool derive_reads_process(unsigned derived)
{
	return derived < DERIVED_EVENTS_FROM || derived == DERIVED_argument ||
	       derive_reads_dns(derived);
}

static bool is_name_of_end(unsigned derived)
{
	return derived == DERIVED_fd_server_name || derived == DERIVED_fd_remote_name;
}

bool derive_reads_dns(unsigned derived)
{
	return derived == DERIVED_to_name || is_name_of_end(derived);
}

bool derive_reads_names(unsigned derived)
{
	return (derived >= DERIVED_fd_name && derived <= DERIVED_fd_name_changed) ||
	       is_name_of_end(derived);
}

bool derive_needs_name(unsigned derived, const struct reel_type *t)
{
	const struct reel_field *path;

	if (!derive_reads_names(derived))
		return false;
	if (rule_own_field(t, "family"))
		return (derived == DERIVED_fd_connected || derived == DERIVED_fd_name_changed) &&
		       (t->id == EV_send || t->id == EV_recv);
	path = rule_own_field(t, "path");
	return rule_own_field(t, "fd") && rule_own_field(t, "inode") &&
	       (!path || path->kind & REEL_OPTIONAL);
}

bool derive_ref_needs_name(const struct rule_ref *ref, const struct reel_type *t)
{
	for (uint32_t i = 0; ref->call && i < ref->call->n; i++)
		if (ref->call->parts[i].ref && derive_ref_needs_name(ref->call->parts[i].ref, t))
			return true;
	return derive_needs_name(ref->derived, t);
}

unsigned derive_context(unsigned derived)
{
	switch (derived) {
	case DERIVED_cwd:
		return RULE_cwd;
	case DERIVED_euser:
	case DERIVED_login:
	case DERIVED_argument:
		return RULE_user;
	case DERIVED_loginuid:
	case DERIVED_tty:
	case DERIVED_session_comm:
	case DERIVED_leads_group:
	case DERIVED_leads_session:
		return RULE_sid;
	case DERIVED_cap_effective:
	case DERIVED_cap_permitted:
	case DERIVED_cap_inheritable:
		return RULE_cap_effective;
	case DERIVED_container_id:
	case DERIVED_container_name:
	case DERIVED_image_repository:
	case DERIVED_image_tag:
	case DERIVED_container_type:
		return RULE_container_id;
	default:
		return RULE_comm;
	}
}

/* What is kept --------------------------------------------------------------------------------- */

static bool is_of(const struct eval_derived *x, uint64_t key, const struct reel_event *ev)
{
	return x->key == key && x->seq == ev->seq && x->ts == ev->ts && x->cpu == ev->cpu;
}

struct eval_derived *derive_slot(struct eval *e, uint64_t key, const struct reel_event *ev,
				 bool *ret_is_made)
{
	uint8_t *hint = &e->derived_at[key * 0x9e3779b97f4a7c15 >> 58];
	struct eval_derived *x = NULL;

	*ret_is_made = false;
	if (!e->derived) {
		e->derived = calloc(EVAL_DERIVED_MAX, sizeof(*e->derived));
		if (!e->derived)
			return NULL;
	}
	if (*hint < e->n_derived && e->derived[*hint].key == key)
		x = &e->derived[*hint];
	for (uint32_t i = 0; i < e->n_derived && !x; i++)
		if (e->derived[i].key == key)
			x = &e->derived[i];
	if (x && is_of(x, key, ev)) {
		*ret_is_made = true;
		return x;
	}
	if (!x && e->n_derived < EVAL_DERIVED_MAX)
		x = &e->derived[e->n_derived++];
	while (!x || x == e->right)
		x = &e->derived[e->next_derived++ % EVAL_DERIVED_MAX];
	*hint = (uint8_t)(x - e->derived);
	x->key = key;
	x->seq = ev->seq;
	x->ts = ev->ts;
	x->cpu = ev->cpu;
	x->is_there = x->is_string = x->is_unknown = false;
	x->why = 0;
	x->names = NULL;
	x->length = x->true_length = 0;
	memset(x->row, 0, sizeof(x->row));
	return x;
}

bool derive_room(struct eval_derived *x, size_t bytes)
{
	size_t room = x->room ? x->room : 256;
	uint8_t *larger;

	while (room < x->length + bytes)
		room *= 2;
	if (room == x->room)
		return true;
	larger = realloc(x->bytes, room);
	if (!larger)
		return false;
	x->bytes = larger;
	x->room = room;
	return true;
}

void derive_put(struct eval_derived *x, const void *bytes, size_t n)
{
	if (!n || !derive_room(x, n))
		return;
	memcpy(x->bytes + x->length, bytes, n);
	x->length += (uint32_t)n;
	x->true_length = x->length;
}

void derive_put_text(struct eval_derived *x, const char *text)
{
	derive_put(x, text, strlen(text));
}

/* Pieces --------------------------------------------------------------------------------------- */

#define OWN(ident, field, k)                                              \
	static const struct rule_ref ident = { .scope = RULE_OF_EVENT,    \
					       .context = RULE_OWN_FIELD, \
					       .kind = REEL_##k,          \
					       .index = RULES_NONE,       \
					       .slot = RULES_NONE,        \
					       .own = field }
OWN(own_comm, "comm", TEXT);
OWN(own_cwd, "cwd", PATH);
OWN(own_euid, "euid", U32);
OWN(own_effective, "cap_effective", U64);
OWN(own_permitted, "cap_permitted", U64);
OWN(own_inheritable, "cap_inheritable", U64);

/* Of the process, or of the event if that says it itself. */
static bool get(struct finder *f, struct model_process *p, const struct rule_ref *own,
		unsigned context, struct found *ret)
{
	if (f->ref->scope == RULE_OF_EVENT && own)
		return eval_found(f->e, own, f->ev, ret);
	return eval_of_process(f->e, p, context, ret);
}

bool derive_arguments(struct finder *f, struct model_process *p, struct found *ret)
{
	const struct reel_field *own =
		f->ref->scope == RULE_OF_EVENT ? rule_own_field(f->ev->type, "argv") : NULL;
	struct reel_string s;

	if (!own)
		return eval_of_process(f->e, p, RULE_argv, ret);
	if ((unsigned)own->offset + 2 > f->ev->type->fixed_bytes)
		return give_unknown(f->e, ret, BLIND_OLD);
	s = reel_event_string_at(f->ev, own->offset);
	if (!s.length && f->ev->flags & EV_FAULT)
		return give_unknown(f->e, ret, BLIND_FAULT);
	return give_bytes(ret, s.bytes, s.length, s.true_length);
}

static bool unknown(struct finder *f, struct eval_derived *x, enum blind_reason why)
{
	x->is_unknown = true;
	x->why = 1u << why;
	f->e->why |= x->why;
	return true;
}

/* Takes over what something is made from, if it is no value that can be used. */
static bool is_useless(struct finder *f, struct eval_derived *x, bool is_there,
		       const struct found *v)
{
	(void)f;
	if (is_there && v->v.kind == VALUE_UNKNOWN) {
		x->is_unknown = true;
		x->why = f->e->why;
	}
	return !is_there || v->v.kind == VALUE_UNKNOWN;
}

static void put_joined(struct eval_derived *x, const uint8_t *bytes, uint32_t n, bool is_cut)
{
	uint32_t end = n && bytes[n - 1] == 0 && !is_cut ? n - 1 : n;
	uint32_t from = x->length;

	derive_put(x, bytes, end);
	for (uint32_t i = from; i < x->length; i++)
		if (!x->bytes[i])
			x->bytes[i] = ' ';
}

/* WITH_COMM: as Falco has a command line. */
static bool make_line(struct finder *f, struct model_process *p, struct eval_derived *x,
		      bool with_comm)
{
	struct found args, comm;
	const uint8_t *first;
	bool is_cut;

	if (with_comm) {
		if (is_useless(f, x, get(f, p, &own_comm, RULE_comm, &comm), &comm))
			return x->is_unknown;
		derive_put(x, comm.v.bytes, comm.v.length);
	}
	if (is_useless(f, x, derive_arguments(f, p, &args), &args))
		return x->is_unknown || with_comm;
	is_cut = args.v.true_length != args.v.length;
	first = args.v.length ? memchr(args.v.bytes, 0, args.v.length) : NULL;
	if (first && first + 1 < args.v.bytes + args.v.length) {
		uint32_t skip = (uint32_t)(first + 1 - args.v.bytes);

		if (with_comm)
			derive_put_text(x, " ");
		put_joined(x, first + 1, args.v.length - skip, is_cut);
	}
	x->true_length = is_cut ? EV_UNKNOWN_LENGTH : x->length;
	return true;
}

static bool make_arg0(struct finder *f, struct model_process *p, struct eval_derived *x)
{
	struct found args;
	const uint8_t *end;

	if (is_useless(f, x, derive_arguments(f, p, &args), &args))
		return x->is_unknown;
	end = args.v.length ? memchr(args.v.bytes, 0, args.v.length) : NULL;
	derive_put(x, args.v.bytes, end ? (size_t)(end - args.v.bytes) : args.v.length);
	if (!end && args.v.true_length != args.v.length)
		x->true_length = EV_UNKNOWN_LENGTH;
	return args.v.length > 0;
}

static bool make_cwd(struct finder *f, struct model_process *p, struct eval_derived *x)
{
	struct found v;

	bool is_there = get(f, p, &own_cwd, RULE_cwd, &v);

	/* An exec says it only where it can. */
	if (!is_there && f->ref->scope == RULE_OF_EVENT)
		is_there = eval_of_process(f->e, p, RULE_cwd, &v);
	if (is_useless(f, x, is_there, &v))
		return x->is_unknown;
	derive_put(x, v.v.bytes, v.v.length);
	if (v.v.true_length != v.v.length)
		x->true_length = v.v.true_length;
	else if (!x->length || x->bytes[x->length - 1] != '/')
		derive_put_text(x, "/");
	return true;
}

/* Accounts and rights -------------------------------------------------------------------------- */

bool derive_account(struct finder *f, uint64_t uid, struct eval_derived *x)
{
	const struct model_text *name;

	if (!f->e->model)
		return unknown(f, x, BLIND_PROCESS);
	name = model_user(f->e->model, (uint32_t)uid);
	if (!name)
		return false;
	derive_put(x, name->bytes, name->length);
	return true;
}

static bool make_account(struct finder *f, struct model_process *p, struct eval_derived *x)
{
	bool is_login = f->ref->derived == DERIVED_login;
	struct found v;

	if (is_useless(f, x,
		       get(f, p, is_login ? NULL : &own_euid, is_login ? RULE_loginuid : RULE_euid,
			   &v),
		       &v))
		return x->is_unknown;
	return v.v.number != UINT32_MAX && derive_account(f, v.v.number, x);
}

static bool make_caps(struct finder *f, struct model_process *p, struct eval_derived *x)
{
	const struct rule_ref *own = f->ref->derived == DERIVED_cap_effective ? &own_effective :
				     f->ref->derived == DERIVED_cap_permitted ? &own_permitted :
										&own_inheritable;
	unsigned context = f->ref->derived == DERIVED_cap_effective ? RULE_cap_effective :
			   f->ref->derived == DERIVED_cap_permitted ? RULE_cap_permitted :
								      RULE_cap_inheritable;
	struct found v;

	if (is_useless(f, x, get(f, p, own, context, &v), &v))
		return x->is_unknown;
	return derive_put_names(f->e, x, "caps", v.v.number, ' ', false);
}

/* Containers ----------------------------------------------------------------------------------- */

static void put_image_part(struct eval_derived *x, const struct value *v, bool is_tag)
{
	const uint8_t *at = memchr(v->bytes, '@', v->length);
	uint32_t n = at ? (uint32_t)(at - v->bytes) : v->length, cut = n;

	while (cut && v->bytes[cut - 1] != ':' && v->bytes[cut - 1] != '/')
		cut--;
	if (!cut || v->bytes[cut - 1] == '/')
		cut = n + 1;
	if (!is_tag)
		derive_put(x, v->bytes, cut - 1);
	else if (cut < n)
		derive_put(x, v->bytes + cut, n - cut);
}

static bool make_container(struct finder *f, struct model_process *p, struct eval_derived *x)
{
	unsigned derived = f->ref->derived;
	struct found v;
	bool on_host;

	on_host = !eval_of_process(f->e, p, RULE_container_id, &v);
	if (is_useless(f, x, !on_host, &v) && !on_host)
		return true;
	if (on_host && derived != DERIVED_image_repository && derived != DERIVED_image_tag) {
		derive_put_text(x, "host");
		return true;
	}
	if (on_host)
		return false;
	if (derived == DERIVED_container_id) {
		derive_put(x, v.v.bytes, v.v.length < 12 ? v.v.length : 12);
		return true;
	}
	if (is_useless(f, x,
		       eval_of_process(f->e, p,
				       derived == DERIVED_container_name ? RULE_container_name :
				       derived == DERIVED_container_type ? RULE_container_runtime :
									   RULE_container_image,
				       &v),
		       &v))
		return x->is_unknown;
	if (derived == DERIVED_container_type)
		return derive_put_names(f->e, x, rule_contexts[RULE_container_runtime].hint,
					v.v.number, '|', false);
	if (derived == DERIVED_container_name)
		derive_put(x, v.v.bytes, v.v.length);
	else
		put_image_part(x, &v.v, derived == DERIVED_image_tag);
	return x->length > 0;
}

/* Numbers of processes ------------------------------------------------------------------------- */

static bool make_number(struct finder *f, struct model_process *p, struct eval_derived *x)
{
	struct found a, b;

	x->is_string = false;
	switch (f->ref->derived) {
	case DERIVED_loginuid:
		if (is_useless(f, x, eval_of_process(f->e, p, RULE_loginuid, &a), &a))
			return x->is_unknown;
		x->number = a.v.number == UINT32_MAX ? UINT64_MAX : a.v.number;
		return true;
	case DERIVED_tty:
		if (is_useless(f, x, eval_of_process(f->e, p, RULE_tty, &a), &a))
			return x->is_unknown;
		b.v.number = a.v.number & 0xfffff;
		x->number = (b.v.number & 0xff) | (a.v.number >> 20) << 8 |
			    (b.v.number & ~0xffull) << 12;
		return true;
	case DERIVED_age_ns:
		if (!p || !model_is_certain(f->e->model, p) || !p->start_ns ||
		    p->start_ns > f->ev->ts)
			return unknown(f, x, BLIND_PROCESS);
		x->number = f->ev->ts - p->start_ns;
		return true;
	default:
		/* Whoever leads it has its number, in each namespace. */
		if (is_useless(f, x,
			       eval_of_process(f->e, p,
					       f->ref->derived == DERIVED_leads_group ? RULE_pgid :
											RULE_sid,
					       &b),
			       &b))
			return x->is_unknown;
		x->number = p->pid == b.v.number;
		return true;
	}
}

static bool make_session_comm(struct finder *f, struct model_process *p, struct eval_derived *x)
{
	struct model_process *leader;
	struct found v;

	if (is_useless(f, x, eval_of_process(f->e, p, RULE_sid, &v), &v))
		return x->is_unknown;
	leader = model_find(f->e->model, (uint32_t)v.v.number);
	if (!leader)
		return false;
	if (is_useless(f, x, eval_of_process(f->e, leader, RULE_comm, &v), &v))
		return x->is_unknown;
	derive_put(x, v.v.bytes, v.v.length);
	return true;
}

static bool make_of_process(struct finder *f, struct model_process *p, struct eval_derived *x)
{
	x->is_string = true;
	switch (f->ref->derived) {
	case DERIVED_arg0:
		return make_arg0(f, p, x);
	case DERIVED_args:
		return make_line(f, p, x, false);
	case DERIVED_command:
		return make_line(f, p, x, true);
	case DERIVED_cwd:
		return make_cwd(f, p, x);
	case DERIVED_euser:
	case DERIVED_login:
		return make_account(f, p, x);
	case DERIVED_cap_effective:
	case DERIVED_cap_permitted:
	case DERIVED_cap_inheritable:
		return make_caps(f, p, x);
	case DERIVED_session_comm:
		return make_session_comm(f, p, x);
	case DERIVED_loginuid:
	case DERIVED_tty:
	case DERIVED_age_ns:
	case DERIVED_leads_group:
	case DERIVED_leads_session:
		return make_number(f, p, x);
	default:
		return make_container(f, p, x);
	}
}

/* All ------------------------------------------------------------------------------------------ */

static bool give_derived(struct eval *e, struct eval_derived *x, unsigned derived,
			 struct found *ret)
{
	if (!x->is_there)
		return false;
	if (x->is_unknown) {
		*ret = (struct found){ .v.kind = VALUE_UNKNOWN, .number = NO_NUMBER };
		e->why |= x->why;
		return true;
	}
	if (!x->is_string) {
		give_number(ret, x->number, fields[derived].kind == REEL_S64);
		return true;
	}
	x = x->names ? x->names : x;
	give_bytes(ret, x->length ? x->bytes : (const uint8_t *)"", x->length, x->true_length);
	ret->derived = x;
	return true;
}

static uint64_t key_of(const struct rule_ref *ref, const struct model_process *p)
{
	uint64_t key = ref->derived | (uint64_t)ref->scope << 8 | (uint64_t)ref->level << 16;

	if (ref->scope == RULE_OF_ANCESTOR)
		return key | (p ? p->serial << 32 : 0);
	for (const char *c = ref->own; c && *c; c++)
		key = (key ^ (uint8_t)*c) * 0x100000001b3;
	return key;
}

bool derive_find(struct finder *f, struct model_process *p, struct found *ret)
{
	const bool is_of_event = f->ref->derived >= DERIVED_EVENTS_FROM;
	struct eval_derived *x;
	bool is_made;

	if (f->ref->derived == DERIVED_composed)
		return derive_composed(f, ret);
	if (is_of_event) {
		int given = derive_direct(f, ret);

		if (given >= 0)
			return given;
	}
	/* Other scopes count their turns themselves. */
	if (f->ref->scope == RULE_OF_EVENT && f->turn++ > 0)
		return false;
	x = derive_slot(f->e, key_of(f->ref, p), f->ev, &is_made);
	if (!x)
		return give_unknown(f->e, ret, BLIND_LIMIT);
	if (!is_made)
		x->is_there = is_of_event ? derive_of_event(f, x) : make_of_process(f, p, x);
	return give_derived(f->e, x, f->ref->derived, ret);
}
