/* SPDX-License-Identifier: BSD-2-Clause */
/* Files of container runtimes: byte 0 is the runtime; the first of its files is what is before the
 * first NUL of the input, the second what is behind it. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "record/container.h"

#define MUST(cond)               \
	do {                     \
		if (!(cond))     \
			abort(); \
	} while (0)

#define ID "1dfdc8a44215a19bde3fb029ecbefb9401adf0b38c74c6417330d39d9c4de247"
#define DOCKER "var/lib/docker/containers/" ID "/"
#define PODMAN "var/lib/containers/storage/overlay-containers/"
#define CONTAINERD "run/containerd/io.containerd.runtime.v2.task/k8s.io/" ID "/"

static const struct {
	const char *cgroup, *first, *second;
} runtimes[] = {
	{ "/system.slice/docker-" ID ".scope", DOCKER "config.v2.json", DOCKER "hostconfig.json" },
	{ "/machine.slice/libpod-" ID ".scope", PODMAN "containers.json",
	  PODMAN ID "/userdata/config.json" },
	{ "/kubepods.slice/cri-containerd-" ID ".scope", CONTAINERD "config.json",
	  CONTAINERD "rootfs" },
	{ "/kubepods.slice/crio-" ID ".scope", PODMAN ID "/userdata/config.json",
	  PODMAN "containers.json" },
};

enum { N_RUNTIMES = sizeof(runtimes) / sizeof(runtimes[0]) };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char root[64];
static struct container_reader *reader;

static void remove_root(void)
{
	char command[100];

	snprintf(command, sizeof(command), "rm -rf %s", root);
	(void)!system(command);
}

static void put_file(const char *name, const uint8_t *bytes, size_t n)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", root, name);
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdir(path, 0755);
		*slash = '/';
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	MUST(fd >= 0 && write(fd, bytes, n) == (ssize_t)n && close(fd) == 0);
}

static void start(void)
{
	const struct container_options o = { .root = root };

	snprintf(root, sizeof(root), "/dev/shm/fuzz-container-XXXXXX");
	MUST(mkdtemp(root));
	MUST(atexit(remove_root) == 0);
	MUST(container_reader_new(&o, &reader, NULL) == 0);
}

static void check_text(const struct container_text *t)
{
	MUST(t->length <= sizeof(t->bytes) && t->length <= t->whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct container_about *about;
	const uint8_t *end;
	unsigned which;
	size_t n;

	if (size < 1)
		return 0;
	if (!reader)
		start();
	which = data[0] % N_RUNTIMES;
	data++;
	size--;
	end = size ? memchr(data, '\0', size) : NULL;
	n = end ? (size_t)(end - data) : size;
	put_file(runtimes[which].first, data, n);
	put_file(runtimes[which].second, end ? end + 1 : data, end ? size - n - 1 : 0);
	if (container_read(reader, runtimes[which].cgroup, &about) == 0) {
		MUST(memchr(about->name, '\0', sizeof(about->name)));
		MUST(memchr(about->image, '\0', sizeof(about->image)));
		check_text(&about->labels);
		check_text(&about->mounts);
	}
	return 0;
}
