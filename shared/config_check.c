// Rules across keys. Each refusal points at the value that has to change.

#include "shared/config_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "shared/ids.h"
#include "shared/pdu.h"
#include "shared/tls.h"

static bool all_zero(const struct ip_address *a)
{
	static const uint8_t zero[16];

	return !memcmp(a->b, zero, sizeof(zero));
}

static bool same_endpoint(const struct config_endpoint *a, const struct config_endpoint *b)
{
	return a->port == b->port && a->address.family == b->address.family &&
	       !memcmp(a->address.b, b->address.b, sizeof(a->address.b));
}

// Two different listeners that cannot be open at the same time. An IPv6 wildcard takes IPv4 as
// well.
static bool listeners_clash(const struct config_endpoint *a, const struct config_endpoint *b)
{
	if (a->port != b->port || same_endpoint(a, b))
		return false;
	if (a->address.family != b->address.family)
		return (a->address.family == 6 && all_zero(&a->address)) ||
		       (b->address.family == 6 && all_zero(&b->address));
	return all_zero(&a->address) || all_zero(&b->address);
}

static bool is_host_name(const char *name)
{
	struct ip_address literal;

	return ip_address_parse(name, &literal) != POI_OK && name[0] != '.' && name[0] != '-' &&
	       name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				 "0123456789-.")] == '\0' &&
	       name[strlen(name) - 1] != '.';
}

// Elements behind one address are selected by the name that peers ask for.
static int check_shared(struct config_source *s, const yaml_node_t *list, uint32_t i, uint32_t k)
{
	const struct config_ne *ne = &s->config->nes[i], *other = &s->config->nes[k];

	if (listeners_clash(&ne->listen, &other->listen))
		return config_refuse(s, config_place(s, list, i, "listen"),
			"network-elements[%u].listen overlaps with network-elements[%u], write an "
			"address or port of its own",
			i, k);
	if (!same_endpoint(&ne->listen, &other->listen))
		return POI_OK;
	if (!ne->server_name || !other->server_name)
		return config_refuse(s, config_place(s, list, i, "listen"),
			"network-elements[%u].listen is shared with network-elements[%u], write an "
			"address or port of its own, or a server-name in both",
			i, k);
	if (!strcasecmp(ne->server_name, other->server_name))
		return config_refuse(s, config_place(s, list, i, "server-name"),
			"network-elements[%u].server-name is that of network-elements[%u] on the "
			"same listen, write another",
			i, k);
	return POI_OK;
}

static int check_url(struct config_source *s, const yaml_node_t *at, const char *url)
{
	static const char scheme[] = "https://";
	const char *host = url + sizeof(scheme) - 1;

	if (strncmp(url, scheme, sizeof(scheme) - 1) || !*host || strchr("/:?#", *host) ||
		strpbrk(url, " @\"<>\\") || host[strcspn(host, "/?#")] != '/')
		return config_refuse(s, at,
			"admf-url is no https URL, write it as https://admf.example:443/X1/ADMF");
	return POI_OK;
}

// The ADMF's silence is reported before it ends anything.
static int check_time_p3(struct config_source *s, const yaml_node_t *node, const char *path,
	const struct config_keepalive *k)
{
	const yaml_node_t *time_p3 = config_child(s, node, "time-p3");

	if (!k->enabled || k->model != CONFIG_KEEPALIVE_LATER || k->time_p3 > k->time_p2)
		return POI_OK;
	return config_refuse(s, time_p3 ? time_p3 : node,
		"%skeepalive.time-p3 is %u and not above time-p2, write more than %u, or a smaller "
		"time-p2",
		path, k->time_p3, k->time_p2);
}

// Clauses 5.2.2 and 6.6.2. `node`: the mapping that has the keys, if any.
static int check_times(struct config_source *s, const yaml_node_t *node,
	const yaml_node_t *otherwise, const char *path, const struct config_x1 *x)
{
	const yaml_node_t *keepalive = config_child(s, node, "keepalive");
	const yaml_node_t *time2 = config_child(s, node, "time2");
	const yaml_node_t *time_p2 = config_child(s, keepalive, "time-p2");

	if (x->time2 < 2 * x->time1)
		return config_refuse(s,
			time2  ? time2
			: node ? node
			       : otherwise,
			"%stime2 is %u and below twice time1, write at least %u, or a smaller "
			"time1",
			path, x->time2, 2 * x->time1);
	if (x->keepalive.enabled && x->keepalive.time_p2 <= x->keepalive.time_p1)
		return config_refuse(s,
			time_p2	    ? time_p2
			: keepalive ? keepalive
				    : otherwise,
			"%skeepalive.time-p2 is %u and not above time-p1, write more than %u, or a "
			"smaller time-p1",
			path, x->keepalive.time_p2, x->keepalive.time_p1);
	return check_time_p3(s, keepalive ? keepalive : otherwise, path, &x->keepalive);
}

static int check_all_times(struct config_source *s, const yaml_node_t *root, const yaml_node_t *nes)
{
	int rc = check_times(s, config_child(s, root, "x1"), root, "x1.", &s->config->x1);
	char path[48];

	for (uint32_t i = 0; i < s->config->n_nes && !rc; i++) {
		const yaml_node_t *item = config_item(s, nes, i);
		snprintf(path, sizeof(path), "network-elements[%u].x1.", i);
		rc = check_times(s, config_child(s, item, "x1"), item, path, &s->config->nes[i].x1);
	}
	return rc;
}

static int check_ne(struct config_source *s, const yaml_node_t *list, uint32_t i)
{
	const struct config_ne *ne = &s->config->nes[i];

	if (ne->path[0] != '/' || strpbrk(ne->path, " ?#\"<>\\"))
		return config_refuse(s, config_place(s, list, i, "path"),
			"network-elements[%u].path is no HTTP path, write it as /X1/NE", i);
	if (ne->admf_url && check_url(s, config_place(s, list, i, "admf-url"), ne->admf_url))
		return POI_ERR_INVALID;
	if (ne->x2_report == CONFIG_X2_PDSR && !ne->x2_summary.timer && !ne->x2_summary.packets &&
		!ne->x2_summary.bytes)
		return config_refuse(s, config_place(s, list, i, "x2-summary"),
			"network-elements[%u].x2-summary has no trigger, write one of timer, "
			"packets or bytes above 0",
			i);
	if (ne->targets == CONFIG_TARGETS_ALTERNATIVES && ne->role != CONFIG_ROLE_TRIGGERED)
		return config_refuse(s, config_place(s, list, i, "targets"),
			"network-elements[%u].targets alternatives is for elements that another "
			"function triggers, write role: triggered, or targets: all",
			i);
	if (ne->server_name && !is_host_name(ne->server_name))
		return config_refuse(s, config_place(s, list, i, "server-name"),
			"network-elements[%u].server-name is no host name, write it as "
			"poi-01.example",
			i);
	for (uint32_t k = 0; k < i; k++) {
		const struct config_ne *other = &s->config->nes[k];
		if (!strcmp(ne->ne_identifier, other->ne_identifier))
			return config_refuse(s, config_place(s, list, i, "ne-identifier"),
				"ne-identifier \"%.60s\" is already network-elements[%u], write "
				"another",
				ne->ne_identifier, k);
		if (check_shared(s, list, i, k))
			return POI_ERR_INVALID;
	}
	return POI_OK;
}

// An acknowledgement that is not asked for never comes: nothing would ever be delivered.
static int check_settle(struct config_source *s, const yaml_node_t *at, const char *path,
	const struct config_override *o)
{
	const struct config_delivery *d = &s->config->delivery;
	bool keepalive = o && o->keepalive >= 0 ? o->keepalive : d->keepalive.enabled;
	bool require_ack = o && o->require_ack >= 0 ? o->require_ack : d->keepalive.require_ack;
	int32_t settle = o && o->settle >= 0 ? o->settle : d->settle;

	if (settle != CONFIG_SETTLE_KEEPALIVE || (keepalive && require_ack))
		return POI_OK;
	return config_refuse(s, at,
		"%ssettle is keepalive and %s is false, write true there, or settle: tcp: a PDU is "
		"then delivered when the MDF's TCP has taken it",
		path, !keepalive ? "keepalive" : "require-ack");
}

static int check_override(struct config_source *s, const yaml_node_t *list, uint32_t i)
{
	const struct config_override *o = &s->config->delivery.overrides[i];
	struct ip_prefix prefix;
	struct id16 did;

	if (id_parse(o->match, strlen(o->match), &did) && ip_prefix_parse(o->match, &prefix))
		return config_refuse(s, config_place(s, list, i, "match"),
			"delivery.overrides[%u].match is neither, write a DID (lower-case UUID) or "
			"a "
			"network such as 203.0.113.0/24",
			i);
	if (o->buffer > (int64_t)s->config->delivery.buffer_total)
		return config_refuse(s, config_place(s, list, i, "buffer"),
			"delivery.overrides[%u].buffer is above delivery.buffer-total, write at "
			"most %llu",
			i, (unsigned long long)s->config->delivery.buffer_total);
	char path[40];
	const yaml_node_t *at = config_place(s, list, i, "settle");
	if (o->settle < 0)
		at = config_place(s, list, i, o->keepalive >= 0 ? "keepalive" : "require-ack");
	snprintf(path, sizeof(path), "delivery.overrides[%u].", i);
	return check_settle(s, at, path, o);
}

// The worker is what parts the contexts of one point (one writer each): without it in the IPID two
// workers would number the same context.
static int check_ipid(struct config_source *s, const yaml_node_t *delivery)
{
	const char *format = s->config->delivery.ipid_format;
	const yaml_node_t *at = config_child(s, delivery, "ipid-format");

	for (const char *p = strchr(format, '{'); p; p = strchr(p + 1, '{'))
		if (strncmp(p, "{point}", 7) && strncmp(p, "{worker}", 8) &&
			strncmp(p, "{incarnation}", 13))
			return config_refuse(s, at,
				"delivery.ipid-format has an unknown name in { }, write {point}, "
				"{worker} "
				"or {incarnation}");
	if (!strstr(format, "{worker}") || !strstr(format, "{incarnation}"))
		return config_refuse(s, at,
			"delivery.ipid-format lacks {worker} or {incarnation}, write both: "
			"sequence "
			"numbers start anew with each");
	return POI_OK;
}

// The header of a PDU without optional attributes; `{worker}` as long as it gets, `{incarnation}`
// in 16 digits.
static int check_header(struct config_source *s, const yaml_node_t *delivery)
{
	const struct config_delivery *d = &s->config->delivery;
	struct pdu_origin origin = {.length = (uint16_t)(8 + strlen(d->nf_identifier))};

	for (const char *p = d->ipid_format; *p; p++) {
		if (*p != '{') {
			origin.length++;
			continue;
		}
		origin.length += p[1] == 'p' ? strlen(d->interception_point) : p[1] == 'w' ? 3 : 16;
		p = strchr(p, '}');
	}
	size_t size = pdu_head_size(&origin, &(struct pdu_head){0});
	if (size <= d->max_header)
		return POI_OK;
	return config_refuse(s, config_child(s, delivery, "nf-identifier"),
		"the header of each PDU would have %zu octets and delivery.max-header is %u, "
		"write shorter identifiers (nf-identifier, interception-point, ipid-format)",
		size, d->max_header);
}

static int check_suites(struct config_source *s, const yaml_node_t *delivery)
{
	struct tls_suite_name bad;

	if (tls_suites_allowed(s->config->delivery.cipher_suites, &bad))
		return POI_OK;
	return config_refuse(s, config_child(s, delivery, "cipher-suites"),
		"delivery.cipher-suites has \"%.*s\", which is unknown or too weak, write names "
		"like TLS_AES_128_GCM_SHA256 with colons between",
		(int)(bad.length < 64 ? bad.length : 64), bad.text);
}

static int check_delivery(struct config_source *s, const yaml_node_t *root)
{
	const struct config_delivery *d = &s->config->delivery;
	const yaml_node_t *node = config_child(s, root, "delivery");
	const yaml_node_t *overrides = config_child(s, node, "overrides");
	const yaml_node_t *buffer = config_child(s, node, "buffer");

	if (d->buffer > d->buffer_total)
		return config_refuse(s, buffer ? buffer : config_child(s, node, "buffer-total"),
			"delivery.buffer is above delivery.buffer-total, write at most %llu or "
			"raise "
			"buffer-total",
			(unsigned long long)d->buffer_total);
	int rc = check_ipid(s, node);
	if (!rc)
		rc = check_header(s, node);
	if (!rc)
		rc = check_suites(s, node);
	const yaml_node_t *settle = config_child(s, node, "settle");
	if (!rc)
		rc = check_settle(
			s, settle ? settle : config_child(s, node, "keepalive"), "delivery.", NULL);
	// Only an override may have the other way: for its destinations the kernel is not asked.
	if (!rc && d->kernel_tls && d->settle == CONFIG_SETTLE_TCP)
		rc = config_refuse(s, config_child(s, node, "kernel-tls"),
			"delivery.kernel-tls is true and delivery.settle is tcp, write settle: "
			"keepalive, or kernel-tls: false: the PDUs in what TCP has acknowledged "
			"are unknown where the kernel makes the records");
	for (uint32_t i = 0; i < d->n_overrides && !rc; i++)
		rc = check_override(s, overrides, i);
	return rc;
}

// The longest socket below it has to fit the 108 octets of a Unix address.
static int check_runtime_dir(struct config_source *s, const yaml_node_t *root)
{
	size_t most = 107 - strlen("/dataplane.sock");

	if (strlen(s->config->runtime_dir) <= most)
		return POI_OK;
	const yaml_node_t *at = config_child(s, root, "runtime-dir");
	return config_refuse(s, at,
		"runtime-dir (or $RUNTIME_DIRECTORY) is %zu octets long, write a path of at most "
		"%zu",
		strlen(s->config->runtime_dir), most);
}

static bool quotes_closed(const char *text)
{
	char open = 0;

	for (; *text; text++) {
		if (*text == '\\' && open != '\'') {
			if (!*++text)
				return false;
		} else if (open) {
			if (*text == open)
				open = 0;
		} else if (*text == '"' || *text == '\'') {
			open = *text;
		}
	}
	return !open;
}

// CPUs of the other threads: none twice, and none of a worker.
struct cpu_key {
	const char *path; // of the list, such as "delivery.cpus"
	const yaml_node_t *node;
	const int32_t *cpu;
	uint32_t n;
};

static int check_cpu_key(struct config_source *s, const struct cpu_key *k, bool may_share)
{
	const struct config_dataplane *d = &s->config->dataplane;

	for (uint32_t i = 0; i < k->n; i++) {
		const yaml_node_t *at = config_item(s, k->node, i);
		for (uint32_t w = 0; w < d->n_workers && !may_share; w++)
			if (k->cpu[i] == d->workers[w])
				return config_refuse(s, at,
					"%s[%u] is dataplane.workers[%u], write another CPU: a "
					"worker needs its own",
					k->path, i, w);
		for (uint32_t o = 0; o < i; o++)
			if (k->cpu[i] == k->cpu[o])
				return config_refuse(s, at,
					"%s[%u] is already %s[%u], write each CPU once", k->path, i,
					k->path, o);
	}
	return POI_OK;
}

static int check_cpus(struct config_source *s, const yaml_node_t *root, const yaml_node_t *node)
{
	const struct config_dataplane *d = &s->config->dataplane;
	const struct config_delivery *delivery = &s->config->delivery;
	const yaml_node_t *workers = config_child(s, node, "workers");
	const struct cpu_key keys[] = {
		{"dataplane.control-cpus", config_child(s, node, "control-cpus"), d->control_cpus,
			d->n_control_cpus},
		{"delivery.cpus", config_child(s, config_child(s, root, "delivery"), "cpus"),
			delivery->cpus, delivery->n_cpus},
	};
	// With --lcores the numbers are logical cores that EAL maps to CPUs.
	bool may_share = strstr(d->eal, "--lcores") || sysconf(_SC_NPROCESSORS_ONLN) == 1;
	int rc = POI_OK;

	for (uint32_t i = 0; i < d->n_workers; i++) {
		const yaml_node_t *at = config_item(s, workers, i);
		if (d->workers[i] == d->main_cpu && !may_share)
			return config_refuse(s, at,
				"dataplane.workers[%u] is main-cpu, write another CPU: a worker "
				"needs its own",
				i);
		for (uint32_t k = 0; k < i; k++)
			if (d->workers[i] == d->workers[k])
				return config_refuse(s, at,
					"dataplane.workers[%u] is already workers[%u], write each "
					"CPU once",
					i, k);
	}
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]) && !rc; i++)
		rc = check_cpu_key(s, &keys[i], may_share);
	return rc;
}

static const struct config_port *find_port(const struct config_dataplane *d, const char *device)
{
	for (uint32_t i = 0; i < d->n_ports; i++)
		if (!strcmp(d->ports[i].device, device))
			return &d->ports[i];
	return NULL;
}

static int check_peer(struct config_source *s, const yaml_node_t *ports, uint32_t i)
{
	const struct config_dataplane *d = &s->config->dataplane;
	const struct config_port *p = &d->ports[i];

	if (p->mode == CONFIG_PORT_PROBE) {
		if (p->peer)
			return config_refuse(s, config_place(s, ports, i, "peer"),
				"dataplane.ports[%u].peer without forwarding, write mode: inline "
				"or "
				"remove peer",
				i);
		return POI_OK;
	}
	if (!p->peer)
		return config_refuse(s, config_place(s, ports, i, "mode"),
			"dataplane.ports[%u].mode inline without a peer, write peer: and the other "
			"port's device",
			i);
	const struct config_port *other = find_port(d, p->peer);
	if (!other || other == p)
		return config_refuse(s, config_place(s, ports, i, "peer"),
			"dataplane.ports[%u].peer is no other port here, write the device of one",
			i);
	if (other->mode != CONFIG_PORT_INLINE || !other->peer || strcmp(other->peer, p->device))
		return config_refuse(s, config_place(s, ports, i, "peer"),
			"dataplane.ports[%u].peer does not name this port in turn, write there "
			"mode: "
			"inline and peer: %.63s",
			i, p->device);
	return POI_OK;
}

static int check_port(struct config_source *s, const yaml_node_t *ports, uint32_t i)
{
	const struct config_port *p = &s->config->dataplane.ports[i];

	if (find_port(&s->config->dataplane, p->device) != p)
		return config_refuse(s, config_place(s, ports, i, "device"),
			"dataplane.ports[%u].device \"%.63s\" is given twice, write each device "
			"once",
			i, p->device);
	if (p->n_endpoints && p->tunnel != CONFIG_TUNNEL_GTPU)
		return config_refuse(s, config_place(s, ports, i, "gtp-endpoints"),
			"dataplane.ports[%u].gtp-endpoints without GTP-U, write tunnel: gtpu or "
			"remove "
			"them",
			i);
	if (p->n_gtp_aliases && p->tunnel != CONFIG_TUNNEL_GTPU)
		return config_refuse(s, config_place(s, ports, i, "gtp-aliases"),
			"dataplane.ports[%u].gtp-aliases without GTP-U, write tunnel: gtpu or "
			"remove them",
			i);
	if (p->n_signalling_peers && !p->n_signalling)
		return config_refuse(s, config_place(s, ports, i, "signalling-peers"),
			"dataplane.ports[%u].signalling-peers without signalling, write its "
			"protocols or remove them",
			i);
	if (p->n_signalling && p->link == CONFIG_LINK_N6 && !p->n_signalling_peers)
		return config_refuse(s, config_place(s, ports, i, "signalling"),
			"dataplane.ports[%u].signalling on link: n6 would believe what users "
			"send, write signalling-peers: the addresses of the core's nodes",
			i);
	if (p->spread != CONFIG_SPREAD_ADDRESSES && p->tunnel != CONFIG_TUNNEL_GTPU)
		return config_refuse(s, config_place(s, ports, i, "spread"),
			"dataplane.ports[%u].spread by what is in tunnels, of which it opens none, "
			"write tunnel: gtpu or spread: addresses",
			i);
	if (p->spread == CONFIG_SPREAD_SOFTWARE && p->mode == CONFIG_PORT_INLINE)
		return config_refuse(s, config_place(s, ports, i, "spread"),
			"dataplane.ports[%u].spread: software on mode: inline, where a full ring "
			"would cost the users their packets, write spread: addresses",
			i);
	return check_peer(s, ports, i);
}

static int check_dataplane(struct config_source *s, const yaml_node_t *root)
{
	const yaml_node_t *node = config_child(s, root, "dataplane");
	const yaml_node_t *ports = config_child(s, node, "ports");
	int rc = POI_OK;

	if (!quotes_closed(s->config->dataplane.eal))
		return config_refuse(s, config_child(s, node, "eal"),
			"dataplane.eal has an open quote, write its partner");
	rc = check_cpus(s, root, node);
	for (uint32_t i = 0; i < s->config->dataplane.n_ports && !rc; i++)
		rc = check_port(s, ports, i);
	return rc;
}

static int check_store(struct config_source *s, const yaml_node_t *root)
{
	const struct config *c = s->config;

	// Without a key it is the unit's credential store-key.
	if (c->store.file || !c->store.key)
		return POI_OK;
	return config_refuse(s, config_child(s, root, "store"),
		"store has a key and no file, write both, or neither to keep tasks in memory");
}

static bool is_loopback(const struct ip_address *a)
{
	static const uint8_t one[16] = {[15] = 1};

	return a->family == 4 ? a->b[0] == 127 : !memcmp(a->b, one, sizeof(one));
}

// Figures are read without authentication.
static int check_metrics(struct config_source *s, const yaml_node_t *root)
{
	const struct config_endpoint *at = &s->config->metrics.listen;

	if (!at->address.family || is_loopback(&at->address))
		return POI_OK;
	return config_refuse(s, config_child(s, config_child(s, root, "metrics"), "listen"),
		"metrics.listen is open to other machines, write 127.0.0.1:%u, and a proxy that "
		"asks "
		"for a certificate in front of it where others shall read",
		at->port);
}

int config_check(struct config_source *s, const yaml_node_t *root)
{
	const yaml_node_t *nes = config_child(s, root, "network-elements");
	int rc = POI_OK;

	for (uint32_t i = 0; i < s->config->n_nes && !rc; i++)
		rc = check_ne(s, nes, i);
	if (!rc)
		rc = config_check_events(s, root, nes);
	if (!rc)
		rc = check_all_times(s, root, nes);
	if (!rc)
		rc = check_delivery(s, root);
	if (!rc)
		rc = check_dataplane(s, root);
	if (!rc)
		rc = check_runtime_dir(s, root);
	if (!rc)
		rc = check_store(s, root);
	if (!rc)
		rc = check_metrics(s, root);
	return rc;
}
