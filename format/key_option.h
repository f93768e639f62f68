/* SPDX-License-Identifier: BSD-2-Clause */
/* --key FILE, as every command has it that reads captures. */
#ifndef REEL_FORMAT_KEY_OPTION_H
#define REEL_FORMAT_KEY_OPTION_H

#include "format/command.h"
#include "format/keys.h"

/* A row of a table of options; the field is a struct reel_strings. */
#define REEL_KEY_OPTION(field_offset)                                                           \
	{ "key", 0, "FILE", REEL_OPT_LIST, (field_offset),                                      \
	  "a secret key that opens what is encrypted; may be repeated" }

/* All of them; NULL where there are none. Says itself what is wrong with one. */
enum reel_status reel_key_option_load(const struct reel_command *self,
				      const struct reel_strings *files, struct reel_keys **ret);

#endif
