/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events of any kind, to a model of the machine that is nearly full. Each is
 *
 *	byte 0		which type
 *	byte 1		flags
 *	byte 2		process, of 32
 *	byte 3		result: 0 to 127, or -1
 *	then		a byte for each field: the value of a number, the number of a text
 */
#include <string.h>

#include "format/record.h"
#include "replay/model_impl.h"
#include "tests/fuzz/touch.h"

enum { HEAD = 4, PIDS = 32 };

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const char *const texts[] = { "",	   "/",	       "/bin/sh",
				     "socket:[3]", "pipe:[4]", "/docker/" ID,
				     ID,	   "relative", "/docker-" ID ".scope" };

static const struct reel_type *type_of(uint8_t number)
{
	static unsigned n;

	while (reel_types[n].name)
		n++;
	return &reel_types[number % n];
}

/* Numbers are small, so that they meet; some are huge. */
static size_t fill(struct reel_record *r, uint8_t *fixed, const uint8_t *data, size_t size)
{
	const struct reel_type *type = r->type;
	size_t at = 0;

	for (unsigned i = 0; i < type->n_fields && at < size; i++) {
		const struct reel_field *f = &type->fields[i];
		uint8_t byte = data[at++];
		uint64_t n[2] = { byte < 0xf0 ? byte % PIDS : UINT64_MAX << (byte & 15), 0 };

		if (reel_field_is_string(f)) {
			const char *s = texts[byte % (sizeof(texts) / sizeof(*texts))];

			reel_record_string(r, s, strlen(s));
		} else {
			memcpy(fixed + f->offset, n, reel_kind_width(f->kind));
		}
	}
	return at;
}

static void check(struct model *m)
{
	struct model_process *p;
	uint64_t n = 0;
	unsigned steps;

	for (p = m->oldest; p; p = p->newer, n++) {
		const struct model_process *a = p;

		MUST(!p->is_dead && p->refs && p->family);
		MUST(&model_lookup(m, p->pid)->p == p);
		for (steps = 0; a; a = a->parent)
			MUST(++steps < 100000);
	}
	MUST(n == m->n_living);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct reel_record record;
	struct model_change change;
	struct model *m;
	uint64_t now = 0;
	size_t at = 0;

	MUST(model_new("host", &m, NULL) == 0);
	m->processes_max = 16;
	while (at + HEAD <= size) {
		struct reel_record_strings strings;
		struct reel_event ev;
		uint8_t *fixed = reel_record_begin(&record, type_of(data[at]));
		uint8_t flags = data[at + 1] & (EV_KEYFRAME | EV_FAULT | EV_BLOCKED);

		record.header.pid = data[at + 2] % PIDS;
		record.header.tid = data[at + 2];
		record.header.ts = ++now;
		record.header.ret = data[at + 3] < 128 ? data[at + 3] : -1;
		at += HEAD;
		at += fill(&record, fixed, data + at, size - at);
		reel_record_end(&record);
		reel_record_view(&record, &strings, &ev);
		ev.flags |= flags;
		MUST(model_event(m, &ev, &change, NULL) == 0);
		MUST(model_names(m, &ev, NULL) == 0);
		MUST(!change.process || change.process->refs);
		while (model_more(m, &change))
			touch_sink += change.ended_process;
		(void)model_file(m, 8, 3);
	}
	for (const struct model_process *p = m->oldest; p; p = p->newer)
		touch_sink += model_is_certain(m, p);
	check(m);
	model_free(m);
	return 0;
}
