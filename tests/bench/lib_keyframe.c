/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/bench/lib_keyframe.h"

#include <stdio.h>
#include <string.h>

static void *begin(struct own *o, unsigned type)
{
	void *fixed = reel_record_begin(&o->m->record, o->m->types[type]);

	o->m->record.header.ts = o->ts;
	o->m->record.header.flags = type >= EV_process && type <= EV_netif ? EV_KEYFRAME : 0;
	return fixed;
}

static void text(struct own *o, const char *s)
{
	reel_record_string(&o->m->record, s, strlen(s));
}

static void path(struct own *o, uint32_t file)
{
	const struct file *f = &o->m->tree.files[file];

	reel_record_string(&o->m->record, o->m->tree.text + f->path, f->path_len);
}

static void end(struct own *o)
{
	struct reel_record *r = &o->m->record;
	size_t length = reel_record_end(r);

	if (o->w && !o->ret)
		o->ret = reel_writer_append_own(o->w, &r->header, length, o->err);
	o->m->by_type[r->header.type]++;
	o->records++;
	/* What an iterator takes for one. */
	o->ts += 900 + rng_below(&o->rng, 600);
}

void own_clock(struct own *o, enum clock_reason reason)
{
	struct ev_clock *e = begin(o, EV_clock);

	e->realtime = (int64_t)o->ts + o->realtime_offset;
	e->monotonic = o->ts - 81000000000;
	e->tai_offset = 37;
	e->max_error = 1500000 + rng_below(&o->rng, 900000);
	e->reason = (uint8_t)reason;
	e->synchronized = 1;
	end(o);
}

void own_coverage(struct own *o)
{
	static const char *const hooks[][3] = {
		{ "sys_exit", "open close read write", "" },
		{ "sched_process_exec", "exec", "" },
		{ "sched_process_fork", "fork thread", "" },
		{ "sched_process_exit", "exit", "" },
		{ "inet_sock_set_state", "flow", "" },
		{ "cgroup_attach_task", "cgroup_move", "" },
		{ "sys_enter", "sys", "class sys is not wanted" },
	};

	for (unsigned i = 0; i < sizeof(hooks) / sizeof(hooks[0]); i++) {
		struct ev_coverage *e = begin(o, EV_coverage);

		e->status = hooks[i][2][0] != 0;
		text(o, hooks[i][0]);
		text(o, hooks[i][1]);
		text(o, hooks[i][2]);
		end(o);
	}
}

static void one_process(struct own *o, const struct proc *p)
{
	const struct image *i = proc_image_at(p, o->ts);
	struct ev_process *e = begin(o, EV_process);
	struct ev_header *h = &o->m->record.header;

	h->pid = h->tid = p->pid;
	e->start = p->start;
	e->parent_start = p->parent_start;
	e->cgroup = p->cgroup;
	e->cap_bounding = 0x1ffffffffff;
	if (p->creds.euid == 0)
		e->cap_effective = e->cap_permitted = 0x1ffffffffff;
	e->ppid = p->ppid;
	e->vpid = p->pid;
	e->pgid = p->pgid;
	e->sid = p->sid;
	e->tty = p->tty;
	e->loginuid = p->creds.loginuid;
	e->sessionid = p->creds.sessionid;
	e->uid = p->creds.uid;
	e->euid = e->suid = e->fsuid = p->creds.euid;
	e->gid = p->creds.gid;
	e->egid = e->sgid = e->fsgid = p->creds.egid;
	e->mnt_ns = 4026531841;
	e->pid_ns = 4026531836;
	e->net_ns = 4026531840;
	e->user_ns = 4026531837;
	e->uts_ns = 4026531838;
	e->ipc_ns = 4026531839;
	e->cgroup_ns = 4026531835;
	e->kernel_thread = p->kernel;
	if (p->kernel) {
		char name[32];

		snprintf(name, sizeof(name), "kworker/%u:%u", p->pid % o->m->n_cpus, p->pid % 7);
		text(o, name);
	} else {
		e->inode = o->m->tree.files[i->exe].inode;
		e->dev = o->m->tree.files[i->exe].dev;
		reel_record_string(&o->m->record, i->comm, i->comm_len);
		path(o, i->exe);
		reel_record_string(&o->m->record, i->argv, i->argv_len);
		path(o, p->cwd);
	}
	end(o);
}

static void things_of(struct own *o, const struct proc *p)
{
	const struct image *i = proc_image_at(p, o->ts);

	for (unsigned k = 0; k < 16; k++) {
		const struct file *f = &o->m->tree.files[p->fd_file[k]];
		struct ev_fd *e;

		if (!p->fd_file[k])
			continue;
		e = begin(o, EV_fd);
		o->m->record.header.pid = o->m->record.header.tid = p->pid;
		e->inode = f->inode;
		e->dev = f->dev;
		e->fd = (int32_t)k;
		e->flags = k < 3 ? 02 : 02001;
		e->mode = k < 3 ? 020666 : 0100640;
		path(o, p->fd_file[k]);
		end(o);
	}
	for (unsigned k = 0; k <= i->n_libs; k++) {
		uint32_t file = k < i->n_libs ? i->libs[k] : i->exe;
		struct ev_map *e = begin(o, EV_map);

		o->m->record.header.pid = o->m->record.header.tid = p->pid;
		e->addr = p->map_top - 0x200000ull * (k + 1);
		e->length = o->m->tree.files[file].size & ~0xfffull;
		e->inode = o->m->tree.files[file].inode;
		e->dev = o->m->tree.files[file].dev;
		e->prot = 5;
		path(o, file);
		end(o);
	}
}

static bool alive(const struct proc *p, uint64_t ts)
{
	return p->born <= ts && (!p->died || p->died > ts);
}

enum { UNITS = 40, UNIT_FIRST = 3000, SESSION_FIRST = 7000 };

static void one_cgroup(struct own *o, uint64_t cgroup)
{
	struct ev_cgroup *e = begin(o, EV_cgroup);
	char name[64];

	if (cgroup < SESSION_FIRST)
		snprintf(name, sizeof(name), "/system.slice/unit-%u.service",
			 (unsigned)cgroup - UNIT_FIRST);
	else
		snprintf(name, sizeof(name), "/user.slice/session-%u.scope",
			 (unsigned)cgroup - SESSION_FIRST);
	e->cgroup = cgroup;
	text(o, name);
	end(o);
}

/* Those of units, and of whoever is there: as a recorder that walks the tree of them tells all. */
static void cgroups(struct own *o)
{
	for (unsigned i = 0; i < UNITS; i++)
		one_cgroup(o, UNIT_FIRST + i);
	for (const struct proc *p = o->m->living; p; p = p->next) {
		const struct proc *before = o->m->living;

		while (before != p && !(before->standing && before->cgroup == p->cgroup))
			before = before->next;
		if (p->standing && before == p && p->cgroup >= UNIT_FIRST + UNITS)
			one_cgroup(o, p->cgroup);
	}
}

static void surroundings(struct own *o)
{
	static const char *const mounts[][3] = {
		{ "/", "ext4", "/dev/sda1" },
		{ "/home", "ext4", "/dev/sda2" },
		{ "/proc", "proc", "proc" },
		{ "/sys", "sysfs", "sysfs" },
		{ "/dev", "devtmpfs", "udev" },
		{ "/dev/pts", "devpts", "devpts" },
		{ "/run", "tmpfs", "tmpfs" },
		{ "/tmp", "tmpfs", "tmpfs" },
		{ "/sys/fs/cgroup", "cgroup2", "cgroup2" },
		{ "/sys/fs/bpf", "bpf", "bpf" },
		{ "/dev/shm", "tmpfs", "tmpfs" },
		{ "/run/user/1000", "tmpfs", "tmpfs" },
	};

	for (unsigned i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		struct ev_mounted *e = begin(o, EV_mounted);

		e->mount_id = 22 + i;
		e->parent_id = i ? 22 : 1;
		e->dev = 21 + i;
		e->mnt_ns = 4026531841;
		text(o, "/");
		text(o, mounts[i][0]);
		text(o, mounts[i][1]);
		text(o, mounts[i][2]);
		text(o, "rw,relatime");
		end(o);
	}
	for (unsigned i = 0; i < 60; i++) {
		static const char *const known[] = { "root", "daemon",	 "bin",
						     "sys",  "www-data", "dev" };
		struct ev_account *e = begin(o, EV_account);
		char name[32];

		snprintf(name, sizeof(name), i / 2 < 6 ? "%s" : "%s%u", known[i / 2 % 6], i / 2);
		e->account_id = e->gid = i / 2 == 5 ? 1000 : i / 2 == 4 ? 33 : i / 2;
		e->kind = i % 2;
		text(o, name);
		text(o, i % 2 ? "" : "/home/dev");
		text(o, i % 2 ? "" : "/bin/bash");
		end(o);
	}
	cgroups(o);
}

void own_keyframe(struct own *o)
{
	struct ev_keyframe *e = begin(o, EV_keyframe);
	uint64_t at = o->ts, records;

	end(o);
	records = o->records;
	surroundings(o);
	for (unsigned list = 0; list < 2; list++)
		for (const struct proc *p = list ? o->m->dead : o->m->living; p; p = p->next) {
			if (!alive(p, at))
				continue;
			one_process(o, p);
			if (p->standing && !p->kernel)
				things_of(o, p);
		}
	records = o->records - records;
	e = begin(o, EV_keyframe);
	e->records = records;
	e->edge = 1;
	e->complete = 1;
	end(o);
}

void own_counters(struct own *o)
{
	for (uint32_t cpu = 0; cpu < o->m->n_cpus; cpu++)
		for (unsigned class = 1; class < 16; class ++) {
			const struct cpu *c = &o->m->cpus[cpu];
			struct ev_counters *e;

			if (!(c->kept[class] | c->filtered[class] | c->lost[class]))
				continue;
			e = begin(o, EV_counters);
			e->kept = c->kept[class];
			e->folded = c->folded[class];
			e->filtered = c->filtered[class];
			e->lost = c->lost[class];
			e->seen = e->kept + e->folded + e->filtered + e->lost;
			e->counted_cpu = (uint16_t)cpu;
			e->counted_class = (uint8_t) class;
			end(o);
		}
}
