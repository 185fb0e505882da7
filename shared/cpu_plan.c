// Deals the CPUs that no worker has out to the other threads of poi-dataplane.
#include "shared/cpu_plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void without(cpu_set_t *from, const cpu_set_t *other)
{
	cpu_set_t common;

	CPU_AND(&common, from, other);
	CPU_XOR(from, from, &common);
}

static void set_of(const int32_t *cpu, uint32_t n, cpu_set_t *out)
{
	CPU_ZERO(out);
	for (uint32_t i = 0; i < n; i++)
		if (cpu[i] >= 0 && cpu[i] < CPU_SETSIZE)
			CPU_SET((size_t)cpu[i], out);
}

// Appends the members of `set` in their order; returns how many are in `cpu` then.
static uint32_t append(uint16_t *cpu, uint32_t n, uint32_t most, const cpu_set_t *set)
{
	for (size_t i = 0; i < CPU_SETSIZE && n < most; i++)
		if (CPU_ISSET(i, set))
			cpu[n++] = (uint16_t)i;
	return n;
}

// CPUs for delivery threads without delivery.cpus. `listed` is control-cpus, empty without the key.
static uint32_t find_delivery(const struct cpu_machine *m, const cpu_set_t *listed,
	uint16_t cpu[CONFIG_DELIVERY_THREADS_MAX])
{
	const size_t main_cpu = m->main_cpu;
	const uint32_t most = CONFIG_DELIVERY_THREADS_MAX;
	cpu_set_t apart = m->allowed, beside;

	without(&apart, &m->workers);
	without(&apart, listed);
	CPU_CLR(main_cpu, &apart);
	CPU_AND(&beside, &apart, &m->beside);
	without(&apart, &beside);
	uint32_t n = append(cpu, 0, most, &apart);
	n = append(cpu, n, most, &beside);
	bool main_is_free = CPU_COUNT(listed) > 0 && !CPU_ISSET(main_cpu, listed) &&
			    !CPU_ISSET(main_cpu, &m->workers);
	if (n < most && main_is_free)
		cpu[n++] = (uint16_t)main_cpu;
	if (n == 0 && CPU_COUNT(listed) > 0)
		n = append(cpu, 0, most, listed);
	if (n == 0)
		cpu[n++] = (uint16_t)main_cpu;
	return n;
}

// CPUs for control threads without dataplane.control-cpus.
static void find_control(const struct cpu_machine *m, const cpu_set_t *delivery, cpu_set_t *out)
{
	cpu_set_t beside;

	*out = m->allowed;
	CPU_SET(m->main_cpu, out);
	without(out, &m->workers);
	without(out, delivery);
	CPU_AND(&beside, out, &m->beside);
	without(out, &beside);
	if (CPU_COUNT(out) == 0)
		*out = beside;
	if (CPU_COUNT(out) == 0)
		CPU_SET(m->main_cpu, out);
}

void cpu_plan_make(const struct config *c, const struct cpu_machine *machine, struct cpu_plan *out)
{
	const struct config_dataplane *d = &c->dataplane;
	uint16_t cpu[CONFIG_DELIVERY_THREADS_MAX] = {0};
	cpu_set_t listed, delivery;
	uint32_t n = 0;

	set_of(d->control_cpus, d->n_control_cpus, &listed);
	for (; n < c->delivery.n_cpus && n < CONFIG_DELIVERY_THREADS_MAX; n++)
		cpu[n] = (uint16_t)c->delivery.cpus[n];
	if (n == 0)
		n = find_delivery(machine, &listed, cpu);
	*out = (struct cpu_plan){.n_delivery = c->delivery.threads ? c->delivery.threads : 1};
	CPU_ZERO(&delivery);
	for (uint32_t i = 0; i < out->n_delivery; i++) {
		out->delivery[i] = cpu[i % n];
		CPU_SET((size_t)out->delivery[i], &delivery);
	}
	if (d->n_control_cpus > 0)
		out->control = listed;
	else
		find_control(machine, &delivery, &out->control);
}

void cpu_listings(const struct config *c, struct cpu_listing out[CPU_LISTINGS])
{
	const struct config_dataplane *d = &c->dataplane;

	out[0] = (struct cpu_listing){"dataplane.workers", d->workers, d->n_workers};
	out[1] = (struct cpu_listing){"dataplane.control-cpus", d->control_cpus, d->n_control_cpus};
	out[2] = (struct cpu_listing){"delivery.cpus", c->delivery.cpus, c->delivery.n_cpus};
}

void cpu_plan_workers(const struct config_dataplane *d, cpu_set_t *out)
{
	set_of(d->workers, d->n_workers, out);
}

void cpu_plan_beside(const char *root, const cpu_set_t *of, cpu_set_t *out)
{
	CPU_ZERO(out);
	for (size_t i = 0; i < CPU_SETSIZE; i++) {
		char path[4096], line[1024];
		cpu_set_t core;
		if (!CPU_ISSET(i, of))
			continue;
		snprintf(path, sizeof(path),
			"%s/sys/devices/system/cpu/cpu%zu/topology/thread_siblings_list", root, i);
		FILE *f = fopen(path, "re");
		if (!f)
			continue;
		if (fgets(line, sizeof(line), f)) {
			cpu_list_read(line, &core);
			CPU_OR(out, out, &core);
		}
		fclose(f);
	}
	without(out, of);
}

void cpu_list_read(const char *list, cpu_set_t *out)
{
	CPU_ZERO(out);
	while (*list) {
		char *end;
		unsigned long low = strtoul(list, &end, 10), high = low;
		if (end == list)
			return;
		if (*end == '-')
			high = strtoul(end + 1, &end, 10);
		for (unsigned long i = low; i <= high && i < CPU_SETSIZE; i++)
			CPU_SET(i, out);
		list = *end == ',' ? end + 1 : end;
	}
}

void cpu_list_write(const cpu_set_t *set, char out[CPU_LIST_TEXT])
{
	size_t n = 0;

	out[0] = '\0';
	for (size_t low = 0; low < CPU_SETSIZE; low++) {
		char part[32];
		size_t high = low;
		if (!CPU_ISSET(low, set))
			continue;
		while (high + 1 < CPU_SETSIZE && CPU_ISSET(high + 1, set))
			high++;
		int size = low == high ? snprintf(part, sizeof(part), "%s%zu", n ? "," : "", low)
				       : snprintf(part, sizeof(part), "%s%zu-%zu", n ? "," : "",
						 low, high);
		if (n + (size_t)size + sizeof(",...") > CPU_LIST_TEXT) {
			snprintf(out + n, CPU_LIST_TEXT - n, ",...");
			return;
		}
		memcpy(out + n, part, (size_t)size + 1);
		n += (size_t)size;
		low = high;
	}
}
