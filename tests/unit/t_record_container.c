/* SPDX-License-Identifier: BSD-2-Clause */
/* Containers: by the path of their cgroup, and by what each runtime keeps of them. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "record/container.h"
#include "tests/unit/record_child.h"
#include "tests/unit/record_gather.h"
#include "tests/unit/record_runtimes.h"

/* By the path ---------------------------------------------------------------------------------- */

TEST(containers_are_known_by_their_cgroup)
{
#define ID ID_DOCKER
#define USER "/user.slice/user-1000.slice/user@1000.service"
	static const struct {
		const char *path;
		enum container_runtime runtime;
		int uid;
		const char *id;
	} rows[] = {
		{ "/docker/" ID, CONTAINER_DOCKER, -1, ID },
		{ "/docker/" ID "/init.scope", CONTAINER_DOCKER, -1, ID },
		{ "/system.slice/docker-" ID ".scope", CONTAINER_DOCKER, -1, ID },
		{ USER "/user.slice/docker-" ID ".scope", CONTAINER_DOCKER, 1000, ID },
		{ "/kubepods/burstable/pod1/" ID, CONTAINER_UNKNOWN, -1, ID },
		{ "/libpod_parent/libpod-" ID, CONTAINER_PODMAN, -1, ID },
		{ "/machine.slice/libpod-" ID ".scope", CONTAINER_PODMAN, -1, ID },
		{ "/machine.slice/libpod-" ID ".scope/container", CONTAINER_PODMAN, -1, ID },
		{ "/machine.slice/machine-libpod_pod_" ID_PODMAN ".slice/libpod-" ID ".scope",
		  CONTAINER_PODMAN, -1, ID },
		{ USER "/user.slice/libpod-" ID ".scope", CONTAINER_PODMAN, 1000, ID },
		{ USER "/app.slice/redis.service/libpod-payload-" ID, CONTAINER_PODMAN, 1000, ID },
		{ "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod25fa.slice/"
		  "cri-containerd-" ID ".scope",
		  CONTAINER_CONTAINERD, -1, ID },
		{ "/system.slice/containerd.service/kubepods-pod1.slice:cri-containerd:" ID,
		  CONTAINER_CONTAINERD, -1, ID },
		{ "/system.slice/nerdctl-" ID ".scope", CONTAINER_CONTAINERD, -1, ID },
		{ "/default/" ID, CONTAINER_CONTAINERD, -1, ID },
		{ "/kubepods.slice/kubepods-pod1.slice/crio-" ID ".scope", CONTAINER_CRIO, -1, ID },
		{ "/kubepods/besteffort/pod1/crio-" ID, CONTAINER_CRIO, -1, ID },
		/* The innermost counts; users within a container are not those of the host. */
		{ "/docker/" ID_PODMAN "/kubelet.slice/cri-containerd-" ID ".scope",
		  CONTAINER_CONTAINERD, -1, ID },
		{ "/docker/" ID "/user.slice/user-7.slice/s.scope", CONTAINER_DOCKER, -1, ID },
		/* None of them is in a container. */
		{ "/", .id = NULL },
		{ "", .id = NULL },
		{ "/init.scope", .id = NULL },
		{ "/system.slice/docker.service", .id = NULL },
		{ "/docker/buildkit/abcdefabcdef", .id = NULL },
		{ "/machine.slice/libpod-conmon-" ID ".scope", .id = NULL },
		{ "/system.slice/crio-conmon-" ID ".scope", .id = NULL },
		{ "/machine.slice/machine-libpod_pod_" ID ".slice", .id = NULL },
		{ "/libpod_parent/" ID, .id = NULL },
		{ "/docker/" ID "0", .id = NULL },
		{ "/docker/0123456789abcdef", .id = NULL },
		{ "/docker/1DFDC8A44215A19BDE3FB029ECBEFB9401ADF0B38C74C6417330D39D9C4DE247",
		  .id = NULL },
		{ "/system.slice/docker-" ID ".service", .id = NULL },
		{ "/x.slice/evil-" ID ".scope", .id = NULL },
		{ "/x/..-" ID ".scope", .id = NULL },
		{ "-" ID, .id = NULL },
		{ ":" ID, .id = NULL },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct container_id id = { .runtime = CONTAINER_UNKNOWN };
		int r = container_of_cgroup(rows[i].path, &id);

		if (r != (rows[i].id ? 0 : -ENOENT))
			T_FAIL("%s: %d", rows[i].path, r);
		if (r < 0 || !rows[i].id)
			continue;
		if (id.runtime != rows[i].runtime || strcmp(id.id, rows[i].id) != 0 ||
		    (int)id.uid != rows[i].uid)
			T_FAIL("%s: runtime %d, id %s, uid %d", rows[i].path, id.runtime, id.id,
			       (int)id.uid);
	}
}

/* Trees of files ------------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static void put_file(const char *text, const char *fmt, ...)
{
	char path[1024];
	va_list ap;
	int fd;

	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdir(path, 0755);
		*slash = '/';
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		T_FAIL("%s: %s", path, strerror(errno));
	close(fd);
}

static struct container_reader *reader_of(const char *root)
{
	const struct container_options o = { .root = root };
	struct container_reader *r = NULL;

	CHECK_EQ(container_reader_new(&o, &r, NULL), 0);
	return r;
}

/* What is said of one cgroup; valid until the next. */
static const struct container_about *about(const char *root, const char *cgroup)
{
	static struct container_about copy;
	struct container_reader *r = reader_of(root);
	const struct container_about *found = NULL;

	memset(&copy, 0, sizeof(copy));
	if (container_read(r, cgroup, &found) == 0)
		copy = *found;
	else
		snprintf(copy.reason, sizeof(copy.reason), "not a container");
	container_reader_free(r);
	return &copy;
}

#define CHECK_TEXT(text, want)                                                                    \
	do {                                                                                      \
		CHECK_EQ((text).length, strlen(want));                                            \
		CHECK_EQ((text).whole, (text).length);                                            \
		CHECK_MEM((text).bytes, want, strlen(want));                                      \
	} while (0)

static void make_docker(const char *root, const char *directory)
{
	put_file(docker_config, "%s%s/containers/%s/config.v2.json", root, directory, ID_DOCKER);
	put_file(docker_host, "%s%s/containers/%s/hostconfig.json", root, directory, ID_DOCKER);
}

TEST(docker)
{
	const struct container_about *a;

	make_docker("tree-docker", "/var/lib/docker");
	a = about("tree-docker", "/system.slice/docker-" ID_DOCKER ".scope");
	CHECK_EQ(a->id.runtime, CONTAINER_DOCKER);
	CHECK_STR(a->id.id, ID_DOCKER);
	CHECK_STR(a->name, "shop-web-1");
	CHECK_STR(a->image, "nginx:1.27");
	CHECK_STR(a->reason, "");
	CHECK(!a->privileged);
	CHECK_TEXT(a->labels, "maintainer=NGINX Docker Maintainers <docker-maint@nginx.com>\n"
			      "com.docker.compose.project=shop\n"
			      "note=two\\nlines \\\\ more");
	CHECK_TEXT(a->mounts, "/srv/web/conf:/etc/nginx:ro\n"
			      "/var/lib/docker/volumes/shop_data/_data:/data\n"
			      "/var/lib/docker/volumes/anon/_data:/old\n"
			      "remote:/net");
}

TEST(docker_privileged)
{
	const struct container_about *a;

	put_file(docker_config_privileged,
		 "tree-docker2/var/lib/docker/containers/%s/config.v2.json", ID_PRIVILEGED);
	put_file(docker_host_privileged,
		 "tree-docker2/var/lib/docker/containers/%s/hostconfig.json", ID_PRIVILEGED);
	a = about("tree-docker2", "/docker/" ID_PRIVILEGED);
	CHECK(a->privileged);
	CHECK_STR(a->name, "root_shell");
	CHECK_TEXT(a->mounts, "/:/host");
	CHECK_TEXT(a->labels, "");
	/* What is not known is said. */
	REQUIRE(unlink("tree-docker2/var/lib/docker/containers/" ID_PRIVILEGED
		       "/hostconfig.json") == 0);
	a = about("tree-docker2", "/docker/" ID_PRIVILEGED);
	CHECK(!a->privileged);
	CHECK_STR(a->name, "root_shell");
	CHECK_STR(a->reason, "hostconfig.json is missing: privileged is not known");
}

TEST(docker_elsewhere)
{
	const struct container_about *a;

	make_docker("tree-docker3", "/big/disk/docker");
	put_file("{ \"data-root\": \"/big/disk/docker\", \"log-level\": \"warn\" }\n",
		 "tree-docker3/etc/docker/daemon.json");
	a = about("tree-docker3", "/docker/" ID_DOCKER);
	CHECK_STR(a->name, "shop-web-1");
	/* One that is broken does not hide those in the usual place. */
	make_docker("tree-docker4", "/var/lib/docker");
	put_file("{ \"data-root\": ", "tree-docker4/etc/docker/daemon.json");
	a = about("tree-docker4", "/docker/" ID_DOCKER);
	CHECK_STR(a->name, "shop-web-1");
	CHECK(strncmp(a->reason, "daemon.json: JSON, byte ", 24) == 0);
}

/* Its files are elsewhere, but containerd has a bundle of it. */
TEST(docker_by_containerd)
{
	const struct container_about *a;

	put_file(containerd_privileged,
		 "tree-moby/run/containerd/io.containerd.runtime.v2.task/moby/%s/config.json",
		 ID_DOCKER);
	a = about("tree-moby", "/docker/" ID_DOCKER);
	CHECK_EQ(a->id.runtime, CONTAINER_DOCKER);
	CHECK(a->privileged);
	CHECK_TEXT(a->mounts, "/:/h");
	CHECK_STR(a->reason, "docker's own files are not where they are looked for");
}

TEST(podman)
{
	static const char storage[] = "/var/lib/containers/storage/overlay-containers";
	const struct container_about *a;

	put_file(podman_list, "tree-podman%s/containers.json", storage);
	put_file(podman_spec, "tree-podman%s/%s/userdata/config.json", storage, ID_PODMAN);
	a = about("tree-podman", "/machine.slice/libpod-" ID_PODMAN ".scope/container");
	CHECK_EQ(a->id.runtime, CONTAINER_PODMAN);
	CHECK_STR(a->name, "sleepy_ramanujan");
	CHECK_STR(a->image, "docker.io/library/nginx:1.27.4");
	CHECK_STR(a->reason, "");
	CHECK(!a->privileged);
	CHECK_TEXT(a->labels, "io.container.manager=libpod\n"
			      "io.kubernetes.cri-o.Created=2026-07-29T11:36:40.51830451+05:30\n"
			      "io.podman.annotations.privileged=FALSE\n"
			      "org.opencontainers.image.stopSignal=15");
	CHECK_TEXT(a->mounts,
		   "/data:/usr/share/nginx/html:ro\n"
		   "/run/containers/storage/overlay-containers/x/userdata/hostname:/etc/hostname");
	/* Not in the list any more. */
	put_file("[]", "tree-podman%s/containers.json", storage);
	a = about("tree-podman", "/machine.slice/libpod-" ID_PODMAN ".scope");
	CHECK_STR(a->reason, "containers.json does not name it");
	CHECK_STR(a->name, "");
}

TEST(podman_of_a_user)
{
	static const char storage[] = "tree-rootless/home/eve/.local/share/containers/storage";
	static const char cgroup[] =
		"/user.slice/user-1000.slice/user@1000.service/app.slice/db.service/"
		"libpod-payload-" ID_ROOTLESS;
	const struct container_about *a;

	put_file("[]", "%s/vfs-containers/containers.json", storage);
	put_file(podman_volatile, "%s/vfs-containers/volatile-containers.json", storage);
	put_file(podman_spec_privileged, "%s/vfs-containers/%s/userdata/config.json", storage,
		 ID_ROOTLESS);
	/* Who has no line in passwd has no home. */
	put_file("root:x:0:0:root:/root:/bin/sh\n", "tree-rootless/etc/passwd");
	a = about("tree-rootless", cgroup);
	CHECK_STR(a->reason, "no podman here has files of it");
	put_file("root:x:0:0:root:/root:/bin/sh\neve:x:1000:1000::/home/eve:/bin/sh\n",
		 "tree-rootless/etc/passwd");
	a = about("tree-rootless", cgroup);
	CHECK_EQ(a->id.runtime, CONTAINER_PODMAN);
	CHECK_STR(a->name, "dev-db");
	CHECK_STR(a->image, "docker.io/library/postgres:14-alpine");
	CHECK_STR(a->reason, "");
	CHECK(a->privileged);
	CHECK_TEXT(a->mounts, "/home/eve/pg:/pg");
	/* Begun by the system for the user: the home is searched for. */
	a = about("tree-rootless", "/system.slice/db.service/libpod-payload-" ID_ROOTLESS);
	CHECK_STR(a->name, "dev-db");
}

TEST(a_user_cannot_take_the_name_of_another_container)
{
	const struct container_about *a;

	make_docker("tree-spoof", "/var/lib/docker");
	put_file("eve:x:1000:1000::/home/eve:/bin/sh\n", "tree-spoof/etc/passwd");
	(void)mkdir("tree-spoof/home", 0755);
	(void)mkdir("tree-spoof/home/eve", 0755);
	a = about("tree-spoof", "/user.slice/user-1000.slice/docker-" ID_DOCKER ".scope");
	CHECK_STR(a->name, "");
	CHECK_STR(a->reason, "no docker here has files of it");
	a = about("tree-spoof", "/system.slice/docker-" ID_DOCKER ".scope");
	CHECK_STR(a->name, "shop-web-1");
}

TEST(links_of_a_user_lead_nowhere)
{
	static const char containers[] = "tree-link/home/eve/.local/share/docker/containers";
	const struct container_about *a;

	if (geteuid() != 0)
		SKIP("needs root");
	make_docker("tree-link", "/srv/secret");
	put_file("eve:x:1000:1000::/home/eve:/bin/sh\n", "tree-link/etc/passwd");
	put_file("", "%s/" ID_DOCKER "/empty", containers);
	REQUIRE(chown("tree-link/home/eve", 1000, 1000) == 0);
	REQUIRE(symlink("../../../../../../../srv/secret/containers/" ID_DOCKER "/config.v2.json",
			"tree-link/home/eve/.local/share/docker/containers/" ID_DOCKER
			"/config.v2.json") == 0);
	a = about("tree-link", "/user.slice/user-1000.slice/docker-" ID_DOCKER ".scope");
	CHECK_STR(a->name, "");
	CHECK_STR(a->reason, "containers/" ID_DOCKER "/config.v2.json: EPERM");
}

TEST(containerd)
{
	static const char tasks[] = "tree-cri/run/containerd/io.containerd.runtime.v2.task";
	const struct container_about *a;

	put_file("", "%s/default/unused", tasks);
	put_file(containerd_spec, "%s/k8s.io/%s/config.json", tasks, ID_CONTAINERD);
	put_file(containerd_sandbox, "%s/k8s.io/%s/config.json", tasks, ID_SANDBOX);
	a = about("tree-cri",
		  "/kubepods.slice/kubepods-pod1.slice/cri-containerd-" ID_CONTAINERD ".scope");
	CHECK_EQ(a->id.runtime, CONTAINER_CONTAINERD);
	CHECK_STR(a->name, "nginx");
	CHECK_STR(a->image, "docker.io/library/nginx:latest");
	CHECK_STR(a->reason, "");
	CHECK(!a->privileged);
	CHECK_TEXT(a->mounts, "/var/lib/kubelet/pods/25fa/volumes/token:"
			      "/var/run/secrets/kubernetes.io/serviceaccount:ro");
	CHECK_TEXT(a->labels, "io.kubernetes.cri.container-name=nginx\n"
			      "io.kubernetes.cri.container-type=container\n"
			      "io.kubernetes.cri.image-name=docker.io/library/nginx:latest\n"
			      "io.kubernetes.cri.sandbox-id=" ID_SANDBOX "\n"
			      "io.kubernetes.cri.sandbox-name=nginx-5d5dd5db49-abcde\n"
			      "io.kubernetes.cri.sandbox-namespace=default\n"
			      "io.kubernetes.cri.sandbox-uid=25fae09f-aef9-4b5a-950f-80ea16cf5e1e");
	/* The pod itself; with cgroupfs the path does not say whose it is. */
	a = about("tree-cri", "/kubepods/besteffort/pod25fa/" ID_SANDBOX);
	CHECK_EQ(a->id.runtime, CONTAINER_CONTAINERD);
	CHECK_STR(a->name, "nginx-5d5dd5db49-abcde");
	CHECK_STR(a->image, "");
}

/* All of it makes a container privileged, less does not. */
TEST(privileged_is_what_has_all_rights)
{
#define TAIL "    \"x\": 1\n  }\n}\n"
#define WHOLE(caps, more) SPEC_HEAD caps "    \"cwd\": \"/\"\n  },\n  \"linux\": {\n" more TAIL
#define ONE_CAP(cap) "    \"capabilities\": { \"bounding\": [ \"" cap "\" ] },\n"
#define SECCOMP "    \"seccomp\": {},\n"
#define HIDDEN "    \"maskedPaths\": [ \"/proc/kcore\" ],\n"
	static const struct {
		const char *spec;
		bool privileged;
	} rows[] = {
		{ WHOLE(CAPS_ALL, ""), true },
		{ WHOLE(CAPS_ALL, "    \"maskedPaths\": [],\n    \"seccomp\": null,\n"), true },
		{ WHOLE(CAPS_USUAL, ""), false },
		{ WHOLE(CAPS_ALL, SECCOMP), false },
		{ WHOLE(CAPS_ALL, HIDDEN), false },
		{ WHOLE("", ""), false },
		{ WHOLE(ONE_CAP("CAP_SYS_ADMIN"), ""), false },
		{ WHOLE(ONE_CAP("CAP_SYS_MODULE"), ""), false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct container_about *a;

		put_file(rows[i].spec,
			 "tree-rights/run/containerd/io.containerd.runtime.v2.task/k8s.io/%s/"
			 "config.json",
			 ID_CONTAINERD);
		a = about("tree-rights", "/x/cri-containerd-" ID_CONTAINERD ".scope");
		CHECK_STR(a->reason, "");
		if (a->privileged != rows[i].privileged)
			T_FAIL("row %zu: %d", i, a->privileged);
	}
}

TEST(containerd_by_name)
{
	static const char tasks[] = "tree-ctr/run/containerd/io.containerd.runtime.v2.task";
	const struct container_about *a;

	put_file(containerd_privileged, "%s/default/web-1/config.json", tasks);
	put_file(containerd_spec, "%s/default/.hidden/config.json", tasks);
	a = about("tree-ctr", "/default/web-1");
	CHECK_EQ(a->id.runtime, CONTAINER_CONTAINERD);
	CHECK_STR(a->id.id, "web-1");
	CHECK_STR(a->name, "breakout");
	CHECK(a->privileged);
	CHECK_STR(about("tree-ctr", "/other/web-1")->reason, "not a container");
	CHECK_STR(about("tree-ctr", "/default/web-2")->reason, "not a container");
	CHECK_STR(about("tree-ctr", "/default/.hidden")->reason, "not a container");
	CHECK_STR(about("tree-ctr", "/default/..")->reason, "not a container");
	CHECK_STR(about("tree-ctr", "/default/web-1/sub")->reason, "not a container");
	CHECK_STR(about("tree-ctr", "/system.slice/cron.service")->reason, "not a container");
}

TEST(crio)
{
	static const char *const places[] = { "/run/containers/storage",
					      "/var/run/containers/storage",
					      "/var/lib/containers/storage" };
	const struct container_about *a;

	for (unsigned i = 0; i < 3; i++) {
		char root[32];

		snprintf(root, sizeof(root), "tree-crio%u", i);
		put_file(crio_spec, "%s%s/overlay-containers/%s/userdata/config.json", root,
			 places[i], ID_CRIO);
		a = about(root, "/kubepods.slice/kubepods-pod1.slice/crio-" ID_CRIO ".scope");
		CHECK_EQ(a->id.runtime, CONTAINER_CRIO);
		CHECK_STR(a->name, "router");
		CHECK_STR(a->image, "quay.io/haproxy:2.8");
		CHECK_STR(a->reason, "");
		CHECK(!a->privileged);
		CHECK_TEXT(a->labels, "io.kubernetes.container.name=router\n"
				      "io.kubernetes.pod.namespace=ingress");
		CHECK_TEXT(a->mounts, "/var/lib/kubelet/pods/1/etc-hosts:/etc/hosts");
	}
	/* podman and CRI-O share a storage, and are told apart. */
	a = about("tree-crio2", "/kubepods/pod1/" ID_CRIO);
	CHECK_EQ(a->id.runtime, CONTAINER_CRIO);
}

/* What is wrong -------------------------------------------------------------------------------- */

TEST(what_is_missing_or_broken_has_a_reason)
{
	static const char config[] = "tree-bad/var/lib/docker/containers/" ID_DOCKER
				     "/config.v2.json";
	static const struct {
		const char *text, *reason;
	} rows[] = {
		{ "", "JSON, byte 0: no value" },
		{ "{\"Name\":\"/x\"", "JSON, byte 12: no comma or end of a list" },
		{ "{\"Name\":\"/x\"} trailing", "JSON, byte 14: something behind the end" },
		{ "{\"Name\":\"\\q\"}", "JSON, byte 9: an escape that is none" },
	};
	const struct container_about *a;
	char want[200];

	(void)mkdir("tree-bad", 0755);
	a = about("tree-bad", "/docker/" ID_DOCKER);
	CHECK_STR(a->reason, "no docker here has files of it");
	CHECK_STR(a->id.id, ID_DOCKER);
	a = about("tree-bad", "/kubepods/pod1/" ID_DOCKER);
	CHECK_STR(a->reason, "no runtime here has files of it");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		put_file(rows[i].text, "%s", config);
		a = about("tree-bad", "/docker/" ID_DOCKER);
		snprintf(want, sizeof(want), "containers/" ID_DOCKER "/config.v2.json: %s",
			 rows[i].reason);
		CHECK_STR(a->reason, want);
		CHECK_EQ(a->id.runtime, CONTAINER_DOCKER);
	}
	/* Something else in each place. */
	put_file("{\"Name\":7,\"Config\":[{}],\"MountPoints\":{\"/x\":null,\"/y\":[]}}", "%s",
		 config);
	a = about("tree-bad", "/docker/" ID_DOCKER);
	CHECK_STR(a->name, "");
	CHECK_STR(a->image, "");
	REQUIRE(unlink(config) == 0 && mkfifo(config, 0600) == 0);
	a = about("tree-bad", "/docker/" ID_DOCKER);
	CHECK_STR(a->reason, "containers/" ID_DOCKER "/config.v2.json: EINVAL");
}

static void read_as_nobody(void *arg)
{
	const struct container_about *a;

	(void)arg;
	EXPECT(setgid(65534) == 0 && setuid(65534) == 0);
	a = about("tree-closed", "/docker/" ID_DOCKER);
	EXPECT(strcmp(a->reason, "containers/" ID_DOCKER "/config.v2.json: EACCES") == 0);
}

TEST(what_may_not_be_read_has_a_reason)
{
	if (geteuid() != 0)
		SKIP("needs root");
	REQUIRE(chmod(".", 0755) == 0);
	make_docker("tree-closed", "/var/lib/docker");
	CHECK_EQ(in_child(read_as_nobody, NULL), 0);
}

TEST(many_labels_are_cut)
{
	static char text[200000];
	size_t n = (size_t)sprintf(text, "{\"Name\":\"/many\",\"Config\":{\"Labels\":{");
	const struct container_about *a;

	for (unsigned i = 0; i < 5000; i++)
		n += (size_t)sprintf(text + n, "%s\"label-%u\":\"value\"", i ? "," : "", i);
	sprintf(text + n, "}}}");
	put_file(text, "tree-many/var/lib/docker/containers/" ID_DOCKER "/config.v2.json");
	a = about("tree-many", "/docker/" ID_DOCKER);
	CHECK_EQ(a->labels.length, CONTAINER_TEXT_MAX);
	CHECK_EQ(a->labels.whole, n - strlen("{\"Name\":\"/many\",\"Config\":{\"Labels\":{") -
					  5000 * strlen("\"\"\"\""));
	CHECK_MEM(a->labels.bytes, "label-0=value\nlabel-1=value\n", 28);
}

/* Through the helper --------------------------------------------------------------------------- */

TEST(a_container_becomes_a_record)
{
	struct helper_request q = { .kind = HELPER_CONTAINER, .cgroup = 4711 };
	struct container_reader *r = reader_of(NULL);
	struct helper_task task;
	static struct gather g;
	struct reel_err err = { 0 };
	struct ev_container c;
	char root[PATH_MAX];
	struct helper *h;

	container_reader_free(r);
	make_docker("tree-helper", "/var/lib/docker");
	REQUIRE(realpath("tree-helper", root) != NULL);
	r = reader_of(root);
	task = container_task(r);
	REQUIRE(helper_start(&(struct helper_options){ .tasks = &task, .n_tasks = 1 }, &h, &err) ==
		0);
	q.path = "/docker/" ID_DOCKER;
	q.path_length = strlen(q.path);
	CHECK_EQ(helper_ask(h, &q), 0);
	q.path = "/system.slice/cron.service";
	q.path_length = strlen(q.path);
	CHECK_EQ(helper_ask(h, &q), 0);
	q.path = "/docker/" ID_PODMAN;
	q.path_length = strlen(q.path);
	q.again = true;
	CHECK_EQ(helper_ask(h, &q), 0);
	CHECK_EQ(gather_stop(&g, h), 0);
	REQUIRE(g.n == 2);
	memcpy(&c, g.list[0].fixed, sizeof(c));
	CHECK_EQ(g.list[0].type, EV_container);
	CHECK_EQ(c.cgroup, 4711);
	CHECK_EQ(c.runtime, CONTAINER_DOCKER);
	CHECK_EQ(c.privileged, 0);
	CHECK(strncmp(g.list[0].text, "<" ID_DOCKER "><shop-web-1><nginx:1.27><maintainer=", 90) ==
	      0);
	CHECK_EQ(g.list[1].flags, EV_KEYFRAME);
	CHECK_STR(g.list[1].text, "<" ID_PODMAN "><><><><><no docker here has files of it>");
	container_reader_free(r);
}
