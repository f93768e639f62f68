/* SPDX-License-Identifier: BSD-2-Clause */
#define REEL_EXTENSION
#include "query/extension.h"

#include <stddef.h>

#include "query/at_table.h"
#include "query/event_table.h"
#include "query/functions.h"
#include "query/health_table.h"
#include "query/named.h"
#include "query/slice.h"

#ifdef REEL_LOADABLE
SQLITE_EXTENSION_INIT1
#endif

int reel_extension_register_with(sqlite3 *db, struct reel_captures **ret)
{
	struct reel_captures *captures;
	int r;

	if (reel_captures_new(&captures) < 0)
		return SQLITE_NOMEM;
	r = reel_functions_register(db, captures);
	if (r == SQLITE_OK)
		r = reel_event_tables_register(db, captures);
	if (r == SQLITE_OK)
		r = reel_health_tables_register(db, captures);
	if (r == SQLITE_OK)
		r = reel_at_tables_register(db, captures);
	if (r == SQLITE_OK)
		r = named_register_function(db);
	if (r == SQLITE_OK)
		r = slice_register(db);
	*ret = captures;
	/* The functions and tables have it now. */
	reel_captures_unref(captures);
	return r;
}

int reel_extension_register(sqlite3 *db)
{
	struct reel_captures *captures;

	return reel_extension_register_with(db, &captures);
}

#ifdef REEL_LOADABLE
/* The name that sqlite3 looks for in a file called reel.so. */
int sqlite3_reel_init(sqlite3 *db, char **ret_message, const sqlite3_api_routines *api);

__attribute__((visibility("default"))) int sqlite3_reel_init(sqlite3 *db, char **ret_message,
							     const sqlite3_api_routines *api)
{
	(void)ret_message;
	SQLITE_EXTENSION_INIT2(api);
	return reel_extension_register(db);
}
#endif
