// Listens, connects, sends and receives on the Unix socket between the two processes.
#include "shared/channel.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/socket.h"

#define BACKLOG 16

union beside { // room for one descriptor
	struct cmsghdr header;
	uint8_t octets[CMSG_SPACE(sizeof(int))];
};

// Returns the meaning of a failed call on a socket's path, by errno.
static int path_error(void)
{
	switch (errno) {
	case ENOENT:
	case ECONNREFUSED:
		return POI_ERR_CLOSED;
	case EAGAIN: // the listener's backlog is full: it is alive
		return POI_ERR_AGAIN;
	case EACCES:
	case EPERM:
		return POI_ERR_DENIED;
	case EINVAL:
		return POI_ERR_INVALID;
	case ENAMETOOLONG:
		return POI_ERR_TOO_LARGE;
	default:
		return POI_ERR_IO;
	}
}

static int connect_to(const char *path)
{
	int fd = socket_connect_path(path, SOCK_SEQPACKET);

	return fd < 0 ? path_error() : fd;
}

// Removes the socket of a dead process. A live listener stays and is reported; anything that is not
// a socket is not ours to remove. A path that is too long is left to the caller that opens it.
static int remove_stale(const char *path)
{
	struct stat st;

	if (lstat(path, &st))
		return errno == ENOENT || errno == ENAMETOOLONG ? POI_OK : POI_ERR_IO;
	if (!S_ISSOCK(st.st_mode))
		return POI_ERR_EXISTS;
	int fd = connect_to(path);
	if (fd >= 0) {
		close(fd);
		return POI_ERR_IN_USE;
	}
	if (fd == POI_ERR_AGAIN)
		return POI_ERR_IN_USE;
	if (fd != POI_ERR_CLOSED)
		return fd;
	return unlink(path) && errno != ENOENT ? POI_ERR_IO : POI_OK;
}

int channel_listen(const char *path)
{
	int rc = remove_stale(path);

	if (rc)
		return rc;
	int fd = socket_listen_path(path, SOCK_SEQPACKET, BACKLOG);
	if (fd >= 0)
		return fd;
	rc = path_error();
	return rc == POI_ERR_INVALID || rc == POI_ERR_TOO_LARGE ? rc : POI_ERR_IO;
}

static int peer_uid(int fd, uid_t *out)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size))
		return POI_ERR_IO;
	*out = peer.uid;
	return POI_OK;
}

int channel_accept(int listener)
{
	uid_t uid;
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0) {
		int error = errno;
		if (error == EAGAIN || error == EINTR || error == ECONNABORTED)
			return POI_ERR_AGAIN;
		return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM
			       ? POI_ERR_NOMEM
			       : POI_ERR_IO;
	}
	int rc = peer_uid(fd, &uid);
	if (!rc && uid != 0 && uid != geteuid())
		rc = POI_ERR_DENIED;
	if (rc) {
		close(fd);
		return rc;
	}
	return fd;
}

int channel_connect(const char *path)
{
	uid_t uid;
	int fd = connect_to(path);

	if (fd < 0)
		return fd;
	// The listener gets target data, so it must be of our user. Root may ask any (poi status).
	int rc = peer_uid(fd, &uid);
	if (!rc && uid != 0 && uid != geteuid() && geteuid() != 0)
		rc = POI_ERR_DENIED;
	if (rc) {
		close(fd);
		return rc;
	}
	return fd;
}

int channel_send(int fd, const uint8_t *datagram, size_t length)
{
	return channel_send_with(fd, datagram, length, -1);
}

int channel_send_with(int fd, const uint8_t *datagram, size_t length, int with)
{
	struct iovec part = {.iov_base = (uint8_t *)datagram, .iov_len = length};
	union beside beside = {0};
	struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};

	if (with >= 0) {
		m.msg_control = beside.octets;
		m.msg_controllen = sizeof(beside.octets);
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		*c = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS,
			.cmsg_len = CMSG_LEN(sizeof(int))};
		memcpy(CMSG_DATA(c), &with, sizeof(int));
	}
	if (length > CHANNEL_MESSAGE_MAX)
		return POI_ERR_TOO_LARGE;
	for (;;) {
		if (sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT | MSG_EOR) >= 0)
			return POI_OK;
		switch (errno) {
		case EINTR:
			continue;
		case EAGAIN:
		case ENOBUFS:
		case ENOMEM:
			return POI_ERR_AGAIN;
		case EMSGSIZE:
			return POI_ERR_TOO_LARGE;
		default:
			return POI_ERR_CLOSED;
		}
	}
}

int64_t channel_receive(int fd, uint8_t *out, size_t capacity)
{
	return channel_receive_with(fd, out, capacity, NULL);
}

// The one descriptor that there is room for; the kernel closes any others.
static void take_beside(struct msghdr *m, int *with)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(m);

	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
		c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(with, CMSG_DATA(c), sizeof(int));
}

int64_t channel_receive_with(int fd, uint8_t *out, size_t capacity, int *with)
{
	struct iovec part = {.iov_base = out, .iov_len = capacity};
	union beside beside = {0};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

	if (with) {
		*with = -1;
		message.msg_control = beside.octets;
		message.msg_controllen = sizeof(beside.octets);
	}

	for (;;) {
		ssize_t n = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		if (n > 0 && with)
			take_beside(&message, with);
		if (n > 0)
			return message.msg_flags & MSG_TRUNC ? POI_ERR_TOO_LARGE : (int64_t)n;
		if (n == 0)
			return POI_ERR_CLOSED;
		if (errno == EINTR)
			continue;
		return errno == EAGAIN ? POI_ERR_AGAIN : POI_ERR_CLOSED;
	}
}
