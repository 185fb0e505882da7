#include "control/audit/credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "shared/sealed_file.h"

static int read_credential(int fd, uint8_t root[CREDENTIAL_KEY_SIZE])
{
	uint8_t octets[4096];
	unsigned n = CREDENTIAL_KEY_SIZE;
	ssize_t got = read(fd, octets, sizeof(octets));
	int rc = POI_ERR_IO;

	if (got >= 16 && EVP_Digest(octets, (size_t)got, root, &n, EVP_sha256(), NULL) == 1)
		rc = 0;
	OPENSSL_cleanse(octets, sizeof(octets));
	return rc;
}

int credential_key(const char *file, const char *name, uint8_t root[CREDENTIAL_KEY_SIZE])
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	char path[4096];

	memset(root, 0, CREDENTIAL_KEY_SIZE);
	if (file)
		return sealed_file_key_read(file, root);
	if (!folder || snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path))
		return POI_ERR_NOT_FOUND;
	// No look at the mode: the manager may grant access by an ACL, whose mask shows as group
	// bits.
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? POI_ERR_NOT_FOUND : POI_ERR_IO;
	int rc = read_credential(fd, root);
	close(fd);
	return rc;
}
