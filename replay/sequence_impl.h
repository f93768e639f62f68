/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tokens and where they lie; for sequence.c and sequence_store.c only.
 *
 *	owner (kind of key, key)  ->  its slots, in a list, so that a key can end
 *	slot (node, key)          ->  its tokens, one for each tuple of bound values
 *
 * Slots are found by a hash of node and key. All tokens are in one list from the oldest to the
 * newest, from which too many are taken.
 */
#ifndef REEL_REPLAY_SEQUENCE_IMPL_H
#define REEL_REPLAY_SEQUENCE_IMPL_H

#include "replay/sequence.h"

struct kept_value {
	struct value v; /* its bytes lie in the text */
	struct model_text *text;
};

enum token_kind {
	TOKEN_WHOLE,   /* the node has been reached */
	TOKEN_PARTIAL, /* of `all`: some members have come */
	TOKEN_COUNTER, /* of `count`: the events that are counted */
	TOKEN_WAITING, /* the way is complete, if something does not come */
};

/* Events that counts on a token's way have used, by rising serial. */
struct count_set {
	uint32_t refs, n;
	struct count_set *before;
	uint64_t serial[];
};

/* An event that is counted, and how far the way had come before it. */
struct counted {
	uint64_t ts, serial;
	uint64_t first_ns, first_serial;
	uint64_t value;		 /* distinct: a hash of it; in a window that sums, itself */
	struct evidence *before; /* the parent's; NULL at the head */
	struct count_set *used;	 /* the parent's */
	struct seen *seen;
	bool begins; /* the count may begin with it: the way was open, and it came in time */
	bool is_despite;
};

struct slot;

struct token {
	struct slot *slot;
	struct token *next; /* in its slot, newest first */
	struct token *older, *newer;
	uint8_t kind;
	bool is_dead; /* taken out; its memory goes when the event is over */
	bool is_despite, is_tuned;
	uint64_t first_ns, last_ns;
	uint64_t first_serial, last_serial; /* of events */
	uint64_t anchor_ns;		    /* PARTIAL: what the bound of `all` counts from */
	uint64_t guards_seen, guards_blind;
	uint32_t mask;	    /* PARTIAL: members that have come */
	uint32_t collected; /* events of this node in its evidence */
	struct evidence *evidence;
	struct count_set *used;
	struct counted *counted; /* COUNTER: from the oldest on */
	uint32_t n_counted, counted_room;
	size_t waits_at; /* in the heap of those that wait, from 1 */
	uint64_t number; /* in the order in which they were made */
	uint64_t deadline_ns;
	struct kept_value bound[]; /* the rule's slots */
};

struct owner {
	uint64_t key;
	uint8_t kind;
	struct owner *next;
	struct slot *slots;
};

struct slot {
	uint32_t rule, node;
	uint64_t key;
	struct owner *owner;
	struct slot *next; /* in its bucket */
	struct slot *next_of_owner, **prev_of_owner;
	struct token *tokens;
	uint32_t n, n_dead; /* the dead still refer to it */
};

struct table {
	void **buckets;
	size_t n_buckets, n;
};

/* What is known of the key that an event has. NONE: it belongs to no group. */
enum key_known { KEY_UNKNOWN, KEY_DOUBTFUL, KEY_CERTAIN, KEY_NONE };

struct sequence {
	const struct sequence_plan *plan;
	const struct rules *rules;
	struct sequence_options o;
	struct model *model;
	struct table slots, owners;
	struct token *oldest, *newest;
	struct token *dead;
	uint64_t n_made;
	uint64_t n_state, swept; /* tokens; how many were left by the last sweep */
	uint64_t until_sweep;	 /* so many may be thrown away before the next */
	uint32_t *n_tokens;	 /* by rule */
	struct token **waiting;	 /* a heap by deadline; from 1 */
	size_t n_waiting, waiting_room;
	struct sequence_stats stats;

	/* The event that is looked at: */
	struct eval *eval;
	const struct reel_event *ev;
	uint64_t serial;
	uint64_t keys_of; /* serial of the event whose keys these are: */
	uint64_t keys[RULE_BY_GROUP + 1];
	enum key_known known[RULE_BY_GROUP + 1];
	struct seen *seen; /* made when the first token wants it */
	uint8_t *truth;	   /* by step, if it was asked of this event: */
	uint64_t *asked;   /* by step: serial of the event */
	/* A match of the rule whose turn it is has used up this event as its first, or counted
	 * it. */
	bool first_is_used, count_is_used;
	struct use *turns;
	size_t turns_room;
	uint32_t *why;		 /* by step: what made it unknown */
	struct value *values;	 /* a token's, while a step is asked */
	struct kept_value *kept; /* while a token is made */
	struct fed *fed;	 /* by correlations that were found with this event */
	size_t n_fed, fed_room, n_queued;
	struct evidence *told[RULES_ALL_MAX]; /* by member: of what is told just now */
	struct token **looked_at;
	size_t looked_room;
};

/* A correlation was found that another one is of. */
struct fed {
	uint32_t rule, node; /* that hears of it */
	uint8_t member;
	struct evidence *evidence;
};

struct slot *slot_find(const struct sequence *s, uint32_t rule, uint32_t node, uint64_t key);
struct slot *slot_get(struct sequence *s, uint32_t rule, uint32_t node, uint64_t key);

/* In its slot, as the newest of all; takes over the evidence. NULL: no memory. */
struct token *token_new(struct sequence *s, struct slot *slot, enum token_kind kind,
			const struct kept_value *bound);
void token_kill(struct sequence *s, struct token *t);
void token_touch(struct sequence *s, struct token *t);
bool token_is_alive(const struct sequence *s, const struct token *t, uint64_t now_ns);
/* The tokens of the slot as they are now, newest first; they stay valid until the event is over.
 * Returns how many, or -ENOMEM. */
int64_t slot_tokens(struct sequence *s, const struct slot *slot, struct token ***ret);
/* The same as they lie. */
int64_t slot_list(struct sequence *s, const struct slot *slot, struct token ***ret);
/* Those of a key that wait, in the order in which time would complete them. As above. */
int64_t owner_waiting(struct sequence *s, const struct owner *owner, struct token ***ret);

/* A token waits for its deadline. */
int token_wait(struct sequence *s, struct token *t, uint64_t deadline_ns);
void token_stop_waiting(struct sequence *s, struct token *t);

/* Frees what died, and slots that are empty. */
void store_clean(struct sequence *s);
/* Makes room: first what has expired, then the oldest. */
void store_bound(struct sequence *s, uint64_t now_ns);
struct owner *owner_find(const struct sequence *s, unsigned kind, uint64_t key);
void store_done(struct sequence *s);
/* A token of another set of rules, whose rule is the same as the slot's. */
void store_move(struct sequence *to, struct sequence *from, struct token *t, struct slot *slot);

uint64_t bound_hash(const struct kept_value *bound, uint32_t n);
bool bound_equal(const struct kept_value *a, const struct kept_value *b, uint32_t n);
void kept_value_ref(struct kept_value *to, const struct kept_value *from);

static inline const struct rule_node *token_node(const struct sequence *s, const struct token *t)
{
	return &s->rules->list[t->slot->rule].nodes[t->slot->node];
}

static inline const struct node_facts *node_facts(const struct sequence *s, uint32_t rule,
						  uint32_t node)
{
	return &s->plan->facts[s->plan->first_fact[rule] + node];
}

/* Whoever wants to know about this rule; NULL: nobody. */
static inline struct explain *explain_of(const struct sequence *s, uint32_t rule)
{
	return s->o.explain && s->o.explain->rule == rule ? s->o.explain : NULL;
}

/* What a token is copied from: a parent's token, or nothing at the head. */
struct origin {
	struct evidence *evidence;
	struct count_set *used;
	uint64_t first_ns, first_serial;
	uint64_t since_serial; /* of the last event before the node */
	bool is_despite;
};

/* A node's turn on an event. */
struct turn {
	uint32_t rule_at, node_at;
	const struct rule *rule;
	const struct rule_node *node;
	const struct node_facts *facts;
	uint64_t key;
};

/* An event that a match of what comes together (`all` and orders of correlations) has used is used
 * for all of it, not only as the first. */
static inline bool is_used_whole(const struct turn *turn)
{
	return turn->rule->key == RULE_BY_GROUP &&
	       (turn->node->kind == RULE_NODE_ALL || turn->node->whole_ns);
}

/* Why nothing goes on to the node from the tokens of its parent, if nothing does. */
void sequence_refused(struct sequence *s, const struct turn *turn, struct token **list, int64_t n);
/* MEMBERS: of `all`, those whose steps may hold. */
int sequence_reach(struct sequence *s, const struct turn *turn, uint32_t members,
		   struct reel_err *err);
/* A token at the node, made anew or over what stands there. Takes over the evidence. */
int sequence_arrive(struct sequence *s, const struct turn *turn, const struct origin *from,
		    struct evidence *evidence, const struct kept_value *bound,
		    struct reel_err *err);
void origin_of(const struct sequence *s, const struct turn *turn, const struct token *parent,
	       struct origin *ret);
/* The same, and that the event itself will be used. USED becomes the caller's. */
int origin_with(const struct sequence *s, const struct turn *turn, const struct token *parent,
		struct origin *ret);
/* Whether the event comes in time behind a parent's token, and nothing holds it back. */
bool sequence_may_follow(const struct sequence *s, const struct turn *turn,
			 const struct token *parent);
/* A step that may hold, with what the token has bound; where that leaves it open the rule is
 * undecided. */
bool sequence_holds(struct sequence *s, const struct turn *turn, uint32_t step,
		    const struct token *t);
struct token *slot_same_tuple(const struct slot *slot, enum token_kind kind, uint32_t mask,
			      const struct kept_value *bound, uint32_t n);
void slot_bound_tuples(struct sequence *s, struct slot *slot);
struct seen *sequence_seen(struct sequence *s);

/* BEFORE stays its owner's. MEMBER: of `all`. */
struct evidence *sequence_evidence(struct sequence *s, struct evidence *before, uint32_t node,
				   unsigned member);
/* The values of FROM and those that the node binds (of `all`: its member), in s->kept. */
int sequence_bind(struct sequence *s, const struct turn *turn, unsigned member,
		  const struct token *from);
void sequence_unbind(struct sequence *s, const struct rule *rule);
/* Takes over the evidence. */
void token_fill(struct sequence *s, struct token *t, const struct origin *from,
		struct evidence *evidence);

int all_event(struct sequence *s, const struct turn *turn, uint32_t members, struct reel_err *err);

/* Counts (sequence_count.c) */
int count_event(struct sequence *s, const struct turn *turn, struct reel_err *err);
uint64_t value_hash(const struct value *v);
/* Of the values that the event has of what the node counts. False: it lacks one. */
bool value_distinct(struct sequence *s, const struct rule_node *node, uint64_t *ret);
void counter_drop(struct sequence *s, struct token *t, uint32_t n);
/* What a match has used up: its first event, and those that it counted. */
void counter_use_up(struct sequence *s, struct token *t, uint64_t first_serial,
		    const struct count_set *used);
bool count_set_meets(const struct count_set *a, const struct count_set *b);
bool count_set_has(const struct count_set *a, uint64_t serial);
void count_set_unref(struct count_set *set);
static inline struct count_set *count_set_ref(struct count_set *set)
{
	if (set)
		set->refs++;
	return set;
}

/* One more; NULL: no memory. BEFORE stays its owner's. */
struct count_set *count_set_add(struct count_set *before, uint64_t serial);

/* Windows (sequence_window.c) */
int window_event(struct sequence *s, const struct turn *turn, struct reel_err *err);
int window_evidence(struct sequence *s, struct token *t);
bool sequence_is_tuned(struct sequence *s, uint32_t rule);
bool window_holds(const struct sequence *s, const struct token *t);

/* What has completed the token is to be told to the node that it feeds. */
int sequence_feed(struct sequence *s, const struct token *t);

int sequence_single(struct sequence *s, const struct turn *turn, struct reel_err *err);
/* A token has completed its way; it is used up. */
int sequence_complete(struct sequence *s, struct token *t, struct reel_err *err);
/* A step that may hold, with the values that a token has bound; NULL: none. */
enum truth sequence_ask(struct sequence *s, uint32_t step, const struct token *t);

/* Joins of steps (sequence_join.c) */
int sequence_find_joins(struct sequence_plan *p);
/* Whether the step cannot hold with what the token has bound. False: it is to be asked. */
bool sequence_is_of_another(const struct sequence *s, uint32_t step, const struct token *t);

/* The event is neither a match nor none, for these reasons. */
void sequence_undecided(struct sequence *s, uint32_t rule, uint32_t why, uint64_t extent_ns);
void sequence_blind(struct sequence *s, uint32_t rule, enum blind_reason reason, uint64_t from_ns,
		    uint64_t extent_ns);

#endif
