/* SPDX-License-Identifier: BSD-2-Clause */
#include "record/guard.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "record/load_impl.h"

struct guard {
	unsigned frozen, left;
	char reason[160];
	uint32_t programs[HOOKS_MAX]; /* behind each link; 0: none, or one that was told */
	bool told_end;
};

/* What is changed while recording: by the helper, for libraries that are mapped later; and by us,
 * to say that it is the end. */
static bool is_changed_later(const struct bpf_map *map)
{
	const char *name = bpf_map__name(map);

	return strcmp(name, "user_files") == 0 || strstr(name, ".data.") != NULL;
}

/*
 * The kernel freezes nothing that can still be written through a mapping. Ours become such that
 * can only be read, at the same place, since others know where they are.
 */
static int map_to_read(void *at, size_t bytes, int fd)
{
	if (at && mmap(at, bytes, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED)
		return -errno;
	return 0;
}

static size_t bss_bytes(const struct programs *p)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (sizeof(*p->skeleton->bss) + page - 1) & ~(page - 1);
}

void guard_keep_from_children(struct programs *p)
{
	(void)madvise(p->counts, p->counts_bytes, MADV_DONTFORK);
	(void)madvise(p->skeleton->bss, bss_bytes(p), MADV_DONTFORK);
}

static int freeze(struct programs *p, const struct bpf_map *map)
{
	const struct reel_bpf *s = p->skeleton;
	struct bpf_map_info info = { 0 };
	uint32_t bytes = sizeof(info);
	int fd = bpf_map__fd(map), r = 0;

	if (map == s->maps.counts)
		r = map_to_read(p->counts, p->counts_bytes, fd);
	else if (map == s->maps.bss)
		r = map_to_read(s->bss, bss_bytes(p), fd);
	if (r == 0 && bpf_map_freeze(fd) < 0)
		r = -errno;
	/* Constants are frozen already. */
	return (r == -EBUSY || r == -EPERM) && bpf_obj_get_info_by_fd(fd, &info, &bytes) == 0 &&
			       info.map_flags & BPF_F_RDONLY_PROG ?
		       0 :
		       r;
}

static uint32_t program_of(const struct bpf_link *link)
{
	struct bpf_link_info info = { 0 };
	uint32_t bytes = sizeof(info);

	return bpf_obj_get_info_by_fd(bpf_link__fd(link), &info, &bytes) < 0 ? 0 : info.prog_id;
}

int guard_new(struct programs *p, struct guard **ret, struct reel_err *err)
{
	struct guard *g = calloc(1, sizeof(*g));
	const struct bpf_map *map;

	if (!g)
		return reel_err_set(err, -ENOMEM, "no memory to guard the programs");
	bpf_object__for_each_map(map, p->skeleton->obj)
	{
		int r;

		if (bpf_map__fd(map) < 0 || is_changed_later(map))
			continue;
		r = freeze(p, map);
		if (r < 0 && !g->left++)
			snprintf(g->reason, sizeof(g->reason), "%s: %s", bpf_map__name(map),
				 strerror(-r));
		g->frozen += r == 0;
	}
	for (unsigned i = 0; load_hooks[i].program; i++)
		g->programs[i] = p->links[i] ? program_of(p->links[i]) : 0;
	*ret = g;
	return 0;
}

void guard_free(struct guard *g)
{
	free(g);
}

void guard_coverage(const struct guard *g, struct hook *ret)
{
	*ret = (struct hook){ .name = "frozen maps", .types = "", .reason = g->reason };
	ret->status = !g->left ? HOOK_LOADED : g->frozen ? HOOK_PARTLY : HOOK_REFUSED;
}

static void mark(struct programs *p, unsigned hook)
{
	for (unsigned i = 0; i < p->n; i++) {
		struct loaded_program *l = &p->all[i];

		if (l->handler || l->hook != hook || l->status != HOOK_LOADED)
			continue;
		l->status = HOOK_REFUSED;
		snprintf(l->reason, sizeof(l->reason), "somebody put another program in its place");
	}
}

bool guard_look(struct guard *g, struct programs *p, char *ret, size_t bytes)
{
	for (unsigned i = 0; load_hooks[i].program; i++) {
		if (!g->programs[i] || !p->links[i] || program_of(p->links[i]) == g->programs[i])
			continue;
		g->programs[i] = 0;
		mark(p, i);
		snprintf(ret, bytes, "somebody put another program in the place of that of %s",
			 load_hooks[i].tracepoint);
		return true;
	}
	if (p->skeleton->data_user->user_ended && !g->told_end) {
		g->told_end = true;
		snprintf(ret, bytes, "somebody has switched the probes off");
		return true;
	}
	return false;
}
