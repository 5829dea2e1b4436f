// SHA-256 (FIPS 180-4).
#pragma once

#include <cmath>
#include <cstdint>
#include <string>

namespace sha256_detail {

// The first 32 bits of the fractional part of the square or cube roots of the first primes, as the standard defines them.
struct Constants {
  uint32_t start[8], round[64];
  Constants() {
    int found = 0;
    for (int n = 2; found < 64; ++n) {
      bool prime = true;
      for (int d = 2; d * d <= n; ++d) prime = prime && n % d != 0;
      if (!prime) continue;
      if (found < 8) start[found] = fraction(std::sqrt(static_cast<long double>(n)));
      round[found++] = fraction(std::cbrt(static_cast<long double>(n)));
    }
  }
  static uint32_t fraction(long double root) {
    return static_cast<uint32_t>((root - std::floor(root)) * 4294967296.0L);
  }
};

inline uint32_t rotated(uint32_t x, int n) { return x >> n | x << (32 - n); }

inline void add_block(uint32_t *state, const unsigned char *block, const Constants &constants) {
  uint32_t w[64], s[8];
  for (int i = 0; i < 16; ++i) {
    w[i] = uint32_t{block[4 * i]} << 24 | uint32_t{block[4 * i + 1]} << 16 | uint32_t{block[4 * i + 2]} << 8 | block[4 * i + 3];
  }
  for (int i = 16; i < 64; ++i) {
    const uint32_t a = rotated(w[i - 15], 7) ^ rotated(w[i - 15], 18) ^ w[i - 15] >> 3;
    const uint32_t b = rotated(w[i - 2], 17) ^ rotated(w[i - 2], 19) ^ w[i - 2] >> 10;
    w[i] = w[i - 16] + a + w[i - 7] + b;
  }
  for (int i = 0; i < 8; ++i) s[i] = state[i];
  for (int i = 0; i < 64; ++i) {
    const uint32_t choice = (s[4] & s[5]) ^ (~s[4] & s[6]), majority = (s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]);
    const uint32_t a = s[7] + (rotated(s[4], 6) ^ rotated(s[4], 11) ^ rotated(s[4], 25)) + choice + constants.round[i] + w[i];
    const uint32_t b = (rotated(s[0], 2) ^ rotated(s[0], 13) ^ rotated(s[0], 22)) + majority;
    for (int k = 7; k > 0; --k) s[k] = s[k - 1];
    s[4] += a;
    s[0] = a + b;
  }
  for (int i = 0; i < 8; ++i) state[i] += s[i];
}

}  // namespace sha256_detail

// Return the SHA-256 of some bytes as 64 hexadecimal digits.
inline std::string sha256_hex(const std::string &bytes) {
  static const sha256_detail::Constants constants;
  uint32_t state[8];
  for (int i = 0; i < 8; ++i) state[i] = constants.start[i];
  std::string tail = bytes.substr(bytes.size() / 64 * 64) + '\x80';
  while (tail.size() % 64 != 56) tail += '\0';
  for (int i = 7; i >= 0; --i) tail += static_cast<char>(uint64_t{bytes.size()} * 8 >> 8 * i);
  for (size_t i = 0; i + 64 <= bytes.size(); i += 64) {
    sha256_detail::add_block(state, reinterpret_cast<const unsigned char *>(bytes.data()) + i, constants);
  }
  for (size_t i = 0; i < tail.size(); i += 64) {
    sha256_detail::add_block(state, reinterpret_cast<const unsigned char *>(tail.data()) + i, constants);
  }
  std::string hex;
  for (const uint32_t word : state) {
    for (int shift = 28; shift >= 0; shift -= 4) hex += "0123456789abcdef"[word >> shift & 15];
  }
  return hex;
}
