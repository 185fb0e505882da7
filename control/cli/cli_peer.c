// Asks both processes over the channel, as any observer does.
#include "control/cli/cli_peer.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "control/cli/cli.h"
#include "shared/now.h"
#include "shared/version.h"

#define ANSWER_MS 5000 // for each answer
#define SETTLES 15     // looks until a difference of the ledger is one
#define SETTLE_S 0.2   // between two of them

struct peer {
	int fd;
	uint32_t request;
	int64_t deadline_ms;
	bool connected;
	char foreign[32];	    // version of one that refused ours
	struct channel_hello_ok ok; // its answer, else zero
	uint8_t in[CHANNEL_MESSAGE_MAX];
};

static int receive(struct peer *p, struct channel_header *h, const uint8_t **body, size_t *length)
{
	for (;;) {
		int64_t n = channel_receive(p->fd, p->in, sizeof(p->in));
		if (n > 0) {
			int rc = channel_split(p->in, (size_t)n, h, body, length);
			if (!rc && h->id == CHANNEL_EVENT) // none of ours
				continue;
			return rc;
		}
		if (n != POI_ERR_AGAIN)
			return n ? (int)n : POI_ERR_CLOSED;
		struct pollfd wait = {.fd = p->fd, .events = POLLIN};
		int64_t left = p->deadline_ms - (int64_t)now_monotonic_ms();
		if (left <= 0 || poll(&wait, 1, (int)left) <= 0)
			return POI_ERR_AGAIN;
	}
}

static int greet(struct peer *p)
{
	struct channel_hello hello = {
		.version = CHANNEL_VERSION, .role = CHANNEL_ROLE_OBSERVER, .software = POI_VERSION};
	struct channel_hello_refused refused;
	struct channel_header h = {0};
	const uint8_t *body;
	size_t length;
	uint8_t out[256];

	if (getrandom(&hello.incarnation, sizeof(hello.incarnation), 0) < 0)
		return POI_ERR_IO;
	int n = channel_encode_hello(out, sizeof(out), CHANNEL_HELLO, ++p->request, &hello);
	if (n < 0)
		return n;
	int rc = channel_send(p->fd, out, (size_t)n);
	if (!rc)
		rc = receive(p, &h, &body, &length);
	if (rc)
		return rc;
	if (h.id == CHANNEL_HELLO_REFUSED &&
		!channel_decode_hello_refused(body, length, &refused)) {
		memcpy(p->foreign, refused.software, sizeof(p->foreign));
		return refused.reason ? refused.reason : POI_ERR_DENIED;
	}
	if (h.id != CHANNEL_HELLO_OK)
		return POI_ERR_SYNTAX;
	(void)!channel_decode_hello_ok(body, length, &p->ok); // zero, then
	return 0;
}

static void close_peer(struct peer *p)
{
	if (!p)
		return;
	if (p->fd >= 0)
		close(p->fd);
	free(p);
}

// Connects and greets; *rc has the result. NULL: no memory. Free with close_peer.
static struct peer *call(const struct config *c, const char *name, int *rc)
{
	struct peer *p = calloc(1, sizeof(*p));
	char path[4096];

	*rc = POI_ERR_NOMEM;
	if (!p)
		return NULL;
	snprintf(path, sizeof(path), "%s/%s", c->runtime_dir, name);
	p->deadline_ms = (int64_t)now_monotonic_ms() + ANSWER_MS;
	p->fd = channel_connect(path);
	p->connected = p->fd >= 0;
	*rc = p->fd < 0 ? p->fd : greet(p);
	return p;
}

// Returns the state of the process that a call or a question with result `rc` went to.
static enum cli_peer_state state_of(const struct peer *p, int rc)
{
	switch (rc) {
	case 0:
		return CLI_PEER_OURS;
	case POI_ERR_VERSION:
		return CLI_PEER_FOREIGN;
	case POI_ERR_DENIED:
		return CLI_PEER_DENIED;
	case POI_ERR_AGAIN:
		return CLI_PEER_SILENT;
	case POI_ERR_CLOSED: // a process of another user accepts nothing and answers nothing
		return p && p->connected ? CLI_PEER_DENIED : CLI_PEER_AWAY;
	default:
		return CLI_PEER_BROKEN;
	}
}

const char *cli_peer_text(enum cli_peer_state s)
{
	switch (s) {
	case CLI_PEER_AWAY:
		return "does not run";
	case CLI_PEER_OURS:
		return "running";
	case CLI_PEER_FOREIGN:
		return "speaks another version of the channel";
	case CLI_PEER_DENIED:
		return "does not serve this user";
	case CLI_PEER_SILENT:
		return "runs, but does not answer";
	case CLI_PEER_BROKEN:
		return "cannot be asked";
	}
	return "";
}

// Why `program` does not answer, and what to do about it, on stderr.
static void explain(
	const struct config *c, const char *program, const char *name, const struct peer *p, int rc)
{
	switch (state_of(p, rc)) {
	case CLI_PEER_OURS:
		break;
	case CLI_PEER_AWAY:
		fprintf(stderr,
			"poi: %s does not run (nothing listens on %s/%s); systemctl start %s\n",
			program, c->runtime_dir, name, program);
		break;
	case CLI_PEER_FOREIGN:
		fprintf(stderr,
			"poi: %s is version %s and speaks another channel than this program (%s, "
			"channel %u); systemctl restart %s\n",
			program, p->foreign, POI_VERSION, (unsigned)CHANNEL_VERSION, program);
		break;
	case CLI_PEER_DENIED:
		fprintf(stderr,
			"poi: %s runs and does not serve this user; run this as root or as its "
			"user\n",
			program);
		break;
	case CLI_PEER_SILENT:
		fprintf(stderr,
			"poi: %s runs and has not answered for %d s: it hangs, or the machine is "
			"too busy; look at its journal\n",
			program, ANSWER_MS / 1000);
		break;
	case CLI_PEER_BROKEN:
		fprintf(stderr, "poi: %s cannot be asked: %s\n", program, poi_error_text(rc));
		break;
	}
}

enum cli_peer_state cli_peer_state(const struct config *c, const char *name, char software[32])
{
	int rc;
	struct peer *p = call(c, name, &rc);
	enum cli_peer_state state = state_of(p, rc);

	software[0] = '\0';
	if (p)
		memcpy(software, p->foreign, sizeof(p->foreign));
	close_peer(p);
	return state;
}

static int ask(struct peer *p, uint16_t id)
{
	uint8_t out[16];
	int n = channel_encode_empty(out, sizeof(out), id, ++p->request);

	p->deadline_ms = (int64_t)now_monotonic_ms() + ANSWER_MS;
	return n < 0 ? n : channel_send(p->fd, out, (size_t)n);
}

static int get_destinations(struct peer *p, struct cli_picture *out)
{
	struct channel_destination_status *list = NULL;
	struct channel_header h = {0};
	const uint8_t *body;
	size_t length;
	uint32_t n = 0, capacity = 0;
	int rc = ask(p, CHANNEL_DESTINATION_STATUS_GET);

	while (!rc) {
		rc = receive(p, &h, &body, &length);
		if (!rc && h.id == CHANNEL_STATE_END) {
			out->destinations = list;
			out->n_destinations = n;
			return 0;
		}
		if (!rc && h.id != CHANNEL_DESTINATION_STATUS)
			rc = POI_ERR_SYNTAX;
		if (!rc && n == capacity) {
			capacity = capacity ? capacity * 2 : 16;
			void *more = reallocarray(list, capacity, sizeof(*list));
			if (more)
				list = more;
			else
				rc = POI_ERR_NOMEM;
		}
		if (!rc)
			rc = channel_decode_destination_status(body, length, &list[n]);
		n += !rc;
	}
	free(list);
	return rc;
}

// The answer of number `ask` + 1: its body, valid until the next question.
static int get(struct peer *p, uint16_t question, const uint8_t **body, size_t *length)
{
	struct channel_header h = {0};
	int rc = ask(p, question);

	if (!rc)
		rc = receive(p, &h, body, length);
	if (rc)
		return rc;
	return h.id == question + 1 ? POI_OK : POI_ERR_SYNTAX;
}

static int get_all(struct peer *p, struct cli_picture *out)
{
	const uint8_t *body;
	size_t length;
	int rc = get(p, CHANNEL_STATUS_GET, &body, &length);

	if (!rc)
		rc = channel_decode_status(body, length, &out->status);
	if (!rc)
		rc = get(p, CHANNEL_WORKERS_GET, &body, &length);
	if (!rc)
		rc = channel_decode_workers(body, length, &out->workers);
	if (!rc)
		rc = get(p, CHANNEL_SIGNALLING_GET, &body, &length);
	if (!rc)
		rc = channel_decode_signalling(body, length, &out->signalling);
	if (!rc)
		rc = get(p, CHANNEL_FUNCTIONS_GET, &body, &length);
	return rc ? rc : channel_decode_functions(body, length, &out->functions);
}

static void get_dataplane(const struct config *c, bool quiet, struct cli_picture *out)
{
	static const char name[] = "dataplane.sock";
	int rc;
	struct peer *p = call(c, name, &rc);

	if (!rc)
		rc = get_all(p, out);
	out->seconds = (double)now_monotonic_ms() / 1000;
	if (!rc)
		rc = get_destinations(p, out);
	if (!quiet)
		explain(c, "poi-dataplane", name, p, rc);
	if (rc) { // all of it or nothing
		out->status = (struct channel_status){0};
		out->workers = (struct channel_workers){0};
		out->signalling = (struct channel_signalling){0};
		out->functions = (struct channel_functions){0};
	}
	out->dataplane_state = state_of(p, rc);
	out->dataplane = !rc;
	close_peer(p);
}

static int get_control_status(struct peer *p, struct cli_picture *out)
{
	struct channel_header h = {0};
	const uint8_t *body;
	size_t length;
	int rc = ask(p, CHANNEL_CONTROL_STATUS_GET);

	if (!rc)
		rc = receive(p, &h, &body, &length);
	if (rc)
		return rc;
	return h.id == CHANNEL_CONTROL_STATUS
		       ? channel_decode_control_status(body, length, &out->control_status)
		       : POI_ERR_SYNTAX;
}

static void get_control(const struct config *c, bool quiet, struct cli_picture *out)
{
	static const char name[] = "control.sock";
	int rc;
	struct peer *p = call(c, name, &rc);

	if (!rc)
		rc = get_control_status(p, out);
	if (!quiet)
		explain(c, "poi-control", name, p, rc);
	out->control_state = state_of(p, rc);
	out->control = !rc;
	close_peer(p);
}

enum cli_peer_state cli_peer_health(const struct config *c, bool dataplane, bool *ready)
{
	const char *program = dataplane ? "poi-dataplane" : "poi-control";
	const char *name = dataplane ? "dataplane.sock" : "control.sock";
	struct cli_picture now = {0};
	int rc;
	struct peer *p = call(c, name, &rc);

	if (!rc && ready && !dataplane)
		rc = get_control_status(p, &now);
	if (!rc && ready)
		*ready = dataplane ? p->ok.first_burst
				   : now.control_status.recovered &&
					     now.control_status.dataplane_connected;
	explain(c, program, name, p, rc);
	enum cli_peer_state state = state_of(p, rc);
	close_peer(p);
	return state;
}

void cli_picture_take(const struct config *c, bool quiet, struct cli_picture *out)
{
	*out = (struct cli_picture){0};
	get_dataplane(c, quiet, out);
	get_control(c, quiet, out);
}

void cli_picture_take_settled(const struct config *c, bool quiet, struct cli_picture *out)
{
	for (int i = 1;; i++) {
		cli_picture_take(c, quiet || i > 1, out);
		if (i == SETTLES || !out->dataplane || out->status.balanced)
			return;
		cli_picture_free(out);
		cli_sleep(SETTLE_S);
	}
}

void cli_picture_free(struct cli_picture *p)
{
	free(p->destinations);
	p->destinations = NULL;
	p->n_destinations = 0;
}
