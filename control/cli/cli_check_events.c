// `poi check`: the users of network functions, and poi-events with the folder of its sockets.
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "control/cli/cli_check_unit.h"

#define ENABLE "systemctl enable --now poi-events"

static void look_at_function(const struct check *c, uint32_t i)
{
	const struct config_function *f = &c->config->events.functions[i];
	struct passwd p;

	if (check_find_user(c, f->user, &p))
		check_say(c, CHECK_OK, "events", "%s: its process runs as %s", f->name, p.pw_name);
	else if (check_is_number(f->user))
		check_say(c, CHECK_OK, "events",
			"%s: its process runs as user %s, which has no name here", f->name,
			f->user);
	else
		check_say(c, CHECK_FAIL, "events",
			"%s: no user %s on this machine, so poi-dataplane does not start; write "
			"the user that the function's process runs as into "
			"events.functions[%u].user, or make it: useradd --system %s",
			f->name, f->user, i, f->user);
}

// Finds the user of poi-events. False when reported.
static bool find_owner(const struct check *c, struct passwd *out)
{
	const char *user = c->config->events.user;

	if (check_find_user(c, user, out))
		return true;
	if (check_is_number(user)) {
		*out = (struct passwd){
			.pw_name = (char *)user, .pw_uid = (uid_t)strtoul(user, NULL, 10)};
		return true;
	}
	check_say(c, CHECK_FAIL, "events",
		"events.user: no user %s on this machine, so poi-dataplane does not start; "
		"systemd-sysusers, or write the user that poi-events runs as",
		user);
	return false;
}

// Judges by what the unit is, not by what runs: true when the unit starts poi-events.
static bool look_at_start(const struct check *c, const struct check_unit *u)
{
	if (u->masked)
		check_say(c, CHECK_WARN, "events",
			CHECK_UNIT_EVENTS " is masked, so no events are taken; systemctl unmask "
					  "poi-events && " ENABLE);
	else if (!u->found)
		check_say(c, CHECK_WARN, "events",
			CHECK_UNIT_EVENTS " is not installed, so no events are taken; apt install "
					  "--reinstall poi && " ENABLE);
	else if (!check_unit_is_enabled(c, CHECK_UNIT_EVENTS))
		check_say(c, CHECK_WARN, "events",
			CHECK_UNIT_EVENTS
			" is not enabled, so no events are taken after a boot; " ENABLE);
	else
		return true;
	return false;
}

// poi-dataplane takes the socket of one user only.
static void look_at_user(const struct check *c, const struct check_unit *u, const struct passwd *p)
{
	if (u->uid == p->pw_uid)
		check_say(c, CHECK_OK, "events", "poi-events runs as %s, judged by %s", u->user,
			u->source);
	else
		check_say(c, CHECK_WARN, "events",
			CHECK_UNIT_EVENTS
			" runs as %s, and events.user is %s: poi-dataplane "
			"refuses its socket; write events.user: %s, or take User= out with: "
			"systemctl edit poi-events",
			u->user, p->pw_name, u->user);
}

// --- the folder of the sockets ---

static void say_missing(const struct check *c, const struct check_unit *u, const char *user)
{
	const char *folder = c->config->events.folder;

	if (!u->found)
		check_say(c, CHECK_WARN, "events",
			"events.folder: %s is not there: start poi-events --folder %s as %s, and "
			"share the folder with it",
			folder, folder, user);
	else if (!check_unit_writes_to(u, folder))
		check_say(c, CHECK_WARN, "events",
			"events.folder: " CHECK_UNIT_EVENTS " does not write to %s; write "
			"events.folder: /run/poi-events, or ReadWritePaths=%s and another --folder "
			"with: systemctl edit poi-events",
			folder, folder);
	else
		check_say(c, CHECK_WARN, "events",
			"events.folder: %s is not there, for poi-events does not run; " ENABLE,
			folder);
}

static void look_at_owner(const struct check *c, const struct stat *st, const struct passwd *p)
{
	const char *folder = c->config->events.folder;
	unsigned mode = (unsigned)st->st_mode & 07777;
	char owner[80];

	check_owner_text(c, st, owner, sizeof(owner));
	if (st->st_uid != p->pw_uid)
		check_say(c, CHECK_WARN, "events",
			"events.folder: %s belongs to %s, mode %04o, not to %s; chown %s: %s && "
			"chmod 755 %s && systemctl restart poi-events",
			folder, owner, mode, p->pw_name, p->pw_name, folder, folder);
	else if (mode & 022)
		check_say(c, CHECK_WARN, "events",
			"events.folder: others may replace sockets in %s (mode %04o); chmod 755 %s",
			folder, mode, folder);
	else if (!(mode & 001))
		check_say(c, CHECK_WARN, "events",
			"events.folder: functions do not reach sockets in %s (mode %04o); chmod "
			"755 %s",
			folder, mode, folder);
	else
		check_say(c, CHECK_OK, "events", "events.folder: %s belongs to %s", folder,
			p->pw_name);
}

void check_events(const struct check *c)
{
	const struct config_events *e = &c->config->events;
	struct check_unit dataplane, u;
	char path[4096];
	struct passwd p;
	struct stat st;
	bool starts = true;

	if (!e->n_functions)
		return;
	for (uint32_t i = 0; i < e->n_functions; i++)
		look_at_function(c, i);
	check_unit_read(c, CHECK_UNIT, &dataplane);
	check_unit_read(c, CHECK_UNIT_EVENTS, &u);
	if (dataplane.found) // else programs are started without units
		starts = look_at_start(c, &u);
	if (!find_owner(c, &p))
		return;
	if (u.found)
		look_at_user(c, &u, &p);
	snprintf(path, sizeof(path), "%s%s", c->root, e->folder);
	if (!stat(path, &st) && S_ISDIR(st.st_mode))
		look_at_owner(c, &st, &p);
	else if (!access(path, F_OK))
		check_say(c, CHECK_WARN, "events",
			"events.folder: %s is no folder; rm %s && systemctl restart poi-events",
			e->folder, e->folder);
	else if (starts)
		say_missing(c, &u, p.pw_name);
}
