/* SPDX-License-Identifier: BSD-2-Clause */
/* From SQLite's constraints to a plan. */
#include "query/plan.h"

#include <stdio.h>
#include <string.h>

enum { WORDS_MAX = 1000, FIRST_OF_IN = 3038000 };

/* What a constraint may do. */
enum plan_use {
	USE_NOTHING,
	USE_TIME,
	USE_TYPE,
	USE_PID,
	USE_EXE,
	USE_STRING,
	USE_ID,
	USE_CAPTURE
};

static enum plan_use use_of(const struct plan_table *t, int column)
{
	const struct reel_column *c;

	if (column == 0)
		return USE_CAPTURE;
	if (column < 0)
		return USE_NOTHING;
	c = &t->columns->list[column - 1];
	switch (c->id) {
	case REEL_COLUMN_TS:
	case REEL_COLUMN_TIME_NS:
	case REEL_COLUMN_TIME:
		return USE_TIME;
	case REEL_COLUMN_TYPE:
		return USE_TYPE;
	case REEL_COLUMN_PID:
		return USE_PID;
	case REEL_COLUMN_EXE:
		return USE_EXE;
	case REEL_COLUMN_ID:
		return USE_ID;
	case REEL_COLUMN_PATH:
		return USE_STRING;
	case REEL_COLUMN_FIELD:
		return c->holds == REEL_HOLDS_STRING ? USE_STRING : USE_NOTHING;
	default:
		return USE_NOTHING;
	}
}

static const char *sign_of(int op)
{
	switch (op) {
	case SQLITE_INDEX_CONSTRAINT_EQ:
		return "=";
	case SQLITE_INDEX_CONSTRAINT_GT:
		return ">";
	case SQLITE_INDEX_CONSTRAINT_GE:
		return ">=";
	case SQLITE_INDEX_CONSTRAINT_LT:
		return "<";
	case SQLITE_INDEX_CONSTRAINT_LE:
		return "<=";
	case SQLITE_INDEX_CONSTRAINT_GLOB:
		return " GLOB ";
	case SQLITE_INDEX_CONSTRAINT_LIKE:
		return " LIKE ";
	}
	return NULL;
}

static bool is_usable(enum plan_use use, int op)
{
	bool is_equal = op == SQLITE_INDEX_CONSTRAINT_EQ;

	switch (use) {
	case USE_NOTHING:
		return false;
	case USE_TIME:
		return sign_of(op) && op != SQLITE_INDEX_CONSTRAINT_GLOB &&
		       op != SQLITE_INDEX_CONSTRAINT_LIKE;
	case USE_STRING:
		return is_equal || op == SQLITE_INDEX_CONSTRAINT_GLOB ||
		       op == SQLITE_INDEX_CONSTRAINT_LIKE;
	default:
		return is_equal;
	}
}

/* Of text other collations find more equal. */
static bool is_binary(const struct plan_table *t, sqlite3_index_info *info, int i)
{
	int column = info->aConstraint[i].iColumn;

	if (column > 0 && t->columns->list[column - 1].holds == REEL_HOLDS_INTEGER)
		return true;
	return sqlite3_stricmp(sqlite3_vtab_collation(info, i), "BINARY") == 0;
}

static double share_of(enum plan_use use)
{
	static const double shares[] = {
		[USE_NOTHING] = 1, [USE_TIME] = 0.2,	 [USE_TYPE] = 0.05, [USE_PID] = 0.01,
		[USE_EXE] = 0.05,  [USE_STRING] = 0.001, [USE_ID] = 1e-9,   [USE_CAPTURE] = 1,
	};

	return shares[use];
}

struct planning {
	const struct plan_table *t;
	sqlite3_index_info *info;
	struct reel_capture *capture; /* NULL: not known yet */
	char words[WORDS_MAX];
	size_t n_words;
	int n_values;
	bool used[USE_CAPTURE + 1];
	double share;
};

static const char *column_name(const struct plan_table *t, int column)
{
	return column ? t->columns->list[column - 1].name : "capture";
}

/* Hands the constraint's value over, if it helps; each but of time once. */
static void take_constraint(struct planning *p, int i)
{
	const struct sqlite3_index_constraint *c = &p->info->aConstraint[i];
	enum plan_use use = use_of(p->t, c->iColumn);
	bool may_be_in = false;
	int n;

	if (!c->usable || !is_usable(use, c->op) || (use != USE_TIME && p->used[use]) ||
	    (use != USE_CAPTURE && !is_binary(p->t, p->info, i)))
		return;
	if ((use == USE_TYPE || use == USE_PID) && sqlite3_libversion_number() >= FIRST_OF_IN)
		may_be_in = sqlite3_vtab_in(p->info, i, -1);
	n = snprintf(p->words + p->n_words, sizeof(p->words) - p->n_words, "%s%s%s%s",
		     p->n_words ? ", " : "", column_name(p->t, c->iColumn),
		     may_be_in ? " IN " : sign_of(c->op), "?");
	if (n < 0 || (size_t)n >= sizeof(p->words) - p->n_words) {
		p->words[p->n_words] = '\0';
		return;
	}
	if (may_be_in)
		(void)sqlite3_vtab_in(p->info, i, 1);
	p->n_words += (size_t)n;
	p->used[use] = true;
	p->share *= share_of(use);
	p->info->aConstraintUsage[i].argvIndex = ++p->n_values;
	p->info->aConstraintUsage[i].omit = use == USE_CAPTURE;
}

/* Which capture it will be, where that can be told already. */
static void find_capture(struct planning *p)
{
	sqlite3_value *path = NULL;
	struct reel_err err;
	bool is_named = false;

	for (int i = 0; i < p->info->nConstraint; i++) {
		if (p->info->aConstraint[i].iColumn != 0 ||
		    p->info->aConstraint[i].op != SQLITE_INDEX_CONSTRAINT_EQ)
			continue;
		is_named = true;
		if (sqlite3_libversion_number() >= FIRST_OF_IN &&
		    sqlite3_vtab_rhs_value(p->info, i, &path) != SQLITE_OK)
			path = NULL;
	}
	if (is_named && (!path || sqlite3_value_type(path) != SQLITE_TEXT))
		return;
	if (reel_captures_get(p->t->captures, path ? (const char *)sqlite3_value_text(path) : NULL,
			      &p->capture, &err) < 0)
		p->capture = NULL;
}

/* Whether nothing but the type, and what follows from it, is looked at. */
static bool is_of_types_only(const struct planning *p)
{
	sqlite3_uint64 rest = p->info->colUsed & ~(sqlite3_uint64)1;

	for (unsigned i = 0; i < p->t->columns->n && i < 62; i++) {
		enum reel_column_id id = p->t->columns->list[i].id;

		if (id == REEL_COLUMN_TYPE || id == REEL_COLUMN_CLASS)
			rest &= ~((sqlite3_uint64)1 << (i + 1));
	}
	return !rest;
}

static bool uses_context(const struct planning *p)
{
	for (unsigned i = 0; i < p->t->columns->n && i < 62; i++)
		if (reel_column_is_context(p->t->columns->list[i].id) &&
		    p->info->colUsed & (sqlite3_uint64)1 << (i + 1))
			return true;
	return false;
}

static bool is_ordered_by(const struct planning *p, enum reel_column_id id)
{
	const struct sqlite3_index_orderby *o = p->info->aOrderBy;

	return p->info->nOrderBy == 1 && !o->desc && o->iColumn > 0 &&
	       p->t->columns->list[o->iColumn - 1].id == id;
}

/* Rows in the order that is asked for; 0: they are not. */
static int order_of(const struct planning *p)
{
	if (!p->capture)
		return 0;
	if (is_ordered_by(p, REEL_COLUMN_TS) && plan_is_in_order(p->capture->reader, false))
		return PLAN_ORDERED;
	if ((is_ordered_by(p, REEL_COLUMN_TIME_NS) || is_ordered_by(p, REEL_COLUMN_TIME)) &&
	    plan_is_in_order(p->capture->reader, true))
		return PLAN_ORDERED | PLAN_BY_WALL;
	return 0;
}

static double events_of(const struct planning *p)
{
	double n = 0;

	for (uint32_t i = 0; p->capture && i < p->capture->reader->n_blocks; i++)
		n += p->capture->reader->blocks[i].n_events;
	return p->capture ? n + 1 : 1e7;
}

int plan_best_index(const struct plan_table *t, sqlite3_index_info *info)
{
	struct planning p = { .t = t, .info = info, .share = 1 };
	int order;

	for (int i = 0; i < info->nConstraint; i++) {
		if (info->aConstraint[i].iColumn == 0 && !info->aConstraint[i].usable &&
		    info->aConstraint[i].op == SQLITE_INDEX_CONSTRAINT_EQ)
			return SQLITE_CONSTRAINT;
		take_constraint(&p, i);
	}
	find_capture(&p);
	info->idxNum = 0;
	if (is_of_types_only(&p)) {
		info->idxNum = PLAN_COUNTED;
		/* Counted rows come by the names of their types. */
		info->orderByConsumed = is_ordered_by(&p, REEL_COLUMN_TYPE);
	} else {
		order = order_of(&p);
		info->idxNum = order | (uses_context(&p) ? PLAN_CONTEXT : 0);
		info->orderByConsumed = order != 0;
	}
	info->estimatedRows = (sqlite3_int64)(events_of(&p) * p.share) + 1;
	/* Blocks that hold something wanted are read whole. */
	info->estimatedCost = events_of(&p) * (p.share * 20 > 1 ? 1 : p.share * 20) *
			      (info->idxNum & PLAN_CONTEXT ? 3 : 1);
	info->idxStr = sqlite3_mprintf("%s", p.words);
	info->needToFreeIdxStr = 1;
	reel_capture_unref(p.capture);
	return info->idxStr ? SQLITE_OK : SQLITE_NOMEM;
}

static bool never_steps_back(const struct reel_clocks *c)
{
	for (size_t i = 1; i < c->n; i++)
		if (c->list[i].offset_ns < c->list[i - 1].offset_ns)
			return false;
	return c->n || c->has_start;
}

bool plan_is_in_order(const struct reel_reader *r, bool by_wall)
{
	if (!by_wall)
		return r->n_boots == 1;
	for (unsigned i = 0; i < r->n_boots; i++) {
		const struct reel_boot *boot = &r->boots[i];
		struct reel_clock_cache a = { 0 }, b = { 0 };

		if (!never_steps_back(&boot->clocks))
			return false;
		if (i && boot->source == boot[-1].source &&
		    reel_clocks_realtime(&boot[-1].clocks, boot[-1].ts_max, &a) >
			    reel_clocks_realtime(&boot->clocks, boot->ts_min, &b))
			return false;
	}
	return true;
}
