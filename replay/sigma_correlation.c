/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/sigma_impl.h"

int sigma_compile_correlation(struct rules *r, struct sigma_document *d, struct reel_err *err)
{
	struct sigma_compile c = { .rules = r, .doc = d, .err = err };

	if (d->is_rejected)
		return 0;
	(void)sigma_wrong(&c, d->root, "correlation");
	return sigma_reject(r, d, &c);
}
