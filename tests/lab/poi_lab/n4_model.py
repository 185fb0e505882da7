"""Which frames of a played scenario belong to a target: a point of interception that follows signalling, told from
the specifications (3GPP TS 29.244, 29.274; RFC 2866) and the rules beside it, over the messages' fields, one at a time
and naively.

- A request adds what it names itself (tunnels given by the control plane, new outer headers that forward, users'
  addresses); its response makes the asked rules the truth, or takes the added ones back.
- What was asked is in force in the order in which it was asked. A request whose answer is not seen for `ANSWER` is
  accepted with the next one of its session, an establishment at once.
- An answer has the SEID of the control plane for the session of its request, or none when it refuses.
- A tunnel is (address, TEID), and who was given it last has it.
- After a handover the old tunnel goes on until an End Marker or `handover` nanoseconds after the response.
- Where the texts leave room the verdict is "may"."""
import copy
import ipaddress

from poi_lab.n4_session import ACCESS, CORE, Known, flow_matches, name_of, prefix

HANDOVER = 1_000_000_000
ANSWER = 5_000_000_000  # a request without an answer is sent again before
EARLY = 10_000_000_000  # how far the directions of a mirror may be apart
MUST, MAY = "must", "may"


class Model:
	"""`target`: {imsi, msisdn, imei, nai, fseid: (seid, address or None), pdr, qer, ni, direction}, all must hold."""

	def __init__(self, target, handover=HANDOVER):
		self.target, self.handover = target, handover
		self.known, self.open, self.answered, self.early, self.recovery = [], {}, {}, {}, {}
		self.count = self.now = 0

	# --- a frame
	def take(self, frame):
		"""MUST or MAY when the frame belongs to the target, else None."""
		self.now = frame.time_ns
		for s in self.known:
			s.linger = {w: v for w, v in s.linger.items() if v[1] is None or frame.time_ns < v[1]}
		self.claim()
		if frame.user is None:
			for m in frame.messages:
				self.count += 1
				getattr(self, m["protocol"])(m, frame.time_ns)
				self.claim()
			return None
		verdict = self.verdict(frame)
		if frame.user["kind"] == 254:
			selector = ("tunnel", frame.user["outer"][1], frame.user["teid"])
			for s in self.known:
				if selector in s.linger:  # the end of the old tunnel, or the end of its time: both are right
					s.linger[selector] = (*s.linger[selector][:2], False)
		return verdict

	def claim(self):
		"""Since when each session has each of its selectors."""
		for s in self.known:
			selectors = s.selectors()
			s.since = {w: s.since.get(w, self.count) for w in selectors}

	def holder(self, selector):
		"""Who was given it last."""
		holders = [s for s in self.known if selector in s.since]
		return max(holders, key=lambda s: s.since[selector], default=None)

	def verdict(self, frame):
		user = frame.user
		if user["teid"] is not None:
			selector = ("tunnel", user["outer"][1], user["teid"])
			s = self.holder(selector)
			return self.judge(s, selector, user) if s else None
		best = None
		for n, address in enumerate(user["ends"]):
			address = ipaddress.ip_address(address)
			selectors = {w for s in self.known for w in s.since if w[0] == "address" and address in w[1]}
			holders = [s for s in self.known for w in selectors if w in s.since]
			if not holders:
				continue
			names = {name_of(r.get("ni") or "") for s in holders for w in selectors if w in s.since
				for r, _ in s.selectors()[w][0]}
			if len(names) > 1:
				continue  # one address in two networks: nobody can tell on N6
			for w in selectors:
				s = self.holder(w)
				found = self.judge(s, w, user, uplink=n == 0) if s else None
				best = found or best
		return best

	def judge(self, s, selector, user, uplink=None):
		t = self.target
		if not self.meant(s):
			return None
		rules, certain = s.selectors()[selector]
		up = rules[0][1] if uplink is None else uplink
		if t.get("direction") and (uplink is not None or t["direction"] != ("Inbound" if up else "Outbound")):
			return None  # a direction is of a tunnel
		verdict = MUST if certain and not s.partial and not s.deleting else MAY
		if not any(k in t for k in ("pdr", "qer", "ni")):
			return verdict
		if s.partial:
			return MAY  # its rules were not seen whole
		if uplink:
			source = ipaddress.ip_address(user["ends"][0])
			verdicts = {self.select_behind(r.uplink(source), user) for r in s.states(selector)}
		else:
			verdicts = {self.select(found, user, up) for found in s.readings(selector)}
		if verdicts == {None}:
			return None
		return verdict if verdicts == {MUST} else MAY

	def select_behind(self, rules, user):
		"""The same for a packet of the uplink on N6, which shows neither its tunnel nor its QFI any more."""
		wanted = [self.wanted(r) for r in rules]
		if not any(wanted) or all(wanted):
			return MUST if any(wanted) else None
		if len({r.get("qfi") for r in rules}) > 1 or len({r.get("fteid") for r in rules}) > 1:
			return MAY
		return self.select([({**r, "qfi": None}, True) for r in rules], user, True)

	@staticmethod
	def users(rule):
		return [one for ue in rule.get("ue", ()) for one in (ue if isinstance(ue, tuple) else (ue,)) if one != "choose4"]

	def select(self, rules, user, up):
		"""Whether the rule that the packet belongs to is wanted."""
		rules = [r for r, _ in rules]
		differ = len({tuple(self.users(r)) for r in rules}) > 1  # else what is in the tunnel is the user's
		for rule in sorted(rules, key=lambda r: r.get("precedence", 1 << 32)):
			texts = rule.get("sdf", ())
			if texts and not any(flow_matches(f, user, up) for f in texts):
				continue
			if rule.get("qfi") and user["qfi"] != rule["qfi"]:
				continue
			own = ipaddress.ip_address(user["ends"][0 if up else 1])
			if differ and self.users(rule) and not any(own in prefix(one) for one in self.users(rule)):
				continue
			return MUST if self.wanted(rule) else None
		return None

	def wanted(self, rule):
		t = self.target
		return ("pdr" not in t or rule["id"] == t["pdr"]) and ("qer" not in t or t["qer"] in rule.get("qers", ())) and \
			("ni" not in t or (rule.get("ni") is not None and name_of(rule["ni"]) == name_of(t["ni"])))

	def meant(self, s):
		t, u = self.target, s.user
		for key in ("imsi", "msisdn"):
			if key in t and u.get(key) != t[key]:
				return False
		if "imei" in t and (not u.get("imei") or u["imei"][:14] != t["imei"][:14]):
			return False
		if "imeisv" in t and u.get("imei") != t["imeisv"]:
			return False
		if "nai" in t and u.get("nai") != t["nai"]:
			return False
		if "fseid" in t:
			seid, address = t["fseid"]
			if not any(f and f[1] == seid and address in (None, f[0]) for f in (s.cp, s.up)):
				return False
		return True

	# --- PFCP
	def find(self, side, address, seid):
		return next((s for s in reversed(self.known) if not s.dead and getattr(s, side) == (address, seid)), None)

	@staticmethod
	def content(m):
		return {k: v for k, v in m.items() if k not in ("from", "to")}

	def pfcp(self, m, now):
		kind = m["type"]
		request = kind in (1, 5, 9, 14, 50, 52, 54, 56)  # of 14: whose FQ-CSIDs its response ends
		key = (m["from"], m["to"], kind, m["sequence"]) if request else (m["to"], m["from"], kind - 1, m["sequence"])
		if request:
			if self.content(m) in (self.answered.get(key), self.open.get(key, {}).get("content")):
				return  # a retransmission
			self.answered.pop(key, None)
			if key in self.open:
				self.give_up(self.open[key])
			entry = self.open[key] = {"content": self.content(m), "m": m, "session": self.request(m)}
			early, since = self.early.pop(key, (None, 0))
			if early and now <= since + EARLY and self.answers(entry, early):
				self.response(entry, early, now)
				self.answered[key] = self.open.pop(key)["content"]
			return
		entry = self.open.get(key)
		if entry is None and key in self.answered:
			self.second(m)
			return
		if entry is None or not self.answers(entry, m):
			self.early[key] = m, now
			self.orphan(m)
			return
		del self.open[key]
		self.answered[key] = entry["content"]
		self.response(entry, m, now)

	@staticmethod
	def answers(entry, m):
		"""Whether the SEID of an answer is that of the request's session, as far as that is known."""
		kind, s, request = m["type"], entry["session"], entry["m"]
		if kind not in (51, 53, 55) or not m["seid"] and m["cause"] >= 64:
			return True
		seids = [f[0] for f in [request.get("f_seid")] + [a[1].get("f_seid") for a in (s.asked if s else ())] if f]
		if kind != 51 and s:
			seids += [s.cp[1]] if s.cp else [m["seid"]]
		return not seids or m["seid"] in seids

	def request(self, m):
		"""The session that a request is about, after it added what it names."""
		kind = m["type"]
		if kind == 50:
			s = next((s for s in self.known if s.partial and not s.dead and s.cp == (m["f_seid"][1], m["f_seid"][0])), None)
			s = s or Known(cp=(m["f_seid"][1], m["f_seid"][0]), nodes=(m["from"][0], m["to"][0]))
			s.user, s.csids = m.get("user") or {}, set(m.get("csids", ())[1:])
			if s not in self.known:
				self.known.append(s)
			self.wait(s, m, s.truth.apply(m))
			return s
		if kind in (52, 54):
			s = self.find("up", m["to"][0], m["seid"])
			if s is None:
				s = Known(up=(m["to"][0], m["seid"]), nodes=(m["from"][0], m["to"][0]))
				s.partial = True
				self.known.append(s)
			if kind == 52:
				base = s.asked[-1][2] if s.asked else s.truth
				self.wait(s, m, base.apply(m))
			else:
				s.deleting = True
			return s
		if kind == 56:
			s = self.find("cp", m["to"][0], m["seid"])
			if s and m.get("psdbu"):
				s.dead = True
			return s
		if kind == 1:
			self.stamp(m["from"][0], m["recovery"])
		return None

	def response(self, entry, m, now):
		kind, s, request = m["type"], entry["session"], entry["m"]
		accepted = m.get("cause", 1) < 64
		if kind == 2:
			self.stamp(m["from"][0], m["recovery"])
		elif kind in (6, 10) and accepted:
			pair = request["from"][0], request["to"][0]
			if not (kind == 6 and request.get("retention") and m.get("psrei")):
				for other in self.known:
					other.dead = other.dead or pair == other.nodes
			if kind == 6:
				self.recovery[request["from"][0]], self.recovery[m["from"][0]] = request["recovery"], m["recovery"]
		elif kind == 15 and accepted:
			for other in self.known:
				other.dead = other.dead or bool(other.csids & set(request["csids"][1:]))
		elif kind == 51 and s:
			self.commit(s, request, m, accepted, now)
			if not accepted:
				s.dead = True
			else:
				s.up, s.partial = (m["f_seid"][1], m["f_seid"][0]), False
		elif kind == 53 and s:
			if m["cause"] == 65:
				s.dead = True
			if s.partial and s.cp is None:
				s = self.join(s, (m["to"][0], m["seid"]))
			self.commit(s, request, m, accepted, now)
			if accepted and request.get("f_seid"):
				s.cp = (request["f_seid"][1], request["f_seid"][0])
		elif kind == 55 and s:
			s.deleting = False
			s.dead = s.dead or accepted or m["cause"] == 65
			if s.partial and s.dead:  # whose answer comes to a session that is known otherwise
				for other in self.known:
					other.deleting = other.deleting or other.cp == (m["to"][0], m["seid"])

	def join(self, s, cp):
		"""The accepted answer to a modification proves a session whose own answer was lost."""
		waiting = self.find("cp", *cp)
		if waiting is None or waiting.up is not None:
			s.cp = cp
			return s
		last = s.asked[-1]
		waiting.up, waiting.truth = s.up, waiting.asked[-1][2] if waiting.asked else waiting.truth
		waiting.asked = [(last[0], last[1], waiting.truth.apply(last[1]))]
		waiting.asked_at[id(last[1])] = s.asked_at[id(last[1])]
		self.known.remove(s)
		return waiting

	@staticmethod
	def give_up(entry):
		"""Its number is another request's now: nobody will answer it."""
		s = entry["session"]
		if s:
			s.asked = [a for a in s.asked if a[1] is not entry["m"]]

	def wait(self, s, m, rules):
		s.asked.append((m["sequence"], m, rules))
		s.asked_at[id(m)] = self.now, self.count

	@staticmethod
	def force(s, m):
		"""The rules with a request that was accepted, and with what came after it and is in force already."""
		rules = s.truth.apply(m)
		for later in s.later.pop(id(m), ()):
			rules = rules.apply(later)
		return rules

	def commit(self, s, request, m, accepted, now):
		at = next((n for n, a in enumerate(s.asked) if a[1] is request), None)
		if at is None:
			return
		if not accepted:
			s.asked.pop(at)
			return
		before, waiting = s.truth.selectors(), []
		for a in s.asked[:at]:
			if a[1]["type"] == 52 and now <= s.asked_at[id(a[1])][0] + ANSWER:
				waiting.append(a)
				after = s.later.setdefault(id(a[1]), [])
				after.append(request)
				after.sort(key=lambda x: s.asked_at[id(x)][1])
			else:
				s.truth = self.force(s, a[1])
		asked = self.force(s, request)
		s.asked = waiting + s.asked[at + 1:]
		failed = {number for kind, number in m.get("failed", ()) if kind == 0}
		s.truth = asked.settle(m)
		s.truth.pdrs = {k: v for k, v in s.truth.pdrs.items() if k not in failed}
		base = s.truth
		for n, a in enumerate(s.asked):
			base = base.apply(a[1])
			s.asked[n] = (*a[:2], base)
		moved = {f["id"] for f in request.get("update_far", ()) if f.get("outer")}
		for selector, found in before.items():
			if selector not in s.truth.selectors() and any(r.get("far") in moved and not up for r, up in found):
				s.linger[selector] = (found, now + self.handover, True)

	def second(self, m):
		"""Another answer to a request: a UPF that did not see the repetition has two sessions."""
		if m["type"] != 51 or not m.get("f_seid"):
			return
		up = (m["f_seid"][1], m["f_seid"][0])
		first = next((s for s in self.known if not s.dead and s.cp == (m["to"][0], m["seid"]) and s.up != up), None)
		if first and not self.find("up", *up):
			twin = copy.deepcopy(first)
			twin.up = up
			twin.truth.settle(m)
			self.known.append(twin)

	def orphan(self, m):
		"""An answer whose request was not seen."""
		accepted = m.get("cause", 1) < 64
		if m["type"] == 51 and accepted and not self.find("cp", m["to"][0], m["seid"]):
			s = Known(cp=(m["to"][0], m["seid"]), up=(m["f_seid"][1], m["f_seid"][0]), nodes=(m["to"][0], m["from"][0]))
			s.partial = True
			s.truth.settle(m)
			self.known.append(s)
		elif m["type"] == 55 and (accepted or m["cause"] == 65):
			s = self.find("cp", m["to"][0], m["seid"])
			if s:
				s.deleting = True  # its answer says that it is over; whoever waits for the request may go on
		elif m["type"] == 53:
			s = self.find("cp", m["to"][0], m["seid"])
			if s and m["cause"] == 65:
				s.dead = True
			elif s and accepted and any(m.get(k) for k in ("created_pdr", "updated_pdr", "created_endpoint")):
				s.doubt = copy.deepcopy(s.doubt or s.truth).settle(m)
		elif m["type"] == 2:
			self.stamp(m["from"][0], m["recovery"])

	def stamp(self, node, recovery):
		if self.recovery.get(node, recovery) != recovery:
			for s in self.known:
				s.dead = s.dead or node in (s.nodes or ())
		self.recovery[node] = recovery

	# --- GTPv2-C on S11
	def gtpv2c(self, m, now):
		kind = m["type"]
		request = kind in (32, 34, 36, 170)
		key = (m["from"], m["to"], kind, m["sequence"]) if request else (m["to"], m["from"], kind - 1, m["sequence"])
		if request:
			if key in self.answered or key in self.open:
				return
			self.open[key] = m
			if kind == 34:
				for s in self.of_control("up", m["to"][0], m["teid"]):
					s.asked.append((m["sequence"], m, self.with_enb(s, m)))
			return
		r = self.open.pop(key, None)
		if r is None:
			return
		self.answered[key] = True
		if kind == 33 and m["cause"] < 64:
			s = Known(cp=(m["to"][0], m["teid"]), up=(m["from"][0], m["control"][0][2]), nodes=(m["to"][0], m["from"][0]))
			s.user = r.get("user", {})
			self.collided(s, r["bearers"][0]["ebi"])
			ue = {"id": 1, "source": CORE, "far": 1, "ue": [m["ue"]], "ni": r.get("apn")}
			s.truth.fars[1] = {"id": 1, "action": {"buff"}, "destination": ACCESS}
			for bearer in m["bearers"]:
				s.ebi = bearer["ebi"]
				for interface, _, teid, address in bearer.get("ends", ()):
					if interface == 1:
						s.truth.pdrs[2] = {"id": 2, "source": ACCESS, "fteid": (teid, address), "ni": r.get("apn")}
			s.truth.pdrs[1] = ue
			self.known.append(s)
		elif kind == 35:
			self.proven(r, m)
			for s in self.of_control("up", r["to"][0], r["teid"]):
				before = s.truth.selectors()
				at = next((n for n, a in enumerate(s.asked) if a[1] is r), None)
				if at is None:
					continue
				if m["cause"] < 64:
					s.truth = s.asked[at][2]
					for selector, found in before.items():
						if selector not in s.truth.selectors() and selector[0] == "tunnel":
							s.linger[selector] = (found, now + self.handover, True)
				s.asked.pop(at)
				if m["cause"] < 64 and r.get("control"):
					s.cp = (r["control"][0][3], r["control"][0][2])
		elif kind == 171 and m["cause"] < 64:
			for s in self.of_control("up", r["to"][0], r["teid"]):
				s.truth.fars[1]["action"] = {"buff"}
		elif kind == 37 and m["cause"] < 64:
			for s in self.of_control("up", r["to"][0], r["teid"]):
				if s.ebi == r.get("ebi", s.ebi):
					s.dead = True

	def proven(self, r, m):
		"""An accepted answer shows that a session whose own answer was lost exists after all."""
		ebi = r["bearers"][0]["ebi"]
		asked = next((a for key, a in self.open.items() if key[2] == 32 and a["bearers"][0]["ebi"] == ebi and
			a["control"][0][2:] == (m["teid"], m["to"][0])), None)
		if asked is None or m["cause"] >= 64 or any(s.ebi == ebi for s in self.of_control("up", r["to"][0], r["teid"])):
			return
		s = Known(cp=(m["to"][0], m["teid"]), up=(r["to"][0], r["teid"]), nodes=(m["to"][0], m["from"][0]))
		s.user, s.partial = asked.get("user", {}), True
		self.collided(s, ebi)
		s.ebi = ebi
		s.truth.pdrs[1] = {"id": 1, "source": CORE, "far": 1}
		s.truth = self.with_enb(s, r)
		self.known.append(s)

	def collided(self, s, ebi):
		"""A gateway has one connection of a user and a default bearer."""
		for other in self.known:
			other.dead = other.dead or (other.up is not None and other.up[0] == s.up[0] and
				getattr(other, "ebi", None) == ebi and other.user.get("imsi") == s.user.get("imsi", ""))

	def of_control(self, side, address, teid):
		return [s for s in self.known if not s.dead and getattr(s, side) == (address, teid)]

	@staticmethod
	def with_enb(s, m):
		rules = copy.deepcopy(s.asked[-1][2] if s.asked else s.truth)
		for bearer in m["bearers"]:
			for interface, _, teid, address in bearer.get("ends", ()):
				if interface == 0 and bearer["ebi"] == s.ebi:
					rules.fars[1] = {"id": 1, "action": {"forw"}, "destination": ACCESS, "outer": (teid, address)}
		return rules

	# --- RADIUS
	def radius(self, m, _now):
		if m["code"] != 4:
			return
		cp = (m.get("nas"), m.get("session"))
		s = next((s for s in self.known if not s.dead and s.cp == cp), None)
		if m["status"] == 2:
			if s:
				s.dead = True
		elif m["status"] in (1, 3):
			if m["status"] == 1:
				for other in self.known:  # an address in use: its Stop was lost
					if other is not s and other.subscriber_only and set(other.ue) & set(m["ue"]):
						other.dead = True
			if s is None:
				s = Known(cp=cp)
				s.subscriber_only = True
				self.known.append(s)
			s.ue, s.user = m["ue"], {**m.get("user", {}), "nai": m.get("name")}
			if (m.get("calling") or "x").isdigit():
				s.user["msisdn"] = m["calling"]
			s.truth.pdrs = {1: {"id": 1, "source": CORE, "ue": list(m["ue"])}}
		elif m["status"] in (7, 8):
			for s in self.known:
				s.dead = s.dead or (s.cp is not None and s.cp[0] == m.get("nas"))


def expected(frames, target, links=("n3",)):
	"""(must, may): sets of frame numbers on those links."""
	model, out = Model(target), {MUST: set(), MAY: set()}
	for frame in frames:
		verdict = model.take(frame)
		if verdict and frame.link in links and frame.user["kind"] != 254:
			out[verdict].add(frame.number)
	return out[MUST], out[MAY]
