/* SPDX-License-Identifier: BSD-2-Clause */
#define REEL_EXTENSION
#include "query/extension.h"

#include <stddef.h>

#include "format/version.h"
#include "query/slice.h"

#ifdef REEL_LOADABLE
SQLITE_EXTENSION_INIT1
#endif

static void version(sqlite3_context *context, int n, sqlite3_value **values)
{
	(void)n;
	(void)values;
	sqlite3_result_text(context, "reel " REEL_VERSION, -1, SQLITE_STATIC);
}

int reel_extension_register(sqlite3 *db)
{
	int ret = sqlite3_create_function(db, "reel_version", 0,
					  SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS,
					  NULL, version, NULL, NULL);

	if (ret == SQLITE_OK)
		ret = slice_register(db);
	return ret;
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
