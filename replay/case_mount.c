/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows of mounts. */
#include "replay/case_load_impl.h"

int case_mounted(void *context, struct life *of, struct life_mount *m)
{
	const struct case_process *p = case_process_of(of);

	(void)context;
	m->process_row = p ? p->row : CASE_NONE;
	return 0;
}

int case_mount_ended(void *context, struct life_mount *m)
{
	struct case_load *c = context;
	struct row_mount row;

	case_clear(CASE_mount, &row);
	out_reset(&c->texts);
	row.boot = c->boot;
	CASE_LIFE_OF(c, &row, m->from_ts, m->to_ts);
	if (m->mnt_ns)
		row.mnt_ns = m->mnt_ns;
	if (m->mount_id)
		row.mount_id = (int64_t)m->mount_id;
	row.path = case_str(m->path);
	row.source = case_str(m->source);
	row.root = case_str(m->root);
	row.fstype = case_str(m->fstype);
	if (m->has_flags) {
		row.flags = (int64_t)m->flags;
		case_put_names(&c->texts, "mount_flags", m->flags);
		row.flags_names = case_text_taken(c, 0);
	} else if (m->options) {
		row.flags_names = case_str(m->options);
	}
	row.process = m->process_row;
	if (m->how != EV_mounted)
		row.event = case_event(c, 0, &m->event);
	return case_write(c->w, CASE_mount, &row, c->err);
}
