/* SPDX-License-Identifier: BSD-2-Clause */
/* Software builds: make, gcc, cc1, as, collect2, ld. */
#include <stdio.h>
#include <string.h>

#include "tests/bench/lib_emit.h"
#include "tests/bench/lib_plan.h"

static const char *arg_of(const struct machine *m, uint32_t file)
{
	const struct file *f = &m->tree.files[file];

	return m->tree.text + (f->arg_len ? f->arg : f->path);
}

static uint32_t temporary_name(struct machine *m, const char *extension)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	char name[7] = "";

	for (unsigned i = 0; i < 6; i++)
		name[i] = letters[rng_below(&m->rng, 62)];
	return plan_temporary(m, DEV_TMP, "/tmp/cc%s.%s", name, extension);
}

static void make(struct machine *m, struct task *t, uint32_t project)
{
	const struct project *p = &m->tree.projects[project];
	struct image *i = plan_image(m, m->bin.make);
	unsigned units = rng_between(&m->rng, 4, 40);
	uint32_t first = rng_below(&m->rng, p->n_sources);

	image_arg(i, "make");
	image_arg(i, "-j4");
	plan_op(m, t, OP_CHDIR, p->dir);
	plan_exec_search(m, t, i, 1);
	plan_exec(m, t, i, true);
	plan_slurp(m, t, p->makefile);
	for (unsigned k = 0; k < p->n_sources && k < 150; k++) {
		uint32_t dep = p->source + 3 * ((first + k) % p->n_sources) + 2;

		if (k < units)
			plan_open_fail(m, t, dep, 0, ENOENT);
		else
			plan_slurp(m, t, dep);
	}
	for (unsigned k = 0; k < units; k++) {
		uint32_t source = p->source + 3 * ((first + k) % p->n_sources);

		plan_wait(m, t, 3);
		plan_fork(m, t, PLAN_COMPILE, project, source);
	}
	plan_wait(m, t, 0);
	plan_fork(m, t, PLAN_LINK, project, first);
	plan_wait(m, t, 0);
	plan_exit(m, t, 0);
}

static void compile(struct machine *m, struct task *t, uint32_t project, uint32_t source)
{
	const struct project *p = &m->tree.projects[project];
	struct image *i;
	uint32_t assembly;

	if (project % 3 == 0) {
		i = plan_image(m, m->bin.dash);
		image_arg(i, "/bin/sh");
		image_arg(i, "-c");
		image_args(i, "gcc ", 4);
		image_args(i, p->flags, strlen(p->flags));
		image_arg(i, arg_of(m, source));
		plan_exec(m, t, i, false);
	}
	i = plan_image(m, m->bin.gcc);
	image_arg(i, "gcc");
	image_args(i, p->flags, p->flags_len);
	image_arg(i, "-MMD");
	image_arg(i, "-MF");
	image_arg(i, arg_of(m, source + 2));
	image_arg(i, "-c");
	image_arg(i, "-o");
	image_arg(i, arg_of(m, source + 1));
	image_arg(i, arg_of(m, source));
	plan_exec_search(m, t, i, 1);
	plan_exec(m, t, i, true);
	plan_absent(m, t, 2);
	assembly = temporary_name(m, "s");
	plan_close(m, t, plan_open(m, t, assembly, O_RDW | O_CREATE | O_EXCLUSIVE), assembly);
	plan_fork(m, t, PLAN_CC1, project, (uint64_t)assembly << 32 | source);
	plan_wait(m, t, 0);
	plan_fork(m, t, PLAN_AS, project, (uint64_t)assembly << 32 | source);
	plan_wait(m, t, 0);
	plan_op(m, t, OP_UNLINK, assembly);
	plan_exit(m, t, 0);
}

static bool is_in(const struct tree *t, const struct file *f, uint32_t directory)
{
	const struct file *d = &t->files[directory];

	return d->path_len + 1u == f->name_at &&
	       memcmp(t->text + d->path, t->text + f->path, d->path_len) == 0;
}

static void miss(struct machine *m, struct task *t, uint32_t header, uint32_t directory)
{
	struct op *op = plan_op(m, t, OP_MISS, header);

	op->a = directory;
	op->b = O_NOTTY;
}

/* Most names are looked for along the chain of directories; those next to who includes them not. */
static void include(struct machine *m, struct task *t, const struct project *p, uint32_t header)
{
	const struct file *f = &m->tree.files[header];
	int16_t fd;

	if (rng_chance(&m->rng, 450)) {
		bool found = false;

		for (unsigned i = 0; i < p->n_search && !found; i++) {
			found = is_in(&m->tree, f, p->search[i]);
			if (!found)
				miss(m, t, header, p->search[i]);
		}
		for (unsigned i = 0; i < 4 && !found && f->dev == DEV_ROOT; i++) {
			found = is_in(&m->tree, f, m->tree.system_search[i]);
			if (!found)
				miss(m, t, header, m->tree.system_search[i]);
		}
	}
	fd = plan_open(m, t, header, O_NOTTY);
	plan_read(m, t, fd, header, f->size);
	plan_close(m, t, fd, header);
}

static void include_bundle(struct machine *m, struct task *t, const struct project *p, uint32_t b)
{
	const struct bundle *bundle = &m->tree.bundles[b];

	for (uint32_t i = 0; i < bundle->n; i++)
		include(m, t, p, m->tree.bundled[bundle->first + i]);
	plan_op(m, t, OP_THINK, 0)->b = 50000;
}

static void cc1(struct machine *m, struct task *t, uint32_t project, uint64_t files)
{
	const struct project *p = &m->tree.projects[project];
	uint32_t source = (uint32_t)files, assembly = (uint32_t)(files >> 32);
	struct image *i = plan_image(m, m->bin.cc1);
	uint32_t bytes = (uint32_t)spread_next(&m->size, &m->rng, 90000);
	int16_t fd, out;

	image_arg(i, "/usr/lib/gcc/x86_64-linux-gnu/12/cc1");
	image_arg(i, "-quiet");
	image_arg(i, "-imultiarch");
	image_arg(i, "x86_64-linux-gnu");
	image_arg(i, "-MMD");
	image_arg(i, arg_of(m, source + 2));
	image_args(i, p->flags, p->flags_len);
	image_arg(i, arg_of(m, source));
	image_arg(i, "-dumpbase");
	image_arg(i, arg_of(m, source));
	image_arg(i, "-mtune=generic");
	image_arg(i, "-march=x86-64");
	image_arg(i, "-fasynchronous-unwind-tables");
	image_arg(i, "-o");
	image_arg(i, arg_of(m, assembly));
	plan_exec(m, t, i, true);
	plan_absent(m, t, 3);
	fd = plan_open(m, t, source, O_NOTTY);
	plan_read(m, t, fd, source, m->tree.files[source].size);
	plan_close(m, t, fd, source);
	out = plan_open(m, t, assembly, O_WR | O_CREATE | O_CUT);
	for (unsigned k = 0; k < p->units_bundles; k++) {
		include_bundle(m, t, p, p->bundle + alias_next(&p->pick_bundle, &m->rng));
		include_bundle(m, t, p, alias_next(&m->tree.pick_system_bundle, &m->rng));
	}
	plan_op(m, t, OP_THINK, 0)->b = 20000000;
	plan_write(m, t, out, assembly, 4096, CONTENT_ASM);
	plan_create(m, t, source + 2, CONTENT_SCRIPT, rng_between(&m->rng, 1000, 9000));
	if (bytes > 4096) {
		struct op *op = plan_op(m, t, OP_FOLD, assembly);

		op->fd = out;
		op->a = bytes / 4096 + 1;
		op->b = bytes;
		op->flags = OPF_WRITE;
	}
	plan_close(m, t, out, assembly);
	plan_exit(m, t, 0);
}

static void assemble(struct machine *m, struct task *t, uint64_t files)
{
	uint32_t source = (uint32_t)files, assembly = (uint32_t)(files >> 32);
	struct image *i = plan_image(m, m->bin.as);

	image_arg(i, "as");
	image_arg(i, "--64");
	image_arg(i, "-o");
	image_arg(i, arg_of(m, source + 1));
	image_arg(i, arg_of(m, assembly));
	plan_exec_search(m, t, i, 2);
	plan_exec(m, t, i, true);
	plan_slurp(m, t, assembly);
	plan_create(m, t, source + 1, CONTENT_ELF, (uint32_t)spread_next(&m->size, &m->rng, 60000));
	plan_exit(m, t, 0);
}

static void link_program(struct machine *m, struct task *t, uint32_t project, uint64_t first)
{
	const struct project *p = &m->tree.projects[project];
	struct image *i = plan_image(m, m->bin.gcc);
	uint32_t script = temporary_name(m, "res");

	image_arg(i, "gcc");
	image_args(i, p->flags, p->flags_len);
	image_arg(i, "-o");
	image_arg(i, "build/program");
	plan_exec_search(m, t, i, 1);
	plan_exec(m, t, i, true);
	plan_close(m, t, plan_open(m, t, script, O_RDW | O_CREATE | O_EXCLUSIVE), script);
	plan_fork(m, t, PLAN_COLLECT2, project, first);
	plan_wait(m, t, 0);
	plan_op(m, t, OP_UNLINK, script);
	plan_exit(m, t, 0);
}

static void collect2(struct machine *m, struct task *t, uint32_t project, uint64_t first)
{
	struct image *i = plan_image(m, m->bin.collect2);

	image_arg(i, "/usr/lib/gcc/x86_64-linux-gnu/12/collect2");
	image_arg(i, "-pie");
	image_arg(i, "-o");
	image_arg(i, "build/program");
	plan_exec(m, t, i, true);
	plan_fork(m, t, PLAN_LD, project, first);
	plan_wait(m, t, 0);
	plan_exit(m, t, 0);
}

static void ld(struct machine *m, struct task *t, uint32_t project, uint64_t first)
{
	const struct project *p = &m->tree.projects[project];
	struct image *i = plan_image(m, m->bin.ld);
	const char *root = tree_path(&m->tree, p->dir);
	uint32_t program = plan_temporary(m, DEV_HOME, "%s/build/program", root);
	unsigned n = p->n_sources < 80 ? p->n_sources : 80;

	image_arg(i, "/usr/bin/ld");
	image_arg(i, "-pie");
	image_arg(i, "-o");
	image_arg(i, "build/program");
	for (unsigned k = 0; k < n; k++)
		image_arg(i, arg_of(m, p->source + 3 * (((uint32_t)first + k) % p->n_sources) + 1));
	plan_exec(m, t, i, true);
	plan_op(m, t, OP_UNLINK, program);
	for (unsigned k = 0; k < n; k++)
		plan_slurp(m, t, p->source + 3 * (((uint32_t)first + k) % p->n_sources) + 1);
	plan_absent(m, t, 8);
	for (unsigned k = 0; k < 4; k++)
		plan_slurp(m, t, tree_pick(&m->tree, SET_LIBS, &m->rng));
	plan_create(m, t, program, CONTENT_ELF, 400000);
	plan_op(m, t, OP_CHMOD, program)->a = 0755;
	plan_exit(m, t, 0);
}

void plan_build(struct machine *m, struct task *t, const struct op *fork)
{
	switch ((enum plan)fork->file) {
	case PLAN_MAKE:
		make(m, t, fork->a);
		break;
	case PLAN_COMPILE:
		compile(m, t, fork->a, (uint32_t)fork->b);
		break;
	case PLAN_CC1:
		cc1(m, t, fork->a, fork->b);
		break;
	case PLAN_AS:
		assemble(m, t, fork->b);
		break;
	case PLAN_LINK:
		link_program(m, t, fork->a, fork->b);
		break;
	case PLAN_COLLECT2:
		collect2(m, t, fork->a, fork->b);
		break;
	default:
		ld(m, t, fork->a, fork->b);
	}
}
