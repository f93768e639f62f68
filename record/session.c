/* SPDX-License-Identifier: BSD-2-Clause */
#include "record/session.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "format/keep.h"
#include "format/types.h"
#include "record/folds.h"
#include "record/now.h"
#include "record/session_impl.h"
#include "record/tapeclock.h"

#define MILLISECOND_NS 1000000ull
#define HELPER_DEADLINE_NS (3000 * MILLISECOND_NS)
#define KEEP_NS (3600ll * 1000 * 1000 * 1000)

enum {
	KEYFRAME_PAUSE_MS = 2, /* its ring may fill faster than any CPU fills its own */
	DRAIN_ROUNDS_MAX = 1000,
};

static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGCHLD };

/* Beginning */

static int watch_signals(struct session *s, struct reel_err *err)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		sigaddset(&set, signals[i]);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->signal_fd < 0)
		return reel_err_set(err, -errno, "cannot wait for signals: %s", strerror(errno));
	return 0;
}

static int64_t realtime_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

/* Where to, if nobody said: a directory named after the host, unless that is a secret, and the
 * time. */
static void choose_output(struct session *s, const struct reel_meta *m)
{
	time_t now = time(NULL);
	char stamp[32];
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
	if (s->wishes->output)
		snprintf(s->path, sizeof(s->path), "%s", s->wishes->output);
	else
		snprintf(s->path, sizeof(s->path), "%s-%s.reel",
			 s->wishes->recipients.n ? "reel" :
			 m->host[0]		 ? m->host :
						   "host",
			 stamp);
}

static int open_writer(struct session *s, struct reel_err *err)
{
	const struct wishes *w = s->wishes;
	struct reel_writer_options o = {
		.fd = -1,
		.segment_bytes = w->segment_bytes,
		.segment_ns = w->segment_ns,
		.keep_bytes = w->keep_bytes,
		.keep_ns = w->keep_ns,
		.latency_ns = w->latency_ns,
		.drop_oldest = w->drop_oldest,
		.sync = (enum reel_sync)w->sync,
		.seal = w->seal,
		.recipients = w->recipients.keys,
		.n_recipients = w->recipients.n,
	};
	int r;

	reel_meta_this_machine(&o.meta);
	o.meta.cpus = programs_n_cpus(s->programs);
	snprintf(o.meta.note, sizeof(o.meta.note), "%s", w->note ? w->note : "");
	s->since_ns = o.meta.start.boottime_ns = now_boottime_ns();
	o.meta.start.realtime_ns = realtime_ns();
	r = reel_meta_new_capture(&o.meta);
	if (r < 0)
		return reel_err_set(err, r, "cannot make an id: %s", strerror(-r));
	choose_output(s, &o.meta);
	if (strcmp(s->path, "-") == 0) {
		s->path[0] = 0;
		o.fd = STDOUT_FILENO;
	} else {
		o.directory = s->path;
	}
	r = reel_writer_open(&o, &s->writer, err);
	if (r == 0)
		s->segment_number = reel_writer_segment_number(s->writer);
	s->minute_ns = s->looked_ns = s->since_ns;
	return r;
}

/*
 * Who is above the command, so that the keyframe has them: from what is scoped up to the first. The
 * first is above everybody.
 */
static void tell_ancestors(struct session *s)
{
	uint32_t pid = s->child.pid ? (uint32_t)getpid() : 1;

	if (!s->child.pid && s->wishes->pids.n)
		pid = lookaround_parent((uint32_t)strtoul(s->wishes->pids.v[0], NULL, 10));
	for (unsigned i = 0; i < ANCESTORS_TOLD && pid; i++) {
		s->ancestors[i] = pid;
		pid = lookaround_parent(pid);
	}
	programs_set_ancestors(s->programs, s->ancestors);
}

/* Before the rings are mapped: the helper is a copy of us as we are now. */
static int start_helper(struct session *s, struct reel_err *err)
{
	struct helper_task tasks[HELPER_MAX_TASKS];
	struct helper_options o = { .tasks = tasks };
	int user_fds[USER_KEEP_FDS];
	int r = 0;

	guard_keep_from_children(s->programs);
	s->lookaround.wishes = s->wishes;
	s->lookaround.command = s->child.pid;
	tasks[o.n_tasks++] = lookaround_host(&s->lookaround);
	tasks[o.n_tasks++] = lookaround_processes(&s->lookaround);
	if (s->wishes->hash) {
		struct hash_options none = { 0 };

		r = hasher_new(&none, &s->hasher, err);
		if (r == 0)
			tasks[o.n_tasks++] = hash_task(s->hasher);
	}
	if (r == 0) {
		struct container_options none = { 0 };

		r = container_reader_new(&none, &s->containers, err);
		if (r == 0)
			tasks[o.n_tasks++] = container_task(s->containers);
	}
	if (r == 0 && s->probes &&
	    user_probes_new(programs_object(s->programs), &s->user, NULL) == 0) {
		tasks[o.n_tasks++] = user_probes_task(s->user);
		user_probes_fds(s->user, user_fds);
		o.keep_fds = user_fds;
		o.n_keep_fds = USER_KEEP_FDS;
		o.confine.attaches = true;
		o.confine.by_perf = user_probes_by_perf(s->user);
	}
	/* Coverage says that the programs were refused. */
	s->probes = s->user != NULL;
	if (r == 0)
		r = helper_start(&o, &s->helper, err);
	if (r == 0)
		programs_set_helper(s->programs, helper_pid(s->helper));
	if (r == 0)
		tell_ancestors(s);
	return r;
}

/* Libraries have their probes before the command can use them. */
static int probe_known(struct session *s, struct reel_err *err)
{
	struct helper_request q = { .kind = HELPER_UPROBE, .path = "" };
	uint64_t deadline_ns = now_boottime_ns() + HELPER_DEADLINE_NS;
	struct helper_stats stats;
	int r = 0;

	if (!s->probes || helper_ask(s->helper, &q) < 0)
		return 0;
	do {
		struct pollfd p = { .fd = helper_fd(s->helper), .events = POLLIN };

		(void)poll(&p, 1, 50);
		r = helper_take(s->helper, &s->sink, err);
		helper_stats(s->helper, &stats);
	} while (r == 0 && !stats.gone && stats.answered < stats.asked &&
		 now_boottime_ns() < deadline_ns);
	return r;
}

static int confine(struct session *s, struct reel_err *err)
{
	struct confine_options o = { .may_signal = s->child.pid };
	struct confine_report report;
	char beside[4096];
	char *slash;
	int r;

	if (s->path[0])
		o.capture = s->path;
	if (s->wishes->metrics_file) {
		snprintf(beside, sizeof(beside), "%s", s->wishes->metrics_file);
		slash = strrchr(beside, '/');
		if (slash)
			slash[slash == beside] = 0;
		else
			strcpy(beside, ".");
		o.beside[0] = beside;
	}
	if (s->wishes->owner)
		o.owner = &s->owner;
	r = confine_recorder(&o, &report, err);
	return r < 0 ? r : confine_report_put(&report, "recorder", &s->sink, err);
}

static int start(struct session *s, struct session_end *ret, struct reel_err *err)
{
	struct load_options load;
	struct scope scope;
	int r = wishes_apply(s->wishes, &load, &scope, err);

	if (r == 0 && s->wishes->owner)
		r = confine_find_owner("/etc/passwd", s->wishes->owner, &s->owner, err);
	if (r < 0)
		return r == -ENOENT ? reel_err_set(err, -EINVAL, "%s", err->msg) : r;
	s->probes = load.classes[EV_CLASS_user];
	if (s->wishes->command) {
		r = child_fork(s->wishes->command, &s->child, err);
		if (r == -ENOENT || r == -EACCES || r == -ENAMETOOLONG) {
			ret->command_ended = true;
			ret->command_status = r == -ENOENT ? 127 : 126;
		}
		if (r < 0)
			return r;
	}
	r = watch_signals(s, err);
	load.config.recorder_pid = (uint32_t)getpid();
	load.terms = scope.terms;
	load.paths = scope.paths;
	if (r == 0)
		r = programs_load(&load, &s->programs, err);
	if (r == 0)
		r = start_helper(s, err);
	if (r == 0 && s->wishes->anchor)
		r = anchors_start(s->wishes->anchor, &s->anchors, err);
	if (r == 0)
		r = rings_open(s->programs, &s->rings, err);
	if (r == 0)
		r = sums_new(s->programs, &s->sums, err);
	if (r == 0)
		r = open_writer(s, err);
	if (r == 0)
		r = tapeclock_put(&s->record, CLOCK_AT_START, &s->sink, err);
	if (r == 0)
		r = programs_attach(s->programs, err);
	if (r == 0 && s->child.pid)
		r = programs_follow(s->programs, s->child.pid, err);
	if (r == 0)
		r = guard_new(s->programs, &s->guard, err);
	if (r == 0)
		r = keyframes_start(s->programs, &s->keyframes, err);
	if (r == 0)
		r = session_put_coverage(s, err);
	if (r == 0)
		r = probe_known(s, err);
	s->clock_fd = tapeclock_watch();
	s->memory_fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	/* Loading takes more memory than recording. */
	(void)malloc_trim(0);
	/* A recorder that has to wait for a CPU loses what others do meanwhile. */
	(void)setpriority(PRIO_PROCESS, 0, -10);
	if (r == 0)
		r = confine(s, err);
	if (r == 0)
		r = session_keyframe_begin(s, err);
	return r;
}

/* Going on */

static void heed_signals(struct session *s)
{
	struct signalfd_siginfo info;

	while (read(s->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		switch (info.ssi_signo) {
		case SIGHUP:
			s->rotate = true;
			break;
		case SIGUSR1:
			s->keep = true;
			break;
		case SIGCHLD:
			if (s->child.pid &&
			    waitpid(s->child.pid, &s->child_wait_status, WNOHANG) == s->child.pid)
				s->child_ended = s->stop = true;
			break;
		case SIGTERM:
			/* Who wants us to end wants the command to end; what it does then is still
			 * recorded. Asked again we end without it. */
			if (s->child.pid && !s->told_command) {
				s->told_command = true;
				(void)kill(s->child.pid, SIGTERM);
				break;
			}
			s->stop = true;
			break;
		case SIGINT:
			/* The terminal has told the command too. */
			if (s->child.pid && !s->told_command) {
				s->told_command = true;
				break;
			}
			s->stop = true;
			break;
		}
	}
}

static int begin_segment(struct session *s, struct reel_err *err)
{
	int r = tapeclock_put(&s->record, CLOCK_EACH_MINUTE, &s->sink, err);

	s->segment_number = reel_writer_segment_number(s->writer);
	if (r == 0)
		r = sums_put(s->sums, &s->sink, err);
	if (r == 0)
		r = session_put_coverage(s, err);
	return r < 0 ? r : session_keyframe_begin(s, err);
}

/* The segments of the last hour, as links beside those that retention may remove. */
static int keep_aside(struct session *s, struct reel_err *err)
{
	struct reel_collection collection = { .fd = -1 };
	struct reel_reader *reader = NULL;
	struct reel_filter filter = { 0 };
	struct reel_err why = { 0 };
	char path[4200], stamp[32];
	bool *wanted = NULL;
	time_t now = time(NULL);
	struct tm tm;
	int r;

	if (!s->path[0])
		return session_warn(s, err, "a capture that goes to a pipe cannot be kept aside");
	gmtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
	snprintf(path, sizeof(path), "%s/.kept-%s", s->path, stamp);
	r = reel_reader_open_closed((char *[]){ s->path }, 1, NULL, &reader, &why);
	if (r == 0) {
		filter.from =
			(struct reel_moment){ REEL_REALTIME, s->rotated_realtime_ns - KEEP_NS };
		/* Not the segment that has just begun. */
		filter.to = (struct reel_moment){ REEL_REALTIME, s->rotated_realtime_ns };
		wanted = calloc(reader->n_segments + 1, sizeof(*wanted));
		r = wanted ? reel_keep(reader, &filter, path, &collection, wanted, &why) : -ENOMEM;
	}
	free(wanted);
	reel_reader_close(reader);
	return r < 0 ? session_warn(s, err, "cannot keep the last hour: %s", why.msg) :
		       session_warn(s, err, "the last hour is kept in %s", path);
}

static int round_once(struct session *s, struct round *ret, struct reel_err *err)
{
	struct reel_writer_stats stats;
	int r = rings_round(s->rings, session_take, s, ret, err);

	if (r == 0)
		r = session_keyframe_go_on(s, err);
	if (r == 0 && s->helper)
		r = helper_take(s->helper, &s->helped, err);
	if (r == 0 && s->anchors)
		r = anchors_take(s->anchors, &s->helped, err);
	if (r < 0)
		return r;
	s->settled_ns = ret->settled_ns;
	if (s->floor_ns < s->settled_ns)
		s->settled_ns = s->floor_ns;
	if (s->helper_floor_ns < s->settled_ns)
		s->settled_ns = s->helper_floor_ns;
	reel_writer_settle(s->writer, s->settled_ns);
	r = reel_writer_tick(s->writer, now_boottime_ns(), err);
	if (r == 0 && (s->rotate || s->keep)) {
		s->rotated_realtime_ns = realtime_ns();
		r = reel_writer_rotate(s->writer, err);
		s->rotate = false;
	}
	if (r == 0 && reel_writer_segment_number(s->writer) != s->segment_number)
		r = begin_segment(s, err);
	if (r == 0 && s->keep) {
		s->keep = false;
		reel_writer_stats(s->writer, &stats);
		s->keep_segments = stats.segments;
		r = reel_writer_flush(s->writer, err);
	}
	/* Only when the new one is there has the old segment its END. */
	if (r == 0 && s->keep_segments) {
		reel_writer_stats(s->writer, &stats);
		if (stats.segments > s->keep_segments) {
			s->keep_segments = 0;
			r = keep_aside(s, err);
		}
	}
	return r;
}

static void pause_rings(struct session *s, const struct round *round)
{
	struct pollfd fds[] = {
		{ .fd = s->signal_fd, .events = POLLIN },
		{ .fd = s->helper ? helper_fd(s->helper) : -1, .events = POLLIN },
		{ .fd = s->clock_fd, .events = POLLIN },
	};
	int ms = (int)round->pause_ms;

	if (keyframes_busy(s->keyframes) && ms > KEYFRAME_PAUSE_MS)
		ms = KEYFRAME_PAUSE_MS;
	if (poll(fds, sizeof(fds) / sizeof(*fds), ms) > 0 && fds[0].revents)
		heed_signals(s);
}

static int go_on(struct session *s, struct session_end *ret, struct reel_err *err)
{
	struct round round;
	int r = 0;

	if (s->talk->ready)
		s->talk->ready(s->talk->arg, s->path);
	if (s->child.pid) {
		r = child_go(&s->child, err);
		if (r < 0) {
			ret->command_ended = true;
			ret->command_status = r == -ENOENT ? 127 : 126;
			return reel_err_set(err, r, "%s: %s", s->wishes->command[0], err->msg);
		}
	}
	while (!s->stop && r == 0) {
		r = round_once(s, &round, err);
		if (r == 0)
			r = session_watch_round(s, &round, err);
		if (r == 0)
			r = session_look(s, now_boottime_ns(), err);
		if (s->wishes->duration_ns &&
		    now_boottime_ns() - s->since_ns >= s->wishes->duration_ns)
			s->stop = true;
		if (r == 0 && !s->stop)
			pause_rings(s, &round);
	}
	return r;
}

/* Ending */

static void wait_for_helper(struct session *s)
{
	struct pollfd fd = { .fd = s->helper ? helper_fd(s->helper) : -1, .events = POLLIN };

	(void)poll(&fd, 1, KEYFRAME_PAUSE_MS);
}

/* Everything that was seen, then the accounts of it. */
static int finish(struct session *s, struct reel_err *err)
{
	struct round round = { .records = 1 };
	uint64_t deadline_ns = now_boottime_ns() + HELPER_DEADLINE_NS;
	int r = 0;

	/*
	 * The calls that are still under way are the last that is asked of the kernel. A command
	 * may end before all is told of what there was when it began, which verdicts need.
	 */
	if (!s->keyframe_open)
		keyframes_want_calls(s->keyframes);
	while (r == 0 && (keyframes_busy(s->keyframes) || s->keyframe_open) &&
	       now_boottime_ns() < deadline_ns) {
		r = round_once(s, &round, err);
		if (r == 0 && !keyframes_busy(s->keyframes) && s->keyframe_open)
			wait_for_helper(s);
	}
	programs_detach(s->programs);
	for (int i = 0; r == 0 && round.records && i < DRAIN_ROUNDS_MAX; i++)
		r = round_once(s, &round, err);
	if (r == 0)
		r = folds_sweep(s->programs, &s->sink, err);
	if (r == 0)
		r = helper_stop(s->helper, deadline_ns, &s->helped, err);
	else
		(void)helper_stop(s->helper, 0, &s->sink, NULL);
	s->helper = NULL;
	if (r == 0)
		r = session_keyframe_go_on(s, err);
	if (r == 0)
		r = session_balance(s, err);
	if (r == 0)
		r = sums_put_untold(s->sums, s->since_ns, &s->sink, err);
	if (r == 0)
		r = sums_put(s->sums, &s->sink, err);
	if (r == 0)
		r = tapeclock_put(&s->record, CLOCK_AT_END, &s->sink, err);
	reel_writer_settle(s->writer, now_boottime_ns());
	return r;
}

/* The tape cannot be written, but what was seen adds up all the same. */
static void account_for_the_rest(struct session *s, int failed)
{
	struct round round = { .records = 1 };

	programs_detach(s->programs);
	for (int i = 0; round.records && i < DRAIN_ROUNDS_MAX; i++)
		(void)rings_round(s->rings, session_drop, s, &round, NULL);
	session_put_dropped(s, failed);
	(void)sums_put_untold(s->sums, s->since_ns, &s->last, NULL);
	(void)sums_put(s->sums, &s->last, NULL);
	reel_writer_settle(s->writer, now_boottime_ns());
}

/* What may have been begun, in whatever state. */
static void release(struct session *s)
{
	if (s->child.pid && !s->child_ended) {
		/* One that was never let go ends by itself. */
		if (s->child.go_fd >= 0) {
			close(s->child.go_fd);
			(void)waitpid(s->child.pid, &s->child_wait_status, 0);
		}
		if (s->child.failed_fd >= 0)
			close(s->child.failed_fd);
	}
	if (s->helper)
		(void)helper_stop(s->helper, 0, &s->sink, NULL);
	anchors_end(s->anchors, NULL, 0, NULL, NULL);
	keyframes_stop(s->keyframes);
	if (s->writer)
		reel_writer_abandon(s->writer);
	rings_close(s->rings);
	sums_free(s->sums);
	guard_free(s->guard);
	programs_free(s->programs);
	hasher_free(s->hasher);
	container_reader_free(s->containers);
	user_probes_free(s->user);
	if (s->signal_fd >= 0)
		close(s->signal_fd);
	if (s->clock_fd >= 0)
		close(s->clock_fd);
	if (s->memory_fd >= 0)
		close(s->memory_fd);
	free(s);
}

int session_run(const struct wishes *w, const struct session_talk *talk, struct session_end *ret,
		struct reel_err *err)
{
	struct session *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return reel_err_set(err, -ENOMEM, "no memory for a recording");
	s->wishes = w;
	s->talk = talk;
	s->signal_fd = s->clock_fd = s->memory_fd = s->child.go_fd = s->child.failed_fd = -1;
	s->sink = (struct record_sink){ session_put_own, s };
	s->helped = (struct record_sink){ session_put_helped, s };
	s->last = (struct record_sink){ session_put_last, s };
	s->floor_ns = s->helper_floor_ns = UINT64_MAX;
	*ret = (struct session_end){ 0 };
	r = start(s, ret, err);
	if (r == 0)
		r = go_on(s, ret, err);
	/* After an error too: what was seen goes to the tape as far as it can. */
	if (s->writer && s->keyframes) {
		struct reel_err last = { 0 };
		int ended = finish(s, &last), r2;

		session_state_read(s, now_boottime_ns());
		s->state.ended = true;
		if (talk->state)
			talk->state(talk->arg, s, &s->state);
		/*
		 * The writer has its last words also after an error, and the accounts go with them.
		 */
		if (ended < 0)
			account_for_the_rest(s, ended);
		r2 = reel_writer_end(s->writer, &s->state.written, ended < 0 ? NULL : &last);
		s->writer = NULL;
		session_watch_segment(s);
		/* The tape is closed: what still goes wrong can only be told to who listens. */
		anchors_end(s->anchors, &s->state.written, now_boottime_ns(), talk->warning,
			    talk->arg);
		s->anchors = NULL;
		ended = ended < 0 ? ended : r2;
		ret->state = s->state;
		if (r == 0 && ended < 0)
			r = reel_err_set(err, ended, "%s", last.msg);
	}
	/* Who asks how the command ended must hear of it when the record of it is not whole. */
	if (s->child_ended && r == 0) {
		ret->command_ended = true;
		ret->command_status = child_status(s->child_wait_status);
	}
	release(s);
	return r;
}

const struct sums *session_sums(const struct session *s)
{
	return s->sums;
}

const struct programs *session_programs(const struct session *s)
{
	return s->programs;
}
