// Looks after open ports: their counters, links and devices, and what is reported of them.

#include "dataplane/port/port.h"

#include <stdio.h>
#include <string.h>
#include <rte_lcore.h>

#include "dataplane/port/eal.h"
#include "dataplane/port/port_internal.h"

#define BACK_LOOKS 2 // in a row: udev gives its file to our group a little later

bool port_link_is_up(const struct port *p)
{
	struct rte_eth_link link = {0};
	bool up = rte_eth_link_get_nowait(p->id, &link) == 0 && link.link_status;

	return up && (p->info.if_index == 0 || netdev_running(p->info.if_index));
}

bool port_counts_losses(const struct port *p)
{
	static const char *const silent[] = {"net_memif", "net_ring", "net_vhost"};

	for (size_t i = 0; i < sizeof(silent) / sizeof(silent[0]); i++)
		if (strcmp(p->info.driver_name, silent[i]) == 0)
			return false;
	return true;
}

// Reads the driver's counters. A device that has gone reads as anything: its last ones stay.
static struct rte_eth_stats stats_of(struct port *p)
{
	struct rte_eth_stats s = {0};

	if (!p->device.released && rte_eth_stats_get(p->id, &s) == 0 &&
		port_device_answers(&p->device))
		p->stats = s;
	return p->stats;
}

uint32_t ports_count(const struct ports *ps)
{
	return ps->n;
}

void ports_status(struct ports *ps, struct channel_status *out)
{
	out->ports = ps->n;
	for (uint32_t i = 0; i < ps->n; i++) {
		struct port *p = &ps->port[i];
		struct rte_eth_stats s = stats_of(p);
		snprintf(out->port[i].name, sizeof(out->port[i].name), "%s", p->name);
		out->port[i].link_up = p->link_up;
		out->port[i].counts_losses = port_counts_losses(p);
		out->port[i].received = s.ipackets;
		s.imissed += p->drops.dropped;
		out->port[i].imissed = s.imissed;
		out->port[i].nombuf = s.rx_nombuf;
		out->port[i].ierrors = s.ierrors;
		out->port[i].transmitted = s.opackets;
		out->packets.imissed += s.imissed;
		out->packets.nombuf += s.rx_nombuf;
		out->packets.ierrors += s.ierrors;
	}
}

// The CPU of a worker's thread, the first where --lcores gives it several. The EAL's own answer,
// rte_lcore_to_cpu_id, is the CPU that has the lcore's number.
static uint32_t cpu_of(unsigned lcore)
{
	rte_cpuset_t own = rte_lcore_cpuset(lcore);
	uint32_t cpu = 0;

	while (cpu < CPU_SETSIZE - 1 && !CPU_ISSET(cpu, &own))
		cpu++;
	return cpu;
}

void ports_workers(const struct ports *ps, struct channel_workers *out)
{
	for (uint32_t i = 0; i < ps->n_workers && i < out->workers; i++) {
		int lcore = eal_worker_lcore(i);
		if (lcore >= 0) {
			out->worker[i].cpu = cpu_of((unsigned)lcore);
			out->worker[i].node = rte_lcore_to_socket_id((unsigned)lcore);
		}
		out->worker[i].queues = ps->n_lanes[i];
	}
	out->ports = ps->n;
	for (uint32_t i = 0; i < ps->n; i++) {
		const struct port *p = &ps->port[i];
		snprintf(out->port[i].driver, sizeof(out->port[i].driver), "%s",
			p->info.driver_name);
		out->port[i].node = p->device.released ? -1 : rte_eth_dev_socket_id(p->id);
		out->port[i].queues = p->n_rx;
		out->port[i].spread = (uint8_t)p->spread;
		out->port[i].deaf = p->deaf;
		out->port[i].descriptors = p->descriptors;
	}
}

static void report_link(const struct port *p, port_report report, void *context)
{
	struct channel_event e = {.kind = p->link_up ? EVENT_LINK_UP : EVENT_LINK_DOWN};

	snprintf(e.subject, sizeof(e.subject), "%s", p->name);
	if (p->lost)
		snprintf(e.text, sizeof(e.text),
			"port %s: device removed; poi-dataplane restarts when it is back", p->name);
	else if (p->reset)
		snprintf(e.text, sizeof(e.text),
			"port %s: its driver requires a new start; poi-dataplane restarts",
			p->name);
	else
		snprintf(e.text, sizeof(e.text), "port %s: link %s", p->name,
			p->link_up ? "up" : "down");
	report(context, &e);
}

static void report_deaf(const struct port *p, port_report report, void *context)
{
	struct channel_event e = {.kind = EVENT_PORT_DEAF};

	snprintf(e.subject, sizeof(e.subject), "%s", p->name);
	snprintf(e.text, sizeof(e.text),
		"port %.32s: promiscuous mode refused: only frames to its own address are received",
		p->name);
	report(context, &e);
}

static void report_loss(
	const struct port *p, const struct rte_eth_stats *s, port_report report, void *context)
{
	uint64_t imissed = s->imissed - p->imissed, nombuf = s->rx_nombuf - p->nombuf;
	uint64_t ierrors = s->ierrors - p->ierrors, handed = p->handover_full - p->handed;
	uint64_t by_port = imissed + nombuf + ierrors;
	struct channel_event e = {.kind = p->losing.reported ? EVENT_PORT_LOSS : EVENT_PORT_CLEAR,
		.copies = by_port + handed};

	snprintf(e.subject, sizeof(e.subject), "%s", p->name);
	if (p->losing.reported && handed > 0)
		snprintf(e.text, sizeof(e.text),
			"port %.32s loses frames: %llu by the port, %llu before a worker's full "
			"ring",
			p->name, (unsigned long long)by_port, (unsigned long long)handed);
	else if (p->losing.reported)
		snprintf(e.text, sizeof(e.text),
			"port %.32s loses frames: %llu without a buffer, %llu not fetched in time, "
			"%llu broken or too long",
			p->name, (unsigned long long)nombuf, (unsigned long long)imissed,
			(unsigned long long)ierrors);
	else
		snprintf(e.text, sizeof(e.text), "port %s: no frames lost for 5 seconds", p->name);
	report(context, &e);
}

static void port_losses(struct port *p, uint64_t now_ms, port_report report, void *context)
{
	struct rte_eth_stats s = stats_of(p);

	s.imissed += netdev_drops_count(&p->drops);
	uint64_t lost = s.imissed + s.rx_nombuf + s.ierrors + p->handover_full;
	if (!p->losing.active && lost == p->losing.seen) {
		p->imissed = s.imissed;
		p->nombuf = s.rx_nombuf;
		p->ierrors = s.ierrors;
		p->handed = p->handover_full;
	}
	switch (loss_debounce_look(&p->losing, lost, now_ms, true)) {
	case LOSS_BEGINS:
	case LOSS_OVER:
		report_loss(p, &s, report, context);
		break;
	default:
		break;
	}
}

void ports_handover_full(struct ports *ps, uint32_t place, uint64_t total)
{
	ps->port[place].handover_full = total;
}

void ports_losses(struct ports *ps, uint64_t now_ms, port_report report, void *context)
{
	for (uint32_t i = 0; i < ps->n; i++)
		port_losses(&ps->port[i], now_ms, report, context);
}

// The other end of an inline pair has nowhere to send to either.
static void mark_lanes(struct ports *ps, uint16_t port)
{
	for (uint32_t w = 0; w < ps->n_workers; w++)
		for (uint32_t i = 0; i < ps->n_lanes[w]; i++) {
			struct lane *l = &ps->lanes[w][i];
			if (l->port == port)
				atomic_store_explicit(&l->lost, true, memory_order_relaxed);
			if (l->forward && l->tx_port == port)
				atomic_store_explicit(&l->tx_lost, true, memory_order_relaxed);
		}
}

// The ring of a kernel interface stays, with frames that came before the interface went: it is
// polled on.
static void lose(struct ports *ps, struct port *p)
{
	p->lost = true;
	if (p->device.if_index == 0)
		mark_lanes(ps, p->id);
}

void ports_links(struct ports *ps, port_report report, void *context)
{
	for (uint32_t i = 0; i < ps->n; i++) {
		struct port *p = &ps->port[i];
		bool was_lost = p->lost || p->reset;
		enum device_state state = p->lost ? DEVICE_REMOVED : port_device_state(&p->device);
		if (!p->lost && state == DEVICE_REMOVED)
			lose(ps, p);
		// The state of the driver's queues until then is unknown.
		if (!p->lost && !p->reset && state == DEVICE_RESET) {
			p->reset = true;
			mark_lanes(ps, p->id);
		}
		if (p->deaf && !p->deaf_reported)
			report_deaf(p, report, context);
		p->deaf_reported = true;
		bool up = !p->lost && !p->reset && port_link_is_up(p);
		if (up == p->link_up && (p->lost || p->reset) == was_lost)
			continue;
		p->link_up = up;
		report_link(p, report, context);
	}
}

void ports_conditions(struct ports *ps, port_report report, void *context)
{
	for (uint32_t i = 0; i < ps->n; i++) {
		struct port *p = &ps->port[i];
		struct rte_eth_stats s = stats_of(p);

		report_link(p, report, context);
		if (p->deaf)
			report_deaf(p, report, context);
		s.imissed += p->drops.dropped;
		report_loss(p, &s, report, context);
	}
}

bool ports_lost(const struct ports *ps)
{
	for (uint32_t i = 0; i < ps->n; i++) {
		const struct port *p = &ps->port[i];
		if (p->lost && p->device.if_index == 0 && !p->device.released)
			return true;
	}
	return false;
}

void ports_release(struct ports *ps)
{
	for (uint32_t i = 0; i < ps->n; i++) {
		struct port *p = &ps->port[i];
		if (!p->lost)
			continue;
		(void)stats_of(p);
		port_device_release(&p->device);
	}
}

bool ports_reopen(struct ports *ps, char *why, size_t why_size)
{
	for (uint32_t i = 0; i < ps->n; i++) {
		struct port *p = &ps->port[i];
		if (!p->lost && port_device_state(&p->device) == DEVICE_RESET) {
			snprintf(
				why, why_size, "port %s: its driver requires a new start", p->name);
			return true;
		}
		p->back = p->lost && port_device_returned(&p->device) ? p->back + 1 : 0;
		if (p->back >= BACK_LOOKS) {
			snprintf(why, why_size, "port %s: the removed device is back", p->name);
			return true;
		}
	}
	return false;
}
