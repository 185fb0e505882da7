#pragma once

// Between cli_check.c (the command) and the parts of `poi check`. Each part looks at one area and
// says a line for each thing it looked at. Nothing is started, and nothing is written but for a
// socket that is bound and closed again to see whether an address is free.

#include "shared/config.h"

// HINT: works, and could be better where the machine or the network allows it. WARN: something will
// fail or is less than the configuration asks for. FAIL: the programs do not start, or do not do
// their work.
enum check_verdict { CHECK_OK, CHECK_HINT, CHECK_WARN, CHECK_FAIL };

struct check {
	const struct config *config;
	const char *root; // in whose /proc and /sys is looked: "" but in tests
	void (*say)(void *context, enum check_verdict v, const char *area, const char *text);
	void *context;
};

// Reports a check: its subject and, unless the verdict is ok, the command or change that helps.
void check_say(const struct check *c, enum check_verdict v, const char *area, const char *format,
	...) __attribute__((format(printf, 4, 5)));

void check_policy(const struct check *c);	// what is accepted, and yet worth a word
void check_certificates(const struct check *c); // of X1 and of delivery
void check_files(const struct check *c);	// folders, key files, disks
void check_events(const struct check *c);	// users of functions, poi-events and its folder
void check_cpus(const struct check *c);
void check_memory(const struct check *c); // hugepages, swap, core dumps
void check_clock(const struct check *c);
void check_kernel_tls(const struct check *c); // where delivery asks for it
void check_listeners(const struct check *c);
void check_ports(const struct check *c);     // NICs and virtual devices
void check_processes(const struct check *c); // of those that run: channel version, spread of ports

// The first line of a file below root, without its end; false when it cannot be read.
bool check_read(const struct check *c, char *out, size_t size, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
// Is `number` in a list as the kernel writes it ("0-3,8")?
bool check_in_list(const char *list, unsigned number);
// The value of an EAL option ("-m", "--vdev"), the `n`th of them: "-m 256", "-m256", "--vdev=x".
// False when there are fewer. `value` is "" for one without a value.
bool check_eal(const struct config *c, const char *option, unsigned n, char *value, size_t size);
// Bytes that the EAL takes: what -m or --socket-mem asks for, else the packet buffers and a
// reserve.
double check_memory_needed(const struct config *c, bool *asked);
// Memory node of a CPU, -1 when unknown.
int check_cpu_node(const struct check *c, unsigned cpu);
