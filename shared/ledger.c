#include "shared/ledger.h"

#include <stdio.h>

const char *packet_outcome_name(enum packet_outcome o)
{
	static const char *const names[] = {
#define X(suffix, name, classified) name,
		PACKET_OUTCOMES(X)
#undef X
	};

	return (unsigned)o < PACKET_OUTCOME_COUNT ? names[o] : "unknown";
}

bool packet_outcome_classified(enum packet_outcome o)
{
	static const bool classified[] = {
#define X(suffix, name, is_classified) is_classified,
		PACKET_OUTCOMES(X)
#undef X
	};

	return (unsigned)o < PACKET_OUTCOME_COUNT && classified[o];
}

const char *copy_loss_name(enum copy_loss l)
{
	static const char *const names[] = {
#define X(suffix, name) name,
		COPY_LOSSES(X)
#undef X
	};

	return (unsigned)l < LOSS_COUNT ? names[l] : "unknown";
}

const char *forward_outcome_name(enum forward_outcome o)
{
	static const char *const names[] = {
#define X(suffix, name) name,
		FORWARD_OUTCOMES(X)
#undef X
	};

	return (unsigned)o < FORWARD_OUTCOME_COUNT ? names[o] : "unknown";
}

uint64_t packet_balance_classified(const struct packet_balance *b)
{
	uint64_t sum = 0;

	for (int i = 0; i < PACKET_OUTCOME_COUNT; i++)
		if (packet_outcome_classified((enum packet_outcome)i))
			sum += b->outcome[i];
	return sum;
}

bool packet_balance_holds(const struct packet_balance *b)
{
	uint64_t sum = 0;

	for (int i = 0; i < PACKET_OUTCOME_COUNT; i++)
		sum += b->outcome[i];
	return sum == b->received;
}

uint64_t copy_balance_lost(const struct copy_balance *b)
{
	uint64_t sum = 0;

	for (int i = 0; i < LOSS_COUNT; i++)
		sum += b->lost[i];
	return sum;
}

uint64_t copy_balance_accounted(const struct copy_balance *b)
{
	return b->acknowledged + b->in_doubt + b->queued + copy_balance_lost(b);
}

void unopened_text(uint32_t what, char out[UNOPENED_TEXT])
{
	static const struct {
		const char *name;
		bool hexadecimal;
	} kinds[] = {[UNOPENED_NONE] = {"none", false},
		[UNOPENED_ETHERTYPE] = {"ethertype", true},
		[UNOPENED_LLC] = {"llc", true},
		[UNOPENED_PROTOCOL] = {"protocol", false},
		[UNOPENED_GRE] = {"gre", true},
		[UNOPENED_PPP] = {"ppp", true},
		[UNOPENED_UDP] = {"udp", false},
		[UNOPENED_MPLS] = {"mpls", false},
		[UNOPENED_NSH] = {"nsh", false}};
	uint32_t kind = what >> 16 < sizeof(kinds) / sizeof(kinds[0]) ? what >> 16 : UNOPENED_NONE;

	if (kind == UNOPENED_MPLS || kind == UNOPENED_NONE)
		snprintf(out, UNOPENED_TEXT, "%s", kinds[kind].name);
	else if (kinds[kind].hexadecimal)
		snprintf(out, UNOPENED_TEXT, "%s 0x%04x", kinds[kind].name, what & 0xffff);
	else
		snprintf(out, UNOPENED_TEXT, "%s %u", kinds[kind].name, what & 0xffff);
}

bool unopened_looks_wrapped(const struct unopened_share *s)
{
	return s->sampled >= 64 && s->wrapped >= s->sampled / 4;
}
