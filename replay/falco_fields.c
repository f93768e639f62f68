/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/falco_fields.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "replay/falco_args.h"

/* Of the process itself an event may say it, too: then what that says counts. */
#define OWN(name, field, k, says)                                                              \
	{                                                                                      \
		name, FALCO_FIELD, 0, RULE_OF_EVENT, RULE_OWN_FIELD, 0, REEL_##k, 0, 0, field, \
			says                                                                   \
	}
#define OF(name, of, ident, k, says)                                                            \
	{                                                                                       \
		name, FALCO_FIELD, 0, RULE_OF_##of, RULE_##ident, 0, REEL_##k, 0, 0, NULL, says \
	}
#define DERIVE(name, of, ident, k, says)                                                           \
	{                                                                                          \
		name, FALCO_FIELD, 0, RULE_OF_##of, RULE_DERIVED, DERIVED_##ident, REEL_##k, 0, 0, \
			NULL, says                                                                 \
	}
#define LEVEL(name, ident, k, says)                                                                \
	{                                                                                          \
		name, FALCO_FIELD, FALCO_LEVEL, RULE_OF_ANCESTOR, RULE_##ident, 0, REEL_##k, 0, 0, \
			NULL, says                                                                 \
	}
#define LEVEL_DERIVE(name, ident, k, says)                                                       \
	{                                                                                        \
		name, FALCO_FIELD, FALCO_LEVEL, RULE_OF_ANCESTOR, RULE_DERIVED, DERIVED_##ident, \
			REEL_##k, 0, 0, NULL, says                                               \
	}
#define YES_NO(name, of, context, ident, field, says)                                             \
	{                                                                                         \
		name, FALCO_FIELD, 0, RULE_OF_##of, context, ident, REEL_U8, true, 0, field, says \
	}
#define NET(name, ident, says)                                                                    \
	{                                                                                         \
		name, FALCO_FIELD, 0, RULE_OF_EVENT, RULE_DERIVED, DERIVED_##ident, REEL_ADDR, 0, \
			true, NULL, says                                                          \
	}
#define ABSENT(name, why)                                                                   \
	{                                                                                   \
		name, FALCO_ABSENT, FALCO_ANY_ARGUMENT, 0, 0, 0, REEL_TEXT, 0, 0, NULL, why \
	}
#define UNKNOWN(name, why)                                                            \
	{                                                                             \
		name, FALCO_UNKNOWN, FALCO_ANY_ARGUMENT, RULE_OF_EVENT, RULE_DERIVED, \
			DERIVED_unknowable, REEL_TEXT, 0, 0, NULL, why                \
	}
#define TIME(name, clock, says)                                                            \
	{                                                                                  \
		name, FALCO_TIME, 0, 0, 0, RULE_CLOCK_##clock, REEL_TEXT, 0, 0, NULL, says \
	}

static const char no_kubernetes[] = "a capture holds nothing of Kubernetes: never there";

const struct falco_field falco_fields[] = {
	/* evt */
	{ "evt.type", FALCO_EVENT_TYPE, 0, RULE_OF_EVENT, RULE_DERIVED, DERIVED_call, REEL_TEXT, 0,
	  0, NULL, "name of the call" },
	{ "syscall.type", FALCO_EVENT_TYPE, 0, RULE_OF_EVENT, RULE_DERIVED, DERIVED_call, REEL_TEXT,
	  0, 0, NULL, "name of the call" },
	{ "evt.dir", FALCO_DIRECTION, 0, 0, 0, 0, REEL_TEXT, 0, 0, NULL,
	  "always <: events are those of the exit of a call" },
	{ "evt.num", FALCO_COUNTER, 0, 0, 0, 0, REEL_U64, 0, 0, NULL,
	  "from 1: compared with 0 only" },
	DERIVE("evt.res", EVENT, result, TEXT, "SUCCESS, or the error's name"),
	OF("evt.rawres", EVENT, ret, S64, "result of the call"),
	YES_NO("evt.failed", EVENT, RULE_DERIVED, DERIVED_has_failed, NULL, "the call failed"),
	{ "evt.arg", FALCO_FIELD, FALCO_MAYBE_NAME, RULE_OF_EVENT, RULE_DERIVED, DERIVED_argument,
	  REEL_TEXT, 0, 0, NULL, "an argument of the call: see below" },
	DERIVE("evt.args", EVENT, all_fields, TEXT,
	       "all fields of the event, under the names that they have here"),
	OF("evt.cpu", EVENT, cpu, U16, "processor"),
	YES_NO("evt.is_open_read", EVENT, RULE_DERIVED, DERIVED_opens_read, NULL,
	       "a file is opened for reading"),
	YES_NO("evt.is_open_write", EVENT, RULE_DERIVED, DERIVED_opens_write, NULL,
	       "a file is opened for writing"),
	YES_NO("evt.is_open_exec", EVENT, RULE_DERIVED, DERIVED_opens_exec, NULL,
	       "a file that may be executed is made by opening it"),
	YES_NO("evt.is_open_create", EVENT, RULE_DERIVED, DERIVED_opens_create, NULL,
	       "a file was made by opening it"),
	OF("evt.hostname", PROCESS, host, TEXT, "name of the machine"),
	TIME("evt.time", TIME, "time of day, UTC, with nanoseconds"),
	TIME("evt.time.s", TIME_S, "time of day, UTC"),
	TIME("evt.time.iso8601", ISO, "time, UTC, as ISO 8601 has it"),
	TIME("evt.datetime", DATE, "date and time, UTC, with nanoseconds"),
	TIME("evt.datetime.s", DATE_S, "date and time, UTC"),
	TIME("evt.rawtime", RAW, "nanoseconds since 1970"),
	UNKNOWN("evt.buffer", "what is read and written is kept with --content only"),
	UNKNOWN("evt.rawarg", "arguments are known by their names only"),
	UNKNOWN("evt.latency", "nobody recorded when a call was entered"),
	UNKNOWN("evt.count", "it is a counter for charts"),
	ABSENT("evt.pluginname", "no event comes from a plugin: never there"),
	ABSENT("evt.plugininfo", "no event comes from a plugin: never there"),
	/* proc */
	OWN("proc.name", "comm", TEXT, "comm: 15 bytes at most"),
	OF("proc.pname", PARENT, comm, TEXT, "comm of the parent"),
	LEVEL("proc.aname", comm, TEXT, "comm of the N-th ancestor, or of any"),
	DERIVE("proc.exe", EVENT, arg0, TEXT, "argument zero"),
	DERIVE("proc.pexe", PARENT, arg0, TEXT, "argument zero of the parent"),
	LEVEL_DERIVE("proc.aexe", arg0, TEXT, "argument zero of the N-th ancestor, or of any"),
	OWN("proc.exepath", "exe", PATH, "the program that runs, resolved"),
	OF("proc.pexepath", PARENT, exe, PATH, "program of the parent"),
	LEVEL("proc.aexepath", exe, PATH, "program of the N-th ancestor, or of any"),
	DERIVE("proc.args", EVENT, args, TEXT, "arguments behind the first, blanks between"),
	DERIVE("proc.cmdline", EVENT, command, TEXT, "comm, a blank, and proc.args"),
	DERIVE("proc.pcmdline", PARENT, command, TEXT, "the same of the parent"),
	LEVEL_DERIVE("proc.acmdline", command, TEXT, "the same of the N-th ancestor, or of any"),
	DERIVE("proc.cwd", EVENT, cwd, PATH, "working directory, with a slash behind it"),
	OF("proc.pid", EVENT, pid, U32, "process"),
	OF("proc.ppid", PROCESS, ppid, U32, "process that made it"),
	OF("proc.vpid", PROCESS, vpid, U32, "process, in its own namespace"),
	OF("proc.pvpid", PARENT, vpid, U32, "the parent, in its own namespace"),
	OF("proc.sid", PROCESS, sid, U32, "session"),
	DERIVE("proc.sname", PROCESS, session_comm, TEXT, "comm of the leader of the session"),
	OF("proc.pgid", PROCESS, pgid, U32, "process group"),
	YES_NO("proc.is_vpgid_leader", PROCESS, RULE_DERIVED, DERIVED_leads_group, NULL,
	       "it leads its process group"),
	YES_NO("proc.is_pgid_leader", PROCESS, RULE_DERIVED, DERIVED_leads_group, NULL,
	       "it leads its process group"),
	YES_NO("proc.is_sid_leader", PROCESS, RULE_DERIVED, DERIVED_leads_session, NULL,
	       "it leads its session"),
	DERIVE("proc.tty", PROCESS, tty, U64, "controlling terminal as /proc shows it, 0: none"),
	DERIVE("proc.duration", PROCESS, age_ns, U64, "nanoseconds since it was made"),
	DERIVE("proc.ppid.duration", PARENT, age_ns, U64, "nanoseconds since the parent was made"),
	{ "proc.env", FALCO_FIELD, FALCO_MAYBE_NAME, RULE_OF_EVENT, RULE_DERIVED, DERIVED_env,
	  REEL_TEXT, 0, 0, NULL,
	  "environment, or one variable: at an exec only, as far as --env recorded it" },
	YES_NO("proc.is_exe_upper_layer", EVENT, RULE_OWN_FIELD, 0, "upper_layer",
	       "the program lies in the upper layer of an overlay: at an exec only"),
	YES_NO("proc.is_exe_from_memfd", EVENT, RULE_OWN_FIELD, 0, "memfd",
	       "the program has no name in a file system: at an exec only"),
	OWN("proc.exe_ino", "inode", U64, "inode of the program: at an exec only"),
	UNKNOWN("proc.exe_ino.ctime", "times of a program's file are not recorded"),
	UNKNOWN("proc.exe_ino.mtime", "times of a program's file are not recorded"),
	UNKNOWN("proc.exe_ino.ctime_duration_proc_start",
		"times of a program's file are not recorded"),
	UNKNOWN("proc.exe_ino.ctime_duration_pidns_start",
		"times of a program's file are not recorded"),
	UNKNOWN("proc.is_exe_writable", "who may write a program's file is not recorded"),
	UNKNOWN("proc.is_exe_lower_layer", "only the upper layer of an overlay is told"),
	UNKNOWN("proc.vpgid", "process groups are not told in other namespaces"),
	UNKNOWN("proc.vpgid.name", "process groups are not told in other namespaces"),
	UNKNOWN("proc.vpgid.exe", "process groups are not told in other namespaces"),
	UNKNOWN("proc.vpgid.exepath", "process groups are not told in other namespaces"),
	UNKNOWN("proc.loginshellid", "it is not told which shell was logged in to"),
	UNKNOWN("proc.nchilds", "threads are not counted"),
	UNKNOWN("proc.fdlimit", "limits are not recorded"),
	UNKNOWN("proc.fdopencount", "descriptors are not counted"),
	UNKNOWN("proc.vmsize", "memory in use is not recorded"),
	UNKNOWN("proc.vmrss", "memory in use is not recorded"),
	UNKNOWN("proc.cgroups", "cgroups are known as containers only"),
	UNKNOWN("proc.stdin.type", "what the standard descriptors are is not known of all"),
	UNKNOWN("proc.stdin.name", "what the standard descriptors are is not known of all"),
	UNKNOWN("proc.stdout.type", "what the standard descriptors are is not known of all"),
	UNKNOWN("proc.stderr.type", "what the standard descriptors are is not known of all"),
	UNKNOWN("proc.is_container_healthcheck", "probes of containers are not known"),
	UNKNOWN("proc.is_container_liveness_probe", "probes of containers are not known"),
	UNKNOWN("proc.is_container_readiness_probe", "probes of containers are not known"),
	/* thread */
	OF("thread.tid", EVENT, tid, U32, "thread"),
	DERIVE("thread.cap_effective", EVENT, cap_effective, TEXT, "effective capabilities"),
	DERIVE("thread.cap_permitted", EVENT, cap_permitted, TEXT, "permitted capabilities"),
	DERIVE("thread.cap_inheritable", EVENT, cap_inheritable, TEXT, "inheritable capabilities"),
	UNKNOWN("thread.cgroups", "cgroups are known as containers only"),
	UNKNOWN("thread.cgroup", "cgroups are known as containers only"),
	UNKNOWN("thread.vtid", "threads are not told in other namespaces"),
	/* user and group */
	DERIVE("user.name", EVENT, euser, TEXT, "name of the effective user id"),
	OWN("user.uid", "euid", U32, "effective user id"),
	DERIVE("user.loginname", PROCESS, login, TEXT, "name of who logged in"),
	DERIVE("user.loginuid", PROCESS, loginuid, S64, "who logged in; -1: nobody"),
	UNKNOWN("user.homedir", "home directories are not kept"),
	UNKNOWN("user.shell", "login shells are not kept"),
	OWN("group.gid", "egid", U32, "effective group id"),
	UNKNOWN("group.name", "names of groups are not kept"),
	/* fd */
	DERIVE("fd.name", EVENT, fd_name, PATH, "path, or FROM:PORT->TO:PORT"),
	DERIVE("fd.nameraw", EVENT, raw_path, PATH, "path as it was passed"),
	DERIVE("fd.directory", EVENT, fd_directory, PATH, "directory of the path"),
	DERIVE("fd.filename", EVENT, fd_filename, PATH, "last part of the path"),
	DERIVE("fd.typechar", EVENT, fd_typechar, TEXT, "f d 4 6 u p n m b r: what it is"),
	DERIVE("fd.type", EVENT, fd_type, TEXT, "file, directory, ipv4, ipv6, unix, pipe ..."),
	DERIVE("fd.num", EVENT, fd_num, S64, "descriptor, -1: none came of it"),
	DERIVE("fd.sockfamily", EVENT, fd_sockfamily, TEXT, "ip or unix"),
	DERIVE("fd.l4proto", EVENT, fd_l4proto, TEXT, "tcp, udp, icmp or raw"),
	DERIVE("fd.ip", EVENT, fd_either, ADDR, "address of either end"),
	DERIVE("fd.cip", EVENT, fd_client, ADDR, "address of the client"),
	DERIVE("fd.sip", EVENT, fd_server, ADDR, "address of the server"),
	DERIVE("fd.lip", EVENT, fd_local, ADDR, "own address"),
	DERIVE("fd.rip", EVENT, fd_remote, ADDR, "the peer's address"),
	NET("fd.net", fd_either, "fd.ip, in a network"),
	NET("fd.cnet", fd_client, "fd.cip, in a network"),
	NET("fd.snet", fd_server, "fd.sip, in a network"),
	NET("fd.lnet", fd_local, "fd.lip, in a network"),
	NET("fd.rnet", fd_remote, "fd.rip, in a network"),
	DERIVE("fd.port", EVENT, fd_either_port, U16, "port of either end"),
	DERIVE("fd.cport", EVENT, fd_client_port, U16, "port of the client"),
	DERIVE("fd.sport", EVENT, fd_server_port, U16, "port of the server"),
	DERIVE("fd.lport", EVENT, fd_local_port, U16, "own port"),
	DERIVE("fd.rport", EVENT, fd_remote_port, U16, "the peer's port"),
	YES_NO("fd.is_server", EVENT, RULE_DERIVED, DERIVED_fd_is_server, NULL,
	       "a connection that was accepted"),
	YES_NO("fd.connected", EVENT, RULE_DERIVED, DERIVED_fd_connected, NULL,
	       "the socket has a peer"),
	YES_NO("fd.name_changed", EVENT, RULE_DERIVED, DERIVED_fd_name_changed, NULL,
	       "the event gives the socket another peer"),
	OWN("fd.ino", "inode", U64, "inode"),
	OWN("fd.dev", "dev", U32, "device"),
	DERIVE("fd.sip.name", EVENT, fd_server_name, TEXT,
	       "name that whom it connects to was looked up by last, of connect"),
	DERIVE("fd.rip.name", EVENT, fd_remote_name, TEXT, "the same"),
	UNKNOWN("fd.cip.name", "names of who connects are not looked up"),
	UNKNOWN("fd.lip.name", "names of own addresses are not looked up"),
	UNKNOWN("fd.types", "descriptors beside that of the event are not looked at"),
	UNKNOWN("fd.proto", "names of ports are not looked up"),
	UNKNOWN("fd.sproto", "names of ports are not looked up"),
	/* fs */
	OWN("fs.path.name", "path", PATH, "path of an event that takes one"),
	DERIVE("fs.path.nameraw", EVENT, raw_path, PATH, "the same as it was passed"),
	OWN("fs.path.source", "oldpath", PATH, "path before a rename, or that is linked to"),
	OWN("fs.path.target", "path", PATH, "path after a rename, or of a link"),
	/* container */
	DERIVE("container.id", PROCESS, container_id, TEXT, "12 digits, or host"),
	OF("container.full_id", PROCESS, container_id, TEXT, "the whole id"),
	DERIVE("container.name", PROCESS, container_name, TEXT, "name, or host"),
	OF("container.image", PROCESS, container_image, TEXT, "image as it was named"),
	DERIVE("container.image.repository", PROCESS, image_repository, TEXT,
	       "image without its tag"),
	DERIVE("container.image.tag", PROCESS, image_tag, TEXT, "tag of the image"),
	DERIVE("container.type", PROCESS, container_type, TEXT, "docker, podman ..., or host"),
	{ "container.privileged", FALCO_FIELD, 0, RULE_OF_PROCESS, RULE_container_privileged, 0,
	  REEL_U8, true, 0, NULL, "it has all rights, where its runtime said so" },
	UNKNOWN("container.mounts", "mounts of containers are not kept"),
	UNKNOWN("container.mount", "mounts of containers are not kept"),
	UNKNOWN("container.mount.dest", "mounts of containers are not kept"),
	UNKNOWN("container.mount.source", "mounts of containers are not kept"),
	UNKNOWN("container.mount.mode", "mounts of containers are not kept"),
	UNKNOWN("container.image.digest", "digests of images are not recorded"),
	UNKNOWN("container.image.id", "ids of images are not recorded"),
	UNKNOWN("container.start_ts", "when a container began is not recorded"),
	UNKNOWN("container.duration", "when a container began is not recorded"),
	UNKNOWN("container.ip", "addresses of containers are not recorded"),
	UNKNOWN("container.label", "labels of containers are not kept"),
	UNKNOWN("container.labels", "labels of containers are not kept"),
	UNKNOWN("container.healthcheck", "probes of containers are not known"),
	UNKNOWN("container.liveness_probe", "probes of containers are not known"),
	UNKNOWN("container.readiness_probe", "probes of containers are not known"),
	/* k8s */
	ABSENT("k8s.ns.name", no_kubernetes),
	ABSENT("k8s.pod.name", no_kubernetes),
	ABSENT("k8s.pod.id", no_kubernetes),
	ABSENT("k8s.pod.uid", no_kubernetes),
	ABSENT("k8s.pod.ip", no_kubernetes),
	ABSENT("k8s.pod.label", no_kubernetes),
	ABSENT("k8s.pod.labels", no_kubernetes),
	ABSENT("k8s.pod.sandbox_id", no_kubernetes),
	ABSENT("k8s.pod.cni.json", no_kubernetes),
	ABSENT("k8s.deployment.name", no_kubernetes),
	ABSENT("k8s.rc.name", no_kubernetes),
	ABSENT("k8s.rs.name", no_kubernetes),
	ABSENT("k8s.svc.name", no_kubernetes),
	ABSENT("k8s.ns.label", no_kubernetes),
	{ 0 },
};

const struct falco_field *falco_field_find(const char *name)
{
	if (strncmp(name, "evt.arg.", 8) == 0)
		name = "evt.arg";
	else if (strncmp(name, "evt.rawarg.", 11) == 0)
		name = "evt.rawarg";
	else if (strncmp(name, "container.label.", 16) == 0)
		name = "container.label";
	else if (strncmp(name, "k8s.pod.label.", 14) == 0)
		name = "k8s.pod.label";
	for (const struct falco_field *f = falco_fields; f->name; f++)
		if (strcmp(f->name, name) == 0)
			return f;
	return NULL;
}

static bool is_number(const char *text)
{
	for (const char *c = text; *c; c++)
		if (!isdigit((unsigned char)*c))
			return false;
	return *text && strlen(text) < 4;
}

/* evt.arg.NAME, or evt.arg[NAME]. */
static int take_name(const struct falco_field *f, const char *name, const char *argument,
		     struct rule_ref *ret, struct reel_err *err)
{
	bool is_arg = strcmp(f->name, "evt.arg") == 0;
	uint8_t types[32];

	ret->own = is_arg && strlen(name) > 8 ? name + 8 : argument;
	if (!is_arg)
		return 0;
	if (!ret->own)
		return reel_err_set(err, -EINVAL, "evt.arg without the name of an argument");
	if (is_number(ret->own))
		return reel_err_set(err, -EINVAL,
				    "evt.arg[%s]: arguments are known by their names only",
				    ret->own);
	if (!falco_arg_types(ret->own, types))
		return reel_err_set(err, -EINVAL,
				    "evt.arg.%s: no recorded event has such an argument", ret->own);
	return 0;
}

int falco_field_ref(const struct falco_field *f, const char *name, const char *argument,
		    struct rule_ref *ret, struct reel_err *err)
{
	*ret = (struct rule_ref){
		.scope = f->scope,
		.context = f->context,
		.derived = f->derived,
		.kind = f->kind,
		.is_signed = f->kind == REEL_S64,
		.index = RULES_NONE,
		.slot = RULES_NONE,
		.own = f->own,
		.hint = "",
	};
	if (f->way == FALCO_UNKNOWN)
		ret->own = f->name;
	if (f->argument == FALCO_ANY_ARGUMENT)
		return 0;
	if (argument && f->argument == FALCO_NO_ARGUMENT)
		return reel_err_set(err, -EINVAL, "%s takes no argument", name);
	if (f->argument == FALCO_MAYBE_NAME)
		return take_name(f, name, argument, ret, err);
	if (!argument)
		return 0;
	if (!is_number(argument))
		return reel_err_set(err, -EINVAL, "%s[%s]: the argument must be a number", name,
				    argument);
	ret->level = (uint8_t)(atoi(argument) > 255 ? 255 : atoi(argument));
	ret->scope = RULE_OF_LEVEL;
	return 0;
}

static void all_types(uint8_t ret[32])
{
	memset(ret, 0, 32);
	for (const struct reel_type *t = reel_types; t->name; t++)
		ret[t->id / 8] |= (uint8_t)(1u << t->id % 8);
}

static bool is_of_descriptor(const struct reel_type *t)
{
	switch (t->id) {
	case EV_open:
	case EV_create:
	case EV_open_by_handle:
	case EV_memfd_create:
	case EV_pipe:
	case EV_userfaultfd:
	case EV_bpf:
	case EV_io_uring_setup:
		return true;
	default:
		return rule_own_field(t, "family") ||
		       (rule_own_field(t, "fd") && rule_own_field(t, "inode"));
	}
}

static bool can_have(const struct rule_ref *ref, const struct reel_type *t)
{
	switch (ref->derived) {
	case DERIVED_fd_num:
		return rule_own_field(t, "fd") || t->id == EV_dup;
	case DERIVED_env:
		return rule_own_field(t, "env") != NULL;
	case DERIVED_raw_path:
		return rule_own_field(t, "path") != NULL;
	case DERIVED_fd_server_name:
	case DERIVED_fd_remote_name:
		return rule_own_field(t, "family") || derive_needs_name(ref->derived, t);
	default:
		return !derive_reads_names(ref->derived) || is_of_descriptor(t);
	}
}

void falco_field_types(const struct falco_field *f, const struct rule_ref *ref, uint8_t ret[32])
{
	static const char *const own[] = {
		"upper_layer", "memfd", "inode", "dev", "path", "oldpath"
	};

	if (ref->call) {
		memcpy(ret, ref->call->types, sizeof(ref->call->types));
		return;
	}
	all_types(ret);
	if (ref->derived == DERIVED_argument) {
		(void)falco_arg_types(ref->own, ret);
		return;
	}
	for (const struct reel_type *t = reel_types; t->name; t++) {
		bool can = ref->context != RULE_DERIVED || can_have(ref, t);

		for (size_t i = 0; f->own && i < sizeof(own) / sizeof(*own); i++)
			if (strcmp(f->own, own[i]) == 0)
				can = rule_own_field(t, f->own) != NULL;
		if (!can)
			ret[t->id / 8] &= (uint8_t) ~(1u << t->id % 8);
	}
}
