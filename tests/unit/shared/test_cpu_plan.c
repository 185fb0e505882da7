// Tests which CPU each thread of poi-dataplane gets: lists in, a CPU for each thread out.

#include "shared/cpu_plan.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct given {
	const char *allowed, *beside;
	int main_cpu;
	const char *workers, *delivery, *control; // "" for an absent key
	uint32_t threads;
};

// The members in their order, as a file's list has them.
static uint32_t numbers(const char *list, int32_t *out)
{
	cpu_set_t set;
	uint32_t n = 0;

	cpu_list_read(list, &set);
	for (size_t i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &set))
			out[n++] = (int32_t)i;
	return n;
}

static void expect(unsigned line, struct given g, const char *delivery, const char *control)
{
	struct config *c = calloc(1, sizeof(*c));
	struct cpu_machine m;
	struct cpu_plan plan;
	char text[CPU_LIST_TEXT], seen[128] = "";

	cr_assert_not_null(c);
	m.main_cpu = (size_t)g.main_cpu;
	c->dataplane.n_workers = numbers(g.workers, c->dataplane.workers);
	c->dataplane.n_control_cpus = numbers(g.control, c->dataplane.control_cpus);
	c->delivery.n_cpus = numbers(g.delivery, c->delivery.cpus);
	c->delivery.threads = g.threads;
	cpu_list_read(g.allowed, &m.allowed);
	cpu_list_read(g.beside, &m.beside);
	cpu_plan_workers(&c->dataplane, &m.workers);
	cpu_plan_make(c, &m, &plan);
	cr_expect_eq(plan.n_delivery, g.threads);
	for (uint32_t i = 0; i < plan.n_delivery; i++)
		snprintf(seen + strlen(seen), sizeof(seen) - strlen(seen), "%s%u", i ? " " : "",
			plan.delivery[i]);
	cpu_list_write(&plan.control, text);
	cr_expect_str_eq(seen, delivery, "line %u: %s, not %s", line, seen, delivery);
	cr_expect_str_eq(text, control, "line %u: %s, not %s", line, text, control);
	free(c);
}

#define EXPECT(delivery, control, ...) \
	expect(__LINE__, (struct given){__VA_ARGS__}, delivery, control)

// --- without the keys ---

Test(cpu_plan, each_delivery_thread_has_a_cpu_of_its_own)
{
	EXPECT("3", "0,4-7", "0-7", "", 0, "1-2", "", "", 1);
	EXPECT("3 4 5", "0,6-7", "0-7", "", 0, "1-2", "", "", 3);
	EXPECT("3 4 5 6 7", "0", "0-7", "", 0, "1-2", "", "", 5);
}

Test(cpu_plan, they_take_turns_where_cpus_are_fewer)
{
	EXPECT("3 4 3 4 3", "0", "0-4", "", 0, "1-2", "", "", 5);
	EXPECT("2 2", "0", "0-2", "", 0, "1", "", "", 2);
}

Test(cpu_plan, main_cpu_is_what_is_left_on_a_small_machine)
{
	EXPECT("0", "0", "0-1", "", 0, "1", "", "", 1);
	EXPECT("0 0 0", "0", "0-1", "", 0, "1", "", "", 3);
	EXPECT("1", "1", "0-1", "", 1, "0", "", "", 1);
	EXPECT("0", "0", "0", "", 0, "0", "", "", 1); // one CPU, which the worker shares
}

// The kernel keeps isolated CPUs out of every process's mask; main-cpu may be one of them.
Test(cpu_plan, only_the_cpus_of_the_mask_are_taken)
{
	EXPECT("0", "1,4", "0-1", "", 4, "5-7", "", "", 1);
	EXPECT("0 1", "4", "0-1", "", 4, "5-7", "", "", 2);
	EXPECT("6", "4,7", "6-7", "", 4, "5", "", "", 1);
}

Test(cpu_plan, a_workers_core_is_shared_last)
{
	EXPECT("3", "0", "0-7", "4-7", 0, "1-2", "", "", 1);
	EXPECT("3 4 5", "0", "0-7", "4-7", 0, "1-2", "", "", 3);
	EXPECT("4", "0", "0-1,4-5", "4-5", 0, "1", "", "", 1);
}

Test(cpu_plan, control_threads_leave_main_cpu_to_a_worker)
{
	EXPECT("1", "2-3", "0-3", "", 0, "0", "", "", 1);
}

// --- with one ---

Test(cpu_plan, delivery_threads_take_the_listed_cpus_in_turn)
{
	EXPECT("5 6", "0,3-4,7", "0-7", "", 0, "1-2", "5-6", "", 2);
	EXPECT("5 6 5 6 5", "0,3-4,7", "0-7", "", 0, "1-2", "5-6", "", 5);
	EXPECT("5", "0,3-4,6-7", "0-7", "", 0, "1-2", "5-6", "", 1);
	EXPECT("9", "0,3", "0-3", "", 0, "1-2", "9", "", 1); // isolated, for delivery
}

Test(cpu_plan, control_threads_leave_main_cpu_to_a_delivery_thread)
{
	EXPECT("0", "3", "0-3", "", 0, "1-2", "0", "", 1);
	EXPECT("0", "0", "0-2", "", 0, "1-2", "0", "", 1); // or share it
}

Test(cpu_plan, delivery_threads_leave_the_control_cpus)
{
	EXPECT("5 6", "3-4", "0-7", "", 0, "1-2", "", "3-4", 2);
	EXPECT("0", "3", "0-3", "", 0, "1-2", "", "3", 1); // main-cpu has nothing else to do
	EXPECT("0 3", "0,3", "0-3", "", 0, "1-2", "", "0,3", 2);
}

Test(cpu_plan, what_both_keys_say_is_done)
{
	EXPECT("7 7", "6", "0-7", "", 0, "1-2", "7", "6", 2);
	EXPECT("3", "3", "0-7", "", 0, "1-2", "3", "3", 1);
	EXPECT("2", "1", "0-7", "", 0, "1-2", "2", "1", 1);
}

// --- lists ---

Test(cpu_plan, lists_are_read_and_written_as_the_kernel_does)
{
	static const char *const lists[] = {"", "0", "0-1", "0,2", "0-3,8-11,1023"};
	char text[CPU_LIST_TEXT];
	cpu_set_t set;

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		cpu_list_read(lists[i], &set);
		cpu_list_write(&set, text);
		cr_expect_str_eq(text, lists[i]);
	}
	cpu_list_read("0-3\n", &set);
	cr_expect_eq(CPU_COUNT(&set), 4);
	cpu_list_read("1022-70000", &set);
	cr_expect_eq(CPU_COUNT(&set), 2);
	CPU_ZERO(&set);
	for (size_t i = 0; i < CPU_SETSIZE; i += 2)
		CPU_SET(i, &set);
	cpu_list_write(&set, text);
	cr_expect_lt(strlen(text), CPU_LIST_TEXT);
	cr_expect_str_eq(text + strlen(text) - 4, ",...");
}

Test(cpu_plan, the_machine_shows_the_threads_of_a_core)
{
	char root[] = "/tmp/test_cpu_plan.XXXXXX", command[256], text[CPU_LIST_TEXT];
	cpu_set_t workers, beside;

	cr_assert_not_null(mkdtemp(root));
	snprintf(command, sizeof(command),
		"cd %s && for i in 0 1 2 3 4 5 6 7; do p=sys/devices/system/cpu/cpu$i/topology; "
		"mkdir -p $p; echo $((i %% 4)),$((i %% 4 + 4)) >$p/thread_siblings_list; done",
		root);
	cr_assert_eq(system(command), 0);
	cpu_list_read("1-2,6,9", &workers);
	cpu_plan_beside(root, &workers, &beside);
	cpu_list_write(&beside, text);
	cr_expect_str_eq(text, "5");
	snprintf(command, sizeof(command), "rm -r %s", root);
	cr_assert_eq(system(command), 0);
}
