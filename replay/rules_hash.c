/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A rule's compiled form as one number. Steps go in by what they are and not by their place in the
 * pools, so that the same text makes the same rule wherever it stands; what is only shown of a rule
 * (severity, description, lines) does not go in.
 */
#include <sodium.h>
#include <string.h>
#include <xxhash.h>

#include "replay/rules_impl.h"

static void put(uint64_t *to, uint64_t value)
{
	*to = XXH3_64bits_withSeed(&value, sizeof(value), *to);
}

static void put_double(uint64_t *to, double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	put(to, bits);
}

static void put_text(uint64_t *to, const char *text)
{
	size_t n = text ? strlen(text) : 0;

	put(to, text ? n : UINT64_MAX);
	*to = XXH3_64bits_withSeed(text ? text : "", n, *to);
}

static void put_ref(uint64_t *to, const struct rule_ref *ref)
{
	put(to, (uint64_t)ref->scope | (uint64_t)ref->context << 8 | (uint64_t)ref->kind << 16 |
			(uint64_t)(uint16_t)ref->index << 24 | (uint64_t)(uint16_t)ref->slot << 40 |
			(uint64_t)ref->is_signed << 56);
	if (ref->level || ref->derived || ref->transforms[0])
		put(to, XXH3_64bits_withSeed(ref->transforms, sizeof(ref->transforms),
					     ref->level | (uint64_t)ref->derived << 8));
	put_text(to, ref->own);
	if (ref->shown)
		put(to, ref->shown);
}

static void put_steps(uint64_t *to, const struct rules *r, const uint32_t *steps, uint32_t n)
{
	put(to, n);
	for (uint32_t i = 0; i < n; i++)
		put(to, r->maker->step_hashes[steps[i]]);
}

static void put_distinct(uint64_t *to, const struct rule_node *node)
{
	if (node->has_distinct)
		put_ref(to, &node->distinct);
	for (uint32_t i = 0; i < node->n_more_distinct; i++)
		put_ref(to, &node->more_distinct[i]);
}

static void put_node(uint64_t *to, const struct rules *r, const struct rule_node *node)
{
	put(to, (uint64_t)node->kind | (uint64_t)node->collects << 8 |
			(uint64_t)node->is_end << 16 | (uint64_t)(uint32_t)node->parent << 32);
	put(to, node->within_ns);
	put(to, node->wait_ns);
	if (node->kind == RULE_NODE_ALL)
		put_steps(to, r, node->members, node->n_members);
	else
		put_steps(to, r, &node->step, 1);
	if (node->kind == RULE_NODE_COUNT) {
		put(to, node->count);
		put(to, node->window_ns);
		put(to, node->has_distinct);
		put_distinct(to, node);
	}
	if (node->kind == RULE_NODE_WINDOW) {
		put(to, node->window_ns);
		put_double(to, node->window.least);
		put_double(to, node->window.most);
		put_double(to, node->window.except);
		put(to, node->window.measure | (uint64_t)node->window.closes << 8 |
				(uint64_t)node->window.is_more << 16 |
				(uint64_t)node->window.is_less << 24 |
				(uint64_t)node->window.percentile << 32);
		put_distinct(to, node);
	}
	if (node->feeds || node->chain) {
		put(to,
		    node->feeds | (uint64_t)node->feeds_member << 32 | (uint64_t)node->chain << 40);
		put(to, node->whole_ns);
	}
	put_steps(to, r, node->guards, node->n_guards);
	put_steps(to, r, node->stops, node->n_stops);
	put_steps(to, r, node->unlesses, node->n_unlesses);
	put(to, node->n_bindings);
	for (uint32_t i = 0; i < node->n_bindings; i++) {
		put_ref(to, &node->bindings[i].ref);
		put(to, (uint64_t)node->bindings[i].slot);
		put(to, node->binding_member ? node->binding_member[i] : 0);
	}
	for (uint32_t i = 0; i < node->n_group * (node->n_members ? node->n_members : 1); i++)
		put_ref(to, &node->group[i]);
	put(to, node->n_blocks);
	for (uint32_t i = 0; i < node->n_blocks; i++)
		put_text(to, node->blocks[i]);
}

uint64_t rules_hash_rule(const struct rules *r, const struct rule *rule)
{
	uint64_t state = 0;

	put_text(&state, rule->id);
	put(&state, (uint64_t)rule->key | (uint64_t)rule->n_slots << 8);
	put(&state, rule->within_ns);
	put_steps(&state, r, rule->unlesses, rule->n_unlesses);
	put(&state, rule->n_nodes);
	for (uint32_t i = 0; i < rule->n_nodes; i++)
		put_node(&state, r, &rule->nodes[i]);
	return state;
}

void rules_hash_compiled(const struct rules *r, uint8_t ret[32])
{
	crypto_generichash_state state;

	crypto_generichash_init(&state, NULL, 0, 32);
	for (uint32_t i = 0; i < r->n; i++) {
		const struct rule *rule = &r->list[i];

		crypto_generichash_update(&state, (const void *)rule->id, strlen(rule->id) + 1);
		crypto_generichash_update(&state, (const void *)&rule->hash, sizeof(rule->hash));
	}
	for (uint32_t i = 0; i < r->n_tunes; i++) {
		const struct rule_tune *tune = &r->tunes[i];

		crypto_generichash_update(&state, (const void *)tune->glob, strlen(tune->glob) + 1);
		crypto_generichash_update(&state, (const void *)&tune->hash, sizeof(tune->hash));
	}
	crypto_generichash_final(&state, ret, 32);
}
