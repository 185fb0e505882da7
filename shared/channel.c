#include "shared/channel.h"

#include <assert.h>

#include "shared/wire.h"

#define ATTRIBUTE_MATCHED 17 // of TS 103 221-2

static_assert(CHANNEL_MEMO_MAX + CHANNEL_TASK_DESTINATIONS_MAX * sizeof(struct id16) +
			      FILTER_ENCODED_MAX + SESSION_TARGET_ENCODED_MAX +
			      CHANNEL_MATCHED_MAX + 160 <
		      CHANNEL_MESSAGE_MAX,
	"the largest task fits one message");

// --- values that several bodies share ---

static void fail(int *sticky, int error)
{
	if (!*sticky)
		*sticky = error;
}

static void put_id(struct wire_writer *w, const struct id16 *id)
{
	wire_put_octets(w, id->b, sizeof(id->b));
}

static void get_id(struct wire_reader *r, struct id16 *id)
{
	wire_get_octets(r, id->b, sizeof(id->b));
}

// A value of an enumeration or a flag: anything outside low..high is refused.
static uint8_t get_enum(struct wire_reader *r, uint8_t low, uint8_t high)
{
	uint8_t v = wire_get_u8(r);

	if (!r->error && (v < low || v > high))
		r->error = POI_ERR_INVALID;
	return r->error ? low : v;
}

static uint8_t get_flag(struct wire_reader *r)
{
	return get_enum(r, 0, 1);
}

// A fixed array with its terminator inside; an unterminated one is the caller's fault and refused.
static void put_chars(struct wire_writer *w, const char *text, size_t capacity)
{
	if (memchr(text, '\0', capacity))
		wire_put_text(w, text);
	else
		fail(&w->error, POI_ERR_INVALID);
}

static void put_result(struct wire_writer *w, int32_t result)
{
	wire_put_u32(w, (uint32_t)result);
}

// 0 or an enum poi_error.
static int32_t get_result(struct wire_reader *r)
{
	int32_t v = (int32_t)wire_get_u32(r);

	if (v > 0 || v < POI_ERR_SYNTAX)
		fail(&r->error, POI_ERR_INVALID);
	return r->error ? 0 : v;
}

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

static void put_counters(struct wire_writer *w, const uint64_t *counter, uint8_t n)
{
	wire_put_u8(w, n);
	for (unsigned i = 0; i < n; i++)
		wire_put_u64(w, counter[i]);
}

// The number of counters is carried, so that two builds with different ledgers cannot misread.
static void get_counters(struct wire_reader *r, uint64_t *counter, uint8_t n)
{
	get_enum(r, n, n);
	for (unsigned i = 0; i < n; i++)
		counter[i] = wire_get_u64(r);
}

static void put_copies(struct wire_writer *w, const struct copy_balance *b)
{
	wire_put_u64(w, b->matched);
	wire_put_u64(w, b->offered);
	wire_put_u64(w, b->acknowledged);
	wire_put_u64(w, b->in_doubt);
	wire_put_u64(w, b->queued);
	put_counters(w, b->lost, LOSS_COUNT);
	wire_put_u64(w, b->octets);
}

static void get_copies(struct wire_reader *r, struct copy_balance *b)
{
	b->matched = wire_get_u64(r);
	b->offered = wire_get_u64(r);
	b->acknowledged = wire_get_u64(r);
	b->in_doubt = wire_get_u64(r);
	b->queued = wire_get_u64(r);
	get_counters(r, b->lost, LOSS_COUNT);
	b->octets = wire_get_u64(r);
}

static void put_packets(struct wire_writer *w, const struct packet_balance *b)
{
	wire_put_u64(w, b->received);
	put_counters(w, b->outcome, PACKET_OUTCOME_COUNT);
	put_counters(w, b->forward, FORWARD_OUTCOME_COUNT);
	wire_put_u64(w, b->imissed);
	wire_put_u64(w, b->nombuf);
	wire_put_u64(w, b->ierrors);
}

static void get_packets(struct wire_reader *r, struct packet_balance *b)
{
	b->received = wire_get_u64(r);
	get_counters(r, b->outcome, PACKET_OUTCOME_COUNT);
	get_counters(r, b->forward, FORWARD_OUTCOME_COUNT);
	b->imissed = wire_get_u64(r);
	b->nombuf = wire_get_u64(r);
	b->ierrors = wire_get_u64(r);
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
	wire_put_u64(w, m->remaining_ms);
	wire_put_u8(w, m->expired);
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
	m->remaining_ms = wire_get_u64(r);
	m->expired = get_flag(r);
	m->payload_format = get_enum(r, 0, 12);
	m->axri = get_flag(r);
	get_memo(r, &m->memo, &m->memo_length);
}

static void put_heard(struct wire_writer *w, const struct channel_heard *m)
{
	put_id(w, &m->ne);
}

static void get_heard(struct wire_reader *r, struct channel_heard *m)
{
	get_id(r, &m->ne);
}

// --- destinations and tasks ---

// The family says how many octets follow; 0 for a host name.
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

static void put_destination(struct wire_writer *w, const struct channel_destination *m)
{
	put_id(w, &m->ne);
	put_id(w, &m->did);
	wire_put_u8(w, m->delivery);
	put_address(w, &m->address);
	put_chars(w, m->host, sizeof(m->host));
	wire_put_u16(w, m->port);
	put_memo(w, m->memo, m->memo_length);
}

static void get_destination(struct wire_reader *r, struct channel_destination *m)
{
	get_id(r, &m->ne);
	get_id(r, &m->did);
	m->delivery = get_enum(r, DELIVERY_X2, DELIVERY_X2 | DELIVERY_X3);
	get_address(r, &m->address);
	wire_get_text(r, m->host, sizeof(m->host));
	if ((m->address.family != 0) == (m->host[0] != '\0'))
		fail(&r->error, POI_ERR_INVALID); // exactly one of the two
	m->port = wire_get_u16(r);
	if (m->port == 0)
		fail(&r->error, POI_ERR_INVALID);
	get_memo(r, &m->memo, &m->memo_length);
}

static void put_triggers(struct wire_writer *w, const struct channel_triggers *t)
{
	wire_put_u32(w, t->timer_s);
	wire_put_u64(w, t->packets);
	wire_put_u64(w, t->bytes);
	wire_put_u8(w, t->session);
}

static void get_triggers(struct wire_reader *r, struct channel_triggers *t)
{
	t->timer_s = wire_get_u32(r);
	t->packets = wire_get_u64(r);
	t->bytes = wire_get_u64(r);
	t->session = get_flag(r);
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

static void put_task(struct wire_writer *w, const struct channel_task *m)
{
	put_id(w, &m->ne);
	put_id(w, &m->xid);
	put_id(w, &m->header_xid);
	wire_put_u64(w, m->correlation);
	wire_put_u8(w, m->delivery);
	wire_put_u8(w, m->report);
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
	// Last, and only where there is one: what a task without it says stays as it was.
	if (m->session.kinds)
		session_target_encode(w, &m->session);
}

static void get_task(struct wire_reader *r, struct channel_task *m)
{
	get_id(r, &m->ne);
	get_id(r, &m->xid);
	get_id(r, &m->header_xid);
	m->correlation = wire_get_u64(r);
	m->delivery = get_enum(r, DELIVERY_X2, DELIVERY_X2 | DELIVERY_X3);
	m->report = get_enum(r, REPORT_NONE, REPORT_PDSR);
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
		if (r->error || !m->session.kinds)
			r->error = POI_ERR_INVALID; // trailing octets
	}
	// Nothing asked for would select everybody's packets: never taken, whoever sends it.
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
	m->of = get_enum(r, MEMO_TASK, MEMO_NE);
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

static void put_whole(struct wire_writer *w, const struct channel_whole *m)
{
	wire_put_u8(w, m->whole);
}

static void get_whole(struct wire_reader *r, struct channel_whole *m)
{
	m->whole = get_flag(r);
}

static void put_state_end(struct wire_writer *w, const struct channel_state_end *m)
{
	wire_put_u32(w, m->network_elements);
	wire_put_u32(w, m->destinations);
	wire_put_u32(w, m->tasks);
	wire_put_octets(w, m->digest, sizeof(m->digest));
	wire_put_u8(w, m->whole);
}

static void get_state_end(struct wire_reader *r, struct channel_state_end *m)
{
	m->network_elements = wire_get_u32(r);
	m->destinations = wire_get_u32(r);
	m->tasks = wire_get_u32(r);
	wire_get_octets(r, m->digest, sizeof(m->digest));
	m->whole = get_flag(r);
}

static void put_event(struct wire_writer *w, const struct channel_event *m)
{
	wire_put_u8(w, m->kind);
	put_id(w, &m->ne);
	put_id(w, &m->id);
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
	m->loss = get_enum(r, 0, LOSS_COUNT - 1);
	m->copies = wire_get_u64(r);
	m->time_ns = wire_get_u64(r);
	wire_get_text(r, m->subject, sizeof(m->subject));
	wire_get_text(r, m->text, sizeof(m->text));
}

// --- status ---

static void put_status(struct wire_writer *w, const struct channel_status *m)
{
	put_packets(w, &m->packets);
	put_copies(w, &m->copies);
	wire_put_u8(w, m->balanced);
	wire_put_u8(w, m->control_connected);
	wire_put_u8(w, m->clock_known);
	wire_put_u8(w, m->clock_synchronised);
	wire_put_u64(w, (uint64_t)m->clock_offset_ns);
	wire_put_u64(w, m->clock_error_ns);
	wire_put_u64(w, m->incarnation);
	wire_put_u64(w, m->generation);
	wire_put_u64(w, m->uptime_ms);
	wire_put_u32(w, m->tasks);
	wire_put_u32(w, m->destinations);
	wire_put_u32(w, m->workers);
	wire_put_u32(w, m->ports);
	if (m->ports > CHANNEL_PORTS_MAX) {
		fail(&w->error, POI_ERR_TOO_LARGE);
		return;
	}
	for (unsigned i = 0; i < m->ports; i++) {
		put_chars(w, m->port[i].name, sizeof(m->port[i].name));
		wire_put_u8(w, m->port[i].link_up);
		wire_put_u64(w, m->port[i].received);
		wire_put_u64(w, m->port[i].imissed);
		wire_put_u64(w, m->port[i].nombuf);
		wire_put_u64(w, m->port[i].ierrors);
		wire_put_u64(w, m->port[i].transmitted);
	}
}

static void get_status(struct wire_reader *r, struct channel_status *m)
{
	get_packets(r, &m->packets);
	get_copies(r, &m->copies);
	m->balanced = get_flag(r);
	m->control_connected = get_flag(r);
	m->clock_known = get_flag(r);
	m->clock_synchronised = get_flag(r);
	m->clock_offset_ns = (int64_t)wire_get_u64(r);
	m->clock_error_ns = wire_get_u64(r);
	m->incarnation = wire_get_u64(r);
	m->generation = wire_get_u64(r);
	m->uptime_ms = wire_get_u64(r);
	m->tasks = wire_get_u32(r);
	m->destinations = wire_get_u32(r);
	m->workers = wire_get_u32(r);
	m->ports = wire_get_u32(r);
	if (m->ports > CHANNEL_PORTS_MAX) {
		fail(&r->error, POI_ERR_TOO_LARGE);
		m->ports = 0;
	}
	for (unsigned i = 0; i < m->ports; i++) {
		wire_get_text(r, m->port[i].name, sizeof(m->port[i].name));
		m->port[i].link_up = get_flag(r);
		m->port[i].received = wire_get_u64(r);
		m->port[i].imissed = wire_get_u64(r);
		m->port[i].nombuf = wire_get_u64(r);
		m->port[i].ierrors = wire_get_u64(r);
		m->port[i].transmitted = wire_get_u64(r);
	}
}

static void put_workers(struct wire_writer *w, const struct channel_workers *m)
{
	if (m->workers > CHANNEL_WORKERS_MAX || m->ports > CHANNEL_PORTS_MAX) {
		fail(&w->error, POI_ERR_TOO_LARGE);
		return;
	}
	wire_put_u32(w, m->workers);
	for (unsigned i = 0; i < m->workers; i++) {
		wire_put_u32(w, m->worker[i].cpu);
		wire_put_u32(w, m->worker[i].node);
		wire_put_u32(w, m->worker[i].queues);
		wire_put_u64(w, m->worker[i].received);
		wire_put_u64(w, m->worker[i].classified);
		wire_put_u64(w, m->worker[i].hits);
		wire_put_u64(w, m->worker[i].not_sent);
		wire_put_u64(w, m->worker[i].loops);
		wire_put_u64(w, m->worker[i].busy_loops);
		wire_put_u64(w, m->worker[i].busy_ns);
		wire_put_u64(w, m->worker[i].running_ns);
	}
	wire_put_u32(w, m->ports);
	for (unsigned i = 0; i < m->ports; i++) {
		put_chars(w, m->port[i].driver, sizeof(m->port[i].driver));
		wire_put_u32(w, (uint32_t)m->port[i].node);
		wire_put_u32(w, m->port[i].queues);
		wire_put_u8(w, m->port[i].spread);
	}
}

// A number of elements: 0 after a failure.
static uint32_t get_number(struct wire_reader *r, uint32_t most)
{
	uint32_t n = wire_get_u32(r);

	if (n > most)
		fail(&r->error, POI_ERR_TOO_LARGE);
	return r->error ? 0 : n;
}

static void get_workers(struct wire_reader *r, struct channel_workers *m)
{
	m->workers = get_number(r, CHANNEL_WORKERS_MAX);
	for (unsigned i = 0; i < m->workers; i++) {
		m->worker[i].cpu = wire_get_u32(r);
		m->worker[i].node = wire_get_u32(r);
		m->worker[i].queues = wire_get_u32(r);
		m->worker[i].received = wire_get_u64(r);
		m->worker[i].classified = wire_get_u64(r);
		m->worker[i].hits = wire_get_u64(r);
		m->worker[i].not_sent = wire_get_u64(r);
		m->worker[i].loops = wire_get_u64(r);
		m->worker[i].busy_loops = wire_get_u64(r);
		m->worker[i].busy_ns = wire_get_u64(r);
		m->worker[i].running_ns = wire_get_u64(r);
	}
	m->ports = get_number(r, CHANNEL_PORTS_MAX);
	for (unsigned i = 0; i < m->ports; i++) {
		wire_get_text(r, m->port[i].driver, sizeof(m->port[i].driver));
		m->port[i].node = (int32_t)wire_get_u32(r);
		m->port[i].queues = wire_get_u32(r);
		m->port[i].spread = get_enum(r, SPREAD_NONE, SPREAD_LAST);
	}
}

static void put_task_status(struct wire_writer *w, const struct channel_task_status *m)
{
	put_id(w, &m->ne);
	put_id(w, &m->xid);
	put_result(w, m->result);
	put_copies(w, &m->copies);
	wire_put_u64(w, m->x2_octets);
	wire_put_u64(w, m->x3_octets);
	wire_put_u64(w, m->last_intercept_ns);
	wire_put_u8(w, m->follows);
	wire_put_u32(w, m->sessions);
}

static void get_task_status(struct wire_reader *r, struct channel_task_status *m)
{
	get_id(r, &m->ne);
	get_id(r, &m->xid);
	m->result = get_result(r);
	get_copies(r, &m->copies);
	m->x2_octets = wire_get_u64(r);
	m->x3_octets = wire_get_u64(r);
	m->last_intercept_ns = wire_get_u64(r);
	m->follows = get_flag(r);
	m->sessions = wire_get_u32(r);
}

// The numbers without a loop of their own, in their order.
#define SIGNALLING_NUMBERS(X)                                                                     \
	X(u64, since_ns) X(u32, sessions) X(u32, partial) X(u32, nodes) X(u64, octets)            \
	X(u64, lost) X(u32, tasks) X(u32, waiting) X(u32, unsure) X(u32, rules) X(u64, measured)  \
	X(u64, p50_ns) X(u64, p99_ns) X(u64, most_ns) X(u64, early_held) X(u64, early_matched)    \
	X(u64, early) X(u64, early_full)

static void put_signalling(struct wire_writer *w, const struct channel_signalling *m)
{
	if (m->n > CHANNEL_COUNTERS_MAX) {
		fail(&w->error, POI_ERR_TOO_LARGE);
		return;
	}
	wire_put_u8(w, m->followed);
#define X(type, name) wire_put_##type(w, m->name);
	SIGNALLING_NUMBERS(X)
#undef X
	wire_put_u32(w, m->n);
	for (uint32_t i = 0; i < m->n; i++) {
		put_chars(w, m->counter[i].name, sizeof(m->counter[i].name));
		wire_put_u64(w, m->counter[i].value);
	}
}

static void get_signalling(struct wire_reader *r, struct channel_signalling *m)
{
	m->followed = get_flag(r);
#define X(type, name) m->name = wire_get_##type(r);
	SIGNALLING_NUMBERS(X)
#undef X
	m->n = get_number(r, CHANNEL_COUNTERS_MAX);
	for (uint32_t i = 0; i < m->n; i++) {
		wire_get_text(r, m->counter[i].name, sizeof(m->counter[i].name));
		m->counter[i].value = wire_get_u64(r);
	}
}

static void put_destination_status(
	struct wire_writer *w, const struct channel_destination_status *m)
{
	put_id(w, &m->ne);
	put_id(w, &m->did);
	wire_put_u8(w, m->state);
	put_copies(w, &m->copies);
	wire_put_u64(w, m->queued_octets);
	wire_put_u64(w, m->connects);
	wire_put_u64(w, m->down_since_ns);
	put_chars(w, m->reason, sizeof(m->reason));
}

static void get_destination_status(struct wire_reader *r, struct channel_destination_status *m)
{
	get_id(r, &m->ne);
	get_id(r, &m->did);
	m->state = get_enum(r, DESTINATION_IDLE, DESTINATION_DRAINING);
	get_copies(r, &m->copies);
	m->queued_octets = wire_get_u64(r);
	m->connects = wire_get_u64(r);
	m->down_since_ns = wire_get_u64(r);
	wire_get_text(r, m->reason, sizeof(m->reason));
}

static void put_control_status(struct wire_writer *w, const struct channel_control_status *m)
{
	wire_put_u64(w, m->incarnation);
	wire_put_u64(w, m->uptime_ms);
	wire_put_u8(w, m->dataplane_connected);
	wire_put_u8(w, m->recovered);
	wire_put_u32(w, m->network_elements);
	wire_put_u32(w, m->tasks);
	wire_put_u32(w, m->destinations);
	wire_put_u32(w, m->faults);
	wire_put_u64(w, m->requests);
	wire_put_u64(w, m->errors);
	wire_put_u64(w, m->refused);
}

static void get_control_status(struct wire_reader *r, struct channel_control_status *m)
{
	m->incarnation = wire_get_u64(r);
	m->uptime_ms = wire_get_u64(r);
	m->dataplane_connected = get_flag(r);
	m->recovered = get_flag(r);
	m->network_elements = wire_get_u32(r);
	m->tasks = wire_get_u32(r);
	m->destinations = wire_get_u32(r);
	m->faults = wire_get_u32(r);
	m->requests = wire_get_u64(r);
	m->errors = wire_get_u64(r);
	m->refused = wire_get_u64(r);
}

// --- the public pairs ---

static struct wire_writer begin(uint8_t *out, size_t capacity, uint16_t id, uint32_t request)
{
	struct wire_writer w = wire_writer_of(
		out, capacity < CHANNEL_MESSAGE_MAX ? capacity : CHANNEL_MESSAGE_MAX);

	wire_put_u16(&w, id);
	wire_put_u16(&w, 0);
	wire_put_u32(&w, request);
	return w;
}

static int end(const struct wire_writer *w)
{
	return w->error ? w->error : (int)wire_written(w);
}

// A decoded struct is zero wherever the message says nothing, and wholly so after a failure.
#define PAIR(name, put, get)                                                                    \
	int channel_encode_##name(uint8_t *out, size_t capacity, uint16_t id, uint32_t request, \
		const struct channel_##name *m)                                                 \
	{                                                                                       \
		struct wire_writer w = begin(out, capacity, id, request);                       \
		put(&w, m);                                                                     \
		return end(&w);                                                                 \
	}                                                                                       \
                                                                                                \
	int channel_decode_##name(const uint8_t *body, size_t length, struct channel_##name *m) \
	{                                                                                       \
		struct wire_reader r = wire_reader_of(body, length);                            \
		memset(m, 0, sizeof(*m));                                                       \
		get(&r, m);                                                                     \
		int rc = wire_finish(&r);                                                       \
		if (rc)                                                                         \
			memset(m, 0, sizeof(*m));                                               \
		return rc;                                                                      \
	}

PAIR(hello, put_hello, get_hello)
PAIR(hello_ok, put_hello_ok, get_hello_ok)
PAIR(hello_refused, put_hello_refused, get_hello_refused)
PAIR(ne, put_ne, get_ne)
PAIR(heard, put_heard, get_heard)
PAIR(destination, put_destination, get_destination)
PAIR(task, put_task, get_task)
PAIR(object, put_object, get_object)
PAIR(memo, put_memo_body, get_memo_body)
PAIR(ack, put_ack, get_ack)
PAIR(state_end, put_state_end, get_state_end)
PAIR(whole, put_whole, get_whole)
PAIR(event, put_event, get_event)
PAIR(status, put_status, get_status)
PAIR(task_status, put_task_status, get_task_status)
PAIR(destination_status, put_destination_status, get_destination_status)
PAIR(control_status, put_control_status, get_control_status)
PAIR(workers, put_workers, get_workers)
PAIR(signalling, put_signalling, get_signalling)

int channel_encode_empty(uint8_t *out, size_t capacity, uint16_t id, uint32_t request)
{
	struct wire_writer w = begin(out, capacity, id, request);

	return end(&w);
}
