/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a program asks of the kernel through an io_uring is no system call, and is done by somebody
 * else, later: the event is that of the call it stands for, with the identity of who asked.
 */
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "tests/e2e/expect.h"

struct ring {
	int fd;
	unsigned *head, *tail, *mask, *array, *done_head, *done_tail, *done_mask;
	struct io_uring_sqe *entries;
	struct io_uring_cqe *results;
};

/* False where this kernel, or its administrator, has none. */
static bool ring_make(struct ring *r, unsigned flags)
{
	struct io_uring_params p = { .flags = flags };
	char *queue, *results;

	r->fd = (int)syscall(SYS_io_uring_setup, 8, &p);
	if (r->fd < 0) {
		case_skip("no io_uring: %s", strerror(errno));
		return false;
	}
	queue = mmap(NULL, p.sq_off.array + p.sq_entries * 4, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_POPULATE, r->fd, IORING_OFF_SQ_RING);
	results = mmap(NULL, p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe),
		       PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, r->fd,
		       IORING_OFF_CQ_RING);
	r->entries = mmap(NULL, p.sq_entries * sizeof(struct io_uring_sqe), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_POPULATE, r->fd, IORING_OFF_SQES);
	need(queue != MAP_FAILED && results != MAP_FAILED && r->entries != MAP_FAILED);
	r->head = (unsigned *)(queue + p.sq_off.head);
	r->tail = (unsigned *)(queue + p.sq_off.tail);
	r->mask = (unsigned *)(queue + p.sq_off.ring_mask);
	r->array = (unsigned *)(queue + p.sq_off.array);
	r->done_head = (unsigned *)(results + p.cq_off.head);
	r->done_tail = (unsigned *)(results + p.cq_off.tail);
	r->done_mask = (unsigned *)(results + p.cq_off.ring_mask);
	r->results = (struct io_uring_cqe *)(results + p.cq_off.cqes);
	return true;
}

/* Hands one operation in, waits for it, returns what became of it. */
static int ring_do(struct ring *r, struct io_uring_sqe sqe)
{
	unsigned at = *r->tail & *r->mask, head;
	int res;

	r->entries[at] = sqe;
	r->array[at] = at;
	__atomic_store_n(r->tail, *r->tail + 1, __ATOMIC_RELEASE);
	need(syscall(SYS_io_uring_enter, r->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) == 1);
	head = *r->done_head;
	need(head != __atomic_load_n(r->done_tail, __ATOMIC_ACQUIRE));
	res = r->results[head & *r->done_mask].res;
	__atomic_store_n(r->done_head, head + 1, __ATOMIC_RELEASE);
	return res;
}

#define P(pointer) ((uint64_t)(uintptr_t)(pointer))

static void files_by(struct ring *r)
{
	int pid = getpid(), fd;

	fd = ring_do(r, (struct io_uring_sqe){ .opcode = IORING_OP_OPENAT,
					       .fd = AT_FDCWD,
					       .addr = P("file"),
					       .len = 0600,
					       .open_flags = O_RDWR | O_CREAT });
	need(fd >= 0);
	expect(1, "'type':'open','pid':%d,'ret':%d,'path~':'(%s/)?file'", pid, fd, case_dir);
	need(ring_do(r, (struct io_uring_sqe){ .opcode = IORING_OP_OPENAT,
					       .fd = AT_FDCWD,
					       .addr = P("missing") }) == -ENOENT);
	expect(1, "'type':'open','pid':%d,'errno':'ENOENT','path~':'(%s/)?missing'", pid, case_dir);
	need(ring_do(r, (struct io_uring_sqe){ .opcode = IORING_OP_RENAMEAT,
					       .fd = AT_FDCWD,
					       .addr = P("file"),
					       .len = (unsigned)AT_FDCWD,
					       .addr2 = P("other") }) == 0);
	expect(1, "'type':'rename','pid':%d,'ret':0,'oldpath~':'(%s/)?file','path~':'(%s/)?other'",
	       pid, case_dir, case_dir);
	need(ring_do(r, (struct io_uring_sqe){ .opcode = IORING_OP_UNLINKAT,
					       .fd = AT_FDCWD,
					       .addr = P("other") }) == 0);
	expect(1, "'type':'unlink','pid':%d,'ret':0,'path~':'(%s/)?other'", pid, case_dir);
	need(ring_do(r, (struct io_uring_sqe){ .opcode = IORING_OP_MKDIRAT,
					       .fd = AT_FDCWD,
					       .addr = P("dir"),
					       .len = 0700 }) == 0);
	expect(1, "'type':'mkdir','pid':%d,'ret':0,'path~':'(%s/)?dir'", pid, case_dir);
	need(ring_do(r, (struct io_uring_sqe){ .opcode = IORING_OP_CLOSE, .fd = fd }) == 0);
	expect(1, "'type':'close','pid':%d,'fd':%d,'ret':0", pid, fd);
}

static void files(void)
{
	struct ring r;

	if (ring_make(&r, 0))
		files_by(&r);
}

/* A kernel thread of the ring does it; the process is still the one that asked. */
static void polled(void)
{
	struct io_uring_sqe sqe = { .opcode = IORING_OP_OPENAT,
				    .fd = AT_FDCWD,
				    .addr = P("polled"),
				    .len = 0600,
				    .open_flags = O_RDWR | O_CREAT };
	struct ring r;
	unsigned at;

	if (!ring_make(&r, IORING_SETUP_SQPOLL))
		return;
	at = *r.tail & *r.mask;
	r.entries[at] = sqe;
	r.array[at] = at;
	__atomic_store_n(r.tail, *r.tail + 1, __ATOMIC_RELEASE);
	need(syscall(SYS_io_uring_enter, r.fd, 0, 1,
		     IORING_ENTER_GETEVENTS | IORING_ENTER_SQ_WAKEUP, NULL, 0) >= 0);
	need(r.results[*r.done_head & *r.done_mask].res >= 0);
	expect(1, "'type':'open','pid':%d,'ret~':'[0-9]+','path~':'(%s/)?polled'", getpid(),
	       case_dir);
}

static void network(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int server = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t length = sizeof(to);
	struct ring r;

	if (!ring_make(&r, 0))
		return;
	need(bind(server, (struct sockaddr *)&to, sizeof(to)) == 0 && listen(server, 1) == 0);
	need(getsockname(server, (struct sockaddr *)&to, &length) == 0);
	need(ring_do(&r, (struct io_uring_sqe){ .opcode = IORING_OP_CONNECT,
						.fd = fd,
						.addr = P(&to),
						.off = sizeof(to) }) == 0);
	expect(1, "'type':'connect','pid':%d,'fd':%d,'ret':0,'addr':'127.0.0.1','port':%d",
	       getpid(), fd, ntohs(to.sin_port));
	need(ring_do(&r, (struct io_uring_sqe){ .opcode = IORING_OP_ACCEPT, .fd = server }) >= 0);
	expect(1, "'type':'accept','pid':%d,'listen_fd':%d,'ret~':'[0-9]+'", getpid(), server);
}

/* The data of io_uring is no totals of read() and write(), but it is there. */
static void io(void)
{
	int fd = open("file", O_RDWR | O_CREAT, 0600), pid = getpid();
	char bytes[20] = "twenty bytes of data";
	struct ring r;

	if (!ring_make(&r, 0))
		return;
	need(ring_do(&r, (struct io_uring_sqe){ .opcode = IORING_OP_WRITE,
						.fd = fd,
						.addr = P(bytes),
						.len = 20 }) == 20);
	expect(1, "'type':'write','pid':%d,'fd':%d,'ret':20,'count':20,%s", pid, fd, file_id(fd));
	need(ring_do(&r, (struct io_uring_sqe){ .opcode = IORING_OP_READ,
						.fd = fd,
						.addr = P(bytes),
						.len = 15 }) == 15);
	expect(1, "'type':'read','pid':%d,'fd':%d,'ret':15,'count':15,%s", pid, fd, file_id(fd));
}

static const struct trap traps[] = {
	{ "files", files },
	{ "polled", polled },
	{ "network", network },
	{ "io", io },
};

TRAPS_MAIN(traps)
