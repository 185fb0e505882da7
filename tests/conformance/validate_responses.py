#!/usr/bin/python3
"""Validates captured X1 documents against the official schemas: every *.xml below DIR, by the driver of
V1.13.1 (nearest to V1.8.1), or by that of 1.22.1 where a document uses what only that knows.
  validate_responses.py DIR [--reference DIR] [--requests-too]
Last line: "N passed, N failed". A folder without any document fails: nothing was proved.
"""
import argparse
import os
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, HERE)

from lxml import etree  # noqa: E402

import mutate  # noqa: E402
from official import PARSER, Official  # noqa: E402

RESPONSES = ("X1Response", "X1TopLevelErrorResponse")


def documents(folder):
	for where, _, files in sorted(os.walk(folder)):
		for name in sorted(files):
			if name.endswith(".xml"):
				yield os.path.join(where, name)


def judge(file, official, requests_too):
	"""None when right, "" when not to be judged, else what is wrong."""
	try:
		root = etree.parse(file, etree.XMLParser(**PARSER)).getroot()
	except etree.XMLSyntaxError as error:
		return str(error)
	if mutate.local(root) not in RESPONSES and not (requests_too and mutate.local(root) == "X1Request"):
		return "" if mutate.local(root) == "X1Request" else f"root element {root.tag}"
	driver = official.new if official.uses_new(root) else official.old
	return None if driver.validate(root) else str(driver.error_log.last_error)


def main():
	parser = argparse.ArgumentParser(description="validate captured X1 responses")
	parser.add_argument("folder")
	parser.add_argument("--reference", default=os.path.join(HERE, "..", "..", "..", "shared", "etsi-schemas"))
	parser.add_argument("--requests-too", action="store_true", help="judge X1Request documents too")
	options = parser.parse_args()
	if not os.path.isdir(options.reference):
		print("skipped: no reference data")
		print("0 passed, 0 failed, 1 skipped")
		return 0
	official = Official(options.reference)
	passed = failed = 0
	for file in documents(options.folder):
		wrong = judge(file, official, options.requests_too)
		if wrong:
			print(f"{file}: {wrong}")
		passed += wrong is None
		failed += bool(wrong)
	if not passed and not failed:
		print(f"{options.folder}: no X1 response in it")
		failed = 1
	print(f"{passed} passed, {failed} failed")
	return 1 if failed else 0


if __name__ == "__main__":
	sys.exit(main())
