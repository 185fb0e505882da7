#include "dataplane/deliver/spool.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "shared/error.h"

static const uint8_t root[SPOOL_KEY_SIZE] = "a root key of the test, 32 octet";

struct bed {
	char folder[64], file[96];
	struct spool_settings set;
	uint64_t found; // copies, at the last opening
	struct segment segment;
	uint8_t octets[SEGMENT_SIZE];
};

static struct bed *bed_new(void)
{
	struct bed *b = calloc(1, sizeof(*b));

	strcpy(b->folder, "/tmp/poi-spool-XXXXXX");
	cr_assert_not_null(mkdtemp(b->folder));
	snprintf(b->file, sizeof(b->file), "%s/x3", b->folder);
	b->set = (struct spool_settings){.file = b->file, .root = root, .cap = 64 << 20};
	b->segment.octets = b->octets;
	return b;
}

static void bed_free(struct bed *b)
{
	unlink(b->file);
	cr_assert_eq(rmdir(b->folder), 0);
	free(b);
}

static struct spool *opened(struct bed *b, int expected)
{
	struct spool_found found;
	int error;
	struct spool *s = spool_open(&b->set, &found, &error);

	cr_assert_not_null(s, "%d", error);
	cr_assert_eq((int)found.what, expected, "%d", (int)found.what);
	b->found = found.copies;
	return s;
}

// Segment `number`: its copies' lengths, slots and octets follow from the number. Some copies share
// the PDU before them.
static void fill(struct bed *b, uint32_t number)
{
	uint32_t copies = 1 + number * 7 % 100, end = 0;

	for (uint32_t i = 0; i < copies; i++) {
		uint32_t length = i % 5 == 4 ? 0 : 90 + (number * 31 + i * 13) % 1000;
		memset(b->octets + end, (int)(number + i), length);
		end += length;
		b->segment.copy[i] =
			(struct copy_descriptor){end, number + i, length ? length - 89 : 7};
	}
	b->segment.pushed = copies;
	b->segment.closed = 1;
}

static int store(struct bed *b, struct spool *s, uint32_t number)
{
	fill(b, number);
	return spool_store(s, &b->segment, 0, number % 5);
}

static void expect(struct bed *b, struct spool *s, uint32_t number, bool recovered)
{
	struct spool_block block;

	fill(b, number);
	cr_assert_eq(spool_load(s, &block), 0);
	cr_assert_eq(block.line, number % 5);
	cr_assert_eq(block.recovered, recovered);
	cr_assert_eq(block.segment->pushed, b->segment.pushed);
	cr_assert_eq(block.segment->closed, 1);
	for (uint32_t i = 0; i < b->segment.pushed; i++) {
		const struct copy_descriptor *is = &block.segment->copy[i],
					     *want = &b->segment.copy[i];
		cr_assert(is->end == want->end && is->slot == want->slot &&
			  is->payload == want->payload);
	}
	cr_assert_eq(memcmp(block.segment->octets, b->octets,
			     b->segment.copy[b->segment.pushed - 1].end),
		0);
	spool_block_free(&block);
}

static void expect_nothing(struct spool *s, int error)
{
	struct spool_block block;
	cr_assert_eq(spool_load(s, &block), error);
}

Test(spool, a_successor_keeps_its_file)
{
	struct bed *b = bed_new();
	struct spool *old = opened(b, SPOOL_NONE);
	struct stat st;

	unlink(b->file);
	struct spool *young = opened(b, SPOOL_NONE);
	spool_remove(old);
	cr_assert_eq(stat(b->file, &st), 0);
	spool_close(young);
	cr_assert_neq(stat(b->file, &st), 0, "nothing is owed in it");
	bed_free(b);
}

Test(spool, what_goes_in_comes_out_in_order)
{
	struct bed *b = bed_new();
	struct spool *s = opened(b, SPOOL_NONE);

	expect_nothing(s, POI_ERR_AGAIN);
	for (uint32_t round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < 50; i++)
			cr_assert_eq(store(b, s, i), 0);
		cr_assert_gt(spool_octets(s), 0);
		for (uint32_t i = 0; i < 50; i++) {
			expect(b, s, i, false);
			if (i % 3 == 0)
				cr_assert_eq(spool_done(s), 0);
		}
		while (spool_octets(s) > 0)
			cr_assert_eq(spool_done(s), 0);
		expect_nothing(s, POI_ERR_AGAIN);
	}
	spool_close(s);
	cr_assert_neq(access(b->file, F_OK), 0, "an empty spool leaves no file");
	bed_free(b);
}

Test(spool, part_of_a_segment)
{
	struct bed *b = bed_new();
	struct spool *s = opened(b, SPOOL_NONE);
	struct spool_block block;

	fill(b, 9);
	cr_assert_eq(spool_store(s, &b->segment, 60, 1), 0);
	uint32_t start = b->segment.copy[59].end, n = b->segment.pushed - 60;
	cr_assert_eq(spool_load(s, &block), 0);
	cr_assert_eq(block.segment->pushed, n);
	cr_assert_eq(block.segment->copy[0].end, b->segment.copy[60].end - start);
	cr_assert_eq(
		memcmp(block.segment->octets, b->octets + start, block.segment->copy[n - 1].end),
		0);
	spool_block_free(&block);
	spool_remove(s);
	bed_free(b);
}

Test(spool, survives_a_restart_without_what_was_delivered)
{
	struct bed *b = bed_new();
	struct spool *s = opened(b, SPOOL_NONE);

	for (uint32_t i = 0; i < 10; i++)
		cr_assert_eq(store(b, s, i), 0);
	for (uint32_t i = 0; i < 4; i++)
		expect(b, s, i, false);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(spool_done(s), 0);
	spool_close(s);
	s = opened(b, SPOOL_RECOVERED);
	for (uint32_t i = 20; i < 25; i++)
		cr_assert_eq(store(b, s, i), 0);
	for (uint32_t i = 3; i < 6; i++)
		expect(b, s, i, true);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(spool_done(s), 0);
	spool_close(s);
	s = opened(b, SPOOL_RECOVERED); // once more: over the border of a session
	for (uint32_t i = 6; i < 10; i++)
		expect(b, s, i, true);
	for (uint32_t i = 20; i < 25; i++)
		expect(b, s, i, true);
	cr_assert_eq(store(b, s, 30), 0);
	expect(b, s, 30, false);
	expect_nothing(s, POI_ERR_AGAIN);
	while (spool_octets(s) > 0)
		cr_assert_eq(spool_done(s), 0);
	struct stat st;
	cr_assert_eq(stat(b->file, &st), 0);
	cr_assert_lt(st.st_size, 200, "what was found takes no room once delivered");
	spool_remove(s);
	bed_free(b);
}

Test(spool, a_stale_file_is_discarded_and_counted)
{
	struct bed *b = bed_new();
	uint64_t copies = 0;

	for (int stale = 0; stale < 2; stale++) {
		struct spool *s = opened(b, SPOOL_NONE);
		for (uint32_t i = 1; i < 4; i++) {
			cr_assert_eq(store(b, s, i), 0);
			copies += b->segment.pushed;
		}
		spool_close(s);
		b->set.stale = stale;
		s = opened(b, stale ? SPOOL_DISCARDED : SPOOL_RECOVERED);
		cr_assert_eq(b->found, copies);
		copies = 0;
		if (stale)
			expect_nothing(s, POI_ERR_AGAIN);
		spool_remove(s);
	}
	bed_free(b);
}

// Under any name, a file written for one creation of a destination is not read by another.
Test(spool, another_creation_opens_nothing)
{
	struct bed *b = bed_new();
	uint8_t creation[8] = {0, 0, 0, 0, 0, 0, 0, 2};
	uint64_t copies;

	b->set.creation = 1;
	for (int forged = 0; forged < 2; forged++) {
		struct spool *s = opened(b, SPOOL_NONE);
		cr_assert_eq(store(b, s, 1), 0);
		spool_close(s);
		int fd = open(b->file, O_RDWR);
		cr_assert(spool_file_copies(fd, &copies));
		cr_assert_eq(copies, b->segment.pushed);
		if (forged)
			cr_assert_eq(pwrite(fd, creation, 8, 8), 8);
		close(fd);
		b->set.creation = 2;
		s = opened(b, forged ? SPOOL_RECOVERED : SPOOL_DISCARDED);
		expect_nothing(s, forged ? POI_ERR_INVALID : POI_ERR_AGAIN);
		spool_remove(s);
		b->set.creation = 1;
	}
	bed_free(b);
}

// The block holds what is in the bed's segment from copy `from` on.
static void expect_rest(struct bed *b, const struct spool_block *block, uint32_t from)
{
	const struct segment *g = block->segment;
	uint32_t start = from ? b->segment.copy[from - 1].end : 0;

	cr_assert_eq(g->pushed, b->segment.pushed - from);
	for (uint32_t i = 0; i < g->pushed; i++) {
		cr_assert_eq(g->copy[i].slot, b->segment.copy[i + from].slot);
		cr_assert_eq(g->copy[i].end, b->segment.copy[i + from].end - start);
	}
	cr_assert_arr_eq(g->octets, b->octets + start, g->copy[g->pushed - 1].end);
}

// Segments that a stop writes from memory come before those that had gone to the file earlier,
// behind the delivered part of the oldest block; so it stays over further restarts.
Test(spool, what_was_sent_first_stays_first)
{
	struct bed *b = bed_new();
	struct spool *s = opened(b, SPOOL_NONE);
	struct spool_block block;
	uint32_t order[] = {7, 8, 1, 2, 3, 9};

	for (uint32_t i = 0; i < 4; i++)
		cr_assert_eq(store(b, s, i), 0);
	expect(b, s, 0, false);
	cr_assert_eq(spool_done(s), 0);
	expect(b, s, 1, false); // loaded, 2 copies of it delivered
	spool_skip(s, 2);
	cr_assert_eq(spool_front_begin(s), 0);
	cr_assert_eq(store(b, s, 7), 0);
	cr_assert_eq(store(b, s, 8), 0);
	cr_assert_eq(spool_front_end(s), 0);
	cr_assert_eq(store(b, s, 9), 0);
	spool_close(s);
	for (uint32_t life = 0; life < 6; life++) {
		s = opened(b, SPOOL_RECOVERED);
		if (life == 0)
			cr_assert_eq(spool_front_begin(s), POI_ERR_EXISTS);
		for (uint32_t i = life; i < 6; i++) {
			cr_assert_eq(spool_load(s, &block), 0, "life %u, block %u", life, i);
			fill(b, order[i]);
			uint32_t skipped = order[i] == 1 ? 2 : 0;
			cr_assert_eq(block.skipped, skipped);
			expect_rest(b, &block, skipped);
			spool_block_free(&block);
			if (i == life)
				cr_assert_eq(spool_done(s), 0);
		}
		expect_nothing(s, POI_ERR_AGAIN);
		cr_assert_eq(spool_octets(s) == 0, life == 5);
		spool_close(s);
	}
	cr_assert_neq(access(b->file, F_OK), 0);
	bed_free(b);
}

static void overwrite(struct bed *b, off_t at, uint8_t flip)
{
	int fd = open(b->file, O_RDWR);
	uint8_t octet;

	cr_assert_eq(pread(fd, &octet, 1, at), 1);
	octet ^= flip;
	cr_assert_eq(pwrite(fd, &octet, 1, at), 1);
	close(fd);
}

Test(spool, nothing_in_the_clear_and_no_change_unnoticed)
{
	struct bed *b = bed_new();
	struct spool *s = opened(b, SPOOL_NONE);
	struct stat st;

	memset(b->octets, 'T', 4000);
	b->segment.copy[0] = (struct copy_descriptor){4000, 1, 3900};
	b->segment.pushed = 1;
	cr_assert_eq(spool_store(s, &b->segment, 0, 0), 0);
	cr_assert_eq(stat(b->file, &st), 0);
	cr_assert_eq(st.st_mode & 0777, 0600);
	uint8_t *file = malloc((size_t)st.st_size);
	int fd = open(b->file, O_RDONLY);
	cr_assert_eq(read(fd, file, (size_t)st.st_size), st.st_size);
	close(fd);
	cr_assert_null(memmem(file, (size_t)st.st_size, "TTTTTTTT", 8));
	free(file);
	off_t places[] = {80 + 20 + 5, 80 + 20 + 44, st.st_size - 1}; // number, text, tag
	for (size_t i = 0; i < 3; i++) {
		overwrite(b, places[i], 1);
		struct spool_block block;
		cr_assert_eq(spool_load(s, &block), POI_ERR_INVALID);
		cr_assert_null(block.segment);
		spool_remove(s);
		s = opened(b, SPOOL_NONE);
		cr_assert_eq(spool_store(s, &b->segment, 0, 0), 0);
	}
	spool_remove(s);
	bed_free(b);
}

Test(spool, another_key_opens_nothing_and_does_not_stop_us)
{
	struct bed *b = bed_new();
	static const uint8_t other[SPOOL_KEY_SIZE] = {1};
	struct spool *s = opened(b, SPOOL_NONE);

	cr_assert_eq(store(b, s, 1), 0);
	spool_close(s);
	b->set.root = other;
	s = opened(b, SPOOL_RECOVERED);
	cr_assert_eq(store(b, s, 2), 0);
	expect_nothing(s, POI_ERR_INVALID);
	expect(b, s, 2, false);
	spool_remove(s);
	bed_free(b);
}

Test(spool, a_torn_tail_costs_its_block_only)
{
	struct bed *b = bed_new();
	struct spool *s = opened(b, SPOOL_NONE);
	struct stat st;

	for (uint32_t i = 0; i < 3; i++)
		cr_assert_eq(store(b, s, i), 0);
	spool_close(s);
	cr_assert_eq(stat(b->file, &st), 0);
	cr_assert_eq(truncate(b->file, st.st_size - 7), 0);
	s = opened(b, SPOOL_RECOVERED);
	expect(b, s, 0, true);
	expect(b, s, 1, true);
	expect_nothing(s, POI_ERR_AGAIN);
	spool_remove(s);
	bed_free(b);
}

Test(spool, the_cap_holds)
{
	struct bed *b = bed_new();
	uint32_t n = 0;

	b->set.cap = 1 << 20;
	struct spool *s = opened(b, SPOOL_NONE);
	while (store(b, s, n) == 0)
		n++;
	cr_assert_eq(store(b, s, n), POI_ERR_LIMIT);
	cr_assert_leq(spool_octets(s), 1 << 20);
	cr_assert_gt(spool_octets(s), (1 << 20) - SEGMENT_SIZE);
	for (uint32_t i = 0; i < n; i++) {
		expect(b, s, i, false);
		cr_assert_eq(spool_done(s), 0);
	}
	cr_assert_eq(store(b, s, n), 0);
	spool_remove(s);
	bed_free(b);
}

// Two spools of one destination: together they hold what one may, whichever it is in.
Test(spool, a_shared_cap_is_of_all)
{
	struct bed *b = bed_new(), *other = bed_new();
	struct spool_room room = {.cap = 1 << 20};
	uint32_t n = 0, most = 0;

	b->set.room = other->set.room = &room;
	struct spool *s = opened(b, SPOOL_NONE), *t = opened(other, SPOOL_NONE);
	while (store(b, s, most) == 0 && most < 5)
		most++;
	while (store(other, t, n) == 0)
		n++;
	cr_assert_leq(spool_octets(s) + spool_octets(t), 1 << 20);
	cr_assert_gt(spool_octets(s) + spool_octets(t), (1 << 20) - SEGMENT_SIZE);
	cr_assert_eq(store(b, s, 50), POI_ERR_LIMIT);
	for (uint32_t i = 0; i < n; i++) {
		expect(other, t, i, false);
		cr_assert_eq(spool_done(t), 0);
	}
	cr_assert_eq(store(b, s, 50), 0, "what the other gave back");
	spool_remove(t);
	cr_assert_eq(room.owed, spool_octets(s));
	spool_close(s);
	cr_assert_eq(room.owed, 0);
	s = opened(b, SPOOL_RECOVERED);
	cr_assert_eq(room.owed, spool_octets(s));
	spool_remove(s);
	bed_free(b);
	bed_free(other);
}

Test(spool, a_full_disk_loses_nothing_that_was_stored)
{
	struct bed *b = bed_new();
	struct spool *s = opened(b, SPOOL_NONE);
	struct rlimit limit = {200000, 200000};
	uint32_t n = 0;

	signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	while (n < 1000 && store(b, s, n) == 0)
		n++;
	cr_assert_lt(n, 1000);
	cr_assert_eq(store(b, s, n), POI_ERR_IO);
	for (uint32_t i = 0; i < n; i++)
		expect(b, s, i, false);
	expect_nothing(s, POI_ERR_AGAIN);
	while (spool_octets(s) > 0)
		cr_assert_eq(spool_done(s), 0);
	cr_assert_eq(store(b, s, 1), 0); // room again
	expect(b, s, 1, false);
	spool_remove(s);
	bed_free(b);
}

static void limit_file(uint64_t size)
{
	struct rlimit limit = {size, RLIM_INFINITY};

	signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static uint64_t file_size(const struct bed *b)
{
	struct stat st;

	cr_assert_eq(stat(b->file, &st), 0);
	return (uint64_t)st.st_size;
}

// The disk has no room for one octet more when the next process starts.
Test(spool, a_full_disk_gives_back_what_it_holds)
{
	struct bed *b = bed_new();
	struct spool *s = opened(b, SPOOL_NONE);

	for (uint32_t i = 0; i < 6; i++)
		cr_assert_eq(store(b, s, i), 0);
	spool_close(s);
	limit_file(file_size(b));
	s = opened(b, SPOOL_RECOVERED);
	cr_assert_eq(store(b, s, 6), POI_ERR_IO);
	for (uint32_t i = 0; i < 3; i++)
		expect(b, s, i, true);
	limit_file(RLIM_INFINITY);
	cr_assert_eq(store(b, s, 6), 0);
	for (uint32_t i = 3; i < 6; i++)
		expect(b, s, i, true);
	expect(b, s, 6, false);
	expect_nothing(s, POI_ERR_AGAIN);
	spool_remove(s);
	bed_free(b);
}

// A stop on a disk with room for a part of what goes in front: all that is stored comes back.
Test(spool, a_full_disk_at_a_stop_costs_the_order_alone)
{
	struct bed *b = bed_new();
	struct spool *s = opened(b, SPOOL_NONE);
	struct spool_block block;
	uint64_t copies = 0;

	for (uint32_t i = 1; i < 4; i++)
		cr_assert_eq(store(b, s, i), 0);
	cr_assert_eq(spool_load(s, &block), 0);
	spool_block_free(&block);
	spool_skip(s, 2);
	cr_assert_eq(spool_front_begin(s), 0);
	cr_assert_eq(store(b, s, 4), 0);
	limit_file(file_size(b));
	cr_assert_eq(store(b, s, 5), POI_ERR_IO);
	cr_assert_eq(spool_front_end(s), POI_ERR_IO);
	spool_close(s);
	s = opened(b, SPOOL_RECOVERED);
	cr_assert_eq(spool_load(s, &block), 0);
	cr_assert_eq(block.skipped, 2);
	copies = block.segment->pushed;
	spool_block_free(&block);
	for (uint32_t i = 2; i < 5; i++) {
		expect(b, s, i, true);
		copies += b->segment.pushed;
	}
	cr_assert_eq(copies, b->found);
	expect_nothing(s, POI_ERR_AGAIN);
	spool_remove(s);
	bed_free(b);
}

// The same without room for any of it, but for the entries that begin a part.
Test(spool, a_full_disk_at_a_stop_leaves_what_was_there)
{
	struct bed *b = bed_new();
	struct spool *s = opened(b, SPOOL_NONE);

	for (uint32_t i = 1; i < 4; i++)
		cr_assert_eq(store(b, s, i), 0);
	limit_file(file_size(b) + 100);
	cr_assert_eq(spool_front_begin(s), 0);
	cr_assert_eq(store(b, s, 4), POI_ERR_IO);
	cr_assert_eq(spool_front_end(s), 0);
	spool_close(s);
	s = opened(b, SPOOL_RECOVERED);
	for (uint32_t i = 1; i < 4; i++)
		expect(b, s, i, true);
	expect_nothing(s, POI_ERR_AGAIN);
	spool_remove(s);
	bed_free(b);
}

Test(spool, the_helper_works_in_order)
{
	struct bed *b = bed_new();
	struct spooler *helper = spooler_new();
	struct spool *s = opened(b, SPOOL_NONE);
	struct spool_job j = {.spool = s, .work = SPOOL_STORE, .segment = &b->segment, .line = 3};

	fill(b, 8);
	spooler_submit(helper, &j);
	spooler_wait(helper, &j);
	cr_assert_eq(j.state, SPOOL_FINISHED);
	cr_assert_eq(j.result, 0);
	j.work = SPOOL_LOAD;
	spooler_submit(helper, &j);
	spooler_wait(helper, &j);
	cr_assert_eq(j.result, 0);
	cr_assert_eq(j.block.line, 3);
	spool_block_free(&j.block);
	j.work = SPOOL_DONE;
	j.done = 1;
	spooler_submit(helper, &j);
	spooler_wait(helper, &j);
	cr_assert_eq(spool_octets(s), 0);
	spooler_free(helper);
	spool_remove(s);
	bed_free(b);
}
