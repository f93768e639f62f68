/* SPDX-License-Identifier: BSD-2-Clause */
#include "record/confine_impl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format/files.h"
#include "record/helper_passwd.h"

int confine_find_owner(const char *file, const char *name, struct confine_owner *ret,
		       struct reel_err *err)
{
	struct passwd_user user;
	int r;

	if (strlen(name) >= sizeof(ret->name))
		return reel_err_set(err, -ENOENT, "no user has so long a name");
	r = passwd_find(file, name, 0, &user);
	if (r < 0)
		return reel_err_set(err, r, "%s: there is no user %s", file, name);
	*ret = (struct confine_owner){ .uid = user.uid, .gid = user.gid };
	memcpy(ret->name, name, strlen(name) + 1);
	return 0;
}

static bool is_of_capture(const char *name)
{
	return strcmp(name, ".lock") == 0 || strcmp(name, ".reserve") == 0 ||
	       reel_files_is_segment(name);
}

/*
 * Somebody who may write in the directory may have put a link to a file there that he would like to
 * own. So only what is ours, plain, and has no second name is given away.
 */
static int give_file(int directory_fd, const char *name, const struct confine_owner *owner)
{
	int fd = openat(directory_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	int r = 0;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (fstat(fd, &st) < 0 ||
	    (S_ISREG(st.st_mode) && st.st_nlink == 1 && st.st_uid == geteuid() &&
	     fchownat(fd, "", owner->uid, owner->gid, AT_EMPTY_PATH) < 0))
		r = -errno;
	close(fd);
	return r;
}

int confine_give_capture(int directory_fd, const struct confine_owner *owner, struct reel_err *err)
{
	int fd = openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	struct stat st;
	int r = 0;

	if (!dir) {
		r = reel_err_set(err, -errno, "cannot list the capture: %s", strerror(errno));
		goto out;
	}
	while (r == 0 && (e = readdir(dir))) {
		if (!is_of_capture(e->d_name))
			continue;
		r = give_file(fd, e->d_name, owner);
		if (r < 0)
			reel_err_set(err, r, "cannot give %s to %s: %s", e->d_name, owner->name,
				     strerror(-r));
	}
	if (r == 0 && fstat(fd, &st) == 0 && st.st_uid == geteuid() &&
	    fchown(fd, owner->uid, owner->gid) < 0)
		r = reel_err_set(err, -errno, "cannot give the capture to %s: %s", owner->name,
				 strerror(errno));
out:
	if (dir)
		closedir(dir); /* and the descriptor with it */
	else if (fd >= 0)
		close(fd);
	return r;
}
