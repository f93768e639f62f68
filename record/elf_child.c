/* SPDX-License-Identifier: BSD-2-Clause */
#include "record/elf_child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "record/confine.h"
#include "record/now.h"

enum { GRACE_MS = 300, LAST_WAIT_MS = 50, WHY_BYTES = sizeof(((struct reel_err *)0)->msg) };

/* What the child says first, while it is still as we are. */
struct opened {
	int32_t code;
	int32_t fd; /* in the child */
	struct stat st;
	char why[WHY_BYTES];
};

/* What it says last, when the file may have made it somebody else's. */
struct found {
	int32_t code;
	char why[WHY_BYTES];
	struct elf_answer answer;
};

struct elf_parser {
	pid_t child; /* 0: none */
	int from_child;
	uint64_t deadline_ns;
	uint64_t file_bytes;
	size_t n_names;
	pid_t lingering[ELF_CHILD_LINGERING];
	/* The child's, made here: it cannot ask for memory. */
	struct elf_work *work;
	struct found found;
};

int elf_parser_new(struct elf_parser **ret, struct reel_err *err)
{
	struct elf_parser *p = calloc(1, sizeof(*p));

	if (p)
		p->work = elf_work_new();
	if (!p || !p->work) {
		free(p);
		return reel_err_set(err, -ENOMEM, "no memory to parse ELF files");
	}
	p->from_child = -1;
	*ret = p;
	return 0;
}

void elf_parser_free(struct elf_parser *p)
{
	if (!p)
		return;
	elf_child_close(p);
	elf_work_free(p->work);
	free(p);
}

/* In the child -------------------------------------------------------------------------------- */

static bool say(int fd, const void *bytes, size_t n)
{
	const char *from = bytes;

	while (n) {
		ssize_t done = write(fd, from, n);

		if (done <= 0)
			return false;
		from += done;
		n -= (size_t)done;
	}
	return true;
}

static void close_all_but(int a, int b)
{
	unsigned low = (unsigned)(a < b ? a : b), high = (unsigned)(a < b ? b : a);

	if (low > 0)
		close_range(0, low - 1, 0);
	if (high > low + 1)
		close_range(low + 1, high - 1, 0);
	close_range(high + 1, ~0u, 0);
}

static void signals_as_born(void)
{
	static const int numbers[] = { SIGALRM, SIGPIPE, SIGTERM, SIGINT, SIGHUP, SIGCHLD };
	sigset_t none;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		signal(numbers[i], SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static int confine(struct reel_err *err)
{
	static const enum confine_what needed[] = { CONFINE_CAPABILITIES, CONFINE_NO_NEW_PRIVS,
						    CONFINE_SECCOMP };
	struct confine_report report;
	int r = confine_parser(ELF_CHILD_SECONDS, &report, err);

	for (size_t i = 0; r == 0 && i < sizeof(needed) / sizeof(*needed); i++)
		if (report.measure[needed[i]].status != CONFINE_DONE)
			r = reel_err_set(err, -EPERM, "a parser cannot be confined: %s",
					 report.measure[needed[i]].reason);
	return r;
}

static void child_live(struct elf_parser *p, const struct elf_request *q, int to_parent, int hold)
{
	struct opened opened = { 0 };
	struct found *found = &p->found;
	struct reel_err err = { 0 };
	char byte;
	int r;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signals_as_born();
	alarm(ELF_CHILD_SECONDS);
	opened.fd = q->open_it(q->arg, &err);
	if (opened.fd < 0)
		opened.code = opened.fd;
	else if (fstat(opened.fd, &opened.st) < 0)
		opened.code = reel_err_set(&err, -errno, "%s", strerror(errno));
	memcpy(opened.why, err.msg, sizeof(opened.why));
	if (!say(to_parent, &opened, sizeof(opened)) || opened.code < 0)
		return;
	/* Until the parent has its handle, and so closes its end. */
	while (read(hold, &byte, 1) < 0 && errno == EINTR)
		;
	close_all_but(opened.fd, to_parent);
	memset(found, 0, sizeof(*found));
	memset(&err, 0, sizeof(err));
	r = confine(&err);
	if (r == 0)
		r = elf_find_functions(opened.fd, q->names, q->n_names, p->work, &found->answer,
				       &err);
	found->code = r;
	memcpy(found->why, err.msg, sizeof(found->why));
	(void)say(to_parent, found, sizeof(*found));
}

/* In the parent ------------------------------------------------------------------------------- */

/* 0, -ETIMEDOUT, or -EBADMSG: the child has ended before. */
static int hear(struct elf_parser *p, void *to, size_t n)
{
	char *at = to;

	while (n) {
		struct pollfd poll_fd = { .fd = p->from_child, .events = POLLIN };
		uint64_t now_ns = now_boottime_ns();
		ssize_t got;
		int ready;

		if (now_ns >= p->deadline_ns)
			return -ETIMEDOUT;
		ready = poll(&poll_fd, 1, (int)((p->deadline_ns - now_ns) / 1000000) + 1);
		if (ready == 0 || (ready < 0 && errno == EINTR))
			continue;
		if (ready < 0)
			return -errno;
		got = read(p->from_child, at, n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		/* It has ended, by its alarm or otherwise. */
		if (got == 0)
			return now_boottime_ns() + GRACE_MS * 1000000ull >= p->deadline_ns ?
				       -ETIMEDOUT :
				       -EBADMSG;
		at += got;
		n -= (size_t)got;
	}
	return 0;
}

static bool has_ended(pid_t pid)
{
	/* Also where somebody else has waited for it. */
	return waitpid(pid, NULL, WNOHANG) != 0;
}

/* A place for a child that does not end; NULL: there are too many. */
static pid_t *find_place(struct elf_parser *p)
{
	pid_t *place = NULL;

	for (size_t i = 0; i < ELF_CHILD_LINGERING; i++) {
		if (p->lingering[i] && has_ended(p->lingering[i]))
			p->lingering[i] = 0;
		if (!p->lingering[i])
			place = &p->lingering[i];
	}
	return place;
}

void elf_child_close(struct elf_parser *p)
{
	static const struct timespec ms = { .tv_nsec = 1000000 };
	pid_t *place;

	if (p->from_child >= 0)
		close(p->from_child);
	p->from_child = -1;
	if (!p->child)
		return;
	for (unsigned i = 0; i < LAST_WAIT_MS && p->child; i++) {
		if (has_ended(p->child))
			p->child = 0;
		else
			nanosleep(&ms, NULL);
	}
	place = p->child ? find_place(p) : NULL;
	if (place)
		*place = p->child;
	p->child = 0;
}

static int say_why(int code, const char *why, struct reel_err *err)
{
	if (code == -ETIMEDOUT)
		return reel_err_set(err, code, "no answer within %d s", ELF_CHILD_SECONDS);
	return reel_err_set(err, code, "%s", why);
}

static int handle_of(pid_t child, int fd, const struct stat *st, struct reel_err *err)
{
	char path[64];
	struct stat own;
	int handle;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)child, fd);
	handle = open(path, O_PATH | O_CLOEXEC);
	if (handle < 0)
		return reel_err_set(err, -errno, "no handle of the file: %s", strerror(errno));
	if (fstat(handle, &own) == 0 && own.st_dev == st->st_dev && own.st_ino == st->st_ino)
		return handle;
	close(handle);
	return reel_err_set(err, -ESTALE, "the handle is of another file");
}

int elf_child_open(struct elf_parser *p, const struct elf_request *q, struct stat *ret_st,
		   struct reel_err *err)
{
	int answers[2] = { -1, -1 }, hold[2] = { -1, -1 }, r;
	struct opened opened;

	elf_child_close(p);
	if (q->n_names > ELF_MAX_NAMES)
		return reel_err_set(err, -EINVAL, "%zu names", q->n_names);
	if (!find_place(p))
		return reel_err_set(err, -EBUSY, "%d files take too long", ELF_CHILD_LINGERING);
	if (pipe2(answers, O_CLOEXEC) < 0 || pipe2(hold, O_CLOEXEC) < 0) {
		r = reel_err_set(err, -errno, "no pipe to a parser: %s", strerror(errno));
		goto out;
	}
	p->deadline_ns = now_boottime_ns() + ELF_CHILD_SECONDS * 1000000000ull + GRACE_MS * 1000000;
	p->n_names = q->n_names;
	p->child = fork();
	if (p->child < 0) {
		p->child = 0;
		r = reel_err_set(err, -errno, "cannot start a parser: %s", strerror(errno));
		goto out;
	}
	if (p->child == 0) {
		/* Ours to write: with it open here, nobody else's end would end the waiting. */
		close(hold[1]);
		close(answers[0]);
		child_live(p, q, answers[1], hold[0]);
		_exit(0);
	}
	p->from_child = answers[0];
	answers[0] = -1;
	close(answers[1]);
	answers[1] = -1;
	r = hear(p, &opened, sizeof(opened));
	opened.why[sizeof(opened.why) - 1] = '\0';
	if (r < 0)
		r = say_why(r, "the parser has died", err);
	else if (opened.code < 0)
		r = say_why(opened.code, opened.why, err);
	else
		r = handle_of(p->child, opened.fd, &opened.st, err);
	if (r >= 0) {
		p->file_bytes = (uint64_t)opened.st.st_size;
		*ret_st = opened.st;
	}
out:
	for (int i = 0; i < 2; i++) {
		if (answers[i] >= 0)
			close(answers[i]);
		if (hold[i] >= 0)
			close(hold[i]);
	}
	if (r < 0)
		elf_child_close(p);
	return r;
}

static bool answer_makes_sense(const struct elf_parser *p, const struct elf_answer *a)
{
	if (a->bits != 32 && a->bits != 64)
		return false;
	for (size_t i = 0; i < ELF_MAX_NAMES; i++) {
		const struct elf_function *f = &a->function[i];

		if (f->offset >= p->file_bytes || f->code_bytes > ELF_CODE_BYTES ||
		    (i >= p->n_names && f->offset))
			return false;
	}
	return true;
}

int elf_child_find(struct elf_parser *p, struct elf_answer *ret, struct reel_err *err)
{
	int r;

	if (!p->child)
		return reel_err_set(err, -EINVAL, "no file is open");
	r = hear(p, &p->found, sizeof(p->found));
	if (r < 0)
		return say_why(r, "the parser has died", err);
	if (p->found.code > 0 || p->found.code < -4095)
		return reel_err_set(err, -EBADMSG, "the parser makes no sense");
	if (p->found.code < 0) {
		p->found.why[sizeof(p->found.why) - 1] = '\0';
		for (char *c = p->found.why; *c; c++)
			if (*c < ' ' || *c > '~')
				*c = '?';
		return reel_err_set(err, p->found.code, "%s", p->found.why);
	}
	if (!answer_makes_sense(p, &p->found.answer))
		return reel_err_set(err, -EBADMSG, "the parser makes no sense");
	*ret = p->found.answer;
	return 0;
}
