/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fields that no event carries and no process has as such: they are worked out from those that do,
 * when a rule asks. What they are made from is unknown or absent makes them so.
 */
#ifndef REEL_REPLAY_DERIVE_H
#define REEL_REPLAY_DERIVE_H

#include <stdbool.h>

struct reel_type;
struct rule_ref;

/*
 * Those of a process first, then those of the event.
 *	X(ident, name, kind, what it says)
 */
#define DERIVED_PROCESS_FIELDS(X)                                                               \
	X(arg0, "arg0", TEXT, "argument zero")                                                  \
	X(args, "args", TEXT, "the arguments behind the first, with blanks between")            \
	X(command, "command", TEXT, "comm, then the arguments behind the first")                \
	X(cwd, "cwd/", PATH, "working directory, with a slash behind it")                       \
	X(euser, "euser", TEXT, "name of the effective user id")                                \
	X(login, "login", TEXT, "name of who logged in")                                        \
	X(loginuid, "loginuid", S64, "who logged in; -1: nobody")                               \
	X(tty, "tty", U64, "controlling terminal as /proc shows it, 0: none")                   \
	X(session_comm, "session.comm", TEXT, "comm of the leader of its session")              \
	X(leads_group, "leads_group", U8, "it leads its process group")                         \
	X(leads_session, "leads_session", U8, "it leads its session")                           \
	X(age_ns, "age_ns", U64, "how long it has lived")                                       \
	X(cap_effective, "cap_effective", TEXT, "effective capabilities, blanks between")       \
	X(cap_permitted, "cap_permitted", TEXT, "permitted capabilities, blanks between")       \
	X(cap_inheritable, "cap_inheritable", TEXT, "inheritable capabilities, blanks between") \
	X(container_id, "container", TEXT, "12 digits of its container's id, or host")          \
	X(container_name, "container.name", TEXT, "name of its container, or host")             \
	X(image_repository, "image.repository", TEXT, "image without its tag")                  \
	X(image_tag, "image.tag", TEXT, "tag of the image")                                     \
	X(container_type, "container.type", TEXT, "what runs its container, or host")

#define DERIVED_EVENT_FIELDS(X)                                                              \
	X(call, "call", TEXT, "name of the call")                                            \
	X(result, "result", TEXT, "SUCCESS, or the error's name")                            \
	X(has_failed, "has_failed", U8, "the call failed")                                   \
	X(named, "named", TEXT, "a number of the event by its names")                        \
	X(mode_bits, "mode_bits", TEXT, "bits of a mode by their names")                     \
	X(argument, "argument", TEXT, "an argument of the call, as Falco calls it")          \
	X(raw_path, "raw_path", PATH, "path as it was passed")                               \
	X(opens_read, "opens_read", U8, "a file is opened for reading")                      \
	X(opens_write, "opens_write", U8, "a file is opened for writing")                    \
	X(opens_exec, "opens_exec", U8, "a file that can be executed may be made")           \
	X(opens_create, "opens_create", U8, "a file is made by opening it")                  \
	X(env, "env", TEXT, "the environment, with blanks between, or one variable of it")   \
	X(fd_num, "fd.num", S64, "number of the descriptor, -1: none came of it")            \
	X(fd_name, "fd.name", PATH, "path, or the two ends of a connection")                 \
	X(fd_directory, "fd.directory", PATH, "directory of a path")                         \
	X(fd_filename, "fd.filename", PATH, "last part of a path")                           \
	X(fd_typechar, "fd.typechar", TEXT, "what the descriptor is, by a letter")           \
	X(fd_type, "fd.type", TEXT, "what the descriptor is")                                \
	X(fd_sockfamily, "fd.sockfamily", TEXT, "ip or unix")                                \
	X(fd_l4proto, "fd.l4proto", TEXT, "tcp, udp, icmp or raw")                           \
	X(fd_local, "fd.local", ADDR, "own address of a socket")                             \
	X(fd_remote, "fd.remote", ADDR, "its peer's")                                        \
	X(fd_client, "fd.client", ADDR, "address of who connected")                          \
	X(fd_server, "fd.server", ADDR, "address of who was connected to")                   \
	X(fd_either, "fd.either", ADDR, "both addresses")                                    \
	X(fd_local_port, "fd.local_port", U16, "own port of a socket")                       \
	X(fd_remote_port, "fd.remote_port", U16, "its peer's")                               \
	X(fd_client_port, "fd.client_port", U16, "port of who connected")                    \
	X(fd_server_port, "fd.server_port", U16, "port of who was connected to")             \
	X(fd_either_port, "fd.either_port", U16, "both ports")                               \
	X(fd_is_server, "fd.is_server", U8, "it is the end that was connected to")           \
	X(fd_connected, "fd.connected", U8, "the socket is connected")                       \
	X(fd_name_changed, "fd.name_changed", U8, "the event gives the socket another peer") \
	X(to_name, "to_name", TEXT, "name that the address connected to was looked up by")   \
	X(utc_minute, "utc.minute", S64, "minute of the time that it was at, in UTC")        \
	X(utc_hour, "utc.hour", S64, "hour")                                                 \
	X(utc_day, "utc.day", S64, "day of the month, from 1")                               \
	X(utc_week, "utc.week", S64, "week of the year, of ISO 8601")                        \
	X(utc_month, "utc.month", S64, "month, from 1")                                      \
	X(utc_year, "utc.year", S64, "year")                                                 \
	X(utc_time, "utc", TEXT, "when it was, in UTC: date and time, with milliseconds")    \
	X(all_fields, "fields", TEXT, "all fields of the event")                             \
	X(unknowable, "unknowable", TEXT, "what no recorded event tells")                    \
	X(composed, "composed", TEXT, "one value made of several, or some of a list")        \
	X(fd_server_name, "fd.server.name", TEXT, "name that the server was looked up by")   \
	X(fd_remote_name, "fd.remote.name", TEXT, "name that the peer was looked up by")

enum derived {
	DERIVED_NONE,
#define X(ident, name, kind, doc) DERIVED_##ident,
	DERIVED_PROCESS_FIELDS(X) DERIVED_EVENTS_FROM,
	DERIVED_BEFORE_EVENTS = DERIVED_EVENTS_FROM - 1,
	DERIVED_EVENT_FIELDS(X)
#undef X
		DERIVED_END,
};

const char *derive_name(unsigned derived);
unsigned derive_kind(unsigned derived); /* enum reel_kind */
/* Whether it is of the event's process. */
bool derive_reads_process(unsigned derived);
/* Whether it comes of answers of DNS. */
bool derive_reads_dns(unsigned derived);
/* Whether it is of a descriptor; and whether that, in an event of this type, has to be found by
 * device and inode. */
bool derive_reads_names(unsigned derived);
bool derive_needs_name(unsigned derived, const struct reel_type *type);
/* The same of a field that may be made of several. */
bool derive_ref_needs_name(const struct rule_ref *ref, const struct reel_type *type);
/* The process field that it is made from, for what can be lost; an enum rule_context. */
unsigned derive_context(unsigned derived);

#endif
