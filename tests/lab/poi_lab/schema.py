"""Validation in this process, by libxml2 itself: fast enough to judge every answer of a long test.
The judge is the official schema of V1.13.1 or, for what only later versions know, of V1.22.1."""
import ctypes
import os

from poi_lab import x1

NONET = 1 << 11
_REPORT = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)


class _Error(ctypes.Structure):
	_fields_ = [("domain", ctypes.c_int), ("code", ctypes.c_int), ("message", ctypes.c_char_p)]


def _library():
	lib = ctypes.CDLL("libxml2.so.2")
	for name, result, arguments in (
			("xmlSchemaNewParserCtxt", "p", "s"), ("xmlSchemaParse", "p", "p"), ("xmlSchemaNewValidCtxt", "p", "p"),
			("xmlSchemaFreeParserCtxt", None, "p"), ("xmlSchemaFreeValidCtxt", None, "p"), ("xmlSchemaValidateDoc", "i", "pp"),
			("xmlReadMemory", "p", "siszi"), ("xmlFreeDoc", None, "p"),
			("xmlSchemaSetValidStructuredErrors", None, "pfp")):
		kinds = {"p": ctypes.c_void_p, "s": ctypes.c_char_p, "z": ctypes.c_char_p, "i": ctypes.c_int, "f": _REPORT, None: None}
		function = getattr(lib, name)
		function.restype, function.argtypes = kinds[result], [kinds[a] for a in arguments]
	return lib


class Schema:
	"""check(text) as x1.Xsd has it. Counts what it judged."""

	_loaded = {}

	def __init__(self, folder, drivers=("x1-validate.xsd", "x1-validate-v1.22.1.xsd")):
		self.checked = 0
		self._lib = _library()
		self._schemas = [self._load(os.path.join(folder, n)) for n in drivers]

	@staticmethod
	def find():
		"""None without the official schemas (see x1.Xsd.find)."""
		xsd = x1.Xsd.find()
		return Schema(os.path.dirname(xsd.schema)) if xsd else None

	def _load(self, path):
		if path not in self._loaded:
			parser = self._lib.xmlSchemaNewParserCtxt(path.encode())
			schema = self._lib.xmlSchemaParse(parser)
			self._lib.xmlSchemaFreeParserCtxt(parser)
			if not schema:
				raise RuntimeError(f"{path}: not a schema")
			self._loaded[path] = schema
		return self._loaded[path]

	def check(self, text):
		"""None when valid, else the first complaint of the older schema."""
		octets = text if isinstance(text, bytes) else text.encode()
		self.checked += 1
		first = None
		for schema in self._schemas:
			wrong = self._validate(schema, octets)
			if wrong is None:
				return None
			first = first or wrong
		return first

	def _validate(self, schema, octets):
		document = self._lib.xmlReadMemory(octets, len(octets), b"answer.xml", None, NONET)
		if not document:
			return "not well-formed"
		complaints = []

		def note(_, error):
			complaints.append(ctypes.cast(error, ctypes.POINTER(_Error)).contents.message or b"?")

		report = _REPORT(note)
		context = self._lib.xmlSchemaNewValidCtxt(schema)
		self._lib.xmlSchemaSetValidStructuredErrors(context, report, None)
		result = self._lib.xmlSchemaValidateDoc(context, document)
		self._lib.xmlSchemaFreeValidCtxt(context)
		self._lib.xmlFreeDoc(document)
		if result == 0:
			return None
		return complaints[0].decode(errors="replace").strip() if complaints else f"schema error {result:d}"
