/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows of names that were looked up; and what each address was last called. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "replay/case_load_impl.h"
#include "replay/dns.h"

enum { NAMES_FIRST = 256, TYPE_TEXT = 16 };

struct named {
	uint8_t addr[16];
	struct model_text *name;
};

/* Open addressing; all are forgotten when they are too many. */
struct case_names {
	struct named *at;
	uint32_t n, room;
};

int case_names_new(struct case_names **ret, struct reel_err *err)
{
	struct case_names *n = calloc(1, sizeof(*n));

	if (n) {
		n->room = NAMES_FIRST;
		n->at = calloc(n->room, sizeof(*n->at));
	}
	if (!n || !n->at) {
		free(n);
		return reel_err_set(err, -ENOMEM, "no memory for names of addresses");
	}
	*ret = n;
	return 0;
}

void case_names_free(struct case_load *c)
{
	struct case_names *n = c->names;

	if (!n)
		return;
	for (uint32_t i = 0; i < n->room; i++)
		model_text_unref(c->m, n->at[i].name);
	free(n->at);
	free(n);
	c->names = NULL;
}

static struct named *place(const struct case_names *n, const uint8_t addr[16])
{
	uint64_t word[2];
	uint32_t i;

	memcpy(word, addr, 16);
	i = (uint32_t)((word[0] * 31 ^ word[1]) * 0x9e3779b97f4a7c15ull >> 32) & (n->room - 1);
	while (n->at[i].name && memcmp(n->at[i].addr, addr, 16) != 0)
		i = (i + 1) & (n->room - 1);
	return &n->at[i];
}

static int grow(struct case_load *c)
{
	struct case_names *n = c->names, larger = { .room = 2 * n->room };

	if (n->n >= CASE_NAMES_MAX) {
		for (uint32_t i = 0; i < n->room; i++)
			model_text_unref(c->m, n->at[i].name);
		memset(n->at, 0, n->room * sizeof(*n->at));
		n->n = 0;
		return 0;
	}
	larger.at = calloc(larger.room, sizeof(*larger.at));
	if (!larger.at)
		return -ENOMEM;
	for (uint32_t i = 0; i < n->room; i++)
		if (n->at[i].name)
			*place(&larger, n->at[i].addr) = n->at[i];
	free(n->at);
	n->at = larger.at;
	n->room = larger.room;
	return 0;
}

struct model_text *case_name_of(struct case_load *c, const uint8_t addr[16])
{
	return place(c->names, addr)->name;
}

static int call_it(struct case_load *c, const uint8_t addr[16], const struct dns_name *name)
{
	struct reel_string s = { (const uint8_t *)name->text, name->length, name->length };
	int r = 2 * c->names->n >= c->names->room ? grow(c) : 0;
	struct named *at;
	struct model_text *text;

	if (r < 0 || !name->length)
		return r;
	text = model_text(c->m, &s);
	if (!text)
		return -ENOMEM;
	at = place(c->names, addr);
	c->names->n += !at->name;
	model_text_unref(c->m, at->name);
	memcpy(at->addr, addr, 16);
	at->name = text;
	return 0;
}

static struct case_text type_text(char room[TYPE_TEXT], uint16_t type)
{
	const char *name = dns_type_name(type);

	if (!name)
		snprintf(room, TYPE_TEXT, "TYPE%u", type);
	return case_str(name ? name : room);
}

static int put_answer(struct case_load *c, struct row_dns *row, const struct dns_message *m,
		      const struct dns_record *a, size_t texts)
{
	char type[TYPE_TEXT];
	int r = 0;

	c->texts.len = texts;
	row->id = CASE_NONE;
	row->name = (struct case_text){ a->name.text, a->name.length };
	row->type = type_text(type, a->type);
	row->ttl = a->ttl;
	row->data = (struct case_text){ a->data_length ? a->data : NULL, a->data_length };
	if (a->has_addr) {
		reel_addr_format(&c->texts, a->addr);
		row->data = case_text_taken(c, texts);
		/* A chain of names ends in an address of whoever was asked for. */
		r = call_it(c, a->addr, m->has_question ? &m->question : &a->name);
	}
	return r == 0 ? case_write(c->w, CASE_dns, row, c->err) : r;
}

int case_dns_event(struct case_load *c)
{
	const struct ev_dns *e = (const void *)c->ev->fixed;
	struct reel_string payload = reel_event_string_at(c->ev, offsetof(struct ev_dns, payload));
	const struct case_process *p = case_process_of(c->by);
	struct life_event name = { c->ev->seq, c->ev->cpu, EV_dns, true };
	char question_type[TYPE_TEXT], status[TYPE_TEXT];
	struct dns_message m;
	struct dns_record answer;
	struct row_dns row;
	unsigned n = 0;
	size_t texts;
	int r = 0;

	if (!c->ev->segment->schema->as_built[EV_dns] ||
	    !dns_open(&m, payload.bytes, payload.length, (e->sock_type & 0xf) == SOCK_STREAM))
		return 0;
	case_clear(CASE_dns, &row);
	out_reset(&c->texts);
	/* It stays where it is: an address behind it needs less than this. */
	out_make_room(&c->texts, OUT_SMALL);
	row.process = p ? p->row : CASE_NONE;
	row.boot = c->boot;
	row.ns = c->ns;
	row.ts = (int64_t)c->ev->ts;
	row.direction = case_str(e->direction ? "received" : "sent");
	if (e->port) {
		reel_addr_format(&c->texts, e->addr.byte);
		row.server = case_text_taken(c, 0);
		row.port = e->port;
	}
	texts = case_text_begin(c);
	if (m.has_question) {
		row.question = (struct case_text){ m.question.text, m.question.length };
		row.question_type = type_text(question_type, m.question_type);
	}
	if (m.is_answer) {
		const char *text = dns_status_name(m.status);

		snprintf(status, sizeof(status), "RCODE%u", m.status);
		row.status = case_str(text ? text : status);
	}
	row.event = case_event(c, 0, &name);
	for (; m.is_answer && r == 0 && dns_next(&m, &answer); n++)
		r = put_answer(c, &row, &m, &answer, texts);
	if (n || r < 0)
		return r;
	row.id = CASE_NONE;
	return case_write(c->w, CASE_dns, &row, c->err);
}
