#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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

Test(log, journal_prefix_only_when_stderr_is_the_journal, .init = begin)
{
	struct stat st;
	char stream[64];

	fstat(STDERR_FILENO, &st);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
		(unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_open("p", LOG_LEVEL_INFO);
	log_notice("one");
	setenv("JOURNAL_STREAM", "1:1", 1);
	log_open("p", LOG_LEVEL_INFO);
	log_notice("two");
	const char *t = captured();
	cr_assert_eq(strncmp(t, "<5>one\n", 7), 0, "%s", t);
	cr_assert_not_null(strstr(t, "Z p notice: two\n"));
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
	// The last burst's own suppressed lines are not said yet: at most 1990 of them.
	cr_assert_geq(written + suppressed, 8000 + 1);
	cr_assert_leq(written + suppressed, 10000);
}
