// One destination's spool: which job comes next. Disk work is the spooler's; nothing here waits for
// a disk but mdf_connection_spool_open (the builder's thread) and mdf_connection_spool_close.

#include "dataplane/deliver/deliver_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/log.h"
#include "shared/now.h"
#include "shared/sealed_file.h"

#define FILE_MAX 4400
#define RETRY_NS NS_PER_S      // after a store that failed
#define WAIT_NS (2 * NS_PER_S) // of a whole segment in memory
#define PART_UP 2u	       // of a kind's room, from where on segments go to the disk
#define PART_AWAY 8u
#define LOOK_NS (200 * NS_PER_MS) // between two looks at that

int deliver_spool_setup(struct deliver *d, char *why, size_t why_size)
{
	const struct config_spool *c = &d->config->delivery.spool;

	if (!c->folder)
		return 0;
	int error = c->key ? sealed_file_key_read(c->key, d->spool_root) : POI_ERR_INVALID;
	if (error) {
		snprintf(why, why_size, "delivery.spool.key: %s, write a file of mode 0600",
			c->key ? poi_error_text(error) : "missing");
		return error;
	}
	if (mkdir(c->folder, 0700) != 0 && errno != EEXIST) {
		snprintf(why, why_size, "delivery.spool.folder %s: %s", c->folder,
			strerrordesc_np(errno));
		return POI_ERR_IO;
	}
	d->spooler = spooler_new();
	if (d->spooler)
		return 0;
	snprintf(why, why_size, "out of memory or threads");
	return POI_ERR_NOMEM;
}

void deliver_contact(
	struct deliver *d, bool (*silent)(void *context, const struct id16 *ne), void *context)
{
	d->silent = silent;
	d->silent_context = context;
}

static const struct connection_spool *failing_kind(const struct mdf_connection *c)
{
	for (enum copy_kind k = 0; k < COPY_KINDS; k++)
		if (c->spool[k].failing)
			return &c->spool[k];
	return NULL;
}

// Returns what fails of the spool of any connection, for a destination has one fault for all of it;
// NULL: nothing. Under the lock.
static const struct connection_spool *failing_part(const struct mdf_connection *c)
{
	const struct connection_spool *p = NULL;

	for (c = c->destination->first; c && !p; c = c->sibling)
		p = failing_kind(c);
	return p;
}

static uint64_t destination_lost(const struct mdf_connection *c)
{
	const struct mdf_destination *m = c->destination;

	if (m->made == 1)
		return mdf_connection_lost(c);
	pthread_mutex_lock(&c->deliver->lock);
	uint64_t sum = m->lost_retired;
	for (const struct mdf_connection *one = m->first; one; one = one->sibling)
		sum += mdf_connection_lost(one);
	pthread_mutex_unlock(&c->deliver->lock);
	return sum;
}

static void discarded(struct mdf_connection *c, const char *did, bool stale, uint64_t copies)
{
	char text[128];

	snprintf(text, sizeof(text), "%llu PDUs of an earlier process were discarded: %s",
		(unsigned long long)copies,
		stale ? "the ADMF was silent for TIME_P2" : "the spool is broken");
	log_warning("destination %s: %s", did, text);
	mdf_connection_post(c, EVENT_DISCARDED, copies, text);
}

// NE.DID.creation.x2, and for connections but the first NE.DID.creation.number.x2: a file stays
// with the number of its connection.
static void name_file(const struct deliver *d, const struct channel_destination *dest,
	uint32_t number, enum copy_kind k, char *out, size_t size)
{
	char ne[ID_TEXT_SIZE], did[ID_TEXT_SIZE], which[16] = "";

	id_format(&dest->ne, ne);
	id_format(&dest->did, did);
	if (number > 0)
		snprintf(which, sizeof(which), ".%u", number);
	snprintf(out, size, "%s/%s.%s.%016llx%s.x%d", d->config->delivery.spool.folder, ne, did,
		(unsigned long long)dest->creation, which, k == COPY_X2 ? 2 : 3);
}

static bool is_left(const struct deliver *d, const struct channel_destination *dest,
	uint32_t number, enum copy_kind k)
{
	char file[FILE_MAX];

	name_file(d, dest, number, k, file, sizeof(file));
	return access(file, F_OK) == 0;
}

uint32_t deliver_spools_left(const struct deliver *d, const struct channel_destination *dest)
{
	uint32_t n = d->spooler ? CONFIG_CONNECTIONS_MAX : 0;

	while (n > 0 && !is_left(d, dest, n - 1, COPY_X2) && !is_left(d, dest, n - 1, COPY_X3))
		n--;
	return n;
}

static void open_one(struct mdf_connection *c, enum copy_kind k)
{
	struct deliver *d = c->deliver;
	char did[ID_TEXT_SIZE], file[FILE_MAX];
	struct spool_settings s = {.file = file,
		.root = d->spool_root,
		.room = &c->destination->room[k],
		.creation = c->dest.creation,
		.stale = d->silent && d->silent(d->silent_context, &c->dest.ne)};
	pthread_mutex_lock(&d->lock);
	bool said = failing_part(c);
	pthread_mutex_unlock(&d->lock);
	struct spool_found found;
	int error;

	id_format(&c->dest.did, did);
	name_file(d, &c->dest, c->number, k, file, sizeof(file));
	c->spool[k].spool = spool_open(&s, &found, &error);
	if (found.what == SPOOL_DISCARDED)
		discarded(c, did, s.stale, found.copies);
	if (!c->spool[k].spool) {
		log_kind(ERROR, SPOOL, "destination %s: no spool: %s", did, poi_error_text(error));
		snprintf(file, sizeof(file), "no spool: %s; memory only", poi_error_text(error));
		c->spool[k].failing = true; // for as long as the destination is there
		if (!said)
			mdf_connection_post(c, EVENT_SPOOL_FAULT, 0, file);
	}
	if (found.what != SPOOL_RECOVERED || !c->spool[k].spool)
		return;
	stream_spool_recovering(c->stream, k, found.copies);
	log_notice("destination %s: %llu PDUs found in the spool", did,
		(unsigned long long)found.copies);
}

void mdf_connection_spool_open(struct mdf_connection *c)
{
	// Room for X2 of its own, as in memory: content never crowds it out.
	uint64_t x2 = c->settings.spool / 8;
	uint64_t cap[COPY_KINDS] = {[COPY_X2] = x2, [COPY_X3] = c->settings.spool - x2};

	if (!c->deliver->spooler || c->settings.spool == 0)
		return;
	stream_spool_use(c->stream);
	for (enum copy_kind k = 0; k < COPY_KINDS; k++) {
		bool own = c->kinds & (k == COPY_X2 ? DELIVERY_X2 : DELIVERY_X3);
		c->destination->room[k].cap = cap[k];
		if (own || is_left(c->deliver, &c->dest, c->number, k))
			open_one(c, k);
	}
}

static bool in_flight(const struct connection_spool *p)
{
	return atomic_load_explicit(&p->job.state, memory_order_relaxed) != SPOOL_IDLE;
}

bool mdf_connection_spool_busy(const struct mdf_connection *c)
{
	for (enum copy_kind k = 0; k < COPY_KINDS; k++) {
		const struct connection_spool *p = &c->spool[k];
		if (p->spool && (in_flight(p) || (c->up_at && stream_spool_wants(c->stream, k))))
			return true;
	}
	return false;
}

// `lost`: copies, when it had not failed yet.
static void failed(struct mdf_connection *c, struct connection_spool *p, int error, uint64_t lost)
{
	char did[ID_TEXT_SIZE], text[96];

	if (p->failing)
		return;
	id_format(&c->dest.did, did);
	if (error == POI_ERR_LIMIT)
		snprintf(text, sizeof(text), "the spool is full; memory only");
	else
		snprintf(text, sizeof(text), "spool: %s; memory only", poi_error_text(error));
	log_kind(ERROR, SPOOL, "destination %s: %s", did, text);
	pthread_mutex_lock(&c->deliver->lock);
	const struct connection_spool *before = failing_part(c);
	p->lost_at_failing = before ? before->lost_at_failing : lost;
	p->failing = true;
	if (!before)
		mdf_connection_post_locked(c, EVENT_SPOOL_FAULT, 0, text);
	pthread_mutex_unlock(&c->deliver->lock);
}

// `lost`: copies by now.
static void works_again(
	struct mdf_connection *c, struct connection_spool *p, uint64_t lost, const char *how)
{
	char text[128];

	if (!p->failing)
		return;
	pthread_mutex_lock(&c->deliver->lock);
	p->failing = false;
	lost = lost > p->lost_at_failing ? lost - p->lost_at_failing : 0;
	snprintf(text, sizeof(text), "%s; %llu PDUs lost meanwhile", how, (unsigned long long)lost);
	if (!failing_part(c))
		mdf_connection_post_locked(c, EVENT_SPOOL_CLEAR, lost, text);
	pthread_mutex_unlock(&c->deliver->lock);
}

// Takes the job's result. What is lost while a job is at work is part of what its failure costs.
// Returns the copies lost by now: no copy is between one fault and the next.
static uint64_t finish(struct mdf_connection *c, enum copy_kind k, uint64_t now)
{
	struct connection_spool *p = &c->spool[k];
	int result = p->job.result;
	uint64_t lost = p->lost_at_submit, lost_now = destination_lost(c);

	atomic_store_explicit(&p->job.state, SPOOL_IDLE, memory_order_relaxed);
	if (p->job.work == SPOOL_STORE)
		stream_spool_stored(c->stream, k, result == 0);
	else if (p->job.work == SPOOL_LOAD)
		stream_spool_loaded(c->stream, k, &p->job.block, result);
	p->job.block = (struct spool_block){0};
	if (p->job.done_result != 0)
		failed(c, p, p->job.done_result, lost);
	if (result != 0 && result != POI_ERR_AGAIN) {
		p->retry_at = now + RETRY_NS;
		failed(c, p, result, lost);
	} else if (p->job.work == SPOOL_STORE) {
		works_again(c, p, lost_now, "the spool takes PDUs again");
	}
	return lost_now;
}

// A segment for the disk: of a kind that holds much of its room, or that waits too long. While the
// MDF is away all will have to go there, and the rest of memory is for a disk that stands still.
static bool take(struct mdf_connection *c, enum copy_kind k, bool up, uint64_t now)
{
	struct connection_spool *p = &c->spool[k];

	if (now < p->retry_at)
		return false;
	if (now >= p->look_at) {
		p->old = stream_spool_waits(c->stream, k, up, now, WAIT_NS);
		p->look_at = now + LOOK_NS;
	}
	uint32_t part = up ? PART_UP : PART_AWAY;
	bool taken = stream_spool_take(c->stream, k, up, p->old ? 0 : part, &p->job);
	p->old = p->old && taken;
	return taken;
}

static bool next(struct mdf_connection *c, enum copy_kind k, uint64_t now)
{
	struct connection_spool *p = &c->spool[k];
	bool up = c->mdf && c->up_at, load = up && stream_spool_wants(c->stream, k);
	bool turn = p->job.work != SPOOL_LOAD; // the other one's, else: new content may not wait

	p->job.spool = p->spool;
	p->job.done += stream_spool_done(c->stream, k);
	if (load && turn)
		p->job.work = SPOOL_LOAD;
	else if (take(c, k, up, now))
		p->job.work = SPOOL_STORE;
	else if (load)
		p->job.work = SPOOL_LOAD;
	else if (p->job.done > 0)
		p->job.work = SPOOL_DONE;
	else
		return false;
	return true;
}

void mdf_connection_spool_work(struct mdf_connection *c, uint64_t now)
{
	for (enum copy_kind k = 0; k < COPY_KINDS; k++) {
		struct connection_spool *p = &c->spool[k];
		if (!p->spool)
			continue;
		uint32_t state = atomic_load_explicit(&p->job.state, memory_order_acquire);
		if (state == SPOOL_QUEUED)
			continue;
		uint64_t lost = UINT64_MAX;
		if (state == SPOOL_FINISHED)
			lost = finish(c, k, now);
		// Nothing is owed any more, so nothing need be stored: the next store may fail
		// again.
		if (p->failing && (c->up_at || c->state == DESTINATION_IDLE) &&
			stream_empty(c->stream))
			works_again(c, p, destination_lost(c),
				"all is delivered and the spool is empty");
		if (c->closing || !next(c, k, now))
			continue;
		p->lost_at_submit = lost == UINT64_MAX ? destination_lost(c) : lost;
		spooler_submit(c->deliver->spooler, &p->job);
	}
}

bool mdf_connection_spool_at_rest(struct mdf_connection *c, uint64_t now)
{
	c->closing = true;
	mdf_connection_spool_work(c, now);
	return !in_flight(&c->spool[COPY_X2]) && !in_flight(&c->spool[COPY_X3]);
}

void mdf_connection_spool_wait(struct mdf_connection *c)
{
	for (enum copy_kind k = 0; k < COPY_KINDS; k++) {
		struct connection_spool *p = &c->spool[k];
		if (!p->spool)
			continue;
		if (in_flight(p)) {
			spooler_wait(c->deliver->spooler, &p->job);
			(void)finish(c, k, 0);
		}
		// There is no next job that would note it in the file, and what is discarded from
		// here on stays owed on disk.
		p->job.done += stream_spool_done(c->stream, k);
	}
}

static int keep_piece(void *context, const struct segment *g, uint32_t from, uint32_t line)
{
	return spool_store(context, g, from, line);
}

static int keep_kind(struct mdf_connection *c, enum copy_kind k)
{
	struct connection_spool *p = &c->spool[k];
	const struct stream_keeper to = {.store = keep_piece, .context = p->spool};
	int error = 0;

	for (; p->job.done > 0; p->job.done--)
		(void)spool_done(p->spool);
	stream_spool_leave(c->stream, k);
	if (stream_spool_skip(c->stream, k) > 0)
		spool_skip(p->spool, stream_spool_skip(c->stream, k));
	if (stream_spool_has_front(c->stream, k)) {
		error = spool_front_begin(p->spool);
		if (!error) {
			error = stream_spool_keep(c->stream, k, true, &to);
			int end = spool_front_end(p->spool);
			error = error ? error : end;
		}
		error = error == POI_ERR_EXISTS ? 0 : error;
	}
	return error ? error : stream_spool_keep(c->stream, k, false, &to);
}

void mdf_connection_spool_keep(struct mdf_connection *c)
{
	char did[ID_TEXT_SIZE];

	stream_cut(c->stream, c->deliver->config->delivery.resend_in_doubt);
	id_format(&c->dest.did, did);
	for (enum copy_kind k = 0; k < COPY_KINDS; k++) {
		int error = c->spool[k].spool ? keep_kind(c, k) : 0;
		if (error)
			log_kind(ERROR, SPOOL, "destination %s: what was queued is not kept: %s",
				did, poi_error_text(error));
	}
}

void mdf_connection_spool_close(struct mdf_connection *c, bool keep)
{
	for (enum copy_kind k = 0; k < COPY_KINDS; k++) {
		struct connection_spool *p = &c->spool[k];
		if (!p->spool)
			continue;
		for (; p->job.done > 0 && keep; p->job.done--)
			(void)spool_done(p->spool);
		if (keep)
			spool_close(p->spool);
		else
			spool_remove(p->spool);
		p->spool = NULL;
	}
}

void mdf_connection_begin_anew(struct mdf_connection *c, uint64_t creation)
{
	uint64_t before = mdf_connection_lost(c);
	struct channel_event e = {.kind = EVENT_DISCARDED,
		.ne = c->dest.ne,
		.id = c->dest.did,
		.time_ns = now_wall_ns(),
		.subject = "removed"};

	mdf_connection_drop(c);
	mdf_connection_spool_wait(c);
	stream_discard(c->stream, LOSS_REMOVED);
	mdf_connection_spool_close(c, false);
	for (enum copy_kind k = 0; k < COPY_KINDS; k++) {
		(void)stream_spool_done(c->stream, k); // of the file that is gone
		c->spool[k] = (struct connection_spool){0};
	}
	e.copies = mdf_connection_lost(c) - before;
	snprintf(e.text, sizeof(e.text),
		"%llu PDUs of a destination that was removed were discarded",
		(unsigned long long)e.copies);
	if (e.copies > 0)
		deliver_post(c->deliver, &e);
	pthread_mutex_lock(&c->deliver->lock);
	c->dest.creation = creation;
	pthread_mutex_unlock(&c->deliver->lock);
	mdf_connection_spool_open(c);
	c->up_at = 0;
	mdf_connection_try_now(c, now_monotonic_ns());
}
