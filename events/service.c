// The loop of poi-events.

#include "events/service.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "events/nf_connection.h"
#include "events/event_read.h"
#include "events/link.h"
#include "shared/log.h"
#include "shared/now.h"
#include "shared/socket.h"

#define CONNECTIONS_MAX 64u // CONFIG_FUNCTIONS_MAX, and those that have no name yet
#define USER_MAX 12u	    // connections of one user: his functions, and those that take over
#define NAME_MS 10000	    // for a connection to name its function
#define STUCK_MS 30000	    // for a function to read its answers
#define NO_FUNCTION UINT16_MAX
#define LINES_PER_TURN 64

#define SNAPSHOT_WANTED "{\"snapshot\":\"wanted\"}"

enum snapshot {
	SNAPSHOT_NONE,
	SNAPSHOT_OPEN,	// between its begin and end
	SNAPSHOT_STALE, // the same, but poi-dataplane has not had all of it: wanted anew
};

struct guest {
	struct nf_connection *c;
	uint16_t serial; // in the numbers of its events
	uint16_t function;
	enum snapshot snapshot;
	bool more;    // whole lines may be there that were not taken yet
	bool leaving; // what waits is answered and sent, then it is closed
	bool dead;
	char name[CONFIG_FUNCTION_NAME_MAX + 1]; // that it gave before poi-dataplane named any
	uint64_t since_ms;			 // that it may have no name, or leaves
	uint64_t lines, wrong, later;
};

struct service {
	struct link *link;
	int listener;
	char *path;
	bool linked; // poi-dataplane was connected at the last look
	uint16_t serials;
	uint64_t now_ms;
	uint32_t n;
	struct guest guests[CONNECTIONS_MAX];
	struct record_node nodes[LINE_NODES_MAX];
};

// Makes the folder where it is missing: a container has a volume above it that is its group's.
static bool make_folder(const char *folder)
{
	if (mkdir(folder, 0755) != 0)
		return errno == EEXIST;
	return chmod(folder, 0755) == 0; // functions of all users pass, whatever the umask
}

struct service *service_new(const char *folder, uid_t dataplane)
{
	struct service *s = make_folder(folder) ? calloc(1, sizeof(*s)) : NULL;

	if (!s)
		return NULL;
	s->listener = -1;
	s->link = link_new(folder, dataplane);
	if (asprintf(&s->path, "%s/functions.sock", folder) < 0)
		s->path = NULL;
	if (s->link && s->path) {
		(void)unlink(s->path);
		s->listener = socket_listen_path(s->path, SOCK_STREAM, CONNECTIONS_MAX);
	}
	if (!s->path || s->listener < 0 || chmod(s->path, 0666) != 0) {
		int error = errno;
		service_free(s);
		errno = error;
		return NULL;
	}
	return s;
}

void service_free(struct service *s)
{
	if (!s)
		return;
	for (uint32_t i = 0; i < s->n; i++)
		nf_connection_free(s->guests[i].c);
	if (s->listener >= 0 && s->path) {
		close(s->listener);
		(void)unlink(s->path);
	}
	link_free(s->link);
	free(s->path);
	free(s);
}

// ---- the function of a connection ----

// It is no function from here on; another connection may be.
static void part(struct service *s, struct guest *g, const char *why)
{
	char line[160];

	if (why) {
		snprintf(line, sizeof(line), "{\"error\":\"%s\"}", why);
		nf_connection_say(g->c, line);
	}
	if (g->function != NO_FUNCTION)
		link_function(s->link, g->function, NF_GONE);
	if (g->wrong || g->later)
		log_notice("a function has gone: %" PRIu64 " lines, of them %" PRIu64
			   " wrong and %" PRIu64 " to come again",
			g->lines, g->wrong, g->later);
	g->function = NO_FUNCTION;
	g->leaving = true;
	g->since_ms = s->now_ms;
}

static struct guest *guest_of(struct service *s, uint16_t function)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (s->guests[i].function == function)
			return &s->guests[i];
	return NULL;
}

static void become(struct service *s, struct guest *g, uint16_t function)
{
	struct guest *first = guest_of(s, function);

	if (first && !nf_connection_gone(first->c)) {
		part(s, g, "this function has a connection already");
		return;
	}
	if (first)
		part(s, first, NULL);
	g->function = function;
	link_function(s->link, function, NF_CONNECTED);
	nf_connection_say(g->c, SNAPSHOT_WANTED);
}

// Functions of the hello that a process of that user may be; the last one in `*only`.
static unsigned functions_of(const struct nf_hello *h, uid_t uid, uint16_t *only)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < h->n; i++)
		if (h->function[i].uid == uid) {
			*only = (uint16_t)i;
			n++;
		}
	return n;
}

static uint16_t function_by_name(const struct nf_hello *h, uid_t uid, const char *name)
{
	for (uint32_t i = 0; i < h->n; i++)
		if (h->function[i].uid == uid && strcmp(h->function[i].name, name) == 0)
			return (uint16_t)i;
	return NO_FUNCTION;
}

static void welcome_named(struct service *s, struct guest *g)
{
	const struct nf_hello *h = link_hello(s->link);
	uint16_t at = h ? function_by_name(h, nf_connection_uid(g->c), g->name) : NO_FUNCTION;

	if (!h)
		return; // its name is kept
	if (at == NO_FUNCTION)
		part(s, g, "no function of events.functions has this name and this user");
	else if (g->function == NO_FUNCTION)
		become(s, g, at);
	else if (g->function != at)
		part(s, g, "this connection is another function's");
}

// At the beginning, and when the functions are named anew.
static void welcome(struct service *s, struct guest *g)
{
	const struct nf_hello *h = link_hello(s->link);
	uint16_t only = NO_FUNCTION;

	if (g->name[0] || !h) {
		welcome_named(s, g);
		return;
	}
	unsigned n = functions_of(h, nf_connection_uid(g->c), &only);
	if (n == 0)
		part(s, g, "no function of events.functions has this user");
	else if (n == 1)
		become(s, g, only);
}

static void take_name(struct service *s, struct guest *g, const struct line *l)
{
	if (l->name_length > CONFIG_FUNCTION_NAME_MAX) {
		part(s, g, "no function has a name of that length");
		return;
	}
	memcpy(g->name, l->name, l->name_length);
	g->name[l->name_length] = 0;
	welcome_named(s, g);
}

// ---- lines ----

static void answer(struct guest *g, uint16_t place, const char *error, bool later)
{
	g->wrong += error != NULL;
	g->later += later;
	nf_connection_answer(g->c, place, error, later);
}

static void take_event(struct service *s, struct guest *g, struct line *l)
{
	const struct nf_hello *h = link_hello(s->link);
	uint16_t place = nf_connection_begin(g->c, l->id);

	l->event.number = (uint32_t)g->serial << 16 | place;
	l->event.function = g->function;
	l->event.snapshot = g->snapshot == SNAPSHOT_OPEN;
	if (!h || !link_ready(s->link) || g->snapshot == SNAPSHOT_STALE) {
		answer(g, place, NULL, true);
		return;
	}
	if (!(h->function[g->function].records & nf_records_of(l->event.kind))) {
		answer(g, place, "a record of another kind of function", false);
		return;
	}
	int e = link_event(s->link, &l->event);
	if (e == POI_ERR_TOO_LARGE)
		answer(g, place, "more octets and values than an event has", false);
	else if (e != POI_OK)
		answer(g, place, NULL, true);
}

static void take_wrong(struct guest *g, const struct line *l)
{
	char line[192];

	if (l->has_id) {
		answer(g, nf_connection_begin(g->c, l->id), l->why, false);
		return;
	}
	g->wrong++;
	snprintf(line, sizeof(line), "{\"error\":\"%s\"}", l->why);
	nf_connection_say(g->c, line);
}

// A snapshot that poi-dataplane has not had from its begin on is none: its end would end sessions.
static void take_edge(struct service *s, struct guest *g, bool begin)
{
	bool whole = link_ready(s->link) && (begin || g->snapshot == SNAPSHOT_OPEN);

	if (whole)
		link_function(s->link, g->function, begin ? NF_SNAPSHOT_BEGIN : NF_SNAPSHOT_END);
	g->snapshot = !begin ? SNAPSHOT_NONE : whole ? SNAPSHOT_OPEN : SNAPSHOT_STALE;
}

static void take_line(struct service *s, struct guest *g, char *text, size_t length)
{
	struct line l;

	g->lines++;
	event_read(text, length, s->nodes, &l);
	if (l.kind == LINE_FUNCTION)
		take_name(s, g, &l);
	else if (l.kind == LINE_WRONG)
		take_wrong(g, &l);
	else if (g->function == NO_FUNCTION && link_hello(s->link))
		part(s, g, "the first line must name the function");
	else if (l.kind == LINE_EVENT)
		take_event(s, g, &l);
	else
		take_edge(s, g, l.kind == LINE_SNAPSHOT_BEGIN);
	explicit_bzero(&l, sizeof(l));
}

static void take_lines(struct service *s, struct guest *g)
{
	g->more = false;
	// A name is taken while messages wait: it needs no more than a place behind them.
	for (unsigned i = 0; !g->leaving && (!link_waits(s->link) || g->function == NO_FUNCTION);
		i++) {
		g->more = i == LINES_PER_TURN;
		if (g->more)
			return;
		size_t length;
		int error;
		char *text = nf_connection_line(g->c, &length, &error);
		if (error) {
			g->wrong++;
			part(s, g, "a line of more than 48 KiB");
		}
		if (!text)
			return;
		take_line(s, g, text, length);
		nf_connection_done(g->c);
	}
}

// ---- poi-dataplane ----

static struct guest *guest_by_serial(struct service *s, uint16_t serial)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (s->guests[i].serial == serial)
			return &s->guests[i];
	return NULL;
}

static void take_answer(struct service *s, const struct nf_answer *a)
{
	struct guest *g = guest_by_serial(s, (uint16_t)(a->number >> 16));

	if (g)
		answer(g, (uint16_t)a->number, a->result == NF_REFUSED ? a->text : NULL,
			a->result == NF_LATER);
}

static bool is_same(const struct nf_hello *h, const struct nf_hello *before, const struct guest *g)
{
	return g->function < h->n && g->function < before->n &&
	       strcmp(h->function[g->function].name, before->function[g->function].name) == 0 &&
	       h->function[g->function].uid == nf_connection_uid(g->c);
}

// A new dataplane has no session. Functions that are no more leave; the others are asked for all
// that they have.
static void greeted(struct service *s, const struct nf_hello *before)
{
	const struct nf_hello *h = link_hello(s->link);

	for (uint32_t i = 0; i < s->n; i++) {
		struct guest *g = &s->guests[i];
		if (g->leaving)
			continue;
		if (g->snapshot == SNAPSHOT_OPEN)
			g->snapshot = SNAPSHOT_STALE;
		g->since_ms = s->now_ms;
		if (g->function == NO_FUNCTION) {
			welcome(s, g);
		} else if (is_same(h, before, g)) {
			link_function(s->link, g->function, NF_CONNECTED);
			nf_connection_say(g->c, SNAPSHOT_WANTED);
		} else {
			g->function = NO_FUNCTION; // its number is another's now
			part(s, g, "the functions were configured anew: connect again");
		}
	}
	log_kind(NOTICE, CHANNEL_UP, "poi-dataplane is connected; %u functions may speak", h->n);
}

static void take_link(struct service *s)
{
	static struct nf_hello before;
	enum link_message m;
	struct nf_answer answer;

	before = link_hello(s->link) ? *link_hello(s->link) : (struct nf_hello){0};
	while ((m = link_take(s->link, &answer)) != LINK_NOTHING) {
		if (m == LINK_ANSWER) {
			take_answer(s, &answer);
		} else if (m == LINK_HELLO) {
			greeted(s, &before);
		} else {
			return;
		}
	}
}

// It has gone. What it had in hand may be done or not: the function has it still.
static void link_lost(struct service *s)
{
	log_kind(NOTICE, CHANNEL_DOWN, "poi-dataplane has gone: events are answered later");
	for (uint32_t i = 0; i < s->n; i++)
		nf_connection_later(s->guests[i].c);
}

static void link_turn(struct service *s, short revents)
{
	if (revents & POLLOUT)
		link_flush(s->link);
	if (revents & (POLLIN | POLLHUP | POLLERR))
		take_link(s);
}

static void link_look(struct service *s, bool waits)
{
	bool anew = waits && link_accept(s->link);

	if (s->linked && (anew || link_fd(s->link) < 0))
		link_lost(s);
	s->linked = link_fd(s->link) >= 0;
}

// ---- connections ----

static unsigned guests_of_user(const struct service *s, uid_t uid)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < s->n; i++)
		n += nf_connection_uid(s->guests[i].c) == uid;
	return n;
}

static uint16_t new_serial(struct service *s)
{
	do
		s->serials++;
	while (guest_by_serial(s, s->serials));
	return s->serials;
}

static void guest_accept(struct service *s)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);
	int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	if (s->n == CONNECTIONS_MAX || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 ||
		guests_of_user(s, peer.uid) == USER_MAX) {
		log_warning("a connection of a function was refused: too many of one user");
		close(fd);
		return;
	}
	struct nf_connection *c = nf_connection_new(fd, peer.uid, s->now_ms);
	if (!c)
		return;
	struct guest g = {
		.c = c, .serial = new_serial(s), .function = NO_FUNCTION, .since_ms = s->now_ms};
	s->guests[s->n] = g;
	welcome(s, &s->guests[s->n++]);
}

static void guest_turn(struct service *s, struct guest *g, short revents)
{
	if (revents & (POLLIN | POLLHUP | POLLERR))
		g->dead |= nf_connection_read(g->c) != POI_OK;
	if (revents & POLLOUT)
		g->dead |= nf_connection_flush(g->c, s->now_ms) != POI_OK;
	if (!g->leaving)
		take_lines(s, g);
}

// Sends its answers. True: it has gone, or its time is over.
static bool is_over(struct service *s, struct guest *g)
{
	bool full = !nf_connection_has_room(g->c);

	g->dead |= nf_connection_flush(g->c, s->now_ms) != POI_OK;
	g->more |= full && nf_connection_has_room(g->c);
	bool quiet = !nf_connection_writes(g->c) && !nf_connection_waits(g->c);
	if (!g->leaving && nf_connection_over(g->c))
		part(s, g, NULL);
	uint64_t stuck = nf_connection_stuck_ms(g->c), age = s->now_ms - g->since_ms;
	bool nameless = g->function == NO_FUNCTION && link_hello(s->link) && age > NAME_MS;
	return g->dead || (g->leaving ? quiet || age > STUCK_MS
				      : nameless || (stuck && s->now_ms - stuck > STUCK_MS));
}

// Drops connections that are gone.
static void sweep(struct service *s)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < s->n; i++) {
		struct guest *g = &s->guests[i];
		if (!is_over(s, g)) {
			s->guests[kept++] = *g;
			continue;
		}
		if (!g->leaving)
			part(s, g, NULL);
		nf_connection_free(g->c);
	}
	s->n = kept;
}

enum { FD_SIGNAL, FD_LISTENER, FD_LINKS, FD_LINK, FD_GUESTS };

static uint32_t poll_set(const struct service *s, int signal_fd, struct pollfd *fds)
{
	fds[FD_SIGNAL] = (struct pollfd){.fd = signal_fd, .events = POLLIN};
	fds[FD_LISTENER] =
		(struct pollfd){.fd = s->n < CONNECTIONS_MAX ? s->listener : -1, .events = POLLIN};
	fds[FD_LINKS] = (struct pollfd){.fd = link_listener(s->link), .events = POLLIN};
	fds[FD_LINK] = (struct pollfd){.fd = link_fd(s->link),
		.events = (short)(POLLIN | (link_waits(s->link) ? POLLOUT : 0))};
	for (uint32_t i = 0; i < s->n; i++) {
		const struct nf_connection *c = s->guests[i].c;
		short events = (short)((nf_connection_reads(c) ? POLLIN : 0) |
				       (nf_connection_writes(c) ? POLLOUT : 0));
		// A peer that has gone is reported always: only connections that want something are
		// polled.
		fds[FD_GUESTS + i] =
			(struct pollfd){.fd = events ? nf_connection_fd(c) : -1, .events = events};
	}
	return FD_GUESTS + s->n;
}

static int wait_ms(const struct service *s)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (s->guests[i].more && !link_waits(s->link))
			return 0;
	return 1000;
}

void service_run(struct service *s, int signal_fd)
{
	struct pollfd fds[FD_GUESTS + CONNECTIONS_MAX];

	for (;;) {
		uint32_t n = poll_set(s, signal_fd, fds);
		(void)poll(fds, n, wait_ms(s));
		s->now_ms = now_monotonic_ms();
		if (fds[FD_SIGNAL].revents & POLLIN)
			return;
		link_turn(s, fds[FD_LINK].revents);
		for (uint32_t i = FD_GUESTS; i < n; i++)
			guest_turn(s, &s->guests[i - FD_GUESTS], fds[i].revents);
		link_look(s, fds[FD_LINKS].revents & POLLIN);
		sweep(s);
		if (fds[FD_LISTENER].revents & POLLIN)
			guest_accept(s);
		log_tick();
	}
}
