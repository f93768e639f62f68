/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * What the recorder and its kernel programs share besides records: where a call has its slot, what
 * each CPU counts, and what is chosen when the programs are loaded.
 */
#ifndef REEL_BPF_RECORDER_H
#define REEL_BPF_RECORDER_H

#include <linux/types.h>

/*
 * Every call has a slot, in the table of what becomes of it and in the counts: native calls by
 * their number, then those of i386, then the ones that only x32 has (512 and up). x32 calls below
 * 512 share the slot of the native call. The last slot takes what is no call at all.
 */
enum {
	SLOTS_NATIVE = 0,
	SLOTS_COMPAT = 512,
	SLOTS_X32 = 1024,
	SLOTS_END = 1084,	/* of calls */
	SLOT_UNKNOWN = 1087,
	SLOTS = 1088,

	CLASSES = 16,		/* ids of EV_CLASSES are below this */
	CLASS_SOFTIRQ = 15,	/* what an interrupt counts, so that it disturbs no one's sums */
};

/*
 * Where the hook jumps to: the programs that no call is for, then the handlers as they are loaded.
 * Each place is a constant in the hook, which the kernel makes a plain jump of: one to a place
 * that is only known when it is taken costs half of what a probe costs at all.
 */
enum {
	JUMP_NONE,
	JUMP_SCOPE,		/* finds out whose a call is */
	JUMP_RESCOPE,		/* finds out again whose a task is */
	JUMP_HANDLERS,
	JUMPS = 64,
};

/* What becomes of the calls of a slot. */
struct call_slot {
	__u8 jump;		/* JUMP_NONE: not wanted */
	__u8 class;		/* that counts them */
	__u8 rescopes;		/* may bring its process into scope, or out of it */
	__u8 folds;		/* enum io_direction: mostly one more in the entry of a file */
};

/*
 * Calls that end in one type have their arguments in different places. A handler asks for them by
 * their role, a number that its comment explains; where the role lies is data. Roles that a call
 * does not have read as 0, or as the working directory.
 */
enum { CALL_ROLES = 7, ARG_CWD = 6, ARG_NONE = 7 };
struct call_layout {
	__u8 arg[CALL_ROLES];	/* 0 to 5, or one of the two above */
	__u8 variant;		/* which of the calls, where the handler must know */
	__u8 type;		/* enum ev_type: what the call ends in */
	__u8 by_name;		/* wanted whatever it ends in */
	__u8 unused[6];
};

/*
 * What one CPU has counted; the recorder maps it and only reads. Times that a call was seen are
 * counted by its slot, in the dispatcher, apart from everything that becomes of it:
 *
 *	seen = sum of the calls - no event + extra = kept + folded + filtered + lost (+ missed)
 *
 * kept is what the recorder took out of the rings.
 */
struct cpu_counts {
	__u64 seq;			/* of the next event; set at start */
	__u64 lost_untold;		/* some lost_now is not 0 */
	__u64 calls[SLOTS];
	__u64 extra[CLASSES];		/* events that are no call, or one more of a call */
	__u64 no_event[CLASSES];	/* calls that say nothing, e.g. mmap of data */
	__u64 filtered[CLASSES];
	__u64 folded[CLASSES];
	__u64 lost[CLASSES];
	struct {
		__u64 count, first, last;
	} lost_now[CLASSES];		/* since the last lost record in a ring */
} __attribute__((aligned(64)));

/* The programs that tell what was asked of an io_uring; the recorder puts each in its place. */
enum uring_teller { TELL_NAMES, TELL_FILES, TELL_SOCKETS, TELL_TRANSFERS, TELL_IO, URING_TELLERS };

enum io_mode { IO_FIRST, IO_ALL, IO_NONE };
enum io_direction { IO_NEITHER, IO_READ, IO_WRITE };

/*
 * An open file of a table of descriptors, and what its reads and writes add up to since they were
 * last told. An entry lives as long as the table: a closed descriptor keeps it for the next file.
 */
struct open_key {
	__u64 files;		/* address of the table */
	__s32 fd;
	__u32 kind;		/* enum open_kind */
};
enum open_kind {
	OPEN_FD,
	OPEN_SLOT,		/* of the files that an io_uring keeps, not a descriptor */
};
enum open_seen {
	SEEN_READ = 1,		/* this one is an event, the next is not */
	SEEN_WRITE = 2,
	SEEN_FAILED_READ = 4,
	SEEN_FAILED_WRITE = 8,
	SEEN_ANY = 15,
	SEEN_SOCKET = 16,	/* not seen, but known of the file */
	SEEN_UNWANTED = 32,	/* a filter of paths is against it */
};
struct open_file {
	__u64 file;		/* address; 0: the descriptor is closed */
	__u64 inode;
	__u64 read_bytes, written_bytes;
	__u64 first;		/* CLOCK_BOOTTIME */
	__u64 last;		/* the same, to a tick */
	__u32 dev;
	__u32 reads, writes;
	__u32 pid;
	__u32 seen;
	__u32 unused;
};

/* The descriptors of a table that have an entry: bits, and for those above the highest. */
enum { LIST_BITS = 256 };
struct open_list {
	__u64 bits[LIST_BITS / 64];
	__u32 highest;		/* plus one */
	__u32 slots;		/* the same of OPEN_SLOT */
};

/* Constants of a run: the verifier removes what they switch off. */
struct recorder_config {
	__u32 n_cpus;		/* ring n_cpus is that of state */
	__u32 recorder_pid;
	__u32 max_arg;
	__u32 content;		/* bytes of data that a read or write keeps */
	__u32 io;		/* enum io_mode */
	__u32 tick_ns;
	__u8 scope;		/* not every process is wanted: ask scope_terms */
	__u8 scope_tree;	/* only what descends from the command that was started */
	__u8 follow;
	__u8 dns;
	__u8 env;		/* exec brings the environment; the recorder takes what is wanted */
	__u8 n_paths;		/* path filters */
	__u8 n_terms;
	__u8 positive_paths;	/* some of the patterns are to match */
	__u64 types[4];		/* bits: the types of events that are wanted */
	__u32 positive_kinds;	/* bits of enum scope_kind: each must have a term that matches */
};

/*
 * Whose events are wanted. A process is in scope if for every kind that has terms without "!" one
 * of them matches, and none with "!" does.
 */
enum scope_kind { SCOPE_PID, SCOPE_COMM, SCOPE_EXE, SCOPE_UID, SCOPE_CGROUP, SCOPE_CONTAINER };
/* Powers of two, so that a mask keeps an index inside. */
enum { SCOPE_TERMS = 32, SCOPE_TEXT = 128, PATH_TERMS = 16, ANCESTORS_TOLD = 32 };
struct scope_term {
	__u8 kind;
	__u8 negated;
	__u16 length;		/* of text */
	__u32 unused;
	__u64 value;		/* pid, uid or cgroup id */
	char text[SCOPE_TEXT];	/* a pattern, or the beginning of a container's id */
};

/* Where the lengths of the strings of a type are, up to that of its path, which is the last. */
enum { PATH_PLACE_STRINGS = 4 };
struct path_place {
	__u16 fixed_bytes;
	__u16 strings;		/* 0: the type has no path */
	__u16 lengths[PATH_PLACE_STRINGS];
};

/* Credentials of a task as last seen: a call that has changed them does not say what they were. */
struct seen_creds {
	__u64 start;		/* of the task: its number may come again */
	__u32 uid, gid, suid, sgid, euid, egid, fsuid, fsgid; /* the kernel's order */
	__u64 cap_inheritable, cap_permitted, cap_effective;
};
enum { CREDS_SEEN = 32768 };

/* What is known of a task, in its storage. Zero: it has not been looked at. */
enum scope_state { SCOPE_UNKNOWN, SCOPE_OUT, SCOPE_IN, SCOPE_NEVER };
struct task_note {
	__u32 scope;		/* enum scope_state */
	__u32 in_tree;		/* descends from the command */
	__u32 ended;		/* of a leader: its process's exit has been told */
	/* Of a leader: the last deadly signal that was sent, by whom, and whether its end by one
	 * has been told. */
	__u32 deadly, deadly_sender;
	__s32 deadly_code;
	__u32 deadly_told;
};

#endif
