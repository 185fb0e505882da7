#!/usr/bin/python3
"""Writes the table of one release of DPDK: the PCI ids that each library drives, read with DPDK's own dpdk-pmdinfo.py.

  packaging/dpdk/nic_ids.py > shared/nic_ids_24_11.h       on a machine with DPDK 24.11 and librte-meta-net
"""
import glob
import json
import os
import re
import subprocess
import sys

FOLDERS = "/usr/lib/*/dpdk/pmds-*"
A_LINE = 8


def libraries(folder):
	"""{library's short name: {(vendor, device)}} of all network drivers in the folder."""
	found = {}
	for path in sorted(glob.glob(os.path.join(folder, "librte_net_*.so"))):
		done = subprocess.run(["dpdk-pmdinfo.py", path], capture_output=True, text=True, check=True)
		# what the library is linked with is reported, too: only drivers of NICs
		drivers = [d for d in json.loads(done.stdout) if re.match(r"net_|mlx5_eth$", d["name"])]
		ids = {(i["vendor"], i["device"]) for d in drivers for i in d.get("pci_ids", ())}
		if ids:
			found[re.search(r"librte_net_(\w+)\.so", path).group(1)] = ids
	return found


def text(folder):
	release = subprocess.run(["pkg-config", "--modversion", "libdpdk"], capture_output=True, text=True, check=True).stdout.strip()
	lines = ["#pragma once", "", f"// Made by packaging/dpdk/nic_ids.py from DPDK {release}: libraries and the PCI ids that they drive.",
		"// clang-format off", "static const struct {", "\tconst char *library, *ids;", "} nic_ids[] = {"]
	for library, ids in sorted(libraries(folder).items()):
		words = [f"{vendor}:{device}" for vendor, device in sorted(ids)]
		lines.append(f'\t{{"{library}",')
		for at in range(0, len(words), A_LINE):
			lines.append('\t\t"' + " ".join(words[at:at + A_LINE]) + (' "' if at + A_LINE < len(words) else '"},'))
	return "\n".join([*lines, "};", "// clang-format on", ""])


if __name__ == "__main__":
	folders = glob.glob(FOLDERS)
	if len(folders) != 1:
		sys.exit(f"{FOLDERS}: one folder is needed, there are {len(folders)}")
	sys.stdout.write(text(folders[0]))
