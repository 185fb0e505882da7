// `poi check`: reads what the unit of poi-dataplane lets its user do.
#include "control/cli/cli_check_unit.h"

#include <ctype.h>
#include <dirent.h>
#include <fnmatch.h>
#include <grp.h>
#include <limits.h>
#include <math.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <unistd.h>

#include "shared/cpu_plan.h"

#define DROP_INS_MAX 64
#define ALL_CAPABILITIES (~0ull)

// systemd.unit(5): the folders of units, first found first.
static const char *const folders[] = {"/etc/systemd/system.control", "/run/systemd/system.control",
	"/run/systemd/transient", "/etc/systemd/system", "/run/systemd/system",
	"/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"};
#define N_FOLDERS (sizeof(folders) / sizeof(folders[0]))

// As far as the unit was read.
struct reading {
	struct check_unit *unit;
	char group[64], supplementary[512], policy[16];
	uint64_t bounding, ambient;
};

// --- values ---

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

static void assign(struct reading *r, const char *key, const char *value)
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
}

// --- lines ---

// Strips blanks at both ends, in place.
static char *strip(char *text)
{
	text += strspn(text, " \t\r\n");
	for (size_t n = strlen(text); n && strchr(" \t\r\n", text[n - 1]); n--)
		text[n - 1] = '\0';
	return text;
}

// One whole line, those joined that end with a backslash; false at the end.
static bool next_line(FILE *f, char *out, size_t size)
{
	size_t n = 0;

	while (n + 1 < size && fgets(out + n, (int)(size - n), f)) {
		n += strlen(out + n);
		if (n < 2 || strcmp(out + n - 2, "\\\n") != 0)
			return true;
		n -= 2;
		out[n++] = ' ';
		out[n] = '\0';
	}
	return n > 0;
}

// Reads KEY=VALUE lines: of [Service] in a unit's file, all of them in what systemctl shows.
static void read_lines(struct reading *r, FILE *f, bool sections)
{
	char text[4096];
	bool service = !sections;

	while (next_line(f, text, sizeof(text))) {
		char *line = strip(text), *equals = strchr(line, '=');
		if (!*line || *line == '#' || *line == ';')
			continue;
		if (sections && *line == '[') {
			service = !strcmp(line, "[Service]");
			continue;
		}
		if (!service || !equals)
			continue;
		*equals = '\0';
		assign(r, strip(line), strip(equals + 1));
	}
}

static bool read_file(const struct check *c, struct reading *r, const char *path)
{
	char full[4096];

	snprintf(full, sizeof(full), "%s%s", c->root, path);
	FILE *f = fopen(full, "re");
	if (!f)
		return false;
	read_lines(r, f, true);
	fclose(f);
	return true;
}

// --- drop-ins ---

struct drop_ins {
	unsigned n;
	struct drop_in {
		char name[128], path[512];
	} file[DROP_INS_MAX];
};

// A file of the same name in an earlier folder hides this one.
static void add_drop_in(struct drop_ins *d, const char *folder, const char *name)
{
	size_t n = strlen(name);

	if (n < 6 || strcmp(name + n - 5, ".conf") != 0 || d->n == DROP_INS_MAX)
		return;
	for (unsigned i = 0; i < d->n; i++)
		if (!strcmp(d->file[i].name, name))
			return;
	snprintf(d->file[d->n].name, sizeof(d->file[0].name), "%s", name);
	snprintf(d->file[d->n].path, sizeof(d->file[0].path), "%s/%s", folder, name);
	d->n++;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct drop_in *)a)->name, ((const struct drop_in *)b)->name);
}

static void find_drop_ins(const struct check *c, struct drop_ins *d)
{
	static const char *const kinds[] = {CHECK_UNIT ".d", "poi-.service.d", "service.d"};
	char folder[256], path[4096];
	struct dirent *e;

	d->n = 0;
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
		for (size_t i = 0; i < N_FOLDERS; i++) {
			snprintf(folder, sizeof(folder), "%s/%s", folders[i], kinds[k]);
			snprintf(path, sizeof(path), "%s%s", c->root, folder);
			DIR *in = opendir(path);
			while (in && (e = readdir(in)))
				add_drop_in(d, folder, e->d_name);
			if (in)
				closedir(in);
		}
	qsort(d->file, d->n, sizeof(d->file[0]), by_name);
}

// A unit is masked by an empty file or a link to /dev/null.
static bool is_masked(const struct check *c, const char *path)
{
	char full[4096];
	struct stat st;

	snprintf(full, sizeof(full), "%s%s", c->root, path);
	return stat(full, &st) == 0 && !S_ISDIR(st.st_mode) && st.st_size == 0;
}

// Reads the unit that a mask hides, too: it is the one that runs once the mask is gone.
static bool read_files(const struct check *c, struct reading *r)
{
	char path[256] = "";
	struct drop_ins d;

	for (size_t i = 0; i < N_FOLDERS && !path[0]; i++) {
		snprintf(path, sizeof(path), "%s/" CHECK_UNIT, folders[i]);
		bool masked = is_masked(c, path);
		r->unit->masked |= masked;
		if (masked || !read_file(c, r, path))
			path[0] = '\0';
	}
	if (!path[0])
		return false;
	find_drop_ins(c, &d);
	for (unsigned i = 0; i < d.n; i++)
		(void)read_file(c, r, d.file[i].path);
	snprintf(r->unit->source, sizeof(r->unit->source), "%s and %u drop-ins", path, d.n);
	return true;
}

// Asks the running systemd; false where there is none, or where it does not know the unit.
static bool ask_systemd(const struct check *c, struct reading *r)
{
	char state[64];

	if (c->root[0] || access("/run/systemd/system", F_OK))
		return false;
	// NOLINTNEXTLINE(cert-env33-c): a fixed command
	FILE *f = popen(
		"systemctl show --property=LoadState --value " CHECK_UNIT " 2>/dev/null", "re");
	bool loaded = f && fgets(state, sizeof(state), f) && !strcmp(state, "loaded\n");
	if (f)
		pclose(f);
	if (!loaded)
		return false;
	// NOLINTNEXTLINE(cert-env33-c): a fixed command
	f = popen(
		"systemctl show --property=User,Group,SupplementaryGroups,DevicePolicy,DeviceAllow,"
		"PrivateDevices,LimitMEMLOCKSoft,CPUAffinity,AllowedCPUs,CapabilityBoundingSet,"
		"AmbientCapabilities " CHECK_UNIT " 2>/dev/null",
		"re");
	if (!f)
		return false;
	read_lines(r, f, false);
	snprintf(r->unit->source, sizeof(r->unit->source), "systemctl show");
	return pclose(f) == 0;
}

// --- users ---

static bool is_number(const char *text)
{
	return *text && !text[strspn(text, "0123456789")];
}

static bool is_user(const struct passwd *p, const char *name)
{
	return is_number(name) ? p->pw_uid == strtoul(name, NULL, 10) : !strcmp(p->pw_name, name);
}

static bool is_group(const struct group *g, const char *name)
{
	return is_number(name) ? g->gr_gid == strtoul(name, NULL, 10) : !strcmp(g->gr_name, name);
}

// Looks a user up below the root, by name or number. Replaces a number in *u by the name.
static bool find_user(const struct check *c, struct check_unit *u, struct passwd *out)
{
	char path[4096];
	const struct passwd *p = NULL;
	FILE *f = NULL;

	if (!c->root[0]) {
		p = is_number(u->user) ? getpwuid((uid_t)strtoul(u->user, NULL, 10))
				       : getpwnam(u->user);
	} else {
		snprintf(path, sizeof(path), "%s/etc/passwd", c->root);
		f = fopen(path, "re");
		while (f && (p = fgetpwent(f)))
			if (is_user(p, u->user))
				break;
	}
	if (p) {
		*out = *p;
		snprintf(u->user, sizeof(u->user), "%s", p->pw_name);
	}
	if (f)
		fclose(f);
	return p != NULL;
}

static void add_group(struct check_unit *u, gid_t gid)
{
	for (unsigned i = 0; i < u->n_groups; i++)
		if (u->group[i] == gid)
			return;
	if (u->n_groups < CHECK_GROUPS_MAX)
		u->group[u->n_groups++] = gid;
}

// Looks a group of the unit up below the root. Records in *u one that is not there.
static bool find_group(const struct check *c, struct check_unit *u, const char *name, gid_t *out)
{
	char path[4096];
	const struct group *g = NULL;
	FILE *f = NULL;

	if (!c->root[0]) {
		g = is_number(name) ? getgrgid((gid_t)strtoul(name, NULL, 10)) : getgrnam(name);
	} else {
		snprintf(path, sizeof(path), "%s/etc/group", c->root);
		f = fopen(path, "re");
		while (f && (g = fgetgrent(f)))
			if (is_group(g, name))
				break;
	}
	if (g)
		*out = g->gr_gid;
	else if (is_number(name))
		*out = (gid_t)strtoul(name, NULL, 10);
	else
		snprintf(u->no_group, sizeof(u->no_group), "%s", name);
	if (f)
		fclose(f);
	return !u->no_group[0];
}

// Adds the groups that list the user as a member.
static void add_memberships(const struct check *c, struct check_unit *u)
{
	gid_t list[CHECK_GROUPS_MAX];
	char path[4096];
	const struct group *g;
	int n = CHECK_GROUPS_MAX;

	if (!c->root[0]) {
		if (getgrouplist(u->user, u->group[0], list, &n) < 0)
			n = CHECK_GROUPS_MAX;
		for (int i = 0; i < n; i++)
			add_group(u, list[i]);
		return;
	}
	snprintf(path, sizeof(path), "%s/etc/group", c->root);
	FILE *f = fopen(path, "re");
	while (f && (g = fgetgrent(f)))
		for (char **member = g->gr_mem; *member; member++)
			if (!strcmp(*member, u->user))
				add_group(u, g->gr_gid);
	if (f)
		fclose(f);
}

// As systemd does: the unit's group in place of the user's own, the groups that list the user, and
// the unit's other ones.
static void find_groups(const struct check *c, struct reading *r, gid_t own)
{
	struct check_unit *u = r->unit;
	char *rest = NULL;
	gid_t gid = own;

	if (r->group[0])
		(void)find_group(c, u, r->group, &gid);
	add_group(u, gid);
	add_memberships(c, u);
	for (char *name = strtok_r(r->supplementary, " \t", &rest); name;
		name = strtok_r(NULL, " \t", &rest))
		if (find_group(c, u, name, &gid))
			add_group(u, gid);
}

static void find_identity(const struct check *c, struct reading *r)
{
	struct check_unit *u = r->unit;
	struct passwd p = {0};

	if (!u->user[0])
		snprintf(u->user, sizeof(u->user), "root");
	u->user_exists = find_user(c, u, &p);
	if (!u->user_exists && !strcmp(u->user, "root"))
		u->user_exists = true;
	u->uid = u->user_exists ? p.pw_uid : (uid_t)-1;
	u->n_groups = 0;
	find_groups(c, r, p.pw_gid);
}

// --- the process that asks, where there is no unit ---

// Podman, Docker and Kubernetes say so, each in its way. The image has the unit; nobody reads it.
static bool in_container(const struct check *c)
{
	char path[4096];
	bool said = !c->root[0] && (getenv("container") || getenv("KUBERNETES_SERVICE_HOST"));

	snprintf(path, sizeof(path), "%s/run/.containerenv", c->root);
	said = said || !access(path, F_OK);
	snprintf(path, sizeof(path), "%s/.dockerenv", c->root);
	return said || !access(path, F_OK);
}

static void judge_by_process(const struct check *c, struct check_unit *u)
{
	const struct passwd *p = getpwuid(geteuid());
	struct rlimit l;
	char line[256];

	snprintf(u->user, sizeof(u->user), "%s", p ? p->pw_name : "this user");
	snprintf(u->source, sizeof(u->source),
		"the user of this process, for there is no " CHECK_UNIT "%s",
		in_container(c) ? " in a container" : "");
	u->user_exists = true;
	u->uid = geteuid();
	u->group[0] = getegid();
	int n = getgroups(CHECK_GROUPS_MAX - 1, u->group + 1);
	u->n_groups = n < 0 ? 1 : (unsigned)n + 1;
	if (getrlimit(RLIMIT_MEMLOCK, &l) == 0)
		u->memlock = l.rlim_cur == RLIM_INFINITY ? HUGE_VAL : (double)l.rlim_cur;
	FILE *f = fopen("/proc/self/status", "re");
	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, "CapEff:", 7) == 0)
			u->capabilities = strtoull(line + 7, NULL, 16);
	if (f)
		fclose(f);
}

void check_unit_read(const struct check *c, struct check_unit *u)
{
	struct reading r = {.unit = u, .bounding = ALL_CAPABILITIES};

	*u = (struct check_unit){.memlock = 8 << 20}; // systemd's own default
	u->found = ask_systemd(c, &r);
	if (!u->found && !in_container(c)) {
		r = (struct reading){.unit = u, .bounding = ALL_CAPABILITIES};
		*u = (struct check_unit){.memlock = 8 << 20};
		u->found = read_files(c, &r);
	}
	if (!u->found) {
		judge_by_process(c, u);
		return;
	}
	find_identity(c, &r);
	u->closed = !strcmp(r.policy, "closed") || !strcmp(r.policy, "strict") || u->n_devices ||
		    u->private_devices;
	u->capabilities = u->uid == 0 ? r.bounding : r.ambient & r.bounding;
}

bool check_unit_has_capability(const struct check_unit *u, unsigned capability)
{
	return u->capabilities >> capability & 1;
}

bool check_unit_may_open(const struct check_unit *u, const struct stat *st)
{
	const unsigned both = 06;

	if (check_unit_has_capability(u, CAP_DAC_OVERRIDE))
		return true;
	if (st->st_uid == u->uid)
		return (st->st_mode >> 6 & both) == both;
	for (unsigned i = 0; i < u->n_groups; i++)
		if (u->group[i] == st->st_gid)
			return (st->st_mode >> 3 & both) == both;
	return (st->st_mode & both) == both;
}

bool check_unit_has_device(const struct check_unit *u, const char *node, const char *kind)
{
	char what[128], how[8], class[96];

	if (u->private_devices)
		return false;
	if (!u->closed)
		return true;
	snprintf(class, sizeof(class), "char-%s", kind);
	for (unsigned i = 0; i < u->n_devices; i++) {
		int n = sscanf(u->device[i], "%127s %7s", what, how);
		if (n < 1 || (n == 2 && (!strchr(how, 'r') || !strchr(how, 'w'))))
			continue;
		if (!strcmp(what, node) || (!strncmp(what, "char-", 5) && !fnmatch(what, class, 0)))
			return true;
	}
	return false;
}

void check_owner_text(const struct check *c, const struct stat *st, char *out, size_t size)
{
	const struct passwd *p = c->root[0] ? NULL : getpwuid(st->st_uid);
	const struct group *g = c->root[0] ? NULL : getgrgid(st->st_gid);
	char uid[32], gid[32];

	snprintf(uid, sizeof(uid), "%u", st->st_uid);
	snprintf(gid, sizeof(gid), "%u", st->st_gid);
	snprintf(out, size, "%s:%s",
		p	     ? p->pw_name
		: st->st_uid ? uid
			     : "root",
		g	     ? g->gr_name
		: st->st_gid ? gid
			     : "root");
}
