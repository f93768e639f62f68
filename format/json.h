/* SPDX-License-Identifier: BSD-2-Clause */
/* Objects of JSON, for the commands that print a few: it is known here where a comma belongs. */
#ifndef REEL_FORMAT_JSON_H
#define REEL_FORMAT_JSON_H

#include "format/out.h"
#include "format/timetext.h"

struct reel_json {
	struct reel_out *out;
	bool has_one;		/* something stands before what comes next */
};

/* KEY is one of our own: plain ASCII. NULL: an element of a list. */
static inline void json_key(struct reel_json *j, const char *key)
{
	if (j->has_one)
		out_char(j->out, ',');
	j->has_one = true;
	if (!key)
		return;
	out_char(j->out, '"');
	out_str(j->out, key);
	out_str(j->out, "\":");
}

static inline void json_begin(struct reel_json *j, const char *key, char bracket)
{
	json_key(j, key);
	out_char(j->out, bracket);
	j->has_one = false;
}

static inline void json_end(struct reel_json *j, char bracket)
{
	out_char(j->out, bracket);
	j->has_one = true;
}

static inline void json_bytes(struct reel_json *j, const char *key, const void *bytes, size_t len)
{
	json_key(j, key);
	(void)out_json_string(j->out, bytes, len);
}

static inline void json_str(struct reel_json *j, const char *key, const char *value)
{
	json_bytes(j, key, value, strlen(value));
}

static inline void json_u64(struct reel_json *j, const char *key, uint64_t value)
{
	json_key(j, key);
	out_u64(j->out, value);
}

static inline void json_bool(struct reel_json *j, const char *key, bool value)
{
	json_key(j, key);
	out_str(j->out, value ? "true" : "false");
}

static inline void json_hex(struct reel_json *j, const char *key, const void *bytes, size_t len)
{
	json_key(j, key);
	out_char(j->out, '"');
	out_hex_bytes(j->out, bytes, len);
	out_char(j->out, '"');
}

/* ISO 8601 in UTC; null where nobody knows. */
static inline void json_time(struct reel_json *j, const char *key, int64_t realtime_ns)
{
	char text[REEL_TIME_TEXT];
	struct reel_timefmt f;

	json_key(j, key);
	if (realtime_ns <= 0) {
		out_str(j->out, "null");
		return;
	}
	reel_timefmt_init(&f, (struct reel_tz){ REEL_TZ_UTC, 0 });
	(void)reel_time_format(&f, (uint64_t)realtime_ns, text);
	out_char(j->out, '"');
	out_str(j->out, text);
	out_char(j->out, '"');
}

#endif
