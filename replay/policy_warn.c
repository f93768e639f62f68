/* SPDX-License-Identifier: BSD-2-Clause */
/* Texts that compile and cannot do what they seem to promise. */
#include <ctype.h>
#include <string.h>

#include "replay/policy_check.h"

/* An option as people look for it in a pattern: - or -- and a letter, with no word before it. */
static bool has_option(const char *text, uint32_t length)
{
	for (uint32_t i = 0; i + 1 < length; i++) {
		uint32_t letter = i + 1;

		if (text[i] != '-' ||
		    (i && (isalnum((unsigned char)text[i - 1]) || strchr("-_]/[", text[i - 1]))))
			continue;
		if (text[letter] == '-' && letter + 1 < length)
			letter++;
		if (isalpha((unsigned char)text[letter]))
			return true;
	}
	return false;
}

/* \\xHH in a pattern is a backslash, an x and two digits, not the byte. */
static bool has_escaped_escape(const char *text, uint32_t length)
{
	for (uint32_t i = 0; i + 5 <= length; i++)
		if (memcmp(text + i, "\\\\x", 3) == 0 && isxdigit((unsigned char)text[i + 3]) &&
		    isxdigit((unsigned char)text[i + 4]))
			return true;
	return false;
}

/* /dev/tcp, /dev/udp, or both as alternatives. */
static bool names_network_of_bash(const char *text, uint32_t length)
{
	const char *end = text + length, *at = text;

	while ((at = memmem(at, (size_t)(end - at), "/dev/", 5)) != NULL) {
		at += 5;
		while (at < end && strchr("(?:", *at) && *at)
			at++;
		if (end - at >= 3 && (memcmp(at, "tcp", 3) == 0 || memcmp(at, "udp", 3) == 0))
			return true;
	}
	return false;
}

void policy_warn_string(struct policy_file *f, struct policy_at at, const struct rule_leaf *leaf,
			const char *bytes, uint32_t length)
{
	bool is_pattern = leaf->op == RULE_REGEX || leaf->op == RULE_NOT_REGEX;

	if (leaf->left.kind == REEL_ARGS && leaf->left.index == 0 && has_option(bytes, length))
		policy_warn(f, at, "argv[0] is the program's own name; options are found by argv");
	if (is_pattern && has_escaped_escape(bytes, length))
		policy_warn(f, at,
			    "this looks for the characters \\x.., not for the byte: one \\ "
			    "less");
	if (leaf->left.kind == REEL_PATH && names_network_of_bash(bytes, length))
		policy_warn(f, at,
			    "no such file is ever opened: /dev/tcp and /dev/udp are inside of bash"
			    " only");
}
