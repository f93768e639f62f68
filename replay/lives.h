/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What processes have open, beside the model of who they are: descriptors, sockets, mounts, each
 * with its life. One object a boot, which is given every event behind the model. Whoever wants rows
 * is told of each life that is over; what goes on can be asked for at any moment.
 *
 * - A descriptor lives from the event that opened it, or that a child inherited it with, to the one
 *   that closed it. One that was there before is known from a keyframe, or from being used.
 * - What an event says of a descriptor is believed more than what was known: where it shows
 *   another file, the close and the open in between were missed.
 * - A descriptor that a keyframe of its process does not mention had ended before.
 * - It is certain unless, since it was last told, events were lost, or a program was executed: that
 *   it was marked close-on-exec later than opened, no event says.
 *
 * Not known: tables of descriptors that two processes share (clone with CLONE_FILES), each has its
 * own here; mounts that come into a namespace by propagation, until a keyframe tells them.
 *
 * Memory: LIVES_FDS_MAX descriptors in all, LIVES_SOCKETS_MAX sockets with three times as many
 * connections at most, LIVES_MOUNTS_MAX mounts, and
 * LIVES_DEAD processes that have ended, as events may still come. What comes beyond ends what is
 * oldest, or is not tracked, and is counted in `evicted`.
 */
#ifndef REEL_REPLAY_LIVES_H
#define REEL_REPLAY_LIVES_H

#include "replay/model.h"

enum {
	LIVES_FDS_MAX = 1 << 21,
	LIVES_SOCKETS_MAX = 1 << 18,
	LIVES_MOUNTS_MAX = 1 << 14,
	LIVES_DEAD = 2048, /* more than the model keeps */
};
/* Of files by their paths: beyond it those that nobody has open are forgotten. */
#define LIVES_FILES_BYTES_MAX (384ull << 20)

/* An event's name within its boot; LIFE_NO_EVENT as the CPU: none. */
struct life_event {
	uint64_t seq;
	uint16_t cpu;
	uint8_t type;
	bool is_there;
};

enum life_file_kind { LIFE_FILE, LIFE_PIPE, LIFE_SOCKET, LIFE_MEMFD, LIFE_ANON };

/* A file by its path, the same over all boots of a capture; what is no file, of one boot. */
struct life_file {
	struct life_file *next; /* in its bucket */
	uint64_t hash;
	uint64_t number; /* from 1, never used again */
	uint64_t inode;	 /* the last that it had; 0: not known */
	uint32_t dev;
	uint32_t boot;
	uint32_t refs;
	uint32_t length;
	uint8_t kind;	/* enum life_file_kind */
	bool is_hidden; /* another one has its path now */
	/* The reader's, zero at first; whoever forgets the file is told. */
	struct {
		int64_t row, boot;
		int64_t first_ns, last_ns, created_ns, removed_ns;
		uint32_t writers, readers, executions;
		bool is_met, has_hash;
		uint8_t sha256[32];
	} use;
	uint8_t path[];
};

struct life;

/* One peer of a socket, or that it listens. */
struct life_connection {
	struct life_connection *next; /* of the same socket, the newest first */
	struct life_connection *next_by_ends;
	struct life_socket *socket;
	uint8_t kind;  /* type of the event: connect, accept, listen, bind, send, recv, sock */
	uint8_t state; /* of a keyframe's: as the kernel numbers it */
	bool is_over, is_hashed;
	uint16_t family, proto, port, lport;
	uint8_t addr[16], laddr[16];
	struct life_file *unix_path; /* NULL: none */
	uint64_t from_ts, to_ts;     /* 0: not known; not yet */
	uint64_t told_ts;
	uint64_t sent_bytes, received_bytes;
	bool has_bytes; /* they are the kernel's own totals */
	int64_t ret;
	uint32_t pid, owner, net_ns;
	struct life_event event;
	/* The reader's: */
	int64_t row, process_row, peer_row;
	struct model_text *name;
	bool is_sent, is_received;
};

struct life_socket {
	struct life_socket *next; /* in its bucket */
	struct life_socket *older, *newer;
	uint64_t inode;
	uint16_t family, sock_type, proto;
	uint32_t fds;  /* descriptors that show it */
	uint32_t refs; /* these, and those that are over and still to be told */
	uint32_t n_connections;
	bool is_closed, is_gone;
	uint64_t frame; /* keyframe that told it last */
	struct life_connection *connections;
};

struct life_fd {
	int32_t fd;
	uint32_t flags;	  /* of open, or those of its kind of call */
	uint8_t how;	  /* type of the event; EV_fork: inherited; EV_fd: a keyframe's */
	uint8_t on_exec;  /* enum life_on_exec */
	bool is_doubtful; /* see above: over an exec */
	bool is_met;	  /* known only from being used */
	uint64_t from_ts; /* 0: from before the capture */
	uint64_t to_ts;
	uint64_t told_ts;
	struct life_event event;
	uint32_t dev;		    /* of a socket: 0 */
	uint64_t inode;		    /* 0: not known */
	struct life_file *file;	    /* never NULL */
	struct life_socket *socket; /* NULL: none */
	uint64_t read_bytes, written_bytes;
	struct life_fd *next; /* of a list of what is over */
};

enum life_on_exec { LIFE_STAYS, LIFE_CLOSES, LIFE_ON_EXEC_UNKNOWN };

/* A process with what it has open; model_process.user. */
struct life {
	struct model_process *process;
	uint64_t serial;
	void *user;	      /* the reader's */
	struct life_fd **fds; /* by rising number */
	uint32_t n_fds, room;
	struct life_fd *over; /* ended with its exec or exit: what they had read may still come */
	uint64_t frame;	      /* the keyframe that told of him last */
	uint32_t mnt_ns;      /* as it was before the event */
	uint64_t to_ts;	      /* 0: it lives */
	struct life *next_by_serial;
	struct life *older, *newer;
};

struct life_mount {
	struct life_mount *next;
	uint32_t mnt_ns;
	uint32_t dev;
	uint64_t mount_id, parent_id;		       /* 0: not known */
	char *path, *source, *root, *fstype, *options; /* NULL: not known */
	uint64_t flags;
	bool has_flags, is_copy;
	uint64_t from_ts, to_ts, told_ts;
	uint64_t frame;
	uint32_t pid;
	uint8_t how;
	struct life_event event;
	int64_t process_row;
};

/*
 * What is over, and what is new where rows need it. Each may be NULL. They return 0 or a negative
 * errno. At the end of all, those that go on are told too, with to_ts 0.
 */
struct lives_tell {
	void *context;
	int (*begun)(void *context, struct life *l);
	int (*over)(void *context, struct life *l);  /* he has just ended */
	int (*ended)(void *context, struct life *l); /* and is told, behind his descriptors */
	void (*freed)(void *context, struct life *l);
	int (*fd)(void *context, struct life *l, struct life_fd *fd);
	/* L is NULL for what a keyframe tells; PEER, if it was found, is the other end. */
	int (*connected)(void *context, struct life *l, struct life_connection *c,
			 struct life_connection *peer);
	int (*connection)(void *context, struct life_connection *c);
	int (*mounted)(void *context, struct life *l, struct life_mount *m);
	int (*mount)(void *context, struct life_mount *m);
	int (*file)(void *context, struct life_file *f); /* it is forgotten */
};

/* Files are kept over several boots. */
struct life_files;
int life_files_new(const struct lives_tell *tell, struct life_files **ret, struct reel_err *err);
/* Tells of each file. */
int life_files_end(struct life_files *f);
void life_files_free(struct life_files *f);
/* By its path; KIND is LIFE_FILE, or as the path tells. NULL: no memory. */
struct life_file *life_file(struct life_files *f, uint32_t boot, const void *path, size_t length);
void life_file_ref(struct life_file *f);
void life_file_unref(struct life_file *f);
void life_file_is_at(struct life_files *f, struct life_file *file, uint32_t dev, uint64_t inode);
/* The last that was met with that device and inode; NULL: none. */
struct life_file *life_file_by_inode(struct life_files *f, uint32_t boot, uint32_t dev,
				     uint64_t inode);

struct lives;
/* BOOT: a number for each boot that the files serve. */
int lives_new(struct model *m, struct life_files *files, uint32_t boot,
	      const struct lives_tell *tell, struct lives **ret, struct reel_err *err);
/*
 * Behind model_event(), or model_find() and then CHANGE is {0}; BY is whose event it is. For each
 * process that has ended, also those of model_more(), lives_ended() follows. -ENOMEM, or what a
 * function of tell has returned.
 */
int lives_event(struct lives *l, const struct reel_event *ev, const struct model_change *change,
		struct model_process *by);
int lives_ended(struct lives *l, uint64_t serial, uint64_t ts);
/* All that goes on is told. */
int lives_end(struct lives *l);
void lives_free(struct lives *l);

/* What a path in the event says, made whole by where BY is. NULL: it is empty, or no memory. */
struct life_file *lives_event_path(struct lives *l, const struct reel_event *ev, struct life *by,
				   uint16_t offset);

/*
 * The event with a fixed part that is as long as this build's, in SCRATCH where the capture's is
 * shorter, so that each of its strings can be asked for.
 */
enum { LIVES_SCRATCH = 512 };
const struct reel_event *lives_whole(const struct reel_event *ev, struct reel_event *view,
				     uint64_t scratch[LIVES_SCRATCH / 8]);

/* Of an event's process; NULL: none. */
static inline struct life *lives_of(const struct model_process *p)
{
	return p ? p->user : NULL;
}
/* NULL: not known. */
struct life_fd *lives_fd(const struct life *of, int32_t fd);
/* The same that showed INODE, also one that ended just now with an exec or exit. */
struct life_fd *lives_fd_of(const struct life *of, int32_t fd, uint64_t inode);
struct life_socket *lives_socket(const struct lives *l, uint64_t inode);
/* Whom it is connected with, or last was; NULL: nobody. */
struct life_connection *lives_connection(const struct life_socket *s);

bool lives_fd_is_certain(const struct lives *l, const struct life_fd *fd);
bool lives_connection_is_certain(const struct lives *l, const struct life_connection *c);
bool lives_mount_is_certain(const struct lives *l, const struct life_mount *m);

/* All that live; NULL: the first, and behind the last. */
struct life *lives_next(const struct lives *l, const struct life *before);
struct life_mount *lives_mounts(const struct lives *l);
/* Each socket that is not closed. What EACH returns other than 0 ends it. */
int lives_each_socket(const struct lives *l, int (*each)(void *context, struct life_socket *s),
		      void *context);

struct lives_stats {
	uint64_t processes, fds, sockets, mounts, files;
	uint64_t evicted, files_forgotten;
};
void lives_stats(const struct lives *l, struct lives_stats *ret);

#endif
