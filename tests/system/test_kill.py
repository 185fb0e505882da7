"""kill -9 of either process, or of both in turn, at random moments of a stream of changes: no task that was
OKed is lost, no half of one that was not is left. The client's ledger says what may be there."""
import http.client
import os
import random
import shutil
import tempfile
import threading
import time
import unittest

import fixture
from poi_lab import schema, x1

SEED = int(os.environ.get("POI_SEED", "20261122"))
ROUNDS = 1000 if fixture.LONG else 15
GONE = None  # in a set of possible states: not there


class Ledger:
	"""What the network element may hold of each object: the set of states that the answers admit. A state is
	the value that shows (a target address, a port), or GONE."""

	def __init__(self):
		self.tasks, self.destinations = {}, {}
		self.oked = self.refused = self.open = 0

	@staticmethod
	def asked(book, key, state):
		"""Sent, not answered: before and after are both possible."""
		book[key] = book.get(key, {GONE}) | {state}

	def answered(self, book, key, state, before, answer):
		if answer.completed:
			self.oked += 1
			book[key] = {state}
		elif not answer.ok:
			self.refused += 1
			book[key] = before
		else:
			self.open += 1  # Acknowledged: either, until it is reported

	def settle(self, book, held):
		"""Compares with what is there, then takes that for the truth. The differences."""
		wrong = []
		for key in set(book) | set(held):
			possible, state = book.get(key, {GONE}), held.get(key, GONE)
			if state not in possible:
				wrong.append("%s: holds %s, may be %s" % (key, state, sorted(map(str, possible))))
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
			self.change(self.ledger.destinations, x1.new_id(), self.rng.randrange(2000, 60000), self.create)
		elif kind == "activate" and len(tasks) < 200 or not tasks:
			self.change(self.ledger.tasks, x1.new_id(), self.address(), self.activate, self.rng.choice(destinations))
		elif kind == "modify":
			self.change(self.ledger.tasks, self.rng.choice(tasks), self.address(), self.modify, self.rng.choice(destinations))
		elif kind == "deactivate":
			self.change(self.ledger.tasks, self.rng.choice(tasks), GONE, self.deactivate)
		elif kind == "remove":
			self.change(self.ledger.destinations, self.rng.choice(destinations), GONE, self.remove)
		else:
			self.change(self.ledger.destinations, self.rng.choice(destinations), self.rng.randrange(2000, 60000), self.move)

	def address(self):
		return "10.%d.%d.%d" % tuple(self.rng.randrange(256) for _ in range(3))

	def change(self, book, key, state, ask, *more):
		before = book.get(key, {GONE})
		self.ledger.asked(book, key, state)
		answer = ask(key, state, *more)
		self.ledger.answered(book, key, state, before, answer)

	def create(self, did, port):
		return self.admf.create_destination(did, "127.0.0.1", port)

	def move(self, did, port):
		return self.admf.modify_destination(did, "127.0.0.1", port)

	def remove(self, did, _):
		return self.admf.remove_destination(did)

	def activate(self, xid, address, did):
		return self.admf.activate(xid, [x1.target_ipv4(address)], [did])

	def modify(self, xid, address, did):
		return self.admf.modify(xid, [x1.target_ipv4(address)], [did])

	def deactivate(self, xid, _):
		return self.admf.deactivate(xid)


class Kill(unittest.TestCase):
	ALIVE = 0.02, 0.25  # seconds from the start of a round's stream to the kill

	def held(self, poi):
		"""({xid: address}, {did: port}) by GetAllDetails; ListAllDetails must say the same."""
		everything, listed = poi.admf.one("GetAllDetails"), poi.admf.one("ListAllDetails")
		self.assertTrue(everything.completed and listed.completed, "%s, %s" % (everything, listed))
		tasks = {self.text(t, "xId"): t for t in everything.all("taskResponseDetails")}
		destinations = {self.text(d, "dId"): d for d in everything.all("destinationResponseDetails")}
		self.assertEqual({e.text for e in listed.all("xId")}, set(tasks))
		self.assertEqual({e.text for e in listed.all("dId")}, set(destinations))
		for xid, task in tasks.items():
			self.assertEqual(self.text(task, "provisioningStatus"), "complete", xid)
			self.assertIn(self.text(task, "dId"), destinations, "a task without its destination")
		return ({k: self.text(t, "ipv4Address") for k, t in tasks.items()},
			{k: int(d.find(".//{%s}TCPPort" % x1.C).text) for k, d in destinations.items()})

	@staticmethod
	def text(element, name):
		found = element.find(".//{%s}%s" % (x1.X1, name))
		return found.text if found is not None else None

	def kill_later(self, process, seconds):
		timer = threading.Timer(seconds, process.kill)
		timer.start()
		return timer

	def round(self, poi, rng, ledger, victim):
		stream = Stream(poi, rng, ledger)
		process = getattr(poi, victim)
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
		self.assertEqual(wrong, [], "seed %d, after kill -9 of %s" % (SEED, victim))
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
		rng, ledger = random.Random("%d %s" % (SEED, name)), Ledger()
		for n in range(ROUNDS // 3):
			self.round(poi, rng, ledger, victims[n % len(victims)])
		print("# %s: seed %d, %d rounds, %d changes OKed, %d refused, %d acknowledged" % (name, SEED, ROUNDS // 3,
			ledger.oked, ledger.refused, ledger.open), flush=True)
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
			answers = poi.admf.send([x1.Message("ActivateTask", x1.task_details(xid, [x1.target_ipv4("10.1.%d.%d" % (n >> 8, n & 255))],
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
		poi, rng, parts = self.start(x1_extra="store: { file: tasks.store, key: %s }" % key), random.Random(SEED), 0
		xids = self.fill(poi)
		for _ in range(self.ROUNDS):
			held, said = self.round(poi, rng)
			parts += "state is incomplete" in said
			self.assertEqual(len(xids.symmetric_difference(self.listed(poi))), 0, "the dataplane had %d when control was killed" % held)
			fixture.wait_until(lambda: poi.status()["tasks"] == len(xids), fixture.READY, "the dataplane has every task again")
		print("# %d rounds, %d of them with a part" % (self.ROUNDS, parts), flush=True)

	def test_without(self):
		poi, rng, parts = self.start(), random.Random(SEED), 0
		for _ in range(self.ROUNDS):
			xids = self.fill(poi)
			held, said = self.round(poi, rng)
			lost = len(xids) - len(self.listed(poi))
			told = "others may be missing" in said or "started without tasks" in said
			self.assertTrue(told or not lost, "%d lost without a word, the dataplane had %d" % (lost, held))
			parts += told
		print("# %d rounds, %d of them told" % (self.ROUNDS, parts), flush=True)
