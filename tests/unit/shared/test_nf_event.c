// Messages between poi-events and poi-dataplane: what goes in comes out, and nothing else does.
#include <criterion/criterion.h>

#include <string.h>

#include "shared/nf_event.h"

static uint8_t out[NF_MESSAGE_MAX], again[NF_MESSAGE_MAX];
static struct record_node room[NF_NODES_MAX];

static struct record_node text(const char *name, const char *value)
{
	return (struct record_node){.kind = NODE_TEXT,
		.name = name,
		.name_length = (uint16_t)(name ? strlen(name) : 0),
		.text = value,
		.length = (uint32_t)strlen(value),
		.covers = 1};
}

static struct record_node parent(uint8_t kind, const char *name, uint32_t covers)
{
	return (struct record_node){.kind = kind,
		.name = name,
		.name_length = (uint16_t)(name ? strlen(name) : 0),
		.covers = covers};
}

// {"a": "x", "list": [1, true], "empty": {}}
static uint32_t sample_tree(struct record_node *nodes)
{
	nodes[0] = parent(NODE_OBJECT, NULL, 6);
	nodes[1] = text("a", "x");
	nodes[2] = parent(NODE_LIST, "list", 3);
	nodes[3] = (struct record_node){.kind = NODE_NUMBER, .number = UINT64_MAX, .covers = 1};
	nodes[4] = (struct record_node){.kind = NODE_BOOLEAN, .number = 1, .covers = 1};
	nodes[5] = parent(NODE_OBJECT, "empty", 1);
	return 6;
}

static int sample_event(struct record_node *nodes)
{
	const struct nf_event m = {.number = 7,
		.function = 3,
		.kind = RECORD_AMF_START,
		.direction = 2,
		.snapshot = true,
		.time_ns = 11,
		.subject = "s-1",
		.subject_length = 3,
		.cp = {.seid = 0x1122334455667788, .v4 = {.family = 4, .b = {192, 0, 2, 1}}},
		.up = {.seid = 9, .v6 = {.family = 6, .b = {0x20, 1}}},
		.n_nodes = sample_tree(nodes),
		.nodes = nodes};

	return nf_encode_event(out, sizeof(out), &m);
}

Test(nf_event, an_event_comes_back)
{
	struct record_node nodes[8];
	int n = sample_event(nodes);
	struct nf_event m = {.nodes = room};

	cr_assert_gt(n, 1);
	cr_assert_eq(out[0], NF_EVENT);
	cr_assert_eq(nf_decode_event(out + 1, (size_t)n - 1, &m), POI_OK);
	cr_assert(m.number == 7 && m.function == 3 && m.kind == RECORD_AMF_START &&
		  m.direction == 2 && m.snapshot && m.time_ns == 11);
	cr_assert(m.subject_length == 3 && !memcmp(m.subject, "s-1", 3));
	cr_assert(m.cp.seid == 0x1122334455667788 && m.cp.v4.b[0] == 192 && !m.cp.v6.family);
	cr_assert(m.up.seid == 9 && m.up.v6.b[0] == 0x20 && !m.up.v4.family);
	cr_assert(m.n_nodes == 6 && m.nodes[3].number == UINT64_MAX && m.nodes[2].covers == 3);
	cr_assert_eq(nf_encode_event(again, sizeof(again), &m), n);
	cr_assert_arr_eq(out, again, (size_t)n);
	for (int cut = 0; cut < n - 1; cut++)
		cr_assert_neq(nf_decode_event(out + 1, (size_t)cut, &m), POI_OK, "%d", cut);
	cr_assert_neq(nf_decode_event(out + 1, (size_t)n, &m), POI_OK, "an octet more");
	m.nodes = room;
	cr_assert_eq(nf_decode_event(out + 1, (size_t)n - 1, &m), POI_OK);
	for (int small = 0; small < n; small++)
		cr_assert_eq(nf_encode_event(again, (size_t)small, &m), POI_ERR_TOO_LARGE);
}

// No octet of a message can lead the decoder, or what walks its tree, out of bounds.
Test(nf_event, spoilt_octets_are_refused_or_nest)
{
	struct record_node nodes[8];
	int n = sample_event(nodes);

	for (int i = 1; i < n; i++)
		for (unsigned value = 0; value < 256; value++) {
			struct nf_event m = {.nodes = room};
			uint8_t before = out[i];
			out[i] = (uint8_t)value;
			int e = nf_decode_event(out + 1, (size_t)n - 1, &m);
			cr_assert(e || (m.n_nodes > 0 && m.nodes[0].covers == m.n_nodes));
			for (uint32_t k = 0; !e && k < m.n_nodes; k++)
				cr_assert(m.nodes[k].covers >= 1 &&
					  k + m.nodes[k].covers <= m.n_nodes);
			out[i] = before;
		}
}

static int tree_of(const struct record_node *nodes, uint32_t n)
{
	int length = nf_encode_nodes(out, sizeof(out), nodes, n);

	return length < 0 ? length : nf_decode_nodes(out, (size_t)length, room, NF_NODES_MAX);
}

Test(nf_event, trees_nest)
{
	struct record_node nodes[NF_DEPTH + 2];
	uint32_t n = sample_tree(nodes);

	cr_assert_eq(tree_of(nodes, n), (int)n);
	nodes[2].covers = 4; // takes its neighbour in
	cr_assert_eq(tree_of(nodes, n), (int)n);
	nodes[2].covers = 5;
	cr_assert_eq(tree_of(nodes, n), POI_ERR_INVALID, "it reaches out of its object");
	nodes[2].covers = 0;
	cr_assert_eq(tree_of(nodes, n), POI_ERR_INVALID);
	sample_tree(nodes);
	nodes[0].covers = 5;
	cr_assert_eq(tree_of(nodes, n), POI_ERR_INVALID, "one value is behind the first");
	cr_assert_eq(tree_of(nodes, 0), POI_ERR_INVALID);
	for (uint32_t i = 0; i < NF_DEPTH + 1; i++)
		nodes[i] = parent(NODE_LIST, NULL, NF_DEPTH + 1 - i);
	cr_assert_eq(tree_of(nodes, NF_DEPTH + 1), POI_ERR_INVALID, "too deep");
	cr_assert_eq(tree_of(nodes + 1, NF_DEPTH), NF_DEPTH);
}

Test(nf_event, the_others_come_back)
{
	static struct nf_hello hello = {.version = NF_VERSION,
		.n = 2,
		.function = {{"smf-1", 990, RECORDS_SMF}, {"amf-1", 991, RECORDS_AMF}}};
	static struct nf_hello hello_back;
	struct nf_function_state state = {4, NF_SNAPSHOT_END}, state_back;
	struct nf_answer answer = {8, NF_REFUSED, RECORD_MISSING, "gone"}, answer_back;
	int n = nf_encode_hello(out, sizeof(out), &hello);

	cr_assert_eq(nf_decode_hello(out + 1, (size_t)n - 1, &hello_back), POI_OK);
	cr_assert(hello_back.n == 2 && !strcmp(hello_back.function[1].name, "amf-1") &&
		  hello_back.function[1].uid == 991 &&
		  hello_back.function[1].records == RECORDS_AMF);
	cr_assert_neq(nf_decode_hello(out + 1, (size_t)n - 2, &hello_back), POI_OK);
	out[2]++;
	cr_assert_eq(nf_decode_hello(out + 1, (size_t)n - 1, &hello_back), POI_ERR_VERSION);
	n = nf_encode_function(out, sizeof(out), &state);
	cr_assert_eq(nf_decode_function(out + 1, (size_t)n - 1, &state_back), POI_OK);
	cr_assert(state_back.function == 4 && state_back.state == NF_SNAPSHOT_END);
	out[n - 1] = NF_SNAPSHOT_END + 1;
	cr_assert_neq(nf_decode_function(out + 1, (size_t)n - 1, &state_back), POI_OK);
	n = nf_encode_answer(out, sizeof(out), &answer);
	cr_assert_eq(nf_decode_answer(out + 1, (size_t)n - 1, &answer_back), POI_OK);
	cr_assert(answer_back.number == 8 && answer_back.result == NF_REFUSED &&
		  answer_back.reason == RECORD_MISSING && !strcmp(answer_back.text, "gone"));
}

Test(nf_event, every_record_has_its_function_and_every_reason_a_word)
{
	cr_expect_eq(nf_records_of(RECORD_SMF_PDU_TO_MA), RECORDS_SMF);
	cr_expect_eq(nf_records_of(RECORD_AMF_REGISTRATION), RECORDS_AMF);
	cr_expect_eq(nf_records_of(RECORD_SMS_REPORT), RECORDS_SMSF);
	cr_expect_eq(nf_records_of(RECORD_KINDS), 0);
	for (unsigned i = RECORD_MISSING; i <= RECORD_ROOM; i++)
		cr_expect_str_neq(nf_reason_text(i), "unknown", "%u", i);
	for (unsigned i = NF_REASON_SUBJECT; i <= NF_REASON_LAST; i++)
		cr_expect_str_neq(nf_reason_text(i), "unknown", "%u", i);
}
