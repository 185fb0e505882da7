// Checks of messages beyond their encoding.
#include "shared/channel.h"

#include "shared/wire.h"

#define HEADER_SIZE 8

int channel_task_check(const struct channel_task *t, const char **why)
{
	struct filter f = t->filter;

	if (t->alternatives_length) {
		bool alone = !f.kinds && !t->session.kinds &&
			     !alternatives_check(t->alternatives, t->alternatives_length);
		if (!alone && why)
			*why = "the alternatives are malformed";
		return alone ? POI_OK : POI_ERR_INVALID;
	}
	if (!t->session.kinds)
		return filter_check(&f, why);
	int rc = session_target_check(&t->session, why);
	// A direction beside a session is that of its tunnels.
	f.kinds &= ~FILTER_DIRECTION;
	f.direction = FILTER_ANY_DIRECTION;
	return rc || !f.kinds ? rc : filter_check(&f, why);
}

int channel_split(const uint8_t *datagram, size_t length, struct channel_header *h,
	const uint8_t **body, size_t *body_length)
{
	struct wire_reader r = wire_reader_of(datagram, length);

	h->id = wire_get_u16(&r);
	uint16_t zero = wire_get_u16(&r);
	h->request = wire_get_u32(&r);
	if (r.error || zero)
		return POI_ERR_SYNTAX;
	*body = datagram + HEADER_SIZE;
	*body_length = length - HEADER_SIZE;
	return POI_OK;
}

const char *destination_state_name(enum destination_state s)
{
	switch (s) {
	case DESTINATION_IDLE:
		return "idle";
	case DESTINATION_CONNECTING:
		return "connecting";
	case DESTINATION_UP:
		return "up";
	case DESTINATION_DOWN:
		return "down";
	case DESTINATION_DRAINING:
		return "draining";
	}
	return "unknown";
}

const char *port_spread_name(enum port_spread s)
{
	switch (s) {
	case SPREAD_NONE:
		return "one_queue";
	case SPREAD_ADDRESSES:
		return "addresses";
	case SPREAD_ONE_SIDED:
		return "one_sided";
	case SPREAD_DEVICE:
		return "device";
	case SPREAD_IMPOSSIBLE:
		return "impossible";
	case SPREAD_PORTS:
		return "ports";
	case SPREAD_SOFTWARE:
		return "software";
	case SPREAD_TUNNEL:
		return "tunnel";
	}
	return "unknown";
}
