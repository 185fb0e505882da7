"""The POI of a UPF as several SMFs see it (TS 33.128 clause 6.2.3): tunnels, payload formats, PDUs for several tasks,
hand-over, two links, session triggers over all workers."""
import collections
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import uuid

import fixture
from feed import Feed
from fixture import udp_frame, wait_until
from poi_lab import admf, pdu, pki, x1, xiri

UE, PEER = "192.0.2.10", "198.51.100.80"
GNB, UPF = "203.0.113.1", "203.0.113.2"
N3 = f"{{ device: net_pcap0, mode: probe, tunnel: gtpu, link: n3, gtp-endpoints: [{UPF}/32] }}"
N6 = "{ device: net_pcap1, mode: probe, link: n6 }"
MAC = "02:00:00:00:00:77"


def gtpu(teid, content, source=GNB, destination=UPF):
	"""A G-PDU with this content, in UDP, IPv4 and Ethernet."""
	return udp_frame(source, destination, struct.pack(">BBHI", 0x30, 255, len(content), teid) + content, (2152, 2152))


def ethernet(content, kind=0x0800):
	return bytes.fromhex("020000000099" + MAC.replace(":", "")) + struct.pack(">H", kind) + content


def ip(payload=b"user", ports=(4000, 5000)):
	return udp_frame(UE, PEER, payload, ports)[14:]


class Upf(unittest.TestCase):
	"""One POI with an N3 port (and an N6 port, where a test has two); `smf[i]` is the SMF of network element i."""
	ports, elements, delivery, workers, ne_extra = (N3,), 1, "flow-idle: 2", 1, ("role: triggered", "x2-report: pdhr")
	queues = None  # of each port; None: one for each worker

	def setUp(self):
		queues = self.queues or self.workers
		folder = tempfile.mkdtemp(prefix="poi-upf-")
		self.addCleanup(shutil.rmtree, folder, True)
		self.feeds = [Feed(os.path.join(folder, f"in-{i}")) for i in range(len(self.ports) * queues)]
		eal = " ".join("--vdev net_pcap%d%s" % (i, "".join(",rx_pcap=" + f.path for f in self.feeds[i * queues:(i + 1) * queues]))
			for i in range(len(self.ports)))
		if self.workers > 1:
			mine = sorted(os.sched_getaffinity(0))
			eal += " --lcores " + ",".join(f"{n}@{mine[n % len(mine)]:d}" for n in range(self.workers + 1))
		self.poi = fixture.Poi(eal=eal, ports=self.ports, delivery_extra=self.delivery, ne_extra="\n".join(self.ne_extra))
		self.addCleanup(self.poi.close)
		for feed in self.feeds:
			self.addCleanup(feed.close)
		self.smf = [self.poi.admf]
		self.configure(folder)
		self.poi.start()

	def configure(self, folder):
		with open(self.poi.file) as f:
			text = f.read()
		if self.workers > 1:
			text = re.sub(r"main-cpu: \d+", "main-cpu: 0", text)
			text = re.sub(r"workers: \[\d+\]", f"workers: {list(range(1, self.workers + 1))}", text)
		if self.elements > 1:
			text = self.more_elements(text, folder)
		with open(self.poi.file, "w") as f:
			f.write(text)

	def more_elements(self, text, folder):
		"""Further elements with SMFs of their own: own identity, own issuer, own certificate of the element."""
		start, end = text.index("  - ne-identifier"), text.index("delivery:\n")
		first, out = text[start:end], text[start:end]
		for i in range(1, self.elements):
			p = pki.Pki(os.path.join(folder, f"pki-{i}"), ne=f"poi-{i}", admf=f"smf-{i}").make(bad=False)
			port = fixture.free_port()
			more = first.replace("poi-01", f"poi-{i}").replace("admf-01", f"smf-{i}").replace(str(self.poi.port), str(port))
			out += more.replace(self.poi.pki.folder, p.folder)
			self.url = f"https://127.0.0.1:{port}/X1/NE"
			client = admf.Admf(self.url, p.folder, "admf", f"smf-{i}", f"poi-{i}", self.poi.xsd)
			self.addCleanup(client.close)
			self.smf.append(client)
		return text[:start] + out + text[end:]

	def ok(self, answer):
		self.assertTrue(answer.completed, str(answer))
		return answer

	def refused(self, code, answer):
		self.assertEqual((answer.kind, answer.error), ("ErrorResponse", code), str(answer))

	def mdf(self, smf=None, did=None, **more):
		m = self.poi.mdf(**{"keep": True, **more})
		self.addCleanup(m.stop)
		m.did = did or x1.new_id()
		self.ok((smf or self.smf[0]).create_destination(m.did, m.address, m.port))
		return m

	def task(self, targets, m, smf=None, delivery="X3Only", **more):
		"""An activation as an SMF sends it; its XID, product and correlation ID."""
		xid = x1.new_id()
		more = {"correlation": int.from_bytes(os.urandom(7), "big"), "product": x1.new_id(), **more}
		self.ok((smf or self.smf[0]).activate(xid, targets, [m.did] if not isinstance(m, list) else [d.did for d in m],
			delivery=delivery, **more))
		return xid, more["product"], more["correlation"]

	def send(self, frames, feed=0):
		self.feeds[feed].send(frames)
		self.poi.received(sum(f.total for f in self.feeds))

	def pdus(self, m, n):
		self.assertTrue(m.wait_pdus(n, 10), m.summary())
		m.wait_quiet(0.3)
		self.assertTrue(m.good, m.summary())
		self.assertEqual(len(m.kept), n)
		return list(m.kept)


class Aliases(Upf):
	"""A translator between the UPF and the tap: signalling has one address, the packets have another."""
	ports = (N3.replace(" }", f", gtp-aliases: {{ 10.9.0.2: {UPF} }} }}"),)

	def test_the_advertised_address_is_the_one_that_counts(self):
		m = self.mdf()
		_, wanted, _ = self.task([x1.target_fteid(7, "10.9.0.2")], m)
		self.task([x1.target_fteid(7, UPF)], m)  # some other gateway's, which is not seen here
		_, unmapped, _ = self.task([x1.target_fteid(7, GNB)], m)
		self.send([gtpu(7, ip(b"up")), gtpu(7, ip(b"down"), UPF, GNB), gtpu(8, ip(b"other"))])
		got = [(str(uuid.UUID(bytes=bytes(p.xid))), bytes(p.payload)[-4:].lstrip(b"\0")) for p in self.pdus(m, 2)]
		self.assertEqual(sorted(p for p, _ in got), sorted((wanted, unmapped)))
		self.assertTrue(next(tail for p, tail in got if p == wanted).endswith(b"up"))
		self.assertTrue(next(tail for p, tail in got if p == unmapped).endswith(b"down"))


class Together(Upf):
	"""Attribute 21: one PDU for several tasks."""
	ne_extra = (*Upf.ne_extra, "axri: true")

	def named(self, p):
		"""(product, correlation ID, number) of every task that a PDU is for."""
		return [(str(uuid.UUID(bytes=bytes(p.xid))), p.correlation, p.sequence)] + [
			(str(uuid.UUID(bytes=bytes(c[1]))), c[5], n) for c, n in p.further]

	def test_tasks_of_a_packet_share_a_pdu(self):
		m = self.mdf(pdus=self.poi.path("shared.pcap"))
		tasks = [self.task([x1.target_ipv4(UE)], m) for _ in range(10)]
		self.send([gtpu(7, ip(b"%d" % i, (40000, 40001))) for i in range(20)])
		got = self.pdus(m, 40)  # a header of 320 octets names seven tasks or eight, by the length of the IPID
		seen = collections.Counter()
		for p in got:
			self.assertLessEqual(p.header_length, 320)
			self.assertEqual((p.format, p.direction), (12, 3))
			for product, correlation, number in self.named(p):
				self.assertEqual(number, seen[product, correlation], "numbers of each task, one by one")
				seen[product, correlation] += 1
		self.assertEqual(seen, {(product, correlation): 20 for _, product, correlation in tasks})
		full = max(len(self.named(p)) for p in got)
		self.assertIn(full, (6, 7, 8))
		self.assertEqual({len(self.named(p)) for p in got}, {full, 10 - full})
		status = self.poi.balanced()
		self.assertEqual((status["matches"], status["delivered"]), (200, 200), "a match each, a copy each")
		for xid, _, _ in tasks:
			answer = self.smf[0].get_task(xid)
			self.assertEqual(int(answer.text("amountOfX3Data")), sum(len(p.payload) for p in got if len(self.named(p)) == full))
		# One that ends is named no more; the others count on.
		self.ok(self.smf[0].deactivate(tasks[0][0]))
		self.send([gtpu(7, ip(b"after", (40000, 40001)))])
		names = [n for p in self.pdus(m, 42)[40:] for n in self.named(p)]
		self.assertEqual(sorted(names), sorted((product, correlation, 20) for _, product, correlation in tasks[1:]))
		if shutil.which("tshark"):
			m.flush()
			lines = fixture.tshark(self.poi.path("shared.pcap"), "-o", 'uat:user_dlts:"User 0 (DLT=147)","li5g","0","","0",""',
				"-T", "fields", "-e", "li5g.pf", "-e", "li5g.hl", "-e", "gtp.teid", "-e", "_ws.malformed")
			self.assertEqual(len(lines), 42)
			for line, p in zip(lines, m.kept):
				self.assertEqual(line.split("\t"), ["12", str(p.header_length), "0x00000007", ""])

	def test_what_differs_keeps_its_own_pdu(self):
		one, other = self.mdf(), self.mdf()
		same = [self.task([x1.target_ipv4(UE)], one) for _ in range(2)]
		self.task([x1.target_ipv4(UE)], other)                              # another destination
		self.task([x1.target_ipv4(UE)], one, delivery="X2andX3", extensions=x1.header_reporting("pdhr"))
		self.task([x1.target_ipv4(PEER)], one)                              # the other direction
		both = [self.task([x1.target_ipv4(UE)], m) for m in ([one, other], [other, one])]
		self.send([gtpu(7, ip())])
		self.assertTrue(one.wait_pdus(5) and other.wait_pdus(2), (one.summary(), other.summary()))
		one.wait_quiet()
		content = [p for p in one.kept if p.type == pdu.X3]
		self.assertEqual(sorted(len(self.named(p)) for p in content), [1, 1, 2, 2])
		groups = {frozenset(n[0] for n in self.named(p)) for p in content}
		self.assertIn(frozenset(t[1] for t in same), groups)
		self.assertIn(frozenset(t[1] for t in both), groups)
		self.assertEqual(sorted(len(self.named(p)) for p in other.kept), [1, 2])
		self.assertEqual(len([p for p in one.kept if p.type == pdu.X2]), 1)
		status = self.poi.balanced()
		self.assertEqual((status["matches"], status["delivered"]), (7, 7 + 1 + 2))

	def test_a_cut_and_a_stop_leave_no_difference(self):
		m = self.mdf()
		tasks = [self.task([x1.target_ipv4(UE)], m) for _ in range(5)]
		for round_ in range(4):
			self.send([gtpu(7, ip(bytes(900))) for _ in range(500)])
			m.cut()
		wait_until(lambda: not any(self.poi.status().get(k) for k in ("queued", "unsettled")), 20, "all is delivered")
		m.wait_quiet()
		# What the MDF's kernel acknowledged and the MDF threw away with the connection is gone for all five alike.
		self.assertEqual({len(self.named(p)) for p in m.kept}, {5})
		self.assertEqual({len({n[2] for n in self.named(p)}) for p in m.kept}, {1})
		self.assertGreater(len({p.sequence for p in m.kept}), 1000)
		status = self.poi.balanced()
		self.assertEqual((status["matches"], status["delivered"]), (10000, 10000))
		m.stop()
		self.send([gtpu(7, ip(bytes(900))) for _ in range(500)])
		for xid, _, _ in tasks:
			self.ok(self.smf[0].deactivate(xid))
		self.assertTrue(self.poi.status()["ledger"]["balanced"])
		self.feeds[0].close()
		self.assertEqual(self.poi.dataplane.stop(20), 0)


class Formats(Upf):
	"""payload-format of a network element, over what each task matches."""

	def reconfigure(self, word):
		with open(self.poi.file) as f:
			text = f.read()
		text = re.sub(r"\n    payload-format: .*", "", text).replace("    role: triggered", f"    payload-format: {word}\n    role: triggered")
		with open(self.poi.file, "w") as f:
			f.write(text)
		before = self.poi.control.text().count("configuration was read")
		self.poi.control.child.send_signal(signal.SIGHUP)
		wait_until(lambda: self.poi.control.text().count("configuration was read") > before, 10, "the configuration is read again")
		self.smf[0].close()  # connections are made anew, with what was read

	def test_every_format(self):
		arp = bytes.fromhex("0001080006040001") + bytes(20)
		content = {1: ip(b"plain session"), 2: ethernet(ip(b"in a frame")), 3: ethernet(arp, 0x0806), 4: b"\x07unstructured data"}
		frames = {teid: gtpu(teid, c) for teid, c in content.items()}
		alone = udp_frame("192.0.2.20", PEER, b"no tunnel")
		outer = {teid: f[42:] for teid, f in frames.items()}  # behind Ethernet, IPv4 and UDP
		table = {  # format and octets by task: TEID 1 to 4, the MAC address of 2's frame, an address without tunnel
			"automatic": [(12, outer[1]), (12, outer[2]), (12, outer[3]), (12, outer[4]), (7, content[2]), (5, alone[14:])],
			"12": [(12, outer[1]), (12, outer[2]), (12, outer[3]), (12, outer[4]), (12, outer[2]), (5, alone[14:])],
			"5": [(5, content[1]), (5, content[2][14:]), (7, content[3]), (16, content[4]), (7, content[2]), (5, alone[14:])],
			"6": [(5, content[1]), (5, content[2][14:]), (7, content[3]), (16, content[4]), (7, content[2]), (5, alone[14:])],
			"7": [(7, frames[1]), (7, content[2]), (7, content[3]), (7, frames[4]), (7, content[2]), (7, alone)]}
		content[3] = ethernet(arp, 0x0806).replace(bytes.fromhex(MAC.replace(":", "")), bytes.fromhex("020000000078"))
		frames[3] = gtpu(3, content[3])
		outer[3] = frames[3][42:]
		for row in table.values():
			row[2] = (row[2][0], outer[3] if row[2][0] == 12 else content[3])
		m = self.mdf()
		done = 0
		for word, expected in table.items():
			self.reconfigure(word)
			tasks = [self.task([x1.target_fteid(teid, UPF)], m) for teid in range(1, 5)]
			tasks += [self.task([f"<x1:macAddress>{MAC}</x1:macAddress>"], m), self.task([x1.target_ipv4("192.0.2.20")], m)]
			self.send([*frames.values(), alone])
			got = {str(uuid.UUID(bytes=bytes(p.xid))): p for p in self.pdus(m, done + 6)[done:]}
			done += 6
			for (xid, product, _), (number, octets), i in zip(tasks, expected, range(6)):
				p = got[product]
				self.assertEqual((p.format, bytes(p.payload)), (number, octets), f"payload-format {word}, task {i}")
				self.ok(self.smf[0].deactivate(xid))
		self.poi.balanced()


class Attributes(Upf):
	delivery = "attributes: { matched-target: true, addresses: true }"

	def test_content_and_reports_carry_them(self):
		m = self.mdf()
		self.task([x1.target_ipv4(UE), x1.target_port("udp", "4000")], m)
		self.task([x1.target_ipv4(UE)], m, delivery="X2Only", extensions=x1.header_reporting("pdhr"))
		self.send([gtpu(7, ip())])
		for p in self.pdus(m, 2):
			self.assertEqual([p.first(k) for k in (10, 11, 12, 13, 14, 15, 16)], [socket.inet_aton(UE), socket.inet_aton(PEER), None,
				None, b"\x0f\xa0", b"\x13\x88", b"\x11"])
			self.assertEqual(len(p.values(17)), 2 if p.type == pdu.X3 else 1)
			self.assertEqual(p.values(17)[0], b"<ipv4Address>%s</ipv4Address>" % UE.encode())


class Links(Upf):
	ports = (N3, N6)

	def test_a_packet_seen_on_both_links_is_delivered_once(self):
		m = self.mdf()
		_, address, _ = self.task([x1.target_ipv4(UE)], m)
		_, tunnel, _ = self.task([x1.target_fteid(7, UPF)], m)
		for i in range(50):
			self.send([gtpu(7, ip(b"%d" % i))], 0)
			self.send([udp_frame(UE, PEER, b"%d" % i)], 1)
		got = collections.defaultdict(list)
		for p in self.pdus(m, 100):
			got[str(uuid.UUID(bytes=bytes(p.xid)))].append((p.format, bytes(p.payload)[-2:]))
		self.assertEqual({f for f, _ in got[address]}, {5}, "the address is bound to N6")
		self.assertEqual({f for f, _ in got[tunnel]}, {12}, "the tunnel is where it is seen")
		self.assertEqual([len(set(v)) for v in got.values()], [50, 50])
		self.poi.balanced()


class Smfs(Upf):
	elements = 2

	def test_two_smfs_trigger_one_upf(self):
		did = x1.new_id()  # the same one may be chosen by both
		one, two = self.mdf(self.smf[0], did), self.mdf(self.smf[1], did)
		first = self.task([x1.target_ipv4(UE)], one, self.smf[0])
		second = self.task([x1.target_ipv4(UE)], two, self.smf[1])
		self.send([gtpu(7, ip(b"%d" % i)) for i in range(10)])
		for m, (_, product, correlation) in ((one, first), (two, second)):
			self.assertEqual({(str(uuid.UUID(bytes=bytes(p.xid))), p.correlation) for p in self.pdus(m, 10)}, {(product, correlation)})
		# Neither sees nor touches the other's.
		self.refused(2020, self.smf[1].get_task(first[0]))
		self.refused(2020, self.smf[1].deactivate(first[0]))
		self.ok(self.smf[1].one("DeactivateAllTasks"))
		self.send([gtpu(7, ip(b"again"))])
		self.pdus(one, 11)
		self.pdus(two, 10)
		stranger = admf.Admf(self.url, self.poi.pki.folder, "admf", "admf-01", "poi-1")
		self.addCleanup(stranger.close)
		with self.assertRaises(OSError):
			stranger.one("Ping")

	def test_one_product_and_two_sessions(self):
		"""Two tasks of one target: the XID field is the same, the correlation ID parts the contexts."""
		m, product = self.mdf(), x1.new_id()
		a = self.task([x1.target_fteid(7, UPF)], m, product=product, correlation=1001)
		self.task([x1.target_fteid(8, UPF)], m, product=product, correlation=1002)
		self.send([gtpu(7 + i % 3 // 2, ip(b"%d" % i)) for i in range(30)])
		self.pdus(m, 30)
		self.ok(self.smf[0].deactivate(a[0]))
		self.send([gtpu(7 + i % 2, ip(b"%d" % i)) for i in range(10)])
		numbers = collections.defaultdict(list)
		for p in self.pdus(m, 35):
			self.assertEqual(str(uuid.UUID(bytes=bytes(p.xid))), product)
			numbers[p.correlation].append(p.sequence)
		self.assertEqual(numbers, {1001: list(range(20)), 1002: list(range(15))})


class HandOver(Upf):
	def test_modification_neither_loses_nor_doubles(self):
		"""Traffic never stops; every other modification names another tunnel. What went before a request in the old
		tunnel and what came after an OK in the new one is delivered once, nothing twice, and numbers go on."""
		m = self.mdf()
		xid, product, correlation = self.task([x1.target_fteid(1, UPF)], m)
		steady, steady_product, steady_correlation = self.task([x1.target_ipv4(UE)], m)
		tunnel, number, stop = [1], [0], threading.Event()
		sent = []  # (number, TEID), in order

		def run():
			while not stop.is_set():
				batch = []
				for _ in range(8):
					batch.append((number[0], tunnel[0]))
					number[0] += 1
				sent.extend(batch)
				self.feeds[0].send([gtpu(teid, ip(struct.pack(">I", n))) for n, teid in batch])
				time.sleep(0.001)
		thread = threading.Thread(target=run, daemon=True)
		thread.start()
		between = set()  # numbers that went while a request was under way: either answer is right
		for teid in range(2, 32):
			time.sleep(0.02)
			self.poi.received(self.feeds[0].total)
			low = max(0, number[0] - 8)
			self.ok(self.smf[0].modify(xid, [x1.target_fteid(teid, UPF)], [m.did], correlation=correlation, product=product))
			# the address task is given again as it is: nobody may notice
			self.ok(self.smf[0].modify(steady, [x1.target_ipv4(UE)], [m.did], correlation=steady_correlation, product=steady_product))
			tunnel[0] = teid
			time.sleep(0.02)
			self.poi.received(self.feeds[0].total)
			between.update(range(low, number[0] + 8))
			# in the new tunnel, certainly after the OK
			time.sleep(0.02)
		stop.set()
		thread.join()
		self.poi.received(self.feeds[0].total)
		m.wait_quiet(0.5)
		self.assertTrue(m.good, m.summary())
		got = collections.Counter()
		for p in m.kept:
			got[str(uuid.UUID(bytes=bytes(p.xid))), struct.unpack(">I", bytes(p.payload)[-4:])[0]] += 1
		self.assertEqual(set(got.values()), {1}, "nothing twice")
		self.assertEqual({n for who, n in got if who == steady_product}, {n for n, _ in sent}, "the steady task has every packet")
		mine = {n for who, n in got if who == product}
		certain = {n for n, _ in sent} - between
		self.assertGreater(len(certain), 100)
		self.assertEqual(certain - mine, set())
		self.poi.balanced()


class Summaries(Upf):
	workers = 2

	def test_session_triggers_count_over_all_workers(self):
		m = self.mdf()
		xid, _, _ = self.task([x1.target_ipv4(UE)], m, delivery="X2Only", extensions=x1.header_reporting("pdsr", packets=10)
			.replace("</e:PDSR>", "<e:useSessionTriggers>true</e:useSessionTriggers></e:PDSR>"))
		for i in range(40):  # each flow has one packet in ten of the session's: no flow alone would trigger
			self.send([gtpu(7, ip(b"%d" % i, (1000 + i % 8, 5000)))], i % 2)
		self.ok(self.smf[0].deactivate(xid))
		m.wait_quiet(0.3)
		told = [xiri.decode(bytes(p.payload)) for p in m.kept]
		self.assertTrue(m.good, m.summary())
		packets = [x for x in told if x["trigger"] == "packets"]
		self.assertTrue(packets and all(x["session"] for x in packets))
		self.assertEqual(sum(x["packets"] for x in told), 40)
		self.assertEqual(collections.Counter(x["sport"] for x in told for _ in range(x["packets"])), {1000 + k: 5 for k in range(8)})
		self.assertEqual(len({bytes(p.first(7)) for p in m.kept}), 1, "one aggregator")

	def test_last_reports_are_made_before_the_ok(self):
		"""The MDF is not there, so what is queued when the OK has come is what was made before it left."""
		m = self.mdf()
		self.assertTrue(m.wait(lambda m: m.counts["connections"], 10), m.summary())
		m.refuse()
		m.cut()
		xid, _, _ = self.task([x1.target_ipv4(UE)], m, delivery="X2Only", extensions=x1.header_reporting("pdsr", seconds=3600))
		for worker in (0, 1):
			self.send([gtpu(7, ip(b"x", (1000 + 50 * worker + i, 5000))) for i in range(50) for _ in range(3)], worker)
		wait_until(lambda: self.poi.status()["queued"] == 100, 10, "the starts are queued")
		answer = self.ok(self.smf[0].deactivate(xid))
		self.assertEqual(self.poi.status()["queued"], 200, "an end for each flow, before the OK")
		again = self.poi.mdf(keep=True, port=m.port)
		self.addCleanup(again.stop)
		self.assertTrue(again.wait_pdus(200, 20), again.summary())
		ends = [(p, xiri.decode(bytes(p.payload))) for p in again.kept][100:]
		self.assertEqual({x["trigger"] for _, x in ends}, {"end"})
		self.assertEqual({x["packets"] for _, x in ends}, {2})
		self.assertTrue(all(p.time_ns <= answer.time_ns + 1000 for p, _ in ends))
		self.poi.balanced()


class Busy(Upf):
	"""poi-lab smf plays many sessions."""

	SCENARIO = """
		mdf3 127.0.0.1:%(port)d   # xCC
		mdf2 127.0.0.1:%(port)d
		upf """ + UPF + """
		ue 10.45.0.0/16
		sessions %(sessions)d
		live 40
		setup x3 x2 pdsr 60
		check
		handover
		check
		release
	"""

	def play(self, text, *more):
		path = self.poi.path("scenario")
		with open(path, "w") as out:
			out.write(text)
		done = subprocess.run([sys.executable, "-B", os.path.join(fixture.TOP, "tests", "lab", "poi-lab"), "smf", path, "--url", self.poi.url,
			"--pki", self.poi.pki.folder, "--json", *more], capture_output=True, text=True, check=False, timeout=60)
		return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr

	def test_sessions_come_move_and_go(self):
		m = self.poi.mdf()
		self.addCleanup(m.stop)
		scenario = self.SCENARIO % {"port": m.port, "sessions": 200}
		code, figures = self.play(scenario)
		self.assertEqual((code, figures["wrong"]), (0, 0), figures)
		self.assertEqual({k: v["count"] for k, v in figures["requests"].items()},
			{"ActivateTask": 400, "GetTaskDetails": 800, "ModifyTask": 200, "DeactivateTask": 400})
		self.assertEqual(self.poi.status()["tasks"], 0)
		# At a rate; the last sessions stay when nothing releases them.
		code, figures = self.play(scenario.replace("sessions 200", "sessions 30").replace("release", ""), "--rate", "100")
		self.assertEqual((code, figures["wrong"]), (0, 0), figures)
		self.assertGreater(figures["seconds"], 30 / (100 / 4) * 0.9)
		self.assertEqual(self.poi.status()["tasks"], 60)

	def test_wrong_answers_and_scenarios_are_told(self):
		m = self.poi.mdf()
		self.addCleanup(m.stop)
		code, figures = self.play(self.SCENARIO.replace("ue 10.45.0.0/16", "ue 224.0.0.0/16").replace(UPF, "203.0.113.99") % {
			"port": m.port, "sessions": 3})
		self.assertEqual((code, figures["wrong"]), (0, 0), f"any address may be tapped: {figures}")
		code, told = self.play("sessions 5\nsetup x3\nrelease\n")
		self.assertEqual(code, 2)
		self.assertIn("upf and mdf3", told)
		code, told = self.play("sessions 5\nsetup x7\n")
		self.assertEqual(code, 2)
		self.assertIn("line 2: setup x7", told)
		code, told = self.play(self.SCENARIO % {"port": m.port, "sessions": 3}, "--ne", "another")
		self.assertEqual(code, 2)
		self.assertIn("1060", told)
		self.ok(self.smf[0].one("DeactivateAllTasks"))


class DefaultSummaries(Upf):
	ne_extra = ("role: triggered", "x2-report: pdsr", "x2-summary: { timer: 0, packets: 4, bytes: 0, session: false }")

	def test_triggers_of_the_configuration(self):
		m = self.mdf()
		self.task([x1.target_ipv4(UE)], m, delivery="X2Only")
		self.send([gtpu(7, ip(b"%d" % (i % 10))) for i in range(10)])
		self.assertEqual([(x["trigger"], x["packets"]) for x in (xiri.decode(bytes(p.payload)) for p in self.pdus(m, 4))],
			[("start", 1), ("packets", 4), ("packets", 4), ("end", 1)])


class Empty(Upf):
	delivery = "flow-idle: 5"
	ne_extra = ("role: triggered", "x2-summary: { empty: false }")

	def test_a_flow_without_packets_is_left_out(self):
		m = self.mdf()
		self.task([x1.target_ipv4(UE)], m, delivery="X2Only", extensions=x1.header_reporting("pdsr", seconds=1))
		self.send([gtpu(7, ip(b"%d" % i)) for i in range(2)])
		self.assertEqual([(x["trigger"], x["packets"]) for x in (xiri.decode(bytes(p.payload)) for p in self.pdus(m, 3))],
			[("start", 1), ("timer", 1), ("end", 0)])


class Names(Upf):
	"""Each publication of TS 33.128 has its own namespace."""

	def test_any_release_and_its_own_back(self):
		m = self.mdf()
		smf = admf.Admf(self.poi.url, self.poi.pki.folder, "admf")  # the official schema knows one of them
		self.addCleanup(smf.close)
		for release in ("r15:v0", "r17:v9", "r18:v5", "r19:v4", "r42:v123"):
			space = "urn:3GPP:ns:li:3GPPX1Extensions:" + release
			def of(text):
				return text.replace(x1.E3GPP, space)
			xid, _, _ = self.task([of(x1.target_fteid(7, UPF))], m, smf, delivery="X2Only", extensions=of(x1.header_reporting("pdhr")))
			answer = self.ok(smf.get_task(xid))
			tags = {e.tag for e in answer.element.iter() if "3GPPX1Extensions" in e.tag}
			self.assertEqual({t[1:].partition("}")[0] for t in tags}, {space})
			self.assertLessEqual({f"{{{space}}}{n}" for n in ("FTEID", "PDHR", "HeaderReporting")}, tags)
			self.ok(self.smf[0].deactivate(xid))

	def test_unknown_names(self):
		m = self.mdf()
		more = {"correlation": 1, "product": x1.new_id()}
		def activate(target, extensions=""):
			return self.smf[0].activate(x1.new_id(), [target], [m.did], delivery="X3Only" if not extensions else "X2Only",
				extensions=extensions, **more)
		target, report = x1.target_fteid(7, UPF), x1.header_reporting("pdhr")
		self.refused(3010, activate(target.replace("e:FTEID", "e:NewThing")))
		self.refused(3010, activate(target.replace(":r18:v6", ":r18")))
		self.refused(3010, activate(target.replace("3GPPX1Extensions:r18", "3GPPOther:r18")))
		self.refused(3000, activate(target, report.replace("e:HeaderReporting", "e:NewReporting")))
		self.refused(3000, activate(target, report.replace("3GPPX1Extensions:r18", "3GPPOther:r18")))
