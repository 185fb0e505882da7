// Every command of `poi`: the one table that help, completion and the tests read.
#include "control/cli/cli.h"

#define O(option) (1u << (option))

static const struct cli_command commands[] = {
	{"check", "Is everything there that the programs need? Starts nothing",
		O(OPTION_CONFIG) | O(OPTION_JSON), "FILE", false,
		"Looks at the configuration, certificates and keys, ports, CPUs, hugepages, NICs, "
		"the\n"
		"clock, swap, folders and disks. Each line begins with ok, hint, warn or FAIL "
		"and\n"
		"names what to type or change. FAIL: the programs would not start, or not do "
		"their\n"
		"work. warn: they would, within the limit that the line names. hint: all works, "
		"and could be\n"
		"better. No target and no key is printed.\n\n"
		"  poi check                    the installed configuration\n"
		"  poi check new.yaml           one that is not in place yet\n"
		"  poi check | grep -E '^(warn|FAIL)'  only what is left to do\n",
		cli_check},
	{"status", "Counters and state of both processes, on one screen",
		O(OPTION_CONFIG) | O(OPTION_JSON) | O(OPTION_WATCH) | O(OPTION_COUNT), NULL, false,
		"Packets by what became of them, matches, copies by where they are, the ledger, "
		"every\n"
		"destination with its state and last error, ports, X1. Exit code 1 when the "
		"ledger's\n"
		"sums do not hold, 3 when a process does not answer. With --json every field is "
		"there\n"
		"always; what is not known is null.\n\n"
		"  poi status\n"
		"  poi status --watch 1         live, with Mpps, matches and Gbit/s\n"
		"  poi status --json | jq .ledger.balanced\n",
		cli_status},
	{"top", "The busiest workers and destinations, live",
		O(OPTION_CONFIG) | O(OPTION_JSON) | O(OPTION_SECONDS) | O(OPTION_COUNT), NULL,
		false,
		"Each worker with its CPU and memory node, the share of its time in which it has\n"
		"packets in hand, and what it costs it a packet; each destination with its rates.\n"
		"A worker near 100 % begins to lose frames (its port's missed grows): add CPUs to\n"
		"dataplane.workers. One busy among idle ones: the port does not spread its "
		"frames.\n\n"
		"  poi top\n"
		"  poi top --seconds 10 --count 1\n",
		cli_top},
	{"health", "Does a process run and answer? For a supervisor's probes",
		O(OPTION_CONFIG) | O(OPTION_READY), "PROGRAM", true,
		"PROGRAM is control or dataplane. Exit code 0: it answers. 3: it does not, within "
		"five\n"
		"seconds, or it is not ready. Cheap: one question, whatever the number of tasks. "
		"A\n"
		"fault, a silent MDF or a ledger that does not balance is no reason to restart a "
		"process;\n"
		"see poi status for those. Ready is a dataplane whose workers poll their ports, "
		"and a\n"
		"control that holds all tasks and is connected to a dataplane.\n\n"
		"  poi health dataplane\n"
		"  poi health control --ready\n",
		cli_health},
	{"config dump", "The effective configuration, every key with its meaning", O(OPTION_CONFIG),
		"FILE", false,
		"Defaults are filled in. What it prints is accepted as a configuration.\n\n"
		"  poi config dump\n"
		"  diff <(poi config dump old.yaml) <(poi config dump new.yaml)\n",
		cli_config_dump},
	{"config describe", "Every key: path, type, default and meaning", 0, NULL, false,
		"One line a key, separated by tabs.\n\n"
		"  poi config describe | grep ^delivery\n",
		cli_config_describe},
	{"audit verify", "Is the audit log whole?",
		O(OPTION_CONFIG) | O(OPTION_FILE) | O(OPTION_KEY) | O(OPTION_HEAD), NULL, false,
		"Follows the chain of MACs from the first line to the last. With the key a "
		"changed,\n"
		"missing or added line is found; without it accidents only. poi-control notes the "
		"head\n"
		"in the journal every minute: with --head a log that was cut at its end is found "
		"too.\n"
		"Exit code 1 with findings, 3 when the log or the key cannot be read.\n\n"
		"  poi audit verify\n"
		"  poi audit verify --file audit.jsonl --key audit.key\n"
		"  journalctl -t poi-control | grep -o 'head [0-9a-f]*' | tail -1\n"
		"  poi audit verify --head HEX\n",
		cli_audit_verify},
	{"bench", "Measures this machine, in under ten seconds",
		O(OPTION_CONFIG) | O(OPTION_JSON) | O(OPTION_SECONDS), NULL, false,
		"Measures on one core, beside whatever runs: AES-GCM, sealing TLS records, memory, "
		"X1's\n"
		"TLS handshake with the configured certificates, and how long the audit log's disk "
		"takes\n"
		"to make a line durable; and, where poi-dataplane runs, what a packet costs its "
		"workers\n"
		"now. Names what each figure bounds. Changes nothing; a file of a few KiB beside "
		"the audit\n"
		"log is written and removed again.\n\n"
		"  poi bench\n"
		"  poi bench --seconds 3 --json\n",
		cli_bench},
	{"version", "Versions of the programs and their libraries, and of those that run",
		O(OPTION_CONFIG) | O(OPTION_JSON), NULL, false,
		"Exit code 1 when a running process speaks another version of the channel.\n\n"
		"  poi version\n",
		cli_version},
	{"completion", "Completion for a shell: bash or zsh", 0, "SHELL", true,
		"Written to stdout; the package installs both.\n\n"
		"  poi completion bash > /usr/share/bash-completion/completions/poi\n"
		"  poi completion zsh > /usr/share/zsh/vendor-completions/_poi\n",
		cli_completion},
};

const struct cli_command *cli_commands(size_t *n)
{
	*n = sizeof(commands) / sizeof(commands[0]);
	return commands;
}
