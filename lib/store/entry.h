// entry.h - the text of a queue entry: envelope lines, an empty line, the message with LF line
// ends. Pure; the files are queue.h's. The format is fixed by postbag-spool(5): changing it means
// migrating people's mail.
//
//   postbag 1
//   state --                  [h-][w-]: held, delay notice sent; overwritten in place
//   facts bytes=… …           fixed width; patched before the commit
//   time SECONDS.MICROS       arrival
//   uid N                     who submitted it
//   from I <sender> …         I counts from 0; ret= and envid= of RFC 3461
//   done N bytes              a byte each: . pending, D done, B bounced, X handed over
//   to K I … <original> <address>
//   check HEX                 CRC-64/XZ over all lines above but state, facts and done
//   pad …                     blanks: room for fields known only at the message's end
//   (empty line, message)
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/clock.h"
#include "lib/base/result.h"
#include "lib/rfc/envelope.h"

namespace store {

/// What the message is made of, counted once while it is written, so that the relay need not read
/// it twice.
struct Facts {
  std::uint64_t bytes = 0;  ///< with LF line ends
  std::uint64_t lines = 0;
  std::uint64_t dot_lines = 0;  ///< lines that begin with '.'
  std::uint64_t longest = 0;    ///< longest line in bytes without its LF
  bool eight_bit_header = false, eight_bit_body = false;
  bool nul = false;
  bool bare_cr = false;  ///< a CR anywhere (none is part of a line end here)
  bool operator==(const Facts&) const = default;
};

/// Counts the facts of a message given in pieces.
class FactCounter {
 public:
  void append(std::string_view piece);
  /// Whole header lines that were put in above what was counted already.
  void append_header(std::string_view lines);
  Facts facts() const;

 private:
  void line_part(std::string_view part);
  Facts facts_;
  std::uint64_t column_ = 0;
  bool in_header_ = true;
};

struct Sender {
  rfc::Path path;
  std::string ret, envid;  ///< "full", "hdrs" or empty; xtext or empty
};

/// What the address of a recipient line is. See postbag-spool(5), KINDS.
enum class RecipientKind : char {
  unqualified = 'u',  ///< not yet expanded, always local
  address = 'a',      ///< qualified, not yet expanded
  local_user = 'l',   ///< aliases are done, .forward still to run
  mailbox = 'm',      ///< that user's mailbox, final
  remote = 's',       ///< remote, final
  command = '|',
  file = '/',
  other_user = 'h',  ///< to be handed over to another uid's spool
};

struct Recipient {
  RecipientKind kind = RecipientKind::address;
  unsigned sender = 0;  ///< index into Envelope::senders
  std::string notify,
      orcpt;  ///< DSN parameters as RFC 3461 writes them, lower-case keywords in notify; or empty
  std::string original;  ///< as submitted
  std::string address;   ///< as expanded so far
  /// The user of this machine whose mail it was last, and whose Delivered-To the message gets; or
  /// empty.
  std::string user = {};
};

struct Envelope {
  base::Time arrival;
  std::uint32_t uid = 0;
  std::vector<Sender> senders;        ///< at least one; the first is the one given at submission
  std::vector<Recipient> recipients;  ///< at least one
};

/// A parsed entry without its message.
struct Entry {
  Envelope envelope;
  bool held = false, delay_notified = false;
  Facts facts;
  std::string done;                  ///< a byte for each recipient
  std::uint64_t done_offset = 0;     ///< where they stand in the file
  std::uint64_t message_offset = 0;  ///< where the message begins
};

constexpr char pending = '.', delivered = 'D', bounced = 'B', handed_over = 'X';
constexpr std::uint64_t state_offset = 16;  ///< of the two state characters
constexpr std::uint64_t facts_offset = 19;  ///< of the whole facts line

/// The facts line with its LF; always equally long.
std::string facts_line(const Facts& facts);
/// All lines from "postbag 1" to "check …", LF behind each; state "--", all recipients pending.
/// Without pad and empty line. Errors: data when a sender, a DSN parameter or a number of
/// recipients cannot be written.
base::Result<std::string> entry_head(const Envelope& envelope, const Facts& facts);
/// `width` bytes (at least 6) that end the head: the pad line and the empty line.
std::string entry_pad(std::size_t width);

/// Whether a text that begins an entry holds all of its head, i.e. the empty line has been seen.
bool head_complete(std::string_view text);
/// Parse a head that is complete. parse(write(e)) == e, and nothing else is accepted. Errors: data,
/// naming the line.
base::Result<Entry> parse_entry(std::string_view text);

}  // namespace store
