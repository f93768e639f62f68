/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/falco_output.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "replay/falco_lower.h"
#include "replay/rules_impl.h"

enum { PARTS_MAX = 1000, NAME_MAX_BYTES = 200 };

struct builder {
	struct rules *rules;
	struct rule_output_part parts[PARTS_MAX];
	uint32_t n;
	struct reel_err *err;
};

static int no_memory(struct builder *b)
{
	return reel_err_set(b->err, -ENOMEM, "no memory for the rules");
}

static struct rule_output_part *new_part(struct builder *b)
{
	return b->n < PARTS_MAX ? &b->parts[b->n++] : NULL;
}

static int too_many(struct builder *b)
{
	return reel_err_set(b->err, -EINVAL, "the output has more than %d parts", PARTS_MAX);
}

static int add_text(struct builder *b, const char *text, size_t length)
{
	struct rule_output_part *part;

	if (!length)
		return 0;
	part = new_part(b);
	if (!part)
		return too_many(b);
	*part = (struct rule_output_part){ .text = rules_text(b->rules, text, length),
					   .length = (uint32_t)length };
	return part->text ? 0 : no_memory(b);
}

static bool is_name(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '.';
}

/* The longest name that there is at the beginning; its length in *RET_LENGTH. */
static const struct falco_field *find_longest(const char *text, char name[NAME_MAX_BYTES],
					      size_t *ret_length)
{
	const struct falco_field *f = NULL;
	size_t n = 0;

	while (is_name(text[n]) && n + 1 < NAME_MAX_BYTES)
		n++;
	memcpy(name, text, n);
	for (; n; n--) {
		name[n] = '\0';
		if (name[n - 1] == '.')
			continue;
		f = falco_field_find(name);
		if (f)
			break;
	}
	*ret_length = n;
	return f;
}

static int set_ref(struct builder *b, const struct falco_field *f, const char *name,
		   const char *argument, struct rule_output_part *part)
{
	struct reel_err ignored = { 0 };
	struct rule_ref ref;
	int r;

	if (f->way == FALCO_TIME) {
		part->clock = f->derived;
		return 0;
	}
	/* Whatever no event has is <NA>. */
	if (f->way != FALCO_FIELD && f->way != FALCO_EVENT_TYPE)
		return 0;
	r = falco_field_ref(f, name, argument, &ref, &ignored);
	if (r < 0)
		return strcmp(f->name, "evt.arg") == 0 ?
			       0 :
			       reel_err_set(b->err, r, "the output: %s", ignored.msg);
	if (ref.own) {
		ref.own = rules_text(b->rules, ref.own, strlen(ref.own));
		if (!ref.own)
			return no_memory(b);
	}
	ref.hint = f->is_bool ? "bool" : "";
	part->ref = ref;
	return 0;
}

/* Fields with transformers around them, and calls. */
static int add_operand(struct builder *b, const struct falco_operand *o)
{
	struct falco_lowering l = { .rules = b->rules,
				    .memory = &b->rules->maker->scratch,
				    .err = b->err,
				    .skips_unknown = true };
	struct rule_output_part *part = new_part(b);
	const struct falco_field *f;
	struct rule_ref ref = { 0 };
	int r;

	if (!part)
		return too_many(b);
	*part = (struct rule_output_part){ 0 };
	r = falco_operand_ref(&l, o, &f, &ref);
	if (r < 0)
		return r;
	if (f->way != FALCO_FIELD && f->way != FALCO_EVENT_TYPE)
		return 0;
	if (ref.call && ref.call->is_list)
		return reel_err_set(b->err, -EINVAL, "the output: %s() is a list", o->field);
	if (rules_copy_ref(b->rules, &ref) < 0)
		return no_memory(b);
	part->ref = ref;
	return 0;
}

/* Behind a %; *RET_LENGTH: of the name and what stands in brackets. */
static int add_field(struct builder *b, const char *text, size_t *ret_length)
{
	char name[NAME_MAX_BYTES], argument[NAME_MAX_BYTES];
	struct rule_output_part *part;
	const struct falco_field *f;
	struct falco_operand o;
	const char *end;
	size_t n;
	int r = falco_parse_operand(&b->rules->maker->scratch, text, &o, ret_length, b->err);

	if (r < 0 || *ret_length)
		return r < 0 ? r : add_operand(b, &o);
	f = find_longest(text, name, ret_length);
	if (!f)
		return reel_err_set(b->err, -ENOENT, "the output: there is no field %.*s",
				    (int)strcspn(text, " ,;:)'\""), text);
	part = new_part(b);
	if (!part)
		return too_many(b);
	*part = (struct rule_output_part){ 0 };
	if (text[*ret_length] != '[')
		return set_ref(b, f, name, NULL, part);
	end = strchr(text + *ret_length, ']');
	n = end ? (size_t)(end - text) - *ret_length - 1 : 0;
	if (!end || n + 1 > sizeof(argument))
		return reel_err_set(b->err, -EINVAL, "the output: %s[ is not closed", name);
	memcpy(argument, text + *ret_length + 1, n);
	argument[n] = '\0';
	*ret_length += n + 2;
	return set_ref(b, f, name, argument, part);
}

static int parse(struct builder *b, const char *text)
{
	static const char info[] = "%container.info", instead[] = "container_id=%container.id "
								  "container_name=%container.name";
	int r = 0;

	for (const char *percent; r == 0; text = percent) {
		size_t n;

		percent = strchr(text, '%');
		if (!percent)
			return add_text(b, text, strlen(text));
		r = add_text(b, text, (size_t)(percent - text));
		if (r < 0)
			return r;
		if (percent[1] == '%') {
			r = add_text(b, "%", 1);
			percent += 2;
		} else if (strncmp(percent, info, sizeof(info) - 1) == 0) {
			r = parse(b, instead);
			percent += sizeof(info) - 1;
		} else {
			r = add_field(b, percent + 1, &n);
			percent += n + 1;
		}
	}
	return r;
}

int falco_output_parse(struct rules *r, const char *text, const struct rule_output **ret,
		       struct reel_err *err)
{
	struct builder *b = calloc(1, sizeof(*b));
	struct rule_output *output = rules_alloc(r, sizeof(*output));
	int status = -ENOMEM;

	if (!b || !output)
		goto out;
	b->rules = r;
	b->err = err;
	/* A star says that it is shown even if something is missing, as it always is. */
	status = parse(b, text + (*text == '*'));
	if (status < 0)
		goto out;
	output->n = b->n;
	output->parts = rules_alloc(r, (b->n + 1ul) * sizeof(*output->parts));
	if (!output->parts) {
		status = -ENOMEM;
		goto out;
	}
	memcpy(output->parts, b->parts, b->n * sizeof(*output->parts));
	*ret = output;
out:
	free(b);
	return status == -ENOMEM ? reel_err_set(err, status, "no memory for the rules") : status;
}
