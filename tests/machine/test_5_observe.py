"""What an operator sees: journal and catalog, the metrics behind the alerts, exposure, errors."""

import os
import re
import subprocess
import time

import image
from test_2_restarts import LifeCase

CATALOG = os.path.join(image.TOP, "packaging", "journal", "poi.catalog")
ALERTS = os.path.join(image.TOP, "packaging", "monitoring", "poi-alerts.yml")
RULE = "/lib/udev/rules.d/60-poi-vfio.rules"
EXPOSURE = {"poi-control": 1.5, "poi-dataplane": 2.5}


def subjects():
	"""Returns {message identifier: subject} of the package's catalog."""
	with open(CATALOG) as f:
		return dict(re.findall(r"^-- ([0-9a-f]{32})\nSubject: (.*)$", f.read(), re.M))


class Journal(LifeCase):
	def test_1_catalog_is_installed(self):
		known = self.machine.out("journalctl --list-catalog --no-pager")
		for number, subject in subjects().items():
			self.assertIn(number, known)
			self.assertIn(subject, known)

	def test_2_messages_bring_their_help(self):
		"""Each identifier that the journal has by now is explained by journalctl -x."""
		ids = self.machine.out(
			"journalctl -b -u poi-control -u poi-dataplane -o json --output-fields=MESSAGE_ID"
			" | grep -o '\"MESSAGE_ID\":\"[0-9a-f]*' | cut -d: -f2 | tr -d '\"' | sort -u"
		).split()
		ours = subjects()
		seen = [number for number in ids if number in ours]
		self.assertGreaterEqual(len(seen), 2, ids)
		for number in seen:
			text = self.machine.out(f"journalctl -b -x --no-pager -n 1 MESSAGE_ID={number}")
			self.assertIn(f"Subject: {ours[number]}", text)
			self.assertIn("Defined-By: poi", text)

	def test_3_exposure(self):
		"""systemd's own judgement of what the units may do."""
		for unit, limit in EXPOSURE.items():
			said = self.machine.out(f"systemd-analyze security --no-pager {unit} | tail -1")
			value = float(re.search(r"(\d+\.\d+)", said).group(1))
			print(f"# {unit}: exposure {value}", flush=True)
			self.assertLessEqual(value, limit, said)


class Metrics(LifeCase):
	"""The alerts are judged by promtool with what the product serves when the trouble is there."""

	CONSOLE = (r"poi-(control|dataplane)\.service: Failed with result",)

	@classmethod
	def prepare(cls):
		super().prepare()
		cls.promtool = promtool()

	def scrape(self):
		time.sleep(1)  # the last picture is up to half a second old
		return self.machine.out(
			"curl -sS --unix-socket /run/poi/metrics.sock http://poi/metrics | grep -v '^#'"
		)

	def firing(self, text, up=1):
		"""Returns the alerts that fire after 20 minutes of what `text` says."""
		series = [f"    - {{ series: 'up{{job=\"poi\"}}', values: '{up}x240' }}"]
		for line in text.splitlines():
			name, value = line.rsplit(" ", 1)
			if not name.endswith("+Inf\"}"):
				quoted = name.replace("'", "''")
				series.append(f"    - {{ series: '{quoted}', values: '{float(value):.6f}x240' }}")
		with open(ALERTS) as f:
			names = re.findall(r"- alert: (\w+)", f.read())
		tests = "".join(
			f"    - {{ expr: 'count(ALERTS{{alertname=\"{name}\",alertstate=\"firing\"}}) or vector(0)',"
			" eval_time: 20m, exp_samples: [ { labels: '{}', value: 0 } ] }\n"
			for name in names
		)
		folder = os.path.dirname(self.machine.console)
		path = os.path.join(folder, "alerts-test.yml")
		with open(path, "w") as out:
			out.write(
				f"rule_files: [ {ALERTS} ]\nevaluation_interval: 5s\ntests:\n- interval: 5s\n"
				"  input_series:\n" + "\n".join(series) + "\n  promql_expr_test:\n" + tests
			)
		done = subprocess.run(
			[self.promtool, "test", "rules", path], capture_output=True, text=True, check=False
		)
		said = done.stdout + done.stderr
		if "FAILED" not in said and "SUCCESS" not in said:
			raise AssertionError(said)
		return set(re.findall(r'alertname=\\?"(\w+)\\?"', said))

	def test_1_series_of_the_alerts_exist(self):
		text = self.scrape()
		there = set(re.findall(r"^(\w+)", text, re.M))
		with open(ALERTS) as f:
			wanted = set(re.findall(r"\bpoi_\w+", " ".join(re.findall(r"expr: (.*)", f.read()))))
		self.assertGreater(len(wanted), 15)
		# served only where a port has `signalling`
		wanted = {name for name in wanted if not name.startswith("poi_signalling_")}
		self.assertEqual(sorted(wanted - there), [])

	def test_2_healthy(self):
		"""Certificates of the lab are short-lived, and the guest has no clock to set itself by."""
		said = self.firing(self.scrape())
		self.assertLessEqual(said, {"PoiClockUnsynchronised", "PoiCertificateExpires"})

	def test_3_destination_down(self):
		port = self.machine.python("mdfs['mdf'].port")
		self.machine.python("stop_mdf()")
		self.poi.wait_status(
			lambda s: any(d["state"] == "down" for d in s["destinations"]),
			"the destination is down",
		)
		self.assertIn("PoiDestinationDown", self.firing(self.scrape()))
		self.machine.python(f"mdf('mdf', {port})")
		self.exact("destinationback")
		self.assertNotIn("PoiDestinationDown", self.firing(self.scrape()))

	def test_4_link_down(self):
		self.machine.link(0, False)
		self.poi.wait_status(lambda s: not s["ports"][0]["link_up"], "the link is down", 30)
		self.assertIn("PoiLinkDown", self.firing(self.scrape()))
		self.machine.link(0, True)
		self.poi.wait_status(lambda s: s["ports"][0]["link_up"], "the link is up", 30)
		self.exact("linkback")
		self.assertNotIn("PoiLinkDown", self.firing(self.scrape()))

	def test_5_dataplane_down(self):
		self.machine.run("systemctl stop poi-dataplane")
		self.assertIn("PoiDataplaneDown", self.firing(self.scrape()))
		self.machine.run("systemctl start poi-dataplane")
		self.poi.ready()
		self.exact("dataplaneback")

	def test_6_control_down(self):
		self.machine.run("systemctl stop poi-control")
		self.assertIn("PoiControlDown", self.firing("", up=0))
		self.machine.run("systemctl start poi-control")
		self.poi.ready()


class WithoutTheRule(LifeCase):
	"""The udev rule is gone: the reason has to stand where the operator looks."""

	CONSOLE = (
		r"poi-dataplane\.service: (Failed with result|Main process exited)",
		r"Failed to start poi-dataplane",
	)

	def test_1_check_and_journal_name_the_cause(self):
		address = self.machine.pci(0)
		self.machine.run(f"mv {RULE} /root/ && udevadm control --reload")
		self.machine.run("systemctl stop poi-dataplane")
		self.machine.run(f"dpdk-devbind.py -u {address}; dpdk-devbind.py -b vfio-pci {address}")
		group = self.machine.out(f"basename $(readlink /sys/bus/pci/devices/{address}/iommu_group)")
		self.machine.run("udevadm settle")
		self.assertEqual(self.machine.out(f"stat -c %U:%G /dev/vfio/{group}"), "root:root")
		fails = self.poi.check()
		lines = [text for _, text in fails if f"/dev/vfio/{group}" in text]
		self.assertEqual(len(lines), 1, fails)
		print(f"# poi check: {lines[0]}", flush=True)
		self.assertIn("udevadm", lines[0])
		since = self.machine.out("date +%s")
		self.machine.run("systemctl start --no-block poi-dataplane")
		said = self.machine.wait(
			f"journalctl -b -u poi-dataplane --since @{since} -o cat"
			f" | grep /dev/vfio/{group} | grep -i permission"
		).out
		print("# " + said.splitlines()[-1], flush=True)
		self.assertNotIn("no such device", said.splitlines()[-1])

	def test_2_rule_back(self):
		self.machine.run(
			f"systemctl stop poi-dataplane; mv /root/{os.path.basename(RULE)} {RULE}"
			" && systemctl restart systemd-udevd"
			" && udevadm trigger --settle --subsystem-match=vfio"
		)
		self.assertEqual(self.poi.check(), [])
		self.machine.run("systemctl start poi-dataplane")
		self.poi.ready()
		self.exact("ruleback")


def promtool():
	"""Returns Debian's promtool, unpacked and not installed: the package would start a server."""
	folder = os.path.join(image.CACHE, "promtool")
	path = os.path.join(folder, "x", "usr", "bin", "promtool")
	if not os.path.exists(path):
		os.makedirs(folder, exist_ok=True)
		os.chmod(folder, 0o755)
		log = os.path.join(image.CACHE, "promtool.log")
		image.run(["apt-get", "-qq", "download", "prometheus"], log, cwd=folder)
		deb = next(n for n in os.listdir(folder) if n.endswith(".deb"))
		image.run(["dpkg", "-x", deb, "x"], log, cwd=folder)
	return path
