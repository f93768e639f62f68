/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A foreign ELF file, opened and parsed in a child. Opening may take forever (a file system that
 * somebody's process serves), so the child does that too, while it still has our rights; then it
 * closes all but the file, gives its rights up (confine_parser()), and parses. What it answers is
 * checked here. In the process that calls, the file is never opened to be read.
 *
 *	elf_child_open(parser, &request, &st, err);	returns a handle (O_PATH) of the file
 *	elf_child_find(parser, &answer, err);		only if it is wanted
 *	elf_child_close(parser);
 *
 * One file at a time. A child that has not ended in ELF_CHILD_SECONDS is left to its own alarm, and
 * at most ELF_CHILD_LINGERING of these are borne. The caller must not wait for any child but by its
 * own pid.
 *
 * Memory: 120 KiB.
 */
#ifndef REEL_RECORD_ELF_CHILD_H
#define REEL_RECORD_ELF_CHILD_H

#include <stddef.h>
#include <sys/stat.h>

#include "record/elf.h"

enum { ELF_CHILD_SECONDS = 3, ELF_CHILD_LINGERING = 4 };

struct elf_parser;

int elf_parser_new(struct elf_parser **ret, struct reel_err *err);
/* Children that linger are not waited for. */
void elf_parser_free(struct elf_parser *p);

struct elf_request {
	/* Runs in the child. Returns a descriptor to read from, or -errno with its reason. */
	int (*open_it)(void *arg, struct reel_err *err);
	void *arg;
	const char *const *names;
	size_t n_names;
};

/* -ETIMEDOUT: it takes too long; -EBUSY: too many linger. The handle is the caller's to close. */
int elf_child_open(struct elf_parser *p, const struct elf_request *q, struct stat *ret_st,
		   struct reel_err *err);
/* As elf_find_functions(); -EBADMSG: the child makes no sense, or has died. */
int elf_child_find(struct elf_parser *p, struct elf_answer *ret, struct reel_err *err);
void elf_child_close(struct elf_parser *p);

#endif
