/* SPDX-License-Identifier: BSD-2-Clause */
/* reel record: write what the kernel sees into a capture. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bpf/events.h"
#include "format/command.h"
#include "format/options_file.h"
#include "record/metrics.h"
#include "record/notify.h"
#include "record/session.h"
#include "record/snapshot.h"
#include "record/status.h"

enum { STATUS_FAILED = 125 };

static const char config_path[] = "/etc/reel/record.conf";

/* A file of defaults does not name another, nor which kind of run this is. */
static const char *const not_in_config[] = { "config", "no-config", "snapshot", "ready-fd", NULL };

#define AT(field) offsetof(struct wishes, field)

static int parse_seconds(const char *text, void *field, struct reel_err *err)
{
	uint64_t seconds;

	if (reel_parse_u64(text, &seconds, NULL) == 0 && seconds < UINT64_MAX / 1000000000u) {
		*(uint64_t *)field = seconds * 1000000000u;
		return 0;
	}
	return reel_parse_duration(text, field, err);
}

static const struct reel_option record_table[] = {
	{ "output", 'o', "DIR", REEL_OPT_STRING, AT(output),
	  "the capture: a directory, made or continued, or - for standard output (default: "
	  "./HOST-UTC.reel)" },
	{ "duration", 'd', "SECONDS", REEL_OPT_PARSE, AT(duration_ns),
	  "record this long, e.g. 60, 15m, 1h", .parse = parse_seconds },
	{ "note", 0, "TEXT", REEL_OPT_STRING, AT(note), "a remark, kept in each segment",
	  .seldom = true },
	{ "snapshot", 0, NULL, REEL_OPT_FLAG, AT(snapshot),
	  "only how the machine is now; needs no privilege" },

	{ "events", 'e', "CLASSES", REEL_OPT_LIST, AT(classes),
	  "file,net: only these; +look adds, !io takes away", .heading = "What" },
	{ "syscalls", 0, "LIST", REEL_OPT_LIST, AT(calls),
	  "these calls too, whatever their class; all", .seldom = true },
	{ "io", 0, NULL, REEL_OPT_CHOICE, AT(io),
	  "reads and writes: the first of each open file and totals, all, or none (default: first)",
	  .choices = "first|all|none" },
	{ "content", 0, "BYTES", REEL_OPT_U32, AT(content),
	  "how much is kept of data that is written (default: 64)", .seldom = true },
	{ "max-arg", 0, "BYTES", REEL_OPT_U32, AT(max_arg),
	  "how much is kept of a command line (default: 4096)", .seldom = true },
	{ "env", 0, "NAME", REEL_OPT_LIST, AT(env), "keep this variable of what is executed",
	  .seldom = true },
	{ "no-dns", 0, NULL, REEL_OPT_FLAG, AT(no_dns), "do not keep the contents of DNS messages",
	  .seldom = true },
	{ "hash", 0, NULL, REEL_OPT_FLAG, AT(hash), "SHA-256 of what is executed", .seldom = true },

	{ "pid", 'p', "PID", REEL_OPT_LIST, AT(pids), "this process and its children",
	  .heading = "Scope (! before a value: the opposite)" },
	{ "name", 'n', "COMM", REEL_OPT_LIST, AT(comms), "processes of this name (comm)",
	  .seldom = true },
	{ "exe", 0, "GLOB", REEL_OPT_LIST, AT(exes), "processes that execute this file",
	  .seldom = true },
	{ "user", 'u', "USER", REEL_OPT_LIST, AT(users), "processes of this user, name or number" },
	{ "cgroup", 0, "PATH", REEL_OPT_LIST, AT(cgroups), "processes in this cgroup or beneath it",
	  .seldom = true },
	{ "container", 0, "ID", REEL_OPT_LIST, AT(containers),
	  "processes in this container, or in any" },
	{ "path", 0, "GLOB", REEL_OPT_LIST, AT(paths), "of events with a path only those",
	  .seldom = true },
	{ "no-path", 0, "GLOB", REEL_OPT_LIST, AT(no_paths), "no events with such a path",
	  .seldom = true },
	{ "no-follow", 0, NULL, REEL_OPT_FLAG, AT(no_follow), "children are not in scope by birth",
	  .seldom = true },

	{ "segment-size", 0, "SIZE", REEL_OPT_SIZE, AT(segment_bytes),
	  "begin a new segment at this size (default: 256M)", .heading = "Files", .seldom = true },
	{ "segment-time", 0, "DURATION", REEL_OPT_DURATION, AT(segment_ns),
	  "or at this age (default: 1h)", .seldom = true },
	{ "keep-size", 0, "SIZE", REEL_OPT_SIZE, AT(keep_bytes),
	  "remove the oldest segments beyond this size in all" },
	{ "keep-time", 0, "DURATION", REEL_OPT_DURATION, AT(keep_ns), "or beyond this age" },
	{ "drop-oldest", 0, NULL, REEL_OPT_FLAG, AT(drop_oldest),
	  "on a full disk remove the oldest segment and go on" },
	{ "latency", 0, "DURATION", REEL_OPT_DURATION, AT(latency_ns),
	  "write what has been waiting this long (default: 500ms)", .seldom = true },
	{ "sync", 0, NULL, REEL_OPT_CHOICE, AT(sync),
	  "to the disk: every 5 s, each block, or when the kernel likes (default: seconds)",
	  .choices = "seconds|block|none", .seldom = true },
	{ "seal", 0, "STATE", REEL_OPT_STRING, AT(seal),
	  "seal each block with the key of this host, from reel keygen --host", .seldom = true },
	{ "anchor", 0, "CMD", REEL_OPT_STRING, AT(anchor),
	  "a command that is given the tag of a block to keep elsewhere, each minute",
	  .seldom = true },
	{ "encrypt-to", 0, "KEY.pub", REEL_OPT_LIST, AT(encrypt_to),
	  "only the secret key to this one opens the capture; to 8 of them, each opens it",
	  .seldom = true },
	{ "owner", 0, "USER", REEL_OPT_STRING, AT(owner),
	  "who the capture belongs to, and who the recorder becomes", .seldom = true },

	{ "ring", 0, "MIB", REEL_OPT_U32, AT(ring_mib),
	  "memory between the kernel and the recorder for each CPU (default: 16)",
	  .heading = "Running", .seldom = true },
	{ "metrics-file", 0, "FILE", REEL_OPT_STRING, AT(metrics_file),
	  "figures for Prometheus, written anew every few seconds", .seldom = true },
	{ "config", 0, "FILE", REEL_OPT_STRING, AT(config),
	  "defaults (without: /etc/reel/record.conf, unless there is a command)", .seldom = true },
	{ "no-config", 0, NULL, REEL_OPT_FLAG, AT(no_config), "read no file of defaults",
	  .seldom = true },
	{ "ready-fd", 0, "FD", REEL_OPT_PARSE, AT(ready_fd), "write a line here when recording",
	  .parse = notify_parse_fd, .seldom = true },
	{ 0 },
};

struct talk {
	const struct reel_command *self;
	const struct reel_common *common;
	const struct wishes *wishes;
	struct status_line line;
	uint64_t metrics_ns;
	bool metrics_failed;
};

static void on_ready(void *arg, const char *path)
{
	struct talk *t = arg;

	if (!t->wishes->command)
		reel_command_note(t->self, t->common, "recording to %s, end with Ctrl-C",
				  *path ? path : "standard output");
	notify_ready(t->wishes->ready_fd);
}

static void on_state(void *arg, const struct session *s, const struct session_state *state)
{
	struct talk *t = arg;
	struct reel_err err;

	if (t->line.fd >= 0 && !state->ended)
		status_show(&t->line, state);
	if (t->wishes->metrics_file &&
	    (state->ended || state->now_ns - t->metrics_ns >= METRICS_EVERY_NS)) {
		t->metrics_ns = state->now_ns;
		if (metrics_write(t->wishes->metrics_file, s, state, &err) < 0 &&
		    !t->metrics_failed) {
			t->metrics_failed = true;
			status_hide(&t->line);
			fprintf(stderr, "reel record: %s\n", err.msg);
		}
	}
}

static void on_warning(void *arg, const char *text)
{
	struct talk *t = arg;

	status_hide(&t->line);
	fprintf(stderr, "reel record: %s\n", text);
}

static enum reel_status status_of(int error)
{
	switch (error) {
	case -EINVAL:
		return REEL_STATUS_USAGE;
	case -EPERM:
	case -EACCES:
	case -EOPNOTSUPP:
	case -ENOSYS:
		return REEL_STATUS_PRIVILEGE;
	default:
		return REEL_STATUS_IO;
	}
}

static int record(const struct reel_command *self, const struct wishes *w,
		  const struct reel_common *common)
{
	struct talk t = { .self = self, .common = common, .wishes = w };
	struct session_talk talk = { &t, on_ready, on_state, on_warning };
	struct session_end end;
	struct reel_err err = { 0 };
	int r;

	t.line.fd = !common->quiet && !w->command && isatty(STDERR_FILENO) ? STDERR_FILENO : -1;
	r = session_run(w, &talk, &end, &err);
	status_hide(&t.line);
	if (r < 0) {
		int status = reel_command_fail(self, status_of(r), &err);

		if (w->command && r != -EINVAL)
			return end.command_ended ? end.command_status : STATUS_FAILED;
		return status;
	}
	if (!common->quiet)
		status_summary(stderr, &end.state);
	return w->command ? end.command_status : REEL_STATUS_OK;
}

static const char *misuse_of(const struct wishes *w, const struct reel_args *args)
{
	if (args->n_before < 0 && args->n)
		return "a command goes behind --";
	if (args->n_before > 0)
		return "a command goes behind --";
	if (args->n_before == 0 && args->n == 0)
		return "which command? -- is followed by one";
	if (w->config && w->no_config)
		return "--config and --no-config contradict each other";
	if (w->snapshot && w->anchor)
		return "--snapshot tells no anchors";
	if (w->snapshot && args->n)
		return "--snapshot records no command";
	if (w->output && !*w->output)
		return "-o needs a name";
	if (w->output && strcmp(w->output, "-") == 0 && isatty(STDOUT_FILENO))
		return "a capture does not go to a terminal";
	if (w->output && strcmp(w->output, "-") == 0 && args->n)
		return "the command needs standard output: say -o DIR";
	return NULL;
}

/*
 * The defaults of the recorder that is always on; what records one command, or how things are, has
 * others. Nothing is wrong where the usual file is not there.
 */
static int read_config(const struct reel_command *self, const struct reel_args *args,
		       struct wishes *w, char **ret_text, struct reel_err *err)
{
	const char *path = w->config ? w->config : config_path;
	int r;

	if (w->no_config || (!w->config && (args->n_before >= 0 || args->n || w->snapshot)))
		return 0;
	r = options_file_read(path, record_table, w, args, not_in_config, ret_text, err);
	if (r == -ENOENT && !w->config)
		return 0;
	if (r == 0 && !w->config)
		reel_command_note(self, &args->common, "defaults are those of %s", path);
	return r;
}

static int record_run(const struct reel_command *self, int argc, char **argv)
{
	struct wishes w = { .content = 64,
			    .max_arg = 4096,
			    .ring_mib = 16,
			    .ready_fd = -1,
			    .io = IO_FIRST };
	struct reel_args args;
	struct reel_err err;
	const char *misuse;
	char *config_text = NULL;
	int status, r;

	if (!reel_command_parse(self, argc, argv, &w, &args, &status))
		return status;
	/* As execve() wants it: with a NULL behind. */
	if (args.n) {
		w.command = calloc((size_t)args.n + 1, sizeof(*w.command));
		if (w.command)
			memcpy(w.command, args.v, (size_t)args.n * sizeof(*w.command));
	}
	r = read_config(self, &args, &w, &config_text, &err);
	misuse = r < 0 ? NULL : misuse_of(&w, &args);
	if (r == 0 && !misuse)
		r = recipients_read(&w.encrypt_to, &w.recipients, &err);
	if (misuse) {
		status = reel_command_misuse(self, "%s", misuse);
	} else if (r < 0) {
		status = reel_command_fail(self, status_of(r), &err);
	} else if (w.snapshot) {
		r = snapshot_write(&w, &err);
		status = r < 0 ? reel_command_fail(self, status_of(r), &err) : REEL_STATUS_OK;
	} else {
		status = record(self, &w, &args.common);
	}
	free(w.command);
	reel_options_done(record_table, &w);
	free(config_text);
	return status;
}

const struct reel_command reel_cmd_record = {
	.name = "record",
	.summary = "write what the kernel sees into a capture",
	.usage = "[-- COMMAND [ARG...]]",
	.examples = { "reel record -o incident.reel", "reel record -o make.reel -- make -j8" },
	.options = record_table,
	.run = record_run,
};
