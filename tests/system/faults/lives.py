"""What the cases of a second life share: MDFs with a fault each, and the counter that judges what became of every PDU by
the markers in the payloads that the MDFs hold. The product's own counts decide nothing: they are what is judged."""
import collections
import datetime
import itertools
import re
import threading
import time

import loss
from fixture import udp_frame
from poi_lab import pdu, x1

OTHER, PAYLOAD = "198.51.100.1", 1200
KEEPALIVE = pdu.KEEPALIVE.to_bytes(2, "big")
MARKER = re.compile(rb"<([0-9]+):([0-9]+)>")
ENDED = re.compile(r"([0-9]+) PDUs (?:held|lost: queued|of an earlier process were|of a destination that was removed were|"
	r"in the spool of a destination)")
HELD = re.compile(r"PDUs held at ([0-9T:.-]+)Z")
BOOKED = 0.1  # seconds from the MDF's acknowledgement to the product's count
REMOVED = re.compile(r"PDUs delivered after the removal, ([0-9]+) PDUs lost, ([0-9]+) in doubt")


class Counter(loss.Mdf):
	"""Notes of every PDU that it takes who it was meant for, which one it is and its number."""

	def __init__(self, pki, address="127.0.0.1"):
		super().__init__(pki, window=16384, address=address)
		self.taken = collections.defaultdict(list)  # (place, marker): [(context, sequence), ...]
		self._on_pdu = self._note
		self.acknowledged = []  # (time, PDUs)
		self._behind = {}  # of a connection: it, PDUs behind the last keepalive that was acknowledged, deaf
		self.lies = False
		self._turn = itertools.count()

	def _counting(self, context, sequence, local=None):
		return None, True

	def _note(self, p):
		place, marker = MARKER.search(bytes(p.payload[28:64])).groups()
		self.taken[int(place), int(marker)].append((p.context, p.sequence))

	def _one(self, octets, local, keepalive):
		answer = super()._one(octets, local, keepalive)
		behind = self._behind.setdefault(id(keepalive), [keepalive, 0, False])
		if octets[2:4] != KEEPALIVE:
			behind[1] += 1
		elif answer and self.lies:
			return pdu.keepalive_ack((keepalive[0] + 1000) & 0xffffffff)  # nobody sent that
		elif answer and not behind[2]:
			self.acknowledged.append((time.time(), behind[1]))
			behind[1] = 0
		return answer

	def peer_ends(self):
		"""Nobody hears any more what it acknowledges on the connections that it has."""
		for behind in list(self._behind.values()):
			behind[2] = True

	@property
	def doubt(self):
		"""PDUs that it holds, and no acknowledgement has said so."""
		return sum(n for _, n, _ in self._behind.values())

	def acknowledged_since(self, start, end):
		return sum(n for at, n in list(self.acknowledged) if start <= at < end)

	def _take(self, pending, local, keepalive):
		if self.lies and next(self._turn) % 3 == 0:
			self._cut_done, self.behaviour.close_mid_pdu = False, 1  # inside the next PDU
		done, answer = super()._take(pending, local, keepalive)
		self.behaviour.close_mid_pdu = 0
		return done, answer


class Fault:
	"""One way in which an MDF, or the way to it, fails."""

	name = "?"

	def __init__(self, case, place):
		self.case, self.place, self.mdf = case, place, Counter(case.poi.pki)
		self.mdf.start()
		case.addCleanup(self.mdf.stop)
		self.did = x1.new_id()
		self.xid = x1.new_id()
		self.new = None  # the MDF that the identifier was created for again

	@property
	def target(self):
		return f"192.0.2.{10 + self.place:d}"

	def create(self, m=None):
		m = m or self.mdf
		return self.case.poi.admf.create_destination(self.did, m.address, m.port)

	def begin(self):
		pass

	def end(self):
		pass


class Gone(Fault):
	name = "gone"

	def begin(self):
		self.mdf.refuse()
		self.mdf.cut()

	def end(self):
		self.mdf.start()


class Stalled(Fault):
	name = "stalled"

	def begin(self):
		self.mdf.stalled = True

	def end(self):
		self.mdf.stalled = False


class Slow(Fault):
	name = "slow"

	def begin(self):
		self.mdf.behaviour.slow = 50_000

	def end(self):
		self.mdf.behaviour.slow = 0


class Hostile(Fault):
	"""Acknowledges keepalives that nobody sent, cuts inside a PDU, talks garbage."""

	name = "hostile"

	def begin(self):
		self.mdf.lies = True
		self.mdf.cut()
		threading.Timer(0.7, setattr, (self.mdf.behaviour, "garbage", True)).start()

	def end(self):
		self.mdf.lies = self.mdf.behaviour.garbage = False
		self.mdf.cut()


class Unacknowledging(Fault):
	name = "takes, never acknowledges"

	def begin(self):
		self.mdf.behaviour.ack = False

	def end(self):
		self.mdf.behaviour.ack = True


class Named(Gone):
	"""A name with two addresses, the first of them dead; an answer holds for a second, the pause between attempts is
	longer."""

	name = "name with a dead address"
	NAME = "mdf.lives.test"

	def __init__(self, case, place):
		super().__init__(case, place)
		self.did = case.named_dids.pop()
		case.names.zone[self.NAME] = (1, ["127.0.0.9", self.mdf.address])

	def create(self, m=None):
		m = m or self.mdf
		return self.case.poi.admf.one("CreateDestination", x1.destination_uri(self.did, f"tls://{self.NAME}:{m.port}"))


class Judge:
	"""Of one destination: what was captured for it, what its MDF holds, and what was told as lost."""

	def __init__(self, case, fault):
		self.case, self.fault = case, fault
		self.sent = set()  # markers captured for it
		self.again = set()  # and for the destination that has the identifier after it
		self.before = 0
		self.before = len(self.texts())  # a DID may have been another's
		self.ends = []  # of lives that left their last count
		self.dropped = 0  # of lives that ended without an heir, as the status said last

	def frames(self, first, n):
		f = self.fault
		(self.again if f.new else self.sent).update(range(first, first + n))
		return [udp_frame(f.target, OTHER, (b"<%d:%d>" % (f.place, first + i)).ljust(PAYLOAD, b".")) for i in range(n)]

	def status(self):
		return next((d for d in self.case.poi.status()["destinations"] if d["did"] == self.fault.did), None)

	def note(self):
		"""A life is about to end that has no heir: what it has told goes with it."""
		self.dropped += self.status()["dropped"]

	def texts(self):
		texts = [t for _, t in self.case.destination_reports(self.fault.did)]
		return (texts + [t for _, t in self.case.reports() if self.fault.did in t])[self.before:]

	def told(self):
		"""(PDUs told as lost, given up in doubt and told so, the reports that say it)"""
		d, texts = self.status(), self.texts()
		lost = [int(m.group(1)) for t in texts for m in (ENDED.search(t), REMOVED.search(t)) if m]
		doubt = [int(m.group(2)) for t in texts for m in [REMOVED.search(t)] if m]
		doubt.append(d["in_doubt"] - d["unsettled"] if d else 0)
		return self.dropped + sum(lost) + (d["dropped"] if d else 0), sum(doubt), texts

	def told_and_taken(self, texts):
		"""PDUs that were held at the last count of a life, were told as lost with it, and acknowledged behind it."""
		times = {datetime.datetime.fromisoformat(at + "+00:00").timestamp() for t in texts for at in HELD.findall(t)}
		return sum(self.fault.mdf.acknowledged_since(at - BOOKED, min((e for e in self.ends if e > at - BOOKED), default=0))
			for at in times)

	def held(self, m):
		return {marker for place, marker in list(m.taken) if place == self.fault.place}

	def done(self):
		d = self.status()
		lost, doubt, _ = self.told()
		if d and d["queued"] + d["unsettled"]:
			return False
		if self.fault.new and self.held(self.fault.new) != self.again:
			return False
		return len(self.held(self.fault.mdf)) + lost + doubt >= len(self.sent)

	def judged(self):
		"""(captured, held, told as lost, in doubt, came twice)"""
		case, f, m = self.case, self.fault, self.fault.mdf
		held, doubt = self.held(m), m.doubt
		told, given_up, texts = self.told()
		what = "%s: %d captured, %d held, %d told as lost and %d as in doubt, %d in doubt; %s" % (
			f.name, len(self.sent), len(held), told, given_up, doubt, texts)
		case.assertLessEqual(held, self.sent, f"{f.name} holds what was never captured")
		case.assertGreaterEqual(len(held) + told + given_up, len(self.sent), "lost without a word: " + what)
		taken = self.told_and_taken(texts)
		case.assertLessEqual(told, len(self.sent) - len(held) + doubt + taken, f"more told than lost: {what}, {taken:d} taken since")
		for at in filter(None, (m, f.new)):
			case.assertEqual({place for place, _ in list(at.taken)} - {f.place}, set(), f"{f.name} holds what is another's")
			self.numbers(at)
		if f.new:
			case.assertEqual(self.held(f.new), self.again, "the next owner of the identifier has its own and nothing else")
		return len(self.sent), len(held), told, doubt, sum(len(n) - 1 for n in m.taken.values())

	def numbers(self, m):
		"""What comes twice has the same number, and a number stands for one PDU."""
		by_number = collections.defaultdict(set)
		for marker, numbers in list(m.taken.items()):
			self.case.assertEqual(len(set(numbers)), 1, f"{self.fault.name}: {marker} came with several numbers")
			by_number[numbers[0]].add(marker)
		self.case.assertEqual([n for n, markers in by_number.items() if len(markers) > 1], [], "two PDUs of one number")


def settle_down(judges, timeout):
	"""Waits until everything is held or told as lost, or the time is over."""
	end = time.monotonic() + timeout
	while time.monotonic() < end and not all(j.done() for j in judges):
		time.sleep(0.2)
	for j in judges:
		j.fault.mdf.wait_quiet(0.2, 2)
