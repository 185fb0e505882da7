#pragma once

// One TLS connection to one mediation function: non-blocking connect, mutual TLS, the MDF's
// identity verified before the first octet, records straight from the caller's memory, and what TCP
// has acknowledged of them. The only place of the dataplane (beside spool) that knows OpenSSL.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/config.h"
#include "shared/filter.h"

struct mdf_tls; // our certificate and the trusted issuers; reference-counted by its connections

// Uses tls, cipher_suites (NULL: the default) and key_records (0: the default) of `d`. NULL on
// failure, and `why` says what to change.
struct mdf_tls *mdf_tls_new(const struct config_delivery *d, char *why, size_t why_size);
void mdf_tls_free(struct mdf_tls *t);

struct mdf_peer {
	struct ip_address address; // where to connect
	uint16_t port;
	const char *host; // the name the certificate must carry; NULL: it must carry the address
	const char *identity;	// pinned instead: a SAN or UID; NULL when not
	uint32_t probe_timeout; // s in which TCP's probes and repeats must be answered
	bool kernel_tls;	// the kernel is asked to make the records
};

// The maker of the TLS records of a connection that stands.
enum mdf_records {
	MDF_RECORDS_OURS,    // this program: several leave in one send
	MDF_RECORDS_KERNEL,  // the kernel, one for each send
	MDF_RECORDS_REFUSED, // ours: the kernel was asked and did not take the keys
};

// Decides it by whether the kernel was asked and by what OpenSSL says of the socket afterwards.
enum mdf_records mdf_records_of(bool asked, bool kernel_sends);

struct mdf;

// Starts to connect; never blocks. NULL with `reason` set on failure.
struct mdf *mdf_connect(
	struct mdf_tls *t, const struct mdf_peer *peer, char *reason, size_t reason_size);
// Says goodbye (close_notify) when the connection is healthy, and closes. NULL allowed.
void mdf_close(struct mdf *m);
// Closes at once: octets not yet acknowledged are not sent (again). NULL allowed.
void mdf_abort(struct mdf *m);

int mdf_fd(const struct mdf *m);
// Known once mdf_progress has returned 0.
enum mdf_records mdf_records(const struct mdf *m);
// Goes on with connect and handshake. 0 once data may be sent, AGAIN (wait for the descriptor, or
// call again within 100 ms), else the connection is lost. `now_ns`: monotonic time.
[[nodiscard]] int mdf_progress(struct mdf *m, uint64_t now_ns);
// Makes one TLS record of octets (at most 16384), which leaves with the next ones or by mdf_flush.
// Returns how many were taken, AGAIN (the same octets, at the same place, must be offered again when
// the descriptor is writable), else the connection is lost.
[[nodiscard]] int64_t mdf_write(struct mdf *m, const void *octets, size_t length);
// Hands TCP the records that it does not have yet. 0, AGAIN (call again when the descriptor is
// writable), else the connection is lost.
[[nodiscard]] int mdf_flush(struct mdf *m);
// The kernel takes little more than what TCP can send, from now on.
void mdf_limit_queue(struct mdf *m);
// The keys have been used as long as they may be, and cannot be renewed: TLS 1.2 has no way to, and a
// kernel that makes the records keeps those that it was given.
bool mdf_is_worn(const struct mdf *m);
// Octets received (> 0), AGAIN, CLOSED (orderly end), else the connection is lost.
[[nodiscard]] int64_t mdf_read(struct mdf *m, void *out, size_t capacity);

// mdf_written returns the bytes of the TLS stream, including those that wait for mdf_flush;
// mdf_acknowledged returns those that TCP has acknowledged. If the kernel makes the records, their
// length is unknown here: both then count bytes handed to the kernel, and the second is the first
// minus what TCP holds, which is no proof of delivery.
uint64_t mdf_written(const struct mdf *m);
uint64_t mdf_acknowledged(struct mdf *m);
// Compares what TCP asked with what the peer answered; to be called several times a second. A peer
// that acknowledges anything, or says that its window is closed, is alive. 0, else the connection
// is lost: nothing was answered for the peer's probe_timeout.
[[nodiscard]] int mdf_check(struct mdf *m, uint64_t now_ns);
// Since when octets wait and TCP has acknowledged none, by the last mdf_check; its time: none wait.
uint64_t mdf_stalled_since(const struct mdf *m);
// By the last mdf_check: something that TCP asked has no answer yet.
bool mdf_is_unanswered(const struct mdf *m);
// Looks after a connection on which nothing is sent, as mdf_check does, and leaves what came for mdf_read.
// 0 while it stands.
[[nodiscard]] int mdf_stand_by(struct mdf *m, uint64_t now_ns);
// Why the connection was lost; never target data.
const char *mdf_reason(const struct mdf *m);
