#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/audit/audit.h"
#include "control/audit/audit_chain.h"
#include "control/audit/audit_limit.h"
#include "control/audit/json.h"
#include "shared/error.h"

static char folder[64], file[128];

static void setup(void)
{
	strcpy(folder, "/tmp/test_audit.XXXXXX");
	cr_assert_not_null(mkdtemp(folder));
	snprintf(file, sizeof(file), "%s/log/audit.jsonl", folder);
}

static void teardown(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -r %s", folder);
	cr_assert_eq(system(command), 0);
}

static size_t read_all(char *out, size_t capacity)
{
	FILE *f = fopen(file, "r");

	cr_assert_not_null(f);
	size_t n = fread(out, 1, capacity - 1, f);
	out[n] = 0;
	fclose(f);
	return n;
}

TestSuite(audit, .init = setup, .fini = teardown);

Test(audit, one_line_each)
{
	struct audit *a = audit_open(file, NULL);
	struct id16 id = {{0x7a}};
	struct audit_record r = {.act = "answered",
		.ne = "ne\"1",
		.peer_uid = "a\nb\xff",
		.peer_address = "192.0.2.1",
		.request = "Ping",
		.id = &id,
		.transaction = &id,
		.code = 2010};
	char text[2048];
	struct stat s;

	cr_assert_eq(audit_write(a, &r), 0);
	cr_assert_eq(audit_write(a, &(struct audit_record){.act = "stop"}), 0);
	cr_assert_eq(audit_sync(a), 0);
	cr_assert_eq(stat(file, &s), 0);
	cr_assert_eq(s.st_mode & 0777, 0600);
	read_all(text, sizeof(text));
	cr_assert_not_null(strstr(text, "\"ne\":\"ne\\\"1\""));
	cr_assert_not_null(strstr(text, "\"peer-uid\":\"a\\u000ab\\ufffd\""));
	cr_assert_not_null(strstr(text, "\"id\":\"7a000000-0000-0000-0000-000000000000\""));
	cr_assert_not_null(strstr(text, "\"code\":2010,\"mac\":\""));
	cr_assert_eq(audit_records(a), 2);
	audit_close(a);
}

Test(audit, appends_and_mends_a_torn_line)
{
	char text[2048];

	audit_close(audit_open(file, NULL));
	FILE *f = fopen(file, "a");
	fputs("{\"torn", f);
	fclose(f);
	struct audit *a = audit_open(file, NULL);
	cr_assert_eq(audit_write(a, &(struct audit_record){.act = "start"}), 0);
	audit_close(a);
	read_all(text, sizeof(text));
	cr_assert_eq(strncmp(text, "{\"torn\n{", 8), 0);
}

Test(audit, full_disk_is_said_and_got_over)
{
	struct audit *a = audit_open(file, NULL);
	struct rlimit limit = {150, RLIM_INFINITY};
	char text[2048];

	signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(audit_write(a, &(struct audit_record){.act = "one"}), 0);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	int rc = 0;
	for (unsigned i = 0; i < 5 && !rc; i++)
		rc = audit_write(a, &(struct audit_record){.act = "two"});
	cr_assert_eq(rc, POI_ERR_IO);
	cr_assert(audit_failed(a));
	cr_assert_gt(audit_lost(a), 0);
	limit.rlim_cur = RLIM_INFINITY;
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	cr_assert_eq(audit_write(a, &(struct audit_record){.act = "three"}), 0);
	cr_assert_eq(audit_sync(a), 0);
	cr_assert(!audit_failed(a));
	read_all(text, sizeof(text));
	const char *three = strstr(text, "\"three\"");
	cr_assert_not_null(three);
	while (*three != '{')
		three--;
	cr_assert_eq(three[-1], '\n', "a line of its own");
	audit_close(a);
}

Test(audit, readable_by_others_is_refused)
{
	audit_close(audit_open(file, NULL));
	cr_assert_eq(chmod(file, 0644), 0);
	struct audit *a = audit_open(file, NULL);
	cr_assert_eq(audit_write(a, &(struct audit_record){.act = "start"}), POI_ERR_IO);
	cr_assert_neq(audit_sync(a), 0);
	audit_close(a);
}

Test(audit, json_shapes)
{
	struct json j = {0};

	json_object(&j, NULL);
	json_array(&j, "a");
	json_u64(&j, NULL, UINT64_MAX);
	json_i64(&j, NULL, -1);
	json_object(&j, NULL);
	json_end_object(&j);
	json_end_array(&j);
	json_bool(&j, "b", true);
	json_null(&j, "c");
	json_string(&j, "d", "\xc3\xa9\xed\xa0\x80\x7f");
	json_end_object(&j);
	cr_assert_str_eq(j.text, "{\"a\":[18446744073709551615,-1,{}],\"b\":true,\"c\":null,"
				 "\"d\":\"\xc3\xa9\\ufffd\\ufffd\\ufffd\\u007f\"}");
	json_free(&j);
}

// The chain, as the log writes it.

static const uint8_t root[AUDIT_MAC_SIZE] = "a root key of thirty-two octets";

static struct audit_verdict verify(const char *log, const char *head)
{
	struct audit_verdict v;
	FILE *f = fopen(log, "r");

	cr_assert_not_null(f);
	cr_assert_eq(audit_chain_verify(f, root, head, &v, stdout), 0);
	fclose(f);
	return v;
}

static void write_lines(struct audit *a, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		cr_assert_eq(audit_write(a, &(struct audit_record){.act = "test", .note = "x"}), 0);
	cr_assert_eq(audit_sync(a), 0);
}

Test(audit, lines_form_a_chain_over_starts)
{
	for (unsigned i = 0; i < 3; i++) {
		struct audit *a = audit_open(file, root);
		write_lines(a, 4);
		audit_close(a);
	}
	struct audit_verdict v = verify(file, NULL);
	cr_assert_eq(v.lines, 12);
	cr_assert_eq(v.bad + v.torn, 0);
}

Test(audit, a_failed_write_does_not_break_the_chain)
{
	struct audit *a = audit_open(file, root);
	struct rlimit limit = {0, RLIM_INFINITY};
	struct stat s;

	signal(SIGXFSZ, SIG_IGN);
	write_lines(a, 2);
	cr_assert_eq(stat(file, &s), 0);
	limit.rlim_cur = (rlim_t)s.st_size + 40; // a torn line
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	cr_assert_eq(audit_write(a, &(struct audit_record){.act = "no"}), POI_ERR_IO);
	cr_assert_eq(audit_write(a, &(struct audit_record){.act = "no"}), POI_ERR_IO);
	limit.rlim_cur = RLIM_INFINITY;
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	write_lines(a, 2);
	audit_close(a);
	struct audit_verdict v = verify(file, NULL);
	cr_assert_eq(v.lines, 5);
	cr_assert_eq(v.bad, 0);
	cr_assert_eq(v.torn, 1);
}

Test(audit, a_rotated_file_goes_on)
{
	struct audit *a = audit_open(file, root);
	char old[160];

	snprintf(old, sizeof(old), "%s.1", file);
	write_lines(a, 5);
	cr_assert_eq(rename(file, old), 0);
	audit_reopen(a);
	write_lines(a, 3);
	audit_reopen(a); // nothing was moved: nothing begins
	write_lines(a, 1);
	audit_close(a);
	struct audit_verdict first = verify(old, NULL), second = verify(file, NULL);
	cr_assert_eq(first.bad + second.bad, 0);
	cr_assert_eq(second.lines, 4);
	cr_assert_str_eq(second.previous, first.head, "the files join");
	// A record missing at the front of the second file.
	char text[8192];
	read_all(text, sizeof(text));
	FILE *f = fopen(file, "w");
	fputs(strchr(text, '\n') + 1, f);
	fclose(f);
	cr_assert_geq(verify(file, NULL).bad, 1);
}

Test(audit, a_long_note_leaves_a_whole_line)
{
	struct audit *a = audit_open(file, root);
	static char note[AUDIT_LINE_MAX + 1];

	memset(note, 'x', sizeof(note) - 1);
	cr_assert_eq(audit_write(a, &(struct audit_record){.act = "long", .note = note}), 0);
	audit_close(a);
	struct audit_verdict v = verify(file, NULL);
	cr_assert_eq(v.lines, 1);
	cr_assert_eq(v.bad, 0);
}

static unsigned lines_with(const char *what)
{
	static char text[65536];
	unsigned n = 0;

	read_all(text, sizeof(text));
	for (const char *at = text; (at = strstr(at, what)) != NULL; at++)
		n++;
	return n;
}

Test(audit, a_peer_that_is_not_responsible_is_limited_and_counted)
{
	struct audit *a = audit_open(file, NULL);
	struct audit_record stranger = {.act = "answered", .peer_uid = "x", .limited = true};
	struct audit_record admf = {.act = "answered", .peer_uid = "admf", .code = 0};

	for (unsigned i = 0; i < 10000; i++) {
		cr_assert_eq(audit_write(a, &stranger), 0);
		if (i % 100 == 0)
			cr_assert_eq(audit_write(a, &admf), 0);
	}
	unsigned written = lines_with("\"peer-uid\":\"x\"");
	cr_assert_geq(written, AUDIT_LIMIT_BURST);
	cr_assert_leq(written, AUDIT_LIMIT_BURST + 2);
	cr_assert_eq(lines_with("\"peer-uid\":\"admf\""), 100, "the ADMF has all of its lines");
	cr_assert_eq(audit_left_out(a), 10000 - written);
	char note[64];
	snprintf(note, sizeof(note), "\"note\":\"%u lines of a peer", 10000 - written);
	audit_record_left_out(a);
	cr_assert_eq(lines_with(note), 1);
	audit_record_left_out(a);
	cr_assert_eq(lines_with("left-out"), 1, "once");
	audit_close(a);
}

Test(audit, many_peers_share_what_is_left)
{
	struct audit *a = audit_open(file, NULL);
	char uid[32];
	struct audit_record r = {.act = "answered", .peer_uid = uid, .limited = true};

	for (unsigned i = 0; i < 20 * AUDIT_LIMIT_PEERS; i++) {
		snprintf(uid, sizeof(uid), "peer-%u", i);
		cr_assert_eq(audit_write(a, &r), 0);
	}
	unsigned written = lines_with("\"answered\"");
	cr_assert_geq(written, AUDIT_LIMIT_PEERS + AUDIT_LIMIT_BURST);
	cr_assert_leq(written, AUDIT_LIMIT_PEERS + AUDIT_LIMIT_BURST + 2);
	cr_assert_eq(audit_left_out(a), 20 * AUDIT_LIMIT_PEERS - written);
	audit_close(a);
	cr_assert_eq(lines_with("lines of more peers"), 1, "the end records it too");
}

Test(audit, what_is_left_out_waits_for_a_disk)
{
	struct audit *a = audit_open(file, NULL);
	struct audit_record r = {.act = "answered", .peer_uid = "x", .limited = true};
	char command[640];

	for (unsigned i = 0; i < 100; i++)
		cr_assert_eq(audit_write(a, &r), 0);
	snprintf(command, sizeof(command), "mv %s %s.away && mkdir %s", file, file, file);
	cr_assert_eq(system(command), 0);
	audit_reopen(a);
	audit_record_left_out(a);
	snprintf(command, sizeof(command), "rmdir %s && mv %s.away %s", file, file, file);
	cr_assert_eq(system(command), 0);
	audit_reopen(a);
	audit_close(a);
	cr_assert_eq(lines_with("left-out"), 1);
}

Test(audit, claimed_identifiers_are_cut)
{
	struct audit *a = audit_open(file, NULL);
	char claim[2000];
	struct audit_record r = {.act = "answered", .claims_admf = claim, .claims_ne = "ne-2"};

	memset(claim, '\t', sizeof(claim) - 1);
	claim[sizeof(claim) - 1] = '\0';
	cr_assert_eq(audit_write(a, &r), 0);
	audit_close(a);
	cr_assert_eq(lines_with("\\u0009"), AUDIT_CLAIM_MAX);
	cr_assert_eq(lines_with("\"claims-ne\":\"ne-2\""), 1);
}
