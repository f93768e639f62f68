/* SPDX-License-Identifier: BSD-2-Clause */
/* What the descriptor of an event is: a file by its path, or a socket with its two ends. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "format/names.h"
#include "format/out.h"
#include "replay/derive_impl.h"

enum { O_IS_DIRECTORY = 0200000 };

enum view_kind { VIEW_NONE, VIEW_UNKNOWN, VIEW_PATH, VIEW_SOCKET, VIEW_OTHER };

struct view {
	uint8_t kind;
	char letter;
	const char *type;
	bool has_ends, is_accepted, only_own, has_proto;
	bool is_none; /* the open has failed: only its path is known */
	uint16_t family, port, lport, sock_type, proto;
	uint8_t addr[16], laddr[16];
	struct found path;
	enum blind_reason why;
	bool by_identity; /* the model has told, who may tell something else later */
};

/* Of the event at FIXED, which many leaves ask of. */
struct eval_view {
	const uint8_t *fixed;
	const struct reel_string_table *strings;
	uint64_t seq, ts;
	uint16_t cpu;
	struct view view;
};

static bool is_mapped(const uint8_t addr[16])
{
	static const uint8_t v4[12] = { [10] = 0xff, [11] = 0xff };

	return memcmp(addr, v4, sizeof(v4)) == 0;
}

static void name_family(struct view *v)
{
	v->kind = VIEW_SOCKET;
	v->letter = 'o';
	switch (v->family) {
	case AF_INET:
	case AF_INET6:
		v->letter = v->family == AF_INET || is_mapped(v->addr) ? '4' : '6';
		v->type = v->letter == '4' ? "ipv4" : "ipv6";
		v->has_ends = true;
		return;
	case AF_UNIX:
		v->letter = 'u';
		v->type = "unix";
		return;
	case AF_NETLINK:
		v->letter = 'n';
		v->type = "netlink";
	}
}

static void copy_address(struct eval *e, const struct reel_event *ev, const char *name,
			 uint8_t to[16])
{
	struct reel_field f;

	if (derive_has_own(e, ev, name, &f) && f.kind == REEL_ADDR)
		memcpy(to, ev->fixed + f.offset, 16);
}

static void view_socket_event(struct eval *e, const struct reel_event *ev, struct view *v)
{
	v->family = (uint16_t)derive_own_number(e, ev, "family");
	if (!v->family && ev->flags & EV_FAULT) {
		v->kind = VIEW_UNKNOWN;
		v->why = BLIND_FAULT;
		return;
	}
	v->has_proto = true;
	v->sock_type = (uint16_t)derive_own_number(e, ev, "sock_type") & 15;
	v->proto = (uint16_t)derive_own_number(e, ev, "proto");
	v->port = (uint16_t)derive_own_number(e, ev, "port");
	v->lport = (uint16_t)derive_own_number(e, ev, "lport");
	copy_address(e, ev, "addr", v->addr);
	copy_address(e, ev, "laddr", v->laddr);
	name_family(v);
	v->is_accepted = ev->type->id == EV_accept;
	v->only_own = ev->type->id == EV_listen || ev->type->id == EV_bind;
	if (ev->type->id == EV_bind && !v->lport) {
		/* What was asked for, where nothing was given. */
		memcpy(v->laddr, v->addr, sizeof(v->laddr));
		v->lport = v->port;
	}
	if (ev->type->id == EV_socket)
		v->has_ends = false;
	(void)derive_own_string(e, ev, "unix_path", &v->path);
}

static void view_file(const struct model_file *file, struct view *v)
{
	if (file->kind == MODEL_SOCKET) {
		v->family = file->family;
		v->port = file->port;
		v->lport = file->lport;
		memcpy(v->addr, file->addr, sizeof(v->addr));
		memcpy(v->laddr, file->laddr, sizeof(v->laddr));
		name_family(v);
		if (file->family)
			return;
		v->kind = VIEW_UNKNOWN;
		v->why = BLIND_NAME;
		return;
	}
	v->kind = file->kind == MODEL_PIPE ? VIEW_OTHER : VIEW_PATH;
	v->letter = file->kind == MODEL_PIPE ? 'p' : 'f';
	v->type = file->kind == MODEL_PIPE ? "pipe" : "file";
	give_text(&v->path, file->path);
}

static void view_by_identity(struct eval *e, const struct reel_event *ev, struct view *v)
{
	uint64_t inode = derive_own_number(e, ev, "inode");
	const struct model_file *file;

	v->kind = VIEW_UNKNOWN;
	v->why = BLIND_NAME;
	v->by_identity = true;
	e->wants_names = true;
	file = e->model && inode ?
		       model_file(e->model, (uint32_t)derive_own_number(e, ev, "dev"), inode) :
		       NULL;
	if (file)
		view_file(file, v);
}

static const struct {
	uint8_t type;
	char letter;
	const char *name;
} others[] = {
	{ EV_memfd_create, 'm', "memfd" },	{ EV_pipe, 'p', "pipe" },
	{ EV_userfaultfd, 'u', "userfaultfd" }, { EV_bpf, 'b', "bpf" },
	{ EV_io_uring_setup, 'r', "io_uring" },
};

/* Calls that change a file by its path, and have a twin that takes a descriptor. */
static bool is_by_path(const struct reel_event *ev)
{
	const char *name;
	size_t n;

	switch (ev->type->id) {
	case EV_chmod:
	case EV_chown:
	case EV_truncate:
	case EV_setxattr:
	case EV_utimes:
		break;
	default:
		return false;
	}
	if (!ev->call || EV_CALL_ABI(ev->call) == EV_ABI_NONE)
		return true;
	name = reel_syscall_name(EV_CALL_ABI(ev->call), EV_CALL_NUMBER(ev->call));
	n = name ? strlen(name) : 0;
	return !n || *name != 'f' || strcmp(name + n - 2, "at") == 0 ||
	       strcmp(name + n - 3, "at2") == 0;
}

static void make_view(struct eval *e, const struct reel_event *ev, struct view *v)
{
	struct reel_field f;

	memset(v, 0, sizeof(*v));
	v->path.v.kind = VALUE_ABSENT;
	switch (ev->type->id) {
	case EV_open:
	case EV_create:
	case EV_open_by_handle:
		v->kind = VIEW_PATH;
		v->is_none = ev->ret < 0;
		v->letter = v->is_none ? (ev->type->id == EV_open_by_handle ? 'o' : 'f') :
			    derive_own_number(e, ev, "flags") & O_IS_DIRECTORY ? 'd' :
										 'f';
		v->type = v->is_none ? NULL : v->letter == 'd' ? "directory" : "file";
		if (!derive_own_string(e, ev, "path", &v->path) && ev->flags & EV_FAULT)
			give_unknown(e, &v->path, BLIND_FAULT);
		return;
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		if (others[i].type != ev->type->id)
			continue;
		v->kind = VIEW_OTHER;
		v->letter = others[i].letter;
		v->type = others[i].name;
		(void)derive_own_string(e, ev, "name", &v->path);
		return;
	}
	if (derive_has_own(e, ev, "family", &f)) {
		view_socket_event(e, ev, v);
		return;
	}
	if (!derive_has_own(e, ev, "fd", &f) || !derive_has_own(e, ev, "inode", &f))
		return;
	/* A path was given instead. */
	if (is_by_path(ev) ||
	    (ev->type->id != EV_dup && (int64_t)derive_own_number(e, ev, "fd") < 0))
		return;
	if (derive_own_string(e, ev, "path", &v->path)) {
		v->kind = VIEW_PATH;
		v->letter = 'f';
		v->type = "file";
		return;
	}
	view_by_identity(e, ev, v);
}

/* Until the next event's. What is unknown is found out again: whoever asks is told why. */
static const struct view *view_of(struct eval *e, const struct reel_event *ev)
{
	static const struct view none = { .kind = VIEW_UNKNOWN, .why = BLIND_LIMIT };
	struct eval_view *known = e->view;
	struct view *v;

	if (!known)
		known = e->view = calloc(1, sizeof(*known));
	if (!known)
		return &none;
	v = &known->view;
	if (known->fixed == ev->fixed && known->strings == ev->strings && known->seq == ev->seq &&
	    known->ts == ev->ts && known->cpu == ev->cpu)
		return v;
	make_view(e, ev, v);
	known->fixed = NULL;
	if (v->kind == VIEW_UNKNOWN || v->path.v.kind == VALUE_UNKNOWN || v->by_identity)
		return v;
	known->fixed = ev->fixed;
	known->strings = ev->strings;
	known->seq = ev->seq;
	known->ts = ev->ts;
	known->cpu = ev->cpu;
	return v;
}

/* Ends of connections -------------------------------------------------------------------------- */

/* 1 the peer's end, 0 its own. */
static bool is_remote(unsigned derived, const struct view *v, unsigned turn)
{
	switch (derived) {
	case DERIVED_fd_local:
	case DERIVED_fd_local_port:
		return false;
	case DERIVED_fd_remote:
	case DERIVED_fd_remote_port:
	case DERIVED_fd_remote_name:
		return true;
	case DERIVED_fd_client:
	case DERIVED_fd_client_port:
		return v->is_accepted;
	case DERIVED_fd_server:
	case DERIVED_fd_server_port:
	case DERIVED_fd_server_name:
		return !v->is_accepted && !v->only_own;
	default:
		return turn == 0 && !v->only_own;
	}
}

static int give_end(struct finder *f, const struct view *v, struct found *ret)
{
	unsigned derived = f->ref->derived, turn = f->turn++;
	bool either = derived == DERIVED_fd_either || derived == DERIVED_fd_either_port;
	bool remote = is_remote(derived, v, turn);
	bool client = derived == DERIVED_fd_client || derived == DERIVED_fd_client_port;

	if (turn > either || (turn == 1 && v->only_own))
		return 0;
	if (v->kind == VIEW_UNKNOWN)
		return turn == 0 && give_unknown(f->e, ret, v->why);
	if (v->kind != VIEW_SOCKET || !v->has_ends || (v->only_own && (remote || client)))
		return 0;
	if (derived >= DERIVED_fd_local_port)
		return give_number(ret, remote ? v->port : v->lport, false);
	*ret = (struct found){ .v.kind = VALUE_ADDR, .number = NO_NUMBER };
	memcpy(ret->v.addr, remote ? v->addr : v->laddr, sizeof(ret->v.addr));
	return 1;
}

/* Only who connects has looked it up. */
static bool give_end_name(struct finder *f, struct found *ret)
{
	const struct view *v;
	bool remote;

	if (f->turn++ > 0)
		return false;
	v = view_of(f->e, f->ev);
	if (v->kind == VIEW_UNKNOWN)
		return give_unknown(f->e, ret, v->why);
	remote = is_remote(f->ref->derived, v, 0);
	if (v->kind != VIEW_SOCKET || !v->has_ends || (v->only_own && remote))
		return false;
	return f->ev->type->id == EV_connect ? derive_host(f, ret) :
					       give_unknown(f->e, ret, BLIND_FILTERED);
}

static void put_end(struct eval_derived *x, const uint8_t addr[16], uint16_t port)
{
	struct reel_out o;

	if (out_init_mem(&o) < 0)
		return;
	reel_addr_format(&o, addr);
	out_char(&o, ':');
	out_u64(&o, port);
	derive_put(x, o.buf, o.len);
	out_done(&o);
}

static bool put_connection(const struct view *v, struct eval_derived *x)
{
	if (!v->has_ends)
		return false;
	if (v->only_own) {
		put_end(x, v->laddr, v->lport);
		return true;
	}
	put_end(x, v->is_accepted ? v->addr : v->laddr, v->is_accepted ? v->port : v->lport);
	derive_put_text(x, "->");
	put_end(x, v->is_accepted ? v->laddr : v->addr, v->is_accepted ? v->lport : v->port);
	return true;
}

/* Whether the socket had a peer before, as far as that was seen. */
static int was_connected(struct eval *e, const struct reel_event *ev, bool *ret)
{
	const struct model_file *file;

	switch (ev->type->id) {
	case EV_connect:
	case EV_accept:
		*ret = ev->ret >= 0;
		return 1;
	case EV_send:
	case EV_recv:
		break;
	default:
		return 0;
	}
	if ((derive_own_number(e, ev, "sock_type") & 15) == SOCK_STREAM) {
		*ret = true;
		return 1;
	}
	e->wants_names = true;
	file = e->model ? model_file(e->model, 0, derive_own_number(e, ev, "inode")) : NULL;
	if (!file)
		return -1;
	*ret = file->port != 0;
	return 1;
}

static int give_connected(struct finder *f, struct found *ret)
{
	const bool changed = f->ref->derived == DERIVED_fd_name_changed;
	bool is = false;
	int known;

	if (f->turn++ > 0)
		return 0;
	known = was_connected(f->e, f->ev, &is);
	if (known < 0)
		return give_unknown(f->e, ret, BLIND_NAME);
	if (!known && !changed)
		return 0;
	if (changed)
		is = f->ev->type->id == EV_connect || f->ev->type->id == EV_accept ? true :
		     known > 0							   ? !is :
										     false;
	return give_number(ret, is, false);
}

static int give_fd_number(struct finder *f, struct found *ret)
{
	const struct reel_event *ev = f->ev;
	struct reel_field field;
	const char *name = ev->type->id == EV_dup ? "newfd" : "fd";

	if (f->turn++ > 0 || !derive_has_own(f->e, ev, name, &field))
		return 0;
	if (field.kind == REEL_RESULT)
		return give_number(ret, (uint64_t)(ev->ret >= 0 ? ev->ret : -1), true);
	return give_number(ret, reel_event_number(ev, &field), true);
}

static int give_path(struct finder *f, struct found *ret)
{
	const struct view *v = view_of(f->e, f->ev);

	if (v->kind == VIEW_SOCKET && v->has_ends)
		return -1;
	if (f->turn++ > 0 || v->kind == VIEW_NONE)
		return 0;
	if (v->kind == VIEW_UNKNOWN)
		return give_unknown(f->e, ret, v->why);
	*ret = v->path;
	return v->path.v.kind != VALUE_ABSENT;
}

/* A letter as a word. */
static const char *letter_word(char letter)
{
	static const char all[] = "f\0d\0o\0004\0006\0u\0n\0p\0m\0r\0b";

	for (size_t i = 0; letter && i < sizeof(all); i += 2)
		if (all[i] == letter)
			return all + i;
	return NULL;
}

static const char *l4proto(const struct view *v)
{
	if (!v->has_proto || !v->has_ends)
		return NULL;
	switch (v->proto) {
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return "icmp";
	case 0:
		return v->sock_type == SOCK_STREAM ? "tcp" :
		       v->sock_type == SOCK_DGRAM  ? "udp" :
						     "raw";
	default:
		return "raw";
	}
}

static bool give_word(struct finder *f, struct found *ret)
{
	const char *word;
	const struct view *v;

	if (f->turn++ > 0)
		return false;
	v = view_of(f->e, f->ev);
	if (v->kind == VIEW_UNKNOWN)
		return give_unknown(f->e, ret, v->why);
	switch (f->ref->derived) {
	case DERIVED_fd_typechar:
		word = letter_word(v->letter);
		break;
	case DERIVED_fd_type:
		word = v->type;
		break;
	case DERIVED_fd_sockfamily:
		word = v->kind != VIEW_SOCKET			     ? NULL :
		       v->family == AF_UNIX			     ? "unix" :
		       v->family == AF_INET || v->family == AF_INET6 ? "ip" :
								       NULL;
		break;
	default:
		word = l4proto(v);
	}
	return word && derive_give_word(f->e, word, ret);
}

int derive_fd_direct(struct finder *f, struct found *ret)
{
	unsigned derived = f->ref->derived;
	const struct view *v;

	switch (derived) {
	case DERIVED_fd_typechar:
	case DERIVED_fd_type:
	case DERIVED_fd_sockfamily:
	case DERIVED_fd_l4proto:
		return give_word(f, ret);
	case DERIVED_fd_num:
		return give_fd_number(f, ret);
	case DERIVED_fd_name:
		return give_path(f, ret);
	case DERIVED_fd_connected:
	case DERIVED_fd_name_changed:
		return give_connected(f, ret);
	case DERIVED_fd_server_name:
	case DERIVED_fd_remote_name:
		return give_end_name(f, ret);
	case DERIVED_fd_is_server:
		v = view_of(f->e, f->ev);
		return f->turn++ == 0 && v->kind == VIEW_SOCKET &&
		       give_number(ret, v->is_accepted, false);
	}
	if (derived < DERIVED_fd_local || derived > DERIVED_fd_either_port)
		return -1;
	return give_end(f, view_of(f->e, f->ev), ret);
}

/* Values that are made ------------------------------------------------------------------------- */

static bool make_part_of_path(struct finder *f, struct eval_derived *x, const struct view *v)
{
	const uint8_t *slash;
	uint32_t before;

	if (v->kind == VIEW_UNKNOWN)
		return derive_unknown(f, x, v->why);
	if (v->kind != VIEW_PATH || v->path.v.kind == VALUE_ABSENT)
		return false;
	if (v->path.v.kind == VALUE_UNKNOWN)
		return derive_unknown(f, x, BLIND_FAULT);
	/* What was cut off may have had more slashes. */
	if (v->path.v.true_length != v->path.v.length)
		return derive_unknown(f, x, BLIND_CUT);
	slash = memrchr(v->path.v.bytes, '/', v->path.v.length);
	before = slash ? (uint32_t)(slash - v->path.v.bytes) : 0;
	if (f->ref->derived == DERIVED_fd_filename) {
		uint32_t from = slash ? before + 1 : 0;

		derive_put(x, v->path.v.bytes + from, v->path.v.length - from);
		return v->letter == 'f' && !v->is_none;
	}
	if (v->letter == 'd') { /* it is one itself */
		derive_put(x, v->path.v.bytes, v->path.v.length);
		return true;
	}
	derive_put(x, slash ? v->path.v.bytes : (const uint8_t *)"/", before ? before : 1);
	return true;
}

bool derive_fd_make(struct finder *f, struct eval_derived *x)
{
	const struct view *v = view_of(f->e, f->ev);

	if (f->ref->derived == DERIVED_fd_directory || f->ref->derived == DERIVED_fd_filename)
		return make_part_of_path(f, x, v);
	return v->kind == VIEW_UNKNOWN ? derive_unknown(f, x, v->why) : put_connection(v, x);
}

bool derive_connection(struct finder *f, struct eval_derived *x)
{
	const struct view *v = view_of(f->e, f->ev);

	if (v->kind == VIEW_UNKNOWN)
		return derive_unknown(f, x, v->why);
	return put_connection(v, x);
}
