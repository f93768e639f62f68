/* SPDX-License-Identifier: BSD-2-Clause */
/* Files of rules: which there are, and what language each is in. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "replay/falco.h"
#include "replay/policy.h"
#include "replay/policy_files.h"
#include "replay/rules_impl.h"
#include "replay/sigma.h"

static int no_memory(struct reel_err *err)
{
	return rules_no_memory(err);
}

static int cannot_read(int r, const char *path, struct reel_err *err)
{
	return reel_err_set(err, r, "cannot read '%s': %s", path, policy_why(r));
}

static bool ends_with(const char *name, const char *suffix)
{
	size_t n = strlen(name), m = strlen(suffix);

	return n > m && strcmp(name + n - m, suffix) == 0;
}

static bool is_yaml(const char *name)
{
	return ends_with(name, ".yml") || ends_with(name, ".yaml");
}

/* YAML ----------------------------------------------------------------------------------------- */

int rules_load_yaml(struct rules *r, const char *path, const char *text, size_t length,
		    struct reel_err *err)
{
	uint32_t line, column;
	struct yaml_tree *tree = NULL;
	struct reel_err why = { 0 };
	int status = yaml_tree_parse(text, length, &tree, &line, &column, &why);

	r->n_files++;
	if (status == -ENOMEM || rules_hash_contents(r, path, text, length) < 0) {
		yaml_tree_free(tree);
		return no_memory(err);
	}
	if (status < 0) {
		const char *said = strchr(why.msg, ' ');
		struct rule_rejected whole = { .file = path,
					       .line = line,
					       .language = RULE_SIGMA,
					       .reason = said ? said + 1 : why.msg };

		return rules_reject(r, &whole) < 0 ? no_memory(err) : 0;
	}
	if (yaml_tree_n(tree) && falco_is(yaml_tree_document(tree, 0)))
		return falco_add(r, path, tree, err);
	return sigma_add(r, path, tree, err);
}

static int load_yaml_file(struct rules *r, const char *path, struct reel_err *err)
{
	struct policy_contents c;
	int status;

	if (rules_note_source(r, path) < 0)
		return no_memory(err);
	status = policy_read_file(path, &c);
	if (status < 0)
		return cannot_read(status, path, err);
	status = rules_load_yaml(r, path, c.bytes, c.length, err);
	free(c.bytes);
	return status;
}

/* Directories ---------------------------------------------------------------------------------- */

static int is_wanted(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int compare_names(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int load_directory(struct rules *r, const char *path, unsigned depth, struct reel_err *err);

static int load_entry(struct rules *r, const char *path, unsigned depth, struct reel_err *err)
{
	struct stat st;

	/* Links to directories could lead back. */
	if (fstatat(AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	if (S_ISDIR(st.st_mode))
		return load_directory(r, path, depth + 1, err);
	if (ends_with(path, ".policy"))
		return policy_load_file(r, path, err);
	return is_yaml(path) ? load_yaml_file(r, path, err) : 0;
}

static int load_directory(struct rules *r, const char *path, unsigned depth, struct reel_err *err)
{
	struct dirent **names;
	int n, status = 0;

	if (depth >= RULES_NESTING_MAX)
		return reel_err_set(err, -ELOOP, "'%s' is too deep", path);
	if (rules_note_source(r, path) < 0)
		return no_memory(err);
	n = scandir(path, &names, is_wanted, compare_names);
	if (n < 0)
		return cannot_read(-errno, path, err);
	for (int i = 0; i < n; i++) {
		char *inner = NULL;

		if (status == 0 &&
		    asprintf(&inner, "%s%s%s", path, path[strlen(path) - 1] == '/' ? "" : "/",
			     names[i]->d_name) < 0) {
			inner = NULL;
			status = no_memory(err);
		}
		if (status == 0)
			status = load_entry(r, inner, depth, err);
		free(inner);
		free(names[i]);
	}
	free(names);
	return status;
}

int rules_load(struct rules *r, const char *path, struct reel_err *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return cannot_read(-errno, path, err);
	if (S_ISDIR(st.st_mode))
		return load_directory(r, path, 0, err);
	return is_yaml(path) ? load_yaml_file(r, path, err) : policy_load_file(r, path, err);
}
