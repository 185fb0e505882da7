#include "tests/unit/control/state/fake_dataplane.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static uint8_t buffer[CHANNEL_MESSAGE_MAX];

uint32_t fake_count(const struct fake_object *list)
{
	uint32_t n = 0;

	for (unsigned i = 0; i < FAKE_OBJECTS; i++)
		n += list[i].body != NULL;
	return n;
}

struct fake_object *fake_find(struct fake_object *list, const struct id16 *id)
{
	for (unsigned i = 0; i < FAKE_OBJECTS; i++) {
		if (list[i].body && id_equal(&list[i].id, id))
			return &list[i];
	}
	return NULL;
}

static void put(struct fake_object *list, const struct id16 *ne, const struct id16 *id,
	const uint8_t *body, size_t length)
{
	struct fake_object *o = fake_find(list, id);

	for (unsigned i = 0; i < FAKE_OBJECTS && !o; i++) {
		if (!list[i].body)
			o = &list[i];
	}
	if (!o)
		abort();
	free(o->body);
	o->ne = *ne;
	o->id = *id;
	o->body = malloc(length);
	memcpy(o->body, body, length);
	o->length = length;
}

static void send_raw(struct fake_dataplane *f, int n)
{
	if (n < 0)
		abort();
	if (channel_send(f->fd, buffer, (size_t)n) ==
		POI_ERR_AGAIN) // a control that was killed reads no more
		abort();
}

static void ack(struct fake_dataplane *f, uint32_t request, int result)
{
	struct channel_ack a = {.result = result, .generation = 1};

	if (f->silent)
		return;
	if (f->hold) {
		f->held[f->n_held++] = request;
		return;
	}
	send_raw(f, channel_encode_ack(buffer, sizeof(buffer), CHANNEL_ACK, request, &a));
}

void fake_drained(struct fake_dataplane *f, uint64_t lost)
{
	f->draining = false;
	for (uint32_t i = 0; i < f->n_gone; i++) {
		struct channel_event e = {.kind = EVENT_DESTINATION_GONE,
			.ne = f->gone[i].ne,
			.id = f->gone[i].id,
			.copies = lost};
		snprintf(e.text, sizeof(e.text),
			"7 PDUs delivered after the removal, %u PDUs lost, 0 in doubt",
			(unsigned)lost);
		fake_event(f, &e);
	}
	f->n_gone = 0;
}

static int refused(const struct fake_dataplane *f, const struct id16 *id)
{
	return f->refuses && id->b[15] == f->refuses ? POI_ERR_NOMEM : f->result;
}

static void answer_put(struct fake_dataplane *f, uint32_t request, const struct id16 *id)
{
	int result = refused(f, id);

	ack(f, request, result ? result : f->commit);
}

void fake_release(struct fake_dataplane *f)
{
	f->hold = false;
	for (uint32_t i = 0; i < f->n_held; i++)
		ack(f, f->held[i], f->result);
	f->n_held = 0;
	if (!f->draining)
		fake_drained(f, 0);
}

static void send_list(struct fake_dataplane *f, const struct fake_object *list, uint16_t id,
	uint32_t request, EVP_MD_CTX *digest)
{
	for (unsigned i = 0; i < FAKE_OBJECTS; i++) {
		uint8_t *out = buffer;
		if (!list[i].body)
			continue;
		int n = channel_encode_empty(out, sizeof(buffer), id, request);
		memcpy(out + n, list[i].body, list[i].length);
		EVP_DigestUpdate(digest, list[i].body, list[i].length);
		send_raw(f, n + (int)list[i].length);
	}
}

static void send_state(struct fake_dataplane *f, uint32_t request)
{
	struct channel_state_end end = {0};
	EVP_MD_CTX *digest = EVP_MD_CTX_new();

	EVP_DigestInit_ex(digest, EVP_sha256(), NULL);
	if (f->ne_memo_length || f->ne_silent_ms) {
		bool fired = f->ne_silent_ms == UINT64_MAX;
		struct channel_ne ne = {.ne = f->ne,
			.identifier = "ne-1",
			.fail_safe_ms = f->fail_safe_ms[0],
			.remaining_ms = fired ? UINT64_MAX : f->fail_safe_ms[0] - f->ne_silent_ms,
			.expired = fired,
			.silent = f->ne_silent,
			.memo = f->ne_memo,
			.memo_length = f->ne_memo_length};
		int n = channel_encode_ne(buffer, sizeof(buffer), CHANNEL_NE_STATE, request, &ne);
		EVP_DigestUpdate(digest, buffer + 8, (size_t)n - 8);
		send_raw(f, n);
		end.network_elements++;
	}
	send_list(f, f->report, CHANNEL_REPORT_STATE, request, digest);
	send_list(f, f->object, CHANNEL_OBJECT_STATE, request, digest);
	send_list(f, f->destination, CHANNEL_DESTINATION_STATE, request, digest);
	send_list(f, f->task, CHANNEL_TASK_STATE, request, digest);
	end.destinations = fake_count(f->destination);
	end.tasks = fake_count(f->task) + f->wrong_count;
	EVP_DigestFinal_ex(digest, end.digest, NULL);
	end.digest[0] ^= f->wrong_digest;
	end.complete = f->complete;
	EVP_MD_CTX_free(digest);
	send_raw(f,
		channel_encode_state_end(buffer, sizeof(buffer), CHANNEL_STATE_END, request, &end));
}

static bool in_use(struct fake_dataplane *f, const struct id16 *did)
{
	struct channel_task t;

	for (unsigned i = 0; i < FAKE_OBJECTS; i++) {
		const struct fake_object *o = &f->task[i];
		if (!o->body || channel_decode_task(o->body, o->length, &t))
			continue;
		for (uint8_t n = 0; n < t.n_destinations; n++)
			if (id_equal(&t.did[n], did))
				return true;
	}
	return false;
}

static void remove_object(struct fake_dataplane *f, struct fake_object *list, uint32_t request,
	const uint8_t *body, size_t length)
{
	struct channel_object o;

	if (channel_decode_object(body, length, &o))
		abort();
	struct fake_object *found = fake_find(list, &o.id);
	f->removes++;
	if (list == f->destination && in_use(f, &o.id)) {
		ack(f, request, POI_ERR_IN_USE);
		return;
	}
	if (found && !f->silent) {
		free(found->body);
		found->body = NULL;
	}
	ack(f, request, f->commit ? f->commit : found ? 0 : POI_ERR_NOT_FOUND);
	if (list != f->destination || !found || f->commit || f->silent)
		return;
	f->gone[f->n_gone++] = o;
	if (!f->hold && !f->draining)
		fake_drained(f, 0);
}

static void hello(struct fake_dataplane *f, uint32_t request)
{
	if (f->refuse_version) {
		struct channel_hello_refused r = {
			.version = 9, .reason = POI_ERR_VERSION, .software = "9.9"};
		send_raw(f, channel_encode_hello_refused(
				    buffer, sizeof(buffer), CHANNEL_HELLO_REFUSED, request, &r));
		return;
	}
	struct channel_hello_ok ok = {.incarnation = f->incarnation, .peer_incarnation = f->peer};
	send_raw(
		f, channel_encode_hello_ok(buffer, sizeof(buffer), CHANNEL_HELLO_OK, request, &ok));
}

static void status(struct fake_dataplane *f, uint32_t request, const uint8_t *body, size_t length)
{
	struct channel_object o;
	struct channel_task_status s = {.x3_octets = 4711, .last_intercept_ns = 42};

	if (channel_decode_object(body, length, &o))
		abort();
	f->statuses++;
	if (f->no_status)
		return;
	s.ne = o.ne;
	s.xid = o.id;
	s.result = fake_find(f->task, &o.id) ? 0 : POI_ERR_NOT_FOUND;
	send_raw(f, channel_encode_task_status(
			    buffer, sizeof(buffer), CHANNEL_TASK_STATUS, request, &s));
}

static void put_memo(struct fake_dataplane *f, const uint8_t *body, size_t length)
{
	static uint8_t out[CHANNEL_MESSAGE_MAX];
	struct channel_memo m;
	struct channel_task t;
	struct channel_destination d;

	if (channel_decode_memo(body, length, &m))
		abort();
	if (m.of == MEMO_NE) {
		if (m.memo_length > sizeof(f->ne_memo))
			abort();
		memcpy(f->ne_memo, m.memo, m.memo_length);
		f->ne_memo_length = m.memo_length;
		return;
	}
	if (m.of == MEMO_REPORT || m.of == MEMO_OBJECT) {
		struct fake_object *list = m.of == MEMO_REPORT ? f->report : f->object;
		struct fake_object *old = fake_find(list, &m.id);
		if (m.of == MEMO_OBJECT && f->silent)
			return;
		if (m.memo_length) {
			put(list, &m.ne, &m.id, body, length);
		} else if (old) {
			free(old->body);
			old->body = NULL;
		}
		return;
	}
	struct fake_object *o =
		fake_find(m.of == MEMO_DESTINATION ? f->destination : f->task, &m.id);
	if (!o || f->silent)
		return;
	int n;
	if (m.of == MEMO_DESTINATION) {
		if (channel_decode_destination(o->body, o->length, &d))
			abort();
		d.memo = m.memo;
		d.memo_length = m.memo_length;
		n = channel_encode_destination(out, sizeof(out), CHANNEL_DESTINATION_PUT, 0, &d);
	} else {
		if (channel_decode_task(o->body, o->length, &t))
			abort();
		t.memo = m.memo;
		t.memo_length = m.memo_length;
		n = channel_encode_task(out, sizeof(out), CHANNEL_TASK_PUT, 0, &t);
	}
	if (n < 8)
		abort();
	put(m.of == MEMO_DESTINATION ? f->destination : f->task, &m.ne, &m.id, out + 8,
		(size_t)n - 8);
}

static void handle(struct fake_dataplane *f, const struct channel_header *h, const uint8_t *body,
	size_t length)
{
	struct channel_ne ne;
	struct channel_task t;
	struct channel_destination d;
	struct channel_complete m;

	switch (h->id) {
	case CHANNEL_HELLO:
		hello(f, h->request);
		return;
	case CHANNEL_STATE_GET:
		send_state(f, h->request);
		return;
	case CHANNEL_TASK_PUT:
		f->puts++;
		if (channel_decode_task(body, length, &t))
			abort();
		if (f->tasks_taken && fake_count(f->task) >= f->tasks_taken)
			return;
		if (!f->silent && !refused(f, &t.xid))
			put(f->task, &t.ne, &t.xid, body, length);
		answer_put(f, h->request, &t.xid);
		return;
	case CHANNEL_DESTINATION_PUT:
		f->puts++;
		if (channel_decode_destination(body, length, &d))
			abort();
		if (!f->silent && !refused(f, &d.did))
			put(f->destination, &d.ne, &d.did, body, length);
		answer_put(f, h->request, &d.did);
		return;
	case CHANNEL_TASK_REMOVE:
		remove_object(f, f->task, h->request, body, length);
		return;
	case CHANNEL_DESTINATION_REMOVE:
		remove_object(f, f->destination, h->request, body, length);
		return;
	case CHANNEL_TASK_STATUS_GET:
		status(f, h->request, body, length);
		return;
	case CHANNEL_NE_PUT:
		if (channel_decode_ne(body, length, &ne))
			abort();
		f->remaining_ms[f->nes % 8] = ne.remaining_ms;
		f->fail_safe_ms[f->nes % 8] = ne.fail_safe_ms;
		f->silence_ms[f->nes % 8] = ne.silence_ms;
		f->ne = ne.ne;
		f->nes++;
		break;
	case CHANNEL_ANSWER: // never held
		if (!f->silent)
			send_raw(f, channel_encode_ack(buffer, sizeof(buffer), CHANNEL_ACK,
					    h->request, &(struct channel_ack){0}));
		return;
	case CHANNEL_EVENTS_DONE: // not answered
		f->events_done = h->request;
		f->reports_done = fake_count(f->report);
		return;
	case CHANNEL_NE_HEARD:
		f->heards++;
		break;
	case CHANNEL_COMPLETE_PUT:
		if (channel_decode_complete(body, length, &m))
			abort();
		f->complete = m.complete;
		break;
	case CHANNEL_MEMO_PUT:
		f->memos++;
		put_memo(f, body, length);
		break;
	default:
		break;
	}
	ack(f, h->request, 0);
}

static void on_message(evutil_socket_t fd, short what, void *arg)
{
	struct fake_dataplane *f = arg;
	static uint8_t in[CHANNEL_MESSAGE_MAX];

	for (;;) {
		struct channel_header h;
		const uint8_t *body;
		size_t length;
		int64_t n = channel_receive(f->fd, in, sizeof(in));
		if (n == POI_ERR_AGAIN)
			return;
		if (n <= 0) {
			fake_disconnect(f);
			return;
		}
		if (channel_split(in, (size_t)n, &h, &body, &length))
			abort();
		handle(f, &h, body, length);
	}
}

static void on_connection(evutil_socket_t fd, short what, void *arg)
{
	struct fake_dataplane *f = arg;

	fake_disconnect(f);
	f->fd = channel_accept(f->listener);
	// Control reads only after all that it asked for in one turn is answered.
	if (f->fd < 0 || setsockopt(f->fd, SOL_SOCKET, SO_SNDBUF, &(int){4 << 20}, sizeof(int)))
		abort();
	f->event = event_new(f->base, f->fd, EV_READ | EV_PERSIST, on_message, f);
	event_add(f->event, NULL);
}

void fake_start(struct fake_dataplane *f, struct event_base *base, const char *folder)
{
	static uint64_t incarnations;

	*f = (struct fake_dataplane){.base = base, .fd = -1, .incarnation = ++incarnations};
	snprintf(f->path, sizeof(f->path), "%s/dataplane.sock", folder);
	f->listener = channel_listen(f->path);
	if (f->listener < 0)
		abort();
	f->accept_event = event_new(base, f->listener, EV_READ | EV_PERSIST, on_connection, f);
	event_add(f->accept_event, NULL);
}

void fake_disconnect(struct fake_dataplane *f)
{
	if (f->fd < 0)
		return;
	event_free(f->event);
	close(f->fd);
	f->fd = -1;
	f->n_held = 0;
}

void fake_stop(struct fake_dataplane *f)
{
	fake_disconnect(f);
	event_free(f->accept_event);
	close(f->listener);
	unlink(f->path);
	for (unsigned i = 0; i < FAKE_OBJECTS; i++) {
		free(f->task[i].body);
		free(f->destination[i].body);
		free(f->report[i].body);
		free(f->object[i].body);
		f->task[i].body = f->destination[i].body = f->report[i].body = NULL;
		f->object[i].body = NULL;
	}
}

void fake_event(struct fake_dataplane *f, const struct channel_event *e)
{
	send_raw(f,
		channel_encode_event(buffer, sizeof(buffer), CHANNEL_EVENT, ++f->events_sent, e));
}
