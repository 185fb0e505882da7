#include "dataplane/port.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "shared/log.h"

#define DATA_ROOM (2304 + RTE_PKTMBUF_HEADROOM) // net_af_packet refuses less than 2144
#define POOL_CACHE 256
#define DESCRIPTORS 1024
#define JUMBO_MTU 9000
#define NODES_MAX 8
#define RSS_ADDRESSES \
	(RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_FRAG_IPV4 | RTE_ETH_RSS_IPV6 | RTE_ETH_RSS_FRAG_IPV6)
#define RSS_KEY_MAX 64

struct port {
	uint16_t id;
	char name[64];
	const struct config_port *config;
	int peer; // index, or -1
	struct rte_eth_dev_info info;
	uint16_t n_rx, n_tx;
	uint8_t owner[CONFIG_WORKERS_MAX]; // worker of each receive queue
	bool started, link_up;
};

struct ports {
	uint32_t n, n_workers;
	struct port port[CONFIG_PORTS_MAX];
	struct rte_mempool *pool[NODES_MAX];
	uint32_t n_lanes[CONFIG_WORKERS_MAX];
	struct lane lanes[CONFIG_WORKERS_MAX][CONFIG_PORTS_MAX * CONFIG_WORKERS_MAX];
};

static int find_peer(const struct config_dataplane *config, uint32_t index)
{
	const struct config_port *c = &config->ports[index];

	if (c->mode != CONFIG_PORT_INLINE || !c->peer)
		return -1;
	for (uint32_t i = 0; i < config->n_ports; i++)
		if (i != index && strcmp(config->ports[i].device, c->peer) == 0)
			return (int)i;
	return -1;
}

// Queues that somebody fills: with RSS one per worker; without it whatever the device brings from
// its own arguments (net_pcap files, net_ring rings), and just one when it claims to have any
// number.
static uint16_t receive_queues(const struct port *p, uint32_t n_workers)
{
	uint16_t max = p->info.max_rx_queues;

	if (p->info.flow_type_rss_offloads & RSS_ADDRESSES)
		return max < n_workers ? max : (uint16_t)n_workers;
	return max <= CONFIG_WORKERS_MAX ? max : 1;
}

static int lookup(struct ports *ps, const struct config_dataplane *config, char *why, size_t size)
{
	for (uint32_t i = 0; i < config->n_ports; i++) {
		struct port *p = &ps->port[i];
		p->config = &config->ports[i];
		snprintf(p->name, sizeof(p->name), "%s", p->config->device);
		if (rte_eth_dev_get_port_by_name(p->name, &p->id) != 0) {
			snprintf(why, size,
				"port %s: no such device; a virtual device needs --vdev %s,... in "
				"dataplane.eal, a NIC its PCI address and a bound driver",
				p->name, p->name);
			return POI_ERR_NOT_FOUND;
		}
		int e = rte_eth_dev_info_get(p->id, &p->info);
		if (e != 0 || p->info.max_rx_queues == 0) {
			snprintf(why, size, "port %s: the device cannot receive", p->name);
			return POI_ERR_UNSUPPORTED;
		}
		p->peer = find_peer(config, i);
		p->n_rx = receive_queues(p, ps->n_workers);
		ps->n = i + 1;
	}
	return POI_OK;
}

// Which worker polls which queue. Both ports of an inline pair go to the same single worker when
// one of them has too few transmit queues for all workers that would send on it.
static void deal(struct ports *ps)
{
	uint32_t next = 0;

	for (uint32_t i = 0; i < ps->n; i++) {
		struct port *p = &ps->port[i];
		for (uint16_t q = 0; q < p->n_rx; q++)
			p->owner[q] = (uint8_t)(next++ % ps->n_workers);
	}
	for (uint32_t i = 0; i < ps->n; i++) {
		struct port *p = &ps->port[i];
		if (p->peer < 0 || p->peer < (int)i)
			continue;
		struct port *o = &ps->port[p->peer];
		if (p->info.max_tx_queues >= ps->n_workers &&
			o->info.max_tx_queues >= ps->n_workers)
			continue;
		memset(p->owner, p->owner[0], sizeof(p->owner));
		memset(o->owner, p->owner[0], sizeof(o->owner));
	}
}

static void traits_of(const struct config_port *c, struct port_traits *t)
{
	t->tunnel = (uint8_t)c->tunnel;
	t->link = (uint8_t)c->link;
	t->gre = c->gre;
	t->ipip = c->ipip;
	t->vxlan = c->vxlan;
	t->n_endpoints = (uint8_t)c->n_endpoints;
	memcpy(t->endpoint, c->gtp_endpoints, c->n_endpoints * sizeof(t->endpoint[0]));
}

// Transmit queue on the peer: the worker's number, or the only one when a single worker has the
// pair.
static void make_lanes(struct ports *ps)
{
	for (uint32_t i = 0; i < ps->n; i++) {
		const struct port *p = &ps->port[i];
		for (uint16_t q = 0; q < p->n_rx; q++) {
			uint32_t w = p->owner[q];
			struct lane *l = &ps->lanes[w][ps->n_lanes[w]++];
			*l = (struct lane){.port = p->id, .queue = q};
			traits_of(p->config, &l->traits);
			if (p->peer < 0)
				continue;
			const struct port *peer = &ps->port[p->peer];
			l->forward = true;
			l->tx_port = peer->id;
			l->tx_queue = peer->n_tx > 1 ? (uint16_t)w : 0;
		}
	}
}

static struct rte_mempool *pool_of(
	struct ports *ps, const struct port *p, uint32_t mbufs, char *why, size_t size)
{
	int node = rte_eth_dev_socket_id(p->id);
	uint32_t at = node < 0 || node >= NODES_MAX ? 0 : (uint32_t)node;
	uint32_t users = 0;
	char name[32];

	if (ps->pool[at])
		return ps->pool[at];
	for (uint32_t i = 0; i < ps->n; i++) {
		int n = rte_eth_dev_socket_id(ps->port[i].id);
		users += (n < 0 || n >= NODES_MAX ? 0 : (uint32_t)n) == at;
	}
	snprintf(name, sizeof(name), "frames%u", at);
	ps->pool[at] = rte_pktmbuf_pool_create(
		name, users * mbufs, POOL_CACHE, 0, DATA_ROOM, node < 0 ? SOCKET_ID_ANY : node);
	if (!ps->pool[at])
		snprintf(why, size,
			"no memory for %u packet buffers (%s): lower dataplane.mbufs, or give the "
			"EAL "
			"more memory (hugepages, or -m with --no-huge)",
			users * mbufs, rte_strerror(rte_errno));
	return ps->pool[at];
}

static void rss_configure(const struct port *p, struct rte_eth_conf *conf, uint8_t *key)
{
	uint64_t types = p->info.flow_type_rss_offloads & RSS_ADDRESSES;

	if (!types || p->n_rx < 2)
		return;
	conf->rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
	conf->rx_adv_conf.rss_conf.rss_hf = types;
	if (p->info.hash_key_size == 0 || p->info.hash_key_size > RSS_KEY_MAX)
		return;
	// A key of period 16 bits makes the Toeplitz hash the same for both directions.
	for (uint32_t i = 0; i < p->info.hash_key_size; i++)
		key[i] = i & 1 ? 0x5a : 0x6d;
	conf->rx_adv_conf.rss_conf.rss_key = key;
	conf->rx_adv_conf.rss_conf.rss_key_len = p->info.hash_key_size;
}

static int configure(struct port *p)
{
	uint8_t key[RSS_KEY_MAX];
	struct rte_eth_conf conf = {0};
	bool jumbo = (p->info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER) &&
		     p->info.max_mtu >= JUMBO_MTU;

	rss_configure(p, &conf, key);
	if (p->peer >= 0 && (p->info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS))
		conf.txmode.offloads |= RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	if (jumbo) {
		conf.rxmode.mtu = JUMBO_MTU;
		conf.rxmode.offloads |= RTE_ETH_RX_OFFLOAD_SCATTER;
		if (rte_eth_dev_configure(p->id, p->n_rx, p->n_tx, &conf) == 0)
			return 0;
		conf.rxmode.mtu = 0;
		conf.rxmode.offloads &= ~(uint64_t)RTE_ETH_RX_OFFLOAD_SCATTER;
	}
	return rte_eth_dev_configure(p->id, p->n_rx, p->n_tx, &conf);
}

static int queues(struct port *p, struct rte_mempool *pool)
{
	uint16_t rx = DESCRIPTORS, tx = DESCRIPTORS;
	int node = rte_eth_dev_socket_id(p->id);
	unsigned socket = node < 0 ? (unsigned)SOCKET_ID_ANY : (unsigned)node;
	int e = rte_eth_dev_adjust_nb_rx_tx_desc(p->id, &rx, &tx);

	for (uint16_t q = 0; e == 0 && q < p->n_rx; q++)
		e = rte_eth_rx_queue_setup(p->id, q, rx, socket, NULL, pool);
	for (uint16_t q = 0; e == 0 && q < p->n_tx; q++)
		e = rte_eth_tx_queue_setup(p->id, q, tx, socket, NULL);
	return e;
}

static int start(struct ports *ps, struct port *p, uint32_t mbufs, char *why, size_t size)
{
	struct rte_mempool *pool = pool_of(ps, p, mbufs, why, size);

	if (!pool)
		return POI_ERR_NOMEM;
	// Some drivers want a transmit queue even where nothing is ever sent.
	p->n_tx = p->info.max_tx_queues > 0 ? 1 : 0;
	if (p->peer >= 0 && p->info.max_tx_queues >= ps->n_workers)
		p->n_tx = (uint16_t)ps->n_workers;
	if (p->peer >= 0 && p->n_tx == 0) {
		snprintf(why, size, "port %s: mode inline needs a device that can transmit",
			p->name);
		return POI_ERR_UNSUPPORTED;
	}
	int e = configure(p);
	if (e == 0)
		e = queues(p, pool);
	if (e == 0)
		e = rte_eth_dev_start(p->id);
	if (e != 0) {
		snprintf(why, size, "port %s: %s refuses %u receive and %u transmit queues: %s",
			p->name, p->info.driver_name, p->n_rx, p->n_tx, rte_strerror(-e));
		return POI_ERR_IO;
	}
	p->started = true;
	if (rte_eth_promiscuous_enable(p->id) != 0)
		log_notice("port %s: no promiscuous mode", p->name);
	struct rte_eth_link link = {0};
	p->link_up = rte_eth_link_get_nowait(p->id, &link) == 0 && link.link_status;
	log_info("port %s: %s, %u receive queues, link %s", p->name, p->info.driver_name, p->n_rx,
		p->link_up ? "up" : "down");
	return POI_OK;
}

struct ports *ports_open(const struct config_dataplane *config, char *why, size_t why_size)
{
	struct ports *ps = calloc(1, sizeof(*ps));

	if (!ps) {
		snprintf(why, why_size, "out of memory");
		return NULL;
	}
	ps->n_workers = config->n_workers;
	if (lookup(ps, config, why, why_size) != POI_OK)
		goto fail;
	deal(ps);
	for (uint32_t i = 0; i < ps->n; i++)
		if (start(ps, &ps->port[i], config->mbufs, why, why_size) != POI_OK)
			goto fail;
	make_lanes(ps);
	return ps;
fail:
	ports_close(ps);
	return NULL;
}

void ports_close(struct ports *ps)
{
	if (!ps)
		return;
	for (uint32_t i = ps->n; i-- > 0;) {
		struct port *p = &ps->port[i];
		if (!p->started)
			continue;
		(void)rte_eth_dev_stop(p->id);
		(void)rte_eth_dev_close(p->id);
	}
	for (uint32_t i = 0; i < NODES_MAX; i++)
		rte_mempool_free(ps->pool[i]);
	free(ps);
}

const struct lane *ports_lanes(const struct ports *ps, uint32_t worker, uint32_t *n)
{
	*n = ps->n_lanes[worker];
	return ps->lanes[worker];
}

void ports_status(const struct ports *ps, struct channel_status *out)
{
	out->ports = ps->n;
	for (uint32_t i = 0; i < ps->n; i++) {
		const struct port *p = &ps->port[i];
		struct rte_eth_stats s = {0};
		(void)rte_eth_stats_get(p->id, &s);
		snprintf(out->port[i].name, sizeof(out->port[i].name), "%s", p->name);
		out->port[i].link_up = p->link_up;
		out->port[i].received = s.ipackets;
		out->port[i].imissed = s.imissed;
		out->port[i].nombuf = s.rx_nombuf;
		out->port[i].transmitted = s.opackets;
		out->packets.imissed += s.imissed;
		out->packets.nombuf += s.rx_nombuf;
	}
}

void ports_links(
	struct ports *ps, void (*changed)(void *context, const char *name, bool up), void *context)
{
	for (uint32_t i = 0; i < ps->n; i++) {
		struct port *p = &ps->port[i];
		struct rte_eth_link link = {0};
		bool up = rte_eth_link_get_nowait(p->id, &link) == 0 && link.link_status;
		if (up == p->link_up)
			continue;
		p->link_up = up;
		changed(context, p->name, up);
	}
}
