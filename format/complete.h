/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What could stand where a user of a shell has got to, said by the tables of options: the shells'
 * own files (format/completions) ask with "reel --complete WORD...", of which the last is not
 * finished and may be empty. A line is a word, a tab, and what it means; or what the shell itself
 * knows best, behind a colon: :files :users :pids :commands.
 */
#ifndef REEL_FORMAT_COMPLETE_H
#define REEL_FORMAT_COMPLETE_H

#include "command.h"
#include "out.h"

/* The first word behind the command's name, with which these questions are asked. */
#define COMPLETE_WORD "--complete"

/* WORDS are those behind the command's name, N at least 1. */
void complete_words(const struct reel_command *self, int n, char **words, struct reel_out *o);

/* NAME is offered if it begins with WORD. */
void complete_offer(struct reel_out *o, const char *word, const char *name, const char *meaning);

#endif
