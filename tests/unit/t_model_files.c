/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of open files and sockets by device and inode. */
#include "tests/unit/model.h"

static const struct model_file *file(uint32_t dev, uint64_t inode)
{
	return model_file(t_m.m, dev, inode);
}

static const char *path(uint32_t dev, uint64_t inode)
{
	const struct model_file *f = file(dev, inode);

	return f ? t_text(f->path) : NULL;
}

static void opened(uint32_t dev, uint64_t inode, const char *name)
{
	struct ev_open *e = t_make(EV_open, 10);

	e->dev = dev;
	e->inode = inode;
	t_strings(name, NULL);
	t_name();
}

TEST(files_have_the_name_they_were_opened_by)
{
	struct ev_memfd_create *m;
	struct ev_chmod *c;

	t_begin();
	opened(2049, 5, "/etc/passwd");
	CHECK_STR(path(2049, 5), "/etc/passwd");
	CHECK(!path(2050, 5) && !path(2049, 6) && !path(2049, 0));
	opened(2049, 5, "/etc/shadow");
	CHECK_STR(path(2049, 5), "/etc/shadow");
	t_m.ret = -13;
	opened(2049, 5, "/no");
	CHECK_STR(path(2049, 5), "/etc/shadow");
	/* What was only passed may be a link. */
	c = t_make(EV_chmod, 10);
	c->dev = 2049;
	c->inode = 5;
	c->path_from = 1;
	t_strings("/tmp/link", NULL);
	t_name();
	CHECK_STR(path(2049, 5), "/etc/shadow");
	m = t_make(EV_memfd_create, 10);
	m->dev = 1;
	m->inode = 9;
	t_strings("x", NULL);
	t_name();
	CHECK_STR(path(1, 9), "/memfd:x (deleted)");
	t_end();
}

/* Those of the STATE stream are named by model_event() itself. */
TEST(state_names_too)
{
	struct ev_fd *f;
	struct ev_process *p;

	t_begin();
	t_exec(10, "/bin/sh");
	CHECK_STR(path(1, 4711), "/bin/sh");
	f = t_make(EV_fd, 10);
	f->dev = 7;
	f->inode = 3;
	t_strings("/var/log/x", NULL);
	t_tell();
	CHECK_STR(path(7, 3), "/var/log/x");
	p = t_make_process(10, 1);
	p->dev = 7;
	p->inode = 4;
	t_strings("comm", "/bin/y", NULL);
	t_tell();
	CHECK_STR(path(7, 4), "/bin/y");
	t_end();
}

TEST(pipes)
{
	struct ev_pipe *p;
	struct ev_fd *f;

	t_begin();
	p = t_make(EV_pipe, 10);
	p->dev = 14;
	p->inode = 33;
	t_name();
	CHECK_STR(path(14, 33), "pipe:[33]");
	CHECK_EQ(file(14, 33)->kind, MODEL_PIPE);
	f = t_make(EV_fd, 10);
	f->dev = 14;
	f->inode = 34;
	t_strings("pipe:[34]", NULL);
	t_tell();
	CHECK_EQ(file(14, 34)->kind, MODEL_PIPE);
	t_end();
}

TEST(sockets)
{
	struct ev_socket *s;
	struct ev_connect *c;
	struct ev_bind *b;
	struct ev_fd *f;

	t_begin();
	s = t_make(EV_socket, 10);
	s->inode = 44;
	s->family = 2;
	t_name();
	CHECK_STR(path(0, 44), "socket:[44]");
	c = t_make(EV_connect, 10);
	c->inode = 44;
	c->family = 2;
	c->port = 80;
	c->addr.byte[15] = 9;
	t_m.record.header.ret = -115;
	t_name();
	REQUIRE(file(0, 44));
	CHECK_EQ(file(0, 44)->port, 80);
	CHECK_EQ(file(0, 44)->addr[15], 9);
	/* It was refused, and is connected to nobody else. */
	c = t_make(EV_connect, 10);
	c->inode = 44;
	c->port = 81;
	t_m.record.header.ret = -111;
	t_name();
	CHECK_EQ(file(0, 44)->port, 80);
	b = t_make(EV_bind, 10);
	b->inode = 45;
	b->family = 10;
	b->port = 8080;
	t_name();
	CHECK_EQ(file(0, 45)->lport, 8080);
	CHECK_EQ(file(0, 45)->port, 0);
	CHECK_EQ(file(0, 45)->family, 10);
	/* By the device of sockets, guessed at first, and learned. */
	CHECK_STR(path(9, 44), "socket:[44]");
	CHECK(!path(2049, 44));
	f = t_make(EV_fd, 10);
	f->dev = 8;
	f->inode = 46;
	t_strings("socket:[46]", NULL);
	t_tell();
	CHECK_STR(path(8, 46), "socket:[46]");
	CHECK_STR(path(8, 44), "socket:[44]");
	CHECK_EQ(file(8, 46)->kind, MODEL_SOCKET);
	CHECK(!path(9, 44));
	/* The number is used again. */
	s = t_make(EV_socket, 10);
	s->inode = 44;
	s->family = 1;
	t_name();
	CHECK_EQ(file(0, 44)->port, 0);
	CHECK_EQ(file(0, 44)->family, 1);
	t_end();
}

TEST(who_is_not_asked_for_goes)
{
	char name[32];

	t_begin();
	t_m.m->files.max = 2000;
	for (unsigned i = 1; i <= 10000; i++) {
		snprintf(name, sizeof(name), "/f/%u", i);
		opened(1, i, name);
		if (i > 10)
			CHECK_STR(path(1, 5), "/f/5");
	}
	CHECK_EQ(t_stats().files, 2000);
	CHECK_STR(path(1, 10000), "/f/10000");
	CHECK(!path(1, 6));
	CHECK(t_stats().texts <= 2001);
	t_end();
}
