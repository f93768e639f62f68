/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "record/host_impl.h"

/* What of a socket's state UNIX sockets have, by TCP's numbers. */
enum { CONNECTED = 1, CLOSED = 7, LISTENING = 10 };

/* Goes behind the N-th word, and the blanks that follow. NULL: there are fewer. */
static char *skip_words(char *p, unsigned n)
{
	p += strspn(p, " ");
	for (; n; n--) {
		if (!*p)
			return NULL;
		p += strcspn(p, " ");
		p += strspn(p, " ");
	}
	return p;
}

/* "ADDRESS:PORT": words of 32 bits, each as the CPU sees four bytes in network order. */
static bool read_address(char **p, size_t length, struct ev_addr *ret_addr, uint16_t *ret_port)
{
	uint32_t words[4];
	uint64_t number;
	char word[9];

	for (size_t i = 0; i < length / 4; i++) {
		char *at = word;

		if (strnlen(*p, 8) < 8)
			return false;
		memcpy(word, *p, 8);
		word[8] = 0;
		if (!proc_number(&at, 16, &number) || *at)
			return false;
		words[i] = (uint32_t)number;
		*p += 8;
	}
	if (*(*p)++ != ':' || !proc_number(p, 16, &number))
		return false;
	*ret_addr = host_addr(words, length);
	*ret_port = (uint16_t)number;
	return true;
}

/* "sl: local remote st tx:rx tr:when retransmits uid timeout inode ..." */
static bool read_inet(struct ev_sock *e, char *p)
{
	size_t length = e->family == AF_INET ? 4 : 16;
	uint64_t status, uid, inode;

	p = skip_words(p, 1);
	if (!p || !read_address(&p, length, &e->laddr, &e->lport))
		return false;
	p += *p == ' ';
	if (!read_address(&p, length, &e->addr, &e->port) || !proc_number(&p, 16, &status))
		return false;
	p = skip_words(p, 3);
	if (!p || !proc_number(&p, 10, &uid))
		return false;
	p = skip_words(p, 1);
	if (!p || !proc_number(&p, 10, &inode))
		return false;
	e->status = (uint8_t)status;
	e->owner = (uint32_t)uid;
	e->inode = inode;
	/* Of a raw socket the port is its protocol. */
	if (e->sock_type == SOCK_RAW) {
		e->proto = e->lport;
		e->lport = 0;
	}
	return true;
}

/* "address: references protocol flags type state inode [path]"; it does not say whose. */
static bool read_unix(struct proc_look *l, struct ev_sock *e, char *p)
{
	uint64_t flags, type, state, inode;

	p = skip_words(p, 3);
	if (!p || !proc_number(&p, 16, &flags) || !proc_number(&p, 16, &type) ||
	    !proc_number(&p, 16, &state) || !proc_number(&p, 10, &inode))
		return false;
	e->sock_type = (uint16_t)type;
	e->inode = inode;
	if (flags & 1 << 16)
		e->status = LISTENING;
	else
		e->status = state == 3 ? CONNECTED : CLOSED;
	l->fault = true;
	p += *p == ' ';
	proc_text(l, p);
	return true;
}

/* "address references type protocol interface running memory uid inode" */
static bool read_packet(struct ev_sock *e, char *p)
{
	uint64_t type, proto, uid, inode;

	p = skip_words(p, 2);
	if (!p || !proc_number(&p, 10, &type) || !proc_number(&p, 16, &proto))
		return false;
	p = skip_words(p, 3);
	if (!p || !proc_number(&p, 10, &uid) || !proc_number(&p, 10, &inode))
		return false;
	e->sock_type = (uint16_t)type;
	e->proto = (uint16_t)proto;
	e->owner = (uint32_t)uid;
	e->inode = inode;
	return true;
}

static int put_line(struct proc_look *l, const struct host_sock_kind *kind, uint32_t net_ns,
		    char *line)
{
	struct ev_sock *e = proc_record(l, EV_sock, 0, 0);
	bool good;

	e->net_ns = net_ns;
	e->family = kind->family;
	e->sock_type = kind->type;
	e->proto = kind->proto;
	if (kind->family == AF_UNIX)
		good = read_unix(l, e, line);
	else if (kind->family == AF_PACKET)
		good = read_packet(e, line);
	else
		good = read_inet(e, line);
	if (good)
		return proc_put(l);
	/* A newline in the name of a UNIX socket, for one. */
	l->totals.left_out++;
	return 0;
}

int host_put_socks_of_text(struct proc_look *l, const struct host_sock_kind *kind, int dir,
			   uint32_t net_ns)
{
	struct proc_lines s;
	bool heading = true;
	size_t length;
	char *line;
	int fd, r = 0;

	fd = proc_open(dir, kind->file, O_RDONLY);
	if (fd < 0) {
		/* Without IPv6 there is no file for it. */
		l->totals.refused += !proc_is_gone(fd);
		return 0;
	}
	s = proc_lines_begin(fd, l->buffer, sizeof(l->buffer));
	while (r == 0 && proc_lines_next(&s, &line, &length) > 0) {
		if (!heading)
			r = put_line(l, kind, net_ns, line);
		heading = false;
	}
	l->totals.left_out += s.skipped;
	close(fd);
	return r;
}
