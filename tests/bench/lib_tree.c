/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/bench/lib_tree.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_FILES = 64000, MAX_TEXT = 6 << 20, MAX_BUNDLED = 40000, MAX_BUNDLES = 6000 };

/* clang-format off */
static const char *const words[] = {
	"access", "acl", "addr", "alloc", "arch", "array", "async", "atomic", "attr", "audio",
	"auth", "base", "bitmap", "block", "bridge", "buffer", "builtin", "bus", "cache", "call",
	"channel", "check", "cipher", "class", "client", "clock", "codec", "color", "command",
	"common", "compat", "config", "connection", "console", "context", "control", "convert",
	"core", "counter", "cursor", "data", "debug", "decode", "device", "dialog", "digest",
	"dispatch", "display", "driver", "encode", "endian", "engine", "entry", "error", "event",
	"export", "extent", "factory", "fast", "file", "filter", "flags", "font", "format", "frame",
	"func", "graph", "group", "handler", "hash", "header", "heap", "host", "icon", "image",
	"index", "info", "init", "inode", "input", "internal", "iter", "journal", "kernel", "key",
	"label", "layer", "layout", "lexer", "link", "list", "loader", "lock", "log", "loop",
	"main",
	"map", "mask", "math", "memory", "message", "meta", "method", "mode", "model", "module",
	"monitor", "mutex", "name", "net", "node", "notify", "object", "option", "output", "packet",
	"page", "parser", "path", "pattern", "peer", "pipe", "plugin", "point", "policy", "pool",
	"port", "print", "process", "profile", "proto", "proxy", "query", "queue", "random",
	"range",
	"reader", "record", "region", "render", "request", "resource", "result", "ring", "route",
	"rule", "scan", "schema", "search", "section", "select", "server", "session", "shader",
	"signal", "slab", "socket", "sort", "source", "stack", "state", "stats", "stream", "string",
	"style", "symbol", "sync", "system", "table", "task", "template", "test", "text", "thread",
	"time", "timer", "token", "trace", "tree", "type", "unit", "update", "user", "util",
	"value",
	"vector", "version", "view", "virtual", "wait", "widget", "window", "worker", "writer",
};
/* clang-format on */

/* clang-format off */
/* The first of their sets; the plans look some of them up by name. */
static const char *const known_libs[] = {
	"libc.so.6", "libm.so.6", "libz.so.1.2.13", "libzstd.so.1.5.4", "libgmp.so.10.4.1",
	"libmpfr.so.6.2.0", "libmpc.so.3.3.1", "libisl.so.23.2.0", "libbfd-2.40-system.so",
	"libopcodes-2.40-system.so", "libsframe.so.0.0.0", "libctf.so.0.0.0",
	"libjansson.so.4.14.0",
	"libtinfo.so.6.4", "libselinux.so.1", "libpcre2-8.so.0.11.2", "libacl.so.1.1.2301",
	"libcap.so.2.66", "libcrypt.so.1.1.0", "libssl.so.3", "libcrypto.so.3", "libpam.so.0.85.1",
	"libaudit.so.1.0.0", "libsystemd.so.0.35.0", "liblzma.so.5.4.1", "liblz4.so.1.9.4",
	"libgcrypt.so.20.4.1", "libgpg-error.so.0.33.1", "libexpat.so.1.8.10", "libxml2.so.2.9.14",
	"libicuuc.so.72.1", "libicudata.so.72.1", "libstdc++.so.6.0.30", "libgcc_s.so.1",
	"libcurl.so.4.8.0", "libnghttp2.so.14.24.1", "libapt-pkg.so.6.0.0", "libbz2.so.1.0.4",
	"libdb-5.3.so", "libpq.so.5.15", "libkrb5.so.3.3", "libnss_systemd.so.2",
	"libnss_files.so.2", "libresolv.so.2",
};
/* clang-format on */

/* clang-format off */
static const char *const known_bins[] = {
	"gcc-12", "make", "dash", "bash", "x86_64-linux-gnu-as", "x86_64-linux-gnu-ld.bfd",
	"x86_64-linux-gnu-ar", "ls", "grep", "sed", "cat", "sort", "uniq", "wc", "head", "find",
	"xargs", "mawk", "date", "mkdir", "rm", "cp", "mv", "touch", "chmod", "tar", "gzip", "cut",
	"tr", "basename", "dirname", "uname", "hostname", "id", "whoami", "ps", "python3.11",
	"perl",
	"git", "curl", "wget", "ssh", "dpkg", "dpkg-deb", "apt-get", "vim.basic", "less", "sleep",
	"env", "stat", "diff", "expr", "readlink", "tail", "sudo", "crontab", "gdb", "truncate",
	"pg_dump", "php8.2", "run-parts", "logrotate", "ldconfig.real", "cron", "sshd", "nginx",
	"php-fpm8.2", "agetty", "rsyslogd", "kmod", "ping", "dpkg-split", "deb-systemd-helper",
};
/* clang-format on */

struct builder {
	struct tree *t;
	struct rng *r;
	uint64_t inode; /* files that are made together have inodes close to each other */
	int err;
};

static const char *word(struct builder *b)
{
	return words[rng_below(b->r, sizeof(words) / sizeof(words[0]))];
}

static uint32_t __attribute__((format(printf, 3, 4)))
add(struct builder *b, uint32_t dev, const char *fmt, ...)
{
	struct tree *t = b->t;
	struct file *f = &t->files[t->n_files];
	size_t room = t->text_max - t->text_used;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->text + t->text_used, room, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= room || t->n_files + 1 >= MAX_FILES) {
		b->err = -ENOSPC;
		return 0;
	}
	b->inode += 1 + (rng_chance(b->r, 150) ? rng_below(b->r, 40) : 0);
	*f = (struct file){ .inode = b->inode, .dev = dev, .path = t->text_used };
	f->path_len = (uint16_t)n;
	f->size = 200 + rng_below(b->r, 400) * rng_below(b->r, 200);
	t->text_used += (uint32_t)n + 1;
	return t->n_files++;
}

static void new_directory(struct builder *b)
{
	b->inode = 131072ull * rng_between(b->r, 1, 60) + rng_below(b->r, 100000);
}

static void set_arg(struct builder *b, uint32_t file, const char *arg)
{
	struct tree *t = b->t;
	size_t n = strlen(arg);

	if (n + 1 > t->text_max - t->text_used) {
		b->err = -ENOSPC;
		return;
	}
	memcpy(t->text + t->text_used, arg, n + 1);
	t->files[file].arg = t->text_used;
	t->files[file].arg_len = (uint16_t)n;
	t->text_used += (uint32_t)n + 1;
}

static void begin_set(struct builder *b, enum tree_set set)
{
	b->t->sets[set].first = b->t->n_files;
	new_directory(b);
}

static void end_set(struct builder *b, enum tree_set set, double exponent)
{
	struct set *s = &b->t->sets[set];

	s->n = b->t->n_files - s->first;
	if (!b->err)
		b->err = alias_init_zipf(&s->pick, b->r, s->n, exponent);
}

static void add_common(struct builder *b)
{
	static const struct {
		enum tree_file file;
		uint32_t dev;
		const char *path, *arg;
	} rows[] = {
		{ F_ROOT, DEV_ROOT, "/", NULL },
		{ F_LD_CACHE, DEV_ROOT, "/etc/ld.so.cache", NULL },
		{ F_LIBC, DEV_ROOT, "/usr/lib/x86_64-linux-gnu/libc.so.6",
		  "/lib/x86_64-linux-gnu/libc.so.6" },
		{ F_LOCALE_ALIAS, DEV_ROOT, "/etc/locale.alias", "/usr/share/locale/locale.alias" },
		{ F_LC_CTYPE, DEV_ROOT, "/usr/lib/locale/C.utf8/LC_CTYPE", NULL },
		{ F_LC_MESSAGES, DEV_ROOT, "/usr/lib/locale/C.utf8/LC_MESSAGES/SYS_LC_MESSAGES",
		  NULL },
		{ F_GCONV, DEV_ROOT, "/usr/lib/x86_64-linux-gnu/gconv/gconv-modules.cache", NULL },
		{ F_NULL, DEV_DEVTMPFS, "/dev/null", NULL },
		{ F_TTY, DEV_DEVTMPFS, "/dev/tty", NULL },
		{ F_PASSWD, DEV_ROOT, "/etc/passwd", NULL },
		{ F_GROUP, DEV_ROOT, "/etc/group", NULL },
		{ F_SHADOW, DEV_ROOT, "/etc/shadow", NULL },
		{ F_NSSWITCH, DEV_ROOT, "/etc/nsswitch.conf", NULL },
		{ F_RESOLV, DEV_ROOT, "/etc/resolv.conf", NULL },
		{ F_HOSTS, DEV_ROOT, "/etc/hosts", NULL },
		{ F_LOCALTIME, DEV_ROOT, "/usr/share/zoneinfo/Etc/UTC", "/etc/localtime" },
		{ F_URANDOM, DEV_DEVTMPFS, "/dev/urandom", NULL },
		{ F_UTMP, DEV_TMP, "/run/utmp", "/var/run/utmp" },
		{ F_WTMP, DEV_ROOT, "/var/log/wtmp", NULL },
		{ F_AUTH_LOG, DEV_ROOT, "/var/log/auth.log", NULL },
		{ F_SYSLOG, DEV_ROOT, "/var/log/syslog", NULL },
		{ F_ACCESS_LOG, DEV_ROOT, "/var/log/nginx/access.log", NULL },
		{ F_HISTORY, DEV_HOME, "/home/dev/.bash_history", NULL },
		{ F_BASHRC, DEV_HOME, "/home/dev/.bashrc", NULL },
		{ F_PROFILE, DEV_ROOT, "/etc/profile", NULL },
		{ F_TMP, DEV_TMP, "/tmp", NULL },
		{ F_HOME, DEV_HOME, "/home/dev", NULL },
		{ F_WWW_ROOT, DEV_ROOT, "/var/www/html", NULL },
		{ F_DPKG_STATUS, DEV_ROOT, "/var/lib/dpkg/status", NULL },
		{ F_SSHD_CONFIG, DEV_ROOT, "/etc/ssh/sshd_config", NULL },
		{ F_CROND, DEV_ROOT, "/etc/cron.d", NULL },
		{ F_DB_WAL, DEV_ROOT, "/var/lib/postgresql/15/main/pg_wal/0000000100000003000000A7",
		  "pg_wal/0000000100000003000000A7" },
		{ F_DB_SOCKET, DEV_TMP, "/run/postgresql/.s.PGSQL.5432", NULL },
		{ F_LD_SO, DEV_ROOT, "/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", NULL },
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t file;

		new_directory(b);
		file = add(b, rows[i].dev, "%s", rows[i].path);
		if (file != rows[i].file)
			b->err = -EINVAL;
		else if (rows[i].arg)
			set_arg(b, file, rows[i].arg);
	}
}

static void add_libs(struct builder *b)
{
	char arg[256];

	begin_set(b, SET_LIBS);
	for (unsigned i = 0; i < 420; i++) {
		uint32_t file;
		const char *name;
		char *version;

		if (i < sizeof(known_libs) / sizeof(known_libs[0]))
			file = add(b, DEV_ROOT, "/usr/lib/x86_64-linux-gnu/%s", known_libs[i]);
		else
			file = add(b, DEV_ROOT, "/usr/lib/x86_64-linux-gnu/lib%s%s.so.%u.%u.%u",
				   word(b), word(b), rng_below(b->r, 8), rng_below(b->r, 20),
				   rng_below(b->r, 10));
		/* Asked for by its soname, through the link from /lib to /usr/lib. */
		name = tree_path(b->t, file) + strlen("/usr");
		snprintf(arg, sizeof(arg), "%s", name);
		version = strstr(arg, ".so.");
		if (version && strchr(version + 4, '.'))
			*strchr(version + 4, '.') = 0;
		set_arg(b, file, arg);
		b->t->files[file].size = 20000 + rng_below(b->r, 3000) * 1000;
	}
	end_set(b, SET_LIBS, 0.9);
}

static void add_bins(struct builder *b)
{
	begin_set(b, SET_BIN);
	for (unsigned i = 0; i < sizeof(known_bins) / sizeof(known_bins[0]); i++)
		add(b, DEV_ROOT, "/usr/%s/%s",
		    strstr("cron sshd nginx php-fpm8.2 agetty rsyslogd logrotate ldconfig.real",
			   known_bins[i]) ?
			    "sbin" :
			    "bin",
		    known_bins[i]);
	add(b, DEV_ROOT, "/usr/lib/gcc/x86_64-linux-gnu/12/cc1");
	add(b, DEV_ROOT, "/usr/lib/gcc/x86_64-linux-gnu/12/collect2");
	add(b, DEV_ROOT, "/usr/lib/postgresql/15/bin/postgres");
	add(b, DEV_ROOT, "/usr/lib/systemd/systemd");
	add(b, DEV_ROOT, "/usr/lib/systemd/systemd-journald");
	add(b, DEV_ROOT, "/usr/bin/node_exporter");
	for (unsigned i = 0; i < 1100; i++)
		add(b, DEV_ROOT, "/usr/bin/%s%s%s", word(b), rng_chance(b->r, 500) ? "-" : "",
		    word(b));
	end_set(b, SET_BIN, 1.0);
}

static void add_sets(struct builder *b)
{
	static const char *const extensions[] = {
		"png", "css", "js", "html", "svg", "woff2", "jpg"
	};
	static const char *const parts[] = { "list", "md5sums", "postinst", "prerm", "conffiles" };

	begin_set(b, SET_ETC);
	for (unsigned i = 0; i < 900; i++)
		add(b, DEV_ROOT, i % 3 ? "/etc/%s/%s.conf" : "/etc/%s.%s.conf", word(b), word(b));
	end_set(b, SET_ETC, 1.0);
	begin_set(b, SET_SHARE);
	for (unsigned i = 0; i < 4500; i++) {
		if (i % 40 == 0)
			new_directory(b);
		add(b, DEV_ROOT, "/usr/share/%s-%s/%s/%s_%s.%s", words[i / 400],
		    words[i / 90 % 150], words[i / 30 % 150], word(b), word(b),
		    i % 3 ? "xml" : "gz");
	}
	end_set(b, SET_SHARE, 0.7);
	begin_set(b, SET_PYTHON);
	for (unsigned i = 0; i < 1800; i++) {
		if (i % 25 == 0)
			new_directory(b);
		add(b, DEV_ROOT,
		    i % 3 ? "/usr/lib/python3.11/%s/__pycache__/%s_%s.cpython-311.pyc" :
			    "/usr/lib/python3/dist-packages/%s/__pycache__/%s%s.cpython-311.pyc",
		    words[i / 25], word(b), word(b));
	}
	end_set(b, SET_PYTHON, 1.0);
	begin_set(b, SET_PHP);
	for (unsigned i = 0; i < 1200; i++)
		add(b, DEV_ROOT, "/var/www/html/vendor/%s/%s/src/%s%s.php", words[i / 60],
		    words[i / 20 % 150], word(b), word(b));
	end_set(b, SET_PHP, 0.9);
	begin_set(b, SET_WWW);
	for (unsigned i = 0; i < 1500; i++)
		add(b, DEV_ROOT, "/var/www/html/%s/%s-%s.%08x.%s",
		    i % 5 ? "static" : "uploads/2024/11", word(b), word(b),
		    (unsigned)rng_next(b->r), extensions[i % 7]);
	end_set(b, SET_WWW, 1.0);
	begin_set(b, SET_LOG);
	for (unsigned i = 0; i < 60; i++)
		add(b, DEV_ROOT, "/var/log/%s/%s.log", words[i / 6 * 7], word(b));
	end_set(b, SET_LOG, 0.8);
	begin_set(b, SET_DPKG);
	for (unsigned i = 0; i < 2500; i++)
		add(b, DEV_ROOT, "/var/lib/dpkg/info/%s-%s%u.%s", words[i / 20], words[i % 17 * 9],
		    i / 5 % 4, parts[i % 5]);
	end_set(b, SET_DPKG, 0.2);
	begin_set(b, SET_DB);
	for (unsigned i = 0; i < 500; i++) {
		char arg[64];
		uint32_t name = 16384 + i * 3, file;

		snprintf(arg, sizeof(arg), "base/16385/%u%s", name, i % 6 ? "" : "_fsm");
		file = add(b, DEV_ROOT, "/var/lib/postgresql/15/main/%s", arg);
		set_arg(b, file, arg);
	}
	end_set(b, SET_DB, 1.1);
	begin_set(b, SET_ABSENT);
	for (unsigned i = 0; i < 500; i++)
		add(b, DEV_ROOT,
		    i % 4 == 0 ? "/usr/share/locale/C.UTF-8/LC_MESSAGES/%s-%s.mo" :
		    i % 4 == 1 ? "/usr/local/lib/lib%s%s.so" :
		    i % 4 == 2 ? "/etc/%s/%s.local" :
				 "/home/dev/.config/%s/%s.conf",
		    word(b), word(b));
	end_set(b, SET_ABSENT, 1.1);
	begin_set(b, SET_DIRS);
	for (unsigned i = 0; i < 900; i++)
		add(b, i % 3 ? DEV_ROOT : DEV_HOME,
		    i % 3 ? "/usr/share/%s/%s" : "/home/dev/src/%s/%s", words[i / 5 % 150],
		    word(b));
	end_set(b, SET_DIRS, 0.6);
}

static void add_bundles(struct builder *b, uint32_t first, uint32_t n, uint32_t mean,
			uint32_t *ret_first, uint32_t *ret_n)
{
	struct tree *t = b->t;

	/* Neighbours, as they lie in one directory, and now and then one from far away. */
	*ret_first = t->n_bundles;
	for (uint32_t at = 0; at < n && t->n_bundles < MAX_BUNDLES;) {
		uint32_t wanted = rng_between(b->r, 1, 2 * mean - 1);

		t->bundles[t->n_bundles] = (struct bundle){ t->n_bundled, 0 };
		for (; wanted-- && at < n && t->n_bundled < MAX_BUNDLED; at++) {
			uint32_t file = rng_chance(b->r, 120) ? rng_below(b->r, n) : at;

			t->bundled[t->n_bundled++] = first + file;
			t->bundles[t->n_bundles].n++;
		}
		t->n_bundles++;
	}
	*ret_n = t->n_bundles - *ret_first;
}

static uint32_t add_header(struct builder *b, uint32_t dev, const char *directory, const char *name)
{
	uint32_t file = add(b, dev, "%s/%s", directory, name);

	b->t->files[file].name_at = (uint16_t)(strlen(directory) + 1);
	return file;
}

static void add_system_headers(struct builder *b)
{
	struct tree *t = b->t;
	static const char *const roots[] = {
		"/usr/lib/gcc/x86_64-linux-gnu/12/include",
		"/usr/local/include",
		"/usr/include/x86_64-linux-gnu",
		"/usr/include",
	};
	uint32_t first, n;

	for (unsigned i = 0; i < 4; i++)
		t->system_search[i] = add(b, DEV_ROOT, "%s", roots[i]);
	begin_set(b, SET_HEADERS);
	for (unsigned i = 0; i < 5000; i++) {
		unsigned root = i % 100 < 4 ? 0 : i % 100 < 30 ? 2 : 3;
		const char *group = words[i / 28 % 150];
		char name[128];

		if (i % 28 == 0)
			new_directory(b);
		if (i % 7 == 0)
			snprintf(name, sizeof(name), "%s%s.h", word(b), word(b));
		else if (root == 2)
			snprintf(name, sizeof(name), "%s/%s-%s.h", i % 2 ? "bits" : "asm", word(b),
				 word(b));
		else if (i % 3)
			snprintf(name, sizeof(name), "%s/%s_%s.h", group, word(b), word(b));
		else
			snprintf(name, sizeof(name), "%s-%u.0/%s/%s-%s.h", group, i / 1000, group,
				 group, word(b));
		add_header(b, DEV_ROOT, roots[root], name);
	}
	end_set(b, SET_HEADERS, 1.0);
	add_bundles(b, t->sets[SET_HEADERS].first, t->sets[SET_HEADERS].n, 7, &first, &n);
	t->n_system_bundles = n;
	if (!b->err)
		b->err = alias_init_zipf(&t->pick_system_bundle, b->r, n, 1.2);
}

static void relative_to(struct tree *t, uint32_t file, uint32_t directory)
{
	struct file *f = &t->files[file];
	uint16_t skip = (uint16_t)(t->files[directory].path_len + 1);

	f->arg = f->path + skip;
	f->arg_len = (uint16_t)(f->path_len - skip);
}

static void add_flags(struct builder *b, struct project *p)
{
	size_t wanted = rng_between(b->r, 120, 1150), at = 0;

	for (unsigned i = 0; i < p->n_search; i++) {
		struct file *f = &b->t->files[p->search[i]];

		at += (size_t)snprintf(p->flags + at, sizeof(p->flags) - at, "-I%s",
				       f->arg_len ? b->t->text + f->arg : ".") +
		      1;
	}
	at += (size_t)snprintf(p->flags + at, sizeof(p->flags) - at, "-O2%c-g%c-Wall%c-fPIC", 0, 0,
			       0);
	at++;
	while (at < wanted) {
		if (rng_chance(b->r, 600))
			at += (size_t)snprintf(p->flags + at, sizeof(p->flags) - at, "-W%s-%s",
					       word(b), word(b)) +
			      1;
		else
			at += (size_t)snprintf(p->flags + at, sizeof(p->flags) - at,
					       "-Duse_%s_%s=1", word(b), word(b)) +
			      1;
	}
	p->flags_len = (uint32_t)at;
}

static void add_project(struct builder *b, struct project *p, unsigned number)
{
	struct tree *t = b->t;
	char root[128], directory[256];
	uint32_t n_sources = 60 + rng_below(b->r, 300) + (number % 4 ? 0 : 700);

	new_directory(b);
	snprintf(root, sizeof(root), "/home/dev/src/%s-%s", words[number * 11 % 150], word(b));
	p->dir = add(b, DEV_HOME, "%s", root);
	p->n_search = rng_below(b->r, 3);
	for (unsigned i = 0; i < p->n_search; i++) {
		p->search[i] = add(b, DEV_HOME, i ? "%s/%s" : "%s/include", root, word(b));
		relative_to(t, p->search[i], p->dir);
	}
	p->makefile = add(b, DEV_HOME, "%s/Makefile", root);
	relative_to(t, p->makefile, p->dir);

	p->header = t->n_files;
	for (unsigned i = 0; i < n_sources / 2; i++) {
		char name[128];
		uint32_t file;

		snprintf(name, sizeof(name), i % 3 ? "%s_%s.h" : "%s/%s.h", word(b), word(b));
		if (p->n_search)
			snprintf(directory, sizeof(directory), "%s",
				 tree_path(t, p->search[rng_below(b->r, p->n_search)]));
		else
			snprintf(directory, sizeof(directory), "%s/src", root);
		file = add_header(b, DEV_HOME, directory, name);
		relative_to(t, file, p->dir);
	}
	p->n_headers = t->n_files - p->header;
	add_bundles(b, p->header, p->n_headers, 6, &p->bundle, &p->n_bundles);

	p->source = t->n_files;
	p->n_sources = n_sources;
	for (unsigned i = 0; i < n_sources; i++) {
		const char *one = word(b), *two = word(b), *group = words[i / 20 * 7 % 150];
		static const char extension[] = "cod";

		for (unsigned k = 0; k < 3; k++)
			relative_to(t,
				    add(b, DEV_HOME, "%s/%s/%s/%s_%s%s.%c", root,
					k ? "build" : "src", group, one, two, i % 9 ? "" : "2",
					extension[k]),
				    p->dir);
	}
	p->units_bundles = rng_between(b->r, 3, 11);
	add_flags(b, p);
	if (!b->err)
		b->err = alias_init_zipf(&p->pick_source, b->r, n_sources, 0.5);
	if (!b->err)
		b->err = alias_init_zipf(&p->pick_bundle, b->r, p->n_bundles, 0.9);
}

int tree_init(struct tree *t, struct rng *r)
{
	struct builder b = { t, r, 1000, 0 };

	*t = (struct tree){ .text_max = MAX_TEXT, .next_inode = 5200000, .next_anon = 480000 };
	t->text = malloc(MAX_TEXT + (size_t)TREE_RING * TREE_RING_TEXT);
	t->files = calloc(MAX_FILES + TREE_RING, sizeof(*t->files));
	t->bundled = malloc(MAX_BUNDLED * sizeof(*t->bundled));
	t->bundles = malloc(MAX_BUNDLES * sizeof(*t->bundles));
	if (!t->text || !t->files || !t->bundled || !t->bundles)
		return -ENOMEM;
	add_common(&b);
	add_libs(&b);
	add_bins(&b);
	add_sets(&b);
	add_system_headers(&b);
	for (unsigned i = 0; i < MAX_PROJECTS && !b.err; i++)
		add_project(&b, &t->projects[t->n_projects++], i);
	t->ring_first = MAX_FILES;
	return b.err;
}

void tree_done(struct tree *t)
{
	free(t->text);
	free(t->files);
	free(t->bundled);
	free(t->bundles);
	alias_done(&t->pick_system_bundle);
	for (unsigned i = 0; i < SET_COUNT; i++)
		alias_done(&t->sets[i].pick);
	for (unsigned i = 0; i < t->n_projects; i++) {
		alias_done(&t->projects[i].pick_source);
		alias_done(&t->projects[i].pick_bundle);
	}
}

uint32_t tree_find(const struct tree *t, enum tree_set set, const char *name)
{
	size_t n = strlen(name);

	for (uint32_t i = t->sets[set].first; i < t->sets[set].first + t->sets[set].n; i++) {
		const struct file *f = &t->files[i];

		if (f->path_len > n && t->text[f->path + f->path_len - n - 1] == '/' &&
		    memcmp(t->text + f->path + f->path_len - n, name, n) == 0)
			return i;
	}
	return 0;
}

uint32_t tree_temporary(struct tree *t, uint32_t dev, uint64_t inode, const char *path,
			size_t length)
{
	uint32_t slot = t->ring_next++ % TREE_RING, file = t->ring_first + slot;
	uint32_t at = MAX_TEXT + slot * TREE_RING_TEXT;

	if (length > TREE_RING_TEXT)
		length = TREE_RING_TEXT;
	memcpy(t->text + at, path, length);
	t->files[file] = (struct file){ .inode = inode, .dev = dev, .path = at };
	t->files[file].path_len = (uint16_t)length;
	return file;
}
