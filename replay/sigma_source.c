/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Logsources: which events are such records, and where the fields of the records are found. Values
 * are those of Sysmon for Linux and of auditd.
 */
#include <stdio.h>
#include <string.h>

#include "replay/sigma_impl.h"

#define FIELD(name, text)                                 \
	{                                                 \
		name, SIGMA_FIELD_OF, RULE_AS_IT_IS, text \
	}
#define NUMBER(name, text)                                  \
	{                                                   \
		name, SIGMA_FIELD_OF, RULE_AS_DECIMAL, text \
	}
#define PROCESS(name, text)                                 \
	{                                                   \
		name, SIGMA_PROCESS_OF, RULE_AS_IT_IS, text \
	}
#define PROCESS_NUMBER(name, text)                            \
	{                                                     \
		name, SIGMA_PROCESS_OF, RULE_AS_DECIMAL, text \
	}
#define HEX(name, text)                                 \
	{                                               \
		name, SIGMA_FIELD_OF, RULE_AS_HEX, text \
	}
#define DERIVED(name, text)                              \
	{                                                \
		name, SIGMA_DERIVED, RULE_AS_IT_IS, text \
	}
#define ADDRESS(name, text)                                 \
	{                                                   \
		name, SIGMA_FIELD_OF, RULE_AS_ADDRESS, text \
	}
#define CONSTANT(name, text)                              \
	{                                                 \
		name, SIGMA_CONSTANT, RULE_AS_IT_IS, text \
	}
#define ARGUMENT(name)                                    \
	{                                                 \
		name, SIGMA_ARGUMENT, RULE_AS_IT_IS, NULL \
	}
#define END       \
	{         \
		0 \
	}

/* When a record was made, under the name that stores of logs have for it; and Sysmon's own. */
#define STAMP DERIVED("@timestamp", "utc")
#define TIME DERIVED("UtcTime", "utc"), STAMP

/* Of the one who does it. */
#define ACTOR                                                                                     \
	PROCESS("User", "user"), PROCESS_NUMBER("LogonId", "loginuid"),                           \
		NUMBER("ProcessId", "pid"), PROCESS_NUMBER("ParentProcessId", "ppid"),            \
		FIELD("ParentImage", "parent.exe"), FIELD("ParentCommandLine", "parent.cmdline"), \
		FIELD("ParentUser", "parent.user"), PROCESS("CurrentDirectory", "cwd")
#define ACTOR_IMAGE FIELD("Image", "exe"), FIELD("CommandLine", "cmdline")

static const struct sigma_field execution[] = {
	FIELD("Image", "exe"),
	FIELD("CommandLine", "argv_line"),
	TIME,
	ACTOR,
	END,
};

static const struct sigma_field file[] = {
	FIELD("TargetFilename", "path"),
	TIME,
	ACTOR_IMAGE,
	ACTOR,
	END,
};

static const struct sigma_field renamed[] = {
	FIELD("TargetFilename", "path"),
	FIELD("SourceFilename", "oldpath"),
	TIME,
	ACTOR_IMAGE,
	ACTOR,
	END,
};

#define ENDS                                                                 \
	ADDRESS("SourceIp", "from_addr"), NUMBER("SourcePort", "from_port"), \
		ADDRESS("DestinationIp", "to_addr"), NUMBER("DestinationPort", "to_port")

static const struct sigma_field connected[] = {
	CONSTANT("Initiated", "true"),
	DERIVED("DestinationHostname", "to_name"),
	ENDS,
	TIME,
	ACTOR_IMAGE,
	ACTOR,
	END,
};

/* The one who connects is the source. */
static const struct sigma_field accepted[] = {
	CONSTANT("Initiated", "false"), ENDS, TIME, ACTOR_IMAGE, ACTOR, END,
};

/* auditd --------------------------------------------------------------------------------------- */

#define SYSCALL_RECORD                                                                         \
	CONSTANT("type", "SYSCALL"), CONSTANT("success", "yes"), FIELD("SYSCALL", "syscall"),  \
		FIELD("syscall", "syscall"), FIELD("exe", "exe"), FIELD("comm", "comm"),       \
		PROCESS_NUMBER("uid", "uid"), PROCESS_NUMBER("euid", "euid"),                  \
		PROCESS_NUMBER("suid", "suid"), PROCESS_NUMBER("fsuid", "fsuid"),              \
		PROCESS_NUMBER("gid", "gid"), PROCESS_NUMBER("egid", "egid"),                  \
		PROCESS_NUMBER("sgid", "sgid"), PROCESS_NUMBER("fsgid", "fsgid"),              \
		PROCESS_NUMBER("auid", "loginuid"), NUMBER("pid", "pid"),                      \
		PROCESS_NUMBER("ppid", "ppid"), NUMBER("exit", "ret"), DERIVED("AUID", "login"), \
		PROCESS("UID", "user"), STAMP

static const struct sigma_field executed_record[] = {
	CONSTANT("type", "EXECVE"),
	ARGUMENT("a"),
	STAMP,
	END,
};

static const struct sigma_field title_record[] = {
	CONSTANT("type", "PROCTITLE"),
	FIELD("proctitle", "argv_line"),
	STAMP,
	END,
};

static const struct sigma_field directory_record[] = {
	CONSTANT("type", "CWD"),
	PROCESS("cwd", "cwd"),
	STAMP,
	END,
};

static const struct sigma_field call[] = { SYSCALL_RECORD, END };

/* Arguments are hexadecimal, without 0x. */
static const struct sigma_field call_socket[] = {
	SYSCALL_RECORD, HEX("a0", "family"), HEX("a1", "sock_type"), HEX("a2", "proto"), END,
};

static const struct sigma_field call_personality[] = {
	SYSCALL_RECORD,
	HEX("a0", "persona"),
	END,
};

static const struct sigma_field call_syslog[] = {
	SYSCALL_RECORD,
	HEX("a0", "action"),
	END,
};

static const struct sigma_field call_ptrace[] = {
	SYSCALL_RECORD,
	HEX("a0", "request"),
	HEX("a1", "target"),
	END,
};

static const struct sigma_field call_kill[] = {
	SYSCALL_RECORD,
	HEX("a0", "target"),
	HEX("a1", "signal"),
	END,
};

static const struct sigma_field call_prctl[] = {
	SYSCALL_RECORD,	   HEX("a0", "option"), HEX("a1", "arg2"),
	HEX("a2", "arg3"), HEX("a3", "arg4"),	END,
};

static const struct sigma_field call_raw[] = {
	SYSCALL_RECORD,	   HEX("a0", "arg1"), HEX("a1", "arg2"),
	HEX("a2", "arg3"), HEX("a3", "arg4"), END,
};

/* Keys are what an administrator calls his rules for auditd; this one is that of connections over
 * IPv4 in widely used ones. */
static const struct sigma_field call_connect[] = {
	SYSCALL_RECORD,
	CONSTANT("key", "network_connect_4"),
	END,
};

#define PATH_RECORD(name_field) CONSTANT("type", "PATH"), FIELD("name", name_field), STAMP

static const struct sigma_field path_record[] = {
	PATH_RECORD("pathname"),
	END,
};
static const struct sigma_field path_made[] = {
	PATH_RECORD("pathname"),
	CONSTANT("nametype", "CREATE"),
	END,
};
static const struct sigma_field path_normal[] = {
	PATH_RECORD("pathname"),
	CONSTANT("nametype", "NORMAL"),
	END,
};
static const struct sigma_field path_removed[] = {
	PATH_RECORD("pathname"),
	CONSTANT("nametype", "DELETE"),
	END,
};
static const struct sigma_field old_path_removed[] = {
	PATH_RECORD("oldpath"),
	CONSTANT("nametype", "DELETE"),
	END,
};
static const struct sigma_field old_path_normal[] = {
	PATH_RECORD("oldpath"),
	CONSTANT("nametype", "NORMAL"),
	END,
};

#define OPENS "open create open_by_handle"
#define MAKES "mknod link symlink rename mkdir"
#define REMOVES "unlink rmdir"
#define TOUCHES                                                                              \
	"exec chdir chmod chown truncate setxattr utimes setflags mount umount chroot stat " \
	"access readlink"
#define OTHER_CALLS                                                                                \
	"fork thread chdir setsid setpgid close fsopen fsconfig fsmount mount umount move_mount "  \
	"mount_setattr open_tree read write copy bind listen accept send recv shutdown setuid "    \
	"setgid setgroups capset setns unshare chroot pivot_root keyctl seccomp landlock mmap "    \
	"mprotect memfd_create process_vm_readv process_vm_writev userfaultfd init_module "        \
	"finit_module delete_module bpf perf_event_open kexec io_uring_setup reboot "              \
	"clock_settime dup pipe pidfd_getfd shm close_range chmod chown truncate setxattr utimes " \
	"setflags getdents stat access readlink connect " OPENS " " MAKES " " REMOVES

static const struct sigma_view audit_views[] = {
	{ "exec", executed_record, SIGMA_ANY, SIGMA_USE_ALWAYS },
	{ "exec", title_record, SIGMA_ANY, SIGMA_USE_ALWAYS },
	{ "exec", directory_record, SIGMA_ANY, SIGMA_USE_ALWAYS },
	{ "exec", call, SIGMA_ANY, SIGMA_USE_ALWAYS },
	{ "socket", call_socket, SIGMA_ANY, SIGMA_USE_CALL },
	{ "personality", call_personality, SIGMA_ANY, SIGMA_USE_CALL },
	{ "syslog", call_syslog, SIGMA_ANY, SIGMA_USE_CALL },
	{ "ptrace", call_ptrace, SIGMA_ANY, SIGMA_USE_CALL },
	{ "kill", call_kill, SIGMA_ANY, SIGMA_USE_CALL },
	{ "prctl", call_prctl, SIGMA_ANY, SIGMA_USE_CALL },
	{ "sys", call_raw, SIGMA_ANY, SIGMA_USE_CALL },
	{ OTHER_CALLS, call, SIGMA_ANY, SIGMA_USE_CALL },
	{ "connect", call_connect, SIGMA_IPV4, SIGMA_USE_KEY },
	{ OPENS " " MAKES " " REMOVES " " TOUCHES, path_record, SIGMA_ANY, SIGMA_USE_NO_NAMETYPE },
	{ OPENS, path_made, SIGMA_CREATES, SIGMA_USE_NAMETYPE },
	{ OPENS, path_normal, SIGMA_NO_CREATION, SIGMA_USE_NAMETYPE },
	{ MAKES, path_made, SIGMA_ANY, SIGMA_USE_NAMETYPE },
	{ REMOVES, path_removed, SIGMA_ANY, SIGMA_USE_NAMETYPE },
	{ TOUCHES, path_normal, SIGMA_ANY, SIGMA_USE_NAMETYPE },
	{ "rename", old_path_removed, SIGMA_ANY, SIGMA_USE_ALWAYS },
	{ "link", old_path_normal, SIGMA_ANY, SIGMA_USE_ALWAYS },
};

/* Categories ----------------------------------------------------------------------------------- */

static const struct sigma_view executions[] = {
	{ "exec", execution, SIGMA_ANY, SIGMA_USE_ALWAYS },
};
static const struct sigma_view files_made[] = {
	{ "open create", file, SIGMA_CREATES, SIGMA_USE_ALWAYS },
	{ "mknod rename", file, SIGMA_ANY, SIGMA_USE_ALWAYS },
};
static const struct sigma_view files_removed[] = {
	{ "unlink", file, SIGMA_ANY, SIGMA_USE_ALWAYS },
};
static const struct sigma_view files_renamed[] = {
	{ "rename", renamed, SIGMA_ANY, SIGMA_USE_ALWAYS },
};
static const struct sigma_view files_opened[] = {
	{ OPENS, file, SIGMA_ANY, SIGMA_USE_ALWAYS },
};
static const struct sigma_view connections[] = {
	{ "connect", connected, SIGMA_INET, SIGMA_USE_ALWAYS },
	{ "accept", accepted, SIGMA_INET, SIGMA_USE_ALWAYS },
};
static const struct sigma_field only_time[] = { STAMP, END };
static const struct sigma_view texts[] = {
	{ NULL, only_time, SIGMA_ANY, SIGMA_USE_ALWAYS },
};

#define VIEWS(list) list, sizeof(list) / sizeof((list)[0])

static const struct sigma_source sources[] = {
	{ "process_creation", NULL, VIEWS(executions), NULL, NULL },
	{ "file_event", NULL, VIEWS(files_made), NULL, NULL },
	{ "file_delete", NULL, VIEWS(files_removed), NULL, NULL },
	{ "file_rename", NULL, VIEWS(files_renamed), NULL, NULL },
	{ "file_access", NULL, VIEWS(files_opened), NULL, NULL },
	{ "network_connection", NULL, VIEWS(connections), NULL, NULL },
	{ NULL, "auditd", VIEWS(audit_views), NULL, NULL },
	{ NULL, NULL, VIEWS(texts), NULL,
	  "asked of the texts in recorded events only: lines of logs are not recorded" },
};

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

const struct sigma_source *sigma_source_find(const char *category, const char *product,
					     const char *service, char *buffer, size_t room,
					     const char **ret_why)
{
	*ret_why = buffer;
	if (product && strcmp(product, "linux") != 0) {
		(void)snprintf(buffer, room, "it is for product '%.60s': what is recorded is Linux",
			       product);
		return NULL;
	}
	/* The service that tells of a category is one of many that could. */
	if (category && service && strcmp(service, "sysmon") == 0)
		service = NULL;
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++)
		if (same(sources[i].category, category) && same(sources[i].service, service))
			return &sources[i];
	if (category)
		(void)snprintf(buffer, room,
			       "records of the category '%.60s'%s%.60s%s are not made "
			       "from events",
			       category, service ? " of '" : "", service ? service : "",
			       service ? "'" : "");
	else
		(void)snprintf(buffer, room, "the log of '%.60s' is text that is not recorded",
			       service);
	return NULL;
}

const char *sigma_source_lacks(const char *field)
{
	return strcmp(field, "SourceHostname") == 0 ?
		       "only of who is connected to the name is known" :
		       NULL;
}
