// `poi check`: memory, clock.
#include "control/cli/cli_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>

#include "shared/packet_buffers.h"

#define MIB (1024.0 * 1024)

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
	double buffers = 0;
	for (uint32_t i = 0; i < c->dataplane.n_ports; i++)
		buffers += packet_buffers_of_port(c, i);
	return buffers * (c->dataplane.mbuf_size + 384.0) + 64 * MIB;
}

static void look_at_pages(const struct check *c)
{
	char value[64];
	struct pages p;
	bool asked;

	double needed = check_memory_needed(c->config, &asked);
	if (check_eal(c->config, "--no-huge", 0, value, sizeof(value))) {
		check_say(c, CHECK_HINT, "hugepages",
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

// Fewer buffers than can be away at a time: the queues run dry now and then.
static void look_at_buffers(const struct check *c)
{
	const struct config_dataplane *d = &c->config->dataplane;

	for (uint32_t i = 0; i < d->n_ports && d->mbufs > 0; i++) {
		uint32_t needed = packet_buffers_reckon(c->config, i);
		if (d->mbufs < needed)
			check_say(c, CHECK_WARN, "buffers",
				"port %s: dataplane.mbufs is %u, and its queues, bursts and held "
				"packets can take %u: frames may be lost for want of a buffer; "
				"take the key out",
				d->ports[i].device, d->mbufs, needed);
	}
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
	look_at_buffers(c);
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

void check_kernel_tls(const struct check *c)
{
	char known[256], *rest = known, *word;

	if (!c->config->delivery.kernel_tls)
		return;
	if (!check_read(c, known, sizeof(known), "/proc/sys/net/ipv4/tcp_available_ulp"))
		known[0] = '\0';
	while ((word = strsep(&rest, " ")))
		if (strcmp(word, "tls") == 0) {
			check_say(c, CHECK_OK, "kernel TLS",
				"the kernel has it; whether it takes a connection's cipher shows "
				"when it is made");
			return;
		}
	check_say(c, CHECK_HINT, "kernel TLS",
		"the kernel's module tls is not loaded, so this program encrypts; modprobe tls, "
		"and echo tls > /etc/modules-load.d/poi.conf");
}
