#include "tests/bench/figures.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct figures {
	FILE *out;
	unsigned points;
};

// The CPU's name and whether it has AVX-512, as one text.
static void put_cpu(FILE *out)
{
	char line[4096], model[128] = "unknown";
	bool wide = false;
	FILE *f = fopen("/proc/cpuinfo", "r");

	while (f && fgets(line, sizeof(line), f)) {
		sscanf(line, "model name%*[ \t]: %127[^\n\"\\]", model);
		wide |= !strncmp(line, "flags", 5) && strstr(line, " avx512f");
	}
	if (f)
		fclose(f);
	fprintf(out, "%s, %s AVX-512", model, wide ? "with" : "without");
}

struct figures *figures_open(const char *bench, const char *x, const char *unit)
{
	const char *folder = getenv("POI_BENCH_JSON");
	char path[4096];

	if (!folder)
		return NULL;
	struct figures *f = calloc(1, sizeof(*f));
	snprintf(path, sizeof(path), "%s/%s.json", folder, bench);
	if (!f || !(f->out = fopen(path, "w"))) {
		perror(path);
		exit(1);
	}
	fprintf(f->out, "{\"bench\": \"%s\", \"x\": \"%s\", \"unit\": \"%s\", \"cpu\": \"", bench,
		x, unit);
	put_cpu(f->out);
	fprintf(f->out, "\", \"points\": [");
	return f;
}

void figures_point(struct figures *f, const char *panel, const char *line, double x, double low,
	double median, double high)
{
	if (f)
		fprintf(f->out,
			"%s\n{\"panel\": \"%s\", \"line\": \"%s\", \"x\": %.6g, \"low\": %.6g, "
			"\"median\": "
			"%.6g, \"high\": %.6g}",
			f->points++ ? "," : "", panel, line, x, low, median, high);
}

void figures_close(struct figures *f)
{
	if (!f)
		return;
	fprintf(f->out, "\n]}\n");
	if (fclose(f->out)) {
		perror("figures");
		exit(1);
	}
	free(f);
}
