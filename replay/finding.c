/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/finding.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format/timetext.h"
#include "replay/rule_output.h"

enum { NO_ROW = 0xffffffff, LINE_COLUMNS = 180 };

int findings_new(const struct findings_options *o, struct findings **ret, struct reel_err *err)
{
	const struct reel_render_options how = {
		.format = o->is_json ? REEL_RENDER_JSON : REEL_RENDER_TEXT,
		.tz = o->tz,
		.color = o->color,
		.host = o->host,
	};
	struct findings *f = calloc(1, sizeof(*f));
	int r = f ? 0 : -ENOMEM;

	if (f) {
		f->o = *o;
		f->file = -1;
		r = out_init_mem(&f->words);
	}
	if (r == 0)
		r = reel_renderer_init(&f->renderer, &f->words, &how);
	if (r == 0)
		r = reel_renderer_init(&f->case_renderer, &f->words,
				       &(struct reel_render_options){ .format = REEL_RENDER_JSON });
	if (r < 0) {
		findings_free(f);
		return reel_err_set(err, r, "no memory for findings");
	}
	*ret = f;
	return 0;
}

void findings_free(struct findings *f)
{
	if (!f)
		return;
	reel_renderer_done(&f->renderer);
	reel_renderer_done(&f->case_renderer);
	out_done(&f->words);
	if (f->file >= 0)
		close(f->file);
	free(f->rows);
	free(f->table);
	free(f->counts);
	free(f->counts_before);
	free(f->memory);
	free(f);
}

int findings_set_rules(struct findings *f, const struct rules *rules, const int32_t *rule_of,
		       uint32_t n_old, struct reel_err *err)
{
	struct finding_counts *counts = calloc(rules->n + 1u, sizeof(*counts));
	struct finding_counts *before = calloc(rules->n + 1u, sizeof(*before));
	size_t kept = 0;

	if (!counts || !before) {
		free(counts);
		free(before);
		return reel_err_set(err, -ENOMEM, "no memory for findings");
	}
	for (uint32_t i = 0; i < n_old; i++)
		if (rule_of[i] >= 0)
			counts[rule_of[i]] = f->counts[i];
	/* What was found by rules that are gone has been shown. */
	for (size_t i = 0; i < f->n; i++) {
		if (f->rows[i].rule < n_old && rule_of[f->rows[i].rule] < 0)
			continue;
		f->rows[kept] = f->rows[i];
		if (f->rows[kept].rule < n_old)
			f->rows[kept].rule = (uint32_t)rule_of[f->rows[kept].rule];
		kept++;
	}
	f->n = kept;
	f->table_size = 0; /* made anew with the next row */
	free(f->table);
	f->table = NULL;
	free(f->counts);
	free(f->counts_before);
	f->counts = counts;
	f->counts_before = before;
	f->rules = rules;
	return 0;
}

/* Blobs ---------------------------------------------------------------------------------------- */

static int spill(struct findings *f, const void *bytes, size_t n)
{
	const char *directory = getenv("TMPDIR");

	if (f->file < 0)
		f->file = open(directory && *directory ? directory : "/var/tmp",
			       O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (f->file < 0)
		return -errno;
	for (size_t done = 0; done < n;) {
		ssize_t r = pwrite(f->file, (const char *)bytes + done, n - done,
				   (off_t)(f->blob_bytes + done));

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return r < 0 ? -errno : -ENOSPC;
		done += (size_t)r;
	}
	return 0;
}

/* The first in memory, without a hole; all others in the file at their place. */
static int blob_put(struct findings *f, const void *bytes, size_t n, struct blob *ret)
{
	*ret = (struct blob){ f->blob_bytes, (uint32_t)n };
	if (f->blob_bytes + n > FINDINGS_MEMORY_BYTES) {
		int r = spill(f, bytes, n);

		if (r < 0)
			return r;
	} else {
		if (f->blob_bytes + n > f->memory_room) {
			size_t room = 2 * (f->blob_bytes + n) + 4096;
			uint8_t *memory = realloc(f->memory, room);

			if (!memory)
				return -ENOMEM;
			f->memory = memory;
			f->memory_room = room;
		}
		if (n)
			memcpy(f->memory + f->blob_bytes, bytes, n);
	}
	f->blob_bytes += n;
	return 0;
}

const char *findings_blob(struct findings *f, const struct blob *b)
{
	if (b->at + b->length <= FINDINGS_MEMORY_BYTES)
		return (const char *)f->memory + b->at;
	out_reset(&f->words);
	for (uint32_t done = 0; done < b->length;) {
		char piece[4096];
		size_t want = b->length - done < sizeof(piece) ? b->length - done : sizeof(piece);
		ssize_t r = pread(f->file, piece, want, (off_t)(b->at + done));

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return NULL;
		out_mem(&f->words, piece, (size_t)r);
		done += (uint32_t)r;
	}
	return out_error(&f->words) < 0 ? NULL : f->words.buf;
}

/* The words ------------------------------------------------------------------------------------ */

static void put_text_key(struct reel_out *o, const char *key, const struct model_text *t)
{
	if (!t || !t->length)
		return;
	out_str(o, ",\"");
	out_str(o, key);
	out_str(o, "\":");
	(void)out_json_string(o, t->bytes, t->length);
}

static void put_arguments(struct reel_out *o, const struct model_text *t)
{
	bool first = true;

	if (!t || !t->length)
		return;
	out_str(o, ",\"argv\":[");
	for (uint32_t at = 0; at < t->length;) {
		const uint8_t *end = memchr(t->bytes + at, 0, t->length - at);
		uint32_t n = end ? (uint32_t)(end - t->bytes) - at : t->length - at;

		if (!first)
			out_char(o, ',');
		(void)out_json_string(o, t->bytes + at, n);
		first = false;
		at += n + 1;
	}
	out_char(o, ']');
}

static void put_json(struct findings *f, struct reel_renderer *renderer, const struct rule *rule,
		     const struct evidence *e, const struct finding_where *where, int64_t time_ns)
{
	struct reel_out *o = &f->words;
	const struct seen *s = e->seen;

	out_str(o, "{\"line\":");
	out_u64(o, rule->nodes[e->node].line);
	if (s->has_process) {
		out_str(o, ",\"process\":{\"pid\":");
		out_u64(o, s->event.pid);
		out_str(o, ",\"ppid\":");
		out_u64(o, s->ppid);
		put_text_key(o, "comm", s->comm);
		put_text_key(o, "exe", s->exe);
		put_arguments(o, s->argv);
		put_text_key(o, "cwd", s->cwd);
		if (s->has_ids) {
			out_str(o, ",\"uid\":");
			out_u64(o, s->uid);
			put_text_key(o, "user", s->user);
			out_str(o, ",\"euid\":");
			out_u64(o, s->euid);
		}
		put_text_key(o, "parent_exe", s->parent_exe);
		put_text_key(o, "container", s->container);
		out_char(o, '}');
	}
	out_str(o, ",\"event\":");
	reel_render_event(renderer, &s->event, time_ns ? time_ns : -1, where->boot_id, where->host);
	if (o->len && o->buf[o->len - 1] == '\n')
		o->len--;
	out_char(o, '}');
}

/* What matters of an event comes first; escapes are one byte each, and never cut. */
static void shorten(struct reel_out *o, size_t line, bool color)
{
	size_t end = line + LINE_COLUMNS;

	if (o->len <= end + 4)
		return;
	while (end > line && ((uint8_t)o->buf[end] & 0xc0) == 0x80)
		end--;
	o->len = end;
	out_str(o, color ? "\033[0m ...\n" : " ...\n");
}

static void put_evidence(struct findings *f, const struct rule *rule, const struct evidence **list,
			 uint32_t n, const struct finding_where *where, bool for_case)
{
	struct reel_clock_cache clock = { 0 };
	struct reel_out *o = &f->words;
	const bool is_json = f->o.is_json || for_case;
	size_t line = 0;

	out_reset(o);
	if (is_json)
		out_char(o, '[');
	for (uint32_t i = 0; i < n; i++) {
		int64_t time_ns =
			reel_clocks_realtime(where->clocks, list[i]->seen->event.ts, &clock);

		if (is_json) {
			if (i)
				out_char(o, ',');
			put_json(f, for_case ? &f->case_renderer : &f->renderer, rule, list[i],
				 where, time_ns);
		} else {
			line = o->len;
			out_str(o, "    ");
			reel_render_event(&f->renderer, &list[i]->seen->event,
					  time_ns ? time_ns : -1, where->boot_id, where->host);
			if (!f->o.wide)
				shorten(o, line, f->o.color);
		}
	}
	if (is_json)
		out_char(o, ']');
}

/* Rows ----------------------------------------------------------------------------------------- */

static void make_id(const struct rule *rule, const struct evidence **list, uint32_t n,
		    const uint8_t *boot, uint8_t id[FINDING_ID_BYTES])
{
	crypto_generichash_state state;
	uint8_t hash[32];

	crypto_generichash_init(&state, NULL, 0, sizeof(hash));
	crypto_generichash_update(&state, (const uint8_t *)rule->id, strlen(rule->id) + 1);
	for (uint32_t i = 0; i < n; i++) {
		char text[REEL_EVENT_ID_MAX];
		size_t length = reel_event_id(&list[i]->seen->event, boot, text);

		crypto_generichash_update(&state, (const uint8_t *)text, length);
		crypto_generichash_update(&state, (const uint8_t *)"", 1);
	}
	crypto_generichash_final(&state, hash, sizeof(hash));
	memcpy(id, hash, FINDING_ID_BYTES);
}

static uint64_t row_hash(const struct finding *x)
{
	uint64_t h = x->rule + 0x9e3779b97f4a7c15ull * (x->image + 1) + x->boot * 31 + x->is_tuned;

	h = (h ^ h >> 30) * 0xbf58476d1ce4e5b9 + x->pid;
	h = (h ^ h >> 27) * 0x94d049bb133111eb + x->process;
	h = (h ^ h >> 30) * 0xbf58476d1ce4e5b9;
	return h ^ h >> 29;
}

static bool is_same_row(const struct finding *a, const struct finding *b)
{
	return a->rule == b->rule && a->boot == b->boot && a->image == b->image &&
	       a->process == b->process && a->pid == b->pid && a->is_tuned == b->is_tuned;
}

static void enter_row(struct findings *f, uint32_t i)
{
	size_t at = row_hash(&f->rows[i]) & (f->table_size - 1);

	while (f->table[at] != NO_ROW)
		at = (at + 1) & (f->table_size - 1);
	f->table[at] = i;
}

/* Of who wants all of them none is looked for. */
static int grow_table(struct findings *f)
{
	size_t size = f->table_size;
	uint32_t *table;

	if (f->o.all || 2 * f->n < size)
		return 0;
	while (2 * f->n >= size)
		size = size ? 2 * size : 256;
	table = malloc(size * sizeof(*table));
	if (!table)
		return -ENOMEM;
	memset(table, 0xff, size * sizeof(*table));
	free(f->table);
	f->table = table;
	f->table_size = size;
	for (size_t i = 0; i < f->n; i++)
		enter_row(f, (uint32_t)i);
	return 0;
}

static struct finding *find_row(struct findings *f, const struct finding *like)
{
	size_t at = row_hash(like) & (f->table_size - 1);

	while (f->table[at] != NO_ROW) {
		if (is_same_row(&f->rows[f->table[at]], like))
			return &f->rows[f->table[at]];
		at = (at + 1) & (f->table_size - 1);
	}
	return NULL;
}

static int add_row(struct findings *f, const struct finding *row, struct finding **ret)
{
	if (f->n == f->room) {
		size_t room = f->room ? 2 * f->room : 64;
		struct finding *rows = reallocarray(f->rows, room, sizeof(*rows));

		if (!rows)
			return -ENOMEM;
		f->rows = rows;
		f->room = room;
	}
	f->rows[f->n] = *row;
	*ret = &f->rows[f->n++];
	if (!f->o.all)
		enter_row(f, (uint32_t)f->n - 1);
	return 0;
}

static int describe(struct findings *f, const struct seen *s, struct finding *row)
{
	int r = 0;

	row->pid = s->event.pid;
	row->process = s->process;
	row->image = s->image;
	row->has_uid = s->has_ids;
	row->uid = s->uid;
	if (s->exe)
		r = blob_put(f, s->exe->bytes, s->exe->length, &row->exe);
	if (r == 0 && s->argv)
		r = blob_put(f, s->argv->bytes, s->argv->length, &row->line);
	return r;
}

/* What the rule says, as it is now: nobody can tell later what the process was. */
static int say_output(struct findings *f, const struct rule *rule, const struct match *m,
		      const struct finding_where *where, struct finding *row)
{
	struct eval *e = where->eval;
	const uint32_t why = e->why;

	out_reset(&f->words);
	if (rule->priority) {
		out_str(&f->words, rule->priority);
		out_char(&f->words, ' ');
	}
	rule_output_fill(&f->words, rule->output, e, &m->evidence->seen->event, row->first.time_ns);
	e->why = why;
	return out_error(&f->words) < 0 ? out_error(&f->words) :
					  blob_put(f, f->words.buf, f->words.len, &row->output);
}

void findings_put_output(struct findings *f, struct reel_out *o, const struct finding *row,
			 const struct reel_tz *tz)
{
	const char *bytes = findings_blob(f, &row->output);
	char text[REEL_TIME_TEXT];
	struct reel_timefmt fmt;
	const char *day;
	size_t n;

	if (row->first.time_ns > 0) {
		reel_timefmt_init(&fmt, *tz);
		n = reel_time_format(&fmt, (uint64_t)row->first.time_ns, text);
		day = memchr(text, 'T', n);
		/* Of the date nothing, of the time all nine digits. */
		if (day && n > (size_t)(day - text) + 18) {
			out_mem(o, day + 1, 18);
			out_str(o, ": ");
		}
	}
	if (bytes)
		out_mem(o, bytes, row->output.length);
}

/* Id and words of a match; its times are there already. */
static int word_match(struct findings *f, const struct rule *rule, const struct evidence *evidence,
		      const struct finding_where *where, struct finding_match *to)
{
	uint32_t n = evidence->depth;
	const struct evidence **list = calloc(n, sizeof(*list));
	struct reel_clock_cache clock = { 0 };
	int r;

	if (!list)
		return -ENOMEM;
	for (const struct evidence *e = evidence; e; e = e->before)
		list[--n] = e;
	to->n_evidence = evidence->depth;
	to->time_ns = reel_clocks_realtime(where->clocks, to->ts, &clock);
	make_id(rule, list, to->n_evidence, where->boot_id, to->id);
	put_evidence(f, rule, list, to->n_evidence, where, false);
	r = out_error(&f->words);
	if (r == 0)
		r = blob_put(f, f->words.buf, f->words.len, &to->evidence);
	to->json = to->evidence;
	if (r == 0 && f->o.for_case && !(f->o.is_json && f->o.tz.kind == REEL_TZ_UTC)) {
		put_evidence(f, rule, list, to->n_evidence, where, true);
		r = out_error(&f->words);
		if (r == 0)
			r = blob_put(f, f->words.buf, f->words.len, &to->json);
	}
	free(list);
	return r;
}

static int new_row(struct findings *f, struct finding *row, const struct match *m,
		   const struct finding_where *where, struct reel_err *err)
{
	struct finding *kept = NULL;
	int r;

	row->count = 1;
	row->is_despite = m->is_despite;
	row->order = f->n_found;
	row->first = (struct finding_match){ .ts = m->last_ns,
					     .first_ts = m->first_ns,
					     .node = m->node };
	r = word_match(f, &f->rules->list[m->rule], m->evidence, where, &row->first);
	row->last = row->first;
	if (r == 0 && f->rules->list[m->rule].output)
		r = say_output(f, &f->rules->list[m->rule], m, where, row);
	if (r == 0)
		r = describe(f, m->evidence->seen, row);
	if (r == 0)
		r = add_row(f, row, &kept);
	if (r == 0) {
		f->counts[m->rule].rows++;
		if (f->o.appeared)
			r = f->o.appeared(f->o.context, kept, err);
	}
	return r;
}

int findings_add(struct findings *f, const struct match *m, struct model *model,
		 const struct finding_where *where, struct reel_err *err)
{
	struct finding_counts *counts = &f->counts[m->rule];
	const struct seen *last = m->evidence->seen;
	struct finding row = { .rule = m->rule,
			       .boot = where->boot,
			       .key = m->key,
			       .pid = last->event.pid,
			       .process = last->process,
			       .image = last->image,
			       .is_tuned = m->is_tuned };
	struct finding *known;
	int r = grow_table(f);

	f->n_found++;
	counts->suppressed += m->is_tuned;
	counts->matches += !m->is_tuned;
	counts->despite += !m->is_tuned && m->is_despite;
	if (!m->is_tuned && (!counts->first_ts || m->last_ns < counts->first_ts))
		counts->first_ts = m->last_ns;
	if (m->is_tuned && !f->o.all)
		return 0;
	if (r < 0)
		return reel_err_set(err, r, "no memory for findings");
	known = f->o.all ? NULL : find_row(f, &row);
	if (known) {
		known->count++;
		known->is_despite &= m->is_despite;
		known->last.ts = m->last_ns;
		known->last.first_ts = m->first_ns;
		known->last.node = m->node;
		evidence_unref(model, known->latest);
		known->latest = evidence_share(m->evidence);
		return 0;
	}
	if (counts->rows >= FINDINGS_ROWS_MAX) {
		counts->dropped++;
		return 0;
	}
	r = new_row(f, &row, m, where, err);
	if (r < 0 && err && !err->code)
		reel_err_set(err, r, "findings cannot be kept: %s", strerror(-r));
	return r;
}

void findings_forget_boot(struct findings *f, struct model *m, unsigned boot)
{
	while (f->n && f->rows[f->n - 1].boot == boot)
		evidence_unref(m, f->rows[--f->n].latest);
	memcpy(f->counts, f->counts_before, f->rules->n * sizeof(*f->counts));
	free(f->table);
	f->table = NULL;
	f->table_size = 0;
}

void findings_begin_boot(struct findings *f)
{
	memcpy(f->counts_before, f->counts, f->rules->n * sizeof(*f->counts));
}

int findings_settle(struct findings *f, struct model *m, const struct finding_where *where,
		    struct reel_err *err)
{
	int r = 0;

	for (size_t i = 0; i < f->n; i++) {
		struct finding *row = &f->rows[i];

		if (!row->latest || row->boot != where->boot)
			continue;
		if (r == 0)
			r = word_match(f, &f->rules->list[row->rule], row->latest, where,
				       &row->last);
		evidence_unref(m, row->latest);
		row->latest = NULL;
	}
	return r < 0 ? reel_err_set(err, r, "findings cannot be kept: %s", strerror(-r)) : 0;
}

static int by_time(const void *a, const void *b)
{
	const struct finding *x = a, *y = b;

	if (x->first.time_ns != y->first.time_ns)
		return x->first.time_ns < y->first.time_ns ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

int findings_sort(struct findings *f, struct reel_err *err)
{
	(void)err;
	if (f->n)
		qsort(f->rows, f->n, sizeof(*f->rows), by_time);
	f->table_size = 0;
	free(f->table);
	f->table = NULL;
	return 0;
}
