/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where functions lie in a foreign ELF file: the offset in the file of each that a symbol table
 * names, .dynsym first, then .symtab, and the first bytes of its code. Executables and shared
 * objects of x86-64, x32 and i386.
 *
 * The file may be hostile. Nothing is mapped and nothing is kept: it is read through buffers of
 * fixed size, 100 KiB together, which the caller provides, so that the parser can run in a process
 * that may do nothing but read and write (elf_child.h).
 */
#ifndef REEL_RECORD_ELF_H
#define REEL_RECORD_ELF_H

#include <stddef.h>
#include <stdint.h>

#include "format/err.h"

enum {
	ELF_MAX_NAMES = 96,	 /* functions asked for at once */
	ELF_MAX_NAME_BYTES = 64, /* of each of them, its NUL included */
	ELF_CODE_BYTES = 64,
	ELF_MAX_SECTIONS = 4096,
	ELF_MAX_SEGMENTS = 256,
	ELF_MAX_TABLE_BYTES = 1 << 28, /* of one symbol or string table */
};

struct elf_function {
	uint64_t offset; /* in the file; 0: not there */
	uint64_t into;	 /* in its segment */
	uint64_t segment_bytes;
	uint8_t code[ELF_CODE_BYTES];
	uint8_t code_bytes;
};

struct elf_answer {
	unsigned bits; /* 32 or 64: how its code is run; x32 is 64 */
	struct elf_function function[ELF_MAX_NAMES];
};

struct elf_work;
struct elf_work *elf_work_new(void);
void elf_work_free(struct elf_work *w);

/*
 * -ENOEXEC: no ELF file, not one of these machines, or damaged; -ENODATA: it has no symbols;
 * -EOPNOTSUPP: beyond a limit; -EINVAL: too many names, or one too long. Else as reading fails.
 */
int elf_find_functions(int fd, const char *const *names, size_t n, struct elf_work *w,
		       struct elf_answer *ret, struct reel_err *err);

#endif
