/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files that come with a capture or lie on the host that made it: keys, roots, anchors, the state
 * of a seal. Byte 0 chooses which; the rest is the file.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format/anchor.h"
#include "format/keys.h"
#include "format/seal_state.h"

#define MUST(cond)               \
	do {                     \
		if (!(cond))     \
			abort(); \
	} while (0)

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
	int fd;
	char path[40], state[48];
} all;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	all.fd = memfd_create("keys", MFD_CLOEXEC);
	MUST(all.fd >= 0 && fchmod(all.fd, 0600) == 0);
	snprintf(all.path, sizeof(all.path), "/proc/self/fd/%d", all.fd);
	snprintf(all.state, sizeof(all.state), "/dev/shm/fuzz-keys-%d", getpid());
	return 0;
}

static void read_public(struct reel_err *err)
{
	struct reel_public_key key;
	uint8_t box[8 + REEL_BOX_EXTRA];

	if (reel_public_key_read(all.path, &key, err) == 0)
		(void)reel_public_key_box(&key, "8 bytes", 8, box);
}

static void read_keys(struct reel_err *err)
{
	uint8_t host[REEL_KEY_ID_BYTES], root[REEL_KEY_BYTES];
	const char *name, *path;
	struct reel_keys *keys;

	MUST(reel_keys_new(&keys, err) == 0);
	/* Twice: a file may be named twice. */
	for (unsigned i = 0; i < 2; i++)
		(void)reel_keys_add(keys, all.path, err);
	for (unsigned i = 0; reel_keys_root(keys, i, host, &name, &path); i++)
		(void)reel_keys_host(keys, host, root);
	reel_keys_free(keys);
}

static void read_anchors(struct reel_err *err)
{
	struct reel_anchors anchors = { 0 };

	(void)reel_anchors_read(&anchors, all.path, err);
	for (size_t i = 0; i < anchors.n; i++)
		MUST(reel_anchors_find(&anchors, anchors.list[i].capture,
				       anchors.list[i].sequence) <= i);
	reel_anchors_done(&anchors);
}

static void take_state(const uint8_t *data, size_t size, struct reel_err *err)
{
	int fd = open(all.state, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct reel_seal_state state;

	MUST(fd >= 0 && write(fd, data, size) == (ssize_t)size && close(fd) == 0);
	(void)reel_seal_state_take(all.state, &state, err);
	MUST(unlink(all.state) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reel_err err = { 0 };

	if (!size)
		return 0;
	MUST(ftruncate(all.fd, 0) == 0);
	MUST(pwrite(all.fd, data + 1, size - 1, 0) == (ssize_t)size - 1);
	switch (data[0] % 4) {
	case 0:
		read_public(&err);
		break;
	case 1:
		read_keys(&err);
		break;
	case 2:
		read_anchors(&err);
		break;
	case 3:
		take_state(data + 1, size - 1, &err);
		break;
	}
	return 0;
}
