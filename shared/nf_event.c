// Encodes and decodes what poi-events and poi-dataplane send each other.

#include "shared/nf_event.h"

#include <string.h>

#include "shared/pdu.h"

#define FLAG_SNAPSHOT 1u
#define TEXT_OCTETS_MAX UINT16_MAX // of one value of a tree

static void fail(int *error, int why)
{
	if (!*error)
		*error = why;
}

static int written(const struct wire_writer *w)
{
	return w->error ? w->error : (int)wire_written(w);
}

const char *nf_reason_text(unsigned reason)
{
	switch (reason) {
	case NF_REASON_SUBJECT:
		return "unknown_subject";
	case NF_REASON_FUNCTION:
		return "other_function";
	case NF_REASON_LARGE:
		return "too_large";
	case NF_REASON_SYNTAX:
		return "syntax";
	case RECORD_MISSING:
		return "missing";
	case RECORD_MISSING_WITH:
		return "missing_with";
	case RECORD_UNKNOWN:
		return "unknown_member";
	case RECORD_RELEASE:
		return "other_release";
	case RECORD_TWICE:
		return "twice";
	case RECORD_KIND:
		return "other_kind";
	case RECORD_BOUNDS:
		return "out_of_bounds";
	case RECORD_CHOICE:
		return "choice";
	case RECORD_BESIDE:
		return "excluded";
	case RECORD_TREE:
		return "nesting";
	case RECORD_ROOM:
		return "no_room";
	default:
		return "unknown";
	}
}

uint8_t nf_records_of(unsigned record_kind)
{
	if (record_kind <= RECORD_SMF_PDU_TO_MA)
		return RECORDS_SMF;
	if (record_kind <= RECORD_AMF_CONFIGURATION_UPDATE)
		return RECORDS_AMF;
	return record_kind < RECORD_KINDS ? RECORDS_SMSF : 0;
}

// ---- hello ----

int nf_encode_hello(uint8_t *out, size_t capacity, const struct nf_hello *m)
{
	struct wire_writer w = wire_writer_of(out, capacity);

	if (m->n > CONFIG_FUNCTIONS_MAX)
		return POI_ERR_TOO_LARGE;
	wire_put_u8(&w, NF_HELLO);
	wire_put_u16(&w, m->version);
	wire_put_u32(&w, m->n);
	for (uint32_t i = 0; i < m->n; i++) {
		wire_put_text(&w, m->function[i].name);
		wire_put_u32(&w, m->function[i].uid);
		wire_put_u8(&w, m->function[i].records);
	}
	return written(&w);
}

int nf_decode_hello(const uint8_t *body, size_t length, struct nf_hello *m)
{
	struct wire_reader r = wire_reader_of(body, length);

	*m = (struct nf_hello){0};
	m->version = wire_get_u16(&r);
	// Another version may have anything behind its number.
	if (!r.error && m->version != NF_VERSION)
		return POI_ERR_VERSION;
	m->n = wire_get_u32(&r);
	if (m->n > CONFIG_FUNCTIONS_MAX)
		fail(&r.error, POI_ERR_TOO_LARGE);
	for (uint32_t i = 0; i < m->n && !r.error; i++) {
		wire_get_text(&r, m->function[i].name, sizeof(m->function[i].name));
		m->function[i].uid = wire_get_u32(&r);
		m->function[i].records = wire_get_u8(&r);
		if (!m->function[i].name[0])
			fail(&r.error, POI_ERR_INVALID);
	}
	int e = wire_finish(&r);
	if (e)
		*m = (struct nf_hello){0};
	return e;
}

// ---- states of functions ----

int nf_encode_function(uint8_t *out, size_t capacity, const struct nf_function_state *m)
{
	struct wire_writer w = wire_writer_of(out, capacity);

	wire_put_u8(&w, NF_FUNCTION);
	wire_put_u16(&w, m->function);
	wire_put_u8(&w, m->state);
	return written(&w);
}

int nf_decode_function(const uint8_t *body, size_t length, struct nf_function_state *m)
{
	struct wire_reader r = wire_reader_of(body, length);

	m->function = wire_get_u16(&r);
	m->state = wire_get_u8(&r);
	if (m->function >= CONFIG_FUNCTIONS_MAX || m->state < NF_CONNECTED ||
		m->state > NF_SNAPSHOT_END)
		fail(&r.error, POI_ERR_INVALID);
	return wire_finish(&r);
}

// ---- trees ----

static void put_octets(struct wire_writer *w, const char *octets, size_t length)
{
	if (length > TEXT_OCTETS_MAX)
		fail(&w->error, POI_ERR_TOO_LARGE);
	wire_put_u16(w, (uint16_t)length);
	wire_put_octets(w, octets, length);
}

static const char *get_octets(struct wire_reader *r, uint32_t *length)
{
	*length = wire_get_u16(r);
	const uint8_t *octets = wire_take(r, *length);

	if (!octets)
		*length = 0;
	return (const char *)octets;
}

static void put_nodes(struct wire_writer *w, const struct record_node *nodes, size_t count)
{
	if (count > UINT16_MAX)
		fail(&w->error, POI_ERR_TOO_LARGE);
	wire_put_u16(w, (uint16_t)count);
	for (size_t i = 0; i < count && !w->error; i++) {
		const struct record_node *n = &nodes[i];
		wire_put_u8(w, n->kind);
		put_octets(w, n->name, n->name_length);
		if (n->kind == NODE_TEXT)
			put_octets(w, n->text, n->length);
		else if (n->kind == NODE_NUMBER || n->kind == NODE_BOOLEAN)
			wire_put_u64(w, n->number);
		else
			wire_put_u16(w, (uint16_t)n->covers);
	}
}

static void get_node(struct wire_reader *r, struct record_node *n)
{
	uint32_t length;

	*n = (struct record_node){.covers = 1};
	n->kind = wire_get_u8(r);
	n->name = get_octets(r, &length);
	n->name_length = (uint16_t)length;
	if (length == 0)
		n->name = NULL;
	switch (n->kind) {
	case NODE_TEXT:
		n->text = get_octets(r, &n->length);
		break;
	case NODE_NUMBER:
		n->number = wire_get_u64(r);
		break;
	case NODE_BOOLEAN:
		n->number = wire_get_u64(r);
		if (n->number > 1)
			fail(&r->error, POI_ERR_INVALID);
		break;
	case NODE_OBJECT:
	case NODE_LIST:
		n->covers = wire_get_u16(r);
		break;
	default:
		fail(&r->error, POI_ERR_INVALID);
	}
}

// True if the values nest: none reaches out of the one that it is in, and the first has all.
static bool nests(const struct record_node *nodes, uint32_t count)
{
	uint32_t end[NF_DEPTH], depth = 0;

	for (uint32_t i = 0; i < count; i++) {
		while (depth > 0 && end[depth - 1] == i)
			depth--;
		uint32_t limit = depth > 0 ? end[depth - 1] : count, covers = nodes[i].covers;
		if (covers == 0 || covers > limit - i || (i > 0 && depth == 0))
			return false;
		if (nodes[i].kind != NODE_OBJECT && nodes[i].kind != NODE_LIST)
			continue;
		if (depth == NF_DEPTH)
			return false;
		end[depth++] = i + covers;
	}
	return count > 0 && nodes[0].covers == count;
}

static uint32_t get_nodes(struct wire_reader *r, struct record_node *nodes, size_t most)
{
	uint32_t count = wire_get_u16(r);

	if (count > most)
		fail(&r->error, POI_ERR_TOO_LARGE);
	for (uint32_t i = 0; i < count && !r->error; i++)
		get_node(r, &nodes[i]);
	if (!r->error && !nests(nodes, count))
		fail(&r->error, POI_ERR_INVALID);
	return r->error ? 0 : count;
}

int nf_encode_nodes(uint8_t *out, size_t capacity, const struct record_node *nodes, size_t count)
{
	struct wire_writer w = wire_writer_of(out, capacity);

	put_nodes(&w, nodes, count);
	return written(&w);
}

int nf_decode_nodes(const uint8_t *octets, size_t length, struct record_node *nodes, size_t most)
{
	struct wire_reader r = wire_reader_of(octets, length);
	uint32_t count = get_nodes(&r, nodes, most);
	int e = wire_finish(&r);

	return e ? e : (int)count;
}

// ---- events ----

static void put_address(struct wire_writer *w, const struct ip_address *a)
{
	wire_put_u8(w, a->family);
	wire_put_octets(w, a->b, a->family == 4 ? 4 : a->family == 6 ? 16 : 0);
}

static void get_address(struct wire_reader *r, struct ip_address *a, uint8_t family)
{
	*a = (struct ip_address){.family = wire_get_u8(r)};
	if (a->family != 0 && a->family != family)
		fail(&r->error, POI_ERR_INVALID);
	if (!r->error && a->family)
		wire_get_octets(r, a->b, family == 4 ? 4 : 16);
}

static void put_seid(struct wire_writer *w, const struct nf_seid *s)
{
	wire_put_u64(w, s->seid);
	put_address(w, &s->v4);
	put_address(w, &s->v6);
}

static void get_seid(struct wire_reader *r, struct nf_seid *s)
{
	s->seid = wire_get_u64(r);
	get_address(r, &s->v4, 4);
	get_address(r, &s->v6, 6);
}

int nf_encode_event(uint8_t *out, size_t capacity, const struct nf_event *m)
{
	struct wire_writer w = wire_writer_of(out, capacity);

	if (m->subject_length > NF_SUBJECT_MAX || m->n_nodes > NF_NODES_MAX)
		return POI_ERR_TOO_LARGE;
	wire_put_u8(&w, NF_EVENT);
	wire_put_u32(&w, m->number);
	wire_put_u16(&w, m->function);
	wire_put_u8(&w, m->kind);
	wire_put_u8(&w, m->direction);
	wire_put_u8(&w, m->snapshot ? FLAG_SNAPSHOT : 0);
	wire_put_u64(&w, m->time_ns);
	put_octets(&w, m->subject, m->subject_length);
	put_seid(&w, &m->cp);
	put_seid(&w, &m->up);
	put_nodes(&w, m->nodes, m->n_nodes);
	return written(&w);
}

int nf_decode_event(const uint8_t *body, size_t length, struct nf_event *m)
{
	struct wire_reader r = wire_reader_of(body, length);
	struct record_node *nodes = m->nodes;
	uint32_t subject;

	*m = (struct nf_event){.nodes = nodes};
	m->number = wire_get_u32(&r);
	m->function = wire_get_u16(&r);
	m->kind = wire_get_u8(&r);
	m->direction = wire_get_u8(&r);
	uint8_t flags = wire_get_u8(&r);
	m->snapshot = flags & FLAG_SNAPSHOT;
	m->time_ns = wire_get_u64(&r);
	m->subject = get_octets(&r, &subject);
	m->subject_length = (uint16_t)subject;
	get_seid(&r, &m->cp);
	get_seid(&r, &m->up);
	if (m->function >= CONFIG_FUNCTIONS_MAX || m->kind >= RECORD_KINDS ||
		m->direction > PDU_DIRECTION_NOT_APPLICABLE || flags > FLAG_SNAPSHOT ||
		subject > NF_SUBJECT_MAX)
		fail(&r.error, POI_ERR_INVALID);
	m->n_nodes = get_nodes(&r, nodes, NF_NODES_MAX);
	return wire_finish(&r);
}

// ---- answers ----

int nf_encode_answer(uint8_t *out, size_t capacity, const struct nf_answer *m)
{
	struct wire_writer w = wire_writer_of(out, capacity);

	wire_put_u8(&w, NF_ANSWER);
	wire_put_u32(&w, m->number);
	wire_put_u8(&w, m->result);
	wire_put_u8(&w, m->reason);
	wire_put_text(&w, m->text);
	return written(&w);
}

int nf_decode_answer(const uint8_t *body, size_t length, struct nf_answer *m)
{
	struct wire_reader r = wire_reader_of(body, length);

	m->number = wire_get_u32(&r);
	m->result = wire_get_u8(&r);
	m->reason = wire_get_u8(&r);
	wire_get_text(&r, m->text, sizeof(m->text));
	if (m->result > NF_LATER || m->reason > NF_REASON_LAST)
		fail(&r.error, POI_ERR_INVALID);
	return wire_finish(&r);
}
