"""Random changes of destinations, sets and tasks against the plain model, with MDFs that come and go and processes that
are killed: each marked packet arrives where the model says, as often as it says, and nowhere else. POI_SEED picks the walk."""
import collections
import time

import fixture
import loss
import test_model
from fixture import udp_frame, wait_until
from poi_lab import x1

ROUNDS = 150 if fixture.LONG else 5
MOST_TASKS, MOST_DESTINATIONS, MOST_OBJECTS = 12, 7, 5
N_MDFS = 3
SETTLED = 1, 4  # rounds of the short walk at whose end the streams must be where they should
SOON = 15  # seconds in which a destination that is there again has what waited for it
PREFERRED = 30 * 1.25 + 4 + 1 + 2  # a better end is tried after a back-off; its handshake, delivery.failback, acknowledgements
X3 = 2  # of test_model.BITS


class Mdf(loss.Mdf):
	"""Counts each marker as often as it comes, also again by a number that it had."""

	def __init__(self, pki, name):
		super().__init__(pki, window=0)
		self.name, self.up, self.got = name, True, collections.Counter()
		self._on_pdu = self._mark

	def _counting(self, context, sequence, local=None):
		return None, True

	def _mark(self, p):
		self.got[int(p.payload[28:].split(b" ")[0])] += 1

	def down(self):
		self.up = False
		self.refuse()
		self.cut()

	def back(self):
		self.start()
		self.up = True


class Walk(test_model.Random):
	"""Steps with few objects, each destination at one of the MDFs, each task with an address of its own."""

	def __init__(self, rng, model, test):
		super().__init__(rng, model, test)
		self.addresses = 0

	def targets(self):
		self.addresses += 1
		self.address = "10.9.%d.%d" % divmod(self.addresses, 256)
		return [x1.target_ipv4(self.address)], 0

	def task(self):
		task, fault = super().task()
		task.address = self.address
		return task, fault

	def object(self, old=None):
		"""Rarely a hash context, which has no packets; more often Redundant than Duplicate."""
		made = [super(Walk, self).object(old) for _ in range(3)]
		return max(made, key=lambda o: (o.kind or "", len(set(o.members))))

	def destination(self):
		m = self.rng.choice(self.test.mdfs)
		made = test_model.Destination(m.address, m.port, self.rng.choice(("X3Only", "X3Only", "X3Only", "X2andX3", "X2Only")),
			self.rng.choice((None, "MDF")))
		made.mdf = m
		return made

	def step(self):
		m = self.model
		kinds = [(self.activate, 20 if len(m.tasks) < MOST_TASKS else 0), (self.modify, 12), (self.deactivate, 3),
			(self.create, 12 if len(m.destinations) < MOST_DESTINATIONS else 0), (self.change, 6), (self.remove, 3),
			(self.create_object, 12 if len(m.objects) < MOST_OBJECTS else 0), (self.modify_object, 10), (self.delete_object, 3)]
		while True:
			step = self.rng.choices([k for k, _ in kinds], [w for _, w in kinds])[0]()
			if step.message.kind not in ("RemoveDestination", "DeleteObject") or not step.writes & set(self.test.owed):
				return step  # what is owed to a removed one is another test's


class Marked(test_model.Against):
	test_random = None

	@classmethod
	def setUpClass(cls):
		cls.link = fixture.Link()
		cls.addClassCleanup(cls.link.close)
		super().setUpClass()

	@classmethod
	def options(cls):
		return {"eal": fixture.af_packet(0, cls.link.inner), "ports": ("{ device: net_af_packet0, mode: probe }",),
			"delivery_extra": "failback: 1"}

	def setUp(self):
		super().setUp()
		self.mdfs = []
		for n in range(N_MDFS):
			self.mdfs.append(Mdf(self.poi.pki, f"MDF {n}"))
			self.mdfs[-1].start()
			self.addCleanup(self.mdfs[-1].stop)
		self.random = Walk(self.rng, self.model, self)
		self.wanted = {}  # marker: a list of the sets of MDFs of which one must have it; as many as copies
		self.owed = collections.defaultdict(list)  # destination or set that is down: the markers that wait for it
		self.steady = set()  # Redundant sets whose stream is known to be at the preferred end
		self.former = []  # addresses of tasks that are gone or changed
		self.checked = self.failed_over = 0

	# --- what the model says
	def ends(self, ident):
		"""The MDFs that are up, the preferred one first."""
		o = self.model.objects.get(ident)
		return [m for m in (self.model.destinations[d].mdf for d in (o.members if o else [ident])) if m.up]

	def expect(self, marker, task):
		for ident in self.model.plan(task):
			if not self.model.takes(ident) & X3:
				continue
			ends = self.ends(ident)
			if not ends:
				self.owed[ident].append(marker)
			else:
				self.wanted[marker].append(set(ends[:1] if ident in self.steady else ends))

	def due(self):
		"""What waited for a destination or set of which an end is up again."""
		for ident in [i for i in self.owed if self.ends(i)]:
			for marker in self.owed.pop(ident):
				self.wanted[marker].append(set(self.ends(ident)))

	def placed(self, marker, wanted=None):
		"""Whether the copies that are there are those that must be."""
		left = collections.Counter({m: m.got[marker] for m in self.mdfs if m.got[marker]})
		wanted = sorted(self.wanted[marker] if wanted is None else wanted, key=len)
		if sum(left.values()) != len(wanted):
			return False

		def fits(n):
			if n == len(wanted):
				return True
			for m in wanted[n]:
				if left[m]:
					left[m] -= 1
					if fits(n + 1):
						return True
					left[m] += 1
			return False
		return fits(0)

	def said(self, marker):
		return "seed %d, marker %d: at %s, must be at %s; owed %s; %s" % (test_model.SEED, marker,
			{m.name: m.got[marker] for m in self.mdfs}, [sorted(m.name for m in w) for w in self.wanted[marker]],
			{i: n for i, n in self.owed.items() if marker in n}, {m.name: m.up for m in self.mdfs})

	# --- packets
	def packets(self):
		"""One of each task's, and of some that are no more; the markers by task."""
		addresses = {t.address: xid for xid, t in self.model.tasks.items()}
		for address in self.former[-6:]:
			addresses.setdefault(address, None)
		frames, markers = [], {}
		before = self.poi.status()["packets"]["received"]
		for address, xid in addresses.items():
			marker = len(self.wanted)
			self.wanted[marker] = []
			if xid:
				self.expect(marker, self.model.tasks[xid])
				markers[xid] = marker
			frames.append(udp_frame(address, "198.51.100.1", b"%d " % marker))
		self.link.send(frames)
		self.poi.received(before + len(frames))
		return markers

	def arrive(self, markers):
		self.due()
		end = time.monotonic() + SOON
		for marker in markers:
			while not self.placed(marker):
				self.assertLess(time.monotonic(), end, self.said(marker))
				time.sleep(0.005)
			self.checked += 1

	def rest(self):
		"""Until each one that is up has acknowledged all that it has."""
		def resting():
			for d in self.poi.status()["destinations"]:
				if self.ends(d["did"]) and (d["queued"] or d["in_doubt"]):
					return False
			return True
		wait_until(resting, SOON, "all is acknowledged")

	def settle(self):
		"""Until the stream of each Redundant set that tasks name is at its preferred end; meanwhile a packet is at one that
		is up."""
		named = {i for i in self.model.redundant() if self.model.namers(i) and self.ends(i)}
		end = time.monotonic() + PREFERRED
		while named - self.steady:
			markers = self.packets()
			self.arrive(markers.values())
			was = self.steady
			self.steady = was | named
			strict = []
			for xid, marker in markers.items():
				lenient, self.wanted[marker] = self.wanted[marker], []
				owed, self.owed = self.owed, collections.defaultdict(list)
				self.expect(marker, self.model.tasks[xid])
				self.owed = owed
				strict.append(self.placed(marker))
				self.wanted[marker] = lenient
			if not all(strict):
				self.steady = was
				if time.monotonic() > end:
					self.fail("seed %d: not at the preferred end: %s; %s" % (test_model.SEED, named - was,
						[(d["did"], d["ends"]) for d in self.poi.status()["destinations"] if d["did"] in named - was]))
				time.sleep(0.1)

	# --- what happens
	def provision(self):
		for _ in range(self.rng.randint(2, 8)):
			step = self.random.step()
			before = {t.address for t in self.model.tasks.values()}
			self.send([step])
			now = {t.address for t in self.model.tasks.values()}
			self.former += sorted(before - now)
			kind, idents = step.message.kind, step.writes
			if kind in ("CreateObject", "ModifyObject", "DeleteObject"):
				self.steady -= idents
			elif kind == "ModifyDestination":
				self.steady -= {i for i, o in self.model.objects.items() if idents & set(o.members)}

	def turn(self, m):
		"""An MDF goes or comes."""
		changed = {i for i in self.model.redundant() if m in [self.model.destinations[d].mdf for d in self.model.objects[i].members]}
		if m.up:
			self.failed_over += sum(bool(self.model.namers(i)) and self.ends(i)[:1] == [m] != self.ends(i) for i in changed)
			m.down()
		else:
			m.back()
		self.steady -= changed

	def kill(self, *victims):
		for victim in victims:
			getattr(self.poi, victim).kill()
			getattr(self.poi, "start_" + victim)()
			wait_until(self.poi.connected, fixture.READY, "connected again")
			wait_until(lambda: self.poi.status()["tasks"] == len(self.model.tasks), fixture.READY, "both agree")
		if "dataplane" in victims:
			self.steady.clear()
		self.same_everything()

	def happen(self, n):
		"""In the short walk each once; in the long one as it falls."""
		down = [m for m in self.mdfs if not m.up]
		if not fixture.LONG:
			what = {1: "turn", 2: "control", 3: "turn", 4: "dataplane"}.get(n)
		else:
			what = self.rng.choices((None, "turn", "control", "dataplane", "both"), (10, 6, 1, 1, 1))[0]
		if what == "turn":
			if fixture.LONG:
				self.turn(self.rng.choice(self.mdfs))
			else:
				self.turn(down[0] if down else self.busiest())
		elif what:
			self.kill(*(("control", "dataplane") if what == "both" else (what,)))

	def busiest(self):
		"""The MDF that has the stream of the most Redundant sets."""
		named = [i for i in self.model.redundant() if self.model.namers(i)]
		return max(self.mdfs, key=lambda m: sum(self.ends(i)[0] is m for i in named))

	def furnish(self):
		"""A Redundant and a Duplicate set that a task names, to begin with."""
		dids = [x1.new_id() for _ in self.mdfs]
		for did, m in zip(dids, self.mdfs):
			d = test_model.Destination(m.address, m.port, "X3Only", None)
			d.mdf = m
			self.must("CreateDestination", d.body(did), lambda: self.model.create(did, d))
		for kind in ("Redundant", "Duplicate"):
			ident, o = x1.new_id(), test_model.Set(kind, list(zip(dids, (2, 1, 3))))
			self.must("CreateObject", o.body(ident, "createObject"), lambda: self.model.create_object(ident, o))
			targets, _ = self.random.targets()
			task, xid = test_model.Task(targets, "X3Only", [], None, None, [ident]), x1.new_id()
			task.address = self.random.address
			self.must("ActivateTask", task.body(xid), lambda: self.model.activate(xid, task, 0))

	def must(self, kind, body, expect):
		self.model.later = True
		self.ok(self.admf.one(kind, body, x1.LATER))
		self.assertEqual(expect(), {0})

	def test_marked(self):
		start = time.monotonic()
		self.furnish()
		for n in range(ROUNDS):
			self.rest()  # what is not acknowledged would come again, at another place
			if fixture.LONG or n > 1:  # the first fault is of the sets that are there
				self.provision()
			self.happen(n)
			self.arrive(self.packets().values())
			if fixture.LONG or n in SETTLED:
				self.settle()
		for m in self.mdfs:
			if not m.up:
				self.turn(m)
		self.arrive(list(self.wanted))
		self.rest()
		for m in self.mdfs:
			m.wait_quiet(0.1, 2)
		self.assertEqual([self.said(marker) for marker in self.wanted if not self.placed(marker)], [])
		self.assertFalse(self.owed)
		self.same_everything()
		print(f"# seed {test_model.SEED:d}: {ROUNDS} rounds in {time.monotonic() - start:.0f} s, "
			f"{len(self.wanted)} packets, {self.checked:d} times looked for, "
			f"{sum(sum(m.got.values()) for m in self.mdfs):d} PDUs, {self.failed_over:d} sets "
			f"failed over; answers {dict(sorted(self.codes.items()))}", flush=True)
		self.assertGreater(self.failed_over, 0)
