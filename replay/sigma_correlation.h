/* SPDX-License-Identifier: BSD-2-Clause */
/* A correlation as it is written (sigma_correlation_read.c), for those that make nodes of it. */
#ifndef REEL_REPLAY_SIGMA_CORRELATION_H
#define REEL_REPLAY_SIGMA_CORRELATION_H

#include "replay/sigma_impl.h"

enum correlation_type {
	EVENT_COUNT,
	VALUE_COUNT,
	VALUE_SUM,
	VALUE_AVG,
	VALUE_PERCENTILE,
	TEMPORAL,
	TEMPORAL_ORDERED,
};

/* Nodes that are made of a correlation and of those within. */
struct correlation_nodes {
	struct rule_node *nodes;
	uint32_t n_nodes;
	unsigned n_chains; /* correlations within */
	uint64_t within_ns;
};

struct correlation {
	struct sigma_compile c;
	struct correlation_nodes *rule;
	uint8_t chain; /* which of them it is; 0: none within */
	const struct yaml_value *map;
	enum correlation_type type;
	uint64_t span_ns;
	struct sigma_document *of[SIGMA_CORRELATED_MAX];
	uint32_t n_of;
	const struct yaml_value *group[SIGMA_GROUP_MAX];
	uint32_t n_group;
	const struct yaml_value *field[SIGMA_GROUP_MAX]; /* whose values are counted */
	uint32_t n_field;
	bool generates; /* its rules report by themselves, too */
};

/* What is wrong, at its place. Always false. */
bool correlation_wrong(struct correlation *k, const struct yaml_value *at, const char *what);

/* All but the bounds. */
bool correlation_read(struct correlation *k);
/* What a count asks for: its fields, and these. */
bool correlation_bounds(struct correlation *k, struct rule_window *ret);

/* That what is put together is asked for no more than that all of it comes. */
bool correlation_is_of_all(struct correlation *k);

#endif
