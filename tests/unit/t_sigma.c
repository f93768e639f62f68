/* SPDX-License-Identifier: BSD-2-Clause */
/* Sigma: what values, modifiers and conditions become, and what is refused. */
#include <stdlib.h>

#include "replay/policy.h"
#include "replay/rules.h"
#include "tests/unit/harness.h"

enum { TEXT_MAX = 4096 };

static struct rules *load(const char *text)
{
	struct reel_err err = { 0 };
	struct rules *r = NULL;

	if (rules_new(&r, &err) < 0 || rules_load_yaml(r, "t.yml", text, strlen(text), &err) < 0 ||
	    rules_finish(r, &err) < 0)
		T_FAIL("%s: %s", text, err.msg);
	return r;
}

/* A rule with this under `detection`. */
static struct rules *detect(const char *logsource, const char *detection)
{
	char text[TEXT_MAX];

	(void)snprintf(text, sizeof(text), "title: t\nlogsource: {%s}\ndetection: {%s}\n",
		       logsource, detection);
	return load(text);
}

static const char exec_source[] = "product: linux, category: process_creation";

/* The first leaf of the expression, from the left. */
static const struct rule_leaf *first_leaf(const struct rules *r, uint32_t at)
{
	while (r->exprs[at].op != RULE_EXPR_LEAF) {
		if (r->exprs[at].op == RULE_EXPR_TRUE)
			return NULL;
		at = r->exprs[at].a;
	}
	return &r->leaves[r->exprs[at].a];
}

static void check_value(const char *item, enum rule_op op, const char *value, int line)
{
	char detection[512];
	struct rules *r;
	const struct rule_leaf *leaf;

	(void)snprintf(detection, sizeof(detection), "s: {%s}, condition: s", item);
	r = detect(exec_source, detection);
	leaf = r->n ? first_leaf(r, r->steps[r->list[0].nodes[0].step].expr) : NULL;
	if (!leaf)
		T_FAIL("line %d: %s: no leaf; %s", line, item,
		       r->n_rejected_rules ? r->rejected[0].reason : "");
	else if (leaf->op != op || (leaf->n_values != 1 && op != RULE_EXISTS))
		T_FAIL("line %d: %s: operator %u, %u values", line, item, leaf->op, leaf->n_values);
	else if (op != RULE_EXISTS && (leaf->values[0].length != strlen(value) ||
				       memcmp(leaf->values[0].bytes, value, strlen(value)) != 0))
		T_FAIL("line %d: %s: '%.*s'", line, item, (int)leaf->values[0].length,
		       leaf->values[0].bytes);
	rules_free(r);
}

#define IS(item, op, value) check_value(item, op, value, __LINE__)

TEST(wildcards_and_escapes)
{
	IS("Image: /bin/x", RULE_EQ, "/bin/x");
	IS("Image: '*x'", RULE_ENDS, "x");
	IS("Image: 'x*'", RULE_STARTS, "x");
	IS("Image: '**x*'", RULE_CONTAINS, "x");
	IS("Image: '*'", RULE_EXISTS, "");
	IS("Image: 'a*b'", RULE_GLOB, "a*b");
	IS("Image: 'a?b'", RULE_GLOB, "a?b");
	IS("Image: 'a\\*b'", RULE_EQ, "a*b");
	IS("Image: 'a\\\\*'", RULE_STARTS, "a\\");
	IS("Image: 'a\\\\\\*'", RULE_EQ, "a\\*");
	IS("Image: 'a\\\\\\\\'", RULE_EQ, "a\\\\");
	IS("Image: 'a\\db\\'", RULE_EQ, "a\\db\\");
	IS("Image: 'a[?\\?*b'", RULE_GLOB, "a[[]?[?]*b");
	IS("Image: 10", RULE_EQ, "10");
	IS("Image: 0x10", RULE_EQ, "16");
	IS("Image: true", RULE_EQ, "true");
	IS("Image: ''", RULE_EQ, "");
}

TEST(modifiers)
{
	IS("Image|contains: x", RULE_CONTAINS, "x");
	IS("Image|startswith: /home/*/x", RULE_GLOB, "/home/*/x*");
	IS("Image|endswith: /x", RULE_ENDS, "/x");
	IS("CommandLine|base64: foo", RULE_EQ, "Zm9v");
	IS("CommandLine|wide|base64|contains: ab", RULE_CONTAINS, "YQBiAA==");
	IS("CommandLine|re: '^a.b'", RULE_REGEX, "^a.b");
	IS("CommandLine|re|i: 'a'", RULE_REGEX, "(?i)a");
	IS("Image|exists: yes", RULE_EXISTS, "");
	IS("CommandLine|expand: '50\\%'", RULE_EQ, "50%");
}

/* How many values the first leaf has. */
static uint32_t n_values(const char *item)
{
	char detection[512];
	uint32_t n = 0;
	struct rules *r;

	(void)snprintf(detection, sizeof(detection), "s: {%s}, condition: s", item);
	r = detect(exec_source, detection);
	if (r->n)
		n = first_leaf(r, r->steps[r->list[0].nodes[0].step].expr)->n_values;
	rules_free(r);
	return n;
}

TEST(values_that_become_several)
{
	CHECK_EQ(n_values("CommandLine|base64offset|contains: foobar"), 3);
	CHECK_EQ(n_values("CommandLine|windash|contains: ' -a'"), 5);
	CHECK_EQ(n_values("CommandLine|windash: '-a /b c-d'"), 25);
	CHECK_EQ(n_values("CommandLine|contains: [a, b, c]"), 3);
	CHECK_EQ(n_values("CommandLine|contains|all: [a, b, c]"), 1);
}

static unsigned flags_of(const char *item)
{
	char detection[512];
	unsigned flags = 0xff;
	struct rules *r;

	(void)snprintf(detection, sizeof(detection), "s: {%s}, condition: s", item);
	r = detect(exec_source, detection);
	if (r->n)
		flags = first_leaf(r, r->steps[r->list[0].nodes[0].step].expr)->match_flags;
	rules_free(r);
	return flags;
}

TEST(case_and_patterns)
{
	CHECK_EQ(flags_of("Image: x"), MATCH_NOCASE);
	CHECK_EQ(flags_of("Image|cased: x"), 0);
	CHECK_EQ(flags_of("Image|re: x"), MATCH_NO_DOTALL);
	CHECK_EQ(flags_of("Image|re|s: x"), 0);
	CHECK_EQ(flags_of("Image|re|m|s: x"), MATCH_MULTILINE);
}

static void check_rejected(const char *item, const char *condition, const char *want, int line)
{
	char detection[1024];
	struct rules *r;

	(void)snprintf(detection, sizeof(detection),
		       "\n  s: {%s}\n  t: {Image: x}\n  condition: %s\n", item, condition);
	{
		char text[TEXT_MAX];

		(void)snprintf(text, sizeof(text), "title: t\nlogsource: {%s}\ndetection:%s",
			       exec_source, detection);
		r = load(text);
	}
	if (r->n || r->n_rejected_rules != 1 || !strstr(r->rejected[0].reason, want))
		T_FAIL("line %d: %s: %u rules, '%s' and not '%s'", line, item, r->n,
		       r->n_rejected_rules ? r->rejected[0].reason : "", want);
	rules_free(r);
}

#define REJECTED(item, want) check_rejected(item, "s", want, __LINE__)
#define CONDITION(condition, want) check_rejected("Image: y", condition, want, __LINE__)

TEST(what_is_refused)
{
	REJECTED("Image|contain: x", "unknown modifier 'contain'");
	REJECTED("Image|re: '('", "parenthes");
	REJECTED("Image|cidr: 10.0.0.0/33", "no network");
	REJECTED("Image|expand: '%shells%'", "no values are given for %shells%");
	REJECTED("Image: [a, null]", "null cannot stand in a list");
	REJECTED("Image|base64: 'a*'", "wildcards cannot be encoded");
	REJECTED("Image|contains|re: x", "values as they stand");
	REJECTED("Image|i: x", "stands behind re");
	REJECTED("Image|exists: x", "true or false");
	REJECTED("ProcessId|gt: x", "no whole number");
	REJECTED("Image: {a: b}", "values are wanted");
	REJECTED("Image|hour: 3", "'hour' is for dates, and this field is none");
	REJECTED("UtcTime|hour: 24", "no hour is 24");
	REJECTED("UtcTime|day|gte: 0", "no day is 0");
	REJECTED("UtcTime|minute: x", "no whole number");
	REJECTED("UtcTime|gte|hour: 3", "dates as they stand");
	REJECTED("UtcTime|contains|week: 3", "dates as they stand");
	REJECTED("UtcTime|month|startswith: 3", "is for texts");
}

TEST(conditions)
{
	static const char *const right[] = {
		"s",
		"s and t",
		"s or not t",
		"(s or t) and not s",
		"1 of them",
		"any of s*",
		"all of them",
		"not 1 of t*",
		"S and t and T",
		"[s, t]",
		"s AND (t OR s)",
		"1 of * and all of *",
	};
	struct rules *r;

	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
		char detection[256];

		(void)snprintf(
			detection, sizeof(detection),
			"s: {Image: a}, S: {Image: b}, T: {Image: c}, t: {User: d}, _u: {Image: "
			"e}, condition: %s",
			right[i]);
		r = detect(exec_source, detection);
		if (r->n != 1)
			T_FAIL("%s: %s", right[i],
			       r->n_rejected_rules ? r->rejected[0].reason : "nothing");
		rules_free(r);
	}
	CONDITION("s and", "ends too early");
	CONDITION("s t", "'t' is not expected");
	CONDITION("(s", "ends too early");
	CONDITION("s | count() > 5", "aggregation");
	CONDITION("u", "there is none");
	CONDITION("1 of u*", "there is none");
	CONDITION("2 of them", "no part of Sigma");
	CONDITION("''", "a condition is a text");
}

/* Why a rule cannot fire, or what of it cannot be decided. */
static void check_why(const char *logsource, const char *detection, const char *why_not,
		      const char *partly, int line)
{
	struct rules *r = detect(logsource, detection);
	const struct rule *rule = r->n ? &r->list[0] : NULL;

	if (!rule)
		T_FAIL("line %d: %s", line, r->n_rejected_rules ? r->rejected[0].reason : "");
	else if (!rule->why_not != !why_not || (why_not && !strstr(rule->why_not, why_not)))
		T_FAIL("line %d: not evaluable: %s", line, rule->why_not ? rule->why_not : "-");
	else if (!rule->partly != !partly || (partly && !strstr(rule->partly, partly)))
		T_FAIL("line %d: partly: %s", line, rule->partly ? rule->partly : "-");
	rules_free(r);
}

#define WHY(source, detection, why_not, partly) \
	check_why(source, detection, why_not, partly, __LINE__)

TEST(what_cannot_be_decided)
{
	WHY(exec_source, "s: {Image: x}, condition: s", NULL, NULL);
	WHY(exec_source, "s: {Hashes: x}, condition: s", "no event tells Hashes", NULL);
	WHY(exec_source, "s: {Image: x}, t: {Hashes: x}, condition: s or t", NULL,
	    "no event tells Hashes");
	WHY("product: linux, category: network_connection",
	    "s: {DestinationHostname: x}, condition: s", NULL, NULL);
	WHY("product: linux, category: network_connection", "s: {SourceHostname: x}, condition: s",
	    "only of who is connected to", NULL);
	WHY("product: linux, service: sshd", "s: [x], condition: s", "text that is not recorded",
	    NULL);
	WHY("product: windows", "s: [x], condition: s", "what is recorded is Linux", NULL);
	WHY("product: linux", "s: [x], condition: s", NULL, "lines of logs");
	WHY("product: linux, service: auditd", "s: {type: TTY}, condition: s",
	    "no event is a record with type 'TTY'", NULL);
	WHY("product: linux, service: auditd", "s: {type: execve, a1|contains: x}, condition: s",
	    NULL, NULL);
	WHY("product: linux, service: auditd", "s: {type: PATH, a0: x}, condition: s",
	    "no event can be", NULL);
}

/* Records of auditd are never merged: each type of events has an expression of its own. */
TEST(records_apart)
{
	struct rules *r =
		detect("product: linux, service: auditd",
		       "s: {type: PATH, name: /etc/x}, t: {type: EXECVE, a0: y}, condition: 1 "
		       "of them");
	uint32_t on_exec = 0, on_open = 0;

	REQUIRE(r->n == 1);
	for (uint32_t i = 0; i < r->list[0].n_nodes; i++) {
		const struct rule_step *s = &r->steps[r->list[0].nodes[i].step];

		on_exec += s->types[EV_exec / 8] >> EV_exec % 8 & 1;
		on_open += s->types[EV_open / 8] >> EV_open % 8 & 1;
		CHECK(r->list[0].nodes[i].is_end && r->list[0].nodes[i].parent == RULES_NONE);
	}
	CHECK_EQ(on_exec, 1);
	CHECK_EQ(on_open, 1);
	rules_free(r);
}

static const char chain_base[] =
	"title: b\nname: b\nlogsource: {product: linux, category: process_creation}\n"
	"detection: {s: {Image: x}, condition: s}\n---\n";

static size_t put_count(char *at, size_t room, const char *name, const char *of, const char *how)
{
	return (size_t)snprintf(at, room,
				"title: %s\nname: %s\ncorrelation: {type: event_count, "
				"rules: [%s], timespan: 1m, group-by: [User], condition: {%s}}\n"
				"---\n",
				name, name, of, how);
}

/* N counts, each of the one before. */
static struct rules *chain_of(unsigned n)
{
	char text[2 * TEXT_MAX], of[16] = "b";
	size_t used = (size_t)snprintf(text, sizeof(text), "%s", chain_base);

	for (unsigned i = 0; i < n; i++) {
		char name[sizeof(of)];

		(void)snprintf(name, sizeof(name), "c%u", i);
		used += put_count(text + used, sizeof(text) - used, name, of, "gte: 2");
		memcpy(of, name, sizeof(of));
	}
	return load(text);
}

TEST(correlations_of_correlations)
{
	char text[TEXT_MAX];
	struct rules *r = chain_of(8);
	size_t used;

	/* The rule and all counts but the last are silent; their nodes are the last one's. */
	REQUIRE(r->n == 1);
	CHECK_EQ(r->list[0].n_nodes, 8);
	CHECK_EQ(r->n_rejected_rules, 8);
	for (uint32_t i = 0; i < 8; i++) {
		CHECK_EQ(r->list[0].nodes[i].feeds, i);
		CHECK_EQ(r->list[0].nodes[i].chain, i);
		CHECK(r->list[0].nodes[i].is_end && r->list[0].nodes[i].parent == RULES_NONE);
	}
	rules_free(r);
	r = chain_of(9);
	CHECK(r->n_errors && strstr(r->rejected[0].reason, "8 deep"));
	rules_free(r);

	used = (size_t)snprintf(text, sizeof(text), "%s", chain_base);
	used += put_count(text + used, sizeof(text) - used, "few", "b", "lt: 2");
	(void)put_count(text + used, sizeof(text) - used, "many", "few", "gte: 2");
	r = load(text);
	CHECK(r->n == 1 && strstr(r->rejected[0].reason, "when its time is over"));
	rules_free(r);

	used = (size_t)snprintf(text, sizeof(text), "%s", chain_base);
	used += put_count(text + used, sizeof(text) - used, "one", "two", "gte: 2");
	(void)put_count(text + used, sizeof(text) - used, "two", "one", "gte: 2");
	r = load(text);
	CHECK_EQ(r->n_errors, 2);
	rules_free(r);
}

TEST(correlations)
{
	static const char base[] =
		"title: b\nname: b\nlogsource: {product: linux, category: "
		"process_creation}\ndetection: {s: {Image: x}, condition: s}\n---\n"
		"title: c\ncorrelation:\n  rules: [b]\n";
	static const struct {
		const char *text;
		uint8_t kind;
		uint32_t count;
	} right[] = {
		{ "  type: event_count\n  timespan: 1m\n  condition: {gte: 5}\n", RULE_NODE_COUNT,
		  5 },
		{ "  type: event_count\n  timespan: 1m\n  condition: {gt: 5}\n", RULE_NODE_COUNT,
		  6 },
		{ "  type: event_count\n  timespan: 1m\n  condition: {gte: 1}\n", RULE_NODE_STEP,
		  1 },
		{ "  type: event_count\n  timespan: 1h\n  condition: {lt: 5}\n", RULE_NODE_WINDOW,
		  0 },
		{ "  type: value_count\n  timespan: 1d\n  group-by: [User]\n  condition: {field: "
		  "ProcessId, gte: 3}\n",
		  RULE_NODE_COUNT, 3 },
		{ "  type: value_sum\n  timespan: 9s\n  condition: {field: ProcessId, gt: 3}\n",
		  RULE_NODE_WINDOW, 0 },
		{ "  type: value_avg\n  timespan: 9s\n  condition: {field: ProcessId, gt: 3.5}\n",
		  RULE_NODE_WINDOW, 0 },
		{ "  type: value_percentile\n  timespan: 9s\n  condition: {field: ProcessId, "
		  "percentile: 50, gt: 3}\n",
		  RULE_NODE_WINDOW, 0 },
		{ "  type: value_percentile\n  timespan: 9s\n  condition: {field: [Image, User], "
		  "lte: 1.5}\n",
		  RULE_NODE_WINDOW, 0 },
		{ "  type: value_count\n  timespan: 1d\n  condition: {field: [Image, User], gte: "
		  "2}\n",
		  RULE_NODE_COUNT, 2 },
	};
	static const struct {
		const char *text, *why;
	} wrong[] = {
		{ "  type: value_avg\n  timespan: 1m\n  condition: {field: [Image, User], gt: 2}\n",
		  "of one field" },
		{ "  type: event_count\n  timespan: 1m\n  condition: {gte: 1.5}\n",
		  "a whole number" },
		{ "  type: value_percentile\n  timespan: 1m\n  condition: {field: Image, "
		  "percentile: 101, gt: 2}\n",
		  "between 0 and 100" },
		{ "  type: value_sum\n  timespan: 1m\n  condition: {field: ProcessId, percentile: "
		  "5, gt: 2}\n",
		  "for value_percentile" },
		{ "  type: temporal\n  timespan: 1m\n  condition: {gte: 2}\n",
		  "of all of its rules" },
		{ "  type: event_counts\n  timespan: 1m\n", "unknown type" },
		{ "  type: event_count\n  timespan: 1\n", "a timespan is" },
		{ "  type: event_count\n  timespan: 1m\n", "needs a condition" },
		{ "  type: event_count\n  timespan: 1m\n  condition: {ge: 1}\n", "a condition is" },
		{ "  type: event_count\n  timespan: 1m\n  condition: {gte: 9999}\n", "1024" },
		{ "  type: value_count\n  timespan: 1m\n  condition: {gte: 2}\n",
		  "of which field" },
		{ "  type: event_count\n  timespan: 1m\n  group-by: [Hashes]\n  condition: "
		  "{gte: 2}\n",
		  "has the field 'Hashes'" },
	};
	char text[TEXT_MAX];
	struct rules *r;

	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
		(void)snprintf(text, sizeof(text), "%s%s", base, right[i].text);
		r = load(text);
		REQUIRE(r->n == 1);
		CHECK_EQ(r->list[0].key, RULE_BY_GROUP);
		CHECK_EQ(r->list[0].nodes[0].kind, right[i].kind);
		CHECK_EQ(r->list[0].nodes[0].count, right[i].count);
		CHECK(r->n_rejected_rules == 1 && r->rejected[0].absence == RULE_PART);
		rules_free(r);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		(void)snprintf(text, sizeof(text), "%s%s", base, wrong[i].text);
		r = load(text);
		if (r->n != 1 || !r->n_errors || !strstr(r->rejected[0].reason, wrong[i].why))
			T_FAIL("%s: %s", wrong[i].text,
			       r->n_rejected_rules ? r->rejected[0].reason : "taken");
		rules_free(r);
	}
}
