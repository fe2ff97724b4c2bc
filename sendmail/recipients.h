// recipients.h - who a message is for and who it is from: words of a command line and header fields
// into an envelope.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/store/entry.h"

namespace submit {

/// Collects recipients; each is kept once.
class Recipients {
 public:
  explicit Recipients(std::string notify) : notify_(std::move(notify)) {}

  enum class Source { command_line, header };
  /// An address list: a word of the command line, or the body of a header field. An unqualified
  /// address stays so;
  /// `\user` means that user's mailbox whatever the aliases say. Blanks separate addresses as
  /// commas do, in a header only where every word holds an '@' (elsewhere a name without its
  /// address would become recipients). Errors: data (malformed, a control character, a `|command`,
  /// `/file` or `:include:`, which only aliases may hold); usage (begins with '-'). The text names
  /// the address.
  base::Result<> add_list(std::string_view list, Source source);
  /// One parsed path with DSN parameters of its own (`-bs`). Errors: as add_list.
  base::Result<> add(const rfc::Path& path, std::string notify, std::string orcpt,
                     bool mailbox = false);

  bool empty() const { return list_.empty(); }
  std::size_t count() const { return list_.size(); }
  /// In order of first mention, without duplicates; leaves this empty.
  std::vector<store::Recipient> take();

 private:
  base::Result<> add_word(std::string_view address);
  std::string notify_;
  std::vector<store::Recipient> list_;
};

/// Refuses what only an alias file may hold, an unqualified `|command`, `/file` or `:include:`, as
/// a recipient and as a sender, who would get the bounce. Errors: data.
base::Result<> check_target(const rfc::Path& path);

/// The envelope sender that a login name is: as it stands, or quoted where it is no local part
/// (`LAN\jane`, `jane doe`). Errors: data.
base::Result<rfc::Path> login_sender(std::string_view login);

/// The envelope sender from -f: an address, "<>" or nothing (null), or one with a display name.
/// Errors: data.
base::Result<rfc::Path> parse_sender(std::string_view text);

}  // namespace submit
