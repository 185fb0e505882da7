#pragma once

// Criterion runs each test in a copy of the program mapped anew, which ThreadSanitizer's memory layout
// does not allow. Under it the unit tests are compiled against this header instead: the same macros,
// each test in a forked child, TAP on standard output. Only what the tests use is here.

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct criterion_test_extra_data {
	void (*init)(void);
	void (*fini)(void);
	int signal, exit_code;
	bool disabled;
	const char *description;
	double timeout;
	void *data;
};

struct criterion_case {
	const char *suite, *name;
	void (*run)(void);
	struct criterion_test_extra_data extra;
	struct criterion_case *next;
};

__attribute__((weak)) struct criterion_case *criterion_cases;
__attribute__((weak)) struct criterion_case *criterion_suites; // `run` NULL
__attribute__((weak)) int criterion_failures;

#define Test(suite_, name_, ...)                                                               \
	static void suite_##_##name_##_body(void);                                             \
	__attribute__((constructor)) static void suite_##_##name_##_register(void)             \
	{                                                                                      \
		static struct criterion_case c = {#suite_, #name_, suite_##_##name_##_body,    \
			{__VA_ARGS__}, NULL};                                                  \
		c.next = criterion_cases;                                                      \
		criterion_cases = &c;                                                          \
	}                                                                                      \
	static void suite_##_##name_##_body(void)

#define TestSuite(suite_, ...)                                                                 \
	__attribute__((constructor)) static void suite_##_suite_register(void)                 \
	{                                                                                      \
		static struct criterion_case c = {#suite_, "", NULL, {__VA_ARGS__}, NULL};     \
		c.next = criterion_suites;                                                     \
		criterion_suites = &c;                                                         \
	}

#define criterion_fail(stop, text)                                                             \
	do {                                                                                   \
		__atomic_add_fetch(&criterion_failures, 1, __ATOMIC_RELAXED);                  \
		fprintf(stderr, "# %s:%d: %s\n", __FILE__, __LINE__, text);                    \
		if (stop)                                                                      \
			_exit(1);                                                              \
	} while (0)
#define criterion_check(stop, condition)                                                       \
	do {                                                                                   \
		if (!(condition))                                                              \
			criterion_fail(stop, #condition);                                      \
	} while (0)

#define cr_assert(c, ...) criterion_check(1, c)
#define cr_assert_not(c, ...) criterion_check(1, !(c))
#define cr_assert_eq(a, b, ...) criterion_check(1, (a) == (b))
#define cr_assert_neq(a, b, ...) criterion_check(1, (a) != (b))
#define cr_assert_lt(a, b, ...) criterion_check(1, (a) < (b))
#define cr_assert_leq(a, b, ...) criterion_check(1, (a) <= (b))
#define cr_assert_gt(a, b, ...) criterion_check(1, (a) > (b))
#define cr_assert_geq(a, b, ...) criterion_check(1, (a) >= (b))
#define cr_assert_null(a, ...) criterion_check(1, (a) == NULL)
#define cr_assert_not_null(a, ...) criterion_check(1, (a) != NULL)
#define cr_assert_str_eq(a, b, ...) criterion_check(1, strcmp(a, b) == 0)
#define cr_assert_arr_eq(a, b, n, ...) criterion_check(1, memcmp(a, b, n) == 0)
#define cr_assert_fail(...) criterion_fail(1, "reached")
#define cr_expect(c, ...) criterion_check(0, c)
#define cr_expect_not(c, ...) criterion_check(0, !(c))
#define cr_expect_eq(a, b, ...) criterion_check(0, (a) == (b))
#define cr_expect_neq(a, b, ...) criterion_check(0, (a) != (b))
#define cr_expect_lt(a, b, ...) criterion_check(0, (a) < (b))
#define cr_expect_leq(a, b, ...) criterion_check(0, (a) <= (b))
#define cr_expect_gt(a, b, ...) criterion_check(0, (a) > (b))
#define cr_expect_geq(a, b, ...) criterion_check(0, (a) >= (b))
#define cr_expect_null(a, ...) criterion_check(0, (a) == NULL)
#define cr_expect_not_null(a, ...) criterion_check(0, (a) != NULL)
#define cr_expect_str_eq(a, b, ...) criterion_check(0, strcmp(a, b) == 0)
#define cr_expect_arr_eq(a, b, n, ...) criterion_check(0, memcmp(a, b, n) == 0)
#define cr_log_info(...) ((void)0)

static inline void criterion_child(const struct criterion_case *c)
{
	const struct criterion_test_extra_data *suite = NULL;

	for (struct criterion_case *s = criterion_suites; s; s = s->next)
		if (strcmp(s->suite, c->suite) == 0)
			suite = &s->extra;
	void (*init)(void) = c->extra.init ? c->extra.init : suite ? suite->init : NULL;
	void (*fini)(void) = c->extra.fini ? c->extra.fini : suite ? suite->fini : NULL;
	double timeout = c->extra.timeout > 0 ? c->extra.timeout : suite ? suite->timeout : 0;
	// the sanitizer makes everything slower
	alarm(timeout > 0 ? (unsigned)(timeout * 10) + 1 : 120);
	if (init)
		init();
	c->run();
	if (fini)
		fini();
	// exit, not _exit: the sanitizer reports at exit
	exit(__atomic_load_n(&criterion_failures, __ATOMIC_RELAXED) ? 1 : 0);
}

__attribute__((weak)) int main(void)
{
	int number = 0, failed = 0;

	for (struct criterion_case *c = criterion_cases; c; c = c->next) {
		if (c->extra.disabled)
			continue;
		fflush(NULL);
		pid_t child = fork();
		if (child == 0)
			criterion_child(c);
		int status = 0;
		waitpid(child, &status, 0);
		bool good = c->extra.signal ? WIFSIGNALED(status) && WTERMSIG(status) == c->extra.signal
					    : WIFEXITED(status) && WEXITSTATUS(status) == c->extra.exit_code;
		failed += !good;
		printf("%s %d - %s::%s\n", good ? "ok" : "not ok", ++number, c->suite, c->name);
	}
	printf("1..%d\n", number);
	return failed ? 1 : 0;
}
