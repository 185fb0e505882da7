#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/audit/audit_chain.h"
#include "control/audit/credentials.h"

static const uint8_t root[AUDIT_MAC_SIZE] = "a root key of thirty-two octets";

// Appends `count` records as the audit log does; returns the last MAC in `head`.
static void append(const char *file, unsigned count, char head[AUDIT_MAC_TEXT])
{
	struct audit_chain c;
	FILE *f;

	cr_assert_eq(audit_chain_resume(&c, file, root), 0);
	f = fopen(file, "a");
	cr_assert_not_null(f);
	for (unsigned i = 0; i < count; i++) {
		char line[256];
		snprintf(line, sizeof(line), "{\"epoch\":%lu,\"n\":%lu,\"act\":\"test %u\"",
			c.epoch, c.n + 1, i);
		audit_chain_seal(&c, line, strlen(line), head);
		fprintf(f, "%s,\"mac\":\"%s\"}\n", line, head);
	}
	fclose(f);
}

static char *make_log(unsigned epochs, unsigned lines, char head[AUDIT_MAC_TEXT])
{
	static char name[] = "/tmp/poi-audit-XXXXXX";

	strcpy(name + strlen(name) - 6, "XXXXXX");
	close(mkstemp(name));
	for (unsigned i = 0; i < epochs; i++)
		append(name, lines, head);
	return name;
}

static struct audit_verdict verify(const char *file, const uint8_t *key, const char *head)
{
	struct audit_verdict v;
	FILE *f = fopen(file, "r");

	cr_assert_not_null(f);
	cr_assert_eq(audit_chain_verify(f, key, head, &v, NULL), 0);
	fclose(f);
	return v;
}

// Rewrites the file without line `skip`, or with one octet of line `change` altered (1-based, 0
// none).
static void tamper(const char *file, unsigned skip, unsigned change, unsigned keep)
{
	char text[65536], *at = text;
	FILE *f = fopen(file, "r");
	size_t n = fread(text, 1, sizeof(text) - 1, f);

	fclose(f);
	text[n] = '\0';
	f = fopen(file, "w");
	for (unsigned line = 1; *at && (!keep || line <= keep); line++) {
		char *end = strchr(at, '\n');
		if (line == change)
			memcpy(strstr(at, "test"), "TEST", 4);
		if (line != skip)
			fwrite(at, 1, (size_t)(end + 1 - at), f);
		at = end + 1;
	}
	fclose(f);
}

Test(audit_chain, whole_log_over_three_starts_is_good)
{
	char head[AUDIT_MAC_TEXT];
	char *file = make_log(3, 5, head);
	struct audit_verdict v = verify(file, root, head);

	cr_assert_eq(v.lines, 15);
	cr_assert_eq(v.bad, 0);
	cr_assert_eq(v.torn, 0);
	cr_assert(v.head_found);
	cr_assert_str_eq(v.head, head);
	unlink(file);
}

Test(audit_chain, any_changed_line_is_found)
{
	for (unsigned line = 1; line <= 6; line++) {
		char head[AUDIT_MAC_TEXT];
		char *file = make_log(2, 3, head);
		tamper(file, 0, line, 0);
		struct audit_verdict v = verify(file, root, head);
		cr_assert_geq(v.bad, 1, "line %u", line);
		cr_assert_eq(v.first_bad, line);
		unlink(file);
	}
}

Test(audit_chain, any_missing_line_is_found)
{
	for (unsigned line = 1; line <= 5; line++) {
		char head[AUDIT_MAC_TEXT];
		char *file = make_log(2, 3, head);
		tamper(file, line, 0, 0);
		struct audit_verdict v = verify(file, root, head);
		cr_assert_geq(v.bad, 1, "line %u", line);
		unlink(file);
	}
}

Test(audit_chain, a_cut_tail_is_found_by_the_head_alone)
{
	char head[AUDIT_MAC_TEXT];
	char *file = make_log(2, 3, head);

	tamper(file, 0, 0, 4);
	struct audit_verdict v = verify(file, root, head);
	cr_assert_eq(v.bad, 0);
	cr_assert_not(v.head_found);
	unlink(file);
}

Test(audit_chain, another_key_fits_no_line)
{
	uint8_t other[AUDIT_MAC_SIZE] = "some other key";
	char head[AUDIT_MAC_TEXT];
	char *file = make_log(1, 4, head);
	struct audit_verdict v = verify(file, other, head);

	cr_assert_eq(v.bad, 4);
	unlink(file);
}

Test(audit_chain, a_torn_line_is_distinguished_from_a_forged_one)
{
	char head[AUDIT_MAC_TEXT];
	char *file = make_log(1, 3, head);
	FILE *f = fopen(file, "a");

	fputs("{\"epoch\":1,\"n\":4,\"act\":\"te\n", f);
	fclose(f);
	append(file, 2, head);
	struct audit_verdict v = verify(file, root, head);
	cr_assert_eq(v.torn, 1);
	cr_assert_eq(v.bad, 0);
	cr_assert(v.head_found);
	unlink(file);
}

Test(audit_chain, a_readable_key_file_is_refused)
{
	uint8_t key[AUDIT_MAC_SIZE];
	char name[] = "/tmp/poi-key-XXXXXX";
	int fd = mkstemp(name);

	cr_assert_eq(write(fd, "0123456789abcdef0123", 20), 20);
	cr_assert_eq(credential_key(name, "audit-key", key), 0);
	fchmod(fd, 0640);
	cr_assert_eq(credential_key(name, "audit-key", key), POI_ERR_DENIED);
	close(fd);
	unlink(name);
	cr_assert_eq(credential_key(name, "audit-key", key), POI_ERR_IO);
}

Test(audit_chain, two_files_share_no_key)
{
	struct audit_chain first, second;

	cr_assert_eq(audit_chain_resume(&first, "/nonexistent/log", root), 0);
	sleep(1);
	cr_assert_eq(audit_chain_resume(&second, "/nonexistent/log", root), 0);
	cr_assert_neq(first.epoch, second.epoch);
	cr_assert_neq(memcmp(first.key, second.key, sizeof(first.key)), 0);
}
