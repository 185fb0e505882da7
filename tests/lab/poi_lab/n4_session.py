"""A session of the model in n4_model: its rules, what waits on top of them, and the tunnels and addresses by which its
packets can be known."""
import copy
import ipaddress

ACCESS, CORE = 0, 1


def prefix(text):
	base, _, length = text.partition("/")
	if ":" in base:
		return ipaddress.ip_network((base, int(length or 64)), strict=False)
	return ipaddress.ip_network(base)


def name_of(ni):
	"""The name that a Network Instance says, whichever selector it is written."""
	if isinstance(ni, bytes):
		ni = ni.decode("latin1")
	return ni.removeprefix("text:").lower().split(".mnc")[0]


def flow_matches(text, user, uplink):
	"""`permit out PROTOCOL from SOURCE [PORTS] to DESTINATION [PORTS]`, written for the downlink."""
	words = text.split()
	at = words.index("to")
	ends = [words[words.index("from") + 1:at], words[at + 1:]]
	if uplink:
		ends.reverse()
	if words[2] != "ip" and int(words[2]) != user["protocol"]:
		return False
	for n, end in enumerate(ends):
		if end[0] not in ("any", "assigned") and ipaddress.ip_address(user["ends"][n]) not in ipaddress.ip_network(end[0]):
			return False
		if len(end) > 1:
			ranges = [[int(p) for p in part.split("-")] for part in end[1].split(",")]
			if user["protocol"] not in (6, 17) or not any(r[0] <= user["ports"][n] <= r[-1] for r in ranges):
				return False
	return True


class Rules:
	def __init__(self):
		self.pdrs, self.fars, self.endpoints = {}, {}, {}

	def apply(self, m):
		"""The rules after a request."""
		r = copy.deepcopy(self)
		for n in m.get("remove_endpoint", ()):
			r.endpoints.pop(n, None)
			r.pdrs = {k: v for k, v in r.pdrs.items() if v.get("endpoint") != n}
		for n in m.get("remove_pdr", ()):
			r.pdrs.pop(n, None)
		for n in m.get("remove_far", ()):
			r.fars.pop(n, None)
		for rule in m.get("create_endpoint", ()):
			r.endpoints[rule["id"]] = copy.deepcopy(rule)
		for rule in m.get("create_pdr", ()):
			r.pdrs[rule["id"]] = copy.deepcopy(rule)
		for rule in m.get("update_pdr", ()):
			old = r.pdrs.get(rule["id"], {})
			kept = {k: v for k, v in old.items() if k in ("id", "precedence", "far", "qers") or "source" not in rule}
			r.pdrs[rule["id"]] = {**kept, **copy.deepcopy(rule)}
		for rule in m.get("create_far", ()):
			r.fars[rule["id"]] = copy.deepcopy(rule)
		for rule in m.get("update_far", ()):
			r.fars[rule["id"]] = {**r.fars.get(rule["id"], {"unknown": True}), **copy.deepcopy(rule)}
		return r

	def settle(self, m):
		"""The UPF's answers to CHOOSE: one F-TEID for all rules of one CHOOSE ID."""
		by_choice = {}
		for kind, store in (("created_pdr", self.pdrs), ("updated_pdr", self.pdrs), ("created_endpoint", self.endpoints)):
			for answer in m.get(kind, ()):
				rule = store.setdefault(answer["id"], {"id": answer["id"], "unknown": True})
				asked = rule.get("fteid")
				if answer.get("fteid"):
					if asked and asked[0] == "choose" and asked[1] is not None:
						by_choice[asked[1]] = answer["fteid"]
					rule["fteid"] = answer["fteid"]
				if answer.get("ue"):
					rule["ue"] = [u for u in rule.get("ue", ()) if u != "choose4"] + answer["ue"]
		for store in (self.pdrs, self.endpoints):
			for rule in store.values():
				asked = rule.get("fteid")
				if asked and asked[0] == "choose" and asked[1] in by_choice:
					rule["fteid"] = by_choice[asked[1]]
		return self

	def whole(self, pdr):
		"""A rule with what its Traffic Endpoint holds for it."""
		if "endpoint" not in pdr:
			return pdr
		held = self.endpoints.get(pdr["endpoint"], {})
		return {**pdr, **{k: held[k] for k in ("fteid", "ni", "ue") if k in held}}

	def uplink(self, address):
		"""The rules that a packet from the user's address can belong to."""
		found = [self.whole(p) for p in self.pdrs.values() if p.get("source") == ACCESS and
			self.fars.get(p.get("far"), {}).get("destination") != ACCESS]
		def named(pdr):
			return [one for ue in pdr.get("ue", ()) for one in (ue if isinstance(ue, tuple) else (ue,)) if one != "choose4"]
		return [p for p in found if not named(p) or any(address in prefix(one) for one in named(p))]

	def selectors(self):
		"""{(tunnel or address): [(rule, uplink)]}: the selectors of the session's packets."""
		out = {}

		def tunnel(end, rule, uplink):
			for address in end[1:]:
				out.setdefault(("tunnel", address, end[0]), []).append((rule, uplink))
		for pdr in self.pdrs.values():
			pdr = self.whole(pdr)
			fteid, far = pdr.get("fteid"), self.fars.get(pdr.get("far"), {})
			source = pdr.get("source")
			if fteid and fteid[0] != "choose" and source in (ACCESS, CORE, None):
				tunnel(fteid, pdr, source != CORE)
			outer = far.get("outer")
			if outer and far.get("action", set()) & {"forw", "dupl"}:
				if source == CORE and far.get("destination") == ACCESS:
					tunnel(outer, pdr, False)
				elif source == ACCESS and far.get("destination") == CORE:
					tunnel(outer, pdr, True)
			if source == CORE and not fteid:
				for ue in pdr.get("ue", ()):
					for one in ue if isinstance(ue, tuple) else (ue,):
						if one != "choose4":
							out.setdefault(("address", prefix(one)), []).append((pdr, False))
		if not self.pdrs or any(p.get("unknown") for p in self.pdrs.values()):
			for far in self.fars.values():  # of a session whose beginning was missed: a tunnel that something forwards to
				if far.get("outer") and "forw" in far.get("action", ()):
					tunnel(far["outer"], {"id": None, "far": far["id"], "unknown": True}, False)
		return out


class Known:
	"""A session as far as it was seen."""

	def __init__(self, cp=None, up=None, nodes=None):
		self.cp, self.up, self.nodes, self.user, self.subscriber_only = cp, up, nodes, {}, False
		self.truth, self.asked, self.linger, self.since = Rules(), [], {}, {}
		self.asked_at, self.later = {}, {}  # by request: when; what was asked later and is accepted already
		self.partial = self.dead = self.deleting = False
		self.csids = set()
		self.doubt = None  # rules that an answer without its request lets one guess

	def selectors(self):
		"""{selector: ([(rule, uplink)], certain)}"""
		doubt = self.doubt.selectors() if self.doubt else None
		out = {selector: (rules, doubt is None or selector in doubt) for selector, rules in self.truth.selectors().items()}
		for selector, found in (doubt or {}).items():
			out.setdefault(selector, (found, False))
		for _, _, rules in self.asked:
			for selector, found in rules.selectors().items():
				out.setdefault(selector, (found, True))
		for selector, (found, _, certain) in self.linger.items():
			out.setdefault(selector, (found, certain))
		return {} if self.dead else out

	def states(self, selector):
		"""What may be the UPF's rules, where they have the selector."""
		return [r for r in (self.truth, *(a[2] for a in self.asked)) if selector in r.selectors()]

	def readings(self, selector):
		"""The rules of a selector, as each of those has them."""
		return [r.selectors()[selector] for r in self.states(selector)] or [self.selectors()[selector][0]]
