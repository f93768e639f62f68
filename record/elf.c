/* SPDX-License-Identifier: BSD-2-Clause */
#include "record/elf.h"

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	CHUNK_BYTES = 64 << 10,
	TAIL_BYTES = ELF_MAX_NAME_BYTES, /* a name may begin in the chunk before */
	MAX_PLACES = 2048,		 /* where the names lie in one string table */
	MAX_CODE_SEGMENTS = 16,
};

/* How good a symbol is; a better one replaces it. */
enum { RANK_NONE, RANK_LOCAL, RANK_GLOBAL };

struct place {
	uint32_t at; /* in the string table */
	uint32_t name;
};

struct section {
	uint64_t offset, bytes, entry_bytes;
	uint32_t type, link;
};

struct elf_work {
	uint8_t chunk[TAIL_BYTES + CHUNK_BYTES];
	struct place places[MAX_PLACES];
	size_t n_places;
	struct {
		uint64_t address, bytes, offset;
	} code[MAX_CODE_SEGMENTS];
	unsigned n_code;
	uint8_t rank[ELF_MAX_NAMES];
	uint8_t name_bytes[ELF_MAX_NAMES]; /* with the NUL */
	bool last_byte[256];		   /* some name ends in it */
	struct elf_answer answer;
	/* Of the file. */
	int fd;
	bool wide; /* ELFCLASS64 */
	uint64_t section_offset, segment_offset;
	unsigned n_sections, n_segments;
};

struct elf_work *elf_work_new(void)
{
	return calloc(1, sizeof(struct elf_work));
}

void elf_work_free(struct elf_work *w)
{
	free(w);
}

/* All of it, or -ENOEXEC where the file ends before. */
static int read_at(int fd, uint64_t offset, void *to, size_t bytes)
{
	size_t got = 0;

	if (offset > INT64_MAX - bytes)
		return -ENOEXEC;
	while (got < bytes) {
		ssize_t n = pread(fd, (uint8_t *)to + got, bytes - got, (off_t)(offset + got));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -ENOEXEC;
		got += (size_t)n;
	}
	return 0;
}

static int read_header(struct elf_work *w, unsigned *ret_bits, struct reel_err *err)
{
	union {
		unsigned char ident[EI_NIDENT];
		Elf64_Ehdr wide;
		Elf32_Ehdr narrow;
	} h;
	unsigned type, machine, section_bytes, segment_bytes;
	int r;

	r = read_at(w->fd, 0, &h, sizeof(h.narrow));
	if (r < 0 || memcmp(h.ident, ELFMAG, SELFMAG) != 0)
		return reel_err_set(err, r < 0 ? r : -ENOEXEC, "not an ELF file");
	if (h.ident[EI_DATA] != ELFDATA2LSB ||
	    (h.ident[EI_CLASS] != ELFCLASS64 && h.ident[EI_CLASS] != ELFCLASS32))
		return reel_err_set(err, -ENOEXEC, "an ELF file of another machine");
	w->wide = h.ident[EI_CLASS] == ELFCLASS64;
	if (w->wide) {
		r = read_at(w->fd, 0, &h, sizeof(h.wide));
		if (r < 0)
			return reel_err_set(err, r, "the ELF header is cut off");
	}
	type = w->wide ? h.wide.e_type : h.narrow.e_type;
	machine = w->wide ? h.wide.e_machine : h.narrow.e_machine;
	w->section_offset = w->wide ? h.wide.e_shoff : h.narrow.e_shoff;
	w->segment_offset = w->wide ? h.wide.e_phoff : h.narrow.e_phoff;
	w->n_sections = w->wide ? h.wide.e_shnum : h.narrow.e_shnum;
	w->n_segments = w->wide ? h.wide.e_phnum : h.narrow.e_phnum;
	section_bytes = w->wide ? h.wide.e_shentsize : h.narrow.e_shentsize;
	segment_bytes = w->wide ? h.wide.e_phentsize : h.narrow.e_phentsize;
	if (type != ET_DYN && type != ET_EXEC)
		return reel_err_set(err, -ENOEXEC, "neither an executable nor a shared object");
	if (machine != EM_X86_64 && (machine != EM_386 || w->wide))
		return reel_err_set(err, -ENOEXEC, "an ELF file of another machine");
	if (!w->section_offset)
		return reel_err_set(err, -ENODATA, "no section table, so no symbols");
	if (!w->n_sections || w->n_sections > ELF_MAX_SECTIONS || w->n_segments > ELF_MAX_SEGMENTS)
		return reel_err_set(err, -EOPNOTSUPP, "%u sections and %u segments", w->n_sections,
				    w->n_segments);
	if (section_bytes != (w->wide ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr)) ||
	    (w->n_segments && segment_bytes != (w->wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr))))
		return reel_err_set(err, -ENOEXEC, "damaged: tables of another size");
	*ret_bits = machine == EM_386 ? 32 : 64;
	return 0;
}

static int read_segments(struct elf_work *w, struct reel_err *err)
{
	w->n_code = 0;
	for (unsigned i = 0; i < w->n_segments; i++) {
		union {
			Elf64_Phdr wide;
			Elf32_Phdr narrow;
		} p;
		size_t bytes = w->wide ? sizeof(p.wide) : sizeof(p.narrow);
		int r = read_at(w->fd, w->segment_offset + i * bytes, &p, bytes);

		if (r < 0)
			return reel_err_set(err, r, "the segment table is cut off");
		if ((w->wide ? p.wide.p_type : p.narrow.p_type) != PT_LOAD ||
		    !((w->wide ? p.wide.p_flags : p.narrow.p_flags) & PF_X))
			continue;
		if (w->n_code == MAX_CODE_SEGMENTS)
			return reel_err_set(err, -EOPNOTSUPP, "more than %d segments of code",
					    MAX_CODE_SEGMENTS);
		w->code[w->n_code].address = w->wide ? p.wide.p_vaddr : p.narrow.p_vaddr;
		w->code[w->n_code].bytes = w->wide ? p.wide.p_filesz : p.narrow.p_filesz;
		w->code[w->n_code].offset = w->wide ? p.wide.p_offset : p.narrow.p_offset;
		w->n_code++;
	}
	return 0;
}

static int read_section(struct elf_work *w, unsigned index, struct section *ret)
{
	union {
		Elf64_Shdr wide;
		Elf32_Shdr narrow;
	} s;
	size_t bytes = w->wide ? sizeof(s.wide) : sizeof(s.narrow);
	int r;

	if (index >= w->n_sections || w->section_offset > INT64_MAX)
		return -ENOEXEC;
	r = read_at(w->fd, w->section_offset + index * bytes, &s, bytes);
	if (r < 0)
		return r;
	if (w->wide)
		*ret = (struct section){ s.wide.sh_offset, s.wide.sh_size, s.wide.sh_entsize,
					 s.wide.sh_type, s.wide.sh_link };
	else
		*ret = (struct section){ s.narrow.sh_offset, s.narrow.sh_size, s.narrow.sh_entsize,
					 s.narrow.sh_type, s.narrow.sh_link };
	return 0;
}

/* Where the code at an address lies in the file; false: nowhere. */
static bool code_at(const struct elf_work *w, uint64_t address, struct elf_function *ret)
{
	for (unsigned i = 0; i < w->n_code; i++) {
		uint64_t into = address - w->code[i].address;

		if (address < w->code[i].address || into >= w->code[i].bytes ||
		    w->code[i].offset > INT64_MAX || into > INT64_MAX - w->code[i].offset)
			continue;
		*ret = (struct elf_function){ .offset = w->code[i].offset + into,
					      .into = into,
					      .segment_bytes = w->code[i].bytes };
		return ret->offset != 0;
	}
	return false;
}

/* The names that end, with their NUL, at position END of the table; its bytes lie before TEXT. */
static void note_names(struct elf_work *w, const uint8_t *text, size_t before, uint64_t end,
		       const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t bytes = w->name_bytes[i];

		/*
		 * A linker lets one name be the end of another, so what lies before is no matter.
		 */
		if (bytes > before || memcmp(text - bytes, names[i], bytes) != 0 ||
		    w->n_places == MAX_PLACES)
			continue;
		w->places[w->n_places++] = (struct place){ (uint32_t)(end - bytes), (uint32_t)i };
	}
}

/* Finds the names in a string table: a symbol is then known by a number. */
static int find_names(struct elf_work *w, const struct section *strings, const char *const *names,
		      size_t n)
{
	uint64_t at = 0;

	w->n_places = 0;
	while (at < strings->bytes) {
		size_t bytes = strings->bytes - at < CHUNK_BYTES ? (size_t)(strings->bytes - at) :
								   CHUNK_BYTES;
		uint8_t *text = w->chunk + TAIL_BYTES;
		int r = read_at(w->fd, strings->offset + at, text, bytes);

		if (r < 0)
			return r;
		for (size_t i = 0; i < bytes; i++) {
			uint64_t end = at + i + 1;
			const uint8_t *last = text + i - 1;

			if (text[i] || end < 2 || !w->last_byte[*last])
				continue;
			note_names(w, text + i + 1,
				   end < TAIL_BYTES + i + 1 ? end : TAIL_BYTES + i + 1, end, names,
				   n);
		}
		if (bytes < CHUNK_BYTES)
			break;
		memcpy(w->chunk, w->chunk + CHUNK_BYTES, TAIL_BYTES);
		at += bytes;
	}
	return 0;
}

/* They come in the order of their ends, so they are nearly sorted; qsort() may ask for memory. */
static void sort_places(struct place *places, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct place moved = places[i];
		size_t to = i;

		for (; to > 0 && places[to - 1].at > moved.at; to--)
			places[to] = places[to - 1];
		places[to] = moved;
	}
}

static const struct place *find_place(const struct elf_work *w, uint32_t at)
{
	size_t low = 0, high = w->n_places;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (w->places[middle].at < at)
			low = middle + 1;
		else
			high = middle;
	}
	return low < w->n_places && w->places[low].at == at ? &w->places[low] : NULL;
}

static void take_symbol(struct elf_work *w, const Elf64_Sym *s)
{
	const struct place *p;
	uint8_t rank = ELF64_ST_BIND(s->st_info) == STB_LOCAL ? RANK_LOCAL : RANK_GLOBAL;
	struct elf_function f;
	uint64_t left;

	if (ELF64_ST_TYPE(s->st_info) != STT_FUNC || s->st_shndx == SHN_UNDEF ||
	    s->st_shndx >= SHN_LORESERVE)
		return;
	p = find_place(w, s->st_name);
	if (!p || w->rank[p->name] >= rank || !code_at(w, s->st_value, &f))
		return;
	left = f.segment_bytes - f.into;
	if (s->st_size && s->st_size < left)
		left = s->st_size;
	f.code_bytes = (uint8_t)(left < ELF_CODE_BYTES ? left : ELF_CODE_BYTES);
	if (read_at(w->fd, f.offset, f.code, f.code_bytes) < 0)
		return;
	w->answer.function[p->name] = f;
	w->rank[p->name] = rank;
}

static int take_symbols(struct elf_work *w, const struct section *symbols)
{
	const size_t entry = w->wide ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
	const size_t most = CHUNK_BYTES / entry * entry;
	uint64_t at = 0, end = symbols->bytes / entry * entry;

	while (at < end) {
		size_t bytes = end - at < most ? (size_t)(end - at) : most;
		int r = read_at(w->fd, symbols->offset + at, w->chunk, bytes);

		if (r < 0)
			return r;
		for (size_t i = 0; i < bytes; i += entry) {
			Elf64_Sym s;
			Elf32_Sym narrow;

			if (w->wide) {
				memcpy(&s, w->chunk + i, sizeof(s));
			} else {
				memcpy(&narrow, w->chunk + i, sizeof(narrow));
				s = (Elf64_Sym){ .st_name = narrow.st_name,
						 .st_info = narrow.st_info,
						 .st_shndx = narrow.st_shndx,
						 .st_value = narrow.st_value,
						 .st_size = narrow.st_size };
			}
			take_symbol(w, &s);
		}
		at += bytes;
	}
	return 0;
}

/* 1: there was such a table. */
static int take_table(struct elf_work *w, uint32_t type, const char *const *names, size_t n,
		      struct reel_err *err)
{
	for (unsigned i = 0; i < w->n_sections; i++) {
		struct section symbols, strings;
		int r = read_section(w, i, &symbols);

		if (r < 0)
			return reel_err_set(err, r, "the section table is cut off");
		if (symbols.type != type)
			continue;
		r = read_section(w, symbols.link, &strings);
		if (r < 0 || strings.type != SHT_STRTAB ||
		    symbols.entry_bytes != (w->wide ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym)))
			return reel_err_set(err, -ENOEXEC, "damaged: symbols without their names");
		if (symbols.bytes > ELF_MAX_TABLE_BYTES || strings.bytes > ELF_MAX_TABLE_BYTES)
			return reel_err_set(err, -EOPNOTSUPP, "a symbol table of %llu bytes",
					    (unsigned long long)(symbols.bytes + strings.bytes));
		if (symbols.offset > INT64_MAX - ELF_MAX_TABLE_BYTES ||
		    strings.offset > INT64_MAX - ELF_MAX_TABLE_BYTES)
			return reel_err_set(err, -ENOEXEC, "damaged: symbols beyond the file");
		r = find_names(w, &strings, names, n);
		if (r == 0) {
			sort_places(w->places, w->n_places);
			r = take_symbols(w, &symbols);
		}
		if (r < 0)
			return reel_err_set(err, r, "a symbol table is cut off");
		return 1;
	}
	return 0;
}

int elf_find_functions(int fd, const char *const *names, size_t n, struct elf_work *w,
		       struct elf_answer *ret, struct reel_err *err)
{
	static const uint32_t tables[] = { SHT_DYNSYM, SHT_SYMTAB };
	bool any = false;
	int r;

	if (n > ELF_MAX_NAMES)
		return reel_err_set(err, -EINVAL, "%zu names", n);
	memset(w->rank, 0, sizeof(w->rank));
	memset(w->last_byte, 0, sizeof(w->last_byte));
	memset(&w->answer, 0, sizeof(w->answer));
	for (size_t i = 0; i < n; i++) {
		size_t bytes = strlen(names[i]) + 1;

		if (bytes < 2 || bytes > ELF_MAX_NAME_BYTES)
			return reel_err_set(err, -EINVAL, "name %zu is %zu bytes", i, bytes);
		w->name_bytes[i] = (uint8_t)bytes;
		w->last_byte[(uint8_t)names[i][bytes - 2]] = true;
	}
	w->fd = fd;
	r = read_header(w, &w->answer.bits, err);
	if (r == 0)
		r = read_segments(w, err);
	for (size_t i = 0; r == 0 && i < sizeof(tables) / sizeof(*tables); i++) {
		r = take_table(w, tables[i], names, n, err);
		any |= r > 0;
		r = r > 0 ? 0 : r;
	}
	if (r == 0 && !any)
		r = reel_err_set(err, -ENODATA, "no symbols");
	if (r == 0)
		*ret = w->answer;
	return r;
}
