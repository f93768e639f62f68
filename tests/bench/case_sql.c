/* SPDX-License-Identifier: BSD-2-Clause */
/* Statements that make an empty case, for tests that fill the tables themselves. */
#include <stdio.h>
#include <unistd.h>

#include "format/case.h"
#include "format/out.h"

int main(void)
{
	struct reel_out o;
	int ret = out_init(&o, STDOUT_FILENO);

	if (!ret) {
		case_put_tables(&o);
		case_put_indexes(&o);
		case_put_views(&o);
		ret = out_flush(&o);
		out_done(&o);
	}
	return ret != 0;
}
