// Keeps the last lines of the EAL's log while it starts.
#include "dataplane/port/eal_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <rte_log.h>

#define KEPT 16384 // bytes

// The EAL has one log for the whole process, so there is one of these.
static struct {
	FILE *stream;
	size_t n;
	char text[KEPT + 1];
} kept;

// Drops whole lines from the start until `n` bytes have room.
static void make_room(size_t n)
{
	while (kept.n && kept.n + n > KEPT) {
		const char *end = memchr(kept.text, '\n', kept.n);
		size_t gone = end ? (size_t)(end - kept.text) + 1 : kept.n;
		memmove(kept.text, kept.text + gone, kept.n - gone);
		kept.n -= gone;
	}
}

// Write function of stdio, under the stream's lock.
static ssize_t keep(void *unused, const char *text, size_t size)
{
	size_t n = size < KEPT ? size : KEPT;

	(void)unused;
	make_room(n);
	memcpy(kept.text + kept.n, text + size - n, n);
	kept.n += n;
	kept.text[kept.n] = '\0';
	(void)fwrite(text, 1, size, stderr);
	return (ssize_t)size;
}

void eal_log_start(void)
{
	const cookie_io_functions_t calls = {.write = keep};

	kept.n = 0;
	kept.text[0] = '\0';
	kept.stream = fopencookie(NULL, "w", calls);
	if (!kept.stream)
		return;
	(void)setvbuf(kept.stream, NULL, _IOLBF, BUFSIZ);
	(void)rte_openlog_stream(kept.stream);
}

void eal_log_stop(void)
{
	if (!kept.stream)
		return;
	(void)rte_openlog_stream(NULL);
	fclose(kept.stream);
	kept.stream = NULL;
}

const char *eal_log_text(void)
{
	return kept.text;
}

void eal_log_free(void)
{
	eal_log_stop();
	kept.n = 0;
	kept.text[0] = '\0';
}
