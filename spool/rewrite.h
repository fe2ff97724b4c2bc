// rewrite.h - sender addresses that change on their way to a smarthost: `generic` maps local
// addresses to outside ones, and `from` replaces senders that the account may not use. Pure: done
// when mail leaves, not at submission, so that a corrected configuration reaches queued mail.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/rfc/envelope.h"

namespace spool {

/// Whether an address fits one of the patterns: `*@example.org`, `@example.org`, an address.
bool fits_one(const std::vector<std::string>& patterns, const std::string& address);

/// Local addresses and what the world knows them by.
class Generic {
 public:
  /// The text of a table: a line each of a key (`user`, `user@domain`, `@domain`), white space and
  /// an address or `@domain`; blank lines and lines that begin with '#' are passed over. What is
  /// wrong is added to `mistakes`, "FILE:LINE: text" each.
  static Generic parse(std::string_view file, std::string_view text,
                       std::vector<std::string>& mistakes);
  bool empty() const { return table_.empty(); }
  /// What a qualified address becomes: by `user@domain`, else (if local, whether its domain is this
  /// machine's) by `user`, else by `@domain`; nullopt: itself. Letters' case does not matter.
  std::optional<rfc::Path> find(const rfc::Path& address, bool local) const;

 private:
  std::map<std::string, std::string> table_;  // keys lower-case
};

/// What one smarthost does to senders.
struct Rewriting {
  enum class Mode { never, foreign, always };
  rfc::Path from;  ///< null: only `generic` counts
  Mode mode = Mode::foreign;
  std::vector<std::string> senders;  ///< patterns of addresses that are not foreign
  Generic generic;
  std::vector<std::string> local_domains;  ///< store::Site::local
  std::string domain;                      ///< put behind unqualified addresses
  /// Whether it changes anything.
  bool any() const { return !generic.empty() || (!from.null() && mode != Mode::never); }
  bool is_local(std::string_view name) const;
};

/// The envelope sender: through `generic`, then `from` in its place where the mode says so. The
/// null sender stays; a signed message (DKIM-Signature, or of a signed or encrypted type) keeps its
/// foreign sender. sender: qualified.
rfc::Path rewritten_sender(const rfc::Path& sender, const Rewriting& rewriting,
                           bool signed_message);

/// The header (LF text): addresses of From, Sender, Reply-To, To, Cc and their
/// Resent- forms go through `generic`, but for those of a signed message. Then each foreign address
/// of From and Sender (of a resent message: of the latest Resent-From and Resent-Sender) becomes
/// `from`, everything around it staying to the byte; a From that is no list of addresses is
/// replaced by `from`, with its name if it is one mailbox. What From was goes to X-Original-From,
/// and those of its addresses whose domain is not this machine's to a Reply-To if there is none.
std::string rewritten_header(std::string_view header, const Rewriting& rewriting,
                             bool signed_message);

}  // namespace spool
