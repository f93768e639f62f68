/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests of keyframes from /proc: children that do something odd, and what was said of them. */
#ifndef REEL_TESTS_UNIT_RECORD_PROC_H
#define REEL_TESTS_UNIT_RECORD_PROC_H

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "record/proc.h"
#include "tests/unit/harness.h"

/* Records ------------------------------------------------------------------------------------ */

struct item {
	struct ev_header h;
	const struct reel_type *type;
	_Alignas(8) uint8_t payload[];
};

struct kept {
	struct item **items;
	size_t n, room;
	struct proc_totals totals;
	pid_t kill_on_process; /* ends as soon as its process record comes */
};

static inline void reap(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static inline int keep(void *arg, struct reel_record *record, struct reel_err *err)
{
	size_t bytes = reel_record_end(record) - sizeof(record->header);
	struct item *item = malloc(sizeof(*item) + bytes);
	struct kept *k = arg;

	(void)err;
	if (k->n == k->room) {
		k->room = k->room ? 2 * k->room : 256;
		k->items = reallocarray(k->items, k->room, sizeof(struct item *));
	}
	if (!k->items || !item)
		abort();
	item->h = record->header;
	item->type = record->type;
	memcpy(item->payload, record->payload, bytes);
	k->items[k->n++] = item;
	if (record->header.type == EV_process && k->kill_on_process &&
	    record->header.pid == (uint32_t)k->kill_on_process)
		reap(k->kill_on_process);
	return 0;
}

static inline void forget(struct kept *k)
{
	for (size_t i = 0; i < k->n; i++)
		free(k->items[i]);
	free(k->items);
	*k = (struct kept){ 0 };
}

/* The N-th of a type, of a thread if that is not 0. */
static inline struct item *nth(const struct kept *k, unsigned type, pid_t tid, size_t n)
{
	for (size_t i = 0; i < k->n; i++)
		if (k->items[i]->h.type == type && (!tid || k->items[i]->h.tid == (uint32_t)tid) &&
		    n-- == 0)
			return k->items[i];
	return NULL;
}

static inline size_t count(const struct kept *k, unsigned type, pid_t pid)
{
	size_t n = 0;

	for (size_t i = 0; i < k->n; i++)
		n += k->items[i]->h.type == type && (!pid || k->items[i]->h.pid == (uint32_t)pid);
	return n;
}

struct bytes {
	const char *at;
	size_t length;
	uint32_t true_length;
};

static inline struct bytes string_of(const struct item *item, const char *name)
{
	const uint8_t *at = item->payload + item->type->fixed_bytes, *cuts = at;
	struct bytes b = { NULL, 0, 0 };
	unsigned index = 0, found = 0;

	for (unsigned i = 0; i < item->type->n_fields; i++) {
		const struct reel_field *f = &item->type->fields[i];
		uint16_t length;

		if (!reel_field_is_string(f))
			continue;
		memcpy(&length, item->payload + f->offset, sizeof(length));
		if (strcmp(f->name, name) == 0) {
			b = (struct bytes){ (const char *)cuts, length, length };
			found = index;
		}
		cuts += length;
		index++;
	}
	if (b.at && item->h.flags & EV_TRUNCATED)
		memcpy(&b.true_length, cuts + 4 * found, sizeof(b.true_length));
	return b;
}

#define CHECK_BYTES(item, field, want, n)                                                      \
	do {                                                                                   \
		struct bytes t_b = string_of(item, field);                                     \
		CHECK_EQ(t_b.length, n);                                                       \
		CHECK_EQ(t_b.true_length, n);                                                  \
		if (t_b.length == (n) && memcmp(t_b.at, want, n) != 0)                         \
			T_FAIL("%s is \"%.*s\", not \"%.*s\"", field, (int)t_b.length, t_b.at, \
			       (int)(n), (const char *)(want));                                \
	} while (0)
#define CHECK_STRING(item, field, want) CHECK_BYTES(item, field, want, strlen(want))

/* Whose --------------------------------------------------------------------------------------- */

struct only {
	pid_t pids[8];
};

static inline bool is_one_of(void *arg, uint32_t pid)
{
	const struct only *o = arg;

	for (unsigned i = 0; i < 8; i++)
		if (o->pids[i] && pid == (uint32_t)o->pids[i])
			return true;
	return false;
}

/* A keyframe of these processes. */
static inline int look_with(struct kept *k, struct proc_options o, const struct only *who)
{
	struct record_sink sink = { keep, k };
	struct only copy = *who;

	o.wants = is_one_of;
	o.wants_arg = &copy;
	return proc_keyframe(&o, &sink, &k->totals, NULL);
}

static inline struct kept look(pid_t pid, uint32_t parts)
{
	struct kept k = { 0 };

	CHECK_EQ(look_with(&k, (struct proc_options){ .parts = parts }, &(struct only){ { pid } }),
		 0);
	return k;
}

static inline struct kept look_at_host(pid_t pid, uint32_t parts)
{
	struct only who = { { pid } };
	struct host_options o = { .wants = is_one_of, .wants_arg = &who, .parts = parts };
	struct kept k = { 0 };
	struct record_sink sink = { keep, &k };

	CHECK_EQ(host_keyframe(&o, &sink, &k.totals, NULL), 0);
	CHECK_EQ(k.totals.records, k.n);
	for (size_t i = 0; i < k.n; i++)
		CHECK(k.items[i]->h.flags & EV_KEYFRAME && k.items[i]->h.ts && !k.items[i]->h.pid);
	return k;
}

static inline uint64_t space_of(const char *name)
{
	char path[32];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
	return stat(path, &st) < 0 ? 0 : st.st_ino;
}

static inline int leave_spaces(int spaces)
{
	return unshare(spaces) == 0 ? 0 : unshare(CLONE_NEWUSER | spaces);
}

/* Children ------------------------------------------------------------------------------------ */

/*
 * What a child says to its parent, by memory that both have. -1 in .failed: it is ready; else the
 * errno that it met.
 */
struct shared {
	volatile int failed;
	volatile uint64_t number[24];
	char text[4096];
};

static inline struct shared *share(void)
{
	struct shared *s =
		mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (s == MAP_FAILED)
		abort();
	return s;
}

static inline void sleep_forever(void)
{
	for (;;)
		pause();
}

/*
 * Runs RUN in a child, which then sleeps, or does what RUN does that does not return. Waits until
 * it has said that it is ready, or for its exec or end.
 */
static inline pid_t start(void (*run)(struct shared *s, int ready), struct shared *s)
{
	int ends[2], high;
	char byte;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		abort();
	/* Out of the way of the descriptors that a test is about. */
	high = fcntl(ends[1], F_DUPFD_CLOEXEC, 500);
	close(ends[1]);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ends[0]);
		run(s, high);
		s->failed = s->failed ? s->failed : -1;
		close(high);
		sleep_forever();
	}
	close(high);
	while (read(ends[0], &byte, 1) < 0 && errno == EINTR)
		;
	close(ends[0]);
	return pid;
}

/* For a RUN that goes on to do something. */
static inline void say_ready(struct shared *s, int ready)
{
	s->failed = -1;
	close(ready);
}

static inline void must(struct shared *s, long r)
{
	if (r < 0 && !s->failed)
		s->failed = errno;
}

static inline uint32_t dev_of(const struct stat *st)
{
	return major(st->st_dev) << 20 | minor(st->st_dev);
}

/* A directory of the test's own, which is the working directory until leave(). */
static inline void enter_scratch(char *path, size_t size)
{
	char template[] = "reel-proc-XXXXXX";

	if (!mkdtemp(template) || chdir(template) < 0 || !getcwd(path, size))
		abort();
}

static inline void leave_scratch(const char *path)
{
	char command[5000];

	if (chdir(path) < 0 || chdir("..") < 0)
		abort();
	snprintf(command, sizeof(command), "rm -rf '%s'", path);
	if (system(command) != 0)
		T_FAIL("cannot remove %s", path);
}

static inline bool is_there(pid_t pid)
{
	return pid > 0 && kill(pid, 0) == 0;
}

#endif
