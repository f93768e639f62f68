/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/coverage.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/reader.h"

/* Filters that leave out types whole; those of scope leave out processes, which is no blindness. */
static const struct {
	const char *hook, *reason;
} whole_filters[] = {
	{ "-e", NULL },
	{ "--io", "none" },
	{ "--no-dns", NULL },
	{ "--hash", "none" },
};

static const struct {
	const char *hook, *text;
} scopes[] = {
	{ "--", "of the command" },
	{ "-p", "of process" },
	{ "-n", "of programs named" },
	{ "--exe", "of the program" },
	{ "-u", "of user" },
	{ "--cgroup", "of cgroup" },
	{ "--container", "of container" },
	{ "--path", "on paths like" },
	{ "--no-path", "not on paths like" },
};

static void copy_text(char *to, size_t room, const struct reel_event *ev, const char *name)
{
	const struct reel_field *f = reel_type_field(ev->type, name);
	struct reel_string s;
	size_t n;

	to[0] = '\0';
	if (!f || !reel_field_is_string(f))
		return;
	s = reel_event_string(ev, f);
	n = s.length < room ? s.length : room - 1;
	memcpy(to, s.bytes, n);
	to[n] = '\0';
}

static void read_types(uint8_t types[32], const struct reel_event *ev)
{
	const struct reel_field *f = reel_type_field(ev->type, "types");
	struct reel_string s;

	memset(types, 0, 32);
	if (!f || !reel_field_is_string(f))
		return;
	s = reel_event_string(ev, f);
	for (uint32_t at = 0; at < s.length;) {
		const uint8_t *end = memchr(s.bytes + at, ' ', s.length - at);
		uint32_t n = end ? (uint32_t)(end - s.bytes) - at : s.length - at;
		const struct reel_type *t = n ? reel_type_by_name((const char *)s.bytes + at, n) :
						NULL;

		if (t)
			types[t->id / 8] |= (uint8_t)(1u << t->id % 8);
		at += n + 1;
	}
}

static bool leaves_out(const struct coverage_hook *h)
{
	for (size_t i = 0; i < sizeof(whole_filters) / sizeof(*whole_filters); i++)
		if (strcmp(h->name, whole_filters[i].hook) == 0 &&
		    (!whole_filters[i].reason || strcmp(h->reason, whole_filters[i].reason) == 0))
			return true;
	return false;
}

/* A type is missing if hooks are named for it, and none of them works. */
static void find_missing(const struct coverage *c, uint8_t missing[32])
{
	uint8_t named[32] = { 0 }, works[32] = { 0 }, out[32] = { 0 };

	for (unsigned i = 0; i < c->n; i++) {
		const struct coverage_hook *h = &c->hooks[i];

		for (unsigned k = 0; k < 32; k++) {
			if (h->status == COVERAGE_FILTER) {
				out[k] |= leaves_out(h) ? h->types[k] : 0;
				continue;
			}
			named[k] |= h->types[k];
			if (h->status == COVERAGE_LOADED || h->status == COVERAGE_PARTLY)
				works[k] |= h->types[k];
		}
	}
	for (unsigned k = 0; k < 32; k++)
		missing[k] = (uint8_t)((named[k] & ~works[k]) | out[k]);
}

static void note_scope(struct coverage *c, const struct coverage_hook *h)
{
	size_t used = strlen(c->scope);
	char part[220];

	for (size_t i = 0; i < sizeof(scopes) / sizeof(*scopes); i++) {
		if (h->status != COVERAGE_FILTER || strcmp(h->name, scopes[i].hook) != 0)
			continue;
		snprintf(part, sizeof(part), "%s %s", scopes[i].text, h->reason);
		if (!strstr(c->scope, part) && used + strlen(part) + 3 < sizeof(c->scope))
			snprintf(c->scope + used, sizeof(c->scope) - used, "%s%s", used ? ", " : "",
				 part);
	}
}

/* A filter says its value in the reason; one option may have several. */
static bool is_same(const struct coverage_hook *a, const struct coverage_hook *b)
{
	return strcmp(a->name, b->name) == 0 && memcmp(a->types, b->types, sizeof(a->types)) == 0 &&
	       (a->status != COVERAGE_FILTER || b->status != COVERAGE_FILTER ||
		strcmp(a->reason, b->reason) == 0);
}

/* The last filter of a run has come: those of earlier ones hold no longer. */
static void forget_filters(struct coverage *c, uint64_t run)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < c->n; i++)
		if (c->hooks[i].status != COVERAGE_FILTER || c->hooks[i].run == run)
			c->hooks[kept++] = c->hooks[i];
	c->n = kept;
}

int coverage_note(struct coverage *c, const struct reel_event *ev)
{
	struct coverage_hook h = { 0 }, *to = NULL;
	const struct reel_field *status = reel_type_field(ev->type, "status");
	uint8_t missing[32];

	if (!status || reel_field_is_string(status))
		return 0;
	copy_text(h.name, sizeof(h.name), ev, "hook");
	copy_text(h.reason, sizeof(h.reason), ev, "reason");
	read_types(h.types, ev);
	h.status = (uint8_t)reel_event_number(ev, status);
	h.run = ev->segment ? ev->segment->meta.run : 0;
	note_scope(c, &h);
	for (unsigned i = 0; i < c->n && !to; i++)
		if (is_same(&c->hooks[i], &h))
			to = &c->hooks[i];
	if (!to) {
		if (c->n == COVERAGE_HOOKS_MAX)
			return 0;
		if (c->n == c->room) {
			unsigned room = c->room ? 2 * c->room : 64;
			struct coverage_hook *hooks = reallocarray(c->hooks, room, sizeof(*hooks));

			if (!hooks)
				return -ENOMEM;
			c->hooks = hooks;
			c->room = room;
		}
		to = &c->hooks[c->n++];
	}
	*to = h;
	if (h.status == COVERAGE_FILTER && strcmp(h.name, "-e") == 0)
		forget_filters(c, h.run);
	find_missing(c, missing);
	if (memcmp(missing, c->missing, sizeof(missing)) == 0)
		return 0;
	memcpy(c->missing, missing, sizeof(missing));
	return 1;
}

const char *coverage_why(const struct coverage *c, unsigned type)
{
	const char *why = "not recorded";

	for (unsigned i = 0; i < c->n; i++) {
		const struct coverage_hook *h = &c->hooks[i];

		if (!(h->types[type / 8] >> type % 8 & 1))
			continue;
		if (h->status == COVERAGE_FILTER && leaves_out(h))
			return "left out by an option of the recording";
		if (h->status == COVERAGE_NOT_WANTED)
			why = "its class was not recorded";
		else if (h->status == COVERAGE_NOT_THERE)
			why = "the kernel has no hook for it";
		else if (h->status == COVERAGE_REFUSED)
			why = "the kernel refused the hook";
	}
	return why;
}

bool coverage_is_filter(const struct coverage_hook *h, const char *option)
{
	return h->status == COVERAGE_FILTER && strcmp(h->name, option) == 0;
}

bool coverage_has(const struct coverage *c, const char *option, const char *value, bool is_list)
{
	for (unsigned i = 0; i < c->n; i++) {
		const char *text = c->hooks[i].reason;

		while (coverage_is_filter(&c->hooks[i], option) && *text) {
			size_t n = is_list ? strcspn(text, ",") : strlen(text);

			if ((n == strlen(value) && strncmp(text, value, n) == 0) ||
			    (n == 3 && strncmp(text, "all", n) == 0 && is_list))
				return true;
			text += n + (text[n] == ',');
		}
	}
	return false;
}

bool coverage_says(const struct coverage *c, const char *option)
{
	for (unsigned i = 0; i < c->n; i++)
		if (coverage_is_filter(&c->hooks[i], option))
			return true;
	return false;
}

void coverage_done(struct coverage *c)
{
	free(c->hooks);
	memset(c, 0, sizeof(*c));
}
