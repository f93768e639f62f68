/* SPDX-License-Identifier: BSD-2-Clause */
/* Whatever lies in a DNS payload, it is read within its bounds and comes to an end. */
#include <stdlib.h>

#include "replay/dns.h"

static volatile unsigned sink;

static void touch(const char *bytes, unsigned n)
{
	while (n--)
		sink += (unsigned char)bytes[n];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dns_message m;
	struct dns_record r;
	unsigned answers = 0;

	for (int is_stream = 0; is_stream < 2; is_stream++) {
		if (!dns_open(&m, data, size, is_stream))
			continue;
		touch(m.question.text, m.question.length);
		while (dns_next(&m, &r)) {
			touch(r.name.text, r.name.length);
			touch(r.data, r.data_length);
			answers++;
		}
	}
	/* Each takes eleven bytes at least. */
	if (answers > 2 * (size / 11))
		abort();
	return 0;
}
