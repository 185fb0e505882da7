// Settles sent copies where the MDF acknowledges keepalives: copies before an acknowledged
// keepalive are delivered, because the MDF has read the byte stream up to there.

#include "dataplane/deliver/deliver_internal.h"

#include "shared/now.h"

#define SETTLE_NS NS_PER_S	       // between two keepalives that settle
#define GATHER_NS (100 * NS_PER_MS)    // what is sent in a burst has one
#define SETTLE_FIRST (64 * 1024ull)    // octets before the first of a connection
// Less than the caches hold: at 4 MiB each octet is written to memory twice.
#define SETTLE_OCTETS (1024 * 1024ull)

bool mdf_connection_settles_by_keepalive(const struct mdf_connection *c)
{
	return c->settings.settle == CONFIG_SETTLE_KEEPALIVE;
}

// The first keepalives of a connection are close together, and closer still when the last connection
// ended before one was acknowledged: else an MDF that closes after every few PDUs would get the same
// ones for ever.
void mdf_connection_settle_begin(struct mdf_connection *c, uint64_t now)
{
	uint64_t before = c->settle.octets;
	bool failed = before && !c->settle.any;

	c->settle = (struct connection_settle){.marked_at = now,
		.marked = mdf_written(c->mdf),
		.octets = failed && before <= SETTLE_FIRST ? before / 4 + 1 : SETTLE_FIRST};
	c->keepalive_in_hand = false;
	stream_settle_by_marks(c->stream, mdf_connection_settles_by_keepalive(c));
}

void mdf_connection_settle_end(struct mdf_connection *c)
{
	c->keepalive_in_hand = false;
}

void mdf_connection_settle_sent(struct mdf_connection *c, uint64_t now)
{
	struct connection_settle *s = &c->settle;

	if (s->due_at)
		return;
	s->due_at = s->marked_at + SETTLE_NS;
	if (s->due_at < now + GATHER_NS)
		s->due_at = now + GATHER_NS;
}

void mdf_connection_settle_mark(struct mdf_connection *c, uint64_t now)
{
	struct connection_settle *s = &c->settle;

	c->keepalive_in_hand = false;
	s->sent = c->keepalive_next;
	s->marked = mdf_written(c->mdf);
	s->mark[(s->sent - 1) % SETTLE_MARKS] = s->marked;
	s->marked_at = now;
	s->due_at = 0;
	stream_mark(c->stream);
}

bool mdf_connection_settle_due(struct mdf_connection *c, uint64_t now, enum settle_when when)
{
	const struct connection_settle *s = &c->settle;

	if (!mdf_connection_settles_by_keepalive(c) || !s->due_at ||
		s->sent - c->keepalive_acked >= SETTLE_MARKS)
		return false;
	return now >= s->due_at || mdf_written(c->mdf) - s->marked >= s->octets ||
	       when == SETTLE_LAST ||
	       stream_wants_mark(c->stream, when == SETTLE_IDLE) == STREAM_MARK_SOON;
}

static void odd(struct mdf_connection *c)
{
	pthread_mutex_lock(&c->deliver->lock);
	c->odd_acks++;
	pthread_mutex_unlock(&c->deliver->lock);
}

// Acknowledgements may skip numbers: the MDF has read what lies before the one it names.
bool mdf_connection_settle_acknowledged(struct mdf_connection *c, uint32_t number)
{
	struct connection_settle *s = &c->settle;

	if (number < c->keepalive_acked || number >= s->sent) {
		odd(c);
		return false;
	}
	c->keepalive_acked = number + 1;
	if (!mdf_connection_settles_by_keepalive(c) || s->sent - number > SETTLE_MARKS)
		return true; // not remembered any more: a later one settles it
	if (stream_acked_at(c->stream, s->mark[number % SETTLE_MARKS], now_wall_ns()))
		c->delivered = s->any = true;
	if (s->octets < SETTLE_OCTETS)
		s->octets *= 2;
	return true;
}
