#include "shared/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "shared/credential.h"

#define SUITES_12 "ECDHE+AESGCM:ECDHE+CHACHA20"
#define BINDING "urn:etsi:li:103221-1:cert-binding:"
#define IDENTIFIER_MAX 1024

const char *tls_error_text(char *out, size_t capacity)
{
	unsigned long error = ERR_peek_last_error();
	const char *reason = NULL;

	if (capacity == 0)
		return "";
	if (error && ERR_SYSTEM_ERROR(error))
		reason = strerror(ERR_GET_REASON(error));
	else if (error)
		reason = ERR_reason_error_string(error);
	snprintf(out, capacity, "%s", reason ? reason : "unspecified failure");
	ERR_clear_error();
	return out;
}

static void refuse(char *why, size_t why_size, const char *file, const char *advice)
{
	char text[160];

	snprintf(why, why_size, "%s: %s; %s", file, tls_error_text(text, sizeof(text)), advice);
}

// A key with a passphrase must not make a service wait at a terminal.
static int no_passphrase(char *buffer, int size, int writing, void *context)
{
	return 0;
}

// Opened, checked and read through one descriptor, so that what was checked is what is read.
static EVP_PKEY *load_key(const char *file, char *why, size_t why_size)
{
	EVP_PKEY *key = NULL;
	struct stat st;
	FILE *in = NULL;
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0 || fstat(fd, &st)) {
		snprintf(why, why_size, "%s: %s; write the path of a PEM private key", file,
			strerror(errno));
		goto out;
	}
	if (!S_ISREG(st.st_mode)) {
		snprintf(
			why, why_size, "%s: not a file; write the path of a PEM private key", file);
		goto out;
	}
	if ((st.st_mode & (S_IRWXG | S_IRWXO)) && !credential_is(file)) {
		snprintf(why, why_size, "%s: others may read the key (mode %04o); run chmod 600 %s",
			file, (unsigned)(st.st_mode & 07777), file);
		goto out;
	}
	in = fdopen(fd, "r");
	if (!in) {
		snprintf(why, why_size, "%s: %s; try again", file, strerror(errno));
		goto out;
	}
	fd = -1;
	key = PEM_read_PrivateKey(in, NULL, no_passphrase, NULL);
	if (!key)
		refuse(why, why_size, file, "write a PEM private key without a passphrase");
out:
	if (in)
		fclose(in);
	if (fd >= 0)
		close(fd);
	return key;
}

static int use_identity(SSL_CTX *context, const struct tls_files *f, char *why, size_t why_size)
{
	EVP_PKEY *key = load_key(f->key, why, why_size);
	int rc = POI_ERR_TLS;

	if (!key)
		return rc;
	if (SSL_CTX_use_certificate_chain_file(context, f->certificate) != 1)
		refuse(why, why_size, f->certificate,
			"write a PEM chain, own certificate first, with keys of at least 2048 bits "
			"RSA or "
			"224 bits EC");
	else if (SSL_CTX_use_PrivateKey(context, key) != 1 ||
		 SSL_CTX_check_private_key(context) != 1)
		refuse(why, why_size, f->key, "write the key that belongs to the certificate");
	else
		rc = POI_OK;
	EVP_PKEY_free(key);
	return rc;
}

static int use_trust(SSL_CTX *context, const struct tls_files *f, char *why, size_t why_size)
{
	X509_STORE *store = SSL_CTX_get_cert_store(context);

	if (SSL_CTX_load_verify_file(context, f->ca) != 1) {
		refuse(why, why_size, f->ca, "write a PEM bundle of trusted issuers");
		return POI_ERR_TLS;
	}
	if (!f->crl)
		return POI_OK;
	X509_LOOKUP *lookup = X509_STORE_add_lookup(store, X509_LOOKUP_file());
	if (!lookup || X509_load_crl_file(lookup, f->crl, X509_FILETYPE_PEM) < 1) {
		refuse(why, why_size, f->crl, "write PEM revocation lists, one for each issuer");
		return POI_ERR_TLS;
	}
	// Every certificate of the chain, not only the peer's own.
	X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
	return POI_OK;
}

// Settings of both sides, whatever the system's OpenSSL configuration is.
static int set_policy(SSL_CTX *context)
{
	SSL_CTX_set_security_level(context, 2);
	SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
					     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_TICKET);
	SSL_CTX_clear_options(context, SSL_OP_LEGACY_SERVER_CONNECT |
					       SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION |
					       SSL_OP_ALLOW_NO_DHE_KEX);
	SSL_CTX_set_default_passwd_cb(context, no_passphrase);
	// No resumption: each connection proves its certificate anew, also against a newer CRL.
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	if (SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
		SSL_CTX_set_max_proto_version(context, 0) != 1 ||
		SSL_CTX_set_cipher_list(context, SUITES_12) != 1)
		return POI_ERR_TLS;
	return POI_OK;
}

static SSL_CTX *new_context(
	const SSL_METHOD *method, const struct tls_files *files, char *why, size_t why_size)
{
	ERR_clear_error();
	SSL_CTX *context = SSL_CTX_new(method);
	if (!context || set_policy(context)) {
		refuse(why, why_size, "TLS", "check the OpenSSL installation");
		goto fail;
	}
	if (use_identity(context, files, why, why_size) || use_trust(context, files, why, why_size))
		goto fail;
	return context;
fail:
	SSL_CTX_free(context);
	ERR_clear_error();
	return NULL;
}

static bool next_uid(X509 *certificate, int *at, char *out, size_t capacity);

static bool ambiguous(X509 *certificate)
{
	char first[IDENTIFIER_MAX], other[IDENTIFIER_MAX];
	int at = -1;

	if (!next_uid(certificate, &at, first, sizeof(first)))
		return false;
	while (next_uid(certificate, &at, other, sizeof(other))) {
		if (strcmp(first, other) != 0)
			return true;
	}
	return false;
}

static int refuse_ambiguous(int verified, X509_STORE_CTX *store)
{
	if (!verified || X509_STORE_CTX_get_error_depth(store) != 0 ||
		!ambiguous(X509_STORE_CTX_get_current_cert(store)))
		return verified;
	X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
	return 0;
}

void tls_require_one_uid(SSL_CTX *context)
{
	SSL_CTX_set_verify(context, SSL_CTX_get_verify_mode(context), refuse_ambiguous);
}

const char *tls_verify_text(SSL *ssl)
{
	long result = SSL_get_verify_result(ssl);

	if (result == X509_V_OK)
		return NULL;
	return result == X509_V_ERR_APPLICATION_VERIFICATION
		       ? "two different UIDs in its subject"
		       : X509_verify_cert_error_string(result);
}

SSL_CTX *tls_server_context(const struct tls_files *files, char *why, size_t why_size)
{
	static const unsigned char session_context[] = "poi";
	SSL_CTX *context = new_context(TLS_server_method(), files, why, why_size);

	if (!context)
		return NULL;
	tls_require_one_uid(context);
	STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(files->ca);
	if (names)
		SSL_CTX_set_client_CA_list(context, names);
	if (!names || SSL_CTX_set_purpose(context, X509_PURPOSE_SSL_CLIENT) != 1 ||
		SSL_CTX_set_session_id_context(
			context, session_context, sizeof(session_context) - 1) != 1 ||
		SSL_CTX_set_num_tickets(context, 0) != 1) {
		refuse(why, why_size, files->ca, "write a PEM bundle of trusted issuers");
		SSL_CTX_free(context);
		return NULL;
	}
	return context;
}

SSL_CTX *tls_client_context(const struct tls_files *files, char *why, size_t why_size)
{
	SSL_CTX *context = new_context(TLS_client_method(), files, why, why_size);

	if (context && SSL_CTX_set_purpose(context, X509_PURPOSE_SSL_SERVER) != 1) {
		refuse(why, why_size, "TLS", "check the OpenSSL installation");
		SSL_CTX_free(context);
		return NULL;
	}
	return context;
}

struct alpn {
	const uint8_t *protocols;
	unsigned length;
};

static int select_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_length,
	const unsigned char *offered, unsigned offered_length, void *context)
{
	const struct alpn *own = context;
	unsigned char *chosen = NULL;

	if (SSL_select_next_proto(&chosen, out_length, own->protocols, own->length, offered,
		    offered_length) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static void free_alpn(
	void *parent, void *alpn, CRYPTO_EX_DATA *data, int index, long argument, void *pointer)
{
	OPENSSL_free(alpn);
}

static CRYPTO_ONCE alpn_once = CRYPTO_ONCE_STATIC_INIT;
static int alpn_index = -1; // written once, under alpn_once

static void make_alpn_index(void)
{
	alpn_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_alpn);
}

void tls_server_alpn(SSL_CTX *context, const uint8_t *protocols, unsigned length)
{
	struct alpn *own = OPENSSL_malloc(sizeof(*own));

	// Without it the server simply offers no protocol, which HTTP/1.1 can live with.
	if (!own || !CRYPTO_THREAD_run_once(&alpn_once, make_alpn_index) || alpn_index < 0)
		goto fail;
	*own = (struct alpn){.protocols = protocols, .length = length};
	OPENSSL_free(SSL_CTX_get_ex_data(context, alpn_index));
	if (SSL_CTX_set_ex_data(context, alpn_index, own) != 1)
		goto fail;
	SSL_CTX_set_alpn_select_cb(context, select_alpn, own);
	return;
fail:
	OPENSSL_free(own);
}

int tls_expect_peer(SSL *ssl, const struct ip_address *address, const char *host)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
	struct ip_address literal;

	if (!address == !host || (host && !*host))
		return POI_ERR_INVALID;
	// A literal address written as a host is checked as an address, and is no server name.
	if (host && ip_address_parse(host, &literal) == POI_OK)
		address = &literal;
	if (address) {
		size_t length = address->family == 4 ? 4 : address->family == 6 ? 16 : 0;
		if (!length || X509_VERIFY_PARAM_set1_ip(param, address->b, length) != 1)
			return POI_ERR_INVALID;
		return POI_OK;
	}
	X509_VERIFY_PARAM_set_hostflags(
		param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
	if (X509_VERIFY_PARAM_set1_host(param, host, 0) != 1 ||
		SSL_set_tlsext_host_name(ssl, host) != 1)
		return POI_ERR_INVALID;
	return POI_OK;
}

static X509 *verified_certificate(SSL *ssl)
{
	return SSL_get_verify_result(ssl) == X509_V_OK ? SSL_get0_peer_certificate(ssl) : NULL;
}

// Identifiers longer than `capacity` or with a zero inside are invalid: they are skipped.
static bool take_identifier(const uint8_t *octets, int length, char *out, size_t capacity)
{
	if (length <= 0 || (size_t)length >= capacity || memchr(octets, 0, (size_t)length))
		return false;
	memcpy(out, octets, (size_t)length);
	out[length] = '\0';
	return true;
}

// The next UID of the subject after entry `*at`; false when there is none.
static bool next_uid(X509 *certificate, int *at, char *out, size_t capacity)
{
	const X509_NAME *name = X509_get_subject_name(certificate);

	while ((*at = X509_NAME_get_index_by_NID(name, NID_userId, *at)) >= 0) {
		unsigned char *utf8 = NULL;
		int length = ASN1_STRING_to_UTF8(
			&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, *at)));
		bool taken = length > 0 && take_identifier(utf8, length, out, capacity);
		OPENSSL_free(utf8);
		if (taken)
			return true;
	}
	return false;
}

static bool binding_identifier(
	const GENERAL_NAME *name, unsigned bindings, char *out, size_t capacity)
{
	static const struct {
		enum tls_binding binding;
		const char *prefix;
	} known[] = {{TLS_BINDING_ADMF, BINDING "ADMF:"}, {TLS_BINDING_NE, BINDING "NE:"}};

	if (name->type != GEN_URI)
		return false;
	const uint8_t *uri = ASN1_STRING_get0_data(name->d.uniformResourceIdentifier);
	int length = ASN1_STRING_length(name->d.uniformResourceIdentifier);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		int skip = (int)strlen(known[i].prefix);
		if (bindings & known[i].binding && length > skip &&
			!memcmp(uri, known[i].prefix, (size_t)skip))
			return take_identifier(uri + skip, length - skip, out, capacity);
	}
	return false;
}

static bool each_binding(X509 *certificate, unsigned bindings,
	bool (*each)(void *context, const char *id), void *context)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	char id[IDENTIFIER_MAX];
	bool found = false;

	for (int i = 0; i < sk_GENERAL_NAME_num(names) && !found; i++)
		if (binding_identifier(
			    sk_GENERAL_NAME_value(names, i), bindings, id, sizeof(id)))
			found = each(context, id);
	GENERAL_NAMES_free(names);
	return found;
}

bool tls_peer_identifier(
	SSL *ssl, unsigned bindings, bool (*each)(void *context, const char *id), void *context)
{
	X509 *certificate = verified_certificate(ssl);
	char id[IDENTIFIER_MAX];
	bool found = false;

	if (!certificate)
		return false;
	for (int at = -1; !found && next_uid(certificate, &at, id, sizeof(id));)
		found = each(context, id);
	return found || each_binding(certificate, bindings, each, context);
}

struct room {
	char *out;
	size_t capacity;
};

static bool keep(void *context, const char *id)
{
	struct room *r = context;

	return (size_t)snprintf(r->out, r->capacity, "%s", id) < r->capacity;
}

bool tls_peer_uid(SSL *ssl, char *out, size_t capacity)
{
	X509 *certificate = verified_certificate(ssl);
	struct room r = {out, capacity};
	int at = -1;

	if (capacity == 0)
		return false;
	if (certificate && next_uid(certificate, &at, out, capacity))
		return false;
	out[0] = '\0';
	if (certificate && each_binding(certificate, TLS_BINDING_ADMF | TLS_BINDING_NE, keep, &r))
		return true;
	out[0] = '\0';
	return false;
}

int tls_certificate_days_left(const char *pem_file)
{
	int days = INT_MIN, seconds = 0;
	FILE *in = fopen(pem_file, "re");
	X509 *certificate = in ? PEM_read_X509(in, NULL, no_passphrase, NULL) : NULL;

	if (certificate) {
		if (ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(certificate)) != 1)
			days = INT_MIN;
		else if (days == 0 && seconds < 0)
			days = -1;
	}
	X509_free(certificate);
	if (in)
		fclose(in);
	ERR_clear_error();
	return days;
}
