#include "shared/channel.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 16

static int address_of(const char *path, struct sockaddr_un *out)
{
	size_t length = strlen(path);

	memset(out, 0, sizeof(*out));
	out->sun_family = AF_UNIX;
	if (length == 0)
		return POI_ERR_INVALID;
	if (length >= sizeof(out->sun_path))
		return POI_ERR_TOO_LARGE;
	memcpy(out->sun_path, path, length);
	return POI_OK;
}

static int new_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	return fd < 0 ? POI_ERR_IO : fd;
}

static int connect_to(const struct sockaddr_un *address)
{
	int fd = new_socket();

	if (fd < 0)
		return fd;
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0)
		return fd;
	int error = errno;
	close(fd);
	switch (error) {
	case ENOENT:
	case ECONNREFUSED:
		return POI_ERR_CLOSED;
	case EAGAIN: // the listener's backlog is full: it is alive
		return POI_ERR_AGAIN;
	case EACCES:
	case EPERM:
		return POI_ERR_DENIED;
	default:
		return POI_ERR_IO;
	}
}

// Removes what a dead process left behind, and only that: a live listener stays and is reported,
// and anything that is not a socket is not ours to remove.
static int remove_stale(const struct sockaddr_un *address)
{
	struct stat st;

	if (lstat(address->sun_path, &st))
		return errno == ENOENT ? POI_OK : POI_ERR_IO;
	if (!S_ISSOCK(st.st_mode))
		return POI_ERR_EXISTS;
	int fd = connect_to(address);
	if (fd >= 0) {
		close(fd);
		return POI_ERR_IN_USE;
	}
	if (fd == POI_ERR_AGAIN)
		return POI_ERR_IN_USE;
	if (fd != POI_ERR_CLOSED)
		return fd;
	return unlink(address->sun_path) && errno != ENOENT ? POI_ERR_IO : POI_OK;
}

int channel_listen(const char *path)
{
	struct sockaddr_un address;
	int rc = address_of(path, &address);

	if (rc)
		return rc;
	rc = remove_stale(&address);
	if (rc)
		return rc;
	int fd = new_socket();
	if (fd < 0)
		return fd;
	// The mode of the unbound socket becomes the file's: it is never open to others, not even
	// between bind and a chmod.
	if (fchmod(fd, 0600) || bind(fd, (const struct sockaddr *)&address, sizeof(address)) ||
		listen(fd, BACKLOG)) {
		close(fd);
		return POI_ERR_IO;
	}
	return fd;
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
	struct sockaddr_un address;
	uid_t uid;
	int rc = address_of(path, &address);

	if (rc)
		return rc;
	int fd = connect_to(&address);
	if (fd < 0)
		return fd;
	// Target data goes to whoever listens there. Root may ask any service (poi status).
	rc = peer_uid(fd, &uid);
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
	if (length > CHANNEL_MESSAGE_MAX)
		return POI_ERR_TOO_LARGE;
	for (;;) {
		if (send(fd, datagram, length, MSG_NOSIGNAL | MSG_DONTWAIT | MSG_EOR) >= 0)
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
	struct iovec part = {.iov_base = out, .iov_len = capacity};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

	for (;;) {
		ssize_t n = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		if (n > 0)
			return message.msg_flags & MSG_TRUNC ? POI_ERR_TOO_LARGE : (int64_t)n;
		if (n == 0)
			return POI_ERR_CLOSED;
		if (errno == EINTR)
			continue;
		return errno == EAGAIN ? POI_ERR_AGAIN : POI_ERR_CLOSED;
	}
}
