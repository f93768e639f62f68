/* SPDX-License-Identifier: BSD-2-Clause */
/* Files of Falco: what conditions become, lists as text, what later items do to earlier ones, and
 * what is rejected, with its reason. */
#include <errno.h>
#include <stdlib.h>

#include "format/out.h"
#include "replay/falco_parse.h"
#include "replay/policy.h"
#include "replay/rule_text.h"
#include "replay/rules.h"
#include "tests/unit/harness.h"

#define HEAD "- macro: exec\n  condition: evt.type in (execve, execveat)\n"
#define RULE(condition) \
	"- rule: r\n  desc: d\n  output: o\n  priority: info\n  condition: " condition "\n"

static struct rules *load(const char *text)
{
	struct reel_err err = { 0 };
	struct rules *r;

	if (rules_new(&r, &err) < 0) {
		T_FAIL("%s", err.msg);
		return NULL;
	}
	if (rules_load_yaml(r, "test.yaml", text, strlen(text), &err) < 0 ||
	    rules_finish(r, &err) < 0)
		T_FAIL("%s", err.msg);
	return r;
}

static void check_steps(const char *text, const char *want, int line)
{
	struct rules *r = load(text);
	struct reel_out o;

	if (!r || out_init_mem(&o) < 0)
		return;
	for (uint32_t i = 0; i < r->n_rejected_rules; i++)
		T_FAIL("line %d: %s", line, r->rejected[i].reason);
	for (uint32_t i = 0; i < r->n; i++) {
		for (uint32_t k = 0; k < r->list[i].n_nodes; k++) {
			if (o.len)
				out_str(&o, "; ");
			rule_text_step(&o, r, &r->steps[r->list[i].nodes[k].step]);
		}
	}
	out_char(&o, '\0');
	if (strcmp(o.buf, want) != 0)
		T_FAIL("line %d:\n  %s\nand not\n  %s", line, o.buf, want);
	out_done(&o);
	rules_free(r);
}

static void check_rejected(const char *text, const char *want, int line)
{
	struct rules *r = load(text);

	if (!r)
		return;
	if (!r->n_rejected_rules)
		T_FAIL("line %d: nothing is rejected", line);
	else if (!strstr(r->rejected[0].reason, want))
		T_FAIL("line %d: '%s' and not '%s'", line, r->rejected[0].reason, want);
	rules_free(r);
}

#define STEPS(text, want) check_steps(text, want, __LINE__)
#define REJECTED(text, want) check_rejected(text, want, __LINE__)
#define IS(condition, want) STEPS(HEAD RULE("exec and " condition), "exec { " want " }")
#define WRONG(condition, want) REJECTED(HEAD RULE("exec and " condition), want)

/* Conditions ----------------------------------------------------------------------------------- */

TEST(operators)
{
	IS("proc.name = sh", "comm == \"sh\"");
	IS("proc.name == sh", "comm == \"sh\"");
	IS("proc.name != sh", "comm != \"sh\"");
	IS("proc.name in (a, 'b', \"c d\")", "comm in (\"a\", \"b\", \"c d\")");
	IS("proc.name intersects (a, b)", "comm in (\"a\", \"b\")");
	IS("proc.name contains x", "comm contains \"x\"");
	IS("proc.name icontains x", "comm contains \"x\" (whatever the case)");
	IS("proc.name bcontains 6162", "comm contains \"ab\"");
	IS("proc.name startswith x", "comm startswith \"x\"");
	IS("proc.name bstartswith 61", "comm startswith \"a\"");
	IS("proc.name endswith x", "comm endswith \"x\"");
	IS("proc.name glob 'a*'", "comm glob \"a*\"");
	IS("proc.name regex 'a.*'", "comm =~ \"a.*\"");
	IS("proc.name exists", "comm exists");
	IS("proc.vpid >= 0x10", "vpid >= 16");
	IS("proc.exepath pmatch (/usr/bin/)",
	   "exe == \"/usr/bin\" or exe startswith \"/usr/bin/\"");
	IS("proc.exepath pmatch (/home/*/x)", "exe =~ \"/*home/+[^/]*/+x(?:/.*)?\"");
	IS("proc.exepath pmatch (x/)", "exe =~ \"/*x(?:/.*)?\"");
	IS("proc.name startswith anyof (a, b)", "comm startswith (\"a\", \"b\")");
	IS("proc.name contains allof (a, b)", "comm contains \"a\" and comm contains \"b\"");
	IS("proc.name = val(proc.pname)", "comm == parent.comm");
	IS("proc.name = tolower(proc.exepath)", "comm == tolower(exe)");
	IS("len(proc.name) > 3", "len(comm) > 3");
	IS("basename(tolower(proc.exepath)) = x", "basename(tolower(exe)) == \"x\"");
}

TEST(fields)
{
	IS("proc.aname = a", "ancestor.comm == \"a\"");
	IS("proc.aname[2] = a", "level2.comm == \"a\"");
	IS("proc.cmdline contains a", "command contains \"a\"");
	IS("proc.pcmdline contains a", "parent.command contains \"a\"");
	IS("container.id != host", "container.id exists");
	IS("container.id = host", "not container.id exists");
	IS("user.uid = 0", "euid == 0");
	IS("proc.is_exe_from_memfd = true", "memfd == 1");
	STEPS(RULE("evt.type in (open, openat, openat2) and evt.is_open_read=true and "
		   "fd.num>=0 and "
		   "fd.typechar='f' and fd.name startswith /etc/"),
	      "open attempted { not flags & O_WRONLY and ret >= 0 and "
	      "not (flags & O_DIRECTORY and ret >= 0) and path startswith \"/etc/\" }");
	STEPS(RULE("evt.type = connect and fd.snet in (\"10.0.0.0/8\")"),
	      "connect attempted { fd.server == 10.0.0.0/8 }");
	STEPS(RULE("evt.type = connect and fd.sip.name = a and not fd.rip.name = b"),
	      "connect attempted { fd.server.name == \"a\" and not fd.remote.name == \"b\" }");
	STEPS(RULE("evt.type = openat and fd.directory = /etc"),
	      "open attempted { syscall == \"openat\" and path startswith \"/etc\" and "
	      "fd.directory == \"/etc\" }");
	STEPS(RULE("evt.type = ptrace and evt.arg.request contains PTRACE_ATTACH"),
	      "ptrace attempted { argument.request contains \"PTRACE_ATTACH\" }");
}

TEST(types_are_narrowed)
{
	STEPS(RULE("evt.type = execve"), "exec { syscall == \"execve\" }");
	STEPS(RULE("evt.type in (rename, renameat, renameat2)"), "rename attempted");
	STEPS(RULE("evt.type in (execve, execveat) or (evt.type = rmdir and evt.arg.path = /x)"),
	      "exec; rmdir attempted { argument.path == \"/x\" }");
	STEPS(RULE("evt.type = mkdir and not evt.type = rmdir and evt.dir = <"),
	      "mkdir attempted { syscall == \"mkdir\" }");
	STEPS(RULE("evt.type in (execve, execveat) and evt.rawres < 0"),
	      "exec attempted { ret < 0 }");
	STEPS(RULE("evt.type = getuid"), "sys attempted { syscall == \"getuid\" }");
}

TEST(lexer)
{
	IS("(proc.name=a)", "comm == \"a\"");
	IS("not(proc.name=a)", "not comm == \"a\"");
	IS("not not proc.name=a", "comm == \"a\"");
	IS("proc.name=\"a\\\"b\\\\\"", "comm == \"a\\\"b\\\\\"");
	IS("(proc.name = a or proc.name = b) and proc.pname = c",
	   "(comm == \"a\" or comm == \"b\") and parent.comm == \"c\"");
	IS("(proc.name=a or(proc.name=b))", "comm == \"a\" or comm == \"b\"");
	WRONG("proc.name = \"a\\x\"", "an escape");
	WRONG("proc.name = 'a", "end of a quoted");
	WRONG("proc.name", "an operator");
	WRONG("proc.name in a", "'('");
	WRONG("proc.name in (a b)", "',' or ')'");
	WRONG("(proc.name = a", "')'");
	WRONG("proc.name = a proc.name = b", "'and', 'or'");
	WRONG("proc.name[1] = a", "takes no argument");
	WRONG("proc.aname[x] = a", "must be a number");
	WRONG("nothing", "no macro nothing");
	WRONG("proc.nonsense = 1", "no field proc.nonsense");
	WRONG("proc.vpid = a", "is no number");
	WRONG("proc.vpid contains 1", "it is no string");
	WRONG("proc.name < b", "no order");
	WRONG("fd.sip = 10.0.0.0/8", "is no address");
	WRONG("fd.net = hello", "is no network");
	WRONG("proc.name regex '('", "");
	WRONG("evt.num = 3", "with 0 only");
	WRONG("evt.arg.zzz = 1", "no recorded event has such an argument");
}

TEST(calls)
{
	IS("concat(proc.name, ':', proc.args) = x", "concat(proc.name, ':', proc.args) == \"x\"");
	IS("len(tolower(concat(proc.name, a))) > 3", "len(tolower(concat(proc.name, a))) > 3");
	IS("proc.name = join(',', (proc.exe, b))", "comm == join(',', (proc.exe, b))");
	IS("proc.name in concat(proc.exe, b)", "comm == concat(proc.exe, b)");
	IS("join(',', ()) in (a, b)", "join(',', ()) in (\"a\", \"b\")");
	IS("getopt( proc.args , 'nt:')[t] = x", "getopt( proc.args , 'nt:')[t] == \"x\"");
	IS("getopt(proc.args, 'nt:') intersects (n, t)",
	   "getopt(proc.args, 'nt:') in (\"n\", \"t\")");
	IS("getopt(proc.args, 'nt:') in (n, t)",
	   "getopt(proc.args, 'nt:') exists and "
	   "not getopt(proc.args, 'nt:') has another than (\"n\", \"t\")");
	/* Only events that have all parts. */
	STEPS(RULE("concat(fd.sip, ':', evt.arg.tuple) = x and evt.type in (connect, bind)"),
	      "connect attempted { concat(fd.sip, ':', evt.arg.tuple) == \"x\" }");
	/* How it ended is asked for. */
	STEPS(RULE("evt.type in (execve, execveat) and concat(evt.res, x) = y"),
	      "exec attempted { concat(evt.res, x) == \"y\" }");
	STEPS("- list: l\n  items: [proc.name, b]\n" HEAD RULE("exec and join('', (l)) = x"),
	      "exec { join('', (proc.name, b)) == \"x\" }");
	WRONG("concat(proc.name) = x", "concat(): it takes at least 2 values");
	WRONG("concat(proc.name, (a, b)) = x", "concat(): it takes no list");
	WRONG("concat(proc.aname, a) = x", "concat(): proc.aname has several values");
	WRONG("concat(fd.ip, a) = x", "concat(): fd.ip has several values");
	WRONG("concat(getopt(proc.args, n), a) = x", "concat(): getopt has several values");
	WRONG("concat(evt.dir, a) = x", "concat(): evt.dir is no value");
	WRONG("concat(evt.time, a) = x", "concat(): evt.time is no value");
	WRONG("concat(proc.nonsense, a) = x", "no field proc.nonsense");
	WRONG("concat(proc.name, a)[b] = x", "concat(): it takes no argument in brackets");
	WRONG("concat(proc.name, a b) = x", "',' or ')'");
	WRONG("concat(proc.name, a", "',' or ')' expected at the end");
	WRONG("concat(proc.name, a) < x", "no order");
	WRONG("concat(1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17) = x",
	      "no more than sixteen values");
	WRONG("concat(a,concat(a,concat(a,concat(a,concat(a,b))))) = x", "no more than four calls");
	WRONG("join(',', proc.name) = x", "join(): its second value is a list");
	WRONG("join((','), (proc.name)) = x", "join(): its separator is no list");
	WRONG("join(',') = x", "join(): it takes 2 values");
	WRONG("join(',', (a, (b))) = x", "a value expected");
	WRONG("getopt(proc.args) = x", "getopt(): it takes 2 values");
	WRONG("getopt(proc.cmdline, n) = x", "getopt(): its first value is proc.args or a list");
	WRONG("getopt(proc.args, (n, t)) = x", "getopt(): its options are no list");
	WRONG("getopt(proc.args, proc.name) = x", "getopt(): its options stand there");
	WRONG("getopt(proc.args, nt)[nt] = x", "one character");
	WRONG("len(getopt(proc.args, nt)) = 1", "len(getopt): of a list");
	WRONG("getopt(proc.args, nt) = val(proc.name)", "a list is on the left only");
	WRONG("proc.name = getopt(proc.args, nt)", "a list is on the left only");
}

TEST(nesting_is_bounded)
{
	size_t n = 3000;
	char *text = malloc(2 * n + 100);
	struct falco_node *node;
	struct arena memory = { 0 };
	struct reel_err err = { 0 };

	REQUIRE(text);
	memset(text, '(', n);
	strcpy(text + n, "a.b=c");
	CHECK_EQ(falco_parse(&memory, text, n + 5, &node, &err), -EINVAL);
	CHECK(strstr(err.msg, "nested deeper"));
	free(text);
	arena_done(&memory);
	REJECTED("- macro: a\n  condition: b\n- macro: b\n  condition: a\n- macro: a\n"
		 "  condition: b\n" RULE("a"),
		 "nested deeper");
}

TEST(many_macros_are_bounded)
{
	char text[8192], *end = text;

	end += sprintf(end, "- macro: m0\n  condition: proc.name=a\n");
	for (int i = 1; i < 60; i++)
		end += sprintf(end, "- macro: m%d\n  condition: m%d or m%d\n", i, i - 1, i - 1);
	sprintf(end, RULE("m59"));
	REJECTED(text, "more than 100000 tests");
}

/* Items ---------------------------------------------------------------------------------------- */

TEST(lists)
{
	STEPS("- list: a\n  items: [x, 'y z', \"'q'\"]\n- list: b\n  items: [a, w]\n- list: e\n"
	      "  items: []\n" HEAD RULE("exec and proc.name in (e, b, e, v)"),
	      "exec { comm in (\"x\", \"y z\", \"q\", \"w\", and 1 more) }");
	/* One that comes later is put into what the earlier one gave. */
	STEPS("- list: b\n  items: [a]\n- list: a\n  items: [x]\n" HEAD RULE(
		      "exec and proc.name in (b)"),
	      "exec { comm == \"x\" }");
	STEPS("- list: a\n  items: [a, x]\n" HEAD RULE("exec and proc.name in (a)"),
	      "exec { comm in (\"a\", \"x\") }");
	STEPS("- list: a\n  items: [x]\n- list: a\n  items: [y]\n  append: true\n" HEAD RULE(
		      "exec and proc.name in (a)"),
	      "exec { comm in (\"x\", \"y\") }");
	STEPS("- list: a\n  items: [x]\n- list: a\n  items: [y]\n"
	      "  override: {items: replace}\n" HEAD RULE("exec and proc.name in (a)"),
	      "exec { comm == \"y\" }");
}

TEST(later_items)
{
	STEPS(HEAD RULE("exec and proc.name=a") "- rule: r\n  condition: and proc.pname=b\n"
						"  append: true\n",
	      "exec { comm == \"a\" and parent.comm == \"b\" }");
	STEPS(HEAD RULE("exec and proc.name=a") "- rule: r\n  condition: exec and proc.pname=b\n"
						"  override:\n    condition: replace\n",
	      "exec { parent.comm == \"b\" }");
	STEPS(HEAD RULE("exec and m") "- macro: m\n  condition: proc.name=a\n"
				      "- macro: m\n  condition: or proc.name=b\n"
				      "  override: {condition: append}\n",
	      "exec { comm == \"a\" or comm == \"b\" }");
	STEPS(HEAD RULE("exec and proc.name=a") "- rule: r\n  enabled: false\n"
						"- rule: r\n  enabled: true\n",
	      "exec { comm == \"a\" }");
	REJECTED(HEAD RULE("exec") "- rule: r\n  enabled: false\n", "not enabled");
	REJECTED("- rule: r\n  condition: x\n  append: true\n", "not defined before");
	REJECTED(HEAD RULE("exec") "- rule: r\n  condition: x\n  append: true\n"
				   "  override: {condition: append}\n",
		 "exclude each other");
	REJECTED(HEAD RULE("exec") "- rule: r\n  priority: info\n  override: {priority: append}\n",
		 "cannot be appended to");
	REJECTED("- rule: r\n  desc: d\n  output: o\n  priority: info\n", "needs condition");
	REJECTED(RULE("evt.type=open") "- rule: q\n  desc: d\n  output: o\n  priority: loud\n"
				       "  condition: evt.type=open\n",
		 "no priority 'loud'");
	REJECTED("- required_engine_version: 0.99.0\n" RULE("evt.type=open"), "requires engine");
	REJECTED(HEAD RULE("exec") "- rule: q\n  desc: d\n  output: 'a %no.field'\n"
				   "  priority: info\n  condition: exec\n",
		 "no field no.field");
	REJECTED(HEAD "- rule: q\n  desc: d\n  output: '%getopt(proc.args, n)'\n"
		      "  priority: info\n  condition: exec\n",
		 "the output: getopt() is a list");
	REJECTED(HEAD "- rule: q\n  desc: d\n  output: '%concat(proc.name)'\n"
		      "  priority: info\n  condition: exec\n",
		 "at least 2 values");
	REJECTED(HEAD "- rule: q\n  desc: d\n  output: '%len(proc.name'\n"
		      "  priority: info\n  condition: exec\n",
		 "')' expected");
}

TEST(exceptions)
{
	STEPS(HEAD RULE("exec or exec") "  exceptions:\n  - name: a\n"
					"    fields: [proc.name, proc.args]\n"
					"    comps: [=, startswith]\n    values:\n"
					"    - [sh, -c x]\n    - [b, y]\n",
	      "exec { not ((comm == \"sh\" and args startswith \"-c x\") or "
	      "(comm == \"b\" and args startswith \"y\")) }");
	STEPS(HEAD RULE("exec") "  exceptions:\n  - name: a\n    fields: proc.name\n"
				"    values: [a, b c]\n- rule: r\n"
				"  append: true\n  exceptions:\n  - name: a\n"
				"    values: [d]\n",
	      "exec { not comm in (\"a\", \"b c\", \"d\") }");
	REJECTED(HEAD RULE("exec") "  exceptions:\n  - name: a\n    fields: [proc.name]\n"
				   "    values:\n    - [a, b]\n",
		 "as many values as fields");
	REJECTED(HEAD RULE("exec") "  exceptions:\n  - name: a\n    values: [a]\n",
		 "has no fields");
}

/* What cannot be told -------------------------------------------------------------------------- */

static void check_why(const char *condition, const char *why_not, const char *partly, int line)
{
	char text[1024];
	struct rules *r;

	snprintf(text, sizeof(text),
		 HEAD "- rule: r\n  desc: d\n  output: o\n  priority: info\n  condition: %s\n",
		 condition);
	r = load(text);
	if (!r || r->n != 1) {
		T_FAIL("line %d: %u rules", line, r ? r->n : 0);
	} else {
		const char *why = r->list[0].why_not, *part = r->list[0].partly;

		if (!why != !why_not || (why && !strstr(why, why_not)))
			T_FAIL("line %d: why_not %s", line, why ? why : "is not there");
		if (!part != !partly || (part && !strstr(part, partly)))
			T_FAIL("line %d: partly %s", line, part ? part : "is not there");
	}
	rules_free(r);
}

#define WHY(condition, why_not, partly) check_why(condition, why_not, partly, __LINE__)

TEST(what_nobody_can_tell)
{
	WHY("exec and proc.name=a", NULL, NULL);
	WHY("exec and evt.num=0", "never holds", NULL);
	WHY("exec and fd.lip.name=a", "not looked up", NULL);
	WHY("exec and not fd.lip.name=a", "not looked up", NULL);
	WHY("exec and (fd.lip.name=a or proc.name=b)", NULL, "not looked up");
	WHY("exec and fd.sip.name=a", "never holds", NULL);
	WHY("exec and not fd.sip.name=a", NULL, NULL);
	WHY("evt.type=connect and fd.sip.name=a", NULL, NULL);
	WHY("evt.type=accept and fd.rip.name=a", NULL, NULL);
	WHY("exec and k8s.ns.name=a", "Kubernetes", NULL);
	WHY("exec and not k8s.ns.name=a", NULL, NULL);
	WHY("exec and fd.name=a", "never holds", NULL);
	WHY("evt.type=mkdir and evt.type=rmdir", "never holds", NULL);
	WHY("exec and concat(fd.types, proc.name)=a", "not looked at", NULL);
	WHY("exec and concat(proc.name, join('', (a, fd.types)))=a", "not looked at", NULL);
	WHY("exec and concat(fd.types, k8s.ns.name)=a", "Kubernetes", NULL);
	WHY("exec and not concat(fd.types, k8s.ns.name)=a", NULL, NULL);
	WHY("exec and concat(proc.name, fd.name)=a", "never holds", NULL);
	WHY("exec and proc.name=concat(fd.types, a)", "not looked at", NULL);
}
