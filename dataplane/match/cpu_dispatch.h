#pragma once

// The loops that every packet goes through (parse.c, match.c) for the CPU they run on. A build for the
// machine it is made on holds them once. A build for all machines (-Ddataplane-march=x86-64-v2) holds
// them three times, and the best that the CPU can run is taken once, before any worker starts; a call
// through a pointer a burst is all that it costs.

enum cpu_dispatch { CPU_DISPATCH_V2, CPU_DISPATCH_V3, CPU_DISPATCH_V4 }; // x86-64-v2 ..., AVX2 with v3, AVX-512 with v4

// The best of this CPU.
enum cpu_dispatch cpu_dispatch_best(void);
// Takes these from now on; a CPU that lacks them ends the process at the first packet. Without effect
// where they are built once. Before the workers start.
void cpu_dispatch_use(enum cpu_dispatch k);
// Name of the loops in use, for the log.
const char *cpu_dispatch_name(void);
