// Declares the keys of a certificate, which the X1 interface and delivery have.
#include "shared/config_internal.h"

static const struct config_key tls_keys[] = {
	{.name = "certificate",
		.type = CONFIG_PATH,
		KEY_AT(struct config_tls, certificate),
		.required = true,
		.low = 1,
		.high = 4095,
		.doc = "PEM chain, own certificate first"},
	{.name = "key",
		.type = CONFIG_PATH,
		KEY_AT(struct config_tls, key),
		.required = true,
		.low = 1,
		.high = 4095,
		.doc = "PEM private key, readable by its owner only; or credential:NAME"},
	{.name = "ca",
		.type = CONFIG_PATH,
		KEY_AT(struct config_tls, ca),
		.required = true,
		.low = 1,
		.high = 4095,
		.doc = "PEM bundle of the issuers trusted for the peer"},
	{.name = "crl",
		.type = CONFIG_PATH,
		KEY_AT(struct config_tls, crl),
		.low = 1,
		.high = 4095,
		.doc = "PEM revocation lists of every issuer in the chain; absent: not checked"},
};
KEY_SCOPE(config_scope_tls, tls_keys)
