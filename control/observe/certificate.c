// Reads a certificate file's properties for an operator.
#include "control/observe/certificate_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "shared/credential.h"
#include "shared/tls.h"

struct certificate {
	SSL_CTX *context;
	X509 *own; // of the context
};

// Everything but the key.
static SSL_CTX *open_public(const struct config_tls *t, char *why, size_t why_size)
{
	SSL_CTX *context = SSL_CTX_new(TLS_method());
	X509_STORE *store = context ? SSL_CTX_get_cert_store(context) : NULL;
	X509_LOOKUP *lookup = NULL;
	char text[160];
	const char *file = t->certificate;

	if (!context || SSL_CTX_use_certificate_chain_file(context, file) != 1)
		goto fail;
	file = t->ca;
	if (SSL_CTX_load_verify_file(context, file) != 1)
		goto fail;
	if (!t->crl)
		return context;
	file = t->crl;
	lookup = X509_STORE_add_lookup(store, X509_LOOKUP_file());
	if (lookup && X509_load_crl_file(lookup, file, X509_FILETYPE_PEM) >= 1) {
		X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
		return context;
	}
fail:
	snprintf(why, why_size, "%s: %s; write a PEM file", file,
		tls_error_text(text, sizeof(text)));
	SSL_CTX_free(context);
	return NULL;
}

struct certificate *certificate_open(const struct config_tls *t, char *why, size_t why_size)
{
	bool credential = !strncmp(t->key, CREDENTIAL_PREFIX, strlen(CREDENTIAL_PREFIX));
	const struct tls_files files = {
		.certificate = t->certificate, .key = t->key, .ca = t->ca, .crl = t->crl};
	struct certificate *c = calloc(1, sizeof(*c));

	if (!c) {
		snprintf(why, why_size, "out of memory");
		return NULL;
	}
	c->context = credential ? open_public(t, why, why_size)
				: tls_server_context(&files, why, why_size);
	c->own = c->context ? SSL_CTX_get0_certificate(c->context) : NULL;
	if (c->own)
		return c;
	certificate_free(c);
	return NULL;
}

void certificate_free(struct certificate *c)
{
	if (!c)
		return;
	SSL_CTX_free(c->context);
	free(c);
}

int64_t certificate_end(const struct certificate *c)
{
	return certificate_seconds(X509_get0_notAfter(c->own));
}

bool certificate_verify(const struct certificate *c, bool server, char *why, size_t why_size)
{
	X509_STORE_CTX *look = X509_STORE_CTX_new();
	STACK_OF(X509) *chain = NULL;
	bool good = false;

	SSL_CTX_get0_chain_certs(c->context, &chain);
	snprintf(why, why_size, "out of memory");
	if (look &&
		X509_STORE_CTX_init(look, SSL_CTX_get_cert_store(c->context), c->own, chain) == 1) {
		X509_STORE_CTX_set_purpose(
			look, server ? X509_PURPOSE_SSL_SERVER : X509_PURPOSE_SSL_CLIENT);
		good = X509_verify_cert(look) == 1;
		snprintf(why, why_size, "%s",
			X509_verify_cert_error_string(X509_STORE_CTX_get_error(look)));
	}
	X509_STORE_CTX_free(look);
	ERR_clear_error();
	return good;
}

static bool text_is(const ASN1_STRING *s, const char *text)
{
	size_t n = strlen(text);

	return (size_t)ASN1_STRING_length(s) == n && !memcmp(ASN1_STRING_get0_data(s), text, n);
}

static bool uid_is(X509 *x, const char *identifier, char *first, size_t first_size)
{
	const X509_NAME *name = X509_get_subject_name(x);
	bool found = false;

	for (int at = -1; (at = X509_NAME_get_index_by_NID(name, NID_userId, at)) >= 0;) {
		unsigned char *utf8 = NULL;
		int n = ASN1_STRING_to_UTF8(
			&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
		if (n > 0 && !first[0])
			snprintf(first, first_size, "%.*s", n, (const char *)utf8);
		found |= n > 0 && strlen(identifier) == (size_t)n &&
			 !memcmp(utf8, identifier, (size_t)n);
		OPENSSL_free(utf8);
	}
	return found;
}

static bool binding_is(X509 *x, const char *identifier)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	char uri[512];
	bool found = false;

	snprintf(uri, sizeof(uri), "urn:etsi:li:103221-1:cert-binding:NE:%s", identifier);
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *n = sk_GENERAL_NAME_value(names, i);
		found |= n->type == GEN_URI && text_is(n->d.uniformResourceIdentifier, uri);
	}
	GENERAL_NAMES_free(names);
	return found;
}

bool certificate_identifies(
	const struct certificate *c, const char *identifier, char *first, size_t first_size)
{
	first[0] = '\0';
	return uid_is(c->own, identifier, first, first_size) || binding_is(c->own, identifier);
}

bool certificate_covers(
	const struct certificate *c, const struct ip_address *address, const char *name)
{
	if (name)
		return X509_check_host(c->own, name, 0,
			       X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
				       X509_CHECK_FLAG_NEVER_CHECK_SUBJECT,
			       NULL) == 1;
	return X509_check_ip(c->own, address->b, address->family == 4 ? 4 : 16, 0) == 1;
}
