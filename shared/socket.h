#pragma once

// Opens listening and connecting sockets. Every one is closed on exec; one that listens on an IPv6
// address takes IPv6 only. Failures return -1 with errno set, since callers show or judge its value.

#include <stdint.h>

#include "shared/filter.h"

enum socket_flag {
	SOCKET_NONBLOCKING = 1,
	SOCKET_REUSE = 2,   // an address that closed connections still hold may be listened on
	SOCKET_NODELAY = 4, // what is written leaves at once
};

// Opens a TCP socket and binds it. `backlog` 0: does not listen (a trial).
[[nodiscard]] int socket_listen(
	const struct ip_address *at, uint16_t port, unsigned flags, int backlog);
// Opens a TCP socket for an address of that family. The caller may set options of its own before
// socket_connect, which returns 0 also while the connection is still being made.
[[nodiscard]] int socket_open(const struct ip_address *to, unsigned flags);
[[nodiscard]] int socket_connect(int fd, const struct ip_address *to, uint16_t port);

// The same for a path: SOCK_STREAM or SOCK_SEQPACKET, never blocking. The file has mode 0600 from
// its first moment. ENAMETOOLONG or EINVAL for a path that no socket can have.
[[nodiscard]] int socket_listen_path(const char *path, int type, int backlog);
[[nodiscard]] int socket_connect_path(const char *path, int type);
