/* SPDX-License-Identifier: BSD-2-Clause */
/* Files by their paths, and by device and inode the last that was met. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "replay/lives_impl.h"

enum {
	FIRST_BUCKETS = 1 << 12,
	/* Of identities: a set for each hash, the oldest of which makes room. */
	WAYS = 4,
	SETS_FIRST = 1 << 10,
	SETS_MAX = 1 << 18,
};

struct identity {
	uint64_t inode;
	uint32_t dev, boot;
	struct life_file *file;
};

struct life_files {
	struct lives_tell tell;
	struct life_file **buckets;
	uint32_t n_buckets;
	uint64_t n, number, forgotten;
	size_t bytes, bytes_max;
	struct identity *identities;
	uint32_t sets;
	uint64_t entered; /* identities, since the table has its size */
};

static size_t size_of(const struct life_file *f)
{
	return sizeof(*f) + f->length + 1 + 32;
}

int life_files_new(const struct lives_tell *tell, struct life_files **ret, struct reel_err *err)
{
	struct life_files *f = calloc(1, sizeof(*f));

	if (f) {
		f->n_buckets = FIRST_BUCKETS;
		f->sets = SETS_FIRST;
		f->bytes_max = LIVES_FILES_BYTES_MAX;
		f->buckets = calloc(f->n_buckets, sizeof(*f->buckets));
		f->identities = calloc((size_t)f->sets * WAYS, sizeof(*f->identities));
	}
	if (!f || !f->buckets || !f->identities) {
		life_files_free(f);
		return reel_err_set(err, -ENOMEM, "no memory for files");
	}
	if (tell)
		f->tell = *tell;
	*ret = f;
	return 0;
}

int life_files_end(struct life_files *f)
{
	int r = 0;

	for (uint32_t i = 0; f->tell.file && i < f->n_buckets; i++)
		for (struct life_file *at = f->buckets[i]; at && r == 0; at = at->next)
			r = f->tell.file(f->tell.context, at);
	return r;
}

void life_files_free(struct life_files *f)
{
	if (!f)
		return;
	for (uint32_t i = 0; f->buckets && i < f->n_buckets; i++) {
		for (struct life_file *at = f->buckets[i], *next; at; at = next) {
			next = at->next;
			free(at);
		}
	}
	free(f->buckets);
	free(f->identities);
	free(f);
}

uint64_t life_files_forgotten(const struct life_files *f)
{
	return f->forgotten;
}

uint64_t life_files_count(const struct life_files *f)
{
	return f->n;
}

void life_file_ref(struct life_file *f)
{
	f->refs++;
}

void life_file_unref(struct life_file *f)
{
	if (f)
		f->refs--;
}

/* By path */

static struct life_file **slot(const struct life_files *f, uint64_t hash)
{
	return &f->buckets[hash & (f->n_buckets - 1)];
}

static void grow(struct life_files *f)
{
	uint32_t n = f->n_buckets;
	struct life_file **old = f->buckets, **buckets;

	if (f->n < n)
		return;
	buckets = calloc(2ull * n, sizeof(*buckets));
	if (!buckets)
		return;
	f->buckets = buckets;
	f->n_buckets = 2 * n;
	for (uint32_t i = 0; i < n; i++) {
		for (struct life_file *at = old[i], *next; at; at = next) {
			next = at->next;
			at->next = *slot(f, at->hash);
			*slot(f, at->hash) = at;
		}
	}
	free(old);
}

static bool begins(const void *path, size_t length, const char *with)
{
	size_t n = strlen(with);

	return length >= n && memcmp(path, with, n) == 0;
}

/* What the kernel calls things that are in no directory. */
static enum life_file_kind kind_of(const void *path, size_t length)
{
	static const char anon[] = "anon_inode:";

	if (begins(path, length, "pipe:["))
		return LIFE_PIPE;
	if (begins(path, length, "socket:["))
		return LIFE_SOCKET;
	if (begins(path, length, "/memfd:"))
		return LIFE_MEMFD;
	return length && *(const char *)path != '/' && begins(path, length, anon) ? LIFE_ANON :
										    LIFE_FILE;
}

static struct life_file *find(const struct life_files *f, uint64_t hash, uint32_t boot,
			      const void *path, size_t length)
{
	struct life_file *at = *slot(f, hash);

	while (at && !(at->hash == hash && at->length == length && at->boot == boot &&
		       !at->is_hidden && memcmp(at->path, path, length) == 0))
		at = at->next;
	return at;
}

static struct life_file *make(struct life_files *f, uint64_t hash, uint32_t boot,
			      enum life_file_kind kind, const void *path, size_t length)
{
	struct life_file *file = calloc(1, sizeof(*file) + length + 1);

	if (!file)
		return NULL;
	*file = (struct life_file){ .hash = hash,
				    .boot = boot,
				    .kind = (uint8_t)kind,
				    .length = (uint32_t)length,
				    .number = ++f->number };
	memcpy(file->path, path, length);
	file->next = *slot(f, hash);
	*slot(f, hash) = file;
	f->n++;
	f->bytes += size_of(file);
	grow(f);
	return file;
}

static struct life_file *look_up(struct life_files *f, uint32_t boot, const void *path,
				 size_t length, bool is_new)
{
	enum life_file_kind kind = kind_of(path, length);
	uint64_t hash = XXH3_64bits(path, length);
	struct life_file *file;

	if (kind == LIFE_FILE)
		boot = 0;
	file = find(f, hash, boot, path, length);
	if (file && is_new) {
		file->is_hidden = true;
		file = NULL;
	}
	return file ? file : make(f, hash, boot, kind, path, length);
}

struct life_file *life_file(struct life_files *f, uint32_t boot, const void *path, size_t length)
{
	return look_up(f, boot, path, length, false);
}

struct life_file *life_file_new(struct life_files *f, uint32_t boot, const void *path,
				size_t length)
{
	return look_up(f, boot, path, length, true);
}

int life_files_trim(struct life_files *f)
{
	int r = 0;

	if (f->bytes <= f->bytes_max)
		return 0;
	memset(f->identities, 0, (size_t)f->sets * WAYS * sizeof(*f->identities));
	for (uint32_t i = 0; i < f->n_buckets && r == 0; i++) {
		struct life_file **at = &f->buckets[i];

		while (*at && r == 0) {
			struct life_file *file = *at;

			if (file->refs) {
				at = &file->next;
				continue;
			}
			*at = file->next;
			f->bytes -= size_of(file);
			f->n--;
			f->forgotten++;
			r = f->tell.file ? f->tell.file(f->tell.context, file) : 0;
			free(file);
		}
	}
	/* Where nearly all are open, the next time comes later. */
	if (f->bytes > f->bytes_max / 2)
		f->bytes_max = 2 * f->bytes;
	return r;
}

/* By identity */

static uint64_t identity_hash(uint32_t boot, uint32_t dev, uint64_t inode)
{
	uint64_t key = inode ^ (uint64_t)dev << 40 ^ (uint64_t)boot << 32;

	return (key ^ key >> 29) * 0x9e3779b97f4a7c15ull;
}

static struct identity *set_of(const struct life_files *f, uint32_t boot, uint32_t dev,
			       uint64_t inode)
{
	return &f->identities[(identity_hash(boot, dev, inode) >> 32) % f->sets * WAYS];
}

static struct identity *find_identity(const struct life_files *f, uint32_t boot, uint32_t dev,
				      uint64_t inode)
{
	struct identity *at = set_of(f, boot, dev, inode);

	for (unsigned i = 0; i < WAYS; i++)
		if (at[i].file && at[i].inode == inode && at[i].dev == dev && at[i].boot == boot)
			return &at[i];
	return NULL;
}

static void enter_identity(struct life_files *f, const struct identity *id)
{
	struct identity *at = set_of(f, id->boot, id->dev, id->inode);
	unsigned i = 0;

	while (i < WAYS - 1 && at[i].file)
		i++;
	memmove(at + 1, at, i * sizeof(*at));
	at[0] = *id;
	f->entered++;
}

static void grow_identities(struct life_files *f)
{
	uint32_t n = f->sets * WAYS;
	struct identity *old = f->identities, *now;

	if (f->entered < n / 2 || f->sets >= SETS_MAX)
		return;
	now = calloc(2ull * n, sizeof(*now));
	if (!now)
		return;
	f->identities = now;
	f->sets *= 2;
	f->entered = 0;
	for (uint32_t i = n; i-- > 0;)
		if (old[i].file)
			enter_identity(f, &old[i]);
	free(old);
}

void life_file_is_at(struct life_files *f, struct life_file *file, uint32_t dev, uint64_t inode)
{
	uint32_t boot = file->boot;
	struct identity *id;

	if (!inode)
		return;
	id = find_identity(f, boot, dev, inode);
	file->dev = dev;
	file->inode = inode;
	if (id) {
		id->file = file;
		return;
	}
	enter_identity(f, &(struct identity){ inode, dev, boot, file });
	grow_identities(f);
}

/* A path has it in no boot, what is no file in its own. */
struct life_file *life_file_by_inode(struct life_files *f, uint32_t boot, uint32_t dev,
				     uint64_t inode)
{
	struct identity *id = inode ? find_identity(f, 0, dev, inode) : NULL;

	if (!id && inode)
		id = find_identity(f, boot, dev, inode);
	return id ? id->file : NULL;
}

/* Of events */

static bool is_at_root(const struct model_text *cwd)
{
	return cwd->length == 1 && cwd->bytes[0] == '/';
}

struct life_file *lives_path(struct lives *l, uint16_t offset)
{
	struct reel_string s = reel_event_string_at(l->ev, offset);
	const struct model_process *p = l->by ? l->by->process : NULL;
	uint8_t whole[LIVES_PATH_MAX];
	size_t n;

	if (!s.length)
		return NULL;
	/* A NUL at its beginning: a name of a UNIX socket that is no path. */
	if (s.bytes[0] == '/' || !s.bytes[0] || !p || !p->cwd || p->cwd->bytes[0] != '/' ||
	    kind_of(s.bytes, s.length) != LIFE_FILE || memchr(s.bytes, ':', s.length) ||
	    p->cwd->length + 1 + s.length > sizeof(whole))
		return life_file(l->files, l->boot, s.bytes, s.length);
	if (s.length > 2 && s.bytes[0] == '.' && s.bytes[1] == '/') {
		s.bytes += 2;
		s.length -= 2;
	}
	n = is_at_root(p->cwd) ? 0 : p->cwd->length;
	memcpy(whole, p->cwd->bytes, n);
	whole[n++] = '/';
	memcpy(whole + n, s.bytes, s.length);
	return life_file(l->files, l->boot, whole, n + s.length);
}

struct life_file *lives_object(struct lives *l, const char *kind, uint64_t inode, bool is_new)
{
	char path[64];
	size_t n =
		(size_t)snprintf(path, sizeof(path), "%s:[%llu]", kind, (unsigned long long)inode);

	return is_new ? life_file_new(l->files, l->boot, path, n) :
			life_file(l->files, l->boot, path, n);
}

struct life_file *lives_event_path(struct lives *l, const struct reel_event *ev, struct life *by,
				   uint16_t offset)
{
	l->ev = ev;
	l->by = by;
	return lives_path(l, offset);
}
