#include "control/certificate.h"

#include <stdio.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

// A certificate with a passphrase in front must not wait at a terminal.
static int no_passphrase(char *buffer, int size, int writing, void *context)
{
	return 0;
}

static X509 *read_first(const char *pem_file)
{
	FILE *in = fopen(pem_file, "re");
	X509 *x = in ? PEM_read_X509(in, NULL, no_passphrase, NULL) : NULL;

	if (in)
		fclose(in);
	ERR_clear_error();
	return x;
}

int certificate_not_after(const char *pem_file, int64_t *seconds)
{
	X509 *x = read_first(pem_file);
	struct tm tm = {0};
	int rc = POI_ERR_IO;

	if (x && ASN1_TIME_to_tm(X509_get0_notAfter(x), &tm) == 1) {
		*seconds = timegm(&tm);
		rc = POI_OK;
	}
	X509_free(x);
	return rc;
}
