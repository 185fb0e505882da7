#include "dataplane/port/netdev.h"

#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_xdp.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

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

static int domain_of(int fd)
{
	int domain = -1;
	socklen_t length = sizeof(domain);

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0 ? domain : -1;
}

static int descriptors(void)
{
	long most = sysconf(_SC_OPEN_MAX);

	return most < 0 || most > NETDEV_DESCRIPTORS_MAX ? NETDEV_DESCRIPTORS_MAX : (int)most;
}

void netdev_look_before(struct netdev_before *b)
{
	*b = (struct netdev_before){0};
	for (int fd = 0, most = descriptors(); fd < most; fd++)
		if (domain_of(fd) == AF_XDP)
			b->xdp[fd / 8] |= (uint8_t)(1 << fd % 8);
}

// True if the descriptor is a packet socket that receives from the interface.
static bool is_packet_socket(int fd, unsigned if_index)
{
	struct sockaddr_ll address = {0};
	socklen_t length = sizeof(address);

	return getsockname(fd, (struct sockaddr *)&address, &length) == 0 &&
	       address.sll_family == AF_PACKET && (unsigned)address.sll_ifindex == if_index;
}

static bool is_new_xdp(int fd, const struct netdev_before *before)
{
	return !(before->xdp[fd / 8] & 1 << fd % 8) && domain_of(fd) == AF_XDP;
}

// The kernel drops frames that net_tap does not read on their way out of the interface.
static int open_counter(unsigned if_index)
{
	char name[IF_NAMESIZE], path[128];

	if (!if_indextoname(if_index, name))
		return -1;
	snprintf(path, sizeof(path), "/sys/class/net/%s/statistics/tx_dropped", name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

// Returns 0 where the interface has gone: what was counted stays.
static uint64_t counter(int file)
{
	char text[32] = "";

	if (file < 0 || pread(file, text, sizeof(text) - 1, 0) <= 0)
		return 0;
	return strtoull(text, NULL, 10);
}

void netdev_drops_find(struct netdev_drops *d, const char *driver, unsigned if_index,
	const struct netdev_before *before)
{
	bool packet = strcmp(driver, "net_af_packet") == 0;

	*d = (struct netdev_drops){.file = -1, .xdp = strcmp(driver, "net_af_xdp") == 0};
	if (strcmp(driver, "net_tap") == 0) {
		d->file = open_counter(if_index);
		d->base = counter(d->file);
	}
	if (!packet && !d->xdp)
		return;
	for (int fd = 0, most = descriptors(); fd < most && d->n < NETDEV_SOCKETS_MAX; fd++)
		if (packet ? is_packet_socket(fd, if_index) : is_new_xdp(fd, before))
			d->fd[d->n++] = fd;
}

void netdev_drops_close(struct netdev_drops *d)
{
	if (d->file >= 0)
		close(d->file);
	*d = (struct netdev_drops){.file = -1, .dropped = d->dropped};
}

// Returns drops since the last call.
static uint64_t packet_dropped(int fd)
{
	struct tpacket_stats s = {0};
	socklen_t length = sizeof(s);

	return getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &s, &length) == 0 ? s.tp_drops : 0;
}

// Since the socket was made: a full ring. What found no memory to be put into is in the driver's
// count.
static uint64_t xdp_dropped(int fd)
{
	struct xdp_statistics s = {0};
	socklen_t length = sizeof(s);

	return getsockopt(fd, SOL_XDP, XDP_STATISTICS, &s, &length) == 0 ? s.rx_ring_full : 0;
}

uint64_t netdev_drops_count(struct netdev_drops *d)
{
	uint64_t now = counter(d->file), total = 0;

	for (unsigned i = 0; i < d->n; i++) {
		if (d->xdp)
			total += xdp_dropped(d->fd[i]);
		else
			d->dropped += packet_dropped(d->fd[i]);
	}
	if (now > d->base)
		total = now - d->base;
	if (total > d->dropped)
		d->dropped = total;
	return d->dropped;
}
