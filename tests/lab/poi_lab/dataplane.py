"""Plays poi-dataplane towards poi-control (shared/channel.h): holds nothing, intercepts nothing, and answers
each request with whatever result the test sets. For the errors that a healthy dataplane does not make."""
import hashlib
import os
import socket
import struct
import threading
import time
import uuid

HELLO, HELLO_OK, NE_PUT, HEARD = 1, 2, 10, 11
DESTINATION_PUT, DESTINATION_REMOVE, TASK_PUT, TASK_REMOVE, STATE_GET = 12, 13, 14, 15, 20
ACK, STATE_END, EVENT = 40, 44, 45
DESTINATION_DOWN, DESTINATION_UP, FAIL_SAFE, DESTINATION_GONE, ADMF_SILENT = 1, 2, 4, 24, 31  # enum channel_event_kind
NOMEM = -1  # enum poi_error


class Dataplane(threading.Thread):
	"""`result`: message id -> result of its acknowledgement (0 when absent). `hold`: ids whose acknowledgements
	wait for release()."""

	def __init__(self, path):
		super().__init__(daemon=True)
		self.result, self.hold = {}, set()
		self._held, self._peer, self.ne = [], None, bytes(16)
		self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
		self._listener.bind(path)
		os.chmod(path, 0o600)
		self._listener.listen(4)
		self.start()

	def stop(self):
		for s in (self._peer, self._listener):
			if s:
				s.close()

	def release(self, result=0):
		held, self._held = self._held, []
		for kind, request, body in held:
			self._done(kind, request, body, result)

	def event(self, kind, identifier=str(uuid.UUID(int=0)), text=""):
		"""Something happened to the task or destination, or to the network element."""
		self._send(EVENT, 0, struct.pack(">B16s16s16sBQQHH", kind, self.ne, uuid.UUID(identifier).bytes, bytes(16), 0, 0,
			time.time_ns(), 0, len(text)) + text.encode())  # no port is its subject

	def _send(self, kind, request, body):
		self._peer.send(struct.pack(">HHI", kind, 0, request) + body)

	def _ack(self, request, result):
		self._send(ACK, request, struct.pack(">iQ", result, 1))

	def run(self):
		try:
			while True:
				self._peer, _ = self._listener.accept()
				while True:
					datagram = self._peer.recv(1 << 17)
					if not datagram:
						break
					self._answer(*struct.unpack(">HHI", datagram[:8])[::2], datagram[8:])
		except OSError:
			return

	def _answer(self, kind, request, body):
		if kind == NE_PUT:
			self.ne = body[:16]
		if kind == HELLO:
			self._send(HELLO_OK, request, struct.pack(">QQQIIB", 7, 0, 1, 0, 0, 1))
		elif kind == STATE_GET:
			self._send(STATE_END, request, struct.pack(">III", 0, 0, 0) + hashlib.sha256().digest() + b"\0")
		elif kind in self.hold:
			self._held.append((kind, request, body))
		else:
			self._done(kind, request, body, self.result.get(kind, 0))

	def _done(self, kind, request, body, result):
		self._ack(request, result)
		if kind == DESTINATION_REMOVE and not result:  # nothing was owed to it
			self.event(DESTINATION_GONE, str(uuid.UUID(bytes=body[16:32])))
