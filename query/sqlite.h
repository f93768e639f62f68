/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SQLite, as this room has it: linked, in the program reel; or handed over by whoever loads
 * reel.so, through one table of functions, which only extension.c defines.
 */
#ifndef REEL_QUERY_SQLITE_H
#define REEL_QUERY_SQLITE_H

#ifdef REEL_LOADABLE
#include <sqlite3ext.h>
#ifndef REEL_EXTENSION
SQLITE_EXTENSION_INIT3
#endif
#else
#include <sqlite3.h>
#endif

#endif
