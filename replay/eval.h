/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an event is for the rules: fields on one side, leaves and steps on the other.
 *
 * An evaluator belongs to one thread. The one that scans blocks has no model: what needs the
 * process is unknown to it, so that its NO is final and everything else is looked at again, in
 * order, by the one that has.
 */
#ifndef REEL_REPLAY_EVAL_H
#define REEL_REPLAY_EVAL_H

#include "format/event.h"
#include "replay/blind.h"
#include "replay/model.h"
#include "replay/rules.h"
#include "replay/sieve.h"

/* Where a field is found on events of one type. */
enum access_way {
	ACCESS_UNSET,
	ACCESS_ABSENT,
	ACCESS_COMMON, /* enum rule_context */
	ACCESS_NUMBER,
	ACCESS_INET, /* a number or address that only IPv4 and IPv6 sockets have */
	ACCESS_RESULT,
	ACCESS_STRING,
	ACCESS_LINE,	 /* arguments, with blanks between them */
	ACCESS_DIGITS,	 /* bytes that are compared as hexadecimal digits */
	ACCESS_PATHNAME, /* two strings, either of which may be absent */
	ACCESS_NAMED,	 /* a string, else by device and inode */
	ACCESS_PROCESS,
	ACCESS_DERIVED,
};

enum { ACCESS_NOWHERE = 0xffff };

struct access {
	uint8_t way;
	uint8_t kind;	 /* of the field on tape */
	uint8_t context; /* COMMON, PROCESS */
	bool is_optional;
	bool is_data;	 /* what was moved: none of it where nothing was kept */
	uint16_t offset; /* ACCESS_NOWHERE: the type has no such string */
	uint16_t second; /* PATHNAME: of path_arg; INET: of family; NAMED: of dev */
	uint16_t inode;	 /* NAMED */
};

/* Shared by all threads: the same for a set of rules, whatever the capture. */
struct eval_plan {
	const struct rules *rules;
	struct access *left[EV_MAX_TYPES]; /* by leaf; NULL: no step wants the type */
	struct access *right[EV_MAX_TYPES];
	struct sieve *sieves[EV_MAX_TYPES]; /* NULL: no step wants the type */
	uint8_t *is_shared; /* by expression: it stands in several places, and binds nothing */
	uint64_t number;    /* of the plan; for what is remembered in a model's texts */
};

int eval_plan_new(const struct rules *rules, uint64_t number, struct eval_plan **ret,
		  struct reel_err *err);
/* A predicate that is no step's, to be asked of events of any type. */
int eval_plan_predicate(struct eval_plan *p, uint32_t expr, struct reel_err *err);
void eval_plan_free(struct eval_plan *p);
/* Whether the expression, of events of the type, may ask for a name by device and inode. */
bool eval_asks_name(const struct eval_plan *p, unsigned type, uint32_t expr);

/* The rows of a block's strings, by role and number; filled as they are asked for. */
struct eval_rows {
	const struct reel_string_table *strings;
	const struct match_row **row[RULE_ROLES];
};

/* A value that a step bound, or what is compared with it. */
enum value_kind { VALUE_ABSENT, VALUE_UNKNOWN, VALUE_NUMBER, VALUE_ADDR, VALUE_STRING };
struct value {
	uint8_t kind;
	bool is_signed;
	uint8_t addr[16];
	uint64_t number;
	const uint8_t *bytes;
	uint32_t length, true_length;
};

/* A string that was made for an event, as long as that is looked at. */
enum { EVAL_DERIVED_MAX = 64 };
struct eval_derived {
	uint64_t seq, ts;
	uint64_t key;
	uint16_t cpu;
	bool is_there, is_string, is_unknown;
	uint32_t why; /* as in struct eval, if it is unknown */
	uint8_t *bytes;
	size_t room;
	uint32_t length, true_length;
	uint64_t number;
	const struct match_row *row[RULE_ROLES];
	struct eval_derived *names; /* its text is that of a number: below; NULL */
};

/* Numbers by their names, as they were last made: there are few of them. */
enum { EVAL_NAMES_MAX = 256 };
struct eval_names {
	struct eval_derived text; /* its number is what is named */
	const char *hint;
	char between;
	bool is_mode;
};

/* What an expression that stands in several places is for the event that is looked at. */
struct eval_known_expr {
	uint32_t event; /* as in struct eval; 0: none */
	uint32_t why;
	uint8_t answer; /* enum truth */
};

/* Which field of a type has a name; both lie there as long as the evaluator. */
enum { EVAL_OWN_MAX = 256 };
struct eval_own {
	const char *name;
	const struct reel_type *type;
	const struct reel_field *field; /* NULL: none */
};

/* Arguments of calls as Falco calls them. */
enum { EVAL_NAMED_MAX = 64 };
struct eval_named {
	const char *name;
	uint32_t call;
	uint8_t type;
	const struct falco_arg *arg; /* NULL: none */
};

/* What was found out about arguments of the last event, by their number. */
enum { EVAL_ARGUMENTS_MAX = 8 };
struct eval_argument {
	uint64_t seq, ts;
	uint16_t cpu, offset;
	int16_t index;
	uint8_t role;
	bool is_there;
	const struct match_row *row; /* NULL: it is not known */
};

/* And about the names of calls. */
enum { EVAL_CALLS_MAX = 256 };
struct eval_call {
	uint32_t call; /* as in reel_event */
	uint8_t role;
	const struct match_row *row;
};

/* And of those above the process, by number of the leaf. */
enum { EVAL_ABOVE_MAX = 16 };
struct eval_above {
	uint64_t seq, ts;
	const struct rule_leaf *leaf; /* NULL: none */
	const struct model_process *process;
	uint32_t why; /* as in struct eval */
	uint16_t cpu;
	uint8_t answer; /* enum truth */
};

enum { EVAL_SHOWN_MAX = 64 };

/* What is made of several values. */
struct eval_composed {
	uint8_t *bytes;
	size_t room;
	uint32_t length;
};

struct eval {
	const struct eval_plan *plan;
	struct match_memo *memos[RULE_ROLES];
	struct model *model;	      /* NULL: there is none, see above */
	bool is_slow;		      /* without sieves, for tests */
	const struct eval_rows *rows; /* NULL: strings are asked for one by one */
	/* Of the event that is looked at: */
	struct model_process *process;
	const struct value *bound; /* the rule's slots; NULL: unknown */
	uint64_t seq, ts;	   /* what tells it from the one before */
	uint32_t event;		   /* counts them */
	uint16_t cpu;
	struct eval_known_expr *exprs; /* by number */
	bool wants_names;	       /* a name was asked for that only others could have told */
	uint32_t why; /* bits 1 << enum blind_reason: what made something unknown */
	/* Where fields that are bound or counted lie, by reference and type. */
	struct eval_known {
		const struct rule_ref *ref;
		const struct reel_type *type;
		struct access access;
	} known[64];
	struct eval_own own[EVAL_OWN_MAX];
	struct eval_argument arguments[EVAL_ARGUMENTS_MAX];
	struct eval_call calls[EVAL_CALLS_MAX];
	struct eval_above above[EVAL_ABOVE_MAX];
	struct eval_named named[EVAL_NAMED_MAX];
	uint8_t digits[2 * 64]; /* a short row of bytes, as digits */
	uint8_t *line[2];	/* arguments with blanks between them; of a right side */
	size_t line_room[2];
	struct eval_derived *derived; /* EVAL_DERIVED_MAX of them, NULL until one is needed */
	uint32_t n_derived, next_derived;
	uint8_t derived_at[EVAL_DERIVED_MAX]; /* by hash of a key: where it probably lies */
	struct eval_view *view; /* what the last event's descriptor is; NULL until one is asked */
	/* What calls in one another make, by how deep they are; of a right side the last. */
	struct eval_composed composed[RULE_CALLS_DEEP + 1];
	unsigned n_composing;
	const struct eval_derived *right; /* a value that is compared with: it stays; NULL */
	struct eval_names *names;	  /* EVAL_NAMES_MAX of them, NULL until one is needed */
	uint8_t *changed[2];		  /* what transforms made, of the left and the right side */
	size_t changed_room[2];
	char shown[2][EVAL_SHOWN_MAX]; /* a number or an address, as text; of the right side */
};

int eval_init(struct eval *e, const struct eval_plan *plan, struct reel_err *err);
void eval_done(struct eval *e);

/* Whether the call ended as it should. */
enum truth eval_outcome(struct eval *e, enum rule_outcome wanted, const struct reel_event *ev);
enum truth eval_leaf(struct eval *e, uint32_t leaf, const struct reel_event *ev);
enum truth eval_expr(struct eval *e, uint32_t expr, const struct reel_event *ev);
/* Whether the event is what the step wants; its type is already known to be. */
enum truth eval_step(struct eval *e, uint32_t step, const struct reel_event *ev);
/* False: it is not, and eval_step() is not worth its while. */
bool eval_may_hold(struct eval *e, uint32_t step, const struct reel_event *ev);

/* A field's value, for binding and for distinct. It lies in the event or the model. */
void eval_value(struct eval *e, const struct rule_ref *ref, const struct reel_event *ev,
		struct value *ret);

/* Arguments as one line at TO, which has room for them: blanks between them; what ends with a NUL
 * ends before it. */
void eval_join(struct reel_string *s, uint8_t *to);

const struct match_row *eval_row(struct eval *e, enum rule_role role, uint32_t number,
				 const struct reel_string *s);

#endif
