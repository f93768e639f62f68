/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests of confined processes: confine() in a child, with a capture to write to. */
#ifndef REEL_TESTS_UNIT_RECORD_CONFINED_H
#define REEL_TESTS_UNIT_RECORD_CONFINED_H

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "record/confine_impl.h"
#include "tests/unit/record_child.h"

static const struct confine_options in_capture = { .capture = "capture" };

static inline bool has_landlock(void)
{
	return confine_landlock_abi() > 0;
}

static inline void confine(const struct confine_options *o)
{
	struct confine_report report;
	struct reel_err err = { 0 };

	if (confine_recorder(o, &report, &err) < 0) {
		printf("# %s\n", err.msg);
		_exit(1);
	}
	EXPECT(report.measure[CONFINE_SECCOMP].status == CONFINE_DONE);
	EXPECT(report.measure[CONFINE_NO_NEW_PRIVS].status == CONFINE_DONE);
	EXPECT(report.measure[CONFINE_CAPABILITIES].status == CONFINE_DONE);
	EXPECT(report.measure[CONFINE_DUMPABLE].status == CONFINE_DONE);
}

static inline void make_capture(void)
{
	(void)mkdir("capture", 0700);
	(void)mkdir("elsewhere", 0777);
	(void)chmod("elsewhere", 0777);
}

#endif
