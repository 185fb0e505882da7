#pragma once

// Shared by the tests of reassembly: fragments of one datagram's content, and their places.

#include "dataplane/worker/reassembly.h"

#include <string.h>
#include <rte_eal.h>
#include <rte_mbuf.h>

#include <criterion/criterion.h>

#include "dataplane/packet/parse.h"
#include "dataplane/signalling/signalling_tap.h"
#include "shared/wire.h"
#include "tests/unit/dataplane/packet/frames.h"

#define MS 1000000ull
#define NOW (10000 * MS)
// Criterion writes a message for every assertion that holds: too many for a loop.
#define MUST(condition)                                   \
	do {                                              \
		if (!(condition))                         \
			cr_assert_fail("%s", #condition); \
	} while (0)

static const struct port_traits n3 = {.tunnel = CONFIG_TUNNEL_GTPU};

struct bench {
	struct rte_mempool *frames, *pieces, *datagram_pool;
	struct reassembly *r;
};

struct content { // of the datagram's IP layer
	uint8_t b[65536];
	uint32_t n;
};

static struct content content;
static bool gtpu = true;
static struct signalling_shown shown; // nothing

static inline struct bench bench_new(uint32_t datagrams, uint32_t pieces)
{
	static char *arguments[] = {"test", "--no-huge", "--no-pci", "-m", "64", "--no-telemetry",
		"--no-shconf", "--log-level", "error", "-l", "0", NULL};
	struct bench b;

	cr_assert(rte_eal_init(11, arguments) >= 0);
	b.frames = rte_pktmbuf_pool_create("frames", 255, 0, 0, 2304, SOCKET_ID_ANY);
	b.pieces = rte_pktmbuf_pool_create("pieces", pieces, 0, 0, 2304, SOCKET_ID_ANY);
	b.datagram_pool = rte_pktmbuf_pool_create("datagram_pool", 7, 0, 0,
		REASSEMBLY_DATAGRAM_ROOM + RTE_PKTMBUF_HEADROOM, SOCKET_ID_ANY);
	cr_assert(b.frames && b.pieces && b.datagram_pool);
	const struct reassembly_settings s = {.gtpu = gtpu,
		.signalling = &shown,
		.datagrams = datagrams,
		.timeout_ns = 2000 * MS,
		.seed = {0x9e3779b97f4a7c15, 0xd6e8feb86659fd93},
		.pieces = b.pieces,
		.datagram_pool = b.datagram_pool};
	b.r = reassembly_new(&s);
	cr_assert(b.r);
	return b;
}

static inline void bench_end(struct bench *b)
{
	reassembly_free(b->r);
	cr_assert_eq(rte_mempool_in_use_count(b->frames), 0);
	cr_assert_eq(rte_mempool_in_use_count(b->pieces), 0);
	cr_assert_eq(rte_mempool_in_use_count(b->datagram_pool), 0);
	rte_eal_cleanup();
}

// UDP of `n` octets of content towards `port`; GTP-U with an IPv4 packet inside on 2152.
static inline void make_content(uint16_t port, uint32_t n)
{
	static struct frame f;

	memset(&f, 0, sizeof(f));
	frame_udp(&f, 2152, port);
	frame_gtpu(&f, 255, 0x11223344);
	frame_ipv4(&f, 0xc0000201, 0xc6336401, 17);
	frame_udp(&f, 5000, 53);
	frame_finish(&f);
	memcpy(content.b, f.b, f.n);
	content.n = f.n + n;
	for (uint32_t i = 0; i < n; i++)
		content.b[f.n + i] = (uint8_t)(i * 7 + i / 256);
	wire_store16(content.b + 4, (uint16_t)content.n);
	wire_store16(content.b + 10, (uint16_t)(content.n - 16));
	wire_store16(content.b + 18, (uint16_t)(content.n - 16));
	wire_store16(content.b + 40, (uint16_t)(content.n - 36));
}

struct fragment {
	bool v6, options; // options: IPv4 options, or an IPv6 header before the fragment header
	uint32_t source, id;
	uint32_t first, end; // octets of `content`; end 0: its end
	int more;	     // -1: as it should be
	uint32_t padding;
};

static inline struct fragment part(uint32_t id, uint32_t first, uint32_t end)
{
	return (struct fragment){
		.source = 0x0a000001, .id = id, .first = first, .end = end, .more = -1};
}

static inline uint32_t put_v4(struct frame *f, const struct fragment *d, bool more)
{
	static const uint8_t options[4] = {1, 1, 1, 0};
	uint32_t at = f->n;

	frame_ipv4(f, d->source, 0x0a000002, 17);
	wire_store16(f->b + at + 4, (uint16_t)d->id);
	wire_store16(f->b + at + 6, (uint16_t)(d->first / 8 | (more ? 0x2000 : 0)));
	if (d->options) {
		f->b[at] = 0x46;
		frame_raw(f, options, 4);
	}
	return at + 2;
}

static inline uint32_t put_v6(struct frame *f, const struct fragment *d, bool more)
{
	uint8_t b[8] = {17, 0};
	uint32_t at = f->n;

	frame_ipv6(f, d->source, 2, d->options ? 0 : 44);
	if (d->options) {
		static const uint8_t hop[8] = {44, 0, 1, 4};
		frame_raw(f, hop, 8);
	}
	wire_store16(b + 2, (uint16_t)(d->first | more));
	wire_store32(b + 4, d->id);
	frame_raw(f, b, 8);
	return at + 4;
}

static inline struct rte_mbuf *frame_of(const struct bench *b, struct fragment d)
{
	static struct frame f;
	struct rte_mbuf *m = rte_pktmbuf_alloc(b->frames);
	uint32_t end = d.end ? d.end : content.n;
	bool more = d.more < 0 ? end < content.n : d.more;

	MUST(m);
	memset(&f, 0, sizeof(f));
	frame_ethernet(&f, d.v6 ? 0x86dd : 0x0800);
	(void)(d.v6 ? put_v6(&f, &d, more) : put_v4(&f, &d, more));
	frame_raw(&f, content.b + d.first, end - d.first);
	frame_finish(&f);
	frame_zero(&f, d.padding);
	memcpy(rte_pktmbuf_append(m, (uint16_t)f.n), f.b, f.n);
	return m;
}

static inline enum reassembly_verdict put(
	struct bench *b, struct fragment d, uint64_t now, struct reassembly_datagram *datagram)
{
	struct rte_mbuf *m = frame_of(b, d);
	struct packet_view v = {.data = rte_pktmbuf_mtod(m, const uint8_t *),
		.length = m->data_len,
		.total = m->pkt_len};

	MUST(parse_burst(&n3, &v, 1) == 1);
	enum reassembly_verdict verdict = reassembly_put(b->r, &v, m, true, now, datagram);
	rte_pktmbuf_free(m); // what came in is not kept
	return verdict;
}

static inline enum reassembly_verdict put_at(struct bench *b, struct fragment d, uint64_t now)
{
	struct reassembly_datagram datagram = {0};
	enum reassembly_verdict verdict = put(b, d, now, &datagram);

	MUST(verdict == REASSEMBLY_DONE || !datagram.mbuf);
	rte_pktmbuf_free(datagram.mbuf);
	return verdict;
}
