"""No target value and no payload in anything that is written or shown while known targets are in force: logs,
audit, status, command lines, names of threads and files. Errors of every kind are provoked meanwhile."""
import base64
import contextlib
import http.client
import ipaddress
import os
import re
import socket
import subprocess
import time

import fixture
from fixture import udp_frame
from poi_lab import x1

IPV4, IPV6, NETWORK = "203.0.113.77", "2001:db8:5afe:cafe::77", "198.18.213.0/24"
PORT, TEID, ENDPOINT, MAC = 47113, 3735928559, "198.51.100.213", "02:5a:fe:77:13:37"
IMSI, SIP, PAYLOAD = "262019876543210", "sip:hidden.target@secret.example", b"QZX-payload-of-a-subscriber"
CORRELATION = 7777777713371337


def forms():
	"""Every way that a value might be written."""
	out = [NETWORK, NETWORK.split("/")[0], str(PORT), str(TEID), f"{TEID:08x}", ENDPOINT, MAC, MAC.replace(":", ""), MAC.replace(":", "-"),
		IMSI, SIP, SIP.partition(":")[2], PAYLOAD.decode(), PAYLOAD.hex(), base64.b64encode(PAYLOAD).decode()[:24], "203.0.113.777"]
	for text in (IPV4, IPV6, ENDPOINT):
		ip = ipaddress.ip_address(text)
		out += [text, ip.exploded, ip.packed.hex(), ip.packed.hex(":"), str(int(ip)), ip.reverse_pointer]
	return sorted({f.lower().encode() for f in out})


FORMS = forms()
# a number may only count when it stands alone: digits within time stamps or random ids are no finding
SHORT = {str(PORT).encode()}


def finding(octets):
	"""The forms that occur in the octets."""
	low = octets.lower()
	return [f.decode() for f in FORMS if (re.search(rb"(?<![0-9a-f.:-])" + f + rb"(?![0-9a-f-])", low) if f in SHORT else f in low)]


class Targets(fixture.PoiCase):
	@classmethod
	def setUpClass(cls):
		cls.link = fixture.Link()
		cls.addClassCleanup(cls.link.close)
		super().setUpClass()

	@classmethod
	def options(cls):
		return {"eal": fixture.af_packet(0, cls.link.inner), "ports": (
			"{ device: net_af_packet0, mode: probe, tunnel: gtpu, gtp-endpoints: [192.0.2.0/24] }",),
			"x1_extra": "limits: { header-timeout: 1, body-timeout: 1 }"}

	def test_finding(self):
		"""The search does find."""
		for text in (IPV4, f"x={IMSI}", f"port {PORT}", "cb00714d", "DEADBEEF", ipaddress.ip_address(IPV6).exploded.upper()):
			self.assertTrue(finding(text.encode()), text)
		self.assertFalse(finding(b"1347113999 7a500001-0001-4001-8001-000000047113 127.0.0.1:45000"))

	# --- what is looked at
	def written(self):
		"""{name: octets} of all there is to see."""
		seen = {}
		for folder, _, files in os.walk(self.poi.folder):
			for name in files:
				path = os.path.join(folder, name)
				seen["name of " + path] = name.encode()
				if os.path.isfile(path):
					with open(path, "rb") as f:
						seen[path] = f.read()
		for name in ("control", "dataplane"):
			pid = getattr(self.poi, name).child.pid
			for part in ("cmdline", "environ", "comm", "maps"):
				with open(f"/proc/{pid}/{part}", "rb") as f:
					seen[f"{part} of {name}"] = f.read()
			for task in os.listdir(f"/proc/{pid}/task"):
				with open(f"/proc/{pid}/task/{task}/comm", "rb") as f:
					seen[f"thread {task} of {name}"] = f.read()
		for command in (["status", "-c", self.poi.file], ["status", "-c", self.poi.file, "--json"], ["check", self.poi.file],
				["config", "dump", self.poi.file], ["audit", "verify", self.poi.path("audit.jsonl")], ["metrics", "-c", self.poi.file]):
			done = self.poi.poi(*command)
			seen["poi " + " ".join(command[:2])] = (done.stdout + done.stderr).encode()
		return seen

	def clean(self, when):
		for name, octets in self.written().items():
			self.assertEqual(finding(octets), [], f"{name}, {when}")

	# --- what is done meanwhile
	def activate_all(self, did):
		"""One task of each kind; their XIDs."""
		targets = ([x1.target_ipv4(IPV4)], [x1.target_ipv6(IPV6)], [x1.target_cidr(NETWORK)], [x1.target_port("udp", str(PORT))],
			[f"<x1:macAddress>{MAC}</x1:macAddress>"], [x1.target_fteid(TEID, ENDPOINT)], [x1.target_teid(TEID)],
			[x1.target_ipv4(IPV4), x1.target_port("tcp", str(PORT))])
		xids = []
		for t in targets:
			xids.append(x1.new_id())
			self.ok(self.poi.admf.activate(xids[-1], t, [did], correlation=CORRELATION))
		return xids

	def provoke_refusals(self, did, xid):
		admf, ipv4 = self.poi.admf, x1.target_ipv4(IPV4)
		twisted = "<x1:ipv4Cidr><c:IPv4CIDR>198.18.213.7/24</c:IPv4CIDR></x1:ipv4Cidr>"
		tried = [admf.activate(xid, [ipv4], [did])]
		for targets in ([f"<x1:imsi>{IMSI}</x1:imsi>"], [f"<x1:sipUri>{SIP}</x1:sipUri>"], [ipv4, x1.target_ipv6(IPV6)],
				["<x1:ipv4Address>203.0.113.777</x1:ipv4Address>"], [twisted], [x1.target_port("tcp", f"{PORT}-{PORT - 1}")],
				[f"<x1:gtpuTunnelId>{TEID}0</x1:gtpuTunnelId>"], [ipv4, ipv4, ipv4],
				[f"<x1:macAddress>{MAC.upper()}</x1:macAddress>"], [f"<x1:nai>{IPV4}</x1:nai>"]):
			tried += [admf.activate(x1.new_id(), targets, [did]), admf.modify(xid, targets, [did])]
		tried += [admf.activate(x1.new_id(), [ipv4], [x1.new_id()]), admf.deactivate(x1.new_id()),
			admf.one("DeactivateTask", f"<x1:xId>{IPV4}</x1:xId>"), admf.one("DeactivateTask", f"<x1:{SIP.partition(':')[2]}/>")]
		self.assertEqual([a for a in tried if a.ok], [])
		for answer in tried:
			# an answer goes to the ADMF, which knows the value; the text still need not repeat it
			self.assertEqual(finding((answer.description or "").encode()), [], str(answer))

	def provoke_transport(self):
		good = x1.container([x1.Message("ActivateTask", x1.task_details(x1.new_id(), [x1.target_ipv4(IPV4)], [x1.new_id()]))],
			"admf-01", "poi-01")
		for body in (good[:-40], good.replace("x1:ActivateTask", "x1:" + IMSI), f"<!DOCTYPE a [<!ENTITY x '{IPV4}'>]>" + good,
				good.replace("admf-01", SIP), good.replace("poi-01", IPV4), good.replace("v1.8.1", IPV4), IPV4, f"<{IMSI}/>",
				good.replace("</x1:x1TransactionId>", IMSI + "</x1:x1TransactionId>")):
			with contextlib.suppress(OSError, http.client.HTTPException):
				self.poi.admf.post(body)
		for path, method in (("/X1/NE?" + IPV4, "POST"), ("/" + SIP, "POST"), ("/X1/NE", IMSI), ("/X1/NE", "GET")):
			with contextlib.suppress(OSError, http.client.HTTPException):
				connection = http.client.HTTPSConnection("127.0.0.1", self.poi.port, timeout=5, context=self.poi.admf._tls)
				connection.request(method, path, good, {"X-Target": IPV4, IMSI: SIP})
				connection.getresponse().read()
				connection.close()
		for raw in ((f"GET /{IPV4} HTTP/1.1\r\n\r\n").encode(), b"\x16\x03\x01" + IPV4.encode() * 20):
			with socket.create_connection(("127.0.0.1", self.poi.port), 5) as s, contextlib.suppress(OSError):
				s.sendall(raw)
				s.recv(100)
		subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{self.poi.port}", "-servername", IPV4], input=b"",
			capture_output=True, timeout=10, check=False)

	def send_traffic(self):
		frames = [udp_frame(IPV4, "198.18.213.9", PAYLOAD + b" %d" % n, (PORT, PORT)) for n in range(50)]
		frames += [f[:n] for f in frames[:3] for n in range(14, len(f), 3)]  # cut short
		frames += [f[:14] + bytes([f[14] ^ 0x0f]) + f[15:] for f in frames[:3]]
		self.link.send(frames)
		self.poi.received(1)

	def test_nothing_is_written(self):
		admf = self.poi.admf
		m = self.poi.mdf(keep=True)
		did, dead, wrong = self.destination(m), x1.new_id(), x1.new_id()
		self.ok(admf.create_destination(dead, "127.0.0.1", fixture.free_port()))
		stranger = fixture.mdf.Mdf(self.poi.pki.path("other-mdf.pem"), self.poi.pki.path("other-mdf.key"), self.poi.pki.path("ca.pem")).start()
		self.addCleanup(stranger.stop)
		self.ok(admf.create_destination(wrong, "127.0.0.1", stranger.port))
		xids = self.activate_all(did) + self.activate_all(dead) + self.activate_all(wrong)
		self.clean("in force")
		self.send_traffic()
		self.assertTrue(m.wait_pdus(50), m.summary())  # they are in force indeed
		self.provoke_refusals(did, xids[0])
		self.provoke_transport()
		m.stop()
		self.send_traffic()
		time.sleep(1.5)  # deadlines, reconnections, faults
		for kind in ("GetAllDetails", "GetNEStatus", "ListAllDetails"):
			self.assertTrue(admf.one(kind).ok)
		self.clean("MDF down, after errors")
		self.poi.control.kill()
		self.send_traffic()
		self.poi.start_control()
		self.clean("after kill -9 of control")
		self.poi.dataplane.kill()
		self.assertFalse(admf.activate(x1.new_id(), [x1.target_ipv4(IPV4)], [did]).ok)
		self.poi.start_dataplane()
		fixture.wait_until(lambda: self.poi.status()["tasks"] == len(xids), 10, "tasks are replayed")
		self.send_traffic()
		self.clean("after kill -9 of the dataplane")
		for xid in xids[:8]:
			self.ok(admf.deactivate(xid))
		self.clear()
		self.assertEqual([p.stop() for p in (self.poi.control, self.poi.dataplane)], [0, 0])
		for name in ("control.log", "dataplane.log", "audit.jsonl"):
			with open(self.poi.path(name), "rb") as f:
				octets = f.read()
			self.assertGreater(len(octets), 200, name)  # there was something to look at
			self.assertEqual(finding(octets), [], name)
		with open(self.poi.path("audit.jsonl")) as f:
			self.assertIn(xids[0], f.read())
