// Keeps the events of an orderly stop for the next process to report: a file in runtime-dir, each
// event with its length before it. Identifiers and numbers, nothing of a target.

#include "dataplane/builder/server_internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/log.h"
#include "shared/now.h"
#include "shared/wire.h"

#define LENGTH_SIZE 4u

static void path_of(const struct server *s, const char *suffix, char out[4200])
{
	snprintf(out, 4200, "%s.left%s", s->with.path, suffix);
}

// Conditions end with the process, and the next one reports its own. Losses and ends stay.
static bool outlives(const struct channel_event *e)
{
	switch (e->kind) {
	case EVENT_TASK_LOSS:
	case EVENT_FAIL_SAFE:
	case EVENT_KILLED:
	case EVENT_DISCARDED:
	case EVENT_DESTINATION_GONE:
		return true;
	default:
		return false;
	}
}

static int write_events(struct server *s, FILE *f)
{
	for (uint32_t i = 0; i < s->n_events; i++) {
		const struct channel_event *e =
			&s->events[(s->first_event + i) % EVENTS_KEPT].event;
		uint8_t length[LENGTH_SIZE];
		if (!outlives(e))
			continue;
		int n = channel_encode_event(s->out, sizeof(s->out), CHANNEL_EVENT, 0, e);
		if (n < 0)
			return n;
		wire_store32(length, (uint32_t)n);
		if (fwrite(length, sizeof(length), 1, f) != 1 ||
			fwrite(s->out, (size_t)n, 1, f) != 1)
			return POI_ERR_IO;
	}
	return 0;
}

static void save(struct server *s)
{
	char path[4200], fresh[4200];

	path_of(s, "", path);
	path_of(s, ".new", fresh);
	int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
	int error = f ? write_events(s, f) : POI_ERR_IO;
	if (!f && fd >= 0)
		close(fd);
	if (f && fclose(f) != 0)
		error = POI_ERR_IO;
	if (!error && rename(fresh, path) != 0)
		error = POI_ERR_IO;
	if (error)
		log_error("stop: losses are not recorded for the next process: %s",
			poi_error_text(error));
}

// Takes one event out of the file's octets. False at their end, or where they are none.
static bool take(struct server *s, const uint8_t **at, size_t *left)
{
	struct channel_header h;
	struct channel_event e;
	const uint8_t *body;
	size_t length;

	if (*left < LENGTH_SIZE)
		return false;
	uint32_t n = wire_load32(*at);
	if (n > *left - LENGTH_SIZE ||
		channel_split(*at + LENGTH_SIZE, n, &h, &body, &length) != POI_OK ||
		channel_decode_event(body, length, &e) != POI_OK)
		return false;
	*at += LENGTH_SIZE + n;
	*left -= LENGTH_SIZE + n;
	server_keep_event(s, &e);
	s->events[(s->first_event + s->n_events - 1) % EVENTS_KEPT].left = true;
	return true;
}

void server_left_load(struct server *s)
{
	char path[4200];
	struct stat st;

	path_of(s, "", path);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return;
	size_t size = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? (size_t)st.st_size : 0;
	uint8_t *octets = size > 0 ? malloc(size) : NULL;
	ssize_t n = octets ? read(fd, octets, size) : 0;
	const uint8_t *at = octets;
	size_t left = n > 0 ? (size_t)n : 0;
	while (take(s, &at, &left))
		;
	free(octets);
	close(fd);
	s->left = true;
}

void server_left_done(struct server *s)
{
	char path[4200];

	if (!s->left)
		return;
	path_of(s, "", path);
	(void)unlink(path);
	s->left = false;
}

static void keep(void *context, struct channel_event *e)
{
	e->time_ns = now_wall_ns();
	server_keep_event(context, e);
}

void server_stopped(struct server *s)
{
	struct channel_event e;

	while (deliver_next_event(s->with.deliver, &e))
		server_keep_event(s, &e);
	builder_stopped(s->with.builder, keep, s);
	if (s->n_events > 0)
		save(s);
}
