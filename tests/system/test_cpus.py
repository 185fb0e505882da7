"""Each thread of poi-dataplane runs where the configuration and the machine say: judged by /proc."""
import os
import subprocess
import unittest

import fixture

MINE = sorted(os.sched_getaffinity(0))


def members(text):
	"""The CPUs of a list as the kernel writes it: 0,2-4."""
	cpus = set()
	for part in filter(None, text.strip().split(",")):
		low, _, high = part.partition("-")
		cpus |= set(range(int(low), int(high or low) + 1))
	return cpus


def threads(pid):
	"""[(name, CPUs)] of every thread of a process."""
	found = []
	for task in os.listdir(f"/proc/{pid}/task"):
		with open(f"/proc/{pid}/task/{task}/status") as f:
			lines = dict(line.split(":", 1) for line in f if ":" in line)
		found.append((lines["Name"].strip(), members(lines["Cpus_allowed_list"])))
	return sorted(found)


class Placement(unittest.TestCase):
	def started(self, *changes):
		poi = fixture.Poi(delivery_extra="threads: 2\n")
		self.addCleanup(poi.close)
		with open(poi.file) as f:
			text = f.read()
		for old, new in changes:
			self.assertIn(old, text)
			text = text.replace(old, new)
		with open(poi.file, "w") as f:
			f.write(text)
		poi.start_dataplane()
		found = threads(poi.dataplane.child.pid)
		status = poi.status()
		self.assertEqual(status["threads"]["delivery_cpus"],
			[cpu for name, cpus in found if name.startswith("poi-deliver-") for cpu in cpus])
		for name, cpus in found:
			if not name.startswith(("poi-deliver-", "poi-worker-", "eal-", "rte")):
				self.assertEqual(members(status["threads"]["control_cpus"]), cpus, name)
		return poi, found

	def of(self, found, start):
		return [cpus for name, cpus in found if name.startswith(start)]

	@unittest.skipUnless(len(MINE) > 1, "needs two CPUs")
	def test_without_the_keys(self):
		poi, found = self.started()
		names = [name for name, _ in found]
		for name in ("poi-dataplane", "poi-worker-0", "poi-deliver-0", "poi-deliver-1", "poi-report", "poi-clock",
				"poi-resolve"):
			self.assertEqual(names.count(name), 1, names)
		main, worker = fixture.cpus()
		self.assertEqual(self.of(found, "poi-worker-"), [{worker}])
		for name, cpus in found:
			if not name.startswith("poi-worker-"):
				self.assertNotIn(worker, cpus, name)
		delivery = set().union(*self.of(found, "poi-deliver-"))
		self.assertEqual([len(cpus) for cpus in self.of(found, "poi-deliver-")], [1, 1])
		self.assertEqual(len(delivery), min(2, max(1, len(MINE) - 2)))
		if len(MINE) > 2:
			for name, cpus in found:
				if not name.startswith("poi-deliver-"):
					self.assertFalse(delivery & cpus, name)

	@unittest.skipUnless(len(MINE) > 1, "needs two CPUs")
	def test_delivery_leaves_the_cpu_that_all_others_share(self):
		"""Two CPUs, and a worker on the main one: delivery has the other one alone."""
		shared, other = MINE[:2]
		poi, found = self.started(("--no-pci", f"--no-pci --lcores 0@{shared},1@{shared}"),
			(f"main-cpu: {shared}", f"main-cpu: {shared}\n  control-cpus: [{shared}]"), ("threads: 2", f"threads: 2\n  cpus: [{other}]"))
		self.assertEqual(self.of(found, "poi-deliver-"), [{other}, {other}])
		for name, cpus in found:
			if not name.startswith("poi-deliver-"):
				self.assertEqual(cpus, {shared}, name)

	@unittest.skipUnless(len(MINE) > 1, "needs two CPUs")
	def test_two_workers_on_two_cpus(self):
		"""--lcores names the CPUs: the first worker shares that of the main core, and status shows where each is."""
		first, second = MINE[:2]
		for cpus in ([first, second], [second, second]):
			poi, found = self.started(("--no-pci", "--no-pci --lcores 0@%d,1@%d,2@%d" % (first, *cpus)),
				(f"workers: [{second:d}]", f"workers: [{second:d}, 60]"))
			self.assertEqual(self.of(found, "poi-worker-"), [{cpu} for cpu in cpus])
			self.assertEqual([w["cpu"] for w in poi.status()["per_worker"]], cpus)

	def test_a_cpu_that_is_not_there(self):
		for key, old, new in (("delivery.cpus[0]", "threads: 2", "threads: 2\n  cpus: [1023]"),
				("dataplane.control-cpus[0]", "  main-cpu:", "  control-cpus: [1023]\n  main-cpu:")):
			poi = fixture.Poi(delivery_extra="threads: 2\n")
			self.addCleanup(poi.close)
			with open(poi.file) as f:
				text = f.read().replace(old, new)
			with open(poi.file, "w") as f:
				f.write(text)
			done = subprocess.run([poi.programs["poi-dataplane"], "-c", poi.file], capture_output=True, text=True, timeout=20)
			self.assertEqual(done.returncode, 1)
			self.assertIn(f"{key}: CPU 1023 is not there", done.stderr)
			check = subprocess.run([poi.programs["poi"], "check", poi.file], capture_output=True, text=True, timeout=20)
			self.assertIn(f"{key}: there is no CPU 1023", check.stdout)


if __name__ == "__main__":
	unittest.main()
