/* SPDX-License-Identifier: BSD-2-Clause */
/* Arguments of calls under the names that Falco gives them: evt.arg.NAME. */
#ifndef REEL_REPLAY_FALCO_ARGS_H
#define REEL_REPLAY_FALCO_ARGS_H

#include "format/event.h"

enum falco_arg_way {
	FALCO_ARG_STRING,
	FALCO_ARG_RAW_PATH,
	FALCO_ARG_NAMED,
	FALCO_ARG_MODE,
	FALCO_ARG_ACCOUNT,
	FALCO_ARG_RESULT,
	FALCO_ARG_ARGV,
	FALCO_ARG_CONNECTION
};

struct falco_arg {
	uint8_t type;	   /* of events */
	uint8_t way;	   /* enum falco_arg_way */
	const char *name;  /* as Falco calls it */
	const char *own;   /* field of the type */
	const char *calls; /* that have it, a blank around each; NULL: all */
};
extern const struct falco_arg falco_args[]; /* the last has no name */

/* NULL: an event of this kind has none of that name. */
const struct falco_arg *falco_arg_find(const struct reel_event *ev, const char *name);
bool falco_arg_types(const char *name, uint8_t ret[32]);

#endif
