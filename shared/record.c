// The walker: from a tree of values to BER, member by member, the last one first.

#include "shared/record.h"

#include <string.h>

#include "shared/record_internal.h"

#define CONTEXT_OPEN (BER_CONTEXT | BER_CONSTRUCTED)
#define ABSENT UINT32_MAX

struct kind {
	const char *name;
	uint16_t type;	// enum record_type_id
	uint8_t number; // in XIRIEvent
};

static const struct kind kinds[RECORD_KINDS] = {
	[RECORD_SMF_ESTABLISHMENT] = {"SMFPDUSessionEstablishment",
		TYPE_SMFPDU_SESSION_ESTABLISHMENT, 6},
	[RECORD_SMF_MODIFICATION] = {"SMFPDUSessionModification", TYPE_SMFPDU_SESSION_MODIFICATION,
		7},
	[RECORD_SMF_RELEASE] = {"SMFPDUSessionRelease", TYPE_SMFPDU_SESSION_RELEASE, 8},
	[RECORD_SMF_START] = {"SMFStartOfInterceptionWithEstablishedPDUSession",
		TYPE_SMF_START_OF_INTERCEPTION_WITH_ESTABLISHED_PDU_SESSION, 9},
	[RECORD_SMF_UNSUCCESSFUL] = {"SMFUnsuccessfulProcedure", TYPE_SMF_UNSUCCESSFUL_PROCEDURE,
		10},
	[RECORD_SMF_MA_ESTABLISHMENT] = {"SMFMAPDUSessionEstablishment",
		TYPE_SMFMAPDU_SESSION_ESTABLISHMENT, 57},
	[RECORD_SMF_MA_MODIFICATION] = {"SMFMAPDUSessionModification",
		TYPE_SMFMAPDU_SESSION_MODIFICATION, 58},
	[RECORD_SMF_MA_RELEASE] = {"SMFMAPDUSessionRelease", TYPE_SMFMAPDU_SESSION_RELEASE, 59},
	[RECORD_SMF_MA_START] = {"SMFStartOfInterceptionWithEstablishedMAPDUSession",
		TYPE_SMF_START_OF_INTERCEPTION_WITH_ESTABLISHED_MAPDU_SESSION, 60},
	[RECORD_SMF_MA_UNSUCCESSFUL] = {"SMFMAUnsuccessfulProcedure",
		TYPE_SMFMA_UNSUCCESSFUL_PROCEDURE, 61},
	[RECORD_SMF_PDU_TO_MA] = {"SMFPDUtoMAPDUSessionModification",
		TYPE_SMFPDU_TO_MAPDU_SESSION_MODIFICATION, 64},
	[RECORD_AMF_REGISTRATION] = {"AMFRegistration", TYPE_AMF_REGISTRATION, 1},
	[RECORD_AMF_DEREGISTRATION] = {"AMFDeregistration", TYPE_AMF_DEREGISTRATION, 2},
	[RECORD_AMF_LOCATION_UPDATE] = {"AMFLocationUpdate", TYPE_AMF_LOCATION_UPDATE, 3},
	[RECORD_AMF_START] = {"AMFStartOfInterceptionWithRegisteredUE",
		TYPE_AMF_START_OF_INTERCEPTION_WITH_REGISTERED_UE, 4},
	[RECORD_AMF_UNSUCCESSFUL] = {"AMFUnsuccessfulProcedure", TYPE_AMF_UNSUCCESSFUL_PROCEDURE,
		5},
	[RECORD_AMF_ASSOCIATION] = {"AMFIdentifierAssociation", TYPE_AMF_IDENTIFIER_ASSOCIATION,
		62},
	[RECORD_AMF_POSITIONING] = {"AMFPositioningInfoTransfer",
		TYPE_AMF_POSITIONING_INFO_TRANSFER, 111},
	[RECORD_AMF_HANDOVER_COMMAND] = {"AMFRANHandoverCommand", TYPE_AMFRAN_HANDOVER_COMMAND,
		113},
	[RECORD_AMF_HANDOVER_REQUEST] = {"AMFRANHandoverRequest", TYPE_AMFRAN_HANDOVER_REQUEST,
		114},
	[RECORD_AMF_CONFIGURATION_UPDATE] = {"AMFUEConfigurationUpdate",
		TYPE_AMFUE_CONFIGURATION_UPDATE, 132},
	[RECORD_SMS_MESSAGE] = {"SMSMessage", TYPE_SMS_MESSAGE, 12},
	[RECORD_SMS_REPORT] = {"SMSReport", TYPE_SMS_REPORT, 56},
};

static const struct record_type *(*const tables[RECORD_FILES])(void) = {
	[RECORD_NAMES_FIRST / RECORD_OF_FILE] = record_names,
	[RECORD_VALUES_FIRST / RECORD_OF_FILE] = record_values,
	[RECORD_LOCATION_FIRST / RECORD_OF_FILE] = record_location,
	[RECORD_SMF_FIRST / RECORD_OF_FILE] = record_smf,
	[RECORD_MA_FIRST / RECORD_OF_FILE] = record_ma,
	[RECORD_AMF_FIRST / RECORD_OF_FILE] = record_amf,
	[RECORD_SMSF_FIRST / RECORD_OF_FILE] = record_smsf,
};

// RELATIVE-OID of the module: threeGPP(4) ts33128(19) release version.
static const uint8_t modules[][5] = {
	[CONFIG_XIRI_R18] = {4, 19, 18, 15, 1},
	[CONFIG_XIRI_R19] = {4, 19, 19, 3, 1},
};

struct walk {
	struct ber_writer *w;
	const struct record_node *nodes;
	size_t count;
	struct record_fault *fault;
	enum config_xiri_release release;
	unsigned depth; // entries of `path`
	const struct record_type *types[RECORD_FILES];
	const char *path[RECORD_DEPTH];
};

// The identifier that a value gets.
struct identifier {
	uint8_t bits; // of the class
	uint8_t number;
};

static int value(
	struct walk *k, const struct record_type *type, struct identifier id, const size_t at);

const char *record_name(unsigned kind)
{
	return kind < RECORD_KINDS ? kinds[kind].name : NULL;
}

const struct record_type *record_type(unsigned id)
{
	return &tables[id / RECORD_OF_FILE]()[id % RECORD_OF_FILE];
}

static const struct record_type *type_at(const struct walk *k, unsigned id)
{
	return &k->types[id / RECORD_OF_FILE][id % RECORD_OF_FILE];
}

const struct record_type *record_type_of(unsigned kind)
{
	return record_type(kinds[kind].type);
}

int record_find(const char *name, size_t length)
{
	for (unsigned i = 0; i < RECORD_KINDS; i++)
		if (strlen(kinds[i].name) == length && memcmp(kinds[i].name, name, length) == 0)
			return (int)i;
	return -1;
}

static bool absent_in(unsigned flags, enum config_xiri_release release)
{
	return flags & (release == CONFIG_XIRI_R18 ? ONLY_R19 : ONLY_R18);
}

bool record_has_member(
	unsigned kind, const char *name, size_t length, enum config_xiri_release release)
{
	const struct record_type *type = kind < RECORD_KINDS ? record_type_of(kind) : NULL;

	for (unsigned i = 0; type && i < type->count; i++) {
		const struct record_member *m = &type->members[i];

		if (m->name_length == length && memcmp(m->name, name, length) == 0)
			return !absent_in(m->flags, release);
	}
	return false;
}

static int refuse(struct walk *k, unsigned reason)
{
	struct record_fault *f = k->fault;

	f->reason = (uint8_t)reason;
	f->depth = (uint8_t)k->depth;
	for (unsigned i = 0; i < k->depth; i++)
		f->path[i] = k->path[k->depth - 1 - i];
	return reason == RECORD_ROOM ? POI_ERR_TOO_LARGE : POI_ERR_INVALID;
}

static int refuse_member(struct walk *k, unsigned reason, const char *name, const char *table)
{
	if (k->depth < RECORD_DEPTH)
		k->path[k->depth++] = name;
	k->fault->table = table;
	return refuse(k, reason);
}

static int refuse_node(struct walk *k, unsigned reason, const struct record_node *node)
{
	k->fault->unknown = node->name;
	k->fault->unknown_length = node->name_length;
	return refuse(k, reason);
}

static bool is_named(const struct record_member *row, const struct record_node *node)
{
	return row->name_length == node->name_length &&
	       record_same(row->name, node->name, row->name_length);
}

// Members mostly come in the table's order: the search begins at `from`.
static unsigned member_index(
	const struct record_type *type, const struct record_node *node, unsigned from)
{
	for (unsigned i = 0; i < type->count; i++) {
		unsigned m = from + i < type->count ? from + i : from + i - type->count;

		if (is_named(&type->members[m], node))
			return m;
	}
	return type->count;
}

// The node behind child `at`; 0 when its `covers` leads out of its parent, which ends at `end`.
static size_t behind(const struct walk *k, size_t at, size_t end)
{
	uint32_t covers = k->nodes[at].covers;

	return covers == 0 || covers > end - at ? 0 : at + covers;
}

// Maps each member to the index of the node that sets it, or ABSENT.
static int find_members(
	struct walk *k, const struct record_type *type, size_t at, uint32_t where[RECORD_MEMBERS])
{
	size_t end = at + k->nodes[at].covers;
	unsigned next = 0;

	for (unsigned i = 0; i < type->count; i++)
		where[i] = ABSENT;
	for (size_t child = at + 1; child < end;) {
		const struct record_node *node = &k->nodes[child];
		size_t after = behind(k, child, end);

		if (after == 0)
			return refuse(k, RECORD_TREE);
		unsigned m = member_index(type, node, next);
		if (m == type->count)
			return refuse_node(k, RECORD_UNKNOWN, node);
		if (where[m] != ABSENT)
			return refuse_node(k, RECORD_TWICE, node);
		if (absent_in(type->members[m].flags, k->release))
			return refuse_member(k, RECORD_RELEASE, type->members[m].name, NULL);
		where[m] = (uint32_t)child;
		next = m + 1;
		child = after;
	}
	return 0;
}

// A truncated TPDU belongs to a message of the two types that have user data to take away.
static int check_truncation(
	struct walk *k, const struct record_type *type, const uint32_t where[RECORD_MEMBERS])
{
	static const char truncated[] = "truncatedSMSTPDU";
	bool cut = false;
	bool fits = true;

	for (unsigned i = 0; i < type->count; i++) {
		const struct record_node *node = where[i] == ABSENT ? NULL : &k->nodes[where[i]];

		if (node && strcmp(type->members[i].name, "sMSTPDUData") == 0)
			cut = node->covers > 1 && node[1].name_length == sizeof(truncated) - 1 &&
			      memcmp(node[1].name, truncated, sizeof(truncated) - 1) == 0;
		if (node && node->kind == NODE_TEXT &&
			strcmp(type->members[i].name, "messageType") == 0)
			fits = (node->length == 6 && memcmp(node->text, "submit", 6) == 0) ||
			       (node->length == 7 && memcmp(node->text, "deliver", 7) == 0);
	}
	return cut && !fits ? refuse_member(k, RECORD_BESIDE, "sMSTPDUData", "6.2.5-7") : 0;
}

// The members with `flag`: how many are there, and the first that is or, if none is, could be.
static unsigned count_with(const struct record_type *type, unsigned flag,
	const uint32_t where[RECORD_MEMBERS], const char **name)
{
	unsigned count = 0;

	*name = NULL;
	for (unsigned i = 0; i < type->count; i++) {
		if (!(type->members[i].flags & flag))
			continue;
		if (*name == NULL || (where[i] != ABSENT && count == 0))
			*name = type->members[i].name;
		count += where[i] != ABSENT;
	}
	return count;
}

// Members that depend on each other.
static int check_together(
	struct walk *k, const struct record_type *type, const uint32_t where[RECORD_MEMBERS])
{
	bool items = false;
	const char *name;

	if (count_with(type, ONE_OF, where, &name) == 0 && name)
		return refuse_member(k, RECORD_MISSING_WITH, name, type->table);
	if (count_with(type, ONLY_ONE, where, &name) > 1)
		return refuse_member(k, RECORD_BESIDE, name, type->table);
	for (unsigned i = 0; i < type->count; i++)
		items = items || (where[i] != ABSENT && (type->members[i].flags & APART_LIST) &&
					 k->nodes[where[i]].covers > 1);
	if (items && count_with(type, APART, where, &name) > 0)
		return refuse_member(k, RECORD_BESIDE, name, type->table);
	return type->rule == RULE_TRUNCATION ? check_truncation(k, type, where) : 0;
}

static int check_present(
	struct walk *k, const struct record_type *type, const uint32_t where[RECORD_MEMBERS])
{
	unsigned flags = 0;
	bool asks = false;

	for (unsigned i = 0; i < type->count; i++) {
		const struct record_member *m = &type->members[i];

		flags |= m->flags;
		if (where[i] != ABSENT) {
			asks = asks || (m->flags & ASKS);
			continue;
		}
		if ((m->flags & (BY_TABLE | BY_MODULE)) && !absent_in(m->flags, k->release))
			return refuse_member(k, RECORD_MISSING, m->name,
				m->flags & BY_TABLE ? type->table : NULL);
	}
	for (unsigned i = 0; asks && i < type->count; i++)
		if (where[i] == ABSENT && (type->members[i].flags & ASKED))
			return refuse_member(
				k, RECORD_MISSING_WITH, type->members[i].name, type->table);
	if (type->rule == RULE_NONE && !(flags & (ONE_OF | ONLY_ONE | APART)))
		return 0;
	return check_together(k, type, where);
}

static int member(struct walk *k, const struct record_member *m, size_t at)
{
	if (k->depth == RECORD_DEPTH)
		return refuse(k, RECORD_TREE);
	k->path[k->depth++] = m->name;
	int e = value(k, type_at(k, m->type), (struct identifier){BER_CONTEXT, m->number}, at);
	if (e == 0)
		k->depth--;
	return e;
}

// A member of the table and its node.
struct found {
	const struct record_member *member;
	size_t node;
};

// The flags of a member that is absent. Where the release lacks it, it is not mandatory.
static unsigned absent_flags(const struct record_member *row, unsigned hidden)
{
	return row->flags & hidden ? row->flags & ~(unsigned)(BY_TABLE | BY_MODULE) : row->flags;
}

// The members of a SEQUENCE in the table's order, with one look at each row: their number, or -1
// where the children come in another order or find_members and check_present have to look closer.
// It never refuses: all refusals are theirs.
static int find_in_order(const struct walk *k, const struct record_type *type, size_t at,
	struct found found[RECORD_MEMBERS])
{
	unsigned hidden = k->release == CONFIG_XIRI_R18 ? ONLY_R19 : ONLY_R18;
	size_t end = at + k->nodes[at].covers;
	const struct record_member *row = type->members, *last = row + type->count;
	unsigned present = 0, twice = 0, absent = 0;
	int count = 0;

	for (size_t child = at + 1; child < end;) {
		const struct record_node *node = &k->nodes[child];
		size_t after = behind(k, child, end);

		while (row < last && !is_named(row, node))
			absent |= absent_flags(row++, hidden);
		if (row == last || after == 0)
			return -1;
		twice |= present & row->flags;
		present |= row->flags;
		found[count++] = (struct found){row++, child};
		child = after;
	}
	while (row < last)
		absent |= absent_flags(row++, hidden);
	if ((absent & (BY_TABLE | BY_MODULE)) || (present & (hidden | APART_LIST)) ||
		(twice & ONLY_ONE) || ((present & ASKS) && (absent & ASKED)) ||
		((absent & ~present) & ONE_OF) || type->rule != RULE_NONE)
		return -1;
	return count;
}

static int find_in_any_order(struct walk *k, const struct record_type *type, size_t at,
	struct found found[RECORD_MEMBERS])
{
	uint32_t where[RECORD_MEMBERS];
	int e = find_members(k, type, at, where);
	int count = 0;

	if (e == 0)
		e = check_present(k, type, where);
	for (unsigned i = 0; e == 0 && i < type->count; i++)
		if (where[i] != ABSENT)
			found[count++] = (struct found){&type->members[i], where[i]};
	return e ? e : count;
}

static int sequence(struct walk *k, const struct record_type *type, size_t at)
{
	struct found found[RECORD_MEMBERS];
	int count = find_in_order(k, type, at, found);

	if (count < 0)
		count = find_in_any_order(k, type, at, found);
	for (int i = count - 1; i >= 0; i--) {
		int e = member(k, found[i].member, found[i].node);
		if (e)
			return e;
	}
	return count < 0 ? count : 0;
}

static int choice(struct walk *k, const struct record_type *type, size_t at)
{
	const struct record_node *node = &k->nodes[at];
	size_t end = at + node->covers;

	if (node->covers == 1)
		return refuse(k, RECORD_CHOICE);
	size_t after = behind(k, at + 1, end);
	if (after == 0)
		return refuse(k, RECORD_TREE);
	if (after != end)
		return refuse(k, RECORD_CHOICE);
	unsigned m = member_index(type, node + 1, 0);
	if (m == type->count)
		return refuse_node(k, RECORD_UNKNOWN, node + 1);
	if (absent_in(type->members[m].flags, k->release))
		return refuse_member(k, RECORD_RELEASE, type->members[m].name, NULL);
	return member(k, &type->members[m], at + 1);
}

static int list(struct walk *k, const struct record_type *type, size_t at)
{
	size_t end = at + k->nodes[at].covers;
	const struct record_type *item = type_at(k, type->item);
	size_t items[RECORD_ITEMS];
	unsigned count = 0;

	for (size_t child = at + 1; child < end;) {
		size_t after = behind(k, child, end);

		if (after == 0)
			return refuse(k, RECORD_TREE);
		if (k->nodes[child].name_length > 0)
			return refuse_node(k, RECORD_UNKNOWN, &k->nodes[child]);
		if (count == type->high)
			return refuse(k, RECORD_BOUNDS);
		items[count++] = child;
		child = after;
	}
	if (count < type->low)
		return refuse(k, RECORD_BOUNDS);
	if (k->depth == RECORD_DEPTH)
		return refuse(k, RECORD_TREE);
	k->path[k->depth++] = "[]";
	for (unsigned i = count; i > 0; i--) {
		int e = value(k, item, (struct identifier){0, item->universal}, items[i - 1]);
		if (e)
			return e;
	}
	k->depth--;
	return 0;
}

static const uint8_t kind_of_shape[] = {
	[SHAPE_SEQUENCE] = NODE_OBJECT,
	[SHAPE_CHOICE] = NODE_OBJECT,
	[SHAPE_SEQUENCE_OF] = NODE_LIST,
	[SHAPE_SET_OF] = NODE_LIST,
	[SHAPE_ENUMERATED] = NODE_TEXT,
	[SHAPE_INTEGER] = NODE_NUMBER,
	[SHAPE_BOOLEAN] = NODE_BOOLEAN,
	[SHAPE_UTF8] = NODE_TEXT,
	[SHAPE_DIGITS] = NODE_TEXT,
	[SHAPE_OCTETS] = NODE_TEXT,
	[SHAPE_BITS] = NODE_TEXT,
	[SHAPE_IPV4] = NODE_TEXT,
	[SHAPE_IPV6] = NODE_TEXT,
	[SHAPE_TIME] = NODE_TEXT,
};

// One value with its identifier. A CHOICE has no tag of its own: in a list it stands as its
// alternative, below a member around it.
static int value(
	struct walk *k, const struct record_type *type, struct identifier id, const size_t at)
{
	const struct record_node *node = &k->nodes[at];
	const uint8_t *mark = k->w->at;
	bool open = node->kind >= NODE_OBJECT;
	int e;

	if (node->kind != kind_of_shape[type->shape])
		return refuse(k, RECORD_KIND);
	if (!open && node->covers != 1)
		return refuse(k, RECORD_TREE);
	if (type->shape == SHAPE_SEQUENCE) {
		e = sequence(k, type, at);
	} else if (type->shape == SHAPE_CHOICE) {
		e = choice(k, type, at);
	} else if (open) {
		e = list(k, type, at);
	} else {
		unsigned reason = record_put_simple(k->w, type, node, k->release);
		e = reason ? refuse(k, reason) : 0;
	}
	if (e)
		return e;
	if (type->shape != SHAPE_CHOICE || id.bits != 0)
		ber_wrap_number(k->w, id.bits | (open ? BER_CONSTRUCTED : 0), id.number, mark);
	return k->w->error ? refuse(k, RECORD_ROOM) : 0;
}

int record_encode(struct ber_writer *w, unsigned kind, enum config_xiri_release release,
	const struct record_node *nodes, size_t count, struct record_fault *fault)
{
	struct walk k = {.w = w,
		.nodes = nodes,
		.count = count,
		.fault = fault,
		.release = release,
		.depth = 0,
		.path = {NULL}};
	const uint8_t *mark = w->at;

	for (unsigned i = 0; i < RECORD_FILES; i++)
		k.types[i] = tables[i]();
	memset(fault, 0, sizeof(*fault));
	if (kind >= RECORD_KINDS)
		return refuse(&k, RECORD_UNKNOWN);
	k.path[k.depth++] = kinds[kind].name;
	if (count == 0 || nodes[0].covers != count)
		return refuse(&k, RECORD_TREE);
	int e = value(
		&k, record_type_of(kind), (struct identifier){BER_CONTEXT, kinds[kind].number}, 0);
	if (e)
		return e;
	ber_wrap_number(w, CONTEXT_OPEN, 2, mark);
	ber_put_octets(w, BER_CONTEXT | 1, modules[release], sizeof(modules[0]));
	ber_wrap(w, BER_SEQUENCE, mark);
	return w->error ? refuse(&k, RECORD_ROOM) : 0;
}
