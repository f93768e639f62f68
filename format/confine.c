/* SPDX-License-Identifier: BSD-2-Clause */
/* The measures, and what there is to say of them. */
#include <errno.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "format/confine_calls.h"
#include "format/confine_impl.h"

const char *const confine_measure_names[CONFINE_MEASURES] = {
	[CONFINE_OWNER] = "owner",	     [CONFINE_CAPABILITIES] = "capabilities",
	[CONFINE_BOUNDING] = "bounding set", [CONFINE_NO_NEW_PRIVS] = "no_new_privs",
	[CONFINE_DUMPABLE] = "dumpable",     [CONFINE_LANDLOCK] = "landlock",
	[CONFINE_SECCOMP] = "seccomp",
};

void confine_tell(struct confine_report *report, enum confine_what what, enum confine_status status,
		  const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report->measure[what].status = status;
	(void)vsnprintf(report->measure[what].reason, sizeof(report->measure[what].reason), fmt,
			ap);
	va_end(ap);
}

void confine_tell_result(struct confine_report *report, const struct confine_rights *rights,
			 enum confine_what what)
{
	int failed = rights->failed[what];

	if (failed < 0)
		confine_tell(report, what, CONFINE_REFUSED, "%s", strerror(-failed));
	else
		confine_tell(report, what, CONFINE_DONE, "%s", "");
}

void confine_tell_rights(struct confine_report *report, const struct confine_rights *rights)
{
	if (rights->owner)
		confine_tell(report, CONFINE_OWNER, CONFINE_DONE, "%s", rights->owner->name);
	else
		confine_tell(report, CONFINE_OWNER, CONFINE_NOT_WANTED, "%s", "");
	confine_tell_result(report, rights, CONFINE_CAPABILITIES);
	confine_tell_result(report, rights, CONFINE_BOUNDING);
	confine_tell_result(report, rights, CONFINE_NO_NEW_PRIVS);
	if (rights->landlock_fd >= 0 && rights->failed[CONFINE_LANDLOCK] < 0)
		confine_tell_result(report, rights, CONFINE_LANDLOCK);
}

void confine_forbid_dumps(struct confine_report *report)
{
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		confine_tell(report, CONFINE_DUMPABLE, CONFINE_REFUSED, "%s", strerror(errno));
	else
		confine_tell(report, CONFINE_DUMPABLE, CONFINE_DONE, "%s", "");
}

/* SPEC_ALLOW: older kernels would make every call slower, against code that we do not run. */
void confine_filter_calls(uint32_t roles, pid_t signalled, struct confine_report *report)
{
	struct filter f;
	struct sock_fprog program;
	unsigned flags = SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_SPEC_ALLOW;
	long r = confine_calls_filter(roles, getpid(), signalled, &f);

	if (r < 0) {
		confine_tell(report, CONFINE_SECCOMP, CONFINE_REFUSED, "%s", strerror((int)-r));
		return;
	}
	program = (struct sock_fprog){ (unsigned short)f.n, f.code };
	r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
	if (r == 0)
		confine_tell(report, CONFINE_SECCOMP, CONFINE_DONE, "%s", "");
	else if (r > 0)
		confine_tell(report, CONFINE_SECCOMP, CONFINE_REFUSED,
			     "thread %ld has another filter", r);
	else if (errno == ENOSYS || errno == EINVAL)
		confine_tell(report, CONFINE_SECCOMP, CONFINE_NOT_THERE,
			     "the kernel has no such filter");
	else
		confine_tell(report, CONFINE_SECCOMP, CONFINE_REFUSED, "%s", strerror(errno));
}
