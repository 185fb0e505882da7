"""kill -9 of either process, or of both in turn, at random moments of a stream of changes: no task that was
OKed is lost, no half of one that was not is left, and none of its details is another's. The client's ledger says what may
be there. POI_ROUNDS is the number of kills."""
import http.client
import os
import random
import shutil
import tempfile
import threading
import time
import unittest

import fixture
import truth
from poi_lab import schema, x1

SEED = int(os.environ.get("POI_SEED", "20261122"))
ROUNDS = int(os.environ.get("POI_ROUNDS") or (1000 if fixture.LONG else 15))
GONE = None  # in a set of possible states: not there


class Ledger:
	"""What the network element may hold of each object: the set of states that the answers admit. A state is all of
	the details that were asked for (truth.asked), or GONE."""

	def __init__(self):
		self.tasks, self.destinations = {}, {}
		self.oked = self.refused = self.open = 0
		self.modified = self.compared = self.undecided = 0

	@staticmethod
	def asked(book, key, state):
		"""Sent, not answered: before and after are both possible."""
		book[key] = book.get(key, {GONE}) | {state}

	def answered(self, book, key, state, before, answer):
		if answer.completed:
			self.oked += 1
			self.modified += state is not GONE and before != {GONE}
			book[key] = {state}
		elif not answer.ok:
			self.refused += 1
			book[key] = before
		else:
			self.open += 1  # Acknowledged: either, until it is reported

	def settle(self, book, held):
		"""Compares with what is there, then takes that for the truth. The differences."""
		wrong = truth.differences(book, held)
		self.compared += len(held)
		self.undecided += sum(len(states) > 1 for states in book.values())
		book.clear()
		book.update({k: {v} for k, v in held.items()})
		return wrong


class Stream:
	"""One change after the other, until something is killed under it."""

	def __init__(self, poi, rng, ledger):
		self.poi, self.rng, self.ledger = poi, rng, ledger
		self.admf = poi.client(timeout=20)
		self.admf.xsd = schema.Schema.find()

	def known(self, book):
		return sorted(k for k, v in book.items() if v != {GONE})

	def step(self):
		tasks, destinations = self.known(self.ledger.tasks), self.known(self.ledger.destinations)
		kind = self.rng.choices(("create", "activate", "modify", "deactivate", "remove", "move"), (2, 8, 5, 4, 1, 1))[0]
		if kind == "create" and len(destinations) < 8 or not destinations:
			self.put("CreateDestination", self.ledger.destinations, self.destination(x1.new_id()))
		elif kind == "activate" and len(tasks) < 200 or not tasks:
			self.put("ActivateTask", self.ledger.tasks, self.task(x1.new_id(), destinations))
		elif kind == "modify":
			self.put("ModifyTask", self.ledger.tasks, self.task(self.rng.choice(tasks), destinations))
		elif kind == "deactivate":
			xid = self.rng.choice(tasks)
			self.change("DeactivateTask", self.ledger.tasks, xid, GONE, x1.xid_body(xid))
		elif kind == "remove":
			did = self.rng.choice(destinations)
			self.change("RemoveDestination", self.ledger.destinations, did, GONE, x1.did_body(did))
		else:
			self.put("ModifyDestination", self.ledger.destinations, self.destination(self.rng.choice(destinations)))

	def put(self, kind, book, request):
		key, body = request
		self.change(kind, book, key, truth.asked(body), body)

	def change(self, kind, book, key, state, body):
		before = book.get(key, {GONE})
		self.ledger.asked(book, key, state)
		answer = self.admf.one(kind, body)
		self.ledger.answered(book, key, state, before, answer)

	def destination(self, did):
		name = self.rng.choice((None, f"MDF {self.rng.randrange(1000):d}"))
		return did, x1.destination_details(did, f"127.0.0.{self.rng.randrange(1, 9):d}", self.rng.randrange(2000, 60000), name=name)

	def task(self, xid, destinations):
		"""Any of its details may be another than before: targets, delivery type, destinations, correlation, product,
		extensions."""
		rng = self.rng
		targets = [rng.choice((self.address, self.prefix))()]
		if rng.random() < 0.5:
			targets.append(x1.target_port(rng.choice(("tcp", "udp")), str(rng.randrange(1, 65536))))
		delivery = rng.choice(("X3Only", "X2Only", "X2andX3"))
		dids = rng.sample(destinations, rng.randint(1, min(4, len(destinations))))
		return xid, x1.task_details(xid, targets, dids, delivery, correlation=rng.choice((None, rng.randrange(1 << 32))),
			product=rng.choice((None, x1.new_id())), extensions="" if delivery == "X3Only" else
			x1.header_reporting(rng.choice(("pdhr", "pdsr")), packets=rng.randrange(1, 1000), seconds=rng.randrange(1, 60)))

	def address(self):
		return x1.target_ipv4("10.%d.%d.%d" % tuple(self.rng.randrange(256) for _ in range(3)))

	def prefix(self):
		return x1.target_cidr(f"10.{self.rng.randrange(256):d}.{self.rng.randrange(256):d}.0/24")


class Kill(unittest.TestCase):
	ALIVE = 0.02, 0.25  # seconds from the first changes of a round's stream to the kill

	def held(self, poi):
		"""({XID: details}, {DID: details}) by GetAllDetails; ListAllDetails must say the same, and GetTaskDetails of some."""
		everything, listed = poi.admf.one("GetAllDetails"), poi.admf.one("ListAllDetails")
		self.assertTrue(everything.completed and listed.completed, f"{everything}, {listed}")
		tasks, destinations, elements = truth.held(everything)
		self.assertEqual({e.text for e in listed.all("xId")}, set(tasks))
		self.assertEqual({e.text for e in listed.all("dId")}, set(destinations))
		for xid in tasks:
			self.assertEqual(truth.text_of(elements[xid], "provisioningStatus"), "complete", xid)
			for did in elements[xid].iter(f"{{{x1.X1}}}dId"):
				self.assertIn(did.text, destinations, "a task without its destination")
		for xid in sorted(tasks)[:5]:
			one = poi.admf.get_task(xid)
			self.assertTrue(one.completed, str(one))
			self.assertEqual(truth.canonical(one.find("taskDetails")), tasks[xid])
		return tasks, destinations

	def kill_later(self, process, seconds):
		timer = threading.Timer(seconds, process.kill)
		timer.start()
		return timer

	def round(self, poi, rng, ledger, victim):
		stream = Stream(poi, rng, ledger)
		process = getattr(poi, victim)
		for _ in range(4):
			stream.step()
		timer = self.kill_later(process, rng.uniform(*self.ALIVE))
		end = time.monotonic() + 30
		try:
			while timer.is_alive() or process.running:
				self.assertLess(time.monotonic(), end)
				stream.step()
			for _ in range(rng.randrange(6) if victim == "dataplane" else 0):
				stream.step()  # with nobody to put anything in force
		except (OSError, http.client.HTTPException):
			pass  # cut in the middle of an exchange: that is what the ledger is for
		timer.join()
		process.child.wait()
		stream.admf.close()
		poi.admf.close()
		getattr(poi, "start_" + victim)()
		fixture.wait_until(poi.connected, fixture.READY, "control and dataplane are connected")
		fixture.wait_until(lambda: self.settled(poi), fixture.READY, "both hold the same")
		tasks, destinations = self.held(poi)
		wrong = ledger.settle(ledger.tasks, tasks) + ledger.settle(ledger.destinations, destinations)
		self.assertEqual(wrong, [], f"seed {SEED}, after kill -9 of {victim}")
		status = poi.status()
		self.assertEqual((status["tasks"], len(status["destinations"])), (len(tasks), len(destinations)))

	def settled(self, poi):
		status = poi.try_status()
		return status and status["tasks"] == len(poi.admf.one("ListAllDetails").all("xId"))

	def rounds(self, name, victims):
		poi = fixture.Poi()
		self.addCleanup(poi.close)
		poi.start()
		poi.admf.xsd = schema.Schema.find()
		rng, ledger = random.Random(f"{SEED} {name}"), Ledger()
		for n in range(ROUNDS // 3):
			self.round(poi, rng, ledger, victims[n % len(victims)])
		print(f"# {name}: seed {SEED}, {ROUNDS // 3} rounds, {ledger.oked:d} changes OKed, "
			f"{ledger.modified:d} of them modified, {ledger.refused:d} refused, {ledger.open:d} "
			f"acknowledged; all details of {ledger.compared:d} objects compared, "
			f"{ledger.undecided:d} of them open to two answers", flush=True)
		self.assertGreater(ledger.oked, ROUNDS)

	def test_control(self):
		self.rounds("control", ["control"])

	def test_dataplane(self):
		self.rounds("dataplane", ["dataplane"])

	def test_in_turn(self):
		self.rounds("in turn", ["control", "dataplane"])


class Replay(unittest.TestCase):
	"""kill -9 of poi-control while it gives a restarted poi-dataplane its tasks back."""

	TASKS = 2000
	WITHIN = 0.03  # seconds that a replay of so many takes
	ROUNDS = 100 if fixture.LONG else 10

	def start(self, **options):
		poi = fixture.Poi(**options)
		self.addCleanup(poi.close)
		poi.xsd = poi.admf.xsd = None
		poi.start()
		return poi

	def fill(self, poi):
		"""Every task that is not there; all XIDs."""
		there = set(self.listed(poi))
		missing, did = [x1.new_id() for _ in range(self.TASKS - len(there))], x1.new_id()
		self.assertTrue(poi.admf.create_destination(did, "127.0.0.1", 9).completed)
		for first in range(0, len(missing), 500):
			answers = poi.admf.send([x1.Message("ActivateTask", x1.task_details(xid, [x1.target_ipv4(f"10.1.{n >> 8}.{n & 255}")],
				[did])) for n, xid in enumerate(missing[first:first + 500], first)])
			self.assertTrue(all(a.completed for a in answers), str(answers[0]))
		return there | set(missing)

	def listed(self, poi):
		return [e.text for e in poi.admf.one("ListAllDetails").all("xId")]

	def round(self, poi, rng):
		"""What the new control said since it was started."""
		poi.dataplane.kill()
		at, end = os.path.getsize(poi.control.log), time.monotonic() + fixture.READY
		poi.start_dataplane(wait=False)
		with open(poi.control.log, "rb") as log:
			log.seek(at)
			said = b""
			while b"the dataplane was restarted" not in said and time.monotonic() < end:
				said += log.read()
				time.sleep(0.001)
		time.sleep(rng.uniform(0, self.WITHIN))
		poi.control.kill()
		at, held = len(poi.control.text()), poi.status()["tasks"]
		poi.start_control()
		return held, poi.control.text()[at:]

	def test_with_a_store(self):
		folder = tempfile.mkdtemp(prefix="poi-key-")
		self.addCleanup(shutil.rmtree, folder, True)
		key = os.path.join(folder, "root.key")
		with open(os.open(key, os.O_CREAT | os.O_WRONLY, 0o600), "wb") as f:
			f.write(os.urandom(32))
		poi, rng, parts = self.start(x1_extra=f"store: {{ file: tasks.store, key: {key} }}"), random.Random(SEED), 0
		xids = self.fill(poi)
		for _ in range(self.ROUNDS):
			held, said = self.round(poi, rng)
			parts += "state is incomplete" in said
			self.assertEqual(len(xids.symmetric_difference(self.listed(poi))), 0, f"the dataplane had {held:d} when control was killed")
			fixture.wait_until(lambda: poi.status()["tasks"] == len(xids), fixture.READY, "the dataplane has every task again")
		print(f"# {self.ROUNDS:d} rounds, {parts} of them with a part", flush=True)

	def test_without(self):
		poi, rng, parts = self.start(), random.Random(SEED), 0
		for _ in range(self.ROUNDS):
			xids = self.fill(poi)
			held, said = self.round(poi, rng)
			lost = len(xids) - len(self.listed(poi))
			told = "others may be missing" in said or "started without tasks" in said
			self.assertTrue(told or not lost, f"{lost} lost without a word, the dataplane had {held:d}")
			parts += told
		print(f"# {self.ROUNDS:d} rounds, {parts} of them told", flush=True)
