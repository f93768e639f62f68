/* SPDX-License-Identifier: BSD-2-Clause */
/* Descriptors of each process. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "replay/lives_impl.h"

/* The table of a process */

uint32_t lives_fd_place(const struct life *of, int32_t fd)
{
	uint32_t low = 0, high = of->n_fds;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (of->fds[middle]->fd < fd)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct life_fd *lives_fd(const struct life *of, int32_t fd)
{
	uint32_t i = of ? lives_fd_place(of, fd) : 0;

	return of && i < of->n_fds && of->fds[i]->fd == fd ? of->fds[i] : NULL;
}

static void give_back(struct lives *l, struct life_fd *fd)
{
	life_file_unref(fd->file);
	if (fd->socket)
		lives_sock_unref(l, fd->socket);
	fd->next = l->spare;
	l->spare = fd;
	l->n_fds--;
}

static int take_one(struct lives *l, const struct life_fd *like, struct life_fd **ret)
{
	struct life_fd *fd = l->spare;

	if (fd)
		l->spare = fd->next;
	else
		fd = malloc(sizeof(*fd));
	if (!fd)
		return -ENOMEM;
	*fd = *like;
	fd->next = NULL;
	life_file_ref(fd->file);
	if (fd->socket)
		lives_sock_hold(fd->socket);
	l->n_fds++;
	*ret = fd;
	return 0;
}

static int tell(struct lives *l, struct life *of, struct life_fd *fd)
{
	int r = l->tell.fd ? l->tell.fd(l->tell.context, of, fd) : 0;

	give_back(l, fd);
	return r;
}

/* It is over at TO_TS. Its socket may end with it, and is told first to whom it belongs. */
int lives_fd_end(struct lives *l, struct life *of, uint32_t i, uint64_t to_ts, enum lives_when when)
{
	struct life_fd *fd = of->fds[i];
	int r = 0;

	memmove(&of->fds[i], &of->fds[i + 1], (of->n_fds - i - 1) * sizeof(*of->fds));
	of->n_fds--;
	fd->to_ts = to_ts;
	fd->next = of->over;
	of->over = fd;
	if (fd->socket)
		r = lives_sock_drop(l, fd->socket, to_ts);
	if (when == LIVES_LATER || r < 0)
		return r;
	of->over = fd->next;
	return tell(l, of, fd);
}

static int grow(struct life *of)
{
	uint32_t room = of->room ? 2 * of->room : 8;
	struct life_fd **fds = reallocarray(of->fds, room, sizeof(*fds));

	if (!fds)
		return -ENOMEM;
	of->fds = fds;
	of->room = room;
	return 0;
}

/* In place of what it showed before, whose close was not seen. */
int lives_fd_put(struct lives *l, struct life *of, const struct life_fd *like)
{
	uint32_t i = lives_fd_place(of, like->fd);
	int r = 0;

	if (like->fd < 0)
		return 0;
	if (i < of->n_fds && of->fds[i]->fd == like->fd)
		r = lives_fd_end(l, of, i, l->ev->ts, LIVES_AT_ONCE);
	if (r < 0)
		return r;
	if (l->n_fds >= LIVES_FDS_MAX) {
		l->evicted++;
		return 0;
	}
	if (of->n_fds == of->room)
		r = grow(of);
	if (r < 0)
		return r;
	memmove(&of->fds[i + 1], &of->fds[i], (of->n_fds - i) * sizeof(*of->fds));
	of->n_fds++;
	r = take_one(l, like, &of->fds[i]);
	if (r < 0) {
		of->n_fds--;
		memmove(&of->fds[i], &of->fds[i + 1], (of->n_fds - i) * sizeof(*of->fds));
	}
	return r;
}

int lives_fd_inherit(struct lives *l, struct life *parent, struct life *child)
{
	int r = 0;

	for (uint32_t i = 0; i < parent->n_fds && r == 0; i++) {
		struct life_fd like = *parent->fds[i];

		like.how = EV_fork;
		like.is_met = false;
		like.from_ts = l->ev->ts;
		like.event = lives_event_name(l->ev);
		like.read_bytes = like.written_bytes = 0;
		r = lives_fd_put(l, child, &like);
	}
	return r;
}

int lives_fd_exec(struct lives *l, struct life *of)
{
	int r = 0;

	for (uint32_t i = of->n_fds; i-- > 0 && r == 0;) {
		struct life_fd *fd = of->fds[i];

		if (fd->on_exec == LIFE_CLOSES)
			r = lives_fd_end(l, of, i, l->ev->ts, LIVES_LATER);
		else
			fd->is_doubtful |= fd->fd > STDERR_FILENO;
	}
	return r;
}

int lives_fd_end_all(struct lives *l, struct life *of, uint64_t to_ts)
{
	int r = 0;

	while (of->n_fds && r == 0)
		r = lives_fd_end(l, of, of->n_fds - 1, to_ts, LIVES_LATER);
	return r;
}

int lives_fd_tell_over(struct lives *l, struct life *of)
{
	int r = 0;

	while (of->over && r == 0) {
		struct life_fd *fd = of->over;

		of->over = fd->next;
		r = tell(l, of, fd);
	}
	return r;
}

int lives_fd_frame_end(struct lives *l)
{
	int r = 0;

	/* None at all: they are not recorded. */
	if (!l->frame_has_fds)
		return 0;
	for (struct life *of = l->oldest; of && r == 0; of = of->newer)
		for (uint32_t i = of->n_fds; of->frame == l->frame && i-- > 0 && r == 0;)
			if (of->fds[i]->told_ts < l->frame_from_ts)
				r = lives_fd_end(l, of, i, l->frame_from_ts, LIVES_AT_ONCE);
	return r;
}

void lives_fd_free_all(struct lives *l, struct life *of)
{
	for (struct life_fd *fd = of->over, *next; fd; fd = next) {
		next = fd->next;
		give_back(l, fd);
	}
	for (uint32_t i = 0; i < of->n_fds; i++)
		give_back(l, of->fds[i]);
	free(of->fds);
}

bool lives_fd_is_certain(const struct lives *l, const struct life_fd *fd)
{
	return !fd->is_doubtful && (!l->any_lost || fd->told_ts > l->fds_lost_ts);
}

static struct life_fd *over_one(const struct life *of, int32_t number)
{
	struct life_fd *fd = of->over;

	while (fd && fd->fd != number)
		fd = fd->next;
	return fd;
}

struct life_fd *lives_fd_of(const struct life *of, int32_t number, uint64_t inode)
{
	struct life_fd *fd = lives_fd(of, number);

	if (!fd || fd->inode != inode)
		fd = of ? over_one(of, number) : NULL;
	return fd && fd->inode == inode ? fd : NULL;
}

bool lives_fd_is_over(const struct life *of, int32_t number)
{
	return over_one(of, number);
}
