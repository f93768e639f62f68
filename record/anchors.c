/* SPDX-License-Identifier: BSD-2-Clause */
#include "record/anchors.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "format/anchor.h"
#include "format/meta.h"
#include "record/helper.h"
#include "record/now.h"

#define SECOND_NS 1000000000ull
#define EVERY_NS (60 * SECOND_NS)
#define PATIENCE_NS (20 * SECOND_NS)
#define LAST_NS (25 * SECOND_NS)

struct anchors {
	const char *command;
	struct helper *helper;
	uint8_t boot[TAPE_ID_BYTES];
	char host[256];
	bool has_told;
	uint64_t told_ns, told_sequence;
	bool was_dropped; /* a line: it is told with the next records */
	struct reel_record record;
	void (*warning)(void *arg, const char *text);
	void *arg;
};

/* In the helper ------------------------------------------------------------------------------ */

static int put_warning(struct anchors *a, const char *text, const struct record_sink *sink,
		       struct reel_err *err)
{
	reel_record_begin(&a->record, reel_type_by_id(EV_warning));
	a->record.header.ts = now_boottime_ns();
	reel_record_string(&a->record, text, strlen(text));
	return record_put(sink, &a->record, err);
}

/* In the child: the line as its input, and nothing that the helper has set. */
static void run_command(const char *command, int input)
{
	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	(void)setsid();
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (dup2(input, STDIN_FILENO) == STDIN_FILENO)
		execl("/bin/sh", "sh", "-c", command, NULL);
	_exit(127);
}

/* Its status as wait() has it; it has only so much time. */
static int wait_for(pid_t child, uint64_t deadline_ns, bool *ret_late)
{
	const struct timespec pause = { 0, 10000000 };
	int status = 0;

	*ret_late = false;
	while (waitpid(child, &status, WNOHANG) == 0) {
		if (now_boottime_ns() >= deadline_ns && !*ret_late) {
			*ret_late = true;
			(void)kill(-child, SIGKILL);
			(void)kill(child, SIGKILL);
		}
		nanosleep(&pause, NULL);
	}
	return status;
}

static int give_line(const char *line, size_t n, int ret[2])
{
	if (pipe2(ret, O_CLOEXEC) < 0)
		return -errno;
	/* A line goes into an empty pipe as a whole. */
	return write(ret[1], line, n) == (ssize_t)n ? 0 : -EIO;
}

static int run(void *state, const struct helper_request *q, const struct record_sink *sink,
	       struct reel_err *err)
{
	struct anchors *a = state;
	int input[2] = { -1, -1 }, status = 0, r = give_line(q->path, q->path_length, input);
	char text[160] = "";
	bool is_late = false;
	pid_t child = r < 0 ? -1 : fork();

	if (child == 0)
		run_command(a->command, input[0]);
	for (unsigned i = 0; i < 2; i++)
		if (input[i] >= 0)
			close(input[i]);
	if (child > 0)
		status = wait_for(child, now_boottime_ns() + PATIENCE_NS, &is_late);
	if (child < 0)
		snprintf(text, sizeof(text), "the command of --anchor could not be run");
	else if (is_late)
		snprintf(text, sizeof(text), "the command of --anchor took longer than %llu s",
			 PATIENCE_NS / SECOND_NS);
	else if (WIFSIGNALED(status))
		snprintf(text, sizeof(text), "the command of --anchor was ended by signal %d",
			 WTERMSIG(status));
	else if (WEXITSTATUS(status))
		snprintf(text, sizeof(text), "the command of --anchor ended with status %d",
			 WEXITSTATUS(status));
	if (text[0]) {
		r = put_warning(a, text, sink, err);
		if (r < 0)
			return r;
	}
	return HELPER_ANSWERED;
}

/* In the recorder ---------------------------------------------------------------------------- */

int anchors_start(const char *command, struct anchors **ret, struct reel_err *err)
{
	struct anchors *a = calloc(1, sizeof(*a));
	struct reel_meta *meta = calloc(1, sizeof(*meta));
	struct helper_task task = { .kind = HELPER_ANCHOR, .state = a, .run = run };
	static const int fds[] = { STDERR_FILENO };
	struct helper_options o = { .tasks = &task,
				    .n_tasks = 1,
				    .confine = { .executes = true },
				    .keep_fds = fds,
				    .n_keep_fds = 1 };
	int r = -ENOMEM;

	if (!a || !meta) {
		reel_err_set(err, r, "no memory for anchors");
		goto out;
	}
	reel_meta_this_machine(meta);
	memcpy(a->boot, meta->boot, sizeof(a->boot));
	snprintf(a->host, sizeof(a->host), "%s", meta->host);
	a->command = command;
	r = helper_start(&o, &a->helper, err);
	if (r < 0)
		goto out;
	*ret = a;
	a = NULL;
out:
	free(meta);
	free(a);
	return r;
}

static void tell(struct anchors *a, const struct reel_writer_stats *written, uint64_t now_ns)
{
	struct reel_anchor anchor = { .sequence = written->head_sequence, .ts = now_ns };
	struct helper_request q = { .kind = HELPER_ANCHOR };
	char line[REEL_ANCHOR_LINE];

	memcpy(anchor.capture, written->capture, sizeof(anchor.capture));
	memcpy(anchor.tag, written->head, sizeof(anchor.tag));
	memcpy(anchor.boot, a->boot, sizeof(anchor.boot));
	q.path_length = reel_anchor_format(&anchor, a->host, line);
	q.path = line;
	a->has_told = true;
	a->told_ns = now_ns;
	a->told_sequence = anchor.sequence;
	a->was_dropped |= helper_ask(a->helper, &q) == -EAGAIN;
}

static bool has_head(const struct reel_writer_stats *written)
{
	static const uint8_t none[TAPE_TAG_BYTES];

	return memcmp(written->head, none, sizeof(none)) != 0;
}

void anchors_look(struct anchors *a, const struct reel_writer_stats *written, uint64_t now_ns)
{
	if (!has_head(written) || (a->has_told && (now_ns - a->told_ns < EVERY_NS ||
						   written->head_sequence == a->told_sequence)))
		return;
	tell(a, written, now_ns);
}

int anchors_take(struct anchors *a, const struct record_sink *sink, struct reel_err *err)
{
	int r = helper_take(a->helper, sink, err);

	if (r < 0 || !a->was_dropped)
		return r;
	a->was_dropped = false;
	return put_warning(a, "an anchor was not told: those before it have not been taken", sink,
			   err);
}

/* What the helper says when there is no tape any more. */
static int put_to_listener(void *arg, struct reel_record *record, struct reel_err *err)
{
	struct anchors *a = arg;
	size_t fixed = record->type->fixed_bytes, n;
	char text[256];

	(void)err;
	(void)reel_record_end(record);
	if (record->type->id != EV_warning || !a->warning)
		return 0;
	n = record->header.length - fixed;
	snprintf(text, sizeof(text), "%.*s", (int)(n < sizeof(text) ? n : sizeof(text) - 1),
		 (const char *)record->payload + fixed);
	a->warning(a->arg, text);
	return 0;
}

void anchors_end(struct anchors *a, const struct reel_writer_stats *written, uint64_t now_ns,
		 void (*warning)(void *arg, const char *text), void *arg)
{
	struct record_sink sink = { put_to_listener, a };

	if (!a)
		return;
	a->warning = warning;
	a->arg = arg;
	if (written && has_head(written) &&
	    (!a->has_told || written->head_sequence != a->told_sequence))
		tell(a, written, now_ns);
	(void)helper_stop(a->helper, written ? now_ns + LAST_NS : 0, &sink, NULL);
	free(a);
}
