// The connection of poi-dataplane.

#include "events/link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/log.h"
#include "shared/socket.h"

// Messages that wait for room: an event, then states of functions. Of one function at most its last
// going and its last coming wait.
#define STATES_MAX (2 * CONFIG_FUNCTIONS_MAX + 1)

struct link {
	int listener, fd;
	uid_t dataplane;
	bool ready, greeted;
	char *path;
	struct nf_hello hello;
	size_t kept; // octets of `out` that wait
	uint32_t n_states;
	struct nf_function_state states[STATES_MAX];
	uint8_t out[NF_MESSAGE_MAX], in[NF_MESSAGE_MAX];
};

struct link *link_new(const char *folder, uid_t dataplane)
{
	struct link *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->fd = l->listener = -1; // nothing to close yet
	l->dataplane = dataplane;
	if (asprintf(&l->path, "%s/dataplane.sock", folder) < 0)
		l->path = NULL;
	if (l->path)
		(void)unlink(l->path);
	l->listener = l->path ? socket_listen_path(l->path, SOCK_SEQPACKET, 4) : -1;
	// The user of each peer is looked at, so the file is open to each.
	if (l->listener < 0 || chmod(l->path, 0666) != 0) {
		int error = errno;
		link_free(l);
		errno = error;
		return NULL;
	}
	return l;
}

void link_free(struct link *l)
{
	if (!l)
		return;
	link_close(l);
	if (l->listener >= 0) {
		close(l->listener);
		(void)unlink(l->path);
	}
	free(l->path);
	free(l);
}

int link_listener(const struct link *l)
{
	return l->listener;
}

int link_fd(const struct link *l)
{
	return l->fd;
}

bool link_ready(const struct link *l)
{
	return l->ready;
}

const struct nf_hello *link_hello(const struct link *l)
{
	return l->greeted ? &l->hello : NULL;
}

void link_close(struct link *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
	l->ready = false;
	l->kept = 0;
	l->n_states = 0;
	explicit_bzero(l->out, sizeof(l->out));
}

bool link_accept(struct link *l)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);
	int fd = accept4(l->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return false;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 ||
		peer.uid != l->dataplane) {
		log_warning("a process of another user than --dataplane-user was refused");
		close(fd);
		return false;
	}
	link_close(l);
	l->fd = fd;
	return true;
}

bool link_waits(const struct link *l)
{
	return l->kept > 0 || l->n_states > 0;
}

static void send_kept(struct link *l)
{
	while (l->kept > 0 && l->fd >= 0) {
		if (send(l->fd, l->out, l->kept, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) {
			explicit_bzero(l->out, l->kept);
			l->kept = 0;
		} else if (errno == EAGAIN || errno == ENOBUFS) {
			return;
		} else if (errno != EINTR) {
			link_close(l);
		}
	}
}

void link_flush(struct link *l)
{
	send_kept(l);
	while (l->kept == 0 && l->n_states > 0) {
		int length = nf_encode_function(l->out, sizeof(l->out), &l->states[0]);
		memmove(l->states, l->states + 1, --l->n_states * sizeof(l->states[0]));
		l->kept = length > 0 ? (size_t)length : 0;
		send_kept(l);
	}
}

int link_event(struct link *l, const struct nf_event *e)
{
	if (l->fd < 0)
		return POI_ERR_CLOSED;
	if (link_waits(l))
		return POI_ERR_AGAIN;
	int length = nf_encode_event(l->out, sizeof(l->out), e);
	if (length < 0)
		return length;
	l->kept = (size_t)length;
	link_flush(l);
	return l->fd >= 0 ? POI_OK : POI_ERR_CLOSED;
}

// A coming that was not sent yet, and nothing of that function behind it, is as if it never was.
static bool undo_coming(struct link *l, uint16_t function)
{
	for (uint32_t i = 0; i < l->n_states; i++) {
		struct nf_function_state *m = &l->states[i];
		if (m->function != function || m->state != NF_CONNECTED)
			continue;
		memmove(m, m + 1, (--l->n_states - i) * sizeof(*m));
		return true;
	}
	return false;
}

void link_function(struct link *l, uint16_t function, enum nf_state state)
{
	if (!l->ready || (state == NF_GONE && undo_coming(l, function)))
		return;
	if (l->n_states == STATES_MAX) { // never, while each coming has its going
		link_close(l);
		return;
	}
	l->states[l->n_states++] =
		(struct nf_function_state){.function = function, .state = (uint8_t)state};
	link_flush(l);
}

static enum link_message closed(struct link *l, const char *why)
{
	if (why)
		log_error("poi-dataplane: %s; its connection is closed", why);
	link_close(l);
	return LINK_CLOSED;
}

static enum link_message take(struct link *l, size_t length, struct nf_answer *answer)
{
	const uint8_t *body = l->in + 1;

	if (l->in[0] == NF_ANSWER && l->ready)
		return nf_decode_answer(body, length - 1, answer) == POI_OK
			       ? LINK_ANSWER
			       : closed(l, "an answer cannot be read");
	if (l->in[0] != NF_HELLO || l->ready)
		return closed(l, "a message that does not belong here");
	int e = nf_decode_hello(body, length - 1, &l->hello);
	if (e != POI_OK)
		return closed(l, e == POI_ERR_VERSION ? "the programs are of two versions: install "
							"both of one"
						      : "its first message cannot be read");
	l->ready = l->greeted = true;
	return LINK_HELLO;
}

enum link_message link_take(struct link *l, struct nf_answer *answer)
{
	if (l->fd < 0)
		return LINK_CLOSED;
	ssize_t n = recv(l->fd, l->in, sizeof(l->in), MSG_DONTWAIT | MSG_TRUNC);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? LINK_NOTHING : closed(l, NULL);
	if (n == 0)
		return closed(l, NULL);
	if ((size_t)n > sizeof(l->in))
		return closed(l, "a message is too long");
	return take(l, (size_t)n, answer);
}
