// Prints what the decoders make of signalling datagrams, for comparison with another dissector. In:
// lines "pfcp|gtpv2c|radius HEX"; out: for each an array of its messages, in JSON, one line. Keys
// are present where the message has them.

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/signalling/signalling.h"

static const char *comma = "";

static void key(const char *name)
{
	printf("%s\"%s\": ", comma, name);
	comma = ", ";
}

static void number(const char *name, uint64_t v)
{
	key(name);
	printf("%llu", (unsigned long long)v);
}

static void hex(const char *name, struct span s)
{
	if (!s.length)
		return;
	key(name);
	putchar('"');
	for (unsigned i = 0; i < s.length; i++)
		printf("%02x", s.octets[i]);
	putchar('"');
}

static void digits(const char *name, const struct digits *d)
{
	if (!d->text[0])
		return;
	key(name);
	printf("\"%s\"", d->text);
}

static void address(const char *name, const struct ip_address *a)
{
	char text[64];

	if (!a->family)
		return;
	ip_address_format(a, text, sizeof(text));
	key(name);
	printf("\"%s\"", text);
}

static void prefix_text(const struct ip_prefix *p)
{
	struct ip_address a = {.family = p->family};
	char text[64];

	memcpy(a.b, p->b, sizeof(a.b));
	ip_address_format(&a, text, sizeof(text));
	printf("%s\"%s/%u\"", comma, text, p->length);
	comma = ", ";
}

static void open_list(const char *name)
{
	key(name);
	putchar('[');
	comma = "";
}

static void close_list(void)
{
	putchar(']');
	comma = ", ";
}

static void open_object(void)
{
	printf("%s{", comma);
	comma = "";
}

static void close_object(void)
{
	putchar('}');
	comma = ", ";
}

static void ends(const struct tunnel_end *e)
{
	if (!e->v4.family && !e->v6.family)
		return;
	number("teid", e->teid);
	address("v4", &e->v4);
	address("v6", &e->v6);
}

static void fteid(const struct pfcp_fteid *f)
{
	if (!f->present)
		return;
	number("choose", f->choose);
	if (f->has_choose_id)
		number("choose_id", f->choose_id);
	ends(&f->end);
}

static void ue_list(const struct ue_address *ue, unsigned n)
{
	if (!n)
		return;
	open_list("ue");
	for (unsigned i = 0; i < n; i++) {
		if (ue[i].choose)
			printf("%s\"choose%u\"", comma, ue[i].prefix.family);
		else
			prefix_text(&ue[i].prefix);
		comma = ", ";
	}
	close_list();
}

static void identity(const struct signalling_identity *u)
{
	digits("imsi", &u->imsi);
	digits("imei", &u->imei);
	digits("msisdn", &u->msisdn);
	hex("nai", u->nai);
}

static void pdr(unsigned part, const struct pfcp_pdr *p)
{
	open_object();
	number("part", part);
	number("id", p->id);
	if (p->has_precedence)
		number("precedence", p->precedence);
	if (p->has_far)
		number("far", p->far);
	if (p->has_qers) {
		open_list("qers");
		for (unsigned i = 0; i < p->n_qers; i++, comma = ", ")
			printf("%s%u", comma, p->qer[i]);
		close_list();
	}
	if (p->pdi.source_interface >= 0)
		number("source_interface", (uint64_t)p->pdi.source_interface);
	if (p->pdi.endpoint >= 0)
		number("endpoint", (uint64_t)p->pdi.endpoint);
	if (p->pdi.qfis)
		number("qfis", p->pdi.qfis);
	hex("ni", p->pdi.ni);
	if (p->pdi.n_sdf) {
		open_list("sdf");
		for (unsigned i = 0; i < p->pdi.n_sdf; i++) {
			open_object();
			hex("flow", p->pdi.sdf[i].flow);
			if (p->pdi.sdf[i].has_id)
				number("id", p->pdi.sdf[i].id);
			close_object();
		}
		close_list();
	}
	fteid(p->local.present ? &p->local : &p->pdi.fteid);
	ue_list(p->n_ue ? p->ue : p->pdi.ue, p->n_ue ? p->n_ue : p->pdi.n_ue);
	close_object();
}

static void far(unsigned part, const struct pfcp_far *f)
{
	open_object();
	number("part", part);
	number("id", f->id);
	if (f->has_action)
		number("action", f->action);
	if (f->has_interface)
		number("destination_interface", f->destination_interface);
	hex("ni", f->ni);
	ends(&f->outer);
	if (f->linked_endpoint >= 0)
		number("endpoint", (uint64_t)f->linked_endpoint);
	close_object();
}

static void pfcp(const struct pfcp_message *m)
{
	number("type", m->type);
	if (m->has_seid)
		number("seid", m->seid);
	number("sequence", m->sequence);
	if (m->cause)
		number("cause", m->cause);
	if (m->has_recovery)
		number("recovery", m->recovery);
	if (m->node.kind != 255)
		hex("node", m->node.value);
	if (m->f_seid.present) {
		number("f_seid", m->f_seid.seid);
		address("f_seid_v4", &m->f_seid.v4);
		address("f_seid_v6", &m->f_seid.v6);
	}
	identity(&m->user);
	if (m->pdn_type)
		number("pdn_type", m->pdn_type);
	hex("dnn", m->dnn);
	open_list("pdrs");
	for (unsigned i = 0; i < m->n_pdrs; i++)
		pdr(m->pdr[i].part, &m->pdr[i].v);
	close_list();
	open_list("fars");
	for (unsigned i = 0; i < m->n_fars; i++)
		far(m->far[i].part, &m->far[i].v);
	close_list();
	open_list("endpoints");
	for (unsigned i = 0; i < m->n_endpoints; i++) {
		const struct pfcp_endpoint *e = &m->endpoint[i].v;
		open_object();
		number("part", m->endpoint[i].part);
		number("id", e->id);
		hex("ni", e->ni);
		fteid(&e->fteid);
		ue_list(e->ue, e->n_ue);
		close_object();
	}
	close_list();
	open_list("removed");
	for (unsigned i = 0; i < m->n_removed; i++, comma = ", ")
		printf("%s[%u, %u, %u]", comma, m->removed[i].kind, m->removed[i].failed,
			m->removed[i].id);
	close_list();
}

static void gtpv2_end(const struct gtpv2_fteid *e)
{
	open_object();
	number("interface", e->interface);
	number("instance", e->instance);
	ends(&e->end);
	close_object();
}

static void gtpv2(const struct gtpv2_message *m)
{
	number("type", m->type);
	if (m->has_teid)
		number("teid", m->teid);
	number("sequence", m->sequence);
	if (m->cause)
		number("cause", m->cause);
	if (m->has_recovery)
		number("recovery", m->recovery);
	identity(&m->user);
	hex("apn", m->apn);
	if (m->linked_ebi)
		number("ebi", m->linked_ebi);
	open_list("ue");
	if (m->has_ue4)
		prefix_text(&m->ue4);
	if (m->has_ue6)
		prefix_text(&m->ue6);
	close_list();
	open_list("control");
	for (unsigned i = 0; i < m->n_control; i++)
		gtpv2_end(&m->control[i]);
	close_list();
	open_list("bearers");
	for (unsigned i = 0; i < m->n_bearers; i++) {
		const struct gtpv2_bearer *b = &m->bearer[i];
		open_object();
		number("removed", b->removed);
		if (b->has_ebi)
			number("ebi", b->ebi);
		if (b->cause)
			number("cause", b->cause);
		open_list("ends");
		for (unsigned k = 0; k < b->n_ends; k++)
			gtpv2_end(&b->end[k]);
		close_list();
		close_object();
	}
	close_list();
}

static void radius(const struct radius_message *m)
{
	number("code", m->code);
	number("identifier", m->identifier);
	if (m->status)
		number("status", m->status);
	hex("session", m->session);
	hex("nas_identifier", m->nas_identifier);
	address("nas4", &m->nas4);
	address("nas6", &m->nas6);
	identity(&m->user);
	open_list("addresses");
	for (unsigned i = 0; i < m->n_addresses; i++)
		prefix_text(&m->address[i]);
	close_list();
}

// One message; how many octets it took, 0 when there is no way on.
static uint32_t one(const char *protocol, const uint8_t *octets, uint32_t length)
{
	static struct pfcp_message p;
	static struct gtpv2_message g;
	static struct radius_message r;
	enum signalling_reason why;
	uint32_t used = 0;
	bool more = false;

	if (!strcmp(protocol, "pfcp"))
		why = pfcp_decode(octets, length, &p, &used, &more);
	else if (!strcmp(protocol, "gtpv2c"))
		why = gtpv2_decode(octets, length, &g, &used, &more);
	else
		why = radius_decode(octets, length, &r);
	open_object();
	key("reason");
	printf("\"%s\"", signalling_reason_name(why));
	if (signalling_usable(why)) {
		if (!strcmp(protocol, "pfcp"))
			pfcp(&p);
		else if (!strcmp(protocol, "gtpv2c"))
			gtpv2(&g);
		else
			radius(&r);
	}
	close_object();
	return more ? used : 0;
}

static uint32_t unhex(const char *text, uint8_t *out)
{
	uint32_t n = 0;
	unsigned v;

	for (; sscanf(text, "%2x", &v) == 1; text += 2)
		out[n++] = (uint8_t)v;
	return n;
}

int main(void)
{
	static char line[140000];
	static uint8_t octets[70000];

	while (fgets(line, sizeof(line), stdin)) {
		char *space = strchr(line, ' ');
		if (!space)
			return 1;
		*space = '\0';
		uint32_t length = unhex(space + 1, octets), at = 0, used;
		comma = "";
		putchar('[');
		while ((used = one(line, octets + at, length - at)) > 0)
			at += used;
		puts("]");
	}
	return 0;
}
