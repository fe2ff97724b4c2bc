#include "spool/scram.h"

#include <algorithm>

#include "lib/base/text.h"

namespace spool {

using base::cat;
using base::Error;
using base::Kind;
using base::Result;

namespace {

constexpr unsigned most_iterations = 10'000'000;  // a few seconds
constexpr std::size_t longest_nonce = 1024, longest_salt = 1024;

Error nonsense(std::string_view what) { return Error{Kind::retry, cat("SCRAM: ", what)}; }

struct Challenge {
  std::string nonce, salt;
  unsigned iterations = 0;
};

/// The value of attribute `letter` at the front of `rest`, which it leaves; nullopt if another is
/// there.
std::optional<std::string_view> take_attribute(std::string_view& rest, char letter) {
  if (rest.size() < 2 || rest[0] != letter || rest[1] != '=') return std::nullopt;
  rest.remove_prefix(2);
  return base::take(rest, ',');
}

bool good_nonce(std::string_view nonce, std::string_view ours) {
  return nonce.starts_with(ours) && nonce.size() > ours.size() && nonce.size() <= longest_nonce &&
         std::all_of(nonce.begin(), nonce.end(), [](char c) { return c > ' ' && c <= '~'; });
}

/// server-first-message; section 7. What stands behind the iteration count is there to be ignored.
Result<Challenge> parse_challenge(std::string_view text, std::string_view our_nonce) {
  const auto nonce = take_attribute(text, 'r');
  const auto salt = take_attribute(text, 's');
  const auto count = take_attribute(text, 'i');
  if (!nonce || !salt || !count) return nonsense("not a challenge, or one that demands extensions");
  if (!good_nonce(*nonce, our_nonce)) return nonsense("the server's nonce does not extend ours");
  const auto raw_salt = from_base64(*salt);
  if (!raw_salt || raw_salt->empty() || raw_salt->size() > longest_salt)
    return nonsense("not a salt");
  const auto iterations = base::to_number<unsigned>(*count);
  if (!iterations || *iterations < 1 || *iterations > most_iterations || count->front() == '0')
    return nonsense("an iteration count that is not 1 to 10000000");
  return Challenge{std::string(*nonce), *raw_salt, *iterations};
}

std::string exclusive_or(std::string a, std::string_view b) {
  for (std::size_t i = 0; i < a.size(); ++i) a[i] = static_cast<char>(a[i] ^ b[i]);
  return a;
}

}  // namespace

std::string Scram::gs2_header() const {
  switch (login_.binding) {
    case Binding::none: return "n,,";
    case Binding::not_offered: return "y,,";
    case Binding::bound: break;
  }
  return cat("p=", login_.channel.type, ",,");
}

Result<std::optional<Password>> Scram::initial() {
  client_first_ = cat("n=", sasl_name(login_.user), ",r=", login_.nonce);
  return std::optional(Password(base::base64(gs2_header() + client_first_)));
}

Result<Password> Scram::respond(std::string_view challenge) {
  const auto text = from_base64(challenge);
  if (!text) return nonsense("a challenge that is not base64");
  switch (step_) {
    case Step::first: return prove(*text);
    case Step::proof: return verify(*text);
    case Step::done: break;
  }
  return nonsense("a challenge after the end");
}

// Section 3. A server may put its error in the place of its first message.
Result<Password> Scram::prove(std::string_view server_first) {
  if (server_first.starts_with("e=")) return verify(server_first);
  TRY_LET(challenge, parse_challenge(server_first, login_.nonce));
  const bool bound = login_.binding == Binding::bound;
  const std::string channel = cat(gs2_header(), bound ? login_.channel.bytes : std::string());
  const std::string bare = cat("c=", base::base64(channel), ",r=", challenge.nonce);
  const std::string transcript = cat(client_first_, ",", server_first, ",", bare);
  TRY_LET(raw, stretched(hash_, login_.password->text(), challenge.salt, challenge.iterations));
  const Password salted(std::move(raw));
  TRY_LET(raw_key, hmac(hash_, salted.text(), "Client Key"));
  const Password client_key(std::move(raw_key));
  TRY_LET(stored_key, digest(hash_, client_key.text()));
  TRY_LET(client_signature, hmac(hash_, stored_key, transcript));
  TRY_LET(server_key, hmac(hash_, salted.text(), "Server Key"));
  TRY_LET(server_signature, hmac(hash_, server_key, transcript));
  server_signature_ = std::move(server_signature);
  wipe(server_key);
  step_ = Step::proof;
  const std::string proof = base::base64(exclusive_or(client_key.text(), client_signature));
  return Password(base::base64(cat(bare, ",p=", proof)));
}

Result<Password> Scram::verify(std::string_view server_final) {
  if (auto error = take_attribute(server_final, 'e')) {
    reason_ = *error;
    return nonsense("the server refuses");
  }
  const auto value = take_attribute(server_final, 'v');
  const auto signature = value ? from_base64(*value) : std::nullopt;
  if (!signature || !same_secret(*signature, server_signature_))
    return nonsense("the server does not show that it knows the password");
  step_ = Step::done;
  return Password("");
}

Result<> Scram::accepted() const {
  if (step_ == Step::done) return {};
  return nonsense("the server takes us in without showing that it knows the password");
}

// Not channel-bindings-dont-match and not server-does-support-channel-binding: those say that
// somebody stands between (section 7).
bool Scram::unsuitable() const {
  return reason_ == "unsupported-channel-binding-type" ||
         reason_ == "channel-binding-not-supported";
}

}  // namespace spool
