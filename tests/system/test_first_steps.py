"""docs/first-steps.md: its commands, in a network namespace of their own, as they stand there but for the first line."""
import os
import re
import shutil
import subprocess
import tempfile
import unittest

import fixture

LAB = os.path.join(fixture.TOP, "tests", "lab", "poi-lab")


class FirstSteps(unittest.TestCase):
	@unittest.skipUnless(fixture.ROOT, "needs root for a veth link")
	def test_the_commands(self):
		with open(os.path.join(fixture.TOP, "docs", "first-steps.md")) as f:
			script = "".join(re.findall(r"(?ms)^```sh\n(.*?)^```$", f.read()))
		first, rest = script.split("\n", 1)
		self.assertRegex(first, r"^first=\S+ x1=\d+ x3=\d+ link=\w+ main=0 worker=1$")
		folder = tempfile.mkdtemp(prefix="poi-first-")
		self.addCleanup(shutil.rmtree, folder, True)
		for name in ("poi", "poi-control", "poi-dataplane"):
			os.symlink(fixture.program(name), os.path.join(folder, name))
		os.symlink(LAB, os.path.join(folder, "poi-lab"))
		main, worker = fixture.cpus()
		script = f"mount -t sysfs sysfs /sys\nip link set lo up\nfirst={folder}/first x1=8443 x3=9999 link=first main={main} worker={worker}\n{rest}"
		# The namespaces go with the shell, and so do processes that a failure leaves behind.
		done = subprocess.run(["unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "bash", "-eu", "-c", script],
			capture_output=True, text=True, timeout=90, check=False, env={**os.environ, "PATH": folder + ":" + os.environ["PATH"], "no_proxy": "*"})
		out = done.stdout + done.stderr
		self.assertEqual(done.returncode, 0, out)
		self.assertNotIn("FAIL ", out)
		self.assertEqual(out.count("AcknowledgedAndCompleted"), 3, out)
		self.assertRegex(out, r"matches +3 +delivered 3 ")
		self.assertIn("3 PDUs, 1 contexts, 0 wrong", out)
		self.assertIn("3 (from target)", out)
