/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* Patterns of "*" and "?" over bytes of the payload. "*" also matches "/". */
#ifndef REEL_BPF_MATCH_BPF_H
#define REEL_BPF_MATCH_BPF_H

#include "bpf/scope.bpf.h"

const volatile struct scope_term path_terms[PATH_TERMS];

struct match_context {
	struct scratch *s;
	__u32 paths; /* the pattern is one of path_terms */
};

/* One step of the usual walk, that goes back to the last star when it is stuck. */
static long match_step(__u32 i, struct match_context *context)
{
	struct scratch *s = context->s;
	struct match *m = &s->match;
	__u32 pattern = m->pattern, term = m->term;
	bool left = pattern < m->pattern_end;
	char p = 0, c;

	if (left)
		p = context->paths ? path_terms[term % PATH_TERMS].text[pattern % SCOPE_TEXT] :
				     scope_terms[term % SCOPE_TERMS].text[pattern % SCOPE_TEXT];
	if (left && p == '*') {
		m->pattern = pattern + 1;
		m->star = pattern + 1;
		m->star_text = m->text;
		return 0;
	}
	if (m->text >= m->text_end) {
		m->matched = !left;
		return 1;
	}
	c = s->payload[in_payload(m->text)];
	if (left && (p == '?' || p == c)) {
		m->pattern = pattern + 1;
		m->text++;
		return 0;
	}
	if (!m->star)
		return 1;
	m->pattern = m->star;
	m->star_text++;
	m->text = m->star_text;
	return 0;
}

/* Does the text of so many bytes at payload[at] match the pattern of a term? */
__u32 pattern_matches(__u32 paths, __u32 term, __u32 at, __u32 bytes)
{
	struct match_context context = { .s = cpu_scratch(), .paths = paths };
	struct match *m = &context.s->match;

	if (!context.s)
		return 0;
	m->text = at;
	m->text_end = at + bytes;
	m->pattern = 0;
	m->pattern_end = paths ? path_terms[term % PATH_TERMS].length :
				 scope_terms[term % SCOPE_TERMS].length;
	m->star = 0;
	m->term = term;
	m->matched = 0;
	bpf_loop(1 << 16, match_step, &context, 0);
	return m->matched;
}

/* Is an event with this path wanted? */
__u32 path_chosen(__u32 at, __u32 bytes)
{
	__u32 chosen = !config.positive_paths;

	for (__u32 i = 0; i < PATH_TERMS; i++) {
		if (i >= config.n_paths)
			break;
		if (!pattern_matches(1, i, at, bytes))
			continue;
		if (path_terms[i].negated)
			return 0;
		chosen = 1;
	}
	return chosen;
}

#endif
