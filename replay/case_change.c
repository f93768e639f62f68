/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows of what was done to files beside what is in them: removed, other modes, owners, times. */
#include "replay/case_load_impl.h"

/* What utimes says where no time was given: now, or none. */
#define TIME_NOW INT64_MAX
#define TIME_OMIT (INT64_MAX - 1)

static const struct {
	uint8_t type;
	uint16_t path;
} changes[] = {
	{ EV_unlink, offsetof(struct ev_unlink, path) },
	{ EV_rmdir, offsetof(struct ev_rmdir, path) },
	{ EV_chmod, offsetof(struct ev_chmod, path) },
	{ EV_chown, offsetof(struct ev_chown, path) },
	{ EV_setxattr, offsetof(struct ev_setxattr, path) },
	{ EV_utimes, offsetof(struct ev_utimes, path) },
	{ EV_setflags, offsetof(struct ev_setflags, path) },
};

static void put_mode(struct reel_out *o, unsigned mode)
{
	const char digits[] = { (char)('0' + (mode >> 9 & 7)), (char)('0' + (mode >> 6 & 7)),
				(char)('0' + (mode >> 3 & 7)), (char)('0' + (mode & 7)) };

	out_mem(o, digits, sizeof(digits));
}

/* -1 leaves it as it was. */
static void put_owner(struct reel_out *o, const struct ev_chown *e)
{
	if (e->owner != -1)
		out_u64(o, (uint32_t)e->owner);
	out_char(o, ':');
	if (e->group != -1)
		out_u64(o, (uint32_t)e->group);
}

static void put_detail(struct case_load *c, struct reel_out *o, struct row_file_change *row)
{
	const void *fixed = c->ev->fixed;
	const struct ev_setxattr *xattr = fixed;
	const struct ev_utimes *times = fixed;

	switch (c->ev->type->id) {
	case EV_chmod:
		put_mode(o, ((const struct ev_chmod *)fixed)->mode);
		break;
	case EV_chown:
		put_owner(o, fixed);
		break;
	case EV_setflags:
		case_put_names(o, "setflags", ((const struct ev_setflags *)fixed)->flags);
		break;
	case EV_setxattr: {
		struct reel_string name =
			reel_event_string_at(c->ev, offsetof(struct ev_setxattr, name));

		out_str(o, xattr->removed ? "removes " : "");
		out_mem(o, name.bytes, name.length);
		break;
	}
	case EV_utimes:
		if (times->mtime < TIME_OMIT)
			row->mtime_ns = times->mtime;
		else
			out_str(o, times->mtime == TIME_NOW ? "now" : "left");
		break;
	}
}

int case_change_event(struct case_load *c)
{
	const struct case_process *p = case_process_of(c->by);
	uint8_t type = c->ev->type->id;
	struct life_event name = { c->ev->seq, c->ev->cpu, type, true };
	struct row_file_change row;
	struct life_file *f = NULL;

	if (!p || c->ev->ret < 0 || c->ev->flags & EV_BLOCKED ||
	    !c->ev->segment->schema->as_built[type])
		return 0;
	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++)
		if (changes[i].type == type)
			f = lives_event_path(c->l, c->ev, c->by, changes[i].path);
	if (!f)
		return 0;
	case_clear(CASE_file_change, &row);
	out_reset(&c->texts);
	row.file = case_file_met(c, f);
	row.process = p->row;
	row.ns = c->ns;
	row.ts = (int64_t)c->ev->ts;
	row.kind = (struct case_text){ c->ev->type->name, strlen(c->ev->type->name) };
	put_detail(c, &c->texts, &row);
	if (c->texts.len)
		row.detail = case_text_taken(c, 0);
	row.event = case_event(c, 0, &name);
	if (out_error(&c->texts) < 0)
		return -ENOMEM;
	return case_write(c->w, CASE_file_change, &row, c->err);
}
