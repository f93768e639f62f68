/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/anchor.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format/options.h"

enum { LINE_MAX_BYTES = 8192 };

static const char word[] = "reel-anchor ";

size_t reel_anchor_format(const struct reel_anchor *a, const char *host,
			  char line[REEL_ANCHOR_LINE])
{
	char capture[2 * sizeof(a->capture) + 1], tag[2 * sizeof(a->tag) + 1];
	char boot[2 * sizeof(a->boot) + 1];
	int n;

	sodium_bin2hex(capture, sizeof(capture), a->capture, sizeof(a->capture));
	sodium_bin2hex(tag, sizeof(tag), a->tag, sizeof(a->tag));
	sodium_bin2hex(boot, sizeof(boot), a->boot, sizeof(a->boot));
	n = snprintf(line, REEL_ANCHOR_LINE, "%s1 %s %" PRIu64 " %s %s %" PRIu64 " %.200s", word,
		     capture, a->sequence, tag, boot, a->ts, *host ? host : "-");
	/* A host name is somebody else's text. */
	for (char *c = line; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '_';
	line[n] = '\n';
	line[n + 1] = '\0';
	return (size_t)n + 1;
}

static bool take_hex(char **at, uint8_t *to, size_t bytes)
{
	char *text = strsep(at, " ");
	size_t n;

	return text && strlen(text) == 2 * bytes &&
	       sodium_hex2bin(to, bytes, text, 2 * bytes, NULL, &n, NULL) == 0 && n == bytes;
}

static bool take_u64(char **at, uint64_t *to)
{
	char *text = strsep(at, " ");

	return text && reel_parse_u64(text, to, NULL) == 0;
}

static bool parse(char *at, struct reel_anchor *ret)
{
	uint64_t version;

	return take_u64(&at, &version) && version == 1 &&
	       take_hex(&at, ret->capture, sizeof(ret->capture)) && take_u64(&at, &ret->sequence) &&
	       take_hex(&at, ret->tag, sizeof(ret->tag)) &&
	       take_hex(&at, ret->boot, sizeof(ret->boot)) && take_u64(&at, &ret->ts);
}

static int add(struct reel_anchors *all, const struct reel_anchor *one)
{
	if (all->n == REEL_ANCHORS_MAX)
		return -E2BIG;
	if (all->n == all->room) {
		size_t room = all->room ? 2 * all->room : 64;
		struct reel_anchor *list = reallocarray(all->list, room, sizeof(*list));

		if (!list)
			return -ENOMEM;
		all->list = list;
		all->room = room;
	}
	all->list[all->n++] = *one;
	return 0;
}

static int compare(const struct reel_anchor *a, const uint8_t *capture, uint64_t sequence)
{
	int order = memcmp(a->capture, capture, TAPE_ID_BYTES);

	return order ? order : (a->sequence > sequence) - (a->sequence < sequence);
}

static int by_place(const void *a, const void *b)
{
	const struct reel_anchor *y = b;

	return compare(a, y->capture, y->sequence);
}

/* The next line, or so much of it as there is room for. */
static bool read_line(FILE *f, char *line, size_t size)
{
	int c;

	if (!fgets(line, (int)size, f))
		return false;
	if (!strchr(line, '\n'))
		while ((c = getc(f)) != EOF && c != '\n')
			;
	return true;
}

int reel_anchors_read(struct reel_anchors *all, const char *path, struct reel_err *err)
{
	FILE *f = fopen(path, "re");
	unsigned long long n = 0;
	size_t before = all->n;
	char line[LINE_MAX_BYTES];
	int r = 0;

	if (!f)
		return reel_err_set(err, -errno, "%s: %s", path, strerror(errno));
	while (r == 0 && read_line(f, line, sizeof(line))) {
		char *at = strstr(line, word);
		struct reel_anchor one;

		n++;
		if (!at)
			continue;
		at[strcspn(at, "\r\n")] = '\0';
		if (!parse(at + sizeof(word) - 1, &one))
			r = reel_err_set(err, -EBADMSG, "%s: line %llu: this is no anchor", path,
					 n);
		else if ((r = add(all, &one)) < 0)
			reel_err_set(err, r, "%s: no memory for its anchors", path);
	}
	if (r == 0 && ferror(f))
		r = reel_err_set(err, -EIO, "%s: cannot be read", path);
	if (r == 0 && all->n == before)
		r = reel_err_set(err, -EBADMSG, "%s: there is no anchor in it", path);
	fclose(f);
	if (all->n)
		qsort(all->list, all->n, sizeof(*all->list), by_place);
	return r;
}

void reel_anchors_done(struct reel_anchors *all)
{
	free(all->list);
	*all = (struct reel_anchors){ 0 };
}

size_t reel_anchors_find(const struct reel_anchors *all, const uint8_t capture[TAPE_ID_BYTES],
			 uint64_t sequence)
{
	size_t low = 0, high = all ? all->n : 0;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare(&all->list[middle], capture, sequence) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}
