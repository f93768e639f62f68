/* SPDX-License-Identifier: BSD-2-Clause */
/* What a program may do that a reading command runs for its user. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "format/confine_calls.h"
#include "format/confine_impl.h"

/* The loader is run, too; it is ours as well. NULL: we are linked statically. */
static const char *own_loader(void)
{
	const ElfW(Phdr) *headers = (const ElfW(Phdr) *)getauxval(AT_PHDR);
	unsigned long n = getauxval(AT_PHNUM);
	uintptr_t base = 0;

	for (unsigned long i = 0; headers && i < n; i++)
		if (headers[i].p_type == PT_PHDR)
			base = (uintptr_t)headers - headers[i].p_vaddr;
	for (unsigned long i = 0; headers && i < n; i++)
		if (headers[i].p_type == PT_INTERP)
			return (const char *)(base + headers[i].p_vaddr);
	return NULL;
}

static int may_run(const struct confine_reader *c, const char *path)
{
	int fd = path ? open(path, O_PATH | O_CLOEXEC) : -1, r;

	if (fd < 0)
		return path ? -errno : 0;
	r = confine_landlock_allow(c->landlock_fd, fd, LANDLOCK_EXECUTE);
	close(fd);
	return r;
}

void confine_session(const char *program, const char *written, struct confine_report *ret)
{
	struct confine_reader c = { .reads_anywhere = true, .writes_database = true };
	struct confine_rights rights = { 0 };
	int r;

	memset(ret, 0, sizeof(*ret));
	confine_reader_begin(&c);
	confine_reader_may_spill(&c);
	if (written)
		confine_reader_may_write(&c, written);
	r = c.landlock_failed;
	if (r == 0)
		r = may_run(&c, program);
	if (r == 0)
		r = may_run(&c, own_loader());
	if (r < 0)
		confine_tell(ret, CONFINE_LANDLOCK,
			     r == -EOPNOTSUPP ? CONFINE_NOT_THERE : CONFINE_REFUSED, "%s",
			     r == -EOPNOTSUPP ? "the kernel has no Landlock" : strerror(-r));
	rights.landlock_fd = r < 0 ? -1 : c.landlock_fd;
	rights.keep_caps = rights.keep_bounding = confine_reader_caps(&c);
	confine_give_up(&rights);
	confine_tell_rights(ret, &rights);
	confine_filter_calls(CALLS_SESSION, 0, ret);
	confine_reader_drop(&c);
}
