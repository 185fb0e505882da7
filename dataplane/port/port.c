// Opens the Ethernet devices and deals their queues out to the workers.

#include "dataplane/port/port.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <rte_bus.h>
#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>

#include "dataplane/port/eal.h"
#include "dataplane/port/port_internal.h"
#include "dataplane/port/port_spread.h"
#include "dataplane/port/xdp_link.h"
#include "shared/log.h"
#include "shared/nic.h"
#include "shared/packet_buffers.h"

#define POOL_CACHE 256
#define DESCRIPTORS 1024 // where the configuration names none
#define JUMBO_MTU 9000
#define MTU_MAX 16384	  // more is a driver without a limit of its own
#define FRAME_OVERHEAD 26 // of an MTU: Ethernet, two tags, checksum

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

// net_tap reports RSS, but its kernel queues are chosen by ports as well, and it wants as many
// transmit as receive queues. net_e1000_em has two queues and no RSS: the second stays empty.
static void known_limits(struct port *p)
{
	if (strcmp(p->info.driver_name, "net_tap") == 0) {
		p->info.flow_type_rss_offloads = 0;
		p->info.max_rx_queues = p->info.max_tx_queues = 1;
	} else if (strcmp(p->info.driver_name, "net_e1000_em") == 0) {
		p->info.max_rx_queues = 1;
	}
}

static void choose_queues(struct port *p, uint32_t n_workers)
{
	struct spread_choice c;

	spread_choose(&p->info, n_workers, &c);
	p->n_rx = c.queues;
	p->spread = c.spread;
	p->rss_types = c.types;
}

// The EAL names a NIC by its address, with the domain or as a -a has it; the configuration may
// have another form.
static bool find(const char *device, uint16_t *id)
{
	char name[RTE_ETH_NAME_MAX_LEN], address[16];

	if (rte_eth_dev_get_port_by_name(device, id) == 0)
		return true;
	if (!nic_is_address(device))
		return false;
	nic_address(device, address);
	RTE_ETH_FOREACH_DEV(*id)
	{
		if (rte_eth_dev_get_name_by_port(*id, name) == 0 &&
			nic_is_same(name, strlen(name), address))
			return true;
	}
	return false;
}

static int lookup(struct ports *ps, const struct config_dataplane *config, char *why, size_t size)
{
	for (uint32_t i = 0; i < config->n_ports; i++) {
		struct port *p = &ps->port[i];
		p->config = &config->ports[i];
		p->descriptors = p->config->descriptors ? p->config->descriptors : DESCRIPTORS;
		snprintf(p->name, sizeof(p->name), "%s", p->config->device);
		if (!find(p->name, &p->id)) {
			char cause[768];
			eal_why_no_port(config->eal, p->name, cause, sizeof(cause));
			snprintf(why, size, "port %s: %s", p->name, cause);
			return POI_ERR_NOT_FOUND;
		}
		int e = rte_eth_dev_info_get(p->id, &p->info);
		if (e != 0 || p->info.max_rx_queues == 0) {
			snprintf(why, size, "port %s: the device cannot receive", p->name);
			return POI_ERR_UNSUPPORTED;
		}
		p->peer = find_peer(config, i);
		known_limits(p);
		choose_queues(p, ps->n_workers);
		ps->n = i + 1;
	}
	return POI_OK;
}

// It has one socket for both directions of a queue and refuses other numbers.
static bool is_af_xdp(const struct port *p)
{
	return strcmp(p->info.driver_name, "net_af_xdp") == 0;
}

// Some drivers want a transmit queue even where nothing is ever sent.
static uint16_t transmit_queues(const struct port *p, uint32_t n_workers)
{
	if (is_af_xdp(p))
		return p->n_rx;
	if (p->peer >= 0 && p->info.max_tx_queues >= n_workers)
		return (uint16_t)n_workers;
	return p->info.max_tx_queues > 0 ? 1 : 0;
}

// Assigns queues to workers. Both ports of an inline pair go to the same single worker when one of
// them has too few transmit queues for all workers that would send on it.
static void deal(struct ports *ps)
{
	uint32_t next = 0;

	for (uint32_t i = 0; i < ps->n; i++) {
		struct port *p = &ps->port[i];
		if (is_af_xdp(p))
			p->info.max_tx_queues = p->n_rx;
		p->n_tx = transmit_queues(p, ps->n_workers);
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
	t->deliver_cut = c->deliver_cut;
	t->vxlan_gpe = c->vxlan_gpe;
	t->geneve = c->geneve;
	t->tzsp = c->tzsp;
	t->etherip = c->etherip;
	t->mpls_in_udp = c->mpls_in_udp;
	t->mpls_pseudowire = c->mpls_pseudowire;
	t->n_vxlan_ports = (uint8_t)c->n_vxlan_ports;
	for (uint32_t i = 0; i < c->n_vxlan_ports; i++)
		t->vxlan_port[i] = (uint16_t)c->vxlan_ports[i];
	t->n_aliases = (uint8_t)c->n_gtp_aliases;
	memcpy(t->alias, c->gtp_aliases, c->n_gtp_aliases * sizeof(t->alias[0]));
	t->n_endpoints = (uint8_t)c->n_endpoints;
	memcpy(t->endpoint, c->gtp_endpoints, c->n_endpoints * sizeof(t->endpoint[0]));
}

static void signalling_of(const struct config_port *c, struct signalling_shown *s)
{
	for (uint32_t k = 0; k < c->n_signalling; k++)
		s->protocols |= (uint8_t)(1u << c->signalling[k]);
	s->n_peers = (uint8_t)c->n_signalling_peers;
	memcpy(s->peer, c->signalling_peers, c->n_signalling_peers * sizeof(s->peer[0]));
}

// A single worker has no other to hand over to.
static bool hands_over(const struct ports *ps, const struct port *p)
{
	return p->config->spread == CONFIG_SPREAD_SOFTWARE && ps->n_workers > 1;
}

// Behind the lanes of each worker: those of others that hand packets over to it.
static void make_handed(struct ports *ps, uint32_t worker)
{
	struct lane *end = &ps->lanes[worker][ps->n_lanes[worker]];

	for (uint32_t w = 0; w < ps->n_workers; w++)
		for (uint32_t i = 0; w != worker && i < ps->n_lanes[w]; i++) {
			const struct lane *l = &ps->lanes[w][i];
			if (!l->spread)
				continue;
			*end++ = (struct lane){.port = l->port,
				.queue = l->queue,
				.place = l->place,
				.from_worker = (uint8_t)w,
				.from_lane = (uint16_t)i,
				.traits = l->traits,
				.signalling = l->signalling};
			ps->n_handed[worker]++;
		}
}

// Transmit queue on the peer: the worker's number, or the only one when a single worker has the
// pair.
static void make_lane(struct ports *ps, const struct port *p, uint16_t queue)
{
	uint32_t w = p->owner[queue];
	struct lane *l = &ps->lanes[w][ps->n_lanes[w]++];

	*l = (struct lane){.port = p->id, .queue = queue, .place = (uint8_t)(p - ps->port)};
	traits_of(p->config, &l->traits);
	signalling_of(p->config, &l->signalling);
	l->spread = hands_over(ps, p);
	if (p->peer < 0)
		return;
	const struct port *peer = &ps->port[p->peer];
	l->forward = true;
	l->tx_port = peer->id;
	l->tx_queue = peer->n_tx > 1 ? (uint16_t)w : 0;
}

// Lanes with signalling come first: users' packets may follow a message at once, and are held for
// its sessions only behind it.
static void make_lanes(struct ports *ps)
{
	for (unsigned users = 0; users < 2; users++)
		for (uint32_t i = 0; i < ps->n; i++) {
			const struct port *p = &ps->port[i];
			if ((p->config->n_signalling == 0) != users)
				continue;
			for (uint16_t q = 0; q < p->n_rx; q++)
				make_lane(ps, p, q);
		}
}

static uint32_t node_of(const struct port *p)
{
	int node = rte_eth_dev_socket_id(p->id);

	return node < 0 || node >= NODES_MAX ? 0 : (uint32_t)node;
}

// Buffers of a port: as configured, else as many as can be away at a time.
static uint32_t buffers_of(const struct ports *ps, const struct port *p, uint32_t configured)
{
	const struct packet_buffers n = {
		.receive_queues = p->n_rx,
		.transmit_queues = p->peer < 0 ? 0 : ps->port[p->peer].n_tx,
		.descriptors = p->descriptors,
		.workers = ps->n_workers,
		.held = ps->held,
		.rings = p->config->spread == CONFIG_SPREAD_SOFTWARE ? p->n_rx * (ps->n_workers - 1)
								     : 0,
	};
	uint32_t needed = packet_buffers_needed(&n);

	if (configured > 0 && configured < needed)
		log_warning(
			"port %s: dataplane.mbufs is %u, and its queues, bursts and held packets "
			"can take %u: frames may be lost for want of a buffer",
			p->name, configured, needed);
	return configured > 0 ? configured : needed;
}

static struct rte_mempool *pool_of(struct ports *ps, const struct port *p,
	const struct config_dataplane *c, char *why, size_t size)
{
	uint32_t at = node_of(p), mbufs = 0;
	int node = rte_eth_dev_socket_id(p->id);
	char name[32];

	if (ps->pool[at])
		return ps->pool[at];
	for (uint32_t i = 0; i < ps->n; i++)
		if (node_of(&ps->port[i]) == at)
			mbufs += buffers_of(ps, &ps->port[i], c->mbufs);
	snprintf(name, sizeof(name), "frames%u", at);
	ps->pool[at] = rte_pktmbuf_pool_create(name, mbufs, POOL_CACHE, 0,
		(uint16_t)(c->mbuf_size + RTE_PKTMBUF_HEADROOM), node < 0 ? SOCKET_ID_ANY : node);
	if (!ps->pool[at])
		snprintf(why, size,
			"no memory for %u packet buffers (%s): lower descriptors of "
			"dataplane.ports, or give the EAL "
			"more memory (hugepages, or -m with --no-huge)",
			mbufs, rte_strerror(rte_errno));
	return ps->pool[at];
}

static void rss_configure(struct port *p, struct rte_eth_conf *conf)
{
	if (!p->rss_types)
		return;
	conf->rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
	conf->rx_adv_conf.rss_conf.rss_hf = p->rss_types;
	// net_vmxnet3 takes 40 bytes of a key, but neither reports that nor checks the length.
	bool unsaid = strcmp(p->info.driver_name, "net_vmxnet3") == 0;
	if ((p->info.hash_key_size == 0 && !unsaid) || p->info.hash_key_size > RSS_KEY_MAX)
		return;
	// A key of period 16 bits makes the Toeplitz hash the same for both directions.
	for (uint32_t i = 0; i < RSS_KEY_MAX; i++)
		p->rss_key[i] = i & 1 ? 0x5a : 0x6d;
	conf->rx_adv_conf.rss_conf.rss_key = p->rss_key;
	conf->rx_adv_conf.rss_conf.rss_key_len = p->info.hash_key_size;
}

static int configure_mtu(
	const struct port *p, struct rte_eth_conf *conf, uint16_t mtu, bool scatter)
{
	conf->rxmode.mtu = mtu;
	conf->rxmode.offloads = scatter ? RTE_ETH_RX_OFFLOAD_SCATTER : 0;
	return rte_eth_dev_configure(p->id, p->n_rx, p->n_tx, conf);
}

// Returns the largest MTU that the device names, so that tags and tunnels around a jumbo frame fit
// too. A kernel interface has users of its own and gets no more than jumbo frames ask for.
static uint16_t largest_mtu(const struct port *p)
{
	bool named = p->info.max_mtu > JUMBO_MTU && p->info.max_mtu <= MTU_MAX;

	return named && p->info.if_index == 0 ? p->info.max_mtu : JUMBO_MTU;
}

// Configures the longest frames that the device takes: in several buffers, else in one, else its
// default. No receive offload that alters a frame is asked for: tags stay, checksums are ignored.
static int configure(struct port *p, uint32_t mbuf_size)
{
	struct rte_eth_conf conf = {0};
	uint32_t one =
		mbuf_size - FRAME_OVERHEAD < JUMBO_MTU ? mbuf_size - FRAME_OVERHEAD : JUMBO_MTU;
	bool scatter = p->info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER;

	rss_configure(p, &conf);
	conf.intr_conf.rmv = *p->info.dev_flags & RTE_ETH_DEV_INTR_RMV ? 1 : 0;
	if (p->peer >= 0 && (p->info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS))
		conf.txmode.offloads |= RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	if (scatter && p->info.max_mtu >= JUMBO_MTU &&
		(configure_mtu(p, &conf, largest_mtu(p), true) == 0 ||
			configure_mtu(p, &conf, JUMBO_MTU, true) == 0))
		return 0;
	if (one > RTE_ETHER_MTU && p->info.max_mtu >= one &&
		configure_mtu(p, &conf, (uint16_t)one, false) == 0)
		return 0;
	if (scatter && configure_mtu(p, &conf, 0, true) == 0)
		return 0;
	return configure_mtu(p, &conf, 0, false);
}

// A device may refuse our key silently, and may have a tag stripping that is on by default.
static void look_back(struct port *p)
{
	uint8_t key[RSS_KEY_MAX] = {0};
	struct rte_eth_rss_conf rss = {.rss_key = key, .rss_key_len = sizeof(key)};
	int vlan = rte_eth_dev_get_vlan_offload(p->id);

	if (vlan > 0 && (vlan & (RTE_ETH_VLAN_STRIP_OFFLOAD | RTE_ETH_QINQ_STRIP_OFFLOAD)) &&
		rte_eth_dev_set_vlan_offload(p->id, 0) != 0)
		log_warning(
			"port %s: driver strips VLAN tags and this cannot be disabled", p->name);
	if (p->spread == SPREAD_PORTS &&
		spread_without_ports(p->id, p->info.driver_name, p->rss_types))
		p->spread = SPREAD_ADDRESSES;
	if (p->spread != SPREAD_ADDRESSES && p->spread != SPREAD_PORTS)
		return;
	if (p->info.hash_key_size == 0 || rte_eth_dev_rss_hash_conf_get(p->id, &rss) != 0 ||
		key[0] != 0x6d || key[1] != 0x5a || key[2] != 0x6d)
		p->spread = SPREAD_ONE_SIDED;
}

// Where the NIC cannot, the port goes on as without the key.
static void spread_by_tunnel(const struct ports *ps, struct port *p)
{
	const struct spread_device d = {.port = p->id,
		.driver = p->info.driver_name,
		.queues = p->n_rx,
		.key = p->rss_key,
		.key_length = p->info.hash_key_size};
	char why[200] = "it does not spread by addresses alone with our key";

	if (ps->n_workers < 2)
		return;
	if (p->n_rx > 1 && p->spread == SPREAD_ADDRESSES &&
		spread_in_tunnels(&d, why, sizeof(why))) {
		p->spread = SPREAD_TUNNEL;
		return;
	}
	log_notice("port %s: spread: tunnel is not possible: %s; where one worker is too slow for "
		   "a gNB's tunnels write spread: software",
		p->name, why);
}

static const char *spread_text(enum port_spread s)
{
	switch (s) {
	case SPREAD_TUNNEL:
		return "RSS by the addresses inside GTP-U, else by outer ones, both directions "
		       "alike";
	case SPREAD_ADDRESSES:
		return "RSS by addresses, both directions alike";
	case SPREAD_ONE_SIDED:
		return "RSS with the device's own key: a conversation's directions "
		       "may "
		       "come to two workers";
	case SPREAD_DEVICE:
		return "spread by the device, perhaps by ports: later fragments may come to "
		       "another "
		       "worker than their first";
	case SPREAD_SOFTWARE:
		return "by addresses; users' packets in tunnels over rings to all workers";
	case SPREAD_IMPOSSIBLE:
		return "one queue, because the device has no RSS of IP packets";
	case SPREAD_PORTS:
		return "RSS by addresses and ports, both directions alike: fragments and whole "
		       "packets of a conversation may come to two workers";
	default:
		return "one queue";
	}
}

// One line per port: what it is, what it can, and what it cannot.
static void announce(const struct port *p)
{
	uint16_t mtu = 0;
	int node = rte_eth_dev_socket_id(p->id);

	(void)rte_eth_dev_get_mtu(p->id, &mtu);
	log_notice("port %s: %s, %u receive queues (%s) of %u frames, MTU %u, memory node %d, "
		   "link %s%s",
		p->name, p->info.driver_name, p->n_rx, spread_text(p->spread), p->descriptors, mtu,
		node, p->link_up ? "up" : "down",
		port_counts_losses(p) ? "" : "; its driver does not count what is lost before it");
	for (uint16_t q = 0; node >= 0 && q < p->n_rx; q++) {
		int lcore = eal_worker_lcore(p->owner[q]);
		if (lcore >= 0 && (int)rte_lcore_to_socket_id((unsigned)lcore) != node)
			log_warning(
				"port %s is on memory node %d, its worker %u on another: slower",
				p->name, node, p->owner[q]);
	}
}

// One queue that its worker does not empty in time holds up the others, unless it drops.
static int receive_queue(const struct port *p, uint16_t q, uint16_t descriptors, unsigned socket,
	struct rte_mempool *pool)
{
	struct rte_eth_rxconf conf = p->info.default_rxconf;

	conf.rx_drop_en = p->n_rx > 1;
	int e = rte_eth_rx_queue_setup(p->id, q, descriptors, socket, &conf, pool);
	if (e == 0 || !conf.rx_drop_en)
		return e;
	return rte_eth_rx_queue_setup(p->id, q, descriptors, socket, NULL, pool);
}

static int queues(struct port *p, struct rte_mempool *pool)
{
	uint16_t rx = (uint16_t)p->descriptors, tx = rx;
	int node = rte_eth_dev_socket_id(p->id);
	unsigned socket = node < 0 ? (unsigned)SOCKET_ID_ANY : (unsigned)node;
	int e = rte_eth_dev_adjust_nb_rx_tx_desc(p->id, &rx, &tx);

	if (rx != p->descriptors)
		log_notice("port %s: the device holds %u frames in a queue, not %u", p->name, rx,
			p->descriptors);
	p->descriptors = rx;
	for (uint16_t q = 0; e == 0 && q < p->n_rx; q++)
		e = receive_queue(p, q, rx, socket, pool);
	for (uint16_t q = 0; e == 0 && q < p->n_tx; q++)
		e = rte_eth_tx_queue_setup(p->id, q, tx, socket, NULL);
	return e;
}

// A virtual device without the mode passes everything on; a NIC without it is deaf to most.
static void see_all(struct port *p)
{
	int e = rte_eth_promiscuous_enable(p->id);
	const struct rte_bus *bus = rte_dev_bus(p->info.device);

	if (e == 0)
		return;
	if (e == -ENOTSUP && bus && strcmp(rte_bus_name(bus), "vdev") == 0)
		log_notice("port %s: no promiscuous mode", p->name);
	else
		p->deaf = true; // ports_links reports it
}

static int start(
	struct ports *ps, struct port *p, const struct config_dataplane *c, char *why, size_t size)
{
	struct rte_mempool *pool = pool_of(ps, p, c, why, size);
	struct netdev_before before;

	if (!pool)
		return POI_ERR_NOMEM;
	if (p->peer >= 0 && p->n_tx == 0) {
		snprintf(why, size, "port %s: mode inline needs a device that can transmit",
			p->name);
		return POI_ERR_UNSUPPORTED;
	}
	netdev_look_before(&before);
	uint32_t program = is_af_xdp(p) ? xdp_program(p->info.if_index) : 0;
	int e = configure(p, c->mbuf_size);
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
	p->xdp_link = is_af_xdp(p) ? xdp_link_take(p->name, p->info.if_index, program) : -1;
	see_all(p);
	struct rte_eth_dev_info now;
	if (rte_eth_dev_info_get(p->id, &now) == 0) // some have their interface only now
		p->info = now;
	netdev_drops_find(&p->drops, p->info.driver_name, p->info.if_index, &before);
	look_back(p);
	port_device_watch(&p->device, p->id, p->info.if_index);
	p->link_up = port_link_is_up(p);
	if (p->config->spread == CONFIG_SPREAD_TUNNEL)
		spread_by_tunnel(ps, p);
	if (hands_over(ps, p))
		p->spread = SPREAD_SOFTWARE;
	announce(p);
	p->link_up = true; // one that starts down is reported
	return POI_OK;
}

struct ports *ports_open(
	const struct config_dataplane *config, uint32_t held, char *why, size_t why_size)
{
	struct ports *ps = calloc(1, sizeof(*ps));

	if (!ps) {
		snprintf(why, why_size, "out of memory");
		return NULL;
	}
	ps->n_workers = config->n_workers;
	ps->held = held;
	if (lookup(ps, config, why, why_size) != POI_OK)
		goto fail;
	deal(ps);
	for (uint32_t i = 0; i < ps->n; i++)
		if (start(ps, &ps->port[i], config, why, why_size) != POI_OK)
			goto fail;
	make_lanes(ps);
	for (uint32_t w = 0; w < ps->n_workers; w++)
		make_handed(ps, w);
	return ps;
fail:
	ports_close(ps);
	return NULL;
}

bool ports_close_forbidden(const struct ports *ps)
{
	for (uint32_t i = 0; ps && i < ps->n; i++)
		if (is_af_xdp(&ps->port[i]))
			return true;
	return false;
}

void ports_close(struct ports *ps)
{
	if (!ps)
		return;
	for (uint32_t i = ps->n; i-- > 0;) {
		struct port *p = &ps->port[i];
		if (!p->started)
			continue;
		xdp_link_close(p->xdp_link);
		netdev_drops_close(&p->drops);
		port_device_forget(&p->device);
		if (p->device.released)
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

uint32_t ports_lanes_handed(const struct ports *ps, uint32_t worker)
{
	return ps->n_handed[worker];
}
