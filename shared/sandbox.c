#include "shared/sandbox.h"
#include "shared/sandbox_internal.h"

#include <dirent.h>
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "shared/harden.h"
#include "shared/log.h"

#define THREADS_MAX 1024
#define THREAD_MS 2000 // for one thread to give up what it has

struct sandbox *sandbox_new(enum sandbox_role role)
{
	struct sandbox *s = calloc(1, sizeof(*s));

	if (s)
		s->role = role;
	return s;
}

void sandbox_free(struct sandbox *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n; i++)
		free(s->paths[i].path);
	free(s->paths);
	free(s);
}

static int add(struct sandbox *s, const char *path, bool write)
{
	for (size_t i = 0; i < s->n; i++) {
		if (!strcmp(s->paths[i].path, path)) {
			s->paths[i].write |= write;
			return POI_OK;
		}
	}
	if (s->n == s->capacity) {
		size_t more = s->capacity ? 2 * s->capacity : 16;
		struct sandbox_path *p = realloc(s->paths, more * sizeof(*p));
		if (!p)
			return POI_ERR_NOMEM;
		s->paths = p;
		s->capacity = more;
	}
	char *copy = strdup(path);
	if (!copy)
		return POI_ERR_NOMEM;
	s->paths[s->n++] = (struct sandbox_path){copy, write};
	return POI_OK;
}

int sandbox_write(struct sandbox *s, const char *folder)
{
	return add(s, folder, true);
}

// The folder of a file, as it is written and where its links lead.
static int folder_of(struct sandbox *s, const char *file, bool write)
{
	char copy[PATH_MAX], real[PATH_MAX];
	int rc;

	if (!file || snprintf(copy, sizeof(copy), "%s", file) >= (int)sizeof(copy))
		return POI_OK;
	rc = add(s, dirname(copy), write);
	if (rc || !realpath(file, real))
		return rc;
	return add(s, dirname(real), write);
}

static int tls_files(struct sandbox *s, const struct config_tls *t)
{
	const char *files[] = {t->certificate, t->key, t->ca, t->crl};
	int rc = POI_OK;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]) && !rc; i++)
		rc = folder_of(s, files[i], false);
	return rc;
}

int sandbox_config(struct sandbox *s, const struct config *c)
{
	int rc = folder_of(s, c->file, false);

	rc = rc ? rc : sandbox_write(s, c->runtime_dir);
	rc = rc ? rc : tls_files(s, &c->delivery.tls); // control looks at its days left
	if (s->role == SANDBOX_DATAPLANE) {
		if (!rc && c->delivery.spool.folder)
			rc = sandbox_write(s, c->delivery.spool.folder);
		return rc ? rc : folder_of(s, c->delivery.spool.key, false);
	}
	for (uint32_t i = 0; i < c->n_nes && !rc; i++)
		rc = tls_files(s, &c->nes[i].tls);
	rc = rc ? rc : folder_of(s, c->audit.file, true);
	rc = rc ? rc : folder_of(s, c->audit.key, false);
	rc = rc ? rc : folder_of(s, c->store.file, true);
	return rc ? rc : folder_of(s, c->store.key, false);
}

// --- every thread. Landlock and capabilities belong to a thread: each one is interrupted by a
// signal and gives up its own in the handler, by system calls alone. (seccomp has a flag for that.)
// ---

// The one confinement under way: written before the signals are sent, read by their handler.
static struct {
	int ruleset; // -1: none
	struct __user_cap_data_struct keep[2];
	bool less; // than there are: a service manager may have left no more, and forbid capset
	_Atomic int failed; // errno of the first thread that could not; release by it, acquire here
	// release by each thread that has finished, acquire by the waiting thread
	_Atomic uint32_t done;
} confinement;

static void give_up(void)
{
	struct __user_cap_header_struct self = {.version = _LINUX_CAPABILITY_VERSION_3};
	int before = errno;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
		(confinement.ruleset >= 0 && sandbox_files_restrict(confinement.ruleset)) ||
		prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) ||
		(confinement.less && syscall(SYS_capset, &self, confinement.keep)))
		atomic_store_explicit(&confinement.failed, errno, memory_order_release);
	errno = before;
	atomic_fetch_add_explicit(&confinement.done, 1, memory_order_release);
}

static void on_signal(int number)
{
	give_up();
}

static int wait_done(uint32_t wanted)
{
	const struct timespec ms = {.tv_nsec = 1000000};

	for (int i = 0; i < THREAD_MS; i++) {
		if (atomic_load_explicit(&confinement.done, memory_order_acquire) >= wanted)
			return POI_OK;
		nanosleep(&ms, NULL);
	}
	return POI_ERR_IO;
}

struct thread_list {
	uint32_t n;
	pid_t seen[THREADS_MAX];
};

// 1 when the thread is new, 0 when not, or an error when there are too many.
static int note_thread(struct thread_list *l, pid_t id)
{
	for (uint32_t i = 0; i < l->n; i++)
		if (l->seen[i] == id)
			return 0;
	if (l->n == THREADS_MAX)
		return POI_ERR_LIMIT;
	l->seen[l->n++] = id;
	return 1;
}

// One look at the threads; how many were new, or an error.
static int look(struct thread_list *l, int signal_number)
{
	DIR *d = opendir("/proc/self/task");
	struct dirent *e;
	int fresh = 0;

	while (d && fresh >= 0 && (e = readdir(d))) {
		pid_t id = (pid_t)strtol(e->d_name, NULL, 10);
		int rc = id > 0 ? note_thread(l, id) : 0;
		if (rc <= 0) {
			fresh = rc < 0 ? rc : fresh;
			continue;
		}
		uint32_t before = atomic_load_explicit(&confinement.done, memory_order_acquire);
		if (syscall(SYS_tgkill, getpid(), id, signal_number))
			continue; // it has ended meanwhile
		fresh = wait_done(before + 1) ? POI_ERR_IO : fresh + 1;
	}
	if (!d)
		return POI_ERR_IO;
	closedir(d);
	return fresh;
}

// Until a look finds no new thread: one that was made by a thread not yet confined is caught by the
// next look.
static int every_thread(char *why, size_t why_size)
{
	static struct thread_list list; // too large for a stack; main's thread alone
	struct sigaction act = {.sa_handler = on_signal, .sa_flags = SA_RESTART}, old;
	int number = sandbox_signal(), fresh = 0;

	// This one comes last: it has to see the others.
	list.n = 1;
	list.seen[0] = gettid();
	sigemptyset(&act.sa_mask);
	if (sigaction(number, &act, &old))
		return POI_ERR_IO;
	do
		fresh = look(&list, number);
	while (fresh > 0);
	(void)sigaction(number, &old, NULL);
	if (!fresh)
		give_up();
	int error = atomic_load_explicit(&confinement.failed, memory_order_acquire);
	if (!fresh && !error)
		return POI_OK;
	snprintf(why, why_size, "a thread could not be confined: %s; sandbox: off does without",
		error ? strerror(error) : "it does not answer");
	return POI_ERR_IO;
}

// --- all of it ---

static void keep_capability(int capability)
{
	struct __user_cap_data_struct *d = &confinement.keep[capability / 32];

	if (!harden_capable(capability))
		return;
	d->effective |= 1u << capability % 32;
	d->permitted |= 1u << capability % 32;
}

// Control keeps the capability of ports below 1024, for a network element that a reload adds. A
// process that locks memory only by a capability keeps that one, or it would get no memory.
static void keep_capabilities(enum sandbox_role role)
{
	struct rlimit locked;

	memset(confinement.keep, 0, sizeof(confinement.keep));
	if (role == SANDBOX_CONTROL)
		keep_capability(CAP_NET_BIND_SERVICE);
	if (getrlimit(RLIMIT_MEMLOCK, &locked) || locked.rlim_cur != RLIM_INFINITY)
		keep_capability(CAP_IPC_LOCK);
	struct __user_cap_header_struct self = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct has[2];
	confinement.less = syscall(SYS_capget, &self, has) != 0;
	for (int i = 0; i < 2 && !confinement.less; i++)
		confinement.less = has[i].effective != confinement.keep[i].effective ||
				   has[i].permitted != confinement.keep[i].permitted;
}

static void say(int abi, bool calls)
{
	if (abi > 0 && calls) {
		log_kind(NOTICE, CONFINED,
			"confined: system calls, files (Landlock %d), capabilities", abi);
		return;
	}
	log_kind(WARNING, NOT_CONFINED,
		"confined in part only: this kernel has no %s%s%s; the unit's own sandbox stays",
		abi > 0 ? "" : "Landlock (files are not restricted)",
		abi > 0 || calls ? "" : " and no ", calls ? "" : "seccomp");
}

int sandbox_enter(struct sandbox *s, char *why, size_t why_size)
{
	int abi;

	if (!POI_CONFINED) {
		log_kind(NOTICE, NOT_CONFINED,
			"not confined: built with sanitizers or coverage, which need more");
		return POI_OK;
	}
	int ruleset = sandbox_files_ruleset(s, &abi, why, why_size);
	if (ruleset < -1)
		return ruleset;
	confinement.ruleset = ruleset;
	atomic_store_explicit(&confinement.failed, 0, memory_order_relaxed);
	keep_capabilities(s->role);
	int rc = every_thread(why, why_size);
	if (ruleset >= 0)
		close(ruleset);
	if (rc)
		return rc;
	rc = sandbox_calls_restrict(s->role);
	if (rc && rc != POI_ERR_UNSUPPORTED) {
		snprintf(why, why_size,
			"the kernel refuses the list of system calls: %s; sandbox: off "
			"does without",
			poi_error_text(rc));
		return rc;
	}
	say(abi, rc == POI_OK);
	return POI_OK;
}
