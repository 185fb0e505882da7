// `poi check` of events: users of functions, the unit of poi-events and the folder of its sockets.
#include "tests/unit/control/cli/check_world.h"

#define UNIT "/usr/lib/systemd/system/poi-events.service"
#define DROP_IN "/etc/systemd/system/poi-events.service.d/test.conf"
#define FOLDER "/run/poi-events"
#define EVENTS 4702 // the user poi-events

static void put_unit(void)
{
	char text[8192];
	FILE *f = fopen(SOURCE_ROOT "/packaging/systemd/poi-events.service.in", "r");

	cr_assert_not_null(f);
	size_t read = fread(text, 1, sizeof(text) - 1, f);
	cr_assert(read > 0 && read < sizeof(text) - 1);
	text[read] = '\0';
	fclose(f);
	put(text, UNIT);
}

// As `systemctl enable` does it.
static void enable(const char *wants)
{
	char path[512];

	folder(wants);
	snprintf(path, sizeof(path), "%s%s/poi-events.service", root, wants);
	cr_assert_eq(symlink(UNIT, path), 0);
}

static void removed(const char *what)
{
	char command[600];

	snprintf(command, sizeof(command), "rm -r %s%s", root, what);
	cr_assert_eq(system(command), 0);
}

#define WANTS "/etc/systemd/system/multi-user.target.wants"

// An SMF and an AMF, each with its user, and poi-events as installed and enabled.
static void setup_events(void)
{
	setup();
	put("root:x:0:0::/:/bin/sh\npoi:x:4700:4711::/:/bin/false\n"
	    "poi-events:x:4702:4702::/:/bin/false\nopen5gs:x:4703:4703::/:/bin/false\n",
		"/etc/passwd");
	put_unit();
	enable(WANTS);
	folder(FOLDER);
	own(FOLDER, EVENTS, EVENTS, 0755);
	config.events.folder = (char *)FOLDER;
	config.events.user = (char *)"poi-events";
	config.events.n_functions = 2;
	config.events.functions[0].name = (char *)"smf-1";
	config.events.functions[0].user = (char *)"open5gs";
	config.events.functions[1].name = (char *)"amf-1";
	config.events.functions[1].user = (char *)"4703";
}

TestSuite(check_events, .init = setup_events, .fini = teardown);

static void look(void)
{
	forget();
	check_events(&check);
}

// Looks, and expects that many lines of each verdict beside ok.
static void expect(unsigned warnings, unsigned faults)
{
	look();
	cr_expect_eq(n[CHECK_WARN], warnings, "%s", said);
	cr_expect_eq(n[CHECK_FAIL], faults, "%s", said);
	cr_expect_eq(n[CHECK_HINT], 0, "%s", said);
}

Test(check_events, a_machine_as_it_should_be)
{
	expect(0, 0);
	SAYS("ok events smf-1: its process runs as open5gs\n");
	SAYS("ok events amf-1: its process runs as open5gs\n");
	SAYS("ok events poi-events runs as poi-events, judged by " UNIT " and 0 drop-ins\n");
	SAYS("ok events events.folder: " FOLDER " belongs to poi-events\n");
}

Test(check_events, nothing_without_functions)
{
	config.events.n_functions = 0;
	removed(UNIT);
	removed(FOLDER);
	look();
	cr_expect_str_empty(said);
}

Test(check_events, a_function_of_no_user)
{
	config.events.functions[0].user = (char *)"gone";
	expect(0, 1);
	SAYS("FAIL events smf-1: no user gone on this machine, so poi-dataplane does not start; "
	     "write the user that the function's process runs as into events.functions[0].user, "
	     "or make it: useradd --system gone\n");
	SAYS("ok events amf-1: its process runs as open5gs\n");
	config.events.functions[0].user = (char *)"open5gs";
	config.events.functions[1].user = (char *)"left";
	expect(0, 1);
	SAYS("FAIL events amf-1: no user left on");
	SAYS("events.functions[1].user");
}

// A function in a container has a number and no name here.
Test(check_events, a_function_of_a_number)
{
	config.events.functions[0].user = (char *)"7105";
	expect(0, 0);
	SAYS("ok events smf-1: its process runs as user 7105, which has no name here\n");
}

Test(check_events, poi_events_of_no_user)
{
	config.events.user = (char *)"gone";
	look();
	cr_expect_eq(n[CHECK_FAIL], 1, "%s", said);
	SAYS("FAIL events events.user: no user gone on this machine, so poi-dataplane does not "
	     "start; systemd-sysusers, or write the user that poi-events runs as\n");
}

Test(check_events, poi_events_of_another_user)
{
	put("[Service]\nUser=open5gs\n", DROP_IN);
	expect(1, 0);
	SAYS("warn events poi-events.service runs as open5gs, and events.user is poi-events: "
	     "poi-dataplane refuses its socket; write events.user: open5gs, or take User= out "
	     "with: systemctl edit poi-events\n");
	config.events.user = (char *)"4703";
	own(FOLDER, 4703, 4703, 0755);
	expect(0, 0);
}

Test(check_events, a_unit_that_does_not_start)
{
	removed(WANTS "/poi-events.service");
	expect(1, 0);
	SAYS("warn events poi-events.service is not enabled, so no events are taken after a "
	     "boot; systemctl enable --now poi-events\n");
	enable("/run/systemd/generator/default.target.wants");
	expect(0, 0);
	removed("/run/systemd/generator");
	enable("/etc/systemd/system/core.target.requires");
	expect(0, 0);
	put("", "/run/systemd/system/poi-events.service");
	expect(1, 0);
	SAYS("warn events poi-events.service is masked, so no events are taken; systemctl "
	     "unmask poi-events && systemctl enable --now poi-events\n");
}

// A link starts the unit that it names, and no other.
Test(check_events, links_of_other_units)
{
	char path[512];

	removed(WANTS "/poi-events.service");
	snprintf(path, sizeof(path), "%s" WANTS "/poi-dataplane.service", root);
	cr_assert_eq(symlink(UNIT_FOLDER, path), 0);
	expect(1, 0);
	SAYS("is not enabled");
}

Test(check_events, a_unit_that_is_not_installed)
{
	removed(UNIT);
	expect(1, 0);
	SAYS("warn events poi-events.service is not installed, so no events are taken; apt "
	     "install --reinstall poi && systemctl enable --now poi-events\n");
	removed(UNIT_FOLDER); // no units at all: programs are started by hand
	expect(0, 0);
}

// The image has the units, and no systemd reads them.
Test(check_events, in_a_container)
{
	put("", "/run/.containerenv");
	removed(WANTS "/poi-events.service");
	expect(0, 0);
	removed(FOLDER);
	expect(1, 0);
	SAYS("warn events events.folder: " FOLDER " is not there: start poi-events --folder " FOLDER
	     " as poi-events, and share the folder with it\n");
}

Test(check_events, a_folder_that_is_missing)
{
	removed(FOLDER);
	expect(1, 0);
	SAYS("warn events events.folder: " FOLDER " is not there, for poi-events does not run; "
	     "systemctl enable --now poi-events\n");
	config.events.folder = (char *)"/run/other";
	expect(1, 0);
	SAYS("warn events events.folder: poi-events.service does not write to /run/other; write "
	     "events.folder: /run/poi-events, or ReadWritePaths=/run/other and another --folder "
	     "with: systemctl edit poi-events\n");
	put("", FOLDER);
	config.events.folder = (char *)FOLDER;
	expect(1, 0);
	SAYS(FOLDER " is no folder; rm " FOLDER " && systemctl restart poi-events\n");
}

Test(check_events, a_folder_of_another_user)
{
	own(FOLDER, 0, 0, 0755);
	expect(1, 0);
	SAYS("warn events events.folder: " FOLDER " belongs to root:root, mode 0755, not to "
	     "poi-events; chown poi-events: " FOLDER " && chmod 755 " FOLDER
	     " && systemctl restart poi-events\n");
	own(FOLDER, 4700, EVENTS, 0775);
	expect(1, 0);
	SAYS("belongs to 4700:4702, mode 0775, not to poi-events");
}

Test(check_events, a_folder_of_another_mode)
{
	own(FOLDER, EVENTS, EVENTS, 0777);
	expect(1, 0);
	SAYS("warn events events.folder: others may replace sockets in " FOLDER
	     " (mode 0777); chmod 755 " FOLDER "\n");
	own(FOLDER, EVENTS, EVENTS, 0775);
	expect(1, 0);
	own(FOLDER, EVENTS, EVENTS, 0750);
	expect(1, 0);
	SAYS("warn events events.folder: functions do not reach sockets in " FOLDER
	     " (mode 0750); chmod 755 " FOLDER "\n");
	own(FOLDER, EVENTS, EVENTS, 0711);
	expect(0, 0);
}
