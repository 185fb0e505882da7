// Files and TCP ports: Landlock, by its system calls (Debian's C library has no functions for
// them).

#include "shared/sandbox_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// linux/landlock.h, also where the installed header is older than the kernel.
enum {
	FS_EXECUTE = 1 << 0,
	FS_WRITE_FILE = 1 << 1,
	FS_READ_FILE = 1 << 2,
	FS_READ_DIR = 1 << 3,
	FS_REMOVE_DIR = 1 << 4,
	FS_REMOVE_FILE = 1 << 5,
	FS_MAKE_REG = 1 << 8,
	FS_MAKE_SOCK = 1 << 9,
	FS_FIRST = (1 << 13) - 1,     // of the first version
	FS_REFER = 1 << 13,	      // version 2
	FS_TRUNCATE = 1 << 14,	      // version 3
	FS_IOCTL_DEV = 1 << 15,	      // version 5
	NET_BIND_TCP = 1 << 0,	      // version 4
	SCOPE_ABSTRACT_UNIX = 1 << 0, // version 6
	SCOPE_SIGNAL = 1 << 1,
};

#define RULE_PATH_BENEATH 1
#define CREATE_VERSION 1u

#define FS_READ (FS_READ_FILE | FS_READ_DIR)
#define FS_WRITE \
	(FS_READ | FS_WRITE_FILE | FS_REMOVE_FILE | FS_MAKE_REG | FS_MAKE_SOCK | FS_TRUNCATE)
#define FS_OF_A_FILE (FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV)

struct ruleset {
	uint64_t fs, net, scoped;
};

struct beneath {
	uint64_t allowed;
	int32_t fd;
} __attribute__((packed));

static int abi_version(void)
{
	return (int)syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_VERSION);
}

static uint64_t handled_fs(int abi)
{
	return FS_FIRST | (abi >= 2 ? FS_REFER : 0) | (abi >= 3 ? FS_TRUNCATE : 0) |
	       (abi >= 5 ? FS_IOCTL_DEV : 0);
}

static int make(const struct sandbox *s, int abi)
{
	const char *notify = getenv("NOTIFY_SOCKET");
	struct ruleset r = {.fs = handled_fs(abi)};
	size_t size = abi >= 6 ? sizeof(r) : abi >= 4 ? 2 * sizeof(r.fs) : sizeof(r.fs);

	// The dataplane accepts connections over its socket file only, and DPDK's memif may use
	// abstract sockets; control listens on ports that a reload may add.
	if (abi >= 4 && s->role == SANDBOX_DATAPLANE)
		r.net = NET_BIND_TCP;
	if (abi >= 6 && s->role == SANDBOX_CONTROL)
		r.scoped = SCOPE_SIGNAL | (notify && notify[0] == '@' ? 0 : SCOPE_ABSTRACT_UNIX);
	return (int)syscall(SYS_landlock_create_ruleset, &r, size, 0);
}

// A missing file needs no rule.
static int allow(int ruleset, const char *path, uint64_t rights)
{
	struct stat st;
	struct beneath rule = {.allowed = rights, .fd = open(path, O_PATH | O_CLOEXEC)};

	if (rule.fd < 0)
		return POI_OK;
	if (fstat(rule.fd, &st) == 0 && !S_ISDIR(st.st_mode))
		rule.allowed &= FS_OF_A_FILE;
	long rc = syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &rule, 0);
	close(rule.fd);
	return rc ? POI_ERR_IO : POI_OK;
}

// Resolving a host name reads some files of /etc, which may be replaced at any time, and may load a
// module of the C library. Without root's rights all of /etc that every user may read is allowed;
// with them only the files that are there now.
static int allow_system(const struct sandbox *s, int ruleset, uint64_t handled)
{
	static const char *const names[] = {"/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf",
		"/etc/host.conf", "/etc/gai.conf", "/etc/services", "/etc/protocols",
		"/etc/ld.so.cache", "/etc/localtime"};
	static const char *const folders[] = {"/usr/lib", "/lib", "/lib64", "/usr/lib64",
		"/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager",
		"/sys/devices/system", "/usr/share/zoneinfo"};
	static const char *const devices[] = {"/dev/null", "/dev/urandom", "/dev/random"};
	uint64_t read = FS_READ & handled;
	int rc = geteuid() == 0 ? POI_OK : allow(ruleset, "/etc", read);

	for (size_t i = 0; !rc && i < sizeof(names) / sizeof(names[0]); i++)
		rc = allow(ruleset, names[i], read);
	for (size_t i = 0; !rc && i < sizeof(folders) / sizeof(folders[0]); i++)
		rc = allow(ruleset, folders[i], read);
	for (size_t i = 0; !rc && i < sizeof(devices) / sizeof(devices[0]); i++)
		rc = allow(ruleset, devices[i], (FS_READ_FILE | FS_WRITE_FILE) & handled);
	// The EAL looks its pages up there when it needs more memory.
	if (!rc && s->role == SANDBOX_DATAPLANE)
		rc = allow(ruleset, "/proc/self", read);
	return rc;
}

int sandbox_files_ruleset(const struct sandbox *s, int *abi, char *why, size_t why_size)
{
	*abi = abi_version();
	if (*abi < 1) {
		*abi = 0;
		return -1;
	}
	uint64_t handled = handled_fs(*abi);
	int ruleset = make(s, *abi), rc = ruleset < 0 ? POI_ERR_IO : POI_OK;

	for (size_t i = 0; !rc && i < s->n; i++)
		rc = allow(ruleset, s->paths[i].path,
			(s->paths[i].write ? FS_WRITE : FS_READ) & handled);
	if (!rc)
		rc = allow_system(s, ruleset, handled);
	if (!rc)
		return ruleset;
	snprintf(why, why_size,
		"the kernel refuses the rules for files (Landlock): %s; sandbox: off "
		"does without",
		strerror(errno));
	if (ruleset >= 0)
		close(ruleset);
	return rc;
}

int sandbox_files_restrict(int ruleset)
{
	return (int)syscall(SYS_landlock_restrict_self, ruleset, 0);
}
