/* SPDX-License-Identifier: BSD-2-Clause */
/* A file that is cut while it is read costs what was in it, and not the life of who reads. */
#include "format/mapped.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/capture.h"

enum { PAGES = 5, EVENTS = 6000 };

static int file_of(const char *path, size_t bytes)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	uint8_t *x = malloc(bytes);

	memset(x, 'x', bytes);
	CHECK_EQ(write(fd, x, bytes), bytes);
	free(x);
	return fd;
}

static unsigned count_bytes(const uint8_t *bytes, size_t n, uint8_t byte)
{
	unsigned found = 0;

	for (size_t i = 0; i < n; i++)
		found += ((const volatile uint8_t *)bytes)[i] == byte;
	return found;
}

TEST(what_is_gone_reads_as_zeros)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), size = PAGES * page;
	int fd = file_of("cut", size), other_fd = file_of("other", size);
	const uint8_t *bytes, *other, *none;

	REQUIRE(reel_mapped_open(fd, size, &bytes) == 0);
	REQUIRE(reel_mapped_open(other_fd, size, &other) == 0);
	CHECK_EQ(reel_mapped_open(fd, 0, &none), 0);
	CHECK(!none);
	CHECK_EQ(count_bytes(bytes, size, 'x'), size);
	CHECK_EQ(ftruncate(fd, (off_t)page + 10), 0);
	CHECK_EQ(count_bytes(bytes, size, 'x'), page + 10);
	CHECK_EQ(count_bytes(bytes, size, 0), size - page - 10);
	CHECK_EQ(count_bytes(other, size, 'x'), size);
	reel_mapped_close(bytes, size);
	CHECK_EQ(ftruncate(other_fd, 0), 0);
	CHECK_EQ(count_bytes(other, size, 0), size);
	reel_mapped_close(other, size);
	reel_mapped_close(none, 0);
	close(fd);
	close(other_fd);
}

TEST(a_signal_that_is_sent_ends_it)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		struct rlimit none = { 0, 0 };
		const uint8_t *mapped;

		setrlimit(RLIMIT_CORE, &none);
		if (reel_mapped_open(file_of("cut", 1), 1, &mapped) < 0)
			_exit(2);
		raise(SIGBUS);
		_exit(3);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
}

/* What a walk that began before the cut gives, and what it finds broken. */
static uint64_t walk_cut(const char *directory, off_t left, uint64_t *ret_damages)
{
	struct reel_reader *reader = opened(directory);
	struct reel_walk *walk = walked(reader, NULL);
	struct reel_err err = { 0 };
	struct reel_event ev;
	uint64_t n = 0;

	CHECK_EQ(reader->n_segments, 1);
	CHECK_EQ(truncate(reader->segments[0].path, left), 0);
	while (reel_walk_next(walk, &ev, &err) > 0)
		n += ev.type->id == EV_open;
	*ret_damages = reel_walk_health(walk)->n_damages;
	reel_walk_close(walk);
	reel_reader_close(reader);
	return n;
}

TEST(a_walk_outlives_what_it_walks_over)
{
	struct reel_writer_options o = options("walked.reel");
	struct tape t = { 0 };
	uint64_t some, none, n_damages;

	o.block_bytes = 32 << 10;
	begin(&t, &o);
	fill(&t, EVENTS / 500);
	end(&t);
	some = walk_cut(o.directory, 100 << 10, &n_damages);
	CHECK(some > 0 && some < EVENTS);
	CHECK(n_damages > 0);
	/* What a walk has unpacked already it gives. */
	none = walk_cut(o.directory, 0, &n_damages);
	CHECK(none < some);
	CHECK(n_damages > 0);
}
