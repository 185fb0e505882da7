// Merges a configuration that was read again into the one in force.
#include "control/observe/config_reload.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct talk {
	config_reload_say say;
	void *context;
};

__attribute__((format(printf, 2, 3))) static void say(const struct talk *t, const char *format, ...)
{
	char line[512];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	t->say(t->context, line);
}

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static int copy_text(char **to, const char *from)
{
	char *copy = from ? strdup(from) : NULL;

	if (from && !copy)
		return POI_ERR_NOMEM;
	free(*to);
	*to = copy;
	return 0;
}

// The old text stays until a restart. 0 or NOMEM.
static int keep_text(
	const struct talk *t, const char *ne, const char *key, char **fresh, const char *now)
{
	if (same(*fresh, now))
		return 0;
	say(t, "%s%s%s has changed: this needs a restart", ne ? ne : "", ne ? ": " : "", key);
	return copy_text(fresh, now);
}

static int copy_element(struct config_ne *to, const struct config_ne *from)
{
	char **texts[] = {&to->ne_identifier, &to->admf_identifier, &to->server_name, &to->path,
		&to->admf_url, &to->tls.certificate, &to->tls.key, &to->tls.ca, &to->tls.crl};
	int rc = 0;

	*to = *from;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		const char *text = *texts[i];
		*texts[i] = NULL;
		rc = rc ? rc : copy_text(texts[i], text);
	}
	return rc;
}

static int keep_element(const struct talk *t, struct config_ne *fresh, const struct config_ne *now)
{
	const char *name = now->ne_identifier;
	int rc = keep_text(
		t, name, "admf-identifier", &fresh->admf_identifier, now->admf_identifier);

	if (!rc)
		rc = keep_text(t, name, "admf-url", &fresh->admf_url, now->admf_url);
	if (fresh->listen.port != now->listen.port ||
		memcmp(&fresh->listen.address, &now->listen.address, sizeof(now->listen.address)))
		say(t, "%s: listen has changed: this needs a restart", name);
	fresh->listen = now->listen;
	if (fresh->role != now->role)
		say(t, "%s: role has changed: this needs a restart", name);
	fresh->role = now->role;
	return rc;
}

static int32_t find(const struct config *c, const char *identifier)
{
	for (uint32_t i = 0; i < c->n_nes; i++) {
		if (same(c->nes[i].ne_identifier, identifier))
			return (int32_t)i;
	}
	return -1;
}

// Puts the element at `from` in the place `to`; those between move up by one.
static void move_element(struct config *c, uint32_t from, uint32_t to)
{
	struct config_ne moved = c->nes[from];

	memmove(&c->nes[to + 1], &c->nes[to], (from - to) * sizeof(moved));
	c->nes[to] = moved;
}

static int merge_elements(const struct config *now, struct config *fresh, const struct talk *t)
{
	for (uint32_t i = 0; i < now->n_nes; i++) {
		const struct config_ne *old = &now->nes[i];
		int32_t at = find(fresh, old->ne_identifier);
		int rc = 0;

		if (at >= 0) {
			move_element(fresh, (uint32_t)at, i);
			rc = keep_element(t, &fresh->nes[i], old);
		} else {
			if (fresh->n_nes == CONFIG_NES_MAX)
				return POI_ERR_LIMIT;
			say(t, "%s was removed: this needs a restart, it is served until then",
				old->ne_identifier);
			memset(&fresh->nes[fresh->n_nes], 0, sizeof(fresh->nes[0]));
			fresh->n_nes++;
			move_element(fresh, fresh->n_nes - 1, i);
			rc = copy_element(&fresh->nes[i], old);
		}
		if (rc)
			return rc;
	}
	for (uint32_t i = now->n_nes; i < fresh->n_nes; i++)
		say(t, "%s is added", fresh->nes[i].ne_identifier);
	return 0;
}

// Reports keys that a process reads at its own start only.
static void needs_restart(void *context, const char *path)
{
	static const char *const both[] = {"delivery.", "dataplane.", "signalling."};

	for (size_t i = 0; i < sizeof(both) / sizeof(both[0]); i++)
		if (!strncmp(path, both[i], strlen(both[i])))
			say(context,
				"%s has changed: this needs a restart of poi-dataplane and "
				"poi-control",
				path);
	if (!strcmp(path, "log.target") || !strcmp(path, "sandbox"))
		say(context, "%s has changed: this needs a restart", path);
}

int config_reload_merge(
	const struct config *now, struct config *fresh, config_reload_say each, void *context)
{
	const struct talk t = {each, context};
	int rc = merge_elements(now, fresh, &t);

	if (!rc)
		rc = keep_text(&t, NULL, "runtime-dir", &fresh->runtime_dir, now->runtime_dir);
	if (!rc)
		rc = keep_text(&t, NULL, "audit.file", &fresh->audit.file, now->audit.file);
	if (!rc)
		rc = keep_text(&t, NULL, "audit.key", &fresh->audit.key, now->audit.key);
	if (!rc)
		rc = keep_text(&t, NULL, "store.file", &fresh->store.file, now->store.file);
	if (!rc)
		rc = keep_text(&t, NULL, "store.key", &fresh->store.key, now->store.key);
	if (fresh->metrics.listen.port != now->metrics.listen.port ||
		memcmp(&fresh->metrics.listen.address, &now->metrics.listen.address,
			sizeof(now->metrics.listen.address)))
		say(&t, "metrics.listen has changed: this needs a restart");
	fresh->metrics.listen = now->metrics.listen;
	if (fresh->limits.attributes != now->limits.attributes ||
		fresh->limits.messages != now->limits.messages)
		say(&t, "limits.attributes or limits.messages has changed: this needs a restart");
	fresh->limits.attributes = now->limits.attributes;
	fresh->limits.messages = now->limits.messages;
	config_diff(now, fresh, needs_restart, (void *)&t);
	return rc;
}

#define SWAP(a, b)                         \
	do {                               \
		__typeof__(a) swap_ = (a); \
		(a) = (b);                 \
		(b) = swap_;               \
	} while (0)

void config_reload_exchange(struct config *now, struct config *fresh)
{
	SWAP(*now, *fresh);
	SWAP(now->delivery, fresh->delivery);
	SWAP(now->dataplane, fresh->dataplane);
	SWAP(now->log.target, fresh->log.target);
	SWAP(now->sandbox, fresh->sandbox);
}
