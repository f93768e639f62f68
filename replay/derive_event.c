/* SPDX-License-Identifier: BSD-2-Clause */
/* Derived fields of the event itself: its result, its flags by name, its descriptor. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "format/names.h"
#include "format/out.h"
#include "replay/derive_impl.h"
#include "replay/falco_args.h"

enum { O_WAY = 3, O_CREATES = 0100, O_IS_DIRECTORY = 0200000, O_IS_TMPFILE = 020000000 };

/* Names of numbers ----------------------------------------------------------------------------- */

static const struct {
	uint32_t bit;
	const char *name;
} mode_bits[] = {
	{ S_ISUID, "S_ISUID" }, { S_ISGID, "S_ISGID" }, { S_ISVTX, "S_ISVTX" },
	{ S_IRUSR, "S_IRUSR" }, { S_IWUSR, "S_IWUSR" }, { S_IXUSR, "S_IXUSR" },
	{ S_IRGRP, "S_IRGRP" }, { S_IWGRP, "S_IWGRP" }, { S_IXGRP, "S_IXGRP" },
	{ S_IROTH, "S_IROTH" }, { S_IWOTH, "S_IWOTH" }, { S_IXOTH, "S_IXOTH" },
};

static void put_mode(struct eval_derived *x, uint64_t mode)
{
	for (size_t i = 0; i < sizeof(mode_bits) / sizeof(*mode_bits); i++) {
		if (!(mode & mode_bits[i].bit))
			continue;
		if (x->length)
			derive_put_text(x, "|");
		derive_put_text(x, mode_bits[i].name);
	}
	if (!x->length)
		derive_put_text(x, "0");
}

/* All capabilities are one word elsewhere; here each has to be found. */
static void put_caps(struct eval_derived *x, uint64_t caps, char between)
{
	struct reel_out o;

	if (out_init_mem(&o) < 0)
		return;
	for (unsigned bit = 0; bit < 64; bit++) {
		if (!(caps >> bit & 1))
			continue;
		out_reset(&o);
		(void)reel_name_value(&o, "caps", 1ull << bit);
		if (o.len > 2 && memcmp(o.buf, "0x", 2) == 0)
			continue; /* no such capability: all bits are set where all are had */
		if (x->length)
			derive_put(x, &between, 1);
		derive_put(x, o.buf, o.len);
	}
	out_done(&o);
}

bool derive_put_names(struct eval_derived *x, const char *hint, uint64_t number, char between,
		      bool is_mode)
{
	struct reel_out o;

	if (is_mode) {
		put_mode(x, number);
		return true;
	}
	if (strcmp(hint, "caps") == 0) {
		put_caps(x, number, between);
		return true;
	}
	if (out_init_mem(&o) < 0)
		return false;
	(void)reel_name_value(&o, hint, number);
	derive_put(x, o.buf, o.len);
	out_done(&o);
	return true;
}

/* Fields of the event -------------------------------------------------------------------------- */

static bool has_own(const struct reel_event *ev, const char *name, struct reel_field *ret)
{
	const struct reel_field *f = rule_own_field(ev->type, name);
	unsigned width;

	if (!f)
		return false;
	*ret = *f;
	ret->kind &= REEL_KIND_MASK;
	width = ret->kind >= REEL_PATH ? 2 : reel_kind_width(ret->kind);
	return (unsigned)f->offset + width <= ev->type->fixed_bytes;
}

static uint64_t own_number(const struct reel_event *ev, const char *name)
{
	struct reel_field f;

	return has_own(ev, name, &f) && f.kind < REEL_PATH && f.kind != REEL_ADDR ?
		       reel_event_number(ev, &f) :
		       0;
}

static bool own_string(const struct reel_event *ev, const char *name, struct found *ret)
{
	struct reel_string s;
	struct reel_field f;

	if (!has_own(ev, name, &f) || f.kind < REEL_PATH)
		return false;
	s = reel_event_string_at(ev, f.offset);
	if (!s.length && !reel_string_is_cut(&s))
		return false;
	give_bytes(ret, s.bytes, s.length, s.true_length);
	ret->number = reel_event_string_number(ev, f.offset);
	return true;
}

/* What the descriptor is ----------------------------------------------------------------------- */

enum view_kind { VIEW_NONE, VIEW_UNKNOWN, VIEW_PATH, VIEW_SOCKET, VIEW_OTHER };

struct view {
	uint8_t kind;
	char letter;
	const char *type;
	bool has_ends, is_accepted, only_own, has_proto;
	uint16_t family, port, lport, sock_type, proto;
	uint8_t addr[16], laddr[16];
	struct found path;
	enum blind_reason why;
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

static void copy_address(const struct reel_event *ev, const char *name, uint8_t to[16])
{
	struct reel_field f;

	if (has_own(ev, name, &f) && f.kind == REEL_ADDR)
		memcpy(to, ev->fixed + f.offset, 16);
}

static void view_socket_event(const struct reel_event *ev, struct view *v)
{
	v->family = (uint16_t)own_number(ev, "family");
	if (!v->family && ev->flags & EV_FAULT) {
		v->kind = VIEW_UNKNOWN;
		v->why = BLIND_FAULT;
		return;
	}
	v->has_proto = true;
	v->sock_type = (uint16_t)own_number(ev, "sock_type") & 15;
	v->proto = (uint16_t)own_number(ev, "proto");
	v->port = (uint16_t)own_number(ev, "port");
	v->lport = (uint16_t)own_number(ev, "lport");
	copy_address(ev, "addr", v->addr);
	copy_address(ev, "laddr", v->laddr);
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
	(void)own_string(ev, "unix_path", &v->path);
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
	uint64_t inode = own_number(ev, "inode");
	const struct model_file *file;

	v->kind = VIEW_UNKNOWN;
	v->why = BLIND_NAME;
	e->wants_names = true;
	file = e->model && inode ?
		       model_file(e->model, (uint32_t)own_number(ev, "dev"), inode) :
		       NULL;
	if (file)
		view_file(file, v);
}

static const struct {
	uint8_t type;
	char letter;
	const char *name;
} others[] = {
	{ EV_memfd_create, 'm', "memfd" }, { EV_pipe, 'p', "pipe" },
	{ EV_userfaultfd, 'u', "userfaultfd" }, { EV_bpf, 'b', "bpf" },
	{ EV_io_uring_setup, 'r', "io_uring" },
};

static void view_of(struct eval *e, const struct reel_event *ev, struct view *v)
{
	struct reel_field f;

	memset(v, 0, sizeof(*v));
	v->path.v.kind = VALUE_ABSENT;
	switch (ev->type->id) {
	case EV_open:
	case EV_create:
	case EV_open_by_handle:
		v->kind = VIEW_PATH;
		v->letter = own_number(ev, "flags") & O_IS_DIRECTORY ? 'd' : 'f';
		v->type = v->letter == 'd' ? "directory" : "file";
		if (!own_string(ev, "path", &v->path) && ev->flags & EV_FAULT)
			give_unknown(e, &v->path, BLIND_FAULT);
		return;
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		if (others[i].type != ev->type->id)
			continue;
		v->kind = VIEW_OTHER;
		v->letter = others[i].letter;
		v->type = others[i].name;
		(void)own_string(ev, "name", &v->path);
		return;
	}
	if (has_own(ev, "family", &f)) {
		view_socket_event(ev, v);
		return;
	}
	if (!has_own(ev, "fd", &f) || !has_own(ev, "inode", &f))
		return;
	/* A path was given instead. */
	if (ev->type->id != EV_dup && (int64_t)own_number(ev, "fd") < 0)
		return;
	if (own_string(ev, "path", &v->path)) {
		v->kind = VIEW_PATH;
		v->letter = 'f';
		v->type = "file";
		return;
	}
	view_by_identity(e, ev, v);
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
		return true;
	case DERIVED_fd_client:
	case DERIVED_fd_client_port:
		return v->is_accepted;
	case DERIVED_fd_server:
	case DERIVED_fd_server_port:
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
	if ((own_number(ev, "sock_type") & 15) == SOCK_STREAM) {
		*ret = true;
		return 1;
	}
	e->wants_names = true;
	file = e->model ? model_file(e->model, 0, own_number(ev, "inode")) : NULL;
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
		     known > 0							  ? !is :
										    false;
	return give_number(ret, is, false);
}

/* Values that need not be made ----------------------------------------------------------------- */

static bool opens(const struct reel_event *ev)
{
	return ev->type->id == EV_open || ev->type->id == EV_create ||
	       ev->type->id == EV_open_by_handle;
}

static bool open_flag(const struct finder *f)
{
	const struct reel_event *ev = f->ev;
	uint64_t flags, created;

	if (!opens(ev))
		return false;
	flags = own_number(ev, "flags");
	created = ev->type->id == EV_create || flags & O_CREATES ||
		  (flags & O_IS_TMPFILE) == O_IS_TMPFILE;
	switch (f->ref->derived) {
	case DERIVED_opens_read:
		return (flags & O_WAY) != 1 && ev->type->id != EV_create;
	case DERIVED_opens_write:
		return (flags & O_WAY) == 1 || (flags & O_WAY) == 2 || ev->type->id == EV_create;
	case DERIVED_opens_exec:
		return created && own_number(ev, "mode") & 0111;
	default:
		return own_number(ev, "created") == 2 && ev->ret >= 0;
	}
}

static int give_fd_number(struct finder *f, struct found *ret)
{
	const struct reel_event *ev = f->ev;
	struct reel_field field;
	const char *name = ev->type->id == EV_dup ? "newfd" : "fd";

	if (f->turn++ > 0 || !has_own(ev, name, &field))
		return 0;
	if (field.kind == REEL_RESULT)
		return give_number(ret, (uint64_t)(ev->ret >= 0 ? ev->ret : -1), true);
	return give_number(ret, reel_event_number(ev, &field), true);
}

static int give_path(struct finder *f, struct found *ret)
{
	struct view v;

	view_of(f->e, f->ev, &v);
	if (v.kind == VIEW_SOCKET && v.has_ends)
		return -1;
	if (f->turn++ > 0 || v.kind == VIEW_NONE)
		return 0;
	if (v.kind == VIEW_UNKNOWN)
		return give_unknown(f->e, ret, v.why);
	*ret = v.path;
	return v.path.v.kind != VALUE_ABSENT;
}

/* Strings lie there. */
static int give_argument(struct finder *f, struct found *ret)
{
	const struct falco_arg *a = falco_arg_find(f->ev, f->ref->own);

	if (!a || (a->way != FALCO_ARG_STRING && a->way != FALCO_ARG_RAW_PATH))
		return a ? -1 : 0;
	if (f->turn++ > 0)
		return 0;
	if (a->way == FALCO_ARG_RAW_PATH && own_string(f->ev, "path_arg", ret))
		return 1;
	if (own_string(f->ev, a->own, ret))
		return 1;
	return f->ev->flags & EV_FAULT && give_unknown(f->e, ret, BLIND_FAULT);
}

int derive_direct(struct finder *f, struct found *ret)
{
	unsigned derived = f->ref->derived;
	struct view v;

	switch (derived) {
	case DERIVED_fd_num:
		return give_fd_number(f, ret);
	case DERIVED_fd_name:
		return give_path(f, ret);
	case DERIVED_fd_connected:
	case DERIVED_fd_name_changed:
		return give_connected(f, ret);
	case DERIVED_has_failed:
		return f->turn++ == 0 && give_number(ret, f->ev->ret < 0, false);
	case DERIVED_opens_read:
	case DERIVED_opens_write:
	case DERIVED_opens_exec:
	case DERIVED_opens_create:
		return f->turn++ == 0 && give_number(ret, open_flag(f), false);
	case DERIVED_unknowable:
		return f->turn++ == 0 && give_unknown(f->e, ret, BLIND_FILTERED);
	case DERIVED_argument:
		return give_argument(f, ret);
	case DERIVED_raw_path:
		return f->turn++ == 0 && (own_string(f->ev, "path_arg", ret) ||
					  own_string(f->ev, "path", ret));
	case DERIVED_fd_is_server:
		view_of(f->e, f->ev, &v);
		return f->turn++ == 0 && v.kind == VIEW_SOCKET &&
		       give_number(ret, v.is_accepted, false);
	}
	if (derived >= DERIVED_fd_local && derived <= DERIVED_fd_either_port) {
		view_of(f->e, f->ev, &v);
		return give_end(f, &v, ret);
	}
	return -1;
}

/* Values that are made ------------------------------------------------------------------------- */

static bool is_unknown(struct finder *f, struct eval_derived *x, enum blind_reason why)
{
	x->is_unknown = true;
	x->why = 1u << why;
	f->e->why |= x->why;
	return true;
}

static bool make_result(struct finder *f, struct eval_derived *x)
{
	const struct reel_event *ev = f->ev;
	const char *name;

	if (ev->flags & EV_BLOCKED ||
	    (ev->flags & EV_PARTIAL && ev->call && EV_CALL_ABI(ev->call) == EV_ABI_NONE))
		return is_unknown(f, x, BLIND_RESULT);
	if (ev->ret >= 0) {
		derive_put_text(x, "SUCCESS");
		return true;
	}
	name = ev->ret >= -4095 ? reel_errno_name((unsigned)-ev->ret) : NULL;
	if (name)
		derive_put_text(x, name);
	else
		return derive_put_names(x, "dec", (uint64_t)-ev->ret, '|', false);
	return true;
}

static bool make_call(struct finder *f, struct eval_derived *x)
{
	const struct reel_event *ev = f->ev;
	const char *name = ev->call && EV_CALL_ABI(ev->call) != EV_ABI_NONE ?
				   reel_syscall_name(EV_CALL_ABI(ev->call),
						     EV_CALL_NUMBER(ev->call)) :
				   NULL;

	derive_put_text(x, name ? name : ev->type->name);
	return true;
}

static bool make_named(struct finder *f, const char *own, bool is_mode, struct eval_derived *x)
{
	struct reel_field field;
	uint64_t number;

	if (!has_own(f->ev, own, &field) || field.kind >= REEL_PATH)
		return false;
	number = field.kind == REEL_RESULT ? (uint64_t)f->ev->ret : reel_event_number(f->ev, &field);
	if (number == 0 && f->ev->flags & EV_FAULT)
		return is_unknown(f, x, BLIND_FAULT);
	return derive_put_names(x, field.hint && *field.hint ? field.hint : "dec", number, '|',
				is_mode);
}

/* setuid() has not changed anything where it failed, and nothing says what was wanted. */
static bool make_account(struct finder *f, const char *own, struct eval_derived *x)
{
	struct reel_field field;
	uint64_t id;

	if (!has_own(f->ev, own, &field))
		return false;
	if (f->ev->ret < 0)
		return is_unknown(f, x, BLIND_RESULT);
	id = reel_event_number(f->ev, &field);
	return derive_account(f, id, x) || derive_put_names(x, "dec", id, '|', false);
}

static bool make_args(struct finder *f, struct eval_derived *x)
{
	struct found v;
	const uint8_t *first;
	uint32_t from;

	if (!own_string(f->ev, "argv", &v))
		return false;
	first = memchr(v.v.bytes, 0, v.v.length);
	from = first ? (uint32_t)(first + 1 - v.v.bytes) : v.v.length;
	derive_put(x, v.v.bytes + from, v.v.length - from);
	for (uint32_t i = 0; i < x->length; i++)
		if (!x->bytes[i])
			x->bytes[i] = i + 1 < x->length ? '.' : 0;
	if (x->length && !x->bytes[x->length - 1])
		x->true_length = --x->length;
	if (v.v.true_length != v.v.length)
		x->true_length = EV_UNKNOWN_LENGTH;
	return true;
}

static bool make_argument(struct finder *f, struct eval_derived *x)
{
	const struct falco_arg *a = falco_arg_find(f->ev, f->ref->own);
	struct view v;

	if (!a)
		return false;
	switch (a->way) {
	case FALCO_ARG_RESULT:
		if (f->ev->ret >= 0)
			derive_put_text(x, "0");
		return f->ev->ret >= 0 || make_result(f, x);
	case FALCO_ARG_ACCOUNT:
		return make_account(f, a->own, x);
	case FALCO_ARG_CONNECTION:
		view_of(f->e, f->ev, &v);
		if (v.kind == VIEW_UNKNOWN)
			return is_unknown(f, x, v.why);
		return put_connection(&v, x);
	case FALCO_ARG_ARGV:
		return make_args(f, x);
	default:
		return make_named(f, a->own, a->way == FALCO_ARG_MODE, x);
	}
}

/* All variables, or what the one that is named says. */
static bool make_env(struct finder *f, struct eval_derived *x)
{
	const char *name = f->ref->own;
	size_t n = name ? strlen(name) : 0;
	struct found v;

	if (!own_string(f->ev, "env", &v))
		return false;
	for (uint32_t at = 0; at < v.v.length;) {
		const uint8_t *one = v.v.bytes + at, *end = memchr(one, 0, v.v.length - at);
		uint32_t length = end ? (uint32_t)(end - one) : v.v.length - at;

		at += length + 1;
		if (!name) {
			if (x->length)
				derive_put_text(x, " ");
			derive_put(x, one, length);
		} else if (length > n && memcmp(one, name, n) == 0 && one[n] == '=') {
			derive_put(x, one + n + 1, length - n - 1);
			return true;
		}
	}
	if (v.v.true_length != v.v.length) {
		if (name)
			return is_unknown(f, x, BLIND_CUT);
		x->true_length = EV_UNKNOWN_LENGTH;
	}
	return !name;
}

static bool make_part_of_path(struct finder *f, struct eval_derived *x, const struct view *v)
{
	const uint8_t *slash;
	uint32_t before;

	if (v->kind == VIEW_UNKNOWN)
		return is_unknown(f, x, v->why);
	if (v->kind != VIEW_PATH || v->path.v.kind == VALUE_ABSENT)
		return false;
	if (v->path.v.kind == VALUE_UNKNOWN)
		return is_unknown(f, x, BLIND_FAULT);
	/* What was cut off may have had more slashes. */
	if (v->path.v.true_length != v->path.v.length)
		return is_unknown(f, x, BLIND_CUT);
	slash = memrchr(v->path.v.bytes, '/', v->path.v.length);
	before = slash ? (uint32_t)(slash - v->path.v.bytes) : 0;
	if (f->ref->derived == DERIVED_fd_filename) {
		uint32_t from = slash ? before + 1 : 0;

		derive_put(x, v->path.v.bytes + from, v->path.v.length - from);
		return v->letter == 'f';
	}
	derive_put(x, slash ? v->path.v.bytes : (const uint8_t *)"/", before ? before : 1);
	return true;
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

static bool make_of_view(struct finder *f, struct eval_derived *x)
{
	const char *text = NULL;
	struct view v;

	view_of(f->e, f->ev, &v);
	if (f->ref->derived == DERIVED_fd_directory || f->ref->derived == DERIVED_fd_filename)
		return make_part_of_path(f, x, &v);
	if (v.kind == VIEW_UNKNOWN)
		return is_unknown(f, x, v.why);
	switch (f->ref->derived) {
	case DERIVED_fd_name:
		return put_connection(&v, x);
	case DERIVED_fd_typechar:
		derive_put(x, &v.letter, v.letter != 0);
		return v.letter != 0;
	case DERIVED_fd_type:
		text = v.type;
		break;
	case DERIVED_fd_sockfamily:
		text = v.kind != VIEW_SOCKET  ? NULL :
		       v.family == AF_UNIX    ? "unix" :
		       v.family == AF_INET || v.family == AF_INET6 ? "ip" :
								     NULL;
		break;
	default:
		text = l4proto(&v);
	}
	if (text)
		derive_put_text(x, text);
	return text != NULL;
}

static void put_field(struct reel_out *o, const struct reel_event *ev, const struct reel_field *f)
{
	struct reel_string s;

	switch (f->kind & REEL_KIND_MASK) {
	case REEL_RESULT:
		(void)reel_name_value(o, *f->hint ? f->hint : "dec", (uint64_t)ev->ret);
		return;
	case REEL_ADDR:
		reel_addr_format(o, ev->fixed + f->offset);
		return;
	case REEL_PATH:
	case REEL_TEXT:
	case REEL_ARGS:
	case REEL_BYTES:
		s = reel_event_string_at(ev, f->offset);
		out_mem(o, s.bytes, s.length);
		return;
	default:
		(void)reel_name_value(o, *f->hint ? f->hint : "dec", reel_event_number(ev, f));
	}
}

static bool make_all_fields(struct finder *f, struct eval_derived *x)
{
	struct reel_out o;

	if (out_init_mem(&o) < 0)
		return false;
	for (const struct reel_field *field = f->ev->type->fields; field->name; field++) {
		struct reel_field own;

		if (!has_own(f->ev, field->name, &own))
			continue;
		if (o.len)
			out_char(&o, ' ');
		out_str(&o, field->name);
		out_char(&o, '=');
		put_field(&o, f->ev, field);
	}
	derive_put(x, o.buf, o.len);
	out_done(&o);
	return x->length > 0;
}

bool derive_of_event(struct finder *f, struct eval_derived *x)
{
	x->is_string = true;
	switch (f->ref->derived) {
	case DERIVED_call:
		return make_call(f, x);
	case DERIVED_result:
		return make_result(f, x);
	case DERIVED_named:
	case DERIVED_mode_bits:
		return make_named(f, f->ref->own, f->ref->derived == DERIVED_mode_bits, x);
	case DERIVED_argument:
		return make_argument(f, x);
	case DERIVED_env:
		return make_env(f, x);
	case DERIVED_all_fields:
		return make_all_fields(f, x);
	default:
		return make_of_view(f, x);
	}
}
