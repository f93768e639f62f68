/* SPDX-License-Identifier: BSD-2-Clause */
/* The file of a named query, read. */
#include "query/named.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "format/options.h"

/* A line of the comment, without its dashes and the blank behind them. */
struct header {
	struct named_query *q;
	const char *file;
	unsigned line;
	struct reel_err *err;
};

static int wrong(const struct header *h, const char *what, const char *near)
{
	return reel_err_set(h->err, -EINVAL, "%s:%u: %s%s%s", h->file, h->line, what,
			    near ? ": " : "", near ? near : "");
}

static char *copy(const char *text, size_t len)
{
	while (len && isspace((unsigned char)text[len - 1]))
		len--;
	return strndup(text, len);
}

static const char *skip_blanks(const char *s)
{
	return s + strspn(s, " \t");
}

static int append(char **to, const char *line)
{
	size_t old = *to ? strlen(*to) : 0, n = strlen(line);
	char *grown = realloc(*to, old + n + 2);

	if (!grown)
		return -ENOMEM;
	memcpy(grown + old, line, n);
	memcpy(grown + old + n, "\n", 2);
	*to = grown;
	return 0;
}

/* 'text' with '' for a quote in it. Returns what follows, or NULL. */
static const char *read_quoted(const char *s, char *to, size_t *ret_len)
{
	size_t n = 0;

	for (s++; *s; s++) {
		if (*s == '\'' && s[1] != '\'') {
			*ret_len = n;
			to[n] = '\0';
			return s + 1;
		}
		s += *s == '\'';
		to[n++] = *s;
	}
	return NULL;
}

/* The default of a parameter. Returns what follows it. */
static const char *read_default(const struct header *h, struct named_param *p, const char *s)
{
	size_t len = strcspn(s, " \t:");

	p->has_default = true;
	p->value_text = malloc(strlen(s) + 1);
	if (!p->value_text)
		return NULL;
	if (*s == '\'') {
		s = read_quoted(s, p->value_text, &p->value.len);
		p->value.type = SQLITE_TEXT;
		p->value.text = p->value_text;
		return s;
	}
	memcpy(p->value_text, s, len);
	p->value_text[len] = '\0';
	if (len == 4 && strncasecmp(s, "null", 4) == 0) {
		p->value.type = SQLITE_NULL;
		return s + len;
	}
	if (param_parse(p->value_text, PARAM_INTEGER, NULL, &p->value, NULL) < 0 &&
	    param_parse(p->value_text, PARAM_REAL, NULL, &p->value, NULL) < 0) {
		(void)wrong(h, "a default is a number, null or 'text', not", p->value_text);
		return NULL;
	}
	return s + len;
}

/* NAME [TYPE] [= DEFAULT]: what it is */
static int read_param(struct header *h, const char *s)
{
	struct named_query *q = h->q;
	struct named_param *p = &q->params[q->n_params];
	size_t len = strcspn(s, " \t:=");
	int type;

	if (!param_is_name(s, len))
		return wrong(h, "a parameter is 'param NAME [TYPE] [= DEFAULT]: what it is'", NULL);
	if (q->n_params == NAMED_PARAMS_MAX)
		return wrong(h, "too many parameters", NULL);
	q->n_params++;
	p->name = strndup(s, len);
	if (!p->name)
		return wrong(h, "no memory", NULL);
	for (unsigned i = 0; i + 1 < q->n_params; i++)
		if (strcmp(q->params[i].name, p->name) == 0)
			return wrong(h, "the parameter is there twice", p->name);
	s = skip_blanks(s + len);
	len = strcspn(s, " \t:=");
	if (len) {
		type = param_type_of(s, len);
		if (type < 0)
			return wrong(h, "a type is text, integer, real, time or any, not", s);
		p->type = (enum param_type)type;
		s = skip_blanks(s + len);
	}
	if (*s == '=') {
		h->err->code = 0;
		s = read_default(h, p, skip_blanks(s + 1));
		if (!s)
			return h->err->code ? h->err->code :
					      wrong(h, "the default has no end", NULL);
		s = skip_blanks(s);
	}
	if (*s != ':')
		return wrong(h, "what the parameter is belongs behind a colon", p->name);
	p->what = copy(skip_blanks(s + 1), strlen(skip_blanks(s + 1)));
	return p->what ? 0 : wrong(h, "no memory", NULL);
}

static bool begins(const char **s, const char *word)
{
	size_t n = strlen(word);

	if (strncmp(*s, word, n) != 0)
		return false;
	*s = skip_blanks(*s + n);
	return true;
}

static int set_once(struct header *h, char **to, const char *value)
{
	if (*to)
		return wrong(h, "this is there twice", value);
	*to = copy(value, strlen(value));
	return *to ? 0 : wrong(h, "no memory", NULL);
}

static int read_line(struct header *h, const char *s)
{
	if (begins(&s, "title:"))
		return set_once(h, &h->q->title, s);
	if (begins(&s, "shape:"))
		return set_once(h, &h->q->shape, s);
	if (begins(&s, "verbose:"))
		return set_once(h, &h->q->verbose, s);
	if (begins(&s, "nulls:")) {
		h->q->omits_nulls = true;
		return strcmp(s, "omitted") == 0 ? 0 : wrong(h, "nulls can be omitted, not", s);
	}
	if (begins(&s, "needs:")) {
		if (strcmp(s, "case") != 0)
			return wrong(h, "what a query may need is a case, not", s);
		return set_once(h, &h->q->needs, s);
	}
	if (begins(&s, "param "))
		return read_param(h, s);
	return append(&h->q->text, s) < 0 ? wrong(h, "no memory", NULL) : 0;
}

/* Takes the comment at the head apart, and finds where the statement begins. */
static int read_header(struct header *h)
{
	char *s = h->q->all;
	int r = 0;

	h->line = 1;
	while (r == 0) {
		const char *start = skip_blanks(s);
		char *end = s + strcspn(s, "\n");
		bool last = *end == '\0';
		char *line;

		if (start[0] != '-' && start < end)
			break;
		if (start[0] == '-' && start[1] != '-')
			break;
		line = copy(start, (size_t)(end - start));
		if (!line)
			return wrong(h, "no memory", NULL);
		if (start < end)
			r = read_line(h, line[2] == ' ' ? line + 3 : line + 2);
		free(line);
		if (last)
			return r < 0 ? r :
				       wrong(h, "there is no statement behind the comment", NULL);
		s = end + 1;
		h->line++;
	}
	h->q->sql = s;
	h->q->sql_line = h->line;
	return r;
}

/* Where no blank comes before or behind its lines. */
static void trim_text(char *text)
{
	size_t from = strspn(text, "\n"), n = strlen(text + from);

	while (n && text[from + n - 1] == '\n')
		n--;
	memmove(text, text + from, n);
	text[n] = '\0';
}

int named_parse(const char *name, const char *file, char *all, struct named_query **ret,
		struct reel_err *err)
{
	struct named_query *q = calloc(1, sizeof(*q));
	struct reel_err own;
	struct header h = { .q = q, .file = file, .line = 1, .err = err ? err : &own };
	int r;

	if (!q) {
		free(all);
		return reel_err_set(err, -ENOMEM, "no memory");
	}
	q->references = 1;
	q->all = all;
	q->name = strdup(name);
	q->file = strdup(file);
	q->text = strdup("");
	if (!q->name || !q->file || !q->text)
		r = wrong(&h, "no memory", NULL);
	else if (!param_is_name(name, strlen(name)))
		r = wrong(&h, "a query's name has letters, digits and _ only", name);
	else
		r = read_header(&h);
	if (r == 0 && !q->title)
		r = wrong(&h, "there is no line '-- title: ...' above the statement", NULL);
	if (r < 0) {
		named_release(q);
		return r;
	}
	trim_text(q->text);
	*ret = q;
	return 0;
}

struct named_query *named_hold(struct named_query *q)
{
	q->references++;
	return q;
}

void named_release(struct named_query *q)
{
	if (!q || --q->references)
		return;
	for (unsigned i = 0; i < q->n_params; i++) {
		free(q->params[i].name);
		free(q->params[i].what);
		free(q->params[i].value_text);
	}
	free(q->name);
	free(q->file);
	free(q->title);
	free(q->shape);
	free(q->verbose);
	free(q->needs);
	free(q->text);
	free(q->all);
	free(q);
}

static struct param_given *find_given(struct param_given *given, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(name) == given[i].name_len &&
		    memcmp(given[i].name, name, given[i].name_len) == 0)
			return &given[i];
	return NULL;
}

static int bind_one(const struct named_query *q, const struct named_param *p,
		    sqlite3_stmt *statement, int index, struct param_given *given,
		    struct reel_err *err)
{
	struct param_value value = p->value;
	struct reel_err why;

	if (!given && !p->has_default)
		return reel_err_set(err, -EINVAL, "@%s needs %s=%s: %s", q->name, p->name,
				    p->type == PARAM_ANY ? "VALUE" : param_type_name(p->type),
				    p->what);
	if (given &&
	    param_parse(given->value, p->type, sqlite3_db_handle(statement), &value, &why) < 0)
		return reel_err_set(err, -EINVAL, "%s=: %s", p->name, why.msg);
	if (given)
		given->is_used = true;
	if (param_bind(statement, index, &value) != SQLITE_OK)
		return reel_err_set(err, -ENOMEM, "no memory for the parameter %s", p->name);
	return 0;
}

int named_bind(const struct named_query *q, sqlite3_stmt *statement, struct param_given *given,
	       size_t n_given, struct reel_err *err)
{
	int n = sqlite3_bind_parameter_count(statement);

	for (int i = 1; i <= n; i++) {
		const char *name = sqlite3_bind_parameter_name(statement, i);
		const struct named_param *p = NULL;
		int r;

		for (unsigned k = 0; name && k < q->n_params && !p; k++)
			if (strcmp(q->params[k].name, name + 1) == 0)
				p = &q->params[k];
		if (!p)
			return reel_err_set(err, -EINVAL, "%s: the parameter %s is not declared",
					    q->file, name ? name : "?");
		r = bind_one(q, p, statement, i, find_given(given, n_given, p->name), err);
		if (r < 0)
			return r;
	}
	return 0;
}
