// Puts the fragments of tunnels and of signalling together.

#include "dataplane/worker/reassembly.h"

#include <stdlib.h>
#include <string.h>
#include <rte_mbuf.h>

#include "dataplane/worker/datagram.h"
#include "dataplane/worker/reassembly_whole.h"
#include "dataplane/signalling/signalling_tap.h"
#include "shared/wire.h"

#define PORT_GTPU 2152
#define PROTOCOL_UDP 17
#define NEXT_ROUTING 43
#define NEXT_FRAGMENT 44
#define NEXT_AUTHENTICATION 51
#define ROOM_TRIES 8	      // datagrams that give way for one packet buffer
#define COMPARED 256	      // bytes of two fragments at a time
#define LARGE (65535u + 256u) // the longest datagram and its link header

enum state { COLLECTING, POISONED, FOREIGN, DONE };

struct range {
	uint32_t first, end;
};

// One fragment: where its content lies, by its own words, and a copy of its frame.
struct piece {
	struct rte_mbuf *copy;
	struct range range;
	uint16_t l3;	   // octets before the IP header
	uint16_t header;   // octets of the IP header, with everything up to the content
	uint16_t fragment; // IPv6: offset of the fragment header from the IP header
	bool more;
	bool routed; // IPv6: behind a routing header, so the destination is another in the end
};

struct entry { // beside that of the index
	uint32_t absorbed; // fragments to be moved when the datagram is given up
	uint32_t end;	   // octets of the whole content; 0: the last fragment has not come
	uint8_t state;
	uint8_t n;
	bool signalling; // may be, and is lost with it
	bool tunnel;	 // its first fragment is a tunnel's
	bool doubled;	 // the one before it came whole, and this may be its fragments once more
	struct piece piece[REASSEMBLY_PIECES]; // POISONED: the first fragment alone
};

struct reassembly {
	struct reassembly_settings s;
	struct datagram_index *index;
	struct entry *entry;
	struct reassembly_moves moves;
	uint8_t *large;
};

// A fragment on its way in.
struct arrival {
	const struct packet_view *v;
	const struct rte_mbuf *m;
	struct datagram_key key;
	struct piece piece;
	bool counted;
	bool doubled;
	uint64_t now_ns;
};

struct reassembly *reassembly_new(const struct reassembly_settings *s)
{
	struct reassembly *r = calloc(1, sizeof(*r));

	if (!r || s->datagrams < 4 || s->datagrams > REASSEMBLY_DATAGRAMS_MAX)
		goto fail;
	r->s = *s;
	r->index = datagram_index_new(s->datagrams, s->timeout_ns, s->seed);
	r->entry = calloc(s->datagrams, sizeof(*r->entry));
	r->large = malloc(LARGE);
	if (!r->index || !r->entry || !r->large)
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
	if (r->index)
		reassembly_expire(r, 0, true);
	datagram_index_free(r->index);
	free(r->entry);
	free(r->large);
	free(r);
}

static bool find_fragment_header(const struct packet_view *v, struct piece *p)
{
	const uint8_t *ip = v->data + p->l3;
	uint32_t at = 40;
	uint8_t next = ip[6];

	while (next != NEXT_FRAGMENT) {
		if (p->l3 + at + 8 > v->length)
			return false;
		const uint8_t *h = ip + at;
		p->routed |= next == NEXT_ROUTING;
		at += next == NEXT_AUTHENTICATION ? (h[1] + 2u) * 4u : (h[1] + 1u) * 8u;
		next = h[0];
	}
	p->fragment = (uint16_t)at;
	return p->l3 + at + 8 <= v->length;
}

static bool piece_of(struct piece *p, const struct packet_view *v)
{
	const struct packet_layer *l = &v->layer[0];
	const uint8_t *ip = v->data + l->l3;

	if (l->flags & LAYER_CUT || (uint32_t)l->l3 + l->length > v->total)
		return false;
	*p = (struct piece){.l3 = l->l3};
	if (l->family == 4) {
		uint16_t word = wire_load16(ip + 6);
		p->header = (uint16_t)((ip[0] & 15) * 4);
		p->range.first = (word & 0x1fff) * 8u;
		p->more = word & 0x2000;
	} else {
		if (!find_fragment_header(v, p))
			return false;
		uint16_t word = wire_load16(ip + p->fragment + 2);
		p->header = (uint16_t)(p->fragment + 8);
		p->range.first = word & 0xfff8;
		p->more = word & 1;
	}
	if (l->length <= p->header)
		return false;
	uint32_t size = l->length - (uint32_t)p->header;
	p->range.end = p->range.first + size;
	return p->range.end + p->header <= 65535 && (!p->more || size % 8 == 0);
}

// Counts the datagram as lost to its users, once.
static void lose(struct reassembly *r, struct entry *e)
{
	r->moves.signalling += e->signalling;
	r->moves.tunnels += e->tunnel && !e->doubled;
	e->signalling = false;
	e->tunnel = false;
}

static void drop_pieces(struct entry *e)
{
	while (e->n > 0)
		rte_pktmbuf_free(e->piece[--e->n].copy);
}

static void give_up(struct reassembly *r, uint32_t i, uint64_t *moved)
{
	struct entry *e = &r->entry[i];

	*moved += e->absorbed;
	lose(r, e);
	drop_pieces(e);
	datagram_remove(r->index, i);
}

void reassembly_expire(struct reassembly *r, uint64_t now_ns, bool all)
{
	uint32_t i;

	while ((i = all ? datagram_oldest(r->index) : datagram_expired(r->index, now_ns)) !=
		DATAGRAM_NONE)
		give_up(r, i, &r->moves.expired);
}

static const struct piece *first_piece(const struct entry *e)
{
	for (unsigned k = 0; k < e->n; k++)
		if (e->piece[k].range.first == 0)
			return &e->piece[k];
	return NULL;
}

// Gives a datagram up for lack of room.
static void give_way(struct reassembly *r, uint32_t i)
{
	struct entry *e = &r->entry[i];

	// Without its first fragment it may have been a tunnel's.
	if (e->state == COLLECTING && r->s.gtpu && !first_piece(e))
		e->tunnel = true;
	give_up(r, i, &r->moves.limit);
}

static uint32_t add_entry(struct reassembly *r, const struct arrival *a, enum state state)
{
	uint32_t victim = datagram_victim(r->index, &a->key);

	if (victim != DATAGRAM_NONE)
		give_way(r, victim);
	uint32_t i = datagram_add(r->index, &a->key, a->now_ns);
	r->entry[i] = (struct entry){.state = (uint8_t)state};
	return i;
}

// The pieces that are there are another datagram's: they are given up.
static void begin_anew(struct reassembly *r, uint32_t i, const struct arrival *a)
{
	struct entry *e = &r->entry[i];

	r->moves.mixed += e->absorbed;
	lose(r, e);
	drop_pieces(e);
	datagram_touch(r->index, i, a->now_ns);
	*e = (struct entry){.state = COLLECTING};
}

// Only the first fragment stays, to recognize it again.
static void poison(struct reassembly *r, struct entry *e)
{
	const struct piece *first = first_piece(e);
	struct piece kept = first ? *first : (struct piece){0};

	for (unsigned k = 0; k < e->n; k++)
		if (e->piece[k].copy != kept.copy)
			rte_pktmbuf_free(e->piece[k].copy);
	e->n = first ? 1 : 0;
	e->piece[0] = kept;
	e->state = POISONED;
	lose(r, e);
}

// A first fragment of neither kind.
static enum reassembly_verdict on_foreign(struct reassembly *r, const struct arrival *a, uint32_t i)
{
	if (i == DATAGRAM_NONE) {
		(void)add_entry(r, a, FOREIGN);
		return REASSEMBLY_PASSED;
	}
	struct entry *e = &r->entry[i];
	if (first_piece(e)) { // of another datagram than what is there
		begin_anew(r, i, a);
	} else if (e->state == POISONED) {
		return REASSEMBLY_INVALID;
	}
	e->signalling = false;
	r->moves.passed += e->absorbed;
	e->absorbed = 0;
	drop_pieces(e);
	e->state = FOREIGN;
	return REASSEMBLY_PASSED;
}

static bool same_content(const struct piece *have, const struct arrival *a)
{
	const struct piece *p = &a->piece;
	uint32_t size = p->range.end - p->range.first;
	uint8_t one[COMPARED], two[COMPARED];

	if (have->range.first != p->range.first || have->range.end != p->range.end ||
		have->more != p->more)
		return false;
	for (uint32_t at = 0; at < size; at += COMPARED) {
		uint32_t n = size - at < COMPARED ? size - at : COMPARED;
		const void *x = rte_pktmbuf_read(
			have->copy, (uint32_t)have->l3 + have->header + at, n, one);
		const void *y =
			rte_pktmbuf_read(a->m, (uint32_t)p->l3 + p->header + at, n, two);
		if (!x || !y || memcmp(x, y, n) != 0)
			return false;
	}
	return true;
}

enum fit { FIT_NEW, FIT_AGAIN, FIT_OTHER, FIT_CONTRADICTS, FIT_TOO_MANY };

// How a fragment goes with those that are there.
static enum fit fit_of(const struct entry *e, const struct arrival *a)
{
	const struct piece *p = &a->piece;
	const struct piece *first = p->range.first == 0 ? first_piece(e) : NULL;

	if (first)
		return same_content(first, a) ? FIT_AGAIN : FIT_OTHER;
	bool bad = e->end && (p->range.end > e->end || !p->more);
	for (unsigned k = 0; k < e->n; k++) {
		const struct range *have = &e->piece[k].range;
		if (same_content(&e->piece[k], a))
			return FIT_AGAIN;
		bad |= (p->range.first < have->end && have->first < p->range.end) ||
		       (!p->more && have->end > p->range.end);
	}
	return bad ? FIT_CONTRADICTS : e->n == REASSEMBLY_PIECES ? FIT_TOO_MANY : FIT_NEW;
}

// NULL when the pool is empty and nothing that gave way filled it.
static struct rte_mbuf *copy_of(struct reassembly *r, uint32_t i, const struct arrival *a)
{
	uint32_t length = (uint32_t)a->piece.l3 + a->v->layer[0].length;
	struct rte_mbuf *copy = rte_pktmbuf_copy(a->m, r->s.pieces, 0, length);

	for (unsigned n = 0; !copy && n < ROOM_TRIES; n++) {
		uint32_t victim = datagram_heaviest(r->index);
		if (victim == i)
			victim = datagram_oldest(r->index);
		if (victim == i)
			break;
		give_way(r, victim);
		copy = rte_pktmbuf_copy(a->m, r->s.pieces, 0, length);
	}
	return copy;
}

static bool is_whole(const struct entry *e)
{
	uint32_t n = 0;

	for (unsigned k = 0; k < e->n; k++) // none overlaps
		n += e->piece[k].range.end - e->piece[k].range.first;
	return e->end > 0 && n == e->end;
}

static void read_at(const struct rte_mbuf *m, uint32_t at, uint32_t n, uint8_t *to)
{
	const void *from = rte_pktmbuf_read(m, at, n, to);

	if (from && from != to)
		memcpy(to, from, n);
}

// Joins the pieces to one contiguous frame: lengths of the first fragment's MPLS, PPPoE and VLAN
// headers are not those of the whole, so nothing of them stays.
static bool join(struct reassembly *r, const struct entry *e, struct reassembly_datagram *datagram)
{
	const struct piece *first = first_piece(e);
	bool v6 = first->fragment > 0;
	uint32_t header = v6 ? 40 : first->header, n = REASSEMBLY_L3 + header + e->end;

	if (header + e->end > (v6 ? 65535u + 40u : 65535u))
		return false;
	struct rte_mbuf *flat =
		n <= REASSEMBLY_DATAGRAM_ROOM ? rte_pktmbuf_alloc(r->s.datagram_pool) : NULL;
	uint8_t *to = flat ? rte_pktmbuf_mtod(flat, uint8_t *) : r->large;
	uint8_t *ip = to + REASSEMBLY_L3;
	uint8_t fragment_header[8] = {0};
	read_at(first->copy, 0, 12, to);
	wire_store16(to + 12, v6 ? 0x86dd : 0x0800);
	read_at(first->copy, first->l3, header, ip);
	for (unsigned k = 0; k < e->n; k++) {
		const struct piece *p = &e->piece[k];
		read_at(p->copy, (uint32_t)p->l3 + p->header, p->range.end - p->range.first,
			ip + header + p->range.first);
	}
	if (v6)
		read_at(first->copy, (uint32_t)first->l3 + first->fragment, 8, fragment_header);
	reassembly_finish_header(ip, e->end, fragment_header[0]);
	if (flat)
		flat->data_len = (uint16_t)n;
	if (flat)
		flat->pkt_len = n;
	*datagram = (struct reassembly_datagram){.data = to, .length = n, .mbuf = flat};
	return true;
}

static enum reassembly_verdict finish(
	struct reassembly *r, uint32_t i, struct reassembly_datagram *datagram)
{
	struct entry *e = &r->entry[i];
	bool kept = e->signalling || e->doubled;
	bool routed = first_piece(e)->routed;
	bool fits = join(r, e, datagram);

	if (!fits || !reassembly_agrees(datagram->data, datagram->length, r->s.gtpu, routed)) {
		if (fits)
			rte_pktmbuf_free(datagram->mbuf);
		*datagram = (struct reassembly_datagram){0};
		give_up(r, i, &r->moves.mixed);
		return REASSEMBLY_MIXED;
	}
	e->signalling = false;
	e->tunnel = false;
	e->absorbed = 0;
	e->state = DONE;
	for (unsigned k = 0; k < e->n; k++) { // the ranges stay
		rte_pktmbuf_free(e->piece[k].copy);
		e->piece[k].copy = NULL;
	}
	if (!kept)
		datagram_remove(r->index, i);
	return REASSEMBLY_DONE;
}

static bool may_be_udp(const struct packet_layer *l)
{
	switch (l->protocol) {
	case PROTOCOL_UDP:
	case NEXT_AUTHENTICATION: // the first fragment goes on with further headers
		return true;
	case 0:
	case 43:
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

// Without the first fragment the ends decide: where peers are named all of theirs may be, else all
// of a port without tunnels. On others it is most likely users'.
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
static bool comes_again(struct reassembly *r, uint32_t i, const struct piece *p)
{
	const struct entry *e = &r->entry[i];
	bool doubled = false;

	for (unsigned k = 0; k < e->n; k++)
		doubled |= e->piece[k].range.first == p->range.first &&
			   e->piece[k].range.end == p->range.end;
	return doubled;
}

// Looks for the datagram that the fragment may be of; removes what it cannot be of.
static uint32_t find(struct reassembly *r, struct arrival *a, bool first)
{
	uint32_t i = datagram_find(r->index, &a->key);

	if (i == DATAGRAM_NONE)
		return i;
	struct entry *e = &r->entry[i];
	if (e->state == DONE) {
		a->doubled = comes_again(r, i, &a->piece);
		e->n = 0;
	} else if (e->state != FOREIGN || !first) {
		return i;
	}
	datagram_remove(r->index, i);
	return DATAGRAM_NONE;
}

static enum reassembly_verdict absorb(struct reassembly *r, uint32_t i, const struct arrival *a,
	struct reassembly_datagram *datagram)
{
	struct entry *e = &r->entry[i];
	const struct packet_layer *l = &a->v->layer[0];
	bool first = a->piece.range.first == 0;

	switch (fit_of(e, a)) {
	case FIT_AGAIN:
		return REASSEMBLY_INVALID;
	case FIT_OTHER:
		begin_anew(r, i, a);
		break;
	case FIT_CONTRADICTS:
		poison(r, e);
		return REASSEMBLY_INVALID;
	case FIT_TOO_MANY:
		poison(r, e);
		return REASSEMBLY_LIMIT;
	case FIT_NEW:
		if (e->state == POISONED)
			return REASSEMBLY_INVALID;
		break;
	}
	if (e->n == 0 || first)
		e->signalling = !e->doubled && may_be_signalling(r, a->v);
	e->tunnel |= first && r->s.gtpu && l->dport == PORT_GTPU;
	struct piece *p = &e->piece[e->n];
	*p = a->piece;
	p->copy = copy_of(r, i, a);
	if (!p->copy)
		return REASSEMBLY_LIMIT;
	e->n++;
	if (!p->more)
		e->end = p->range.end;
	if (is_whole(e))
		return finish(r, i, datagram);
	e->absorbed += a->counted;
	return REASSEMBLY_ABSORBED;
}

enum reassembly_verdict reassembly_put(struct reassembly *r, const struct packet_view *v,
	const struct rte_mbuf *m, bool counted, uint64_t now_ns, struct reassembly_datagram *datagram)
{
	const struct packet_layer *l = &v->layer[0];
	struct arrival a = {.v = v, .m = m, .counted = counted, .now_ns = now_ns};

	reassembly_expire(r, now_ns, false);
	if (v->n_layers != 1 || v->flags & VIEW_GTPU || !may_be_udp(l))
		return REASSEMBLY_PASSED;
	datagram_key_of(&a.key, v);
	bool usable = piece_of(&a.piece, v);
	bool first = l->flags & LAYER_FRAGMENT_FIRST;
	bool foreign = first && !wanted(r, l);
	uint32_t i = find(r, &a, first && !foreign);
	if (foreign)
		return on_foreign(r, &a, i);
	if (i != DATAGRAM_NONE && r->entry[i].state == FOREIGN)
		return REASSEMBLY_PASSED;
	if (!usable) {
		r->moves.signalling +=
			i == DATAGRAM_NONE && !a.doubled && may_be_signalling(r, v);
		return REASSEMBLY_INVALID;
	}
	bool added = i == DATAGRAM_NONE;
	if (added) {
		i = add_entry(r, &a, COLLECTING);
		r->entry[i].doubled = a.doubled;
	}
	enum reassembly_verdict verdict = absorb(r, i, &a, datagram);
	if (added && verdict != REASSEMBLY_ABSORBED) // the only fragment of a new datagram
		give_way(r, i);
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
