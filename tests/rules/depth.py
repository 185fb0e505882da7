"""How deep the session store's working space nests: the bound of each stack in session_unpack.c against the deepest
chain of calls that the source allows. Every call is taken for possible and every function that is named without a
call for called by its neighbor, so that no message of a peer can nest deeper than what is found here."""
import re

FOLDER = "dataplane/session/"
WORKSPACE = FOLDER + "session_unpack.c"
# stack -> (its bound, functions that open, functions that close)
STACKS = {
	"unpacked": ("UNPACKED_MAX", ("unpack_open", "unpack_new"), ("unpack_close",)),
	"selectors": ("SELECTORS_OPEN_MAX", ("selectors_open",), ("selectors_close",)),
	"decoded": ("DECODED_MAX", ("decoded_open", "decoded_open_request"), ("decoded_close",)),
}
# Functions that leave something open for their caller, or close what their caller opened.
NET = {
	"selectors": {"session_selectors": 1, "session_before": 1, "session_after": -1, "lives": -1},
}
TOKEN = re.compile(r"[{};]|(?<![\w.>])[A-Za-z_]\w*")
JUMPS = ("return", "goto", "break", "continue")


def functions(lines):
	"""(name, body) of every function: a brace alone in column 0 opens one."""
	name, body, before = None, None, ""
	for line in lines:
		if body is not None:
			if line.startswith("}"):
				yield name, "\n".join(body)
				body, before = None, ""
			else:
				body.append(re.sub(r'"(\\.|[^"\\])*"', '""', re.sub(r"//.*", "", line)))
		elif line.startswith("{") and "(" in before:
			name, body = re.search(r"([A-Za-z_]\w*)\s*\(", before).group(1), []
		elif re.match(r"[A-Za-z_]", line):
			before = line


class Calls:
	"""The calls within the session store. A static function is known by its file and its name."""

	def __init__(self, tree):
		self.body = {}
		for path in tree.c_files(("dataplane",)):
			if path.startswith(FOLDER) and path != WORKSPACE:
				for name, body in functions(tree.lines(path)):
					self.body[path, name] = body
		self.public = {}
		for path, name in self.body:
			self.public.setdefault(name, []).append((path, name))

	def called(self, path, name):
		"""What `name` may be in a file: its own function, else each of that name."""
		return [(path, name)] if (path, name) in self.body else self.public.get(name, [])


class Stack:
	"""The depth of one stack below each function."""

	def __init__(self, calls, stack):
		_, self.opens, self.closes = STACKS[stack]
		self.net, self.calls = NET.get(stack, {}), calls
		self.deepest, self.under_way, self.faults = {}, [], []

	def step(self, name):
		return 1 if name in self.opens else -1 if name in self.closes else self.net.get(name, 0)

	def depth(self, function):
		if function in self.under_way:
			circle = self.under_way[self.under_way.index(function):]
			if any(self.step(n) for f in circle for n in TOKEN.findall(self.calls.body[f])):
				self.faults.append(f"{function[1]}: calls itself while it has something open")
			return 0
		if function not in self.deepest:
			self.under_way.append(function)
			self.deepest[function] = self.walk(function)
			self.under_way.pop()
		return self.deepest[function]

	def walk(self, function):
		"""Opened and closed in the order of the text; what one statement calls is added up, for one may be called
		from within the other. A block that ends by leaving has no effect on what is behind it."""
		path, name = function
		start = -min(self.net.get(name, 0), 0)
		open_now, deepest, below, steps, blocks, last, left = start, start, 0, 0, [], "", False
		for token in TOKEN.findall(self.calls.body[function]):
			if token not in "{};":
				inside = max((self.depth(f) for f in self.calls.called(path, token)), default=0)
				below += max(inside, self.step(token))
				steps += self.step(token)
				last = token if last not in JUMPS or token in JUMPS else last
				continue
			deepest = max(deepest, open_now + below)
			open_now, below, steps = open_now + steps, 0, 0
			if token == "{":
				blocks.append(open_now)
			elif token == "}":
				before = blocks.pop()
				open_now = before if left else open_now
			left, last = token == ";" and last in JUMPS, ""
		if open_now - start != self.net.get(name, 0):
			self.faults.append(f"{path}: {name} leaves {open_now - start:+d} open")
		return deepest - start


def bound_of(tree, name):
	found = re.search(fr"#define {name} (\d+)u", "\n".join(tree.lines(WORKSPACE)))
	return int(found.group(1)) if found else 0


def rule_workspace_depth(tree):
	if WORKSPACE not in tree.names:
		yield f"{WORKSPACE}: not there"
		return
	calls = Calls(tree)
	for stack, (bound, _, _) in STACKS.items():
		walked = Stack(calls, stack)
		deepest = max((walked.depth(f) for f in calls.body), default=0)
		yield from walked.faults
		if deepest > bound_of(tree, bound):
			yield f"{WORKSPACE}: {deepest:d} of {stack} open at a time, {bound} is {bound_of(tree, bound):d}"


PLANTED = {
	rule_workspace_depth: ({
		WORKSPACE: "#define UNPACKED_MAX 2u\n#define SELECTORS_OPEN_MAX 1u\n#define DECODED_MAX 1u\n",
		# three deep through a function that is named only; the block that leaves closes for itself
		FOLDER + "a.c": "static void each(void)\n{\n\tu = unpack_open(st, s);\n\tunpack_close(st, u);\n}\n\n"
			"static void walk(void (*f)(void))\n{\n\tu = unpack_new(st, 1);\n\tif (!u) {\n\t\tunpack_close(st, u);\n"
			"\t\treturn;\n\t}\n\tf();\n\tunpack_close(st, u);\n}\n\n"
			"void take(void)\n{\n\tu = unpack_open(st, s);\n\twalk(each);\n\tunpack_close(st, u);\n}\n",
		# never closed; closed for the caller; calls itself
		FOLDER + "b.c": "void forget(void)\n{\n\td = decoded_open(st);\n}\n\n"
			"void session_after(void)\n{\n\tselectors_close(st, before);\n}\n\n"
			"void circle(int n)\n{\n\td = decoded_open(st);\n\tcircle(n - 1);\n\tdecoded_close(d);\n}\n"}, 3),
}
