/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the files that read what the runtimes keep. */
#ifndef REEL_RECORD_CONTAINER_IMPL_H
#define REEL_RECORD_CONTAINER_IMPL_H

#include "record/container.h"
#include "record/jsonread.h"

enum { CONTAINER_PATH_MAX = 4096 };

/* A place where a runtime keeps its files. */
struct container_place {
	const char *directory;
	uid_t owner;		/* whose files count; -1: anybody's, as only root writes there */
};

struct container_reader {
	const char *root;
	const char *namespace;	/* of containerd, where the cgroup says it; else NULL */
	size_t namespace_length;
	struct container_about about;
	struct reel_record record;
};

/*
 * All return 0, or what the first file said that should have been there: -ENOENT: this is not the
 * place. They fill about; what is missing there goes to its reason.
 */
int container_read_docker(struct container_reader *r, const struct container_place *place);
int container_read_podman(struct container_reader *r, const struct container_place *place);
int container_read_containerd(struct container_reader *r, const struct container_place *place);
int container_read_crio(struct container_reader *r, const struct container_place *place);

/*
 * Reads a file of the place. NAME is a path with no link or user's text in it but the id. On
 * failure the reason is noted, unless it is only that there is no such file.
 */
struct container_file {
	char *text;
	struct json json;
};
__attribute__((format(printf, 4, 5))) int container_file_open(struct container_reader *r,
							      const struct container_place *place,
							      struct container_file *ret,
							      const char *fmt, ...);
void container_file_done(struct container_file *f);

/* The first reason stays. */
__attribute__((format(printf, 2, 3))) void container_reason(struct container_about *about,
							    const char *fmt, ...);
void container_text_label(struct container_text *t, const char *key, const char *value);
void container_text_mount(struct container_text *t, const char *source, const char *destination,
			  bool read_only);

/* A file of the OCI runtime specification: annotations as labels, bind mounts, privileged. */
void container_take_spec(struct container_about *about, const struct json *spec);
/* The first of the annotations that is there, NULL at the end of KEYS. */
void container_take_annotation(const struct json *spec, const char *const *keys, char *to,
			       size_t size);
/* The members of an object as labels. */
void container_take_labels(struct container_about *about, const struct json *j, uint32_t object);

#endif
