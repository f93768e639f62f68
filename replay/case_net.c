/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows of connections, and what went over them. */
#include <ctype.h>
#include <string.h>

#include "replay/case_load_impl.h"

enum { FAMILY_UNIX = 1, FAMILY_INET = 2, FAMILY_INET6 = 10 };

int case_connected(void *context, struct life *of, struct life_connection *n,
		   struct life_connection *peer)
{
	struct case_load *c = context;
	const struct case_process *p = case_process_of(of);

	n->row = case_new_id(c->w, CASE_connection);
	n->process_row = p ? p->row : CASE_NONE;
	n->peer_row = CASE_NONE;
	if (peer) {
		n->peer_row = peer->row;
		peer->peer_row = n->row;
	}
	return 0;
}

static bool is_inet(const struct life_connection *n)
{
	return n->family == FAMILY_INET || n->family == FAMILY_INET6;
}

static struct case_text put_addr(struct case_load *c, const uint8_t addr[16])
{
	size_t from = case_text_begin(c);

	reel_addr_format(&c->texts, addr);
	return (struct case_text){ (const void *)from, c->texts.len - from };
}

/* As people say them: AF_INET6 is inet6, IPPROTO_TCP is tcp. */
static struct case_text plain(struct case_load *c, size_t from)
{
	char *text = c->texts.buf + from, *name = memchr(text, '_', c->texts.len - from);

	if (name && name + 1 < c->texts.buf + c->texts.len) {
		from = (size_t)(name + 1 - c->texts.buf);
		for (char *p = name + 1; p < c->texts.buf + c->texts.len; p++)
			*p = (char)tolower((unsigned char)*p);
	}
	return (struct case_text){ (const void *)from, c->texts.len - from };
}

static struct case_text put_family(struct case_load *c, unsigned family)
{
	size_t from = case_text_begin(c);

	case_put_names(&c->texts, "family", family);
	return plain(c, from);
}

static struct case_text put_proto(struct case_load *c, unsigned family, unsigned proto)
{
	size_t from = case_text_begin(c);

	reel_proto_put(&c->texts, family, proto);
	return plain(c, from);
}

/* Texts may move while more of them are made: until then they are offsets. */
static void settle(const struct case_load *c, struct case_text *t)
{
	if (t->length)
		t->bytes = c->texts.buf + (uintptr_t)t->bytes;
}

int case_connection_ended(void *context, struct life_connection *n)
{
	struct case_load *c = context;
	bool failed = n->ret < 0 && n->ret != -EINPROGRESS;
	const struct reel_type *kind = reel_type_by_id(n->kind);
	struct row_connection row;

	case_clear(CASE_connection, &row);
	out_reset(&c->texts);
	row.id = n->row;
	row.boot = c->boot;
	row.process = n->process_row;
	CASE_LIFE_OF(c, &row, n->from_ts, n->to_ts);
	row.kind = case_str(n->kind == EV_sock ? "keyframe" : kind->name);
	row.family = put_family(c, n->family);
	if (is_inet(n)) {
		row.proto = put_proto(c, n->family, n->proto);
		row.laddr = put_addr(c, n->laddr);
		row.lport = n->lport;
		if (n->kind != EV_listen && n->kind != EV_bind) {
			row.addr = put_addr(c, n->addr);
			row.port = n->port;
		}
	}
	if (n->unix_path)
		row.unix_path = (struct case_text){ n->unix_path->path, n->unix_path->length };
	row.name = case_model_text(n->name);
	if (n->socket && n->socket->inode && !n->socket->is_unnamed)
		row.inode = (int64_t)n->socket->inode;
	if (n->net_ns)
		row.net_ns = n->net_ns;
	row.peer = n->peer_row;
	row.sent_bytes = (int64_t)n->sent_bytes;
	row.received_bytes = (int64_t)n->received_bytes;
	if (n->event.type != EV_sock) {
		row.ret = n->ret;
		row.event = case_event(c, 0, &n->event);
	}
	if (failed)
		row.error = case_str(reel_errno_name((unsigned)-n->ret));
	settle(c, &row.family);
	settle(c, &row.proto);
	settle(c, &row.laddr);
	settle(c, &row.addr);
	model_text_unref(c->m, n->name);
	n->name = NULL;
	if (out_error(&c->texts) < 0)
		return -ENOMEM;
	return case_write(c->w, CASE_connection, &row, c->err);
}

/* Edges */

/* Of two ends on this machine both are the one with the lower id. */
static int64_t node_of(const struct life_connection *n)
{
	return n->peer_row != CASE_NONE && n->peer_row < n->row ? n->peer_row : n->row;
}

int case_socket_edge(struct case_load *c, struct life_socket *s, enum edge_kind kind,
		     const struct case_edge *like)
{
	struct life_connection *n = lives_connection(s);
	struct case_edge edge = *like;

	while (n && n->ret < 0 && n->ret != -EINPROGRESS)
		n = n->next;
	if (!n)
		return 0;
	edge.kind = kind == EDGE_read ? EDGE_recv : kind == EDGE_write ? EDGE_send : kind;
	edge.connection = node_of(n);
	if (edge.kind == EDGE_recv)
		n->is_received = true;
	if (edge.kind == EDGE_send)
		n->is_sent = true;
	return case_edge_add(c, &edge);
}

static int name_it(struct case_load *c, struct life_connection *n)
{
	struct model_text *name = is_inet(n) && n->port ? case_name_of(c, n->addr) : NULL;

	if (name && !n->name) {
		model_text_ref(name);
		n->name = name;
	}
	return 0;
}

static int on_connected(struct case_load *c, uint64_t inode, enum edge_kind kind)
{
	struct life_socket *s = lives_socket(c->l, inode);
	struct life_connection *n = lives_connection(s);
	struct case_edge edge = case_edge_now(c, kind);

	if (!n)
		return 0;
	(void)name_it(c, n);
	if (c->ev->ret < 0 && c->ev->ret != -EINPROGRESS)
		return 0;
	edge.connection = node_of(n);
	return case_edge_add(c, &edge);
}

static int on_data(struct case_load *c, enum edge_kind kind)
{
	const struct ev_send *e = (const void *)c->ev->fixed;
	struct life_socket *s = lives_socket(c->l, e->inode);
	struct life_connection *n = lives_connection(s);
	struct case_edge edge = case_edge_now(c, kind);

	if (c->ev->ret <= 0 || !s)
		return 0;
	/* Of one that is not connected, the peer that this goes to or comes from. */
	while (n && e->port && n->port != e->port)
		n = n->next;
	if (!n)
		n = lives_connection(s);
	if (!n)
		return 0;
	(void)name_it(c, n);
	edge.bytes = e->messages > 1 ? e->count : (uint64_t)c->ev->ret;
	edge.count = e->messages;
	edge.connection = node_of(n);
	n->is_sent |= kind == EDGE_send;
	n->is_received |= kind == EDGE_recv;
	return case_edge_add(c, &edge);
}

/* Where the calls themselves were not recorded, the kernel's totals still tell that there were
 * some. */
static int on_flow(struct case_load *c)
{
	const struct ev_flow *e = (const void *)c->ev->fixed;
	struct life_connection *n = lives_connection(lives_socket(c->l, e->inode));
	struct case_edge edge = case_edge_now(c, EDGE_recv);
	int r = 0;

	if (!n || n->port != e->port || n->lport != e->lport)
		return 0;
	edge.connection = node_of(n);
	edge.first_ts = e->first && e->first < c->ev->ts ? e->first : c->ev->ts;
	edge.first_ns = case_ns(c, edge.first_ts);
	edge.bytes = e->received_bytes;
	if (e->received_bytes && !n->is_received)
		r = case_edge_add(c, &edge);
	edge.kind = EDGE_send;
	edge.bytes = e->sent_bytes;
	if (e->sent_bytes && !n->is_sent && r == 0)
		r = case_edge_add(c, &edge);
	return r;
}

int case_net_event(struct case_load *c)
{
	const uint8_t id = c->ev->type->id;

	if (!c->by || c->ev->type->class_id != EV_CLASS_net ||
	    !c->ev->segment->schema->as_built[id] || c->ev->flags & EV_BLOCKED)
		return 0;
	switch (id) {
	case EV_connect:
		return on_connected(c,
				    ((const struct ev_connect *)(const void *)c->ev->fixed)->inode,
				    EDGE_connect);
	case EV_accept:
		return on_connected(c,
				    ((const struct ev_accept *)(const void *)c->ev->fixed)->inode,
				    EDGE_accept);
	case EV_send:
		return on_data(c, EDGE_send);
	case EV_recv:
		return on_data(c, EDGE_recv);
	case EV_flow:
		return on_flow(c);
	}
	return 0;
}
