#include "spool/credentials.h"

#include <algorithm>
#include <utility>

#include "lib/base/text.h"

namespace spool {

using base::cat;
using base::Error;
using base::Kind;
using base::Result;
using rfc::SmtpReply;

namespace {

constexpr auto npos = std::string::npos;
constexpr std::size_t longest_command = 510;     // without CRLF; RFC 5321 section 4.5.3.1.4
constexpr std::size_t longest_response = 12286;  // RFC 4954 section 4

bool token_mechanism(std::string_view name) { return name == "oauthbearer" || name == "xoauth2"; }
bool bound_mechanism(std::string_view name) { return name.ends_with("-plus"); }

/// How an exchange ended.
struct Ending {
  enum class Kind { accepted, refused, unsuitable } kind;
  std::string text;  ///< why not
};

/// One exchange of AUTH.
class Exchange {
 public:
  Exchange(Session& session, Mechanism& mechanism, const Password& password)
      : session_(session), mechanism_(mechanism), password_(password) {}

  Result<Ending> run(std::string_view name) {
    TRY_LET(reply, begin(name));
    while (reply.code == 334) {
      auto response = mechanism_.respond(base::trim(reply.text));
      if (!response) return cancel(response.error().text);
      TRY_LET(next, say(std::move(response).value()));
      reply = std::move(next);
    }
    if (reply.code == 235) {
      auto proven = mechanism_.accepted();
      if (proven) return Ending{Ending::Kind::accepted, {}};
      return Ending{Ending::Kind::refused, proven.error().text};
    }
    const auto kind = mechanism_refused(reply) ? Ending::Kind::unsuitable : Ending::Kind::refused;
    return Ending{kind, cat("it said: ", shown(std::move(reply)), reason())};
  }

 private:
  Result<SmtpReply> begin(std::string_view name) {
    std::string command = "AUTH ";
    for (const char c : name)
      command.push_back(c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c);
    TRY_LET(initial, mechanism_.initial());
    if (!initial) return session_.exchange(command);
    if (command.size() + 1 + initial->text().size() <= longest_command)
      return say(std::move(*initial), command + " ");
    TRY_LET(reply, session_.exchange(command));
    if (reply.code != 334) return reply;
    return say(std::move(*initial));
  }

  Result<SmtpReply> say(Password response, std::string_view command = "") {
    if (response.text().size() > longest_response)
      return Error{Kind::config, "the password is too long for AUTH"};
    std::string line;
    line.reserve(command.size() + response.text().size());
    line.append(command).append(response.text());
    const Password whole(std::move(line));
    said_.push_back(std::move(response));
    return session_.exchange(whole.text());
  }

  Result<Ending> cancel(std::string_view why) {
    TRY_LET(reply, session_.exchange("*"));
    const bool next = mechanism_.unsuitable() && reply.permanent();
    return Ending{next ? Ending::Kind::unsuitable : Ending::Kind::refused, cat(why, reason())};
  }

  std::string reason() const {
    const auto text = mechanism_.reason();
    return text.empty() ? std::string() : cat(" (", base::printable(discreet(text), 300), ")");
  }

  std::string shown(SmtpReply reply) const {
    reply.text = discreet(std::move(reply.text));
    return reply.shown();
  }

  // Some servers repeat what they did not understand; a log must not.
  std::string discreet(std::string text) const {
    constexpr std::string_view instead = "(secret)";
    const auto hide = [&text, instead](const std::string& secret) {
      if (secret.size() < 4) return;
      for (auto at = text.find(secret); at != npos; at = text.find(secret, at + instead.size()))
        text.replace(at, secret.size(), instead);
    };
    for (const auto& response : said_) hide(response.text());
    hide(password_.text());
    return text;
  }

  Session& session_;
  Mechanism& mechanism_;
  const Password& password_;
  std::vector<Password> said_;
};

Error failed(const Smarthost& smarthost, std::string_view how, std::string_view why) {
  return Error{Kind::retry, cat("authentication of ", smarthost.user, how, " failed: ", why)};
}

std::string nothing_fits(const std::vector<std::string>& offered) {
  std::string text =
      cat("it offers no mechanism of ours (offered:", offered.empty() ? " none" : "");
  for (const auto& mechanism : offered) text += " " + base::printable(mechanism, 40);
  return text + ")";
}

}  // namespace

std::vector<Candidate> candidates(const std::vector<std::string>& offered,
                                  const std::vector<std::string>& wanted,
                                  const ChannelBindings& bindings) {
  const auto is_offered = [&offered](std::string_view name) {
    return std::find(offered.begin(), offered.end(), name) != offered.end();
  };
  const bool plus = std::any_of(offered.begin(), offered.end(), bound_mechanism);
  const Binding unbound = bindings.empty() || plus ? Binding::none : Binding::not_offered;
  std::vector<std::string_view> order(wanted.begin(), wanted.end());
  if (wanted.empty())
    std::copy_if(mechanism_names.begin(), mechanism_names.end(), std::back_inserter(order),
                 [](std::string_view name) { return !token_mechanism(name); });
  std::vector<Candidate> chosen;
  for (const auto name : order) {
    if (!is_offered(name)) continue;
    if (!bound_mechanism(name)) chosen.push_back({name, unbound, {}});
    else
      for (const auto& channel : bindings) chosen.push_back({name, Binding::bound, channel});
  }
  return chosen;
}

bool mechanism_refused(const SmtpReply& reply) {
  constexpr int codes[] = {432, 504, 534, 538};
  if (std::find(std::begin(codes), std::end(codes), reply.code) != std::end(codes)) return true;
  if (!reply.permanent()) return false;
  const auto status = reply.status();
  if (status.subject == 5) return status.detail == 4 || (status.detail == 6 && reply.code == 500);
  constexpr int details[] = {4, 9, 10, 11};
  return status.subject == 7 &&
         std::find(std::begin(details), std::end(details), status.detail) != std::end(details);
}

Result<> authenticate(Session& session, const Smarthost& smarthost, const Password& password,
                      const LoginPlace& place) {
  const auto tries = candidates(session.offered().auth, smarthost.auth, place.bindings);
  Error trouble = failed(smarthost, "", nothing_fits(session.offered().auth));
  int count = 0;
  for (const auto& candidate : tries) {
    TRY_LET(mechanism,
            make_mechanism(candidate.mechanism,
                           {.user = smarthost.user,
                            .password = &password,
                            .host = place.host.name,
                            .port = place.host.port,
                            .nonce = cat(place.nonce, count++),  // each exchange has its own
                            .binding = candidate.binding,
                            .channel = candidate.channel}));
    TRY_LET(ending, Exchange(session, *mechanism, password).run(candidate.mechanism));
    if (ending.kind == Ending::Kind::accepted) return {};
    trouble = failed(smarthost, cat(" by ", candidate.mechanism), ending.text);
    if (ending.kind == Ending::Kind::refused) break;
  }
  return trouble;
}

}  // namespace spool
