/* SPDX-License-Identifier: BSD-2-Clause */
/* A step: its types, its predicates, and what stands behind them. */
#include <string.h>

#include "format/names.h"
#include "format/options.h"
#include "replay/policy_parse.h"

static const char *const statement_words[] = {
	"block",    "any",	   "all",  "unless", "within",	  "by",
	"severity", "description", "tags", "author", "reference", "falsepositives",
};

enum { N_STATEMENT_WORDS = sizeof(statement_words) / sizeof(statement_words[0]) };

bool policy_is_statement_word(const struct policy_parser *p)
{
	for (int i = 0; i < N_STATEMENT_WORDS; i++)
		if (policy_is_word(p, statement_words[i]))
			return true;
	return false;
}

static const char *nearest_step(struct policy_parser *p, const char *word)
{
	struct reel_nearest near = REEL_NEAREST(word);

	for (int i = 0; i < N_STATEMENT_WORDS; i++)
		reel_nearest_offer(&near, statement_words[i]);
	for (const struct reel_type *t = reel_types; t->name; t++) {
		const char *alias = t->aliases;

		reel_nearest_offer(&near, t->name);
		while (*alias) {
			size_t n = strcspn(alias, " ");
			char *name = policy_text(p->file, alias, n);

			if (!name)
				return NULL;
			reel_nearest_offer(&near, name);
			alias += n + (alias[n] == ' ');
		}
	}
	return near.best;
}

void policy_unknown_step(struct policy_parser *p, struct policy_at at, const char *word)
{
	unsigned abi, number;
	const char *near;

	if (reel_syscall_find(word, strlen(word), &abi, &number) == 0) {
		policy_error(p->file, at,
			     "no type of event is that of the call '%.40s'; if recorded by -e sys: "
			     "sys { syscall == \"%.40s\" }",
			     word, word);
		return;
	}
	near = nearest_step(p, word);
	if (near)
		policy_error(p->file, at, "unknown step '%.40s', did you mean '%s'?", word, near);
	else
		policy_error(p->file, at, "unknown step '%.40s'", word);
}

static bool add_type(struct policy_file *f, struct policy_step *step, const struct reel_type *t)
{
	uint32_t n = step->n_types;

	for (uint32_t i = 0; i < n; i++)
		if (step->types[i] == t)
			return true;
	if ((n & (n - 1)) == 0) {
		const struct reel_type **more = policy_alloc(f, (n ? n * 2 : 1) * sizeof(*more));

		if (!more)
			return false;
		if (n)
			memcpy(more, step->types, n * sizeof(*more));
		step->types = more;
	}
	step->types[step->n_types++] = t;
	return true;
}

/* A step reads open as whatever opens a file. */
static const uint8_t open_too[] = { EV_create, EV_open_by_handle };

static bool parse_types(struct policy_parser *p, struct policy_step *step)
{
	bool is_wrong = false;

	do {
		const struct reel_type *t;
		struct policy_at at = p->token.at;
		char *word;

		if (!policy_is(p, TOKEN_NAME)) {
			policy_unexpected(p, "a type of event");
			return false;
		}
		t = reel_type_by_name(p->token.bytes, p->token.length);
		word = policy_take_text(p);
		if (!word)
			return false;
		if (!t) {
			policy_unknown_step(p, at, word);
			is_wrong = true;
			continue;
		}
		if (!add_type(p->file, step, t))
			return false;
		for (size_t i = 0; t->id == EV_open && i < sizeof(open_too); i++)
			if (!add_type(p->file, step, reel_type_by_id(open_too[i])))
				return false;
	} while (policy_take(p, TOKEN_PIPE));
	if (is_wrong)
		step->n_types = 0;
	return true;
}

static bool parse_duration(struct policy_parser *p, uint64_t *ret_ns)
{
	if (policy_take_word(p, "forever")) {
		*ret_ns = RULES_FOREVER;
		return true;
	}
	if (policy_is(p, TOKEN_INTEGER)) {
		policy_error(p->file, p->token.at, "%.*s needs a unit, such as %.*ss",
			     (int)(p->token.length < 20 ? p->token.length : 20), p->token.bytes,
			     (int)(p->token.length < 20 ? p->token.length : 20), p->token.bytes);
		policy_next(p);
		return true;
	}
	*ret_ns = p->token.number;
	return policy_expect(p, TOKEN_DURATION, "a duration such as 60s");
}

bool policy_goes_on(const struct policy_parser *p)
{
	return !p->token.on_new_line;
}

bool policy_parse_within(struct policy_parser *p, bool *has, struct policy_at *at, uint64_t *ret_ns)
{
	if (*has)
		policy_error(p->file, p->token.at, "the step has a within already");
	*has = true;
	*at = p->token.at;
	policy_next(p);
	return parse_duration(p, ret_ns);
}

static bool parse_count(struct policy_parser *p, struct policy_step *step)
{
	if (step->has_count)
		policy_error(p->file, p->token.at, "the step has a count already");
	step->has_count = true;
	step->count_at = p->token.at;
	policy_next(p);
	if (!policy_is(p, TOKEN_INTEGER)) {
		policy_unexpected(p, "how many");
		return false;
	}
	if (p->token.number < 2 || p->token.number > RULES_COUNT_MAX)
		policy_error(p->file, p->token.at, "a count is 2 to %d", RULES_COUNT_MAX);
	step->count = (uint32_t)p->token.number;
	policy_next(p);
	if (policy_take_word(p, "distinct")) {
		if (!policy_is(p, TOKEN_NAME)) {
			policy_unexpected(p, "a field");
			return false;
		}
		step->has_distinct = true;
		step->distinct_at = p->token.at;
		step->distinct = policy_take_text(p);
		if (!policy_parse_index(p, &step->distinct_index))
			return false;
	}
	if (!policy_take_word(p, "within")) {
		policy_unexpected(p, "within and the window of the count");
		return false;
	}
	return parse_duration(p, &step->window_ns);
}

static const char *const reserved_names[] = { "parent", "ancestor", "container" };

static bool parse_as(struct policy_parser *p, struct policy_step *step)
{
	if (step->name)
		policy_error(p->file, p->token.at, "the step has a name already");
	policy_next(p);
	if (!policy_is(p, TOKEN_NAME) || memchr(p->token.bytes, '.', p->token.length)) {
		policy_unexpected(p, "a name without dots");
		return false;
	}
	for (size_t i = 0; i < sizeof(reserved_names) / sizeof(reserved_names[0]); i++)
		if (policy_is_word(p, reserved_names[i]))
			policy_error(p->file, p->token.at, "'%s' is the beginning of field names",
				     reserved_names[i]);
	step->name_at = p->token.at;
	step->name = policy_take_text(p);
	return step->name != NULL;
}

static bool parse_endings(struct policy_parser *p, struct policy_step *step)
{
	bool ok = true;

	while (ok) {
		if (policy_is_word(p, "as")) {
			ok = parse_as(p, step);
		} else if (policy_is_word(p, "count")) {
			ok = parse_count(p, step);
		} else if (policy_is_word(p, "within") && policy_goes_on(p)) {
			ok = policy_parse_within(p, &step->has_within, &step->within_at,
						 &step->within_ns);
		} else if (policy_is(p, TOKEN_DOTS) && policy_goes_on(p)) {
			step->collects = true;
			step->collects_at = p->token.at;
			policy_next(p);
		} else {
			return true;
		}
	}
	return false;
}

struct policy_step *policy_parse_step(struct policy_parser *p)
{
	struct policy_step *step = policy_alloc(p->file, sizeof(*step));

	if (!step)
		return NULL;
	step->at = p->token.at;
	step->may_create = p->token.after_creation;
	step->outcome = RULE_SUCCEEDED;
	if (!parse_types(p, step))
		return NULL;
	step->says_outcome = policy_is_word(p, "failed") || policy_is_word(p, "attempted");
	if (policy_take_word(p, "failed"))
		step->outcome = RULE_FAILED;
	else if (policy_take_word(p, "attempted"))
		step->outcome = RULE_ATTEMPTED;
	if (policy_take(p, TOKEN_OPEN_BRACE)) {
		step->pred = policy_parse_predicates(p, false);
		if (!policy_expect(p, TOKEN_CLOSE_BRACE, "'}'"))
			return NULL;
	}
	if (!parse_endings(p, step))
		return NULL;
	if (step->has_count && step->name)
		policy_error(p->file, step->name_at, "a count has no name: it is several events");
	return step;
}
