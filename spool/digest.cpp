#include "spool/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/random.h>

#include <cerrno>

#include "lib/base/text.h"

namespace spool {

using base::Error;
using base::Kind;
using base::Result;

namespace {

const EVP_MD* algorithm(Hash hash) {
  return hash == Hash::md5 ? ::EVP_md5() : hash == Hash::sha1 ? ::EVP_sha1() : ::EVP_sha256();
}

std::size_t size_of(Hash hash) { return hash == Hash::md5 ? 16 : hash == Hash::sha1 ? 20 : 32; }

Error unavailable(std::string_view what) {
  return Error{Kind::retry, base::cat(what, ": OpenSSL does not do it on this machine")};
}

unsigned char* bytes_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }
const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

Result<std::string> digest(Hash hash, std::string_view text) {
  std::string out(size_of(hash), '\0');
  if (::EVP_Digest(text.data(), text.size(), bytes_of(out), nullptr, algorithm(hash), nullptr) != 1)
    return unavailable("digest");
  return out;
}

Result<std::string> hmac(Hash hash, std::string_view key, std::string_view text) {
  std::string out(size_of(hash), '\0');
  if (::HMAC(algorithm(hash), key.data(), static_cast<int>(key.size()), bytes_of(text), text.size(),
             bytes_of(out), nullptr) == nullptr)
    return unavailable("HMAC");
  return out;
}

Result<std::string> stretched(Hash hash, std::string_view password, std::string_view salt,
                              unsigned iterations) {
  std::string out(size_of(hash), '\0');
  if (::PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), bytes_of(salt),
                          static_cast<int>(salt.size()), static_cast<int>(iterations),
                          algorithm(hash), static_cast<int>(out.size()), bytes_of(out)) != 1)
    return unavailable("PBKDF2");
  return out;
}

bool same_secret(std::string_view a, std::string_view b) {
  return a.size() == b.size() && ::CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

void wipe(std::string& text) {
  text.resize(text.capacity());
  ::OPENSSL_cleanse(text.data(), text.size());
  text.clear();
}

Result<std::string> random_text(std::size_t bytes) {
  std::string random(bytes, '\0');
  for (std::size_t done = 0; done < bytes;) {
    const auto got = ::getrandom(random.data() + done, bytes - done, 0);
    if (got < 0 && errno != EINTR)
      return base::system_error(Kind::retry, "random numbers", "getrandom", errno);
    if (got > 0) done += static_cast<std::size_t>(got);
  }
  return base::base64(random);
}

}  // namespace spool
