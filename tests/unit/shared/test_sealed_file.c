#include <criterion/criterion.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/sealed_file.h"

static const uint8_t root[SEALED_FILE_KEY_SIZE] = "thirty-two octets of a root key";

struct seen {
	unsigned n;
	char text[64][64];
};

static int see(void *context, const uint8_t *record, size_t length)
{
	struct seen *s = context;

	cr_assert_lt(length, 64);
	memcpy(s->text[s->n], record, length);
	s->text[s->n++][length] = '\0';
	return 0;
}

static void temp_name(char name[32])
{
	strcpy(name, "/tmp/poi-sealed-XXXXXX");
	close(mkstemp(name));
}

static struct sealed_file *open_file(const char *name, struct seen *seen, int *error)
{
	memset(seen, 0, sizeof(*seen));
	return sealed_file_open(name, root, see, seen, error);
}

static void put(struct sealed_file *s, const char *text)
{
	cr_assert_eq(sealed_file_append(s, (const uint8_t *)text, strlen(text)), 0);
}

Test(sealed_file, records_come_back_over_many_openings)
{
	char name[32], text[16];
	struct seen seen;
	int error;

	temp_name(name);
	for (unsigned i = 0; i < 10; i++) {
		struct sealed_file *s = open_file(name, &seen, &error);
		cr_assert_not_null(s, "%s", poi_error_text(error));
		cr_assert_eq(seen.n, 2 * i);
		snprintf(text, sizeof(text), "a%u", i);
		put(s, text);
		snprintf(text, sizeof(text), "b%u", i);
		put(s, text);
		cr_assert_eq(sealed_file_sync(s), 0);
		sealed_file_close(s);
	}
	sealed_file_close(open_file(name, &seen, &error));
	cr_assert_str_eq(seen.text[6], "a3");
	cr_assert_str_eq(seen.text[19], "b9");
	unlink(name);
}

Test(sealed_file, nothing_readable_is_on_disk)
{
	char name[32], octets[4096];
	struct seen seen;
	int error;

	temp_name(name);
	struct sealed_file *s = open_file(name, &seen, &error);
	put(s, "192.0.2.77 is a secret");
	sealed_file_close(s);
	FILE *f = fopen(name, "r");
	size_t n = fread(octets, 1, sizeof(octets), f);
	fclose(f);
	cr_assert_null(memmem(octets, n, "192.0.2.77", 10));
	unlink(name);
}

Test(sealed_file, a_cut_at_every_octet_loses_only_the_last_record)
{
	char name[32];
	struct seen seen;
	int error;

	temp_name(name);
	struct sealed_file *s = open_file(name, &seen, &error);
	put(s, "first");
	uint64_t before = sealed_file_size(s);
	put(s, "second");
	uint64_t after = sealed_file_size(s);
	sealed_file_close(s);
	int fd = open(name, O_RDONLY);
	char whole[4096];
	cr_assert_eq(read(fd, whole, sizeof(whole)), (ssize_t)after);
	close(fd);
	for (uint64_t cut = before; cut < after; cut++) {
		fd = open(name, O_WRONLY | O_TRUNC);
		cr_assert_eq(write(fd, whole, cut), (ssize_t)cut);
		close(fd);
		s = open_file(name, &seen, &error);
		cr_assert_not_null(s, "cut at %lu: %s", cut, poi_error_text(error));
		cr_assert_eq(seen.n, 1);
		put(s, "third");
		sealed_file_close(s);
		sealed_file_close(open_file(name, &seen, &error));
		cr_assert_eq(seen.n, 2);
		cr_assert_str_eq(seen.text[1], "third");
	}
	unlink(name);
}

Test(sealed_file, any_flipped_bit_is_found)
{
	char name[32], whole[4096];
	struct seen seen;
	int error;

	temp_name(name);
	struct sealed_file *s = open_file(name, &seen, &error);
	put(s, "first");
	uint64_t from = sealed_file_size(s);
	put(s, "second");
	put(s, "third");
	sealed_file_close(s);
	int fd = open(name, O_RDWR);
	ssize_t n = read(fd, whole, sizeof(whole));
	// The second record's ciphertext and tag (its length word decides only where it ends).
	for (uint64_t at = from + 4; at < from + 4 + 6 + 16; at++) {
		char flipped = (char)(whole[at] ^ 1);
		cr_assert_eq(pwrite(fd, &flipped, 1, (off_t)at), 1);
		s = open_file(name, &seen, &error);
		cr_assert_null(s, "octet %lu of %zd", at, n);
		cr_assert_eq(error, POI_ERR_INVALID);
		cr_assert_eq(pwrite(fd, &whole[at], 1, (off_t)at), 1);
	}
	close(fd);
	unlink(name);
}

Test(sealed_file, another_key_is_denied_and_leaves_the_file_alone)
{
	static const uint8_t other[SEALED_FILE_KEY_SIZE] = "another key";
	char name[32];
	struct seen seen;
	struct stat before, after;
	int error;

	temp_name(name);
	struct sealed_file *s = open_file(name, &seen, &error);
	put(s, "mine");
	sealed_file_close(s);
	stat(name, &before);
	memset(&seen, 0, sizeof(seen));
	cr_assert_null(sealed_file_open(name, other, see, &seen, &error));
	cr_assert_eq(error, POI_ERR_DENIED);
	stat(name, &after);
	cr_assert_eq(before.st_size, after.st_size);
	unlink(name);
}

Test(sealed_file, a_rewrite_replaces_all_or_nothing)
{
	char name[32];
	struct seen seen;
	int error;

	temp_name(name);
	struct sealed_file *s = open_file(name, &seen, &error);
	put(s, "old 1");
	put(s, "old 2");
	struct sealed_file *aside = sealed_file_aside(s);
	put(aside, "new");
	put(s, "old 3"); // both are written meanwhile
	sealed_file_close(aside);
	sealed_file_close(s); // never ended: as a crash
	s = open_file(name, &seen, &error);
	cr_assert_eq(seen.n, 3);
	aside = sealed_file_aside(s);
	put(aside, "new");
	cr_assert_eq(sealed_file_replace(s, aside), 0);
	put(s, "newer");
	sealed_file_close(s);
	sealed_file_close(open_file(name, &seen, &error));
	cr_assert_eq(seen.n, 2);
	cr_assert_str_eq(seen.text[0], "new");
	cr_assert_str_eq(seen.text[1], "newer");
	unlink(name);
}

Test(sealed_file, a_full_disk_costs_only_the_record_that_did_not_fit)
{
	char name[32];
	uint8_t large[4096] = {1};
	struct seen seen;
	int error;
	struct rlimit limit = {.rlim_cur = 2000, .rlim_max = RLIM_INFINITY};

	temp_name(name);
	struct sealed_file *s = open_file(name, &seen, &error);
	put(s, "before");
	signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	cr_assert_eq(sealed_file_append(s, large, sizeof(large)), POI_ERR_IO);
	limit.rlim_cur = RLIM_INFINITY;
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	put(s, "after");
	sealed_file_close(s);
	sealed_file_close(open_file(name, &seen, &error));
	cr_assert_eq(seen.n, 2);
	cr_assert_str_eq(seen.text[1], "after");
	unlink(name);
}
