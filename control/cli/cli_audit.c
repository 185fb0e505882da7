// `poi audit verify`: whether the audit log is whole. Findings name line numbers and kinds only.
#include "control/cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/audit/audit_chain.h"
#include "control/audit/credentials.h"

struct arguments {
	const char *file, *key, *head;
};

static bool is_head(const char *text)
{
	return strlen(text) == AUDIT_MAC_TEXT - 1 &&
	       strspn(text, "0123456789abcdef") == AUDIT_MAC_TEXT - 1;
}

static int judge(const struct arguments *a, const struct audit_verdict *v, bool keyed)
{
	bool cut = a->head && !v->head_found;

	if (v->previous[0])
		printf("goes on from a file whose head is %s\n", v->previous);
	if (cut)
		printf("the head asked for is the MAC of no record: records are missing at the "
		       "end, "
		       "or it is another file's\n");
	printf("%lu lines, %lu bad, %lu torn, %s\n", v->lines, v->bad, v->torn,
		keyed ? "keyed" : "without a key: shows accidents, not forgery");
	if (v->lines)
		printf("head %s\n", v->head);
	return v->bad || cut ? CLI_NOT_OK : CLI_OK;
}

static int verify(const struct arguments *a)
{
	uint8_t root[CREDENTIAL_KEY_SIZE];
	struct audit_verdict verdict;
	int code = CLI_UNREACHABLE;
	int rc = credential_key(a->key, "audit-key", root);

	if (rc && rc != POI_ERR_NOT_FOUND) {
		fprintf(stderr, "poi: %s: %s\n", a->key ? a->key : "the credential audit-key",
			poi_error_text(rc));
		return CLI_UNREACHABLE;
	}
	FILE *f = fopen(a->file, "re");
	if (!f) {
		fprintf(stderr, "poi: %s: %s\n", a->file, strerror(errno));
		goto out;
	}
	if (audit_chain_verify(f, root, a->head, &verdict, stdout))
		fprintf(stderr, "poi: %s cannot be read\n", a->file);
	else
		code = judge(a, &verdict, !rc);
	fclose(f);
out:
	explicit_bzero(root, sizeof(root));
	return code;
}

int cli_audit_verify(const struct cli_request *r)
{
	struct arguments a = {.file = r->value[OPTION_FILE],
		.key = r->value[OPTION_KEY],
		.head = r->value[OPTION_HEAD]};
	struct config *c = NULL;
	char why[1024];

	if (a.head && !is_head(a.head)) {
		fprintf(stderr,
			"poi: --head takes the %d hexadecimal digits that the journal has\n",
			AUDIT_MAC_TEXT - 1);
		return CLI_USAGE;
	}
	if (!a.file || !a.key) {
		c = config_load(r->config, why, sizeof(why));
		// A log copied to another machine is verified without its configuration.
		if (!c && !a.file) {
			fprintf(stderr, "poi: %s\n", why);
			return CLI_USAGE;
		}
		if (c && !a.file)
			a.file = c->audit.file;
		if (c && !a.key)
			a.key = c->audit.key;
	}
	int code = verify(&a);
	config_free(c);
	return code;
}
