/* SPDX-License-Identifier: BSD-2-Clause */
/* Nodes of a way: steps are compiled, values bound, and what must not come is put in its place. */
#include <string.h>

#include "replay/policy_unfold_impl.h"

#define STEP_DEFAULT_NS 30000000000ull

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

bool policy_add_end(struct unfolder *u, struct way_ends *to, const struct way_end *end)
{
	if (!MORE_ROOM(u->file, to->v, to->n, to->room))
		return false;
	to->v[to->n++] = *end;
	return true;
}

bool policy_add_number(struct policy_file *f, uint32_t **list, uint32_t *n, uint32_t number)
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

static bool add_binding(struct unfolder *u, const struct policy_named *of,
			const struct rule_binding *binding)
{
	struct rule_node *node = &u->nodes[of->node];
	uint32_t n = node->n_bindings;
	struct rule_binding *bindings;
	uint8_t *members;

	for (uint32_t i = 0; i < n; i++)
		if (node->bindings[i].slot == binding->slot &&
		    node->binding_member[i] == of->member)
			return true;
	bindings = policy_alloc(u->file, (n + 1) * sizeof(*bindings));
	members = policy_alloc(u->file, n + 1);
	if (!bindings || !members)
		return false;
	if (n) {
		memcpy(bindings, node->bindings, n * sizeof(*bindings));
		memcpy(members, node->binding_member, n);
	}
	bindings[n] = *binding;
	members[n] = of->member;
	node->bindings = bindings;
	node->binding_member = members;
	node->n_bindings++;
	return true;
}

/* What the field is on another step's types: bound values of one name share a slot. */
static bool same_field(const struct policy_step *step, const struct rule_ref *ref,
		       struct rule_ref *ret)
{
	const char *name = ref->own ? ref->own : rule_contexts[ref->context].name;
	bool is_mixed;

	*ret = *ref;
	if (ref->scope != RULE_OF_EVENT && ref->scope != RULE_OF_PROCESS)
		return true;
	if (!policy_find_field((const struct reel_type *const *)step->types, step->n_types, name,
			       ret, &is_mixed))
		return false;
	ret->index = ref->index;
	return ret->index == RULES_NONE || ret->kind == REEL_ARGS;
}

int policy_bind_value(struct policy_check *c, const struct policy_named *from,
		      const struct rule_ref *ref)
{
	struct unfolder *u = c->user;
	int slot = slot_of(u, from, ref);

	if (slot < 0)
		return -1;
	/* Where a name stands twice on a way each keeps the value, and the last one's counts. */
	for (const struct policy_named *n = from; n; n = n->before) {
		struct rule_binding binding = { .slot = (int16_t)slot };

		if (strcmp(n->step->name, from->step->name) == 0 &&
		    same_field(n->step, ref, &binding.ref) && !add_binding(u, n, &binding))
			return -1;
	}
	return slot;
}

static bool can_create(const struct policy_step *step)
{
	for (uint32_t i = 0; i < step->n_types; i++)
		if (step->types[i]->id == EV_open)
			return true;
	return false;
}

bool policy_compile_step(struct unfolder *u, struct policy_step *step, const struct way_end *end,
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
		policy_warn(u->file, step->at,
			    "the comment speaks of creation, but any open will do: test O_CREAT "
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

bool policy_settle_unlesses(struct unfolder *u, struct way_end *end)
{
	for (const struct pending *p = end->pending; p; p = p->before) {
		if (p->statement->has_within)
			policy_error(u->file, p->statement->step->within_at,
				     "within of an unless is for one behind the last step");
		if (end->node == RULES_NONE) {
			if (!policy_add_number(u->file, &u->unlesses, &u->n_unlesses, p->step))
				return false;
		} else {
			struct guard *g = policy_alloc(u->file, sizeof(*g));

			if (!g)
				return false;
			*g = (struct guard){ end->stops, p->step };
			end->stops = g;
		}
	}
	end->pending = NULL;
	return true;
}

static bool put_guards(struct unfolder *u, struct rule_node *node, const struct way_end *end)
{
	for (const struct guard *g = end->guards; g; g = g->before)
		if (!policy_add_number(u->file, &node->guards, &node->n_guards, g->step))
			return false;
	for (const struct guard *g = end->stops; g; g = g->before)
		if (!policy_add_number(u->file, &node->stops, &node->n_stops, g->step))
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
	if (!policy_settle_unlesses(u, end) ||
	    !MORE_ROOM(u->file, u->nodes, u->n_nodes, u->node_room))
		return NULL;
	node = &u->nodes[u->n_nodes];
	*node = (struct rule_node){ .parent = end->node, .line = at.line };
	if (!put_guards(u, node, end) || !put_blocks(u, node, end))
		return NULL;
	end->node = (int32_t)u->n_nodes++;
	end->guards = end->stops = NULL;
	end->has_parted = false;
	return node;
}

static bool add_name(struct unfolder *u, const struct policy_step *step, uint32_t node,
		     uint8_t member, struct way_end *end)
{
	struct policy_named *named;

	if (!step->name)
		return true;
	for (const struct policy_named *n = end->names; n; n = n->before)
		if (strcmp(n->step->name, step->name) == 0)
			policy_warn(
				u->file, step->name_at,
				"a step before is named '%.60s', too; from here on it is this one",
				step->name);
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

bool policy_append_step(struct unfolder *u, struct policy_step *step, struct way_end *end)
{
	struct rule_node *node;
	uint32_t number;

	if (!policy_compile_step(u, step, end, &number))
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

bool policy_append_all(struct unfolder *u, const struct policy_statement *s, struct way_end *end)
{
	uint32_t members[RULES_ALL_MAX];
	struct rule_node *node;
	uint8_t n = 0;

	for (const struct policy_statement *m = s->first; m && n < RULES_ALL_MAX; m = m->next) {
		if (m->kind != POLICY_STEP)
			continue; /* which was said */
		if (!policy_compile_step(u, m->step, end, &members[n]))
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
