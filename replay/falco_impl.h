/* SPDX-License-Identifier: BSD-2-Clause */
/* What falco_items.c, falco_lists.c and falco_load.c share, and nobody else includes. */
#ifndef REEL_REPLAY_FALCO_IMPL_H
#define REEL_REPLAY_FALCO_IMPL_H

#include "replay/falco.h"
#include "replay/falco_parse.h"
#include "replay/rules_impl.h"

enum { FALCO_BUCKETS = 4096, FALCO_REASON_BYTES = 400 };

enum falco_item_kind { FALCO_LIST_ITEM, FALCO_MACRO_ITEM, FALCO_RULE_ITEM };

struct falco_exception {
	struct falco_exception *next;
	const char *name;
	const struct yaml_value *fields, *comps;
	const struct yaml_value **values; /* a sequence each: of several definitions */
	uint32_t n_values;
};

/* Where it was defined first decides who sees it, where it was defined last what it sees. */
struct falco_item {
	uint8_t kind;
	const char *name;
	const char *file;
	uint32_t line;
	uint32_t index, visibility;
	struct falco_item *next, *in_bucket;
	bool is_wrong; /* and that is said */
	/* LIST */
	const char **items;
	uint32_t n_items, item_room;
	bool is_expanded;
	/* MACRO, RULE */
	const char *condition;
	struct falco_node *node;
	/* RULE */
	const char *output, *description, *priority, *source;
	const char **tags;
	uint32_t n_tags, tag_room;
	bool is_disabled, skips_unknown, no_type_warning;
	struct falco_exception *exceptions;
};

struct falco_tree {
	struct falco_tree *next;
	struct yaml_tree *tree;
};

struct falco {
	struct falco_tree *trees;
	struct falco_item *first, **end;
	struct falco_item *buckets[FALCO_BUCKETS];
	uint32_t n_items;
};

struct falco_item *falco_item_find(const struct falco *f, enum falco_item_kind kind,
				   const char *name, size_t length);
/* Says what is wrong with an item, which is none from then on. */
int falco_item_reject(struct rules *r, struct falco_item *i, const char *reason);

/* Lists within lists. -EINVAL: it is too long. */
int falco_expand_list(struct rules *r, struct falco_item *list);
/* A condition with the lists in it; NULL: *RET_WHY, or no memory where that is NULL. */
const char *falco_expand(struct rules *r, struct arena *memory, const char *condition,
			 const char **ret_why);
/* An item as it stands in a condition: in quotes if there are blanks in it. */
const char *falco_quote(struct arena *memory, const char *item);

/* The condition with what its exceptions add; NULL: REASON says why not. */
const char *falco_with_exceptions(const struct falco_item *rule, struct arena *memory,
				  char reason[FALCO_REASON_BYTES]);

/* Text that grows; the first failure stays. */
struct falco_buffer {
	struct arena *memory;
	char *bytes;
	size_t length, room;
	bool is_out_of_memory, is_too_long;
	const char *wrong; /* NULL: nothing */
};
void falco_put(struct falco_buffer *b, const char *text, size_t length);

#endif
