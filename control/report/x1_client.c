// Posts X1 requests to one ADMF over HTTPS, from the event loop.
#include "control/report/x1_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>
#include <curl/curl.h>
#include <openssl/ssl.h>

#include "shared/tls.h"

#define CONNECTION_LIFE 60L // seconds: a rotated certificate is in use after that

struct socket_watch {
	LIST_ENTRY(socket_watch) entry;
	struct event *event;
};

struct exchange {
	LIST_ENTRY(exchange) entry;
	struct x1_client *client;
	CURL *easy;
	void *request;
	char *body;
	size_t length, capacity;
	bool denied, sent, too_large;
	char error[CURL_ERROR_SIZE];
};

struct x1_client {
	struct event_base *base;
	const struct config_ne *ne;
	x1_client_done done;
	void *context;
	CURLM *multi;
	struct event *timer;
	struct curl_slist *headers;
	LIST_HEAD(, exchange) exchanges;
	LIST_HEAD(, socket_watch) watches;
};

static void exchange_free(struct exchange *x)
{
	LIST_REMOVE(x, entry);
	if (x->easy != NULL) {
		curl_multi_remove_handle(x->client->multi, x->easy);
		curl_easy_cleanup(x->easy);
	}
	free(x->body);
	free(x);
}

static void exchange_end(struct exchange *x, CURLcode code)
{
	struct x1_client_result result = {
		.outcome = X1_CLIENT_ANSWERED, .body = x->body, .length = x->length, .why = ""};

	if (x->denied) {
		result.outcome = X1_CLIENT_DENIED;
		result.why = "its certificate does not carry the configured admf-identifier";
	} else if (code == CURLE_OK) {
		curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &result.status);
	} else {
		result.outcome =
			code == CURLE_OPERATION_TIMEDOUT ? X1_CLIENT_TIMEOUT : X1_CLIENT_UNREACHED;
		result.why = x->too_large	   ? "its answer is too large"
			     : x->error[0] != '\0' ? x->error
						   : curl_easy_strerror(code);
	}
	result.sent = x->sent;
	x->client->done(x->client->context, x->request, &result);
	exchange_free(x);
}

static void collect(struct x1_client *c)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(c->multi, &left)) != NULL) {
		struct exchange *x = NULL;

		if (message->msg != CURLMSG_DONE) {
			continue;
		}
		// the message is gone once its handle is removed
		CURLcode code = message->data.result;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &x);
		exchange_end(x, code);
	}
}

static void on_socket(evutil_socket_t fd, short what, void *context)
{
	struct x1_client *c = context;
	int mask =
		(what & EV_READ ? CURL_CSELECT_IN : 0) | (what & EV_WRITE ? CURL_CSELECT_OUT : 0);
	int running;

	curl_multi_socket_action(c->multi, fd, mask, &running);
	collect(c);
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
	struct x1_client *c = context;
	int running;

	curl_multi_socket_action(c->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	collect(c);
}

static int set_timer(CURLM *multi, long milliseconds, void *context)
{
	struct x1_client *c = context;
	struct timeval delay = {
		.tv_sec = milliseconds / 1000, .tv_usec = milliseconds % 1000 * 1000};

	if (milliseconds < 0) {
		return event_del(c->timer);
	}
	return event_add(c->timer, &delay);
}

static void unwatch(struct socket_watch *w)
{
	LIST_REMOVE(w, entry);
	if (w->event != NULL) {
		event_free(w->event);
	}
	free(w);
}

static int watch(CURL *easy, curl_socket_t fd, int what, void *context, void *socket_context)
{
	struct x1_client *c = context;
	struct socket_watch *w = socket_context;
	short events = EV_PERSIST;

	if (what == CURL_POLL_REMOVE) {
		if (w != NULL) {
			curl_multi_assign(c->multi, fd, NULL);
			unwatch(w);
		}
		return 0;
	}
	if (w == NULL) {
		w = calloc(1, sizeof(*w));
		if (w == NULL) {
			return -1;
		}
		LIST_INSERT_HEAD(&c->watches, w, entry);
		curl_multi_assign(c->multi, fd, w);
	} else if (w->event != NULL) {
		event_free(w->event);
	}
	events |= what & CURL_POLL_IN ? EV_READ : 0;
	events |= what & CURL_POLL_OUT ? EV_WRITE : 0;
	w->event = event_new(c->base, fd, events, on_socket, c);
	return w->event != NULL && event_add(w->event, NULL) == 0 ? 0 : -1;
}

static size_t take_body(char *data, size_t size, size_t count, void *context)
{
	struct exchange *x = context;
	size_t n = size * count;

	if (n > X1_CLIENT_ANSWER_MAX - x->length) {
		x->too_large = true;
		return 0;
	}
	if (x->length + n > x->capacity) {
		size_t capacity = (x->length + n) * 2;
		char *grown = realloc(x->body, capacity);
		if (grown == NULL) {
			return 0;
		}
		x->body = grown;
		x->capacity = capacity;
	}
	memcpy(x->body + x->length, data, n);
	x->length += n;
	return n;
}

static bool is_identifier(void *context, const char *id)
{
	return strcmp(context, id) == 0;
}

// Runs on each request after the handshake and before its first octet, on reused connections too.
static int check_peer(void *context, char *address, char *local, int port, int local_port)
{
	struct exchange *x = context;
	const struct curl_tlssessioninfo *tls = NULL;

	x->denied = true;
	if (curl_easy_getinfo(x->easy, CURLINFO_TLS_SSL_PTR, &tls) == CURLE_OK && tls != NULL &&
		tls->backend == CURLSSLBACKEND_OPENSSL && tls->internals != NULL) {
		x->denied = !tls_peer_identifier(tls->internals, TLS_BINDING_ADMF, is_identifier,
			x->client->ne->admf_identifier);
	}
	x->sent = x->sent || !x->denied;
	return x->denied ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

// libcurl makes its own context; what it has no option for is set here, as in shared/tls.
static CURLcode harden(CURL *easy, void *context, void *user)
{
	SSL_CTX *tls = context;

	SSL_CTX_set_security_level(tls, 2);
	SSL_CTX_set_options(
		tls, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET);
	tls_require_one_uid(tls);
	return SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION) == 1 ? CURLE_OK
								       : CURLE_SSL_CONNECT_ERROR;
}

static int set_tls(CURL *e, const struct config_tls *tls)
{
	int bad = 0;

	bad |= curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) != CURLE_OK;
	bad |= curl_easy_setopt(e, CURLOPT_SSL_CIPHER_LIST, "ECDHE+AESGCM:ECDHE+CHACHA20") !=
	       CURLE_OK;
	bad |= curl_easy_setopt(e, CURLOPT_SSLCERT, tls->certificate) != CURLE_OK;
	bad |= curl_easy_setopt(e, CURLOPT_SSLKEY, tls->key) != CURLE_OK;
	// without one OpenSSL would ask the terminal for an encrypted key's
	bad |= curl_easy_setopt(e, CURLOPT_KEYPASSWD, "") != CURLE_OK;
	bad |= curl_easy_setopt(e, CURLOPT_CAINFO, tls->ca) != CURLE_OK;
	bad |= curl_easy_setopt(e, CURLOPT_CAPATH, (char *)NULL) != CURLE_OK;
	bad |= curl_easy_setopt(e, CURLOPT_CA_CACHE_TIMEOUT, 0L) != CURLE_OK;
	if (tls->crl != NULL) {
		bad |= curl_easy_setopt(e, CURLOPT_CRLFILE, tls->crl) != CURLE_OK;
	}
	bad |= curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L) != CURLE_OK;
	bad |= curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L) != CURLE_OK;
	// a resumed session would show no certificate to check
	bad |= curl_easy_setopt(e, CURLOPT_SSL_SESSIONID_CACHE, 0L) != CURLE_OK;
	bad |= curl_easy_setopt(e, CURLOPT_SSL_CTX_FUNCTION, harden) != CURLE_OK;
	return bad ? POI_ERR_TLS : 0;
}

static int set_http(struct exchange *x, const char *body, size_t length)
{
	const struct x1_client *c = x->client;
	long time2 = (long)c->ne->x1.time2 * 1000;
	CURL *e = x->easy;
	int bad = 0;

	bad |= curl_easy_setopt(e, CURLOPT_URL, c->ne->admf_url) != CURLE_OK;
	bad |= curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "https") != CURLE_OK;
	bad |= curl_easy_setopt(e, CURLOPT_PROXY, "") != CURLE_OK;
	bad |= curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS) != CURLE_OK;
	bad |= curl_easy_setopt(e, CURLOPT_HTTPHEADER, c->headers) != CURLE_OK;
	bad |= curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)length) != CURLE_OK;
	bad |= curl_easy_setopt(e, CURLOPT_COPYPOSTFIELDS, body) != CURLE_OK;
	bad |= curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, time2) != CURLE_OK;
	bad |= curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, time2) != CURLE_OK;
	bad |= curl_easy_setopt(e, CURLOPT_MAXAGE_CONN, CONNECTION_LIFE) != CURLE_OK;
	bad |= curl_easy_setopt(e, CURLOPT_MAXLIFETIME_CONN, CONNECTION_LIFE) != CURLE_OK;
	bad |= curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) != CURLE_OK;
	bad |= curl_easy_setopt(e, CURLOPT_PRIVATE, x) != CURLE_OK;
	bad |= curl_easy_setopt(e, CURLOPT_ERRORBUFFER, x->error) != CURLE_OK;
	bad |= curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, take_body) != CURLE_OK;
	bad |= curl_easy_setopt(e, CURLOPT_WRITEDATA, x) != CURLE_OK;
	bad |= curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, check_peer) != CURLE_OK;
	bad |= curl_easy_setopt(e, CURLOPT_PREREQDATA, x) != CURLE_OK;
	return bad ? POI_ERR_IO : 0;
}

int x1_client_post(struct x1_client *c, const char *body, size_t length, void *request)
{
	struct exchange *x = calloc(1, sizeof(*x));
	int error = POI_ERR_NOMEM;

	if (x == NULL) {
		return error;
	}
	x->client = c;
	x->request = request;
	LIST_INSERT_HEAD(&c->exchanges, x, entry);
	x->easy = curl_easy_init();
	if (x->easy == NULL) {
		goto fail;
	}
	error = set_http(x, body, length);
	if (error == 0) {
		error = set_tls(x->easy, &c->ne->tls);
	}
	if (error != 0) {
		goto fail;
	}
	if (curl_multi_add_handle(c->multi, x->easy) != CURLM_OK) {
		error = POI_ERR_IO;
		goto fail;
	}
	return 0;
fail:
	exchange_free(x);
	return error;
}

static bool files_usable(const struct config_tls *tls, char *why, size_t why_size)
{
	struct tls_files files = {
		.certificate = tls->certificate, .key = tls->key, .ca = tls->ca, .crl = tls->crl};
	SSL_CTX *context = tls_client_context(&files, why, why_size);
	bool usable = context != NULL;

	SSL_CTX_free(context);
	return usable;
}

struct x1_client *x1_client_new(struct event_base *base, const struct config_ne *ne,
	x1_client_done done, void *context, char *why, size_t why_size)
{
	struct x1_client *c;

	if (ne->admf_url == NULL || strncasecmp(ne->admf_url, "https://", 8) != 0) {
		snprintf(why, why_size, "admf-url of %s: must begin with https://",
			ne->ne_identifier);
		return NULL;
	}
	if (!files_usable(&ne->tls, why, why_size)) {
		return NULL;
	}
	const char *tls = curl_version_info(CURLVERSION_NOW)->ssl_version;
	if (!x1_client_tls_usable(tls)) {
		snprintf(why, why_size,
			"libcurl uses %s, and OpenSSL is needed: install the libcurl4 that is "
			"built "
			"with it",
			tls != NULL ? tls : "no TLS library");
		return NULL;
	}
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		snprintf(why, why_size, "libcurl cannot be started");
		return NULL;
	}
	c = calloc(1, sizeof(*c));
	if (c == NULL) {
		curl_global_cleanup();
		goto fail;
	}
	*c = (struct x1_client){.base = base, .ne = ne, .done = done, .context = context};
	c->timer = evtimer_new(base, on_timer, c);
	c->multi = curl_multi_init();
	c->headers = curl_slist_append(NULL, "Content-Type: application/xml");
	// an empty value takes a header away: no waiting for "100 Continue"
	if (c->headers == NULL || curl_slist_append(c->headers, "Expect:") == NULL ||
		c->timer == NULL || c->multi == NULL) {
		goto fail;
	}
	curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, watch);
	curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
	curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
	return c;
fail:
	snprintf(why, why_size, "out of memory");
	x1_client_free(c);
	return NULL;
}

void x1_client_free(struct x1_client *c)
{
	if (c == NULL) {
		return;
	}
	// NOLINTBEGIN(clang-analyzer-unix.Malloc): each takes itself off its list
	while (!LIST_EMPTY(&c->exchanges)) {
		exchange_free(LIST_FIRST(&c->exchanges));
	}
	if (c->multi != NULL) {
		// connections that close call back; the watches are still whole then
		curl_multi_cleanup(c->multi);
	}
	while (!LIST_EMPTY(&c->watches)) {
		unwatch(LIST_FIRST(&c->watches));
	}
	// NOLINTEND(clang-analyzer-unix.Malloc)
	if (c->timer != NULL) {
		event_free(c->timer);
	}
	curl_slist_free_all(c->headers);
	curl_global_cleanup();
	free(c);
}

bool x1_client_tls_usable(const char *ssl_version)
{
	return ssl_version != NULL && strncmp(ssl_version, "OpenSSL/", 8) == 0;
}

const char *x1_client_library(void)
{
	return curl_version_info(CURLVERSION_NOW)->version;
}
