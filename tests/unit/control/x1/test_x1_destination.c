#include <criterion/criterion.h>

#include <string.h>

#include "control/x1/x1_destination.h"

const char *x1_target_name(enum x1_target_kind k)
{
	return "target";
}

static struct registry *registry;
static struct channel_destination out;
static struct x1_refusal why;

static void setup(void)
{
	const char *ne = "ne-1";

	registry = registry_new(1, &ne);
}

static void teardown(void)
{
	registry_free(registry);
}

static int build(const struct x1_destination_details *d)
{
	why = (struct x1_refusal){0};
	int rc = x1_destination_build(registry, 0, d, false, &out, &why);
	cr_assert_eq(rc == 0, why.code == 0);
	return why.code;
}

static int uri(const char *text)
{
	return build(&(struct x1_destination_details){
		.delivery = X1_X3_ONLY, .address_kind = X1_ADDRESS_URI, .address = text});
}

TestSuite(x1_destination, .init = setup, .fini = teardown);

Test(x1_destination, address_and_port)
{
	struct x1_destination_details d = {.delivery = X1_X2_AND_X3,
		.address = "2001:0db8:0000:0000:0000:0000:0000:0050",
		.port = 42001};

	cr_assert_eq(build(&d), 0);
	cr_assert_eq(out.address.family, 6);
	cr_assert_eq(out.port, 42001);
	cr_assert_eq(out.delivery, DELIVERY_X2 | DELIVERY_X3);
	d.udp = true;
	cr_assert_eq(build(&d), X1_ERR_DESTINATION_TYPE);
	d.udp = false;
	d.port = 0;
	cr_assert_eq(build(&d), X1_ERR_DESTINATION);
	d.port = 1;
	d.n_extensions = 1;
	cr_assert_eq(build(&d), X1_ERR_DESTINATION);
	cr_assert_lt(x1_destination_build(registry, 0, &d, true, &out, &why), 0);
	cr_assert_eq(why.code, X1_ERR_DESTINATION_MODIFY);
}

Test(x1_destination, uri_accepted)
{
	cr_assert_eq(uri("tls://mdf.example.org:42001"), 0);
	cr_assert_str_eq(out.host, "mdf.example.org");
	cr_assert_eq(out.port, 42001);
	cr_assert_eq(out.address.family, 0);
	cr_assert_eq(uri("mdf-1.example.org:443"), 0);
	cr_assert_str_eq(out.host, "mdf-1.example.org");
	cr_assert_eq(uri("TLS://192.0.2.5:9/"), 0);
	cr_assert_eq(out.address.family, 4);
	cr_assert_str_eq(out.host, "");
	cr_assert_eq(uri("tls://[2001:db8::5]:9"), 0);
	cr_assert_eq(out.address.family, 6);
}

Test(x1_destination, uri_refused)
{
	static const char *const bad[] = {"", "mdf.example.org", "https://mdf.example.org:443",
		"tls://mdf:0", "tls://mdf:65536", "tls://mdf:443/path", "tls://user@mdf:443",
		"tls://:443", "tls://-x:443", "tls://a..b:443", "tls://[mdf]:443",
		"tls://[2001:db8::5]", "tls://mdf:4 3", "mailto:a@b", "tls://[2001:db8::5:443",
		"tls://mdf:", "tls://a.:443"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_eq(uri(bad[i]), X1_ERR_DESTINATION_TYPE, "%s", bad[i]);
	char longest[400] = "tls://";
	memset(longest + 6, 'a', 300);
	strcpy(longest + 306, ":443");
	cr_assert_eq(uri(longest), X1_ERR_DESTINATION_TYPE);
}

Test(x1_destination, other_kinds)
{
	cr_assert_eq(build(&(struct x1_destination_details){
			     .address_kind = X1_ADDRESS_E164, .address = "123"}),
		X1_ERR_DESTINATION_TYPE);
	cr_assert_eq(build(&(struct x1_destination_details){
			     .address_kind = X1_ADDRESS_EMAIL, .address = "a@b"}),
		X1_ERR_DESTINATION_TYPE);
}
