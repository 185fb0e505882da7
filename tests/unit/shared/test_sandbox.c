// Each case confines a child with the rules of one program and lets it try. Nothing of the product
// can be asked to do these things, so the module is.

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/harden.h"
#include "shared/sandbox.h"

static char folder[] = "/tmp/poi-sandbox-XXXXXX", other[] = "/tmp/poi-elsewhere-XXXXXX";

static void touch(const char *in, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", in, name);
	close(open(path, O_CREAT | O_WRONLY, 0600));
}

static void begin(void)
{
	if (!POI_CONFINED)
		cr_skip_test("built without the sandbox (sanitizers or coverage)");
	cr_assert_not_null(mkdtemp(folder));
	cr_assert_not_null(mkdtemp(other));
	touch(folder, "there");
	touch(other, "there");
}

static void end(void)
{
	char command[256];

	snprintf(command, sizeof(command), "rm -rf %s %s", folder, other);
	cr_assert_eq(system(command), 0);
}

static void enter(enum sandbox_role role)
{
	char why[256] = "";
	struct sandbox *s = sandbox_new(role);

	if (!s || sandbox_write(s, folder) || sandbox_write(s, "/etc/not-there") ||
		sandbox_enter(s, why, sizeof(why))) {
		fprintf(stderr, "%s\n", why);
		_exit(99);
	}
	sandbox_free(s);
}

// Result of `act` in a confined child (0: it worked, else errno), or minus the signal that ended
// it.
static int tried_as(enum sandbox_role role, int (*act)(void))
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		enter(role);
		_exit(act() < 0 ? errno : 0);
	}
	cr_assert_eq(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

#define TRIED(role, act, what)                                                      \
	do {                                                                        \
		int got = tried_as(role, act);                                      \
		cr_assert_eq(got, what, #act " of " #role ": %d (%s), not %d", got, \
			strerror(abs(got)), what);                                  \
	} while (0)
#define BOTH(act, what)                              \
	do {                                         \
		TRIED(SANDBOX_CONTROL, act, what);   \
		TRIED(SANDBOX_DATAPLANE, act, what); \
	} while (0)

static int open_in(const char *in, const char *name, int flags)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", in, name);
	return open(path, flags, 0600);
}

static int open_shadow(void)
{
	return open("/etc/shadow", O_RDONLY);
}

static int open_elsewhere(void)
{
	return open_in(other, "there", O_RDONLY);
}

static int make_elsewhere(void)
{
	return open_in(other, "new", O_CREAT | O_WRONLY);
}

static int remove_elsewhere(void)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/there", other);
	return unlink(path);
}

static int list_root(void)
{
	return open("/", O_RDONLY | O_DIRECTORY);
}

static int write_module(void)
{
	return open("/usr/lib/poi-was-here", O_CREAT | O_WRONLY, 0600);
}

static int resolver_files(void)
{
	return access("/etc/hosts", F_OK) ? 0 : open("/etc/hosts", O_RDONLY);
}

// File work of a store, a spool and an audit log.
static int work_with_files(void)
{
	char path[256], aside[256];
	int fd = open_in(folder, "new", O_CREAT | O_EXCL | O_RDWR);

	if (fd < 0 || pwrite(fd, "x", 1, 0) != 1 || ftruncate(fd, 0) || fallocate(fd, 0, 0, 4096) ||
		fsync(fd) || fdatasync(fd) || close(fd))
		return -1;
	snprintf(path, sizeof(path), "%s/there", folder);
	snprintf(aside, sizeof(aside), "%s/new", folder);
	fd = open(folder, O_RDONLY | O_DIRECTORY);
	if (rename(aside, path) || fd < 0 || fsync(fd))
		return -1;
	return unlink(path);
}

Test(sandbox, files, .init = begin, .fini = end)
{
	BOTH(open_shadow, EACCES);
	BOTH(open_elsewhere, EACCES);
	BOTH(make_elsewhere, EACCES);
	BOTH(remove_elsewhere, EACCES);
	BOTH(list_root, EACCES);
	BOTH(write_module, EACCES);
	BOTH(resolver_files, 0);
	touch(folder, "there");
	TRIED(SANDBOX_CONTROL, work_with_files, 0);
	touch(folder, "there");
	TRIED(SANDBOX_DATAPLANE, work_with_files, 0);
}

static int run_program(void)
{
	char *const argv[] = {"true", NULL};

	return execv("/bin/true", argv);
}

static int trace_parent(void)
{
	return (int)ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
}

static int read_parent(void)
{
	char octet;
	struct iovec to = {&octet, 1}, from = {&octet, 1};

	return (int)process_vm_readv(getppid(), &to, 1, &from, 1, 0);
}

static int fork_child(void)
{
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	return child;
}

static int signal_parent(void)
{
	return kill(getppid(), 0);
}

static int writable_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		       0) == MAP_FAILED
		       ? -1
		       : 0;
}

static int code_of_data(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? 0 : mprotect(p, 4096, PROT_READ | PROT_EXEC);
}

static int packet_socket(void)
{
	return socket(AF_PACKET, SOCK_RAW, 0);
}

static int raw_socket(void)
{
	return socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
}

static int netfilter_socket(void)
{
	return socket(AF_NETLINK, SOCK_RAW, 12);
}

static int route_socket(void)
{
	return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);
}

static int mount_something(void)
{
	return (int)syscall(SYS_mount, "none", folder, "tmpfs", 0, NULL);
}

static int new_namespace(void)
{
	return unshare(CLONE_NEWUSER);
}

static int set_clock(void)
{
	struct timeval now;

	gettimeofday(&now, NULL);
	return settimeofday(&now, NULL);
}

static int raise_core_limit(void)
{
	const struct rlimit all = {4096, 4096};

	return setrlimit(RLIMIT_CORE, &all);
}

static int type_for_a_user(void)
{
	return ioctl(0, TIOCSTI, "x");
}

// The kernel takes the lower half of the number.
static int type_in_disguise(void)
{
	return (int)syscall(SYS_ioctl, 0, 0x100000000ul | TIOCSTI, "x");
}

static int ask_interface(void)
{
	struct ifreq r = {.ifr_name = "lo"};

	return ioctl(socket(AF_UNIX, SOCK_DGRAM, 0), SIOCGIFFLAGS, &r);
}

static int listen_tcp(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	at.sin_port = htons(0);
	return fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) ? -1 : listen(fd, 1);
}

static int privileged_port(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(0x7f4d2a01)}};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	at.sin_port = htons(443);
	return bind(fd, (struct sockaddr *)&at, sizeof(at));
}

Test(sandbox, what_an_attacker_tries, .init = begin, .fini = end, .timeout = 60)
{
	BOTH(run_program, -SIGSYS);
	BOTH(trace_parent, -SIGSYS);
	BOTH(read_parent, -SIGSYS);
	BOTH(fork_child, EPERM);
	BOTH(signal_parent, EPERM);
	BOTH(writable_code, EPERM);
	BOTH(code_of_data, EPERM);
	BOTH(packet_socket, EPERM);
	BOTH(raw_socket, EPERM);
	BOTH(netfilter_socket, EPERM);
	BOTH(mount_something, EPERM);
	BOTH(new_namespace, EPERM);
	BOTH(set_clock, EPERM);
	BOTH(raise_core_limit, EPERM);
	BOTH(type_for_a_user, EPERM);
	BOTH(type_in_disguise, EPERM);
	TRIED(SANDBOX_DATAPLANE, listen_tcp, EACCES);
	TRIED(SANDBOX_DATAPLANE, privileged_port, EACCES);
}

static int work_with_sockets(void)
{
	int one = 1, pair[2], fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	return fd < 0 || setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one)) ||
			       socket(AF_INET, SOCK_DGRAM, 0) < 0 ||
			       socket(AF_UNIX, SOCK_SEQPACKET, 0) < 0 || route_socket() < 0 ||
			       socketpair(AF_UNIX, SOCK_STREAM, 0, pair)
		       ? -1
		       : 0;
}

static void *nothing(void *unused)
{
	return unused;
}

static int make_thread(void)
{
	pthread_t t;

	return pthread_create(&t, NULL, nothing, NULL) || pthread_join(t, NULL) ? -1 : 0;
}

static int allocate(void)
{
	for (size_t n = 1; n < 64u << 20; n *= 2) {
		void *p = malloc(n);
		if (!p)
			return -1;
		memset(p, 1, n);
		free(p);
	}
	return 0;
}

Test(sandbox, what_a_working_day_needs, .init = begin, .fini = end)
{
	BOTH(work_with_sockets, 0);
	BOTH(make_thread, 0);
	BOTH(ask_interface, 0);
	BOTH(allocate, 0);
	TRIED(SANDBOX_CONTROL, listen_tcp, 0);
	if (harden_capable(CAP_NET_BIND_SERVICE))
		TRIED(SANDBOX_CONTROL, privileged_port, 0);
}

static _Atomic int opened,
	finished; // relaxed go signal, then release by the thread, acquire by main

static void *try_later(void *unused)
{
	while (!atomic_load_explicit(&opened, memory_order_relaxed))
		;
	int fd = open_elsewhere(), error = fd < 0 ? errno : 0;
	int capable = harden_capable(CAP_SYS_ADMIN) || harden_capable(CAP_DAC_OVERRIDE);
	int packet = socket(AF_PACKET, SOCK_RAW, 0) < 0 ? errno : 0;
	atomic_store_explicit(&finished,
		capable				     ? 1
		: error == EACCES && packet == EPERM ? 2
						     : 3,
		memory_order_release);
	return NULL;
}

// A thread that was there before, and never makes a system call by itself, is confined with the
// rest.
static int old_thread(void)
{
	atomic_store_explicit(&opened, 1, memory_order_relaxed);
	while (!atomic_load_explicit(&finished, memory_order_acquire))
		;
	errno = atomic_load_explicit(&finished, memory_order_acquire);
	return -1;
}

Test(sandbox, threads_that_were_there_before, .init = begin, .fini = end, .timeout = 60)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		pthread_t t;
		if (pthread_create(&t, NULL, try_later, NULL))
			_exit(98);
		enter(SANDBOX_DATAPLANE);
		old_thread();
		_exit(errno);
	}
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert(WIFEXITED(status));
	cr_assert_eq(WEXITSTATUS(status), 2, "%d", WEXITSTATUS(status));
}

static void *block_all(void *unused)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	pause();
	return NULL;
}

Test(sandbox, a_thread_that_does_not_answer_is_an_error, .init = begin, .fini = end)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		pthread_t t;
		char why[256] = "";
		struct sandbox *s = sandbox_new(SANDBOX_CONTROL);
		if (pthread_create(&t, NULL, block_all, NULL))
			_exit(98);
		usleep(100000);
		int rc = sandbox_enter(s, why, sizeof(why));
		_exit(rc == POI_ERR_IO && strstr(why, "could not be confined") ? 1 : 2);
	}
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert_eq(WEXITSTATUS(status), 1);
}
