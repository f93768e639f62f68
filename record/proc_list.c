/* SPDX-License-Identifier: BSD-2-Clause */
/* All processes there are, and which of them are wanted. */
#include "record/proc_impl.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int by_pid(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static int add(struct proc_list *list, uint32_t pid)
{
	if (list->n == list->room) {
		size_t room = list->room ? 2 * list->room : 1024;
		uint32_t *pids = reallocarray(list->pids, room, sizeof(*pids));

		if (!pids)
			return -ENOMEM;
		list->pids = pids;
		list->room = room;
	}
	list->pids[list->n++] = pid;
	return 0;
}

int proc_list_read(struct proc_look *l, struct proc_list *ret)
{
	struct proc_dir d = { .fd = l->proc };
	struct proc_list list = { 0 };
	struct dirent64 *entry;
	int r;

	if (lseek(l->proc, 0, SEEK_SET) < 0)
		return reel_err_set(l->err, -errno, "cannot rewind /proc");
	while ((r = proc_dir_next(l, &d, &entry)) > 0) {
		uint32_t pid;

		if (!proc_is_number(entry->d_name, &pid))
			continue;
		r = add(&list, pid);
		if (r < 0)
			break;
	}
	list.wanted = r < 0 ? NULL : calloc(list.n + 1, 1);
	if (!list.wanted) {
		r = r < 0 ? r : -ENOMEM;
		proc_list_free(&list);
		return reel_err_set(l->err, r, "cannot list the processes: %s", strerror(-r));
	}
	if (list.n)
		qsort(list.pids, list.n, sizeof(*list.pids), by_pid);
	/* Mounted with hidepid, /proc shows to the unprivileged what is their own. */
	l->totals.refused += list.n && list.pids[0] != 1;
	*ret = list;
	return 0;
}

void proc_list_free(struct proc_list *list)
{
	free(list->pids);
	free(list->wanted);
}

static uint32_t parent_of(const struct proc_look *l, uint32_t pid)
{
	char name[24], text[512];
	struct proc_state s;

	snprintf(name, sizeof(name), "%u/stat", pid);
	return proc_read_state(l, l->proc, name, text, sizeof(text), &s) < 0 ? 0 : s.ppid;
}

void proc_list_choose(const struct proc_look *l, bool (*wants)(void *arg, uint32_t pid), void *arg,
		      struct proc_list *list)
{
	if (!wants) {
		memset(list->wanted, PROC_WANTED, list->n);
		return;
	}
	for (size_t i = 0; i < list->n; i++)
		if (wants(arg, list->pids[i]))
			list->wanted[i] = PROC_WANTED;
	for (size_t i = 0; i < list->n; i++) {
		uint32_t pid = list->pids[i];

		if (list->wanted[i] != PROC_WANTED)
			continue;
		/* Up to one whose ancestors are marked already. */
		while ((pid = parent_of(l, pid))) {
			uint32_t *at =
				bsearch(&pid, list->pids, list->n, sizeof(*list->pids), by_pid);

			if (!at || list->wanted[at - list->pids] != PROC_NOT_WANTED)
				break;
			list->wanted[at - list->pids] = PROC_ANCESTOR;
		}
	}
}
