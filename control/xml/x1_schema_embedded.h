#pragma once

// Written by schema/embed.py at build time.

struct x1_schema_file {
	const char *name;
	const char *octets;
	unsigned length;
};

// x1.xsd is the first; NULL beyond the last.
const struct x1_schema_file *x1_schema_file(unsigned index);
// Names of all elements the schemas declare, sorted by strcmp; NULL beyond the last.
const char *x1_schema_element(unsigned index);
