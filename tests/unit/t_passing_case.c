/* SPDX-License-Identifier: BSD-2-Clause */
/* A case that is made for a question, by a stand-in for reel replay. */
#include "harness.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "query/passing_case.h"

enum { GO_ON = -1 };

/* Writes a program that does COMMANDS; "$4" is the case, "$6" the capture. */
static bool make_program(char path[64], const char *commands)
{
	int fd;

	strcpy(path, "/tmp/t_passing_case-XXXXXX");
	fd = mkstemp(path);
	if (fd < 0 || dprintf(fd, "#!/bin/sh\n%s\n", commands) < 0 || fchmod(fd, 0700) < 0)
		return false;
	return close(fd) == 0;
}

static bool exists(const char *path)
{
	return access(path, F_OK) == 0;
}

static const struct reel_strings no_keys;

TEST(it_is_made_and_goes)
{
	struct passing_case c;
	struct reel_err err = { 0 };
	char program[64], directory[256], path[280];

	REQUIRE(make_program(program, "[ \"$*\" = \"replay --no-rules -o $4 -- a capture\" ] &&"
				      " echo x >\"$4\" && echo y >\"$4-journal\""));
	REQUIRE(passing_case_make(&c, program, "a capture", &no_keys, true, GO_ON, &err) == 0);
	snprintf(directory, sizeof(directory), "%s", c.directory);
	snprintf(path, sizeof(path), "%s", c.path);
	CHECK(exists(path));
	passing_case_remove(&c);
	CHECK(!exists(path));
	CHECK(!exists(directory));
	passing_case_remove(&c);
	unlink(program);
}

TEST(what_fails_leaves_nothing)
{
	static const struct {
		const char *commands;
		int result;
	} cases[] = {
		{ "echo x >\"$4.part\"; exit 6", -EIO },
		{ "exit 3", -ENODATA },
		{ "kill -9 $$", -EIO },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct passing_case c;
		struct reel_err err = { 0 };
		char program[64];

		REQUIRE(make_program(program, cases[i].commands));
		CHECK_EQ(passing_case_make(&c, program, "x", &no_keys, true, GO_ON, &err),
			 cases[i].result);
		CHECK(err.msg[0]);
		CHECK_STR(c.directory, "");
		CHECK(!exists(c.path));
		c.path[strlen(c.path) - strlen("/case.db")] = '\0';
		CHECK(!exists(c.path));
		unlink(program);
	}
}

TEST(a_program_that_is_not_there)
{
	struct passing_case c;
	struct reel_err err = { 0 };

	CHECK_EQ(passing_case_make(&c, "/nonexistent/reel", "x", &no_keys, true, GO_ON, &err),
		 -ENOENT);
	CHECK_STR(c.directory, "");
}

static int stop[2];

static void handle_alarm(int signal_number)
{
	(void)signal_number;
	(void)!write(stop[1], "s", 1);
}

TEST(an_interrupt_ends_it)
{
	struct passing_case c;
	struct reel_err err = { 0 };
	char program[64];

	REQUIRE(pipe(stop) == 0);
	REQUIRE(make_program(program, "echo x >\"$4\"; exec sleep 60"));
	REQUIRE(signal(SIGALRM, handle_alarm) != SIG_ERR);
	alarm(1);
	CHECK_EQ(passing_case_make(&c, program, "x", &no_keys, true, stop[0], &err), -EINTR);
	CHECK(!exists(c.path));
	unlink(program);
}

TEST(the_end_of_who_wants_it_ends_it)
{
	struct passing_case c;
	struct reel_err err = { 0 };
	char program[64];

	REQUIRE(pipe(stop) == 0);
	close(stop[1]);
	REQUIRE(make_program(program, "echo x >\"$4\"; exec sleep 60"));
	CHECK_EQ(passing_case_make(&c, program, "x", &no_keys, true, stop[0], &err), -EINTR);
	CHECK(!exists(c.path));
	close(stop[0]);
	unlink(program);
}

TEST(names_of_its_tables)
{
	CHECK(passing_case_has("process"));
	CHECK(passing_case_has("PROCESS"));
	CHECK(passing_case_has("connection_iso"));
	CHECK(!passing_case_has("event"));
	CHECK(!passing_case_has("_iso"));
	CHECK(!passing_case_has(""));
	CHECK(passing_case_is_named("SELECT 1 FROM \"fd\""));
	CHECK(!passing_case_is_named("SELECT 'fd' -- fd\n/* fd */ FROM event"));
}
