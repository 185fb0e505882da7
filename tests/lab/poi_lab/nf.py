"""A network function (AMF, SMF, SMSF) that hands its events to poi-events, one JSON object a line. Plays a scenario file:

  {"function": "smf-1"}       which of the configured functions speaks
  {"session": "a", "time": "now", "SMFPDUSessionEstablishment": {...}}   an event; without an id it gets the next number
  {"snapshot": "begin"}       and "end": between them events say what is
  {"wait": 0.5}               seconds until the next line
  # a comment

Prints each answer. Ends with 0 when every event was taken, with 1 otherwise."""
import datetime
import json
import socket
import sys
import time


class Closed(Exception):
	"""poi-events has closed the connection."""


def now():
	return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Function:
	"""One connection. `asked`: how often a snapshot was wanted."""

	def __init__(self, path, name=None, timeout=10):
		self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
		self._socket.settimeout(timeout)
		self._socket.connect(path)
		self._rest, self._next = b"", 0
		self.asked = 0
		if name:
			self.say({"function": name})

	def close(self):
		self._socket.close()

	def write(self, octets):
		self._socket.sendall(octets)

	def say(self, line):
		self.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")

	def send(self, record, value, session=None, **more):
		"""Sends an event without waiting; its id."""
		self._next += 1
		line = {"id": self._next, "time": now(), **({"session": session} if session else {}), **more, record: value}
		self.say(line)
		return self._next

	def line(self):
		"""The next line that is no wish for a snapshot."""
		while True:
			while b"\n" not in self._rest:
				got = self._socket.recv(65536)
				if not got:
					raise Closed()
				self._rest += got
			text, self._rest = self._rest.split(b"\n", 1)
			line = json.loads(text)
			if line.get("snapshot") == "wanted":
				self.asked += 1
			else:
				return line

	def event(self, record, value, session=None, **more):
		"""Hands one over; its answer."""
		number = self.send(record, value, session, **more)
		answer = self.line()
		if answer.get("id") != number:
			raise AssertionError(f"answer {answer} to event {number}")
		return answer

	def snapshot(self, events):
		"""All that there is: (record, value, session) each. The answers."""
		self.say({"snapshot": "begin"})
		answers = [self.event(*e) for e in events]
		self.say({"snapshot": "end"})
		return answers

	def wanted(self, timeout=10):
		"""Waits until a snapshot is wanted."""
		before, end = self.asked, time.monotonic() + timeout
		self._socket.settimeout(0.1)
		try:
			while self.asked == before and time.monotonic() < end:
				try:
					self._rest += self._socket.recv(65536)
				except TimeoutError:
					continue
				while b"\n" in self._rest:
					text, self._rest = self._rest.split(b"\n", 1)
					self.asked += json.loads(text).get("snapshot") == "wanted"
		finally:
			self._socket.settimeout(10)
		return self.asked > before


# ---- values of records, as small as they may be ----
def establishment(imsi, session=5, teid=0x1000, upf="198.51.100.20", ue=None, **more):
	tunnel = {"tEID": teid, "iPv4Address": upf}
	return {"sUPI": {"iMSI": imsi}, "sUPIUnauthenticated": False, "pDUSessionID": session, "gTPTunnelID": tunnel,
		"pDUSessionType": "iPv4", "dNN": "internet", "requestType": "initialRequest",
		**({"uEEndpoint": [{"iPv4Address": ue}]} if ue else {}),
		"gTPTunnelInfo": {"fiveGSGTPTunnels": {"uLNGUUPTunnelInformation": tunnel}}, **more}


def release(imsi, session=5, **more):
	return {"sUPI": {"iMSI": imsi}, "pDUSessionID": session, **more}


def options(parser):
	parser.add_argument("scenario", help="file of lines, or - for standard input")
	parser.add_argument("--socket", default="/run/poi-events/functions.sock")
	parser.set_defaults(run=run)


def run(chosen):
	with open(chosen.scenario) if chosen.scenario != "-" else sys.stdin as lines:
		scenario = [json.loads(line) for line in lines if line.strip() and not line.startswith("#")]
	function, good = Function(chosen.socket), True
	for line in scenario:
		if "wait" in line:
			time.sleep(line["wait"])
			continue
		event = not {"function", "snapshot"} & line.keys()
		if event and "id" not in line:
			function._next += 1
			line["id"] = function._next
		if line.get("time") == "now":
			line["time"] = now()
		function.say(line)
		if event:
			answer = function.line()
			good &= answer.get("ok") is True
			print(json.dumps(answer))
	function.close()
	return 0 if good else 1
