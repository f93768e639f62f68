/* SPDX-License-Identifier: BSD-2-Clause */
/* reel list: what there is, so that nobody has to look for names in a manual. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format/case.h"
#include "format/command.h"
#include "format/out.h"
#include "format/render.h"
#include "format/tape.h"
#include "format/types.h"

enum { LIST_TEXT, LIST_JSON, LIST_MARKDOWN };

struct list_options {
	struct reel_strings types;
	int format;
};

static const struct reel_option list_table[] = {
	{ "type", 0, "NAME", REEL_OPT_LIST, offsetof(struct list_options, types),
	  "only of this type of event, or of the one that this call ends in; may be repeated" },
	{ "format", 0, NULL, REEL_OPT_CHOICE, offsetof(struct list_options, format),
	  "how to print it (default: text); markdown: of tables only",
	  .choices = "text|json|markdown" },
	{ "json", 0, NULL, REEL_OPT_SET, offsetof(struct list_options, format),
	  "same as --format json", .value = LIST_JSON },
	{ 0 },
};

struct list {
	struct reel_out out;
	struct list_options options;
	bool wanted[EV_MAX_TYPES];
};

static const char *stream_name(unsigned int stream)
{
	switch (stream) {
	case TAPE_STATE:
		return "state";
	case TAPE_EVENTS:
		return "events";
	case TAPE_GAP:
		return "gap";
	case TAPE_CLOCK:
		return "clock";
	}
	return "other";
}

static const char *kind_name(unsigned int kind)
{
	static const char *const names[] = {
		[REEL_U8] = "u8",	[REEL_U16] = "u16",   [REEL_U32] = "u32",
		[REEL_U64] = "u64",	[REEL_S32] = "s32",   [REEL_S64] = "s64",
		[REEL_ADDR] = "addr",	[REEL_PATH] = "path", [REEL_TEXT] = "text",
		[REEL_BYTES] = "bytes", [REEL_ARGS] = "args", [REEL_RESULT] = "result",
	};

	kind &= REEL_KIND_MASK;
	return kind < sizeof(names) / sizeof(names[0]) && names[kind] ? names[kind] : "other";
}

static void put_key_string(struct reel_out *o, const char *key, const char *value)
{
	out_str(o, key);
	out_json_string(o, value, strlen(value));
}

/* TEXT, and blanks up to where the next column begins; always one. */
static void put_column(struct reel_out *o, const char *text, size_t width)
{
	size_t n = strlen(text);

	out_str(o, text);
	do
		out_char(o, ' ');
	while (++n < width + 2);
}

/* Events ------------------------------------------------------------------------------------- */

static void put_event_json(struct reel_out *o, const struct reel_type *t,
			   const struct reel_class *c)
{
	const char *at = t->aliases;

	out_str(o, "{\"id\":");
	out_u64(o, t->id);
	put_key_string(o, ",\"name\":", t->name);
	put_key_string(o, ",\"class\":", c->name);
	put_key_string(o, ",\"stream\":", stream_name(t->stream));
	out_str(o, ",\"default\":");
	out_str(o, c->on ? "true" : "false");
	out_str(o, ",\"aliases\":[");
	while (*at) {
		size_t n = strcspn(at, " ");

		if (at > t->aliases)
			out_char(o, ',');
		out_json_string(o, at, n);
		at += n + (at[n] == ' ');
	}
	put_key_string(o, "],\"doc\":", t->doc);
	out_str(o, "}\n");
}

static void put_event_text(struct reel_out *o, const struct reel_type *t,
			   const struct reel_class *c)
{
	char id[OUT_SMALL];

	*out_digits(id, t->id) = '\0';
	put_column(o, id, 3);
	put_column(o, t->name, 17);
	put_column(o, c->name, 7);
	put_column(o, stream_name(t->stream), 6);
	put_column(o, c->on ? "on" : "off", 3);
	out_str(o, t->doc);
	if (t->aliases[0]) {
		out_str(o, " (");
		out_str(o, t->aliases);
		out_char(o, ')');
	}
	out_char(o, '\n');
}

static void list_events(struct list *l)
{
	const struct reel_type *t;

	for (t = reel_types; t->name; t++) {
		const struct reel_class *c = reel_class_by_id(t->class_id);

		if (!l->wanted[t->id] || !c)
			continue;
		if (l->options.format == LIST_JSON)
			put_event_json(&l->out, t, c);
		else
			put_event_text(&l->out, t, c);
	}
}

/* Fields ------------------------------------------------------------------------------------- */

static void put_json_key(struct reel_out *o, const struct reel_type *t, const struct reel_field *f)
{
	if (reel_render_is_common(f->name)) {
		out_str(o, t->name);
		out_char(o, '_');
	}
	out_str(o, f->name);
}

static void put_field_json(struct reel_out *o, const struct reel_type *t,
			   const struct reel_field *f, const char *doc)
{
	put_key_string(o, "{\"type\":", t->name);
	put_key_string(o, ",\"field\":", f->name);
	put_key_string(o, ",\"kind\":", kind_name(f->kind));
	out_str(o, ",\"optional\":");
	out_str(o, f->kind & REEL_OPTIONAL ? "true" : "false");
	put_key_string(o, ",\"hint\":", f->hint);
	out_str(o, ",\"key\":\"");
	put_json_key(o, t, f);
	put_key_string(o, "\",\"doc\":", doc);
	out_str(o, "}\n");
}

static void put_field_text(struct reel_out *o, const struct reel_type *t,
			   const struct reel_field *f, const char *doc)
{
	size_t n;

	out_str(o, t->name);
	out_char(o, '.');
	out_str(o, f->name);
	for (n = strlen(t->name) + 1 + strlen(f->name); n < 30; n++)
		out_char(o, ' ');
	out_char(o, ' ');
	put_column(o, kind_name(f->kind), 6);
	out_str(o, doc);
	if (f->kind & REEL_OPTIONAL)
		out_str(o, "; may be left out");
	if (strchr(f->hint, '|')) {
		out_str(o, ": ");
		for (const char *c = f->hint; *c; c++) {
			if (*c == '|')
				out_str(o, ", ");
			else
				out_char(o, *c);
		}
	}
	if (reel_render_is_common(f->name)) {
		out_str(o, "; in JSON ");
		put_json_key(o, t, f);
	}
	out_char(o, '\n');
}

static void list_fields(struct list *l)
{
	const struct reel_type *t;
	unsigned int i;

	for (t = reel_types; t->name; t++) {
		if (!l->wanted[t->id])
			continue;
		for (i = 0; i < t->n_fields; i++) {
			const char *doc = reel_field_doc(t->fields[i].name);

			if (!doc)
				doc = "";
			if (l->options.format == LIST_JSON)
				put_field_json(&l->out, t, &t->fields[i], doc);
			else
				put_field_text(&l->out, t, &t->fields[i], doc);
		}
	}
}

/* Tables ------------------------------------------------------------------------------------- */

static void list_tables(struct list *l)
{
	if (l->options.format == LIST_JSON)
		case_list_json(&l->out);
	else if (l->options.format == LIST_MARKDOWN)
		case_list_markdown(&l->out);
	else
		case_list_text(&l->out);
}

/* The command -------------------------------------------------------------------------------- */

static const struct list_topic {
	const char *name;
	void (*run)(struct list *l);
	bool has_types, has_markdown;
} topics[] = {
	{ "events", list_events, true, false },
	{ "fields", list_fields, true, false },
	{ "tables", list_tables, false, true },
};

#define N_TOPICS (sizeof(topics) / sizeof(topics[0]))

static const struct list_topic *find_topic(const char *name, const char **ret_nearest)
{
	struct reel_nearest near = REEL_NEAREST(name);
	size_t i;

	for (i = 0; i < N_TOPICS; i++) {
		if (!strcmp(topics[i].name, name))
			return &topics[i];
		reel_nearest_offer(&near, topics[i].name);
	}
	*ret_nearest = near.best;
	return NULL;
}

/* Returns the first name that is none, or NULL. */
static const char *choose_types(struct list *l)
{
	const struct reel_strings *names = &l->options.types;
	size_t i;

	if (!names->n)
		memset(l->wanted, true, sizeof(l->wanted));
	for (i = 0; i < names->n; i++) {
		const struct reel_type *t = reel_type_by_name(names->v[i], strlen(names->v[i]));

		if (!t)
			return names->v[i];
		l->wanted[t->id] = true;
	}
	return NULL;
}

static int refuse_type(const struct reel_command *self, const char *name)
{
	struct reel_nearest near = REEL_NEAREST(name);
	const struct reel_type *t;

	for (t = reel_types; t->name; t++)
		reel_nearest_offer(&near, t->name);
	if (near.best)
		return reel_command_misuse(self,
					   "no type of event is called '%s', "
					   "did you mean '%s'?",
					   name, near.best);
	return reel_command_misuse(self, "no type of event is called '%s'", name);
}

static int print_list(const struct reel_command *self, struct list *l,
		      const struct list_topic *topic)
{
	struct reel_err err;
	int r = out_init(&l->out, STDOUT_FILENO);

	if (r == 0) {
		topic->run(l);
		r = out_flush(&l->out);
		out_done(&l->out);
	}
	if (r == 0)
		return REEL_STATUS_OK;
	reel_err_set(&err, r, "cannot write the list: %s", strerror(-r));
	return reel_command_fail(self, REEL_STATUS_IO, &err);
}

static int list_run(const struct reel_command *self, int argc, char **argv)
{
	struct list l = { 0 };
	const struct list_topic *topic;
	const char *wrong, *nearest;
	struct reel_args args;
	int status;

	if (!reel_command_parse(self, argc, argv, &l.options, &args, &status))
		return status;
	if (args.n != 1) {
		status = reel_command_misuse(self, args.n ?
							   "one list at a time, please" :
							   "which list: events, fields or tables?");
		goto out;
	}
	topic = find_topic(args.v[0], &nearest);
	if (!topic && nearest) {
		status = reel_command_misuse(self, "no list is called '%s', did you mean '%s'?",
					     args.v[0], nearest);
		goto out;
	}
	if (!topic) {
		status = reel_command_misuse(self,
					     "no list is called '%s': events, fields or tables",
					     args.v[0]);
		goto out;
	}
	if (l.options.types.n && !topic->has_types) {
		status = reel_command_misuse(self, "tables have no --type");
		goto out;
	}
	if (l.options.format == LIST_MARKDOWN && !topic->has_markdown) {
		status = reel_command_misuse(self, "only tables are shown as markdown");
		goto out;
	}
	wrong = choose_types(&l);
	status = wrong ? refuse_type(self, wrong) : print_list(self, &l, topic);
out:
	reel_options_done(list_table, &l.options);
	return status;
}

const struct reel_command reel_cmd_list = {
	.name = "list",
	.summary = "the types of events, their fields, and the tables of a case",
	.usage = "events|fields|tables",
	.examples = { "reel list fields --type open", "reel list tables" },
	.options = list_table,
	.run = list_run,
};
