/* SPDX-License-Identifier: BSD-2-Clause */
/* The totals of reads and writes that are still folded when the recording ends. */
#ifndef REEL_RECORD_FOLDS_H
#define REEL_RECORD_FOLDS_H

#include <stdint.h>

#include "bpf/recorder.h"
#include "format/record.h"
#include "record/load.h"
#include "record/sink.h"

/*
 * One record for each open file that still has some. To be called when the programs are detached
 * and the rings are empty; takes 90 KiB of memory, however many files there are.
 */
int folds_sweep(const struct programs *p, const struct record_sink *sink, struct reel_err *err);

/* The record of one. Returns false, and begins none, where there is nothing to tell. */
bool fold_begin(struct reel_record *r, const struct open_key *key, const struct open_file *open,
		uint64_t now_ns);

#endif
