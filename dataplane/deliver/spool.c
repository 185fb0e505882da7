// Keeps encrypted blocks of PDUs in a file, and the thread that does so.

#include "dataplane/deliver/spool.h"

#include <assert.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/aead.h"
#include "shared/error.h"
#include "shared/file_at.h"
#include "shared/wire.h"

// File: magic, place of the oldest block owed (offset, and offset of its session), then entries. An
// entry is a u32 and what follows it: SESSION and a salt, or the length of the sealed text, the
// block's number in its session, the sealed text and its tag.
static const uint8_t magic[8] = "POISPOL1";
#define HEAD_SIZE 24u
#define SESSION 0xffffffffu
#define SESSION_SIZE (4u + AEAD_SALT_SIZE)
#define BLOCK_HEAD 12u
#define COPY_SIZE 12u
#define TEXT_MIN (8u + COPY_SIZE)
#define TEXT_MAX (8u + SEGMENT_COPIES * COPY_SIZE + SEGMENT_SIZE)
#define LOADED_MAX 64u
#define PUNCH_EVERY (16u << 20)
#define CLOCK_SLACK_NS (60ull * 1000000000ull)

struct place {
	uint64_t at, session;
};

struct spool {
	char *file;
	int fd;
	uint64_t cap;
	uint8_t root[SPOOL_KEY_SIZE];
	uint8_t salt[AEAD_SALT_SIZE]; // of our session
	uint8_t write_key[SPOOL_KEY_SIZE], read_key[SPOOL_KEY_SIZE];
	uint64_t number; // of the next block stored
	uint64_t tail;	 // end of the file
	uint64_t began;	 // where our own session begins; before it is what we found
	uint64_t punched;
	bool stale;			 // nothing is owed, but the file could not be begun anew
	struct place head;		 // oldest block owed
	struct place read;		 // next block to load
	struct place loaded[LOADED_MAX]; // ends of blocks loaded and not yet delivered
	uint32_t loaded_head, loaded_tail;
	struct aead *aead;
	uint8_t *text, *sealed; // one block
};

static uint64_t load64(const uint8_t *from)
{
	return (uint64_t)wire_load32(from) << 32 | wire_load32(from + 4);
}

// Reads all `n` bytes; AGAIN where the file ends before.
static int read_all(int fd, uint8_t *octets, size_t n, uint64_t at)
{
	ssize_t got = file_read_at(fd, octets, n, at);

	if (got < 0)
		return POI_ERR_IO;
	return (size_t)got < n ? POI_ERR_AGAIN : POI_OK;
}

static_assert(SPOOL_KEY_SIZE == AEAD_KEY_SIZE, "a root key is a key of the cipher");

static int derive(const struct spool *s, const uint8_t *salt, uint8_t *key)
{
	return aead_derive(s->root, "spool", salt, key);
}

// Returns how a block of `n` bytes is sealed: bound to its head, which holds its number.
static struct aead_record record_of(const uint8_t *key, const uint8_t *head, size_t n)
{
	return (struct aead_record){.key = key,
		.number = load64(head + 4),
		.bound = head,
		.bound_size = BLOCK_HEAD,
		.size = n};
}

static int write_head(struct spool *s)
{
	uint8_t head[16];

	wire_store64(head, s->head.at);
	wire_store64(head + 8, s->head.session);
	return file_write_at(s->fd, head, sizeof(head), sizeof(magic));
}

static int begin_session(struct spool *s)
{
	uint8_t entry[SESSION_SIZE];

	wire_store32(entry, SESSION);
	memcpy(entry + 4, s->salt, AEAD_SALT_SIZE);
	int error = file_write_at(s->fd, entry, sizeof(entry), s->tail);
	if (error)
		return error;
	s->tail += sizeof(entry);
	return 0;
}

// Nothing is owed any more: the file begins anew. The session goes on, so do its numbers. After a
// failure nothing is stored before this was done.
static int reset(struct spool *s)
{
	s->stale = true;
	if (ftruncate(s->fd, HEAD_SIZE))
		return POI_ERR_IO;
	s->tail = s->began = s->punched = HEAD_SIZE;
	s->head = s->read = (struct place){HEAD_SIZE, HEAD_SIZE};
	int error = write_head(s);
	error = error ? error : begin_session(s);
	s->stale = error != 0;
	return error;
}

// Walks over the entries of a file that was left behind: the end of its last whole one.
static uint64_t whole_end(struct spool *s, uint64_t at, uint64_t size)
{
	uint8_t word[4];

	while (at + sizeof(word) <= size && read_all(s->fd, word, sizeof(word), at) == 0) {
		uint32_t n = wire_load32(word);
		if (n != SESSION && (n < TEXT_MIN || n > TEXT_MAX))
			break;
		uint64_t length = n == SESSION ? SESSION_SIZE : BLOCK_HEAD + n + AEAD_TAG_SIZE;
		if (length > size - at)
			break;
		at += length;
	}
	return at;
}

static bool take_over(struct spool *s, uint64_t size)
{
	uint8_t head[HEAD_SIZE];
	uint8_t session[SESSION_SIZE];

	if (size < HEAD_SIZE + SESSION_SIZE || read_all(s->fd, head, sizeof(head), 0) ||
		memcmp(head, magic, sizeof(magic)) != 0)
		return false;
	s->head.at = load64(head + 8);
	s->head.session = load64(head + 16);
	if (s->head.at > size || s->head.session > s->head.at || s->head.session < HEAD_SIZE ||
		read_all(s->fd, session, sizeof(session), s->head.session) ||
		wire_load32(session) != SESSION)
		return false;
	if (derive(s, session + 4, s->read_key))
		return false;
	s->read = s->head;
	s->tail = whole_end(s, s->head.at, size);
	// A session's entry alone is no block.
	return s->tail > s->head.at + (s->head.at == s->head.session ? SESSION_SIZE : 0);
}

static bool is_young(const struct spool_settings *set, const struct stat *st)
{
	uint64_t written =
		(uint64_t)st->st_mtim.tv_sec * 1000000000ull + (uint64_t)st->st_mtim.tv_nsec;

	return set->youngest_ns == 0 ||
	       (written >= set->youngest_ns && written <= set->now_ns + CLOCK_SLACK_NS);
}

static int open_file(struct spool *s, const struct spool_settings *set, enum spool_found *found)
{
	struct stat st;

	s->fd = open(set->file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (s->fd < 0 || fstat(s->fd, &st) || !S_ISREG(st.st_mode) ||
		aead_random(s->salt, AEAD_SALT_SIZE) || derive(s, s->salt, s->write_key))
		return POI_ERR_IO;
	bool left = (uint64_t)st.st_size > HEAD_SIZE + SESSION_SIZE;
	if (left && is_young(set, &st) && take_over(s, (uint64_t)st.st_size)) {
		*found = SPOOL_RECOVERED;
		s->began = s->tail;
		s->punched = HEAD_SIZE;
		return ftruncate(s->fd, (off_t)s->tail) ? POI_ERR_IO : begin_session(s);
	}
	*found = left ? SPOOL_DISCARDED : SPOOL_NONE;
	if (ftruncate(s->fd, 0) || file_write_at(s->fd, magic, sizeof(magic), 0))
		return POI_ERR_IO;
	return reset(s);
}

struct spool *spool_open(const struct spool_settings *set, enum spool_found *found, int *error)
{
	struct spool *s = calloc(1, sizeof(*s));

	*error = POI_ERR_NOMEM;
	*found = SPOOL_NONE;
	if (!s)
		return NULL;
	s->fd = -1;
	s->cap = set->cap;
	memcpy(s->root, set->root, SPOOL_KEY_SIZE);
	s->file = strdup(set->file);
	s->aead = aead_new();
	s->text = malloc(TEXT_MAX);
	s->sealed = malloc(BLOCK_HEAD + TEXT_MAX + AEAD_TAG_SIZE);
	if (s->file && s->aead && s->text && s->sealed) {
		*error = open_file(s, set, found);
		if (!*error)
			return s;
	}
	spool_close(s);
	return NULL;
}

// The name may belong to the file of a successor.
static void unlink_own(const struct spool *s)
{
	struct stat own, there;

	if (s->fd >= 0 && !fstat(s->fd, &own) && !stat(s->file, &there) &&
		own.st_dev == there.st_dev && own.st_ino == there.st_ino)
		(void)unlink(s->file);
}

void spool_close(struct spool *s)
{
	if (!s)
		return;
	if (s->fd >= 0) {
		if (spool_octets(s) == 0)
			unlink_own(s);
		close(s->fd);
	}
	aead_free(s->aead);
	explicit_bzero(s->root, sizeof(s->root));
	explicit_bzero(s->write_key, sizeof(s->write_key));
	explicit_bzero(s->read_key, sizeof(s->read_key));
	if (s->text)
		explicit_bzero(s->text, TEXT_MAX);
	free(s->text);
	free(s->sealed);
	free(s->file);
	free(s);
}

void spool_remove(struct spool *s)
{
	if (!s)
		return;
	unlink_own(s);
	spool_close(s);
}

uint64_t spool_octets(const struct spool *s)
{
	uint64_t owed = s->tail - s->head.at;

	// Sessions' entries are not owed.
	if (owed > 0 && s->head.at <= s->began)
		owed -= owed < SESSION_SIZE ? owed : SESSION_SIZE;
	return owed;
}

static size_t put_text(uint8_t *to, const struct segment *g, uint32_t from, uint32_t line)
{
	uint32_t pushed = atomic_load_explicit(&g->pushed, memory_order_acquire);
	uint32_t start = from ? g->copy[from - 1].end : 0, end = g->copy[pushed - 1].end;
	uint8_t *at = to + 8;

	wire_store32(to, line);
	wire_store32(to + 4, pushed - from);
	for (uint32_t i = from; i < pushed; i++, at += COPY_SIZE) {
		wire_store32(at, g->copy[i].end - start);
		wire_store32(at + 4, g->copy[i].slot);
		wire_store32(at + 8, g->copy[i].payload);
	}
	memcpy(at, g->octets + start, end - start);
	return (size_t)(at - to) + end - start;
}

int spool_store(struct spool *s, const struct segment *segment, uint32_t from, uint32_t line)
{
	size_t n = put_text(s->text, segment, from, line);
	size_t size = BLOCK_HEAD + n + AEAD_TAG_SIZE;

	if (s->tail - s->head.at + size > s->cap)
		return POI_ERR_LIMIT;
	if (s->stale && reset(s))
		return POI_ERR_IO;
	wire_store32(s->sealed, (uint32_t)n);
	wire_store64(s->sealed + 4, s->number++); // never again, even if the write fails
	struct aead_record r = record_of(s->write_key, s->sealed, n);
	if (aead_seal(s->aead, &r, s->text, s->sealed + BLOCK_HEAD))
		return POI_ERR_IO;
	if (file_write_at(s->fd, s->sealed, size, s->tail)) {
		(void)!ftruncate(s->fd, (off_t)s->tail);
		return POI_ERR_IO;
	}
	s->tail += size;
	return 0;
}

static int get_text(const uint8_t *text, size_t n, struct spool_block *out)
{
	uint32_t copies = wire_load32(text + 4), end = 0;
	struct segment *g = out->segment;

	if (copies == 0 || copies > SEGMENT_COPIES || n < 8 + (size_t)copies * COPY_SIZE)
		return POI_ERR_INVALID;
	size_t octets = n - 8 - (size_t)copies * COPY_SIZE;
	const uint8_t *at = text + 8;
	for (uint32_t i = 0; i < copies; i++, at += COPY_SIZE) {
		g->copy[i] = (struct copy_descriptor){
			wire_load32(at), wire_load32(at + 4), wire_load32(at + 8)};
		// A copy without octets of its own shares the PDU before it.
		if (g->copy[i].end < end || g->copy[i].end == 0 || g->copy[i].end > octets)
			return POI_ERR_INVALID;
		end = g->copy[i].end;
	}
	if (end != octets || octets > SEGMENT_SIZE)
		return POI_ERR_INVALID;
	memcpy(g->octets, at, octets);
	g->pushed = copies;
	g->closed = 1;
	out->line = wire_load32(text);
	return 0;
}

static int new_segment(struct spool_block *b)
{
	b->segment = calloc(1, sizeof(*b->segment));
	if (b->segment)
		b->segment->octets = malloc(SEGMENT_SIZE);
	if (b->segment && b->segment->octets)
		return 0;
	spool_block_free(b);
	return POI_ERR_NOMEM;
}

void spool_block_free(struct spool_block *b)
{
	if (b->segment)
		free(b->segment->octets);
	free(b->segment);
	b->segment = NULL;
}

// Reads the entry at s->read. 1 when it was a session, 0 a block.
static int load_entry(struct spool *s, struct spool_block *out)
{
	uint8_t *head = s->sealed;
	int error = read_all(s->fd, head, 4, s->read.at);

	if (error)
		return POI_ERR_IO;
	uint32_t n = wire_load32(head);
	if (n == SESSION) {
		if (read_all(s->fd, head, SESSION_SIZE, s->read.at))
			return POI_ERR_IO;
		if (derive(s, head + 4, s->read_key))
			return POI_ERR_IO;
		s->read = (struct place){s->read.at + SESSION_SIZE, s->read.at};
		return 1;
	}
	if (n < TEXT_MIN || n > TEXT_MAX)
		return POI_ERR_INVALID;
	if (read_all(s->fd, head, BLOCK_HEAD + n + AEAD_TAG_SIZE, s->read.at))
		return POI_ERR_IO;
	struct aead_record r = record_of(s->read_key, head, n);
	error = aead_open(s->aead, &r, head + BLOCK_HEAD, s->text);
	if (!error)
		error = get_text(s->text, n, out);
	out->recovered = s->read.at < s->began;
	s->read.at += BLOCK_HEAD + n + AEAD_TAG_SIZE;
	return error;
}

int spool_load(struct spool *s, struct spool_block *out)
{
	int error = 1;

	*out = (struct spool_block){0};
	if (s->loaded_head - s->loaded_tail == LOADED_MAX || s->read.at == s->tail)
		return POI_ERR_AGAIN;
	if (new_segment(out))
		return POI_ERR_NOMEM;
	while (error == 1 && s->read.at < s->tail)
		error = load_entry(s, out);
	if (error == 0) {
		s->loaded[s->loaded_head++ % LOADED_MAX] = s->read;
		return 0;
	}
	spool_block_free(out);
	if (error == 1)
		return POI_ERR_AGAIN;
	// What we found cannot be trusted further; what we wrote ourselves may still be.
	bool found = s->read.at <= s->began && s->began > HEAD_SIZE;
	s->read.at = found ? s->began : s->tail;
	s->read.session = found ? s->began : s->read.session;
	if (s->loaded_head == s->loaded_tail)
		s->head = s->read;
	else
		s->loaded[(s->loaded_head - 1) % LOADED_MAX] = s->read;
	out->recovered = found;
	return error;
}

int spool_done(struct spool *s)
{
	if (s->loaded_head == s->loaded_tail)
		return 0;
	s->head = s->loaded[s->loaded_tail++ % LOADED_MAX];
	if (s->loaded_head == s->loaded_tail && spool_octets(s) == 0)
		return reset(s);
	uint64_t from = s->head.session + SESSION_SIZE; // the key stays
	from = s->punched > from ? s->punched : from;
	if (s->head.at >= from + PUNCH_EVERY) {
		// Where holes cannot be punched the file grows until it is empty.
		(void)fallocate(s->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)from,
			(off_t)(s->head.at - from));
		s->punched = s->head.at;
	}
	return write_head(s);
}

struct spooler {
	pthread_t id;
	pthread_mutex_t lock; // below
	pthread_cond_t changed;
	STAILQ_HEAD(, spool_job) jobs;
	bool stopping;
};

static int work(struct spool_job *j)
{
	if (j->work == SPOOL_RUN) {
		j->run(j->context);
		return 0;
	}
	// One that fails leaves its place in the head to the next; none is left out.
	for (j->done_result = 0; j->done > 0; j->done--) {
		int error = spool_done(j->spool);
		j->done_result = error ? error : j->done_result;
	}
	if (j->work == SPOOL_STORE)
		return spool_store(j->spool, j->segment, j->from, j->line);
	return j->work == SPOOL_LOAD ? spool_load(j->spool, &j->block) : j->done_result;
}

static void *spooler_run(void *context)
{
	struct spooler *s = context;

	pthread_mutex_lock(&s->lock);
	for (;;) {
		struct spool_job *j = STAILQ_FIRST(&s->jobs);
		if (!j && s->stopping)
			break;
		if (!j) {
			pthread_cond_wait(&s->changed, &s->lock);
			continue;
		}
		STAILQ_REMOVE_HEAD(&s->jobs, next);
		pthread_mutex_unlock(&s->lock);
		j->result = work(j);
		pthread_mutex_lock(&s->lock);
		// The job is its owner's from here on.
		atomic_store_explicit(&j->state, SPOOL_FINISHED, memory_order_release);
		pthread_cond_broadcast(&s->changed);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

struct spooler *spooler_new(void)
{
	struct spooler *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	STAILQ_INIT(&s->jobs);
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->changed, NULL);
	if (pthread_create(&s->id, NULL, spooler_run, s)) {
		free(s);
		return NULL;
	}
	(void)pthread_setname_np(s->id, "poi-spool");
	return s;
}

void spooler_free(struct spooler *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->stopping = true;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->id, NULL);
	pthread_cond_destroy(&s->changed);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

void spooler_submit(struct spooler *s, struct spool_job *j)
{
	atomic_store_explicit(&j->state, SPOOL_QUEUED, memory_order_relaxed);
	pthread_mutex_lock(&s->lock);
	STAILQ_INSERT_TAIL(&s->jobs, j, next);
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
}

void spooler_wait(struct spooler *s, struct spool_job *j)
{
	pthread_mutex_lock(&s->lock);
	while (atomic_load_explicit(&j->state, memory_order_acquire) == SPOOL_QUEUED)
		pthread_cond_wait(&s->changed, &s->lock);
	pthread_mutex_unlock(&s->lock);
}
