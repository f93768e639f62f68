/* SPDX-License-Identifier: BSD-2-Clause */
/* What policies mean: how predicates bind, which values they become, and how paths unfold. */
#include <errno.h>
#include <unistd.h>

#include "tests/unit/policy.h"

static const char shared_rules[] = "../shared/rules/execray";

#define EXPR(step, want) policy_check_expr("path \"p\" { " step " }", want)
#define TREE(body, want) policy_check_tree("path \"p\" { " body " }", want)

TEST(newline_and_comma_bind_weakest)
{
	EXPR("open { pid == 1\n tid == 2 or cpu == 3 }", "(pid=1 & (tid=2 | cpu=3))");
	EXPR("open { pid == 1, tid == 2 or cpu == 3, ret == 4 }",
	     "(pid=1 & ((tid=2 | cpu=3) & ret=4))");
	EXPR("open { pid == 1 or tid == 2 and cpu == 3 }", "(pid=1 | (tid=2 & cpu=3))");
	EXPR("open { pid == 1 and tid == 2 or cpu == 3 }", "((pid=1 & tid=2) | cpu=3)");
	EXPR("open { not pid == 1 and tid == 2 }", "(!pid=1 & tid=2)");
	EXPR("open { not (pid == 1 and tid == 2) }", "!(pid=1 & tid=2)");
	EXPR("open { not not pid == 1 }", "pid=1");
	EXPR("open { (pid == 1, tid == 2) or cpu == 3 }", "((pid=1 & tid=2) | cpu=3)");
}

TEST(newlines_that_are_blanks)
{
	EXPR("open { pid ==\n 1\n or tid == 2 }", "(pid=1 | tid=2)");
	EXPR("open { pid == 1 and\n tid == 2 }", "(pid=1 & tid=2)");
	EXPR("open { pid == 1\n and tid == 2 }", "(pid=1 & tid=2)");
	EXPR("open { pid == 1,\n tid == 2\n }", "(pid=1 & tid=2)");
	EXPR("open { ( pid\n == 1\n or\n tid == 2 ) }", "(pid=1 | tid=2)");
	EXPR("open { pid in (1,\n 2\n, 3) }", "pid=1,2,3");
	EXPR("open { not\n pid == 1 }", "!pid=1");
	EXPR("open { pid == 1 // or tid == 2\n # and\n tid == 3 }", "(pid=1 & tid=3)");
}

TEST(any_event_of_the_type)
{
	EXPR("open", "true");
	EXPR("open { }", "true");
	EXPR("open failed { }", "true");
}

TEST(strings_keep_what_is_no_escape)
{
	EXPR("exec { path =~ \"\\.sh$\" }", "path=~\\.sh$");
	EXPR("exec { path =~ \"\\\\.sh$\" }", "path=~\\.sh$");
	EXPR("exec { path == \"a\\x41\\\"\\t\\q\\x4\" }", "path=aA\"\t\\q\\x4");
}

TEST(operators_on_strings)
{
	EXPR("exec { path = \"/x\" }", "path=/x");
	EXPR("exec { path != \"/x\" }", "path!=/x");
	EXPR("exec { path !~ \"x\" }", "path!~x");
	EXPR("exec { path in (\"b\", \"a\", \"b\") }", "path=a,b");
	EXPR("exec { path contains \"x\" }", "path*x");
	EXPR("exec { path startswith \"x\" }", "path^=x");
	EXPR("exec { path endswith (\"x\", \"y\") }", "path$=x,y");
	EXPR("exec { path glob \"x*\" }", "pathglobx*");
	EXPR("exec { path exists }", "path?");
	EXPR("exec { argv[1] == \"x\" }", "argv[1]=x");
	EXPR("exec { argv contains path }", "argv*path");
}

TEST(numbers)
{
	EXPR("open { flags & O_CREAT|O_TRUNC }", "flags&576");
	EXPR("open { flags & O_CREAT|0x1|02 }", "flags&67");
	EXPR("chmod { mode & 06000 }", "mode&3072");
	EXPR("connect { port in (443, 80, 0x50) }", "port=80,443");
	EXPR("open { errno == EACCES }", "errno=13");
	EXPR("open { ret == -13 }", "ret=-13");
	EXPR("open { ret == -EACCES }", "ret=-13");
	EXPR("open { created == yes }", "created=2");
	EXPR("open { created in (yes, unknown) }", "created=0,2");
	EXPR("kill { signal == SIGKILL }", "signal=9");
	EXPR("exec { memfd }", "memfd+");
	EXPR("exec { memfd == true }", "memfd=1");
	EXPR("open { loginuid == -1 }", "~loginuid=4294967295");
	EXPR("open { container.runtime == \"cri-o\" }", "~container.runtime=4");
	EXPR("exit { cpu_ns > 1m30s }", "cpu_ns>90000000000");
	EXPR("setuid { euid < old_euid }", "euid<old_euid");
	EXPR("socket { family == AF_INET6 }", "family=10");
}

TEST(addresses)
{
	EXPR("connect { addr == 192.0.2.1 }", "addr=00000000000000000000ffffc0000201/128");
	EXPR("connect { addr == ::ffff:192.0.2.1 }", "addr=00000000000000000000ffffc0000201/128");
	EXPR("connect { addr in 10.1.2.3/8 }", "addrnet00000000000000000000ffff0a000000/104");
	EXPR("connect { addr in 2001:db8::/32 }", "addrnet20010db8000000000000000000000000/32");
	EXPR("connect { addr in fe80::/10 }", "addrnetfe800000000000000000000000000000/10");
	EXPR("connect { addr == ::1 }", "addr=00000000000000000000000000000001/128");
	EXPR("connect { addr cidr (\"10.0.0.0/8\", \"::/0\") }",
	     "addrnet00000000000000000000000000000000/0,"
	     "00000000000000000000ffff0a000000/104");
	EXPR("connect { addr in (10.0.0.1) }", "addrnet00000000000000000000ffff0a000001/128");
}

TEST(whose_field_it_is)
{
	EXPR("exec { exe == \"/x\" }", "exe=/x");
	EXPR("open { exe == \"/x\" }", "~exe=/x");
	EXPR("open { parent.exe == \"/x\" }", "parent.exe=/x");
	EXPR("open { ancestor.uid == 0 }", "ancestor.uid=0");
	EXPR("open { container.id exists }", "~container.id?");
	EXPR("exec { uid == 0 }", "uid=0");
	EXPR("open { uid == 0 }", "~uid=0");
	EXPR("open|exec { uid == 0 }", "uid=0");
	EXPR("close { path == \"/x\" }", "path=/x");
	EXPR("close { filename == \"/x\" }", "filename=/x");
	EXPR("kexec { cmdline == \"x\" }", "cmdline=x");
	EXPR("open { cmdline == \"x\" }", "~cmdline=x");
}

/* What a step reads decides what it costs, and what can make it blind. */
static void check_reads(const char *text, bool context, bool names)
{
	struct rules *r = policy_good(text);
	const struct rule_step *step = r && r->n ? &r->steps[r->list[0].nodes[0].step] : NULL;

	if (!step || step->reads_context != context || step->reads_names != names)
		T_FAIL("%s reads otherwise", text);
	rules_free(r);
}

TEST(what_a_step_reads)
{
	check_reads("path \"p\" { open { path == \"/x\" } }", false, false);
	check_reads("path \"p\" { open { uid == 0 } }", true, false);
	check_reads("path \"p\" { exec { uid == 0 } }", false, false);
	check_reads("path \"p\" { exec|unlink { uid == 0 } }", true, false);
	check_reads("path \"p\" { unlink { path == exe } }", true, false);
	check_reads("path \"p\" { close { path == \"/x\" } }", false, true);
	check_reads("path \"p\" { write { path == \"/x\" } }", false, true);
	check_reads("path \"p\" { write { pathname == \"/x\" } }", false, true);
	check_reads("path \"p\" { write { content =~ \"x\" } }", false, false);
	check_reads("path \"p\" { dup { not filename == \"/x\" } }", false, true);
	check_reads("path \"p\" { mprotect { path == \"/x\" } }", false, true);
}

TEST(which_matcher)
{
	static const struct {
		const char *field;
		uint8_t role;
	} rows[] = {
		{ "path", RULE_ROLE_PATH },	  { "pathname", RULE_ROLE_PATH },
		{ "exe", RULE_ROLE_PATH },	  { "comm", RULE_ROLE_TEXT },
		{ "argv", RULE_ROLE_ARGS },	  { "argv[2]", RULE_ROLE_TEXT },
		{ "cmdline", RULE_ROLE_LINE },	  { "parent.cmdline", RULE_ROLE_LINE },
		{ "parent.cwd", RULE_ROLE_PATH }, { "syscall", RULE_ROLE_TEXT },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[100];
		struct rules *r;

		(void)snprintf(text, sizeof(text), "path \"p\" { exec { %s == \"x\" } }",
			       rows[i].field);
		r = policy_good(text);
		if (!r || r->n_leaves != 1 || r->leaves[0].role != rows[i].role)
			T_FAIL("%s goes elsewhere", rows[i].field);
		rules_free(r);
	}
}

static uint8_t outcome_of(const char *text)
{
	struct rules *r = policy_good(text);
	uint8_t outcome = r && r->n ? r->steps[r->list[0].nodes[0].step].outcome : 0xff;

	rules_free(r);
	return outcome;
}

TEST(outcomes)
{
	CHECK_EQ(outcome_of("path \"p\" { open }"), RULE_SUCCEEDED);
	CHECK_EQ(outcome_of("path \"p\" { open failed }"), RULE_FAILED);
	CHECK_EQ(outcome_of("path \"p\" { open attempted { } }"), RULE_ATTEMPTED);
	CHECK_EQ(outcome_of("path \"p\" { open { errno == EACCES } }"), RULE_ATTEMPTED);
	CHECK_EQ(outcome_of("path \"p\" { open { not ret < 0 } }"), RULE_ATTEMPTED);
	CHECK_EQ(outcome_of("path \"p\" { open { pid == ret } }"), RULE_ATTEMPTED);
	CHECK_EQ(outcome_of("path \"p\" { open failed { errno == EACCES } }"), RULE_FAILED);
}

static void check_types(const char *step, const char *want)
{
	char text[200], got[200] = "";
	struct rules *r;

	(void)snprintf(text, sizeof(text), "path \"p\" { %s }", step);
	r = policy_good(text);
	for (const struct reel_type *t = reel_types; r && r->n && t->name; t++) {
		if (!(r->steps[0].types[t->id / 8] >> t->id % 8 & 1))
			continue;
		strcat(got, got[0] ? " " : "");
		strcat(got, t->name);
	}
	CHECK_STR(got, want);
	rules_free(r);
}

TEST(types)
{
	check_types("execve", "exec");
	check_types("openat", "open create open_by_handle");
	check_types("open_by_handle_at", "open_by_handle");
	check_types("rename|unlinkat|rename", "unlink rename");
}

TEST(a_row_of_steps)
{
	TREE("open exec connect", "-s 0s 1s*");
	TREE("open {} ; exec {} ... connect", "-s 0s 1s*");
	TREE("open ..\n exec", "-s.. 0s*");
	TREE("open\n ..\n exec", "-s 0s*");
	TREE("block \"a\" { open block \"b\" { exec } } close", "-s/a 0s/a/b 1s*/a/b");
}

TEST(choices)
{
	TREE("open exec ? link : unlink", "-s 0s 1s* 0sg1*");
	TREE("open exec ? link : unlink close", "-s 0s 1s 0sg1 2s* 3s*");
	/* At the head only the same event can hold the other way back. */
	TREE("exec ? link : unlink", "-s 0s* -sg1*");
	/* Only what begins the other way is held back. */
	TREE("open exec ? link : block \"y\" { unlink close }", "-s 0s 1s* 0sg1/y 3s*/y");
	/* The last of three by both. */
	TREE("open exec ? link : chmod ? chown : unlink", "-s 0s 1s* 0sg1 3s* 0sg2*");
	TREE("open exec ? chmod ? link : chown : unlink", "-s 0s 1s 2s* 1sg1* 0sg1*");
	TREE("open { } ?\n\nblock \"x\" { exec } :\n\nblock \"y\" { link }", "-s 0s*/x -sg1*/y");
}

TEST(any_and_all)
{
	TREE("any { open exec } close", "-s -s 0s* 1s*");
	TREE("any { open block \"b\" { exec link } } close", "-s -s/b 1s/b 0s* 2s*/b");
	TREE("link any { open exec }", "-s 0s* 0s*");
	TREE("all { open exec } close", "-a2 0s*");
	TREE("link all { open exec link } within 5s", "-s 0a3*");
}

TEST(counts)
{
	TREE("open failed { } count 3 within 10s", "-c3*");
	TREE("link connect count 4 distinct port within 10s within 1m exec", "-s 0c4 1s*");
}

TEST(unless_where_it_stands)
{
	TREE("open unless exec close", "-s 0sx1*");
	TREE("unless exec open close", "-s 0s*");
	TREE("open unless exec within 5s", "-su1*");
	/* In one way of several it must not kill the others. */
	TREE("open any { block \"a\" { unless exec link } close }", "-s 0sx1*/a 0s*");
	TREE("open unless exec any { link close }", "-s 0sx1* 0sx1*");
	TREE("open link ? block \"a\" { unless exec close } : chmod", "-s 0s 1sx1*/a 0sg1*");
	TREE("open link ? chmod : block \"a\" { unless exec close }", "-s 0s 1s* 0sg1x1*/a");
	TREE("open unless exec unless exec close", "-s 0sx1*");
}

TEST(unless_of_the_whole_and_of_the_end)
{
	struct rules *r = policy_good("path \"p\" { unless exec open unless link within 5s }");

	REQUIRE(r && r->n == 1);
	CHECK_EQ(r->list[0].n_unlesses, 1);
	CHECK_EQ(r->list[0].nodes[0].n_unlesses, 1);
	CHECK_EQ(r->list[0].nodes[0].wait_ns, 5000000000ull);
	rules_free(r);
}

TEST(bounds)
{
	struct rules *r =
		policy_good("path \"a\" { open open open within 40s }\n"
			    "path \"b\" { within 1m; open open open within forever }\n"
			    "path \"c\" { open open within 2s\n within 9s }\n"
			    "path \"d\" { all { open exec } link all { open exec } within 1s }\n"
			    "path \"e\" { open open count 2 within 1s within 2s }\n");

	REQUIRE(r && r->n == 5);
	CHECK_EQ(r->list[0].within_ns, RULES_FOREVER);
	CHECK_EQ(r->list[0].nodes[0].within_ns, RULES_FOREVER);
	CHECK_EQ(r->list[0].nodes[1].within_ns, 30000000000ull);
	CHECK_EQ(r->list[0].nodes[2].within_ns, 40000000000ull);
	CHECK_EQ(r->list[1].within_ns, 60000000000ull);
	CHECK_EQ(r->list[1].nodes[1].within_ns, RULES_FOREVER);
	CHECK_EQ(r->list[1].nodes[2].within_ns, RULES_FOREVER);
	CHECK_EQ(r->list[2].within_ns, 9000000000ull);
	CHECK_EQ(r->list[2].nodes[1].within_ns, 2000000000ull);
	CHECK_EQ(r->list[3].nodes[0].within_ns, 30000000000ull);
	CHECK_EQ(r->list[3].nodes[2].within_ns, 1000000000ull);
	CHECK_EQ(r->list[4].nodes[1].window_ns, 1000000000ull);
	CHECK_EQ(r->list[4].nodes[1].within_ns, 2000000000ull);
	rules_free(r);
}

TEST(names_bind_what_is_used)
{
	struct rules *r;

	TREE("open as f exec", "-s 0s*");
	TREE("open as f exec { path == f.path or argv contains f.path }", "-sb1 0s*");
	TREE("open as f exec { path == f.path } close { pid == f.pid }", "-sb2 0s 1s*");
	TREE("all { open as a exec as b } link { path == b.path }", "-a2b1 0s*");
	TREE("any { block \"x\" { open as f } block \"y\" { link as f } } exec { path == f.path }",
	     "-sb1/x -sb1/y 0s*/x 1s*/y");
	EXPR("open { path == exe }", "path=~exe");

	r = policy_good("path \"p\" { open as f exec { path == f.path } as g\n"
			"unlink { path == f.path, exe == g.exe } }");
	REQUIRE(r && r->n == 1);
	CHECK_EQ(r->list[0].n_slots, 2);
	CHECK(!r->steps[r->list[0].nodes[0].step].reads_bound);
	CHECK(r->steps[r->list[0].nodes[1].step].reads_bound);
	CHECK_EQ(r->list[0].nodes[0].bindings[0].slot, 0);
	CHECK_EQ(r->list[0].nodes[1].bindings[0].slot, 1);
	rules_free(r);
}

TEST(lists_and_macros)
{
	struct rules *r = policy_good("list ports (80, 443)\n"
				      "list more (ports, 22)\n"
				      "macro tmp { exe startswith \"/tmp/\"\n uid == 0 }\n"
				      "macro both { tmp and port in more }\n"
				      "path \"p\" { connect { both or port == ports } }\n");
	struct reel_out o;
	char *got;

	REQUIRE(r && r->n == 1 && out_init_mem(&o) == 0);
	policy_put_expr(&o, r, r->steps[0].expr);
	got = policy_take(&o);
	CHECK_STR(got, "(((~exe^=/tmp/ & ~uid=0) & port=22,80,443) | port=80,443)");
	free(got);
	rules_free(r);
}

TEST(what_a_path_says_of_itself)
{
	struct rules *r =
		policy_good("path \"p\" {\n"
			    "severity high description \"d\" author \"me\"\n"
			    "tags \"a, b\" \"c\"; reference \"r\" reference \"s\"\n"
			    "falsepositives \"f\"; by user\n"
			    "open\n"
			    "}\n"
			    "tune \"p*\" { unless exe == \"/x\"\n uid == 0 unless uid == 5 }\n");

	REQUIRE(r && r->n == 1);
	CHECK_EQ(r->list[0].severity, RULE_HIGH);
	CHECK_EQ(r->list[0].key, RULE_BY_USER);
	CHECK_STR(r->list[0].description, "d");
	CHECK_STR(r->list[0].author, "me");
	REQUIRE(r->list[0].tags.n == 3);
	CHECK_STR(r->list[0].tags.v[1], "b");
	CHECK_STR(r->list[0].tags.v[2], "c");
	CHECK_EQ(r->list[0].references.n, 2);
	CHECK_EQ(r->list[0].false_positives.n, 1);
	REQUIRE(r->n_tunes == 1);
	CHECK_STR(r->tunes[0].glob, "p*");
	CHECK_EQ(r->exprs[r->tunes[0].expr].op, RULE_EXPR_OR);
	rules_free(r);
}

TEST(the_same_thing_is_one)
{
	struct rules *r = policy_good("path \"a\" { open { path == \"/x\" } exec }\n"
				      "path \"b\" { openat { path in (\"/x\") } exec { } }\n");

	REQUIRE(r && r->n == 2);
	CHECK_EQ(r->n_leaves, 1);
	CHECK_EQ(r->n_steps, 2);
	rules_free(r);
}

static uint64_t hash_of(const char *text)
{
	struct rules *r = policy_good(text);
	uint64_t hash = r && r->n ? r->list[r->n - 1].hash : 0;

	rules_free(r);
	return hash;
}

TEST(the_hash_is_that_of_the_meaning)
{
	static const char base[] =
		"path \"p\" { open { path == \"/x\" } as f exec { path == f.path } }";
	uint64_t hash = hash_of(base);

	CHECK(hash != 0);
	CHECK(hash == hash_of(base));
	CHECK(hash == hash_of("// a comment\n\npath \"p\" { severity high\n"
			      "openat { path = \"/x\" } as g\nexec { path == g.path } }"));
	CHECK(hash == hash_of("path \"q\" { link { path =~ \"y\" } exec } path \"p\" { open "
			      "{ path == \"/x\" } as f exec { path == f.path } }"));
	CHECK(hash !=
	      hash_of("path \"q\" { open { path == \"/x\" } as f exec { path == f.path } }"));
	CHECK(hash !=
	      hash_of("path \"p\" { open { path == \"/y\" } as f exec { path == f.path } }"));
	CHECK(hash !=
	      hash_of("path \"p\" { open { path != \"/x\" } as f exec { path == f.path } }"));
	CHECK(hash !=
	      hash_of("path \"p\" { open { path == \"/x\" } as f exec { exe == f.path } }"));
	CHECK(hash != hash_of("path \"p\" { by user open { path == \"/x\" } as f exec { path == "
			      "f.path } }"));
	CHECK(hash != hash_of("path \"p\" { open { path == \"/x\" } as f exec { path == f.path } "
			      "within 9s }"));
}

TEST(predicates_alone)
{
	struct reel_err err = { 0 };
	struct rules *r = policy_good("");
	uint32_t expr;

	REQUIRE(r);
	CHECK_EQ(rules_predicate(r, "path =~ \"x\" and uid == 0", &expr, &err), 0);
	CHECK_EQ(r->exprs[expr].op, RULE_EXPR_AND);
	CHECK_EQ(rules_predicate(r, "addr in 10.0.0.0/8", &expr, &err), 0);
	CHECK_EQ(rules_predicate(r, "pathh == \"x\"", &expr, &err), -EINVAL);
	CHECK_STR(err.msg, "1:1: unknown field 'pathh', did you mean 'path'?");
	CHECK_EQ(rules_predicate(r, "uid == 0 }", &expr, &err), -EINVAL);
	CHECK_EQ(rules_predicate(r, " ", &expr, &err), -EINVAL);
	CHECK_EQ(rules_predicate(r, "path == f.path", &expr, &err), -EINVAL);
	CHECK_EQ(r->n_notes, 0);
	CHECK_EQ(r->n_errors, 0);
	CHECK_EQ(rules_finish(r, &err), 0);
	rules_free(r);
}

/* ExecRay's own files: every block without a further ?, every bare branch, every plain path. */
TEST(execray_files_load)
{
	struct reel_err err = { 0 };
	struct rules *r;
	unsigned ends = 0;
	const char *src = getenv("SRC");
	char path[4096];

	(void)snprintf(path, sizeof(path), "%s/%s", src ? src : ".", shared_rules);
	if (access(path, R_OK) < 0) {
		const char *ci = getenv("CI");

		REQUIRE(!ci || strcmp(ci, "true") != 0);
		SKIP("the shared rules are not here");
	}
	REQUIRE(rules_new(&r, &err) == 0);
	CHECK_EQ(rules_load(r, path, &err), 0);
	CHECK_EQ(r->n_errors, 0);
	CHECK_EQ(r->n_files, 8);
	CHECK_EQ(r->n, 10);
	for (uint32_t i = 0; i < r->n; i++)
		for (uint32_t k = 0; k < r->list[i].n_nodes; k++)
			ends += r->list[i].nodes[k].is_end;
	CHECK_EQ(ends, 57);
	CHECK_EQ(rules_finish(r, &err), 0);
	rules_free(r);
}
