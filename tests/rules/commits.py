"""Subjects of commits: `area: imperative verb and object`. Older commits than FIRST had no such rule."""

import re
import subprocess

FIRST = "6cb17ce30aeb38d954475913331ecda437917ca8"  # subjects of its descendants are checked
LENGTH = 72
SUBJECT = re.compile(r"[a-z0-9][\w./-]*(?:, [a-z0-9][\w./-]*)*: (\S+)(?: \S.*)?")
# Beginnings of a clause or of a noun phrase: no verb.
NO_VERB = set(
	"a an the this that these those what whatever which who whose whoever whether where when why how of in on at by for from with without "
	"no not nothing nobody each every all some any both its it they there one two more most new old is are was were has have".split()
)
ENDING = re.compile(r".+(?:ed|ing|s)")
# Verbs in the imperative that end like another form.
VERBS = set(
	"access address assess bless bring bypass compress cross discuss dismiss embed exceed express feed focus guess miss need pass ping "
	"press process proceed seed shed speed string stress suppress toss trespass witness".split()
)


class Skipped(Exception):
	"""The rule cannot be checked here; the text is the reason."""


def git(top, *words):
	try:
		return subprocess.run(["git", "-C", top, *words], capture_output=True, text=True)
	except FileNotFoundError:
		raise Skipped("git is not installed") from None


def subjects(tree):
	"""[(commit, subject)] of each commit behind FIRST, merges excepted."""
	if tree.planted:
		return [("planted", line) for name in tree.names for line in tree.lines(name)]
	if git(tree.top, "rev-parse", "--is-inside-work-tree").returncode:
		raise Skipped("no clone of git")
	if git(tree.top, "merge-base", "--is-ancestor", FIRST, "HEAD").returncode:
		raise Skipped(f"the history of HEAD does not contain {FIRST[:8]}")
	done = git(tree.top, "log", "--no-merges", "--format=%h %s", f"{FIRST}..HEAD")
	return [tuple(line.split(" ", 1)) for line in done.stdout.splitlines()]


def fault(subject):
	"""Returns what is wrong with a subject, or None."""
	if re.match(r'Revert "|(?:fixup|squash)! ', subject):
		return None
	found = SUBJECT.fullmatch(subject)
	if not found:
		return "not of the form `area: verb object`"
	if len(subject) > LENGTH:
		return f"{len(subject)} characters, at most {LENGTH}"
	verb = found.group(1).strip(",;:").lower()
	if len(subject.split(": ", 1)[1].split()) < 2:
		return "a verb without an object"
	if verb in NO_VERB or not re.fullmatch(r"[a-z-]+", verb) or (ENDING.fullmatch(verb) and verb not in VERBS):
		return f"{found.group(1)!r} is no verb in the imperative"
	return None


def rule_subjects(tree):
	for commit, subject in subjects(tree):
		why = fault(subject)
		if why:
			yield f"commit {commit}: {why}: {subject}"


PLANTED = {
	rule_subjects: (
		{
			"subjects": "shared: free the ring\nx1_task: name the sets, too\nstore, spool: seal files\nworker: pass packets on\n"
			'Revert "control: read it"\n'
			"Free the ring\nworker: what is held meets a table\nsession: answers are matched\ntests: counted at rest\n"
			"docs: adding a page\nworker: retries packets\ncontrol: rename\nshared: free " + "long " * 12 + "rings\nmatch:free it\n"
		},
		9,
	)
}
