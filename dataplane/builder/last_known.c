// Keeps the last counts of what delivery held, for the process after this one.

#include "dataplane/builder/last_known.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NAME "dataplane.last"
#define MAGIC "POILAST1"
#define ENTRIES 4096u // destinations
#define NS_PER_S 1000000000ull
#define NS_PER_MS 1000000ull

struct entry {
	struct id16 ne, did;
	uint64_t queued;
};

struct count {		  // one of two; the other one is written
	uint64_t time_ns; // CLOCK_REALTIME
	uint32_t n;
	struct entry entry[ENTRIES];
};

struct file {
	char magic[8];
	uint32_t size;
	// Index of the valid count; stored with release when its writing is over. There is no
	// reader but the next process.
	_Atomic uint32_t current;
	struct count count[2];
};

struct last_known {
	char path[4352];
	struct file *file;
	struct count *past; // of an earlier process; NULL: nothing
	uint32_t next;	    // entry of it
	uint32_t next_ne;   // entry of it whose network element is looked at
};

static bool is_ours(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
	       st.st_size == (off_t)sizeof(struct file);
}

static bool is_sound(const struct file *f)
{
	uint32_t current = atomic_load_explicit(&f->current, memory_order_acquire);

	return memcmp(f->magic, MAGIC, sizeof(f->magic)) == 0 && f->size == sizeof(*f) &&
	       current < 2 && f->count[current].n <= ENTRIES;
}

static void take_past(struct last_known *l)
{
	int fd = open(l->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0)
		return;
	struct file *f =
		is_ours(fd) ? mmap(NULL, sizeof(*f), PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
	close(fd);
	if (f == MAP_FAILED)
		return;
	if (is_sound(f))
		l->past = malloc(sizeof(*l->past));
	if (l->past)
		*l->past = f->count[atomic_load_explicit(&f->current, memory_order_relaxed)];
	munmap(f, sizeof(*f));
}

// Begins a new file beside the old one: a process that still has that mapped does not write into
// this one.
static int begin_fresh(const char *fresh)
{
	if (unlink(fresh) && errno != ENOENT)
		return -1;
	int fd = open(fresh, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	// With its room: a full file system shows here and not as a signal later.
	int error = fd < 0 ? errno : posix_fallocate(fd, 0, sizeof(struct file));
	if (!error)
		return fd;
	if (fd >= 0) {
		close(fd);
		(void)unlink(fresh);
	}
	errno = error;
	return -1;
}

// The old file goes on where there is no room for a new one: it has its room.
static int begin_again(const char *path)
{
	int error = errno;
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd >= 0 && is_ours(fd))
		return fd;
	if (fd >= 0)
		close(fd);
	errno = error;
	return -1;
}

static struct file *begin(const char *path, const struct count *past)
{
	char fresh[4400];

	snprintf(fresh, sizeof(fresh), "%s.new", path);
	int fd = begin_fresh(fresh);
	bool is_fresh = fd >= 0;
	if (!is_fresh)
		fd = begin_again(path);
	if (fd < 0)
		return NULL;
	struct file *f = mmap(NULL, sizeof(*f), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (f == MAP_FAILED)
		return NULL;
	// Not reported yet: a process that ends before that leaves it to the next. The count that
	// does not hold first: a kill in between leaves the one that does.
	uint32_t free = !atomic_load_explicit(&f->current, memory_order_relaxed);
	if (past)
		f->count[free % 2] = *past;
	else
		f->count[free % 2].n = 0;
	f->size = sizeof(*f);
	memcpy(f->magic, MAGIC, sizeof(f->magic));
	atomic_store_explicit(&f->current, free % 2, memory_order_release); // partner: is_sound
	if (!is_fresh || rename(fresh, path) == 0)
		return f;
	munmap(f, sizeof(*f));
	return NULL;
}

struct last_known *last_known_open(const char *folder)
{
	struct last_known *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	int n = snprintf(l->path, sizeof(l->path), "%s/" NAME, folder);
	if (n > 0 && (size_t)n < sizeof(l->path)) {
		take_past(l);
		l->file = begin(l->path, l->past);
	}
	if (l->file)
		return l;
	int error = errno;
	last_known_close(l, false);
	errno = error;
	return NULL;
}

void last_known_close(struct last_known *l, bool orderly)
{
	if (!l)
		return;
	if (l->file)
		munmap(l->file, sizeof(*l->file));
	if (l->file && orderly)
		(void)unlink(l->path);
	free(l->past);
	free(l);
}

static void fill(const struct count *past, struct channel_event *e)
{
	time_t at = (time_t)(past->time_ns / NS_PER_S);
	unsigned ms = (unsigned)(past->time_ns % NS_PER_S / NS_PER_MS);
	char when[20];
	struct tm utc;

	gmtime_r(&at, &utc);
	if (!strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &utc))
		when[0] = '\0'; // a year of five digits
	if (e->copies > 0)
		snprintf(e->text, sizeof(e->text),
			"poi-dataplane was killed: %llu PDUs held at %s.%03uZ (less taken "
			"since) and later ones are lost",
			(unsigned long long)e->copies, when, ms);
	else
		snprintf(e->text, sizeof(e->text),
			"poi-dataplane was killed: PDUs lost, number not known; none was held at "
			"%s.%03uZ",
			when, ms);
}

// Nothing was counted for any destination of the element of `at`, which is the first of them.
static bool is_unknown(const struct count *past, uint32_t at)
{
	const struct id16 *ne = &past->entry[at].ne;

	for (uint32_t i = 0; i < past->n; i++)
		if ((i < at || past->entry[i].queued > 0) && id_equal(&past->entry[i].ne, ne))
			return false;
	return true;
}

bool last_known_next(struct last_known *l, struct channel_event *out)
{
	const struct count *past = l->past;

	*out = (struct channel_event){.kind = EVENT_KILLED};
	for (; past && l->next < past->n; l->next++) {
		const struct entry *e = &past->entry[l->next];
		if (e->queued == 0)
			continue;
		l->next++;
		out->ne = e->ne;
		out->id = e->did;
		out->copies = e->queued;
		fill(past, out);
		return true;
	}
	for (; past && l->next_ne < past->n; l->next_ne++) {
		if (!is_unknown(past, l->next_ne))
			continue;
		out->ne = past->entry[l->next_ne++].ne;
		fill(past, out);
		return true;
	}
	last_known_forget(l);
	return false;
}

void last_known_forget(struct last_known *l)
{
	free(l->past);
	l->past = NULL;
}

static struct count *next_count(struct last_known *l)
{
	return &l->file->count[!atomic_load_explicit(&l->file->current, memory_order_relaxed)];
}

void last_known_begin(struct last_known *l)
{
	next_count(l)->n = 0;
}

void last_known_put(
	struct last_known *l, const struct id16 *ne, const struct id16 *did, uint64_t queued)
{
	struct count *c = next_count(l);

	if (c->n < ENTRIES)
		c->entry[c->n++] = (struct entry){*ne, *did, queued};
}

void last_known_end(struct last_known *l, uint64_t wall_ns)
{
	struct count *c = next_count(l);

	if (l->past)
		return;
	c->time_ns = wall_ns;
	atomic_store_explicit(&l->file->current, (uint32_t)(c - l->file->count),
		memory_order_release); // partner: is_sound of the next process
}
