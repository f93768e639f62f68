/* SPDX-License-Identifier: BSD-2-Clause */
#include "record/calls.h"

#include "bpf/events.h"
#include "tests/unit/harness.h"

/* How many types a list has; -1: a word in it is none. */
static int types_count(const char *types)
{
	int words = 0, found = 0;

	for (const char *at = types; *(at += strspn(at, " ")); at += strcspn(at, " "))
		words++;
	while (call_types_next(&types) != NULL)
		found++;
	return found == words ? found : -1;
}

TEST(what_a_mixed_call_tells_are_types)
{
	unsigned found = 0;

	for (unsigned slot = 0; slot < SLOTS; slot++) {
		const char *name = call_name(slot);
		const struct call_mixed *m = name ? call_mixed(name) : NULL;

		if (!m)
			continue;
		found++;
		CHECK(types_count(m->types) > 0);
		CHECK(strncmp(m->program, "on_", 3) == 0);
		CHECK(call_mixed_of(m->program) != NULL);
		CHECK(call_type(name) != NULL);
	}
	CHECK(found > 0);
	CHECK_EQ(types_count("send nothing"), -1);
	CHECK_EQ(types_count(""), 0);
}

TEST(a_mixed_call_counts_as_its_first_type)
{
	CHECK_EQ(call_type("socketcall")->id, EV_socket);
	CHECK_EQ(call_type("sendmmsg")->id, EV_send);
	CHECK_EQ(call_type("sendto")->id, EV_send);
	CHECK(call_mixed("sendto") == NULL);
	CHECK_EQ(call_type("getpid")->id, EV_sys);
}

TEST(roles_lie_where_the_kernel_has_them)
{
	struct call_layout sendmsg = call_layout("sendmsg"), sendto = call_layout("sendto");
	struct call_layout open = call_layout("open");

	CHECK_EQ(sendmsg.variant, 'm');
	CHECK_EQ(sendmsg.arg[2], ARG_NONE);
	CHECK_EQ(sendmsg.arg[3], 2);
	for (unsigned i = 0; i < 6; i++)
		CHECK_EQ(sendto.arg[i], i);
	CHECK_EQ(open.arg[0], ARG_CWD);
	CHECK_EQ(open.arg[1], 0);
}

TEST(slots_of_the_abis)
{
	unsigned slot = 0;

	CHECK_EQ(call_slot(EV_ABI_COMPAT, "socketcall", &slot), 0);
	CHECK_EQ(slot, SLOTS_COMPAT + 102);
	CHECK_STR(call_name(slot), "socketcall");
	CHECK(call_slot(EV_ABI_NATIVE, "socketcall", &slot) < 0);
	CHECK_EQ(slot, SLOTS_COMPAT + 102);
	CHECK_EQ(call_slot(EV_ABI_X32, "sendmsg", &slot), 0);
	CHECK_EQ(slot, SLOTS_X32 + 6);
	CHECK_STR(call_name(slot), "sendmsg");
	CHECK(call_name(SLOT_UNKNOWN) == NULL);
}

/* The kernel program that unpacks socketcall() names the direct calls by these numbers. */
TEST(socketcall_has_a_direct_call_for_each)
{
	static const struct {
		const char *name;
		unsigned number;
	} direct[] = {
		{ "socket", 359 },   { "socketpair", 360 }, { "bind", 361 },
		{ "connect", 362 },  { "listen", 363 },	    { "accept4", 364 },
		{ "sendto", 369 },   { "sendmsg", 370 },    { "recvfrom", 371 },
		{ "recvmsg", 372 },  { "shutdown", 373 },   { "recvmmsg", 337 },
		{ "sendmmsg", 345 },
	};
	unsigned slot;

	for (size_t i = 0; i < sizeof(direct) / sizeof(*direct); i++) {
		REQUIRE(call_slot(EV_ABI_COMPAT, direct[i].name, &slot) == 0);
		CHECK_EQ(slot, SLOTS_COMPAT + direct[i].number);
	}
}
