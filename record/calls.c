/* SPDX-License-Identifier: BSD-2-Clause */
#include "record/calls.h"

#include <errno.h>
#include <string.h>

#include "bpf/events.h"
#include "format/names.h"

/*
 * The roles of a handler, in its order, and where a call has them: 0 to 5, "c" the working
 * directory, "-" nothing. A call that is not here has its arguments where its handler looks.
 */
static const struct {
	const char *name;
	const char *roles;
	char variant;
} layouts[] = {
	/* open, create: dirfd, path, flags, mode, how */
	{ "open", "c012-" },
	{ "openat", "0123-" },
	{ "creat", "c0-1-", 'c' },
	{ "openat2", "01--2", 'h' },
	/* exec: dirfd, path, argv */
	{ "execve", "c01" },
	{ "execveat", "012" },
	/* chdir: fd, path */
	{ "chdir", "c0" },
	{ "fchdir", "0-", 'f' },
	{ 0 },
};

/*
 * Calls that are not simply one type's: the program that handles them, and all that it may tell of
 * them. They are counted in the class of the first type.
 */
static const struct call_mixed mixed[] = {
	{ "socketcall", "on_socketcall",
	  "socket bind listen connect accept send recv shutdown dns pass" },
	{ "sendmsg", "on_send", "send dns pass" },
	{ "sendmmsg", "on_send", "send dns pass" },
	{ "recvmsg", "on_recv", "recv dns pass" },
	{ "recvmmsg", "on_recv", "recv dns pass" },
	{ "recvmmsg_time64", "on_recv", "recv dns pass" },
};

enum { N_MIXED = sizeof(mixed) / sizeof(*mixed) };

const struct call_mixed *call_mixed(const char *name)
{
	for (size_t i = 0; i < N_MIXED; i++)
		if (strcmp(mixed[i].name, name) == 0)
			return &mixed[i];
	return NULL;
}

const struct call_mixed *call_mixed_of(const char *program)
{
	for (size_t i = 0; i < N_MIXED; i++)
		if (strcmp(mixed[i].program, program) == 0)
			return &mixed[i];
	return NULL;
}

const struct reel_type *call_types_next(const char **types)
{
	const char *word = *types + strspn(*types, " ");
	size_t length = strcspn(word, " ");

	*types = word + length;
	return length ? reel_type_by_name(word, length) : NULL;
}

struct call_layout call_layout(const char *name)
{
	struct call_layout l = { .arg = { 0, 1, 2, 3, 4, 5, ARG_NONE } };

	for (size_t i = 0; layouts[i].name; i++) {
		if (strcmp(layouts[i].name, name) != 0)
			continue;
		for (unsigned k = 0; k < CALL_ROLES; k++) {
			char place = k < strlen(layouts[i].roles) ? layouts[i].roles[k] : '-';

			l.arg[k] = place == 'c'	  ? ARG_CWD
				   : place == '-' ? ARG_NONE
						  : (__u8)(place - '0');
		}
		l.variant = (__u8)layouts[i].variant;
		break;
	}
	return l;
}

const struct reel_type *call_type(const char *name)
{
	const struct call_mixed *m = call_mixed(name);
	const char *types = m ? m->types : name;
	const struct reel_type *t = call_types_next(&types);

	/* A name of a state record may be that of a call by chance. */
	if (!t || t->class_id == EV_CLASS_state || t->class_id == EV_CLASS_tape ||
	    t->class_id == EV_CLASS_user)
		t = reel_type_by_id(EV_sys);
	return t;
}

int call_slot(unsigned abi, const char *name, unsigned *ret_slot)
{
	unsigned number;
	int r = reel_syscall_number(abi, name, strlen(name), &number);

	if (r < 0)
		return r;
	if (number >= 512 && abi != EV_ABI_X32)
		return -ENOENT;
	if (abi == EV_ABI_COMPAT)
		number += SLOTS_COMPAT;
	else if (number >= 512)
		number += SLOTS_X32 - 512;
	if (number >= SLOT_SCOPE)
		return -ENOENT;
	*ret_slot = number;
	return 0;
}

const char *call_name(unsigned slot)
{
	if (slot < SLOTS_COMPAT)
		return reel_syscall_name(EV_ABI_NATIVE, slot);
	if (slot < SLOTS_X32)
		return reel_syscall_name(EV_ABI_COMPAT, slot - SLOTS_COMPAT);
	if (slot < SLOT_SCOPE)
		return reel_syscall_name(EV_ABI_X32, slot - SLOTS_X32 + 512);
	return NULL;
}
