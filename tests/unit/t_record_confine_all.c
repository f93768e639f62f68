/* SPDX-License-Identifier: BSD-2-Clause */
/* trust-checks: A process of reel can do no more than it needs |
 * every number of a call, from inside the recorder, its helper and its parser */
/*
 * Every number there is, tried from inside: what the table allows is let through, all else is not.
 *
 * Nothing is carried out meanwhile. An outer filter hands calls with a mark to a tracer that is not
 * there: the kernel then says ENOSYS. To refuse (EPERM) and to kill go before that, so that what
 * the filter under test does shows for each call, whatever the kernel would have said to it.
 */
#include <errno.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "format/confine_calls.h"
#include "tests/unit/harness.h"
#include "tests/unit/record_confined.h"

/* No kernel has as many, and none of x32's, which are killed, is tried here. */
enum { NUMBERS = 1024, MARK = 0x5ecc0de };

static void mark_calls(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[5])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MARK, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(*code), code };

	EXPECT(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	EXPECT(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0);
}

/* A register keeps the mark until another call has six arguments. */
static void unmark(void)
{
	(void)syscall(SYS_getpid, 0, 0, 0, 0, 0, 0);
}

static void as_recorder(void)
{
	confine(&in_capture);
}

static void as_helper(void)
{
	const struct confine_helper_options o = { 0 };
	struct confine_report report;

	EXPECT(confine_helper(&o, &report, NULL) == 0);
}

static void as_attacher(void)
{
	const struct confine_helper_options o = { .attaches = true };
	struct confine_report report;

	EXPECT(confine_helper(&o, &report, NULL) == 0);
}

static void as_parser(void)
{
	struct confine_report report;

	EXPECT(confine_parser(10, &report, NULL) == 0);
}

static const struct role {
	const char *name;
	uint32_t roles;
	void (*confine)(void);
} roles[] = {
	{ "recorder", CALLS_RECORDER, as_recorder },
	{ "helper", CALLS_HELPER, as_helper },
	{ "helper that attaches", CALLS_HELPER | CALLS_ATTACHER, as_attacher },
	{ "parser", CALLS_PARSER, as_parser },
};

/* The row that decides; NULL: none does. */
static const struct confine_call *row_of(uint32_t nr, uint32_t who)
{
	for (const struct confine_call *c = confine_calls; c->name; c++)
		if (c->nr == nr && (c->roles & who))
			return c;
	return NULL;
}

static const char *name_of(uint32_t nr)
{
	for (const struct confine_call *c = confine_calls; c->name; c++)
		if (c->nr == nr)
			return c->name;
	return "";
}

/* By these the code that the kernel puts behind probes comes back: no filter is asked about them,
 * and who calls them otherwise is killed. */
static bool is_of_probes(uint32_t nr)
{
	return nr == 335 || nr == 336;
}

static void try_all(void *arg)
{
	const struct role *role = arg;
	static int wrong[NUMBERS];
	unsigned let = 0, refused = 0, n_wrong = 0;

	mark_calls();
	role->confine();
	for (uint32_t nr = 0; nr < NUMBERS; nr++) {
		const struct confine_call *row = row_of(nr, role->roles);
		long want = !row || row->action == FILTER_EPERM ? EPERM : ENOSYS;

		/* What kills is for another test; what depends on arguments for others. */
		if (is_of_probes(nr) || (row && (row->action == FILTER_KILL ||
						 row->otherwise == FILTER_KILL || row->check)))
			continue;
		errno = 0;
		if (syscall(nr, 0, 0, 0, 0, 0, MARK) != -1 || errno != want)
			wrong[nr] = errno;
		let += want == ENOSYS;
		refused += want == EPERM;
	}
	unmark();
	for (uint32_t nr = 0; nr < NUMBERS; nr++) {
		if (!wrong[nr])
			continue;
		n_wrong++;
		printf("# %s: call %u %s: %s\n", role->name, nr, name_of(nr),
		       strerrorname_np(wrong[nr]));
	}
	EXPECT(n_wrong == 0 && let > 10 && refused > 800);
}

TEST(every_call_is_what_the_table_says)
{
	make_capture();
	for (size_t i = 0; i < sizeof(roles) / sizeof(*roles); i++) {
		struct role role = roles[i];

		if (in_child(try_all, &role) != 0)
			T_FAIL("the %s", role.name);
	}
}

/* That the trick works: without a filter under test all is let through, and nothing is done. */
static void try_without(void *arg)
{
	(void)arg;
	mark_calls();
	for (uint32_t nr = 0; nr < NUMBERS; nr++)
		EXPECT(is_of_probes(nr) ||
		       (syscall(nr, 0, 0, 0, 0, 0, MARK) == -1 && errno == ENOSYS));
	unmark();
	EXPECT(getppid() > 1);
}

TEST(without_a_filter_all_are_let_through)
{
	CHECK_EQ(in_child(try_without, NULL), 0);
}
