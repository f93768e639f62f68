/* SPDX-License-Identifier: BSD-2-Clause */
/* What events say of sockets: with whom they are connected, and what went over them. */
#include <stdlib.h>
#include <string.h>

#include "replay/lives_impl.h"

enum { TCP_LISTEN_STATE = 10 };

/* What an event says of a socket: the fields that all of them have. */
struct said {
	uint64_t inode;
	uint16_t family, sock_type, proto, port, lport;
	const uint8_t *addr, *laddr;
	uint16_t unix_path; /* offset; 0: none */
};

static const uint8_t no_addr[16];

struct life_connection *lives_connection(const struct life_socket *s)
{
	return s ? s->connections : NULL;
}

static void take_said(struct lives *l, struct life_connection *c, const struct said *said)
{
	struct life_socket *s = c->socket;
	struct life_file *path;

	lives_ends_leave(l, c);
	if (said->family)
		s->family = c->family = said->family;
	if (said->proto)
		s->proto = c->proto = said->proto;
	if (said->sock_type)
		s->sock_type = said->sock_type;
	if (memcmp(said->addr, no_addr, 16) != 0)
		memcpy(c->addr, said->addr, 16);
	if (said->port)
		c->port = said->port;
	if (memcmp(said->laddr, no_addr, 16) != 0)
		memcpy(c->laddr, said->laddr, 16);
	if (said->lport)
		c->lport = said->lport;
	path = said->unix_path && !c->unix_path ? lives_path(l, said->unix_path) : NULL;
	if (path) {
		life_file_ref(path);
		c->unix_path = path;
	}
}

static int begin(struct lives *l, struct life_socket *s, const struct said *said, uint8_t kind,
		 struct life_connection **ret)
{
	struct life_connection *c = calloc(1, sizeof(*c)), **at = &s->connections;
	struct life_connection *peer = NULL;
	int r = 0;

	if (!c)
		return -ENOMEM;
	c->socket = s;
	c->kind = kind;
	c->family = s->family;
	c->proto = s->proto;
	c->from_ts = c->told_ts = l->ev->ts;
	c->event = lives_event_name(l->ev);
	c->ret = l->ev->ret;
	if (l->by) {
		c->pid = l->by->process->pid;
		c->net_ns = l->by->process->spaces.net;
	}
	take_said(l, c, said);
	if (lives_has_ends(c))
		peer = lives_ends_find(l, c->addr, c->port, c->laddr, c->lport, c->proto);
	c->next = s->connections;
	s->connections = c;
	lives_ends_enter(l, c);
	if (l->tell.connected)
		r = l->tell.connected(l->tell.context, l->by, c, peer);
	l->n_connections++;
	s->n_connections++;
	if (r == 0 && (s->n_connections > LIVES_PEERS ||
		       (s->n_connections > 1 && l->n_connections > LIVES_CONNECTIONS_MAX))) {
		while ((*at)->next)
			at = &(*at)->next;
		if (!(*at)->is_over)
			(*at)->to_ts = l->ev->ts;
		r = lives_connection_tell(l, *at);
		lives_connection_free(l, *at);
		*at = NULL;
		s->n_connections--;
	}
	*ret = c;
	return r;
}

static void finish(struct life_connection *c, uint64_t ts)
{
	if (!c || c->is_over)
		return;
	c->to_ts = ts;
	c->is_over = true;
}

/* What the socket is known for so far becomes something else: only bound, only told. */
static bool may_become(const struct life_connection *c)
{
	return c && !c->is_over && (c->kind == EV_bind || c->kind == EV_sock);
}

static int become(struct lives *l, struct life_connection *c, const struct said *said, uint8_t kind)
{
	take_said(l, c, said);
	lives_ends_enter(l, c);
	c->kind = kind;
	c->from_ts = c->told_ts = l->ev->ts;
	c->event = lives_event_name(l->ev);
	c->ret = l->ev->ret;
	return 0;
}

static int on_bind(struct lives *l, struct life_socket *s, struct said *said)
{
	struct life_connection *c = s->connections;
	const uint8_t kind = l->ev->type->id;
	bool worked = lives_worked(l->ev);
	int r;

	said->laddr = said->addr;
	said->lport = said->port;
	said->addr = no_addr;
	said->port = 0;
	if (worked && may_become(c))
		return become(l, c, said, kind);
	r = begin(l, s, said, kind, &c);
	if (r == 0 && !worked)
		finish(c, l->ev->ts);
	return r;
}

static bool is_peer(const struct life_connection *c, const struct said *said)
{
	return c->port == said->port && memcmp(c->addr, said->addr, 16) == 0;
}

static int on_connect(struct lives *l, struct life_socket *s, const struct said *said)
{
	struct life_connection *c = s->connections;
	bool goes_on = l->ev->ret == -EINPROGRESS && !(l->ev->flags & EV_BLOCKED);
	bool worked = lives_worked(l->ev) || goes_on;
	int r;

	if (c && !c->is_over && c->kind == EV_connect && is_peer(c, said) &&
	    (worked || l->ev->ret == -EALREADY || l->ev->ret == -EISCONN)) {
		c->told_ts = l->ev->ts;
		if (worked)
			c->ret = l->ev->ret;
		return 0;
	}
	if (worked && may_become(c))
		return become(l, c, said, EV_connect);
	if (worked)
		finish(c, l->ev->ts);
	r = begin(l, s, said, EV_connect, &c);
	if (r == 0 && !worked)
		finish(c, l->ev->ts);
	/* A socket that failed to connect is not what it was known for before. */
	return r;
}

static bool is_somebody(const struct said *said)
{
	return said->port || memcmp(said->addr, no_addr, 16) != 0;
}

/* Whom data goes to or comes from. */
static int find_peer(struct lives *l, struct life_socket *s, const struct said *said,
		     struct life_connection **ret)
{
	struct life_connection *c = s->connections;
	uint8_t kind = l->ev->type->id;

	while (c && (c->ret < 0 && c->ret != -EINPROGRESS))
		c = c->next;
	if (c && (c->kind == EV_connect || c->kind == EV_accept || !is_somebody(said))) {
		*ret = c;
		return 0;
	}
	while (c && !is_peer(c, said))
		c = c->next;
	*ret = c;
	if (c)
		return 0;
	if (kind != EV_recv && kind != EV_read)
		kind = EV_send;
	return begin(l, s, said, kind == EV_read ? EV_recv : kind, ret);
}

static int on_data(struct lives *l, struct life_socket *s, const struct said *said, uint64_t sent,
		   uint64_t received)
{
	struct life_connection *c;
	int r = find_peer(l, s, said, &c);

	if (r < 0)
		return r;
	c->told_ts = l->ev->ts;
	if (c->has_bytes)
		return 0;
	c->sent_bytes += sent;
	c->received_bytes += received;
	if (!c->lport && said->lport) {
		take_said(l, c, said);
		lives_ends_enter(l, c);
	}
	return 0;
}

/* Events */

#define SAID(e, type)                                                                   \
	((struct said){ (e)->inode, (e)->family, (e)->sock_type, (e)->proto, (e)->port, \
			(e)->lport, (e)->addr.byte, (e)->laddr.byte,                    \
			offsetof(struct ev_##type, unix_path) })

static int data_by_fd(struct lives *l, int32_t number, uint64_t sent, uint64_t received)
{
	struct life_fd *fd = lives_fd(l->by, number);
	struct said nothing = { .addr = no_addr, .laddr = no_addr };

	if (!fd || !fd->socket || fd->socket->is_gone || !(sent || received))
		return 0;
	return on_data(l, fd->socket, &nothing, sent, received);
}

static int on_flow(struct lives *l)
{
	struct ev_flow scratch;
	const struct ev_flow *e = lives_as(l, flow, &scratch);
	struct life_socket *s = e ? lives_socket(l, e->inode) : NULL;
	struct life_connection *c = s ? s->connections : NULL;

	if (!e)
		return 0;
	while (c && !(c->port == e->port && c->lport == e->lport))
		c = c->next;
	if (!c)
		c = lives_ends_find(l, e->laddr.byte, e->lport, e->addr.byte, e->port, e->proto);
	if (!c)
		return 0;
	c->sent_bytes = e->sent_bytes;
	c->received_bytes = e->received_bytes;
	c->has_bytes = true;
	finish(c, l->ev->ts);
	return 0;
}

/* A keyframe's. One without an inode is over, and nobody's. */
static int on_sock(struct lives *l)
{
	struct ev_sock scratch;
	const struct ev_sock *e = lives_as(l, sock, &scratch);
	struct life_connection *c;
	struct life_socket *s;
	struct said said;
	int r;

	if (!e || !e->inode)
		return 0;
	said = SAID(e, sock);
	r = lives_sock_open(l, e->inode, false, &s);
	if (r < 0)
		return r;
	s->frame = l->frame;
	c = s->connections;
	if (c && !c->is_over) {
		c->told_ts = l->ev->ts;
		if (!c->net_ns)
			c->net_ns = e->net_ns;
		return 0;
	}
	r = begin(l, s, &said, e->status == TCP_LISTEN_STATE ? EV_listen : EV_sock, &c);
	if (r < 0)
		return r;
	c->event.type = EV_sock;
	c->state = e->status;
	c->owner = e->owner;
	c->net_ns = e->net_ns;
	if (l->frame <= 1)
		c->from_ts = 0;
	return 0;
}

static int of_socket(struct lives *l, struct said *said)
{
	struct life_socket *s;
	int r;

	if (!said->inode)
		return 0;
	r = lives_sock_open(l, said->inode, false, &s);
	if (r < 0 || !s)
		return r;
	switch (l->ev->type->id) {
	case EV_bind:
		return on_bind(l, s, said);
	case EV_connect:
		return on_connect(l, s, said);
	default:
		return begin(l, s, said, EV_accept, &(struct life_connection *){ NULL });
	}
}

static int on_listen(struct lives *l)
{
	struct ev_listen scratch;
	const struct ev_listen *e = lives_as(l, listen, &scratch);
	struct life_connection *c;
	struct life_socket *s;
	struct said said;
	int r;

	if (!e || !e->inode || !lives_worked(l->ev))
		return 0;
	said = SAID(e, listen);
	said.laddr = said.addr;
	said.lport = said.port;
	said.addr = no_addr;
	said.port = 0;
	r = lives_sock_open(l, e->inode, false, &s);
	if (r < 0)
		return r;
	c = s->connections;
	if (c && !c->is_over && c->kind == EV_listen)
		return 0;
	if (may_become(c))
		return become(l, c, &said, EV_listen);
	return begin(l, s, &said, EV_listen, &c);
}

static int on_send_or_recv(struct lives *l)
{
	struct ev_send scratch;
	const struct ev_send *e = lives_as(l, send, &scratch);
	bool is_recv = l->ev->type->id == EV_recv;
	struct life_socket *s;
	struct said said;
	uint64_t n;
	int r;

	if (!e || !e->inode || !lives_worked(l->ev))
		return 0;
	n = e->messages > 1 ? e->count : (uint64_t)l->ev->ret;
	said = SAID(e, send);
	r = lives_sock_open(l, e->inode, false, &s);
	return r == 0 ? on_data(l, s, &said, is_recv ? 0 : n, is_recv ? n : 0) : r;
}

int lives_sock_event(struct lives *l)
{
	const uint8_t id = l->ev->type->id;
	uint64_t n = l->ev->ret > 0 ? (uint64_t)l->ev->ret : 0;

	if (id == EV_flow)
		return on_flow(l);
	if (id == EV_sock)
		return on_sock(l);
	if (!l->by)
		return 0;
	switch (id) {
	case EV_bind:
	case EV_connect: {
		struct ev_bind scratch;
		const struct ev_bind *e = lives_as(l, bind, &scratch);

		return e ? of_socket(l, &SAID(e, bind)) : 0;
	}
	case EV_accept: {
		struct ev_accept scratch;
		const struct ev_accept *e = lives_as(l, accept, &scratch);

		return e && lives_worked(l->ev) ? of_socket(l, &SAID(e, accept)) : 0;
	}
	case EV_listen:
		return on_listen(l);
	case EV_send:
	case EV_recv:
		return on_send_or_recv(l);
	case EV_read:
	case EV_write: {
		struct ev_read scratch;
		const struct ev_read *e = lives_as(l, read, &scratch);

		return e ? data_by_fd(l, e->fd, id == EV_write ? n : 0, id == EV_read ? n : 0) : 0;
	}
	case EV_fold: {
		struct ev_fold scratch;
		const struct ev_fold *e = lives_as(l, fold, &scratch);

		return e ? data_by_fd(l, e->fd, e->written_bytes, e->read_bytes) : 0;
	}
	case EV_copy: {
		struct ev_copy scratch;
		const struct ev_copy *e = lives_as(l, copy, &scratch);
		int r = e ? data_by_fd(l, e->fd, 0, n) : 0;

		return e && r == 0 ? data_by_fd(l, e->to_fd, n, 0) : r;
	}
	}
	return 0;
}
