// `poi check`: the frame, and what follows from the configuration alone.
#include "control/cli/cli_check.h"

#include "control/cli/cli.h"
#include "control/audit/json.h"

struct report {
	bool json;
	struct json out;
	unsigned n[CHECK_FAIL + 1];
};

static const char *const verdicts[] = {"ok", "hint", "warn", "FAIL"};

static void say(void *context, enum check_verdict v, const char *area, const char *text)
{
	struct report *r = context;

	r->n[v]++;
	if (!r->json) {
		printf("%-5s %-12s %s\n", verdicts[v], area, text);
		return;
	}
	json_object(&r->out, NULL);
	json_string(&r->out, "verdict", verdicts[v]);
	json_string(&r->out, "area", area);
	json_string(&r->out, "text", text);
	json_end_object(&r->out);
}

void check_policy(const struct check *c)
{
	const struct config *f = c->config;

	for (uint32_t i = 0; i < f->dataplane.n_ports; i++) {
		const struct config_port *p = &f->dataplane.ports[i];
		if (p->mode == CONFIG_PORT_INLINE)
			check_say(c, CHECK_HINT, "inline",
				"port %s: the link is cut while poi-dataplane is down; use a NIC "
				"with a "
				"bypass, or mode: probe behind a tap",
				p->device);
		if (p->tunnel == CONFIG_TUNNEL_GTPU && !p->n_endpoints)
			check_say(c, CHECK_WARN, "tunnel",
				"port %s: without gtp-endpoints tasks by TEID are refused (3020) "
				"and "
				"directions are unknown; write the UPF's own GTP-U addresses",
				p->device);
		if (p->n_signalling && !p->n_signalling_peers)
			check_say(c, CHECK_WARN, "signalling",
				"port %s: signalling is accepted from any address; "
				"write signalling-peers: the addresses of the core's "
				"nodes",
				p->device);
	}
	for (uint32_t i = 0; i < f->n_nes; i++) {
		const struct config_ne *ne = &f->nes[i];
		if (!ne->admf_url)
			check_say(c, CHECK_WARN, "reports",
				"%s: no faults are reported to the ADMF; write admf-url",
				ne->ne_identifier);
		if (!ne->x1.keepalive.enabled)
			check_say(c, CHECK_WARN, "fail-safe",
				"%s: tasks outlive a silent ADMF; write x1.keepalive.enabled: true",
				ne->ne_identifier);
	}
	if (!f->audit.key)
		check_say(c, CHECK_HINT, "audit",
			"the log's chain shows accidents, not forgery, without a key; "
			"(umask 077; head -c 32 /dev/urandom > /etc/poi/keys/audit.key), "
			"chown poi: /etc/poi/keys/audit.key, and write "
			"audit.key: /etc/poi/keys/audit.key, or give a credential audit-key");
}

static void look(const struct check *c)
{
	check_policy(c);
	check_certificates(c);
	check_files(c);
	check_events(c);
	check_listeners(c);
	check_cpus(c);
	check_memory(c);
	check_ports(c);
	check_clock(c);
	check_kernel_tls(c);
	check_processes(c);
}

int cli_check(const struct cli_request *r)
{
	struct report report = {.json = r->given[OPTION_JSON]};
	const struct check c = {.root = "", .say = say, .context = &report};
	struct check with = c;
	const char *file = r->operand ? r->operand : r->config;
	char why[1024];
	struct config *config = config_load(file, why, sizeof(why));
	int code;

	if (report.json) {
		json_object(&report.out, NULL);
		json_array(&report.out, "checks");
	}
	if (config) {
		with.config = config;
		check_say(&with, CHECK_OK, "config", "%s: accepted, %u network elements, %u ports",
			config->file, config->n_nes, config->dataplane.n_ports);
		look(&with);
	} else {
		check_say(&with, CHECK_FAIL, "config", "%s", why);
	}
	code = report.n[CHECK_FAIL] ? CLI_NOT_OK : CLI_OK;
	if (report.json) {
		json_end_array(&report.out);
		json_u64(&report.out, "ok", report.n[CHECK_OK]);
		json_u64(&report.out, "hint", report.n[CHECK_HINT]);
		json_u64(&report.out, "warn", report.n[CHECK_WARN]);
		json_u64(&report.out, "fail", report.n[CHECK_FAIL]);
		json_end_object(&report.out);
		json_newline(&report.out);
		if (report.out.error || fputs(report.out.text, stdout) < 0)
			code = CLI_UNREACHABLE;
		json_free(&report.out);
	} else {
		printf("%u ok, %u hint, %u warn, %u FAIL\n", report.n[CHECK_OK],
			report.n[CHECK_HINT], report.n[CHECK_WARN], report.n[CHECK_FAIL]);
	}
	config_free(config);
	return code;
}
