/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rules as they are run, whatever language they were written in: leaves (one test of one field),
 * boolean expressions over leaves, steps (an expression on some types of events), and for each rule
 * a tree of nodes, which are its ways unfolded. A front end makes them; scan.c and sequence.c run
 * them. Everything here is data: after rules_finish() a set does not change, and threads share it.
 */
#ifndef REEL_REPLAY_RULES_H
#define REEL_REPLAY_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/events.h"
#include "format/err.h"
#include "format/types.h"
#include "replay/derive.h"
#include "replay/match.h"
#include "replay/truth.h"

enum {
	RULES_NODES_MAX = 4096,		/* of a rule, unfolded */
	RULES_NESTING_MAX = 64,
	RULES_ALL_MAX = 8,
	RULES_COUNT_MAX = 1024,
	RULES_FILE_MAX = 16 << 20,
	RULES_NONE = -1,
};
#define RULES_FOREVER UINT64_MAX

/* Whose value a leaf asks for. */
enum rule_scope {
	RULE_OF_EVENT, /* a field of the event's own type, or one that all events have */
	RULE_OF_PROCESS,
	RULE_OF_PARENT,
	RULE_OF_ANCESTOR,	/* any of them */
	RULE_OF_STEP,		/* on the right side only: of a named step's event */
	RULE_OF_LEVEL,		/* the one so many above; 0: itself */
};

/*
 * Fields that are in no type's list. One row a field: name in rules, kind, hint of its names.
 *	X(ident, name, kind, hint, what it says)
 * First those of the event itself, then (from RULE_CONTEXT_PROCESS on) those of its process.
 */
#define RULE_EVENT_FIELDS(X)									\
	X(type, "type", TEXT, "", "name of the event's type")					\
	X(pid, "pid", U32, "pid", "process")							\
	X(tid, "tid", U32, "pid", "thread")							\
	X(cpu, "cpu", U16, "dec", "where it was seen")						\
	X(ret, "ret", S64, "dec", "result of the call")						\
	X(errno_, "errno", U32, "errno", "the error of a call that failed")			\
	X(syscall, "syscall", TEXT, "", "name of the call that caused it")			\
	X(fault, "fault", U8, "bool", "memory could not be read")				\
	X(truncated, "truncated", U8, "bool", "some string was cut")				\
	X(raced, "raced", U8, "bool", "its descriptor or path changed while it was looked at")	\
	X(blocked, "blocked", U8, "bool", "seccomp refused the call")				\
	X(restarted, "restarted", U8, "bool", "the kernel runs the call again")			\
	X(keyframe, "keyframe", U8, "bool", "says how things are, not that they changed")	\
	X(partial, "partial", U8, "bool", "totals may lack a part, or the result is not known")	\
	X(pathname, "pathname", PATH, "", "path, or path_arg: as resolved or as passed")	\
	X(filename, "filename", PATH, "", "the same")						\
	X(argv_line, "argv_line", TEXT, "", "of exec: its arguments with blanks between them")	\
	X(from_addr, "from_addr", ADDR, "", "of connect and accept: address of who connects")	\
	X(from_port, "from_port", U16, "dec", "and its port")					\
	X(to_addr, "to_addr", ADDR, "", "address of who is connected to")			\
	X(to_port, "to_port", U16, "dec", "and its port")
#define RULE_PROCESS_FIELDS(X)									\
	X(exe, "exe", PATH, "", "the program that runs; of a script its interpreter")		\
	X(comm, "comm", TEXT, "", "short name, at most 15 bytes")				\
	X(cmdline, "cmdline", TEXT, "", "the arguments with blanks between them")		\
	X(argv, "argv", ARGS, "", "the arguments: any, or with [N] one")			\
	X(cwd, "cwd", PATH, "", "working directory")						\
	X(root, "root", PATH, "", "root directory, where it is not that of the machine")	\
	X(user, "user", TEXT, "", "name of uid")						\
	X(uid, "uid", U32, "dec", "real user id")						\
	X(euid, "euid", U32, "dec", "effective user id")					\
	X(suid, "suid", U32, "dec", "saved user id")						\
	X(fsuid, "fsuid", U32, "dec", "user id that counts for files")				\
	X(gid, "gid", U32, "dec", "real group id")						\
	X(egid, "egid", U32, "dec", "effective group id")					\
	X(sgid, "sgid", U32, "dec", "saved group id")						\
	X(fsgid, "fsgid", U32, "dec", "group id that counts for files")				\
	X(loginuid, "loginuid", U32, "dec", "who logged in")					\
	X(ppid, "ppid", U32, "pid", "the process that made it")					\
	X(vpid, "vpid", U32, "pid", "its number in its own PID namespace")			\
	X(sid, "sid", U32, "pid", "session")							\
	X(pgid, "pgid", U32, "pid", "process group")						\
	X(tty, "tty", U32, "dev", "controlling terminal, 0: none")				\
	X(cap_effective, "cap_effective", U64, "caps", "effective capabilities")		\
	X(cap_permitted, "cap_permitted", U64, "caps", "permitted capabilities")		\
	X(cap_inheritable, "cap_inheritable", U64, "caps", "inheritable capabilities")		\
	X(cap_bounding, "cap_bounding", U64, "caps", "bounding set")				\
	X(cap_ambient, "cap_ambient", U64, "caps", "ambient capabilities")			\
	X(mnt_ns, "mnt_ns", U32, "dec", "mount namespace")					\
	X(pid_ns, "pid_ns", U32, "dec", "PID namespace")					\
	X(net_ns, "net_ns", U32, "dec", "network namespace")					\
	X(user_ns, "user_ns", U32, "dec", "user namespace")					\
	X(uts_ns, "uts_ns", U32, "dec", "UTS namespace")					\
	X(ipc_ns, "ipc_ns", U32, "dec", "IPC namespace")					\
	X(cgroup_ns, "cgroup_ns", U32, "dec", "cgroup namespace")				\
	X(seccomp_mode, "seccomp_mode", U8, "off|strict|filter", "whether seccomp is in force")	\
	X(no_new_privs, "no_new_privs", U8, "bool", "it can gain no privilege by exec")		\
	X(kernel_thread, "kernel_thread", U8, "bool", "it is one")				\
	X(container_id, "container.id", TEXT, "", "id of its container; absent on the host")	\
	X(container_name, "container.name", TEXT, "", "name of its container")			\
	X(container_image, "container.image", TEXT, "", "image of its container")		\
	X(container_runtime, "container.runtime", U8,						\
	  "unknown|docker|podman|containerd|cri-o", "what runs its container")			\
	X(container_privileged, "container.privileged", U8, "bool", "it has all rights")	\
	X(host, "host", TEXT, "", "name of the machine")

enum rule_context {
#define X(ident, name, kind, hint, doc) RULE_##ident,
	RULE_EVENT_FIELDS(X) RULE_CONTEXT_PROCESS,
	RULE_CONTEXT_BEFORE = RULE_CONTEXT_PROCESS - 1,
	RULE_PROCESS_FIELDS(X)
#undef X
	RULE_CONTEXTS,
	RULE_DERIVED = 0xfe,	/* worked out from others: rule_ref.derived says how */
	RULE_OWN_FIELD = 0xff,	/* of the type's list: by its name */
};

struct rule_context_row {
	const char *name;
	const char *hint;
	const char *doc;
	uint8_t kind;		/* enum reel_kind */
};
/* By enum rule_context; the place of RULE_CONTEXT_PROCESS is the first process field's own. */
extern const struct rule_context_row rule_contexts[];

/* What is done to a value before it is compared. */
enum rule_transform {
	RULE_TO_LOWER = 1, RULE_TO_UPPER, RULE_FROM_BASE64, RULE_BASENAME, RULE_LENGTH,
	RULE_TRANSFORMS_MAX = 4,
};

/* A number or an address may be compared as the text that it is written as. */
enum rule_shown {
	RULE_AS_IT_IS, RULE_AS_DECIMAL, RULE_AS_HEX, RULE_AS_BOOL, RULE_AS_ADDRESS,
	RULE_AS_NUMBER, /* the other way: a text of digits, else nothing */
};

struct rule_call;

/* A field as a leaf names it. */
struct rule_ref {
	uint8_t scope;		/* enum rule_scope */
	uint8_t context;	/* enum rule_context, or RULE_OWN_FIELD */
	uint8_t kind;		/* enum reel_kind without REEL_OPTIONAL: what it is compared as */
	bool is_signed;
	bool as_kept;		/* data of which nothing was kept is nothing, not unknown */
	int16_t index;		/* argv[N]; RULES_NONE: any, or no list */
	int16_t slot;		/* RULE_OF_STEP: which of the rule's bound values */
	uint8_t shown;		/* enum rule_shown: its kind is REEL_TEXT, of AS_NUMBER REEL_S64 */
	uint8_t level;		/* RULE_OF_LEVEL */
	uint8_t derived;	/* RULE_DERIVED: enum derived */
	/* enum rule_transform, in the order in which they are applied; 0: no more. */
	uint8_t transforms[RULE_TRANSFORMS_MAX];
	const char *own;	/* RULE_OWN_FIELD: name, as in the type's list; RULE_DERIVED: of the
				 * field or variable that it is made from, NULL; of a CALL all of
				 * its text: two of the same text are the same */
	const char *hint;
	const struct rule_call *call; /* DERIVED_composed; else NULL */
};

/* What is made of several values: one text, or those of a list one by one. */
enum rule_call_kind { RULE_CONCAT, RULE_JOIN, RULE_GETOPT };
enum {
	RULE_CALL_PARTS_MAX = 16,	/* as they are written; with a separator one more */
	RULE_CALLS_DEEP = 4,		/* calls in calls */
	RULE_COMPOSED_MAX = 65535,	/* bytes; the rest is cut off */
};
struct rule_part {
	const struct rule_ref *ref; /* NULL: the bytes */
	const char *bytes;
	uint32_t length;
	uint8_t shown;		/* enum rule_shown: if it is a number or an address */
};
struct rule_call {
	uint8_t kind;		/* enum rule_call_kind */
	bool is_list;		/* GETOPT without a selector */
	bool of_argv;		/* GETOPT: the arguments of its one part, one by one */
	bool asks_result;	/* some part asks how the call ended */
	char selector;		/* GETOPT: what stands with this option; 0: IS_LIST */
	const char *options;	/* GETOPT: as getopt() has them */
	uint8_t types[32];	/* of events that can have all parts */
	struct rule_part *parts; /* JOIN: the separator first */
	uint32_t n;
};

enum rule_op {
	RULE_EQ, RULE_NE, RULE_LT, RULE_LE, RULE_GT, RULE_GE,
	RULE_BITS,		/* & */
	RULE_REGEX, RULE_NOT_REGEX,
	RULE_CONTAINS, RULE_STARTS, RULE_ENDS, RULE_GLOB,
	RULE_CIDR,		/* also `in` of addresses */
	RULE_EXISTS,
	RULE_TRUE_FLAG,		/* a field alone */
};

struct rule_net {
	uint8_t addr[16];
	uint8_t bits;		/* of 128 */
};

/* A value on the right: one of a leaf's. */
struct rule_value {
	uint64_t number;	/* integers; signed ones sign-extended */
	struct rule_net net;	/* addresses: bits is 128 */
	char *bytes;		/* strings */
	uint32_t length;
	uint32_t test;		/* strings: its number in the matcher of the leaf's role */
	uint32_t any_test;	/* the same of any argument, where the leaf asks of one */
};

/* Tests of a matcher, by word of its rows: one that holds is enough. */
struct rule_tests {
	uint32_t word;
	uint64_t bits;
};

/* Which matcher a string goes through. */
enum rule_role { RULE_ROLE_PATH, RULE_ROLE_TEXT, RULE_ROLE_ARGS, RULE_ROLE_LINE, RULE_ROLES };

/*
 * One test. `in` is RULE_EQ with several values: one that fits is enough (with RULE_NE and
 * RULE_NOT_REGEX none may). Identical leaves of all rules are one.
 */
struct rule_leaf {
	struct rule_ref left;
	uint8_t op;		/* enum rule_op */
	uint8_t role;		/* enum rule_role, for strings */
	uint8_t match_flags;	/* enum match_flags */
	bool any_other;		/* NE: some value is another, not: none is the same */
	bool has_right;		/* compared with this field instead of values: */
	struct rule_ref right;
	struct rule_value *values;
	uint32_t n_values;
	struct rule_tests *tests; /* of all values, where they are strings */
	uint32_t n_tests;
	bool has_any_tests; /* its argument is seen by a look at all of them at once */
};

/* Expressions: a pool of nodes. AND and OR have two children, NOT one. */
enum rule_expr_op { RULE_EXPR_TRUE, RULE_EXPR_LEAF, RULE_EXPR_NOT, RULE_EXPR_AND, RULE_EXPR_OR };
struct rule_expr {
	uint8_t op;
	uint32_t a;		/* child, or leaf */
	uint32_t b;
};

enum rule_outcome { RULE_SUCCEEDED, RULE_FAILED, RULE_ATTEMPTED };

/* What one event must be. Identical steps of all rules are one. */
struct rule_step {
	uint8_t types[32];	/* bit t: of this type */
	uint8_t outcome;
	bool reads_bound;	/* some leaf has a RULE_OF_STEP on its right */
	bool reads_context;	/* some leaf needs the process */
	bool reads_names;	/* some leaf needs a path found by device and inode */
	uint32_t expr;
};

enum rule_node_kind { RULE_NODE_STEP, RULE_NODE_COUNT, RULE_NODE_ALL, RULE_NODE_WINDOW };

/*
 * WINDOW: of what comes in a time the number, or that of values of `distinct`; or of those their
 * sum, their mean, the one at a percentile (the least that so many of a hundred do not exceed); or
 * how many of a hundred events have one and the same of them, for any of them.
 */
enum rule_measure { RULE_NUMBER, RULE_SUM, RULE_MEAN, RULE_PERCENTILE, RULE_SHARE };
struct rule_window {
	double least, most, except; /* infinite, and no number: it does not matter */
	uint8_t measure;
	uint8_t percentile; /* 0 ... 100 */
	bool is_more, is_less; /* LEAST and MOST themselves do not do */
	/* It begins with the first event and is asked at its end; else it ends with each event. */
	bool closes;
};

/* A value that a node keeps for later ones. */
struct rule_binding {
	struct rule_ref ref;	/* on the event of the node */
	int16_t slot;
};

/* A node of the tree: a token can stand at it. Its ways lead through its parents to the head. */
struct rule_node {
	uint8_t kind;		/* enum rule_node_kind */
	bool collects;		/* `..` */
	bool is_end;
	int32_t parent;		/* node before it; RULES_NONE: it begins the path */
	uint64_t within_ns;	/* after the parent's last event; RULES_FOREVER */
	uint32_t step;		/* STEP, COUNT */
	uint32_t members[RULES_ALL_MAX]; /* ALL: steps */
	uint8_t n_members;
	uint32_t count;		/* COUNT */
	uint64_t window_ns;
	bool has_distinct;
	struct rule_ref distinct;
	struct rule_ref *more_distinct; /* what is counted are all of these together */
	uint32_t n_more_distinct;
	struct rule_window window; /* WINDOW: it is of window_ns */
	/* Conditions that this is the else of: none of these steps may have come since the parent's
	 * token was made; at the head, none with the same event. */
	uint32_t *guards;
	uint32_t n_guards;
	/* `unless` between the parent and here: nor must these, and they also end what is half done
	 * here, of a count or an `all`. */
	uint32_t *stops;
	uint32_t n_stops;
	/* is_end: `unless` behind the last step kills what waits here. */
	uint32_t *unlesses;
	uint32_t n_unlesses;
	uint64_t wait_ns;	/* is_end: a finding only after this time; 0: at once */
	struct rule_binding *bindings;	/* STEP: what it binds; ALL: member by member */
	uint32_t n_bindings;
	uint8_t *binding_member; /* ALL: which member each is of */
	/* RULE_BY_GROUP: the fields that make the key; of ALL those of each member in turn. */
	struct rule_ref *group;
	uint32_t n_group;
	/*
	 * Correlations of correlations: the nodes of each lie together, and CHAIN numbers them.
	 * What ends one of those within is one more event, the one that ended it, to the node
	 * FEEDS - 1; of `all` to this member of it. 0: it ends the rule.
	 */
	uint32_t feeds;
	uint8_t feeds_member, chain;
	uint64_t whole_ns;	/* of the way from its head on; 0: the rule's within_ns */
	const char **blocks;	/* names of the blocks that the way to here leads through */
	uint32_t n_blocks;
	uint32_t line;		/* in the rule's file, of the step */
};

enum rule_key {
	RULE_BY_FAMILY, RULE_BY_PROCESS, RULE_BY_CONTAINER, RULE_BY_USER, RULE_BY_HOST,
	RULE_BY_GROUP, /* values of fields that the nodes name; no key of policies */
};
enum rule_severity {
	RULE_INFORMATIONAL, RULE_LOW, RULE_MEDIUM, RULE_HIGH, RULE_CRITICAL,
};
extern const char *const rule_severity_names[];	/* ends with NULL */
extern const char *const rule_key_names[]; /* of policies; ends with NULL */
const char *rule_key_name(unsigned key);
extern const char *const rule_op_words[]; /* RULE_TRUE_FLAG has none */
enum rule_language { RULE_POLICY, RULE_SIGMA, RULE_FALCO };
extern const char *const rule_language_names[];

struct rule_words {
	const char **v;
	uint32_t n;
};

/* Times of an event, as an output may have them. */
enum rule_output_clock {
	RULE_CLOCK_NONE, RULE_CLOCK_TIME, RULE_CLOCK_TIME_S, RULE_CLOCK_ISO, RULE_CLOCK_DATE,
	RULE_CLOCK_DATE_S, RULE_CLOCK_RAW,
};

/* A text with fields in it, that is filled for each finding. */
struct rule_output_part {
	const char *text;	/* as it is; NULL: a field */
	uint32_t length;
	uint8_t clock;		/* enum rule_output_clock; 0: REF */
	bool is_optional;	/* the whole text before and behind it counts, whatever it is */
	struct rule_ref ref;	/* kind REEL_ARGS: never known */
};
struct rule_output {
	struct rule_output_part *parts;
	uint32_t n;
};

struct rule {
	const char *id;		/* of a policy its name */
	const char *title;
	const char *description, *author;
	const char *file;
	uint32_t line;
	uint8_t language, severity, key;
	struct rule_words tags, references, false_positives;
	const char *status;	/* how far its author trusts it; NULL: nothing is said */
	uint64_t within_ns;	/* of the whole; RULES_FOREVER */
	/* Kill all tokens of the rule and key: `unless` before the first step. */
	uint32_t *unlesses;
	uint32_t n_unlesses;
	struct rule_node *nodes; /* a parent always stands before its children */
	uint32_t n_nodes;
	uint32_t n_slots;	/* bound values */
	uint64_t hash; /* of the compiled form: a rule that did not change keeps its state */
	const char *why_not;	/* it is loaded, and cannot be decided by any capture: why; NULL */
	const char *partly;	/* what of it no capture can decide; NULL */
	/* Falco: */
	const char *priority, *source; /* as Falco words them; NULL */
	const struct rule_output *output; /* what is said of a finding; NULL */
};

struct rule_tune {
	const char *glob;
	uint32_t expr;		/* any of its `unless`: true suppresses */
	uint64_t hash;		/* of that, compiled */
	const char *file;
	uint32_t line;
};

/* Something to be said about a file: an error, or a warning that a text cannot do what it seems
 * to. */
struct rule_note {
	const char *file;
	uint32_t line, column;
	bool is_error;
	char text[256];
};

/* Why a rule is not in the set, although its file is. All but what is WRONG is meant so. */
enum rule_absence {
	RULE_WRONG,
	RULE_UNSUPPORTED, /* its author says that it does not work */
	RULE_DISABLED,	  /* it is switched off */
	RULE_SKIPPED,	  /* it says to be left out where something is not known */
	RULE_PART,	  /* another rule reports for it */
	RULE_ABSENCES,
};
extern const char *const rule_absence_names[]; /* as `reel rules` says it */

struct rule_rejected {
	const char *file, *id, *title; /* what is not known is NULL */
	uint32_t line;
	uint8_t language;
	uint8_t absence; /* enum rule_absence */
	const char *reason;
};

/* A file whose contents the rules are made from. */
struct rules_contents {
	const char *path;
	uint64_t bytes;
	uint8_t hash[32];	/* BLAKE2b-256 */
};

/* A file or directory, as it stood before it was read; all 0: it was not there. */
struct rules_source {
	const char *path;
	uint64_t dev, inode, bytes;
	int64_t changed_ns;
};

struct rules {
	struct rule *list;
	uint32_t n;
	struct rule_tune *tunes;
	uint32_t n_tunes;
	struct rule_step *steps;
	uint32_t n_steps;
	struct rule_expr *exprs;
	uint32_t n_exprs;
	struct rule_leaf *leaves;
	uint32_t n_leaves;
	struct rule_note *notes;
	uint32_t n_notes, n_errors;
	uint32_t n_files, n_rejected;
	struct rule_rejected *rejected;
	uint32_t n_rejected_rules;
	uint32_t n_skipped; /* errors that leave out no more than the rule that they are in */
	struct matcher *matchers[RULE_ROLES];
	struct rules_source *sources; /* what was read, or looked for */
	uint32_t n_sources;
	struct rules_contents *contents; /* in the order in which they were read */
	uint32_t n_contents;
	uint8_t hash[32];	/* BLAKE2b-256 of the hashes of all of these */
	struct rules_maker *maker; /* pools and tables, and the memory of all */
};

/* The making of a set (rules.c) ---------------------------------------------------------------- */

int rules_new(struct rules **ret, struct reel_err *err);
void rules_free(struct rules *r);

/* Memory and text that live as long as the set. NULL: none left. */
void *rules_alloc(struct rules *r, size_t bytes);
const char *rules_text(struct rules *r, const char *bytes, size_t length);

/* Each returns its number, the same one for the same thing, or -ENOMEM. What they are given is
 * copied. */
int64_t rules_add_leaf(struct rules *r, const struct rule_leaf *leaf, struct reel_err *err);
int64_t rules_add_expr(struct rules *r, enum rule_expr_op op, uint32_t a, uint32_t b);
int64_t rules_add_step(struct rules *r, const struct rule_step *step);
/* -EEXIST: another rule has this id. */
int rules_add_rule(struct rules *r, const struct rule *rule, struct reel_err *err);
int rules_add_tune(struct rules *r, const struct rule_tune *tune);
/* What is wrong becomes an error at its line, too. */
int rules_reject(struct rules *r, const struct rule_rejected *rejected);
int rules_note(struct rules *r, bool is_error, const char *file, uint32_t line, uint32_t column,
	       const char *fmt, ...) __attribute__((format(printf, 6, 7)));

/*
 * A file, or a directory with all of its files whose names end in .policy, .yml or .yaml, in the
 * order of their names and its subdirectories too. What is wrong in them becomes notes. A file of
 * policies with an error gives no rules; of other files only that is left out which is wrong. Rules
 * of Sigma are there after rules_finish(), since they may name each other across files. r < 0 only
 * when a path cannot be read at all, or without memory.
 */
int rules_load(struct rules *r, const char *path, struct reel_err *err);

/* Whether it is another now, or has other contents; *ret_now has the same path. */
bool rules_source_differs(const struct rules_source *s, struct rules_source *ret_now);

/* Builds the matchers; nothing can be added afterwards. */
int rules_finish(struct rules *r, struct reel_err *err);

/* Of the rules and tunes that are in the set now, as they were understood. Their order counts, as
 * that of what they find does. */
void rules_hash_compiled(const struct rules *r, uint8_t ret[32]);

/* A predicate alone, as `reel dump --where` has it: an expression that reads no bound values.
 * -EINVAL: the message says what is wrong, and where. */
int rules_predicate(struct rules *r, const char *text, uint32_t *ret_expr, struct reel_err *err);

/* The field of that name on a type, as rules see it; NULL: it has none. */
const struct reel_field *rule_own_field(const struct reel_type *type, const char *name);

/* Which matcher the strings of a field go through. */
enum rule_role rule_ref_role(const struct rule_ref *ref);

#endif
