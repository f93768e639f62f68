/* SPDX-License-Identifier: BSD-2-Clause */
#include "record/status.h"

#include <string.h>
#include <unistd.h>

enum { SIZE_TEXT = 24 };

/* 1.5 GB, 12.3k: three digits and a unit. */
static const char *scaled(double value, const char *const units[], double step,
			  char text[SIZE_TEXT])
{
	unsigned i = 0;

	while (value >= step && units[i + 1]) {
		value /= step;
		i++;
	}
	snprintf(text, SIZE_TEXT, value < 10 && i ? "%.1f%s" : "%.0f%s", value, units[i]);
	return text;
}

static const char *bytes_text(double bytes, char text[SIZE_TEXT])
{
	static const char *const units[] = { " B", " KiB", " MiB", " GiB", " TiB", NULL };

	return scaled(bytes, units, 1024, text);
}

static const char *count_text(double n, char text[SIZE_TEXT])
{
	static const char *const units[] = { "", "k", "M", "G", NULL };

	return scaled(n, units, 1000, text);
}

static const char *time_text(double seconds, char text[SIZE_TEXT])
{
	if (seconds >= 172800)
		snprintf(text, SIZE_TEXT, "%.0f days", seconds / 86400);
	else if (seconds >= 7200)
		snprintf(text, SIZE_TEXT, "%.0f h", seconds / 3600);
	else
		snprintf(text, SIZE_TEXT, "%.0f min", seconds / 60);
	return text;
}

void status_show(struct status_line *l, const struct session_state *s)
{
	char rate[SIZE_TEXT], size[SIZE_TEXT], lost[SIZE_TEXT], lasts[SIZE_TEXT] = "";
	char text[200];
	int n;

	if (s->bytes_per_s > 1 && s->disk_left_bytes != UINT64_MAX)
		time_text((double)s->disk_left_bytes / s->bytes_per_s, lasts);
	n = snprintf(text, sizeof(text), "\r\033[K%s events/s, %s on tape, ring %u%%, %s lost%s%s",
		     count_text(s->events_per_s, rate),
		     bytes_text((double)s->written.stored_bytes, size), s->ring_high_percent,
		     count_text((double)s->sum.lost, lost), *lasts ? ", disk lasts " : "", lasts);
	l->shown = true;
	(void)!write(l->fd, text, (size_t)n);
}

void status_hide(struct status_line *l)
{
	if (l->shown)
		(void)!write(l->fd, "\r\033[K", 4);
	l->shown = false;
}

void status_summary(FILE *to, const struct session_state *s)
{
	char size[SIZE_TEXT], memory[SIZE_TEXT];
	double seconds = (double)(s->now_ns - s->since_ns) / 1e9;
	uint64_t events = s->written.events;

	fprintf(to, "%llu seen = %llu kept + %llu folded + %llu filtered + %llu lost",
		(unsigned long long)s->sum.seen, (unsigned long long)s->sum.kept,
		(unsigned long long)s->sum.folded, (unsigned long long)s->sum.filtered,
		(unsigned long long)s->sum.lost);
	if (s->sum.missed)
		fprintf(to, "; %llu missed by the kernel", (unsigned long long)s->sum.missed);
	fprintf(to,
		"\n%.1f s, %s in %llu segment%s, %.1f bytes an event; recorder %.2f s CPU, %s\n",
		seconds, bytes_text((double)s->written.stored_bytes, size),
		(unsigned long long)s->written.segments, s->written.segments == 1 ? "" : "s",
		events ? (double)s->written.stored_bytes / (double)events : 0.0,
		(double)s->cpu_ns / 1e9, bytes_text((double)s->memory_bytes, memory));
	if (*s->path)
		fprintf(to, "%s\n", s->path);
}
