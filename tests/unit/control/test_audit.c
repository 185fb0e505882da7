#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/audit.h"
#include "control/json.h"
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
	struct audit *a = audit_open(file);
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
	cr_assert_not_null(strstr(text, "\"code\":2010}\n{"));
	cr_assert_eq(audit_records(a), 2);
	audit_close(a);
}

Test(audit, appends_and_mends_a_torn_line)
{
	char text[2048];

	audit_close(audit_open(file));
	FILE *f = fopen(file, "a");
	fputs("{\"torn", f);
	fclose(f);
	struct audit *a = audit_open(file);
	cr_assert_eq(audit_write(a, &(struct audit_record){.act = "start"}), 0);
	audit_close(a);
	read_all(text, sizeof(text));
	cr_assert_eq(strncmp(text, "{\"torn\n{", 8), 0);
}

Test(audit, full_disk_is_said_and_got_over)
{
	struct audit *a = audit_open(file);
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
	audit_close(audit_open(file));
	cr_assert_eq(chmod(file, 0644), 0);
	struct audit *a = audit_open(file);
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
