"""An MDF pair: each end keeps by connection what it read and what it acknowledged, so that both together can be judged."""
import collections
import threading
import time

import loss


class Line:
	"""One connection: the PDUs that it brought, and how many of them were acknowledged for certain."""

	def __init__(self, name):
		self.name, self.pdus, self.settled, self.answered = name, [], [], 0


class Mdf(loss.Mdf):
	"""One end. Markers are numbers at the begin of the UDP payload."""

	def __init__(self, pki, name, lines, window=0):
		super().__init__(pki, window=window)
		self.name, self.lines, self._mine, self._on_pdu = name, lines, threading.local(), self._mark
		self.up = True

	def _counting(self, context, sequence, local=None):
		return None, True  # of both ends together, in `judge`

	def _recv(self, tls, view):
		mine = self._mine
		if getattr(mine, "tls", None) is not tls:
			mine.tls, mine.line = tls, Line(self.name)
			self.lines.append(mine.line)
		if mine.line.answered:  # the answers have left
			mine.line.settled.append(mine.line.answered)
			mine.line.answered = 0
		return super()._recv(tls, view)

	def _mark(self, p):
		self._mine.line.pdus.append((p.context, p.sequence, int(p.payload[28:].split(b" ")[0])))

	def _keepalive(self, p, last):
		self._mine.line.answered = len(self._mine.line.pdus)
		return super()._keepalive(p, last)

	@property
	def markers(self):
		return {marker for line in list(self.lines) if line.name == self.name for _, _, marker in list(line.pdus)}

	def kill(self):
		"""As the end of its process: no listener, no connection."""
		self.up = False
		self.refuse()
		self.cut()

	def revive(self):
		self.stalled = False
		if not self.up:
			self.start()
			self.up = True


class Pair:
	"""Two ends, or more."""

	def __init__(self, case, pki, n=2, window=0):
		self.lines = []
		self.ends = [Mdf(pki, "end %d" % i, self.lines, window) for i in range(n)]
		for m in self.ends:
			m.start()
			case.addCleanup(m.stop)

	@property
	def held(self):
		return set().union(*(m.markers for m in self.ends))

	def read_out(self):
		for m in self.ends:
			m.stalled = False
		return all(m.read_out(20) for m in self.ends)

	def judge(self, case):
		"""({context: {number: marker}}, PDUs that came again). A number is one PDU and a PDU one number, wherever it came; on a
		connection numbers only grow; what was acknowledged for certain at one connection was so at no other."""
		numbers, of_marker, at = collections.defaultdict(dict), {}, collections.defaultdict(list)
		for line in self.lines:
			last = {}
			for position, (context, number, marker) in enumerate(line.pdus):
				case.assertEqual(numbers[context].setdefault(number, marker), marker, "number %d stands for two PDUs" % number)
				case.assertEqual(of_marker.setdefault(marker, (context, number)), (context, number), "marker %d has two numbers" % marker)
				case.assertGreater(number, last.get(context, -1), "%s: a number came twice on a connection, or late" % line.name)
				last[context] = number
				at[marker].append((line, position))
		for marker, places in at.items():
			# The last answer of a connection may have been on its way when it ended.
			certain = [line.name for line, position in places if len(line.settled) > 1 and position < line.settled[-2]]
			case.assertLessEqual(len(certain), 1, "marker %d had been acknowledged and came again: %s" % (marker, certain))
		again = sum(len(places) - 1 for places in at.values())
		for m in self.ends:
			case.assertEqual(m.violations, [])
		return dict(numbers), again


class Load(threading.Thread):
	"""Numbered packets at a rate, until told to stop; `made`: of a number the frame."""

	def __init__(self, link, made, rate):
		super().__init__(daemon=True)
		self.link, self.made, self.rate, self.sent, self._over = link, made, rate, 0, threading.Event()

	def run(self):
		due = time.monotonic()
		while not self._over.is_set():
			self.link.send([self.made(self.sent)])
			self.sent += 1
			due += 1 / self.rate
			time.sleep(max(0.0, due - time.monotonic()))

	def finish(self):
		self._over.set()
		self.join()
		return self.sent
