"""A small core network for tests: it plays what the mirrored links of N4, S11, RADIUS, N3 and N6 carry, in order, as
frames with times. What a point of interception must make of it is said by n4_model.

A scenario is a function of n4_scenarios that is given a Player; it makes sessions and lets things happen:

	def handover(p):
		s = p.session(imsi="001010000000001")
		s.establish()               # request and response
		s.connect(p.gnb(1))         # the gNB's tunnel: a modification and its response
		s.down(2)                   # two packets from the network
		s.connect(p.gnb(2))         # handed over
		s.release()

Every step takes a millisecond of the scenario's time. `lose=n` leaves the n-th signalling datagram (from 1) out of
what the mirrored links carry, while the network goes on as if nothing had happened."""
import argparse
import os
import socket
import sys
import time

from poi_lab import n4_model, n4_scenarios, pcap
from poi_lab import n4_wire as wire

sys.path.append(os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "..", "pktgen-profiles"))

import frames  # noqa: E402

STEP = 1_000_000
SERVER, SERVER6 = "198.18.0.1", "2001:db8:5e::1"
MARK = b"n4 frame %08d"


class Frame:
	"""`link`: signalling, n3, n9 or n6. `messages`: of a datagram, each {protocol, source, destination, ports, ...}.
	`payload`: the whole datagram's, in its last frame. `user`: of a user's packet. `owner`: the session that it truly
	belongs to (None: nobody's)."""

	def __init__(self, number, time_ns, link, octets, messages=(), payload=None, user=None, owner=None):
		self.number, self.time_ns, self.link, self.octets = number, time_ns, link, octets
		self.messages, self.payload, self.user, self.owner = messages, payload, user, owner


class Node:
	"""`n4`: where its signalling goes; `n3`, `n3_6`: its ends of tunnels."""

	def __init__(self, world, n4, n3=None, n3_6=None):
		self.n4, self.n3, self.n3_6 = n4, n3, n3_6
		self.recovery, self.next_seid, self.next_teid, self.sequence = 3_900_000_000, 1, 0x1000 + world * 0x100, 0


class Player:
	"""`world`: another one (0 to 99) has other addresses, TEIDs and subscribers, so that many scenarios can be played one
	after the other to one listener."""

	def __init__(self, lose=None, world=0):
		self.frames, self.now, self.lose, self.datagrams, self.world = [], 1_700_000_000_000_000_000, lose, 0, world
		def node(number, *tunnels):
			return Node(world, f"10.250.{world:d}.{number}", *tunnels)
		self.smf, self.smf2 = node(10), node(11)
		self.upf = node(20, "198.51.100.1", "2001:db8:100::1")
		self.upf2 = node(21, "198.51.100.2", "2001:db8:100::2")
		self.upf.next_seid = self.upf2.next_seid = 1 + world * 0x100
		self.mme, self.sgw = node(30), node(31, "198.51.100.3")
		self.mme2, self.sgw2 = node(32), node(33, "198.51.100.4")
		self.nas, self.aaa = node(40), node(41)
		self._ue, self._gnb, self.sessions = 1, {}, []

	def subscriber(self, number=0):
		"""Who this world's targets are (0) and somebody else (1)."""
		n = 2 * self.world + number
		return {"imsi": f"00101{21300 + n:010d}", "msisdn": str(491725670000 + n), "imei": f"86650704{n:06d}01",
			"nai": f"user{n}@users.example.org"}

	# --- time and links
	def wait(self, seconds):
		self.now += int(seconds * 1e9)

	def _frame(self, link, octets, **more):
		self.now += STEP
		frame = Frame(len(self.frames) + 1, self.now, link, octets, **more)
		self.frames.append(frame)
		return frame

	def datagram(self, protocol, source, destination, messages, ports=None, fragments=1):
		"""One signalling datagram with one message, or a bundle."""
		self.datagrams += 1
		port, write = wire.WRITERS[protocol]
		ports = ports or (port, port)
		if protocol == "radius":
			octets = write(messages[0])
		else:
			octets = b"".join(write(m, n < len(messages) - 1) for n, m in enumerate(messages))
		if self.datagrams == self.lose:
			return
		facts = [{**m, "protocol": protocol, "from": (source, ports[0]), "to": (destination, ports[1])} for m in messages]
		datagram = frames.udp(*ports, octets)
		if fragments == 1:
			self._frame("signalling", frames.ether(frames.IPV4, frames.ip(source, destination, frames.UDP, datagram)), messages=facts,
				payload=octets)
			return
		size = (len(datagram) // fragments + 8) // 8 * 8
		parts = [(at, datagram[at:at + size]) for at in range(0, len(datagram), size)]
		for n, (at, part) in enumerate(parts):
			last = n == len(parts) - 1
			self._frame("signalling", frames.ether(frames.IPV4, frames.ip(source, destination, frames.UDP, part,
				ident=self.datagrams, offset=at, more=not last)), messages=facts if last else (), payload=octets if last else None)

	@staticmethod
	def packet(ends, protocol, ports, payload):
		"""UDP, or an ICMP echo."""
		if protocol == frames.ICMP:
			echo = b"\x08\0\0\0\0\1\0\1" + payload
			upper = echo[:2] + frames.checksum(echo).to_bytes(2, "big") + echo[4:]
		else:
			upper = frames.with_checksum(*ends, frames.UDP, frames.udp(*ports, payload))
		return frames.ip(*ends, protocol, upper)

	def gpdu(self, source, destination, teid, ends, pdu_type=None, qfi=9, link="n3", owner=None, ports=(4000, 5000), protocol=17,
			kind=255):
		"""A user's packet in a tunnel; `ends`: (source, destination) of the packet inside."""
		number = len(self.frames) + 1
		inner = self.packet(ends, protocol, ports, MARK % number)
		user = {"outer": (source, destination), "teid": teid, "kind": kind, "ends": ends, "ports": ports, "protocol": protocol,
			"qfi": qfi if pdu_type is not None else None}
		message = frames.gtpu(teid, b"" if kind == 254 else inner, kind=kind,
			**({} if pdu_type is None else {"pdu_type": pdu_type, "qfi": qfi}))
		packet = self.packet((source, destination), frames.UDP, (frames.GTPU_PORT, frames.GTPU_PORT), message)
		self._frame(link, frames.ether(frames.IPV6 if ":" in source else frames.IPV4, packet), user=user,
			owner=None if kind == 254 else owner)

	def plain(self, ends, owner=None, ports=(4000, 5000), link="n6"):
		"""A user's packet on N6."""
		number = len(self.frames) + 1
		packet = self.packet(ends, frames.UDP, ports, MARK % number)
		user = {"outer": None, "teid": None, "kind": None, "ends": ends, "ports": ports, "protocol": 17, "qfi": None}
		self._frame(link, frames.ether(frames.IPV6 if ":" in ends[0] else frames.IPV4, packet), user=user, owner=owner)

	# --- who is there
	def gnb(self, number=1):
		"""(address, a TEID never given before)"""
		self._gnb[number] = self._gnb.get(number, self.world * 0x10000 + 0x100 * number) + 1
		return f"203.0.113.{number}", self._gnb[number]

	def ue(self):
		self._ue += 1
		return f"10.{45 + self.world:d}.0.{self._ue:d}"

	def prefix6(self, number):
		return f"2001:db8:{0xCA00 + self.world:x}:{number:x}::/64"

	def session(self, **more):
		return Session(self, **more)

	def bearer(self, **more):
		return Bearer(self, **more)

	def account(self, **more):
		return Account(self, **more)

	# --- messages between nodes
	def exchange(self, smf, upf, kind, request, response, from_upf=False):
		"""A request and its response that concern the nodes."""
		a, b = (upf, smf) if from_upf else (smf, upf)
		a.sequence += 1
		self.datagram("pfcp", a.n4, b.n4, [{"type": kind, "sequence": a.sequence, **request}])
		self.datagram("pfcp", b.n4, a.n4, [{"type": kind + 1, "sequence": a.sequence, **response}])

	def associate(self, smf=None, upf=None, retention=False):
		smf, upf = smf or self.smf, upf or self.upf
		more = {"retention": True} if retention else {}
		self.exchange(smf, upf, 5, {"node": smf.n4, "recovery": smf.recovery, **more},
			{"node": upf.n4, "cause": 1, "recovery": upf.recovery, **({"psrei": True} if retention else {})})

	def dissociate(self, smf=None, upf=None):
		smf, upf = smf or self.smf, upf or self.upf
		self.exchange(smf, upf, 9, {"node": smf.n4}, {"node": upf.n4, "cause": 1})

	def delete_sets(self, *csids):
		"""Session Set Deletion: the SMF has lost the sessions of these sets."""
		self.exchange(self.smf, self.upf, 14, {"node": self.smf.n4, "csids": (self.smf.n4, *csids)}, {"node": self.upf.n4, "cause": 1})

	def heartbeat(self, smf=None, upf=None, from_upf=False):
		smf, upf = smf or self.smf, upf or self.upf
		a, b = (upf, smf) if from_upf else (smf, upf)
		self.exchange(smf, upf, 1, {"recovery": a.recovery}, {"recovery": b.recovery}, from_upf)


class Session:
	"""A PDU session between an SMF and a UPF. What is not said is as most SMFs do it: PDR 1 downlink, PDR 2 uplink with
	CHOOSE, FAR 1 buffering until the gNB is known."""

	def __init__(self, player, imsi=None, msisdn=None, imei=None, nai=None, ue=None, ni="internet", choose=True, smf=None,
			upf=None, teid=None, flows=(), endpoint=False, qfi=None, container=True, dual=False, cp=None, csid=None):
		self.p, self.ni, self.choose, self.endpoint, self.container, self.dual = player, ni, choose, endpoint, container, dual
		self.smf, self.upf = smf or player.smf, upf or player.upf
		self.user = {k: v for k, v in (("imsi", imsi), ("msisdn", msisdn), ("imei", imei), ("nai", nai)) if v}
		self.ue = ue or player.ue()
		self.flows, self.qfi, self.csid = list(flows), qfi, csid
		self.seid = cp or self._seid(self.smf)
		self.smf.next_seid = max(self.smf.next_seid, self.seid + 1)
		self.up_seid = self._seid(self.upf) + 0x1000
		if teid is None:
			self.upf.next_teid += 1
			teid = self.upf.next_teid
		self.teid, self.gnb, self.old = teid, None, None
		player.sessions.append(self)

	@staticmethod
	def _seid(node):
		node.next_seid += 1
		return node.next_seid - 1

	@property
	def local(self):
		return (self.teid, self.upf.n3) + ((self.upf.n3_6,) if self.dual else ())

	@property
	def ue_main(self):
		return self.ue[0] if isinstance(self.ue, tuple) else self.ue

	def host(self):
		"""An address of the UE, also where a prefix is its."""
		base, _, length = self.ue_main.partition("/")
		return base + "7" if length else base

	# --- rules
	def pdrs(self):
		"""The rules that the SMF asks for: `flows` are (pdr, precedence, QER, flow description, QFI) beside the default
		ones, for both directions: the uplink rule is 100 higher."""
		fteid = ("choose", 5) if self.choose else self.local
		up_common = {"source": 0, "ni": self.ni, "ue": [self.ue], "fteid": fteid}
		down_common = {"source": 1, "ni": self.ni, "ue": [self.ue]}
		if self.endpoint:
			up_common, down_common = {"source": 0, "endpoint": 1}, {"source": 1, "endpoint": 2}
		out = [{"id": 1, "precedence": 255, **down_common, "far": 1, "qers": [1]},
			{"id": 2, "precedence": 255, **up_common, "far": 2, "qers": [1], **({"qfi": self.qfi} if self.qfi else {})}]
		for number, precedence, qer, text, qfi in self.flows:
			more = {"sdf": [text]} if text else {}
			out.append({"id": number, "precedence": precedence, **down_common, **more, "far": 1, "qers": [1, qer]})
			out.append({"id": number + 100, "precedence": precedence, **up_common, **more, "far": 2, "qers": [1, qer],
				**({"qfi": qfi} if qfi else {})})
		return out

	def endpoints(self):
		if not self.endpoint:
			return []
		return [{"id": 1, "ni": self.ni, "fteid": ("choose", 5) if self.choose else self.local, "ue": [self.ue]},
			{"id": 2, "ni": self.ni, "ue": [self.ue]}]

	def fars(self):
		return [{"id": 1, "action": {"buff", "nocp"}, "destination": 0} if self.gnb is None else
			{"id": 1, "action": {"forw"}, "destination": 0, "outer": self.outer()},
			{"id": 2, "action": {"forw"}, "destination": 1, "ni": self.ni}]

	def outer(self):
		return self.gnb[1], self.gnb[0]

	def created(self):
		if not self.choose:
			return {}
		if self.endpoint:
			return {"created_endpoint": [{"id": 1, "fteid": self.local}]}
		return {"created_pdr": [{"id": r["id"], "fteid": self.local} for r in self.pdrs() if r["source"] == 0]}

	# --- messages; a request is given to its response
	def send(self, request, fragments=1, ports=None):
		self.p.datagram("pfcp", self.smf.n4, self.upf.n4, [request], fragments=fragments, ports=ports)
		return request

	def answer(self, request, cause=1, **more):
		response = {"type": request["type"] + 1, "sequence": request["sequence"], "seid": self.seid, "cause": cause, **more}
		self.p.datagram("pfcp", self.upf.n4, self.smf.n4, [response])
		return response

	def request(self, kind, **more):
		self.smf.sequence += 1
		return {"type": kind, "sequence": self.smf.sequence, "seid": 0 if kind == 50 else self.up_seid, **more}

	def establishment(self, **more):
		return self.request(50, node=self.smf.n4, f_seid=(self.seid, self.smf.n4), create_pdr=self.pdrs(), create_far=self.fars(),
			create_qer=sorted({1, *(f[2] for f in self.flows)}), create_endpoint=self.endpoints(), pdn_type=1, user=self.user,
			dnn=self.ni.removeprefix("text:") if isinstance(self.ni, str) else "internet",
			**({"csids": (self.smf.n4, self.csid)} if self.csid else {}), **more)

	def established(self, request, **more):
		if "fail" in more:
			return self.answer(request, more.pop("fail"), node=self.upf.n4)
		return self.answer(request, node=self.upf.n4, f_seid=(self.up_seid, self.upf.n4), **{**self.created(), **more})

	def establish(self, fragments=1, **more):
		request = self.send(self.establishment(**more), fragments)
		self.established(request)
		return self

	def connection(self, gnb, **more):
		"""The request that tells the UPF where the gNB is (service request, handover)."""
		self.old, self.gnb = self.gnb, gnb
		return self.request(52, update_far=[{"id": 1, "action": {"forw"}, "destination": 0, "outer": self.outer(),
			**({"end_marker": True} if self.old else {}), **more}])

	def connect(self, gnb, **more):
		self.answer(self.send(self.connection(gnb, **more)))
		return self

	def idle(self):
		self.answer(self.send(self.request(52, update_far=[{"id": 1, "action": {"buff", "nocp"}}])))
		self.old, self.gnb = self.gnb, None
		return self

	def modify(self, cause=1, answer=None, **rules):
		self.answer(self.send(self.request(52, **rules)), cause, **(answer or {}))
		return self

	def release(self, cause=1):
		self.answer(self.send(self.request(54)), cause)
		return self

	def report(self, kind=1, **more):
		self.upf.sequence += 1
		self.p.datagram("pfcp", self.upf.n4, self.smf.n4, [{"type": 56, "sequence": self.upf.sequence, "seid": self.seid,
			"report": kind, **({"report_pdr": 1} if kind == 1 else {}), **more}])
		self.p.datagram("pfcp", self.smf.n4, self.upf.n4, [{"type": 57, "sequence": self.upf.sequence, "seid": self.up_seid,
			"cause": 1}])

	# --- what the user sends and gets
	def server(self):
		return SERVER6 if ":" in self.host() else SERVER

	def up(self, n=1, gnb=None, teid=None, ports=(4000, 5000), qfi=9, protocol=17, owner=True, six=False):
		source = (gnb or self.gnb or self.old or self.p.gnb(9))[0]
		for _ in range(n):
			self.p.gpdu("2001:db8:200::1" if six else source, self.upf.n3_6 if six else self.upf.n3, teid or self.teid,
				(self.host(), self.server()), pdu_type=1 if self.container else None, qfi=qfi, ports=ports, protocol=protocol,
				owner=self if owner else None)

	def down(self, n=1, gnb=None, ports=(5000, 4000), qfi=9, owner=True):
		address, teid = gnb or self.gnb
		for _ in range(n):
			self.p.gpdu(self.upf.n3, address, teid, (self.server(), self.host()), pdu_type=0 if self.container else None, qfi=qfi,
				ports=ports, owner=self if owner else None)

	def end_marker(self, gnb=None):
		address, teid = gnb or self.old
		self.p.gpdu(self.upf.n3, address, teid, (self.server(), self.host()), kind=254, owner=self)

	def n6(self, n=1, owner=True, ports=(4000, 5000)):
		"""A packet each way on N6."""
		for _ in range(n):
			self.p.plain((self.host(), self.server()), ports=ports, owner=self if owner else None)
			self.p.plain((self.server(), self.host()), ports=ports[::-1], owner=self if owner else None)


class Bearer:
	"""A PDN connection with its default bearer, as S11 tells it (MME and SGW)."""

	def __init__(self, player, imsi, msisdn=None, imei=None, ue=None, ebi=5, control=None, sgw=None):
		self.p, self.ue, self.ebi = player, ue or player.ue(), ebi
		self.user = {k: v for k, v in (("imsi", imsi), ("msisdn", msisdn), ("imei", imei)) if v}
		self.mme, self.sgw = player.mme, sgw or player.sgw
		if control is None:
			self.mme.next_teid += 1
			self.sgw.next_teid += 1
			control = self.mme.next_teid, 0x9000 + self.sgw.next_teid
		self.control = control
		self.sgw.next_teid += 1
		self.teid, self.enb, self.old = self.sgw.next_teid, None, None
		player.sessions.append(self)

	def _exchange(self, kind, request, response, first=False, cause=16):
		self.mme.sequence += 1
		number = self.mme.sequence
		self.p.datagram("gtpv2c", self.mme.n4, self.sgw.n4, [{"type": kind, "sequence": number,
			"teid": 0 if first else self.control[1], **request}])
		self.p.datagram("gtpv2c", self.sgw.n4, self.mme.n4, [{"type": kind + 1, "sequence": number, "teid": self.control[0],
			"cause": cause, **response}])

	def create(self, cause=16):
		self._exchange(32, {"user": self.user, "apn": "internet", "control": [(10, 0, self.control[0], self.mme.n4)], "ue": "0.0.0.0",
			"bearers": [{"ebi": self.ebi}]}, {"control": [(11, 0, self.control[1], self.sgw.n4)], "ue": self.ue,
			"bearers": [{"ebi": self.ebi, "cause": 16, "ends": [(1, 0, self.teid, self.sgw.n3)]}]} if cause == 16 else {}, True, cause)
		return self

	def connect(self, enb):
		self.old, self.enb = self.enb, enb
		self._exchange(34, {"bearers": [{"ebi": self.ebi, "ends": [(0, 0, enb[1], enb[0])]}]}, {"bearers": [{"ebi": self.ebi, "cause": 16}]})
		return self

	def move(self, mme, enb):
		"""Another MME has the user: it tells the gateway its own control end."""
		mme.next_teid += 1
		self.mme, self.control = mme, (mme.next_teid, self.control[1])
		self.old, self.enb = self.enb, enb
		self._exchange(34, {"control": [(10, 0, self.control[0], mme.n4)], "bearers": [{"ebi": self.ebi, "ends": [(0, 0, enb[1], enb[0])]}]},
			{"bearers": [{"ebi": self.ebi, "cause": 16}]})
		return self

	def idle(self):
		self._exchange(170, {}, {})
		self.old, self.enb = self.enb, None
		return self

	def delete(self):
		self._exchange(36, {"ebi": self.ebi}, {})
		return self

	def up(self, n=1, owner=True):
		for _ in range(n):
			self.p.gpdu((self.enb or self.old or self.p.gnb(9))[0], self.sgw.n3, self.teid, (self.ue, SERVER), owner=self if owner else None)

	def down(self, n=1, enb=None, owner=True):
		address, teid = enb or self.enb
		for _ in range(n):
			self.p.gpdu(self.sgw.n3, address, teid, (SERVER, self.ue), owner=self if owner else None)

	def n6(self, n=1, owner=True):
		for _ in range(n):
			self.p.plain((SERVER, self.ue), ports=(5000, 4000), owner=self if owner else None)


class Account:
	"""A subscriber of fixed access, as RADIUS accounting tells it."""

	def __init__(self, player, name, ue=None, session=None, calling=None, user=None):
		self.p, self.name, self.ue, self.calling, self.user = player, name, ue or player.ue(), calling, user or {}
		self.session = session or f"{0x500 + len(player.sessions):08x}"
		player.sessions.append(self)

	def status(self, number):
		nas, aaa = self.p.nas, self.p.aaa
		nas.sequence = (nas.sequence + 1) % 256
		message = {"code": 4, "identifier": nas.sequence, "status": number, "session": self.session, "nas": nas.n4, "name": self.name,
			"ue": [self.ue], "user": self.user, **({"calling": self.calling} if self.calling else {})}
		self.p.datagram("radius", nas.n4, aaa.n4, [message], ports=(40000, 1813))
		self.p.datagram("radius", aaa.n4, nas.n4, [{"code": 5, "identifier": nas.sequence}], ports=(1813, 40000))

	def start(self):
		self.status(1)
		return self

	def stop(self):
		self.status(2)
		return self

	def n6(self, n=1, owner=True):
		for _ in range(n):
			self.p.plain((self.ue, SERVER), owner=self if owner else None)
			self.p.plain((SERVER, self.ue), ports=(5000, 4000), owner=self if owner else None)


# --- command line
def write(played, path):
	"""The frames as a pcap file."""
	out = pcap.Writer(path, pcap.LINK_ETHERNET)
	for frame in played:
		out.write(frame.time_ns, frame.octets)
	out.close()


def play(name, lose=None, world=0):
	"""A scenario's Player, everything played."""
	player = Player(lose, world)
	n4_scenarios.SCENARIOS[name](player)
	return player


def target_of(text):
	"""imsi=..., msisdn, imei, imeisv, nai, fseid=SEID[@ADDRESS], pdr, qer, ni, direction; several with commas."""
	out = {}
	for part in text.split(","):
		key, _, value = part.partition("=")
		if key == "fseid":
			seid, _, address = value.partition("@")
			out[key] = (int(seid, 0), address or None)
		elif key in ("pdr", "qer"):
			out[key] = int(value, 0)
		elif key in ("imsi", "msisdn", "imei", "imeisv", "nai", "ni", "direction"):
			out[key] = value
		else:
			raise argparse.ArgumentTypeError(f"no such target: {key}")
	return out


def options(parser):
	parser.add_argument("scenario", nargs="?", help="its name; without one, the list of scenarios")
	parser.add_argument("--pcap", metavar="FILE", help="write the frames")
	parser.add_argument("--interface", metavar="NAME", help="send the frames on a link, at the scenario's pace")
	parser.add_argument("--expect", metavar="TARGET", type=target_of, help="say which frames are the target's, e.g. imsi=001010000021300 "
		"or fseid=0x1@10.250.0.10,pdr=2")
	parser.add_argument("--links", default="n3", help="links whose frames count, with commas (default n3)")
	parser.add_argument("--lose", type=int, metavar="N", help="leave out the N-th signalling datagram")
	parser.set_defaults(run=run)


def run(chosen):
	if not chosen.scenario:
		for name, f in n4_scenarios.SCENARIOS.items():
			print("%-30s %s" % (name, (f.__doc__ or "").partition("\n")[0]))
		return 0
	if chosen.scenario not in n4_scenarios.SCENARIOS:
		print(f"poi-lab n4: no scenario {chosen.scenario}", file=sys.stderr)
		return 1
	played = play(chosen.scenario, chosen.lose).frames
	if chosen.pcap:
		write(played, chosen.pcap)
	if chosen.interface:
		send(played, chosen.interface)
	if chosen.expect:
		must, may = n4_model.expected(played, chosen.expect, tuple(chosen.links.split(",")))
		print(f"must {' '.join(map(str, sorted(must)))}")
		print(f"may {' '.join(map(str, sorted(may)))}")
	return 0


def send(played, interface):
	start, first = time.monotonic_ns(), played[0].time_ns if played else 0
	with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as s:
		s.bind((interface, 0))
		for frame in played:
			time.sleep(max(0, frame.time_ns - first - (time.monotonic_ns() - start)) / 1e9)
			s.send(frame.octets)
