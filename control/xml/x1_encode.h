#pragma once

// Values to X1 XML: responses of the NE, and the NE's own requests to the ADMF. Every value
// passes x1_append_escaped. All functions append to a growing buffer. Clause 6 of TS 103 221-1.

#include "control/xml/x1_types.h"

struct x1_buffer { // start from {0}; free with x1_buffer_free
	char *text;
	size_t length, capacity;
	int error; // sticky: 0 or POI_ERR_NOMEM
	char list[40]; // the list that is open (lists do not nest)
};
void x1_buffer_free(struct x1_buffer *b);
// Forgets what is behind the first `length` octets, and frees the memory that it took.
void x1_buffer_cut(struct x1_buffer *b, size_t length);
// Octets as they are; and text with what XML reserves escaped, what it cannot hold as U+FFFD.
void x1_append(struct x1_buffer *b, const char *text, size_t length);
void x1_append_escaped(struct x1_buffer *b, const char *text, size_t length);

struct x1_envelope {
	const char *admf_identifier;
	const char *ne_identifier;
	struct id16 transaction;
	uint64_t time_ns; // messageTimestamp, nanoseconds since the epoch
	const char *version; // NULL: v1.8.1
};

struct x1_fault {
	int code;
	const char *description;
};

struct x1_task_status {
	const char *provisioning; // awaitingProvisioning, failed, complete
	uint32_t n_faults;
	const struct x1_fault *faults;
	uint64_t last_intercept_ns; // 0: absent
	bool has_amounts;
	uint64_t x2_octets, x3_octets;
	uint64_t last_modification_ns; // 0: absent
	uint32_t modifications;
	// In TaskStatusExtensions (V1.14 on): a task by session or subscriber, and how many it has.
	bool has_sessions;
	uint32_t sessions;
};

struct x1_destination_status {
	bool fault; // deliveryFault, else activeAndWorking
	uint32_t n_faults;
	const struct x1_fault *faults;
};

void x1_response_begin(struct x1_buffer *b); // XML declaration and X1Response
void x1_response_end(struct x1_buffer *b);
void x1_top_level_error(struct x1_buffer *b, const struct x1_envelope *e); // a whole document

// Each of these is one whole x1ResponseMessage.
void x1_response_ok(struct x1_buffer *b, const struct x1_envelope *e, enum x1_request_type t, bool completed);
void x1_response_error(struct x1_buffer *b, const struct x1_envelope *e, enum x1_request_type t, int code, const char *description);

// A query's answer: open, then its parts in the schema's order, then close.
void x1_message_open(struct x1_buffer *b, const struct x1_envelope *e, enum x1_request_type t);
void x1_message_close(struct x1_buffer *b);
void x1_put_task(struct x1_buffer *b, const char *task_xml, size_t length, const struct x1_task_status *s); // taskResponseDetails
void x1_put_destination(struct x1_buffer *b, const char *destination_xml, size_t length, const struct x1_destination_status *s); // destinationResponseDetails
void x1_put_object(struct x1_buffer *b, const char *object_xml, size_t length); // genericObjectResponseDetails
void x1_put_ne_status(struct x1_buffer *b, uint32_t n_faults, const struct x1_fault *faults); // neStatusDetails
void x1_list_open(struct x1_buffer *b, const char *name);  // listOfTaskResponseDetails, ListOfXIDs ...
void x1_list_close(struct x1_buffer *b);
void x1_put_id(struct x1_buffer *b, const char *name, const struct id16 *id); // xId, dId

// The NE's requests: whole documents.
void x1_request_ping(struct x1_buffer *b, const struct x1_envelope *e);
// `code`: issueCode, which V1.8.1 does not have; 0: left out.
void x1_request_report_ne_issue(struct x1_buffer *b, const struct x1_envelope *e, const char *type, const char *description, int code);
void x1_request_begin(struct x1_buffer *b); // X1Request, for containers of the two below
void x1_request_end(struct x1_buffer *b);
// A code of 0 is left out: table 46 has none for what is reported.
void x1_put_report_task_issue(struct x1_buffer *b, const struct x1_envelope *e, const struct id16 *xid, const char *type, const struct x1_fault *fault);
void x1_put_report_destination_issue(struct x1_buffer *b, const struct x1_envelope *e, const struct id16 *did, const char *type, const struct x1_fault *fault);
