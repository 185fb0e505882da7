#!/usr/bin/env python3
"""Turns the schemas into one C file: their octets, and the names of all elements they declare.

usage: embed.py OUTPUT SCHEMA...
"""
import os
import sys
import xml.etree.ElementTree as ET


def octets(data):
    lines = []
    for at in range(0, len(data), 20):
        lines.append("\t" + "".join(f"{b:d}," for b in data[at:at + 20]))
    return "\n".join(lines)


def element_names(data):
    element = "{http://www.w3.org/2001/XMLSchema}element"
    return {e.get("name") for e in ET.fromstring(data).iter(element) if e.get("name")}


def main():
    output, files = sys.argv[1], sys.argv[2:]
    names = set()
    text = ['#include "control/xml/x1_schema_embedded.h"', ""]
    table = []
    for number, path in enumerate(files):
        with open(path, "rb") as f:
            data = f.read()
        names |= element_names(data)
        text += [f"static const char file{number}[] = {{", octets(data), "};", ""]
        table.append(f'\t{{"{os.path.basename(path)}", file{number}, sizeof(file{number})}},')
    text += ["static const struct x1_schema_file files[] = {"] + table + ["};", "",
             "const struct x1_schema_file *x1_schema_file(unsigned index)", "{",
             f"\treturn index < {len(files)} ? &files[index] : 0;", "}", "",
             "static const char *const elements[] = {"]
    text += [f'\t"{n}",' for n in sorted(names)]
    text += ["};", "", "const char *x1_schema_element(unsigned index)", "{",
             f"\treturn index < {len(names)} ? elements[index] : 0;", "}", ""]
    with open(output, "w", encoding="ascii") as f:
        f.write("\n".join(text))


main()
