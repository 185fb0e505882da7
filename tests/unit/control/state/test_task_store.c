#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <signal.h>
#include <unistd.h>

#include "control/state/task_store.h"
#include "shared/sealed_file.h"

#define NOW 1900000000u
#define TIME_P2 3600u

static char folder[64], file[128], key[128];
static struct config config;
static struct registry *registry;
static struct task_store *task_store;
static char why[512];

static struct task_store *open_task_store(void)
{
	return task_store_open(&config, why, sizeof(why));
}

static struct registry *new_registry(void)
{
	static const char *const names[] = {"ne-1", "ne-2"};

	return registry_new(2, names);
}

static void write_key(const char *text)
{
	FILE *f = fopen(key, "w");

	fputs(text, f);
	fclose(f);
	cr_assert_eq(chmod(key, 0600), 0);
}

static void setup(void)
{
	strcpy(folder, "/tmp/test_vault.XXXXXX");
	cr_assert_not_null(mkdtemp(folder));
	snprintf(file, sizeof(file), "%s/store", folder);
	snprintf(key, sizeof(key), "%s/key", folder);
	umask(077);
	write_key("sixteen octets at least");
	config.store.file = file;
	config.store.key = key;
	config.n_nes = 2;
	for (unsigned i = 0; i < 2; i++) {
		config.nes[i].ne_identifier = i ? (char *)"ne-2" : (char *)"ne-1";
		config.nes[i].x1.keepalive =
			(struct config_keepalive){.enabled = true, .time_p2 = TIME_P2};
	}
	registry = new_registry();
	task_store = open_task_store();
	cr_assert_not_null(task_store, "%s", why);
}

static void teardown(void)
{
	char command[128];

	task_store_close(task_store);
	registry_free(registry);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	cr_assert_eq(system(command), 0);
}

static struct id16 id(uint32_t n)
{
	struct id16 i = {0};

	memcpy(i.b, &n, sizeof(n));
	return i;
}

static void add_destination(uint16_t ne, uint32_t n)
{
	struct channel_destination c = {.ne = *registry_ne_id(registry, ne),
		.did = id(n),
		.delivery = DELIVERY_X3,
		.port = 9};

	strcpy(c.host, "mdf.example.org");
	struct registry_destination *d = registry_destination_new(ne, &c, "<d/>", 4);
	cr_assert_eq(registry_destination_add(registry, d), 0);
	cr_assert_eq(task_store_put_destination(task_store, registry, d), 0);
}

static void add_task(uint16_t ne, uint32_t n, uint32_t did)
{
	struct channel_task c = {
		.xid = id(n), .header_xid = id(n), .delivery = DELIVERY_X3, .n_destinations = 1};

	c.did[0] = id(did);
	c.filter.kinds = FILTER_ADDRESS;
	c.filter.n_address = 1;
	c.filter.address[0] = (struct ip_prefix){.family = 4, .length = 32, .b = {10, 0, 0, 1}};
	struct registry_task *t = registry_task_new(ne, &c, "<target-of-nobody/>", 19);
	cr_assert_eq(registry_task_add(registry, t), 0);
	t->modifications = n;
	cr_assert_eq(task_store_put_task(task_store, registry, t), 0);
}

static void hear(uint16_t ne, uint64_t at)
{
	task_store_heard(task_store, ne, registry_ne_id(registry, ne), at);
}

// Both processes are new.
static void reopen(void)
{
	cr_assert_eq(task_store_sync(task_store), 0);
	task_store_close(task_store);
	registry_free(registry);
	registry = new_registry();
	task_store = open_task_store();
	cr_assert_not_null(task_store, "%s", why);
}

static void provision(void)
{
	hear(0, NOW);
	hear(1, NOW);
	add_destination(0, 1);
	add_destination(1, 1);
	for (uint32_t n = 100; n < 110; n++)
		add_task(0, n, 1);
	add_task(1, 100, 1);
}

TestSuite(task_store, .init = setup, .fini = teardown);

Test(task_store, what_was_put_comes_back)
{
	struct id16 gone = id(103);

	provision();
	registry_task_remove(registry, registry_task_find(registry, 0, &gone));
	cr_assert_eq(task_store_remove_task(task_store, registry_ne_id(registry, 0), &gone), 0);
	reopen();
	cr_assert_eq(task_store_adopt(task_store, registry, 0, NOW + 10), TASK_STORE_ADOPTED);
	cr_assert_eq(registry_task_count(registry, 0), 9);
	cr_assert_eq(registry_destination_count(registry, 0), 1);
	cr_assert_null(registry_task_find(registry, 0, &gone));
	struct registry_task *t = registry_task_first(registry, 0);
	cr_assert_eq(t->modifications, 100);
	cr_assert_eq(t->state, TASK_AWAITING, "the dataplane does not have it yet");
	cr_assert_eq(registry_task_count(registry, 1), 0, "each network element by itself");
	cr_assert_eq(task_store_adopt(task_store, registry, 1, NOW + 10), TASK_STORE_ADOPTED);
	cr_assert_eq(registry_task_count(registry, 1), 1);
}

Test(task_store, the_last_contact_decides)
{
	static const struct {
		int64_t after;
		enum task_store_verdict verdict;
	} cases[] = {
		{0, TASK_STORE_ADOPTED},
		{TIME_P2 - 1, TASK_STORE_ADOPTED},
		{TIME_P2, TASK_STORE_STALE},
		{86400 * 365, TASK_STORE_STALE},
		{-60, TASK_STORE_ADOPTED},
		{-61, TASK_STORE_CLOCK},
	};

	provision();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		reopen(); // what was read is moved
		cr_assert_eq(
			task_store_adopt(task_store, registry, 0, (uint64_t)(NOW + cases[i].after)),
			cases[i].verdict, "case %zu", i);
		cr_assert_eq(registry_task_count(registry, 0),
			cases[i].verdict == TASK_STORE_ADOPTED ? 10 : 0);
		registry_clear(registry);
	}
}

Test(task_store, without_a_contact_nothing_is_used)
{
	add_destination(0, 1);
	add_task(0, 5, 1);
	reopen();
	cr_assert_eq(task_store_adopt(task_store, registry, 0, NOW), TASK_STORE_STALE);
	cr_assert_eq(task_store_adopt(task_store, registry, 1, NOW), TASK_STORE_EMPTY);
}

Test(task_store, contacts_are_written_every_ten_seconds)
{
	uint64_t before = task_store_position(task_store);

	for (unsigned s = 0; s < 100; s++)
		hear(0, NOW + s);
	cr_assert_eq(task_store_position(task_store) - before, 10);
	config.nes[0].x1.keepalive.time_p2 = 30;
	before = task_store_position(task_store);
	for (unsigned s = 100; s < 130; s++)
		hear(0, NOW + s);
	cr_assert_eq(task_store_position(task_store) - before, 10, "TIME_P2 / 10");
}

Test(task_store, a_task_without_its_destination_makes_it_unusable)
{
	struct id16 did = id(1);

	hear(0, NOW);
	add_destination(0, 1);
	cr_assert_eq(
		task_store_remove_destination(task_store, registry_ne_id(registry, 0), &did), 0);
	add_task(0, 5, 1);
	reopen();
	cr_assert_eq(task_store_adopt(task_store, registry, 0, NOW), TASK_STORE_INVALID);
	cr_assert_eq(registry_task_count(registry, 0), 0);
}

Test(task_store, another_key_or_a_damaged_file_is_refused)
{
	provision();
	cr_assert_eq(task_store_sync(task_store), 0);
	task_store_close(task_store);
	write_key("another key of enough octets");
	task_store = open_task_store();
	cr_assert_null(task_store);
	write_key("sixteen octets at least");
	FILE *f = fopen(file, "r+");
	cr_assert_eq(fseek(f, 300, SEEK_SET), 0);
	int c = fgetc(f);
	cr_assert_eq(fseek(f, 300, SEEK_SET), 0);
	fputc(c ^ 1, f);
	fclose(f);
	task_store = open_task_store();
	cr_assert_null(task_store);
	unlink(file);
	task_store = open_task_store();
	cr_assert_not_null(task_store);
}

Test(task_store, nothing_in_the_clear)
{
	char text[65536];

	provision();
	cr_assert_eq(task_store_sync(task_store), 0);
	FILE *f = fopen(file, "r");
	size_t n = fread(text, 1, sizeof(text), f);
	fclose(f);
	cr_assert_gt(n, 1000);
	cr_assert_null(memmem(text, n, "target-of-nobody", 16));
	cr_assert_null(memmem(text, n, "mdf.example", 11));
}

Test(task_store, full_disk_and_its_end)
{
	struct rlimit limit = {0, RLIM_INFINITY};

	signal(SIGXFSZ, SIG_IGN);
	provision();
	cr_assert_eq(task_store_sync(task_store), 0);
	FILE *f = fopen(file, "r");
	fseek(f, 0, SEEK_END);
	limit.rlim_cur = (rlim_t)ftell(f) + 50;
	fclose(f);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	struct registry_task *t = registry_task_first(registry, 0);
	cr_assert_eq(task_store_put_task(task_store, registry, t), POI_ERR_IO);
	cr_assert(task_store_failed(task_store));
	cr_assert_eq(task_store_sync(task_store), POI_ERR_IO);
	limit.rlim_cur = 500;
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	cr_assert_eq(task_store_rewrite(task_store, registry), POI_ERR_IO);
	limit.rlim_cur = RLIM_INFINITY;
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	cr_assert_eq(task_store_put_task(task_store, registry, t), POI_ERR_IO,
		"not before it is mended");
	cr_assert_eq(task_store_rewrite(task_store, registry), 0);
	cr_assert(!task_store_failed(task_store));
	cr_assert_eq(task_store_put_task(task_store, registry, t), 0);
	reopen();
	cr_assert_eq(task_store_adopt(task_store, registry, 0, NOW), TASK_STORE_ADOPTED);
	cr_assert_eq(registry_task_count(registry, 0), 10);
}

Test(task_store, durable_only_after_a_sync)
{
	provision();
	uint64_t at = task_store_position(task_store);
	cr_assert(!task_store_durable(task_store, at));
	cr_assert_eq(task_store_sync(task_store), 0);
	cr_assert(task_store_durable(task_store, at));
	cr_assert(!task_store_durable(task_store, at + 1));
}

Test(task_store, grows_and_is_compacted)
{
	provision();
	struct registry_task *t = registry_task_first(registry, 0);
	cr_assert(!task_store_wants_rewrite(task_store, registry));
	for (unsigned i = 0; i < 100000 && !task_store_wants_rewrite(task_store, registry); i++)
		cr_assert_eq(task_store_put_task(task_store, registry, t), 0);
	cr_assert(task_store_wants_rewrite(task_store, registry));
	t->removing = true;
	cr_assert_eq(task_store_rewrite(task_store, registry), 0);
	cr_assert(!task_store_wants_rewrite(task_store, registry));
	reopen();
	cr_assert_eq(task_store_adopt(task_store, registry, 0, NOW), TASK_STORE_ADOPTED);
	cr_assert_eq(registry_task_count(registry, 0), 9, "without what was being removed");
}
