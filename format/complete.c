/* SPDX-License-Identifier: BSD-2-Clause */
#include "complete.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"
#include "types.h"

#include "bpf/events.h"

enum { WORD_BYTES = 256, CALLS_END = 1024 };

/* PREFIX is what stands in the word before it, as "--type=" or "open,"; it is said again. */
static void offer(struct reel_out *o, const char *prefix, size_t prefix_length, const char *word,
		  const char *name, size_t length, const char *meaning)
{
	size_t typed = strlen(word);

	if (typed > length || memcmp(name, word, typed) != 0)
		return;
	out_mem(o, prefix, prefix_length);
	out_mem(o, name, length);
	out_char(o, '\t');
	out_mem(o, meaning, strcspn(meaning, "\n"));
	out_char(o, '\n');
}

void complete_offer(struct reel_out *o, const char *word, const char *name, const char *meaning)
{
	offer(o, "", 0, word, name, strlen(name), meaning);
}

/* What an option takes ----------------------------------------------------------------------- */

/* Where in a text the value under way is, behind a prefix that stays as it is. */
struct value {
	struct reel_out *out;
	const char *prefix;
	size_t prefix_length;
	const char *word;
};

static void put(const struct value *v, const char *name, size_t length, const char *meaning)
{
	offer(v->out, v->prefix, v->prefix_length, v->word, name, length, meaning);
}

/* Each of "a|b|c" or "a b c". */
static void put_each(const struct value *v, const char *list, const char *between,
		     const char *meaning)
{
	while (*list) {
		size_t length = strcspn(list, between);

		if (length)
			put(v, list, length, meaning);
		list += length + (list[length] != '\0');
	}
}

static void put_types(const struct value *v)
{
	for (const struct reel_type *t = reel_types; t->name; t++) {
		put(v, t->name, strlen(t->name), t->doc);
		put_each(v, t->aliases, " ", t->doc);
	}
}

static void put_classes(const struct value *v)
{
	for (const struct reel_class *c = reel_classes; c->name; c++)
		if (c->id != EV_CLASS_state && c->id != EV_CLASS_tape)
			put(v, c->name, strlen(c->name), c->doc);
	put(v, "all", 3, "every class that needs no list of its own");
	put(v, "default", 7, "what is on without this option");
}

static void put_calls(const struct value *v)
{
	for (unsigned int i = 0; i < CALLS_END; i++) {
		const char *name = reel_syscall_name(EV_ABI_NATIVE, i);

		if (name)
			put(v, name, strlen(name), "a system call");
	}
	put(v, "all", 3, "every system call");
}

static void put_redactions(const struct value *v)
{
	put_each(v, "home|args|content|env|all", "|", "hide it");
}

/* By the option's name, else by that of its value. What is in neither takes anything. */
static const struct {
	const char *option, *arg;
	void (*put)(const struct value *v);
	const char *shell; /* who knows, where the shell does */
	const char *signs; /* that may stand before each value */
} sources[] = {
	{ .option = "type", .put = put_types },
	{ .option = "events", .put = put_classes, .signs = "+!" },
	{ .option = "syscalls", .put = put_calls },
	{ .option = "redact", .put = put_redactions },
	{ .option = "exe", .shell = ":files" },
	{ .option = "path", .shell = ":files" },
	{ .option = "no-path", .shell = ":files" },
	{ .option = "cgroup", .shell = ":files" },
	{ .option = "output", .shell = ":files" },
	{ .arg = "USER", .shell = ":users" },
	{ .arg = "PID", .shell = ":pids" },
	{ .arg = "PID,...", .shell = ":pids" },
	{ .arg = "CMD", .shell = ":commands" },
	{ .arg = "DIR", .shell = ":files" },
	{ .arg = "FILE", .shell = ":files" },
	{ .arg = "PATH", .shell = ":files" },
	{ .arg = "CAPTURE", .shell = ":files" },
	{ .arg = "CASE.db", .shell = ":files" },
	{ .arg = "KEY.pub", .shell = ":files" },
	{ .arg = "STATE", .shell = ":files" },
};

static bool same(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

/* The value is what stands in WORD behind its first SKIP bytes. */
static void put_value(const struct reel_option *row, const char *word, size_t skip,
		      struct reel_out *o)
{
	struct value v = { o, word, skip, word + skip };

	if (row->kind == REEL_OPT_CHOICE) {
		put_each(&v, row->choices, "|", "");
		return;
	}
	for (size_t i = 0; i < sizeof(sources) / sizeof(*sources); i++) {
		const char *comma;

		if (!same(sources[i].option, row->name) && !same(sources[i].arg, row->arg))
			continue;
		if (sources[i].shell) {
			out_str(o, sources[i].shell);
			out_char(o, '\n');
			return;
		}
		comma = strrchr(v.word, ',');
		if (comma) {
			v.word = comma + 1;
			v.prefix_length = (size_t)(v.word - word);
		}
		if (sources[i].signs && *v.word && strchr(sources[i].signs, *v.word)) {
			v.word++;
			v.prefix_length++;
		}
		sources[i].put(&v);
		return;
	}
}

/* The line ----------------------------------------------------------------------------------- */

static const struct reel_option *find_in(const struct reel_option *row, const char *name,
					 size_t length)
{
	for (; row && row->name; row++)
		if (strlen(row->name) == length && memcmp(row->name, name, length) == 0)
			return row;
	return NULL;
}

static const struct reel_option *find_letter(const struct reel_option *row, char letter)
{
	for (; row && row->name; row++)
		if (row->letter == letter)
			return row;
	return NULL;
}

static const struct reel_option *find_long(const struct reel_command *self, const char *name,
					   size_t length)
{
	const struct reel_option *row = find_in(self->options, name, length);

	return row ? row : find_in(reel_common_options, name, length);
}

/* The option in WORD whose value is the next word, or NULL. */
static const struct reel_option *awaits(const struct reel_command *self, const char *word)
{
	const struct reel_option *row;

	if (word[0] != '-' || !word[1])
		return NULL;
	if (word[1] == '-') {
		row = strchr(word, '=') ? NULL : find_long(self, word + 2, strlen(word + 2));
		return row && reel_option_has_value(row) ? row : NULL;
	}
	for (const char *p = word + 1; *p; p++) {
		row = find_letter(self->options, *p);
		if (!row)
			row = find_letter(reel_common_options, *p);
		if (row && reel_option_has_value(row))
			return p[1] ? NULL : row;
	}
	return NULL;
}

static void put_options(const struct reel_option *row, const char *word, struct reel_out *o)
{
	for (; row && row->name; row++) {
		char name[WORD_BYTES];

		snprintf(name, sizeof(name), "--%s", row->name);
		complete_offer(o, word, name, row->help);
	}
}

/* "events|fields" in the usage are words to choose from; names in capitals are files. */
static void put_operands(const struct reel_command *self, const char *word, struct reel_out *o)
{
	const char *usage = self->usage ? self->usage : "";
	struct value v = { o, word, 0, word };

	if (self->complete && *word == '@')
		self->complete(word, o);
	else if (*usage >= 'a' && *usage <= 'z')
		put_each(&v, usage, "|", "");
	else if (strstr(usage, "CAPTURE") || strstr(usage, "PATH") || strstr(usage, "CASE"))
		out_str(o, ":files\n");
}

void complete_words(const struct reel_command *self, int n, char **words, struct reel_out *o)
{
	const char *word = words[n - 1], *equals = strchr(word, '=');
	const struct reel_option *row = NULL;

	for (int i = 0; i < n - 1; i++) {
		if (!row && strcmp(words[i], "--") == 0) {
			out_str(o, ":commands\n");
			return;
		}
		row = row ? NULL : awaits(self, words[i]);
	}
	if (row) {
		put_value(row, word, 0, o);
	} else if (strncmp(word, "--", 2) == 0 && equals) {
		row = find_long(self, word + 2, (size_t)(equals - word) - 2);
		if (row && reel_option_has_value(row))
			put_value(row, word, (size_t)(equals - word) + 1, o);
	} else if (*word == '-') {
		put_options(self->options, word, o);
		put_options(reel_common_options, word, o);
	} else {
		put_operands(self, word, o);
	}
}
