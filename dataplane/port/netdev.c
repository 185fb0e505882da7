#include "dataplane/port/netdev.h"

#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define DESCRIPTORS_MAX 4096 // where to look; the rings are opened early

// By index each time: an interface may be renamed under a running port.
bool netdev_running(unsigned if_index)
{
	struct ifreq r = {0};
	int fd;

	if (!if_indextoname(if_index, r.ifr_name))
		return false;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	bool known = ioctl(fd, SIOCGIFFLAGS, &r) == 0;
	close(fd);
	return known && (r.ifr_flags & IFF_UP) && (r.ifr_flags & IFF_RUNNING);
}

// Whether the descriptor is a packet socket that receives from the interface into a ring.
static bool is_ring(int fd, unsigned if_index)
{
	struct sockaddr_ll address = {0};
	socklen_t length = sizeof(address);

	return getsockname(fd, (struct sockaddr *)&address, &length) == 0 &&
	       address.sll_family == AF_PACKET && (unsigned)address.sll_ifindex == if_index;
}

void netdev_rings_find(struct netdev_rings *r, unsigned if_index)
{
	long most = sysconf(_SC_OPEN_MAX);

	*r = (struct netdev_rings){0};
	if (most < 0 || most > DESCRIPTORS_MAX)
		most = DESCRIPTORS_MAX;
	for (int fd = 0; fd < most && r->n < NETDEV_RINGS_MAX; fd++)
		if (is_ring(fd, if_index))
			r->fd[r->n++] = fd;
}

uint64_t netdev_rings_dropped(struct netdev_rings *r)
{
	for (unsigned i = 0; i < r->n; i++) {
		struct tpacket_stats s = {0}; // since the last time somebody asked
		socklen_t length = sizeof(s);
		if (getsockopt(r->fd[i], SOL_PACKET, PACKET_STATISTICS, &s, &length) == 0)
			r->dropped += s.tp_drops;
	}
	return r->dropped;
}
