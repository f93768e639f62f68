/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The captures that a case is of, where they still lie. A case stands without them, unless it is
 * asked for events and none were loaded.
 */
#ifndef REEL_QUERY_CASE_CAPTURES_H
#define REEL_QUERY_CASE_CAPTURES_H

#include "query/captures.h"
#include "query/sqlite.h"

/*
 * Opens those of the case in DB whose paths, from here or from where the case lies, lead to the
 * same captures as then. Nothing is opened if something else is open, or if the case has the events
 * itself; captures that are gone are left out. *ret_n: how many there are then.
 */
int case_captures_open(sqlite3 *db, struct reel_captures *captures, unsigned *ret_n,
		       struct reel_err *err);

#endif
