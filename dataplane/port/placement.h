#pragma once

// Puts the threads of this process on their CPUs: those that main() starts inherit the control
// CPUs, delivery threads and workers have their own.

#include "shared/cpu_plan.h"

struct placement {
	cpu_set_t before;     // the mask that this process was started with
	struct cpu_plan plan; // once placed
};

// Reads the process's mask, makes the plan and puts the calling thread on the control CPUs, so that
// the EAL's helper threads come there as well. `own_cores`: the EAL is given its own cores, and the
// configuration's workers and main-cpu are nothing but names. 0, or INVALID with `why` naming the
// key whose CPU this process may not use. Before rte_eal_init.
[[nodiscard]] int placement_begin(struct placement *p, const struct config *c, bool own_cores,
	char *why, size_t size);

// Makes the plan by the CPUs that workers and main core really have, and puts the calling thread,
// which the EAL has moved, on the control CPUs. As above; after rte_eal_init.
struct placement_cores {
	cpu_set_t workers;
	size_t main_cpu;
};
[[nodiscard]] int placement_end(struct placement *p, const struct config *c,
	const struct placement_cores *cores, char *why, size_t size);
