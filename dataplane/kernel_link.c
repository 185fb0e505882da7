#include "dataplane/kernel_link.h"

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

// By index each time: an interface may be renamed under a running port.
bool kernel_link_running(unsigned if_index)
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
