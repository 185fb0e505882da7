// `poi check`: reads the values of the unit's keys as systemd does.
#include "control/cli/cli_check_unit_internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "shared/cpu_plan.h"

static uint64_t capability_of(const char *name, size_t n)
{
	static const struct {
		const char *name;
		unsigned bit;
	} known[] = {{"cap_net_raw", CAP_NET_RAW}, {"cap_net_admin", CAP_NET_ADMIN},
		{"cap_ipc_lock", CAP_IPC_LOCK}, {"cap_sys_rawio", CAP_SYS_RAWIO},
		{"cap_sys_admin", CAP_SYS_ADMIN}, {"cap_bpf", CAP_BPF},
		{"cap_dac_override", CAP_DAC_OVERRIDE}};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strlen(known[i].name) == n && strncasecmp(known[i].name, name, n) == 0)
			return 1ull << known[i].bit;
	return 0;
}

// A line of CapabilityBoundingSet= (initially all) or AmbientCapabilities= (initially none): empty
// is none and "~" alone all; a first line replaces what is there; a later one adds, with "~" takes
// away.
static uint64_t capabilities(uint64_t now, uint64_t initial, const char *value)
{
	uint64_t named = 0;
	bool without = *value == '~', blank = !value[without + strspn(value + without, " \t")];

	for (const char *at = value + without; *at;) {
		at += strspn(at, " \t");
		size_t n = strcspn(at, " \t");
		named |= capability_of(at, n);
		at += n;
	}
	if (blank || now == initial)
		return without ? ~named : named;
	return without ? now & ~named : now | named;
}

// "infinity", "64M", "1G:2G" (the soft limit counts).
static double limit(const char *value)
{
	static const char units[] = "KMGTPE";
	char *end;
	double v = strtod(value, &end);

	if (strncmp(value, "infinity", 8) == 0)
		return HUGE_VAL;
	end += strspn(end, " \t");
	const char *unit = *end ? strchr(units, *end) : NULL;
	for (const char *u = units; unit && u <= unit; u++)
		v *= 1024;
	return v;
}

static bool yes(const char *value)
{
	return !strcasecmp(value, "yes") || !strcasecmp(value, "true") ||
	       !strcasecmp(value, "on") || !strcmp(value, "1");
}

static void add_device(struct check_unit *u, const char *value)
{
	if (!*value)
		u->n_devices = 0;
	else if (u->n_devices < CHECK_DEVICES_MAX)
		snprintf(u->device[u->n_devices++], sizeof(u->device[0]), "%s", value);
}

static void add_groups(struct reading *r, const char *value)
{
	size_t n = strlen(r->supplementary);

	if (!*value)
		r->supplementary[0] = '\0';
	else
		snprintf(r->supplementary + n, sizeof(r->supplementary) - n, " %s", value);
}

// A line of CPUAffinity= or AllowedCPUs=, both empty at first: numbers and ranges between blanks or
// commas are added, an empty line takes all away. "numa" is not followed.
static void add_cpus(cpu_set_t *to, const char *value)
{
	char text[512], *rest, *part;
	cpu_set_t more;

	if (!*value)
		CPU_ZERO(to);
	snprintf(text, sizeof(text), "%s", value);
	for (part = strtok_r(text, " \t,", &rest); part; part = strtok_r(NULL, " \t,", &rest)) {
		cpu_list_read(part, &more);
		CPU_OR(to, to, &more);
	}
}

// --- lists of what is allowed ---

static uint64_t family_bit(const char *word)
{
	static const struct {
		const char *name;
		unsigned family;
	} known[] = {{"AF_UNIX", AF_UNIX}, {"AF_LOCAL", AF_UNIX}, {"AF_INET", AF_INET},
		{"AF_INET6", AF_INET6}, {"AF_NETLINK", AF_NETLINK}, {"AF_PACKET", AF_PACKET},
		{"AF_XDP", AF_XDP}};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!strcmp(word, known[i].name))
			return 1ull << known[i].family;
	return 0;
}

// One bit: of all system calls only bpf() is looked at. An error can follow the name ("bpf:EPERM").
static uint64_t call_bit(const char *word)
{
	size_t n = strcspn(word, ":");

	return (n == 3 && !strncmp(word, "bpf", 3)) ||
	       (n == 11 && !strncmp(word, "@privileged", 11)) ||
	       (n == 6 && !strncmp(word, "@known", 6));
}

// A line of RestrictAddressFamilies= or SystemCallFilter=: without "~" the words are allowed, with
// it they are forbidden. The first line decides of the words in no line. Returns the new set.
static uint64_t filter(struct reading *r, enum check_filter *state, uint64_t now, const char *value,
	uint64_t (*bit_of)(const char *))
{
	bool without = *value == '~';
	const char *at = value + without;
	char word[64];
	int n;

	if (!*value || !strcmp(value, "none")) {
		*state = *value || r->shown ? FILTER_SET : FILTER_NONE;
		return *state == FILTER_SET ? 0 : ~0ull;
	}
	if (*state == FILTER_NONE)
		now = without ? ~0ull : 0;
	*state = FILTER_SET;
	for (; sscanf(at, "%63s%n", word, &n) == 1; at += n)
		now = without ? now & ~bit_of(word) : now | bit_of(word);
	return now;
}

// --- folders that the unit may write to ---

// Adds the words of a key, each below `base`; an empty value takes those of that key away.
static void add_folders(struct check_unit *u, char key, const char *base, const char *value)
{
	char word[sizeof(u->writable[0].path)];
	unsigned kept = 0;
	int n;

	if (!*value) {
		for (unsigned i = 0; i < u->n_writable; i++)
			if (u->writable[i].key != key)
				u->writable[kept++] = u->writable[i];
		u->n_writable = kept;
	}
	for (; sscanf(value, "%127s%n", word, &n) == 1; value += n) {
		if (u->n_writable == CHECK_FOLDERS_MAX)
			return;
		struct check_folder *f = &u->writable[u->n_writable++];
		size_t prefix = strspn(word, "-+");
		word[strcspn(word, ":")] = '\0';
		f->key = key;
		if ((size_t)snprintf(f->path, sizeof(f->path), "%s%s", base, word + prefix) >=
			sizeof(f->path))
			u->n_writable--;
	}
}

static bool assign_folder(struct check_unit *u, const char *key, const char *value)
{
	static const struct {
		const char *name, *base;
	} keys[] = {{"ReadWritePaths", ""}, {"RuntimeDirectory", "/run/"},
		{"StateDirectory", "/var/lib/"}, {"CacheDirectory", "/var/cache/"},
		{"LogsDirectory", "/var/log/"}};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (!strcmp(key, keys[i].name)) {
			add_folders(u, (char)('a' + (int)i), keys[i].base, value);
			return true;
		}
	return false;
}

// Environment=: the one variable of a port.
static void add_environment(struct check_unit *u, const char *value)
{
	static const char name[] = "LIBXDP_BPFFS=";
	const char *at = strstr(value, name);

	if (!*value)
		u->bpffs[0] = '\0';
	if (!at)
		return;
	at += sizeof(name) - 1;
	snprintf(u->bpffs, sizeof(u->bpffs), "%.*s", (int)strcspn(at, " \t\"'"), at);
}

static bool assign_sandbox(struct reading *r, const char *key, const char *value)
{
	struct check_unit *u = r->unit;

	if (!strcmp(key, "RestrictAddressFamilies"))
		u->families = filter(r, &r->families, u->families, value, family_bit);
	else if (!strcmp(key, "SystemCallFilter"))
		u->calls_bpf = filter(r, &r->calls, u->calls_bpf, value, call_bit) & 1;
	else if (!strcmp(key, "ProtectSystem"))
		u->strict = !strcmp(value, "strict");
	else if (!strcmp(key, "Environment"))
		add_environment(u, value);
	else
		return assign_folder(u, key, value);
	return true;
}

void check_unit_assign(struct reading *r, const char *key, const char *value)
{
	struct check_unit *u = r->unit;

	if (!strcmp(key, "User"))
		snprintf(u->user, sizeof(u->user), "%s", value);
	else if (!strcmp(key, "Group"))
		snprintf(r->group, sizeof(r->group), "%s", value);
	else if (!strcmp(key, "SupplementaryGroups"))
		add_groups(r, value);
	else if (!strcmp(key, "DevicePolicy"))
		snprintf(r->policy, sizeof(r->policy), "%s", value);
	else if (!strcmp(key, "DeviceAllow"))
		add_device(u, value);
	else if (!strcmp(key, "PrivateDevices"))
		u->private_devices = yes(value);
	else if (!strcmp(key, "LimitMEMLOCK") || !strcmp(key, "LimitMEMLOCKSoft"))
		u->memlock = *value ? limit(value) : u->memlock;
	else if (!strcmp(key, "CPUAffinity"))
		add_cpus(&u->affinity, value);
	else if (!strcmp(key, "AllowedCPUs"))
		add_cpus(&u->allowed_cpus, value);
	else if (!strcmp(key, "CapabilityBoundingSet"))
		r->bounding = capabilities(r->bounding, ALL_CAPABILITIES, value);
	else if (!strcmp(key, "AmbientCapabilities"))
		r->ambient = capabilities(r->ambient, 0, value);
	else
		(void)assign_sandbox(r, key, value);
}
