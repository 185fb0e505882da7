// Keeps what a start of interception needs of a session's records, and makes its record.

#include "dataplane/functions/start_record.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "shared/now.h"

static bool is_amf(unsigned kind)
{
	return kind >= RECORD_AMF_REGISTRATION && kind <= RECORD_AMF_CONFIGURATION_UPDATE;
}

static bool begins(unsigned kind)
{
	return kind == RECORD_SMF_ESTABLISHMENT || kind == RECORD_SMF_MA_ESTABLISHMENT ||
	       kind == RECORD_AMF_REGISTRATION;
}

static bool has(unsigned kind, const char *name, size_t length, enum config_xiri_release r)
{
	return record_has_member(kind, name, length, r);
}

// Any start of interception of that kind of function has such a member.
static bool start_has(bool amf, const char *name, size_t length, enum config_xiri_release r)
{
	return amf ? has(RECORD_AMF_START, name, length, r)
		   : has(RECORD_SMF_START, name, length, r) ||
			       has(RECORD_SMF_MA_START, name, length, r);
}

// Its name in the record of a start.
static const char *start_name(const struct record_node *member)
{
	if (node_named(member, "sMSOverNasIndicator"))
		return "sMSOverNASIndicator";
	if (node_named(member, "pFDDataForApp"))
		return "pFDDataForApps";
	return NULL;
}

// Members that a later record has for itself, or in another form.
static bool left_out(const struct kept_source *s, const struct record_node *m)
{
	if (begins(s->kind))
		return false;
	if (node_named(m, "requestType")) // the start's is that of the establishment
		return true;
	if (s->kind == RECORD_AMF_CONFIGURATION_UPDATE) // a GUTI of EPS
		return node_named(m, "gUTI") || node_named(m, "oldGUTI");
	if (s->kind == RECORD_AMF_LOCATION_UPDATE && node_named(m, "location"))
		return !node_child(node_child(m, "locationInfo"), "userLocation");
	return false;
}

// A member that a start of interception shows.
static bool wanted(const struct kept_source *s, const struct record_node *m)
{
	const char *name = start_name(m);

	return !left_out(s, m) && start_has(is_amf(s->kind), name ? name : m->name,
					  name ? strlen(name) : m->name_length, s->release);
}

// The uplink end that a change of tunnels shows is that of gTPTunnelID: both are the UPF's
// NG-U endpoint (TS 33.128 tables 6.2.3-4 and 6.2.3-1C).
static const struct record_node *changed_uplink(const struct kept_source *s)
{
	if (!s->kept || node_child(s->record, "gTPTunnelID") || !node_child(s->kept, "gTPTunnelID"))
		return NULL;
	return node_child(node_child(node_child(s->record, "gTPTunnelInfo"), "fiveGSGTPTunnels"),
		"uLNGUUPTunnelInformation");
}

// The record has this kept member anew.
static bool replaced(const struct kept_source *s, const struct record_node *kept)
{
	const struct record_node *m = NULL;

	if (node_named(kept, "gTPTunnelID") && changed_uplink(s))
		return true;
	while ((m = node_next_child(s->record, m)) != NULL) {
		const char *name = start_name(m);
		size_t length = name ? strlen(name) : m->name_length;

		if (length == kept->name_length && wanted(s, m) &&
			memcmp(kept->name, name ? name : m->name, length) == 0)
			return true;
	}
	return false;
}

static void copy_member(
	struct tree_writer *w, const struct kept_source *s, const struct record_node *m)
{
	const char *name = start_name(m);

	if (node_named(m, "slice")) // that of a start has none that were rejected
		tree_copy_without(w, m, "rejectedNSSAI");
	else if (m->kind == NODE_OBJECT && node_named(m, "uEEndpoint"))
		tree_copy_as_item(w, node_child(s->kept, "uEEndpoint"), m, "uEEndpoint");
	else if (m->kind == NODE_OBJECT && node_named(m, "pFDDataForApp"))
		tree_copy_as_item(w, NULL, m, name);
	else
		tree_copy(w, m, name);
}

uint32_t kept_merge(const struct kept_source *s, struct record_node *out, uint32_t most)
{
	const struct record_node *m = NULL, *uplink = changed_uplink(s);
	struct tree_writer w;

	tree_begin(&w, out, most);
	while (s->kept && (m = node_next_child(s->kept, m)) != NULL)
		if (!replaced(s, m))
			tree_copy(&w, m, NULL);
	if (uplink)
		tree_copy(&w, uplink, "gTPTunnelID");
	for (m = NULL; (m = node_next_child(s->record, m)) != NULL;)
		if (wanted(s, m))
			copy_member(&w, s, m);
	return tree_end(&w);
}

static size_t format_time(char out[START_TIME_MAX], uint64_t ns)
{
	const time_t seconds = (time_t)(ns / NOW_NS_PER_S);
	struct tm t;

	if (!gmtime_r(&seconds, &t))
		return 0;
	size_t n = strftime(out, START_TIME_MAX, "%Y-%m-%dT%H:%M:%S", &t);
	int more = snprintf(out + n, START_TIME_MAX - n, ".%09uZ", (unsigned)(ns % NOW_NS_PER_S));
	return n + (size_t)more;
}

void start_record_make(struct start_record *out, const struct record_node *kept, bool registration,
	uint64_t since_ns, enum config_xiri_release release, struct record_node *nodes,
	uint32_t most)
{
	const char *time = registration ? "timeOfRegistration" : "timeOfSessionEstablishment";
	const struct record_node *m = NULL;
	struct tree_writer w;

	out->kind = registration		     ? RECORD_AMF_START
		    : node_child(kept, "accessInfo") ? RECORD_SMF_MA_START
						     : RECORD_SMF_START;
	tree_begin(&w, nodes, most);
	while ((m = node_next_child(kept, m)) != NULL)
		if (has(out->kind, m->name, m->name_length, release))
			tree_copy(&w, m, NULL);
	if (since_ns && !node_child(kept, time) && has(out->kind, time, strlen(time), release))
		tree_text(&w, time, out->time, format_time(out->time, since_ns));
	// A list that the module wants; none is available of such a session (table 6.2.3-4).
	if (out->kind == RECORD_SMF_START && !node_child(kept, "uEEndpoint"))
		tree_empty_list(&w, "uEEndpoint");
	out->n = tree_end(&w);
}
