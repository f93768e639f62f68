/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/match_test.h"

#include <errno.h>
#include <stdlib.h>

static bool has_letter(const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (match_fold(bytes[i]) >= 'a' && match_fold(bytes[i]) <= 'z')
			return true;
	return false;
}

/* Leaves in LITERAL, which has room for the pattern, the bytes of a simpler test of the same. */
static void simplify(struct match_test *t, uint8_t *literal)
{
	enum match_op op;
	size_t length;
	bool nocase;

	if (t->op == MATCH_REGEX) {
		if (!match_plain(t->bytes, t->length, t->flags, literal, &length, &op, &nocase))
			return;
		t->flags = nocase ? MATCH_NOCASE : 0;
	} else if (t->op == MATCH_GLOB) {
		length = match_glob_literal(t->bytes, t->length, literal, &op);
		if (op == MATCH_GLOB)
			return;
	} else {
		return;
	}
	t->op = op;
	t->length = (uint32_t)length;
	memcpy(t->bytes, literal, length);
}

int match_test_init(struct match_test *t, enum match_op op, unsigned flags, const void *bytes,
		    size_t length, struct reel_err *err)
{
	unsigned known = op == MATCH_REGEX ? MATCH_MULTILINE | MATCH_NO_DOTALL | MATCH_WHOLE :
					     MATCH_NOCASE;
	uint8_t *literal = NULL;
	int ret = 0;

	memset(t, 0, sizeof(*t));
	if (length > MATCH_PATTERN_MAX)
		return reel_err_set(err, -EINVAL, "the pattern has more than %d bytes",
				    MATCH_PATTERN_MAX);
	t->op = op;
	t->flags = flags & known;
	t->length = (uint32_t)length;
	t->bytes = malloc(length + 1);
	literal = malloc(length + 1);
	if (!t->bytes || !literal) {
		ret = reel_err_set(err, -ENOMEM, "no memory for a test");
		goto out;
	}
	if (length)
		memcpy(t->bytes, bytes, length);
	simplify(t, literal);
	if (t->op == MATCH_REGEX) {
		ret = match_regex_new(t->bytes, t->length, t->flags, &t->regex, err);
		goto out;
	}
	if (t->flags & MATCH_NOCASE && t->op != MATCH_GLOB && !has_letter(t->bytes, t->length))
		t->flags &= ~(unsigned)MATCH_NOCASE;
	for (size_t i = 0; t->flags & MATCH_NOCASE && i < t->length && t->op != MATCH_GLOB; i++)
		t->bytes[i] = match_fold(t->bytes[i]);
out:
	free(literal);
	if (ret < 0)
		match_test_done(t);
	return ret;
}

void match_test_done(struct match_test *t)
{
	free(t->bytes);
	match_regex_free(t->regex);
	memset(t, 0, sizeof(*t));
}

static bool is_shorter(const struct match_test *t, const struct match_value *v)
{
	return v->true_length != EV_UNKNOWN_LENGTH && v->true_length < t->length;
}

static enum truth contains(const struct match_test *t, const struct match_value *v)
{
	bool nocase = t->flags & MATCH_NOCASE;

	if (!t->length)
		return TRUTH_YES;
	if (!nocase && v->length && memmem(v->bytes, v->length, t->bytes, t->length))
		return TRUTH_YES;
	for (size_t i = 0; nocase && i + t->length <= v->length; i++)
		if (match_same(v->bytes + i, t->bytes, t->length, true))
			return TRUTH_YES;
	return match_value_is_cut(v) && !is_shorter(t, v) ? TRUTH_UNKNOWN : TRUTH_NO;
}

static enum truth starts(const struct match_test *t, const struct match_value *v)
{
	size_t n = v->length < t->length ? v->length : t->length;

	if (n && !match_same(v->bytes, t->bytes, n, t->flags & MATCH_NOCASE))
		return TRUTH_NO;
	if (n == t->length)
		return TRUTH_YES;
	return match_value_is_cut(v) && !is_shorter(t, v) ? TRUTH_UNKNOWN : TRUTH_NO;
}

static enum truth ends(const struct match_test *t, const struct match_value *v)
{
	if (!t->length)
		return TRUTH_YES;
	if (match_value_is_cut(v))
		return is_shorter(t, v) ? TRUTH_NO : TRUTH_UNKNOWN;
	return v->length >= t->length && match_same(v->bytes + v->length - t->length, t->bytes,
						    t->length, t->flags & MATCH_NOCASE) ?
		       TRUTH_YES :
		       TRUTH_NO;
}

static enum truth equals(const struct match_test *t, const struct match_value *v)
{
	size_t n = v->length < t->length ? v->length : t->length;
	bool is_cut = match_value_is_cut(v);

	if (v->length > t->length || (!is_cut && v->length != t->length) ||
	    (is_cut && v->true_length != EV_UNKNOWN_LENGTH && v->true_length != t->length))
		return TRUTH_NO;
	if (n && !match_same(v->bytes, t->bytes, n, t->flags & MATCH_NOCASE))
		return TRUTH_NO;
	return is_cut ? TRUTH_UNKNOWN : TRUTH_YES;
}

enum truth match_test_value(const struct match_test *t, struct match_tools *tools,
			    const struct match_value *v)
{
	switch (t->op) {
	case MATCH_EQUALS:
		return equals(t, v);
	case MATCH_CONTAINS:
		return contains(t, v);
	case MATCH_STARTS:
		return starts(t, v);
	case MATCH_ENDS:
		return ends(t, v);
	case MATCH_GLOB:
		return match_glob(t, v);
	case MATCH_REGEX:
		return match_regex_run(t->regex, tools, v);
	}
	return TRUTH_UNKNOWN;
}

enum truth match_test_args(const struct match_test *t, struct match_tools *tools,
			   const struct match_value *args)
{
	const uint8_t *at = args->bytes, *end = at + args->length;
	bool is_cut = match_value_is_cut(args);
	enum truth all = is_cut ? TRUTH_UNKNOWN : TRUTH_NO;

	while (at < end && all != TRUTH_YES) {
		const uint8_t *nul = memchr(at, 0, (size_t)(end - at));
		uint32_t length = (uint32_t)((nul ? nul : end) - at);
		struct match_value v = { at, length, is_cut && !nul ? EV_UNKNOWN_LENGTH : length };

		all = truth_or(all, match_test_value(t, tools, &v));
		at = nul ? nul + 1 : end;
	}
	return all;
}
