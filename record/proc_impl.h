/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of a keyframe share: the look, which is all the state there is, reading in /proc
 * with few calls, and a small table.
 */
#ifndef REEL_RECORD_PROC_IMPL_H
#define REEL_RECORD_PROC_IMPL_H

#include <errno.h>
#include <sys/types.h>

#include "record/proc.h"

struct dirent64;

enum {
	PROC_BUFFER_BYTES = 256 << 10, /* twice the longest string that exec takes */
	PROC_ENTRIES_BYTES = 32 << 10,
	PROC_LINK_BYTES = 4096, /* the kernel gives no longer one */
	PROC_STARTS = 1024,
	PROC_TABLE_MAX = 65536,
};

/* Numbers other than 0, each with a value. At most half full; beyond the maximum nothing is put. */
struct proc_table {
	struct proc_row {
		uint32_t key, value;
	} * rows;
	uint32_t n, room;
};

int proc_table_put(struct proc_table *t, uint32_t key, uint32_t value);
bool proc_table_get(const struct proc_table *t, uint32_t key, uint32_t *ret);

struct proc_look {
	const struct record_sink *sink;
	struct reel_err *err;
	struct proc_totals totals;
	int proc; /* /proc */
	uint64_t tick_ns;
	/* Of what is looked at now: something could not be read, for lack of privilege. */
	bool fault, refused;
	bool no_audit; /* the kernel has neither loginuid nor sessionid */

	struct proc_table mount_devs;	/* mount id: device of its file system */
	struct proc_table mount_spaces; /* whose mounts are in there, all or a part */
	/* Start times of processes by pid, the low bits of which say where. */
	struct {
		uint32_t pid;
		uint64_t start;
	} starts[PROC_STARTS];

	struct reel_record record;
	char buffer[PROC_BUFFER_BYTES];
	char link[PROC_LINK_BYTES];
	_Alignas(8) char entries[PROC_ENTRIES_BYTES];
};

int proc_look_start(const struct record_sink *sink, struct reel_err *err, struct proc_look **ret);
void proc_look_free(struct proc_look *l);

int proc_no_memory(struct proc_look *l);

/* Begins a record of a keyframe, at this moment. */
void *proc_record(struct proc_look *l, enum ev_type type, uint32_t pid, uint32_t tid);
/* The next string of it. */
void proc_text(struct proc_look *l, const char *s);
/* What was noted as a fault since the record began goes into its flags. */
int proc_put(struct proc_look *l);

/* Reading ---------------------------------------------------------------------------------- */

static inline bool proc_is_gone(ssize_t r)
{
	return r == -ENOENT || r == -ESRCH;
}

/* Notes why something could not be read: a thing that is not there is none. */
void proc_note(struct proc_look *l, ssize_t r);

int proc_open(int dir, const char *name, int flags);
/*
 * One read of a file that the kernel gives in one piece; a NUL follows. Bytes, fewer than SIZE, or
 * -errno.
 */
ssize_t proc_read(int dir, const char *name, char *buffer, size_t size);
/* A link into l->link. Bytes, or -errno; -ENAMETOOLONG: what is there is only the beginning. */
ssize_t proc_read_link(struct proc_look *l, int dir, const char *name);
/* The link as the next string of the record. Returns as proc_read_link(), and notes it. */
ssize_t proc_put_link(struct proc_look *l, int dir, const char *name);
/* Whether it is not chrooted. */
bool proc_has_own_root(struct proc_look *l, int dir);
/* Of a link to a namespace; 0: not known, which is noted. */
uint32_t proc_read_space(struct proc_look *l, int dir, const char *name);

struct proc_inode {
	uint64_t inode;
	uint32_t dev;
	uint32_t mount_id; /* 0: not known */
	uint32_t mode;
};

/* Never waits for a server. FLAGS are those of statx(). */
int proc_stat(int dir, const char *name, int flags, struct proc_inode *ret);
/* The device of the file system itself, once proc_learn_mounts() has seen the mount. */
uint32_t proc_device(const struct proc_look *l, const struct proc_inode *i);
/* DIR: of a process in that mount namespace. */
int proc_learn_mounts(struct proc_look *l, int dir, uint32_t mnt_ns);

/* Lines of a file. A line over the buffer is left out whole; .skipped counts them. */
struct proc_lines {
	int fd;
	char *buffer;
	size_t size, at, end;
	uint64_t skipped;
	bool dropping;
};

struct proc_lines proc_lines_begin(int fd, char *buffer, size_t size);
/* 1 and a line, its newline replaced by a NUL; 0 at the end, -errno. */
int proc_lines_next(struct proc_lines *s, char **ret, size_t *ret_length);

/* Entries of a directory, into l->entries: one directory at a time. 1, 0 at the end, -errno. */
struct proc_dir {
	int fd;
	size_t at, end;
};
int proc_dir_next(struct proc_look *l, struct proc_dir *d, struct dirent64 **ret);

/* A whole name that is a decimal number, as the kernel writes it. */
bool proc_is_number(const char *name, uint32_t *ret);
/* The number at *p, blanks before it; moves *p behind it. false: there is none. */
bool proc_number(char **p, int base, uint64_t *ret);

/* Mounts ------------------------------------------------------------------------------------- */

/* A line of mountinfo; strings are in the line, octal escapes undone. */
struct proc_mount {
	uint32_t id, parent, dev;
	struct proc_string {
		char *bytes;
		size_t length;
	} root, path, options, fstype, source, super_options;
};

/* false: it makes no sense. */
bool proc_mount_parse(char *line, struct proc_mount *ret);
bool proc_has_option(const struct proc_string *options, const char *option);

/* Processes ---------------------------------------------------------------------------------- */

/* What of a stat file is needed to look further. */
struct proc_state {
	const char *comm;
	size_t comm_length;
	uint64_t start;
	uint32_t ppid, pgid, sid, tty;
	uint32_t n_threads;
	bool kernel_thread;
	bool dead; /* this thread, at least */
};

/* All processes, by their pids. */
struct proc_list {
	uint32_t *pids;
	uint8_t *wanted;
	size_t n, room;
};

enum { PROC_NOT_WANTED, PROC_ANCESTOR, PROC_WANTED };

int proc_list_read(struct proc_look *l, struct proc_list *ret);
void proc_list_choose(const struct proc_look *l, bool (*wants)(void *arg, uint32_t pid), void *arg,
		      struct proc_list *list);
void proc_list_free(struct proc_list *list);

struct proc_cgroups;

/* A process that is held. */
struct proc_held {
	uint32_t pid;
	int dir;   /* /proc/PID */
	int alive; /* the same, or that of a living thread where the first one has ended */
	struct proc_state state;
	char text[512]; /* comm lies in it */
	uint32_t vpid;
	int fds, maps; /* opened, or -errno */
};

/* NAME is stat or TID/stat; comm is in BUFFER. 0 or -errno. */
int proc_read_state(const struct proc_look *l, int dir, const char *name, char *buffer, size_t size,
		    struct proc_state *ret);
/* 1: it is gone. */
int proc_put_process(struct proc_look *l, const struct proc_options *o,
		     const struct proc_cgroups *c, struct proc_held *p);
int proc_put_tasks(struct proc_look *l, const struct proc_options *o, const struct proc_held *p);
int proc_put_fds(struct proc_look *l, const struct proc_held *p);
int proc_put_maps(struct proc_look *l, const struct proc_held *p);

/* argv, and of the environment the variables that are wanted, as next strings of the record. */
void proc_put_argv(struct proc_look *l, int dir, uint32_t max);
void proc_put_env(struct proc_look *l, int dir, const char *const *names, uint32_t max);

#endif
