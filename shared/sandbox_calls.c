// System calls: seccomp, by libseccomp. What is not on the lists gets EPERM, as a missing right
// would; what no program of ours ever does, and an attacker would first, ends the process.

#include "shared/sandbox_internal.h"

#include <errno.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <seccomp.h>

#define N(list) (sizeof(list) / sizeof((list)[0]))
#define CALL(name) SCMP_SYS(name)
// An argument is this value.
#define IS(n, value) ((struct scmp_arg_cmp){n, SCMP_CMP_EQ, (scmp_datum_t)(value), 0})

static const int both[] = {
	// files; which ones is Landlock's
	CALL(read),
	CALL(readv),
	CALL(pread64),
	CALL(preadv),
	CALL(write),
	CALL(writev),
	CALL(pwrite64),
	CALL(pwritev),
	CALL(pwritev2),
	CALL(lseek),
	CALL(close),
	CALL(open),
	CALL(openat),
	CALL(stat),
	CALL(lstat),
	CALL(fstat),
	CALL(newfstatat),
	CALL(statx),
	CALL(statfs),
	CALL(fstatfs),
	CALL(access),
	CALL(faccessat),
	CALL(faccessat2),
	CALL(readlink),
	CALL(readlinkat),
	CALL(getdents64),
	CALL(getcwd),
	CALL(unlink),
	CALL(unlinkat),
	CALL(rename),
	CALL(renameat),
	CALL(renameat2),
	CALL(mkdir),
	CALL(mkdirat),
	CALL(fsync),
	CALL(fdatasync),
	CALL(ftruncate),
	CALL(fallocate),
	CALL(fcntl),
	CALL(flock),
	CALL(fadvise64),
	CALL(dup),
	CALL(dup2),
	CALL(dup3),
	CALL(pipe),
	CALL(pipe2),
	CALL(fchmod),
	CALL(umask),
	// memory; mmap and mprotect have rules of their own
	CALL(munmap),
	CALL(mremap),
	CALL(madvise),
	CALL(brk),
	CALL(mlock),
	CALL(mlock2),
	CALL(munlock),
	CALL(mincore),
	CALL(memfd_create),
	// threads, signals, time
	CALL(futex),
	CALL(set_robust_list),
	CALL(rseq),
	CALL(set_tid_address),
	CALL(sched_yield),
	CALL(sched_getaffinity),
	CALL(sched_setaffinity),
	CALL(sched_getparam),
	CALL(sched_getscheduler),
	CALL(sched_get_priority_max),
	CALL(sched_get_priority_min),
	CALL(membarrier),
	CALL(getcpu),
	CALL(gettid),
	CALL(getpid),
	CALL(getppid),
	CALL(exit),
	CALL(exit_group),
	CALL(rt_sigaction),
	CALL(rt_sigprocmask),
	CALL(rt_sigreturn),
	CALL(rt_sigtimedwait),
	CALL(rt_sigpending),
	CALL(sigaltstack),
	CALL(restart_syscall),
	CALL(clock_gettime),
	CALL(clock_getres),
	CALL(gettimeofday),
	CALL(time),
	CALL(nanosleep),
	CALL(clock_nanosleep),
	CALL(timerfd_create),
	CALL(timerfd_settime),
	CALL(timerfd_gettime),
	// waiting
	CALL(poll),
	CALL(ppoll),
	CALL(select),
	CALL(pselect6),
	CALL(epoll_create),
	CALL(epoll_create1),
	CALL(epoll_ctl),
	CALL(epoll_wait),
	CALL(epoll_pwait),
	CALL(epoll_pwait2),
	CALL(eventfd2),
	CALL(signalfd4),
	// sockets; socket has a rule of its own. bind: the C library's netlink sockets
	CALL(connect),
	CALL(bind),
	CALL(accept),
	CALL(accept4),
	CALL(getsockname),
	CALL(getpeername),
	CALL(getsockopt),
	CALL(setsockopt),
	CALL(sendto),
	CALL(recvfrom),
	CALL(sendmsg),
	CALL(recvmsg),
	CALL(sendmmsg),
	CALL(recvmmsg),
	CALL(shutdown),
	// questions
	CALL(getrandom),
	CALL(uname),
	CALL(sysinfo),
	CALL(getrlimit),
	CALL(getrusage),
	CALL(getuid),
	CALL(geteuid),
	CALL(getgid),
	CALL(getegid),
	CALL(capget),
};

static const int control[] = {
	CALL(listen), // a reload may add a network element
};

static const int dataplane[] = {
	// the EAL, when it needs more memory
	CALL(mbind),
	CALL(get_mempolicy),
	CALL(set_mempolicy),
	CALL(move_pages),
	// is the clock synchronised? It cannot be set without CAP_SYS_TIME
	CALL(adjtimex),
	CALL(clock_adjtime),
};

static const int deadly[] = {CALL(execve), CALL(execveat), CALL(ptrace), CALL(process_vm_readv),
	CALL(process_vm_writev), CALL(bpf), CALL(init_module), CALL(finit_module), CALL(kexec_load),
	CALL(kexec_file_load), CALL(open_by_handle_at), CALL(perf_event_open)};

static int allow(scmp_filter_ctx f, const int *calls, size_t n)
{
	int rc = 0;

	for (size_t i = 0; i < n && !rc; i++)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, calls[i], 0);
	return rc;
}

static int add(scmp_filter_ctx f, int call, struct scmp_arg_cmp first)
{
	return seccomp_rule_add(f, SCMP_ACT_ALLOW, call, 1, first);
}

// Nothing is made executable that was written: code comes from files or not at all.
static int allow_memory(scmp_filter_ctx f)
{
	int rc = add(f, CALL(mmap), SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));

	rc = rc ? rc : add(f, CALL(mmap), SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_WRITE, 0));
	return rc ? rc : add(f, CALL(mprotect), SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
}

// Threads, not processes. clone3 hides its flags behind a pointer: the C library takes clone then.
static int allow_threads(scmp_filter_ctx f)
{
	int rc = add(f, CALL(clone), SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));

	rc = rc ? rc : seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), CALL(clone3), 0);
	// abort() and the like, to ourselves only; signal 0 asks whether a process is there
	rc = rc ? rc : add(f, CALL(tgkill), IS(0, getpid()));
	return rc;
}

// poi-events speaks to its own machine alone.
static int allow_sockets(scmp_filter_ctx f, enum sandbox_role role)
{
	static const int families[] = {AF_UNIX, AF_INET, AF_INET6};
	const size_t n = role == SANDBOX_EVENTS ? 1 : N(families);
	static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
	int rc = 0;

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < N(types) && !rc; k++)
			rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, CALL(socket), 2,
				IS(0, families[i]),
				SCMP_A1(SCMP_CMP_MASKED_EQ, 0xf, (scmp_datum_t)types[k]));
	// which addresses this host has: getaddrinfo
	if (role != SANDBOX_EVENTS && !rc)
		rc = seccomp_rule_add(
			f, SCMP_ACT_ALLOW, CALL(socket), 2, IS(0, AF_NETLINK), IS(2, 0));
	return rc ? rc : add(f, CALL(socketpair), IS(0, AF_UNIX));
}

static int allow_questions(scmp_filter_ctx f)
{
	static const int options[] = {PR_SET_NAME, PR_GET_NAME, 0x53564d41}; // PR_SET_VMA: names
	int rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, CALL(prlimit64), 2, IS(0, 0), IS(2, 0));

	for (size_t i = 0; i < N(options) && !rc; i++)
		rc = add(f, CALL(prctl), IS(0, options[i]));
	return rc;
}

// Drivers speak to their devices by ioctl; control has none. Only lists of what is allowed: the
// kernel looks at the lower half of the number, a comparison here at all of it, so "not this one"
// would not hold.
static int allow_ioctl(scmp_filter_ctx f, enum sandbox_role role)
{
	static const unsigned long few[] = {
		FIONREAD, FIONBIO, TCGETS, TIOCOUTQ, SIOCGIFNAME, SIOCGIFINDEX, SIOCGIFFLAGS};
	static const struct {
		unsigned long mask, value;
	} drivers[] = {
		{0xff00, 0x8900},	  // interfaces
		{0xff00, 0x3b00},	  // VFIO
		{0xff00, 0xaf00},	  // vhost
		{0xff00, 0x1b00},	  // RDMA, which mlx5 is built on
		{0xc000ff00, 0x40005400}, // TUN: the numbers of terminals have no direction
		{0xc000ff00, 0x80005400},
	};
	int rc = 0;

	for (size_t i = 0; i < N(few) && !rc; i++)
		rc = add(f, CALL(ioctl), IS(1, few[i]));
	for (size_t i = 0; role == SANDBOX_DATAPLANE && i < N(drivers) && !rc; i++)
		rc = add(f, CALL(ioctl),
			SCMP_A1(SCMP_CMP_MASKED_EQ, drivers[i].mask, drivers[i].value));
	return rc;
}

static int fill(scmp_filter_ctx f, enum sandbox_role role)
{
	int rc = allow(f, both, N(both));

	if (!rc && role == SANDBOX_CONTROL)
		rc = allow(f, control, N(control));
	if (!rc && role == SANDBOX_DATAPLANE)
		rc = allow(f, dataplane, N(dataplane));
	for (size_t i = 0; i < N(deadly) && !rc; i++)
		rc = seccomp_rule_add(f, SCMP_ACT_KILL_PROCESS, deadly[i], 0);
	rc = rc ? rc : allow_memory(f);
	rc = rc ? rc : allow_threads(f);
	rc = rc ? rc : allow_sockets(f, role);
	rc = rc ? rc : allow_questions(f);
	return rc ? rc : allow_ioctl(f, role);
}

int sandbox_calls_restrict(enum sandbox_role role)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(EPERM));

	if (!f)
		return POI_ERR_NOMEM;
	int rc = seccomp_attr_set(f, SCMP_FLTATR_CTL_TSYNC, 1);
	rc = rc ? rc : seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	(void)seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2); // a tree instead of a list
	rc = rc ? rc : fill(f, role);
	rc = rc ? rc : seccomp_load(f);
	seccomp_release(f);
	return rc == -EINVAL || rc == -EOPNOTSUPP ? POI_ERR_UNSUPPORTED : rc ? POI_ERR_IO : POI_OK;
}
