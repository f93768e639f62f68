/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses of network interfaces. An interface without an address has one record too. */
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "record/host_impl.h"

enum { LINKS_MAX = 65536, MAC_MAX = 32 };

struct interface {
	uint32_t index;
	uint8_t name_length, mac_length;
	bool has_address;
	char name[16];
	uint8_t mac[MAC_MAX];
	uint64_t ts;
};

struct listing {
	struct proc_look *l;
	uint32_t net_ns;
	struct interface *links;
	size_t n, room;
	int failed; /* of the sink or for memory, which is not for the kernel to say */
};

static int by_index(const void *a, const void *b)
{
	const struct interface *x = a, *y = b;

	return x->index < y->index ? -1 : x->index > y->index;
}

static int take_link(void *arg, const struct nlmsghdr *m, uint64_t ts)
{
	struct listing *t = arg;
	const struct ifinfomsg *info = host_body(m, sizeof(*info));
	struct interface link = { .ts = ts };
	size_t length;
	const void *bytes;

	if (m->nlmsg_type != RTM_NEWLINK || !info)
		return 0;
	if (t->n == LINKS_MAX) {
		t->l->totals.left_out++;
		return 0;
	}
	if (t->n == t->room) {
		size_t room = t->room ? 2 * t->room : 16;
		struct interface *links = reallocarray(t->links, room, sizeof(*links));

		if (!links)
			return t->failed = proc_no_memory(t->l);
		t->links = links;
		t->room = room;
	}
	link.index = (uint32_t)info->ifi_index;
	bytes = host_attribute(m, sizeof(*info), IFLA_IFNAME, &length);
	if (bytes) {
		link.name_length = (uint8_t)strnlen(bytes, length < 16 ? length : 16);
		memcpy(link.name, bytes, link.name_length);
	}
	bytes = host_attribute(m, sizeof(*info), IFLA_ADDRESS, &length);
	if (bytes && length <= MAC_MAX) {
		link.mac_length = (uint8_t)length;
		memcpy(link.mac, bytes, length);
	}
	t->links[t->n++] = link;
	return 0;
}

static int put_netif(struct listing *t, uint32_t index, const struct interface *link,
		     struct ev_addr addr, uint8_t prefix, uint64_t ts)
{
	struct ev_netif *e = proc_record(t->l, EV_netif, 0, 0);

	t->l->record.header.ts = ts;
	e->addr = addr;
	e->index = index;
	e->net_ns = t->net_ns;
	e->prefix = prefix;
	/* An interface that came after the list of them was made. */
	t->l->fault = !link;
	reel_record_string(&t->l->record, link ? link->name : "", link ? link->name_length : 0);
	reel_record_string(&t->l->record, link ? (const void *)link->mac : "",
			   link ? link->mac_length : 0);
	t->failed = proc_put(t->l);
	return t->failed;
}

static int take_address(void *arg, const struct nlmsghdr *m, uint64_t ts)
{
	struct listing *t = arg;
	const struct ifaddrmsg *info = host_body(m, sizeof(*info));
	struct interface *link, key;
	const void *bytes;
	size_t length;

	if (m->nlmsg_type != RTM_NEWADDR || !info)
		return 0;
	if (info->ifa_family != AF_INET && info->ifa_family != AF_INET6)
		return 0;
	/* Of a link between two points IFA_ADDRESS is the other end. */
	bytes = host_attribute(m, sizeof(*info), IFA_LOCAL, &length);
	if (!bytes)
		bytes = host_attribute(m, sizeof(*info), IFA_ADDRESS, &length);
	if (!bytes)
		return 0;
	key.index = info->ifa_index;
	link = t->n ? bsearch(&key, t->links, t->n, sizeof(key), by_index) : NULL;
	if (link)
		link->has_address = true;
	return put_netif(t, key.index, link, host_addr(bytes, length), info->ifa_prefixlen, ts);
}

int host_put_netifs(struct proc_look *l, struct host_talk *talk, uint32_t net_ns)
{
	struct {
		struct nlmsghdr h;
		struct ifinfomsg m;
	} links = { { .nlmsg_len = sizeof(links), .nlmsg_type = RTM_GETLINK }, { 0 } };
	struct {
		struct nlmsghdr h;
		struct ifaddrmsg m;
	} addresses = { { .nlmsg_len = sizeof(addresses), .nlmsg_type = RTM_GETADDR }, { 0 } };
	struct listing t = { .l = l, .net_ns = net_ns };
	int r = host_talk_list(l, talk->route, ++talk->seq, &links.h, take_link, &t);

	if (t.n)
		qsort(t.links, t.n, sizeof(*t.links), by_index);
	if (r == 0)
		r = host_talk_list(l, talk->route, ++talk->seq, &addresses.h, take_address, &t);
	for (size_t i = 0; i < t.n && !t.failed; i++)
		if (!t.links[i].has_address)
			put_netif(&t, t.links[i].index, &t.links[i], host_addr("", 0), 0,
				  t.links[i].ts);
	free(t.links);
	l->totals.refused += r < 0 && !t.failed;
	return t.failed;
}
