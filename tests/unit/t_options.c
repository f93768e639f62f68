/* SPDX-License-Identifier: BSD-2-Clause */
#include "../../format/options.h"

#include <errno.h>
#include <stdlib.h>

#include "harness.h"

struct sample {
	bool all;
	const char *from;
	struct reel_strings where;
	uint32_t pid;
	uint64_t offset;
	uint64_t size;
	uint64_t time;
	int format;
	char twice[16];
};

static int parse_twice(const char *text, void *field, struct reel_err *err)
{
	if (strlen(text) > 7)
		return reel_err_set(err, -E2BIG, "'%s' is too long", text);
	snprintf(field, 16, "%s%s", text, text);
	return 0;
}

#define AT(member) offsetof(struct sample, member)

static const struct reel_option table[] = {
	{ "all", 'a', NULL, REEL_OPT_FLAG, AT(all), "everything" },
	{ "from", 'f', "TIME", REEL_OPT_STRING, AT(from), "from when on" },
	{ "where", 'w', "EXPR", REEL_OPT_LIST, AT(where), "a condition" },
	{ "pid", 'p', "PID", REEL_OPT_U32, AT(pid), "a process" },
	{ "offset", 0, "N", REEL_OPT_U64, AT(offset), "where" },
	{ "segment-size", 0, "SIZE", REEL_OPT_SIZE, AT(size), "how large" },
	{ "segment-time", 0, "TIME", REEL_OPT_DURATION, AT(time), "how long" },
	{ "format", 0, NULL, REEL_OPT_CHOICE, AT(format), "how", .choices = "text|json|csv" },
	{ "json", 0, NULL, REEL_OPT_SET, AT(format), "same as --format json", .value = 1 },
	{ "twice", 0, "TEXT", REEL_OPT_PARSE, AT(twice), "custom", .parse = parse_twice },
	{ 0 },
};

/* A literal command line: its strings are copied into place, as a kernel would have left them. */
struct line {
	char text[512];
	char *argv[32];
	int argc;
	struct sample o;
	struct reel_args args;
	struct reel_err err;
};

static int line_parse(struct line *l, const char *text)
{
	*l = (struct line){ .o.size = 7 };
	snprintf(l->text, sizeof(l->text), "cmd %s", text);
	for (char *p = strtok(l->text, " "); p; p = strtok(NULL, " "))
		l->argv[l->argc++] = p;
	return reel_options_parse(table, &l->o, l->argc, l->argv, &l->args, &l->err);
}

static void line_done(struct line *l)
{
	reel_options_done(table, &l->o);
}

TEST(every_kind_reaches_its_field)
{
	struct line l;

	CHECK_EQ(line_parse(&l, "-a --from=-15m --where a=1 -w b=2 --where=c -p 4711 --offset 0x10 "
				"--segment-size 64M --segment-time 1h30m --format csv --twice ab"),
		 0);
	CHECK(l.o.all);
	CHECK_STR(l.o.from, "-15m");
	CHECK_EQ(l.o.where.n, 3);
	CHECK_STR(l.o.where.v[0], "a=1");
	CHECK_STR(l.o.where.v[2], "c");
	CHECK_EQ(l.o.pid, 4711);
	CHECK_EQ(l.o.offset, 16);
	CHECK_EQ(l.o.size, 64 << 20);
	CHECK_EQ(l.o.time, 5400 * 1000000000ULL);
	CHECK_EQ(l.o.format, 2);
	CHECK_STR(l.o.twice, "abab");
	CHECK_EQ(l.args.n, 0);
	line_done(&l);
	line_done(&l);
}

TEST(defaults_stay_when_not_given)
{
	struct line l;

	CHECK_EQ(line_parse(&l, "x"), 0);
	CHECK_EQ(l.o.size, 7);
	CHECK_EQ(l.args.common.color, REEL_COLOR_AUTO);
	CHECK_EQ(l.args.n_before, -1);
}

TEST(values_may_look_like_options)
{
	struct line l;

	CHECK_EQ(line_parse(&l, "--from -15m -f -q"), 0);
	CHECK_STR(l.o.from, "-q");
	CHECK(!l.args.common.quiet);
}

TEST(short_options_bundle)
{
	struct line l;

	CHECK_EQ(line_parse(&l, "-avvp12 -qfnow"), 0);
	CHECK(l.o.all && l.args.common.quiet);
	CHECK_EQ(l.args.common.verbose, 2);
	CHECK_EQ(l.o.pid, 12);
	CHECK_STR(l.o.from, "now");
}

TEST(operands_stand_anywhere)
{
	struct line l;

	CHECK_EQ(line_parse(&l, "one -a two - --pid 1 three"), 0);
	CHECK_EQ(l.args.n, 4);
	CHECK_STR(l.args.v[0], "one");
	CHECK_STR(l.args.v[1], "two");
	CHECK_STR(l.args.v[2], "-");
	CHECK_STR(l.args.v[3], "three");
}

TEST(two_dashes_end_the_options)
{
	struct line l;

	CHECK_EQ(line_parse(&l, "-a one -- ls -l -- x"), 0);
	CHECK_EQ(l.args.n, 5);
	CHECK_EQ(l.args.n_before, 1);
	CHECK_STR(l.args.v[2], "-l");
	CHECK_STR(l.args.v[3], "--");
}

TEST(the_short_form_of_a_choice)
{
	struct line l;

	CHECK_EQ(line_parse(&l, "--json"), 0);
	CHECK_EQ(l.o.format, 1);
}

TEST(help_wins_over_what_follows)
{
	struct line l;

	CHECK_EQ(line_parse(&l, "-h --nonsense"), 0);
	CHECK(l.args.common.help);
	CHECK_EQ(line_parse(&l, "--version --pid"), 0);
	CHECK(l.args.common.version && !l.args.common.help);
}

static void check_wrong(const char *text, const char *message)
{
	struct line l;

	CHECK(line_parse(&l, text) < 0);
	CHECK_STR(l.err.msg, message);
	line_done(&l);
}

TEST(wrong_lines_say_why)
{
	check_wrong("--fromm 1", "unknown option '--fromm', did you mean '--from'?");
	check_wrong("--segment=1", "unknown option '--segment', did you mean '--segment-size'?");
	check_wrong("--qiuet", "unknown option '--qiuet', did you mean '--quiet'?");
	check_wrong("--zzzzzz", "unknown option '--zzzzzz'");
	check_wrong("-Z", "unknown option '-Z'");
	check_wrong("-json", "unknown option '-json', did you mean '--json'?");
	check_wrong("-w a --pid", "option '--pid' needs a value: PID");
	check_wrong("--format", "option '--format' needs a value: text|json|csv");
	check_wrong("--all=1", "option '--all' takes no value");
	check_wrong("--pid -1", "--pid: '-1' is not a number");
	check_wrong("--pid 4294967296", "--pid: '4294967296' is too large");
	check_wrong("--pid=", "--pid: '' is not a number");
	check_wrong("--format xml", "--format: 'xml' is none of text|json|csv");
	check_wrong("--format text|json", "--format: 'text|json' is none of text|json|csv");
	check_wrong("--segment-time 5", "--segment-time: '5' needs a unit: ns, us, ms, s, m, h, d "
					"or w");
	check_wrong("--twice 12345678", "--twice: '12345678' is too long");
	check_wrong("---", "unknown option '---'");
}

TEST(failure_leaves_the_result_alone)
{
	struct reel_args args = { .n = 99 };
	struct sample o = { 0 };
	char *argv[] = { (char[]){ "cmd" }, (char[]){ "--nope" }, NULL };

	CHECK_EQ(reel_options_parse(table, &o, 2, argv, &args, NULL), -EINVAL);
	CHECK_EQ(args.n, 99);
}

TEST(a_command_without_options)
{
	struct reel_args args;
	char *argv[] = { (char[]){ "cmd" }, (char[]){ "-q" }, (char[]){ "x" }, NULL };

	CHECK_EQ(reel_options_parse(NULL, NULL, 3, argv, &args, NULL), 0);
	CHECK(args.common.quiet);
	CHECK_EQ(args.n, 1);
	reel_options_done(NULL, NULL);
}

TEST(many_values_in_a_list)
{
	struct reel_strings s = { 0 };

	for (int i = 0; i < 1000; i++)
		CHECK_EQ(reel_strings_add(&s, i % 2 ? "odd" : "even"), 0);
	CHECK_EQ(s.n, 1000);
	CHECK_STR(s.v[999], "odd");
	reel_strings_done(&s);
	reel_strings_done(&s);
	reel_strings_done(NULL);
	CHECK_EQ(s.n, 0);
}

TEST(numbers)
{
	uint64_t n = 0;

	CHECK_EQ(reel_parse_u64("18446744073709551615", &n, NULL), 0);
	CHECK(n == UINT64_MAX);
	CHECK_EQ(reel_parse_u64("010", &n, NULL), 0);
	CHECK_EQ(n, 10);
	CHECK_EQ(reel_parse_u64("0xFf", &n, NULL), 0);
	CHECK_EQ(n, 255);
	CHECK_EQ(reel_parse_u64("18446744073709551616", &n, NULL), -ERANGE);
	CHECK_EQ(reel_parse_u64(" 1", &n, NULL), -EINVAL);
	CHECK_EQ(reel_parse_u64("+1", &n, NULL), -EINVAL);
	CHECK_EQ(reel_parse_u64("1x", &n, NULL), -EINVAL);
	CHECK_EQ(reel_parse_u64("0x", &n, NULL), -EINVAL);
	CHECK_EQ(reel_parse_u64("", &n, NULL), -EINVAL);
	CHECK_EQ(n, 255);
}

TEST(sizes)
{
	uint64_t n = 0;

	CHECK_EQ(reel_parse_size("512", &n, NULL), 0);
	CHECK_EQ(n, 512);
	CHECK_EQ(reel_parse_size("4k", &n, NULL), 0);
	CHECK_EQ(n, 4096);
	CHECK_EQ(reel_parse_size("3GiB", &n, NULL), 0);
	CHECK_EQ(n, 3LL << 30);
	CHECK_EQ(reel_parse_size("16777215T", &n, NULL), 0);
	CHECK_EQ(reel_parse_size("16777216T", &n, NULL), -ERANGE);
	CHECK_EQ(reel_parse_size("1X", &n, NULL), -EINVAL);
	CHECK_EQ(reel_parse_size("M", &n, NULL), -EINVAL);
	CHECK_EQ(reel_parse_size("1 M", &n, NULL), -EINVAL);
}

TEST(durations)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} rows[] = {
		{ "0", 0 },
		{ "7ns", 7 },
		{ "3us", 3000 },
		{ "500ms", 500000000 },
		{ "60s", 60000000000 },
		{ "15m", 900000000000 },
		{ "1h", 3600000000000 },
		{ "7d", 604800000000000 },
		{ "1w", 604800000000000 },
		{ "1d12h", 129600000000000 },
	};
	static const char *const wrong[] = { "", "5", "s", "1h30", "1.5h", "-1s", "1y", "1h 2m" };
	uint64_t ns = 1;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		CHECK_EQ(reel_parse_duration(rows[i].text, &ns, NULL), 0);
		CHECK_EQ(ns, rows[i].ns);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		CHECK_EQ(reel_parse_duration(wrong[i], &ns, NULL), -EINVAL);
	CHECK_EQ(reel_parse_duration("30501w", &ns, NULL), -ERANGE);
	CHECK_EQ(reel_parse_duration("30000w9000w", &ns, NULL), -ERANGE);
}

static const char *nearest(const char *word)
{
	static const char *const names[] = { "info", "verify", "cut", "keep", "merge", "dump" };
	struct reel_nearest n = REEL_NEAREST(word);

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		reel_nearest_offer(&n, names[i]);
	return n.best;
}

TEST(near_names)
{
	char longest[4096] = "";

	CHECK_STR(nearest("inof"), "info");
	CHECK_STR(nearest("veri"), "verify");
	CHECK_STR(nearest("vreify"), "verify");
	CHECK_STR(nearest("dumps"), "dump");
	CHECK_STR(nearest("cat"), "cut");
	CHECK_STR(nearest("replay"), NULL);
	CHECK_STR(nearest(""), NULL);
	memset(longest, 'x', sizeof(longest) - 1);
	CHECK_STR(nearest(longest), NULL);
}

TEST(errors_add_to_themselves)
{
	struct reel_err err = { 0 };
	char longest[2000] = "";

	CHECK_EQ(reel_err_set(&err, -EIO, "cannot read"), -EIO);
	CHECK_EQ(reel_err_set(&err, err.code, "block 7: %s", err.msg), -EIO);
	CHECK_STR(err.msg, "block 7: cannot read");
	memset(longest, 'x', sizeof(longest) - 1);
	CHECK_EQ(reel_err_set(&err, -E2BIG, "%s", longest), -E2BIG);
	CHECK_EQ(strlen(err.msg), sizeof(err.msg) - 1);
	CHECK_EQ(reel_err_set(NULL, -EIO, "nobody listens"), -EIO);
}

TEST(color_follows_the_environment)
{
	struct reel_common c = { .color = REEL_COLOR_ALWAYS };

	setenv("NO_COLOR", "1", 1);
	CHECK(reel_common_color(&c, -1));
	c.color = REEL_COLOR_AUTO;
	CHECK(!reel_common_color(&c, -1));
	c.color = REEL_COLOR_NEVER;
	CHECK(!reel_common_color(&c, 1));
}
