/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/case_captures.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "format/outcome.h"
#include "format/summary.h"
#include "format/version.h"
#include "replay/case_events.h"
#include "replay/report.h"

/* Small statements ----------------------------------------------------------------------------- */

static int prepare(struct case_writer *w, const char *sql, sqlite3_stmt **ret, struct reel_err *err)
{
	*ret = NULL;
	if (sqlite3_prepare_v2(case_writer_db(w), sql, -1, ret, NULL) != SQLITE_OK)
		return case_writer_error(w, "cannot read it", err);
	return 0;
}

/* Runs a statement to its end, with one number. */
static int run(struct case_writer *w, const char *sql, int64_t number, struct reel_err *err)
{
	sqlite3_stmt *s;
	int result = prepare(w, sql, &s, err);

	if (result < 0)
		return result;
	if (sqlite3_bind_parameter_count(s))
		sqlite3_bind_int64(s, 1, number);
	while (sqlite3_step(s) == SQLITE_ROW)
		;
	if (sqlite3_finalize(s) != SQLITE_OK)
		return case_writer_error(w, "cannot change it", err);
	return 0;
}

int case_find_boot(struct case_writer *w, int64_t capture, const uint8_t boot[16], int64_t *ret,
		   struct reel_err *err)
{
	char text[CASE_BOOT_TEXT];
	sqlite3_stmt *s;
	int result = prepare(w, "SELECT id FROM boot WHERE capture = ? AND boot_id = ?", &s, err);

	*ret = CASE_NONE;
	if (result < 0)
		return result;
	case_boot_text(boot, text);
	sqlite3_bind_int64(s, 1, capture);
	sqlite3_bind_text(s, 2, text, -1, SQLITE_STATIC);
	if (sqlite3_step(s) == SQLITE_ROW)
		*ret = sqlite3_column_int64(s, 0);
	if (sqlite3_finalize(s) != SQLITE_OK)
		return case_writer_error(w, "cannot read it", err);
	return 0;
}

static struct case_text text_of(const char *s)
{
	return (struct case_text){ *s ? s : NULL, strlen(s) };
}

/* What is there ------------------------------------------------------------------------------- */

/* What the case has of a capture. */
struct state {
	int64_t id; /* CASE_NONE: nothing */
	bool is_same, is_alone, has_events;
};

#define OF_BOOT "boot IN (SELECT id FROM boot WHERE capture = ?1)"

/* Whose rows say by this column which capture they are of, those first that need others for it. */
static const struct {
	const char *column, *where;
} ways[] = {
	{ "process", "process IN (SELECT id FROM process WHERE " OF_BOOT ")" },
	{ "boot", OF_BOOT },
	{ "capture", "capture = ?1" },
	{ "capture_id", "id = ?1" },
};

static bool has_column(const struct case_table *t, const char *name)
{
	for (unsigned i = 0; i < t->n_columns; i++)
		if (strcmp(t->columns[i].name, name) == 0)
			return true;
	return false;
}

/* The nearest way is the last that it has. */
static size_t way_of(const struct case_table *t)
{
	size_t way = sizeof(ways) / sizeof(ways[0]);

	while (way && !has_column(t, ways[way - 1].column))
		way--;
	return way - 1;
}

const char *case_rows_of_capture(enum case_table_id table)
{
	return ways[way_of(&case_tables[table])].where;
}

/*
 * A boot that findings are of keeps its row until the new one is there, and beyond that where the
 * capture has lost that boot. Where a capture is alone in the case its tables are emptied, which is
 * much faster than taking out all of their rows.
 */
static int take_out(struct case_writer *w, const struct state *was, struct reel_err *err)
{
	int result = case_writer_exec(w,
				      "CREATE TABLE IF NOT EXISTS temp.old_boot AS "
				      "SELECT * FROM main.boot LIMIT 0",
				      err);

	if (result == 0)
		result = run(w,
			     "INSERT INTO temp.old_boot SELECT * FROM main.boot WHERE capture = ?",
			     was->id, err);
	if (result == 0)
		result = run(w, "UPDATE finding SET process = NULL, image = NULL WHERE " OF_BOOT,
			     was->id, err);
	if (result == 0)
		result = case_events_take_out(w, was->id, err);
	for (size_t way = 0; way < sizeof(ways) / sizeof(ways[0]); way++) {
		for (int t = 0; result == 0 && t < CASE_replay; t++) {
			char sql[256];

			if (way_of(&case_tables[t]) != way)
				continue;
			snprintf(sql, sizeof(sql), "DELETE FROM %s%s%s", case_tables[t].name,
				 was->is_alone ? "" : " WHERE ",
				 was->is_alone ? "" : ways[way].where);
			result = run(w, sql, was->id, err);
		}
	}
	return result;
}

static int look_up(struct case_writer *w, const struct reel_source *source, const char *hash,
		   struct state *ret, struct reel_err *err)
{
	char id[2 * TAPE_ID_BYTES + 1];
	sqlite3_stmt *s;
	int result = prepare(w,
			     "SELECT id, hash = ?2, (SELECT count(*) FROM capture) = 1, "
			     "events_loaded IS NOT NULL FROM capture WHERE capture_id = ?1",
			     &s, err);

	*ret = (struct state){ .id = CASE_NONE };
	if (result < 0)
		return result;
	reel_id_format(source->capture, id);
	sqlite3_bind_text(s, 1, id, -1, SQLITE_STATIC);
	sqlite3_bind_text(s, 2, hash, -1, SQLITE_STATIC);
	if (sqlite3_step(s) == SQLITE_ROW) {
		ret->id = sqlite3_column_int64(s, 0);
		ret->is_same = sqlite3_column_int(s, 1);
		ret->is_alone = sqlite3_column_int(s, 2);
		ret->has_events = sqlite3_column_int(s, 3);
	}
	if (sqlite3_finalize(s) != SQLITE_OK)
		return case_writer_error(w, "cannot read it", err);
	return 0;
}

static void put_digits(const uint8_t hash[32], char ret[65])
{
	for (unsigned i = 0; i < 32; i++)
		snprintf(ret + (size_t)2 * i, 3, "%02x", hash[i]);
}

static int begin_one(struct case_writer *w, const struct reel_reader *r, unsigned i,
		     bool with_events, struct case_captures *c, struct reel_err *err)
{
	struct state was;
	uint8_t hash[32];
	int result;

	(void)report_hash_source(r, i, hash);
	put_digits(hash, c->hashes[i]);
	result = look_up(w, &r->sources[i], c->hashes[i], &was, err);
	if (result == 0 && was.id != CASE_NONE && !was.is_same)
		result = take_out(w, &was, err);
	c->ids[i] = was.id == CASE_NONE ? case_new_id(w, CASE_capture) : was.id;
	c->to_load[i] = was.is_same ? CASE_NONE : c->ids[i];
	c->wants_events[i] = was.is_same ? with_events && !was.has_events :
					   with_events || was.has_events;
	c->n_to_load += !was.is_same;
	return result;
}

int case_captures_begin(struct case_writer *w, const struct reel_reader *r, bool with_events,
			struct case_captures *ret, struct reel_err *err)
{
	struct case_captures c = { .n = r->n_sources };
	int result = 0;

	c.ids = calloc(c.n, sizeof(*c.ids));
	c.to_load = calloc(c.n, sizeof(*c.to_load));
	c.wants_events = calloc(c.n, sizeof(*c.wants_events));
	c.hashes = calloc(c.n, sizeof(*c.hashes));
	if (!c.ids || !c.to_load || !c.wants_events || !c.hashes)
		result = reel_err_set(err, -ENOMEM, "no memory for the captures of a case");
	for (unsigned i = 0; result == 0 && i < c.n; i++)
		result = begin_one(w, r, i, with_events, &c, err);
	if (result < 0)
		case_captures_done(&c);
	*ret = c;
	return result;
}

void case_captures_done(struct case_captures *c)
{
	free(c->ids);
	free(c->to_load);
	free(c->wants_events);
	free(c->hashes);
	memset(c, 0, sizeof(*c));
}

/* What there is now ---------------------------------------------------------------------------- */

/* The operand that the file lies in; the longest, where they lie in each other. */
static const char *operand_of(const char *path, char *const *operands, unsigned n)
{
	const char *best = NULL;
	size_t most = 0;

	for (unsigned i = 0; i < n; i++) {
		size_t length = strlen(operands[i]);

		if (length >= most && strncmp(path, operands[i], length) == 0) {
			best = operands[i];
			most = length;
		}
	}
	return best ? best : path;
}

static void put_tag(const uint8_t *tag, char ret[2 * TAPE_TAG_BYTES + 1])
{
	*ret = '\0';
	for (unsigned i = 0; tag && i < TAPE_TAG_BYTES; i++)
		snprintf(ret + (size_t)2 * i, 3, "%02x", tag[i]);
}

static int put_source(struct case_writer *w, const struct reel_reader *r,
		      const struct reel_segment *s, int64_t capture, struct reel_err *err)
{
	char id[17], head[2 * TAPE_TAG_BYTES + 1];
	struct row_source row;
	int result;

	case_clear(CASE_source, &row);
	row.capture = capture;
	result = case_find_boot(w, capture, s->meta.boot, &row.boot, err);
	if (result < 0)
		return result;
	snprintf(id, sizeof(id), "%016llx", (unsigned long long)s->id);
	row.path = text_of(s->path);
	row.offset = (int64_t)s->path_offset;
	row.segment = text_of(id);
	row.number = (int64_t)s->meta.number;
	row.bytes = (int64_t)s->bytes;
	row.first_block = (int64_t)s->first_sequence;
	row.last_block = (int64_t)s->last_sequence;
	row.ending = text_of(reel_ending_name(s->ending));
	put_tag(report_last_tag(r, s), head);
	row.head = text_of(head);
	return case_write(w, CASE_source, &row, err);
}

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* The answer to a question about a capture. */
static int ask(struct case_writer *w, const char *sql, int64_t capture, int64_t *ret,
	       struct reel_err *err)
{
	sqlite3_stmt *s;
	int result = prepare(w, sql, &s, err);

	*ret = 0;
	if (result < 0)
		return result;
	sqlite3_bind_int64(s, 1, capture);
	if (sqlite3_step(s) == SQLITE_ROW)
		*ret = sqlite3_column_int64(s, 0);
	if (sqlite3_finalize(s) != SQLITE_OK)
		return case_writer_error(w, "cannot read it", err);
	return 0;
}

static int put_capture(struct case_writer *w, const struct reel_summary *s, int64_t id,
		       const char *hash, const uint8_t *tag, const char *path, struct reel_err *err)
{
	const struct reel_meta *m = s->meta;
	char capture[2 * TAPE_ID_BYTES + 1], machine[2 * TAPE_ID_BYTES + 1];
	char head[2 * TAPE_TAG_BYTES + 1];
	struct row_capture row;
	int result;

	case_clear(CASE_capture, &row);
	reel_id_format(m->capture, capture);
	reel_id_format(m->machine, machine);
	put_tag(tag, head);
	row.id = id;
	row.capture_id = text_of(capture);
	row.hash = text_of(hash);
	row.path = text_of(path);
	row.host = text_of(m->host);
	row.machine_id = text_of(machine);
	row.kernel = text_of(m->kernel);
	row.arch = text_of(m->arch);
	row.recorder = text_of(m->program);
	row.note = text_of(m->note);
	if (s->from_ns || s->to_ns) {
		row.from_ns = s->from_ns;
		row.to_ns = s->to_ns;
	}
	row.segments = s->source->n_segments;
	row.head = text_of(head);
	row.bytes = (int64_t)s->stored_bytes;
	row.events = (int64_t)s->events;
	row.lost = (int64_t)s->lost;
	row.ending = text_of(reel_ending_name(s->ending));
	row.is_cut = s->is_cut;
	row.loaded_ns = now_ns();
	row.loaded_by = text_of("reel " REEL_VERSION);
	result = ask(w,
		     "SELECT count(*) FROM gap WHERE capture = ? "
		     "AND kind NOT IN ('lost', 'retired')",
		     id, &row.damages, err);
	return result < 0 ? result : case_write(w, CASE_capture, &row, err);
}

/* Boots that are there again have another id; those that are not have their old row back. */
static int find_old_boots(struct case_writer *w, struct reel_err *err)
{
#define SAME_BOOT                                                              \
	"temp.old_boot AS o JOIN main.boot AS n ON n.capture = o.capture AND " \
	"n.boot_id = o.boot_id"
#define MOVE(table)                                                                       \
	"UPDATE " table " SET boot = (SELECT n.id FROM " SAME_BOOT " WHERE o.id = " table \
	".boot) WHERE boot IN (SELECT o.id FROM " SAME_BOOT "); "
	sqlite3_stmt *s;
	bool is_there;
	int result =
		prepare(w, "SELECT 1 FROM sqlite_temp_schema WHERE name = 'old_boot'", &s, err);

	if (result < 0)
		return result;
	is_there = sqlite3_step(s) == SQLITE_ROW;
	sqlite3_finalize(s);
	if (!is_there)
		return 0;
	return case_writer_exec(
		w,
		MOVE("finding") MOVE(
			"blind") "INSERT INTO main.boot "
				 "SELECT * FROM temp.old_boot WHERE id IN (SELECT boot FROM "
				 "finding UNION SELECT boot FROM blind); DROP TABLE temp.old_boot",
		err);
}

int case_captures_end(struct case_writer *w, const struct reel_reader *r,
		      const struct case_captures *c, char *const *operands, unsigned n_operands,
		      struct reel_err *err)
{
	struct reel_health *health = malloc(sizeof(*health));
	struct reel_summary *list = NULL;
	int result;

	if (!c->n_to_load) {
		free(health);
		return 0;
	}
	if (!health)
		return reel_err_set(err, -ENOMEM, "no memory for the captures of a case");
	*health = r->health;
	result = reel_summarize(r, &list, health, err);
	for (unsigned i = 0; result == 0 && i < c->n; i++) {
		const struct reel_source *source = &r->sources[i];
		const struct reel_segment *first = &r->segments[source->first_segment];

		if (c->to_load[i] == CASE_NONE)
			continue;
		result = put_capture(w, &list[i], c->ids[i], c->hashes[i], report_head(r, i),
				     operand_of(first->path, operands, n_operands), err);
		for (unsigned k = 0; result == 0 && k < source->n_segments; k++)
			result = put_source(w, r, first + k, c->ids[i], err);
	}
	if (result == 0)
		result = find_old_boots(w, err);
	reel_summary_free(list, r);
	free(health);
	return result;
}

int case_captures_missing(struct case_writer *w, const struct case_captures *c, uint64_t *ret_lost,
			  uint64_t *ret_damages, struct reel_err *err)
{
	int64_t lost = 0, damages = 0;
	int result = 0;

	*ret_lost = *ret_damages = 0;
	for (unsigned i = 0; result == 0 && i < c->n; i++) {
		result = ask(w, "SELECT lost FROM capture WHERE id = ?", c->ids[i], &lost, err);
		if (result == 0)
			result = ask(w, "SELECT damages FROM capture WHERE id = ?", c->ids[i],
				     &damages, err);
		*ret_lost += (uint64_t)lost;
		*ret_damages += (uint64_t)damages;
	}
	return result;
}

/* Whose pid it was then: of those who had it the last that had begun. */
int case_tie_findings(struct case_writer *w, struct reel_err *err)
{
	return case_writer_exec(
		w,
		"UPDATE finding SET process = (SELECT p.id FROM process AS p "
		"WHERE p.boot = finding.boot AND p.pid = finding.pid AND "
		"(p.from_ts IS NULL OR p.from_ts <= finding.ts) ORDER BY p.from_ts DESC LIMIT 1) "
		"WHERE process IS NULL;"
		"UPDATE finding SET image = (SELECT i.id FROM image AS i "
		"WHERE i.process = finding.process AND "
		"(i.from_ts IS NULL OR i.from_ts <= finding.ts) ORDER BY i.from_ts DESC LIMIT 1) "
		"WHERE image IS NULL AND process IS NOT NULL",
		err);
}
