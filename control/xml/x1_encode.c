// Writes X1 messages and documents.
#include "control/xml/x1_encode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "shared/version.h"

#define NAMESPACES                                              \
	" xmlns:x1=\"http://uri.etsi.org/03221/X1/2017/10\""    \
	" xmlns:c=\"http://uri.etsi.org/03280/common/2017/07\"" \
	" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\""
#define MOVED_AT ((size_t)64 << 20)
#define DECLARATION "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"

// Targets lie in these buffers: none of their octets stay in freed memory.
static void drop(char *text, size_t length)
{
	if (text != NULL)
		explicit_bzero(text, length);
	free(text);
}

void x1_buffer_free(struct x1_buffer *b)
{
	if (b == NULL)
		return;
	drop(b->text, b->length);
	memset(b, 0, sizeof(*b));
}

// Moves what there is to memory of another size. False: there is none.
static bool resize(struct x1_buffer *b, size_t capacity)
{
	// Beyond malloc's greatest threshold it lies in pages of its own, which move without a
	// copy.
	bool moves = b->capacity >= MOVED_AT && capacity >= MOVED_AT;
	char *other = moves ? realloc(b->text, capacity) : malloc(capacity);

	if (other == NULL)
		return false;
	if (!moves && b->text != NULL) {
		memcpy(other, b->text, b->length);
		drop(b->text, b->length);
	}
	b->text = other;
	b->capacity = capacity;
	return true;
}

void x1_buffer_cut(struct x1_buffer *b, size_t length)
{
	if (length >= b->length)
		return;
	explicit_bzero(b->text + length, b->length - length);
	b->length = length;
	(void)resize(b, length + 1);
	b->text[length] = '\0';
}

void x1_append(struct x1_buffer *b, const char *text, size_t length)
{
	if (b->error != 0)
		return;
	if (b->capacity - b->length <= length) {
		size_t capacity = b->capacity == 0 ? 1024 : b->capacity * 2;
		while (capacity - b->length <= length)
			capacity *= 2;
		if (!resize(b, capacity)) {
			b->error = POI_ERR_NOMEM;
			return;
		}
	}
	memcpy(b->text + b->length, text, length);
	b->length += length;
	b->text[b->length] = '\0';
}

static void put(struct x1_buffer *b, const char *text)
{
	x1_append(b, text, strlen(text));
}

// Octets of the UTF-8 character at `p` that XML may hold, 0 when it is none.
static size_t character_length(const unsigned char *p, size_t left)
{
	if (p[0] < 0x80)
		return p[0] >= 0x20 || p[0] == '\t' || p[0] == '\n' || p[0] == '\r';
	size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (p[0] < 0xc2 || p[0] > 0xf4 || n > left)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	}
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
		(p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	if (p[0] == 0xef && p[1] == 0xbf && p[2] >= 0xbe)
		return 0;
	return n;
}

void x1_append_escaped(struct x1_buffer *b, const char *text, size_t length)
{
	const unsigned char *p = (const unsigned char *)text;

	for (size_t i = 0; i < length;) {
		size_t run = i;
		const char *instead = NULL;
		while (run < length && instead == NULL) {
			size_t n = character_length(p + run, length - run);
			if (n == 0)
				instead = "\xef\xbf\xbd";
			else if (p[run] == '&')
				instead = "&amp;";
			else if (p[run] == '<')
				instead = "&lt;";
			else if (p[run] == '>')
				instead = "&gt;";
			else if (p[run] == '"')
				instead = "&quot;";
			else if (p[run] == '\r')
				instead = "&#13;";
			else
				run += n;
		}
		x1_append(b, text + i, run - i);
		if (instead != NULL)
			put(b, instead);
		i = run + (instead != NULL ? 1 : 0);
	}
}

static void open_tag(struct x1_buffer *b, const char *name)
{
	put(b, "<x1:");
	put(b, name);
	put(b, ">");
}

static void close_tag(struct x1_buffer *b, const char *name)
{
	put(b, "</x1:");
	put(b, name);
	put(b, ">");
}

static void element(struct x1_buffer *b, const char *name, const char *value)
{
	open_tag(b, name);
	x1_append_escaped(b, value, strlen(value));
	close_tag(b, name);
}

static void element_number(struct x1_buffer *b, const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	element(b, name, text);
}

static void element_time(struct x1_buffer *b, const char *name, uint64_t ns)
{
	time_t seconds = (time_t)(ns / 1000000000u);
	struct tm tm;
	char text[40];

	gmtime_r(&seconds, &tm);
	size_t n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + n, sizeof(text) - n, ".%06uZ", (unsigned)(ns % 1000000000u / 1000));
	element(b, name, text);
}

static void sender(struct x1_buffer *b, const struct x1_envelope *e)
{
	element(b, "admfIdentifier", e->admf_identifier != NULL ? e->admf_identifier : "");
	element(b, "neIdentifier", e->ne_identifier);
	element_time(b, "messageTimestamp", e->time_ns);
	element(b, "version", e->version != NULL ? e->version : POI_X1_VERSION);
}

static void message_begin(struct x1_buffer *b, const char *element_name, const char *type,
	const char *suffix, const struct x1_envelope *e)
{
	put(b, "<x1:");
	put(b, element_name);
	put(b, " xsi:type=\"x1:");
	put(b, type);
	put(b, suffix);
	put(b, "\">");
	sender(b, e);
	x1_put_id(b, "x1TransactionId", &e->transaction);
}

void x1_response_begin(struct x1_buffer *b)
{
	put(b, DECLARATION "<x1:X1Response" NAMESPACES ">");
}

void x1_response_end(struct x1_buffer *b)
{
	put(b, "</x1:X1Response>\n");
}

void x1_request_begin(struct x1_buffer *b)
{
	put(b, DECLARATION "<x1:X1Request" NAMESPACES ">");
}

void x1_request_end(struct x1_buffer *b)
{
	put(b, "</x1:X1Request>\n");
}

void x1_top_level_error(struct x1_buffer *b, const struct x1_envelope *e)
{
	put(b, DECLARATION "<x1:X1TopLevelErrorResponse" NAMESPACES ">");
	sender(b, e);
	put(b, "</x1:X1TopLevelErrorResponse>\n");
}

void x1_message_open(struct x1_buffer *b, const struct x1_envelope *e, enum x1_request_type t)
{
	message_begin(b, "x1ResponseMessage", x1_request_name(t), "Response", e);
}

void x1_message_close(struct x1_buffer *b)
{
	put(b, "</x1:x1ResponseMessage>");
}

void x1_response_ok(
	struct x1_buffer *b, const struct x1_envelope *e, enum x1_request_type t, bool completed)
{
	x1_message_open(b, e, t);
	element(b, "oK", completed ? "AcknowledgedAndCompleted" : "Acknowledged");
	x1_message_close(b);
}

static void error_information(struct x1_buffer *b, const char *name, int code, const char *text)
{
	char number[16];

	open_tag(b, name);
	snprintf(number, sizeof(number), "%d", code);
	element(b, "errorCode", number);
	element(b, "errorDescription", text != NULL ? text : "");
	close_tag(b, name);
}

void x1_response_error(struct x1_buffer *b, const struct x1_envelope *e, enum x1_request_type t,
	int code, const char *description)
{
	message_begin(b, "x1ResponseMessage", "Error", "Response", e);
	element(b, "requestMessageType", x1_request_name(t));
	error_information(b, "errorInformation", code, description);
	x1_message_close(b);
}

static void list_of_faults(struct x1_buffer *b, uint32_t n, const struct x1_fault *faults)
{
	open_tag(b, "listOfFaults");
	for (uint32_t i = 0; i < n; i++)
		error_information(b, "unresolvedFault", faults[i].code, faults[i].description);
	close_tag(b, "listOfFaults");
}

void x1_put_task(
	struct x1_buffer *b, const char *task_xml, size_t length, const struct x1_task_status *s)
{
	open_tag(b, "taskResponseDetails");
	x1_append(b, task_xml, length);
	open_tag(b, "taskStatus");
	element(b, "provisioningStatus", s->provisioning);
	list_of_faults(b, s->n_faults, s->faults);
	if (s->last_intercept_ns != 0)
		element_time(b, "timeOfLastIntercept", s->last_intercept_ns);
	if (s->has_amounts) {
		element_number(b, "amountOfX2Data", s->x2_octets);
		element_number(b, "amountOfX3Data", s->x3_octets);
	}
	if (s->last_modification_ns != 0)
		element_time(b, "timeOfLastModification", s->last_modification_ns);
	element_number(b, "numberOfModifications", s->modifications);
	if (s->has_sessions) { // the Owner of an Extension needs no schema of another party
		char text[48];
		snprintf(text, sizeof(text), "poi: bound to %u sessions", s->sessions);
		open_tag(b, "taskStatusExtensions");
		element(b, "Owner", text);
		close_tag(b, "taskStatusExtensions");
	}
	close_tag(b, "taskStatus");
	close_tag(b, "taskResponseDetails");
}

void x1_put_destination(struct x1_buffer *b, const char *destination_xml, size_t length,
	const struct x1_destination_status *s)
{
	open_tag(b, "destinationResponseDetails");
	x1_append(b, destination_xml, length);
	open_tag(b, "destinationStatus");
	element(b, "destinationDeliveryStatus", s->fault ? "deliveryFault" : "activeAndWorking");
	list_of_faults(b, s->n_faults, s->faults);
	close_tag(b, "destinationStatus");
	close_tag(b, "destinationResponseDetails");
}

void x1_put_object(struct x1_buffer *b, const char *object_xml, size_t length)
{
	open_tag(b, "genericObjectResponseDetails");
	x1_append(b, object_xml, length);
	close_tag(b, "genericObjectResponseDetails");
}

void x1_put_ne_status(struct x1_buffer *b, uint32_t n_faults, const struct x1_fault *faults)
{
	open_tag(b, "neStatusDetails");
	element(b, "neStatus", n_faults != 0 ? "Faults" : "OK");
	list_of_faults(b, n_faults, faults);
	close_tag(b, "neStatusDetails");
}

void x1_list_open(struct x1_buffer *b, const char *name)
{
	open_tag(b, name);
	snprintf(b->list, sizeof(b->list), "%s", name);
}

void x1_list_close(struct x1_buffer *b)
{
	close_tag(b, b->list);
}

void x1_put_id(struct x1_buffer *b, const char *name, const struct id16 *id)
{
	char text[ID_TEXT_SIZE];

	id_format(id, text);
	element(b, name, text);
}

static void request_open(struct x1_buffer *b, const char *type, const struct x1_envelope *e)
{
	message_begin(b, "x1RequestMessage", type, "Request", e);
}

static void request_close(struct x1_buffer *b)
{
	put(b, "</x1:x1RequestMessage>");
}

void x1_request_ping(struct x1_buffer *b, const struct x1_envelope *e)
{
	x1_request_begin(b);
	request_open(b, "Ping", e);
	request_close(b);
	x1_request_end(b);
}

void x1_request_report_ne_issue(struct x1_buffer *b, const struct x1_envelope *e, const char *type,
	const char *description, int code)
{
	char number[16];

	x1_request_begin(b);
	request_open(b, "ReportNEIssue", e);
	element(b, "typeOfNeIssueMessage", type);
	element(b, "description", description);
	snprintf(number, sizeof(number), "%d", code);
	if (code)
		element(b, "issueCode", number);
	request_close(b);
	x1_request_end(b);
}

static void issue(
	struct x1_buffer *b, const char *code, const char *details, const struct x1_fault *fault)
{
	char number[16];

	if (fault == NULL)
		return;
	snprintf(number, sizeof(number), "%d", fault->code);
	if (fault->code)
		element(b, code, number);
	element(b, details, fault->description != NULL ? fault->description : "");
}

void x1_put_report_task_issue(struct x1_buffer *b, const struct x1_envelope *e,
	const struct id16 *xid, const char *type, const struct x1_fault *fault)
{
	request_open(b, "ReportTaskIssue", e);
	x1_put_id(b, "xId", xid);
	element(b, "taskReportType", type);
	issue(b, "taskIssueErrorCode", "taskIssueDetails", fault);
	request_close(b);
}

void x1_put_report_destination_issue(struct x1_buffer *b, const struct x1_envelope *e,
	const struct id16 *did, const char *type, const struct x1_fault *fault)
{
	request_open(b, "ReportDestinationIssue", e);
	x1_put_id(b, "dId", did);
	element(b, "destinationReportType", type);
	issue(b, "destinationIssueErrorCode", "destinationIssueDetails", fault);
	request_close(b);
}
