/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/tail.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>
#include <zstd.h>

/* The END block, by the trailer behind it. */
static bool find_end(const struct reel_segment *s, struct reel_block *ret)
{
	struct tape_trailer t;

	if (s->bytes < sizeof(t))
		return false;
	memcpy(&t, s->base + s->bytes - sizeof(t), sizeof(t));
	return t.magic == TAPE_TRAILER_MAGIC && t.end_offset < s->bytes - sizeof(t) &&
	       reel_block_parse(s->base + t.end_offset, s->bytes - t.end_offset, ret, NULL) == 0 &&
	       ret->h.kind == TAPE_END && ret->h.segment == s->id &&
	       reel_trailer_is_right(&ret->h, &t, t.end_offset);
}

static bool take_item(struct reel_tail *t, const struct reel_item *item, unsigned *seen)
{
	struct {
		uint16_t tag;
		size_t bytes;
		void *to;
	} const wanted[] = {
		{ TAPE_END_REASON, sizeof(t->reason), &t->reason },
		{ TAPE_END_TOTALS, sizeof(t->totals), &t->totals },
		{ TAPE_END_TYPES, sizeof(t->events_of), t->events_of },
	};

	for (unsigned i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		if (item->tag != wanted[i].tag || item->bytes < wanted[i].bytes)
			continue;
		memcpy(wanted[i].to, item->value, wanted[i].bytes);
		*seen |= 1u << i;
	}
	return *seen == 7;
}

int reel_tail_read(const struct reel_segment *s, struct reel_tail *ret, struct reel_err *err)
{
	struct reel_plain plain = { 0 };
	ZSTD_DCtx *zstd = NULL;
	uint8_t *raw = NULL;
	const uint8_t *at, *end;
	struct reel_item item;
	struct reel_block b;
	unsigned seen = 0;
	int r;

	memset(ret, 0, sizeof(*ret));
	if (!find_end(s, &b))
		return reel_err_set(err, -ENODATA, "%s: the segment has no END", s->path);
	zstd = ZSTD_createDCtx();
	raw = malloc(b.h.raw_bytes + 8u);
	if (!zstd || !raw) {
		r = reel_err_set(err, -ENOMEM, "no memory for END");
		goto out;
	}
	if (reel_crypt_open(s->crypt, &b, &plain, err) < 0 ||
	    reel_block_inflate(&b, zstd, raw, err) < 0) {
		r = -ENODATA;
		goto out;
	}
	at = raw;
	end = raw + b.h.raw_bytes;
	while (reel_item_next(&at, end, &item) > 0 && !take_item(ret, &item, &seen))
		;
	r = seen == 7 ? 0 : reel_err_set(err, -ENODATA, "%s: END lacks an item", s->path);
out:
	free(raw);
	reel_plain_done(&plain);
	ZSTD_freeDCtx(zstd);
	return r;
}

int reel_tail_last(const struct reel_segment *s, struct reel_block *ret, uint64_t *ret_bytes)
{
	struct reel_scan scan = { .base = s->base, .size = s->bytes };
	struct reel_block b;
	int r = -ENODATA;

	if (find_end(s, &b) && reel_block_body_is_sound(&b)) {
		*ret = b;
		*ret_bytes = s->bytes;
		return 0;
	}
	while (reel_scan_next(&scan, &b) > 0) {
		/* Only the last one can be half written; to look at all bodies would take long. */
		if (scan.at == scan.size && !reel_block_body_is_sound(&b))
			break;
		*ret = b;
		*ret_bytes = scan.at;
		r = 0;
	}
	return r;
}

bool reel_tail_is_locked(const char *path)
{
	const char *slash = strrchr(path, '/');
	int length = slash ? (int)(slash - path) : 1, fd = -1;
	bool held = false;
	char *lock;

	if (asprintf(&lock, "%.*s/.lock", length, slash ? path : ".") < 0)
		return false;
	fd = open(lock, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd >= 0) {
		held = flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
		close(fd);
	}
	free(lock);
	return held;
}

bool reel_tail_is_being_written(const struct reel_reader *r, const struct reel_segment *s)
{
	const struct reel_source *source = &r->sources[s->source];

	return !s->has_end && !s->is_cut &&
	       s == &r->segments[source->first_segment + source->n_segments - 1] &&
	       reel_tail_is_locked(s->path);
}
