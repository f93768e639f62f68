/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A path is unfolded by walking its statements with the ends of all ways so far: a step makes a node
 * behind each end, a choice makes two ends of one. What is common to the beginning of several ways
 * is made once, since they part only where they differ.
 */
#include "replay/policy_unfold.h"

#include <stdlib.h>
#include <string.h>

#include "replay/policy_check.h"

#define STEP_DEFAULT_NS 30000000000ull

/* Names of the blocks that a way leads through, the last first. */
struct block_name {
	const struct block_name *before;
	const char *name;
};

/* An `unless` that was met since the last node. */
struct pending {
	const struct pending *before;
	const struct policy_statement *statement;
	uint32_t step;
};

/* Steps that must not have come since then. */
struct guard {
	const struct guard *before;
	uint32_t step;
};

/* Where a way has come to. */
struct way_end {
	int32_t node;	 /* RULES_NONE: nowhere yet */
	bool has_parted; /* other ways go on from the same node */
	const struct policy_named *names;
	const struct block_name *blocks;
	const struct pending *pending;
	const struct guard *guards;
};

struct way_ends {
	struct way_end *v;
	uint32_t n, room;
};

/* A value that is bound: of a name's field. */
struct bound {
	const char *name;
	const char *field;
	uint8_t context, scope;
	int16_t index;
};

struct unfolder {
	struct policy_file *file;
	struct policy_path *path;
	struct policy_check check;
	struct rule_node *nodes;
	uint32_t n_nodes, node_room;
	uint32_t *unlesses;
	uint32_t n_unlesses;
	struct bound *slots;
	uint32_t n_slots, slot_room;
	bool is_full;
};

static bool unfold_list(struct unfolder *u, const struct policy_statement *s,
			const struct way_ends *in, struct way_ends *out);

/* Lists in the file's memory, which double; what they leave behind goes with it. */
static void *more_room(struct policy_file *f, const void *list, uint32_t n, uint32_t *room,
		       size_t size)
{
	uint32_t larger = *room ? *room * 2 : 4;
	void *to;

	if (n < *room)
		return (void *)(uintptr_t)list;
	to = policy_alloc(f, larger * size);
	if (to && n)
		memcpy(to, list, n * size);
	if (to)
		*room = larger;
	return to;
}

#define MORE_ROOM(f, list, n, room) ((list) = more_room((f), (list), (n), &(room), sizeof(*(list))))

static bool add_end(struct unfolder *u, struct way_ends *to, const struct way_end *end)
{
	if (!MORE_ROOM(u->file, to->v, to->n, to->room))
		return false;
	to->v[to->n++] = *end;
	return true;
}

/* One more number of a small set. */
static bool add_number(struct policy_file *f, uint32_t **list, uint32_t *n, uint32_t number)
{
	uint32_t *larger;

	for (uint32_t i = 0; i < *n; i++)
		if ((*list)[i] == number)
			return true;
	larger = policy_alloc(f, (*n + 1) * sizeof(*larger));
	if (!larger)
		return false;
	if (*n)
		memcpy(larger, *list, *n * sizeof(*larger));
	larger[(*n)++] = number;
	*list = larger;
	return true;
}

/* Steps ---------------------------------------------------------------------------------------- */

static int slot_of(struct unfolder *u, const struct policy_named *from, const struct rule_ref *ref)
{
	const char *field = ref->own ? ref->own : rule_contexts[ref->context].name;

	for (uint32_t i = 0; i < u->n_slots; i++) {
		const struct bound *b = &u->slots[i];

		if (strcmp(b->name, from->step->name) == 0 && strcmp(b->field, field) == 0 &&
		    b->context == ref->context && b->scope == ref->scope && b->index == ref->index)
			return (int)i;
	}
	if (u->n_slots >= INT16_MAX || !MORE_ROOM(u->file, u->slots, u->n_slots, u->slot_room))
		return -1;
	u->slots[u->n_slots] =
		(struct bound){ from->step->name, field, ref->context, ref->scope, ref->index };
	return (int)u->n_slots++;
}

/* The node of a name keeps the value. */
static int bind_value(struct policy_check *c, const struct policy_named *from,
		      const struct rule_ref *ref)
{
	struct unfolder *u = c->user;
	struct rule_node *node = &u->nodes[from->node];
	int slot = slot_of(u, from, ref);
	struct rule_binding *bindings;
	uint8_t *members;

	if (slot < 0)
		return -1;
	for (uint32_t i = 0; i < node->n_bindings; i++)
		if (node->bindings[i].slot == slot)
			return slot;
	bindings = policy_alloc(u->file, (node->n_bindings + 1) * sizeof(*bindings));
	members = policy_alloc(u->file, node->n_bindings + 1);
	if (!bindings || !members)
		return -1;
	if (node->n_bindings) {
		memcpy(bindings, node->bindings, node->n_bindings * sizeof(*bindings));
		memcpy(members, node->binding_member, node->n_bindings);
	}
	bindings[node->n_bindings] = (struct rule_binding){ .ref = *ref, .slot = (int16_t)slot };
	members[node->n_bindings] = from->member;
	node->bindings = bindings;
	node->binding_member = members;
	node->n_bindings++;
	return slot;
}

static bool can_create(const struct policy_step *step)
{
	for (uint32_t i = 0; i < step->n_types; i++)
		if (step->types[i]->id == EV_open)
			return true;
	return false;
}

/* As it is on the way to END. False only without memory: a wrong one stands for any event, so that
 * what is wrong behind it is found, too. */
static bool compile_step(struct unfolder *u, struct policy_step *step, const struct way_end *end,
			 uint32_t *ret)
{
	struct rule_step compiled = { .outcome = step->outcome };
	struct policy_check *c = &u->check;
	int64_t number;

	if (step->is_compiled) {
		*ret = step->number;
		return true;
	}
	c->types = (const struct reel_type *const *)step->types;
	c->n_types = step->n_types;
	c->names = end->names;
	c->uses_names = c->tests_result = c->tests_creation = false;
	number = step->pred ? policy_check_predicate(c, step->pred) : -1;
	if (number < 0)
		number = policy_check_true(c);
	if (number < 0)
		return false;
	if (step->may_create && can_create(step) && !c->tests_creation)
		policy_warn(
			u->file, step->at,
			"the comment speaks of creation, but any open will do: test flags & O_CREAT, "
			"or created");
	if (c->tests_result && !step->says_outcome)
		compiled.outcome = RULE_ATTEMPTED;
	compiled.expr = (uint32_t)number;
	for (uint32_t i = 0; i < step->n_types; i++)
		compiled.types[step->types[i]->id / 8] |= (uint8_t)(1 << step->types[i]->id % 8);
	number = rules_add_step(u->file->rules, &compiled);
	if (number < 0) {
		u->file->is_out_of_memory = true;
		return false;
	}
	step->is_compiled = !c->uses_names;
	*ret = step->number = (uint32_t)number;
	return true;
}

/* Nodes ---------------------------------------------------------------------------------------- */

/* What was met behind the end's node holds for it, now that a step follows. */
static bool settle_unlesses(struct unfolder *u, struct way_end *end)
{
	for (const struct pending *p = end->pending; p; p = p->before) {
		if (p->statement->has_within)
			policy_error(u->file, p->statement->step->within_at,
				     "within of an unless is for one behind the last step");
		if (end->node == RULES_NONE) {
			if (!add_number(u->file, &u->unlesses, &u->n_unlesses, p->step))
				return false;
		} else if (end->has_parted) {
			/* Ways beside this one must not be killed. */
			struct guard *g = policy_alloc(u->file, sizeof(*g));

			if (!g)
				return false;
			*g = (struct guard){ end->guards, p->step };
			end->guards = g;
		} else {
			struct rule_node *node = &u->nodes[end->node];

			if (!add_number(u->file, &node->unlesses, &node->n_unlesses, p->step))
				return false;
		}
	}
	end->pending = NULL;
	return true;
}

static bool put_guards(struct unfolder *u, struct rule_node *node, const struct way_end *end)
{
	/* At the head there is no moment from which on they could have come. */
	if (end->node == RULES_NONE)
		return true;
	for (const struct guard *g = end->guards; g; g = g->before)
		if (!add_number(u->file, &node->guards, &node->n_guards, g->step))
			return false;
	return true;
}

static bool put_blocks(struct unfolder *u, struct rule_node *node, const struct way_end *end)
{
	uint32_t n = 0;

	for (const struct block_name *b = end->blocks; b; b = b->before)
		n++;
	if (!n)
		return true;
	node->blocks = policy_alloc(u->file, n * sizeof(*node->blocks));
	if (!node->blocks)
		return false;
	node->n_blocks = n;
	for (const struct block_name *b = end->blocks; b; b = b->before)
		node->blocks[--n] = b->name;
	return true;
}

static uint64_t bound_of(const struct unfolder *u, bool has_within, uint64_t within_ns)
{
	if (has_within)
		return within_ns;
	return u->path->has_within ? RULES_FOREVER : STEP_DEFAULT_NS;
}

/* A node behind END, which moves to it. NULL: no memory, or too many. */
static struct rule_node *add_node(struct unfolder *u, struct way_end *end, struct policy_at at)
{
	struct rule_node *node;

	if (u->n_nodes >= RULES_NODES_MAX) {
		if (!u->is_full)
			policy_error(u->file, at, "the path has more than %d steps, unfolded",
				     RULES_NODES_MAX);
		u->is_full = true;
		return NULL;
	}
	if (!settle_unlesses(u, end) || !MORE_ROOM(u->file, u->nodes, u->n_nodes, u->node_room))
		return NULL;
	node = &u->nodes[u->n_nodes];
	*node = (struct rule_node){ .parent = end->node, .line = at.line };
	if (!put_guards(u, node, end) || !put_blocks(u, node, end))
		return NULL;
	end->node = (int32_t)u->n_nodes++;
	end->guards = NULL;
	end->has_parted = false;
	return node;
}

static bool add_name(struct unfolder *u, const struct policy_step *step, uint32_t node,
		     uint8_t member, struct way_end *end)
{
	struct policy_named *named;

	if (!step->name)
		return true;
	for (const struct policy_named *n = end->names; n; n = n->before) {
		if (strcmp(n->step->name, step->name) == 0) {
			policy_error(u->file, step->name_at,
				     "a step before has the name '%.60s' already", step->name);
			return true;
		}
	}
	named = policy_alloc(u->file, sizeof(*named));
	if (!named)
		return false;
	*named = (struct policy_named){ end->names, step, node, member };
	end->names = named;
	return true;
}

static bool put_count(struct unfolder *u, const struct policy_step *step, struct rule_node *node)
{
	struct policy_check *c = &u->check;

	node->kind = RULE_NODE_COUNT;
	node->count = step->count;
	node->window_ns = step->window_ns;
	node->has_distinct = step->has_distinct;
	if (!step->has_distinct)
		return true;
	c->types = (const struct reel_type *const *)step->types;
	c->n_types = step->n_types;
	if (policy_field(c, step->distinct, step->distinct_index, step->distinct_at,
			 &node->distinct) &&
	    (node->distinct.context == RULE_pathname || node->distinct.context == RULE_filename ||
	     node->distinct.scope == RULE_OF_ANCESTOR ||
	     (node->distinct.kind == REEL_ARGS && node->distinct.index == RULES_NONE)))
		policy_error(u->file, step->distinct_at,
			     "'%.60s' can be several values, and only one can be counted",
			     step->distinct);
	return !u->file->is_out_of_memory;
}

/* Appends a step to one way. */
static bool append_step(struct unfolder *u, struct policy_step *step, struct way_end *end)
{
	struct rule_node *node;
	uint32_t number;

	if (!compile_step(u, step, end, &number))
		return false;
	node = add_node(u, end, step->at);
	if (!node)
		return false;
	node->step = number;
	node->collects = step->collects;
	node->within_ns = bound_of(u, step->has_within, step->within_ns);
	if (node->parent == RULES_NONE) {
		node->within_ns = RULES_FOREVER;
		if (step->has_within)
			policy_warn(u->file, step->within_at,
				    "nothing comes before this step that it could be within");
	}
	if (step->has_count && !put_count(u, step, node))
		return false;
	return add_name(u, step, (uint32_t)end->node, 0, end);
}

static bool append_all(struct unfolder *u, const struct policy_statement *s, struct way_end *end)
{
	uint32_t members[RULES_ALL_MAX];
	struct rule_node *node;
	uint8_t n = 0;

	for (const struct policy_statement *m = s->first; m && n < RULES_ALL_MAX; m = m->next) {
		if (m->kind != POLICY_STEP)
			continue; /* which was said */
		if (!compile_step(u, m->step, end, &members[n]))
			return false;
		n++;
	}
	node = add_node(u, end, s->at);
	if (!node)
		return false;
	node->kind = RULE_NODE_ALL;
	node->n_members = n;
	memcpy(node->members, members, n * sizeof(*members));
	node->within_ns = bound_of(u, s->has_within, s->within_ns);
	n = 0;
	for (const struct policy_statement *m = s->first; m && n < RULES_ALL_MAX; m = m->next)
		if (m->kind == POLICY_STEP && !add_name(u, m->step, (uint32_t)end->node, n++, end))
			return false;
	return true;
}

/* Statements ----------------------------------------------------------------------------------- */

/* From here on several ways lead on from the same node. */
static bool part(struct unfolder *u, struct way_end *end)
{
	for (const struct pending *p = end->pending; p && end->node == RULES_NONE; p = p->before)
		if (end->has_parted)
			policy_error(u->file, p->statement->at,
				     "before the first step an unless stands in the path itself");
	if (!settle_unlesses(u, end))
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
	if (!append_step(u, s->step, &then))
		return false;
	first.next = NULL;
	if (!unfold_list(u, &first, &(struct way_ends){ &then, 1, 0 }, out))
		return false;
	g = policy_alloc(u->file, sizeof(*g));
	if (!g)
		return false;
	g->before = other.guards;
	if (!compile_step(u, s->step, &other, &g->step))
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
		return add_end(u, out, &end);
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
	if (!compile_step(u, s->step, &end, &p->step))
		return false;
	end.pending = p;
	return add_end(u, out, &end);
}

static bool unfold_one(struct unfolder *u, const struct policy_statement *s,
		       const struct way_end *from, struct way_ends *out)
{
	struct way_end end = *from;

	switch (s->kind) {
	case POLICY_STEP:
		return append_step(u, s->step, &end) && add_end(u, out, &end);
	case POLICY_ALL:
		return append_all(u, s, &end) && add_end(u, out, &end);
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
		if (!add_end(u, out, &now.v[i]))
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
		if (!add_number(u->file, &node->unlesses, &node->n_unlesses, p->step))
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

	u.check = (struct policy_check){ .file = f, .path = path, .bind = bind_value, .user = &u };
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
