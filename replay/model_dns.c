/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names that addresses were looked up by, for who asked and for its network namespace. What was
 * not used for a whole round makes room.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "format/reader.h"
#include "replay/dns.h"
#include "replay/model_impl.h"

enum { NAMES_FIRST = 64, NAMES_MAX = 1 << 16, SOCK_TYPE_MASK = 0xf };

/* Of an answer that was cut: it may have told of any address. */
static const uint8_t any_addr[16];

static uint32_t *bucket_of(const struct model *m, uint64_t asker, const uint8_t addr[16])
{
	uint64_t word[2];

	memcpy(word, addr, sizeof(word));
	word[0] = (word[0] * 31 + word[1] + (asker << 32 | asker >> 32)) * m->seed;
	return &m->names.buckets[(word[0] >> 32) * m->names.room >> 32];
}

static struct resolved *lookup(const struct model *m, uint64_t asker, const uint8_t addr[16])
{
	uint32_t i = m->names.room ? *bucket_of(m, asker, addr) : 0;

	while (i && !(m->names.at[i - 1].asker == asker &&
		      memcmp(m->names.at[i - 1].addr, addr, 16) == 0))
		i = m->names.at[i - 1].next;
	return i ? &m->names.at[i - 1] : NULL;
}

static void enter(struct model *m, struct resolved *x)
{
	uint32_t *bucket = bucket_of(m, x->asker, x->addr);

	x->next = *bucket;
	*bucket = (uint32_t)(x - m->names.at) + 1;
}

static void leave(struct model *m, struct resolved *x)
{
	uint32_t *at = bucket_of(m, x->asker, x->addr);
	uint32_t number = (uint32_t)(x - m->names.at) + 1;

	while (*at != number)
		at = &m->names.at[*at - 1].next;
	*at = x->next;
	model_text_unref(m, x->name);
}

static int grow(struct model *m)
{
	struct resolved_names *n = &m->names;
	uint32_t room = n->room ? 2 * n->room : NAMES_FIRST;
	uint32_t *buckets = calloc(room, sizeof(*buckets));
	struct resolved *at = reallocarray(n->at, room, sizeof(*at));

	if (at)
		n->at = at;
	if (!buckets || !at) {
		free(buckets);
		return -ENOMEM;
	}
	free(n->buckets);
	m->bytes += (room - n->room) * (sizeof(*at) + sizeof(*buckets));
	n->buckets = buckets;
	n->room = room;
	for (uint32_t i = 0; i < n->n; i++)
		enter(m, &n->at[i]);
	return 0;
}

static int find_room(struct model *m, struct resolved **ret)
{
	struct resolved_names *n = &m->names;
	struct resolved *x;
	int r;

	if (n->n < NAMES_MAX) {
		r = n->n == n->room ? grow(m) : 0;
		if (r == 0)
			*ret = &n->at[n->n++];
		return r;
	}
	for (;; x->is_used = false) {
		x = &n->at[n->hand];
		n->hand = (n->hand + 1) % n->n;
		if (!x->is_used)
			break;
	}
	leave(m, x);
	n->has_forgotten = true;
	*ret = x;
	return 0;
}

/* NAME: NULL for an answer that was cut. */
static int put(struct model *m, uint64_t asker, const uint8_t addr[16], struct model_text *name,
	       uint64_t ts)
{
	struct resolved *x = lookup(m, asker, addr);
	int r;

	if (x) {
		model_text_ref(name);
		model_text_unref(m, x->name);
		x->name = name;
	} else {
		r = find_room(m, &x);
		if (r < 0)
			return r;
		model_text_ref(name);
		*x = (struct resolved){ .asker = asker, .name = name };
		memcpy(x->addr, addr, sizeof(x->addr));
		enter(m, x);
	}
	x->ts = ts;
	x->is_used = true;
	return 0;
}

void model_names_free(struct model *m)
{
	for (uint32_t i = 0; i < m->names.n; i++)
		model_text_unref(m, m->names.at[i].name);
	free(m->names.at);
	free(m->names.buckets);
}

/* Whoever asked, and all of its network namespace: none of the latter is as good as another. */
static uint64_t asker_of(const struct model_process *p)
{
	return p->serial << 1;
}

static uint64_t space_of(const struct model_process *p)
{
	return (uint64_t)(p && p->has_spaces ? p->spaces.net : 0) << 1 | 1;
}

static int put_all(struct model *m, const struct model_process *p, const uint8_t addr[16],
		   struct model_text *name, uint64_t ts)
{
	int r = p ? put(m, asker_of(p), addr, name, ts) : 0;

	return r == 0 ? put(m, space_of(p), addr, name, ts) : r;
}

/* A chain of names ends in an address of whoever was asked for. */
static int take_answer(struct model *m, const struct model_process *p, const struct dns_message *d,
		       const struct dns_record *a, uint64_t ts)
{
	const struct dns_name *of = d->has_question ? &d->question : &a->name;
	struct reel_string s = { (const uint8_t *)of->text, of->length, of->length };
	struct model_text *name;
	int r;

	if (!a->has_addr || !of->length)
		return 0;
	name = model_text(m, &s);
	if (!name)
		return -ENOMEM;
	r = put_all(m, p, a->addr, name, ts);
	model_text_unref(m, name);
	return r;
}

int model_dns(struct model *m, const struct reel_event *ev, struct reel_err *err)
{
	const struct model_process *p = model_find(m, ev->pid);
	struct dns_record answer;
	struct dns_message d;
	struct reel_string s;
	struct ev_dns scratch;
	const struct ev_dns *e;
	int r = 0;

	/* Of another version's nobody knows what it says. */
	if (!ev->segment->schema->as_built[EV_dns])
		return put_all(m, p, any_addr, NULL, ev->ts);
	e = reel_event_as(ev, &scratch, sizeof(scratch));
	s = reel_event_string_at(ev, offsetof(struct ev_dns, payload));
	if (!e->direction ||
	    !dns_open(&d, s.bytes, s.length, (e->sock_type & SOCK_TYPE_MASK) == SOCK_STREAM) ||
	    !d.is_answer)
		return 0;
	while (r == 0 && dns_next(&d, &answer))
		r = take_answer(m, p, &d, &answer, ev->ts);
	if (r == 0 && reel_string_is_cut(&s))
		r = put_all(m, p, any_addr, NULL, ev->ts);
	return r < 0 ? reel_err_set(err, r, "no memory for names of addresses") : 0;
}

void model_dns_lost(struct model *m, uint64_t last_ns)
{
	if (!m->names.lost.any || last_ns > m->names.lost.last_ns)
		m->names.lost = (struct model_loss){ true, last_ns };
}

void model_dns_missing(struct model *m, bool is_missing, uint64_t now_ns)
{
	if (m->names.is_missing && !is_missing)
		model_dns_lost(m, now_ns);
	m->names.is_missing = is_missing;
}

/* 1: known; 0: nothing was told; else a reason not to know. */
static enum model_naming name_for(const struct model *m, uint64_t asker, const uint8_t addr[16],
				  struct model_text **ret)
{
	const struct resolved *cut = lookup(m, asker, any_addr);
	struct resolved *x = lookup(m, asker, addr);

	if (cut && (!x || cut->ts > x->ts))
		return MODEL_NAME_CUT;
	if (!x)
		return MODEL_NAMELESS;
	x->is_used = true;
	if (m->names.lost.any && x->ts <= m->names.lost.last_ns)
		return MODEL_NAME_LOST;
	*ret = x->name;
	return MODEL_NAMED;
}

enum model_naming model_name_of(const struct model *m, const struct model_process *p,
				const uint8_t addr[16], struct model_text **ret)
{
	enum model_naming how = MODEL_NAMELESS;

	if (m->names.is_missing)
		return MODEL_NAME_NOT_RECORDED;
	if (p)
		how = name_for(m, asker_of(p), addr, ret);
	if (how == MODEL_NAMELESS)
		how = name_for(m, space_of(p), addr, ret);
	if (how != MODEL_NAMELESS)
		return how;
	if (m->names.has_forgotten)
		return MODEL_NAME_FORGOTTEN;
	/* What has run since before the capture may have known it from then. */
	if (!p || !p->exec_ns || !model_is_certain(m, p))
		return MODEL_NAME_FROM_BEFORE;
	return m->names.lost.any && p->exec_ns <= m->names.lost.last_ns ? MODEL_NAME_LOST :
									  MODEL_NAMELESS;
}
