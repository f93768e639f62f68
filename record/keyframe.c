/* SPDX-License-Identifier: BSD-2-Clause */
#include "record/keyframe.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "record/now.h"

enum { READ_BYTES = 256 << 10, RECORD_MAX = sizeof(struct ev_header) + EV_MAX_PAYLOAD };

struct keyframes {
	int links[ITERATORS];
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned wanted, done; /* keyframes asked for, and read */
	bool stop;
	bool only_calls;
	bool broken;	   /* since the last was done */
	uint64_t floor_ns; /* what is still to come is not older */
	size_t used;
	uint8_t buffer[KEYFRAME_BUFFER_BYTES];
	/* Of the thread alone. */
	size_t n_read;
	uint64_t read_ns; /* when the last read began */
	uint8_t read[READ_BYTES + RECORD_MAX];
	/* Of the taker alone. */
	uint64_t record[(RECORD_MAX + 7) / 8];
	uint8_t taken[KEYFRAME_BUFFER_BYTES];
};

/* Hands over whole records; false: we are to stop. */
static bool hand_over(struct keyframes *k, const uint8_t *bytes, size_t n)
{
	bool go_on;

	pthread_mutex_lock(&k->lock);
	while (!k->stop && k->used + n > sizeof(k->buffer))
		pthread_cond_wait(&k->changed, &k->lock);
	go_on = !k->stop;
	if (go_on) {
		memcpy(k->buffer + k->used, bytes, n);
		k->used += n;
	}
	pthread_mutex_unlock(&k->lock);
	return go_on;
}

/* The whole records at the beginning of what was read. */
static size_t whole_records(const uint8_t *bytes, size_t n)
{
	size_t at = 0;

	while (n - at >= sizeof(struct ev_header)) {
		struct ev_header h;

		memcpy(&h, bytes + at, sizeof(h));
		if (n - at < sizeof(h) + h.length)
			break;
		at += sizeof(h) + h.length;
	}
	return at;
}

/* What the next read brings is made from now on, but for a record that the last one broke off. */
static void note_floor(struct keyframes *k)
{
	uint64_t now_ns = now_boottime_ns();

	pthread_mutex_lock(&k->lock);
	k->floor_ns = k->n_read ? k->read_ns : now_ns;
	pthread_mutex_unlock(&k->lock);
	k->read_ns = now_ns;
}

static bool read_iterator(struct keyframes *k, int link)
{
	int fd = bpf_iter_create(link);
	ssize_t n;

	if (fd < 0) {
		k->broken = true;
		return true;
	}
	k->n_read = 0;
	for (;;) {
		size_t whole;

		note_floor(k);
		n = read(fd, k->read + k->n_read, READ_BYTES);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			break;
		k->n_read += (size_t)n;
		whole = whole_records(k->read, k->n_read);
		if (whole && !hand_over(k, k->read, whole)) {
			close(fd);
			return false;
		}
		memmove(k->read, k->read + whole, k->n_read - whole);
		k->n_read -= whole;
	}
	if (n < 0 || k->n_read)
		k->broken = true;
	close(fd);
	return true;
}

static void *run(void *arg)
{
	struct keyframes *k = arg;
	unsigned target;

	for (;;) {
		bool go_on, only_calls;

		pthread_mutex_lock(&k->lock);
		while (!k->stop && k->wanted == k->done)
			pthread_cond_wait(&k->changed, &k->lock);
		target = k->wanted;
		go_on = !k->stop;
		only_calls = k->only_calls;
		pthread_mutex_unlock(&k->lock);
		for (unsigned i = 0; i < (only_calls ? 1 : ITERATORS) && go_on; i++)
			if (k->links[i] >= 0)
				go_on = read_iterator(k, k->links[i]);
		if (!go_on)
			return NULL;
		pthread_mutex_lock(&k->lock);
		k->done = target;
		pthread_mutex_unlock(&k->lock);
	}
}

int keyframes_start(const struct programs *p, struct keyframes **ret, struct reel_err *err)
{
	struct keyframes *k = calloc(1, sizeof(*k));
	sigset_t all, before;
	int r;

	if (!k)
		return reel_err_set(err, -ENOMEM, "no memory for keyframes");
	k->broken = programs_iterators(p, k->links) < ITERATORS;
	pthread_mutex_init(&k->lock, NULL);
	pthread_cond_init(&k->changed, NULL);
	/* Signals are for the main thread; the last ones confine this one. */
	sigfillset(&all);
	for (int s = SIGRTMIN; s <= SIGRTMAX; s++)
		sigdelset(&all, s);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	r = -pthread_create(&k->thread, NULL, run, k);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r < 0) {
		free(k);
		return reel_err_set(err, r, "cannot begin a thread: %s", strerror(-r));
	}
	*ret = k;
	return 0;
}

void keyframes_stop(struct keyframes *k)
{
	if (!k)
		return;
	pthread_mutex_lock(&k->lock);
	k->stop = true;
	pthread_cond_broadcast(&k->changed);
	pthread_mutex_unlock(&k->lock);
	pthread_join(k->thread, NULL);
	pthread_mutex_destroy(&k->lock);
	pthread_cond_destroy(&k->changed);
	free(k);
}

void keyframes_want(struct keyframes *k)
{
	pthread_mutex_lock(&k->lock);
	if (k->wanted == k->done)
		k->floor_ns = now_boottime_ns();
	k->wanted++;
	pthread_cond_broadcast(&k->changed);
	pthread_mutex_unlock(&k->lock);
}

void keyframes_want_calls(struct keyframes *k)
{
	pthread_mutex_lock(&k->lock);
	k->only_calls = true;
	pthread_mutex_unlock(&k->lock);
	keyframes_want(k);
}

bool keyframes_busy(struct keyframes *k)
{
	bool busy;

	pthread_mutex_lock(&k->lock);
	busy = k->wanted != k->done || k->used;
	pthread_mutex_unlock(&k->lock);
	return busy;
}

int keyframes_take(struct keyframes *k,
		   int (*put)(void *arg, struct ev_header *record, size_t bytes,
			      struct reel_err *err),
		   void *arg, struct keyframes_taken *ret, struct reel_err *err)
{
	size_t n, at = 0;
	uint64_t floor_ns;
	bool done;
	int r = 0;

	pthread_mutex_lock(&k->lock);
	n = k->used;
	memcpy(k->taken, k->buffer, n);
	k->used = 0;
	done = k->wanted == k->done;
	floor_ns = done ? UINT64_MAX : k->floor_ns;
	/* Mostly nobody waits for room, and to wake a thread costs more than the round. */
	if (n)
		pthread_cond_broadcast(&k->changed);
	pthread_mutex_unlock(&k->lock);
	while (at < n && r == 0) {
		struct ev_header h;

		memcpy(&h, k->taken + at, sizeof(h));
		memcpy(k->record, k->taken + at, sizeof(h) + h.length);
		r = put(arg, (struct ev_header *)(void *)k->record, sizeof(h) + h.length, err);
		at += sizeof(h) + h.length;
	}
	*ret = (struct keyframes_taken){ done, done && !k->broken, floor_ns };
	return r;
}
