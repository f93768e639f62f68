/* SPDX-License-Identifier: BSD-2-Clause */
/* The front door: which commands there are, and nothing else. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "format/command.h"
#include "format/complete.h"
#include "format/version.h"

extern const struct reel_command reel_cmd_record, reel_cmd_doctor, reel_cmd_info, reel_cmd_verify,
	reel_cmd_dump, reel_cmd_replay, reel_cmd_rules, reel_cmd_cut, reel_cmd_keep, reel_cmd_merge,
	reel_cmd_list, reel_cmd_query, reel_cmd_report, reel_cmd_keygen;

/* In the order in which a user meets them. */
static const struct reel_command *const commands[] = {
	&reel_cmd_record, &reel_cmd_doctor, &reel_cmd_info,   &reel_cmd_verify, &reel_cmd_dump,
	&reel_cmd_replay, &reel_cmd_rules,  &reel_cmd_query,  &reel_cmd_report, &reel_cmd_cut,
	&reel_cmd_keep,	  &reel_cmd_merge,  &reel_cmd_list,   &reel_cmd_keygen,
};

#define N_COMMANDS (sizeof(commands) / sizeof(*commands))

static const struct reel_command *command_find(const char *name)
{
	for (size_t i = 0; i < N_COMMANDS; i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

static const struct {
	const char *name, *meaning;
} beside_commands[] = {
	{ "help", "tell more about a command" },
	{ "--help", "show which commands there are" },
	{ "--version", "show which reel this is" },
};

#define N_BESIDE (sizeof(beside_commands) / sizeof(*beside_commands))

static int unknown(const char *what, const char *word)
{
	struct reel_nearest near = REEL_NEAREST(word);

	for (size_t i = 0; i < N_COMMANDS; i++)
		reel_nearest_offer(&near, commands[i]->name);
	for (size_t i = 0; i < N_BESIDE; i++)
		reel_nearest_offer(&near, beside_commands[i].name);

	if (near.best)
		fprintf(stderr, "reel: unknown %s '%s', did you mean '%s'? (see 'reel --help')\n",
			what, word, near.best);
	else
		fprintf(stderr, "reel: unknown %s '%s' (see 'reel --help')\n", what, word);
	return REEL_STATUS_USAGE;
}

static void print_help(FILE *to)
{
	fputs("Usage: reel COMMAND [OPTION...] [OPERAND...]\n"
	      "A flight recorder and a replay bench for Linux incidents\n\nCommands:\n",
	      to);
	for (size_t i = 0; i < N_COMMANDS; i++)
		fprintf(to, "  %-8s  %s\n", commands[i]->name, commands[i]->summary);
	fputs("\n'reel help COMMAND' tells more about one, 'reel --version' which reel this is.\n",
	      to);
}

static int help(int argc, char **argv)
{
	const struct reel_command *command;
	char *words[] = { NULL, (char[]){ "-v" }, (char[]){ "--help" }, NULL };

	if (argc < 3) {
		print_help(stdout);
		return REEL_STATUS_OK;
	}
	command = command_find(argv[2]);
	if (!command)
		return unknown("command", argv[2]);
	words[0] = argv[2];
	return command->run(command, 3, words);
}

/* See format/complete.h: the command that the first word names knows the others. */
static int complete(int n, char **words)
{
	const struct reel_command *command = n > 1 ? command_find(words[0]) : NULL;
	bool of_help = n == 2 && strcmp(words[0], "help") == 0;
	char name[] = COMPLETE_WORD;
	struct reel_out o;
	int r;

	if (command) {
		/* The words came behind two others: this command's name and what is asked. */
		words[-1] = words[0];
		words[0] = name;
		return command->run(command, n + 1, words - 1);
	}
	if (n != 1 && !of_help)
		return REEL_STATUS_OK;
	r = out_init(&o, STDOUT_FILENO);
	if (r < 0)
		return REEL_STATUS_IO;
	for (size_t i = 0; i < N_COMMANDS; i++)
		complete_offer(&o, words[n - 1], commands[i]->name, commands[i]->summary);
	for (size_t i = 0; !of_help && i < N_BESIDE; i++)
		complete_offer(&o, words[0], beside_commands[i].name, beside_commands[i].meaning);
	r = out_flush(&o);
	out_done(&o);
	return r < 0 ? REEL_STATUS_IO : REEL_STATUS_OK;
}

static int dispatch(int argc, char **argv)
{
	const struct reel_command *command;
	const char *word = argc > 1 ? argv[1] : NULL;

	if (!word) {
		print_help(stderr);
		return REEL_STATUS_USAGE;
	}
	if (strcmp(word, "--version") == 0) {
		puts("reel " REEL_VERSION);
		return REEL_STATUS_OK;
	}
	if (strcmp(word, "help") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
		return help(argc, argv);
	if (strcmp(word, COMPLETE_WORD) == 0 && argc > 2)
		return complete(argc - 2, argv + 2);
	if (word[0] == '-')
		return unknown("option", word);

	command = command_find(word);
	if (!command)
		return unknown("command", word);
	return command->run(command, argc - 1, argv + 1);
}

/*
 * A capture opened while stdout is closed would become stdout, and be written to. The stand-ins
 * are open the wrong way round, so that using them is an error as it was before.
 */
static int guard_standard_fds(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF)
			continue;
		if (open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
			return -EBADF;
	}
	return 0;
}

int main(int argc, char **argv)
{
	int status;

	if (guard_standard_fds() < 0)
		return REEL_STATUS_IO;

	/* A reader that has seen enough ends us without a word, whatever our parent had set. */
	(void)signal(SIGPIPE, SIG_DFL);

	status = dispatch(argc, argv);

	/* A full disk shows itself only now; an answer that is cut short must not look whole. */
	if ((ferror(stdout) | fclose(stdout)) != 0) {
		fputs("reel: cannot write to standard output\n", stderr);
		if (status != REEL_STATUS_USAGE && status != REEL_STATUS_PRIVILEGE)
			status = REEL_STATUS_IO;
	}
	return status;
}
