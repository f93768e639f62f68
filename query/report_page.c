/* SPDX-License-Identifier: BSD-2-Clause */
/* The page itself: its frame, and what goes into it where. */
#include "query/report_page.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "format/version.h"

/* page_html, page_css, page_js, page_library, page_licences: bytes, of files, by the Makefile. */
#include "report_files.h"

const char page_mark[] = "<!doctype html>\n<!-- made by reel report -->\n";

static void put_hash(struct reel_out *o, const void *bytes, size_t length)
{
	uint8_t hash[crypto_hash_sha256_BYTES];
	char text[sodium_base64_ENCODED_LEN(sizeof(hash), sodium_base64_VARIANT_ORIGINAL)];

	(void)crypto_hash_sha256(hash, bytes, length);
	(void)sodium_bin2base64(text, sizeof(text), hash, sizeof(hash),
				sodium_base64_VARIANT_ORIGINAL);
	out_str(o, " 'sha256-");
	out_str(o, text);
	out_char(o, '\'');
}

/* Nothing may be loaded, sent or run, but for what is in the page and known by its hash. */
static int put_policy(struct page *p, struct reel_err *err)
{
	(void)err;
	out_str(p->out, "default-src 'none'; base-uri 'none'; form-action 'none'; script-src");
	put_hash(p->out, page_library, sizeof(page_library));
	put_hash(p->out, page_js, sizeof(page_js));
	out_str(p->out, "; style-src");
	put_hash(p->out, page_css, sizeof(page_css));
	return 0;
}

static int put_style(struct page *p, struct reel_err *err)
{
	(void)err;
	out_mem(p->out, page_css, sizeof(page_css));
	return 0;
}

static int put_library(struct page *p, struct reel_err *err)
{
	(void)err;
	out_mem(p->out, page_library, sizeof(page_library));
	return 0;
}

static int put_script(struct page *p, struct reel_err *err)
{
	(void)err;
	out_mem(p->out, page_js, sizeof(page_js));
	return 0;
}

static int put_data(struct page *p, struct reel_err *err)
{
	struct reel_out *o = p->out;
	int r;

	out_str(o, "{\"program\":\"reel " REEL_VERSION "\",\"program_hash\":\"");
	out_hex_bytes(o, p->program_hash, sizeof(p->program_hash));
	out_str(o, "\",\n\"case\":");
	page_put_string(p, p->path);
	/* More than a double holds exactly. */
	out_str(o, ",\"t0\":\"");
	out_s64(o, p->from_ns);
	out_str(o, "\",\"t1\":\"");
	out_s64(o, p->to_ns);
	out_str(o, "\",\n\"licences\":");
	page_put_text(p, page_licences, sizeof(page_licences), SIZE_MAX);
	r = page_put_sections(p, err);
	if (r == 0)
		r = page_put_events(p, err);
	out_str(o, "}");
	return r;
}

static const struct {
	const char *name;
	int (*put)(struct page *p, struct reel_err *err);
} parts[] = {
	{ "@POLICY@", put_policy },   { "@STYLE@", put_style },	  { "@DATA@", put_data },
	{ "@LIBRARY@", put_library }, { "@SCRIPT@", put_script },
};

/* The first of these names in the frame from AT on; NULL: there is none. */
static const char *next_part(const char *at, const char *end, size_t *ret)
{
	const char *first = NULL;

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		const char *found =
			memmem(at, (size_t)(end - at), parts[i].name, strlen(parts[i].name));

		if (found && (!first || found < first)) {
			first = found;
			*ret = i;
		}
	}
	return first;
}

static int put_frame(struct page *p, struct reel_err *err)
{
	const char *at = (const char *)page_html, *end = at + sizeof(page_html), *part;
	size_t i = 0;
	int r = 0;

	while (r == 0 && (part = next_part(at, end, &i))) {
		out_mem(p->out, at, (size_t)(part - at));
		at = part + strlen(parts[i].name);
		r = parts[i].put(p, err);
	}
	out_mem(p->out, at, (size_t)(end - at));
	return r;
}

int page_write(struct page *p, struct reel_err *err)
{
	int r = page_prepare_case(p, err);

	if (r == 0)
		r = page_prepare_events(p, err);
	if (r == 0 && out_init_mem(&p->scratch) < 0)
		r = reel_err_set(err, -ENOMEM, "no memory");
	if (r == 0) {
		out_str(p->out, page_mark);
		r = put_frame(p, err);
	}
	if (r == 0 && out_flush(p->out) < 0)
		r = reel_err_set(err, out_error(p->out), "cannot write: %s",
				 strerror(-out_error(p->out)));
	out_done(&p->scratch);
	return r;
}
