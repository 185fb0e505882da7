"""Lists of target identifiers of which any is enough, as some triggering functions send them: two sessions of one task,
both directions by their tunnels, and each packet once, whatever names it."""
import signal
import xml.etree.ElementTree as ElementTree

import fixture
from fixture import wait_until
from poi_lab import n4, x1
from test_signalling_x1 import Followed, fseid, targets


def content(element):
	"""Names and texts of all that is in it, in order: what it says, however it is written."""
	return [(e.tag, (e.text or "").strip()) for e in element.iter()]


class Alternatives(Followed):
	@classmethod
	def options(cls):
		return {**super().options(), "ne_extra": "role: triggered\ntargets: alternatives\nx2-report: pdhr"}

	def trigger(self, *identifiers, **more):
		self.product = x1.new_id()
		return self.activate(*identifiers, **{"delivery": "X3Only", "correlation": 4711, "product": self.product, **more})

	def sessions(self, n):
		self.player.associate()
		made = [n4.Session(self.player).establish() for _ in range(n)]
		for s in made:
			s.connect(self.player.gnb(1))
		self.play()
		return made

	def both_ways(self, *sessions):
		for s in sessions:
			s.up(2)
			s.down(2)
		return self.play()

	def has(self, xid, *identifiers):
		"""GetTaskDetails gives back exactly the list that was sent."""
		sent = ElementTree.fromstring('<x1:targetIdentifiers xmlns:x1="%s">%s</x1:targetIdentifiers>' % (x1.X1,
			"".join(f"<x1:targetIdentifier>{i}</x1:targetIdentifier>" for i in identifiers)))
		answer = self.ok(self.poi.admf.one("GetTaskDetails", x1.xid_body(xid)))
		self.assertEqual(content(answer.find("targetIdentifiers")), content(sent))

	def reload(self, targets_key):
		with open(self.poi.file) as f:
			text = f.read()
		with open(self.poi.file, "w") as f:
			f.write(text.replace("targets: alternatives", "targets: all") if targets_key == "all"
				else text.replace("targets: all", "targets: alternatives"))
		self.poi.control.child.send_signal(signal.SIGHUP)

	def test_two_sessions_of_one_task(self):
		one, two, other = self.sessions(3)
		both = targets(fseid(one.seid, one.smf.n4), fseid(two.seid, two.smf.n4))
		xid = self.trigger(both)
		self.has(xid, both)
		frames = self.both_ways(one, two, other)
		two.release()
		self.play()
		frames += self.both_ways(one, other)
		self.expect([f for f in frames if f.owner in (one, two)])
		self.assertEqual({p.correlation for p in self.mdf.kept}, {4711})
		self.poi.balanced()

	@fixture.long
	def test_over_a_new_control(self):
		one, two = self.sessions(2)
		both = targets(fseid(one.seid, one.smf.n4), fseid(two.seid, two.smf.n4))
		xid = self.trigger(both)
		self.poi.control.kill()
		self.poi.start_control()
		self.has(xid, both)
		self.ok(self.poi.admf.modify(xid, [both, x1.target_ipv4("192.0.2.1")], [self.did], delivery="X3Only", correlation=4711,
			product=self.product))
		self.has(xid, both, x1.target_ipv4("192.0.2.1"))
		self.expect(self.both_ways(one, two))

	@fixture.long
	def test_over_a_new_dataplane(self):
		"""Control gives a new dataplane the list again."""
		one, two, other = self.sessions(3)
		addresses = x1.target_ipv4(one.ue), x1.target_ipv4(two.ue)
		xid = self.trigger(*addresses)
		self.poi.dataplane.kill()
		self.poi.start_dataplane()
		wait_until(lambda: self.poi.status()["tasks"] == 1, 10, "it has its task again")
		self.has(xid, *addresses)
		self.expect([f for f in self.both_ways(one, two, other) if f.owner in (one, two)])

	def test_each_packet_once(self):
		"""Its uplink tunnel, its downlink tunnel, its address and its session name the same packets."""
		one, other = self.sessions(2)
		gnb, teid = one.gnb
		tunnels = x1.target_fteid(one.teid, one.upf.n3), x1.target_fteid(teid, gnb)
		self.trigger(*tunnels)
		self.expect([f for f in self.both_ways(one, other) if f.owner is one])
		self.mdf.kept.clear()
		self.clear()
		self.did = self.destination(self.mdf)
		all_of_it = *tunnels, x1.target_ipv4(one.ue), targets(fseid(one.seid, one.smf.n4))
		xid = self.trigger(*all_of_it)
		self.has(xid, *all_of_it)
		before = len(self.mdf.kept)
		frames = [f for f in self.both_ways(one, other) if f.owner is one]
		self.assertTrue(self.mdf.wait_pdus(before + len(frames), 5))
		self.mdf.wait_quiet()
		self.assertEqual(sorted(bytes(p.payload)[-len(n4.MARK % 0):] for p in self.mdf.kept[before:]),
			sorted(n4.MARK % f.number for f in frames))
		sequence = sorted(p.sequence for p in self.mdf.kept[before:])
		self.assertEqual(sequence, list(range(len(frames))), "one context, without a gap")
		self.poi.balanced()

	def test_the_key_is_for_tasks_to_come(self):
		one, two = self.sessions(2)
		both = x1.target_ipv4(one.ue), x1.target_ipv6("2001:db8::7")
		xid = self.trigger(*both)
		others = [x1.target_ipv4("192.0.2.1"), both[1]]
		self.reload("all")
		try:
			wait_until(lambda: self.poi.admf.activate(x1.new_id(), others, [self.did], delivery="X3Only", correlation=1,
				product=x1.new_id()).error == 3020, 5, "the list is read as the text has it")
			self.has(xid, *both)
			self.expect([f for f in self.both_ways(one, two) if f.owner is one])
		finally:
			self.reload("alternatives")

	def test_what_could_narrow_is_refused(self):
		port = x1.target_port("udp", "4000")
		for beside in (port, targets(("PDRID", "1")), targets(("GTPTunnelDirection", "Inbound"))):
			self.refused(3020, self.poi.admf.activate(x1.new_id(), [x1.target_ipv4("192.0.2.1"), x1.target_ipv4("192.0.2.2"), beside],
				[self.did], delivery="X3Only", correlation=1, product=x1.new_id()))
