/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sockets by their inodes, and with whom each is connected. A socket is closed with the last
 * descriptor that is known to show it; as its totals may come later, it is told a while later.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "replay/lives_impl.h"

enum { TCP_LISTEN_STATE = 10, FAMILY_INET = 2, FAMILY_INET6 = 10 };

/* What an event says of a socket: the fields that all of them have. */
struct said {
	uint64_t inode;
	uint16_t family, sock_type, proto, port, lport;
	const uint8_t *addr, *laddr;
	uint16_t unix_path; /* offset; 0: none */
};

static const uint8_t no_addr[16];

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

static bool has_ends(const struct life_connection *c)
{
	return (c->family == FAMILY_INET || c->family == FAMILY_INET6) && c->port && c->lport;
}

static struct life_connection *find_ends(struct lives *l, const uint8_t laddr[16], uint16_t lport,
					 const uint8_t addr[16], uint16_t port, uint16_t proto)
{
	struct life_connection *c = *ends_slot(l, laddr, lport, addr, port);

	while (c && !(c->lport == lport && c->port == port && c->proto == proto &&
		      memcmp(c->laddr, laddr, 16) == 0 && memcmp(c->addr, addr, 16) == 0))
		c = c->next_by_ends;
	return c;
}

static void enter_ends(struct lives *l, struct life_connection *c)
{
	struct life_connection **at;

	if (c->is_hashed || !has_ends(c))
		return;
	at = ends_slot(l, c->laddr, c->lport, c->addr, c->port);
	c->next_by_ends = *at;
	*at = c;
	c->is_hashed = true;
}

static void leave_ends(struct lives *l, struct life_connection *c)
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

static int tell_connection(struct lives *l, struct life_connection *c)
{
	int r = l->tell.connection ? l->tell.connection(l->tell.context, c) : 0;

	leave_ends(l, c);
	return r;
}

static void free_connection(struct lives *l, struct life_connection *c)
{
	life_file_unref(c->unix_path);
	l->n_connections--;
	free(c);
}

static void free_socket(struct lives *l, struct life_socket *s)
{
	for (struct life_connection *c = s->connections, *next; c; c = next) {
		next = c->next;
		free_connection(l, c);
	}
	free(s);
}

/* All is said of it, and whoever comes with its inode is another one. */
static int retire(struct lives *l, struct life_socket *s)
{
	struct life_socket **at = slot(l, s->inode);
	int r = 0;

	for (struct life_connection *c = s->connections; c && r == 0; c = c->next)
		r = tell_connection(l, c);
	for (struct life_connection *c = s->connections; c; c = c->next)
		leave_ends(l, c);
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

/* Connections */

struct life_connection *lives_connection(const struct life_socket *s)
{
	return s ? s->connections : NULL;
}

static void take_said(struct lives *l, struct life_connection *c, const struct said *said)
{
	struct life_socket *s = c->socket;
	struct life_file *path;

	leave_ends(l, c);
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
	if (has_ends(c))
		peer = find_ends(l, c->addr, c->port, c->laddr, c->lport, c->proto);
	c->next = s->connections;
	s->connections = c;
	enter_ends(l, c);
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
		r = tell_connection(l, *at);
		free_connection(l, *at);
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
	enter_ends(l, c);
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
		enter_ends(l, c);
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
		c = find_ends(l, e->laddr.byte, e->lport, e->addr.byte, e->port, e->proto);
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
