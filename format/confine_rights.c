/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a single thread gives up: Landlock, ids and capabilities belong to threads, not to the
 * process. No function is called here that is not a system call, since it runs in a signal handler;
 * those of the C library for ids would try to do it for all threads at once.
 */
#include "format/confine_impl.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static void note(struct confine_rights *r, enum confine_what what, long result)
{
	int none = 0;

	if (result < 0)
		atomic_compare_exchange_strong(&r->failed[what], &none, -errno);
}

static void drop_bounding(struct confine_rights *r)
{
	for (unsigned cap = 0; cap < 64; cap++) {
		int there = prctl(PR_CAPBSET_READ, cap, 0, 0, 0);

		if (there < 0)
			break; /* the last one that the kernel knows is behind us */
		if (there > 0 && !(r->keep_bounding & 1ull << cap))
			note(r, CONFINE_BOUNDING, prctl(PR_CAPBSET_DROP, cap, 0, 0, 0));
	}
}

static void become(struct confine_rights *r, const struct confine_owner *owner)
{
	note(r, CONFINE_OWNER, syscall(SYS_setgroups, 0, NULL));
	note(r, CONFINE_OWNER, syscall(SYS_setresgid, owner->gid, owner->gid, owner->gid));
	note(r, CONFINE_OWNER, syscall(SYS_setresuid, owner->uid, owner->uid, owner->uid));
}

static void drop_capabilities(struct confine_rights *r)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	uint64_t kept;

	note(r, CONFINE_CAPABILITIES, prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0));
	memset(data, 0, sizeof(data));
	if (syscall(SYS_capget, &header, data) < 0) {
		note(r, CONFINE_CAPABILITIES, -1);
		return;
	}
	kept = (data[0].permitted | (uint64_t)data[1].permitted << 32) & r->keep_caps;
	memset(data, 0, sizeof(data));
	data[0].permitted = data[0].effective = (uint32_t)kept;
	data[1].permitted = data[1].effective = (uint32_t)(kept >> 32);
	note(r, CONFINE_CAPABILITIES, syscall(SYS_capset, &header, data));
	r->kept_caps = kept;
}

/* The order matters: Landlock asks for no_new_privs, the bounding set for a capability, ids for
 * others. */
void confine_give_up(void *rights)
{
	struct confine_rights *r = rights;

	note(r, CONFINE_NO_NEW_PRIVS, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	if (r->landlock_fd >= 0)
		note(r, CONFINE_LANDLOCK, syscall(SYS_landlock_restrict_self, r->landlock_fd, 0));
	drop_bounding(r);
	if (r->owner)
		become(r, r->owner);
	drop_capabilities(r);
}
