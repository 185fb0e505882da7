// `poi status`: an observer of both processes. Counts, states and identifiers only: the channel has
// no target values for observers, so none can be printed.
#include "control/cli.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "control/json.h"
#include "shared/channel.h"
#include "shared/version.h"

#define ANSWER_MS 5000

struct peer {
	int fd;
	uint32_t request;
	int64_t deadline_ms;
	uint8_t in[CHANNEL_MESSAGE_MAX];
};

struct picture {
	bool dataplane, control;
	struct channel_status status;
	struct channel_control_status control_status;
	uint32_t n_destinations;
	struct channel_destination_status *destinations;
};

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int receive(struct peer *p, struct channel_header *h, const uint8_t **body, size_t *length)
{
	for (;;) {
		int64_t n = channel_receive(p->fd, p->in, sizeof(p->in));
		if (n > 0) {
			int rc = channel_split(p->in, (size_t)n, h, body, length);
			if (!rc && h->id == CHANNEL_EVENT) // none of ours
				continue;
			return rc;
		}
		if (n != POI_ERR_AGAIN)
			return n ? (int)n : POI_ERR_CLOSED;
		struct pollfd wait = {.fd = p->fd, .events = POLLIN};
		int64_t left = p->deadline_ms - now_ms();
		if (left <= 0 || poll(&wait, 1, (int)left) <= 0)
			return POI_ERR_AGAIN;
	}
}

static int greet(struct peer *p)
{
	struct channel_hello hello = {
		.version = CHANNEL_VERSION, .role = CHANNEL_ROLE_OBSERVER, .software = POI_VERSION};
	struct channel_hello_refused refused;
	struct channel_header h;
	const uint8_t *body;
	size_t length;
	uint8_t out[256];

	if (getrandom(&hello.incarnation, sizeof(hello.incarnation), 0) < 0)
		return POI_ERR_IO;
	int n = channel_encode_hello(out, sizeof(out), CHANNEL_HELLO, ++p->request, &hello);
	if (n < 0)
		return n;
	int rc = channel_send(p->fd, out, (size_t)n);
	if (!rc)
		rc = receive(p, &h, &body, &length);
	if (rc)
		return rc;
	if (h.id == CHANNEL_HELLO_REFUSED &&
		!channel_decode_hello_refused(body, length, &refused)) {
		fprintf(stderr, "poi: refused: %s (it is version %s, channel %u; this is %s, %u)\n",
			poi_error_text(refused.reason), refused.software, refused.version,
			POI_VERSION, (unsigned)CHANNEL_VERSION);
		return refused.reason ? refused.reason : POI_ERR_DENIED;
	}
	return h.id == CHANNEL_HELLO_OK ? 0 : POI_ERR_SYNTAX;
}

// Connects and greets. The object is freed with close_peer.
static struct peer *open_peer(const struct config *c, const char *name)
{
	struct peer *p = calloc(1, sizeof(*p));
	char path[4096];

	if (!p)
		return NULL;
	snprintf(path, sizeof(path), "%s/%s", c->runtime_dir, name);
	p->deadline_ms = now_ms() + ANSWER_MS;
	p->fd = channel_connect(path);
	int rc = p->fd < 0 ? p->fd : greet(p);
	if (rc) {
		fprintf(stderr, "poi: %s: %s\n", path, poi_error_text(rc));
		if (p->fd >= 0)
			close(p->fd);
		free(p);
		return NULL;
	}
	return p;
}

static void close_peer(struct peer *p)
{
	if (!p)
		return;
	close(p->fd);
	free(p);
}

static int ask(struct peer *p, uint16_t id)
{
	uint8_t out[16];
	int n = channel_encode_empty(out, sizeof(out), id, ++p->request);

	return n < 0 ? n : channel_send(p->fd, out, (size_t)n);
}

static int get_destinations(struct peer *p, struct picture *out)
{
	struct channel_header h;
	const uint8_t *body;
	size_t length;
	uint32_t capacity = 0;
	int rc = ask(p, CHANNEL_DESTINATION_STATUS_GET);

	while (!rc) {
		rc = receive(p, &h, &body, &length);
		if (rc || h.id == CHANNEL_STATE_END)
			return rc;
		if (h.id != CHANNEL_DESTINATION_STATUS)
			return POI_ERR_SYNTAX;
		if (out->n_destinations == capacity) {
			capacity = capacity ? capacity * 2 : 16;
			void *more = reallocarray(
				out->destinations, capacity, sizeof(*out->destinations));
			if (!more)
				return POI_ERR_NOMEM;
			out->destinations = more;
		}
		rc = channel_decode_destination_status(
			body, length, &out->destinations[out->n_destinations]);
		if (!rc)
			out->n_destinations++;
	}
	return rc;
}

static int get_dataplane(const struct config *c, struct picture *out)
{
	struct peer *p = open_peer(c, "dataplane.sock");
	struct channel_header h = {0};
	const uint8_t *body;
	size_t length;

	if (!p)
		return POI_ERR_CLOSED;
	int rc = ask(p, CHANNEL_STATUS_GET);
	if (!rc)
		rc = receive(p, &h, &body, &length);
	if (!rc)
		rc = h.id == CHANNEL_STATUS ? channel_decode_status(body, length, &out->status)
					    : POI_ERR_SYNTAX;
	if (!rc)
		rc = get_destinations(p, out);
	if (rc)
		fprintf(stderr, "poi: poi-dataplane: %s\n", poi_error_text(rc));
	out->dataplane = !rc;
	close_peer(p);
	return rc;
}

static int get_control(const struct config *c, struct picture *out)
{
	struct peer *p = open_peer(c, "control.sock");
	struct channel_header h = {0};
	const uint8_t *body;
	size_t length;

	if (!p)
		return POI_ERR_CLOSED;
	int rc = ask(p, CHANNEL_CONTROL_STATUS_GET);
	if (!rc)
		rc = receive(p, &h, &body, &length);
	if (!rc)
		rc = h.id == CHANNEL_CONTROL_STATUS
			     ? channel_decode_control_status(body, length, &out->control_status)
			     : POI_ERR_SYNTAX;
	if (rc)
		fprintf(stderr, "poi: poi-control: %s\n", poi_error_text(rc));
	out->control = !rc;
	close_peer(p);
	return rc;
}

static void put_packets(struct json *j, const struct packet_balance *b)
{
	json_object(j, "packets");
	json_u64(j, "received", b->received);
	json_u64(j, "classified", packet_balance_classified(b));
	json_u64(j, "imissed", b->imissed);
	json_u64(j, "nombuf", b->nombuf);
	json_object(j, "classes");
	for (unsigned i = 0; i < PACKET_OUTCOME_COUNT; i++) {
		if (packet_outcome_classified(i))
			json_u64(j, packet_outcome_name(i), b->outcome[i]);
	}
	json_end_object(j);
	json_object(j, "dropped");
	for (unsigned i = 0; i < PACKET_OUTCOME_COUNT; i++) {
		if (!packet_outcome_classified(i))
			json_u64(j, packet_outcome_name(i), b->outcome[i]);
	}
	json_end_object(j);
	json_end_object(j);
	json_object(j, "forwarded");
	for (unsigned i = 0; i < FORWARD_OUTCOME_COUNT; i++)
		json_u64(j, forward_outcome_name(i), b->forward[i]);
	json_end_object(j);
}

static void put_lost(struct json *j, const struct copy_balance *b)
{
	json_object(j, "lost");
	for (unsigned i = 0; i < LOSS_COUNT; i++)
		json_u64(j, copy_loss_name(i), b->lost[i]);
	json_end_object(j);
}

static void put_dataplane(struct json *j, const struct picture *p)
{
	const struct channel_status *s = &p->status;

	put_packets(j, &s->packets);
	json_u64(j, "matches", s->copies.matched);
	json_u64(j, "offered", s->copies.offered);
	json_u64(j, "delivered", s->copies.acknowledged);
	json_u64(j, "delivered_octets", s->copies.octets);
	json_u64(j, "queued", s->copies.queued);
	json_u64(j, "in_doubt", s->copies.in_doubt);
	put_lost(j, &s->copies);
	json_object(j, "ledger");
	json_bool(j, "balanced", s->balanced);
	json_end_object(j);
	json_u64(j, "generation", s->generation);
	json_u64(j, "tasks", s->tasks);
	json_u64(j, "workers", s->workers);
	json_array(j, "destinations");
	for (uint32_t i = 0; i < p->n_destinations; i++) {
		const struct channel_destination_status *d = &p->destinations[i];
		char did[ID_TEXT_SIZE];

		id_format(&d->did, did);
		json_object(j, NULL);
		json_string(j, "did", did);
		json_string(j, "state", destination_state_name(d->state));
		json_u64(j, "queued", d->copies.queued);
		json_u64(j, "queued_octets", d->queued_octets);
		json_u64(j, "delivered", d->copies.acknowledged);
		json_u64(j, "dropped", copy_balance_lost(&d->copies));
		json_u64(j, "in_doubt", d->copies.in_doubt);
		json_u64(j, "offered", d->copies.offered);
		put_lost(j, &d->copies);
		json_u64(j, "connects", d->connects);
		json_string(j, "reason", d->reason);
		json_end_object(j);
	}
	json_end_array(j);
	json_array(j, "ports");
	for (uint32_t i = 0; i < s->ports && i < CHANNEL_PORTS_MAX; i++) {
		json_object(j, NULL);
		json_string(j, "name", s->port[i].name);
		json_bool(j, "link_up", s->port[i].link_up);
		json_u64(j, "received", s->port[i].received);
		json_u64(j, "imissed", s->port[i].imissed);
		json_u64(j, "nombuf", s->port[i].nombuf);
		json_u64(j, "transmitted", s->port[i].transmitted);
		json_end_object(j);
	}
	json_end_array(j);
}

static void put_control(struct json *j, const struct channel_control_status *s)
{
	json_u64(j, "uptime_ms", s->uptime_ms);
	json_bool(j, "dataplane_connected", s->dataplane_connected);
	json_bool(j, "recovered", s->recovered);
	json_u64(j, "network_elements", s->network_elements);
	json_u64(j, "tasks", s->tasks);
	json_u64(j, "destinations", s->destinations);
	json_u64(j, "faults", s->faults);
	json_u64(j, "requests", s->requests);
	json_u64(j, "errors", s->errors);
	json_u64(j, "refused", s->refused);
}

static int print_json(const struct picture *p)
{
	struct json j = {0};

	json_object(&j, NULL);
	json_object(&j, "control");
	json_bool(&j, "reachable", p->control);
	if (p->control)
		put_control(&j, &p->control_status);
	json_end_object(&j);
	json_object(&j, "dataplane");
	json_bool(&j, "reachable", p->dataplane);
	if (p->dataplane) {
		json_u64(&j, "uptime_ms", p->status.uptime_ms);
		json_bool(&j, "control_connected", p->status.control_connected);
	}
	json_end_object(&j);
	if (p->dataplane)
		put_dataplane(&j, p);
	json_end_object(&j);
	json_newline(&j);
	int rc = j.error || fputs(j.text, stdout) < 0 ? POI_ERR_IO : 0;
	json_free(&j);
	return rc;
}

static void print_dataplane(const struct picture *p)
{
	const struct channel_status *s = &p->status;

	printf("packets     received %" PRIu64 "  classified %" PRIu64 "  dropped %" PRIu64
	       "  missed %" PRIu64 "\n",
		s->packets.received, packet_balance_classified(&s->packets),
		s->packets.received - packet_balance_classified(&s->packets), s->packets.imissed);
	for (unsigned i = 0; i < PACKET_OUTCOME_COUNT; i++) {
		if (!packet_outcome_classified(i) && s->packets.outcome[i])
			printf("  dropped   %s %" PRIu64 "\n", packet_outcome_name(i),
				s->packets.outcome[i]);
	}
	printf("matches     %" PRIu64 "  delivered %" PRIu64 "  queued %" PRIu64
	       "  in doubt %" PRIu64 "  lost %" PRIu64 "\n",
		s->copies.matched, s->copies.acknowledged, s->copies.queued, s->copies.in_doubt,
		copy_balance_lost(&s->copies));
	for (unsigned i = 0; i < LOSS_COUNT; i++) {
		if (s->copies.lost[i])
			printf("  lost      %s %" PRIu64 "\n", copy_loss_name(i),
				s->copies.lost[i]);
	}
	printf("ledger      %s\n", s->balanced ? "balanced" : "NOT BALANCED");
	printf("tasks       %u  generation %" PRIu64 "\n", s->tasks, s->generation);
	for (uint32_t i = 0; i < p->n_destinations; i++) {
		const struct channel_destination_status *d = &p->destinations[i];
		char did[ID_TEXT_SIZE];

		id_format(&d->did, did);
		printf("destination %s  %s  delivered %" PRIu64 "  queued %" PRIu64
		       "  lost %" PRIu64 "%s%s\n",
			did, destination_state_name(d->state), d->copies.acknowledged,
			d->copies.queued, copy_balance_lost(&d->copies), d->reason[0] ? "  " : "",
			d->reason);
	}
	for (uint32_t i = 0; i < s->ports && i < CHANNEL_PORTS_MAX; i++)
		printf("port        %s  link %s  received %" PRIu64 "  missed %" PRIu64 "\n",
			s->port[i].name, s->port[i].link_up ? "up" : "down", s->port[i].received,
			s->port[i].imissed);
}

static void print_text(const struct picture *p)
{
	const struct channel_control_status *s = &p->control_status;

	printf("dataplane   %s\n", p->dataplane ? "running" : "does not answer");
	printf("control     %s\n", !p->control	   ? "does not answer"
				   : !s->recovered ? "running, waits for the dataplane's state"
				   : !s->dataplane_connected ? "running, without the dataplane"
							     : "running");
	if (p->dataplane)
		print_dataplane(p);
	if (p->control)
		printf("X1          requests %" PRIu64 "  errors %" PRIu64 "  refused %" PRIu64
		       "  tasks %u  destinations %u  faults %u\n",
			s->requests, s->errors, s->refused, s->tasks, s->destinations, s->faults);
}

int cli_status(const struct config *c, bool json)
{
	struct picture p = {0};
	int code = CLI_OK;

	if (get_dataplane(c, &p))
		code = CLI_UNREACHABLE;
	if (get_control(c, &p))
		code = CLI_UNREACHABLE;
	if (json) {
		if (print_json(&p))
			code = CLI_UNREACHABLE;
	} else {
		print_text(&p);
	}
	if (p.dataplane && !p.status.balanced)
		code = CLI_UNBALANCED;
	free(p.destinations);
	return code;
}
