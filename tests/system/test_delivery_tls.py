"""TLS of deliveries as another implementation sees it: openssl s_server in the place of an MDF."""
import re
import subprocess

import fixture
from fixture import udp_frame, wait_until
from poi_lab import x1

TARGET = "192.0.2.10"
HELLO = re.compile(r"ClientHello, .*?cipher_suites[^\n]*\n(.*?)compression_methods", re.S)


class ByOpenssl(fixture.TrafficCase):
	SUITES = ""

	@classmethod
	def options(cls):
		return {**super().options(), "delivery_extra": f"key-records: 16\n{cls.SUITES}"}

	def served(self, *options):
		"""An s_server; returns what it has printed so far, as a function, and its destination."""
		port, log = fixture.free_port(), self.poi.path("s_server.log")
		out = open(log, "wb")
		self.addCleanup(out.close)
		path = self.poi.pki.path
		command = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", path("mdf.pem"), "-key", path("mdf.key"),
			"-CAfile", path("ca.pem"), "-Verify", "2", "-trace", "-naccept", "1", *options]
		child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=out, stderr=subprocess.STDOUT)

		def end():
			child.kill()
			child.wait()
			child.stdin.close()
		self.addCleanup(end)

		def said():
			with open(log, "rb") as f:
				return f.read().decode("latin-1")
		wait_until(lambda: "ACCEPT" in said(), 5, "s_server listens")
		did = x1.new_id()
		self.ok(self.poi.admf.create_destination(did, "127.0.0.1", port, "X3Only"))
		return said, did

	def up(self, did):
		return [d for d in self.poi.status()["destinations"] if d["did"] == did][0]["state"] == "up"

	@staticmethod
	def offered(text):
		return re.findall(r"\{0x[0-9A-F]{2}, 0x[0-9A-F]{2}\} (\S+)", HELLO.search(text).group(1))


class Defaults(ByOpenssl):
	@fixture.long
	def test_keys_are_renewed(self):
		"""A KeyUpdate that asks for none in return, and data goes on behind it; AES-128-GCM is the first offered."""
		said, did = self.served()
		wait_until(lambda: self.up(did), 5, "s_server is up")
		self.ok(self.poi.admf.activate(x1.new_id(), [x1.target_ipv4(TARGET)], [did], "X3Only"))
		for n in range(100):
			self.send([udp_frame(TARGET, "198.51.100.1", b"%d" % n)])
		wait_until(lambda: said().count("KeyUpdate") >= 3, 5, "keys are renewed")
		wait_until(lambda: not self.poi.status()["queued"], 5, "all is acknowledged")
		text = said()
		self.assertIn("update_not_requested", text)
		self.assertNotIn("Alert", text.split("KeyUpdate", 1)[1])
		self.assertEqual(self.offered(text)[0], "TLS_AES_128_GCM_SHA256")
		self.assertTrue(self.up(did))
		self.assertEqual(sum(self.poi.status()["lost"].values()), 0)

	def test_the_wish_of_an_mdf_counts(self):
		said, did = self.served("-ciphersuites", "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256", "-serverpref")
		wait_until(lambda: self.up(did), 5, "s_server is up")
		self.assertIn("CIPHER is TLS_AES_256_GCM_SHA384", said())


class Configured(ByOpenssl):
	SUITES = "cipher-suites: \"TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256\""

	def test_only_those_listed_are_offered(self):
		said, did = self.served()
		wait_until(lambda: self.up(did), 5, "s_server is up")
		offered = [name for name in self.offered(said()) if name != "TLS_EMPTY_RENEGOTIATION_INFO_SCSV"]
		self.assertEqual(offered, ["TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256"])


del ByOpenssl
