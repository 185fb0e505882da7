"""Traffic at the rate of a link, and an MDF for it: processes of their own, which hold nothing but numbers.
  rate.py send INTERFACE SOURCE OCTETS BITS_A_SECOND     numbered frames until SIGTERM; then prints how many
  rate.py take PKI                                       prints its port, takes PDUs until SIGTERM, then prints a JSON object
SIGUSR1 holds either of them, the sender after it has printed how many frames it has sent; SIGUSR2 lets them go on."""
import json
import signal
import socket
import ssl
import struct
import sys
import threading
import time

import fixture
from poi_lab import pdu

MARKER = 8  # octets at the end of each frame
TICK = 0.002
BEGINNING, TLV = struct.Struct(">BBHII"), struct.Struct(">HH")


def send(interface, source, octets, rate):
	over, held = [], []
	signal.signal(signal.SIGTERM, lambda *_: over.append(True))
	signal.signal(signal.SIGUSR1, lambda *_: held.append(True))
	signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})
	frame = bytearray(fixture.udp_frame(source, "198.51.100.1", bytes(octets - 42)))
	n, at, each = 0, len(frame) - MARKER, int(rate) // (8 * octets) * TICK
	with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as s:
		s.bind((interface, 0))
		due, owed = time.monotonic(), 0.0
		while not over:
			owed += each
			for n in range(n, n + int(owed)):
				struct.pack_into(">Q", frame, at, n)
				s.send(frame)
			n, owed = n + (owed >= 1), owed % 1
			if held:
				held.clear()
				print(n, flush=True)
				signal.sigwait({signal.SIGUSR2})
				due = time.monotonic()
			due += TICK
			time.sleep(max(0.0, due - time.monotonic()))
	print(n, flush=True)


class Taker:
	"""Sequence number and marker of every PDU; acknowledges keepalives."""

	def __init__(self, pki):
		self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
		self.context.load_cert_chain(pki + "/mdf.pem", pki + "/mdf.key")
		self.context.load_verify_locations(pki + "/ca.pem")
		self.context.verify_mode = ssl.CERT_REQUIRED
		self.held, self.again, self.wrong = {}, 0, []
		self.reads = threading.Event()
		self.reads.set()
		self.lock = threading.Lock()

	def serve(self, listener):
		while True:
			threading.Thread(target=self.one, args=listener.accept()[:1], daemon=True).start()

	def one(self, connection):
		buffer = bytearray()
		try:
			tls = self.context.wrap_socket(connection, server_side=True)
			while True:
				self.reads.wait()
				more = tls.recv(1 << 18)
				if not more:
					break
				buffer += more
				del buffer[:self.taken(buffer, tls)]
		except OSError:
			pass
		except (pdu.Violation, AssertionError) as e:
			self.wrong.append(str(e))

	def taken(self, buffer, tls):
		at = 0
		with self.lock:
			while len(buffer) - at >= BEGINNING.size:
				_, _, kind, header, payload = BEGINNING.unpack_from(buffer, at)
				end = at + header + payload
				if end > len(buffer):
					break
				if kind == pdu.KEEPALIVE:
					tls.sendall(pdu.keepalive_ack(pdu.decode(bytes(buffer[at:end])).sequence))
				else:
					self.note(buffer, at, at + header, end)
				at = end
		return at

	def note(self, buffer, at, header_end, end):
		point, number, place = b"", None, at + pdu.HEADER
		while number is None:  # a header without one ends in an error
			assert place + 4 <= header_end, "no sequence number"
			kind, length = TLV.unpack_from(buffer, place)
			place += 4 + length
			if kind == pdu.IPID:
				point = bytes(buffer[place - length:place])
			elif kind == pdu.SEQUENCE:
				number = int.from_bytes(buffer[place - 4:place], "big")
		marker = int.from_bytes(buffer[end - MARKER:end], "big")
		held = self.held.setdefault(point, {})
		if number in held:
			self.again += 1
			if held[number] != marker:
				self.wrong.append(f"number {number} stands for two PDUs")
		held[number] = marker

	def summary(self):
		missing, markers, lasts = 0, [], []
		with self.lock:
			for held in self.held.values():
				missing += max(held) + 1 - len(held)
				markers += held.values()
				lasts.append(max(held.values()))
		return {"held": len(markers), "missing": missing, "again": self.again, "twice": len(markers) - len(set(markers)),
			"lasts": sorted(lasts), "wrong": self.wrong[:5]}


def take(pki):
	taker = Taker(pki)
	signal.signal(signal.SIGUSR1, lambda *_: taker.reads.clear())
	signal.signal(signal.SIGUSR2, lambda *_: taker.reads.set())
	over = threading.Event()
	signal.signal(signal.SIGTERM, lambda *_: over.set())
	with socket.create_server(("127.0.0.1", 0)) as listener:
		print(listener.getsockname()[1], flush=True)
		threading.Thread(target=taker.serve, args=(listener,), daemon=True).start()
		over.wait()
		print(json.dumps(taker.summary()), flush=True)


if __name__ == "__main__":
	{"send": send, "take": take}[sys.argv[1]](*[int(a) if a.isdigit() else a for a in sys.argv[2:]])
