/* SPDX-License-Identifier: BSD-2-Clause */
/* Records about sockets. */
#include <errno.h>
#include <string.h>

#include "tests/bench/lib_emit.h"

enum { LOCALHOST = 127u << 24 | 1, THIS_HOST = 10u << 24 | 2 << 8 | 15 };

/* All types with an address have the same fields under other offsets. */
#define SET_SOCKET(e)                                                                           \
	do {                                                                                    \
		(e)->inode = m->tree.files[op->file].inode;                                     \
		if (op->flags & OPF_UNIX) {                                                     \
			(e)->family = 1;                                                        \
			(e)->sock_type = 1;                                                     \
			break;                                                                  \
		}                                                                               \
		set_address(&(e)->addr, (uint32_t)op->b);                                       \
		set_address(&(e)->laddr, (uint32_t)op->b >> 24 == 127 ? LOCALHOST : THIS_HOST); \
		(e)->port = (uint16_t)(op->b >> 48);                                            \
		(e)->lport = (uint16_t)(op->b >> 32);                                           \
		(e)->family = 2;                                                                \
		(e)->sock_type = op->flags & OPF_UDP ? 2 : 1;                                   \
		(e)->proto = op->flags & OPF_UDP ? 17 : 6;                                      \
	} while (0)

static void set_address(struct ev_addr *a, uint32_t v4)
{
	a->byte[10] = a->byte[11] = 0xff;
	for (unsigned i = 0; i < 4; i++)
		a->byte[12 + i] = (uint8_t)(v4 >> (24 - 8 * i));
}

static void add_unix_path(struct machine *m, const struct op *op)
{
	if (op->flags & OPF_UNIX)
		emit_path(m, (uint32_t)op->b);
	else
		reel_record_string(&m->record, "", 0);
}

static void emit_ends(struct machine *m, struct task *t, const struct op *op, struct cpu *c)
{
	switch (op->code) {
	case OP_SOCKET: {
		struct ev_socket *e = emit_begin(m, t, c, EV_socket, NR_socket, op->fd);

		e->inode = m->tree.files[op->file].inode;
		e->fd2 = -1;
		e->family = op->flags & OPF_UNIX ? 1 : 2;
		e->sock_type = (op->flags & OPF_UDP ? 2 : 1) | 02004000;
		emit_end(m, t, c, op->flags);
		return;
	}
	case OP_CONNECT: {
		struct ev_connect *e = emit_begin(m, t, c, EV_connect, NR_connect, op->ret);

		SET_SOCKET(e);
		e->fd = op->fd;
		break;
	}
	case OP_BIND: {
		struct ev_bind *e = emit_begin(m, t, c, EV_bind, NR_bind, op->ret);

		SET_SOCKET(e);
		e->fd = op->fd;
		break;
	}
	case OP_LISTEN: {
		struct ev_listen *e = emit_begin(m, t, c, EV_listen, NR_listen, 0);

		SET_SOCKET(e);
		e->fd = op->fd;
		e->backlog = 511;
		break;
	}
	default: {
		struct ev_accept *e = emit_begin(m, t, c, EV_accept, NR_accept4, op->fd);

		SET_SOCKET(e);
		e->listen_fd = (int32_t)op->a;
	}
	}
	add_unix_path(m, op);
	emit_end(m, t, c, op->flags);
}

static void emit_transfer(struct machine *m, struct task *t, const struct op *op, struct cpu *c)
{
	bool sends = op->code == OP_SEND;
	struct ev_send *e = sends ? emit_begin(m, t, c, EV_send, NR_sendto, op->ret) :
				    emit_begin(m, t, c, EV_recv, NR_recvfrom, op->ret);
	char content[64];

	_Static_assert(sizeof(struct ev_send) == sizeof(struct ev_recv), "send and recv");
	SET_SOCKET(e);
	e->count = op->a;
	e->fd = op->fd;
	e->flags = sends ? 0x4000 : 0;
	e->messages = 1;
	t->io_first = c->now;
	add_unix_path(m, op);
	if (sends && op->ret > 0) {
		content_make(m, op->flags & (OPF_UNIX | OPF_UDP) ? CONTENT_PACKED : CONTENT_HTTP,
			     content);
		reel_record_string(&m->record, content, op->ret < 64 ? (size_t)op->ret : 64);
	}
	emit_end(m, t, c, op->flags);
}

/* A question, or its answer: a name of two or three labels that a holds the seed of. */
static void emit_dns(struct machine *m, struct task *t, const struct op *op, struct cpu *c)
{
	static const char *const labels[] = {
		"api",	 "cdn",	   "mail",    "static",	  "deb",   "db",    "auth", "img",
		"files", "update", "metrics", "registry", "proxy", "cache", "shop", "login",
	};
	static const char *const zones[] = { "example", "debian", "internal", "cloud-test" };
	struct ev_dns *e = emit_begin(m, t, c, EV_dns,
				      op->flags & OPF_RECEIVED ? NR_recvfrom : NR_sendto, op->ret);
	uint8_t p[160] = { (uint8_t)op->a, (uint8_t)(op->a >> 8), 1, 0, 0, 1 };
	const char *parts[] = { labels[op->a >> 16 & 15], zones[op->a >> 20 & 3], "org" };
	size_t n = 12;

	SET_SOCKET(e);
	e->fd = op->fd;
	e->direction = !!(op->flags & OPF_RECEIVED);
	for (unsigned i = 0; i < 3; i++) {
		size_t bytes = strlen(parts[i]);

		p[n++] = (uint8_t)bytes;
		memcpy(p + n, parts[i], bytes);
		n += bytes;
	}
	p[n + 2] = p[n + 4] = 1;
	n += 5;
	if (op->flags & OPF_RECEIVED) {
		static const uint8_t answer[] = { 0xc0, 12, 0, 1, 0,   1,  0,  0,
						  1,	44, 0, 4, 198, 51, 100 };

		p[2] = 0x81;
		p[3] = 0x80;
		p[7] = 1;
		memcpy(p + n, answer, sizeof(answer));
		n += sizeof(answer);
		p[n++] = (uint8_t)(op->a >> 16);
	}
	m->record.header.ret = (int64_t)n;
	reel_record_string(&m->record, p, n);
	emit_end(m, t, c, op->flags);
}

bool emit_net(struct machine *m, struct task *t, const struct op *op, struct cpu *c)
{
	switch (op->code) {
	case OP_SOCKET:
	case OP_CONNECT:
	case OP_BIND:
	case OP_LISTEN:
	case OP_ACCEPT:
		emit_ends(m, t, op, c);
		return true;
	case OP_SEND:
	case OP_RECV:
		emit_transfer(m, t, op, c);
		return true;
	case OP_DNS:
		emit_dns(m, t, op, c);
		return true;
	case OP_FLOW: {
		struct ev_flow *e = emit_begin(m, t, c, EV_flow, NR_close, 0);

		SET_SOCKET(e);
		e->sent_bytes = op->a;
		e->received_bytes = (uint64_t)(uint32_t)op->ret;
		e->first = t->io_first;
		emit_end(m, t, c, op->flags);
		return true;
	}
	case OP_SHUTDOWN: {
		struct ev_shutdown *e = emit_begin(m, t, c, EV_shutdown, NR_shutdown, 0);

		e->inode = m->tree.files[op->file].inode;
		e->fd = op->fd;
		e->how = (uint8_t)op->a;
		emit_end(m, t, c, op->flags);
		return true;
	}
	default:
		return false;
	}
}
