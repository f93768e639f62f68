/* SPDX-License-Identifier: BSD-2-Clause */
#include "record/helper_passwd.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_MAX_BYTES = 4096, FIELDS = 6 };

static bool read_id(const char *text, uint32_t *ret)
{
	unsigned long value;
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	value = strtoul(text, &end, 10);
	*ret = (uint32_t)value;
	return *end == '\0' && value < UINT32_MAX;
}

/* name:password:uid:gid:comment:home:shell */
static bool read_user(char *line, const char *name, uid_t uid, struct passwd_user *ret)
{
	char *fields[FIELDS] = { line };
	unsigned n = 1;

	for (char *p = line; n < FIELDS && (p = strchr(p, ':')); fields[n++] = p)
		*p++ = '\0';
	if (n < FIELDS || !read_id(fields[2], &ret->uid) || !read_id(fields[3], &ret->gid))
		return false;
	fields[5][strcspn(fields[5], ":\n")] = '\0';
	if (name ? strcmp(fields[0], name) != 0 : ret->uid != uid)
		return false;
	snprintf(ret->home, sizeof(ret->home), "%s", fields[5]);
	return true;
}

int passwd_find(const char *file, const char *name, uid_t uid, struct passwd_user *ret)
{
	char line[LINE_MAX_BYTES];
	struct passwd_user user;
	bool within = false, found = false;
	FILE *f = fopen(file, "re");

	if (!f)
		return -errno;
	while (!found && fgets(line, sizeof(line), f)) {
		bool whole = strchr(line, '\n') || feof(f);

		found = whole && !within && read_user(line, name, uid, &user);
		within = !whole;
	}
	fclose(f);
	if (!found)
		return -ENOENT;
	*ret = user;
	return 0;
}
