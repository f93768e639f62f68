/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of Falco conditions as leaves: operators, values, transformers. */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "replay/falco_lower.h"

enum { ONEOF_MAX = 16 };

static int wrong(struct falco_lowering *l, const struct falco_node *t, const char *why)
{
	return reel_err_set(l->err, -EINVAL, "%s %s: %s", t->left.field, falco_op_words[t->op],
			    why);
}

/* Operands ------------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	uint8_t transform;
} transforms[] = { { "tolower", RULE_TO_LOWER },
		   { "toupper", RULE_TO_UPPER },
		   { "b64", RULE_FROM_BASE64 },
		   { "basename", RULE_BASENAME },
		   { "len", RULE_LENGTH } };

static bool is_list(const struct rule_ref *ref)
{
	return ref->call && ref->call->is_list;
}

static int add_transforms(struct falco_lowering *l, const struct falco_operand *o,
			  struct rule_ref *ref)
{
	for (unsigned i = 0; i < o->n_transforms; i++) {
		if (ref->kind < REEL_PATH)
			return reel_err_set(l->err, -EINVAL, "%s(%s): only strings can be changed",
					    o->transforms[i], o->field);
		for (size_t k = 0; k < sizeof(transforms) / sizeof(*transforms); k++)
			if (strcmp(transforms[k].name, o->transforms[i]) == 0)
				ref->transforms[i] = transforms[k].transform;
		if (is_list(ref) && ref->transforms[i] == RULE_LENGTH)
			return reel_err_set(l->err, -EINVAL, "len(%s): of a list it is not known",
					    o->field);
		ref->kind = ref->transforms[i] == RULE_LENGTH ? REEL_U64 : REEL_TEXT;
	}
	return 0;
}

int falco_operand_ref(struct falco_lowering *l, const struct falco_operand *o,
		      const struct falco_field **ret, struct rule_ref *ref)
{
	const struct falco_field *f = NULL;
	int r;

	if (o->call) {
		r = falco_call_ref(l, o, &f, ref);
	} else {
		f = falco_field_find(o->field);
		if (!f)
			return reel_err_set(l->err, l->skips_unknown ? -ENOENT : -EINVAL,
					    "there is no field %s", o->field);
		r = f->way == FALCO_FIELD || f->way == FALCO_UNKNOWN || f->way == FALCO_EVENT_TYPE ?
			    falco_field_ref(f, o->field, o->argument, ref, l->err) :
			    0;
	}
	*ret = f;
	if (r < 0 ||
	    (f->way != FALCO_FIELD && f->way != FALCO_UNKNOWN && f->way != FALCO_EVENT_TYPE))
		return r;
	return add_transforms(l, o, ref);
}

bool falco_asks_result(const struct falco_field *f, const struct rule_ref *ref)
{
	if (ref->call)
		return ref->call->asks_result;
	return strcmp(f->name, "evt.res") == 0 || strcmp(f->name, "evt.rawres") == 0 ||
	       strcmp(f->name, "evt.failed") == 0;
}

/* Values --------------------------------------------------------------------------------------- */

static bool take_number(const struct falco_text *t, bool is_bool, uint64_t *ret)
{
	char *end;

	if (is_bool) {
		*ret = strcmp(t->bytes, "true") == 0;
		return *ret || strcmp(t->bytes, "false") == 0;
	}
	if (!t->length)
		return false;
	errno = 0;
	*ret = t->bytes[0] == '-' ? (uint64_t)strtoll(t->bytes, &end, 0) :
				    strtoull(t->bytes, &end, 0);
	if (*end == 'e' || *end == 'E' || *end == '.') {
		double d = strtod(t->bytes, &end);

		if (!(d >= -9.2e18 && d <= 1.8e19))
			return false;
		*ret = d < 0 ? (uint64_t)(int64_t)d : (uint64_t)d;
	}
	return errno == 0 && end == t->bytes + t->length;
}

static bool take_net(const struct falco_text *t, struct rule_net *ret)
{
	const char *slash = strchr(t->bytes, '/');
	unsigned most = 128, before = 0;
	char address[64], *end;
	unsigned long bits;
	size_t n = slash ? (size_t)(slash - t->bytes) : t->length;

	if (n >= sizeof(address))
		return false;
	memcpy(address, t->bytes, n);
	address[n] = '\0';
	memset(ret, 0, sizeof(*ret));
	if (inet_pton(AF_INET, address, ret->addr + 12) == 1) {
		ret->addr[10] = ret->addr[11] = 0xff;
		most = 32;
		before = 96;
	} else if (inet_pton(AF_INET6, address, ret->addr) != 1) {
		return false;
	}
	ret->bits = 128;
	if (!slash)
		return true;
	bits = strtoul(slash + 1, &end, 10);
	if (!isdigit((unsigned char)slash[1]) || *end || bits > most)
		return false;
	ret->bits = (uint8_t)(bits + before);
	for (unsigned i = ret->bits; i < 128; i++)
		ret->addr[i / 8] &= (uint8_t) ~(0x80u >> i % 8);
	return true;
}

static int hex_digit(int c)
{
	if (isdigit(c))
		return c - '0';
	c = tolower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* bcontains and bstartswith: bytes as hexadecimal digits. */
static bool take_bytes(struct falco_lowering *l, const struct falco_text *t, struct rule_value *ret)
{
	char *bytes = arena_alloc(l->memory, t->length / 2 + 1);

	if (!bytes || t->length % 2)
		return false;
	for (uint32_t i = 0; i < t->length; i += 2) {
		int high = hex_digit((unsigned char)t->bytes[i]);
		int low = hex_digit((unsigned char)t->bytes[i + 1]);

		if (high < 0 || low < 0)
			return false;
		bytes[i / 2] = (char)(high << 4 | low);
	}
	ret->bytes = bytes;
	ret->length = t->length / 2;
	return true;
}

/* fnmatch() knows a backslash and [^...], our globs do not. */
static bool take_glob(struct falco_lowering *l, const struct falco_text *t, struct rule_value *ret)
{
	char *to = arena_alloc(l->memory, 3ul * t->length + 1);
	uint32_t n = 0;

	if (!to)
		return false;
	for (uint32_t i = 0; i < t->length; i++) {
		char c = t->bytes[i];

		if (c == '[' && i + 2 < t->length && t->bytes[i + 1] == '^') {
			to[n++] = '[';
			to[n++] = '!';
			i++;
			continue;
		}
		if (c != '\\' || i + 1 == t->length) {
			to[n++] = c;
			continue;
		}
		c = t->bytes[++i];
		if (c == '*' || c == '?' || c == '[') {
			to[n++] = '[';
			to[n++] = c;
			to[n++] = ']';
		} else {
			to[n++] = c;
		}
	}
	ret->bytes = to;
	ret->length = n;
	return true;
}

static int take_value(struct falco_lowering *l, const struct falco_node *t,
		      const struct falco_field *f, const struct falco_text *from,
		      const struct rule_leaf *leaf, struct rule_value *to)
{
	if (leaf->left.kind == REEL_ADDR) {
		if (!take_net(from, &to->net) || (!f->is_net && to->net.bits != 128))
			return reel_err_set(l->err, -EINVAL, "%s: '%.60s' is no %s", t->left.field,
					    from->bytes, f->is_net ? "network" : "address");
		return 0;
	}
	if (leaf->left.kind < REEL_PATH) {
		if (!take_number(from, f->is_bool && !leaf->left.transforms[0], &to->number))
			return reel_err_set(l->err, -EINVAL, "%s: '%.60s' is no %s", t->left.field,
					    from->bytes, f->is_bool ? "true or false" : "number");
		return 0;
	}
	if (t->op == FALCO_BCONTAINS || t->op == FALCO_BSTARTSWITH)
		return take_bytes(l, from, to) ? 0 : wrong(l, t, "hexadecimal digits expected");
	if (t->op == FALCO_GLOB || t->op == FALCO_IGLOB)
		return take_glob(l, from, to) ? 0 : falco_no_memory(l);
	to->bytes = arena_text(l->memory, from->bytes, from->length);
	to->length = from->length;
	return to->bytes ? 0 : falco_no_memory(l);
}

/* Leaves --------------------------------------------------------------------------------------- */

static const struct {
	uint8_t op, flags;
	bool of_strings, of_numbers;
} ops[FALCO_OPS] = {
	[FALCO_EQ] = { RULE_EQ, 0, true, true },
	[FALCO_NE] = { RULE_NE, 0, true, true },
	[FALCO_LT] = { RULE_LT, 0, false, true },
	[FALCO_LE] = { RULE_LE, 0, false, true },
	[FALCO_GT] = { RULE_GT, 0, false, true },
	[FALCO_GE] = { RULE_GE, 0, false, true },
	[FALCO_EXISTS] = { RULE_EXISTS, 0, true, true },
	[FALCO_CONTAINS] = { RULE_CONTAINS, 0, true, false },
	[FALCO_ICONTAINS] = { RULE_CONTAINS, MATCH_NOCASE, true, false },
	[FALCO_BCONTAINS] = { RULE_CONTAINS, 0, true, false },
	[FALCO_STARTSWITH] = { RULE_STARTS, 0, true, false },
	[FALCO_BSTARTSWITH] = { RULE_STARTS, 0, true, false },
	[FALCO_ENDSWITH] = { RULE_ENDS, 0, true, false },
	[FALCO_GLOB] = { RULE_GLOB, 0, true, false },
	[FALCO_IGLOB] = { RULE_GLOB, MATCH_NOCASE, true, false },
	[FALCO_REGEX] = { RULE_REGEX, MATCH_WHOLE | MATCH_NO_DOTALL, true, false },
	[FALCO_IN] = { RULE_EQ, 0, true, true },
	[FALCO_INTERSECTS] = { RULE_EQ, 0, true, true },
	[FALCO_PMATCH] = { RULE_EQ, 0, true, false },
};

static struct falco_cond *new_leaf(struct falco_lowering *l, const struct rule_leaf *like)
{
	struct falco_cond *c = falco_cond_new(l, FALCO_IS_LEAF);

	if (c)
		c->leaf = arena_alloc(l->memory, sizeof(*c->leaf));
	if (!c || !c->leaf)
		return NULL;
	*c->leaf = *like;
	return c;
}

static struct falco_cond *join(struct falco_lowering *l, enum falco_cond_kind kind,
			       struct falco_cond *a, struct falco_cond *b)
{
	struct falco_cond *c;

	if (!a || !b)
		return a ? a : b;
	c = falco_cond_new(l, kind);
	if (c) {
		c->a = a;
		c->b = b;
	}
	return c;
}

static int leaf_of(struct falco_lowering *l, const struct rule_leaf *like,
		   const struct rule_value *values, uint32_t n, struct falco_cond **ret)
{
	*ret = n || like->op == RULE_EXISTS || like->has_right ? new_leaf(l, like) :
								 falco_cond_new(l, FALCO_IS_FALSE);
	if (!*ret)
		return falco_no_memory(l);
	if (!n)
		return 0;
	(*ret)->leaf->values = arena_alloc(l->memory, n * sizeof(*values));
	if (!(*ret)->leaf->values)
		return falco_no_memory(l);
	memcpy((*ret)->leaf->values, values, n * sizeof(*values));
	(*ret)->leaf->n_values = n;
	return 0;
}

/* All of the values, or just one of them. */
static int leaf_of_each(struct falco_lowering *l, const struct falco_node *t,
			const struct rule_leaf *like, const struct rule_value *values,
			struct falco_cond **ret)
{
	struct falco_cond *all = NULL;

	if (t->quantity == FALCO_ONEOF && t->n > ONEOF_MAX)
		return wrong(l, t, "oneof takes no more than 16 values");
	for (uint32_t i = 0; i < t->n; i++) {
		struct falco_cond *one;
		int r = leaf_of(l, like, &values[i], 1, &one);

		if (r < 0)
			return r;
		for (uint32_t k = 0; t->quantity == FALCO_ONEOF && k < t->n; k++) {
			struct falco_cond *other, *negated;

			if (k == i)
				continue;
			r = leaf_of(l, like, &values[k], 1, &other);
			negated = r < 0 ? NULL : falco_cond_new(l, FALCO_IS_NOT);
			if (!negated)
				return falco_no_memory(l);
			negated->a = other;
			one = join(l, FALCO_IS_AND, one, negated);
		}
		all = join(l, t->quantity == FALCO_ONEOF ? FALCO_IS_OR : FALCO_IS_AND, all, one);
	}
	*ret = all;
	return all ? 0 : falco_no_memory(l);
}

/* pmatch --------------------------------------------------------------------------------------- */

static bool has_glob(const struct falco_text *t)
{
	return memchr(t->bytes, '*', t->length) || memchr(t->bytes, '?', t->length) ||
	       memchr(t->bytes, '[', t->length);
}

/* Of the part of a path that begins there. */
static bool part_has_glob(const struct falco_text *t, uint32_t from)
{
	const char *slash = memchr(t->bytes + from, '/', t->length - from);
	struct falco_text part = { t->bytes + from, t->length - from };

	if (slash)
		part.length = (uint32_t)(slash - part.bytes);
	return part.length && has_glob(&part);
}

/* A glob of each part of a path, as a regular expression. Slashes only part, however many. Where
 * there is a wildcard a backslash takes the meaning from what follows. */
static bool path_regex(struct falco_lowering *l, const struct falco_text *t, struct rule_value *ret)
{
	static const char rest[] = "(?:/.*)?";
	char *to = arena_alloc(l->memory, 5ul * t->length + 2 + sizeof(rest));
	uint32_t n = 2, i = 0;
	bool is_glob;

	if (!to)
		return false;
	memcpy(to, "/*", 2);
	while (i < t->length && t->bytes[i] == '/')
		i++;
	is_glob = part_has_glob(t, i);
	for (; i < t->length; i++) {
		char c = t->bytes[i];
		bool is_taken = is_glob && c == '\\' && i + 1 < t->length && t->bytes[i + 1] != '/';
		const char *end = c == '[' ? memchr(t->bytes + i, ']', t->length - i) : NULL;

		if (c == '/') {
			while (i + 1 < t->length && t->bytes[i + 1] == '/')
				i++;
			memcpy(to + n, "/+", 2);
			n += i + 1 < t->length ? 2 : 0;
			is_glob = part_has_glob(t, i + 1);
		} else if (c == '*' || c == '?') {
			memcpy(to + n, "[^/]*", 5);
			n += c == '*' ? 5 : 4;
		} else if (end && end > t->bytes + i + 1) {
			uint32_t length = (uint32_t)(end - t->bytes) - i + 1;

			memcpy(to + n, t->bytes + i, length);
			if (to[n + 1] == '!')
				to[n + 1] = '^';
			n += length;
			i += length - 1;
		} else {
			if (is_taken)
				c = t->bytes[++i];
			if (!isalnum((unsigned char)c) && c != '_')
				to[n++] = '\\';
			to[n++] = c;
		}
	}
	/* What has no parts is the beginning of everything. */
	memcpy(to + n, n > 2 ? rest : ".*", n > 2 ? sizeof(rest) : 3);
	ret->bytes = to;
	ret->length = (uint32_t)strlen(to);
	return true;
}

/* Of a path of the kernel and one as the kernel writes them two comparisons are enough. What is no
 * path is below the root all the same. */
static bool is_plain(const struct rule_leaf *leaf, const struct falco_text *t)
{
	return leaf->left.kind == REEL_PATH && !leaf->left.transforms[0] && t->length > 1 &&
	       t->bytes[0] == '/' && !has_glob(t) && !memmem(t->bytes, t->length, "//", 2);
}

static int add_path(struct falco_lowering *l, const struct rule_leaf *like,
		    const struct falco_text *given, struct falco_cond **to)
{
	struct falco_text t = *given;
	struct rule_leaf leaf = *like;
	struct rule_value v = { 0 };
	struct falco_cond *one = NULL, *below = NULL;
	char *text;
	int r;

	while (t.length > 1 && t.bytes[t.length - 1] == '/')
		t.length--;
	if (!is_plain(&leaf, &t)) {
		leaf.op = RULE_REGEX;
		leaf.match_flags = MATCH_WHOLE;
		if (!path_regex(l, &t, &v))
			return falco_no_memory(l);
		r = leaf_of(l, &leaf, &v, 1, &one);
	} else {
		text = arena_alloc(l->memory, t.length + 2ul);
		if (!text)
			return falco_no_memory(l);
		memcpy(text, t.bytes, t.length);
		v.bytes = text;
		v.length = t.length;
		r = leaf_of(l, &leaf, &v, 1, &one);
		if (text[t.length ? t.length - 1 : 0] != '/')
			text[v.length++] = '/';
		leaf.op = RULE_STARTS;
		if (r == 0)
			r = leaf_of(l, &leaf, &v, 1, &below);
	}
	if (r < 0)
		return r;
	*to = join(l, FALCO_IS_OR, *to, join(l, FALCO_IS_OR, one, below));
	return *to ? 0 : falco_no_memory(l);
}

/* Tests ---------------------------------------------------------------------------------------- */

static int compare_fields(struct falco_lowering *l, const struct falco_node *t,
			  struct rule_leaf *leaf, struct falco_cond **ret)
{
	const struct falco_field *f = NULL;
	int r = falco_operand_ref(l, &t->right, &f, &leaf->right);

	if (r < 0)
		return r;
	if (f->way == FALCO_ABSENT || f->way == FALCO_UNKNOWN) {
		*ret = falco_cond_new(l, f->way == FALCO_ABSENT ? FALCO_IS_FALSE : FALCO_IS_LEAF);
		if (!*ret)
			return falco_no_memory(l);
		(*ret)->absent = (*ret)->unknown = f->says;
		leaf->left = leaf->right;
		leaf->op = RULE_EXISTS;
		(*ret)->leaf = arena_alloc(l->memory, sizeof(*leaf));
		if (!(*ret)->leaf)
			return falco_no_memory(l);
		*(*ret)->leaf = *leaf;
		return 0;
	}
	if (f->way != FALCO_FIELD && f->way != FALCO_EVENT_TYPE)
		return wrong(l, t, "the field on the right cannot be compared with");
	if (is_list(&leaf->left) || is_list(&leaf->right))
		return wrong(l, t, "a list is on the left only, and is compared with values");
	if ((leaf->left.kind >= REEL_PATH) != (leaf->right.kind >= REEL_PATH) ||
	    (leaf->left.kind == REEL_ADDR) != (leaf->right.kind == REEL_ADDR))
		return wrong(l, t, "the fields are of different kinds");
	if (leaf->match_flags || t->op == FALCO_GLOB || t->op == FALCO_PMATCH ||
	    t->op == FALCO_BCONTAINS || t->op == FALCO_BSTARTSWITH)
		return wrong(l, t, "the operator takes values, not another field");
	leaf->has_right = true;
	return leaf_of(l, leaf, NULL, 0, ret);
}

static int compare_values(struct falco_lowering *l, const struct falco_node *t,
			  const struct falco_field *f, struct rule_leaf *leaf,
			  struct falco_cond **ret)
{
	struct rule_value *values = arena_alloc(l->memory, (t->n + 1ul) * sizeof(*values));
	int r = 0;

	if (!values)
		return falco_no_memory(l);
	*ret = NULL;
	if (t->op == FALCO_PMATCH) {
		for (uint32_t i = 0; i < t->n && r == 0; i++)
			r = add_path(l, leaf, &t->values[i], ret);
		return r < 0 || *ret ? r : leaf_of(l, leaf, NULL, 0, ret);
	}
	for (uint32_t i = 0; i < t->n && r == 0; i++)
		r = take_value(l, t, f, &t->values[i], leaf, &values[i]);
	if (r < 0)
		return r;
	if ((t->quantity == FALCO_ALLOF || t->quantity == FALCO_ONEOF) && t->n > 1)
		return leaf_of_each(l, t, leaf, values, ret);
	return leaf_of(l, leaf, values, t->n, ret);
}

/* Of a list `in` asks whether there are values, and none is another than these. */
static int compare_list(struct falco_lowering *l, const struct falco_node *t,
			const struct falco_field *f, struct rule_leaf *leaf,
			struct falco_cond **ret)
{
	struct falco_cond *any = NULL, *none = falco_cond_new(l, FALCO_IS_NOT);
	struct rule_leaf exists = *leaf;
	int r;

	exists.op = RULE_EXISTS;
	r = none ? leaf_of(l, &exists, NULL, 0, &any) : falco_no_memory(l);
	if (r < 0)
		return r;
	leaf->op = RULE_NE;
	leaf->any_other = true;
	if (!t->n) {
		*ret = falco_cond_new(l, FALCO_IS_FALSE);
		return *ret ? 0 : falco_no_memory(l);
	}
	r = compare_values(l, t, f, leaf, &none->a);
	if (r < 0)
		return r;
	*ret = join(l, FALCO_IS_AND, any, none);
	return *ret ? 0 : falco_no_memory(l);
}

static void set_types(struct falco_cond *c, const uint8_t types[32])
{
	if (c->kind == FALCO_IS_LEAF)
		memcpy(c->types, types, 32);
	if (c->a)
		set_types(c->a, types);
	if (c->b)
		set_types(c->b, types);
}

/* A pattern that does not compile is found out when the leaf is added. */
static int lower_field(struct falco_lowering *l, const struct falco_node *t,
		       const struct falco_field *f, struct rule_leaf *leaf, struct falco_cond **ret)
{
	bool is_string = leaf->left.kind >= REEL_PATH;
	uint8_t types[32];
	int r;

	if (is_string ? !ops[t->op].of_strings : !ops[t->op].of_numbers)
		return wrong(l, t, is_string ? "strings have no order" : "it is no string");
	if (leaf->left.kind == REEL_ADDR && t->op >= FALCO_LT && t->op <= FALCO_GE)
		return wrong(l, t, "addresses have no order");
	leaf->op = ops[t->op].op;
	leaf->match_flags = ops[t->op].flags;
	leaf->any_other = t->op == FALCO_NE && leaf->left.scope == RULE_OF_ANCESTOR;
	leaf->role = (uint8_t)rule_ref_role(&leaf->left);
	if (t->has_right)
		r = compare_fields(l, t, leaf, ret);
	else if (t->op == FALCO_IN && is_list(&leaf->left))
		r = compare_list(l, t, f, leaf, ret);
	else
		r = compare_values(l, t, f, leaf, ret);
	if (r < 0)
		return r;
	falco_field_types(f, &leaf->left, types);
	set_types(*ret, types);
	(*ret)->is_result = falco_asks_result(f, &leaf->left);
	return 0;
}

static int lower_counter(struct falco_lowering *l, const struct falco_node *t,
			 struct falco_cond **ret)
{
	uint64_t number;
	bool is;

	if (t->op == FALCO_EXISTS) {
		*ret = falco_cond_new(l, FALCO_IS_TRUE);
		return *ret ? 0 : falco_no_memory(l);
	}
	if (t->n != 1 || !take_number(&t->values[0], false, &number) || number != 0 ||
	    t->op > FALCO_GE)
		return wrong(l, t, "it can be compared with 0 only");
	is = t->op == FALCO_NE || t->op == FALCO_GT || t->op == FALCO_GE;
	*ret = falco_cond_new(l, is ? FALCO_IS_TRUE : FALCO_IS_FALSE);
	return *ret ? 0 : falco_no_memory(l);
}

static int lower_direction(struct falco_lowering *l, const struct falco_node *t,
			   struct falco_cond **ret)
{
	bool is = t->op == FALCO_EXISTS;

	for (uint32_t i = 0; i < t->n; i++)
		is |= strcmp(t->values[i].bytes, "<") == 0;
	if (t->op == FALCO_NE)
		is = !is;
	*ret = falco_cond_new(l, is ? FALCO_IS_TRUE : FALCO_IS_FALSE);
	return *ret ? 0 : falco_no_memory(l);
}

int falco_lower_test(struct falco_lowering *l, const struct falco_node *t, struct falco_cond **ret)
{
	struct rule_leaf leaf = { 0 };
	const struct falco_field *f = NULL;
	int r = falco_operand_ref(l, &t->left, &f, &leaf.left);

	if (r < 0)
		return r;
	switch (f->way) {
	case FALCO_EVENT_TYPE:
		return t->left.n_transforms ? lower_field(l, t, f, &leaf, ret) :
					      falco_lower_type(l, t, ret);
	case FALCO_DIRECTION:
		return lower_direction(l, t, ret);
	case FALCO_COUNTER:
		return lower_counter(l, t, ret);
	case FALCO_TIME:
		return wrong(l, t, "times are for outputs only");
	case FALCO_ABSENT:
		*ret = falco_cond_new(l, FALCO_IS_FALSE);
		if (!*ret)
			return falco_no_memory(l);
		(*ret)->absent = f->says;
		return 0;
	case FALCO_UNKNOWN:
		leaf.op = RULE_EXISTS;
		*ret = new_leaf(l, &leaf);
		if (!*ret)
			return falco_no_memory(l);
		falco_call_types((*ret)->types);
		(*ret)->unknown = f->says;
		return 0;
	default:
		return lower_field(l, t, f, &leaf, ret);
	}
}
