/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the files of the load: one a group of tables. */
#ifndef REEL_REPLAY_CASE_LOAD_IMPL_H
#define REEL_REPLAY_CASE_LOAD_IMPL_H

#include <errno.h>

#include "format/names.h"
#include "format/out.h"
#include "format/walk.h"
#include "replay/case_edges.h"
#include "replay/case_load.h"
#include "replay/lives.h"

enum {
	CASE_BUCKETS = 1 << 12,
	CASE_SESSIONS_MAX = 1 << 17, /* beyond it those without a process are written */
	CASE_CGROUPS_MAX = 1 << 16,
	CASE_USERS_MAX = 1 << 18,
	CASE_NAMES_MAX = 1 << 18,   /* addresses with names from dns */
	CASE_TOUCHED_MAX = 1 << 16, /* files that one process is known to have read and written */
	CASE_TEXTS = 4,
};

struct case_session {
	struct case_session *next;
	int64_t row, leader;
	uint32_t sid, loginuid, tty;
	uint32_t living;
	uint64_t members;
	uint64_t from_ts, to_ts;
};

struct case_container {
	struct case_container *next;
	int64_t row;
	uint64_t serial, cgroup, from_ts;
	struct model_text *id, *name, *image, *labels, *mounts;
	int privileged; /* -1: nobody said */
	uint8_t runtime;
};

/* What a process runs, until it runs something else. */
struct case_image {
	int64_t row;
	uint64_t serial, from_ts;
	struct model_text *exe, *path, *argv, *comm, *cwd, *env;
	struct life_file *file;
	uint64_t inode;
	uint32_t dev;
	bool is_exec, memfd, deleted, upper_layer;
	uint8_t how; /* enum model_known; or of an exec */
	struct life_event event;
};

/* What is compared to see whether it has changed; without holes. */
struct case_rights {
	struct model_ids ids;
	struct model_spaces spaces;
	uint32_t has_ids, has_caps, has_bounding, has_spaces;
	uint32_t no_new_privs, seccomp, is_known;
	struct model_caps caps;
};
struct case_credential {
	struct case_rights rights;
	uint64_t from_ts;
	uint8_t how; /* type of the event; 0: as it began */
	struct life_event event;
};

/* Hashed files of a process: 2 * number, or 2 * number + 1 if it wrote it. */
struct case_touched {
	uint64_t *at;
	uint32_t n, room;
};

struct case_process {
	int64_t row, parent;
	uint64_t from_ts;
	struct case_image image;
	struct case_credential credential;
	struct case_session *session; /* NULL: none, or he has ended */
	int64_t session_row, container_row;
	struct case_touched touched;
	struct life_event event; /* its fork */
	bool has_exit;
	uint64_t cpu_ns, read_bytes, written_bytes;
	uint32_t code;
	uint16_t signal;
};

struct case_cgroup {
	struct case_cgroup *next;
	uint64_t id;
	struct model_text *path;
};

struct case_names;

struct case_load {
	struct case_writer *w;
	const struct reel_reader *r;
	const struct case_load_options *o;
	struct case_edges *edges;
	struct life_files *files;
	struct lives_tell tell;
	struct case_names *names;
	uint64_t *users; /* hashes of those that were written */
	uint32_t n_users, users_room;
	int64_t capture;
	/* Of the boot: */
	const struct reel_boot *reel_boot;
	struct reel_clock_cache clock;
	int64_t boot;
	uint32_t boot_number;
	char boot_name[9];
	struct model *m;
	struct lives *l;
	struct case_session *sessions[CASE_BUCKETS];
	struct case_container *containers[CASE_BUCKETS];
	struct case_cgroup *cgroups[CASE_BUCKETS];
	uint32_t n_cgroups, n_sessions, sessions_limit;
	bool has_clock;
	uint64_t last_clock_ts;
	int64_t last_clock_ns;
	/* Of the event: */
	const struct reel_event *ev;
	struct model_process *process;
	struct life *by; /* NULL: nobody */
	int64_t ns;
	uint64_t now_ts;    /* the latest of all */
	uint8_t change_how; /* type of the event that is looked at */
	/* Texts of the row that is being written. */
	struct reel_out texts;
	/* Most descriptors are opened in one of a few ways. */
	struct {
		uint32_t flags, length;
		char text[128];
	} flags[64];
	char event_text[CASE_TEXTS][48];
	struct reel_err *err;
};

static inline struct case_process *case_process_of(const struct life *of)
{
	return of ? of->user : NULL;
}

/* Wall time; 0 is CASE_NONE. */
int64_t case_ns(struct case_load *c, uint64_t ts);
static inline int64_t case_ts(uint64_t ts)
{
	return ts ? (int64_t)ts : CASE_NONE;
}
#define CASE_LIFE_OF(c, row, from, to)             \
	do {                                       \
		(row)->from_ts = case_ts(from);    \
		(row)->to_ts = case_ts(to);        \
		(row)->from_ns = case_ns(c, from); \
		(row)->to_ns = case_ns(c, to);     \
	} while (0)

static inline struct case_text case_str(const char *text)
{
	return (struct case_text){ text, text ? strlen(text) : 0 };
}
static inline struct case_text case_model_text(const struct model_text *t)
{
	return t ? (struct case_text){ t->bytes, t->length } : (struct case_text){ 0 };
}
/* An event's id, in one of CASE_TEXTS places. */
struct case_text case_event(struct case_load *c, unsigned place, const struct life_event *e);

/* Texts that are made: begun at once for a row, and taken when all of them are there. */
size_t case_text_begin(struct case_load *c);
struct case_text case_text_taken(const struct case_load *c, size_t from);
/* As a JSON array; what a text of a row is, is only valid until texts are made for the next. */
void case_put_args(struct reel_out *o, const struct model_text *args);
void case_put_names(struct reel_out *o, const char *hint, uint64_t value);

/* Machine: boot, clock, coverage, gap, user, container */
int case_boot_begin(struct case_load *c, const struct reel_boot *boot);
int case_machine_event(struct case_load *c);
int case_damages(struct case_load *c, const struct reel_health *h, const struct reel_source *s);
/* Row of the container that he is in; CASE_NONE: none. -ENOMEM. */
int case_container_of(struct case_load *c, const struct model_process *p, int64_t *ret);
int case_container_ended(struct case_load *c, uint64_t serial);
int case_machine_end(struct case_load *c); /* of a boot */
void case_machine_free(struct case_load *c);
struct model_text *case_cgroup_path(struct case_load *c, uint64_t id);

/* Processes: process, image, credential, session */
int case_process_begun(void *context, struct life *of);
int case_process_over(void *context, struct life *of);
int case_process_ended(void *context, struct life *of);
void case_process_freed(void *context, struct life *of);
int case_process_event(struct case_load *c, const struct model_change *change);
int case_sessions_end(struct case_load *c);
void case_sessions_free(struct case_load *c);

/* Files: file, fd; and edges to them */
int case_fd_ended(void *context, struct life *of, struct life_fd *fd);
int case_file_forgotten(void *context, struct life_file *f);
int case_file_event(struct case_load *c);
/* Its row; it has been met now. */
int64_t case_file_met(struct case_load *c, struct life_file *f);

/* Net: connection, and edges to them */
int case_connected(void *context, struct life *of, struct life_connection *c,
		   struct life_connection *peer);
int case_connection_ended(void *context, struct life_connection *c);
int case_net_event(struct case_load *c);
/* Data went through a socket that read, write and the like were given. */
int case_socket_edge(struct case_load *c, struct life_socket *s, enum edge_kind kind,
		     const struct case_edge *like);

/* Mounts */
int case_mounted(void *context, struct life *of, struct life_mount *m);
int case_mount_ended(void *context, struct life_mount *m);

/* Names: dns */
int case_names_new(struct case_names **ret, struct reel_err *err);
void case_names_free(struct case_load *c);
int case_dns_event(struct case_load *c);
/* What the address was last called; NULL: not known. */
struct model_text *case_name_of(struct case_load *c, const uint8_t addr[16]);

/* Files, beside what is in them: file_change */
int case_change_event(struct case_load *c);

/* Cryptography: crypto_call */
int case_crypto_event(struct case_load *c);

/* Edges */
struct case_edge case_edge_now(struct case_load *c, enum edge_kind kind);
int case_edge_add(struct case_load *c, struct case_edge *e);

#endif
