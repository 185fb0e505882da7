// Counts that a killed process leaves, and those of one that ended orderly.

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dataplane/builder/last_known.h"

static char folder[64];

static void setup(void)
{
	strcpy(folder, "/tmp/poi-last-known-XXXXXX");
	cr_assert_not_null(mkdtemp(folder));
}

static void teardown(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -r %s", folder);
	cr_assert_eq(system(command), 0);
}

TestSuite(last_known, .init = setup, .fini = teardown, .timeout = 60);

static struct id16 id(uint8_t n)
{
	return (struct id16){{[15] = n}};
}

static void put(struct last_known *l, uint8_t ne, uint8_t did, uint64_t queued)
{
	struct id16 a = id(ne), b = id(did);

	last_known_put(l, &a, &b, queued);
}

// A process that counts `a` and `b`, begins another count, and is killed.
static void killed_with(uint64_t a, uint64_t b)
{
	pid_t child = fork();

	if (child == 0) {
		struct last_known *l = last_known_open(folder);
		struct channel_event e;
		while (last_known_next(l, &e))
			;
		last_known_begin(l);
		put(l, 1, 10, a);
		put(l, 1, 11, b);
		put(l, 2, 12, 0);
		last_known_end(l, 1000000000ull);
		last_known_begin(l);
		put(l, 7, 77, 777);
		raise(SIGKILL);
	}
	cr_assert_eq(waitpid(child, NULL, 0), child);
}

Test(last_known, counts_outlive_a_killed_process)
{
	struct channel_event e;

	killed_with(5, 0);
	struct last_known *l = last_known_open(folder);
	cr_assert_not_null(l);
	cr_assert(last_known_next(l, &e));
	cr_expect_eq(e.kind, EVENT_KILLED);
	cr_expect_eq(e.ne.b[15], 1);
	cr_expect_eq(e.id.b[15], 10);
	cr_expect_eq(e.copies, 5);
	cr_expect_not_null(strstr(e.text, "5 PDUs held at 1970-01-01T00:00:01.000Z (less taken since)"));
	cr_assert(last_known_next(l, &e), "of the element without a count the number is not known");
	cr_expect_eq(e.ne.b[15], 2);
	cr_expect_eq(e.id.b[15], 0);
	cr_expect_eq(e.copies, 0);
	cr_expect_not_null(strstr(e.text, "number not known"));
	cr_expect(!last_known_next(l, &e), "each once");
	last_known_close(l, false);
}

Test(last_known, what_was_not_reported_is_left_to_the_next)
{
	struct channel_event e;

	killed_with(0, 9);
	for (int i = 0; i < 3; i++) {
		struct last_known *l = last_known_open(folder);
		last_known_begin(l);
		last_known_end(l, 2000000000ull);
		last_known_close(l, false);
	}
	struct last_known *l = last_known_open(folder);
	cr_assert(last_known_next(l, &e));
	cr_expect_eq(e.copies, 9);
	last_known_close(l, false);
}

Test(last_known, an_orderly_end_or_a_take_over_leaves_nothing)
{
	struct channel_event e;

	killed_with(5, 5);
	struct last_known *l = last_known_open(folder);
	last_known_forget(l);
	cr_expect(!last_known_next(l, &e));
	last_known_begin(l);
	put(l, 1, 10, 3);
	last_known_end(l, 1);
	last_known_close(l, true);
	l = last_known_open(folder);
	cr_expect(!last_known_next(l, &e));
	last_known_close(l, true);
}

Test(last_known, a_strange_file_is_replaced)
{
	char path[128];
	struct channel_event e;
	struct stat st;

	snprintf(path, sizeof(path), "%s/dataplane.last", folder);
	killed_with(5, 5);
	FILE *f = fopen(path, "r+");
	fputs("ELSE", f);
	fclose(f);
	struct last_known *l = last_known_open(folder);
	cr_expect(!last_known_next(l, &e));
	last_known_close(l, true);
	cr_assert_eq(symlink("/etc/passwd", path), 0);
	l = last_known_open(folder);
	cr_assert_not_null(l);
	cr_assert_eq(lstat(path, &st), 0);
	cr_expect(S_ISREG(st.st_mode));
	last_known_close(l, true);
	cr_expect(last_known_open("/nowhere") == NULL);
}

// A file system without room for a new file, small as it is: the old one goes on.
Test(last_known, a_full_disk_loses_no_count)
{
	struct rlimit none = {0, RLIM_INFINITY}, all = {RLIM_INFINITY, RLIM_INFINITY};
	struct channel_event e;

	signal(SIGXFSZ, SIG_IGN);
	killed_with(5, 5);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &none), 0);
	struct last_known *l = last_known_open(folder);
	cr_assert_not_null(l);
	last_known_close(l, false); // killed before it was reported
	l = last_known_open(folder);
	cr_assert_not_null(l);
	cr_assert(last_known_next(l, &e));
	cr_expect_eq(e.copies, 5);
	while (last_known_next(l, &e))
		;
	last_known_begin(l);
	put(l, 1, 10, 9);
	last_known_end(l, 1);
	last_known_close(l, false);
	l = last_known_open(folder);
	cr_assert(last_known_next(l, &e));
	cr_expect_eq(e.copies, 9);
	last_known_close(l, true);
	l = last_known_open(folder); // nothing that could go on
	cr_expect(l == NULL);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &all), 0);
}
