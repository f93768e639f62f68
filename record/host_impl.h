/* SPDX-License-Identifier: BSD-2-Clause */
/* The parts of what a keyframe says of the host. Each returns 0, or the -errno that ends it all. */
#ifndef REEL_RECORD_HOST_IMPL_H
#define REEL_RECORD_HOST_IMPL_H

#include "record/host.h"
#include "record/proc_impl.h"

struct nlmsghdr;

int host_put_accounts(struct proc_look *l);
int host_put_cgroups(struct proc_look *l);

/*
 * Of the mount namespace of a process. *ret_whole: false when it ended before all was read, so that
 * another process may be asked.
 */
int host_put_mounts(struct proc_look *l, int dir, uint32_t mnt_ns, bool *ret_whole);

/* Sockets in a network namespace, through which the kernel tells about it. */
struct host_talk {
	int route, diag; /* or -errno */
	uint32_t seq;
};

/* DIR: of a process in the namespace; -1: the own one. */
void host_talk_open(int dir, struct host_talk *ret);
void host_talk_close(struct host_talk *t);

/*
 * Asks for a list and calls TAKE with each message of it and with a time before which it was made.
 * 0, -errno where the kernel refuses to tell, or what TAKE returned, if that is not 0. The message
 * lies in l->buffer.
 */
int host_talk_list(struct proc_look *l, int fd, uint32_t seq, struct nlmsghdr *request,
		   int (*take)(void *arg, const struct nlmsghdr *m, uint64_t ts), void *arg);
/* The fixed part of a message; NULL: it has less. */
const void *host_body(const struct nlmsghdr *m, size_t length);
/* The body of an attribute among those that begin at OFFSET of the message; NULL: it has none. */
const void *host_attribute(const struct nlmsghdr *m, size_t offset, unsigned type,
			   size_t *ret_length);

int host_put_netifs(struct proc_look *l, struct host_talk *t, uint32_t net_ns);
int host_put_socks(struct proc_look *l, struct host_talk *t, int dir, uint32_t net_ns);

struct host_sock_kind {
	uint16_t family, proto, type;
	const char *file; /* below the directory of a process */
};

/* The same from the text of /proc/PID/net. */
int host_put_socks_of_text(struct proc_look *l, const struct host_sock_kind *kind, int dir,
			   uint32_t net_ns);

/* IPv4 as v4-mapped. */
static inline struct ev_addr host_addr(const void *bytes, size_t length)
{
	struct ev_addr a = { { 0 } };

	if (length == 4)
		a.byte[10] = a.byte[11] = 0xff;
	if (length == 4 || length == 16)
		__builtin_memcpy(a.byte + 16 - length, bytes, length);
	return a;
}

#endif
