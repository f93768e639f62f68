/* SPDX-License-Identifier: BSD-2-Clause */
#include "query/report_page.h"

#include <errno.h>
#include <stdio.h>

/* In a string of JSON each of these can be written as its number. */
static void put_without_markup(struct reel_out *o, const char *s, size_t n)
{
	size_t done = 0;

	for (size_t i = 0; i < n; i++) {
		const char *instead = NULL;
		size_t length = 1;

		if (s[i] == '<') {
			instead = "\\u003c";
		} else if (s[i] == '\xe2' && i + 2 < n && s[i + 1] == '\x80' &&
			   (s[i + 2] == '\xa8' || s[i + 2] == '\xa9')) {
			instead = s[i + 2] == '\xa8' ? "\\u2028" : "\\u2029";
			length = 3;
		}
		if (!instead)
			continue;
		out_mem(o, s + done, i - done);
		out_str(o, instead);
		done = i + length;
		i = done - 1;
	}
	out_mem(o, s + done, n - done);
}

/* The end of a text that is cut is not inside of a character. */
static size_t whole_characters(const uint8_t *bytes, size_t n)
{
	size_t back = 0;

	while (back < 3 && back < n && (bytes[n - back] & 0xc0) == 0x80)
		back++;
	return n - back;
}

/* 0, or that the text is not what was to be written. */
static bool put_json(struct page *p, const void *bytes, size_t length)
{
	out_reset(&p->scratch);
	return out_json_string(&p->scratch, bytes, length);
}

void page_put_text(struct page *p, const void *bytes, size_t length, size_t max_bytes)
{
	size_t shown = length > max_bytes ? whole_characters(bytes, max_bytes) : length;
	char more[48];
	int n;

	if (put_json(p, bytes, shown)) {
		struct reel_out quoted;

		if (out_init_mem(&quoted) < 0) {
			p->out->err = -ENOMEM;
			return;
		}
		out_text_string(&quoted, bytes, shown);
		(void)put_json(p, quoted.buf, quoted.len);
		out_done(&quoted);
	}
	if (out_error(&p->scratch) < 0) {
		p->out->err = out_error(&p->scratch);
		return;
	}
	if (shown < length) {
		n = snprintf(more, sizeof(more), " ... (%zu more bytes)\"", length - shown);
		p->scratch.len--;
		out_mem(&p->scratch, more, (size_t)n);
	}
	put_without_markup(p->out, p->scratch.buf, p->scratch.len);
}

void page_put_string(struct page *p, const char *string)
{
	page_put_text(p, string, strlen(string), SIZE_MAX);
}
