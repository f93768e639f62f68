/* SPDX-License-Identifier: BSD-2-Clause */
#include "record/container_find.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEEPEST = 12, PATH_ROOM = 4096 };

struct search {
	struct container_reader *reader;
	const char *name;
	char *id;
	size_t root_bytes;	/* of path: where the hierarchy is mounted */
	char path[PATH_ROOM];
};

static bool is_it(struct search *s)
{
	const struct container_about *about;

	if (container_read(s->reader, s->path + s->root_bytes, &about) < 0 ||
	    strcmp(about->name, s->name) != 0)
		return false;
	memcpy(s->id, about->id.id, CONTAINER_ID_MAX);
	return true;
}

/* Depth first; the path grows and shrinks with it. */
static bool search_beneath(struct search *s, unsigned depth)
{
	size_t length = strlen(s->path);
	DIR *d = opendir(s->path);
	bool found = false;
	struct dirent *e;

	while (d && !found && (e = readdir(d)) != NULL) {
		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		if (snprintf(s->path + length, PATH_ROOM - length, "/%s", e->d_name) >=
		    (int)(PATH_ROOM - length))
			continue;
		found = is_it(s) || (depth < DEEPEST && search_beneath(s, depth + 1));
		s->path[length] = 0;
	}
	if (d)
		closedir(d);
	return found;
}

int container_find(const char *name, char ret_id[CONTAINER_ID_MAX], struct reel_err *err)
{
	static const char *const roots[] = { "/sys/fs/cgroup/unified", "/sys/fs/cgroup/pids",
					     "/sys/fs/cgroup/memory", "/sys/fs/cgroup" };
	struct container_options options = { 0 };
	struct search s = { .name = name, .id = ret_id };
	bool found = false;
	int r = container_reader_new(&options, &s.reader, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < sizeof(roots) / sizeof(*roots) && !found; i++) {
		s.root_bytes = strlen(roots[i]);
		strcpy(s.path, roots[i]);
		found = search_beneath(&s, 0);
	}
	container_reader_free(s.reader);
	return found ? 0 : reel_err_set(err, -ENOENT, "no running container '%s'", name);
}
