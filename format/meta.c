/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/meta.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "format/version.h"

/* Where each item goes. Text is kept with room for its NUL, which is not on tape. */
enum { IS_TEXT = 1, IS_FLAGGED = 2, IS_HIDDEN = 4 };

static const struct row {
	uint16_t tag;
	uint16_t how;
	uint16_t bytes;
	size_t offset;
	size_t flag; /* IS_FLAGGED: the bool that says whether it is there */
} rows[] = {
#define VALUE(tag, field, how)                                    \
	{                                                         \
		tag, how, sizeof(((struct reel_meta *)0)->field), \
			offsetof(struct reel_meta, field), 0      \
	}
#define TEXT(tag, field) VALUE(tag, field, IS_TEXT | IS_HIDDEN)
#define FLAGGED(tag, field, is)                                                           \
	{                                                                                 \
		tag, IS_FLAGGED, sizeof(((struct reel_meta *)0)->field),                  \
			offsetof(struct reel_meta, field), offsetof(struct reel_meta, is) \
	}
	VALUE(TAPE_META_CAPTURE, capture, 0),
	VALUE(TAPE_META_NUMBER, number, 0),
	VALUE(TAPE_META_MACHINE, machine, IS_HIDDEN),
	VALUE(TAPE_META_BOOT, boot, 0),
	TEXT(TAPE_META_HOST, host),
	TEXT(TAPE_META_KERNEL, kernel),
	TEXT(TAPE_META_ARCH, arch),
	TEXT(TAPE_META_PROGRAM, program),
	TEXT(TAPE_META_NOTE, note),
	VALUE(TAPE_META_CONFIG, config, IS_HIDDEN),
	VALUE(TAPE_META_CPUS, cpus, IS_HIDDEN),
	VALUE(TAPE_META_RUN, run, 0),
	VALUE(TAPE_META_START, start, 0),
	FLAGGED(TAPE_META_PREVIOUS, previous, has_previous),
	FLAGGED(TAPE_META_CUT, cut, is_cut),
	FLAGGED(TAPE_META_SEAL, seal, is_sealed),
#undef VALUE
#undef TEXT
#undef FLAGGED
};

uint8_t *reel_item_put(uint8_t *at, unsigned tag, const void *value, size_t bytes)
{
	struct tape_item item = { (uint16_t)tag, 0, (uint32_t)bytes };
	size_t padding = -bytes & 7;

	memcpy(at, &item, sizeof(item));
	at += sizeof(item);
	memcpy(at, value, bytes);
	memset(at + bytes, 0, padding);
	return at + bytes + padding;
}

int reel_item_next(const uint8_t **at, const uint8_t *end, struct reel_item *ret)
{
	size_t left = (size_t)(end - *at), padded;
	struct tape_item item;

	if (left == 0)
		return 0;
	if (left < sizeof(item))
		return -EBADMSG;
	memcpy(&item, *at, sizeof(item));
	left -= sizeof(item);
	padded = ((size_t)item.bytes + 7) & ~(size_t)7;
	if (padded > left)
		return -EBADMSG;
	*ret = (struct reel_item){ item.tag, item.bytes, *at + sizeof(item) };
	*at += sizeof(item) + padded;
	return 1;
}

static uint8_t *put_head(const struct reel_meta *m, uint8_t *at)
{
	const uint16_t version[4] = { TAPE_MAJOR, TAPE_MINOR, 0, 0 };
	const uint64_t incompatible = TAPE_FEATURE_FORMS |
				      (m->is_encrypted ? TAPE_FEATURE_ENCRYPTED : 0);

	at = reel_item_put(at, TAPE_META_VERSION, version, sizeof(version));
	at = reel_item_put(at, TAPE_META_INCOMPATIBLE, &incompatible, sizeof(incompatible));
	if (m->is_encrypted)
		at = reel_item_put(at, TAPE_META_RECIPIENTS, m->recipients,
				   m->n_recipients * sizeof(*m->recipients));
	return at;
}

size_t reel_meta_encode_part(const struct reel_meta *m, enum reel_meta_part part,
			     uint8_t buffer[REEL_META_MAX])
{
	const uint8_t *base = (const uint8_t *)m;
	uint8_t *at = buffer;

	if (part & REEL_META_PUBLIC)
		at = put_head(m, at);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		const uint8_t *value = base + r->offset;
		size_t bytes = r->bytes;

		if (!(part & (r->how & IS_HIDDEN ? REEL_META_HIDDEN : REEL_META_PUBLIC)) ||
		    (r->how & IS_FLAGGED && !*(const bool *)(base + r->flag)))
			continue;
		if (r->how & IS_TEXT)
			bytes = strnlen((const char *)value, bytes);
		at = reel_item_put(at, r->tag, value, bytes);
	}
	if (m->is_derived && part & REEL_META_HIDDEN) {
		uint8_t value[sizeof(m->source) + sizeof(m->chosen)];
		size_t n = strnlen(m->chosen, sizeof(m->chosen));

		memcpy(value, &m->source, sizeof(m->source));
		memcpy(value + sizeof(m->source), m->chosen, n);
		at = reel_item_put(at, TAPE_META_SOURCE, value, sizeof(m->source) + n);
	}
	return (size_t)(at - buffer);
}

size_t reel_meta_encode(const struct reel_meta *m, uint8_t buffer[REEL_META_MAX])
{
	return reel_meta_encode_part(m, REEL_META_WHOLE, buffer);
}

static void take_recipients(struct reel_meta *m, const struct reel_item *item)
{
	uint32_t n = item->bytes / sizeof(*m->recipients);

	m->n_recipients = n < TAPE_RECIPIENTS_MAX ? n : TAPE_RECIPIENTS_MAX;
	memcpy(m->recipients, item->value, m->n_recipients * sizeof(*m->recipients));
}

static void take_item(struct reel_meta *m, const struct reel_item *item, enum reel_meta_part part)
{
	uint8_t *base = (uint8_t *)m;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		size_t room = r->how & IS_TEXT ? r->bytes - 1u : r->bytes;

		if (r->tag != item->tag ||
		    !(part & (r->how & IS_HIDDEN ? REEL_META_HIDDEN : REEL_META_PUBLIC)))
			continue;
		memset(base + r->offset, 0, r->bytes);
		memcpy(base + r->offset, item->value, item->bytes < room ? item->bytes : room);
		if (r->how & IS_FLAGGED)
			*(bool *)(base + r->flag) = true;
		return;
	}
	if (item->tag == TAPE_META_SOURCE && part & REEL_META_HIDDEN &&
	    item->bytes >= sizeof(m->source)) {
		size_t n = item->bytes - sizeof(m->source);

		memcpy(&m->source, item->value, sizeof(m->source));
		if (n >= sizeof(m->chosen))
			n = sizeof(m->chosen) - 1;
		memcpy(m->chosen, item->value + sizeof(m->source), n);
		m->is_derived = true;
	}
}

int reel_meta_decode(const void *body, size_t length, struct reel_meta *ret, struct reel_err *err)
{
	const uint8_t *at = body, *end = at + length;
	uint64_t incompatible = 0;
	struct reel_item item;
	int r;

	memset(ret, 0, sizeof(*ret));
	while ((r = reel_item_next(&at, end, &item)) > 0) {
		if (item.tag == TAPE_META_VERSION && item.bytes >= 4) {
			memcpy(&ret->major, item.value, 2);
			memcpy(&ret->minor, item.value + 2, 2);
		} else if (item.tag == TAPE_META_INCOMPATIBLE) {
			memcpy(&incompatible, item.value, item.bytes < 8 ? item.bytes : 8);
		} else if (item.tag == TAPE_META_RECIPIENTS) {
			take_recipients(ret, &item);
		} else {
			take_item(ret, &item, REEL_META_WHOLE);
		}
	}
	if (r < 0)
		return reel_err_set(err, r, "META is malformed");
	ret->is_encrypted = incompatible & TAPE_FEATURE_ENCRYPTED;
	ret->has_forms = incompatible & TAPE_FEATURE_FORMS;
	if (ret->major != TAPE_MAJOR || incompatible & ~(uint64_t)TAPE_FEATURES_KNOWN)
		return reel_err_set(err, -EPROTONOSUPPORT,
				    "written in format %u.%u (features 0x%llx), needing a newer "
				    "reel than %s",
				    ret->major, ret->minor, (unsigned long long)incompatible,
				    REEL_VERSION);
	if (ret->is_encrypted && !ret->n_recipients)
		return reel_err_set(err, -EBADMSG, "META is malformed: encrypted, but to nobody");
	return 0;
}

int reel_meta_decode_hidden(const void *items, size_t length, struct reel_meta *m,
			    struct reel_err *err)
{
	const uint8_t *at = items, *end = at + length;
	struct reel_item item;
	int r;

	while ((r = reel_item_next(&at, end, &item)) > 0)
		take_item(m, &item, REEL_META_HIDDEN);
	return r < 0 ? reel_err_set(err, r, "META is malformed") : 0;
}

static void read_line(const char *path, char *to, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, to, size - 1);

	to[n > 0 ? n : 0] = '\0';
	to[strcspn(to, "\n")] = '\0';
	if (fd >= 0)
		close(fd);
}

/* 32 hex digits, dashes or none. */
static void read_id(const char *path, uint8_t id[TAPE_ID_BYTES])
{
	char text[64];
	unsigned n = 0;

	read_line(path, text, sizeof(text));
	memset(id, 0, TAPE_ID_BYTES);
	for (const char *c = text; *c && n < 2 * TAPE_ID_BYTES; c++) {
		unsigned digit;

		if (*c >= '0' && *c <= '9')
			digit = (unsigned)(*c - '0');
		else if (*c >= 'a' && *c <= 'f')
			digit = (unsigned)(*c - 'a') + 10;
		else
			continue;
		id[n / 2] |= (uint8_t)(n % 2 ? digit : digit << 4);
		n++;
	}
}

void reel_meta_this_machine(struct reel_meta *m)
{
	struct utsname u;
	long cpus = sysconf(_SC_NPROCESSORS_CONF);

	if (uname(&u) == 0) {
		snprintf(m->host, sizeof(m->host), "%s", u.nodename);
		snprintf(m->kernel, sizeof(m->kernel), "%s %s", u.release, u.version);
		snprintf(m->arch, sizeof(m->arch), "%s", u.machine);
	}
	snprintf(m->program, sizeof(m->program), "reel %s", REEL_VERSION);
	m->cpus = cpus > 0 ? (uint64_t)cpus : 1;
	read_id("/etc/machine-id", m->machine);
	read_id("/proc/sys/kernel/random/boot_id", m->boot);
}

int reel_meta_new_capture(struct reel_meta *m)
{
	if (getrandom(m->capture, sizeof(m->capture), 0) != sizeof(m->capture) ||
	    getrandom(&m->run, sizeof(m->run), 0) != sizeof(m->run))
		return -EIO;
	return 0;
}

void reel_id_format(const uint8_t id[TAPE_ID_BYTES], char text[2 * TAPE_ID_BYTES + 1])
{
	for (unsigned i = 0; i < TAPE_ID_BYTES; i++)
		sprintf(text + 2 * i, "%02x", id[i]);
}
