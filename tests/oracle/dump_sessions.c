// The session store on standard input and output, for tests that compare it with what others know.
// Lines in:
//   watch NUMBER key=value...   imsi msisdn imei imeisv nai seid(hex) addr pdr qer ni(hex)
//   direction unwatch NUMBER take TIME_NS PROTOCOL SOURCE PORT DESTINATION PORT HEX tick TIME_NS
//   counts
// Lines out: "+ watch binding way link direction teid prefix/length whole|select", "- watch
// binding",
// "~ watch sessions bound-once unsure", after `counts` one with all of them, and "= line" after
// each line in.

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/session/session.h"

#define LINE_MAX_OCTETS 262144

static int on_bind(void *context, uint64_t subscription, const struct binding *b)
{
	char text[INET6_ADDRSTRLEN];

	inet_ntop(b->prefix.family == 6 ? AF_INET6 : AF_INET, b->prefix.b, text, sizeof(text));
	printf("+ %llu %llu %s %u %u %u %s/%u %s\n", (unsigned long long)subscription,
		(unsigned long long)b->id, b->kind == BINDING_TUNNEL ? "tunnel" : "address", b->link,
		b->direction, b->teid, text, b->prefix.length, b->select ? "select" : "whole");
	return 0;
}

static void on_unbind(void *context, uint64_t subscription, uint64_t binding)
{
	printf("- %llu %llu\n", (unsigned long long)subscription, (unsigned long long)binding);
}

static void on_state(void *context, uint64_t subscription, const struct subscription_state *s)
{
	printf("~ %llu %u %d %d\n", (unsigned long long)subscription, s->sessions, s->bound_once,
		s->unsure);
}

static void fail(const char *what)
{
	fprintf(stderr, "dump_sessions: %s\n", what);
	exit(1);
}

static size_t from_hex(const char *text, uint8_t *out, size_t most)
{
	size_t n = 0;
	unsigned v;

	for (; n < most && sscanf(text, "%2x", &v) == 1; text += 2)
		out[n++] = (uint8_t)v;
	return n;
}

static void set_text(
	char *out, size_t size, const char *value, uint16_t kind, struct session_target *t)
{
	snprintf(out, size, "%s", value);
	t->kinds |= kind;
}

static void set_address(struct session_target *t, const char *value)
{
	struct ip_address a;

	if (ip_address_parse(value, &a) != 0)
		fail("address");
	*(a.family == 6 ? &t->seid_v6 : &t->seid_v4) = a;
}

static void set_criterion(
	struct session_target *t, uint8_t *direction, const char *key, const char *value)
{
	if (!strcmp(key, "imsi"))
		set_text(t->imsi, sizeof(t->imsi), value, SESSION_IMSI, t);
	else if (!strcmp(key, "msisdn"))
		set_text(t->msisdn, sizeof(t->msisdn), value, SESSION_MSISDN, t);
	else if (!strcmp(key, "imei"))
		set_text(t->imei, sizeof(t->imei), value, SESSION_IMEI, t);
	else if (!strcmp(key, "imeisv"))
		set_text(t->imeisv, sizeof(t->imeisv), value, SESSION_IMEISV, t);
	else if (!strcmp(key, "nai"))
		set_text(t->nai, sizeof(t->nai), value, SESSION_NAI, t);
	else if (!strcmp(key, "addr"))
		set_address(t, value);
	else if (!strcmp(key, "direction"))
		*direction = (uint8_t)atoi(value);
	else if (!strcmp(key, "seid")) {
		t->kinds |= SESSION_FSEID;
		t->seid = strtoull(value, NULL, 16);
	} else if (!strcmp(key, "pdr")) {
		t->kinds |= SESSION_PDR;
		t->pdr = (uint16_t)atoi(value);
	} else if (!strcmp(key, "qer")) {
		t->kinds |= SESSION_QER;
		t->qer = (uint32_t)strtoul(value, NULL, 10);
	} else if (!strcmp(key, "ni")) {
		t->kinds |= SESSION_NI;
		t->ni_length = (uint8_t)from_hex(value, t->ni, sizeof(t->ni));
	} else {
		fail("criterion");
	}
}

static void do_subscribe(struct sessions *st, char *rest)
{
	struct session_target t = {};
	uint8_t direction = FILTER_ANY_DIRECTION;
	char *at = NULL, *number = strtok_r(rest, " \n", &at);

	for (char *word; (word = strtok_r(NULL, " \n", &at));) {
		char *value = strchr(word, '=');
		if (!value)
			fail("watch");
		*value++ = 0;
		set_criterion(&t, &direction, word, value);
	}
	if (!number || sessions_subscribe(st, strtoull(number, NULL, 10), &t, direction) != 0)
		fail("watch");
	while (sessions_walk(st, 64))
		;
}

static void do_take(struct sessions *st, char *rest)
{
	static uint8_t octets[65536];
	static char hex[131073];
	char source[64], destination[64];
	unsigned protocol, from, to;
	unsigned long long time_ns;
	struct signalling_packet p = {};

	if (sscanf(rest, "%llu %u %63s %u %63s %u %131072s", &time_ns, &protocol, source, &from,
		    destination, &to, hex) != 7 ||
		ip_address_parse(source, &p.source.address) != 0 ||
		ip_address_parse(destination, &p.destination.address) != 0)
		fail("take");
	p.time_ns = time_ns;
	p.protocol = (uint8_t)protocol;
	p.source.port = (uint16_t)from;
	p.destination.port = (uint16_t)to;
	p.octets = octets;
	p.length = (uint32_t)from_hex(hex, octets, sizeof(octets));
	sessions_take(st, &p);
}

static void do_counts(const struct sessions *st)
{
	struct session_counts c;

	sessions_counts(st, &c);
#define X(name) printf(#name "=%llu ", (unsigned long long)c.name);
	SESSION_COUNTS(X)
#undef X
	printf("sessions=%u partial_now=%u octets=%llu\n", c.sessions, c.partial_now,
		(unsigned long long)c.octets);
}

int main(void)
{
	static char line[LINE_MAX_OCTETS];
	struct sessions_settings s = {
		SESSIONS_DEFAULTS, .seed = {1, 2}, .sink = {.bind = on_bind, .unbind = on_unbind, .state = on_state}};
	struct sessions *st = sessions_new(&s);

	if (!st)
		fail("memory");
	for (unsigned n = 0; fgets(line, sizeof(line), stdin); n++) {
		char *rest = line + strcspn(line, " \n");
		*rest = 0;
		rest++;
		if (!strcmp(line, "watch"))
			do_subscribe(st, rest);
		else if (!strcmp(line, "unwatch"))
			(void)!sessions_unsubscribe(st, strtoull(rest, NULL, 10));
		else if (!strcmp(line, "take"))
			do_take(st, rest);
		else if (!strcmp(line, "tick"))
			sessions_tick(st, strtoull(rest, NULL, 10));
		else if (!strcmp(line, "counts"))
			do_counts(st);
		else
			fail("line");
		printf("= %u\n", n);
		fflush(stdout); // the other side waits for it
	}
	sessions_free(st);
	return 0;
}
