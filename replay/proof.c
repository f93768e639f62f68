/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/proof_impl.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format/out.h"

/* What is said --------------------------------------------------------------------------------- */

static void copy(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from ? from : "");
}

/* Alterations are kept rather than anything else. NULL: no room. */
static struct proof_remark *new_remark(struct proof *p, enum proof_state state)
{
	if (p->n_remarks < PROOF_REMARKS_MAX)
		return &p->remarks[p->n_remarks++];
	p->n_left_out++;
	for (unsigned i = p->n_remarks; state == PROOF_ALTERED && i-- > 0;)
		if (p->remarks[i].state != PROOF_ALTERED)
			return &p->remarks[i];
	return NULL;
}

static struct proof_remark *remark(struct prover *x, enum proof_state state,
				   const struct proof_place *at)
{
	struct proof_step *step = &x->p->steps[x->step];
	struct proof_remark *r = new_remark(x->p, state);

	if (state > step->state)
		step->state = state;
	step->n_altered += state == PROOF_ALTERED;
	step->n_unchecked += state == PROOF_UNCHECKED;
	if (!r)
		return NULL;
	memset(r, 0, sizeof(*r));
	r->step = x->step;
	r->state = state;
	if (at) {
		copy(r->table, sizeof(r->table), at->table);
		copy(r->row, sizeof(r->row), at->row);
		copy(r->column, sizeof(r->column), at->column);
	}
	return r;
}

/* Names of files are in it, which could drive a terminal. */
static void make_harmless(char *text)
{
	for (unsigned char *p = (unsigned char *)text; *p; p++) {
		if (*p < 0x20 || *p == 0x7f)
			*p = '?';
		if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0)
			p[0] = p[1] = '?';
	}
}

void proof_say(struct prover *x, enum proof_state state, const struct proof_place *at,
	       const char *fmt, ...)
{
	struct proof_remark *r = remark(x, state, at);
	va_list args;

	if (!r)
		return;
	va_start(args, fmt);
	(void)vsnprintf(r->what, sizeof(r->what), fmt, args);
	va_end(args);
	make_harmless(r->what);
}

/* As people read it: what is long is cut, what is no text is hexadecimal. */
static void show_value(char ret[PROOF_VALUE], sqlite3_stmt *s, int n)
{
	const uint8_t *bytes;
	int length, at = 0;

	if (!s) {
		copy(ret, PROOF_VALUE, "no row");
		return;
	}
	switch (sqlite3_column_type(s, n)) {
	case SQLITE_NULL:
		copy(ret, PROOF_VALUE, "NULL");
		return;
	case SQLITE_INTEGER:
		snprintf(ret, PROOF_VALUE, "%lld", (long long)sqlite3_column_int64(s, n));
		return;
	case SQLITE_FLOAT:
		snprintf(ret, PROOF_VALUE, "%.17g", sqlite3_column_double(s, n));
		return;
	case SQLITE_TEXT:
		snprintf(ret, PROOF_VALUE, "'%.*s%s", PROOF_VALUE - 8,
			 (const char *)sqlite3_column_text(s, n),
			 sqlite3_column_bytes(s, n) > PROOF_VALUE - 8 ? "'..." : "'");
		return;
	default:
		bytes = sqlite3_column_blob(s, n);
		length = sqlite3_column_bytes(s, n);
		at = snprintf(ret, PROOF_VALUE, "x'");
		for (int i = 0; i < length && at < PROOF_VALUE - 8; i++)
			at += snprintf(ret + at, PROOF_VALUE - (size_t)at, "%02x", bytes[i]);
		snprintf(ret + at, PROOF_VALUE - (size_t)at, "'");
	}
}

void proof_differs(struct prover *x, const struct proof_place *at, sqlite3_stmt *stored, int n,
		   sqlite3_stmt *computed, int m)
{
	struct proof_remark *r = remark(x, PROOF_ALTERED, at);

	if (!r)
		return;
	r->has_values = true;
	show_value(r->stored, stored, n);
	show_value(r->computed, computed, m);
}

bool proof_stopped(const struct prover *x)
{
	return *x->o->stop;
}

void proof_progress(const struct prover *x, const char *what, uint64_t done, uint64_t all)
{
	if (x->o->progress)
		x->o->progress(x->o->context, what, done, all);
}

/* Questions ------------------------------------------------------------------------------------ */

static int cannot_read(struct prover *x)
{
	if (sqlite3_errcode(x->db) == SQLITE_NOMEM)
		return -ENOMEM;
	if (sqlite3_errcode(x->db) == SQLITE_INTERRUPT)
		return -EINTR;
	proof_say(x, PROOF_ALTERED, NULL, "it cannot be read: %.200s", sqlite3_errmsg(x->db));
	return -EBADMSG;
}

int proof_prepare(struct prover *x, const char *sql, sqlite3_stmt **ret)
{
	*ret = NULL;
	return sqlite3_prepare_v2(x->db, sql, -1, ret, NULL) == SQLITE_OK ? 0 : cannot_read(x);
}

int proof_finish(struct prover *x, sqlite3_stmt *s)
{
	return sqlite3_finalize(s) == SQLITE_OK ? 0 : cannot_read(x);
}

int64_t proof_number(struct prover *x, const char *sql, int64_t bound)
{
	sqlite3_stmt *s;
	int64_t n = 0;

	if (proof_prepare(x, sql, &s) < 0)
		return 0;
	if (sqlite3_bind_parameter_count(s))
		sqlite3_bind_int64(s, 1, bound);
	if (sqlite3_step(s) == SQLITE_ROW)
		n = sqlite3_column_int64(s, 0);
	(void)proof_finish(x, s);
	return n;
}

char *proof_find(const struct prover *x, const char *path)
{
	const char *slash = strrchr(x->o->path, '/'), *name = strrchr(path, '/');
	int n = slash ? (int)(slash + 1 - x->o->path) : 0;
	char *other = NULL;

	if (access(path, R_OK) == 0)
		return strdup(path);
	if (*path != '/' && asprintf(&other, "%.*s%s", n, x->o->path, path) < 0)
		return NULL;
	if (other && access(other, R_OK) == 0)
		return other;
	free(other);
	if (!name || !name[1] || asprintf(&other, "%.*s%s", n, x->o->path, name + 1) < 0)
		return NULL;
	if (access(other, R_OK) == 0)
		return other;
	free(other);
	return NULL;
}

void proof_free_strings(struct reel_strings *s)
{
	for (size_t i = 0; i < s->n; i++)
		free((char *)(uintptr_t)s->v[i]);
	reel_strings_done(s);
}

/* All of it ------------------------------------------------------------------------------------ */

static int is_to_stop(void *context)
{
	return proof_stopped(context);
}

/* Nothing in it may do more than be read. */
static int open_case(struct prover *x, struct reel_err *err)
{
	const char *path = x->o->path;
	int64_t application, version;
	sqlite3_stmt *s = NULL;
	int code;

	if (access(path, R_OK) < 0)
		return reel_err_set(err, -errno, "%s: %s", path, strerror(errno));
	code = sqlite3_open_v2(path, &x->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
	if (!x->db)
		return reel_err_set(err, -ENOMEM, "no memory to read a case");
	(void)sqlite3_busy_timeout(x->db, CASE_BUSY_MS);
	(void)sqlite3_db_config(x->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	(void)sqlite3_db_config(x->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_progress_handler(x->db, 100000, is_to_stop, x);
	if (code == SQLITE_OK)
		code = sqlite3_prepare_v2(x->db, "SELECT count(*) FROM sqlite_schema", -1, &s,
					  NULL);
	if (code == SQLITE_OK)
		code = sqlite3_step(s) == SQLITE_ROW ? SQLITE_OK : sqlite3_errcode(x->db);
	sqlite3_finalize(s);
	if (code != SQLITE_OK)
		return reel_err_set(err, code == SQLITE_NOTADB ? -ENODATA : -EBADMSG, "%s: %s",
				    path, sqlite3_errmsg(x->db));
	application = proof_number(x, "PRAGMA application_id", 0);
	version = proof_number(x, "PRAGMA user_version", 0);
	if (application != CASE_APPLICATION_ID)
		return reel_err_set(err, -EBADMSG, "%s: it is a database, but no case of reel",
				    path);
	if (version != CASE_VERSION)
		return reel_err_set(err, -EPROTONOSUPPORT,
				    "%s: a case of version %lld; this reel has version %d", path,
				    (long long)version, CASE_VERSION);
	return 0;
}

/* All that is read of the case is of one moment. */
static int prove(struct prover *x, struct reel_err *err)
{
	int r = open_case(x, err);

	if (r == 0 && sqlite3_exec(x->db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
		return reel_err_set(err, -EIO, "%s: %s", x->o->path, sqlite3_errmsg(x->db));
	if (r == 0)
		r = proof_database(x, err);
	if (r == 0 && x->has_tables)
		r = proof_hashes(x, err);
	if (r == 0 && x->has_tables) {
		x->step = PROOF_CAPTURES;
		r = proof_captures(x, err);
	}
	if (r == 0 && x->has_tables)
		r = proof_evidence(x, err);
	if (r == 0 && x->has_tables)
		r = proof_again(x, err);
	for (int i = PROOF_CAPTURES; r == 0 && !x->has_tables && i < PROOF_STEPS; i++) {
		x->step = (enum proof_step_id)i;
		proof_say(x, PROOF_UNCHECKED, NULL, "the database is none that can be relied on");
	}
	return r;
}

int case_prove(const struct proof_options *o, struct proof **ret, struct reel_err *err)
{
	struct prover x = { .o = o, .p = calloc(1, sizeof(*x.p)) };
	int r = -ENOMEM;

	if (x.p)
		x.p->remarks = calloc(PROOF_REMARKS_MAX, sizeof(*x.p->remarks));
	if (x.p && x.p->remarks)
		r = prove(&x, err);
	else
		reel_err_set(err, r, "no memory to prove a case");
	case_writer_free(x.again);
	if (x.directory)
		(void)rmdir(x.directory);
	free(x.directory);
	reel_reader_close(x.reader);
	proof_free_strings(&x.places);
	free(x.captures);
	free(x.is_again);
	free(x.replay_ids);
	sqlite3_close(x.db);
	if (r == 0 && proof_stopped(&x))
		r = -EINTR;
	if (r == -EINTR)
		reel_err_set(err, r, "interrupted");
	if (r < 0) {
		if (err && !err->code)
			reel_err_set(err, r, "%s: %s", o->path, strerror(-r));
		proof_free(x.p);
		return r;
	}
	*ret = x.p;
	return 0;
}

void proof_free(struct proof *p)
{
	if (!p)
		return;
	free(p->remarks);
	free(p);
}

enum proof_state proof_state_of(const struct proof *p)
{
	enum proof_state worst = PROOF_PROVEN;

	for (int i = 0; i < PROOF_STEPS; i++)
		if (p->steps[i].state > worst)
			worst = p->steps[i].state;
	return worst;
}
