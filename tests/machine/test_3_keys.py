"""Certificates and keys under systemd: reload while traffic flows, and keys as credentials."""

import time

from test_2_restarts import LifeCase


def serial(machine, port=8443):
	"""Returns the serial number of the certificate that X1 shows."""
	folder = machine.python("make_pki()")
	return machine.out(
		f"echo | openssl s_client -connect 127.0.0.1:{port} -cert {folder}/admf.pem"
		f" -key {folder}/admf.key -CAfile {folder}/ca.pem 2>/dev/null"
		" | openssl x509 -noout -serial"
	)


class Reload(LifeCase):
	def test_1_new_certificates_under_traffic(self):
		"""Nothing is lost or sent twice over three reloads of both units, each with a new certificate."""
		stream = self.stream("reload")
		shown = {serial(self.machine)}
		for _ in range(3):
			self.machine.python("renew()")
			self.poi.certificates()
			pids = self.poi.pid("poi-control"), self.poi.pid("poi-dataplane")
			self.machine.run("systemctl reload poi-control poi-dataplane")
			end = time.monotonic() + 30 * self.machine.patience
			while serial(self.machine) in shown and time.monotonic() < end:
				time.sleep(0.3)
			shown.add(serial(self.machine))
			self.assertEqual(pids, (self.poi.pid("poi-control"), self.poi.pid("poi-dataplane")))
		self.poi.delivered_exactly("reload", stream.finish())
		self.assertEqual(len(shown), 4, "each reload shows another certificate")
		summary = self.machine.python("summary()")
		self.assertTrue(summary["good"], summary)
		self.assertGreaterEqual(summary["connections"], 2, "deliveries were connected anew")

	def test_2_wrong_certificate_is_rejected(self):
		"""The units go on with what they had, and the journal says so under its message identifier."""
		before = serial(self.machine)
		self.machine.run("cp -p /etc/poi/ne.pem /root/ne.pem.good && echo nonsense > /etc/poi/ne.pem")
		self.machine.run("systemctl reload poi-control poi-dataplane")
		rejected = "8dd63a18701d43d09d17c764f6de5bb4"
		self.machine.wait(f"[ $(journalctl -b -o cat MESSAGE_ID={rejected} | wc -l) -ge 2 ]", 30)
		self.assertEqual(serial(self.machine), before)
		self.machine.run("cp -p /root/ne.pem.good /etc/poi/ne.pem")
		self.machine.run("systemctl reload poi-control poi-dataplane")
		self.exact("afterrejected")


class Credentials(LifeCase):
	"""Private keys that root alone can read, handed over by systemd."""

	def test_1_keys_as_credentials(self):
		self.machine.run(
			"install -d -m 700 /root/keys && mv /etc/poi/keys/ne.key /root/keys/"
			" && chown root:root /root/keys/ne.key && chmod 600 /root/keys/ne.key"
			" && openssl rand 32 > /root/keys/audit.key && chmod 600 /root/keys/audit.key"
		)
		dropin = (
			"[Service]\nLoadCredential=ne.key:/root/keys/ne.key\n"
			"LoadCredential=audit-key:/root/keys/audit.key\n"
		)
		for unit in ("poi-control", "poi-dataplane"):
			self.machine.write(f"/etc/systemd/system/{unit}.service.d/keys.conf", dropin)
		self.machine.run(
			"systemctl daemon-reload && sed -i 's,key: keys/ne.key,key: credential:ne.key,' /etc/poi/poi.yaml"
			" && [ $(grep -c credential:ne.key /etc/poi/poi.yaml) = 2 ]"
		)
		self.machine.run("rm -f /var/log/poi/audit.jsonl")
		self.poi.restart()
		self.machine.python("clear(); destination('mdf')")
		self.poi.activate()
		self.exact("credentials")

	def test_2_user_cannot_read_them(self):
		done = self.machine.run("runuser -u poi -- cat /root/keys/ne.key", check=False)
		self.assertNotEqual(done.status, 0)
		self.machine.run("[ ! -e /etc/poi/keys/ne.key ]")

	def test_3_check_accepts_it(self):
		self.assertEqual(self.poi.check(), [])

	def test_4_audit_chain_has_the_key(self):
		"""The chain verifies with the key of the credential, and not with another."""
		good = "poi audit verify --key /root/keys/audit.key"
		self.machine.run(good)
		self.machine.run("openssl rand 32 > /root/keys/other.key; chmod 600 /root/keys/other.key")
		other = self.machine.run(good.replace("audit.key", "other.key"), check=False)
		self.assertNotEqual(other.status, 0)

	@classmethod
	def tearDownClass(cls):
		cls.machine.run(
			"rm -rf /etc/systemd/system/poi-control.service.d /etc/systemd/system/poi-dataplane.service.d"
			" /var/log/poi/audit.jsonl && systemctl daemon-reload"
			" && install -o poi -g poi -m 600 /root/keys/ne.key /etc/poi/keys/ne.key"
			" && sed -i 's,credential:ne.key,keys/ne.key,' /etc/poi/poi.yaml"
		)
		cls.poi.restart()
