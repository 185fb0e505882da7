"""Hostile packets by the million: every frame's verdict is known from how it was made, one in 16 is a good packet of a
target, and none of those may be missed."""
import collections
import os
import random
import re
import sys
import unittest

import fixture
from faults.common import OTHER, figure
from fixture import udp_frame
from poi_lab import x1
from test_metrics import scrape
from test_profiles import FedPoi

sys.path.insert(0, os.path.join(fixture.TOP, "pktgen-profiles"))
import profiles  # noqa: E402

FRAMES = 10_000_000 if fixture.LONG else 1_000_000
CONTROL, EVERY = "192.0.2.200", 16
SEED = int(os.environ.get("POI_SEED", "13"))


class Recording(profiles.Profile):
	"""Keeps each frame with its verdict."""

	def add(self, frame, outcome, *hits):
		super().add(frame, outcome, *hits)
		self.made.append((frame, outcome, hits))


def hostile(frames):
	"""(frames, outcomes, hits of the profile's tasks): the malformed ones in random order, with good ones between."""
	plain, profiles.Profile = profiles.Profile, Recording
	Recording.made = made = []
	try:
		profile = profiles.PROFILES["malformed"](SEED, 1)
	finally:
		profiles.Profile = plain
	rng, outcomes, hits, out = random.Random(SEED), collections.Counter(), collections.Counter(), []
	for n in range(frames):
		if n % EVERY == 0:
			frame, outcome, of = udp_frame(CONTROL, OTHER, b"%d" % n), "ip", ("control",)
		else:
			frame, outcome, of = rng.choice(made)
		out.append(frame)
		outcomes[outcome] += 1
		hits.update(of)
	return profile, out, outcomes, hits


def memory(process):
	with open(f"/proc/{process.child.pid}/statm") as f:
		return int(f.read().split()[1]) * 4096


class Hostile(unittest.TestCase):
	maxDiff = None

	def test_million(self):
		profile, frames, outcomes, hits = hostile(FRAMES)
		fed = FedPoi(profile.port, lengths=False)
		self.addCleanup(fed.close)
		xids = {name: x1.new_id() for name in ("control", "host")}
		fed.activate({xids["control"]: [x1.target_ipv4(CONTROL)], xids["host"]: [x1.target_ipv4(profiles.TARGET)]})
		fed.send(frames[:20000])
		before = memory(fed.poi.dataplane)
		fed.send(frames[20000:])
		fed.alive()
		got, packets = fed.outcomes()
		self.assertEqual(dict(got), dict(outcomes))
		self.assertEqual(packets["classified"] + sum(packets["dropped"].values()), packets["received"])
		status = fed.settled()
		expected = hits["control"] + hits["host"]
		fed.mdf.wait_pdus(expected, 20)
		counts = fed.counts()
		self.assertEqual({n: counts[x] for n, x in xids.items()}, {n: hits[n] for n in xids})
		self.assertEqual((status["matches"], status["delivered"], sum(status["lost"].values())), (expected, expected, 0))
		grown = memory(fed.poi.dataplane) - before
		self.assertLess(grown, 160 << 20)  # the destination's buffer of 128 MiB may be touched for the first time
		busy = sum(float(v) for v in re.findall(r"^poi_worker_busy_seconds_total\{[^}]*\} (\S+)$", scrape(fed.poi)[2], re.M))
		figure("13", f"{len(frames)} frames, {len(outcomes)} verdicts, {sum(packets['dropped'].values()):d} malformed",
			f"each verdict as made; {hits['control']:d} good packets, 0 missed")
		figure("13", "mean time with a packet in hand, capture and reading of the pipe included", "%.2f us a frame" % (
			1e6 * busy / packets["received"]), "2 us")
		self.assertEqual(fed.close(), [0, 0])
