/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/mapped.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef REEL_LOADABLE

/* How somebody else's program takes such errors is not ours to say. */
static int heed_bus_errors(void)
{
	return 0;
}

#else

/* A page that a file does not give any more is laid under whoever asked for it. It needs no list of
 * files: nothing else of the program is mapped that others could cut. */
static void on_bus_error(int signal, siginfo_t *info, void *context)
{
	uintptr_t page_bytes = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t page = (uintptr_t)info->si_addr & ~(page_bytes - 1);
	struct sigaction none = { .sa_handler = SIG_DFL };
	int saved = errno;

	(void)context;
	if (info->si_code != BUS_ADRERR ||
	    mmap((void *)page, page_bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		 0) == MAP_FAILED) {
		(void)sigaction(signal, &none, NULL);
		(void)raise(signal);
	}
	errno = saved;
}

static int heed_bus_errors(void)
{
	struct sigaction action = { .sa_sigaction = on_bus_error,
				    .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART };
	struct sigaction now;

	if (sigaction(SIGBUS, NULL, &now) == 0 && now.sa_flags & SA_SIGINFO &&
	    now.sa_sigaction == on_bus_error)
		return 0;
	return sigaction(SIGBUS, &action, NULL) < 0 ? -errno : 0;
}

#endif

int reel_mapped_open(int fd, size_t size, const uint8_t **ret)
{
	int r = heed_bus_errors();
	void *bytes;

	*ret = NULL;
	if (r < 0 || !size)
		return r;
	bytes = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	if (bytes == MAP_FAILED)
		return -errno;
	*ret = bytes;
	return 0;
}

void reel_mapped_close(const uint8_t *bytes, size_t size)
{
	if (bytes)
		munmap((void *)(uintptr_t)bytes, size);
}
