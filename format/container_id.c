/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which container a cgroup belongs to, by its path alone:
 *
 *	/docker/ID					cgroupfs, docker
 *	/system.slice/docker-ID.scope			systemd
 *	/machine.slice/libpod-ID.scope/container	podman; with --cgroups=split
 *	/system.slice/X.service/libpod-payload-ID
 *	/kubepods/burstable/podUID/ID			Kubernetes, whatever the runtime
 *	/kubepods.slice/.../cri-containerd-ID.scope	with systemd
 *	/kubepods.slice/.../crio-ID.scope
 *	/.../Z.slice:cri-containerd:ID			cgroupfs that was given a path for systemd
 */
#include "format/container_id.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { HEX_ID = 64 };

static const struct {
	const char *prefix;
	enum container_runtime runtime;
} prefixes[] = {
	{ "docker", CONTAINER_DOCKER },
	{ "libpod", CONTAINER_PODMAN },
	{ "libpod-payload", CONTAINER_PODMAN },
	{ "cri-containerd", CONTAINER_CONTAINERD },
	{ "nerdctl", CONTAINER_CONTAINERD },
	{ "crio", CONTAINER_CRIO },
};

/* A piece of a path. */
struct part {
	const char *at;
	size_t length;
};

static bool part_is(struct part p, const char *text)
{
	return p.length == strlen(text) && memcmp(p.at, text, p.length) == 0;
}

static bool is_hex_id(struct part p)
{
	if (p.length != HEX_ID)
		return false;
	for (size_t i = 0; i < HEX_ID; i++)
		if (!strchr("0123456789abcdef", p.at[i]))
			return false;
	return true;
}

static bool runtime_of_prefix(struct part p, enum container_runtime *ret)
{
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		if (!part_is(p, prefixes[i].prefix))
			continue;
		*ret = prefixes[i].runtime;
		return true;
	}
	return false;
}

/* PREFIX-ID or ANYTHING:PREFIX:ID */
static bool match_prefixed(struct part name, struct container_id *ret, struct part *ret_id)
{
	struct part prefix = { name.at, name.length - HEX_ID - 1 };
	char separator = name.at[prefix.length];

	*ret_id = (struct part){ name.at + prefix.length + 1, HEX_ID };
	if (!is_hex_id(*ret_id))
		return false;
	if (separator == ':') {
		const char *colon = memrchr(prefix.at, ':', prefix.length);

		if (colon) {
			prefix.length -= (size_t)(colon + 1 - prefix.at);
			prefix.at = colon + 1;
		}
	} else if (separator != '-') {
		return false;
	}
	return runtime_of_prefix(prefix, &ret->runtime);
}

/* A name that is only an id says by its parent what it is. A pod of podman is no container. */
static bool match_plain(struct part before, struct container_id *ret)
{
	if (part_is(before, "libpod_parent"))
		return false;
	ret->runtime = CONTAINER_UNKNOWN;
	if (part_is(before, "docker"))
		ret->runtime = CONTAINER_DOCKER;
	else if (part_is(before, "default"))
		ret->runtime = CONTAINER_CONTAINERD;
	return true;
}

static bool match_name(struct part name, struct part before, struct container_id *ret)
{
	static const char scope[] = ".scope";
	const size_t n_scope = sizeof(scope) - 1;
	struct part id = name;
	bool found = false;

	if (name.length > n_scope && memcmp(name.at + name.length - n_scope, scope, n_scope) == 0)
		name.length -= n_scope;
	if (is_hex_id(name)) {
		id = name;
		found = match_plain(before, ret);
	} else if (name.length > HEX_ID + 1) {
		found = match_prefixed(name, ret, &id);
	}
	if (found) {
		memcpy(ret->id, id.at, HEX_ID);
		ret->id[HEX_ID] = '\0';
	}
	return found;
}

/* user-1000.slice */
static void match_user(struct part name, struct container_id *ret)
{
	static const char head[] = "user-", tail[] = ".slice";
	char *end;
	unsigned long uid;

	if (name.length <= sizeof(head) - 1 || memcmp(name.at, head, sizeof(head) - 1) != 0)
		return;
	if (name.at[5] < '0' || name.at[5] > '9')
		return;
	uid = strtoul(name.at + sizeof(head) - 1, &end, 10);
	if ((size_t)(end - name.at) + sizeof(tail) - 1 == name.length &&
	    memcmp(end, tail, sizeof(tail) - 1) == 0 && uid < UINT32_MAX)
		ret->uid = (uid_t)uid;
}

int container_of_cgroup(const char *path, struct container_id *ret)
{
	struct part before = { "", 0 }, name;
	struct container_id id = { .uid = (uid_t)-1 }, try;
	bool found = false;

	while (*path) {
		path += strspn(path, "/");
		name = (struct part){ path, strcspn(path, "/") };
		path += name.length;
		/* A slice within the container has users of its own. */
		if (!found)
			match_user(name, &id);
		try = id;
		if (match_name(name, before, &try)) {
			id = try;
			found = true;
		}
		before = name;
	}
	if (!found)
		return -ENOENT;
	*ret = id;
	return 0;
}
