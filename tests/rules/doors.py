"""The doors of the product's folders: which folder may use which, in includes, in build files and in the symbols of
the built objects; and files that use each other in a circle."""
import json
import os
import re
import subprocess

# Folder -> the folders that it may use beside shared/; "folder:header" allows that header alone.
DOORS = {
	"dataplane/packet": "",
	"dataplane/match": "packet",
	"dataplane/capture": "packet match",
	"dataplane/signalling": "packet",
	"dataplane/session": "match:pdr_select.h match:link_class.h signalling",
	"dataplane/port": "packet signalling",
	"dataplane/tasks": "match capture port",
	"dataplane/follow": "match capture signalling session tasks report",
	"dataplane/functions": "packet match capture signalling session follow",
	"dataplane/worker": "packet match capture signalling port",
	"dataplane/deliver": "capture",
	"dataplane/report": "packet capture",
	"dataplane/builder": "packet match capture signalling session port tasks follow functions worker deliver report",
	"dataplane": "packet match capture signalling session port tasks follow functions worker deliver report builder",
	"control/http": "",
	"control/xml": "",
	"control/audit": "",
	"control/state": "audit xml:x1_types.h",
	"control/x1": "http xml audit state",
	"control/report": "audit xml state",
	"control/observe": "http audit state",
	"control/cli": "audit observe:certificate.h",
	"control": "http xml audit state x1 report observe",
	"events": "",
	"shared": "",
}
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"')
BUILD_NEED = re.compile(r"\bdep_(control|dataplane)_(\w+)\b")


def folder_of(name):
	return name.rpartition("/")[0]


def door(folder, other, header=None):
	"""True when a file of `folder` may use `other`, or one header of it."""
	if other in (folder, "shared"):
		return True
	base = folder.split("/")[0]
	if other == base or not other.startswith(base + "/"):
		return False
	name = other.split("/")[1]
	open_doors = DOORS.get(folder, "").split()
	return name in open_doors or any(d.split(":")[0] == name and header in (None, d.split(":")[1])
		for d in open_doors if ":" in d)


def rule_doors(tree):
	for name in tree.c_files():
		folder = folder_of(name)
		if folder not in DOORS:
			yield f"{name}: the folder has no line in the table of doors"
			continue
		for number, line in enumerate(tree.lines(name), 1):
			found = INCLUDE.match(line)
			if not found or not found.group(1).startswith(("control/", "dataplane/")):
				continue
			other, _, header = found.group(1).rpartition("/")
			if not door(folder, other, header):
				yield f"{name}:{number}: {folder}/ has no door to {found.group(1)}"


def rule_internal_headers(tree):
	"""A header for one folder's own files: only they and the tests that mirror them include it."""
	for name in tree.c_files(("control", "dataplane", "events", "shared", "tests")):
		for number, line in enumerate(tree.lines(name), 1):
			found = INCLUDE.match(line)
			if found and found.group(1).endswith("_internal.h") and "/" in found.group(1) and \
					folder_of(name) not in (folder_of(found.group(1)), "tests/unit/" + folder_of(found.group(1))):
				yield f"{name}:{number}: {found.group(1)} belongs to {folder_of(found.group(1))}/ alone"


def rule_build_needs(tree):
	"""What a folder's library needs in the build is what the table says, so that nothing else can be linked."""
	for folder, others in DOORS.items():
		name = folder + "/meson.build"
		if "/" not in folder or name not in tree.names:
			continue
		needs = set()
		for line in tree.lines(name):
			if re.match(r"\w+_needs = ", line):
				needs |= {found.group(2) for found in BUILD_NEED.finditer(line)}
		allowed = {d.split(":")[0] for d in others.split()}
		for other in sorted(needs ^ allowed):
			yield "%s: %s is %s" % (name, other, "no need of the table of doors" if other in needs else "not among its needs")


def source_lists(tree, name):
	"""The .c files that a build file names."""
	return [found for line in tree.lines(name) for found in re.findall(r"'([\w./-]+\.c)'", line.split("#")[0])]


def rule_source_lists(tree):
	"""A build file names files of its own folder; each source of the product is in the list of its folder."""
	for name in tree.names:
		if not name.endswith("meson.build") or name.startswith("schema/"):
			continue
		folder, named = folder_of(name), source_lists(tree, name)
		for source in named:
			if "/" in source and not source.startswith("/"):
				yield f"{name}: {source} is of another folder"
		if folder in DOORS:
			there = {n.rpartition("/")[2] for n in tree.c_files() if folder_of(n) == folder and n.endswith(".c")}
			for source in sorted(there - set(named)):
				yield f"{name}: {source} is in no list"


class Symbols:
	"""Which file of the product uses which, by the symbols of its object: objects maps a source's name to its object."""

	def __init__(self, objects):
		self.uses, defines, wants = {}, {}, {}
		for name, path in objects.items():
			wants[name] = set()
			for line in run("nm", "-g", path).splitlines():
				fields = line.split()
				if len(fields) < 2:
					continue
				symbol = re.sub(r"^((?:parse|match)_burst|match_rule)_v2$", r"\1", fields[-1])
				if fields[-2] in "Uw":
					wants[name].add(symbol)
				else:
					defines.setdefault(symbol, set()).add(name)
		for name, symbols in wants.items():
			base = name.split("/")[0]
			self.uses[name] = {other for symbol in symbols for other in defines.get(symbol, ())
				if other != name and other.split("/")[0] in (base, "shared")}

	def circles(self):
		"""Sets of files that reach each other (Tarjan's strongly connected components of more than one)."""
		index, low, stack, on_stack, found = {}, {}, [], set(), []

		def visit(name):
			index[name] = low[name] = len(index)
			stack.append(name)
			on_stack.add(name)
			for other in sorted(self.uses.get(name, ())):
				if other not in index:
					visit(other)
					low[name] = min(low[name], low[other])
				elif other in on_stack:
					low[name] = min(low[name], index[other])
			if low[name] == index[name]:
				part = set(stack[stack.index(name):])
				del stack[stack.index(name):]
				on_stack.difference_update(part)
				if len(part) > 1:
					found.append(part)

		for name in sorted(self.uses):
			if name not in index:
				visit(name)
		return found


def run(*command, cwd=None):
	done = subprocess.run(command, capture_output=True, text=True, cwd=cwd)
	if done.returncode:
		raise RuntimeError(f"{' '.join(command[:4])}: {(done.stdout + done.stderr).strip()[-1500:]}")
	return done.stdout


def built(tree, build):
	"""Builds the product in `build` and returns its objects by source."""
	folder = os.path.join(tree.top, build)
	if not os.path.exists(os.path.join(folder, "build.ninja")):
		run("meson", "setup", folder, "-Dwerror=true", cwd=tree.top)
	run("ninja", "-C", folder, "build.ninja")  # looks again at what there is
	targets = [t for t in json.loads(run("meson", "introspect", "--targets", folder))
		if re.match(r"(control|dataplane|events|shared)/", os.path.relpath(t["defined_in"], tree.top))
		and t["type"] in ("static library", "executable") and re.fullmatch(r"(control|dataplane|events|shared|poi)[\w-]*|cpu-loops-v2", t["name"])]
	run("ninja", "-C", folder, *sorted(os.path.relpath(n, folder) for t in targets for n in t["filename"]))
	objects = {}
	for target in targets:
		for group in target["target_sources"]:
			for source in group.get("sources", ()):
				name = os.path.relpath(source, tree.top)
				flat = os.path.relpath(source, os.path.join(tree.top, folder_of(os.path.relpath(target["defined_in"], tree.top))))
				path = os.path.join(folder, folder_of(os.path.relpath(target["defined_in"], tree.top)),
					os.path.basename(target["filename"][0]) + ".p", flat.replace("/", "_") + ".o")
				if name not in objects or target["name"] != "cpu-loops-v2":
					objects[name] = path
	return objects


def compiled(tree):
	"""The objects of a planted tree."""
	objects = {}
	for name in tree.c_files():
		if name.endswith(".c"):
			objects[name] = os.path.join(tree.top, name + ".o")
			run("cc", "-c", "-o", objects[name], os.path.join(tree.top, name))
	return objects


def objects_of(tree):
	try:
		objects = compiled(tree) if tree.planted else built(tree, "build")
	except (OSError, RuntimeError) as e:
		return None, f"no objects to look at: {e}"
	missing = sorted({n for n in tree.c_files() if n.endswith(".c")} - set(objects))
	return objects, f"no object of {', '.join(missing)}" if missing else None


def rule_symbols(tree):
	"""A function declared by hand goes through a wall: what an object uses lies behind a door, too."""
	objects, why = objects_of(tree)
	if why:
		yield why
		return
	for name, others in sorted(Symbols(objects).uses.items()):
		for other in sorted(others):
			if not door(folder_of(name), folder_of(other)):
				yield f"{name} uses {other}: no door"


def rule_circles(tree):
	objects, why = objects_of(tree)
	if why:
		yield why
		return
	for circle in Symbols(objects).circles():
		yield f"a circle of {len(circle)} files: {' '.join(sorted(circle))}"


_CALL = "int %s(void);\nint %s(void)\n{\n\treturn %s;\n}\n"


def planted_call(name, other=None):
	"""A function that may call another one, declared by hand."""
	return ((f"int {other}(void);\n") if other else "") + _CALL % (name, name, f"{other}()" if other else "1")


# rule -> {file: text} holding exactly the violations it must find, and how many
PLANTED = {
	rule_doors: ({
		"dataplane/match/a.c": '#include "dataplane/packet/packet.h"\n#include "dataplane/capture/capture.h"\n#include "shared/wire.h"\n'
			'#include "control/state/control.h"\n',
		"dataplane/session/a.c": '#include "dataplane/match/pdr_select.h"\n#include "dataplane/match/table.h"\n',
		"dataplane/main.c": '#include "dataplane/builder/builder.h"\n', "dataplane/attic/a.c": "",
		"control/cli/a.c": '#include "control/observe/certificate.h"\n#include "control/observe/health.h"\n#include "control/state/x.h"\n',
		"shared/a.c": '#include "dataplane/packet/packet.h"\n'}, 7),
	rule_internal_headers: ({
		"dataplane/deliver/a.c": '#include "dataplane/deliver/deliver_internal.h"\n',
		"tests/unit/dataplane/deliver/a.c": '#include "dataplane/deliver/deliver_internal.h"\n',
		"tests/bench/a.c": '#include "dataplane/deliver/deliver_internal.h"\n',
		"dataplane/builder/a.c": '#include "dataplane/deliver/deliver_internal.h"\n'}, 2),
	rule_build_needs: ({
		"dataplane/deliver/meson.build": "dataplane_deliver_needs = [dep_shared, dep_dataplane_capture, dep_dataplane_session]\n",
		"dataplane/capture/meson.build": "dataplane_capture_needs = [dep_shared, dep_dataplane_match]\n",
		"control/x1/meson.build": "control_x1_needs = [dep_control_http, dep_control_xml, dep_control_audit, dep_control_state]\n"}, 2),
	rule_source_lists: ({
		"dataplane/deliver/meson.build": "x_sources = files('deliver.c', '../capture/capture.c')\n",
		"dataplane/deliver/deliver.c": "", "dataplane/deliver/spool.c": "", "dataplane/capture/capture.c": "",
		"dataplane/capture/meson.build": "y_sources = files('capture.c')\n",
		"tests/unit/meson.build": "executable('x', 'x.c', '../../dataplane/deliver/spool.c')\n"}, 3),
	rule_symbols: ({
		"dataplane/packet/a.c": planted_call("packet_a", "match_a"), "dataplane/match/a.c": planted_call("match_a"),
		"dataplane/match/b.c": planted_call("match_b", "match_a"), "control/xml/a.c": planted_call("xml_a", "match_a"),
		"dataplane/builder/a.c": planted_call("builder_a", "match_b")}, 1),
	rule_circles: ({
		"dataplane/match/a.c": planted_call("a", "b"), "dataplane/match/b.c": planted_call("b", "c"),
		"dataplane/match/c.c": planted_call("c", "a"), "dataplane/match/d.c": planted_call("d", "a"),
		"dataplane/match/e.c": planted_call("e", "f"), "dataplane/match/f.c": planted_call("f", "e"),
		"dataplane/match/g.c": planted_call("g")}, 2),
}
