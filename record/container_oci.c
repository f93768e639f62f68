/* SPDX-License-Identifier: BSD-2-Clause */
/* What all runtimes say in the same words: config.json of the OCI runtime specification. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record/container_impl.h"
#include "record/helper_files.h"

void container_reason(struct container_about *about, const char *fmt, ...)
{
	va_list ap;

	if (about->reason[0])
		return;
	va_start(ap, fmt);
	(void)vsnprintf(about->reason, sizeof(about->reason), fmt, ap);
	va_end(ap);
}

static void add_byte(struct container_text *t, char c)
{
	if (t->length < sizeof(t->bytes) && t->length == t->whole)
		t->bytes[t->length++] = c;
	t->whole++;
}

static void add_escaped(struct container_text *t, const char *s)
{
	for (; *s; s++) {
		if (*s == '\n' || *s == '\\')
			add_byte(t, '\\');
		add_byte(t, *s == '\n' ? 'n' : *s);
	}
}

static void begin_line(struct container_text *t)
{
	if (t->whole)
		add_byte(t, '\n');
}

void container_text_label(struct container_text *t, const char *key, const char *value)
{
	begin_line(t);
	add_escaped(t, key);
	add_byte(t, '=');
	add_escaped(t, value);
}

void container_text_mount(struct container_text *t, const char *source, const char *destination,
			  bool read_only)
{
	begin_line(t);
	add_escaped(t, source);
	add_byte(t, ':');
	add_escaped(t, destination);
	if (read_only)
		add_escaped(t, ":ro");
}

int container_file_open(struct container_reader *r, const struct container_place *place,
			struct container_file *ret, const char *fmt, ...)
{
	char path[CONTAINER_PATH_MAX], name[512];
	struct reel_err err = { 0 };
	char *text = NULL;
	size_t length;
	va_list ap;
	int code;

	va_start(ap, fmt);
	(void)vsnprintf(name, sizeof(name), fmt, ap);
	va_end(ap);
	code = snprintf(path, sizeof(path), "%s%s/%s", r->root, place->directory, name);
	if (code < 0 || (size_t)code >= sizeof(path))
		return -ENAMETOOLONG;
	code = helper_file_read(path, JSON_MAX_BYTES, place->owner, &text, &length);
	if (code < 0) {
		const char *errno_name = strerrorname_np(-code);

		if (code != -ENOENT && code != -ENOTDIR)
			container_reason(&r->about, "%s: %s", name,
					 errno_name ? errno_name : "cannot be read");
		return code == -ENOTDIR ? -ENOENT : code;
	}
	code = json_read(text, length, &ret->json, &err);
	if (code < 0) {
		container_reason(&r->about, "%s: %s", name, err.msg);
		free(text);
		return code;
	}
	ret->text = text;
	return 0;
}

void container_file_done(struct container_file *f)
{
	json_done(&f->json);
	free(f->text);
	f->text = NULL;
}

void container_take_labels(struct container_about *about, const struct json *j, uint32_t object)
{
	/* What does not fit here does not fit into the text either, which says so. */
	char key[CONTAINER_TEXT_MAX], value[CONTAINER_TEXT_MAX];

	if (!json_is(j, object, JSON_OBJECT))
		return;
	for (uint32_t i = json_first(j, object); i != JSON_NONE;) {
		uint32_t v = json_next(j, object, i);

		if (json_is(j, v, JSON_STRING)) {
			(void)json_string(j, i, key, sizeof(key));
			(void)json_string(j, v, value, sizeof(value));
			container_text_label(&about->labels, key, value);
		}
		i = json_next(j, object, v);
	}
}

void container_take_annotation(const struct json *spec, const char *const *keys, char *to,
			       size_t size)
{
	uint32_t annotations = json_member(spec, 0, "annotations");

	for (; *keys && !to[0]; keys++)
		(void)json_string(spec, json_member(spec, annotations, *keys), to, size);
}

static bool has_string(const struct json *j, uint32_t array, const char *string)
{
	if (!json_is(j, array, JSON_ARRAY))
		return false;
	for (uint32_t i = json_first(j, array); i != JSON_NONE; i = json_next(j, array, i))
		if (json_equals(j, i, string))
			return true;
	return false;
}

/*
 * The specification has no word for it. What runtimes make of "privileged" is that all of these
 * are so; who asked for each of them alone has the same.
 */
static bool is_privileged(const struct json *spec)
{
	uint32_t process = json_member(spec, 0, "process");
	uint32_t bounding =
		json_member(spec, json_member(spec, process, "capabilities"), "bounding");
	uint32_t linux_part = json_member(spec, 0, "linux");

	return has_string(spec, bounding, "CAP_SYS_ADMIN") &&
	       has_string(spec, bounding, "CAP_SYS_MODULE") &&
	       json_first(spec, json_member(spec, linux_part, "maskedPaths")) == JSON_NONE &&
	       !json_is(spec, json_member(spec, linux_part, "seccomp"), JSON_OBJECT);
}

static void take_mount(struct container_about *about, const struct json *spec, uint32_t mount)
{
	uint32_t how = json_member(spec, mount, "options");
	char source[CONTAINER_PATH_MAX], destination[CONTAINER_PATH_MAX];

	if (!json_equals(spec, json_member(spec, mount, "type"), "bind") &&
	    !has_string(spec, how, "bind") && !has_string(spec, how, "rbind"))
		return;
	(void)json_string(spec, json_member(spec, mount, "source"), source, sizeof(source));
	(void)json_string(spec, json_member(spec, mount, "destination"), destination,
			  sizeof(destination));
	container_text_mount(&about->mounts, source, destination, has_string(spec, how, "ro"));
}

void container_take_spec(struct container_about *about, const struct json *spec)
{
	uint32_t mounts = json_member(spec, 0, "mounts");

	if (!about->labels.whole)
		container_take_labels(about, spec, json_member(spec, 0, "annotations"));
	if (json_is(spec, mounts, JSON_ARRAY))
		for (uint32_t i = json_first(spec, mounts); i != JSON_NONE;
		     i = json_next(spec, mounts, i))
			take_mount(about, spec, i);
	about->privileged = is_privileged(spec);
}
