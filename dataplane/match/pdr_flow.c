// Flow descriptions: IPFilterRule of RFC 6733 clause 4.3.1 as 3GPP TS 29.212 clause 5.3.8 narrows
// it.

#include "dataplane/match/pdr_select.h"

#include <string.h>

#define TOKEN_MAX 192 // a list of 16 port ranges has 191 octets at most

struct text {
	const char *at, *end;
};

struct end { // of a flow
	struct ip_prefix prefix;
	struct port_set ports;
};

// The next word into `token`; its length, 0 at the end, SYNTAX when it is too long.
static int next_token(struct text *t, char token[TOKEN_MAX + 1])
{
	int n = 0;

	while (t->at < t->end && (*t->at == ' ' || *t->at == '\t'))
		t->at++;
	for (; t->at < t->end && *t->at != ' ' && *t->at != '\t' && *t->at; t->at++) {
		if (n == TOKEN_MAX)
			return POI_ERR_SYNTAX;
		token[n++] = *t->at;
	}
	token[n] = '\0';
	return n;
}

static int expect(struct text *t, const char *word, int otherwise)
{
	char token[TOKEN_MAX + 1];
	int n = next_token(t, token);

	if (n <= 0)
		return POI_ERR_SYNTAX;
	return strcmp(token, word) ? otherwise : POI_OK;
}

// Decimal, up to `most`; moves `p` behind it.
static int read_number(const char **p, unsigned most, unsigned *out)
{
	unsigned v = 0, digits = 0;

	for (; **p >= '0' && **p <= '9' && digits < 6; (*p)++, digits++)
		v = v * 10 + (unsigned)(**p - '0');
	*out = v;
	return digits && v <= most ? POI_OK : POI_ERR_SYNTAX;
}

static int read_protocol(struct text *t, struct pdr_flow *out)
{
	static const struct {
		const char *name;
		uint8_t number;
	} names[] = {{"icmp", 1}, {"tcp", 6}, {"udp", 17}};
	char token[TOKEN_MAX + 1];
	const char *p = token;
	unsigned v = 0;

	if (next_token(t, token) <= 0)
		return POI_ERR_SYNTAX;
	if (!strcmp(token, "ip")) {
		out->any_protocol = true;
		return POI_OK;
	}
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(token, names[i].name))
			v = names[i].number;
	if (!v && (read_number(&p, 255, &v) || *p))
		return POI_ERR_SYNTAX;
	out->protocol = (uint8_t)v;
	return POI_OK;
}

// "192.0.2.1", "2001:db8::/32"; octets beyond the length are cleared, as the UPF does.
static int read_prefix(char *token, struct ip_prefix *out)
{
	char *slash = strchr(token, '/');
	struct ip_address a = {};
	unsigned length;

	if (slash)
		*slash = '\0';
	if (ip_address_parse(token, &a))
		return POI_ERR_SYNTAX;
	unsigned most = a.family == 4 ? 32 : 128;
	const char *p = slash ? slash + 1 : "";
	length = most;
	if (slash && (read_number(&p, most, &length) || *p))
		return POI_ERR_SYNTAX;
	*out = (struct ip_prefix){.family = a.family, .length = (uint8_t)length};
	memcpy(out->b, a.b, length / 8);
	if (length % 8)
		out->b[length / 8] = a.b[length / 8] & (uint8_t)(0xff00u >> (length % 8));
	return POI_OK;
}

static int read_address(struct text *t, struct ip_prefix *out)
{
	char token[TOKEN_MAX + 1];

	*out = (struct ip_prefix){};
	if (next_token(t, token) <= 0)
		return POI_ERR_SYNTAX;
	if (!strcmp(token, "any") || !strcmp(token, "assigned"))
		return POI_OK;
	if (token[0] == '!')
		return POI_ERR_UNSUPPORTED;
	return read_prefix(token, out);
}

// "80", "5000-5010", "80,443,5000-5010"; nothing when the next word is no list of ports.
static int read_ports(struct text *t, struct port_set *out)
{
	struct text before = *t;
	char token[TOKEN_MAX + 1];
	unsigned first, last;
	int n = next_token(t, token);

	memset(out, 0, sizeof(*out));
	if (n < 0)
		return n;
	if (n == 0 || token[0] < '0' || token[0] > '9') {
		*t = before;
		return POI_OK;
	}
	for (const char *p = token;; p++) {
		if (read_number(&p, UINT16_MAX, &first))
			return POI_ERR_SYNTAX;
		last = first;
		if (*p == '-') {
			p++;
			if (read_number(&p, UINT16_MAX, &last) || last < first)
				return POI_ERR_SYNTAX;
		}
		if (out->n == FILTER_RANGES_MAX)
			return POI_ERR_UNSUPPORTED;
		out->range[out->n++] = (struct port_range){(uint16_t)first, (uint16_t)last};
		if (!*p)
			return POI_OK;
		if (*p != ',')
			return POI_ERR_SYNTAX;
	}
}

static int read_end(struct text *t, struct end *out)
{
	int rc = read_address(t, &out->prefix);

	return rc ? rc : read_ports(t, &out->ports);
}

int pdr_flow_parse(const char *text, size_t length, bool uplink, struct pdr_flow *out)
{
	struct text t = {text, text + length};
	char token[TOKEN_MAX + 1];
	struct end from, to;
	int rc;

	memset(out, 0, sizeof(*out));
	if ((rc = expect(&t, "permit", POI_ERR_UNSUPPORTED)) ||
		(rc = expect(&t, "out", POI_ERR_UNSUPPORTED)) || (rc = read_protocol(&t, out)) ||
		(rc = expect(&t, "from", POI_ERR_SYNTAX)) || (rc = read_end(&t, &from)) ||
		(rc = expect(&t, "to", POI_ERR_SYNTAX)) || (rc = read_end(&t, &to)))
		return rc;
	if (next_token(&t, token))
		return POI_ERR_UNSUPPORTED;
	if (t.at < t.end && t.end - t.at > 1)
		return POI_ERR_SYNTAX; // a zero octet ends text, and closes nothing else
	if (from.prefix.family && to.prefix.family && from.prefix.family != to.prefix.family)
		return POI_ERR_SYNTAX;
	out->source = uplink ? to.prefix : from.prefix;
	out->destination = uplink ? from.prefix : to.prefix;
	out->source_ports = uplink ? to.ports : from.ports;
	out->destination_ports = uplink ? from.ports : to.ports;
	return POI_OK;
}
