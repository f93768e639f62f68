/* SPDX-License-Identifier: BSD-2-Clause */
#include "record/container.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "record/container_impl.h"
#include "record/helper_passwd.h"

enum { HOMES_MAX = 1024 };

static const char *const runtime_names[] = { "runtime", "docker", "podman", "containerd", "CRI-O" };

/* Where to look, in this order. Those beneath a home are of a runtime without root. */
static const struct {
	enum container_runtime runtime;
	bool beneath_home;
	const char *directory;
	int (*read)(struct container_reader *r, const struct container_place *place);
} places[] = {
	{ CONTAINER_DOCKER, false, "/var/lib/docker", container_read_docker },
	{ CONTAINER_DOCKER, false, "/var/snap/docker/common/var-lib-docker",
	  container_read_docker },
	{ CONTAINER_DOCKER, true, "/.local/share/docker", container_read_docker },
	{ CONTAINER_PODMAN, false, "/var/lib/containers/storage", container_read_podman },
	{ CONTAINER_PODMAN, true, "/.local/share/containers/storage", container_read_podman },
	{ CONTAINER_CRIO, false, "/run/containers/storage", container_read_crio },
	{ CONTAINER_CRIO, false, "/var/run/containers/storage", container_read_crio },
	{ CONTAINER_CRIO, false, "/var/lib/containers/storage", container_read_crio },
	{ CONTAINER_CONTAINERD, false, "/run/containerd/io.containerd.runtime.v2.task",
	  container_read_containerd },
	{ CONTAINER_CONTAINERD, false, "/run/k3s/containerd/io.containerd.runtime.v2.task",
	  container_read_containerd },
	{ CONTAINER_CONTAINERD, false,
	  "/run/docker/containerd/daemon/io.containerd.runtime.v2.task",
	  container_read_containerd },
	{ CONTAINER_CONTAINERD, false,
	  "/var/snap/microk8s/common/run/containerd/io.containerd.runtime.v2.task",
	  container_read_containerd },
};

enum { PLACES = sizeof(places) / sizeof(places[0]) };

/* docker runs its containers by containerd, whose files tell less. */
static bool may_be_of(enum container_runtime wanted, enum container_runtime place)
{
	return wanted == CONTAINER_UNKNOWN || wanted == place ||
	       (wanted == CONTAINER_DOCKER && place == CONTAINER_CONTAINERD);
}

/* docker may have been told to keep its files elsewhere. */
static int read_at_data_root(struct container_reader *r)
{
	const struct container_place etc = { "/etc/docker", (uid_t)-1 };
	char directory[CONTAINER_PATH_MAX];
	struct container_place place = { directory, (uid_t)-1 };
	struct container_file f;
	size_t n;

	if (container_file_open(r, &etc, &f, "daemon.json") < 0)
		return -ENOENT;
	n = json_string(&f.json, json_member(&f.json, 0, "data-root"), directory,
			sizeof(directory));
	container_file_done(&f);
	if (n == 0 || n >= sizeof(directory) || directory[0] != '/')
		return -ENOENT;
	return container_read_docker(r, &place);
}

static int read_in_system(struct container_reader *r, enum container_runtime wanted)
{
	int code = -ENOENT;

	if (may_be_of(wanted, CONTAINER_DOCKER))
		code = read_at_data_root(r);
	for (unsigned i = 0; code == -ENOENT && i < PLACES; i++) {
		struct container_place place = { places[i].directory, (uid_t)-1 };

		if (!places[i].beneath_home && may_be_of(wanted, places[i].runtime))
			code = places[i].read(r, &place);
	}
	return code;
}

static int read_in_home(struct container_reader *r, enum container_runtime wanted, const char *home)
{
	char path[CONTAINER_PATH_MAX], directory[CONTAINER_PATH_MAX];
	struct stat st;
	int code = -ENOENT;

	snprintf(path, sizeof(path), "%s%s", r->root, home);
	if (stat(path, &st) < 0)
		return -ENOENT;
	for (unsigned i = 0; code == -ENOENT && i < PLACES; i++) {
		struct container_place place = { directory, st.st_uid };
		int n = snprintf(directory, sizeof(directory), "%s%s", home, places[i].directory);

		if (places[i].beneath_home && may_be_of(wanted, places[i].runtime) && n > 0 &&
		    (size_t)n < sizeof(directory))
			code = places[i].read(r, &place);
	}
	return code;
}

static int read_in_homes(struct container_reader *r, enum container_runtime wanted)
{
	int code = read_in_home(r, wanted, "/root");
	char path[CONTAINER_PATH_MAX];
	struct dirent *e;
	unsigned n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/home", r->root);
	dir = code == -ENOENT ? opendir(path) : NULL;
	while (dir && code == -ENOENT && n++ < HOMES_MAX && (e = readdir(dir))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/home/%s", e->d_name);
		code = read_in_home(r, wanted, path);
	}
	if (dir)
		closedir(dir);
	return code;
}

/*
 * A user can make a cgroup of any name in his own slice, and so could take the name of somebody
 * else's container. So what is in his slice is looked for in his home alone.
 */
static int look(struct container_reader *r, enum container_runtime wanted, uid_t uid)
{
	char passwd[CONTAINER_PATH_MAX];
	struct passwd_user user;
	int code;

	if (uid != (uid_t)-1 && uid != 0) {
		snprintf(passwd, sizeof(passwd), "%s/etc/passwd", r->root);
		code = passwd_find(passwd, NULL, uid, &user);
		return code == 0 ? read_in_home(r, wanted, user.home) : -ENOENT;
	}
	code = read_in_system(r, wanted);
	return code == -ENOENT ? read_in_homes(r, wanted) : code;
}

static void forget(struct container_about *about)
{
	about->privileged = false;
	about->name[0] = about->image[0] = about->reason[0] = '\0';
	about->labels.length = about->labels.whole = 0;
	about->mounts.length = about->mounts.whole = 0;
}

/* Names that a user of containerd gives: /NAMESPACE/NAME. Only the files tell that it is one. */
static int read_named(struct container_reader *r, const char *path)
{
	static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				   "._-";
	const char *name = path[0] == '/' ? strchr(path + 1, '/') : NULL;
	size_t n = name ? strlen(name + 1) : 0;
	int code;

	if (!n || n >= CONTAINER_ID_MAX || strspn(name + 1, safe) != n || name[1] == '.')
		return -ENOENT;
	r->about.id = (struct container_id){ .runtime = CONTAINER_CONTAINERD, .uid = (uid_t)-1 };
	memcpy(r->about.id.id, name + 1, n + 1);
	r->namespace = path + 1;
	r->namespace_length = (size_t)(name - path) - 1;
	code = read_in_system(r, CONTAINER_CONTAINERD);
	r->namespace = NULL;
	return code < 0 ? -ENOENT : 0;
}

int container_read(struct container_reader *r, const char *cgroup_path,
		   const struct container_about **ret)
{
	struct container_id id;
	int code;

	forget(&r->about);
	if (container_of_cgroup(cgroup_path, &id) < 0) {
		code = read_named(r, cgroup_path);
	} else {
		r->about.id = id;
		code = look(r, id.runtime, id.uid);
		if (code == -ENOENT)
			container_reason(&r->about, "no %s here has files of it",
					 runtime_names[id.runtime]);
		code = 0;
	}
	if (code == 0)
		*ret = &r->about;
	return code;
}

/* One that fills its place may have been longer. */
static void put_name(struct reel_record *record, const char *name, size_t size)
{
	size_t n = strlen(name);

	reel_record_cut_string(record, name, n, n + 1 < size ? (uint32_t)n : EV_UNKNOWN_LENGTH);
}

static void put_text(struct reel_record *record, const struct container_text *t)
{
	reel_record_cut_string(record, t->bytes, t->length, (uint32_t)t->whole);
}

static int run(void *state, const struct helper_request *q, const struct record_sink *sink,
	       struct reel_err *err)
{
	const struct container_about *about;
	struct container_reader *r = state;
	struct ev_container *c;
	int code = container_read(r, q->path, &about);

	if (code < 0)
		return HELPER_ANSWERED;
	c = reel_record_begin(&r->record, reel_type_by_id(EV_container));
	c->cgroup = q->cgroup;
	c->runtime = (uint8_t)about->id.runtime;
	c->privileged = about->privileged;
	r->record.header.ts = q->ts;
	if (q->again)
		r->record.header.flags |= EV_KEYFRAME;
	reel_record_string(&r->record, about->id.id, strlen(about->id.id));
	put_name(&r->record, about->name, sizeof(about->name));
	put_name(&r->record, about->image, sizeof(about->image));
	put_text(&r->record, &about->labels);
	put_text(&r->record, &about->mounts);
	reel_record_string(&r->record, about->reason, strlen(about->reason));
	code = record_put(sink, &r->record, err);
	return code < 0 ? code : HELPER_ANSWERED;
}

int container_reader_new(const struct container_options *o, struct container_reader **ret,
			 struct reel_err *err)
{
	struct container_reader *r = calloc(1, sizeof(*r));

	if (!r)
		return reel_err_set(err, -ENOMEM, "no memory for containers");
	r->root = o->root && strcmp(o->root, "/") != 0 ? o->root : "";
	*ret = r;
	return 0;
}

void container_reader_free(struct container_reader *r)
{
	free(r);
}

struct helper_task container_task(struct container_reader *r)
{
	return (struct helper_task){ .kind = HELPER_CONTAINER,
				     .state = r,
				     .run = run,
				     .types = { EV_container } };
}
