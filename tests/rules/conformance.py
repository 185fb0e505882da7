"""The table of clauses (docs/conformance.md): its states and lengths, and that each file, function and test that it
names is there. Whether each demand of the standard has a row is what tests/system/test_conformance.py looks at."""
import re

TABLE = "docs/conformance.md"
COLUMNS = 5
WORDS = 12
STATE = re.compile(r"kept$|(kept in part|not kept|not applicable): \S")
CRITERION = re.compile(r"^(?:Parameterized)?Test\((\w+), (\w+)")
RULE_FILES = re.compile(r"tests/rules/(\w+\.py|check)$")
PYTHON_TESTS = re.compile(r"tests/(?:system/(faults/)?|lab/|rules/)(test_\w+)\.py$")
SCHEMA_SUITE = ("tests/conformance/run", "schema/x1.xsd")  # its only case has the name of the schema


def criterion_tests(tree):
	for name in tree.names:
		if name.startswith("tests/unit/") and name.endswith(".c"):
			for line in tree.lines(name):
				found = CRITERION.match(line)
				if found:
					yield "%s::%s" % found.groups()


def classes(lines):
	"""{class: (names of its bases, names of its own tests)}"""
	found, name = {}, None
	for line in lines:
		head = re.match(r"class (\w+)(?:\((.*)\))?:", line)
		test = re.match(r"\tdef (test_\w+)", line)
		if head:
			name = head.group(1)
			found[name] = (re.findall(r"\w+", head.group(2) or ""), set())
		elif line[:1].strip():
			name = None
		elif test and name:
			found[name][1].add(test.group(1))
	return found


def python_tests(tree):
	for name in tree.names:
		found = PYTHON_TESTS.match(name)
		if not found:
			continue
		module, known = (found.group(1) or "").replace("/", ".") + found.group(2), classes(tree.lines(name))
		for kind in known:
			line, tests = [kind], set()
			for each in line:  # grows: the bases that are of this file
				line += [b for b in known[each][0] if b in known and b not in line]
				tests |= known[each][1]
			for test in tests:
				yield f"{module}.{kind}.{test}"


def other_tests(tree):
	for name in tree.names:
		if RULE_FILES.match(name):
			for line in tree.lines(name):
				found = re.match(r"def (rule_\w+)", line)
				if found:
					yield found.group(1)
		elif re.match(r"tests/fuzz/fuzz_\w+\.c$", name):
			yield name[len("tests/fuzz/"):-2]
	if SCHEMA_SUITE[0] in tree.names:
		yield SCHEMA_SUITE[1]


def rows(tree):
	"""(line number, cells) of each row, without the head."""
	for number, line in enumerate(tree.lines(TABLE), 1):
		cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
		if line.startswith("|") and not re.match(r"\| (clause|---)", line) and not line.startswith("|---"):
			yield number, cells


def place_faults(tree, text):
	"""What is wrong with the places of a row: `file` or `file:name`."""
	for place in re.findall(r"`([^`]+)`", text):
		name, _, word = place.partition(":")
		if name not in tree.names:
			yield f"there is no {name}"
		elif word and not any(re.search(fr"\b{re.escape(word)}\b", line) for line in tree.lines(name)):
			yield f"{name} has no {word}"


def row_faults(tree, tests, cells):
	if len(cells) != COLUMNS:
		yield f"{len(cells)} columns, not {COLUMNS}"
		return
	_, shall, where, test, state = cells
	named = re.findall(r"`([^`]+)`", test)
	if len(shall.split()) > WORDS:
		yield f"{len(shall.split())} words, at most {WORDS}"
	if not STATE.match(state):
		yield "the state is none of kept, kept in part, not kept, not applicable with its reason"
	if state.startswith("kept") and "`" not in where:
		yield "no place where it is kept"
	if state.startswith("kept") and not named and test != "no test":
		yield "neither a test nor the words \"no test\""
	yield from place_faults(tree, where)
	for name in named:
		if name not in tests:
			yield f"there is no test {name}"


def rule_conformance(tree):
	if TABLE not in tree.names:
		if not tree.planted:
			yield f"{TABLE} is missing"
		return
	tests = {*criterion_tests(tree), *python_tests(tree), *other_tests(tree)}
	for number, cells in rows(tree):
		for fault in row_faults(tree, tests, cells):
			yield f"{TABLE}:{number}: {fault}"


PLANTED = {
	rule_conformance: ({
		"control/x1/a.c": "static void answer(void)\n{\n}\n",
		"tests/unit/control/test_a.c": "Test(a, answers)\n{\n}\n",
		"tests/system/test_a.py": "class Base:\n\tdef test_one(self):\n\t\tpass\n\n\nclass A(Base):\n\tpass\n\n\ndef test_two():\n\tpass\n",
		"tests/system/faults/test_b.py": "class B:\n\tdef test_b(self):\n\t\tpass\n",
		"tests/fuzz/fuzz_a.c": "",
		TABLE: "Words.\n\n| clause | shall | where | test | state |\n|---|---|---|---|---|\n"
			"| 5.1 (1) | answers | `control/x1/a.c:answer` | `a::answers` `test_a.A.test_one` `fuzz_a` | kept |\n"
			"| 5.1 (2) | answers late | `control/x1/a.c` | `faults.test_b.B.test_b` | kept in part: seldom |\n"
			"| 5.1 (3) | answers an MDF | - | - | not applicable: none |\n"
			"| 5.1 (4) | no function | `control/x1/a.c:answers` | no test | kept |\n"  # 1
			"| 5.1 (5) | no file, no test | `control/x1/b.c` | `a::answer` | kept |\n"  # 2
			"| 5.1 (6) | no class, none of its tests | `control/x1/a.c` | `test_a.C.test_one` `test_a.A.test_two` | kept |\n"  # 2
			"| 5.1 (7) | no state | `control/x1/a.c` | `a::answers` | mostly |\n"  # 1
			"| 5.1 (8) | no place and no test | - | - | kept |\n"  # 2
			"| 5.1 (9) | no reason | - | - | not kept |\n"  # 1
			"| 5.1 (10) | one two three four five six seven eight nine ten eleven twelve thirteen | - | - | not kept: long |\n"  # 1
			"| 5.1 (11) | a column is missing | - | not kept: so |\n"  # 1
	}, 11),
}
