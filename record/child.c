/* SPDX-License-Identifier: BSD-2-Clause */
#include "record/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * As execvp() would find it. Done here, so that the tape does not begin with the failures of a
 * search.
 */
static int find_program(const char *name, char path[4096], struct reel_err *err)
{
	const char *dirs = getenv("PATH");
	int found = -ENOENT;

	if (strchr(name, '/')) {
		if (strlen(name) >= 4096)
			return reel_err_set(err, -ENAMETOOLONG, "%s: the name is too long", name);
		strcpy(path, name);
		return 0;
	}
	if (!dirs)
		dirs = "/usr/local/bin:/usr/bin:/bin";
	for (const char *p = dirs; *name; p++) {
		size_t length = strcspn(p, ":");
		struct stat st;
		int n = snprintf(path, 4096, "%.*s/%s", length ? (int)length : 1, length ? p : ".",
				 name);

		if (n > 0 && n < 4096 && stat(path, &st) == 0 && S_ISREG(st.st_mode)) {
			if (access(path, X_OK) == 0)
				return 0;
			found = -EACCES;
		}
		p += length;
		if (!*p)
			break;
	}
	return reel_err_set(err, found, "%s: %s", name,
			    found == -EACCES ? "permission denied" : "command not found");
}

static void run(const char *path, char **command, int go_fd, int failed_fd, const sigset_t *mask)
{
	char byte;
	int error;
	ssize_t n;

	do
		n = read(go_fd, &byte, 1);
	while (n < 0 && errno == EINTR);
	if (n != 1)
		return;
	(void)sigprocmask(SIG_SETMASK, mask, NULL);
	execv(path, command);
	error = errno;
	(void)!write(failed_fd, &error, sizeof(error));
}

int child_fork(char **command, struct child *ret, struct reel_err *err)
{
	int go[2] = { -1, -1 }, failed[2] = { -1, -1 };
	char path[4096];
	sigset_t mask;
	pid_t pid;
	int r = find_program(command[0], path, err);

	if (r < 0)
		return r;
	if (pipe2(go, O_CLOEXEC) < 0 || pipe2(failed, O_CLOEXEC) < 0) {
		r = reel_err_set(err, -errno, "cannot make a pipe: %s", strerror(errno));
		goto out;
	}
	(void)sigprocmask(SIG_SETMASK, NULL, &mask);
	pid = fork();
	if (pid < 0) {
		r = reel_err_set(err, -errno, "cannot fork: %s", strerror(errno));
		goto out;
	}
	if (pid == 0) {
		close(go[1]);
		close(failed[0]);
		/* It comes back when the recorder is gone, or could not begin. */
		run(path, command, go[0], failed[1], &mask);
		_exit(127);
	}
	*ret = (struct child){ .pid = pid, .go_fd = go[1], .failed_fd = failed[0] };
	go[1] = failed[0] = -1;
out:
	for (int i = 0; i < 2; i++) {
		if (go[i] >= 0)
			close(go[i]);
		if (failed[i] >= 0)
			close(failed[i]);
	}
	return r;
}

int child_go(struct child *c, struct reel_err *err)
{
	int error = 0;
	ssize_t n;

	if (write(c->go_fd, "", 1) != 1)
		return reel_err_set(err, -errno, "the command is gone");
	close(c->go_fd);
	c->go_fd = -1;
	do
		n = read(c->failed_fd, &error, sizeof(error));
	while (n < 0 && errno == EINTR);
	close(c->failed_fd);
	c->failed_fd = -1;
	if (n == sizeof(error))
		return reel_err_set(err, -error, "cannot execute: %s", strerror(error));
	return 0;
}

int child_status(int wait_status)
{
	return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}
