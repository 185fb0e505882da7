"""The official X1 schemas as judges."""
import os

from lxml import etree

import mutate

XS = "{http://www.w3.org/2001/XMLSchema}"
PARSER = {"no_network": True, "resolve_entities": False, "load_dtd": False}


class Official:
	"""The two official drivers."""

	def __init__(self, folder):
		self.old = self.load(os.path.join(folder, "x1-validate.xsd"))
		self.new = self.load(os.path.join(folder, "x1-validate-v1.22.1.xsd"))
		old_words, new_words = (self.words(os.path.join(folder, f)) for f in
			("v1.13.1/TS_103_221_01_v011301.xsd", "v1.22.1/TS_103_221_01.xsd"))
		self.only_new = new_words - old_words
		self.split = 0

	@staticmethod
	def load(file):
		driver = etree.parse(file)
		# ETSI's samples of generic objects use a schema that lies beside them
		etree.SubElement(driver.getroot(), XS + "import", namespace="exampleGenericObject",
			schemaLocation="v1.13.1/examples/ExampleGenericObjects.xsd")
		return etree.XMLSchema(driver)

	@staticmethod
	def words(file):
		tree = etree.parse(file)
		return {e.get("name") for e in tree.iter(XS + "element", XS + "complexType") if e.get("name")} | {
			e.get("value") for e in tree.iter(XS + "enumeration")}

	def verdicts(self, tree):
		"""The set of verdicts that are right."""
		new = self.new.validate(tree)
		if self.uses_new(tree):
			return {new}
		both = {self.old.validate(tree), new}
		self.split += len(both) == 2
		return both

	def uses_new(self, tree):
		for element in mutate.elements(tree):
			if mutate.local(element) in self.only_new or (element.text or "").strip() in self.only_new:
				return True
			if element.get(mutate.TYPE, "").rpartition(":")[2] in self.only_new:
				return True
		return False
