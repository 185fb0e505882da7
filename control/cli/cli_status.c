// `poi status`: one screen of what both processes count and hold.
#include "control/cli/cli.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/cli/cli_functions.h"
#include "control/cli/cli_peer.h"
#include "control/audit/json.h"

static void put_packets(struct json *j, const struct packet_balance *b)
{
	json_object(j, "packets");
	json_u64(j, "received", b->received);
	json_u64(j, "classified", packet_balance_classified(b));
	json_u64(j, "imissed", b->imissed);
	json_u64(j, "nombuf", b->nombuf);
	json_u64(j, "ierrors", b->ierrors);
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

static void put_workers(struct json *j, const struct channel_workers *w)
{
	json_array(j, "per_worker");
	for (uint32_t i = 0; i < w->workers; i++) {
		json_object(j, NULL);
		json_u64(j, "cpu", w->worker[i].cpu);
		json_u64(j, "node", w->worker[i].node);
		json_u64(j, "queues", w->worker[i].queues);
		json_u64(j, "received", w->worker[i].received);
		json_u64(j, "classified", w->worker[i].classified);
		json_u64(j, "matches", w->worker[i].hits);
		json_u64(j, "not_sent", w->worker[i].not_sent);
		json_u64(j, "loops", w->worker[i].loops);
		json_u64(j, "busy_loops", w->worker[i].busy_loops);
		json_u64(j, "busy_ns", w->worker[i].busy_ns);
		json_end_object(j);
	}
	json_end_array(j);
}

static void put_threads(struct json *j, const struct channel_workers *w)
{
	json_object(j, "threads");
	json_string(j, "control_cpus", w->control_cpus);
	json_array(j, "delivery_cpus");
	for (uint32_t i = 0; i < w->delivery_threads; i++)
		json_u64(j, NULL, w->delivery_cpu[i]);
	json_end_array(j);
	json_end_object(j);
}

static void print_cpus(const struct channel_workers *w)
{
	printf("CPUs        workers");
	for (uint32_t i = 0; i < w->workers; i++)
		printf("%s%u", i ? "," : " ", w->worker[i].cpu);
	printf("  delivery");
	for (uint32_t i = 0; i < w->delivery_threads; i++)
		printf("%s%u", i ? "," : " ", w->delivery_cpu[i]);
	printf("  other threads %s\n", w->control_cpus);
}

// Counters with a dot in their name are of one protocol: name by name under it.
static void put_counters(struct json *j, const struct channel_signalling *s)
{
	const char *open = "";

	for (uint32_t i = 0; i < s->n; i++) {
		const char *name = s->counter[i].name, *dot = strchr(name, '.');
		size_t group = dot ? (size_t)(dot - name) : 0;
		if (strlen(open) != group || strncmp(open, name, group)) {
			static char heading[sizeof(s->counter[0].name)];
			if (open[0])
				json_end_object(j);
			snprintf(heading, sizeof(heading), "%.*s", (int)group, name);
			open = heading;
			if (group)
				json_object(j, heading);
		}
		json_u64(j, dot ? dot + 1 : name, s->counter[i].value);
	}
	if (open[0])
		json_end_object(j);
}

static void put_signalling(struct json *j, const struct channel_signalling *s)
{
	json_object(j, "signalling");
	json_bool(j, "followed", s->followed);
	bool unknown = j->unknown;

	j->unknown = unknown || !s->followed;
	json_u64(j, "since_ns", s->since_ns);
	json_u64(j, "sessions", s->sessions);
	json_u64(j, "partial_sessions", s->partial);
	json_u64(j, "nodes", s->nodes);
	json_u64(j, "octets", s->octets);
	json_u64(j, "lost", s->lost);
	json_u64(j, "tasks", s->tasks);
	json_u64(j, "unresolved", s->waiting);
	json_u64(j, "unsure", s->unsure);
	json_u64(j, "rules", s->rules);
	json_object(j, "binding");
	json_u64(j, "measured", s->measured);
	json_u64(j, "p50_ns", s->p50_ns);
	json_u64(j, "p99_ns", s->p99_ns);
	json_u64(j, "most_ns", s->most_ns);
	json_end_object(j);
	json_object(j, "early");
	json_u64(j, "held", s->holdback_held);
	json_u64(j, "matched", s->holdback_matched);
	json_u64(j, "given_up", s->holdback_given_up);
	json_u64(j, "no_room", s->holdback_full);
	json_end_object(j);
	json_object(j, "counters");
	put_counters(j, s);
	json_end_object(j);
	j->unknown = unknown;
	json_end_object(j);
}

// Members of a redundant set; nothing of a plain destination.
static void put_ends(struct json *j, const struct channel_destination_status *d)
{
	char did[ID_TEXT_SIZE];

	if (d->n_ends == 0)
		return;
	json_array(j, "ends");
	for (uint8_t i = 0; i < d->n_ends; i++) {
		id_format(&d->end[i].did, did);
		json_object(j, NULL);
		json_string(j, "did", did);
		json_string(j, "state", destination_state_name(d->end[i].state));
		json_bool(j, "used", i == d->used);
		json_string(j, "reason", d->end[i].reason);
		json_end_object(j);
	}
	json_end_array(j);
}

static void print_ends(const struct channel_destination_status *d)
{
	char did[ID_TEXT_SIZE];

	for (uint8_t i = 0; i < d->n_ends; i++) {
		id_format(&d->end[i].did, did);
		printf("        end %s  %s%s%s%s\n", did, destination_state_name(d->end[i].state),
			i == d->used ? ", in use" : "", d->end[i].reason[0] ? "  " : "",
			d->end[i].reason);
	}
}

static void put_destinations(struct json *j, const struct cli_picture *p)
{
	json_array(j, "destinations");
	for (uint32_t i = 0; i < p->n_destinations; i++) {
		const struct channel_destination_status *d = &p->destinations[i];
		char did[ID_TEXT_SIZE];

		id_format(&d->did, did);
		json_object(j, NULL);
		json_string(j, "did", did);
		json_string(j, "state", destination_state_name(d->state));
		json_string(j, "settle", config_settle_name(d->settle));
		json_u64(j, "queued", d->copies.queued);
		json_u64(j, "queued_octets", d->queued_octets);
		json_u64(j, "delivered", d->copies.acknowledged);
		json_u64(j, "dropped", copy_balance_lost(&d->copies));
		json_u64(j, "in_doubt", d->copies.in_doubt);
		json_u64(j, "unsettled", d->copies.unsettled);
		json_u64(j, "odd_acknowledgements", d->odd_acks);
		json_u64(j, "offered", d->copies.offered);
		put_lost(j, &d->copies);
		json_u64(j, "connections", d->connections);
		json_u64(j, "connected", d->connected);
		json_u64(j, "connects", d->connects);
		json_string(j, "reason", d->reason);
		put_ends(j, d);
		json_end_object(j);
	}
	json_end_array(j);
}

static void put_unopened(struct json *j, const struct unopened_share *s)
{
	char what[UNOPENED_TEXT];

	json_object(j, "unopened");
	json_u64(j, "sampled", s->sampled);
	json_u64(j, "frames", s->unopened);
	json_u64(j, "wrapped", s->wrapped);
	json_bool(j, "looks_wrapped", unopened_looks_wrapped(s));
	json_object(j, "most");
	for (uint32_t i = 0; i < s->n; i++) {
		unopened_text(s->most[i].what, what);
		json_u64(j, what, s->most[i].frames);
	}
	json_end_object(j);
	json_end_object(j);
}

static void print_unopened(const struct unopened_share *s)
{
	char what[UNOPENED_TEXT];

	if (s->unopened == 0)
		return;
	printf("            not opened: %" PRIu64 " of %" PRIu64 " frames looked at:", s->unopened,
		s->sampled);
	for (uint32_t i = 0; i < s->n; i++) {
		unopened_text(s->most[i].what, what);
		printf("%s %s (%" PRIu64 ")", i ? "," : "", what, s->most[i].frames);
	}
	puts(unopened_looks_wrapped(s) ? "; the link looks wrapped" : "");
}

static void put_ports(struct json *j, const struct cli_picture *p)
{
	const struct channel_status *s = &p->status;

	json_array(j, "ports");
	for (uint32_t i = 0; i < s->ports && i < CHANNEL_PORTS_MAX; i++) {
		json_object(j, NULL);
		json_string(j, "name", s->port[i].name);
		json_bool(j, "link_up", s->port[i].link_up);
		json_bool(j, "counts_losses", s->port[i].counts_losses);
		json_u64(j, "received", s->port[i].received);
		json_u64(j, "imissed", s->port[i].imissed);
		json_u64(j, "nombuf", s->port[i].nombuf);
		json_u64(j, "ierrors", s->port[i].ierrors);
		json_u64(j, "transmitted", s->port[i].transmitted);
		json_string(j, "driver", p->workers.port[i].driver);
		json_i64(j, "node", p->workers.port[i].node);
		json_u64(j, "queues", p->workers.port[i].queues);
		json_u64(j, "descriptors", p->workers.port[i].descriptors);
		json_string(j, "spread", port_spread_name(p->workers.port[i].spread));
		json_bool(j, "promiscuous", !p->workers.port[i].deaf);
		put_unopened(j, &p->workers.port[i].share);
		json_end_object(j);
	}
	json_end_array(j);
}

static void put_clock(struct json *j, const struct channel_status *s)
{
	json_object(j, "clock");
	json_bool(j, "known", s->clock_known);
	json_bool(j, "synchronised", s->clock_synchronised);
	json_i64(j, "offset_ns", s->clock_offset_ns);
	json_u64(j, "error_ns", s->clock_error_ns);
	json_end_object(j);
}

static void put_dataplane(struct json *j, const struct cli_picture *p)
{
	const struct channel_status *s = &p->status;

	put_packets(j, &s->packets);
	json_u64(j, "matches", s->copies.matched);
	json_u64(j, "offered", s->copies.offered);
	json_u64(j, "delivered", s->copies.acknowledged);
	json_u64(j, "delivered_octets", s->copies.octets);
	json_u64(j, "cut", s->copies.cut);
	json_u64(j, "queued", s->copies.queued);
	json_u64(j, "in_doubt", s->copies.in_doubt);
	json_u64(j, "unsettled", s->copies.unsettled);
	put_lost(j, &s->copies);
	json_object(j, "ledger");
	json_bool(j, "balanced", s->balanced);
	json_end_object(j);
	put_clock(j, s);
	json_u64(j, "generation", s->generation);
	json_u64(j, "tasks", s->tasks);
	json_u64(j, "workers", s->workers);
	put_destinations(j, p);
	put_ports(j, p);
	put_workers(j, &p->workers);
	put_threads(j, &p->workers);
	put_signalling(j, &p->signalling);
	cli_put_functions(j, &p->functions);
}

static void put_control(struct json *j, const struct channel_control_status *s)
{
	json_u64(j, "uptime_ms", s->uptime_ms);
	json_bool(j, "dataplane_connected", s->dataplane_connected);
	json_u64(j, "dataplane_silent_ms", s->dataplane_silent_ms);
	json_bool(j, "recovered", s->recovered);
	json_u64(j, "network_elements", s->network_elements);
	json_u64(j, "tasks", s->tasks);
	json_u64(j, "destinations", s->destinations);
	json_u64(j, "faults", s->faults);
	json_u64(j, "late_admfs", s->late_admfs);
	json_u64(j, "requests", s->requests);
	json_u64(j, "errors", s->errors);
	json_u64(j, "refused", s->refused);
}

// Every field is there, with either process alone too; unknown values are null.
static int print_json(const struct cli_picture *p)
{
	struct json j = {0};

	json_object(&j, NULL);
	json_object(&j, "control");
	json_bool(&j, "reachable", p->control);
	json_string(&j, "state", cli_peer_text(p->control_state));
	j.unknown = !p->control;
	put_control(&j, &p->control_status);
	json_end_object(&j);
	j.unknown = false;
	json_object(&j, "dataplane");
	json_bool(&j, "reachable", p->dataplane);
	json_string(&j, "state", cli_peer_text(p->dataplane_state));
	j.unknown = !p->dataplane;
	json_u64(&j, "uptime_ms", p->status.uptime_ms);
	json_bool(&j, "control_connected", p->status.control_connected);
	json_end_object(&j);
	put_dataplane(&j, p);
	j.unknown = false;
	json_end_object(&j);
	json_newline(&j);
	int rc = j.error || fputs(j.text, stdout) < 0 ? POI_ERR_IO : 0;
	json_free(&j);
	return rc;
}

static void print_signalling(const struct channel_signalling *s)
{
	char since[32] = "never heard";
	time_t seconds = (time_t)(s->since_ns / 1000000000u);
	struct tm tm;

	if (!s->followed)
		return;
	if (s->since_ns && gmtime_r(&seconds, &tm))
		strftime(since, sizeof(since), "since %Y-%m-%dT%H:%M:%SZ", &tm);
	printf("signalling  %s  sessions %u  partial %u  lost %" PRIu64 "\n", since, s->sessions,
		s->partial, s->lost);
	printf("  followed  tasks %u  unresolved %u  unsure %u  rules %u\n", s->tasks, s->waiting,
		s->unsure, s->rules);
	printf("  in force  p50 %.3f ms  p99 %.3f ms  most %.3f ms  of %" PRIu64 "\n",
		(double)s->p50_ns / 1e6, (double)s->p99_ns / 1e6, (double)s->most_ns / 1e6,
		s->measured);
	printf("  early     held %" PRIu64 "  matched %" PRIu64 "  given up %" PRIu64
	       "  no room %" PRIu64 "\n",
		s->holdback_held, s->holdback_matched, s->holdback_given_up, s->holdback_full);
	for (uint32_t i = 0; i < s->n; i++)
		if (s->counter[i].value && strchr(s->counter[i].name, '.'))
			printf("  messages  %s %" PRIu64 "\n", s->counter[i].name,
				s->counter[i].value);
}

static void print_clock(const struct channel_status *s)
{
	if (s->clock_known && s->clock_synchronised)
		printf("clock       synchronised, within %.3f s\n",
			(double)s->clock_error_ns / 1e9);
	else
		printf("clock       %s\n", s->clock_known ? "NOT SYNCHRONISED" : "not known");
}

static void print_dataplane(const struct cli_picture *p)
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
	print_clock(s);
	print_cpus(&p->workers);
	printf("tasks       %u  generation %" PRIu64 "\n", s->tasks, s->generation);
	for (uint32_t i = 0; i < p->n_destinations; i++) {
		const struct channel_destination_status *d = &p->destinations[i];
		char did[ID_TEXT_SIZE], part[32] = "";

		id_format(&d->did, did);
		if (d->connections > 1)
			snprintf(part, sizeof(part), " (%u of %u)", d->connected, d->connections);
		printf("destination %s  %s%s  delivered %" PRIu64 " (%s)  queued %" PRIu64
		       "  in doubt %" PRIu64 "  lost %" PRIu64 "%s%s\n",
			did, destination_state_name(d->state), part, d->copies.acknowledged,
			config_settle_name(d->settle), d->copies.queued, d->copies.in_doubt,
			copy_balance_lost(&d->copies), d->reason[0] ? "  " : "", d->reason);
		print_ends(d);
	}
	for (uint32_t i = 0; i < s->ports && i < CHANNEL_PORTS_MAX; i++) {
		printf("port        %s  link %s  received %" PRIu64 "  missed %" PRIu64
		       "  errors %" PRIu64 "%s\n",
			s->port[i].name, s->port[i].link_up ? "up" : "down", s->port[i].received,
			s->port[i].imissed, s->port[i].ierrors,
			s->port[i].counts_losses
				? ""
				: "  its driver does not count what is lost before it");
		if (p->workers.port[i].queues > 1)
			printf("            %u queues, spread: %s\n", p->workers.port[i].queues,
				port_spread_name(p->workers.port[i].spread));
		if (p->workers.port[i].deaf)
			puts("            PROMISCUOUS MODE REFUSED: only frames to its own "
			     "address come");
		print_unopened(&p->workers.port[i].share);
	}
	print_signalling(&p->signalling);
	cli_print_functions(&p->functions);
}

static void print_text(const struct cli_picture *p)
{
	const struct channel_control_status *s = &p->control_status;

	printf("dataplane   %s\n", cli_peer_text(p->dataplane_state));
	printf("control     %s\n", !p->control	   ? cli_peer_text(p->control_state)
				   : !s->recovered ? "running, waits for the dataplane's state"
				   : !s->dataplane_connected ? "running, without the dataplane"
				   : s->dataplane_silent_ms
					   ? "running, the dataplane is slow to answer"
					   : "running");
	if (p->dataplane)
		print_dataplane(p);
	if (p->control)
		printf("X1          requests %" PRIu64 "  errors %" PRIu64 "  refused %" PRIu64
		       "  tasks %u  destinations %u  faults %u\n",
			s->requests, s->errors, s->refused, s->tasks, s->destinations, s->faults);
	if (p->control && s->late_admfs)
		printf("ADMF        silent for longer than TIME_P1, of %u of %u network elements\n",
			s->late_admfs, s->network_elements);
}

// Prints the change between two pictures, a second.
static void print_rates(const struct cli_picture *before, const struct cli_picture *now)
{
	double s = now->seconds - before->seconds;
	const struct copy_balance *a = &before->status.copies, *b = &now->status.copies;

	if (!before->dataplane || !now->dataplane || s <= 0)
		return;
	printf("rates       %.3f Mpps  matches %.0f/s  delivered %.0f/s  %.3f Gbit/s  lost "
	       "%.0f/s\n",
		(double)(now->status.packets.received - before->status.packets.received) / s / 1e6,
		(double)(b->matched - a->matched) / s,
		(double)(b->acknowledged - a->acknowledged) / s,
		(double)(b->octets - a->octets) * 8 / s / 1e9,
		(double)(copy_balance_lost(b) - copy_balance_lost(a)) / s);
}

static int judge(const struct cli_picture *p)
{
	if (p->dataplane && !p->status.balanced)
		return CLI_NOT_OK;
	return p->dataplane && p->control ? CLI_OK : CLI_UNREACHABLE;
}

static int once(const struct config *c, bool json)
{
	struct cli_picture p;
	int code;

	cli_picture_take_settled(c, false, &p);
	code = judge(&p);
	if (!json)
		print_text(&p);
	else if (print_json(&p))
		code = CLI_UNREACHABLE;
	cli_picture_free(&p);
	return code;
}

static int watch(const struct config *c, double seconds, long rounds)
{
	struct cli_picture before, now;
	int code = CLI_OK;

	cli_picture_take(c, true, &before);
	for (long i = 0; !rounds || i < rounds; i++) {
		cli_sleep(seconds);
		cli_picture_take(c, true, &now);
		cli_clear();
		print_text(&now);
		print_rates(&before, &now);
		fflush(stdout);
		code = judge(&now);
		if (code == CLI_NOT_OK && before.dataplane && before.status.balanced)
			code = CLI_OK; // it may hold again with the next
		cli_picture_free(&before);
		before = now;
	}
	cli_picture_free(&before);
	return code;
}

int cli_status(const struct cli_request *r)
{
	double seconds = cli_seconds(r, OPTION_WATCH, 2);
	long rounds = cli_rounds(r);

	if (seconds < 0 || rounds < 0 || (r->given[OPTION_WATCH] && r->given[OPTION_JSON]))
		return CLI_USAGE;
	struct config *c = cli_load(r);
	if (!c)
		return CLI_USAGE;
	int code =
		r->given[OPTION_WATCH] ? watch(c, seconds, rounds) : once(c, r->given[OPTION_JSON]);
	config_free(c);
	return code;
}
