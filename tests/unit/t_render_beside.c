/* SPDX-License-Identifier: BSD-2-Clause */
/* What is shown of an event besides what it says itself. */
#include <stdlib.h>

#include "format/record.h"
#include "format/render.h"
#include "tests/unit/harness.h"

static struct reel_record record;
static struct reel_record_strings strings;
static struct reel_out out;
static struct reel_renderer renderer;
static struct reel_event ev;

static struct reel_render_value values[] = {
	{ .name = "ppid", .number = 7 },
	{ .name = "exe", .is_string = true, .string = { (const uint8_t *)"/b \xff", 4, 9 } },
	{ .name = "inode", .number = 1 },
};

static void begin(enum reel_render_format format)
{
	const struct reel_render_options how = { .format = format };
	struct ev_open *e = reel_record_begin(&record, reel_type_by_id(EV_open));

	e->inode = 99;
	record.header.pid = record.header.tid = 5;
	reel_record_string(&record, "/x", 2);
	reel_record_end(&record);
	reel_record_view(&record, &strings, &ev);
	if (out_init_mem(&out) < 0 || reel_renderer_init(&renderer, &out, &how) < 0)
		abort();
}

static void put(void)
{
	static const uint8_t boot[16];

	out_reset(&out);
	reel_render_event(&renderer, &ev, -1, boot, NULL);
	out_char(&out, '\0');
	CHECK_EQ(out_error(&out), 0);
}

static void end(void)
{
	reel_renderer_done(&renderer);
	out_done(&out);
}

TEST(json)
{
	begin(REEL_RENDER_JSON);
	reel_render_beside(&renderer, values, 3);
	put();
	CHECK(strstr(out.buf, "\"tid\":5,\"ppid\":7,\"exe\":\"/b \xef\xbf\xbd\","
			      "\"exe_hex\":\"2f6220ff\",\"exe_length\":9,\"ret\":0"));
	/* The type's own counts. */
	CHECK(strstr(out.buf, "\"inode\":99,") && !strstr(out.buf, "\"inode\":1,"));
	/* It was of that event only. */
	put();
	CHECK(!strstr(out.buf, "ppid"));
	end();
}

TEST(text)
{
	values[1].string.true_length = EV_UNKNOWN_LENGTH;
	begin(REEL_RENDER_TEXT);
	reel_render_beside(&renderer, values, 3);
	put();
	CHECK(strstr(out.buf, " 5 ppid=7 exe=\"/b \\xff\" ...(?) open path=/x inode=99 "));
	end();
}

TEST(csv_has_no_place_for_it)
{
	begin(REEL_RENDER_CSV);
	reel_render_beside(&renderer, values, 3);
	put();
	CHECK(!strstr(out.buf, "ppid") && strstr(out.buf, "99"));
	end();
}
