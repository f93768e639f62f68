/* SPDX-License-Identifier: BSD-2-Clause */
/* argv and the environment of a process, from where the program itself keeps them. */
#include "record/proc_impl.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum {
	READ_MAX = 8 << 20, /* a program may say that its arguments are gigabytes */
};

/*
 * The first bytes, and the length of all. A read that gives less than was asked for is the last:
 * the kernel goes on as long as the memory can be read.
 */
void proc_put_argv(struct proc_look *l, int dir, uint32_t max)
{
	size_t all = 0, kept = 0;
	uint32_t true_length;
	ssize_t n = 0;
	int fd = proc_open(dir, "cmdline", O_RDONLY);

	if (fd < 0) {
		proc_note(l, fd);
		reel_record_string(&l->record, "", 0);
		return;
	}
	while (all < READ_MAX) {
		size_t want = sizeof(l->buffer) - kept;

		n = read(fd, l->buffer + kept, want);
		if (n <= 0)
			break;
		all += (size_t)n;
		kept = all < max ? all : max;
		if ((size_t)n < want)
			break;
	}
	if (n < 0)
		proc_note(l, -errno);
	close(fd);
	true_length = all < READ_MAX ? (uint32_t)all : EV_UNKNOWN_LENGTH;
	reel_record_cut_string(&l->record, l->buffer, kept, true_length);
}

static bool is_wanted(const char *variable, size_t length, const char *const *names)
{
	for (; *names; names++) {
		size_t n = strlen(*names);

		if (n < length && variable[n] == '=' && memcmp(variable, *names, n) == 0)
			return true;
	}
	return false;
}

/*
 * Variables that are wanted move to the front of the buffer, up to max bytes in all; what is read
 * goes behind them. One that does not fit into the buffer, which exec would not have passed, counts
 * as if it ended there.
 */
void proc_put_env(struct proc_look *l, int dir, const char *const *names, uint32_t max)
{
	const size_t size = sizeof(l->buffer);
	size_t kept = 0, end = 0, all = 0;
	uint32_t true_length = 0;
	ssize_t n = 0;
	int fd;

	if (!names || !*names)
		return;
	fd = proc_open(dir, "environ", O_RDONLY);
	if (fd < 0) {
		proc_note(l, fd);
		return;
	}
	while (all < READ_MAX) {
		char *start = l->buffer + kept, *nul;

		n = read(fd, l->buffer + end, size - end);
		if (n < 0)
			proc_note(l, -errno);
		if (n <= 0)
			break;
		all += (size_t)n;
		end += (size_t)n;
		while (start < l->buffer + end) {
			size_t left = (size_t)(l->buffer + end - start), length, room = max - kept;

			nul = memchr(start, 0, left);
			if (!nul && (end < size || start > l->buffer + kept))
				break;
			length = nul ? (size_t)(nul - start) + 1 : left;
			if (is_wanted(start, length, names)) {
				true_length += (uint32_t)length;
				room = length < room ? length : room;
				memmove(l->buffer + kept, start, room);
				kept += room;
			}
			start += length;
		}
		/* The beginning of a variable stays for the next read. */
		end = kept + (size_t)(l->buffer + end - start);
		memmove(l->buffer + kept, start, end - kept);
	}
	close(fd);
	/* What a program wrote over the last NUL. */
	if (end > kept && is_wanted(l->buffer + kept, end - kept, names)) {
		size_t length = end - kept, room = max - kept;

		true_length += (uint32_t)length;
		kept += length < room ? length : room;
	}
	if (all >= READ_MAX)
		true_length = EV_UNKNOWN_LENGTH;
	reel_record_cut_string(&l->record, l->buffer, kept, true_length);
}
