// Writes the metrics as OpenMetrics text.
#include "control/observe/metrics_text.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/version.h"

// Text of a label's value: backslash, quote and line end are escaped.
static void put_escaped(FILE *f, const char *text)
{
	for (; *text; text++) {
		if (*text == '\\' || *text == '"')
			fputc('\\', f);
		if (*text == '\n')
			fputs("\\n", f);
		else
			fputc(*text, f);
	}
}

static void family(FILE *f, const char *name, const char *type, const char *help)
{
	fprintf(f, "# TYPE %s %s\n# HELP %s %s\n", name, type, name, help);
}

// A sample whose one label is `label` (NULL: none).
static void sample(FILE *f, const char *name, const char *label, const char *value, uint64_t n)
{
	fputs(name, f);
	if (label && value) {
		fprintf(f, "{%s=\"", label);
		put_escaped(f, value);
		fputs("\"}", f);
	}
	fprintf(f, " %" PRIu64 "\n", n);
}

static void gauge(FILE *f, const char *name, const char *help, uint64_t n)
{
	family(f, name, "gauge", help);
	sample(f, name, NULL, NULL, n);
}

static void gauge_real(FILE *f, const char *name, const char *help, double v)
{
	family(f, name, "gauge", help);
	fprintf(f, "%s %.9g\n", name, v);
}

static void counter(FILE *f, const char *name, const char *help, uint64_t n)
{
	family(f, name, "counter", help);
	fprintf(f, "%s_total %" PRIu64 "\n", name, n);
}

static void put_build(FILE *f)
{
	family(f, "poi_build", "info", "The poi-control that answers.");
	fprintf(f, "poi_build_info{version=\"%s\",channel=\"%u\",x1=\"%s\"} 1\n", POI_VERSION,
		(unsigned)CHANNEL_VERSION, POI_X1_VERSION);
}

static void put_process(FILE *f, const struct metrics_picture *p)
{
	gauge_real(f, "poi_control_uptime_seconds", "Time since the start of poi-control.",
		(double)p->uptime_ms / 1000);
	gauge(f, "poi_control_recovered",
		"1 when the registry is the whole truth and X1 takes requests.", p->recovered);
	gauge(f, "poi_control_connected", "1 while poi-control controls a poi-dataplane.",
		p->connected);
	gauge(f, "poi_dataplane_up", "1 while poi-dataplane is there, however slow it answers.",
		p->seen.reached || p->connected);
	gauge(f, "poi_dataplane_observed",
		"1 when poi-dataplane answered for this scrape; without it its series are missing.",
		p->seen.reached);
	gauge_real(f, "poi_dataplane_unanswered_seconds",
		"How long poi-dataplane, which is there, owes poi-control an answer.",
		(double)p->unanswered_ms / 1000);
}

// --- X1 ---

static void put_latency_of(FILE *f, const char *changes, const struct latency *l)
{
	static const struct {
		uint64_t ns;
		const char *seconds;
	} bounds[] = {{1000000, "0.001"}, {2500000, "0.0025"}, {5000000, "0.005"},
		{10000000, "0.01"}, {20000000, "0.02"}, {50000000, "0.05"}, {100000000, "0.1"},
		{250000000, "0.25"}, {500000000, "0.5"}, {1000000000, "1.0"}, {2500000000, "2.5"},
		{5000000000, "5.0"}};
	static const char name[] = "poi_x1_exchange_seconds";

	for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++)
		fprintf(f, "%s_bucket{changes=\"%s\",le=\"%s\"} %" PRIu64 "\n", name, changes,
			bounds[i].seconds, latency_within(l, bounds[i].ns));
	fprintf(f, "%s_bucket{changes=\"%s\",le=\"+Inf\"} %" PRIu64 "\n", name, changes, l->n);
	fprintf(f, "%s_count{changes=\"%s\"} %" PRIu64 "\n", name, changes, l->n);
	fprintf(f, "%s_sum{changes=\"%s\"} %.6f\n", name, changes, (double)l->sum_ns / 1e9);
}

static void put_x1(FILE *f, const struct metrics_picture *p)
{
	const struct control_counters *n = p->x1;

	family(f, "poi_x1_messages", "counter", "X1 requests answered, by the kind of the answer.");
	sample(f, "poi_x1_messages_total", "answer", "ok", n->requests - n->errors);
	sample(f, "poi_x1_messages_total", "answer", "error", n->errors);
	counter(f, "poi_x1_top_level_errors",
		"Containers that could not be read and were answered with TopLevelErrorResponse.",
		n->top_level_errors);
	counter(f, "poi_x1_acknowledged",
		"Changes answered Acknowledged because they were not in force within TIME1.",
		n->acknowledged);
	family(f, "poi_x1_exchange_seconds", "histogram",
		"Time from a whole HTTP request to its answer; changes=yes includes being in force "
		"on every worker.");
	put_latency_of(f, "yes", &n->changes);
	put_latency_of(f, "no", &n->queries);
}

static void put_admfs(FILE *f, const struct metrics_picture *p)
{
	gauge(f, "poi_x1_admfs_late",
		"Network elements whose ADMF has sent a request once and none for longer than "
		"TIME_P1 and half of it.",
		p->late_admfs);
}

static void put_http(FILE *f, const struct listener_counters *n)
{
	const struct {
		const char *reason;
		uint64_t n;
	} refused[] = {
		{"limit", n->refused_limit},
		{"handshake_failed", n->handshake_failed},
		{"handshake_timeout", n->handshake_timeout},
		{"header_timeout", n->header_timeout},
		{"body_timeout", n->body_timeout},
		{"body_too_large", n->body_too_large},
		{"header_too_large", n->header_too_large},
		{"bad_request", n->bad_request},
		{"wrong_method", n->wrong_method},
		{"wrong_path", n->wrong_path},
		{"http2_flood", n->http2_flood},
	};

	counter(f, "poi_http_connections", "Connections that the X1 servers accepted.",
		n->accepted);
	family(f, "poi_http_refused", "counter",
		"Connections and requests refused before X1, by reason.");
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		sample(f, "poi_http_refused_total", "reason", refused[i].reason, refused[i].n);
}

static void put_faults(FILE *f, const struct metrics_picture *p)
{
#define X(kind, name) name,
	static const char *const names[] = {FAULT_NE_KINDS(X)};
#undef X

	family(f, "poi_faults", "gauge",
		"Faults that stand, summed over network elements and destinations, by kind.");
	for (size_t i = 0; i < FAULT_NE_KIND_COUNT; i++)
		sample(f, "poi_faults", "kind", names[i], p->faults[i]);
	gauge(f, "poi_reports_waiting", "Reports that no ADMF has acknowledged yet.",
		p->reports_waiting);
	counter(f, "poi_reports_dropped", "Reports given up because too many waited.",
		p->reports_dropped);
	counter(f, "poi_audit_lines_lost", "Audit lines that could not be written.", p->audit_lost);
	counter(f, "poi_audit_lines_left_out",
		"Audit lines of peers that are not the responsible ADMF, left out by their limit.",
		p->audit_left_out);
}

static void put_ends(FILE *f, const struct metrics_picture *p, const char *name, size_t offset)
{
	for (uint32_t i = 0; i < p->n_certificates; i++) {
		const struct metrics_certificate *c = &p->certificate[i];
		fprintf(f, "%s{use=\"%s\",element=\"", name, c->use);
		put_escaped(f, c->element);
		fprintf(f, "\"} %" PRId64 "\n",
			*(const int64_t *)(const void *)((const char *)c + offset));
	}
}

static void put_trust(FILE *f, const struct metrics_picture *p)
{
	static const char own[] = "poi_certificate_not_after_timestamp_seconds",
			  ca[] = "poi_ca_not_after_timestamp_seconds",
			  crl[] = "poi_crl_next_update_timestamp_seconds";

	family(f, own, "gauge",
		"End of our own certificate's validity, seconds since 1970; 0 when it cannot be "
		"read.");
	put_ends(f, p, own, offsetof(struct metrics_certificate, not_after));
	family(f, ca, "gauge",
		"End of the first certificate authority to run out, seconds since 1970; 0 when it "
		"cannot be read.");
	put_ends(f, p, ca, offsetof(struct metrics_certificate, ca_not_after));
	family(f, crl, "gauge",
		"When the first revocation list must be renewed, seconds since 1970; 0 when there "
		"is none or it cannot be read.");
	put_ends(f, p, crl, offsetof(struct metrics_certificate, crl_next_update));
}

// --- the dataplane ---

static void put_packets(FILE *f, const struct packet_balance *b)
{
	counter(f, "poi_packets_received", "Frames taken from all ports.", b->received);
	family(f, "poi_packets", "counter",
		"Frames by what became of them; their sum is poi_packets_received_total.");
	for (unsigned i = 0; i < PACKET_OUTCOME_COUNT; i++)
		fprintf(f, "poi_packets_total{outcome=\"%s\",classified=\"%s\"} %" PRIu64 "\n",
			packet_outcome_name(i), packet_outcome_classified(i) ? "yes" : "no",
			b->outcome[i]);
	family(f, "poi_packets_forwarded", "counter",
		"Frames of inline ports by what became of them.");
	for (unsigned i = 0; i < FORWARD_OUTCOME_COUNT; i++)
		sample(f, "poi_packets_forwarded_total", "outcome", forward_outcome_name(i),
			b->forward[i]);
}

static void put_times_of(FILE *f, const char *kind, const struct delivery_times *t)
{
	static const char name[] = "poi_delivery_latency_seconds";
	uint64_t n = 0;

	for (unsigned i = 0; i < DELIVERY_BOUNDS; i++) {
		n += t->within[i];
		fprintf(f, "%s_bucket{kind=\"%s\",le=\"%g\"} %" PRIu64 "\n", name, kind,
			(double)delivery_bound(i) / 1e9, n);
	}
	n += t->within[DELIVERY_BOUNDS];
	fprintf(f, "%s_bucket{kind=\"%s\",le=\"+Inf\"} %" PRIu64 "\n", name, kind, n);
	fprintf(f, "%s_count{kind=\"%s\"} %" PRIu64 "\n", name, kind, n);
	fprintf(f, "%s_sum{kind=\"%s\"} %.6f\n", name, kind, (double)t->sum_ns / 1e9);
}

static void put_times(FILE *f, const struct channel_status *s)
{
	family(f, "poi_delivery_latency_seconds", "histogram",
		"Time from the receipt of a packet to the confirmation of its PDU copy, of copies "
		"confirmed since the start of "
		"poi-dataplane.");
	put_times_of(f, "x2", &s->times[0]);
	put_times_of(f, "x3", &s->times[1]);
}

static void put_copies(FILE *f, const struct channel_status *s)
{
	const struct copy_balance *b = &s->copies;

	counter(f, "poi_matches", "Pairs of a packet and a task that asks for it.", b->matched);
	counter(f, "poi_copies_offered",
		"PDU copies owed to destinations: acknowledged, lost, queued or in doubt.",
		b->offered);
	counter(f, "poi_copies_acknowledged",
		"PDU copies that their destinations confirmed, or their TCP (settle: tcp).",
		b->acknowledged);
	family(f, "poi_copies_lost", "counter", "PDU copies lost, by reason.");
	for (unsigned i = 0; i < LOSS_COUNT; i++)
		sample(f, "poi_copies_lost_total", "reason", copy_loss_name(i), b->lost[i]);
	counter(f, "poi_copies_cut", "Copies of packets that the mirror had cut (deliver-cut).",
		b->cut);
	gauge(f, "poi_copies_queued", "PDU copies that wait for a destination.", b->queued);
	gauge(f, "poi_copies_in_doubt",
		"PDU copies sent and not confirmed: kept, or given up so with their destination.",
		b->in_doubt);
	counter(f, "poi_delivered_payload_bytes", "Payload octets of the copies acknowledged.",
		b->octets);
	put_times(f, s);
	gauge(f, "poi_ledger_balanced",
		"0 when a sum of the ledger did not hold in two looks running.", s->balanced);
}

static void put_destinations(FILE *f, const struct observation *o)
{
	family(f, "poi_destinations", "gauge", "Destinations by state.");
	for (unsigned i = 0; i < STATUS_CLIENT_STATES; i++)
		sample(f, "poi_destinations", "state", destination_state_name(i),
			o->destination[i].n);
	family(f, "poi_destinations_queued_copies", "gauge",
		"PDU copies that wait, by the state of their destination.");
	for (unsigned i = 0; i < STATUS_CLIENT_STATES; i++)
		sample(f, "poi_destinations_queued_copies", "state", destination_state_name(i),
			o->destination[i].queued);
	family(f, "poi_destinations_queued_bytes", "gauge",
		"Octets that wait, by the state of their destination.");
	for (unsigned i = 0; i < STATUS_CLIENT_STATES; i++)
		sample(f, "poi_destinations_queued_bytes", "state", destination_state_name(i),
			o->destination[i].queued_octets);
	family(f, "poi_destinations_settle", "gauge",
		"Destinations by what makes a copy a confirmed one: a keepalive acknowledged "
		"behind "
		"it, or TCP.");
	for (int i = CONFIG_SETTLE_KEEPALIVE; i <= CONFIG_SETTLE_TCP; i++)
		sample(f, "poi_destinations_settle", "settle", config_settle_name(i), o->settle[i]);
	family(f, "poi_destinations_connections", "gauge",
		"Connections that destinations should have now, by whether they are up.");
	sample(f, "poi_destinations_connections", "up", "yes", o->connected);
	sample(f, "poi_destinations_connections", "up", "no",
		o->connections > o->connected ? o->connections - o->connected : 0);
	family(f, "poi_destinations_ends", "gauge",
		"Members of redundant destination sets by state; idle: not tried yet.");
	for (unsigned i = 0; i < STATUS_CLIENT_STATES; i++)
		sample(f, "poi_destinations_ends", "state", destination_state_name(i), o->ends[i]);
	gauge(f, "poi_destinations_odd_acknowledgements",
		"Acknowledgements of keepalives that were not sent, or acknowledged before.",
		o->odd_acks);
}

enum worker_field { RECEIVED, CLASSIFIED, HITS, NOT_SENT, LOOPS, BUSY_LOOPS };

static uint64_t worker_value(const struct channel_workers *w, uint32_t i, enum worker_field field)
{
	switch (field) {
	case RECEIVED:
		return w->worker[i].received;
	case CLASSIFIED:
		return w->worker[i].classified;
	case HITS:
		return w->worker[i].hits;
	case NOT_SENT:
		return w->worker[i].not_sent;
	case LOOPS:
		return w->worker[i].loops;
	case BUSY_LOOPS:
		return w->worker[i].busy_loops;
	}
	return 0;
}

static void put_workers(FILE *f, const struct channel_workers *w)
{
	static const struct {
		enum worker_field field;
		const char *name, *help;
	} rows[] = {
		{RECEIVED, "poi_worker_packets", "Frames that the worker took from its queues."},
		{CLASSIFIED, "poi_worker_packets_classified",
			"Frames that the worker parsed and matched."},
		{HITS, "poi_worker_matches", "Pairs of a packet and a task that the worker found."},
		{NOT_SENT, "poi_worker_packets_not_sent",
			"Frames of inline ports that the peer port did not take."},
		{LOOPS, "poi_worker_loops", "Rounds over the worker's queues."},
		{BUSY_LOOPS, "poi_worker_loops_with_packets",
			"Rounds in which a queue had packets."},
	};

	for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		family(f, rows[r].name, "counter", rows[r].help);
		for (uint32_t i = 0; i < w->workers; i++)
			fprintf(f, "%s_total{worker=\"%u\",cpu=\"%u\"} %" PRIu64 "\n", rows[r].name,
				i, w->worker[i].cpu, worker_value(w, i, rows[r].field));
	}
	family(f, "poi_worker_busy_seconds", "counter",
		"Time with packets in hand; its rate is the busy share of the worker.");
	for (uint32_t i = 0; i < w->workers; i++)
		fprintf(f, "poi_worker_busy_seconds_total{worker=\"%u\",cpu=\"%u\"} %.6f\n", i,
			w->worker[i].cpu, (double)w->worker[i].busy_ns / 1e9);
}

enum port_field { LINK, PORT_RECEIVED, PORT_SENT, MISSED, NOMBUF, BROKEN };

static uint64_t port_value(const struct channel_status *s, uint32_t i, enum port_field field)
{
	switch (field) {
	case LINK:
		return s->port[i].link_up;
	case PORT_RECEIVED:
		return s->port[i].received;
	case PORT_SENT:
		return s->port[i].transmitted;
	case MISSED:
		return s->port[i].imissed;
	case NOMBUF:
		return s->port[i].nombuf;
	case BROKEN:
		return s->port[i].ierrors;
	}
	return 0;
}

static uint64_t share_value(const struct unopened_share *s, size_t field)
{
	return field == 0 ? s->sampled : field == 1 ? s->unopened : s->wrapped;
}

static void put_unopened(FILE *f, const struct observation *o)
{
	static const struct {
		const char *name, *help;
	} rows[] = {
		{"poi_port_sampled_packets",
			"Frames looked at again for what the port does not open."},
		{"poi_port_unopened_packets", "Sampled frames with a layer that was not opened."},
		{"poi_port_wrapped_packets",
			"Unopened frames that hide the packets of a link: all but ESP."},
	};
	char what[UNOPENED_TEXT];

	for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		char name[64];
		family(f, rows[r].name, "counter", rows[r].help);
		snprintf(name, sizeof(name), "%s_total", rows[r].name);
		for (uint32_t i = 0; i < o->workers.ports; i++)
			sample(f, name, "port", o->status.port[i].name,
				share_value(&o->workers.port[i].share, r));
	}
	bool named = false; // a family has samples
	for (uint32_t i = 0; i < o->workers.ports; i++) {
		const struct unopened_share *s = &o->workers.port[i].share;
		for (uint32_t k = 0; k < s->n; k++) {
			if (!named)
				family(f, "poi_port_unopened_kind", "gauge",
					"Frames of the sample by the commonest kinds that were "
					"not opened.");
			named = true;
			unopened_text(s->most[k].what, what);
			fputs("poi_port_unopened_kind{port=\"", f);
			put_escaped(f, o->status.port[i].name);
			fprintf(f, "\",kind=\"%s\"} %" PRIu64 "\n", what, s->most[k].frames);
		}
	}
}

static void put_ports(FILE *f, const struct observation *o)
{
	static const struct {
		enum port_field field;
		const char *name, *type, *suffix, *help;
	} rows[] = {
		{LINK, "poi_port_link_up", "gauge", "", "1 while the port's link is up."},
		{PORT_RECEIVED, "poi_port_received_packets", "counter", "_total",
			"Frames that the port received, by its own counter."},
		{PORT_SENT, "poi_port_transmitted_packets", "counter", "_total",
			"Frames that the port sent, by its own counter."},
		{MISSED, "poi_port_missed_packets", "counter", "_total",
			"Frames lost because the worker did not fetch them in time."},
		{NOMBUF, "poi_port_no_buffer_packets", "counter", "_total",
			"Frames lost for want of a packet buffer."},
		{BROKEN, "poi_port_receive_errors", "counter", "_total",
			"Frames that the NIC dropped as broken or too long."},
	};

	family(f, "poi_port", "info", "How a port is driven and spread over the workers.");
	for (uint32_t i = 0; i < o->status.ports; i++) {
		fputs("poi_port_info{port=\"", f);
		put_escaped(f, o->status.port[i].name);
		fprintf(f, "\",driver=\"%s\",node=\"%d\",queues=\"%u\",spread=\"%s\"} 1\n",
			o->workers.port[i].driver, o->workers.port[i].node,
			o->workers.port[i].queues, port_spread_name(o->workers.port[i].spread));
	}
	for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		char name[64];
		family(f, rows[r].name, rows[r].type, rows[r].help);
		snprintf(name, sizeof(name), "%s%s", rows[r].name, rows[r].suffix);
		for (uint32_t i = 0; i < o->status.ports; i++)
			sample(f, name, "port", o->status.port[i].name,
				port_value(&o->status, i, rows[r].field));
	}
}

// True for counters that would reveal tasks: how many follow sessions, when one is bound, and which
// records of a start of interception were not made.
static bool of_tasks(const char *name)
{
	return !strcmp(name, "binds") || !strcmp(name, "unbinds") || !strcmp(name, "ambiguous") ||
	       !strncmp(name, "start_", 6);
}

static void put_signalling(FILE *f, const struct channel_signalling *s)
{
	gauge(f, "poi_signalling_sessions", "Sessions known from the signalling.", s->sessions);
	gauge(f, "poi_signalling_partial_sessions", "Sessions whose establishment was not seen.",
		s->partial);
	gauge(f, "poi_signalling_nodes", "Nodes known from the signalling.", s->nodes);
	gauge(f, "poi_signalling_memory_bytes", "Memory that sessions and nodes take.", s->octets);
	counter(f, "poi_signalling_lost", "Signalling lost on its way from the workers.", s->lost);
	family(f, "poi_signalling_messages", "counter",
		"Messages of signalling by protocol and decoding result.");
	for (uint32_t i = 0; i < s->n; i++) {
		const char *name = s->counter[i].name, *dot = strchr(name, '.');
		if (dot)
			fprintf(f,
				"poi_signalling_messages_total{protocol=\"%.*s\",result=\"%s\"} "
				"%" PRIu64 "\n",
				(int)(dot - name), name, dot + 1, s->counter[i].value);
	}
	family(f, "poi_signalling_events", "counter", "Events decoded from signalling, by kind.");
	for (uint32_t i = 0; i < s->n; i++) {
		const char *name = s->counter[i].name;
		if (!strchr(name, '.') && !of_tasks(name))
			sample(f, "poi_signalling_events_total", "event", name,
				s->counter[i].value);
	}
}

// Writes nothing that depends on tasks but one sum over all, like that of lost copies.
static void put_functions(FILE *f, const struct channel_functions *n)
{
	static const struct {
		const char *name, *help;
	} rows[] = {
		{"poi_events_taken", "Events taken, by network function."},
		{"poi_events_refused", "Events refused, by network function."},
		{"poi_events_later", "Events put off: the function keeps them."},
	};

	gauge(f, "poi_events_connected", "1 while poi-events is connected.", n->connected);
	gauge(f, "poi_events_sessions", "Sessions known from events.", n->sessions);
	gauge(f, "poi_events_registrations", "Registrations known from events.", n->registrations);
	gauge(f, "poi_events_memory_bytes", "Memory of what is known from events.", n->octets);
	counter(f, "poi_events_shortened", "PDUs shortened to their max-pdu.", n->shortened);
	family(f, "poi_events_function_connected", "gauge", "1 while the function is connected.");
	for (uint32_t i = 0; i < n->n; i++)
		sample(f, "poi_events_function_connected", "function", n->function[i].name,
			n->function[i].connected);
	for (unsigned r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		char total[48];
		family(f, rows[r].name, "counter", rows[r].help);
		snprintf(total, sizeof(total), "%s_total", rows[r].name);
		for (uint32_t i = 0; i < n->n; i++) {
			const uint64_t counts[] = {
				n->function[i].taken, n->function[i].refused, n->function[i].later};
			sample(f, total, "function", n->function[i].name, counts[r]);
		}
	}
	family(f, "poi_events_refusals", "counter", "Events refused, by reason.");
	for (uint32_t i = 0; i < n->n_reasons; i++)
		if (!of_tasks(n->reason[i].name))
			sample(f, "poi_events_refusals_total", "reason", n->reason[i].name,
				n->reason[i].value);
}

// Writes the offset of the clock that dates PDUs, as its kernel reports it.
static void put_clock(FILE *f, const struct channel_status *s)
{
	if (!s->clock_known)
		return;
	gauge(f, "poi_clock_synchronised", "1 when the kernel holds its clock for synchronised.",
		s->clock_synchronised);
	gauge_real(f, "poi_clock_offset_seconds", "The clock's offset as the kernel reports it.",
		(double)s->clock_offset_ns / 1e9);
	gauge_real(f, "poi_clock_error_seconds", "The kernel's bound of the clock's error.",
		(double)s->clock_error_ns / 1e9);
}

static void put_dataplane(FILE *f, const struct observation *o)
{
	gauge_real(f, "poi_dataplane_uptime_seconds", "Time since the start of poi-dataplane.",
		(double)o->status.uptime_ms / 1000);
	put_clock(f, &o->status);
	put_packets(f, &o->status.packets);
	put_copies(f, &o->status);
	put_destinations(f, o);
	put_workers(f, &o->workers);
	put_ports(f, o);
	put_unopened(f, o);
	gauge(f, "poi_signalling_followed",
		"1 when a port shows signalling; only then are there series of it.",
		o->signalling.followed);
	if (o->signalling.followed)
		put_signalling(f, &o->signalling);
	if (o->functions.n)
		put_functions(f, &o->functions);
}

char *metrics_text(const struct metrics_picture *p, size_t *length)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, length);

	if (!f)
		return NULL;
	put_build(f);
	put_process(f, p);
	put_x1(f, p);
	put_admfs(f, p);
	if (p->http)
		put_http(f, p->http);
	put_faults(f, p);
	put_trust(f, p);
	if (p->seen.reached)
		put_dataplane(f, &p->seen);
	fputs("# EOF\n", f);
	bool failed = ferror(f) != 0;
	if (fclose(f) || failed) {
		free(text);
		return NULL;
	}
	return text;
}
