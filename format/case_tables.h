/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tables of a case, as data: what replay writes and query reads. CREATE statements, the structs
 * that rows are written from, SCHEMA.md and what `reel list tables` shows are all made from these
 * lists, so that a new column is one row here and one assignment in who fills it.
 *
 *	T(name, constraints of the whole table, what a row is)
 *	C(R, kind, name, constraint, what it says)
 *
 * Kinds:
 *	key	INTEGER PRIMARY KEY
 *	num	INTEGER; CASE_NONE is NULL
 *	text	TEXT that reel made itself: always UTF-8
 *	bytes	ANY: what a machine called something: TEXT, or a BLOB where it is no UTF-8
 *	real	REAL
 *
 * - x_ns is wall time in ns since 1970, x_ts is boottime, in which order is certain. Who has a life
 *   has both of from and to; a `to` of NULL: it went on when the capture ended.
 * - A finding's key and an event's name are text and mean the same in every case: notes refer to
 *   them, so that they survive when a capture is loaded again.
 * - For each table with times there is a view TABLE_iso, where they are text.
 */
#ifndef REEL_FORMAT_CASE_TABLES_H
#define REEL_FORMAT_CASE_TABLES_H

#define CASE_LIFE(C, R)										\
	C(R, num, from_ns, "", "when it began; NULL: before the capture, and nobody knows when") \
	C(R, num, to_ns, "", "when it ended; NULL: not before the capture ended")		\
	C(R, num, from_ts, "", "the same in boottime")						\
	C(R, num, to_ts, "", "the same in boottime")

#define CASE_TABLES(T)										\
	T(capture, "", "a capture: what one recorder wrote on one machine")			\
	T(source, "UNIQUE (capture, segment)", "a segment that was read, and where it lay")	\
	T(boot, "UNIQUE (capture, boot_id)", "a boot of the machine, as the capture saw it")	\
	T(clock, "", "what the clocks showed at the same moment: where wall time comes from")	\
	T(coverage, "", "a hook that worked or not, or a filter that held")			\
	T(gap, "", "something that should be there and is not")					\
	T(user, "", "a user or a group of the machine")						\
	T(container, "", "a container")								\
	T(session, "", "a login or another session: who was made by setsid(), and all after it") \
	T(process, "", "a process")								\
	T(image, "", "a program that a process ran: a row for each exec, and for what it began with") \
	T(credential, "", "whose rights a process had: a row for each change")			\
	T(file, "", "a file, by its path; also pipes and files without a name")			\
	T(fd, "", "an open descriptor of a process")						\
	T(connection, "", "a socket that a process connected, accepted or listened on")		\
	T(mount, "", "a mount")									\
	T(dns, "", "a name that was looked up: a row for each answer, or for a question alone")	\
	T(file_change, "", "what was done to a file beside what is in it: removed, other rights or times") \
	T(crypto_call, "", "a TLS handshake that ended, or a key, file or cipher that a library was given") \
	T(edge, "", "that something went from one to another: what slices follow")		\
	T(replay, "UNIQUE (rules_hash, captures_hash, program_hash, options)",			\
	  "rules that were run over captures")							\
	T(replayed, "PRIMARY KEY (replay, capture)", "over which captures")			\
	T(rule_file, "PRIMARY KEY (replay, n)", "a file that these rules were read from")	\
	T(rule, "UNIQUE (replay, name)", "a rule of that run")					\
	T(verdict, "", "what the captures say of a rule")					\
	T(blind, "", "a time in which a rule could not have seen everything")			\
	T(finding, "", "what a rule found")							\
	T(evidence, "PRIMARY KEY (finding, match, n)", "an event that a finding rests on")	\
	T(note, "", "what an examiner has to say; no command of reel ever changes one")

#define COLUMNS_capture(C, R)									\
	C(R, key, id, "", "")									\
	C(R, text, capture_id, "NOT NULL UNIQUE", "its id, as `reel info` shows it")		\
	C(R, text, hash, "NOT NULL", "BLAKE2b-256 over the ids and last tags of its segments")	\
	C(R, bytes, path, "NOT NULL", "what was given to `reel replay`")			\
	C(R, bytes, host, "", "name of the machine")						\
	C(R, text, machine_id, "", "")								\
	C(R, bytes, kernel, "", "its release and version")					\
	C(R, text, arch, "", "")								\
	C(R, text, recorder, "", "the program that wrote it")					\
	C(R, bytes, note, "", "what whoever recorded it said")					\
	C(R, num, from_ns, "", "first event")							\
	C(R, num, to_ns, "", "last event")							\
	C(R, num, segments, "NOT NULL", "")							\
	C(R, text, head, "", "tag of its last block, to which all before it is chained: what `reel verify` shows") \
	C(R, num, bytes, "NOT NULL", "on tape")							\
	C(R, num, events, "NOT NULL", "")							\
	C(R, num, events_loaded, "", "that are in the table event; NULL: nobody asked for it")	\
	C(R, num, lost, "NOT NULL", "events that were wanted and are not on tape")		\
	C(R, num, damages, "NOT NULL", "places that could not be read, missing blocks included") \
	C(R, text, ending, "NOT NULL", "complete, unclean, torn or damaged")			\
	C(R, num, is_cut, "NOT NULL", "1: a part of another one")				\
	C(R, num, loaded_ns, "NOT NULL", "when it was loaded into the case")			\
	C(R, text, loaded_by, "NOT NULL", "by which reel")

#define COLUMNS_source(C, R)									\
	C(R, key, id, "", "")									\
	C(R, num, capture, "NOT NULL REFERENCES capture", "")					\
	C(R, num, boot, "NOT NULL REFERENCES boot", "")						\
	C(R, bytes, path, "NOT NULL", "file")							\
	C(R, num, offset, "NOT NULL", "where in the file it begins")				\
	C(R, text, segment, "NOT NULL", "id of the segment")					\
	C(R, num, number, "NOT NULL", "its number in the capture")				\
	C(R, num, bytes, "NOT NULL", "")							\
	C(R, num, first_block, "NOT NULL", "")							\
	C(R, num, last_block, "NOT NULL", "")							\
	C(R, text, head, "", "tag of its last block, to which all before it is chained") \
	C(R, text, ending, "NOT NULL", "complete, unclean, torn or damaged")

#define COLUMNS_boot(C, R)									\
	C(R, key, id, "", "rises with time within a capture")					\
	C(R, num, capture, "NOT NULL REFERENCES capture", "")					\
	C(R, text, boot_id, "NOT NULL", "as the kernel gives it; its first eight digits begin the ids of events") \
	C(R, num, from_ns, "", "first event")							\
	C(R, num, to_ns, "", "last event")							\
	C(R, num, from_ts, "", "")								\
	C(R, num, to_ts, "", "")

#define COLUMNS_clock(C, R)									\
	C(R, key, id, "", "")									\
	C(R, num, boot, "NOT NULL REFERENCES boot", "")						\
	C(R, num, ts, "NOT NULL", "boottime")							\
	C(R, num, realtime_ns, "NOT NULL", "wall time at that moment")				\
	C(R, num, stepped, "", "ns by which wall time had been set since the clock before; 0: not at all") \
	C(R, text, reason, "", "start, minute, step or end")					\
	C(R, num, synchronized, "", "1: the kernel held its clock to be synchronized")		\
	C(R, num, max_error, "", "ns")

#define COLUMNS_coverage(C, R)									\
	C(R, key, id, "", "")									\
	C(R, num, boot, "NOT NULL REFERENCES boot", "")						\
	C(R, num, ns, "", "when it was said")							\
	C(R, num, ts, "NOT NULL", "")								\
	C(R, bytes, hook, "NOT NULL", "hook or filter")						\
	C(R, bytes, types, "", "types of events that hang on it")				\
	C(R, text, status, "NOT NULL", "loaded, not wanted, not there, refused, filter, partly") \
	C(R, bytes, reason, "", "why")

#define COLUMNS_gap(C, R)									\
	C(R, key, id, "", "")									\
	C(R, num, capture, "NOT NULL REFERENCES capture", "")					\
	C(R, num, boot, "REFERENCES boot", "")							\
	CASE_LIFE(C, R)										\
	C(R, text, kind, "NOT NULL", "lost: events found no room; retired: the recorder removed its oldest; damaged, missing, torn: of the tape") \
	C(R, text, cause, "", "of a loss: ring full, disk full ...; of damage: what and where")	\
	C(R, num, cpu, "", "")									\
	C(R, text, class, "", "of the events that were lost; NULL: any")			\
	C(R, num, count, "", "how many; NULL: nobody knows")

#define COLUMNS_user(C, R)									\
	C(R, key, id, "", "")									\
	C(R, num, capture, "NOT NULL REFERENCES capture", "")					\
	C(R, text, kind, "NOT NULL", "user or group")						\
	C(R, num, number, "NOT NULL", "uid or gid")						\
	C(R, bytes, name, "NOT NULL", "")							\
	C(R, num, gid, "", "of a user")								\
	C(R, bytes, home, "", "")								\
	C(R, bytes, shell, "", "")

#define COLUMNS_container(C, R)									\
	C(R, key, id, "", "")									\
	C(R, num, boot, "NOT NULL REFERENCES boot", "")						\
	CASE_LIFE(C, R)										\
	C(R, text, container_id, "", "")							\
	C(R, bytes, name, "", "")								\
	C(R, bytes, image, "", "")								\
	C(R, text, runtime, "", "docker, podman, containerd, cri-o or unknown")			\
	C(R, num, privileged, "", "")								\
	C(R, bytes, cgroup, "", "path of its cgroup")						\
	C(R, bytes, labels, "", "")								\
	C(R, bytes, mounts, "", "")

#define COLUMNS_session(C, R)									\
	C(R, key, id, "", "")									\
	C(R, num, boot, "NOT NULL REFERENCES boot", "")						\
	C(R, num, sid, "NOT NULL", "pid of who founded it")					\
	C(R, num, leader, "REFERENCES process", "that process, where it was seen")		\
	C(R, num, loginuid, "", "who logged in; NULL: nobody")					\
	C(R, num, tty, "", "device number; NULL: none")						\
	CASE_LIFE(C, R)										\
	C(R, num, processes, "NOT NULL", "how many were in it")

#define COLUMNS_process(C, R)									\
	C(R, key, id, "", "")									\
	C(R, num, boot, "NOT NULL REFERENCES boot", "")						\
	C(R, num, pid, "NOT NULL", "")								\
	CASE_LIFE(C, R)										\
	C(R, num, parent, "REFERENCES process", "who made it; NULL: not seen")			\
	C(R, num, ppid, "", "")									\
	C(R, text, known_by, "NOT NULL", "fork, keyframe, exec or guess: how it became known")	\
	C(R, num, vpid, "", "its pid in its own namespace")					\
	C(R, num, session, "REFERENCES session", "the last that it was in")			\
	C(R, num, pgid, "", "")									\
	C(R, num, loginuid, "", "")								\
	C(R, num, container, "REFERENCES container", "")					\
	C(R, bytes, cgroup, "", "path of the last cgroup that it was in")			\
	C(R, bytes, comm, "", "at its end, as all that follows")				\
	C(R, bytes, exe, "", "")								\
	C(R, text, argv, "", "JSON array")							\
	C(R, bytes, cwd, "", "")								\
	C(R, bytes, root, "", "NULL: that of its mount namespace")				\
	C(R, num, uid, "", "")									\
	C(R, num, kernel_thread, "", "")							\
	C(R, num, exit_code, "", "NULL: it was killed, or its exit was not seen")		\
	C(R, num, exit_signal, "", "")								\
	C(R, text, exit_signal_name, "", "")							\
	C(R, num, cpu_time, "", "ns, at its exit")						\
	C(R, num, read_bytes, "", "")								\
	C(R, num, written_bytes, "", "")							\
	C(R, text, event, "", "its fork")

#define COLUMNS_image(C, R)									\
	C(R, key, id, "", "")									\
	C(R, num, process, "NOT NULL REFERENCES process", "")					\
	CASE_LIFE(C, R)										\
	C(R, text, how, "NOT NULL", "exec; or fork, keyframe, guess: what it began with")	\
	C(R, bytes, exe, "", "what ran")							\
	C(R, bytes, path, "", "the file named in the call: of a script the script")		\
	C(R, text, argv, "", "JSON array")							\
	C(R, bytes, comm, "", "at first")							\
	C(R, bytes, cwd, "", "at first")							\
	C(R, text, env, "", "JSON array of NAME=VALUE, as far as --env kept it")		\
	C(R, num, dev, "", "")									\
	C(R, num, inode, "", "")								\
	C(R, num, memfd, "", "1: it was in memory only")					\
	C(R, num, deleted, "", "1: it had no name any more when it was executed")		\
	C(R, num, upper_layer, "", "1: it was not in the container's image")			\
	C(R, text, sha256, "", "")								\
	C(R, text, event, "", "the exec")

#define COLUMNS_credential(C, R)								\
	C(R, key, id, "", "")									\
	C(R, num, process, "NOT NULL REFERENCES process", "")					\
	CASE_LIFE(C, R)										\
	C(R, num, uid, "", "") C(R, num, euid, "", "") C(R, num, suid, "", "") C(R, num, fsuid, "", "") \
	C(R, num, gid, "", "") C(R, num, egid, "", "") C(R, num, sgid, "", "") C(R, num, fsgid, "", "") \
	C(R, num, cap_effective, "", "") C(R, text, cap_effective_names, "", "")		\
	C(R, num, cap_permitted, "", "") C(R, num, cap_inheritable, "", "")			\
	C(R, num, cap_bounding, "", "") C(R, num, cap_ambient, "", "")				\
	C(R, num, no_new_privs, "", "")								\
	C(R, text, seccomp, "", "off, strict or filter")					\
	C(R, num, user_ns, "", "") C(R, num, pid_ns, "", "") C(R, num, mnt_ns, "", "")		\
	C(R, num, net_ns, "", "") C(R, num, uts_ns, "", "") C(R, num, ipc_ns, "", "")		\
	C(R, num, cgroup_ns, "", "")								\
	C(R, text, how, "NOT NULL", "name of the event that changed it; fork, keyframe: as it began") \
	C(R, text, event, "", "")

#define COLUMNS_file(C, R)									\
	C(R, key, id, "", "")									\
	C(R, num, capture, "NOT NULL REFERENCES capture", "")					\
	C(R, bytes, path, "NOT NULL", "")							\
	C(R, text, kind, "NOT NULL", "file, pipe, socket, memfd or anon")			\
	C(R, num, boot, "REFERENCES boot", "of what is no file: pipes and the like")		\
	C(R, num, dev, "", "the last that it had")						\
	C(R, num, inode, "", "")								\
	C(R, num, first_ns, "", "when it was first met")					\
	C(R, num, last_ns, "", "when it was last met")						\
	C(R, num, created_ns, "", "when it was seen to be made first")				\
	C(R, num, removed_ns, "", "when it was last seen to lose this name; NULL: it has it still") \
	C(R, num, writers, "NOT NULL", "processes that wrote, made, cut or renamed it")		\
	C(R, num, readers, "NOT NULL", "processes that read or mapped it")			\
	C(R, num, executions, "NOT NULL", "times that it was executed")				\
	C(R, text, sha256, "", "of its last execution")

#define COLUMNS_fd(C, R)									\
	C(R, key, id, "", "")									\
	C(R, num, process, "NOT NULL REFERENCES process", "")					\
	C(R, num, fd, "NOT NULL", "")								\
	CASE_LIFE(C, R)										\
	C(R, num, file, "REFERENCES file", "")							\
	C(R, num, connection, "REFERENCES connection", "")					\
	C(R, text, how, "NOT NULL", "name of the event that opened it; fork: inherited; keyframe: it was there; else that it was first seen in use by") \
	C(R, num, flags, "", "") C(R, text, flags_names, "", "")				\
	C(R, num, read_bytes, "", "as far as it was recorded")					\
	C(R, num, written_bytes, "", "")							\
	C(R, text, event, "", "")

#define COLUMNS_connection(C, R)								\
	C(R, key, id, "", "")									\
	C(R, num, boot, "NOT NULL REFERENCES boot", "")						\
	C(R, num, process, "REFERENCES process", "NULL: a socket of a keyframe whose owner is not known") \
	CASE_LIFE(C, R)										\
	C(R, text, kind, "NOT NULL", "connect, accept, listen, bind; socket: of a pair; send and recv where nothing else was seen; keyframe: it was there") \
	C(R, text, family, "NOT NULL", "inet, inet6, unix ...")					\
	C(R, text, proto, "", "tcp, udp ...")							\
	C(R, text, laddr, "", "") C(R, num, lport, "", "")					\
	C(R, text, addr, "", "the peer") C(R, num, port, "", "")				\
	C(R, bytes, unix_path, "", "")								\
	C(R, bytes, name, "", "name that the machine had last got that address for, from dns")	\
	C(R, num, inode, "", "")								\
	C(R, num, net_ns, "", "")								\
	C(R, num, peer, "REFERENCES connection", "the other end, where it was on this machine")	\
	C(R, num, sent_bytes, "", "") C(R, num, received_bytes, "", "")				\
	C(R, num, ret, "", "what the call returned")						\
	C(R, text, error, "", "name of the errno, where it failed; EINPROGRESS is none")	\
	C(R, text, event, "", "")

#define COLUMNS_mount(C, R)									\
	C(R, key, id, "", "")									\
	C(R, num, boot, "NOT NULL REFERENCES boot", "")						\
	CASE_LIFE(C, R)										\
	C(R, num, mnt_ns, "", "")								\
	C(R, num, mount_id, "", "where a keyframe said it")					\
	C(R, bytes, path, "NOT NULL", "where it is mounted")					\
	C(R, bytes, source, "", "what is mounted")						\
	C(R, bytes, root, "", "directory of the source that is seen there")			\
	C(R, bytes, fstype, "", "")								\
	C(R, num, flags, "", "")								\
	C(R, text, flags_names, "", "of a mount that a keyframe tells its options")		\
	C(R, num, process, "REFERENCES process", "who did it")					\
	C(R, text, event, "", "")

#define COLUMNS_dns(C, R)									\
	C(R, key, id, "", "")									\
	C(R, num, process, "REFERENCES process", "who asked, or was told")			\
	C(R, num, boot, "NOT NULL REFERENCES boot", "")						\
	C(R, num, ns, "", "") C(R, num, ts, "NOT NULL", "")					\
	C(R, text, direction, "NOT NULL", "sent or received")					\
	C(R, text, server, "", "address of the other side") C(R, num, port, "", "")		\
	C(R, bytes, question, "", "the name that was asked for")				\
	C(R, text, question_type, "", "A, AAAA, TXT ...")					\
	C(R, text, status, "", "of an answer: NOERROR, NXDOMAIN ...")				\
	C(R, bytes, name, "", "of this answer")							\
	C(R, text, type, "", "")								\
	C(R, bytes, data, "", "address, name or text that it gives")				\
	C(R, num, ttl, "", "seconds")								\
	C(R, text, event, "NOT NULL", "")

#define COLUMNS_file_change(C, R)								\
	C(R, key, id, "", "")									\
	C(R, num, file, "NOT NULL REFERENCES file", "")						\
	C(R, num, process, "NOT NULL REFERENCES process", "")					\
	C(R, num, ns, "", "") C(R, num, ts, "NOT NULL", "")					\
	C(R, text, kind, "NOT NULL", "unlink, rmdir, chmod, chown, setxattr, utimes or setflags") \
	C(R, bytes, detail, "", "mode, owner:group, attribute, flags; of utimes now or left, if no time was given") \
	C(R, num, mtime_ns, "", "of utimes: the time that the file was given")			\
	C(R, text, event, "NOT NULL", "")

#define COLUMNS_crypto_call(C, R)								\
	C(R, key, id, "", "")									\
	C(R, num, process, "NOT NULL REFERENCES process", "")					\
	C(R, num, ns, "", "") C(R, num, ts, "NOT NULL", "")					\
	C(R, text, kind, "NOT NULL", "handshake or setup")					\
	C(R, bytes, library, "", "") C(R, bytes, function, "", "")				\
	C(R, bytes, path, "", "of a setup: the file that it named")				\
	C(R, bytes, cipher, "", "") C(R, bytes, protocol, "", "")				\
	C(R, bytes, server_name, "", "")							\
	C(R, text, side, "", "client or server")						\
	C(R, num, key_bits, "", "") C(R, num, fd, "", "") C(R, num, ret, "", "")		\
	C(R, text, event, "NOT NULL", "")

#define COLUMNS_edge(C, R)									\
	C(R, key, id, "", "")									\
	C(R, num, boot, "NOT NULL REFERENCES boot", "")						\
	C(R, num, process, "NOT NULL REFERENCES process", "who did it")				\
	C(R, text, kind, "NOT NULL",								\
	  "out of the process: write create rename link truncate fork send connect; "		\
	  "into it: read exec map recv accept")							\
	C(R, num, is_out, "NOT NULL", "1: from the process to the other; 0: from it to the process") \
	C(R, num, file, "REFERENCES file", "the other: one of these three")			\
	C(R, num, child, "REFERENCES process", "of a fork")					\
	C(R, num, connection, "REFERENCES connection",						\
	  "of two ends on this machine the one with the lower id")				\
	C(R, num, old_file, "REFERENCES file", "of rename and link: what goes on under the new name") \
	C(R, num, from_ts, "NOT NULL", "the first time")					\
	C(R, num, to_ts, "NOT NULL",								\
	  "the last time; in between nothing new had come to where it comes from")		\
	C(R, num, from_ns, "", "") C(R, num, to_ns, "", "")					\
	C(R, num, count, "NOT NULL", "how often")						\
	C(R, num, bytes, "", "")								\
	C(R, text, event, "NOT NULL", "the first")

#define COLUMNS_replay(C, R)									\
	C(R, key, id, "", "")									\
	C(R, num, at_ns, "NOT NULL", "when")							\
	C(R, text, program, "NOT NULL", "")							\
	C(R, text, program_hash, "NOT NULL", "BLAKE2b-256 of the executable")			\
	C(R, text, rules_hash, "NOT NULL", "BLAKE2b-256 of the hashes in rule_file") \
	C(R, text, compiled_hash, "NOT NULL", "of the rules that were run, as this program understood them") \
	C(R, text, captures_hash, "NOT NULL", "of all captures together")			\
	C(R, text, options, "NOT NULL", "what else decides what is found: JSON; {} by default")	\
	C(R, text, rules_paths, "NOT NULL", "JSON array")					\
	C(R, bytes, scope, "", "whose events were recorded; NULL: everybody's")			\
	C(R, num, rules, "NOT NULL", "") C(R, num, matches, "NOT NULL", "")			\
	C(R, num, findings, "NOT NULL", "") C(R, num, events, "NOT NULL", "that were looked at")

#define COLUMNS_replayed(C, R)									\
	C(R, num, replay, "NOT NULL REFERENCES replay", "")					\
	C(R, num, capture, "NOT NULL REFERENCES capture", "")					\
	C(R, text, hash, "NOT NULL", "of the capture, as it was then")

#define COLUMNS_rule_file(C, R)									\
	C(R, num, replay, "NOT NULL REFERENCES replay", "")					\
	C(R, num, n, "NOT NULL", "from 1, in the order in which they were read")		\
	C(R, bytes, path, "NOT NULL", "as it was found below what was given")			\
	C(R, num, bytes, "NOT NULL", "")							\
	C(R, text, hash, "NOT NULL", "BLAKE2b-256 of what is in it")

#define COLUMNS_rule(C, R)									\
	C(R, key, id, "", "")									\
	C(R, num, replay, "NOT NULL REFERENCES replay", "")					\
	C(R, text, name, "NOT NULL", "what it is called in its file")				\
	C(R, text, title, "", "")								\
	C(R, text, language, "NOT NULL", "policy, sigma or falco")				\
	C(R, text, severity, "NOT NULL", "")							\
	C(R, num, severity_rank, "NOT NULL", "0 informational to 4 critical")			\
	C(R, text, description, "", "")								\
	C(R, text, tags, "NOT NULL", "JSON array")						\
	C(R, text, false_positives, "NOT NULL", "JSON array")					\
	C(R, text, reference_links, "NOT NULL", "JSON array")					\
	C(R, bytes, file, "", "") C(R, num, line, "", "")

#define COLUMNS_verdict(C, R)									\
	C(R, key, id, "", "")									\
	C(R, num, replay, "NOT NULL REFERENCES replay", "")					\
	C(R, num, rule, "NOT NULL UNIQUE REFERENCES rule", "")					\
	C(R, text, verdict, "NOT NULL", "hit, clean, clean except or not evaluable")		\
	C(R, num, despite, "NOT NULL", "1: each match was blind to what could have prevented it") \
	C(R, text, why, "", "of what is not evaluable: what is missing")			\
	C(R, num, matches, "NOT NULL", "") C(R, num, findings, "NOT NULL", "")			\
	C(R, num, suppressed, "NOT NULL", "by a tune")						\
	C(R, real, clear, "NOT NULL", "part of the time in which nothing was missing that it reads: 0 to 1")

#define COLUMNS_blind(C, R)									\
	C(R, key, id, "", "")									\
	C(R, num, verdict, "NOT NULL REFERENCES verdict", "")					\
	C(R, num, boot, "NOT NULL REFERENCES boot", "")						\
	CASE_LIFE(C, R)										\
	C(R, text, reason, "NOT NULL", "")							\
	C(R, num, count, "NOT NULL", "events, where they could be counted")

#define COLUMNS_finding(C, R)									\
	C(R, key, id, "", "")									\
	C(R, num, replay, "NOT NULL REFERENCES replay", "")					\
	C(R, text, key, "NOT NULL", "hash of the rule's name and the ids of its evidence")	\
	C(R, num, rule, "NOT NULL REFERENCES rule", "")						\
	C(R, num, boot, "NOT NULL REFERENCES boot", "")						\
	C(R, num, ns, "", "its last event") C(R, num, ts, "NOT NULL", "")			\
	C(R, num, first_ns, "", "its first event") C(R, num, first_ts, "NOT NULL", "")		\
	C(R, num, count, "NOT NULL", "matches of that rule in the same image of a process")	\
	C(R, num, last_ns, "", "of the last of these") C(R, num, last_ts, "", "")		\
	C(R, num, process, "REFERENCES process", "of its last event")				\
	C(R, num, image, "REFERENCES image", "")						\
	C(R, num, pid, "NOT NULL", "") C(R, num, uid, "", "") C(R, bytes, exe, "", "")		\
	C(R, bytes, line, "", "its command line")						\
	C(R, bytes, output, "", "what a rule of Falco says of it, as Falco prints it")		\
	C(R, text, key_kind, "NOT NULL", "what its events have in common: family, process ...")	\
	C(R, num, despite, "NOT NULL", "1: something was missing that could have prevented it")	\
	C(R, num, suppressed, "NOT NULL", "1: a tune says that it is expected")

#define COLUMNS_evidence(C, R)									\
	C(R, num, finding, "NOT NULL REFERENCES finding", "")					\
	C(R, text, match, "NOT NULL", "first or last")						\
	C(R, num, n, "NOT NULL", "from 1, in the order of the rule")				\
	C(R, text, event, "NOT NULL", "its id")							\
	C(R, num, ns, "", "") C(R, num, ts, "", "")						\
	C(R, text, type, "", "")								\
	C(R, num, pid, "", "")									\
	C(R, text, json, "NOT NULL", "the event itself, as `reel dump --json` shows it")

#define COLUMNS_note(C, R)									\
	C(R, key, id, "", "")									\
	C(R, text, finding, "", "key of the finding it is about")				\
	C(R, text, event, "", "or id of an event")						\
	C(R, num, at_ns, "NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000000)", "") \
	C(R, text, author, "", "")								\
	C(R, text, text, "NOT NULL", "")

/* The questions that are asked, as columns to look them up by. */
#define CASE_INDEXES(X)										\
	X(process, "boot, pid, from_ts") X(process, "parent") X(process, "from_ns")		\
	X(process, "exe") X(process, "session") X(process, "container")				\
	X(image, "process, from_ts") X(image, "exe") X(image, "path")				\
	X(credential, "process, from_ts")							\
	X(file, "path") X(file, "dev, inode")							\
	X(fd, "process, fd, from_ts") X(fd, "file") X(fd, "connection")				\
	X(connection, "process") X(connection, "addr, port") X(connection, "from_ns")		\
	X(connection, "peer") X(connection, "boot, from_ts")					\
	X(mount, "boot, from_ts") X(dns, "question") X(dns, "data") X(dns, "ns") X(dns, "process") \
	X(edge, "process, is_out, boot, from_ts") X(edge, "file, is_out, boot, from_ts")	\
	X(edge, "connection, is_out, boot, from_ts") X(edge, "child") X(edge, "old_file")	\
	X(file_change, "file, ts") X(file_change, "process, ts")				\
	X(crypto_call, "process, ts")								\
	X(rule, "replay") X(verdict, "replay") X(blind, "verdict")				\
	X(finding, "replay, key") X(finding, "rule") X(finding, "process") X(finding, "ns") X(finding, "key") \
	X(evidence, "event") X(gap, "capture, boot, from_ts") X(clock, "boot, ts")		\
	X(coverage, "boot") X(container, "boot") X(session, "boot, sid") X(user, "capture, number") \
	X(source, "boot") X(replayed, "capture") X(note, "finding")

#endif
