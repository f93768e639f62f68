/* SPDX-License-Identifier: BSD-2-Clause */
/* Fields of the classes priv, mem, kernel and ipc, each with a value that is seen nowhere else. */
#include <grp.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/landlock.h>
#include <linux/perf_event.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/shm.h>
#include <sys/timex.h>
#include <time.h>
#include <sys/uio.h>

#include "tests/e2e/expect.h"

static void identities(void)
{
	int pid = getpid();
	gid_t groups[3] = { 11, 22, 33 };

	need(syscall(SYS_setgroups, 3, groups) == 0);
	expect(1, "'type':'setgroups','pid':%d,'count':3,'groups':[11,22,33],'ret':0", pid);
	need(syscall(SYS_setresgid, 101, 102, 103) == 0);
	expect(1,
	       "'type':'setgid','pid':%d,'gid':101,'egid':102,'sgid':103,'fsgid':102,'old_gid':0,"
	       "'old_egid':0,'old_sgid':0,'old_fsgid':0,'syscall':'setresgid','ret':0",
	       pid);
	need(syscall(SYS_setfsuid, 55) == 0);
	expect(1,
	       "'type':'setuid','pid':%d,'uid':0,'euid':0,'fsuid':55,'old_fsuid':0,"
	       "'syscall':'setfsuid'",
	       pid);
	need(syscall(SYS_setresuid, 201, 202, 203) == 0);
	expect(1,
	       "'type':'setuid','pid':%d,'uid':201,'euid':202,'suid':203,'fsuid':202,'old_uid':0,"
	       "'old_euid':0,'old_suid':0,'old_fsuid':55,'syscall':'setresuid'",
	       pid);
	need(syscall(SYS_setuid, 0) == -1);
	expect(1, "'type':'setuid','pid':%d,'errno':'EPERM','uid':201,'old_uid':201,'euid':202",
	       pid);
	need(syscall(SYS_setgroups, 3, groups) == -1);
	expect(1, "'type':'setgroups','pid':%d,'errno':'EPERM'", pid);
}

static void capabilities(void)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct caps[2], less[2] = { 0 };
	unsigned long long before, after;

	need(syscall(SYS_capget, &head, caps) == 0);
	less[0].effective = 1u << CAP_KILL;
	less[0].permitted = 1u << CAP_KILL | 1u << CAP_CHOWN;
	less[0].inheritable = 0;
	need(syscall(SYS_capset, &head, less) == 0);
	before = caps[0].permitted | (unsigned long long)caps[1].permitted << 32;
	after = less[0].permitted;
	expect(1,
	       "'type':'capset','pid':%d,'cap_effective':%llu,'cap_permitted':%llu,"
	       "'cap_inheritable':0,'old_permitted':%llu,'old_effective':%llu,'ret':0",
	       getpid(), 1ull << CAP_KILL, after, before,
	       caps[0].effective | (unsigned long long)caps[1].effective << 32);
	need(syscall(SYS_capset, &head, caps) == -1);
	expect(1, "'type':'capset','pid':%d,'errno':'EPERM'", getpid());
}

static void properties(void)
{
	int pid = getpid();

	need(prctl(PR_SET_NAME, "a new name") == 0);
	expect(1, "'type':'prctl','pid':%d,'option':%d,'text':'a new name','ret':0", pid,
	       PR_SET_NAME);
	need(prctl(PR_SET_PDEATHSIG, SIGUSR2, 3, 4, 5) == 0);
	expect(1, "'type':'prctl','pid':%d,'option':%d,'arg2':%d,'arg3':3,'arg4':4,'arg5':5", pid,
	       PR_SET_PDEATHSIG, SIGUSR2);
	need(prctl(PR_SET_KEEPCAPS, 99, 0, 0, 0) == -1);
	expect(1, "'type':'prctl','pid':%d,'option':%d,'arg2':99,'errno':'EINVAL'", pid,
	       PR_SET_KEEPCAPS);
	need(personality(ADDR_NO_RANDOMIZE) != -1);
	expect(1, "'type':'personality','pid':%d,'persona':%d,'ret':0", pid, ADDR_NO_RANDOMIZE);
}

static void keys(void)
{
	long ret = syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, "reel ring");

	if (ret < 0 && errno == ENOSYS) {
		case_skip("no keys in this kernel");
		return;
	}
	need(ret > 0);
	expect(1, "'type':'keyctl','pid':%d,'cmd':%d,'syscall':'keyctl','ret':%ld", getpid(),
	       KEYCTL_JOIN_SESSION_KEYRING, ret);
	ret = syscall(SYS_add_key, "user", "reel:trap", "payload", 7, KEY_SPEC_SESSION_KEYRING);
	need(ret > 0);
	expect(1,
	       "'type':'keyctl','pid':%d,'syscall':'add_key','key_type':'user',"
	       "'description':'reel:trap','ret':%ld",
	       getpid(), ret);
	ret = syscall(SYS_request_key, "user", "reel:trap", NULL, 0);
	expect(1,
	       "'type':'keyctl','pid':%d,'syscall':'request_key','description':'reel:trap',"
	       "'ret':%ld",
	       getpid(), ret < 0 ? -(long)errno : ret);
}

static void landlock(void)
{
	struct landlock_ruleset_attr attr = { .handled_access_fs = LANDLOCK_ACCESS_FS_MAKE_SOCK };
	struct landlock_path_beneath_attr beneath = {
		.allowed_access = LANDLOCK_ACCESS_FS_MAKE_SOCK,
		.parent_fd = open("/tmp", O_PATH),
	};
	long fd = syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);

	if (fd < 0) {
		case_skip("no Landlock here: %s", strerror(errno));
		return;
	}
	expect(1, "'type':'landlock','pid':%d,'op':'create','ret':%ld,'flags':0", getpid(), fd);
	need(syscall(SYS_landlock_add_rule, fd, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) == 0);
	expect(1, "'type':'landlock','pid':%d,'op':'add','ruleset_fd':%ld,'ret':0", getpid(), fd);
	need(syscall(SYS_landlock_restrict_self, fd, 0) == 0);
	expect(1, "'type':'landlock','pid':%d,'op':'restrict','ruleset_fd':%ld,'ret':0", getpid(),
	       fd);
}

static void mappings(void)
{
	int fd = open("/bin/true", O_RDONLY), pid = getpid();
	char *name = realpath("/bin/true", NULL), *at, *none;

	at = mmap(NULL, 8192, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 4096);
	need(at != MAP_FAILED);
	expect(1,
	       "'type':'mmap','pid':%d,'ret':%llu,'addr':%llu,'length':8192,'offset':4096,'fd':%d,"
	       "'prot':%d,'flags':%d,'path':'%s','path_from':'object',%s",
	       pid, (unsigned long long)(uintptr_t)at, (unsigned long long)(uintptr_t)at, fd,
	       PROT_READ | PROT_EXEC, MAP_PRIVATE, name, file_id(fd));
	/* Data is no news: neither of a file, nor of none. */
	need(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0) != MAP_FAILED);
	none = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	need(none != MAP_FAILED);
	expect(1, "'type':'mmap','pid':%d", pid);
	need(mprotect(none, 4096, PROT_READ | PROT_EXEC) == 0);
	expect(1,
	       "'type':'mprotect','pid':%d,'addr':%llu,'length':4096,'prot':%d,'inode':0,'ret':0",
	       pid, (unsigned long long)(uintptr_t)none, PROT_READ | PROT_EXEC);
	need(mprotect(none, 4096, PROT_READ) == 0);
	expect(1, "'type':'mprotect','pid':%d,'addr':%llu", pid,
	       (unsigned long long)(uintptr_t)none);
}

static void others_memory(void)
{
	static char here[40], there[40] = "what lies there";
	struct iovec a = { here, sizeof(here) }, b = { there, sizeof(there) };
	int pid = getpid(), status;
	pid_t child = fork();

	if (child == 0) {
		pause();
		_exit(0);
	}
	need(process_vm_readv(child, &a, 1, &b, 1, 0) == 40);
	expect(1, "'type':'process_vm_readv','pid':%d,'target':%d,'addr':%llu,'count':40,'ret':40",
	       pid, child, (unsigned long long)(uintptr_t)there);
	need(process_vm_writev(child, &a, 1, &b, 1, 0) == 40);
	expect(1, "'type':'process_vm_writev','pid':%d,'target':%d,'addr':%llu,'count':40,'ret':40",
	       pid, child, (unsigned long long)(uintptr_t)there);
	need(ptrace(PTRACE_SEIZE, child, NULL, NULL) == 0);
	expect(1, "'type':'ptrace','pid':%d,'target':%d,'request':%d,'ret':0", pid, child,
	       PTRACE_SEIZE);
	need(ptrace(PTRACE_INTERRUPT, child, NULL, NULL) == 0 &&
	     waitpid(child, &status, 0) == child);
	need(syscall(SYS_ptrace, PTRACE_POKEDATA, child, there, 0x1234) == 0);
	expect(1, "'type':'ptrace','pid':%d,'target':%d,'request':%d,'addr':%llu,'data':%d", pid,
	       child, PTRACE_POKEDATA, (unsigned long long)(uintptr_t)there, 0x1234);
	kill(child, SIGKILL);
	expect_exit(child);
	need(process_vm_readv(child, &a, 1, &b, 1, 0) == -1);
	expect(1, "'type':'process_vm_readv','pid':%d,'target':%d,'errno':'ESRCH'", pid, child);
}

static void made(void)
{
	int pid = getpid(), fd = memfd_create("a name", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	expect(1, "'type':'memfd_create','pid':%d,'ret':%d,'fd':%d,'name':'a name','flags':%d,%s",
	       pid, fd, fd, MFD_CLOEXEC | MFD_ALLOW_SEALING, file_id(fd));
	fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
	if (fd >= 0)
		expect(1, "'type':'userfaultfd','pid':%d,'ret':%d,'flags':%d", pid, fd,
		       O_CLOEXEC | UFFD_USER_MODE_ONLY);
}

/* Refused, each with the values that it was asked with. */
static void kernel(void)
{
	struct perf_event_attr perf = { .type = PERF_TYPE_SOFTWARE,
					.size = sizeof(perf),
					.config = PERF_COUNT_SW_CONTEXT_SWITCHES };
	struct timespec time = { 1234567890, 2000000000 };
	union bpf_attr ask = { .start_id = 0x7ffffff0 };
	int pid = getpid(), fd, null = open("/dev/null", O_RDONLY);
	unsigned ring[30] = { 0 };

	syscall(SYS_init_module, "no module", 9, "param=1");
	expect(1, "'type':'init_module','pid':%d,'length':9,'params':'param=1','errno~':'E.*'",
	       pid);
	syscall(SYS_finit_module, null, "param=2", 2);
	expect(1,
	       "'type':'finit_module','pid':%d,'fd':%d,'params':'param=2','flags':2,"
	       "'errno~':'E.*','path':'/dev/null',%s",
	       pid, null, file_id(null));
	syscall(SYS_delete_module, "no_such_module", O_NONBLOCK);
	expect(1,
	       "'type':'delete_module','pid':%d,'name':'no_such_module','flags':%d,'errno~':'E.*'",
	       pid, O_NONBLOCK);
	need(syscall(SYS_bpf, BPF_PROG_GET_NEXT_ID, &ask, sizeof(ask)) == -1);
	expect(1, "'type':'bpf','pid':%d,'cmd':%d,'size':%zu,'errno':'ENOENT'", pid,
	       BPF_PROG_GET_NEXT_ID, sizeof(ask));
	fd = (int)syscall(SYS_perf_event_open, &perf, pid, -1, -1, 8);
	need(fd >= 0);
	expect(1,
	       "'type':'perf_event_open','pid':%d,'ret':%d,'perf_type':%d,'config':%d,"
	       "'target':%d,'target_cpu':-1,'flags':8",
	       pid, fd, PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES, pid);
	syscall(SYS_kexec_load, 0, 0, NULL, 0x7000);
	expect(1, "'type':'kexec','pid':%d,'syscall':'kexec_load','flags':%d,'segments':0", pid,
	       0x7000);
	syscall(SYS_kexec_file_load, -1, -1, 5, "ro=1", 0x7000);
	expect(1, "'type':'kexec','pid':%d,'syscall':'kexec_file_load','flags':%d,'kernel_fd':-1",
	       pid, 0x7000);
	fd = (int)syscall(SYS_io_uring_setup, 3, ring);
	if (fd >= 0)
		expect(1, "'type':'io_uring_setup','pid':%d,'ret':%d,'fd':%d,'entries':3", pid, fd,
		       fd);
	need(syscall(SYS_syslog, 10, NULL, 0) >= 0);
	expect(1, "'type':'syslog','pid':%d,'action':10,'ret~':'[0-9]+'", pid);
	need(syscall(SYS_reboot, 0x1234, 0x5678, 0x9abc, "text") == -1);
	expect(1, "'type':'reboot','pid':%d,'cmd':%d,'errno':'EINVAL'", pid, 0x9abc);
	need(syscall(SYS_clock_settime, CLOCK_REALTIME, &time) == -1);
	expect(1, "'type':'clock_settime','pid':%d,'clock':0,'errno':'EINVAL'", pid);
}

static void signals(void)
{
	siginfo_t info = { .si_code = SI_QUEUE, .si_signo = SIGURG };
	int pid = getpid(), tid = (int)syscall(SYS_gettid);

	need(syscall(SYS_tgkill, pid, tid, SIGURG) == 0);
	expect(1,
	       "'type':'kill','pid':%d,'syscall':'tgkill','target':%d,'target_tid':%d,"
	       "'signal':%d,'ret':0",
	       pid, pid, tid, SIGURG);
	need(syscall(SYS_tkill, tid, 0) == 0);
	expect(1, "'type':'kill','pid':%d,'syscall':'tkill','target_tid':%d,'signal':0", pid, tid);
	need(syscall(SYS_rt_sigqueueinfo, pid, SIGURG, &info) == 0);
	expect(1, "'type':'kill','pid':%d,'syscall':'rt_sigqueueinfo','target':%d,'signal':%d", pid,
	       pid, SIGURG);
	need(kill(-0x7fffff, 0) == -1);
	expect(1, "'type':'kill','pid':%d,'syscall':'kill','target':%d,'errno':'ESRCH'", pid,
	       -0x7fffff);
}

static void shared(void)
{
	int pid = getpid(), id = shmget(0x5265656c, 8192, IPC_CREAT | IPC_EXCL | 0600);
	void *at;

	need(id >= 0);
	at = shmat(id, NULL, SHM_RDONLY);
	need(at != (void *)-1 && shmdt(at) == 0 && shmctl(id, IPC_RMID, NULL) == 0);
	expect(1,
	       "'type':'shm','pid':%d,'syscall':'shmget','key':%d,'size':8192,'flags':%d,'ret':%d",
	       pid, 0x5265656c, IPC_CREAT | IPC_EXCL | 0600, id);
	expect(1, "'type':'shm','pid':%d,'syscall':'shmat','shm_id':%d,'flags':%d", pid, id,
	       SHM_RDONLY);
	expect(1, "'type':'shm','pid':%d,'syscall':'shmdt','ret':0", pid);
	expect(1, "'type':'shm','pid':%d,'syscall':'shmctl','shm_id':%d,'cmd':%d,'ret':0", pid, id,
	       IPC_RMID);
}

static void terminal(void)
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY), pid = getpid();

	need(fd >= 0);
	if (ioctl(fd, TIOCSTI, "R") == 0)
		expect(1, "'type':'tiocsti','pid':%d,'fd':%d,'character':%d,'ret':0,%s", pid, fd,
		       'R', file_id(fd));
	need(ioctl(open("/dev/null", O_RDONLY), TIOCSTI, "S") == -1);
	expect(1, "'type':'tiocsti','pid':%d,'character':%d,'errno':'ENOTTY'", pid, 'S');
	/* Other requests are none of this. */
	need(ioctl(fd, FIONREAD, &fd) == 0);
	expect_some("'type':'tiocsti','pid':%d", pid);
	expect(0, "'type':'setflags','pid':%d", pid);
}

static const struct trap traps[] = {
	{ "identities", identities },
	{ "capabilities", capabilities },
	{ "properties", properties },
	{ "keys", keys },
	{ "landlock", landlock },
	{ "mappings", mappings },
	{ "others-memory", others_memory },
	{ "made", made },
	{ "kernel", kernel },
	{ "signals", signals },
	{ "shared-memory", shared },
	{ "terminal", terminal },
};

TRAPS_MAIN(traps)
