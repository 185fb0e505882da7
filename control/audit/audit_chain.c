// The chain of MACs over the lines of an audit log: sealing, resuming, verifying.
#include "control/audit/audit_chain.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "shared/wire.h"

// A record is `{"epoch":E,"n":N,` ... `,"mac":"<64 hex>"}`: the writer puts the first two members
// first and the MAC last, so both ends are found without a JSON parser.
#define MAC_MEMBER ",\"mac\":\""
// Right behind "n" in the first record of a file that goes on where a rotated one ended.
#define PREVIOUS_MEMBER "\"previous\":\""
#define RATCHET_MAX 50000000u // records of one epoch that a file may begin behind

static void hmac(const uint8_t key[AUDIT_MAC_SIZE], const void *data, size_t length,
	uint8_t out[AUDIT_MAC_SIZE])
{
	unsigned n = AUDIT_MAC_SIZE;

	HMAC(EVP_sha256(), key, AUDIT_MAC_SIZE, data, length, out, &n);
}

static void epoch_key(
	const uint8_t root[AUDIT_MAC_SIZE], uint64_t epoch, uint8_t out[AUDIT_MAC_SIZE])
{
	uint8_t label[13] = "epoch";

	wire_store64(label + 5, epoch);
	hmac(root, label, sizeof(label), out);
}

static void mac_format(const uint8_t mac[AUDIT_MAC_SIZE], char out[AUDIT_MAC_TEXT])
{
	static const char digits[] = "0123456789abcdef";

	for (unsigned i = 0; i < AUDIT_MAC_SIZE; i++) {
		out[2 * i] = digits[mac[i] >> 4];
		out[2 * i + 1] = digits[mac[i] & 15];
	}
	out[2 * AUDIT_MAC_SIZE] = '\0';
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool mac_parse(const char *text, uint8_t out[AUDIT_MAC_SIZE])
{
	for (unsigned i = 0; i < AUDIT_MAC_SIZE; i++) {
		int high = hex_digit(text[2 * i]);
		int low = high < 0 ? -1 : hex_digit(text[2 * i + 1]);
		if (low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

struct record {
	uint64_t epoch, n;
	size_t body;	// octets before the MAC's member
	bool continues; // `previous` is set
	uint8_t previous[AUDIT_MAC_SIZE];
	uint8_t mac[AUDIT_MAC_SIZE];
};

// A member at the start of `text`, its name as written, its number and a comma: what follows, or
// NULL.
static const char *number_parse(const char *text, const char *name, uint64_t *out)
{
	size_t n = strlen(name);
	char *end;

	if (strncmp(text, name, n) || text[n] < '0' || text[n] > '9')
		return NULL;
	errno = 0;
	*out = strtoull(text + n, &end, 10);
	return !errno && *end == ',' ? end + 1 : NULL;
}

// `line` without its newline, zero-terminated.
static bool record_parse(const char *line, size_t length, struct record *r)
{
	const size_t tail = strlen(MAC_MEMBER) + 2 * AUDIT_MAC_SIZE + strlen("\"}");

	if (length <= tail || strlen(line) != length)
		return false;
	const char *behind = number_parse(line, "{\"epoch\":", &r->epoch);
	behind = behind ? number_parse(behind, "\"n\":", &r->n) : NULL;
	if (!behind)
		return false;
	r->continues = !strncmp(behind, PREVIOUS_MEMBER, strlen(PREVIOUS_MEMBER)) &&
		       mac_parse(behind + strlen(PREVIOUS_MEMBER), r->previous);
	r->body = length - tail;
	const char *member = line + r->body;
	return !strncmp(member, MAC_MEMBER, strlen(MAC_MEMBER)) &&
	       !strcmp(line + length - 2, "\"}") && mac_parse(member + strlen(MAC_MEMBER), r->mac);
}

int audit_chain_resume(
	struct audit_chain *c, const char *log_file, const uint8_t root[AUDIT_MAC_SIZE])
{
	char tail[2 * AUDIT_LINE_MAX + 1];
	struct record r;

	memset(c, 0, sizeof(*c));
	// A file of its own begins in an epoch of its own: no two files share a key.
	c->epoch = (uint64_t)time(NULL);
	FILE *f = fopen(log_file, "re");
	if (!f && errno != ENOENT)
		return POI_ERR_IO;
	if (f) {
		if (fseek(f, 0, SEEK_END))
			goto unreadable;
		long size = ftell(f);
		long from = size > 2 * AUDIT_LINE_MAX ? size - 2 * AUDIT_LINE_MAX : 0;
		if (size < 0 || fseek(f, from, SEEK_SET))
			goto unreadable;
		size_t got = fread(tail, 1, sizeof(tail) - 1, f);
		fclose(f);
		tail[got] = '\0';
		// The last whole line that is a record; what a crash left behind it is skipped.
		for (char *end = memrchr(tail, '\n', got); end;) {
			*end = '\0';
			char *before = memrchr(tail, '\n', (size_t)(end - tail));
			char *line = before ? before + 1 : tail;
			if (record_parse(line, strlen(line), &r)) {
				c->epoch = r.epoch + 1;
				c->n = r.n;
				memcpy(c->mac, r.mac, sizeof(c->mac));
				break;
			}
			end = before;
		}
	}
	epoch_key(root, c->epoch, c->key);
	return 0;
unreadable:
	fclose(f);
	return POI_ERR_IO;
}

static void seal(struct audit_chain *c, const char *line, size_t length)
{
	uint8_t input[AUDIT_MAC_SIZE + AUDIT_LINE_MAX];
	uint8_t next[AUDIT_MAC_SIZE];

	if (length > AUDIT_LINE_MAX)
		length = AUDIT_LINE_MAX;
	memcpy(input, c->mac, AUDIT_MAC_SIZE);
	memcpy(input + AUDIT_MAC_SIZE, line, length);
	hmac(c->key, input, AUDIT_MAC_SIZE + length, c->mac);
	hmac(c->key, "ratchet", 7, next);
	memcpy(c->key, next, sizeof(next));
	OPENSSL_cleanse(next, sizeof(next));
	c->n++;
}

void audit_chain_seal(
	struct audit_chain *c, const char *line, size_t length, char mac[AUDIT_MAC_TEXT])
{
	seal(c, line, length);
	mac_format(c->mac, mac);
}

void audit_chain_undo(struct audit_chain *c, const struct audit_chain *before)
{
	*c = *before;
}

void audit_chain_head(const struct audit_chain *c, char mac[AUDIT_MAC_TEXT])
{
	mac_format(c->mac, mac);
}

struct verification {
	struct audit_chain chain;
	const uint8_t *root;
	struct audit_verdict *verdict;
	FILE *findings;
	bool begun; // a record was seen
};

static void found(struct verification *v, uint64_t *count, const char *what)
{
	(*count)++;
	if (!v->verdict->first_bad && count == &v->verdict->bad)
		v->verdict->first_bad = v->verdict->lines;
	if (v->findings)
		fprintf(v->findings, "line %lu: %s\n", v->verdict->lines, what);
}

// Checks the link of a file that continues another one: its first record names the end of that one.
// The number of ratchet steps until then is found by trying.
static bool continue_at(struct verification *v, const struct record *r, const char *line)
{
	struct audit_chain *c = &v->chain;

	for (uint32_t i = 0; i < RATCHET_MAX && i < r->n; i++) {
		uint8_t key[AUDIT_MAC_SIZE];

		memcpy(key, c->key, sizeof(key));
		memcpy(c->mac, r->previous, sizeof(c->mac));
		seal(c, line, r->body);
		if (!CRYPTO_memcmp(c->mac, r->mac, sizeof(r->mac))) {
			c->n = r->n;
			mac_format(r->previous, v->verdict->previous);
			return true;
		}
		hmac(key, "ratchet", 7, c->key);
	}
	c->n = 0;
	memset(c->mac, 0, sizeof(c->mac));
	epoch_key(v->root, r->epoch, c->key);
	return false;
}

// Returns whether the record has been dealt with.
static bool verify_first(struct verification *v, const struct record *r, const char *line)
{
	v->begun = true;
	v->chain.epoch = r->epoch;
	epoch_key(v->root, r->epoch, v->chain.key);
	return r->n != 1 && r->continues && continue_at(v, r, line);
}

static void verify_line(struct verification *v, char *line, size_t length)
{
	struct audit_verdict *out = v->verdict;
	struct record r;

	out->lines++;
	if (!record_parse(line, length, &r)) {
		// Only a new epoch may follow a torn line: verify_line sees to that by the numbers.
		found(v, &out->torn,
			"not a whole record (a write was cut short, or the line was damaged)");
		return;
	}
	if (!v->begun && verify_first(v, &r, line))
		return;
	if (r.epoch != v->chain.epoch) {
		if (r.epoch != v->chain.epoch + 1)
			found(v, &out->bad, "epoch out of order: records are missing");
		v->chain.epoch = r.epoch;
		epoch_key(v->root, r.epoch, v->chain.key);
	}
	if (r.n != v->chain.n + 1) {
		found(v, &out->bad, "number out of order: records are missing or were added");
		// Catch up with the ratchet where that is possible, to judge what follows by
		// itself.
		for (uint64_t i = v->chain.n + 1; i < r.n && r.n - v->chain.n < 100000; i++)
			hmac(v->chain.key, "ratchet", 7, v->chain.key);
		memcpy(v->chain.mac, r.mac, sizeof(r.mac));
		hmac(v->chain.key, "ratchet", 7, v->chain.key);
		v->chain.n = r.n;
		return;
	}
	seal(&v->chain, line, r.body);
	if (CRYPTO_memcmp(v->chain.mac, r.mac, sizeof(r.mac)))
		found(v, &out->bad,
			"MAC does not fit: this record or the one before it was changed");
	memcpy(v->chain.mac, r.mac, sizeof(r.mac));
}

int audit_chain_verify(FILE *log, const uint8_t root[AUDIT_MAC_SIZE], const char *head,
	struct audit_verdict *out, FILE *findings)
{
	struct verification v = {.root = root, .verdict = out, .findings = findings};
	char *line = NULL;
	size_t capacity = 0;
	ssize_t n;

	memset(out, 0, sizeof(*out));
	while ((n = getline(&line, &capacity, log)) >= 0) {
		bool ended = n > 0 && line[n - 1] == '\n';
		if (ended)
			line[--n] = '\0';
		verify_line(&v, line, (size_t)n);
		mac_format(v.chain.mac, out->head);
		if (head && !strcmp(head, out->head))
			out->head_found = true;
	}
	free(line);
	OPENSSL_cleanse(&v.chain, sizeof(v.chain));
	return ferror(log) ? POI_ERR_IO : 0;
}
