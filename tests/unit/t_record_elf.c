/* SPDX-License-Identifier: BSD-2-Clause */
/* Functions in ELF files: made ones, this program itself, and damaged copies of both. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "record/elf.h"
#include "record/elf_child.h"
#include "tests/unit/harness.h"

/* A file in memory ---------------------------------------------------------------------------- */

static int file_of(const void *bytes, size_t n)
{
	int fd = memfd_create("elf", MFD_CLOEXEC);

	for (size_t at = 0; at < n;) {
		ssize_t done = pwrite(fd, (const char *)bytes + at, n - at, (off_t)at);

		if (done <= 0)
			abort();
		at += (size_t)done;
	}
	return fd;
}

/* Both classes, with all that the parser looks at; the rest is zero. */
enum {
	CODE_AT = 0x1000, /* in the file */
	CODE_BYTES = 0x800,
	CODE_ADDRESS = 0x401000, /* not where it lies in the file */
	STRINGS_AT = 0x2000,
	DYNAMIC_AT = 0x3000,
	SYMBOLS_AT = 0x4000,
	SECTIONS_AT = 0x5000,
	IMAGE_BYTES = 0x6000,
	N_SECTIONS = 5,
};

static const char strings[] = "\0first\0a_first\0second\0data\0local\0twice\0outside\0absent";

static uint32_t string_at(const char *name)
{
	for (size_t i = 1; i < sizeof(strings); i++)
		if (strcmp(strings + i, name) == 0)
			return (uint32_t)i;
	abort();
}

struct symbol {
	const char *name;
	uint64_t value, size;
	uint8_t bind, type;
	uint16_t section;
};

static const struct symbol dynamic_symbols[] = {
	{ "", 0, 0, 0, 0, 0 },
	/* The end of another name, as linkers do it. */
	{ "first", CODE_ADDRESS + 0x10, 3, STB_GLOBAL, STT_FUNC, 1 },
	{ "data", CODE_ADDRESS + 0x20, 8, STB_GLOBAL, STT_OBJECT, 1 },
	{ "twice", CODE_ADDRESS + 0x30, 8, STB_WEAK, STT_FUNC, 1 },
	{ "second", 0, 0, STB_GLOBAL, STT_FUNC, SHN_UNDEF },
	{ "outside", CODE_ADDRESS + CODE_BYTES, 8, STB_GLOBAL, STT_FUNC, 1 },
};
static const struct symbol symbols[] = {
	{ "", 0, 0, 0, 0, 0 },
	{ "local", CODE_ADDRESS + 0x40, 8, STB_LOCAL, STT_FUNC, 1 },
	{ "twice", CODE_ADDRESS + 0x50, 8, STB_GLOBAL, STT_FUNC, 1 },
	{ "second", CODE_ADDRESS + 0x58, 8, STB_LOCAL, STT_FUNC, 1 },
	{ "second", CODE_ADDRESS + CODE_BYTES - 4, 0, STB_GLOBAL, STT_FUNC, 1 },
};
static const char *const names[] = { "first", "a_first", "second",  "data",
				     "local", "twice",	 "outside", "absent" };
enum { FIRST, A_FIRST, SECOND, DATA, LOCAL, TWICE, OUTSIDE, ABSENT, N_NAMES };

static size_t put_symbols(uint8_t *to, const struct symbol *from, size_t n, bool wide)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t info = (uint8_t)(from[i].bind << 4 | from[i].type);
		uint32_t name = from[i].name[0] ? string_at(from[i].name) : 0;

		if (wide)
			((Elf64_Sym *)(void *)to)[i] = (Elf64_Sym){ .st_name = name,
								    .st_info = info,
								    .st_shndx = from[i].section,
								    .st_value = from[i].value,
								    .st_size = from[i].size };
		else
			((Elf32_Sym *)(void *)to)[i] =
				(Elf32_Sym){ .st_name = name,
					     .st_info = info,
					     .st_shndx = from[i].section,
					     .st_value = (uint32_t)from[i].value,
					     .st_size = (uint32_t)from[i].size };
	}
	return n * (wide ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym));
}

static void put_section(uint8_t *image, unsigned i, bool wide, uint32_t type, uint64_t offset,
			uint64_t bytes, uint32_t link, uint64_t entry)
{
	if (wide)
		((Elf64_Shdr *)(void *)(image + SECTIONS_AT))[i] = (Elf64_Shdr){
			.sh_type = type,
			.sh_offset = offset,
			.sh_size = bytes,
			.sh_link = link,
			.sh_entsize = entry,
		};
	else
		((Elf32_Shdr *)(void *)(image + SECTIONS_AT))[i] = (Elf32_Shdr){
			.sh_type = type,
			.sh_offset = (uint32_t)offset,
			.sh_size = (uint32_t)bytes,
			.sh_link = link,
			.sh_entsize = (uint32_t)entry,
		};
}

static void make_image(uint8_t *image, bool wide)
{
	uint64_t entry = wide ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
	size_t bytes;

	memset(image, 0, IMAGE_BYTES);
	if (wide) {
		*(Elf64_Ehdr *)(void *)image = (Elf64_Ehdr){
			.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
			.e_type = ET_DYN,
			.e_machine = EM_X86_64,
			.e_phoff = sizeof(Elf64_Ehdr),
			.e_shoff = SECTIONS_AT,
			.e_phentsize = sizeof(Elf64_Phdr),
			.e_phnum = 1,
			.e_shentsize = sizeof(Elf64_Shdr),
			.e_shnum = N_SECTIONS,
		};
		*(Elf64_Phdr *)(void *)(image + sizeof(Elf64_Ehdr)) = (Elf64_Phdr){
			.p_type = PT_LOAD,
			.p_flags = PF_R | PF_X,
			.p_offset = CODE_AT,
			.p_vaddr = CODE_ADDRESS,
			.p_filesz = CODE_BYTES,
		};
	} else {
		*(Elf32_Ehdr *)(void *)image = (Elf32_Ehdr){
			.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS32, ELFDATA2LSB, EV_CURRENT },
			.e_type = ET_EXEC,
			.e_machine = EM_386,
			.e_phoff = sizeof(Elf32_Ehdr),
			.e_shoff = SECTIONS_AT,
			.e_phentsize = sizeof(Elf32_Phdr),
			.e_phnum = 1,
			.e_shentsize = sizeof(Elf32_Shdr),
			.e_shnum = N_SECTIONS,
		};
		*(Elf32_Phdr *)(void *)(image + sizeof(Elf32_Ehdr)) = (Elf32_Phdr){
			.p_type = PT_LOAD,
			.p_flags = PF_R | PF_X,
			.p_offset = CODE_AT,
			.p_vaddr = CODE_ADDRESS,
			.p_filesz = CODE_BYTES,
		};
	}
	for (unsigned i = 0; i < CODE_BYTES; i++)
		image[CODE_AT + i] = (uint8_t)i;
	memcpy(image + STRINGS_AT, strings, sizeof(strings));
	put_section(image, 1, wide, SHT_STRTAB, STRINGS_AT, sizeof(strings), 0, 0);
	bytes = put_symbols(image + SYMBOLS_AT, symbols, sizeof(symbols) / sizeof(*symbols), wide);
	put_section(image, 2, wide, SHT_SYMTAB, SYMBOLS_AT, bytes, 1, entry);
	bytes = put_symbols(image + DYNAMIC_AT, dynamic_symbols,
			    sizeof(dynamic_symbols) / sizeof(*dynamic_symbols), wide);
	put_section(image, 3, wide, SHT_DYNSYM, DYNAMIC_AT, bytes, 1, entry);
}

static int find(const void *bytes, size_t n, struct elf_answer *ret, struct reel_err *err)
{
	struct elf_work *w = elf_work_new();
	int fd = file_of(bytes, n);
	int r = elf_find_functions(fd, names, N_NAMES, w, ret, err);

	close(fd);
	elf_work_free(w);
	return r;
}

TEST(functions_are_found_in_both_tables)
{
	static uint8_t image[IMAGE_BYTES];
	static struct elf_answer a;

	for (int wide = 0; wide < 2; wide++) {
		struct reel_err err = { 0 };

		make_image(image, wide);
		REQUIRE(find(image, sizeof(image), &a, &err) == 0);
		CHECK_EQ(a.bits, wide ? 64 : 32);
		CHECK_EQ(a.function[FIRST].offset, CODE_AT + 0x10);
		CHECK_EQ(a.function[FIRST].into, 0x10);
		CHECK_EQ(a.function[FIRST].segment_bytes, CODE_BYTES);
		CHECK_EQ(a.function[FIRST].code_bytes, 3);
		CHECK_MEM(a.function[FIRST].code, image + CODE_AT + 0x10, 3);
		/* A name that only ends like that; no function; nowhere in the code; not there. */
		CHECK_EQ(a.function[A_FIRST].offset, 0);
		CHECK_EQ(a.function[DATA].offset, 0);
		CHECK_EQ(a.function[OUTSIDE].offset, 0);
		CHECK_EQ(a.function[ABSENT].offset, 0);
		CHECK_EQ(a.function[LOCAL].offset, CODE_AT + 0x40);
		/* The dynamic table comes first, what others can see before what they cannot. */
		CHECK_EQ(a.function[TWICE].offset, CODE_AT + 0x30);
		CHECK_EQ(a.function[SECOND].offset, CODE_AT + CODE_BYTES - 4);
		CHECK_EQ(a.function[SECOND].code_bytes, 4);
	}
}

TEST(names_are_found_across_the_ends_of_buffers)
{
	enum { PADDING = 200000 };
	size_t bytes = IMAGE_BYTES + PADDING + sizeof(strings);
	uint8_t *image = calloc(1, bytes);
	static struct elf_answer a;

	/* Where the names lie in the table, against buffers of 64 KiB. */
	for (size_t shift = 0; shift < sizeof(strings) + 2; shift++) {
		size_t at = 2 * 65536 - shift;
		Elf64_Shdr *sections = (Elf64_Shdr *)(void *)(image + SECTIONS_AT);
		Elf64_Sym *s = (Elf64_Sym *)(void *)(image + SYMBOLS_AT);
		struct reel_err err = { 0 };

		make_image(image, true);
		memset(image + IMAGE_BYTES, 'x', PADDING);
		memcpy(image + IMAGE_BYTES + at, strings, sizeof(strings));
		sections[1].sh_offset = IMAGE_BYTES;
		sections[1].sh_size = at + sizeof(strings);
		sections[3].sh_type = SHT_NULL;
		s[1].st_name = (uint32_t)(at + string_at("local"));
		s[2].st_name = (uint32_t)(at + string_at("first"));
		if (find(image, bytes, &a, &err) != 0)
			T_FAIL("at %zu: %s", at, err.msg);
		CHECK_EQ(a.function[LOCAL].offset, CODE_AT + 0x40);
		CHECK_EQ(a.function[FIRST].offset, CODE_AT + 0x50);
	}
	free(image);
}

TEST(what_is_no_such_file_is_refused)
{
	static uint8_t image[IMAGE_BYTES];
	static struct elf_answer a = { .bits = 7 };
	Elf64_Ehdr *h = (Elf64_Ehdr *)(void *)image;
	Elf64_Shdr *sections = (Elf64_Shdr *)(void *)(image + SECTIONS_AT);
	struct reel_err err = { 0 };

	CHECK_EQ(find("", 0, &a, &err), -ENOEXEC);
	CHECK_STR(err.msg, "not an ELF file");
	CHECK_EQ(find("#!/bin/sh\necho and so on, and so on, and so on\n", 48, &a, &err), -ENOEXEC);
	make_image(image, true);
	h->e_machine = EM_AARCH64;
	CHECK_EQ(find(image, sizeof(image), &a, &err), -ENOEXEC);
	CHECK_STR(err.msg, "an ELF file of another machine");
	make_image(image, true);
	h->e_ident[EI_DATA] = ELFDATA2MSB;
	CHECK_EQ(find(image, sizeof(image), &a, &err), -ENOEXEC);
	make_image(image, true);
	h->e_type = ET_REL;
	CHECK_EQ(find(image, sizeof(image), &a, &err), -ENOEXEC);
	make_image(image, true);
	h->e_shoff = 0;
	CHECK_EQ(find(image, sizeof(image), &a, &err), -ENODATA);
	make_image(image, true);
	h->e_shnum = ELF_MAX_SECTIONS + 1;
	CHECK_EQ(find(image, sizeof(image), &a, &err), -EOPNOTSUPP);
	make_image(image, true);
	h->e_phnum = ELF_MAX_SEGMENTS + 1;
	CHECK_EQ(find(image, sizeof(image), &a, &err), -EOPNOTSUPP);
	make_image(image, true);
	sections[2].sh_type = sections[3].sh_type = SHT_NULL;
	CHECK_EQ(find(image, sizeof(image), &a, &err), -ENODATA);
	make_image(image, true);
	sections[1].sh_size = ELF_MAX_TABLE_BYTES + 1ull;
	CHECK_EQ(find(image, sizeof(image), &a, &err), -EOPNOTSUPP);
	make_image(image, true);
	sections[3].sh_link = 77;
	CHECK_EQ(find(image, sizeof(image), &a, &err), -ENOEXEC);
	make_image(image, true);
	sections[1].sh_offset = UINT64_MAX - 8;
	CHECK_EQ(find(image, sizeof(image), &a, &err), -ENOEXEC);
	/* What was there before is not touched. */
	CHECK_EQ(a.bits, 7);
}

TEST(too_much_may_not_be_asked)
{
	const char *many[ELF_MAX_NAMES + 1], *long_one[1];
	char name[ELF_MAX_NAME_BYTES + 1];
	struct elf_work *w = elf_work_new();
	static struct elf_answer a;

	for (size_t i = 0; i < ELF_MAX_NAMES + 1; i++)
		many[i] = "x";
	CHECK_EQ(elf_find_functions(-1, many, ELF_MAX_NAMES + 1, w, &a, NULL), -EINVAL);
	memset(name, 'x', sizeof(name));
	name[ELF_MAX_NAME_BYTES] = '\0';
	long_one[0] = name;
	CHECK_EQ(elf_find_functions(-1, long_one, 1, w, &a, NULL), -EINVAL);
	elf_work_free(w);
}

/* This program itself ------------------------------------------------------------------------- */

/* Its place in the file, as the kernel has mapped it. */
static uint64_t offset_of(const void *address)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[4200];
	uint64_t found = 0;

	while (maps && fgets(line, sizeof(line), maps)) {
		unsigned long from, to, offset;

		if (sscanf(line, "%lx-%lx %*s %lx", &from, &to, &offset) == 3 &&
		    (uintptr_t)address >= from && (uintptr_t)address < to)
			found = (uintptr_t)address - from + offset;
	}
	if (maps)
		fclose(maps);
	return found;
}

static const char *const own_names[] = { "elf_find_functions", "elf_child_open", "main",
					 "there_is_no_such_function" };

static int open_self(void *arg, struct reel_err *err)
{
	const char *path = arg;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? reel_err_set(err, -errno, "%s: %s", path, strerror(errno)) : fd;
}

static void check_own(const struct elf_answer *a)
{
	CHECK_EQ(a->bits, 64);
	CHECK_EQ(a->function[0].offset, offset_of((const void *)(uintptr_t)elf_find_functions));
	CHECK_MEM(a->function[0].code, (const void *)(uintptr_t)elf_find_functions,
		  a->function[0].code_bytes);
	CHECK_EQ(a->function[0].code_bytes, ELF_CODE_BYTES);
	CHECK_EQ(a->function[1].offset, offset_of((const void *)(uintptr_t)elf_child_open));
	CHECK(a->function[2].offset != 0);
	CHECK_EQ(a->function[3].offset, 0);
}

TEST(this_program_is_as_it_is_mapped)
{
	struct elf_work *w = elf_work_new();
	static struct elf_answer a;
	struct reel_err err = { 0 };
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	CHECK_EQ(elf_find_functions(fd, own_names, 4, w, &a, &err), 0);
	check_own(&a);
	close(fd);
	elf_work_free(w);
}

/* Damage -------------------------------------------------------------------------------------- */

static uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Whatever it says, it lies in the file. */
static void check_damaged(int fd, const char *const *asked, size_t n, size_t bytes,
			  struct elf_work *w, unsigned *n_found)
{
	static struct elf_answer a;
	struct reel_err err = { 0 };
	int r = elf_find_functions(fd, asked, n, w, &a, &err);

	if (r < 0) {
		CHECK(err.msg[0] != '\0');
		return;
	}
	++*n_found;
	for (size_t i = 0; i < n; i++) {
		const struct elf_function *f = &a.function[i];

		if (f->offset && f->offset + f->code_bytes > bytes)
			T_FAIL("%s at %llu of %zu bytes", asked[i], (unsigned long long)f->offset,
			       bytes);
	}
}

TEST(a_file_cut_anywhere_is_borne)
{
	static uint8_t image[IMAGE_BYTES];
	struct elf_work *w = elf_work_new();
	unsigned found = 0;

	for (int wide = 0; wide < 2; wide++) {
		int fd;

		make_image(image, wide);
		fd = file_of(image, sizeof(image));
		for (size_t cut = IMAGE_BYTES; cut > 0; cut -= 8) {
			REQUIRE(ftruncate(fd, (off_t)cut) == 0);
			check_damaged(fd, names, N_NAMES, cut, w, &found);
		}
		close(fd);
	}
	CHECK(found > 0);
	elf_work_free(w);
}

TEST(flipped_bytes_are_borne)
{
	static uint8_t image[IMAGE_BYTES], whole[IMAGE_BYTES];
	static const uint64_t places[] = { 0, STRINGS_AT, DYNAMIC_AT, SYMBOLS_AT, SECTIONS_AT };
	struct elf_work *w = elf_work_new();
	uint64_t seed = 0x9e3779b97f4a7c15;
	unsigned found = 0;

	for (unsigned i = 0; i < 20000; i++) {
		int fd;

		if (i % 10000 == 0)
			make_image(whole, i > 0);
		memcpy(image, whole, sizeof(image));
		for (unsigned n = 1 + random_next(&seed) % 4; n > 0; n--) {
			size_t at = places[random_next(&seed) % 5] + random_next(&seed) % 320;

			image[at] = (uint8_t)(random_next(&seed) % 4 ? random_next(&seed) : 0xff);
		}
		fd = file_of(image, sizeof(image));
		check_damaged(fd, names, N_NAMES, sizeof(image), w, &found);
		close(fd);
	}
	CHECK(found > 1000);
	elf_work_free(w);
}

/* A real one: what its headers say is changed where they lie. */
TEST(a_damaged_program_is_borne)
{
	struct elf_work *w = elf_work_new();
	int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), fd;
	uint64_t seed = 0x2545f4914f6cdd1d;
	unsigned found = 0;
	struct stat st;
	Elf64_Ehdr h;
	uint8_t *bytes;

	REQUIRE(fstat(self, &st) == 0 && pread(self, &h, sizeof(h), 0) == sizeof(h));
	bytes = malloc((size_t)st.st_size);
	REQUIRE(bytes && pread(self, bytes, (size_t)st.st_size, 0) == st.st_size);
	fd = file_of(bytes, (size_t)st.st_size);
	for (unsigned i = 0; i < 300; i++) {
		size_t tables = (size_t)h.e_shnum * h.e_shentsize;
		size_t at = i % 3 ? h.e_shoff + random_next(&seed) % tables :
				    random_next(&seed) % (sizeof(h) + 8 * sizeof(Elf64_Phdr));
		uint8_t byte = (uint8_t)random_next(&seed);

		REQUIRE(pwrite(fd, &byte, 1, (off_t)at) == 1);
		check_damaged(fd, own_names, 4, (size_t)st.st_size, w, &found);
		REQUIRE(pwrite(fd, bytes + at, 1, (off_t)at) == 1);
	}
	CHECK(found > 0);
	for (unsigned i = 1; i < 32; i++) {
		size_t cut = (size_t)st.st_size * (32 - i) / 32;

		REQUIRE(ftruncate(fd, (off_t)cut) == 0);
		check_damaged(fd, own_names, 4, cut, w, &found);
	}
	free(bytes);
	close(fd);
	close(self);
	elf_work_free(w);
}

/* The child ----------------------------------------------------------------------------------- */

static int never_open(void *arg, struct reel_err *err)
{
	(void)arg;
	(void)err;
	for (;;)
		pause();
	return -EINVAL;
}

static int die(void *arg, struct reel_err *err)
{
	(void)err;
	raise(*(int *)arg);
	return -EINVAL;
}

TEST(a_child_opens_and_parses)
{
	char path[] = "/proc/self/exe";
	struct elf_request q = { open_self, path, own_names, 4 };
	struct elf_parser *p = NULL;
	struct reel_err err = { 0 };
	static struct elf_answer a;
	struct stat st, own;
	int fd;

	REQUIRE(elf_parser_new(&p, &err) == 0);
	for (unsigned i = 0; i < 20; i++) {
		fd = elf_child_open(p, &q, &st, &err);
		if (fd < 0)
			T_FAIL("%s", err.msg);
		REQUIRE(fd >= 0);
		/* A handle, not to be read from. */
		CHECK_EQ(read(fd, &a, 1), -1);
		CHECK(stat(path, &own) == 0 && own.st_ino == st.st_ino && own.st_dev == st.st_dev);
		CHECK_EQ(elf_child_find(p, &a, &err), 0);
		check_own(&a);
		elf_child_close(p);
		close(fd);
	}
	/* One that is not wanted after all. */
	fd = elf_child_open(p, &q, &st, &err);
	CHECK(fd >= 0);
	close(fd);
	elf_parser_free(p);
}

TEST(what_a_child_cannot_do_it_says)
{
	char missing[] = "/nonexistent/file", text[] = "/proc/version";
	struct elf_request q = { open_self, missing, own_names, 4 };
	struct elf_parser *p = NULL;
	struct reel_err err = { 0 };
	static struct elf_answer a;
	int number = SIGKILL, fd;
	struct stat st;

	REQUIRE(elf_parser_new(&p, &err) == 0);
	CHECK_EQ(elf_child_open(p, &q, &st, &err), -ENOENT);
	CHECK_STR(err.msg, "/nonexistent/file: No such file or directory");
	CHECK_EQ(elf_child_find(p, &a, &err), -EINVAL);
	q.arg = text;
	fd = elf_child_open(p, &q, &st, &err);
	CHECK(fd >= 0);
	close(fd);
	CHECK_EQ(elf_child_find(p, &a, &err), -ENOEXEC);
	CHECK_STR(err.msg, "not an ELF file");
	q.open_it = die;
	q.arg = &number;
	CHECK_EQ(elf_child_open(p, &q, &st, &err), -EBADMSG);
	elf_parser_free(p);
}

TEST(children_that_hang_are_left_alone)
{
	char path[] = "/proc/self/exe";
	struct elf_request hangs = { never_open, NULL, own_names, 4 };
	struct elf_request q = { open_self, path, own_names, 4 };
	struct elf_parser *p = NULL;
	struct reel_err err = { 0 };
	static struct elf_answer a;
	struct timespec before, after;
	struct stat st;
	int fd;

	REQUIRE(elf_parser_new(&p, &err) == 0);
	clock_gettime(CLOCK_MONOTONIC, &before);
	CHECK_EQ(elf_child_open(p, &hangs, &st, &err), -ETIMEDOUT);
	clock_gettime(CLOCK_MONOTONIC, &after);
	/* Its alarm ends it before we lose patience. */
	CHECK(after.tv_sec - before.tv_sec <= ELF_CHILD_SECONDS + 1);
	fd = elf_child_open(p, &q, &st, &err);
	CHECK(fd >= 0);
	CHECK_EQ(elf_child_find(p, &a, &err), 0);
	close(fd);
	elf_parser_free(p);
}
