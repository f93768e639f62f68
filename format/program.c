/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/program.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <unistd.h>

int reel_program_hash(uint8_t ret[32], struct reel_err *err)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), r = 0;
	crypto_generichash_state state;
	uint8_t piece[1 << 14];
	ssize_t n;

	memset(ret, 0, 32);
	if (fd < 0)
		return reel_err_set(err, -errno, "/proc/self/exe: %s", strerror(errno));
	/* It looks for what hashes fastest on this processor. */
	if (sodium_init() < 0) {
		close(fd);
		return reel_err_set(err, -EIO, "libsodium cannot begin");
	}
	crypto_generichash_init(&state, NULL, 0, 32);
	while ((n = read(fd, piece, sizeof(piece))) > 0)
		crypto_generichash_update(&state, piece, (size_t)n);
	if (n < 0)
		r = reel_err_set(err, -errno, "/proc/self/exe: %s", strerror(errno));
	else
		crypto_generichash_final(&state, ret, 32);
	close(fd);
	return r;
}
