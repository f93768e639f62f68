/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What container runtimes leave on disk, as they write it: one line or indented, with all that does
 * not matter to us in between, shortened where it repeats itself.
 */
#ifndef REEL_TESTS_UNIT_RECORD_RUNTIMES_H
#define REEL_TESTS_UNIT_RECORD_RUNTIMES_H

#define ID_DOCKER "1dfdc8a44215a19bde3fb029ecbefb9401adf0b38c74c6417330d39d9c4de247"
#define ID_PRIVILEGED "dde7a808085163a0680de9bcf9495927334728320258c66faf0f5fb018a919f1"
#define ID_PODMAN "57656b20fb883085861e0047f87e29302bfb811ca3e13ab9308650b7070f2fd5"
#define ID_ROOTLESS "e603f8ebd438b8405b9b835b9d38cb913ea2479f5b29f8e4308b88e9a92e8c4b"
#define ID_CONTAINERD "7d6ad449ae76b3166d44ccb50db26fca776353225381820a16dbad3dbbe5861b"
#define ID_SANDBOX "cb07c78e242382171ac035d9b888454f71bb393e788f7feaa7ee13d4ead5cb34"
#define ID_CRIO "2ce0d2ad61e6c6f318b83c01ca2f4f8fdef947a0345a5734c9fa885e5e963f0b"

/* docker: /var/lib/docker/containers/ID/config.v2.json, of one line */
static const char docker_config[] =
	"{\"StreamConfig\":{},\"State\":{\"Running\":true,\"Paused\":false,\"Restarting\":false,"
	"\"OOMKilled\":false,\"RemovalInProgress\":false,\"Dead\":false,\"Pid\":74403,"
	"\"ExitCode\":0,\"Error\":\"\",\"StartedAt\":\"2026-11-20T07:12:43.108513894Z\","
	"\"FinishedAt\":\"0001-01-01T00:00:00Z\",\"Health\":null},\"ID\":\"" ID_DOCKER "\","
	"\"Created\":\"2026-11-20T07:12:42.802517322Z\",\"Managed\":false,"
	"\"Path\":\"/docker-entrypoint.sh\",\"Args\":[\"nginx\",\"-g\",\"daemon off;\"],"
	"\"Config\":{\"Hostname\":\"1dfdc8a44215\",\"Domainname\":\"\",\"User\":\"\","
	"\"AttachStdin\":false,\"AttachStdout\":false,\"AttachStderr\":false,"
	"\"ExposedPorts\":{\"80/tcp\":{}},\"Tty\":false,\"OpenStdin\":false,\"StdinOnce\":false,"
	"\"Env\":[\"PATH=/usr/local/sbin:/usr/sbin\",\"NGINX_VERSION=1.27.4\",\"QUOTE=\\\"\"],"
	"\"Cmd\":[\"nginx\",\"-g\",\"daemon off;\"],\"Image\":\"nginx:1.27\",\"Volumes\":null,"
	"\"WorkingDir\":\"\",\"Entrypoint\":[\"/docker-entrypoint.sh\"],\"OnBuild\":null,"
	"\"Labels\":{\"maintainer\":\"NGINX Docker Maintainers \\u003cdocker-maint@nginx.com"
	"\\u003e\",\"com.docker.compose.project\":\"shop\",\"note\":\"two\\nlines \\\\ more\"},"
	"\"StopSignal\":\"SIGQUIT\"},"
	"\"Image\":\"sha256:97662d24417b316f60607afbca9f226a2ba58f09d642f27b8e197a89859ddc8e\","
	"\"NetworkSettings\":{\"Bridge\":\"\",\"SandboxID\":\"a7c0932a2acb\",\"Ports\":{\"80/tcp\":"
	"[{\"HostIp\":\"0.0.0.0\",\"HostPort\":\"8088\"}]},\"SecondaryIPAddresses\":null},"
	"\"LogPath\":\"/var/lib/docker/containers/" ID_DOCKER "/" ID_DOCKER "-json.log\","
	"\"Name\":\"/shop-web-1\",\"Driver\":\"overlay2\",\"OS\":\"linux\",\"MountLabel\":\"\","
	"\"ProcessLabel\":\"\",\"RestartCount\":0,\"HasBeenStartedBefore\":true,"
	"\"HasBeenManuallyStopped\":false,\"MountPoints\":{"
	"\"/etc/nginx\":{\"Source\":\"/srv/web/conf\",\"Destination\":\"/etc/nginx\",\"RW\":false,"
	"\"Name\":\"\",\"Driver\":\"\",\"Type\":\"bind\",\"Propagation\":\"rprivate\",\"Spec\":"
	"{\"Type\":\"bind\",\"Source\":\"/srv/web/conf\",\"Target\":\"/etc/nginx\","
	"\"ReadOnly\":true},\"SkipMountpointCreation\":false},"
	"\"/data\":{\"Source\":\"/var/lib/docker/volumes/shop_data/_data\",\"Destination\":\"/data\","
	"\"RW\":true,\"Name\":\"shop_data\",\"Driver\":\"local\",\"Type\":\"volume\","
	"\"Relabel\":\"z\",\"Spec\":{\"Type\":\"volume\",\"Source\":\"shop_data\",\"Target\":\"/data\"},"
	"\"SkipMountpointCreation\":false},"
	"\"/old\":{\"Source\":\"\",\"Destination\":\"/old\",\"RW\":true,\"Name\":\"anon\","
	"\"Driver\":\"local\",\"Type\":\"volume\",\"Spec\":{}},"
	"\"/net\":{\"Source\":\"\",\"Destination\":\"/net\",\"RW\":true,\"Name\":\"remote\","
	"\"Driver\":\"nfs\",\"Type\":\"volume\",\"Spec\":{}}},"
	"\"SecretReferences\":null,\"ConfigReferences\":null,\"AppArmorProfile\":\"docker-default\","
	"\"SeccompProfile\":\"\",\"NoNewPrivileges\":false,"
	"\"LocalLogCacheMeta\":{\"HaveNotifyEnabled\":false}}";

static const char docker_host[] =
	"{\"Binds\":[\"/srv/web/conf:/etc/nginx:ro\"],\"ContainerIDFile\":\"\",\"LogConfig\":"
	"{\"Type\":\"json-file\",\"Config\":{}},\"NetworkMode\":\"shop_default\",\"PortBindings\":"
	"{\"80/tcp\":[{\"HostIp\":\"\",\"HostPort\":\"8088\"}]},\"RestartPolicy\":{\"Name\":\"no\","
	"\"MaximumRetryCount\":0},\"AutoRemove\":false,\"CapAdd\":null,\"CapDrop\":null,"
	"\"CgroupnsMode\":\"private\",\"IpcMode\":\"private\",\"Privileged\":false,"
	"\"PublishAllPorts\":false,\"ReadonlyRootfs\":false,\"SecurityOpt\":null,"
	"\"ShmSize\":67108864,\"Runtime\":\"runc\",\"CpuShares\":0,\"Memory\":0,\"NanoCpus\":0,"
	"\"MaskedPaths\":[\"/proc/asound\",\"/proc/acpi\"],\"ReadonlyPaths\":[\"/proc/bus\"]}";

static const char docker_host_privileged[] =
	"{\"Binds\":null,\"NetworkMode\":\"host\",\"CapAdd\":null,\"PidMode\":\"host\","
	"\"Privileged\":true,\"SecurityOpt\":[\"label=disable\"],\"MaskedPaths\":null}";

static const char docker_config_privileged[] =
	"{\"ID\":\"" ID_PRIVILEGED "\",\"Config\":{\"Image\":\"busybox\",\"Labels\":{}},"
	"\"Name\":\"/root_shell\",\"MountPoints\":{\"/host\":{\"Source\":\"/\",\"Destination\":"
	"\"/host\",\"RW\":true,\"Name\":\"\",\"Driver\":\"\",\"Type\":\"bind\"}}}";

/* podman: STORAGE/overlay-containers/containers.json; its metadata is JSON in a string */
static const char podman_list[] =
	"[{\"id\":\"" ID_DOCKER "\",\"names\":[\"other\"],\"image\":\"97662d24417b\",\"layer\":"
	"\"aa\",\"metadata\":\"{\\\"image-name\\\":\\\"docker.io/library/redis:7\\\"}\",\"created\":"
	"\"2026-10-11T16:37:29.214855063Z\"},"
	"{\"id\":\"" ID_PODMAN "\",\"names\":[\"sleepy_ramanujan\"],\"image\":"
	"\"97662d24417b316f60607afbca9f226a2ba58f09d642f27b8e197a89859ddc8e\",\"layer\":"
	"\"2115060fb7fe51dd2068d56ab4976450dd70f010051df5c5be7fd39fa98138a0\",\"metadata\":"
	"\"{\\\"image-name\\\":\\\"docker.io/library/nginx:1.27.4\\\",\\\"image-id\\\":"
	"\\\"97662d24417b316f60607afbca9f226a2ba58f09d642f27b8e197a89859ddc8e\\\",\\\"name\\\":"
	"\\\"sleepy_ramanujan\\\",\\\"created-at\\\":1760200649}\",\"created\":"
	"\"2026-10-11T16:37:29.214855063Z\",\"flags\":{\"MountLabel\":"
	"\"system_u:object_r:container_file_t:s0:c672,c910\",\"ProcessLabel\":"
	"\"system_u:system_r:container_t:s0:c672,c910\"}}]";

/* Of containers that go when they end: volatile-containers.json */
static const char podman_volatile[] =
	"[{\"id\":\"" ID_ROOTLESS "\",\"names\":[\"dev-db\"],\"image\":\"ab\",\"layer\":\"cd\","
	"\"metadata\":\"{\\\"image-name\\\":\\\"docker.io/library/postgres:14-alpine\\\","
	"\\\"name\\\":\\\"dev-db\\\"}\",\"created\":\"2026-11-20T10:00:00Z\",\"flags\":"
	"{\"Volatile\":true}}]";

/* The head that each config.json of the specification begins with. */
#define SPEC_HEAD                                                                                  \
	"{\n  \"ociVersion\": \"1.0.2-dev\",\n  \"process\": {\n    \"terminal\": true,\n"         \
	"    \"user\": { \"uid\": 0, \"gid\": 0, \"umask\": 18 },\n"                               \
	"    \"args\": [ \"sleep\", \"100\" ],\n    \"env\": [ \"TERM=xterm\" ],\n"                \
	"    \"cwd\": \"/\",\n"
#define CAPS_USUAL                                                                                 \
	"    \"capabilities\": { \"bounding\": [ \"CAP_CHOWN\", \"CAP_KILL\" ] },\n"
#define CAPS_ALL                                                                                   \
	"    \"capabilities\": { \"bounding\": [ \"CAP_CHOWN\", \"CAP_SYS_ADMIN\", "               \
	"\"CAP_SYS_MODULE\", \"CAP_BPF\" ] },\n"
#define SPEC_MOUNTS                                                                                \
	"    \"oomScoreAdj\": 0\n  },\n  \"root\": { \"path\": \"rootfs\" },\n"                    \
	"  \"hostname\": \"444a8274863a\",\n  \"mounts\": [\n"                                     \
	"    { \"destination\": \"/proc\", \"type\": \"proc\", \"source\": \"proc\",\n"            \
	"      \"options\": [ \"nosuid\", \"noexec\", \"nodev\" ] },\n"                            \
	"    { \"destination\": \"/sys/fs/cgroup\", \"type\": \"cgroup\", \"source\": \"cgroup\"," \
	" \"options\": [ \"ro\" ] },\n"
#define MASKED                                                                                     \
	"    \"seccomp\": { \"defaultAction\": \"SCMP_ACT_ERRNO\" },\n"                            \
	"    \"maskedPaths\": [ \"/proc/acpi\", \"/proc/kcore\" ],\n"

static const char podman_spec[] = SPEC_HEAD CAPS_USUAL SPEC_MOUNTS
	"    { \"destination\": \"/usr/share/nginx/html\", \"type\": \"bind\", \"source\": \"/data\",\n"
	"      \"options\": [ \"rbind\", \"rprivate\", \"ro\" ] },\n"
	"    { \"destination\": \"/etc/hostname\", \"type\": \"bind\", \"source\":\n"
	"      \"/run/containers/storage/overlay-containers/x/userdata/hostname\",\n"
	"      \"options\": [ \"bind\", \"rprivate\" ] }\n  ],\n"
	"  \"hooks\": {},\n  \"annotations\": {\n    \"io.container.manager\": \"libpod\",\n"
	"    \"io.kubernetes.cri-o.Created\": \"2026-07-29T11:36:40.51830451+05:30\",\n"
	"    \"io.podman.annotations.privileged\": \"FALSE\",\n"
	"    \"org.opencontainers.image.stopSignal\": \"15\"\n  },\n"
	"  \"linux\": {\n" MASKED
	"    \"cgroupsPath\": \"machine.slice:libpod:" ID_PODMAN "\",\n"
	"    \"namespaces\": [ { \"type\": \"pid\" } ]\n  }\n}\n";

static const char podman_spec_privileged[] = SPEC_HEAD CAPS_USUAL SPEC_MOUNTS
	"    { \"destination\": \"/pg\", \"type\": \"bind\", \"source\": \"/home/eve/pg\",\n"
	"      \"options\": [ \"rbind\" ] }\n  ],\n"
	"  \"annotations\": {\n    \"io.container.manager\": \"libpod\",\n"
	"    \"io.podman.annotations.privileged\": \"TRUE\"\n  },\n"
	"  \"linux\": {\n    \"namespaces\": [ { \"type\": \"pid\" } ]\n  }\n}\n";

/* containerd for Kubernetes: a bundle a container, and one for the pod itself */
#define CRI_SANDBOX                                                                                \
	"    \"io.kubernetes.cri.sandbox-id\": \"" ID_SANDBOX "\",\n"                              \
	"    \"io.kubernetes.cri.sandbox-name\": \"nginx-5d5dd5db49-abcde\",\n"                    \
	"    \"io.kubernetes.cri.sandbox-namespace\": \"default\",\n"                              \
	"    \"io.kubernetes.cri.sandbox-uid\": \"25fae09f-aef9-4b5a-950f-80ea16cf5e1e\"\n  },\n"

static const char containerd_spec[] = SPEC_HEAD CAPS_USUAL SPEC_MOUNTS
	"    { \"destination\": \"/var/run/secrets/kubernetes.io/serviceaccount\",\n"
	"      \"type\": \"bind\", \"source\": \"/var/lib/kubelet/pods/25fa/volumes/token\",\n"
	"      \"options\": [ \"rbind\", \"rprivate\", \"ro\" ] }\n  ],\n"
	"  \"annotations\": {\n    \"io.kubernetes.cri.container-name\": \"nginx\",\n"
	"    \"io.kubernetes.cri.container-type\": \"container\",\n"
	"    \"io.kubernetes.cri.image-name\": \"docker.io/library/nginx:latest\",\n" CRI_SANDBOX
	"  \"linux\": {\n" MASKED
	"    \"resources\": { \"devices\": [ { \"allow\": false, \"access\": \"rwm\" } ] }\n  }\n}\n";

static const char containerd_sandbox[] = SPEC_HEAD CAPS_USUAL SPEC_MOUNTS
	"    { \"destination\": \"/dev/shm\", \"type\": \"bind\", \"source\": \"/run/shm\",\n"
	"      \"options\": [ \"rbind\", \"ro\" ] }\n  ],\n"
	"  \"annotations\": {\n    \"io.kubernetes.cri.container-type\": \"sandbox\",\n" CRI_SANDBOX
	"  \"linux\": {\n" MASKED "    \"resources\": {}\n  }\n}\n";

/* nerdctl and ctr: all capabilities, nothing masked, no filter */
static const char containerd_privileged[] = SPEC_HEAD CAPS_ALL SPEC_MOUNTS
	"    { \"destination\": \"/h\", \"type\": \"bind\", \"source\": \"/\", \"options\": [ \"rbind\" ]"
	" }\n  ],\n  \"annotations\": { \"nerdctl/name\": \"breakout\" },\n"
	"  \"linux\": {\n    \"resources\": { \"devices\": [ { \"allow\": true, \"access\": \"rwm\" } ]"
	" }\n  }\n}\n";

/* CRI-O: labels are JSON in an annotation */
static const char crio_spec[] = SPEC_HEAD CAPS_USUAL SPEC_MOUNTS
	"    { \"destination\": \"/etc/hosts\", \"type\": \"bind\",\n"
	"      \"source\": \"/var/lib/kubelet/pods/1/etc-hosts\", \"options\": [ \"rw\", \"rbind\" ] }\n"
	"  ],\n  \"annotations\": {\n    \"io.container.manager\": \"cri-o\",\n"
	"    \"io.kubernetes.container.name\": \"router\",\n"
	"    \"io.kubernetes.cri-o.Annotations\": \"{\\\"io.kubernetes.container.hash\\\":\\\"7a\\\"}\",\n"
	"    \"io.kubernetes.cri-o.ContainerID\": \"" ID_CRIO "\",\n"
	"    \"io.kubernetes.cri-o.ContainerName\": \"k8s_router_router-1_ingress_25fae09f_0\",\n"
	"    \"io.kubernetes.cri-o.ContainerType\": \"container\",\n"
	"    \"io.kubernetes.cri-o.Image\": \"quay.io/haproxy@sha256:1111\",\n"
	"    \"io.kubernetes.cri-o.ImageName\": \"quay.io/haproxy:2.8\",\n"
	"    \"io.kubernetes.cri-o.Labels\": \"{\\\"io.kubernetes.container.name\\\":\\\"router\\\","
	"\\\"io.kubernetes.pod.namespace\\\":\\\"ingress\\\"}\",\n"
	"    \"io.kubernetes.cri-o.PrivilegedRuntime\": \"true\"\n  },\n"
	"  \"linux\": {\n" MASKED "    \"resources\": {}\n  }\n}\n";

#endif
