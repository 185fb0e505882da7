#include "shared/alternatives.h"

#include <string.h>

#define NAMING_FILTERS (FILTER_ADDRESS | FILTER_TEID | FILTER_FTEID | FILTER_MAC)
#define NAMING_SESSIONS (SESSION_FSEID | SESSION_SUBSCRIBER)

static bool is_one(uint32_t kinds)
{
	return kinds && !(kinds & (kinds - 1));
}

int alternative_check(const struct alternative *a, const char **why)
{
	uint32_t filter = a->filter.kinds, session = a->session.kinds;
	bool one = filter ? !session && is_one(filter) && !(filter & ~NAMING_FILTERS)
			  : is_one(session) && !(session & ~NAMING_SESSIONS);

	if (!one || a->filter.n_address > 1 || a->filter.n_mac > 1) {
		if (why)
			*why = "an alternative is one identifier that names a target by itself";
		return POI_ERR_INVALID;
	}
	return filter ? filter_check(&a->filter, why) : session_target_check(&a->session, why);
}

void alternative_encode(struct wire_writer *w, const struct alternative *a)
{
	filter_encode(w, &a->filter);
	session_target_encode(w, &a->session);
}

void alternative_decode(struct wire_reader *r, struct alternative *a)
{
	filter_decode(r, &a->filter);
	session_target_decode(r, &a->session);
	if (!r->error && alternative_check(a, NULL))
		r->error = POI_ERR_INVALID;
	if (r->error)
		memset(a, 0, sizeof(*a));
}

int alternatives_check(const uint8_t *octets, size_t length)
{
	struct wire_reader r = wire_reader_of(octets, length);
	size_t start[ALTERNATIVES_MAX + 1] = {0};
	unsigned n = 0;

	if (length > ALTERNATIVES_OCTETS_MAX)
		return POI_ERR_INVALID;
	while (wire_left(&r) > 0) {
		struct alternative a;
		if (n == ALTERNATIVES_MAX)
			return POI_ERR_INVALID;
		alternative_decode(&r, &a);
		if (r.error)
			return POI_ERR_INVALID;
		start[++n] = length - wire_left(&r);
		size_t own = start[n] - start[n - 1];
		for (unsigned i = 0; i + 1 < n; i++)
			if (start[i + 1] - start[i] == own &&
				!memcmp(octets + start[i], octets + start[n - 1], own))
				return POI_ERR_INVALID;
	}
	return n < 2 ? POI_ERR_INVALID : POI_OK;
}

struct alternatives_summary alternatives_sum(const uint8_t *octets, size_t length)
{
	struct wire_reader r = wire_reader_of(octets, length);
	struct alternatives_summary s = {0};

	while (!r.error && wire_left(&r) > 0 && s.n < ALTERNATIVES_MAX) {
		struct alternative a;
		alternative_decode(&r, &a);
		s.n++;
		s.n_sessions += a.session.kinds != 0;
		s.tunnels |= (a.filter.kinds & (FILTER_TEID | FILTER_FTEID)) != 0;
	}
	return s;
}
