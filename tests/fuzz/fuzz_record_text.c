/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Texts that the recorder and its helper read, written by container runtimes, users and the kernel.
 * Byte 0 chooses: JSON, lines of mountinfo, a file of users, the path of a cgroup, a number, a file
 * of a process.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "format/container_id.h"
#include "record/helper_passwd.h"
#include "record/jsonread.h"
#include "record/proc_impl.h"

#define MUST(cond)               \
	do {                     \
		if (!(cond))     \
			abort(); \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int fd = -1;
static char fd_name[16];

static void read_json(const char *text, size_t n)
{
	struct reel_err err = { 0 };
	char buffer[40];
	struct json j;

	if (json_read(text, n, &j, &err) < 0) {
		MUST(err.msg[0]);
		return;
	}
	for (uint32_t i = 0; i < j.n; i++) {
		MUST(j.nodes[i].start <= n && j.nodes[i].length <= n - j.nodes[i].start);
		MUST(j.nodes[i].after > i && j.nodes[i].after <= j.n);
		(void)json_string(&j, i, buffer, sizeof(buffer));
		MUST(memchr(buffer, '\0', sizeof(buffer)));
		(void)json_member(&j, i, "Config");
		for (uint32_t c = json_first(&j, i); c != JSON_NONE; c = json_next(&j, i, c))
			MUST(c > i && c < j.nodes[i].after);
	}
	json_done(&j);
}

static void read_mounts(void)
{
	char buffer[512], *line;
	struct proc_lines lines;
	struct proc_mount m;
	size_t length;

	lseek(fd, 0, SEEK_SET);
	lines = proc_lines_begin(fd, buffer, sizeof(buffer));
	while (proc_lines_next(&lines, &line, &length) > 0) {
		MUST(length < sizeof(buffer) && line[length] == '\0');
		if (!proc_mount_parse(line, &m))
			continue;
		MUST(m.path.bytes >= buffer &&
		     m.path.bytes + m.path.length <= buffer + sizeof(buffer));
		(void)proc_has_option(&m.super_options, "subvol");
	}
}

static void read_users(void)
{
	struct passwd_user user;
	char path[40];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (passwd_find(path, "root", 0, &user) == 0)
		MUST(memchr(user.home, '\0', sizeof(user.home)));
	(void)passwd_find(path, NULL, 1000, &user);
}

static void read_number(char *text)
{
	uint32_t small;
	uint64_t n;
	char *at = text;

	(void)proc_is_number(text, &small);
	while (proc_number(&at, 16, &n))
		MUST(at > text);
}

static void read_state(void)
{
	static struct proc_look *look;
	static int fds;
	struct proc_state state;
	char buffer[512];

	if (!look) {
		MUST(proc_look_start(&(struct record_sink){ 0 }, NULL, &look) == 0);
		fds = open("/proc/self/fd", O_PATH | O_CLOEXEC);
	}
	if (proc_read_state(look, fds, fd_name, buffer, sizeof(buffer), &state) == 0)
		MUST(state.comm >= buffer &&
		     state.comm + state.comm_length <= buffer + sizeof(buffer));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct container_id id;
	char *text;
	size_t n;

	if (size < 1)
		return 0;
	if (fd < 0) {
		fd = memfd_create("text", MFD_CLOEXEC);
		MUST(fd >= 0);
		snprintf(fd_name, sizeof(fd_name), "%d", fd);
	}
	n = size - 1;
	text = malloc(size);
	MUST(text);
	memcpy(text, data + 1, n);
	text[n] = '\0';
	MUST(ftruncate(fd, 0) == 0 && pwrite(fd, text, n, 0) == (ssize_t)n);
	switch (data[0] % 6) {
	case 0:
		read_json(text, n);
		break;
	case 1:
		read_mounts();
		break;
	case 2:
		read_users();
		break;
	case 3:
		if (container_of_cgroup(text, &id) == 0)
			MUST(memchr(id.id, '\0', sizeof(id.id)));
		break;
	case 4:
		read_number(text);
		break;
	case 5:
		read_state();
		break;
	}
	free(text);
	return 0;
}
