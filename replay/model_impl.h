/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the files of the model. */
#ifndef REEL_REPLAY_MODEL_IMPL_H
#define REEL_REPLAY_MODEL_IMPL_H

#include "replay/model.h"

enum {
	MODEL_LINGER = 1024,	      /* dead processes that events may still be of */
	MODEL_DEAD_MAX = 1 << 18,     /* beyond as many as live */
	MODEL_PENDING_MAX = 1 << 20,
	MODEL_CGROUPS_MAX = 1 << 18,
	MODEL_HIERARCHIES_MAX = 32,   /* that one id is in */
	MODEL_ACCOUNTS_MAX = 1 << 16,
};

/*
 * A family that was only guessed may be found to belong to another: it joins it. Its members move
 * when they are next asked for (model_settle), but count there at once.
 */
struct family {
	uint64_t serial;
	uint32_t members;     /* living processes */
	uint32_t refs;	      /* of living processes, settled or not, and of what joined it */
	struct family *joins; /* NULL: none */
	bool is_guess;
};

/* Container with what holds it: processes, also dead ones, and cgroups. */
struct container {
	struct model_container c;
	uint32_t refs;
	struct container *next;
};

/* A path that an id of a cgroup has in one hierarchy; or what a runtime said of the id. */
struct cgroup {
	uint64_t id;
	uint32_t hierarchy;
	bool is_root;
	struct container *container; /* NULL: of none */
	struct cgroup *next;
	struct cgroup *older, *newer;
};

enum { CGROUP_NO_HIERARCHY = 0xffffffff, CGROUP_RUNTIME = 0xfffffffe };

struct account {
	uint32_t uid;
	uint64_t generation;
	struct model_text *name;
	struct account *next;
};

/* A process with what nobody else needs to know of it. */
struct node {
	struct model_process p; /* first */
	struct family *family;
	uint64_t generation;  /* the last keyframe in or since which it was heard of */
	uint64_t parent_start_ns;
	bool is_vague;	      /* told by somebody who was uncertain himself */
	bool is_pending;      /* its parent or its container are still looked for */
	bool is_hashed;
	bool is_linked;	      /* to its parent, just now */
	uint64_t walk;	      /* the last that came over it */
	bool has_uids, has_gids;
	bool keeps_caps;      /* PR_SET_KEEPCAPS */
	/* The last thread that went into namespaces of its own; 0: none. */
	uint32_t strayed_tid;
	struct model_spaces strayed;
};

static inline struct node *node_of(struct model_process *p)
{
	return (struct node *)p;
}

/* A hash table of chained things: buckets are always a power of two. */
struct buckets {
	void **at;
	uint32_t shift; /* of a 64-bit hash */
	uint32_t n;	/* things in it */
};

struct file {
	struct model_file f;
	uint32_t next; /* in its bucket, plus 1 */
	bool is_used;  /* since the hand was last here */
};

struct files {
	struct file *at;
	uint32_t n, room, max, hand;
	uint32_t *buckets;
	uint32_t n_buckets;
	uint32_t sock_dev; /* of the file system of sockets; 0: not seen yet */
	struct file_plan *plans[EV_MAX_TYPES];
	const struct model_asked *asked; /* NULL: all are told; else see model_names.h */
	bool missed;
};

/* The end of the last loss. */
struct model_loss {
	bool any;
	uint64_t last_ns;
};

struct resolved {
	uint64_t asker; /* twice the serial of a process; or a network namespace, and the bit 0 */
	uint64_t ts;	/* when it was told last */
	uint8_t addr[16];
	struct model_text *name;
	uint32_t next; /* in its bucket, plus 1 */
	bool is_used;  /* since the hand was last here */
};

struct resolved_names {
	struct resolved *at;
	uint32_t n, room, hand;
	uint32_t *buckets; /* as many as there is room */
	struct model_loss lost;
	bool has_forgotten, is_missing;
};

struct model {
	uint64_t seed; /* odd */
	struct model_text *host;
	struct buckets texts, processes, containers, cgroups, accounts;
	struct model_process *oldest, *newest; /* the living, as they were heard of */
	struct node *linger[MODEL_LINGER];
	uint32_t linger_at;
	struct cgroup *cgroup_oldest, *cgroup_newest;
	struct node **pending;
	uint32_t n_pending, pending_room;
	uint32_t processes_max;
	size_t bytes_max;
	uint64_t n_living, n_dead, n_dead_limit, n_families, evicted;
	uint64_t serial, family_serial, container_serial, image_serial;
	uint64_t generation, walk, walk_floor;
	bool keyframe_is_open;
	struct model_loss lost, rights_lost; /* of events that tell of processes; of rights */
	struct model_process *held; /* whose the last event was */
	struct model_change *more; /* what has ended with this event, in order */
	uint32_t n_more, more_at, more_room, more_old;
	struct files files;
	struct resolved_names names;
	size_t bytes;
};

/* An event that is being told. */
struct told {
	struct model *m;
	const struct reel_event *ev;
	struct node *by; /* NULL: nobody */
	struct model_change *change;
};

/* Handlers return 0 or -ENOMEM. FIXED is the struct of the type. */
typedef int model_handler(struct told *t, const void *fixed);

model_handler model_on_fork, model_on_exec, model_on_exit, model_on_chdir, model_on_chroot,
	model_on_pivot_root, model_on_setsid, model_on_setpgid, model_on_cgroup_move;
model_handler model_on_setuid, model_on_setgid, model_on_capset, model_on_prctl, model_on_setns,
	model_on_unshare, model_on_seccomp;
model_handler model_on_process, model_on_keyframe, model_on_account, model_on_cgroup,
	model_on_container;

/* Who makes a user namespace has all capabilities in it. */
void model_new_user_space(struct node *n);

/* Texts */
int model_texts_new(struct model *m);
void model_texts_free(struct model *m);
/* Puts it into *at in place of what stands there; an empty one, or one that could not be read, is
 * NULL. */
int model_take_string(struct told *t, uint16_t offset, struct model_text **at);
int model_take_bytes(struct model *m, const void *bytes, size_t length, struct model_text **at);

/* Tables */
static inline uint32_t model_slot(const struct model *m, const struct buckets *b, uint64_t key)
{
	return (uint32_t)((key + 1) * m->seed >> b->shift);
}
int model_buckets_new(struct model *m, struct buckets *b);
/* Whether it should be made twice as large now; *RET is the new one, to be filled. */
bool model_buckets_grow(struct model *m, struct buckets *b, void ***ret_old, uint32_t *ret_n);
void model_buckets_free(struct model *m, struct buckets *b);

/* Processes */
struct node *model_lookup(const struct model *m, uint32_t pid);
/* A living process that nothing is known of; whoever had its pid is gone. */
int model_bear(struct model *m, uint32_t pid, struct model_change *change, struct node **ret);
void model_hear(struct model *m, struct node *n);
int model_die(struct model *m, struct node *n);
int model_guess(struct model *m, uint32_t pid, struct model_change *change, struct node **ret);
void model_cut_ancestors(struct model *m, struct model_process *p, uint32_t keep);
void model_processes_free(struct model *m);
bool model_same_start(uint64_t a, uint64_t b);

/* What has ended */
struct model_change *model_ended(struct model *m);

/* Families */
int model_family_found(struct model *m, struct node *n, bool is_guess);
/* It was guessed, and is right. */
void model_family_confirm(struct node *n);
void model_family_inherit(struct node *n, const struct node *parent);
/* Returns its serial if nobody is left. */
uint64_t model_family_leave(struct model *m, struct node *n);
int model_family_join(struct model *m, struct node *n, struct node *other);
void model_settle(struct model *m, struct node *n);

/* Keyframes */
void model_accounts_free(struct model *m);
int model_pend(struct model *m, struct node *n);
int model_resolve(struct model *m);

/* Containers. Those that may end one return its serial then. */
bool model_cgroup_find(const struct model *m, uint64_t cgroup, struct container **ret);
void model_container_enter(struct node *n, struct container *c);
uint64_t model_container_leave(struct model *m, struct node *n);
void model_container_drop(struct model *m, struct node *n); /* a dead one's */
/* Comes into a container, or leaves it. */
int model_container_move(struct model *m, struct node *n, struct container *c);
void model_containers_free(struct model *m);

/* Files */
int model_files_new(struct model *m);
void model_files_free(struct model *m);

/* Names of addresses */
void model_names_free(struct model *m);

static inline bool model_call_worked(const struct reel_event *ev)
{
	return ev->ret >= 0 && !(ev->flags & EV_BLOCKED);
}

static inline uint64_t model_serial(uint64_t *counter)
{
	return ++*counter;
}

#endif
