// Writes and reads the file of sealed records: its format, its sessions, its rewriting.
#include "shared/sealed_file.h"

#include <assert.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/aead.h"
#include "shared/credential.h"
#include "shared/file_at.h"
#include "shared/wire.h"

// File: magic, then entries. An entry is a u32 and what follows it: SESSION and a salt, or the length
// of the plaintext, the ciphertext and its tag.
static const uint8_t magic[8] = "POISEAL1";
#define SESSION 0xffffffffu

static_assert(SEALED_FILE_KEY_SIZE == AEAD_KEY_SIZE, "a root key is a key of the cipher");

struct session {
	uint8_t key[SEALED_FILE_KEY_SIZE];
	uint64_t index;		     // records sealed in this session: the nonce
	bool broken;		     // a write failed: this session's key is used no more
	uint8_t previous[AEAD_TAG_SIZE];  // tag of the record before, over session borders
};

struct sealed_file {
	char *file;
	bool aside; // `file` is not in its place yet
	int fd;
	uint64_t size;
	struct session session;
	uint8_t root[SEALED_FILE_KEY_SIZE];
	struct aead *aead;
	uint8_t *buffer; // one entry
};

int sealed_file_key_read(const char *file, uint8_t root[SEALED_FILE_KEY_SIZE])
{
	int rc = POI_ERR_IO;
	struct stat s;
	int fd = open(file, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return POI_ERR_IO;
	if (fstat(fd, &s) == 0)
		rc = (s.st_mode & 077) && !credential_is(file) ? POI_ERR_DENIED
							       : aead_read_root(fd, root);
	close(fd);
	return rc;
}

static int session_key(const uint8_t root[SEALED_FILE_KEY_SIZE], const uint8_t salt[AEAD_SALT_SIZE],
	struct session *s)
{
	s->index = 0;
	s->broken = false;
	return aead_derive(root, "sealed", salt, s->key);
}

// Returns how the next record of a session is sealed: bound to its place by the tag before it.
static struct aead_record next_record(const struct session *k, size_t size)
{
	return (struct aead_record){.key = k->key,
		.number = k->index,
		.bound = k->previous,
		.bound_size = AEAD_TAG_SIZE,
		.size = size};
}

static void record_done(struct session *k, const uint8_t *tag)
{
	k->index++;
	memcpy(k->previous, tag, AEAD_TAG_SIZE);
}

static int begin_session(struct sealed_file *s)
{
	uint8_t entry[4 + AEAD_SALT_SIZE];

	wire_store32(entry, SESSION);
	int rc = aead_random(entry + 4, AEAD_SALT_SIZE);
	if (!rc)
		rc = file_write_at(s->fd, entry, sizeof(entry), s->size);
	if (rc) {
		(void)!ftruncate(s->fd, (off_t)s->size);
		return rc;
	}
	s->size += sizeof(entry);
	return session_key(s->root, entry + 4, &s->session);
}

// Reads the entry at s->size. 1 for a record (in `record`), 0 for a session, AGAIN at a torn or clean
// end, IO, or INVALID when it is whole and does not open.
static int read_entry(struct sealed_file *s, uint8_t *record, size_t *length)
{
	ssize_t got = file_read_at(s->fd, s->buffer, 4, s->size);

	if (got < 4)
		return got < 0 ? POI_ERR_IO : POI_ERR_AGAIN;
	uint32_t word = wire_load32(s->buffer);
	bool session = word == SESSION;
	size_t rest = session ? AEAD_SALT_SIZE : (size_t)word + AEAD_TAG_SIZE;
	if (!session && (!word || word > SEALED_FILE_RECORD_MAX))
		return POI_ERR_INVALID;
	got = file_read_at(s->fd, s->buffer, rest, s->size + 4);
	if (got < (ssize_t)rest)
		return got < 0 ? POI_ERR_IO : POI_ERR_AGAIN;
	if (session) {
		if (session_key(s->root, s->buffer, &s->session))
			return POI_ERR_IO;
	} else {
		struct aead_record r = next_record(&s->session, word);
		if (aead_open(s->aead, &r, s->buffer, record))
			return POI_ERR_INVALID;
		record_done(&s->session, s->buffer + word);
		*length = word;
	}
	s->size += 4 + rest;
	return session ? 0 : 1;
}

static int read_all(struct sealed_file *s, sealed_file_each each, void *context)
{
	uint8_t head[sizeof(magic)];
	uint8_t *record = malloc(SEALED_FILE_RECORD_MAX + AEAD_TAG_SIZE);
	uint64_t records = 0;
	size_t length = 0;
	int rc = POI_ERR_NOMEM;

	if (!record)
		return rc;
	ssize_t got = file_read_at(s->fd, head, sizeof(head), 0);
	rc = got < 0 ? POI_ERR_IO : 0;
	if (!rc && got < (ssize_t)sizeof(head)) {
		// Empty, or a file whose very first write was cut short: begin it.
		rc = memcmp(head, magic, (size_t)got) ? POI_ERR_SYNTAX
						      : file_write_at(s->fd, magic, sizeof(magic), 0);
	} else if (!rc && memcmp(head, magic, sizeof(magic))) {
		rc = POI_ERR_SYNTAX;
	}
	s->size = sizeof(magic);
	while (!rc) {
		int kind = read_entry(s, record, &length);
		if (kind == POI_ERR_AGAIN)
			break;
		if (kind < 0)
			rc = kind == POI_ERR_INVALID && !records ? POI_ERR_DENIED : kind;
		else if (kind == 1) {
			records++;
			rc = each(context, record, length);
		}
	}
	explicit_bzero(record, SEALED_FILE_RECORD_MAX);
	free(record);
	return rc;
}

static struct sealed_file *make(const char *file, const uint8_t root[SEALED_FILE_KEY_SIZE])
{
	struct sealed_file *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->fd = -1;
	memcpy(s->root, root, sizeof(s->root));
	s->file = strdup(file);
	s->aead = aead_new();
	s->buffer = malloc(4 + SEALED_FILE_RECORD_MAX + AEAD_TAG_SIZE);
	if (s->file && s->aead && s->buffer)
		return s;
	sealed_file_close(s);
	return NULL;
}

struct sealed_file *sealed_file_open(const char *file, const uint8_t root[SEALED_FILE_KEY_SIZE], sealed_file_each each,
	void *context, int *error)
{
	struct sealed_file *s = make(file, root);

	*error = POI_ERR_NOMEM;
	if (!s)
		return NULL;
	*error = POI_ERR_IO;
	s->fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (s->fd < 0)
		goto fail;
	*error = read_all(s, each, context);
	if (*error)
		goto fail;
	if (ftruncate(s->fd, (off_t)s->size) || begin_session(s) || fsync(s->fd)) {
		*error = POI_ERR_IO;
		goto fail;
	}
	return s;
fail:
	sealed_file_close(s);
	return NULL;
}

void sealed_file_close(struct sealed_file *s)
{
	if (!s)
		return;
	if (s->aside)
		unlink(s->file);
	else if (s->fd >= 0)
		(void)fsync(s->fd);
	if (s->fd >= 0)
		close(s->fd);
	aead_free(s->aead);
	explicit_bzero(s->root, sizeof(s->root));
	explicit_bzero(&s->session, sizeof(s->session));
	free(s->buffer);
	free(s->file);
	free(s);
}

int sealed_file_append(struct sealed_file *s, const uint8_t *record, size_t length)
{
	uint8_t before[AEAD_TAG_SIZE];

	if (!length || length > SEALED_FILE_RECORD_MAX)
		return POI_ERR_TOO_LARGE;
	if (s->session.broken && begin_session(s))
		return POI_ERR_IO;
	memcpy(before, s->session.previous, AEAD_TAG_SIZE);
	wire_store32(s->buffer, (uint32_t)length);
	struct aead_record r = next_record(&s->session, length);
	if (aead_seal(s->aead, &r, record, s->buffer + 4))
		return POI_ERR_IO;
	record_done(&s->session, s->buffer + 4 + length);
	size_t n = 4 + length + AEAD_TAG_SIZE;
	if (file_write_at(s->fd, s->buffer, n, s->size)) {
		// The part on disk is cut off, and its nonce never comes back: the next record
		// begins a session. If even the cut fails, reading stops there as at a torn tail.
		(void)!ftruncate(s->fd, (off_t)s->size);
		memcpy(s->session.previous, before, AEAD_TAG_SIZE);
		s->session.broken = true;
		return POI_ERR_IO;
	}
	s->size += n;
	return 0;
}

int sealed_file_sync(struct sealed_file *s)
{
	return fdatasync(s->fd) ? POI_ERR_IO : 0;
}

uint64_t sealed_file_size(const struct sealed_file *s)
{
	return s->size;
}

static int sync_folder(const char *file)
{
	char *copy = strdup(file);
	int rc = POI_ERR_IO;

	if (!copy)
		return POI_ERR_NOMEM;
	int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		rc = fsync(fd) ? POI_ERR_IO : 0;
		close(fd);
	}
	free(copy);
	return rc;
}

struct sealed_file *sealed_file_aside(const struct sealed_file *s)
{
	struct sealed_file *aside;
	char *name;

	if (asprintf(&name, "%s.new", s->file) < 0)
		return NULL;
	aside = make(name, s->root);
	free(name);
	if (!aside)
		return NULL;
	(void)unlink(aside->file);
	aside->fd = open(aside->file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (aside->fd < 0 || file_write_at(aside->fd, magic, sizeof(magic), 0))
		goto fail;
	aside->aside = true;
	aside->size = sizeof(magic);
	if (!begin_session(aside))
		return aside;
fail:
	sealed_file_close(aside);
	return NULL;
}

int sealed_file_replace(struct sealed_file *s, struct sealed_file *aside)
{
	if (aside->session.broken || fsync(aside->fd) || rename(aside->file, s->file)) {
		sealed_file_close(aside);
		return POI_ERR_IO;
	}
	// The new file is in place; the caller makes sure that its name has reached the disk.
	close(s->fd);
	s->fd = aside->fd;
	s->size = aside->size;
	s->session = aside->session;
	aside->fd = -1;
	aside->aside = false;
	sealed_file_close(aside);
	return sync_folder(s->file);
}
