#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/observe/config_reload.h"

static char said[4096];

static void on_line(void *context, const char *line)
{
	strcat(said, line);
	strcat(said, "\n");
}

static struct config *load(const char *elements, const char *rest)
{
	char text[4096], why[512];

	snprintf(text, sizeof(text),
		"runtime-dir: /run/poi\n"
		"network-elements:\n%s"
		"delivery:\n"
		"  nf-identifier: upf\n  interception-point: poi\n"
		"  tls: { certificate: a.pem, key: a.key, ca: ca.pem }\n"
		"dataplane:\n"
		"  eal: \"--no-pci\"\n  main-cpu: 0\n  workers: [1]\n"
		"  ports:\n    - { device: net_null0, mode: probe }\n"
		"%s",
		elements, rest);
	struct config *c = config_load_text("/etc/poi.yaml", text, strlen(text), why, sizeof(why));
	cr_assert_not_null(c, "%s", why);
	return c;
}

#define NE(n, port, more)                                                \
	"  - ne-identifier: ne-" n "\n    admf-identifier: admf-" n "\n" \
	"    listen: \"192.0.2.1:" port "\"\n"                           \
	"    tls: { certificate: n" n ".pem, key: n.key, ca: ca.pem }\n" more

#define AUDIT "audit: { file: /var/log/audit }\n"

static int merge(struct config *now, struct config *fresh)
{
	said[0] = 0;
	return config_reload_merge(now, fresh, on_line, NULL);
}

Test(config_reload, nothing_changed_says_nothing)
{
	struct config *now = load(NE("1", "443", ""), AUDIT),
		      *fresh = load(NE("1", "443", ""), AUDIT);

	cr_assert_eq(merge(now, fresh), 0);
	cr_assert_str_eq(said, "");
	config_free(now);
	config_free(fresh);
}

Test(config_reload, added_elements_come_last_and_removed_ones_stay)
{
	struct config *now = load(NE("1", "443", "") NE("2", "444", ""), AUDIT);
	struct config *fresh = load(NE("3", "445", "") NE("2", "444", ""), AUDIT);

	cr_assert_eq(merge(now, fresh), 0);
	cr_assert_eq(fresh->n_nes, 3);
	cr_assert_str_eq(fresh->nes[0].ne_identifier, "ne-1");
	cr_assert_eq(fresh->nes[0].listen.port, 443);
	cr_assert_str_eq(fresh->nes[0].tls.certificate, now->nes[0].tls.certificate);
	cr_assert_neq(fresh->nes[0].tls.certificate, now->nes[0].tls.certificate, "a copy");
	cr_assert_str_eq(fresh->nes[1].ne_identifier, "ne-2");
	cr_assert_str_eq(fresh->nes[2].ne_identifier, "ne-3");
	cr_assert_not_null(strstr(said, "ne-1 was removed: this needs a restart"));
	cr_assert_not_null(strstr(said, "ne-3 is added"));
	config_free(now);
	config_free(fresh);
}

Test(config_reload, what_needs_a_restart_keeps_its_value_and_is_named)
{
	struct config *now = load(NE("1", "443", ""), AUDIT);
	struct config *fresh =
		load(NE("1", "9443", "    role: triggered\n    admf-url: https://admf.example/\n"),
			"audit: { file: /var/log/other }\n");

	cr_assert_eq(merge(now, fresh), 0);
	cr_assert_eq(fresh->nes[0].listen.port, 443);
	cr_assert_eq(fresh->nes[0].role, CONFIG_ROLE_POI);
	cr_assert_null(fresh->nes[0].admf_url);
	cr_assert_str_eq(fresh->audit.file, "/var/log/audit");
	cr_assert_not_null(strstr(said, "ne-1: listen has changed: this needs a restart\n"));
	cr_assert_not_null(strstr(said, "ne-1: role has changed: this needs a restart\n"));
	cr_assert_not_null(strstr(said, "ne-1: admf-url has changed: this needs a restart\n"));
	cr_assert_not_null(strstr(said, "\naudit.file has changed: this needs a restart\n"));
	config_free(now);
	config_free(fresh);
}

Test(config_reload, what_is_taken_over_is_seen_through_old_pointers)
{
	struct config *now = load(NE("1", "443", ""), AUDIT);
	struct config *fresh =
		load(NE("1", "443", "    x1: { require-uuid-v4: false, time1: 3 }\n"),
			AUDIT "limits: { tasks: 17 }\nlog: { level: debug }\n");
	const struct config_ne *ne = &now->nes[0];

	fresh->dataplane.n_ports = 1;
	free(fresh->dataplane.eal);
	fresh->dataplane.eal = strdup("--other");
	cr_assert_eq(merge(now, fresh), 0);
	cr_assert_str_eq(said,
		"dataplane.eal has changed: this needs a restart of poi-dataplane and "
		"poi-control\n");
	config_reload_exchange(now, fresh);
	cr_assert_eq(ne->x1.time1, 3);
	cr_assert_eq(ne->x1.require_uuid_v4, false);
	cr_assert_eq(now->limits.tasks, 17);
	cr_assert_str_eq(now->log.level, "debug");
	cr_assert_str_eq(now->dataplane.eal, "--no-pci", "the dataplane's own");
	config_free(now);
	config_free(fresh);
}
