/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the rings to the writer. Hardly a record is looked at: only those that ask something of the
 * helper, and executions when parts of their environment are wanted.
 */
#include <errno.h>
#include <string.h>

#include "format/types.h"
#include "record/now.h"
#include "record/session_impl.h"

int session_put_own(void *arg, struct reel_record *record, struct reel_err *err)
{
	struct session *s = arg;
	size_t bytes = reel_record_end(record);

	return reel_writer_append_own(s->writer, &record->header, bytes, err);
}

/*
 * The n'th string of a record, whose type has its lengths at these places. NULL if the record is
 * not what it says.
 */
static const char *string_at(const struct ev_header *h, const struct reel_type *t, unsigned n,
			     size_t *ret_length)
{
	const uint8_t *fixed = (const uint8_t *)(h + 1);
	size_t at = t->fixed_bytes;

	if (h->length < at || n >= t->n_strings)
		return NULL;
	for (unsigned i = 0;; i++) {
		uint16_t length;

		memcpy(&length, fixed + t->string_offsets[i], sizeof(length));
		if (length > h->length - at)
			return NULL;
		if (i == n) {
			*ret_length = length;
			return (const char *)fixed + at;
		}
		at += length;
	}
}

static void ask(struct session *s, struct helper_request *q)
{
	if (!s->helper || helper_ask(s->helper, q) == 0)
		return;
	if (q->kind == HELPER_HASH)
		(void)hash_put_reason(q, "helper busy", &s->sink, NULL);
}

enum { EXEC_PATH = 1, EXEC_EXE = 3, EXEC_ENV = 6, CGROUP_CHANGE_MADE = 1 };

static void ask_about_exec(struct session *s, const struct ev_header *h)
{
	const struct ev_exec *e = (const void *)(h + 1);
	struct helper_request q = { .kind = HELPER_HASH,
				    .pid = h->pid,
				    .ts = h->ts,
				    .inode = e->inode,
				    .dev = e->dev };

	if (h->ret != 0)
		return;
	q.path = string_at(h, reel_type_by_id(EV_exec), EXEC_EXE, &q.path_length);
	if (q.path && s->wishes->hash)
		ask(s, &q);
	if (q.path && s->probes && user_path_matters(q.path, q.path_length)) {
		q.kind = HELPER_UPROBE;
		ask(s, &q);
	}
}

static void ask_about_map(struct session *s, const struct ev_header *h, uint64_t inode,
			  uint32_t dev, const struct reel_type *t, unsigned path)
{
	struct helper_request q = { .kind = HELPER_UPROBE,
				    .pid = h->pid,
				    .ts = h->ts,
				    .inode = inode,
				    .dev = dev };

	q.path = string_at(h, t, path, &q.path_length);
	if (q.path && inode && user_path_matters(q.path, q.path_length))
		ask(s, &q);
}

int session_put_last(void *arg, struct reel_record *record, struct reel_err *err)
{
	struct session *s = arg;

	(void)err;
	return reel_writer_last_word(s->writer, record);
}

/*
 * A record of the helper's. What it says for a keyframe held at its own time; what it has found out
 * is known from now on.
 */
int session_put_helped(void *arg, struct reel_record *record, struct reel_err *err)
{
	struct session *s = arg;

	if (!(record->header.flags & EV_KEYFRAME) || record->header.ts < s->settled_ns)
		record->header.ts = now_boottime_ns();
	else if (s->keyframe_open)
		s->helper_floor_ns = record->header.ts;
	return session_put_own(arg, record, err);
}

int session_put_bytes(void *arg, struct ev_header *record, size_t bytes, struct reel_err *err)
{
	struct session *s = arg;

	s->keyframe_records++;
	if (record->type == EV_process)
		session_keyframe_shows(s, record->pid);
	if (s->probes && record->type == EV_map) {
		const struct ev_map *e = (const void *)(record + 1);

		ask_about_map(s, record, e->inode, e->dev, reel_type_by_id(EV_map), 0);
	}
	return reel_writer_append_own(s->writer, record, bytes, err);
}

static void ask_about_cgroup(struct session *s, const struct ev_header *h)
{
	const struct ev_cgroup *e = (const void *)(h + 1);
	struct helper_request q = { .kind = HELPER_CONTAINER, .ts = h->ts, .cgroup = e->cgroup };

	if (e->change != CGROUP_CHANGE_MADE)
		return;
	q.path = string_at(h, reel_type_by_id(EV_cgroup), 0, &q.path_length);
	if (q.path)
		ask(s, &q);
}

static bool is_wanted(const struct reel_strings *names, const char *variable, size_t length)
{
	size_t name = strnlen(variable, length);
	const char *equals = memchr(variable, '=', name);

	name = equals ? (size_t)(equals - variable) : name;
	for (size_t i = 0; i < names->n; i++)
		if (strlen(names->v[i]) == name && memcmp(names->v[i], variable, name) == 0)
			return true;
	return false;
}

/* The kernel gave all of the environment: only what is wanted goes on. */
static const struct ev_header *choose_env(struct session *s, const struct ev_header *h,
					  size_t *bytes)
{
	const struct reel_type *t = reel_type_by_id(EV_exec);
	struct ev_header *copy = (struct ev_header *)(void *)s->edited;
	const char *env;
	char *to;
	size_t length, kept = 0, behind;
	uint16_t kept16;

	env = string_at(h, t, EXEC_ENV, &length);
	if (!env || *bytes > sizeof(s->edited))
		return h;
	behind = *bytes - (size_t)(env + length - (const char *)h);
	memcpy(copy, h, (size_t)(env - (const char *)h));
	to = (char *)copy + (env - (const char *)h);
	for (size_t at = 0; at < length;) {
		size_t n = strnlen(env + at, length - at);

		n += at + n < length;
		if (is_wanted(&s->wishes->env, env + at, length - at)) {
			memcpy(to + kept, env + at, n);
			kept += n;
		}
		at += n;
	}
	memcpy(to + kept, env + length, behind);
	kept16 = (uint16_t)kept;
	memcpy((uint8_t *)(copy + 1) + t->string_offsets[EXEC_ENV], &kept16, sizeof(kept16));
	/* Cut was what the kernel gave; of what is wanted nobody knows. */
	if (h->flags & EV_TRUNCATED) {
		uint8_t *lengths =
			(uint8_t *)copy + *bytes - (length - kept) - 4 * (size_t)t->n_strings;
		uint32_t true_length;

		memcpy(&true_length, lengths + 4 * EXEC_ENV, 4);
		true_length = true_length == length ? (uint32_t)kept : EV_UNKNOWN_LENGTH;
		memcpy(lengths + 4 * EXEC_ENV, &true_length, 4);
	}
	copy->length = (uint16_t)(h->length - (length - kept));
	*bytes -= length - kept;
	return copy;
}

/* The record is lost, but not what it tells of others. */
static void drop(struct session *s, const struct ev_header *record, size_t bytes)
{
	const struct reel_type *t = reel_type_by_id(record->type);
	unsigned class_id = t ? t->class_id % CLASSES : 0;
	struct ev_lost lost;

	if (record->type == EV_lost && bytes >= sizeof(*record) + sizeof(lost)) {
		memcpy(&lost, record + 1, sizeof(lost));
		sums_untell(s->sums, &lost);
	}

	if (!s->dropped[class_id].count++)
		s->dropped[class_id].first_ns = record->ts;
	s->dropped[class_id].last_ns = record->ts;
}

int session_take(void *arg, const struct ev_header *record, size_t bytes, struct reel_err *err)
{
	struct session *s = arg;
	int r;

	if (bytes < sizeof(*record))
		return 0;
	sums_keep(s->sums, record);
	switch (record->type) {
	case EV_exec:
		ask_about_exec(s, record);
		if (s->wishes->env.n)
			record = choose_env(s, record, &bytes);
		break;
	case EV_cgroup:
		ask_about_cgroup(s, record);
		break;
	case EV_mmap:
		if (s->probes && record->ret >= 0) {
			const struct ev_mmap *e = (const void *)(record + 1);

			ask_about_map(s, record, e->inode, e->dev, reel_type_by_id(EV_mmap), 0);
		}
		break;
	default:
		break;
	}
	r = reel_writer_append(s->writer, record, bytes, err);
	if (r < 0)
		drop(s, record, bytes);
	return r;
}

int session_drop(void *arg, const struct ev_header *record, size_t bytes, struct reel_err *err)
{
	struct session *s = arg;

	(void)err;
	if (bytes >= sizeof(*record)) {
		sums_keep(s->sums, record);
		drop(s, record, bytes);
	}
	return 0;
}

void session_put_dropped(struct session *s, int failed)
{
	bool is_no_room = failed == -ENOSPC || failed == -EDQUOT;

	for (unsigned class_id = 0; class_id < CLASSES; class_id++) {
		struct ev_lost *e;

		if (!s->dropped[class_id].count)
			continue;
		e = reel_record_begin(&s->record, reel_type_by_id(EV_lost));
		e->count = s->dropped[class_id].count;
		e->first = s->dropped[class_id].first_ns;
		e->last = s->dropped[class_id].last_ns;
		e->lost_cpu = EV_NO_CPU;
		e->lost_class = (uint8_t)class_id;
		e->cause = is_no_room ? LOSS_DISK_FULL : LOSS_WRITE_ERROR;
		(void)session_put_last(s, &s->record, NULL);
	}
}
