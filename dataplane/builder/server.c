// The builder's loop and the listening end of the channel.

#include "dataplane/builder/server_internal.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "shared/log.h"
#include "shared/now.h"

#define HELLO_MS 5000

struct server *server_new(const struct server_settings *with, char *why, size_t why_size)
{
	struct server *s = calloc(1, sizeof(*s));

	if (!s) {
		snprintf(why, why_size, "out of memory");
		return NULL;
	}
	s->with = *with;
	s->started_ms = now_monotonic_ms();
	s->check_every_ms = CHECK_MS;
	s->listener = channel_listen(with->path);
	if (s->listener < 0) {
		snprintf(why, why_size,
			"cannot listen on %s: %s; is runtime-dir writable, or another "
			"poi-dataplane "
			"running?",
			with->path, poi_error_text(s->listener));
		free(s);
		return NULL;
	}
	server_left_load(s);
	return s;
}

void server_free(struct server *s)
{
	if (!s)
		return;
	for (uint32_t i = 0; i < s->n_clients; i++)
		client_free(s->clients[i]);
	close(s->listener);
	(void)unlink(s->with.path);
	free(s);
}

static void client_turn(struct server *s, struct client *c, short revents)
{
	if (revents & POLLOUT)
		client_flush(c);
	if (c->streaming)
		server_stream(s, c);
	if (revents & (POLLIN | POLLHUP | POLLERR))
		server_read(s, c);
	if ((revents & (POLLHUP | POLLERR)) && !(revents & POLLIN))
		c->dead = true;
	if (c->closing && !client_waits(c))
		c->dead = true;
}

static void clients_bury(struct server *s)
{
	uint32_t kept = 0;
	uint64_t now = now_monotonic_ms();

	for (uint32_t i = 0; i < s->n_clients; i++) {
		struct client *c = s->clients[i];
		if (c->role == 0 && now - c->opened_ms > HELLO_MS)
			c->dead = true;
		if (!c->dead) {
			s->clients[kept++] = c;
			continue;
		}
		if (c->role == CHANNEL_ROLE_CONTROL)
			log_kind(NOTICE, CHANNEL_DOWN,
				"channel: control has gone; interception goes on");
		client_free(c);
	}
	s->n_clients = kept;
}

static void client_accept(struct server *s)
{
	int fd = channel_accept(s->listener);

	if (fd < 0)
		return;
	if (s->n_clients == CLIENTS_MAX) {
		close(fd);
		return;
	}
	struct client *c = client_new(fd, now_monotonic_ms());
	if (c)
		s->clients[s->n_clients++] = c;
}

// False when the process shall end.
static bool signals(struct server *s, int signal_fd)
{
	struct signalfd_siginfo si;
	char why[256];

	while (read(signal_fd, &si, sizeof(si)) == sizeof(si)) {
		if (si.ssi_signo != SIGHUP)
			return false;
		s->with.reload(s->with.context);
		if (deliver_reload(s->with.deliver, why, sizeof(why)) == POI_OK)
			log_kind(NOTICE, RELOADED, "delivery certificates were read again");
		else
			log_kind(ERROR, RELOAD_REFUSED, "delivery keeps its old certificates: %s",
				why);
	}
	return true;
}

enum { FD_SIGNAL, FD_LISTENER, FD_FOLD, FD_DELIVER, FD_FOLLOW, FD_EVENTS, FD_CLIENTS };

// Fills `fds`; returns how many they are.
static uint32_t poll_set(const struct server *s, int signal_fd, struct pollfd *fds)
{
	const int own[FD_CLIENTS] = {[FD_SIGNAL] = signal_fd,
		[FD_LISTENER] = s->listener,
		[FD_FOLD] = builder_fold_fd(s->with.builder),
		[FD_DELIVER] = deliver_event_fd(s->with.deliver),
		[FD_FOLLOW] = builder_follow_fd(s->with.builder),
		[FD_EVENTS] = builder_events_fd(s->with.builder)};

	for (uint32_t i = 0; i < FD_CLIENTS; i++)
		fds[i] = (struct pollfd){.fd = own[i], .events = POLLIN};
	for (uint32_t i = 0; i < s->n_clients; i++) {
		const struct client *c = s->clients[i];
		bool busy = client_waits(c) || c->streaming;
		fds[FD_CLIENTS + i] =
			(struct pollfd){.fd = c->fd, .events = busy ? POLLOUT : POLLIN};
	}
	return FD_CLIENTS + s->n_clients;
}

int server_run(struct server *s, int signal_fd)
{
	struct pollfd fds[FD_CLIENTS + CLIENTS_MAX];

	for (;;) {
		uint32_t n = poll_set(s, signal_fd, fds);
		(void)poll(fds, n, server_wait_ms(s));
		if ((fds[FD_SIGNAL].revents & POLLIN) && !signals(s, signal_fd))
			return POI_OK;
		if (fds[FD_FOLLOW].revents & POLLIN)
			builder_follow(s->with.builder);
		if (fds[FD_EVENTS].revents)
			builder_events(s->with.builder);
		for (uint32_t i = FD_CLIENTS; i < n; i++)
			client_turn(s, s->clients[i - FD_CLIENTS], fds[i].revents);
		clients_bury(s);
		if (fds[FD_LISTENER].revents & POLLIN)
			client_accept(s);
		if (fds[FD_FOLD].revents & POLLIN)
			builder_folded(s->with.builder);
		server_check(s);
		if (s->reopen)
			return POI_ERR_AGAIN;
	}
}
