/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/confine_filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>

#if defined(__x86_64__)
#define OWN_ARCH AUDIT_ARCH_X86_64
#define X32_BIT 0x40000000u
#elif defined(__aarch64__)
#define OWN_ARCH AUDIT_ARCH_AARCH64
#else
#error "which audit architecture is this?"
#endif

static uint32_t verdict(enum filter_action action)
{
	switch (action) {
	case FILTER_ALLOW:
		return SECCOMP_RET_ALLOW;
	case FILTER_EPERM:
		return SECCOMP_RET_ERRNO | EPERM;
	case FILTER_ENOSYS:
		return SECCOMP_RET_ERRNO | ENOSYS;
	case FILTER_KILL:
		break;
	}
	return SECCOMP_RET_KILL_PROCESS;
}

static void emit(struct filter *f, uint16_t code, uint8_t jt, uint8_t jf, uint32_t k)
{
	if (f->n == FILTER_MAX) {
		f->overflow = true;
		return;
	}
	f->code[f->n++] = (struct sock_filter){ code, jt, jf, k };
}

static void load(struct filter *f, size_t offset)
{
	emit(f, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)offset);
}

static void give(struct filter *f, enum filter_action action)
{
	emit(f, BPF_RET | BPF_K, 0, 0, verdict(action));
}

static void jump_if_equal(struct filter *f, uint32_t value, unsigned yes, unsigned no)
{
	emit(f, BPF_JMP | BPF_JEQ | BPF_K, (uint8_t)yes, (uint8_t)no, value);
}

void filter_begin(struct filter *f)
{
	f->n = 0;
	f->overflow = false;
	load(f, offsetof(struct seccomp_data, arch));
	jump_if_equal(f, OWN_ARCH, 1, 0);
	give(f, FILTER_KILL);
	load(f, offsetof(struct seccomp_data, nr));
#ifdef X32_BIT
	emit(f, BPF_JMP | BPF_JGE | BPF_K, 0, 1, X32_BIT);
	give(f, FILTER_KILL);
#endif
}

/* The number of the call is in the accumulator between rows, so a row that has loaded an argument
 * never falls through to the next. */
void filter_add(struct filter *f, const struct filter_row *row)
{
	size_t arg = offsetof(struct seccomp_data, args) + 8u * row->arg;
	unsigned n = row->n_values;

	switch (row->test) {
	case FILTER_ANY:
		jump_if_equal(f, row->nr, 0, 1);
		give(f, row->action);
		break;
	case FILTER_ONE_OF:
		jump_if_equal(f, row->nr, 0, n + 3);
		load(f, arg);
		for (unsigned i = 0; i < n; i++)
			jump_if_equal(f, row->values[i], n - i, 0);
		give(f, row->otherwise);
		give(f, row->action);
		break;
	case FILTER_NO_BITS:
		jump_if_equal(f, row->nr, 0, 4);
		load(f, arg);
		emit(f, BPF_JMP | BPF_JSET | BPF_K, 1, 0, row->values[0]);
		give(f, row->action);
		give(f, row->otherwise);
		break;
	case FILTER_ALL_BITS:
		jump_if_equal(f, row->nr, 0, 5);
		load(f, arg);
		emit(f, BPF_ALU | BPF_AND | BPF_K, 0, 0, row->values[0]);
		jump_if_equal(f, row->values[0], 0, 1);
		give(f, row->action);
		give(f, row->otherwise);
		break;
	case FILTER_BITS_ONLY_WITH:
		jump_if_equal(f, row->nr, 0, 3 * n + 1);
		load(f, arg);
		emit(f, BPF_JMP | BPF_JSET | BPF_K, 0, (uint8_t)(3 * n - 2), row->values[0]);
		for (unsigned i = 1; i < n; i++) {
			load(f, arg);
			emit(f, BPF_ALU | BPF_AND | BPF_K, 0, 0, row->values[i]);
			jump_if_equal(f, row->values[i], 3 * (n - i) - 2, 0);
		}
		give(f, row->otherwise);
		give(f, row->action);
		break;
	}
}

int filter_end(struct filter *f, enum filter_action otherwise)
{
	give(f, otherwise);
	return f->overflow ? -E2BIG : 0;
}
