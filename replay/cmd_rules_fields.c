/* SPDX-License-Identifier: BSD-2-Clause */
/* reel rules --falco-fields: what the fields of Falco are here. */
#include <string.h>

#include "format/schema.h"
#include "replay/cmd_rules.h"
#include "replay/falco_args.h"
#include "replay/falco_fields.h"

static const char *kind_of(const struct falco_field *f)
{
	if (f->is_bool)
		return "yes or no";
	if (f->is_net)
		return "network";
	if (f->kind == REEL_ADDR)
		return "address";
	return f->kind >= REEL_PATH ? "string" : "number";
}

static void put_row(struct reel_out *o, const char *name, const char *kind, const char *says)
{
	out_str(o, "| `");
	out_str(o, name);
	out_str(o, "` | ");
	out_str(o, kind);
	out_str(o, " | ");
	out_str(o, says);
	out_str(o, " |\n");
}

static void put_arguments(struct reel_out *o)
{
	for (const struct falco_arg *a = falco_args; a->name; a++) {
		const struct falco_arg *before = falco_args;

		while (before < a && strcmp(before->name, a->name) != 0)
			before++;
		if (before < a)
			continue;
		out_str(o, "| `evt.arg.");
		out_str(o, a->name);
		out_str(o, "` | string | of");
		for (const struct falco_arg *same = a; same->name; same++) {
			if (strcmp(same->name, a->name) != 0)
				continue;
			out_char(o, ' ');
			out_str(o, reel_type_by_id(same->type)->name);
		}
		out_str(o, " |\n");
	}
}

void rules_put_fields(struct reel_out *o)
{
	for (const struct falco_field *f = falco_fields; f->name; f++)
		put_row(o, f->name, f->way == FALCO_UNKNOWN ? "unknown" : kind_of(f), f->says);
	put_arguments(o);
}
