/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine as the state stream tells it: processes with what they run, who made them, what they
 * may do, and where they belong, as they were at each event. One model a boot; events are given to
 * it in their order.
 *
 * - A process is (pid, start). `parent` is who made it, and never changes; a process that is gone
 *   stays as long as somebody refers to it.
 * - Families, containers and processes have serial numbers from 1, never used again in a boot.
 * - What is known of a process from before a loss (model_lost) is not model_is_certain() until it
 *   executes or a keyframe record says it anew.
 *
 * Memory: MODEL_PROCESSES_MAX living processes (the one that was heard of longest ago goes first,
 * counted in `evicted`), MODEL_ANCESTORS_MAX dead ancestors in a row where somebody is forked,
 * MODEL_FILES_MAX open files. Beyond MODEL_BYTES_MAX in all, somebody goes for each who comes.
 */
#ifndef REEL_REPLAY_MODEL_H
#define REEL_REPLAY_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/err.h"
#include "format/event.h"

enum {
	MODEL_PROCESSES_MAX = 1 << 20,
	MODEL_ANCESTORS_MAX = 64,
	MODEL_FILES_MAX = 1 << 20,
};
#define MODEL_BYTES_MAX (2ull << 30)

/* A string of the model: equal ones are the same object. */
struct model_text {
	uint32_t length;
	uint32_t true_length;	/* as in reel_string */
	uint32_t refs;
	uint32_t hash;
	struct model_text *next;	/* in its bucket */
	const void *row[4];	/* what a reader found out about it, by what it was taken for */
	uint64_t row_of;	/* 0: nothing; else which set of rules it is of */
	uint8_t bytes[];	/* and a NUL */
};

struct model_container {
	uint64_t serial;
	uint64_t cgroup;
	struct model_text *id, *name, *image;	/* name, image: NULL if nobody said */
	uint8_t runtime;
	int8_t is_privileged;	/* -1: nobody said */
	uint32_t members;	/* living processes */
	uint64_t family;
};

struct model_ids {
	uint32_t uid, euid, suid, fsuid, gid, egid, sgid, fsgid;
};
struct model_caps {
	uint64_t effective, permitted, inheritable, bounding, ambient;
};
struct model_spaces {
	uint32_t mnt, pid, net, user, uts, ipc, cgroup; /* 0: not known */
};

/* Of an EXEC nobody knows where it comes from and belongs: only what an exec says. */
enum model_known { MODEL_GUESS, MODEL_EXEC, MODEL_FORK, MODEL_KEYFRAME };

struct model_process {
	uint32_t pid;
	uint32_t refs;
	uint64_t start_ns;
	uint64_t serial;
	uint64_t family;
	uint64_t image;		/* serial number of what it runs: a new one with each exec */
	struct model_process *parent;	/* NULL: nobody knows, or there is none */
	uint32_t ppid;
	uint32_t vpid;
	struct model_text *exe, *comm, *argv, *cwd, *root;	/* NULL: not known, or none */
	struct model_ids ids;
	struct model_caps caps;
	struct model_spaces spaces;
	uint32_t loginuid, sid, pgid, tty;
	uint64_t cgroup;
	struct model_container *container;	/* NULL: on the host, or !has_container */
	uint64_t certain_ns;	/* when all this was last told; see model_is_certain */
	uint64_t whole_ns;	/* the same of what an exec does not say; 0: never */
	uint64_t ids_ns, rights_ns; /* and both of what events of the class priv change */
	uint64_t exec_ns;	/* when it began to run what it runs; 0: before the capture */
	uint8_t known_by;	/* enum model_known; of a GUESS only the pid is known */
	uint8_t seccomp_mode;
	bool no_new_privs, kernel_thread, is_dead;
	bool has_ids, has_caps, has_spaces, has_family, has_container;	/* whether anybody said */
	bool has_cwd;		/* said by the last exec, or by a chdir since */
	bool has_bounding;	/* has_caps is of the other four */
	void *user;		/* the reader's; NULL in a new process */
	struct model_process *next_by_pid, *older, *newer;	/* lists of the model */
};

struct model;

/* What an event has changed, beside what it says itself. Keys that end do so behind the event: the
 * process can still be asked until the next event is given. */
struct model_change {
	struct model_process *process;	/* whose event it is, as it is now; NULL: nobody (pid 0, the
					 * recorder) */
	struct model_process *child;	/* of fork */
	uint64_t ended_process, ended_family, ended_container;	/* serials; 0: none */
	/* A family was founded by setsid. Or one that had been guessed was found to belong to
	 * another, and is what has ended. */
	uint64_t family_from, family_to;
	bool evicted;
};

/* Whether something has ended, or a family was founded; who it was is no news by itself. */
static inline bool model_change_ends(const struct model_change *c)
{
	return c->ended_process || c->ended_family || c->ended_container || c->family_to;
}

int model_new(const char *host, struct model **ret, struct reel_err *err);
void model_free(struct model *m);

/* Every event of the STATE stream, and every other for which somebody wants to know the process, in
 * their order. -ENOMEM only. */
int model_event(struct model *m, const struct reel_event *ev, struct model_change *ret,
		struct reel_err *err);

/*
 * What has ended besides, where it is more than one change can say: with a keyframe, or where an
 * exit was lost. To be asked behind each event, until it is false.
 */
bool model_more(struct model *m, struct model_change *ret);

/*
 * Whose event this is, as he is now, and nothing more; NULL: unknown. For events that are no
 * state. Who has just ended is still found, since some events come behind the exit.
 */
struct model_process *model_find(struct model *m, uint32_t pid);

/* Events of a class were lost until `last_ns` (0xff: of any): see certain_ns. */
void model_lost(struct model *m, uint8_t class_id, uint64_t last_ns);
/* Whether losses of the class leave it in doubt; 0: any class. */
bool model_reads_class(uint8_t class_id);
/* Whether what is known of him is what he was, as far as the tape goes. */
bool model_is_certain(const struct model *m, const struct model_process *p);
/* The same of what an exec does not say: where he comes from, and where he belongs. */
bool model_is_whole(const struct model *m, const struct model_process *p);
/* And what setuid and its like change: ids, capabilities and comm; and all other rights. */
bool model_is_certain_of_ids(const struct model *m, const struct model_process *p);
bool model_is_whole_of_rights(const struct model *m, const struct model_process *p);

/* Whether it is known which one he is and where he belongs, whatever he ran at the time. */
bool model_is_placed(const struct model *m, const struct model_process *p);
/* What is known of him, beside that, was told later than now: it counts from the next time on that
 * it is told. */
void model_doubt(struct model_process *p);

/* All who live; NULL: the first, and behind the last. */
struct model_process *model_next(const struct model *m, const struct model_process *before);

void model_ref(struct model_process *p);
void model_unref(struct model *m, struct model_process *p);

/* Name of an account; NULL: not known. */
struct model_text *model_user(const struct model *m, uint32_t uid);
struct model_text *model_host(const struct model *m);

/*
 * Open files and sockets by device and inode, which are unique while anybody has them open: whoever
 * inherited, duplicated or was passed a descriptor has the same. Told by every event that has
 * both an identity and a name; model_names() must be given all events of EVENTS to be whole.
 */
enum model_file_kind { MODEL_FILE, MODEL_SOCKET, MODEL_PIPE };
struct model_file {
	uint32_t dev;
	uint64_t inode;
	struct model_text *path;	/* a path, "socket:[N]", "pipe:[N]" */
	uint8_t kind;
	/* sockets, as far as known: */
	uint16_t family, port, lport;
	uint8_t addr[16], laddr[16];
};
/* Whether events of the type can name a file: only those need to be given. */
bool model_type_names(const struct reel_type *type);
int model_names(struct model *m, const struct reel_event *ev, struct reel_err *err);
/* NULL: unknown. INODE 0 is unknown. A socket has dev 0 in events that give none. */
const struct model_file *model_file(struct model *m, uint32_t dev, uint64_t inode);

/*
 * Names of addresses: what each was last looked up by, by the process itself, else by any in its
 * network namespace. To be told of every event of DNS, of what of it was lost, and since when it is
 * not recorded. A name that was told before something was lost may be another by now. At most
 * 65,536 are kept.
 */
enum model_naming {
	MODEL_NAMELESS, /* nobody has looked for it */
	MODEL_NAMED,
	MODEL_NAME_NOT_RECORDED,
	MODEL_NAME_LOST,
	MODEL_NAME_CUT,
	MODEL_NAME_FORGOTTEN,
	MODEL_NAME_FROM_BEFORE, /* what runs there may know it from before the capture */
};
int model_dns(struct model *m, const struct reel_event *ev, struct reel_err *err);
void model_dns_lost(struct model *m, uint64_t last_ns);
void model_dns_missing(struct model *m, bool is_missing, uint64_t now_ns);
/* P may be NULL: nobody knows who it is. */
enum model_naming model_name_of(const struct model *m, const struct model_process *p,
				const uint8_t addr[16], struct model_text **ret);

/* A text of the model; NULL: no memory. Give it back with model_text_unref(). */
struct model_text *model_text(struct model *m, const struct reel_string *s);
void model_text_ref(struct model_text *t); /* which may be NULL */
void model_text_unref(struct model *m, struct model_text *t);

struct model_stats {
	uint64_t processes, dead, families, containers, files, texts;
	uint64_t evicted;
	size_t bytes;
};
void model_stats(const struct model *m, struct model_stats *ret);

#endif
