// `poi audit verify`: whether the audit log is whole. Findings name line numbers and kinds only.
#include "control/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "control/audit_chain.h"
#include "control/credentials.h"

struct arguments {
	const char *config, *file, *key, *head;
};

static bool parse(int argc, char **argv, struct arguments *a)
{
	for (int i = 0; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "-c"))
			a->config = argv[i + 1];
		else if (!strcmp(argv[i], "--file"))
			a->file = argv[i + 1];
		else if (!strcmp(argv[i], "--key"))
			a->key = argv[i + 1];
		else if (!strcmp(argv[i], "--head"))
			a->head = argv[i + 1];
		else
			return false;
	}
	if (argc % 2)
		return false;
	return !a->head || (strlen(a->head) == AUDIT_MAC_TEXT - 1 &&
				   strspn(a->head, "0123456789abcdef") == AUDIT_MAC_TEXT - 1);
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
	return v->bad || cut ? CLI_FINDINGS : CLI_OK;
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
	OPENSSL_cleanse(root, sizeof(root));
	return code;
}

int cli_audit(int argc, char **argv, const char *default_file)
{
	struct arguments a = {.config = default_file};
	struct config *c = NULL;
	char why[1024];

	if (argc < 1 || strcmp(argv[0], "verify") != 0 || !parse(argc - 1, argv + 1, &a))
		return -1;
	if (!a.file || !a.key) {
		c = config_load(a.config, why, sizeof(why));
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
