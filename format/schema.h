/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The types of a capture, as its SCHEMA blocks give them. Made once for each distinct SCHEMA, never
 * changed after that, and shared by everything that reads the capture.
 */
#ifndef REEL_FORMAT_SCHEMA_H
#define REEL_FORMAT_SCHEMA_H

#include <stdint.h>

#include "bpf/events.h"
#include "format/err.h"
#include "format/types.h"

enum { REEL_NO_TYPE = 0xffff };

struct reel_schema {
	const struct reel_type *types[EV_MAX_TYPES];	/* NULL: no such type */
	uint16_t fixed_bytes[EV_MAX_TYPES];		/* REEL_NO_TYPE: no such type */
	uint8_t n_strings[EV_MAX_TYPES];
	/* Of this build's struct and the tape's the one begins as the other. */
	bool as_built[EV_MAX_TYPES];
	const char *classes[EV_MAX_TYPES];
	void *memory;
};

/* What this build writes. At most REEL_SCHEMA_MAX bytes. */
enum { REEL_SCHEMA_MAX = 64 << 10 };
size_t reel_schema_encode(uint8_t buffer[REEL_SCHEMA_MAX]);
/* The same of other tables, which end as reel_classes and reel_types do. */
size_t reel_schema_encode_tables(const struct reel_class *classes, const struct reel_type *types,
				 uint8_t buffer[REEL_SCHEMA_MAX]);

int reel_schema_decode(const void *body, size_t length, struct reel_schema **ret,
		       struct reel_err *err);
int reel_schema_built_in(struct reel_schema **ret, struct reel_err *err);
void reel_schema_free(struct reel_schema *s);

/* NULL where the type has no field of that name. */
const struct reel_field *reel_type_field(const struct reel_type *t, const char *name);

#endif
