/* SPDX-License-Identifier: BSD-2-Clause */
/* Paths: what is said of them, their steps, blocks and choices. */
#include <string.h>

#include "format/names.h"
#include "format/options.h"
#include "replay/policy_parse.h"

/* Steps ---------------------------------------------------------------------------------------- */

static const char *const statement_words[] = {
	"block",    "any",	   "all",  "unless", "within",	  "by",
	"severity", "description", "tags", "author", "reference", "falsepositives",
};

enum { N_STATEMENT_WORDS = sizeof(statement_words) / sizeof(statement_words[0]) };

static bool is_statement_word(const struct policy_parser *p)
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

static void unknown_step(struct policy_parser *p, struct policy_at at, const char *word)
{
	unsigned abi, number;
	const char *near;

	if (reel_syscall_find(word, strlen(word), &abi, &number) == 0) {
		policy_error(
			p->file, at,
			"no type of event is made by the call '%.40s'; of calls recorded by -e sys: "
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
			unknown_step(p, at, word);
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

/* `within` and `..` are also statements of their own; behind a step they stand on its line. */
static bool goes_on(const struct policy_parser *p)
{
	return !p->token.on_new_line;
}

static bool parse_within(struct policy_parser *p, bool *has, struct policy_at *at, uint64_t *ret_ns)
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
		} else if (policy_is_word(p, "within") && goes_on(p)) {
			ok = parse_within(p, &step->has_within, &step->within_at, &step->within_ns);
		} else if (policy_is(p, TOKEN_DOTS) && goes_on(p)) {
			step->collects = true;
			step->collects_at = p->token.at;
			policy_next(p);
		} else {
			return true;
		}
	}
	return false;
}

static struct policy_step *parse_step(struct policy_parser *p)
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

/* Statements ----------------------------------------------------------------------------------- */

enum body_kind { BODY_PATH, BODY_BLOCK, BODY_ANY, BODY_ALL };

static struct policy_statement *parse_body(struct policy_parser *p, enum body_kind kind,
					   struct policy_path *path);

static struct policy_statement *new_statement(struct policy_parser *p, uint8_t kind)
{
	struct policy_statement *s = policy_alloc(p->file, sizeof(*s));

	if (s) {
		s->kind = kind;
		s->at = p->token.at;
	}
	return s;
}

static struct policy_statement *parse_braces(struct policy_parser *p, struct policy_statement *s,
					     enum body_kind kind, struct policy_path *path)
{
	if (!policy_expect(p, TOKEN_OPEN_BRACE, "'{'") || !policy_nest(p, s->at))
		return NULL;
	s->first = parse_body(p, kind, path);
	p->nesting--;
	return policy_expect(p, TOKEN_CLOSE_BRACE, "'}'") ? s : NULL;
}

static struct policy_statement *parse_block(struct policy_parser *p, struct policy_path *path)
{
	struct policy_statement *s = new_statement(p, POLICY_BLOCK);

	if (!s)
		return NULL;
	policy_next(p);
	if (!policy_is(p, TOKEN_STRING)) {
		policy_unexpected(p, "the block's name in quotes");
		return NULL;
	}
	if (p->token.length >= 7 && memcmp(p->token.bytes, "normal_", 7) == 0)
		policy_warn(p->file, s->at,
			    "block \"%.60s\": what is normal raises a finding here, like any way",
			    p->token.bytes);
	s->name = policy_take_text(p);
	return parse_braces(p, s, BODY_BLOCK, path);
}

static struct policy_statement *parse_way(struct policy_parser *p, struct policy_path *path);

/* A step, and with a ? behind it a choice. */
static struct policy_statement *parse_step_or_choice(struct policy_parser *p,
						     struct policy_path *path)
{
	struct policy_statement *s = new_statement(p, POLICY_STEP);

	if (!s)
		return NULL;
	s->step = parse_step(p);
	if (!s->step)
		return NULL;
	if (s->step->name) {
		s->step->next_named = path->named;
		path->named = s->step;
	}
	if (!policy_is(p, TOKEN_QUESTION))
		return s;
	s->kind = POLICY_CHOICE;
	if (s->step->has_count)
		policy_error(p->file, s->step->count_at, "a count cannot be a condition");
	if (!policy_nest(p, p->token.at))
		return NULL;
	policy_next(p);
	s->first = parse_way(p, path);
	if (!s->first)
		return NULL;
	if (!policy_expect(p, TOKEN_COLON, "':' and the other way"))
		return NULL;
	s->first->next = parse_way(p, path);
	p->nesting--;
	return s->first->next ? s : NULL;
}

static struct policy_statement *parse_way(struct policy_parser *p, struct policy_path *path)
{
	if (policy_is_word(p, "block"))
		return parse_block(p, path);
	if (!policy_is(p, TOKEN_NAME) || is_statement_word(p)) {
		policy_unexpected(p, "a step, a block or another choice");
		return NULL;
	}
	return parse_step_or_choice(p, path);
}

static struct policy_statement *parse_unless(struct policy_parser *p)
{
	struct policy_statement *s = new_statement(p, POLICY_UNLESS);

	if (!s)
		return NULL;
	policy_next(p);
	if (!policy_is(p, TOKEN_NAME) || is_statement_word(p)) {
		policy_unexpected(p, "a step behind unless");
		return NULL;
	}
	s->step = parse_step(p);
	if (!s->step)
		return NULL;
	s->has_within = s->step->has_within;
	s->within_ns = s->step->within_ns;
	if (s->step->name)
		policy_error(p->file, s->step->name_at, "nothing can compare with an unless");
	if (s->step->has_count)
		policy_error(p->file, s->step->count_at, "an unless does not count");
	if (s->step->collects)
		policy_error(p->file, s->step->collects_at, "an unless does not collect");
	return s;
}

static struct policy_statement *parse_group(struct policy_parser *p, struct policy_path *path,
					    uint8_t kind)
{
	struct policy_statement *s = new_statement(p, kind);
	struct policy_at at;
	uint32_t n = 0;

	if (!s)
		return NULL;
	policy_next(p);
	if (!parse_braces(p, s, kind == POLICY_ANY ? BODY_ANY : BODY_ALL, path))
		return NULL;
	for (const struct policy_statement *m = s->first; m; m = m->next)
		n++;
	if (n == 0 && !path->is_broken)
		policy_error(p->file, s->at, "it has no members");
	if (kind != POLICY_ALL)
		return s;
	if (n > RULES_ALL_MAX)
		policy_error(p->file, s->at, "all has %u members, more than %d", n, RULES_ALL_MAX);
	if (policy_is_word(p, "within") && goes_on(p) &&
	    !parse_within(p, &s->has_within, &at, &s->within_ns))
		return NULL;
	return s;
}

/* What is said of a path ----------------------------------------------------------------------- */

static bool parse_choice_of(struct policy_parser *p, const char *const *names, const char *what,
			    bool *has, uint8_t *ret)
{
	struct policy_at at = p->token.at;
	struct reel_nearest near;
	char *word;

	if (*has)
		policy_error(p->file, at, "the path has a %s already", what);
	*has = true;
	policy_next(p);
	at = p->token.at;
	if (!policy_is(p, TOKEN_NAME)) {
		policy_unexpected(p, what);
		return false;
	}
	word = policy_take_text(p);
	if (!word)
		return false;
	near = REEL_NEAREST(word);
	for (uint8_t i = 0; names[i]; i++) {
		if (strcmp(names[i], word) == 0) {
			*ret = i;
			return true;
		}
		reel_nearest_offer(&near, names[i]);
	}
	if (near.best)
		policy_error(p->file, at, "unknown %s '%.40s', did you mean '%s'?", what, word,
			     near.best);
	else
		policy_error(p->file, at, "unknown %s '%.40s'", what, word);
	return true;
}

static struct policy_value *take_string(struct policy_parser *p)
{
	struct policy_value *v;

	if (!policy_is(p, TOKEN_STRING)) {
		policy_unexpected(p, "a string");
		return NULL;
	}
	v = policy_alloc(p->file, sizeof(*v));
	if (!v)
		return NULL;
	v->at = p->token.at;
	v->length = p->token.length;
	v->bytes = policy_take_text(p);
	return v->bytes ? v : NULL;
}

static bool parse_text(struct policy_parser *p, const char **ret)
{
	struct policy_value *v;

	if (*ret)
		policy_error(p->file, p->token.at, "it is said already");
	policy_next(p);
	v = take_string(p);
	*ret = v ? v->bytes : NULL;
	return v != NULL;
}

static bool parse_more_text(struct policy_parser *p, struct policy_values *list)
{
	struct policy_value *v;

	policy_next(p);
	v = take_string(p);
	if (v)
		policy_values_add(list, v);
	return v != NULL;
}

/* Several strings, and each may hold several words. */
static bool parse_tags(struct policy_parser *p, struct policy_values *list)
{
	policy_next(p);
	do {
		struct policy_value *v = take_string(p);
		const char *at = v ? v->bytes : NULL;

		if (!v)
			return false;
		for (;;) {
			size_t n;
			struct policy_value *word;

			at += strspn(at, ", \t");
			n = strcspn(at, ",");
			while (n && (at[n - 1] == ' ' || at[n - 1] == '\t'))
				n--;
			if (!n)
				break;
			word = policy_alloc(p->file, sizeof(*word));
			if (!word)
				return false;
			word->bytes = policy_text(p->file, at, n);
			if (!word->bytes)
				return false;
			policy_values_add(list, word);
			at += n;
			at += strspn(at, " \t");
		}
		(void)policy_take(p, TOKEN_COMMA);
	} while (policy_is(p, TOKEN_STRING));
	return true;
}

/* 1: it was one, 0: it is none, -1: it was wrong. */
static int parse_attribute(struct policy_parser *p, struct policy_path *path)
{
	struct policy_at at;
	bool ok;

	if (policy_is_word(p, "severity"))
		ok = parse_choice_of(p, rule_severity_names, "severity", &path->has_severity,
				     &path->severity);
	else if (policy_is_word(p, "by"))
		ok = parse_choice_of(p, rule_key_names, "key", &path->has_key, &path->key);
	else if (policy_is_word(p, "within"))
		ok = parse_within(p, &path->has_within, &at, &path->within_ns);
	else if (policy_is_word(p, "description"))
		ok = parse_text(p, &path->description);
	else if (policy_is_word(p, "author"))
		ok = parse_text(p, &path->author);
	else if (policy_is_word(p, "tags"))
		ok = parse_tags(p, &path->tags);
	else if (policy_is_word(p, "reference"))
		ok = parse_more_text(p, &path->references);
	else if (policy_is_word(p, "falsepositives"))
		ok = parse_more_text(p, &path->false_positives);
	else
		return 0;
	return ok ? 1 : -1;
}

/* Bodies --------------------------------------------------------------------------------------- */

/* An unknown word that looks like the beginning of a block, so that what is in it can be read. */
static bool looks_like_block(struct policy_parser *p)
{
	struct policy_parser ahead = *p;

	if (reel_type_by_name(p->token.bytes, p->token.length))
		return false;
	policy_lexer_next(&ahead.lexer, &ahead.token);
	return ahead.token.kind == TOKEN_STRING;
}

static struct policy_statement *parse_statement(struct policy_parser *p, enum body_kind kind,
						struct policy_path *path)
{
	if (!policy_is(p, TOKEN_NAME)) {
		policy_unexpected(p, "a step");
		return NULL;
	}
	if (policy_is_word(p, "block") && kind != BODY_ALL)
		return parse_block(p, path);
	if (is_statement_word(p) && (kind == BODY_ANY || kind == BODY_ALL)) {
		policy_error(p->file, p->token.at, "a member of %s is a step%s",
			     kind == BODY_ANY ? "any" : "all",
			     kind == BODY_ANY ? " or a block" : "");
		return NULL;
	}
	if (policy_is_word(p, "any"))
		return parse_group(p, path, POLICY_ANY);
	if (policy_is_word(p, "all"))
		return parse_group(p, path, POLICY_ALL);
	if (policy_is_word(p, "unless"))
		return parse_unless(p);
	if (is_statement_word(p)) {
		policy_error(p->file, p->token.at,
			     "'%.*s' stands in the path itself, not in a block",
			     (int)p->token.length, p->token.bytes);
		return NULL;
	}
	if (looks_like_block(p)) {
		char *word = policy_text(p->file, p->token.bytes, p->token.length);

		if (word)
			unknown_step(p, p->token.at, word);
		return parse_block(p, path);
	}
	return parse_step_or_choice(p, path);
}

static void check_member(struct policy_parser *p, enum body_kind kind,
			 const struct policy_statement *s)
{
	if (kind != BODY_ANY && kind != BODY_ALL)
		return;
	if (s->kind == POLICY_CHOICE) {
		policy_error(p->file, s->at, "a choice cannot be a member; a block around it can");
		return;
	}
	if (kind != BODY_ALL || s->kind != POLICY_STEP)
		return;
	if (s->step->has_count)
		policy_error(p->file, s->step->count_at, "a member of all does not count");
	if (s->step->has_within)
		policy_error(p->file, s->step->within_at,
			     "the bound of all stands behind its closing brace");
	if (s->step->collects)
		policy_error(p->file, s->step->collects_at, "a member of all does not collect");
}

/* To where a statement can begin: a new line in the same braces, or what closes them. */
static void skip_statement(struct policy_parser *p, unsigned braces)
{
	while (!policy_is(p, TOKEN_END) &&
	       !(p->braces <= braces && (p->token.on_new_line || policy_is(p, TOKEN_CLOSE_BRACE))))
		policy_next(p);
}

static struct policy_statement *parse_body(struct policy_parser *p, enum body_kind kind,
					   struct policy_path *path)
{
	struct policy_statement *first = NULL, **end = &first;
	unsigned braces = p->braces, nesting = p->nesting;

	while (!policy_is(p, TOKEN_END) && !policy_is(p, TOKEN_CLOSE_BRACE)) {
		struct policy_at at = p->token.at;
		int attribute = kind == BODY_PATH ? parse_attribute(p, path) : 0;

		if (attribute > 0)
			continue;
		/* Any events in between, which may be there anyway. */
		if (policy_take(p, TOKEN_DOTS) || policy_take(p, TOKEN_ELLIPSIS))
			continue;
		*end = attribute < 0 ? NULL : parse_statement(p, kind, path);
		p->nesting = nesting;
		p->parens = 0;
		if (*end) {
			check_member(p, kind, *end);
			end = &(*end)->next;
			continue;
		}
		path->is_broken = true;
		if (p->token.at.line == at.line && p->token.at.column == at.column)
			policy_next(p);
		skip_statement(p, braces);
		if (p->braces < braces)
			break;
	}
	return first;
}

struct policy_path *policy_parse_path(struct policy_parser *p, struct policy_at at)
{
	struct policy_path *path = policy_alloc(p->file, sizeof(*path));

	if (!path)
		return NULL;
	path->at = at;
	path->severity = RULE_MEDIUM;
	path->key = RULE_BY_FAMILY;
	path->within_ns = RULES_FOREVER;
	if (!policy_is(p, TOKEN_STRING)) {
		policy_unexpected(p, "the path's name in quotes");
		return NULL;
	}
	if (!p->token.length || memchr(p->token.bytes, '\0', p->token.length))
		policy_error(p->file, p->token.at, "a path needs a name");
	path->name = policy_take_text(p);
	if (!policy_expect(p, TOKEN_OPEN_BRACE, "'{'"))
		return NULL;
	path->first = parse_body(p, BODY_PATH, path);
	return policy_expect(p, TOKEN_CLOSE_BRACE, "'}'") ? path : NULL;
}
