/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What processes do: plans fill a task with ops. plan_child() is asked when a child has been
 * forked, plan_work() when a standing process gets something to do.
 */
#ifndef REEL_TESTS_BENCH_PLAN_H
#define REEL_TESTS_BENCH_PLAN_H

#include <errno.h>

#include "tests/bench/lib_machine.h"

enum plan {
	PLAN_MAKE,    /* a: project */
	PLAN_COMPILE, /* a: project, b: source */
	PLAN_CC1,     /* a: project, b: source | temporary file << 32 */
	PLAN_AS,
	PLAN_LINK, /* a: project; gcc, then collect2, then ld */
	PLAN_COLLECT2,
	PLAN_LD,
	PLAN_SCRIPT,  /* a: how many commands */
	PLAN_COMMAND, /* a: enum command, b: end of a pipe and its file, or 0 */
	PLAN_APT,
	PLAN_DPKG, /* a: how many files */
	PLAN_MAINTAINER_SCRIPT,
	PLAN_CRON_JOB, /* a: 0 run-parts, 1 logrotate */
	PLAN_LOGROTATE,
	PLAN_SSH,
	PLAN_LOGIN_SHELL,
	PLAN_BACKEND,
	PLAN_ATTACK, /* a: kind of sequence, b: its stage */
};

/* clang-format off */
enum command {
	CMD_LS, CMD_GREP, CMD_SED, CMD_CAT, CMD_SORT, CMD_WC, CMD_FIND, CMD_AWK, CMD_DATE, CMD_RM,
	CMD_CP, CMD_TAR, CMD_PYTHON, CMD_PERL, CMD_GIT, CMD_CURL, CMD_COUNT,
};
/* clang-format on */

/* clang-format off */
enum {
	O_RD = 0, O_WR = 1, O_RDW = 2, O_CREATE = 0100, O_EXCLUSIVE = 0200, O_CUT = 01000,
	O_APP = 02000, O_DIR = 0200000, O_CLOSE_EXEC = 02000000, O_NOTTY = 0400, O_NOBLOCK = 04000,
};
/* clang-format on */

void plan_child(struct machine *m, struct task *t, const struct op *fork);
void plan_work(struct machine *m, struct task *t, enum workload work);
/* Those who are there before the recording begins. */
void plan_standing(struct machine *m);

void plan_build(struct machine *m, struct task *t, const struct op *fork);
void plan_shell(struct machine *m, struct task *t, const struct op *fork);
void plan_admin(struct machine *m, struct task *t, const struct op *fork);
void plan_attack(struct machine *m, struct task *t, const struct op *fork);
void plan_server_work(struct machine *m, struct task *t, enum workload work);
void plan_backend(struct machine *m, struct task *t);
/* Sequence number i (from 1) begins: a standing task gets it to do. */
bool plan_attack_begin(struct machine *m, uint32_t i);
const char *plan_attack_name(uint32_t i);

/* The words of plans (lib_plan.c). */
struct op *plan_op(struct machine *m, struct task *t, enum op_code code, uint32_t file);
int16_t plan_fd(struct task *t);
void plan_fd_free(struct task *t, int16_t fd);
int16_t plan_open(struct machine *m, struct task *t, uint32_t file, uint32_t flags);
void plan_open_fail(struct machine *m, struct task *t, uint32_t file, uint32_t flags, int error);
void plan_close(struct machine *m, struct task *t, int16_t fd, uint32_t file);
void plan_read(struct machine *m, struct task *t, int16_t fd, uint32_t file, uint32_t bytes);
void plan_write(struct machine *m, struct task *t, int16_t fd, uint32_t file, uint32_t bytes,
		unsigned content);
/* Opened, read to its end, closed. */
void plan_slurp(struct machine *m, struct task *t, uint32_t file);
void plan_create(struct machine *m, struct task *t, uint32_t file, unsigned content,
		 uint32_t bytes);
void plan_fork(struct machine *m, struct task *t, enum plan plan, uint32_t a, uint64_t b);
void plan_wait(struct machine *m, struct task *t, uint32_t left);
void plan_exit(struct machine *m, struct task *t, uint32_t code);
void plan_absent(struct machine *m, struct task *t, unsigned n);
struct image *plan_image(struct machine *m, uint32_t exe);
/* Executed, with its libraries and what any program opens first. */
void plan_exec(struct machine *m, struct task *t, struct image *i, bool locale);
void plan_exec_search(struct machine *m, struct task *t, struct image *i, unsigned misses);
uint32_t plan_temporary(struct machine *m, uint32_t dev, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
uint32_t plan_socket(struct machine *m);

#endif
