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

/* Those that connect and those that accept wait apart. */
static uint32_t bucket_of(const struct life_file *name, uint8_t kind)
{
	return lives_bucket(name->hash + kind) % LIVES_WAITING_BUCKETS;
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

static bool may_be_peer(const struct life_connection *c, const struct life_connection *other)
{
	return other->kind != c->kind && is_same_name(other->unix_path, c->unix_path) &&
	       (!other->net_ns || !c->net_ns || other->net_ns == c->net_ns);
}

struct life_connection *lives_unix_peer(struct lives *l, const struct life_connection *c,
					uint64_t since)
{
	struct life_connection *n, *next;

	if (!can_wait(l, c))
		return NULL;
	if (c->kind == EV_connect)
		since = c->from_ts > LATE_CONNECT_NS ? c->from_ts - LATE_CONNECT_NS : 0;
	/* What one waits for may have been lost, and all that come later be shifted by it. */
	if (l->any_lost && l->fds_lost_ts >= since)
		since = l->fds_lost_ts + 1;
	n = l->waiting[bucket_of(c->unix_path, c->kind == EV_connect ? EV_accept : EV_connect)]
		    .first;
	for (; n; n = next) {
		next = n->next_by_ends;
		if (!may_be_peer(c, n))
			continue;
		if (n->from_ts >= since)
			return n;
		/* Nor will it be met later. */
		lives_ends_leave(l, n);
	}
	return NULL;
}

void lives_unix_wait(struct lives *l, struct life_connection *c)
{
	uint32_t i;

	if (c->at_by_ends || !can_wait(l, c))
		return;
	i = bucket_of(c->unix_path, c->kind);
	if (!l->waiting[i].end)
		l->waiting[i].end = &l->waiting[i].first;
	c->next_by_ends = NULL;
	c->at_by_ends = l->waiting[i].end;
	*c->at_by_ends = c;
	l->waiting[i].end = &c->next_by_ends;
	c->is_waiting = true;
}

/* lives_ends_leave() does the rest. */
void lives_unix_leave(struct lives *l, struct life_connection *c)
{
	if (!c->next_by_ends)
		l->waiting[bucket_of(c->unix_path, c->kind)].end = c->at_by_ends;
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
