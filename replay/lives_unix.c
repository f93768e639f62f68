/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two ends of UNIX connections. They have no addresses of their own that an event would tell:
 * those of a connect and its accept are matched by the name and their order, as the kernel hands
 * them out, those of a pair by the call that made both.
 */
#include <string.h>
#include <sys/socket.h>

#include "replay/lives_impl.h"

enum {
	/* An accept may be told before its connect, by as long as that needs to return. */
	LATE_CONNECT_NS = 1000000000,
};

/* No inode of the kernel's for sockets is as large. */
#define MADE_UP_INODE (1ull << 63)

/* By their ends where they have some, by their names where they wait: in one table. */
static struct life_connection **bucket_of(struct lives *l, const struct life_file *name)
{
	return &l->by_ends[lives_bucket(name->hash)];
}

static bool can_wait(const struct lives *l, const struct life_connection *c)
{
	return c->family == AF_UNIX && c->unix_path && c->socket->sock_type != SOCK_DGRAM &&
	       (c->kind == EV_connect || c->kind == EV_accept) && lives_worked(l->ev);
}

static bool is_same_name(const struct life_file *a, const struct life_file *b)
{
	return a->hash == b->hash && a->length == b->length &&
	       memcmp(a->path, b->path, a->length) == 0;
}

static bool may_be_peer(const struct lives *l, const struct life_connection *c,
			const struct life_connection *other)
{
	if (!other->is_waiting || other->kind == c->kind ||
	    !is_same_name(other->unix_path, c->unix_path))
		return false;
	if (other->net_ns && c->net_ns && other->net_ns != c->net_ns)
		return false;
	/* What it waits for may have been lost; else all that come later would be shifted by it. */
	return !l->any_lost || other->from_ts > l->fds_lost_ts;
}

struct life_connection *lives_unix_peer(struct lives *l, const struct life_connection *c,
					uint64_t since)
{
	uint64_t ts = c->from_ts;
	struct life_connection *oldest = NULL;

	if (!can_wait(l, c))
		return NULL;
	if (c->kind == EV_connect)
		since = ts > LATE_CONNECT_NS ? ts - LATE_CONNECT_NS : 0;
	/* The newest comes first. */
	for (struct life_connection *n = *bucket_of(l, c->unix_path); n; n = n->next_by_ends)
		if (may_be_peer(l, c, n) && n->from_ts >= since)
			oldest = n;
	return oldest;
}

void lives_unix_wait(struct lives *l, struct life_connection *c)
{
	if (c->at_by_ends || !can_wait(l, c))
		return;
	lives_ends_put(bucket_of(l, c->unix_path), c);
	c->is_waiting = true;
}

int lives_pair_open(struct lives *l, const struct life_socket *first, struct life_socket **ret)
{
	int r;

	*ret = NULL;
	if (!first)
		return 0;
	r = lives_sock_open(l, first->inode | MADE_UP_INODE, true, ret);
	if (*ret)
		(*ret)->is_unnamed = true;
	return r;
}

int lives_pair_used(struct lives *l, struct life_fd *fd, uint64_t inode)
{
	struct life_socket *s = fd && !fd->inode ? fd->socket : NULL;
	struct life_file *file;
	int r = 0;

	if (!s || !inode)
		return 0;
	if (s->is_unnamed && !s->is_gone && !lives_socket(l, inode))
		lives_sock_name(l, s, inode);
	if (s->inode != inode) {
		/* Another one was met with that inode first, by who got the descriptor passed. */
		fd->socket = NULL;
		r = lives_sock_drop(l, s, l->ev->ts);
		lives_sock_unref(l, s);
		return r;
	}
	file = lives_object(l, "socket", inode, false);
	if (!file)
		return -ENOMEM;
	life_file_ref(file);
	life_file_unref(fd->file);
	fd->file = file;
	fd->inode = inode;
	return 0;
}
