// Rules across keys of events and records.

#include "shared/config_internal.h"

#include <string.h>

// Each function has a name of its own, and is of some kind.
static int check_functions(struct config_source *s, const yaml_node_t *list)
{
	const struct config_events *e = &s->config->events;

	for (uint32_t i = 0; i < e->n_functions; i++) {
		if (!e->functions[i].n_records)
			return config_refuse(s, config_place(s, list, i, "records"),
				"events.functions[%u].records is empty, write one or more of smf, "
				"amf and smsf",
				i);
		for (uint32_t k = 0; k < i; k++)
			if (!strcmp(e->functions[i].name, e->functions[k].name))
				return config_refuse(s, config_place(s, list, i, "name"),
					"events.functions[%u].name is already "
					"events.functions[%u], write another",
					i, k);
	}
	return POI_OK;
}

// Records are made from events alone: a kind that no function hands over never comes.
static int check_records(struct config_source *s, const yaml_node_t *list, uint32_t i)
{
	const struct config_ne *ne = &s->config->nes[i];
	const struct config_events *e = &s->config->events;
	uint8_t made = 0, wanted = config_records_set(ne->records, ne->n_records);

	for (uint32_t k = 0; k < e->n_functions; k++)
		made |= config_records_set(e->functions[k].records, e->functions[k].n_records);
	if (!(wanted & ~made))
		return POI_OK;
	uint8_t without = wanted & ~made;
	return config_refuse(s, config_place(s, list, i, "records"),
		"network-elements[%u].records has %s, which no function of events.functions hands "
		"over, write it into the records of one, or leave it out here",
		i,
		without & RECORDS_SMF	? "smf"
		: without & RECORDS_AMF ? "amf"
					: "smsf");
}

int config_check_events(
	struct config_source *s, const yaml_node_t *root, const yaml_node_t *elements)
{
	const yaml_node_t *events = config_child(s, root, "events");
	int rc = check_functions(s, config_child(s, events, "functions"));

	for (uint32_t i = 0; i < s->config->n_nes && !rc; i++)
		rc = check_records(s, elements, i);
	return rc;
}
