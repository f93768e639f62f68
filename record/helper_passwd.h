/* SPDX-License-Identifier: BSD-2-Clause */
/* A user of the host, from the file. No name service is asked: that would load foreign code. */
#ifndef REEL_RECORD_HELPER_PASSWD_H
#define REEL_RECORD_HELPER_PASSWD_H

#include <sys/types.h>

struct passwd_user {
	uid_t uid;
	gid_t gid;
	char home[1024];
};

/* The first user of this name, or where it is NULL, of this uid. Lines over 4 KiB are passed over.
 * -ENOENT: there is none, or no such file. */
int passwd_find(const char *file, const char *name, uid_t uid, struct passwd_user *ret);

#endif
