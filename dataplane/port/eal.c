// Starts DPDK's environment as the configuration says.
#include "dataplane/port/eal.h"

#include <pthread.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_memory.h>

#include "dataplane/port/eal_arguments.h"
#include "dataplane/port/eal_cause.h"
#include "dataplane/port/eal_log.h"
#include "dataplane/port/eal_vdev.h"
#include "shared/harden.h"

#define LCORES_TEXT 1024
#define EXTRA_ARGUMENTS 5

// Is the option there, as "--name", "--name=..." or, for a short one, "-l1,2"?
static bool given(const struct eal_arguments *a, const char *option)
{
	size_t n = strlen(option);
	bool is_short = option[1] != '-';

	for (int i = 0; i < a->n; i++) {
		const char *v = a->argument[i];
		// NOLINTBEGIN(clang-analyzer-core.UndefinedBinaryOperatorResult): v has n octets
		if (strncmp(v, option, n) == 0 && (is_short || v[n] == '\0' || v[n] == '='))
			return true;
		// NOLINTEND(clang-analyzer-core.UndefinedBinaryOperatorResult)
	}
	return false;
}

static bool own_cores(const struct eal_arguments *a)
{
	return given(a, "-l") || given(a, "--lcores") || given(a, "-c");
}

// Logical cores are numbered 0 (main), 1, 2 ...; each is bound to its CPU. So two of them may share
// one.
static void lcores(const struct config_dataplane *d, char *out, size_t size)
{
	int at = snprintf(out, size, "--lcores=0@%d", d->main_cpu < 0 ? 0 : d->main_cpu);

	for (uint32_t i = 0; i < d->n_workers && at > 0 && (size_t)at < size; i++)
		at += snprintf(out + at, size - (size_t)at, ",%u@%d", i + 1, d->workers[i]);
}

// The same after a restart, so that files left by a killed process are taken over, and different
// for another instance on the same machine.
static uint32_t instance(const char *runtime_dir)
{
	uint32_t h = 2166136261u;

	for (; *runtime_dir; runtime_dir++)
		h = (h ^ (uint8_t)*runtime_dir) * 16777619u;
	return h;
}

static void tell_story(struct eal_story *s, const char *eal)
{
	const struct passwd *p = getpwuid(geteuid());

	*s = (struct eal_story){
		.root = "", .log = eal_log_text(), .eal = eal, .user = p ? p->pw_name : "this one"};
}

static int run_init(struct eal_arguments *a, const struct config *config, char *why, size_t size)
{
	char *argv[EAL_ARGUMENTS_MAX + EXTRA_ARGUMENTS + 2];
	char cores[LCORES_TEXT], prefix[64], telemetry[] = "--no-telemetry",
					     name[] = "poi-dataplane", in_memory[] = "--in-memory",
					     no_shconf[] = "--no-shconf";
	int argc = 0;

	argv[argc++] = name;
	if (!own_cores(a)) {
		lcores(&config->dataplane, cores, sizeof(cores));
		argv[argc++] = cores;
	}
	// Files of hugepages would outlive a kill -9, with packets in them; the sockets of a second
	// DPDK process would be another way into this one. (Without hugepages there is no file, and
	// the EAL refuses the two together.)
	bool no_huge = given(a, "--no-huge");
	if (!no_huge && !given(a, "--in-memory"))
		argv[argc++] = in_memory;
	if (no_huge && !given(a, "--no-shconf"))
		argv[argc++] = no_shconf;
	if (!given(a, "--no-telemetry") && !given(a, "--telemetry"))
		argv[argc++] = telemetry;
	if (!given(a, "--file-prefix")) {
		snprintf(prefix, sizeof(prefix), "--file-prefix=poi-%08x",
			instance(config->runtime_dir));
		argv[argc++] = prefix;
	}
	for (int i = 0; i < a->n; i++)
		if (!no_huge || strcmp(a->argument[i], "--in-memory") != 0)
			argv[argc++] = a->argument[i];
	argv[argc] = NULL;
	// net_af_xdp: libxdp's dispatcher keeps files in a bpffs that would outlive the process,
	// and one program per interface is all that a port needs.
	(void)setenv(
		"LIBXDP_SKIP_DISPATCHER", "1", 0); // NOLINT(concurrency-mt-unsafe): no threads yet
	eal_log_start();
	int started = rte_eal_init(argc, argv);
	eal_log_stop();
	if (started < 0) {
		struct eal_story s;
		tell_story(&s, config->dataplane.eal);
		eal_cause_of_start(&s, rte_strerror(rte_errno), why, size);
		return POI_ERR_IO;
	}
	if (eal_worker_lcore(config->dataplane.n_workers - 1) < 0) {
		snprintf(why, size,
			"dataplane.eal names its own cores, but fewer than dataplane.workers (%u)",
			config->dataplane.n_workers);
		rte_eal_cleanup();
		return POI_ERR_INVALID;
	}
	return POI_OK;
}

static int hide_one(const struct rte_memseg_list *list, const struct rte_memseg *m, void *unused)
{
	(void)list;
	(void)unused;
	harden_hide(m->addr, m->len);
	return 0;
}

static void hide_more(enum rte_mem_event what, const void *at, size_t octets, void *unused)
{
	(void)unused;
	if (what == RTE_MEM_EVENT_ALLOC)
		harden_hide((void *)(uintptr_t)at, octets);
}

// Packets lie there, and what is allocated later as well.
static void hide_packets(void)
{
	(void)rte_memseg_walk(hide_one, NULL);
	(void)rte_mem_event_callback_register("poi-hide", hide_more, NULL);
}

static void read_cores(const struct config *config, struct placement_cores *out)
{
	rte_cpuset_t first = rte_lcore_cpuset(rte_get_main_lcore());

	*out = (struct placement_cores){0};
	while (out->main_cpu < CPU_SETSIZE - 1 && !CPU_ISSET(out->main_cpu, &first))
		out->main_cpu++;
	for (unsigned i = 0; i < config->dataplane.n_workers; i++) {
		rte_cpuset_t own = rte_lcore_cpuset((unsigned)eal_worker_lcore(i));
		CPU_OR(&out->workers, &out->workers, &own);
	}
}

int eal_start(const struct config *config, struct placement *placed, char *why, size_t why_size)
{
	struct placement_cores cores;
	struct eal_arguments a;
	int e = eal_split(config->dataplane.eal ? config->dataplane.eal : "", &a);

	if (e != POI_OK) {
		snprintf(why, why_size, "dataplane.eal: %s",
			e == POI_ERR_SYNTAX ? "a quote is left open" : poi_error_text(e));
		return e;
	}
	e = eal_vdev_prepare(&a, why, why_size);
	if (e == POI_OK)
		e = placement_begin(placed, config, own_cores(&a), why, why_size);
	if (e == POI_OK)
		e = run_init(&a, config, why, why_size);
	free(a.text);
	if (e != POI_OK)
		return e;
	read_cores(config, &cores);
	e = placement_end(placed, config, &cores, why, why_size);
	if (e == POI_OK)
		hide_packets();
	else
		rte_eal_cleanup();
	return e;
}

void eal_why_no_port(const char *eal, const char *device, char *why, size_t size)
{
	struct eal_story s;

	tell_story(&s, eal);
	eal_cause_of_port(&s, device, why, size);
}

void eal_stop(void)
{
	eal_log_free();
	rte_eal_cleanup();
}

int eal_worker_lcore(unsigned worker)
{
	unsigned lcore, n = 0;

	RTE_LCORE_FOREACH_WORKER(lcore)
	{
		if (n++ == worker)
			return (int)lcore;
	}
	return -1;
}

void eal_name_worker(void)
{
	char name[16];

	for (unsigned i = 0; eal_worker_lcore(i) >= 0; i++)
		if (eal_worker_lcore(i) == (int)rte_lcore_id()) {
			snprintf(name, sizeof(name), "poi-worker-%u", i);
			(void)pthread_setname_np(pthread_self(), name);
		}
}

const char *eal_runtime_dir(void)
{
	return rte_eal_get_runtime_dir();
}
