/* SPDX-License-Identifier: BSD-2-Clause */
/* What is probed inside programs, as tables: files, functions, and what each of these means. */
#ifndef REEL_RECORD_USER_TABLE_H
#define REEL_RECORD_USER_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "bpf/user.h"

/* Sets of enum user_library. */
#define USER_IN(library) (1u << (library))

/* Files that are looked into, by the last part of their paths. */
struct user_pattern {
	const char *glob;
	unsigned libraries;
};
extern const struct user_pattern user_patterns[]; /* ends with a glob that is NULL */

/*
 * An executable is looked into for everything, as long as its name is not one of a shared object.
 * There a function of the same name may be something else: the whole library must be there, which
 * another of its functions shows.
 */
extern const char *const user_proofs[]; /* by enum user_library */
enum { USER_LIBRARIES = USER_READLINE + 1 };

struct user_row {
	const char *name;
	enum user_kind kind;
	enum user_library library;
	unsigned param;
	unsigned path[2], cipher; /* of USER_SETUP: an argument + 1; 0: none */
};
extern const struct user_row user_rows[];
extern const size_t n_user_rows;

/* Which probes a kind of function needs. */
bool user_row_enters(const struct user_row *row);
bool user_row_returns(const struct user_row *row);
/* The type of record that it leads to: "" where it only adds to others. */
const char *user_row_type(const struct user_row *row);

struct user_getter_row {
	const char *name;
	enum user_library library;
	enum user_property property;
};
extern const struct user_getter_row user_getters[];
extern const size_t n_user_getters;

/* Where libraries and shells usually are: they are probed before anybody maps them. */
extern const char *const user_directories[]; /* ends with NULL */
extern const char *const user_shells[];

/* Libraries that a file of this path is to be looked into for; 0: none. */
unsigned user_libraries_of(const char *path, bool *ret_if_executable);

#endif
