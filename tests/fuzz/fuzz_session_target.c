// The targets of sessions: what decodes encodes to the same octets, and checks. After octet 0 a
// flow description (odd), two Network Instances (0 mod 4) or a target (2 mod 4).

#include <stdlib.h>

#include "dataplane/match/pdr_select.h"
#include "shared/session_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool what)
{
	if (!what)
		abort();
}

static void one_target(const uint8_t *data, size_t size)
{
	struct wire_reader r = wire_reader_of(data, size);
	uint8_t again[SESSION_TARGET_ENCODED_MAX];
	struct wire_writer w = wire_writer_of(again, sizeof(again));
	struct session_target t;
	const char *why = NULL;

	session_target_decode(&r, &t);
	if (r.error)
		return;
	session_target_encode(&w, &t);
	must(!w.error && wire_written(&w) == (size_t)(r.at - data));
	must(!memcmp(again, data, wire_written(&w)));
	int rc = session_target_check(&t, &why);
	must(rc == 0 || (rc == POI_ERR_CONFLICT && why));
	must(session_target_equal(&t, &t));
}

static void one_flow(const uint8_t *data, size_t size)
{
	struct pdr_flow up, down;
	int rc = pdr_flow_parse((const char *)data, size, true, &up);

	must(rc == pdr_flow_parse((const char *)data, size, false, &down));
	if (rc)
		return;
	must(!memcmp(&up.source, &down.destination, sizeof(up.source)));
	must(!memcmp(&up.source_ports, &down.destination_ports, sizeof(up.source_ports)));
	must(up.source_ports.n <= FILTER_RANGES_MAX);
	must(up.destination_ports.n <= FILTER_RANGES_MAX);
	for (unsigned i = 0; i < up.source_ports.n; i++)
		must(up.source_ports.range[i].first <= up.source_ports.range[i].last);
	must(up.source.length <= (up.source.family == 4 ? 32 : 128));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	if (data[0] & 1) {
		one_flow(data + 1, size - 1);
	} else if (data[0] & 2) {
		one_target(data + 1, size - 1);
	} else {
		const uint8_t *a = data + 2, *b;
		size_t n = data[1] < size - 2 ? data[1] : size - 2;
		b = a + n;
		bool same = session_ni_equal(a, n, b, size - 2 - n);
		must(same == session_ni_equal(b, size - 2 - n, a, n));
		must(session_ni_equal(a, n, a, n) == (n > 0));
	}
	return 0;
}
