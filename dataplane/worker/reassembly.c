// Puts the fragments of tunnels and of signalling together.

#include "dataplane/worker/reassembly.h"

#include <stdlib.h>
#include <string.h>
#include <rte_ip.h>
#include <rte_ip_frag.h>
#include <rte_mbuf.h>

#include "dataplane/worker/datagram.h"
#include "dataplane/signalling/signalling_tap.h"
#include "shared/wire.h"

#define PORT_GTPU 2152
#define PROTOCOL_UDP 17
#define NEXT_FRAGMENT 44
#define NEXT_AUTHENTICATION 51
#define BUCKETS 64
#define BUCKET_ENTRIES 16
#define L2_MAX 127	      // the library's
#define LARGE (65535u + 256u) // the longest datagram and its link header

_Static_assert(REASSEMBLY_PIECES <= RTE_LIBRTE_IP_FRAG_MAX_FRAG, "the library takes them all");

enum state { COLLECTING, POISONED, FOREIGN, DONE };

struct range {
	uint32_t first, end;
};

struct entry { // beside that of the index
	uint64_t start_ns;
	uint32_t absorbed; // fragments to be moved when the datagram is given up
	uint32_t end;	   // octets of the whole content; 0: the last fragment has not come
	uint8_t state;
	uint8_t n;
	bool signalling; // may be, and is lost with it
	bool doubled;	 // the one before it came whole, and this may be its fragments once more
	struct range range[REASSEMBLY_PIECES];
};

struct reassembly {
	struct reassembly_settings s;
	struct datagram_index *index;
	struct entry *entry;
	struct rte_ip_frag_tbl *library; // its datagrams are those of the index that have ranges
	struct rte_ip_frag_death_row dead;
	struct reassembly_moves moves;
	uint8_t *large;
};

// Where one fragment's content lies, by its own words.
struct piece {
	uint32_t header;   // octets of the IP header, with everything up to the content
	uint32_t fragment; // IPv6: offset of the fragment header from the IP header
	struct range range;
	bool more;
};

struct reassembly *reassembly_new(const struct reassembly_settings *s)
{
	struct reassembly *r = calloc(1, sizeof(*r));

	if (!r || s->datagrams < 4 || s->datagrams > BUCKETS * BUCKET_ENTRIES)
		goto fail;
	r->s = *s;
	r->index = datagram_index_new(s->datagrams, s->timeout_ns, s->seed);
	r->entry = calloc(s->datagrams, sizeof(*r->entry));
	r->large = malloc(LARGE);
	// Its clock is ours: nanoseconds.
	r->library = rte_ip_frag_table_create(
		BUCKETS, BUCKET_ENTRIES, s->datagrams, s->timeout_ns, s->socket);
	if (!r->index || !r->entry || !r->large || !r->library)
		goto fail;
	return r;
fail:
	reassembly_free(r);
	return NULL;
}

void reassembly_free(struct reassembly *r)
{
	if (!r)
		return;
	if (r->library && r->index) {
		reassembly_expire(r, 0, true);
		rte_ip_frag_table_destroy(r->library);
	}
	datagram_index_free(r->index);
	free(r->entry);
	free(r->large);
	free(r);
}

static bool find_fragment_header(const struct packet_view *v, uint32_t l3, uint32_t *at)
{
	const uint8_t *ip = v->data + l3;
	uint8_t next = ip[6];

	*at = 40;
	while (next != NEXT_FRAGMENT) {
		if (l3 + *at + 8 > v->length)
			return false;
		const uint8_t *p = ip + *at;
		*at += next == NEXT_AUTHENTICATION ? (p[1] + 2u) * 4u : (p[1] + 1u) * 8u;
		next = p[0];
	}
	return l3 + *at + 8 <= v->length;
}

static bool piece_of(struct piece *p, const struct packet_view *v)
{
	const struct packet_layer *l = &v->layer[0];
	const uint8_t *ip = v->data + l->l3;

	if (l->flags & LAYER_CUT || (uint32_t)l->l3 + l->length > v->total || l->l3 > L2_MAX)
		return false;
	*p = (struct piece){0};
	if (l->family == 4) {
		uint16_t word = wire_load16(ip + 6);
		p->header = (ip[0] & 15) * 4u;
		p->range.first = (word & 0x1fff) * 8u;
		p->more = word & 0x2000;
	} else {
		if (!find_fragment_header(v, l->l3, &p->fragment))
			return false;
		uint16_t word = wire_load16(ip + p->fragment + 2);
		p->header = p->fragment + 8;
		p->range.first = word & 0xfff8;
		p->more = word & 1;
	}
	if (l->length <= p->header)
		return false;
	uint32_t size = l->length - p->header;
	p->range.end = p->range.first + size;
	return p->range.end + p->header <= 65535 && (!p->more || size % 8 == 0);
}

static void bury(struct reassembly *r)
{
	rte_ip_frag_free_death_row(&r->dead, 0);
	r->dead.cnt = 0;
}

static void lose(struct reassembly *r, struct entry *e)
{
	r->moves.signalling += e->signalling;
	e->signalling = false;
}

static void drop(struct reassembly *r, uint32_t i, uint64_t *moved)
{
	*moved += r->entry[i].absorbed;
	lose(r, &r->entry[i]);
	datagram_remove(r->index, i);
}

// Forgets every datagram that began at `upto` or before, here and in the library, which knows no
// other way to drop one than to be told of a time at which it is over.
static void forget(struct reassembly *r, uint64_t upto, uint64_t *moved)
{
	uint32_t i = datagram_oldest(r->index);

	if (i == DATAGRAM_NONE || r->entry[i].start_ns > upto)
		return;
	do {
		bury(r);
		rte_ip_frag_table_del_expired_entries(
			r->library, &r->dead, upto + r->s.timeout_ns + 1);
	} while (r->dead.cnt > 0);
	for (; i != DATAGRAM_NONE && r->entry[i].start_ns <= upto; i = datagram_oldest(r->index))
		drop(r, i, moved);
}

void reassembly_expire(struct reassembly *r, uint64_t now_ns, bool all)
{
	if (all)
		forget(r, UINT64_MAX - r->s.timeout_ns - 1, &r->moves.expired);
	else if (now_ns > r->s.timeout_ns)
		forget(r, now_ns - r->s.timeout_ns - 1, &r->moves.expired);
}

// A source that has its share waits; where all is full the oldest give way.
static uint32_t add_entry(
	struct reassembly *r, const struct datagram_key *key, uint64_t now_ns, enum state state)
{
	uint32_t victim = datagram_victim(r->index, key);

	if (victim != DATAGRAM_NONE && victim != datagram_oldest(r->index))
		return DATAGRAM_NONE;
	if (victim != DATAGRAM_NONE && r->entry[victim].start_ns < now_ns)
		forget(r, r->entry[victim].start_ns, &r->moves.limit);
	if (datagram_victim(r->index, key) != DATAGRAM_NONE)
		return DATAGRAM_NONE;
	uint32_t i = datagram_add(r->index, key, now_ns);
	r->entry[i] = (struct entry){.start_ns = now_ns, .state = (uint8_t)state};
	return i;
}

static bool has_first(const struct entry *e)
{
	for (unsigned k = 0; k < e->n; k++)
		if (e->range[k].first == 0)
			return true;
	return false;
}

// A first fragment that nobody wants to look into.
static enum reassembly_verdict on_foreign(
	struct reassembly *r, const struct datagram_key *key, uint32_t i, uint64_t now_ns)
{
	if (i == DATAGRAM_NONE) {
		(void)add_entry(r, key, now_ns, FOREIGN);
		return REASSEMBLY_PASSED;
	}
	struct entry *e = &r->entry[i];
	if (e->state == POISONED)
		return REASSEMBLY_INVALID;
	if (e->state == COLLECTING && has_first(e)) {
		e->state = POISONED; // two firsts
		lose(r, e);
		return REASSEMBLY_INVALID;
	}
	e->signalling = false;
	r->moves.passed += e->absorbed;
	e->absorbed = 0;
	e->state = FOREIGN;
	return REASSEMBLY_PASSED;
}

// Does the piece go with what is there?
static enum reassembly_verdict judge(struct entry *e, const struct piece *p)
{
	if (e->state == POISONED)
		return REASSEMBLY_INVALID;
	for (unsigned k = 0; k < e->n; k++)
		if (e->range[k].first == p->range.first && e->range[k].end == p->range.end &&
			p->more == (p->range.end != e->end))
			return REASSEMBLY_INVALID;
	bool bad = e->end && (p->range.end > e->end || !p->more);
	for (unsigned k = 0; k < e->n; k++)
		bad |= (p->range.first < e->range[k].end && e->range[k].first < p->range.end) ||
		       (!p->more && e->range[k].end > p->range.end);
	if (bad)
		e->state = POISONED;
	else if (e->n == REASSEMBLY_PIECES)
		e->state = POISONED;
	else
		return REASSEMBLY_ABSORBED;
	return bad ? REASSEMBLY_INVALID : REASSEMBLY_LIMIT;
}

// A copy that the library can take: nothing behind the datagram and, in IPv6, nothing between the
// two headers that it knows. NULL when the pool is empty or the headers are longer than a buffer of it.
static struct rte_mbuf *copy_of(struct reassembly *r, const struct packet_view *v,
	const struct rte_mbuf *m, const struct piece *p)
{
	const struct packet_layer *l = &v->layer[0];
	struct rte_mbuf *copy = rte_pktmbuf_copy(m, r->s.pieces, 0, (uint32_t)l->l3 + l->length);

	// A buffer of a port may be larger than one of these, and headers then lie in two.
	if (copy && l->l3 + p->header > rte_pktmbuf_data_len(copy)) {
		rte_pktmbuf_free(copy);
		copy = NULL;
	}
	if (!copy)
		return NULL;
	copy->l2_len = l->l3 & L2_MAX;
	copy->l3_len = p->header & 0x1ff;
	if (l->family == 4)
		return copy;
	uint8_t *start = rte_pktmbuf_mtod(copy, uint8_t *);
	uint16_t extra = (uint16_t)(p->fragment - 40);
	uint8_t *ip = start + l->l3 + extra;
	if (extra) {
		memmove(start + extra, start, l->l3 + 40u);
		(void)rte_pktmbuf_adj(copy, extra);
		ip[6] = NEXT_FRAGMENT;
		wire_store16(ip + 4, (uint16_t)(wire_load16(ip + 4) - extra));
		copy->l3_len = 48;
	}
	return copy;
}

// Gives the copy to the library. False: it did not take it.
static bool offer(struct reassembly *r, struct rte_mbuf *copy, const struct packet_view *v,
	uint64_t now_ns, struct rte_mbuf **done)
{
	uint8_t *ip = rte_pktmbuf_mtod_offset(copy, uint8_t *, copy->l2_len);
	bool taken = true;

	if (v->layer[0].family == 4)
		*done = rte_ipv4_frag_reassemble_packet(
			r->library, &r->dead, copy, now_ns, (struct rte_ipv4_hdr *)ip);
	else
		*done = rte_ipv6_frag_reassemble_packet(r->library, &r->dead, copy, now_ns,
			(struct rte_ipv6_hdr *)ip, (struct rte_ipv6_fragment_ext *)(ip + 40));
	for (uint32_t k = 0; k < r->dead.cnt; k++)
		taken &= r->dead.row[k] != copy;
	bury(r);
	return taken;
}

// One contiguous frame out of the chain, which is freed.
static bool flatten(
	struct reassembly *r, struct rte_mbuf *chain, uint32_t l3, struct reassembly_datagram *datagram)
{
	uint32_t n = chain->pkt_len;
	struct rte_mbuf *flat = n <= REASSEMBLY_DATAGRAM_ROOM ? rte_pktmbuf_alloc(r->s.datagram_pool) : NULL;
	uint8_t *to = flat ? rte_pktmbuf_mtod(flat, uint8_t *) : r->large;

	if (n > LARGE) {
		rte_pktmbuf_free(chain);
		return false;
	}
	uint32_t at = 0;
	for (const struct rte_mbuf *m = chain; m; m = m->next) {
		memcpy(to + at, rte_pktmbuf_mtod(m, const uint8_t *), m->data_len);
		at += m->data_len;
	}
	rte_pktmbuf_free(chain);
	if (to[l3] >> 4 == 4) { // the library leaves 0 there
		uint16_t sum = rte_ipv4_cksum((const struct rte_ipv4_hdr *)(to + l3));
		memcpy(to + l3 + 10, &sum, 2);
	}
	if (flat)
		flat->data_len = (uint16_t)n;
	if (flat)
		flat->pkt_len = n;
	*datagram = (struct reassembly_datagram){.data = to, .length = n, .mbuf = flat};
	return true;
}

static enum reassembly_verdict absorb(struct reassembly *r, uint32_t i, const struct packet_view *v,
	const struct rte_mbuf *m, bool counted, uint64_t now_ns, struct reassembly_datagram *datagram)
{
	struct entry *e = &r->entry[i];
	struct rte_mbuf *done = NULL;
	struct piece p;

	if (!piece_of(&p, v))
		return REASSEMBLY_INVALID;
	enum reassembly_verdict verdict = judge(e, &p);
	if (verdict != REASSEMBLY_ABSORBED)
		return verdict;
	struct rte_mbuf *copy = copy_of(r, v, m, &p);
	if (!copy)
		return REASSEMBLY_LIMIT;
	if (!offer(r, copy, v, now_ns, &done)) {
		if (e->n > 0) // with it go the others
			e->state = POISONED;
		return REASSEMBLY_LIMIT;
	}
	e->range[e->n++] = p.range;
	if (done) {
		bool kept = e->signalling || e->doubled;
		// The link header is that of the first fragment.
		bool fits = flatten(r, done, done->l2_len, datagram);
		if (!fits)
			lose(r, e);
		e->signalling = false;
		e->absorbed = 0;
		e->state = DONE;
		if (!kept)
			datagram_remove(r->index, i);
		return fits ? REASSEMBLY_DONE : REASSEMBLY_LIMIT;
	}
	if (!p.more)
		e->end = p.range.end;
	e->absorbed += counted;
	return REASSEMBLY_ABSORBED;
}

static bool may_be_udp(const struct packet_layer *l)
{
	switch (l->protocol) {
	case PROTOCOL_UDP:
		return true;
	case 0: // IPv6: the first fragment goes on with further headers
	case 43:
	case 51:
	case 60:
		return l->family == 6;
	default:
		return false;
	}
}

static bool wanted(const struct reassembly *r, const struct packet_layer *l)
{
	if (!(l->flags & LAYER_PORTS) || l->protocol != PROTOCOL_UDP)
		return false;
	return (r->s.gtpu && l->dport == PORT_GTPU) ||
	       signalling_protocol_of(r->s.signalling->protocols, l->sport, l->dport) !=
		       SIGNALLING_PROTOCOLS;
}

// Without the first fragment the ends must say it: where peers are named all of theirs may be, else
// what goes through a port without tunnels. On others it is most likely users'.
static bool may_be_signalling(const struct reassembly *r, const struct packet_view *v)
{
	const struct signalling_shown *shown = r->s.signalling;
	const struct packet_layer *l = &v->layer[0];

	if (!shown->protocols || !signalling_believed(shown, v))
		return false;
	if (l->flags & LAYER_FRAGMENT_FIRST)
		return signalling_protocol_of(shown->protocols, l->sport, l->dport) !=
		       SIGNALLING_PROTOCOLS;
	return shown->n_peers > 0 || !r->s.gtpu;
}

// The datagram is there already. Where a mirror shows frames twice, this fragment begins another
// that never becomes whole; nothing is lost with it.
static bool begins_again(struct reassembly *r, uint32_t i, const struct packet_view *v)
{
	const struct entry *e = &r->entry[i];
	bool doubled = false;
	struct piece p;

	if (piece_of(&p, v))
		for (unsigned k = 0; k < e->n; k++)
			doubled |= e->range[k].first == p.range.first &&
				   e->range[k].end == p.range.end;
	datagram_remove(r->index, i);
	return doubled;
}

enum reassembly_verdict reassembly_put(struct reassembly *r, const struct packet_view *v,
	const struct rte_mbuf *m, bool counted, uint64_t now_ns, struct reassembly_datagram *datagram)
{
	const struct packet_layer *l = &v->layer[0];
	struct datagram_key key;

	reassembly_expire(r, now_ns, false);
	if (v->n_layers != 1 || v->flags & VIEW_GTPU || !may_be_udp(l))
		return REASSEMBLY_PASSED;
	datagram_key_of(&key, v);
	uint32_t i = datagram_find(r->index, &key);
	bool first = l->flags & LAYER_FRAGMENT_FIRST, doubled = false;
	if (i != DATAGRAM_NONE && r->entry[i].state == DONE) {
		doubled = begins_again(r, i, v);
		i = DATAGRAM_NONE;
	}
	if (first && !wanted(r, l))
		return on_foreign(r, &key, i, now_ns);
	if (i != DATAGRAM_NONE && r->entry[i].state == FOREIGN) {
		if (!first)
			return REASSEMBLY_PASSED;
		if (r->entry[i].n > 0) // the library still has pieces of the other
			return REASSEMBLY_INVALID;
		datagram_remove(r->index, i);
		i = DATAGRAM_NONE;
	}
	bool added = i == DATAGRAM_NONE;
	if (added)
		i = add_entry(r, &key, now_ns, COLLECTING);
	if (i == DATAGRAM_NONE) {
		r->moves.signalling += !doubled && may_be_signalling(r, v);
		return REASSEMBLY_LIMIT;
	}
	struct entry *e = &r->entry[i];
	e->doubled |= doubled;
	if (added || (first && e->state == COLLECTING && !has_first(e)))
		e->signalling = !e->doubled && may_be_signalling(r, v);
	enum reassembly_verdict verdict = absorb(r, i, v, m, counted, now_ns, datagram);
	// The only fragment of a new entry cannot have been the last that was missing.
	bool useless = added && verdict != REASSEMBLY_ABSORBED && e->state == COLLECTING;
	if (useless || e->state == POISONED)
		lose(r, e);
	if (useless)
		datagram_remove(r->index, i);
	return verdict;
}

uint32_t reassembly_waiting(const struct reassembly *r)
{
	return datagram_count(r->index);
}

struct reassembly_moves reassembly_moves(struct reassembly *r)
{
	struct reassembly_moves moves = r->moves;

	r->moves = (struct reassembly_moves){0};
	return moves;
}
