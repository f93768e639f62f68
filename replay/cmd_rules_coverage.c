/* SPDX-License-Identifier: BSD-2-Clause */
/* reel rules --coverage: which techniques of ATT&CK the rules look for, by their tags, and which of
 * those rules can be decided. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "replay/cmd_rules.h"

enum { TECHNIQUE_MAX = 16 };

struct technique {
	char id[TECHNIQUE_MAX]; /* T1059.004 */
	uint32_t rules[RULES_NOT_EVALUABLE + 1];
};

struct techniques {
	struct technique *v;
	size_t n, room;
};

/* attack.t1059 or attack.t1059.004 */
static bool read_technique(const char *tag, char id[TECHNIQUE_MAX])
{
	static const char prefix[] = "attack.t";
	const char *at = tag + sizeof(prefix) - 1;
	size_t digits;

	if (strncasecmp(tag, prefix, sizeof(prefix) - 1) != 0)
		return false;
	digits = strspn(at, "0123456789");
	if (digits != 4 || (at[4] && (at[4] != '.' || strspn(at + 5, "0123456789") != 3 || at[8])))
		return false;
	(void)snprintf(id, TECHNIQUE_MAX, "T%s", at);
	return true;
}

static int count_tag(struct techniques *t, const char *tag, unsigned decidable)
{
	char id[TECHNIQUE_MAX];
	size_t at = 0;

	if (!read_technique(tag, id))
		return 0;
	while (at < t->n && strcmp(t->v[at].id, id) < 0)
		at++;
	if (at == t->n || strcmp(t->v[at].id, id) != 0) {
		if (t->n == t->room) {
			size_t room = t->room ? 2 * t->room : 64;
			struct technique *v = reallocarray(t->v, room, sizeof(*v));

			if (!v)
				return -ENOMEM;
			t->v = v;
			t->room = room;
		}
		memmove(&t->v[at + 1], &t->v[at], (t->n - at) * sizeof(*t->v));
		t->v[at] = (struct technique){ 0 };
		memcpy(t->v[at].id, id, sizeof(id));
		t->n++;
	}
	t->v[at].rules[decidable]++;
	return 0;
}

static int count_rules(struct techniques *t, const struct rules *r, const uint8_t *decidable)
{
	int status = 0;

	for (uint32_t i = 0; i < r->n; i++)
		for (uint32_t k = 0; status == 0 && k < r->list[i].tags.n; k++)
			status = count_tag(t, r->list[i].tags.v[k], decidable[i]);
	return status;
}

/* Without a capture: what any capture can decide. */
static void judge_alone(const struct rules *r, uint8_t *ret)
{
	for (uint32_t i = 0; i < r->n; i++)
		ret[i] = r->list[i].why_not ? RULES_NOT_EVALUABLE :
			 r->list[i].partly  ? RULES_PARTLY :
					      RULES_DECIDABLE;
}

static uint32_t score_of(const struct technique *t)
{
	return t->rules[RULES_DECIDABLE] + t->rules[RULES_PARTLY];
}

static void put_counts(struct reel_out *o, const struct technique *t)
{
	bool any = false;

	for (unsigned i = 0; i <= RULES_NOT_EVALUABLE; i++) {
		if (!t->rules[i])
			continue;
		out_str(o, any ? ", " : "");
		out_u64(o, t->rules[i]);
		out_char(o, ' ');
		out_str(o, rules_decidable_names[i]);
		any = true;
	}
}

static void put_text(struct reel_out *o, const struct techniques *t)
{
	size_t covered = 0;

	for (size_t i = 0; i < t->n; i++) {
		rules_put_column(o, t->v[i].id, 9);
		put_counts(o, &t->v[i]);
		out_char(o, '\n');
		covered += score_of(&t->v[i]) > 0;
	}
	out_u64(o, covered);
	out_str(o, " of ");
	out_u64(o, t->n);
	out_str(o, t->n == 1 ? " technique" : " techniques");
	out_str(o, " with a rule that can be decided\n");
}

static void put_json(struct reel_out *o, const struct techniques *t)
{
	for (size_t i = 0; i < t->n; i++) {
		struct reel_json j = { .out = o };

		json_begin(&j, NULL, '{');
		json_str(&j, "technique", t->v[i].id);
		json_u64(&j, "decidable", t->v[i].rules[RULES_DECIDABLE]);
		json_u64(&j, "partly", t->v[i].rules[RULES_PARTLY]);
		json_u64(&j, "not_evaluable", t->v[i].rules[RULES_NOT_EVALUABLE]);
		json_end(&j, '}');
		out_char(o, '\n');
	}
}

/* A layer file for ATT&CK Navigator: the score is how many rules can be decided. */
static int put_navigator(struct reel_out *o, const struct techniques *t)
{
	struct reel_json j = { .out = o };
	struct reel_out comment;
	uint32_t most = 1;

	if (out_init_mem(&comment) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < t->n; i++)
		most = score_of(&t->v[i]) > most ? score_of(&t->v[i]) : most;
	json_begin(&j, NULL, '{');
	json_str(&j, "name", "reel rules");
	json_begin(&j, "versions", '{');
	json_str(&j, "navigator", "5.1.0");
	json_str(&j, "layer", "4.5");
	json_end(&j, '}');
	json_str(&j, "domain", "enterprise-attack");
	json_str(&j, "description", "score: rules that can be decided");
	json_begin(&j, "techniques", '[');
	for (size_t i = 0; i < t->n; i++) {
		out_reset(&comment);
		put_counts(&comment, &t->v[i]);
		json_begin(&j, NULL, '{');
		json_str(&j, "techniqueID", t->v[i].id);
		json_u64(&j, "score", score_of(&t->v[i]));
		json_bytes(&j, "comment", comment.buf, comment.len);
		json_bool(&j, "enabled", true);
		json_end(&j, '}');
	}
	json_end(&j, ']');
	json_begin(&j, "gradient", '{');
	json_begin(&j, "colors", '[');
	json_str(&j, NULL, "#ff6666");
	json_str(&j, NULL, "#ffe766");
	json_str(&j, NULL, "#8ec843");
	json_end(&j, ']');
	json_u64(&j, "minValue", 0);
	json_u64(&j, "maxValue", most);
	json_end(&j, '}');
	json_end(&j, '}');
	out_char(o, '\n');
	out_done(&comment);
	return 0;
}

int rules_put_coverage(struct reel_out *o, const struct rules_options *options, struct rules *rules,
		       struct reel_err *err)
{
	uint8_t *decidable = calloc(rules->n + 1u, 1);
	struct techniques t = { 0 };
	int r = decidable ? 0 : reel_err_set(err, -ENOMEM, "no memory for techniques");

	if (r == 0 && options->captures.n)
		r = rules_put_for(NULL, options, rules, decidable, err);
	else if (r == 0)
		judge_alone(rules, decidable);
	if (r == 0 && count_rules(&t, rules, decidable) < 0)
		r = reel_err_set(err, -ENOMEM, "no memory for techniques");
	if (r == 0 && options->format == RULES_NAVIGATOR && put_navigator(o, &t) < 0)
		r = reel_err_set(err, -ENOMEM, "no memory for techniques");
	else if (r == 0 && options->format == RULES_JSON)
		put_json(o, &t);
	else if (r == 0 && options->format == RULES_TEXT)
		put_text(o, &t);
	free(t.v);
	free(decidable);
	return r;
}
