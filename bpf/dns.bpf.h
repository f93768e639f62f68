/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * DNS messages, whatever call they go by: an event of their own behind that of the call, once its
 * record is on its way, since there is one place to make records. DNS is what goes over port 53 of
 * either side, also that of a resolver on the same machine.
 */
#ifndef REEL_BPF_DNS_BPF_H
#define REEL_BPF_DNS_BPF_H

#include "bpf/message.bpf.h"

enum {
	DNS_BYTES = 512,
	FLAG_PEEK = 2,
	FLAG_ERRQUEUE = 0x2000,
	ERR_AGAIN = 11,
	ERR_RESTART = 512,
};

/* Is this a socket that DNS goes over? */
static __always_inline bool sock_has_dns(const struct net_work *w)
{
	return (w->sock.family == FAMILY_INET || w->sock.family == FAMILY_INET6) &&
	       (w->sock.port == PORT_DNS || w->sock.lport == PORT_DNS);
}

/* What was to be sent counts even if it was refused, but not what the program will send again. */
static __always_inline bool dns_counts(const struct net_work *w)
{
	__s64 ret = w->call.ret;

	return w->call.moved ||
	       (w->each.sent && ret < 0 && ret > -ERR_RESTART && ret != -ERR_AGAIN);
}

/* The message in the work goes over such a socket. */
__noinline int dns_tell(void)
{
	struct net_work *w = net_work();
	struct ev_dns *e;
	struct build b;

	if (!w)
		return 0;
	e = net_build(&b, dns, w);
	sock_put(e, w);
	e->fd = w->call.args[0];
	e->direction = !w->each.sent;
	e->payload = build_message(&b, w, DNS_BYTES);
	count_extra(class_of_dns);
	return build_emit(&b, dns);
}

#endif
