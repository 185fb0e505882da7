// `poi completion`: shell code made from the command table.
#include "control/cli/cli.h"

#include <string.h>

static size_t first_word(const char *name)
{
	return strcspn(name, " ");
}

// Each first word once; the second ones of `first`, where it is given.
static void words(const struct cli_request *r, const char *first, size_t length)
{
	const struct cli_command *c = r->commands;
	size_t n = r->n_commands;

	for (size_t i = 0; i < n; i++) {
		size_t w = first_word(c[i].name);
		if (first) {
			if (w == length && !strncmp(c[i].name, first, w) && c[i].name[w])
				printf("%s ", c[i].name + w + 1);
			continue;
		}
		if (!i || first_word(c[i - 1].name) != w ||
			strncmp(c[i - 1].name, c[i].name, w) != 0)
			printf("%.*s ", (int)w, c[i].name);
	}
}

static void options(const struct cli_command *c)
{
	for (unsigned o = 0; o < OPTION_COUNT_OF; o++) {
		if (c->options & 1u << o)
			printf("%s ", cli_option_text(o)->name);
	}
	fputs("--help", stdout);
}

// The words that an operand can be, separated by spaces. NULL: a file, or there is none.
static const char *operand_words(const struct cli_command *c)
{
	if (c->operand && !strcmp(c->operand, "SHELL"))
		return "bash zsh";
	return c->operand && !strcmp(c->operand, "PROGRAM") ? "control dataplane" : NULL;
}

static void bash(const struct cli_request *r)
{
	const struct cli_command *c = r->commands;
	size_t n = r->n_commands;

	fputs("# bash completion of poi, made by: poi completion bash\n"
	      "_poi() {\n"
	      "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words=\n"
	      "\tlocal command=${COMP_WORDS[1]} second=${COMP_WORDS[2]}\n"
	      "\tCOMPREPLY=()\n"
	      "\tif [ \"$COMP_CWORD\" = 1 ]; then\n\t\twords=\"",
		stdout);
	words(r, NULL, 0);
	fputs("help\"\n\telse\n\t\tcase $prev in\n\t\t-c", stdout);
	for (unsigned o = 0; o < OPTION_COUNT_OF; o++) {
		if (cli_option_text(o)->is_file)
			printf("|%s", cli_option_text(o)->name);
	}
	fputs(")\n\t\t\tCOMPREPLY=($(compgen -f -- \"$cur\"))\n\t\t\treturn\n\t\t\t;;\n\t\tesac\n"
	      "\t\tcase \"$command $second\" in\n",
		stdout);
	for (size_t i = 0; i < n; i++) {
		size_t w = first_word(c[i].name);
		printf("\t\t\"%s\"%s) words=\"", c[i].name, c[i].name[w] ? "*" : "\\ *");
		options(&c[i]);
		fputs("\" ;;\n", stdout);
	}
	fputs("\t\tesac\n\t\tif [ \"$COMP_CWORD\" = 2 ]; then\n\t\t\tcase $command in\n", stdout);
	for (size_t i = 0; i < n; i++) {
		size_t w = first_word(c[i].name);
		if (!c[i].name[w] || (i && !strncmp(c[i - 1].name, c[i].name, w + 1)))
			continue;
		printf("\t\t\t%.*s) words=\"", (int)w, c[i].name);
		words(r, c[i].name, w);
		fputs("\" ;;\n", stdout);
	}
	for (size_t i = 0; i < n; i++) {
		if (operand_words(&c[i]))
			printf("\t\t\t%s) words=\"%s\" ;;\n", c[i].name, operand_words(&c[i]));
	}
	fputs("\t\t\thelp) words=\"", stdout);
	words(r, NULL, 0);
	fputs("\" ;;\n\t\t\tesac\n\t\tfi\n\t\tcase $command in\n", stdout);
	for (size_t i = 0; i < n; i++) {
		if (c[i].operand && !strcmp(c[i].operand, "FILE") &&
			!c[i].name[first_word(c[i].name)])
			printf("\t\t%s) COMPREPLY=($(compgen -f -- \"$cur\")) ;;\n", c[i].name);
	}
	fputs("\t\tesac\n\tfi\n"
	      "\tCOMPREPLY+=($(compgen -W \"$words\" -- \"$cur\"))\n"
	      "}\n"
	      "complete -o filenames -F _poi poi\n",
		stdout);
}

// Text inside [ ] of an _arguments specification.
static void put_help(const char *text)
{
	for (; *text; text++) {
		if (strchr("[]:'\\", *text))
			fputs(*text == '\'' ? "'\\'" : "\\", stdout);
		fputc(*text, stdout);
	}
}

static void zsh_arguments(const struct cli_command *c)
{
	fputs("_arguments '--help[what it is for]'", stdout);
	for (unsigned o = 0; o < OPTION_COUNT_OF; o++) {
		const struct cli_option_text *t = cli_option_text(o);
		if (!(c->options & 1u << o))
			continue;
		printf(" '%s[", t->name);
		put_help(t->help);
		printf("]%s%s%s'", t->argument ? (t->may_lack ? "::" : ":") : "",
			t->argument ? t->argument : "",
			t->is_file    ? ":_files"
			: t->argument ? ":"
				      : "");
	}
	if (c->operand)
		printf(operand_words(c) ? " '*:%s:(%s)'" : " '*:%s:%s'", c->operand,
			operand_words(c) ? operand_words(c) : "_files");
}

static void zsh(const struct cli_request *r)
{
	const struct cli_command *c = r->commands;
	size_t n = r->n_commands;

	fputs("#compdef poi\n# zsh completion of poi, made by: poi completion zsh\n"
	      "_poi() {\n"
	      "\tif (( CURRENT == 2 )); then\n\t\tcompadd ",
		stdout);
	words(r, NULL, 0);
	fputs("help\n\t\treturn\n\tfi\n\tcase \"$words[2] $words[3]\" in\n", stdout);
	for (size_t i = 0; i < n; i++) {
		size_t w = first_word(c[i].name);
		bool two = c[i].name[w] != '\0';
		printf("\t\"%s\"%s) shift%s words; (( CURRENT -= %d )); ", c[i].name,
			two ? "" : "\\ *", two ? " 2" : "", two ? 2 : 1);
		zsh_arguments(&c[i]);
		fputs(" ;;\n", stdout);
	}
	for (size_t i = 0; i < n; i++) {
		size_t w = first_word(c[i].name);
		if (!c[i].name[w] || (i && !strncmp(c[i - 1].name, c[i].name, w + 1)))
			continue;
		printf("\t\"%.*s \"*) compadd ", (int)w, c[i].name);
		words(r, c[i].name, w);
		fputs(";;\n", stdout);
	}
	fputs("\thelp\\ *) compadd ", stdout);
	words(r, NULL, 0);
	fputs(";;\n\tesac\n}\n_poi \"$@\"\n", stdout);
}

int cli_completion(const struct cli_request *r)
{
	if (!strcmp(r->operand, "bash"))
		bash(r);
	else if (!strcmp(r->operand, "zsh"))
		zsh(r);
	else {
		fprintf(stderr, "poi: completion for \"%.20s\" is not known, only bash and zsh\n",
			r->operand);
		return CLI_USAGE;
	}
	return CLI_OK;
}
