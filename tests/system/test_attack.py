"""What an attacker sends to X1: nobody else is slowed by it, nothing is executed, memory stays bounded.
The attacker is another peer (127.0.0.2) than the ADMF whose Pings are watched meanwhile."""
import contextlib
import os
import random
import socket
import ssl
import subprocess
import time

import fixture
from attack import ATTACKER, PARSE, PEER_CAP, SEED, TIMEOUT, AttackCase, octets, post
from poi_lab import x1


class Attack(AttackCase):
	# --- TLS, clause 8
	def refused_by_tls(self, context):
		try:
			s = self.tls(context=context)
			s.sendall(post(self.stop))
			out, closed = self.read_all(s)
		except OSError:
			return
		self.assertEqual((out, closed), (b"", True))

	def line_of(self, reason, refuse):
		"""The line that says `reason`. A journal that just took many lines of one place leaves some out, so `refuse` goes on."""
		before = self.poi.control.text().count(reason)

		def is_said():
			refuse()
			return self.poi.control.text().count(reason) > before
		fixture.wait_until(is_said, 20, "a line: " + reason)
		return [x for x in self.poi.control.text().splitlines() if reason in x][-1]

	def test_tls_identities(self):
		for identity in (None, "other-admf", "expired-admf", "server-only-admf", "revoked-admf"):
			with self.subTest(str(identity)):
				self.refused_by_tls(self.context(identity))

	def test_tls_alert_and_line(self):
		"""The peer reads why, and so does the journal: also where the peer goes on sending behind its Finished."""
		for identity, reason in ((None, "peer did not return a certificate"), ("other-admf", "unable to get local issuer"),
				("expired-admf", "certificate has expired"), ("server-only-admf", "unsuitable certificate purpose"),
				("revoked-admf", "certificate revoked")):
			with self.subTest(str(identity)):
				def refuse(identity=identity):
					with self.assertRaisesRegex(ssl.SSLError, "(?i)alert"):
						s = self.tls(context=self.context(identity))
						s.sendall(post(self.stop) + b" " * 60000)
						s.settimeout(5)
						s.recv(1)
				self.assertIn("TLS handshake with 127.0.0", self.line_of(reason, refuse))

	def issue(self, name, subject):
		"""A certificate of the lab's authority in the test's folder: what its Pki leaves behind is not enough to issue."""
		p, name = self.poi.pki, os.path.join(self.poi.folder, name)
		with open(name + ".ext", "w") as out:
			out.write("extendedKeyUsage=clientAuth\n")
		for command in (["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", name + ".key",
				"-out", name + ".csr", "-subj", subject, "-multivalue-rdn"],
				["x509", "-req", "-in", name + ".csr", "-CA", p.path("ca.pem"), "-CAkey", p.path("ca.key"), "-CAcreateserial",
				"-CAserial", name + ".srl", "-days", "1", "-extfile", name + ".ext", "-out", name + ".pem"]):
			subprocess.run(["openssl", *command], check=True, capture_output=True)
		context = self.context(None)
		context.load_cert_chain(name + ".pem", name + ".key")
		return context

	def test_tls_two_identities(self):
		"""A certificate is of one function: with two UIDs it could answer for either."""
		reason = "two different UIDs"
		for subject in ("/CN=a/UID=admf-01/UID=admf-99", "/CN=a/UID=admf-99/UID=admf-01", "/CN=a/UID=admf-01+UID=poi-01"):
			with self.subTest(subject):
				context = self.issue("two", subject)
				self.line_of(reason, lambda context=context: self.refused_by_tls(context))
		for subject in ("/CN=a/UID=admf-01", "/CN=a/UID=admf-01/UID=admf-01"):
			s = self.tls(context=self.issue("one", subject))
			s.sendall(post(self.ping, "Connection: close"))
			self.assertIn(b"AcknowledgedAndCompleted", self.read_all(s)[0], subject)

	def test_tls_leaf_as_authority(self):
		"""The ADMF's own certificate is no authority, even for itself."""
		p, name = self.poi.pki, os.path.join(self.poi.folder, "leaf")
		for command in (["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", name + ".key",
				"-out", name + ".csr", "-subj", "/CN=leaf/UID=admf-01"],
				["x509", "-req", "-in", name + ".csr", "-CA", p.path("admf.pem"), "-CAkey", p.path("admf.key"), "-CAcreateserial",
				"-CAserial", name + ".srl", "-days", "1", "-out", name + ".pem"]):
			subprocess.run(["openssl", *command], check=True, capture_output=True)
		with open(name + ".pem", "a") as out, open(p.path("admf.pem")) as chain:
			out.write(chain.read())
		context = self.context(None)
		context.load_cert_chain(name + ".pem", name + ".key")
		self.refused_by_tls(context)

	def test_tls_uid(self):
		for identity in ("wrong-uid-admf", "no-uid-admf"):
			with self.subTest(identity):
				client = self.poi.client(identity)
				client.xsd = self.poi.admf.xsd
				self.refused(1030, client.one("DeactivateAllTasks"))

	def test_tls_uid_of_each_message(self):
		"""In one container: every message is judged by itself."""
		good = x1.container([x1.Message("Ping"), x1.Message("DeactivateAllTasks")], "admf-01", "poi-01")
		at = good.rindex("<x1:admfIdentifier>admf-01<")
		other = good[:at] + good[at:].replace("admf-01", "admf-99", 1)
		answers = list(self.poi.client().send_document(other).values())
		self.assertEqual([(a.kind, a.error) for a in answers], [("PingResponse", 0), ("ErrorResponse", 1030)])

	def s_client(self, *arguments, stdin=b""):
		p = self.poi.pki
		done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{self.poi.port}", "-CAfile", p.path("ca.pem"), "-cert",
			p.path("admf.pem"), "-key", p.path("admf.key"), *arguments], input=stdin, capture_output=True, timeout=20, check=False)
		return done.returncode, (done.stdout + done.stderr).decode(errors="replace")

	def test_tls_versions(self):
		for version in ("-tls1", "-tls1_1"):
			with self.subTest(version):
				status, out = self.s_client(version, "-cipher", "ALL:@SECLEVEL=0")
				self.assertNotEqual(status, 0)
				self.assertIn("alert", out)

	def test_tls_ciphers(self):
		for cipher in ("ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES256-SHA", "AES128-GCM-SHA256", "NULL", "aNULL"):
			with self.subTest(cipher):
				self.assertNotEqual(self.s_client("-tls1_2", "-cipher", cipher + ":@SECLEVEL=0")[0], 0)

	def test_tls_renegotiation(self):
		status, out = self.s_client("-tls1_2", stdin=b"R\n")
		self.assertNotIn("\nRENEGOTIATING\nread R BLOCK\nread R BLOCK\nverify return:1", out)
		self.assertIn("RENEGOTIATING", out)
		self.assertRegex(out, "no renegotiation|handshake failure|unexpected|error")
		self.assertNotEqual(status, 0)

	def test_tls_early_data_and_compression(self):
		out = self.s_client("-tls1_3", "-ign_eof", stdin=post(self.ping, "Connection: close"))[1]
		self.assertIn("200 OK", out)
		self.assertNotIn("Max Early Data: 1", out)
		self.assertIn("Compression: NONE", out)

	def test_tls_resumed(self):
		"""A resumed session is bound to its certificate: it still passes as itself and not as another."""
		context = self.context("wrong-uid-admf")
		context.maximum_version = ssl.TLSVersion.TLSv1_2
		first = self.tls(context=context)
		session = first.session
		first.close()
		s = context.wrap_socket(self.tcp(), server_hostname="127.0.0.1", session=session)
		self.addCleanup(s.close)
		s.sendall(post(self.stop, "Connection: close"))
		out = self.read_all(s)[0]
		self.assertTrue(b"<x1:errorCode>1030<" in out or not out, out)

	def test_not_tls(self):
		for raw in (post(self.stop), b"\x16\x03\x01\xff\xff\x01" + b"\xff" * 70000, b"SSH-2.0-x\r\n", b"\x80\x2e\x01\x00\x02", b"\0" * 4096,
				b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"):
			with self.subTest(str(raw[:12])):
				s = self.tcp()
				with contextlib.suppress(OSError):
					s.sendall(raw)
				self.closed_within([s], TIMEOUT + 3)

	# --- time
	def test_half_open(self):
		self.half_open("300 half-open handshakes of one peer", 1)

	def test_half_open_distributed(self):
		"""More than all connections allowed: who is not known yet must not push out who is."""
		self.half_open("300 half-open handshakes of 10 peers", 10)

	def half_open(self, what, peers):
		before, idle = self.descriptors(), self.tls(source="127.0.0.1")
		with self.watched(what):
			sockets = []
			for n in range(300):
				s = self.tcp(f"127.0.0.{2 + n % peers:d}")
				with contextlib.suppress(OSError):
					s.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[:n % 12])
				sockets.append(s)
			took = self.closed_within(sockets, TIMEOUT + 4)
			self.assertGreater(took, 0.1)
		idle.sendall(post(self.ping, "Connection: close"))
		self.assertIn(b"AcknowledgedAndCompleted", self.read_all(idle)[0], "an idle good connection was closed for strangers")
		idle.close()
		fixture.wait_until(lambda: self.descriptors() <= before + 2, 5, "descriptors given back")

	def dribble(self, raw, what, at_once=0):
		"""Twenty connections that send an octet now and then must be ended by the deadline of the phase."""
		with self.watched(what):
			sockets, start, left = [self.tls() for _ in range(20)], time.monotonic(), set(range(20))
			position = at_once
			for s in sockets:
				s.sendall(raw[:at_once])
			while left:
				self.assertLess(time.monotonic() - start, TIMEOUT + 4, f"{len(left)} still open")
				for n in list(left):
					s = sockets[n]
					try:
						s.settimeout(5)
						s.sendall(raw[position:position + 1] or b" ")
						s.settimeout(0.001)
						if not s.recv(4096):
							left.discard(n)
					except (TimeoutError, ssl.SSLWantReadError):
						pass
					except OSError:
						left.discard(n)
				position += 1
				time.sleep(0.1)
			self.assertGreater(time.monotonic() - start, TIMEOUT * 0.7)

	def test_slow_header(self):
		self.dribble(post(self.stop, "X-Pad: " + "a" * 4000), "20 slow headers")

	def test_slow_body(self):
		raw = post(self.stop)
		self.dribble(raw, "20 slow bodies", raw.index(b"\r\n\r\n") + 4)

	def test_many_connections(self):
		"""300 of one peer: at most the cap stays, and others do not notice."""
		with self.watched("300 connections of one peer"):
			sockets = []
			for _ in range(300):
				with contextlib.suppress(OSError):
					sockets.append(self.tls())
			opened = 0
			for s in sockets:
				s.settimeout(0.002)
				try:
					opened += bool(s.recv(1)) or 0
				except (TimeoutError, ssl.SSLWantReadError):
					opened += 1
				except OSError:
					pass
			self.assertLessEqual(opened, PEER_CAP)
			self.assertGreater(opened, 0)
			for s in sockets:
				s.close()

	def test_never_reading(self):
		"""Answers that are not fetched are given up."""
		# more than the kernel's send buffer takes (4 MiB)
		body = octets(x1.container([x1.Message("GetAllDetails") for _ in range(2300)], "admf-01", "poi-01"))
		self.assertLess(len(body), 1 << 20)
		with self.watched("a peer that does not read"):
			before, sockets = self.descriptors(), []
			for _ in range(4):
				raw = socket.socket()
				raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
				raw.bind((ATTACKER, 0))
				raw.connect(("127.0.0.1", self.poi.port))
				s = self.context().wrap_socket(raw, server_hostname="127.0.0.1")
				self.addCleanup(s.close)
				s.sendall(post(body))
				sockets.append(s)
			fixture.wait_until(lambda: self.descriptors() <= before, TIMEOUT + 15, "the connections are given up")

	# --- HTTP/1.1
	def test_http1(self):
		stop, n = self.stop, len(self.stop)
		chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (n, stop)
		head = b"POST /X1/NE HTTP/1.1\r\nHost: a\r\nContent-Type: application/xml\r\n"
		length = b"Content-Length: %d\r\n" % n
		cases = {
			"chunked": head + b"Transfer-Encoding: chunked\r\n\r\n" + chunked,
			"both": head + length + b"Transfer-Encoding: chunked\r\n\r\n" + chunked,
			"both, other order": head + b"Transfer-Encoding: chunked\r\n" + length + b"\r\n" + chunked,
			"coding hidden": head + length + b"Transfer-Encoding: xchunked\r\n\r\n" + stop,
			"coding identity": head + length + b"Transfer-Encoding: identity\r\n\r\n" + stop,
			"coding with tab": head + length + b"Transfer-Encoding:\tchunked\r\n\r\n" + chunked,
			"space before colon": head + b"Content-Length : %d\r\n\r\n" % n + stop,
			"two lengths": head + length + b"Content-Length: 0\r\n\r\n" + stop,
			"list of lengths": head + b"Content-Length: %d, %d\r\n\r\n" % (n, n + 1) + stop,
			"signed length": head + b"Content-Length: +%d\r\n\r\n" % n + stop,
			"negative length": head + b"Content-Length: -1\r\n\r\n" + stop,
			"hex length": head + b"Content-Length: 0x%x\r\n\r\n" % n + stop,
			"length overflow": head + b"Content-Length: 18446744073709551617\r\n\r\n" + stop,
			"no length": head + b"\r\n" + stop,
			"bare LF": (head + length + b"\r\n").replace(b"\r\n", b"\n") + stop,
			"NUL in field": head + b"X-A: a\0b\r\n" + length + b"\r\n" + stop,
			"CR in field": head + b"X-A: a\rb\r\n" + length + b"\r\n" + stop,
			"folded field": head + b"X-A: a\r\n b\r\n" + length + b"\r\n" + stop,
			"field without a name": head + b": a\r\n" + length + b"\r\n" + stop,
			"blank lines": b"\r\n" * 2500000 + head + length + b"\r\n" + stop,
			"two hosts": head + b"Host: b\r\n" + length + b"\r\n" + stop,
			"no host": b"POST /X1/NE HTTP/1.1\r\n" + length + b"\r\n" + stop,
			"HTTP/1.2": head.replace(b"1.1", b"1.9") + length + b"\r\n" + stop,
			"HTTP/0.9": b"POST /X1/NE\r\n\r\n" + stop,
			"upgrade": head.replace(b"POST", b"CONNECT") + length + b"\r\n" + stop,
			"huge header": head + b"X-A: " + b"a" * 70000 + b"\r\n" + length + b"\r\n" + stop,
			"huge field name": head + b"a" * 70000 + b": b\r\n" + length + b"\r\n" + stop,
			"many fields": head + b"".join(b"X-%d: y\r\n" % i for i in range(5000)) + length + b"\r\n" + stop,
			"huge path": b"POST /" + b"a" * 70000 + b" HTTP/1.1\r\nHost: a\r\n" + length + b"\r\n" + stop,
			"wrong path": post(stop, path="/X1/ADMF"), "path and more": post(stop, path="/X1/NE/"),
			"path with query": post(stop, path="/X1/NE?a"), "path upwards": post(stop, path="/X1/../X1/NE"),
			"path in capitals": post(stop, path="/x1/ne"), "encoded path": post(stop, path="/X1/%4eE"),
			"HTML": post(stop).replace(b"application/xml", b"text/html"),
			"gzip": post(stop, "Content-Encoding: gzip"), "expectation": post(stop, "Expect: miracle"),
			"huge length": post(stop, length=1 << 40), "body too large": post(b" " * (3 << 20)),
			"pipelined": post(self.ping) + post(stop), "pipelined small": post(self.ping) + b"x",
			"smuggled in the body": post(self.ping + post(stop), length=len(self.ping)),
			**{m: post(stop).replace(b"POST", m.encode(), 1) for m in ("GET", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "post", "\0")},
		}
		with self.watched(f"{len(cases)} malformed requests"):
			for name, raw in cases.items():
				with self.subTest(name):
					statuses, closed = self.exchange(raw)
					self.assertTrue(closed)
					# two answers would mean that a second request was seen
					self.assertLessEqual(len(statuses), 1)
					self.assertTrue(all(400 <= s < 600 for s in statuses), statuses)

	def test_http1_statuses(self):
		for raw, status in ((post(self.stop).replace(b"POST", b"GET", 1), 405), (post(self.stop, path="/"), 404),
				(b"\r\n" * 1000 + post(self.stop), 400), (post(self.stop, "X-A: a\r\n b"), 400),
				(post(self.stop, length=1 << 30), 413), (post(self.stop, "X-A: " + "a" * 70000), 431),
				(post(self.stop, "Transfer-Encoding: chunked"), 501)):
			with self.subTest(str(status)):
				self.assertEqual(self.exchange(raw)[0], [status])

	def test_http1_garbage(self):
		"""Good requests with random octets changed: an answer or an end, never both twice, never hanging."""
		rng, good = random.Random(SEED), post(self.stop.replace(b"DeactivateAllTasks", b"GetAllDetails"), "Connection: close")
		with self.watched("random requests"):
			for n in range(2000 if fixture.LONG else 150):
				raw = bytearray(good)
				for _ in range(rng.choice((1, 1, 2, 5, 40))):
					at = rng.randrange(len(raw))
					how = rng.random()
					if how < 0.6:
						raw[at] = rng.choice(b"\0\r\n <>&\"':;/=\xff" + bytes([rng.randrange(256)]))
					elif how < 0.8:
						del raw[at:at + rng.randrange(1, 20)]
					else:
						raw[at:at] = raw[at:at + rng.randrange(1, 60)]
				s = self.tls()
				with contextlib.suppress(OSError):
					s.sendall(bytes(raw))
					s.shutdown(socket.SHUT_WR)
				out, closed = self.read_all(s)
				self.assertTrue(closed, f"seed {SEED:d}, request {n}")
				self.assertLessEqual(out.count(b"HTTP/1.1 "), 1)
				s.close()

	# --- XML
	def documents(self):
		good = self.ping.decode()
		root = good.index("<x1:X1Request")
		head, rest = good[:root], good[root:]
		message = good[good.index("<x1:x1RequestMessage"):good.index("</x1:X1Request>")]
		laughs = "".join('<!ENTITY l%d "%s">' % (n, f"&l{n - 1};" * 10 if n else "ha") for n in range(10))
		ns = f"xmlns:x1=\"{x1.X1}\""
		many = lambda text, n: "".join(text % i for i in range(n))
		return {
			"billion laughs": head + f"<!DOCTYPE x [{laughs}]>" + rest.replace("poi-01", "&l9;"),
			"external entity": head + '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + rest.replace("poi-01", "&e;"),
			"external subset": head + '<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd">' + rest,
			"parameter entity": head + '<!DOCTYPE x [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]>' + rest,
			"document type after a comment": head + "<!-- x --> <!DOCTYPE x>" + rest,
			"20,000 attributes": good.replace("<x1:x1RequestMessage ", "<x1:x1RequestMessage %s " % many('a%d="b" ', 20000)),
			"20,000 namespaces": good.replace("<x1:x1RequestMessage ", "<x1:x1RequestMessage %s " % many('xmlns:a%d="b" ', 20000)),
			"63 attributes, nested": head + f"<x1:X1Request {ns}>" + many('<a%%d %s>' % many('b%d="c" ', 63).replace("%", "%%"), 60),
			"nested 100,000 deep": head + "<a>" * 100000, "nested and closed": head + "<a>" * 60000 + "</a>" * 60000,
			"nested 60 deep": head + f"<x1:X1Request {ns}>" + "<x1:a>" * 60 + "</x1:a>" * 60 + "</x1:X1Request>",
			"long name": head + "<" + "a" * 900000 + "/>", "long attribute": head + f'<a b="{"c" * 900000}"/>',
			"long text": good.replace("poi-01", "p" * 900000), "long id": good.replace("</x1:x1TransactionId>", "0" * 900000 + "</x1:x1TransactionId>"),
			"spaces": good.replace("poi-01", "poi-01" + " " * 900000), "long comment": head + "<!--" + "a" * 900000 + "-->" + rest,
			"long instruction": head + "<?a " + "b" * 900000 + "?>" + rest, "references": good.replace("poi-01", "&#x41;" * 150000),
			"CDATA": good.replace("poi-01", "<![CDATA[a]]>" * 60000), "many elements": good.replace("poi-01", "<a/>" * 200000),
			"many messages": good.replace(message, many("<x1:x1RequestMessage/>%.0s", 40000)),
			**{"declares " + e: good.replace("UTF-8", e) for e in ("UTF-7", "IBM037", "UTF-16", "x-none")}, "UTF-16 unannounced": good.encode("utf-16"),
			"UTF-16": good.replace("UTF-8", "UTF-16").encode("utf-16"), "UTF-8 overlong": good.encode().replace(b"poi-01", b"\xc0\xaf"),
			"surrogate": good.encode().replace(b"poi-01", b"\xed\xa0\x80"), "NUL": good.encode().replace(b"poi-01", b"poi\0-01"),
			"control character": good.replace("poi-01", "&#1;"), "two roots": good + rest, "text after": good + "x",
			"no prefix": good.replace(f' xmlns:x1="{x1.X1}"', ""), "prefix elsewhere": good.replace(x1.X1, x1.X1 + "x"),
			"XInclude": good.replace("poi-01", '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="/etc/passwd" parse="text"/>'),
			"XML 1.1": good.replace('version="1.0"', 'version="1.1"'), "no message": head + f'<x1:X1Request {ns}/>',
			"response": good.replace("X1Request", "X1Response"), "type without prefix": good.replace("x1:PingRequest", "PingRequest"),
			"type of another namespace": good.replace('xsi:type="x1:', 'xmlns:q="urn:q" xsi:type="q:'),
			"nil": good.replace("<x1:x1RequestMessage ", '<x1:x1RequestMessage xsi:nil="true" '), "empty": "", "blank": " \n",
		}

	def judge(self, name, body):
		client = self.poi.client()
		status, answer = client.post(octets(body), {"Connection": "close"})
		took = client.took
		client.close()
		self.assertEqual(status, 200)
		if self.poi.admf.xsd:
			self.assertIsNone(self.poi.admf.xsd.check(answer), answer)
		self.assertNotIn(b"root:", answer)
		self.assertLess(len(answer), 4096)
		for reply in x1.read_answers(answer).values():
			self.assertFalse(reply.ok and name not in ("spaces", "long comment", "long instruction", "UTF-16", "XML 1.1"), answer)
		return took

	def test_xml(self):
		slowest, which, documents = 0, None, self.documents()
		with self.watched(f"{len(documents)} hostile documents"):
			for name, body in documents.items():
				with self.subTest(name):
					took = self.judge(name, body)
					if took > slowest:
						slowest, which = took, name
					self.assertLess(took, PARSE * (8 if self.sanitized else 1))
		print(f"# slowest document: {which}, {slowest * 1e3:.0f} ms", flush=True)

	def test_schema_location(self):
		"""What a document says about schemas is not followed."""
		good = self.ping.decode().replace("<x1:X1Request ", '<x1:X1Request '
			f'xsi:schemaLocation="{x1.X1} http://127.0.0.1:{fixture.free_port():d}/x.xsd" ', 1)
		self.assertTrue(next(iter(self.poi.client().send_document(good).values())).completed)

	def test_large_containers(self):
		"""A peer with a right certificate sends the largest containers without a break."""
		body = octets(x1.container([x1.Message("Ping") for _ in range(2400)], "admf-01", "poi-01"))
		self.assertLess(len(body), 1 << 20)
		with self.watched(f"containers of {2400} messages"):
			client = self.poi.client()
			for _ in range(8):
				status, answer = client.post(body)
				self.assertEqual(status, 200)
				self.assertEqual(answer.count(b"PingResponse"), 2400)
			client.close()

	def test_memory_stays(self):
		"""Refused requests one after the other leave nothing behind."""
		client, bad = self.poi.client(), "<x1:xId>none</x1:xId>"
		client.xsd = None
		send = lambda: [client.send([x1.Message("DeactivateTask", bad) for _ in range(20)]) for _ in range(100)]
		send()
		before = self.rss()
		for _ in range(10 if fixture.LONG else 2):
			send()
		grown = self.rss() - before
		print(f"# memory after refused requests: {grown // 1024:+d} KiB", flush=True)
		if not self.sanitized:
			self.assertLess(grown, 2 << 20)
