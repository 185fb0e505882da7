#pragma once

// An MDF in a thread, for tests and benchmarks of delivery: its own PKI made at run time, a TLS
// server on 127.0.0.1 that keeps what it reads, and switches for everything an MDF can do wrong.

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

struct lab_pki {
	char folder[64];
	char certificate[96], key[96], ca[96]; // of the POI
	EVP_PKEY *ca_key;
	X509 *ca_certificate;
};

void lab_pki_make(struct lab_pki *p);
void lab_pki_free(struct lab_pki *p); // removes its files

#define LAB_APART 32

struct lab_kept {
	uint8_t *octets;
	size_t n, capacity;
};

struct lab_mdf {
	SSL_CTX *context;
	int listener;
	uint16_t port;
	pthread_t thread;
	_Atomic bool stop;
	// Switches, to be set before a connection or while it runs.
	_Atomic bool acknowledge;     // keepalives
	_Atomic uint32_t ack_offset;   // added to the number that is acknowledged
	_Atomic uint32_t ack_every;    // one keepalive of so many only; 0, 1: each
	_Atomic uint32_t ack_again;    // acknowledgements more of each
	_Atomic uint32_t ack_delay_ms; // before each; nothing is read meanwhile
	_Atomic bool stalled;	      // do not read
	_Atomic bool deaf;	      // and its TCP answers nothing, from the next look on
	_Atomic uint32_t pause_us;    // for each 16 KiB, so that the rate does not hang on the records' sizes
	_Atomic bool discard;	      // read, keep nothing
	_Atomic uint64_t cut_after;   // octets of a connection after which it is reset; 0: never
	_Atomic uint64_t stall_after; // octets after which it stalls, once; 0: never
	_Atomic bool talk_garbage;
	// Serve connections side by side, and keep each apart; before the first.
	_Atomic bool parallel;
	_Atomic bool refuse; // close new connections before their handshake
	_Atomic uint32_t cut_one; // with `parallel`: ends the connection of this number, less one
	_Atomic uint32_t talk_keepalives; // as many at once, a TLS record each, from 1000 on
	// Events so far.
	_Atomic uint32_t acks;	       // acknowledgements of its own keepalives, in order
	_Atomic uint32_t key_updates;  // that it received
	_Atomic uint16_t cipher;       // of the last handshake, as on the wire
	_Atomic uint32_t connections; // handshakes completed
	_Atomic uint64_t octets;      // application octets, all connections
	_Atomic uint64_t unread;      // that its TCP had taken when it reset a connection, in all
	pthread_mutex_t lock;
	uint8_t *kept; // whole connections back to back
	size_t n_kept, capacity;
	size_t start[64]; // where each connection begins in `kept`
	uint64_t first_at[64]; // when its first octets came, of the monotonic clock; 0: not yet
	struct lab_kept apart[LAB_APART]; // with `parallel`, under the lock
	pthread_t server[LAB_APART * 4];
	uint32_t n_servers;
};

// `san`: subjectAltName of the server's certificate ("IP:127.0.0.1"); `uid`: Subject UID or NULL.
// `port` 0: any free one.
void lab_mdf_start(
	struct lab_mdf *m, struct lab_pki *p, const char *san, const char *uid, uint16_t port);
void lab_mdf_stop(struct lab_mdf *m);
void lab_mdf_window(struct lab_mdf *m, int octets);  // of connections to come
uint8_t lab_mdf_octet(struct lab_mdf *m, size_t at); // of what was kept, while it runs
