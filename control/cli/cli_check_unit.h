#pragma once

// The permissions that a unit gives its program: user, devices of its cgroup, lockable memory,
// capabilities. Read by `systemctl show` where systemd runs, else from the unit's files and
// drop-ins below the root, else from the calling process.

#include <pwd.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <linux/capability.h>

#include "control/cli/cli_check.h"

#define CHECK_UNIT "poi-dataplane.service"
#define CHECK_UNIT_EVENTS "poi-events.service"
#define CHECK_GROUPS_MAX 64
#define CHECK_DEVICES_MAX 64
#define CHECK_FOLDERS_MAX 32

// A folder that the unit may write to although ProtectSystem=strict.
struct check_folder {
	char key; // of which line; for cli_check_unit_values.c
	char path[128];
};

struct check_unit {
	char source[256]; // by what it is judged
	bool masked;	  // it cannot be started
	bool found;	  // false: it is the asking process that is judged
	char user[64];
	bool user_exists;
	uid_t uid;
	gid_t group[CHECK_GROUPS_MAX];
	unsigned n_groups;
	char no_group[64];    // a group that the unit names and that is not there, or ""
	bool closed;	      // only listed devices (and null, zero ...) may be opened
	bool private_devices; // has a /dev of its own, without NICs
	unsigned n_devices;
	char device[CHECK_DEVICES_MAX][128]; // "/dev/net/tun rw", "char-vfio rw"
	uint64_t capabilities;		     // that the program starts with
	double memlock;			     // bytes; HUGE_VAL: no limit
	cpu_set_t affinity;	// CPUAffinity=: what the program starts with; empty: no such line
	cpu_set_t allowed_cpus; // AllowedCPUs=: the most that it can have; empty: all
	uint64_t families; // RestrictAddressFamilies=: one bit of each AF_... that may be opened
	bool calls_bpf;	   // SystemCallFilter= leaves bpf()
	bool strict;	   // ProtectSystem=strict: it writes to these folders only
	unsigned n_writable;
	struct check_folder writable[CHECK_FOLDERS_MAX];
	char bpffs[128]; // LIBXDP_BPFFS of Environment=, or ""
};

// Reads the unit of that name (CHECK_UNIT, CHECK_UNIT_EVENTS).
void check_unit_read(const struct check *c, const char *unit, struct check_unit *u);
// True where a target starts the unit: `systemctl enable` or a generator made a link.
bool check_unit_is_enabled(const struct check *c, const char *unit);
// Looks a user up below the root, by name or number. The texts of *out are good until the next
// look-up. False without one.
bool check_find_user(const struct check *c, const char *user, struct passwd *out);
bool check_is_number(const char *text);

// True when owner, group and mode let the unit's user read and write.
bool check_unit_may_open(const struct check_unit *u, const struct stat *st);
// True when the unit's cgroup lets it read and write the device; `kind` as in "char-KIND".
bool check_unit_has_device(const struct check_unit *u, const char *node, const char *kind);
bool check_unit_has_capability(const struct check_unit *u, unsigned capability);
// True when owner, group and mode of a folder let the unit's user make a file in it.
bool check_unit_may_make(const struct check_unit *u, const struct stat *st);
// True when owner, group and mode of a socket file let the unit's user connect to it.
bool check_unit_may_connect(const struct check_unit *u, const struct stat *st);
// True when the unit's own view of the file system lets it write below the folder.
bool check_unit_writes_to(const struct check_unit *u, const char *folder);
// Copies the path of the drop-in of that name that is in effect; false without one.
bool check_unit_has_drop_in(const struct check *c, const char *name, char *path, size_t size);

// Names for a person: "root:root".
void check_owner_text(const struct check *c, const struct stat *st, char *out, size_t size);
