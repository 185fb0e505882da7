"""A mediation function: takes X2/X3 over TLS, checks every PDU and every sequence number, keeps what
came in, acknowledges keepalives. Misbehaves on request, for tests of the other end."""
import collections
import contextlib
import fcntl
import json
import os
import signal
import socket
import ssl
import struct
import sys
import termios
import threading
import time

from poi_lab import pcap, pdu

READ = 256 * 1024
SHAPES_MAX = 65536


class Behaviour:
	"""How this MDF deviates from a good one; all off by default."""

	def __init__(self, ack=True, slow=0, hang_handshake=False, close_mid_pdu=0, garbage=False):
		self.ack = ack                        # answer keepalives
		self.slow = slow                      # octets a second to read at most, 0 unlimited
		self.hang_handshake = hang_handshake  # accept TCP, never speak TLS
		self.close_mid_pdu = close_mid_pdu    # cut the connection inside the n-th PDU (once)
		self.garbage = garbage                # send octets that are no PDU


class Shapes:
	"""Headers that passed the strict decoder, without the fields that vary from PDU to PDU. A header of
	a known shape is right when its sequence number, time stamp and payload are: that makes a stream of
	one task cheap enough to check whole."""

	def __init__(self):
		self._places = {}  # header length -> [(offset of sequence, offset of time stamp), ...]
		self._known = {}   # shape -> (context, format, type)

	def learn(self, octets, p):
		at, places = pdu.HEADER, {}
		for kind, value in p.attributes:
			places.setdefault(kind, at + 4)
			at += 4 + len(value)
		if pdu.SEQUENCE not in places or pdu.TIMESTAMP not in places or places[pdu.SEQUENCE] > places[pdu.TIMESTAMP]:
			return
		place = (places[pdu.SEQUENCE], places[pdu.TIMESTAMP])
		if len(self._known) >= SHAPES_MAX:
			self._known.clear()
		if self._places.setdefault(p.header_length, place) == place:
			self._known[self._shape(octets, p.header_length, place)] = (p.context, p.format, p.type)

	@staticmethod
	def _shape(octets, header, place):
		s, t = place
		return octets[:8] + octets[12:s] + octets[s + 4:t] + octets[t + 8:header]

	def look(self, octets):
		"""(context, format, type, header length, sequence, time_ns), or None for the strict decoder."""
		header = int.from_bytes(octets[4:8], "big")
		place = self._places.get(header)
		if place is None:
			return None
		known = self._known.get(self._shape(octets, header, place))
		if known is None:
			return None
		s, t = place
		fraction = int.from_bytes(octets[t + 4:t + 8], "big")
		if fraction > 999_999_999:
			return None
		return (*known, header, int.from_bytes(octets[s:s + 4], "big"),
			int.from_bytes(octets[t:t + 4], "big") * 1_000_000_000 + fraction)


def _unread(s):
	"""Octets of a connection that are in the kernel or in TLS."""
	try:
		waiting = struct.unpack("=i", fcntl.ioctl(s.fileno(), termios.FIONREAD, bytes(4)))[0]
		return waiting + (s.pending() if isinstance(s, ssl.SSLSocket) else 0)
	except (OSError, ValueError):
		return 0  # closed


class Mdf:
	"""A listening MDF. `start` returns once it listens; `port` is then known."""

	def __init__(self, certificate, key, ca, address="127.0.0.1", port=0, behaviour=None, pdus=None,
			payload=None, keep=False, keylog=None, on_pdu=None, quiet=True, lengths=True):
		self.address, self.port = address, port
		self.behaviour = behaviour or Behaviour()
		self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
		self._context.minimum_version = ssl.TLSVersion.TLSv1_2
		self._context.load_cert_chain(certificate, key)
		self._context.load_verify_locations(ca)
		self._context.verify_mode = ssl.CERT_REQUIRED
		if keylog:
			self._context.keylog_filename = keylog
		self._pdus = pcap.Writer(pdus, pcap.LINK_USER0) if pdus else None
		self._payload = pcap.Writer(payload, pcap.LINK_RAW) if payload else None
		self._keep, self._quiet, self._on_pdu, self._lengths = keep, quiet, on_pdu, lengths
		self.kept = []  # decoded PDUs, X2 and X3 only, when `keep`
		self._lock = threading.Condition()
		self._continuity = pdu.Continuity()
		self._shapes = Shapes()
		self.counts = collections.Counter()
		self.per_context = collections.Counter()
		self.by_connection = []  # of each: it, and the next number of every context
		self.violations = []
		self.first_ns = self.last_ns = None
		self._listener = None
		self._connections = set()
		self._reading = set()  # connections whose thread is in recv
		self._threads = []
		self._stopping = False
		self._cuts = 0  # calls of `cut`
		self._cut_done = False

	# --- life
	def start(self):
		family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
		self._listener = socket.socket(family, socket.SOCK_STREAM)
		self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
		self._listener.bind((self.address, self.port))
		self._listener.listen(64)
		self.port = self._listener.getsockname()[1]
		self._spawn(self._accept)
		return self

	def stop(self):
		"""Cuts what is open, ends the threads, closes the files."""
		self._stopping = True
		self.refuse()
		self.cut()
		for thread in list(self._threads):
			if thread is not threading.current_thread():
				thread.join(5)
		for out in (self._pdus, self._payload):
			if out:
				out.close()
		self._pdus = self._payload = None

	def refuse(self):
		"""Stops listening: new connections are refused; open ones stay."""
		with self._lock:
			listener, self._listener = self._listener, None
		if listener:
			try:
				listener.shutdown(socket.SHUT_RDWR)
			except OSError:
				pass
			listener.close()

	def cut(self):
		"""Closes every open connection at once, without a TLS good-bye; one in its handshake as soon as that is done."""
		with self._lock:
			self._cuts += 1
			connections = list(self._connections)
		for s in connections:
			try:
				# Not SSLSocket's own: it forgets the TLS state, and what is left to read would come as it is.
				socket.socket.shutdown(s, socket.SHUT_RDWR)
			except OSError:
				pass

	def flush(self):
		with self._lock:
			for out in (self._pdus, self._payload):
				if out:
					out.flush()

	def _spawn(self, target, *arguments):
		thread = threading.Thread(target=target, args=arguments, daemon=True)
		self._threads.append(thread)
		thread.start()

	# --- what came in
	def wait(self, condition, timeout):
		"""Waits until condition(self) holds; returns whether it does. Called at each PDU or event."""
		with self._lock:
			return self._lock.wait_for(lambda: condition(self), timeout)

	def wait_pdus(self, n, timeout=10):
		return self.wait(lambda m: m.counts["x2"] + m.counts["x3"] >= n, timeout)

	def wait_quiet(self, seconds=0.5, timeout=10):
		"""Waits until nothing new came for `seconds`; the number of X2 and X3 PDUs."""
		end = time.monotonic() + timeout
		last, since = -1, time.monotonic()
		while time.monotonic() < end:
			n = self.counts["x2"] + self.counts["x3"]
			if n != last:
				last, since = n, time.monotonic()
			elif time.monotonic() - since >= seconds:
				break
			time.sleep(0.02)
		return last

	def kinds(self):
		"""The kinds of PDU (pdu.X2, pdu.X3) that came on each connection, oldest first."""
		with self._lock:
			return [sorted({context[0] for context in local}) for _, local in self.by_connection]

	def read_out(self, timeout=10):
		"""Waits until everything that the TCP of its connections, old ones too, has acknowledged was read;
		returns whether it was. What TCP acknowledges to the sender may stay in the kernel for long when the
		reader is slow. A connection's thread is then in recv with nothing to come; because it can be between
		taking octets and telling so, that must hold at several looks."""
		end, quiet, before = time.monotonic() + timeout, 0, -1
		while quiet < 4:
			with self._lock:
				n = self.counts["octets"]
				left = any(s not in self._reading or _unread(s) for s in self._connections)
			quiet, before = (0 if left or n != before else quiet + 1), n
			if quiet < 4 and time.monotonic() >= end:
				return False
			time.sleep(0.03)
		return True

	@property
	def good(self):
		return not self.violations and not self._continuity.gaps and not self._continuity.repeats

	def summary(self):
		with self._lock:
			c = self._continuity
			names = ("connections", "handshakes_failed", "octets", "payload_octets", "x2", "x3", "keepalives", "acks")
			return {**{name: self.counts[name] for name in names},
				"contexts": c.contexts, "gaps": c.gaps, "missing": c.missing, "repeats": c.repeats,
				"resent": c.resent, "violations": len(self.violations), "first_violations": self.violations[:10],
				"first": self.first_ns and pdu.time_text(self.first_ns),
				"last": self.last_ns and pdu.time_text(self.last_ns), "good": self.good}

	def _violation(self, text):
		self.violations.append(text)
		if not self._quiet:
			print(f"mdf: {text}", file=sys.stderr)

	# --- connections
	def _accept(self):
		listener = self._listener
		while not self._stopping:
			try:
				connection, peer = listener.accept()
			except OSError:
				return
			with self._lock:
				refused, cuts = self._listener is not listener, self._cuts
				if not refused:
					self._connections.add(connection)
			if refused:  # accepted while it stopped to listen
				connection.close()
				return
			self._spawn(self._serve, connection, peer, cuts)

	def _serve(self, raw, peer, cuts):
		raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
		tls = None
		try:
			if self.behaviour.hang_handshake:
				while not self._stopping and raw.recv(4096):
					pass
				return
			raw.settimeout(10)
			tls = self._context.wrap_socket(raw, server_side=True)
			tls.settimeout(None)
			with self._lock:
				self._connections.discard(raw)
				if self._cuts != cuts:
					raise OSError("cut during the handshake")
				self._connections.add(tls)
				self.counts["connections"] += 1
				self._lock.notify_all()
			if self.behaviour.garbage:
				tls.sendall(b"\xff" * 64)
			self._receive(tls)
		except (OSError, ssl.SSLError) as e:
			if tls is None:
				with self._lock:
					self.counts["handshakes_failed"] += 1
					self._lock.notify_all()
				if not self._quiet:
					print(f"mdf: handshake with {peer[0]}: {e}", file=sys.stderr)
		finally:
			with self._lock:
				self._connections.discard(raw)
				self._connections.discard(tls)
				self._lock.notify_all()
			(tls or raw).close()

	def _recv(self, tls, view):
		return tls.recv_into(view)

	def _receive(self, tls):
		pending, local, keepalive = bytearray(), {}, [-1]
		self.by_connection.append((tls, local))
		piece = bytearray(READ)
		view = memoryview(piece)
		while True:
			self._reading.add(tls)
			try:
				n = self._recv(tls, view)
			finally:
				self._reading.discard(tls)
			if not n:
				if pending:
					self._violation(f"connection ended inside a PDU ({len(pending)} octets of it)")
				return
			if self.behaviour.slow:
				time.sleep(n / self.behaviour.slow)
			pending += view[:n]
			with self._lock:
				self.counts["octets"] += n
				try:
					done, answer = self._take(pending, local, keepalive)
				except pdu.Violation as v:
					self._violation(str(v))
					self._lock.notify_all()
					return  # the stream is out of step: nothing after this can be trusted
				self._lock.notify_all()
			if answer is None:
				self._throw_away(tls, pending[done:])
				return
			del pending[:done]
			if answer:
				tls.sendall(answer)

	def _throw_away(self, tls, pending):
		"""Cuts the connection. Whole PDUs that its TCP had acknowledged by then and that it does not take are
		counted as thrown away: the sender cannot know."""
		socket.socket.shutdown(tls, socket.SHUT_RDWR)
		with contextlib.suppress(OSError, ssl.SSLError):
			while piece := tls.recv(READ):
				pending += piece
		at = 0
		while len(pending) - at >= 12:
			n = int.from_bytes(pending[at + 4:at + 8], "big") + int.from_bytes(pending[at + 8:at + 12], "big")
			if at + n > len(pending):
				break
			self.counts["thrown_away"] += 1
			at += n

	def _take(self, pending, local, keepalive):
		"""All whole PDUs in `pending`: (octets used, answer to send; None: cut the connection)."""
		at, answer, data, left = 0, b"", bytes(pending), len(pending)
		while left - at >= 12:
			n = int.from_bytes(data[at + 4:at + 8], "big") + int.from_bytes(data[at + 8:at + 12], "big")
			if n < pdu.HEADER or n > 1 << 20:
				pdu.size(data, at, 1 << 20)
			if self.behaviour.close_mid_pdu and not self._cut_done and left - at >= pdu.HEADER and \
					self.counts["x2"] + self.counts["x3"] + 1 >= self.behaviour.close_mid_pdu:
				self._cut_done = True
				return at, None
			if at + n > left:
				break
			answer += self._one(data[at:at + n], local, keepalive)
			at += n
		return at, answer

	def _one(self, octets, local, keepalive):
		known = None if self._keep or self._on_pdu else self._shapes.look(octets)
		if known is None:
			p = pdu.decode(octets, self._lengths)
			if p.type in (pdu.KEEPALIVE, pdu.KEEPALIVE_ACK):
				return self._keepalive(p, keepalive)
			further = p.further
			if not further:
				self._shapes.learn(octets, p)
			context, form, kind, header, sequence, time_ns = (p.context, p.format, p.type, p.header_length,
				p.sequence, p.time_ns)
			payload = p.payload
		else:
			further = ()
			context, form, kind, header, sequence, time_ns = known
			payload = octets[header:]
			p = pdu.Pdu()
			p.payload, p.payload_length, p.format = payload, len(payload), form
			if int.from_bytes(octets[8:12], "big") != len(payload):
				raise pdu.Violation("length", "payload length")
			pdu._check_payload(p, self._lengths)
		wrong, new = self._continuity.see(context, sequence, local)
		if wrong:
			self._violation("sequence: " + wrong)
		for other, number in further:
			wrong, _ = self._continuity.see(other, number, local) if number is not None else (None, True)
			if wrong:
				self._violation("sequence of a further task: " + wrong)
			self.per_context[other] += new
		self.counts["x2" if kind == pdu.X2 else "x3"] += 1
		self.counts["payload_octets"] += len(payload)
		self.per_context[context] += 1
		self.first_ns = time_ns if self.first_ns is None else min(self.first_ns, time_ns)
		self.last_ns = time_ns if self.last_ns is None else max(self.last_ns, time_ns)
		if not new:
			return b""
		if self._pdus:
			self._pdus.write(time_ns, octets)
		if self._payload and kind == pdu.X3:
			packet = pdu.user_packet(p)
			if packet is not None:
				self._payload.write(time_ns, packet)
		if self._keep:
			self.kept.append(p)
		if self._on_pdu:
			self._on_pdu(p)
		return b""

	def _keepalive(self, p, last):
		if p.type == pdu.KEEPALIVE_ACK:
			raise pdu.Violation("keepalive", "an acknowledgement that nobody asked for")
		if p.sequence <= last[0] and not (p.sequence == 0 and last[0] == 0xFFFFFFFF):
			raise pdu.Violation("keepalive", f"number {p.sequence} after {last[0]:d}")
		last[0] = p.sequence
		self.counts["keepalives"] += 1
		if not self.behaviour.ack:
			return b""
		self.counts["acks"] += 1
		return pdu.keepalive_ack(p.sequence, p.minor)


def command(arguments):
	address, _, port = arguments.listen.rpartition(":")
	behaviour = Behaviour(not arguments.no_ack, arguments.slow, arguments.hang_handshake, arguments.close_mid_pdu,
		arguments.garbage)
	files = [os.path.join(arguments.pki, f) for f in (arguments.identity + ".pem", arguments.identity + ".key", "ca.pem")]
	mdf = Mdf(*files, address=address.strip("[]"), port=int(port), behaviour=behaviour, pdus=arguments.pdus,
		payload=arguments.payload, keylog=arguments.keylog, quiet=False)
	stop = threading.Event()
	for number in (signal.SIGINT, signal.SIGTERM):
		signal.signal(number, lambda *_: stop.set())
	mdf.start()
	print(f"mdf: listening on {mdf.address} port {mdf.port}", flush=True)
	end = time.monotonic() + arguments.duration if arguments.duration else None
	while not stop.wait(0.1):
		if end and time.monotonic() >= end:
			break
		if arguments.count and mdf.counts["x2"] + mdf.counts["x3"] >= arguments.count:
			break
		if arguments.once and mdf.counts["connections"] and not mdf._connections:
			break
	mdf.stop()
	summary = mdf.summary()
	text = json.dumps(summary, indent=2)
	if arguments.json:
		with open(arguments.json, "w") as out:
			out.write(text + "\n")
	print(text)
	return 0 if summary["good"] else 1


def options(parser):
	parser.add_argument("--listen", default="127.0.0.1:0", metavar="ADDRESS:PORT", help="port 0: any, printed (default)")
	parser.add_argument("--pki", required=True, metavar="DIR", help="folder made by poi-lab pki")
	parser.add_argument("--identity", default="mdf", metavar="NAME", help="NAME.pem and NAME.key in it, default %(default)s")
	parser.add_argument("--pdus", metavar="FILE", help="pcap of link type 147, one PDU a record")
	parser.add_argument("--payload", metavar="FILE", help="pcap of the user's IP packets (link type 101); of format 12 the inner one")
	parser.add_argument("--json", metavar="FILE", help="write the summary there too")
	parser.add_argument("--keylog", metavar="FILE", help="TLS secrets for tshark")
	parser.add_argument("--once", action="store_true", help="end when the last connection has closed")
	parser.add_argument("--count", type=int, default=0, metavar="N", help="end after N PDUs")
	parser.add_argument("--duration", type=float, default=0, metavar="S", help="end after S seconds")
	wrong = parser.add_argument_group("misbehaviour")
	wrong.add_argument("--no-ack", action="store_true", help="never acknowledge keepalives")
	wrong.add_argument("--slow", type=int, default=0, metavar="OCTETS", help="read at most that many a second")
	wrong.add_argument("--hang-handshake", action="store_true", help="accept TCP and never speak TLS")
	wrong.add_argument("--close-mid-pdu", type=int, default=0, metavar="N", help="cut the connection inside the N-th PDU, once")
	wrong.add_argument("--garbage", action="store_true", help="send octets that are no PDU")
	parser.set_defaults(run=command)
