/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "format/reader.h"
#include "format/schema.h"
#include "replay/model_impl.h"

static const struct {
	model_handler *handle;
	uint16_t bytes; /* of this build's struct */
} handlers[EV_MAX_TYPES] = {
#define H(type) [EV_##type] = { model_on_##type, sizeof(struct ev_##type) }
	H(fork),    H(exec),	H(exit),   H(chdir),	   H(chroot),  H(pivot_root), H(setsid),
	H(setpgid), H(setuid),	H(setgid), H(capset),	   H(prctl),   H(setns),      H(unshare),
	H(seccomp), H(process), H(cgroup), H(cgroup_move), H(account), H(keyframe),   H(container),
#undef H
};

enum { SCRATCH_BYTES = 512 };

int model_new(const char *host, struct model **ret, struct reel_err *err)
{
	struct model *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return reel_err_set(err, -ENOMEM, "no memory for a model of the machine");
	m->bytes = sizeof(*m);
	m->processes_max = MODEL_PROCESSES_MAX;
	m->bytes_max = MODEL_BYTES_MAX;
	/* Only so that no tape can be made for it; nothing that is found depends on it. */
	if (getrandom(&m->seed, sizeof(m->seed), GRND_NONBLOCK) != sizeof(m->seed))
		m->seed = 0x9e3779b97f4a7c15;
	m->seed |= 1;
	r = model_texts_new(m);
	if (r == 0)
		r = model_buckets_new(m, &m->processes);
	if (r == 0)
		r = model_buckets_new(m, &m->containers);
	if (r == 0)
		r = model_buckets_new(m, &m->cgroups);
	if (r == 0)
		r = model_buckets_new(m, &m->accounts);
	if (r == 0)
		r = model_files_new(m);
	if (r == 0 && host)
		r = model_take_bytes(m, host, strlen(host), &m->host);
	if (r < 0) {
		model_free(m);
		return reel_err_set(err, -ENOMEM, "no memory for a model of the machine");
	}
	*ret = m;
	return 0;
}

void model_free(struct model *m)
{
	if (!m)
		return;
	if (m->held)
		model_unref(m, m->held);
	if (m->processes.at)
		model_processes_free(m);
	if (m->cgroups.at)
		model_containers_free(m);
	model_accounts_free(m);
	model_files_free(m);
	model_names_free(m);
	model_text_unref(m, m->host);
	model_texts_free(m);
	free(m->more);
	free(m);
}

/* What has ended */

struct model_change *model_ended(struct model *m)
{
	if (m->n_more == m->more_room) {
		uint32_t room = m->more_room ? 2 * m->more_room : 16;
		struct model_change *more = reallocarray(m->more, room, sizeof(*more));

		if (!more)
			return NULL;
		m->bytes += (room - m->more_room) * sizeof(*more);
		m->more = more;
		m->more_room = room;
	}
	m->more[m->n_more] = (struct model_change){ 0 };
	return &m->more[m->n_more++];
}

bool model_more(struct model *m, struct model_change *ret)
{
	while (m->more_at < m->n_more) {
		*ret = m->more[m->more_at++];
		if (model_change_ends(ret))
			return true;
	}
	return false;
}

/* What came after the last event was told, is still to be told. */
static void drop_told(struct model *m)
{
	uint32_t told = m->more_old > m->more_at ? m->more_old : m->more_at;

	if (!m->n_more)
		return;
	m->n_more -= told;
	memmove(m->more, m->more + told, m->n_more * sizeof(*m->more));
	m->more_at = m->more_old = 0;
}

/* The first that has ended, if there is room for it. */
static void tell_first(struct model *m, struct model_change *ret)
{
	struct model_change first;

	m->more_old = m->n_more;
	if (model_change_ends(ret) || !model_more(m, &first))
		return;
	ret->ended_process = first.ended_process;
	ret->ended_family = first.ended_family;
	ret->ended_container = first.ended_container;
	ret->family_from = first.family_from;
	ret->family_to = first.family_to;
}

/* Events */

/* Only a process that lives does what these say. */
static bool is_of_living(const struct reel_type *type)
{
	return type->stream == TAPE_STATE &&
	       (type->class_id == EV_CLASS_process || type->class_id == EV_CLASS_priv);
}

static int find_by(struct model *m, const struct reel_event *ev, struct model_change *change,
		   struct node **ret)
{
	struct node *n;
	int r;

	*ret = NULL;
	if (!ev->pid)
		return 0;
	n = model_lookup(m, ev->pid);
	if (n && n->p.is_dead && is_of_living(ev->type))
		n = NULL;
	if (!n && !(ev->flags & EV_KEYFRAME) && ev->type->class_id != EV_CLASS_state) {
		r = model_guess(m, ev->pid, change, &n);
		if (r < 0)
			return r;
	}
	if (n) {
		model_hear(m, n);
		model_settle(m, n);
	}
	*ret = n;
	return 0;
}

static bool is_as_built(const struct reel_event *ev)
{
	return ev->segment ? ev->segment->schema->as_built[ev->type->id] :
			     ev->type == reel_type_by_id(ev->type->id);
}

static int handle(struct told *t)
{
	const uint8_t id = t->ev->type->id;
	uint64_t scratch[SCRATCH_BYTES / 8];

	if (!handlers[id].handle || !is_as_built(t->ev))
		return 0;
	return handlers[id].handle(t, reel_event_as(t->ev, scratch, handlers[id].bytes));
}

#define FITS(type) _Static_assert(sizeof(struct ev_##type) <= SCRATCH_BYTES, "scratch");
FITS(process)
FITS(exec)

static void hold(struct model *m, struct model_process *p)
{
	struct model_process *last = m->held;

	if (p == last)
		return;
	if (p)
		model_ref(p);
	m->held = p;
	if (last)
		model_unref(m, last);
}

int model_event(struct model *m, const struct reel_event *ev, struct model_change *ret,
		struct reel_err *err)
{
	struct told t = { .m = m, .ev = ev, .change = ret };
	int r = 0;

	*ret = (struct model_change){ 0 };
	drop_told(m);
	if (m->n_pending && !m->keyframe_is_open && ev->type->class_id != EV_CLASS_state)
		r = model_resolve(m);
	if (r == 0)
		r = find_by(m, ev, ret, &t.by);
	if (r == 0) {
		hold(m, t.by ? &t.by->p : NULL);
		ret->process = m->held;
		r = handle(&t);
	}
	if (r == 0 && ev->type->stream == TAPE_STATE)
		r = model_names(m, ev, err);
	if (r < 0)
		return reel_err_set(err, -ENOMEM, "no memory for a model of the machine");
	hold(m, ret->process);
	tell_first(m, ret);
	return 0;
}

struct model_process *model_find(struct model *m, uint32_t pid)
{
	struct node *n;

	if (m->n_pending && !m->keyframe_is_open)
		(void)model_resolve(m);
	n = pid ? model_lookup(m, pid) : NULL;
	if (!n)
		return NULL;
	model_hear(m, n);
	model_settle(m, n);
	return &n->p;
}

/* Losses */

bool model_reads_class(uint8_t class_id)
{
	static const uint8_t others[] = { EV_CLASS_file, EV_CLASS_io,	  EV_CLASS_net,
					  EV_CLASS_mem,	 EV_CLASS_kernel, EV_CLASS_ipc,
					  EV_CLASS_look, EV_CLASS_sys,	  EV_CLASS_user };

	return !class_id || !memchr(others, class_id, sizeof(others));
}

static void note_loss(struct model_loss *lost, uint64_t last_ns)
{
	lost->any = true;
	if (last_ns > lost->last_ns)
		lost->last_ns = last_ns;
}

void model_lost(struct model *m, uint8_t class_id, uint64_t last_ns)
{
	if (!model_reads_class(class_id))
		return;
	note_loss(&m->rights_lost, last_ns);
	if (class_id != EV_CLASS_priv)
		note_loss(&m->lost, last_ns);
}

static bool is_since(const struct model_loss *lost, uint64_t told_ns)
{
	return !lost->any || told_ns > lost->last_ns;
}

bool model_is_certain(const struct model *m, const struct model_process *p)
{
	const struct node *n = (const struct node *)p;

	return p->known_by != MODEL_GUESS && !n->is_vague && is_since(&m->lost, p->certain_ns);
}

bool model_is_whole(const struct model *m, const struct model_process *p)
{
	return p->whole_ns && is_since(&m->lost, p->whole_ns);
}

bool model_is_certain_of_ids(const struct model *m, const struct model_process *p)
{
	return model_is_certain(m, p) && is_since(&m->rights_lost, p->ids_ns);
}

bool model_is_whole_of_rights(const struct model *m, const struct model_process *p)
{
	return model_is_whole(m, p) && is_since(&m->rights_lost, p->rights_ns);
}

bool model_is_placed(const struct model *m, const struct model_process *p)
{
	return p->has_family &&
	       (model_is_whole(m, p) || (p->known_by == MODEL_KEYFRAME && !m->lost.any));
}

void model_doubt(struct model_process *p)
{
	((struct node *)p)->is_vague = true;
	p->whole_ns = 0;
}

struct model_text *model_host(const struct model *m)
{
	return m->host;
}

void model_stats(const struct model *m, struct model_stats *ret)
{
	*ret = (struct model_stats){
		.processes = m->n_living,
		.dead = m->n_dead,
		.families = m->n_families,
		.containers = m->containers.n,
		.files = m->files.n,
		.texts = m->texts.n,
		.evicted = m->evicted,
		.bytes = m->bytes,
	};
}
