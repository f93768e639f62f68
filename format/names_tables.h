/* SPDX-License-Identifier: BSD-2-Clause */
/* What names.c, names_flags.c and names_values.c share, and nobody else includes. */
#ifndef REEL_FORMAT_NAMES_TABLES_H
#define REEL_FORMAT_NAMES_TABLES_H

#include <stddef.h>
#include <stdint.h>

enum name_style {
	NAME_DECIMAL,
	NAME_SIGNED, /* decimal, of a kind that may be negative, such as a pid */
	NAME_FD,
	NAME_HEX,
	NAME_OCTAL,
	NAME_BOOL,
	NAME_DURATION,
	NAME_BOOTTIME,
	NAME_REALTIME,
	NAME_DEVICE,
	NAME_MODE,
	NAME_CLASS,
	NAME_ERRNO,
	NAME_SIGNAL,
	NAME_BITS,
	NAME_CLONE, /* bits, and the signal for the parent in the lowest seven */
	NAME_VALUE,
};

/*
 * Of a set of bits: the bits of MASK have a name when they are VALUE. Several rows may divide one
 * mask, that of value 0 first; a row of many bits comes before those of some of them. Of the others
 * MASK says nothing.
 */
struct name_row {
	uint64_t mask;
	uint64_t value;
	const char *name;
};

#define NAME_FLAG(macro)                                     \
	{                                                    \
		(uint32_t)(macro), (uint32_t)(macro), #macro \
	}
#define NAME_FLAG64(macro)               \
	{                                \
		(macro), (macro), #macro \
	}
#define NAME_PART(mask, macro)                              \
	{                                                   \
		(uint32_t)(mask), (uint32_t)(macro), #macro \
	}
#define NAME_ROW(macro)                               \
	{                                             \
		UINT32_MAX, (uint32_t)(macro), #macro \
	}
/* Names that older headers lack, or that no header shows to programs. */
#define NAME_BIT_AS(bits, name)      \
	{                            \
		(bits), (bits), name \
	}
#define NAME_VALUE_AS(value, name)        \
	{                                 \
		UINT32_MAX, (value), name \
	}

struct name_table {
	const char *hint;
	enum name_style style;
	const struct name_row *rows;
	size_t n_rows;
};

#define NAME_TABLE(hint, style, rows)                               \
	{                                                           \
		hint, style, rows, sizeof(rows) / sizeof((rows)[0]) \
	}

/* Each ends with a row whose hint is NULL. */
extern const struct name_table name_flag_tables[];
extern const struct name_table name_value_tables[];

/* Errors and signals are below. */
enum { NAME_CODE_LIMIT = 1024 };

extern const struct name_table *const name_ip_protocols;
extern const struct name_table *const name_netlink_protocols;

#endif
