/* SPDX-License-Identifier: BSD-2-Clause */
/* Values: bytes and wildcards, and the operator that finds them. */
#include <ctype.h>
#include <string.h>

#include "replay/match.h"
#include "replay/policy_lex.h"
#include "replay/sigma_impl.h"

bool sigma_parse_net(const char *text, size_t length, struct rule_net *ret)
{
	return policy_parse_net(text, length, ret);
}

static bool is_plain(const uint16_t *at, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (at[i] >= SIGMA_STAR)
			return false;
	return true;
}

static bool take_bytes(struct sigma_compile *c, const uint16_t *at, uint32_t n,
		       struct rule_value *ret)
{
	char *bytes = sigma_alloc(c, n + 1);

	if (!bytes)
		return false;
	for (uint32_t i = 0; i < n; i++)
		bytes[i] = (char)at[i];
	*ret = (struct rule_value){ .bytes = bytes, .length = n };
	return true;
}

/* Bytes that mean something in a glob stand in a set of their own. */
static bool take_glob(struct sigma_compile *c, const struct sigma_text *t, struct rule_value *ret)
{
	char *bytes = sigma_alloc(c, 3 * (size_t)t->n + 1);
	uint32_t n = 0;

	if (!bytes)
		return false;
	for (uint32_t i = 0; i < t->n; i++) {
		uint16_t one = t->at[i];

		if (one == SIGMA_STAR || one == SIGMA_ONE) {
			bytes[n++] = one == SIGMA_STAR ? '*' : '?';
		} else if (one == '*' || one == '?' || one == '[') {
			bytes[n++] = '[';
			bytes[n++] = (char)one;
			bytes[n++] = ']';
		} else {
			bytes[n++] = (char)one;
		}
	}
	*ret = (struct rule_value){ .bytes = bytes, .length = n };
	return true;
}

bool sigma_text_value(struct sigma_compile *c, const struct sigma_text *t, uint8_t *ret_op,
		      struct rule_value *ret)
{
	const uint16_t *at = t->at;
	uint32_t n = t->n;
	bool begins = false, ends = false;

	while (n && *at == SIGMA_STAR)
		at++, n--, begins = true;
	while (n && at[n - 1] == SIGMA_STAR)
		n--, ends = true;
	if (n == 0 && begins) {
		*ret = (struct rule_value){ 0 };
		*ret_op = RULE_EXISTS;
		return true;
	}
	if (!is_plain(at, n)) {
		*ret_op = RULE_GLOB;
		return take_glob(c, t, ret);
	}
	*ret_op = begins && ends ? RULE_CONTAINS :
		  begins	 ? RULE_ENDS :
		  ends		 ? RULE_STARTS :
				   RULE_EQ;
	return take_bytes(c, at, n, ret);
}

static bool fits_byte(uint16_t want, unsigned char byte, bool cased)
{
	if (want == SIGMA_ONE || want == byte)
		return true;
	return !cased && want < 128 && byte < 128 && tolower(want) == tolower(byte);
}

bool sigma_text_fits(const struct sigma_text *t, const char *text, bool cased)
{
	size_t length = strlen(text), at = 0, star_text = 0;
	uint32_t i = 0, star = UINT32_MAX;

	while (at < length) {
		if (i < t->n && t->at[i] == SIGMA_STAR) {
			star = i++;
			star_text = at;
		} else if (i < t->n && fits_byte(t->at[i], (unsigned char)text[at], cased)) {
			i++;
			at++;
		} else if (star != UINT32_MAX) {
			i = star + 1;
			at = ++star_text;
		} else {
			return false;
		}
	}
	while (i < t->n && t->at[i] == SIGMA_STAR)
		i++;
	return i == t->n;
}
