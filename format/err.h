/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Errors that a person will read. A function that can fail for more than one reason returns a
 * negative errno for its caller's code and fills a caller-owned reel_err for its caller's user.
 * The message is a half sentence without the program's name and without a newline; only command
 * files print it.
 */
#ifndef REEL_FORMAT_ERR_H
#define REEL_FORMAT_ERR_H

struct reel_err {
	int code; /* 0, or the negative errno that the failing function returned */
	char msg[480];
};

/*
 * Returns CODE, so that "return reel_err_set(err, -EBADMSG, ...)" is the whole story. ERR may be
 * NULL. Arguments may point into ERR's own message, to add to it.
 */
int reel_err_set(struct reel_err *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
