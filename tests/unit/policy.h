/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules from a text, and what they became as short texts that a test can name. */
#ifndef REEL_TESTS_UNIT_POLICY_H
#define REEL_TESTS_UNIT_POLICY_H

#include <stdlib.h>

#include "format/out.h"
#include "replay/policy.h"
#include "replay/rules.h"
#include "tests/unit/harness.h"

static inline struct rules *policy_rules(const char *text)
{
	struct reel_err err = { 0 };
	struct rules *r;

	if (rules_new(&r, &err) < 0) {
		T_FAIL("%s", err.msg);
		return NULL;
	}
	if (policy_load_text(r, "test", text, strlen(text), &err) < 0)
		T_FAIL("%s", err.msg);
	return r;
}

/* Those that must compile. */
static inline struct rules *policy_good(const char *text)
{
	struct rules *r = policy_rules(text);

	for (uint32_t i = 0; r && i < r->n_notes; i++)
		T_FAIL("%u:%u: %s in %s", r->notes[i].line, r->notes[i].column, r->notes[i].text,
		       text);
	return r;
}

static inline void policy_put_ref(struct reel_out *o, const struct rule_ref *ref)
{
	static const char *const scopes[] = { "", "~", "parent.", "ancestor.", "$" };

	out_str(o, scopes[ref->scope]);
	if (ref->scope == RULE_OF_STEP) {
		out_u64(o, (uint64_t)ref->slot);
		return;
	}
	out_str(o, ref->own ? ref->own : rule_contexts[ref->context].name);
	if (ref->index != RULES_NONE) {
		out_char(o, '[');
		out_u64(o, (uint64_t)ref->index);
		out_char(o, ']');
	}
}

static inline void policy_put_leaf(struct reel_out *o, const struct rule_leaf *leaf)
{
	static const char *const ops[] = { "=",	 "!=", "<",  "<=", ">",	   ">=",  "&", "=~",
					   "!~", "*",  "^=", "$=", "glob", "net", "?", "+" };

	policy_put_ref(o, &leaf->left);
	out_str(o, ops[leaf->op]);
	if (leaf->has_right)
		policy_put_ref(o, &leaf->right);
	for (uint32_t i = 0; i < leaf->n_values; i++) {
		const struct rule_value *v = &leaf->values[i];

		if (i)
			out_char(o, ',');
		if (leaf->left.kind >= REEL_PATH) {
			out_mem(o, v->bytes, v->length);
		} else if (leaf->left.kind == REEL_ADDR) {
			out_hex_bytes(o, v->net.addr, 16);
			out_char(o, '/');
			out_u64(o, v->net.bits);
		} else if (leaf->left.is_signed) {
			out_s64(o, (int64_t)v->number);
		} else {
			out_u64(o, v->number);
		}
	}
}

static inline void policy_put_expr(struct reel_out *o, const struct rules *r, uint32_t expr)
{
	const struct rule_expr *e = &r->exprs[expr];

	switch (e->op) {
	case RULE_EXPR_TRUE:
		out_str(o, "true");
		return;
	case RULE_EXPR_LEAF:
		policy_put_leaf(o, &r->leaves[e->a]);
		return;
	case RULE_EXPR_NOT:
		out_char(o, '!');
		policy_put_expr(o, r, e->a);
		return;
	default:
		out_char(o, '(');
		policy_put_expr(o, r, e->a);
		out_str(o, e->op == RULE_EXPR_AND ? " & " : " | ");
		policy_put_expr(o, r, e->b);
		out_char(o, ')');
	}
}

/* The parent (a dash: none), then what the node is: s a step, cN a count, aN all; and where there
 * are any: g guards, x stops, u unlesses, b bindings, .. collecting, * an end, and its blocks. */
static inline void policy_put_node(struct reel_out *o, const struct rule_node *n)
{
	const struct {
		char letter;
		uint32_t n;
	} parts[] = { { 'g', n->n_guards },
		      { 'x', n->n_stops },
		      { 'u', n->n_unlesses },
		      { 'b', n->n_bindings } };

	if (n->parent < 0)
		out_char(o, '-');
	else
		out_u64(o, (uint64_t)n->parent);
	out_char(o, "sca"[n->kind]);
	if (n->kind != RULE_NODE_STEP)
		out_u64(o, n->kind == RULE_NODE_COUNT ? n->count : n->n_members);
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		if (parts[i].n) {
			out_char(o, parts[i].letter);
			out_u64(o, parts[i].n);
		}
	}
	out_str(o, n->collects ? ".." : "");
	out_str(o, n->is_end ? "*" : "");
	for (uint32_t i = 0; i < n->n_blocks; i++) {
		out_char(o, '/');
		out_str(o, n->blocks[i]);
	}
}

/* The text is the writer's own: the caller frees it. */
static inline char *policy_take(struct reel_out *o)
{
	char *text;

	out_char(o, '\0');
	text = strdup(o->buf);
	out_done(o);
	return text;
}

/* The predicate of the first step of TEXT's rule. */
static inline void policy_check_expr(const char *text, const char *want)
{
	struct rules *r = policy_good(text);
	struct reel_out o;
	char *got;

	if (r && r->n && out_init_mem(&o) == 0) {
		policy_put_expr(&o, r, r->steps[r->list[0].nodes[0].step].expr);
		got = policy_take(&o);
		CHECK_STR(got, want);
		free(got);
	} else {
		T_FAIL("no rule in %s", text);
	}
	rules_free(r);
}

static inline void policy_check_tree(const char *text, const char *want)
{
	struct rules *r = policy_good(text);
	struct reel_out o;
	char *got;

	if (r && r->n && out_init_mem(&o) == 0) {
		for (uint32_t i = 0; i < r->list[0].n_nodes; i++) {
			if (i)
				out_char(&o, ' ');
			policy_put_node(&o, &r->list[0].nodes[i]);
		}
		got = policy_take(&o);
		CHECK_STR(got, want);
		free(got);
	} else {
		T_FAIL("no rule in %s", text);
	}
	rules_free(r);
}

#endif
