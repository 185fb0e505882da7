// Reads the configuration again on SIGHUP.

#include "dataplane/builder/reload.h"

#include <string.h>

#include "shared/log.h"

static void needs_restart(void *context, const char *path)
{
	static const char *const ours[] = {
		"delivery.", "dataplane.", "signalling.", "runtime-dir", "log.target", "sandbox"};

	for (size_t i = 0; path && i < sizeof(ours) / sizeof(ours[0]); i++)
		if (!strncmp(path, ours[i], strlen(ours[i])))
			log_kind(NOTICE, NEEDS_RESTART,
				"configuration: %s has changed: this needs a restart of "
				"poi-dataplane",
				path);
}

void reload_configuration(struct config *now)
{
	char why[1024];
	struct config *fresh = config_load(now->file, why, sizeof(why));

	if (!fresh) {
		log_kind(ERROR, RELOAD_REFUSED,
			"configuration: reload rejected, the old one stays: %s", why);
		return;
	}
	config_diff(now, fresh, needs_restart, NULL);
	char *level = now->log.level;
	now->log.level = fresh->log.level;
	fresh->log.level = level;
	log_set_level(log_level_of(now->log.level));
	config_free(fresh);
}
