/* SPDX-License-Identifier: BSD-2-Clause */
/* The values of a field: of the event itself, of its process, of those that made it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "format/names.h"
#include "format/reader.h"
#include "replay/eval_impl.h"

/* Fields of the event -------------------------------------------------------------------------- */

static uint64_t read_number(const struct reel_event *ev, uint16_t offset, uint8_t kind)
{
	const struct reel_field f = { .offset = offset, .kind = kind };

	return reel_event_number(ev, &f);
}

static bool find_number(const struct finder *f, struct found *ret)
{
	const struct access *a = f->access;
	uint64_t number;

	if (!eval_has_bytes(f->ev, a->offset, reel_kind_width(a->kind)))
		return give_unknown(f->e, ret, BLIND_OLD);
	if (a->way == ACCESS_INET) {
		uint64_t family = read_number(f->ev, a->second, REEL_U16);

		if (family == 0 && f->ev->flags & EV_FAULT)
			return give_unknown(f->e, ret, BLIND_FAULT);
		if (family != AF_INET && family != AF_INET6)
			return false;
	}
	if (a->kind == REEL_ADDR) {
		*ret = (struct found){ .v.kind = VALUE_ADDR, .number = NO_NUMBER };
		memcpy(ret->v.addr, f->ev->fixed + a->offset, sizeof(ret->v.addr));
		number = memcmp(ret->v.addr, (const uint8_t[16]){ 0 }, 16) != 0;
	} else {
		number = read_number(f->ev, a->offset, a->kind);
		give_number(ret, number, a->kind == REEL_S32 || a->kind == REEL_S64);
	}
	if (number == 0 && f->ev->flags & EV_FAULT)
		return give_unknown(f->e, ret, BLIND_FAULT);
	return true;
}

/* Empty: an optional one says nothing, any may have been out of reach, or not been kept. */
static bool find_string(const struct finder *f, uint16_t offset, bool is_optional,
			struct found *ret)
{
	struct reel_string s;

	if (offset == ACCESS_NOWHERE)
		return false;
	if (!eval_has_bytes(f->ev, offset, 2))
		return give_unknown(f->e, ret, BLIND_OLD);
	s = reel_event_string_at(f->ev, offset);
	if (s.length == 0 && !reel_string_is_cut(&s)) {
		if (f->ev->flags & EV_FAULT)
			return give_unknown(f->e, ret, BLIND_FAULT);
		if (f->access->is_data && f->ev->ret > 0)
			return give_unknown(f->e, ret, BLIND_CUT);
		if (is_optional)
			return false;
	}
	give_bytes(ret, s.bytes, s.length, s.true_length);
	ret->number = reel_event_string_number(f->ev, offset);
	return true;
}

static bool find_digits(const struct finder *f, struct found *ret)
{
	static const char digits[] = "0123456789abcdef";
	uint32_t n;

	if (!find_string(f, f->access->offset, f->access->is_optional, ret) ||
	    ret->v.kind != VALUE_STRING)
		return ret->v.kind == VALUE_UNKNOWN;
	n = ret->v.length < sizeof(f->e->digits) / 2 ? ret->v.length : sizeof(f->e->digits) / 2;
	for (uint32_t i = 0; i < n; i++) {
		f->e->digits[2 * i] = (uint8_t)digits[ret->v.bytes[i] >> 4];
		f->e->digits[2 * i + 1] = (uint8_t)digits[ret->v.bytes[i] & 15];
	}
	return give_bytes(ret, f->e->digits, 2 * n,
			  n == ret->v.length && ret->v.true_length == n ? 2 * n :
									  EV_UNKNOWN_LENGTH);
}

/* The file that the event identifies, as whoever opened it called it. */
static bool find_named(const struct finder *f, struct found *ret)
{
	const struct access *a = f->access;
	const struct model_file *file;
	uint64_t inode;

	if (find_string(f, a->offset, true, ret))
		return true;
	if (!eval_has_bytes(f->ev, a->inode, 8))
		return give_unknown(f->e, ret, BLIND_OLD);
	inode = read_number(f->ev, a->inode, REEL_U64);
	f->e->wants_names = true;
	if (!f->e->model) /* found out in order */
		return give_unknown(f->e, ret, BLIND_NAME);
	file = inode ? model_file(f->e->model,
				  a->second == ACCESS_NOWHERE ?
					  0 :
					  (uint32_t)read_number(f->ev, a->second, REEL_U32),
				  inode) :
		       NULL;
	if (!file)
		return give_unknown(f->e, ret, BLIND_NAME);
	return give_text(ret, file->path);
}

static bool find_common(const struct finder *f, struct found *ret)
{
	const struct reel_event *ev = f->ev;
	static const uint8_t flags[] = {
		[RULE_fault] = EV_FAULT,	 [RULE_truncated] = EV_TRUNCATED,
		[RULE_raced] = EV_RACED,	 [RULE_blocked] = EV_BLOCKED,
		[RULE_restarted] = EV_RESTARTED, [RULE_keyframe] = EV_KEYFRAME,
		[RULE_partial] = EV_PARTIAL,
	};
	const char *name;

	switch (f->access->context) {
	case RULE_type:
		return give_name(ret, ev->type->name);
	case RULE_pid:
		return give_number(ret, ev->pid, false);
	case RULE_tid:
		return give_number(ret, ev->tid, false);
	case RULE_cpu:
		return give_number(ret, ev->cpu, false);
	case RULE_ret:
		return give_number(ret, (uint64_t)ev->ret, true);
	case RULE_errno_:
		if (!ev->call || ev->ret >= 0 || ev->ret < -4095 || ev->flags & EV_BLOCKED)
			return false;
		return give_number(ret, (uint64_t)-ev->ret, false);
	case RULE_syscall:
		name = ev->call ?
			       reel_syscall_name(EV_CALL_ABI(ev->call), EV_CALL_NUMBER(ev->call)) :
			       NULL;
		return name && give_name(ret, name);
	default:
		return give_number(ret, (ev->flags & flags[f->access->context]) != 0, false);
	}
}

/* Fields of a process -------------------------------------------------------------------------- */

static bool give_text_or_none(struct found *ret, struct model_text *t)
{
	return t && (t->length || t->true_length) && give_text(ret, t);
}

static bool find_container(struct eval *e, const struct model_process *p, unsigned context,
			   struct found *ret)
{
	const struct model_container *c = p->container;

	if (!c && !p->has_container)
		return give_unknown(e, ret, BLIND_PROCESS);
	if (!c)
		return false;
	switch (context) {
	case RULE_container_id:
		return give_text_or_none(ret, c->id);
	case RULE_container_name:
		return give_text_or_none(ret, c->name);
	case RULE_container_image:
		return give_text_or_none(ret, c->image);
	case RULE_container_runtime:
		return give_number(ret, c->runtime, false);
	default:
		return c->is_privileged >= 0 && give_number(ret, (uint64_t)c->is_privileged, false);
	}
}

static struct model_text *text_of(const struct eval *e, const struct model_process *p,
				  unsigned context)
{
	struct model_text *t;

	switch (context) {
	case RULE_exe:
		t = p->exe;
		break;
	case RULE_comm:
		t = p->comm;
		break;
	case RULE_argv:
	case RULE_cmdline:
		t = p->argv;
		break;
	case RULE_cwd:
		t = p->cwd;
		break;
	case RULE_root:
		t = p->root;
		break;
	case RULE_user:
		t = model_user(e->model, p->ids.uid);
		break;
	default:
		t = model_host(e->model);
	}
	return t && (t->length || t->true_length) ? t : NULL;
}

enum told { TOLD_ALWAYS, TOLD_IDS, TOLD_CAPS, TOLD_BOUNDING, TOLD_SPACES };

/* Numbers of a process, where they lie. */
static const struct process_number {
	uint16_t offset;
	uint8_t width, told;
} process_numbers[RULE_CONTEXTS] = {
#define NUMBER(ident, member, group)                               \
	[RULE_##ident] = { offsetof(struct model_process, member), \
			   sizeof(((struct model_process *)0)->member), group }
	NUMBER(uid, ids.uid, TOLD_IDS),
	NUMBER(euid, ids.euid, TOLD_IDS),
	NUMBER(suid, ids.suid, TOLD_IDS),
	NUMBER(fsuid, ids.fsuid, TOLD_IDS),
	NUMBER(gid, ids.gid, TOLD_IDS),
	NUMBER(egid, ids.egid, TOLD_IDS),
	NUMBER(sgid, ids.sgid, TOLD_IDS),
	NUMBER(fsgid, ids.fsgid, TOLD_IDS),
	NUMBER(loginuid, loginuid, TOLD_ALWAYS),
	NUMBER(ppid, ppid, TOLD_ALWAYS),
	NUMBER(vpid, vpid, TOLD_ALWAYS),
	NUMBER(sid, sid, TOLD_ALWAYS),
	NUMBER(pgid, pgid, TOLD_ALWAYS),
	NUMBER(tty, tty, TOLD_ALWAYS),
	NUMBER(cap_effective, caps.effective, TOLD_CAPS),
	NUMBER(cap_permitted, caps.permitted, TOLD_CAPS),
	NUMBER(cap_inheritable, caps.inheritable, TOLD_CAPS),
	NUMBER(cap_bounding, caps.bounding, TOLD_BOUNDING),
	NUMBER(cap_ambient, caps.ambient, TOLD_CAPS),
	NUMBER(mnt_ns, spaces.mnt, TOLD_SPACES),
	NUMBER(pid_ns, spaces.pid, TOLD_SPACES),
	NUMBER(net_ns, spaces.net, TOLD_SPACES),
	NUMBER(user_ns, spaces.user, TOLD_SPACES),
	NUMBER(uts_ns, spaces.uts, TOLD_SPACES),
	NUMBER(ipc_ns, spaces.ipc, TOLD_SPACES),
	NUMBER(cgroup_ns, spaces.cgroup, TOLD_SPACES),
	NUMBER(seccomp_mode, seccomp_mode, TOLD_ALWAYS),
	NUMBER(no_new_privs, no_new_privs, TOLD_ALWAYS),
	NUMBER(kernel_thread, kernel_thread, TOLD_ALWAYS),
#undef NUMBER
};

static bool find_process_number(struct eval *e, const struct model_process *p,
				const struct process_number *n, struct found *ret)
{
	const uint8_t *at = (const uint8_t *)p + n->offset;
	uint64_t number = 0;

	if ((n->told == TOLD_IDS && !p->has_ids) || (n->told == TOLD_CAPS && !p->has_caps) ||
	    (n->told == TOLD_BOUNDING && !p->has_bounding) ||
	    (n->told == TOLD_SPACES && !p->has_spaces))
		return give_unknown(e, ret, BLIND_PROCESS);
	memcpy(&number, at, n->width); /* little-endian, as the tape is */
	return give_number(ret, number, false);
}

/* What events of the class priv change; an exec says it, too. */
static bool is_of_ids(unsigned context)
{
	return (context >= RULE_user && context <= RULE_fsgid) ||
	       (context >= RULE_cap_effective && context <= RULE_cap_inheritable) ||
	       context == RULE_cap_ambient || context == RULE_comm;
}

/* And what no exec says. */
static bool is_of_rights(unsigned context)
{
	return context == RULE_root || context == RULE_cap_bounding || context == RULE_loginuid ||
	       (context >= RULE_mnt_ns && context <= RULE_no_new_privs);
}

/* What else there is only a fork, a keyframe, or the event that changed it says. */
static bool is_said_by_exec(const struct model_process *p, unsigned context)
{
	if (context == RULE_cwd)
		return p->has_cwd;
	return (context >= RULE_exe && context <= RULE_argv) || context == RULE_kernel_thread;
}

static bool is_known(const struct model *m, const struct model_process *p, unsigned context)
{
	if (is_of_ids(context))
		return model_is_certain_of_ids(m, p);
	if (!model_is_certain(m, p) || is_said_by_exec(p, context))
		return model_is_certain(m, p);
	return is_of_rights(context) ? model_is_whole_of_rights(m, p) : model_is_whole(m, p);
}

bool eval_of_process(struct eval *e, struct model_process *p, unsigned context, struct found *ret)
{
	if (context == RULE_host)
		return e->model ? give_text_or_none(ret, text_of(e, p, context)) :
				  give_unknown(e, ret, BLIND_PROCESS);
	if (!p || !is_known(e->model, p, context))
		return give_unknown(e, ret, BLIND_PROCESS);
	if (process_numbers[context].width)
		return find_process_number(e, p, &process_numbers[context], ret);
	if (context >= RULE_container_id && context <= RULE_container_privileged)
		return find_container(e, p, context, ret);
	return give_text_or_none(ret, text_of(e, p, context));
}

bool eval_process_text(struct eval *e, const struct model_process *p, unsigned context,
		       struct model_text **ret)
{
	if (!p || !is_known(e->model, p, context))
		return false;
	*ret = text_of(e, p, context);
	return true;
}

bool eval_above(struct eval *e, struct model_process *p, unsigned level, struct model_process **ret,
		bool *ret_is_none)
{
	*ret_is_none = false;
	for (unsigned i = 0; i < level; i++) {
		if (!p || !model_is_whole(e->model, p))
			return false;
		*ret_is_none = p->ppid == 0;
		p = p->parent;
		if (!p)
			return false;
	}
	*ret = p;
	return p != NULL;
}

static bool find_in_process(struct finder *f, struct model_process *p, struct found *ret)
{
	if (f->access->way == ACCESS_DERIVED)
		return derive_find(f, p, ret);
	return eval_of_process(f->e, p, f->access->context, ret);
}

/* Of the one that made him, or of all above him; those without such a value are passed over. */
static bool find_next_above(struct finder *f, struct found *ret)
{
	const unsigned depth = f->ref->scope == RULE_OF_PARENT ? 1 : MODEL_ANCESTORS_MAX;
	struct eval *e = f->e;

	if (f->turn == 0)
		f->process = e->process;
	while (f->turn < depth) {
		const struct model_process *below = f->process;

		f->turn++;
		f->process = below && model_is_whole(e->model, below) ? below->parent : NULL;
		if (f->process) {
			if (find_in_process(f, f->process, ret))
				return true;
			continue;
		}
		f->turn = depth;
		/* The first of all, or somebody made him and nobody told who. */
		if (below && below->ppid == 0 && model_is_whole(e->model, below))
			return false;
		return give_unknown(e, ret, BLIND_PROCESS);
	}
	/* Nobody looks further up. */
	if (f->turn == MODEL_ANCESTORS_MAX && f->process && f->process->ppid != 0) {
		f->turn++;
		return give_unknown(e, ret, BLIND_LIMIT);
	}
	return false;
}

static bool find_next_process(struct finder *f, struct found *ret)
{
	struct model_process *p = f->e->process;
	bool is_none;

	if (f->ref->scope == RULE_OF_PARENT || f->ref->scope == RULE_OF_ANCESTOR)
		return find_next_above(f, ret);
	if (f->turn++ > 0)
		return false;
	if (f->ref->scope == RULE_OF_LEVEL && !eval_above(f->e, p, f->ref->level, &p, &is_none))
		return !is_none && give_unknown(f->e, ret, BLIND_PROCESS);
	return find_in_process(f, p, ret);
}

/* Arguments ------------------------------------------------------------------------------------ */

bool eval_cut_argument(const struct value *args, uint32_t at, struct found *ret, uint32_t *ret_next)
{
	const uint8_t *end;
	uint32_t n;

	if (at >= args->length)
		return false;
	end = memchr(args->bytes + at, 0, args->length - at);
	n = end ? (uint32_t)(end - args->bytes) - at : args->length - at;
	give_bytes(ret, args->bytes + at, n,
		   end || args->true_length == args->length ? n : EV_UNKNOWN_LENGTH);
	*ret_next = at + n + 1;
	return true;
}

static bool find_argument(struct eval *e, const struct value *args, int wanted, struct found *ret)
{
	uint32_t at = 0;

	for (int i = 0; eval_cut_argument(args, at, ret, &at); i++)
		if (i == wanted)
			return true;
	if (args->true_length == args->length)
		return false;
	return give_unknown(e, ret, BLIND_CUT);
}

static bool next_argument(struct finder *f, struct found *ret)
{
	const struct value *args = &f->args.v;

	if (eval_cut_argument(args, f->args_at, ret, &f->args_at))
		return true;
	f->in_args = false;
	/* Others may have been behind what was kept. */
	return args->true_length != args->length && give_unknown(f->e, ret, BLIND_CUT);
}

void eval_join(struct reel_string *s, uint8_t *to)
{
	bool ends = s->length && s->bytes[s->length - 1] == 0 && s->true_length == s->length;
	uint8_t *at = to, *end;

	if (!s->length) /* there may be no room for it either */
		return;
	end = to + s->length;
	memcpy(to, s->bytes, s->length);
	while (at < end && (at = memchr(at, 0, (size_t)(end - at))))
		*at++ = ' ';
	s->bytes = to;
	s->length -= ends;
	s->true_length -= ends;
}

bool eval_join_here(struct eval *e, struct reel_string *s, bool is_right)
{
	if (e->line_room[is_right] < s->length) {
		uint8_t *line = realloc(e->line[is_right], s->length);

		if (!line)
			return false;
		e->line[is_right] = line;
		e->line_room[is_right] = s->length;
	}
	eval_join(s, e->line[is_right]);
	return true;
}

/* The line itself, for those who do not ask the matcher. */
static bool become_line(struct eval *e, struct found *f, bool is_right)
{
	struct reel_string s = { f->v.bytes, f->v.length, f->v.true_length };

	if (!eval_join_here(e, &s, is_right))
		return give_unknown(e, f, BLIND_LIMIT);
	f->v.bytes = s.bytes;
	f->v.length = s.length;
	f->v.true_length = s.true_length;
	return true;
}

/* Any of them ---------------------------------------------------------------------------------- */

static bool find_next(struct finder *f, struct found *ret)
{
	const struct access *a = f->access;

	if (a->way == ACCESS_PROCESS ||
	    (a->way == ACCESS_DERIVED && f->ref->scope != RULE_OF_EVENT))
		return find_next_process(f, ret);
	if (a->way == ACCESS_DERIVED) /* there may be two */
		return derive_find(f, f->e->process, ret);
	if (a->way == ACCESS_PATHNAME) {
		while (f->turn < 2) {
			bool is_passed = f->turn++ > 0;

			if (find_string(f, is_passed ? a->second : a->offset, is_passed, ret))
				return true;
		}
		return false;
	}
	if (f->turn++ > 0)
		return false;
	switch (a->way) {
	case ACCESS_COMMON:
		return find_common(f, ret);
	case ACCESS_NUMBER:
	case ACCESS_INET:
		return find_number(f, ret);
	case ACCESS_RESULT:
		return f->ev->ret >= 0 && !(f->ev->flags & EV_BLOCKED) &&
		       give_number(ret, (uint64_t)f->ev->ret, true);
	case ACCESS_STRING:
	case ACCESS_LINE:
		return find_string(f, a->offset, a->is_optional, ret);
	case ACCESS_DIGITS:
		return find_digits(f, ret);
	case ACCESS_NAMED:
		return find_named(f, ret);
	default:
		return false;
	}
}

void finder_begin(struct finder *f, struct eval *e, const struct rule_ref *ref,
		  const struct access *a, const struct reel_event *ev)
{
	f->e = e;
	f->ref = ref;
	f->access = a;
	f->ev = ev;
	f->one_by_one = f->is_right = f->in_args = false;
	f->turn = 0;
	f->process = NULL; /* of args nothing is read before they are found */
}

static bool next_value(struct finder *f, struct found *ret)
{
	bool is_args = f->access->kind == REEL_ARGS;

	for (;;) {
		if (f->in_args && next_argument(f, ret))
			return true;
		if (!find_next(f, ret))
			return false;
		if (f->one_by_one &&
		    ((ret->text && f->access->context == RULE_cmdline) ||
		     (f->access->way == ACCESS_LINE && ret->v.kind == VALUE_STRING)))
			return become_line(f->e, ret, f->is_right);
		if (!is_args || ret->v.kind != VALUE_STRING)
			return true;
		if (ret->v.length == 0 && ret->v.true_length == 0)
			continue;
		if (f->ref->index >= 0) {
			struct found args = *ret;

			if (find_argument(f->e, &args.v, f->ref->index, ret))
				return true;
			continue;
		}
		if (!f->one_by_one)
			return true;
		f->args = *ret;
		f->args_at = 0;
		f->in_args = true;
	}
}

bool finder_next(struct finder *f, struct found *ret)
{
	while (next_value(f, ret))
		if (!f->ref->transforms[0] || ret->v.kind == VALUE_UNKNOWN ||
		    transform_found(f->e, f->ref, f->is_right, ret))
			return true;
	return false;
}

void value_of(struct eval *e, const struct rule_ref *ref, const struct access *a,
	      const struct reel_event *ev, struct value *ret)
{
	struct finder f;
	struct found found;

	finder_begin(&f, e, ref, a, ev);
	f.one_by_one = f.is_right = true;
	e->right = NULL;
	if (finder_next(&f, &found)) {
		*ret = found.v;
		e->right = found.derived;
	} else {
		*ret = (struct value){ .kind = VALUE_ABSENT };
	}
}

/* Rows ----------------------------------------------------------------------------------------- */

const struct match_row *eval_text_row(struct eval *e, enum rule_role role, struct model_text *t)
{
	struct reel_string s = { t->bytes, t->length, t->true_length };
	const struct match_row *row;

	if (t->row_of != e->plan->number) {
		memset(t->row, 0, sizeof(t->row));
		t->row_of = e->plan->number;
	}
	if (t->row[role])
		return t->row[role];
	if (role == RULE_ROLE_LINE && !eval_join_here(e, &s, false))
		return NULL;
	row = match_string(e->memos[role], s.bytes, s.length, s.true_length);
	if (row && !row->is_fleeting)
		t->row[role] = row;
	return row;
}

const struct match_row *found_row(struct eval *e, enum rule_role role, const struct found *f)
{
	struct reel_string s = { f->v.bytes, f->v.length, f->v.true_length };
	const struct match_row *row;

	if (f->derived) {
		row = f->derived->row[role];
		if (row)
			return row;
	} else if (f->number != NO_NUMBER) {
		return eval_row(e, role, f->number, &s);
	}
	if (f->text)
		return eval_text_row(e, role, f->text);
	row = match_string(e->memos[role], s.bytes, s.length, s.true_length);
	if (f->derived && row && !row->is_fleeting)
		f->derived->row[role] = row;
	return row;
}
