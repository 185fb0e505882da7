// The audit log: appends one sealed JSON line a record and brings lines to the disk.
#include "control/audit/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "control/audit/audit_chain.h"
#include "control/audit/audit_limit.h"
#include "control/audit/json.h"
#include "shared/error.h"
#include "shared/log.h"
#include "shared/now.h"

struct audit {
	char *file;
	int fd;	      // -1 while it cannot be opened
	bool dirty;   // lines since the last fdatasync
	bool failed;  // the last attempt to write or sync did not succeed
	bool partial; // a write ended inside a line
	bool resumed; // the chain goes on behind the file's last record
	bool begins;  // the file is empty: its first record names the head of the one before
	uint64_t records, lost;
	uint64_t head_logged;	      // number of the record whose MAC was logged last
	uint8_t root[AUDIT_MAC_SIZE]; // wiped once resumed
	struct audit_chain chain;
	struct audit_limit limit; // of peers that are not responsible
	struct json line;	  // reused
};

static void make_folder(const char *file)
{
	char *copy = strdup(file);

	if (!copy)
		return;
	const char *folder = dirname(copy);
	if (mkdir(folder, 0700) && errno != EEXIST)
		log_warning("audit: cannot create %s: %s", folder, strerror(errno));
	free(copy);
}

static int open_file(struct audit *a)
{
	if (a->fd >= 0)
		return 0;
	a->fd = open(a->file, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (a->fd < 0) {
		log_kind(
			ERROR, AUDIT_FAILED, "audit: cannot open %s: %s", a->file, strerror(errno));
		return POI_ERR_IO;
	}
	struct stat s;
	if (fstat(a->fd, &s) || !S_ISREG(s.st_mode) || (s.st_mode & 077)) {
		log_kind(ERROR, AUDIT_FAILED, "audit: %s must be a regular file of mode 0600",
			a->file);
		close(a->fd);
		a->fd = -1;
		return POI_ERR_IO;
	}
	if (!a->resumed) {
		if (audit_chain_resume(&a->chain, a->file, a->root)) {
			log_error("audit: %s cannot be read", a->file);
			close(a->fd);
			a->fd = -1;
			return POI_ERR_IO;
		}
		explicit_bzero(a->root, sizeof(a->root));
		a->resumed = true;
		a->head_logged = a->chain.n;
	}
	char last;
	a->begins = s.st_size == 0;
	a->partial = s.st_size > 0 && pread(a->fd, &last, 1, s.st_size - 1) == 1 && last != '\n';
	return 0;
}

struct audit *audit_open(const char *file, const uint8_t *root)
{
	struct audit *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->fd = -1;
	audit_limit_init(&a->limit);
	a->file = strdup(file);
	if (!a->file) {
		free(a);
		return NULL;
	}
	if (root)
		memcpy(a->root, root, sizeof(a->root));
	make_folder(file);
	a->failed = open_file(a) != 0;
	return a;
}

void audit_close(struct audit *a)
{
	if (!a)
		return;
	audit_record_left_out(a);
	if (audit_sync(a))
		log_error("audit: the last records may not be on disk");
	if (a->fd >= 0)
		close(a->fd);
	json_free(&a->line);
	audit_limit_free(&a->limit);
	free(a->file);
	explicit_bzero(a, sizeof(*a));
	free(a);
}

static void format_time(char *out, size_t capacity)
{
	uint64_t now = now_wall_ns();
	time_t seconds = (time_t)(now / NOW_NS_PER_S);
	struct tm tm;
	char date[32];

	gmtime_r(&seconds, &tm);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out, capacity, "%s.%06uZ", date, (unsigned)(now % NOW_NS_PER_S / 1000));
}

static void put_text(struct json *j, const char *name, const char *value)
{
	if (value)
		json_string(j, name, value);
}

static void put_claim(struct json *j, const char *name, const char *value)
{
	char text[AUDIT_CLAIM_MAX + 1];

	if (!value)
		return;
	snprintf(text, sizeof(text), "%s", value);
	json_string(j, name, text);
}

static void put_id(struct json *j, const char *name, const struct id16 *id)
{
	char text[ID_TEXT_SIZE];

	if (!id)
		return;
	id_format(id, text);
	json_string(j, name, text);
}

// The one place where octets reach the file. What a failed write left of a line is ended first, so
// that the next line starts on its own.
static int append(struct audit *a, const char *octets, size_t n)
{
	if (open_file(a))
		return POI_ERR_IO;
	if (a->partial) {
		if (write(a->fd, "\n", 1) != 1)
			return POI_ERR_IO;
		a->partial = false;
	}
	ssize_t written;
	do
		written = write(a->fd, octets, n);
	while (written < 0 && errno == EINTR);
	if (written > 0)
		a->dirty = true;
	if (written == (ssize_t)n)
		return 0;
	a->partial = written > 0;
	return POI_ERR_IO;
}

// Everything of a record before its MAC.
static void format_record(struct audit *a, const struct audit_record *r, bool note)
{
	struct json *j = &a->line;
	char now[64], previous[AUDIT_MAC_TEXT];

	j->length = 0;
	j->comma = false;
	j->error = 0;
	format_time(now, sizeof(now));
	json_object(j, NULL);
	json_u64(j, "epoch", a->chain.epoch);
	json_u64(j, "n", a->chain.n + 1);
	if (a->begins && a->chain.n) {
		audit_chain_head(&a->chain, previous);
		json_string(j, "previous", previous);
	}
	json_string(j, "time", now);
	put_text(j, "act", r->act);
	put_text(j, "ne", r->ne);
	put_text(j, "peer-uid", r->peer_uid);
	put_text(j, "peer", r->peer_address);
	put_claim(j, "claims-admf", r->claims_admf);
	put_claim(j, "claims-ne", r->claims_ne);
	put_text(j, "request", r->request);
	put_id(j, "id", r->id);
	put_id(j, "transaction", r->transaction);
	json_i64(j, "code", r->code);
	if (note)
		put_text(j, "note", r->note);
}

static int write_record(struct audit *a, const struct audit_record *r)
{
	struct json *j = &a->line;
	struct audit_chain before;
	char mac[AUDIT_MAC_TEXT];
	int rc = open_file(a);

	if (rc)
		goto lost;
	before = a->chain;
	format_record(a, r, true);
	if (j->length > AUDIT_LINE_MAX)
		format_record(a, r, false);
	rc = j->length > AUDIT_LINE_MAX ? POI_ERR_TOO_LARGE : j->error;
	if (!rc) {
		audit_chain_seal(&a->chain, j->text, j->length, mac);
		json_string(j, "mac", mac);
		json_end_object(j);
		json_newline(j);
		rc = j->error ? j->error : append(a, j->text, j->length);
		if (rc)
			audit_chain_undo(&a->chain, &before);
	}
	explicit_bzero(&before, sizeof(before));
	if (rc)
		goto lost;
	a->begins = false;
	a->records++;
	return 0;
lost:
	if (!a->failed)
		log_kind(ERROR, AUDIT_FAILED, "audit: cannot write to %s: %s", a->file,
			strerror(errno));
	a->failed = true;
	a->lost++;
	return POI_ERR_IO;
}

// The certificate names the peer; without a UID in it the address does.
static bool admit(struct audit *a, const struct audit_record *r)
{
	const char *peer = r->peer_uid && r->peer_uid[0] ? r->peer_uid : r->peer_address;

	return !r->limited || audit_limit_admit(&a->limit, peer ? peer : "", now_monotonic_ms());
}

int audit_write(struct audit *a, const struct audit_record *r)
{
	return admit(a, r) ? write_record(a, r) : 0;
}

void audit_record_left_out(struct audit *a)
{
	char peer[AUDIT_LIMIT_NAME], note[128];
	struct audit_record r = {.act = "left-out", .note = note};
	uint64_t n;

	while ((n = audit_limit_take(&a->limit, peer)) != 0) {
		snprintf(note, sizeof(note), "%llu lines of %s not responsible here",
			(unsigned long long)n, peer[0] ? "a peer" : "more peers");
		r.peer_uid = peer[0] ? peer : NULL;
		if (write_record(a, &r)) {
			a->limit.others.left_out += n; // recorded once lines can be written
			return;
		}
	}
}

uint64_t audit_left_out(const struct audit *a)
{
	return a->limit.left_out;
}

int audit_sync(struct audit *a)
{
	if (a->fd < 0)
		return POI_ERR_IO;
	if (!a->dirty)
		return a->failed ? POI_ERR_IO : 0;
	if (fdatasync(a->fd)) {
		log_kind(ERROR, AUDIT_FAILED, "audit: %s is not on disk: %s", a->file,
			strerror(errno));
		// A second fdatasync succeeds although the kernel has dropped the data. Only a
		// newly opened file and a new line show that the disk works again.
		a->failed = true;
		audit_reopen(a);
		return POI_ERR_IO;
	}
	a->dirty = false;
	a->failed = false;
	return 0;
}

void audit_reopen(struct audit *a)
{
	if (a->fd >= 0)
		close(a->fd);
	a->fd = -1;
	a->dirty = false;
	if (open_file(a))
		a->failed = true;
}

bool audit_failed(const struct audit *a)
{
	return a->failed;
}

uint64_t audit_records(const struct audit *a)
{
	return a->records;
}

uint64_t audit_lost(const struct audit *a)
{
	return a->lost;
}

void audit_log_head(struct audit *a)
{
	char head[AUDIT_MAC_TEXT];

	if (!a->resumed || a->chain.n == a->head_logged || audit_sync(a))
		return;
	audit_chain_head(&a->chain, head);
	log_kind(NOTICE, AUDIT_HEAD, "audit: head %s record %llu", head,
		(unsigned long long)a->chain.n);
	a->head_logged = a->chain.n;
}
