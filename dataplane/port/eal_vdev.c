// Prepares the virtual devices of dataplane.eal for the EAL.
#include "dataplane/port/eal_vdev.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "shared/error.h"
#include "shared/log.h"
#include "shared/vdev.h"

// True when no process has the socket file open. A live one of another type (net_memif has
// SOCK_SEQPACKET) answers with EPROTOTYPE.
static bool is_stale(const char *path)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	struct stat st;

	if (strlen(path) >= sizeof(to.sun_path) || lstat(path, &st) || !S_ISSOCK(st.st_mode))
		return false;
	memcpy(to.sun_path, path, strlen(path));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	int rc = connect(fd, (const struct sockaddr *)&to, sizeof(to));
	int error = errno;
	close(fd);
	return rc && error == ECONNREFUSED;
}

static int prepare(const char *vdev, char *why, size_t size)
{
	int name = (int)strcspn(vdev, ",");
	enum vdev_virtio virtio = vdev_virtio(vdev);
	bool listens;
	char path[256];

	if (virtio == VDEV_BLOCKING) {
		snprintf(why, size, "port %.*s: %s", name, vdev, vdev_virtio_text(virtio));
		return POI_ERR_INVALID;
	}
	if (virtio == VDEV_ONCE)
		log_warning("port %.*s: %s", name, vdev, vdev_virtio_text(virtio));
	if (!vdev_socket(vdev, path, sizeof(path), &listens) || !listens || !is_stale(path))
		return POI_OK;
	if (unlink(path) == 0)
		log_notice(
			"port %.*s: removed the socket %s of an earlier process", name, vdev, path);
	else
		log_warning("port %.*s: the socket %s of an earlier process stays: %s", name, vdev,
			path, strerror(errno));
	return POI_OK;
}

int eal_vdev_prepare(const struct eal_arguments *a, char *why, size_t size)
{
	static const char option[] = "--vdev";
	int e = POI_OK;

	for (int i = 0; i < a->n && e == POI_OK; i++) {
		const char *word = a->argument[i];
		if (strncmp(word, option, sizeof(option) - 1) != 0)
			continue;
		word += sizeof(option) - 1;
		if (*word == '=')
			e = prepare(word + 1, why, size);
		else if (!*word && i + 1 < a->n)
			e = prepare(a->argument[++i], why, size);
	}
	return e;
}
