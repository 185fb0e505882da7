#!/usr/bin/python3
"""Draws the dashboard from sample data, without Grafana: draw_board.py > docs/figures/dashboard.svg

The samples tell of three hours on one machine: the second MDF is away for 20 minutes, its content waits and goes out
when it is back; poi-dataplane is restarted once. The file is the same with each run. A panel without a sample is an error.
"""
import html
import json
import math
import os
import sys

BOARD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "poi-dashboard.json")
POINTS = 90  # of three hours, one each two minutes
AWAY = range(40, 50)  # the second MDF
RESTART = 70  # of poi-dataplane
COLUMN, ROW, GAP = 40, 20, 6  # of Grafana's grid, in pixels
COLOURS = ("#3274d9", "#e0752d", "#56a64b", "#a352cc", "#e02f44", "#b8860b")
STYLE = """svg{font:11px sans-serif}.back{fill:#f4f5f5}.panel{fill:#fff;stroke:#d0d3d8}.text{fill:#24292e}
.soft{fill:#6b7178}.grid{stroke:#e1e3e6}.mark{stroke-dasharray:3 3;stroke-width:1.2}
@media(prefers-color-scheme:dark){.back{fill:#111217}.panel{fill:#181b1f;stroke:#34373d}.text{fill:#e6e7e8}
.soft{fill:#9a9fa6}.grid{stroke:#2a2d33}}"""


def swing(base, part=0.1, turn=0.0):
	"""What goes slowly up and down about `base`."""
	return lambda i: base * (1 + part * (math.sin(i / 14 + turn) + 0.3 * math.sin(i / 2.3 + 2 * turn)))


def wave(base, part=0.1, turn=0.0):
	"""A load, which falls to nothing for a moment at the restart."""
	return lambda i: 0 if i == RESTART else swing(base, part, turn)(i)


def learnt(base):
	"""What is known from the signalling: the restart forgets it, and it is heard of again in half an hour."""
	return lambda i: swing(base, 0.05)(i) * (1 if i < RESTART else min(1, (i - RESTART) / 15))


def flat(value):
	return lambda i: value


def away(value, otherwise=0):
	"""`value` while the second MDF is away."""
	return lambda i: value if i in AWAY else otherwise


def only(value):
	"""`value` at the restart."""
	return lambda i: value if i == RESTART else 0


def backlog(rate, drain):
	"""What waits: it grows while the MDF is away, and goes out afterwards."""
	def at(i):
		if i < AWAY.start:
			return 0
		grown = rate * (min(i, AWAY.stop) - AWAY.start)
		return max(0, grown - drain * max(0, i - AWAY.stop))
	return at


SAMPLES = {  # title of the panel -> (legend, function of the point's number)
	"Dataplane": [("", flat(1))],
	"X1 takes requests": [("", flat(1))],
	"Ledger": [("", flat(1))],
	"Faults": [("", flat(0))],
	"Destinations down": [("", flat(0))],
	"Days left of certificates": [("", flat(143))],
	"Faults by kind": [("link", flat(0)), ("port_loss", flat(0)), ("spool", flat(0)), ("certificate", flat(0))],
	"Clock": [("error", swing(0.0007, 0.2)), ("offset", swing(0.0001, 0.4, 1))],
	"Frames per second": [("n3", wave(2.1e6, 0.2)), ("n6", wave(1.9e6, 0.2, 0.2))],
	"Frames lost before they were looked at": [("n3 missed", flat(0)), ("n3 without a buffer", flat(0))],
	"Links": [("n3", flat(1)), ("n6", flat(1))],
	"Busy share of the workers": [("worker 0", wave(0.46, 0.2)), ("worker 1", wave(0.42, 0.2, 0.2))],
	"Frames by worker": [("worker 0", wave(2.0e6, 0.2)), ("worker 1", wave(2.0e6, 0.2, 0.1))],
	"Frames that were not understood": [("not IP", wave(140, 0.3)), ("tunnel_bad", wave(3, 0.5, 2))],
	"Matches and copies per second": [("matches", wave(41000, 0.2)),
		("copies confirmed", lambda i: wave(41000, 0.2)(i) * (0.6 if i in AWAY else 1.25 if AWAY.stop < i < AWAY.stop + 17 else 1))],
	"Content delivered": [("octets", lambda i: wave(3.3e7, 0.2)(i) * (0.6 if i in AWAY else 1.25 if AWAY.stop < i < AWAY.stop + 17 else 1))],
	"Copies lost": [("buffer", flat(0)), ("spool", flat(0)), ("overload", flat(0))],
	"Destinations by state": [("up", away(3, 4)), ("down", away(1)), ("connecting", flat(0))],
	"Octets that wait": [("up", backlog(0, 1)), ("down", backlog(1.6e9, 1.0e9))],
	"Copies that wait, or in doubt": [("wait", backlog(2.0e6, 1.2e6)), ("in doubt", away(310))],
	"Connections to destinations": [("up", away(6, 8)), ("not up", away(2))],
	"Time to the confirmation": [("X3 half", swing(0.0011, 0.1)), ("X3 99 of 100", swing(0.0042, 0.3)), ("X3 999 of 1,000", swing(0.009, 0.3, 1))],
	"Copies confirmed by time": [("within 0.001 s", wave(18000, 0.2)), ("within 0.01 s", wave(40700, 0.2)), ("within 1 s", wave(41000, 0.2))],
	"Requests per second": [("ok", swing(0.6, 0.6)), ("error", flat(0.02))],
	"Time to the answer": [("changes", swing(0.012, 0.4)), ("queries", swing(0.004, 0.2, 1))],
	"Refused before X1": [("tls", lambda i: 0.3 if i in (22, 23, 61) else 0)],
	"Reports that wait for an ADMF": [("waiting", lambda i: 1 if i in (AWAY.start, AWAY.stop, RESTART) else 0), ("given up", flat(0))],
	"Audit lines lost": [("lost", flat(0)), ("left out", flat(0))],
	"Sessions known": [("sessions", learnt(412000)), ("partial", learnt(900))],
	"Signalling messages per second": [("pfcp", wave(2100, 0.3)), ("gtpv2", wave(640, 0.3, 1))],
	"Signalling lost": [("lost", flat(0))],
	"Functions connected": [("smf-1", flat(1)), ("amf-1", flat(1)), ("poi-events", lambda i: i != RESTART)],
	"Events taken per second": [("smf-1", wave(320, 0.3)), ("amf-1", wave(410, 0.3, 1))],
	"Events refused or put off per second": [("smf-1 refused", flat(0)), ("smf-1 put off", only(9)), ("amf-1 put off", only(12))],
	"Events refused by reason": [("missing", flat(0))],
	"Sessions and registrations of events": [("sessions", wave(96000, 0.03)), ("registrations", wave(61000, 0.03))],
	"Memory of events": [("octets", wave(8.4e7, 0.03))],
	"PDUs shortened to max-pdu": [("shortened", flat(0))],
}
UNITS = {"Bps": "B/s", "bytes": "B", "s": "s", "percentunit": "%", "cps": "/s", "pps": "/s", "reqps": "/s", "mps": "/s", "eps": "/s", "binBps": "B/s", "decbytes": "B"}


def number(value, unit):
	"""Short, as Grafana writes it."""
	if unit == "percentunit":
		return f"{100 * value:.0f} %"
	tail = UNITS.get(unit, "")
	for bound, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
		if abs(value) >= bound:
			return f"{value / bound:.3g} {letter}{tail}"
	if value and abs(value) < 1 and unit == "s":
		return f"{1000 * value:.3g} ms"
	return f"{value:.3g}{' ' if tail else ''}{tail}"


def box(panel):
	g = panel["gridPos"]
	return g["x"] * COLUMN + GAP, g["y"] * ROW + GAP, g["w"] * COLUMN - GAP, g["h"] * ROW - GAP


def text(x, y, words, kind="text", more=""):
	return f'<text class="{kind}" x="{x:.0f}" y="{y:.0f}" {more}>{html.escape(words)}</text>'


def draw_stat(panel, series):
	x, y, w, h = box(panel)
	value = series[0][1](POINTS - 1)
	good = value != 0 if panel["title"] in ("Dataplane", "X1 takes requests", "Ledger") else value == 0
	colour = "#37872d" if good or panel["title"].startswith("Days") else "#c4162a"
	return [f'<rect x="{x}" y="{y}" width="{w}" height="{h}" rx="2" fill="{colour}"/>',
		text(x + 8, y + 16, panel["title"], "", 'fill="#fff"'),
		text(x + w / 2, y + h / 2 + 18, f"{value:g}", "", 'fill="#fff" font-size="26" text-anchor="middle"')]


def draw_lines(panel, series):
	x, y, w, h = box(panel)
	unit = panel["fieldConfig"]["defaults"].get("unit", "")
	left, top, width, height = x + 60, y + 26, w - 72, h - 62
	most = max(max(f(i) for i in range(POINTS)) for _, f in series) or 1
	out = [f'<rect class="panel" x="{x}" y="{y}" width="{w}" height="{h}" rx="2"/>', text(x + 8, y + 16, panel["title"], "text", 'font-weight="600"')]
	for part in (0, 0.5, 1):
		at = top + height * (1 - part)
		out += [f'<line class="grid" x1="{left}" x2="{left + width}" y1="{at:.0f}" y2="{at:.0f}"/>',
			text(left - 4, at + 4, number(most * part, unit), "soft", 'text-anchor="end"')]
	for i, colour in ((AWAY.start, "#e0752d"), (RESTART, "#a352cc")):
		at = left + width * i / (POINTS - 1)
		out.append(f'<line class="mark" stroke="{colour}" x1="{at:.0f}" x2="{at:.0f}" y1="{top}" y2="{top + height}"/>')
	legend = x + 8
	for place, (name, f) in enumerate(series):
		colour = COLOURS[place % len(COLOURS)]
		points = " ".join(f"{left + width * i / (POINTS - 1):.1f},{top + height * (1 - f(i) / most):.1f}" for i in range(POINTS))
		out.append(f'<polyline fill="none" stroke="{colour}" stroke-width="1.4" points="{points}"/>')
		out += [f'<rect x="{legend}" y="{y + h - 14}" width="10" height="3" fill="{colour}"/>', text(legend + 14, y + h - 9, name, "soft")]
		legend += 24 + 6 * len(name)
	for i, hour in ((0, "09:00"), (30, "10:00"), (60, "11:00"), (POINTS - 1, "12:00")):
		out.append(text(left + width * i / (POINTS - 1), top + height + 14, hour, "soft", 'text-anchor="end"' if i == POINTS - 1 else 'text-anchor="middle"'))
	return out


def main():
	with open(BOARD) as f:
		board = json.load(f)
	panels = board["panels"]
	height = max(p["gridPos"]["y"] + p["gridPos"]["h"] for p in panels) * ROW + 4 * GAP + 16
	width = 24 * COLUMN + GAP
	out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">', f"<style>{STYLE}</style>",
		f'<rect class="back" width="{width}" height="{height}"/>']
	for panel in panels:
		x, y, _, _ = box(panel)
		if panel["type"] == "row":
			out.append(text(x + 2, y + 13, "▾ " + panel["title"], "text", 'font-weight="600" font-size="13"'))
		elif panel["title"] not in SAMPLES:
			sys.exit(f"draw_board.py: no sample for the panel '{panel['title']}'")
		elif panel["type"] == "stat":
			out += draw_stat(panel, SAMPLES[panel["title"]])
		else:
			out += draw_lines(panel, SAMPLES[panel["title"]])
	out.append(text(GAP, height - GAP, "Sample data, three hours. Orange mark: a destination went down. Violet: poi-dataplane restarted.", "soft"))
	out.append("</svg>")
	print("\n".join(out))


if __name__ == "__main__":
	main()
