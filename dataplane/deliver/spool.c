// Keeps encrypted blocks of PDUs in a file, and the thread that does so.

#include "dataplane/deliver/spool.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dataplane/deliver/spool_file.h"
#include "shared/aead.h"
#include "shared/error.h"
#include "shared/file_at.h"
#include "shared/wire.h"

#define LOADED_MAX 64u
#define PUNCH_EVERY (16u << 20)

struct spool {
	char *file;
	int fd;
	struct spool_room own, *room;
	uint64_t owed; // of the room's, ours
	uint64_t creation;
	uint8_t root[SPOOL_KEY_SIZE];
	uint8_t salt[AEAD_SALT_SIZE]; // of our session
	uint8_t write_key[SPOOL_KEY_SIZE], read_key[SPOOL_KEY_SIZE];
	uint64_t number; // of the next block stored
	uint64_t tail;	 // end of the file
	uint64_t began;	 // where our own session begins; before it is what we found
	uint64_t punched;
	bool stale;			 // nothing is owed, but the file could not be begun anew
	bool unbegun;			 // our session's entry is not in the file yet
	uint64_t front_from;		 // where the part begins that is being put in front
	struct places places;
	struct place read;		 // next block to load, or the session's entry before it
	uint64_t load_from;		 // where it was for the block that is being loaded
	struct place loaded[LOADED_MAX]; // ends of blocks loaded and not yet delivered
	uint32_t loaded_head, loaded_tail;
	struct aead *aead;
	uint8_t *text, *sealed; // one block
};

static_assert(SPOOL_KEY_SIZE == AEAD_KEY_SIZE, "a root key is a key of the cipher");

static int derive(const struct spool *s, const uint8_t *salt, uint8_t *key)
{
	return aead_derive(s->root, "spool", salt, key);
}

// Returns how a block of `n` bytes is sealed: bound to its head, which holds its number, and to the
// creation. `bound` is the caller's room for both.
static struct aead_record record_of(const struct spool *s, const uint8_t *key, const uint8_t *head,
	size_t n, uint8_t bound[BOUND_SIZE])
{
	memcpy(bound, head, BLOCK_HEAD);
	wire_store64(bound + BLOCK_HEAD, s->creation);
	return (struct aead_record){.key = key,
		.number = wire_load64(head + 4),
		.bound = bound,
		.bound_size = BOUND_SIZE,
		.size = n};
}

static void count_owed(struct spool *s, uint64_t owed)
{
	atomic_fetch_add_explicit(&s->room->owed, owed - s->owed, memory_order_relaxed);
	s->owed = owed;
}

// Takes room for so much more; false: there is none.
static bool take_room(struct spool *s, uint64_t size)
{
	count_owed(s, spool_octets(s));
	uint64_t before = atomic_fetch_add_explicit(&s->room->owed, size, memory_order_relaxed);

	s->owed += size;
	if (before + size <= s->room->cap)
		return true;
	count_owed(s, s->owed - size);
	return false;
}

static int write_head(struct spool *s)
{
	return spool_file_places_write(s->fd, &s->places);
}

static int begin_session(struct spool *s)
{
	uint8_t entry[SESSION_SIZE];

	wire_store32(entry, SESSION);
	memcpy(entry + 4, s->salt, AEAD_SALT_SIZE);
	int error = file_write_at(s->fd, entry, sizeof(entry), s->tail);
	s->unbegun = error != 0;
	if (error) {
		(void)!ftruncate(s->fd, (off_t)s->tail);
		return error;
	}
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
	s->places = (struct places){.head = {HEAD_SIZE, HEAD_SIZE}};
	s->read = s->places.head;
	int error = write_head(s);
	error = error ? error : begin_session(s);
	s->stale = error != 0;
	return error;
}

// Reads from the session's entry at `place.session` the key of what lies at `place.at`.
static int read_key(struct spool *s, struct place place)
{
	uint8_t session[SESSION_SIZE];

	if (spool_file_read(s->fd, session, sizeof(session), place.session))
		return POI_ERR_IO;
	if (wire_load32(session) != SESSION || derive(s, session + 4, s->read_key))
		return POI_ERR_INVALID;
	s->read = place;
	return 0;
}

static bool take_over(struct spool *s, uint64_t size, struct spool_found *found)
{
	uint64_t creation;

	if (!spool_file_head(s->fd, size, &s->places, &creation) || creation != s->creation ||
		read_key(s, s->places.head))
		return false;
	found->copies = spool_file_owed(s->fd, &s->places, size, &s->tail);
	return true;
}

static int begin_file(struct spool *s)
{
	if (ftruncate(s->fd, 0) || spool_file_begin(s->fd, s->creation))
		return POI_ERR_IO;
	return reset(s);
}

static int open_file(
	struct spool *s, const struct spool_settings *set, struct spool_found *found)
{
	struct stat st;

	s->fd = open(set->file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (s->fd < 0 || fstat(s->fd, &st) || !S_ISREG(st.st_mode) ||
		aead_random(s->salt, AEAD_SALT_SIZE) || derive(s, s->salt, s->write_key))
		return POI_ERR_IO;
	bool left = (uint64_t)st.st_size > HEAD_SIZE + SESSION_SIZE;
	bool sound = left && take_over(s, (uint64_t)st.st_size, found);
	if (sound && found->copies > 0 && !set->stale) {
		found->what = SPOOL_RECOVERED;
		s->began = s->tail;
		s->punched = HEAD_SIZE;
		if (ftruncate(s->fd, (off_t)s->tail))
			return POI_ERR_IO;
		(void)begin_session(s); // a disk that is full gives back what it holds; a store tries again
		return 0;
	}
	found->what = left && (!sound || found->copies > 0) ? SPOOL_DISCARDED : SPOOL_NONE;
	return begin_file(s);
}

struct spool *spool_open(
	const struct spool_settings *set, struct spool_found *found, int *error)
{
	struct spool *s = calloc(1, sizeof(*s));

	*error = POI_ERR_NOMEM;
	*found = (struct spool_found){0};
	if (!s)
		return NULL;
	s->fd = -1;
	s->own.cap = set->cap;
	s->room = set->room ? set->room : &s->own;
	s->creation = set->creation;
	memcpy(s->root, set->root, SPOOL_KEY_SIZE);
	s->file = strdup(set->file);
	s->aead = aead_new();
	s->text = malloc(TEXT_MAX);
	s->sealed = malloc(BLOCK_HEAD + TEXT_MAX + AEAD_TAG_SIZE);
	if (s->file && s->aead && s->text && s->sealed) {
		*error = open_file(s, set, found);
		if (!*error) {
			count_owed(s, spool_octets(s));
			return s;
		}
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
		else if (s->places.skip > 0)
			(void)write_head(s);
		close(s->fd);
	}
	count_owed(s, 0);
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
	const struct places *p = &s->places;
	uint64_t from = p->head.at, owed = 0, sessions = from <= s->began ? SESSION_SIZE : 0;

	if (spool_file_in_front(p)) {
		owed += p->front_end - from;
		from = p->main.at;
	}
	if (p->front_end && from <= p->front_from) {
		owed += p->front_from - from;
		from = p->front_end;
	}
	owed += s->tail - from;
	// Sessions' entries are not owed.
	return owed > sessions ? owed - sessions : 0;
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

// Appends a block of the `n` octets in s->text.
static int append(struct spool *s, size_t n)
{
	size_t size = BLOCK_HEAD + n + AEAD_TAG_SIZE;
	uint8_t bound[BOUND_SIZE];

	if ((s->stale && reset(s)) || (s->unbegun && begin_session(s)))
		return POI_ERR_IO;
	wire_store32(s->sealed, (uint32_t)n);
	wire_store64(s->sealed + 4, s->number++); // never again, even if the write fails
	wire_store32(s->sealed + 12, wire_load32(s->text + 4));
	struct aead_record r = record_of(s, s->write_key, s->sealed, n, bound);
	if (aead_seal(s->aead, &r, s->text, s->sealed + BLOCK_HEAD))
		return POI_ERR_IO;
	if (file_write_at(s->fd, s->sealed, size, s->tail)) {
		(void)!ftruncate(s->fd, (off_t)s->tail);
		return POI_ERR_IO;
	}
	s->tail += size;
	return 0;
}

int spool_store(struct spool *s, const struct segment *segment, uint32_t from, uint32_t line)
{
	size_t n = put_text(s->text, segment, from, line);

	if (!take_room(s, BLOCK_HEAD + n + AEAD_TAG_SIZE))
		return POI_ERR_LIMIT;
	int error = append(s, n);
	count_owed(s, spool_octets(s));
	return error;
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

// At the end of a part of the file reading goes on where the next one begins. 0 or an error.
static int follow(struct spool *s)
{
	const struct places *p = &s->places;
	int error = 0;

	if (p->front_end && s->read.at == p->front_end)
		error = read_key(s, p->main);
	if (!error && p->front_end && s->read.at == p->front_from)
		error = read_key(
			s, (struct place){p->front_end + SESSION_SIZE, p->front_end});
	return error;
}

// The first `n` copies of the block were delivered.
static void leave_out(struct spool_block *b, uint32_t n)
{
	struct segment *g = b->segment;
	uint32_t start = g->copy[n - 1].end, end = g->copy[g->pushed - 1].end;

	memmove(g->octets, g->octets + start, end - start);
	g->pushed -= n;
	for (uint32_t i = 0; i < g->pushed; i++) {
		g->copy[i] = g->copy[i + n];
		g->copy[i].end -= start;
	}
	b->skipped = n;
}

static int load_block(struct spool *s, uint32_t n, struct spool_block *out)
{
	uint8_t *head = s->sealed, bound[BOUND_SIZE];
	uint64_t at = s->read.at;

	if (spool_file_read(s->fd, head, BLOCK_HEAD + n + AEAD_TAG_SIZE, at))
		return POI_ERR_IO;
	struct aead_record r = record_of(s, s->read_key, head, n, bound);
	int error = aead_open(s->aead, &r, head + BLOCK_HEAD, s->text);
	if (!error)
		error = get_text(s->text, n, out);
	if (!error && s->load_from == s->places.skip_at && s->places.skip > 0 &&
		s->places.skip < out->segment->pushed)
		leave_out(out, s->places.skip);
	out->recovered = at < s->began;
	s->read.at += BLOCK_HEAD + n + AEAD_TAG_SIZE;
	return error ? error : follow(s);
}

// Reads the entry at s->read. 1 when it was a session, 0 a block.
static int load_entry(struct spool *s, struct spool_block *out)
{
	uint8_t *head = s->sealed;

	if (spool_file_read(s->fd, head, 4, s->read.at))
		return POI_ERR_IO;
	uint32_t n = wire_load32(head);
	if (n == SESSION) {
		if (read_key(s, (struct place){s->read.at + SESSION_SIZE, s->read.at}))
			return POI_ERR_IO;
		return follow(s) ? POI_ERR_IO : 1;
	}
	return n < TEXT_MIN || n > TEXT_MAX ? POI_ERR_INVALID : load_block(s, n, out);
}

// Nothing is owed: what is left of the file are entries of sessions.
static bool is_done(const struct spool *s)
{
	return s->loaded_head == s->loaded_tail &&
	       (s->read.at == s->tail || spool_octets(s) == 0);
}

int spool_load(struct spool *s, struct spool_block *out)
{
	int error = 1;

	*out = (struct spool_block){0};
	if (s->loaded_head - s->loaded_tail == LOADED_MAX || s->read.at == s->tail)
		return POI_ERR_AGAIN;
	if (new_segment(out))
		return POI_ERR_NOMEM;
	s->load_from = s->read.at;
	while (error == 1 && s->read.at < s->tail)
		error = load_entry(s, out);
	if (error == 0) {
		s->loaded[s->loaded_head++ % LOADED_MAX] = s->read;
		return 0;
	}
	spool_block_free(out);
	if (error == 1) {
		if (is_done(s))
			(void)reset(s); // a store tries again
		return POI_ERR_AGAIN;
	}
	// Blocks of an earlier process cannot be trusted further; blocks of our own may be intact.
	bool found = s->read.at <= s->began && s->began > HEAD_SIZE;
	s->read.at = found ? s->began : s->tail;
	s->read.session = found ? s->began : s->read.session;
	if (s->loaded_head == s->loaded_tail)
		s->places.head = s->read;
	else
		s->loaded[(s->loaded_head - 1) % LOADED_MAX] = s->read;
	count_owed(s, spool_octets(s));
	out->recovered = found;
	return error;
}

// Gives the disk back what lies before the oldest block owed. Where holes cannot be punched the file
// grows until it is empty.
static void punch(struct spool *s)
{
	const struct place *head = &s->places.head;
	uint64_t from = head->session + SESSION_SIZE; // the key stays

	from = s->punched > from ? s->punched : from;
	if (head->at < from + PUNCH_EVERY || head->at <= s->places.front_end)
		return;
	(void)fallocate(s->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)from,
		(off_t)(head->at - from));
	s->punched = head->at;
}

int spool_done(struct spool *s)
{
	if (s->loaded_head == s->loaded_tail)
		return 0;
	if (s->places.skip_at == s->places.head.at)
		s->places.skip_at = s->places.skip = 0;
	s->places.head = s->loaded[s->loaded_tail++ % LOADED_MAX];
	if (is_done(s)) {
		int error = reset(s);
		count_owed(s, spool_octets(s));
		return error;
	}
	punch(s);
	count_owed(s, spool_octets(s));
	return write_head(s);
}

void spool_skip(struct spool *s, uint32_t copies)
{
	s->places.skip_at = s->places.head.at;
	s->places.skip = copies;
}

int spool_front_begin(struct spool *s)
{
	struct places *p = &s->places;

	if ((s->stale && reset(s)) || (s->unbegun && begin_session(s)))
		return POI_ERR_IO;
	if (p->front_end) // of an earlier stop, not yet read
		return POI_ERR_EXISTS;
	uint64_t from = s->tail;
	int error = begin_session(s);
	if (error)
		return error;
	s->front_from = from;
	return 0;
}

int spool_front_end(struct spool *s)
{
	struct places *p = &s->places;
	uint64_t end = s->tail;

	if (end == s->front_from + SESSION_SIZE)
		return 0; // nothing was stored
	int error = begin_session(s);
	if (error) // what was stored comes last, then
		return error;
	p->main = p->head;
	p->front_from = s->front_from;
	p->front_end = end;
	p->head = (struct place){p->front_from + SESSION_SIZE, p->front_from};
	return write_head(s);
}
