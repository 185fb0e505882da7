// Keys of X1 that come from TS 103 221-1: times that fit together, default port and path.
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/config.h"

static const char example[] = "network-elements:\n"
			      "  - ne-identifier: poi-01\n"
			      "    admf-identifier: admf-01\n"
			      "    listen: \"192.0.2.10:443\"\n"
			      "    role: poi\n"
			      "    admf-url: https://admf.example:443/X1/ADMF\n"
			      "    tls: { certificate: ne.pem, key: ne.key, ca: ca.pem }\n"
			      "x1:\n"
			      "  time1: 5\n"
			      "  time2: 15\n"
			      "  keepalive: { enabled: true, time-p1: 60, time-p2: 3600 }\n"
			      "delivery:\n"
			      "  nf-identifier: upf-1.example.org\n"
			      "  interception-point: poi-1\n"
			      "  tls: { certificate: ne.pem, key: ne.key, ca: ca.pem }\n"
			      "dataplane:\n"
			      "  workers: [1]\n"
			      "  ports:\n"
			      "    - { device: net_pcap0, mode: probe }\n"
			      "audit: { file: /var/log/poi/audit.jsonl }\n";

static char why[512];

static struct config *load(const char *text)
{
	unsetenv("RUNTIME_DIRECTORY");
	return config_load_text("/etc/poi/poi.yaml", text, strlen(text), why, sizeof(why));
}

// A copy of the example with the first `from` replaced by `to`.
static char *changed(const char *from, const char *to)
{
	const char *at = strstr(example, from);
	char *text = NULL;

	cr_assert_not_null(at, "%s", from);
	cr_assert_gt(
		asprintf(&text, "%.*s%s%s", (int)(at - example), example, to, at + strlen(from)),
		0);
	return text;
}

static void expect_refusal(const char *from, const char *to, const char *message)
{
	char *text = changed(from, to);
	struct config *c = load(text);

	cr_expect_null(c, "%s must be refused", to);
	cr_expect_str_eq(why, message);
	config_free(c);
	free(text);
}

#define F "/etc/poi/poi.yaml:"

Test(config_x1, times_fit_together)
{
	expect_refusal("time2: 15", "time2: 9",
		F "10:10: x1.time2 is 9 and below twice time1, write at least 10, or a smaller "
		  "time1");
	expect_refusal("time1: 5", "time1: 8",
		F "10:10: x1.time2 is 15 and below twice time1, write at least 16, or a smaller "
		  "time1");
	expect_refusal("time-p2: 3600", "time-p2: 60",
		F "11:53: x1.keepalive.time-p2 is 60 and not above time-p1, write more than 60, or "
		  "a smaller time-p1");
	expect_refusal("    role: poi\n", "    x1: { keepalive: { time-p2: 3 } }\n",
		F
		"5:33: network-elements[0].x1.keepalive.time-p2 is 3 and not above time-p1, write "
		"more than 60, or a smaller time-p1");
	expect_refusal("    role: poi\n", "    x1: { time1: 8 }\n",
		F "5:9: network-elements[0].x1.time2 is 15 and below twice time1, write at least "
		  "16, or a smaller time1");
	expect_refusal("time-p2: 3600", "time-p2: 3600, model: later, time-p3: 3600",
		F "11:82: x1.keepalive.time-p3 is 3600 and not above time-p2, write more than "
		  "3600, or a smaller time-p2");
	expect_refusal("time-p2: 3600", "time-p2: 3600, model: v1.9",
		F "11:66: x1.keepalive.model is \"v1.9\", write v1.8.1 or later");
	expect_refusal("time1: 5", "time1: 5\n  version: v1.22.1",
		F "10:12: x1.version is \"v1.22.1\", write v1.8.1 or v1.13.1");
	char *text = changed("enabled: true, time-p1: 60, time-p2: 3600",
		"enabled: false, time-p1: 60, time-p2: 60");
	struct config *c = load(text);
	cr_assert_not_null(c, "%s", why);
	config_free(c);
	free(text);
}

static void expect_listen(const char *listen, uint8_t family, uint8_t last, unsigned port)
{
	char *text = changed("\"192.0.2.10:443\"", listen);
	struct config *c = load(text);

	cr_assert_not_null(c, "%s", why);
	cr_assert_eq(c->nes[0].listen.address.family, family);
	cr_assert_eq(c->nes[0].listen.address.b[family == 4 ? 3 : 15], last);
	cr_assert_eq(c->nes[0].listen.port, port);
	config_free(c);
	free(text);
}

Test(config_x1, a_port_and_a_path_have_the_standards_defaults)
{
	expect_listen("192.0.2.10", 4, 10, 443);
	expect_listen("\"[2001:db8::7]\"", 6, 7, 443);
	expect_listen("\"[2001:db8::7]:8443\"", 6, 7, 8443);
	expect_refusal("audit:", "metrics: { listen: 127.0.0.1 }\naudit:",
		F "20:20: metrics.listen is \"127.0.0.1\", write address:port, such as "
		  "\"192.0.2.10:443\" or \"[2001:db8::10]:443\"");
	static const char *const urls[][2] = {
		{"https://admf.example", "https://admf.example/X1/ADMF"},
		{"https://admf.example:8443", "https://admf.example:8443/X1/ADMF"},
		{"https://admf.example/", "https://admf.example/"},
		{"https://admf.example/x", "https://admf.example/x"},
		{"https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443/X1/ADMF"},
	};
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		char *text = changed("https://admf.example:443/X1/ADMF", urls[i][0]);
		struct config *c = load(text);
		cr_assert_not_null(c, "%s", why);
		cr_assert_str_eq(c->nes[0].admf_url, urls[i][1]);
		config_free(c);
		free(text);
	}
	expect_refusal("https://admf.example:443/X1/ADMF", "https://admf.example?x",
		F "6:15: admf-url is no https URL, write it as https://admf.example:443/X1/ADMF");
}

Test(config_x1, what_a_list_of_targets_means)
{
	struct config *c = load(example);

	cr_assert_not_null(c, "%s", why);
	cr_expect_eq(c->nes[0].targets, CONFIG_TARGETS_ALL);
	config_free(c);
	char *text = changed("    role: poi\n", "    role: triggered\n    targets: alternatives\n");
	c = load(text);
	cr_assert_not_null(c, "%s", why);
	cr_expect_eq(c->nes[0].targets, CONFIG_TARGETS_ALTERNATIVES);
	config_free(c);
	free(text);
	expect_refusal("    role: poi\n", "    role: poi\n    targets: alternatives\n",
		F "6:14: network-elements[0].targets alternatives is for elements that another "
		  "function triggers, write role: triggered, or targets: all");
	text = changed("    role: poi\n", "    role: triggered\n    targets: any\n");
	cr_expect_null(load(text));
	free(text);
}
