/* SPDX-License-Identifier: BSD-2-Clause */
#include "query/functions.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/err.h"
#include "format/names.h"
#include "format/out.h"
#include "format/timetext.h"
#include "format/version.h"
#include "query/case_captures.h"

static void put_text(sqlite3_context *context, const char *text, size_t length)
{
	sqlite3_result_text(context, text, (int)length, SQLITE_TRANSIENT);
}

/* Nothing is known of NULL. */
static bool any_null(int n, sqlite3_value **values)
{
	for (int i = 0; i < n; i++)
		if (sqlite3_value_type(values[i]) == SQLITE_NULL)
			return true;
	return false;
}

static void fail(sqlite3_context *context, int r, const struct reel_err *err)
{
	if (r == -ENOMEM)
		sqlite3_result_error_nomem(context);
	else
		sqlite3_result_error(context, err->msg, -1);
}

/* Captures ----------------------------------------------------------------------------------- */

static void call_version(sqlite3_context *context, int n, sqlite3_value **values)
{
	(void)n;
	(void)values;
	sqlite3_result_text(context, "reel " REEL_VERSION, -1, SQLITE_STATIC);
}

static void call_open(sqlite3_context *context, int n, sqlite3_value **values)
{
	struct reel_captures *captures = sqlite3_user_data(context);
	struct reel_capture *opened = NULL;
	const char **paths;
	struct reel_err err = { 0 };
	int r = 0;

	if (n <= 0 || any_null(n, values)) {
		sqlite3_result_error(context, "reel_open: which capture?", -1);
		return;
	}
	paths = calloc((size_t)n, sizeof(*paths));
	for (int i = 0; paths && i < n; i++) {
		paths[i] = (const char *)sqlite3_value_text(values[i]);
		if (!paths[i])
			r = -ENOMEM;
	}
	if (!paths)
		r = -ENOMEM;
	if (r == 0)
		r = reel_captures_open(captures, paths, (unsigned)n, &err);
	if (r == 0)
		r = reel_captures_get(captures, NULL, &opened, &err);
	free(paths);
	if (r < 0) {
		fail(context, r, &err);
		return;
	}
	sqlite3_result_int64(context, opened->reader->n_sources);
	reel_capture_unref(opened);
}

static void call_key(sqlite3_context *context, int n, sqlite3_value **values)
{
	struct reel_captures *captures = sqlite3_user_data(context);
	struct reel_err err = { 0 };
	int r = 0;

	if (n <= 0 || any_null(n, values)) {
		sqlite3_result_error(context, "reel_key: which file?", -1);
		return;
	}
	for (int i = 0; r == 0 && i < n; i++) {
		const char *path = (const char *)sqlite3_value_text(values[i]);

		r = path ? reel_captures_add_key(captures, path, &err) : -ENOMEM;
	}
	if (r < 0)
		fail(context, r, &err);
	else
		sqlite3_result_int64(context, reel_keys_n_secrets(reel_captures_keys(captures)));
}

static void call_open_case(sqlite3_context *context, int n, sqlite3_value **values)
{
	struct reel_err err = { 0 };
	unsigned n_open;
	int r = case_captures_open(sqlite3_context_db_handle(context), sqlite3_user_data(context),
				   &n_open, &err);

	(void)n;
	(void)values;
	if (r < 0)
		fail(context, r, &err);
	else
		sqlite3_result_int64(context, n_open);
}

static void call_close(sqlite3_context *context, int n, sqlite3_value **values)
{
	(void)n;
	(void)values;
	reel_captures_close(sqlite3_user_data(context));
}

/* Times -------------------------------------------------------------------------------------- */

static void call_time_text(sqlite3_context *context, int n, sqlite3_value **values)
{
	struct reel_timefmt f;
	char text[REEL_TIME_TEXT];
	int64_t ns;

	if (any_null(n, values))
		return;
	ns = sqlite3_value_int64(values[0]);
	if (ns < 0)
		return;
	reel_timefmt_init(&f, (struct reel_tz){ REEL_TZ_UTC, 0 });
	put_text(context, text, reel_time_format(&f, (uint64_t)ns, text));
}

static void call_ns_of(sqlite3_context *context, int n, sqlite3_value **values)
{
	struct reel_when when;
	struct reel_err err = { 0 };
	int r;

	if (any_null(n, values))
		return;
	r = reel_time_parse((const char *)sqlite3_value_text(values[0]), 0, &when, &err);
	if (r == 0 && when.kind != REEL_WHEN_REALTIME)
		r = reel_err_set(&err, -EINVAL,
				 "ns_of: a time of day is wanted, as in 2026-11-21T08:00:00Z");
	if (r < 0)
		fail(context, r, &err);
	else
		sqlite3_result_int64(context, (sqlite3_int64)when.ns);
}

static void call_duration_text(sqlite3_context *context, int n, sqlite3_value **values)
{
	char text[REEL_DURATION_TEXT + 1], *at = text;
	int64_t ns;
	uint64_t size;

	if (any_null(n, values))
		return;
	ns = sqlite3_value_int64(values[0]);
	size = ns < 0 ? -(uint64_t)ns : (uint64_t)ns;
	if (ns < 0)
		*at++ = '-';
	at += reel_duration_format(size, at);
	put_text(context, text, (size_t)(at - text));
}

static void call_size_text(sqlite3_context *context, int n, sqlite3_value **values)
{
	char text[REEL_SIZE_TEXT];

	if (any_null(n, values) || sqlite3_value_int64(values[0]) < 0)
		return;
	put_text(context, text, reel_size_format((uint64_t)sqlite3_value_int64(values[0]), text));
}

/* Bytes that a machine called something, for where only text will do: in JSON. */
static void call_utf8_text(sqlite3_context *context, int n, sqlite3_value **values)
{
	const uint8_t *bytes;
	struct reel_out out;
	size_t len, invalid;
	uint32_t c;

	if (any_null(n, values))
		return;
	bytes = sqlite3_value_blob(values[0]);
	len = (size_t)sqlite3_value_bytes(values[0]);
	if (out_init_mem(&out) < 0) {
		sqlite3_result_error_nomem(context);
		return;
	}
	for (size_t at = 0, took; at < len; at += took) {
		took = out_utf8_next(bytes + at, len - at, &c, &invalid);
		if (took && c) {
			out_mem(&out, bytes + at, took);
			continue;
		}
		took = took ? took : invalid;
		out_str(&out, "\xef\xbf\xbd");
	}
	if (out_error(&out) < 0)
		sqlite3_result_error_nomem(context);
	else
		sqlite3_result_text64(context, out.buf ? out.buf : "", out.len, SQLITE_TRANSIENT,
				      SQLITE_UTF8);
	out_done(&out);
}

/* Names -------------------------------------------------------------------------------------- */

static void put_name(sqlite3_context *context, const char *name)
{
	if (name)
		sqlite3_result_text(context, name, -1, SQLITE_STATIC);
}

static void call_errno_name(sqlite3_context *context, int n, sqlite3_value **values)
{
	int64_t value;

	if (any_null(n, values))
		return;
	value = sqlite3_value_int64(values[0]);
	if (value < 0 && value > -4096)
		value = -value;
	if (value >= 0 && value < 4096)
		put_name(context, reel_errno_name((unsigned)value));
}

static void call_signal_name(sqlite3_context *context, int n, sqlite3_value **values)
{
	int64_t value;

	if (any_null(n, values))
		return;
	value = sqlite3_value_int64(values[0]);
	if (value >= 0 && value < 1024)
		put_name(context, reel_signal_name((unsigned)value));
}

static void call_syscall_name(sqlite3_context *context, int n, sqlite3_value **values)
{
	int64_t value;

	if (any_null(n, values))
		return;
	value = sqlite3_value_int64(values[0]);
	if (value >= 0 && value <= EV_CALL_NUMBER(0xffff))
		put_name(context, reel_syscall_name(EV_ABI_NATIVE, (unsigned)value));
}

static void call_flags_text(sqlite3_context *context, int n, sqlite3_value **values)
{
	const char *hint;
	struct reel_err err;
	struct reel_out o;

	if (any_null(n, values))
		return;
	hint = (const char *)sqlite3_value_text(values[0]);
	if (!hint || out_init_mem(&o) < 0) {
		sqlite3_result_error_nomem(context);
		return;
	}
	if (reel_name_value(&o, hint, (uint64_t)sqlite3_value_int64(values[1])) < 0) {
		reel_err_set(&err, -EINVAL, "flags_text: no values are called '%.40s'", hint);
		fail(context, -EINVAL, &err);
	} else if (out_error(&o) < 0) {
		sqlite3_result_error_nomem(context);
	} else {
		put_text(context, o.buf, o.len);
	}
	out_done(&o);
}

static void call_flag_value(sqlite3_context *context, int n, sqlite3_value **values)
{
	const char *hint, *name;
	uint64_t value;

	if (any_null(n, values))
		return;
	hint = (const char *)sqlite3_value_text(values[0]);
	name = (const char *)sqlite3_value_text(values[1]);
	if (hint && name && reel_name_lookup(hint, name, strlen(name), &value) == 0)
		sqlite3_result_int64(context, (sqlite3_int64)value);
}

/* Addresses ---------------------------------------------------------------------------------- */

/* As the tape has it: IPv4 as v4-mapped IPv6. */
static bool parse_address(const char *text, size_t length, uint8_t ret[16], bool *ret_is_v4)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	char copy[INET6_ADDRSTRLEN];

	if (length >= sizeof(copy))
		return false;
	memcpy(copy, text, length);
	copy[length] = '\0';
	memcpy(ret, mapped, sizeof(mapped));
	*ret_is_v4 = true;
	if (inet_pton(AF_INET, copy, ret + 12) == 1)
		return true;
	*ret_is_v4 = false;
	return inet_pton(AF_INET6, copy, ret) == 1;
}

struct network {
	uint8_t address[16];
	unsigned bits;
};

/* "10.0.0.0/8", "fe80::/10"; without a length one address. */
static bool parse_network(const char *text, struct network *ret)
{
	size_t length = strcspn(text, "/");
	unsigned long bits;
	char *end;
	bool is_v4;

	if (!parse_address(text, length, ret->address, &is_v4))
		return false;
	ret->bits = 128;
	if (!text[length])
		return true;
	if (text[length + 1] < '0' || text[length + 1] > '9')
		return false;
	bits = strtoul(text + length + 1, &end, 10);
	if (*end || bits > (is_v4 ? 32 : 128))
		return false;
	ret->bits = (unsigned)bits + (is_v4 ? 96 : 0);
	return true;
}

static bool is_in(const uint8_t address[16], const struct network *net)
{
	unsigned bytes = net->bits / 8, rest = net->bits % 8;

	if (memcmp(address, net->address, bytes) != 0)
		return false;
	return !rest || !((address[bytes] ^ net->address[bytes]) >> (8 - rest));
}

static void call_in_cidr(sqlite3_context *context, int n, sqlite3_value **values)
{
	const char *text, *cidr;
	struct network net;
	struct reel_err err;
	uint8_t address[16];
	bool is_v4;

	if (any_null(n, values))
		return;
	text = (const char *)sqlite3_value_text(values[0]);
	cidr = (const char *)sqlite3_value_text(values[1]);
	if (!text || !cidr) {
		sqlite3_result_error_nomem(context);
	} else if (!parse_network(cidr, &net)) {
		reel_err_set(&err, -EINVAL, "in_cidr: '%.60s' is no network, such as 10.0.0.0/8",
			     cidr);
		fail(context, -EINVAL, &err);
	} else if (parse_address(text, strlen(text), address, &is_v4)) {
		sqlite3_result_int(context, is_in(address, &net));
	}
}

/* Where an address leads: by the networks that are set apart (RFC 6890 and its like). */
static void call_addr_kind(sqlite3_context *context, int n, sqlite3_value **values)
{
	static const struct {
		const char *network, *kind;
	} kinds[] = {
		{ "127.0.0.0/8", "loopback" },	  { "::1", "loopback" },
		{ "0.0.0.0", "unspecified" },	  { "::", "unspecified" },
		{ "10.0.0.0/8", "private" },	  { "172.16.0.0/12", "private" },
		{ "192.168.0.0/16", "private" },  { "fc00::/7", "private" },
		{ "100.64.0.0/10", "shared" },	  { "169.254.0.0/16", "link-local" },
		{ "fe80::/10", "link-local" },	  { "224.0.0.0/4", "multicast" },
		{ "ff00::/8", "multicast" },	  { "255.255.255.255", "broadcast" },
		{ "192.0.2.0/24", "reserved" },	  { "198.51.100.0/24", "reserved" },
		{ "203.0.113.0/24", "reserved" }, { "2001:db8::/32", "reserved" },
		{ "198.18.0.0/15", "reserved" },  { "240.0.0.0/4", "reserved" },
		{ "0.0.0.0/8", "reserved" },
	};
	struct network net;
	uint8_t address[16];
	const char *text;
	bool is_v4;

	if (any_null(n, values))
		return;
	text = (const char *)sqlite3_value_text(values[0]);
	if (!text || !parse_address(text, strlen(text), address, &is_v4))
		return;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (parse_network(kinds[i].network, &net) && is_in(address, &net)) {
			put_name(context, kinds[i].kind);
			return;
		}
	}
	put_name(context, "public");
}

/* The table ---------------------------------------------------------------------------------- */

enum {
	PURE = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS,
	DIRECT = SQLITE_UTF8 | SQLITE_DIRECTONLY,
};

const struct reel_function reel_functions[] = {
	{ "reel_version", "", "version of the extension", 0, PURE, call_version },
	{ "reel_open", "path, ...",
	  "opens captures beside those that are open; how many there are then", -1, DIRECT,
	  call_open },
	{ "reel_open_case", "",
	  "opens the captures that the case is of, where they still lie; how many are open then", 0,
	  DIRECT, call_open_case },
	{ "reel_key", "file, ...",
	  "secret keys that open what is encrypted, for captures that are opened from now on; how "
	  "many there are then",
	  -1, DIRECT, call_key },
	{ "reel_close", "", "closes all captures that are open", 0, DIRECT, call_close },
	{ "time_text", "ns", "ns since 1970 as ISO 8601 in UTC", 1, PURE, call_time_text },
	{ "ns_of", "text", "a time of day, ISO 8601 with its zone, as ns since 1970", 1, PURE,
	  call_ns_of },
	{ "duration_text", "ns", "a duration for people: 2m05s, 450ms", 1, PURE,
	  call_duration_text },
	{ "size_text", "bytes", "a size for people: 12.3 MiB", 1, PURE, call_size_text },
	{ "utf8_text", "bytes", "as text, with U+FFFD for what is not UTF-8", 1, PURE,
	  call_utf8_text },
	{ "errno_name", "n", "ENOENT for 2 or -2; NULL for what has no name", 1, PURE,
	  call_errno_name },
	{ "signal_name", "n", "SIGKILL for 9", 1, PURE, call_signal_name },
	{ "syscall_name", "n", "the call of that number, of the native table", 1, PURE,
	  call_syscall_name },
	{ "flags_text", "hint, n",
	  "names of a value, by the hint of its field: flags_text('open_flags', 577)", 2, PURE,
	  call_flags_text },
	{ "flag_value", "hint, name", "the number of a name: flag_value('open_flags', 'O_CREAT')",
	  2, PURE, call_flag_value },
	{ "in_cidr", "addr, network", "whether an address is in a network such as 10.0.0.0/8", 2,
	  PURE, call_in_cidr },
	{ "addr_kind", "addr",
	  "public, private, loopback, link-local, multicast, broadcast, shared, reserved or "
	  "unspecified; NULL for what is no address",
	  1, PURE, call_addr_kind },
	{ 0 },
};

static void forget(void *captures)
{
	reel_captures_unref(captures);
}

int reel_functions_register(sqlite3 *db, struct reel_captures *captures)
{
	int r = SQLITE_OK;

	for (const struct reel_function *f = reel_functions; f->name && r == SQLITE_OK; f++) {
		reel_captures_ref(captures);
		r = sqlite3_create_function_v2(db, f->name, f->n, f->flags, captures, f->call, NULL,
					       NULL, forget);
	}
	return r;
}
