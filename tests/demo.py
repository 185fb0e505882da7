"""The demonstration behind tests/demo. Everything shown is measured in this run."""
import argparse
import collections
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

TOP = os.path.realpath(os.path.join(os.path.dirname(__file__), ".."))
sys.path[:0] = [os.path.join(TOP, "tests", "system"), os.path.join(TOP, "tests", "lab")]
sys.dont_write_bytecode = True

import feed  # noqa: E402
import fixture  # noqa: E402
from poi_lab import n4, n4_model, nf, pcap, pdu, platforms, x1  # noqa: E402

TARGET, OTHER, SERVER = "192.0.2.10", "192.0.2.11", "192.0.2.80"
COLOUR = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
DOWNLOAD = 2_000_000
FRAME_MAX = 1914  # what the ports' buffers take here


def paint(code, text):
	return f"\033[{code}m{text}\033[0m" if COLOUR else text


def heading(text):
	print("\n" + paint("1;36", "== " + text))


def say(text):
	print("   " + text, flush=True)


class Verdict:
	"""What the demonstration claims, each line checked."""

	def __init__(self):
		self.failed = 0

	def check(self, good, text):
		self.failed += not good
		platforms.start_claim()
		platforms.count_claim()
		print("   " + (paint("32", "[ok]    ") if good else paint("1;31", "[FAILED]")) + " " + text, flush=True)


verdict = Verdict()


def indent(text, limit=60):
	lines = text.rstrip().splitlines()
	for line in lines[:limit]:
		print("     " + paint("2", line))
	if len(lines) > limit:
		print(f"     ... {len(lines) - limit:d} more lines")


class Out:
	"""The folder with what the demonstration leaves behind."""

	def __init__(self):
		self.folder = os.environ.get("POI_DEMO_OUT") or os.path.join(TOP, "out", "demo")
		shutil.rmtree(self.folder, ignore_errors=True)
		os.makedirs(self.folder)
		self.exchange = open(self.path("x1.txt"), "w")

	def path(self, name):
		return os.path.join(self.folder, name)

	def log(self, kind, text):
		self.exchange.write(f"--- X1 {kind}\n{text}\n")
		self.last = getattr(self, "last", {})
		self.last[kind] = text

	def give_back(self):
		"""To who called sudo."""
		self.exchange.close()
		uid, gid = (int(os.environ.get(n, "-1")) for n in ("SUDO_UID", "SUDO_GID"))
		if uid >= 0:
			for folder, _, files in os.walk(os.path.dirname(self.folder)):
				for name in [folder] + [os.path.join(folder, f) for f in files]:
					os.chown(name, uid, gid)


class Net:
	"""Target and another host on one side, a server on the other; between them only the POI.

	   target ---+                                                   +--- server
	             +--- bridge ---(west)  poi-dataplane  (east)--------+
	   other  ---+
	"""

	def __init__(self, west, east):
		tag = f"poi{os.getpid() % 100000}"
		self.names = {n: f"{tag}-{n}" for n in ("target", "other", "server", "lan")}
		for name in self.names.values():
			fixture.ip("netns", "add", name)
			fixture.ip("-n", name, "link", "set", "lo", "up")
		lan = self.names["lan"]
		fixture.ip("-n", lan, "link", "add", "br0", "type", "bridge")
		fixture.ip("-n", lan, "link", "set", "br0", "up")
		for n, (who, address) in enumerate((("target", TARGET), ("other", OTHER))):
			fixture.ip("-n", lan, "link", "add", f"p{n}", "type", "veth", "peer", "name", "eth0", "netns", self.names[who])
			self._bridge(f"p{n}")
			self._host(who, address)
		fixture.ip("link", "set", west, "netns", lan, "name", "west")
		self._bridge("west")
		fixture.ip("link", "set", east, "netns", self.names["server"], "name", "eth0")
		self._host("server", SERVER)

	def _quiet(self, name, interface):
		self.run(name, ["ethtool", "-K", interface, "tso", "off", "gso", "off", "gro", "off", "rx", "off", "tx", "off"])
		self.run(name, ["sysctl", "-qw", f"net.ipv6.conf.{interface}.disable_ipv6=1"])

	def _bridge(self, interface):
		fixture.ip("-n", self.names["lan"], "link", "set", interface, "master", "br0", "up")
		self._quiet("lan", interface)

	def _host(self, who, address):
		fixture.ip("-n", self.names[who], "address", "add", address + "/24", "dev", "eth0")
		fixture.ip("-n", self.names[who], "link", "set", "eth0", "up")
		self._quiet(who, "eth0")

	def command(self, who, command):
		return ["ip", "netns", "exec", self.names[who], *command]

	def run(self, who, command, **more):
		return subprocess.run(self.command(who, command), capture_output=True, text=True, check=False, **more)

	def start(self, who, command):
		return subprocess.Popen(self.command(who, command), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
			stderr=subprocess.DEVNULL)

	def close(self):
		for name in self.names.values():
			fixture.ip("netns", "del", name, check=False)


def end(process, number=signal.SIGTERM):
	if process.poll() is None:
		process.send_signal(number)
	try:
		process.wait(5)
	except subprocess.TimeoutExpired:
		process.kill()
		process.wait()


def ip_packets(path):
	"""The IP packets of an Ethernet or raw capture, link headers and padding taken off."""
	link, records = pcap.read(path)
	packets = []
	for _, octets in records:
		packet = octets[14:] if link == pcap.LINK_ETHERNET else octets
		if link == pcap.LINK_ETHERNET and octets[12:14] == b"\x08\x00":
			packet = packet[:int.from_bytes(packet[2:4], "big")]
		packets.append(packet)
	return packets


def show_exchange(out):
	say("the ADMF's request:")
	indent(out.last["request"])
	say("the network element's answer, %s:" % ("valid against the official XSD" if fixture.x1.Xsd.find() else "as received"))
	done = subprocess.run(["xmllint", "--format", "-"], input=out.last["response"], capture_output=True, text=True, check=False)
	indent(done.stdout or out.last["response"])


def activate(poi, out, targets, did, text, show=False, **more):
	xid = x1.new_id()
	answer = poi.admf.activate(xid, targets, [did], **more)
	if show:
		show_exchange(out)
	verdict.check(answer.completed, f"{text}: {answer.result or answer} after {poi.admf.took * 1e3:.1f} ms")
	return xid


def show_ledger(poi):
	status = poi.balanced()
	packets = status["packets"]
	rows = [("packets received", packets["received"]), ("  classified", packets["classified"])]
	rows += [("  dropped: " + k, v) for k, v in packets["dropped"].items() if v]
	rows += [("matches", status["matches"]), ("PDUs delivered (acknowledged by the MDF)", status["delivered"])]
	for name, value in rows:
		say(f"{name!s:<48} {value:10d}")
	verdict.check(status["ledger"]["balanced"], "the ledger balances")
	return status


def mdf_of(poi, out, name):
	m = poi.mdf(pdus=out.path(name + "-pdus.pcap"), payload=out.path(name + "-payload.pcap"), keep=True)
	did = x1.new_id()
	answer = poi.admf.create_destination(did, m.address, m.port, name="MDF " + name)
	verdict.check(answer.completed, f"MDF {name!r} on 127.0.0.1 port {m.port}: {answer.result or answer}")
	return m, did


def inline(poi, net, out):
	heading("a. Inline between two networks: a download and a ping of one host of two")
	m, did = mdf_of(poi, out, "inline")
	xid = activate(poi, out, [x1.target_ipv4(TARGET)], did, f"task for {TARGET}", show=True)
	seen = out.path("inline-tcpdump.pcap")
	dump = net.start("target", ["tcpdump", "-i", "eth0", "-w", seen, "-U", "--immediate-mode", "-s", "0", "-B", "16384", "ip", "host", TARGET])
	www = tempfile.mkdtemp(prefix="poi-www-")
	with open(os.path.join(www, "file"), "wb") as f:
		f.write(os.urandom(DOWNLOAD))
	server = net.start("server", ["/usr/bin/python3", "-m", "http.server", "--bind", SERVER, "--directory", www, "80"])
	try:
		fixture.wait_until(lambda: os.path.exists(seen) and os.path.getsize(seen) >= 24, 5, "tcpdump writes")
		url = f"http://{SERVER}/file"
		fixture.wait_until(lambda: not net.run("server", ["curl", "-s", "--noproxy", "*", "-o", "/dev/null", url]).returncode, 5, "server")
		got = net.run("target", ["curl", "-s", "--noproxy", "*", "-o", "/dev/null", "-w", "%{size_download} octets, %{speed_download} octets/s", url])
		verdict.check(not got.returncode, f"{TARGET} downloads from {SERVER} through the POI: {got.stdout}")
		ping = net.run("target", ["ping", "-c", "5", "-i", "0.05", SERVER])
		verdict.check(not ping.returncode, "and pings it: " + (ping.stdout.strip().splitlines() or ["no answer"])[-1])
		stranger = net.run("other", ["curl", "-s", "--noproxy", "*", "-o", "/dev/null", "-w", "%{size_download} octets", url])
		verdict.check(not stranger.returncode, f"{OTHER}, no target, downloads too: {stranger.stdout}")
		m.wait_quiet(0.5, 5)
		time.sleep(0.3)
	finally:
		end(dump, signal.SIGINT)
		end(server)
		shutil.rmtree(www, ignore_errors=True)
	m.flush()
	theirs, ours = ip_packets(seen), ip_packets(out.path("inline-payload.pcap"))
	say(f"tcpdump at the target saw {len(theirs)} IP packets, the MDF holds {len(ours)}")
	verdict.check(bool(ours) and collections.Counter(theirs) == collections.Counter(ours), "octet for octet the same packets")
	mine = bytes(map(int, TARGET.split(".")))
	verdict.check(all(mine in (p[12:16], p[16:20]) for p in ours), f"nothing of {OTHER} among them")
	verdict.check(m.good, "every PDU obeys TS 103 221-2, no sequence gap")
	if m.kept:
		say("the first one:")
		indent(pdu.describe(m.kept[0], 20))
	return m, did, xid


def tunnel(poi, link, out):
	heading("b. GTP-U on an N3 link: one user's uplink tunnel by its TEID")
	path = out.path("gtp.pcap")
	done = subprocess.run([os.path.join(TOP, "pktgen-profiles", "gtp_sessions.py"), path], capture_output=True, text=True, check=False)
	if done.returncode:
		verdict.check(False, "generator: " + done.stderr.strip())
		return
	with open(path + ".json") as f:
		expected = json.load(f)
	session = expected["sessions"][0]
	m, did = mdf_of(poi, out, "gtp")
	xid = activate(poi, out, [x1.target_teid(session["uplink_teid"])], did, f"task for TEID 0x{session['uplink_teid']:x} towards {expected['upf']}")
	frames = fixture.frames_of(path)
	link.send(frames)
	m.wait_pdus(session["uplink"], 5)
	m.wait_quiet(0.3, 3)
	m.flush()
	verdict.check(len(m.kept) == session["uplink"], f"{len(frames)} frames of "
		f"{len(expected['sessions'])} users replayed, {len(m.kept)} PDUs delivered, "
		f"{session['uplink']:d} expected")
	verdict.check(bool(m.kept) and {p.format for p in m.kept} == {pdu.GTPU} and m.good, "all of payload format 12, tunnel header first")
	command = ["tshark", "-n", "-o", 'uat:user_dlts:"User 0 (DLT=147)","li5g","0","","0",""', "-r", out.path("gtp-pdus.pcap")]
	rows = subprocess.run(command + ["-T", "fields", "-E", "occurrence=f", "-e", "li5g.pf", "-e", "gtp.teid", "-e", "ip.src", "-e", "ip.dst"],
		capture_output=True, text=True, check=False).stdout.splitlines()
	good = [r for r in rows if r.split("\t")[:2] == ["12", f"0x{session['uplink_teid']:08x}"]]
	verdict.check(len(good) == len(m.kept) > 0, f"tshark's own 5gli dissector reads all {len(good)}")
	text = subprocess.run(command + ["-c", "1", "-O", "5gli,gtp"], capture_output=True, text=True, check=False).stdout
	indent("\n".join(line for line in text.splitlines() if line.strip() and
		not re.match(r"Frame|DLT|\s+(Attribute (Type|Length)|[01.]{4} [01.]{4} =)|\s{8,}(NF|Network|Interception|Sequence|Timestamp)", line)), 32)
	poi.admf.deactivate(xid)


def subscriber(poi, link, out):
	heading("c. A subscriber by IMSI: the POI follows N4 and finds the tunnels itself")
	m, did = mdf_of(poi, out, "imsi")
	player = n4.Player()
	who = player.subscriber()["imsi"]
	xid = activate(poi, out, [f"<x1:imsi>{who}</x1:imsi>"], did, f"task for IMSI {who}, which has no session yet")
	mine, other = player.session(**player.subscriber(0)), player.session(**player.subscriber(1))
	steps = (("set up: two sessions, the UPF chooses their tunnels", lambda: (mine.establish(), other.establish(), mine.up(3), other.up(3))),
		("the gNB's tunnels are told", lambda: (mine.connect(player.gnb(1)), other.connect(player.gnb(1)), mine.down(3), other.down(3))),
		("handover: another gNB, another tunnel", lambda: (mine.connect(player.gnb(2)), mine.down(3), mine.up(2), other.down(2))),
		("release; the other goes on", lambda: (mine.release(), other.up(2), other.down(2))))
	before = told = 0
	for text, happens in steps:
		at = len(player.frames)
		happens()
		sent = player.frames[at:]
		for messages in (True, False):
			link.send([f.octets for f in sent if bool(f.messages) == messages])
			told += messages and sum(bool(f.messages) for f in sent)
			fixture.wait_until(lambda: poi.status()["signalling"]["counters"]["messages"] >= told, 5, "the POI has read N4")
			time.sleep(0.05)
		m.wait_quiet(0.3, 3)
		users = [f for f in sent if f.user]
		say(f"{text!s:<52} {len(m.kept) - before} of the target's "
			f"{sum(f.owner is mine for f in users):d} packets delivered, "
			f"{sum(f.owner is other for f in users):d} of others' sent")
		before = len(m.kept)
	m.flush()
	must, may = n4_model.expected(player.frames, {"imsi": who})
	got = sorted(int(found.group(1)) for found in (re.search(rb"n4 frame (\d{8})", bytes(p.payload)) for p in m.kept) if found)
	verdict.check(bool(got) and got == sorted(must) and not may and len(got) == len(m.kept), "the "
		f"{len(must)} frames that a model of the network says, each once: "
		f"{' '.join(map(str, got))}")
	verdict.check(m.good, "every PDU obeys TS 103 221-2, no sequence gap")
	poi.admf.deactivate(xid)


def deactivation(poi, net, m, xid, out):
	heading("d. Deactivation: the OK is the end")
	ping = net.start("target", ["ping", "-q", "-i", "0.002", SERVER])
	try:
		time.sleep(1)
		before = len(m.kept)
		answer = poi.admf.deactivate(xid)
		ok = answer.time_ns
		verdict.check(answer.completed, "DeactivateTask in the middle of 500 pings a second: "
			f"{answer.result or answer} after {poi.admf.took * 1e3:.1f} ms")
		time.sleep(1)
	finally:
		end(ping, signal.SIGINT)
	m.wait_quiet(0.3, 3)
	last = max((p.time_ns for p in m.kept), default=0)
	late = sum(p.time_ns > ok + 1000 for p in m.kept)  # the answer's time has microseconds
	verdict.check(before > 0 and late == 0, f"{len(m.kept)} PDUs in all; the last packet was "
		f"received {(ok - last) / 1e6:.3f} ms before the OK, none after it")


EVENTS = """events:
  folder: events
  user: "0"
  functions:
    - { name: smf-1, user: "0", records: [smf] }
    - { name: amf-1, user: "0", records: [amf] }
"""
IN_A_TUNNEL = 0x00E0E0E0


def function_of(poi, name):
	"""Connects to poi-events, and waits until it wants to know all sessions of the function."""
	function = nf.Function(poi.path("events/functions.sock"), name)
	if not function.wanted(5):
		raise AssertionError(f"poi-events asks {name} for nothing")
	return function


def user_packet(number):
	inner = fixture.udp_frame("10.45.0.99", SERVER, b"event frame %08d" % number)[14:]
	gtpu = b"\x30\xff" + len(inner).to_bytes(2, "big") + IN_A_TUNNEL.to_bytes(4, "big")
	return fixture.udp_frame("198.51.100.10", "198.51.100.20", gtpu + inner, (2152, 2152))


def events(poi, link, out):
	heading("e. Events of an AMF and an SMF: records on X2, content of the same session on X3")
	m, did = mdf_of(poi, out, "events")
	imsi = "001010000021399"
	xid = activate(poi, out, [f"<x1:supiimsi>{imsi}</x1:supiimsi>"], did, f"task for SUPI {imsi}, X2 and X3", delivery="X2andX3")
	amf, smf = function_of(poi, "amf-1"), function_of(poi, "smf-1")
	guti = {"mCC": "001", "mNC": "01", "aMFRegionID": 1, "aMFSetID": 1, "aMFPointer": 1, "fiveGTMSI": 7}
	for function, text, event in (
			(amf, "AMF: the subscriber registers", ("AMFRegistration", {"registrationType": "initial",
				"registrationResult": "threeGPPAccess", "sUPI": {"iMSI": imsi}, "gUTI": guti}, "registration-1")),
			(smf, "SMF: a PDU session", ("SMFPDUSessionEstablishment", nf.establishment(imsi, teid=IN_A_TUNNEL), "session-1")),
			(smf, "SMF: one without its tunnel", ("SMFPDUSessionEstablishment", {"sUPI": {"iMSI": imsi}}, "session-2"))):
		answer = function.event(*event)
		say(f"{text!s:<40} {answer.get('error') or 'ok'}")
	link.send([user_packet(n) for n in range(3)])
	m.wait_pdus(5, 5)
	verdict.check(smf.event("SMFPDUSessionRelease", nf.release(imsi), "session-1").get("ok") is True, "SMF: the session is released")
	link.send([user_packet(n) for n in range(3, 6)])
	m.wait_quiet(0.4, 3)
	m.flush()
	command = ["tshark", "-n", "-o", 'uat:user_dlts:"User 0 (DLT=147)","li5g","0","","0",""', "-r", out.path("events-pdus.pcap"), "-T", "fields",
		"-e", "li5g.type", "-e", "lix2.event", "-e", "li5g.cid", "-e", "lix2.iMSI"]
	rows = [line.split("\t") for line in subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()]
	indent("\n".join(" ".join(r) for r in rows))
	kinds = [p.type for p in m.kept]
	verdict.check(kinds.count(2) == 3 and len(rows) == len(kinds) and [r[1] for r in rows if r[0] == "1"] == ["1", "6", "8"],
		f"tshark finds a registration, an establishment and a release, and {kinds.count(2)} packets: none after the release")
	of_session = {p.correlation for p in m.kept if p.type == 2} | {p.correlation for p in m.kept if p.type == 1 and p.correlation}
	verdict.check(len(of_session) == 1, "one correlation ID in the session's records and its content")
	poi.admf.deactivate(xid)
	smf.close()
	amf.close()


class Replayed:
	"""A port that reads a capture (net_pcap) while it is written: needs no privilege. Used like a link."""

	def __init__(self):
		self.folder = tempfile.mkdtemp(prefix="poi-feed-")
		self.feed = feed.Feed(os.path.join(self.folder, "in"))
		self.eal = "--vdev net_pcap0,rx_pcap=" + self.feed.path

	def send(self, frames):
		self.feed.send(frames)

	def close(self):
		self.feed.close()
		shutil.rmtree(self.folder, ignore_errors=True)


def replay(out):
	"""What of the tour needs neither root nor hugepages."""
	say("not root: acts a, c, d and e are left out, they need network namespaces and veth links (sudo tests/demo).")
	say("Act b replays a capture into the same processes, in ordinary memory.")
	with contextlib.ExitStack() as stack:
		n3 = Replayed()
		stack.callback(n3.close)
		poi = fixture.Poi(eal=n3.eal, ports=(
			"{ device: net_pcap0, mode: probe, tunnel: gtpu, gtp-endpoints: [198.51.100.10/32, 198.51.100.20/32] }",))
		stack.callback(poi.close)
		poi.admf.log = out.log
		say("starting poi-dataplane and poi-control ...")
		shutil.copy(poi.file, out.path("poi.yaml"))
		poi.start()
		tunnel(poi, n3, out)
		heading("The ledger (poi status)")
		say("(frames that are no IP are the replay's own: a pipe must not run dry)")
		with open(out.path("status.json"), "w") as f:
			json.dump(show_ledger(poi), f, indent=2)


def tour(out):
	with contextlib.ExitStack() as stack:
		west, east, n3 = fixture.Link(), fixture.Link(), fixture.Link()
		for link in (west, east, n3):
			stack.callback(link.close)
		net = Net(west.outer, east.outer)
		stack.callback(net.close)
		eal = " ".join(fixture.af_packet(n, link.inner) for n, link in enumerate((west, east, n3)))
		poi = fixture.Poi(eal=eal, ports=("{ device: net_af_packet0, mode: inline, peer: net_af_packet1 }",
			"{ device: net_af_packet1, mode: inline, peer: net_af_packet0 }",
			"{ device: net_af_packet2, mode: probe, tunnel: gtpu, gtp-endpoints: [198.51.100.10/32, 198.51.100.20/32], "
			"signalling: [pfcp] }"), ne_extra="records: [smf, amf]\n", x1_extra=EVENTS)
		stack.callback(poi.close)
		os.mkdir(poi.path("events"), 0o755)
		taker = fixture.Process([fixture.program("poi-events"), "--folder", poi.path("events"), "--dataplane-user", "root"], poi.path("events.log"))
		stack.callback(taker.stop)
		poi.admf.log = out.log
		say("starting poi-dataplane and poi-control ...")
		shutil.copy(poi.file, out.path("poi.yaml"))
		poi.start()
		m, _, xid = inline(poi, net, out)
		tunnel(poi, n3, out)
		subscriber(poi, n3, out)
		deactivation(poi, net, m, xid, out)
		events(poi, n3, out)
		heading("The ledger (poi status)")
		status = show_ledger(poi)
		with open(out.path("status.json"), "w") as f:
			json.dump(status, f, indent=2)


def own(out, path, target):
	"""A user's own capture past the POI."""
	heading(f"Your capture: {path}, target {target}")
	plain = out.path("input.pcap")
	done = subprocess.run(["editcap", "-F", "nsecpcap", path, plain], capture_output=True, text=True, check=False)
	if done.returncode:
		verdict.check(False, done.stderr.strip())
		return
	link_type, records = pcap.read(plain)
	if link_type != pcap.LINK_ETHERNET:
		verdict.check(False, f"the capture has link type {link_type:d}, Ethernet (1) is needed")
		return
	longest = max((len(r) for _, r in records), default=0)
	if longest > FRAME_MAX:
		say(f"frames beyond {FRAME_MAX} octets are left out (captured behind a card that joins segments)")
	frames = [r for _, r in records if 14 <= len(r) <= FRAME_MAX]
	targets = [x1.target_cidr(target) if "/" in target else x1.target_ipv6(target) if ":" in target else x1.target_ipv4(target)]
	with contextlib.ExitStack() as stack:
		link = fixture.Link(mtu=FRAME_MAX - 14) if fixture.ROOT else Replayed()
		stack.callback(link.close)
		poi = fixture.Poi(eal=fixture.af_packet(0, link.inner) if fixture.ROOT else link.eal,
			ports=(f"{{ device: {'net_af_packet0' if fixture.ROOT else 'net_pcap0'}, mode: probe, tunnel: gtpu }}",))
		stack.callback(poi.close)
		poi.admf.log = out.log
		poi.start()
		m, did = mdf_of(poi, out, "own")
		activate(poi, out, targets, did, f"task for {target}", show=True)
		before = poi.status()["packets"]["received"]
		link.send(frames)
		poi.received(before + len(frames), 30)
		m.wait_quiet(0.5, 10)
		m.flush()
		say(f"{len(frames)} frames replayed, {len(m.kept)} PDUs delivered")
		verdict.check(m.good, "every PDU obeys TS 103 221-2, no sequence gap")
		for p in m.kept[:1]:
			indent(pdu.describe(p, 20))
		heading("The ledger (poi status)")
		show_ledger(poi)


def main():
	parser = argparse.ArgumentParser(prog="tests/demo", description="Shows the POI at work.")
	parser.add_argument("--pcap", metavar="FILE", help="replay this capture instead of the tour")
	parser.add_argument("--target", metavar="ADDRESS", help="whose packets: an IP address or prefix")
	a = parser.parse_args()
	if bool(a.pcap) != bool(a.target):
		parser.error("--pcap and --target go together")
	start, out = time.monotonic(), Out()
	# the memory that DPDK likes; given back at the end
	with hugepages():
		try:
			if a.pcap:
				own(out, a.pcap, a.target)
			else:
				(tour if fixture.ROOT else replay)(out)
		except AssertionError as e:
			verdict.check(False, str(e))
		finally:
			out.give_back()
	heading("%s in %.0f s" % ("All shown" if not verdict.failed else f"{verdict.failed:d} claims failed", time.monotonic() - start))
	for line in platforms.summary({"demo": platforms.counts}, "claims"):
		say(line)
	say("emulated PCI cards, an IOMMU and systemd: sudo tests/run --suite machine")
	say(f"files are in {os.path.relpath(out.folder, os.getcwd())}:")
	for name in sorted(os.listdir(out.folder)):
		what = NOTES.get(re.sub(r"^\w+-(?=pdus|payload|tcpdump)", "", name), "")
		say(f"  {name!s:<24} {os.path.getsize(out.path(name)):9d} octets  {what}")
	return 1 if verdict.failed else 0


NOTES = {"x1.txt": "every X1 request and answer", "pdus.pcap": "PDUs as delivered (poi-lab decode FILE)",
	"payload.pcap": "the target's packets out of them", "tcpdump.pcap": "what tcpdump saw at the target",
	"poi.yaml": "the configuration", "status.json": "poi status --json at the end", "gtp.pcap": "what was replayed",
	"gtp.pcap.json": "and what is expected of it", "input.pcap": "your capture as it was replayed"}


@contextlib.contextmanager
def hugepages(wanted=512):
	knob = "/proc/sys/vm/nr_hugepages"
	with open(knob) as f:
		before = int(f.read())
	changed = False
	if before < wanted:
		with contextlib.suppress(OSError), open(knob, "w") as f:
			f.write(str(wanted))
			changed = True
	try:
		yield
	finally:
		if changed:
			with contextlib.suppress(OSError), open(knob, "w") as f:
				f.write(str(before))


if __name__ == "__main__":
	sys.exit(main())
