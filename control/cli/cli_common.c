// Shared by commands: loading the configuration, numbers of options, and the terminal.
#include "control/cli/cli.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct config *cli_load(const struct cli_request *r)
{
	char why[1024];
	struct config *c = config_load(r->config, why, sizeof(why));

	if (!c)
		fprintf(stderr, "poi: %s\n", why);
	return c;
}

static double number(const struct cli_request *r, enum cli_option o, double otherwise)
{
	char *end;

	if (!r->value[o])
		return otherwise;
	double v = strtod(r->value[o], &end);
	if (*end || !(v > 0) || v > 86400) {
		fprintf(stderr, "poi: %s %.40s: write a number above 0\n", cli_option_text(o)->name,
			r->value[o]);
		return -1;
	}
	return v;
}

double cli_seconds(const struct cli_request *r, enum cli_option o, double otherwise)
{
	return number(r, o, otherwise);
}

long cli_rounds(const struct cli_request *r)
{
	return (long)number(r, OPTION_COUNT, isatty(STDOUT_FILENO) ? 0 : 1);
}

void cli_sleep(double seconds)
{
	struct timespec t = {.tv_sec = (time_t)seconds};

	t.tv_nsec = (long)((seconds - (double)t.tv_sec) * 1e9);
	nanosleep(&t, NULL);
}

void cli_clear(void)
{
	if (isatty(STDOUT_FILENO))
		fputs("\033[H\033[2J", stdout);
}
