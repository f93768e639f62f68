/* SPDX-License-Identifier: BSD-2-Clause */
/* reel doctor: what this kernel and these privileges allow, hook by hook. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "format/command.h"
#include "record/load.h"

enum { DOCTOR_RING_BYTES = 1 << 20 };

struct doctor_options {
	bool json;
};

static const struct reel_option doctor_table[] = {
	{ "json", 0, NULL, REEL_OPT_FLAG, offsetof(struct doctor_options, json),
	  "an object a line for each hook" },
	{ 0 },
};

struct doctor {
	const struct doctor_options *options;
	bool verbose;
	unsigned works, not ;
};

static const char *const statuses[] = { "works",   "not wanted", "not there",
					"refused", "filter",	 "partly" };

static int show_hook(void *arg, const struct hook *h)
{
	struct doctor *d = arg;
	bool works = h->status == HOOK_LOADED;

	d->works += works;
	d->not += !works;
	if (d->options->json)
		printf("{\"hook\":\"%s\",\"types\":\"%s\",\"status\":\"%s\",\"reason\":\"%s\"}\n",
		       h->name, h->types, statuses[h->status], h->reason);
	else if (!works || d->verbose)
		printf("  %-24s %-10s %s%s%s\n", h->name, statuses[h->status], h->types,
		       *h->reason ? ": " : "", h->reason);
	return 0;
}

static int doctor_run(const struct reel_command *self, int argc, char **argv)
{
	struct load_options load = { .ring_bytes = DOCTOR_RING_BYTES,
				     .state_ring_bytes = DOCTOR_RING_BYTES };
	struct doctor_options o = { 0 };
	struct doctor d = { .options = &o };
	struct programs *programs = NULL;
	struct reel_args args;
	struct reel_err err;
	int status, r;

	if (!reel_command_parse(self, argc, argv, &o, &args, &status))
		return status;
	if (args.n)
		return reel_command_misuse(self, "it needs no operand");
	d.verbose = args.common.verbose > 0;
	for (unsigned i = 0; i < CLASSES; i++)
		load.classes[i] = true;
	if (args.common.verbose > 1)
		load.verifier_log = stderr;
	load.config.recorder_pid = (__u32)getpid();
	load.config.max_arg = 4096;
	load.config.scope = load.config.scope_tree = 1;
	r = programs_load(&load, &programs, &err);
	if (r < 0)
		return reel_command_fail(self, REEL_STATUS_PRIVILEGE, &err);
	/* Attached and gone again: some refusals come only here. The scope is nobody. */
	r = programs_attach(programs, &err);
	programs_detach(programs);
	if (r < 0) {
		programs_free(programs);
		return reel_command_fail(self, REEL_STATUS_PRIVILEGE, &err);
	}
	(void)programs_hooks(programs, show_hook, &d);
	if (!o.json)
		printf("%u of %u hooks work%s\n", d.works, d.works + d.not,
		       d.not || d.verbose ? "" : "; reel record sees everything that it can");
	programs_free(programs);
	return REEL_STATUS_OK;
}

const struct reel_command reel_cmd_doctor = {
	.name = "doctor",
	.summary = "what this kernel and these privileges allow, hook by hook",
	.usage = "",
	.examples = { "reel doctor", "reel doctor -v" },
	.options = doctor_table,
	.run = doctor_run,
};
