"""Command line of poi-lab."""
import argparse

from poi_lab import admf, admf_server, mdf, n4, nf, pdu, pki, smf


def main(arguments=None):
	parser = argparse.ArgumentParser(prog="poi-lab", description="The other side of the POI: an ADMF, an MDF and their certificates.")
	commands = parser.add_subparsers(required=True, metavar="COMMAND")
	pki.options(commands.add_parser("pki", help="make certificates"))
	admf.options(commands.add_parser("admf", help="send X1 requests"))
	smf.options(commands.add_parser("smf", help="trigger tasks as an SMF does, at a rate"))
	listen = commands.add_parser("admf-listen", help="answer the network element's own requests")
	admf_server.add_arguments(listen)
	listen.set_defaults(run=admf_server.run)
	mdf.options(commands.add_parser("mdf", help="receive and check X2/X3"))
	pdu.options(commands.add_parser("decode", help="print PDUs"))
	n4.options(commands.add_parser("n4", help="play a core network's signalling and user plane"))
	nf.options(commands.add_parser("nf", help="play a network function that hands over events"))
	chosen = parser.parse_args(arguments)
	return chosen.run(chosen)
