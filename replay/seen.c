/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/seen.h"

#include <stdlib.h>
#include <string.h>

static struct model_text *text_ref(struct model_text *t)
{
	if (t)
		t->refs++;
	return t;
}

static void keep_process(struct seen *s, struct model *m, const struct model_process *p)
{
	if (!p || p->known_by == MODEL_GUESS)
		return;
	s->has_process = true;
	s->has_ids = p->has_ids;
	s->process = p->serial;
	s->image = p->image;
	s->start_ns = p->start_ns;
	s->ppid = p->ppid;
	s->uid = p->ids.uid;
	s->euid = p->ids.euid;
	s->exe = text_ref(p->exe);
	s->comm = text_ref(p->comm);
	s->argv = text_ref(p->argv);
	s->cwd = text_ref(p->cwd);
	s->user = text_ref(p->has_ids ? model_user(m, p->ids.uid) : NULL);
	s->parent_exe = text_ref(p->parent ? p->parent->exe : NULL);
	s->container = text_ref(p->container ? p->container->id : NULL);
}

/*
 * The memory behind: fixed part | where the strings begin | cut strings | bytes of the strings. The
 * numbers of the strings in the fixed part are made anew.
 */
struct seen *seen_new(struct model *m, const struct reel_event *ev, const struct model_process *p,
		      uint64_t serial)
{
	const struct reel_type *t = ev->type;
	struct reel_string strings[EV_MAX_STRINGS];
	uint32_t fixed = (t->fixed_bytes + 7u) & ~7u, n = t->n_strings, text = 0, n_cuts = 0;
	struct tape_cut_string *cuts;
	uint32_t *at, begins = 0;
	size_t size = sizeof(struct seen) + fixed;
	uint8_t *bytes;
	struct seen *s;

	for (uint32_t i = 0; i < n; i++) {
		strings[i] = reel_event_string_at(ev, t->string_offsets[i]);
		text += strings[i].length;
	}
	size += (n + 1 + n % 2) * sizeof(*at) + n * sizeof(*cuts) + text + 1;
	s = calloc(1, size);
	if (!s)
		return NULL;
	s->refs = 1;
	s->bytes = (uint32_t)size;
	s->serial = serial;
	memcpy(s->memory, ev->fixed, t->fixed_bytes);
	at = (uint32_t *)((uint8_t *)s->memory + fixed);
	cuts = (struct tape_cut_string *)(at + n + 1 + n % 2);
	bytes = (uint8_t *)(cuts + n);
	for (uint32_t i = 0; i < n; i++) {
		uint16_t number = (uint16_t)(i + 1);

		memcpy((uint8_t *)s->memory + t->string_offsets[i], &number, sizeof(number));
		at[i] = begins;
		if (strings[i].length)
			memcpy(bytes + begins, strings[i].bytes, strings[i].length);
		begins += strings[i].length;
		if (reel_string_is_cut(&strings[i]))
			cuts[n_cuts++] = (struct tape_cut_string){ number, strings[i].true_length };
	}
	at[n] = begins;
	s->strings = (struct reel_string_table){ n, n_cuts, at, bytes, cuts };
	s->event = *ev;
	s->event.fixed = (const uint8_t *)s->memory;
	s->event.strings = &s->strings;
	keep_process(s, m, p);
	return s;
}

void seen_unref(struct model *m, struct seen *s)
{
	struct model_text *texts[7];

	if (!s || --s->refs)
		return;
	texts[0] = s->exe;
	texts[1] = s->comm;
	texts[2] = s->argv;
	texts[3] = s->cwd;
	texts[4] = s->user;
	texts[5] = s->parent_exe;
	texts[6] = s->container;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		model_text_unref(m, texts[i]);
	free(s);
}

struct evidence *evidence_add(struct model *m, struct evidence *before, struct seen *seen,
			      uint32_t node)
{
	struct evidence *e = malloc(sizeof(*e));

	if (!e) {
		evidence_unref(m, before);
		return NULL;
	}
	seen->refs++;
	*e = (struct evidence){ 1, node, seen, before, before ? before->depth + 1 : 1 };
	return e;
}

struct evidence *evidence_share(const struct evidence *e)
{
	return evidence_ref((struct evidence *)(uintptr_t)e);
}

void evidence_unref(struct model *m, struct evidence *e)
{
	while (e && --e->refs == 0) {
		struct evidence *before = e->before;

		seen_unref(m, e->seen);
		free(e);
		e = before;
	}
}
