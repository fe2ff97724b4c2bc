// sasl.cpp - a login at a server that says anything. The first byte of the input chooses what is
// configured, the rest are the server's replies to what is sent, a line each. In a line 0xfc stands
// for our own nonce, 0xfd for base64 of what is between two of them, and 0xfe for the right
// signature of SCRAM, which nobody can say who does not know the password.
#include <algorithm>
#include <string>
#include <vector>

#include "lib/base/text.h"
#include "spool/credentials.h"
#include "spool/digest.h"
#include "tests/fuzz/require.h"

namespace {
using base::cat;
using base::Result;
using spool::Hash;

constexpr char nonce_mark = '\xfc', base64_mark = '\xfd', signature_mark = '\xfe';
constexpr std::string_view password = "pencil";

std::string between(std::string_view text, std::string_view start, char end) {
  const auto at = text.find(start);
  if (at == std::string_view::npos) return {};
  const auto rest = text.substr(at + start.size());
  return std::string(rest.substr(0, rest.find(end)));
}

/// The server's side: after each line that is sent, one line of the input.
class Server : public spool::Stream {
 public:
  explicit Server(std::string_view replies) : replies_(replies) {}

  Result<> send(std::string_view text, spool::Deadline) override {
    require(text.ends_with("\r\n"), "lines are sent whole");
    const auto line = text.substr(0, text.size() - 2);
    require(std::none_of(line.begin(), line.end(), base::control), "no control is sent");
    require(line.size() <= 12286, "lines are not too long");
    require(++lines_ <= 60, "a login comes to its end");
    listen(line);
    output_ = replies_.empty() ? "" : cat(spoken(base::take(replies_, '\n')), "\r\n");
    return {};
  }
  Result<std::size_t> receive(std::span<char> buffer, spool::Deadline) override {
    const auto count = std::min(buffer.size(), output_.size());
    std::copy_n(output_.begin(), count, buffer.begin());
    output_.erase(0, count);
    return count;
  }
  void await_last_reply(bool) override {}

  bool signed_rightly() const { return signed_rightly_; }
  const std::string& mechanism() const { return mechanism_; }
  std::string_view last_reply() const { return last_reply_; }

 private:
  void listen(std::string_view line) {
    last_said_ = std::string(line);
    if (!line.starts_with("AUTH ")) {
      last_said_ = spool::from_base64(line).value_or("");
      if (last_said_.starts_with("c=")) final_ = last_said_;
      return;
    }
    base::take(line, ' ');
    mechanism_ = base::take(line, ' ');
    last_said_ = spool::from_base64(line).value_or("");
    const auto bare = last_said_.find("n=");
    first_ = bare == std::string::npos ? "" : last_said_.substr(bare);
    challenge_.clear();
    final_.clear();
    signed_rightly_ = false;
  }

  /// RFC 5802 section 3, from what went over the line.
  std::string signature() const {
    const auto salt = spool::from_base64(between(challenge_, "s=", ','));
    const auto count = base::to_number<unsigned>(between(challenge_, "i=", ','));
    if (final_.empty() || !salt || !count) return "AAAA";
    const Hash hash = mechanism_.starts_with("SCRAM-SHA-256") ? Hash::sha256 : Hash::sha1;
    const auto salted = spool::stretched(hash, password, *salt, *count);
    const auto key = spool::hmac(hash, salted.value(), "Server Key");
    const auto text = cat(first_, ",", challenge_, ",", final_.substr(0, final_.rfind(",p=")));
    return base::base64(spool::hmac(hash, key.value(), text).value());
  }

  std::string spoken(std::string_view line) {
    std::string text, inner;
    bool encoding = false, right = false;
    for (const char c : line) {
      std::string& out = encoding ? inner : text;
      if (c == nonce_mark) out += between(first_, "r=", ',');
      else if (c == signature_mark) {
        out += signature();
        right = encoding && out == cat("v=", signature());
      } else if (c != base64_mark) out.push_back(c);
      else if (encoding) text += base::base64(inner);
      if (c == base64_mark) encoding = !encoding;
    }
    const auto said =
        text.starts_with("334 ") ? spool::from_base64(base::trim(text.substr(4))) : std::nullopt;
    if (said && challenge_.empty() && said->starts_with("r=")) challenge_ = *said;
    else if (said && !final_.empty() && right) signed_rightly_ = true;
    last_reply_ = text;
    return text;
  }

  std::string_view replies_;
  std::string output_, last_said_, last_reply_, mechanism_, first_, challenge_, final_;
  int lines_ = 0;
  bool signed_rightly_ = false;
};
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  Server server(text_of(data + 1, size - 1));
  const std::chrono::seconds limit(1);
  const auto fine = [] { return base::Result<>(); };
  spool::Session session(server, "host", {limit, limit, limit}, {fine, fine, {}});
  if (!session.greet("client.test")) return 0;
  spool::Smarthost smarthost;
  smarthost.user = data[0] & 1 ? "us,=er" : "user";
  if (data[0] & 2) smarthost.auth = {"xoauth2", "oauthbearer", "login", "scram-sha-1", "cram-md5"};
  spool::LoginPlace place{{"host.test", 587}, {}, "fuzznonce"};
  if (data[0] & 4) place.bindings = {{"tls-exporter", "x"}, {"tls-server-end-point", "yz"}};
  const spool::Password secret{std::string(password)};
  const auto done = spool::authenticate(session, smarthost, secret, place);
  if (done) {
    require(server.last_reply().starts_with("235"), "only 235 is success");
    require(!server.mechanism().starts_with("SCRAM") || server.signed_rightly(),
            "SCRAM succeeds only with the right signature");
    return 0;
  }
  const auto& text = done.error().text;
  require(std::none_of(text.begin(), text.end(), base::control), "an error holds no control");
  require(base::valid_utf8(text), "an error is UTF-8");
  return 0;
}
