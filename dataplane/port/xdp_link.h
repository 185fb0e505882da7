#pragma once

// The XDP program that net_af_xdp puts on a kernel interface, and its removal. The driver attaches
// it for good: it would stay after a kill, and removing it needs calls and rights that the sandbox
// has taken away by then. Attached as a bpf link it is there as long as a descriptor of ours is
// open, so the kernel removes it however the process ends.

#include <stdint.h>

// The id of the program on the interface, 0 without one or where the kernel does not report it.
uint32_t xdp_program(unsigned if_index);

// Makes a link of the program that was attached since xdp_program returned `before`. Frames in
// between go to the kernel as if there were no port, so before anything is promised. Returns the
// descriptor, for xdp_link_close or the end of the process, or -1: the program is another
// process's, or the kernel refuses (logged with `port`, the port's name), and stays as it was.
int xdp_link_take(const char *port, unsigned if_index, uint32_t before);
void xdp_link_close(int link); // -1: nothing
