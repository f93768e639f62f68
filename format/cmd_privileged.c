/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reel record, reel doctor: the commands that need privilege are a program of their own, which lies
 * beside this one. What they are is said there; here is only the way.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format/command.h"

enum { PROGRAM_PATH_MAX = 4096 };

static int execute(const struct reel_command *self, int argc, char **argv)
{
	static const char name[] = "reel-record";
	char path[PROGRAM_PATH_MAX + sizeof(name)];
	char **words = calloc((size_t)argc + 2, sizeof(*words));
	struct reel_err err;
	ssize_t n = readlink("/proc/self/exe", path, PROGRAM_PATH_MAX - 1);
	char *slash;

	if (!words || n < 0) {
		free(words);
		reel_err_set(&err, -ENOMEM, "cannot find %s", name);
		return reel_command_fail(self, REEL_STATUS_IO, &err);
	}
	path[n] = 0;
	slash = strrchr(path, '/');
	strcpy(slash ? slash + 1 : path, name);
	words[0] = path;
	memcpy(words + 1, argv, (size_t)argc * sizeof(*words));
	execv(path, words);
	reel_err_set(&err, -errno, "%s: %s", path, strerror(errno));
	free(words);
	return reel_command_fail(self, REEL_STATUS_IO, &err);
}

const struct reel_command reel_cmd_record = {
	.name = "record",
	.summary = "write what the kernel sees into a capture",
	.run = execute,
};

const struct reel_command reel_cmd_doctor = {
	.name = "doctor",
	.summary = "what this kernel and these privileges allow, hook by hook",
	.run = execute,
};
