/* SPDX-License-Identifier: BSD-2-Clause */
/* What stands behind a field's name: FIELD|modifier|modifier, applied from left to right. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "replay/policy.h"
#include "replay/policy_ast.h"
#include "replay/sigma_impl.h"

/* OF: what it was made from; NULL: it is written so. */
static bool push(struct sigma_compile *c, struct sigma_texts *to, const struct sigma_text *one,
		 const struct sigma_text *of)
{
	if (to->n >= SIGMA_VALUES_MAX)
		return false;
	if (to->n == to->room) {
		uint32_t room = to->room ? 2 * to->room : 8;
		struct sigma_text *v = sigma_alloc(c, room * sizeof(*v));

		if (!v)
			return false;
		if (to->n)
			memcpy(v, to->v, to->n * sizeof(*v));
		to->v = v;
		to->room = room;
	}
	to->v[to->n] = *one;
	to->v[to->n].of = of ? of->of : to->n;
	to->n++;
	return true;
}

static bool new_text(struct sigma_compile *c, size_t room, struct sigma_text *ret)
{
	*ret = (struct sigma_text){ .at = sigma_alloc(c, (room ? room : 1) * sizeof(*ret->at)) };
	return ret->at != NULL;
}

/* A backslash before *, ? or another makes it that character; else it is one itself. */
static bool scan_text(struct sigma_compile *c, const char *text, uint32_t length,
		      struct sigma_text *ret)
{
	if (!new_text(c, length, ret))
		return false;
	for (uint32_t i = 0; i < length; i++) {
		unsigned char byte = (unsigned char)text[i];

		if (byte == '\\' && i + 1 < length && text[i + 1] && strchr("*?\\", text[i + 1]))
			ret->at[ret->n++] = (unsigned char)text[++i];
		else
			ret->at[ret->n++] = byte == '*' ? SIGMA_STAR :
					    byte == '?' ? SIGMA_ONE :
							  byte;
	}
	return true;
}

/* As it stands. */
static bool copy_bytes(struct sigma_compile *c, const void *bytes, size_t length,
		       struct sigma_text *ret)
{
	if (!new_text(c, length, ret))
		return false;
	for (size_t i = 0; i < length; i++)
		ret->at[ret->n++] = ((const uint8_t *)bytes)[i];
	return true;
}

/* Applied to each text ------------------------------------------------------------------------- */

/* One text becomes one or several. */
typedef bool text_modifier(struct sigma_compile *c, const struct yaml_value *at,
			   const struct sigma_text *t, unsigned how, struct sigma_texts *to);

enum { STAR_BEFORE = 1, STAR_BEHIND = 2 };

static bool add_stars(struct sigma_compile *c, const struct yaml_value *at,
		      const struct sigma_text *t, unsigned how, struct sigma_texts *to)
{
	struct sigma_text ret;

	(void)at;
	if (!new_text(c, (size_t)t->n + 2, &ret))
		return false;
	if (how & STAR_BEFORE && !(t->n && t->at[0] == SIGMA_STAR))
		ret.at[ret.n++] = SIGMA_STAR;
	if (t->n)
		memcpy(ret.at + ret.n, t->at, t->n * sizeof(*t->at));
	ret.n += t->n;
	if (how & STAR_BEHIND && !(ret.n && ret.at[ret.n - 1] == SIGMA_STAR))
		ret.at[ret.n++] = SIGMA_STAR;
	return push(c, to, &ret, t);
}

static bool bytes_of(struct sigma_compile *c, const struct yaml_value *at,
		     const struct sigma_text *t, size_t before, uint8_t **ret)
{
	*ret = sigma_alloc(c, before + t->n + 3);
	if (!*ret)
		return false;
	memset(*ret, ' ', before);
	for (uint32_t i = 0; i < t->n; i++) {
		if (t->at[i] >= SIGMA_STAR) {
			(void)sigma_wrong(c, at, "a text with wildcards cannot be encoded");
			return false;
		}
		(*ret)[before + i] = (uint8_t)t->at[i];
	}
	return true;
}

/* HOW: so many bytes are before it, and what they and those behind it decide is cut off. */
static bool encode(struct sigma_compile *c, const struct yaml_value *at, const struct sigma_text *t,
		   unsigned how, bool cuts, struct sigma_texts *to)
{
	static const uint8_t skipped[] = { 0, 2, 3 }, dropped[] = { 0, 3, 2 };
	size_t length = (size_t)how + t->n, room = sodium_base64_encoded_len(length, 1);
	char *text = sigma_alloc(c, room);
	struct sigma_text ret;
	uint8_t *bytes;
	size_t from, n;

	if (!text || !bytes_of(c, at, t, how, &bytes))
		return false;
	(void)sodium_bin2base64(text, room, bytes, length, sodium_base64_VARIANT_ORIGINAL);
	from = cuts ? skipped[how] : 0;
	n = strlen(text) - (cuts ? dropped[length % 3] : 0);
	return n > from && copy_bytes(c, text + from, n - from, &ret) && push(c, to, &ret, t);
}

static bool to_base64(struct sigma_compile *c, const struct yaml_value *at,
		      const struct sigma_text *t, unsigned how, struct sigma_texts *to)
{
	if (t->n == 0)
		return sigma_wrong(c, at, "nothing that could be encoded") == 0;
	if (!how)
		return encode(c, at, t, 0, false, to);
	for (unsigned i = 0; i < 3; i++)
		if (!encode(c, at, t, i, true, to))
			return false;
	return true;
}

enum { UTF16_LITTLE, UTF16_BIG, UTF16_MARKED };

/* The next character of UTF-8; a byte that is none stands for itself. */
static uint32_t next_character(const struct sigma_text *t, uint32_t *i)
{
	uint32_t first = t->at[(*i)++], more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1, point;

	if (first < 0xc2 || first > 0xf4 || *i + more > t->n)
		return first;
	point = first & (0x3fu >> more);
	for (uint32_t k = 0; k < more; k++) {
		if (t->at[*i + k] >> 6 != 2)
			return first;
		point = point << 6 | (t->at[*i + k] & 0x3f);
	}
	*i += more;
	return point;
}

static void put_unit(struct sigma_text *to, uint32_t unit, bool is_big)
{
	to->at[to->n++] = (uint16_t)(is_big ? unit >> 8 : unit & 0xff);
	to->at[to->n++] = (uint16_t)(is_big ? unit & 0xff : unit >> 8);
}

static bool to_utf16(struct sigma_compile *c, const struct yaml_value *at,
		     const struct sigma_text *t, unsigned how, struct sigma_texts *to)
{
	struct sigma_text ret;

	(void)at;
	if (!new_text(c, 2 + 4 * (size_t)t->n, &ret))
		return false;
	if (how == UTF16_MARKED)
		put_unit(&ret, 0xfeff, false);
	for (uint32_t i = 0; i < t->n;) {
		uint32_t point;

		if (t->at[i] >= SIGMA_STAR) {
			ret.at[ret.n++] = t->at[i++];
			continue;
		}
		point = next_character(t, &i);
		if (point >= 0x10000) {
			put_unit(&ret, 0xd800 + ((point - 0x10000) >> 10), how == UTF16_BIG);
			point = 0xdc00 + ((point - 0x10000) & 0x3ff);
		}
		put_unit(&ret, point, how == UTF16_BIG);
	}
	return push(c, to, &ret, t);
}

static bool is_word(uint16_t one)
{
	return one < SIGMA_STAR && (one >= 0x80 || one == '_' || (one >= '0' && one <= '9') ||
				    ((one | 0x20) >= 'a' && (one | 0x20) <= 'z'));
}

/* A dash or slash that begins a word, and does not stand in one. */
static bool is_option(const struct sigma_text *t, uint32_t i)
{
	return (t->at[i] == '-' || t->at[i] == '/') && i + 1 < t->n && is_word(t->at[i + 1]) &&
	       (i == 0 || !is_word(t->at[i - 1]));
}

enum { DASHES = 5 };

static bool to_dashes(struct sigma_compile *c, const struct yaml_value *at,
		      const struct sigma_text *t, unsigned how, struct sigma_texts *to)
{
	static const char dashes[DASHES][4] = { "-", "/", "\xe2\x80\x93", "\xe2\x80\x94",
						"\xe2\x80\x95" };
	uint32_t options = 0, ways = 1;

	(void)how;
	for (uint32_t i = 0; i < t->n; i++)
		options += is_option(t, i);
	for (uint32_t i = 0; i < options && ways <= SIGMA_VALUES_MAX; i++)
		ways *= DASHES;
	if (ways > SIGMA_VALUES_MAX)
		return sigma_wrong(c, at, "windash makes more than %d values of it",
				   SIGMA_VALUES_MAX) == 0;
	for (uint32_t way = 0; way < ways; way++) {
		uint32_t rest = way;
		struct sigma_text ret;

		if (!new_text(c, t->n + 2 * (size_t)options, &ret))
			return false;
		for (uint32_t i = 0; i < t->n; i++) {
			if (!is_option(t, i)) {
				ret.at[ret.n++] = t->at[i];
				continue;
			}
			for (const char *d = dashes[rest % DASHES]; *d; d++)
				ret.at[ret.n++] = (unsigned char)*d;
			rest /= DASHES;
		}
		if (!push(c, to, &ret, t))
			return false;
	}
	return true;
}

enum { PLACEHOLDERS_MAX = 8 }; /* of one text */

/* Where the placeholder that begins at FROM has its second percent sign; 0: it is none. */
static uint32_t placeholder_end(const struct sigma_text *t, uint32_t from)
{
	uint32_t end = from + 1;

	while (end < t->n && t->at[end] != '%' && t->at[end] < SIGMA_STAR)
		end++;
	return t->at[from] == '%' && end > from + 1 && end < t->n && t->at[end] == '%' ? end : 0;
}

/* What a placeholder stands for: the list of that name in a policy. NULL: there is none, said. */
static const struct policy_values *placeholder_values(struct sigma_compile *c,
						      const struct yaml_value *at,
						      const struct sigma_text *t, uint32_t from,
						      uint32_t end)
{
	const struct policy_values *values;
	const char *why;
	char *name = sigma_alloc(c, end - from);

	if (!name)
		return NULL;
	for (uint32_t i = from + 1; i < end; i++)
		name[i - from - 1] = (char)t->at[i];
	name[end - from - 1] = '\0';
	why = policy_find_list(c->rules, name, &values);
	if (!why && values && !values->n)
		why = "that list is empty";
	if (!why && !values)
		why = "a policy's list of that name would give them";
	if (why)
		(void)sigma_wrong(c, at, "expand: no values are given for %%%.60s%%: %s", name,
				  why);
	return why ? NULL : values;
}

/* What stands from there on, behind what has been put together. */
static bool expand_from(struct sigma_compile *c, const struct yaml_value *at,
			const struct sigma_text *t, uint32_t from, struct sigma_text so_far,
			unsigned n_placeholders, struct sigma_texts *to)
{
	const struct policy_values *values;
	uint32_t end = 0;

	for (; from < t->n && !end; from++) {
		if (t->at[from] == '\\' && from + 1 < t->n && t->at[from + 1] == '%')
			so_far.at[so_far.n++] = t->at[++from];
		else if (!(end = placeholder_end(t, from)))
			so_far.at[so_far.n++] = t->at[from];
	}
	if (!end)
		return push(c, to, &so_far, t);
	if (n_placeholders == PLACEHOLDERS_MAX)
		return sigma_wrong(c, at, "expand: more than %d placeholders", PLACEHOLDERS_MAX) ==
		       0;
	values = placeholder_values(c, at, t, from - 1, end);
	for (const struct policy_value *v = values ? values->first : NULL; v; v = v->next) {
		struct sigma_text value, next;

		if (!scan_text(c, v->bytes, v->length, &value) ||
		    !new_text(c, (size_t)so_far.n + value.n + t->n - end, &next))
			return false;
		memcpy(next.at, so_far.at, so_far.n * sizeof(*next.at));
		memcpy(next.at + so_far.n, value.at, value.n * sizeof(*next.at));
		next.n = so_far.n + value.n;
		if (!expand_from(c, at, t, end + 1, next, n_placeholders + 1, to))
			return false;
	}
	return values != NULL;
}

/* %name% stands for the values of a list; \% is a percent sign. */
static bool expand(struct sigma_compile *c, const struct yaml_value *at, const struct sigma_text *t,
		   unsigned how, struct sigma_texts *to)
{
	struct sigma_text none;

	(void)how;
	return new_text(c, t->n, &none) && expand_from(c, at, t, 0, none, 0, to);
}

/* Modifiers ------------------------------------------------------------------------------------ */

enum modifier_way { OF_TEXTS, AS, SETS, OF_REGEX, OF_DATES };
enum { SET_ALL, SET_CASED, SET_NEGATED };
enum { REGEX_NOCASE, REGEX_MULTILINE, REGEX_DOTALL };

static const struct modifier {
	const char *name;
	uint8_t way, what, how;
	text_modifier *change;
} modifiers[] = {
	{ "contains", OF_TEXTS, 0, STAR_BEFORE | STAR_BEHIND, add_stars },
	{ "startswith", OF_TEXTS, 0, STAR_BEHIND, add_stars },
	{ "endswith", OF_TEXTS, 0, STAR_BEFORE, add_stars },
	{ "windash", OF_TEXTS, 0, 0, to_dashes },
	{ "base64", OF_TEXTS, 0, 0, to_base64 },
	{ "base64offset", OF_TEXTS, 0, 1, to_base64 },
	{ "wide", OF_TEXTS, 0, UTF16_LITTLE, to_utf16 },
	{ "utf16le", OF_TEXTS, 0, UTF16_LITTLE, to_utf16 },
	{ "utf16be", OF_TEXTS, 0, UTF16_BIG, to_utf16 },
	{ "utf16", OF_TEXTS, 0, UTF16_MARKED, to_utf16 },
	{ "expand", OF_TEXTS, 0, 0, expand },
	{ "all", SETS, SET_ALL, 0, NULL },
	{ "cased", SETS, SET_CASED, 0, NULL },
	{ "neq", SETS, SET_NEGATED, 0, NULL },
	{ "re", AS, SIGMA_REGEX, 0, NULL },
	{ "i", OF_REGEX, REGEX_NOCASE, 0, NULL },
	{ "ignorecase", OF_REGEX, REGEX_NOCASE, 0, NULL },
	{ "m", OF_REGEX, REGEX_MULTILINE, 0, NULL },
	{ "multiline", OF_REGEX, REGEX_MULTILINE, 0, NULL },
	{ "s", OF_REGEX, REGEX_DOTALL, 0, NULL },
	{ "dotall", OF_REGEX, REGEX_DOTALL, 0, NULL },
	{ "cidr", AS, SIGMA_CIDR, 0, NULL },
	{ "exists", AS, SIGMA_EXISTS, 0, NULL },
	{ "fieldref", AS, SIGMA_FIELD, 0, NULL },
	{ "lt", AS, SIGMA_NUMBER, RULE_LT, NULL },
	{ "lte", AS, SIGMA_NUMBER, RULE_LE, NULL },
	{ "gt", AS, SIGMA_NUMBER, RULE_GT, NULL },
	{ "gte", AS, SIGMA_NUMBER, RULE_GE, NULL },
	{ "minute", OF_DATES, 0, 0, NULL },
	{ "hour", OF_DATES, 1, 0, NULL },
	{ "day", OF_DATES, 2, 0, NULL },
	{ "week", OF_DATES, 3, 0, NULL },
	{ "month", OF_DATES, 4, 0, NULL },
	{ "year", OF_DATES, 5, 0, NULL },
};

static const struct sigma_part parts[] = {
	{ "minute", DERIVED_utc_minute, 0, 59 },     { "hour", DERIVED_utc_hour, 0, 23 },
	{ "day", DERIVED_utc_day, 1, 31 },	     { "week", DERIVED_utc_week, 1, 53 },
	{ "month", DERIVED_utc_month, 1, 12 },	     { "year", DERIVED_utc_year, 0, 9999 },
};

static const struct modifier *find_modifier(const char *name, size_t length)
{
	for (size_t i = 0; i < sizeof(modifiers) / sizeof(modifiers[0]); i++)
		if (strlen(modifiers[i].name) == length &&
		    memcmp(modifiers[i].name, name, length) == 0)
			return &modifiers[i];
	return NULL;
}

static bool change_texts(struct sigma_compile *c, const struct yaml_value *at,
			 const struct modifier *m, struct sigma_texts *texts)
{
	struct sigma_texts changed = { 0 };

	for (uint32_t i = 0; i < texts->n; i++) {
		if (m->change(c, at, &texts->v[i], m->how, &changed))
			continue;
		if (!c->is_wrong && !c->is_out_of_memory)
			(void)sigma_wrong(c, at, "more than %d values", SIGMA_VALUES_MAX);
		return false;
	}
	*texts = changed;
	return true;
}

/* Of fields that are compared with each other. */
static void note_side(struct sigma_modifiers *m, const struct modifier *with)
{
	m->contains |= with->how == (STAR_BEFORE | STAR_BEHIND);
	m->starts |= with->how == STAR_BEHIND;
	m->ends |= with->how == STAR_BEFORE;
}

static bool apply(struct sigma_compile *c, const struct yaml_value *key, const struct modifier *m,
		  bool is_first, struct sigma_modifiers *ret)
{
	bool is_star = m->change == add_stars;

	switch (m->way) {
	case OF_TEXTS:
		if (is_star && ret->compare == SIGMA_FIELD) {
			note_side(ret, m);
			return true;
		}
		if (ret->compare != SIGMA_TEXTS)
			return sigma_wrong(c, key, "'%s' is for texts", m->name) == 0;
		if (is_star)
			note_side(ret, m);
		return change_texts(c, key, m, &ret->texts);
	case SETS:
		ret->all |= m->what == SET_ALL;
		ret->cased |= m->what == SET_CASED;
		ret->negated |= m->what == SET_NEGATED;
		return true;
	case OF_REGEX:
		if (ret->compare != SIGMA_REGEX)
			return sigma_wrong(c, key, "'%s' stands behind re", m->name) == 0;
		if (m->what == REGEX_DOTALL)
			ret->regex_flags &= ~(unsigned)MATCH_NO_DOTALL;
		else if (m->what == REGEX_MULTILINE)
			ret->regex_flags |= MATCH_MULTILINE;
		else
			ret->ignores_case = true;
		return true;
	case OF_DATES:
		if (ret->compare != SIGMA_TEXTS || ret->contains || ret->starts || ret->ends)
			return sigma_wrong(c, key, "'%s' is for dates as they stand", m->name) == 0;
		ret->part = &parts[m->what];
		ret->compare = SIGMA_NUMBER;
		ret->op = RULE_EQ;
		return true;
	default:
		if (ret->part && ret->op == RULE_EQ && m->what == SIGMA_NUMBER) {
			ret->op = m->how;
			return true;
		}
		if (!is_first && m->what != SIGMA_FIELD &&
		    (ret->contains || ret->starts || ret->ends))
			return sigma_wrong(c, key, "'%s' is for values as they stand", m->name) ==
			       0;
		if (ret->compare != SIGMA_TEXTS)
			return sigma_wrong(c, key, "'%s' cannot be joined with what stands before",
					   m->name) == 0;
		ret->compare = m->what;
		ret->op = m->how;
		ret->regex_flags = MATCH_NO_DOTALL;
		return true;
	}
}

/* Values as written ---------------------------------------------------------------------------- */

static bool add_value(struct sigma_compile *c, const struct yaml_value *v, bool is_alone,
		      struct sigma_modifiers *ret)
{
	struct sigma_text t;
	char number[32];
	int64_t n;
	bool b;

	if (v->kind != YAML_SCALAR)
		return sigma_wrong(c, v, "a value is wanted here") == 0;
	if (yaml_is_null(v)) {
		if (!is_alone)
			return sigma_wrong(c, v, "null cannot stand in a list") == 0;
		ret->has_null = true;
		return true;
	}
	if (yaml_is_integer(v, &n)) {
		(void)snprintf(number, sizeof(number), "%lld", (long long)n);
		if (!copy_bytes(c, number, strlen(number), &t))
			return false;
		t.is_number = true;
		return push(c, &ret->texts, &t, NULL);
	}
	if (yaml_is_bool(v, &b)) {
		const char *word = b ? "true" : "false";

		return copy_bytes(c, word, strlen(word), &t) && push(c, &ret->texts, &t, NULL);
	}
	if (memchr(v->text, '\0', v->length))
		return sigma_wrong(c, v, "a value with a NUL in it") == 0;
	return scan_text(c, v->text, v->length, &t) && push(c, &ret->texts, &t, NULL);
}

static bool add_values(struct sigma_compile *c, const struct yaml_value *v,
		       struct sigma_modifiers *ret)
{
	if (v->kind == YAML_MAPPING)
		return sigma_wrong(c, v, "values are wanted here, and no fields") == 0;
	if (v->kind == YAML_SCALAR)
		return add_value(c, v, true, ret);
	if (v->n == 0)
		return sigma_wrong(c, v, "a list without values") == 0;
	if (v->n > SIGMA_VALUES_MAX)
		return sigma_wrong(c, v, "more than %d values", SIGMA_VALUES_MAX) == 0;
	for (uint32_t i = 0; i < v->n; i++)
		if (!add_value(c, v->items[i], v->n == 1, ret))
			return false;
	return true;
}

bool sigma_read_modifiers(struct sigma_compile *c, const struct yaml_value *key,
			  const struct yaml_value *v, struct sigma_modifiers *ret,
			  uint32_t *ret_length)
{
	const char *text = key ? key->text : "", *end = text + (key ? key->length : 0);
	const char *at = memchr(text, '|', (size_t)(end - text));
	bool is_first = true;

	*ret = (struct sigma_modifiers){ .list = v };
	*ret_length = (uint32_t)((at ? at : end) - text);
	if (!add_values(c, v, ret))
		return false;
	c->n_work += 1 + ret->texts.n;
	if (c->n_work > SIGMA_WORK_MAX)
		return sigma_wrong(c, v, "the rule asks for too much") == 0;
	while (at) {
		const char *name = at + 1;
		const struct modifier *m;

		at = memchr(name, '|', (size_t)(end - name));
		m = find_modifier(name, (size_t)((at ? at : end) - name));
		if (!m)
			return sigma_wrong(c, key, "unknown modifier '%.*s'",
					   (int)((at ? at : end) - name), name) == 0;
		if (!apply(c, key, m, is_first, ret))
			return false;
		is_first = false;
	}
	return true;
}
