#include "spool/sasl.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "lib/base/text.h"
#include "spool/digest.h"
#include "spool/scram.h"

namespace spool {

using base::cat;
using base::Error;
using base::Kind;
using base::Result;

namespace {

constexpr std::size_t longest_challenge = 8192;

int base64_value(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (base::digit(c)) return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

Error unexpected() { return Error{Kind::retry, "a challenge that nobody expects"}; }

/// Base64 of pieces that hold the password; no copy stays behind.
Password encoded(std::initializer_list<std::string_view> pieces) {
  std::string text;
  std::size_t size = 0;
  for (const auto piece : pieces) size += piece.size();
  text.reserve(size);
  for (const auto piece : pieces) text += piece;
  Password answer(base::base64(text));
  wipe(text);
  return answer;
}

class Plain : public Mechanism {
 public:
  explicit Plain(Login login) : login_(std::move(login)) {}
  Result<std::optional<Password>> initial() override {
    const std::string_view nul("\0", 1);
    return std::optional(encoded({nul, login_.user, nul, login_.password->text()}));
  }
  Result<Password> respond(std::string_view) override { return unexpected(); }

 private:
  Login login_;
};

/// Never written down but in draft-murchison-sasl-login: first the user, then the password,
/// whatever the prompts say.
class PlainInTwo : public Mechanism {
 public:
  explicit PlainInTwo(Login login) : login_(std::move(login)) {}
  Result<std::optional<Password>> initial() override { return std::optional<Password>(); }
  Result<Password> respond(std::string_view) override {
    switch (++step_) {
      case 1: return encoded({login_.user});
      case 2: return encoded({login_.password->text()});
      default: return unexpected();
    }
  }

 private:
  Login login_;
  int step_ = 0;
};

class CramMd5 : public Mechanism {
 public:
  explicit CramMd5(Login login) : login_(std::move(login)) {}
  Result<std::optional<Password>> initial() override { return std::optional<Password>(); }
  Result<Password> respond(std::string_view challenge) override {
    const auto text = from_base64(challenge);
    if (std::exchange(answered_, true)) return unexpected();
    if (!text || text->empty()) return Error{Kind::retry, "CRAM-MD5: not a challenge"};
    TRY_LET(proof, hmac(Hash::md5, login_.password->text(), *text));
    std::string hex;
    for (const char c : proof) {
      const auto byte = static_cast<unsigned char>(c);
      hex += {"0123456789abcdef"[byte >> 4], "0123456789abcdef"[byte & 15]};
    }
    return encoded({login_.user, " ", hex});
  }

 private:
  Login login_;
  bool answered_ = false;
};

/// XOAUTH2 and OAUTHBEARER: a token at once; what the server has against it comes as a challenge
/// that wants an answer of no meaning before the refusal (RFC 7628 section 3.2.3).
class Bearer : public Mechanism {
 public:
  Bearer(Login login, bool standard) : login_(std::move(login)), standard_(standard) {}
  Result<std::optional<Password>> initial() override {
    const auto& token = login_.password->text();
    if (!standard_)
      return std::optional(encoded({"user=", login_.user, "\1auth=Bearer ", token, "\1\1"}));
    const std::string user = sasl_name(login_.user), port = cat(login_.port);
    return std::optional(encoded(
        {"n,a=", user, ",\1host=", login_.host, "\1port=", port, "\1auth=Bearer ", token, "\1\1"}));
  }
  Result<Password> respond(std::string_view challenge) override {
    if (std::exchange(answered_, true)) return unexpected();
    const auto text = from_base64(challenge);
    reason_ = text ? *text : std::string(challenge);
    return Password(standard_ ? "AQ==" : "");
  }
  Result<> accepted() const override {
    if (!answered_) return {};
    return Error{Kind::retry, "the server takes us in after it has refused the token"};
  }
  std::string reason() const override { return reason_; }

 private:
  Login login_;
  bool standard_;
  bool answered_ = false;
  std::string reason_;
};

/// What a mechanism's grammar cannot hold.
Result<> check(std::string_view name, const Login& login) {
  const auto control = [](const std::string& text) {
    return std::any_of(text.begin(), text.end(), base::control);
  };
  if (login.user.empty() || control(login.user))
    return Error{Kind::config, "the user name holds a control character"};
  const auto& password = login.password->text();
  if (password.find('\0') != std::string::npos)
    return Error{Kind::config, "the password holds a NUL byte"};
  const bool token = name == "xoauth2" || name == "oauthbearer";
  if (token && (control(password) || password.find(' ') != std::string::npos))
    return Error{Kind::config, "the password is no token: it holds a blank or a control character"};
  return {};
}

}  // namespace

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0 || text.size() > longest_challenge) return std::nullopt;
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  text.remove_suffix(padding);
  std::string out;
  unsigned bits = 0, held = 0;
  for (const char c : text) {
    const int value = base64_value(c);
    if (value < 0) return std::nullopt;
    held = (held << 6 | static_cast<unsigned>(value)) & 0xffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    out.push_back(static_cast<char>(held >> bits & 0xff));
  }
  if ((held & ((1U << bits) - 1)) != 0) return std::nullopt;
  return out;
}

std::string sasl_name(std::string_view user) {
  std::string name;
  for (const char c : user) {
    if (c == ',') name += "=2C";
    else if (c == '=') name += "=3D";
    else name.push_back(c);
  }
  return name;
}

Result<std::unique_ptr<Mechanism>> make_mechanism(std::string_view name, Login login) {
  TRY(check(name, login));
  using Made = std::unique_ptr<Mechanism>;
  if (name == "plain") return Made(std::make_unique<Plain>(std::move(login)));
  if (name == "login") return Made(std::make_unique<PlainInTwo>(std::move(login)));
  if (name == "cram-md5") return Made(std::make_unique<CramMd5>(std::move(login)));
  if (name == "xoauth2") return Made(std::make_unique<Bearer>(std::move(login), false));
  if (name == "oauthbearer") return Made(std::make_unique<Bearer>(std::move(login), true));
  const Hash hash = name.starts_with("scram-sha-256") ? Hash::sha256 : Hash::sha1;
  return Made(std::make_unique<Scram>(hash, std::move(login)));
}

}  // namespace spool
