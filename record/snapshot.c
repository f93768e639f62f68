/* SPDX-License-Identifier: BSD-2-Clause */
#include "record/snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "format/writer.h"
#include "record/now.h"
#include "record/proc.h"
#include "record/tapeclock.h"

static int put(void *arg, struct reel_record *record, struct reel_err *err)
{
	size_t bytes = reel_record_end(record);

	return reel_writer_append_own(arg, &record->header, bytes, err);
}

static int open_writer(const struct wishes *w, struct reel_writer **ret, struct reel_err *err)
{
	struct reel_writer_options o = { .fd = -1,
					 .seal = w->seal,
					 .recipients = w->recipients.keys,
					 .n_recipients = w->recipients.n };
	struct timespec realtime;
	char path[4096], stamp[32];
	time_t now = time(NULL);
	struct tm tm;
	int r;

	reel_meta_this_machine(&o.meta);
	o.meta.cpus = (uint64_t)sysconf(_SC_NPROCESSORS_CONF);
	snprintf(o.meta.note, sizeof(o.meta.note), "%s", w->note ? w->note : "");
	(void)clock_gettime(CLOCK_REALTIME, &realtime);
	o.meta.start.boottime_ns = now_boottime_ns();
	o.meta.start.realtime_ns = realtime.tv_sec * 1000000000ll + realtime.tv_nsec;
	r = reel_meta_new_capture(&o.meta);
	if (r < 0)
		return reel_err_set(err, r, "cannot make an id: %s", strerror(-r));
	gmtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
	snprintf(path, sizeof(path), "%s-%s.reel",
		 w->recipients.n ? "reel" :
		 o.meta.host[0]	 ? o.meta.host :
				   "host",
		 stamp);
	if (w->output && strcmp(w->output, "-") == 0)
		o.fd = STDOUT_FILENO;
	else
		o.directory = w->output ? w->output : path;
	return reel_writer_open(&o, ret, err);
}

int snapshot_write(const struct wishes *w, struct reel_err *err)
{
	struct proc_options o = { .max_arg = w->max_arg };
	struct host_options host = { 0 };
	struct reel_writer *writer = NULL;
	struct reel_record *record = malloc(sizeof(*record));
	const char **env = calloc(w->env.n + 1, sizeof(*env));
	struct record_sink sink = { put, NULL };
	struct proc_totals totals;
	int r;

	if (!record || !env) {
		r = reel_err_set(err, -ENOMEM, "no memory for a snapshot");
		goto out;
	}
	for (size_t i = 0; i < w->env.n; i++)
		env[i] = w->env.v[i];
	o.env = env;
	r = open_writer(w, &writer, err);
	if (r < 0)
		goto out;
	sink.arg = writer;
	r = tapeclock_put(record, CLOCK_AT_START, &sink, err);
	if (r == 0)
		r = proc_snapshot(&o, &host, &sink, &totals, err);
	if (r == 0)
		r = tapeclock_put(record, CLOCK_AT_END, &sink, err);
	if (r == 0) {
		reel_writer_settle(writer, now_boottime_ns());
		r = reel_writer_close(writer, err);
		writer = NULL;
	}
out:
	if (writer)
		reel_writer_abandon(writer);
	free(record);
	free(env);
	return r;
}
