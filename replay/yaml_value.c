/* SPDX-License-Identifier: BSD-2-Clause */
/* What values of YAML mean. */
#include <ctype.h>
#include <string.h>

#include "replay/yaml_tree.h"

bool yaml_is(const struct yaml_value *v, const char *text)
{
	return v && v->kind == YAML_SCALAR && v->length == strlen(text) &&
	       memcmp(v->text, text, v->length) == 0;
}

const struct yaml_value *yaml_get(const struct yaml_value *map, const char *key)
{
	if (!map || map->kind != YAML_MAPPING)
		return NULL;
	for (uint32_t i = 0; i < map->n; i++)
		if (yaml_is(yaml_key(map, i), key))
			return yaml_at(map, i);
	return NULL;
}

static bool is_plain(const struct yaml_value *v)
{
	return v && v->kind == YAML_SCALAR && !v->is_string;
}

static bool is_one_of(const struct yaml_value *v, const char *const *words)
{
	for (; *words; words++)
		if (yaml_is(v, *words))
			return true;
	return false;
}

bool yaml_is_null(const struct yaml_value *v)
{
	static const char *const words[] = { "", "~", "null", "Null", "NULL", NULL };

	return is_plain(v) && is_one_of(v, words);
}

bool yaml_is_bool(const struct yaml_value *v, bool *ret)
{
	static const char *const yes[] = { "true", "True", "TRUE", "yes", "Yes",
					   "YES",  "on",   "On",   "ON",  NULL };
	static const char *const no[] = { "false", "False", "FALSE", "no",  "No",
					  "NO",	   "off",   "Off",   "OFF", NULL };

	if (!is_plain(v))
		return false;
	*ret = is_one_of(v, yes);
	return *ret || is_one_of(v, no);
}

/* Underscores may stand between digits, which say nothing. */
static bool read_digits(const char *p, const char *end, unsigned base, uint64_t *ret)
{
	bool any = false;

	*ret = 0;
	for (; p < end; p++) {
		const char *all = "0123456789abcdef";
		const char *digit = strchr(all, tolower((unsigned char)*p));

		if (*p == '_')
			continue;
		if (!*p || !digit || (unsigned)(digit - all) >= base)
			return false;
		if (__builtin_mul_overflow(*ret, base, ret) ||
		    __builtin_add_overflow(*ret, (unsigned)(digit - all), ret))
			return false;
		any = true;
	}
	return any;
}

bool yaml_is_integer(const struct yaml_value *v, int64_t *ret)
{
	const char *p, *end;
	unsigned base = 10;
	uint64_t n;
	bool is_negative;

	if (!is_plain(v) || v->length == 0)
		return false;
	p = v->text;
	end = p + v->length;
	is_negative = *p == '-';
	if (*p == '-' || *p == '+')
		p++;
	if (p == end || !isdigit((unsigned char)*p))
		return false;
	if (end - p > 2 && *p == '0' && (p[1] == 'x' || p[1] == 'b')) {
		base = p[1] == 'x' ? 16 : 2;
		p += 2;
	} else if (end - p > 1 && *p == '0') {
		base = 8;
		p++;
	}
	if (!read_digits(p, end, base, &n) || n > (uint64_t)INT64_MAX + is_negative)
		return false;
	*ret = is_negative ? (int64_t)(0 - n) : (int64_t)n;
	return true;
}

/* Digits with a point between them, or a whole number. */
bool yaml_is_number(const struct yaml_value *v, double *ret)
{
	const char *p;
	double unit = 1, x = 0;
	int64_t n;

	if (yaml_is_integer(v, &n)) {
		*ret = (double)n;
		return true;
	}
	if (!is_plain(v) || v->length == 0)
		return false;
	p = v->text + (v->text[0] == '-' || v->text[0] == '+');
	if (!isdigit((unsigned char)*p))
		return false;
	for (; isdigit((unsigned char)*p); p++)
		x = 10 * x + (*p - '0');
	if (*p++ != '.')
		return false;
	for (; isdigit((unsigned char)*p); p++) {
		x = 10 * x + (*p - '0');
		unit *= 10;
	}
	if (p != v->text + v->length)
		return false;
	*ret = v->text[0] == '-' ? -x / unit : x / unit;
	return true;
}
