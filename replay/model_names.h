/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of few files only: most events name files that nobody asks for. Who knows beforehand which
 * will be asked for need not tell the model of any other; a file is marked by its inode alone, and
 * now and then another falls on its mark.
 */
#ifndef REEL_REPLAY_MODEL_NAMES_H
#define REEL_REPLAY_MODEL_NAMES_H

#include "replay/model.h"

enum { MODEL_ASKED_BITS = 20, MODEL_ASKED_MAX = 1 << 16 };

struct model_asked {
	uint64_t marks[1 << (MODEL_ASKED_BITS - 6)];
	uint32_t n; /* marked; beyond MODEL_ASKED_MAX it is not worth its while */
};

/* By the lower half of the inode. */
static inline uint32_t model_mark_of(uint32_t inode)
{
	return inode * 0x9e3779b1u >> (32 - MODEL_ASKED_BITS);
}

static inline bool model_is_asked(const struct model_asked *a, uint32_t inode)
{
	uint32_t mark = model_mark_of(inode);

	return a->marks[mark / 64] >> mark % 64 & 1;
}

static inline void model_ask(struct model_asked *a, uint32_t inode)
{
	uint32_t mark = model_mark_of(inode);

	a->n += !model_is_asked(a, inode);
	a->marks[mark / 64] |= 1ull << mark % 64;
}

/* The model hears of these only, from the beginning on; it does not become the model's. */
void model_names_few(struct model *m, const struct model_asked *asked);
/* Whether another was asked for. */
bool model_names_missed(const struct model *m);

#endif
