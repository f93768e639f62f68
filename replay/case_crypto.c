/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows of what programs asked their TLS libraries for. */
#include "replay/case_load_impl.h"

static struct case_text string(const struct case_load *c, uint16_t offset)
{
	struct reel_string s = reel_event_string_at(c->ev, offset);

	return (struct case_text){ s.length ? s.bytes : NULL, s.length };
}

#define TEXT(type, field) string(c, offsetof(struct ev_##type, field))

int case_crypto_event(struct case_load *c)
{
	static const char *const sides[] = { NULL, "client", "server" };
	const struct case_process *p = case_process_of(c->by);
	const uint8_t id = c->ev->type->id;
	struct life_event name = { c->ev->seq, c->ev->cpu, id, true };
	const struct ev_tls *tls = (const void *)c->ev->fixed;
	struct row_crypto_call row;

	if (!p || !c->ev->segment->schema->as_built[id])
		return 0;
	case_clear(CASE_crypto_call, &row);
	row.process = p->row;
	row.ns = c->ns;
	row.ts = (int64_t)c->ev->ts;
	row.ret = c->ev->ret;
	row.event = case_event(c, 0, &name);
	if (id == EV_tls) {
		row.kind = case_str("handshake");
		row.library = TEXT(tls, library);
		row.function = TEXT(tls, function);
		row.cipher = TEXT(tls, cipher);
		row.protocol = TEXT(tls, protocol);
		row.server_name = TEXT(tls, server_name);
		row.side = case_str(tls->side < 3 ? sides[tls->side] : NULL);
		if (tls->key_bits)
			row.key_bits = tls->key_bits;
		if (tls->fd >= 0)
			row.fd = tls->fd;
	} else {
		row.kind = case_str("setup");
		row.library = TEXT(tls_setup, library);
		row.function = TEXT(tls_setup, function);
		row.path = TEXT(tls_setup, path);
		row.cipher = TEXT(tls_setup, cipher);
	}
	return case_write(c->w, CASE_crypto_call, &row, c->err);
}
