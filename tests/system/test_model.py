"""Random requests against a plain model of what a network element must hold and answer. Several messages go
in one container when none of them depends on another, since the order inside has no meaning (clause 6.1)."""
import os
import random
import time

import fixture
from poi_lab import schema, x1

SEED = int(os.environ.get("POI_SEED", "103221"))
STEPS = 100000 if fixture.LONG else 1500
LOOK = 2500 if fixture.LONG else 250  # steps between two complete comparisons
MOST_TASKS, MOST_DESTINATIONS = 150, 20
BITS = {"X2Only": 1, "X3Only": 2, "X2andX3": 3}
ALL = "*"


class Task:
	def __init__(self, targets, delivery, dids, correlation, product):
		self.targets, self.delivery, self.dids = targets, delivery, dids
		self.correlation, self.product, self.modifications = correlation, product, 0

	def body(self, xid, extensions=""):
		return x1.task_details(xid, self.targets, self.dids, self.delivery, self.correlation, self.product, extensions)


class Destination:
	def __init__(self, address, port, delivery, name):
		self.address, self.port, self.delivery, self.name = address, port, delivery, name

	def body(self, did):
		return x1.destination_details(did, self.address, self.port, self.delivery, self.name)


class Model:
	"""What is there, and the codes that a request may be answered with (0: done). Applies what is done."""

	def __init__(self):
		self.tasks, self.destinations = {}, {}

	def users(self, did):
		return [t for t in self.tasks.values() if did in t.dids]

	def judge_task(self, task, generic, fault):
		"""The codes it may get; an unknown destination comes before one of the wrong kind."""
		if fault:
			return {fault if fault > 0 else generic}
		if any(did not in self.destinations for did in task.dids):
			return {2040}
		covered = 0
		for did in task.dids:
			covered |= BITS[self.destinations[did].delivery]
		return {3040} if BITS[task.delivery] & ~covered else {0}

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
		if did in self.destinations:
			return {2030}
		self.destinations[did] = destination
		return {0}

	def change(self, did, destination):
		"""Refused when a task that it takes something of would send nothing more to it, or something to nobody."""
		if did not in self.destinations:
			return {2040}
		takes = {d: BITS[known.delivery] for d, known in self.destinations.items()}
		before = takes[did]
		narrower = before & ~BITS[destination.delivery]
		takes[did] = BITS[destination.delivery]
		for task in self.users(did) if narrower else ():
			sends, covered = BITS[task.delivery], 0
			for each in task.dids:
				covered |= takes[each]
			if before & sends and not takes[did] & sends or sends & ~covered:
				return {6001}
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
	return x1.ElementTree.fromstring('<x1:a xmlns:x1="%s" xmlns:c="%s">%s</x1:a>' % (x1.X1, x1.C, xml))


def child(element, name):
	found = element.find(".//{%s}%s" % (x1.X1, name))
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
		v6 = lambda: x1.target_ipv6("2001:db8::%x:%x" % (r.randrange(65536), r.randrange(65536)))
		port = lambda p: x1.target_port(p, str(self.port()))
		low = r.randrange(2, 60000)
		choices = ((20, lambda: ([v4()], 0)), (10, lambda: ([v6()], 0)), (4, lambda: ([v4(), v4()], 0)),
			(4, lambda: ([x1.target_cidr("10.%d.%d.0/24" % (r.randrange(256), r.randrange(256)))], 0)),
			(3, lambda: ([x1.target_cidr("2001:db8:%x::/48" % r.randrange(65536))], 0)),
			(3, lambda: ([port("tcp")], 0)), (3, lambda: ([v4(), port("udp")], 0)),
			(2, lambda: ([x1.target_port("tcp", "%d-%d" % (low, low + 100))], 0)),
			(2, lambda: (["<x1:macAddress>02:00:00:%02x:%02x:%02x</x1:macAddress>" % tuple(r.randrange(256) for _ in range(3))], 0)),
			(2, lambda: ([x1.target_fteid(r.randrange(1 << 32), "198.51.100.%d" % r.randrange(256))], 0)),
			(1, lambda: ([v4(), v6()], 3020)), (1, lambda: ([port("tcp"), port("udp")], 3020)),
			(1, lambda: ([x1.target_teid(5)], 3020)), (1, lambda: ([v4(), v4(), v4()], 3020)),
			(2, lambda: (["<x1:imsi>204081234567890</x1:imsi>"], 3010)),
			(1, lambda: (["<x1:ipv4Cidr><c:IPv4CIDR>10.0.0.%d/8</c:IPv4CIDR></x1:ipv4Cidr>" % r.randrange(1, 256)], -1)),
			(1, lambda: ([x1.target_port("udp", "%d-%d" % (low + 1, low))], -1)),
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
		return (Task(targets, "X3Only", dids, self.rng.choice((None, None, self.rng.randrange(1 << 64))),
			self.rng.choice((None, x1.new_id()))), fault)

	def destination(self):
		return Destination(self.rng.choice(("127.0.0.%d" % self.rng.randrange(1, 255), "::1")),
			self.port(), self.rng.choice(("X3Only", "X3Only", "X2andX3", "X2Only")), self.rng.choice((None, "MDF <&> \u00e9")))

	# --- steps
	def step(self):
		m = self.model
		kinds = [(self.activate, 26 if len(m.tasks) < MOST_TASKS else 2), (self.modify, 18),
			(self.deactivate, 14 if len(m.tasks) > 20 else 4), (self.create, 8 if len(m.destinations) < MOST_DESTINATIONS else 1),
			(self.change, 6), (self.remove, 6), (self.get_task, 14), (self.get_destination, 6), (self.ping, 2), (self.list_all, 1),
			(self.broken, 2), (self.deactivate_all, 0.05), (self.remove_all, 0.3)]
		return self.rng.choices([k for k, _ in kinds], [w for _, w in kinds])[0]()

	def activate(self):
		xid, (task, fault) = self.id_of(self.model.tasks, False), self.task()
		if fault == 1010:  # refused before any id is looked at
			return Step("ActivateTask", task.body(xid), task.dids, [xid], lambda: {1010})
		return Step("ActivateTask", task.body(xid), task.dids, [xid], lambda: self.model.activate(xid, task, fault))

	def modify(self):
		xid, (task, fault) = self.id_of(self.model.tasks, True), self.task()
		old = self.model.tasks.get(xid)
		reads = task.dids + (old.dids if old else [])
		if fault == 1010:
			return Step("ModifyTask", task.body(xid), reads, [xid], lambda: {1010})
		return Step("ModifyTask", task.body(xid), reads, [xid], lambda: self.model.modify(xid, task, fault))

	def deactivate(self):
		xid = self.id_of(self.model.tasks, True)
		old = self.model.tasks.get(xid)
		self.gone[self.rng.randrange(5)] = xid
		return Step("DeactivateTask", x1.xid_body(xid), old.dids if old else [], [xid], lambda: self.model.deactivate(xid))

	def create(self):
		did, destination = self.id_of(self.model.destinations, False), self.destination()
		return Step("CreateDestination", destination.body(did), (), [did], lambda: self.model.create(did, destination))

	def change(self):
		did, destination = self.id_of(self.model.destinations, True), self.destination()

		def done(_):
			self.model.destinations[did] = destination

		return Step("ModifyDestination", destination.body(did), list(self.model.destinations), [did], lambda: self.model.change(did, destination), done)

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
		return self.rng.choice((Step("DeactivateTask", "<x1:xId>%s0</x1:xId>" % xid, expect=lambda: {1010}),
			Step("DeactivateTask", x1.did_body(xid), expect=lambda: {1010}),
			Step("ReportNEIssue", "<x1:typeOfNeIssueMessage>Warning</x1:typeOfNeIssueMessage><x1:description>x</x1:description>",
				expect=lambda: {1000})))

	def deactivate_all(self):
		return Step("DeactivateAllTasks", writes=[ALL], expect=self.model.deactivate_all)

	def remove_all(self):
		return Step("RemoveAllDestinations", writes=[ALL], expect=self.model.remove_all)


class Against(fixture.PoiCase):
	def setUp(self):
		super().setUp()
		self.addCleanup(self.clear)
		self.admf, self.model = self.poi.admf, Model()
		self.admf.xsd = schema.Schema.find()
		self.rng = random.Random(SEED)
		self.random = Random(self.rng, self.model, self)
		self.codes = {}

	# --- comparing
	def same_task(self, xid, element):
		task = self.model.tasks[xid]
		targets = element.find(".//{%s}targetIdentifiers" % x1.X1)
		self.assertEqual([plain(e) for e in targets],
			[plain(e) for e in wrapped("".join("<x1:targetIdentifier>%s</x1:targetIdentifier>" % t for t in task.targets))], xid)
		self.assertEqual([e.text for e in element.find(".//{%s}listOfDIDs" % x1.X1)], task.dids, xid)
		correlation = child(element, "correlationID")
		self.assertEqual((child(element, "xId"), child(element, "deliveryType"), correlation and int(correlation),
			child(element, "productID"), child(element, "provisioningStatus"), int(child(element, "numberOfModifications") or 0)),
			(xid, task.delivery, task.correlation, task.product, "complete", task.modifications))

	def same_destination(self, did, element):
		expected = self.model.destinations[did]
		found = element.find(".//{%s}destinationDetails" % x1.X1)
		self.assertEqual(plain(found), plain(wrapped(expected.body(did))[0]), did)

	def same_lists(self, answer):
		self.assertEqual(sorted(e.text for e in answer.all("xId")), sorted(self.model.tasks))
		self.assertEqual(sorted(e.text for e in answer.all("dId")), sorted(self.model.destinations))

	def same_everything(self):
		answer = self.ok(self.admf.one("GetAllDetails"))
		tasks = {child(e, "xId"): e for e in answer.all("taskResponseDetails")}
		destinations = {child(e, "dId"): e for e in answer.all("destinationResponseDetails")}
		self.assertEqual((set(tasks), set(destinations)), (set(self.model.tasks), set(self.model.destinations)))
		for xid, element in tasks.items():
			self.same_task(xid, element)
		for did, element in destinations.items():
			self.same_destination(did, element)
		status = self.poi.status()
		self.assertEqual((status["tasks"], len(status["destinations"])), (len(tasks), len(destinations)))

	# --- sending
	@staticmethod
	def code(answer):
		"""0 unless refused: details may hold the codes of faults."""
		return answer.error if answer.kind == "ErrorResponse" else 0

	def send(self, steps):
		answers = self.admf.send([s.message for s in steps])
		for step, answer in zip(steps, answers):
			expected, code = step.expect(), self.code(answer)
			self.assertIn(code, expected, "seed %d: %s%s: %s" % (SEED, step.message.kind, step.message.body, answer))
			self.assertNotEqual(answer.result, "Acknowledged", str(answer))
			if not code:
				self.assertEqual(answer.kind, step.message.kind + "Response")
			if step.after and not code:
				step.after(answer)
			self.codes[code] = self.codes.get(code, 0) + 1

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
			if done > (killed + 1) * STEPS / 3 and killed < 2:
				killed += 1
				for victim in ("control", "dataplane")[:killed]:
					getattr(self.poi, victim).kill()
					getattr(self.poi, "start_" + victim)()
					fixture.wait_until(self.poi.connected, fixture.READY, "connected again")
					fixture.wait_until(lambda: self.poi.status()["tasks"] == len(self.model.tasks), fixture.READY, "both agree")
				self.same_everything()
		self.same_everything()
		seconds = time.monotonic() - start
		print("# seed %d: %d steps in %.0f s, answers by code: %s" % (SEED, done, seconds,
			", ".join("%d: %d" % i for i in sorted(self.codes.items()))), flush=True)
		missing = {1000, 1010, 2010, 2020, 2030, 2040, 3000, 3001, 3010, 3020, 3040, 6001, 7010, 8010} - set(self.codes)
		self.assertEqual(missing, set(), "the walk never came there")
