/* SPDX-License-Identifier: BSD-2-Clause */
/* What a user wants, and what the kernel programs are told. */
#include <errno.h>
#include <string.h>

#include "bpf/events.h"
#include "record/calls.h"
#include "record/wishes.h"
#include "tests/unit/harness.h"

static struct wishes usual(void)
{
	return (struct wishes){ .content = 64, .max_arg = 4096, .ring_mib = 16, .ready_fd = -1 };
}

static struct load_options load;
static struct scope scope;
static struct reel_err err;

static int apply(const struct wishes *w)
{
	memset(&err, 0, sizeof(err));
	return wishes_apply(w, &load, &scope, &err);
}

static int apply_classes(const char *classes)
{
	const char *v[] = { classes };
	struct wishes w = usual();

	w.classes = (struct reel_strings){ v, 1, 1 };
	return apply(&w);
}

TEST(classes_are_chosen_added_and_taken_away)
{
	CHECK(apply_classes("file,net") == 0);
	CHECK(load.classes[EV_CLASS_file] && load.classes[EV_CLASS_net]);
	CHECK(!load.classes[EV_CLASS_io] && !load.classes[EV_CLASS_process]);
	CHECK(load.classes[EV_CLASS_state] && load.classes[EV_CLASS_tape]);

	CHECK(apply_classes("+look,!io") == 0);
	CHECK(load.classes[EV_CLASS_look] && !load.classes[EV_CLASS_io]);
	CHECK(load.classes[EV_CLASS_file] && load.classes[EV_CLASS_mem]);

	CHECK(apply_classes("all") == 0);
	CHECK(load.classes[EV_CLASS_look] && load.classes[EV_CLASS_ipc]);
	CHECK(!load.classes[EV_CLASS_sys] && !load.classes[EV_CLASS_user]);

	CHECK(apply_classes("fiel") == -EINVAL);
	CHECK(strstr(err.msg, "'file'"));
	CHECK(apply_classes("state") == -EINVAL);
	CHECK(apply_classes("file,") == 0);
}

TEST(calls_by_name_in_each_abi)
{
	const char *good[] = { "getpid,openat2" }, *bad[] = { "getpid,nosuchcall" };
	struct wishes w = usual();
	unsigned slot;

	w.calls = (struct reel_strings){ good, 1, 1 };
	CHECK(apply(&w) == 0);
	CHECK(call_slot(EV_ABI_NATIVE, "getpid", &slot) == 0 && load.slots[slot]);
	CHECK(call_slot(EV_ABI_COMPAT, "getpid", &slot) == 0 && load.slots[slot]);
	CHECK(call_slot(EV_ABI_NATIVE, "openat2", &slot) == 0 && load.slots[slot]);
	CHECK(call_slot(EV_ABI_NATIVE, "getppid", &slot) == 0 && !load.slots[slot]);

	w.calls = (struct reel_strings){ bad, 1, 1 };
	CHECK(apply(&w) == -EINVAL);
	CHECK(strstr(err.msg, "nosuchcall"));
}

TEST(terms_of_scope)
{
	const char *names[] = { "bash", "!a-name-that-is-longer-than-comm" };
	const char *users[] = { "root", "!65534" };
	const char *pids[] = { "0" };
	struct wishes w = usual();

	w.comms = (struct reel_strings){ names, 2, 2 };
	w.users = (struct reel_strings){ users, 2, 2 };
	CHECK(apply(&w) == 0);
	CHECK(load.config.n_terms == 4 && load.config.scope && !load.config.scope_tree);
	CHECK(load.config.positive_kinds == (1u << SCOPE_COMM | 1u << SCOPE_UID));
	CHECK(scope.terms[0].kind == SCOPE_COMM && !scope.terms[0].negated);
	CHECK(scope.terms[0].length == 4 && memcmp(scope.terms[0].text, "bash", 4) == 0);
	/* As much as the kernel keeps of a name. */
	CHECK(scope.terms[1].negated && scope.terms[1].length == 15);
	CHECK(scope.terms[2].kind == SCOPE_UID && scope.terms[2].value == 0);
	CHECK(scope.terms[3].negated && scope.terms[3].value == 65534);

	w = usual();
	w.pids = (struct reel_strings){ pids, 1, 1 };
	CHECK(apply(&w) == -EINVAL);
}

TEST(patterns_of_paths)
{
	const char *paths[] = { "/etc/*", "!*.swp" }, *no_paths[] = { "/proc/*" };
	struct wishes w = usual();

	w.paths = (struct reel_strings){ paths, 2, 2 };
	w.no_paths = (struct reel_strings){ no_paths, 1, 1 };
	CHECK(apply(&w) == 0);
	CHECK(load.config.n_paths == 3 && load.config.positive_paths);
	CHECK(!scope.paths[0].negated && scope.paths[1].negated && scope.paths[2].negated);
	CHECK(!load.config.scope);

	w = usual();
	w.no_paths = (struct reel_strings){ no_paths, 1, 1 };
	CHECK(apply(&w) == 0);
	CHECK(!load.config.positive_paths);
}

TEST(limits)
{
	struct wishes w = usual();

	w.max_arg = 16384;
	CHECK(apply(&w) == -EINVAL);
	w = usual();
	w.content = 4097;
	CHECK(apply(&w) == -EINVAL);
	w = usual();
	w.ring_mib = 0;
	CHECK(apply(&w) == -EINVAL);
	w = usual();
	w.command = (char *[]){ (char[]){ "true" }, NULL };
	CHECK(apply(&w) == 0);
	CHECK(load.config.scope && load.config.scope_tree && load.config.follow);
}
