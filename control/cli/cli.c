// `poi`: finds the command of a command line, reads its options, and gives help.
#include "control/cli/cli.h"

#include <ctype.h>
#include <string.h>

static const char *const exit_codes =
	"Exit codes of every command: 0 all is well; 1 what was looked at is not as it has to be;\n"
	"2 the command line or the configuration is not understood; 3 a process does not answer, "
	"or\n"
	"a file cannot be read.\n";

static void help_all(FILE *out)
{
	size_t n;
	const struct cli_command *c = cli_commands(&n);

	fputs("Usage: poi COMMAND [OPTION...]\n"
	      "Looks at a point of interception: its configuration, its machine, its two "
	      "processes.\n"
	      "It changes nothing, and shows no target.\n\n",
		out);
	for (size_t i = 0; i < n; i++)
		fprintf(out, "  %-18s %s\n", c[i].name, c[i].summary);
	fputs("  help [COMMAND]     this text, or that of a command\n\n"
	      "A new machine, from the first line to the last:\n"
	      "  poi check                    what has to be done before the programs can start\n"
	      "  poi status --watch           what comes in, what matches, what is delivered\n"
	      "  poi top                      which worker and which destination is the busy "
	      "one\n\n"
	      "The configuration is " CLI_DEFAULT_FILE " unless -c FILE names another.\n",
		out);
	fputs(exit_codes, out);
}

static void help_option(FILE *out, const struct cli_option_text *o)
{
	const char *open = o->may_lack ? " [" : " ", *close = o->may_lack ? "]" : "";
	char left[64];

	snprintf(left, sizeof(left), "%s%s%s%s%s%s", o->short_name ? o->short_name : "",
		o->short_name ? ", " : "", o->name, o->argument ? open : "",
		o->argument ? o->argument : "", o->argument ? close : "");
	fprintf(out, "  %-22s %s\n", left, o->help);
}

static void help_command(FILE *out, const struct cli_command *c)
{
	fprintf(out, "Usage: poi %s%s", c->name, c->options ? " [OPTION...]" : "");
	if (c->operand)
		fprintf(out, c->operand_needed ? " %s" : " [%s]", c->operand);
	bool asks = c->summary[strlen(c->summary) - 1] == '?';
	fprintf(out, "\n%s%s\n\n%s", c->summary, asks ? "" : ".", c->help);
	if (c->options)
		fputs("\n", out);
	for (unsigned o = 0; o < OPTION_COUNT_OF; o++) {
		if (c->options & 1u << o)
			help_option(out, cli_option_text(o));
	}
	fputs("\n", out);
	fputs(exit_codes, out);
}

// --- which command ---

// Changes that make `b` out of `a`: letters put in, left out, or exchanged.
static unsigned distance(const char *a, const char *b)
{
	unsigned row[32];
	size_t n = strlen(b);

	if (n >= 31 || strlen(a) >= 31)
		return 99;
	for (size_t j = 0; j <= n; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; a[i - 1]; i++) {
		unsigned diagonal = row[0];
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= n; j++) {
			unsigned above = row[j], best = diagonal + (a[i - 1] != b[j - 1]);
			if (above + 1 < best)
				best = above + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			diagonal = above;
			row[j] = best;
		}
	}
	return row[n];
}

static int unknown(const char *text)
{
	size_t n;
	const struct cli_command *c = cli_commands(&n), *near = NULL;
	unsigned best = 4;

	for (size_t i = 0; i < n; i++) {
		char first[32];
		snprintf(first, sizeof(first), "%s", c[i].name);
		first[strcspn(first, " ")] = '\0';
		unsigned d = distance(text, c[i].name), e = distance(text, first);
		// One that was begun, or went on, is meant.
		if (!strncmp(c[i].name, text, strlen(text)) ||
			!strncmp(c[i].name, text, strlen(c[i].name)))
			d = 0;
		if ((d < e ? d : e) < best) {
			best = d < e ? d : e;
			near = &c[i];
		}
	}
	fprintf(stderr, "poi: there is no command \"%.60s\"", text);
	if (near)
		fprintf(stderr, "; did you mean \"poi %s\"?", near->name);
	fputs("\nTry: poi help\n", stderr);
	return CLI_USAGE;
}

// The command whose words stand at argv[0..]; *words how many.
static const struct cli_command *find(int argc, char **argv, int *words)
{
	size_t n;
	const struct cli_command *c = cli_commands(&n);

	for (size_t i = 0; i < n; i++) {
		const char *space = strchr(c[i].name, ' ');
		size_t first = space ? (size_t)(space - c[i].name) : strlen(c[i].name);
		if (argc < (space ? 2 : 1) || strlen(argv[0]) != first ||
			strncmp(argv[0], c[i].name, first) != 0)
			continue;
		if (space && strcmp(argv[1], space + 1) != 0)
			continue;
		*words = space ? 2 : 1;
		return &c[i];
	}
	return NULL;
}

static int help(int argc, char **argv)
{
	int words;
	const struct cli_command *c = argc ? find(argc, argv, &words) : NULL;

	if (argc && !c) {
		char text[128];
		snprintf(text, sizeof(text), "%s%s%s", argv[0], argc > 1 ? " " : "",
			argc > 1 ? argv[1] : "");
		return unknown(text);
	}
	if (c)
		help_command(stdout, c);
	else
		help_all(stdout);
	return CLI_OK;
}

// --- its options ---

static int find_option(const struct cli_command *c, const char *text)
{
	for (unsigned o = 0; o < OPTION_COUNT_OF; o++) {
		const struct cli_option_text *t = cli_option_text(o);
		if (!(c->options & 1u << o))
			continue;
		if (!strcmp(text, t->name) || (t->short_name && !strcmp(text, t->short_name)))
			return (int)o;
	}
	return -1;
}

// Parses one argument; *i moves on over its value. False: it is no option, which was reported.
static bool take(const struct cli_command *c, int argc, char **argv, int *i, struct cli_request *r)
{
	const char *text = argv[*i];
	int o = find_option(c, text);

	if (o < 0 && text[0] != '-' && c->operand && !r->operand) {
		r->operand = text;
		return true;
	}
	if (o < 0) {
		fprintf(stderr, "poi: \"%.60s\" is no option of poi %s; try: poi help %s\n", text,
			c->name, c->name);
		return false;
	}
	const struct cli_option_text *t = cli_option_text((enum cli_option)o);
	r->given[o] = true;
	if (!t->argument)
		return true;
	if (*i + 1 < argc && (!t->may_lack || isdigit((unsigned char)argv[*i + 1][0]))) {
		r->value[o] = argv[++*i];
	} else if (!t->may_lack) {
		fprintf(stderr, "poi: %s needs a value: %s %s\n", text, text, t->argument);
		return false;
	}
	return true;
}

static int run(const struct cli_command *c, int argc, char **argv)
{
	struct cli_request r = {0};

	r.commands = cli_commands(&r.n_commands);

	for (int i = 0; i < argc; i++) {
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
			help_command(stdout, c);
			return CLI_OK;
		}
	}
	for (int i = 0; i < argc; i++) {
		if (!take(c, argc, argv, &i, &r))
			return CLI_USAGE;
	}
	if (c->operand_needed && !r.operand) {
		fprintf(stderr, "poi: poi %s needs %s; try: poi help %s\n", c->name, c->operand,
			c->name);
		return CLI_USAGE;
	}
	r.config = r.given[OPTION_CONFIG] ? r.value[OPTION_CONFIG] : CLI_DEFAULT_FILE;
	int code = c->run(&r);
	if (fflush(stdout) && code == CLI_OK)
		code = CLI_UNREACHABLE;
	return code;
}

int main(int argc, char **argv)
{
	int words;

	if (argc < 2) {
		help_all(stderr);
		return CLI_USAGE;
	}
	if (!strcmp(argv[1], "help") || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return help(argc - 2, argv + 2);
	if (!strcmp(argv[1], "--version"))
		argv[1] += 2;
	const struct cli_command *c = find(argc - 1, argv + 1, &words);
	return c ? run(c, argc - 1 - words, argv + 1 + words) : unknown(argv[1]);
}
