// Readers of a peer's octets, with every allocation of ours failing in turn: no crash, nothing lost
// (under AddressSanitizer), and an answer with the reason. Linked with --wrap for the C library's
// allocators.
#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/http/http1.h"
#include "control/http/http2.h"
#include "control/xml/x1_decode.h"
#include "shared/config.h"

static unsigned long left; // allocations until one fails; 0: none fails
static bool failed;

static bool fails(void)
{
	if (left == 0 || --left > 0)
		return false;
	failed = true;
	return true;
}

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
char *__real_strdup(const char *s);
char *__real_strndup(const char *s, size_t n);
int __real_vasprintf(char **out, const char *format, va_list arguments);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
char *__wrap_strdup(const char *s);
char *__wrap_strndup(const char *s, size_t n);
int __wrap_asprintf(char **out, const char *format, ...);

void *__wrap_malloc(size_t n)
{
	return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	return fails() ? NULL : __real_realloc(p, n);
}

char *__wrap_strdup(const char *s)
{
	return fails() ? NULL : __real_strdup(s);
}

char *__wrap_strndup(const char *s, size_t n)
{
	return fails() ? NULL : __real_strndup(s, n);
}

int __wrap_asprintf(char **out, const char *format, ...)
{
	if (fails())
		return -1;
	va_list arguments;
	va_start(arguments, format);
	int n = vasprintf(out, format, arguments);
	va_end(arguments);
	return n;
}

// Runs `once` with the first, second ... allocation failing, until it runs through without. `once`
// returns true if its work was done whole: with a failure it must not have been.
static void every_allocation(bool (*once)(void), unsigned long at_least)
{
	unsigned long n = 0;

	do {
		failed = false;
		left = ++n;
		bool done = once();
		left = 0;
		cr_assert_eq(done, !failed, "allocation %lu", n);
		cr_assert_lt(n, 10000);
	} while (failed);
	cr_assert_gt(n, at_least);
}

#define X1 "http://uri.etsi.org/03221/X1/2017/10"
#define ENVELOPE                                                             \
	"<admfIdentifier>admf-01</admfIdentifier><neIdentifier>poi-01"       \
	"</neIdentifier><messageTimestamp>2026-11-22T08:15:30.000100Z"       \
	"</messageTimestamp><version>v1.8.1</version><x1TransactionId>5f0d2" \
	"a10-7c1e-4b52-9a51-0c6f3d1f0001</x1TransactionId>"
#define UPF(x) "<UPFLIT3TargetIdentifier>" x "</UPFLIT3TargetIdentifier>"
static const char activate[] =
	"<X1Request xmlns=\"" X1 "\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">"
	"<x1RequestMessage xsi:type=\"ActivateTaskRequest\">" ENVELOPE
	"<taskDetails><xId>7a500001-0001-4001-8001-000000000001</xId><targetIdentifiers>"
	"<targetIdentifier><ipv4Address>192.0.2.10</ipv4Address></targetIdentifier>"
	"<targetIdentifier><tcpPortList><tcpPort>80</tcpPort><tcpPort>443</tcpPort></tcpPortList>"
	"</targetIdentifier><targetIdentifier><targetIdentifierExtension><Owner>3GPP</Owner>"
	"<UPFLIT3TargetIdentifierExtensions xmlns=\"urn:3GPP:ns:li:3GPPX1Extensions:r18:v6\">" UPF(
		"<FTEID><TEID>1</TEID><IPv4Address>198.51.100.20</IPv4Address></FTEID>")
		UPF("<Novelty/>") "</UPFLIT3TargetIdentifierExtensions>"
				  "</targetIdentifierExtension></targetIdentifier>"
				  "</targetIdentifiers><deliveryType>X2andX3</deliveryType>"
				  "<listOfDIDs><dId>1d000001-0001-4001-8001-0000000000d1</dId>"
				  "</listOfDIDs><taskDetailsExtensions><Owner>3GPP</Owner>"
				  "<X1Extensions xmlns=\"urn:3GPP:ns:li:3GPPX1Extensions:r18:v6\">"
				  "<HeaderReporting><PDHType><PDSR><PDSRTriggerType>"
				  "<TimerExpiry>30</TimerExpiry></PDSRTriggerType></PDSR>"
				  "</PDHType></HeaderReporting></X1Extensions>"
				  "</taskDetailsExtensions></taskDetails></x1RequestMessage>"
				  "</X1Request>";

static struct x1_decoder *decoder;

static bool decode(void)
{
	struct x1_container *c = x1_decode(decoder, activate, sizeof(activate) - 1);
	bool good = c != NULL && !c->top_level_error && c->n_messages == 1 &&
		    c->messages[0].schema_error == 0 && c->messages[0].task != NULL &&
		    c->messages[0].task->n_targets == 3 && c->messages[0].task->n_extensions == 1;

	x1_container_free(c);
	return good;
}

Test(memory, x1)
{
	decoder = x1_decoder_new(64, 100, true);
	cr_assert_not_null(decoder);
	every_allocation(decode, 2);
	x1_decoder_free(decoder);
}

static bool make_decoder(void)
{
	struct x1_decoder *d = x1_decoder_new(64, 100, true);
	bool good = d != NULL;

	x1_decoder_free(d);
	return good;
}

Test(memory, x1_decoder)
{
	every_allocation(make_decoder, 1);
}

static bool one_request(void)
{
	static const char text[] =
		"POST /X1/NE HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
	struct http1 *h = http1_new("/X1/NE", 1024, 100);
	bool good = h != NULL && http1_feed(h, text, sizeof(text) - 1) == HTTP1_REQUEST;

	if (h != NULL && !good)
		cr_assert_eq(http1_status(h), 503);
	http1_free(h);
	return good;
}

Test(memory, http1)
{
	every_allocation(one_request, 2);
}

static bool http2_session(void)
{
	static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0";
	static const struct config_limits limits = {.header_timeout = 10,
		.body_timeout = 30,
		.idle_timeout = 300,
		.streams = 10,
		.body = 1000};
	size_t bodies = 0, length;
	struct http2_settings s = {
		.path = "/X1/NE", .limits = &limits, .bodies = &bodies, .bodies_max = 1 << 20};
	struct http2 *h = http2_new(&s, 1000);
	bool good = h != NULL && http2_feed(h, preface, sizeof(preface) - 1, 1000) == 0 &&
		    http2_output(h, &length, 1000) != NULL && length > 0;

	http2_free(h);
	return good;
}

Test(memory, http2)
{
	every_allocation(http2_session, 2);
}

static bool configuration(void)
{
	static const char text[] = "network-elements: [{ ne-identifier: n, admf-identifier: a, "
				   "listen: \"192.0.2.1:1\",\n"
				   "  tls: { certificate: c, key: k, ca: a } }]\n"
				   "delivery: { nf-identifier: f, interception-point: p, tls: { "
				   "certificate: c, key: k, ca: a } }\n"
				   "dataplane: { eal: \"--no-pci\", main-cpu: 0, workers: [1], "
				   "ports: [{ device: d, mode: probe }] }\n"
				   "audit: { file: audit.jsonl }\n";
	char why[512];
	struct config *c = config_load_text("poi.yaml", text, sizeof(text) - 1, why, sizeof(why));
	bool good = c != NULL;

	if (!good)
		cr_assert_not_null(
			strstr(why, ": out of memory, free some and try again"), "%s", why);
	config_free(c);
	return good;
}

Test(memory, configuration)
{
	setenv("RUNTIME_DIRECTORY", "/run/poi", 1);
	every_allocation(configuration, 10);
}
