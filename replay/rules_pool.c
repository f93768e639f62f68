/* SPDX-License-Identifier: BSD-2-Clause */
/* Pools in which the same thing is one: leaves, expressions over them, steps. */
#include "replay/rules_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

int rules_no_memory(struct reel_err *err)
{
	return reel_err_set(err, -ENOMEM, "no memory for the rules");
}

bool rules_reserve(void **list, uint32_t n, uint32_t *room, size_t size)
{
	uint32_t more = *room ? *room * 2 : 16;
	void *larger;

	if (n < *room)
		return true;
	if (more <= *room)
		return false;
	larger = realloc(*list, more * size);
	if (!larger)
		return false;
	*list = larger;
	*room = more;
	return true;
}

/* Indexes -------------------------------------------------------------------------------------- */

static bool index_grow(struct rules_index *x)
{
	uint32_t n = x->n_slots ? x->n_slots * 2 : 64;
	struct rules_index_slot *slots = n ? calloc(n, sizeof(*slots)) : NULL;

	if (!slots)
		return false;
	for (uint32_t i = 0; i < x->n_slots; i++) {
		uint32_t at = (uint32_t)x->slots[i].hash & (n - 1);

		if (!x->slots[i].number)
			continue;
		while (slots[at].number)
			at = (at + 1) & (n - 1);
		slots[at] = x->slots[i];
	}
	free(x->slots);
	x->slots = slots;
	x->n_slots = n;
	return true;
}

bool rules_index_add(struct rules_index *x, uint64_t hash, uint32_t number)
{
	uint32_t at;

	if (x->n_used >= x->n_slots / 2 && !index_grow(x))
		return false;
	at = (uint32_t)hash & (x->n_slots - 1);
	while (x->slots[at].number)
		at = (at + 1) & (x->n_slots - 1);
	x->slots[at] = (struct rules_index_slot){ hash, number + 1 };
	x->n_used++;
	return true;
}

/* Leaves --------------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t hash, const void *bytes, size_t length)
{
	return XXH3_64bits_withSeed(bytes, length, hash);
}

uint64_t rules_mix_text(uint64_t hash, const char *text)
{
	return text ? mix(hash, text, strlen(text) + 1) : mix(hash, "\xff", 1);
}

static uint64_t mix_ref(uint64_t hash, const struct rule_ref *ref)
{
	uint64_t words[6] = { ref->scope,     ref->context,	    ref->kind,
			      ref->is_signed, (uint64_t)ref->index, (uint64_t)ref->slot };
	uint8_t more[2 + RULE_TRANSFORMS_MAX] = { ref->level, ref->derived };

	hash = mix(hash, words, sizeof(words));
	memcpy(more + 2, ref->transforms, sizeof(ref->transforms));
	if (ref->level || ref->derived || ref->transforms[0])
		hash = mix(hash, more, sizeof(more));
	if (ref->shown)
		hash = mix(hash, &ref->shown, sizeof(ref->shown));
	if (ref->as_kept)
		hash = mix(hash, "kept", 4);
	return rules_mix_text(hash, ref->own);
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_ref(const struct rule_ref *a, const struct rule_ref *b)
{
	return a->scope == b->scope && a->context == b->context && a->kind == b->kind &&
	       a->is_signed == b->is_signed && a->as_kept == b->as_kept && a->index == b->index &&
	       a->slot == b->slot && a->level == b->level && a->derived == b->derived &&
	       memcmp(a->transforms, b->transforms, sizeof(a->transforms)) == 0 &&
	       a->shown == b->shown && same_text(a->own, b->own);
}

static uint64_t hash_leaf(const struct rule_leaf *leaf)
{
	uint64_t words[5] = { leaf->op, leaf->role,
			      (uint64_t)leaf->match_flags | (uint64_t)leaf->any_other << 8,
			      leaf->has_right, leaf->n_values };
	uint64_t hash = mix_ref(mix(1, words, sizeof(words)), &leaf->left);

	if (leaf->has_right)
		hash = mix_ref(hash, &leaf->right);
	for (uint32_t i = 0; i < leaf->n_values; i++) {
		const struct rule_value *v = &leaf->values[i];
		uint64_t head[5] = { v->number, 0, 0, v->net.bits, v->length };

		memcpy(&head[1], v->net.addr, sizeof(v->net.addr));
		hash = mix(hash, head, sizeof(head));
		if (v->bytes)
			hash = mix(hash, v->bytes, v->length);
	}
	return hash;
}

static bool same_value(const struct rule_value *a, const struct rule_value *b)
{
	return a->number == b->number && a->net.bits == b->net.bits && a->length == b->length &&
	       memcmp(a->net.addr, b->net.addr, sizeof(a->net.addr)) == 0 &&
	       (a->length == 0 || memcmp(a->bytes, b->bytes, a->length) == 0);
}

static bool same_leaf(const struct rule_leaf *a, const struct rule_leaf *b)
{
	if (a->op != b->op || a->role != b->role || a->match_flags != b->match_flags ||
	    a->any_other != b->any_other || a->has_right != b->has_right ||
	    a->n_values != b->n_values || !same_ref(&a->left, &b->left) ||
	    (a->has_right && !same_ref(&a->right, &b->right)))
		return false;
	for (uint32_t i = 0; i < a->n_values; i++)
		if (!same_value(&a->values[i], &b->values[i]))
			return false;
	return true;
}

static bool is_process_scope(const struct rule_ref *ref)
{
	return ref->scope == RULE_OF_PROCESS || ref->scope == RULE_OF_PARENT ||
	       ref->scope == RULE_OF_ANCESTOR || ref->scope == RULE_OF_LEVEL;
}

static unsigned ref_traits(const struct rule_ref *ref)
{
	unsigned traits = 0;

	/* What a process has of the same name is asked of it. */
	for (uint32_t i = 0; ref->call && i < ref->call->n; i++)
		if (ref->call->parts[i].ref)
			traits |= ref_traits(ref->call->parts[i].ref);
	if (ref->call)
		return traits & RULES_HAS_NAMESAKE ?
			       (traits & ~(unsigned)RULES_HAS_NAMESAKE) | RULES_READS_CONTEXT :
			       traits;
	if (is_process_scope(ref))
		return RULES_READS_CONTEXT;
	if (ref->scope == RULE_OF_STEP)
		return RULES_READS_BOUND;
	if (ref->context == RULE_DERIVED)
		return (derive_reads_process(ref->derived) ? RULES_READS_CONTEXT : 0) |
		       (derive_reads_names(ref->derived) ? RULES_READS_FD : 0);
	if (ref->context == RULE_pathname || ref->context == RULE_filename)
		return RULES_READS_PATH;
	if (ref->context != RULE_OWN_FIELD)
		return 0;
	if (strcmp(ref->own, "path") == 0)
		return RULES_READS_PATH;
	for (int i = RULE_CONTEXT_PROCESS; i < RULE_CONTEXTS; i++)
		if (strcmp(rule_contexts[i].name, ref->own) == 0)
			return RULES_HAS_NAMESAKE;
	return 0;
}

/* What a matcher is asked for by an operator on strings. */
static int match_op(uint8_t op)
{
	switch (op) {
	case RULE_EQ:
	case RULE_NE:
		return MATCH_EQUALS;
	case RULE_REGEX:
	case RULE_NOT_REGEX:
		return MATCH_REGEX;
	case RULE_CONTAINS:
		return MATCH_CONTAINS;
	case RULE_STARTS:
		return MATCH_STARTS;
	case RULE_ENDS:
		return MATCH_ENDS;
	case RULE_GLOB:
		return MATCH_GLOB;
	}
	return -1;
}

static int copy_call(struct rules *r, const struct rule_call *call, const struct rule_call **ret)
{
	struct rule_call *to = rules_alloc(r, sizeof(*to));

	if (!to)
		return -ENOMEM;
	*to = *call;
	to->parts = rules_alloc(r, (call->n + 1ul) * sizeof(*to->parts));
	if (call->options)
		to->options = rules_text(r, call->options, strlen(call->options));
	if (!to->parts || (call->options && !to->options))
		return -ENOMEM;
	for (uint32_t i = 0; i < call->n; i++) {
		const struct rule_part *from = &call->parts[i];
		struct rule_ref *ref = from->ref ? rules_alloc(r, sizeof(*ref)) : NULL;

		to->parts[i] = *from;
		if (!from->ref) {
			to->parts[i].bytes = rules_text(r, from->bytes, from->length);
			if (!to->parts[i].bytes)
				return -ENOMEM;
			continue;
		}
		if (!ref)
			return -ENOMEM;
		*ref = *from->ref;
		if (rules_copy_ref(r, ref) < 0)
			return -ENOMEM;
		to->parts[i].ref = ref;
	}
	*ret = to;
	return 0;
}

int rules_copy_ref(struct rules *r, struct rule_ref *ref)
{
	if (ref->call && copy_call(r, ref->call, &ref->call) < 0)
		return -ENOMEM;
	if (ref->own) {
		ref->own = rules_text(r, ref->own, strlen(ref->own));
		if (!ref->own)
			return -ENOMEM;
	}
	if (ref->hint) {
		ref->hint = rules_text(r, ref->hint, strlen(ref->hint));
		if (!ref->hint)
			return -ENOMEM;
	}
	return 0;
}

static void add_test(struct rule_leaf *l, uint32_t test)
{
	uint32_t i = 0;

	while (i < l->n_tests && l->tests[i].word != test / 64)
		i++;
	if (i == l->n_tests)
		l->tests[l->n_tests++] = (struct rule_tests){ .word = test / 64 };
	l->tests[i].bits |= 1ull << test % 64;
}

/* Where no argument fits, that of a number does not. What is run on each is not looked for. */
static bool wants_any_tests(const struct rule_leaf *l)
{
	bool wants = l->left.kind == REEL_ARGS && l->left.index >= 0 &&
		     l->left.scope == RULE_OF_EVENT && !l->left.transforms[0] &&
		     (l->op == RULE_EQ || (l->op >= RULE_CONTAINS && l->op <= RULE_ENDS));

	for (uint32_t i = 0; i < l->n_values && wants; i++)
		wants = l->values[i].length > 0;
	return wants;
}

/* Its strings go to the matcher of its role at once, so that a bad pattern is found with whoever
 * wrote it. */
static int copy_leaf(struct rules *r, const struct rule_leaf *leaf, struct rule_leaf *to,
		     struct reel_err *err)
{
	int op = match_op(leaf->op);

	*to = *leaf;
	to->values = NULL;
	to->tests = NULL;
	to->n_tests = 0;
	to->has_any_tests = wants_any_tests(leaf);
	if (rules_copy_ref(r, &to->left) < 0 ||
	    (leaf->has_right && rules_copy_ref(r, &to->right) < 0))
		return rules_no_memory(err);
	if (!leaf->n_values)
		return 0;
	to->values = rules_alloc(r, leaf->n_values * sizeof(*to->values));
	if (leaf->left.kind >= REEL_PATH)
		to->tests = rules_alloc(r, leaf->n_values * sizeof(*to->tests));
	if (!to->values || (leaf->left.kind >= REEL_PATH && !to->tests))
		return rules_no_memory(err);
	for (uint32_t i = 0; i < leaf->n_values; i++) {
		struct rule_value *v = &to->values[i];
		int status;

		*v = leaf->values[i];
		if (leaf->left.kind < REEL_PATH)
			continue;
		v->bytes = arena_text(&r->maker->memory, leaf->values[i].bytes, v->length);
		if (!v->bytes)
			return rules_no_memory(err);
		if (op < 0)
			return reel_err_set(err, -EINVAL, "an operator that strings do not have");
		status = matcher_add(r->matchers[leaf->role], (enum match_op)op, leaf->match_flags,
				     v->bytes, v->length, &v->test, err);
		if (status == 0 && to->has_any_tests)
			status = matcher_add(r->matchers[RULE_ROLE_ARGS], (enum match_op)op,
					     leaf->match_flags, v->bytes, v->length, &v->any_test,
					     err);
		if (status < 0)
			return status;
		add_test(to, v->test);
	}
	return 0;
}

int64_t rules_add_leaf(struct rules *r, const struct rule_leaf *leaf, struct reel_err *err)
{
	struct rules_maker *m = r->maker;
	uint64_t hash = hash_leaf(leaf);
	uint32_t room = m->leaf_room;
	int64_t number;
	int status;

	RULES_INDEX_EACH(&m->leaves, hash, number)
	if (same_leaf(&r->leaves[number], leaf))
		return number;
	if (!RULES_RESERVE_TOO(m->leaf_hashes, r->n_leaves, room) ||
	    !RULES_RESERVE_TOO(m->leaf_traits, r->n_leaves, room) ||
	    !RULES_RESERVE(r->leaves, r->n_leaves, &m->leaf_room))
		return rules_no_memory(err);
	status = copy_leaf(r, leaf, &r->leaves[r->n_leaves], err);
	if (status < 0)
		return status;
	if (!rules_index_add(&m->leaves, hash, r->n_leaves))
		return rules_no_memory(err);
	m->leaf_hashes[r->n_leaves] = hash;
	m->leaf_traits[r->n_leaves] = (uint8_t)(ref_traits(&leaf->left) |
						(leaf->has_right ? ref_traits(&leaf->right) : 0));
	return r->n_leaves++;
}

/* Expressions ---------------------------------------------------------------------------------- */

static int64_t intern_expr(struct rules *r, const struct rule_expr *e, uint64_t hash,
			   unsigned traits)
{
	struct rules_maker *m = r->maker;
	uint32_t room = m->expr_room;
	int64_t number;

	RULES_INDEX_EACH(&m->exprs, hash, number)
	{
		const struct rule_expr *old = &r->exprs[number];

		if (old->op == e->op && old->a == e->a && old->b == e->b)
			return number;
	}
	if (!RULES_RESERVE_TOO(m->expr_hashes, r->n_exprs, room) ||
	    !RULES_RESERVE_TOO(m->expr_traits, r->n_exprs, room) ||
	    !RULES_RESERVE(r->exprs, r->n_exprs, &m->expr_room) ||
	    !rules_index_add(&m->exprs, hash, r->n_exprs))
		return -ENOMEM;
	m->expr_hashes[r->n_exprs] = hash;
	m->expr_traits[r->n_exprs] = (uint8_t)traits;
	r->exprs[r->n_exprs] = *e;
	return r->n_exprs++;
}

int64_t rules_add_expr(struct rules *r, enum rule_expr_op op, uint32_t a, uint32_t b)
{
	const struct rules_maker *m = r->maker;
	uint64_t words[3] = { op, 0, 0 };
	struct rule_expr e = { .op = (uint8_t)op };
	unsigned traits = 0;

	switch (op) {
	case RULE_EXPR_TRUE:
		break;
	case RULE_EXPR_LEAF:
		e.a = a;
		words[1] = m->leaf_hashes[a];
		traits = m->leaf_traits[a];
		break;
	case RULE_EXPR_NOT:
		if (r->exprs[a].op == RULE_EXPR_NOT)
			return r->exprs[a].a;
		e.a = a;
		words[1] = m->expr_hashes[a];
		traits = m->expr_traits[a];
		break;
	default:
		/* What is true or the same on one side says nothing; with three values, too. */
		if (a == b)
			return a;
		if (r->exprs[a].op == RULE_EXPR_TRUE)
			return op == RULE_EXPR_AND ? b : a;
		if (r->exprs[b].op == RULE_EXPR_TRUE)
			return op == RULE_EXPR_AND ? a : b;
		e.a = a;
		e.b = b;
		words[1] = m->expr_hashes[a];
		words[2] = m->expr_hashes[b];
		traits = m->expr_traits[a] | m->expr_traits[b];
	}
	return intern_expr(r, &e, mix(2, words, sizeof(words)), traits);
}

/* Steps ---------------------------------------------------------------------------------------- */

static bool has_type(const struct rule_step *step, unsigned id)
{
	return step->types[id / 8] >> id % 8 & 1;
}

/* Whether a path of this type may have to be found by device and inode. */
static bool may_lack_path(const struct reel_type *t)
{
	const struct reel_field *path = rule_own_field(t, "path");

	return rule_own_field(t, "inode") && (!path || path->kind & REEL_OPTIONAL);
}

/* A field that some type of the step lacks is there the process's, if that has one of its name. */
static bool reads_namesake(const struct rules *r, const struct rule_step *step, uint32_t expr)
{
	const struct rule_expr *e = &r->exprs[expr];
	const struct rule_leaf *leaf;

	if (!(r->maker->expr_traits[expr] & RULES_HAS_NAMESAKE))
		return false;
	if (e->op == RULE_EXPR_AND || e->op == RULE_EXPR_OR)
		return reads_namesake(r, step, e->a) || reads_namesake(r, step, e->b);
	if (e->op == RULE_EXPR_NOT)
		return reads_namesake(r, step, e->a);
	leaf = &r->leaves[e->a];
	for (int side = 0; side < 1 + leaf->has_right; side++) {
		const struct rule_ref *ref = side ? &leaf->right : &leaf->left;

		if (!(ref_traits(ref) & RULES_HAS_NAMESAKE))
			continue;
		for (const struct reel_type *t = reel_types; t->name; t++)
			if (has_type(step, t->id) && !rule_own_field(t, ref->own))
				return true;
	}
	return false;
}

/* Whether a descriptor may have to be found by device and inode. */
static bool reads_descriptor(const struct rules *r, const struct rule_step *step, uint32_t expr)
{
	const struct rule_expr *e = &r->exprs[expr];
	const struct rule_leaf *leaf;

	if (!(r->maker->expr_traits[expr] & RULES_READS_FD))
		return false;
	if (e->op == RULE_EXPR_AND || e->op == RULE_EXPR_OR)
		return reads_descriptor(r, step, e->a) || reads_descriptor(r, step, e->b);
	if (e->op == RULE_EXPR_NOT)
		return reads_descriptor(r, step, e->a);
	leaf = &r->leaves[e->a];
	for (const struct reel_type *t = reel_types; t->name; t++)
		if (has_type(step, t->id) &&
		    (derive_ref_needs_name(&leaf->left, t) ||
		     (leaf->has_right && derive_ref_needs_name(&leaf->right, t))))
			return true;
	return false;
}

int64_t rules_add_step(struct rules *r, const struct rule_step *given)
{
	struct rules_maker *m = r->maker;
	unsigned traits = m->expr_traits[given->expr];
	struct rule_step step = *given;
	uint64_t words[2] = { given->outcome, m->expr_hashes[given->expr] };
	uint64_t hash = mix(mix(3, words, sizeof(words)), given->types, sizeof(given->types));
	uint32_t room = m->step_room;
	int64_t number;

	RULES_INDEX_EACH(&m->steps, hash, number)
	{
		const struct rule_step *old = &r->steps[number];

		if (old->outcome == step.outcome && old->expr == step.expr &&
		    memcmp(old->types, step.types, sizeof(step.types)) == 0)
			return number;
	}
	step.reads_bound = traits & RULES_READS_BOUND;
	step.reads_context = traits & RULES_READS_CONTEXT || reads_namesake(r, &step, step.expr);
	step.reads_names = reads_descriptor(r, &step, step.expr);
	if (traits & RULES_READS_PATH)
		for (const struct reel_type *t = reel_types; t->name && !step.reads_names; t++)
			step.reads_names = has_type(&step, t->id) && may_lack_path(t);
	if (!RULES_RESERVE_TOO(m->step_hashes, r->n_steps, room) ||
	    !RULES_RESERVE(r->steps, r->n_steps, &m->step_room) ||
	    !rules_index_add(&m->steps, hash, r->n_steps))
		return -ENOMEM;
	m->step_hashes[r->n_steps] = hash;
	r->steps[r->n_steps] = step;
	return r->n_steps++;
}
