/* SPDX-License-Identifier: BSD-2-Clause */
#include "record/user.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "record/elf_child.h"
#include "record/now.h"
#include "record/user_attach.h"
#include "record/user_code.h"
#include "record/user_find.h"
#include "record/user_seen.h"
#include "record/user_table.h"

enum {
	MORE_FDS = 256, /* what the process needs besides */
	REASON_BYTES = 200,
};

struct probed {
	dev_t dev;
	ino_t inode;
	pid_t owner; /* of the descriptors */
	unsigned n_fds;
	int *fds;
};

/* Types that a file leads to. */
enum { TYPE_TLS = 1, TYPE_SETUP = 2, TLS_TYPES = 3, TYPE_LINE = 4 };

/* What became of a file, for the next keyframe. */
struct told {
	char *path, *reason;
	uint8_t types, status;
};

struct waiting {
	struct user_mapped mapped;
	char *path;
};

struct user_probes {
	struct user_attacher attacher;
	struct elf_parser *parser;
	int files_fd; /* the map of files */
	struct probed probed[USER_FILES];
	unsigned n_files, n_probes, n_fds;
	struct user_seen seen;
	struct waiting queue[USER_QUEUE];
	unsigned first, n_waiting;
	struct told told[USER_TOLD];
	unsigned n_told;
	bool full_told, queue_told;
	struct elf_answer answer;
	struct reel_record record;
};

static const char *const program_names[] = { "user_enter", "user_return" };
static const char *const map_names[] = { "user_sessions", "user_bios",	"user_frames",
					 "user_insides",  "user_files", "user_functions",
					 "user_scratches" };

int user_probes_prepare(struct bpf_object *object, bool wanted, const struct btf *kernel)
{
	bool multi = wanted && user_attach_has_multi(kernel);

	for (size_t i = 0; i < sizeof(program_names) / sizeof(*program_names); i++) {
		struct bpf_program *program =
			bpf_object__find_program_by_name(object, program_names[i]);

		if (!program)
			return -ENOENT;
		bpf_program__set_autoload(program, wanted);
		if (multi)
			user_attach_set_multi(program);
	}
	for (size_t i = 0; i < sizeof(map_names) / sizeof(*map_names); i++) {
		struct bpf_map *map = bpf_object__find_map_by_name(object, map_names[i]);

		if (!map)
			return -ENOENT;
		bpf_map__set_autocreate(map, wanted);
	}
	return 0;
}

/* The kernel programs learn what each function is. */
static int tell_functions(int map, struct reel_err *err)
{
	for (uint32_t i = 0; i < n_user_rows; i++) {
		const struct user_row *row = &user_rows[i];
		struct user_function f = {
			.kind = (uint8_t)row->kind,
			.library = (uint8_t)row->library,
			.param = (uint8_t)row->param,
			.path = { (uint8_t)(row->path[0] - 1), (uint8_t)(row->path[1] - 1) },
			.cipher = (uint8_t)(row->cipher - 1),
			.name_bytes = (uint16_t)strlen(row->name),
		};

		memcpy(f.name, row->name, f.name_bytes);
		if (bpf_map_update_elem(map, &i, &f, BPF_ANY) < 0)
			return reel_err_set(err, -errno, "cannot tell functions: %s",
					    strerror(errno));
	}
	return 0;
}

/* As many descriptors as may be had. */
static void want_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= USER_MAX_FDS + MORE_FDS)
		return;
	limit.rlim_cur = limit.rlim_max < USER_MAX_FDS + MORE_FDS ? limit.rlim_max :
								    USER_MAX_FDS + MORE_FDS;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

int user_probes_new(const struct bpf_object *object, struct user_probes **ret, struct reel_err *err)
{
	struct user_probes *p = calloc(1, sizeof(*p));
	int functions_fd, r;

	if (!p)
		return reel_err_set(err, -ENOMEM, "no memory for probes");
	p->files_fd = bpf_object__find_map_fd_by_name(object, "user_files");
	functions_fd = bpf_object__find_map_fd_by_name(object, "user_functions");
	r = user_attacher_init(&p->attacher,
			       bpf_object__find_program_by_name(object, program_names[0]),
			       bpf_object__find_program_by_name(object, program_names[1]), err);
	if (r == 0)
		r = tell_functions(functions_fd, err);
	if (r == 0)
		r = elf_parser_new(&p->parser, err);
	if (r < 0) {
		free(p);
		return r;
	}
	want_descriptors();
	*ret = p;
	return 0;
}

void user_probes_fds(const struct user_probes *p, int ret[USER_KEEP_FDS])
{
	ret[0] = p->attacher.enter_fd;
	ret[1] = p->attacher.return_fd;
	ret[2] = p->files_fd;
}

void user_probes_stats(const struct user_probes *p, struct user_stats *ret)
{
	*ret = (struct user_stats){ .files = p->n_files, .probes = p->n_probes, .fds = p->n_fds };
}

bool user_probes_by_perf(const struct user_probes *p)
{
	return !p->attacher.multi;
}

bool user_path_matters(const char *path, size_t length)
{
	char name[NAME_MAX + 1];
	const char *slash = memrchr(path, '/', length);
	size_t bytes = slash ? length - (size_t)(slash + 1 - path) : length;
	bool if_executable;

	if (bytes >= sizeof(name))
		return false;
	memcpy(name, path + length - bytes, bytes);
	name[bytes] = '\0';
	return user_libraries_of(name, &if_executable) != 0;
}

static void close_fds(int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
}

void user_probes_free(struct user_probes *p)
{
	pid_t self = getpid();

	if (!p)
		return;
	for (unsigned i = 0; i < p->n_files; i++) {
		if (p->probed[i].owner == self)
			close_fds(p->probed[i].fds, p->probed[i].n_fds);
		free(p->probed[i].fds);
	}
	for (unsigned i = 0; i < p->n_waiting; i++)
		free(p->queue[(p->first + i) % USER_QUEUE].path);
	for (unsigned i = 0; i < p->n_told; i++) {
		free(p->told[i].path);
		free(p->told[i].reason);
	}
	elf_parser_free(p->parser);
	free(p);
}

/* Coverage ------------------------------------------------------------------------------------ */

/* In the order of the names of coverage.status. */
enum status { LOADED, NOT_WANTED, NOT_THERE, REFUSED, FILTER, PARTLY };

static int put_coverage(struct user_probes *p, const struct told *t, const struct record_sink *sink,
			struct reel_err *err)
{
	static const char *const names[] = { "", "tls", "tls_setup", "tls tls_setup" };
	struct ev_coverage *e = reel_record_begin(&p->record, reel_type_by_id(EV_coverage));
	char hook[PATH_MAX + 32], types[64];

	snprintf(hook, sizeof(hook), "uprobes %s", t->path);
	snprintf(types, sizeof(types), "%s%s%s", names[t->types & TLS_TYPES],
		 t->types & TLS_TYPES && t->types & TYPE_LINE ? " " : "",
		 t->types & TYPE_LINE ? "line" : "");
	e->status = t->status;
	p->record.header.ts = now_boottime_ns();
	reel_record_string(&p->record, hook, strlen(hook));
	reel_record_string(&p->record, types, strlen(types));
	reel_record_string(&p->record, t->reason, strlen(t->reason));
	return record_put(sink, &p->record, err);
}

/* Without a sink it is kept to be told when a keyframe asks. */
static int tell(struct user_probes *p, const char *path, unsigned types, const char *reason,
		enum status status, const struct record_sink *sink, struct reel_err *err)
{
	struct told t = { .path = strdup(path),
			  .reason = strdup(reason),
			  .types = (uint8_t)types,
			  .status = (uint8_t)status };
	int r = 0;

	if (t.path && t.reason && sink)
		r = put_coverage(p, &t, sink, err);
	if (t.path && t.reason && p->n_told < USER_TOLD) {
		p->told[p->n_told++] = t;
	} else {
		free(t.path);
		free(t.reason);
	}
	return r;
}

static int tell_again(struct user_probes *p, const struct record_sink *sink, struct reel_err *err)
{
	int r = 0;

	for (unsigned i = 0; i < p->n_told && r == 0; i++)
		r = put_coverage(p, &p->told[i], sink, err);
	return r;
}

/* Types that a row leads to, as bits. */
static unsigned type_bit(const struct user_row *row)
{
	const char *type = user_row_type(row);

	return strcmp(type, "tls") == 0	      ? TYPE_TLS :
	       strcmp(type, "tls_setup") == 0 ? TYPE_SETUP :
	       strcmp(type, "line") == 0      ? TYPE_LINE :
						0;
}

/* Probing a file ------------------------------------------------------------------------------ */

/* The names that are looked for: functions, getters, proofs, in this order. */
static size_t list_names(const char *names[ELF_MAX_NAMES])
{
	size_t n = 0;

	for (size_t i = 0; i < n_user_rows; i++)
		names[n++] = user_rows[i].name;
	for (size_t i = 0; i < n_user_getters; i++)
		names[n++] = user_getters[i].name;
	for (size_t i = 0; i < USER_LIBRARIES; i++)
		names[n++] = user_proofs[i];
	return n;
}

static int open_wanted(void *arg, struct reel_err *err)
{
	return user_find(arg, err);
}

static void read_code(const struct elf_answer *a, unsigned libraries, struct user_file *ret)
{
	for (size_t i = 0; i < n_user_getters; i++) {
		const struct elf_function *f = &a->function[n_user_rows + i];

		if (a->bits == 64 && f->offset && libraries & USER_IN(user_getters[i].library))
			(void)user_code_read(f->code, f->code_bytes,
					     &ret->get[user_getters[i].property]);
	}
	for (size_t i = 0; i < n_user_rows; i++)
		if (a->function[i].offset && a->function[i].segment_bytes <= UINT32_MAX)
			ret->code_bytes = (uint32_t)a->function[i].segment_bytes;
}

struct probing {
	const char *path;
	unsigned libraries;
	bool executable;
	bool known; /* nobody has asked for it */
	struct user_file file;
	unsigned types; /* that its functions lead to */
	unsigned n, n_refused;
	int code; /* why */
	int fds[2 * USER_MAX_POINTS];
	size_t n_fds;
};

static void probe_side(struct user_probes *p, struct probing *g, int file_fd, bool at_return)
{
	struct user_point points[USER_FUNCTIONS];
	const struct elf_function *f = p->answer.function;
	size_t n = 0, n_fds;
	int code, r;

	for (size_t i = 0; i < n_user_rows; i++) {
		const struct user_row *row = &user_rows[i];

		if (!f[i].offset || f[i].into > UINT32_MAX ||
		    !(g->libraries & USER_IN(row->library)) ||
		    !(at_return ? user_row_returns(row) : user_row_enters(row)))
			continue;
		/* Without a name for the cipher there is nothing to tell. */
		if (row->kind == USER_CRYPTO && !g->file.get[USER_GET_EVP_NAME].loads)
			continue;
		points[n++] = (struct user_point){ .offset = f[i].offset,
						   .cookie = f[i].into << 32 |
							     (uint64_t)p->n_files << 16 | i };
		g->types |= type_bit(row);
	}
	if (n == 0)
		return;
	if (p->n_fds + g->n_fds + n > USER_MAX_FDS) {
		g->code = -EMFILE;
		g->n_refused += (unsigned)n;
		return;
	}
	r = user_attach(&p->attacher, file_fd, points, n, at_return, g->fds + g->n_fds, &n_fds,
			&code);
	g->n_fds += n_fds;
	g->n += r > 0 ? (unsigned)r : 0;
	g->n_refused += (unsigned)n - (r > 0 ? (unsigned)r : 0);
	if (code)
		g->code = code;
}

/* It has probes now: keeps what holds them. */
static int keep_probes(struct user_probes *p, struct probing *g, const struct stat *st)
{
	struct probed *f = &p->probed[p->n_files];
	int *fds = malloc((g->n_fds ? g->n_fds : 1) * sizeof(*fds));

	if (!fds)
		return -ENOMEM;
	memcpy(fds, g->fds, g->n_fds * sizeof(*fds));
	*f = (struct probed){ .dev = st->st_dev,
			      .inode = st->st_ino,
			      .owner = getpid(),
			      .n_fds = (unsigned)g->n_fds,
			      .fds = fds };
	p->n_files++;
	p->n_fds += (unsigned)g->n_fds;
	p->n_probes += g->n;
	return 0;
}

static int probe_found(struct user_probes *p, struct probing *g, int file_fd, const struct stat *st,
		       const struct record_sink *sink, struct reel_err *err)
{
	uint32_t index = p->n_files;
	char reason[REASON_BYTES] = "";
	size_t bytes = strlen(g->path);

	read_code(&p->answer, g->libraries, &g->file);
	/* In an executable its own calls are the program's. */
	if (g->executable)
		g->file.code_bytes = 0;
	g->file.true_bytes = (uint16_t)(bytes < UINT16_MAX ? bytes : UINT16_MAX);
	g->file.name_bytes = (uint16_t)(bytes < USER_FILE_BYTES ? bytes : USER_FILE_BYTES - 1);
	memcpy(g->file.name, g->path, g->file.name_bytes);
	if (bpf_map_update_elem(p->files_fd, &index, &g->file, BPF_ANY) < 0) {
		snprintf(reason, sizeof(reason), "cannot tell its name: %s", strerror(errno));
		return tell(p, g->path, 0, reason, REFUSED, sink, err);
	}
	/* Returns first: a function is told when it returns, so that nothing is told by halves. */
	probe_side(p, g, file_fd, true);
	probe_side(p, g, file_fd, false);
	if (g->n > 0 && keep_probes(p, g, st) < 0) {
		close_fds(g->fds, g->n_fds);
		g->n = 0;
		g->code = -ENOMEM;
	}
	if (g->n_refused)
		snprintf(reason, sizeof(reason), "%u of %u probes: %s", g->n, g->n + g->n_refused,
			 strerror(-g->code));
	if (g->n == 0 && g->n_refused == 0)
		return g->known ?
			       0 :
			       tell(p, g->path, 0, "none of the functions", NOT_THERE, sink, err);
	return tell(p, g->path, g->types, reason,
		    g->n == 0	 ? REFUSED :
		    g->n_refused ? PARTLY :
				   LOADED,
		    sink, err);
}

static bool is_probed(const struct user_probes *p, const struct stat *st)
{
	for (unsigned i = 0; i < p->n_files; i++)
		if (p->probed[i].dev == st->st_dev && p->probed[i].inode == st->st_ino)
			return true;
	return false;
}

/* Libraries that an executable has within it: those that are there whole. */
static unsigned proven(const struct elf_answer *a, unsigned libraries)
{
	size_t first = n_user_rows + n_user_getters;

	for (unsigned i = 0; i < USER_LIBRARIES; i++)
		if (!a->function[first + i].offset)
			libraries &= ~USER_IN(i);
	return libraries;
}

/* Why there is no answer: some of it may be different the next time. */
static bool may_change(int code)
{
	return code == -ENOENT || code == -ESRCH || code == -ETIMEDOUT || code == -EBUSY ||
	       code == -ESTALE || code == -EAGAIN || code == -ENOMEM;
}

struct looked {
	int code; /* < 0: it could not be looked at */
	char why[REASON_BYTES];
};

static int look_into(struct user_probes *p, const struct user_wanted *w, struct probing *g,
		     struct looked *ret, const struct record_sink *sink, struct reel_err *err)
{
	const char *names[ELF_MAX_NAMES];
	struct elf_request q = { .open_it = open_wanted, .names = names };
	struct user_wanted wanted = *w;
	struct reel_err why = { 0 };
	char known[64], real[PATH_MAX];
	struct stat st;
	ssize_t n;
	int fd, r = 0;

	q.n_names = list_names(names);
	q.arg = &wanted;
	fd = ret->code = elf_child_open(p->parser, &q, &st, &why);
	if (fd < 0)
		goto out;
	ret->code = 0;
	if (is_probed(p, &st))
		goto out;
	ret->code = elf_child_find(p->parser, &p->answer, &why);
	if (ret->code < 0)
		goto out;
	if (w->if_executable) {
		g->libraries = proven(&p->answer, g->libraries);
		if (!g->libraries)
			goto out;
	}
	/* Directories that are links lead to the same file by many names. */
	snprintf(known, sizeof(known), "/proc/self/fd/%d", fd);
	n = w->pid ? -1 : readlink(known, real, sizeof(real) - 1);
	if (n > 0) {
		real[n] = '\0';
		g->path = real;
	}
	if (p->n_files == USER_FILES || p->n_fds >= USER_MAX_FDS) {
		if (!p->full_told)
			r = tell(p, "of further files", 0, "too many files have probes", REFUSED,
				 sink, err);
		p->full_told = true;
	} else {
		r = probe_found(p, g, fd, &st, sink, err);
	}
out:
	elf_child_close(p->parser);
	if (fd >= 0)
		close(fd);
	snprintf(ret->why, sizeof(ret->why), "%.199s", why.msg);
	return r;
}

int user_probes_file(struct user_probes *p, const struct user_mapped *mapped,
		     const struct record_sink *sink, struct reel_err *err)
{
	struct user_wanted wanted = { .pid = mapped->pid,
				      .dev = mapped->dev,
				      .inode = mapped->inode,
				      .path = mapped->path };
	struct probing g = { .path = mapped->path };
	struct looked looked;
	struct user_look *seen = NULL;
	int r;

	g.libraries = user_libraries_of(mapped->path, &wanted.if_executable);
	g.executable = wanted.if_executable;
	g.known = !mapped->pid;
	if (!g.libraries)
		return 0;
	if (mapped->pid) {
		seen = user_seen_find(&p->seen, mapped->dev, mapped->inode, mapped->path);
		if (seen && !seen->again)
			return 0;
	}
	r = look_into(p, &wanted, &g, &looked, sink, err);
	if (r < 0 || !mapped->pid)
		return r;
	/* Of executables that could not be looked at, nothing says that they are of interest. */
	if (looked.code < 0 && !seen && !wanted.if_executable)
		r = tell(p, mapped->path, 0, looked.why, REFUSED, sink, err);
	if (!seen)
		seen = user_seen_add(&p->seen, mapped->dev, mapped->inode, mapped->path);
	seen->again = may_change(looked.code);
	return r;
}

/*
 * Where libraries usually are --------------------------------------------------------------------
 */

static int probe_directory(struct user_probes *p, const char *path, const struct record_sink *sink,
			   struct reel_err *err)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	int r = 0;

	if (!dir)
		return 0;
	while (r == 0 && (entry = readdir(dir)) != NULL) {
		struct user_mapped mapped = { 0 };
		char file[PATH_MAX];

		/* What it leads to has such a name too. */
		if (entry->d_type == DT_LNK)
			continue;
		for (const struct user_pattern *u = user_patterns; u->glob; u++)
			if (fnmatch(u->glob, entry->d_name, 0) == 0)
				mapped.path = file;
		if (!mapped.path ||
		    snprintf(file, sizeof(file), "%s/%s", path, entry->d_name) >= (int)sizeof(file))
			continue;
		r = user_probes_file(p, &mapped, sink, err);
	}
	closedir(dir);
	return r;
}

int user_probes_known(struct user_probes *p, const struct record_sink *sink, struct reel_err *err)
{
	int r = 0;

	for (const char *const *dir = user_directories; *dir && r == 0; dir++)
		r = probe_directory(p, *dir, sink, err);
	for (const char *const *shell = user_shells; *shell && r == 0; shell++) {
		struct user_mapped mapped = { .path = *shell };

		r = user_probes_file(p, &mapped, sink, err);
	}
	return r;
}

/*
 * As a task of the helper ------------------------------------------------------------------------
 */

static int run(void *state, const struct helper_request *q, const struct record_sink *sink,
	       struct reel_err *err)
{
	struct user_probes *p = state;
	struct user_mapped mapped = { .pid = q->pid,
				      .dev = q->dev,
				      .inode = q->inode,
				      .path = q->path };
	const struct user_look *seen;
	struct waiting *w;
	bool if_executable;
	char *path;

	if (!q->pid && q->again) {
		int r = tell_again(p, sink, err);

		return r < 0 ? r : HELPER_ANSWERED;
	}
	if (q->pid && !user_libraries_of(q->path, &if_executable))
		return HELPER_ANSWERED;
	seen = user_seen_find(&p->seen, mapped.dev, mapped.inode, mapped.path);
	if (seen && !seen->again)
		return HELPER_ANSWERED;
	path = p->n_waiting < USER_QUEUE ? strdup(q->path) : NULL;
	if (!path) {
		int r = p->queue_told ?
				0 :
				tell(p, "of some files", 0, "too many files were mapped at once",
				     PARTLY, sink, err);

		p->queue_told = true;
		return r < 0 ? r : HELPER_ANSWERED;
	}
	w = &p->queue[(p->first + p->n_waiting++) % USER_QUEUE];
	*w = (struct waiting){ .mapped = mapped, .path = path };
	w->mapped.path = path;
	return HELPER_LATER;
}

static int work(void *state, unsigned *answered, const struct record_sink *sink,
		struct reel_err *err)
{
	struct user_probes *p = state;
	struct waiting *w;
	int r;

	if (!p->n_waiting)
		return 0;
	w = &p->queue[p->first];
	r = w->mapped.pid ? user_probes_file(p, &w->mapped, sink, err) :
			    user_probes_known(p, NULL, err);
	free(w->path);
	p->first = (p->first + 1) % USER_QUEUE;
	p->n_waiting--;
	++*answered;
	return r < 0 ? r : p->n_waiting > 0;
}

struct helper_task user_probes_task(struct user_probes *p)
{
	return (struct helper_task){ .kind = HELPER_UPROBE, .state = p, .run = run, .work = work };
}
