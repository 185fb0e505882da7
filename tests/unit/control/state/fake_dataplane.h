#pragma once

// A dataplane for tests, on the test's own event loop: keeps the bodies it is given, acknowledges,
// streams its state with counts and digest. Knobs make it slow, failing or dishonest.

#include <event2/event.h>

#include "shared/channel.h"

struct fake_object {
	struct id16 ne, id;
	uint8_t *body; // of TASK_PUT or DESTINATION_PUT, NULL when free
	size_t length;
};

#define FAKE_OBJECTS 512

struct fake_dataplane {
	struct event_base *base;
	char path[256];
	int listener, fd;
	struct event *accept_event, *event;
	uint64_t incarnation;
	struct fake_object task[FAKE_OBJECTS], destination[FAKE_OBJECTS], report[FAKE_OBJECTS],
		object[FAKE_OBJECTS];
	uint32_t puts, removes, memos, nes, heards, statuses; // messages seen
	uint64_t remaining_ms[8];
	struct id16 ne;	       // the last one that was defined
	uint8_t ne_memo[1024]; // streamed with it where there is one
	uint32_t ne_memo_length;
	uint64_t ne_silent_ms; // streamed with it: how long its ADMF is silent; UINT64_MAX: fired
	bool ne_silent;        // likewise: its silence was reported
	uint64_t silence_ms[8]; // of the network elements, as fail_safe_ms
	uint64_t fail_safe_ms[8]; // of the network elements, in the order of their definition
	uint32_t events_sent,
		events_done; // numbers: of the last one, and of the last that control is done with
	uint32_t reports_done; // held then
	// knobs
	bool silent;	      // swallows what needs an ACK (and counts it)
	bool hold;	      // acknowledges only with fake_release
	bool draining;	      // what is removed is gone only with fake_drained
	int result;	      // answered to puts, which are not taken then
	uint8_t refuses; // last octet of an identifier: its puts are answered NOMEM, and not taken; 0: none's
	int commit;	      // answered to puts and removals that were taken
	uint32_t tasks_taken; // beyond that many it swallows tasks; 0: it takes all
	bool wrong_digest, wrong_count;
	bool refuse_version;
	bool no_status;
	bool complete; // as last set by the controller
	uint64_t peer; // the control that it names as its earlier peer
	uint32_t held[FAKE_OBJECTS];
	uint32_t n_held;
	struct channel_object gone[FAKE_OBJECTS]; // removed, and EVENT_DESTINATION_GONE not yet sent
	uint32_t n_gone;
};

void fake_start(struct fake_dataplane *f, struct event_base *base, const char *folder);
void fake_stop(struct fake_dataplane *f);	// kill -9: the socket goes, nothing is kept
void fake_disconnect(struct fake_dataplane *f); // only the connection goes
void fake_release(struct fake_dataplane *f);
void fake_drained(struct fake_dataplane *f, uint64_t lost); // all that was removed is gone
void fake_event(struct fake_dataplane *f, const struct channel_event *e);
uint32_t fake_count(const struct fake_object *list);
struct fake_object *fake_find(struct fake_object *list, const struct id16 *id);
