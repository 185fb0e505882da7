// Begins a PFCP session whose establishment was missed.

#include "dataplane/session/session_message_internal.h"
#include "dataplane/session/session_node_internal.h"
#include "dataplane/session/session_subscription_internal.h"

struct session *pfcp_partial(
	struct sessions *st, const struct rules *r, const struct signalling_packet *p)
{
	struct pair *pair = pfcp_pair(st, p, NULL, true);

	if (!pair) {
		sessions_refuse(st);
		return NULL;
	}
	sessions_room(st);
	struct session *s = session_create(st, r, pair->index);
	if (s)
		session_set_partial(st, s, true);
	return s;
}
