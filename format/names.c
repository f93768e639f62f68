/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/names.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "bpf/events.h"
#include "bpf/uring.h"
#include "format/names_tables.h"
#include "format/out.h"
#include "format/timetext.h"
#include "format/types.h"

static const char *const calls_native[] = {
#include "syscalls_x86_64.h"
};

static const char *const calls_compat[] = {
#include "syscalls_i386.h"
};

static const char *const calls_x32[] = {
#include "syscalls_x32.h"
};

/*
 * Calls newer than 6.1: the machine that builds may not know them, the one that was recorded may.
 * From 424 on all tables have the same numbers; a header that has a name comes first.
 */
enum { FIRST_LATER_CALL = 451 };
static const char *const calls_later[] = {
	"cachestat",	     "fchmodat2",	  "map_shadow_stack", "futex_wake",
	"futex_wait",	     "futex_requeue",	  "statmount",	      "listmount",
	"lsm_get_self_attr", "lsm_set_self_attr", "lsm_list_modules", "mseal",
	"setxattrat",	     "getxattrat",	  "listxattrat",      "removexattrat",
	"open_tree_attr",    "file_getattr",	  "file_setattr",
};

/* What is asked of an io_uring: calls without an ABI. */
static const char *const calls_uring[] = {
#define O(number, name, type) [EV_CALL_NUMBER(EV_CALL_URING(number))] = "io_uring." #name,
	URING_OPS(O)
#undef O
};
#define COUNT(array) ((unsigned int)(sizeof(array) / sizeof((array)[0])))

static const struct name_table simple_tables[] = {
	{ .hint = "dec", .style = NAME_DECIMAL },
	{ .hint = "hex", .style = NAME_HEX },
	{ .hint = "oct", .style = NAME_OCTAL },
	{ .hint = "pid", .style = NAME_SIGNED },
	{ .hint = "fd", .style = NAME_FD },
	{ .hint = "bool", .style = NAME_BOOL },
	{ .hint = "ns", .style = NAME_DURATION },
	{ .hint = "boottime", .style = NAME_BOOTTIME },
	{ .hint = "realtime", .style = NAME_REALTIME },
	{ .hint = "dev", .style = NAME_DEVICE },
	{ .hint = "mode", .style = NAME_MODE },
	{ .hint = "class", .style = NAME_CLASS },
	{ .hint = "errno", .style = NAME_ERRNO },
	{ .hint = "sig", .style = NAME_SIGNAL },
	{ .hint = NULL },
};

static bool same_name(const char *row, const char *name, size_t len)
{
	return row && len && *row == *name && strlen(row) == len && memcmp(row, name, len) == 0;
}

static int find_name(const char *const *names, unsigned int n, const char *name, size_t len,
		     unsigned int *ret_number)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (same_name(names[i], name, len)) {
			*ret_number = i;
			return 0;
		}
	}
	return -ENOENT;
}

static const char *const *calls_of(unsigned int abi, unsigned int *ret_n)
{
	switch (abi) {
	case EV_ABI_NONE:
		*ret_n = COUNT(calls_uring);
		return calls_uring;
	case EV_ABI_NATIVE:
		*ret_n = COUNT(calls_native);
		return calls_native;
	case EV_ABI_COMPAT:
		*ret_n = COUNT(calls_compat);
		return calls_compat;
	case EV_ABI_X32:
		*ret_n = COUNT(calls_x32);
		return calls_x32;
	}
	return NULL;
}

const char *reel_syscall_name(unsigned int abi, unsigned int number)
{
	unsigned int n;
	const char *const *calls = calls_of(abi, &n);

	if (!calls)
		return NULL;
	if (number < n && calls[number])
		return calls[number];
	if (abi != EV_ABI_NONE && number >= FIRST_LATER_CALL &&
	    number - FIRST_LATER_CALL < COUNT(calls_later))
		return calls_later[number - FIRST_LATER_CALL];
	return NULL;
}

int reel_syscall_number(unsigned int abi, const char *name, size_t len, unsigned int *ret_number)
{
	unsigned int n;
	const char *const *calls = calls_of(abi, &n);

	if (!calls)
		return -ENOENT;
	if (find_name(calls, n, name, len, ret_number) == 0)
		return 0;
	if (abi == EV_ABI_NONE || find_name(calls_later, COUNT(calls_later), name, len, &n) < 0)
		return -ENOENT;
	*ret_number = n + FIRST_LATER_CALL;
	return 0;
}

int reel_syscall_find(const char *name, size_t len, unsigned int *ret_abi, unsigned int *ret_number)
{
	unsigned int abi;

	for (abi = EV_ABI_NATIVE; abi <= EV_ABI_X32; abi++) {
		if (reel_syscall_number(abi, name, len, ret_number) == 0) {
			*ret_abi = abi;
			return 0;
		}
	}
	return -ENOENT;
}

static const struct name_table *find_table(const char *hint)
{
	static const struct name_table *const lists[] = { simple_tables, name_flag_tables,
							  name_value_tables };
	const struct name_table *t;
	size_t i;

	for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		for (t = lists[i]; t->hint; t++) {
			if (!strcmp(t->hint, hint))
				return t;
		}
	}
	return NULL;
}

int reel_hint_init(struct reel_hint *ret_hint, const char *hint)
{
	*ret_hint = (struct reel_hint){ .table = NULL };
	if (!hint || !*hint)
		return 0;
	if (strchr(hint, '|')) {
		ret_hint->labels = hint;
		return 0;
	}
	ret_hint->table = find_table(hint);
	return ret_hint->table ? 0 : -ENOENT;
}

/* The label of INDEX, and its length, or NULL. */
static const char *find_label(const char *labels, uint64_t index, size_t *ret_len)
{
	for (; index > 0; index--) {
		labels = strchr(labels, '|');
		if (!labels)
			return NULL;
		labels++;
	}
	*ret_len = strcspn(labels, "|");
	return labels;
}

static void put_bits(struct reel_out *o, const struct name_table *t, uint64_t value)
{
	uint64_t rest = value;
	bool first = true;
	const char *signal;
	size_t i;

	for (i = 0; i < t->n_rows; i++) {
		const struct name_row *row = &t->rows[i];

		if ((rest & row->mask) != row->value)
			continue;
		if (!first)
			out_char(o, '|');
		first = false;
		out_str(o, row->name);
		rest &= ~row->mask;
	}
	signal = t->style == NAME_CLONE ? reel_signal_name(rest & 0x7f) : NULL;
	if (signal) {
		if (!first)
			out_char(o, '|');
		first = false;
		out_str(o, signal);
		rest &= ~(uint64_t)0x7f;
	}
	if (rest) {
		if (!first)
			out_char(o, '|');
		out_hex(o, rest);
	} else if (first) {
		out_char(o, '0');
	}
}

static void put_value(struct reel_out *o, const struct name_table *t, uint64_t value)
{
	size_t i;

	for (i = 0; i < t->n_rows; i++) {
		if (t->rows[i].value == value) {
			out_str(o, t->rows[i].name);
			return;
		}
	}
	/* Large numbers of commands are bits or letters, and nobody knows them in decimal. */
	if (value > UINT16_MAX)
		out_hex(o, value);
	else
		out_u64(o, value);
}

static void put_mode(struct reel_out *o, uint64_t value)
{
	const char *type = NULL;

	switch (value & S_IFMT) {
	case S_IFSOCK:
		type = "S_IFSOCK|";
		break;
	case S_IFLNK:
		type = "S_IFLNK|";
		break;
	case S_IFREG:
		type = "S_IFREG|";
		break;
	case S_IFBLK:
		type = "S_IFBLK|";
		break;
	case S_IFDIR:
		type = "S_IFDIR|";
		break;
	case S_IFCHR:
		type = "S_IFCHR|";
		break;
	case S_IFIFO:
		type = "S_IFIFO|";
		break;
	}
	if (type) {
		out_str(o, type);
		value &= ~(uint64_t)S_IFMT;
	}
	out_oct(o, value);
}

static void put_realtime(struct reel_out *o, int64_t ns)
{
	struct reel_timefmt f;
	char text[REEL_TIME_TEXT];

	if (ns < 0) {
		out_s64(o, ns);
		return;
	}
	reel_timefmt_init(&f, (struct reel_tz){ .kind = REEL_TZ_UTC });
	out_mem(o, text, reel_time_format(&f, (uint64_t)ns, text));
}

static void put_duration(struct reel_out *o, uint64_t ns)
{
	char text[REEL_DURATION_TEXT];

	if ((int64_t)ns < 0) {
		out_char(o, '-');
		ns = -ns;
	}
	out_mem(o, text, reel_duration_format(ns, text));
}

static const char *code_name(const char *(*name_of)(unsigned int), uint64_t value)
{
	return value < NAME_CODE_LIMIT ? name_of((unsigned int)value) : NULL;
}

static void put_name_or(struct reel_out *o, const char *name, uint64_t value)
{
	if (name)
		out_str(o, name);
	else
		out_s64(o, (int64_t)value);
}

void reel_hint_put(struct reel_out *o, const struct reel_hint *h, uint64_t value)
{
	const struct name_table *t = h->table;
	const struct reel_class *class;
	const char *name;
	size_t len;

	if (!t) {
		name = h->labels ? find_label(h->labels, value, &len) : NULL;
		if (name)
			out_mem(o, name, len);
		else
			out_u64(o, value);
		return;
	}

	switch (t->style) {
	case NAME_DECIMAL:
		out_u64(o, value);
		break;
	case NAME_SIGNED:
		out_s64(o, (int64_t)value);
		break;
	case NAME_FD:
		if (value == (uint64_t)AT_FDCWD || value == (uint32_t)AT_FDCWD)
			out_str(o, "AT_FDCWD");
		else
			out_s64(o, (int64_t)value);
		break;
	case NAME_HEX:
		out_hex(o, value);
		break;
	case NAME_OCTAL:
		out_oct(o, value);
		break;
	case NAME_BOOL:
		if (value > 1)
			out_u64(o, value);
		else
			out_str(o, value ? "true" : "false");
		break;
	case NAME_BOOTTIME:
		out_char(o, '@');
		out_u64(o, value);
		break;
	case NAME_REALTIME:
		put_realtime(o, (int64_t)value);
		break;
	case NAME_DURATION:
		put_duration(o, value);
		break;
	case NAME_DEVICE:
		out_u64(o, value >> 20);
		out_char(o, ':');
		out_u64(o, value & 0xfffff);
		break;
	case NAME_MODE:
		put_mode(o, value);
		break;
	case NAME_CLASS:
		class = value <= UINT8_MAX ? reel_class_by_id((unsigned int)value) : NULL;
		put_name_or(o, class ? class->name : NULL, value);
		break;
	case NAME_ERRNO:
		/* either the number itself or a result */
		name = code_name(reel_errno_name, (int64_t)value < 0 ? -value : value);
		put_name_or(o, name, value);
		break;
	case NAME_SIGNAL:
		put_name_or(o, code_name(reel_signal_name, value), value);
		break;
	case NAME_BITS:
	case NAME_CLONE:
		put_bits(o, t, value);
		break;
	case NAME_VALUE:
		put_value(o, t, value);
		break;
	}
}

void reel_hint_put_signed(struct reel_out *o, const struct reel_hint *h, int64_t value)
{
	enum name_style style = h->table ? h->table->style : NAME_DECIMAL;

	if (style == NAME_DECIMAL && value < 0) {
		out_s64(o, value);
		return;
	}
	if (value < 0 && value >= INT32_MIN &&
	    (style == NAME_HEX || style == NAME_OCTAL || style == NAME_MODE ||
	     style == NAME_DEVICE || style >= NAME_BITS))
		value = (uint32_t)value;
	reel_hint_put(o, h, (uint64_t)value);
}

int reel_name_value(struct reel_out *o, const char *hint, uint64_t value)
{
	struct reel_hint h;
	int r = reel_hint_init(&h, hint);

	reel_hint_put(o, &h, value);
	return r;
}

static int find_code(const char *(*name_of)(unsigned int), const char *name, size_t len,
		     unsigned int *ret_number)
{
	unsigned int i;

	for (i = 0; i < NAME_CODE_LIMIT; i++) {
		if (same_name(name_of(i), name, len)) {
			*ret_number = i;
			return 0;
		}
	}
	return -ENOENT;
}

static int lookup_label(const char *labels, const char *name, size_t len, uint64_t *ret_value)
{
	const char *label;
	size_t label_len;
	uint64_t i;

	for (i = 0; (label = find_label(labels, i, &label_len)) != NULL; i++) {
		if (label_len == len && !memcmp(label, name, len)) {
			*ret_value = i;
			return 0;
		}
	}
	return -ENOENT;
}

int reel_name_lookup(const char *hint, const char *name, size_t len, uint64_t *ret_value)
{
	const struct reel_class *class;
	unsigned int number;
	struct reel_hint h;
	size_t i;
	int r;

	r = reel_hint_init(&h, hint);
	if (r < 0)
		return r;
	if (h.labels)
		return lookup_label(h.labels, name, len, ret_value);
	if (!h.table)
		return -ENOENT;

	switch (h.table->style) {
	case NAME_ERRNO:
		r = find_code(reel_errno_name, name, len, &number);
		break;
	case NAME_SIGNAL:
		r = find_code(reel_signal_name, name, len, &number);
		break;
	case NAME_CLASS:
		r = -ENOENT;
		for (class = reel_classes; class->name; class ++) {
			if (same_name(class->name, name, len)) {
				number = class->id;
				r = 0;
			}
		}
		break;
	case NAME_FD:
		if (!same_name("AT_FDCWD", name, len))
			return -ENOENT;
		*ret_value = (uint64_t)AT_FDCWD;
		return 0;
	case NAME_BOOL:
		if (!same_name("true", name, len) && !same_name("false", name, len))
			return -ENOENT;
		*ret_value = *name == 't';
		return 0;
	default:
		for (i = 0; i < h.table->n_rows; i++) {
			if (same_name(h.table->rows[i].name, name, len)) {
				*ret_value = h.table->rows[i].value;
				return 0;
			}
		}
		return -ENOENT;
	}
	if (r == 0)
		*ret_value = number;
	return r;
}

void reel_name_each(const char *hint, void (*take)(void *user, const char *name), void *user)
{
	const char *(*name_of)(unsigned int) = NULL;
	struct reel_hint h;

	if (reel_hint_init(&h, hint) < 0 || !h.table)
		return;
	if (h.table->style == NAME_ERRNO)
		name_of = reel_errno_name;
	else if (h.table->style == NAME_SIGNAL)
		name_of = reel_signal_name;
	for (unsigned int i = 0; name_of && i < NAME_CODE_LIMIT; i++)
		if (name_of(i))
			take(user, name_of(i));
	for (size_t i = 0; i < h.table->n_rows; i++)
		take(user, h.table->rows[i].name);
}

void reel_proto_put(struct reel_out *o, unsigned int family, uint64_t proto)
{
	if (family == AF_INET && proto == 0)
		out_str(o, "IPPROTO_IP");
	else if (family == AF_INET || family == AF_INET6)
		put_value(o, name_ip_protocols, proto);
	else if (family == AF_NETLINK)
		put_value(o, name_netlink_protocols, proto);
	else
		out_u64(o, proto);
}

void reel_addr_format(struct reel_out *o, const uint8_t addr[16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	uint16_t group[8];
	int best = -1, best_len = 1, run = 0, i;

	if (!memcmp(addr, mapped, sizeof(mapped))) {
		for (i = 12; i < 16; i++) {
			if (i > 12)
				out_char(o, '.');
			out_u64(o, addr[i]);
		}
		return;
	}
	/* The longest run of two or more zero groups, of equals the first, becomes "::". */
	for (i = 0; i < 8; i++) {
		group[i] = (uint16_t)(addr[2 * i] << 8 | addr[2 * i + 1]);
		run = group[i] ? 0 : run + 1;
		if (run > best_len) {
			best_len = run;
			best = i - run + 1;
		}
	}
	for (i = 0; i < 8; i++) {
		if (i == best) {
			out_str(o, "::");
			i += best_len - 1;
			continue;
		}
		if (i > 0 && i != best + best_len)
			out_char(o, ':');
		out_hex_pad(o, group[i],
			    group[i] > 0xfff ? 4 :
			    group[i] > 0xff  ? 3 :
			    group[i] > 0xf   ? 2 :
					       1);
	}
}
