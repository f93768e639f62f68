/* SPDX-License-Identifier: BSD-2-Clause */
/* Strings of the model, each once, and the tables that things are found in. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "replay/model_impl.h"

enum { BUCKETS_FIRST_LOG2 = 8 };

int model_buckets_new(struct model *m, struct buckets *b)
{
	b->at = calloc(1 << BUCKETS_FIRST_LOG2, sizeof(*b->at));
	if (!b->at)
		return -ENOMEM;
	b->shift = 64 - BUCKETS_FIRST_LOG2;
	m->bytes += sizeof(*b->at) << BUCKETS_FIRST_LOG2;
	return 0;
}

void model_buckets_free(struct model *m, struct buckets *b)
{
	if (b->at)
		m->bytes -= sizeof(*b->at) << (64 - b->shift);
	free(b->at);
	*b = (struct buckets){ 0 };
}

bool model_buckets_grow(struct model *m, struct buckets *b, void ***ret_old, uint32_t *ret_n)
{
	uint32_t n = 1u << (64 - b->shift);
	void **at;

	if (b->n < n || b->shift <= 40)
		return false;
	/* Without memory the chains become longer, that is all. */
	at = calloc(2 * (size_t)n, sizeof(*at));
	if (!at)
		return false;
	*ret_old = b->at;
	*ret_n = n;
	b->at = at;
	b->shift--;
	m->bytes += n * sizeof(*at);
	return true;
}

int model_texts_new(struct model *m)
{
	return model_buckets_new(m, &m->texts);
}

void model_texts_free(struct model *m)
{
	for (uint32_t i = 0; m->texts.at && i < 1u << (64 - m->texts.shift); i++) {
		for (struct model_text *t = m->texts.at[i], *next; t; t = next) {
			next = t->next;
			m->bytes -= sizeof(*t) + t->length + 1;
			free(t);
		}
	}
	model_buckets_free(m, &m->texts);
}

static void grow_texts(struct model *m)
{
	uint32_t n;
	void **old;

	if (!model_buckets_grow(m, &m->texts, &old, &n))
		return;
	for (uint32_t i = 0; i < n; i++) {
		for (struct model_text *t = old[i], *next; t; t = next) {
			void **at = &m->texts.at[model_slot(m, &m->texts, t->hash)];

			next = t->next;
			t->next = *at;
			*at = t;
		}
	}
	free(old);
}

struct model_text *model_text(struct model *m, const struct reel_string *s)
{
	uint32_t hash = (uint32_t)XXH3_64bits_withSeed(s->bytes, s->length, m->seed);
	void **at = &m->texts.at[model_slot(m, &m->texts, hash)];
	struct model_text *t;

	for (t = *at; t; t = t->next) {
		if (t->hash == hash && t->length == s->length && t->true_length == s->true_length &&
		    (!t->length || memcmp(t->bytes, s->bytes, t->length) == 0)) {
			t->refs++;
			return t;
		}
	}
	t = malloc(sizeof(*t) + s->length + 1);
	if (!t)
		return NULL;
	*t = (struct model_text){ .length = s->length,
				  .true_length = s->true_length,
				  .refs = 1,
				  .hash = hash,
				  .next = *at };
	if (s->length)
		memcpy(t->bytes, s->bytes, s->length);
	t->bytes[s->length] = '\0';
	*at = t;
	m->bytes += sizeof(*t) + t->length + 1;
	m->texts.n++;
	grow_texts(m);
	return t;
}

void model_text_ref(struct model_text *t)
{
	if (t)
		t->refs++;
}

void model_text_unref(struct model *m, struct model_text *t)
{
	struct model_text *other;
	void **at;

	if (!t || --t->refs)
		return;
	at = &m->texts.at[model_slot(m, &m->texts, t->hash)];
	if (*at == t) {
		*at = t->next;
	} else {
		for (other = *at; other->next != t; other = other->next)
			;
		other->next = t->next;
	}
	m->texts.n--;
	m->bytes -= sizeof(*t) + t->length + 1;
	free(t);
}

static int take(struct model *m, const struct reel_string *s, struct model_text **at)
{
	struct model_text *t = *at;

	if (t && t->length == s->length && t->true_length == s->true_length &&
	    (!t->length || memcmp(t->bytes, s->bytes, t->length) == 0))
		return 0;
	t = model_text(m, s);
	if (!t)
		return -ENOMEM;
	model_text_unref(m, *at);
	*at = t;
	return 0;
}

int model_take_string(struct told *t, uint16_t offset, struct model_text **at)
{
	struct reel_string s = reel_event_string_at(t->ev, offset);

	/* What could not be read is a string of which nothing was kept. */
	if (s.length == 0 && t->ev->flags & EV_FAULT)
		s.true_length = EV_UNKNOWN_LENGTH;
	if (s.length || reel_string_is_cut(&s))
		return take(t->m, &s, at);
	model_text_unref(t->m, *at);
	*at = NULL;
	return 0;
}

int model_take_bytes(struct model *m, const void *bytes, size_t length, struct model_text **at)
{
	struct reel_string s = { bytes, (uint32_t)length, (uint32_t)length };

	return take(m, &s, at);
}
