/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"

static const uint8_t host[REEL_KEY_ID_BYTES] = { 1, 2, 3 };
static const uint8_t root[REEL_KEY_BYTES] = { 9, 8, 7 };

static struct reel_keys *none(void)
{
	struct reel_keys *k = NULL;

	CHECK_EQ(reel_keys_new(&k, NULL), 0);
	return k;
}

static char *slurp(const char *path)
{
	static char text[8192];
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	text[n < 0 ? 0 : n] = '\0';
	if (fd >= 0)
		close(fd);
	return text;
}

static void spill(const char *path, const char *text, size_t n, mode_t mode)
{
	int fd;

	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	CHECK(write(fd, text, n) == (ssize_t)n);
	fchmod(fd, mode);
	close(fd);
}

/* What adding a file with this text says. */
static int add_text(const char *text, size_t n, mode_t mode, struct reel_err *err)
{
	struct reel_keys *k = none();
	int r;

	spill("tried", text, n, mode);
	r = reel_keys_add(k, "tried", err);
	reel_keys_free(k);
	return r;
}

TEST(what_is_boxed_is_opened_by_the_secret_key_only)
{
	struct reel_public_key made, ann, bob;
	uint8_t box[5 + REEL_BOX_EXTRA], got[5];
	struct reel_keys *k = none();
	struct reel_err err = { 0 };

	REQUIRE(reel_keys_make_pair("ann.key", "ann.pub", &made, &err) == 0);
	REQUIRE(reel_keys_make_pair("bob.key", "bob.pub", &bob, &err) == 0);
	REQUIRE(reel_public_key_read("ann.pub", &ann, &err) == 0);
	CHECK_MEM(&made, &ann, sizeof(ann));
	CHECK(memcmp(ann.id, bob.id, sizeof(ann.id)) != 0);
	REQUIRE(reel_public_key_box(&ann, "hello", 5, box) == 0);

	CHECK_EQ(reel_keys_open_box(NULL, ann.id, box, sizeof(box), got), -ENOKEY);
	CHECK_EQ(reel_keys_add(k, "bob.key", &err), 0);
	CHECK_EQ(reel_keys_open_box(k, ann.id, box, sizeof(box), got), -ENOKEY);
	CHECK_EQ(reel_keys_open_box(k, bob.id, box, sizeof(box), got), -EBADMSG);
	CHECK_EQ(reel_keys_add(k, "ann.key", &err), 0);
	CHECK_EQ(reel_keys_add(k, "ann.key", &err), 0); /* twice is once */
	CHECK_EQ(reel_keys_n_secrets(k), 2);
	CHECK(reel_keys_has_secret(k, ann.id));
	CHECK_EQ(reel_keys_open_box(k, ann.id, box, sizeof(box), got), 0);
	CHECK_MEM(got, "hello", 5);
	for (unsigned i = 0; i < sizeof(box); i++) {
		box[i] ^= 1;
		CHECK_EQ(reel_keys_open_box(k, ann.id, box, sizeof(box), got), -EBADMSG);
		box[i] ^= 1;
	}
	CHECK_EQ(reel_keys_open_box(k, ann.id, box, REEL_BOX_EXTRA - 1, got), -EBADMSG);
	reel_keys_free(k);
}

TEST(files_of_keys_are_never_overwritten)
{
	struct reel_public_key key, first;
	struct reel_err err = { 0 };
	char before[8192];

	REQUIRE(reel_keys_make_pair("once.key", "once.pub", &first, &err) == 0);
	snprintf(before, sizeof(before), "%s", slurp("once.key"));
	CHECK_EQ(reel_keys_make_pair("once.key", "other.pub", &key, &err), -EEXIST);
	CHECK_STR(err.msg, "once.key: it exists, and is not overwritten");
	CHECK(access("other.pub", F_OK) < 0);
	CHECK_EQ(reel_keys_make_pair("other.key", "once.pub", &key, &err), -EEXIST);
	CHECK(access("other.key", F_OK) < 0);
	CHECK_STR(slurp("once.key"), before);
	CHECK_EQ(symlink("nowhere", "link.key"), 0);
	CHECK_EQ(reel_keys_make_pair("link.key", "link.pub", &key, &err), -EEXIST);
	CHECK(access("nowhere", F_OK) < 0);
}

TEST(roots_are_opened_by_those_they_are_boxed_to)
{
	uint8_t got[REEL_KEY_BYTES], got_host[REEL_KEY_ID_BYTES], other[REEL_KEY_ID_BYTES] = { 5 };
	struct reel_public_key to[3];
	struct reel_keys *k = none();
	const char *name, *path;
	struct reel_err err = { 0 };

	REQUIRE(reel_keys_make_pair("r1.key", "r1.pub", &to[0], &err) == 0);
	REQUIRE(reel_keys_make_pair("r2.key", "r2.pub", &to[1], &err) == 0);
	REQUIRE(reel_keys_make_pair("r3.key", "r3.pub", &to[2], &err) == 0);
	REQUIRE(reel_keys_write_root("h.root", host, "a\nb\x7f", "now", root, to, 2, &err) == 0);

	CHECK_EQ(reel_keys_host(k, host, got), -ENOENT);
	CHECK_EQ(reel_keys_host(NULL, host, got), -ENOENT);
	CHECK_EQ(reel_keys_add(k, "h.root", &err), 0);
	CHECK_EQ(reel_keys_host(k, host, got), -ENOKEY);
	CHECK_EQ(reel_keys_add(k, "r3.key", &err), 0);
	CHECK_EQ(reel_keys_host(k, host, got), -ENOKEY);
	CHECK_EQ(reel_keys_add(k, "r2.key", &err), 0);
	CHECK_EQ(reel_keys_host(k, host, got), 0);
	CHECK_MEM(got, root, sizeof(root));
	CHECK_EQ(reel_keys_host(k, other, got), -ENOENT);
	REQUIRE(reel_keys_root(k, 0, got_host, &name, &path));
	CHECK_MEM(got_host, host, sizeof(host));
	CHECK_STR(name, "a_b_");
	CHECK_STR(path, "h.root");
	CHECK(!reel_keys_root(k, 1, got_host, &name, &path));
	reel_keys_free(k);
}

TEST(a_root_given_for_another_host_does_not_open)
{
	struct reel_public_key to;
	struct reel_keys *k = none();
	uint8_t got[REEL_KEY_BYTES], other[REEL_KEY_ID_BYTES] = { 0x81, 2, 3 };
	struct reel_err err = { 0 };
	char *text, *id;

	REQUIRE(reel_keys_make_pair("m.key", "m.pub", &to, &err) == 0);
	REQUIRE(reel_keys_write_root("m.root", host, "h", "now", root, &to, 1, &err) == 0);
	text = slurp("m.root");
	id = strstr(text, "host-key ");
	REQUIRE(id != NULL);
	id[strlen("host-key ")] = '8';
	spill("m2.root", text, strlen(text), 0644);
	CHECK_EQ(reel_keys_add(k, "m.key", &err), 0);
	CHECK_EQ(reel_keys_add(k, "m2.root", &err), 0);
	CHECK_EQ(reel_keys_host(k, other, got), -EBADMSG);
	reel_keys_free(k);
}

TEST(secrets_that_others_may_read_are_refused)
{
	static const mode_t modes[] = { 0640, 0604, 0620, 0602, 0610, 0601, 0644, 0777 };
	struct reel_public_key key;
	struct reel_err err = { 0 };
	char text[8192];
	struct stat st;

	REQUIRE(reel_keys_make_pair("p.key", "p.pub", &key, &err) == 0);
	REQUIRE(stat("p.key", &st) == 0);
	CHECK_EQ(st.st_mode & 07777, 0600);
	snprintf(text, sizeof(text), "%s", slurp("p.key"));
	for (unsigned i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		CHECK_EQ(add_text(text, strlen(text), modes[i], &err), -EPERM);
		CHECK(strstr(err.msg, "others may read or write it") != NULL);
	}
	CHECK_EQ(add_text(text, strlen(text), 0400, &err), 0);
}

TEST(a_broken_key_is_refused_wherever_it_is_broken)
{
	struct reel_public_key key;
	struct reel_err err = { 0 };
	char text[8192], broken[8192];
	unsigned unseen = 0;
	size_t n;

	REQUIRE(reel_keys_make_pair("b.key", "b.pub", &key, &err) == 0);
	snprintf(text, sizeof(text), "%s", slurp("b.key"));
	n = strlen(text);
	for (size_t i = 0; i < n; i++) {
		CHECK(add_text(text, i, 0600, &err) < 0);	/* cut */
		for (unsigned bit = 0; bit < 8; bit++) {
			memcpy(broken, text, n);
			broken[i] ^= (char)(1u << bit);
			if (add_text(broken, n, 0600, &err) < 0 ||
			    (bit == 5 && text[i] >= 'a' && text[i] <= 'f'))
				continue; /* a digit of the other case is the same digit */
			CHECK(strstr(text, "secret ") < text + i);
			unseen++;
		}
	}
	CHECK(unseen <= 5); /* that X25519 itself ignores in a secret */
	CHECK_EQ(add_text("", 0, 0600, &err), -EBADMSG);
	CHECK_EQ(add_text("reel-secret-key 2\n", 18, 0600, &err), -EBADMSG);
	CHECK_STR(err.msg, "tried: line 1: it needs another version of reel");
	CHECK_EQ(add_text("reel-public-key 1\n", 18, 0600, &err), -EBADMSG);
	CHECK_STR(err.msg, "tried: this is no secret key and no root of a host");
	CHECK_EQ(add_text("reel-secret-key 1\nid x\n", 23, 0600, &err), -EBADMSG);
	CHECK_STR(err.msg, "tried: line 2: the value is not as it must be");
	CHECK_EQ(add_text("reel-secret-key 1\nsize 5\n", 25, 0600, &err), -EBADMSG);
	CHECK_STR(err.msg, "tried: line 2: what it names does not belong here");
	CHECK_EQ(add_text("reel-secret-key 1\n", 18, 0600, &err), -EBADMSG);
	CHECK_STR(err.msg, "tried: it has no line 'id'");
}

TEST(what_is_no_file_is_refused)
{
	struct reel_keys *k = none();
	struct reel_err err = { 0 };

	CHECK_EQ(mkdir("dir", 0700), 0);
	CHECK_EQ(mkfifo("fifo", 0600), 0);
	CHECK_EQ(reel_keys_add(k, "dir", &err), -EINVAL);
	CHECK_EQ(reel_keys_add(k, "fifo", &err), -EINVAL);
	CHECK_EQ(reel_keys_add(k, "/dev/zero", &err), -EINVAL);
	CHECK_EQ(reel_keys_add(k, "not-there", &err), -ENOENT);
	CHECK_STR(err.msg, "not-there: No such file or directory");
	reel_keys_free(k);
}
