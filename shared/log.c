#include "shared/log.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_OCTETS 2048 // of one line as written
#define TEXT_MAX_OCTETS 1024 // of the formatted text, before escaping
#define BURST 10	     // lines of one call site in one second
#define SITES 256	     // call sites remembered, a power of two
#define PROBES 8

struct site {
	const char *file;
	int line;
	uint32_t written;    // in the second that began at `since_ms`
	uint32_t suppressed; // not yet said
	uint64_t since_ms;
};

// The one log of the process; `lock` guards everything below it.
static struct {
	const char *program;
	int threshold; // relaxed atomic: a changed level may show a little later
	bool journal;
	pthread_mutex_t lock;
	struct site sites[SITES];
} the_log = {.threshold = LOG_LEVEL_INFO, .lock = PTHREAD_MUTEX_INITIALIZER};

// True when stderr is the stream the journal gave us, and was not redirected since.
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	if (!stream || sscanf(stream, "%llu:%llu", &device, &inode) != 2)
		return false;
	return !fstat(STDERR_FILENO, &st) && st.st_dev == device && st.st_ino == inode;
}

void log_open(const char *program, enum log_level threshold)
{
	the_log.program = program;
	the_log.journal = stderr_is_journal();
	log_set_level(threshold);
}

void log_set_level(enum log_level threshold)
{
	__atomic_store_n(&the_log.threshold, (int)threshold, __ATOMIC_RELAXED);
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

// The call site's entry; a new one replaces the longest idle of its neighbours.
static struct site *find_site(const char *file, int line)
{
	uint64_t hash = ((uintptr_t)file * 31 + (unsigned)line) * UINT64_C(0x9e3779b97f4a7c15);
	struct site *oldest = NULL;

	for (unsigned i = 0; i < PROBES; i++) {
		struct site *s = &the_log.sites[((hash >> 32) + i) % SITES];
		if (s->file == file && s->line == line)
			return s;
		if (!oldest || !s->file || (oldest->file && s->since_ms < oldest->since_ms))
			oldest = s;
	}
	*oldest = (struct site){.file = file, .line = line, .since_ms = now_ms()};
	return oldest;
}

// True when the line may be written; `suppressed` is what has to be said with it.
static bool admit(const char *file, int line, uint32_t *suppressed)
{
	bool yes;

	pthread_mutex_lock(&the_log.lock);
	struct site *s = find_site(file, line);
	uint64_t now = now_ms();
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
	struct timespec t;
	struct tm utc;
	char date[32];
	int n;

	if (the_log.journal) {
		n = snprintf(out, capacity, "<%d>", (int)level);
	} else {
		clock_gettime(CLOCK_REALTIME, &t);
		gmtime_r(&t.tv_sec, &utc);
		strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &utc);
		n = snprintf(out, capacity, "%s.%03ldZ %s%s%s: ", date, t.tv_nsec / 1000000,
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

void log_write(enum log_level level, const char *file, int line, const char *format, ...)
{
	char text[TEXT_MAX_OCTETS], out[LINE_MAX_OCTETS];
	const size_t room = sizeof(out) - 64; // for what is said at the end
	uint32_t suppressed = 0;
	va_list arguments;

	if ((int)level > __atomic_load_n(&the_log.threshold, __ATOMIC_RELAXED) ||
		!admit(file, line, &suppressed))
		return;
	va_start(arguments, format);
	int length = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (length < 0)
		return;

	size_t n = put_prefix(out, room, level);
	n += put_escaped(out + n, room - n, text);
	if (length >= (int)sizeof(text))
		n += (size_t)snprintf(out + n, sizeof(out) - n, " ...");
	if (suppressed)
		n += (size_t)snprintf(
			out + n, sizeof(out) - n, " (%u more suppressed)", suppressed);
	out[n++] = '\n';
	// One write is one line also between threads; a log that cannot be written is not an error
	// that could be logged.
	if (write(STDERR_FILENO, out, n) < 0)
		return;
}
