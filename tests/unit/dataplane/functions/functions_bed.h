#pragma once

// Surroundings of the stage of functions in a test: a poi-events that the test plays, a real
// capture with one destination, and a follower that gives every session a correlation ID.

#include "dataplane/functions/functions.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "record_lab.h"
#include "shared/now.h"
#include "shared/socket.h"

#define TIME_NS 1767225600123456789ull
#define SMF 0 // places of functions in the hello
#define AMF 1
#define SMSF 2
#define BOTH 3 // an SMF and AMF
#define TASKS_MAX 8

#define SUPI "\"sUPI\": {\"iMSI\": \"001010000000001\"}, \"sUPIUnauthenticated\": false, "
#define PEI "\"pEI\": {\"iMEISV\": \"3534900698733190\"}, "
#define GPSI "\"gPSI\": {\"mSISDN\": \"15550001\"}, "
#define TUNNELS                                                                                \
	"\"gTPTunnelInfo\": {\"fiveGSGTPTunnels\": {\"uLNGUUPTunnelInformation\": {\"tEID\": " \
	"4097, \"iPv4Address\": \"192.0.2.10\"}, \"dLRANTunnelInformation\": "                 \
	"{\"dLQOSFlowTunnelInformation\": {\"uPTunnelInformation\": {\"tEID\": 77, "           \
	"\"iPv4Address\": \"192.0.2.20\"}, \"associatedQOSFlowList\": [{\"qFI\": 1}]}}}}"
#define ESTABLISHMENT                                                                            \
	"{" SUPI PEI GPSI "\"pDUSessionID\": 5, \"gTPTunnelID\": {\"tEID\": 4097, "              \
	"\"iPv4Address\": \"192.0.2.10\"}, \"pDUSessionType\": \"iPv4v6\", \"uEEndpoint\": "     \
	"[{\"iPv4Address\": \"198.51.100.7\"}, {\"iPv6Address\": \"2001:db8:7::1\"}], \"dNN\": " \
	"\"internet\", \"requestType\": \"initialRequest\", \"rATType\": \"nR\", " TUNNELS "}"
#define GUTI                                                                                  \
	"\"gUTI\": {\"mCC\": \"001\", \"mNC\": \"01\", \"aMFRegionID\": 1, \"aMFSetID\": 2, " \
	"\"aMFPointer\": 3, \"fiveGTMSI\": 4}"
#define LOCATION                                                                             \
	"\"location\": {\"locationInfo\": {\"userLocation\": {\"nRLocation\": {\"tAI\": "    \
	"{\"pLMNID\": {\"mCC\": \"001\", \"mNC\": \"01\"}, \"tAC\": \"000001\"}, \"nCGI\": " \
	"{\"pLMNID\": {\"mCC\": \"001\", \"mNC\": \"01\"}, \"nRCellID\": \"0000000010\"}}}}}"
#define AMF_SUPI "\"sUPI\": {\"iMSI\": \"001010000000001\"}, "
#define REGISTRATION                                                                            \
	"{\"registrationType\": \"initial\", \"registrationResult\": "                          \
	"\"threeGPPAccess\", " AMF_SUPI "\"sMSOverNasIndicator\": \"sMSOverNASAllowed\", " GUTI \
	"}"

struct bed {
	char folder[64];
	int listener, peer; // poi-events' ends
	struct config config;
	struct task_counters_owner *counters;
	struct capture *capture;
	struct copy_ring *ring;
	struct functions *functions;
	uint32_t segment, read; // the ring's segment at hand, and PDUs of it that the test has seen
	uint32_t numbers;
	struct nf_event event; // being made
	struct record_lab lab;
	struct record_node nodes[NF_NODES_MAX];
	struct x2_task *x2[TASKS_MAX];
	struct function_task *task[TASKS_MAX];
	unsigned n_tasks;
};

// ---- the follower ----

// Sessions get 1000 and up, in the order of their names; `full` refuses.
struct fake_follower {
	bool full, deaf; // `deaf`: no memory to hand it a session, as follower_event has it
	unsigned n_events;
	uint64_t lost, back, ended;
	struct session_event last; // copied, with its name
	char name[SESSION_EVENT_NAME];
	uint64_t next;
	struct {
		char name[SESSION_EVENT_NAME];
		uint16_t length;
		uint64_t correlation;
	} session[64];
	unsigned n_sessions;
};
extern struct fake_follower fake;

// ---- poi-events ----

static inline void bed_connect(struct bed *b, uint64_t now_ms)
{
	uint8_t octets[8192];
	struct nf_hello hello;

	cr_assert_geq(functions_tick(b->functions, now_ms), 0);
	b->peer = accept(b->listener, NULL, NULL);
	cr_assert_geq(b->peer, 0);
	ssize_t n = recv(b->peer, octets, sizeof(octets), 0);
	cr_assert_gt(n, 1);
	cr_assert_eq(octets[0], NF_HELLO);
	cr_assert_eq(nf_decode_hello(octets + 1, (size_t)n - 1, &hello), 0);
	cr_assert_eq(hello.n, 4);
	cr_assert_str_eq(hello.function[SMF].name, "smf-1");
	cr_assert_eq(hello.function[SMF].uid, getuid());
	cr_assert_eq(hello.function[BOTH].records, RECORDS_SMF | RECORDS_AMF);
	fcntl(b->peer, F_SETFL, O_NONBLOCK);
}

static inline void bed_function(struct config_function *f, const char *name, uint8_t records)
{
	char uid[16];

	sprintf(uid, "%u", getuid());
	f->name = strdup(name);
	f->user = strdup(uid);
	for (uint8_t i = 0; i < CONFIG_RECORDS_COUNT; i++)
		if (records >> i & 1)
			f->records[f->n_records++] = i;
}

static inline struct bed *bed_new_of(uint64_t memory)
{
	struct bed *b = calloc(1, sizeof(*b));
	struct config_events *c = &b->config.events;
	char path[96], uid[16], why[256];
	struct pdu_origin origin;

	memset(&fake, 0, sizeof(fake));
	fake.next = 1000;
	strcpy(b->folder, "/tmp/poi-functions-XXXXXX");
	cr_assert_not_null(mkdtemp(b->folder));
	sprintf(path, "%s/dataplane.sock", b->folder);
	b->listener = socket_listen_path(path, SOCK_SEQPACKET, 4);
	cr_assert_geq(b->listener, 0);
	sprintf(uid, "%u", getuid());
	c->folder = strdup(b->folder);
	c->user = strdup(uid);
	c->memory = memory;
	c->n_functions = 4;
	bed_function(&c->functions[SMF], "smf-1", RECORDS_SMF);
	bed_function(&c->functions[AMF], "amf-1", RECORDS_AMF);
	bed_function(&c->functions[SMSF], "smsf-1", RECORDS_SMSF);
	bed_function(&c->functions[BOTH], "both-1", RECORDS_SMF | RECORDS_AMF);
	b->config.delivery.xiri_release = CONFIG_XIRI_R18;
	b->counters = task_counters_new(1);
	cr_assert_eq(pdu_origin_make(&origin, "amf-1.example.org", "E-1"), 0);
	const struct capture_settings s = {.origin = origin,
		.pool_octets = 16 << 20,
		.n_deliver = 1,
		.x2_only = true,
		.slots = task_counters_of(b->counters)->worker[0]};
	b->capture = capture_new(&s);
	const struct copy_ring_settings r = {.quota = 8 << 20, .minor = 5};
	b->ring = copy_ring_new(b->capture, &r);
	capture_attach(b->capture, 0, COPY_X2, b->ring);
	b->functions = functions_new(
		&(struct functions_settings){
			.config = &b->config, .capture = b->capture, .counters = b->counters},
		why, sizeof(why));
	cr_assert_not_null(b->functions, "%s", why);
	bed_connect(b, 1000);
	return b;
}

static inline struct bed *bed_new(void)
{
	return bed_new_of(64 << 20);
}

static inline void bed_free(struct bed *b)
{
	char path[96];

	functions_free(b->functions);
	copy_ring_free(b->ring);
	capture_free(b->capture);
	task_counters_free(b->counters);
	for (unsigned i = 0; i < b->n_tasks; i++)
		free(b->x2[i]);
	for (unsigned i = 0; i < b->config.events.n_functions; i++) {
		free(b->config.events.functions[i].name);
		free(b->config.events.functions[i].user);
	}
	free(b->config.events.folder);
	free(b->config.events.user);
	if (b->peer >= 0)
		close(b->peer);
	close(b->listener);
	sprintf(path, "%s/dataplane.sock", b->folder);
	unlink(path);
	rmdir(b->folder);
	free(b);
}

// An event of a function: change bed->event, then send it.
static inline struct nf_event *event_of(
	struct bed *b, uint16_t function, unsigned kind, const char *name, const char *record)
{
	record_lab_read(&b->lab, record);
	b->event = (struct nf_event){.number = ++b->numbers,
		.function = function,
		.kind = (uint8_t)kind,
		.time_ns = TIME_NS,
		.subject = name,
		.subject_length = (uint16_t)strlen(name),
		.n_nodes = (uint32_t)b->lab.count,
		.nodes = b->lab.nodes};
	return &b->event;
}

static inline void send_event(struct bed *b)
{
	static uint8_t octets[NF_MESSAGE_MAX];
	int n = nf_encode_event(octets, sizeof(octets), &b->event);

	cr_assert_gt(n, 0);
	cr_assert_eq(send(b->peer, octets, (size_t)n, 0), n);
}

static inline void send_state(struct bed *b, uint16_t function, enum nf_state state)
{
	uint8_t octets[64];
	const struct nf_function_state m = {function, (uint8_t)state};
	int n = nf_encode_function(octets, sizeof(octets), &m);

	cr_assert_eq(send(b->peer, octets, (size_t)n, 0), n);
}

static inline void turn(struct bed *b)
{
	if (functions_take(b->functions))
		functions_finish(b->functions, true);
}

// False: none waits.
static inline bool next_answer(struct bed *b, struct nf_answer *out)
{
	uint8_t octets[1024];
	ssize_t n = recv(b->peer, octets, sizeof(octets), MSG_DONTWAIT);

	if (n <= 0)
		return false;
	cr_assert_eq(octets[0], NF_ANSWER);
	cr_assert_eq(nf_decode_answer(octets + 1, (size_t)n - 1, out), 0);
	return true;
}

// Sends the event that was made, and returns its answer.
static inline struct nf_answer play(struct bed *b)
{
	struct nf_answer a, more;

	send_event(b);
	turn(b);
	cr_assert(next_answer(b, &a));
	cr_assert_eq(a.number, b->event.number);
	cr_assert_not(next_answer(b, &more));
	return a;
}

static inline void play_ok(
	struct bed *b, uint16_t function, unsigned kind, const char *name, const char *record)
{
	event_of(b, function, kind, name, record);
	struct nf_answer a = play(b);
	cr_assert_eq(a.result, NF_OK, "%s", a.text);
}

// ---- tasks ----

// The X2 side of task b->n_tasks, which comes with it.
static inline struct x2_task *x2_of(struct bed *b)
{
	const unsigned i = b->n_tasks++;
	struct x2_task *x = calloc(1, sizeof(*x) + 8);

	cr_assert_lt(i, TASKS_MAX);
	*x = (struct x2_task){.n_destinations = 1, .matched_length = 8};
	memset(x->header_xid.b, (int)i + 1, sizeof(x->header_xid.b));
	wire_store16(x->matched, PDU_ATTR_MATCHED_TARGET);
	wire_store16(x->matched + 2, 4);
	memcpy(x->matched + 4, "<a/>", 4);
	cr_assert_eq(task_counters_take(b->counters, &x->slot), 0);
	cr_assert_eq(
		task_counters_context_take(b->counters, COPY_X2, &x->header_xid, 0, &x->context),
		0);
	b->x2[i] = x;
	return x;
}

static inline struct function_task *task_of(
	struct bed *b, uint8_t records, const struct session_target *targets, uint32_t n)
{
	const unsigned i = b->n_tasks;
	struct x2_task *x = x2_of(b);

	cr_assert_eq(functions_task_enter(b->functions, x, records, targets, n, &b->task[i]), 0);
	functions_task_start(b->functions, b->task[i], NULL);
	return b->task[i];
}

static inline struct session_target imsi_target(const char *imsi)
{
	struct session_target t = {.kinds = SESSION_IMSI};

	strcpy(t.imsi, imsi);
	return t;
}

#define IMSI "001010000000001"

static inline struct function_task *imsi_task(struct bed *b, uint8_t records)
{
	const struct session_target t = imsi_target(IMSI);

	return task_of(b, records, &t, 1);
}

// ---- PDUs ----

// The segment at hand; a closed one that was read goes back first.
static inline struct segment *segment_of(struct bed *b)
{
	struct segment *s = copy_ring_segment(b->ring, b->segment);

	if (!s || !atomic_load(&s->closed) || b->read < atomic_load(&s->pushed))
		return s;
	copy_ring_release(b->ring, s->copy[b->read - 1].end, b->read);
	copy_ring_release_segment(b->ring);
	b->read = 0;
	return copy_ring_segment(b->ring, ++b->segment);
}

// The next PDU that was queued; false when there is none.
static inline bool next_pdu(struct bed *b, struct pdu *p)
{
	struct segment *s = segment_of(b);
	const char *why;

	if (!s || b->read == atomic_load(&s->pushed))
		return false;
	uint32_t start = b->read ? s->copy[b->read - 1].end : 0;
	int64_t n =
		pdu_decode(s->octets + start, s->copy[b->read].end - start, SEGMENT_SIZE, p, &why);
	cr_assert_eq(n, s->copy[b->read].end - start, "%s", why);
	cr_assert_eq(p->type, PDU_X2);
	cr_assert_eq(p->format, PDU_FORMAT_33128);
	cr_assert(p->present >> PDU_ATTR_MATCHED_TARGET & 1);
	b->read++;
	return true;
}

static inline struct pdu must_pdu(struct bed *b)
{
	struct pdu p;

	cr_assert(next_pdu(b, &p), "no PDU");
	return p;
}

static inline void no_pdu(struct bed *b)
{
	struct pdu p;

	cr_assert_not(next_pdu(b, &p), "a PDU too many");
}

// Its payload is this record, octet for octet.
static inline void is_record(struct bed *b, const struct pdu *p, unsigned kind, const char *record)
{
	static uint8_t octets[65536];
	struct ber_writer w = ber_writer_of(octets, sizeof(octets));
	struct record_fault fault;

	record_lab_read(&b->lab, record);
	int e = record_encode(&w, kind, CONFIG_XIRI_R18, b->lab.nodes, b->lab.count, &fault);
	char text[256] = "";
	if (e)
		record_fault_text(&fault, text, sizeof(text));
	cr_assert_eq(e, 0, "%s", text);
	cr_assert_eq(p->payload_length, ber_written(&w), "%u octets, wanted %zu", p->payload_length,
		ber_written(&w));
	cr_assert(memcmp(p->payload, w.at, p->payload_length) == 0);
}

static inline bool is_of_task(const struct pdu *p, unsigned task)
{
	return p->xid.b[0] == task + 1;
}
