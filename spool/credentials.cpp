#include "spool/credentials.h"

#include <algorithm>

#include "lib/base/text.h"

namespace spool {

using base::cat;
using base::Error;
using base::Kind;
using base::Result;
using rfc::SmtpReply;

namespace {

Result<SmtpReply> plain(Session& session, const std::string& user, const Password& password) {
  std::string message;
  message.push_back('\0');
  message += user;
  message.push_back('\0');
  const Password whole(message + password.text());
  return session.exchange(cat("AUTH PLAIN ", base::base64(whole.text())));
}

Result<SmtpReply> login(Session& session, const std::string& user, const Password& password) {
  TRY_LET(first, session.exchange("AUTH LOGIN"));
  if (first.code != 334) return first;
  TRY_LET(second, session.exchange(base::base64(user)));
  if (second.code != 334) return second;
  return session.exchange(base::base64(password.text()));
}

}  // namespace

Result<> authenticate(Session& session, const Smarthost& smarthost, const Password& password) {
  const std::vector<std::string> known{"plain", "login"};
  const auto& offered = session.offered().auth;
  std::string refusal =
      cat("it offers no mechanism of ours (offered:", offered.empty() ? " none" : "");
  for (const auto& mechanism : offered) refusal += " " + base::printable(mechanism, 40);
  refusal += ")";
  for (const auto& mechanism : smarthost.auth.empty() ? known : smarthost.auth) {
    if (std::find(offered.begin(), offered.end(), mechanism) == offered.end()) continue;
    TRY_LET(reply, mechanism == "plain" ? plain(session, smarthost.user, password)
                                        : login(session, smarthost.user, password));
    if (reply.code == 235) return {};
    refusal = cat("it said: ", reply.shown());
    if (reply.code != 504) break;  // a wrong password does not become right by another mechanism
  }
  return Error{Kind::retry, cat("authentication of ", smarthost.user, " failed: ", refusal)};
}

}  // namespace spool
