// Results of `poi` for processes that are away, silent or in motion.
#include <criterion/criterion.h>

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control/cli/cli_peer.h"

static char folder[64];
static struct config config = {.runtime_dir = folder};
static pid_t child;

static void setup(void)
{
	strcpy(folder, "/tmp/test_peer.XXXXXX");
	cr_assert_not_null(mkdtemp(folder));
	child = 0;
}

static void teardown(void)
{
	char command[100];

	if (child)
		kill(child, SIGKILL);
	if (child)
		waitpid(child, NULL, 0);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	cr_assert_eq(system(command), 0);
}

TestSuite(peer, .init = setup, .fini = teardown, .timeout = 30);

static int reply(uint8_t *out, size_t size, const struct channel_header *h, unsigned *statuses,
	unsigned wrong)
{
	static struct channel_status status = {.tasks = 3};
	static struct channel_workers workers;
	static struct channel_signalling signalling;
	static struct channel_functions functions;
	struct channel_hello hello = {.version = CHANNEL_VERSION, .role = CHANNEL_ROLE_OBSERVER};

	switch (h->id) {
	case CHANNEL_HELLO:
		return channel_encode_hello(out, size, CHANNEL_HELLO_OK, h->request, &hello);
	case CHANNEL_STATUS_GET:
		status.balanced = (*statuses)++ >= wrong;
		return channel_encode_status(out, size, CHANNEL_STATUS, h->request, &status);
	case CHANNEL_WORKERS_GET:
		return channel_encode_workers(out, size, CHANNEL_WORKERS, h->request, &workers);
	case CHANNEL_SIGNALLING_GET:
		return channel_encode_signalling(
			out, size, CHANNEL_SIGNALLING, h->request, &signalling);
	case CHANNEL_FUNCTIONS_GET:
		return channel_encode_functions(
			out, size, CHANNEL_FUNCTIONS, h->request, &functions);
	default:
		return channel_encode_state_end(
			out, size, CHANNEL_STATE_END, h->request, &(struct channel_state_end){0});
	}
}

// One connection after the other; nothing is answered when `silent`.
static void serve(int listener, bool silent, unsigned wrong)
{
	static uint8_t in[CHANNEL_MESSAGE_MAX], out[CHANNEL_MESSAGE_MAX];
	unsigned statuses = 0;
	struct channel_header h;
	const uint8_t *body;
	size_t length;

	for (;;) {
		struct pollfd wait = {.fd = listener, .events = POLLIN};
		poll(&wait, 1, -1);
		int fd = channel_accept(listener);
		while (fd >= 0) {
			wait.fd = fd;
			poll(&wait, 1, -1);
			int64_t n = channel_receive(fd, in, sizeof(in));
			if (n <= 0)
				break;
			if (silent || channel_split(in, (size_t)n, &h, &body, &length))
				continue;
			int m = reply(out, sizeof(out), &h, &statuses, wrong);
			if (m < 0 || channel_send(fd, out, (size_t)m))
				_exit(1);
		}
		if (fd >= 0)
			close(fd);
	}
}

static void start(bool silent, unsigned wrong)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/dataplane.sock", folder);
	int listener = channel_listen(path);
	cr_assert_geq(listener, 0);
	child = fork();
	if (child == 0)
		serve(listener, silent, wrong);
	close(listener);
}

Test(peer, nobody_there)
{
	struct cli_picture p;
	char software[32];

	cli_picture_take(&config, true, &p);
	cr_assert_eq(p.dataplane_state, CLI_PEER_AWAY);
	cr_assert_eq(p.control_state, CLI_PEER_AWAY);
	cr_assert_str_eq(cli_peer_text(p.dataplane_state), "does not run");
	cli_picture_free(&p);
	// A socket that a killed process left behind.
	start(false, 0);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	child = 0;
	cr_assert_eq(cli_peer_state(&config, "dataplane.sock", software), CLI_PEER_AWAY);
}

Test(peer, one_that_hangs_is_no_other_user)
{
	char software[32];

	start(true, 0);
	cr_assert_eq(cli_peer_state(&config, "dataplane.sock", software), CLI_PEER_SILENT);
}

Test(peer, a_difference_that_does_not_stay_is_none)
{
	struct cli_picture p;

	start(false, 6);
	cli_picture_take(&config, true, &p);
	cr_assert(p.dataplane && !p.status.balanced, "one look");
	cli_picture_free(&p);
	cli_picture_take_settled(&config, true, &p);
	cr_assert(p.dataplane && p.status.balanced);
	cr_assert_eq(p.status.tasks, 3);
	cli_picture_free(&p);
}

Test(peer, a_difference_that_stays_is_one)
{
	struct cli_picture p;

	start(false, 1000);
	cli_picture_take_settled(&config, true, &p);
	cr_assert(p.dataplane && !p.status.balanced);
	cli_picture_free(&p);
}
