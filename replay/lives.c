/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/lives.h"

#include <stdlib.h>
#include <string.h>

#include "format/reader.h"
#include "replay/lives_impl.h"

int lives_new(struct model *m, struct life_files *files, uint32_t boot,
	      const struct lives_tell *tell, struct lives **ret, struct reel_err *err)
{
	struct lives *l = calloc(1, sizeof(*l));

	if (!l)
		return reel_err_set(err, -ENOMEM, "no memory for what processes have open");
	l->m = m;
	l->files = files;
	l->boot = boot;
	if (tell)
		l->tell = *tell;
	*ret = l;
	return 0;
}

const struct reel_event *lives_whole(const struct reel_event *ev, struct reel_event *view,
				     uint64_t scratch[LIVES_SCRATCH / 8])
{
	const struct reel_type *own = reel_type_by_id(ev->type->id);

	if (!own || ev->type->fixed_bytes >= own->fixed_bytes || own->fixed_bytes > LIVES_SCRATCH)
		return ev;
	memset(scratch, 0, LIVES_SCRATCH);
	memcpy(scratch, ev->fixed, ev->type->fixed_bytes);
	*view = *ev;
	view->fixed = (const uint8_t *)scratch;
	return view;
}

/* Processes */

static struct life **slot(struct lives *l, uint64_t serial)
{
	return &l->by_serial[lives_bucket(serial)];
}

static void enter(struct lives *l, struct life *of)
{
	struct life **at = slot(l, of->serial);

	of->next_by_serial = *at;
	*at = of;
	of->older = l->newest;
	*(l->newest ? &l->newest->newer : &l->oldest) = of;
	l->newest = of;
	l->n_processes++;
}

static void leave(struct lives *l, struct life *of)
{
	struct life **at = slot(l, of->serial);

	while (*at != of)
		at = &(*at)->next_by_serial;
	*at = of->next_by_serial;
	*(of->older ? &of->older->newer : &l->oldest) = of->newer;
	*(of->newer ? &of->newer->older : &l->newest) = of->older;
	of->older = of->newer = NULL;
	l->n_processes--;
}

/* NULL for one who was dead when he was first heard of. */
static int get(struct lives *l, struct model_process *p, struct life **ret)
{
	struct life *of = p ? p->user : NULL;

	*ret = of;
	if (of || !p || p->is_dead)
		return 0;
	of = calloc(1, sizeof(*of));
	if (!of)
		return -ENOMEM;
	of->process = p;
	of->serial = p->serial;
	of->mnt_ns = p->spaces.mnt;
	model_ref(p);
	p->user = of;
	enter(l, of);
	*ret = of;
	return l->tell.begun ? l->tell.begun(l->tell.context, of) : 0;
}

static void free_life(struct lives *l, struct life *of)
{
	lives_fd_free_all(l, of);
	if (l->tell.freed)
		l->tell.freed(l->tell.context, of);
	of->process->user = NULL;
	model_unref(l->m, of->process);
	free(of);
}

static int tell_end(struct lives *l, struct life *of)
{
	int r = lives_fd_tell_over(l, of);

	if (r == 0 && l->tell.ended)
		r = l->tell.ended(l->tell.context, of);
	return r;
}

/* Events may still be of him, for a while. */
int lives_ended(struct lives *l, uint64_t serial, uint64_t ts)
{
	struct life *of = *slot(l, serial);
	int r;

	while (of && of->serial != serial)
		of = of->next_by_serial;
	if (!of)
		return 0;
	leave(l, of);
	of->to_ts = ts;
	*(l->dead_newest ? &l->dead_newest->newer : &l->dead_oldest) = of;
	l->dead_newest = of;
	r = lives_fd_end_all(l, of, ts);
	if (r == 0 && l->tell.over)
		r = l->tell.over(l->tell.context, of);
	if (++l->n_dead <= LIVES_DEAD || r < 0)
		return r;
	of = l->dead_oldest;
	r = tell_end(l, of);
	l->dead_oldest = of->newer;
	l->n_dead--;
	free_life(l, of);
	return r;
}

struct life *lives_next(const struct lives *l, const struct life *before)
{
	return before ? before->newer : l->oldest;
}

/* Events */

static void note_loss(struct lives *l)
{
	struct ev_lost scratch;
	const struct ev_lost *e = lives_as(l, lost, &scratch);

	if (!e)
		return;
	l->any_lost = true;
	switch (e->lost_class) {
	case EV_CLASS_look:
	case EV_CLASS_sys:
	case EV_CLASS_user:
	case EV_CLASS_kernel:
		return;
	}
	if (e->last > l->fds_lost_ts)
		l->fds_lost_ts = e->last;
	if (model_reads_class(e->lost_class) || e->lost_class == EV_CLASS_file)
		l->mounts_lost_ts = e->last > l->mounts_lost_ts ? e->last : l->mounts_lost_ts;
}

static int on_keyframe(struct lives *l)
{
	struct ev_keyframe scratch;
	const struct ev_keyframe *e = lives_as(l, keyframe, &scratch);
	int r = 0;

	if (!e)
		return 0;
	if (e->edge == 0) {
		l->frame++;
		l->frame_from_ts = l->ev->ts;
		l->frame_is_open = true;
		l->frame_has_fds = false;
		return 0;
	}
	if (l->frame_is_open && e->complete) {
		r = lives_fd_frame_end(l);
		if (r == 0)
			r = lives_sock_frame_end(l);
		if (r == 0)
			r = lives_mount_frame_end(l);
	}
	l->frame_is_open = false;
	return r;
}

static int on_fork(struct lives *l, struct model_process *process)
{
	struct life *child;
	int r = get(l, process, &child);

	if (r < 0 || !child || !l->by)
		return r;
	return lives_fd_inherit(l, l->by, child);
}

static int of_process(struct lives *l, const struct model_change *change)
{
	const uint8_t id = l->ev->type->id;
	int r = 0;

	/* What had been read of what an exec closed has been told by now. */
	if (l->by && l->by->over && !l->by->to_ts && id != EV_fold && id != EV_exec)
		r = lives_fd_tell_over(l, l->by);
	if (r < 0)
		return r;
	switch (id) {
	case EV_process:
		if (l->by)
			l->by->frame = l->frame;
		return 0;
	case EV_fork:
		return change->child ? on_fork(l, change->child) : 0;
	case EV_exec:
		return l->by && lives_worked(l->ev) ? lives_fd_exec(l, l->by) : 0;
	case EV_keyframe:
		return on_keyframe(l);
	case EV_lost:
		note_loss(l);
		return 0;
	}
	return l->by ? lives_fd_event(l) : 0;
}

int lives_event(struct lives *l, const struct reel_event *ev, const struct model_change *change,
		struct model_process *by)
{
	uint64_t scratch[LIVES_SCRATCH / 8];
	struct reel_event view;
	int r;

	l->ev = lives_whole(ev, &view, scratch);
	r = life_files_trim(l->files);
	if (r == 0)
		r = get(l, by, &l->by);
	if (r == 0)
		r = of_process(l, change);
	if (r == 0)
		r = lives_sock_event(l);
	if (r == 0)
		r = lives_mount_event(l);
	if (l->by)
		l->by->mnt_ns = l->by->process->spaces.mnt;
	return r;
}

/* The end */

int lives_end(struct lives *l)
{
	int r = 0;

	while (l->dead_oldest && r == 0) {
		struct life *of = l->dead_oldest;

		l->dead_oldest = of->newer;
		r = tell_end(l, of);
		free_life(l, of);
	}
	l->dead_newest = NULL;
	l->n_dead = 0;
	for (struct life *of = l->oldest, *next; of && r == 0; of = next) {
		next = of->newer;
		r = lives_fd_end_all(l, of, 0);
		if (r == 0)
			r = tell_end(l, of);
		leave(l, of);
		free_life(l, of);
	}
	if (r == 0)
		r = lives_sock_end_all(l);
	if (r == 0)
		r = lives_mount_end_all(l);
	return r;
}

void lives_free(struct lives *l)
{
	if (!l)
		return;
	for (struct life *of = l->dead_oldest, *next; of; of = next) {
		next = of->newer;
		free_life(l, of);
	}
	for (struct life *of = l->oldest, *next; of; of = next) {
		next = of->newer;
		free_life(l, of);
	}
	lives_sock_free_all(l);
	lives_mount_free_all(l);
	for (struct life_fd *fd = l->spare, *next; fd; fd = next) {
		next = fd->next;
		free(fd);
	}
	free(l);
}

void lives_stats(const struct lives *l, struct lives_stats *ret)
{
	*ret = (struct lives_stats){
		.processes = l->n_processes,
		.fds = l->n_fds,
		.sockets = l->n_sockets,
		.mounts = l->n_mounts,
		.files = life_files_count(l->files),
		.evicted = l->evicted,
		.files_forgotten = life_files_forgotten(l->files),
	};
}
