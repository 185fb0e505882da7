// The heap of private keys, OpenSSL's: a program without keys has none of this.

#include <openssl/crypto.h>

#include "shared/error.h"
#include "shared/harden.h"

// Enough for the keys of every network element twice (a reload holds both) and of many handshakes.
#define KEY_HEAP (4u << 20)
#define KEY_LEAST 32

int harden_process(void)
{
	int e = harden_limits();

	// 2 means that it could not be locked; the heap is there all the same.
	if (e == POI_OK && !CRYPTO_secure_malloc_initialized() &&
		CRYPTO_secure_malloc_init(KEY_HEAP, KEY_LEAST) == 0)
		e = POI_ERR_NOMEM;
	return e;
}
