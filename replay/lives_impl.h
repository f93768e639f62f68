/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the files of the lives. */
#ifndef REEL_REPLAY_LIVES_IMPL_H
#define REEL_REPLAY_LIVES_IMPL_H

#include <errno.h>

#include "format/reader.h"
#include "replay/lives.h"

enum {
	LIVES_BUCKETS = 1 << 16,
	LIVES_CLOSED = 4096, /* sockets that are closed, whose totals may still come */
	LIVES_PEERS = 64,    /* of one socket that is not connected */
	LIVES_CONNECTIONS_MAX = 2 * LIVES_SOCKETS_MAX,
	LIVES_PATH_MAX = 8192,
};

struct lives {
	struct model *m;
	struct life_files *files;
	struct lives_tell tell;
	uint32_t boot;
	/* Of the event that is looked at: */
	const struct reel_event *ev;
	struct life *by;
	/* Processes */
	struct life *by_serial[LIVES_BUCKETS];
	struct life *oldest, *newest;		/* that live */
	struct life *dead_oldest, *dead_newest; /* by `newer` */
	uint32_t n_dead;
	/* Descriptors */
	struct life_fd *spare;
	uint64_t n_fds, n_sockets, n_mounts, n_processes, evicted;
	uint64_t n_connections;
	/* Sockets */
	struct life_socket *sockets[LIVES_BUCKETS];
	struct life_connection *by_ends[LIVES_BUCKETS];
	struct life_socket *open_oldest, *open_newest, *closed_oldest, *closed_newest;
	uint32_t n_closed;
	/* Mounts, the newest first */
	struct life_mount *mounts;
	/* Keyframes */
	uint64_t frame, frame_from_ts;
	bool frame_is_open, frame_has_fds;
	/* Until when something was lost: of all that descriptors, sockets, mounts are made by. */
	uint64_t fds_lost_ts, mounts_lost_ts;
	bool any_lost;
	uint32_t sock_dev; /* of the file system of sockets; 0: not seen yet */
};

static inline struct life_event lives_event_name(const struct reel_event *ev)
{
	return (struct life_event){ ev->seq, ev->cpu, ev->type->id, true };
}

static inline uint32_t lives_bucket(uint64_t key)
{
	return (uint32_t)(key * 0x9e3779b97f4a7c15ull >> 48);
}

static inline bool lives_worked(const struct reel_event *ev)
{
	return ev->ret >= 0 && !(ev->flags & EV_BLOCKED);
}

/* Files */
struct life_file *life_file_new(struct life_files *f, uint32_t boot, const void *path,
				size_t length);
/* Forgets what nobody has open, if they are too many. */
int life_files_trim(struct life_files *f);
uint64_t life_files_forgotten(const struct life_files *f);
uint64_t life_files_count(const struct life_files *f);
/* What a path of the event says, made whole with where its process is. NULL: it is empty, or no
 * memory. */
struct life_file *lives_path(struct lives *l, uint16_t offset);
struct life_file *lives_object(struct lives *l, const char *kind, uint64_t inode, bool is_new);

/* Descriptors */
enum lives_when { LIVES_AT_ONCE, LIVES_LATER };
/* Which of the process's it is, or would be. */
uint32_t lives_fd_place(const struct life *of, int32_t fd);
/* The one at place I is over at TO_TS. Its socket may end with it. */
int lives_fd_end(struct lives *l, struct life *of, uint32_t i, uint64_t to_ts,
		 enum lives_when when);
/* In place of what it showed before, whose close was not seen. */
int lives_fd_put(struct lives *l, struct life *of, const struct life_fd *like);
/* It has ended with an exec or exit, and is still to be told. */
bool lives_fd_is_over(const struct life *of, int32_t fd);
int lives_fd_event(struct lives *l);
int lives_fd_inherit(struct lives *l, struct life *parent, struct life *child);
int lives_fd_exec(struct lives *l, struct life *of);
/* All of one who has ended. They are told with lives_fd_tell_over. */
int lives_fd_end_all(struct lives *l, struct life *of, uint64_t to_ts);
int lives_fd_tell_over(struct lives *l, struct life *of);
int lives_fd_frame_end(struct lives *l);
void lives_fd_free_all(struct lives *l, struct life *of);

/* Sockets */
int lives_sock_event(struct lives *l);
/* The one with that inode, made if need be; NULL: no memory. */
int lives_sock_open(struct lives *l, uint64_t inode, bool is_new, struct life_socket **ret);
void lives_sock_hold(struct life_socket *s);
/* A descriptor that showed it is over; and then it is told, too. */
int lives_sock_drop(struct lives *l, struct life_socket *s, uint64_t to_ts);
void lives_sock_unref(struct lives *l, struct life_socket *s);
int lives_sock_end_all(struct lives *l);
int lives_sock_frame_end(struct lives *l);
void lives_sock_free_all(struct lives *l);

/* Connections, by their ends where they have both. */
bool lives_has_ends(const struct life_connection *c);
struct life_connection *lives_ends_find(struct lives *l, const uint8_t laddr[16], uint16_t lport,
					const uint8_t addr[16], uint16_t port, uint16_t proto);
void lives_ends_enter(struct lives *l, struct life_connection *c);
void lives_ends_leave(struct lives *l, struct life_connection *c);
int lives_connection_tell(struct lives *l, struct life_connection *c);
void lives_connection_free(struct lives *l, struct life_connection *c);

/* Mounts */
int lives_mount_event(struct lives *l);
int lives_mount_frame_end(struct lives *l);
int lives_mount_end_all(struct lives *l);
void lives_mount_free_all(struct lives *l);

static inline bool lives_is_as_built(const struct reel_event *ev, unsigned type)
{
	return ev->segment ? ev->segment->schema->as_built[type] :
			     ev->type == reel_type_by_id(ev->type->id);
}

/* This build's struct of the event's type, or NULL where the capture's is another. */
#define lives_as(l, type, scratch)                                                               \
	(lives_is_as_built((l)->ev, EV_##type) ?                                                 \
		 (const struct ev_##type *)reel_event_as((l)->ev, scratch, sizeof(*(scratch))) : \
		 NULL)

#endif
