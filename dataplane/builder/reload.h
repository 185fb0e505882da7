#pragma once

// Keys that the dataplane reads again on SIGHUP. Certificates are delivery's (deliver_reload); all
// other keys need a restart, and each such key is named.

#include "shared/config.h"

// Reads the file of `now` again: the log's level is taken over (also in `now`), what needs a
// restart is logged. A file that cannot be read changes nothing.
void reload_configuration(struct config *now);
