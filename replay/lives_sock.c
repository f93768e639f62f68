/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sockets by their inodes, and with whom each is connected. A socket is closed with the last
 * descriptor that is known to show it; as its totals may come later, it is told a while later.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "replay/lives_impl.h"

enum { FAMILY_INET = 2, FAMILY_INET6 = 10 };

/* Sockets */

static struct life_socket **slot(const struct lives *l, uint64_t inode)
{
	return (struct life_socket **)(uintptr_t)&l->sockets[lives_bucket(inode)];
}

struct life_socket *lives_socket(const struct lives *l, uint64_t inode)
{
	struct life_socket *s = inode ? *slot(l, inode) : NULL;

	while (s && s->inode != inode)
		s = s->next;
	return s;
}

static void enter_list(struct life_socket *s, struct life_socket **oldest,
		       struct life_socket **newest)
{
	s->older = *newest;
	s->newer = NULL;
	*(*newest ? &(*newest)->newer : oldest) = s;
	*newest = s;
}

static void leave_list(struct life_socket *s, struct life_socket **oldest,
		       struct life_socket **newest)
{
	*(s->older ? &s->older->newer : oldest) = s->newer;
	*(s->newer ? &s->newer->older : newest) = s->older;
}

static void list(struct lives *l, struct life_socket *s)
{
	if (s->is_closed)
		enter_list(s, &l->closed_oldest, &l->closed_newest);
	else
		enter_list(s, &l->open_oldest, &l->open_newest);
	l->n_closed += s->is_closed;
}

static void unlist(struct lives *l, struct life_socket *s)
{
	if (s->is_closed)
		leave_list(s, &l->closed_oldest, &l->closed_newest);
	else
		leave_list(s, &l->open_oldest, &l->open_newest);
	l->n_closed -= s->is_closed;
}

/* Connections by their ends */

static uint64_t mix(uint64_t h, const void *bytes, size_t n)
{
	uint64_t word[2] = { 0 };

	memcpy(word, bytes, n);
	h = (h ^ word[0]) * 0x9e3779b97f4a7c15ull;
	return ((h ^ h >> 31) ^ word[1]) * 0xbf58476d1ce4e5b9ull;
}

static struct life_connection **ends_slot(struct lives *l, const uint8_t laddr[16], uint16_t lport,
					  const uint8_t addr[16], uint16_t port)
{
	uint64_t h = mix(lport, laddr, 16);

	return &l->by_ends[lives_bucket(mix(h ^ (uint64_t)port << 20, addr, 16))];
}

bool lives_has_ends(const struct life_connection *c)
{
	return (c->family == FAMILY_INET || c->family == FAMILY_INET6) && c->port && c->lport;
}

struct life_connection *lives_ends_find(struct lives *l, const uint8_t laddr[16], uint16_t lport,
					const uint8_t addr[16], uint16_t port, uint16_t proto)
{
	struct life_connection *c = *ends_slot(l, laddr, lport, addr, port);

	while (c && !(c->lport == lport && c->port == port && c->proto == proto &&
		      memcmp(c->laddr, laddr, 16) == 0 && memcmp(c->addr, addr, 16) == 0))
		c = c->next_by_ends;
	return c;
}

void lives_ends_enter(struct lives *l, struct life_connection *c)
{
	struct life_connection **at;

	if (c->is_hashed || !lives_has_ends(c))
		return;
	at = ends_slot(l, c->laddr, c->lport, c->addr, c->port);
	c->next_by_ends = *at;
	*at = c;
	c->is_hashed = true;
}

void lives_ends_leave(struct lives *l, struct life_connection *c)
{
	struct life_connection **at;

	if (!c->is_hashed)
		return;
	at = ends_slot(l, c->laddr, c->lport, c->addr, c->port);
	while (*at != c)
		at = &(*at)->next_by_ends;
	*at = c->next_by_ends;
	c->is_hashed = false;
}

int lives_connection_tell(struct lives *l, struct life_connection *c)
{
	int r = l->tell.connection ? l->tell.connection(l->tell.context, c) : 0;

	lives_ends_leave(l, c);
	return r;
}

void lives_connection_free(struct lives *l, struct life_connection *c)
{
	life_file_unref(c->unix_path);
	l->n_connections--;
	free(c);
}

static void free_socket(struct lives *l, struct life_socket *s)
{
	for (struct life_connection *c = s->connections, *next; c; c = next) {
		next = c->next;
		lives_connection_free(l, c);
	}
	free(s);
}

/* All is said of it, and whoever comes with its inode is another one. */
static int retire(struct lives *l, struct life_socket *s)
{
	struct life_socket **at = slot(l, s->inode);
	int r = 0;

	for (struct life_connection *c = s->connections; c && r == 0; c = c->next)
		r = lives_connection_tell(l, c);
	for (struct life_connection *c = s->connections; c; c = c->next)
		lives_ends_leave(l, c);
	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	unlist(l, s);
	l->n_sockets--;
	s->is_gone = true;
	if (!s->refs)
		free_socket(l, s);
	return r;
}

static int close_socket(struct lives *l, struct life_socket *s, uint64_t to_ts)
{
	unlist(l, s);
	s->is_closed = true;
	list(l, s);
	for (struct life_connection *c = s->connections; c; c = c->next) {
		if (c->is_over)
			continue;
		c->to_ts = to_ts;
		c->is_over = to_ts != 0;
	}
	return l->n_closed > LIVES_CLOSED ? retire(l, l->closed_oldest) : 0;
}

/* It was not closed after all: somebody has it who is not known. */
static void reopen(struct lives *l, struct life_socket *s)
{
	unlist(l, s);
	s->is_closed = false;
	list(l, s);
	if (s->connections && s->connections->ret >= 0 && !s->connections->has_bytes) {
		s->connections->is_over = false;
		s->connections->to_ts = 0;
	}
}

int lives_sock_open(struct lives *l, uint64_t inode, bool is_new, struct life_socket **ret)
{
	struct life_socket *s = lives_socket(l, inode);
	int r = 0;

	*ret = NULL;
	if (!inode)
		return 0;
	if (s && is_new) {
		if (!s->is_closed)
			for (struct life_connection *c = s->connections; c; c = c->next)
				if (!c->is_over)
					c->to_ts = l->ev->ts;
		r = retire(l, s);
		s = NULL;
	}
	if (r == 0 && !s && l->n_sockets >= LIVES_SOCKETS_MAX) {
		l->evicted++;
		r = retire(l, l->closed_oldest ? l->closed_oldest : l->open_oldest);
	}
	if (r < 0)
		return r;
	if (!s) {
		s = calloc(1, sizeof(*s));
		if (!s)
			return -ENOMEM;
		s->inode = inode;
		s->next = *slot(l, inode);
		*slot(l, inode) = s;
		l->n_sockets++;
		list(l, s);
	} else if (s->is_closed) {
		reopen(l, s);
	}
	*ret = s;
	return 0;
}

void lives_sock_hold(struct life_socket *s)
{
	s->fds++;
	s->refs++;
}

int lives_sock_drop(struct lives *l, struct life_socket *s, uint64_t to_ts)
{
	if (--s->fds || s->is_gone || s->is_closed)
		return 0;
	return close_socket(l, s, to_ts);
}

void lives_sock_unref(struct lives *l, struct life_socket *s)
{
	if (--s->refs == 0 && s->is_gone)
		free_socket(l, s);
}

/* What nobody is known to have, and no keyframe tells any more, has ended between them. */
int lives_sock_frame_end(struct lives *l)
{
	int r = 0;

	for (struct life_socket *s = l->open_oldest, *next; s && r == 0; s = next) {
		next = s->newer;
		if (!s->fds && s->frame < l->frame &&
		    (!s->connections || s->connections->told_ts < l->frame_from_ts))
			r = close_socket(l, s, l->frame_from_ts);
	}
	return r;
}

int lives_each_socket(const struct lives *l, int (*each)(void *context, struct life_socket *s),
		      void *context)
{
	int r = 0;

	for (struct life_socket *s = l->open_oldest; s && r == 0; s = s->newer)
		r = each(context, s);
	return r;
}

bool lives_connection_is_certain(const struct lives *l, const struct life_connection *c)
{
	return !l->any_lost || c->told_ts > l->fds_lost_ts;
}

int lives_sock_end_all(struct lives *l)
{
	int r = 0;

	while (l->closed_oldest && r == 0)
		r = retire(l, l->closed_oldest);
	while (l->open_oldest && r == 0)
		r = retire(l, l->open_oldest);
	return r;
}

void lives_sock_free_all(struct lives *l)
{
	l->tell = (struct lives_tell){ 0 };
	(void)lives_sock_end_all(l);
}
