"""Rules of the Python of tests and tools: texts are f-strings, and a statement is no tuple of calls."""
import ast

# The formats that are left, which only become fewer: long ones, and those whose text is a table's.
PERCENT_CEILING = 105
TUPLE_CEILING = 81


def scripts(tree):
	for name in tree.names:
		lines = tree.lines(name) if name.endswith(".py") or "." not in name.rpartition("/")[2] else []
		if name.endswith(".py") or lines and lines[0].startswith("#!") and "python" in lines[0]:
			yield name, ast.walk(ast.parse("\n".join(lines)))


def formatted(node):
	return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod) and isinstance(node.left, ast.Constant) and \
		isinstance(node.left.value, str)


def several(node):
	return isinstance(node, ast.Expr) and isinstance(node.value, ast.Tuple)


def findings(tree, test, ceiling, what):
	places = [(name, node.lineno) for name, nodes in scripts(tree) for node in nodes if test(node)]
	if len(places) > (0 if tree.planted else ceiling):
		for name, number in places:
			yield f"{name}:{number}: {what} ({len(places)} of them, at most {ceiling})"


def rule_percent_formats(tree):
	return findings(tree, formatted, PERCENT_CEILING, "a text formatted with %, not an f-string")


def rule_tuple_statements(tree):
	return findings(tree, several, TUPLE_CEILING, "a tuple of calls as a statement")


PLANTED = {
	rule_percent_formats: ({
		"tests/a.py": 'a = "%d" % 1\nb = b"%d" % 1\nc = f"{a}"\nlog.warning("%s", a)\nd = 7 % 2\ne = ("%s "\n\t"%s") % (a, b)\n',
		"tests/run": "#!/usr/bin/python3\nprint('%s' % 1)\n", "tests/shell": "#!/bin/sh\n"}, 3),
	rule_tuple_statements: ({"tests/a.py": "a(), b()\nc = a(), b()\nfor x in y: a(), b()\n"}, 2),
}
