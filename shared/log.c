// Writes log lines to stderr or to the journal, and limits those of one call site.
#include "shared/log.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

// The place that journald shows is the call's, not this file's.
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "shared/now.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"
#define FIELD_MAX_OCTETS 256
#define LINE_MAX_OCTETS 2048 // of one line as written
#define TEXT_MAX_OCTETS 1024 // of the formatted text, before escaping
#define BURST 10	     // lines of one call site in one second
#define SITES 256	     // call sites remembered, a power of two
#define PROBES 8

struct site {
	struct log_site at;
	uint32_t written;    // in the second that began at `since_ms`
	uint32_t suppressed; // not yet reported
	uint64_t since_ms;
};

// The one log of the process; `lock` guards everything below it.
static struct {
	const char *program;
	int threshold; // relaxed atomic: a changed level may show a little later
	bool stream;   // stderr is a stream of the journal: lines carry their level as a prefix
	bool native;   // fields go to the journal's socket
	pthread_mutex_t lock;
	struct site sites[SITES];
} the_log = {.threshold = LOG_LEVEL_INFO, .lock = PTHREAD_MUTEX_INITIALIZER};

// True when stderr is the stream the journal gave us, and was not redirected since.
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;
	char *end;

	if (!stream)
		return false;
	device = strtoull(stream, &end, 10);
	if (end == stream || *end != ':')
		return false;
	inode = strtoull(end + 1, NULL, 10);
	return !fstat(STDERR_FILENO, &st) && st.st_dev == device && st.st_ino == inode;
}

void log_open(const char *program, enum log_level threshold)
{
	the_log.program = program;
	log_set_target(LOG_TARGET_AUTO);
	log_set_level(threshold);
}

void log_set_target(enum log_target target)
{
	the_log.stream = stderr_is_journal();
	the_log.native =
		target == LOG_TARGET_JOURNAL || (target == LOG_TARGET_AUTO && the_log.stream);
	if (the_log.native && access(JOURNAL_SOCKET, W_OK)) {
		the_log.native = false;
		if (target == LOG_TARGET_JOURNAL)
			log_warning("log.target is journal, but there is no " JOURNAL_SOCKET);
	}
}

enum log_level log_level_of(const char *word)
{
	static const char *const words[] = {"error", "warning", "notice", "info", "debug"};

	for (size_t i = 0; word && i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcmp(word, words[i]))
			return (enum log_level)(LOG_LEVEL_ERROR + (int)i);
	return LOG_LEVEL_NOTICE;
}

// Returns the MESSAGE_ID of a kind, 32 hexadecimal digits; NULL for LOG_KIND_NONE.
static const char *kind_id(enum log_kind kind)
{
	static const char *const ids[LOG_KIND_COUNT] = {
#define LOG_KIND_ID(name, id, what) [LOG_KIND_##name] = id,
		LOG_KINDS(LOG_KIND_ID)
#undef LOG_KIND_ID
	};

	return ids[kind];
}

void log_set_level(enum log_level threshold)
{
	__atomic_store_n(&the_log.threshold, (int)threshold, __ATOMIC_RELAXED);
}

// The call site's entry; a new one replaces the longest idle of its neighbours, preferably one
// without suppressed lines.
static struct site *find_site(const struct log_site *at)
{
	uint64_t hash =
		((uintptr_t)at->file * 31 + (unsigned)at->line) * UINT64_C(0x9e3779b97f4a7c15);
	struct site *worst = NULL;

	for (unsigned i = 0; i < PROBES; i++) {
		struct site *s = &the_log.sites[((hash >> 32) + i) % SITES];
		if (s->at.file == at->file && s->at.line == at->line)
			return s;
		if (!worst || !s->at.file)
			worst = s;
		else if (worst->at.file && (!s->suppressed > !worst->suppressed ||
						   (!s->suppressed == !worst->suppressed &&
							   s->since_ms < worst->since_ms)))
			worst = s;
	}
	*worst = (struct site){.at = *at, .since_ms = now_monotonic_ms()};
	return worst;
}

// True when the line may be written; `suppressed` is the number to report with it.
static bool admit(const struct log_site *at, uint32_t *suppressed)
{
	bool yes;

	pthread_mutex_lock(&the_log.lock);
	struct site *s = find_site(at);
	uint64_t now = now_monotonic_ms();
	if (now - s->since_ms >= 1000) {
		s->since_ms = now;
		s->written = 0;
	}
	yes = s->written < BURST;
	if (yes) {
		s->written++;
		*suppressed = s->suppressed;
		s->suppressed = 0;
	} else {
		s->suppressed++;
	}
	pthread_mutex_unlock(&the_log.lock);
	return yes;
}

static const char *level_name(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_ERROR:
		return "error";
	case LOG_LEVEL_WARNING:
		return "warning";
	case LOG_LEVEL_NOTICE:
		return "notice";
	case LOG_LEVEL_INFO:
		return "info";
	case LOG_LEVEL_DEBUG:
		return "debug";
	}
	return "unknown";
}

static size_t put_prefix(char *out, size_t capacity, enum log_level level)
{
	uint64_t ns = now_wall_ns();
	time_t seconds = (time_t)(ns / NOW_NS_PER_S);
	struct tm utc;
	char date[32];
	int n;

	if (the_log.stream) {
		n = snprintf(out, capacity, "<%d>", (int)level);
	} else {
		gmtime_r(&seconds, &utc);
		strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &utc);
		n = snprintf(out, capacity, "%s.%03uZ %s%s%s: ", date,
			(unsigned)(ns % NOW_NS_PER_S / 1000000),
			the_log.program ? the_log.program : "", the_log.program ? " " : "",
			level_name(level));
	}
	return n < 0 ? 0 : (size_t)n < capacity ? (size_t)n : capacity - 1;
}

// Everything but printable ASCII becomes \xNN: one line stays one line on every terminal.
static size_t put_escaped(char *out, size_t capacity, const char *text)
{
	static const char hex[] = "0123456789abcdef";
	size_t n = 0;

	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		if (c == '\\' || c < 0x20 || c > 0x7e) {
			if (n + 4 > capacity)
				break;
			out[n++] = '\\';
			if (c == '\\') {
				out[n++] = '\\';
				continue;
			}
			out[n++] = 'x';
			out[n++] = hex[c >> 4];
			out[n++] = hex[c & 15];
		} else {
			if (n + 1 > capacity)
				break;
			out[n++] = (char)c;
		}
	}
	return n;
}

// False when the journal did not take it.
static bool to_journal(const struct log_site *at, char *text, size_t length)
{
	char priority[16], identifier[FIELD_MAX_OCTETS], file[FIELD_MAX_OCTETS], line[32], id[64];
	struct iovec fields[6];
	int n = 0;
	const char *kind = kind_id(at->kind);

	fields[n++] = (struct iovec){.iov_base = text, .iov_len = length};
	fields[n].iov_len = (size_t)snprintf(priority, sizeof(priority), "PRIORITY=%d", at->level);
	fields[n++].iov_base = priority;
	fields[n].iov_len = (size_t)snprintf(identifier, sizeof(identifier),
		"SYSLOG_IDENTIFIER=%.64s", the_log.program ? the_log.program : "poi");
	fields[n++].iov_base = identifier;
	fields[n].iov_len = (size_t)snprintf(file, sizeof(file), "CODE_FILE=%.200s", at->file);
	fields[n++].iov_base = file;
	fields[n].iov_len = (size_t)snprintf(line, sizeof(line), "CODE_LINE=%d", at->line);
	fields[n++].iov_base = line;
	if (kind) {
		fields[n].iov_len = (size_t)snprintf(id, sizeof(id), "MESSAGE_ID=%s", kind);
		fields[n++].iov_base = id;
	}
	return sd_journal_sendv(fields, n) >= 0;
}

// One write is one line also between threads; a log that cannot be written is not an error that
// could be logged.
static void to_stderr(char *line, size_t length)
{
	line[length++] = '\n';
	if (write(STDERR_FILENO, line, length) < 0)
		return;
}

// `text` is what was formatted, `cut` whether there was more of it.
static void put(const struct log_site *at, const char *text, bool cut, uint32_t suppressed)
{
	static const char message[] = "MESSAGE=";
	char line[LINE_MAX_OCTETS];
	const size_t room = sizeof(line) - 64; // for the text at the end
	bool native = the_log.native;

	for (;;) {
		size_t n = sizeof(message) - 1;
		if (native)
			memcpy(line, message, n);
		else
			n = put_prefix(line, room, at->level);
		n += put_escaped(line + n, room - n, text);
		if (cut)
			n += (size_t)snprintf(line + n, sizeof(line) - n, " ...");
		if (suppressed)
			n += (size_t)snprintf(
				line + n, sizeof(line) - n, " (%u more suppressed)", suppressed);
		if (!native) {
			to_stderr(line, n);
			return;
		}
		if (to_journal(at, line, n))
			return;
		native = false;
	}
}

void log_write(const struct log_site *site, const char *format, ...)
{
	char text[TEXT_MAX_OCTETS];
	uint32_t suppressed = 0;
	va_list arguments;

	if ((int)site->level > __atomic_load_n(&the_log.threshold, __ATOMIC_RELAXED) ||
		!admit(site, &suppressed))
		return;
	va_start(arguments, format);
	int length = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (length >= 0)
		put(site, text, length >= (int)sizeof(text), suppressed);
}

// The next place that owes a word about what it suppressed, and is silent for a second.
static bool next_silent(unsigned *from, struct site *out)
{
	bool found = false;

	pthread_mutex_lock(&the_log.lock);
	uint64_t now = now_monotonic_ms();
	for (; *from < SITES && !found; (*from)++) {
		struct site *s = &the_log.sites[*from];
		if (!s->suppressed || now - s->since_ms < 1000)
			continue;
		*out = *s;
		s->suppressed = 0;
		found = true;
	}
	pthread_mutex_unlock(&the_log.lock);
	return found;
}

void log_tick(void)
{
	struct site s;
	char text[FIELD_MAX_OCTETS];

	for (unsigned i = 0; next_silent(&i, &s);) {
		struct log_site at = s.at;
		at.kind = LOG_KIND_SUPPRESSED;
		snprintf(text, sizeof(text), "%u lines of %.128s:%d were suppressed", s.suppressed,
			at.file, at.line);
		put(&at, text, false, 0);
	}
}
