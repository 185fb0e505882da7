// When what lies in a PEM file runs out.
#include "control/observe/certificate_internal.h"

#include <stdio.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>

// A file with a passphrase must not wait at a terminal.
static int no_passphrase(char *buffer, int size, int writing, void *context)
{
	return 0;
}

int64_t certificate_seconds(const ASN1_TIME *t)
{
	struct tm tm = {0};

	return t && ASN1_TIME_to_tm(t, &tm) == 1 ? timegm(&tm) : -1;
}

int certificate_not_after(const char *pem_file, int64_t *seconds)
{
	FILE *in = fopen(pem_file, "re");
	X509 *x = in ? PEM_read_X509(in, NULL, no_passphrase, NULL) : NULL;

	*seconds = x ? certificate_seconds(X509_get0_notAfter(x)) : -1;
	X509_free(x);
	if (in)
		fclose(in);
	ERR_clear_error();
	return *seconds < 0 ? POI_ERR_IO : POI_OK;
}

int certificate_ca_end(const char *pem_file, int64_t *seconds)
{
	FILE *in = fopen(pem_file, "re");
	X509 *x;

	*seconds = INT64_MAX;
	while (in && (x = PEM_read_X509(in, NULL, no_passphrase, NULL)) != NULL) {
		int64_t end = certificate_seconds(X509_get0_notAfter(x));
		*seconds = end < *seconds ? end : *seconds;
		X509_free(x);
	}
	if (in)
		fclose(in);
	ERR_clear_error(); // of the file's end
	return *seconds == INT64_MAX || *seconds < 0 ? POI_ERR_IO : POI_OK;
}

int certificate_crl_life(const char *pem_file, int64_t *from, int64_t *to)
{
	FILE *in = fopen(pem_file, "re");
	int rc = POI_ERR_IO;
	X509_CRL *crl;

	*from = 0;
	*to = INT64_MAX;
	while (in && (crl = PEM_read_X509_CRL(in, NULL, no_passphrase, NULL)) != NULL) {
		const ASN1_TIME *next = X509_CRL_get0_nextUpdate(crl);
		int64_t end = next ? certificate_seconds(next) : INT64_MAX;
		if (end < *to) {
			*from = certificate_seconds(X509_CRL_get0_lastUpdate(crl));
			*to = end;
		}
		rc = POI_OK;
		X509_CRL_free(crl);
	}
	if (in)
		fclose(in);
	ERR_clear_error();
	return rc;
}

int certificate_crl_next(const char *pem_file, int64_t *seconds)
{
	int64_t from;

	return certificate_crl_life(pem_file, &from, seconds);
}
