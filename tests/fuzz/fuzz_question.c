/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a user, or a recorded machine, puts into questions and answers: byte 0 chooses
 *
 *	0	the file of a named query
 *	1	text that is redacted and measured; JSON stays JSON, and no argument shows
 *	2	words of SQL
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "query/json_text.h"
#include "query/named.h"
#include "query/redact.h"
#include "query/script.h"
#include "query/width.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_named(const char *text)
{
	struct named_query *q = NULL;
	struct reel_err err;

	if (named_parse("q", "q.sql", strdup(text), &q, &err) == 0 && (!q->title || !q->sql))
		abort();
	named_release(q);
}

static void fuzz_text(const char *text, size_t len)
{
	char *names[] = { (char[]){ "a" }, (char[]){ "bob" } };
	const struct redact r = { .kinds = REDACT_ALL, .names = names, .n_names = 2 };
	bool nested = json_text_is_nested(text, len);
	size_t columns;
	struct reel_out o;

	if (out_init_mem(&o) < 0)
		return;
	for (unsigned kinds = 1; kinds < REDACT_ALL; kinds++) {
		out_reset(&o);
		redact_json(kinds, &o, text, len);
		if (nested && !json_text_is_nested(o.buf, o.len))
			abort();
		out_reset(&o);
		redact_value(kinds, &o, text, len);
	}
	out_reset(&o);
	redact_shown(&r, &o, text, len);
	if (width_cut(text, len, len / 2, &columns) > len || columns > len / 2)
		abort();
	out_done(&o);
}

static bool is_word(void *context, const char *word)
{
	(void)context;
	return strlen(word) < 1000;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (size < 1)
		return 0;
	text = malloc(size);
	if (!text)
		return 0;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	if (data[0] % 3 == 0)
		fuzz_named(text);
	else if (data[0] % 3 == 1)
		fuzz_text(text, size - 1);
	else
		script_words(text, is_word, NULL);
	free(text);
	return 0;
}
