#!/usr/bin/python3
"""Fills a page's template with what the program says of itself: @COMMANDS@ from `poi help`, @KEYS@ from
`poi config describe`. Arguments: the program, the template, the page to write (scdoc)."""
import re
import subprocess
import sys

LONG = 60  # characters of a default that no line of a page can hold


def ask(program, *arguments):
	return subprocess.run([program, *arguments], capture_output=True, text=True, check=True).stdout


def plain(text):
	"""Text that means nothing else to scdoc."""
	return re.sub(r"([\\*_~#`])", r"\\\1", text)


def command(program, name):
	"""A section of one command, from its help."""
	blocks = ask(program, "help", *name.split()).strip().split("\n\n")
	usage, summary = blocks[0].splitlines()
	lines = ["## " + plain(usage.removeprefix("Usage: ")), "", plain(summary), ""]
	for block in blocks[1:-1]:
		rows = block.splitlines()
		if all(re.match(r"  (-|--)\w", row) for row in rows):
			for row in rows:
				option, meaning = re.match(r"  (.*?\S)  +(\S.*)", row).groups()
				lines += [f"*{plain(option)}*", "\t" + plain(meaning), ""]
		elif all(row.startswith("  ") for row in rows):
			lines += ["```", *(row.removeprefix("  ") for row in rows), "```", ""]
		else:
			lines += [*map(plain, rows), ""]
	return "\n".join(lines)


def commands(program):
	names = re.findall(r"^  ([a-z]+(?: [a-z]+)?)  +[A-Z]", ask(program, "help"), re.M)
	return "\n".join(command(program, name) for name in names)


def keys(program):
	lines, section = [], None
	for row in ask(program, "config", "describe").splitlines():
		path, kind, default, meaning = row.split("\t")
		top = re.split(r"[.\[]", path)[0]
		if top != section:
			section = top
			lines += ["## " + plain(top), ""]
		said = [kind] if kind not in ("keys", "list of keys") else [kind + " below"]
		if default == "required":
			said.append("required")
		elif len(default) > LONG:
			said.append("default below, in one line")
		elif default and default != "absent":
			said.append("default " + default)
		lines += [f"*{plain(path)}*", f"\t{plain(meaning[:1].upper() + meaning[1:])} ({plain(', '.join(said))})", ""]
		if len(default) > LONG:
			lines += ["```", *(part + ":" for part in default.split(":")[:-1]), default.split(":")[-1], "```", ""]
	return "\n".join(lines)


def main(program, template, page):
	with open(template) as f:
		text = f.read()
	for mark, make in (("@COMMANDS@", commands), ("@KEYS@", keys)):
		if mark in text:
			text = text.replace(mark, make(program).rstrip("\n"))
	with open(page, "w") as out:
		out.write(text)


main(*sys.argv[1:])
