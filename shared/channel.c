// Encodes and decodes the messages of the channel that provision, answer and recover.
#include "shared/channel_internal.h"

#include <assert.h>

#define ATTRIBUTE_MATCHED 17 // of TS 103 221-2

static_assert(CHANNEL_MEMO_MAX + CHANNEL_TASK_DESTINATIONS_MAX * sizeof(struct id16) +
			      FILTER_ENCODED_MAX + SESSION_TARGET_ENCODED_MAX +
			      CHANNEL_MATCHED_MAX + 160 <
		      CHANNEL_MESSAGE_MAX,
	"the largest task fits one message");

static void put_memo(struct wire_writer *w, const uint8_t *memo, uint32_t length)
{
	if (length > CHANNEL_MEMO_MAX) {
		fail(&w->error, POI_ERR_TOO_LARGE);
		return;
	}
	wire_put_u32(w, length);
	wire_put_octets(w, memo, length);
}

static void get_memo(struct wire_reader *r, const uint8_t **memo, uint32_t *length)
{
	uint32_t n = wire_get_u32(r);

	if (n > CHANNEL_MEMO_MAX)
		fail(&r->error, POI_ERR_TOO_LARGE);
	const uint8_t *p = wire_take(r, n);
	*memo = r->error || n == 0 ? NULL : p;
	*length = r->error ? 0 : n;
}

// --- hello. These three layouts are frozen: peers of different versions must be able to refuse
// each other with both numbers, so the version is not judged here. ---

static void put_hello(struct wire_writer *w, const struct channel_hello *m)
{
	wire_put_u16(w, m->version);
	wire_put_u8(w, m->role);
	wire_put_u64(w, m->incarnation);
	put_chars(w, m->software, sizeof(m->software));
}

static void get_hello(struct wire_reader *r, struct channel_hello *m)
{
	m->version = wire_get_u16(r);
	m->role = get_enum(r, CHANNEL_ROLE_CONTROL, CHANNEL_ROLE_OBSERVER);
	m->incarnation = wire_get_u64(r);
	wire_get_text(r, m->software, sizeof(m->software));
}

static void put_hello_ok(struct wire_writer *w, const struct channel_hello_ok *m)
{
	wire_put_u64(w, m->incarnation);
	wire_put_u64(w, m->peer_incarnation);
	wire_put_u64(w, m->generation);
	wire_put_u32(w, m->tasks);
	wire_put_u32(w, m->destinations);
	wire_put_u8(w, m->first_burst);
}

static void get_hello_ok(struct wire_reader *r, struct channel_hello_ok *m)
{
	m->incarnation = wire_get_u64(r);
	m->peer_incarnation = wire_get_u64(r);
	m->generation = wire_get_u64(r);
	m->tasks = wire_get_u32(r);
	m->destinations = wire_get_u32(r);
	m->first_burst = get_flag(r);
}

static void put_hello_refused(struct wire_writer *w, const struct channel_hello_refused *m)
{
	wire_put_u16(w, m->version);
	put_result(w, m->reason);
	put_chars(w, m->software, sizeof(m->software));
}

static void get_hello_refused(struct wire_reader *r, struct channel_hello_refused *m)
{
	m->version = wire_get_u16(r);
	m->reason = get_result(r);
	if (m->reason != POI_ERR_VERSION && m->reason != POI_ERR_DENIED &&
		m->reason != POI_ERR_IN_USE)
		fail(&r->error, POI_ERR_INVALID);
	wire_get_text(r, m->software, sizeof(m->software));
}

// --- network elements ---

static void put_ne(struct wire_writer *w, const struct channel_ne *m)
{
	put_id(w, &m->ne);
	put_chars(w, m->identifier, sizeof(m->identifier));
	wire_put_u64(w, m->fail_safe_ms);
	wire_put_u64(w, m->silence_ms);
	wire_put_u64(w, m->remaining_ms);
	wire_put_u8(w, m->expired);
	wire_put_u8(w, m->silent);
	wire_put_u8(w, m->payload_format);
	wire_put_u8(w, m->axri);
	put_memo(w, m->memo, m->memo_length);
}

static void get_ne(struct wire_reader *r, struct channel_ne *m)
{
	get_id(r, &m->ne);
	wire_get_text(r, m->identifier, sizeof(m->identifier));
	if (m->identifier[0] == '\0')
		fail(&r->error, POI_ERR_INVALID);
	m->fail_safe_ms = wire_get_u64(r);
	m->silence_ms = wire_get_u64(r);
	if (m->silence_ms && m->silence_ms >= m->fail_safe_ms)
		fail(&r->error, POI_ERR_INVALID);
	m->remaining_ms = wire_get_u64(r);
	m->expired = get_flag(r);
	m->silent = get_flag(r);
	m->payload_format = get_enum(r, 0, 12);
	m->axri = get_flag(r);
	get_memo(r, &m->memo, &m->memo_length);
}

static void put_heard(struct wire_writer *w, const struct channel_heard *m)
{
	put_id(w, &m->ne);
	wire_put_u64(w, m->at_ms);
}

static void get_heard(struct wire_reader *r, struct channel_heard *m)
{
	get_id(r, &m->ne);
	m->at_ms = wire_get_u64(r);
}

// --- destinations and tasks ---

// The family fixes the number of octets that follow; 0 for a host name.
static void put_address(struct wire_writer *w, const struct ip_address *a)
{
	if (a->family != 0 && a->family != 4 && a->family != 6)
		fail(&w->error, POI_ERR_INVALID);
	wire_put_u8(w, a->family);
	wire_put_octets(w, a->b, a->family == 0 ? 0 : a->family == 4 ? 4 : 16);
}

static void get_address(struct wire_reader *r, struct ip_address *a)
{
	a->family = wire_get_u8(r);
	if (a->family == 4)
		wire_get_octets(r, a->b, 4);
	else if (a->family == 6)
		wire_get_octets(r, a->b, 16);
	else if (a->family != 0)
		fail(&r->error, POI_ERR_INVALID);
}

static void put_end(struct wire_writer *w, const struct channel_end *e)
{
	put_id(w, &e->did);
	put_address(w, &e->address);
	put_chars(w, e->host, sizeof(e->host));
	wire_put_u16(w, e->port);
}

// Where to connect: exactly one of address and host, and a port.
static void check_place(
	struct wire_reader *r, const struct ip_address *address, const char *host, uint16_t port)
{
	if ((address->family != 0) == (host[0] != '\0') || port == 0)
		fail(&r->error, POI_ERR_INVALID);
}

static void get_end(struct wire_reader *r, struct channel_end *e)
{
	get_id(r, &e->did);
	get_address(r, &e->address);
	wire_get_text(r, e->host, sizeof(e->host));
	e->port = wire_get_u16(r);
	check_place(r, &e->address, e->host, e->port);
}

static void put_destination(struct wire_writer *w, const struct channel_destination *m)
{
	put_id(w, &m->ne);
	put_id(w, &m->did);
	wire_put_u8(w, m->delivery);
	put_address(w, &m->address);
	put_chars(w, m->host, sizeof(m->host));
	wire_put_u16(w, m->port);
	put_memo(w, m->memo, m->memo_length);
	wire_put_u64(w, m->creation); // older records of the sealed store end before it
	if (m->n_ends > CHANNEL_ENDS_MAX) {
		fail(&w->error, POI_ERR_TOO_LARGE);
		return;
	}
	if (m->n_ends) // or here
		wire_put_u8(w, m->n_ends);
	for (unsigned i = 0; i < m->n_ends; i++)
		put_end(w, &m->end[i]);
}

static void get_ends(struct wire_reader *r, struct channel_destination *m)
{
	m->n_ends = get_enum(r, 1, CHANNEL_ENDS_MAX);
	for (unsigned i = 0; i < m->n_ends; i++) {
		get_end(r, &m->end[i]);
		for (unsigned k = 0; k < i; k++)
			if (id_equal(&m->end[i].did, &m->end[k].did))
				fail(&r->error, POI_ERR_INVALID);
	}
}

static void get_destination(struct wire_reader *r, struct channel_destination *m)
{
	get_id(r, &m->ne);
	get_id(r, &m->did);
	m->delivery = get_enum(r, DELIVERY_X2, DELIVERY_X2 | DELIVERY_X3);
	get_address(r, &m->address);
	wire_get_text(r, m->host, sizeof(m->host));
	m->port = wire_get_u16(r);
	get_memo(r, &m->memo, &m->memo_length);
	m->creation = wire_get_u64(r);
	if (!r->error && wire_left(r) > 0) {
		get_ends(r, m);
		if (m->address.family || m->host[0] || m->port)
			fail(&r->error, POI_ERR_INVALID);
	} else {
		check_place(r, &m->address, m->host, m->port);
	}
}

enum triggers_flag { TRIGGERS_SESSION = 1, TRIGGERS_SKIP_EMPTY = 2 };

static void put_triggers(struct wire_writer *w, const struct channel_triggers *t)
{
	wire_put_u32(w, t->timer_s);
	wire_put_u64(w, t->packets);
	wire_put_u64(w, t->bytes);
	wire_put_u8(w, (uint8_t)((t->session ? TRIGGERS_SESSION : 0) |
				 (t->skip_empty ? TRIGGERS_SKIP_EMPTY : 0)));
}

static void get_triggers(struct wire_reader *r, struct channel_triggers *t)
{
	t->timer_s = wire_get_u32(r);
	t->packets = wire_get_u64(r);
	t->bytes = wire_get_u64(r);
	uint8_t flags = get_enum(r, 0, TRIGGERS_SESSION | TRIGGERS_SKIP_EMPTY);
	t->session = flags & TRIGGERS_SESSION ? 1 : 0;
	t->skip_empty = flags & TRIGGERS_SKIP_EMPTY ? 1 : 0;
}

static void put_matched(struct wire_writer *w, const uint8_t *tlvs, uint16_t length)
{
	if (length > CHANNEL_MATCHED_MAX) {
		fail(&w->error, POI_ERR_TOO_LARGE);
		return;
	}
	wire_put_u16(w, length);
	wire_put_octets(w, tlvs, length);
}

// They go into PDUs as they are: whole attributes of type 17, none empty.
static void get_matched(struct wire_reader *r, const uint8_t **tlvs, uint16_t *length)
{
	uint16_t n = wire_get_u16(r);

	if (n > CHANNEL_MATCHED_MAX)
		fail(&r->error, POI_ERR_TOO_LARGE);
	const uint8_t *p = wire_take(r, n);
	*tlvs = NULL;
	*length = 0;
	if (r->error || n == 0)
		return;
	struct wire_reader in = wire_reader_of(p, n);
	while (wire_left(&in) > 0) {
		uint16_t type = wire_get_u16(&in), size = wire_get_u16(&in);
		if (type != ATTRIBUTE_MATCHED || size == 0 || !wire_take(&in, size)) {
			fail(&r->error, POI_ERR_INVALID);
			return;
		}
	}
	*tlvs = p;
	*length = n;
}

// The octet of records follows that of the report where this bit is set, so that the encoding of a
// task without them stays as it was.
#define REPORT_AND_RECORDS 0x80u

static void put_x2(struct wire_writer *w, const struct channel_task *m)
{
	wire_put_u8(w, m->report | (m->records ? REPORT_AND_RECORDS : 0));
	if (m->records)
		wire_put_u8(w, m->records);
}

// Associations are an AMF's, and asked for in one way.
static void get_x2(struct wire_reader *r, struct channel_task *m)
{
	const uint8_t functions = RECORDS_SMF | RECORDS_AMF | RECORDS_SMSF;
	const uint8_t associations = TASK_ASSOCIATION_ALL | TASK_ASSOCIATION_ONLY;
	uint8_t octet = wire_get_u8(r);

	m->report = octet & (uint8_t)~REPORT_AND_RECORDS;
	m->records = octet & REPORT_AND_RECORDS ? wire_get_u8(r) : 0;
	if (m->report > REPORT_PDSR || (octet & REPORT_AND_RECORDS && !m->records) ||
		m->records & ~(functions | associations | TASK_TRUNCATE) ||
		(m->records & TASK_TRUNCATE && !(m->records & RECORDS_SMSF)) ||
		(m->records & associations) == associations ||
		(m->records & associations && !(m->records & RECORDS_AMF)))
		fail(&r->error, POI_ERR_INVALID);
}

static void put_task(struct wire_writer *w, const struct channel_task *m)
{
	put_id(w, &m->ne);
	put_id(w, &m->xid);
	put_id(w, &m->header_xid);
	wire_put_u64(w, m->correlation);
	wire_put_u8(w, m->delivery);
	put_x2(w, m);
	wire_put_u8(w, m->tombstone);
	if (m->n_destinations > CHANNEL_TASK_DESTINATIONS_MAX) {
		fail(&w->error, POI_ERR_TOO_LARGE);
		return;
	}
	wire_put_u8(w, m->n_destinations);
	for (unsigned i = 0; i < m->n_destinations; i++)
		put_id(w, &m->did[i]);
	put_triggers(w, &m->triggers);
	filter_encode(w, &m->filter);
	put_matched(w, m->matched, m->matched_length);
	put_memo(w, m->memo, m->memo_length);
	// Last, and only where there is one: the encoding of a task without it stays as it was.
	if (m->session.kinds || m->alternatives_length)
		session_target_encode(w, &m->session);
	if (m->alternatives_length) {
		wire_put_u16(w, m->alternatives_length);
		wire_put_octets(w, m->alternatives, m->alternatives_length);
	}
}

static void get_task(struct wire_reader *r, struct channel_task *m)
{
	get_id(r, &m->ne);
	get_id(r, &m->xid);
	get_id(r, &m->header_xid);
	m->correlation = wire_get_u64(r);
	m->delivery = get_enum(r, DELIVERY_X2, DELIVERY_X2 | DELIVERY_X3);
	get_x2(r, m);
	m->tombstone = get_flag(r);
	m->n_destinations = get_enum(r, 0, CHANNEL_TASK_DESTINATIONS_MAX);
	for (unsigned i = 0; i < m->n_destinations; i++)
		get_id(r, &m->did[i]);
	get_triggers(r, &m->triggers);
	filter_decode(r, &m->filter);
	get_matched(r, &m->matched, &m->matched_length);
	get_memo(r, &m->memo, &m->memo_length);
	if (!r->error && wire_left(r) > 0) {
		session_target_decode(r, &m->session);
		// Alternatives stand for themselves; without any there are octets too many.
		if (r->error || (!m->session.kinds && wire_left(r) == 0))
			r->error = POI_ERR_INVALID;
	}
	if (!r->error && !m->session.kinds && wire_left(r) > 0) {
		m->alternatives_length = wire_get_u16(r);
		m->alternatives = wire_take(r, m->alternatives_length);
	}
	// An empty request would select all users' packets: never taken, from no sender.
	if (!r->error && channel_task_check(m, NULL))
		r->error = POI_ERR_INVALID;
}

static void put_object(struct wire_writer *w, const struct channel_object *m)
{
	put_id(w, &m->ne);
	put_id(w, &m->id);
}

static void get_object(struct wire_reader *r, struct channel_object *m)
{
	get_id(r, &m->ne);
	get_id(r, &m->id);
}

// (the structure has the name of its only variable field)
static void put_memo_body(struct wire_writer *w, const struct channel_memo *m)
{
	put_id(w, &m->ne);
	put_id(w, &m->id);
	wire_put_u8(w, m->of);
	put_memo(w, m->memo, m->memo_length);
}

static void get_memo_body(struct wire_reader *r, struct channel_memo *m)
{
	get_id(r, &m->ne);
	get_id(r, &m->id);
	m->of = get_enum(r, MEMO_TASK, MEMO_OBJECT);
	get_memo(r, &m->memo, &m->memo_length);
}

// --- answers, the state stream, events ---

static void put_ack(struct wire_writer *w, const struct channel_ack *m)
{
	put_result(w, m->result);
	wire_put_u64(w, m->generation);
}

static void get_ack(struct wire_reader *r, struct channel_ack *m)
{
	m->result = get_result(r);
	m->generation = wire_get_u64(r);
}

static void put_complete(struct wire_writer *w, const struct channel_complete *m)
{
	wire_put_u8(w, m->complete);
}

static void get_complete(struct wire_reader *r, struct channel_complete *m)
{
	m->complete = get_flag(r);
}

static void put_state_end(struct wire_writer *w, const struct channel_state_end *m)
{
	wire_put_u32(w, m->network_elements);
	wire_put_u32(w, m->destinations);
	wire_put_u32(w, m->tasks);
	wire_put_octets(w, m->digest, sizeof(m->digest));
	wire_put_u8(w, m->complete);
}

static void get_state_end(struct wire_reader *r, struct channel_state_end *m)
{
	m->network_elements = wire_get_u32(r);
	m->destinations = wire_get_u32(r);
	m->tasks = wire_get_u32(r);
	wire_get_octets(r, m->digest, sizeof(m->digest));
	m->complete = get_flag(r);
}

static void put_event(struct wire_writer *w, const struct channel_event *m)
{
	wire_put_u8(w, m->kind);
	put_id(w, &m->ne);
	put_id(w, &m->id);
	put_id(w, &m->end);
	wire_put_u8(w, m->loss);
	wire_put_u64(w, m->copies);
	wire_put_u64(w, m->time_ns);
	put_chars(w, m->subject, sizeof(m->subject));
	put_chars(w, m->text, sizeof(m->text));
}

static void get_event(struct wire_reader *r, struct channel_event *m)
{
	m->kind = get_enum(r, EVENT_DESTINATION_DOWN, EVENT_LAST);
	get_id(r, &m->ne);
	get_id(r, &m->id);
	get_id(r, &m->end);
	m->loss = get_enum(r, 0, LOSS_COUNT - 1);
	m->copies = wire_get_u64(r);
	m->time_ns = wire_get_u64(r);
	wire_get_text(r, m->subject, sizeof(m->subject));
	wire_get_text(r, m->text, sizeof(m->text));
}

// --- the public pairs ---

CHANNEL_PAIR(hello, put_hello, get_hello)
CHANNEL_PAIR(hello_ok, put_hello_ok, get_hello_ok)
CHANNEL_PAIR(hello_refused, put_hello_refused, get_hello_refused)
CHANNEL_PAIR(ne, put_ne, get_ne)
CHANNEL_PAIR(heard, put_heard, get_heard)
CHANNEL_PAIR(destination, put_destination, get_destination)
CHANNEL_PAIR(task, put_task, get_task)
CHANNEL_PAIR(object, put_object, get_object)
CHANNEL_PAIR(memo, put_memo_body, get_memo_body)
CHANNEL_PAIR(ack, put_ack, get_ack)
CHANNEL_PAIR(state_end, put_state_end, get_state_end)
CHANNEL_PAIR(complete, put_complete, get_complete)
CHANNEL_PAIR(event, put_event, get_event)

int channel_encode_empty(uint8_t *out, size_t capacity, uint16_t id, uint32_t request)
{
	struct wire_writer w = channel_begin(out, capacity, id, request);

	return channel_end(&w);
}
