"""Fragments through the real processes: those of tunnels are put together, those of users follow their first; every
frame received counts once, whatever becomes of it."""
import hashlib
import os
import random
import shutil
import sys
import tempfile
import time
import unittest
import uuid

import fixture
from feed import Feed
from poi_lab import pcap, x1
from test_profiles import FedPoi, yaml_port

sys.path.insert(0, os.path.join(fixture.TOP, "pktgen-profiles"))
import frames  # noqa: E402

N3 = {"mode": "probe", "tunnel": "gtpu", "link": "n3", "gtp-endpoints": ["10.9.0.2/32", "2001:db8:9::2/128"]}
N6 = {"mode": "probe", "link": "n6"}
ENDS = {4: ("10.9.0.1", "10.9.0.2"), 6: ("2001:db8:9::1", "2001:db8:9::2")}
USER, OTHER, SERVER = "192.0.2.7", "192.0.2.8", "198.51.100.9"
TEID = 0x1234
PORT = 5060
WAIT = 2.5  # fragments are given up after two seconds


def user_packet(size=1400, source=USER, port=PORT, fill=0):
	return frames.ipv4(source, SERVER, frames.UDP, frames.udp(40000, port, bytes((fill + i) & 255 for i in range(size))))


def outer(version, packet, ident, teid=TEID, size=512, ends=None):
	"""The frames of the fragments of a GTP-U datagram, and the GTP-U message in it."""
	whole = frames.tunnel(*(ends or ENDS[version]), teid, packet)
	message = whole[28 if version == 4 else 48:]
	return [frames.of_packet(p, 60) for p in frames.fragments(whole, size, ident)], named(message)


def user_fragments(ident, size=1400, source=USER, port=PORT):
	return [frames.of_packet(p, 60) for p in frames.fragments(user_packet(size, source, port), 512, ident)]


def named(octets):
	"""Short enough for a report, and equal only for equal octets."""
	return f"{len(octets)}:{hashlib.sha256(octets).hexdigest()[:12]}"


def packet_of(frame):
	"""The IPv4 packet of a frame, without the filling behind it."""
	return named(frame[14:14 + int.from_bytes(frame[16:18], "big")])


class Case(unittest.TestCase):
	maxDiff = None

	def fed(self, port):
		fed = FedPoi(port, keep=True)
		self.addCleanup(fed.close)
		return fed

	def task(self, fed, target):
		xid = x1.new_id()
		fed.activate({xid: [target]})
		return xid

	def payloads(self, fed, xid):
		"""Payloads of one task in the order of its PDUs."""
		return [named(p.payload) for p in fed.mdf.kept if uuid.UUID(bytes=bytes(p.xid)) == uuid.UUID(xid)]

	def finish(self, fed, outcomes):
		counts, packets = fed.outcomes()
		self.assertEqual(dict(counts), outcomes)
		self.assertEqual(packets["classified"] + sum(packets["dropped"].values()), packets["received"])
		status = fed.settled()
		fed.mdf.wait_pdus(status["delivered"])
		self.assertEqual(status["matches"], status["delivered"])
		self.assertTrue(fed.mdf.good, fed.mdf.summary())
		fed.alive()


class Tunnels(Case):
	def test_any_order(self):
		fed = self.fed(N3)
		by_user = self.task(fed, x1.target_ipv4(USER))
		by_teid = self.task(fed, x1.target_teid(TEID))
		stranger = self.task(fed, x1.target_ipv4(OTHER))
		outside = self.task(fed, x1.target_ipv4(ENDS[4][0]))
		order, messages, sent, pieces = random.Random(7), [], [], []
		for ident in range(60):
			version = 4 if ident % 2 else 6
			parts, message = outer(version, user_packet(fill=ident), 100 + ident)
			if version == 4:
				pieces += parts
			if ident % 3:
				order.shuffle(parts)
			sent += parts
			messages.append(message)
		fed.send(sent)
		self.finish(fed, {"gtpu": 60, "fragment_held": len(sent) - 60})
		self.assertEqual(self.payloads(fed, by_user), messages)
		self.assertEqual(self.payloads(fed, by_teid), messages)
		self.assertEqual(self.payloads(fed, stranger), [])
		# The outer address is on each fragment, and is not found again in the whole.
		self.assertEqual(sorted(self.payloads(fed, outside)), sorted(map(packet_of, pieces)))

	def test_interleaved_with_whole_ones(self):
		fed = self.fed(N3)
		xid = self.task(fed, x1.target_ipv4(USER))
		parts = [outer(4, user_packet(fill=n), n)[0] for n in range(20)]
		plain = frames.of_packet(frames.tunnel(*ENDS[4], TEID, user_packet(100)))
		sent = [p[k] for k in range(3) for p in parts] + [plain] * 5
		fed.send(sent)
		self.finish(fed, {"gtpu": 25, "fragment_held": 40})
		self.assertEqual(len(self.payloads(fed, xid)), 25)

	def test_large(self):
		"""Larger than a buffer of its own."""
		fed = self.fed(N3)
		xid = self.task(fed, x1.target_ipv4(USER))
		parts, message = outer(4, user_packet(11000), 1, size=1800)
		fed.send(parts)
		self.finish(fed, {"gtpu": 1, "fragment_held": len(parts) - 1})
		self.assertEqual(self.payloads(fed, xid), [message])

	def test_duplicate_and_overlap(self):
		fed = self.fed(N3)
		xid = self.task(fed, x1.target_ipv4(USER))
		good, message = outer(4, user_packet(), 1)
		bad, _ = outer(6, user_packet(), 2)
		aside = frames.fragments(frames.tunnel(*ENDS[6], TEID, user_packet(fill=9)), 256, 2)
		fed.send([good[0], good[1], good[1], good[0], good[2]])
		fed.send([bad[0], frames.of_packet(aside[1], 60), bad[1], bad[2]])
		time.sleep(WAIT)
		self.finish(fed, {"gtpu": 1, "fragment_held": 2, "fragment_invalid": 5, "fragment_expired": 1})
		self.assertEqual(self.payloads(fed, xid), [message])
		fed.send(bad)  # the poison is gone
		self.finish(fed, {"gtpu": 2, "fragment_held": 4, "fragment_invalid": 5, "fragment_expired": 1})
		self.assertEqual(len(self.payloads(fed, xid)), 2)

	def test_never_of_two_subscribers(self):
		"""Identifiers repeat: the last piece of one user is not put behind the first of another."""
		fed = self.fed(N3)
		xid = self.task(fed, x1.target_ipv4(USER))
		target, message = outer(4, user_packet(700), 5)
		other = outer(4, user_packet(700, source=OTHER, fill=99), 5)[0]
		fed.send([target[0], other[0], other[1]])
		fed.send(target)
		self.finish(fed, {"gtpu": 2, "fragment_held": 2, "fragment_mixed": 1})
		self.assertEqual(self.payloads(fed, xid), [message])
		fed.send([outer(4, user_packet(709), 6)[0][0], outer(4, user_packet(700, fill=1), 6)[0][1]])  # the outer UDP's length
		self.finish(fed, {"gtpu": 2, "fragment_held": 2, "fragment_mixed": 3})
		self.assertEqual(self.payloads(fed, xid), [message])

	def test_strays_of_the_same_source(self):
		"""They never stop its datagrams, and the ADMF learns what was given up."""
		fed = self.fed(N3)
		xid = self.task(fed, x1.target_ipv4(USER))
		fed.send([outer(4, user_packet(700, source=OTHER), 1000 + n)[0][n % 2] for n in range(5000)])
		whole = [outer(4, user_packet(fill=n), n) for n in range(100)]
		fed.send([frame for parts, _ in whole for frame in parts])
		self.assertEqual(self.payloads(fed, xid), [message for _, message in whole])
		fixture.wait_until(lambda: "fragments of tunnels" in fed.poi.dataplane.text(), 5, "a report")
		time.sleep(0.2)
		counts, _ = fed.outcomes()
		self.assertEqual(counts["fragment_expired"] + counts["fragment_limit"], 5000, counts)
		self.assertIn("fragments of tunnels", fed.poi.admf.one("GetNEStatus").description)
		fixture.wait_until(lambda: "no fragments of tunnels" in fed.poi.dataplane.text(), 10, "its end")

	def test_never_finished(self):
		"""Floods of firsts, over and over: others still get through, and nothing is used up."""
		fed = self.fed(N3)
		xid = self.task(fed, x1.target_ipv4(USER))
		given_up = 0
		for turn in range(3):
			flood = [outer(4, user_packet(600), n, ends=(f"10.{20 + n % 50}.{n // 256 % 256}.{n % 256}", ENDS[4][1]))[0][0]
				for n in range(4000)]
			parts, _ = outer(4, user_packet(), turn)
			fed.send(flood[:3000])
			fed.send(parts)
			fed.send(flood[3000:])
			given_up += len(flood)
			time.sleep(WAIT)
			fed.send([])
			counts, packets = fed.outcomes()
			self.assertEqual(counts["fragment_expired"] + counts["fragment_limit"], given_up, counts)
			self.assertEqual((counts["gtpu"], counts["fragment_held"]), (turn + 1, 2 * (turn + 1)), counts)
			self.assertGreater(counts["fragment_expired"], 0)
			self.assertEqual(packets["classified"] + sum(packets["dropped"].values()), packets["received"])
		fed.settled()
		self.assertEqual(len(self.payloads(fed, xid)), 3)
		fed.alive()

	def test_not_of_a_tunnel(self):
		"""Fragments of other datagrams on a tunnel port stay packets of their own."""
		fed = self.fed(N3)
		by_port = self.task(fed, x1.target_port("udp", str(PORT)))
		by_user = self.task(fed, x1.target_ipv4(USER))
		parts = user_fragments(1)
		fed.send(parts)
		late = user_fragments(2)
		fed.send([late[2], late[0], late[1]])
		counts, _ = fed.outcomes()
		self.assertEqual(counts["ip"] + counts["fragment_held"], 6)
		self.finish(fed, dict(counts))
		wanted = sorted(map(packet_of, parts + late))
		self.assertEqual(sorted(self.payloads(fed, by_port)), wanted)
		self.assertEqual(sorted(self.payloads(fed, by_user)), wanted)

	def test_fragment_in_fragments(self):
		"""A user's fragments, each too long for the tunnel: the later one comes first."""
		fed = self.fed(N3)
		by_port = self.task(fed, x1.target_port("udp", str(PORT)))
		inner = frames.fragments(user_packet(2000), 1200, 5)
		first, first_message = outer(4, inner[0], 1)
		later, later_message = outer(4, inner[1], 2)
		fed.send(later + first)
		self.finish(fed, {"gtpu": 1, "fragment_held": len(first) + len(later) - 1})
		self.assertEqual(sorted(self.payloads(fed, by_port)), sorted((first_message, later_message)))


class Users(Case):
	def test_ports_follow(self):
		fed = self.fed(N6)
		by_port = self.task(fed, x1.target_port("udp", str(PORT)))
		by_user = self.task(fed, x1.target_ipv4(USER))
		no_port = self.task(fed, x1.target_port("udp", "5061"))
		sent, hidden = [], 0
		for ident in range(30):
			parts = user_fragments(ident)
			if ident % 3 == 1:
				parts = [parts[2], parts[1], parts[0]]
				hidden += 2
			elif ident % 3 == 2:
				parts = [parts[1], parts[0], parts[2]]
				hidden += 1
			sent += parts
		fed.send(sent)
		self.finish(fed, {"ip": len(sent) - hidden, "fragment_held": hidden})
		self.assertEqual(sorted(self.payloads(fed, by_port)), sorted(map(packet_of, sent)))
		self.assertEqual(self.payloads(fed, by_user), list(map(packet_of, sent)))
		self.assertEqual(self.payloads(fed, no_port), [])

	def test_nobody_asks_for_ports(self):
		fed = self.fed(N6)
		by_user = self.task(fed, x1.target_ipv4(USER))
		sent = user_fragments(1)[1:]
		fed.send(sent)
		self.finish(fed, {"ip": 2})
		self.assertEqual(self.payloads(fed, by_user), list(map(packet_of, sent)))

	def test_first_never_comes(self):
		fed = self.fed(N6)
		by_port = self.task(fed, x1.target_port("udp", str(PORT)))
		by_user = self.task(fed, x1.target_ipv4(USER))
		each = 9000  # twice is more than there are packet buffers
		for turn in range(2):
			fed.send([user_fragments(n)[1] for n in range(each)])
			time.sleep(WAIT)
			counts, _ = fed.outcomes()
			self.assertEqual(counts["fragment_expired"] + counts["fragment_limit"], each * (turn + 1), counts)
		self.assertGreater(counts["fragment_expired"], 0)
		self.finish(fed, dict(counts))
		self.assertEqual(self.payloads(fed, by_port), [])
		self.assertEqual(len(self.payloads(fed, by_user)), 2 * each)

	def test_task_that_comes_in_between(self):
		"""It captures nothing that was received before its OK."""
		fed = self.fed(N6)
		old = self.task(fed, x1.target_port("udp", str(PORT)))
		later, first = user_fragments(1)[1], user_fragments(1)[0]
		fed.send([later])
		new = self.task(fed, x1.target_port("udp", str(PORT)))
		fed.send([first])
		self.finish(fed, {"ip": 1, "fragment_held": 1})
		self.assertEqual(sorted(self.payloads(fed, old)), sorted((packet_of(later), packet_of(first))))
		self.assertEqual(self.payloads(fed, new), [packet_of(first)])
		times = {named(p.payload): p.time_ns for p in fed.mdf.kept if uuid.UUID(bytes=bytes(p.xid)) == uuid.UUID(old)}
		self.assertLess(times[packet_of(later)], times[packet_of(first)], "its own time")


	def test_task_that_changes_in_between(self):
		"""Other destinations change nothing; under other criteria it is as one that has just come."""
		fed = self.fed(N6)
		xid = self.task(fed, x1.target_port("udp", str(PORT)))
		later, first = user_fragments(1)[1], user_fragments(1)[0]
		fed.send([later])
		second = x1.new_id()
		fed.one(fed.poi.admf.create_destination(second, fed.mdf.address, fed.mdf.port))
		fed.one(fed.poi.admf.modify(xid, [x1.target_port("udp", str(PORT))], [second]))
		fed.send([first])
		self.finish(fed, {"ip": 1, "fragment_held": 1})
		self.assertEqual(sorted(self.payloads(fed, xid)), sorted((packet_of(later), packet_of(first))))
		later, first = user_fragments(2)[1], user_fragments(2)[0]
		fed.send([later])
		fed.one(fed.poi.admf.modify(xid, [x1.target_port("udp", "5000-5100")], [second]))
		fed.send([first])
		self.finish(fed, {"ip": 2, "fragment_held": 2})
		self.assertEqual(self.payloads(fed, xid)[2:], [packet_of(first)])


class InlinePoi(FedPoi):
	"""Two net_pcap ports as an inline pair; what the second sends is in a file once the product has ended."""

	def __init__(self, port):
		self.folder = tempfile.mkdtemp(prefix="poi-feed-")
		self.feeds, self.poi = [], None
		self.out = os.path.join(self.folder, "out.pcap")
		try:
			self.feeds = [Feed(os.path.join(self.folder, f"in-{n}")) for n in range(2)]
			eal = "--vdev net_pcap0,rx_pcap=%s,tx_pcap=%s --vdev net_pcap1,rx_pcap=%s,tx_pcap=%s" % (self.feeds[0].path,
				os.path.join(self.folder, "back.pcap"), self.feeds[1].path, self.out)
			ports = [yaml_port({**port, "mode": "inline", "peer": f"net_pcap{1 - n}"}, f"net_pcap{n}") for n in range(2)]
			self.poi = fixture.Poi(eal=eal, ports=ports, xsd=False)
			self.poi.start()
			self.mdf = self.poi.mdf(keep=True)
			self.did = x1.new_id()
			self.one(self.poi.admf.create_destination(self.did, self.mdf.address, self.mdf.port))
		except BaseException:
			self.close()
			raise

	def send(self, these):
		self.feeds[0].send(these)
		self.poi.received(sum(feed.total for feed in self.feeds), 60)

	def close(self):
		if self.folder is None:
			return
		for feed in self.feeds:
			feed.close()
		if self.poi:
			self.statuses = self.poi.close()
		self.sent = [octets for _, octets in pcap.read(self.out)[1]] if os.path.exists(self.out) else []
		shutil.rmtree(self.folder, ignore_errors=True)
		self.folder = None


class Inline(Case):
	def run_inline(self, port, sent, target, hits):
		fed = InlinePoi(port)
		self.addCleanup(fed.close)
		self.task(fed, x1.target_port("udp", str(PORT)))
		xid = self.task(fed, target)
		fed.send(sent)
		fixture.wait_until(lambda: len(self.payloads(fed, xid)) >= hits, 10, f"{hits:d} PDUs")
		time.sleep(WAIT)
		self.assertTrue(fed.settled()["ledger"]["balanced"])
		fed.close()
		self.assertEqual(fed.statuses, [0, 0])
		came = [f for f in fed.sent if f[12:14] != b"\x88\xb5"]
		self.assertEqual(list(map(named, came)), list(map(named, sent)))

	def test_tunnels(self):
		sent = []
		for n in range(40):
			parts, _ = outer(4 if n % 2 else 6, user_packet(fill=n), n)
			sent += parts[::-1] if n % 3 else parts[:-1] if n % 4 == 0 else parts
		self.run_inline(N3, sent, x1.target_ipv4(USER), 36)

	def test_users(self):
		sent = []
		for n in range(40):
			sent += user_fragments(n)[::-1]
		sent += [user_fragments(n)[1] for n in range(50, 400)]
		self.run_inline(N6, sent, x1.target_port("udp", str(PORT)), 120)


if __name__ == "__main__":
	unittest.main()
