#include "shared/harden.h"

#include <linux/capability.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shared/error.h"
#include "shared/log.h"

int harden_limits(void)
{
	const struct rlimit none = {0, 0};

	umask(0077);
	return signal(SIGPIPE, SIG_IGN) == SIG_ERR || setrlimit(RLIMIT_CORE, &none) ? POI_ERR_IO
										    : POI_OK;
}

int harden_no_dump(void)
{
	return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) ? POI_ERR_IO : POI_OK;
}

// True without a limit to locked memory: for all, or for us as long as we keep that capability (the
// sandbox does).
static bool may_lock(void)
{
	const struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
	struct rlimit now;

	(void)setrlimit(RLIMIT_MEMLOCK, &all); // root may
	if (!getrlimit(RLIMIT_MEMLOCK, &now) && now.rlim_cur == RLIM_INFINITY)
		return true;
	return harden_capable(CAP_IPC_LOCK);
}

bool harden_capable(int capability)
{
	struct __user_cap_header_struct who = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct has[2];

	if (syscall(SYS_capget, &who, has))
		return false;
	return has[capability / 32].effective >> capability % 32 & 1;
}

void harden_lock_memory(void)
{
	if (POI_CONFINED && may_lock() && !mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT))
		return;
	log_kind(NOTICE, NOT_LOCKED,
		"memory may be swapped out: the limit of locked memory is not infinity "
		"(LimitMEMLOCK=infinity)");
}

void harden_hide(void *at, size_t octets)
{
	(void)madvise(at, octets, MADV_DONTDUMP);
}
