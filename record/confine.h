/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What reel's processes give up once they have what they need. The table of who keeps what, and
 * which test shows it, is THREATS.md.
 *
 * A measure that the kernel does not have, or refuses, is no error: the report says so, and it goes
 * on tape as coverage. Memory: a filter of 16 KiB on the stack, and a list of 256 threads.
 */
#ifndef REEL_RECORD_CONFINE_H
#define REEL_RECORD_CONFINE_H

#include "format/confine.h"
#include "record/sink.h"

/* Looks NAME up in FILE, which is /etc/passwd. -ENOENT: there is no such user. */
int confine_find_owner(const char *file, const char *name, struct confine_owner *ret,
		       struct reel_err *err);

enum { CONFINE_BESIDE = 4 };

struct confine_options {
	const char *capture;		/* the directory; NULL: the capture goes elsewhere */
	const char *beside[CONFINE_BESIDE]; /* further ones to write beneath: of --metrics-file */
	const struct confine_owner *owner;  /* NULL: we stay who we are. Only root can change. */
	pid_t may_signal;		/* the command that is recorded; 0: nobody */
};

/*
 * Confines every thread of the process, those that the writer has made as well: each gets
 * SIGRTMAX - 1 and gives up its own rights in the handler. So no thread may block that signal, each
 * must bear EINTR, and none may be begun meanwhile. Threads that begin later are as confined as the
 * one that begins them.
 *
 * Afterwards: only calls of the table in confine_calls.c; files are opened only beneath the
 * directories named; what is open stays usable. The segments of an existing capture, its lock and
 * the directory itself go to the owner before.
 *
 * Fails only when it is half done or cannot be done as asked, and the process must then end:
 * -EPERM: an owner, but we are not root; -EACCES: the owner cannot write in the capture;
 * -ETIMEDOUT: a thread does not answer.
 */
int confine_recorder(const struct confine_options *o, struct confine_report *ret,
		     struct reel_err *err);

/* The helper keeps CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH; it opens files to read them only. */
struct confine_helper_options {
	bool attaches;	/* uprobes: keeps CAP_BPF, CAP_PERFMON and CAP_CHECKPOINT_RESTORE, and the
			 * calls that they are for */
	bool by_perf;	/* attaches by perf events: CAP_SYS_ADMIN too, if this kernel asks for it */
	bool executes;	/* --anchor: a program is run, so that only the worst calls are refused */
};
int confine_helper(const struct confine_helper_options *o, struct confine_report *ret,
		   struct reel_err *err);

/*
 * For a child that parses a foreign file it was given open: no capability, no file but those that
 * are open, no call but to read, map, write and end. It is ended after so many seconds.
 */
int confine_parser(unsigned seconds, struct confine_report *ret, struct reel_err *err);

/* The report as coverage records, for hooks "recorder: landlock" and so on. */
int confine_report_put(const struct confine_report *report, const char *process,
		       const struct record_sink *sink, struct reel_err *err);

#endif
