// The working space: as much of it as messages can need, and a refusal where strings are too many.

#include <criterion/criterion.h>

#include "dataplane/session/session_string_internal.h"
#include "dataplane/session/session_unpack_internal.h"

static struct sessions *store(void)
{
	const struct sessions_settings s = {SESSIONS_DEFAULTS, .seed = {1, 2}};
	struct sessions *st = sessions_new(&s);

	cr_assert(st);
	return st;
}

// More strings than the requests of one session can name: the one too many is dropped, the rules
// are incomplete, and the refusal is counted. All the others are dropped when the rules are closed.
Test(session_unpack, too_many_strings)
{
	struct sessions *st = store();
	struct unpacked *below = unpack_new(st, KIND_PFCP), *u = unpack_new(st, KIND_PFCP);
	uint32_t kept = unpack_note(st, u, string_take(st, STRING_SDF, "kept", 4)), n = 1;

	while (unpack_note(st, u, string_take(st, STRING_SDF, "kept", 4)) != SESSION_NONE) {
		cr_assert_not(u->rules.overflow);
		cr_assert_lt(++n, 1000000);
	}
	cr_expect(u->rules.overflow);
	cr_expect_not(below->rules.overflow);
	cr_expect_eq(st->counts.refused, 1);
	cr_expect_eq(unpack_note(st, u, string_take(st, STRING_SDF, "other", 5)), SESSION_NONE);
	cr_expect_eq(st->counts.refused, 2);
	cr_expect_eq(string_find(st, STRING_SDF, "other", 5), SESSION_NONE);
	cr_expect_eq(string_find(st, STRING_SDF, "kept", 4), kept);
	unpack_close(st, u);
	cr_expect_eq(string_find(st, STRING_SDF, "kept", 4), SESSION_NONE);
	u = unpack_new(st, KIND_PFCP);
	cr_expect_not(u->rules.overflow, "there is room again");
	cr_expect_neq(unpack_note(st, u, string_take(st, STRING_SDF, "again", 5)), SESSION_NONE);
	unpack_close(st, u);
	unpack_close(st, below);
	sessions_free(st);
}

// No string is none too many.
Test(session_unpack, no_string)
{
	struct sessions *st = store();
	struct unpacked *u = unpack_new(st, KIND_PFCP);

	cr_expect_eq(unpack_note(st, u, SESSION_NONE), SESSION_NONE);
	cr_expect_not(u->rules.overflow);
	cr_expect_eq(st->counts.refused, 0);
	unpack_close(st, u);
	sessions_free(st);
}
