#include "dataplane/arguments.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <rte_version.h>

#include "shared/channel.h"
#include "shared/version.h"

#define DEFAULT_FILE "/etc/poi/poi.yaml"

static void usage(FILE *to)
{
	fprintf(to, "usage: poi-dataplane [-c FILE]\n"
		    "  -c, --config FILE  configuration, default " DEFAULT_FILE "\n"
		    "  -h, --help         this text\n"
		    "  -V, --version      version\n\n"
		    "SIGHUP reads the certificates and log.level again; what needs a restart is "
		    "named in the log.\n"
		    "SIGTERM stops.\n");
}

const char *arguments_read(int argc, char **argv, int *code)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{0},
	};
	const char *file = DEFAULT_FILE;
	int o;

	*code = EXIT_FAILURE;
	while ((o = getopt_long(argc, argv, "c:hV", options, NULL)) != -1) {
		if (o == 'c') {
			file = optarg;
		} else if (o == 'h' || o == 'V') {
			if (o == 'h')
				usage(stdout);
			else
				printf("poi-dataplane " POI_VERSION ", channel %u; %s\n",
					(unsigned)CHANNEL_VERSION, rte_version());
			*code = EXIT_SUCCESS;
			return NULL;
		} else {
			usage(stderr);
			return NULL;
		}
	}
	if (optind < argc) {
		usage(stderr);
		return NULL;
	}
	return file;
}
