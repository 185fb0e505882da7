"""Tasks by session and by subscriber: what X1 answers, what is told of them, and that they follow."""
import time
import unittest

import fixture
from fixture import wait_until
from poi_lab import n4, x1

IMSI = "001010000021309"


def targets(*members, space=x1.E3GPP):
	"""Members of the 3GPP extension: (name, XML inside)."""
	inside = "".join("<e:UPFLIT3TargetIdentifier><e:%s>%s</e:%s></e:UPFLIT3TargetIdentifier>" % (n, v, n) for n, v in members)
	return ('<x1:targetIdentifierExtension><x1:Owner>3GPP</x1:Owner><e:UPFLIT3TargetIdentifierExtensions xmlns:e="%s">%s'
		"</e:UPFLIT3TargetIdentifierExtensions></x1:targetIdentifierExtension>") % (space, inside)


def fseid(seid, address=None):
	return "FSEID", "<e:SEID>%d</e:SEID>" % seid + ("<e:IPv4Address>%s</e:IPv4Address>" % address if address else "")


def subscriber(kind, value):
	return "<x1:%s>%s</x1:%s>" % (kind, value, kind)


class Follow(fixture.TrafficCase):
	"""One port that sees it all: N4 and N3."""

	PORT = "{ device: net_af_packet0, mode: probe, tunnel: gtpu, signalling: [pfcp] }"

	tests = 0

	def setUp(self):
		super().setUp()
		self.player, self.at = n4.Player(), 0
		Follow.tests += 1  # the POI remembers: each test is about other sessions
		for node in (self.player.smf, self.player.upf):
			node.sequence, node.next_seid, node.next_teid = (Follow.tests * n for n in (1000, 100, 0x1000))
		self.player._ue = 10 * Follow.tests

	def play(self, pause=0.05):
		"""Sends what was played since, with a pause behind signalling."""
		frames = self.player.frames[self.at:]
		self.at = len(self.player.frames)
		for frame in frames:
			self.send([frame.octets])
			if frame.link == "signalling":
				time.sleep(pause)
		return frames

	def expect(self, frames):
		"""Exactly these frames were delivered, each once."""
		wanted = sorted(n4.MARK % f.number for f in frames)
		self.mdf.wait_pdus(len(wanted), 3)
		self.mdf.wait_quiet()
		got = sorted(bytes(p.payload)[-len(wanted[0]):] for p in self.mdf.kept) if wanted else [p.payload for p in self.mdf.kept]
		self.assertEqual(got, wanted)

	def users(self, frames, session):
		return [f for f in frames if f.owner is session]

	def test_a_session_is_followed(self):
		self.activate(subscriber("supiimsi", IMSI))
		p = self.player
		p.associate()
		mine, other = n4.Session(p, imsi=IMSI), n4.Session(p, imsi="001010000021310")
		for s in (mine, other):
			s.establish()
			s.up(2)
			s.connect(p.gnb(1))
			s.up(2)
			s.down(3)
		frames = self.play()
		mine.release()
		self.play()
		late = len(p.frames)
		mine.up(2)
		self.play()
		self.assertEqual(len(p.frames), late + 2)
		self.expect(self.users(frames, mine))
		self.assertEqual([pdu.direction for pdu in self.mdf.kept], [3] * 4 + [2] * 3)
		self.assertEqual({pdu.format for pdu in self.mdf.kept}, {12})
		self.poi.balanced()

	def test_a_session_known_before_its_task(self):
		p = self.player
		s = n4.Session(p, imsi=IMSI)
		s.establish().connect(p.gnb(1))
		s.up(2)
		self.play()
		xid = self.activate(targets(fseid(s.seid, p.smf.n4)))
		s.up(2)
		s.down(2)
		inside = self.play()
		self.ok(self.poi.admf.one("DeactivateTask", "<x1:xId>%s</x1:xId>" % xid))
		s.up(2)
		self.play()
		self.expect(self.users(inside, s))

	def test_a_modification_changes_the_session(self):
		p = self.player
		one, two = n4.Session(p, imsi=IMSI), n4.Session(p, imsi="001010000021310")
		for s in (one, two):
			s.establish().connect(p.gnb(1))
		self.play()
		xid = self.activate(subscriber("imsi", IMSI))
		one.up(2)
		two.up(2)
		first = self.play()
		self.ok(self.poi.admf.modify(xid, [subscriber("imsi", "001010000021310")], [self.did]))
		one.up(2)
		two.up(2)
		second = self.play()
		self.ok(self.poi.admf.modify(xid, [x1.target_ipv4(one.ue)], [self.did]))
		one.up(1)
		two.up(1)
		third = self.play()
		self.ok(self.poi.admf.modify(xid, [subscriber("imsi", IMSI), x1.target_port("udp", "4000")], [self.did]))
		one.up(1)
		one.up(1, ports=(4001, 5000))
		fourth = self.play()
		self.expect(self.users(first, one) + self.users(second, two) + self.users(third, one) + self.users(fourth, one)[:1])


if __name__ == "__main__":
	unittest.main()
