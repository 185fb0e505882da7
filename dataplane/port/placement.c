// Puts the threads of this process on their CPUs.

#include "dataplane/port/placement.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "shared/error.h"

// Moves the caller to the CPU; false: the kernel does not let threads of this process there.
static bool may_use(size_t cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	return sched_setaffinity(0, sizeof(one), &one) == 0;
}

static int try_list(const char *key, const int32_t *cpu, uint32_t n, char *why, size_t size)
{
	for (uint32_t i = 0; i < n; i++)
		if (!may_use((size_t)cpu[i])) {
			snprintf(why, size,
				"%s[%u]: CPU %d is not there, or AllowedCPUs= of the unit (cpuset "
				"of the container) forbids it: %s",
				key, i, cpu[i], strerror(errno));
			return POI_ERR_INVALID;
		}
	return POI_OK;
}

static int place(struct placement *p, const struct config *c, const struct placement_cores *cores,
	char *why, size_t size)
{
	const struct config_dataplane *d = &c->dataplane;
	struct cpu_machine m = {
		.main_cpu = cores->main_cpu, .allowed = p->before, .workers = cores->workers};

	cpu_plan_beside("", &cores->workers, &m.beside);
	cpu_plan_make(c, &m, &p->plan);
	int e = try_list("delivery.cpus", c->delivery.cpus, c->delivery.n_cpus, why, size);
	if (e == POI_OK)
		e = try_list(
			"dataplane.control-cpus", d->control_cpus, d->n_control_cpus, why, size);
	if (e != POI_OK)
		return e;
	if (sched_setaffinity(0, sizeof(p->plan.control), &p->plan.control) == 0)
		return POI_OK;
	snprintf(why, size, "dataplane.main-cpu: CPU %zu cannot be used: %s", cores->main_cpu,
		strerror(errno));
	return POI_ERR_INVALID;
}

int placement_begin(
	struct placement *p, const struct config *c, bool own_cores, char *why, size_t size)
{
	struct placement_cores cores = {
		.main_cpu = c->dataplane.main_cpu < 0 ? 0 : (size_t)c->dataplane.main_cpu};

	*p = (struct placement){0};
	if (sched_getaffinity(0, sizeof(p->before), &p->before) != 0) {
		snprintf(why, size, "the affinity mask cannot be read: %s", strerror(errno));
		return POI_ERR_IO;
	}
	if (!own_cores)
		cpu_plan_workers(&c->dataplane, &cores.workers);
	else
		for (cores.main_cpu = 0; !CPU_ISSET(cores.main_cpu, &p->before);)
			cores.main_cpu++;
	return place(p, c, &cores, why, size);
}

int placement_end(struct placement *p, const struct config *c, const struct placement_cores *cores,
	char *why, size_t size)
{
	return place(p, c, cores, why, size);
}
