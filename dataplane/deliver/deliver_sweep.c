// Removes orphaned spool files: their destinations were removed while no dataplane ran, or another
// dataplane serves the network element now.

#include "dataplane/deliver/deliver_internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/log.h"
#include "shared/now.h"

#define SWEEP_NS (60 * NS_PER_S)

#define ID_LENGTH (ID_TEXT_SIZE - 1)
#define PAIR_LENGTH (2 * ID_LENGTH + 1) // NE.DID
#define CREATION_LENGTH 17		// .16 hexadecimal digits

struct file_of { // whose a file is, by its name
	struct id16 ne, did;
	uint64_t creation; // 0: written by a version without this member
};

// The creation and what may follow it, up to `length` octets.
static bool take_creation(const char *name, size_t length, uint64_t *creation)
{
	char *end;

	*creation = strtoull(name + 1, &end, 16);
	if (name[0] != '.' || end != name + CREATION_LENGTH || *creation == 0)
		return false;
	return length == CREATION_LENGTH ||
	       (*end == '.' && strspn(end + 1, "0123456789") == length - CREATION_LENGTH - 1);
}

// NE.DID.creation.x2 or NE.DID.creation.number.x2
static bool take_name(const char *name, struct file_of *f)
{
	size_t n = strlen(name);

	*f = (struct file_of){0};
	if (n < PAIR_LENGTH + 3 || name[ID_LENGTH] != '.' ||
		(strcmp(name + n - 3, ".x2") != 0 && strcmp(name + n - 3, ".x3") != 0))
		return false;
	if (n >= PAIR_LENGTH + CREATION_LENGTH + 3) {
		if (!take_creation(name + PAIR_LENGTH, n - PAIR_LENGTH - 3, &f->creation))
			return false;
	} else if (n != PAIR_LENGTH + 3) {
		return false;
	}
	return id_parse(name, ID_LENGTH, &f->ne) == 0 &&
	       id_parse(name + ID_LENGTH + 1, ID_LENGTH, &f->did) == 0;
}

static bool is_known(struct deliver *d, const struct file_of *f)
{
	bool found = false;

	pthread_mutex_lock(&d->lock);
	for (uint32_t i = 0; i < COPY_DESTINATIONS_MAX && !found; i++) {
		const struct mdf_connection *c = d->connection[i];
		found = c && id_equal(&c->dest.ne, &f->ne) && id_equal(&c->dest.did, &f->did) &&
			c->dest.creation == f->creation;
	}
	pthread_mutex_unlock(&d->lock);
	return found;
}

// Files of elements that are not ours stay. Control says when all destinations are known; without
// it, by the time of its network element's fail-safe it has replayed what it knows, or the fail-safe
// has ended it.
static bool is_over(const struct deliver *d, const struct id16 *ne)
{
	const struct config *c = d->config;

	for (uint32_t i = 0; i < c->n_nes; i++) {
		const struct config_keepalive *k = &c->nes[i].x1.keepalive;
		struct id16 id = id_of_ne(c->nes[i].ne_identifier);
		if (id_equal(&id, ne))
			return atomic_load_explicit(&d->complete, memory_order_relaxed) ||
			       (k->enabled && now_monotonic_ns() - d->started_ns >=
						      k->time_p2 * NS_PER_S);
	}
	return false;
}

static void report(struct deliver *d, const struct file_of *f, bool counted, uint64_t copies)
{
	struct channel_event e = {.kind = EVENT_DISCARDED,
		.ne = f->ne,
		.id = f->did,
		.copies = copies,
		.time_ns = now_wall_ns(),
		.subject = "removed"};
	char did[ID_TEXT_SIZE];

	id_format(&f->did, did);
	if (counted)
		snprintf(e.text, sizeof(e.text),
			"%llu PDUs in the spool of a destination that was removed were discarded",
			(unsigned long long)copies);
	else
		snprintf(e.text, sizeof(e.text),
			"the spool of a destination that was removed was discarded; it does not "
			"say how many PDUs");
	log_warning("destination %s: %s", did, e.text);
	deliver_post(d, &e);
}

static void remove_if_over(struct deliver *d, int folder, const char *name)
{
	struct file_of f;
	struct stat st;
	uint64_t copies = 0;

	if (!take_name(name, &f) || !is_over(d, &f.ne) || is_known(d, &f))
		return;
	int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return;
	bool whole = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
	bool counted = whole && spool_file_copies(fd, &copies);
	close(fd);
	// A destination that is being added has its file before it is known.
	pthread_mutex_lock(&d->spool_lock);
	bool removed = whole && !is_known(d, &f) && unlinkat(folder, name, 0) == 0;
	pthread_mutex_unlock(&d->spool_lock);
	if (removed && (!counted || copies > 0))
		report(d, &f, counted, copies);
}

void deliver_sweep(struct deliver *d)
{
	DIR *folder = opendir(d->config->delivery.spool.folder);
	struct dirent *e;

	while (folder && (e = readdir(folder)))
		remove_if_over(d, dirfd(folder), e->d_name);
	if (folder)
		closedir(folder);
}

void deliver_complete(struct deliver *d, bool complete)
{
	atomic_store_explicit(&d->complete, complete, memory_order_relaxed);
	if (complete)
		atomic_store_explicit(&d->sweep_now, true, memory_order_relaxed);
}

static void run(void *context)
{
	deliver_sweep(context);
}

void deliver_sweep_timer(struct deliver *d, uint64_t now)
{
	struct spool_job *j = &d->sweep;

	if (!d->spooler || atomic_load_explicit(&j->state, memory_order_acquire) == SPOOL_QUEUED)
		return;
	if (!atomic_exchange_explicit(&d->sweep_now, false, memory_order_relaxed) &&
		now < d->sweep_at)
		return;
	d->sweep_at = now + SWEEP_NS;
	j->work = SPOOL_RUN;
	j->run = run;
	j->context = d;
	spooler_submit(d->spooler, j);
}

void deliver_sweep_wait(struct deliver *d)
{
	if (d->spooler)
		spooler_wait(d->spooler, &d->sweep);
}
