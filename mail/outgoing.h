// outgoing.h - a letter becomes the file that sendmail reads: header, empty line, and its body as
// it is, encoded, or as a MIME entity with attachments.
#pragma once

#include <cstdint>
#include <string>

#include "lib/base/fd.h"
#include "lib/base/result.h"
#include "mail/body.h"
#include "mail/letter.h"
#include "mail/session.h"

namespace reader {

/// Text of the terminal, or of a script, as UTF-8: what is UTF-8 stays, else it is taken for
/// ttycharset, the locale's charset, or windows-1252.
std::string as_utf8(const Session& session, const std::string& text);

/// Fields that a letter has a place for (To, Cc, Bcc, Subject, From) leave its `fields` for it. To,
/// Cc and Bcc add recipients, the others replace what was said before. Errors: usage (an address
/// that is none).
base::Result<> adopt_fields(Letter& letter);

/// `Name <address>` as From and in the envelope; an empty word is the null sender. what: names it
/// in errors. Errors: usage (not exactly one address).
base::Result<> set_sender(std::string_view what, const std::string& word, Letter& letter);
/// The variable `from` for a letter that does not say whom it is from. Errors: usage.
base::Result<> use_own_address(const Session& session, Letter& letter);

/// How a body travels, and the MIME fields that say so. Those of the author count: theirs is the
/// type; a charset is added where text has none.
struct BodyEntity {
  enum class Encoding { none, quoted_printable, base64 };
  Encoding encoding = Encoding::none;
  std::string header;  ///< "MIME-Version: 1.0\n…"
};
BodyEntity entity_of(const Letter& letter, const BodyFacts& facts, std::string_view legacy_charset);
/// What 8-bit text that is not UTF-8 is: ttycharset, the locale's charset, or "unknown-8bit".
std::string legacy_charset(const Session& session);

/// Errors: io.
base::Result<BodyFacts> look_at_body(int body);

/// The whole message. Errors: usage (see check_entity()), no_input (an attachment that cannot be
/// read), unavailable, data, retry, io.
base::Result<base::Fd> outgoing_message(Session& session, const Letter& letter);

/// Whether attachments and what the author's fields say of the letter's encoding go together.
/// Errors: usage.
base::Result<> check_entity(const Letter& letter);

}  // namespace reader
