/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine of the generator: processes, the threads that run on its CPUs, and what they still
 * have to do. A plan (lib_plan_*.c) fills a task with ops; the simulation (lib_sim.c) runs tasks on
 * CPUs by a scheduler and has each op made into a record (lib_emit.c).
 */
#ifndef REEL_TESTS_BENCH_MACHINE_H
#define REEL_TESTS_BENCH_MACHINE_H

#include "format/record.h"
#include "tests/bench/lib_rand.h"
#include "tests/bench/lib_tree.h"

/* clang-format off */
enum op_code {
	/* No event. */
	OP_WAIT,		/* until at most a children are left */
	OP_SLEEP,		/* b ns; another thread takes the CPU */
	OP_THINK,		/* compute: the slice ends */
	/* File: the file that it is about; in OP_MISS its name is looked for in directory a. */
	OP_OPEN, OP_MISS, OP_CLOSE, OP_READ, OP_WRITE, OP_FOLD, OP_COPY, OP_UNLINK, OP_RENAME,
	OP_LINK,
	OP_SYMLINK, OP_MKDIR, OP_RMDIR, OP_CHMOD, OP_CHOWN, OP_UTIMES, OP_TRUNCATE, OP_MOUNT,
	OP_MMAP, OP_MPROTECT, OP_MEMFD,
	OP_FORK,		/* file: enum plan of the child, a and b: for the plan */
	OP_THREAD, OP_EXEC, OP_EXEC_FAIL, OP_EXIT, OP_CHDIR, OP_SETSID, OP_SETPGID, OP_CGROUP_MOVE,
	OP_SETUID, OP_SETGID, OP_SETGROUPS, OP_CAPSET, OP_PRCTL, OP_SECCOMP, OP_UNSHARE,
	/* File: of a socket; the low half of b is its peer's address, the high half the ports. */
	OP_SOCKET, OP_CONNECT, OP_ACCEPT, OP_BIND, OP_LISTEN, OP_SEND, OP_RECV, OP_DNS, OP_FLOW,
	OP_SHUTDOWN,
	OP_DUP, OP_PIPE, OP_KILL, OP_SIGNAL, OP_PTRACE, OP_VM_WRITEV, OP_FINIT_MODULE, OP_BPF,
	OP_CLOCK_SETTIME,
};
/* clang-format on */

enum op_flag {
	OPF_STEP = 1,  /* of a planted sequence: goes into the truth */
	OPF_WRITE = 2, /* fold: totals of writes */
	OPF_UNIX = 4,  /* a UNIX socket, else IPv4 */
	OPF_UDP = 8,
	OPF_RECEIVED = 16, /* dns */
};

struct op {
	uint8_t code;
	uint8_t flags;
	int16_t fd;
	uint32_t file;
	int32_t ret;
	uint32_t a;
	uint64_t b;
};

/* What a process runs: shared with its children until they execute something else. */
enum { IMAGE_ARGV = 2400, IMAGE_LIBS = 12 };
struct image {
	uint32_t refs;
	uint32_t exe;  /* a file */
	uint32_t path; /* what was executed: the script, else exe */
	uint16_t comm_len;
	uint16_t argv_len;
	uint32_t libs[IMAGE_LIBS];
	uint32_t n_libs;
	char comm[16];
	char argv[IMAGE_ARGV];
	struct image *next; /* of the free ones */
	struct image *made; /* the one that was made before it */
};

enum workload {
	WORK_BUILD,
	WORK_SCRIPT,
	WORK_WEB,
	WORK_DATABASE,
	WORK_MONITOR,
	WORK_PACKAGE,
	WORK_CRON,
	WORK_SSH,
	WORK_ATTACK,
	WORK_COUNT,
};

struct creds {
	uint32_t uid, euid, gid, egid;
	uint32_t loginuid, sessionid;
};

struct proc {
	uint32_t pid;
	struct proc *parent;
	uint64_t start, parent_start;
	uint32_t ppid;
	uint64_t born, died;	      /* died: 0 while it lives */
	struct image *image, *before; /* before: until executed */
	uint64_t executed;
	struct creds creds;
	uint32_t sid, pgid, tty;
	uint32_t cwd; /* a file */
	uint64_t cgroup;
	uint64_t fds;	      /* which numbers below 64 are taken */
	uint32_t fd_file[16]; /* inherited and standing descriptors, for keyframes */
	uint32_t children;
	uint32_t n_tasks;
	uint64_t cpu_ns, read_bytes, written_bytes;
	uint32_t code;
	uint64_t map_top; /* libraries go below it */
	uint16_t plant;
	uint8_t work;
	struct task *waiter; /* until enough children are gone */
	bool standing;	     /* there before the recording began, and after */
	bool kernel;
	struct proc *next; /* of the living, or of the free */
	struct proc *prev;
};

struct task {
	struct proc *proc;
	uint32_t tid;
	uint64_t start;
	uint64_t ready; /* may not run before */
	uint64_t io_first;
	struct op *ops;
	uint32_t n, max, at;
	uint32_t cpu;
	uint32_t waiting; /* runs again when its process has at most this many children - 1 */
	uint32_t project;
	bool idle; /* a standing task without work: gets a plan when there is */
	struct task *next;
	struct task *made;
};

/* Records on their way: what a ring of the kernel holds at the end of a round. */
struct ring {
	uint8_t *bytes;
	size_t used, max;
};

struct cpu {
	uint64_t now;
	uint64_t seq;
	struct ring ring;
	struct task *first, *last; /* ready to run */
	struct task *running;
	uint32_t left; /* of the slice */
	uint32_t n_ready;
	uint64_t kept[16], folded[16], filtered[16], lost[16];
	/* A ring that is full: so many events more are dropped, and what a lost record will say. */
	uint32_t dropping;
	uint64_t dropped[16];
	uint64_t dropped_first, dropped_last;
};

struct truth_step {
	uint32_t plant;
	uint16_t cpu;
	uint8_t type;
	uint64_t seq;
	uint64_t ts;
	uint32_t pid;
};

struct state_entry {
	uint64_t ts;
	uint32_t offset, length;
};

enum { MAX_CPUS = 256, MAX_STANDING = 256, PIDS = 1 << 22 };

struct machine {
	struct rng rng;
	struct tree tree;
	struct spread gap, pause, run, size;
	struct cpu *cpus;
	uint32_t n_cpus;
	struct ring state;
	struct state_entry *state_order;
	uint32_t n_state, max_state;

	uint64_t now; /* end of the round that is being made */
	uint64_t began;
	uint64_t n_events, max_events;
	uint64_t by_type[EV_MAX_TYPES];
	uint64_t by_work[WORK_COUNT];
	uint64_t lost;
	uint64_t gap_ns, pause_ns; /* mean between events of a slice, and between slices */
	uint64_t first_pause_ns;
	double smooth_rate;
	double rate;

	uint8_t *pids; /* taken ones, a bit each */
	uint32_t next_pid, max_pid;
	struct proc *living, *dead, *free_procs;
	struct task *free_tasks, *sleeping;
	struct image *free_images;
	struct image *all_images;
	struct task *all_tasks;
	struct task *standing[MAX_STANDING]; /* who work is given to, by workload */
	uint8_t standing_work[MAX_STANDING];
	uint32_t n_standing;
	uint32_t n_living, n_runnable;
	struct proc *init;

	uint32_t n_plants, planted;
	struct truth_step *steps;
	uint32_t n_steps, max_steps;
	bool with_loss;
	uint64_t next_loss;

	/* Files of the plans, looked up once. */
	struct {
		uint32_t gcc, cc1, as, ld, collect2, make, dash, bash, ls, grep, sed, cat, sort, wc,
			find, mawk, date, rm, cp, tar, python, perl, git, curl, dpkg, apt, sudo, id,
			chmod, sshd, nginx, php, postgres, cron, logrotate, systemd, journald,
			exporter, rsyslogd, agetty;
	} bin;
	const struct reel_type *types[EV_MAX_TYPES];
	struct reel_record record;
	int err; /* -ENOMEM has happened: the generator stops */
};

/* lib_proc.c */
struct proc *proc_fork(struct machine *m, struct proc *parent, uint64_t ts);
struct task *task_new(struct machine *m, struct proc *p, uint32_t tid, uint64_t ts);
uint32_t pid_new(struct machine *m);
void pid_free(struct machine *m, uint32_t pid);
struct image *image_new(struct machine *m, uint32_t exe);
void image_arg(struct image *i, const char *text);
void image_args(struct image *i, const char *bytes, size_t length);
void proc_exec(struct machine *m, struct proc *p, struct image *i, uint64_t ts);
void proc_exit(struct machine *m, struct proc *p, uint64_t ts);
void task_free(struct machine *m, struct task *t);
/* Nobody will ask about times before ts any more. */
void proc_forget(struct machine *m, uint64_t ts);
void procs_done(struct machine *m);
const struct image *proc_image_at(const struct proc *p, uint64_t ts);

/* lib_emit.c: the record of an op, into the ring of its CPU or of the state. */
void emit_op(struct machine *m, struct task *t, const struct op *op, struct cpu *c);
void emit_fork(struct machine *m, struct task *t, const struct proc *child, struct cpu *c);
void emit_thread(struct machine *m, struct task *t, const struct task *child, struct cpu *c);
void emit_exit(struct machine *m, struct task *t, struct cpu *c);
int ring_add(struct ring *r, const void *record, size_t length);

/* lib_sim.c */
struct machine_options {
	uint64_t seed, events, rate;
	uint32_t cpus, plants, max_pid;
	bool loss;
};
int machine_init(struct machine *m, const struct machine_options *o);
void machine_done(struct machine *m);
/* One round of all CPUs up to m->now; false when all events have been made. */
bool machine_round(struct machine *m, uint64_t round_ns);
void task_ready(struct machine *m, struct task *t);

#endif
