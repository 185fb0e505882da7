// `poi check`: certificates, keys, folders, disks.
#include "control/cli/cli_check.h"

#include <errno.h>
#include <libgen.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "control/cli/cli_check_unit.h"
#include "control/observe/certificate.h"
#include "shared/credential.h"

#define DAY 86400
#define GIB (1024.0 * 1024 * 1024)

#define POI_SERVICE_USER "poi" // packaging/sysusers

static bool is_credential(const char *file)
{
	return !strncmp(file, CREDENTIAL_PREFIX, strlen(CREDENTIAL_PREFIX));
}

// Only the service can read it: no further check is possible here.
static void say_credential(
	const struct check *c, const char *area, const char *what, const char *file)
{
	check_say(c, CHECK_OK, area,
		"%s: the key is the unit's credential %s, not looked at; see: systemctl cat "
		"poi-control "
		"poi-dataplane | grep LoadCredential",
		what, file + strlen(CREDENTIAL_PREFIX));
}

static void look_at_days(const struct check *c, const char *what, const char *file, int64_t end)
{
	static const int stages[] = {1, 7, 14, 30};
	int64_t left = (end - (int64_t)time(NULL)) / DAY;

	if (end <= (int64_t)time(NULL)) {
		check_say(c, CHECK_FAIL, "certificate",
			"%s: %s has expired; have a new one issued, then: systemctl reload "
			"poi-control "
			"poi-dataplane",
			what, file);
		return;
	}
	for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
		if (left > stages[i])
			continue;
		check_say(c, CHECK_WARN, "certificate",
			"%s: %lld days left, %d or fewer; have a new one issued, then: systemctl "
			"reload "
			"poi-control poi-dataplane",
			what, (long long)left, stages[i]);
		return;
	}
	check_say(c, CHECK_OK, "certificate", "%s: %lld days left", what, (long long)left);
}

static void look_at_crl(const struct check *c, const char *what, const char *file)
{
	int64_t next;

	if (!file || certificate_crl_next(file, &next))
		return; // one that cannot be read was reported already
	if (next < (int64_t)time(NULL))
		check_say(c, CHECK_FAIL, "certificate",
			"%s: the revocation list %s is out of date: every peer is refused; fetch "
			"the "
			"issuer's new one",
			what, file);
	else if (next != INT64_MAX && next - (int64_t)time(NULL) < 2 * DAY)
		check_say(c, CHECK_WARN, "certificate",
			"%s: the revocation list %s is out of date in less than two days; fetch "
			"the "
			"issuer's new one",
			what, file);
}

static void look_at_identity(
	const struct check *c, const struct config_ne *ne, const struct certificate *x)
{
	char uid[256], address[64];

	if (certificate_identifies(x, ne->ne_identifier, uid, sizeof(uid)))
		check_say(c, CHECK_OK, "certificate", "X1 of %s: carries its ne-identifier",
			ne->ne_identifier);
	else
		check_say(c, CHECK_FAIL, "certificate",
			"X1 of %s: the Subject's UID is \"%s\"; it must be the ne-identifier: have "
			"one "
			"issued with UID=%s, or change ne-identifier",
			ne->ne_identifier, uid, ne->ne_identifier);
	if (certificate_covers(x, &ne->listen.address, ne->server_name))
		return;
	ip_address_format(&ne->listen.address, address, sizeof(address));
	check_say(c, CHECK_HINT, "certificate",
		"X1 of %s: subjectAltName lacks %s; an ADMF that connects by it refuses us: have "
		"one "
		"issued with it, unless the ADMF uses a name that is there",
		ne->ne_identifier, ne->server_name ? ne->server_name : address);
}

// Where there is a user for the services, a key of another user is one that they cannot read.
static bool belongs_to_service(
	const struct check *c, const char *about, const char *what, const char *file)
{
	const struct passwd *service = getpwnam(POI_SERVICE_USER);
	struct stat st;

	if (!service || stat(file, &st) || st.st_uid == service->pw_uid)
		return true;
	check_say(c, CHECK_WARN, about,
		"%s: %s does not belong to %s, the user of the units: chown %s %s, or give it as a "
		"credential",
		what, file, POI_SERVICE_USER, POI_SERVICE_USER, file);
	return false;
}

// `ne` NULL: of delivery, where we are the client.
static void look_at_tls(const struct check *c, const char *what, const struct config_tls *t,
	const struct config_ne *ne)
{
	char why[512];

	if (!t->certificate) {
		check_say(c, CHECK_FAIL, "certificate", "%s: no tls; write certificate, key and ca",
			what);
		return;
	}
	struct certificate *x = certificate_open(t, why, sizeof(why));
	if (!x) {
		check_say(c, CHECK_FAIL, "certificate", "%s: %s", what, why);
		return;
	}
	if (is_credential(t->key))
		say_credential(c, "certificate", what, t->key);
	else if (belongs_to_service(c, "certificate", what, t->key))
		check_say(c, CHECK_OK, "certificate",
			"%s: key, mode, certificate and issuers belong together", what);
	if (!certificate_verify(x, ne != NULL, why, sizeof(why)) &&
		certificate_end(x) > (int64_t)time(NULL))
		check_say(c, CHECK_FAIL, "certificate",
			"%s: not good as a TLS %s by its own ca: %s; put the whole chain into %s",
			what, ne ? "server" : "client", why, t->certificate);
	look_at_days(c, what, t->certificate, certificate_end(x));
	look_at_crl(c, what, t->crl);
	if (ne)
		look_at_identity(c, ne, x);
	certificate_free(x);
}

void check_certificates(const struct check *c)
{
	char what[300];

	for (uint32_t i = 0; i < c->config->n_nes; i++) {
		const struct config_ne *ne = &c->config->nes[i];
		snprintf(what, sizeof(what), "X1 of %s", ne->ne_identifier);
		look_at_tls(c, what, &ne->tls, ne);
	}
	look_at_tls(c, "delivery", &c->config->delivery.tls, NULL);
}

// --- key files ---

static void look_at_key(const struct check *c, const char *key, const char *file)
{
	struct stat st;

	if (!file)
		return;
	if (is_credential(file))
		say_credential(c, "key", key, file);
	else if (stat(file, &st))
		check_say(c, CHECK_FAIL, "key",
			"%s: %s: %s; head -c 32 /dev/urandom > %s; chmod 600 %s", key, file,
			strerror(errno), file, file);
	else if (st.st_mode & 077)
		check_say(c, CHECK_FAIL, "key", "%s: others may read %s (mode %04o); chmod 600 %s",
			key, file, (unsigned)st.st_mode & 07777, file);
	else if (st.st_size < 16)
		check_say(c, CHECK_FAIL, "key",
			"%s: %s has fewer than 16 octets; head -c 32 /dev/urandom > %s", key, file,
			file);
	else if (belongs_to_service(c, "key", key, file))
		check_say(c, CHECK_OK, "key", "%s: %s, for its owner only", key, file);
}

// --- what the units do not see ---

// PrivateTmp= and ProtectHome= of both units put folders of their own, or none, in these places.
static void look_at_place(const struct check *c, const char *what, const char *path)
{
	static const char *const hidden[] = {
		"/tmp/", "/var/tmp/", "/home/", "/root/", "/run/user/"};

	for (size_t i = 0; path && i < sizeof(hidden) / sizeof(hidden[0]); i++)
		if (!strncmp(path, hidden[i], strlen(hidden[i])))
			check_say(c, CHECK_WARN, "place",
				"%s: the units cannot see %s (PrivateTmp=, ProtectHome=); move it "
				"to /etc/poi or /var/lib/poi",
				what, path);
}

static void look_at_places(const struct check *c)
{
	const struct config *f = c->config;
	struct check_unit unit;
	char what[300];

	check_unit_read(c, CHECK_UNIT, &unit);
	if (!unit.found)
		return;
	for (uint32_t i = 0; i < f->n_nes; i++) {
		snprintf(what, sizeof(what), "X1 of %s", f->nes[i].ne_identifier);
		look_at_place(c, what, f->nes[i].tls.certificate);
		look_at_place(c, what, f->nes[i].tls.key);
		look_at_place(c, what, f->nes[i].tls.ca);
		look_at_place(c, what, f->nes[i].tls.crl);
	}
	look_at_place(c, "delivery", f->delivery.tls.certificate);
	look_at_place(c, "delivery", f->delivery.tls.key);
	look_at_place(c, "delivery", f->delivery.tls.ca);
	look_at_place(c, "delivery", f->delivery.tls.crl);
	look_at_place(c, "delivery.spool", f->delivery.spool.folder);
	look_at_place(c, "audit", f->audit.file);
	look_at_place(c, "audit.key", f->audit.key);
	look_at_place(c, "store", f->store.file);
	look_at_place(c, "store.key", f->store.key);
	look_at_place(c, "runtime-dir", f->runtime_dir);
}

// --- folders and disks ---

static void look_at_disk(const struct check *c, const char *what, const char *folder, double needed)
{
	struct statvfs v;

	if (statvfs(folder, &v))
		return;
	double left = (double)v.f_bavail * (double)v.f_frsize;
	if (left < needed)
		check_say(c, CHECK_WARN, "disk",
			"%s: %.1f GiB free in %s, %.1f GiB should be; make room, or use another "
			"disk",
			what, left / GIB, folder, needed / GIB);
	else if (v.f_files && (double)v.f_favail < 100)
		check_say(c, CHECK_WARN, "disk", "%s: %s has next to no inodes left; remove files",
			what, folder);
	else
		check_say(c, CHECK_OK, "disk", "%s: %.1f GiB free in %s", what, left / GIB, folder);
}

static bool look_at_folder(
	const struct check *c, const char *what, const char *folder, mode_t forbidden)
{
	struct stat st;

	if (stat(folder, &st) || !S_ISDIR(st.st_mode)) {
		check_say(c, CHECK_FAIL, "folder",
			"%s: %s is no folder; mkdir -p -m 0700 %s, owned by the user of the "
			"programs",
			what, folder, folder);
		return false;
	}
	if (st.st_mode & forbidden) {
		check_say(c, CHECK_FAIL, "folder",
			"%s: others may write to %s (mode %04o); chmod 700 %s", what, folder,
			(unsigned)st.st_mode & 07777, folder);
		return false;
	}
	if (access(folder, W_OK | X_OK)) {
		check_say(c, CHECK_WARN, "folder",
			"%s: %s is not writable for this user; run this as the user of the "
			"programs",
			what, folder);
		return false;
	}
	if (st.st_mode & 077 & ~forbidden)
		check_say(c, CHECK_WARN, "folder",
			"%s: others can look into %s (mode %04o); chmod 700 %s", what, folder,
			(unsigned)st.st_mode & 07777, folder);
	else
		check_say(c, CHECK_OK, "folder", "%s: %s, writable, mode %04o", what, folder,
			(unsigned)st.st_mode & 07777);
	return true;
}

static void look_at_folder_of(
	const struct check *c, const char *what, const char *file, double needed)
{
	char path[4096];

	if (!file)
		return;
	snprintf(path, sizeof(path), "%s", file);
	const char *folder = dirname(path);
	// Only /tmp and the like are open to all: others in the group may read a log folder.
	if (look_at_folder(c, what, folder, 002))
		look_at_disk(c, what, folder, needed);
	struct stat st;
	if (!stat(file, &st) && st.st_mode & 077)
		check_say(c, CHECK_WARN, "folder",
			"%s: others may read %s (mode %04o); chmod 600 %s", what, file,
			(unsigned)st.st_mode & 07777, file);
}

void check_files(const struct check *c)
{
	const struct config *f = c->config;

	look_at_places(c);
	look_at_key(c, "audit.key", f->audit.key);
	look_at_key(c, "store.key", f->store.key);
	look_at_key(
		c, "delivery.spool.key", f->delivery.spool.folder ? f->delivery.spool.key : NULL);
	if (access(f->runtime_dir, F_OK) && errno == ENOENT)
		check_say(c, CHECK_OK, "folder", "runtime-dir: %s is made at the start, mode 0700",
			f->runtime_dir);
	else
		look_at_folder(c, "runtime-dir", f->runtime_dir, 022);
	look_at_folder_of(c, "audit", f->audit.file, GIB);
	look_at_folder_of(c, "store", f->store.file, GIB);
	if (f->delivery.spool.folder &&
		look_at_folder(c, "delivery.spool", f->delivery.spool.folder, 022))
		look_at_disk(c, "delivery.spool", f->delivery.spool.folder,
			(double)f->delivery.spool.size);
}
