/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of what rules may ask for beside an event's own fields. */
#include "format/schema.h"
#include "replay/rules.h"

#define ROW(ident, name, kind, hint, doc) { name, hint, doc, REEL_##kind },

const struct rule_context_row rule_contexts[] = {
	RULE_EVENT_FIELDS(ROW) RULE_PROCESS_FIELDS(ROW){ 0 },
};

_Static_assert(sizeof(rule_contexts) / sizeof(rule_contexts[0]) == RULE_CONTEXTS + 1,
	       "a row for each field");

/* By enum rule_severity and enum rule_key. */
const char *const rule_op_words[] = {
	[RULE_EQ] = "==",
	[RULE_NE] = "!=",
	[RULE_LT] = "<",
	[RULE_LE] = "<=",
	[RULE_GT] = ">",
	[RULE_GE] = ">=",
	[RULE_BITS] = "&",
	[RULE_REGEX] = "=~",
	[RULE_NOT_REGEX] = "!~",
	[RULE_CONTAINS] = "contains",
	[RULE_STARTS] = "startswith",
	[RULE_ENDS] = "endswith",
	[RULE_GLOB] = "glob",
	[RULE_CIDR] = "in",
	[RULE_EXISTS] = "exists",
};

const char *const rule_severity_names[] = {
	"informational", "low", "medium", "high", "critical", NULL,
};
const char *const rule_key_names[] = {
	"family", "process", "container", "user", "host", NULL,
};

const char *const rule_absence_names[] = {
	[RULE_WRONG] = "rejected",    [RULE_UNSUPPORTED] = "rejected", [RULE_DISABLED] = "disabled",
	[RULE_SKIPPED] = "skipped",   [RULE_PART] = "loaded",
};

const char *const rule_language_names[] = {
	[RULE_POLICY] = "policy",
	[RULE_SIGMA] = "sigma",
	[RULE_FALCO] = "falco",
};

const char *rule_key_name(unsigned key)
{
	return key == RULE_BY_GROUP ? "group" : rule_key_names[key];
}

const struct reel_field *rule_own_field(const struct reel_type *type, const char *name)
{
	return reel_type_field(type, name);
}

enum rule_role rule_ref_role(const struct rule_ref *ref)
{
	if (ref->context == RULE_cmdline || ref->context == RULE_argv_line)
		return RULE_ROLE_LINE;
	if (ref->kind == REEL_ARGS)
		return ref->index == RULES_NONE ? RULE_ROLE_ARGS : RULE_ROLE_TEXT;
	return ref->kind == REEL_PATH ? RULE_ROLE_PATH : RULE_ROLE_TEXT;
}
