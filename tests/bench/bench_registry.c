// Memory of poi-control per task: growth of the resident set over 100,000 tasks as an ADMF sends
// them, and the time of a look-up. Fails beyond 2 KiB a task.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "control/state/registry.h"

#define TASKS 100000u
#define OCTETS_MAX 2048u

static const char details[] =
	"<x1:taskDetails xmlns:x1=\"http://uri.etsi.org/03221/X1/2017/10\">"
	"<x1:xId>7a500001-0001-4001-8001-%012x</x1:xId><x1:targetIdentifiers><x1:targetIdentifier>"
	"<x1:ipv4Address>10.%u.%u.%u</x1:ipv4Address></x1:targetIdentifier></x1:targetIdentifiers>"
	"<x1:deliveryType>X2andX3</x1:deliveryType><x1:listOfDIDs>"
	"<x1:dId>1d000001-0001-4001-8001-0000000000d1</x1:dId>"
	"<x1:dId>1d000001-0001-4001-8001-0000000000d2</x1:dId></x1:listOfDIDs>"
	"<x1:correlationID>%u</x1:correlationID>"
	"<x1:implicitDeactivationAllowed>false</x1:implicitDeactivationAllowed>"
	"<x1:productID>8a500001-0001-4001-8001-%012x</x1:productID></x1:taskDetails>";

static uint64_t resident(void)
{
	unsigned long total = 0, pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (!f || fscanf(f, "%lu %lu", &total, &pages) != 2)
		abort();
	fclose(f);
	return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct id16 id(uint32_t n)
{
	struct id16 i = {{0x7a, 0x50}};

	memcpy(i.b + 12, &n, sizeof(n));
	return i;
}

static void add_destinations(struct registry *r)
{
	for (uint32_t n = 1; n <= 2; n++) {
		struct channel_destination d = {
			.did = id(n), .port = 42001, .delivery = DELIVERY_X3};
		d.address = (struct ip_address){.family = 4};
		if (registry_destination_add(r, registry_destination_new(0, &d, "<d/>", 4)))
			abort();
	}
}

static size_t add_task(struct registry *r, uint32_t n)
{
	char xml[2048];
	struct channel_task c = {.xid = id(n + 100),
		.header_xid = id(n + 100),
		.delivery = DELIVERY_X2 | DELIVERY_X3,
		.n_destinations = 2,
		.did = {id(1), id(2)}};
	uint8_t a = (uint8_t)(n >> 16), b = (uint8_t)(n >> 8), e = (uint8_t)n;
	int length = snprintf(xml, sizeof(xml), details, n, a, b, e, n, n);

	c.filter.kinds = FILTER_ADDRESS;
	c.filter.n_address = 1;
	c.filter.address[0] = (struct ip_prefix){.family = 4, .length = 32, .b = {10, a, b, e}};
	struct registry_task *t = registry_task_new(0, &c, xml, (size_t)length);
	if (!t || registry_task_add(r, t))
		abort();
	return (size_t)length;
}

int main(void)
{
	const char *ne = "poi-01";
	struct registry *r = registry_new(1, &ne);
	size_t xml = 0;

	if (!r)
		return 1;
	add_destinations(r);
	uint64_t before = resident();
	double start = seconds();
	for (uint32_t n = 0; n < TASKS; n++)
		xml += add_task(r, n);
	double added = seconds();
	uint64_t octets = (resident() - before) / TASKS;
	for (uint32_t n = 0; n < TASKS; n++) {
		struct id16 key = id((n * 7919u) % TASKS + 100);
		if (!registry_task_find(r, 0, &key))
			abort();
	}
	double found = seconds();
	printf("%u tasks: %" PRIu64 " octets a task (of them %zu taskDetails), added %.2f us, "
	       "found %.2f us each\n",
		TASKS, octets, xml / TASKS, (added - start) * 1e6 / TASKS,
		(found - added) * 1e6 / TASKS);
	registry_free(r);
	return octets > OCTETS_MAX;
}
