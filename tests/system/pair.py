"""An MDF pair: each end keeps by connection what it read and what it acknowledged, so that both together can be judged."""
import array
import collections
import threading
import time

import loss


class Line:
	"""One connection: the PDUs that it brought, and how many of them were acknowledged, answer by answer."""

	def __init__(self, name):
		self.name, self.settled, self.answered, self.answered_at, self.stalled = name, [], 0, time.monotonic(), False
		self.contexts, self.numbers, self.markers = array.array("H"), array.array("I"), array.array("I")

	def certain(self):
		"""So many that the sender knows: the last answer of a connection may have been on its way when it ended."""
		return self.settled[-2] if len(self.settled) > 1 else 0


class Mdf(loss.Mdf):
	"""One end. Markers are numbers at the begin of the UDP payload. A PDU may be broken off where the sender had a reason to
	leave: the end was stalled, or owed an answer for `patience` seconds."""

	def __init__(self, pki, name, lines, contexts, window=0, patience=float("inf")):
		super().__init__(pki, window=window)
		self.patience, self.broken_off = patience, 0
		self.name, self.lines, self.contexts = name, lines, contexts
		self._mine, self._on_pdu, self.up = threading.local(), self._mark, True

	def _counting(self, context, sequence, local=None):
		return None, True  # of both ends together, in `judge`

	def _recv(self, tls, view):
		mine = self._mine
		if getattr(mine, "tls", None) is not tls:
			mine.tls, mine.line = tls, Line(self.name)
			self.lines.append(mine.line)
		if mine.line.answered:  # the answers have left
			mine.line.settled.append(mine.line.answered)
			mine.line.answered, mine.line.answered_at = 0, time.monotonic()
		mine.line.stalled |= self.stalled
		return super()._recv(tls, view)

	def _violation(self, text):
		line = getattr(self._mine, "line", None)
		if line and text.startswith("connection ended inside a PDU") and (
				line.stalled or time.monotonic() - line.answered_at >= self.patience):
			self.broken_off += 1
		else:
			super()._violation(text)

	def _mark(self, p):
		line = self._mine.line
		line.contexts.append(self.contexts.setdefault(p.context, len(self.contexts)))
		line.numbers.append(p.sequence)
		line.markers.append(int(p.payload[28:].split(b" ")[0]))

	def _keepalive(self, p, last):
		self._mine.line.answered = len(self._mine.line.markers)
		return super()._keepalive(p, last)

	@property
	def markers(self):
		return {marker for line in list(self.lines) if line.name == self.name for marker in line.markers[:]}

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

	def __init__(self, case, pki, n=2, window=0, patience=float("inf")):
		self.lines, self.contexts = [], {}
		self.ends = [Mdf(pki, f"end {i}", self.lines, self.contexts, window, patience) for i in range(n)]
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
		numbers, of_marker, certain, again = collections.defaultdict(dict), {}, {}, 0
		for line in self.lines:
			last, sure = {}, line.certain()
			for position, place in enumerate(zip(line.contexts, line.numbers, line.markers)):
				context, number, marker = place
				if number <= last.get(context, -1):
					case.fail(f"{line.name}: number {number} came behind {last[context]:d} on one connection")
				last[context] = number
				if numbers[context].setdefault(number, marker) != marker:
					case.fail(f"number {number} stands for packets {numbers[context][number]:d} and {marker:d}")
				again += marker in of_marker
				if of_marker.setdefault(marker, place) != place:
					case.fail(f"packet {marker:d} has two numbers: {of_marker[marker]}, {place}")
				if position < sure and certain.setdefault(marker, line) is not line:
					case.fail(f"packet {marker:d} was acknowledged at {certain[marker].name} and at {line.name}")
		for m in self.ends:
			case.assertEqual(m.violations, [])
		return dict(numbers), again

	@property
	def read(self):
		"""PDUs so far, each as often as it came."""
		return sum(len(line.markers) for line in list(self.lines))


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
