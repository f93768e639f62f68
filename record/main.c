/* SPDX-License-Identifier: BSD-2-Clause */
/* The program that needs privilege: 'reel record' and 'reel doctor' execute it. */
#include <stdio.h>
#include <string.h>

#include "format/command.h"
#include "format/version.h"

extern const struct reel_command reel_cmd_record, reel_cmd_doctor;

static const struct reel_command *const commands[] = { &reel_cmd_record, &reel_cmd_doctor };

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "--version") == 0) {
		puts("reel " REEL_VERSION);
		return REEL_STATUS_OK;
	}
	for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(*commands); i++)
		if (strcmp(commands[i]->name, argv[1]) == 0)
			return commands[i]->run(commands[i], argc - 1, argv + 1);
	fputs("reel-record: say 'reel record' or 'reel doctor' instead\n", stderr);
	return REEL_STATUS_USAGE;
}
