// `poi check`: reads what the unit of a program lets its user do.
#include "control/cli/cli_check_unit_internal.h"

#include <dirent.h>
#include <fnmatch.h>
#include <glob.h>
#include <grp.h>
#include <limits.h>
#include <math.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define DROP_INS_MAX 64

// systemd.unit(5): the folders of units, first found first.
static const char *const folders[] = {"/etc/systemd/system.control", "/run/systemd/system.control",
	"/run/systemd/transient", "/etc/systemd/system", "/run/systemd/system",
	"/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"};
#define N_FOLDERS (sizeof(folders) / sizeof(folders[0]))

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
	static char text[65536]; // systemctl shows every system call of a filter in one line
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
		check_unit_assign(r, strip(line), strip(equals + 1));
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

static void find_drop_ins(const struct check *c, const char *unit, struct drop_ins *d)
{
	char own[64], folder[256], path[4096];
	const char *const kinds[] = {own, "poi-.service.d", "service.d"};
	struct dirent *e;

	snprintf(own, sizeof(own), "%s.d", unit);
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
static bool read_files(const struct check *c, const char *unit, struct reading *r)
{
	char path[256] = "";
	struct drop_ins d;

	for (size_t i = 0; i < N_FOLDERS && !path[0]; i++) {
		snprintf(path, sizeof(path), "%s/%s", folders[i], unit);
		bool masked = is_masked(c, path);
		r->unit->masked |= masked;
		if (masked || !read_file(c, r, path))
			path[0] = '\0';
	}
	if (!path[0])
		return false;
	find_drop_ins(c, unit, &d);
	for (unsigned i = 0; i < d.n; i++)
		(void)read_file(c, r, d.file[i].path);
	snprintf(r->unit->source, sizeof(r->unit->source), "%s and %u drop-ins", path, d.n);
	return true;
}

// Shows properties of a unit of the running systemd.
static FILE *show(const char *unit, const char *properties)
{
	char command[600];

	snprintf(command, sizeof(command), "systemctl show %s %s 2>/dev/null", properties, unit);
	return popen(command, "re"); // NOLINT(cert-env33-c): of words of this file
}

// Asks the running systemd. Returns false if there is none, or if it has not loaded the unit.
static bool ask_systemd(const struct check *c, const char *unit, struct reading *r)
{
	char state[64];

	if (c->root[0] || access("/run/systemd/system", F_OK))
		return false;
	FILE *f = show(unit, "--property=LoadState --value");
	bool loaded = f && fgets(state, sizeof(state), f) && !strcmp(state, "loaded\n");
	if (f)
		pclose(f);
	if (!loaded)
		return false;
	f = show(unit,
		"--property=User,Group,SupplementaryGroups,DevicePolicy,DeviceAllow,"
		"PrivateDevices,LimitMEMLOCKSoft,CPUAffinity,AllowedCPUs,CapabilityBoundingSet,"
		"AmbientCapabilities,RestrictAddressFamilies,SystemCallFilter,ProtectSystem,"
		"ReadWritePaths,RuntimeDirectory,StateDirectory,CacheDirectory,LogsDirectory,"
		"Environment");
	if (!f)
		return false;
	r->shown = true;
	read_lines(r, f, false);
	snprintf(r->unit->source, sizeof(r->unit->source), "systemctl show");
	return pclose(f) == 0;
}

// --- the process that asks, where there is no unit ---

// Podman, Docker and Kubernetes mark a container, each in its own way. The image contains the unit,
// but no systemd reads it.
static bool in_container(const struct check *c)
{
	char path[4096];
	bool said = !c->root[0] && (getenv("container") || getenv("KUBERNETES_SERVICE_HOST"));

	snprintf(path, sizeof(path), "%s/run/.containerenv", c->root);
	said = said || !access(path, F_OK);
	snprintf(path, sizeof(path), "%s/.dockerenv", c->root);
	return said || !access(path, F_OK);
}

static void judge_by_process(const struct check *c, const char *unit, struct check_unit *u)
{
	const struct passwd *p = getpwuid(geteuid());
	struct rlimit l;
	char line[256];

	snprintf(u->user, sizeof(u->user), "%s", p ? p->pw_name : "this user");
	snprintf(u->source, sizeof(u->source), "the user of this process, for there is no %s%s",
		unit, in_container(c) ? " in a container" : "");
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

// Nothing is forbidden and nothing allowed specially: a unit without a line.
static void begin(struct check_unit *u, struct reading *r)
{
	*r = (struct reading){.unit = u, .bounding = ALL_CAPABILITIES};
	*u = (struct check_unit){.memlock = 8 << 20, // systemd's own default
		.families = ~0ull,
		.calls_bpf = true};
}

void check_unit_read(const struct check *c, const char *unit, struct check_unit *u)
{
	struct reading r;

	begin(u, &r);
	u->found = ask_systemd(c, unit, &r);
	if (!u->found && !in_container(c)) {
		begin(u, &r);
		u->found = read_files(c, unit, &r);
	}
	if (!u->found) {
		judge_by_process(c, unit, u);
		return;
	}
	check_unit_identity(c, &r);
	u->closed = !strcmp(r.policy, "closed") || !strcmp(r.policy, "strict") || u->n_devices ||
		    u->private_devices;
	u->capabilities = u->uid == 0 ? r.bounding : r.ambient & r.bounding;
}

bool check_unit_has_capability(const struct check_unit *u, unsigned capability)
{
	return u->capabilities >> capability & 1;
}

static bool may(const struct check_unit *u, const struct stat *st, unsigned all)
{
	if (check_unit_has_capability(u, CAP_DAC_OVERRIDE))
		return true;
	if (st->st_uid == u->uid)
		return (st->st_mode >> 6 & all) == all;
	for (unsigned i = 0; i < u->n_groups; i++)
		if (u->group[i] == st->st_gid)
			return (st->st_mode >> 3 & all) == all;
	return (st->st_mode & all) == all;
}

bool check_unit_may_open(const struct check_unit *u, const struct stat *st)
{
	return may(u, st, 06);
}

bool check_unit_may_make(const struct check_unit *u, const struct stat *st)
{
	return may(u, st, 03);
}

bool check_unit_may_connect(const struct check_unit *u, const struct stat *st)
{
	return may(u, st, 02);
}

bool check_unit_writes_to(const struct check_unit *u, const char *folder)
{
	if (!u->strict)
		return true;
	for (unsigned i = 0; i < u->n_writable; i++) {
		size_t n = strlen(u->writable[i].path);
		if (!strncmp(folder, u->writable[i].path, n) && (!folder[n] || folder[n] == '/'))
			return true;
	}
	return false;
}

bool check_unit_has_drop_in(const struct check *c, const char *name, char *path, size_t size)
{
	struct drop_ins d;

	find_drop_ins(c, CHECK_UNIT, &d);
	for (unsigned i = 0; i < d.n; i++)
		if (!strcmp(d.file[i].name, name)) {
			snprintf(path, size, "%s", d.file[i].path);
			return true;
		}
	return false;
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

bool check_unit_is_enabled(const struct check *c, const char *unit)
{
	static const char *const links[] = {"/etc/systemd/*/*.wants", "/etc/systemd/*/*.requires",
		"/run/systemd/*/*.wants", "/run/systemd/*/*.requires",
		"/usr/lib/systemd/system/*.wants", "/lib/systemd/system/*.wants"};
	char pattern[512];
	bool found = false;
	glob_t g;

	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]) && !found; i++) {
		snprintf(pattern, sizeof(pattern), "%s%s/%s", c->root, links[i], unit);
		found = glob(pattern, 0, NULL, &g) == 0;
		globfree(&g);
	}
	return found;
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
