// Files of the spool that are nobody's: their destinations were removed while no dataplane ran, or
// the network element is served by another one now.

#include "dataplane/deliver/deliver_internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/log.h"
#include "shared/now.h"

#define SWEEP_NS (60 * NS_PER_S)

#define ID_LENGTH (ID_TEXT_SIZE - 1)
#define NAME_LENGTH (2 * ID_LENGTH + 4) // NE.DID.x2

static bool take_name(const char *name, struct id16 *ne, struct id16 *did)
{
	if (strlen(name) != NAME_LENGTH || name[ID_LENGTH] != '.')
		return false;
	const char *kind = name + NAME_LENGTH - 3;
	return (strcmp(kind, ".x2") == 0 || strcmp(kind, ".x3") == 0) &&
	       id_parse(name, ID_LENGTH, ne) == 0 &&
	       id_parse(name + ID_LENGTH + 1, ID_LENGTH, did) == 0;
}

static bool is_known(struct deliver *d, const struct id16 *ne, const struct id16 *did)
{
	bool found = false;

	pthread_mutex_lock(&d->lock);
	for (uint32_t i = 0; i < COPY_DESTINATIONS_MAX && !found; i++) {
		const struct mdf_connection *c = d->connection[i];
		found = c && id_equal(&c->dest.ne, ne) && id_equal(&c->dest.did, did);
	}
	pthread_mutex_unlock(&d->lock);
	return found;
}

// Nobody says when all destinations are known after a start. But what is older than the fail-safe
// of its network element is used for none that may still come (decision 14), and by then control
// has replayed what it knows, or the fail-safe has ended it.
static bool is_over(const struct deliver *d, const struct id16 *ne, const struct stat *st)
{
	uint64_t now = now_wall_ns(), from = deliver_spool_youngest(d->config, ne, now);
	uint64_t written = (uint64_t)st->st_mtim.tv_sec * NS_PER_S + (uint64_t)st->st_mtim.tv_nsec;

	return from > 0 && written < from && now_monotonic_ns() - d->started_ns >= now - from;
}

// Octets freed, or 0 when the file stays.
static uint64_t remove_if_over(struct deliver *d, int folder, const char *name)
{
	struct id16 ne, did;
	struct stat st;
	uint64_t octets = 0;

	if (!take_name(name, &ne, &did))
		return 0;
	// One that is opened meanwhile has been written to when it is looked at.
	pthread_mutex_lock(&d->spool_lock);
	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
		is_over(d, &ne, &st) && !is_known(d, &ne, &did) && unlinkat(folder, name, 0) == 0)
		octets = (uint64_t)st.st_size;
	pthread_mutex_unlock(&d->spool_lock);
	return octets;
}

void deliver_sweep(struct deliver *d)
{
	DIR *folder = opendir(d->config->delivery.spool.folder);
	struct dirent *e;
	uint64_t octets = 0;
	uint32_t files = 0;

	while (folder && (e = readdir(folder))) {
		uint64_t freed = remove_if_over(d, dirfd(folder), e->d_name);
		files += freed > 0;
		octets += freed;
	}
	if (folder)
		closedir(folder);
	if (files > 0)
		log_notice("spool: %u files of destinations that are no more were removed, "
			   "%llu octets",
			files, (unsigned long long)octets);
}

static void run(void *context)
{
	deliver_sweep(context);
}

void deliver_sweep_timer(struct deliver *d, uint64_t now)
{
	struct spool_job *j = &d->sweep;

	if (!d->spooler || now < d->sweep_at ||
		atomic_load_explicit(&j->state, memory_order_acquire) == SPOOL_QUEUED)
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
