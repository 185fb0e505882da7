// `poi top`: where the work is, from the difference of two looks.
#include "control/cli/cli.h"

#include <inttypes.h>
#include <stdlib.h>

#include "control/cli/cli_peer.h"
#include "control/audit/json.h"

#define DESTINATIONS_SHOWN 20

struct worker_rate {
	uint32_t number, cpu, node, queues;
	double busy;				    // share of the time, 0 to 1
	double packets, matches, dropped, not_sent; // a second
	double ns_per_packet; // of the time with packets in hand; 0: there were none
};

struct destination_rate {
	const struct channel_destination_status *now;
	double delivered, lost, bits; // a second
};

static double rate(uint64_t before, uint64_t now, double seconds)
{
	return now > before ? (double)(now - before) / seconds : 0;
}

static int busier(const void *a, const void *b)
{
	const struct worker_rate *x = a, *y = b;

	return (x->busy < y->busy) - (x->busy > y->busy);
}

static int livelier(const void *a, const void *b)
{
	const struct destination_rate *x = a, *y = b;

	if (x->bits != y->bits)
		return (x->bits < y->bits) - (x->bits > y->bits);
	return (x->now->queued_octets < y->now->queued_octets) -
	       (x->now->queued_octets > y->now->queued_octets);
}

static uint32_t workers_of(
	const struct cli_picture *before, const struct cli_picture *now, struct worker_rate *out)
{
	double s = now->seconds - before->seconds;
	uint32_t n = now->workers.workers;

	for (uint32_t i = 0; i < n; i++) {
		__auto_type a = &before->workers.worker[i];
		__auto_type b = &now->workers.worker[i];
		uint64_t packets = b->received - a->received, busy = b->busy_ns - a->busy_ns;
		out[i] = (struct worker_rate){.number = i,
			.cpu = b->cpu,
			.node = b->node,
			.queues = b->queues,
			.busy = rate(a->busy_ns, b->busy_ns, s) / 1e9,
			.packets = rate(a->received, b->received, s),
			.matches = rate(a->hits, b->hits, s),
			.dropped =
				rate(a->received - a->classified, b->received - b->classified, s),
			.not_sent = rate(a->not_sent, b->not_sent, s),
			.ns_per_packet = packets ? (double)busy / (double)packets : 0};
	}
	qsort(out, n, sizeof(*out), busier);
	return n;
}

static const struct channel_destination_status *same(
	const struct cli_picture *p, const struct channel_destination_status *of)
{
	for (uint32_t i = 0; i < p->n_destinations; i++) {
		if (id_equal(&p->destinations[i].did, &of->did) &&
			id_equal(&p->destinations[i].ne, &of->ne))
			return &p->destinations[i];
	}
	return NULL;
}

// NULL when out of memory, or when there are none.
static struct destination_rate *destinations_of(
	const struct cli_picture *before, const struct cli_picture *now)
{
	double s = now->seconds - before->seconds;
	struct destination_rate *out = calloc(now->n_destinations + 1, sizeof(*out));

	for (uint32_t i = 0; out && i < now->n_destinations; i++) {
		const struct channel_destination_status *b = &now->destinations[i];
		const struct channel_destination_status *a = same(before, b);
		out[i].now = b;
		if (!a)
			continue;
		out[i].delivered = rate(a->copies.acknowledged, b->copies.acknowledged, s);
		out[i].lost = rate(copy_balance_lost(&a->copies), copy_balance_lost(&b->copies), s);
		out[i].bits = rate(a->copies.octets, b->copies.octets, s) * 8;
	}
	if (out)
		qsort(out, now->n_destinations, sizeof(*out), livelier);
	return out;
}

static void print_text(const struct worker_rate *w, uint32_t n, const struct destination_rate *d,
	uint32_t n_destinations)
{
	printf("%-7s %4s %5s %7s %7s %10s %9s %12s %11s %11s\n", "WORKER", "CPU", "NODE", "QUEUES",
		"BUSY", "Mpps", "ns/PKT", "MATCHES/s", "DROPPED/s", "NOT SENT/s");
	for (uint32_t i = 0; i < n; i++)
		printf("%-7u %4u %5u %7u %6.1f%% %10.4f %9.0f %12.0f %11.0f %11.0f\n", w[i].number,
			w[i].cpu, w[i].node, w[i].queues, w[i].busy * 100, w[i].packets / 1e6,
			w[i].ns_per_packet, w[i].matches, w[i].dropped, w[i].not_sent);
	printf("\n%-36s  %-10s %11s %9s %9s %13s\n", "DESTINATION", "STATE", "COPIES/s", "Gbit/s",
		"LOST/s", "QUEUED OCTETS");
	for (uint32_t i = 0; d && i < n_destinations && i < DESTINATIONS_SHOWN; i++) {
		char did[ID_TEXT_SIZE];
		id_format(&d[i].now->did, did);
		printf("%-36s  %-10s %11.0f %9.4f %9.0f %13" PRIu64 "\n", did,
			destination_state_name(d[i].now->state), d[i].delivered, d[i].bits / 1e9,
			d[i].lost, d[i].now->queued_octets);
	}
	if (n_destinations > DESTINATIONS_SHOWN)
		printf("and %u more\n", n_destinations - DESTINATIONS_SHOWN);
}

static void put_double(struct json *j, const char *name, double v)
{
	json_i64(j, name, (int64_t)(v + 0.5));
}

static int print_json(const struct worker_rate *w, uint32_t n, const struct destination_rate *d,
	uint32_t n_destinations)
{
	struct json j = {0};

	json_object(&j, NULL);
	json_array(&j, "workers");
	for (uint32_t i = 0; i < n; i++) {
		json_object(&j, NULL);
		json_u64(&j, "worker", w[i].number);
		json_u64(&j, "cpu", w[i].cpu);
		json_u64(&j, "node", w[i].node);
		json_u64(&j, "queues", w[i].queues);
		put_double(&j, "busy_permille", w[i].busy * 1000);
		put_double(&j, "packets_per_second", w[i].packets);
		put_double(&j, "ns_per_packet", w[i].ns_per_packet);
		put_double(&j, "matches_per_second", w[i].matches);
		put_double(&j, "dropped_per_second", w[i].dropped);
		put_double(&j, "not_sent_per_second", w[i].not_sent);
		json_end_object(&j);
	}
	json_end_array(&j);
	json_array(&j, "destinations");
	for (uint32_t i = 0; d && i < n_destinations; i++) {
		char did[ID_TEXT_SIZE];
		id_format(&d[i].now->did, did);
		json_object(&j, NULL);
		json_string(&j, "did", did);
		json_string(&j, "state", destination_state_name(d[i].now->state));
		put_double(&j, "delivered_per_second", d[i].delivered);
		put_double(&j, "bits_per_second", d[i].bits);
		put_double(&j, "lost_per_second", d[i].lost);
		json_u64(&j, "queued_octets", d[i].now->queued_octets);
		json_end_object(&j);
	}
	json_end_array(&j);
	json_end_object(&j);
	json_newline(&j);
	int rc = j.error || fputs(j.text, stdout) < 0 ? POI_ERR_IO : 0;
	json_free(&j);
	return rc;
}

// Prints the change between two pictures of one life of the dataplane.
static int show(const struct cli_picture *before, const struct cli_picture *now, bool json)
{
	struct worker_rate w[CHANNEL_WORKERS_MAX];
	int rc = 0;

	if (!now->dataplane)
		return CLI_UNREACHABLE;
	if (!before->dataplane || before->status.incarnation != now->status.incarnation)
		return CLI_OK; // it has just come back: with the next round
	uint32_t n = workers_of(before, now, w);
	struct destination_rate *d = destinations_of(before, now);
	if (json)
		rc = print_json(w, n, d, now->n_destinations);
	else
		print_text(w, n, d, now->n_destinations);
	free(d);
	return rc ? CLI_UNREACHABLE : CLI_OK;
}

int cli_top(const struct cli_request *r)
{
	double seconds = cli_seconds(r, OPTION_SECONDS, 2);
	long rounds = cli_rounds(r);
	struct cli_picture before, now;

	if (seconds < 0 || rounds < 0)
		return CLI_USAGE;
	struct config *c = cli_load(r);
	if (!c)
		return CLI_USAGE;
	cli_picture_take(c, false, &before);
	int code = before.dataplane ? CLI_OK : CLI_UNREACHABLE;
	for (long i = 0; (!rounds && code == CLI_OK) || i < rounds; i++) {
		if (code != CLI_OK)
			break;
		cli_sleep(seconds);
		cli_picture_take(c, false, &now);
		cli_clear();
		code = show(&before, &now, r->given[OPTION_JSON]);
		fflush(stdout);
		cli_picture_free(&before);
		before = now;
	}
	cli_picture_free(&before);
	config_free(c);
	return code;
}
