/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/key_option.h"

#include <errno.h>

enum reel_status reel_key_option_load(const struct reel_command *self,
				      const struct reel_strings *files, struct reel_keys **ret)
{
	struct reel_err err = { 0 };
	int r;

	*ret = NULL;
	if (!files->n)
		return REEL_STATUS_OK;
	r = reel_keys_new(ret, &err);
	for (size_t i = 0; i < files->n && r == 0; i++)
		r = reel_keys_add(*ret, files->v[i], &err);
	if (r == 0)
		return REEL_STATUS_OK;
	reel_keys_free(*ret);
	*ret = NULL;
	/* What is there and is no key was not meant. */
	return reel_command_fail(self,
				 r == -EBADMSG || r == -EINVAL || r == -EPERM ? REEL_STATUS_USAGE :
										REEL_STATUS_IO,
				 &err);
}
