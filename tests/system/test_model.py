"""Random requests against a plain model of what a network element must hold and answer. Several messages go
in one container when none of them depends on another, since the order inside has no meaning (clause 6.1)."""
import os
import random
import time

import fixture
from poi_lab import schema, x1

SEED = int(os.environ.get("POI_SEED", "103221"))
STEPS = 100000 if fixture.LONG else 1500
KILLS = 30 if fixture.LONG else 2
LOOK = 2500 if fixture.LONG else 250  # steps between two complete comparisons
MOST_TASKS, MOST_DESTINATIONS, MOST_OBJECTS = 150, 20, 16
BITS = {"X2Only": 1, "X3Only": 2, "X2andX3": 3}
MEMBERS = {"Redundant": 8, "Duplicate": 16}  # at most; of a task 16 destinations in all
OF_OBJECTS = {("CreateObject", c) for c in (0, 1000, 1080, 2040, 2050)} | {("ModifyObject", c) for c in (0, 1000, 2040, 2060)} | \
	{("DeleteObject", c) for c in (0, 1000, 2060)} | {("GetObject", c) for c in (0, 2060)} | {("ListObjectsOfType", 0)}
ALL = "*"


class Task:
	def __init__(self, targets, delivery, dids, correlation, product, dsids=()):
		self.targets, self.delivery, self.dids, self.dsids = targets, delivery, dids, list(dsids)
		self.correlation, self.product, self.modifications = correlation, product, 0

	def body(self, xid, extensions=""):
		return x1.task_details(xid, self.targets, self.dids, self.delivery, self.correlation, self.product, extensions, dsids=self.dsids)


class Destination:
	def __init__(self, address, port, delivery, name):
		self.address, self.port, self.delivery, self.name = address, port, delivery, name

	def body(self, did):
		return x1.destination_details(did, self.address, self.port, self.delivery, self.name)


class Set:
	"""A destination set: its members with the preference of each, in the order of the message."""

	def __init__(self, kind, pairs, name=None):
		self.kind, self.pairs, self.name = kind, pairs, name
		self.members = [did for did, _ in sorted(pairs, key=lambda pair: pair[1])]  # equal ones keep their order

	def body(self, ident, element):
		return x1.destination_set(ident, [d for d, _ in self.pairs], self.kind, self.name, element, [p for _, p in self.pairs])


class Context:
	"""A hash context, or an object of a type that nobody knows (no salt)."""

	members, kind = (), None

	def __init__(self, salt):
		self.salt = salt

	def body(self, ident, element):
		if self.salt:
			return x1.hash_context(ident, self.salt, element=element)
		return f'<x1:{element} xmlns:g="urn:example" xsi:type="g:Marvel"><x1:objectId>{ident}</x1:objectId></x1:{element}>'


class Model:
	"""What is there, and the codes that a request may be answered with (0: done). Applies what is done.
	`later`: whether the requester's minor is one that has objects."""

	def __init__(self):
		self.tasks, self.destinations, self.objects = {}, {}, {}
		self.later = False

	# --- what sets stand for
	def redundant(self):
		return [i for i, o in self.objects.items() if o.kind == "Redundant"]

	def plan(self, task, instead=None):
		"""Where a task's packets go: destinations and Redundant sets, each once. `instead`: of objects that change."""
		objects, out = {**self.objects, **(instead or {})}, list(task.dids)
		for dsid in task.dsids:
			out += objects[dsid].members if objects[dsid].kind == "Duplicate" else [dsid]
		return list(dict.fromkeys(out))

	def takes(self, ident, instead=None):
		"""The bits of a destination, or of a Redundant set: its members have the same."""
		known = {**self.objects, **(instead or {})}.get(ident)
		return BITS[self.destinations[known.members[0] if known else ident].delivery]

	def namers(self, ident):
		return [t for t in self.tasks.values() if ident in t.dsids]

	def users(self, did):
		"""The tasks that have it, also by a Duplicate set, and the sets that it is a member of."""
		return [t for t in self.tasks.values() if did in self.plan(t)] + [o for o in self.objects.values() if did in o.members]

	def judge_task(self, task, generic, fault):
		"""The codes it may get; an unknown destination comes before one of the wrong kind."""
		if fault:
			return {fault if fault > 0 else generic}
		if task.dsids and not self.later:
			return {generic}
		if any(did not in self.destinations for did in task.dids):
			return {2040}
		for dsid in task.dsids:
			if dsid not in self.objects:
				return {2060}
			if not self.objects[dsid].kind:
				return {generic}
		if len(self.plan(task)) > 16:
			return {generic}
		return {0} if self.covers(task) else {3040}

	def covers(self, task, instead=None):
		covered = 0
		for ident in self.plan(task, instead):
			covered |= self.takes(ident, instead)
		return not BITS[task.delivery] & ~covered

	def activate(self, xid, task, fault):
		if xid in self.tasks:
			return {2010}
		codes = self.judge_task(task, 3000, fault)
		if codes == {0}:
			self.tasks[xid] = task
		return codes

	def modify(self, xid, task, fault):
		if xid not in self.tasks:
			return {2020}
		codes = self.judge_task(task, 3001, fault)
		if codes == {0}:
			task.modifications = self.tasks[xid].modifications + 1
			self.tasks[xid] = task
		return codes

	def deactivate(self, xid):
		return {0 if self.tasks.pop(xid, None) else 2020}

	def create(self, did, destination):
		if did in self.destinations or did in self.objects:
			return {2030}
		self.destinations[did] = destination
		return {0}

	def change(self, did, destination):
		"""Refused when a task that it takes something of would send nothing more to it, or something to nobody, and where
		a Redundant set would have members of two kinds."""
		if did not in self.destinations:
			return {2040}
		was, before = self.destinations[did], self.takes(did)
		now = BITS[destination.delivery]
		if before != now and any(o.kind == "Redundant" and did in o.members for o in self.objects.values()):
			return {6001}
		self.destinations[did] = destination  # to see what it would be like
		try:
			for task in self.tasks.values() if before & ~now else ():
				if did in self.plan(task) and (before & BITS[task.delivery] and not now & BITS[task.delivery] or not self.covers(task)):
					return {6001}
		finally:
			self.destinations[did] = was
		return {0}

	def remove(self, did):
		if did not in self.destinations:
			return {2040}
		if self.users(did):
			return {7010}
		del self.destinations[did]
		return {0}

	def deactivate_all(self):
		self.tasks.clear()
		return {0}

	def remove_all(self):
		if any(self.users(d) for d in self.destinations):
			return {8010}
		self.destinations.clear()
		return {0}

	# --- objects
	def judge_object(self, o, old):
		if isinstance(o, Context):
			return (0 if o.salt else 1080) or (1000 if old and old.kind else 0)
		if len(o.members) > MEMBERS[o.kind]:
			return 1000
		for n, did in enumerate(o.members):
			if did in o.members[:n]:
				return 1000
			if did not in self.destinations:
				return 2040
			if o.kind == "Redundant" and self.takes(did) != self.takes(o.members[0]):
				return 1000
		return 1000 if old and o.kind != old.kind else 0

	def create_object(self, ident, o):
		if not self.later:
			return {1000}
		if ident in self.objects or ident in self.destinations:
			return {2050}
		code = self.judge_object(o, None)
		if not code:
			self.objects[ident] = o
		return {code}

	def modify_object(self, ident, o):
		"""Refused where a task that names it could not follow."""
		if not self.later:
			return {1000}
		if ident not in self.objects:
			return {2060}
		old, namers = self.objects[ident], self.namers(ident)
		code = self.judge_object(o, old)
		if not code and o.kind == "Redundant" and namers and self.takes(ident) & ~self.takes(ident, {ident: o}):
			code = 1000
		if not code and any(len(self.plan(t, {ident: o})) > 16 or not self.covers(t, {ident: o}) for t in namers):
			code = 1000
		if not code:
			self.objects[ident] = o
		return {code}

	def delete_object(self, ident):
		if not self.later:
			return {1000}
		if ident not in self.objects:
			return {2060}
		if self.namers(ident):
			return {1000}
		del self.objects[ident]
		return {0}

	def delete_all_objects(self):
		if not self.later or any(self.namers(i) for i in self.objects):
			return {1000}
		self.objects.clear()
		return {0}


class Step:
	"""One request. `reads` and `writes`: the ids it depends on and changes; ALL is everything."""

	def __init__(self, kind, body="", reads=(), writes=(), expect=None, after=None):
		self.message, self.reads, self.writes = x1.Message(kind, body), set(reads), set(writes)
		self.expect, self.after = expect, after  # after(answer): further checks, when it was not refused

	def meets(self, other):
		if ALL in self.writes | self.reads | other.writes | other.reads:
			return True
		return bool(self.writes & (other.writes | other.reads) or other.writes & self.reads)


def plain(element):
	"""Names and texts of an element, however it is written."""
	return (element.tag, (element.text or "").strip() if not len(element) else "", [plain(e) for e in element])


def wrapped(xml):
	return x1.ElementTree.fromstring(f'<x1:a xmlns:x1="{x1.X1}" xmlns:c="{x1.C}" xmlns:xsi="{x1.XSI}">{xml}</x1:a>')


def child(element, name):
	found = element.find(f".//{{{x1.X1}}}{name}")
	return found.text if found is not None else None


class Random:
	"""Makes steps from a seed and what the model holds."""

	def __init__(self, rng, model, test):
		self.rng, self.model, self.test = rng, model, test
		self.gone = [x1.new_id() for _ in range(5)]  # ids that were there, or never

	def id_of(self, book, known):
		"""Mostly one that is there when `known`, mostly a new one otherwise; sometimes one that is gone."""
		if book and self.rng.random() < (0.9 if known else 0.08):
			return self.rng.choice(list(book))
		return self.rng.choice(self.gone) if self.rng.random() < 0.5 else x1.new_id()

	def port(self):
		return self.rng.randrange(2, 65536)

	def targets(self):
		"""(target identifiers, fault): 0 for none, -1 for the request's own code, else the code."""
		r = self.rng
		v4 = lambda: x1.target_ipv4(".".join(str(r.randrange(256)) for _ in range(4)))
		v6 = lambda: x1.target_ipv6(f"2001:db8::{r.randrange(65536):x}:{r.randrange(65536):x}")
		port = lambda p: x1.target_port(p, str(self.port()))
		low = r.randrange(2, 60000)
		choices = ((20, lambda: ([v4()], 0)), (10, lambda: ([v6()], 0)), (4, lambda: ([v4(), v4()], 0)),
			(4, lambda: ([x1.target_cidr(f"10.{r.randrange(256):d}.{r.randrange(256):d}.0/24")], 0)),
			(3, lambda: ([x1.target_cidr(f"2001:db8:{r.randrange(65536):x}::/48")], 0)),
			(3, lambda: ([port("tcp")], 0)), (3, lambda: ([v4(), port("udp")], 0)),
			(2, lambda: ([x1.target_port("tcp", f"{low:d}-{low + 100:d}")], 0)),
			(2, lambda: (["<x1:macAddress>02:00:00:%02x:%02x:%02x</x1:macAddress>" % tuple(r.randrange(256) for _ in range(3))], 0)),
			(2, lambda: ([x1.target_fteid(r.randrange(1 << 32), f"198.51.100.{r.randrange(256):d}")], 0)),
			(1, lambda: ([v4(), v6()], 3020)), (1, lambda: ([port("tcp"), port("udp")], 3020)),
			(1, lambda: ([x1.target_teid(5)], 3020)), (1, lambda: ([v4(), v4(), v4()], 3020)),
			(2, lambda: (["<x1:imsi>204081234567890</x1:imsi>"], 3010)),
			(1, lambda: ([f"<x1:ipv4Cidr><c:IPv4CIDR>10.0.0.{r.randrange(1, 256):d}/8</c:IPv4CIDR></x1:ipv4Cidr>"], -1)),
			(1, lambda: ([x1.target_port("udp", f"{low + 1:d}-{low:d}")], -1)),
			(1, lambda: (["<x1:ipv4Address>10.0.0.256</x1:ipv4Address>"], 1010)))
		return r.choices([c for _, c in choices], [w for w, _ in choices])[0]()

	def task(self):
		targets, fault = self.targets()
		known = list(self.model.destinations)
		dids = self.rng.sample(known, min(len(known), self.rng.choice((1, 1, 1, 2, 3))))
		if self.rng.random() < 0.05:
			dids = dids[1:] + [self.rng.choice(self.gone)]
		elif self.rng.random() < 0.03:
			dids = []
		dsids = self.dsids()
		if dsids and self.rng.random() < 0.6:
			dids = []
		return (Task(targets, "X3Only", dids, self.rng.choice((None, None, self.rng.randrange(1 << 64))),
			self.rng.choice((None, x1.new_id())), dsids), fault)

	def dsids(self):
		"""Sets for a task, mostly none or one; sometimes what is no set, or not there."""
		if not self.model.objects or self.rng.random() < 0.6:
			return []
		sets = [i for i, o in self.model.objects.items() if o.kind]
		out = self.rng.sample(sets, min(len(sets), self.rng.choice((1, 1, 1, 2))))
		if self.rng.random() < 0.08:
			out.append(self.rng.choice(self.gone + list(self.model.objects) + list(self.model.destinations)))
		return list(dict.fromkeys(out))

	def object(self, old=None):
		"""Mostly a set of destinations that are there, of one kind; of the same kind as `old`."""
		r, m = self.rng, self.model
		if not m.destinations or r.random() < 0.12 or isinstance(old, Context) and r.random() < 0.8:
			return Context(r.choice((b"", r.randbytes(8))))
		kind = old.kind if old and old.kind and r.random() < 0.9 else r.choice(("Redundant", "Duplicate"))
		members = list(m.destinations)
		if r.random() < 0.9:
			takes = r.choice((2, 2, 3)) if r.random() < 0.8 else m.takes(r.choice(members))
			members = [d for d in members if m.takes(d) == takes] or members[:1]
		members = r.sample(members, min(len(members), r.choice((1, 2, 2, 3, 3, 4, 9))))
		if r.random() < 0.15:
			wrong = r.choice((members, self.gone, list(m.objects) or self.gone))
			members.insert(r.randrange(len(members)), r.choice(wrong))
		return Set(kind, [(did, r.choice((-5, 1, 2, 3, 1 << 30))) for did in members], r.choice((None, "set <&> \u00e9")))

	def destination(self):
		return Destination(self.rng.choice((f"127.0.0.{self.rng.randrange(1, 255):d}", "::1")),
			self.port(), self.rng.choice(("X3Only", "X3Only", "X2andX3", "X2Only")), self.rng.choice((None, "MDF <&> \u00e9")))

	# --- steps
	def step(self):
		m = self.model
		kinds = [(self.activate, 26 if len(m.tasks) < MOST_TASKS else 2), (self.modify, 18),
			(self.deactivate, 14 if len(m.tasks) > 20 else 4), (self.create, 8 if len(m.destinations) < MOST_DESTINATIONS else 1),
			(self.change, 6), (self.remove, 6), (self.get_task, 14), (self.get_destination, 6), (self.ping, 2), (self.list_all, 1),
			(self.broken, 2), (self.deactivate_all, 0.05), (self.remove_all, 0.3),
			(self.create_object, 6 if len(m.objects) < MOST_OBJECTS else 1), (self.modify_object, 6), (self.delete_object, 5),
			(self.get_object, 6), (self.list_objects, 1), (self.delete_all_objects, 0.3)]
		return self.rng.choices([k for k, _ in kinds], [w for _, w in kinds])[0]()

	def reads(self, *tasks):
		"""What the answer about these tasks depends on: destinations, sets and their members."""
		out = []
		for t in tasks:
			out += t.dids + t.dsids if t else []
			out += [d for i in (t.dsids if t else ()) if i in self.model.objects for d in self.model.objects[i].members]
		return out

	def activate(self):
		xid, (task, fault) = self.id_of(self.model.tasks, False), self.task()
		if fault == 1010:  # refused before any id is looked at
			return Step("ActivateTask", task.body(xid), self.reads(task), [xid], lambda: {1010})
		return Step("ActivateTask", task.body(xid), self.reads(task), [xid], lambda: self.model.activate(xid, task, fault))

	def modify(self):
		xid, (task, fault) = self.id_of(self.model.tasks, True), self.task()
		reads = self.reads(task, self.model.tasks.get(xid))
		if fault == 1010:
			return Step("ModifyTask", task.body(xid), reads, [xid], lambda: {1010})
		return Step("ModifyTask", task.body(xid), reads, [xid], lambda: self.model.modify(xid, task, fault))

	def deactivate(self):
		xid = self.id_of(self.model.tasks, True)
		old = self.model.tasks.get(xid)
		self.gone[self.rng.randrange(5)] = xid
		return Step("DeactivateTask", x1.xid_body(xid), self.reads(old), [xid], lambda: self.model.deactivate(xid))

	def create(self):
		did, destination = self.id_of(self.model.destinations, False), self.destination()
		return Step("CreateDestination", destination.body(did), (), [did], lambda: self.model.create(did, destination))

	def change(self):
		did, destination = self.id_of(self.model.destinations, True), self.destination()

		def done(_):
			self.model.destinations[did] = destination

		everything = list(self.model.destinations) + list(self.model.objects)
		return Step("ModifyDestination", destination.body(did), everything, [did], lambda: self.model.change(did, destination), done)

	def remove(self):
		did = self.id_of(self.model.destinations, True)
		return Step("RemoveDestination", x1.did_body(did), (), [did], lambda: self.model.remove(did))

	def get_task(self):
		xid = self.id_of(self.model.tasks, True)
		return Step("GetTaskDetails", x1.xid_body(xid), [xid], (), lambda: {0 if xid in self.model.tasks else 2020},
			lambda answer: self.test.same_task(xid, answer.element))

	def get_destination(self):
		did = self.id_of(self.model.destinations, True)
		return Step("GetDestinationDetails", x1.did_body(did), [did], (), lambda: {0 if did in self.model.destinations else 2040},
			lambda answer: self.test.same_destination(did, answer.element))

	@staticmethod
	def ping():
		return Step("Ping", expect=lambda: {0})

	def list_all(self):
		return Step("ListAllDetails", reads=[ALL], expect=lambda: {0}, after=self.test.same_lists)

	def broken(self):
		xid = self.id_of(self.model.tasks, True)
		return self.rng.choice((Step("DeactivateTask", f"<x1:xId>{xid}0</x1:xId>", expect=lambda: {1010}),
			Step("DeactivateTask", x1.did_body(xid), expect=lambda: {1010}),
			Step("ReportNEIssue", "<x1:typeOfNeIssueMessage>Warning</x1:typeOfNeIssueMessage><x1:description>x</x1:description>",
				expect=lambda: {1080 if self.model.later else 1000}), Step("GetObject", x1.object_body(xid + "0"), expect=lambda: {1010})))

	def deactivate_all(self):
		return Step("DeactivateAllTasks", writes=[ALL], expect=self.model.deactivate_all)

	def remove_all(self):
		return Step("RemoveAllDestinations", writes=[ALL], expect=self.model.remove_all)

	def create_object(self):
		ident, o = self.id_of(self.model.objects, False), self.object()
		if self.model.destinations and self.rng.random() < 0.05:
			ident = self.rng.choice(list(self.model.destinations))
		return Step("CreateObject", o.body(ident, "createObject"), o.members, [ident], lambda: self.model.create_object(ident, o))

	def modify_object(self):
		ident = self.id_of(self.model.objects, True)
		old = self.model.objects.get(ident)
		o = self.object(old)
		reads = list(o.members) + list(old.members if old else ())
		for task in self.model.namers(ident):
			reads += self.reads(task)
		return Step("ModifyObject", o.body(ident, "modifyObject"), reads, [ident], lambda: self.model.modify_object(ident, o))

	def delete_object(self):
		ident = self.id_of(self.model.objects, True)
		old = self.model.objects.get(ident)
		self.gone[self.rng.randrange(5)] = ident
		return Step("DeleteObject", x1.object_body(ident), old.members if old else (), [ident], lambda: self.model.delete_object(ident))

	def get_object(self):
		ident = self.id_of(self.model.objects, True)
		return Step("GetObject", x1.object_body(ident), [ident], (),
			lambda: {1000} if not self.model.later else {0 if ident in self.model.objects else 2060},
			lambda answer: self.test.same_object(ident, answer.find("genericObjectResponseDetails")))

	def list_objects(self):
		kind = self.rng.choice((x1.HASH_CONTEXT_TYPE, x1.DESTINATION_SET_TYPE, "Q{urn:example}Marvel"))
		return Step("ListObjectsOfType", x1.object_type_body(kind), [ALL], (), lambda: {0 if self.model.later else 1000},
			lambda answer: self.test.same_objects(kind, answer))

	def delete_all_objects(self):
		return Step("DeleteAllObjects", writes=[ALL], expect=self.model.delete_all_objects)


class Against(fixture.PoiCase):
	def setUp(self):
		super().setUp()
		self.addCleanup(self.clear)
		self.admf, self.model = self.poi.admf, Model()
		self.admf.xsd = schema.Schema.find()
		self.rng = random.Random(SEED)
		self.random = Random(self.rng, self.model, self)
		self.codes, self.came = {}, set()  # (request, code) of requesters that know objects

	# --- comparing
	def same_task(self, xid, element):
		task = self.model.tasks[xid]
		targets = element.find(f".//{{{x1.X1}}}targetIdentifiers")
		self.assertEqual([plain(e) for e in targets],
			[plain(e) for e in wrapped("".join(f"<x1:targetIdentifier>{t}</x1:targetIdentifier>" for t in task.targets))], xid)
		dids = [("}dId", d) for d in task.dids] + [("dSId", d) for d in task.dsids] if self.model.later else [
			("}dId", d) for d in dict.fromkeys([*task.dids, *(m for i in task.dsids for m in self.model.objects[i].members)])]
		self.assertEqual([(e.tag[-4:], e.text) for e in element.find(f".//{{{x1.X1}}}listOfDIDs")], dids, xid)
		correlation = child(element, "correlationID")
		self.assertEqual((child(element, "xId"), child(element, "deliveryType"), correlation and int(correlation),
			child(element, "productID"), child(element, "provisioningStatus"), int(child(element, "numberOfModifications") or 0)),
			(xid, task.delivery, task.correlation, task.product, "complete", task.modifications))

	def same_destination(self, did, element):
		expected = self.model.destinations[did]
		found = element.find(f".//{{{x1.X1}}}destinationDetails")
		self.assertEqual(plain(found), plain(wrapped(expected.body(did))[0]), did)

	def same_object(self, ident, element):
		"""An object as it was created; only the name of the element is another."""
		self.assertEqual(plain(element[0])[1:], plain(wrapped(self.model.objects[ident].body(ident, "object"))[0])[1:], ident)

	def same_objects(self, kind, answer):
		wanted = {x1.HASH_CONTEXT_TYPE: Context, x1.DESTINATION_SET_TYPE: Set}.get(kind, ())
		self.assertEqual(sorted(e.text for e in answer.all("objectId")),
			sorted(i for i, o in self.model.objects.items() if isinstance(o, wanted)))

	def same_lists(self, answer):
		self.assertEqual(sorted(e.text for e in answer.all("xId")), sorted(self.model.tasks))
		self.assertEqual(sorted(e.text for e in answer.all("dId")), sorted(self.model.destinations))
		self.assertEqual(sorted(e.text for e in answer.all("objectId")), sorted(self.model.objects if self.model.later else ()))

	def same_everything(self):
		answer = self.ok(self.admf.one("GetAllDetails", "", x1.LATER))
		objects = {child(e, "objectId"): e for e in answer.all("genericObjectResponseDetails")}
		self.assertEqual(set(objects), set(self.model.objects))
		for ident, element in objects.items():
			self.same_object(ident, element)
		tasks = {child(e, "xId"): e for e in answer.all("taskResponseDetails")}
		destinations = {child(e, "dId"): e for e in answer.all("destinationResponseDetails")}
		self.assertEqual((set(tasks), set(destinations)), (set(self.model.tasks), set(self.model.destinations)))
		for xid, element in tasks.items():
			self.same_task(xid, element)
		for did, element in destinations.items():
			self.same_destination(did, element)
		status = self.poi.status()
		self.assertEqual((status["tasks"], len(status["destinations"])),
			(len(tasks), len(destinations) + len(self.model.redundant())))

	# --- sending
	@staticmethod
	def code(answer):
		"""0 unless refused: details may hold the codes of faults."""
		return answer.error if answer.kind == "ErrorResponse" else 0

	def send(self, steps):
		self.model.later = self.rng.random() < 0.8
		answers = self.admf.send([s.message for s in steps], x1.LATER if self.model.later else x1.VERSION)
		for step, answer in zip(steps, answers):
			expected, code = step.expect(), self.code(answer)
			self.assertIn(code, expected, f"seed {SEED}: {step.message.kind}{step.message.body}: {answer}")
			self.assertNotEqual(answer.result, "Acknowledged", str(answer))
			if not code:
				self.assertEqual(answer.kind, step.message.kind + "Response")
			if step.after and not code:
				step.after(answer)
			self.codes[code] = self.codes.get(code, 0) + 1
			if self.model.later:
				self.came.add((step.message.kind, code))

	def batch(self):
		"""Steps that do not meet, as many as fall; and the one that did, for the next batch."""
		most, steps = self.rng.choice((1, 1, 4, 16, 40)), []
		while len(steps) < most:
			step = self.random.step()
			if any(step.meets(s) for s in steps):
				return steps, step
			steps.append(step)
		return steps, None

	def nothing_done(self):
		"""Containers of which nothing may be executed."""
		xid = next(iter(self.model.tasks), x1.new_id())
		end = [x1.Message("DeactivateTask", x1.xid_body(xid)), x1.Message("DeactivateAllTasks")]
		document = x1.container(end + [x1.Message("Nonsense")], "admf-01", "poi-01")
		self.assertIn(None, self.admf.send_document(document))
		for client in (self.poi.client("wrong-uid-admf"), self.poi.client(ne="poi-99"), self.poi.client(admf="admf-99")):
			for answer in client.send(end):
				self.assertIn(answer.error, (1030, 1060))
			client.close()
		for answer in self.admf.send(end, "v2.0.0"):
			self.refused(1020, answer)

	def test_random(self):
		start, done, looked, killed = time.monotonic(), 0, 0, 0
		while done < STEPS:
			steps, left = self.batch()
			self.send(steps)
			done += len(steps)
			if left:
				# what it was made of may be gone by now; the model judges it as it is sent
				self.send([left])
				done += 1
			if done - looked >= LOOK:
				looked = done
				self.nothing_done()
				self.same_everything()
			if done > (killed + 1) * STEPS / (KILLS + 1) and killed < KILLS:
				killed += 1
				for victim in (("control",), ("control", "dataplane"), ("dataplane",))[(killed - 1) % 3]:
					getattr(self.poi, victim).kill()
					getattr(self.poi, "start_" + victim)()
					fixture.wait_until(self.poi.connected, fixture.READY, "connected again")
					fixture.wait_until(lambda: self.poi.status()["tasks"] == len(self.model.tasks), fixture.READY, "both agree")
				self.same_everything()
		self.same_everything()
		seconds = time.monotonic() - start
		print("# seed %d: %d steps in %.0f s, answers by code: %s" % (SEED, done, seconds,
			", ".join("%d: %d" % i for i in sorted(self.codes.items()))), flush=True)
		missing = {1000, 1010, 1080, 2010, 2020, 2030, 2040, 2050, 2060, 3000, 3001, 3010, 3020, 3040, 6001, 7010, 8010} - set(self.codes)
		missing |= OF_OBJECTS - self.came
		self.assertEqual(missing, set(), "the walk never came there")
