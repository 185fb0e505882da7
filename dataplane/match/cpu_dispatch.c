// Takes the loops of every packet for the CPU that runs them.

#include "dataplane/match/cpu_dispatch.h"

#include <stdbool.h>

#if POI_CPU_DISPATCH
#include "dataplane/match/match.h"
#include "dataplane/packet/parse.h"
#endif

enum cpu_dispatch cpu_dispatch_best(void)
{
	__builtin_cpu_init();
	bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
		  __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("fma");
	bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
		  __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
		  __builtin_cpu_supports("avx512vl");

	return v4 ? CPU_DISPATCH_V4 : v3 ? CPU_DISPATCH_V3 : CPU_DISPATCH_V2;
}

#if POI_CPU_DISPATCH

#define DECLARE(v)                                                                        \
	uint32_t parse_burst_##v(                                                         \
		const struct port_traits *port, struct packet_view *views, unsigned n);   \
	unsigned match_burst_##v(const struct table *t, const struct port_traits *port,   \
		const struct packet_view *views, unsigned n, struct match_cursor *cursor, \
		struct hit *hits, unsigned max_hits);                                     \
	bool parse_by_layers_##v(                                                         \
		const struct port_traits *port, struct packet_view *view);                \
	uint32_t parse_unopened_##v(                                                      \
		const struct port_traits *port, const struct packet_view *view)
DECLARE(v2);
DECLARE(v3);
DECLARE(v4);

struct variant {
	uint32_t (*parse)(const struct port_traits *port, struct packet_view *views, unsigned n);
	unsigned (*match)(const struct table *t, const struct port_traits *port,
		const struct packet_view *views, unsigned n, struct match_cursor *cursor,
		struct hit *hits, unsigned max_hits);
	const char *name;
};

static const struct variant variants[] = {
	[CPU_DISPATCH_V2] = {parse_burst_v2, match_burst_v2, "x86-64-v2"},
	[CPU_DISPATCH_V3] = {parse_burst_v3, match_burst_v3, "x86-64-v3 (AVX2)"},
	[CPU_DISPATCH_V4] = {parse_burst_v4, match_burst_v4, "x86-64-v4 (AVX-512)"},
};

// Written before the workers are launched, which orders it before their first look.
static struct variant in_use = {parse_burst_v2, match_burst_v2, "x86-64-v2"};

void cpu_dispatch_use(enum cpu_dispatch k)
{
	in_use = variants[k];
}

const char *cpu_dispatch_name(void)
{
	return in_use.name;
}

uint32_t parse_burst(const struct port_traits *port, struct packet_view *views, unsigned n)
{
	return in_use.parse(port, views, n);
}

bool parse_by_layers(const struct port_traits *port, struct packet_view *view)
{
	return parse_by_layers_v2(port, view);
}

// For samples: each CPU has the one that all can run.
uint32_t parse_unopened(const struct port_traits *port, const struct packet_view *view)
{
	return parse_unopened_v2(port, view);
}

unsigned match_burst(const struct table *t, const struct port_traits *port,
	const struct packet_view *views, unsigned n, struct match_cursor *cursor, struct hit *hits,
	unsigned max_hits)
{
	return in_use.match(t, port, views, n, cursor, hits, max_hits);
}

#else

void cpu_dispatch_use(enum cpu_dispatch k)
{
	(void)k;
}

const char *cpu_dispatch_name(void)
{
	return "as built for one machine";
}

#endif
