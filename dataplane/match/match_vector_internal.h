#pragma once

// Sixteen hashes at once: the index of each key's word in a filter, and its bits there. Written for
// AVX-512 and AVX2; the plain form defines the result.

#ifdef __AVX2__
#include <immintrin.h>
#endif

#include "dataplane/match/match_internal.h"

#define AT_ONCE 16u

#ifdef __AVX512BW__

// sift_hash and bloom_bits of each x cut to `keep`.
INLINE void hash_at_once(const uint64_t x[AT_ONCE], uint64_t keep, uint64_t factor, unsigned shift,
	uint32_t at[AT_ONCE], uint32_t bits[AT_ONCE])
{
	const __m512i odd = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
	const __m512i cut = _mm512_set1_epi64((long long)keep), by = _mm512_set1_epi64((long long)factor);
	const __m512i one = _mm512_set1_epi32(1);
	__m512i a = _mm512_mullo_epi64(_mm512_and_si512(_mm512_load_si512(x), cut), by);
	__m512i b = _mm512_mullo_epi64(_mm512_and_si512(_mm512_load_si512(x + 8), cut), by);
	__m512i h = _mm512_permutex2var_epi32(a, odd, b);
	__m512i first = _mm512_rolv_epi32(one, h);
	__m512i second = _mm512_rolv_epi32(one, _mm512_srli_epi32(h, 5));
	__m512i third = _mm512_rolv_epi32(one, _mm512_srli_epi32(h, 10));

	_mm512_store_si512(at, _mm512_srl_epi32(h, _mm_cvtsi32_si128((int)shift)));
	_mm512_store_si512(bits, _mm512_or_si512(_mm512_or_si512(first, second), third));
}

// The cover's word and bit of each IPv4 address.
INLINE void cover_at_once(
	const uint64_t x[AT_ONCE], unsigned shift, uint32_t at[AT_ONCE], uint32_t bit[AT_ONCE])
{
	const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
	__m512i a = _mm512_permutex2var_epi32(_mm512_load_si512(x), even, _mm512_load_si512(x + 8));
	__m512i network = _mm512_srl_epi32(a, _mm_cvtsi32_si128((int)shift));

	_mm512_store_si512(at, _mm512_srli_epi32(network, 5));
	_mm512_store_si512(bit, _mm512_rolv_epi32(_mm512_set1_epi32(1), network));
}

#elif defined(__AVX2__)

INLINE __m256i load_four(const uint64_t *x)
{
	return _mm256_load_si256((const __m256i *)(const void *)x);
}

INLINE void store_eight(uint32_t *to, __m256i v)
{
	_mm256_store_si256((__m256i *)(void *)to, v);
}

// The upper (or lower) halves of eight values, in their order.
INLINE __m256i halves(__m256i a, __m256i b, bool upper)
{
	__m256 x = _mm256_castsi256_ps(a), y = _mm256_castsi256_ps(b);
	__m256 h = upper ? _mm256_shuffle_ps(x, y, 0xdd) : _mm256_shuffle_ps(x, y, 0x88);

	return _mm256_permute4x64_epi64(_mm256_castps_si256(h), 0xd8);
}

INLINE __m256i bit_at(__m256i i)
{
	return _mm256_sllv_epi32(_mm256_set1_epi32(1), _mm256_and_si256(i, _mm256_set1_epi32(31)));
}

// x * factor, right in its upper 32 bits.
INLINE __m256i product(__m256i x, __m256i factor)
{
	__m256i cross = _mm256_mullo_epi32(x, _mm256_shuffle_epi32(factor, 0xb1));
	__m256i sum = _mm256_add_epi32(cross, _mm256_slli_epi64(cross, 32));

	return _mm256_add_epi32(_mm256_mul_epu32(x, factor), sum);
}

INLINE void hash_at_once(const uint64_t x[AT_ONCE], uint64_t keep, uint64_t factor, unsigned shift,
	uint32_t at[AT_ONCE], uint32_t bits[AT_ONCE])
{
	const __m256i cut = _mm256_set1_epi64x((long long)keep), by = _mm256_set1_epi64x((long long)factor);

	for (unsigned i = 0; i < AT_ONCE; i += 8) {
		__m256i a = product(_mm256_and_si256(load_four(x + i), cut), by);
		__m256i b = product(_mm256_and_si256(load_four(x + i + 4), cut), by);
		__m256i h = halves(a, b, true);
		__m256i some = _mm256_or_si256(bit_at(h), bit_at(_mm256_srli_epi32(h, 5)));
		store_eight(at + i, _mm256_srl_epi32(h, _mm_cvtsi32_si128((int)shift)));
		store_eight(bits + i, _mm256_or_si256(some, bit_at(_mm256_srli_epi32(h, 10))));
	}
}

INLINE void cover_at_once(
	const uint64_t x[AT_ONCE], unsigned shift, uint32_t at[AT_ONCE], uint32_t bit[AT_ONCE])
{
	for (unsigned i = 0; i < AT_ONCE; i += 8) {
		__m256i a = halves(load_four(x + i), load_four(x + i + 4), false);
		__m256i network = _mm256_srl_epi32(a, _mm_cvtsi32_si128((int)shift));
		store_eight(at + i, _mm256_srli_epi32(network, 5));
		store_eight(bit + i, bit_at(network));
	}
}

#else

INLINE void hash_at_once(const uint64_t x[AT_ONCE], uint64_t keep, uint64_t factor, unsigned shift,
	uint32_t at[AT_ONCE], uint32_t bits[AT_ONCE])
{
	for (unsigned i = 0; i < AT_ONCE; i++) {
		uint32_t h = (uint32_t)((x[i] & keep) * factor >> 32);
		at[i] = h >> shift;
		bits[i] = bloom_bits(h);
	}
}

INLINE void cover_at_once(
	const uint64_t x[AT_ONCE], unsigned shift, uint32_t at[AT_ONCE], uint32_t bit[AT_ONCE])
{
	for (unsigned i = 0; i < AT_ONCE; i++) {
		uint32_t network = (uint32_t)x[i] >> shift;
		at[i] = network >> 5;
		bit[i] = 1u << (network & 31);
	}
}

#endif
