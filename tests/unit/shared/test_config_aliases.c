// A port's gtp-aliases and spread: what is taken, what is refused, and that they come back from a
// dump.
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/config.h"

static char why[512];

// A configuration whose port has these keys.
static struct config *with_port(const char *keys)
{
	char *text = NULL;

	unsetenv("RUNTIME_DIRECTORY");
	cr_assert_gt(asprintf(&text,
			     "network-elements:\n"
			     "  - ne-identifier: poi-01\n"
			     "    admf-identifier: admf-01\n"
			     "    listen: \"192.0.2.10:443\"\n"
			     "    role: poi\n"
			     "    tls: { certificate: ne.pem, key: ne.key, ca: ca.pem }\n"
			     "delivery:\n"
			     "  nf-identifier: upf-1.example.org\n"
			     "  interception-point: poi-1\n"
			     "  tls: { certificate: ne.pem, key: ne.key, ca: ca.pem }\n"
			     "dataplane:\n"
			     "  workers: [1]\n"
			     "  ports:\n"
			     "    - { device: net_pcap0, mode: probe, %s }\n"
			     "audit: { file: /var/log/poi/audit.jsonl }\n",
			     keys),
		0);
	struct config *c =
		config_load_text("/etc/poi/poi.yaml", text, strlen(text), why, sizeof(why));
	free(text);
	return c;
}

static void refused(const char *keys, const char *message)
{
	struct config *c = with_port(keys);

	cr_expect_null(c, "%s must be refused", keys);
	cr_expect_not_null(strstr(why, message), "%s", why);
	config_free(c);
}

Test(config_aliases, pairs)
{
	struct config *c = with_port("tunnel: gtpu, gtp-aliases: {10.1.0.1: 198.51.100.1, "
				     "\"2001:db8::1\": \"2001:db8::2\"}");
	const struct config_port *p;
	char *text = NULL;
	size_t size = 0;

	cr_assert_not_null(c, "%s", why);
	p = &c->dataplane.ports[0];
	cr_assert_eq(p->n_gtp_aliases, 2);
	cr_assert_eq(p->gtp_aliases[0].advertised.b[0], 10);
	cr_assert_eq(p->gtp_aliases[0].seen.b[0], 198);
	cr_assert_eq(p->gtp_aliases[1].seen.b[15], 2);
	FILE *out = open_memstream(&text, &size);
	cr_assert_eq(config_dump(c, out), 0);
	fclose(out);
	cr_assert_not_null(strstr(text, "gtp-aliases: {\"10.1.0.1\": \"198.51.100.1\", "
					"\"2001:db8::1\": \"2001:db8::2\"}\n"),
		"%s", text);
	free(text);
	config_free(c);
}

Test(config_aliases, refusals)
{
	refused("gtp-aliases: {10.1.0.1: 10.1.0.2}",
		"dataplane.ports[0].gtp-aliases without GTP-U, write tunnel: gtpu or remove them");
	refused("tunnel: gtpu, gtp-aliases: [10.1.0.1]",
		"gtp-aliases has no pairs of addresses, write {advertised: seen}");
	refused("tunnel: gtpu, gtp-aliases: {10.1.0.1: \"2001:db8::1\"}",
		"gtp-aliases holds what is no pair of addresses of one family, write {advertised: "
		"seen}, such as {10.1.0.1: 198.51.100.1}");
	refused("tunnel: gtpu, gtp-aliases: {10.1.0.1: 10.2.0.1, 10.1.0.2: 10.2.0.1}",
		"gtp-aliases has \"10.2.0.1\" seen for two, write it once: its tunnels would "
		"have two owners");
}

Test(config_aliases, spread)
{
	struct config *c = with_port("tunnel: gtpu");
	char *text = NULL;
	size_t size = 0;

	cr_assert_not_null(c, "%s", why);
	cr_expect_eq(c->dataplane.ports[0].spread, CONFIG_SPREAD_ADDRESSES);
	config_free(c);
	c = with_port("tunnel: gtpu, spread: software");
	cr_assert_not_null(c, "%s", why);
	cr_expect_eq(c->dataplane.ports[0].spread, CONFIG_SPREAD_SOFTWARE);
	FILE *out = open_memstream(&text, &size);
	cr_assert_eq(config_dump(c, out), 0);
	fclose(out);
	cr_expect_not_null(strstr(text, "spread: software\n"), "%s", text);
	free(text);
	config_free(c);
	c = with_port("tunnel: gtpu, spread: tunnel");
	cr_assert_not_null(c, "%s", why);
	cr_expect_eq(c->dataplane.ports[0].spread, CONFIG_SPREAD_TUNNEL);
	config_free(c);
	refused("spread: tunnel",
		"dataplane.ports[0].spread by what is in tunnels, of which it opens none, write "
		"tunnel: gtpu or spread: addresses");
	refused("spread: software",
		"dataplane.ports[0].spread by what is in tunnels, of which it opens none, write "
		"tunnel: gtpu or spread: addresses");
	refused("tunnel: gtpu, spread: ports", "dataplane.ports[0].spread");
}

// Keys of an inline pair.
Test(config_aliases, spread_inline)
{
	refused("tunnel: gtpu, spread: software }\n    - { device: net_pcap1, mode: inline, peer: "
		"net_pcap2 }\n    - { device: net_pcap2, mode: inline, peer: net_pcap1, tunnel: "
		"gtpu, spread: software",
		"dataplane.ports[2].spread: software on mode: inline, where a full ring would cost "
		"the users their packets, write spread: addresses");
}
