// secret.h - a password from where the configuration says it is.
#pragma once

#include <string>

#include "lib/base/result.h"
#include "spool/settings.h"

namespace spool {

/// Text that is wiped from memory when it goes.
class Password {
 public:
  explicit Password(std::string text) : text_(std::move(text)) {}
  Password(Password&& other) noexcept;
  ~Password();
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

/// Where systemd put a credential; empty if it gave none, or the name is none.
std::string credential_path(const std::string& name);

/// The text of a .netrc's entry for `host` and, where the entry names one, `user`; nullopt if there
/// is none.
std::optional<std::string> netrc_password(std::string_view netrc, std::string_view host,
                                          std::string_view user);

/// Fetch it; `host` is the one that was connected to. A file must belong to this user or root and
/// be unreadable to others; a command's first line counts, within 30 seconds. Errors: config,
/// retry; the text never holds the secret.
base::Result<Password> fetch_password(const Smarthost& smarthost, const Host& host,
                                      const std::string& home, uid_t uid);

}  // namespace spool
