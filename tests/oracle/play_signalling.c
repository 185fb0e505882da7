// Plays signalling into a session store, once as it is and then with one message changed, and says
// whether each change was used or made unsure. In: lines
//   watch KIND VALUE                        a subscription; seid in decimal, ni in hex
//   message PROTOCOL SECONDS SOURCE PORT DESTINATION PORT HEX
//   base                                    all as it is: "unsure of N" where N are unsure at the
//                                           end
//   change NUMBER HEX                       message NUMBER (from 0) is HEX
// Out: for each change
//   same      after every message each subscription has the bindings and the number of sessions
//             that it has without the change
//   unsure    those that lack some are unsure while they do, and while one has more (a tunnel goes
//             on where nobody was seen to take it) some are unsure
//   lacks at MESSAGE: KIND VALUE, has more at MESSAGE: KIND VALUE
//   takes at MESSAGE: KIND VALUE   what another user has by then, and it never had, or both have

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/session/session.h"

#define WATCHES_MAX 64
#define MESSAGES_MAX 512
#define BOUND_MAX 256
#define DAY_NS 86400000000000ull

struct view { // of one subscription after one message
	uint32_t sessions, n;
	bool unsure;
	uint64_t bound[BOUND_MAX];
};

struct watch {
	char kind[16], value[256];
	struct session_target target;
	struct view now;
	uint64_t id[BOUND_MAX]; // of what is bound
};

static struct watch watches[WATCHES_MAX];
static unsigned n_watches;
static struct message {
	struct signalling_packet packet;
	uint8_t octets[4096];
} messages[MESSAGES_MAX];
static unsigned n_messages;
static struct view *base; // of each message, each watch

static void refuse(const char *why)
{
	fprintf(stderr, "play_signalling: %s\n", why);
	exit(1);
}

static uint64_t mix(uint64_t h, const void *octets, size_t n)
{
	const uint8_t *at = octets;

	for (size_t i = 0; i < n; i++)
		h = (h ^ at[i]) * 0x100000001b3ull;
	return h;
}

static int on_bind(void *context, uint64_t subscription, const struct binding *b)
{
	struct watch *w = &watches[subscription];
	const uint8_t what[] = {b->kind, b->direction, b->link, b->select != NULL};
	uint64_t h = mix(0xcbf29ce484222325ull, what, sizeof(what));

	if (w->now.n == BOUND_MAX)
		refuse("too many bindings");
	h = mix(h, &b->teid, sizeof(b->teid));
	h = mix(h, &b->prefix, sizeof(b->prefix));
	w->id[w->now.n] = b->id;
	w->now.bound[w->now.n++] = h;
	return 0;
}

static void on_unbind(void *context, uint64_t subscription, uint64_t binding)
{
	struct watch *w = &watches[subscription];

	for (uint32_t i = 0; i < w->now.n; i++)
		if (w->id[i] == binding) {
			w->id[i] = w->id[--w->now.n];
			w->now.bound[i] = w->now.bound[w->now.n];
			return;
		}
	refuse("unbound what was not bound");
}

static void on_state(void *context, uint64_t subscription, const struct subscription_state *s)
{
	watches[subscription].now.sessions = s->sessions;
	watches[subscription].now.unsure = s->unsure;
}

static bool has(const struct view *a, uint64_t bound)
{
	for (uint32_t i = 0; i < a->n; i++)
		if (a->bound[i] == bound)
			return true;
	return false;
}

// True if `a` lacks an entry of `b`.
static bool lacks(const struct view *a, const struct view *b)
{
	for (uint32_t i = 0; i < b->n; i++)
		if (!has(a, b->bound[i]))
			return true;
	return a->sessions < b->sessions;
}

// A number of one user: two of the same kind are of two.
static bool of_one_user(const struct watch *w)
{
	return strcmp(w->kind, "seid") != 0 && strcmp(w->kind, "ni") != 0;
}

// The watch had it before message `k`, without the change.
static bool had(unsigned i, unsigned k, uint64_t bound)
{
	while (k-- > 0)
		if (has(&base[k * n_watches + i], bound))
			return true;
	return false;
}

// True if the watch has after message `k` selectors of another user then, and not its own. Its
// former ones may go on where the other is not seen to take them, and it is unsure for that.
static bool takes(unsigned i, unsigned k)
{
	const struct view *now = &watches[i].now, *was = &base[k * n_watches];

	for (uint32_t b = 0; of_one_user(&watches[i]) && b < now->n; b++)
		for (unsigned j = 0; j < n_watches && !has(&was[i], now->bound[b]); j++) {
			const struct watch *o = &watches[j];
			if (j == i || strcmp(o->kind, watches[i].kind) != 0 ||
				!has(&was[j], now->bound[b]))
				continue;
			if (has(&o->now, now->bound[b]) || !o->now.unsure ||
				!had(i, k, now->bound[b]))
				return true;
		}
	return false;
}

static bool anybody_unsure(void)
{
	for (unsigned i = 0; i < n_watches; i++)
		if (watches[i].now.unsure)
			return true;
	return false;
}

// After message `k`: false when something is hidden, or is another's. `different`: something
// differs.
static bool judge(unsigned k, bool *different)
{
	for (unsigned i = 0; i < n_watches; i++) {
		const struct watch *w = &watches[i];
		const struct view *was = &base[k * n_watches + i];
		bool less = lacks(&w->now, was), more = lacks(was, &w->now);
		*different |= less || more;
		if (takes(i, k)) {
			printf("takes at %u: %s %s\n", k, w->kind, w->value);
			return false;
		}
		if ((less && !w->now.unsure) || (more && !anybody_unsure())) {
			printf("%s at %u: %s %s\n", less ? "lacks" : "has more", k, w->kind,
				w->value);
			return false;
		}
	}
	return true;
}

// `changed`: the packet in the place of message `at`.
static void play(unsigned at, const struct signalling_packet *changed)
{
	struct sessions_settings s = {SESSIONS_DEFAULTS, .seed = {1, 2},
		.sink = {.bind = on_bind, .unbind = on_unbind, .state = on_state}};
	bool different = false, hidden = false;

	s.answered_ns = DAY_NS; // what is unsure stays so
	struct sessions *store = sessions_new(&s);
	if (!store)
		refuse("no memory");
	for (unsigned i = 0; i < n_watches; i++) {
		watches[i].now.n = watches[i].now.sessions = 0;
		watches[i].now.unsure = false;
		if (sessions_subscribe(store, i, &watches[i].target, FILTER_ANY_DIRECTION) != 0)
			refuse("cannot subscribe");
	}
	for (unsigned k = 0; k < n_messages && !hidden; k++) {
		sessions_take(store, changed && k == at ? changed : &messages[k].packet);
		for (unsigned i = 0; i < n_watches && !changed; i++)
			base[k * n_watches + i] = watches[i].now;
		hidden = changed && !judge(k, &different);
	}
	if (changed && !hidden)
		puts(different ? "unsure" : "same");
	sessions_free(store);
}

static uint32_t unhex(const char *text, uint8_t *out, uint32_t most)
{
	uint32_t n = 0;
	unsigned v;

	for (; sscanf(text, "%2x", &v) == 1; text += 2) {
		if (n == most)
			refuse("too long");
		out[n++] = (uint8_t)v;
	}
	return n;
}

static void put_text(char *out, size_t size, const char *text)
{
	if (strlen(text) >= size)
		refuse("too long");
	memcpy(out, text, strlen(text) + 1);
}

static void add_watch(const char *kind, const char *value)
{
	if (n_watches == WATCHES_MAX)
		refuse("too many watches");
	struct watch *w = &watches[n_watches++];
	struct session_target *t = &w->target;
	put_text(w->kind, sizeof(w->kind), kind);
	put_text(w->value, sizeof(w->value), value);
	if (!strcmp(kind, "seid")) {
		t->kinds = SESSION_FSEID;
		t->seid = strtoull(value, NULL, 10);
	} else if (!strcmp(kind, "ni")) {
		t->kinds = SESSION_NI;
		t->ni_length = (uint8_t)unhex(value, t->ni, sizeof(t->ni));
	} else if (!strcmp(kind, "nai")) {
		t->kinds = SESSION_NAI;
		put_text(t->nai, sizeof(t->nai), value);
	} else {
		static const struct {
			const char *kind;
			uint16_t bit;
			size_t at;
		} digits[] = {{"imsi", SESSION_IMSI, offsetof(struct session_target, imsi)},
			{"msisdn", SESSION_MSISDN, offsetof(struct session_target, msisdn)},
			{"imei", SESSION_IMEI, offsetof(struct session_target, imei)}};
		for (unsigned i = 0; i < 3; i++)
			if (!strcmp(kind, digits[i].kind)) {
				t->kinds = digits[i].bit;
				put_text((char *)t + digits[i].at, SESSION_DIGITS_MAX + 1, value);
			}
	}
	if (!t->kinds)
		refuse("unknown kind");
}

static void set_end(struct signalling_end *e, const char *address, unsigned port)
{
	if (ip_address_parse(address, &e->address))
		refuse("bad address");
	e->port = (uint16_t)port;
}

static void add_message(const char *rest)
{
	char protocol[16], source[64], destination[64];
	unsigned from, to;
	double seconds;
	int at = 0;

	if (n_messages == MESSAGES_MAX)
		refuse("too many messages");
	if (sscanf(rest, "%15s %lf %63s %u %63s %u %n", protocol, &seconds, source, &from,
		    destination, &to, &at) != 6)
		refuse("bad message");
	struct message *m = &messages[n_messages++];
	struct signalling_packet *p = &m->packet;
	p->protocol = !strcmp(protocol, "pfcp")	    ? SIGNALLING_PFCP
		      : !strcmp(protocol, "gtpv2c") ? SIGNALLING_GTPV2C
						    : SIGNALLING_RADIUS;
	p->time_ns = (uint64_t)(seconds * 1e9);
	set_end(&p->source, source, from);
	set_end(&p->destination, destination, to);
	p->octets = m->octets;
	p->length = unhex(rest + at, m->octets, sizeof(m->octets));
}

static void play_base(void)
{
	if (base)
		return;
	base = calloc((size_t)n_messages * n_watches, sizeof(*base));
	if (!base)
		refuse("no memory");
	play(0, NULL);
}

static void report_base(void)
{
	unsigned n = 0;

	play_base();
	for (unsigned i = 0; i < n_watches; i++)
		n += base[(n_messages - 1) * n_watches + i].unsure;
	printf("unsure of %u\n", n);
}

// On memory of exactly that length, so that a sanitizer sees a read beyond.
static void change(const char *rest)
{
	uint8_t octets[4096];
	int at = 0;
	unsigned k;

	if (sscanf(rest, "%u %n", &k, &at) != 1 || k >= n_messages)
		refuse("bad change");
	play_base();
	struct signalling_packet p = messages[k].packet;
	p.length = unhex(rest + at, octets, sizeof(octets));
	uint8_t *exact = malloc(p.length ? p.length : 1);
	if (!exact)
		refuse("no memory");
	memcpy(exact, octets, p.length);
	p.octets = exact;
	play(k, &p);
	free(exact);
}

int main(void)
{
	static char line[16384];

	while (fgets(line, sizeof(line), stdin)) {
		char kind[16], value[256];
		line[strcspn(line, "\n")] = '\0';
		if (sscanf(line, "watch %15s %255s", kind, value) == 2)
			add_watch(kind, value);
		else if (!strncmp(line, "message ", 8))
			add_message(line + 8);
		else if (!strcmp(line, "base"))
			report_base();
		else if (!strncmp(line, "change ", 7))
			change(line + 7);
		else
			refuse("unknown line");
	}
	free(base);
	return 0;
}
