// `poi check`: finds the user and the groups that a unit names.
#include "control/cli/cli_check_unit_internal.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool check_is_number(const char *text)
{
	return *text && !text[strspn(text, "0123456789")];
}

static bool is_user(const struct passwd *p, const char *name)
{
	return check_is_number(name) ? p->pw_uid == strtoul(name, NULL, 10)
				     : !strcmp(p->pw_name, name);
}

static bool is_group(const struct group *g, const char *name)
{
	return check_is_number(name) ? g->gr_gid == strtoul(name, NULL, 10)
				     : !strcmp(g->gr_name, name);
}

bool check_find_user(const struct check *c, const char *user, struct passwd *out)
{
	char path[4096];
	const struct passwd *p = NULL;
	FILE *f = NULL;

	if (!c->root[0]) {
		p = check_is_number(user) ? getpwuid((uid_t)strtoul(user, NULL, 10))
					  : getpwnam(user);
	} else {
		snprintf(path, sizeof(path), "%s/etc/passwd", c->root);
		f = fopen(path, "re");
		while (f && (p = fgetpwent(f)))
			if (is_user(p, user))
				break;
	}
	if (p)
		*out = *p;
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
		g = check_is_number(name) ? getgrgid((gid_t)strtoul(name, NULL, 10))
					  : getgrnam(name);
	} else {
		snprintf(path, sizeof(path), "%s/etc/group", c->root);
		f = fopen(path, "re");
		while (f && (g = fgetgrent(f)))
			if (is_group(g, name))
				break;
	}
	if (g)
		*out = g->gr_gid;
	else if (check_is_number(name))
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

void check_unit_identity(const struct check *c, struct reading *r)
{
	struct check_unit *u = r->unit;
	struct passwd p = {0};

	if (!u->user[0])
		snprintf(u->user, sizeof(u->user), "root");
	u->user_exists = check_find_user(c, u->user, &p);
	if (u->user_exists) // in place of a number
		snprintf(u->user, sizeof(u->user), "%s", p.pw_name);
	if (!u->user_exists && !strcmp(u->user, "root"))
		u->user_exists = true;
	u->uid = u->user_exists ? p.pw_uid : (uid_t)-1;
	u->n_groups = 0;
	find_groups(c, r, p.pw_gid);
}
