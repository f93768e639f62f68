/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the Sigma front end share, and nobody else includes. */
#ifndef REEL_REPLAY_SIGMA_IMPL_H
#define REEL_REPLAY_SIGMA_IMPL_H

#include "replay/rules_impl.h"
#include "replay/sigma.h"

enum {
	SIGMA_NAME_MAX = 200,
	SIGMA_VALUES_MAX = 10000, /* of an item, after its modifiers */
	SIGMA_WORK_MAX = 2000000, /* values of a document, each as often as it is used */
	SIGMA_CORRELATED_MAX = 64,
	SIGMA_GROUP_MAX = 8,
	SIGMA_CHAIN_MAX = 8,
	SIGMA_CHAIN_NODES_MAX = 200,
	SIGMA_CONDITION_MAX = 16 << 10,
};

enum sigma_kind { SIGMA_RULE, SIGMA_CORRELATION, SIGMA_FILTER };

/* What a document looks for on some types of events. */
struct sigma_form {
	uint8_t types[32];
	uint32_t expr;
};

struct sigma_document {
	struct sigma_document *next;
	const char *file;
	const struct yaml_value *root;
	const char *id, *name, *title;
	uint8_t kind;
	bool is_rejected;
	bool is_compiled;
	bool is_silent; /* a correlation reports for it */
	bool is_being_compiled;
	const struct sigma_source *source;
	struct sigma_form *forms;
	uint32_t n_forms;
	const char *why_not, *partly;
	struct rule_node *nodes; /* of a correlation */
	uint32_t n_nodes;
	uint64_t within_ns;
	unsigned depth; /* of correlations of correlations; 0: a rule */
	bool closes;	/* it is found when its time is over */
};

struct sigma_tree {
	struct sigma_tree *next;
	struct yaml_tree *tree;
};

struct sigma {
	struct sigma_tree *trees;
	struct sigma_document *first, **end;
};

/* Expressions with constants: what is known when it is compiled needs no event. */
enum { SIGMA_FAILED = -1, SIGMA_NEVER = -2, SIGMA_ALWAYS = -3 };

/* Logsources ----------------------------------------------------------------------------------- */

enum sigma_field_way {
	SIGMA_FIELD_OF,	  /* as policies name it, on the event's type */
	SIGMA_PROCESS_OF, /* of its process, whatever the event has of that name */
	SIGMA_DERIVED,	  /* worked out for the event, by the name that derive.h gives it */
	SIGMA_ARGUMENT,	  /* argv[N], N behind the name */
	SIGMA_CONSTANT,
};

struct sigma_field {
	const char *name;
	uint8_t way;   /* enum sigma_field_way */
	uint8_t shown; /* enum rule_shown */
	const char *text;
};

enum sigma_base { SIGMA_ANY, SIGMA_CREATES, SIGMA_NO_CREATION, SIGMA_INET, SIGMA_IPV4 };
/* What a rule must ask for, or not, for a view to matter to it. */
enum sigma_use {
	SIGMA_USE_ALWAYS,
	SIGMA_USE_NAMETYPE,
	SIGMA_USE_NO_NAMETYPE,
	SIGMA_USE_CALL, /* it names system calls */
	SIGMA_USE_KEY,
};

/* A record as the logsource has it, on some types of events. */
struct sigma_view {
	const char *types; /* names, blanks between; NULL: all that have texts, for keywords */
	const struct sigma_field *fields; /* ends with a NULL name */
	uint8_t base;			  /* enum sigma_base */
	uint8_t use;			  /* enum sigma_use */
};

struct sigma_source {
	const char *category, *service; /* NULL: none */
	const struct sigma_view *views;
	size_t n_views;
	const char *why_not, *partly;
};

/* NULL: nothing that is recorded is such a record; *ret_why, in BUFFER, says so. */
const struct sigma_source *sigma_source_find(const char *category, const char *product,
					     const char *service, char *buffer, size_t room,
					     const char **ret_why);
/* Why no event tells this field, where more can be said than that. */
const char *sigma_source_lacks(const char *field);

/* Compiling ------------------------------------------------------------------------------------ */

struct sigma_compile {
	struct rules *rules;
	struct sigma_document *doc;
	const struct yaml_value *detection;
	struct reel_err *err;
	const struct sigma_view *view;
	const struct reel_type *type; /* SIGMA_ANY_TEXT: of this one */
	unsigned depth;
	uint32_t n_work; /* values that were compiled, for all types */
	bool is_out_of_memory;
	/* What is wrong, said once. */
	bool is_wrong;
	uint32_t line;
	char reason[256];
};

void *sigma_alloc(struct sigma_compile *c, size_t bytes);
__attribute__((format(printf, 3, 4))) int64_t
sigma_wrong(struct sigma_compile *c, const struct yaml_value *at, const char *fmt, ...);

int64_t sigma_and(struct sigma_compile *c, int64_t a, int64_t b);
int64_t sigma_or(struct sigma_compile *c, int64_t a, int64_t b);
int64_t sigma_not(struct sigma_compile *c, int64_t a);
/* Of all; balanced, so that no list makes it deep. N 0: always, and never. */
int64_t sigma_all(struct sigma_compile *c, const int64_t *list, uint32_t n);
int64_t sigma_any(struct sigma_compile *c, const int64_t *list, uint32_t n);
int64_t sigma_leaf(struct sigma_compile *c, const struct yaml_value *at,
		   const struct rule_leaf *leaf);

/* A condition over the identifiers of c->detection, on c->view. */
int64_t sigma_condition(struct sigma_compile *c, const struct yaml_value *condition);
/* What stands under an identifier. */
int64_t sigma_detection(struct sigma_compile *c, const struct yaml_value *v);
/* A field, or keywords if NAME is NULL, with what it shall be. */
int64_t sigma_item(struct sigma_compile *c, const struct yaml_value *key,
		   const struct yaml_value *v);

/* The field's references on this view; 0: it has none. */
enum { SIGMA_REFS_MAX = 32 };
struct sigma_place {
	uint32_t n;
	struct rule_ref ref[SIGMA_REFS_MAX];
	const char *constant; /* n is 0 then */
};
void sigma_place(struct sigma_compile *c, const char *name, size_t length, struct sigma_place *ret);

/* Whether the view is of events of the type, and of what is asked for: bits of enum sigma_use. */
bool sigma_view_matters(const struct sigma_view *view, const struct reel_type *t, unsigned uses);
unsigned sigma_uses(const struct yaml_value *detection);
/* What makes an event of c->type a record of c->view. */
int64_t sigma_base(struct sigma_compile *c);
/* What the rule asks for that no record of its source has; NULL: nothing. */
const char *sigma_lacking(struct sigma_compile *c);
void sigma_check_only(struct sigma_compile *c);

/* Values --------------------------------------------------------------------------------------- */

enum { SIGMA_STAR = 256, SIGMA_ONE = 257 };

/* Bytes and wildcards. */
struct sigma_text {
	uint16_t *at;
	uint32_t n;
	uint32_t of; /* the value that it was made from, of several */
	bool is_number;
};

struct sigma_texts {
	struct sigma_text *v;
	uint32_t n, room;
};

enum sigma_compare {
	SIGMA_TEXTS,
	SIGMA_REGEX,
	SIGMA_CIDR,
	SIGMA_NUMBER, /* with op */
	SIGMA_EXISTS,
	SIGMA_FIELD,
};

/* A number that a date has. */
struct sigma_part {
	const char *name;
	uint8_t derived; /* enum derived */
	int64_t least, most;
};

struct sigma_modifiers {
	uint8_t compare; /* enum sigma_compare */
	uint8_t op;	 /* enum rule_op, of SIGMA_NUMBER */
	bool all, cased, negated;
	bool contains, starts, ends; /* of SIGMA_FIELD */
	const struct sigma_part *part; /* of a date; NULL */
	unsigned regex_flags;	     /* enum match_flags */
	bool ignores_case;	     /* of a regex */
	struct sigma_texts texts;
	bool has_null;
	const struct yaml_value *list; /* what it is made from: one or a sequence */
};

/* The name without its modifiers in *RET_LENGTH. False: something is wrong. */
bool sigma_read_modifiers(struct sigma_compile *c, const struct yaml_value *key,
			  const struct yaml_value *v, struct sigma_modifiers *ret,
			  uint32_t *ret_length);
/* One text as an operator and its value. */
bool sigma_text_value(struct sigma_compile *c, const struct sigma_text *t, uint8_t *ret_op,
		      struct rule_value *ret);
/* Whether the text fits one that is known. */
bool sigma_text_fits(const struct sigma_text *t, const char *text, bool cased);
bool sigma_parse_net(const char *text, size_t length, struct rule_net *ret);

/* Documents ------------------------------------------------------------------------------------ */

/* The forms of a rule; false: rejected. */
int sigma_compile_rule(struct rules *r, struct sigma_document *d, struct reel_err *err);
int sigma_compile_correlation(struct rules *r, struct sigma_document *d, struct reel_err *err);
int64_t sigma_apply_filters(struct sigma_compile *c, const struct reel_type *t, unsigned uses,
			    int64_t expr);
void sigma_fill_rule(struct sigma_document *d, struct rule *ret, struct rules *r);
int sigma_reject(struct rules *r, struct sigma_document *d, const struct sigma_compile *c);
/* By id or name. */
struct sigma_document *sigma_find(struct rules *r, const char *reference);

#endif
