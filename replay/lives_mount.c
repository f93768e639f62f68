/* SPDX-License-Identifier: BSD-2-Clause */
/* Mounts of each mount namespace, as keyframes and calls tell them. */
#include <stdlib.h>
#include <string.h>
#include <sched.h>

#include "replay/lives_impl.h"

/* As mount() and umount2() have them. */
enum {
	REMOUNT = 1 << 5,
	BIND = 1 << 12,
	MOVE = 1 << 13,
	PROPAGATION = 1 << 17 | 1 << 18 | 1 << 19 | 1 << 20,
	DETACH = 2,
};

static void free_mount(struct life_mount *m)
{
	free(m->path);
	free(m->source);
	free(m->root);
	free(m->fstype);
	free(m->options);
	free(m);
}

struct life_mount *lives_mounts(const struct lives *l)
{
	return l->mounts;
}

bool lives_mount_is_certain(const struct lives *l, const struct life_mount *m)
{
	return !m->is_copy && (!l->any_lost || m->told_ts > l->mounts_lost_ts);
}

static int end_at(struct lives *l, struct life_mount **at, uint64_t to_ts)
{
	struct life_mount *m = *at;
	int r;

	m->to_ts = to_ts;
	r = l->tell.mount ? l->tell.mount(l->tell.context, m) : 0;
	*at = m->next;
	l->n_mounts--;
	free_mount(m);
	return r;
}

static int take(char **to, const void *bytes, size_t length)
{
	char *text = NULL;

	if (length) {
		text = malloc(length + 1);
		if (!text)
			return -ENOMEM;
		memcpy(text, bytes, length);
		text[length] = '\0';
	}
	free(*to);
	*to = text;
	return 0;
}

static int take_text(char **to, const char *text)
{
	return take(to, text, text ? strlen(text) : 0);
}

static int take_string(struct lives *l, char **to, uint16_t offset)
{
	struct reel_string s = reel_event_string_at(l->ev, offset);

	return take(to, s.bytes, s.length);
}

/* A new one on top of all; NULL: there is no memory, or no room. */
static struct life_mount *make(struct lives *l, uint32_t mnt_ns)
{
	struct life_mount *m;

	if (l->n_mounts >= LIVES_MOUNTS_MAX) {
		l->evicted++;
		return NULL;
	}
	m = calloc(1, sizeof(*m));
	if (!m)
		return NULL;
	m->mnt_ns = mnt_ns;
	m->from_ts = m->told_ts = l->ev->ts;
	m->how = l->ev->type->id;
	m->event = lives_event_name(l->ev);
	m->frame = l->frame;
	return m;
}

static int add(struct lives *l, struct life_mount *m, int r)
{
	if (r < 0 || !m->path) {
		free_mount(m);
		return r;
	}
	if (l->by)
		m->pid = l->by->process->pid;
	m->next = l->mounts;
	l->mounts = m;
	l->n_mounts++;
	return l->tell.mounted ? l->tell.mounted(l->tell.context, l->by, m) : 0;
}

/* The details of another one, at PATH. */
static int add_like(struct lives *l, const struct life_mount *like, uint32_t mnt_ns,
		    const char *path, bool is_copy)
{
	struct life_mount *m = make(l, mnt_ns);
	int r;

	if (!m)
		return 0;
	m->dev = like->dev;
	m->flags = like->flags;
	m->has_flags = like->has_flags;
	m->is_copy = is_copy;
	r = take_text(&m->path, path);
	if (r == 0)
		r = take_text(&m->source, like->source);
	if (r == 0)
		r = take_text(&m->root, like->root);
	if (r == 0)
		r = take_text(&m->fstype, like->fstype);
	if (r == 0)
		r = take_text(&m->options, like->options);
	return add(l, m, r);
}

/* Paths */

/* What is left of PATH behind PREFIX, with its slash; NULL: it is not below it. */
static const char *below(const char *path, const char *prefix)
{
	size_t n = strlen(prefix);

	if (n && prefix[n - 1] == '/')
		n--;
	if (strncmp(path, prefix, n) != 0 || (path[n] && path[n] != '/'))
		return NULL;
	return path + n;
}

static char *joined(const char *a, const char *b)
{
	size_t n = strcmp(a, "/") == 0 ? 0 : strlen(a), m = strlen(b);
	char *text = malloc(n + m + 2);

	if (!text)
		return NULL;
	memcpy(text, a, n);
	memcpy(text + n, b, m + 1);
	if (!*text)
		memcpy(text, "/", 2);
	return text;
}

/* As a whole path; NULL: it has none. To be freed. */
static int whole(struct lives *l, uint16_t offset, char **ret)
{
	struct life_file *f = lives_path(l, offset);
	char *text = NULL;
	size_t n;
	int r;

	*ret = NULL;
	if (!f)
		return 0;
	r = take(&text, f->path, f->length);
	if (r < 0)
		return r;
	n = strlen(text);
	while (n > 1 && text[n - 1] == '/')
		text[--n] = '\0';
	if (n > 2 && strcmp(text + n - 2, "/.") == 0)
		text[n - 2] = '\0';
	if (!*text)
		memcpy(text, "/", 2);
	*ret = text;
	return 0;
}

/* The one on top at that path. */
static struct life_mount **find(struct lives *l, uint32_t mnt_ns, const char *path)
{
	struct life_mount **at = &l->mounts;

	while (*at && !((*at)->mnt_ns == mnt_ns && strcmp((*at)->path, path) == 0))
		at = &(*at)->next;
	return at;
}

/* The one that PATH lies in. */
static const struct life_mount *holder(const struct lives *l, uint32_t mnt_ns, const char *path)
{
	const struct life_mount *best = NULL;

	for (const struct life_mount *m = l->mounts; m; m = m->next)
		if (m->mnt_ns == mnt_ns && below(path, m->path) &&
		    (!best || strlen(m->path) > strlen(best->path)))
			best = m;
	return best;
}

/* Calls */

static int moved(struct lives *l, uint32_t mnt_ns, const char *from, const char *to)
{
	struct life_mount **at = find(l, mnt_ns, from), *m = *at;
	int r;

	if (!m)
		return 0;
	r = add_like(l, m, mnt_ns, to, false);
	at = &l->mounts;
	while (*at && *at != m)
		at = &(*at)->next;
	return r == 0 && *at ? end_at(l, at, l->ev->ts) : r;
}

static int bound(struct lives *l, uint32_t mnt_ns, const char *source, const char *path,
		 uint64_t flags)
{
	const struct life_mount *in = source ? holder(l, mnt_ns, source) : NULL;
	struct life_mount *m = make(l, mnt_ns);
	char *root = NULL;
	int r;

	if (!m)
		return 0;
	m->flags = flags;
	m->has_flags = true;
	r = take_text(&m->path, path);
	if (r == 0)
		r = take_text(&m->source, in && in->source ? in->source : source);
	if (r == 0 && in) {
		m->dev = in->dev;
		r = take_text(&m->fstype, in->fstype);
		root = in->root ? joined(in->root, below(source, in->path)) : NULL;
	}
	m->root = root;
	return add(l, m, r);
}

static int made(struct lives *l, uint32_t mnt_ns, const char *path, uint64_t flags)
{
	struct life_mount *m = make(l, mnt_ns);
	int r;

	if (!m)
		return 0;
	m->flags = flags;
	m->has_flags = true;
	r = take_text(&m->path, path);
	if (r == 0)
		r = take_text(&m->root, "/");
	if (r == 0)
		r = take_string(l, &m->source, offsetof(struct ev_mount, source));
	if (r == 0)
		r = take_string(l, &m->fstype, offsetof(struct ev_mount, fstype));
	if (r == 0)
		r = take_string(l, &m->options, offsetof(struct ev_mount, data));
	return add(l, m, r);
}

static int on_mount(struct lives *l, uint32_t mnt_ns)
{
	struct ev_mount scratch;
	const struct ev_mount *e = lives_as(l, mount, &scratch);
	char *path = NULL, *source = NULL;
	struct life_mount *m;
	int r;

	if (!e)
		return 0;
	r = whole(l, offsetof(struct ev_mount, path), &path);
	if (r == 0)
		r = whole(l, offsetof(struct ev_mount, source), &source);
	if (r < 0 || !path)
		goto out;
	if (e->flags & REMOUNT) {
		m = *find(l, mnt_ns, path);
		if (m) {
			m->flags = e->flags & ~(uint64_t)(REMOUNT | BIND);
			m->has_flags = true;
			m->told_ts = l->ev->ts;
		}
	} else if (e->flags & BIND) {
		r = bound(l, mnt_ns, source, path, e->flags);
	} else if (e->flags & MOVE) {
		r = source ? moved(l, mnt_ns, source, path) : 0;
	} else if (!(e->flags & PROPAGATION)) {
		r = made(l, mnt_ns, path, e->flags);
	}
out:
	free(path);
	free(source);
	return r;
}

static int on_umount(struct lives *l, uint32_t mnt_ns)
{
	struct ev_umount scratch;
	const struct ev_umount *e = lives_as(l, umount, &scratch);
	struct life_mount **at;
	char *path = NULL;
	int r;

	if (!e)
		return 0;
	r = whole(l, offsetof(struct ev_umount, path), &path);
	if (r < 0 || !path)
		goto out;
	at = find(l, mnt_ns, path);
	if (*at)
		r = end_at(l, at, l->ev->ts);
	for (at = &l->mounts; e->flags & DETACH && *at && r == 0;) {
		const char *rest = below((*at)->path, path);

		if ((*at)->mnt_ns == mnt_ns && rest && *rest && strcmp(path, "/") != 0)
			r = end_at(l, at, l->ev->ts);
		else
			at = &(*at)->next;
	}
out:
	free(path);
	return r;
}

static int on_move_mount(struct lives *l, uint32_t mnt_ns)
{
	struct ev_move_mount scratch;
	const struct ev_move_mount *e = lives_as(l, move_mount, &scratch);
	char *path = NULL, *from = NULL;
	struct life_mount *m;
	int r;

	if (!e)
		return 0;
	r = whole(l, offsetof(struct ev_move_mount, path), &path);
	if (r == 0)
		r = whole(l, offsetof(struct ev_move_mount, oldpath), &from);
	if (r < 0 || !path)
		goto out;
	if (from && *find(l, mnt_ns, from)) {
		r = moved(l, mnt_ns, from, path);
	} else {
		/* Made by fsmount or open_tree: of what, the calls before it say. */
		m = make(l, mnt_ns);
		r = m ? add(l, m, take_text(&m->path, path)) : 0;
	}
out:
	free(path);
	free(from);
	return r;
}

/* Everything lies elsewhere from then on. */
static int on_pivot_root(struct lives *l, uint32_t mnt_ns)
{
	char *root = NULL, *old = NULL;
	struct life_mount *stop = l->mounts;
	int r = whole(l, offsetof(struct ev_pivot_root, path), &root);

	if (r == 0)
		r = whole(l, offsetof(struct ev_pivot_root, put_old), &old);
	if (r < 0 || !root || !old)
		goto out;
	for (struct life_mount *m = stop; m && r == 0; m = m->next) {
		const char *rest = below(m->path, root), *put = below(old, root);
		char *path;

		if (m->mnt_ns != mnt_ns || (!rest && (!put || !*put)))
			continue;
		path = rest ? joined("/", rest) : joined(put, strcmp(m->path, "/") ? m->path : "");
		r = path ? add_like(l, m, mnt_ns, path, m->is_copy) : -ENOMEM;
		free(path);
	}
	for (struct life_mount **at = &l->mounts; *at && r == 0;) {
		if ((*at)->mnt_ns == mnt_ns && (*at)->from_ts < l->ev->ts)
			r = end_at(l, at, l->ev->ts);
		else
			at = &(*at)->next;
	}
out:
	free(root);
	free(old);
	return r;
}

/* A namespace begins with all that was in the one that it was made from. */
static int copied(struct lives *l, uint32_t from_ns, uint32_t to_ns)
{
	struct life_mount *list[LIVES_MOUNTS_MAX / 16];
	uint32_t n = 0;
	int r = 0;

	for (struct life_mount *m = l->mounts; m; m = m->next) {
		if (m->mnt_ns == to_ns)
			return 0;
		if (m->mnt_ns == from_ns && n < sizeof(list) / sizeof(*list))
			list[n++] = m;
	}
	while (n-- > 0 && r == 0)
		r = add_like(l, list[n], to_ns, list[n]->path, true);
	return r;
}

static int on_unshare(struct lives *l)
{
	struct ev_unshare scratch;
	const struct ev_unshare *e = lives_as(l, unshare, &scratch);
	uint32_t from = l->by->mnt_ns;

	if (!e || !(e->flags & CLONE_NEWNS) || !e->mnt_ns || !from || from == e->mnt_ns)
		return 0;
	return copied(l, from, e->mnt_ns);
}

/* Keyframes */

static bool is_string(struct lives *l, uint16_t offset, const char *text)
{
	struct reel_string s = reel_event_string_at(l->ev, offset);
	size_t n = text ? strlen(text) : 0;

	return s.length == n && (!n || memcmp(s.bytes, text, n) == 0);
}

#define OF(field) offsetof(struct ev_mounted, field)

/* The one that is told: by its number, or one that was seen to be made and has none yet. */
static struct life_mount *known(struct lives *l, const struct ev_mounted *e)
{
	struct life_mount *made = NULL;

	for (struct life_mount *m = l->mounts; m; m = m->next) {
		if (m->mnt_ns && m->mnt_ns != e->mnt_ns)
			continue;
		if (m->mount_id == e->mount_id && is_string(l, OF(path), m->path))
			return m;
		if (!m->mount_id && is_string(l, OF(path), m->path) &&
		    (!m->fstype || is_string(l, OF(fstype), m->fstype)))
			made = m;
	}
	return made;
}

static int take_details(struct lives *l, struct life_mount *m, const struct ev_mounted *e)
{
	int r = take_string(l, &m->root, OF(root));

	m->mount_id = e->mount_id;
	m->parent_id = e->parent_id;
	m->dev = e->dev;
	m->mnt_ns = e->mnt_ns;
	m->told_ts = l->ev->ts;
	m->frame = l->frame;
	m->is_copy = false;
	if (r == 0)
		r = take_string(l, &m->fstype, OF(fstype));
	if (r == 0)
		r = take_string(l, &m->source, OF(source));
	return r == 0 ? take_string(l, &m->options, OF(data)) : r;
}

static int on_mounted(struct lives *l)
{
	struct ev_mounted scratch;
	const struct ev_mounted *e = lives_as(l, mounted, &scratch);
	struct life_mount *m = e ? known(l, e) : NULL;
	int r;

	if (!e)
		return 0;
	if (m && m->mount_id && m->frame == l->frame) {
		m->told_ts = l->ev->ts;
		return 0;
	}
	if (m)
		return take_details(l, m, e);
	m = make(l, e->mnt_ns);
	if (!m)
		return 0;
	if (l->frame <= 1)
		m->from_ts = 0;
	r = take_details(l, m, e);
	if (r == 0)
		r = take_string(l, &m->path, OF(path));
	return add(l, m, r);
}

/* A namespace that is not told any more is gone, with all that was mounted in it. */
int lives_mount_frame_end(struct lives *l)
{
	bool is_told = false;
	int r = 0;

	for (struct life_mount *m = l->mounts; m && !is_told; m = m->next)
		is_told = m->mount_id && m->frame == l->frame;
	for (struct life_mount **at = &l->mounts; is_told && *at && r == 0;) {
		if ((*at)->told_ts < l->frame_from_ts)
			r = end_at(l, at, l->frame_from_ts);
		else
			at = &(*at)->next;
	}
	return r;
}

int lives_mount_event(struct lives *l)
{
	const uint8_t id = l->ev->type->id;
	uint32_t mnt_ns;

	if (id == EV_mounted)
		return on_mounted(l);
	if (!l->by || !lives_worked(l->ev))
		return 0;
	mnt_ns = l->by->process->spaces.mnt;
	switch (id) {
	case EV_mount:
		return on_mount(l, mnt_ns);
	case EV_umount:
		return on_umount(l, mnt_ns);
	case EV_move_mount:
		return on_move_mount(l, mnt_ns);
	case EV_pivot_root:
		return on_pivot_root(l, mnt_ns);
	case EV_unshare:
		return on_unshare(l);
	}
	return 0;
}

int lives_mount_end_all(struct lives *l)
{
	int r = 0;

	while (l->mounts && r == 0)
		r = end_at(l, &l->mounts, 0);
	return r;
}

void lives_mount_free_all(struct lives *l)
{
	l->tell = (struct lives_tell){ 0 };
	(void)lives_mount_end_all(l);
}
