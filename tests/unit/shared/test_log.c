#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "shared/log.h"

static int saved_stderr, capture;
static char path[] = "/tmp/poi-log-XXXXXX", text[65536];

static void begin(void)
{
	fflush(stderr);
	capture = mkstemp(path);
	saved_stderr = dup(STDERR_FILENO);
	dup2(capture, STDERR_FILENO);
	unsetenv("JOURNAL_STREAM");
}

static const char *captured(void)
{
	ssize_t n = pread(capture, text, sizeof(text) - 1, 0);

	dup2(saved_stderr, STDERR_FILENO);
	unlink(path);
	cr_assert_geq(n, 0);
	text[n] = '\0';
	return text;
}

static unsigned lines(const char *t)
{
	unsigned n = 0;

	for (; *t; t++)
		n += *t == '\n';
	return n;
}

Test(log, a_peer_cannot_forge_a_line, .init = begin)
{
	log_open("poi-test", LOG_LEVEL_INFO);
	log_warning("from %s", "peer\n<3>forged\x1b[2J\\ \xc2\x9b");
	const char *t = captured();
	cr_assert_eq(lines(t), 1);
	cr_assert_not_null(strstr(t, "Z poi-test warning: from peer\\x0a<3>forged\\x1b[2J\\\\ "
				     "\\xc2\\x9b\n"),
		"%s", t);
}

Test(log, threshold, .init = begin)
{
	log_open("p", LOG_LEVEL_WARNING);
	log_notice("quiet");
	log_error("loud");
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug("fine");
	const char *t = captured();
	cr_assert_null(strstr(t, "quiet"));
	cr_assert_not_null(strstr(t, "p error: loud\n"));
	cr_assert_not_null(strstr(t, "p debug: fine\n"));
}

// A folder of our own over /run, so that no journal of this machine gets it.
static bool private_run(void)
{
	return geteuid() == 0 && unshare(CLONE_NEWNS) == 0 &&
	       mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("none", "/run", "tmpfs", 0, NULL) == 0;
}

static void stderr_is_a_stream(void)
{
	struct stat st;
	char stream[64];

	fstat(STDERR_FILENO, &st);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
		(unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
}

Test(log, a_stream_of_the_journal_gets_levels_as_prefixes, .init = begin)
{
	if (!private_run())
		cr_skip_test("needs root for a /run of its own");
	stderr_is_a_stream();
	log_open("p", LOG_LEVEL_INFO);
	log_notice("one");
	setenv("JOURNAL_STREAM", "1:1", 1);
	log_open("p", LOG_LEVEL_INFO);
	log_notice("two");
	const char *t = captured();
	cr_assert_eq(strncmp(t, "<5>one\n", 7), 0, "%s", t);
	cr_assert_not_null(strstr(t, "Z p notice: two\n"));
}

static int journal_socket(void)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX, .sun_path = "/run/systemd/journal/socket"};
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	mkdir("/run/systemd", 0755);
	mkdir("/run/systemd/journal", 0755);
	cr_assert_eq(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

static const char *datagram(int fd)
{
	static char got[8192];
	ssize_t n = recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT);

	got[n < 0 ? 0 : n] = '\0';
	return got;
}

Test(log, the_journal_gets_fields_and_message_ids, .init = begin)
{
	if (!private_run())
		cr_skip_test("needs root for a /run of its own");
	int fd = journal_socket();
	stderr_is_a_stream();
	log_open("poi-test", LOG_LEVEL_INFO);
	log_kind(NOTICE, STARTED, "ready\nMESSAGE_ID=forged%c", 1);
	const char *got = datagram(fd);
	cr_assert_not_null(strstr(got, "MESSAGE=ready\\x0aMESSAGE_ID=forged\\x01\n"), "%s", got);
	cr_assert_not_null(strstr(got, "\nMESSAGE_ID=a139591b96e740669993dcc0ed2a7dba\n"));
	cr_assert_not_null(strstr(got, "\nPRIORITY=5\n"));
	cr_assert_not_null(strstr(got, "\nSYSLOG_IDENTIFIER=poi-test\n"));
	cr_assert_not_null(strstr(got, "/test_log.c\n"));
	log_warning("no kind");
	got = datagram(fd);
	cr_assert_not_null(strstr(got, "MESSAGE=no kind\n"));
	cr_assert_null(strstr(got, "MESSAGE_ID"));
	log_set_target(LOG_TARGET_STDERR);
	log_warning("only on stderr");
	cr_assert_str_eq(datagram(fd), "");
	unsetenv("JOURNAL_STREAM");
	log_set_target(LOG_TARGET_AUTO);
	log_warning("also there");
	log_set_target(LOG_TARGET_JOURNAL);
	log_warning("in the journal although stderr is none");
	cr_assert_not_null(strstr(datagram(fd), "although stderr is none\n"));
	close(fd);
	log_warning("the journal is gone");
	const char *t = captured();
	cr_assert_null(strstr(t, "ready"));
	cr_assert_not_null(strstr(t, "<4>only on stderr\n"), "%s", t);
	cr_assert_not_null(strstr(t, "poi-test warning: also there\n"), "%s", t);
}

Test(log, every_kind_has_an_id_of_its_own)
{
#define ID_OF(name, id, what) id,
	static const char *const ids[] = {LOG_KINDS(ID_OF)};
#undef ID_OF

	cr_assert_eq(sizeof(ids) / sizeof(*ids), LOG_KIND_COUNT - 1);
	for (int i = 0; i < LOG_KIND_COUNT - 1; i++) {
		cr_assert_eq(strspn(ids[i], "0123456789abcdef"), 32);
		cr_assert_eq(strlen(ids[i]), 32);
		for (int k = 0; k < i; k++)
			cr_assert_str_neq(ids[i], ids[k]);
	}
}

Test(log, words_of_levels)
{
	cr_assert_eq(log_level_of("error"), LOG_LEVEL_ERROR);
	cr_assert_eq(log_level_of("info"), LOG_LEVEL_INFO);
	cr_assert_eq(log_level_of("debug"), LOG_LEVEL_DEBUG);
	cr_assert_eq(log_level_of(NULL), LOG_LEVEL_NOTICE);
}

Test(log, a_place_that_fell_silent_still_says_what_it_suppressed, .init = begin)
{
	log_open("p", LOG_LEVEL_INFO);
	for (int i = 0; i < 35; i++)
		log_info("again %d", i);
	log_tick(); // too early: the place may go on
	usleep(1100 * 1000);
	log_tick();
	log_tick();
	const char *t = captured();
	cr_assert_eq(lines(t), 11, "%s", t);
	cr_assert_not_null(strstr(t, "p info: 25 lines of "), "%s", t);
	cr_assert_not_null(strstr(t, " were suppressed\n"), "%s", t);
}

static void one_site(int i)
{
	log_info("line %d", i);
}

Test(log, each_call_site_has_its_own_limit, .init = begin)
{
	log_open("p", LOG_LEVEL_INFO);
	for (int i = 0; i < 1000; i++)
		one_site(i);
	log_info("another site");
	usleep(1100 * 1000);
	one_site(1000);
	one_site(1001);
	const char *t = captured();
	cr_assert_eq(lines(t), 13, "%s", t);
	cr_assert_not_null(strstr(t, "line 9\n"));
	cr_assert_null(strstr(t, "line 10\n"));
	cr_assert_not_null(strstr(t, "another site\n"));
	cr_assert_not_null(strstr(t, "line 1000 (990 more suppressed)\n"), "%s", t);
	cr_assert_not_null(strstr(t, "line 1001\n"));
}

Test(log, long_text_is_cut_and_says_so, .init = begin)
{
	char *large = malloc(100000);

	memset(large, '\n', 99999);
	large[99999] = '\0';
	log_open("p", LOG_LEVEL_INFO);
	log_info("%s", large);
	const char *t = captured();
	cr_assert_eq(lines(t), 1);
	cr_assert_leq(strlen(t), 2048);
	cr_assert_str_eq(t + strlen(t) - 5, " ...\n");
	free(large);
}

static void *many(void *unused)
{
	for (int i = 0; i < 2000; i++)
		log_info("from a thread");
	return NULL;
}

Test(log, threads_lose_no_count, .init = begin)
{
	pthread_t threads[4];
	unsigned suppressed = 0, written;

	log_open("p", LOG_LEVEL_INFO);
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, many, NULL);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	usleep(1100 * 1000);
	pthread_create(&threads[0], NULL, many, NULL);
	pthread_join(threads[0], NULL);
	const char *t = captured();
	written = lines(t);
	for (const char *p = t; (p = strstr(p, " ("));)
		suppressed += (unsigned)strtoul(p += 2, NULL, 10);
	// The last burst's own suppressed lines are not reported yet: at most 1990 of them.
	cr_assert_geq(written + suppressed, 8000 + 1);
	cr_assert_leq(written + suppressed, 10000);
}
