// Measures what events of network functions cost the builder's thread: sessions by event, a part of
// them of targets, through a socket, with their answers, but without a session store; and how long
// the start of interception of one user takes among them. Times are of the stage alone.
// Arguments: sessions (default 1000000), tasks for each thousand of them (default 10).

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dataplane/functions/functions.h"
#include "record_lab.h"
#include "shared/now.h"
#include "shared/socket.h"

#define BATCH 128u
#define LATENCIES 1000u
#define SALT "saltsalt"

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "bench_functions: %s\n", what);
	exit(1);
}

// A follower that has no store: sessions get an ID each.
void follower_event(struct follower *f, struct session_event *e)
{
	static uint64_t correlation;

	(void)f;
	e->result = POI_OK;
	e->correlation = ++correlation;
}

void follower_wait_done(struct follower *f)
{
	(void)f;
}

static const char establishment[] =
	"{\"sUPI\": {\"iMSI\": \"001010000000000\"}, \"sUPIUnauthenticated\": false, \"pEI\": "
	"{\"iMEISV\": \"3534900698733190\"}, \"gPSI\": {\"mSISDN\": \"15550001\"}, "
	"\"pDUSessionID\": 5, \"gTPTunnelID\": {\"tEID\": 4097, \"iPv4Address\": "
	"\"192.0.2.10\"}, \"pDUSessionType\": \"iPv4\", \"uEEndpoint\": [{\"iPv4Address\": "
	"\"198.51.100.7\"}], \"dNN\": \"internet\", \"requestType\": \"initialRequest\", "
	"\"rATType\": \"nR\", \"gTPTunnelInfo\": {\"fiveGSGTPTunnels\": "
	"{\"uLNGUUPTunnelInformation\": {\"tEID\": 4097, \"iPv4Address\": \"192.0.2.10\"}}}}";

struct bench {
	char folder[64], path[96];
	struct config config;
	int listener, peer;
	struct capture *capture;
	struct copy_ring *ring;
	struct task_counters_owner *counters;
	struct functions *functions;
	struct record_lab lab;
	char imsi[16];
	uint32_t segment;
};

static void open_all(struct bench *b, uint64_t memory)
{
	struct config_events *c = &b->config.events;
	static char uid[16], name[] = "smf-1";
	char why[256] = "memory";
	struct pdu_origin origin;

	strcpy(b->folder, "/tmp/poi-bench-XXXXXX");
	must(mkdtemp(b->folder) != NULL, "a folder");
	snprintf(b->path, sizeof(b->path), "%s/dataplane.sock", b->folder);
	b->listener = socket_listen_path(b->path, SOCK_SEQPACKET, 4);
	snprintf(uid, sizeof(uid), "%u", getuid());
	c->folder = b->folder;
	c->user = uid;
	c->memory = memory;
	c->n_functions = 1;
	c->functions[0] = (struct config_function){.name = name, .user = uid, .n_records = 1};
	b->counters = task_counters_new(1);
	must(pdu_origin_make(&origin, "smf-1.example.org", "E-1") == POI_OK, "an origin");
	b->capture = capture_new(&(struct capture_settings){.origin = origin,
		.pool_octets = 64 << 20,
		.n_deliver = 1,
		.slots = task_counters_of(b->counters)->worker[0]});
	b->ring = copy_ring_new(
		b->capture, &(struct copy_ring_settings){.quota = 1ull << 40, .minor = 5});
	capture_attach(b->capture, 0, COPY_X2, b->ring);
	b->functions = functions_new(
		&(struct functions_settings){
			.config = &b->config, .capture = b->capture, .counters = b->counters},
		why, sizeof(why));
	must(b->functions != NULL, why);
	must(functions_tick(b->functions, 1000) >= 0, "a connection");
	b->peer = accept(b->listener, NULL, NULL);
	char hello[4096];
	must(recv(b->peer, hello, sizeof(hello), 0) > 0, "a hello");
}

static void close_all(struct bench *b)
{
	functions_free(b->functions);
	copy_ring_free(b->ring);
	capture_free(b->capture);
	task_counters_free(b->counters);
	close(b->peer);
	close(b->listener);
	unlink(b->path);
	rmdir(b->folder);
}

// Delivery has nothing to do here.
static void drain(struct bench *b)
{
	struct segment *s;

	while ((s = copy_ring_segment(b->ring, b->segment)) != NULL &&
		atomic_load_explicit(&s->closed, memory_order_acquire)) {
		uint32_t n = atomic_load_explicit(&s->pushed, memory_order_acquire);
		copy_ring_release(b->ring, s->copy[n - 1].end, n);
		copy_ring_release_segment(b->ring);
		b->segment++;
	}
}

// Answers are read, and were OK.
static void read_answers(struct bench *b, uint32_t n)
{
	uint8_t octets[512];
	struct nf_answer a;

	for (uint32_t i = 0; i < n; i++) {
		ssize_t got = recv(b->peer, octets, sizeof(octets), MSG_DONTWAIT);
		must(got > 1 && nf_decode_answer(octets + 1, (size_t)got - 1, &a) == POI_OK &&
				a.result == NF_OK,
			"an OK for each event");
	}
}

// Establishes these sessions. Returns the seconds of CPU that the stage took.
static double establish(struct bench *b, uint32_t first, uint32_t n)
{
	static uint8_t octets[NF_MESSAGE_MAX];
	uint64_t taken = 0;

	for (uint32_t at = 0; at < n; at += BATCH) {
		uint32_t batch = n - at < BATCH ? n - at : BATCH;
		for (uint32_t i = 0; i < batch; i++) {
			char name[32];
			snprintf(b->imsi, sizeof(b->imsi), "00101%010u", first + at + i);
			snprintf(name, sizeof(name), "imsi-%s-5", b->imsi);
			const struct nf_event e = {.number = at + i,
				.kind = RECORD_SMF_ESTABLISHMENT,
				.time_ns = 1767225600000000000ull,
				.subject = name,
				.subject_length = (uint16_t)strlen(name),
				.n_nodes = (uint32_t)b->lab.count,
				.nodes = b->lab.nodes};
			int length = nf_encode_event(octets, sizeof(octets), &e);
			must(send(b->peer, octets, (size_t)length, MSG_DONTWAIT) == length,
				"room in the socket");
		}
		uint64_t start = now_thread_ns();
		while (functions_take(b->functions))
			functions_finish(b->functions, true);
		taken += now_thread_ns() - start;
		read_answers(b, batch);
		drain(b);
	}
	return (double)taken / 1e9;
}

// By the user's IMSI, or by its digest.
static struct session_target target_of(uint32_t number, struct identity_hash *hash)
{
	struct session_target t = {.kinds = SESSION_IMSI};

	snprintf(t.imsi, sizeof(t.imsi), "00101%010u", number);
	if (!hash)
		return t;
	struct session_target of_digest = {.kinds = SESSION_HASHED,
		.hashed = {
			.identity = HASHED_IMSI, .algorithm = IDENTITY_SHA_256, .salt_length = 8}};
	memcpy(of_digest.hashed.salt, SALT, 8);
	must(identity_hash_of(hash, t.imsi, strlen(t.imsi), of_digest.hashed.digest) == 0,
		"a digest");
	return of_digest;
}

static struct x2_task *task_of(
	struct bench *b, uint32_t number, struct identity_hash *hash, struct function_task **out)
{
	const struct session_target t = target_of(number, hash);
	struct x2_task *x = calloc(1, sizeof(*x) + 8);

	*x = (struct x2_task){.n_destinations = 1, .matched_length = 8};
	memcpy(x->header_xid.b, &number, sizeof(number));
	wire_store16(x->matched, PDU_ATTR_MATCHED_TARGET);
	wire_store16(x->matched + 2, 4);
	must(task_counters_take(b->counters, &x->slot) == POI_OK, "a slot");
	must(task_counters_context_take(b->counters, COPY_X2, &x->header_xid, 0, &x->context) ==
			POI_OK,
		"a context");
	must(functions_task_enter(b->functions, x, RECORDS_SMF, &t, 1, out) == POI_OK, "a task");
	return x;
}

static int by_size(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

// Tasks that come late, each of another user that is there. They stay.
static void start_late(struct bench *b, uint32_t n, struct identity_hash *hash, struct x2_task **x)
{
	static double late[LATENCIES];
	struct function_task *t;
	double first;

	for (uint32_t i = 0; i < LATENCIES; i++) {
		uint64_t start = now_monotonic_ns();
		x[i] = task_of(b, i * (n / LATENCIES) + 1 + (hash != NULL), hash, &t);
		functions_task_start(b->functions, t, NULL);
		late[i] = (double)(now_monotonic_ns() - start) / 1e3;
		drain(b);
	}
	first = late[0];
	qsort(late, LATENCIES, sizeof(late[0]), by_size);
	printf("start of interception of one user%s: %.1f us, p99 %.1f us, the first %.1f us\n",
		hash ? " by digest" : "", late[LATENCIES / 2], late[LATENCIES * 99 / 100], first);
}

int main(int argc, char **argv)
{
	const uint32_t n = argc > 1 ? (uint32_t)atoi(argv[1]) : 1000000;
	const uint32_t per_thousand = argc > 2 ? (uint32_t)atoi(argv[2]) : 10;
	static struct bench b;
	struct channel_functions c;
	struct identity_hash *hash = identity_hash_new(IDENTITY_SHA_256, SALT, 8);
	uint32_t n_tasks = n / 1000 * per_thousand;
	struct x2_task **x = calloc(n_tasks + 2 * LATENCIES, sizeof(struct x2_task *));
	struct function_task *t;

	must(hash != NULL, "a maker of digests");
	open_all(&b, 8ull << 30);
	record_lab_read(&b.lab, establishment);
	b.lab.nodes[2].text = b.imsi;
	for (uint32_t i = 0; i < n_tasks; i++)
		x[i] = task_of(&b, i * (1000 / per_thousand), NULL, &t);
	double seconds = establish(&b, 0, n);
	functions_counts(b.functions, &c);
	printf("%u sessions, %u tasks: %.2f us an event, %.0f events a second; %.0f octets a "
	       "session\n",
		n, n_tasks, seconds / n * 1e6, n / seconds, (double)c.octets / n);
	must(c.records == n_tasks, "a record for each task");
	start_late(&b, n, NULL, x + n_tasks);
	start_late(&b, n, hash, x + n_tasks + LATENCIES);
	functions_counts(b.functions, &c);
	must(c.records == n_tasks + 2 * LATENCIES, "a start for each of the later tasks");
	close_all(&b);
	for (uint32_t i = 0; i < n_tasks + 2 * LATENCIES; i++)
		free(x[i]);
	free(x);
	identity_hash_free(hash);
	return 0;
}
