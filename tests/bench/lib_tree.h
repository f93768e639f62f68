/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The files of the machine: about 35,000 paths with stable inodes, in sets that are chosen from by
 * Zipf's law, and what builds need to know of their sources. Files that come and go (temporary
 * files, /proc, pipes, sockets) take entries of a ring behind them.
 */
#ifndef REEL_TESTS_BENCH_TREE_H
#define REEL_TESTS_BENCH_TREE_H

#include "tests/bench/lib_rand.h"

/* 8:1 ext4 root, 8:2 ext4 home, and what has none: as the kernel numbers them. */
enum {
	DEV_ROOT = 8 << 20 | 1,
	DEV_HOME = 8 << 20 | 2,
	DEV_PIPE = 12,
	DEV_SOCK = 8,
	DEV_PROC = 21,
	DEV_TMP = 34,
	DEV_DEVTMPFS = 5,
	DEV_PTS = 23,
	DEV_ANON = 13,
};

struct file {
	uint64_t inode;
	uint32_t dev;
	uint32_t path; /* in tree.text */
	uint32_t arg;  /* what a program passes to open it, where that is not the path */
	uint32_t size;
	uint16_t path_len;
	uint16_t arg_len;
	uint16_t name_at; /* headers: where the name begins that an #include uses */
};

enum tree_set {
	SET_LIBS,
	SET_BIN,
	SET_ETC,
	SET_SHARE,
	SET_PYTHON,
	SET_PHP,
	SET_WWW,
	SET_LOG,
	SET_DPKG,
	SET_DB,
	SET_HEADERS,
	SET_ABSENT, /* looked for, and never there */
	SET_DIRS,
	SET_COUNT,
};

struct set {
	uint32_t first, n;
	struct alias pick;
};

/* Headers that come in one after the other whenever the first of them does. */
struct bundle {
	uint32_t first; /* in tree.bundled */
	uint32_t n;
};

enum { MAX_PROJECTS = 12, MAX_SEARCH = 8 };

struct project {
	uint32_t dir;		    /* a file: the project's root, cwd of its builds */
	uint32_t source, n_sources; /* of source i: +0 .c, +1 .o, +2 .d */
	uint32_t makefile;
	uint32_t header, n_headers;
	uint32_t bundle, n_bundles;
	uint32_t units_bundles;	     /* how many a source includes */
	uint32_t search[MAX_SEARCH]; /* directories where the compiler looks first */
	uint32_t n_search;
	char flags[1400]; /* NUL-separated, as in argv */
	uint32_t flags_len;
	struct alias pick_source, pick_bundle;
};

/* clang-format off */
/* Files that nearly every process opens. */
enum tree_file {
	F_ROOT, F_LD_CACHE, F_LIBC, F_LOCALE_ALIAS, F_LC_CTYPE, F_LC_MESSAGES, F_GCONV, F_NULL,
	F_TTY,
	F_PASSWD, F_GROUP, F_SHADOW, F_NSSWITCH, F_RESOLV, F_HOSTS, F_LOCALTIME, F_URANDOM, F_UTMP,
	F_WTMP, F_AUTH_LOG, F_SYSLOG, F_ACCESS_LOG, F_HISTORY, F_BASHRC, F_PROFILE, F_TMP, F_HOME,
	F_WWW_ROOT, F_DPKG_STATUS, F_SSHD_CONFIG, F_CROND, F_DB_WAL, F_DB_SOCKET, F_LD_SO, F_COMMON,
};
/* clang-format on */

struct tree {
	char *text;
	uint32_t text_used, text_max;
	struct file *files;
	uint32_t n_files, ring_first, ring_next;
	uint32_t *bundled;
	uint32_t n_bundled;
	struct bundle *bundles;
	uint32_t n_bundles;
	struct alias pick_system_bundle;
	uint32_t n_system_bundles;
	struct set sets[SET_COUNT];
	struct project projects[MAX_PROJECTS];
	uint32_t n_projects;
	uint32_t system_search[4]; /* where <...> is looked for, after the project's own */
	uint64_t next_inode;
	uint64_t next_anon;
};

enum { TREE_RING = 1 << 16, TREE_RING_TEXT = 112 };

int tree_init(struct tree *t, struct rng *r);
void tree_done(struct tree *t);

static inline uint32_t tree_pick(const struct tree *t, enum tree_set set, struct rng *r)
{
	return t->sets[set].first + alias_next(&t->sets[set].pick, r);
}

/* A program or a library by the end of its path; 0 if there is none. Slow: for setting up. */
uint32_t tree_find(const struct tree *t, enum tree_set set, const char *name);

/* A file that comes and goes; good for the next TREE_RING of them. */
uint32_t tree_temporary(struct tree *t, uint32_t dev, uint64_t inode, const char *path,
			size_t length);

static inline const char *tree_path(const struct tree *t, uint32_t file)
{
	return t->text + t->files[file].path;
}

#endif
