/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which files will be asked for by device and inode: those of the events that some step needs a
 * name of, and that may be what it wants. They are looked for before a boot is looked at, so that
 * the model need not hear of all that are opened.
 */
#include <errno.h>
#include <stdlib.h>

#include "replay/engine_impl.h"
#include "replay/eval_impl.h"

/* Whether a part of what is made of several may. */
static bool part_asks(const struct rule_ref *ref, const struct reel_type *t)
{
	for (uint32_t i = 0; ref->call && i < ref->call->n; i++) {
		const struct rule_ref *part = ref->call->parts[i].ref;
		struct access a = { .way = ACCESS_UNSET };

		if (!part)
			continue;
		access_resolve(t, part, &a);
		if (a.way == ACCESS_NAMED || derive_needs_name(part->derived, t) ||
		    part_asks(part, t))
			return true;
	}
	return false;
}

/* Whether the leaf, on this type, may ask for a name. */
static bool leaf_asks(const struct eval_plan *p, unsigned type, uint32_t leaf)
{
	const struct rule_leaf *l = &p->rules->leaves[leaf];
	const struct reel_type *t = reel_type_by_id(type);

	return p->left[type][leaf].way == ACCESS_NAMED || derive_needs_name(l->left.derived, t) ||
	       part_asks(&l->left, t) ||
	       (l->has_right &&
		(p->right[type][leaf].way == ACCESS_NAMED ||
		 derive_needs_name(l->right.derived, t) || part_asks(&l->right, t)));
}

bool eval_asks_name(const struct eval_plan *p, unsigned type, uint32_t expr)
{
	const struct rule_expr *x = &p->rules->exprs[expr];

	switch (x->op) {
	case RULE_EXPR_LEAF:
		return leaf_asks(p, type, x->a);
	case RULE_EXPR_NOT:
		return eval_asks_name(p, type, x->a);
	case RULE_EXPR_AND:
	case RULE_EXPR_OR:
		return eval_asks_name(p, type, x->a) || eval_asks_name(p, type, x->b);
	default:
		return false;
	}
}

/* Steps that ask, by type. */
struct asking {
	uint32_t *steps[EV_MAX_TYPES];
	uint32_t n[EV_MAX_TYPES];
};

static int find_asking(const struct eval_plan *p, struct asking *a)
{
	for (unsigned t = 0; t < EV_MAX_TYPES; t++) {
		for (uint32_t i = 0; p->left[t] && i < p->rules->n_steps; i++) {
			const struct rule_step *step = &p->rules->steps[i];

			if (!(step->types[t / 8] >> t % 8 & 1) || !step->reads_names ||
			    !eval_asks_name(p, t, step->expr))
				continue;
			if (!a->steps[t])
				a->steps[t] = calloc(p->rules->n_steps, sizeof(uint32_t));
			if (!a->steps[t])
				return -ENOMEM;
			a->steps[t][a->n[t]++] = i;
		}
	}
	return 0;
}

static void ask_event(struct eval *eval, const struct asking *a, const struct reel_event *ev,
		      struct model_asked *asked)
{
	const struct reel_field *inode = rule_own_field(ev->type, "inode");

	if (!inode || (unsigned)inode->offset + 8 > ev->type->fixed_bytes)
		return;
	for (uint32_t i = 0; i < a->n[ev->type->id]; i++) {
		if (!eval_may_hold(eval, a->steps[ev->type->id][i], ev))
			continue;
		model_ask(asked, (uint32_t)reel_event_number(ev, inode));
		return;
	}
}

static bool has_asking(const struct asking *a, const struct reel_entry *entry)
{
	for (unsigned t = 0; t < EV_MAX_TYPES; t++)
		if (a->n[t] && entry->types[t / 8] >> t % 8 & 1)
			return true;
	return false;
}

static void ask_block(struct eval *eval, const struct asking *a, struct reel_unpacked *u,
		      struct model_asked *asked)
{
	for (uint32_t run = 0; run < u->n_runs; run++) {
		for (uint32_t i = u->run_at[run]; i < u->run_at[run + 1]; i++) {
			struct reel_event ev;

			if (!a->n[u->type[i]])
				continue;
			reel_unpacked_event(u, run, i, &ev);
			ask_event(eval, a, &ev, asked);
		}
	}
}

int engine_find_asked(struct engine *e, const struct reel_reader *r, const uint32_t *list,
		      uint32_t n_blocks, struct model_asked **ret, struct reel_err *err)
{
	struct model_asked *asked = calloc(1, sizeof(*asked));
	struct reel_unpacked u = { 0 };
	struct asking a = { 0 };
	struct eval eval;
	int result = asked ? eval_init(&eval, e->eval_plan, err) : -ENOMEM;

	if (result == 0) {
		result = find_asking(e->eval_plan, &a);
		for (uint32_t i = 0; result == 0 && i < n_blocks; i++) {
			if (asked->n > MODEL_ASKED_MAX || (e->o.stop && *e->o.stop))
				break;
			/* What is broken is told when its turn comes. */
			if (has_asking(&a, &r->blocks[list[i]]) &&
			    reel_reader_unpack(r, list[i], &u, NULL) == 0)
				ask_block(&eval, &a, &u, asked);
		}
		eval_done(&eval);
	}
	reel_unpack_done(&u);
	for (unsigned t = 0; t < EV_MAX_TYPES; t++)
		free(a.steps[t]);
	if (result < 0 || asked->n > MODEL_ASKED_MAX) {
		free(asked);
		asked = NULL;
	}
	*ret = asked;
	return result < 0 ? reel_err_set(err, result, "no memory for names of files") : 0;
}
