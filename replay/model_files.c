/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of open files and sockets. Which fields of a type say who a file is and what it is
 * called is looked up once, by their names, so that types of other captures serve as well.
 *
 * Sockets are kept with device 0, since most events about them have no device; the device of their
 * file system is learned from a descriptor that is one.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/schema.h"
#include "replay/model_impl.h"
#include "replay/model_names.h"

enum {
	FILES_FIRST = 1024,
	NOT_THERE = 0xffff,
	FAMILY_UNKNOWN = 0,
	EINPROGRESS_RET = -EINPROGRESS,
	/* Until it is learned: anonymous, and one of the first that a kernel makes. */
	SOCK_DEV_BELOW = 16,
};

struct file_plan {
	const struct reel_type *type;
	uint16_t inode, dev, path, from, family, addr, port, laddr, lport;
	bool is_needed; /* it gives a name to an identity */
	bool is_socket;
	bool is_new;   /* nobody else can have had it before */
	bool says_own; /* its address is the socket's own */
};

/* BYTES: 0 for a string. A field that is something else in this capture is not there. */
static uint16_t offset_of(const struct reel_type *type, const char *name, unsigned bytes)
{
	const struct reel_field *f = reel_type_field(type, name);
	unsigned width = f && !reel_field_is_string(f) ? reel_kind_width(f->kind) : 0;

	return f && width == bytes && reel_field_is_string(f) == !bytes ? f->offset : NOT_THERE;
}

static void make_plan(struct file_plan *p, const struct reel_type *type)
{
	const char *path = "path";

	if (type->id == EV_exec || type->id == EV_process)
		path = "exe";
	else if (type->id == EV_memfd_create)
		path = "name";
	*p = (struct file_plan){
		.type = type,
		.inode = offset_of(type, "inode", 8),
		.dev = offset_of(type, "dev", 4),
		.path = offset_of(type, path, 0),
		.from = type->id == EV_exec ? NOT_THERE : offset_of(type, "path_from", 1),
		.family = offset_of(type, "family", 2),
		.addr = offset_of(type, "addr", 16),
		.port = offset_of(type, "port", 2),
		.laddr = offset_of(type, "laddr", 16),
		.lport = offset_of(type, "lport", 2),
		.is_new = type->id == EV_socket || type->id == EV_accept || type->id == EV_pipe ||
			  type->id == EV_memfd_create,
		.says_own = type->id == EV_bind || type->id == EV_listen,
	};
	p->is_socket = p->inode != NOT_THERE && p->family != NOT_THERE && p->dev == NOT_THERE;
	p->is_needed = p->inode != NOT_THERE &&
		       (p->is_socket ||
			(p->dev != NOT_THERE && (p->path != NOT_THERE || type->id == EV_pipe)));
}

static struct file_plan *plan_of(struct model *m, const struct reel_type *type)
{
	struct file_plan **p = &m->files.plans[type->id];

	if (!*p) {
		*p = calloc(1, sizeof(**p));
		if (!*p)
			return NULL;
		m->bytes += sizeof(**p);
	}
	if ((*p)->type != type)
		make_plan(*p, type);
	return *p;
}

/* The table */

static uint32_t *bucket_of(const struct model *m, uint32_t dev, uint64_t inode)
{
	uint64_t hash = (inode + 1 + ((uint64_t)dev << 40)) * m->seed;

	return &m->files.buckets[(hash >> 32) * m->files.n_buckets >> 32];
}

static struct file *lookup(const struct model *m, uint32_t dev, uint64_t inode)
{
	uint32_t i = *bucket_of(m, dev, inode);

	while (i && !(m->files.at[i - 1].f.inode == inode && m->files.at[i - 1].f.dev == dev))
		i = m->files.at[i - 1].next;
	return i ? &m->files.at[i - 1] : NULL;
}

static void enter(struct model *m, struct file *f)
{
	uint32_t *bucket = bucket_of(m, f->f.dev, f->f.inode);

	f->next = *bucket;
	*bucket = (uint32_t)(f - m->files.at) + 1;
}

static void leave(struct model *m, struct file *f)
{
	uint32_t *at = bucket_of(m, f->f.dev, f->f.inode);
	uint32_t number = (uint32_t)(f - m->files.at) + 1;

	while (*at != number)
		at = &m->files.at[*at - 1].next;
	*at = f->next;
	model_text_unref(m, f->f.path);
}

static int grow(struct model *m)
{
	struct files *files = &m->files;
	uint32_t room = files->room ? 2 * files->room : FILES_FIRST;
	uint32_t *buckets = calloc(room, sizeof(*buckets));
	struct file *at = reallocarray(files->at, room, sizeof(*at));

	if (at)
		files->at = at;
	if (!buckets || !at) {
		free(buckets);
		return -ENOMEM;
	}
	free(files->buckets);
	m->bytes += (room - files->room) * (sizeof(*at) + sizeof(*buckets));
	files->buckets = buckets;
	files->n_buckets = files->room = room;
	for (uint32_t i = 0; i < files->n; i++)
		enter(m, &files->at[i]);
	return 0;
}

/* Where the next one goes: whoever was not used for a whole round makes room. */
static int find_room(struct model *m, struct file **ret)
{
	struct files *files = &m->files;
	struct file *f;
	int r;

	if (files->n < files->max && (m->bytes <= m->bytes_max || files->n < FILES_FIRST)) {
		r = files->n == files->room ? grow(m) : 0;
		if (r == 0)
			*ret = &files->at[files->n++];
		return r;
	}
	for (;; f->is_used = false) {
		f = &files->at[files->hand];
		files->hand = (files->hand + 1) % files->n;
		if (!f->is_used)
			break;
	}
	leave(m, f);
	*ret = f;
	return 0;
}

int model_files_new(struct model *m)
{
	m->files.max = MODEL_FILES_MAX;
	return grow(m);
}

void model_files_free(struct model *m)
{
	for (uint32_t i = 0; i < m->files.n; i++)
		model_text_unref(m, m->files.at[i].f.path);
	free(m->files.at);
	free(m->files.buckets);
	for (uint32_t i = 0; i < EV_MAX_TYPES; i++)
		free(m->files.plans[i]);
}

/* Takes the reference to the path over. */
static int put(struct model *m, uint32_t dev, uint64_t inode, struct model_text *path,
	       struct file **ret)
{
	struct file *f = lookup(m, dev, inode);
	int r;

	if (f) {
		model_text_unref(m, f->f.path);
		f->f.path = path;
	} else {
		r = find_room(m, &f);
		if (r < 0) {
			model_text_unref(m, path);
			return r;
		}
		*f = (struct file){ .f = { .dev = dev, .inode = inode, .path = path } };
		enter(m, f);
	}
	f->is_used = true;
	*ret = f;
	return 0;
}

/* What an event says */

static uint64_t number_at(const struct reel_event *ev, uint16_t offset, size_t bytes)
{
	uint64_t n = 0;

	if (offset != NOT_THERE)
		memcpy(&n, ev->fixed + offset, bytes);
	return n;
}

/* An address that is known already stays where the event has none. */
static void put_address(const struct reel_event *ev, uint16_t addr, uint16_t port, uint8_t to[16],
			uint16_t *to_port)
{
	static const uint8_t none[16];

	if (addr != NOT_THERE && memcmp(ev->fixed + addr, none, 16) != 0)
		memcpy(to, ev->fixed + addr, 16);
	if (number_at(ev, port, 2))
		*to_port = (uint16_t)number_at(ev, port, 2);
}

static int name_object(struct model *m, const char *kind, uint64_t inode, uint32_t dev,
		       struct file **ret)
{
	char text[48];
	struct reel_string s = { .bytes = (const uint8_t *)text };
	struct model_text *path;

	s.length = s.true_length = (uint32_t)snprintf(text, sizeof(text), "%s:[%llu]", kind,
						      (unsigned long long)inode);
	path = model_text(m, &s);
	return path ? put(m, dev, inode, path, ret) : -ENOMEM;
}

static int name_socket(struct model *m, const struct reel_event *ev, const struct file_plan *p,
		       uint64_t inode)
{
	struct file *f = lookup(m, 0, inode);
	int r = 0;

	if (!f || p->is_new || f->f.kind != MODEL_SOCKET) {
		r = name_object(m, "socket", inode, 0, &f);
		if (r < 0)
			return r;
		f->f = (struct model_file){ .inode = inode,
					    .path = f->f.path,
					    .kind = MODEL_SOCKET };
	}
	f->is_used = true;
	if (number_at(ev, p->family, 2) != FAMILY_UNKNOWN)
		f->f.family = (uint16_t)number_at(ev, p->family, 2);
	if (p->says_own)
		put_address(ev, p->addr, p->port, f->f.laddr, &f->f.lport);
	else
		put_address(ev, p->addr, p->port, f->f.addr, &f->f.port);
	put_address(ev, p->laddr, p->lport, f->f.laddr, &f->f.lport);
	return 0;
}

static bool begins(const struct reel_string *s, const char *with)
{
	size_t n = strlen(with);

	return s->length >= n && memcmp(s->bytes, with, n) == 0;
}

/* As the kernel calls it. */
static struct model_text *memfd_path(struct model *m, const struct reel_string *name)
{
	static const char head[] = "/memfd:", tail[] = " (deleted)";
	const size_t n_head = sizeof(head) - 1, n_tail = sizeof(tail) - 1;
	struct reel_string s = { 0 };
	struct model_text *t;
	uint8_t *bytes = malloc(n_head + name->length + n_tail);

	if (!bytes)
		return NULL;
	memcpy(bytes, head, n_head);
	if (name->length)
		memcpy(bytes + n_head, name->bytes, name->length);
	memcpy(bytes + n_head + name->length, tail, n_tail);
	s.bytes = bytes;
	s.length = s.true_length = (uint32_t)(n_head + name->length + n_tail);
	t = model_text(m, &s);
	free(bytes);
	return t;
}

enum { FROM_PASSED, FROM_DIR_NAME, FROM_OBJECT };

/*
 * A path that was walked from the file itself is its name. One that was only passed may be that
 * of a link; for a file that was opened by it, it is still the best there is.
 */
static bool is_name(const struct reel_event *ev, const struct file_plan *p,
		    const struct reel_string *path)
{
	const uint8_t id = ev->type->id;
	bool opens = id == EV_open || id == EV_create || id == EV_open_by_handle || id == EV_mmap;

	if (!path->length || path->length != path->true_length)
		return false;
	if (p->from == NOT_THERE || ev->fixed[p->from] == FROM_OBJECT)
		return true;
	return opens && path->bytes[0] == '/';
}

/* Most are told again and again what they are called. */
static bool is_called(const struct file *f, const struct reel_string *path)
{
	const struct model_text *t = f->f.path;

	return t->length == path->length && t->true_length == path->true_length &&
	       memcmp(t->bytes, path->bytes, t->length) == 0;
}

static bool is_asked(const struct model *m, uint64_t inode)
{
	return !m->files.asked || model_is_asked(m->files.asked, (uint32_t)inode);
}

static int name_file(struct model *m, const struct reel_event *ev, const struct file_plan *p,
		     uint64_t inode)
{
	uint32_t dev = (uint32_t)number_at(ev, p->dev, 4);
	struct reel_string path = reel_event_string_at(ev, p->path);
	struct model_text *text;
	struct file *f;
	uint8_t kind = MODEL_FILE;
	int r;

	if (ev->type->id == EV_memfd_create && is_asked(m, inode)) {
		text = memfd_path(m, &path);
	} else if (!is_name(ev, p, &path)) {
		return 0;
	} else if (begins(&path, "socket:[")) {
		m->files.sock_dev = dev;
		f = lookup(m, 0, inode);
		if (f)
			return 0;
		dev = 0;
		kind = MODEL_SOCKET;
		text = model_text(m, &path);
	} else if (!is_asked(m, inode)) {
		return 0;
	} else {
		f = lookup(m, dev, inode);
		if (f && is_called(f, &path)) {
			f->is_used = true;
			return 0;
		}
		if (begins(&path, "pipe:["))
			kind = MODEL_PIPE;
		text = model_text(m, &path);
	}
	r = text ? put(m, dev, inode, text, &f) : -ENOMEM;
	if (r == 0)
		f->f.kind = kind;
	return r;
}

bool model_type_names(const struct reel_type *type)
{
	struct file_plan p;

	make_plan(&p, type);
	return p.is_needed;
}

int model_names(struct model *m, const struct reel_event *ev, struct reel_err *err)
{
	const struct file_plan *p = plan_of(m, ev->type);
	struct file *f;
	uint64_t inode;
	int r = 0;

	if (!p)
		return reel_err_set(err, -ENOMEM, "no memory for names of files");
	if (!p->is_needed || (ev->flags & EV_BLOCKED) ||
	    (ev->ret < 0 && !(ev->type->id == EV_connect && ev->ret == EINPROGRESS_RET)))
		return 0;
	inode = number_at(ev, p->inode, 8);
	if (!inode || ((p->is_socket || ev->type->id == EV_pipe) && !is_asked(m, inode)))
		return 0;
	if (p->is_socket) {
		r = name_socket(m, ev, p, inode);
	} else if (ev->type->id == EV_pipe) {
		r = name_object(m, "pipe", inode, (uint32_t)number_at(ev, p->dev, 4), &f);
		if (r == 0)
			f->f.kind = MODEL_PIPE;
	} else {
		r = name_file(m, ev, p, inode);
	}
	return r < 0 ? reel_err_set(err, r, "no memory for names of files") : 0;
}

static bool may_be_socket(const struct model *m, uint32_t dev)
{
	return m->files.sock_dev ? dev == m->files.sock_dev : dev && dev < SOCK_DEV_BELOW;
}

void model_names_few(struct model *m, const struct model_asked *asked)
{
	m->files.asked = asked;
}

bool model_names_missed(const struct model *m)
{
	return m->files.missed;
}

const struct model_file *model_file(struct model *m, uint32_t dev, uint64_t inode)
{
	struct file *f = inode ? lookup(m, dev, inode) : NULL;

	m->files.missed |= !is_asked(m, inode);
	if (!f && inode && may_be_socket(m, dev)) {
		f = lookup(m, 0, inode);
		if (f && f->f.kind != MODEL_SOCKET)
			f = NULL;
	}
	if (!f)
		return NULL;
	f->is_used = true;
	return &f->f;
}
