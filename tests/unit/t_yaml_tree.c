/* SPDX-License-Identifier: BSD-2-Clause */
/* YAML becomes a tree, with its places; what is no YAML, or is too much, is said where it stands.
 */
#include <errno.h>
#include <stdlib.h>

#include "replay/yaml_tree.h"
#include "tests/unit/harness.h"

static struct yaml_tree *parse(const char *text)
{
	struct reel_err err = { 0 };
	struct yaml_tree *t = NULL;
	uint32_t line, column;

	if (yaml_tree_parse(text, strlen(text), &t, &line, &column, &err) < 0)
		T_FAIL("%s: %s", text, err.msg);
	return t;
}

static void check_refused(const char *text, size_t length, const char *want, int line_here)
{
	struct reel_err err = { 0 };
	struct yaml_tree *t = NULL;
	uint32_t line, column;
	int r = yaml_tree_parse(text, length, &t, &line, &column, &err);

	if (r != -EINVAL || !strstr(err.msg, want))
		T_FAIL("line %d: %d, '%s' and not '%s'", line_here, r, err.msg, want);
	if (r == 0)
		yaml_tree_free(t);
}

#define REFUSED(text, want) check_refused(text, strlen(text), want, __LINE__)

TEST(places_and_order)
{
	struct yaml_tree *t =
		parse("# said\ntitle: a b\nlist:\n  - x\n  - 'y'\nz: {k: \"v\\n\"}\n");
	const struct yaml_value *d, *v;

	REQUIRE(t && yaml_tree_n(t) == 1);
	d = yaml_tree_document(t, 0);
	REQUIRE(d->kind == YAML_MAPPING && d->n == 3);
	CHECK(yaml_is(yaml_key(d, 0), "title") && yaml_is(yaml_at(d, 0), "a b"));
	CHECK_EQ(yaml_at(d, 0)->line, 2);
	CHECK_EQ(yaml_at(d, 0)->column, 8);
	v = yaml_get(d, "list");
	REQUIRE(v && v->kind == YAML_SEQUENCE && v->n == 2);
	CHECK(!v->items[0]->is_string && v->items[1]->is_string && v->items[1]->is_quoted);
	CHECK_EQ(v->items[1]->line, 5);
	v = yaml_get(yaml_get(d, "z"), "k");
	CHECK(yaml_is(v, "v\n"));
	CHECK(!yaml_get(d, "nothing"));
	CHECK(!yaml_get(v, "k"));
	yaml_tree_free(t);
}

TEST(documents_and_aliases)
{
	struct yaml_tree *t = parse("a: &x [1, 2]\nb: *x\n---\nb: &x c\nd: *x\n---\n");
	const struct yaml_value *d;

	REQUIRE(t && yaml_tree_n(t) == 3);
	d = yaml_tree_document(t, 0);
	CHECK(yaml_get(d, "a") == yaml_get(d, "b"));
	CHECK(yaml_is(yaml_get(yaml_tree_document(t, 1), "d"), "c"));
	CHECK(yaml_is_null(yaml_tree_document(t, 2)));
	yaml_tree_free(t);
	t = parse("# nothing\n");
	REQUIRE(t != NULL);
	CHECK_EQ(yaml_tree_n(t), 0);
	yaml_tree_free(t);
}

TEST(meanings)
{
	struct yaml_tree *t = parse("[12, -7, 0x1f, 010, 1_000, '12', 1.5, 9223372036854775808, "
				    "yes, off, 'no', ~, null, '', \"\", !!str 5, 08]");
	static const int64_t want[] = { 12, -7, 31, 8, 1000 };
	const struct yaml_value *d;
	int64_t n;
	bool b;

	REQUIRE(t != NULL);
	d = yaml_tree_document(t, 0);
	for (uint32_t i = 0; i < 5; i++) {
		CHECK(yaml_is_integer(d->items[i], &n));
		CHECK_EQ(n, want[i]);
	}
	for (uint32_t i = 5; i < d->n; i++)
		CHECK(!yaml_is_integer(d->items[i], &n));
	CHECK(yaml_is_bool(d->items[8], &b) && b);
	CHECK(yaml_is_bool(d->items[9], &b) && !b);
	CHECK(!yaml_is_bool(d->items[10], &b));
	CHECK(yaml_is_null(d->items[11]) && yaml_is_null(d->items[12]));
	CHECK(!yaml_is_null(d->items[13]) && !yaml_is_null(d->items[14]));
	yaml_tree_free(t);
}

TEST(what_is_wrong)
{
	REFUSED("a: 1\nb: 2\na: 3\n", "3:1: a key that was there before");
	REFUSED("a: [1, 2\nb: 3\n", "2:2: ");
	REFUSED("a: \"x\n", "found unexpected end of stream");
	REFUSED("? [a]\n: b\n", "1:3: a key must be a text");
	REFUSED("a: *b\n", "1:4: an alias of nothing");
	REFUSED("a: &b [*b]\n", "1:8: an alias of what it stands in");
	REFUSED("a: !!binary abc\n", "1:4: an unknown tag");
	REFUSED("a: !thing {}\n", "1:4: an unknown tag");
	REFUSED("x: &x {a: b}\ny:\n  <<: *x\n", "3:3: merging");
	REFUSED("a:\n\t- b\n", "2:1: ");
	REFUSED("a: \xff\xfe\n", "invalid leading UTF-8 octet");
	check_refused("a: \0", 4, "control characters", __LINE__);
}

TEST(what_is_too_much)
{
	char *text = malloc(1 << 20), *p = text;

	REQUIRE(text != NULL);
	memset(text, '[', 1 << 20);
	check_refused(text, 1 << 20, "1:65: nested too deeply", __LINE__);
	/* Each line is ten of the one before. */
	p += sprintf(p, "- &a0 [x, x, x, x, x, x, x, x, x, x]\n");
	for (unsigned i = 0; i < 20; i++) {
		p += sprintf(p, "- &a%u [*a%u", i + 1, i);
		for (unsigned k = 0; k < 9; k++)
			p += sprintf(p, ", *a%u", i);
		p += sprintf(p, "]\n");
	}
	check_refused(text, (size_t)(p - text), "it has too many values", __LINE__);
	p = text;
	for (unsigned i = 0; i < YAML_TREE_ANCHORS_MAX + 1; i++)
		p += sprintf(p, "- &a%u x\n", i);
	check_refused(text, (size_t)(p - text), "201:3: too many anchors", __LINE__);
	p = text;
	for (unsigned i = 0; i < YAML_TREE_NODES_MAX; i++)
		p = stpcpy(p, "-\n");
	check_refused(text, (size_t)(p - text), "500000:2: it has too many values", __LINE__);
	free(text);
}
