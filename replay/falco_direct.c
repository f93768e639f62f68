/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is derived for events in general, files that are opened carry themselves. Most events are
 * of those: what they carry is asked at once, and strings are looked for in all events together.
 */
#include <string.h>

#include "replay/falco_lower.h"

enum { WRITES_ONLY = 1, WRITES = 3, IS_DIRECTORY = 0200000 };

static struct falco_cond *new_test(struct falco_lowering *l, const char *own, unsigned kind,
				   enum rule_op op)
{
	struct falco_cond *c = falco_cond_new(l, FALCO_IS_LEAF);

	if (c)
		c->leaf = arena_alloc(l->memory, sizeof(*c->leaf));
	if (!c || !c->leaf)
		return NULL;
	*c->leaf =
		(struct rule_leaf){ .left = { .scope = RULE_OF_EVENT,
					      .context = own ? RULE_OWN_FIELD : RULE_ret,
					      .kind = (uint8_t)kind,
					      .is_signed = kind == REEL_S64,
					      .index = RULES_NONE,
					      .slot = RULES_NONE,
					      .own = own,
					      .hint = own && kind == REEL_U32 ? "open_flags" : "" },
				    .op = (uint8_t)op };
	c->leaf->role = (uint8_t)rule_ref_role(&c->leaf->left);
	memset(c->types, 0xff, sizeof(c->types));
	return c;
}

static struct falco_cond *negate(struct falco_lowering *l, struct falco_cond *c, bool is_wanted)
{
	struct falco_cond *negated;

	if (!c || !is_wanted)
		return c;
	negated = falco_cond_new(l, FALCO_IS_NOT);
	if (negated)
		negated->a = c;
	return negated;
}

static struct falco_cond *number_test(struct falco_lowering *l, const char *own, unsigned kind,
				      enum rule_op op, uint64_t number)
{
	struct falco_cond *c = new_test(l, own, kind, op);

	if (!c)
		return NULL;
	c->leaf->values = arena_alloc(l->memory, sizeof(*c->leaf->values));
	if (!c->leaf->values)
		return NULL;
	c->leaf->values->number = number;
	c->leaf->n_values = 1;
	return c;
}

static struct falco_cond *flag_test(struct falco_lowering *l, uint64_t bits)
{
	return number_test(l, "flags", REEL_U32, RULE_BITS, bits);
}

static bool is_one(const struct rule_leaf *leaf)
{
	return !leaf->has_right && leaf->n_values == 1 && !leaf->left.transforms[0];
}

static bool is_word(const struct rule_leaf *leaf, const char *word)
{
	return leaf->values[0].length == strlen(word) &&
	       memcmp(leaf->values[0].bytes, word, leaf->values[0].length) == 0;
}

/* evt.is_open_read=true and its like. */
static struct falco_cond *way_test(struct falco_lowering *l, const struct rule_leaf *leaf)
{
	bool reads = leaf->left.derived == DERIVED_opens_read;
	bool wanted = (leaf->values[0].number != 0) == (leaf->op == RULE_EQ);

	if (leaf->op != RULE_EQ && leaf->op != RULE_NE)
		return NULL;
	return negate(l, flag_test(l, reads ? WRITES_ONLY : WRITES), wanted == reads);
}

static struct falco_cond *typechar_test(struct falco_lowering *l, const struct rule_leaf *leaf)
{
	bool is_file = is_word(leaf, "f"), is_directory = is_word(leaf, "d");
	struct falco_cond *both = falco_cond_new(l, FALCO_IS_AND);

	if (!both || (leaf->op != RULE_EQ && leaf->op != RULE_NE) || (!is_file && !is_directory))
		return NULL;
	/* Of what could not be opened nobody knows that it is a directory. */
	both->a = flag_test(l, IS_DIRECTORY);
	both->b = number_test(l, NULL, REEL_S64, RULE_GE, 0);
	return both->a && both->b ? negate(l, both, is_file == (leaf->op == RULE_EQ)) : NULL;
}

static struct falco_cond *fd_test(struct falco_lowering *l, const struct rule_leaf *leaf)
{
	int64_t n = (int64_t)leaf->values[0].number;

	if ((leaf->op == RULE_GE && n == 0) || (leaf->op == RULE_GT && n == -1) ||
	    (leaf->op == RULE_NE && n == -1))
		return number_test(l, NULL, REEL_S64, RULE_GE, 0);
	if ((leaf->op == RULE_LT && n == 0) || (leaf->op == RULE_EQ && n == -1))
		return number_test(l, NULL, REEL_S64, RULE_LT, 0);
	return NULL;
}

static struct falco_cond *flags_test(struct falco_lowering *l, const struct rule_leaf *leaf)
{
	/* No other flag has one of these in its name. */
	static const struct {
		const char *name;
		uint64_t bit;
	} flags[] = { { "O_CREAT", 0100 },
		      { "O_EXCL", 0200 },
		      { "O_TRUNC", 01000 },
		      { "O_APPEND", 02000 } };

	if (strcmp(leaf->left.own, "flags") != 0 || leaf->op != RULE_CONTAINS || leaf->match_flags)
		return NULL;
	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++)
		if (is_word(leaf, flags[i].name))
			return flag_test(l, flags[i].bit);
	return NULL;
}

/* What the path must be like, where a part of it is to be this. */
static bool path_value(struct falco_lowering *l, const struct rule_leaf *leaf,
		       const struct rule_value *from, struct rule_value *to, enum rule_op *ret_op)
{
	bool is_file = leaf->left.derived == DERIVED_fd_filename;
	bool slash = is_file ? leaf->op == RULE_EQ || leaf->op == RULE_STARTS : false;
	char *bytes = arena_alloc(l->memory, from->length + 2ul);
	uint32_t n = 0;

	if (!bytes)
		return false;
	if (slash)
		bytes[n++] = '/';
	if (from->length)
		memcpy(bytes + n, from->bytes, from->length);
	n += from->length;
	*to = (struct rule_value){ .bytes = bytes, .length = n };
	*ret_op = leaf->op == RULE_EQ	  ? (is_file ? RULE_ENDS : RULE_STARTS) :
		  leaf->op == RULE_ENDS	  ? (is_file ? RULE_ENDS : RULE_CONTAINS) :
		  leaf->op == RULE_STARTS ? (is_file ? RULE_CONTAINS : RULE_STARTS) :
					    RULE_CONTAINS;
	return true;
}

/* The path is tested first: it can be looked for, and it says no to most. */
static struct falco_cond *part_test(struct falco_lowering *l, const struct rule_leaf *leaf)
{
	struct falco_cond *both = falco_cond_new(l, FALCO_IS_AND);
	struct falco_cond *path = new_test(l, "path", REEL_PATH, RULE_EQ);
	struct falco_cond *part = new_test(l, "path", REEL_PATH, RULE_EQ);
	enum rule_op op = RULE_EQ;

	if (!both || !path || !part || leaf->has_right || leaf->left.transforms[0] ||
	    !leaf->n_values ||
	    (leaf->op != RULE_EQ && leaf->op != RULE_STARTS && leaf->op != RULE_ENDS &&
	     leaf->op != RULE_CONTAINS))
		return NULL;
	path->leaf->values = arena_alloc(l->memory, leaf->n_values * sizeof(*leaf->values));
	if (!path->leaf->values)
		return NULL;
	for (uint32_t i = 0; i < leaf->n_values; i++)
		if (!path_value(l, leaf, &leaf->values[i], &path->leaf->values[i], &op))
			return NULL;
	path->leaf->n_values = leaf->n_values;
	path->leaf->op = (uint8_t)op;
	path->leaf->match_flags = leaf->match_flags;
	*part->leaf = *leaf;
	part->is_direct = true;
	both->a = path;
	both->b = part;
	return both;
}

static struct falco_cond *path_test(struct falco_lowering *l, const struct rule_leaf *leaf)
{
	struct falco_cond *c = new_test(l, "path", REEL_PATH, RULE_EQ);
	struct rule_ref path;

	if (!c || leaf->left.kind < REEL_PATH)
		return NULL;
	path = c->leaf->left;
	memcpy(path.transforms, leaf->left.transforms, sizeof(path.transforms));
	*c->leaf = *leaf;
	c->leaf->left = path;
	c->leaf->role = (uint8_t)rule_ref_role(&path);
	return c;
}

/* Whether it is in a container at all, as most rules ask: container.id != host. */
static struct falco_cond *host_test(struct falco_lowering *l, const struct rule_leaf *leaf)
{
	struct falco_cond *c = new_test(l, NULL, REEL_TEXT, RULE_EXISTS);

	if (!c || (leaf->op != RULE_EQ && leaf->op != RULE_NE) || !is_word(leaf, "host"))
		return NULL;
	c->leaf->left.scope = RULE_OF_PROCESS;
	c->leaf->left.context = RULE_container_id;
	return negate(l, c, leaf->op == RULE_EQ);
}

struct falco_cond *falco_direct(struct falco_lowering *l, const struct rule_leaf *leaf,
				const uint8_t types[32])
{
	bool creates = types[EV_create / 8] >> EV_create % 8 & 1;

	if (leaf->left.context == RULE_DERIVED && leaf->left.derived == DERIVED_container_id &&
	    leaf->left.scope == RULE_OF_PROCESS && is_one(leaf))
		return host_test(l, leaf);
	for (unsigned t = 0; t < EV_MAX_TYPES; t++)
		if (types[t / 8] >> t % 8 & 1 && t != EV_open && t != EV_create)
			return NULL;
	if (leaf->left.context != RULE_DERIVED)
		return NULL;
	switch (leaf->left.derived) {
	case DERIVED_fd_name:
		return path_test(l, leaf);
	case DERIVED_fd_directory:
	case DERIVED_fd_filename:
		return part_test(l, leaf);
	case DERIVED_opens_read:
	case DERIVED_opens_write:
		return is_one(leaf) && !creates ? way_test(l, leaf) : NULL;
	case DERIVED_fd_typechar:
		return is_one(leaf) ? typechar_test(l, leaf) : NULL;
	case DERIVED_fd_num:
		return is_one(leaf) ? fd_test(l, leaf) : NULL;
	case DERIVED_argument:
		return is_one(leaf) ? flags_test(l, leaf) : NULL;
	default:
		return NULL;
	}
}
