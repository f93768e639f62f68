/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a process of reel gives up once it has what it needs: before the recorder looks at the first
 * event (record/confine.h), and before a reading command looks at the first byte that comes from
 * elsewhere. Who keeps what, and which test shows it: CONFINE.md, and record/THREATS.md.
 *
 * A measure that the kernel does not have, or refuses, is no error: the report says so.
 */
#ifndef REEL_FORMAT_CONFINE_H
#define REEL_FORMAT_CONFINE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum confine_what {
	CONFINE_OWNER,		/* uid, gid and groups are those of --owner */
	CONFINE_CAPABILITIES,	/* permitted, effective, inheritable and ambient ones */
	CONFINE_BOUNDING,	/* the bounding set is empty */
	CONFINE_NO_NEW_PRIVS,
	CONFINE_DUMPABLE,	/* no core file, no tracing by processes of the same user */
	CONFINE_LANDLOCK,
	CONFINE_SECCOMP,
	CONFINE_MEASURES,
};

/* With the values of coverage.status. */
enum confine_status {
	CONFINE_DONE = 0,
	CONFINE_NOT_WANTED = 1,
	CONFINE_NOT_THERE = 2,
	CONFINE_REFUSED = 3,
	CONFINE_PARTLY = 5,
};

struct confine_report {
	struct {
		enum confine_status status;
		char reason[160];	/* "": nothing to add */
	} measure[CONFINE_MEASURES];
};

/* Who the files of a capture belong to. */
struct confine_owner {
	char name[64];
	uid_t uid;
	gid_t gid;
};

extern const char *const confine_measure_names[CONFINE_MEASURES];

/*
 * A reading command. It sets what it is to be able to do, begins, names the files, and is then
 * confined: only calls of the table in confine_calls.c, files only where they were named; what is
 * open stays usable. No program is run, no socket made, no other process looked at or signalled.
 * It must have one thread only; those that it begins later are as confined.
 *
 * Memory: a filter of 16 KiB on the stack.
 */
struct confine_reader {
	bool reads_anywhere;	/* rules and SQL name files that are not known before */
	bool makes_files;	/* that are not there yet: none that is there is opened to write */
	bool writes_database;	/* as SQLite does it, in directories that are named */
	bool narrows_later;	/* the files, when it is known which */
	bool makes_code;	/* PCRE2 compiles expressions into memory that is executable */
	pid_t may_signal;	/* a child; 0: nobody */

	int landlock_fd;	/* from begin on; -1: none */
	int landlock_failed;	/* 0, or -errno */
	uint64_t handled, read_rights, write_rights;
};

void confine_reader_begin(struct confine_reader *c);
/* A file, or what is beneath a directory. Whatever is not there, and "-", is no matter here. */
void confine_reader_may_read(struct confine_reader *c, const char *path);
/* The same of a capture, of which one file may have been named. */
void confine_reader_may_read_capture(struct confine_reader *c, const char *path);
/* All that is beneath a directory; or, where there is none, beneath the one it is to be in. */
void confine_reader_may_write_in(struct confine_reader *c, const char *directory);
/* A file, and what is made beside it meanwhile: the directory that it is or will be in. */
void confine_reader_may_write(struct confine_reader *c, const char *path);
/* A file or an empty directory that is there; and with it, others of its kind beside it. */
void confine_reader_may_remove(struct confine_reader *c, const char *path);
/* Where SQLite and the like put what does not fit into memory. */
void confine_reader_may_spill(struct confine_reader *c);
void confine_reader_end(struct confine_reader *c, struct confine_report *ret);
/* The files only, of one that is confined. */
void confine_reader_narrow(struct confine_reader *c);
/* Instead of either. */
void confine_reader_drop(struct confine_reader *c);

/*
 * For a child that is about to run PROGRAM, a tool of the user's that opens a foreign file: it
 * reads what it likes, writes nothing, but for what may be spilled and, unless NULL, beneath the
 * directory of WRITTEN; it runs no other program, has no network, and leaves others alone.
 */
void confine_session(const char *program, const char *written, struct confine_report *ret);

#endif
