#include "tests/unit/dataplane/deliver/stream_bed.h"

// A spool's file for each kind, as the stream sees it: a queue of blocks.
#define FILE_MAX 4096u
#define LINES 4u

struct file {
	struct spool_block block[FILE_MAX], whole[FILE_MAX]; // loaded ones are the stream's
	uint32_t stored, loaded, done;
	struct spool_job job;
	bool storing;
};

struct model {
	struct bed *bed;
	struct file file[COPY_KINDS];
	uint64_t pushed;
	bool connected;
	bool broken; // the file was once unreadable: what it held is lost
	uint64_t acked;
	// The receiver's octets of this connection not yet taken for a PDU, and its view of each
	// line: the next number, and true if this connection has begun.
	uint8_t wire[STREAM_RECORD + (128 << 10)];
	size_t on_wire;
	uint32_t next[LINES], here[LINES];
	bool begun[LINES];
};

static struct model *model_new(void)
{
	struct model *m = calloc(1, sizeof(*m));

	m->bed = bed_new();
	return m;
}

static void model_free(struct model *m)
{
	for (enum copy_kind k = 0; k < COPY_KINDS; k++) {
		for (uint32_t i = m->file[k].loaded; i < m->file[k].stored; i++)
			spool_block_free(&m->file[k].block[i]);
		for (uint32_t i = 0; i < m->file[k].stored; i++)
			spool_block_free(&m->file[k].whole[i]);
	}
	bed_free(m->bed);
	free(m);
}

static void model_push(struct model *m, uint32_t worker, enum copy_kind k, uint32_t n)
{
	uint16_t destination = k == COPY_X3 ? 0 : 1;

	m->bed->rule.context_x3 = destination;
	m->bed->rule.correlation = worker + 2u * destination;
	push(m->bed, worker, destination, n, 1400);
	m->pushed += n;
}

// A copy of what the job names, as the file would give it back.
static struct spool_block block_of(const struct spool_job *j)
{
	struct spool_block b = {.segment = calloc(1, sizeof(struct segment)), .line = j->line};
	uint32_t start = j->from ? j->segment->copy[j->from - 1].end : 0, n = 0;

	b.segment->octets = malloc(SEGMENT_SIZE);
	for (uint32_t i = j->from; i < j->segment->pushed; i++) {
		b.segment->copy[n] = j->segment->copy[i];
		b.segment->copy[n++].end -= start;
	}
	memcpy(b.segment->octets, j->segment->octets + start, b.segment->copy[n - 1].end);
	b.segment->pushed = n;
	b.segment->closed = 1;
	return b;
}

static bool model_take(struct model *m, enum copy_kind k, uint32_t part)
{
	struct file *f = &m->file[k];

	if (!f->storing)
		f->storing = stream_spool_take(m->bed->stream, k, m->connected, part, &f->job);
	return f->storing;
}

static void model_stored(struct model *m, enum copy_kind k, bool good)
{
	struct file *f = &m->file[k];

	if (!f->storing)
		return;
	cr_assert_lt(f->stored, FILE_MAX);
	if (good) {
		f->whole[f->stored] = block_of(&f->job);
		f->block[f->stored++] = block_of(&f->job);
	}
	f->storing = false;
	cr_assert_eq(stream_spool_stored(m->bed->stream, k, good), good);
}

static void model_load(struct model *m, enum copy_kind k)
{
	struct file *f = &m->file[k];

	if (f->storing || !m->connected || !stream_spool_wants(m->bed->stream, k))
		return;
	cr_assert_lt(f->loaded, f->stored);
	stream_spool_loaded(m->bed->stream, k, &f->block[f->loaded++], 0);
}

// The content of the file cannot be read.
static void model_break(struct model *m, enum copy_kind k)
{
	struct file *f = &m->file[k];

	if (f->storing || !m->connected || !stream_spool_wants(m->bed->stream, k))
		return;
	m->broken = true;
	while (f->loaded < f->stored)
		spool_block_free(&f->block[f->loaded++]);
	stream_spool_loaded(m->bed->stream, k, &(struct spool_block){0}, POI_ERR_IO);
}

static void model_cut(struct model *m, bool resend)
{
	m->connected = false;
	stream_cut(m->bed->stream, resend);
	m->bed->written = m->acked = m->on_wire = 0;
	memset(m->begun, 0, sizeof(m->begun));
}

// Each line's PDUs in order and without a gap; a new connection begins no later than where the last
// one ended.
static void take_pdu(struct model *m, const struct pdu *p)
{
	uint64_t line = p->correlation;

	cr_assert_lt(line, LINES);
	if (m->begun[line] && m->broken)
		cr_assert_geq(p->sequence, m->here[line]);
	else if (m->begun[line])
		cr_assert_eq(p->sequence, m->here[line]);
	else if (!m->broken)
		cr_assert_leq(p->sequence, m->next[line]);
	m->begun[line] = true;
	m->here[line] = p->sequence + 1;
	if (m->here[line] > m->next[line])
		m->next[line] = m->here[line];
}

static bool model_send(struct model *m)
{
	struct stream_piece p;
	size_t at = 0;
	struct pdu d;
	const char *why;
	int64_t n;

	m->bed->now += FLUSH;
	if (!m->connected || send_one(m->bed, &p) == 0)
		return false;
	memcpy(m->wire + m->on_wire, p.octets, p.length);
	m->on_wire += p.length;
	while ((n = pdu_decode(m->wire + at, m->on_wire - at, 1 << 20, &d, &why)) > 0) {
		take_pdu(m, &d);
		at += (size_t)n;
	}
	cr_assert_eq(n, POI_ERR_AGAIN, "%s", why);
	m->on_wire -= at;
	memmove(m->wire, m->wire + at, m->on_wire);
	return true;
}

static void model_ack(struct model *m, uint64_t offset)
{
	m->acked = offset;
	stream_acked(m->bed->stream, offset);
}

static struct copy_balance model_check(struct model *m)
{
	struct copy_balance n = balance(m->bed);

	cr_assert_eq(n.offered, m->pushed);
	cr_assert_leq(n.queued, m->pushed, "more is accounted than was owed");
	cr_assert_leq(n.acknowledged + n.in_doubt, m->pushed);
	return n;
}

static void model_drain(struct model *m)
{
	m->connected = true;
	for (int i = 0; i < 20000 && !stream_empty(m->bed->stream); i++) {
		for (enum copy_kind k = 0; k < COPY_KINDS; k++) {
			model_stored(m, k, true);
			model_load(m, k);
		}
		model_send(m);
		model_ack(m, m->bed->written);
	}
	cr_assert(stream_empty(m->bed->stream));
}

static uint64_t seen(const struct model *m)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < LINES; i++)
		sum += m->next[i];
	return sum;
}

// A worker's line has been through the spool and is sent in part since, when another worker's line
// goes there and the connection is cut: what is acknowledged must not go to the spool once more.
Test(stream_spool, what_is_acknowledged_does_not_go_to_the_spool)
{
	struct model *m = model_new();

	model_push(m, 1, COPY_X3, 200); // two segments and more
	cr_assert(model_take(m, COPY_X3, 0));
	model_stored(m, COPY_X3, true);
	m->connected = true;
	model_load(m, COPY_X3);
	while (balance(m->bed).acknowledged == 0 || balance(m->bed).queued > 112) {
		cr_assert(model_send(m));
		model_ack(m, m->bed->written);
	}
	uint64_t before = m->bed->written;
	for (int i = 0; i < 6; i++)
		cr_assert(model_send(m));
	model_push(m, 0, COPY_X3, 200);
	cr_assert(model_take(m, COPY_X3, 0));
	model_stored(m, COPY_X3, true);
	model_ack(m, before + (m->bed->written - before) / 2);
	model_cut(m, true);
	while (model_take(m, COPY_X3, 0)) {
		model_stored(m, COPY_X3, true);
		model_check(m);
	}
	model_drain(m);
	cr_assert_eq(model_check(m).acknowledged, m->pushed);
	cr_assert_eq(seen(m), m->pushed);
	model_free(m);
}

// A disk that fails leaves a line where it was: its oldest segment may be in TLS's hands already.
Test(stream_spool, what_is_offered_to_tls_stays_in_memory)
{
	struct model *m = model_new();
	struct stream_piece p;

	m->connected = true;
	model_push(m, 0, COPY_X3, 300);
	m->bed->now += FLUSH;
	cr_assert(stream_next(m->bed->stream, m->bed->now, FLUSH, false, &p));
	for (int i = 0; i < 3; i++) {
		cr_assert(model_take(m, COPY_X3, 0));
		cr_assert_neq(m->file[COPY_X3].job.segment->octets, p.octets);
		model_stored(m, COPY_X3, false);
	}
	model_drain(m);
	cr_assert_eq(model_check(m).acknowledged, 300);
	model_free(m);
}

// Everything at random: the books are exact at every moment, and the receiver misses nothing that
// is not lost by name.
static void play(struct model *m, unsigned seed)
{
	srand(seed);
	for (int i = 0; i < 300; i++) {
		uint32_t part = rand() % 2 ? 0 : 40;
		if (m->pushed - balance(m->bed).acknowledged < 3000)
			model_push(m, (uint32_t)rand() % 2, rand() % 4 ? COPY_X3 : COPY_X2,
				1 + (uint32_t)rand() % 120);
		if (rand() % 12 == 0)
			m->connected = true;
		for (enum copy_kind k = 0; k < COPY_KINDS; k++) {
			if (rand() % 2)
				model_stored(m, k, rand() % 8 != 0);
			if (rand() % 2)
				model_load(m, k);
			if (rand() % 3 == 0)
				model_take(m, k, part);
		}
		if (seed % 3 == 0 && rand() % 60 == 0)
			model_break(m, (enum copy_kind)(rand() % COPY_KINDS));
		for (int n = rand() % 24; n > 0 && model_send(m); n--)
			;
		if (m->bed->written > m->acked && rand() % 2)
			model_ack(
				m, m->acked + (uint64_t)rand() % (m->bed->written - m->acked + 1));
		if (m->connected && rand() % 30 == 0)
			model_cut(m, rand() % 3 != 0);
		model_check(m);
	}
}

Test(stream_spool, nothing_ends_twice_and_nothing_is_missing, .timeout = 120)
{
	for (unsigned seed = 1; seed <= 150; seed++) {
		struct model *m = model_new();
		play(m, seed);
		for (enum copy_kind k = 0; k < COPY_KINDS && seed % 5 == 0; k++)
			model_stored(m, k, true);
		if (seed % 5 == 0)
			stream_discard(m->bed->stream, LOSS_REMOVED);
		else
			model_drain(m);
		struct copy_balance n = model_check(m);
		uint64_t octets = 0, lost = n.lost[LOSS_SPOOL] + n.lost[LOSS_REMOVED];
		cr_assert_eq(n.acknowledged + n.in_doubt + lost, m->pushed, "seed %u", seed);
		cr_assert_eq(lost > 0, seed % 5 == 0 || m->broken);
		stream_balance(m->bed->stream, &n, &octets);
		cr_assert_eq(octets, 0, "seed %u: %llu", seed, (unsigned long long)octets);
		if (lost == 0)
			cr_assert_eq(seen(m), m->pushed, "seed %u", seed);
		model_free(m);
	}
}

// Copies of one kind that a stopping process leaves, in the order in which its successor reads
// them.
struct left {
	struct spool_block block[FILE_MAX];
	uint32_t n;
};

static int keep_block(void *context, const struct segment *g, uint32_t from, uint32_t line)
{
	struct left *to = context;
	const struct spool_job j = {.segment = g, .from = from, .line = line};

	cr_assert_lt(to->n, FILE_MAX);
	to->block[to->n++] = block_of(&j);
	return 0;
}

// Copies that the file still owes stand between those that the stop puts before them and those that
// it appends. The file's reader has `done` blocks behind it, and `skip` copies of the next one.
static void leave(struct model *m, enum copy_kind k, struct left *to)
{
	struct file *f = &m->file[k];
	struct stream *s = m->bed->stream;
	const struct stream_keeper keeper = {.store = keep_block, .context = to};

	stream_spool_leave(s, k);
	f->done += stream_spool_done(s, k);
	uint32_t skip = stream_spool_skip(s, k);
	cr_assert_eq(stream_spool_keep(s, k, true, &keeper), 0);
	cr_assert_not(stream_spool_has_front(s, k));
	for (uint32_t i = f->done; i < f->stored; i++, skip = 0) {
		if (skip == f->whole[i].segment->pushed)
			continue;
		const struct spool_job j = {.segment = f->whole[i].segment, .from = skip};
		to->block[to->n++] = block_of(&j);
	}
	cr_assert_eq(stream_spool_keep(s, k, false, &keeper), 0);
}

// Returns the PDUs.
static uint64_t take_left(struct model *m, const struct left *from)
{
	uint64_t n_pdus = 0;

	for (uint32_t i = 0; i < from->n; i++) {
		const struct segment *g = from->block[i].segment;
		uint32_t at = 0;
		struct pdu d;
		const char *why;
		while (at < g->copy[g->pushed - 1].end) {
			int64_t n = pdu_decode(g->octets + at, g->copy[g->pushed - 1].end - at,
				1 << 20, &d, &why);
			cr_assert_gt(n, 0, "%s", why);
			take_pdu(m, &d);
			at += (uint32_t)n;
			n_pdus++;
		}
		free(g->octets);
		free(from->block[i].segment);
	}
	return n_pdus;
}

// A stop at any moment: what the successor finds goes on where the receiver's last acknowledgement
// was, in order, without a gap and without what was delivered, and nothing is counted as lost.
Test(stream_spool, a_stop_leaves_everything_in_order, .timeout = 120)
{
	for (unsigned seed = 1; seed <= 200; seed++) {
		struct model *m = model_new();
		struct left *left = calloc(1, sizeof(*left));
		play(m, seed * 3 + 1); // none that breaks the file
		for (enum copy_kind k = 0; k < COPY_KINDS; k++)
			model_stored(m, k, true); // the job in flight
		model_cut(m, true);
		struct copy_balance n = model_check(m);
		uint64_t owed = n.queued + n.unsettled, found = 0;
		for (enum copy_kind k = 0; k < COPY_KINDS; k++) {
			left->n = 0;
			leave(m, k, left);
			found += take_left(m, left);
		}
		cr_assert_eq(found, owed, "seed %u", seed);
		cr_assert_eq(seen(m), m->pushed, "seed %u", seed);
		stream_discard(m->bed->stream, LOSS_STOPPED);
		n = balance(m->bed);
		cr_assert_eq(n.lost[LOSS_STOPPED], 0, "seed %u", seed);
		cr_assert_eq(n.acknowledged + n.in_doubt + n.queued,
			m->pushed);
		free(left);
		model_free(m);
	}
}
