"""Certificates for tests: one CA, the three parties, and identities that must be refused."""
import os
import re
import subprocess
import textwrap

GOOD = ("ne", "admf", "mdf")


def _openssl(*arguments, cwd, stdin=None):
	done = subprocess.run(["openssl", *arguments], cwd=cwd, input=stdin, capture_output=True, text=True)
	if done.returncode != 0:
		raise RuntimeError(f"openssl {arguments[0]}: {done.stderr.strip()}")
	return done.stdout


def _write(path, text, mode=0o644):
	with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as out:
		out.write(text)


CA_CONFIG = """\
[ca]
default_ca = lab
[lab]
database = {name}.index
new_certs_dir = .
certificate = {name}.pem
private_key = {name}.key
serial = {name}.serial
default_md = sha256
default_days = {days}
default_crl_days = {days}
policy = any
copy_extensions = none
unique_subject = no
[any]
commonName = supplied
UID = optional
[req]
distinguished_name = dn
[dn]
[v3_ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
"""


class Pki:
	"""Issues into one folder. `addresses` and `names` go into the SAN of the NE and the MDF; all is valid for `days`."""

	def __init__(self, folder, ne="poi-01", admf="admf-01", mdf="mdf-01",
			addresses=("127.0.0.1", "::1"), names=("localhost",), days=90):
		self.folder = os.path.abspath(folder)
		self.ne, self.admf, self.mdf = ne, admf, mdf
		self.addresses, self.names = tuple(addresses), tuple(names)
		self.days = days
		os.makedirs(self.folder, mode=0o700, exist_ok=True)

	def path(self, name):
		return os.path.join(self.folder, name)

	def _key(self, name):
		pem = _openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", cwd=self.folder)
		_write(self.path(name + ".key"), pem, 0o600)

	def authority(self, name, common_name):
		self._key(name)
		_write(self.path(name + ".cnf"), CA_CONFIG.format(name=name, days=self.days))
		_write(self.path(name + ".index"), "")
		_write(self.path(name + ".serial"), "1000\n")
		_openssl("req", "-x509", "-new", "-config", name + ".cnf", "-extensions", "v3_ca", "-key", name + ".key",
			"-subj", "/CN=" + common_name, "-days", str(self.days), "-out", name + ".pem", cwd=self.folder)

	def _san(self, addresses, names):
		return ",".join(["IP:" + a for a in addresses] + ["DNS:" + n for n in names])

	def issue(self, name, uid=None, usage="clientAuth,serverAuth", addresses=(), names=(), ca="ca",
			start=None, end=None):
		"""NAME.pem and NAME.key. `start` and `end` as YYYYMMDDHHMMSSZ."""
		self._key(name)
		# the common name says only which file it is; the UID is what identifies
		subject = f"/CN={name}{'/UID=' + uid if uid else ''}"
		_openssl("req", "-new", "-config", ca + ".cnf", "-key", name + ".key", "-subj", subject,
			"-out", name + ".csr", cwd=self.folder)
		extensions = f"basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage={usage}\n"
		if addresses or names:
			extensions += f"subjectAltName={self._san(addresses, names)}\n"
		_write(self.path(name + ".ext"), extensions)
		dates = (["-startdate", start] if start else []) + (["-enddate", end] if end else [])
		_openssl("ca", "-batch", "-notext", "-config", ca + ".cnf", "-in", name + ".csr", "-out", name + ".pem",
			"-extfile", name + ".ext", *dates, cwd=self.folder)
		for leftover in (name + ".csr", name + ".ext"):
			os.unlink(self.path(leftover))

	def revoke(self, name, ca="ca"):
		_openssl("ca", "-config", ca + ".cnf", "-revoke", name + ".pem", cwd=self.folder)

	def crl(self, ca="ca", out="crl.pem"):
		_openssl("ca", "-config", ca + ".cnf", "-gencrl", "-out", out, cwd=self.folder)

	def tidy(self):
		"""Leaves certificates, keys and the CRL only."""
		for entry in os.listdir(self.folder):
			if re.fullmatch(r"[0-9A-F]+\.pem|.*\.(old|attr|cnf|index|serial)", entry):
				os.unlink(self.path(entry))

	def make(self, bad=True):
		"""Everything: ca, ne, admf, mdf, crl.pem and, with `bad`, the identities to be refused."""
		self.authority("ca", "lab authority")
		self.issue("ne", self.ne, addresses=self.addresses, names=self.names)
		self.issue("admf", self.admf, addresses=self.addresses, names=self.names)
		self.issue("mdf", self.mdf, addresses=self.addresses, names=self.names)
		if bad:
			here = {"addresses": self.addresses, "names": self.names}
			self.issue("second-ne", "poi-02", **here)
			self.authority("other-ca", "another authority")
			self.issue("other-admf", self.admf, ca="other-ca", **here)
			self.issue("other-mdf", self.mdf, ca="other-ca", **here)
			self.issue("expired-admf", self.admf, start="20200101000000Z", end="20200201000000Z", **here)
			self.issue("expired-mdf", self.mdf, start="20200101000000Z", end="20200201000000Z", **here)
			self.issue("wrong-uid-admf", "admf-99", **here)
			self.issue("no-uid-admf", None, **here)
			self.issue("two-uid-admf", self.admf + "/UID=admf-99", **here)
			self.issue("server-only-admf", self.admf, usage="serverAuth", **here)
			self.issue("client-only-mdf", self.mdf, usage="clientAuth", **here)
			self.issue("wrong-san-mdf", self.mdf, addresses=("192.0.2.99",), names=("elsewhere.example",))
			self.issue("revoked-admf", self.admf, **here)
			self.revoke("revoked-admf")
		self.crl()
		self.tidy()
		return self


def command(arguments):
	pki = Pki(arguments.folder, arguments.ne, arguments.admf, arguments.mdf,
		["127.0.0.1", "::1"] + arguments.address, ["localhost"] + arguments.name)
	pki.make(bad=not arguments.good_only)
	print(textwrap.dedent("""\
		%s: ca.pem, crl.pem, and NAME.pem with NAME.key for
		  good     ne (UID %s), admf (UID %s), mdf (UID %s)""") % (pki.folder, pki.ne, pki.admf, pki.mdf))
	if not arguments.good_only:
		print("  refused  other-admf other-mdf expired-admf expired-mdf wrong-uid-admf no-uid-admf two-uid-admf\n"
			"           server-only-admf client-only-mdf wrong-san-mdf revoked-admf (in crl.pem)")
	return 0


def options(parser):
	parser.add_argument("folder", help="where to write (made when absent)")
	parser.add_argument("--ne", default="poi-01", help="network element identifier (UID), default %(default)s")
	parser.add_argument("--admf", default="admf-01", help="ADMF identifier (UID), default %(default)s")
	parser.add_argument("--mdf", default="mdf-01", help="MDF identifier (UID), default %(default)s")
	parser.add_argument("--address", action="append", default=[], help="further IP address in the SANs")
	parser.add_argument("--name", action="append", default=[], help="further host name in the SANs")
	parser.add_argument("--good-only", action="store_true", help="leave out the identities to be refused")
	parser.set_defaults(run=command)
