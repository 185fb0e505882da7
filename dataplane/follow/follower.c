// The thread that follows signalling: takes datagrams, keeps the session store, hands on changes.

#include "dataplane/follow/follower.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/random.h>

#include "shared/now.h"

#define PAUSE_BUSY_NS 20000  // between two looks at empty rings, while signalling comes
#define PAUSE_IDLE_NS 100000 // when none has come for IDLE_NS
#define IDLE_NS 100000000ull
#define CHUNK 64       // datagrams until what they changed is handed on
#define DRAIN_MAX 4096 // datagrams at most before what the builder asked for is done
#define WALK 512       // sessions looked at for new tasks before signalling has its turn
#define TICK_NS 10000000ull
// Ticks lag, so that a datagram still in a ring is not older than the last one.
#define TICK_LAG_NS 5000000ull

struct command {
	STAILQ_ENTRY(command) link;
	uint64_t subscription;
	struct session_event *event; // the builder's; NULL: of the subscription
	bool ends;
	uint8_t direction;
	uint32_t n_targets;
	struct session_target target[];
};

STAILQ_HEAD(commands, command);

struct follower {
	struct follower_settings s;
	struct sessions *sessions;
	pthread_t thread;
	bool running;
	int fd;
	// the thread's own
	struct commands refused;      // subscriptions for which the store had no memory
	struct follower_changes made; // not handed on yet
	uint64_t last_ns, tick_ns, heard_ns;
	uint64_t lost, lost_ns;
	uint64_t passed_ns; // what was received before has been followed
	bool losing;

	pthread_mutex_t lock;	    // below: between the builder and the thread
	pthread_cond_t wake;	    // to the thread
	pthread_cond_t served_wake; // to the builder
	struct commands commands;
	struct follower_changes changes;
	uint64_t handed_ns; // passed_ns when changes were last handed on
	uint64_t taken_ns;  // handed_ns when the builder last took them
	bool taken;	    // and they are not in force yet
	uint64_t asked, served;
	bool stop;
	struct session_counts counts;
	uint64_t counted_lost;
};

// ---- the store's sink ----

static struct follower_change *change(struct follower *f, uint64_t subscription, uint8_t kind)
{
	struct follower_change *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->subscription = subscription;
	c->kind = kind;
	STAILQ_INSERT_TAIL(&f->made, c, link);
	return c;
}

static int on_bind(void *context, uint64_t subscription, const struct binding *b)
{
	struct follower_change *c = change(context, subscription, FOLLOWER_BIND);

	if (!c)
		return POI_ERR_NOMEM;
	c->binding = *b;
	c->binding.select = pdr_select_hold(b->select);
	return POI_OK;
}

// Without memory for a word of it a rule would go on for ever: the caller's list has room for that.
static void on_unbind(void *context, uint64_t subscription, uint64_t binding)
{
	struct follower_change *c;

	while (!(c = change(context, subscription, FOLLOWER_UNBIND)))
		usleep(1000);
	c->binding.id = binding;
	c->binding.from_ns = ((const struct follower *)context)->last_ns;
}

static void on_state(void *context, uint64_t subscription, const struct subscription_state *state)
{
	struct follower_change *c = change(context, subscription, FOLLOWER_STATE);

	if (c)
		c->state = *state;
}

// As above: what is kept of it would stay as long as its tasks.
static void on_over(void *context, uint64_t correlation)
{
	struct follower_change *c;

	while (!(c = change(context, 0, FOLLOWER_OVER)))
		usleep(1000);
	c->binding.correlation = correlation;
}

// ---- life ----

static void forget(struct command *c)
{
	explicit_bzero(c->target, c->n_targets * sizeof(c->target[0]));
	free(c);
}

struct follower *follower_new(const struct follower_settings *s)
{
	struct follower *f = calloc(1, sizeof(*f));
	pthread_condattr_t attributes;

	if (!f)
		return NULL;
	f->s = *s;
	STAILQ_INIT(&f->refused);
	STAILQ_INIT(&f->commands);
	STAILQ_INIT(&f->made);
	STAILQ_INIT(&f->changes);
	pthread_mutex_init(&f->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&f->wake, &attributes);
	pthread_cond_init(&f->served_wake, NULL);
	pthread_condattr_destroy(&attributes);
	f->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	f->s.sessions.sink = (struct sessions_sink){.bind = on_bind,
		.unbind = on_unbind,
		.state = on_state,
		.over = on_over,
		.context = f};
	if (f->fd >= 0)
		f->sessions = sessions_new(&f->s.sessions);
	if (!f->sessions) {
		follower_free(f);
		return NULL;
	}
	return f;
}

static void free_all(struct follower_changes *changes)
{
	for (struct follower_change *c; (c = STAILQ_FIRST(changes));) {
		STAILQ_REMOVE_HEAD(changes, link);
		follower_change_free(c);
	}
}

static void forget_all(struct commands *commands)
{
	for (struct command *c; (c = STAILQ_FIRST(commands));) {
		STAILQ_REMOVE_HEAD(commands, link);
		forget(c);
	}
}

void follower_free(struct follower *f)
{
	if (!f)
		return;
	sessions_free(f->sessions);
	forget_all(&f->commands);
	forget_all(&f->refused);
	free_all(&f->made);
	free_all(&f->changes);
	if (f->fd >= 0)
		close(f->fd);
	pthread_cond_destroy(&f->wake);
	pthread_cond_destroy(&f->served_wake);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

// ---- the thread ----

// The oldest of all rings; each ring is in order by itself.
static struct signalling_ring *oldest(struct follower *f, struct signalling_packet *out)
{
	struct signalling_ring *best = NULL;
	struct signalling_packet p;

	for (uint32_t i = 0; i < f->s.n_rings; i++)
		if (signalling_ring_peek(f->s.rings[i], &p) &&
			(!best || p.time_ns < out->time_ns)) {
			best = f->s.rings[i];
			*out = p;
		}
	return best;
}

static uint32_t drain(struct follower *f, uint32_t most)
{
	struct signalling_packet p;
	struct signalling_ring *r;
	uint32_t n = 0;

	while (n < most && (r = oldest(f, &p))) {
		f->last_ns = p.time_ns;
		sessions_take(f->sessions, &p);
		signalling_ring_pop(r);
		n++;
	}
	return n;
}

static int subscribe(struct follower *f, const struct command *c)
{
	return sessions_subscribe_any(
		f->sessions, c->subscription, c->target, c->n_targets, c->direction);
}

// A subscription without memory, or without room for its hash context, is in doubt until it has
// some; nothing else waits for it, the next one is tried first then.
static void subscribe_refused(struct follower *f)
{
	for (struct command *c; (c = STAILQ_FIRST(&f->refused));) {
		STAILQ_REMOVE_HEAD(&f->refused, link);
		if (subscribe(f, c) == POI_ERR_NOMEM) {
			STAILQ_INSERT_TAIL(&f->refused, c, link);
			return;
		}
		forget(c);
	}
}

// `idle`: nothing waits. What waits is older than now, and keeps its own time.
static void tick(struct follower *f, uint64_t now, bool idle)
{
	if (now - f->tick_ns < TICK_NS)
		return;
	f->tick_ns = now;
	if (idle && now - TICK_LAG_NS > f->last_ns)
		f->last_ns = now - TICK_LAG_NS;
	sessions_tick(f->sessions, f->last_ns);
	subscribe_refused(f);
}

static uint64_t lost(const struct follower *f)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < f->s.n_rings; i++) {
		sum += signalling_ring_full(f->s.rings[i]);
		if (f->s.taps)
			sum += signalling_tap_cut(f->s.taps[i]);
	}
	return sum;
}

// Lost signalling may have concerned any subscriber: for a while no view is sure.
static void note_losses(struct follower *f, uint64_t now)
{
	uint64_t sum = lost(f);
	bool grows = sum != f->lost;
	bool losing = grows || (f->losing && now - f->lost_ns < f->s.sessions.answered_ns);

	if (grows)
		f->lost_ns = now;
	struct follower_change *c = losing != f->losing ? change(f, 0, FOLLOWER_LOSS) : NULL;
	if (losing != f->losing && !c)
		return; // seen again next time
	f->lost = sum;
	if (!c)
		return;
	c->state.unsure = losing;
	f->losing = losing;
}

static void owe(struct follower *f, struct command *c)
{
	const struct subscription_state unsure = {.unsure = true};

	STAILQ_INSERT_TAIL(&f->refused, c, link);
	on_state(f, c->subscription, &unsure);
}

static void unsubscribe(struct follower *f, uint64_t subscription)
{
	struct command *c;

	if (sessions_unsubscribe(f->sessions, subscription) == POI_OK)
		return;
	STAILQ_FOREACH (c, &f->refused, link)
		if (c->subscription == subscription) {
			STAILQ_REMOVE(&f->refused, c, command, link);
			forget(c);
			return;
		}
}

// Bindings that it removes end at its time, unless signalling that was followed is younger.
static void take_event(struct follower *f, struct session_event *e)
{
	if (e->time_ns > f->last_ns)
		f->last_ns = e->time_ns;
	sessions_event(f->sessions, e);
}

static void obey(struct follower *f, struct commands *commands)
{
	for (struct command *c; (c = STAILQ_FIRST(commands));) {
		STAILQ_REMOVE_HEAD(commands, link);
		if (c->event) {
			take_event(f, c->event);
		} else if (c->ends) {
			unsubscribe(f, c->subscription);
		} else if (subscribe(f, c) == POI_ERR_NOMEM) {
			owe(f, c);
			continue;
		}
		forget(c);
	}
}

// How far signalling has been followed, after a drain that began at `now`: a worker may be about to
// push a datagram that it received shortly before. `all`: nothing waited any more.
static void note_passed(struct follower *f, uint64_t now, bool all)
{
	uint64_t ns = now - TICK_LAG_NS;

	if (!all && f->last_ns < ns)
		ns = f->last_ns;
	if (ns > f->passed_ns)
		f->passed_ns = ns;
}

// Where the builder owes nothing, what was followed is in force. Under the lock.
static void pass_at_rest(struct follower *f)
{
	if (f->s.gap && STAILQ_EMPTY(&f->changes) && !f->taken)
		signalling_gap_pass(f->s.gap, f->handed_ns);
}

// Hands changes to the builder, and notes the commands served.
static void hand_on(struct follower *f, uint64_t served)
{
	struct session_counts counts;
	bool any = !STAILQ_EMPTY(&f->made);

	sessions_counts(f->sessions, &counts);
	for (uint32_t i = 0; f->s.taps && i < f->s.n_rings; i++)
		counts.strangers += signalling_tap_strangers(f->s.taps[i]);
	pthread_mutex_lock(&f->lock);
	if (any) {
		STAILQ_CONCAT(&f->changes, &f->made);
		(void)eventfd_write(f->fd, 1); // before the waiting thread sees that it is served
	}
	f->handed_ns = f->passed_ns;
	pass_at_rest(f);
	f->counts = counts;
	f->counted_lost = f->lost;
	if (served > f->served) {
		f->served = served;
		pthread_cond_broadcast(&f->served_wake);
	}
	pthread_mutex_unlock(&f->lock);
}

// Rests for `pause` unless there is something to do; takes the commands. False: the end.
static bool rest(struct follower *f, uint64_t pause_ns, struct commands *commands, uint64_t *asked)
{
	pthread_mutex_lock(&f->lock);
	if (pause_ns > 0 && !f->stop && STAILQ_EMPTY(&f->commands) && f->asked == f->served) {
		const struct timespec until = now_monotonic_after(pause_ns);
		pthread_cond_timedwait(&f->wake, &f->lock, &until);
	}
	STAILQ_CONCAT(commands, &f->commands);
	*asked = f->asked;
	bool stop = f->stop;
	pthread_mutex_unlock(&f->lock);
	return !stop;
}

static void *run(void *argument)
{
	struct follower *f = argument;
	struct commands commands = STAILQ_HEAD_INITIALIZER(commands);
	uint64_t asked, pause_ns = 0;

	(void)pthread_setname_np(pthread_self(), "poi-follow");
	(void)prctl(PR_SET_TIMERSLACK, 1000);
	while (rest(f, pause_ns, &commands, &asked)) {
		// Signalling received before a task was put is followed before the task.
		bool awaited = !STAILQ_EMPTY(&commands) || asked > f->served;
		const uint32_t most = awaited ? DRAIN_MAX : CHUNK;
		uint64_t began = now_wall_ns();
		uint32_t n = drain(f, most);
		uint64_t now = now_wall_ns();
		note_passed(f, began, n < most);
		obey(f, &commands);
		tick(f, now, n < most);
		note_losses(f, now);
		// The builder's wait for a task ends when all sessions have been looked at for it.
		bool walking = sessions_walk(f->sessions, WALK);
		hand_on(f, walking ? f->served : asked);
		if (n > 0)
			f->heard_ns = now;
		pause_ns = n > 0 || walking		 ? 0
			   : now - f->heard_ns > IDLE_NS ? PAUSE_IDLE_NS
							 : PAUSE_BUSY_NS;
	}
	obey(f, &commands);
	while (sessions_walk(f->sessions, WALK))
		;
	hand_on(f, asked);
	return NULL;
}

int follower_start(struct follower *f)
{
	if (pthread_create(&f->thread, NULL, run, f) != 0)
		return POI_ERR_NOMEM;
	f->running = true;
	return POI_OK;
}

void follower_stop(struct follower *f)
{
	if (!f || !f->running)
		return;
	pthread_mutex_lock(&f->lock);
	f->stop = true;
	pthread_cond_signal(&f->wake);
	pthread_mutex_unlock(&f->lock);
	pthread_join(f->thread, NULL);
	f->running = false;
}

// ---- the builder's side ----

static void command(struct follower *f, struct command *c, bool wake)
{
	pthread_mutex_lock(&f->lock);
	STAILQ_INSERT_TAIL(&f->commands, c, link);
	if (wake)
		pthread_cond_signal(&f->wake);
	pthread_mutex_unlock(&f->lock);
}

int follower_subscribe(struct follower *f, uint64_t subscription,
	const struct session_target *targets, uint32_t n, uint8_t direction)
{
	struct command *c = calloc(1, sizeof(*c) + n * sizeof(c->target[0]));

	if (!c)
		return POI_ERR_NOMEM;
	c->subscription = subscription;
	c->n_targets = n;
	memcpy(c->target, targets, n * sizeof(c->target[0]));
	c->direction = direction;
	command(f, c, true);
	return POI_OK;
}

void follower_unsubscribe(struct follower *f, uint64_t subscription)
{
	struct command *c;

	while (!(c = calloc(1, sizeof(*c)))) // the store must not go on with it
		usleep(1000);
	c->subscription = subscription;
	c->ends = true;
	command(f, c, true);
}

void follower_event(struct follower *f, struct session_event *e)
{
	const bool is_session = e->kind == SESSION_EVENT_IS || e->kind == SESSION_EVENT_ENDS;
	struct command *c;

	e->correlation = 0;
	e->result = POI_ERR_NOMEM;			    // unless the thread takes it
	while (!(c = calloc(1, sizeof(*c))) && !is_session) // views would stay sure, or unsure
		usleep(1000);
	if (!c)
		return;
	c->event = e;
	command(f, c, false); // a batch wakes the thread once
}

void follower_wait_done(struct follower *f)
{
	if (!f->running)
		return;
	pthread_mutex_lock(&f->lock);
	uint64_t mine = ++f->asked;
	pthread_cond_signal(&f->wake);
	while (f->served < mine)
		pthread_cond_wait(&f->served_wake, &f->lock);
	pthread_mutex_unlock(&f->lock);
}

void follower_changes(struct follower *f, struct follower_changes *out)
{
	eventfd_t ready;

	(void)eventfd_read(f->fd, &ready);
	pthread_mutex_lock(&f->lock);
	f->taken |= !STAILQ_EMPTY(&f->changes);
	f->taken_ns = f->handed_ns;
	STAILQ_CONCAT(out, &f->changes);
	pthread_mutex_unlock(&f->lock);
}

void follower_in_force(struct follower *f)
{
	pthread_mutex_lock(&f->lock);
	f->taken = false;
	if (f->s.gap)
		signalling_gap_pass(f->s.gap, f->taken_ns);
	pass_at_rest(f);
	pthread_mutex_unlock(&f->lock);
}

void follower_change_free(struct follower_change *c)
{
	if (!c)
		return;
	pdr_select_drop(c->binding.select);
	free(c);
}

int follower_fd(const struct follower *f)
{
	return f->fd;
}

void follower_counts(const struct follower *of, struct session_counts *out, uint64_t *sum)
{
	struct follower *f = (struct follower *)(uintptr_t)of; // only the lock is not const

	pthread_mutex_lock(&f->lock);
	*out = f->counts;
	*sum = f->counted_lost;
	pthread_mutex_unlock(&f->lock);
}
