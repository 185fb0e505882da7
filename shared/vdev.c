// Reads the words of one --vdev of the EAL.
#include "shared/vdev.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

bool vdev_is_of(const char *vdev, const char *driver)
{
	size_t n = strlen(driver);

	if (strncmp(vdev, driver, n) != 0)
		return false;
	vdev += n;
	while (isdigit((unsigned char)*vdev))
		vdev++;
	return !*vdev || *vdev == ',';
}

bool vdev_argument(const char *vdev, const char *key, char *out, size_t size)
{
	size_t n = strlen(key);

	for (const char *at = strchr(vdev, ','); at; at = strchr(at + 1, ',')) {
		const char *value = at + 1 + n;
		if (strncmp(at + 1, key, n) != 0 || (*value && *value != '=' && *value != ','))
			continue;
		value += *value == '=';
		snprintf(out, size, "%.*s", (int)strcspn(value, ","), value);
		return true;
	}
	return false;
}

static bool has(const char *vdev, const char *key, const char *expected)
{
	char value[32];

	return vdev_argument(vdev, key, value, sizeof(value)) && !strcmp(value, expected);
}

static bool is_virtio_user(const char *vdev)
{
	return vdev_is_of(vdev, "net_virtio_user") || vdev_is_of(vdev, "virtio_user");
}

enum vdev_virtio vdev_virtio(const char *vdev)
{
	char path[256];

	if (!is_virtio_user(vdev) || !vdev_argument(vdev, "path", path, sizeof(path)))
		return VDEV_LASTING;
	if (has(vdev, "server", "1"))
		return VDEV_BLOCKING;
	return strncmp(path, "/dev/", 5) == 0 ? VDEV_LASTING : VDEV_ONCE;
}

const char *vdev_virtio_text(enum vdev_virtio kind)
{
	switch (kind) {
	case VDEV_LASTING:
		return "";
	case VDEV_ONCE:
		return "virtio_user connects once: a peer that restarts is lost until "
		       "poi-dataplane restarts; use net_vhostN,iface=SOCKET, to which the peer "
		       "connects with its own virtio_user, or net_memif with role=server";
	case VDEV_BLOCKING:
		return "virtio_user with server=1 blocks the start until its peer connects, and "
		       "aborts at the stop; use net_vhostN,iface=SOCKET, to which the peer "
		       "connects with its own virtio_user, or net_memif with role=server";
	}
	return "";
}

bool vdev_socket(const char *vdev, char *path, size_t size, bool *listens)
{
	if (vdev_is_of(vdev, "net_vhost") || vdev_is_of(vdev, "eth_vhost")) {
		*listens = !has(vdev, "client", "1");
		return vdev_argument(vdev, "iface", path, size);
	}
	if (vdev_is_of(vdev, "net_memif")) {
		*listens = has(vdev, "role", "server") || has(vdev, "role", "master");
		return has(vdev, "socket-abstract", "no") &&
		       vdev_argument(vdev, "socket", path, size);
	}
	*listens = false;
	return vdev_virtio(vdev) == VDEV_ONCE && vdev_argument(vdev, "path", path, size);
}
