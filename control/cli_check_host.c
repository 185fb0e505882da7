// `poi check`: CPUs, memory, clock.
#include "control/cli_check.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>

#define CPU "/sys/devices/system/cpu/"
#define MIB (1024.0 * 1024)

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

// What makes a worker's CPU slower or shared, one line each.
static void look_at_worker(const struct check *c, uint32_t i, const char *isolated)
{
	const struct config_dataplane *d = &c->config->dataplane;
	unsigned cpu = (unsigned)d->workers[i];
	char text[256];

	if (!check_in_list(isolated, cpu))
		check_say(c, CHECK_WARN, "cpu",
			"worker %u: CPU %u is not isolated, other programs interrupt it; add "
			"isolcpus=%u "
			"nohz_full=%u rcu_nocbs=%u to the kernel's command line",
			i, cpu, cpu, cpu, cpu);
	if (check_read(c, text, sizeof(text), CPU "cpu%u/cpufreq/scaling_governor", cpu) &&
		strcmp(text, "performance") != 0)
		check_say(c, CHECK_WARN, "cpu",
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
		check_say(c, CHECK_WARN, "cpu",
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

void check_cpus(const struct check *c)
{
	const struct config_dataplane *d = &c->config->dataplane;
	char online[256], isolated[256], value[64], what[64];
	bool good = true, shared = false;

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
	good = cpu_exists(c, online, "dataplane.main-cpu", d->main_cpu);
	for (uint32_t i = 0; i < d->n_workers; i++) {
		snprintf(what, sizeof(what), "dataplane.workers[%u]", i);
		good &= cpu_exists(c, online, what, d->workers[i]);
		shared |= d->workers[i] == d->main_cpu;
	}
	if (!good)
		return;
	if (shared)
		check_say(c, CHECK_WARN, "cpu",
			"a worker shares CPU %d with everything else; use a machine with more "
			"CPUs, or set "
			"dataplane.idle-sleep-us",
			d->main_cpu);
	check_say(c, CHECK_OK, "cpu", "main-cpu %d and %u workers exist (%s)", d->main_cpu,
		d->n_workers, online);
	for (uint32_t i = 0; i < d->n_workers; i++)
		look_at_worker(c, i, isolated);
}

// --- memory ---

struct pages {
	double total, free; // octets, of all sizes
	double size;	    // of one page of the size there is most of, 2 MiB where there are none
};

static void count_pages(const struct check *c, struct pages *p)
{
	static const unsigned kib[] = {2048, 1048576};

	*p = (struct pages){.size = 2 * MIB};
	for (size_t i = 0; i < 2; i++) {
		char total[32], free_[32];
		if (!check_read(c, total, sizeof(total),
			    "/sys/kernel/mm/hugepages/hugepages-%ukB/nr_hugepages", kib[i]) ||
			!check_read(c, free_, sizeof(free_),
				"/sys/kernel/mm/hugepages/hugepages-%ukB/free_hugepages", kib[i]))
			continue;
		p->total += strtod(total, NULL) * kib[i] * 1024;
		p->free += strtod(free_, NULL) * kib[i] * 1024;
		if (i && strtod(total, NULL) > 0)
			p->size = kib[i] * 1024.0;
	}
}

double check_memory_needed(const struct config *c, bool *asked)
{
	char value[128];
	double mib = 0;

	*asked = true;
	if (check_eal(c, "-m", 0, value, sizeof(value)) && value[0])
		return strtod(value, NULL) * MIB;
	if (check_eal(c, "--socket-mem", 0, value, sizeof(value))) {
		for (char *at = value; *at;) {
			char *end;
			mib += strtod(at, &end);
			at = *end == ',' ? end + 1 : end + strlen(end);
		}
		return mib * MIB;
	}
	*asked = false;
	return (double)c->dataplane.n_ports * c->dataplane.mbufs *
		       (c->dataplane.mbuf_size + 384.0) +
	       64 * MIB;
}

static void look_at_pages(const struct check *c)
{
	char value[64];
	struct pages p;
	bool asked;

	double needed = check_memory_needed(c->config, &asked);
	if (check_eal(c->config, "--no-huge", 0, value, sizeof(value))) {
		check_say(c, CHECK_WARN, "hugepages",
			"not used (--no-huge): slower; reserve them with sysctl "
			"vm.nr_hugepages=%.0f and "
			"take --no-huge out of dataplane.eal",
			needed / (2 * MIB) + 1);
		return;
	}
	count_pages(c, &p);
	if (p.total < needed)
		check_say(c, CHECK_FAIL, "hugepages",
			"%.0f MiB reserved, %.0f MiB %s; sysctl vm.nr_hugepages=%.0f, and the same "
			"in "
			"/etc/sysctl.d",
			p.total / MIB, needed / MIB,
			asked ? "asked for in dataplane.eal" : "needed for the packet buffers",
			needed / p.size + 1);
	else if (p.free < needed)
		check_say(c, CHECK_WARN, "hugepages",
			"%.0f of %.0f MiB are free, %.0f MiB needed: enough only if poi-dataplane "
			"itself "
			"has the rest",
			p.free / MIB, p.total / MIB, needed / MIB);
	else
		check_say(c, CHECK_OK, "hugepages", "%.0f MiB free, %.0f MiB needed", p.free / MIB,
			needed / MIB);
	if (!check_eal(c->config, "--in-memory", 0, value, sizeof(value)))
		check_say(c, CHECK_WARN, "hugepages",
			"packets lie in files of hugetlbfs that outlive a crash; add --in-memory "
			"to "
			"dataplane.eal");
}

static void look_at_swap(const struct check *c)
{
	char path[4096], line[512];
	unsigned n = 0;

	snprintf(path, sizeof(path), "%s/proc/swaps", c->root);
	FILE *f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		n++;
	if (f)
		fclose(f);
	if (n > 1)
		check_say(c, CHECK_WARN, "swap",
			"is on: what is in memory may come to the disk; swapoff -a, and take it "
			"out of "
			"/etc/fstab");
	else
		check_say(c, CHECK_OK, "swap", "is off");
}

void check_memory(const struct check *c)
{
	char pattern[256];

	look_at_pages(c);
	look_at_swap(c);
	if (!check_read(c, pattern, sizeof(pattern), "/proc/sys/kernel/core_pattern"))
		return;
	if (pattern[0] == '|')
		check_say(c, CHECK_OK, "core dumps",
			"both programs forbid them; those of others go to %.80s", pattern + 1);
	else
		check_say(c, CHECK_OK, "core dumps", "both programs forbid them");
}

void check_clock(const struct check *c)
{
	struct timex t = {0};
	int state = adjtimex(&t);

	if (state < 0 || state == TIME_ERROR || (t.status & STA_UNSYNC))
		check_say(c, CHECK_WARN, "clock",
			"not synchronised: the times in PDUs may be wrong; apt install chrony, "
			"then look "
			"at: chronyc tracking");
	else
		check_say(c, CHECK_OK, "clock", "synchronised, within %.3f s",
			(double)t.maxerror / 1e6);
}
