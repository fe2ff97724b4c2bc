// letter.h - a message on its way out: what its author said, and how it becomes a message with a
// header (RFC 5322 section 3.6). Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/base/fd.h"
#include "lib/base/result.h"
#include "mail/mime.h"

namespace reader {

/// Addresses as their author wrote them: "jane", "Jane <jane@x>", one element each, no list.
using Addresses = std::vector<std::string>;

struct Letter {
  Addresses to, cc, bcc, reply_to;
  std::string from;    ///< "Name <address>", or empty: sendmail says who it is
  std::string sender;  ///< of the envelope (`-r`), or empty
  std::string subject;
  std::string in_reply_to, references;  ///< message ids, blanks between them
  struct Field {
    std::string name, body;  ///< `-a`, `-C`; UTF-8, one line
  };
  std::vector<Field> fields;
  std::string type = "text/plain";  ///< of the body
  std::vector<Attachment> attachments;
  Addresses left_out;          ///< what an answer does not go to, as it stood; may hold anything
  std::string record_name;     ///< where a copy is kept instead of `record` (`-F`, Followup)
  std::vector<base::Fd> held;  ///< files that attachments name as /proc/self/fd/N
  /// The body as its author typed it: an unnamed file.
  base::Fd body;
};

/// The header for a letter whose MIME fields are in `entity_header` or in its own `fields` (a field
/// the author gave replaces ours of that name). To, Cc, Subject, From, Reply-To, In-Reply-To,
/// References, Date and Message-ID are left to sendmail where the author did not give them; Bcc is
/// never in it. LF line ends, folded below 998 bytes, RFC 2047 where it is needed; without the
/// empty line.
std::string letter_header(const Letter& letter, std::string_view entity_header);

}  // namespace reader
