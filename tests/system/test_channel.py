"""Who may do what on the dataplane's socket: one control, observers that only look, and nobody of another user."""
import os
import socket
import struct
import unittest
import uuid

import fixture
from poi_lab import controller
from poi_lab.controller import Controller

OBSERVER = 2


class Observer(Controller):
	def __init__(self, path):
		self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
		self._socket.settimeout(10)
		self._socket.connect(path)
		self._request, self.events, self.ne = 0, [], controller.ne_id("poi-01")
		self.numbers = []
		kind, _ = self._ask(controller.HELLO, struct.pack(">HBQ", controller.VERSION, OBSERVER, 1) + controller.text("lab"))
		if kind != controller.HELLO_OK:
			raise controller.Refused(f"hello: {kind:d}")


class Roles(fixture.PoiCase):
	def path(self):
		return self.poi.path("run/dataplane.sock")

	def test_an_observer_changes_nothing(self):
		m = self.poi.mdf()
		did = self.destination(m)
		before = self.poi.status()
		observer = Observer(self.path())
		self.addCleanup(observer.close)
		for change in (lambda: observer.destination("127.0.0.1", m.port), lambda: observer.remove_destination(uuid.UUID(did)),
				lambda: observer.task(controller.ipv4_filter("192.0.2.1"), [uuid.UUID(did)]), lambda: observer.remove_task(uuid.uuid4())):
			with self.assertRaises(controller.Refused):
				change()
		now = self.poi.status()
		self.assertEqual((now["tasks"], [d["did"] for d in now["destinations"]], now["generation"]),
			(before["tasks"], [d["did"] for d in before["destinations"]], before["generation"]))

	def test_a_second_control_is_refused(self):
		with self.assertRaises((controller.Refused, OSError)):
			Controller(self.path())

	def test_another_user_is_refused(self):
		"""Even where the folder lets him in."""
		if not fixture.ROOT:
			self.skipTest("needs root to become somebody else")
		folder = self.poi.path("run")
		for path, mode in ((self.poi.folder, 0o711), (folder, 0o711), (self.path(), 0o666)):
			self.addCleanup(os.chmod, path, os.stat(path).st_mode & 0o777)
			os.chmod(path, mode)
		reading, writing = os.pipe()
		child = os.fork()
		if child == 0:
			word = b"in"
			try:
				os.setgid(65534)
				os.setuid(65534)
				Observer(self.path())
			except (controller.Refused, ConnectionError):
				word = b"refused"
			except BaseException as e:  # noqa: B902
				word = repr(e).encode()
			os.write(writing, word)
			os._exit(0)
		os.waitpid(child, 0)
		self.assertEqual(os.read(reading, 1000), b"refused")
		os.close(reading)
		os.close(writing)


class Events(unittest.TestCase):
	"""An event is a control's only once that has said so: a process that was killed before has read nothing."""

	def test_sent_again_until_done(self):
		poi = fixture.Poi()
		self.addCleanup(poi.close)
		poi.start_dataplane()
		first = self.control(poi)
		first.destination("127.0.0.1", fixture.free_port())
		number = fixture.wait_until(lambda: first.heard(controller.DESTINATION_DOWN), 10, "its fault is sent")[-1]
		first.close()
		second = self.control(poi)
		self.assertEqual(second.heard(controller.DESTINATION_DOWN), [number], "it is sent again, by its number")
		second.done(number)
		self.assertEqual(second.heard(controller.DESTINATION_DOWN), [number], "once")
		second.close()
		third = self.control(poi)
		self.assertEqual(third.heard(controller.DESTINATION_DOWN), [], "it was done")
		third.close()

	def control(self, poi):
		def connected():
			try:
				return Controller(poi.path("run/dataplane.sock"))
			except controller.Refused:  # the one before is not gone yet
				return None
		control = fixture.wait_until(connected, 5, "the dataplane takes a control")
		self.addCleanup(control.close)
		control.state()
		return control
