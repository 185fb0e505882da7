"""An SMF that triggers the points of interception of a UPF over LI_T3 and LI_T2 (TS 33.128 clause 6.2.3): plays the
sessions of a scenario file at a rate, looks at every answer, prints rates and latencies.

A scenario has one word and its values a line; `#` begins a comment:

  mdf3 127.0.0.1:9999      destination of xCC
  mdf2 127.0.0.1:9998      destination of xIRI (may be the same)
  upf 198.51.100.20        where the tunnels end; TEIDs are counted up from 1
  ue 10.45.0.0/16          user addresses, one a session
  sessions 1000            how many are set up in all
  live 100                 how many are up at a time (default: all)

and then the steps of each session, in order:

  setup x3 [x2 pdhr | x2 pdsr SECONDS]   ActivateTask by F-TEID for content, and by UE address for header reports
  check                                  GetTaskDetails: the tasks are there, as they were given last
  handover                               ModifyTask: a new F-TEID
  release                                DeactivateTask
"""
import argparse
import collections
import dataclasses
import http.client
import ipaddress
import json
import multiprocessing
import os
import ssl
import sys
import time

from poi_lab import admf, x1

KINDS = ("ActivateTask", "GetTaskDetails", "ModifyTask", "DeactivateTask")
STEPS = ("setup", "check", "handover", "release")


class Wrong(Exception):
	"""The scenario cannot be played."""


@dataclasses.dataclass
class Scenario:
	mdf3: tuple = None
	mdf2: tuple = None
	upf: str = None
	ue: object = None
	sessions: int = 0
	live: int = 0
	content: bool = False
	report: str = ""  # XML of HeaderReporting
	steps: list = dataclasses.field(default_factory=list)


def endpoint(text):
	address, _, port = text.rpartition(":")
	return str(ipaddress.ip_address(address.strip("[]"))), int(port)


def _setup(s, values):
	"""x3 and x2 with its kind of report, in any order."""
	values = list(values)
	while values:
		word = values.pop(0)
		if word == "x3":
			s.content = True
		elif word == "x2" and values[:1] == ["pdhr"]:
			s.report = x1.header_reporting(values.pop(0))
		elif word == "x2" and values[:1] == ["pdsr"]:
			s.report = x1.header_reporting(values.pop(0), seconds=int(values.pop(0)))
		else:
			raise ValueError
	if not s.content and not s.report:
		raise ValueError


def parse(text):
	s = Scenario()
	for number, line in enumerate(text.splitlines(), 1):
		word, *values = line.partition("#")[0].split() or [""]
		try:
			if word in ("mdf2", "mdf3") and len(values) == 1:
				setattr(s, word, endpoint(values[0]))
			elif word == "upf" and len(values) == 1:
				s.upf = str(ipaddress.ip_address(values[0]))
			elif word == "ue" and len(values) == 1:
				s.ue = ipaddress.ip_network(values[0])
			elif word in ("sessions", "live") and len(values) == 1:
				setattr(s, word, int(values[0]))
			elif word in STEPS and (word == "setup" or not values):
				if word == "setup":
					_setup(s, values)
				s.steps.append(word)
			elif word:
				raise ValueError
		except (ValueError, IndexError):
			raise Wrong(f"line {number}: {line.strip()}") from None
	need = {"sessions": s.sessions > 0, "a setup first": s.steps[:1] == ["setup"] and s.steps.count("setup") == 1,
		"nothing behind release": "release" not in s.steps[:-1], "upf and mdf3": not s.content or (s.upf and s.mdf3),
		"ue and mdf2": not s.report or (s.ue and s.mdf2),
		"an address for each session": not s.report or s.ue.num_addresses > s.sessions}
	for what, there in need.items():
		if not there:
			raise Wrong(f"the scenario needs {what}")
	s.live = s.live or s.sessions
	return s


class Session:
	"""The tasks of one PDU session. `number` counts all of a run's sessions."""

	def __init__(self, scenario, number, dids):
		self.s, self.number, self.moves = scenario, number, 0
		product = x1.new_id()  # of the warrant; the correlation ID is the session's
		self.tasks = []
		for wanted, did, delivery, report in ((scenario.content, dids["mdf3"], "X3Only", ""),
				(scenario.report, dids["mdf2"], "X2Only", scenario.report)):
			if wanted:
				self.tasks.append((x1.new_id(), delivery, [did], {"correlation": number + 1, "product": product, "extensions": report}))

	@property
	def teid(self):
		return 1 + self.number + self.moves * self.s.sessions

	def target(self, delivery):
		if delivery == "X3Only":
			return x1.target_fteid(self.teid, self.s.upf)
		address = str(self.s.ue[self.number + 1])
		return x1.target_ipv6(address) if self.s.ue.version == 6 else x1.target_ipv4(address)

	def _details(self, kind, tasks):
		return [x1.Message(kind, x1.task_details(xid, [self.target(delivery)], dids, delivery=delivery, **more))
			for xid, delivery, dids, more in tasks]

	def messages(self, step):
		if step == "setup":
			return self._details("ActivateTask", self.tasks)
		if step == "handover":
			self.moves += 1
			return self._details("ModifyTask", [t for t in self.tasks if t[1] == "X3Only"])
		kind = "GetTaskDetails" if step == "check" else "DeactivateTask"
		return [x1.Message(kind, x1.xid_body(t[0])) for t in self.tasks]

	def right(self, message, answer):
		"""None, or what is wrong with this answer."""
		if message.kind != "GetTaskDetails":
			return None if answer.completed and answer.kind == message.kind + "Response" else f"{message.kind}: {answer}"
		if not answer.ok or answer.text("provisioningStatus") != "complete":
			return f"GetTaskDetails: {answer}"
		if answer.text("deliveryType") == "X3Only":
			got = [e.text for e in answer.element.iter() if e.tag.endswith("}TEID")]
			return None if got == [str(self.teid)] else f"GetTaskDetails: TEID {got}, expected {self.teid}"
		return None


class Player:
	"""The share of the sessions that goes over one connection."""

	def __init__(self, options, scenario, dids):
		self.o, self.s, self.dids = options, scenario, dids
		self.client = admf.Admf(options.url, options.pki, options.identity, options.admf, options.ne, None, options.timeout)
		self.took = {k: [] for k in KINDS}  # seconds until the answer, of every message
		self.wrong, self.first_wrong = 0, []

	def events(self, share):
		"""[(place in time, session number, index of its step)]: session n begins at place n; `live` of them are up at a time."""
		gap = self.s.live / max(1, len(self.s.steps) - 1)
		return sorted((n + k * gap, n, k) for n in range(share, self.s.sessions, self.o.connections) for k in range(len(self.s.steps)))

	def play(self, share, start):
		sessions = {}
		pace = self.o.rate / max(1, len(self.s.steps)) if self.o.rate else 0  # sessions a second
		for place, number, k in self.events(share):
			wait = start + place / pace - time.monotonic() if pace else 0
			if wait > 0:
				time.sleep(wait)
			session = sessions.get(number) or sessions.setdefault(number, Session(self.s, number, self.dids))
			self.one(session, session.messages(self.s.steps[k]))
			if k + 1 == len(self.s.steps):
				del sessions[number]

	def one(self, session, messages):
		if not messages:
			return
		begin = time.monotonic()
		answers = self.client.send(messages)
		took = time.monotonic() - begin
		for message, answer in zip(messages, answers):
			self.took[message.kind].append(took)
			wrong = session.right(message, answer)
			if wrong:
				self.wrong += 1
				self.first_wrong = (self.first_wrong + [wrong])[:5]


def _process(options, scenario, dids, share, start, pipe):
	player = Player(options, scenario, dids)
	try:
		player.play(share, start)
	except (admf.BadAnswer, OSError, ssl.SSLError, http.client.HTTPException) as e:
		player.wrong += 1
		player.first_wrong.append(str(e))
	pipe.send((player.took, player.wrong, player.first_wrong, time.monotonic()))
	pipe.close()


def percentile(values, p):
	return values[min(len(values) - 1, int(len(values) * p / 100))]


def run(options, scenario, dids):
	"""Plays it all; a dict of figures."""
	start = time.monotonic()
	context, ends, processes = multiprocessing.get_context("fork"), [], []
	for share in range(options.connections):
		mine, theirs = context.Pipe(False)
		processes.append(context.Process(target=_process, args=(options, scenario, dids, share, start, theirs)))
		processes[-1].start()
		theirs.close()
		ends.append(mine)
	took, wrong, first, last = collections.defaultdict(list), 0, [], start
	for mine in ends:
		try:
			part, bad, texts, end = mine.recv()
		except EOFError:
			wrong, first = wrong + 1, first + ["a connection's process ended"]
			continue
		for kind, values in part.items():
			took[kind] += values
		wrong, first, last = wrong + bad, first + texts, max(last, end)
	for p in processes:
		p.join()
	seconds = last - start
	kinds = {}
	for kind in KINDS:
		values = sorted(took[kind])
		if values:
			kinds[kind] = {"count": len(values), "per_second": round(len(values) / seconds, 1),
				"ms": {name: round(percentile(values, p) * 1e3, 2) for name, p in (("p50", 50), ("p90", 90), ("p99", 99), ("max", 100))}}
	return {"seconds": round(seconds, 3), "sessions": scenario.sessions, "requests": kinds, "wrong": wrong, "first_wrong": first[:5]}


def destinations(client, scenario):
	"""Creates what the scenario delivers to: {name: DID}."""
	dids = {}
	for name, place, delivery in (("mdf3", scenario.mdf3, "X3Only"), ("mdf2", scenario.mdf2, "X2Only")):
		dids[name] = x1.new_id()
		if place:
			answer = client.create_destination(dids[name], *place, delivery)
			if not answer.completed:
				raise admf.BadAnswer(f"CreateDestination: {answer}")
	return dids


def command(options):
	try:
		with open(options.scenario) as f:
			scenario = parse(f.read())
	except (OSError, Wrong) as e:
		print(f"smf: {options.scenario}: {getattr(e, 'strerror', None) or e}", file=sys.stderr)
		return 2
	options.connections = max(1, min(options.connections, scenario.sessions))
	client = admf.Admf(options.url, options.pki, options.identity, options.admf, options.ne, None, options.timeout)
	try:
		dids = destinations(client, scenario)
		client.close()
		figures = run(options, scenario, dids)
		if "release" in scenario.steps:
			for name, place in (("mdf3", scenario.mdf3), ("mdf2", scenario.mdf2)):
				if place and not client.remove_destination(dids[name]).ok:
					figures["wrong"] += 1
					figures["first_wrong"].append("RemoveDestination: a task still names it")
	except (admf.BadAnswer, OSError, ssl.SSLError, http.client.HTTPException) as e:
		print(f"smf: {e}", file=sys.stderr)
		return 2
	if options.json:
		print(json.dumps(figures))
	else:
		print(f"{figures['sessions']:d} sessions in {figures['seconds']:.2f} s over {options.connections:d} connections")
		for kind, k in figures["requests"].items():
			print("  %-15s %8d  %8.1f/s  p50 %.2f  p90 %.2f  p99 %.2f  max %.2f ms" % (kind, k["count"], k["per_second"],
				*k["ms"].values()))
		print("  wrong answers   %8d%s" % (figures["wrong"], "".join("\n    " + t for t in figures["first_wrong"])))
	return 1 if figures["wrong"] else 0


def options(parser):
	parser.formatter_class = argparse.RawDescriptionHelpFormatter
	parser.description = __doc__
	parser.add_argument("scenario", help="file, see above")
	parser.add_argument("--url", default="https://127.0.0.1:443/X1/NE", help="X1 server, default %(default)s")
	parser.add_argument("--pki", required=True, metavar="DIR", help="folder made by poi-lab pki")
	parser.add_argument("--identity", default="admf", metavar="NAME", help="NAME.pem and NAME.key in it, default %(default)s")
	parser.add_argument("--admf", default="admf-01", help="the SMF's identifier (admfIdentifier), default %(default)s")
	parser.add_argument("--ne", default="poi-01", help="neIdentifier, default %(default)s")
	parser.add_argument("--rate", type=float, default=0, metavar="N", help="steps a second, all sessions together (default: as fast as it goes)")
	parser.add_argument("--connections", type=int, default=min(4, os.cpu_count() or 1), metavar="N",
		help="each with a process of its own, default %(default)s")
	parser.add_argument("--timeout", type=float, default=15, metavar="S", help="TIME2, default %(default)s")
	parser.add_argument("--json", action="store_true", help="one line of JSON")
	parser.set_defaults(run=command)
