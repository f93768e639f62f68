/* SPDX-License-Identifier: BSD-2-Clause */
/* What is said of a file, and the memory that it takes until its set is finished. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "replay/policy_ast.h"

void *policy_alloc(struct policy_file *f, size_t bytes)
{
	struct arena *scratch = &f->rules->maker->scratch;
	void *piece = NULL;

	if (!f->is_out_of_memory &&
	    scratch->given_bytes - f->ast_begin + bytes <= (size_t)POLICY_AST_MAX)
		piece = arena_alloc(scratch, bytes);
	f->is_out_of_memory |= !piece;
	return piece;
}

char *policy_text(struct policy_file *f, const char *bytes, size_t length)
{
	char *text = policy_alloc(f, length + 1);

	if (text && length)
		memcpy(text, bytes, length);
	return text;
}

static void say(struct policy_file *f, bool is_error, struct policy_at at, const char *fmt,
		va_list args)
{
	struct rules *r = f->rules;
	char text[sizeof(r->notes->text)];

	(void)vsnprintf(text, sizeof(text), fmt, args);
	/* A step may be compiled for several ways, and is wrong on each. */
	for (uint32_t i = f->first_note; i < r->n_notes; i++) {
		const struct rule_note *n = &r->notes[i];

		if (n->line == at.line && n->column == at.column && n->file == f->name &&
		    strcmp(n->text, text) == 0)
			return;
	}
	if (is_error && f->n_errors++ >= POLICY_NOTES_MAX)
		return;
	if (!is_error && r->n_notes - f->first_note >= POLICY_NOTES_MAX)
		return;
	if (rules_note(r, is_error, f->name, at.line, at.column, "%s", text) < 0)
		f->is_out_of_memory = true;
}

void policy_error(struct policy_file *f, struct policy_at at, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(f, true, at, fmt, args);
	va_end(args);
}

void policy_warn(struct policy_file *f, struct policy_at at, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(f, false, at, fmt, args);
	va_end(args);
}
