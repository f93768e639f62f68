/* SPDX-License-Identifier: BSD-2-Clause */
/* Keys that go forward, and the state of a host that each run takes and moves on. */
#include "format/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "format/seal_state.h"
#include "tests/unit/capture.h"

static const uint8_t host[TAPE_ID_BYTES] = { 7, 7 };
static const uint8_t root[TAPE_KEY_BYTES] = { 1, 2, 3 };

static void make(const char *path)
{
	struct reel_err err = { 0 };

	unlink(path);
	CHECK_EQ(reel_seal_state_make(path, host, root, &err), 0);
}

static int take(const char *path, struct reel_seal_state *ret, struct reel_err *err)
{
	memset(ret, 0, sizeof(*ret));
	return reel_seal_state_take(path, ret, err);
}

static char *slurp(const char *path)
{
	static char text[4096];
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	text[n < 0 ? 0 : n] = '\0';
	if (fd >= 0)
		close(fd);
	return text;
}

static void spill(const char *path, const char *text, size_t n)
{
	int fd;

	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	CHECK(write(fd, text, n) == (ssize_t)n);
	close(fd);
}

/* By the words of FORMAT.md, another way than seal.c has it. */
static void keyed(const uint8_t *key, const char *word, const void *rest, size_t n,
		  uint8_t ret[TAPE_KEY_BYTES])
{
	crypto_generichash_blake2b_state s;

	crypto_generichash_blake2b_init(&s, key, TAPE_KEY_BYTES, TAPE_KEY_BYTES);
	crypto_generichash_blake2b_update(&s, (const uint8_t *)word, strlen(word));
	crypto_generichash_blake2b_update(&s, rest, n);
	crypto_generichash_blake2b_final(&s, ret, TAPE_KEY_BYTES);
}

TEST(keys_are_those_of_the_format)
{
	const struct {
		uint8_t capture[TAPE_ID_BYTES];
		uint64_t first, run;
	} said = { { 9, 9, 9 }, 77, 0x1122334455667788 };
	uint8_t key[TAPE_KEY_BYTES], want[TAPE_KEY_BYTES];

	memcpy(key, root, sizeof(key));
	reel_seal_next_root(key);
	keyed(root, "reel run", "", 0, want);
	CHECK_MEM(key, want, sizeof(key));
	reel_seal_first_key(root, said.capture, said.first, said.run, key);
	keyed(root, "reel chain", &said, sizeof(said), want);
	CHECK_MEM(key, want, sizeof(key));
	reel_seal_next_key(key);
	keyed(want, "reel next", "", 0, want);
	CHECK_MEM(key, want, sizeof(key));
}

TEST(each_run_takes_the_next_number_and_leaves_no_way_back)
{
	struct reel_seal_state taken;
	struct reel_err err = { 0 };
	uint8_t want[TAPE_KEY_BYTES];
	char hex[2 * TAPE_KEY_BYTES + 1];
	struct stat st;

	make("s");
	memcpy(want, root, sizeof(want));
	for (unsigned n = 0; n < 5; n++) {
		REQUIRE(take("s", &taken, &err) == 0);
		CHECK_EQ(taken.n, n);
		CHECK_MEM(taken.root, want, sizeof(want));
		CHECK_MEM(taken.host, host, sizeof(host));
		sodium_bin2hex(hex, sizeof(hex), want, sizeof(want));
		CHECK(strstr(slurp("s"), hex) == NULL);
		reel_seal_next_root(want);
		sodium_bin2hex(hex, sizeof(hex), want, sizeof(want));
		CHECK(strstr(slurp("s"), hex) != NULL);
	}
	CHECK(stat("s", &st) == 0 && (st.st_mode & 07777) == 0600);
	CHECK(access("s.new", F_OK) < 0);
}

TEST(the_old_content_is_overwritten)
{
	struct reel_seal_state taken;
	struct reel_err err = { 0 };
	char text[4096] = "";
	int fd;

	make("o");
	fd = open("o", O_RDONLY);
	REQUIRE(fd >= 0 && take("o", &taken, &err) == 0);
	CHECK(pread(fd, text, sizeof(text), 0) > 100);
	for (unsigned i = 0; i < 512; i++)
		CHECK_EQ(text[i], 0);
	close(fd);
}

/* Everybody takes five; each number comes once. */
TEST(runs_at_once_take_different_numbers)
{
	enum { PROCESSES = 8, TIMES = 5 };
	bool seen[PROCESSES * TIMES] = { false };
	int pipes[2];
	uint64_t n;

	make("many");
	REQUIRE(pipe(pipes) == 0);
	for (unsigned i = 0; i < PROCESSES; i++) {
		if (fork() != 0)
			continue;
		for (unsigned k = 0; k < TIMES; k++) {
			struct reel_seal_state taken;

			if (take("many", &taken, NULL) < 0)
				taken.n = UINT64_MAX;
			if (write(pipes[1], &taken.n, sizeof(taken.n)) != sizeof(taken.n))
				_exit(1);
		}
		_exit(0);
	}
	close(pipes[1]);
	for (unsigned i = 0; i < PROCESSES * TIMES; i++) {
		REQUIRE(read(pipes[0], &n, sizeof(n)) == sizeof(n));
		REQUIRE(n < PROCESSES * TIMES);
		CHECK(!seen[n]);
		seen[n] = true;
	}
	while (wait(NULL) > 0)
		;
	close(pipes[0]);
}

TEST(one_that_died_at_it_leaves_no_number_twice)
{
	struct reel_seal_state taken;
	struct reel_err err = { 0 };

	/* Before the rename: the file beside is no state yet. */
	make("d");
	spill("d.new", "reel-host-state 1\nhalf", 22);
	REQUIRE(take("d", &taken, &err) == 0);
	CHECK_EQ(taken.n, 0);
	/* After it, before the first block: the number is used up. */
	REQUIRE(take("d", &taken, &err) == 0);
	CHECK_EQ(taken.n, 1);
	/* A link that somebody puts beside is not followed. */
	CHECK_EQ(symlink("elsewhere", "d.new"), 0);
	REQUIRE(take("d", &taken, &err) == 0);
	CHECK(access("elsewhere", F_OK) < 0);
}

TEST(a_broken_state_is_refused_wherever_it_is_broken)
{
	struct reel_seal_state taken;
	struct reel_err err = { 0 };
	char text[4096], broken[4096];
	size_t n;

	make("b");
	snprintf(text, sizeof(text), "%s", slurp("b"));
	n = strlen(text);
	for (size_t i = 0; i < n; i++) {
		spill("b", text, i);
		CHECK_EQ(take("b", &taken, &err), -EBADMSG);
		for (unsigned bit = 0; bit < 8; bit++) {
			if (bit == 5 && text[i] >= 'a' && text[i] <= 'f')
				continue; /* a digit of the other case is the same digit */
			memcpy(broken, text, n);
			broken[i] ^= (char)(1u << bit);
			spill("b", broken, n);
			CHECK_EQ(take("b", &taken, &err), -EBADMSG);
		}
		/* What is broken stays, for whoever wants to look at it. */
		CHECK(access("b.new", F_OK) < 0);
	}
	spill("b", text, n);
	CHECK_EQ(take("b", &taken, &err), 0);
}

TEST(a_state_that_is_no_secret_is_refused)
{
	struct reel_seal_state taken;
	struct reel_err err = { 0 };

	make("p");
	CHECK_EQ(chmod("p", 0640), 0);
	CHECK_EQ(take("p", &taken, &err), -EPERM);
	CHECK(strstr(err.msg, "others may read or write it (mode 640)") != NULL);
	CHECK_EQ(chmod("p", 0600), 0);
	if (geteuid() != 0)
		SKIP("only root can give a file away");
	CHECK_EQ(chown("p", 12345, 0), 0);
	CHECK_EQ(take("p", &taken, &err), -EPERM);
	CHECK_STR(err.msg, "p: it belongs to another user");
}

TEST(what_is_missing_or_no_file_is_said)
{
	struct reel_seal_state taken;
	struct reel_err err = { 0 };

	CHECK_EQ(take("nowhere", &taken, &err), -ENOENT);
	CHECK_STR(err.msg, "nowhere: it is not there: reel keygen --host makes it");
	CHECK_EQ(mkdir("dir", 0700), 0);
	CHECK_EQ(take("dir", &taken, &err), -EISDIR);
	make("real");
	CHECK_EQ(symlink("real", "link"), 0);
	CHECK_EQ(take("link", &taken, &err), -ELOOP);
	CHECK_EQ(mkfifo("fifo", 0600), 0);
	CHECK_EQ(take("fifo", &taken, &err), -EINVAL);
	CHECK_EQ(reel_seal_state_make("real", host, root, &err), -EEXIST);
}

TEST(where_it_cannot_be_replaced_nothing_has_changed)
{
	const struct rlimit none = { 0, RLIM_INFINITY };
	struct reel_seal_state taken;
	struct reel_err err = { 0 };
	struct rlimit before;
	char text[4096];

	/* No room: a file may have no byte. */
	make("full");
	snprintf(text, sizeof(text), "%s", slurp("full"));
	REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
	signal(SIGXFSZ, SIG_IGN);
	REQUIRE(setrlimit(RLIMIT_FSIZE, &none) == 0);
	CHECK_EQ(take("full", &taken, &err), -EFBIG);
	REQUIRE(setrlimit(RLIMIT_FSIZE, &before) == 0);
	CHECK_STR(err.msg, "full.new: cannot write it: File too large");
	CHECK_STR(slurp("full"), text);
	CHECK(access("full.new", F_OK) < 0);
	CHECK_EQ(take("full", &taken, &err), 0);
	CHECK_EQ(taken.n, 0);
}

TEST(a_full_or_read_only_disk_is_said)
{
	struct reel_seal_state taken;
	struct reel_err err = { 0 };
	char *fill;
	int fd;

	CHECK_EQ(mkdir("disk", 0700), 0);
	if (mount("none", "disk", "tmpfs", 0, "size=16k") < 0)
		SKIP("mounting needs root");
	make("disk/s");
	fd = open("disk/fill", O_WRONLY | O_CREAT, 0600);
	fill = calloc(1, 65536);
	CHECK(fill && write(fd, fill, 65536) > 0);
	free(fill);
	close(fd);
	CHECK_EQ(take("disk/s", &taken, &err), -ENOSPC);
	CHECK_STR(err.msg, "disk/s.new: cannot write it: No space left on device");
	CHECK(access("disk/s.new", F_OK) < 0);
	CHECK_EQ(unlink("disk/fill"), 0);
	CHECK_EQ(take("disk/s", &taken, &err), 0);
	CHECK_EQ(taken.n, 0);
	CHECK_EQ(mount("none", "disk", NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	CHECK_EQ(take("disk/s", &taken, &err), -EROFS);
	CHECK_STR(err.msg, "disk/s: Read-only file system");
	CHECK_EQ(umount("disk"), 0);
}

/* Memory -------------------------------------------------------------------------------------- */

static const uint8_t *s_bytes(const struct reel_seal *s)
{
	return (const uint8_t *)s;
}

TEST(a_key_that_was_used_is_gone)
{
	uint8_t key[TAPE_KEY_BYTES], next[TAPE_KEY_BYTES];
	struct tape_seal said;
	struct reel_seal *s = NULL;
	struct reel_err err = { 0 };

	make("k");
	REQUIRE(reel_seal_begin("k", host, 5, 6, &s, &said, &err) == 0);
	CHECK_EQ(said.n, 0);
	CHECK_EQ(said.first_sequence, 5);
	reel_seal_first_key(root, host, 5, 6, key);
	CHECK_MEM(reel_seal_key(s), key, sizeof(key));
	/* Held while a segment is begun: back to it, or forgotten. */
	reel_seal_hold(s);
	reel_seal_next(s);
	memcpy(next, key, sizeof(next));
	reel_seal_next_key(next);
	CHECK_MEM(reel_seal_key(s), next, sizeof(next));
	CHECK(memmem(s_bytes(s), 2 * sizeof(key), key, sizeof(key)) != NULL);
	reel_seal_go_back(s);
	CHECK_MEM(reel_seal_key(s), key, sizeof(key));
	reel_seal_hold(s);
	reel_seal_next(s);
	reel_seal_let_go(s);
	CHECK(memmem(s_bytes(s), 2 * sizeof(key), key, sizeof(key)) == NULL);
	reel_seal_free(s);
	reel_seal_free(NULL);
}

/* Writers -------------------------------------------------------------------------------------- */

static struct reel_keys *keys_of_host(void)
{
	struct reel_public_key to;
	struct reel_keys *k = NULL;
	struct reel_err err = { 0 };

	unlink("w.key");
	unlink("w.pub");
	unlink("w.root");
	CHECK_EQ(reel_keys_make_pair("w.key", "w.pub", &to, &err), 0);
	CHECK_EQ(reel_keys_write_root("w.root", host, "h", "now", root, &to, 1, &err), 0);
	CHECK_EQ(reel_keys_new(&k, &err), 0);
	CHECK_EQ(reel_keys_add(k, "w.root", &err), 0);
	CHECK_EQ(reel_keys_add(k, "w.key", &err), 0);
	return k;
}

static struct reel_verified_seal seal_of(const char *directory, const struct reel_keys *keys,
					 uint64_t *ret_damages)
{
	struct reel_verify_with with = { .keys = keys };
	char *paths[] = { (char *)(uintptr_t)directory };
	struct reel_verification *v = NULL;
	struct reel_verified_seal seal = { 0 };
	struct reel_err err = { 0 };

	CHECK_EQ(reel_verify(paths, 1, &with, &v, &err), 0);
	if (v && v->n == 1) {
		seal = v->captures[0].seal;
		*ret_damages = v->captures[0].n_damages;
		CHECK_EQ(seal.right, v->captures[0].sealed_blocks);
		CHECK_EQ(seal.unsealed, 0);
		for (unsigned i = 0; i < v->captures[0].n_findings; i++)
			printf("# %s\n", v->captures[0].findings[i].what);
	} else {
		T_FAIL("%s: %u captures", directory, v ? v->n : 0);
	}
	reel_verification_free(v);
	return seal;
}

TEST(segments_that_come_and_go_stay_sealed)
{
	struct reel_writer_options o = options("ring");
	struct reel_keys *keys = keys_of_host();
	struct reel_verified_seal seal;
	struct tape t = { 0 };
	uint64_t n = 0;

	make("ring.state");
	o.seal = "ring.state";
	o.segment_bytes = 60 << 10;
	o.keep_bytes = 250 << 10;
	for (unsigned run = 0; run < 3; run++) {
		t.w = NULL;
		o.meta.start.boottime_ns = t.ts ? t.ts : SECOND;
		begin(&t, &o);
		fill(&t, 12);
		if (run < 2)
			end(&t);
		else
			reel_writer_abandon(t.w);
		seal = seal_of("ring", keys, &n);
		CHECK_EQ(n, 0);
		CHECK_EQ(seal.is_whole, run < 2);
		CHECK(seal.has_range);
		CHECK_EQ(seal.range.last_run, run);
	}
	CHECK_EQ(seal.doubts, 1); /* of the run that was killed */
	reel_keys_free(keys);
}

/* A block that had to be taken back, also of a segment that was being begun, has used up no key. */
TEST(a_disk_that_fills_up_costs_no_seal)
{
	struct reel_keys *keys = keys_of_host();
	struct rlimit before, now;
	unsigned n_failed = 0;

	REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
	signal(SIGXFSZ, SIG_IGN);
	make("full.state");
	for (rlim_t room = 4 << 10; room < 60 << 10; room += 1500) {
		struct reel_verified_seal seal;
		struct reel_writer_options o;
		struct tape t = { 0 };
		char directory[64];
		uint64_t n = 0;
		int r = 0;

		snprintf(directory, sizeof(directory), "full-%llu", (unsigned long long)room);
		o = options(directory);
		o.seal = "full.state";
		o.segment_bytes = 20 << 10;
		begin(&t, &o);
		fill(&t, 1);
		now = before;
		now.rlim_cur = room;
		CHECK_EQ(setrlimit(RLIMIT_FSIZE, &now), 0);
		for (unsigned i = 0; i < 3000 && r == 0; i++) {
			struct reel_record rec;

			reel_record_begin(&rec, reel_type_by_id(EV_open));
			reel_record_string(&rec, "some name", 9);
			rec.header.ts = t.ts++;
			rec.header.seq = t.seq[0]++;
			r = reel_writer_append(t.w, &rec, reel_record_end(&rec), &t.err);
			if (r == 0 && i % 100 == 0)
				r = reel_writer_flush(t.w, &t.err);
			if (r == 0)
				r = reel_writer_tick(t.w, t.ts, &t.err);
		}
		CHECK_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
		n_failed += r < 0;
		(void)reel_writer_close(t.w, &t.err);
		seal = seal_of(directory, keys, &n);
		CHECK_EQ(n, 0);
		CHECK(seal.right > 2 && seal.has_range);
	}
	CHECK(n_failed > 5);
	reel_keys_free(keys);
}
