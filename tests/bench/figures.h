#pragma once

// The figures of a benchmark as a JSON file, for tests/bench/plot.py to draw. It is written to the
// folder that the environment's POI_BENCH_JSON names; without that variable nothing is written, and
// all of these do nothing.

struct figures;

// Begins BENCH.json. `x`, `unit`: what the two axes count. Exits when the file cannot be written.
struct figures *figures_open(const char *bench, const char *x, const char *unit);
// A point of a line of a panel (one picture beside others). `low` and `high`: the spread.
void figures_point(struct figures *f, const char *panel, const char *line, double x, double low,
	double median, double high);
void figures_close(struct figures *f); // NULL allowed
