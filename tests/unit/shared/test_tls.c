#include <criterion/criterion.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/tls.h"

static char folder[] = "/tmp/poi-tls-XXXXXX", why[512];

static const char script[] =
	"set -e; cd \"$1\"; umask 077\n"
	"ca() { openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "
	"$1.key "
	"-out $1.pem -days 5 -subj /CN=$1 -addext keyUsage=critical,keyCertSign,cRLSign; }\n"
	"leaf() { name=$1 issuer=$2 subject=$3 ext=$4 days=$5\n"
	" openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $name.key -out "
	"r.csr "
	"-subj \"$subject\"\n"
	" printf \"$ext\\n\" > r.ext; openssl x509 -req -in r.csr -CA $issuer.pem -CAkey "
	"$issuer.key "
	"-CAcreateserial -days $days -extfile r.ext -out $name.pem; }\n"
	"ca ca; ca stranger\n"
	"both=extendedKeyUsage=serverAuth,clientAuth\n"
	"leaf ne ca /CN=ne/UID=ne-01 "
	"\"subjectAltName=DNS:ne.example,IP:192.0.2.1,IP:2001:db8::1\\n$both\" 4\n"
	"leaf admf ca /CN=x/UID=admf-01 \"$both\" 4\n"
	"leaf two ca /CN=x/UID=other/UID=admf-01 "
	"\"subjectAltName=DNS:ne.example\\n$both\" 4\n"
	"leaf twice ca /CN=x/UID=admf-01/UID=admf-01 \"$both\" 4\n"
	"leaf san ca /CN=admf-01 "
	"\"subjectAltName=URI:urn:etsi:li:103221-1:cert-binding:ADMF:admf-02,URI:urn:x:admf-03,"
	"URI:urn:etsi:li:103221-1:cert-binding:NE:ne-09\\n$both\" 4\n"
	"leaf serveronly ca /CN=s/UID=admf-01 extendedKeyUsage=serverAuth 4\n"
	"leaf clientonly ca /CN=c \"subjectAltName=DNS:ne.example\\nextendedKeyUsage=clientAuth\" "
	"4\n"
	"leaf foreign stranger /CN=f/UID=admf-01 \"$both\" 4\n"
	"leaf expired ca /CN=e/UID=admf-01 \"$both\" 4\n"
	"printf '[ca]\\ndefault_ca=d\\n[d]\\ndatabase=index.txt\\ndefault_md=sha256\\n"
	"default_crl_days=5\\ncrlnumber=n\\npolicy=p\\nnew_certs_dir=.\\nrand_serial=yes\\n"
	"[p]\\ncommonName=supplied\\nUID=supplied\\n' > ca.cnf; : > index.txt; echo 01 > n\n"
	// x509 of OpenSSL 3.5 refuses an end before the start, and 3.0's cannot set the start.
	"openssl ca -batch -notext -config ca.cnf -cert ca.pem -keyfile ca.key -in r.csr "
	"-extfile r.ext -startdate $(date -u -d -3days +%Y%m%d%H%M%SZ) "
	"-enddate $(date -u -d -1day +%Y%m%d%H%M%SZ) -out expired.pem\n"
	"openssl ca -config ca.cnf -cert ca.pem -keyfile ca.key -revoke admf.pem\n"
	"openssl ca -config ca.cnf -cert ca.pem -keyfile ca.key -gencrl -out crl.pem\n"
	"openssl ec -in ne.key -aes128 -passout pass:x -out locked.key\n";

static void make_pki(void)
{
	char path[64], command[128];

	cr_assert_not_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/make", folder);
	FILE *out = fopen(path, "w");
	fputs(script, out);
	fclose(out);
	snprintf(command, sizeof(command), "bash %s %s >%s/log 2>&1", path, folder, folder);
	cr_assert_eq(system(command), 0, "see %s/log", folder);
}

static void remove_pki(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", folder);
	cr_assert_eq(system(command), 0);
}

static const char *in_folder(const char *name, char out[96])
{
	snprintf(out, 96, "%s/%s", folder, name);
	return out;
}

static SSL_CTX *context(bool server, const char *name, const char *key, const char *crl)
{
	char c[96], k[96], a[96], l[96], file[64];

	snprintf(file, sizeof(file), "%s.pem", name);
	struct tls_files files = {.certificate = in_folder(file, c),
		.key = in_folder(key, k),
		.ca = in_folder("ca.pem", a),
		.crl = crl ? in_folder(crl, l) : NULL};
	return server ? tls_server_context(&files, why, sizeof(why))
		      : tls_client_context(&files, why, sizeof(why));
}

struct pair {
	SSL_CTX *server_context, *client_context;
	SSL *server, *client;
};

static struct pair make_pair(const char *server, const char *client, const char *crl)
{
	struct pair p;
	char key[64];
	BIO *a, *b;

	snprintf(key, sizeof(key), "%s.key", server);
	p.server_context = context(true, server, key, crl);
	cr_assert_not_null(p.server_context, "%s", why);
	snprintf(key, sizeof(key), "%s.key", client);
	p.client_context = context(false, client, key, NULL);
	cr_assert_not_null(p.client_context, "%s", why);
	p.server = SSL_new(p.server_context);
	p.client = SSL_new(p.client_context);
	cr_assert_eq(BIO_new_bio_pair(&a, 0, &b, 0), 1);
	SSL_set_bio(p.server, a, a);
	SSL_set_bio(p.client, b, b);
	SSL_set_accept_state(p.server);
	SSL_set_connect_state(p.client);
	return p;
}

static void free_pair(struct pair *p)
{
	SSL_free(p->server);
	SSL_free(p->client);
	SSL_CTX_free(p->server_context);
	SSL_CTX_free(p->client_context);
}

// True when both sides finish; the client reads once more, since a TLS 1.3 server refuses after it.
static bool handshake(struct pair *p)
{
	char octet = 'x';

	for (int i = 0; i < 20; i++) {
		SSL_do_handshake(p->client);
		SSL_do_handshake(p->server);
	}
	if (!SSL_is_init_finished(p->client) || !SSL_is_init_finished(p->server))
		return false;
	return SSL_write(p->server, &octet, 1) == 1 && SSL_read(p->client, &octet, 1) == 1;
}

static bool connects(const char *server, const char *client, const char *crl, const char *host)
{
	struct pair p = make_pair(server, client, crl);

	if (host)
		cr_assert_eq(tls_expect_peer(p.client, NULL, host), POI_OK);
	bool yes = handshake(&p);
	free_pair(&p);
	return yes;
}

struct seen {
	char ids[8][64];
	int n;
	const char *stop_at;
};

static bool collect(void *into, const char *id)
{
	struct seen *s = into;

	snprintf(s->ids[s->n++ % 8], 64, "%s", id);
	return s->stop_at && !strcmp(s->stop_at, id);
}

TestSuite(tls, .init = make_pki, .fini = remove_pki, .timeout = 60);

Test(tls, mutual_certificates_and_purposes)
{
	cr_expect(connects("ne", "admf", NULL, NULL));
	cr_expect_not(connects("ne", "foreign", NULL, NULL), "issuer not trusted");
	cr_expect_not(connects("ne", "serveronly", NULL, NULL), "a client needs clientAuth");
	cr_expect_not(connects("clientonly", "admf", NULL, NULL), "a server needs serverAuth");
	cr_expect_not(connects("ne", "expired", NULL, NULL), "expired");
	cr_expect_not(connects("ne", "admf", "crl.pem", NULL), "revoked");
	cr_expect(connects("ne", "san", "crl.pem", NULL), "not revoked");
}

Test(tls, a_client_without_certificate_is_refused)
{
	struct pair p = make_pair("ne", "admf", NULL);
	SSL_CTX *bare = SSL_CTX_new(TLS_client_method());
	BIO *a, *b;

	SSL_free(p.client);
	SSL_free(p.server);
	p.client = SSL_new(bare);
	p.server = SSL_new(p.server_context);
	cr_assert_eq(BIO_new_bio_pair(&a, 0, &b, 0), 1);
	SSL_set_bio(p.server, a, a);
	SSL_set_bio(p.client, b, b);
	SSL_set_accept_state(p.server);
	SSL_set_connect_state(p.client);
	cr_assert_not(handshake(&p));
	free_pair(&p);
	SSL_CTX_free(bare);
}

Test(tls, the_server_must_be_who_was_meant)
{
	static const struct ip_address v4 = {4, {192, 0, 2, 1}}, other = {4, {192, 0, 2, 2}};
	struct pair p;

	cr_expect(connects("ne", "admf", NULL, "ne.example"));
	cr_expect(connects("ne", "admf", NULL, "2001:db8::1"), "a literal address as host");
	cr_expect_not(connects("ne", "admf", NULL, "mdf.example"));
	cr_expect_not(connects("ne", "admf", NULL, "192.0.2.9"));
	cr_expect_not(connects("ne", "admf", NULL, "ne"), "the common name is no identity");
	p = make_pair("ne", "admf", NULL);
	cr_assert_eq(tls_expect_peer(p.client, &v4, NULL), POI_OK);
	cr_expect(handshake(&p));
	free_pair(&p);
	p = make_pair("ne", "admf", NULL);
	cr_assert_eq(tls_expect_peer(p.client, &other, NULL), POI_OK);
	cr_expect_not(handshake(&p));
	cr_expect_eq(tls_expect_peer(p.client, NULL, NULL), POI_ERR_INVALID);
	cr_expect_eq(tls_expect_peer(p.client, &v4, "both"), POI_ERR_INVALID);
	free_pair(&p);
}

Test(tls, a_certificate_is_of_one_function)
{
	struct pair p = make_pair("ne", "two", NULL);
	struct seen s = {0};

	cr_assert_not(handshake(&p), "a server refuses it");
	cr_assert_str_eq(tls_verify_text(p.server), "two different UIDs in its subject");
	cr_assert_not(tls_peer_identifier(p.server, TLS_BINDING_ADMF, collect, &s));
	free_pair(&p);
	p = make_pair("ne", "twice", NULL);
	cr_expect(handshake(&p));
	cr_expect_null(tls_verify_text(p.server));
	free_pair(&p);
	p = make_pair("two", "admf", NULL);
	cr_expect(handshake(&p), "a client where nothing else was asked for");
	free_pair(&p);
	p = make_pair("two", "admf", NULL);
	tls_require_one_uid(p.client_context);
	SSL_set_verify(p.client, SSL_CTX_get_verify_mode(p.client_context),
		SSL_CTX_get_verify_callback(p.client_context));
	cr_expect_not(handshake(&p));
	free_pair(&p);
}

Test(tls, identifiers_of_the_peer)
{
	struct pair p = make_pair("ne", "admf", NULL);
	struct seen s = {0};
	char uid[64];

	cr_assert_not(tls_peer_identifier(p.server, TLS_BINDING_ADMF, collect, &s),
		"nobody before the handshake");
	cr_assert(handshake(&p));
	cr_assert_not(tls_peer_identifier(p.server, TLS_BINDING_ADMF, collect, &s));
	cr_assert_eq(s.n, 1);
	cr_assert_str_eq(s.ids[0], "admf-01");
	s = (struct seen){.stop_at = "admf-01"};
	cr_assert(tls_peer_identifier(p.server, TLS_BINDING_ADMF, collect, &s));
	cr_assert_eq(s.n, 1);
	tls_peer_uid(p.server, uid, sizeof(uid));
	cr_assert_str_eq(uid, "admf-01");
	tls_peer_uid(p.client, uid, sizeof(uid));
	cr_assert_str_eq(uid, "ne-01");
	free_pair(&p);

	p = make_pair("ne", "san", NULL);
	s = (struct seen){0};
	cr_assert(handshake(&p));
	cr_assert_not(tls_peer_identifier(p.server, TLS_BINDING_ADMF, collect, &s));
	cr_assert_eq(s.n, 1, "neither the common name nor a foreign URI");
	cr_assert_str_eq(s.ids[0], "admf-02");
	cr_assert(tls_peer_uid(p.server, uid, sizeof(uid)));
	cr_assert_str_eq(uid, "admf-02");
	s = (struct seen){0};
	cr_assert_not(tls_peer_identifier(p.server, TLS_BINDING_NE, collect, &s));
	cr_assert_eq(s.n, 1);
	cr_assert_str_eq(s.ids[0], "ne-09", "a network element is no ADMF");
	free_pair(&p);
}

static bool with_client(int max_version, const char *suites)
{
	struct pair p = make_pair("ne", "admf", NULL);

	SSL_set_security_level(p.client, 0);
	SSL_set_min_proto_version(p.client, TLS1_VERSION);
	SSL_set_max_proto_version(p.client, max_version);
	if (suites)
		cr_assert_eq(SSL_set_cipher_list(p.client, suites), 1);
	bool yes = handshake(&p);
	free_pair(&p);
	return yes;
}

Test(tls, versions_and_suites)
{
	cr_expect(with_client(TLS1_3_VERSION, NULL));
	cr_expect(with_client(TLS1_2_VERSION, NULL));
	cr_expect_not(with_client(TLS1_1_VERSION, "ALL:@SECLEVEL=0"));
	cr_expect_not(with_client(TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA256"), "CBC");
	cr_expect(with_client(TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256"));
}

Test(tls, no_resumption)
{
	struct pair p = make_pair("ne", "admf", NULL);

	cr_assert(handshake(&p));
	SSL_SESSION *session = SSL_get1_session(p.client);
	cr_assert_not(SSL_SESSION_is_resumable(session));
	SSL_SESSION_free(session);
	free_pair(&p);
}

Test(tls, alpn)
{
	static const uint8_t own[] = {2, 'h', '2', 8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
	static const uint8_t both[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1', 2, 'h', '2'};
	static const uint8_t foreign[] = {3, 'f', 't', 'p'};
	const unsigned char *chosen;
	unsigned length;
	struct pair p = make_pair("ne", "admf", NULL);

	tls_server_alpn(p.server_context, own, sizeof(own));
	cr_assert_eq(SSL_set_alpn_protos(p.client, both, sizeof(both)), 0);
	cr_assert(handshake(&p));
	SSL_get0_alpn_selected(p.client, &chosen, &length);
	cr_assert_eq(length, 2);
	cr_assert_arr_eq(chosen, "h2", 2);
	free_pair(&p);
	p = make_pair("ne", "admf", NULL);
	tls_server_alpn(p.server_context, own, sizeof(own));
	cr_assert_eq(SSL_set_alpn_protos(p.client, foreign, sizeof(foreign)), 0);
	cr_assert_not(handshake(&p));
	free_pair(&p);
}

Test(tls, files_are_checked)
{
	char path[96];

	cr_assert_eq(chmod(in_folder("ne.key", path), 0640), 0);
	cr_expect_null(context(true, "ne", "ne.key", NULL));
	cr_expect_not_null(
		strstr(why, "others may read the key (mode 0640); run chmod 600"), "%s", why);
	cr_assert_eq(chmod(path, 0600), 0);
	cr_expect_null(context(true, "ne", "none.key", NULL));
	cr_expect_not_null(strstr(why, "No such file"), "%s", why);
	cr_expect_null(context(true, "ne", "admf.key", NULL));
	cr_expect_not_null(strstr(why, "the key that belongs to the certificate"), "%s", why);
	cr_expect_null(
		context(true, "ne", "locked.key", NULL), "and does not ask for a passphrase");
	cr_expect_not_null(strstr(why, "without a passphrase"), "%s", why);
	cr_expect_null(context(false, "none", "ne.key", NULL));
	cr_expect_null(context(false, "ne", "ne.key", "ca.pem"), "no CRL inside");
	cr_expect_not_null(strstr(why, "revocation lists"), "%s", why);
}

Test(tls, days_left)
{
	char path[96];

	int days = tls_certificate_days_left(in_folder("ne.pem", path));
	cr_expect(days == 3 || days == 4, "%d: made for 4 days a moment ago", days);
	days = tls_certificate_days_left(in_folder("expired.pem", path));
	cr_expect(days == -1 || days == -2, "%d: ended a day ago", days);
	cr_expect_eq(tls_certificate_days_left(in_folder("ne.key", path)), INT_MIN);
	cr_expect_eq(tls_certificate_days_left("/nowhere"), INT_MIN);
}
