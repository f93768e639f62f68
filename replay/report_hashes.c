/* SPDX-License-Identifier: BSD-2-Clause */
/* By what a conclusion can be checked: how it is computed, and how it is said. */
#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "format/json.h"
#include "format/program.h"
#include "format/version.h"
#include "replay/report.h"

/*
 * The reader knows no END, which is chained to all blocks before it. What stands behind the last
 * block that it knows is only believed if its body is sound.
 */
const uint8_t *report_last_tag(const struct reel_reader *r, const struct reel_segment *s)
{
	const uint8_t *known = s->n_blocks ? r->blocks[s->first_block + s->n_blocks - 1].at :
					     s->base;
	const uint8_t *at = known, *end = s->base + s->bytes, *tag = NULL;
	struct reel_block b;

	while (at < end && reel_block_parse(at, (size_t)(end - at), &b, NULL) == 0) {
		if (at != known && !reel_block_body_is_sound(&b))
			break;
		tag = b.tag;
		at += b.total_bytes;
	}
	return tag;
}

/* Of each segment its ids and the tag of its last block, which is chained to all before it. */
static int hash_segments(const struct reel_reader *r, unsigned first, unsigned n, uint8_t ret[32])
{
	crypto_generichash_state state;

	crypto_generichash_init(&state, NULL, 0, 32);
	for (unsigned i = first; i < first + n; i++) {
		const struct reel_segment *s = &r->segments[i];
		const uint8_t *tag = report_last_tag(r, s);

		crypto_generichash_update(&state, s->meta.capture, sizeof(s->meta.capture));
		crypto_generichash_update(&state, (const uint8_t *)&s->id, sizeof(s->id));
		crypto_generichash_update(&state, (const uint8_t *)&s->bytes, sizeof(s->bytes));
		if (tag)
			crypto_generichash_update(&state, tag, TAPE_TAG_BYTES);
	}
	return crypto_generichash_final(&state, ret, 32) == 0 ? 0 : -EINVAL;
}

int report_hash_capture(const struct reel_reader *r, uint8_t ret[32])
{
	return hash_segments(r, 0, r->n_segments, ret);
}

int report_hash_source(const struct reel_reader *r, unsigned source, uint8_t ret[32])
{
	const struct reel_source *s = &r->sources[source];

	return hash_segments(r, s->first_segment, s->n_segments, ret);
}

const uint8_t *report_head(const struct reel_reader *r, unsigned source)
{
	const struct reel_source *s = &r->sources[source];

	return report_last_tag(r, &r->segments[s->first_segment + s->n_segments - 1]);
}

int report_hash_all(struct report_hashes *h, const struct rules *rules,
		    const struct reel_reader *reader, struct reel_err *err)
{
	int r = reel_program_hash(h->program, err);

	memcpy(h->rules, rules->hash, sizeof(h->rules));
	rules_hash_compiled(rules, h->compiled);
	h->reader = reader;
	if (r == 0 && reader)
		r = report_hash_capture(reader, h->capture);
	return r;
}

/* What is said --------------------------------------------------------------------------------- */

static void put_line(struct reel_out *o, const char *name, const uint8_t *hash, size_t length)
{
	out_str(o, name);
	out_hex_bytes(o, hash, length);
}

/* As reel verify has it. */
static void put_head(struct reel_out *o, const struct reel_reader *r, unsigned source)
{
	const struct reel_source *s = &r->sources[source];
	const uint8_t *head = report_head(r, source);

	put_line(o, "capture ", s->capture, sizeof(s->capture));
	out_str(o, ": ");
	out_u64(o, s->n_segments);
	out_str(o, s->n_segments == 1 ? " segment, head " : " segments, head ");
	if (head)
		out_hex_bytes(o, head, TAPE_TAG_BYTES);
	else
		out_str(o, "none");
	out_char(o, '\n');
}

void report_hashes_text(struct reel_out *o, const struct engine *e, const struct report_hashes *h)
{
	put_line(o, "rules ", h->rules, sizeof(h->rules));
	out_str(o, ", ");
	out_u64(o, e->rules->n_contents);
	out_str(o, e->rules->n_contents == 1 ? " file\n" : " files\n");
	put_line(o, "compiled ", h->compiled, sizeof(h->compiled));
	put_line(o, "\nreel " REEL_VERSION " ", h->program, sizeof(h->program));
	out_char(o, '\n');
	if (!h->reader) {
		out_str(o, "capture not hashed\n");
		return;
	}
	for (unsigned i = 0; i < h->reader->n_sources; i++)
		put_head(o, h->reader, i);
	put_line(o, "captures ", h->capture, sizeof(h->capture));
	out_char(o, '\n');
}

static void json_captures(struct reel_json *j, const struct reel_reader *r)
{
	json_begin(j, "captures", '[');
	for (unsigned i = 0; i < r->n_sources; i++) {
		const uint8_t *head = report_head(r, i);
		uint8_t hash[32];

		json_begin(j, NULL, '{');
		json_hex(j, "capture", r->sources[i].capture, TAPE_ID_BYTES);
		json_str(j, "host", r->sources[i].host);
		json_u64(j, "segments", r->sources[i].n_segments);
		if (head)
			json_hex(j, "head", head, TAPE_TAG_BYTES);
		(void)report_hash_source(r, i, hash);
		json_hex(j, "hash", hash, sizeof(hash));
		json_end(j, '}');
	}
	json_end(j, ']');
}

void report_hashes_json(struct reel_out *o, const struct engine *e, const struct report_hashes *h)
{
	struct reel_json j = { .out = o, .has_one = true };

	json_str(&j, "program", "reel " REEL_VERSION);
	json_hex(&j, "program_hash", h->program, sizeof(h->program));
	json_hex(&j, "rules_hash", h->rules, sizeof(h->rules));
	json_hex(&j, "compiled_hash", h->compiled, sizeof(h->compiled));
	json_begin(&j, "rule_files", '[');
	for (uint32_t i = 0; i < e->rules->n_contents; i++) {
		const struct rules_contents *c = &e->rules->contents[i];

		json_begin(&j, NULL, '{');
		json_str(&j, "path", c->path);
		json_u64(&j, "bytes", c->bytes);
		json_hex(&j, "hash", c->hash, sizeof(c->hash));
		json_end(&j, '}');
	}
	json_end(&j, ']');
	json_key(&j, "capture_hash");
	if (!h->reader) {
		out_str(o, "null");
		return;
	}
	out_char(o, '"');
	out_hex_bytes(o, h->capture, sizeof(h->capture));
	out_char(o, '"');
	json_captures(&j, h->reader);
}
