// poi-events: takes events of network functions for poi-dataplane.

#include <errno.h>
#include <getopt.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "events/service.h"
#include "shared/harden.h"
#include "shared/log.h"
#include "shared/sandbox.h"
#include "shared/version.h"

struct arguments {
	const char *folder, *dataplane;
};

static void usage(FILE *to)
{
	fprintf(to,
		"usage: poi-events [--folder FOLDER] [--dataplane-user USER]\n"
		"  -f, --folder FOLDER        sockets, default $RUNTIME_DIRECTORY, else "
		"/run/poi-events\n"
		"  -u, --dataplane-user USER  that poi-dataplane runs as, default poi\n"
		"  -h, --help                 this text\n"
		"  -V, --version              version\n\n"
		"Network functions connect to FOLDER/functions.sock; poi-dataplane names them.\n"
		"SIGTERM stops.\n");
}

// False: there is nothing more to do, and *code is the exit status.
static bool read_arguments(int argc, char **argv, struct arguments *a, int *code)
{
	static const struct option options[] = {
		{"folder", required_argument, NULL, 'f'},
		{"dataplane-user", required_argument, NULL, 'u'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{0},
	};
	const char *runtime = getenv("RUNTIME_DIRECTORY");
	int o;

	*a = (struct arguments){runtime ? runtime : "/run/poi-events", "poi"};
	while ((o = getopt_long(argc, argv, "f:u:hV", options, NULL)) != -1) {
		*code = o == 'h' || o == 'V' ? EXIT_SUCCESS : EXIT_FAILURE;
		if (o == 'f') {
			a->folder = optarg;
		} else if (o == 'u') {
			a->dataplane = optarg;
		} else if (o == 'V') {
			printf("poi-events " POI_VERSION "\n");
			return false;
		} else {
			usage(o == 'h' ? stdout : stderr);
			return false;
		}
	}
	*code = EXIT_FAILURE;
	if (optind < argc)
		usage(stderr);
	return optind == argc;
}

// A name or a number. False: there is none of that name.
static bool user_of(const char *text, uid_t *out)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	if (end != text && !*end && number < UINT32_MAX) {
		*out = (uid_t)number;
		return true;
	}
	const struct passwd *p = getpwnam(text);
	if (p)
		*out = p->pw_uid;
	return p != NULL;
}

// No core, no tracing, no swap; signals only through the descriptor returned. -1 with errno.
static int process_settings(void)
{
	sigset_t set;

	if (harden_limits() != POI_OK || harden_no_dump() != POI_OK)
		return -1;
	harden_lock_memory();
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return -1;
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

// From here on only what the steady state needs.
static int confine(const char *folder, char *why, size_t why_size)
{
	struct sandbox *s = sandbox_new(SANDBOX_EVENTS);
	int e = s ? sandbox_write(s, folder) : POI_ERR_NOMEM;

	if (e == POI_OK)
		e = sandbox_enter(s, why, why_size);
	sandbox_free(s);
	return e;
}

static int fail(const char *what, const char *why)
{
	log_kind(ERROR, START_FAILED, "%s: %s", what, why);
	return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	struct arguments a;
	char why[512] = "";
	uid_t dataplane;
	int code;

	if (!read_arguments(argc, argv, &a, &code))
		return code;
	log_open("poi-events", LOG_LEVEL_INFO);
	int signal_fd = process_settings();
	if (signal_fd < 0)
		return fail("limits and signals", strerror(errno));
	if (!user_of(a.dataplane, &dataplane))
		return fail(a.dataplane, "no such user, write that of poi-dataplane after "
					 "--dataplane-user");
	struct service *s = service_new(a.folder, dataplane);
	if (!s)
		return fail(a.folder, strerror(errno));
	if (confine(a.folder, why, sizeof(why)) != POI_OK) {
		service_free(s);
		return fail("sandbox", why[0] ? why : "out of memory");
	}
	log_kind(NOTICE, STARTED, "running; functions connect in %s", a.folder);
	(void)sd_notify(0, "READY=1");
	service_run(s, signal_fd);
	(void)sd_notify(0, "STOPPING=1");
	log_kind(NOTICE, STOPPING, "stopping");
	service_free(s);
	close(signal_fd);
	return EXIT_SUCCESS;
}
