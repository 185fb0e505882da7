// Simple values, and what records of an AMF, an SMF and an SMSF have in common.

#include "shared/record_internal.h"

const struct record_type type_bits_1 = BITS(1, 1);
const struct record_type type_bits_12 = BITS(12, 12);
const struct record_type type_bits_16 = BITS(16, 16);
const struct record_type type_bits_18 = BITS(18, 18);
const struct record_type type_bits_20 = BITS(20, 20);
const struct record_type type_bits_21 = BITS(21, 21);
const struct record_type type_bits_22_32 = BITS(22, 32);
const struct record_type type_bits_28 = BITS(28, 28);
const struct record_type type_bits_3 = BITS(3, 3);
const struct record_type type_bits_36 = BITS(36, 36);
const struct record_type type_boolean = BOOLEAN;
const struct record_type type_digits_14 = DIGITS(14, 14);
const struct record_type type_digits_16 = DIGITS(16, 16);
const struct record_type type_digits_1_15 = DIGITS(1, 15);
const struct record_type type_digits_2_3 = DIGITS(2, 3);
const struct record_type type_digits_3 = DIGITS(3, 3);
const struct record_type type_digits_6_15 = DIGITS(6, 15);
const struct record_type type_integer = INTEGER(0, UINT64_MAX);
const struct record_type type_integer_0_100 = INTEGER(0, 100u);
const struct record_type type_integer_0_1023 = INTEGER(0, 1023u);
const struct record_type type_integer_0_127 = INTEGER(0, 127u);
const struct record_type type_integer_0_180 = INTEGER(0, 180u);
const struct record_type type_integer_0_255 = INTEGER(0, 255u);
const struct record_type type_integer_0_32767 = INTEGER(0, 32767u);
const struct record_type type_integer_0_327675 = INTEGER(0, 327675u);
const struct record_type type_integer_0_360 = INTEGER(0, 360u);
const struct record_type type_integer_0_4294967295 = INTEGER(0, 4294967295u);
const struct record_type type_integer_0_63 = INTEGER(0, 63u);
const struct record_type type_integer_0_65535 = INTEGER(0, 65535u);
const struct record_type type_integer_30000_115000 = INTEGER(30000, 115000u);
const struct record_type type_ipv4 = IPV4;
const struct record_type type_ipv6 = IPV6;
const struct record_type type_octets = OCTETS(0, UINT32_MAX);
const struct record_type type_octets_0_150 = OCTETS(0, 150);
const struct record_type type_octets_2 = OCTETS(2, 2);
const struct record_type type_octets_2_3 = OCTETS(2, 3);
const struct record_type type_octets_3 = OCTETS(3, 3);
const struct record_type type_octets_4 = OCTETS(4, 4);
const struct record_type type_octets_6 = OCTETS(6, 6);
const struct record_type type_octets_8 = OCTETS(8, 8);
const struct record_type type_time = TIME;
const struct record_type type_utf8 = UTF8(0, UINT32_MAX);
const struct record_type type_utf8_11 = UTF8(11, 11);
