#include "dataplane/port/xdp_link.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shared/log.h"

#define ANSWER_SIZE 32768

struct attached {
	uint32_t id;
	uint8_t mode; // XDP_ATTACHED_*
};

// --- rtnetlink ---

// The program to attach: `fd` -1 removes the one that `expected` is.
struct change {
	struct nlmsghdr header;
	struct ifinfomsg interface;
	struct nlattr nest, fd_is;
	int32_t fd;
	struct nlattr flags_are;
	uint32_t flags;
	struct nlattr expected_is;
	int32_t expected;
};

// Sends one request and reads its one answer. Returns the length of that, or -1.
static ssize_t ask(const struct nlmsghdr *request, void *answer, size_t size)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	ssize_t n = -1;

	if (fd < 0)
		return -1;
	if (send(fd, request, request->nlmsg_len, 0) == (ssize_t)request->nlmsg_len)
		n = recv(fd, answer, size, 0);
	close(fd);
	return n;
}

static void read_xdp(const struct rtattr *nest, struct attached *out)
{
	int left = (int)RTA_PAYLOAD(nest);

	for (const struct rtattr *a = RTA_DATA(nest); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if (a->rta_type == IFLA_XDP_ATTACHED)
			memcpy(&out->mode, RTA_DATA(a), sizeof(out->mode));
		if (a->rta_type == IFLA_XDP_PROG_ID)
			memcpy(&out->id, RTA_DATA(a), sizeof(out->id));
	}
}

static struct attached look(unsigned if_index)
{
	struct {
		struct nlmsghdr header;
		struct ifinfomsg interface;
	} request = {.header = {.nlmsg_len = sizeof(request),
			     .nlmsg_type = RTM_GETLINK,
			     .nlmsg_flags = NLM_F_REQUEST},
		.interface = {.ifi_index = (int)if_index}};
	_Alignas(struct nlmsghdr) char answer[ANSWER_SIZE];
	const struct nlmsghdr *h = (const void *)answer;
	struct attached found = {0};
	ssize_t n = ask(&request.header, answer, sizeof(answer));

	if (n <= 0 || !NLMSG_OK(h, (size_t)n) || h->nlmsg_type != RTM_NEWLINK)
		return found;
	int left = (int)IFLA_PAYLOAD(h);
	const struct ifinfomsg *i = NLMSG_DATA(h);
	for (const struct rtattr *a = IFLA_RTA(i); RTA_OK(a, left); a = RTA_NEXT(a, left))
		if ((a->rta_type & NLA_TYPE_MASK) == IFLA_XDP)
			read_xdp(a, &found);
	return found;
}

// 0 or -1 with errno.
static int attach(unsigned if_index, int program, int instead_of, uint32_t flags)
{
	struct change c = {.header = {.nlmsg_len = sizeof(c),
				   .nlmsg_type = RTM_SETLINK,
				   .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
		.interface = {.ifi_index = (int)if_index},
		.nest = {sizeof(c) - offsetof(struct change, nest), IFLA_XDP | NLA_F_NESTED},
		.fd_is = {NLA_HDRLEN + sizeof(c.fd), IFLA_XDP_FD},
		.fd = program,
		.flags_are = {NLA_HDRLEN + sizeof(c.flags), IFLA_XDP_FLAGS},
		.flags = flags | XDP_FLAGS_REPLACE,
		.expected_is = {NLA_HDRLEN + sizeof(c.expected), IFLA_XDP_EXPECTED_FD},
		.expected = instead_of};
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		char more[512];
	} answer = {0};

	if (ask(&c.header, &answer, sizeof(answer)) < (ssize_t)NLMSG_LENGTH(sizeof(answer.error)) ||
		answer.header.nlmsg_type != NLMSG_ERROR)
		errno = EPROTO;
	else
		errno = -answer.error.error;
	return errno ? -1 : 0;
}

// --- bpf ---

static int bpf(enum bpf_cmd command, union bpf_attr *a)
{
	return (int)syscall(SYS_bpf, command, a, sizeof(*a));
}

static int open_program(uint32_t id)
{
	union bpf_attr a;

	memset(&a, 0, sizeof(a));
	a.prog_id = id;
	return bpf(BPF_PROG_GET_FD_BY_ID, &a);
}

static int make_link(int program, unsigned if_index, uint32_t flags)
{
	union bpf_attr a;

	memset(&a, 0, sizeof(a));
	a.link_create.prog_fd = (uint32_t)program;
	a.link_create.target_ifindex = if_index;
	a.link_create.attach_type = BPF_XDP;
	a.link_create.flags = flags;
	return bpf(BPF_LINK_CREATE, &a);
}

// --- the port ---

uint32_t xdp_program(unsigned if_index)
{
	return look(if_index).id;
}

// The link, or -1 with errno. The kernel makes none beside a program that is attached without.
static int replace(unsigned if_index, const struct attached *now)
{
	uint32_t flags = now->mode == XDP_ATTACHED_DRV ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
	int program = open_program(now->id), link = -1, error = 0;

	if (program < 0)
		return -1;
	if (attach(if_index, -1, program, flags) == 0)
		link = make_link(program, if_index, flags);
	if (link < 0) {
		error = errno;
		(void)attach(if_index, program, -1, flags); // fails where it was never taken off
	}
	close(program);
	errno = error;
	return link;
}

int xdp_link_take(const char *port, unsigned if_index, uint32_t before)
{
	struct attached now = look(if_index);
	char name[IF_NAMESIZE] = "";
	int link;

	(void)if_indextoname(if_index, name);
	if (now.id == 0 || now.id == before) {
		if (now.id)
			log_notice("port %s: uses the XDP program that was on %s before and leaves "
				   "it there",
				port, name);
		return -1;
	}
	if (now.mode != XDP_ATTACHED_DRV && now.mode != XDP_ATTACHED_SKB)
		errno = ENOTSUP, link = -1;
	else
		link = replace(if_index, &now);
	if (link < 0)
		log_warning(
			"port %s: its XDP program stays on %s after the end (%s); then: ip link "
			"set dev %s xdp off",
			port, name, strerror(errno), name);
	return link;
}

void xdp_link_close(int link)
{
	if (link >= 0)
		close(link);
}
