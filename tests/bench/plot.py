#!/usr/bin/python3
"""Draws the figures that benchmarks wrote as JSON: one SVG for each, with a picture for each panel.

tests/bench/plot.py FOLDER [OUT]: reads FOLDER/*.json, writes OUT/*.svg (FOLDER, without OUT). What is drawn
is the median with the spread around it. Wants python3-matplotlib."""
import collections
import json
import os
import re
import sys

import matplotlib
matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402 the back end must be chosen first

# The same figures make the same file; text stays text.
matplotlib.rcParams.update({"svg.hashsalt": "poi", "svg.fonttype": "none", "font.size": 9})
# For each benchmark: what the picture shows, how its axes count, the command.
ABOUT = {
	"deliver": ("From a packet in the ring to TLS records", "log", "linear", "meson test --benchmark deliver"),
	"commit": ("From a change to its being in force, 100,000 tasks", "log", "log", "meson test --benchmark commit"),
	"match": ("Parsing and matching, no packet matches", "log", "linear", "meson test --benchmark match"),
	"match_dpdk": ("Beside DPDK's tables, no packet matches", "log", "linear", "meson test --benchmark match_dpdk"),
}
# What the panels of bench_match show, by its names for the frames.
PANELS = {"plain4": "IPv4", "plain6": "IPv6", "gtp4": "GTP-U with IPv4", "gtp6": "GTP-U with IPv6",
	"gtp4-nodes": "GTP-U with IPv4, 4,096 nodes"}


def lines(points):
	"""The points of one panel, by line, in the order in which the lines came."""
	found = collections.OrderedDict()
	for p in points:
		found.setdefault(p["line"], []).append(p)
	return found


def draw_panel(axes, points, x_scale, y_scale):
	for name, of_line in lines(points).items():
		of_line = sorted(of_line, key=lambda p: p["x"])
		xs = [p["x"] for p in of_line]
		curve, = axes.plot(xs, [p["median"] for p in of_line], label=name, marker="o" if len(xs) < 20 else None, markersize=3)
		axes.fill_between(xs, [p["low"] for p in of_line], [p["high"] for p in of_line], alpha=0.2, color=curve.get_color(), linewidth=0)
	axes.set_xscale(x_scale)
	axes.set_yscale(y_scale)
	xs = sorted({p["x"] for p in points})
	if len(xs) < 12:
		axes.set_xticks(xs, ["{:,.6g}".format(x) for x in xs], rotation=40)
		axes.minorticks_off()
	axes.grid(True, alpha=0.3)


def kind(figures):
	"""A benchmark's name without the generation of the CPU that its loops are for."""
	return re.sub(r"_v\d$", "", figures["bench"])


def draw(figures, path):
	title, x_scale, y_scale, command = ABOUT[kind(figures)]
	panels = collections.OrderedDict()
	for p in figures["points"]:
		panels.setdefault(p["panel"], []).append(p)
	across = min(len(panels), 2)
	down = -(-len(panels) // across)
	picture, axes = plt.subplots(down, across, figsize=(4.6 * across, 3.2 * down + 0.8), sharey=True, squeeze=False)
	for ax, (name, points) in zip(axes.flat, panels.items()):
		draw_panel(ax, points, x_scale, y_scale)
		ax.set_title(PANELS.get(name, name))
		ax.set_xlabel(figures["x"])
	for ax in list(axes.flat)[len(panels):]:
		ax.set_visible(False)
	for row in axes:
		row[0].set_ylabel(figures["unit"])
	if y_scale == "linear":  # of all panels, for they share the axis
		axes.flat[0].set_ylim(0, 1.05 * max(p["high"] for p in figures["points"]))
	picture.legend(*axes.flat[0].get_legend_handles_labels(), loc="lower center", ncol=3, fontsize=8)
	picture.suptitle(f"{title}\n{figures['cpu']}; {command}", fontsize=10)
	picture.tight_layout(rect=(0, 0.5 / picture.get_figheight(), 1, 1))
	picture.savefig(path, metadata={"Date": None, "Creator": None})
	plt.close(picture)


def main(folder, out=None):
	out = out or folder
	os.makedirs(out, exist_ok=True)
	names = sorted(n for n in os.listdir(folder) if n.endswith(".json"))
	if not names:
		sys.exit(f"{folder}: no figures; run tests/bench/run first")
	for name in names:
		with open(os.path.join(folder, name)) as f:
			figures = json.load(f)
		if kind(figures) not in ABOUT:
			sys.exit(f"{name}: no picture is known for the benchmark {figures['bench']}")
		path = os.path.join(out, figures["bench"] + ".svg")
		draw(figures, path)
		print(path)


if __name__ == "__main__":
	if len(sys.argv) not in (2, 3):
		sys.exit(__doc__)
	main(*sys.argv[1:])
