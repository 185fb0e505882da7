// Bindings of the session store after signalling, for comparison with a model. In, one a line:
//   watch N DIRECTION HEX     a task's session target in its canonical octets
//   take TIME PROTOCOL SOURCE PORT DESTINATION PORT HEX
//   user TIME ADDRESS TEID SOURCE PORT DESTINATION PORT PROTOCOL QFI
// ADDRESS is the tunnel's destination ("-": none, the packet is plain); QFI -1: no container. Out,
// for each user: the watches that its bindings give it to, in brackets.

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/session/session.h"
#include "shared/pdu.h"

#define BINDINGS_MAX 4096

static struct {
	uint64_t subscription;
	struct binding b;
} bound[BINDINGS_MAX];
static unsigned n_bound;

static int on_bind(void *context, uint64_t subscription, const struct binding *b)
{
	(void)context;
	if (n_bound == BINDINGS_MAX)
		return POI_ERR_NOMEM;
	bound[n_bound].subscription = subscription;
	bound[n_bound].b = *b;
	pdr_select_hold(b->select);
	n_bound++;
	return 0;
}

static void on_unbind(void *context, uint64_t subscription, uint64_t binding)
{
	(void)context;
	for (unsigned i = 0; i < n_bound; i++) {
		if (bound[i].subscription == subscription && bound[i].b.id == binding) {
			pdr_select_drop(bound[i].b.select);
			bound[i] = bound[--n_bound];
			return;
		}
	}
	abort(); // nothing is unbound that was not bound
}

static void on_state(void *context, uint64_t subscription, const struct subscription_state *state)
{
	(void)context;
	(void)subscription;
	(void)state;
}

static uint32_t unhex(const char *text, uint8_t *out)
{
	uint32_t n = 0;
	unsigned v;

	for (; sscanf(text, "%2x", &v) == 1; text += 2)
		out[n++] = (uint8_t)v;
	return n;
}

static void subscription(struct sessions *s, const char *line)
{
	static uint8_t octets[4096];
	static char hex[8192];
	unsigned long long number;
	unsigned direction;
	struct session_target t;

	if (sscanf(line, "watch %llu %u %8190s", &number, &direction, hex) != 3)
		abort();
	struct wire_reader r = wire_reader_of(octets, unhex(hex, octets));
	session_target_decode(&r, &t);
	if (wire_finish(&r) || sessions_subscribe(s, number, &t, (uint8_t)direction))
		abort();
	while (sessions_walk(s, 64))
		;
}

static void take(struct sessions *s, const char *line)
{
	static uint8_t octets[70000];
	static char hex[140000], protocol[16], from[64], to[64];
	struct signalling_packet p = {.octets = octets};
	unsigned long long now;

	if (sscanf(line, "take %llu %15s %63s %hu %63s %hu %139998s", &now, protocol, from,
		    &p.source.port, to, &p.destination.port, hex) != 7)
		abort();
	if (ip_address_parse(from, &p.source.address) ||
		ip_address_parse(to, &p.destination.address))
		abort();
	p.time_ns = now;
	p.length = unhex(hex, octets);
	p.protocol = !strcmp(protocol, "pfcp")	   ? SIGNALLING_PFCP
		     : !strcmp(protocol, "gtpv2c") ? SIGNALLING_GTPV2C
						   : SIGNALLING_RADIUS;
	sessions_tick(s, now);
	sessions_take(s, &p);
}

struct facts {
	struct ip_address outer, source, destination; // outer: family 0 on a plain packet
	uint32_t teid;
	struct packet_view view;
	uint8_t octets[64];
};

// The view that the parser would give of the user's packet, as layer 1 (layer 0 carries it).
static void fill_view(struct facts *f, unsigned protocol, int qfi)
{
	struct packet_layer *l = &f->view.layer[1];
	bool four = f->source.family == 4;

	f->view.data = f->octets;
	f->view.n_layers = 2;
	l->family = f->source.family;
	l->source = four ? 12 : 8;
	l->address_length = four ? 4 : 16;
	l->protocol = (uint8_t)protocol;
	l->flags = protocol == 6 || protocol == 17 ? LAYER_PORTS : 0;
	memcpy(f->octets + l->source, f->source.b, l->address_length);
	memcpy(f->octets + l->source + l->address_length, f->destination.b, l->address_length);
	if (f->outer.family)
		f->view.flags |= VIEW_GTPU;
	if (qfi >= 0) {
		f->view.flags |= VIEW_PDU_SESSION;
		f->view.qfi = (uint8_t)qfi;
	}
}

static bool holds(const struct binding *b, const struct facts *f)
{
	if (b->kind == BINDING_TUNNEL) {
		if (!f->outer.family || f->teid != b->teid ||
			!ip_prefix_covers(&b->prefix, f->outer.family, f->outer.b))
			return false;
	} else {
		bool from = ip_prefix_covers(&b->prefix, f->source.family, f->source.b);
		bool to = ip_prefix_covers(&b->prefix, f->source.family, f->destination.b);
		if (f->outer.family || !((from && b->direction != PDU_DIRECTION_TO_TARGET) ||
					       (to && b->direction != PDU_DIRECTION_FROM_TARGET)))
			return false;
	}
	const struct packet_nested g = {
		.flags = f->view.flags & VIEW_PDU_SESSION, .qfi = f->view.qfi};
	return !b->select || pdr_select_wants(b->select, &f->view, &g, 1);
}

static void user(struct sessions *s, const char *line)
{
	char outer[64], from[64], to[64];
	unsigned long long now;
	struct facts f = {};
	unsigned protocol;
	int qfi;

	if (sscanf(line, "user %llu %63s %u %63s %hu %63s %hu %u %d", &now, outer, &f.teid, from,
		    &f.view.layer[1].sport, to, &f.view.layer[1].dport, &protocol, &qfi) != 9)
		abort();
	if ((outer[0] != '-' && ip_address_parse(outer, &f.outer)) ||
		ip_address_parse(from, &f.source) || ip_address_parse(to, &f.destination))
		abort();
	fill_view(&f, protocol, qfi);
	sessions_tick(s, now);
	const char *comma = "";
	putchar('[');
	for (unsigned i = 0; i < n_bound; i++) {
		if (!holds(&bound[i].b, &f))
			continue;
		printf("%s%llu", comma, (unsigned long long)bound[i].subscription);
		comma = ", ";
	}
	puts("]");
}

int main(void)
{
	const struct sessions_settings settings = {SESSIONS_DEFAULTS,
		.seed = {0x9e3779b97f4a7c15, 0xd6e8feb86659fd93},
		.sink = {.bind = on_bind, .unbind = on_unbind, .state = on_state}};
	struct sessions *s = sessions_new(&settings);
	static char line[150000];

	if (!s)
		return 1;
	while (fgets(line, sizeof(line), stdin)) {
		if (!strncmp(line, "watch ", 6))
			subscription(s, line);
		else if (!strncmp(line, "take ", 5))
			take(s, line);
		else
			user(s, line);
	}
	while (n_bound)
		pdr_select_drop(bound[--n_bound].b.select);
	sessions_free(s);
	return 0;
}
