"""Judges one decoded record of an AMF, an SMF or an SMSF by the tables of record_tables.py, knowing nothing of the product.

judge(name, record) takes a dict (member -> value; a structure or a CHOICE is a dict, a list is a list) and returns words,
none when the record holds. A member may bear the name of the table or that of the ASN.1 module; words bear the table's.
Readings that the text leaves open stand beside the rule that takes one."""
from record_tables import CHOICES, NEWER, OPEN, RECORDS, TABLES


# --- what a table's notes and descriptions say beyond M, C and O. `has` holds the members by the table's names.
def one_of(*names):
	def rule(has):
		return [] if any(n in has for n in names) else [f"{', '.join(names)}: one of them is mandatory"]
	return rule


def needs(name, other):
	"""A member that asks for another."""
	def rule(has):
		return [f"{other}: mandatory with {name}, missing"] if name in has and other not in has else []
	return rule


def among(name, *values):
	"""Values as the table or a note lists them; judged when the decoder gives names."""
	def rule(has):
		value = has.get(name)
		return [f"{name}: {value} is no value here"] if isinstance(value, str) and value not in values else []
	return rule


def user(has):
	"""The SUPI may lack in a PEI-only emergency session alone. The note of the establishment would also take a GPSI alone;
	the field's own sentence does not: the stricter reading."""
	return [] if "sUPI" in has or "pEI" in has else ["sUPI: mandatory without pEI, missing"]


def tunnels(has):
	"""A record without a member on a PDN connection reports a PDU session, which asks for the tunnels of 5GS."""
	info = has.get("gTPTunnelInfo")
	if not isinstance(info, dict) or any(n.startswith("ePS") and "PDNConnection" in n for n in has):
		return []
	return [] if "fiveGSGTPTunnels" in info else ["gTPTunnelInfo.fiveGSGTPTunnels: mandatory for a PDU session, missing"]


def access_tunnels(has):
	words = []
	access = has.get("accessInfo")
	for at, one in enumerate(access if isinstance(access, list) else ()):
		if isinstance(one, dict):
			words += [f"accessInfo[{at}].{w}" for w in tunnels({**has, "gTPTunnelInfo": one.get("gTPTunnelInfo")})]
	return words


def flow(has):
	"""Either the application and its flows or a set of flows. A PFD alone: the module has none, the text asks for it with
	the application; appId alone is taken."""
	application, flows = "appId" in has or "pFD" in has, "flowInfos" in has
	if application and flows:
		return ["flowInfos: beside appId or pFD"]
	return [] if application or flows else ["appId, pFD, flowInfos: one of them is mandatory"]


def route(has):
	"""An empty set is none: the module wants the set always, the note excludes it beside a steering policy."""
	steered = "trafficSteeringPolIdDl" in has or "trafficSteeringPolIdUl" in has
	return ["routeToLocs: beside a steering policy"] if steered and has.get("routeToLocs") else []


def identifiers(has):
	"""A list that holds at least the target's identifier: of the module's two lists one has an entry."""
	value = has.get("userIdentifiers")
	if isinstance(value, dict):
		value = [v for v in value.values() if v]
	return ["userIdentifiers: list too short"] if isinstance(value, list) and not value else []


def cut(has):
	data = has.get("sMSTPDUData")
	return isinstance(data, dict) and "truncatedSMSTPDU" in data


def only_whole(has):
	"""A report's TPDU is never a truncated one."""
	return ["sMSTPDUData.truncatedSMSTPDU: not in a report"] if cut(has) else []


def truncated(has):
	"""Truncation is for SMS-SUBMIT and SMS-DELIVER."""
	kind = has.get("messageType")
	wrong = isinstance(kind, str) and kind not in ("submit", "deliver") and cut(has)
	return [f"sMSTPDUData.truncatedSMSTPDU: not with messageType {kind}"] if wrong else []


AUTHENTICATED = needs("sUPI", "sUPIUnauthenticated")
REPORTS = ("deliverReportAck", "deliverReportError", "submitReportAck", "submitReportError")
MODIFIES = among("requestType", "modificationRequest")
RULES = {
	"AMFRegistration": (needs("nonIMEISVPEI", "mACRestIndicator"),),
	# The note does not count the SUPI or the GPSI.
	"AMFDeregistration": (one_of("sUCI", "pEI", "gUTI"),),
	"AMFUnsuccessfulProcedure": (one_of("sUPI", "sUCI", "pEI", "gPSI", "gUTI"),),
	# Open: nRPPaMessage and lPPMessage are both C and no note asks for one, though an event has one. Not judged.
	"AMFPositioningInfoTransfer": (),
	"AMFRANHandoverCommand": (identifiers,),
	"AMFRANHandoverRequest": (identifiers,),
	"AMFUEConfigurationUpdate": (identifiers,),
	"LocationOfUpdate": (one_of("locationInfo", "locationPresenceReport", "positioningInfo"),),
	"Slice": (one_of("allowedNSSAI", "configuredNSSAI", "rejectedNSSAI"),),
	"SliceOfStart": (one_of("allowedNSSAI", "configuredNSSAI"),),
	"SMFPDUSessionEstablishment": (user, AUTHENTICATED, tunnels),
	"SMFPDUSessionModification": (user, AUTHENTICATED, tunnels),
	"SMFStartOfInterceptionWithEstablishedPDUSession": (user, AUTHENTICATED, tunnels),
	# Any identity: the SUPI, PEI and GPSI are those that the table has.
	"SMFUnsuccessfulProcedure": (one_of("sUPI", "pEI", "gPSI"), AUTHENTICATED),
	"SMFMAPDUSessionEstablishment": (user, AUTHENTICATED, access_tunnels),
	"SMFMAPDUSessionModification": (user, AUTHENTICATED, access_tunnels, MODIFIES),
	"SMFStartOfInterceptionWithEstablishedMAPDUSession": (user, AUTHENTICATED, access_tunnels),
	# Open: a failed procedure may have no tunnel yet, and the table of an access asks for one all the same. By the letter.
	"SMFMAUnsuccessfulProcedure": (one_of("sUPI", "pEI", "gPSI"), AUTHENTICATED),
	"SMFPDUtoMAPDUSessionModification": (user, AUTHENTICATED, tunnels, MODIFIES),
	"GTPTunnelInfo": (one_of("fiveGSGTPTunnels", "ePSGTPTunnels"),),
	# Open: aNTypeToReactivate is said to be for modifications; not judged elsewhere, nor is the same access twice.
	"AccessInfo": (),
	"PCCRule": (flow, route),
	# A message by the events that make it; the table itself lists all values for both records.
	"SMSMessage": (among("messageType", "submit", "command", "deliver", "statusReport"),
		among("direction", "fromTarget", "toTarget"), among("linkTransferStatus", "transferSucceeded", "transferFailed"),
		truncated),
	"SMSReport": (among("messageType", *REPORTS), only_whole),
}


def measure(field, value, path):
	low, high = field.bounds
	if isinstance(value, bool) or not isinstance(value, (int, bytes, str)):
		return []
	size = value if isinstance(value, int) else len(value)
	return [] if low <= size <= high else [f"{path}: {size} is out of {low:d}..{high:d}"]


def value_words(field, value, path):
	if field.many:
		if not isinstance(value, (list, tuple)):
			return [f"{path}: not a list"]
		low, high = field.many
		words = []
		if len(value) < low:
			words.append(f"{path}: list too short")
		if high is not None and len(value) > high:
			words.append(f"{path}: list too long")
		if field.table:
			for at, one in enumerate(value):
				words += table_words(field.table, one, f"{path}[{at}]")
		return words
	if field.table:
		return table_words(field.table, value, path)
	return measure(field, value, path) if field.bounds else []


def table_words(table, value, path):
	if not isinstance(value, dict):
		return [f"{path or table}: not a structure"]
	under = path + "." if path else ""
	known, words, has = {}, [], {}
	for field in TABLES[table]:
		for name in {field.name, field.module or field.name}:
			known[name] = field
	for name, inner in value.items():
		field = known.get(name)
		if field is None:
			if table not in OPEN:
				later = " (the module has it)" if name in NEWER.get(table, ()) else ""
				words.append(f"{under}{name}: not in the table{later}")
		elif field.name in has:
			words.append(f"{under}{field.name}: twice")
		else:
			has[field.name] = inner
	for field in TABLES[table]:
		if field.name not in has:
			if field.need == "M":
				words.append(f"{under}{field.name}: mandatory, missing")
			continue
		if field.old:
			words.append(f"{under}{field.name}: no longer used")
		words += value_words(field, has[field.name], under + field.name)
	if table in CHOICES and len(value) != 1:
		words.append(f"{path}: {len(value)} alternatives")
	for rule in RULES.get(table, ()):
		words += [under + w for w in rule(has)]
	return words


def judge(name, decoded):
	"""Words on what the decoded record of this name has against its table; an empty list when nothing."""
	if name not in RECORDS:
		return [f"{name}: no such record"]
	return table_words(name, decoded, "")
