#include "control/observe/metrics_text.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "control/observe/certificate.h"

static struct control_counters x1;
static struct listener_counters http;
static struct metrics_picture p;

static char *text_of(void)
{
	size_t length = 0;
	char *text = metrics_text(&p, &length);

	cr_assert_not_null(text);
	cr_assert_eq(length, strlen(text));
	cr_assert(length > 6 && !strcmp(text + length - 6, "# EOF\n"));
	return text;
}

static void setup(void)
{
	memset(&p, 0, sizeof(p));
	memset(&x1, 0, sizeof(x1));
	p.x1 = &x1;
	p.http = &http;
	p.seen.reached = true;
	p.seen.workers.workers = 2;
	p.seen.status.ports = 1;
}

static bool has(const char *line)
{
	char *text = text_of(), whole[256];

	snprintf(whole, sizeof(whole), "\n%s\n", line);
	bool found = strstr(text, whole) != NULL;
	free(text);
	return found;
}

TestSuite(metrics, .init = setup);

Test(metrics, latency_falls_into_its_bucket)
{
	latency_note(&x1.changes, 0 * 1000ull);
	latency_note(&x1.changes, 1000 * 1000ull);
	latency_note(&x1.changes, 1001 * 1000ull);
	latency_note(&x1.changes, 5000000 * 1000ull);
	latency_note(&x1.changes, 5000001 * 1000ull);
	cr_expect(has("poi_x1_exchange_seconds_bucket{changes=\"yes\",le=\"0.001\"} 2"));
	cr_expect(has("poi_x1_exchange_seconds_bucket{changes=\"yes\",le=\"0.0025\"} 3"));
	cr_expect(has("poi_x1_exchange_seconds_bucket{changes=\"yes\",le=\"5.0\"} 4"));
	cr_expect(has("poi_x1_exchange_seconds_bucket{changes=\"yes\",le=\"+Inf\"} 5"));
	cr_expect(has("poi_x1_exchange_seconds_count{changes=\"yes\"} 5"));
	cr_expect(has("poi_x1_exchange_seconds_sum{changes=\"yes\"} 10.002002"));
	cr_expect(has("poi_x1_exchange_seconds_count{changes=\"no\"} 0"));
}

Test(metrics, delivery_latency_is_cumulative)
{
	p.seen.status.times[1].within[0] = 3;
	p.seen.status.times[1].within[2] = 4;
	p.seen.status.times[1].within[DELIVERY_BOUNDS] = 5;
	p.seen.status.times[1].sum_ns = 1500000000;
	p.seen.status.times[0].within[DELIVERY_BOUNDS - 1] = 1;
	cr_expect(has("poi_delivery_latency_seconds_bucket{kind=\"x3\",le=\"0.0001\"} 3"));
	cr_expect(has("poi_delivery_latency_seconds_bucket{kind=\"x3\",le=\"0.00025\"} 3"));
	cr_expect(has("poi_delivery_latency_seconds_bucket{kind=\"x3\",le=\"0.0005\"} 7"));
	cr_expect(has("poi_delivery_latency_seconds_bucket{kind=\"x3\",le=\"600\"} 7"));
	cr_expect(has("poi_delivery_latency_seconds_bucket{kind=\"x3\",le=\"+Inf\"} 12"));
	cr_expect(has("poi_delivery_latency_seconds_count{kind=\"x3\"} 12"));
	cr_expect(has("poi_delivery_latency_seconds_sum{kind=\"x3\"} 1.500000"));
	cr_expect(has("poi_delivery_latency_seconds_bucket{kind=\"x2\",le=\"60\"} 0"));
	cr_expect(has("poi_delivery_latency_seconds_bucket{kind=\"x2\",le=\"600\"} 1"));
}

Test(metrics, names_from_outside_are_escaped)
{
	strcpy(p.seen.status.port[0].name, "a\"b\\c\nd");
	p.n_certificates = 1;
	p.certificate[0] =
		(struct metrics_certificate){.use = "x1", .element = "\"", .not_after = 7};
	cr_expect(has("poi_port_link_up{port=\"a\\\"b\\\\c\\nd\"} 0"));
	cr_expect(has("poi_certificate_not_after_timestamp_seconds{use=\"x1\",element=\"\\\"\"} "
		      "7"));
}

Test(metrics, values_are_each_their_own)
{
	p.seen.workers.worker[1].hits = 11;
	p.seen.workers.worker[1].cpu = 5;
	p.seen.workers.worker[1].busy_ns = 1500000000;
	p.seen.status.port[0].nombuf = 12;
	p.seen.status.port[0].ierrors = 16;
	p.seen.destination[DESTINATION_DOWN].n = 13;
	p.seen.destination[DESTINATION_DOWN].queued_octets = 14;
	p.seen.connections = 20;
	p.seen.ends[DESTINATION_DOWN] = 21;
	p.seen.connected = 17;
	http.wrong_path = 15;
	p.seen.status.clock_known = 1;
	p.seen.status.clock_offset_ns = -250000000;
	cr_expect(has("poi_worker_matches_total{worker=\"1\",cpu=\"5\"} 11"));
	cr_expect(has("poi_worker_busy_seconds_total{worker=\"1\",cpu=\"5\"} 1.500000"));
	cr_expect(has("poi_port_no_buffer_packets_total{port=\"\"} 12"));
	cr_expect(has("poi_port_receive_errors_total{port=\"\"} 16"));
	cr_expect(has("poi_destinations{state=\"down\"} 13"));
	cr_expect(has("poi_destinations_queued_bytes{state=\"down\"} 14"));
	cr_expect(has("poi_destinations_connections{up=\"yes\"} 17"));
	cr_expect(has("poi_destinations_connections{up=\"no\"} 3"));
	cr_expect(has("poi_destinations_ends{state=\"down\"} 21"));
	cr_expect(has("poi_http_refused_total{reason=\"wrong_path\"} 15"));
	cr_expect(has("poi_clock_offset_seconds -0.25"));
}

Test(metrics, a_clock_that_nobody_may_ask_is_not_called_wrong)
{
	char *text = text_of();

	cr_expect_null(strstr(text, "poi_clock"));
	free(text);
	p.seen.status.clock_known = 1;
	cr_expect(has("poi_clock_synchronised 0"));
	p.seen.status.clock_synchronised = 1;
	cr_expect(has("poi_clock_synchronised 1"));
}

Test(metrics, signalling_is_shown_without_its_tasks)
{
	struct channel_signalling *s = &p.seen.signalling;

	cr_expect(has("poi_signalling_followed 0"));
	*s = (struct channel_signalling){.followed = 1,
		.sessions = 7,
		.lost = 8,
		.tasks = 9123,
		.waiting = 9123,
		.rules = 9123,
		.n = 3};
	strcpy(s->counter[0].name, "established");
	s->counter[0].value = 11;
	strcpy(s->counter[1].name, "pfcp.ie_length");
	s->counter[1].value = 12;
	strcpy(s->counter[2].name, "binds");
	s->counter[2].value = 9123;
	cr_expect(has("poi_signalling_sessions 7"));
	cr_expect(has("poi_signalling_lost_total 8"));
	cr_expect(has("poi_signalling_events_total{event=\"established\"} 11"));
	cr_expect(has("poi_signalling_messages_total{protocol=\"pfcp\",result=\"ie_length\"} 12"));
	char *text = text_of();
	cr_expect_null(strstr(text, "9123"));
	free(text);
}

// A record of a start of interception is made for a task alone.
Test(metrics, functions_are_shown_without_tasks)
{
	struct channel_functions *n = &p.seen.functions;

	*n = (struct channel_functions){
		.connected = 1, .sessions = 7, .records = 9123, .n = 1, .n_reasons = 2};
	strcpy(n->function[0].name, "smf-1");
	n->function[0].taken = 8;
	strcpy(n->reason[0].name, "missing");
	n->reason[0].value = 11;
	strcpy(n->reason[1].name, "start_missing");
	n->reason[1].value = 9123;
	cr_expect(has("poi_events_sessions 7"));
	cr_expect(has("poi_events_taken_total{function=\"smf-1\"} 8"));
	cr_expect(has("poi_events_refusals_total{reason=\"missing\"} 11"));
	char *text = text_of();
	cr_expect_null(strstr(text, "9123"));
	cr_expect_null(strstr(text, "start_"));
	free(text);
}

Test(metrics, without_the_dataplane_its_series_are_missing)
{
	p.seen.reached = false;
	char *text = text_of();

	cr_expect_not_null(strstr(text, "\npoi_dataplane_up 0\n"));
	cr_expect_not_null(strstr(text, "\npoi_dataplane_observed 0\n"));
	cr_expect_null(strstr(text, "poi_packets"));
	free(text);
}

// Packets are captured all the same.
Test(metrics, a_slow_dataplane_is_not_away)
{
	p.seen.reached = false;
	p.connected = true;
	p.unanswered_ms = 2500;
	char *text = text_of();

	cr_expect_not_null(strstr(text, "\npoi_dataplane_up 1\n"));
	cr_expect_not_null(strstr(text, "\npoi_dataplane_observed 0\n"));
	cr_expect_not_null(strstr(text, "\npoi_dataplane_unanswered_seconds 2.5\n"));
	free(text);
}

Test(metrics, late_admfs_are_counted)
{
	cr_expect(has("poi_x1_admfs_late 0"));
	p.late_admfs = 2;
	cr_expect(has("poi_x1_admfs_late 2"));
}

Test(metrics, faults_are_counted_by_kind)
{
	struct fault *list = NULL;

	cr_assert_eq(fault_raise(&list, FAULT_AUDIT, 9020, "a"), 1);
	cr_assert_eq(fault_raise(&list, FAULT_LINK + 3, 9020, "b"), 1);
	cr_assert_eq(fault_raise(&list, FAULT_LINK + 4, 9020, "b"), 1);
	cr_assert_eq(fault_raise(&list, FAULT_PORT_LOSS, 9020, "c"), 1);
	cr_assert_eq(fault_raise(&list, FAULT_PORT_DEAF + 2, 9020, "c"), 1);
	cr_assert_eq(fault_raise(&list, FAULT_SPOOL, 9020, "d"), 1);
	cr_assert_eq(fault_raise(&list, FAULT_DELIVERY, 9020, "e"), 1);
	fault_count_kinds(list, p.faults);
	cr_expect(has("poi_faults{kind=\"audit\"} 1"));
	cr_expect(has("poi_faults{kind=\"link\"} 2"));
	cr_expect(has("poi_faults{kind=\"port_loss\"} 1"));
	cr_expect(has("poi_faults{kind=\"port_deaf\"} 1"));
	cr_expect(has("poi_faults{kind=\"store\"} 0"));
	cr_expect(has("poi_faults{kind=\"spool\"} 1"));
	fault_free_all(&list);
}

Test(certificate, its_end_is_read)
{
	char file[] = "/tmp/test_certificate.XXXXXX";
	int64_t end = 0, asked = time(NULL) + 864000;
	int fd = mkstemp(file);
	FILE *out = fdopen(fd, "w");
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();

	X509_set_pubkey(x, key);
	ASN1_TIME_set(X509_getm_notBefore(x), asked - 1000);
	ASN1_TIME_set(X509_getm_notAfter(x), asked);
	cr_assert_gt(X509_sign(x, key, EVP_sha256()), 0);
	cr_assert_eq(PEM_write_X509(out, x), 1);
	fclose(out);
	cr_assert_eq(certificate_not_after(file, &end), POI_OK);
	cr_assert_eq(end, asked);
	cr_assert_eq(truncate(file, 30), 0);
	cr_assert_eq(certificate_not_after(file, &end), POI_ERR_IO);
	cr_assert_eq(unlink(file), 0);
	cr_assert_eq(certificate_not_after(file, &end), POI_ERR_IO);
	X509_free(x);
	EVP_PKEY_free(key);
}
