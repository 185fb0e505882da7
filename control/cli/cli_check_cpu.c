// `poi check`: CPUs, and which threads share one.
#include "control/cli/cli_check.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/cli/cli_check_unit.h"
#include "shared/cpu_plan.h"

#define CPU "/sys/devices/system/cpu/"

int check_cpu_node(const struct check *c, unsigned cpu)
{
	char path[4096];
	struct dirent *e;
	int node = -1;

	snprintf(path, sizeof(path), "%s" CPU "cpu%u", c->root, cpu);
	DIR *d = opendir(path);
	while (d && (e = readdir(d))) {
		char *end;
		long n = strncmp(e->d_name, "node", 4) ? -1 : strtol(e->d_name + 4, &end, 10);
		if (n >= 0 && end != e->d_name + 4 && !*end)
			node = (int)n;
	}
	if (d)
		closedir(d);
	return node;
}

static bool is_worker(const struct config_dataplane *d, unsigned cpu, uint32_t but)
{
	for (uint32_t i = 0; i < d->n_workers; i++)
		if (i != but && d->workers[i] == (int32_t)cpu)
			return true;
	return false;
}

// Reports what makes a worker's CPU slower or shared, one line each.
static void look_at_worker(const struct check *c, uint32_t i, const char *isolated)
{
	const struct config_dataplane *d = &c->config->dataplane;
	unsigned cpu = (unsigned)d->workers[i];
	char text[256];

	if (!check_in_list(isolated, cpu))
		check_say(c, CHECK_HINT, "cpu",
			"worker %u: CPU %u is not isolated, other programs interrupt it; add "
			"isolcpus=%u "
			"nohz_full=%u rcu_nocbs=%u to the kernel's command line",
			i, cpu, cpu, cpu, cpu);
	if (check_read(c, text, sizeof(text), CPU "cpu%u/cpufreq/scaling_governor", cpu) &&
		strcmp(text, "performance") != 0)
		check_say(c, CHECK_HINT, "cpu",
			"worker %u: CPU %u changes its speed (governor %s); cpupower -c %u "
			"frequency-set "
			"-g performance",
			i, cpu, text, cpu);
	if (!check_read(c, text, sizeof(text), CPU "cpu%u/topology/thread_siblings_list", cpu))
		return;
	for (unsigned other = 0; other < 1024; other++) {
		if (other == cpu || !check_in_list(text, other) || !is_worker(d, other, i) ||
			other < cpu)
			continue;
		check_say(c, CHECK_HINT, "cpu",
			"CPUs %u and %u of dataplane.workers are two threads of one core: each is "
			"about "
			"half as fast; give one of them up",
			cpu, other);
	}
}

static bool cpu_exists(const struct check *c, const char *online, const char *what, int32_t cpu)
{
	if (check_in_list(online, (unsigned)cpu))
		return true;
	check_say(
		c, CHECK_FAIL, "cpu", "%s: there is no CPU %d; write one of %s", what, cpu, online);
	return false;
}

static bool all_exist(const struct check *c, const char *online)
{
	struct cpu_listing keys[CPU_LISTINGS];
	bool good = cpu_exists(c, online, "dataplane.main-cpu", c->config->dataplane.main_cpu);
	char what[64];

	cpu_listings(c->config, keys);
	for (size_t k = 0; k < CPU_LISTINGS; k++)
		for (uint32_t i = 0; i < keys[k].n; i++) {
			snprintf(what, sizeof(what), "%s[%u]", keys[k].path, i);
			good &= cpu_exists(c, online, what, keys[k].cpu[i]);
		}
	return good;
}

// --- what shares what ---

// The mask that systemd starts the program with: CPUAffinity=, else all that the kernel schedules
// on. False when AllowedCPUs= forbids a CPU that is named.
static bool look_at_unit(
	const struct check *c, const char *online, const char *isolated, struct cpu_machine *m)
{
	const struct config *f = c->config;
	char allowed[CPU_LIST_TEXT], named[CPU_LIST_TEXT];
	cpu_set_t wanted = m->workers, kept, missing;
	struct check_unit u;

	check_unit_read(c, CHECK_UNIT, &u);
	cpu_list_read(online, &m->allowed);
	cpu_list_read(isolated, &kept);
	CPU_AND(&kept, &kept, &m->allowed);
	CPU_XOR(&m->allowed, &m->allowed, &kept);
	if (CPU_COUNT(&u.affinity) > 0)
		m->allowed = u.affinity;
	if (CPU_COUNT(&u.allowed_cpus) == 0)
		return true;
	CPU_AND(&m->allowed, &m->allowed, &u.allowed_cpus);
	CPU_SET((size_t)f->dataplane.main_cpu, &wanted);
	for (uint32_t i = 0; i < f->dataplane.n_control_cpus; i++)
		CPU_SET((size_t)f->dataplane.control_cpus[i], &wanted);
	for (uint32_t i = 0; i < f->delivery.n_cpus; i++)
		CPU_SET((size_t)f->delivery.cpus[i], &wanted);
	CPU_AND(&missing, &wanted, &u.allowed_cpus);
	CPU_XOR(&missing, &missing, &wanted);
	if (CPU_COUNT(&missing) == 0)
		return true;
	cpu_list_write(&u.allowed_cpus, allowed);
	cpu_list_write(&missing, named);
	check_say(c, CHECK_FAIL, "cpu",
		"the unit may use CPUs %s only (AllowedCPUs=, %s), and the configuration names %s; "
		"correct it with: systemctl edit poi-dataplane",
		allowed, u.source, named);
	return false;
}

static void look_at_delivery(
	const struct check *c, const struct cpu_machine *m, const struct cpu_plan *plan)
{
	bool listed = c->config->delivery.n_cpus > 0;

	for (uint32_t i = 0; i < plan->n_delivery; i++) {
		size_t cpu = plan->delivery[i];
		uint32_t first = 0;
		while (plan->delivery[first] != cpu)
			first++;
		if (first < i)
			check_say(c, CHECK_HINT, "cpu",
				"delivery threads %u and %u share CPU %zu; %s, or lower "
				"delivery.threads",
				first, i, cpu,
				listed ? "add CPUs to delivery.cpus" : "write delivery.cpus");
		else if (CPU_ISSET(cpu, &m->workers))
			check_say(c, CHECK_HINT, "cpu",
				"delivery thread %u shares CPU %zu with a worker; use a machine "
				"with more CPUs, or set dataplane.idle-sleep-us",
				i, cpu);
		else if (CPU_ISSET(cpu, &m->beside))
			check_say(c, CHECK_HINT, "cpu",
				"delivery thread %u on CPU %zu shares a core with a worker: each "
				"is about half as fast; write another CPU in delivery.cpus",
				i, cpu);
	}
}

static void look_at_control(const struct check *c, const struct cpu_machine *m,
	const struct cpu_plan *plan, const char *isolated)
{
	char shared[CPU_LIST_TEXT];
	cpu_set_t delivery, common;

	CPU_ZERO(&delivery);
	for (uint32_t i = 0; i < plan->n_delivery; i++)
		CPU_SET((size_t)plan->delivery[i], &delivery);
	CPU_AND(&common, &plan->control, &delivery);
	if (CPU_COUNT(&common) > 0) {
		cpu_list_write(&common, shared);
		check_say(c, CHECK_HINT, "cpu",
			"delivery shares CPU %s with builder and follower: full delivery delays "
			"changes of tasks; write other CPUs in delivery.cpus or "
			"dataplane.control-cpus, where the machine has more",
			shared);
	}
	CPU_AND(&common, &plan->control, &m->workers);
	if (c->config->dataplane.n_control_cpus > 0 && CPU_COUNT(&common) > 0) {
		cpu_list_write(&common, shared);
		check_say(c, CHECK_HINT, "cpu",
			"dataplane.control-cpus: CPU %s is a worker's; use a machine with more "
			"CPUs, or set dataplane.idle-sleep-us",
			shared);
	}
	for (uint32_t i = 0;
		i < c->config->dataplane.n_control_cpus && CPU_COUNT(&plan->control) > 1; i++)
		if (check_in_list(isolated, (unsigned)c->config->dataplane.control_cpus[i])) {
			check_say(c, CHECK_WARN, "cpu",
				"dataplane.control-cpus[%u]: CPU %d is isolated, so that the "
				"kernel does not spread threads over it; write one that is not, or "
				"one CPU alone",
				i, c->config->dataplane.control_cpus[i]);
			break;
		}
}

static void look_at_sharing(const struct check *c, const char *online, const char *isolated)
{
	char control[CPU_LIST_TEXT], delivery[CPU_LIST_TEXT];
	struct cpu_machine m = {.main_cpu = (size_t)c->config->dataplane.main_cpu};
	struct cpu_plan plan;
	cpu_set_t all;

	cpu_plan_workers(&c->config->dataplane, &m.workers);
	cpu_plan_beside(c->root, &m.workers, &m.beside);
	if (!look_at_unit(c, online, isolated, &m))
		return;
	cpu_plan_make(c->config, &m, &plan);
	CPU_ZERO(&all);
	for (uint32_t i = 0; i < plan.n_delivery; i++)
		CPU_SET((size_t)plan.delivery[i], &all);
	cpu_list_write(&all, delivery);
	cpu_list_write(&plan.control, control);
	check_say(c, CHECK_OK, "cpu",
		"%u delivery threads on CPUs %s; builder, follower and helper "
		"threads on %s",
		plan.n_delivery, delivery, control);
	look_at_delivery(c, &m, &plan);
	look_at_control(c, &m, &plan, isolated);
}

void check_cpus(const struct check *c)
{
	const struct config_dataplane *d = &c->config->dataplane;
	char online[256], isolated[256], value[64];
	bool shared = false;

	if (check_eal(c->config, "-l", 0, value, sizeof(value)) ||
		check_eal(c->config, "--lcores", 0, value, sizeof(value)) ||
		check_eal(c->config, "-c", 0, value, sizeof(value))) {
		check_say(
			c, CHECK_OK, "cpu", "dataplane.eal names its cores itself: not looked at");
		return;
	}
	if (!check_read(c, online, sizeof(online), CPU "online")) {
		check_say(c, CHECK_WARN, "cpu",
			"the kernel's list of CPUs cannot be read: not looked at");
		return;
	}
	(void)check_read(c, isolated, sizeof(isolated), CPU "isolated");
	if (!all_exist(c, online))
		return;
	for (uint32_t i = 0; i < d->n_workers; i++)
		shared |= d->workers[i] == d->main_cpu;
	if (shared)
		check_say(c, CHECK_HINT, "cpu",
			"a worker shares CPU %d with everything else; use a machine with more "
			"CPUs, or set "
			"dataplane.idle-sleep-us",
			d->main_cpu);
	check_say(c, CHECK_OK, "cpu", "main-cpu %d and %u workers exist (%s)", d->main_cpu,
		d->n_workers, online);
	for (uint32_t i = 0; i < d->n_workers; i++)
		look_at_worker(c, i, isolated);
	look_at_sharing(c, online, isolated);
}
