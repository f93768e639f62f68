/* SPDX-License-Identifier: BSD-2-Clause */
/* What derive.c and derive_event.c share, and nobody else includes. */
#ifndef REEL_REPLAY_DERIVE_IMPL_H
#define REEL_REPLAY_DERIVE_IMPL_H

#include "replay/eval_impl.h"

/* NULL: no memory. */
struct eval_derived *derive_slot(struct eval *e, uint64_t key, const struct reel_event *ev,
				 bool *ret_is_made);
bool derive_room(struct eval_derived *x, size_t bytes);
/* Without memory nothing is put. */
void derive_put(struct eval_derived *x, const void *bytes, size_t n);
void derive_put_text(struct eval_derived *x, const char *text);
/* A number's names, with this between them, are all of it. IS_MODE: bits of a mode. False: no
 * memory. HINT lives as long as the evaluator. */
bool derive_put_names(struct eval *e, struct eval_derived *x, const char *hint, uint64_t number,
		      char between, bool is_mode);
/* A word that lies there for ever, as a value. */
bool derive_give_word(struct eval *e, const char *word, struct found *ret);
/* Name of an account. Returns whether there is one, or it is unknown. */
bool derive_account(struct finder *f, uint64_t uid, struct eval_derived *x);

/* The arguments as they lie on tape, each with a NUL (derive.c): of the event if that says them. */
bool derive_arguments(struct finder *f, struct model_process *p, struct found *ret);

/* What is made of several values (compose.c): each in its turn. */
bool derive_composed(struct finder *f, struct found *ret);

/* Fields of the event's own (derive_event.c); NAME lives as long as the evaluator. */
bool derive_has_own(struct eval *e, const struct reel_event *ev, const char *name,
		    struct reel_field *ret);
uint64_t derive_own_number(struct eval *e, const struct reel_event *ev, const char *name);
bool derive_own_string(struct eval *e, const struct reel_event *ev, const char *name,
		       struct found *ret);
/* Always true. */
bool derive_unknown(struct finder *f, struct eval_derived *x, enum blind_reason why);

/* Of its descriptor (derive_fd.c). */
int derive_fd_direct(struct finder *f, struct found *ret);
bool derive_fd_make(struct finder *f, struct eval_derived *x);
bool derive_connection(struct finder *f, struct eval_derived *x);

/* When it was, and whom it connects to by name (derive_record.c). */
int derive_record_direct(struct finder *f, struct found *ret);
bool derive_record_make(struct finder *f, struct eval_derived *x);
/* The name of whom the event connects to; false: nobody asked for one. */
bool derive_host(struct finder *f, struct found *ret);

/* Values that need not be made, as they lie in the event or the model. 1: given; 0: there is none,
 * or no more of them; -1: it has to be made. */
int derive_direct(struct finder *f, struct found *ret);
/* Whether there is a value, or it is unknown. */
bool derive_of_event(struct finder *f, struct eval_derived *x);

#endif
