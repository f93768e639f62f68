/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A path is unfolded by walking its statements with the ends of all ways so far: a step makes a
 * node behind each end, a choice makes two ends of one. What is common to the beginning of several
 * ways is made once, since they part only where they differ.
 */
#include "replay/policy_unfold_impl.h"

#include <string.h>

static bool unfold_list(struct unfolder *u, const struct policy_statement *s,
			const struct way_ends *in, struct way_ends *out);

/* From here on several ways lead on from the same node. */
static bool part(struct unfolder *u, struct way_end *end)
{
	for (const struct pending *p = end->pending; p && end->node == RULES_NONE; p = p->before)
		if (end->has_parted)
			policy_error(u->file, p->statement->at,
				     "before the first step an unless stands in the path itself");
	if (!policy_settle_unlesses(u, end))
		return false;
	end->has_parted = true;
	return true;
}

static bool unfold_choice(struct unfolder *u, const struct policy_statement *s,
			  const struct way_end *from, struct way_ends *out)
{
	struct way_end then = *from, other;
	struct policy_statement first = *s->first;
	struct guard *g;

	if (!part(u, &then))
		return false;
	other = then;
	if (!policy_append_step(u, s->step, &then))
		return false;
	first.next = NULL;
	if (!unfold_list(u, &first, &(struct way_ends){ &then, 1, 0 }, out))
		return false;
	g = policy_alloc(u->file, sizeof(*g));
	if (!g)
		return false;
	g->before = other.guards;
	if (!policy_compile_step(u, s->step, &other, &g->step))
		return false;
	other.guards = g;
	return unfold_list(u, s->first->next, &(struct way_ends){ &other, 1, 0 }, out);
}

static bool unfold_any(struct unfolder *u, const struct policy_statement *s,
		       const struct way_end *from, struct way_ends *out)
{
	struct way_end start = *from;

	if (!part(u, &start))
		return false;
	for (const struct policy_statement *m = s->first; m; m = m->next) {
		struct policy_statement member = *m;
		struct way_end end = start;

		member.next = NULL;
		if (!unfold_list(u, &member, &(struct way_ends){ &end, 1, 0 }, out))
			return false;
	}
	return true;
}

static bool has_step(const struct policy_statement *s)
{
	for (; s; s = s->next)
		if (s->kind != POLICY_UNLESS && (s->kind != POLICY_BLOCK || has_step(s->first)))
			return true;
	return false;
}

static bool unfold_block(struct unfolder *u, const struct policy_statement *s,
			 const struct way_end *from, struct way_ends *out)
{
	struct block_name *name = policy_alloc(u->file, sizeof(*name));
	struct way_end end = *from;

	if (!name)
		return false;
	*name = (struct block_name){ end.blocks, s->name };
	end.blocks = name;
	if (!has_step(s->first)) {
		if (!u->path->is_broken)
			policy_error(u->file, s->at, "a block needs a step");
		return policy_add_end(u, out, &end);
	}
	return unfold_list(u, s->first, &(struct way_ends){ &end, 1, 0 }, out);
}

static bool unfold_unless(struct unfolder *u, const struct policy_statement *s,
			  const struct way_end *from, struct way_ends *out)
{
	struct pending *p = policy_alloc(u->file, sizeof(*p));
	struct way_end end = *from;

	if (!p)
		return false;
	if (end.node == RULES_NONE && end.has_parted)
		policy_error(u->file, s->at,
			     "before the first step an unless stands in the path itself");
	p->before = end.pending;
	p->statement = s;
	if (!policy_compile_step(u, s->step, &end, &p->step))
		return false;
	end.pending = p;
	return policy_add_end(u, out, &end);
}

static bool unfold_one(struct unfolder *u, const struct policy_statement *s,
		       const struct way_end *from, struct way_ends *out)
{
	struct way_end end = *from;

	switch (s->kind) {
	case POLICY_STEP:
		return policy_append_step(u, s->step, &end) && policy_add_end(u, out, &end);
	case POLICY_ALL:
		return policy_append_all(u, s, &end) && policy_add_end(u, out, &end);
	case POLICY_BLOCK:
		return unfold_block(u, s, from, out);
	case POLICY_CHOICE:
		return unfold_choice(u, s, from, out);
	case POLICY_ANY:
		return unfold_any(u, s, from, out);
	default:
		return unfold_unless(u, s, from, out);
	}
}

/* All statements, behind each of the ends. */
static bool unfold_list(struct unfolder *u, const struct policy_statement *s,
			const struct way_ends *in, struct way_ends *out)
{
	struct way_ends now = *in;

	for (; s; s = s->next) {
		struct way_ends after = { 0 };

		for (uint32_t i = 0; i < now.n; i++)
			if (!unfold_one(u, s, &now.v[i], &after))
				return false;
		now = after;
	}
	for (uint32_t i = 0; i < now.n; i++)
		if (!policy_add_end(u, out, &now.v[i]))
			return false;
	return true;
}

/* The rule ------------------------------------------------------------------------------------- */

static bool finish_way(struct unfolder *u, const struct way_end *end)
{
	struct rule_node *node;

	if (end->node == RULES_NONE)
		return true;
	node = &u->nodes[end->node];
	node->is_end = true;
	for (const struct pending *p = end->pending; p; p = p->before) {
		const struct policy_statement *s = p->statement;

		if (!s->has_within)
			policy_error(u->file, s->at, "behind the last step an unless needs within");
		else if (s->within_ns == RULES_FOREVER || s->within_ns == 0)
			policy_error(u->file, s->step->within_at,
				     "a finding would never come: how long is to be waited?");
		else if (node->wait_ns && node->wait_ns != s->within_ns)
			policy_error(
				u->file, s->step->within_at,
				"what stands behind the last step needs one and the same within");
		node->wait_ns = s->within_ns;
		if (!policy_add_number(u->file, &node->unlesses, &node->n_unlesses, p->step))
			return false;
	}
	return true;
}

static bool put_words(struct policy_file *f, const struct policy_values *from,
		      struct rule_words *to)
{
	if (!from->n)
		return true;
	to->v = policy_alloc(f, from->n * sizeof(*to->v));
	if (!to->v)
		return false;
	for (const struct policy_value *v = from->first; v; v = v->next)
		to->v[to->n++] = v->bytes;
	return true;
}

bool policy_unfold(struct policy_file *f, struct policy_path *path, struct rule *ret)
{
	struct unfolder u = { .file = f, .path = path };
	struct way_end head = { .node = RULES_NONE };
	struct way_ends ends = { 0 };

	u.check = (struct policy_check){ .file = f,
					 .path = path,
					 .bind = policy_bind_value,
					 .user = &u };
	if (!has_step(path->first)) {
		if (!path->is_broken)
			policy_error(f, path->at, "a path needs a step");
		return true;
	}
	if (!unfold_list(&u, path->first, &(struct way_ends){ &head, 1, 0 }, &ends))
		return u.is_full;
	for (uint32_t i = 0; i < ends.n; i++)
		if (!finish_way(&u, &ends.v[i]))
			return false;
	*ret = (struct rule){ .id = path->name,
			      .title = path->name,
			      .description = path->description,
			      .author = path->author,
			      .file = f->name,
			      .line = path->at.line,
			      .language = RULE_POLICY,
			      .severity = path->severity,
			      .key = path->key,
			      .within_ns = path->within_ns,
			      .unlesses = u.unlesses,
			      .n_unlesses = u.n_unlesses,
			      .nodes = u.nodes,
			      .n_nodes = u.n_nodes,
			      .n_slots = u.n_slots };
	return put_words(f, &path->tags, &ret->tags) &&
	       put_words(f, &path->references, &ret->references) &&
	       put_words(f, &path->false_positives, &ret->false_positives);
}
