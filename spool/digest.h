// digest.h - the little cryptography that logins need, done by OpenSSL.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace spool {

enum class Hash { md5, sha1, sha256 };

/// The raw bytes. Errors: retry, where this machine's OpenSSL refuses the algorithm (MD5 under
/// FIPS).
base::Result<std::string> digest(Hash hash, std::string_view text);
/// RFC 2104. Errors: as digest.
base::Result<std::string> hmac(Hash hash, std::string_view key, std::string_view text);
/// PBKDF2 (RFC 8018) with HMAC, as many bytes as the hash has: Hi() of RFC 5802. Errors: as digest.
base::Result<std::string> stretched(Hash hash, std::string_view password, std::string_view salt,
                                    unsigned iterations);
/// Whether both are equal, in a time that does not tell where they differ.
bool same_secret(std::string_view a, std::string_view b);
/// Overwrite a text's memory, what is behind its end too, and make it empty.
void wipe(std::string& text);
/// `bytes` from the kernel's random generator, in base64. Errors: retry.
base::Result<std::string> random_text(std::size_t bytes);

}  // namespace spool
