/* SPDX-License-Identifier: BSD-2-Clause */
#include "record/folds.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "record/now.h"
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wcast-qual"
#include "reel.skel.h"
#pragma GCC diagnostic pop

enum { BATCH = 256, ENDED_BY_END = 6 };

bool fold_begin(struct reel_record *r, const struct open_key *key, const struct open_file *open,
		uint64_t now_ns)
{
	struct ev_fold *fold;

	if ((open->reads | open->writes) == 0)
		return false;
	fold = reel_record_begin(r, reel_type_by_id(EV_fold));
	r->header.ts = now_ns;
	r->header.pid = open->pid;
	r->header.tid = open->pid;
	fold->inode = open->inode;
	fold->dev = open->dev;
	fold->fd = key->kind == OPEN_FD ? key->fd : -1;
	fold->reads = open->reads;
	fold->writes = open->writes;
	fold->read_bytes = open->read_bytes;
	fold->written_bytes = open->written_bytes;
	/* Known to a tick, which may be one that is yet to come. */
	fold->first = open->first;
	fold->last = open->last < now_ns ? open->last : now_ns;
	if (fold->last < fold->first)
		fold->last = fold->first;
	fold->ended_by = ENDED_BY_END;
	return true;
}

struct batch {
	struct open_key keys[BATCH];
	struct open_file files[BATCH];
	struct reel_record record;
};

int folds_sweep(const struct programs *p, const struct record_sink *sink, struct reel_err *err)
{
	int map = bpf_map__fd(programs_skeleton(p)->maps.open_files), r = 0;
	struct batch *b = malloc(sizeof(*b));
	uint32_t at = 0, next = 0;
	bool more = true, begun = false;

	if (!b)
		return reel_err_set(err, -ENOMEM, "no memory for totals");
	while (more && r == 0) {
		uint64_t now_ns = now_boottime_ns();
		uint32_t n = BATCH;

		if (bpf_map_lookup_batch(map, begun ? &at : NULL, &next, b->keys, b->files, &n,
					 NULL) < 0) {
			more = false;
			if (errno != ENOENT) {
				r = reel_err_set(err, -errno, "cannot read the open files: %s",
						 strerror(errno));
				break;
			}
		}
		at = next;
		begun = true;
		for (uint32_t i = 0; i < n && r == 0; i++)
			if (fold_begin(&b->record, &b->keys[i], &b->files[i], now_ns))
				r = record_put(sink, &b->record, err);
	}
	free(b);
	return r;
}
