"""OpenMetrics: strict text, the figures of poi status, the same series whatever is tasked, and a server that
slow or odd clients cannot hurt. What others wrote judges it: the strict parser of python3-prometheus-client,
and promtool."""
import atexit
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
import unittest

import fixture
from fixture import TOP, udp_frame
from poi_lab import x1
from prometheus_client import exposition
from prometheus_client.openmetrics.parser import text_string_to_metric_families

MONITORING = os.path.join(TOP, "packaging", "monitoring")
TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"
_promtool = None


def promtool(*arguments, text=None):
	"""Runs promtool from Debian's prometheus package, unpacked and not installed: that would start a server."""
	global _promtool
	if _promtool is None:
		_promtool = shutil.which("promtool") or unpack_promtool()
	return subprocess.run([_promtool, *arguments], input=text, capture_output=True, text=True, timeout=60, check=False)


def unpack_promtool():
	folder = tempfile.mkdtemp(prefix="poi-promtool-")
	atexit.register(shutil.rmtree, folder, True)
	os.chmod(folder, 0o755)
	done = subprocess.run(["apt-get", "-qq", "download", "prometheus"], cwd=folder, capture_output=True, text=True, check=False)
	packages = [n for n in os.listdir(folder) if n.endswith(".deb")]
	if done.returncode or not packages:
		raise unittest.SkipTest("promtool cannot be had: " + (done.stderr.strip().splitlines() or ["no package"])[-1])
	subprocess.run(["dpkg", "-x", packages[0], "x"], cwd=folder, check=True)
	return os.path.join(folder, "x", "usr", "bin", "promtool")


def scrape(poi, path="/metrics", tcp=None, method="GET"):
	"""(status, headers, body) by curl."""
	where = [f"http://127.0.0.1:{tcp:d}{path}"] if tcp else ["--unix-socket", poi.path("run/metrics.sock"), "http://poi" + path]
	done = subprocess.run(["curl", "-sS", "-i", "--noproxy", "*", "-X", method, *where], capture_output=True, text=True, timeout=20,
		check=True)
	head, _, body = done.stdout.replace("\r\n", "\n").partition("\n\n")
	lines = head.splitlines()
	return int(lines[0].split()[1]), {k.lower(): v for k, v in (line.split(": ", 1) for line in lines[1:])}, body


def fresh(poi, **more):
	"""A scrape whose picture is not the one before."""
	time.sleep(0.6)
	return scrape(poi, **more)[2]


def families(text):
	return {f.name: f for f in text_string_to_metric_families(text)}


def samples(text):
	return {(s.name, tuple(sorted(s.labels.items()))): s.value for f in families(text).values() for s in f.samples}


def value(all_samples, name, **labels):
	return all_samples[(name, tuple(sorted(labels.items())))]


def at_rest(poi):
	"""The samples once the ledger balances: a worker that gets no CPU answers no look."""
	return fixture.wait_until(lambda: (lambda s: s if value(s, "poi_ledger_balanced") else None)(samples(fresh(poi))), 10, "balanced metrics")


class Served(fixture.TrafficCase):
	@classmethod
	def options(cls):
		cls.tcp = fixture.free_port()
		more = dict(super().options())
		more["x1_extra"] = f'metrics: {{ listen: "127.0.0.1:{cls.tcp:d}" }}'
		return more

	def test_text_is_strict(self):
		status, headers, body = scrape(self.poi)
		self.assertEqual((status, headers["content-type"]), (200, TYPE))
		self.assertEqual(int(headers["content-length"]), len(body))
		self.assertTrue(body.endswith("\n# EOF\n"))
		found = families(body)
		self.assertGreater(len(found), 40)
		for f in found.values():
			self.assertTrue(f.name.startswith("poi_"), f.name)
			self.assertTrue(f.documentation.endswith("."), f"{f.name} has no sentence as HELP")
			self.assertIn(f.type, ("counter", "gauge", "histogram", "info"))
			self.assertTrue(f.samples, f.name)

	def test_promtool_finds_nothing(self):
		class Registry:
			@staticmethod
			def collect():
				return text_string_to_metric_families(scrape(self.poi)[2])
		text = exposition.generate_latest(Registry).decode()
		done = promtool("check", "metrics", text=text)
		self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))
		# and it would have
		done = promtool("check", "metrics", text=text.replace("_total", ""))
		self.assertNotEqual(done.returncode, 0)

	def test_figures_are_those_of_status(self):
		self.activate(x1.target_ipv4("192.0.2.10"))
		self.send([udp_frame("192.0.2.10", "198.51.100.1", b"m" * 100)] * 50 + [udp_frame("192.0.2.11", "198.51.100.1", b"n")] * 30)
		self.assertTrue(self.mdf.wait_pdus(50))
		status = self.poi.balanced()
		got = at_rest(self.poi)
		for metric, figure in (("poi_packets_received_total", status["packets"]["received"]),
				("poi_matches_total", status["matches"]), ("poi_copies_offered_total", status["offered"]),
				("poi_copies_acknowledged_total", status["delivered"]), ("poi_copies_queued", status["queued"]),
				("poi_copies_in_doubt", status["in_doubt"]), ("poi_delivered_payload_bytes_total", status["delivered_octets"]),
				("poi_ledger_balanced", 1), ("poi_dataplane_up", 1), ("poi_control_connected", 1), ("poi_control_recovered", 1)):
			self.assertEqual(value(got, metric), figure, metric)
		self.assertGreaterEqual(status["matches"], 50)
		latency = sum(value(got, "poi_delivery_latency_seconds_count", kind=kind) for kind in ("x2", "x3"))
		self.assertEqual(latency, status["delivered"], "each confirmed copy is in the histogram")
		self.assertEqual(value(got, "poi_delivery_latency_seconds_bucket", kind="x3", le="+Inf"),
			value(got, "poi_delivery_latency_seconds_count", kind="x3"))
		self.assertGreater(value(got, "poi_delivery_latency_seconds_bucket", kind="x3", le="10"), 0)
		self.assertLess(value(got, "poi_delivery_latency_seconds_sum", kind="x3"),
			5 * value(got, "poi_delivery_latency_seconds_count", kind="x3"), "seconds at most, for each")
		for outcome, n in status["packets"]["classes"].items():
			self.assertEqual(value(got, "poi_packets_total", outcome=outcome, classified="yes"), n, outcome)
		for outcome, n in status["packets"]["dropped"].items():
			self.assertEqual(value(got, "poi_packets_total", outcome=outcome, classified="no"), n, outcome)
		for reason, n in status["lost"].items():
			self.assertEqual(value(got, "poi_copies_lost_total", reason=reason), n, reason)
		for port in status["ports"]:
			self.assertEqual(value(got, "poi_port_link_up", port=port["name"]), port["link_up"])
			self.assertEqual(value(got, "poi_port_received_packets_total", port=port["name"]), port["received"])
		states = [d["state"] for d in status["destinations"]]
		for state in ("idle", "connecting", "up", "down", "draining"):
			self.assertEqual(value(got, "poi_destinations", state=state), states.count(state), state)
		worker = {k[0]: v for k, v in got.items() if k[0].startswith("poi_worker_")}
		self.assertEqual(worker["poi_worker_packets_total"], status["packets"]["received"])
		self.assertEqual(worker["poi_worker_packets_classified_total"], status["packets"]["classified"])
		self.assertEqual(worker["poi_worker_matches_total"], status["matches"])
		self.assertGreater(worker["poi_worker_busy_seconds_total"], 0)
		self.assertGreaterEqual(worker["poi_worker_loops_total"], worker["poi_worker_loops_with_packets_total"])
		self.assertLess(worker["poi_worker_busy_seconds_total"], value(got, "poi_dataplane_uptime_seconds"))

	def test_x1_is_counted(self):
		before = samples(fresh(self.poi))
		self.activate(x1.target_ipv4("192.0.2.77"))
		self.assertTrue(self.poi.admf.one("Ping").ok)
		self.poi.admf.deactivate(x1.new_id())
		after = samples(fresh(self.poi))

		def grown(name, **labels):
			return value(after, name, **labels) - value(before, name, **labels)
		self.assertEqual(grown("poi_x1_messages_total", answer="ok"), 2)
		self.assertEqual(grown("poi_x1_messages_total", answer="error"), 1)
		self.assertEqual(grown("poi_x1_exchange_seconds_count", changes="yes"), 2)
		self.assertEqual(grown("poi_x1_exchange_seconds_count", changes="no"), 1)
		self.assertGreater(grown("poi_x1_exchange_seconds_sum", changes="yes"), 0)
		bad = subprocess.run(["curl", "-sk", "--noproxy", "*", self.poi.url], capture_output=True, check=False)
		self.assertNotEqual(bad.returncode, 0)
		refused = samples(fresh(self.poi))
		self.assertEqual(value(refused, "poi_http_refused_total", reason="handshake_failed") -
			value(after, "poi_http_refused_total", reason="handshake_failed"), 1)

	def test_series_do_not_depend_on_tasks(self):
		target = "203.0.113."
		self.clear()
		self.poi.balanced()
		at_rest(self.poi)
		none = scrape(self.poi)[2]
		did = self.destination(self.mdf)
		xids = [x1.new_id() for _ in range(100)]
		for i, xid in enumerate(xids):
			self.ok(self.poi.admf.activate(xid, [x1.target_ipv4(target + str(i))], [did]))
		at_rest(self.poi)
		many = scrape(self.poi)[2]
		self.assertEqual(set(samples(none)), set(samples(many)))
		# nor does any figure of the 0 and the 100: what counts messages, time and destinations aside, all are the same
		moving = re.compile(r"poi_(x1_|http_|control_uptime|dataplane_uptime|worker_loops|clock_|destinations)")
		quiet = [{k: v for k, v in samples(t).items() if not moving.match(k[0])} for t in (none, many)]
		self.assertEqual(*quiet)
		for secret in [target, did, *xids]:
			self.assertNotIn(secret, many)

	def test_tcp_on_loopback(self):
		self.assertEqual(scrape(self.poi, tcp=self.tcp)[0], 200)

	def test_socket_is_ours_alone(self):
		mode = os.stat(self.poi.path("run/metrics.sock")).st_mode
		self.assertTrue(stat.S_ISSOCK(mode))
		self.assertEqual(stat.S_IMODE(mode), 0o600)

	def test_other_requests_are_refused(self):
		self.assertEqual(scrape(self.poi, path="/")[0], 404)
		status, headers, _ = scrape(self.poi, method="POST")
		self.assertEqual((status, headers["allow"]), (405, "GET"))
		with socket.create_connection(("127.0.0.1", self.tcp)) as s:
			s.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 4000 + b"\r\n\r\n")
			self.assertIn(b" 431 ", s.recv(4096).split(b"\r\n")[0])
		with socket.create_connection(("127.0.0.1", self.tcp)) as s:
			s.sendall(b"\x16\x03\x01\0\0")
			self.assertIn(b" 400 ", s.recv(4096).split(b"\r\n")[0])

	def test_slow_clients_hurt_nobody(self):
		slow = [socket.create_connection(("127.0.0.1", self.tcp)) for _ in range(40)]
		try:
			for s in slow:
				s.sendall(b"GET /metr")
			start = time.monotonic()
			self.assertEqual(scrape(self.poi, tcp=self.tcp)[0], 200)
			self.assertLess(time.monotonic() - start, 2)
			self.assertTrue(self.poi.admf.one("Ping").ok)
			# those that were left are closed when their time is over
			slow[-1].settimeout(8)
			self.assertEqual(slow[-1].recv(100), b"")
			self.assertGreater(time.monotonic() - start, 4)
			self.assertLess(time.monotonic() - start, 7)
		finally:
			for s in slow:
				s.close()

	def test_many_scrapes_are_one_look(self):
		bodies = [scrape(self.poi)[2] for _ in range(5)]
		uptimes = {value(samples(b), "poi_dataplane_uptime_seconds") for b in bodies}
		self.assertLessEqual(len(uptimes), 2)


class Alone(unittest.TestCase):
	def test_without_the_dataplane(self):
		poi = fixture.Poi()
		self.addCleanup(poi.close)
		poi.start()
		poi.dataplane.stop()
		got = samples(fresh(poi))
		self.assertEqual(value(got, "poi_dataplane_up"), 0)
		self.assertEqual(value(got, "poi_control_connected"), 0)
		self.assertEqual(value(got, "poi_faults", kind="dataplane_lost"), 1)
		self.assertNotIn("poi_packets_received_total", {k[0] for k in got})
		poi.start_dataplane()
		fixture.wait_until(poi.connected, 10, "connected again")
		got = samples(fresh(poi))
		self.assertEqual(value(got, "poi_dataplane_up"), 1)
		self.assertEqual(value(got, "poi_faults", kind="dataplane_lost"), 0)

	def test_a_hung_dataplane(self):
		"""Is a fault, and not away: what it has in force may go on."""
		poi = fixture.Poi()
		self.addCleanup(poi.close)
		poi.start()
		self.assertEqual(value(samples(fresh(poi)), "poi_faults", kind="database"), 1, "nobody has provisioned")
		self.assertTrue(poi.admf.one("DeactivateAllTasks").completed)
		self.assertEqual(poi.admf.one("GetNEStatus").text("neStatus"), "OK")
		self.assertEqual(value(samples(fresh(poi)), "poi_faults", kind="database"), 0)
		poi.dataplane.child.send_signal(signal.SIGSTOP)
		try:
			fixture.wait_until(lambda: poi.admf.one("GetNEStatus").text("neStatus") == "Faults", 15, "the fault")
			got = samples(fresh(poi))
		finally:
			poi.dataplane.child.send_signal(signal.SIGCONT)
		self.assertEqual((value(got, "poi_dataplane_up"), value(got, "poi_dataplane_observed")), (1, 0))
		self.assertEqual(value(got, "poi_faults", kind="dataplane_lost"), 1)
		self.assertGreater(value(got, "poi_dataplane_unanswered_seconds"), 4.9)
		fixture.wait_until(lambda: poi.admf.one("GetNEStatus").text("neStatus") == "OK", 15, "it is over")

	def test_signalling(self):
		poi = fixture.Poi(ports=("{ device: net_null0, mode: probe, signalling: [pfcp] }",))
		self.addCleanup(poi.close)
		poi.start()
		text = fresh(poi)
		got = samples(text)
		self.assertEqual(value(got, "poi_signalling_followed"), 1)
		self.assertEqual(value(got, "poi_signalling_sessions"), 0)
		self.assertEqual(value(got, "poi_signalling_messages_total", protocol="pfcp", result="ok"), 0)
		self.assertNotIn("binds", text)

	def test_stale_socket_is_taken_over(self):
		poi = fixture.Poi()
		self.addCleanup(poi.close)
		poi.start()
		poi.control.kill()
		self.assertTrue(os.path.exists(poi.path("run/metrics.sock")))
		poi.start_control()
		self.assertEqual(scrape(poi)[0], 200)
		poi.control.stop()
		self.assertFalse(os.path.exists(poi.path("run/metrics.sock")))

	def test_only_loopback_is_accepted(self):
		for at, good in (("127.0.0.1:9464", True), ("127.8.8.8:1", True), ("[::1]:9464", True), ("0.0.0.0:9464", False),
				("192.0.2.1:9464", False), ("[::]:9464", False)):
			poi = fixture.Poi(x1_extra=f'metrics: {{ listen: "{at}" }}')
			self.addCleanup(poi.close)
			done = poi.poi("config", "dump", "-c", poi.file)
			self.assertEqual(done.returncode == 0, good, at + done.stderr)
			if good:
				self.assertIn(f'listen: "{at}"', done.stdout)
			else:
				self.assertRegex(done.stderr, r"poi\.yaml:\d+:\d+: metrics\.listen")


class Monitoring(unittest.TestCase):
	"""The dashboard and the alerts speak of what there is."""

	@classmethod
	def setUpClass(cls):
		poi = fixture.Poi(ports=("{ device: net_null0, mode: probe, signalling: [pfcp] }",),
			x1_extra='events: { folder: events, user: "0", functions: [{ name: smf-1, user: "0", records: [smf] }] }\n')
		cls.addClassCleanup(poi.close)
		poi.start()
		cls.text = scrape(poi)[2]
		cls.names = {s.name for f in families(cls.text).values() for s in f.samples}
		cls.names |= {f"{name}_total" for name, f in families(cls.text).items() if f.type == "counter"}  # before the first sample
		with open(os.path.join(MONITORING, "poi-alerts.yml")) as f:
			cls.alerts = f.read()
		with open(os.path.join(MONITORING, "poi-dashboard.json")) as f:
			cls.dashboard = json.load(f)

	def used(self, text):
		return set(re.findall(r"\bpoi_[a-z0-9_]+\b", text))

	def labels_exist(self, expression):
		"""Every name{label="value"} in it is a series that there is."""
		all_samples = samples(self.text)
		for name, inside in re.findall(r"(poi_\w+)\{([^}]*)\}", expression):
			for label, value_ in re.findall(r'(\w+)="([^"]*)"', inside):
				self.assertTrue(any(k[0] == name and (label, value_) in k[1] for k in all_samples), f"{name} {label}={value_}")

	def test_alerts(self):
		done = promtool("check", "rules", os.path.join(MONITORING, "poi-alerts.yml"))
		self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
		self.assertEqual(self.used(self.alerts) - self.names, set())
		self.labels_exist(self.alerts)
		self.assertNotIn("poi_x", self.names)

	def test_an_alert_for_each_class_of_fault(self):
		kinds = set(re.findall(r'poi_faults\{kind="(\w+)"\}', self.text))
		self.assertGreaterEqual(len(kinds), 9)
		alerts = re.findall(r"- alert: (\w+)\n\s+expr: (.*)\n", self.alerts)
		self.assertEqual(len(alerts), len({name for name, _ in alerts}))
		for kind in kinds:
			speaking = [name for name, expression in alerts if f'poi_faults{{kind="{kind}"}}' in expression]
			self.assertEqual(len(speaking), 1, kind)
		for what in ("poi_destinations", "poi_copies_lost_total", "poi_clock_synchronised", "poi_reports_dropped_total",
				"poi_certificate_not_after_timestamp_seconds", "poi_x1_acknowledged_total", "poi_control_recovered"):
			self.assertTrue(any(what in expression for _, expression in alerts), what)

	def test_alerts_come_and_stay_away(self):
		"""Of series over half an hour: a link of which a tenth or a half is wrapped, an ADMF that is late or not, an end of a set
		that is down for a while or for long."""
		def rows(name, wrapped, late, down):
			return [{"series": f"poi_port_sampled_packets_total{{port=\"{name}\"}}", "values": "0+600x30"},
				{"series": f"poi_port_wrapped_packets_total{{port=\"{name}\"}}", "values": f"0+{wrapped:d}x30"},
				{"series": f"poi_x1_admfs_late{{instance=\"{name}\"}}", "values": f"{late:d}+0x30"},
				{"series": f"poi_destinations_ends{{instance=\"{name}\",state=\"down\"}}", "values": down}]
		def fires(alert, label):
			text = self.alerts.split(f"- alert: {alert}\n", 1)[1]
			severity, summary, description, url = re.match(
				r'(?:.*\n)*?.*severity: (\w+)(?:.*\n)*?\s+summary: (.*)\n\s+description: "(.*)"\n\s+runbook_url: (.*)\n', text).groups()
			return {"eval_time": "25m", "alertname": alert, "exp_alerts": [{"exp_labels": {"severity": severity, **label},
				"exp_annotations": {"summary": summary, "description": description, "runbook_url": url}}]}
		test = {"rule_files": [os.path.join(MONITORING, "poi-alerts.yml")], "evaluation_interval": "1m", "tests": [{"interval": "1m",
			"input_series": rows("a", 300, 1, "0x9 1x20") + rows("b", 60, 0, "0x20 1x3 0x6"),
			"alert_rule_test": [fires("PoiLinkWrapped", {"port": "a"}), fires("PoiAdmfSilent", {"instance": "a"}),
				fires("PoiDestinationEndDown", {"instance": "a", "state": "down"})]}]}
		with tempfile.NamedTemporaryFile("w", suffix=".yml") as f:
			json.dump(test, f)
			f.flush()
			done = promtool("test", "rules", f.name)
		self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

	def test_alerts_lead_to_their_row(self):
		"""runbook_url: the page that the package installs, and the part of it with the alert's row."""
		with open(os.path.join(fixture.TOP, "packaging", "doc", "RUNBOOK.md")) as f:
			parts = re.split(r"^## (.*)\n", f.read(), flags=re.MULTILINE)
		rows = {re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-"): text for title, text in zip(parts[1::2], parts[2::2])}
		alerts = re.split(r"- alert: ", self.alerts)[1:]
		for alert in alerts:
			name = re.match(r"\w+", alert).group()
			url = re.search(r"runbook_url: file:///usr/share/doc/poi/RUNBOOK\.md#([\w-]+)\n", alert + "\n")
			self.assertTrue(url, name)
			self.assertRegex(rows[url.group(1)], fr"(?m)^\|[^|]*(\|[^|]*)?\b{name}\b")

	def test_the_picture_is_of_this_dashboard(self):
		drawn = subprocess.run([os.path.join(MONITORING, "draw_board.py")], stdout=subprocess.PIPE, timeout=30, check=True, text=True).stdout
		with open(os.path.join(fixture.TOP, "docs", "figures", "dashboard.svg")) as f:
			self.assertEqual(f.read(), drawn, "packaging/monitoring/draw_board.py > docs/figures/dashboard.svg")

	def test_provisioning(self):
		"""Grafana is told of the folder where the package puts the dashboard."""
		with open(os.path.join(MONITORING, "grafana", "poi-dashboards.yml")) as f:
			self.assertRegex(f.read(), r"(?m)^ +path: /usr/share/poi/monitoring$")
		with open(os.path.join(MONITORING, "meson.build")) as f:
			self.assertRegex(f.read(), r"poi-dashboard\.json', install_dir: get_option\('datadir'\) / 'poi' / 'monitoring'")

	def test_dashboard(self):
		panels = [p for p in self.dashboard["panels"] if p["type"] != "row"]
		self.assertGreater(len(panels), 15)
		self.assertEqual(len({p["id"] for p in self.dashboard["panels"]}), len(self.dashboard["panels"]))
		for panel in panels:
			for target in panel["targets"]:
				used = self.used(target["expr"])
				self.assertTrue(used, panel["title"])
				self.assertEqual(used - self.names, set(), panel["title"])
				self.labels_exist(target["expr"])
		for annotation in self.dashboard["annotations"]["list"]:
			self.assertEqual(self.used(annotation["expr"]) - self.names, set(), annotation["name"])
			self.labels_exist(annotation["expr"])

	def test_dashboard_shows_events(self):
		"""Each metric of network functions is on a panel of their row."""
		row = next(p for p in self.dashboard["panels"] if p["title"] == "Network functions")
		panels = [p for p in self.dashboard["panels"] if p["gridPos"]["y"] > row["gridPos"]["y"]]
		shown = self.used(" ".join(t["expr"] for p in panels for t in p["targets"]))
		metrics = {f"{name}_total" if f.type == "counter" else name for name, f in families(self.text).items() if name.startswith("poi_events_")}
		self.assertEqual(len(metrics), 10)
		self.assertEqual(shown, metrics)

	def test_dashboard_expressions_parse(self):
		expressions = [t["expr"].replace("$__rate_interval", "5m").replace("$instance", ".*")
			for p in self.dashboard["panels"] + [{"targets": self.dashboard["annotations"]["list"]}] for t in p.get("targets", ())]
		rules = {"groups": [{"name": "x", "rules": [{"record": f"x:{i}", "expr": e} for i, e in enumerate(expressions)]}]}
		with tempfile.NamedTemporaryFile("w", suffix=".yml") as f:
			json.dump(rules, f)
			f.flush()
			done = promtool("check", "rules", f.name)
		self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
