// A network function that hands over events as fast as they are answered, or at a rate. Prints
// events a second and how long the `ok` took.
//   events_load SOCKET FUNCTION FIRST COUNT RATE SESSIONS TARGETS
// RATE 0: as many as 128 at a time allow. Sessions begin once and are modified after that; of
// TARGETS in a hundred the SUPI begins with 00101, of the others with 00102.

#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "shared/now.h"

#define WINDOW 128

static int fd;
static char in[1 << 16];
static size_t held;
static uint64_t *took, sent_ns[WINDOW], answered, refused;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void put(const char *text, size_t length)
{
	while (length > 0) {
		ssize_t n = send(fd, text, length, MSG_NOSIGNAL);
		if (n <= 0)
			die("send");
		text += n;
		length -= (size_t)n;
	}
}

static int event(char *out, size_t size, uint64_t id, uint64_t sessions, unsigned targets)
{
	uint64_t s = id % sessions;
	bool begins = id < sessions, target = s % 100 < targets;

	return snprintf(out, size,
		"{\"id\":%" PRIu64 ",\"time\":\"2026-12-03T05:00:00Z\",\"session\":\"s-%" PRIu64
		"\",\"%s\":{\"sUPI\":{\"iMSI\":\"0010%c%010" PRIu64
		"\"},\"sUPIUnauthenticated\":false,%s"
		"\"gTPTunnelInfo\":{\"fiveGSGTPTunnels\":{\"uLNGUUPTunnelInformation\":{\"tEID\":"
		"%" PRIu64 ",\"iPv4Address\":\"198.51.100.20\"}}}}}\n",
		id, s, begins ? "SMFPDUSessionEstablishment" : "SMFPDUSessionModification",
		target ? '1' : '2', s,
		begins ? "\"pDUSessionID\":5,\"gTPTunnelID\":{\"tEID\":1,\"iPv4Address\":"
			 "\"198.51.100.20\"},\"pDUSessionType\":\"iPv4\",\"dNN\":\"internet\","
			 "\"requestType\":\"initialRequest\","
		       : "\"requestType\":\"modificationRequest\",",
		s + 1);
}

// Takes answers; waits for one at least if `wait`.
static void take(bool wait)
{
	ssize_t n = recv(fd, in + held, sizeof(in) - held, wait ? 0 : MSG_DONTWAIT);
	char *line = in, *end;

	if (n == 0)
		die("closed");
	if (n < 0)
		return;
	held += (size_t)n;
	while ((end = memchr(line, '\n', held - (size_t)(line - in)))) {
		if (strncmp(line, "{\"id\"", 5) == 0) {
			took[answered] = now_monotonic_ns() - sent_ns[answered % WINDOW];
			answered++;
			*end = 0;
			if (!strstr(line, "\"ok\"") && refused++ == 0)
				fprintf(stderr, "%s\n", line);
		}
		line = end + 1;
	}
	held -= (size_t)(line - in);
	memmove(in, line, held);
}

// Sleeps meanwhile: the programs that are measured have the same CPU.
static void take_until(uint64_t ns)
{
	struct pollfd answers = {.fd = fd, .events = POLLIN};
	const struct timespec most = {(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};

	if (ppoll(&answers, 1, &most, NULL) > 0)
		take(false);
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void hello(const char *path, const char *function)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	char line[128];

	snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0)
		die(path);
	put(line, (size_t)snprintf(line, sizeof(line), "{\"function\":\"%s\"}\n", function));
}

int main(int argc, char **argv)
{
	char line[1024];

	if (argc != 8) {
		fprintf(stderr,
			"usage: events_load SOCKET FUNCTION FIRST COUNT RATE SESSIONS TARGETS\n");
		return 1;
	}
	uint64_t first = strtoull(argv[3], NULL, 10), count = strtoull(argv[4], NULL, 10);
	uint64_t rate = strtoull(argv[5], NULL, 10), sessions = strtoull(argv[6], NULL, 10);
	unsigned targets = (unsigned)strtoul(argv[7], NULL, 10);
	took = calloc(count, sizeof(*took));
	if (!took || !count || !sessions)
		return 1;
	(void)prctl(PR_SET_TIMERSLACK, 1000);
	hello(argv[1], argv[2]);
	uint64_t began = now_monotonic_ns();
	for (uint64_t id = 0; id < count; id++) {
		while (id - answered >= WINDOW)
			take(true);
		uint64_t due = rate ? began + id * 1000000000ull / rate : 0;
		for (uint64_t now; (now = now_monotonic_ns()) < due;)
			take_until(due - now);
		sent_ns[id % WINDOW] = now_monotonic_ns();
		put(line, (size_t)event(line, sizeof(line), first + id, sessions, targets));
	}
	while (answered < count)
		take(true);
	double seconds = (double)(now_monotonic_ns() - began) / 1e9;
	qsort(took, count, sizeof(*took), by_size);
	printf("{\"events\":%" PRIu64 ",\"not_taken\":%" PRIu64
	       ",\"per_second\":%.0f,\"p50_us\":%" PRIu64 ",\"p99_us\":%" PRIu64
	       ",\"most_us\":%" PRIu64 "}\n",
		count, refused, (double)count / seconds, took[count / 2] / 1000,
		took[count - count / 100 - 1] / 1000, took[count - 1] / 1000);
	free(took);
	close(fd);
	return refused != 0;
}
