/* SPDX-License-Identifier: BSD-2-Clause */
#include "record/folds.h"

#include "tests/unit/harness.h"

static struct reel_record record;

static const struct open_key key = { .files = 0xffff888000000000, .fd = 7, .kind = OPEN_FD };

static struct open_file busy(void)
{
	return (struct open_file){
		.file = 1,
		.inode = 42,
		.dev = 8 << 20 | 1,
		.reads = 3,
		.writes = 2,
		.read_bytes = 300,
		.written_bytes = 5ull << 32,
		.first = 1000,
		.last = 5000,
		.pid = 99,
	};
}

TEST(what_was_told_is_not_told_again)
{
	struct open_file o = busy();

	o.reads = o.writes = 0;
	CHECK(!fold_begin(&record, &key, &o, 9000));
}

TEST(totals_become_a_record)
{
	struct open_file o = busy();
	const struct ev_fold *fold = (const void *)record.payload;

	REQUIRE(fold_begin(&record, &key, &o, 9000));
	CHECK_EQ(reel_record_end(&record), sizeof(struct ev_header) + sizeof(*fold));
	CHECK_EQ(record.header.type, EV_fold);
	CHECK_EQ(record.header.flags, 0);
	CHECK_EQ(record.header.ts, 9000);
	CHECK_EQ(record.header.pid, 99);
	CHECK_EQ(record.header.tid, 99);
	CHECK_EQ(fold->inode, 42);
	CHECK_EQ(fold->dev, 8 << 20 | 1);
	CHECK_EQ(fold->fd, 7);
	CHECK_EQ(fold->reads, 3);
	CHECK_EQ(fold->writes, 2);
	CHECK_EQ(fold->read_bytes, 300);
	CHECK_EQ(fold->written_bytes, 5ull << 32);
	CHECK_EQ(fold->first, 1000);
	CHECK_EQ(fold->last, 5000);
	CHECK_EQ(fold->ended_by, 6);
}

TEST(the_name_of_its_end_is_end)
{
	const struct reel_type *t = reel_type_by_id(EV_fold);
	unsigned at = 0, bars = 0;

	for (; at < t->n_fields; at++)
		if (strcmp(t->fields[at].name, "ended_by") == 0)
			break;
	REQUIRE(at < t->n_fields);
	for (const char *c = t->fields[at].hint; *c; c++)
		if (*c == '|' && ++bars == 6)
			CHECK(strcmp(c, "|end") == 0);
	CHECK_EQ(bars, 6);
}

TEST(a_slot_of_an_io_uring_is_no_descriptor)
{
	struct open_key slot = key;
	struct open_file o = busy();
	const struct ev_fold *fold = (const void *)record.payload;

	slot.kind = OPEN_SLOT;
	REQUIRE(fold_begin(&record, &slot, &o, 9000));
	CHECK_EQ(fold->fd, -1);
}

TEST(the_last_is_not_in_the_future_and_not_before_the_first)
{
	struct open_file o = busy();
	const struct ev_fold *fold = (const void *)record.payload;

	o.last = 9001;
	REQUIRE(fold_begin(&record, &key, &o, 9000));
	CHECK_EQ(fold->last, 9000);
	o.last = 999;
	REQUIRE(fold_begin(&record, &key, &o, 9000));
	CHECK_EQ(fold->last, 1000);
}
