/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows of what TLS libraries were asked. */
#include "replay/case_load_impl.h"

/* An empty one says nothing. */
static struct case_text text_at(const struct case_load *c, size_t offset)
{
	struct reel_string s = reel_event_string_at(c->ev, offset);

	return (struct case_text){ s.length ? s.bytes : NULL, s.length };
}

static void fill_handshake(const struct case_load *c, struct row_crypto_call *row)
{
	static const char *const sides[] = { NULL, "client", "server" };
	const struct ev_tls *e = (const void *)c->ev->fixed;

	row->kind = case_str("handshake");
	row->library = text_at(c, offsetof(struct ev_tls, library));
	row->function = text_at(c, offsetof(struct ev_tls, function));
	row->cipher = text_at(c, offsetof(struct ev_tls, cipher));
	row->protocol = text_at(c, offsetof(struct ev_tls, protocol));
	row->server_name = text_at(c, offsetof(struct ev_tls, server_name));
	if (e->side < sizeof(sides) / sizeof(*sides))
		row->side = case_str(sides[e->side]);
	if (e->key_bits)
		row->key_bits = e->key_bits;
	if (e->fd >= 0)
		row->fd = e->fd;
}

static void fill_setup(const struct case_load *c, struct row_crypto_call *row)
{
	row->kind = case_str("setup");
	row->library = text_at(c, offsetof(struct ev_tls_setup, library));
	row->function = text_at(c, offsetof(struct ev_tls_setup, function));
	row->path = text_at(c, offsetof(struct ev_tls_setup, path));
	row->cipher = text_at(c, offsetof(struct ev_tls_setup, cipher));
}

int case_crypto_event(struct case_load *c)
{
	const struct case_process *p = case_process_of(c->by);
	uint8_t type = c->ev->type->id;
	struct life_event name = { c->ev->seq, c->ev->cpu, type, true };
	struct row_crypto_call row;

	if ((type != EV_tls && type != EV_tls_setup) || !p ||
	    !c->ev->segment->schema->as_built[type])
		return 0;
	case_clear(CASE_crypto_call, &row);
	row.process = p->row;
	row.ns = c->ns;
	row.ts = (int64_t)c->ev->ts;
	row.ret = c->ev->ret;
	row.event = case_event(c, 0, &name);
	if (type == EV_tls)
		fill_handshake(c, &row);
	else
		fill_setup(c, &row);
	return case_write(c->w, CASE_crypto_call, &row, c->err);
}
