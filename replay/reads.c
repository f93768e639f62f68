/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/reads.h"

#include <stdlib.h>
#include <string.h>

static void add_type(uint8_t set[32], unsigned type)
{
	set[type / 8] |= (uint8_t)(1u << type % 8);
}

/* From which events the fields of a process come. */
static const struct {
	uint8_t from, to; /* enum rule_context */
	uint8_t types[8];
} sources[] = {
	{ RULE_exe, RULE_argv, { EV_fork, EV_exec, EV_exit, EV_prctl, EV_process } },
	{ RULE_cwd,
	  RULE_root,
	  { EV_fork, EV_exec, EV_exit, EV_chdir, EV_chroot, EV_pivot_root, EV_process } },
	{ RULE_user,
	  RULE_fsgid,
	  { EV_fork, EV_exec, EV_exit, EV_setuid, EV_setgid, EV_account, EV_process } },
	{ RULE_loginuid, RULE_tty, { EV_fork, EV_exit, EV_setsid, EV_setpgid, EV_process } },
	{ RULE_cap_effective,
	  RULE_cap_ambient,
	  { EV_fork, EV_exec, EV_exit, EV_capset, EV_prctl, EV_setuid, EV_process } },
	{ RULE_mnt_ns, RULE_cgroup_ns, { EV_fork, EV_exit, EV_setns, EV_unshare, EV_process } },
	{ RULE_seccomp_mode,
	  RULE_kernel_thread,
	  { EV_fork, EV_exec, EV_exit, EV_prctl, EV_process } },
	{ RULE_container_id,
	  RULE_container_privileged,
	  { EV_fork, EV_exit, EV_cgroup_move, EV_cgroup, EV_container, EV_process } },
};

/* And what tells of files by device and inode. */
static const uint8_t names[] = {
	EV_open,   EV_create, EV_open_by_handle, EV_memfd_create, EV_fd,
	EV_socket, EV_accept, EV_connect,	 EV_bind,	  EV_pipe,
};

static bool is_context(const struct rule_ref *ref, unsigned *ret)
{
	*ret = ref->context;
	if (ref->scope == RULE_OF_STEP)
		return false;
	if (ref->context == RULE_DERIVED) {
		*ret = derive_context(ref->derived);
		return derive_reads_process(ref->derived);
	}
	if (ref->scope == RULE_OF_EVENT && ref->context != RULE_OWN_FIELD)
		return false;
	if (ref->context != RULE_OWN_FIELD)
		return true;
	/* A type without the field takes that of the process. */
	for (unsigned c = RULE_CONTEXT_PROCESS; c < RULE_CONTEXTS; c++) {
		if (strcmp(rule_contexts[c].name, ref->own) == 0) {
			*ret = c;
			return true;
		}
	}
	return false;
}

static bool reads_dns(const struct rule_ref *ref)
{
	for (uint32_t i = 0; ref->call && i < ref->call->n; i++)
		if (ref->call->parts[i].ref && reads_dns(ref->call->parts[i].ref))
			return true;
	return ref->context == RULE_DERIVED && derive_reads_dns(ref->derived);
}

bool reads_dns_to_show(const struct rule *rule)
{
	for (uint32_t i = 0; rule->output && i < rule->output->n; i++)
		if (reads_dns(&rule->output->parts[i].ref))
			return true;
	return false;
}

static void add_ref(struct reads *r, const struct rule_ref *ref)
{
	unsigned context;

	for (uint32_t i = 0; ref->call && i < ref->call->n; i++)
		if (ref->call->parts[i].ref)
			add_ref(r, ref->call->parts[i].ref);
	if (reads_dns(ref))
		add_type(r->state, EV_dns);
	if (!is_context(ref, &context))
		return;
	for (size_t i = 0; i < sizeof(sources) / sizeof(*sources); i++)
		for (size_t k = 0; k < sizeof(sources[i].types); k++)
			if (context >= sources[i].from && context <= sources[i].to &&
			    sources[i].types[k])
				add_type(r->state, sources[i].types[k]);
}

static void add_expr(struct reads *r, const struct rules *rules, uint32_t at)
{
	const struct rule_expr *x = &rules->exprs[at];

	switch (x->op) {
	case RULE_EXPR_AND:
	case RULE_EXPR_OR:
		add_expr(r, rules, x->b);
		add_expr(r, rules, x->a);
		break;
	case RULE_EXPR_NOT:
		add_expr(r, rules, x->a);
		break;
	case RULE_EXPR_LEAF:
		add_ref(r, &rules->leaves[x->a].left);
		if (rules->leaves[x->a].has_right)
			add_ref(r, &rules->leaves[x->a].right);
		break;
	default:
		break;
	}
}

static void add_step(struct reads *r, const struct rules *rules, uint32_t step)
{
	const struct rule_step *s = &rules->steps[step];

	for (unsigned i = 0; i < sizeof(s->types); i++)
		r->types[i] |= s->types[i];
	for (size_t i = 0; s->reads_names && i < sizeof(names); i++)
		add_type(r->state, names[i]);
	add_expr(r, rules, s->expr);
}

static void add_steps(struct reads *r, const struct rules *rules, const uint32_t *steps, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		add_step(r, rules, steps[i]);
}

static void add_key(struct reads *r, enum rule_key key)
{
	static const uint8_t of_family[] = { EV_fork, EV_exit, EV_setsid, EV_process };

	if (key == RULE_BY_HOST || key == RULE_BY_GROUP)
		return;
	for (size_t i = 0; i < sizeof(of_family); i++)
		add_type(r->state, of_family[i]);
	if (key == RULE_BY_FAMILY || key == RULE_BY_CONTAINER) {
		add_type(r->state, EV_cgroup_move);
		add_type(r->state, EV_cgroup);
	}
	if (key == RULE_BY_USER)
		add_type(r->state, EV_setuid);
}

static void find_reads(struct reads *r, const struct rules *rules, const struct rule *rule)
{
	bool is_sequence = rule->n_nodes > 1 || rule->n_unlesses;

	for (uint32_t i = 0; i < rule->n_nodes; i++) {
		const struct rule_node *n = &rule->nodes[i];

		if (n->kind == RULE_NODE_ALL)
			add_steps(r, rules, n->members, n->n_members);
		else
			add_step(r, rules, n->step);
		for (uint32_t k = 0; k < n->n_group * (n->n_members ? n->n_members : 1); k++)
			add_ref(r, &n->group[k]);
		if (n->has_distinct)
			add_ref(r, &n->distinct);
		for (uint32_t k = 0; k < n->n_more_distinct; k++)
			add_ref(r, &n->more_distinct[k]);
		add_steps(r, rules, n->guards, n->n_guards);
		add_steps(r, rules, n->stops, n->n_stops);
		add_steps(r, rules, n->unlesses, n->n_unlesses);
		is_sequence |= n->kind != RULE_NODE_STEP || n->wait_ns;
	}
	add_steps(r, rules, rule->unlesses, rule->n_unlesses);
	if (is_sequence)
		add_key(r, (enum rule_key)rule->key);
	for (unsigned t = 0; t < EV_MAX_TYPES; t++) {
		const struct reel_type *type = reel_type_by_id(t);

		if (type && (reads_type(r, t) || r->state[t / 8] >> t % 8 & 1))
			add_type(r->classes, type->class_id);
	}
}

struct reads *reads_new(const struct rules *rules, const uint64_t *extents_ns)
{
	struct reads *list = calloc(rules->n + 1u, sizeof(*list));

	for (uint32_t i = 0; list && i < rules->n; i++) {
		list[i].extent_ns = extents_ns[i];
		find_reads(&list[i], rules, &rules->list[i]);
	}
	return list;
}

static bool is_missing(const uint8_t missing[32], unsigned type)
{
	return missing[type / 8] >> type % 8 & 1;
}

/* What an expression can be where no answers of DNS are: who asks for a name gets none. */
enum { CAN_BE_TRUE = 1, CAN_BE_FALSE = 2 };

static unsigned can_be_without_dns(const struct rules *rules, uint32_t at)
{
	const struct rule_expr *x = &rules->exprs[at];
	const struct rule_leaf *l;
	unsigned a, b;

	switch (x->op) {
	case RULE_EXPR_TRUE:
		return CAN_BE_TRUE;
	case RULE_EXPR_LEAF:
		l = &rules->leaves[x->a];
		return reads_dns(&l->left) || (l->has_right && reads_dns(&l->right)) ?
			       0 :
			       CAN_BE_TRUE | CAN_BE_FALSE;
	case RULE_EXPR_NOT:
		a = can_be_without_dns(rules, x->a);
		return (a & CAN_BE_TRUE ? CAN_BE_FALSE : 0) | (a & CAN_BE_FALSE ? CAN_BE_TRUE : 0);
	default:
		a = can_be_without_dns(rules, x->a);
		b = can_be_without_dns(rules, x->b);
		return x->op == RULE_EXPR_AND ? (a & b & CAN_BE_TRUE) | ((a | b) & CAN_BE_FALSE) :
						((a | b) & CAN_BE_TRUE) | (a & b & CAN_BE_FALSE);
	}
}

static bool has_no_types(const struct rule_step *s)
{
	static const uint8_t none[sizeof(s->types)];

	return memcmp(s->types, none, sizeof(none)) == 0;
}

/* How many of a step's types are missing. */
static enum reads_possible step_without(const struct rules *rules, uint32_t step,
					const uint8_t missing[32])
{
	bool any = false, all = true;

	if (has_no_types(&rules->steps[step])) /* it is fed only */
		return READS_ALL;
	for (unsigned i = 0; i < 32; i++) {
		uint8_t types = rules->steps[step].types[i];

		any |= (types & missing[i]) != 0;
		all &= (types & ~missing[i]) == 0;
	}
	if (!all && is_missing(missing, EV_dns))
		all = !(can_be_without_dns(rules, rules->steps[step].expr) & CAN_BE_TRUE);
	return all ? READS_NONE : any ? READS_SOME : READS_ALL;
}

static enum reads_possible way_without(const struct rules *rules, const struct rule *rule,
				       uint32_t end, const uint8_t missing[32]);

static enum reads_possible node_without(const struct rules *rules, const struct rule_node *n,
					const uint8_t missing[32])
{
	enum reads_possible worst = READS_ALL;

	if (n->kind != RULE_NODE_ALL)
		return step_without(rules, n->step, missing);
	for (unsigned m = 0; m < n->n_members; m++) {
		enum reads_possible one = step_without(rules, n->members[m], missing);

		if (one > worst)
			worst = one;
	}
	return worst;
}

/* And what feeds it: one way is enough, or, of `all`, each is. */
static enum reads_possible fed_without(const struct rules *rules, const struct rule *rule,
				       uint32_t node, const uint8_t missing[32])
{
	const struct rule_node *n = &rule->nodes[node];
	enum reads_possible own = node_without(rules, n, missing), ret = own;
	bool is_all = n->kind == RULE_NODE_ALL, any = false;

	if (!is_all && has_no_types(&rules->steps[n->step]))
		ret = READS_NONE;
	for (uint32_t i = 0; i < rule->n_nodes; i++) {
		enum reads_possible one;

		if (rule->nodes[i].feeds != node + 1)
			continue;
		one = way_without(rules, rule, i, missing);
		any = true;
		if (is_all ? one > ret : one < ret)
			ret = one;
	}
	return any ? ret : own;
}

static enum reads_possible way_without(const struct rules *rules, const struct rule *rule,
				       uint32_t end, const uint8_t missing[32])
{
	enum reads_possible worst = READS_ALL;

	for (int32_t at = (int32_t)end; at >= 0; at = rule->nodes[at].parent) {
		enum reads_possible one = fed_without(rules, rule, (uint32_t)at, missing);

		if (one > worst)
			worst = one;
	}
	return worst;
}

enum reads_possible reads_without(const struct rules *rules, const struct rule *rule,
				  const uint8_t missing[32])
{
	bool any_way = false, any_limit = false;

	for (uint32_t i = 0; i < rule->n_nodes; i++) {
		enum reads_possible worst;

		if (!rule->nodes[i].is_end || rule->nodes[i].feeds)
			continue;
		worst = way_without(rules, rule, i, missing);
		any_way |= worst != READS_NONE;
		any_limit |= worst != READS_ALL;
	}
	return !any_way ? READS_NONE : any_limit ? READS_SOME : READS_ALL;
}
