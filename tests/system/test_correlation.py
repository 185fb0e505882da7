"""Correlation IDs of what is delivered: one for each path of the user plane (3GPP TS 33.128 clause 6.2.3.3.2), with
sequence numbers of its own, as the MDF's PDUs say."""
import collections
import unittest
import uuid

import test_signalling
from poi_lab import n4, pdu, x1
from poi_lab.n4_scenario import other, target
from test_signalling import MARK


class Case(unittest.TestCase):
	"""A port that sees N4, S11 and the tunnels, with one worker."""

	workers, extra = 1, ""  # of the configuration
	maxDiff = None

	@classmethod
	def setUpClass(cls):
		cls.network = test_signalling.Network(cls.workers, ne_extra="x2-report: pdhr", x1_extra=cls.extra)
		cls.addClassCleanup(cls.network.close)
		cls.poi = cls.network.poi
		cls.mdf = cls.poi.mdf(keep=True)
		cls.did = cls.network.did = x1.new_id()
		answer = cls.poi.admf.create_destination(cls.did, cls.mdf.address, cls.mdf.port)
		assert answer.completed, str(answer)

	def setUp(self):
		self.player = n4.Player(world=self.network.next_world())
		self.played = 0

	def tearDown(self):
		self.poi.admf.one("DeactivateAllTasks")

	def activate(self, number=0, delivery="X2andX3", **more):
		xid = x1.new_id()
		answer = self.poi.admf.activate(xid, [f"<x1:imsi>{self.player.subscriber(number)['imsi']}</x1:imsi>"], [self.did],
			delivery, **more)
		self.assertTrue(answer.completed, str(answer))
		return xid

	def play(self):
		"""What the player did since the last call."""
		frames, self.played = self.player.frames[self.played:], len(self.player.frames)
		self.network.play(frames)

	def delivered(self, xid):
		"""{owner of the frame: [correlation ID of each PDU of X3]}, and those of X2, since the last call."""
		self.poi.balanced()
		self.mdf.read_out()
		self.assertTrue(self.mdf.good, self.mdf.summary())
		owners = {f.number: f.owner for f in self.player.frames if f.user}
		kept, self.mdf.kept = self.mdf.kept, []
		x3, x2 = collections.defaultdict(list), collections.Counter()
		for p in kept:
			self.assertEqual(str(uuid.UUID(bytes=bytes(p.xid))), xid)
			if p.type == pdu.X3:
				x3[owners[int(MARK.search(bytes(p.payload)).group(1))]].append(p.correlation)
			elif p.type == pdu.X2:
				x2[p.correlation] += 1
		self.numbers.update((p.type, p.first(pdu.IPID), p.correlation, p.sequence) for p in kept)
		return x3, x2

	def of(self, x3, session, packets):
		"""The one correlation ID of so many of the session's packets."""
		self.assertEqual(len(x3[session]), packets)
		self.assertEqual(len(set(x3[session])), 1, x3[session])
		return x3[session][0]

	def one_by_one(self):
		"""Each context's numbers are 0, 1, 2 and so on."""
		contexts = collections.defaultdict(list)
		for *context, number in self.numbers:
			contexts[tuple(context)].append(number)
		for context, numbers in contexts.items():
			self.assertEqual(sorted(numbers), list(range(len(numbers))), context)


class Sessions(Case):
	def setUp(self):
		super().setUp()
		self.numbers = collections.Counter()

	def test_two_sessions_of_one_subscriber(self):
		xid, p = self.activate(), self.player
		s, t, o = target(p).establish(), target(p, ni="ims").establish(), other(p).establish()
		for one in (s, t, o):
			one.connect(p.gnb(1))
			one.up(3), one.down(2)
		self.play()
		x3, x2 = self.delivered(xid)
		first, second = self.of(x3, s, 5), self.of(x3, t, 5)
		self.assertNotIn(o, x3)
		self.assertEqual(len({first, second, 0}), 3)
		self.assertEqual(x2, {first: 5, second: 5}, "xIRI and xCC are correlated")
		s.connect(p.gnb(2)), t.up(1), s.up(2), s.down(2)
		self.play()
		x3, x2 = self.delivered(xid)
		self.assertEqual((self.of(x3, s, 4), self.of(x3, t, 1)), (first, second), "handed over")
		s.release()
		u = target(p).establish().connect(p.gnb(1))
		u.up(2), u.down(1), t.down(1)
		self.play()
		x3, x2 = self.delivered(xid)
		third = self.of(x3, u, 3)
		self.assertEqual(self.of(x3, t, 1), second)
		self.assertEqual(len({0, first, second, third}), 4, "set up anew")
		self.assertEqual(x2, {third: 3, second: 1})
		self.one_by_one()

	def test_a_modified_task_goes_on(self):
		xid, p = self.activate(delivery="X3Only"), self.player
		s = target(p).establish().connect(p.gnb(1))
		s.up(3)
		self.play()
		first = self.of(self.delivered(xid)[0], s, 3)
		answer = self.poi.admf.modify(xid, [f"<x1:imsi>{p.subscriber()['imsi']}</x1:imsi>"], [self.did], "X2andX3")
		self.assertTrue(answer.completed, str(answer))
		s.up(2)
		self.play()
		x3, x2 = self.delivered(xid)
		self.assertEqual((self.of(x3, s, 2), x2), (first, {first: 2}))
		self.one_by_one()
		self.poi.admf.one("DeactivateTask", x1.xid_body(xid))
		self.numbers.clear()
		xid = self.activate()
		s.up(2)
		self.play()
		self.assertEqual(self.of(self.delivered(xid)[0], s, 2), first, "it is the session's, whoever asks")
		self.one_by_one()

	def test_a_relocation_on_s11(self):
		"""The gateway changes, the tunnel towards the PGW and with it the path stays."""
		xid, p = self.activate(delivery="X3Only"), self.player
		who = p.subscriber()
		s = p.bearer(imsi=who["imsi"], msisdn=who["msisdn"], imei=who["imei"]).create().connect(p.gnb(1))
		s.up(2), s.down(1)
		self.play()
		first = self.of(self.delivered(xid)[0], s, 3)
		self.assertNotEqual(first, 0)
		s.connect(p.gnb(2)).up(1)
		self.play()
		self.assertEqual(self.of(self.delivered(xid)[0], s, 1), first)


class SessionsByTwo(Sessions):
	workers = 2


class Zero(Case):
	"""`correlation: zero`: one context of the task, as an MDF wants it that does not know of sessions."""

	extra = "signalling: { correlation: zero }"

	def test_all_sessions_together(self):
		self.numbers = collections.Counter()
		xid, p = self.activate(), self.player
		s, t = target(p).establish(), target(p, ni="ims").establish()
		for one in (s, t):
			one.connect(p.gnb(1))
			one.up(2)
		self.play()
		x3, x2 = self.delivered(xid)
		self.assertEqual((self.of(x3, s, 2), self.of(x3, t, 2), x2), (0, 0, {0: 4}))
		self.one_by_one()


if __name__ == "__main__":
	unittest.main()
