"""Reads records of an AMF, an SMF and an SMSF (TS 33.128 clauses 6.2.2.2, 6.2.3.2 and 6.2.5.3) strictly, with nothing of the product: known
tags only, each once and in order, shortest lengths, nothing left over."""
import re

from poi_lab import record_types, xiri
from poi_lab.xiri import Invalid

UNIVERSAL = {"int": 0x02, "bool": 0x01, "octets": 0x04, "bits": 0x03, "text": 0x0C, "digits": 0x12, "time": 0x18, "enum": 0x0A, "seq": 0x30}


def _table(text):
	types = {}
	for line in re.sub(r"\n\t", " ", text).strip().splitlines():
		name, _, rest = line.partition(" = ")
		kind, _, members = rest.partition(" ")
		parts = [m.split(" ", 2) for m in members.split(", ")] if members else []
		if kind == "enum":
			types[name] = (kind, {int(value): word for word, value in parts})
		else:
			types[name] = (kind, {int(tag): (member, of) for member, tag, of in parts})
	return types


TYPES = _table(record_types.TYPES)
EVENTS = {int(tag): name for tag, name in (e.split() for e in re.sub(r"\s+", " ", record_types.EVENTS).strip().split(", "))}


def _header(octets, at):
	"""(class and form, tag number, where the value begins, where it ends)."""
	if at + 2 > len(octets):
		raise Invalid("cut header")
	first, number, at = octets[at], octets[at] & 31, at + 1
	if number == 31:
		number = 0
		while True:
			if at >= len(octets) or (number == 0 and octets[at] == 0x80):
				raise Invalid("tag form")
			number, more, at = number << 7 | octets[at] & 127, octets[at] & 128, at + 1
			if not more:
				break
		if number < 31:
			raise Invalid("tag form")
	if at >= len(octets):
		raise Invalid("cut header")
	length, at = octets[at], at + 1
	if length >= 0x80:
		n = length & 0x7F
		length = int.from_bytes(octets[at:at + n], "big")
		if n == 0 or at + n > len(octets) or length < 0x80 or octets[at] == 0:
			raise Invalid("length form")
		at += n
	if at + length > len(octets):
		raise Invalid("cut value")
	return first & 0xE0, number, at, at + length


def _values(octets):
	at = 0
	while at < len(octets):
		form, number, start, at = _header(octets, at)
		yield form, number, octets[start:at]


def _int(octets):
	value = int.from_bytes(octets, "big", signed=True)
	if not octets or len(octets) > 1 and octets[0] in (0, 255) and (octets[0] ^ octets[1]) < 0x80:
		raise Invalid("integer")
	return value


def _text(kind, octets):
	try:
		return octets.decode()
	except UnicodeDecodeError:
		raise Invalid(kind) from None


def _bits(octets):
	if not octets or octets[0] > 7 or (len(octets) == 1 and octets[0]) or (octets[0] and octets[-1] & ((1 << octets[0]) - 1)):
		raise Invalid("bits")
	return octets[1:].hex() + (f"/{8 * (len(octets) - 1) - octets[0]}" if octets[0] else "")


def _time(octets):
	xiri.moment(octets)  # one form alone
	return octets.decode()


def _bool(octets):
	if octets not in (b"\0", b"\xff"):
		raise Invalid("boolean")
	return octets == b"\xff"


# The kinds of texts are kept apart in `marked` trees: e enumerated, t time, b bits, o octets and characters.
SIMPLE = {"int": ("", _int), "bool": ("", _bool), "octets": ("o", bytes.hex), "bits": ("b", _bits), "time": ("t", _time)}


def _simple(of, octets, marked):
	if of in SIMPLE:
		mark, read = SIMPLE[of]
		value = read(octets)
		if mark == "b" and octets[0] == 0:
			mark = "o"  # whole octets
		return mark + value if marked and mark else value
	if of in ("text", "digits"):
		value = _text(of, octets)
		return "o" + octets.hex() if marked else value
	words = TYPES[of][1]
	value = _int(octets)
	if value not in words:
		raise Invalid(f"{of}: unknown value {value}")
	return ("e" if marked else "") + words[value]


def _value(of, form, octets, marked):
	"""`form`: of its tag, which stands for the type's own."""
	constructed = bool(form & 0x20)
	if of[0] in "*%":
		if not constructed:
			raise Invalid("a list that is primitive")
		return [_item(of[1:], f, n, inner, marked) for f, n, inner in _values(octets)]
	kind, members = TYPES.get(of, ("simple", None))
	if kind in ("simple", "enum"):
		if constructed:
			raise Invalid(f"{of}: constructed")
		return _simple(of, octets, marked)
	if not constructed:
		raise Invalid(f"{of}: primitive")
	return _members(of, kind, members, octets, marked)


def _item(of, form, number, octets, marked):
	"""An item of a list has its type's own tag; of a CHOICE that of the alternative."""
	kind, members = TYPES.get(of, ("simple", None))
	if kind == "choice":
		return _alternative(of, members, form, number, octets, marked)
	wanted = UNIVERSAL["seq" if of[0] in "*%" or kind == "seq" else "enum" if kind == "enum" else of]
	if form | number != wanted:
		raise Invalid(f"{of}: tag of an item")
	return _value(of, form, octets, marked)


def _alternative(of, members, form, number, octets, marked):
	if form & 0xC0 != 0x80 or number not in members:
		raise Invalid(f"{of}: unknown alternative {number}")
	name, inner = members[number]
	return {name: _value(inner, form, octets, marked)}


def _members(of, kind, members, octets, marked):
	got = list(_values(octets))
	if kind == "choice":  # its tag stands around it
		if len(got) != 1:
			raise Invalid(f"{of}: {len(got)} alternatives")
		return _alternative(of, members, *got[0][:2], got[0][2], marked)
	numbers = [number for _, number, _ in got]
	if numbers != sorted(set(numbers)):
		raise Invalid(f"{of}: order of members")
	out = {}
	for form, number, inner in got:
		out.update(_alternative(of, members, form, number, inner, marked))
	return out


def decode(octets, marked=False):
	"""(release, name of the record, its members). `marked`: texts begin with a letter for their kind."""
	form, number, start, end = _header(octets, 0)
	parts = list(_values(octets[start:end]))
	if (form | number, end) != (0x30, len(octets)) or [p[:2] for p in parts] != [(0x80, 1), (0xA0, 2)]:
		raise Invalid("payload")
	if parts[0][2] not in xiri.RELEASES:
		raise Invalid("release")
	event = list(_values(parts[1][2]))
	if len(event) != 1 or event[0][0] != 0xA0 or event[0][1] not in EVENTS:
		raise Invalid("event")
	name = EVENTS[event[0][1]]
	return xiri.RELEASES[parts[0][2]], name, _value(name, 0xA0, event[0][2], marked)
