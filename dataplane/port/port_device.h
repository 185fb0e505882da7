#pragma once

// The device under a port: whether it is still there, how it is given back to the kernel once it
// has gone, and whether it can be opened again. Main thread only.

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum device_state {
	DEVICE_PRESENT,
	DEVICE_REMOVED, // unplugged, or no longer answering on its bus
	DEVICE_RESET,	// its driver wants it to be opened anew
};

struct port_device {
	uint16_t port;
	unsigned if_index;	// of a port on a kernel interface, else 0
	char name[64];		// on its bus
	char interface[16];	// name of the kernel interface, else ""
	char kernel_driver[64]; // of a PCI device, such as vfio-pci, else ""
	int config_fd;		// a PCI device's configuration space, or -1
	uint64_t inode;		// of its folder in /sys: another device there has another
	bool absent;		// was not there at a look since it was removed
	bool called_back;	// a callback is registered for `name`
	bool released;
	// Set by the callbacks in the EAL's interrupt thread (release). Partner: the acquire in
	// port_device_state.
	_Atomic bool removed, reset;
};

// Starts to watch the device of a started port. `d` stays where it is until port_device_forget. To
// be called before the sandbox is entered: a file of /sys stays open.
void port_device_watch(struct port_device *d, uint16_t port, unsigned if_index);

// Returns whether the device is there. Reads neither its registers nor its memory.
enum device_state port_device_state(const struct port_device *d);

// Returns whether the device answers on its bus, so that its registers may be read.
bool port_device_answers(const struct port_device *d);

// Stops and closes the port and gives its device back to the kernel, which waits for that before
// it takes the device away. No worker may use the port any more. A kernel interface is left alone.
void port_device_release(struct port_device *d);

// Returns whether a removed device is there again and could be opened by a new process. To be
// called again and again: it must have been seen absent before.
bool port_device_returned(struct port_device *d);

// Ends the watch. The port may be closed afterwards.
void port_device_forget(struct port_device *d);
