#pragma once

// The words of one --vdev of the EAL: "net_vhost0,iface=/run/poi/mirror.sock,queues=2".

#include <stdbool.h>
#include <stddef.h>

// True when the device is one of this driver: "net_vhost0,..." is of "net_vhost".
bool vdev_is_of(const char *vdev, const char *driver);

// Copies the value of `key`, "" for one without. False without the key.
bool vdev_argument(const char *vdev, const char *key, char *out, size_t size);

// A port over a vhost-user socket, by its end of the connection.
enum vdev_virtio {
	VDEV_LASTING, // another kind of device
	VDEV_ONCE,    // connects to a vhost-user server at its start and never again
	VDEV_BLOCKING // waits for its peer inside the start, and aborts at the stop
};
enum vdev_virtio vdev_virtio(const char *vdev);
// Returns the words for the last two, without the name of the device; "" for the first.
const char *vdev_virtio_text(enum vdev_virtio kind);

// Copies the path of the socket that the device has to do with: it creates the file where
// `*listens`, else its peer does. False for a device without a socket file.
bool vdev_socket(const char *vdev, char *path, size_t size, bool *listens);
