/* SPDX-License-Identifier: BSD-2-Clause */
/* What records of others say of an event and its own fields do not: when it was, in UTC, and by
 * which name the address that it connects to was looked up. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "format/reader.h"
#include "replay/derive_impl.h"

enum { NS_PER_SECOND = 1000000000, NS_PER_MS = 1000000, FIRST_YEAR = 1900 };

static enum blind_reason why_nameless(enum model_naming how)
{
	switch (how) {
	case MODEL_NAME_NOT_RECORDED:
		return BLIND_FILTERED;
	case MODEL_NAME_LOST:
		return BLIND_LOST;
	case MODEL_NAME_CUT:
		return BLIND_CUT;
	case MODEL_NAME_FORGOTTEN:
		return BLIND_EVICTED;
	default:
		return BLIND_HOST;
	}
}

/* The own end of what is accepted nobody looks up. */
bool derive_host(struct finder *f, struct found *ret)
{
	struct model_text *name = NULL;
	enum model_naming how;
	struct reel_field addr;
	uint64_t family;

	if (f->ev->type->id != EV_connect || !derive_has_own(f->e, f->ev, "addr", &addr))
		return false;
	family = derive_own_number(f->e, f->ev, "family");
	if (!family && f->ev->flags & EV_FAULT)
		return give_unknown(f->e, ret, BLIND_FAULT);
	if (family != AF_INET && family != AF_INET6)
		return false;
	if (!f->e->model) /* found out in order */
		return give_unknown(f->e, ret, BLIND_HOST);
	how = model_name_of(f->e->model, f->e->process, f->ev->fixed + addr.offset, &name);
	if (how == MODEL_NAMED)
		return give_text(ret, name);
	return how != MODEL_NAMELESS && give_unknown(f->e, ret, why_nameless(how));
}

/* Of ISO 8601: that with the year's first Thursday is the first. */
static unsigned week_of(const struct tm *tm)
{
	char text[4];
	unsigned week = 0;

	if (strftime(text, sizeof(text), "%V", tm) && sscanf(text, "%u", &week) == 1)
		return week;
	return 0;
}

static bool wall_time(const struct reel_event *ev, struct tm *ret, unsigned *ret_ms)
{
	struct reel_clock_cache cache = { 0 };
	int64_t ns = ev->segment && ev->segment->boot ?
			     reel_clocks_realtime(&ev->segment->boot->clocks, ev->ts, &cache) :
			     0;
	time_t seconds = (time_t)(ns / NS_PER_SECOND);

	*ret_ms = (unsigned)(ns % NS_PER_SECOND / NS_PER_MS);
	return ns > 0 && gmtime_r(&seconds, ret);
}

int derive_record_direct(struct finder *f, struct found *ret)
{
	struct tm tm;
	unsigned ms;

	if (f->ref->derived == DERIVED_utc_time)
		return -1;
	if (f->turn++ > 0)
		return 0;
	if (f->ref->derived == DERIVED_to_name)
		return derive_host(f, ret);
	if (!wall_time(f->ev, &tm, &ms))
		return give_unknown(f->e, ret, BLIND_OLD);
	switch (f->ref->derived) {
	case DERIVED_utc_minute:
		return give_number(ret, (uint64_t)tm.tm_min, true);
	case DERIVED_utc_hour:
		return give_number(ret, (uint64_t)tm.tm_hour, true);
	case DERIVED_utc_day:
		return give_number(ret, (uint64_t)tm.tm_mday, true);
	case DERIVED_utc_week:
		return give_number(ret, week_of(&tm), true);
	case DERIVED_utc_month:
		return give_number(ret, (uint64_t)tm.tm_mon + 1, true);
	default:
		return give_number(ret, (uint64_t)tm.tm_year + FIRST_YEAR, true);
	}
}

bool derive_record_make(struct finder *f, struct eval_derived *x)
{
	char text[40], fraction[8];
	struct tm tm;
	unsigned ms;

	if (!wall_time(f->ev, &tm, &ms))
		return derive_unknown(f, x, BLIND_OLD);
	if (!strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm))
		return false;
	(void)snprintf(fraction, sizeof(fraction), ".%03u", ms % 1000);
	derive_put_text(x, text);
	derive_put_text(x, fraction);
	return true;
}
