#pragma once

// Short messages' TPDUs (3GPP TS 23.040), as far as leaving out TP-User-Data needs. Pure functions.

#include <stddef.h>
#include <stdint.h>

enum sms_message { SMS_BY_ITSELF, SMS_DELIVER, SMS_SUBMIT };

// Octets of an SMS-DELIVER or SMS-SUBMIT (clauses 9.2.2.1 and 9.2.2.2) before its TP-User-Data, with
// TP-User-Data-Length; of SMS_BY_ITSELF by its TP-Message-Type-Indicator. `hex` has two digits an
// octet. Where the TPDU ends within a field, those before that field: never an octet of user data, and
// one octet at least of a TPDU that has any.
uint32_t sms_tpdu_head(const char *hex, size_t digits, enum sms_message of);
