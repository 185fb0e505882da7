"""Frames for a net_pcap port through a named pipe: they flow when the test says so, without root.

A port that reads a pipe waits in the read while nothing comes, and a worker that waits passes no grace period.
So the pipe is never quiet: until it is closed, frames of an ethertype for experiments (IEEE 802) trickle through;
no criterion of a test names them, and they are counted apart."""
import fcntl
import os
import select
import struct
import termios
import threading
import time

FILLER = b"\x02\0\0\0\xfe\x02\x02\0\0\0\xfe\x01\x88\xb5" + bytes(46)
BURST = 64  # two bursts of a worker, so that each batch brings it past a quiescent point
PIPE = 1 << 20


def record(frame):
	return struct.pack("<IIII", 1, 0, len(frame), len(frame)) + frame


class Feed:
	"""The writing end of `path`, which it makes. `fillers` and `sent` count frames written whole."""

	def __init__(self, path):
		self.path, self.fillers, self.sent = path, 0, 0
		os.mkfifo(path, 0o600)
		self._fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)
		try:
			fcntl.fcntl(self._fd, 1031, PIPE)  # F_SETPIPE_SZ
		except OSError:
			pass
		self._lock, self._ending = threading.Lock(), False
		self._write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 0x40000, 1))
		self._thread = threading.Thread(target=self._trickle, daemon=True)
		self._thread.start()

	def _write(self, octets):
		view = memoryview(octets)
		while view and not self._ending:
			try:
				view = view[os.write(self._fd, view):]
			except BlockingIOError:
				select.select([], [self._fd], [], 0.05)
		return not view

	def _waiting(self):
		"""Octets in the pipe that the port has not read."""
		return struct.unpack("i", fcntl.ioctl(self._fd, termios.FIONREAD, bytes(4)))[0]

	def _trickle(self):
		batch = record(FILLER) * BURST
		while not self._ending:
			with self._lock:  # a port that is behind has enough to read, and what is sent next waits for less
				if not self._ending and self._waiting() < len(batch) and self._write(batch):
					self.fillers += BURST
			time.sleep(0.002)

	def send(self, frames):
		"""Writes the frames in order; returns when the last is in the pipe."""
		for at in range(0, len(frames), 512):
			part = frames[at:at + 512]
			with self._lock:
				if not self._write(b"".join(map(record, part))):
					raise RuntimeError("the feed is closed")
				self.sent += len(part)

	@property
	def total(self):
		with self._lock:
			return self.fillers + self.sent

	def close(self):
		"""The port sees the end of its file and idles from then on."""
		if self._fd is None:
			return
		self._ending = True
		self._thread.join()
		os.close(self._fd)
		self._fd = None
