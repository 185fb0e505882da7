// `poi check`: where X1 listens, and what runs already.
#include "control/cli/cli_check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "control/cli/cli_peer.h"
#include "shared/socket.h"

// --- addresses ---

// 0, or why the address cannot be listened on.
static int try_bind(const struct config_endpoint *at)
{
	int fd = socket_listen(&at->address, at->port, SOCKET_REUSE, 0);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

static void look_at_endpoint(
	const struct check *c, const char *what, const struct config_endpoint *at, bool running)
{
	char text[64];

	ip_address_format(&at->address, text, sizeof(text));
	switch (try_bind(at)) {
	case 0:
		check_say(c, CHECK_OK, "listen", "%s: %s port %u is free", what, text, at->port);
		return;
	case EADDRINUSE:
		if (running)
			check_say(c, CHECK_OK, "listen",
				"%s: %s port %u, in use while poi-control runs", what, text,
				at->port);
		else
			check_say(c, CHECK_FAIL, "listen",
				"%s: another program has %s port %u; see which with: ss -ltnp "
				"'sport = :%u'",
				what, text, at->port, at->port);
		return;
	case EADDRNOTAVAIL:
		check_say(c, CHECK_FAIL, "listen",
			"%s: no interface has the address %s; ip address add %s/PREFIX dev "
			"INTERFACE, or "
			"write another",
			what, text, text);
		return;
	case EACCES:
		check_say(c, CHECK_WARN, "listen",
			"%s: port %u is below 1024 and not for this user; poi-control needs "
			"CAP_NET_BIND_SERVICE",
			what, at->port);
		return;
	default:
		check_say(c, CHECK_WARN, "listen", "%s: %s port %u cannot be tried", what, text,
			at->port);
	}
}

void check_listeners(const struct check *c)
{
	const struct config *f = c->config;
	char software[32], what[300];
	bool running = cli_peer_state(f, "control.sock", software) != CLI_PEER_AWAY;

	for (uint32_t i = 0; i < f->n_nes; i++) {
		snprintf(what, sizeof(what), "X1 of %s", f->nes[i].ne_identifier);
		look_at_endpoint(c, what, &f->nes[i].listen, running);
	}
	if (f->metrics.listen.address.family)
		look_at_endpoint(c, "metrics", &f->metrics.listen, running);
}

// --- what runs ---

static void look_at_process(const struct check *c, const char *name, const char *socket_name)
{
	char software[32];

	switch (cli_peer_state(c->config, socket_name, software)) {
	case CLI_PEER_AWAY:
		check_say(c, CHECK_OK, "processes", "%s does not run", name);
		return;
	case CLI_PEER_OURS:
		check_say(c, CHECK_OK, "processes", "%s runs", name);
		return;
	case CLI_PEER_FOREIGN:
		check_say(c, CHECK_FAIL, "processes",
			"%s runs as version %s, which speaks another channel; systemctl restart %s",
			name, software, name);
		return;
	case CLI_PEER_DENIED:
		check_say(c, CHECK_WARN, "processes",
			"%s runs, but does not serve this user; run this as root or as its user",
			name);
		return;
	case CLI_PEER_SILENT:
		check_say(c, CHECK_FAIL, "processes",
			"%s runs and does not answer: it hangs, or the machine is too busy; look "
			"at "
			"its journal",
			name);
		return;
	case CLI_PEER_BROKEN:
		check_say(c, CHECK_WARN, "processes", "%s cannot be asked; try again", name);
		return;
	}
}

// With one worker there is nothing to spread.
static bool wants_tunnels(const struct config_dataplane *d, const char *port)
{
	for (uint32_t i = 0; i < d->n_ports && d->n_workers > 1; i++)
		if (strcmp(d->ports[i].device, port) == 0)
			return d->ports[i].spread == CONFIG_SPREAD_TUNNEL;
	return false;
}

static void look_at_spread(const struct check *c, const char *port, uint8_t spread)
{
	if (spread != SPREAD_TUNNEL && wants_tunnels(&c->config->dataplane, port))
		check_say(c, CHECK_WARN, "spread",
			"%s: spread: tunnel was asked for and the NIC cannot: all tunnels of one "
			"gNB come to one worker; write spread: software where that is not enough",
			port);
	switch ((enum port_spread)spread) {
	case SPREAD_NONE:
	case SPREAD_ADDRESSES:
	case SPREAD_SOFTWARE:
	case SPREAD_TUNNEL:
		check_say(c, CHECK_OK, "spread", "%s: %s", port, port_spread_name(spread));
		return;
	case SPREAD_ONE_SIDED:
		check_say(c, CHECK_WARN, "spread",
			"%s: by the NIC's own key, the two directions of a conversation may come "
			"to two "
			"workers: ports of later fragments may be missed; use one worker, or "
			"another NIC",
			port);
		return;
	case SPREAD_DEVICE:
		check_say(c, CHECK_WARN, "spread",
			"%s: as the device does it, perhaps by ports: later fragments may come to "
			"another "
			"worker than the first; use one queue for port tasks",
			port);
		return;
	case SPREAD_IMPOSSIBLE:
		check_say(c, CHECK_WARN, "spread",
			"%s: the NIC has no hash of IP packets: one worker gets all of it; use "
			"another NIC where that is not enough",
			port);
		return;
	case SPREAD_PORTS:
		check_say(c, CHECK_WARN, "spread",
			"%s: by addresses and ports, the closest hash that the NIC has: fragments "
			"and whole packets of one conversation may come to two workers; use one "
			"worker where their order counts",
			port);
		return;
	}
}

static void look_at_share(const struct check *c, const char *port, const struct unopened_share *s)
{
	char what[UNOPENED_TEXT];

	if (!unopened_looks_wrapped(s)) {
		check_say(c, CHECK_OK, "wrappings", "%s: the port opens what it sees", port);
		return;
	}
	unopened_text(s->most[0].what, what);
	check_say(c, CHECK_WARN, "wrappings",
		"%s: the link looks wrapped, most by %s: the packets inside are not seen; see the "
		"keys of dataplane.ports (gre, vxlan-ports, mpls-pseudowire ...)",
		port, what);
}

void check_processes(const struct check *c)
{
	struct cli_picture p;

	look_at_process(c, "poi-dataplane", "dataplane.sock");
	look_at_process(c, "poi-control", "control.sock");
	cli_picture_take_settled(c->config, true, &p);
	for (uint32_t i = 0; p.dataplane && i < p.workers.ports && i < p.status.ports; i++) {
		look_at_spread(c, p.status.port[i].name, p.workers.port[i].spread);
		look_at_share(c, p.status.port[i].name, &p.workers.port[i].share);
	}
	if (p.dataplane && !p.status.balanced)
		check_say(c, CHECK_FAIL, "ledger",
			"the sums differ; keep the output of: poi status --json");
	cli_picture_free(&p);
}
