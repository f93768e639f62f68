/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/render.h"

#include <stdlib.h>

#include "format/record.h"
#include "harness.h"

static const uint8_t boot[16] = { 0x1f, 0x2e, 0x3d, 0x4c, 0x55 };

/* 2026-11-21T08:00:00.123456789Z */
#define NOON 1795248000123456789

#define CALL_openat EV_CALL(EV_ABI_NATIVE, 257)
#define CALL_mmap EV_CALL(EV_ABI_NATIVE, 9)
#define HEAD "\"id\":\"1f2e3d4c-0-17\",\"ts\":123,\"time\":\"2026-11-21T08:00:00.123456789Z\","

#define LINE "2026-11-21T08:00:00.123456789Z 1f2e3d4c-0-17 "

/* A record and the event it is, as a reader would give it. */
struct sample {
	struct reel_record record;
	struct reel_record_strings strings;
	struct reel_event ev;
	struct reel_renderer renderer;
	struct reel_out out;
	struct reel_render_options options;
	const char *host;
	int64_t realtime;
};

static void *begin_of(struct sample *s, const struct reel_type *t)
{
	memset(s, 0, sizeof(*s));
	s->realtime = NOON;
	s->ev = (struct reel_event){ .ts = 123, .seq = 17, .pid = 1, .tid = 1, .type = t };
	return reel_record_begin(&s->record, t);
}

#define BEGIN(s, name) ((struct ev_##name *)begin_of(s, reel_type_by_id(EV_##name)))

static void add(struct sample *s, const char *text)
{
	reel_record_string(&s->record, text, strlen(text));
}

/* A literal with NULs in it. */
#define ADD_BYTES(s, literal) reel_record_string(&(s)->record, literal, sizeof(literal) - 1)

static struct reel_event *end(struct sample *s)
{
	struct reel_event view;

	reel_record_end(&s->record);
	reel_record_view(&s->record, &s->strings, &view);
	s->ev.fixed = view.fixed;
	s->ev.strings = view.strings;
	s->ev.flags |= view.flags;
	return &s->ev;
}

static void start(struct sample *s, enum reel_render_format format)
{
	s->options.format = format;
	CHECK_EQ(out_init_mem(&s->out), 0);
	CHECK_EQ(reel_renderer_init(&s->renderer, &s->out, &s->options), 0);
}

static void put(struct sample *s)
{
	reel_render_event(&s->renderer, &s->ev, s->realtime, boot, s->host);
}

static void stop(struct sample *s, const char *want)
{
	CHECK_EQ(out_error(&s->out), 0);
	out_char(&s->out, '\0');
	CHECK_STR(s->out.buf, want);
	reel_renderer_done(&s->renderer);
	out_done(&s->out);
}

static void check(struct sample *s, enum reel_render_format format, const char *want)
{
	start(s, format);
	put(s);
	stop(s, want);
}

/* What comes of an event begins with WANT at the first HERE. */
static void check_from(struct sample *s, enum reel_render_format format, const char *here,
		       const char *want)
{
	const char *at;

	start(s, format);
	put(s);
	out_char(&s->out, '\0');
	at = strstr(s->out.buf, here);
	if (!at || strncmp(at, want, strlen(want)) != 0)
		T_FAIL("not %s: %s", want, s->out.buf);
	reel_renderer_done(&s->renderer);
	out_done(&s->out);
}

static void make_open(struct sample *s)
{
	struct ev_open *o = BEGIN(s, open);

	o->inode = 99;
	o->dev = 8 << 20 | 1;
	o->flags = 02000000;
	o->path_from = 2;
	o->created = 1;
	s->ev.ret = 3;
	s->ev.call = CALL_openat;
	add(s, "/etc/passwd");
	end(s);
}

TEST(an_open_as_json)
{
	struct sample s;

	make_open(&s);
	check(&s, REEL_RENDER_JSON,
	      "{\"type\":\"open\"," HEAD "\"pid\":1,\"tid\":1,\"ret\":3,\"syscall\":\"openat\","
	      "\"fd\":3,\"inode\":99,\"dev\":8388609,\"flags\":524288,\"mode\":0,"
	      "\"path\":\"/etc/passwd\",\"path_from\":\"object\",\"created\":\"no\"}\n");
}

TEST(an_open_as_text)
{
	struct sample s;

	make_open(&s);
	check(&s, REEL_RENDER_TEXT,
	      LINE
	      "1 open(openat) path=/etc/passwd "
	      "inode=99 dev=8:1 flags=O_RDONLY|O_CLOEXEC mode=0 path_from=object created=no = 3\n");
}

TEST(an_open_in_colour)
{
	struct sample s;

	make_open(&s);
	s.options.color = true;
	s.ev.ret = -2;
	s.ev.flags = EV_RACED;
	check(&s, REEL_RENDER_TEXT,
	      "\033[2m2026-11-21T08:00:00.123456789Z 1f2e3d4c-0-17\033[0m 1 "
	      "\033[1mopen\033[0m(openat) path=/etc/passwd inode=99 dev=8:1 "
	      "flags=O_RDONLY|O_CLOEXEC mode=0 path_from=object created=no"
	      " = \033[31m-2 ENOENT\033[0m\033[33m [raced]\033[0m\n");
}

#define CSV_HEAD "type,id,ts,time,pid,tid,ret,errno,syscall,abi,flags"
#define CSV_ROW "1f2e3d4c-0-17,123,2026-11-21T08:00:00.123456789Z,1,1,"

TEST(an_open_as_csv)
{
	struct sample s;

	make_open(&s);
	start(&s, REEL_RENDER_CSV);
	reel_render_begin(&s.renderer);
	put(&s);
	reel_render_end(&s.renderer);
	stop(&s, CSV_HEAD ",detail\nopen," CSV_ROW
			  "3,,openat,,,\"{\"\"fd\"\":3,\"\"inode\"\":99,\"\"dev\"\":8388609,"
			  "\"\"flags\"\":524288,\"\"mode\"\":0,\"\"path\"\":\"\"/etc/passwd\"\","
			  "\"\"path_from\"\":\"\"object\"\",\"\"created\"\":\"\"no\"\"}\"\n");
}

TEST(columns_of_the_only_type)
{
	struct sample s;

	make_open(&s);
	s.options.only_type = reel_type_by_id(EV_open);
	s.options.host = true;
	s.host = "web,1";
	s.ev.ret = -13;
	s.ev.call = EV_CALL(EV_ABI_COMPAT, 295);
	s.ev.flags = EV_FAULT | EV_RACED;
	start(&s, REEL_RENDER_CSV);
	reel_render_begin(&s.renderer);
	put(&s);
	stop(&s, "type,id,host,ts,time,pid,tid,ret,errno,syscall,abi,flags,"
		 "fd,inode,dev,open_flags,mode,path,path_arg,path_from,created\n"
		 "open,1f2e3d4c-0-17,\"web,1\",123,2026-11-21T08:00:00.123456789Z,1,1,"
		 "-13,EACCES,openat,i386,fault|raced,"
		 ",99,8388609,524288,0,/etc/passwd,,object,no\n");
}

TEST(another_type_than_the_columns)
{
	struct sample s;

	BEGIN(&s, tls);
	add(&s, "libssl, \"3\"");
	s.options.only_type = s.ev.type;
	end(&s);
	check(&s, REEL_RENDER_CSV, "tls," CSV_ROW "0,,,,,0,0,\"libssl, \"\"3\"\"\",,,,,unknown\n");

	BEGIN(&s, line);
	s.options.only_type = reel_type_by_id(EV_tls);
	end(&s);
	check(&s, REEL_RENDER_CSV, "line," CSV_ROW "0,,,,,,,,,,,,\n");
}

TEST(bytes_and_arguments_in_csv_columns)
{
	struct sample s;

	BEGIN(&s, process);
	add(&s, "a");
	add(&s, "/a");
	ADD_BYTES(&s, "a\0b,c\0");
	s.options.only_type = s.ev.type;
	end(&s);
	check_from(&s, REEL_RENDER_CSV, ",a,/a",
		   ",a,/a,\"[\"\"a\"\",\"\"b,c\"\"]\",,,,false,off,false,false\n");

	BEGIN(&s, dns);
	ADD_BYTES(&s, "\0\x01,");
	s.options.only_type = s.ev.type;
	end(&s);
	check(&s, REEL_RENDER_CSV, "dns," CSV_ROW "0,,,,,::,::,0,0,0,0,0,0,0,00012c,sent\n");
	start(&s, REEL_RENDER_CSV);
	reel_render_begin(&s.renderer);
	stop(&s, CSV_HEAD ",addr,laddr,inode,fd,port,lport,family,sock_type,proto,payload_hex,"
			  "direction\n");
}

TEST(every_flag_of_honesty)
{
	struct sample s;

	BEGIN(&s, exit);
	s.ev.flags = 0xff & ~EV_TRUNCATED;
	end(&s);
	s.ev.flags |= EV_TRUNCATED;
	check(&s, REEL_RENDER_JSON,
	      "{\"type\":\"exit\"," HEAD "\"pid\":1,\"tid\":1,\"ret\":0,\"fault\":true,"
	      "\"truncated\":true,\"raced\":true,\"blocked\":true,\"restarted\":true,"
	      "\"keyframe\":true,\"partial\":true,\"start\":0,\"cpu_ns\":0,\"read_bytes\":0,"
	      "\"written_bytes\":0,\"code\":0,\"signal\":0,\"core_dumped\":false}\n");
	check(&s, REEL_RENDER_TEXT,
	      LINE "1 exit start=@0 cpu_ns=0s "
		   "read_bytes=0 written_bytes=0 code=0 signal=0 core_dumped=false "
		   "[fault,truncated,raced,blocked,restarted,keyframe,partial]\n");
	s.ev.flags = EV_WIDE_RET;
	check(&s, REEL_RENDER_TEXT,
	      LINE "1 exit start=@0 cpu_ns=0s "
		   "read_bytes=0 written_bytes=0 code=0 signal=0 core_dumped=false\n");
}

TEST(a_path_that_is_not_utf8)
{
	struct sample s;

	BEGIN(&s, rmdir);
	s.ev.call = EV_CALL(EV_ABI_NATIVE, 84);
	s.ev.ret = -39;
	add(&s, "/a\xff\x1b[2J");
	end(&s);
	check(&s, REEL_RENDER_JSON,
	      "{\"type\":\"rmdir\"," HEAD "\"pid\":1,\"tid\":1,\"ret\":-39,"
	      "\"errno\":\"ENOTEMPTY\",\"syscall\":\"rmdir\","
	      "\"path\":\"/a\xef\xbf\xbd\\u001b[2J\",\"path_hex\":\"2f61ff1b5b324a\","
	      "\"path_from\":\"passed\"}\n");
	check(&s, REEL_RENDER_TEXT,
	      LINE "1 rmdir "
		   "path=\"/a\\xff\\x1b[2J\" path_from=passed = -39 ENOTEMPTY\n");
}

TEST(cut_strings_say_how_long_they_were)
{
	struct sample s;

	BEGIN(&s, rmdir);
	reel_record_cut_string(&s.record, "/aaa", 4, 5000);
	reel_record_cut_string(&s.record, "", 0, EV_UNKNOWN_LENGTH);
	end(&s);
	check(&s, REEL_RENDER_JSON,
	      "{\"type\":\"rmdir\"," HEAD "\"pid\":1,\"tid\":1,\"ret\":0,\"truncated\":true,"
	      "\"path\":\"/aaa\",\"path_length\":5000,"
	      "\"path_arg\":\"\",\"path_arg_length\":null,\"path_from\":\"passed\"}\n");
	check(&s, REEL_RENDER_TEXT,
	      LINE "1 rmdir path=/aaa ...(5000) "
		   "path_arg=\"\" ...(?) path_from=passed [truncated]\n");
}

static void check_exec(struct sample *s, const char *json, const char *text)
{
	end(s);
	check_from(s, REEL_RENDER_JSON, "\"exe\"", json);
	check_from(s, REEL_RENDER_TEXT, " exe=", text);
}

static void begin_exec(struct sample *s)
{
	struct ev_exec *e = BEGIN(s, exec);

	e->cap_effective = 0x1ffffffffff;
	e->cap_permitted = 1 << 12;
	add(s, "sh");
	add(s, "/bin/sh");
	add(s, "");
	add(s, "/bin/sh");
}

TEST(arguments)
{
	struct sample s;

	begin_exec(&s);
	ADD_BYTES(&s, "sh\0-c\0echo 'a'\0\0x;y\0\xe2\x82\xac=1");
	check_exec(&s,
		   "\"exe\":\"/bin/sh\",\"argv\":[\"sh\",\"-c\",\"echo 'a'\",\"\",\"x;y\","
		   "\"\xe2\x82\xac=1\"],\"path_from\":",
		   " exe=/bin/sh argv=(sh -c $'echo \\'a\\'' '' 'x;y' \xe2\x82\xac=1) inode=0 "
		   "cap_effective=0x1ffffffffff cap_permitted=CAP_NET_ADMIN ");

	begin_exec(&s);
	check_exec(&s,
		   "\"exe\":\"/bin/sh\",\"argv\":[],\"path_from\":", " exe=/bin/sh argv=() inode=");

	begin_exec(&s);
	ADD_BYTES(&s, "\0");
	ADD_BYTES(&s, "a\0\0");
	check_exec(&s,
		   "\"exe\":\"/bin/sh\",\"argv\":[\"\"],\"argv_arg\":[\"a\",\"\"],\"path_from\":",
		   " exe=/bin/sh argv=('') argv_arg=(a '') inode=");

	begin_exec(&s);
	reel_record_cut_string(&s.record, "a\0b\xff\n", 5, 100);
	check_exec(&s,
		   "\"exe\":\"/bin/sh\",\"argv\":[\"a\",\"b\xef\xbf\xbd\\n\"],"
		   "\"argv_hex\":\"610062ff0a\",\"argv_length\":100,\"path_from\":",
		   " exe=/bin/sh argv=(a $'b\\xff\\n') ...(100) inode=");
}

TEST(no_argument_reaches_the_terminal_raw)
{
	struct sample s;

	begin_exec(&s);
	ADD_BYTES(&s, "\033[2J\0\xe2\x80\xae\0\xc2\x9b\0a\\b\0t\tb\0\x7f");
	check_exec(&s, "\"exe\":\"/bin/sh\",\"argv\":[\"\\u001b[2J\",\"\xe2\x80\xae\",\"\\u009b\",",
		   " exe=/bin/sh argv=($'\\x1b[2J' $'\\xe2\\x80\\xae' $'\\xc2\\x9b' 'a\\b' "
		   "$'t\\tb' $'\\x7f') ");
}

TEST(contents)
{
	struct sample s;
	struct ev_write *w = BEGIN(&s, write);

	w->count = (uint64_t)1 << 63;
	w->fd = -100;
	s.ev.call = EV_CALL(EV_ABI_NATIVE, 1);
	s.ev.ret = 5000000000;
	add(&s, "");
	reel_record_cut_string(&s.record, "a\0\n\xe2\x82", 5, 64);
	end(&s);
	check(&s, REEL_RENDER_JSON,
	      "{\"type\":\"write\"," HEAD "\"pid\":1,\"tid\":1,\"ret\":5000000000,"
	      "\"syscall\":\"write\",\"truncated\":true,\"inode\":0,"
	      "\"count\":9223372036854775808,\"dev\":0,\"fd\":-100,"
	      "\"content\":\"a\\u0000\\n\xef\xbf\xbd\",\"content_hex\":\"61000ae282\","
	      "\"content_length\":64,\"path_from\":\"passed\"}\n");
	check(&s, REEL_RENDER_TEXT,
	      LINE "1 write inode=0 "
		   "count=9223372036854775808 dev=0:0 fd=AT_FDCWD path_from=passed "
		   "content=\"a\\x00\\n\\xe2\\x82\" ...(64) = 5000000000 [truncated]\n");
}

TEST(results)
{
	static const struct {
		int64_t ret;
		uint8_t flags;
		uint16_t call;
		const char *json, *text;
	} rows[] = {
		{ 0x7f0000000000, 0, CALL_mmap,
		  "139637976727552,\"syscall\":\"mmap\",\"fd\":139637976727552}",
		  "(mmap) flags=0 = 139637976727552" },
		{ -1, 0, CALL_mmap, "-1,\"errno\":\"EPERM\",\"syscall\":\"mmap\",\"fd\":null}",
		  "(mmap) flags=0 = -1 EPERM" },
		{ -4095, 0, CALL_mmap,
		  "-4095,\"errno\":\"errno_4095\",\"syscall\":\"mmap\",\"fd\":null}",
		  "(mmap) flags=0 = -4095 errno_4095" },
		{ -4096, 0, CALL_mmap, "-4096,\"syscall\":\"mmap\",\"fd\":null}",
		  "(mmap) flags=0 = -4096" },
		{ -512, EV_RESTARTED, CALL_mmap,
		  "-512,\"errno\":\"ERESTARTSYS\",\"syscall\":\"mmap\",\"restarted\":true,"
		  "\"fd\":null}",
		  "(mmap) flags=0 = -512 ERESTARTSYS [restarted]" },
		{ 9, EV_BLOCKED, CALL_mmap, "9,\"syscall\":\"mmap\",\"blocked\":true,\"fd\":null}",
		  "(mmap) flags=0 = ? [blocked]" },
		{ -2, 0, 0, "-2,\"fd\":null}", " flags=0" },
		{ 1, 0, EV_CALL(EV_ABI_NATIVE, 9999), "1,\"syscall\":\"syscall_9999\",\"fd\":1}",
		  "(syscall_9999) flags=0 = 1" },
		{ 1, 0, EV_CALL(EV_ABI_COMPAT, 5),
		  "1,\"syscall\":\"open\",\"abi\":\"i386\",\"fd\":1}", "(open,i386) flags=0 = 1" },
		{ 1, 0, EV_CALL(EV_ABI_X32, 2), "1,\"syscall\":\"open\",\"abi\":\"x32\",\"fd\":1}",
		  "(open,x32) flags=0 = 1" },
		{ INT64_MIN, 0, 0, "-9223372036854775808,\"fd\":null}", " flags=0" },
	};
	char json[512], text[512];
	struct sample s;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		BEGIN(&s, userfaultfd);
		s.ev.ret = rows[i].ret;
		s.ev.call = rows[i].call;
		s.ev.flags = rows[i].flags;
		end(&s);
		snprintf(json, sizeof(json),
			 "{\"type\":\"userfaultfd\"," HEAD "\"pid\":1,\"tid\":1,\"ret\":%.*s,"
			 "\"flags\":0}\n",
			 (int)strlen(rows[i].json) - 1, rows[i].json);
		check(&s, REEL_RENDER_JSON, json);
		snprintf(text, sizeof(text), LINE "1 userfaultfd%s\n", rows[i].text);
		check(&s, REEL_RENDER_TEXT, text);
	}
}

TEST(addresses)
{
	static const uint8_t v4[16] = { [10] = 0xff, [11] = 0xff, 10, 0, 0, 7 };
	static const uint8_t v6[16] = { 0x20, 1, 0xd, 0xb8, [15] = 1 };
	struct sample s;
	struct ev_connect *c = BEGIN(&s, connect);

	memcpy(&c->addr, v4, 16);
	memcpy(&c->laddr, v6, 16);
	c->port = 443;
	c->family = 2;
	c->sock_type = 1;
	c->proto = 6;
	c->fd = 3;
	end(&s);
	check(&s, REEL_RENDER_JSON,
	      "{\"type\":\"connect\"," HEAD "\"pid\":1,\"tid\":1,\"ret\":0,"
	      "\"addr\":\"10.0.0.7\",\"laddr\":\"2001:db8::1\",\"inode\":0,\"fd\":3,\"port\":443,"
	      "\"lport\":0,\"family\":2,\"sock_type\":1,\"proto\":6}\n");
	check(&s, REEL_RENDER_TEXT,
	      LINE "1 connect addr=10.0.0.7 "
		   "laddr=2001:db8::1 inode=0 fd=3 port=443 lport=0 family=AF_INET "
		   "sock_type=SOCK_STREAM proto=IPPROTO_TCP\n");
}

TEST(names_that_are_taken)
{
	struct sample s;
	struct ev_clock_settime *c = BEGIN(&s, clock_settime);

	c->time = -1;
	end(&s);
	check(&s, REEL_RENDER_JSON,
	      "{\"type\":\"clock_settime\"," HEAD "\"pid\":1,\"tid\":1,\"ret\":0,"
	      "\"clock_settime_time\":-1,\"offset\":0,\"clock\":0,\"modes\":0}\n");
	CHECK(reel_render_is_common("time"));
	CHECK(reel_render_is_common("host"));
	CHECK(reel_render_is_common("partial"));
	CHECK(!reel_render_is_common("flags"));
	CHECK(!reel_render_is_common(""));
}

TEST(labels_classes_and_truths)
{
	struct sample s;
	struct ev_lost *l = BEGIN(&s, lost);
	struct ev_clock *c;

	s.ev.cpu = EV_NO_CPU;
	s.realtime = -1;
	s.options.host = true;
	s.host = "a\"b\x1b";
	l->lost_class = EV_CLASS_net;
	l->cause = 4;
	end(&s);
	check(&s, REEL_RENDER_JSON,
	      "{\"type\":\"lost\",\"id\":\"1f2e3d4c-r-17\",\"host\":\"a\\\"b\\u001b\",\"ts\":123,"
	      "\"time\":null,\"pid\":1,\"tid\":1,\"ret\":0,\"first\":0,\"last\":0,\"count\":0,"
	      "\"lost_cpu\":0,\"lost_class\":\"net\",\"cause\":\"write error\"}\n");
	check(&s, REEL_RENDER_TEXT,
	      "@123 1f2e3d4c-r-17 \"a\\\"b\\x1b\" 1 lost first=@0 last=@0 count=0 lost_cpu=0 "
	      "lost_class=net cause=\"write error\"\n");

	l = BEGIN(&s, lost);
	l->lost_class = 99;
	l->cause = 6;
	s.ev.tid = 2;
	end(&s);
	check(&s, REEL_RENDER_JSON,
	      "{\"type\":\"lost\"," HEAD "\"pid\":1,\"tid\":2,\"ret\":0,\"first\":0,\"last\":0,"
	      "\"count\":0,\"lost_cpu\":0,\"lost_class\":99,\"cause\":6}\n");
	check(&s, REEL_RENDER_TEXT,
	      LINE "1/2 lost first=@0 last=@0 count=0 "
		   "lost_cpu=0 lost_class=99 cause=6\n");

	c = BEGIN(&s, clock);
	c->synchronized = 1;
	c->tai_offset = -37;
	c->reason = 3;
	end(&s);
	check(&s, REEL_RENDER_JSON,
	      "{\"type\":\"clock\"," HEAD "\"pid\":1,\"tid\":1,\"ret\":0,\"realtime\":0,"
	      "\"monotonic\":0,\"tai_offset\":-37,\"max_error\":0,\"ntp_status\":0,"
	      "\"reason\":\"end\",\"synchronized\":true}\n");
}

TEST(an_array_and_its_ends)
{
	struct sample s;

	BEGIN(&s, warning);
	end(&s);
	start(&s, REEL_RENDER_ARRAY);
	reel_render_begin(&s.renderer);
	reel_render_end(&s.renderer);
	stop(&s, "[]\n");

	start(&s, REEL_RENDER_ARRAY);
	reel_render_begin(&s.renderer);
	put(&s);
	put(&s);
	reel_render_end(&s.renderer);
#define WARNING "{\"type\":\"warning\"," HEAD "\"pid\":1,\"tid\":1,\"ret\":0,\"text\":\"\"}"
	stop(&s, "[\n" WARNING ",\n" WARNING "\n]\n");
}

TEST(objects_over_several_lines)
{
	struct sample s;

	BEGIN(&s, readlink);
	add(&s, "/a:{,\"\\");
	add(&s, "b}");
	end(&s);
	check(&s, REEL_RENDER_PRETTY,
	      "{\n  \"type\": \"readlink\",\n  \"id\": \"1f2e3d4c-0-17\",\n  \"ts\": 123,\n"
	      "  \"time\": \"2026-11-21T08:00:00.123456789Z\",\n  \"pid\": 1,\n  \"tid\": 1,\n"
	      "  \"ret\": 0,\n  \"path\": \"/a:{,\\\"\\\\\",\n  \"link_target\": \"b}\",\n"
	      "  \"path_from\": \"passed\"\n}\n");
}

TEST(the_zone_that_was_asked_for)
{
	struct sample s;

	BEGIN(&s, warning);
	s.options.tz = (struct reel_tz){ REEL_TZ_FIXED, 3600 };
	end(&s);
	check(&s, REEL_RENDER_TEXT,
	      "2026-11-21T09:00:00.123456789+01:00 1f2e3d4c-0-17 1 warning text=\"\"\n");
}

/* A type that only a newer build knows. */
static const struct reel_field odd_fields[] = {
	{ "type", "new_hint", 0, REEL_U32 },
	{ "alien", "", 4, 15 },
	{ "n", "hex", 4, REEL_S32 },
	{ "list", "u32", 8, REEL_BYTES },
	{ "blob", "hex", 10, REEL_BYTES | REEL_OPTIONAL },
	{ "odd", "", 12, 77 },
	{ "odd_hex", "", 14, REEL_TEXT },
	{ "n", "", 4, REEL_U32 },
};
static const uint16_t odd_strings[] = { 8, 10, 12, 14 };
static const struct reel_type odd = {
	.name = "odd",
	.aliases = "",
	.doc = "",
	.fields = odd_fields,
	.string_offsets = odd_strings,
	.fixed_bytes = 16,
	.id = 255,
	.n_fields = 8,
	.n_strings = 4,
};

TEST(a_type_nobody_knows)
{
	struct sample s;
	int32_t *fixed = begin_of(&s, &odd);

	fixed[0] = 7;
	fixed[1] = -1;
	ADD_BYTES(&s, "\1\0\0\0\2\1\0\0\3");
	ADD_BYTES(&s, "\xde\xad");
	add(&s, "x\xff");
	add(&s, "y");
	end(&s);
	check(&s, REEL_RENDER_JSON,
	      "{\"type\":\"odd\"," HEAD "\"pid\":1,\"tid\":1,\"ret\":0,\"odd_type\":7,\"n\":-1,"
	      "\"list\":[1,258],\"list_hex\":\"010000000201000003\",\"blob\":\"dead\","
	      "\"odd\":\"x\xef\xbf\xbd\",\"odd_hex\":\"78ff\",\"odd_odd_hex\":\"y\","
	      "\"odd_n\":4294967295}\n");
	check(&s, REEL_RENDER_TEXT,
	      LINE "1 odd odd=\"x\\xff\" odd_hex=y type=7 "
		   "n=0xffffffff n=4294967295 list=[1,258] blob=dead\n");
	s.options.only_type = &odd;
	check(&s, REEL_RENDER_CSV,
	      "odd," CSV_ROW "0,,,,,7,-1,\"[1,258]\",dead,78ff,y,4294967295\n");
}

/* Two captures, two schemas: the same id may be another type, and the same type have less. */
TEST(schemas_side_by_side)
{
	static const struct reel_field fields[] = { { "path", "", 0, REEL_PATH } };
	static const uint16_t strings[] = { 0 };
	static const struct reel_type small = {
		.name = "rmdir",
		.aliases = "",
		.doc = "",
		.fields = fields,
		.string_offsets = strings,
		.fixed_bytes = 8,
		.id = EV_rmdir,
		.n_fields = 1,
		.n_strings = 1,
	};
	struct sample s, old;

	begin_of(&old, &small);
	add(&old, "/old");
	end(&old);
	BEGIN(&s, rmdir);
	add(&s, "/new");
	end(&s);
	s.options.only_type = s.ev.type;
	start(&s, REEL_RENDER_CSV);
	put(&s);
	s.ev = old.ev;
	put(&s);
	s.ev.type = &odd;
	put(&s);
	stop(&s, "rmdir," CSV_ROW "0,,,,,/new,,passed\n"
		 "rmdir," CSV_ROW "0,,,,,/old,,\n"
		 "odd," CSV_ROW "0,,,,,,,\n");
}

/* That a block has fewer strings than an event names is a reader's to report; it shows as cut. */
TEST(a_string_that_its_block_lacks)
{
	struct sample s;
	struct ev_rmdir *e = BEGIN(&s, rmdir);

	add(&s, "/a");
	end(&s);
	e->path = 3;
	CHECK(!reel_event_is_sound(&s.ev));
	check(&s, REEL_RENDER_JSON,
	      "{\"type\":\"rmdir\"," HEAD "\"pid\":1,\"tid\":1,\"ret\":0,"
	      "\"path\":\"\",\"path_length\":null,\"path_from\":\"passed\"}\n");
}

/* The renderer's one pass over the strings says the same as the function for everybody. */
TEST(every_type_is_rendered_in_every_format)
{
	const struct reel_type *t;
	struct sample s;
	unsigned i;

	for (t = reel_types; t->name; t++) {
		uint8_t *fixed = begin_of(&s, t);

		for (i = 0; i < t->fixed_bytes; i++)
			fixed[i] = (uint8_t)(0x80 + i * 37);
		for (i = 0; i < t->n_strings; i++)
			ADD_BYTES(&s, "a\0b\xff,\"");
		s.ev.call = CALL_openat;
		end(&s);
		CHECK(reel_event_is_sound(&s.ev));
		for (i = REEL_RENDER_JSON; i <= REEL_RENDER_CSV; i++) {
			start(&s, (enum reel_render_format)i);
			reel_render_begin(&s.renderer);
			put(&s);
			reel_render_end(&s.renderer);
			CHECK(s.out.len > 50);
			CHECK(s.out.buf[s.out.len - 1] == '\n');
			CHECK_EQ(out_error(&s.out), 0);
			reel_renderer_done(&s.renderer);
			out_done(&s.out);
		}
	}
}
