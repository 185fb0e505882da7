"""The files for containers: what they name exists and fits together, and the programs run with the rights that
they give: users without a name, no capability, a root that cannot be written, volumes that their group may write."""
import os
import re
import shutil
import subprocess
import tempfile
import unittest

import fixture
import yaml
from poi_lab import admf, nf, x1

FOLDER = os.path.join(fixture.TOP, "packaging", "container")
UID = 7103
EVENTS_UID = 7104  # of poi-events
NAMES = ("dataplane", "control", "events")


def read(name):
	with open(os.path.join(FOLDER, name)) as f:
		return f.read()


class Strict(yaml.SafeLoader):
	"""Refuses a key that is there twice, as the API server does."""

	def construct_mapping(self, node, deep=False):
		keys = [self.construct_object(key) for key, _ in node.value]
		if len(set(keys)) < len(keys):
			raise yaml.constructor.ConstructorError(None, None, f"a key twice: {keys}", node.start_mark)
		return super().construct_mapping(node, deep)


class Kubernetes(unittest.TestCase):
	@classmethod
	def setUpClass(cls):
		cls.map, cls.pod = yaml.load_all(read("poi.kubernetes.yaml"), Strict)
		cls.configuration = yaml.safe_load(cls.map["data"]["poi.yaml"])
		cls.containers = {c["name"]: c for c in cls.pod["spec"]["containers"]}

	def test_kinds(self):
		self.assertEqual([(self.map["apiVersion"], self.map["kind"]), (self.pod["apiVersion"], self.pod["kind"])],
			[("v1", "ConfigMap"), ("v1", "Pod")])
		self.assertEqual(set(self.containers), {*NAMES, "metrics"})

	def test_volumes(self):
		"""Each mount has its volume, each volume a mount; what both programs share is the same volume at the same place."""
		volumes = {v["name"]: v for v in self.pod["spec"]["volumes"]}
		mounts = {n: {m["mountPath"]: m["name"] for m in c.get("volumeMounts", ())} for n, c in self.containers.items()}
		self.assertEqual({name for m in mounts.values() for name in m.values()}, set(volumes))
		for path in ("/run/poi", "/var/lib/poi", "/run/secrets/poi", "/etc/poi/poi.yaml"):
			self.assertEqual(mounts["control"][path], mounts["dataplane"][path])
		self.assertEqual(volumes[mounts["control"]["/etc/poi/poi.yaml"]]["configMap"]["name"], self.map["metadata"]["name"])
		self.assertIn("emptyDir", volumes[mounts["control"]["/run/poi"]], "sockets do not outlive the pod")
		for path in ("/var/lib/poi", "/var/log/poi"):
			self.assertIn("persistentVolumeClaim", volumes[mounts["control"][path]], "what is kept outlives it")
		# and what the configuration writes lies in one of them
		for path in (self.configuration["runtime-dir"], self.configuration["audit"]["file"]):
			self.assertTrue(any(path.startswith(place + "/") for place in mounts["control"]), path)

	def test_events(self):
		"""poi-events has nothing but the folder of its sockets, which it alone may write to, and a user of its own that the
		dataplane expects there."""
		c = self.containers["events"]
		self.assertEqual(c["command"][0::2], ["/usr/bin/poi-events", self.configuration["events"]["folder"], str(UID)])
		self.assertEqual(c["command"][1::2], ["--folder", "--dataplane-user"])
		self.assertEqual(self.configuration["events"]["user"], str(EVENTS_UID))
		self.assertEqual([m for m in c["volumeMounts"] if m.get("readOnly")], [])
		self.assertEqual([(m["name"], m["mountPath"]) for m in c["volumeMounts"]], [("events", "/run/poi-events")])
		self.assertEqual([m for m in self.containers["dataplane"]["volumeMounts"] if m["name"] == "events"],
			[{"name": "events", "mountPath": "/run/poi-events", "readOnly": True}])
		self.assertTrue(self.configuration["events"]["folder"].startswith("/run/poi-events/"), "a volume itself is open to its group")
		self.assertNotIn("events", [m["name"] for m in self.containers["control"]["volumeMounts"]])
		self.assertEqual({"env", "envFrom", "ports"} & set(c), set(), "no key, no port")
		users = {f["user"] for f in self.configuration["events"]["functions"]}
		self.assertFalse(users & {str(UID), str(EVENTS_UID)}, "a function has a user of its own")
		kinds = {k for f in self.configuration["events"]["functions"] for k in f["records"]}
		self.assertEqual(set(self.configuration["network-elements"][0]["records"]), kinds)

	def test_memory(self):
		"""What sessions of events may take fits into the container."""
		def octets(text):
			number, unit = re.fullmatch(r"(\d+)([KMG]i)B?", text).groups()
			return int(number) << {"Ki": 10, "Mi": 20, "Gi": 30}[unit]
		limit = octets(self.containers["dataplane"]["resources"]["limits"]["memory"])
		self.assertLess(octets(self.configuration["signalling"]["memory"]) + octets(self.configuration["events"]["memory"]), limit / 2)

	def test_rights(self):
		pod = self.pod["spec"]["securityContext"]
		self.assertEqual((pod["runAsUser"], pod["runAsGroup"], pod["fsGroup"], pod["runAsNonRoot"]), (UID, UID, UID, True))
		self.assertFalse(self.pod["spec"]["automountServiceAccountToken"])
		own = {n: (c["securityContext"].get("runAsUser"), c["securityContext"].get("runAsGroup")) for n, c in self.containers.items()}
		self.assertEqual(own, {**dict.fromkeys(own, (None, None)), "events": (EVENTS_UID, EVENTS_UID)})
		for name, c in self.containers.items():
			s = c["securityContext"]
			self.assertEqual((s["allowPrivilegeEscalation"], s["readOnlyRootFilesystem"], s["capabilities"]), (False, True, {"drop": ["ALL"]}), name)
			self.assertNotIn("privileged", s, name)

	def test_resources(self):
		"""Whole CPUs, requests as limits: else the node's CPU manager gives a worker no CPU of its own."""
		for name, c in self.containers.items():
			r = c["resources"]
			self.assertEqual(r["requests"], r["limits"], name)
			self.assertRegex(r["limits"]["cpu"], r"^[1-9]\d*$", name)
		limits = self.containers["dataplane"]["resources"]["limits"]
		self.assertTrue([k for k in limits if k.startswith("hugepages-")])
		d = self.configuration["dataplane"]
		self.assertEqual(int(limits["cpu"]), 1 + len(d["workers"]))
		self.assertIn("--in-memory", d["eal"], "hugepages of the pod without a file system for them")
		self.assertIn(d["ports"][0]["device"], d["eal"])

	def test_probes(self):
		for name in ("dataplane", "control"):
			c = self.containers[name]
			self.assertEqual(c["command"], ["/usr/bin/poi-" + name, "-c", "/etc/poi/poi.yaml"])
			for probe, more in (("startupProbe", []), ("livenessProbe", []), ("readinessProbe", ["--ready"])):
				self.assertEqual(c[probe]["exec"]["command"], ["/usr/bin/poi", "health", name] + more)
				self.assertGreater(c[probe]["timeoutSeconds"], 5, "poi health waits for so long")
		upstream = re.search(r"--upstream=http://([\d.:]+)/", " ".join(self.containers["metrics"]["args"])).group(1)
		self.assertEqual(self.configuration["metrics"]["listen"], upstream)

	def test_the_configuration_is_understood(self):
		with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
			f.write(self.map["data"]["poi.yaml"])
			f.flush()
			done = subprocess.run([fixture.program("poi"), "config", "dump", "-c", f.name], capture_output=True, text=True, check=False,
				env={**os.environ, "CREDENTIALS_DIRECTORY": "/run/secrets/poi"})
		self.assertEqual((done.returncode, done.stderr), (0, ""))


class Podman(unittest.TestCase):
	def test_events(self):
		"""No network and one folder, which the dataplane reads only."""
		lines = re.findall(r"(?m)^(\w+)=(.*)$", read("poi-events.container"))
		one = dict(lines)
		self.assertEqual(one["Exec"], f"/usr/bin/poi-events --folder /run/poi-events --dataplane-user {UID}")
		self.assertEqual(one["Network"], "none")
		self.assertEqual([v for k, v in lines if k == "Volume"], ["poi-events:/run/poi-events"])
		self.assertIn("Volume=poi-events:/run/poi-events:ro\n", read("poi-dataplane.container"))
		self.assertNotIn("poi-events", read("poi-control.container"))

	def test_rights(self):
		for name, uid in zip(NAMES, (UID, UID, EVENTS_UID)):
			text = read(f"poi-{name}.container")
			one = dict(re.findall(r"(?m)^(\w+)=(.*)$", text))
			self.assertEqual(re.findall(r"(?m)^\[(\w+)\]$", text), ["Unit", "Container", "Service", "Install"], name)
			self.assertEqual((one["User"], one["Group"]), (str(uid), str(uid)), name)
			self.assertEqual((one["ReadOnly"], one["NoNewPrivileges"], one["DropCapability"]), ("true", "true", "all"), name)
			self.assertIn("--ulimit memlock=-1:-1", one["PodmanArgs"], name)

	def test_quadlets(self):
		for name in ("dataplane", "control"):
			text = read(f"poi-{name}.container")
			lines = re.findall(r"(?m)^(\w+)=(.*)$", text)
			one = dict(lines)
			self.assertEqual(one["Exec"], f"/usr/bin/poi-{name} -c /etc/poi/poi.yaml")
			self.assertEqual(one["HealthCmd"], "/usr/bin/poi health " + name)
			volumes = [v for k, v in lines if k == "Volume"]
			for volume in ("poi-run:/run/poi", "poi-state:/var/lib/poi", "/etc/poi:/etc/poi:ro"):
				self.assertIn(volume, volumes, name)

	def test_users(self):
		"""The image's users have the numbers of the manifests, and the package's names: it makes none of its own then."""
		text = read("Containerfile")
		self.assertEqual(re.findall(r"groupadd --system --gid (\d+) (\S+)", text), [(str(UID), "poi"), (str(EVENTS_UID), "poi-events")])
		self.assertEqual(re.findall(r"useradd --system --uid (\d+) --gid (\d+) .*/nologin (\S+)", text),
			[(str(UID), str(UID), "poi"), (str(EVENTS_UID), str(EVENTS_UID), "poi-events")])
		with open(os.path.join(fixture.TOP, "packaging", "sysusers", "poi.conf")) as f:
			self.assertEqual(re.findall(r"(?m)^u (\S+)", f.read()), ["poi", "poi-events"])
		self.assertIn("install -d -m 0755 -o poi-events -g poi-events /run/poi-events", text)
		self.assertIn(f"USER {UID}:{UID}", text)

	def test_the_build_has_what_it_copies(self):
		text = read("Containerfile")
		self.assertTrue(os.access(os.path.join(fixture.TOP, re.search(r"&& (tests/\S+) /packages", text).group(1)), os.X_OK))
		with open(os.path.join(fixture.TOP, "debian", "control")) as f:
			self.assertIn("\nPackage: poi\n", f.read())


class Run(unittest.TestCase):
	"""With the rights of a container: what the manifest's configuration says, on a port without frames."""

	def setUp(self):
		if os.geteuid() or not shutil.which("setpriv") or not shutil.which("unshare"):
			self.skipTest("needs root, setpriv and unshare")
		self.folder = tempfile.mkdtemp(prefix="poi-container-")
		self.addCleanup(shutil.rmtree, self.folder, True)
		os.chmod(self.folder, 0o755)
		for volume in ("run", "state", "log", "secrets", "events"):
			os.mkdir(self.path(volume))
			os.chown(self.path(volume), 0, UID)
			os.chmod(self.path(volume), 0o2777)  # as an emptyDir with fsGroup

	def path(self, *names):
		return os.path.join(self.folder, *names)

	def secrets(self):
		"""As a secret's volume: files of root that the group may read, behind links."""
		pki = fixture.shared_pki()
		os.mkdir(self.path("secrets", "..data"))
		for name in ("ne.pem", "ne.key", "ca.pem"):
			shutil.copy(pki.path(name), self.path("secrets", "..data", name))
			os.chown(self.path("secrets", "..data", name), 0, UID)
			os.chmod(self.path("secrets", "..data", name), 0o440)
			os.symlink(os.path.join("..data", name), self.path("secrets", name))
		return pki

	def configuration(self, port):
		text = yaml.safe_load(read("poi.kubernetes.yaml").split("\n---\n")[0])["data"]["poi.yaml"]
		for old, new in (("/run/poi/private", self.path("run", "private")), ("/run/poi-events", self.path("events")), ("/run/secrets/poi", self.path("secrets")),
				("/var/log/poi", self.path("log")), ("0.0.0.0:8443", f"127.0.0.1:{port}"), ("127.0.0.1:9464", f"127.0.0.1:{fixture.free_port():d}"),
				("--in-memory -a 0000:00:00.0", fixture.memory_arguments() + " --no-pci --vdev net_null0,no-rx=1"), ("0000:00:00.0", "net_null0"),
				("main-cpu: 2", "main-cpu: 0"), ("workers: [3]", "workers: [1]")):
			self.assertIn(old, text)
			text = text.replace(old, new)
		with open(self.path("poi.yaml"), "w") as f:
			f.write(text)
		os.chmod(self.path("poi.yaml"), 0o644)

	def within(self, *command, uid=UID, volumes=("run", "state", "log")):
		"""No name for the user, no capability, nothing to write but the volumes."""
		volumes = " && ".join("mount --bind {0} {0}".format(self.path(v)) for v in volumes)
		return ["unshare", "--mount", "--propagation", "private", "sh", "-c",
			volumes + f" && mount -o remount,bind,ro / && exec setpriv --reuid {uid} --regid "
				f"{uid} --groups {UID} --inh-caps=-all --bounding-set=-all --no-new-privs "
				"\"$@\"", "sh", *command]

	def test_check_judges_the_container(self):
		"""Not the unit, which the image has and nobody reads: what may be locked is the process's."""
		self.secrets()
		self.configuration(fixture.free_port())
		with open(self.path("poi.yaml")) as f:
			text = f.read().replace("--no-pci --vdev net_null0,no-rx=1", "-a 0000:ff:1f.7").replace("net_null0", "0000:ff:1f.7").replace("--no-huge ", "")
		with open(self.path("poi.yaml"), "w") as f:
			f.write(text)
		done = subprocess.run(["prlimit", "--memlock=1048576:1048576", *self.within(fixture.program("poi"), "check", self.path("poi.yaml"))],
			capture_output=True, text=True, check=False, timeout=60,
			env={"PATH": "/usr/bin:/bin", "container": "podman", "CREDENTIALS_DIRECTORY": self.path("secrets")})
		self.assertIn("for there is no poi-dataplane.service in a container", done.stdout)
		self.assertRegex(done.stdout, r"FAIL  service +this user may lock 1 MiB, .* 256 MiB of the EAL .*ulimit -l unlimited, or --ulimit memlock=-1:-1")

	def events(self):
		"""poi-events by the manifest's command, in a network without an address, as its own user."""
		pod = yaml.safe_load(read("poi.kubernetes.yaml").split("\n---\n")[1])
		command = next(c for c in pod["spec"]["containers"] if c["name"] == "events")["command"]
		command = [fixture.program("poi-events")] + [w.replace("/run/poi-events", self.path("events")) for w in command[1:]]
		process = fixture.Process(["unshare", "--net", *self.within(*command, uid=EVENTS_UID, volumes=("events",))], self.path("events.log"),
			env={"PATH": "/usr/bin:/bin"})
		self.addCleanup(process.kill)
		return process

	def taken(self, name, user):
		"""An event of a function with that user; its answer."""
		path = self.path("events", "sockets", "functions.sock")
		fixture.wait_until(lambda: os.path.exists(path), 5, "poi-events listens")
		os.seteuid(user)
		try:
			function = nf.Function(path)
		finally:
			os.seteuid(0)
		self.addCleanup(function.close)
		self.assertTrue(function.wanted(), name)
		return function.event("SMFPDUSessionEstablishment", nf.establishment("001010000000007", ue="10.45.0.7"), "s1")

	def test_all_programs(self):
		port = fixture.free_port()
		pki = self.secrets()
		self.configuration(port)
		environment = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "CREDENTIALS_DIRECTORY": self.path("secrets")}
		def health(*words):
			return subprocess.run(self.within(fixture.program("poi"), "health", *words, "-c", self.path("poi.yaml")),
				capture_output=True, text=True, check=False, env=environment, timeout=20)
		self.assertEqual(health("dataplane").returncode, 3)
		logs = {"events": self.events()}
		for name in ("dataplane", "control"):
			logs[name] = fixture.Process(self.within(fixture.program("poi-" + name), "-c", self.path("poi.yaml")), self.path(name + ".log"), env=environment)
			self.addCleanup(logs[name].kill)
			fixture.wait_until(lambda name=name: health(name, *(["--ready"] if name == "dataplane" else [])).returncode == 0, 20, lambda name=name: logs[name].text())
		fixture.wait_until(lambda: health("control", "--ready").returncode == 0, 20, lambda: logs["control"].text())
		self.assertEqual(os.stat(self.path("run", "private")).st_mode & 0o777, 0o700)
		self.assertEqual(os.stat(self.path("log", "audit.jsonl")).st_mode & 0o777, 0o600)
		client = admf.Admf(f"https://127.0.0.1:{port}/X1/NE", pki.folder, "admf", xsd=x1.Xsd.find())
		self.addCleanup(client.close)
		self.assertTrue(client.one("Ping").ok)
		with open(self.path("poi.yaml")) as f:
			function = yaml.safe_load(f)["events"]["functions"][0]
		self.assertEqual(self.taken(function["name"], int(function["user"])), {"id": 1, "ok": True}, logs["events"].text())
		self.assertEqual((os.stat(self.path("events", "sockets")).st_uid, os.stat(self.path("events", "sockets")).st_mode & 0o777), (EVENTS_UID, 0o755))
		done = subprocess.run(self.within(fixture.program("poi"), "check", self.path("poi.yaml")), capture_output=True, text=True, check=False,
			env={**environment, "container": "podman"}, timeout=60)
		self.assertRegex(done.stdout, r"ok    events +events.folder: \S+/events/sockets belongs to 7104\n")
		self.assertNotRegex(done.stdout, r"(?m)^(hint|warn|FAIL) +events ")
		for name in ("control", "dataplane", "events"):
			self.assertEqual(logs[name].stop(), 0, logs[name].text())
