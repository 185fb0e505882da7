#pragma once

// `poi check` of the rights that the unit gives to each kind of port: capabilities, address
// families, system calls, devices and folders. Each line names the packaged drop-in that gives what
// is missing.

#include "control/cli/cli_check_unit.h"

// Rights that one kind of port needs.
struct check_need {
	const char *driver;    // of --vdev
	const char *drop_in;   // 60-poi-DROP_IN.conf gives it
	uint64_t capabilities; // one bit of each CAP_...
	uint64_t families;     // one bit of each AF_...
	bool bpf;	       // the system call
	const char *node;      // of a device, or NULL
	const char *kind;      // the kernel's name of such devices
	const char *allow;     // the value of DeviceAllow=
};

// True for a virtual device on an interface of the kernel, by its arguments.
bool check_right_is_kernels(const char *vdev);
// True for a virtual device that needs any right of the unit.
bool check_right_is_needed(const char *vdev);
// Reports each right that the virtual device lacks, by no line when all are there.
void check_right_vdev(
	const struct check *c, const struct check_unit *u, const char *device, const char *vdev);
// The same of a NIC by InfiniBand's verbs (mlx5), and by vfio: one device file. False when
// reported.
bool check_right_verbs(
	const struct check *c, const struct check_unit *u, const char *device, const char *node);
bool check_right_vfio(
	const struct check *c, const struct check_unit *u, const char *device, const char *node);
