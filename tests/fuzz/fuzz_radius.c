// RADIUS accounting: addresses are of their families, texts inside the datagram.

#include <stdlib.h>

#include "dataplane/signalling/signalling.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool what)
{
	if (!what)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct radius_message m;

	if (size > 65535)
		return 0;
	enum signalling_reason why = radius_decode(data, (uint32_t)size, &m);
	must(why < SIGNALLING_REASON_COUNT);
	if (!signalling_usable(why))
		return 0;
	must(m.code == 4 || m.code == 5);
	must(m.raw.octets == data && m.raw.length >= 20 && m.raw.length <= size);
	const struct span *texts[] = {&m.session, &m.nas_identifier, &m.user.nai};
	for (unsigned i = 0; i < 3; i++)
		must(!texts[i]->length ||
			(texts[i]->octets >= data + 20 &&
				texts[i]->octets + texts[i]->length <= data + m.raw.length));
	must(m.n_addresses <= RADIUS_ADDRESSES_MAX);
	for (unsigned i = 0; i < m.n_addresses; i++) {
		const struct ip_prefix *p = &m.address[i];
		must(p->family == 4 || p->family == 6);
		must(p->length > 0 && p->length <= (p->family == 4 ? 32 : 128));
	}
	return 0;
}
