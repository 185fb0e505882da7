#include "shared/socket.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static struct ip_address address(const char *text)
{
	struct ip_address a;

	cr_assert_eq(ip_address_parse(text, &a), POI_OK);
	return a;
}

static uint16_t port_of(int fd)
{
	struct sockaddr_in6 a;
	socklen_t length = sizeof(a);

	cr_assert_eq(getsockname(fd, (struct sockaddr *)&a, &length), 0);
	return ntohs(a.sin6_port); // at the same place in both families
}

static int option(int fd, int level, int name)
{
	int value = -1;
	socklen_t length = sizeof(value);

	cr_assert_eq(getsockopt(fd, level, name, &value, &length), 0);
	return value;
}

static void check_pair(const char *text)
{
	struct ip_address at = address(text);
	int listener = socket_listen(&at, 0, SOCKET_NONBLOCKING | SOCKET_REUSE, 8);

	cr_assert_geq(listener, 0);
	cr_assert(option(listener, SOL_SOCKET, SO_REUSEADDR));
	cr_assert(option(listener, SOL_SOCKET, SO_ACCEPTCONN));
	cr_assert(fcntl(listener, F_GETFD) & FD_CLOEXEC);
	cr_assert(fcntl(listener, F_GETFL) & O_NONBLOCK);
	if (at.family == 6)
		cr_assert(option(listener, IPPROTO_IPV6, IPV6_V6ONLY));
	int fd = socket_open(&at, SOCKET_NODELAY | SOCKET_NONBLOCKING);
	cr_assert_geq(fd, 0);
	cr_assert(option(fd, IPPROTO_TCP, TCP_NODELAY));
	cr_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	cr_assert_eq(socket_connect(fd, &at, port_of(listener)), 0);
	struct pollfd wait = {.fd = listener, .events = POLLIN};
	cr_assert_eq(poll(&wait, 1, 5000), 1);
	int accepted = accept(listener, NULL, NULL);
	cr_assert_geq(accepted, 0);
	close(accepted);
	close(fd);
	close(listener);
}

Test(socket, listens_and_connects_over_ipv4)
{
	check_pair("127.0.0.1");
}

Test(socket, listens_and_connects_over_ipv6)
{
	check_pair("::1");
}

Test(socket, a_trial_binds_and_does_not_listen)
{
	struct ip_address at = address("127.0.0.1");
	int fd = socket_listen(&at, 0, 0, 0);

	cr_assert_geq(fd, 0);
	cr_assert_not(option(fd, SOL_SOCKET, SO_ACCEPTCONN));
	cr_assert_not(fcntl(fd, F_GETFL) & O_NONBLOCK);
	close(fd);
}

Test(socket, says_why_it_cannot_listen)
{
	struct ip_address at = address("127.0.0.1"), foreign = address("192.0.2.1");
	int first = socket_listen(&at, 0, 0, 1);

	cr_assert_geq(first, 0);
	cr_assert_eq(socket_listen(&at, port_of(first), 0, 1), -1);
	cr_assert_eq(errno, EADDRINUSE);
	cr_assert_eq(socket_listen(&foreign, 0, 0, 1), -1);
	cr_assert_eq(errno, EADDRNOTAVAIL);
	close(first);
}

Test(socket, a_refused_connection_fails)
{
	struct ip_address at = address("127.0.0.1");
	int bound = socket_listen(&at, 0, 0, 0); // without a listener
	int fd = socket_open(&at, 0);

	cr_assert_eq(socket_connect(fd, &at, port_of(bound)), -1);
	cr_assert_eq(errno, ECONNREFUSED);
	close(fd);
	close(bound);
}

Test(socket, a_path_is_its_owners_alone)
{
	char folder[] = "/tmp/poi-socket-XXXXXX", path[64];
	struct stat st;

	cr_assert_not_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/s", folder);
	umask(0);
	int listener = socket_listen_path(path, SOCK_SEQPACKET, 4);
	cr_assert_geq(listener, 0);
	cr_assert_eq(stat(path, &st), 0);
	cr_assert_eq(st.st_mode & 0777, 0600);
	int fd = socket_connect_path(path, SOCK_SEQPACKET);
	cr_assert_geq(fd, 0);
	cr_assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
	cr_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
	close(listener);
	cr_assert_eq(socket_connect_path(path, SOCK_SEQPACKET), -1);
	cr_assert_eq(errno, ECONNREFUSED);
	cr_assert_eq(socket_listen_path(path, SOCK_SEQPACKET, 4), -1);
	cr_assert_eq(errno, EADDRINUSE);
	unlink(path);
	rmdir(folder);
}

Test(socket, a_path_without_end_is_refused)
{
	char path[200];

	snprintf(path, sizeof(path), "/tmp/%0150d", 0);
	cr_assert_eq(socket_listen_path(path, SOCK_STREAM, 1), -1);
	cr_assert_eq(errno, ENAMETOOLONG);
	cr_assert_eq(socket_connect_path("", SOCK_STREAM), -1);
	cr_assert_eq(errno, EINVAL);
}
