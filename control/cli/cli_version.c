// `poi version`: the programs beside this one, their libraries, and what runs.
#include "control/cli/cli.h"

#include <libgen.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "control/cli/cli_peer.h"
#include "control/audit/json.h"
#include "shared/version.h"

#define LINE_MAX_OCTETS 512

// Where the programs may lie as seen from this one: installed beside each other, or in a build
// folder.
static const char *const places[] = {"%s/%s", "%s/../%s", "%s/../../dataplane/%s"};

static bool program(const char *name, char *out, size_t size)
{
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n <= 0)
		return false;
	self[n] = '\0';
	const char *folder = dirname(self);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		int length = snprintf(out, size, places[i], folder, name);
#pragma GCC diagnostic pop
		if (length > 0 && (size_t)length < size && access(out, X_OK) == 0)
			return true;
	}
	return false;
}

// The first line of `program --version` in `line`; false when it does not come.
static bool ask_version(const char *path, char line[LINE_MAX_OCTETS])
{
	char *argv[] = {(char *)path, (char *)"--version", NULL}, *environment[] = {NULL};
	posix_spawn_file_actions_t actions;
	int pipes[2], status;
	pid_t pid;

	if (pipe(pipes) || posix_spawn_file_actions_init(&actions))
		return false;
	bool begun = !posix_spawn_file_actions_adddup2(&actions, pipes[1], STDOUT_FILENO) &&
		     !posix_spawn_file_actions_addclose(&actions, pipes[0]) &&
		     !posix_spawn(&pid, path, &actions, NULL, argv, environment);
	posix_spawn_file_actions_destroy(&actions);
	close(pipes[1]);
	FILE *in = fdopen(pipes[0], "r");
	bool said = begun && in && fgets(line, LINE_MAX_OCTETS, in);
	if (in)
		fclose(in);
	if (begun)
		waitpid(pid, &status, 0);
	if (said)
		line[strcspn(line, "\n")] = '\0';
	return said;
}

static const char *state_text(enum cli_peer_state s)
{
	switch (s) {
	case CLI_PEER_AWAY:
		return "does not run";
	case CLI_PEER_OURS:
		return "runs, same channel version";
	case CLI_PEER_FOREIGN:
		return "runs with another channel version: restart it";
	case CLI_PEER_DENIED:
		return "runs, but does not serve this user";
	case CLI_PEER_SILENT:
		return "runs, but does not answer";
	case CLI_PEER_BROKEN:
		return "cannot be asked";
	}
	return "";
}

struct row {
	const char *name, *socket;
	char text[LINE_MAX_OCTETS]; // "" when the program was not found
	enum cli_peer_state state;
	char software[32];
};

static void fill(struct row *row, const struct config *c)
{
	char path[4096];

	if (!program(row->name, path, sizeof(path)) || !ask_version(path, row->text))
		snprintf(row->text, sizeof(row->text), "%s is not installed beside this program",
			row->name);
	row->state = c ? cli_peer_state(c, row->socket, row->software) : CLI_PEER_AWAY;
}

static int print_json(const struct row *rows, size_t n)
{
	struct json j = {0};

	json_object(&j, NULL);
	json_string(&j, "version", POI_VERSION);
	json_u64(&j, "channel", CHANNEL_VERSION);
	json_string(&j, "x1", POI_X1_VERSION);
	json_string(&j, "openssl", OpenSSL_version(OPENSSL_VERSION_STRING));
	for (size_t i = 0; i < n; i++) {
		json_object(&j, rows[i].name);
		json_string(&j, "text", rows[i].text);
		json_bool(&j, "running", rows[i].state != CLI_PEER_AWAY);
		json_bool(&j, "same_channel", rows[i].state == CLI_PEER_OURS);
		json_end_object(&j);
	}
	json_end_object(&j);
	json_newline(&j);
	int rc = j.error || fputs(j.text, stdout) < 0 ? POI_ERR_IO : 0;
	json_free(&j);
	return rc;
}

int cli_version(const struct cli_request *r)
{
	struct row rows[] = {{.name = "poi-control", .socket = "control.sock"},
		{.name = "poi-dataplane", .socket = "dataplane.sock"}};
	size_t n = sizeof(rows) / sizeof(rows[0]);
	char why[1024];
	// Without one, the programs alone: what runs lies in the configured folder.
	struct config *c = config_load(r->config, why, sizeof(why));
	int code = CLI_OK;

	for (size_t i = 0; i < n; i++) {
		fill(&rows[i], c);
		if (rows[i].state == CLI_PEER_FOREIGN)
			code = CLI_NOT_OK;
	}
	if (r->given[OPTION_JSON]) {
		if (print_json(rows, n))
			code = CLI_UNREACHABLE;
	} else {
		printf("poi %s, X1 %s, channel %u; OpenSSL %s\n", POI_VERSION, POI_X1_VERSION,
			(unsigned)CHANNEL_VERSION, OpenSSL_version(OPENSSL_VERSION_STRING));
		for (size_t i = 0; i < n; i++)
			puts(rows[i].text);
		for (size_t i = 0; c && i < n; i++)
			printf("%s %s%s%s\n", rows[i].name, state_text(rows[i].state),
				rows[i].software[0] ? ", version " : "", rows[i].software);
	}
	if (!c && r->given[OPTION_CONFIG]) {
		fprintf(stderr, "poi: %s\n", why);
		code = CLI_USAGE;
	}
	config_free(c);
	return code;
}
