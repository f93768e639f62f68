/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Regular expressions by PCRE2: over bytes, without captures, in bounded time. Machine code is made
 * when a pattern is run for the first time, since most never are.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "replay/match_test.h"

enum {
	STACK_FIRST_BYTES = 32 << 10,
	STACK_MAX_BYTES = 1 << 20,
	HEAP_MAX_KIB = 4 << 10, /* for patterns that are not compiled to machine code */
	/* Steps for all beginnings of a match together, and for one of them. */
	STEPS = 1 << 24,
	STEPS_OF_ONE_LEAST = 10000,
	STEPS_OF_ONE_MOST = 1000000,
	PARENTHESES_MAX = 100,
};

struct match_regex {
	pcre2_code *code;
	/*
	 * PCRE2 does not do partial matching up to the end. This one matches up to anywhere, so
	 * that only what it cannot match is decided. NULL: the end does not matter.
	 */
	pcre2_code *code_if_cut;
	bool is_anchored;     /* can match at the beginning only */
	uint32_t least;	      /* what is shorter cannot match */
	atomic_bool is_ready; /* the machine code is made, or never will be */
	pthread_mutex_t making;
};

struct match_tools {
	pcre2_match_data *data;
	pcre2_match_context *context;
	pcre2_jit_stack *stack;
	uint64_t undecided;
};

int match_tools_new(struct match_tools **ret)
{
	struct match_tools *tools = calloc(1, sizeof(*tools));

	if (!tools)
		return -ENOMEM;
	tools->data = pcre2_match_data_create(1, NULL);
	tools->context = pcre2_match_context_create(NULL);
	tools->stack = pcre2_jit_stack_create(STACK_FIRST_BYTES, STACK_MAX_BYTES, NULL);
	if (!tools->data || !tools->context || !tools->stack) {
		match_tools_free(tools);
		return -ENOMEM;
	}
	pcre2_jit_stack_assign(tools->context, NULL, tools->stack);
	pcre2_set_heap_limit(tools->context, HEAP_MAX_KIB);
	*ret = tools;
	return 0;
}

void match_tools_free(struct match_tools *tools)
{
	if (!tools)
		return;
	pcre2_match_data_free(tools->data);
	pcre2_match_context_free(tools->context);
	pcre2_jit_stack_free(tools->stack);
	free(tools);
}

uint64_t match_tools_undecided(const struct match_tools *tools)
{
	return tools ? tools->undecided : 0;
}

/* A part of a pattern that is compiled instead of all of it. */
struct part {
	const uint8_t *at, *end;
	uint32_t options;
};

static bool has(const struct part *p, const char *what)
{
	return memmem(p->at, (size_t)(p->end - p->at), what, strlen(what));
}

/*
 * Whether nothing in it changes how the rest is read, refers to the whole, or acts on the search
 * itself.
 */
static bool is_simple(const struct part *p, bool alternatives)
{
	if (has(p, "(*") || has(p, "\\Q") || has(p, "\\E") || has(p, "\\g") || has(p, "\\G") ||
	    has(p, "\\K") || (!alternatives && has(p, "|")))
		return false;
	for (const uint8_t *at = p->at; at < p->end; at++) {
		at = memmem(at, (size_t)(p->end - at), "(?", 2);
		if (!at)
			break;
		if (p->end - at < 3 || at[2] != ':')
			return false;
	}
	return true;
}

/* Where a final .* or .*? begins; NULL: there is none. */
static const uint8_t *final_any(const struct part *p)
{
	const uint8_t *at = p->end, *before;

	if (at - p->at >= 3 && at[-1] == '?' && at[-2] == '*')
		at--;
	if (at - p->at < 2 || at[-1] != '*' || at[-2] != '.')
		return NULL;
	at -= 2;
	for (before = at; before > p->at && before[-1] == '\\';)
		before--;
	return (at - before) % 2 ? NULL : at;
}

/* Where what follows a first .* or .*? begins. */
static const uint8_t *behind_first_any(const struct part *p)
{
	const uint8_t *at = p->at;

	if (p->end - at < 2 || at[0] != '.' || at[1] != '*')
		return NULL;
	at += 2;
	if (at < p->end && *at == '?')
		at++;
	else if (at < p->end && *at == '+')
		return NULL;
	return at;
}

/*
 * A search does not need what takes any bytes at its ends, and is faster and sooner decided
 * without. Of a pattern for the whole value it makes a search; there . must take newlines, too.
 */
static void strip(struct part *ret)
{
	bool whole = ret->options & PCRE2_ANCHORED;
	struct part p = *ret;
	const uint8_t *at;

	if (p.end - p.at >= 4 && memcmp(p.at, "(?i)", 4) == 0) {
		p.at += 4;
		p.options |= PCRE2_CASELESS;
	}
	if (!is_simple(&p, !whole) || (whole && !(p.options & PCRE2_DOTALL)))
		return;
	while ((at = behind_first_any(&p))) {
		p.at = at;
		p.options &= ~PCRE2_ANCHORED;
	}
	while ((at = final_any(&p))) {
		p.end = at;
		p.options &= ~PCRE2_ENDANCHORED;
	}
	*ret = p;
}

/* What parentheses take is asked for by nobody else, and costs most of what they do. */
static bool has_no_references(const struct part *p)
{
	for (const uint8_t *at = p->at; at + 1 < p->end; at++)
		if (*at == '\\' && ((at[1] >= '0' && at[1] <= '9') || at[1] == 'k'))
			return false;
	return is_simple(p, true);
}

static pcre2_code *compile(const struct part *p, pcre2_compile_context *context, int *ret_error,
			   size_t *ret_offset)
{
	/* Of no bytes the address does not matter, but must not be NULL. */
	PCRE2_SPTR pattern = p->at ? p->at : (PCRE2_SPTR) "";

	return pcre2_compile(pattern, (size_t)(p->end - p->at), p->options, ret_error, ret_offset,
			     context);
}

static uint32_t options_of(unsigned flags)
{
	uint32_t options = PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_UTF | PCRE2_NEVER_UCP;

	if (!(flags & MATCH_NO_DOTALL))
		options |= PCRE2_DOTALL;
	if (flags & MATCH_MULTILINE)
		options |= PCRE2_MULTILINE;
	if (flags & MATCH_WHOLE)
		options |= PCRE2_ANCHORED | PCRE2_ENDANCHORED;
	return options;
}

static int compile_error(int error, size_t offset, struct reel_err *err)
{
	PCRE2_UCHAR text[160];

	if (error == PCRE2_ERROR_HEAP_FAILED)
		return reel_err_set(err, -ENOMEM, "no memory for a pattern");
	if (pcre2_get_error_message(error, text, sizeof(text)) < 0)
		text[0] = 0;
	return reel_err_set(err, -EINVAL, "the pattern does not compile, at offset %zu: %s", offset,
			    (const char *)text);
}

int match_regex_new(const uint8_t *pattern, size_t length, unsigned flags, struct match_regex **ret,
		    struct reel_err *err)
{
	struct part all = { pattern, pattern + length, options_of(flags) }, part = all;
	pcre2_compile_context *context = pcre2_compile_context_create(NULL);
	struct match_regex *re = calloc(1, sizeof(*re));
	uint32_t options;
	int error, error_of_part;
	bool is_whole;
	size_t offset;

	if (!re || !context) {
		free(re);
		pcre2_compile_context_free(context);
		return reel_err_set(err, -ENOMEM, "no memory for a pattern");
	}
	/* What was built into the library must not decide what a rule means. */
	pcre2_set_newline(context, PCRE2_NEWLINE_LF);
	pcre2_set_bsr(context, PCRE2_BSR_UNICODE);
	pcre2_set_parens_nest_limit(context, PARENTHESES_MAX);
	strip(&part);
	if (has_no_references(&part))
		part.options |= PCRE2_NO_AUTO_CAPTURE;
	re->code = compile(&part, context, &error_of_part, &offset);
	if (!re->code) {
		part = all;
		re->code = compile(&part, context, &error, &offset);
	}
	is_whole = part.options & PCRE2_ENDANCHORED;
	if (re->code && is_whole) {
		part.options &= ~PCRE2_ENDANCHORED;
		re->code_if_cut = compile(&part, context, &error, &offset);
	}
	pcre2_compile_context_free(context);
	if (!re->code || (is_whole && !re->code_if_cut)) {
		pcre2_code_free(re->code);
		free(re);
		return compile_error(error, offset, err);
	}
	pcre2_pattern_info(re->code, PCRE2_INFO_ALLOPTIONS, &options);
	re->is_anchored = options & PCRE2_ANCHORED;
	pcre2_pattern_info(re->code, PCRE2_INFO_MINLENGTH, &re->least);
	pthread_mutex_init(&re->making, NULL);
	*ret = re;
	return 0;
}

void match_regex_free(struct match_regex *re)
{
	if (!re)
		return;
	pcre2_code_free(re->code);
	pcre2_code_free(re->code_if_cut);
	pthread_mutex_destroy(&re->making);
	free(re);
}

/* Nobody runs it before it is ready, so nobody sees it change. */
static void make_ready(struct match_regex *re)
{
	pthread_mutex_lock(&re->making);
	if (!atomic_load_explicit(&re->is_ready, memory_order_relaxed)) {
		if (re->code_if_cut)
			pcre2_jit_compile(re->code_if_cut, PCRE2_JIT_PARTIAL_HARD);
		pcre2_jit_compile(re->code, PCRE2_JIT_COMPLETE |
						    (re->code_if_cut ? 0 : PCRE2_JIT_PARTIAL_HARD));
		atomic_store_explicit(&re->is_ready, true, memory_order_release);
	}
	pthread_mutex_unlock(&re->making);
}

enum truth match_regex_run(struct match_regex *re, struct match_tools *tools,
			   const struct match_value *v)
{
	PCRE2_SPTR bytes = v->length ? v->bytes : (PCRE2_SPTR) "";
	bool is_cut = match_value_is_cut(v);
	uint32_t steps = STEPS / (v->length + 1);
	int found;

	if (!is_cut && v->length < re->least)
		return TRUTH_NO;
	if (!atomic_load_explicit(&re->is_ready, memory_order_acquire))
		make_ready(re);
	steps = steps < STEPS_OF_ONE_LEAST ? STEPS_OF_ONE_LEAST :
		steps > STEPS_OF_ONE_MOST  ? STEPS_OF_ONE_MOST :
					     steps;
	pcre2_set_match_limit(tools->context, steps);
	found = pcre2_match(is_cut && re->code_if_cut ? re->code_if_cut : re->code, bytes,
			    v->length, 0, is_cut ? PCRE2_PARTIAL_HARD : 0, tools->data,
			    tools->context);
	/* An attempt that begins where nothing is left is never a partial match for PCRE2. */
	if (found >= 0 && is_cut &&
	    (re->code_if_cut || pcre2_get_ovector_pointer(tools->data)[0] == v->length))
		return TRUTH_UNKNOWN;
	if (found >= 0)
		return TRUTH_YES;
	if (found == PCRE2_ERROR_NOMATCH)
		return is_cut && (!re->is_anchored || !v->length) ? TRUTH_UNKNOWN : TRUTH_NO;
	if (found != PCRE2_ERROR_PARTIAL)
		tools->undecided++;
	return TRUTH_UNKNOWN;
}
