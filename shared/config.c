// Loads the configuration file: reads it, parses YAML, frees what was loaded.
#include "shared/config.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/config_internal.h"

#define FILE_MAX (1024 * 1024) // bytes; the largest legal file is far below

static void free_scope(const struct config_scope *scope, uint8_t *base)
{
	for (size_t i = 0; i < scope->n; i++) {
		const struct config_key *k = &scope->keys[i];
		uint8_t *at = base + k->offset;
		if (k->type == CONFIG_TEXT || k->type == CONFIG_PATH) {
			free(*(char **)at);
		} else if (k->type == CONFIG_MAP) {
			free_scope(k->scope(), at);
		} else if (k->type == CONFIG_LIST) {
			uint32_t n = *(uint32_t *)(base + k->count_offset);
			for (uint32_t e = 0; e < n; e++)
				free_scope(k->scope(), at + e * k->size);
		}
	}
}

void config_free(struct config *c)
{
	if (!c)
		return;
	free_scope(config_table(), (uint8_t *)c);
	free(c->file);
	free(c);
}

// The folder of the file, and the file's own absolute name.
static int locate(struct config_source *s)
{
	char here[PATH_MAX] = "";
	char *absolute = NULL;

	if (s->file[0] != '/' && !getcwd(here, sizeof(here)))
		return config_refuse_mark(
			s, 0, 0, "the current folder cannot be read, write an absolute path");
	if (asprintf(&absolute, "%s%s%s", here, s->file[0] == '/' ? "" : "/", s->file) < 0)
		return POI_ERR_NOMEM;
	s->config->file = absolute;
	s->folder = strdup(absolute);
	if (!s->folder)
		return POI_ERR_NOMEM;
	*strrchr(s->folder, '/') = '\0';
	return POI_OK;
}

// $RUNTIME_DIRECTORY of the service manager comes before the file. It may list several: the first.
static int apply_environment(struct config_source *s)
{
	const char *folder = getenv("RUNTIME_DIRECTORY");

	if (!folder || folder[0] != '/')
		return POI_OK;
	char *copy = strndup(folder, strcspn(folder, ":"));
	if (!copy)
		return POI_ERR_NOMEM;
	free(s->config->runtime_dir);
	s->config->runtime_dir = copy;
	return POI_OK;
}

// libyaml gives a mark for what its parser met, and only an offset for octets that are not UTF-8.
static int refuse_yaml(struct config_source *s, const yaml_parser_t *p, const char *text)
{
	size_t line = p->problem_mark.line, column = p->problem_mark.column;

	if (p->error == YAML_MEMORY_ERROR)
		return config_refuse_mark(s, 0, 0, "out of memory, free some and try again");
	if (p->error == YAML_READER_ERROR) {
		line = column = 0;
		for (size_t i = 0; i < p->problem_offset; i++) {
			column = text[i] == '\n' ? 0 : column + 1;
			line += text[i] == '\n';
		}
		return config_refuse_mark(s, line, column, "%s, write the file in UTF-8",
			p->problem ? p->problem : "unreadable octets");
	}
	return config_refuse_mark(s, line, column,
		"not YAML: %s, write \"key: value\" indented by spaces, with quotes and brackets "
		"closed",
		p->problem ? p->problem : "syntax error");
}

// The stream holds one document only: what follows it would be ignored silently.
static int check_end(struct config_source *s, yaml_parser_t *parser, const char *text)
{
	yaml_document_t next;

	if (!yaml_parser_load(parser, &next))
		return refuse_yaml(s, parser, text);
	const yaml_node_t *root = yaml_document_get_root_node(&next);
	int rc = POI_OK;
	if (root)
		rc = config_refuse(s, root, "a second document, write everything in one");
	yaml_document_delete(&next);
	return rc;
}

// Clause 7.2.2.3: by default the network element's requests go to this path.
static int complete_urls(struct config *c)
{
	static const char scheme[] = "https://", path[] = "/X1/ADMF";

	for (uint32_t i = 0; i < c->n_nes; i++) {
		char **url = &c->nes[i].admf_url, *whole = NULL;
		if (!*url || strncmp(*url, scheme, sizeof(scheme) - 1) != 0 ||
			strpbrk(*url + sizeof(scheme) - 1, "/?#"))
			continue;
		if (asprintf(&whole, "%s%s", *url, path) < 0)
			return POI_ERR_NOMEM;
		free(*url);
		*url = whole;
	}
	return POI_OK;
}

static int load_document(struct config_source *s)
{
	const yaml_node_t *root = yaml_document_get_root_node(s->document);

	if (!root)
		return config_refuse_mark(s, 0, 0,
			"the file is empty, write network-elements, delivery and "
			"dataplane");
	int rc = locate(s);
	if (!rc)
		rc = config_scope_load(s, root);
	if (!rc)
		rc = apply_environment(s);
	if (!rc)
		rc = complete_urls(s->config);
	if (!rc)
		rc = config_check(s, root);
	return rc;
}

struct config *config_load_text(
	const char *file, const char *text, size_t length, char *why, size_t why_size)
{
	yaml_document_t document;
	yaml_parser_t parser;
	struct config_source s = {
		.file = file, .document = &document, .why = why, .why_size = why_size};
	int rc;

	if (why_size)
		snprintf(why, why_size, "%s: out of memory, free some and try again", file);
	s.config = calloc(1, sizeof(*s.config));
	if (!s.config || !yaml_parser_initialize(&parser)) {
		free(s.config);
		return NULL;
	}
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
	if (!yaml_parser_load(&parser, &document)) {
		rc = refuse_yaml(&s, &parser, text);
	} else {
		rc = load_document(&s);
		yaml_document_delete(&document);
		if (!rc)
			rc = check_end(&s, &parser, text);
	}
	yaml_parser_delete(&parser);
	free(s.folder);
	if (rc) {
		config_free(s.config);
		return NULL;
	}
	if (why_size)
		why[0] = '\0';
	return s.config;
}

struct config *config_load(const char *file, char *why, size_t why_size)
{
	struct config *c = NULL;
	char *text = malloc(FILE_MAX + 1);
	FILE *in = fopen(file, "re");
	size_t length = 0;

	if (in && text)
		length = fread(text, 1, FILE_MAX + 1, in);
	if (!text)
		snprintf(why, why_size, "%s: out of memory, free some and try again", file);
	else if (!in || ferror(in))
		snprintf(why, why_size, "%s: cannot be read (%s), write the right path after -c",
			file, strerror(errno));
	else if (length > FILE_MAX)
		snprintf(why, why_size, "%s: larger than 1 MiB, write a smaller file", file);
	else
		c = config_load_text(file, text, length, why, why_size);
	if (in)
		fclose(in);
	free(text);
	return c;
}

bool config_shows_signalling(const struct config_dataplane *d)
{
	bool any = false;

	for (uint32_t i = 0; i < d->n_ports; i++)
		any |= d->ports[i].n_signalling > 0;
	return any;
}

bool config_follows_sessions(const struct config *c)
{
	return config_shows_signalling(&c->dataplane) || c->events.n_functions > 0;
}
