#pragma once

// Judges a datagram that was put together of fragments: whether all of it is of one datagram.

#include <stdbool.h>
#include <stdint.h>

#define REASSEMBLY_L3 14u // bytes before the IP header: Ethernet without tags

// Makes the copied IP header that of a whole datagram with `content` bytes behind the header. `next`:
// IPv6, the header that the fragment header named; with nothing between the two headers.
void reassembly_finish_header(uint8_t *ip, uint32_t content, uint8_t next);

// Returns whether the frame's UDP datagram agrees with itself. `gtpu`: port 2152 carries GTP-U.
// `routed`: there was a routing header, so that the pseudo-header is not known.
//   - the UDP length is that of the IP payload (RFC 768)
//   - a UDP checksum that is not 0 is right
//   - the GTP-U length is that of the UDP payload (TS 29.281 clause 5.1); it may count the 8 bytes of
//     its own header, as some UPFs have it
//   - where the UDP checksum is 0, a TCP or UDP checksum of the inner packet that is not 0 is right
bool reassembly_agrees(const uint8_t *frame, uint32_t length, bool gtpu, bool routed);
