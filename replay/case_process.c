/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows of processes, of what they ran, and of whose rights they had. */
#include <stdlib.h>
#include <string.h>

#include "replay/case_load_impl.h"

static const char *const known_names[] = { [MODEL_GUESS] = "guess",
					   [MODEL_EXEC] = "exec",
					   [MODEL_FORK] = "fork",
					   [MODEL_KEYFRAME] = "keyframe" };

/* Sessions */

static struct case_session **session_slot(struct case_load *c, uint32_t sid)
{
	return &c->sessions[sid % CASE_BUCKETS];
}

static int end_session(struct case_load *c, struct case_session *s, uint64_t to_ts)
{
	struct case_session **at = session_slot(c, s->sid);
	struct row_session row;

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	case_clear(CASE_session, &row);
	row.id = s->row;
	row.boot = c->boot;
	row.sid = s->sid;
	row.leader = s->leader;
	if (s->loginuid != UINT32_MAX)
		row.loginuid = s->loginuid;
	if (s->tty)
		row.tty = s->tty;
	CASE_LIFE_OF(c, &row, s->from_ts, to_ts);
	row.processes = (int64_t)s->members;
	free(s);
	c->n_sessions--;
	return case_write(c->w, CASE_session, &row, c->err);
}

int case_sessions_end(struct case_load *c)
{
	int r = 0;

	for (unsigned i = 0; i < CASE_BUCKETS; i++)
		while (c->sessions[i] && r == 0)
			r = end_session(c, c->sessions[i], c->sessions[i]->to_ts);
	return r;
}

void case_sessions_free(struct case_load *c)
{
	for (unsigned i = 0; i < CASE_BUCKETS; i++) {
		for (struct case_session *s = c->sessions[i], *next; s; s = next) {
			next = s->next;
			free(s);
		}
		c->sessions[i] = NULL;
	}
	c->n_sessions = 0;
}

/* If they are too many: those that nobody is in any more. */
static int trim_sessions(struct case_load *c)
{
	int r = 0;

	if (c->n_sessions < CASE_SESSIONS_MAX || c->n_sessions < c->sessions_limit)
		return 0;
	for (unsigned i = 0; i < CASE_BUCKETS && r == 0; i++) {
		for (struct case_session *s = c->sessions[i], *next; s && r == 0; s = next) {
			next = s->next;
			if (!s->living)
				r = end_session(c, s, s->to_ts);
		}
	}
	c->sessions_limit = 2 * c->n_sessions;
	return r;
}

/*
 * The session row of a process stays his when he leaves it, so that a session is written at the
 * end, or when another one with its number begins.
 */
static void leave_session(struct case_load *c, struct case_process *p)
{
	struct case_session *s = p->session;

	if (s && --s->living == 0)
		s->to_ts = c->ev ? c->ev->ts : 0;
	p->session = NULL;
}

static int enter_session(struct case_load *c, struct case_process *p, const struct model_process *m,
			 bool is_new)
{
	struct case_session *s = *session_slot(c, m->sid);
	bool is_leader = m->sid == m->pid;
	int r = 0;

	while (s && s->sid != m->sid)
		s = s->next;
	if (s && is_new && is_leader && !s->living) {
		r = end_session(c, s, s->to_ts);
		s = NULL;
	}
	if (r == 0 && !s)
		r = trim_sessions(c);
	if (r == 0 && !s) {
		s = calloc(1, sizeof(*s));
		if (!s)
			return -ENOMEM;
		s->row = case_new_id(c->w, CASE_session);
		s->leader = CASE_NONE;
		s->sid = m->sid;
		s->from_ts = is_new && c->ev ? c->ev->ts : 0;
		c->n_sessions++;
		s->next = *session_slot(c, m->sid);
		*session_slot(c, m->sid) = s;
	}
	if (r < 0)
		return r;
	if (is_leader)
		s->leader = p->row;
	s->loginuid = m->loginuid;
	if (m->tty)
		s->tty = m->tty;
	s->to_ts = 0;
	s->living++;
	s->members++;
	p->session = s;
	p->session_row = s->row;
	return 0;
}

static int settle_session(struct case_load *c, struct case_process *p,
			  const struct model_process *m)
{
	bool is_new = c->change_how == EV_setsid;

	if (!m->sid || m->is_dead)
		return 0;
	if (p->session && p->session->sid == m->sid) {
		p->session->loginuid = m->loginuid;
		if (m->tty)
			p->session->tty = m->tty;
		return 0;
	}
	leave_session(c, p);
	return enter_session(c, p, m, is_new);
}

/* Images */

static void take_text(struct case_load *c, struct model_text **to, struct model_text *text)
{
	model_text_ref(text);
	model_text_unref(c->m, *to);
	*to = text;
}

static void drop_image(struct case_load *c, struct case_image *i)
{
	model_text_unref(c->m, i->exe);
	model_text_unref(c->m, i->path);
	model_text_unref(c->m, i->argv);
	model_text_unref(c->m, i->comm);
	model_text_unref(c->m, i->cwd);
	model_text_unref(c->m, i->env);
	life_file_unref(i->file);
	*i = (struct case_image){ 0 };
}

/* What the model knows of it. */
static void take_image(struct case_load *c, struct case_image *i, const struct model_process *m)
{
	take_text(c, &i->exe, m->exe);
	take_text(c, &i->argv, m->argv);
	take_text(c, &i->comm, m->comm);
	take_text(c, &i->cwd, m->cwd);
	i->serial = m->image;
}

static void put_hex(struct reel_out *o, const uint8_t sha256[32])
{
	out_hex_bytes(o, sha256, 32);
}

static int write_image(struct case_load *c, struct case_process *p, uint64_t to_ts)
{
	const struct case_image *i = &p->image;
	size_t argv, env, hash, end;
	struct row_image row;

	case_clear(CASE_image, &row);
	out_reset(&c->texts);
	argv = case_text_begin(c);
	if (i->argv)
		case_put_args(&c->texts, i->argv);
	env = case_text_begin(c);
	if (i->env)
		case_put_args(&c->texts, i->env);
	hash = case_text_begin(c);
	if (i->file && i->file->use.has_hash)
		put_hex(&c->texts, i->file->use.sha256);
	end = case_text_begin(c);
	row.id = i->row;
	row.process = p->row;
	CASE_LIFE_OF(c, &row, i->from_ts, to_ts);
	row.how = case_str(i->is_exec ? "exec" : known_names[i->how]);
	row.exe = case_model_text(i->exe);
	row.path = case_model_text(i->path);
	if (i->argv)
		row.argv = (struct case_text){ c->texts.buf + argv, env - argv };
	if (i->env)
		row.env = (struct case_text){ c->texts.buf + env, hash - env };
	if (end > hash)
		row.sha256 = (struct case_text){ c->texts.buf + hash, end - hash };
	row.comm = case_model_text(i->comm);
	row.cwd = case_model_text(i->cwd);
	if (i->inode) {
		row.dev = i->dev;
		row.inode = (int64_t)i->inode;
	}
	if (i->is_exec) {
		row.memfd = i->memfd;
		row.deleted = i->deleted;
		row.upper_layer = i->upper_layer;
	}
	row.event = case_event(c, 0, &i->event);
	if (out_error(&c->texts) < 0)
		return -ENOMEM;
	return case_write(c->w, CASE_image, &row, c->err);
}

static void begin_image(struct case_load *c, struct case_process *p, const struct model_process *m,
			uint64_t from_ts)
{
	drop_image(c, &p->image);
	p->image.row = case_new_id(c->w, CASE_image);
	p->image.from_ts = from_ts;
	p->image.how = m->known_by;
	take_image(c, &p->image, m);
}

static int take_bytes(struct case_load *c, uint16_t offset, struct model_text **to)
{
	struct reel_string s = reel_event_string_at(c->ev, offset);

	if (!s.length)
		return 0;
	*to = model_text(c->m, &s);
	return *to ? 0 : -ENOMEM;
}

static int exec_edge(struct case_load *c, struct life_file *f)
{
	struct case_edge edge = case_edge_now(c, EDGE_exec);

	edge.file = case_file_met(c, f);
	f->use.executions++;
	return case_edge_add(c, &edge);
}

/* Of a script both are read: it, and who runs it. */
static int on_exec(struct case_load *c, struct case_process *p)
{
	const struct ev_exec *e = (const void *)c->ev->fixed;
	struct life_file *file, *script;
	struct case_image *i = &p->image;
	int r = write_image(c, p, c->ev->ts);

	if (r < 0)
		return r;
	begin_image(c, p, c->process, c->ev->ts);
	i->is_exec = true;
	i->event = (struct life_event){ c->ev->seq, c->ev->cpu, EV_exec, true };
	i->dev = e->dev;
	i->inode = e->inode;
	i->memfd = e->memfd;
	i->deleted = e->deleted;
	i->upper_layer = e->upper_layer;
	r = take_bytes(c, offsetof(struct ev_exec, path), &i->path);
	if (r == 0)
		r = take_bytes(c, offsetof(struct ev_exec, env), &i->env);
	file = lives_event_path(c->l, c->ev, c->by, offsetof(struct ev_exec, exe));
	script = lives_event_path(c->l, c->ev, c->by, offsetof(struct ev_exec, path));
	if (file) {
		life_file_ref(file);
		i->file = file;
		if (e->inode) {
			file->dev = e->dev;
			file->inode = e->inode;
		}
		r = r == 0 ? exec_edge(c, file) : r;
	}
	if (script && script != file && r == 0)
		r = exec_edge(c, script);
	return r;
}

/* Rights */

static void rights_of(const struct model_process *m, struct case_rights *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (m->has_ids)
		ret->ids = m->ids;
	if (m->has_caps)
		ret->caps = m->caps;
	if (!m->has_bounding)
		ret->caps.bounding = 0;
	ret->spaces = m->spaces;
	ret->has_ids = m->has_ids;
	ret->has_caps = m->has_caps;
	ret->has_bounding = m->has_bounding;
	ret->has_spaces = m->has_spaces;
	ret->no_new_privs = m->no_new_privs;
	ret->seccomp = m->seccomp_mode;
	ret->is_known = m->has_spaces;
}

static const char *how_name(const struct case_process *p, const struct model_process *m)
{
	const struct reel_type *t = reel_type_by_id(p->credential.how);

	return p->credential.how && t ? t->name : known_names[m->known_by];
}

static int64_t or_none(uint32_t value)
{
	return value ? (int64_t)value : CASE_NONE;
}

static int write_credential(struct case_load *c, struct case_process *p,
			    const struct model_process *m, uint64_t to_ts)
{
	static const char *const modes[] = { "off", "strict", "filter" };
	const struct case_rights *t = &p->credential.rights;
	struct row_credential row;

	case_clear(CASE_credential, &row);
	out_reset(&c->texts);
	row.process = p->row;
	CASE_LIFE_OF(c, &row, p->credential.from_ts, to_ts);
	if (t->has_ids) {
		row.uid = t->ids.uid;
		row.euid = t->ids.euid;
		row.suid = t->ids.suid;
		row.fsuid = t->ids.fsuid;
		row.gid = t->ids.gid;
		row.egid = t->ids.egid;
		row.sgid = t->ids.sgid;
		row.fsgid = t->ids.fsgid;
	}
	if (t->has_caps) {
		row.cap_effective = (int64_t)t->caps.effective;
		row.cap_permitted = (int64_t)t->caps.permitted;
		row.cap_inheritable = (int64_t)t->caps.inheritable;
		row.cap_ambient = (int64_t)t->caps.ambient;
		case_put_names(&c->texts, "caps", t->caps.effective);
		row.cap_effective_names = case_text_taken(c, 0);
	}
	if (t->has_bounding)
		row.cap_bounding = (int64_t)t->caps.bounding;
	if (t->is_known) {
		row.no_new_privs = t->no_new_privs;
		row.seccomp = case_str(modes[t->seccomp < 3 ? t->seccomp : 2]);
	}
	row.user_ns = or_none(t->spaces.user);
	row.pid_ns = or_none(t->spaces.pid);
	row.mnt_ns = or_none(t->spaces.mnt);
	row.net_ns = or_none(t->spaces.net);
	row.uts_ns = or_none(t->spaces.uts);
	row.ipc_ns = or_none(t->spaces.ipc);
	row.cgroup_ns = or_none(t->spaces.cgroup);
	row.how = case_str(how_name(p, m));
	row.event = case_event(c, 0, &p->credential.event);
	if (out_error(&c->texts) < 0)
		return -ENOMEM;
	return case_write(c->w, CASE_credential, &row, c->err);
}

/* A keyframe that tells more of what nothing was known of changes nothing. */
static bool is_more_of(const struct case_rights *known, const struct case_rights *now)
{
	return (!known->has_ids || memcmp(&known->ids, &now->ids, sizeof(now->ids)) == 0) &&
	       (!known->has_caps || (known->caps.effective == now->caps.effective &&
				     known->caps.permitted == now->caps.permitted &&
				     known->caps.inheritable == now->caps.inheritable)) &&
	       (!known->has_spaces ||
		memcmp(&known->spaces, &now->spaces, sizeof(now->spaces)) == 0);
}

static int settle_rights(struct case_load *c, struct case_process *p, const struct model_process *m)
{
	struct case_rights now;
	int r;

	rights_of(m, &now);
	if (memcmp(&now, &p->credential.rights, sizeof(now)) == 0)
		return 0;
	if (c->change_how == EV_process && is_more_of(&p->credential.rights, &now)) {
		p->credential.rights = now;
		return 0;
	}
	r = write_credential(c, p, m, c->ev->ts);
	p->credential = (struct case_credential){
		.rights = now,
		.from_ts = c->ev->ts,
		.how = c->change_how,
		.event = { c->ev->seq, c->ev->cpu, c->change_how, c->change_how != EV_process },
	};
	return r;
}

/* Processes */

int case_process_begun(void *context, struct life *of)
{
	struct case_load *c = context;
	const struct model_process *m = of->process;
	struct case_process *p = calloc(1, sizeof(*p)), *parent;
	bool is_fork = m->known_by == MODEL_FORK;

	if (!p)
		return -ENOMEM;
	of->user = p;
	p->row = case_new_id(c->w, CASE_process);
	p->session_row = p->container_row = CASE_NONE;
	parent = m->parent ? case_process_of(m->parent->user) : NULL;
	p->parent = parent ? parent->row : CASE_NONE;
	p->from_ts = m->start_ns;
	if (is_fork && c->ev)
		p->event = (struct life_event){ c->ev->seq, c->ev->cpu, EV_fork, true };
	begin_image(c, p, m, is_fork ? m->start_ns : 0);
	if (is_fork && parent) {
		struct case_image *i = &p->image;
		const struct case_image *from = &parent->image;

		take_text(c, &i->path, from->path);
		i->dev = from->dev;
		i->inode = from->inode;
		i->file = from->file;
		if (i->file)
			life_file_ref(i->file);
	}
	rights_of(m, &p->credential.rights);
	p->credential.from_ts = p->image.from_ts;
	return settle_session(c, p, m);
}

static int write_process(struct case_load *c, struct case_process *p, const struct model_process *m,
			 uint64_t to_ts)
{
	struct model_text *cgroup = case_cgroup_path(c, m->cgroup);
	size_t argv, signal, end;
	struct row_process row;

	case_clear(CASE_process, &row);
	out_reset(&c->texts);
	argv = case_text_begin(c);
	if (m->argv)
		case_put_args(&c->texts, m->argv);
	signal = case_text_begin(c);
	if (p->has_exit && p->signal)
		case_put_names(&c->texts, "sig", p->signal);
	end = case_text_begin(c);
	row.id = p->row;
	row.boot = c->boot;
	row.pid = m->pid;
	CASE_LIFE_OF(c, &row, m->start_ns, to_ts);
	row.parent = p->parent;
	if (m->known_by == MODEL_FORK || m->known_by == MODEL_KEYFRAME)
		row.ppid = m->ppid;
	row.known_by = case_str(known_names[m->known_by]);
	row.vpid = or_none(m->vpid);
	row.session = p->session_row;
	row.pgid = or_none(m->pgid);
	if (m->loginuid != UINT32_MAX)
		row.loginuid = m->loginuid;
	row.container = p->container_row;
	row.cgroup = case_model_text(cgroup);
	row.comm = case_model_text(m->comm);
	row.exe = case_model_text(m->exe);
	if (m->argv)
		row.argv = (struct case_text){ c->texts.buf + argv, signal - argv };
	row.cwd = case_model_text(m->cwd);
	if (m->root && !(m->root->length == 1 && m->root->bytes[0] == '/'))
		row.root = case_model_text(m->root);
	if (m->has_ids)
		row.uid = m->ids.uid;
	if (m->known_by == MODEL_FORK || m->known_by == MODEL_KEYFRAME)
		row.kernel_thread = m->kernel_thread;
	if (p->has_exit) {
		if (p->signal) {
			row.exit_signal = p->signal;
			row.exit_signal_name =
				(struct case_text){ c->texts.buf + signal, end - signal };
		} else {
			row.exit_code = p->code;
		}
		row.cpu_time = (int64_t)p->cpu_ns;
		row.read_bytes = (int64_t)p->read_bytes;
		row.written_bytes = (int64_t)p->written_bytes;
	}
	row.event = case_event(c, 0, &p->event);
	if (out_error(&c->texts) < 0)
		return -ENOMEM;
	return case_write(c->w, CASE_process, &row, c->err);
}

int case_process_over(void *context, struct life *of)
{
	leave_session(context, of->user);
	return 0;
}

int case_process_ended(void *context, struct life *of)
{
	struct case_load *c = context;
	struct case_process *p = of->user;
	int r = write_image(c, p, of->to_ts);

	if (r == 0)
		r = write_credential(c, p, of->process, of->to_ts);
	if (r == 0)
		r = write_process(c, p, of->process, of->to_ts);
	return r;
}

/* A process that ends frees what rows needed; so does one whose rows were never written. */
void case_process_freed(void *context, struct life *of)
{
	struct case_load *c = context;
	struct case_process *p = of->user;

	if (!p)
		return;
	drop_image(c, &p->image);
	free(p->touched.at);
	free(p);
	of->user = NULL;
}

static void on_exit_event(struct case_load *c, struct case_process *p)
{
	const struct ev_exit *e = (const void *)c->ev->fixed;

	p->has_exit = true;
	p->cpu_ns = e->cpu_ns;
	p->read_bytes = e->read_bytes;
	p->written_bytes = e->written_bytes;
	p->code = e->code;
	p->signal = e->signal;
}

static int on_fork(struct case_load *c, const struct model_process *child)
{
	struct case_process *p = case_process_of(lives_of(child));
	struct case_edge edge = case_edge_now(c, EDGE_fork);
	int r = p ? case_container_of(c, child, &p->container_row) : 0;

	if (!p || r < 0)
		return r;
	edge.child = p->row;
	return case_edge_add(c, &edge);
}

/* The parents of those that it told are known now. */
static int find_parents(struct case_load *c)
{
	int r = 0;

	for (struct life *of = lives_next(c->l, NULL); of && r == 0; of = lives_next(c->l, of)) {
		struct model_process *parent = of->process->parent;
		struct case_process *p = of->user, *above;

		above = parent ? case_process_of(lives_of(parent)) : NULL;
		if (p->parent == CASE_NONE && above)
			p->parent = above->row;
		if (p->container_row == CASE_NONE)
			r = case_container_of(c, of->process, &p->container_row);
	}
	return r;
}

/* What a keyframe says anew, or for the first time. */
static int on_process(struct case_load *c, struct case_process *p)
{
	const struct ev_process *e = (const void *)c->ev->fixed;
	const struct model_process *m = c->process;
	struct case_image *i = &p->image;
	bool is_first = !i->is_exec && i->how == MODEL_GUESS;
	int r = 0;

	if (i->serial != m->image) {
		if (is_first || !i->exe) {
			take_image(c, i, m);
			i->how = m->known_by;
		} else {
			r = write_image(c, p, c->ev->ts);
			begin_image(c, p, m, c->ev->ts);
			i->how = MODEL_KEYFRAME;
		}
	}
	if (e->inode && !i->inode) {
		i->dev = e->dev;
		i->inode = e->inode;
	}
	if (!i->file) {
		i->file = lives_event_path(c->l, c->ev, c->by, offsetof(struct ev_process, exe));
		if (i->file) {
			life_file_ref(i->file);
			(void)case_file_met(c, i->file);
		}
	}
	if (!i->env && r == 0)
		r = take_bytes(c, offsetof(struct ev_process, env), &i->env);
	return r;
}

static int of_target(struct case_load *c, uint32_t pid)
{
	struct model_process *m = pid ? model_find(c->m, pid) : NULL;
	struct case_process *p = case_process_of(lives_of(m));

	return p ? settle_rights(c, p, m) : 0;
}

int case_process_event(struct case_load *c, const struct model_change *change)
{
	struct case_process *p = case_process_of(c->by);
	const uint8_t id = c->ev->type->id;
	bool as_built = c->ev->segment->schema->as_built[id];
	int r = 0;

	if (c->ev->type->stream != TAPE_STATE && id != EV_seccomp)
		return 0;
	if (id == EV_keyframe)
		return find_parents(c);
	if (!p || !as_built)
		return 0;
	switch (id) {
	case EV_fork:
		return change->child ? on_fork(c, change->child) : 0;
	case EV_exec:
		r = c->ev->ret >= 0 && !(c->ev->flags & EV_BLOCKED) ? on_exec(c, p) : 0;
		break;
	case EV_exit:
		on_exit_event(c, p);
		return 0;
	case EV_process:
		r = on_process(c, p);
		break;
	case EV_capset:
		r = of_target(c, ((const struct ev_capset *)(const void *)c->ev->fixed)->target);
		break;
	case EV_fd:
	case EV_map:
	case EV_task:
	case EV_inflight:
		return 0;
	}
	if (r == 0)
		r = settle_rights(c, p, c->process);
	if (r == 0)
		r = settle_session(c, p, c->process);
	return r == 0 ? case_container_of(c, c->process, &p->container_row) : r;
}
