// Shows network functions and their events.
#include "control/cli/cli_functions.h"

#include <inttypes.h>
#include <stdio.h>

void cli_put_functions(struct json *j, const struct channel_functions *f)
{
	bool unknown = j->unknown;

	json_object(j, "events");
	json_bool(j, "configured", f->n > 0);
	j->unknown = unknown || f->n == 0;
	json_bool(j, "connected", f->connected);
	json_u64(j, "sessions", f->sessions);
	json_u64(j, "registrations", f->registrations);
	json_u64(j, "octets", f->octets);
	json_u64(j, "records", f->records);
	json_u64(j, "shortened", f->shortened);
	json_array(j, "functions");
	for (uint32_t i = 0; i < f->n; i++) {
		json_object(j, NULL);
		json_string(j, "name", f->function[i].name);
		json_bool(j, "connected", f->function[i].connected);
		json_u64(j, "received", f->function[i].received);
		json_u64(j, "taken", f->function[i].taken);
		json_u64(j, "refused", f->function[i].refused);
		json_u64(j, "later", f->function[i].later);
		json_end_object(j);
	}
	json_end_array(j);
	json_object(j, "reasons");
	for (uint32_t i = 0; i < f->n_reasons; i++)
		json_u64(j, f->reason[i].name, f->reason[i].value);
	json_end_object(j);
	j->unknown = unknown;
	json_end_object(j);
}

void cli_print_functions(const struct channel_functions *f)
{
	if (f->n == 0)
		return;
	printf("events      poi-events %s  sessions %u  registrations %u  records %" PRIu64 "\n",
		f->connected ? "connected" : "NOT CONNECTED", f->sessions, f->registrations,
		f->records);
	if (f->shortened)
		printf("  records   without optional members, for a max-pdu %" PRIu64 "\n",
			f->shortened);
	for (uint32_t i = 0; i < f->n; i++)
		printf("  function  %s  %s  taken %" PRIu64 "  refused %" PRIu64 "  later %" PRIu64
		       "\n",
			f->function[i].name,
			f->function[i].connected ? "connected" : "not connected",
			f->function[i].taken, f->function[i].refused, f->function[i].later);
	for (uint32_t i = 0; i < f->n_reasons; i++)
		if (f->reason[i].value)
			printf("  refused   %s %" PRIu64 "\n", f->reason[i].name,
				f->reason[i].value);
}
