/* SPDX-License-Identifier: BSD-2-Clause */
/* A foreign ELF file, of which functions are looked for. What is found lies in the file. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "record/elf.h"

#define MUST(cond)               \
	do {                     \
		if (!(cond))     \
			abort(); \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "first", "a_first", "second", "main", "SSL_read" };
	enum { N = sizeof(names) / sizeof(names[0]) };
	static struct elf_answer answer;
	static struct elf_work *work;
	static int fd = -1;
	struct reel_err err = { 0 };
	int r;

	if (fd < 0) {
		fd = memfd_create("elf", MFD_CLOEXEC);
		work = elf_work_new();
		MUST(fd >= 0 && work);
	}
	MUST(ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
	r = elf_find_functions(fd, names, N, work, &answer, &err);
	MUST(r == 0 || (r < 0 && err.msg[0]));
	for (unsigned i = 0; r == 0 && i < N; i++) {
		const struct elf_function *f = &answer.function[i];

		MUST(f->offset <= size && f->code_bytes <= sizeof(f->code));
		MUST(!f->offset || f->into <= f->segment_bytes);
	}
	return 0;
}
