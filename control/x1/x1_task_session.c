// Translates target identifiers that only signalling resolves.
#include "control/x1/x1_task_session.h"

#include <stdlib.h>
#include <string.h>

#define IE_CREATE_PDR 1
#define IE_PDR_ID 56

#define BIT(protocol) (1u << (protocol))
#define EVENTS BIT(CONFIG_SIGNALLING_COUNT) // of network functions
#define ALL (BIT(CONFIG_PFCP) | BIT(CONFIG_GTPV2C) | BIT(CONFIG_RADIUS) | EVENTS)

// The protocols that carry each identifier. Sessions of different protocols are not joined, so one
// protocol must carry all identifiers of a task.
static const struct {
	uint16_t kind;
	uint8_t protocols;
} carriers[] = {
	{SESSION_FSEID, BIT(CONFIG_PFCP) | EVENTS},
	{SESSION_PDR, BIT(CONFIG_PFCP)},
	{SESSION_QER, BIT(CONFIG_PFCP)},
	{SESSION_NI, BIT(CONFIG_PFCP)},
	{SESSION_IMSI, ALL},
	{SESSION_MSISDN, ALL},
	{SESSION_IMEI, ALL},
	{SESSION_IMEISV, ALL},
	{SESSION_NAI, BIT(CONFIG_PFCP) | BIT(CONFIG_RADIUS) | EVENTS},
};

static uint8_t needed(const struct session_target *t)
{
	uint8_t protocols = ALL;

	uint16_t kinds = t->kinds;
	if (kinds & SESSION_HASHED)
		kinds |= session_hashed_kind(t->hashed.identity);
	for (unsigned i = 0; i < sizeof(carriers) / sizeof(carriers[0]); i++)
		if (kinds & carriers[i].kind)
			protocols &= carriers[i].protocols;
	return protocols;
}

// Content and F-SEIDs need the sessions of an SMF; records come from whatever function there is.
static uint8_t followed(const struct x1_task_session *s)
{
	const struct config *c = s->config;
	bool any = s->records_only && !(s->out->kinds & SESSION_FSEID);
	uint8_t protocols = 0;

	for (uint32_t i = 0; i < c->events.n_functions; i++) {
		const struct config_function *f = &c->events.functions[i];
		if (any || config_records_set(f->records, f->n_records) & RECORDS_SMF)
			protocols |= EVENTS;
	}

	for (uint32_t i = 0; i < c->dataplane.n_ports; i++)
		for (uint32_t k = 0; k < c->dataplane.ports[i].n_signalling; k++)
			protocols |= BIT(c->dataplane.ports[i].signalling[k]);
	return protocols;
}

static int unresolved(struct x1_task_session *s, const char *name, uint8_t wants)
{
	x1_refuse(s->why, X1_ERR_TARGET_UNSUPPORTED,
		"%s: no port follows signalling that resolves it; "
		"dataplane.ports[].signalling must name pfcp%s%s",
		name, wants & BIT(CONFIG_GTPV2C) ? ", gtpv2c" : "",
		wants & BIT(CONFIG_RADIUS) ? " or radius" : "");
	return POI_ERR_INVALID;
}

// Refuses an unreadable value. Without any followed signalling, that is the reason instead.
static int broken(struct x1_task_session *s, const char *name)
{
	if (!followed(s))
		return unresolved(s, name, ALL);
	x1_refuse(s->why, s->generic, "%s: the value cannot be read", name);
	return POI_ERR_INVALID;
}

static int conflict(struct x1_task_session *s, const char *text)
{
	x1_refuse(s->why, X1_ERR_TARGET_COMBINATION, "%s", text);
	return POI_ERR_INVALID;
}

// Notes the identifier's kind. Returns true if the task has one of it already, whose value must be
// the same.
static bool begin(struct x1_task_session *s, uint16_t kind, const char *name)
{
	bool again = s->out->kinds & kind;

	s->out->kinds |= kind;
	if (!s->first)
		s->first = name;
	return again;
}

static int add_text(struct x1_task_session *s, uint16_t kind, const char *name, const char *text,
	char *out, size_t length)
{
	if (begin(s, kind, name) && (strlen(out) != length || memcmp(out, text, length)))
		return conflict(s, "no session has two different values of one identity");
	memcpy(out, text, length);
	out[length] = 0;
	return POI_OK;
}

// Bounds of a number of `low` to `high` digits, of which the first `keep` count (0: all).
struct digits {
	uint16_t kind;
	uint8_t low, high, keep;
};

static int add_digits(
	struct x1_task_session *s, const struct digits *d, const char *name, const char *text)
{
	struct session_target *t = s->out;
	size_t n = text ? strspn(text, "0123456789") : 0;
	char *out = d->kind == SESSION_IMSI	? t->imsi
		    : d->kind == SESSION_MSISDN ? t->msisdn
		    : d->kind == SESSION_IMEI	? t->imei
						: t->imeisv;

	if (!text || text[n] || n < d->low || n > d->high)
		return broken(s, name);
	return add_text(s, d->kind, name, text, out, d->keep ? d->keep : n);
}

static int add_checked(struct x1_task_session *s, const char *name, const char *text)
{
	static const struct digits imei = {SESSION_IMEI, 15, 15, 14};

	if (text && strlen(text) == 15 && strspn(text, "0123456789") == 15 &&
		text[14] != session_imei_check_digit(text)) {
		int rc = broken(s, name);
		if (followed(s))
			x1_refuse(s->why, s->generic,
				"%s: the check digit is not that of the others", name);
		return rc;
	}
	return add_digits(s, &imei, name, text);
}

static int add_nai(struct x1_task_session *s, const char *name, const char *text)
{
	size_t n = text ? strlen(text) : 0;

	if (n == 0 || n > SESSION_NAI_MAX)
		return broken(s, name);
	return add_text(s, SESSION_NAI, name, text, s->out->nai, n);
}

// Decodes hexBinary. Returns the bytes, or -1 if there are more than fit.
static int unhex(const char *text, uint8_t *out, size_t capacity)
{
	size_t n = text ? strlen(text) / 2 : 0;

	for (size_t i = 0; i < n && i < capacity; i++) {
		char pair[3] = {text[2 * i], text[2 * i + 1], 0};
		out[i] = (uint8_t)strtoul(pair, NULL, 16);
	}
	return n > capacity ? -1 : (int)n;
}

// ---- hashed identities ----

// The type names of TS 103 280, and that of table 5 where it differs.
static uint8_t identity_of(const char *type)
{
	static const struct {
		const char *type;
		uint8_t identity;
	} types[] = {{"IMSI", HASHED_IMSI}, {"SUPIIMSI", HASHED_IMSI},
		{"InternationalE164", HASHED_MSISDN}, {"E164Number", HASHED_MSISDN},
		{"GPSIMSISDN", HASHED_MSISDN}, {"IMEI", HASHED_IMEI}, {"PEIIMEI", HASHED_IMEI},
		{"IMEICheckDigit", HASHED_IMEI_CHECKED}, {"PEIIMEICheckDigit", HASHED_IMEI_CHECKED},
		{"IMEISV", HASHED_IMEISV}, {"PEIIMEISV", HASHED_IMEISV}, {"NAI", HASHED_NAI},
		{"SUPINAI", HASHED_NAI}, {"GPSINAI", HASHED_NAI}};

	for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (!strcmp(types[i].type, type))
			return types[i].identity;
	return 0;
}

// Finds the hash context. Returns false, with the reason, if no task may name it.
static bool find_context(
	struct x1_task_session *s, const struct id16 *id, struct object_hash_context *out)
{
	const struct object *o = objects_find(registry_objects(s->registry), s->ne, id);
	char text[ID_TEXT_SIZE];

	id_format(id, text);
	if (!o)
		x1_refuse(s->why, X1_ERR_OBJECT_UNKNOWN, "%s", text);
	else if (!object_hash_context(o, out))
		x1_refuse(s->why, s->generic, "hashContextID %s: the object is no hash context",
			text);
	else if (o->modifying || o->removing)
		x1_refuse(s->why, s->generic,
			"hashContextID %s: another request for it is not completed yet", text);
	else if (out->salt_length > IDENTITY_SALT_MAX || out->salt_length < IDENTITY_SALT_MIN)
		x1_refuse(s->why, s->generic,
			"hashContextID %s: a salt of %d to %d octets is supported", text,
			IDENTITY_SALT_MIN, IDENTITY_SALT_MAX);
	else if (!x1_task_room_name(s->room, id))
		x1_refuse(s->why, s->generic, "more than %d generic objects", X1_TASK_OBJECTS_MAX);
	else
		return true;
	return false;
}

static uint8_t algorithm_of(enum object_hash algorithm)
{
	return algorithm == OBJECT_SHA_256   ? IDENTITY_SHA_256
	       : algorithm == OBJECT_SHA_512 ? IDENTITY_SHA_512
					     : IDENTITY_SHA3_512;
}

static int add_hashed(struct x1_task_session *s, const char *name, const struct x1_target *t)
{
	struct object_hash_context context;
	struct session_hashed h = {0};

	if (!t->identity) // the requester's minor has no hash contexts
		return POI_ERR_UNSUPPORTED;
	if (!followed(s))
		return unresolved(s, name, ALL);
	h.identity = identity_of(t->identity);
	if (!h.identity) {
		x1_refuse_quoting(s->why, X1_ERR_TARGET_UNSUPPORTED,
			"hashedIdentifier: the targetIdentityType is not supported",
			"hashedIdentifier: targetIdentityType %s is not supported", t->identity);
		return POI_ERR_INVALID;
	}
	if (!find_context(s, &t->context, &context))
		return POI_ERR_INVALID;
	h.algorithm = algorithm_of(context.algorithm);
	h.salt_length = (uint8_t)context.salt_length;
	memcpy(h.salt, context.salt, context.salt_length);
	size_t size = identity_hash_size(h.algorithm);
	if (unhex(t->digest, h.digest, sizeof(h.digest)) != (int)size) {
		x1_refuse(s->why, X1_ERR_TARGET_UNSUPPORTED,
			"hashedIdentifier: a hashDigest of the context's algorithm has %zu octets",
			size);
		return POI_ERR_INVALID;
	}
	if (begin(s, SESSION_HASHED, name) && memcmp(&s->out->hashed, &h, sizeof(h)) != 0)
		return conflict(s, "more than one hashedIdentifier in one task");
	s->out->hashed = h;
	return POI_OK;
}

int x1_task_session_target(struct x1_task_session *s, const struct x1_target *t)
{
	static const struct digits imsi = {SESSION_IMSI, 6, 15, 0};
	static const struct digits msisdn = {SESSION_MSISDN, 1, 15, 0};
	static const struct digits imei = {SESSION_IMEI, 14, 14, 0};
	static const struct digits imeisv = {SESSION_IMEISV, 16, 16, 0};
	const char *name = x1_target_name(t->kind);

	switch (t->kind) {
	case X1_TARGET_IMSI:
	case X1_TARGET_SUPIIMSI:
		return add_digits(s, &imsi, name, t->text);
	case X1_TARGET_E164_NUMBER:
	case X1_TARGET_GPSI_MSISDN:
		return add_digits(s, &msisdn, name, t->text);
	case X1_TARGET_IMEI:
	case X1_TARGET_PEI_IMEI:
		return add_digits(s, &imei, name, t->text);
	case X1_TARGET_PEI_IMEI_CHECK:
		return add_checked(s, name, t->text);
	case X1_TARGET_PEI_IMEISV:
		return add_digits(s, &imeisv, name, t->text);
	case X1_TARGET_NAI:
	case X1_TARGET_SUPINAI:
	case X1_TARGET_GPSI_NAI:
		return add_nai(s, name, t->text);
	case X1_TARGET_HASHED_IDENTIFIER:
		return add_hashed(s, name, t);
	default:
		return POI_ERR_UNSUPPORTED;
	}
}

// ---- members of the 3GPP extension ----

static bool number(const char *text, uint64_t *out)
{
	char *end;

	if (!text || text[strspn(text, "+0123456789")])
		return false;
	*out = strtoull(text, &end, 10);
	return end != text && !*end;
}

static int add_fseid(struct x1_task_session *s, const struct x1_extension_member *m)
{
	struct session_target *t = s->out;
	struct ip_address v4 = {0}, v6 = {0};
	uint64_t seid;

	if (!number(m->teid, &seid) || (m->ipv4 && ip_address_parse(m->ipv4, &v4)) ||
		(m->ipv6 && ip_address_parse(m->ipv6, &v6)))
		return broken(s, m->name);
	if (begin(s, SESSION_FSEID, m->name))
		return conflict(s, "more than one FSEID in one task");
	t->seid = seid;
	t->seid_v4 = v4;
	t->seid_v6 = v6;
	return POI_OK;
}

static int set_pdr(struct x1_task_session *s, const char *name, uint16_t id)
{
	if (begin(s, SESSION_PDR, name) && s->out->pdr != id)
		return conflict(s, "more than one packet detection rule in one task");
	s->out->pdr = id;
	return POI_OK;
}

static int add_pdr_id(struct x1_task_session *s, const struct x1_extension_member *m)
{
	uint64_t id;

	if (!number(m->text, &id))
		return broken(s, m->name);
	if (id > UINT16_MAX) {
		x1_refuse(s->why, s->generic, "PDRID: a PFCP PDR ID has 16 bits");
		return POI_ERR_INVALID;
	}
	return set_pdr(s, m->name, (uint16_t)id);
}

static int add_qer(struct x1_task_session *s, const struct x1_extension_member *m)
{
	uint64_t id;

	if (!number(m->text, &id) || id > UINT32_MAX)
		return broken(s, m->name);
	if (begin(s, SESSION_QER, m->name) && s->out->qer != id)
		return conflict(s, "more than one QERID in one task");
	s->out->qer = (uint32_t)id;
	return POI_OK;
}

static int add_ni(struct x1_task_session *s, const struct x1_extension_member *m)
{
	uint8_t octets[SESSION_NI_MAX];
	int n = unhex(m->text, octets, sizeof(octets));

	if (n <= 0)
		return broken(s, m->name);
	if (begin(s, SESSION_NI, m->name) &&
		!session_ni_equal(s->out->ni, s->out->ni_length, octets, (size_t)n))
		return conflict(s, "more than one NetworkInstance in one task");
	memcpy(s->out->ni, octets, (size_t)n);
	s->out->ni_length = (uint8_t)n;
	return POI_OK;
}

// Returns the value of the first IE of this type, or NULL.
static const uint8_t *find_ie(struct wire_reader *r, uint16_t type, uint16_t *length)
{
	while (!r->error && wire_left(r) >= 4) {
		uint16_t here = wire_get_u16(r), n = wire_get_u16(r);
		const uint8_t *value = wire_take(r, n);
		if (!r->error && here == type) {
			*length = n;
			return value;
		}
	}
	return NULL;
}

// Adds an encoded IE. Of a rule only the identifier is used; a rule without one is refused.
static int add_pdr(struct x1_task_session *s, const struct x1_extension_member *m)
{
	uint8_t octets[2048];
	int n = unhex(m->text, octets, sizeof(octets));
	struct wire_reader r = wire_reader_of(octets, n > 0 ? (size_t)n : 0);
	uint16_t length = 0;
	const uint8_t *value;

	if (n >= 4 && wire_load16(octets) == IE_CREATE_PDR) {
		value = find_ie(&r, IE_CREATE_PDR, &length);
		r = value ? wire_reader_of(value, length) : wire_reader_of("", 0);
	}
	value = find_ie(&r, IE_PDR_ID, &length);
	if (value && length >= 2)
		return set_pdr(s, m->name, wire_load16(value));
	x1_refuse(s->why, X1_ERR_TARGET_UNSUPPORTED,
		"targetIdentifierExtension: PDR (only as a Create PDR or PDR ID IE)");
	return POI_ERR_INVALID;
}

int x1_task_session_member(struct x1_task_session *s, const struct x1_extension_member *m)
{
	if (!strcmp(m->name, "FSEID"))
		return add_fseid(s, m);
	if (!strcmp(m->name, "PDRID"))
		return add_pdr_id(s, m);
	if (!strcmp(m->name, "PDR"))
		return add_pdr(s, m);
	if (!strcmp(m->name, "QERID"))
		return add_qer(s, m);
	if (!strcmp(m->name, "NetworkInstance"))
		return add_ni(s, m);
	return POI_ERR_UNSUPPORTED;
}

// ---- all together ----

// Returns true if a port shows packets of a session: tunnels, except for RADIUS, which signals
// none; or a user's address outside tunnels.
static bool packets_seen(const struct config *c, uint8_t protocols, bool directed)
{
	bool by_tunnel = protocols & (BIT(CONFIG_PFCP) | BIT(CONFIG_GTPV2C) | EVENTS);

	for (uint32_t i = 0; i < c->dataplane.n_ports; i++) {
		const struct config_port *p = &c->dataplane.ports[i];
		bool gtpu = p->tunnel == CONFIG_TUNNEL_GTPU;
		if (gtpu && by_tunnel)
			return true;
		if (!directed &&
			(p->link == CONFIG_LINK_N6 || (p->link == CONFIG_LINK_OTHER && !gtpu)))
			return true;
	}
	return false;
}

int x1_task_session_check(struct x1_task_session *s, bool directed)
{
	struct session_target *t = s->out;
	const char *text = NULL;

	if (!t->kinds)
		return POI_OK;
	if (t->kinds & SESSION_IMEI && t->kinds & SESSION_IMEISV && memcmp(t->imei, t->imeisv, 14))
		return conflict(s, "IMEI and IMEISV are of two devices");
	int rc = session_target_check(t, &text);
	if (rc == POI_ERR_CONFLICT)
		return conflict(s, text ? text : "no session can satisfy all identifiers");
	if (rc)
		return broken(s, s->first);
	uint8_t usable = needed(t) & followed(s);
	if (!usable)
		return unresolved(s, s->first, needed(t));
	if (s->records_only || packets_seen(s->config, usable, directed))
		return POI_OK;
	x1_refuse(s->why, X1_ERR_TARGET_UNSUPPORTED,
		"%s: no port sees its packets; dataplane.ports[] needs tunnel: gtpu%s", s->first,
		directed ? "" : " or link: n6");
	return POI_ERR_INVALID;
}
