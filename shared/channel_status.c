// Encodes and decodes the messages of the channel that carry figures for `poi status` and metrics.
#include "shared/channel_internal.h"
#include "shared/config.h"

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
	wire_put_u64(w, b->unsettled);
	wire_put_u64(w, b->queued);
	put_counters(w, b->lost, LOSS_COUNT);
	wire_put_u64(w, b->octets);
	wire_put_u64(w, b->cut);
}

static void get_copies(struct wire_reader *r, struct copy_balance *b)
{
	b->matched = wire_get_u64(r);
	b->offered = wire_get_u64(r);
	b->acknowledged = wire_get_u64(r);
	b->in_doubt = wire_get_u64(r);
	b->unsettled = wire_get_u64(r);
	b->queued = wire_get_u64(r);
	get_counters(r, b->lost, LOSS_COUNT);
	b->octets = wire_get_u64(r);
	b->cut = wire_get_u64(r);
}

static void put_times(struct wire_writer *w, const struct delivery_times *t)
{
	wire_put_u64(w, t->sum_ns);
	put_counters(w, t->within, DELIVERY_BOUNDS + 1);
}

static void get_times(struct wire_reader *r, struct delivery_times *t)
{
	t->sum_ns = wire_get_u64(r);
	get_counters(r, t->within, DELIVERY_BOUNDS + 1);
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

static void put_status(struct wire_writer *w, const struct channel_status *m)
{
	put_packets(w, &m->packets);
	put_copies(w, &m->copies);
	for (unsigned k = 0; k < DELIVERY_KINDS; k++)
		put_times(w, &m->times[k]);
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
		wire_put_u8(w, m->port[i].counts_losses);
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
	for (unsigned k = 0; k < DELIVERY_KINDS; k++)
		get_times(r, &m->times[k]);
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
		m->port[i].counts_losses = get_flag(r);
		m->port[i].received = wire_get_u64(r);
		m->port[i].imissed = wire_get_u64(r);
		m->port[i].nombuf = wire_get_u64(r);
		m->port[i].ierrors = wire_get_u64(r);
		m->port[i].transmitted = wire_get_u64(r);
	}
}

static void put_share(struct wire_writer *w, const struct unopened_share *s)
{
	wire_put_u64(w, s->sampled);
	wire_put_u64(w, s->unopened);
	wire_put_u64(w, s->wrapped);
	wire_put_u32(w, s->n);
	for (unsigned i = 0; i < s->n && i < UNOPENED_SHOWN; i++) {
		wire_put_u32(w, s->most[i].what);
		wire_put_u64(w, s->most[i].frames);
	}
}

static void put_workers(struct wire_writer *w, const struct channel_workers *m)
{
	if (m->workers > CHANNEL_WORKERS_MAX || m->ports > CHANNEL_PORTS_MAX ||
		m->delivery_threads > CHANNEL_DELIVERY_THREADS_MAX) {
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
	wire_put_u32(w, m->delivery_threads);
	for (unsigned i = 0; i < m->delivery_threads; i++)
		wire_put_u32(w, m->delivery_cpu[i]);
	put_chars(w, m->control_cpus, sizeof(m->control_cpus));
	wire_put_u32(w, m->ports);
	for (unsigned i = 0; i < m->ports; i++) {
		put_chars(w, m->port[i].driver, sizeof(m->port[i].driver));
		wire_put_u32(w, (uint32_t)m->port[i].node);
		wire_put_u32(w, m->port[i].queues);
		wire_put_u8(w, m->port[i].spread);
		wire_put_u8(w, m->port[i].deaf);
		wire_put_u32(w, m->port[i].descriptors);
		put_share(w, &m->port[i].share);
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

static void get_share(struct wire_reader *r, struct unopened_share *s)
{
	s->sampled = wire_get_u64(r);
	s->unopened = wire_get_u64(r);
	s->wrapped = wire_get_u64(r);
	s->n = get_number(r, UNOPENED_SHOWN);
	for (unsigned i = 0; i < s->n; i++) {
		s->most[i].what = wire_get_u32(r);
		s->most[i].frames = wire_get_u64(r);
	}
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
	m->delivery_threads = get_number(r, CHANNEL_DELIVERY_THREADS_MAX);
	for (unsigned i = 0; i < m->delivery_threads; i++)
		m->delivery_cpu[i] = wire_get_u32(r);
	wire_get_text(r, m->control_cpus, sizeof(m->control_cpus));
	m->ports = get_number(r, CHANNEL_PORTS_MAX);
	for (unsigned i = 0; i < m->ports; i++) {
		wire_get_text(r, m->port[i].driver, sizeof(m->port[i].driver));
		m->port[i].node = (int32_t)wire_get_u32(r);
		m->port[i].queues = wire_get_u32(r);
		m->port[i].spread = get_enum(r, SPREAD_NONE, SPREAD_LAST);
		m->port[i].deaf = get_enum(r, 0, 1);
		m->port[i].descriptors = wire_get_u32(r);
		get_share(r, &m->port[i].share);
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
#define SIGNALLING_NUMBERS(X)                                                                    \
	X(u64, since_ns)                                                                         \
	X(u32, sessions)                                                                         \
	X(u32, partial)                                                                          \
	X(u32, nodes)                                                                            \
	X(u64, octets)                                                                           \
	X(u64, lost) X(u32, tasks) X(u32, waiting) X(u32, unsure) X(u32, rules) X(u64, measured) \
		X(u64, p50_ns) X(u64, p99_ns) X(u64, most_ns) X(u64, holdback_held)              \
			X(u64, holdback_matched) X(u64, holdback_given_up) X(u64, holdback_full)

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

static void put_functions(struct wire_writer *w, const struct channel_functions *m)
{
	if (m->n > CONFIG_FUNCTIONS_MAX || m->n_reasons > CHANNEL_COUNTERS_MAX) {
		fail(&w->error, POI_ERR_TOO_LARGE);
		return;
	}
	wire_put_u8(w, m->connected);
	wire_put_u32(w, m->sessions);
	wire_put_u32(w, m->registrations);
	wire_put_u64(w, m->octets);
	wire_put_u64(w, m->records);
	wire_put_u64(w, m->shortened);
	wire_put_u32(w, m->n);
	for (uint32_t i = 0; i < m->n; i++) {
		put_chars(w, m->function[i].name, sizeof(m->function[i].name));
		wire_put_u8(w, m->function[i].connected);
		wire_put_u64(w, m->function[i].received);
		wire_put_u64(w, m->function[i].taken);
		wire_put_u64(w, m->function[i].refused);
		wire_put_u64(w, m->function[i].later);
	}
	wire_put_u32(w, m->n_reasons);
	for (uint32_t i = 0; i < m->n_reasons; i++) {
		put_chars(w, m->reason[i].name, sizeof(m->reason[i].name));
		wire_put_u64(w, m->reason[i].value);
	}
}

static void get_functions(struct wire_reader *r, struct channel_functions *m)
{
	m->connected = get_flag(r);
	m->sessions = wire_get_u32(r);
	m->registrations = wire_get_u32(r);
	m->octets = wire_get_u64(r);
	m->records = wire_get_u64(r);
	m->shortened = wire_get_u64(r);
	m->n = get_number(r, CONFIG_FUNCTIONS_MAX);
	for (uint32_t i = 0; i < m->n; i++) {
		wire_get_text(r, m->function[i].name, sizeof(m->function[i].name));
		m->function[i].connected = get_flag(r);
		m->function[i].received = wire_get_u64(r);
		m->function[i].taken = wire_get_u64(r);
		m->function[i].refused = wire_get_u64(r);
		m->function[i].later = wire_get_u64(r);
	}
	m->n_reasons = get_number(r, CHANNEL_COUNTERS_MAX);
	for (uint32_t i = 0; i < m->n_reasons; i++) {
		wire_get_text(r, m->reason[i].name, sizeof(m->reason[i].name));
		m->reason[i].value = wire_get_u64(r);
	}
}

static void put_destination_status(
	struct wire_writer *w, const struct channel_destination_status *m)
{
	put_id(w, &m->ne);
	put_id(w, &m->did);
	wire_put_u8(w, m->state);
	wire_put_u8(w, m->settle);
	wire_put_u8(w, m->connections);
	wire_put_u8(w, m->connected);
	put_copies(w, &m->copies);
	wire_put_u64(w, m->queued_octets);
	wire_put_u64(w, m->connects);
	wire_put_u64(w, m->down_since_ns);
	wire_put_u64(w, m->odd_acks);
	put_chars(w, m->reason, sizeof(m->reason));
	uint32_t n = m->n_ends < CHANNEL_ENDS_MAX ? m->n_ends : CHANNEL_ENDS_MAX;
	wire_put_u32(w, n);
	wire_put_u8(w, m->used);
	for (unsigned i = 0; i < n; i++) {
		put_id(w, &m->end[i].did);
		wire_put_u8(w, m->end[i].state);
		wire_put_u64(w, m->end[i].down_since_ns);
		put_chars(w, m->end[i].reason, sizeof(m->end[i].reason));
	}
}

static void get_destination_status(struct wire_reader *r, struct channel_destination_status *m)
{
	get_id(r, &m->ne);
	get_id(r, &m->did);
	m->state = get_enum(r, DESTINATION_IDLE, DESTINATION_DRAINING);
	m->settle = get_enum(r, CONFIG_SETTLE_KEEPALIVE, CONFIG_SETTLE_TCP);
	m->connections = wire_get_u8(r);
	m->connected = wire_get_u8(r);
	get_copies(r, &m->copies);
	m->queued_octets = wire_get_u64(r);
	m->connects = wire_get_u64(r);
	m->down_since_ns = wire_get_u64(r);
	m->odd_acks = wire_get_u64(r);
	wire_get_text(r, m->reason, sizeof(m->reason));
	m->n_ends = (uint8_t)get_number(r, CHANNEL_ENDS_MAX);
	m->used = get_enum(r, 0, m->n_ends);
	for (unsigned i = 0; i < m->n_ends; i++) {
		get_id(r, &m->end[i].did);
		m->end[i].state = get_enum(r, DESTINATION_IDLE, DESTINATION_DRAINING);
		m->end[i].down_since_ns = wire_get_u64(r);
		wire_get_text(r, m->end[i].reason, sizeof(m->end[i].reason));
	}
}

static void put_control_status(struct wire_writer *w, const struct channel_control_status *m)
{
	wire_put_u64(w, m->incarnation);
	wire_put_u64(w, m->uptime_ms);
	wire_put_u8(w, m->dataplane_connected);
	wire_put_u64(w, m->dataplane_silent_ms);
	wire_put_u8(w, m->recovered);
	wire_put_u32(w, m->network_elements);
	wire_put_u32(w, m->tasks);
	wire_put_u32(w, m->destinations);
	wire_put_u32(w, m->faults);
	wire_put_u32(w, m->late_admfs);
	wire_put_u64(w, m->requests);
	wire_put_u64(w, m->errors);
	wire_put_u64(w, m->refused);
}

static void get_control_status(struct wire_reader *r, struct channel_control_status *m)
{
	m->incarnation = wire_get_u64(r);
	m->uptime_ms = wire_get_u64(r);
	m->dataplane_connected = get_flag(r);
	m->dataplane_silent_ms = wire_get_u64(r);
	m->recovered = get_flag(r);
	m->network_elements = wire_get_u32(r);
	m->tasks = wire_get_u32(r);
	m->destinations = wire_get_u32(r);
	m->faults = wire_get_u32(r);
	m->late_admfs = wire_get_u32(r);
	m->requests = wire_get_u64(r);
	m->errors = wire_get_u64(r);
	m->refused = wire_get_u64(r);
}

// --- the public pairs ---

CHANNEL_PAIR(status, put_status, get_status)
CHANNEL_PAIR(task_status, put_task_status, get_task_status)
CHANNEL_PAIR(destination_status, put_destination_status, get_destination_status)
CHANNEL_PAIR(control_status, put_control_status, get_control_status)
CHANNEL_PAIR(workers, put_workers, get_workers)
CHANNEL_PAIR(signalling, put_signalling, get_signalling)
CHANNEL_PAIR(functions, put_functions, get_functions)
