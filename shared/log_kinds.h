#pragma once

// Messages that other programs may wait for. Each has a MESSAGE_ID of the journal, which never
// changes and is never used again for something else; packaging/journal/poi.catalog has the action
// for each. The words of a message may change, its ID not.

// X(name, MESSAGE_ID, text)
#define LOG_KINDS(X)                                                                               \
	X(STARTED, "a139591b96e740669993dcc0ed2a7dba", "the program is ready")                     \
	X(STOPPING, "ea246862070e4efe9f18fa3090703db8", "the program ends")                        \
	X(START_FAILED, "6e7d78cae1d74f2ab4d46c83bf912b02", "the program cannot start")            \
	X(RELOADED, "b4b3bd552a1b48d98bceb5ffd2064a96", "configuration and certificates read again") \
	X(RELOAD_REFUSED, "8dd63a18701d43d09d17c764f6de5bb4", "a reload was rejected")             \
	X(NEEDS_RESTART, "e15ba36f24754e67801ffc09a1244717", "a changed key needs a restart")      \
	X(CHANNEL_UP, "7a358463feba48d09677dcdfc28c9b01", "control and dataplane are connected")   \
	X(CHANNEL_DOWN, "f10f6387485b4cc8ad3ac38c3242834b", "control and dataplane disconnected")  \
	X(CHANNEL_VERSION, "b4f530bf0b534a29b30c96e9c70ef6ec", "the programs are of two versions") \
	X(CHANNEL_REFUSED, "075900bcedf84b96ab251778334e8ef0", "a client of the channel was refused") \
	X(DATAPLANE_RESTARTED, "5123f510faf0409a9675a743f476699b", "the dataplane was restarted")  \
	X(FAULT, "5111bb45e6774ecfafe22d6d9d930518", "a fault of a network element begins")        \
	X(FAULT_CLEAR, "7db72b2c18c04adf9205c68e85cc9fa3", "a fault of a network element is over") \
	X(WARNING, "04ed608b26724f2a9e19280307656650", "a warning, also reported to the ADMF")      \
	X(ADMF_LATE, "5c0d0a1e7f5b4b0b9a3e6a0b8f4c2d71", "an ADMF is late, or sends again")        \
	X(FAIL_SAFE, "a1d9b375f44a4325b347f28f72acf46a", "an ADMF was silent for TIME_P2")         \
	X(ADMF_REFUSED, "ab11442173a24bb28a18d00d4f318a83", "the ADMF refused a report")           \
	X(ADMF_SILENT, "9b4de35ca7a3428c877d5383f3620c39", "the ADMF does not answer reports")     \
	X(ADMF_ANSWERS, "8a172f4b6c7f4de6af9754df6d800d25", "the ADMF answers reports again")      \
	X(AUDIT_HEAD, "3c33936110a84a25b1fec45a792ebe3a", "the head of the audit chain")           \
	X(AUDIT_FAILED, "251e1980567b4411907cc95e04e6fa5a", "the audit log cannot be written")     \
	X(LINK_UP, "79f01ffe141f4d06a7175de865c89e44", "a monitored link has its carrier")         \
	X(LINK_DOWN, "28e0ee8d2f4b4ab486d36e4045e17676", "a monitored link lost its carrier")      \
	X(PORT_LOSS, "a2e0a1c7564f4fa6bf1a934d4d423b87", "a port loses frames, or no longer")      \
	X(PORT_DEAF, "68cd80fac085418a9d9105447cb27261", "a port refused promiscuous mode")             \
	X(SELF_CHECK, "0c9ae3292dad4da98a358a6be03e18f2", "a self-check failed, or is right again") \
	X(SPOOL, "b3444fddd2894791bcf98033eaa184a4", "a destination's spool is full or broken")    \
	X(CLOCK_STEP, "2ceff0150e6b47d2945d3e44e1cbfcb9", "the system clock was stepped")          \
	X(SUPPRESSED, "4fd0c242deec45c7bf118679da639d73", "lines of the log were suppressed")      \
	X(CONFINED, "feb0d4bbabd3466297f45f686b109413", "the sandbox is in force")                 \
	X(NOT_CONFINED, "f4dbe66ece3a4ef481ad5328ff4d3947", "the sandbox is off or has holes")     \
	X(NOT_LOCKED, "ce7d6b1f6fc24243aee3ce4728220862", "memory may be swapped out")             \
	X(HANDSHAKE, "6ad2c7f0b1d14b9ea54a0f53c7a9d2e8", "a TLS handshake of an X1 peer failed")   \
	X(FLOOD, "418fa1defffe40a3a3eeb0629f2ceed6", "a peer floods the X1 server")

enum log_kind {
	LOG_KIND_NONE,
#define LOG_KIND_NAME(name, id, what) LOG_KIND_##name,
	LOG_KINDS(LOG_KIND_NAME)
#undef LOG_KIND_NAME
	LOG_KIND_COUNT
};
