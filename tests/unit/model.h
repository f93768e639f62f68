/* SPDX-License-Identifier: BSD-2-Clause */
/* A machine that is told to a model, event by event, for the tests of it. */
#ifndef REEL_TESTS_UNIT_MODEL_H
#define REEL_TESTS_UNIT_MODEL_H

#include <stdarg.h>
#include <stdlib.h>

#include "format/record.h"
#include "replay/model_impl.h"
#include "tests/unit/harness.h"

static struct {
	struct model *m;
	struct reel_record record;
	struct reel_record_strings strings;
	struct reel_event ev;
	struct model_change change;
	uint64_t now;
	uint8_t flags; /* of the next event only */
	int64_t ret;
	uint32_t tid;
} t_m;

static inline void t_begin(void)
{
	memset(&t_m, 0, sizeof(t_m));
	if (model_new("box", &t_m.m, NULL) < 0)
		abort();
}

static inline void t_end(void)
{
	model_free(t_m.m);
	t_m.m = NULL;
}

static inline void *t_make(unsigned type, uint32_t pid)
{
	void *fixed = reel_record_begin(&t_m.record, reel_type_by_id(type));

	t_m.record.header.pid = pid;
	t_m.record.header.tid = t_m.tid ? t_m.tid : pid;
	t_m.record.header.ts = ++t_m.now;
	t_m.record.header.flags = t_m.flags;
	t_m.record.header.ret = t_m.ret;
	t_m.flags = 0;
	t_m.ret = 0;
	t_m.tid = 0;
	return fixed;
}

/* Strings of the record, a NULL behind the last. */
static inline void t_strings(const char *first, ...)
{
	va_list args;

	va_start(args, first);
	for (const char *s = first; s; s = va_arg(args, const char *))
		reel_record_string(&t_m.record, s, strlen(s));
	va_end(args);
}

static inline void t_view(void)
{
	uint8_t flags = t_m.record.header.flags;

	reel_record_end(&t_m.record);
	reel_record_view(&t_m.record, &t_m.strings, &t_m.ev);
	t_m.ev.flags |= flags;
}

static inline struct model_change t_tell(void)
{
	t_view();
	if (model_event(t_m.m, &t_m.ev, &t_m.change, NULL) < 0)
		T_FAIL("model_event failed");
	return t_m.change;
}

static inline void t_name(void)
{
	t_view();
	if (model_names(t_m.m, &t_m.ev, NULL) < 0)
		T_FAIL("model_names failed");
}

static inline struct model_change t_fork(uint32_t pid, uint32_t child)
{
	struct ev_fork *e = t_make(EV_fork, pid);

	e->child = e->vpid = child;
	e->child_start = t_m.now;
	return t_tell();
}

static inline struct model_change t_exec(uint32_t pid, const char *exe)
{
	struct ev_exec *e = t_make(EV_exec, pid);
	const char *comm = strrchr(exe, '/');

	e->uid = e->euid = e->suid = e->fsuid = 7;
	e->gid = e->egid = e->sgid = e->fsgid = 8;
	e->cap_effective = 3;
	e->dev = 1;
	e->inode = 4711;
	t_strings(comm ? comm + 1 : exe, exe, "", exe, NULL);
	reel_record_string(&t_m.record, "a\0b", 4);
	return t_tell();
}

static inline struct model_change t_exit(uint32_t pid)
{
	t_make(EV_exit, pid);
	return t_tell();
}

static inline struct model_change t_event(unsigned type, uint32_t pid)
{
	t_make(type, pid);
	return t_tell();
}

/* A keyframe's process; its start is 1000 times its pid. */
static inline struct ev_process *t_make_process(uint32_t pid, uint32_t ppid)
{
	struct ev_process *e;

	t_m.flags |= EV_KEYFRAME;
	e = t_make(EV_process, pid);
	e->start = 1000ull * pid;
	e->parent_start = 1000ull * ppid;
	e->ppid = ppid;
	e->vpid = pid;
	return e;
}

static inline struct model_change t_process(uint32_t pid, uint32_t ppid)
{
	t_make_process(pid, ppid);
	t_strings("comm", "/exe", NULL);
	return t_tell();
}

static inline struct model_change t_edge(unsigned edge, bool complete)
{
	struct ev_keyframe *e = t_make(EV_keyframe, 0);

	e->edge = (uint8_t)edge;
	e->complete = complete;
	return t_tell();
}

static inline struct model_change t_cgroup(uint64_t id, uint32_t hierarchy, const char *path)
{
	struct ev_cgroup *e = t_make(EV_cgroup, 0);

	e->cgroup = id;
	e->hierarchy = hierarchy;
	t_strings(path, NULL);
	return t_tell();
}

static inline struct model_process *t_find(uint32_t pid)
{
	struct model_process *p = model_find(t_m.m, pid);

	return p && !p->is_dead ? p : NULL;
}

static inline const char *t_text(const struct model_text *t)
{
	return t ? (const char *)t->bytes : NULL;
}

static inline struct model_stats t_stats(void)
{
	struct model_stats s;

	model_stats(t_m.m, &s);
	return s;
}

#endif
