// Opens sockets: TCP by address and port, Unix by path.
#include "shared/socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static socklen_t address_of(const struct ip_address *at, uint16_t port, union address *out)
{
	memset(out, 0, sizeof(*out));
	if (at->family == 6) {
		out->v6.sin6_family = AF_INET6;
		out->v6.sin6_port = htons(port);
		memcpy(&out->v6.sin6_addr, at->b, sizeof(out->v6.sin6_addr));
		return sizeof(out->v6);
	}
	out->v4.sin_family = AF_INET;
	out->v4.sin_port = htons(port);
	memcpy(&out->v4.sin_addr, at->b, sizeof(out->v4.sin_addr));
	return sizeof(out->v4);
}

static int fail_closed(int fd)
{
	int error = errno;

	close(fd);
	errno = error;
	return -1;
}

static bool set(int fd, int level, int option)
{
	int on = 1;

	return setsockopt(fd, level, option, &on, sizeof(on)) == 0;
}

int socket_open(const struct ip_address *to, unsigned flags)
{
	bool six = to->family == 6;
	int type = SOCK_STREAM | SOCK_CLOEXEC | (flags & SOCKET_NONBLOCKING ? SOCK_NONBLOCK : 0);
	int fd = socket(six ? AF_INET6 : AF_INET, type, 0);

	if (fd < 0)
		return -1;
	if ((flags & SOCKET_REUSE && !set(fd, SOL_SOCKET, SO_REUSEADDR)) ||
		(flags & SOCKET_NODELAY && !set(fd, IPPROTO_TCP, TCP_NODELAY)))
		return fail_closed(fd);
	return fd;
}

int socket_listen(const struct ip_address *at, uint16_t port, unsigned flags, int backlog)
{
	union address address;
	socklen_t length = address_of(at, port, &address);
	int fd = socket_open(at, flags);

	if (fd < 0)
		return -1;
	if ((at->family == 6 && !set(fd, IPPROTO_IPV6, IPV6_V6ONLY)) ||
		bind(fd, &address.any, length) || (backlog > 0 && listen(fd, backlog)))
		return fail_closed(fd);
	return fd;
}

int socket_connect(int fd, const struct ip_address *to, uint16_t port)
{
	union address address;
	socklen_t length = address_of(to, port, &address);

	return connect(fd, &address.any, length) && errno != EINPROGRESS ? -1 : 0;
}

static int open_path(const char *path, int type, struct sockaddr_un *out)
{
	size_t length = strlen(path);

	memset(out, 0, sizeof(*out));
	out->sun_family = AF_UNIX;
	if (length == 0 || length >= sizeof(out->sun_path)) {
		errno = length == 0 ? EINVAL : ENAMETOOLONG;
		return -1;
	}
	memcpy(out->sun_path, path, length);
	return socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

int socket_listen_path(const char *path, int type, int backlog)
{
	struct sockaddr_un address;
	int fd = open_path(path, type, &address);

	if (fd < 0)
		return -1;
	// The mode of the unbound socket becomes the file's: it is never open to others, not even
	// between bind and a chmod.
	if (fchmod(fd, 0600) || bind(fd, (const struct sockaddr *)&address, sizeof(address)) ||
		listen(fd, backlog))
		return fail_closed(fd);
	return fd;
}

int socket_connect_path(const char *path, int type)
{
	struct sockaddr_un address;
	int fd = open_path(path, type, &address);

	if (fd < 0)
		return -1;
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)))
		return fail_closed(fd);
	return fd;
}
