/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/merge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void lend_tools(struct reel_merge *m, struct reel_unpacked *u)
{
	u->zstd = m->tools.zstd;
	u->tail_of_cpu = m->tools.tail_of_cpu;
	u->plain = m->tools.plain;
	m->tools.zstd = NULL;
	m->tools.tail_of_cpu = NULL;
	m->tools.plain = (struct reel_plain){ 0 };
}

static void take_tools_back(struct reel_merge *m, struct reel_unpacked *u)
{
	if (!u->zstd && !u->tail_of_cpu && !u->plain.bytes)
		return;
	m->tools.zstd = u->zstd;
	m->tools.tail_of_cpu = u->tail_of_cpu;
	m->tools.plain = u->plain;
	u->zstd = NULL;
	u->tail_of_cpu = NULL;
	u->plain = (struct reel_plain){ 0 };
}

struct reel_merge_slot *reel_merge_slot(struct reel_merge *m)
{
	if (m->n_used == m->n_slots) {
		struct reel_merge_slot **slots =
			reallocarray(m->slots, m->n_slots + 1, sizeof(*slots));
		struct reel_merge_slot *slot;

		if (!slots)
			return NULL;
		m->slots = slots;
		slot = calloc(1, sizeof(*slot));
		if (!slot)
			return NULL;
		m->slots[m->n_slots++] = slot;
	}
	lend_tools(m, &m->slots[m->n_used]->u);
	return m->slots[m->n_used++];
}

void reel_merge_drop(struct reel_merge *m, struct reel_merge_slot *slot)
{
	size_t i = 0;

	take_tools_back(m, &slot->u);
	while (m->slots[i] != slot)
		i++;
	m->bytes -= slot->bytes;
	slot->bytes = 0;
	m->slots[i] = m->slots[--m->n_used];
	m->slots[m->n_used] = slot;
}

static inline bool is_before(const struct reel_merge_cursor *a, const struct reel_merge_cursor *b)
{
	if (a->ts != b->ts)
		return a->ts < b->ts;
	if (a->cpu != b->cpu)
		return a->cpu < b->cpu;
	return a->seq < b->seq;
}

static inline void sift_down(struct reel_merge *m, size_t at)
{
	struct reel_merge_cursor moving = m->heap[at];

	for (;;) {
		size_t child = 2 * at + 1;

		if (child >= m->n)
			break;
		if (child + 1 < m->n && is_before(&m->heap[child + 1], &m->heap[child]))
			child++;
		if (!is_before(&m->heap[child], &moving))
			break;
		m->heap[at] = m->heap[child];
		at = child;
	}
	m->heap[at] = moving;
}

static void sift_up(struct reel_merge *m, size_t at)
{
	while (at > 0 && is_before(&m->heap[at], &m->heap[(at - 1) / 2])) {
		struct reel_merge_cursor parent = m->heap[(at - 1) / 2];

		m->heap[(at - 1) / 2] = m->heap[at];
		m->heap[at] = parent;
		at = (at - 1) / 2;
	}
}

static void enter_run(struct reel_merge_cursor *c, uint32_t run)
{
	const struct reel_unpacked *u = &c->slot->u;

	c->run = run;
	c->i = u->run_at[run];
	c->end = u->run_at[run + 1];
	c->ts = u->ts[c->i];
	c->seq = u->runs[run].seq;
}

int reel_merge_add(struct reel_merge *m, struct reel_merge_slot *slot, struct reel_err *err)
{
	const struct reel_unpacked *u = &slot->u;

	take_tools_back(m, &slot->u);
	if (m->n + u->n_chains > m->room) {
		size_t room = 2 * (m->n + u->n_chains);
		struct reel_merge_cursor *heap = reallocarray(m->heap, room, sizeof(*heap));

		if (!heap) {
			reel_merge_drop(m, slot);
			return reel_err_set(err, -ENOMEM, "no memory to put events in order");
		}
		m->heap = heap;
		m->room = room;
	}
	slot->cursors = u->n_chains;
	slot->bytes = sizeof(*slot) + reel_unpacked_bytes(u) +
		      2 * u->n_chains * sizeof(struct reel_merge_cursor);
	m->bytes += slot->bytes;
	for (uint32_t i = 0; i < u->n_chains; i++) {
		struct reel_merge_cursor *c = &m->heap[m->n];

		c->slot = slot;
		c->cpu = u->runs[u->chains[i]].cpu;
		enter_run(c, u->chains[i]);
		sift_up(m, m->n++);
	}
	if (!u->n_chains)
		reel_merge_drop(m, slot);
	return 0;
}

bool reel_merge_next(struct reel_merge *m, uint64_t bound, struct reel_merge_event *ret)
{
	struct reel_merge_cursor *c = m->heap;

	if (m->spent) {
		reel_merge_drop(m, m->spent);
		m->spent = NULL;
	}
	if (!m->n || c->ts >= bound)
		return false;
	*ret = (struct reel_merge_event){ &c->slot->u, c->run, c->i };
	if (++c->i < c->end) {
		c->ts = c->slot->u.ts[c->i];
		c->seq++;
	} else {
		uint32_t next = c->slot->u.next_run[c->run];

		if (next != REEL_NO_RUN) {
			enter_run(c, next);
		} else {
			if (--c->slot->cursors == 0)
				m->spent = c->slot;
			*c = m->heap[--m->n];
		}
	}
	if (m->n > 1)
		sift_down(m, 0);
	return true;
}

void reel_merge_done(struct reel_merge *m)
{
	for (size_t i = 0; i < m->n_slots; i++) {
		reel_unpack_done(&m->slots[i]->u);
		free(m->slots[i]);
	}
	reel_unpack_done(&m->tools);
	free(m->slots);
	free(m->heap);
	memset(m, 0, sizeof(*m));
}
