// Keys of delivery: the kernel's TLS beside what settles a PDU, and ends of sets.
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/config.h"

static char why[512];

// A configuration whose delivery has these keys.
static struct config *with_delivery(const char *keys)
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
			     "dataplane:\n"
			     "  workers: [1]\n"
			     "  ports:\n"
			     "    - { device: net_pcap0, mode: probe }\n"
			     "audit: { file: /var/log/poi/audit.jsonl }\n"
			     "delivery:\n"
			     "  nf-identifier: upf-1.example.org\n"
			     "  interception-point: poi-1\n"
			     "  tls: { certificate: ne.pem, key: ne.key, ca: ca.pem }\n"
			     "%s",
			     keys),
		0);
	struct config *c =
		config_load_text("/etc/poi/poi.yaml", text, strlen(text), why, sizeof(why));
	free(text);
	return c;
}

Test(config_delivery, the_kernel_is_not_asked_unless_the_file_says_so)
{
	struct config *c = with_delivery("");

	cr_assert_not_null(c, "%s", why);
	cr_expect(!c->delivery.kernel_tls);
	config_free(c);
	c = with_delivery("  kernel-tls: true\n");
	cr_assert_not_null(c, "%s", why);
	cr_expect(c->delivery.kernel_tls);
	config_free(c);
}

Test(config_delivery, a_better_end_is_waited_for)
{
	struct config *c = with_delivery("");

	cr_assert_not_null(c, "%s", why);
	cr_expect_eq(c->delivery.failback, 60);
	config_free(c);
	c = with_delivery("  failback: 0\n");
	cr_assert_not_null(c, "%s", why);
	cr_expect_eq(c->delivery.failback, 0);
	config_free(c);
	cr_assert_null(with_delivery("  failback: 86401\n"));
	cr_expect_not_null(strstr(why, "delivery.failback"), "%s", why);
}

// TCP's acknowledgements cannot settle records that the kernel encrypts.
Test(config_delivery, the_kernels_tls_is_refused_where_tcp_settles)
{
	struct config *c = with_delivery("  kernel-tls: true\n  settle: tcp\n");

	cr_assert_null(c);
	cr_expect_not_null(
		strstr(why, "/etc/poi/poi.yaml:16:15: delivery.kernel-tls is true and "
			    "delivery.settle is tcp, write settle: keepalive, or kernel-tls: "
			    "false: the PDUs in what TCP has acknowledged are unknown where "
			    "the kernel makes the records"),
		"%s", why);
	config_free(c);
	c = with_delivery("  kernel-tls: false\n  settle: tcp\n");
	cr_expect_not_null(c, "%s", why);
	config_free(c);
}

// One MDF that never acknowledges does not take it from the others.
Test(config_delivery, an_override_may_settle_by_tcp)
{
	struct config *c = with_delivery(
		"  kernel-tls: true\n  overrides: [{match: 203.0.113.0/24, settle: tcp}]\n");

	cr_assert_not_null(c, "%s", why);
	cr_expect(c->delivery.kernel_tls);
	config_free(c);
}
