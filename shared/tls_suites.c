// Reads lists of cipher suites and gives them to a TLS context.

#include "shared/tls.h"

#include <stdio.h>
#include <string.h>

// ECDHE with AEAD only, as OpenSSL names them; TLS 1.3 first.
static const char *const suites_13[] = {
	"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"};
static const char *const suites_12[] = {"ECDHE-ECDSA-AES128-GCM-SHA256",
	"ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
	"ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305",
	"ECDHE-RSA-CHACHA20-POLY1305"};

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))
#define LIST_SIZE 512

static bool contains(const char *const *list, size_t n, const char *name, size_t length)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(list[i]) == length && memcmp(list[i], name, length) == 0)
			return true;
	return false;
}

// Appends a name to a list of names separated by colons. False when it has no room.
static bool append(char *list, const char *name, size_t length)
{
	size_t at = strlen(list);

	return (size_t)snprintf(list + at, LIST_SIZE - at, "%s%.*s", at ? ":" : "", (int)length,
		       name) < LIST_SIZE - at;
}

// Divides the names between the two versions. False with the first one that is refused.
static bool divide(const char *suites, char *list_13, char *list_12, struct tls_suite_name *bad)
{
	for (const char *at = suites;; at++) {
		size_t length = strcspn(at, ":");
		*bad = (struct tls_suite_name){.text = at, .length = length};
		if (contains(suites_13, COUNT(suites_13), at, length)) {
			if (!append(list_13, at, length))
				return false;
		} else if (!contains(suites_12, COUNT(suites_12), at, length) ||
			   !append(list_12, at, length)) {
			return false;
		}
		at += length;
		if (!*at)
			return true;
	}
}

bool tls_suites_allowed(const char *suites, struct tls_suite_name *bad)
{
	char list_13[LIST_SIZE] = "", list_12[LIST_SIZE] = "";

	return divide(suites, list_13, list_12, bad);
}

int tls_use_suites(SSL_CTX *context, const char *suites)
{
	char list_13[LIST_SIZE] = "", list_12[LIST_SIZE] = "";
	struct tls_suite_name bad;

	if (!divide(suites, list_13, list_12, &bad))
		return POI_ERR_INVALID;
	bool set = (!*list_13 || SSL_CTX_set_ciphersuites(context, list_13) == 1) &&
		   (!*list_12 || SSL_CTX_set_cipher_list(context, list_12) == 1) &&
		   (*list_12 || SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1) &&
		   (*list_13 || SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION) == 1);
	return set ? POI_OK : POI_ERR_TLS;
}
