#pragma once

// An MDF that only takes: a TLS server in processes of its own, one a port, that reads as fast as
// it can, and says how much came and how old each PDU was when its last octet had been read (by the
// PDU's timestamp, which is its packet's receive time on this machine). For benchmarks.

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "tests/unit/dataplane/deliver/lab_mdf.h"

#define SINK_MICROSECONDS 1000000u // beyond: the last place

enum sink_port { SINK_STEADY, SINK_FLAPPING, SINK_PORTS };

struct sink_shared { // written by the sink's process
	_Atomic uint64_t octets[SINK_PORTS];
	_Atomic uint64_t accepted[SINK_PORTS]; // handshakes
	_Atomic uint32_t open[SINK_PORTS];
	_Atomic uint32_t ages[SINK_PORTS][SINK_MICROSECONDS + 1]; // PDUs by age in microseconds
	// Written by the benchmark.
	_Atomic bool ages_wanted; // set before a connection, as the next
	_Atomic bool answers;	  // acknowledges keepalives; always with `ages_wanted`
	_Atomic bool held;	  // reads nothing behind a handshake
	_Atomic bool raw;	  // reads without decrypting: `octets` are those of TCP
	_Atomic uint32_t
		flap_ms; // a flapping connection is cut so long after its handshake; 0: never
};

struct sink {
	pid_t process[SINK_PORTS];
	uint16_t port[SINK_PORTS];
	struct sink_shared *shared;
};

void sink_start(struct sink *s, struct lab_pki *p);
void sink_stop(struct sink *s);
void sink_forget(struct sink *s); // the ages so far
// The age in microseconds that `share` (0 to 1) of the PDUs did not exceed; UINT32_MAX without any.
uint32_t sink_age(const struct sink *s, enum sink_port port, double share);
uint64_t sink_aged(const struct sink *s, enum sink_port port); // PDUs
