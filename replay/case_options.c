/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/case_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "replay/sequence.h"

static void put_key(struct reel_out *o, const char *name)
{
	out_str(o, o->len > 1 ? ",\"" : "\"");
	out_str(o, name);
	out_str(o, "\":");
}

static void put_words(struct reel_out *o, const char *name, const struct reel_strings *list)
{
	if (!list->n)
		return;
	put_key(o, name);
	for (size_t i = 0; i < list->n; i++) {
		out_char(o, i ? ',' : '[');
		(void)out_json_string(o, list->v[i], strlen(list->v[i]));
	}
	out_char(o, ']');
}

static void put_word(struct reel_out *o, const char *name, const char *word)
{
	if (!word)
		return;
	put_key(o, name);
	(void)out_json_string(o, word, strlen(word));
}

int case_options_put(struct reel_out *o, const struct case_options *of)
{
	out_char(o, '{');
	put_words(o, "rule", &of->choice.names);
	put_words(o, "tag", &of->choice.tags);
	if (of->choice.severity)
		put_word(o, "severity", rule_severity_names[of->choice.severity]);
	put_word(o, "from", of->from);
	put_word(o, "to", of->to);
	if (of->all) {
		put_key(o, "all");
		out_str(o, "true");
	}
	if (of->max_state != SEQUENCE_MAX_STATE) {
		put_key(o, "max_state");
		out_u64(o, of->max_state);
	}
	out_mem(o, "}", 2);
	return out_error(o);
}

static int add_word(struct reel_strings *to, const char *word)
{
	char *own = strdup(word);

	if (own && reel_strings_add(to, own) == 0)
		return 0;
	free(own);
	return -ENOMEM;
}

static int set_word(const char **to, const char *word)
{
	free((char *)(uintptr_t)*to);
	*to = strdup(word);
	return *to ? 0 : -ENOMEM;
}

static int set_severity(struct rules_choice *c, const char *name)
{
	for (int i = RULE_INFORMATIONAL; i <= RULE_CRITICAL; i++) {
		if (strcmp(name, rule_severity_names[i]) == 0) {
			c->severity = i;
			return 0;
		}
	}
	return -EPROTONOSUPPORT;
}

/* One value, or one of a list. */
static int take(struct case_options *o, const char *key, sqlite3_stmt *s)
{
	const char *text = (const char *)sqlite3_column_text(s, 1);

	if (!text)
		return -EPROTONOSUPPORT;
	if (strcmp(key, "rule") == 0)
		return add_word(&o->choice.names, text);
	if (strcmp(key, "tag") == 0)
		return add_word(&o->choice.tags, text);
	if (strcmp(key, "from") == 0)
		return set_word(&o->from, text);
	if (strcmp(key, "to") == 0)
		return set_word(&o->to, text);
	if (strcmp(key, "all") == 0)
		o->all = sqlite3_column_int(s, 1);
	else if (strcmp(key, "max_state") == 0 && sqlite3_column_int64(s, 1) > 0)
		o->max_state = (uint64_t)sqlite3_column_int64(s, 1);
	else if (strcmp(key, "severity") != 0)
		return -EPROTONOSUPPORT;
	else
		return set_severity(&o->choice, text);
	return 0;
}

int case_options_parse(sqlite3 *db, const char *json, struct case_options *ret,
		       struct reel_err *err)
{
	static const char sql[] =
		"SELECT a.key, b.value FROM json_each(?1) AS a, json_each(CASE a.type "
		"WHEN 'array' THEN a.value ELSE json_array(a.value) END) AS b";
	sqlite3_stmt *s = NULL;
	int r = 0;

	*ret = (struct case_options){ .max_state = SEQUENCE_MAX_STATE };
	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK)
		return reel_err_set(err, -EIO, "%s", sqlite3_errmsg(db));
	sqlite3_bind_text(s, 1, json, -1, SQLITE_STATIC);
	while (r == 0 && sqlite3_step(s) == SQLITE_ROW) {
		const char *key = (const char *)sqlite3_column_text(s, 0);

		r = key ? take(ret, key, s) : -EPROTONOSUPPORT;
	}
	if (sqlite3_finalize(s) != SQLITE_OK && r == 0)
		r = -EPROTONOSUPPORT;
	if (r == -ENOMEM)
		return reel_err_set(err, r, "no memory for the options of a replay");
	return r < 0 ? reel_err_set(err, r, "options that this reel does not know: %.200s", json) :
		       0;
}

static void free_words(struct reel_strings *list)
{
	for (size_t i = 0; i < list->n; i++)
		free((char *)(uintptr_t)list->v[i]);
	reel_strings_done(list);
}

void case_options_done(struct case_options *o)
{
	free_words(&o->choice.names);
	free_words(&o->choice.tags);
	free((char *)(uintptr_t)o->from);
	free((char *)(uintptr_t)o->to);
	memset(o, 0, sizeof(*o));
}
