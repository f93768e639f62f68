/* SPDX-License-Identifier: BSD-2-Clause */
/* reel replay of what comes as it comes: a pipe, or a tape that is being written. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "format/outcome.h"
#include "replay/follow.h"

#define LOOK_NS 250000000
#define FIGURES_NS 1000000000

static volatile int reload_is_wanted;

static void handle_reload(int signal_number)
{
	(void)signal_number;
	reload_is_wanted = 1;
}

static int64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t follow_monotonic_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

int64_t follow_wall_ns(void)
{
	return clock_ns(CLOCK_REALTIME);
}

bool replay_is_stream(const struct replay *r, int *ret_fd)
{
	const char *path = r->args.v[0];
	struct stat st;

	*ret_fd = -1;
	if (strcmp(path, "-") == 0)
		*ret_fd = STDIN_FILENO;
	else if (r->args.n == 1 && stat(path, &st) == 0 && S_ISFIFO(st.st_mode))
		*ret_fd = open(path, O_RDONLY | O_CLOEXEC);
	return *ret_fd >= 0;
}

void replay_follow_found(struct follow *f, const struct finding *x)
{
	if (x->is_tuned)
		return;
	f->has_found = true;
	follow_measure_finding(f, x);
	if (f->r->options.keep)
		follow_keep_finding(f, x);
}

/* Whatever is to be done although nothing is recorded. */
static int idle(void *context, struct reel_err *err)
{
	struct follow *f = context;
	const struct reel_boot *boot;
	int64_t now = follow_monotonic_ns();
	uint64_t settled_ns;
	int result;

	boot = reel_walk_settled(f->walk, &settled_ns);
	result = boot ? engine_settled(f->r->engine, boot, settled_ns, err) : 0;
	if (result < 0 || !f->r->options.follow)
		return result;
	if (reload_is_wanted) {
		reload_is_wanted = 0;
		follow_reload(f, true);
	} else if (now >= f->next_look_ns) {
		f->next_look_ns = now + LOOK_NS;
		if (follow_watch_changed(&f->watch))
			follow_reload(f, false);
	}
	if (now >= f->next_figures_ns) {
		f->next_figures_ns = now + FIGURES_NS;
		follow_figures(f, now);
	}
	follow_keep(f, false);
	return 0;
}

static int run(struct follow *f, struct reel_err *err)
{
	struct replay *r = f->r;
	struct reel_event ev;
	int result;

	while ((result = reel_walk_next(f->walk, &ev, err)) > 0) {
		result = engine_walked(r->engine, f->walk, err);
		if (result == 0)
			result = engine_event(r->engine, &ev, err);
		if (result < 0)
			return result;
		if (r->options.follow)
			follow_measure_event(f, &ev);
		if (replay_stop)
			break;
	}
	if (result < 0)
		return result;
	result = engine_walked(r->engine, f->walk, err);
	if (result == 0)
		result = engine_end(r->engine, reel_walk_health(f->walk), err);
	return result;
}

/* By the tape as it lies there when it has come to its end. */
static void hash_capture(struct replay *r)
{
	if (!replay_stop && strcmp(r->args.v[0], "-") != 0)
		(void)reel_reader_open_all(r->args.v, 1, r->keys, &r->reader, NULL);
}

static bool has_several_captures(const struct engine *e)
{
	for (unsigned i = 1; i < e->n_segments; i++)
		if (memcmp(e->segments[i]->meta.capture, e->segments[0]->meta.capture,
			   TAPE_ID_BYTES) != 0)
			return true;
	return false;
}

static int conclude(struct follow *f)
{
	struct replay *r = f->r;
	const struct reel_health *h = reel_walk_health(f->walk);
	struct reel_walk_stats stats;
	struct reel_err err = { 0 };
	int status;

	reel_walk_stats(f->walk, &stats);
	if (replay_stop && !r->options.follow) {
		reel_err_set(&err, -EINTR, "interrupted");
		return reel_command_fail(r->self, REEL_STATUS_IO, &err);
	}
	if (r->options.follow)
		follow_figures(f, follow_monotonic_ns());
	follow_keep(f, true);
	replay_say_health(r);
	if (h->n_damages && stats.blocks && !stats.unpacked) {
		reel_err_set(&err, -EBADMSG, "no block of it can be read");
		return reel_command_fail(r->self, REEL_STATUS_UNREADABLE, &err);
	}
	r->report.by_hosts = has_several_captures(r->engine);
	if (r->options.follow)
		hash_capture(r);
	if (r->shows_at_once && f->has_found && r->options.format == 0)
		out_char(&r->out, '\n');
	status = replay_conclude(r);
	/* Also by a rule that is no more. */
	if (f->has_found && (status == REEL_STATUS_OK || status == REEL_STATUS_INCOMPLETE))
		status = REEL_STATUS_FINDING;
	return status;
}

/* Times may count from the end of what is there already. */
static int make_engine(struct replay *r, bool is_stream, struct reel_err *err)
{
	int result = 0;

	if (!is_stream && (r->options.from || r->options.to))
		result = reel_reader_open_all(r->args.v, 1, r->keys, &r->reader, err);
	if (result == 0)
		result = replay_make_engine(r, err);
	reel_reader_close(r->reader);
	r->reader = NULL;
	return result;
}

int replay_follow(struct replay *r, int fd)
{
	struct sigaction action = { .sa_handler = handle_reload, .sa_flags = SA_RESTART };
	struct follow *f = calloc(1, sizeof(*f));
	struct reel_err err = { 0 };
	struct reel_walk_wait wait = { &replay_stop, idle, f };
	/* What lies around a cut tells the state. */
	const struct reel_filter all = { .beyond_cut = true };
	int status, result;

	if (!f) {
		reel_err_set(&err, -ENOMEM, "no memory to follow with");
		return replay_fail(r, -ENOMEM, &err);
	}
	f->r = r;
	f->began_ns = follow_wall_ns();
	f->figures.looked_ns = follow_monotonic_ns();
	r->follow = f;
	r->shows_at_once = r->options.follow;
	if (r->options.follow)
		sigaction(SIGHUP, &action, NULL);
	result = make_engine(r, fd >= 0, &err);
	if (result == -EINVAL || result == -ERANGE) {
		status = replay_refuse(r, &err);
		goto out;
	}
	if (result == 0)
		result = follow_watch_take(&f->watch, r->rules);
	if (result == 0)
		result = fd >= 0 ? reel_walk_stream(fd, &all, r->keys, &f->walk, &err) :
				   reel_walk_follow(r->args.v[0], &all, r->keys, &replay_stop,
						    &f->walk, &err);
	if (result == 0) {
		reel_walk_wait(f->walk, &wait);
		result = run(f, &err);
	}
	status = result < 0 ? replay_fail(r, result, &err) : conclude(f);
	/* Its boots refer to the walk. */
	engine_free(r->engine);
	r->engine = NULL;
	reel_walk_close(f->walk);
out:
	r->follow = NULL;
	follow_watch_done(&f->watch);
	free(f);
	return status;
}
