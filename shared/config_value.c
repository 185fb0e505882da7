// Stores single values of the configuration file, each by its key's type, or reports a valid value
// to write instead.
#include "shared/config_internal.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "shared/credential.h"

void config_value_number(uint8_t *to, size_t size, int64_t number)
{
	// Little-endian machines only, as everywhere in this project: the low octets come first.
	memcpy(to, &number, size);
}

static int parse_number(const char *text, int64_t *out, const char **end)
{
	int64_t v = 0;
	int digits = 0;

	for (; *text >= '0' && *text <= '9'; text++) {
		if (++digits > 18)
			return POI_ERR_INVALID;
		v = v * 10 + (*text - '0');
	}
	*out = v;
	*end = text;
	return digits ? POI_OK : POI_ERR_INVALID;
}

static int load_number(struct config_source *s, const struct config_value *v)
{
	const struct config_key *k = v->key;
	const char *end;
	int64_t n;

	if (parse_number(v->text, &n, &end) || *end || n < k->low || n > k->high)
		return config_refuse(s, v->node,
			"%s%s is \"%.40s\", write a whole number from %lld to %lld", v->path,
			k->name, v->text, (long long)k->low, (long long)k->high);
	config_value_number(v->to, k->size, n);
	return POI_OK;
}

static const char *size_text(int64_t n, char out[32])
{
	static const struct {
		int shift;
		const char *unit;
	} units[] = {{30, "GiB"}, {20, "MiB"}, {10, "KiB"}};

	for (size_t i = 0; i < 3; i++) {
		if (n && n % (INT64_C(1) << units[i].shift) == 0) {
			snprintf(
				out, 32, "%lld%s", (long long)(n >> units[i].shift), units[i].unit);
			return out;
		}
	}
	snprintf(out, 32, "%lld", (long long)n);
	return out;
}

static int load_size(struct config_source *s, const struct config_value *v)
{
	const struct config_key *k = v->key;
	char low[32], high[32];
	const char *end;
	int64_t n;
	int shift = -1;

	if (!parse_number(v->text, &n, &end))
		shift = !*end		      ? 0
			: !strcmp(end, "KiB") ? 10
			: !strcmp(end, "MiB") ? 20
			: !strcmp(end, "GiB") ? 30
					      : -1;
	if (shift < 0 || n > INT64_MAX >> shift || n << shift < k->low || n << shift > k->high)
		return config_refuse(s, v->node,
			"%s%s is \"%.40s\", write a size from %s to %s with KiB, MiB or GiB, such "
			"as 64MiB",
			v->path, k->name, v->text, size_text(k->low, low),
			size_text(k->high, high));
	config_value_number(v->to, k->size, n << shift);
	return POI_OK;
}

static int load_bool(struct config_source *s, const struct config_value *v)
{
	bool yes = !strcmp(v->text, "true");

	if (!yes && strcmp(v->text, "false"))
		return config_refuse(s, v->node, "%s%s is \"%.40s\", write true or false", v->path,
			v->key->name, v->text);
	config_value_number(v->to, v->key->size, yes);
	return POI_OK;
}

static int refuse_word(struct config_source *s, const struct config_value *v)
{
	char words[128] = "";
	size_t n = 0;

	for (const struct config_word *w = v->key->words; w->name; w++) {
		const char *separator = w == v->key->words ? "" : w[1].name ? ", " : " or ";
		int more = snprintf(words + n, sizeof(words) - n, "%s%s", separator, w->name);
		if (more < 0 || (size_t)more >= sizeof(words) - n)
			break;
		n += (size_t)more;
	}
	return config_refuse(
		s, v->node, "%s%s is \"%.40s\", write %s", v->path, v->key->name, v->text, words);
}

static int load_word(struct config_source *s, const struct config_value *v)
{
	for (const struct config_word *w = v->key->words; w->name; w++) {
		if (!strcmp(w->name, v->text)) {
			config_value_number(v->to, v->key->size, w->value);
			return POI_OK;
		}
	}
	return refuse_word(s, v);
}

// A credential of the service manager. Without one (poi check and the like) it stays as written.
static int store_credential(struct config_source *s, const struct config_value *v, const char *name)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	char *text = NULL;

	if (!*name || strchr(name, '/') || name[0] == '.')
		return config_refuse(s, v->node,
			"%s%s is no credential, write credential:NAME, as in "
			"LoadCredential=NAME:...",
			v->path, v->key->name);
	if (asprintf(&text, "%s%s%s", folder ? folder : CREDENTIAL_PREFIX, folder ? "/" : "",
		    name) < 0)
		return config_refuse(s, v->node, "out of memory, free some and try again");
	free(*(char **)v->to);
	*(char **)v->to = text;
	return POI_OK;
}

static int store_text(struct config_source *s, const struct config_value *v, const char *folder)
{
	char *text = NULL;

	if (folder && !strncmp(v->text, CREDENTIAL_PREFIX, strlen(CREDENTIAL_PREFIX)))
		return store_credential(s, v, v->text + strlen(CREDENTIAL_PREFIX));
	if (folder && v->text[0] != '/') {
		if (asprintf(&text, "%s/%s", folder, v->text) < 0)
			text = NULL;
	} else {
		text = strdup(v->text);
	}
	if (!text)
		return config_refuse(s, v->node, "out of memory, free some and try again");
	free(*(char **)v->to);
	*(char **)v->to = text;
	return POI_OK;
}

static int load_text(struct config_source *s, const struct config_value *v)
{
	const struct config_key *k = v->key;
	size_t length = strlen(v->text);

	if ((int64_t)length < k->low || (int64_t)length > k->high)
		return config_refuse(s, v->node, "%s%s has %zu octets, write %lld to %lld", v->path,
			k->name, length, (long long)k->low, (long long)k->high);
	for (size_t i = 0; i < length; i++)
		if (iscntrl((unsigned char)v->text[i]))
			return config_refuse(s, v->node,
				"%s%s holds a control character, write it without", v->path,
				k->name);
	if (k->words) {
		const struct config_word *w = k->words;
		while (w->name && strcmp(w->name, v->text))
			w++;
		if (!w->name)
			return refuse_word(s, v);
	}
	return store_text(s, v, k->type == CONFIG_PATH ? s->folder : NULL);
}

static int load_endpoint(struct config_source *s, const struct config_value *v)
{
	struct config_endpoint *out = (struct config_endpoint *)v->to;
	const char *text = v->text, *colon = strrchr(text, ':'), *end = "";
	char host[64];
	int64_t port = v->key->low;
	bool bracketed = text[0] == '[';

	// Without a port the last colon is one of the address.
	if (colon && bracketed && colon[-1] != ']')
		colon = NULL;
	if (!colon && !port)
		goto bad;
	const char *from = text;
	size_t length = colon ? (size_t)(colon - text) : strlen(text);
	if (bracketed) {
		if (length < 2 || text[length - 1] != ']')
			goto bad;
		from++;
		length -= 2;
	}
	if (length == 0 || length >= sizeof(host))
		goto bad;
	memcpy(host, from, length);
	host[length] = '\0';
	if ((colon && parse_number(colon + 1, &port, &end)) || *end || port < 1 || port > 65535)
		goto bad;
	if (ip_address_parse(host, &out->address) || (out->address.family == 6) != bracketed)
		goto bad;
	out->port = (uint16_t)port;
	return POI_OK;
bad:
	return config_refuse(s, v->node,
		"%s%s is \"%.60s\", write address:port, such as \"192.0.2.10:443\" or "
		"\"[2001:db8::10]:443\"",
		v->path, v->key->name, text);
}

static int load_prefix(struct config_source *s, const struct config_value *v)
{
	switch (ip_prefix_parse(v->text, (struct ip_prefix *)v->to)) {
	case POI_OK:
		return POI_OK;
	case POI_ERR_INVALID:
		return config_refuse(s, v->node,
			"%s%s holds \"%.60s\" with host bits, write the network's first address",
			v->path, v->key->name, v->text);
	default:
		return config_refuse(s, v->node,
			"%s%s holds \"%.60s\", write address/length, such as 198.51.100.0/24",
			v->path, v->key->name, v->text);
	}
}

int config_value_store(struct config_source *s, const struct config_value *v)
{
	switch (v->key->type) {
	case CONFIG_NUMBER:
	case CONFIG_NUMBERS:
		return load_number(s, v);
	case CONFIG_SIZE:
		return load_size(s, v);
	case CONFIG_BOOL:
		return load_bool(s, v);
	case CONFIG_WORD:
	case CONFIG_WORDS:
		return load_word(s, v);
	case CONFIG_TEXT:
	case CONFIG_PATH:
		return load_text(s, v);
	case CONFIG_ENDPOINT:
		return load_endpoint(s, v);
	case CONFIG_PREFIXES:
		return load_prefix(s, v);
	case CONFIG_ALIASES:
	case CONFIG_MAP:
	case CONFIG_LIST:
		break;
	}
	return POI_ERR_INVALID;
}

int config_value_load(struct config_source *s, struct config_value *v)
{
	const yaml_node_t *node = v->node;

	if (node->type != YAML_SCALAR_NODE)
		return config_refuse(s, node, "%s%s is a list or has keys, write one value",
			v->path, v->key->name);
	v->text = (const char *)node->data.scalar.value;
	bool plain = node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	if (plain && (!v->text[0] || !strcmp(v->text, "~") || !strcmp(v->text, "null")))
		return config_refuse(s, node, "%s%s has no value, write one or remove the key",
			v->path, v->key->name);
	if (strlen(v->text) != node->data.scalar.length)
		return config_refuse(s, node, "%s%s holds a control character, write it without",
			v->path, v->key->name);
	return config_value_store(s, v);
}
