"""Mutants of a valid message. Each has an id that says what was done where, so that it can be found and
excepted by name: OPERATION PATH [VALUE]."""
import copy

from lxml import etree

from messages import C, E, X1, XSI

TYPE = f"{{{XSI}}}type"
UUID = "7a500001-0001-4001-8001-000000000001"
V6 = "2001:0db8:0000:0000:0000:0000:0000:0001"

# given to every leaf: each is in range somewhere and out of range elsewhere
VALUES = ["", " ", "x", "0", "1", "2", "-0", "-1", "+1", "01", "1.0", "1e3", " 443 ", "255", "256", "65535", "65536",
	"4294967295", "4294967296", "4294967297", "18446744073709551615", "18446744073709551616", "99999999999999999999999999",
	"true", "false", "TRUE", "\u0661", "\u00e9", "a" * 255, "a" * 256, "a" * 300 + "@b.example", "a b", " a  b ", "a\nb", "\t",
	"12345", "123456", "1" * 14, "1" * 15, "1" * 16, "1" * 17, "1234567890123456", "!", "{", "<&>", "'\"",
	UUID, UUID.upper(), UUID[:-1], UUID + "0", "{" + UUID + "}", UUID.replace("-", ""), " " + UUID + " ",
	"7a500001-0001-1001-0001-000000000001", "00000000-0000-0000-0000-000000000000", "g" + UUID[1:],
	"192.0.2.1", "192.0.2.256", "192.0.2", "192.0.2.1.1", "192.0.02.001", "192.0.2.1/24", "0.0.0.0", "255.255.255.255",
	"192.0.2.0/0", "192.0.2.0/32", "192.0.2.0/33", "192.0.2.7/24", "192.0.2.0/08", "192.0.2.0/",
	V6, V6.upper(), "2001:db8::1", "::1", V6 + ":0000", "2001:0db8:0000:0000:0000:0000:0000:000g", V6 + "/0", V6 + "/1",
	V6 + "/64", V6 + "/128", V6 + "/129", V6 + "/064", "::ffff:192.0.2.1",
	"02:00:5e:10:00:01", "02-00-5e-10-00-01", "02:00:5E:10:00:01", "02:00:5e:10:00", "02:00:5e:ff:fe:10:00:01",
	"2026-11-22T08:15:30.000100Z", "2026-11-22T08:15:30.000100", "2026-11-22T08:15:30.00010Z", "2026-11-22T08:15:30.0001000Z",
	"2026-11-22T08:15:30Z", "2026-11-22T08:15:30.000100+14:00", "2026-11-22T08:15:30.000100+14:01",
	"2026-11-22T08:15:30.000100-00:00", "2026-13-22T08:15:30.000100Z", "2026-02-29T08:15:30.000100Z",
	"2024-02-29T24:00:00.000000Z", "2026-11-22T08:15:60.000100Z", "2026-11-22t08:15:30.000100z", "2026-11-22",
	"02026-11-22T08:15:30.000100Z", "-2026-11-22T08:15:30.000100Z", " 2026-11-22T08:15:30.000100Z ",
	"v1.8.1", "v1.8", "v1.8.1.1", "1.8.1", "v2.0.0", "v1.99.99", "V1.8.1", "v1..1", " v1.8.1", "v1.08.1", "v1.a.1",
	"v1.\u0663.1", "v1.8.1\n", "AABB", "aabb", "AAB", "0G", "sip:a@b", "sips:a@b", "SIP:a@b", "sip:", "sip:a b", "tel:+1", "tel:",
	"h323:a", "mailto:a@b.example", "a@b", "@", "a@", "@b", "a@b@c", "http://[::1", "%zz", "urn:x:y",
	"X2Only", "X3Only", "X2andX3", "x2only", "X2AndX3", "HI2Only", "HI3Only", "AcknowledgedAndCompleted", "Acknowledged", "OK",
	"Faults", "Warning", "AllClear", "FaultReport", "FaultCleared", "Alert", "NonTerminatingFault", "TerminatingFault",
	"ImplicitDeactivation", "FullyActionedAndSuccessful", "FullyActionedAndUnsuccessful", "complete", "failed",
	"awaitingProvisioning", "activeAndWorking", "deliveryFault", "Originating", "Terminating", "Forwarded-To", "ForwardedTo",
	"Local", "NonLocal", "Inbound", "Outbound", "voice", "messaging", "pushToTalk", "LALS", "RCS", "Ping", "Keepalive",
	"GetDestinationDetails", "GetDestination", "GetAllTaskDetails", "CreateObject", "DeleteAllObjects", "ExtendedRequestMessageType",
	"ActivateTaskRequest", "Q{urn:x}y", "TS133128", "3GPP", "!" * 25, "!" * 26, "a" * 26, "a" * 50, "a" * 51]
TYPES = ["ActivateTaskRequest", "DeactivateTaskRequest", "PingRequest", "PingResponse", "KeepaliveRequest", "ErrorResponse",
	"ReportNEIssueResponse", "GetTaskDetailsResponse", "ListAllDetailsRequest", "X1RequestMessage", "X1ResponseMessage",
	"TaskDetails", "Nonsense", "", "e:PingRequest", "nowhere:PingRequest", "pingrequest", "GetAllTaskDetailsRequest"]
RENAMES = {"xId": "dId", "dId": "xId", "oK": "ok", "ListOfXIDs": "listOfXIDs", "ListOfDIDs": "listOfDIDs", "listOfDIDs": "ListOfDIDs",
	"Owner": "owner", "LIID": "lIID", "StartTime": "startTime", "TCPPort": "tcpPort", "tcpPort": "TCPPort", "ipv4Cidr": "ipv4CIDR",
	"radiusAttribute": "radius", "gtpuTunnelId": "gtpuTunnelID", "x1TransactionId": "x1TransactionID", "PDHR": "pDHR"}
FOREIGN = "urn:example:elsewhere"


def local(element):
	return etree.QName(element).localname


def path(element):
	steps = []
	while element is not None:
		parent = element.getparent()
		step = local(element)
		if parent is not None:
			same = [c for c in parent if c.tag == element.tag]
			if len(same) > 1:
				step += f"[{same.index(element) + 1}]"
		steps.append(step)
		element = parent
	return "/".join(reversed(steps))


def elements(root):
	return [e for e in root.iter() if isinstance(e.tag, str)]


class Mutator:
	"""Calls `take(id, tree)` with every mutant of a tree. The tree given is only valid during the call."""

	def __init__(self, root):
		self.root = root

	def apply(self, index, change, take, what):
		tree = copy.deepcopy(self.root)
		element = elements(tree)[index]
		where = path(element)
		if change(element) is not False:
			take(f"{what.split(' ', 1)[0]} {where}" + (" " + what.split(" ", 1)[1] if " " in what else ""), tree)

	def structure(self, index, take):
		"""Element dropped, doubled, reordered, renamed; namespace, attributes, text, comments, type."""
		element = elements(self.root)[index]
		parent = element.getparent()
		if parent is not None:
			self.apply(index, lambda e: e.getparent().remove(e), take, "drop")
			self.apply(index, lambda e: e.addnext(copy.deepcopy(e)), take, "double")
			self.apply(index, self.swap, take, "swap-with-next")
			self.apply(index, lambda e: e.getparent().insert(0, e) if e.getparent()[0] is not e else False, take, "to-front")
			self.apply(index, lambda e: e.getparent().append(e) if e.getparent()[-1] is not e else False, take, "to-end")
			self.apply(index, self.hoist, take, "into-parent")
		for name in (RENAMES.get(local(element)), local(element)[0].swapcase() + local(element)[1:], "unknown"):
			if name:
				self.apply(index, lambda e, n=name: self.rename(e, n), take, "rename " + name)
		for space in (X1, C, E, E.replace("v6", "v5"), FOREIGN, ""):
			if etree.QName(element).namespace != (space or None):
				self.apply(index, lambda e, s=space: self.move(e, s), take, "namespace " + (space or "none"))
		for name, value in (("id", "1"), (f"{{{XSI}}}nil", "true"), (f"{{{XSI}}}nil", "false"), (f"{{{XSI}}}schemaLocation", "a b"),
				("{http://www.w3.org/XML/1998/namespace}lang", "en"), (f"{{{FOREIGN}}}x", "1")):
			self.apply(index, lambda e, n=name, v=value: e.set(n, v), take, f"attribute {name.rpartition('}')[2]}={value}")
		self.apply(index, self.comment, take, "comment")
		if len(element) or local(element) in ("targetIdentifiers", "listOfFaults", "listOfDIDs", "PDHR"):
			self.apply(index, lambda e: setattr(e, "text", "words"), take, "text")
			self.apply(index, lambda e: setattr(e, "text", " \n"), take, "white-space")
			self.apply(index, self.empty, take, "empty")
		else:
			self.apply(index, lambda e: etree.SubElement(e, f"{{{X1}}}xId"), take, "child")
		self.apply(index, lambda e: etree.SubElement(e, f"{{{FOREIGN}}}anything"), take, "foreign-child")

	@staticmethod
	def swap(e):
		following = e.getnext()
		if following is None or following.tag == e.tag:
			return False
		following.addnext(e)
		return None

	@staticmethod
	def hoist(e):
		if not len(e):
			return False
		for child in list(e):
			e.addprevious(child)
		e.getparent().remove(e)
		return None

	@staticmethod
	def rename(e, name):
		e.tag = f"{{{etree.QName(e).namespace}}}{name}"

	@staticmethod
	def move(e, space):
		e.tag = f"{{{space}}}{local(e)}" if space else local(e)

	@staticmethod
	def comment(e):
		e.insert(0, etree.Comment("note"))

	@staticmethod
	def empty(e):
		for child in list(e):
			e.remove(child)
		e.text = None

	def types(self, index, take):
		element = elements(self.root)[index]
		if local(element) in ("x1RequestMessage", "x1ResponseMessage"):
			for name in TYPES:
				self.apply(index, lambda e, n=name: e.set(TYPE, n), take, "type " + (name or "(empty)"))
			self.apply(index, lambda e: e.attrib.pop(TYPE, None), take, "type (none)")
		elif not len(element):
			for name in ("X1RequestMessage", "XId", "Nonsense"):
				self.apply(index, lambda e, n=name: e.set(TYPE, n), take, "type " + name)

	def values(self, index, take):
		element = elements(self.root)[index]
		if len(element):
			return
		for value in VALUES:
			if value != (element.text or ""):
				shown = value if len(value) < 45 else f"{value[:8]}..({len(value)})"
				self.apply(index, lambda e, v=value: setattr(e, "text", v), take, "value " + ascii(shown)[1:-1])

	def choices(self, take, alternatives):
		"""Every target identifier's element put in place of this message's first."""
		for index, element in enumerate(elements(self.root)):
			if local(element) == "targetIdentifier":
				for name, value in alternatives:
					def change(e, n=name, v=value):
						e.append(etree.fromstring(f'<{n} xmlns="{X1}" xmlns:c="{C}" '
							f'xmlns:h="{X1}/HashedID" xmlns:e="{E}">{v}</{n}>'))
					self.apply(index, change, take, "second-choice " + name)
				return

	def double_mutants(self, count, rng, take):
		"""Two random structural changes at once."""
		for _ in range(count):
			first = []
			index = rng.randrange(len(elements(self.root)))
			self.structure(index, lambda name, tree: first.append((name, copy.deepcopy(tree))))
			name, tree = rng.choice(first)
			if len(elements(tree)) < 2:
				continue
			second = []
			other = Mutator(tree)
			other.structure(rng.randrange(len(elements(tree))), lambda n, t: second.append((n, copy.deepcopy(t))))
			if second:
				chosen = rng.choice(second)
				take(f"{name} + {chosen[0]}", chosen[1])
