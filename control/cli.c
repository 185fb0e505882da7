#include "control/cli.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "shared/version.h"

#define DEFAULT_FILE "/etc/poi/poi.yaml"

static int usage(FILE *out, int code)
{
	fprintf(out,
		"Usage: poi COMMAND\n\n"
		"  check [-c] FILE            is the configuration accepted? starts nothing\n"
		"  status [-c FILE] [--json]  what the running processes count and hold\n"
		"  config dump [-c FILE]      the effective configuration\n"
		"  config describe            every key: path, type, default, meaning\n"
		"  audit verify [-c FILE] [--file LOG] [--key FILE] [--head HEX]\n"
		"                             is the audit log whole? HEX is a head noted in the "
		"journal\n"
		"  version\n\n"
		"FILE is " DEFAULT_FILE " where it is not given.\n"
		"Exit code: 0 good, 1 usage or configuration, 2 a process does not answer, 3 "
		"the ledger\n"
		"does not balance. For audit verify: 0 good, 1 usage or configuration, 2 the log "
		"or the\n"
		"key cannot be read, 3 findings.\n");
	return code;
}

struct arguments {
	const char *file;
	bool json;
};

// Options of a command, `bare` allowing FILE without -c. False when something is left over.
static bool parse(int argc, char **argv, bool bare, struct arguments *a)
{
	*a = (struct arguments){.file = DEFAULT_FILE};
	for (int i = 0; i < argc; i++) {
		if (!strcmp(argv[i], "-c") && i + 1 < argc)
			a->file = argv[++i];
		else if (!strcmp(argv[i], "--json"))
			a->json = true;
		else if (bare && argv[i][0] != '-')
			a->file = argv[i];
		else
			return false;
	}
	return true;
}

static struct config *load(const char *file)
{
	char why[1024];
	struct config *c = config_load(file, why, sizeof(why));

	if (!c)
		fprintf(stderr, "poi: %s\n", why);
	return c;
}

// What is right, and yet worth a word before it is put to use.
static void advise(const struct config *c)
{
	for (uint32_t i = 0; i < c->dataplane.n_ports; i++) {
		const struct config_port *p = &c->dataplane.ports[i];
		if (p->mode == CONFIG_PORT_INLINE)
			printf("note: port %s is inline: without a bypass the link is cut while "
			       "poi-dataplane is down\n",
				p->device);
	}
	for (uint32_t i = 0; i < c->n_nes; i++) {
		if (!c->nes[i].admf_url)
			printf("note: network element %s has no admf-url: issues are not "
			       "reported\n",
				c->nes[i].ne_identifier);
	}
}

static int check(int argc, char **argv)
{
	struct arguments a;

	if (!parse(argc, argv, true, &a) || a.json)
		return usage(stderr, CLI_USAGE);
	struct config *c = load(a.file);
	if (!c)
		return CLI_USAGE;
	advise(c);
	printf("%s: accepted, %u network elements, %u ports\n", c->file, c->n_nes,
		c->dataplane.n_ports);
	config_free(c);
	return CLI_OK;
}

static int status(int argc, char **argv)
{
	struct arguments a;

	if (!parse(argc, argv, false, &a))
		return usage(stderr, CLI_USAGE);
	struct config *c = load(a.file);
	if (!c)
		return CLI_USAGE;
	int code = cli_status(c, a.json);
	config_free(c);
	return code;
}

static int config(int argc, char **argv)
{
	struct arguments a;

	if (argc == 1 && !strcmp(argv[0], "describe")) {
		config_describe(stdout);
		return CLI_OK;
	}
	if (argc < 1 || !parse(argc - 1, argv + 1, true, &a) || a.json)
		return usage(stderr, CLI_USAGE);
	if (!strcmp(argv[0], "describe")) {
		config_describe(stdout);
		return CLI_OK;
	}
	if (strcmp(argv[0], "dump") != 0)
		return usage(stderr, CLI_USAGE);
	struct config *c = load(a.file);
	if (!c)
		return CLI_USAGE;
	int rc = config_dump(c, stdout);
	config_free(c);
	return rc ? CLI_USAGE : CLI_OK;
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return usage(stderr, CLI_USAGE);
	const char *command = argv[1];
	if (!strcmp(command, "check"))
		return check(argc - 2, argv + 2);
	if (!strcmp(command, "status"))
		return status(argc - 2, argv + 2);
	if (!strcmp(command, "config"))
		return config(argc - 2, argv + 2);
	if (!strcmp(command, "audit")) {
		int code = cli_audit(argc - 2, argv + 2, DEFAULT_FILE);
		return code < 0 ? usage(stderr, CLI_USAGE) : code;
	}
	if (!strcmp(command, "version") || !strcmp(command, "--version")) {
		printf("poi %s, X1 %s\n", POI_VERSION, POI_X1_VERSION);
		return CLI_OK;
	}
	if (!strcmp(command, "help") || !strcmp(command, "--help") || !strcmp(command, "-h"))
		return usage(stdout, CLI_OK);
	return usage(stderr, CLI_USAGE);
}
