"""What must hold of a network element, by what its ADMF was answered and what it was told: a model of its own that shares
nothing with the product but the words of X1."""
import collections
import json
import os
import xml.etree.ElementTree as ElementTree

from poi_lab import x1

TERMINATED = "TerminatingFault"
FAULTS = {"ReportNEIssue": ("FaultReport", "FaultCleared")}
OF_OBJECTS = "NonTerminatingFault", "AllClear"
FULLY = "FullyActionedAndSuccessful"


def canonical(element):
	"""An element with all that is in it, comparable: (name, text, children in their order)."""
	text = (element.text or "").strip()
	return element.tag, text, tuple(canonical(e) for e in element)


def asked(body):
	"""Of the XML of a request's details."""
	document = f'<r xmlns:x1="{x1.X1}" xmlns:c="{x1.C}" xmlns:xsi="{x1.XSI}">{body}</r>'
	return canonical(ElementTree.fromstring(document)[0])


def text_of(element, name):
	found = element.find(f".//{{{x1.X1}}}{name}")
	return found.text if found is not None else None


def held(answer):
	"""({XID: details}, {DID: details}, {XID or DID: its element}) of a GetAllDetails response."""
	tasks, destinations, elements = {}, {}, {}
	for kind, key, details, book in (("taskResponseDetails", "xId", "taskDetails", tasks),
			("destinationResponseDetails", "dId", "destinationDetails", destinations)):
		for e in answer.all(kind):
			identifier = text_of(e, key)
			book[identifier] = canonical(e.find(f"{{{x1.X1}}}{details}"))
			elements[identifier] = e
	return tasks, destinations, elements


def differences(book, there):
	"""Of {key: set of possible details, None for not there} and what is there."""
	wrong = []
	for key in sorted(set(book) | set(there)):
		possible, state = book.get(key, {None}), there.get(key)
		if state not in possible:
			wrong.append(f"{key}: holds {show(state)}, may be {' or '.join(sorted(map(show, possible)))}")
	return wrong


def show(state):
	if state is None:
		return "nothing"
	name, text, children = state
	return "%s%s" % (text or name.rpartition("}")[2], f"({' '.join(map(show, children))})" if children else "")


class Reports:
	"""What the ADMF was sent, in its order; `answered`: only what it answered with OK."""

	def __init__(self, path):
		self.path = path

	def all(self, answered=True):
		if not os.path.exists(self.path):
			return []
		with open(self.path) as f:
			lines = [json.loads(line) for line in f if line.endswith("\n")]
		return [r for r in lines if r["type"] in ("ReportNEIssue", "ReportTaskIssue", "ReportDestinationIssue") and
			(r["answer"] == "ok" or not answered)]

	def of(self, identifier, *kinds, answered=True):
		return [r for r in self.all(answered) if r["id"] == identifier and (not kinds or r["report"] in kinds)]

	def texts(self, identifier):
		"""All that was said of it: to the network element's account where the object was gone."""
		return [r["description"] or "" for r in self.all() if r["id"] == identifier or identifier in (r["description"] or "")]


class Truth:
	"""Of one network element: what each answer said, and what is owed."""

	def __init__(self, ne):
		self.ne = ne
		self.tasks, self.destinations = {}, {}  # identifier: details
		self.owed = {}  # transaction that was answered `Acknowledged`: the identifier it is about
		self.standing, self.over = set(), set()  # objects whose fault stands, or is over: told first, cleared since
		self.stopped = set()  # XIDs that the fail-safe ended

	def took(self, answer, book, key, body):
		"""`body`: of the details that hold from now on, None: it is removed."""
		if answer.result == "Acknowledged":
			self.owed[answer.transaction] = key
		elif not answer.completed:
			raise AssertionError(f"{answer} of {key}")
		book[key] = body and asked(body)
		if body is None:
			del book[key]
		return answer

	# --- after it
	def forgotten(self):
		"""Both processes are gone, and there is no store: nothing is promised but that this is told."""
		self.tasks, self.destinations, self.owed = {}, {}, {}
		self.standing, self.over, self.stopped = set(), set(), set()

	def wrong(self, answer):
		"""What GetAllDetails says otherwise than what was answered."""
		tasks, destinations, elements = held(answer)
		wrong = differences({k: {v} for k, v in self.tasks.items()}, tasks)
		wrong += differences({k: {v} for k, v in self.destinations.items()}, destinations)
		for xid in set(tasks) & set(self.tasks):
			status = text_of(elements[xid], "provisioningStatus")
			if status != "complete":
				wrong.append(f"task {xid}: {status}")
		for did in self.standing & set(destinations):
			if text_of(elements[did], "destinationDeliveryStatus") != "deliveryFault":
				wrong.append(f"the fault of {did} does not stand")
		for did in self.over & set(destinations):
			if text_of(elements[did], "destinationDeliveryStatus") != "activeAndWorking":
				wrong.append(f"{did} has a fault")
		return wrong

	def missing(self, reports):
		"""What the ADMF has not been told yet."""
		out = []
		for transaction, key in self.owed.items():
			if not self.ends(reports, transaction, key):
				out.append(f"the end of {transaction} about {key}")
		for xid in self.stopped:
			if not reports.of(xid, TERMINATED):
				out.append(f"the end of {xid} by the fail-safe")
		for key in self.standing | self.over:
			said = [r["report"] for r in reports.of(key, *OF_OBJECTS)]
			expected = OF_OBJECTS[key in self.over]
			if not said or said[-1] != expected:
				out.append(f"{expected} of {key}: {[(r['report'], r['description']) for r in reports.of(key)]}")
		return out

	@staticmethod
	def ends(reports, transaction, key):
		return [r for r in reports.of(key, FULLY) if transaction in (r["description"] or "")]

	def twice(self, reports):
		"""What the ADMF was told wrongly: twice as new, or in a wrong order."""
		out = []
		for transaction, key in self.owed.items():
			if len(self.ends(reports, transaction, key)) > 1:
				out.append(f"the end of {transaction} about {key} came again")
		for xid in self.stopped:
			if len(reports.of(xid, TERMINATED)) > 1:
				out.append(f"the end of {xid} by the fail-safe came again")
		for key in set(self.tasks) | set(self.destinations) | self.standing | self.over:
			out += self.alternates(key, [r["report"] for r in reports.of(key, *OF_OBJECTS)])
		return out

	@staticmethod
	def alternates(key, said):
		"""A clear follows its fault. A fault that stands is told again by a new process, a clear is not."""
		before, out = "AllClear", []
		for report in said:
			if report == "AllClear" and before == "AllClear":
				out.append(f"{key}: cleared without a fault: {said}")
			before = report
		return out

	@staticmethod
	def of_element(reports, ne):
		"""Faults of the element itself: each clear has a fault before it, and none stands at the end."""
		count = collections.Counter()
		for r in reports.all():
			if r["type"] == "ReportNEIssue" and r["ne"] == ne and r["report"] in FAULTS[r["type"]]:
				count[r["report"]] += 1
				if count["FaultCleared"] > count["FaultReport"]:
					return [f"a clear before its fault: {r['description']}"]
		return []
