/* SPDX-License-Identifier: BSD-2-Clause */
/* Where each runtime keeps what it knows of a container, and under which names. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "record/container_impl.h"

static void copy_string(const struct json *j, uint32_t node, char *to, size_t size)
{
	if (!to[0])
		(void)json_string(j, node, to, size);
}

/* docker --------------------------------------------------------------------------------------- */

/* Older versions leave out where a volume lies; it is always in the same place. */
static void take_docker_mount(struct container_about *about, const struct container_place *place,
			      const struct json *j, uint32_t mount)
{
	char source[CONTAINER_PATH_MAX], destination[CONTAINER_PATH_MAX], volume[512];
	bool read_only = json_is(j, json_member(j, mount, "RW"), JSON_FALSE);

	(void)json_string(j, json_member(j, mount, "Source"), source, sizeof(source));
	(void)json_string(j, json_member(j, mount, "Destination"), destination,
			  sizeof(destination));
	(void)json_string(j, json_member(j, mount, "Name"), volume, sizeof(volume));
	if (!source[0] && volume[0]) {
		bool local = json_equals(j, json_member(j, mount, "Driver"), "local");

		snprintf(source, sizeof(source), "%s%s%s%s", local ? place->directory : "",
			 local ? "/volumes/" : "", volume, local ? "/_data" : "");
	}
	container_text_mount(&about->mounts, source, destination, read_only);
}

static void take_docker_mounts(struct container_about *about, const struct container_place *place,
			       const struct json *j)
{
	uint32_t points = json_member(j, 0, "MountPoints");

	if (!json_is(j, points, JSON_OBJECT))
		return;
	for (uint32_t i = json_first(j, points); i != JSON_NONE;) {
		uint32_t mount = json_next(j, points, i);

		take_docker_mount(about, place, j, mount);
		i = json_next(j, points, mount);
	}
}

int container_read_docker(struct container_reader *r, const struct container_place *place)
{
	struct container_about *about = &r->about;
	struct container_file f;
	uint32_t config;
	int code = container_file_open(r, place, &f, "containers/%s/config.v2.json", about->id.id);

	if (code < 0)
		return code;
	config = json_member(&f.json, 0, "Config");
	copy_string(&f.json, json_member(&f.json, 0, "Name"), about->name, sizeof(about->name));
	if (about->name[0] == '/')
		memmove(about->name, about->name + 1, strlen(about->name));
	copy_string(&f.json, json_member(&f.json, config, "Image"), about->image,
		    sizeof(about->image));
	container_take_labels(about, &f.json, json_member(&f.json, config, "Labels"));
	take_docker_mounts(about, place, &f.json);
	container_file_done(&f);
	about->id.runtime = CONTAINER_DOCKER;
	code = container_file_open(r, place, &f, "containers/%s/hostconfig.json", about->id.id);
	if (code == -ENOENT)
		container_reason(about, "hostconfig.json is missing: privileged is not known");
	if (code < 0)
		return 0;
	about->privileged = json_is(&f.json, json_member(&f.json, 0, "Privileged"), JSON_TRUE);
	container_file_done(&f);
	return 0;
}

/* podman --------------------------------------------------------------------------------------- */

/* The library for storage, which podman and CRI-O share, names its directories by the driver. */
static const char *const drivers[] = { "overlay", "vfs", "btrfs", "zfs" };
enum { DRIVERS = sizeof(drivers) / sizeof(drivers[0]) };

static int open_storage_spec(struct container_reader *r, const struct container_place *place,
			     struct container_file *ret, const char **ret_driver)
{
	int code = -ENOENT;

	for (unsigned i = 0; code == -ENOENT && i < DRIVERS; i++) {
		*ret_driver = drivers[i];
		code = container_file_open(r, place, ret, "%s-containers/%s/userdata/config.json",
					   drivers[i], r->about.id.id);
	}
	return code;
}

/* The metadata is JSON within a string of JSON. */
static void take_storage_metadata(struct container_about *about, const struct json *list,
				  uint32_t entry)
{
	struct reel_err ignored;
	struct json j;
	char text[8192];
	size_t n = json_string(list, json_member(list, entry, "metadata"), text, sizeof(text));

	copy_string(list, json_first(list, json_member(list, entry, "names")), about->name,
		    sizeof(about->name));
	if (!n || n >= sizeof(text) || json_read(text, n, &j, &ignored) < 0)
		return;
	copy_string(&j, json_member(&j, 0, "name"), about->name, sizeof(about->name));
	copy_string(&j, json_member(&j, 0, "image-name"), about->image, sizeof(about->image));
	json_done(&j);
}

static bool take_storage_entry(struct container_about *about, const struct json *list)
{
	if (!json_is(list, 0, JSON_ARRAY))
		return false;
	for (uint32_t i = json_first(list, 0); i != JSON_NONE; i = json_next(list, 0, i)) {
		if (!json_equals(list, json_member(list, i, "id"), about->id.id))
			continue;
		take_storage_metadata(about, list, i);
		return true;
	}
	return false;
}

/* Containers that go when they end are in a list of their own. */
static void take_storage_names(struct container_reader *r, const struct container_place *place,
			       const char *driver)
{
	static const char *const lists[] = { "containers.json", "volatile-containers.json" };
	struct container_file f;
	bool found = false;

	for (unsigned i = 0; !found && i < 2; i++) {
		if (container_file_open(r, place, &f, "%s-containers/%s", driver, lists[i]) < 0)
			continue;
		found = take_storage_entry(&r->about, &f.json);
		container_file_done(&f);
	}
	if (!found)
		container_reason(&r->about, "containers.json does not name it");
}

int container_read_podman(struct container_reader *r, const struct container_place *place)
{
	static const char *const key[] = { "io.podman.annotations.privileged", NULL };
	static const char *const manager[] = { "io.container.manager", NULL };
	struct container_about *about = &r->about;
	char privileged[16] = "", by[32] = "";
	const char *driver;
	struct container_file f;
	int code = open_storage_spec(r, place, &f, &driver);

	if (code < 0)
		return code;
	container_take_annotation(&f.json, manager, by, sizeof(by));
	if (strcmp(by, "cri-o") == 0) {
		container_file_done(&f);
		return -ENOENT;
	}
	container_take_spec(about, &f.json);
	container_take_annotation(&f.json, key, privileged, sizeof(privileged));
	if (privileged[0])
		about->privileged = strcmp(privileged, "TRUE") == 0;
	container_file_done(&f);
	about->id.runtime = CONTAINER_PODMAN;
	take_storage_names(r, place, driver);
	return 0;
}

/* CRI-O ---------------------------------------------------------------------------------------- */

static void take_crio_labels(struct container_about *about, const struct json *spec)
{
	static const char *const key[] = { "io.kubernetes.cri-o.Labels", NULL };
	char text[CONTAINER_TEXT_MAX] = "";
	struct reel_err ignored;
	struct json j;

	container_take_annotation(spec, key, text, sizeof(text));
	if (!text[0] || json_read(text, strlen(text), &j, &ignored) < 0)
		return;
	container_take_labels(about, &j, 0);
	json_done(&j);
}

int container_read_crio(struct container_reader *r, const struct container_place *place)
{
	static const char *const names[] = { "io.kubernetes.container.name",
					     "io.kubernetes.cri-o.KubeName",
					     "io.kubernetes.cri-o.ContainerName",
					     "io.kubernetes.cri-o.Name", NULL };
	static const char *const images[] = { "io.kubernetes.cri-o.ImageName",
					      "io.kubernetes.cri-o.Image", NULL };
	static const char *const own[] = { "io.kubernetes.cri-o.ContainerID",
					   "io.kubernetes.cri-o.ContainerType", NULL };
	struct container_about *about = &r->about;
	char any[CONTAINER_ID_MAX] = "";
	struct container_file f;
	const char *driver;
	int code = open_storage_spec(r, place, &f, &driver);

	if (code < 0)
		return code;
	container_take_annotation(&f.json, own, any, sizeof(any));
	if (!any[0]) {
		container_file_done(&f);
		return -ENOENT;
	}
	take_crio_labels(about, &f.json);
	container_take_spec(about, &f.json);
	container_take_annotation(&f.json, names, about->name, sizeof(about->name));
	container_take_annotation(&f.json, images, about->image, sizeof(about->image));
	container_file_done(&f);
	about->id.runtime = CONTAINER_CRIO;
	return 0;
}

/* containerd ----------------------------------------------------------------------------------- */

/* A directory for each namespace, and in it one for each container. */
enum { NAMESPACES_MAX = 64 };

static int take_containerd(struct container_reader *r, const struct container_place *place,
			   const char *namespace)
{
	static const char *const names[] = { "io.kubernetes.cri.container-name", "nerdctl/name",
					     "io.kubernetes.cri.sandbox-name", NULL };
	static const char *const images[] = { "io.kubernetes.cri.image-name", NULL };
	bool is_docker = strcmp(namespace, "moby") == 0;
	struct container_about *about = &r->about;
	struct container_file f;
	int code = container_file_open(r, place, &f, "%s/%s/config.json", namespace, about->id.id);

	if (code < 0)
		return code;
	container_take_spec(about, &f.json);
	container_take_annotation(&f.json, names, about->name, sizeof(about->name));
	container_take_annotation(&f.json, images, about->image, sizeof(about->image));
	container_file_done(&f);
	about->id.runtime = is_docker ? CONTAINER_DOCKER : CONTAINER_CONTAINERD;
	if (is_docker)
		container_reason(about, "docker's own files are not where they are looked for");
	return 0;
}

static bool is_namespace(const struct container_reader *r, const char *name)
{
	return !r->namespace || (strlen(name) == r->namespace_length &&
				 memcmp(name, r->namespace, r->namespace_length) == 0);
}

int container_read_containerd(struct container_reader *r, const struct container_place *place)
{
	char path[CONTAINER_PATH_MAX];
	struct dirent *e;
	int code = -ENOENT;
	unsigned n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "%s%s", r->root, place->directory);
	dir = opendir(path);
	if (!dir && errno != ENOENT && errno != ENOTDIR)
		container_reason(&r->about, "%s: %s", place->directory, strerrorname_np(errno));
	while (dir && code == -ENOENT && n < NAMESPACES_MAX && (e = readdir(dir))) {
		if (e->d_name[0] == '.' || !is_namespace(r, e->d_name))
			continue;
		n++;
		code = take_containerd(r, place, e->d_name);
	}
	if (dir)
		closedir(dir);
	return code;
}
