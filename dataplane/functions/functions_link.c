// Connects to poi-events, and passes messages and answers.

#include "dataplane/functions/functions_link.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shared/log.h"
#include "shared/socket.h"

#define RETRY_MS 1000u
#define ANSWERS_OCTETS (1 << 20)
#define STUCK_MS 20 // to wait for a peer that does not read, each time

void link_close(struct functions_link *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
	l->n_unsent = 0;
}

// The service that listens there must be poi-events: its events decide what content is bound.
static bool is_events(const struct functions_link *l, int fd)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == l->uid;
}

static const char *greet(struct functions_link *l, int fd)
{
	uint8_t octets[16 + sizeof(l->hello)];

	if (!is_events(l, fd))
		return "its socket belongs to another user";
	int n = nf_encode_hello(octets, sizeof(octets), &l->hello);
	if (n < 0 || send(fd, octets, (size_t)n, MSG_NOSIGNAL) != n)
		return "it takes no message";
	return NULL;
}

bool link_connect(struct functions_link *l, uint64_t now_ms)
{
	const char *why = NULL;

	if (l->fd >= 0 || now_ms < l->next_ms)
		return false;
	l->next_ms = now_ms + RETRY_MS;
	int fd = socket_connect_path(l->path, SOCK_SEQPACKET);
	if (fd < 0)
		why = strerror(errno);
	else
		why = greet(l, fd);
	if (why) {
		if (fd >= 0)
			close(fd);
		if (!l->silent)
			log_warning("events: cannot connect to poi-events: %s; trying again", why);
		l->silent = true;
		return false;
	}
	// The answers of a batch fit while poi-events is busy; less is a matter of speed only.
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &(int){ANSWERS_OCTETS}, sizeof(int));
	log_notice("events: connected to poi-events");
	l->fd = fd;
	l->silent = false;
	return true;
}

int link_receive(struct functions_link *l, uint8_t *out, size_t capacity)
{
	if (l->fd < 0)
		return 0;
	ssize_t n = recv(l->fd, out, capacity, MSG_DONTWAIT | MSG_TRUNC);
	if (n > 0 && (size_t)n <= capacity)
		return (int)n;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	link_close(l);
	log_warning("events: connection to poi-events lost: %s", n == 0	 ? "closed by poi-events"
								 : n > 0 ? "a message is too long"
									 : strerror(errno));
	return POI_ERR_CLOSED;
}

// False: not now.
static bool send_one(struct functions_link *l, const struct nf_answer *a)
{
	uint8_t octets[64 + NF_TEXT_MAX];
	int n = nf_encode_answer(octets, sizeof(octets), a);

	// A connection that is gone shows with link_receive.
	return n < 0 || send(l->fd, octets, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT) == n ||
	       (errno != EAGAIN && errno != EINTR);
}

static void send_unsent(struct functions_link *l)
{
	while (l->n_unsent > 0 && send_one(l, &l->unsent[l->first])) {
		l->first = (l->first + 1) % LINK_ANSWERS;
		l->n_unsent--;
	}
}

void link_answer(struct functions_link *l, const struct nf_answer *a)
{
	if (l->fd < 0)
		return;
	send_unsent(l);
	if (l->n_unsent == 0 && send_one(l, a))
		return;
	if (l->n_unsent < LINK_ANSWERS)
		l->unsent[(l->first + l->n_unsent++) % LINK_ANSWERS] = *a;
}

uint32_t link_room(struct functions_link *l)
{
	struct pollfd wait = {.fd = l->fd, .events = POLLOUT};

	if (l->fd < 0)
		return 0;
	send_unsent(l);
	if (l->n_unsent > 0) { // without a pause the caller would spin
		(void)poll(&wait, 1, STUCK_MS);
		send_unsent(l);
	}
	return l->n_unsent > 0 ? 0 : LINK_ANSWERS;
}
