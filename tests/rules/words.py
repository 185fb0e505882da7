"""The words of comments and texts. A comment begins with an actor or with what the code does, its verb is one of the
field, and nothing in a program is a person. Each measure has a ceiling, which only falls."""
import re

FOLDERS = ("control", "dataplane", "events", "shared", "tests")
PRODUCT = ("control", "dataplane", "events", "shared")
# A beginning without an actor: the reader has to find out what the sentence is about.
HEADLESS = re.compile(r"(What|Whatever|Who|Whose|Whom|Whoever|Whether|Which|Of|Those (who|that|which|of|with)|That which)\b")
# Verbs of persons. "known" and "unknown" are states, which programs have.
VERBS = re.compile(r"\b(tell|tells|told|telling|say|says|said|saying|hear|hears|heard|hearing|know|knows|knew|knowing)\b", re.I)
PERSONS = re.compile(r"\b(nobody|nobodys|somebody|whoever|whomever|whosoever|anybody|everybody|someone|anyone|everyone|who|whom)\b", re.I)
MEASURES = {"begins without an actor": HEADLESS.match, "has a verb of persons": VERBS.search, "has a person": PERSONS.search}
TOKEN = re.compile(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|//[^\n]*')
NAMES = re.compile(r"`[^`]*`")  # of code, in a sentence
TEXT_WORDS = 3  # a literal of fewer words is a name, not a text

# (comments or texts, measure) -> the most that the tree may have. A commit that lowers a number lowers it here.
CEILINGS = {
	("comment", "begins without an actor"): 0,
	("comment", "has a verb of persons"): 30,
	("comment", "has a person"): 1,
	("text", "begins without an actor"): 0,
	("text", "has a verb of persons"): 1,
	("text", "has a person"): 1,
}


def tokens(lines):
	"""(line number, True if it begins its line, comment or literal as it stands) of each in a C file."""
	for number, line in enumerate(lines, 1):
		for found in TOKEN.finditer(line):
			if found.group()[0] != "'":
				yield number, not line[:found.start()].strip(), found.group()


def comments(lines):
	"""(first line, text) of each comment: // lines without code that follow each other are one."""
	first, last, text = 0, -1, ""
	for number, alone, token in tokens(lines):
		if not token.startswith("//"):
			continue
		if text and alone and number == last + 1:
			last, text = number, text + " " + token[2:].strip()
			continue
		if text:
			yield first, text
		first, last, text = number, number if alone else -1, token[2:].strip()
	if text:
		yield first, text


def texts(lines):
	"""(first line, text) of each string of some words; literals that the compiler joins are one."""
	first, last, text = 0, -1, ""
	for number, alone, token in tokens(lines):
		if not token.startswith('"') or lines[number - 1].lstrip().startswith("#include"):
			continue
		if text and alone and number == last + 1 and lines[last - 1].rstrip().endswith('"'):
			last, text = number, text + token[1:-1]
			continue
		if len(text.split()) >= TEXT_WORDS:
			yield first, text
		first, last, text = number, number, token[1:-1]
	if len(text.split()) >= TEXT_WORDS:
		yield first, text


def findings(tree):
	"""({kind: how many there are}, {(kind, measure): [(file, line, text)]})"""
	total, found = {"comment": 0, "text": 0}, {key: [] for key in CEILINGS}
	for kind, read, folders in (("comment", comments, FOLDERS), ("text", texts, PRODUCT)):
		for name in tree.c_files(folders):
			for number, text in read(tree.lines(name)):
				total[kind] += 1
				for measure, test in MEASURES.items():
					if test(NAMES.sub("", text)):
						found[kind, measure].append((name, number, text))
	return total, found


def rule_words(tree):
	_, found = findings(tree)
	for key, places in found.items():
		ceiling = 0 if tree.planted else CEILINGS[key]
		if len(places) > ceiling:
			for name, number, text in places[:5] if ceiling else places:
				yield "%s:%d: a %s that %s (%d of them, at most %d): %s" % (name, number, *key, len(places), ceiling, text[:60])


SENTENCE_WORDS = 25
SENTENCES = {"docs/architecture/": 0, "docs/decisions/": 0, "docs/first-steps.md": 0, "docs/development.md": 0, "docs/delivery.md": 0, "docs/upgrade.md": 0, "docs/limits.md": 0, "": 178}  # page or folder -> too long ones
PAGE_LINES = 120  # of one page of docs/architecture
DECISION = re.compile(r"\b[Dd]ecisions?\s+(?://\s*)?((?:\d+(?:, | and )?)+)")


def sentences(lines):
	"""(line, words) of each sentence of a page: of paragraphs, items of lists and cells of tables, without code."""
	def split(number, text):
		for sentence in re.split(r"(?<=[.!?:;])\s+(?=[A-Z`*\d(\[])", text):
			yield number, len(re.sub(r"\]\([^)]*\)|[*`|]", " ", sentence).split())

	first, text, code = 0, "", False
	for number, line in enumerate(list(lines) + [""], 1):
		line = line.strip()
		fence = line.startswith("```")
		begins = not line or fence or code or line.startswith(("#", "|", "- ", "!")) or re.match(r"\d+\. ", line)
		if begins and text:
			yield from split(first, text)
			text = ""
		code ^= fence
		if code or fence or line.startswith("#"):
			continue
		if line.startswith("|"):
			for cell in line.strip("|").split("|"):
				yield from split(number, cell)
			continue
		if not text:
			first = number
		text = (text + " " + line).strip()


def rule_sentences(tree):
	"""A page's sentences are short; where they are not yet, their number may only fall."""
	found = {key: [] for key in SENTENCES}
	for name in tree.names:
		if name.endswith(".md"):
			key = next(k for k in SENTENCES if name.startswith(k))
			found[key] += [f"{name}:{number}: a sentence of {words:d} words" for number, words in sentences(tree.lines(name))
				if words > SENTENCE_WORDS]
	for key, places in found.items():
		ceiling = 0 if tree.planted else SENTENCES[key]
		if len(places) > ceiling:
			for place in places[:10] if ceiling else places:
				yield f"{place} ({len(places)} of them, at most {ceiling:d})"


def rule_decisions(tree):
	"""A decision that a comment or a test names by number has its page."""
	known = {int(n) for name in tree.names for n in re.findall(r"^docs/decisions/(\d+)-[\w-]+\.md$", name)}
	for name in tree.names:
		if not name.endswith((".c", ".h", ".py")) or name.startswith("tests/rules/"):
			continue
		text = "\n".join(tree.lines(name))
		for found in DECISION.finditer(text):
			for number in re.findall(r"\d+", found.group(1)):
				if int(number) not in known:
					yield "%s:%d: decision %s has no page" % (name, text.count("\n", 0, found.start()) + 1, number)


def rule_page_length(tree):
	for name in tree.names:
		if name.startswith("docs/architecture/") and len(tree.lines(name)) > PAGE_LINES:
			yield f"{name}: {len(tree.lines(name))} lines, at most {PAGE_LINES}"


PLANTED = {rule_words: ({
	"shared/a.c": "// Frees the ring.\n// Whoever holds it must not read.\nint a; // what it is worth\nint b; // Whose ring it is\n"
		"// Says nothing.\nint c = '\"'; // it is told once\n\n// What was sent\n// is kept.\n"
		'char *d = "ring %s: is told "\n\t"by the port", *e = "who said", *f = "What a port is";\n',
	"tests/unit/a.c": '// Who is it?\nchar *a = "nobody is there now";\n', "control/b.c": '#include "nobody a b.h"\n// unknown\n'}, 9),
	rule_sentences: ({"docs/a.md": "# %s\n\n%s.\n%s.\n\n- %s\n- %s\n\n| %s | %s |\n\n```\n%s\n```\n" % ((26 * "word ",) + 2 * (25 * "word " + "word",)
		+ (25 * "word ", 26 * "word ", 25 * "word ", 26 * "word ", 26 * "word "))}, 4),
	rule_decisions: ({"docs/decisions/01-a.md": "", "docs/decisions/03-b.md": "", "shared/a.c": "// decisions 1, 2 and 3; Decision 4,\n"
		"// decision\n// 5\n", "tests/a.py": "# Decision 3\n"}, 3),
	rule_page_length: ({"docs/architecture/a.md": "\n" * 121, "docs/architecture/b.md": "\n" * 120, "docs/a.md": "\n" * 130}, 1)}


def main():
	"""Prints the measures of the tree, and with a word of their names the places."""
	import os
	import subprocess
	import sys

	class Tree:
		planted = False

		def __init__(self, top):
			self.top = top
			self.names = subprocess.run(["git", "-C", top, "ls-files"], capture_output=True, text=True, check=True).stdout.split("\n")

		def c_files(self, folders):
			return [n for n in self.names if n.endswith((".c", ".h")) and n.split("/")[0] in folders]

		def lines(self, name):
			with open(os.path.join(self.top, name), encoding="utf-8", errors="replace") as f:
				return f.read().splitlines()

	total, found = findings(Tree(os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..")))
	for (kind, measure), places in found.items():
		print(f"{len(places):5d} of {total[kind]:5d}, {100 * len(places) / total[kind]:.1f} %: a {kind} that {measure}")
		if len(sys.argv) > 1 and sys.argv[1] in f"{kind} {measure}":
			for place in places:
				print("\t%s:%d: %s" % place)


if __name__ == "__main__":
	main()
