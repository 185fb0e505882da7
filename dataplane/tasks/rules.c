// Makes the match rule of a stored task.

#include "dataplane/tasks/rules.h"

void rule_make(const struct task_table *s, const struct link_classes *links,
	const struct task_entry *t, struct rule *out)
{
	const struct task_resources *own = t->resources;

	*out = (struct rule){
		.slot = own->slot,
		.context_x2 = own->context[COPY_X2],
		.context_x3 = own->context[COPY_X3],
		.header_xid = t->header_xid,
		.correlation = t->correlation,
		// Without reports of packets its X2 is that of records, which are no packet's.
		.delivery = t->report ? t->delivery : t->delivery & (uint8_t)~DELIVERY_X2,
		.report = t->report,
		.links = link_class_bind(links, &t->filter),
		.payload_format = t->payload_format,
		.axri = t->axri,
		.n_destinations = t->n_destinations,
		.x2 = own->x2,
		.filter = t->filter,
	};
	for (uint8_t i = 0; i < t->n_destinations; i++) {
		uint16_t index = destination_entry_find(s, &t->link.ne, &t->did[i])->index;
		uint8_t at = i;
		for (; at > 0 && out->destination[at - 1] > index; at--)
			out->destination[at] = out->destination[at - 1];
		out->destination[at] = index;
	}
}
