"""The session store on real captures: the sessions, subscribers and tunnels that Wireshark's dissector sees are those
that the store binds, and no user packet of a watched session comes before its tunnel is bound."""
import functools
import os
import subprocess
import unittest

import fixture

CAPTURES = os.path.join(fixture.TOP, "..", "shared", "pcaps")
DUMP = os.path.join(fixture.BUILD, "tests", "oracle", "dump_sessions")
PORTS = {8805: 0, 2123: 1, 1813: 2}


@functools.lru_cache(maxsize=None)
def fields(capture, which, *names, first=False):
	command = ["tshark", "-r", os.path.join(CAPTURES, capture), "-Y", which, "-T", "fields"]
	for name in names:
		command += ["-e", name]
	if first:
		command += ["-E", "occurrence=f"]
	done = subprocess.run(command, capture_output=True, text=True, check=True)
	return [line.split("\t") for line in done.stdout.splitlines()]


class Store:
	"""dump_sessions, and what is bound after each line."""

	def __init__(self, test):
		self.bound, self.ever, self.state, self.counts = {}, [], {}, {}
		self.program = subprocess.Popen([DUMP], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
		test.addCleanup(self.close)

	def close(self):
		self.program.stdin.close()
		self.program.stdout.close()
		assert self.program.wait() == 0

	def do(self, line):
		self.program.stdin.write(line + "\n")
		self.program.stdin.flush()
		while True:
			kind, *rest = self.program.stdout.readline().split()
			if kind == "=":
				return
			if kind == "+":
				watch, number, way, link, direction, teid, prefix, select = rest
				self.bound[watch, number] = (way, int(link), int(direction), int(teid), prefix, select)
				self.ever.append((watch, self.bound[watch, number]))
			elif kind == "-":
				del self.bound[tuple(rest)]
			elif kind == "~":
				self.state[rest[0]] = tuple(int(v) for v in rest[1:])
			else:
				self.counts = {k: int(v) for k, v in (w.split("=") for w in [kind, *rest])}

	def hits(self, watch, destination, teid):
		return any(w == watch and b[0] == "tunnel" and b[3] == teid and b[4] == destination + "/32"
			for (w, _), b in self.bound.items())


@unittest.skipUnless(os.path.isdir(CAPTURES), "skipped: no reference data")
class Captures(unittest.TestCase):
	def play(self, capture, *watches, loss=None):
		"""Frame by frame. Returns the store and, of the G-PDUs, (frame, destination, teid, watches that hit)."""
		rows = fields(capture, "udp", "ip.proto", "frame.number", "frame.time_epoch", "ip.src", "udp.srcport", "ip.dst",
			"udp.dstport", "udp.payload", "gtp.message", "gtp.teid", first=True)
		store, packets = Store(self), []
		for watch in watches:
			store.do("watch " + watch)
		for carrier, frame, time, source, sport, destination, dport, payload, message, teid in rows:
			if carrier != "17": # an error that quotes a datagram
				continue
			protocol = PORTS.get(int(dport), PORTS.get(int(sport)))
			if protocol is not None and int(frame) != loss:
				seconds, _, fraction = time.partition(".")
				store.do(f"take {seconds}{fraction.ljust(9, '0')} {protocol:d} {source} {sport} "
					f"{destination} {dport} {payload.replace(':', '')}")
			elif message in ("0xff", "255"):
				number = int(teid, 0)
				packets.append((int(frame), destination, number, [w.split()[0] for w in watches
					if store.hits(w.split()[0], destination, number)]))
		store.do("counts")
		return store, packets

	def test_subscriber_of_a_5g_session(self):
		capture = "n4_5g_choose.pcapng"
		(seids, imsi, smf), = fields(capture, "pfcp.msg_type==50", "pfcp.seid", "e212.imsi", "pfcp.f_seid.ipv4")
		(up_seid, upf), = fields(capture, "pfcp.msg_type==51", "pfcp.seid", "pfcp.f_seid.ipv4")
		(imeisv, msisdn), = fields(capture, "pfcp.msg_type==50", "pfcp.user_id.imei", "e164.msisdn")
		watches = ["1 imsi=" + imsi, f"2 seid={up_seid.split(',')[-1][2:]} addr={upf}",
			f"3 seid={seids.split(',')[-1][2:]} addr={smf}", "4 ni=696e7465726e6574", "5 imsi=001010000000000"]
		watches += ["6 msisdn=" + msisdn, "7 imei=" + imeisv[:14], "8 imeisv=" + imeisv]
		store, packets = self.play(capture, *watches)
		control = {smf}
		user = [p for p in packets if p[1] not in control and p[2] != self.n4u_teid(capture)]
		self.assertEqual(len(packets), 10)
		self.assertEqual(len(user), 8)
		for frame, _, _, by in user:
			self.assertLessEqual({"1", "2", "3"}, set(by), f"frame {frame:d}")
			self.assertLessEqual({"6", "7", "8"}, set(by), f"frame {frame:d}")
			self.assertNotIn("5", by)
		for frame, _, _, by in packets:
			if frame not in [p[0] for p in user]:
				self.assertEqual(by, [], f"frame {frame:d} is between SMF and UPF")
		self.assertEqual(store.bound, {}, "the session was released")
		self.assertEqual(store.counts["established"], 1)
		self.assertEqual(store.counts["sessions"], 0)

	def n4u_teid(self, capture):
		"""The F-TEID of the rule whose source interface is the CP function: the second that was created."""
		(teids,), = fields(capture, "pfcp.msg_type==51", "pfcp.f_teid.teid")
		values = [int(t, 0) for t in teids.split(",")]
		return next(v for v in values if values.count(v) == 1)

	def test_address_of_the_user_on_n6(self):
		capture = "n4_5g_choose.pcapng"
		store, _ = self.play(capture, "1 imsi=" + fields(capture, "pfcp.msg_type==50", "e212.imsi")[0][0])
		ue = {a for row in fields(capture, "pfcp.msg_type==50", "pfcp.ue_ip_addr_ipv4") for a in row[0].split(",") if a}
		self.assertEqual({b[4] for _, b in store.ever if b[0] == "address" and ":" not in b[4]},
			{a + "/32" for a in ue})

	def test_subscriber_of_an_epc(self):
		"""By the IMSI, which only GTPv2-C carries there: S1-U and S5-U."""
		capture = "epc_s11_sxa_sxb.pcapng"
		imsi, = {row[0] for row in fields(capture, "gtpv2 && e212.imsi", "e212.imsi")}
		store, packets = self.play(capture, "1 imsi=" + imsi)
		self.assertEqual(len(packets), 12)
		for frame, _, _, by in packets:
			self.assertEqual(by, ["1"], f"frame {frame:d}")
		requests = len(fields(capture, "pfcp.msg_type==50", "frame.number"))
		creations = len(fields(capture, "gtpv2.message_type==32", "frame.number"))
		self.assertEqual(store.counts["established"], requests + creations)
		self.assertEqual(store.counts["sessions"], 0)
		self.assertEqual(store.bound, {})

	def test_pfcp_sessions_of_an_epc(self):
		"""By the F-SEIDs of all sessions: every tunnel that the dissector sees in their messages is bound once."""
		capture = "epc_s11_sxa_sxb.pcapng"
		seen = {(seid, address) for row in fields(capture, "pfcp.msg_type==51", "pfcp.seid", "pfcp.f_seid.ipv4")
			for seid, address in [(row[0].split(",")[-1], row[1])]}
		watches = [f"{i + 1} seid={seid[2:]} addr={address}" for i, (seid, address) in enumerate(sorted(seen))]
		store, packets = self.play(capture, *watches)
		for frame, _, _, by in packets:
			self.assertTrue(by, f"frame {frame:d}")
		asked = set()
		for name, v4 in (("pfcp.f_teid.teid", "pfcp.f_teid.ipv4_addr"),
				("pfcp.outer_hdr_creation.teid", "pfcp.outer_hdr_creation.ipv4")):
			for teids, hosts in fields(capture, "(pfcp.msg_type==50 || pfcp.msg_type==52) && " + name, name, v4):
				asked |= {(int(t, 0), h) for t, h in zip(teids.split(","), hosts.split(","))}
		bound = {(b[3], b[4].split("/")[0]) for _, b in store.ever if b[0] == "tunnel" and ":" not in b[4]}
		self.assertTrue(bound)
		self.assertLessEqual(bound, asked, "nothing that was not there")

	def test_any_one_message_lost(self):
		"""Whatever single message of the 5G session is lost, only what it alone says is missed."""
		capture = "n4_5g_choose.pcapng"
		imsi = fields(capture, "pfcp.msg_type==50", "e212.imsi")[0][0]
		for row in fields(capture, "pfcp.s==1", "frame.number", "pfcp.msg_type"):
			store, packets = self.play(capture, "1 imsi=" + imsi, loss=int(row[0]))
			missed = [p[0] for p in packets if not p[3] and p[0] not in (24, 25)]
			with self.subTest(lost=row):
				if row[1] == "50": # then nobody says whose session it is
					self.assertEqual(len(missed), 8)
				elif row[1] == "51": # nor the uplink's F-TEID, nor, until 20, whose request 18 is
					self.assertEqual(missed, [15, 19, 21, 23, 27])
				elif row[0] == "18": # nor where the base station is
					self.assertEqual(missed, [19, 22, 26, 28])
				else:
					self.assertEqual(missed, [], f"lost {row[0]}")
				self.assertEqual(store.counts["sessions"], 1 if row[1] == "55" else 0)

	def test_radius_without_addresses(self):
		store, _ = self.play("radius_acct.pcap", "1 nai=nobody")
		self.assertEqual(store.counts["refused"], 0)
		starts = fields("radius_acct.pcap", "radius.Acct_Status_Type==1", "frame.number")
		self.assertEqual(store.counts["established"], len(starts))


if __name__ == "__main__":
	unittest.main()
