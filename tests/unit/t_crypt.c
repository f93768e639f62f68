/* SPDX-License-Identifier: BSD-2-Clause */
/* trust-checks: Who has no key reads nothing of an encrypted capture, and who has reads all of it |
 * blocks changed, moved, cut, opened with other keys */
/*
 * Encrypted captures: who has the key reads what a plain one would have held, without touching more
 * of it; who has none reads nothing; and what somebody changed is told, not given out.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "format/crypt.h"
#include "format/cut.h"
#include "tests/unit/capture.h"

enum { ALICE, BOB, EVE, PEOPLE };

static const char *const names[PEOPLE] = { "alice", "bob", "eve" };

/* A pair of each, made once; the files lie in the directory of the test. */
static struct reel_public_key *public_keys(void)
{
	static struct reel_public_key keys[PEOPLE];
	static bool are_made;
	struct reel_err err = { 0 };

	for (unsigned i = 0; i < PEOPLE && !are_made; i++) {
		char secret[64], public[64];

		snprintf(secret, sizeof(secret), "t_crypt_%s.key", names[i]);
		snprintf(public, sizeof(public), "t_crypt_%s.pub", names[i]);
		unlink(secret);
		unlink(public);
		if (reel_keys_make_pair(secret, public, &keys[i], &err) < 0)
			T_FAIL("%s", err.msg);
	}
	are_made = true;
	return keys;
}

static struct reel_keys *keys_of(unsigned who)
{
	struct reel_keys *keys = NULL;
	struct reel_err err = { 0 };
	char secret[64];

	(void)public_keys();
	snprintf(secret, sizeof(secret), "t_crypt_%s.key", names[who]);
	if (reel_keys_new(&keys, &err) < 0 || reel_keys_add(keys, secret, &err) < 0)
		T_FAIL("%s", err.msg);
	return keys;
}

/* A file in memory, by a name that a reader can open. */
struct made {
	int fd;
	char path[64];
	uint8_t *bytes;
	size_t size;
};

static void make(struct made *m, unsigned n_recipients, unsigned seconds)
{
	struct reel_writer_options o = options(NULL);
	struct tape t = { 0 };
	struct stat st;

	m->fd = memfd_create("capture", MFD_CLOEXEC);
	snprintf(m->path, sizeof(m->path), "/proc/self/fd/%d", m->fd);
	o.fd = dup(m->fd);
	o.block_bytes = 16 << 10;
	o.recipients = public_keys();
	o.n_recipients = n_recipients;
	snprintf(o.meta.host, sizeof(o.meta.host), "the-host-of-the-test");
	snprintf(o.meta.note, sizeof(o.meta.note), "what-nobody-shall-see");
	begin(&t, &o);
	put_clock(&t, EPOCH);
	put_keyframe(&t, 0);
	put_event(&t, EV_process, 0, 100);
	put_keyframe(&t, 1);
	put_event(&t, EV_lost, 0, 0);
	fill(&t, seconds);
	end(&t);
	CHECK_EQ(fstat(m->fd, &st), 0);
	m->size = (size_t)st.st_size;
	m->bytes = mmap(NULL, m->size, PROT_READ | PROT_WRITE, MAP_SHARED, m->fd, 0);
	CHECK(m->bytes != MAP_FAILED);
}

static void forget(struct made *m)
{
	munmap(m->bytes, m->size);
	close(m->fd);
}

/* All that there is to know of what a walk gives, in order; and how much it had to read. */
struct account {
	uint64_t sum, events, unpacked;
	struct reel_health health;
};

static void take(struct account *a, const struct reel_event *ev)
{
	uint64_t own[] = { ev->ts, ev->seq, ev->pid, ev->tid, (uint64_t)ev->ret, ev->type->id };

	/* Numbers of strings, which the fixed part has, may differ; the strings must not. */
	a->sum = XXH3_64bits_withSeed(own, sizeof(own), a->sum);
	for (unsigned i = 0; i < ev->type->n_strings; i++) {
		struct reel_string s = reel_event_string_at(ev, ev->type->string_offsets[i]);

		a->sum = XXH3_64bits_withSeed(s.bytes, s.length, a->sum);
	}
	a->events++;
}

static int account_of(const char *path, const struct reel_keys *keys, const struct reel_filter *f,
		      struct account *ret)
{
	char *paths[] = { (char *)(uintptr_t)path };
	struct reel_walk_stats stats;
	struct reel_reader *r = NULL;
	struct reel_walk *w = NULL;
	struct reel_err err = { 0 };
	struct reel_event ev;
	int result = reel_reader_open_all(paths, 1, keys, &r, &err);

	memset(ret, 0, sizeof(*ret));
	if (result == 0)
		result = reel_walk_open(r, f, &w, &err);
	while (result == 0 && (result = reel_walk_next(w, &ev, &err)) > 0) {
		take(ret, &ev);
		result = 0;
	}
	if (w) {
		reel_walk_stats(w, &stats);
		ret->unpacked = stats.unpacked;
		ret->health = *reel_walk_health(w);
	}
	reel_walk_close(w);
	reel_reader_close(r);
	return result;
}

static int stream_account(const struct made *m, const struct reel_keys *keys, struct account *ret)
{
	struct reel_walk *w = NULL;
	struct reel_err err = { 0 };
	struct reel_event ev;
	int fd = open(m->path, O_RDONLY | O_CLOEXEC);
	int result = reel_walk_stream(fd, NULL, keys, &w, &err);

	memset(ret, 0, sizeof(*ret));
	while (result == 0 && (result = reel_walk_next(w, &ev, &err)) > 0) {
		take(ret, &ev);
		result = 0;
	}
	ret->health = *reel_walk_health(w);
	reel_walk_close(w);
	close(fd);
	return result;
}

TEST(with_the_key_it_is_as_if_it_had_been_plain)
{
	static struct account plain, secret;
	struct reel_keys *keys = keys_of(ALICE);
	struct reel_filter filters[4] = { 0 };
	struct made a, b;

	filters[1].some_types = true;
	filters[1].types[EV_process] = true;
	filters[2].n_pids = 1;
	filters[2].pids[0] = 103;
	filters[3].n_pids = 1;
	filters[3].pids[0] = 4194000;
	make(&a, 0, 20);
	make(&b, 1, 20);
	for (unsigned i = 0; i < 4; i++) {
		CHECK_EQ(account_of(a.path, NULL, &filters[i], &plain), 0);
		CHECK_EQ(account_of(b.path, keys, &filters[i], &secret), 0);
		CHECK_EQ(secret.sum, plain.sum);
		CHECK_EQ(secret.events, plain.events);
		CHECK_EQ(secret.health.ending, REEL_COMPLETE);
		CHECK_EQ(secret.health.lost, plain.health.lost);
		/* Blocks lie elsewhere in the order of things, but what is skipped is skipped. */
		CHECK_EQ(secret.unpacked, plain.unpacked);
		CHECK(i != 0 || secret.events > 9000);
		CHECK(i != 1 || (secret.events == 1 && secret.unpacked < 5));
		CHECK(i != 3 || (secret.events == 0 && secret.unpacked < 3));
	}
	CHECK_EQ(account_of(a.path, NULL, NULL, &plain), 0);
	CHECK_EQ(stream_account(&b, keys, &secret), 0);
	CHECK_EQ(secret.sum, plain.sum);
	CHECK_EQ(secret.events, plain.events);
	reel_keys_free(keys);
	forget(&a);
	forget(&b);
}

TEST(each_of_several_keys_opens_it_and_no_other)
{
	static struct account by[PEOPLE], none;
	struct reel_keys *all = keys_of(EVE);
	struct reel_err err = { 0 };
	struct made m;

	make(&m, 2, 2);
	for (unsigned i = 0; i < PEOPLE; i++) {
		struct reel_keys *keys = keys_of(i);

		CHECK_EQ(account_of(m.path, keys, NULL, &by[i]), i == EVE ? -ENOKEY : 0);
		CHECK_EQ(stream_account(&m, keys, &none), i == EVE ? -ENOKEY : 0);
		CHECK_EQ(none.events, by[i].events);
		reel_keys_free(keys);
	}
	CHECK_EQ(by[ALICE].sum, by[BOB].sum);
	CHECK_EQ(by[EVE].events, 0);
	CHECK_EQ(account_of(m.path, NULL, NULL, &none), -ENOKEY);
	CHECK_EQ(stream_account(&m, NULL, &none), -ENOKEY);
	/* One that does not fit does no harm beside one that does. */
	CHECK_EQ(reel_keys_add(all, "t_crypt_bob.key", &err), 0);
	CHECK_EQ(account_of(m.path, all, NULL, &none), 0);
	CHECK_EQ(none.sum, by[ALICE].sum);
	reel_keys_free(all);
	forget(&m);
}

TEST(without_a_key_the_headers_say_what_they_say)
{
	struct reel_reader *closed = NULL, *open = NULL;
	struct reel_keys *keys = keys_of(ALICE);
	struct reel_err err = { 0 };
	struct made m;
	char *paths[1];

	make(&m, 1, 4);
	paths[0] = m.path;
	REQUIRE(reel_reader_open_closed(paths, 1, NULL, &closed, &err) == 0);
	REQUIRE(reel_reader_open_all(paths, 1, keys, &open, &err) == 0);
	CHECK_EQ(closed->health.closed_segments, 1);
	CHECK(closed->segments[0].is_closed && !closed->segments[0].schema);
	CHECK_EQ(closed->health.n_damages, 0);
	CHECK_EQ(closed->health.ending, REEL_COMPLETE);
	CHECK_EQ(closed->n_blocks, open->n_blocks);
	for (uint32_t i = 0; i < closed->n_blocks; i++) {
		CHECK_EQ(closed->blocks[i].kind, REEL_CLOSED);
		CHECK_EQ(closed->blocks[i].n_events, open->blocks[i].n_events);
		CHECK_EQ(closed->blocks[i].ts_min, open->blocks[i].ts_min);
		CHECK_EQ(closed->blocks[i].types[EV_open / 8], 0);
	}
	CHECK_STR(closed->segments[0].meta.host, "");
	CHECK_STR(closed->segments[0].meta.note, "");
	CHECK_STR(open->segments[0].meta.host, "the-host-of-the-test");
	CHECK_STR(open->segments[0].meta.note, "what-nobody-shall-see");
	CHECK_EQ(memcmp(closed->segments[0].meta.capture, open->segments[0].meta.capture, 16), 0);
	reel_reader_close(closed);
	reel_reader_close(open);
	reel_keys_free(keys);
	forget(&m);
}

static bool holds(const struct made *m, const char *text)
{
	return memmem(m->bytes, m->size, text, strlen(text)) != NULL;
}

TEST(no_word_of_it_is_in_the_file)
{
	struct made a, b;

	make(&a, 0, 1);
	make(&b, 1, 1);
	CHECK(holds(&a, "the-host-of-the-test") && holds(&a, "what-nobody-shall-see"));
	CHECK(!holds(&b, "the-host-of-the-test") && !holds(&b, "what-nobody-shall-see"));
	forget(&a);
	forget(&b);
}

/* The n-th block of a kind, counted from 0. */
static uint8_t *block_of(const struct made *m, unsigned kind, unsigned n, struct reel_block *ret)
{
	struct reel_scan scan = { .base = m->bytes, .size = m->size };

	while (reel_scan_next(&scan, ret) > 0)
		if (ret->h.kind == kind && n-- == 0)
			return m->bytes + (ret->at - m->bytes);
	T_FAIL("no such block");
	return NULL;
}

static struct reel_reader *opened_with(const struct made *m, const struct reel_keys *keys)
{
	char *paths[] = { (char *)(uintptr_t)m->path };
	struct reel_reader *r = NULL;
	struct reel_err err = { 0 };

	if (reel_reader_open_all(paths, 1, keys, &r, &err) < 0)
		T_FAIL("%s", err.msg);
	return r;
}

/* Sums and tag are made right again, as somebody would who changes it on purpose. */
static int open_changed(const struct reel_crypt *c, uint8_t *copy, size_t n)
{
	struct reel_plain plain = { 0 };
	struct reel_err err = { 0 };
	struct reel_block b;
	int r;

	(void)reel_block_finish(copy, NULL);
	r = reel_block_parse(copy, n, &b, &err);
	if (r == 0)
		r = reel_crypt_open(c, &b, &plain, &err);
	if (r == 0 && b.is_opened)
		r = 1;
	reel_plain_done(&plain);
	return r;
}

TEST(a_byte_that_is_changed_is_seen_even_if_all_sums_are_right)
{
	struct reel_keys *keys = keys_of(ALICE);
	struct reel_reader *r;
	struct reel_block b;
	uint8_t *copy;
	struct made m;
	size_t end;

	make(&m, 1, 2);
	r = opened_with(&m, keys);
	(void)block_of(&m, TAPE_EVENTS, 1, &b);
	copy = malloc(b.total_bytes);
	end = b.h.header_bytes + (size_t)b.h.stored_bytes;
	memcpy(copy, b.at, b.total_bytes);
	CHECK_EQ(open_changed(r->segments[0].crypt, copy, b.total_bytes), 1);
	for (size_t i = 0; i < end; i++) {
		/* Both sums are made anew, lengths are others' to check, and without its flag it
		 * is another kind of thing. */
		bool is_free =
			(i >= offsetof(struct tape_header, body_sum) &&
			 i < sizeof(struct tape_header)) ||
			(i >= b.h.header_bytes - (size_t)TAPE_SUM_BYTES && i < b.h.header_bytes);
		bool is_length = (i >= offsetof(struct tape_header, header_bytes) &&
				  i < offsetof(struct tape_header, raw_bytes)) ||
				 (i >= offsetof(struct tape_header, bloom_bytes) &&
				  i < offsetof(struct tape_header, reserved));

		if (is_free || is_length || (i > 400 && i % 37))
			continue;
		memcpy(copy, b.at, b.total_bytes);
		copy[i] ^= i == offsetof(struct tape_header, flags) ? TAPE_KEYFRAME : 1;
		if (open_changed(r->segments[0].crypt, copy, b.total_bytes) >= 0)
			T_FAIL("byte %zu can be changed", i);
	}
	free(copy);
	reel_reader_close(r);
	reel_keys_free(keys);
	forget(&m);
}

TEST(lengths_that_are_changed_are_seen)
{
	struct reel_keys *keys = keys_of(ALICE);
	struct reel_block b;
	struct reel_reader *r;
	struct tape_header h;
	uint8_t *copy;
	struct made m;

	make(&m, 1, 2);
	r = opened_with(&m, keys);
	(void)block_of(&m, TAPE_EVENTS, 1, &b);
	copy = calloc(1, b.total_bytes + 64);
	for (unsigned i = 0; i < 7; i++) {
		memcpy(copy, b.at, b.total_bytes);
		h = b.h;
		h.stored_bytes -= i == 0 ? 1 : i == 1 ? h.stored_bytes : 0;
		h.stored_bytes += i == 2 ? 8 : 0;
		h.stored_bytes = i == 3 ? TAPE_MAC_BYTES - 1 : h.stored_bytes;
		h.bloom_bytes = i == 4 ? h.bloom_bytes / 2 : h.bloom_bytes;
		/* It says that it is plain. */
		h.flags &= i == 6 ? (uint8_t)~TAPE_ENCRYPTED : 0xff;
		/* A filter where the nonce is. */
		h.header_bytes -= i == 5 ? sizeof(struct tape_secret) : 0;
		memcpy(copy, &h, sizeof(h));
		CHECK(open_changed(r->segments[0].crypt, copy, b.total_bytes + 64) < 0);
	}
	free(copy);
	reel_reader_close(r);
	reel_keys_free(keys);
	forget(&m);
}

/* Who has no key can make a plain block with all sums right: it is taken for none of the others. */
TEST(a_plain_block_in_an_encrypted_segment_is_told)
{
	static struct account whole, now;
	struct reel_keys *keys = keys_of(ALICE);
	char *paths[1];
	struct reel_verification *v = NULL;
	struct reel_filter nothing = { .n_pids = 1, .pids = { 4194000 } };
	struct tape_header h;
	struct reel_block b;
	uint8_t *at;
	struct made m;

	make(&m, 1, 2);
	paths[0] = m.path;
	CHECK_EQ(account_of(m.path, keys, NULL, &whole), 0);
	for (unsigned kind = TAPE_SCHEMA; kind <= TAPE_END; kind++) {
		uint8_t *copy;

		at = block_of(&m, kind, 0, &b);
		copy = malloc(b.total_bytes);
		memcpy(copy, at, b.total_bytes);
		h = b.h;
		h.flags &= (uint8_t)~TAPE_ENCRYPTED;
		memset(h.types, 0, sizeof(h.types));
		memcpy(at, &h, sizeof(h));
		(void)reel_block_finish(at, NULL);
		CHECK_EQ(account_of(m.path, keys, NULL, &now), 0);
		CHECK_EQ(now.health.ending, REEL_DAMAGED);
		CHECK(kind == TAPE_END || kind == TAPE_CLOCK || now.events < whole.events ||
		      now.health.lost < whole.health.lost);
		CHECK_EQ(account_of(m.path, keys, &nothing, &now), 0);
		CHECK_EQ(now.health.ending == REEL_DAMAGED || kind == TAPE_EVENTS ||
				 kind == TAPE_STATE,
			 1);
		REQUIRE(reel_verify(paths, 1, NULL, &v, NULL) == 0);
		CHECK(v->captures[0].n_damages > 0);
		reel_verification_free(v);
		memcpy(at, copy, b.total_bytes);
		free(copy);
	}
	CHECK_EQ(account_of(m.path, keys, NULL, &now), 0);
	CHECK_EQ(now.sum, whole.sum);
	reel_keys_free(keys);
	forget(&m);
}

/* A block in the place of another, numbers and sums made to fit: its key is not that place's. */
TEST(a_block_goes_in_no_other_place)
{
	struct reel_keys *keys = keys_of(ALICE);
	struct reel_block a, b;
	struct tape_header h;
	struct reel_reader *r;
	uint8_t *copy;
	struct made m;

	make(&m, 1, 2);
	r = opened_with(&m, keys);
	(void)block_of(&m, TAPE_EVENTS, 0, &a);
	(void)block_of(&m, TAPE_EVENTS, 1, &b);
	copy = malloc(a.total_bytes);
	memcpy(copy, a.at, a.total_bytes);
	h = a.h;
	h.sequence = b.h.sequence;
	memcpy(copy, &h, sizeof(h));
	CHECK_EQ(open_changed(r->segments[0].crypt, copy, a.total_bytes), -EBADMSG);
	h = a.h;
	h.segment++;
	memcpy(copy, &h, sizeof(h));
	CHECK_EQ(open_changed(r->segments[0].crypt, copy, a.total_bytes), -EBADMSG);
	h = a.h;
	h.sequence = UINT64_MAX;
	memcpy(copy, &h, sizeof(h));
	CHECK_EQ(open_changed(r->segments[0].crypt, copy, a.total_bytes), -EBADMSG);
	memcpy(copy, a.at, a.total_bytes);
	CHECK_EQ(open_changed(r->segments[0].crypt, copy, a.total_bytes), 1);
	CHECK_EQ(reel_crypt_reach(r->segments[0].crypt, TAPE_ROWS_MAX + 1, NULL), -EBADMSG);
	CHECK_EQ(reel_crypt_reach(r->segments[0].crypt, TAPE_ROWS_MAX, NULL), 0);
	free(copy);
	reel_reader_close(r);
	reel_keys_free(keys);
	forget(&m);
}

/* META is public in part: what is changed in it is told, and costs no event unless it is the box
 * itself. */
TEST(what_is_changed_in_meta_is_told)
{
	static struct account whole, now;
	struct reel_keys *keys = keys_of(ALICE);
	struct reel_block b;
	unsigned n_closed = 0, n_read = 0;
	uint8_t *at, *copy;
	struct made m;

	make(&m, 1, 1);
	CHECK_EQ(account_of(m.path, keys, NULL, &whole), 0);
	at = block_of(&m, TAPE_META, 0, &b);
	copy = malloc(b.total_bytes);
	memcpy(copy, at, b.total_bytes);
	for (size_t i = b.h.header_bytes; i < b.h.header_bytes + b.h.stored_bytes; i++) {
		int r;

		at[i] ^= 0x10;
		(void)reel_block_finish(at, NULL);
		r = account_of(m.path, keys, NULL, &now);
		if (r == 0 && now.health.ending == REEL_COMPLETE)
			T_FAIL("byte %zu of META can be changed", i);
		n_closed += r < 0 || now.events == 0;
		n_read += r == 0 && now.events == whole.events;
		memcpy(at, copy, b.total_bytes);
	}
	CHECK(n_closed >= TAPE_BOX_BYTES && n_closed < TAPE_BOX_BYTES + 100);
	CHECK(n_read > 200);
	/* Its sum alone: the key is found all the same. */
	at[b.h.header_bytes + b.h.stored_bytes - 1] ^= 1;
	CHECK_EQ(account_of(m.path, keys, NULL, &now), 0);
	CHECK_EQ(now.events, whole.events);
	CHECK_EQ(now.health.ending, REEL_DAMAGED);
	free(copy);
	reel_keys_free(keys);
	forget(&m);
}

TEST(cut_anywhere_what_is_there_can_be_read)
{
	static struct account whole, now;
	struct reel_keys *keys = keys_of(BOB);
	struct made m;

	make(&m, 2, 2);
	CHECK_EQ(account_of(m.path, keys, NULL, &whole), 0);
	for (size_t size = m.size; size > 1500; size -= size / 23) {
		uint64_t before = now.events;

		CHECK_EQ(ftruncate(m.fd, (off_t)size), 0);
		CHECK_EQ(account_of(m.path, keys, NULL, &now), 0);
		CHECK(now.events <= whole.events && (size == m.size || now.events <= before));
		CHECK_EQ(now.health.ending == REEL_COMPLETE, size == m.size);
	}
	reel_keys_free(keys);
	forget(&m);
}

TEST(what_is_encrypted_is_so_to_somebody)
{
	struct reel_meta *m = calloc(1, sizeof(*m));
	uint8_t buffer[REEL_META_MAX];
	struct reel_err err;

	m->is_encrypted = true;
	REQUIRE(reel_meta_decode(buffer, reel_meta_encode(m, buffer), m, &err) == -EBADMSG);
	CHECK_STR(err.msg, "META is malformed: encrypted, but to nobody");
	m->n_recipients = 1;
	CHECK_EQ(reel_meta_decode(buffer, reel_meta_encode(m, buffer), m, NULL), 0);
	CHECK_EQ(m->n_recipients, 1);
	free(m);
}

/* What FORMAT.md says of the keys, worked out anew. */
TEST(the_key_of_a_block_follows_from_that_of_the_one_before)
{
	struct reel_keys *keys = keys_of(ALICE);
	uint8_t key[32], next[32], nonce[24], *box, *secret, *raw;
	unsigned long long got;
	struct reel_block meta, b;
	struct reel_meta *m = malloc(sizeof(*m));
	struct made made;

	make(&made, 2, 1);
	(void)block_of(&made, TAPE_META, 0, &meta);
	REQUIRE(reel_meta_decode(meta.body, meta.h.stored_bytes, m, NULL) == 0);
	CHECK_EQ(m->n_recipients, 2);
	CHECK(m->is_encrypted);
	CHECK_EQ(memcmp(m->recipients[ALICE].id, public_keys()[ALICE].id, 16), 0);
	box = m->recipients[ALICE].box;
	CHECK_EQ(reel_keys_open_box(keys, m->recipients[ALICE].id, box, 80, key), 0);
	(void)block_of(&made, TAPE_CLOCK, 0, &b);
	for (uint64_t i = 0; i < b.h.sequence; i++) {
		crypto_generichash_blake2b(next, 32, (const uint8_t *)"reel block", 10, key, 32);
		memcpy(key, next, 32);
	}
	secret = (uint8_t *)(uintptr_t)b.at + 136;
	memcpy(nonce, secret, 24);
	nonce[0] ^= 1;
	raw = malloc(b.h.stored_bytes);
	CHECK_EQ(crypto_aead_xchacha20poly1305_ietf_decrypt(raw, &got, NULL, b.body,
							    b.h.stored_bytes, b.at, 128, nonce,
							    key),
		 0);
	CHECK_EQ(got + 16, b.h.stored_bytes);
	free(raw);
	free(m);
	reel_keys_free(keys);
	forget(&made);
}

static unsigned n_named(const char *path, const char *prefix)
{
	DIR *dir = opendir(path);
	struct dirent *e;
	unsigned n = 0;

	while (dir && (e = readdir(dir)))
		n += strncmp(e->d_name, prefix, strlen(prefix)) == 0;
	if (dir)
		closedir(dir);
	return n;
}

/* No secret is needed to go on, and each run decides anew who may read it. */
TEST(a_capture_is_continued_and_its_oldest_segments_go)
{
	static struct account alice, bob, nobody;
	struct reel_writer_options o = options("t_crypt.reel");
	struct reel_keys *a = keys_of(ALICE), *b = keys_of(BOB);
	struct tape t = { 0 };

	o.segment_bytes = 64 << 10;
	o.block_bytes = 8 << 10;
	o.keep_bytes = 360 << 10;
	snprintf(o.meta.host, sizeof(o.meta.host), "somebodys-host");
	for (unsigned run = 0; run < 3; run++) {
		/* To Alice, to Alice and Bob, to everybody. */
		o.recipients = public_keys();
		o.n_recipients = run == 2 ? 0 : run + 1;
		begin(&t, &o);
		fill(&t, run == 1 ? 12 : 4);
		end(&t);
		t.ts += SECOND;
		o.meta.start.boottime_ns = t.ts;
	}
	CHECK_EQ(account_of(o.directory, a, NULL, &alice), 0);
	CHECK_EQ(account_of(o.directory, b, NULL, &bob), 0);
	CHECK_EQ(account_of(o.directory, NULL, NULL, &nobody), 0);
	CHECK(alice.events >= bob.events && bob.events > nobody.events && nobody.events > 1500);
	CHECK_EQ(alice.health.closed_segments, 0);
	CHECK(nobody.health.closed_segments > 1);
	CHECK_EQ(alice.health.n_damages, 0);
	CHECK_EQ(nobody.health.n_damages, 0);
	CHECK(n_named(o.directory, "reel-0") > 1);
	CHECK(n_named(o.directory, "somebodys-host-0") > 0);
	CHECK(n_named(o.directory, "reel-000001-") == 0);
	reel_keys_free(a);
	reel_keys_free(b);
}

/* Blocks go over as they are, and what announces them tells no more than they do. */
TEST(a_cut_by_time_stays_encrypted)
{
	static struct account whole, part;
	struct reel_filter f = { .from = { REEL_REALTIME, EPOCH + 3 * (int64_t)SECOND },
				 .to = { REEL_REALTIME, EPOCH + 5 * (int64_t)SECOND } };
	struct reel_keys *keys = keys_of(ALICE);
	struct made m, cut = { .fd = memfd_create("cut", MFD_CLOEXEC) };
	struct reel_reader *r;
	struct reel_err err = { 0 };
	struct reel_cut done;
	struct stat st;

	make(&m, 1, 8);
	r = opened_with(&m, keys);
	REQUIRE(reel_cut_by_time(r, &f, cut.fd, &done, &err) == 0);
	snprintf(cut.path, sizeof(cut.path), "/proc/self/fd/%d", cut.fd);
	CHECK_EQ(fstat(cut.fd, &st), 0);
	cut.size = (size_t)st.st_size;
	cut.bytes = mmap(NULL, cut.size, PROT_READ | PROT_WRITE, MAP_SHARED, cut.fd, 0);
	CHECK(!holds(&cut, "the-host-of-the-test") && !holds(&cut, "what-nobody-shall-see"));
	CHECK_EQ(account_of(m.path, keys, &f, &whole), 0);
	CHECK_EQ(account_of(cut.path, keys, NULL, &part), 0);
	CHECK_EQ(part.sum, whole.sum);
	CHECK(part.events > 500 && part.health.ending == REEL_COMPLETE);
	CHECK_EQ(account_of(cut.path, NULL, NULL, &part), -ENOKEY);
	CHECK_EQ(stream_account(&cut, keys, &part), 0);
	CHECK_EQ(part.sum, whole.sum);
	reel_reader_close(r);
	reel_keys_free(keys);
	forget(&m);
	forget(&cut);
}
