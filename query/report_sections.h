/* SPDX-License-Identifier: BSD-2-Clause */
/* What the page asks of a case: a table of questions. */
#ifndef REEL_QUERY_REPORT_SECTIONS_H
#define REEL_QUERY_REPORT_SECTIONS_H

struct page_section {
	const char *name;	/* under which the page finds the rows */
	const char *sql;	/* in which :limit is how many rows it has at most */
	const char *total_sql;	/* how many there would be; NULL: as many */
	int limit;
};

/* The last one has no name. */
extern const struct page_section page_sections[];
/* Statements that come before, and make tables in the temporary database. */
extern const char *const page_preparations[];
/* The view page_event, of a case that has events, and of one that has none. */
extern const char page_of_events[], page_of_tables[];

#endif
