/* SPDX-License-Identifier: BSD-2-Clause */
#include "record/wishes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "bpf/events.h"
#include "format/names.h"
#include "record/calls.h"
#include "record/confine.h"
#include "record/container_find.h"

enum { STATE_RING_BYTES = 8 << 20, MAX_ARG_LIMIT = 16383, CONTENT_LIMIT = 4096 };

static const struct reel_class *class_find(const char *name, size_t length)
{
	for (const struct reel_class *c = reel_classes; c->name; c++)
		if (strlen(c->name) == length && strncmp(c->name, name, length) == 0)
			return c;
	return NULL;
}

static bool class_is_chosen(const struct reel_class *c)
{
	return c->id != EV_CLASS_state && c->id != EV_CLASS_tape;
}

static int unknown_class(const char *word, size_t length, struct reel_err *err)
{
	char text[40];
	struct reel_nearest near;

	snprintf(text, sizeof(text), "%.*s", (int)length, word);
	near = REEL_NEAREST(text);
	for (const struct reel_class *c = reel_classes; c->name; c++)
		if (class_is_chosen(c))
			reel_nearest_offer(&near, c->name);
	if (near.best)
		return reel_err_set(err, -EINVAL, "unknown class '%s', did you mean '%s'?", text,
				    near.best);
	return reel_err_set(err, -EINVAL, "unknown class '%s' (see 'reel list events')", text);
}

/*
 * "file,net" chooses these, "+look" and "!io" add to what is on by default, and take away from it;
 * "all" is all that need no list of their own.
 */
static int choose_classes(const struct wishes *w, bool classes[CLASSES], struct reel_err *err)
{
	bool chosen = false;

	for (const struct reel_class *c = reel_classes; c->name; c++)
		classes[c->id] = c->on;
	for (size_t i = 0; i < w->classes.n; i++) {
		for (const char *p = w->classes.v[i]; *p;) {
			size_t length = strcspn(p, ",");
			const char *next = p + length + (p[length] == ',');
			bool plus = *p == '+', minus = *p == '!' || *p == '-';
			const struct reel_class *c;

			p += plus || minus;
			length -= plus || minus;
			if (!plus && !minus && !chosen) {
				for (unsigned k = 0; k < EV_CLASS_state; k++)
					classes[k] = false;
				chosen = true;
			}
			if (length == 3 && strncmp(p, "all", 3) == 0) {
				for (unsigned k = 1; k < EV_CLASS_sys; k++)
					classes[k] = !minus;
			} else if (length == 7 && strncmp(p, "default", 7) == 0) {
				for (c = reel_classes; c->name; c++)
					classes[c->id] |= c->on;
			} else {
				c = class_find(p, length);
				if (!c || !class_is_chosen(c))
					return unknown_class(p, length, err);
				classes[c->id] = !minus;
			}
			p = next;
		}
	}
	return 0;
}

static int choose_calls(const struct wishes *w, bool slots[SLOTS], struct reel_err *err)
{
	static const unsigned abis[] = { EV_ABI_NATIVE, EV_ABI_COMPAT, EV_ABI_X32 };

	for (size_t i = 0; i < w->calls.n; i++) {
		for (const char *p = w->calls.v[i]; *p;) {
			size_t length = strcspn(p, ",");
			char name[64];
			unsigned slot;
			bool found = false;

			snprintf(name, sizeof(name), "%.*s", (int)length, p);
			for (unsigned k = 0; k < 3; k++) {
				if (strcmp(name, "all") == 0) {
					for (slot = 0; slot < SLOTS_END; slot++)
						slots[slot] |= call_name(slot) != NULL;
					found = true;
				} else if (call_slot(abis[k], name, &slot) == 0) {
					slots[slot] = found = true;
				}
			}
			if (!found)
				return reel_err_set(err, -EINVAL, "no system call '%s'", name);
			p += length + (p[length] == ',');
		}
	}
	return 0;
}

static int parse_pid(const char *text, struct scope_term *t, struct reel_err *err)
{
	int r = reel_parse_u64(text, (uint64_t *)(void *)&t->value, err);

	return r < 0 || (t->value >= 1 && t->value < 1u << 30) ?
		       r :
		       reel_err_set(err, -EINVAL, "'%s' is no pid", text);
}

static int parse_user(const char *text, struct scope_term *t, struct reel_err *err)
{
	struct confine_owner owner;

	if (reel_parse_u64(text, (uint64_t *)(void *)&t->value, NULL) == 0)
		return 0;
	if (confine_find_owner("/etc/passwd", text, &owner, err) < 0)
		return reel_err_set(err, -EINVAL, "no user '%s'", text);
	t->value = owner.uid;
	return 0;
}

/* A path under where cgroups are mounted, or one within a hierarchy. */
static int parse_cgroup(const char *text, struct scope_term *t, struct reel_err *err)
{
	static const char *const roots[] = { "", "/sys/fs/cgroup", "/sys/fs/cgroup/unified",
					     "/sys/fs/cgroup/pids", "/sys/fs/cgroup/memory" };
	struct stat st;
	char path[4096];

	for (size_t i = text[0] == '/' ? 0 : 1; i < sizeof(roots) / sizeof(*roots); i++) {
		snprintf(path, sizeof(path), "%s/%s", roots[i], text);
		if (stat(path, &st) == 0 && S_ISDIR(st.st_mode) &&
		    strncmp(path + strspn(path, "/"), "sys/fs/cgroup", 13) == 0) {
			t->value = st.st_ino;
			return 0;
		}
	}
	return reel_err_set(err, -EINVAL, "no cgroup '%s'", text);
}

static int parse_text(const char *text, struct scope_term *t, struct reel_err *err)
{
	size_t length = strlen(text);

	if (length >= SCOPE_TEXT)
		return reel_err_set(err, -EINVAL, "'%s' is longer than %d bytes", text,
				    SCOPE_TEXT - 1);
	memcpy(t->text, text, length);
	t->length = (__u16)length;
	return 0;
}

/* The kernel keeps 15 bytes of a name. */
static int parse_comm(const char *text, struct scope_term *t, struct reel_err *err)
{
	int r = parse_text(text, t, err);

	if (t->length > 15)
		t->length = 15;
	return r;
}

/* An id or its beginning; what is none is a name. */
static int parse_container(const char *text, struct scope_term *t, struct reel_err *err)
{
	char id[CONTAINER_ID_MAX];
	int r;

	if (strcmp(text, "any") == 0)
		return 0;
	if (strspn(text, "0123456789abcdef") == strlen(text) && strlen(text) >= 8)
		return parse_text(text, t, err);
	r = container_find(text, id, err);
	if (r < 0)
		return reel_err_set(err, -EINVAL, "%s", err->msg);
	return parse_text(id, t, err);
}

static int add_terms(const struct reel_strings *texts, enum scope_kind kind,
		     int (*parse)(const char *, struct scope_term *, struct reel_err *),
		     struct recorder_config *c, struct scope *s, struct reel_err *err)
{
	for (size_t i = 0; i < texts->n; i++) {
		struct scope_term *t = &s->terms[c->n_terms];
		const char *text = texts->v[i];
		int r;

		if (c->n_terms == SCOPE_TERMS)
			return reel_err_set(err, -EINVAL, "more than %d conditions of scope",
					    SCOPE_TERMS);
		t->kind = (__u8)kind;
		t->negated = *text == '!';
		r = parse(text + t->negated, t, err);
		if (r < 0)
			return r;
		if (!t->negated)
			c->positive_kinds |= 1u << kind;
		c->n_terms++;
	}
	return 0;
}

static int add_paths(const struct reel_strings *texts, bool negated, struct recorder_config *c,
		     struct scope *s, struct reel_err *err)
{
	for (size_t i = 0; i < texts->n; i++) {
		struct scope_term *t = &s->paths[c->n_paths];
		const char *text = texts->v[i];
		int r;

		if (c->n_paths == PATH_TERMS)
			return reel_err_set(err, -EINVAL, "more than %d patterns of paths",
					    PATH_TERMS);
		t->negated = negated != (*text == '!');
		r = parse_text(text + (*text == '!'), t, err);
		if (r < 0)
			return r;
		if (!t->negated)
			c->positive_paths = 1;
		c->n_paths++;
	}
	return 0;
}

int wishes_apply(const struct wishes *w, struct load_options *ret_load, struct scope *ret_scope,
		 struct reel_err *err)
{
	struct load_options o = { .state_ring_bytes = STATE_RING_BYTES };
	struct scope s = { 0 };
	struct recorder_config *c = &o.config;
	int r = choose_classes(w, o.classes, err);

	/* As if its class had been taken away, whatever -e says. */
	if (w->io == IO_NONE)
		o.classes[EV_CLASS_io] = false;
	if (r == 0)
		r = choose_calls(w, o.slots, err);
	if (r == 0)
		r = add_terms(&w->pids, SCOPE_PID, parse_pid, c, &s, err);
	if (r == 0)
		r = add_terms(&w->comms, SCOPE_COMM, parse_comm, c, &s, err);
	if (r == 0)
		r = add_terms(&w->exes, SCOPE_EXE, parse_text, c, &s, err);
	if (r == 0)
		r = add_terms(&w->users, SCOPE_UID, parse_user, c, &s, err);
	if (r == 0)
		r = add_terms(&w->cgroups, SCOPE_CGROUP, parse_cgroup, c, &s, err);
	if (r == 0)
		r = add_terms(&w->containers, SCOPE_CONTAINER, parse_container, c, &s, err);
	if (r == 0)
		r = add_paths(&w->paths, false, c, &s, err);
	if (r == 0)
		r = add_paths(&w->no_paths, true, c, &s, err);
	if (r < 0)
		return r;
	if (w->max_arg > MAX_ARG_LIMIT)
		return reel_err_set(err, -EINVAL, "--max-arg is at most %d", MAX_ARG_LIMIT);
	if (w->content > CONTENT_LIMIT)
		return reel_err_set(err, -EINVAL, "--content is at most %d", CONTENT_LIMIT);
	if (w->ring_mib < 1 || w->ring_mib > 1024)
		return reel_err_set(err, -EINVAL, "--ring is 1 to 1024 MiB");
	o.ring_bytes = w->ring_mib << 20;
	c->max_arg = w->max_arg;
	c->content = w->content;
	c->io = (__u32)w->io;
	c->dns = !w->no_dns;
	c->env = w->env.n > 0;
	c->follow = !w->no_follow;
	c->scope_tree = w->command != NULL;
	c->scope = c->scope_tree || c->n_terms > 0;
	*ret_load = o;
	*ret_scope = s;
	return 0;
}
