#pragma once

// Deals out the CPUs for the threads of poi-dataplane, from the configuration and the machine.
// Pure: the dataplane places its threads by it, and `poi check` prints the result.

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/config.h"

#define CPU_LIST_TEXT 128 // of a list as the kernel writes it; a longer one ends in "..."

struct cpu_machine {
	size_t main_cpu;   // dataplane.main-cpu, or that of the EAL's main core
	cpu_set_t allowed; // the process's own affinity mask, before the EAL changes it
	cpu_set_t workers; // CPUs of the workers
	cpu_set_t beside;  // other hardware threads of the workers' cores
};

struct cpu_plan {
	cpu_set_t control; // of builder, follower and all helper threads; never empty
	uint32_t n_delivery;
	uint16_t delivery[CONFIG_DELIVERY_THREADS_MAX]; // CPU of each delivery thread
};

// Delivery threads get delivery.cpus in turn. Without the key each gets one of the CPUs in
// `allowed` that no worker, main-cpu or dataplane.control-cpus has, in turn where they are fewer;
// CPUs beside a worker's come last. Where none is left they share the control threads' CPUs. The
// control threads get dataplane.control-cpus, or without the key main-cpu and what is left of
// `allowed`; main-cpu alone where that is nothing.
void cpu_plan_make(
	const struct config *c, const struct cpu_machine *machine, struct cpu_plan *out);

// The keys that list CPUs, with what they list.
struct cpu_listing {
	const char *path; // "delivery.cpus"
	const int32_t *cpu;
	uint32_t n;
};

#define CPU_LISTINGS 3u // the first is dataplane.workers
void cpu_listings(const struct config *c, struct cpu_listing out[CPU_LISTINGS]);

// CPUs of dataplane.workers.
void cpu_plan_workers(const struct config_dataplane *d, cpu_set_t *out);
// Reads below `root` which other hardware threads the cores of `of` have.
void cpu_plan_beside(const char *root, const cpu_set_t *of, cpu_set_t *out);

// A list as the kernel writes it: "0-3,8". Numbers from CPU_SETSIZE on are left out.
void cpu_list_read(const char *list, cpu_set_t *out);
void cpu_list_write(const cpu_set_t *set, char out[CPU_LIST_TEXT]);
