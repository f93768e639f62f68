/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading captures of reel from a program of one's own:
 *
 *	#include <reel/reel.h>			cc x.c $(pkg-config --cflags --libs reel)
 *
 *	struct reel_tape *tape;
 *	char why[REEL_TAPE_WHY];
 *
 *	if (reel_tape_open("web1.reel", &tape, why) < 0)
 *		errx(1, "%s", why);
 *	reel_tape_types(tape, "exec,connect");
 *	while ((r = reel_tape_next(tape)) > 0)
 *		printf("%s\n", reel_tape_type(tape));
 *	if (r < 0)
 *		errx(1, "%s", reel_tape_why(tape));
 *	reel_tape_close(tape);
 *
 * Functions return 0, or a negative errno; what they give belongs to the tape and holds until its
 * next event. "reel list fields" has the names of types and fields. A tape is for one thread at a
 * time; several may be open. What is here stays as it is while the library is libreel.so.1.
 */
#ifndef REEL_REEL_H
#define REEL_REEL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define REEL_TAPE_WHY 480 /* room for what went wrong, as a line without its end */

struct reel_tape;

/* PATH is a capture: a directory of segments, a segment, or several concatenated. */
int reel_tape_open(const char *path, struct reel_tape **ret, char why[REEL_TAPE_WHY]);
void reel_tape_close(struct reel_tape *tape);
/* Of the last call that failed. */
const char *reel_tape_why(const struct reel_tape *tape);

/* What is asked for, before the first event: only these types ("exec,open"), only from and until
 * these moments (ns of 1970, 0 for no limit), only this process. Blocks that cannot hold it are
 * not even decompressed. -EBUSY: it is too late; -ENOENT: there is no such type. */
int reel_tape_types(struct reel_tape *tape, const char *names);
int reel_tape_between(struct reel_tape *tape, int64_t from_ns, int64_t to_ns);
int reel_tape_process(struct reel_tape *tape, uint32_t pid);

/* 1: there is an event, of which the functions below tell. 0: there are no more. */
int reel_tape_next(struct reel_tape *tape);

const char *reel_tape_type(const struct reel_tape *tape);
const char *reel_tape_host(const struct reel_tape *tape);
int64_t reel_tape_time_ns(const struct reel_tape *tape); /* wall time; below 0: not known */
uint32_t reel_tape_pid(const struct reel_tape *tape);
uint32_t reel_tape_tid(const struct reel_tape *tape);
int64_t reel_tape_result(const struct reel_tape *tape); /* of the call, or -errno */

/* Fields by their names. -ENOENT: its type has none such; -EINVAL: it is of another kind. */
int reel_tape_number(const struct reel_tape *tape, const char *field, int64_t *ret);
/* Bytes, which need not be text, and behind which no NUL stands. *RET_WHOLE is their number when
 * the call was made, of which less may have been kept; NULL where that does not matter. */
int reel_tape_string(const struct reel_tape *tape, const char *field, const char **ret,
		     size_t *ret_length, size_t *ret_whole);
/* IPv6, or IPv4 as ::ffff:a.b.c.d; in the order of the network. */
int reel_tape_address(const struct reel_tape *tape, const char *field, uint8_t ret[16]);
/* The event as "reel dump --json" prints it, with a NUL and without a newline; or NULL. */
const char *reel_tape_json(struct reel_tape *tape);

/* How whole the answer is; final once next returned 0. Events that were wanted and lost, ... */
uint64_t reel_tape_lost(const struct reel_tape *tape);
/* ... and how the capture ends: "complete", "unclean", "torn" or "damaged". */
const char *reel_tape_ending(const struct reel_tape *tape);

#ifdef __cplusplus
}
#endif

#endif
