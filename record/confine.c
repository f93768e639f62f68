/* SPDX-License-Identifier: BSD-2-Clause */
#include "record/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "format/confine_calls.h"
#include "record/confine_impl.h"

enum { ALWAYS, TO_ATTACH, TO_ATTACH_BY_PERF };

static const struct {
	const char *name;
	unsigned bit;
	unsigned wanted;
} helper_caps[] = {
	{ "CAP_SYS_PTRACE", CAP_SYS_PTRACE, ALWAYS },
	{ "CAP_DAC_READ_SEARCH", CAP_DAC_READ_SEARCH, ALWAYS },
	{ "CAP_PERFMON", CAP_PERFMON, TO_ATTACH },
	{ "CAP_BPF", CAP_BPF, TO_ATTACH },
	{ "CAP_CHECKPOINT_RESTORE", CAP_CHECKPOINT_RESTORE, TO_ATTACH },
	{ "CAP_SYS_ADMIN", CAP_SYS_ADMIN, TO_ATTACH_BY_PERF },
};

enum { HELPER_CAPS = sizeof(helper_caps) / sizeof(helper_caps[0]) };

/* A rule set for these directories; without Landlock, or where it is refused, -1 and the report
 * says why. */
static int landlock_for(const int *directories, unsigned n, struct confine_report *report)
{
	int abi = confine_landlock_abi(), fd = -1, r;

	if (abi < 0) {
		confine_tell(report, CONFINE_LANDLOCK, CONFINE_NOT_THERE,
			     "the kernel has no Landlock");
		return -1;
	}
	r = confine_landlock_ruleset(abi, directories, n, &fd);
	if (r < 0)
		confine_tell(report, CONFINE_LANDLOCK, CONFINE_REFUSED, "%s", strerror(-r));
	else
		confine_tell(report, CONFINE_LANDLOCK, CONFINE_DONE, "ABI %d", abi);
	return fd;
}

/* The recorder --------------------------------------------------------------------------------- */

enum { DIRECTORIES = 1 + CONFINE_BESIDE };

/* The capture's comes first, if there is one. */
static int open_directories(const struct confine_options *o, int fds[DIRECTORIES], unsigned *ret_n,
			    struct reel_err *err)
{
	const char *paths[DIRECTORIES] = { o->capture };

	*ret_n = 0;
	memcpy(paths + 1, o->beside, sizeof(o->beside));
	for (unsigned i = 0; i < DIRECTORIES; i++) {
		if (!paths[i])
			continue;
		fds[*ret_n] = open(paths[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fds[*ret_n] < 0)
			return reel_err_set(err, -errno, "%s: %s", paths[i], strerror(errno));
		++*ret_n;
	}
	return 0;
}

static int check_owner(const struct confine_options *o, const struct confine_rights *rights,
		       int capture_fd, struct reel_err *err)
{
	int r = rights->failed[CONFINE_OWNER];

	if (r < 0)
		return reel_err_set(err, r, "cannot become %s: %s", o->owner->name, strerror(-r));
	if (o->capture && faccessat(capture_fd, ".", W_OK | X_OK, AT_EACCESS) < 0)
		return reel_err_set(err, -EACCES, "%s cannot write in %s", o->owner->name,
				    o->capture);
	return 0;
}

int confine_recorder(const struct confine_options *o, struct confine_report *ret,
		     struct reel_err *err)
{
	struct confine_rights rights = { .landlock_fd = -1, .owner = o->owner };
	struct confine_report report;
	int fds[DIRECTORIES] = { -1 };
	unsigned n = 0;
	int r;

	memset(&report, 0, sizeof(report));
	if (o->owner && geteuid() != 0)
		return reel_err_set(err, -EPERM, "only root can give a capture to %s",
				    o->owner->name);
	r = open_directories(o, fds, &n, err);
	if (r < 0)
		goto out;
	if (o->owner && o->capture) {
		r = confine_give_capture(fds[0], o->owner, err);
		if (r < 0)
			goto out;
	}
	rights.landlock_fd = landlock_for(fds, n, &report);
	r = confine_in_every_thread(confine_give_up, &rights, err);
	if (r == 0 && o->owner)
		r = check_owner(o, &rights, fds[0], err);
	if (r < 0)
		goto out;
	confine_tell_rights(&report, &rights);
	confine_forbid_dumps(&report);
	confine_filter_calls(CALLS_RECORDER, o->may_signal, &report);
	*ret = report;
out:
	for (unsigned i = 0; i < n; i++)
		close(fds[i]);
	if (rights.landlock_fd >= 0)
		close(rights.landlock_fd);
	return r;
}

/* The helper and its children ------------------------------------------------------------------ */

#define UPROBE_TYPE "/sys/bus/event_source/devices/uprobe/type"

/*
 * Some kernels let CAP_PERFMON place uprobes, newer and patched ones do not: they move the program
 * that is probed. So it is tried, on ourselves and without CAP_SYS_ADMIN for the moment.
 */
static bool perf_asks_for_admin(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct before[2] = { 0 }, less[2];
	struct perf_event_attr probe = { .size = sizeof(probe),
					 .config1 = (uintptr_t) "/proc/self/exe" };
	FILE *f = fopen(UPROBE_TYPE, "re");
	bool refused = false;
	int fd;

	if (!f)
		return false;
	if (fscanf(f, "%u", &probe.type) == 1 && syscall(SYS_capget, &header, before) == 0) {
		memcpy(less, before, sizeof(less));
		less[0].effective &= ~(1u << CAP_SYS_ADMIN);
		(void)syscall(SYS_capset, &header, less);
		fd = (int)syscall(SYS_perf_event_open, &probe, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
		refused = fd < 0 && (errno == EACCES || errno == EPERM);
		if (fd >= 0)
			close(fd);
		(void)syscall(SYS_capset, &header, before);
	}
	fclose(f);
	return refused;
}

static uint64_t caps_of_helper(const struct confine_helper_options *o)
{
	const bool wanted[] = {
		[ALWAYS] = true,
		[TO_ATTACH] = o->attaches,
		[TO_ATTACH_BY_PERF] = o->attaches && o->by_perf && perf_asks_for_admin(),
	};
	uint64_t caps = 0;

	for (unsigned i = 0; i < HELPER_CAPS; i++)
		if (wanted[helper_caps[i].wanted])
			caps |= 1ull << helper_caps[i].bit;
	return caps;
}

/* Which of the capabilities that it should have there were. */
static void tell_helper_caps(struct confine_report *report, uint64_t wanted, uint64_t kept)
{
	char text[sizeof(report->measure[0].reason)] = "";
	size_t n = 0;

	if (report->measure[CONFINE_CAPABILITIES].status != CONFINE_DONE)
		return;
	for (unsigned i = 0; i < HELPER_CAPS; i++) {
		uint64_t bit = 1ull << helper_caps[i].bit;

		if ((wanted & bit) && n < sizeof(text))
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s%s", n ? ", " : "",
					      kept & bit ? "" : "without ", helper_caps[i].name);
	}
	confine_tell(report, CONFINE_CAPABILITIES, kept == wanted ? CONFINE_DONE : CONFINE_PARTLY,
		     "%s", text);
}

int confine_helper(const struct confine_helper_options *o, struct confine_report *ret,
		   struct reel_err *err)
{
	struct confine_rights rights = { .landlock_fd = -1, .keep_caps = caps_of_helper(o) };
	uint32_t roles = (o->executes ? CALLS_EXECUTOR : CALLS_HELPER) |
			 (o->attaches ? CALLS_ATTACHER : 0);
	struct confine_report report;
	int r;

	memset(&report, 0, sizeof(report));
	r = confine_in_every_thread(confine_give_up, &rights, err);
	if (r < 0)
		return r;
	confine_tell_rights(&report, &rights);
	tell_helper_caps(&report, rights.keep_caps, rights.kept_caps);
	confine_tell(&report, CONFINE_LANDLOCK, CONFINE_NOT_WANTED,
		     "it would hide /proc/PID/exe and root");
	confine_forbid_dumps(&report);
	confine_filter_calls(roles, 0, &report);
	*ret = report;
	return 0;
}

static int limit(unsigned resource, rlim_t value, const char *what, struct reel_err *err)
{
	struct rlimit limits = { value, value };

	if (setrlimit(resource, &limits) < 0)
		return reel_err_set(err, -errno, "cannot limit %s: %s", what, strerror(errno));
	return 0;
}

int confine_parser(unsigned seconds, struct confine_report *ret, struct reel_err *err)
{
	struct confine_rights rights = { .landlock_fd = -1 };
	struct confine_report report;
	int r;

	memset(&report, 0, sizeof(report));
	r = limit(RLIMIT_CPU, seconds, "CPU time", err);
	if (r == 0)
		r = limit(RLIMIT_CORE, 0, "core files", err);
	if (r < 0)
		return r;
	alarm(seconds);
	rights.landlock_fd = landlock_for(NULL, 0, &report);
	confine_give_up(&rights);
	confine_tell_rights(&report, &rights);
	confine_forbid_dumps(&report);
	confine_filter_calls(CALLS_PARSER, 0, &report);
	if (rights.landlock_fd >= 0)
		close(rights.landlock_fd);
	*ret = report;
	return 0;
}

int confine_report_put(const struct confine_report *report, const char *process,
		       const struct record_sink *sink, struct reel_err *err)
{
	struct reel_record record;
	struct timespec now;
	int r = 0;

	clock_gettime(CLOCK_BOOTTIME, &now);
	for (unsigned i = 0; r == 0 && i < CONFINE_MEASURES; i++) {
		struct ev_coverage *c = reel_record_begin(&record, reel_type_by_id(EV_coverage));
		const char *reason = report->measure[i].reason;
		char hook[64];
		int n = snprintf(hook, sizeof(hook), "%s: %s", process, confine_measure_names[i]);

		c->status = (uint8_t)report->measure[i].status;
		record.header.ts = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
		reel_record_string(&record, hook,
				   (size_t)n < sizeof(hook) ? (size_t)n : sizeof(hook) - 1);
		reel_record_string(&record, "", 0);
		reel_record_string(&record, reason, strlen(reason));
		r = record_put(sink, &record, err);
	}
	return r;
}
