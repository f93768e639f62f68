/* SPDX-License-Identifier: BSD-2-Clause */
/* What is wrong in a policy, and where: all of a file at once. */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/policy.h"

/* All notes of a text, a line each: L:C: [warning: ]TEXT. */
static char *notes_of(const struct rules *r)
{
	struct reel_out o;

	if (!r || out_init_mem(&o) < 0)
		return NULL;
	for (uint32_t i = 0; i < r->n_notes; i++) {
		const struct rule_note *n = &r->notes[i];

		if (i)
			out_char(&o, '\n');
		out_u64(&o, n->line);
		out_char(&o, ':');
		out_u64(&o, n->column);
		out_str(&o, n->is_error ? ": " : ": warning: ");
		out_str(&o, n->text);
	}
	return policy_take(&o);
}

static void check_notes(const char *text, const char *want, int line)
{
	struct rules *r = policy_rules(text);
	char *got = notes_of(r);

	if (!got || strcmp(got, want) != 0)
		T_FAIL("line %d: \"%s\" says\n# %s\n# and not\n# %s", line, text, got ? got : "",
		       want);
	/* A file with an error gives no rules; one with warnings does. */
	if (r && (r->n_errors > 0) != (r->n == 0 && r->n_tunes == 0 && r->n_rejected == 1))
		T_FAIL("line %d: %u errors and %u rules", line, r->n_errors, r->n);
	free(got);
	rules_free(r);
}

#define SAYS(text, want) check_notes(text, want, __LINE__)
/* In a path, whose text begins in column 12. */
#define BODY(body, want) check_notes("path \"p\" { " body " }", want, __LINE__)

TEST(unknown_names)
{
	BODY("opne", "1:12: unknown step 'opne', did you mean 'open'?");
	BODY("getpid", "1:12: no type of event is that of the call 'getpid'; if recorded by -e "
		       "sys: sys { syscall == \"getpid\" }");
	BODY("frobnicate", "1:12: unknown step 'frobnicate', did you mean 'truncate'?");
	BODY("open|opne", "1:17: unknown step 'opne', did you mean 'open'?");
	BODY("open { pathnam == \"x\" }",
	     "1:19: unknown field 'pathnam', did you mean 'pathname'?");
	BODY("unlink { fd == 3 }", "1:21: unknown field 'fd' of unlink");
	BODY("open { parent.exee == \"x\" }",
	     "1:19: unknown field 'parent.exee', did you mean 'parent.exe'?");
	BODY("open { flags & O_CRAET }", "1:27: flags knows no 'O_CRAET', did you mean 'O_CREAT'?");
	BODY("open { errno == EACESS }", "1:28: errno knows no 'EACESS', did you mean 'EACCES'?");
	BODY("open { created == yess }", "1:30: created knows no 'yess', did you mean 'yes'?");
	BODY("open { pid == 1 } severity hihg open",
	     "1:39: unknown severity 'hihg', did you mean 'high'?");
	BODY("by famly open", "1:15: unknown key 'famly', did you mean 'family'?");
	BODY("open { path contians \"x\" }",
	     "1:24: unknown operator 'contians', did you mean 'contains'?");
	BODY("open as f exec { path == g.path }",
	     "1:37: no step before is named 'g', did you mean 'f'?");
	BODY("open as f exec { path == f.pth }",
	     "1:37: unknown field 'f.pth', did you mean 'f.path'?");
	BODY("open { path == nme }",
	     "1:27: 'nme' is no field, no list, and as a string it needs quotes");
	SAYS("pth \"p\" { open }", "1:1: unknown word 'pth', did you mean 'path'?");
	SAYS("list ports (1)\npath \"p\" { connect { port in prots } }",
	     "2:30: no list is named 'prots', did you mean 'ports'?");
}

TEST(types_of_values)
{
	BODY("connect { port == \"80\" }",
	     "1:30: a string, where a number is wanted; a number never equals a string");
	BODY("open { path == 5 }",
	     "1:27: a string is wanted here, and in quotes; a number never equals a string");
	BODY("open { path < \"x\" }", "1:24: 'path' is a string, which has no '<'");
	BODY("open { pid =~ \"x\" }", "1:23: 'pid' is a number, which has no '=~'");
	BODY("connect { addr contains \"x\" }",
	     "1:27: 'addr' is an address, which has no 'contains'");
	BODY("connect { addr == \"x\" }", "1:30: 'x' is no address");
	BODY("connect { addr == 10.0.0.0/8 }",
	     "1:30: a network holds many addresses: say in, or not ... in");
	BODY("open { path in \"x\" }", "1:27: in wants a list in parentheses, or a list's name");
	BODY("open { flags & (O_CREAT, O_TRUNC) }", "1:25: & takes no list: join the bits with |");
	BODY("open { pid == path }", "1:26: 'pid' is a number, 'path' is a string");
	BODY("open { path =~ exe }", "1:24: '=~' does not compare with a field");
	BODY("open { path == argv }",
	     "1:27: 'argv' can be several values, and only one can be compared with");
	BODY("open { path }", "1:19: 'path' is a string: say what it is compared with");
	BODY("open { path[1] == \"x\" }", "1:19: 'path' is no list of arguments");
	BODY("mmap|connect { addr == 1 }",
	     "1:27: 'addr' is not the same thing in all types of the step");
	BODY("open { pid == 60s }", "1:26: a duration, where a number is wanted");
}

/* What PCRE2 says of it comes along. */
TEST(patterns)
{
	struct rules *r = policy_rules("path \"p\" {\nopen { path =~ (\"x\", \"(\") } }");

	REQUIRE(r && r->n_notes == 1);
	CHECK_EQ(r->notes[0].line, 2);
	CHECK(r->notes[0].is_error && strstr(r->notes[0].text, "parenthesis"));
	CHECK_EQ(r->n, 0);
	rules_free(r);
}

TEST(text)
{
	BODY("open { path == \"x }", "1:27: the string does not end on its line\n"
				     "1:33: expected '}', not the end of the file");
	BODY("open { pid == 08 }", "1:26: '08' is no number (a leading 0 means octal)");
	BODY("open { pid == 12q }", "1:26: '12q' is no number");
	BODY("connect { addr in 10.0.0.0/33 }", "1:30: '10.0.0.0/33' is no address");
	BODY("connect { addr in 10.0.0.256 }", "1:30: '10.0.0.256' is no address");
	BODY("open { pid == 1 && tid == 2 }", "1:28: '&&' is written 'and'");
	BODY("open { !memfd }", "1:19: '!' is written 'not'\n"
				"1:20: unknown field 'memfd'");
	BODY("open @", "1:17: '@' means nothing here");
	BODY("open \x01\x02", "1:17: byte 0x01 means nothing here");
	SAYS("/* a\n */ path \"p\" { opne }", "1:1: a comment begins with // or #\n"
					      "2:16: unknown step 'opne', did you mean 'open'?");
}

TEST(grammar)
{
	BODY("open { pid 5 }", "1:23: expected an operator, not '5'");
	BODY("open { pid == }", "1:26: expected a value, not '}'");
	BODY("open { pid == and tid == 1 }", "1:26: expected a value, not 'and'");
	BODY("open { pid == 1 tid == 2 }", "1:28: expected ',', and, or, or a new line, not 'tid'");
	BODY("open { (pid == 1 }", "1:29: expected ')', not '}'");
	BODY("open { () }", "1:19: nothing stands in these parentheses");
	BODY("open { pid in () }", "1:27: a list without a value");
	BODY("open { pid in (1 2) }", "1:29: expected ',' or ')' behind a value, not '2'");
	BODY("open ? exec", "1:24: expected ':' and the other way, not '}'");
	BODY("open ? any { exec } : exec",
	     "1:19: expected a step, a block or another choice, not 'any'");
	BODY("link open within 5", "1:29: 5 needs a unit, such as 5s");
	BODY("block open { }", "1:18: expected the block's name in quotes, not 'open'");
	BODY("blok \"b\" { open { path < 1 } }",
	     "1:12: unknown step 'blok', did you mean 'block'?\n"
	     "1:35: 'path' is a string, which has no '<'");
	SAYS("path p { open }", "1:6: expected the path's name in quotes, not 'p'");
	SAYS("path \"p\" { open", "1:16: expected '}', not the end of the file");
	SAYS("path \"p\" { }", "1:1: a path needs a step");
	SAYS("tune \"p\" { }", "1:12: expected unless, not '}'");
	SAYS("tune \"p\" { unless }", "1:19: this would silence all of the rule");
}

TEST(paths)
{
	BODY("severity low severity high open", "1:25: the path has a severity already");
	BODY("block \"b\" { by user open }",
	     "1:24: 'by' stands in the path itself, not in a block");
	BODY("open block \"b\" { unless open }", "1:17: a block needs a step");
	SAYS("path \"p\" { unless open }", "1:1: a path needs a step");
	BODY("open as f exec as f",
	     "1:30: warning: a step before is named 'f', too; from here on it is this one");
	BODY("open as parent", "1:20: 'parent' is the beginning of field names");
	BODY("open count 1 within 5s", "1:23: a count is 2 to 1024");
	BODY("open count 3", "1:25: expected within and the window of the count, not '}'");
	BODY("open count 3 within 5s ? exec : link", "1:17: a count cannot be a condition");
	BODY("open as f count 3 within 5s", "1:20: a count has no name: it is several events");
	BODY("open count 3 distinct argv within 5s",
	     "1:34: 'argv' can be several values, and only one can be counted");
	BODY("all { open block \"b\" { exec } }", "1:23: a member of all is a step");
	BODY("all { open within 5s }", "1:23: the bound of all stands behind its closing brace");
	BODY("all { open exec link open exec link open exec link }",
	     "1:12: all has 9 members, more than 8");
	BODY("any { unless open }", "1:18: a member of any is a step or a block");
	BODY("any { open exec } within 5s",
	     "1:30: a bound stands behind a step, or, of the path, on a line of its own");
	BODY("open unless exec", "1:17: behind the last step an unless needs within");
	BODY("open unless exec within 5s\n link",
	     "1:29: within of an unless is for one behind the last step");
	BODY("any { block \"b\" { unless exec open } link }",
	     "1:30: before the first step an unless stands in the path itself");
	BODY("open ? exec as f : link\n close { path == f.path }",
	     "2:18: step 'f' is not passed on every way to here");
	BODY("open { f.path == \"x\" } as f",
	     "1:19: a field of another step stands on the right side only");
	SAYS("path \"p\" { open }\npath \"p\" { exec }", "2:1: path \"p\" is in test:1 already");
	SAYS("list a (1)\nmacro a { pid == 1 }", "2:7: 'a' is in test:1 already");
	SAYS("macro exe { pid == 1 }", "1:7: 'exe' is the name of a field");
	SAYS("include \"x\"", "1:1: include can stand in a file only");
	SAYS("list x from \"x\"", "1:6: a list's file can be named in a file only");
}

TEST(all_of_a_file_at_once)
{
	SAYS("path \"a\" {\n"
	     "  opne { path == 1 }\n"
	     "  exec { pth == \"x\"\n"
	     "         path == \"x\" \"y\"\n"
	     "         uid =~ \"x\", pid == \"1\" }\n"
	     "  severity hgh\n"
	     "}\n"
	     "lst x (1)\n"
	     "path \"b\" { connect { prt == 1 } }\n",
	     "2:3: unknown step 'opne', did you mean 'open'?\n"
	     "3:10: unknown field 'pth' of exec, did you mean 'path'?\n"
	     "4:22: expected ',', and, or, or a new line, not a string\n"
	     "5:14: 'uid' is a number, which has no '=~'\n"
	     "5:29: a string, where a number is wanted; a number never equals a string\n"
	     "6:12: unknown severity 'hgh', did you mean 'high'?\n"
	     "8:1: unknown word 'lst', did you mean 'list'?\n"
	     "9:22: unknown field 'prt' of connect, did you mean 'port'?");
}

TEST(warnings)
{
	BODY("exec { argv[0] =~ \".*(-l|-e).*\" }",
	     "1:30: warning: argv[0] is the program's own name; options are found by argv");
	BODY("exec { argv[0] contains \"--privileged\" }",
	     "1:36: warning: argv[0] is the program's own name; options are found by argv");
	BODY("exec { argv[0] =~ \"apt-get|x[a-z]\" }", "");
	BODY("exec { argv[1] == \"-l\" }", "");
	BODY("write { content =~ \"\\\\\\\\x7fELF\" }",
	     "1:31: warning: this looks for the characters \\x.., not for the byte: one \\ less");
	BODY("write { content =~ \"\\\\\\\\x[0-9a-f]\" }", "");
	BODY("write { content =~ \"\\x7fELF\" }", "");
	BODY("open { pathname =~ \"/dev/(tcp|udp)/.*\" }",
	     "1:31: warning: no such file is ever opened: /dev/tcp and /dev/udp are inside of bash"
	     " only");
	BODY("write { content contains \"/dev/tcp\" }", "");
	BODY("block \"normal_x\" { open }",
	     "1:12: warning: block \"normal_x\": what is normal raises a finding, too");
	BODY("\n// a script is created\nopen { path == \"x\" }",
	     "3:1: warning: the comment speaks of creation, but any open will do: test "
	     "O_CREAT or created");
	BODY("\n// a script is created\nopen { path == \"x\", created == yes }", "");
	BODY("\n// recreation\nopen { path == \"x\" }", "");
	BODY("\n// created\nunlink", "");
	BODY("open { flags & O_RDONLY }",
	     "1:27: warning: 'O_RDONLY' is 0 here: no bit of it can be set, so this is never true");
	BODY("connect { port == 70000 }",
	     "1:30: warning: this is outside of what the field can hold");
	BODY("open within 5s",
	     "1:17: warning: nothing comes before this step that it could be within");
}

static char *repeat(const char *before, const char *word, unsigned n, const char *after)
{
	size_t length = strlen(word), room = strlen(before) + n * length + strlen(after) + 1;
	char *text = malloc(room), *to = text;

	if (!text)
		return NULL;
	to = stpcpy(to, before);
	for (unsigned i = 0; i < n; i++)
		to = stpcpy(to, word);
	(void)stpcpy(to, after);
	return text;
}

static void check_repeated(const char *before, const char *word, unsigned n, const char *after,
			   const char *want)
{
	char *text = repeat(before, word, n, after);
	struct rules *r = text ? policy_rules(text) : NULL;

	if (!r || !r->n_notes || !strstr(r->notes[0].text, want))
		T_FAIL("%u times %s: %s", n, word, r && r->n_notes ? r->notes[0].text : "nothing");
	rules_free(r);
	free(text);
}

TEST(limits)
{
	check_repeated("path \"p\" { open { ", "(", 100000, "pid == 1", "nested deeper than 64");
	check_repeated("path \"p\" { open { ", "not ", 100000, "pid == 1 } }",
		       "nested deeper than 64");
	check_repeated("path \"p\" { ", "block \"b\" { ", 100000, "open", "nested deeper than 64");
	check_repeated("path \"p\" { ", "open ? ", 100000, "open", "nested deeper than 64");
	check_repeated("path \"p\" { ", "any { open exec }\n", 13, "}", "more than 4096 steps");
	check_repeated("path \"p\" { ", "open\n", 4097, "}", "more than 4096 steps");
}

TEST(macros_cannot_explode)
{
	char text[4096], *to = text;
	struct rules *r;

	to += sprintf(to, "macro m0 { pid == 1 or tid == 1 }\n");
	for (int i = 1; i < 40; i++)
		to += sprintf(to, "macro m%d { m%d and not m%d }\n", i, i - 1, i - 1);
	(void)sprintf(to, "path \"p\" { open { m39 } }\n");
	r = policy_rules(text);
	REQUIRE(r && r->n_notes > 0);
	CHECK_STR(r->notes[0].text, "more than 65536 tests, with its macros written out");
	rules_free(r);
}

TEST(long_chains_are_not_deep)
{
	char *text =
		repeat("path \"p\" { open { pid == 1", " or tid == 2 or cpu == 3", 20000, "} }");
	struct rules *r = text ? policy_good(text) : NULL;

	CHECK(r && r->n == 1);
	rules_free(r);
	free(text);
}

/* Files ---------------------------------------------------------------------------------------- */

static char directory[4096];

static void write_file(const char *name, const char *text)
{
	char path[5000];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", directory, name);
	f = fopen(path, "w");
	if (!f || fputs(text, f) < 0 || fclose(f) != 0)
		T_FAIL("cannot write %s", path);
}

static bool make_directory(void)
{
	const char *tmp = getenv("TMP");

	(void)snprintf(directory, sizeof(directory), "%s/policies.XXXXXX", tmp ? tmp : "/tmp");
	return mkdtemp(directory) != NULL;
}

static void remove_files(void)
{
	static const char *const names[] = { "a.policy", "b.policy", "c.policy", "sub/d.policy",
					     "sub",	 "list.txt", "other.txt" };
	char path[5000];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
		(void)remove(path);
	}
	(void)rmdir(directory);
}

static struct rules *load(const char *name)
{
	struct reel_err err = { 0 };
	char path[5000];
	struct rules *r;

	(void)snprintf(path, sizeof(path), "%s%s", directory, name);
	if (rules_new(&r, &err) < 0)
		return NULL;
	if (rules_load(r, path, &err) < 0)
		T_FAIL("%s", err.msg);
	return r;
}

TEST(files_include_each_other_once)
{
	char path[5000];
	struct rules *r, *again;
	struct reel_err err = { 0 };

	REQUIRE(make_directory());
	(void)snprintf(path, sizeof(path), "%s/sub", directory);
	REQUIRE(mkdir(path, 0700) == 0);
	write_file("list.txt", "# ports\n 80\n\n0x50\n443 \n");
	write_file("a.policy", "include \"sub/d.policy\"\ninclude \"sub/d.policy\"\n"
			       "path \"a\" { connect { m and port in ports } }\n");
	write_file("b.policy", "path \"b\" { open }\n");
	write_file("sub/d.policy", "list ports from \"../list.txt\"\nmacro m { pid == 1 }\n"
				   "path \"d\" { open }\n");
	write_file("other.txt", "path \"x\" { open }\n");
	r = load("");
	again = load("");
	REQUIRE(r && again);
	CHECK_EQ(r->n_errors, 0);
	CHECK_EQ(r->n_files, 3);
	CHECK_EQ(r->n, 3);
	CHECK_STR(r->list[0].id, "d");
	CHECK_EQ(rules_finish(r, &err), 0);
	CHECK_EQ(rules_finish(again, &err), 0);
	CHECK_MEM(r->hash, again->hash, sizeof(r->hash));
	rules_free(again);
	write_file("list.txt", "81\n");
	again = load("");
	REQUIRE(again);
	CHECK_EQ(rules_finish(again, &err), 0);
	CHECK(memcmp(r->hash, again->hash, sizeof(r->hash)) != 0);
	rules_free(again);
	rules_free(r);
	remove_files();
}

TEST(a_wrong_file_takes_those_that_include_it_along)
{
	struct rules *r;
	char *got;

	REQUIRE(make_directory());
	write_file("a.policy", "include \"b.policy\"\npath \"a\" { open }\n");
	write_file("b.policy", "path \"b\" { opne }\n");
	write_file("c.policy", "path \"c\" { open }\n");
	r = load("");
	REQUIRE(r);
	CHECK_EQ(r->n, 1);
	CHECK_EQ(r->n_files, 3);
	CHECK_EQ(r->n_rejected, 2);
	got = notes_of(r);
	CHECK(got && strstr(got, "1:12: unknown step 'opne'") && strstr(got, "has errors"));
	free(got);
	rules_free(r);
	remove_files();
}

TEST(circles_and_files_that_are_not_there)
{
	struct reel_err err = { 0 };
	struct rules *r;
	char *got;

	REQUIRE(make_directory());
	write_file("a.policy", "include \"b.policy\"\n");
	write_file("b.policy", "include \"a.policy\"\n");
	write_file("c.policy",
		   "include \"none.policy\"\nlist x from \"none.txt\"\ninclude \".\"\n");
	r = load("/a.policy");
	REQUIRE(r);
	got = notes_of(r);
	CHECK(got && strstr(got, "includes itself"));
	free(got);
	rules_free(r);
	r = load("/c.policy");
	REQUIRE(r);
	CHECK_EQ(r->n_errors, 3);
	CHECK_EQ(rules_load(r, "/nonexistent/x", &err), -ENOENT);
	rules_free(r);
	remove_files();
}
