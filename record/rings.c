/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A ring as the kernel maps it: a page with the consumer's position, which is ours to write; a page
 * with the producer's; then the data, twice in a row, so that no record is ever broken. A record is
 * a 32-bit length with two flags in it, 32 bits that are not for us, and its bytes, padded to 8.
 */
#include "record/rings.h"

#include <errno.h>
#include <linux/bpf.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "record/now.h"

enum {
	RELEASE_BYTES = 256 << 10,
	/* A CPU that does nothing else than fill its ring: 16 MiB in a tenth of a second. */
	MOST_BYTES_A_MS = 160 << 10,
	/* Each wakeup finds cold caches: the rarer, the less an event costs. But at 50 ms a burst
	 * on the only CPU, which the reader has to share, was more than its ring could hold. */
	PAUSE_MAX_MS = 20,
	PAUSE_BURST_MS = 5, /* where rings are small */
	PAUSE_FILLS_PERCENT = 5,
	FULL_PERCENT = 20,
};

/* For a program that was interrupted in the midst of a record. */
#define PATIENCE_NS (2000ull * 1000 * 1000)

struct ring {
	uint64_t *consumer;
	const uint64_t *producer;
	const uint8_t *data;
	uint64_t bytes;
	uint64_t at;	/* what was read; *consumer is the same, as long as it is ours alone */
	uint64_t until; /* of this round */
	uint64_t high_bytes;
};

struct rings {
	unsigned n;
	size_t page_bytes;
	uint64_t round_ns; /* when the last round began */
	struct ring all[];
};

int rings_open(const struct programs *p, struct rings **ret, struct reel_err *err)
{
	unsigned n = programs_n_cpus(p) + 1;
	struct rings *r = calloc(1, sizeof(*r) + n * sizeof(r->all[0]));

	if (!r)
		return reel_err_set(err, -ENOMEM, "no memory for rings");
	r->page_bytes = (size_t)sysconf(_SC_PAGESIZE);
	for (; r->n < n; r->n++) {
		struct ring *ring = &r->all[r->n];
		int fd = programs_ring_fd(p, r->n);
		void *map;

		ring->bytes = programs_ring_bytes(p, r->n);
		map = mmap(NULL, r->page_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (map == MAP_FAILED)
			goto failed;
		ring->consumer = map;
		ring->at = *ring->consumer;
		map = mmap(NULL, r->page_bytes + 2 * ring->bytes, PROT_READ, MAP_SHARED, fd,
			   (off_t)r->page_bytes);
		if (map == MAP_FAILED) {
			munmap(ring->consumer, r->page_bytes);
			goto failed;
		}
		ring->producer = map;
		ring->data = (const uint8_t *)map + r->page_bytes;
	}
	*ret = r;
	return 0;
failed:
	reel_err_set(err, -errno, "cannot map ring %u: %s", r->n, strerror(errno));
	rings_close(r);
	return err ? err->code : -ENOMEM;
}

void rings_close(struct rings *r)
{
	if (!r)
		return;
	for (unsigned i = 0; i < r->n; i++) {
		munmap(r->all[i].consumer, r->page_bytes);
		munmap((void *)(uintptr_t)r->all[i].producer, r->page_bytes + 2 * r->all[i].bytes);
	}
	free(r);
}

/*
 * A record that is reserved is finished within the same program's run: it is worth waiting for. If
 * it is none, because somebody has let the kernel write over it, the wait has an end.
 */
static uint32_t record_length(const uint8_t *at)
{
	const uint32_t *length = (const void *)at;
	uint64_t deadline_ns = 0;
	uint32_t value;

	while ((value = __atomic_load_n(length, __ATOMIC_ACQUIRE)) & BPF_RINGBUF_BUSY_BIT) {
		if (!deadline_ns)
			deadline_ns = now_boottime_ns() + PATIENCE_NS;
		else if (now_boottime_ns() > deadline_ns)
			break;
		sched_yield();
	}
	return value;
}

static int drain(struct ring *ring,
		 int (*take)(void *arg, const struct ev_header *record, size_t bytes,
			     struct reel_err *err),
		 void *arg, struct round *round, struct reel_err *err)
{
	uint64_t at = ring->at, released = at;
	int r = 0;

	while (at < ring->until && r >= 0) {
		const uint8_t *record = ring->data + (at & (ring->bytes - 1));
		uint32_t length = record_length(record);
		uint32_t bytes = length & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);

		if (length & BPF_RINGBUF_BUSY_BIT || bytes > ring->until - at) {
			at = ring->until;
			round->shifted++;
			break;
		}
		at += (bytes + BPF_RINGBUF_HDR_SZ + 7) & ~7u;
		if (!(length & BPF_RINGBUF_DISCARD_BIT)) {
			r = take(arg, (const void *)(record + BPF_RINGBUF_HDR_SZ), bytes, err);
			round->records++;
		}
		if (at - released >= RELEASE_BYTES) {
			__atomic_store_n(ring->consumer, at, __ATOMIC_RELEASE);
			released = at;
		}
	}
	ring->at = at;
	__atomic_store_n(ring->consumer, at, __ATOMIC_RELEASE);
	return r < 0 ? r : 0;
}

/*
 * Until it has PAUSE_FILLS_PERCENT at the rate of late, but no longer than a burst out of nowhere
 * would take to FULL_PERCENT.
 */
static unsigned pause_ms(const struct ring *ring, uint64_t filled, uint64_t since_ns)
{
	double wanted = (double)ring->bytes * PAUSE_FILLS_PERCENT / 100;
	double full = (double)ring->bytes * FULL_PERCENT / 100;
	double ms = full / MOST_BYTES_A_MS;

	if ((double)filled > full)
		return 0;
	if (ms < PAUSE_BURST_MS)
		ms = PAUSE_BURST_MS;
	if (filled && (double)since_ns / 1e6 * wanted / (double)filled < ms)
		ms = (double)since_ns / 1e6 * wanted / (double)filled;
	return ms < 1 ? 1 : ms < PAUSE_MAX_MS ? (unsigned)ms : PAUSE_MAX_MS;
}

int rings_round(struct rings *r,
		int (*take)(void *arg, const struct ev_header *record, size_t bytes,
			    struct reel_err *err),
		void *arg, struct round *ret, struct reel_err *err)
{
	struct round round = { .settled_ns = now_boottime_ns(), .pause_ms = PAUSE_MAX_MS };
	int result = 0;

	for (unsigned i = 0; i < r->n; i++) {
		struct ring *ring = &r->all[i];
		uint64_t filled;
		unsigned pause;

		ring->until = __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE);
		/* The kernel may have written over what was not read. A record begins where the
		 * producer is. */
		if (__atomic_load_n(ring->consumer, __ATOMIC_RELAXED) != ring->at) {
			ring->at = ring->until;
			round.shifted++;
		}
		filled = ring->until - ring->at;
		if (filled > ring->high_bytes)
			ring->high_bytes = filled;
		/* The last is of state, and filled when the reader asks for it. */
		pause = i + 1 < r->n ? pause_ms(ring, filled, round.settled_ns - r->round_ns) :
				       PAUSE_MAX_MS;
		if (pause < round.pause_ms)
			round.pause_ms = pause;
	}
	r->round_ns = round.settled_ns;
	/* State first: it explains the events. */
	for (unsigned i = r->n; i-- > 0 && result == 0;)
		result = drain(&r->all[i], take, arg, &round, err);
	*ret = round;
	return result;
}

unsigned rings_high_percent(const struct rings *r, unsigned ring)
{
	return (unsigned)(100 * r->all[ring].high_bytes / r->all[ring].bytes);
}
