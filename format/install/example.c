/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program that reads a capture: what was executed, and whether anything is missing.
 *
 *	cc -o example example.c $(pkg-config --cflags --libs reel)
 *	./example web1.reel
 */
#include <reel/reel.h>
#include <stdio.h>

static void show(const struct reel_tape *tape)
{
	const char *path;
	size_t length;

	if (reel_tape_result(tape) < 0 || reel_tape_string(tape, "path", &path, &length, NULL) < 0)
		return;
	printf("%lld %u %.*s\n", (long long)reel_tape_time_ns(tape), reel_tape_pid(tape),
	       (int)length, path);
}

int main(int argc, char **argv)
{
	struct reel_tape *tape;
	char why[REEL_TAPE_WHY];
	int r;

	if (argc != 2) {
		fputs("example: which capture?\n", stderr);
		return 2;
	}
	if (reel_tape_open(argv[1], &tape, why) < 0) {
		fprintf(stderr, "example: %s\n", why);
		return 1;
	}
	r = reel_tape_types(tape, "exec");
	while (r == 0 && (r = reel_tape_next(tape)) > 0) {
		show(tape);
		r = 0;
	}
	if (r < 0)
		fprintf(stderr, "example: %s\n", reel_tape_why(tape));
	else
		printf("%s, %llu events were lost\n", reel_tape_ending(tape),
		       (unsigned long long)reel_tape_lost(tape));
	reel_tape_close(tape);
	return r < 0;
}
