/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a set of rules came from: every file and directory that was read or looked for, as it stood
 * just before. What changes while it is read is seen to have changed afterwards.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "replay/rules_impl.h"

static void look(const char *path, struct rules_source *ret)
{
	struct stat st;

	*ret = (struct rules_source){ .path = path };
	if (stat(path, &st) < 0)
		return;
	ret->dev = st.st_dev;
	ret->inode = st.st_ino;
	ret->bytes = (uint64_t)st.st_size;
	ret->changed_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
}

int rules_note_source(struct rules *r, const char *path)
{
	struct rules_source s;

	if (!RULES_RESERVE(r->sources, r->n_sources, &r->maker->source_room))
		return -ENOMEM;
	path = rules_text(r, path, strlen(path));
	if (!path)
		return -ENOMEM;
	look(path, &s);
	r->sources[r->n_sources++] = s;
	return 0;
}

bool rules_source_differs(const struct rules_source *s, struct rules_source *ret_now)
{
	look(s->path, ret_now);
	return s->dev != ret_now->dev || s->inode != ret_now->inode || s->bytes != ret_now->bytes ||
	       s->changed_ns != ret_now->changed_ns;
}
